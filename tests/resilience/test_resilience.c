/* The manager: breakers and queues by name, and what a health check shows of them. */
#include "vedette/resilience.h"

#include <glib.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct queue {
    bool is_started, fails;
    int stops;
    struct vedette_queue_stats stats;
};

static void queue_stats(void *data, struct vedette_queue_stats *stats)
{
    *stats = ((struct queue *)data)->stats;
}

static bool queue_start(void *data, const char **why)
{
    struct queue *queue = data;
    *why = "the disk is full";
    queue->is_started = !queue->fails;
    return !queue->fails;
}

static void queue_stop(void *data)
{
    struct queue *queue = data;
    queue->is_started = false;
    queue->stops++;
}

static struct vedette_queue face_of(struct queue *queue, const char *name)
{
    return (struct vedette_queue){name, queue_stats, queue_start, queue_stop, queue};
}

static enum vedette_outcome fail(void *data)
{
    ++*(int *)data;
    return VEDETTE_FAILURE;
}

static void note(void *data, const char *name, enum vedette_breaker_state from, enum vedette_breaker_state to)
{
    g_string_append_printf(data, "%s:%s>%s ", name, vedette_breaker_state_name(from), vedette_breaker_state_name(to));
}

static int64_t stand_still(void *data)
{
    (void)data;
    return INT64_C(1000) * G_USEC_PER_SEC;
}

static void test_a_name_is_a_breaker(void)
{
    struct vedette_resilience_config config;
    g_autoptr(GString) told = g_string_new(NULL);
    int calls = 0;
    int64_t retry_after_us = 0;
    enum vedette_outcome outcome;
    vedette_resilience_config_init(&config);
    config.breaker.time.now_us = stand_still;
    config.breaker_changed = note;
    config.data = told;
    struct vedette_resilience *manager = vedette_resilience_new("fusion", &config, NULL);
    g_assert_cmpstr(vedette_resilience_service_name(manager), ==, "fusion");
    g_assert_null(vedette_resilience_find_breaker(manager, "camera_1"));
    for (int i = 0; i < 5; i++)
        g_assert_true(
            vedette_resilience_execute_with_circuit_breaker(manager, "camera_1", fail, &calls, &outcome, NULL));
    g_assert_false(
        vedette_resilience_execute_with_circuit_breaker(manager, "camera_1", fail, &calls, NULL, &retry_after_us));
    g_assert_cmpint(calls, ==, 5);
    g_assert_cmpint(retry_after_us, >=, 59 * G_USEC_PER_SEC); /* recovery_timeout 60 s, the rest is jitter */
    g_assert_true(vedette_resilience_execute_with_circuit_breaker(manager, "camera_2", fail, &calls, NULL, NULL));
    g_assert_true(vedette_resilience_breaker(manager, "camera_1") ==
                  vedette_resilience_find_breaker(manager, "camera_1"));
    g_assert_cmpstr(told->str, ==, "camera_1:closed>open ");
    vedette_resilience_free(manager);
}

static void test_breakers_are_bounded(void)
{
    struct vedette_resilience_config config;
    int calls = 0;
    vedette_resilience_config_init(&config);
    config.max_breakers = 1;
    struct vedette_resilience *manager = vedette_resilience_new("fusion", &config, NULL);
    g_assert_nonnull(vedette_resilience_breaker(manager, "a"));
    g_assert_null(vedette_resilience_breaker(manager, "b"));
    for (int i = 0; i < 10; i++) /* without a breaker, but made, and told */
        g_assert_true(vedette_resilience_execute_with_circuit_breaker(manager, "b", fail, &calls, NULL, NULL));
    g_assert_cmpint(calls, ==, 10);
    char *json = vedette_resilience_stats_json(manager);
    g_assert_nonnull(strstr(json, "\"unguarded_calls\":10"));
    free(json);
    g_assert_true(vedette_resilience_remove_breaker(manager, "a"));
    g_assert_false(vedette_resilience_remove_breaker(manager, "a"));
    for (int i = 0; i < 10; i++)
        vedette_resilience_execute_with_circuit_breaker(manager, "b", fail, &calls, NULL, NULL);
    g_assert_cmpint(calls, ==, 15); /* it has one now, which is open */
    vedette_resilience_free(manager);
}

