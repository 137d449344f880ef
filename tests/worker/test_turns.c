/* C14 in a worker: the cameras of its start, and those that are added to it while it runs, do not knock together. */
#include "media/stream_internal.h"
#include "worker/worker_internal.h"

#include <glib.h>

/* As long as can be: nobody is contacted while the test runs. */
enum { SPREAD_MS = 60000, TOGETHER = 20, ADDED = 20 };

struct world {
    struct worker worker;
    struct media_stream *connections[TOGETHER + ADDED];
};

static void world_init(struct world *world)
{
    struct worker *worker = &world->worker;
    *world = (struct world){.worker = {.lock = PTHREAD_MUTEX_INITIALIZER,
                                       .cameras = watching_array_new(),
                                       .words = g_hash_table_new(g_str_hash, g_str_equal),
                                       .streams = media_streams_new()}};
    record_init(&worker_config_descriptor, &worker->config);
    worker->config.source.start_spread_ms = SPREAD_MS;
}

static void world_clear(struct world *world)
{
    struct worker *worker = &world->worker;
    media_streams_free(worker->streams);
    g_ptr_array_unref(worker->cameras);
    g_hash_table_unref(worker->words);
    record_clear(&worker_config_descriptor, &worker->config);
}

/* Not started yet. */
static void add(struct world *world, int i)
{
    struct camera camera;
    struct worker *worker = &world->worker;
    g_autoptr(GError) error = NULL;
    record_init(&camera_descriptor, &camera);
    camera.id = g_strdup_printf("camera-%d", i);
    camera.source = g_strdup_printf("rtsp://127.0.0.1:9/%d", i);
    const struct stream_use use = {.source = camera.source};
    watching_add(worker, &camera, 1);
    world->connections[i] = stream_get(worker->streams, &camera, &use, &worker->config.source, clock_system(), &error);
    g_assert_no_error(error);
    record_clear(&camera_descriptor, &camera);
}

static int64_t delay_ms(const struct world *world, int i)
{
    return world->connections[i]->start_delay_ms;
}

static void test_c14_the_cameras_of_a_start_are_spread(void)
{
    struct world world;
    int late = 0;
    world_init(&world);
    for (int i = 0; i < TOGETHER; i++)
        add(&world, i);
    watching_start(&world.worker, TOGETHER);
    for (int i = 0; i < TOGETHER; i++) {
        g_assert_cmpint(delay_ms(&world, i), <=, TOGETHER * SPREAD_MS);
        late += delay_ms(&world, i) > SPREAD_MS;
    }
    g_assert_cmpint(late, >, 0); /* that all 20 fall into the first twentieth has a chance of 10^-26 */
    world_clear(&world);
}

/* One after the other, faster than their turns pass: each comes in a turn of its own, behind those of the start. */
static void test_c14_cameras_that_are_added_are_spread(void)
{
    struct world world;
    world_init(&world);
    for (int i = 0; i < TOGETHER; i++)
        add(&world, i);
    int64_t started_ms = g_get_monotonic_time() / 1000;
    watching_start(&world.worker, TOGETHER);
    for (int i = TOGETHER; i < TOGETHER + ADDED; i++) {
        add(&world, i);
        watching_start(&world.worker, 1);
        int64_t turn_ms = (int64_t)i * SPREAD_MS, passed_ms = g_get_monotonic_time() / 1000 + 1 - started_ms;
        g_assert_cmpint(delay_ms(&world, i), >=, turn_ms - passed_ms);
        g_assert_cmpint(delay_ms(&world, i), <=, turn_ms + SPREAD_MS);
    }
    world_clear(&world);
}

/* One that comes when all others have had their turns is hardly kept waiting. */
static void test_c14_one_that_is_added_alone_has_its_turn_at_once(void)
{
    struct world world;
    world_init(&world);
    add(&world, 0);
    watching_start(&world.worker, 1);
    g_assert_cmpint(delay_ms(&world, 0), <=, SPREAD_MS);
    world.worker.next_turn_us = g_get_monotonic_time();
    add(&world, 1);
    watching_start(&world.worker, 1);
    g_assert_cmpint(delay_ms(&world, 1), <=, SPREAD_MS);
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_test_init(&argc, &argv, NULL);
    media_init(false, &error);
    g_assert_no_error(error);
    g_test_add_func("/turns/c14_the_cameras_of_a_start_are_spread", test_c14_the_cameras_of_a_start_are_spread);
    g_test_add_func("/turns/c14_cameras_that_are_added_are_spread", test_c14_cameras_that_are_added_are_spread);
    g_test_add_func("/turns/c14_one_that_is_added_alone_has_its_turn_at_once",
                    test_c14_one_that_is_added_alone_has_its_turn_at_once);
    return g_test_run();
}
