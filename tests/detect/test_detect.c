#include "detect/detect.h"

#include <string.h>

#include "base/counter.h"

struct world {
    struct detect_settings settings;
    struct server_health health;
    struct clock *clock;
    struct detect_queue *queue;
    GBytes *bytes;
    int woken, told; /* atomic */
};

static void wake(void *data)
{
    __atomic_add_fetch(&((struct world *)data)->woken, 1, __ATOMIC_RELAXED);
}

static void tell(void *data)
{
    __atomic_add_fetch(&((struct world *)data)->told, 1, __ATOMIC_RELAXED);
}

static void world_init(struct world *world)
{
    *world = (struct world){.clock = clock_fake_new(1000), .bytes = g_bytes_new_static("{}", 2)};
    record_init(&detect_settings_descriptor, &world->settings);
    world->settings.queue = 4;
    world->queue = detect_queue_new(&world->settings, &world->health, world->clock);
    detect_queue_serve(world->queue, wake, world);
}

static void world_clear(struct world *world)
{
    detect_queue_free(world->queue);
    clock_fake_free(world->clock);
    g_bytes_unref(world->bytes);
}

static struct detect_job *submit(struct world *world, const char *org_id, GError **error)
{
    const struct detect_asker asker = {tell, world};
    return detect_submit(world->queue, org_id, world->bytes, world->bytes, &asker, error);
}

static enum detect_verdict any_org(void *data, const char *org_id)
{
    return !data || strcmp(data, org_id) == 0 ? DETECT_TAKES : DETECT_PASSES;
}

/* As of a server whose one process is the org's: another waits for it. */
static enum detect_verdict one_org_alone(void *data, const char *org_id)
{
    return strcmp(data, org_id) == 0 ? DETECT_TAKES : DETECT_WAITS;
}

static void assert_over(struct detect_job *job, enum vedette_error code)
{
    g_autoptr(GBytes) answer = NULL;
    g_autoptr(GError) error = NULL;
    g_assert_true(detect_job_is_over(job, &answer, &error));
    if (code)
        g_assert_error(error, VEDETTE_ERROR, (int)code);
    else
        g_assert_nonnull(answer);
    detect_job_leave(job);
}

static void test_answers_come_back(void)
{
    struct world world;
    world_init(&world);
    struct detect_job *mine = submit(&world, "a", NULL), *other = submit(&world, "b", NULL);
    g_assert_cmpint(world.woken, ==, 2);
    g_autoptr(GBytes) answer = NULL;
    g_assert_false(detect_job_is_over(mine, &answer, NULL));
    struct detect_job *taken = detect_take(world.queue, any_org, (void *)"b");
    g_assert_true(taken == other);
    g_assert_cmpstr(detect_job_org(taken), ==, "b");
    detect_finish(world.queue, taken, world.bytes);
    g_assert_cmpint(world.told, ==, 1);
    assert_over(other, 0);
    g_assert_false(detect_job_is_over(mine, &answer, NULL));
    g_autoptr(GError) why = g_error_new(VEDETTE_ERROR, VEDETTE_ERROR_INVALID, "no picture");
    detect_fail(world.queue, detect_take(world.queue, any_org, NULL), why);
    assert_over(mine, VEDETTE_ERROR_INVALID);
    g_assert_cmpint(counter_get(&world.health.detect_waiting), ==, 0);
    world_clear(&world);
}

static void test_the_queue_is_bounded(void)
{
    static const char *const orgs[] = {"a", "a", "b", "c"};
    struct world world;
    struct detect_job *jobs[G_N_ELEMENTS(orgs)];
    world_init(&world);
    for (size_t i = 0; i < G_N_ELEMENTS(orgs); i++)
        g_assert_nonnull((jobs[i] = submit(&world, orgs[i], NULL)));
    g_autoptr(GError) error = NULL;
    g_assert_null(submit(&world, "d", &error));
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_BUSY);
    for (size_t i = 0; i < G_N_ELEMENTS(orgs); i++)
        detect_job_leave(jobs[i]);
    world_clear(&world);
}

/* Whoever sends many pictures waits for them, and nobody else does. */
static void test_an_org_leaves_places_to_others(void)
{
    struct world world;
    world_init(&world);
    struct detect_job *first = submit(&world, "a", NULL), *second = submit(&world, "a", NULL);
    g_autoptr(GError) error = NULL;
    g_assert_null(submit(&world, "a", &error));
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_FULL);
    struct detect_job *other = submit(&world, "b", NULL);
    g_assert_nonnull(other);
    detect_job_leave(first);
    detect_job_leave(second);
    detect_job_leave(other);
    world_clear(&world);
    world_init(&world);
    world.settings.queue = 1; /* is one for whoever comes first */
    first = submit(&world, "a", NULL);
    g_assert_nonnull(first);
    detect_job_leave(first);
    world_clear(&world);
}