struct gone {
    struct vedette_resilience *manager;
    const char *name;
};

static enum vedette_outcome remove_own(void *data)
{
    const struct gone *gone = data;
    g_assert_true(vedette_resilience_remove_breaker(gone->manager, gone->name));
    return VEDETTE_SUCCESS;
}

static void remove_visited(void *data, const char *name, struct vedette_breaker *breaker)
{
    struct vedette_breaker_stats stats;
    vedette_resilience_remove_breaker(data, name);
    vedette_breaker_get_stats(breaker, &stats); /* the visit's, still */
    g_assert_cmpint(stats.state, ==, VEDETTE_BREAKER_CLOSED);
}

static void test_a_breaker_is_removed_beside_its_calls(void)
{
    struct vedette_resilience *manager = vedette_resilience_new("fusion", NULL, NULL);
    struct gone gone = {manager, "host"};
    enum vedette_outcome outcome;
    g_assert_true(vedette_resilience_execute_with_circuit_breaker(manager, "host", remove_own, &gone, &outcome, NULL));
    g_assert_cmpint(outcome, ==, VEDETTE_SUCCESS);
    g_assert_null(vedette_resilience_find_breaker(manager, "host"));
    vedette_resilience_breaker(manager, "a");
    vedette_resilience_breaker(manager, "b");
    vedette_resilience_each_breaker(manager, remove_visited, manager);
    g_assert_null(vedette_resilience_find_breaker(manager, "a"));
    vedette_resilience_free(manager);
}

static void test_a_breaker_can_be_somebody_elses(void)
{
    struct vedette_breaker_config config;
    vedette_breaker_config_init(&config);
    struct vedette_breaker *own = vedette_breaker_new(&config, NULL);
    struct vedette_resilience *manager = vedette_resilience_new("fusion", NULL, NULL);
    g_assert_true(vedette_resilience_share_breaker(manager, "store", own));
    g_assert_false(vedette_resilience_share_breaker(manager, "store", own)); /* the name is taken */
    g_assert_true(vedette_resilience_breaker(manager, "store") == own);
    vedette_resilience_free(manager);
    vedette_breaker_force(own, VEDETTE_BREAKER_DISABLED); /* still there */
    vedette_breaker_free(own);
}

static void test_all_start_and_stop(void)
{
    struct queue first = {0}, second = {.fails = true};
    const char *why = NULL;
    struct vedette_resilience *manager = vedette_resilience_new("fusion", NULL, NULL);
    struct vedette_queue face = face_of(&first, "events");
    g_assert_true(vedette_resilience_add_queue(manager, &face));
    g_assert_false(vedette_resilience_add_queue(manager, &face)); /* the name is taken */
    face = face_of(&second, "clips");
    g_assert_true(vedette_resilience_add_queue(manager, &face));
    g_assert_false(vedette_resilience_start_all(manager, &why));
    g_assert_cmpstr(why, ==, "the disk is full");
    g_assert_false(first.is_started);
    second.fails = false;
    g_assert_true(vedette_resilience_start_all(manager, &why));
    g_assert_true(first.is_started && second.is_started);
    vedette_resilience_remove_queue(manager, "clips");
    vedette_resilience_stop_all(manager);
    g_assert_false(first.is_started);
    g_assert_true(second.is_started); /* no longer the manager's */
    vedette_resilience_free(manager);
}

