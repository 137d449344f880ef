/* A camera's circuit breaker: it opens, lets the camera be tried again for ever, and obeys an operator. */
#include <string.h>

#include "base/counter.h"
#include "media/fake_camera.h"
#include "media/media_world.h"
#include "media/stream_internal.h"

enum { SECOND_US = 1000000 };

static bool hang_up(const struct fake_request *request)
{
    (void)request;
    return false;
}

static void open_broken(struct media_eye *eye, struct fake_camera *camera, int32_t retry_delay_max_ms)
{
    g_autofree char *address = g_strdup_printf("rtsp://127.0.0.1:%d/cam", fake_camera_port(camera));
    media_eye_init(eye);
    eye->settings.retry_delay_ms = 1;
    eye->settings.retry_delay_max_ms = retry_delay_max_ms;
    media_eye_open(eye, address);
}

static bool is_open(void *data)
{
    return strcmp(media_eye_look(data)->circuit_breaker_state, "open") == 0;
}

static void test_it_opens_after_five_failures_in_a_row(void)
{
    struct media_eye eye;
    struct fake_camera *camera = fake_camera_start(hang_up);
    open_broken(&eye, camera, 600000);
    g_assert_true(media_world_wait(is_open, &eye));
    g_assert_cmpint(fake_camera_connections(camera), ==, 5);
    g_assert_cmpint(eye.told.circuit_breaker, ==, VEDETTE_BREAKER_OPEN);
    g_assert_cmpint(eye.told.circuit_breaker_failures, ==, 5);
    g_assert_cmpint(eye.told.circuit_breaker_openings, ==, 1);
    g_assert_cmpfloat(eye.told.circuit_breaker_retry_seconds, >, 50);
    g_assert_cmpfloat(eye.told.circuit_breaker_retry_seconds, <=, 120);
    g_assert_true(media_eye_wait_state(&eye, "waiting"));
    g_assert_cmpstr(eye.told.last_error, !=, ""); /* why it is left alone stays readable */
    g_assert_cmpint(fake_camera_connections(camera), ==, 5);
    media_eye_close(&eye);
    fake_camera_stop(camera);
}

static bool has_come_often(void *data)
{
    return fake_camera_connections(data) >= 12;
}

/* However often it fails, and no longer between two tries than source.retry_delay_max_ms. */
static void test_it_never_gives_up(void)
{
    struct media_eye eye;
    struct fake_camera *camera = fake_camera_start(hang_up);
    open_broken(&eye, camera, 40);
    g_assert_true(media_world_wait(has_come_often, camera));
    media_eye_look(&eye);
    g_assert_cmpint(eye.told.circuit_breaker_openings, >=, 5);
    g_assert_cmpfloat(eye.told.circuit_breaker_retry_seconds, <=, 0.04);
    media_eye_close(&eye);
    fake_camera_stop(camera);
}

static void test_an_operator_holds_it_open_and_lets_go(void)
{
    struct media_world world;
    struct media_eye eye;
    media_world_init(&world);
    g_autofree char *path = media_world_path(&world, "clip.mp4");
    media_world_write(path, 64, 48, 10);
    media_eye_init(&eye);
    eye.loop = true;
    media_eye_open(&eye, path);
    g_assert_true(media_eye_wait_state(&eye, "online"));
    media_source_force_breaker(eye.source, VEDETTE_BREAKER_FORCED_OPEN);
    g_assert_true(media_eye_wait_state(&eye, "waiting"));
    g_assert_cmpstr(media_eye_look(&eye)->circuit_breaker_state, ==, "forced_open");
    g_assert_nonnull(strstr(eye.told.last_error, "operator"));
    g_assert_cmpint(counter_get(&eye.health.errors_count), ==, 0); /* nobody's fault */
    media_source_force_breaker(eye.source, VEDETTE_BREAKER_CLOSED);
    g_assert_true(media_eye_wait_state(&eye, "online"));
    g_assert_cmpstr(media_eye_look(&eye)->circuit_breaker_state, ==, "closed");
    media_eye_close(&eye);
    media_world_clear(&world);
}

enum { SHARERS = 2 };

static struct media_streams *open_sharers(struct media_eye eyes[SHARERS])
{
    struct media_streams *streams = media_streams_new();
    for (int i = 0; i < SHARERS; i++) {
        media_eye_init(&eyes[i]);
        eyes[i].shared = streams;
        media_eye_open(&eyes[i], "rtsp://127.0.0.1:9/cam");
    }
    return streams;
}

/* Cameras that share an address share its breaker: the strictest word to any of them holds, in whichever order they
 * were said, and what is left of them once it is taken back. */
static void test_the_strictest_word_of_those_who_share_holds(void)
{
    static const struct {
        int sharer;
        enum vedette_breaker_state word;
        const char *state;
    } steps[] = {
        {0, VEDETTE_BREAKER_FORCED_OPEN, "forced_open"},
        {1, VEDETTE_BREAKER_FORCED_CLOSED, "forced_open"},
        {1, VEDETTE_BREAKER_CLOSED, "forced_open"},
        {1, VEDETTE_BREAKER_DISABLED, "forced_open"},
        {0, VEDETTE_BREAKER_FORCED_CLOSED, "forced_closed"},
        {1, VEDETTE_BREAKER_FORCED_OPEN, "forced_open"},
        {1, VEDETTE_BREAKER_DISABLED, "forced_closed"},
        {0, VEDETTE_BREAKER_CLOSED, "disabled"},
        {1, VEDETTE_BREAKER_CLOSED, "closed"},
    };
    struct media_eye eyes[SHARERS];
    struct media_streams *streams = open_sharers(eyes);
    for (size_t i = 0; i < G_N_ELEMENTS(steps); i++) {
        media_source_force_breaker(eyes[steps[i].sharer].source, steps[i].word);
        for (int j = 0; j < SHARERS; j++)
            g_assert_cmpstr(media_eye_look(&eyes[j])->circuit_breaker_state, ==, steps[i].state);
    }
    media_streams_free(streams);
    for (int i = 0; i < SHARERS; i++)
        media_eye_close(&eyes[i]);
}