static void test_nobody_serves(void)
{
    struct world world;
    world_init(&world);
    detect_queue_serve(world.queue, NULL, NULL);
    g_autoptr(GError) error = NULL;
    g_assert_null(submit(&world, "a", &error));
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE);
    world_clear(&world);
}

static void test_a_deadline_ends_what_waits(void)
{
    struct world world;
    world_init(&world);
    struct detect_job *job = submit(&world, "a", NULL);
    detect_expire(world.queue);
    g_autoptr(GBytes) answer = NULL;
    g_assert_false(detect_job_is_over(job, &answer, NULL));
    clock_fake_advance_us(world.clock, (int64_t)(world.settings.timeout_seconds * G_USEC_PER_SEC) + 1);
    detect_expire(world.queue);
    assert_over(job, VEDETTE_ERROR_TIMEOUT);
    g_assert_cmpint(counter_get(&world.health.detect_timeouts), ==, 1);
    world_clear(&world);
}

static void test_what_was_left_is_not_begun(void)
{
    struct world world;
    world_init(&world);
    detect_job_leave(submit(&world, "a", NULL));
    struct detect_job *taken_then_left = submit(&world, "a", NULL);
    g_assert_true(detect_take(world.queue, any_org, NULL) == taken_then_left);
    detect_job_leave(taken_then_left);
    detect_finish(world.queue, taken_then_left, world.bytes);
    g_assert_cmpint(world.told, ==, 0);
    detect_expire(world.queue);
    g_assert_cmpint(counter_get(&world.health.detect_waiting), ==, 0);
    g_assert_cmpint(counter_get(&world.health.detect_timeouts), ==, 0);
    world_clear(&world);
}

/* The busy org's older picture is looked at, its younger one is not: whoever waits longest is next. */
static void test_who_waits_is_not_overtaken(void)
{
    struct world world;
    world_init(&world);
    struct detect_job *older = submit(&world, "a", NULL), *waiting = submit(&world, "b", NULL),
                      *younger = submit(&world, "a", NULL);
    struct detect_job *taken = detect_take(world.queue, one_org_alone, (void *)"a");
    g_assert_true(taken == older);
    detect_finish(world.queue, taken, world.bytes);
    g_assert_null(detect_take(world.queue, one_org_alone, (void *)"a"));
    taken = detect_take(world.queue, one_org_alone, (void *)"b");
    g_assert_true(taken == waiting);
    detect_finish(world.queue, taken, world.bytes);
    taken = detect_take(world.queue, one_org_alone, (void *)"a");
    g_assert_true(taken == younger);
    detect_finish(world.queue, taken, world.bytes);
    struct detect_job *left = submit(&world, "b", NULL), *last = submit(&world, "a", NULL);
    detect_job_leave(left); /* whoever went holds up nobody */
    taken = detect_take(world.queue, one_org_alone, (void *)"a");
    g_assert_true(taken == last);
    detect_finish(world.queue, taken, world.bytes);
    detect_expire(world.queue);
    assert_over(older, 0);
    assert_over(waiting, 0);
    assert_over(younger, 0);
    assert_over(last, 0);
    world_clear(&world);
}

static void test_a_job_may_outlive_its_queue(void)
{
    struct world world;
    world_init(&world);
    struct detect_job *job = submit(&world, "a", NULL);
    world_clear(&world);
    detect_job_leave(job);
}

/* ---- a server on a thread of its own, as in the hub ---- */

static void *serve(void *data)
{
    struct world *world = data;
    for (int done = 0; done < 200;) {
        struct detect_job *job = detect_take(world->queue, any_org, NULL);
        if (job)
            detect_finish(world->queue, job, world->bytes);
        done += job != NULL;
    }
    return NULL;
}

static void test_two_threads(void)
{
    struct world world;
    world_init(&world);
    GThread *thread = g_thread_new("server", serve, &world);
    for (int i = 0; i < 200; i++) {
        struct detect_job *job = NULL;
        g_autoptr(GBytes) answer = NULL;
        while (!job)
            job = submit(&world, "a", NULL);
        while (!detect_job_is_over(job, &answer, NULL))
            g_thread_yield();
        g_assert_true(answer == world.bytes);
        detect_job_leave(job);
    }
    g_thread_join(thread);
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/detect/answers_come_back", test_answers_come_back);
    g_test_add_func("/detect/the_queue_is_bounded", test_the_queue_is_bounded);
    g_test_add_func("/detect/an org leaves places to others", test_an_org_leaves_places_to_others);
    g_test_add_func("/detect/nobody_serves", test_nobody_serves);
    g_test_add_func("/detect/a_deadline_ends_what_waits", test_a_deadline_ends_what_waits);
    g_test_add_func("/detect/what_was_left_is_not_begun", test_what_was_left_is_not_begun);
    g_test_add_func("/detect/who_waits_is_not_overtaken", test_who_waits_is_not_overtaken);
    g_test_add_func("/detect/a_job_may_outlive_its_queue", test_a_job_may_outlive_its_queue);
    g_test_add_func("/detect/two_threads", test_two_threads);
    return g_test_run();
}