/* Once for each good start: neither twice, nor where it refused or was never reached. */
static void test_a_queue_is_stopped_once_for_each_start(void)
{
    struct queue queues[3] = {{.fails = false}, {.fails = true}, {.fails = false}};
    static const char *const names[] = {"events", "clips", "uploads"};
    struct vedette_resilience *manager = vedette_resilience_new("fusion", NULL, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(queues); i++) {
        const struct vedette_queue face = face_of(&queues[i], names[i]);
        g_assert_true(vedette_resilience_add_queue(manager, &face));
    }
    vedette_resilience_stop_all(manager); /* none is started */
    g_assert_false(vedette_resilience_start_all(manager, NULL));
    g_assert_cmpint(queues[0].stops, ==, 1);
    g_assert_cmpint(queues[1].stops + queues[2].stops, ==, 0);
    queues[1].fails = false;
    g_assert_true(vedette_resilience_start_all(manager, NULL));
    vedette_resilience_stop_all(manager);
    vedette_resilience_stop_all(manager);
    vedette_resilience_free(manager);
    g_assert_cmpint(queues[0].stops, ==, 2);
    g_assert_cmpint(queues[1].stops, ==, 1);
    g_assert_cmpint(queues[2].stops, ==, 1);
}

static void test_a_health_check_shows_all(void)
{
    struct queue queue = {.stats = {30, 15, 45}}, other = {.stats = {1, 2, 3}};
    struct vedette_queue_stats sum;
    struct vedette_resilience *manager = vedette_resilience_new("fusion", NULL, NULL);
    struct vedette_queue face = face_of(&queue, "events");
    vedette_resilience_add_queue(manager, &face);
    face = face_of(&other, "clips");
    vedette_resilience_add_queue(manager, &face);
    vedette_resilience_breaker(manager, "camera_1");
    vedette_resilience_breaker(manager, "a \"name\"\n");
    char *json = vedette_resilience_stats_json(manager);
    g_assert_cmpstr(
        json, ==,
        "{\"circuit_breakers\":{"
        "\"a \\\"name\\\"\\u000a\":{\"state\":\"closed\",\"failure_count\":0,\"retry_after_seconds\":0.000},"
        "\"camera_1\":{\"state\":\"closed\",\"failure_count\":0,\"retry_after_seconds\":0.000}},"
        "\"queues\":{\"events\":{\"total_queued\":45,\"memory_queue_size\":30,\"disk_queue_size\":15},"
        "\"clips\":{\"total_queued\":3,\"memory_queue_size\":1,\"disk_queue_size\":2}},\"unguarded_calls\":0}");
    free(json);
    vedette_resilience_queue_stats(manager, &sum);
    g_assert_cmpint(sum.total_queued, ==, 48);
    vedette_resilience_free(manager);
}

static void test_cameras_have_their_monitor(void)
{
    struct vedette_resilience *manager = vedette_resilience_new("fusion", NULL, NULL);
    struct vedette_camera_stats stats;
    struct vedette_camera_health camera;
    vedette_camera_stats_init(&stats);
    stats.frames_processed = 100;
    stats.avg_latency_ms = 45;
    g_assert_true(vedette_resilience_update_camera_stats(manager, "cam_1", &stats));
    g_assert_true(vedette_resilience_start_monitoring(manager, NULL));
    g_assert_true(vedette_health_get(vedette_resilience_health(manager), "cam_1", &camera));
    g_assert_cmpint(camera.stats.frames_processed, ==, 100);
    vedette_resilience_free(manager);
}

static void *use_names(void *data)
{
    int calls = 0;
    for (int i = 0; i < 1000; i++) {
        char name[16];
        g_snprintf(name, sizeof name, "camera_%d", i % 50);
        vedette_resilience_execute_with_circuit_breaker(data, name, fail, &calls, NULL, NULL);
        free(i % 100 ? NULL : vedette_resilience_stats_json(data));
    }
    return NULL;
}

