/* A camera of which no picture comes: an analyser looks after it all the same, and that is no picture. */
#include "worker/worker_internal.h"

#include "base/counter.h"

#include <sys/socket.h>

enum { DEADLINE_US = 60 * 1000000, LINK_BYTES = 1 << 20, WHEN_MS = 1000, REVISION = 7 };

struct world {
    struct settings settings;
    struct worker worker;
    struct watched_camera *camera;
    int hub_fd;
};

static void add_camera(struct world *world)
{
    struct camera camera;
    record_init(&camera_descriptor, &camera);
    g_free(camera.id);
    g_free(camera.source);
    camera.id = g_strdup("yard");
    camera.source = g_strdup("rtsp://127.0.0.1:9/nobody"); /* not started: nothing is asked of it */
    world->camera = watching_add(&world->worker, &camera, 1);
    g_assert_null(world->camera->start_error);
    record_clear(&camera_descriptor, &camera);
}

static void world_init(struct world *world)
{
    int sockets[2];
    *world = (struct world){.worker = {.lock = PTHREAD_MUTEX_INITIALIZER, .work = PTHREAD_COND_INITIALIZER}};
    struct worker *worker = &world->worker;
    record_init(&settings_descriptor, &world->settings);
    worker->config = (struct worker_config){.workers = world->settings.workers,
                                            .source = world->settings.source,
                                            .motion = world->settings.motion,
                                            .detector = world->settings.detector,
                                            .tracker = world->settings.tracker,
                                            .rules = world->settings.rules};
    worker->config.workers.threads = 1;
    worker->order = (struct governor_order){.quiet_scale = 1, .all_scale = 1, .has_previews = true};
    worker->cameras = watching_array_new();
    worker->words = g_hash_table_new(g_str_hash, g_str_equal);
    worker->streams = media_streams_new();
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), ==, 0);
    worker->link = link_new(sockets[0], LINK_BYTES);
    world->hub_fd = sockets[1];
    worker->outbox = outbox_new(worker->link, 100, LINK_BYTES);
    add_camera(world);
    g_assert_true(analyser_start_all(worker, NULL));
}

static void world_clear(struct world *world)
{
    struct worker *worker = &world->worker;
    analyser_stop_all(worker);
    g_free(worker->analysers);
    g_ptr_array_unref(worker->cameras);
    g_hash_table_unref(worker->words);
    media_streams_free(worker->streams);
    outbox_free(worker->outbox);
    link_free(worker->link);
    close(world->hub_fd);
    record_clear(&settings_descriptor, &world->settings);
}

static double frame_age_in_a_turn(struct world *world)
{
    pthread_mutex_lock(&world->worker.lock);
    analyser_begin_turn(world->camera);
    pthread_mutex_unlock(&world->worker.lock);
    watching_describe(world->camera, g_get_monotonic_time() + WHEN_MS * 1000);
    return world->camera->health.frame_age_ms;
}

/* Else one that is away would seem to have pictures that are not analysed. */
static void test_only_a_frame_has_an_age(void)
{
    struct world world;
    world_init(&world);
    analyser_stop_all(&world.worker);
    watching_wake_idle(&world.worker);
    watching_describe(world.camera, g_get_monotonic_time() + WHEN_MS * 1000);
    g_assert_cmpfloat(world.camera->health.frame_age_ms, ==, 0);
    g_assert_cmpfloat(frame_age_in_a_turn(&world), ==, 0);
    analyser_note_frame(world.camera);
    g_assert_cmpfloat(frame_age_in_a_turn(&world), >=, WHEN_MS);
    world.worker.analyser_count = 0;
    world_clear(&world);
}

static void test_what_it_is_told_counts_without_a_frame(void)
{
    struct world world;
    world_init(&world);
    struct camera_config *told = g_new0(struct camera_config, 1);
    record_init(&camera_config_descriptor, told);
    told->policy_revision = REVISION;
    pthread_mutex_lock(&world.worker.lock);
    world.camera->told = told;
    world.camera->is_told = true;
    pthread_mutex_unlock(&world.worker.lock);
    watching_wake_idle(&world.worker);
    int64_t until_us = g_get_monotonic_time() + DEADLINE_US;
    while (counter_get(&world.camera->health.policy_revision) != REVISION) {
        g_assert_cmpint(g_get_monotonic_time(), <, until_us);
        g_usleep(1000);
    }
    world_clear(&world);
}

/* Whose frames are analysed needs nobody else. */
static void test_only_those_without_frames_are_woken(void)
{
    struct world world;
    world_init(&world);
    analyser_stop_all(&world.worker);
    counter_add(&world.camera->health.frames_processed, 1);
    watching_wake_idle(&world.worker);
    g_assert_cmpint(world.camera->idle_since_us, ==, 0);
    watching_wake_idle(&world.worker);
    g_assert_cmpint(world.camera->idle_since_us, >, 0);
    world.worker.analyser_count = 0;
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_assert_true(media_init(false, NULL));
    g_test_add_func("/idle/only a frame has an age", test_only_a_frame_has_an_age);
    g_test_add_func("/idle/what it is told counts without a frame", test_what_it_is_told_counts_without_a_frame);
    g_test_add_func("/idle/only those without frames are woken", test_only_those_without_frames_are_woken);
    return g_test_run();
}