/* Another org can neither see who said the word nor take it back. */
static void test_orgs_share_no_breaker(void)
{
    static const char *const orgs[] = {"acme", "bolt"};
    struct media_eye eyes[G_N_ELEMENTS(orgs)];
    struct media_streams *streams = media_streams_new();
    for (size_t i = 0; i < G_N_ELEMENTS(orgs); i++) {
        media_eye_init(&eyes[i]);
        eyes[i].shared = streams;
        eyes[i].org_id = orgs[i];
        media_eye_open(&eyes[i], "rtsp://127.0.0.1:9/cam");
    }
    media_source_force_breaker(eyes[0].source, VEDETTE_BREAKER_FORCED_OPEN);
    g_assert_cmpstr(media_eye_look(&eyes[0])->circuit_breaker_state, ==, "forced_open");
    g_assert_cmpstr(media_eye_look(&eyes[1])->circuit_breaker_state, ==, "closed");
    media_streams_free(streams);
    for (size_t i = 0; i < G_N_ELEMENTS(orgs); i++)
        media_eye_close(&eyes[i]);
}

/* A source that is not started, so that the test says what comes when. */
struct still {
    struct clock *clock;
    struct camera_health health;
    struct media_streams *streams;
    struct media_stream *stream;
};

static void still_init(struct still *still)
{
    g_autoptr(GError) error = NULL;
    const struct camera camera = {.id = (char *)"still"};
    const struct stream_use use = {.source = "rtsp://127.0.0.1:9/cam"};
    struct source_settings settings = media_world_settings();
    settings.retry_delay_max_ms = 30000;
    still->clock = clock_fake_new(INT64_C(1750000000000));
    record_init(&camera_health_descriptor, &still->health);
    still->streams = media_streams_new();
    still->stream = stream_get(still->streams, &camera, &use, &settings, still->clock, &error);
    g_assert_no_error(error);
    clock_fake_advance_us(still->clock, INT64_C(1000) * SECOND_US);
}

static void still_clear(struct still *still)
{
    media_streams_free(still->streams);
    record_clear(&camera_health_descriptor, &still->health);
    clock_fake_free(still->clock);
}

static void fail_once(struct still *still)
{
    g_assert_true(stream_breaker_wait(still->stream));
    clock_fake_advance_us(still->clock, 12 * SECOND_US); /* the slow way: nothing answers */
    stream_breaker_note_end(still->stream, true);
}

static void flow(struct still *still, int seconds)
{
    for (int i = 0; i <= seconds * 10; i++) {
        stream_breaker_note_frame(still->stream, clock_monotonic_us(still->clock));
        clock_fake_advance_us(still->clock, i < seconds * 10 ? SECOND_US / 10 : 0);
    }
}

static const char *state_of(struct still *still)
{
    stream_breaker_describe(still->stream, &still->health);
    return still->health.circuit_breaker_state;
}

/* J5: a first picture is not a camera that is back; ten seconds of them are. */
static void test_j05_only_pictures_that_last_close_it(void)
{
    struct still still;
    still_init(&still);
    for (int i = 0; i < 4; i++)
        fail_once(&still);
    g_assert_true(stream_breaker_wait(still.stream));
    flow(&still, 9); /* not long enough to forget the four */
    stream_breaker_note_end(still.stream, true);
    g_assert_cmpstr(state_of(&still), ==, "open");
    clock_fake_advance_us(still.clock, (int64_t)(still.health.circuit_breaker_retry_seconds * SECOND_US) + 1);
    g_assert_true(stream_breaker_wait(still.stream));
    g_assert_cmpstr(state_of(&still), ==, "half_open");
    flow(&still, 9);
    g_assert_cmpstr(state_of(&still), ==, "half_open");
    flow(&still, 2);
    g_assert_cmpstr(state_of(&still), ==, "closed");
    flow(&still, 10);
    stream_breaker_note_end(still.stream, true);
    for (int i = 0; i < 3; i++) /* the steady time forgot all before it */
        fail_once(&still);
    g_assert_cmpstr(state_of(&still), ==, "closed");
    fail_once(&still);
    g_assert_cmpstr(state_of(&still), ==, "open");
    still_clear(&still);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    media_world_start();
    g_test_add_func("/media/breaker/it_opens_after_five_failures_in_a_row", test_it_opens_after_five_failures_in_a_row);
    g_test_add_func("/media/breaker/it_never_gives_up", test_it_never_gives_up);
    g_test_add_func("/media/breaker/an_operator_holds_it_open_and_lets_go", test_an_operator_holds_it_open_and_lets_go);
    g_test_add_func("/media/breaker/the_strictest_word_of_those_who_share_holds",
                    test_the_strictest_word_of_those_who_share_holds);
    g_test_add_func("/media/breaker/orgs_share_no_breaker", test_orgs_share_no_breaker);
    g_test_add_func("/media/breaker/j05_only_pictures_that_last_close_it", test_j05_only_pictures_that_last_close_it);
    return g_test_run();
}