static void test_any_thread_may_ask(void)
{
    pthread_t threads[4];
    struct vedette_resilience *manager = vedette_resilience_new("fusion", NULL, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
        g_assert_cmpint(pthread_create(&threads[i], NULL, use_names, manager), ==, 0);
    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < 50; i++) {
        g_autofree char *name = g_strdup_printf("camera_%d", i);
        struct vedette_breaker_stats stats;
        vedette_breaker_get_stats(vedette_resilience_find_breaker(manager, name), &stats);
        g_assert_cmpint(stats.state, ==, VEDETTE_BREAKER_OPEN);
    }
    vedette_resilience_free(manager);
}

static void test_bad_settings_are_refused(void)
{
    struct vedette_resilience_config config;
    const char *why = NULL;
    vedette_resilience_config_init(&config);
    config.breaker.failure_threshold = 0;
    g_assert_null(vedette_resilience_new("fusion", &config, &why));
    g_assert_nonnull(strstr(why, "failure_threshold"));
    vedette_resilience_config_init(&config);
    config.health.tick_us = 0;
    g_assert_null(vedette_resilience_new("fusion", &config, &why));
    g_assert_nonnull(strstr(why, "tick_us"));
}

static void append_breaker(void *data, const char *name, struct vedette_breaker *breaker)
{
    struct vedette_resilience *manager = ((void **)data)[0];
    g_assert_true(vedette_resilience_find_breaker(manager, name) == breaker); /* outside the lock: no hang */
    g_string_append_printf(((void **)data)[1], "%s ", name);
}

static void append_queue(void *data, const char *name, const struct vedette_queue_stats *stats)
{
    g_string_append_printf(data, "%s:%d ", name, (int)stats->total_queued);
}

static void test_all_are_visited_in_order(void)
{
    struct vedette_resilience *manager = vedette_resilience_new("fusion", NULL, NULL);
    g_autoptr(GString) names = g_string_new(NULL);
    void *visit[] = {manager, names};
    struct queue queues[] = {{.stats.total_queued = 3}, {.stats.total_queued = 4}};
    g_assert_nonnull(vedette_resilience_breaker(manager, "camera_2"));
    g_assert_nonnull(vedette_resilience_breaker(manager, "camera_1"));
    vedette_resilience_each_breaker(manager, append_breaker, visit);
    g_assert_cmpstr(names->str, ==, "camera_1 camera_2 ");
    g_string_truncate(names, 0);
    const struct vedette_queue faces[] = {face_of(&queues[0], "records"), face_of(&queues[1], "notices")};
    for (size_t i = 0; i < G_N_ELEMENTS(faces); i++)
        g_assert_true(vedette_resilience_add_queue(manager, &faces[i]));
    vedette_resilience_each_queue(manager, append_queue, names);
    g_assert_cmpstr(names->str, ==, "records:3 notices:4 ");
    vedette_resilience_free(manager);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/resilience/a name is a breaker", test_a_name_is_a_breaker);
    g_test_add_func("/resilience/breakers are bounded", test_breakers_are_bounded);
    g_test_add_func("/resilience/a breaker is removed beside its calls", test_a_breaker_is_removed_beside_its_calls);
    g_test_add_func("/resilience/a breaker can be somebody else's", test_a_breaker_can_be_somebody_elses);
    g_test_add_func("/resilience/all start and stop", test_all_start_and_stop);
    g_test_add_func("/resilience/a queue is stopped once for each start", test_a_queue_is_stopped_once_for_each_start);
    g_test_add_func("/resilience/a health check shows all", test_a_health_check_shows_all);
    g_test_add_func("/resilience/cameras have their monitor", test_cameras_have_their_monitor);
    g_test_add_func("/resilience/any thread may ask", test_any_thread_may_ask);
    g_test_add_func("/resilience/all are visited in order", test_all_are_visited_in_order);
    g_test_add_func("/resilience/bad settings are refused", test_bad_settings_are_refused);
    return g_test_run();
}
