/* When a camera is contacted first, and how long it then rests between tries: each by chance of its own. */
#include <string.h>

#include "media/fake_camera.h"
#include "media/media_world.h"
#include "media/stream_internal.h"

enum { CAMERAS = 200, SPREAD_MS = 1000, TURN_MS = 5000 };

/* Sources of different addresses, not started, and what they are connected by. */
struct crowd {
    struct media_streams *streams;
    struct media_source *sources[CAMERAS];
    struct media_stream *connections[CAMERAS];
    struct camera_health health;
};

static void crowd_add(struct crowd *crowd, int i, const struct source_settings *settings)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *address = g_strdup_printf("rtsp://127.0.0.1:9/%d", i);
    const struct camera camera = {.id = (char *)"one", .source = address};
    const struct stream_use use = {.source = address};
    crowd->sources[i] =
        media_source_new(crowd->streams, &camera, settings, clock_system(), &crowd->health, NULL, NULL, &error);
    g_assert_no_error(error);
    crowd->connections[i] = stream_get(crowd->streams, &camera, &use, settings, clock_system(), &error);
    g_assert_no_error(error);
}

static void crowd_init(struct crowd *crowd)
{
    struct source_settings settings = media_world_settings();
    settings.start_spread_ms = SPREAD_MS;
    record_init(&camera_health_descriptor, &crowd->health);
    crowd->streams = media_streams_new();
    for (int i = 0; i < CAMERAS; i++)
        crowd_add(crowd, i, &settings);
}

static void crowd_clear(struct crowd *crowd)
{
    media_streams_free(crowd->streams);
    for (int i = 0; i < CAMERAS; i++)
        media_source_free(crowd->sources[i]);
    record_clear(&camera_health_descriptor, &crowd->health);
}

/* C14: they spread over all the time that is theirs, once it is their turn. */
static void test_c14_sources_that_start_together_are_spread(void)
{
    enum { PARTS = 4 };
    struct crowd crowd;
    int in_part[PARTS] = {0};
    crowd_init(&crowd);
    for (int i = 0; i < CAMERAS; i++) {
        media_source_spread_start(crowd.sources[i], TURN_MS, CAMERAS);
        int64_t delay_ms = crowd.connections[i]->start_delay_ms - TURN_MS;
        g_assert_cmpint(delay_ms, >=, 0);
        g_assert_cmpint(delay_ms, <=, CAMERAS * SPREAD_MS);
        in_part[MIN(delay_ms * PARTS / (CAMERAS * SPREAD_MS), PARTS - 1)]++;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(in_part); i++) /* of a share of 50; 10 is six standard deviations off */
        g_assert_cmpint(in_part[i], >, 10);
    crowd_clear(&crowd);
}

/* J3: those who fail together do not come back together. */
static void test_j03_each_source_has_a_seed_of_its_own(void)
{
    struct crowd crowd;
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    crowd_init(&crowd);
    for (int i = 0; i < CAMERAS; i++) {
        int64_t draw = (int64_t)random_next(&crowd.connections[i]->random);
        g_hash_table_add(seen, g_memdup2(&draw, sizeof draw));
    }
    g_assert_cmpuint(g_hash_table_size(seen), ==, CAMERAS);
    crowd_clear(&crowd);
}

static bool hang_up(const struct fake_request *request)
{
    (void)request;
    return false;
}

static bool is_open(void *data)
{
    return strcmp(media_eye_look(data)->circuit_breaker_state, "open") == 0;
}

/* C14: of two that are started one after the other, the first waits for its turn while the second has tried until its
 * breaker opened. */
static void test_c14_nobody_is_contacted_before_its_turn(void)
{
    enum { HOUR_MS = 3600 * 1000 };
    struct media_eye eyes[2];
    struct fake_camera *cameras[2];
    struct media_streams *streams = media_streams_new();
    for (int i = 0; i < 2; i++) {
        cameras[i] = fake_camera_start(hang_up);
        g_autofree char *address = g_strdup_printf("rtsp://127.0.0.1:%d/cam", fake_camera_port(cameras[i]));
        media_eye_init(&eyes[i]);
        eyes[i].shared = streams;
        eyes[i].settings.retry_delay_ms = 1;
        eyes[i].settings.retry_delay_max_ms = 600000;
        media_eye_open(&eyes[i], address);
    }
    media_source_spread_start(eyes[0].source, HOUR_MS, 1);
    media_eye_start(&eyes[0]);
    media_eye_start(&eyes[1]);
    g_assert_true(media_world_wait(is_open, &eyes[1]));
    g_assert_cmpint(fake_camera_connections(cameras[1]), ==, 5);
    g_assert_cmpint(fake_camera_connections(cameras[0]), ==, 0);
    media_streams_free(streams);
    for (int i = 0; i < 2; i++) {
        media_eye_close(&eyes[i]);
        fake_camera_stop(cameras[i]);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    media_world_start();
    g_test_add_func("/start/c14_sources_that_start_together_are_spread",
                    test_c14_sources_that_start_together_are_spread);
    g_test_add_func("/start/j03_each_source_has_a_seed_of_its_own", test_j03_each_source_has_a_seed_of_its_own);
    g_test_add_func("/start/c14_nobody_is_contacted_before_its_turn", test_c14_nobody_is_contacted_before_its_turn);
    return g_test_run();
}
