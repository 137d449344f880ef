/* Hot reload: cases H1, H8 to H10, H14. */
#include "manager_world.h"

/* ---- a source that says what the test wants ---- */

static void wait_until_seen(struct world *world, double seen)
{
    int64_t until_us = g_get_monotonic_time() + 60 * G_USEC_PER_SEC;
    for (bool is_seen = false; !is_seen; g_thread_yield()) {
        pthread_mutex_lock(&world->lock);
        is_seen = world->seen == seen;
        pthread_mutex_unlock(&world->lock);
        g_assert_cmpint(g_get_monotonic_time(), <, until_us);
    }
}

/* ---- cases ---- */

static void test_h01_a_bad_document_leaves_the_last_good_one(void)
{
    struct world world;
    struct policy_status status;
    g_autoptr(GError) error = NULL;
    world_init(&world);
    CLEANUP(policy_manager) struct policy_manager *manager = manage(&world, 0);
    say(&world, "{\"loitering_seconds\":\"soon\"}", 2);
    g_assert_false(policy_manager_reload(manager, &error));
    g_assert_nonnull(strstr(error->message, "loitering_seconds"));
    g_assert_cmpfloat(in_force(manager), ==, 7);
    policy_manager_get_status(manager, &status);
    g_assert_cmpint(status.documents_refused, ==, 1);
    g_assert_nonnull(status.error);
    g_clear_pointer(&status.error, g_free);
    say(&world, "{\"loitering_seconds\":9}", 3);
    g_assert_true(policy_manager_reload(manager, NULL));
    g_assert_cmpfloat(in_force(manager), ==, 9);
    policy_manager_get_status(manager, &status);
    g_assert_null(status.error);
    g_assert_cmpint(status.revision, ==, 3);
    world_clear(&world);
}

static void test_h08_what_was_missed_is_found_by_polling(void)
{
    struct world world;
    g_autoptr(GError) error = NULL;
    world_init(&world);
    CLEANUP(policy_manager) struct policy_manager *manager = manage(&world, 0.01);
    g_assert_true(policy_manager_start_hot_reload(manager, &error));
    say(&world, "{\"loitering_seconds\":12}", 2); /* and nobody notifies */
    wait_until_seen(&world, 12);
    policy_manager_stop_hot_reload(manager);
    world_clear(&world);
}

static void test_h09_a_thousand_notices_are_few_loads(void)
{
    enum { NOTICES = 1000 };
    struct world world;
    world_init(&world);
    CLEANUP(policy_manager) struct policy_manager *manager = manage(&world, 0);
    g_assert_true(policy_manager_start_hot_reload(manager, NULL));
    pthread_mutex_lock(&world.lock); /* the first load stands still meanwhile */
    world.config = "{\"loitering_seconds\":13}";
    world.revision = 2;
    int before = world.loads;
    for (int i = 0; i < NOTICES; i++)
        policy_manager_notify(manager);
    pthread_mutex_unlock(&world.lock);
    wait_until_seen(&world, 13);
    policy_manager_stop_hot_reload(manager);
    g_assert_cmpint(world.loads - before, <=, 3);
    world_clear(&world);
}

/* Spread over time, so that each could have its load: few have. */
static void test_h09_a_storm_of_notices_is_few_loads(void)
{
    enum { STORM_MS = 400, NOTICES_AT_LEAST = 1000 };
    struct world world;
    world_init(&world);
    CLEANUP(policy_manager) struct policy_manager *manager = manage(&world, 0);
    g_assert_true(policy_manager_start_hot_reload(manager, NULL));
    int64_t began_us = g_get_monotonic_time(), notices = 0;
    for (; g_get_monotonic_time() < began_us + STORM_MS * 1000 || notices < NOTICES_AT_LEAST; notices++) {
        policy_manager_notify(manager);
        g_thread_yield();
    }
    say(&world, "{\"loitering_seconds\":14}", 2);
    policy_manager_notify(manager); /* the last is not lost */
    wait_until_seen(&world, 14);
    int64_t lasted_us = g_get_monotonic_time() - began_us;
    policy_manager_stop_hot_reload(manager);
    g_assert_cmpint(world.loads, <=, 3 + (int64_t)((double)lasted_us / 1e6 / POLICY_RELOAD_INTERVAL_SECONDS));
    world_clear(&world);
}

static int64_t held_loads(struct policy_manager *manager)
{
    struct policy_status status;
    policy_manager_get_status(manager, &status);
    int64_t held = status.loads_held;
    policy_status_clear(&status);
    return held;
}

static void *reload(void *manager)
{
    g_assert_true(policy_manager_reload(manager, NULL));
    return NULL;
}

/* Neither a notice nor somebody else's change takes the first of them alone. */
static void test_changes_that_belong_together_are_loaded_together(void)
{
    struct world world;
    pthread_t other;
    world_init(&world);
    CLEANUP(policy_manager) struct policy_manager *manager = manage(&world, 0);
    g_assert_true(policy_manager_start_hot_reload(manager, NULL));
    policy_manager_hold(manager);
    say(&world, "{\"loitering_seconds\":15}", 2); /* the first of two */
    policy_manager_notify(manager);
    int64_t until_us = g_get_monotonic_time() + 60 * G_USEC_PER_SEC;
    while (held_loads(manager) < 1 && in_force(manager) == 7 && g_get_monotonic_time() < until_us)
        g_thread_yield();
    g_assert_cmpint(held_loads(manager), ==, 1);
    g_assert_cmpint(pthread_create(&other, NULL, reload, manager), ==, 0);
    g_assert_cmpfloat(in_force(manager), ==, 7);
    say(&world, "{\"loitering_seconds\":16}", 3);
    policy_manager_release(manager);
    wait_until_seen(&world, 16);
    pthread_join(other, NULL);
    policy_manager_stop_hot_reload(manager);
    g_assert_cmpint(world.changes, ==, 2); /* with the one of the start */
    world_clear(&world);
}

/* One that takes too long is waited for once, and told once. */
static void test_a_hold_is_waited_for_no_longer_than_it_may_be(void)
{
    struct world world;
    struct policy_status status;
    world_init(&world);
    world.hold_seconds = 0.01;
    CLEANUP(policy_manager) struct policy_manager *manager = manage(&world, 0);
    for (int i = 1; i <= 2; i++) {
        policy_manager_hold(manager);
        say(&world, "{\"loitering_seconds\":15}", 2 * i); /* the first of two */
        g_assert_true(policy_manager_reload(manager, NULL));
        g_assert_cmpfloat(in_force(manager), ==, 15);
        g_assert_true(policy_manager_reload(manager, NULL));
        say(&world, "{\"loitering_seconds\":16}", 2 * i + 1);
        policy_manager_release(manager);
        g_assert_true(policy_manager_reload(manager, NULL));
        policy_manager_get_status(manager, &status);
        g_assert_cmpint(status.holds_broken, ==, i);
        policy_status_clear(&status);
    }
    world_clear(&world);
}

/* From its beginning on, not from each that comes: who comes later than that waits for nothing. */
static void test_a_hold_that_has_lasted_is_not_waited_for(void)
{
    struct world world;
    world_init(&world);
    world.hold_seconds = 0.01;
    CLEANUP(policy_manager) struct policy_manager *manager = manage(&world, 0);
    policy_manager_hold(manager);
    int64_t until_us = g_get_monotonic_time() + (int64_t)(world.hold_seconds * G_USEC_PER_SEC);
    while (g_get_monotonic_time() < until_us)
        g_thread_yield();
    g_assert_true(policy_manager_reload(manager, NULL));
    g_assert_cmpint(held_loads(manager), ==, 0);
    policy_manager_release(manager);
    world_clear(&world);
}

static void test_h10_older_revisions_are_ignored(void)
{
    struct world world;
    struct policy_status status;
    world_init(&world);
    CLEANUP(policy_manager) struct policy_manager *manager = manage(&world, 0);
    say(&world, "{\"loitering_seconds\":20}", 5);
    g_assert_true(policy_manager_reload(manager, NULL));
    int changes = world.changes;
    g_assert_true(policy_manager_reload(manager, NULL)); /* the same again */
    say(&world, "{\"loitering_seconds\":19}", 4);
    g_assert_true(policy_manager_reload(manager, NULL));
    g_assert_cmpfloat(in_force(manager), ==, 20);
    g_assert_cmpint(world.changes, ==, changes);
    policy_manager_get_status(manager, &status);
    g_assert_cmpint(status.loads_out_of_order, ==, 1);
    g_assert_true(status.is_stale); /* until one is as new again */
    policy_status_clear(&status);
    say(&world, "{\"loitering_seconds\":\"soon\"}", 6);
    g_assert_false(policy_manager_reload(manager, NULL));
    say(&world, "{\"loitering_seconds\":19}", 4); /* which mends nothing */
    policy_manager_reload(manager, NULL);
    policy_manager_get_status(manager, &status);
    g_assert_nonnull(status.error);
    g_assert_cmpint(status.refused_now, ==, 1);
    g_assert_cmpint(status.bad_now, ==, 2); /* and it is stale */
    policy_status_clear(&status);
    world_clear(&world);
}

/* A replica that lagged took its place, or a backup: that is told at once, and holds when it is there to stay. */
static void test_h10_a_source_that_went_back_holds_in_the_end(void)
{
    enum { POLL_SECONDS = 30 };
    struct world world;
    struct policy_status status;
    world_init(&world);
    CLEANUP(policy_manager) struct policy_manager *manager = manage(&world, POLL_SECONDS);
    say(&world, "{\"loitering_seconds\":20}", 100);
    g_assert_true(policy_manager_reload(manager, NULL));
    say(&world, "{\"loitering_seconds\":19}", 95);
    for (int i = 1; i < POLICY_OLDER_LOADS_MAX * 2; i++) { /* many notices within a moment are not many looks */
        policy_manager_reload(manager, NULL);
        policy_manager_get_status(manager, &status);
        g_assert_true(status.is_stale);
        g_assert_cmpint(status.bad_now, ==, 1);
        g_assert_nonnull(strstr(status.error, "95"));
        policy_status_clear(&status);
    }
    g_assert_cmpfloat(in_force(manager), ==, 20);
    say(&world, "{\"loitering_seconds\":20}", 100); /* it was an overtaken answer: what came before counts no more */
    g_assert_true(policy_manager_reload(manager, NULL));
    policy_manager_get_status(manager, &status);
    g_assert_false(status.is_stale || status.error);
    policy_status_clear(&status);
    say(&world, "{\"loitering_seconds\":19}", 95);
    for (int i = 0; i < POLICY_OLDER_LOADS_MAX; i++) {
        g_assert_cmpfloat(in_force(manager), ==, 20);
        policy_manager_reload(manager, NULL);
        clock_fake_advance_us(world.clock, POLL_SECONDS * G_USEC_PER_SEC);
    }
    g_assert_cmpfloat(in_force(manager), ==, 19);
    policy_manager_get_status(manager, &status);
    g_assert_false(status.is_stale || status.error);
    g_assert_cmpint(status.revision, ==, 95);
    policy_status_clear(&status);
    world_clear(&world);
}

static void test_h14_going_back_is_a_new_revision(void)
{
    struct world world;
    world_init(&world);
    CLEANUP(policy_manager) struct policy_manager *manager = manage(&world, 0);
    say(&world, "{\"loitering_seconds\":8}", 2);
    g_assert_true(policy_manager_reload(manager, NULL));
    say(&world, "{\"loitering_seconds\":7}", 3);
    g_assert_true(policy_manager_reload(manager, NULL));
    g_assert_cmpfloat(in_force(manager), ==, 7);
    g_assert_cmpint(world.changes, ==, 3);
    say(&world, NULL, 4); /* and a deletion is one too */
    g_assert_true(policy_manager_reload(manager, NULL));
    g_assert_cmpfloat(in_force(manager), ==, -1);
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/policy_manager/a_hold_that_has_lasted_is_not_waited_for",
                    test_a_hold_that_has_lasted_is_not_waited_for);
    g_test_add_func("/policy manager/h01_a_bad_document_leaves_the_last_good_one",
                    test_h01_a_bad_document_leaves_the_last_good_one);
    g_test_add_func("/policy manager/h08_what_was_missed_is_found_by_polling",
                    test_h08_what_was_missed_is_found_by_polling);
    g_test_add_func("/policy manager/h09_a_thousand_notices_are_few_loads", test_h09_a_thousand_notices_are_few_loads);
    g_test_add_func("/policy manager/h09_a_storm_of_notices_is_few_loads", test_h09_a_storm_of_notices_is_few_loads);
    g_test_add_func("/policy_manager/a_hold_is_waited_for_no_longer_than_it_may_be",
                    test_a_hold_is_waited_for_no_longer_than_it_may_be);
    g_test_add_func("/policy_manager/changes_that_belong_together_are_loaded_together",
                    test_changes_that_belong_together_are_loaded_together);
    g_test_add_func("/policy manager/h10_older_revisions_are_ignored", test_h10_older_revisions_are_ignored);
    g_test_add_func("/policy manager/h10_a_source_that_went_back_holds_in_the_end",
                    test_h10_a_source_that_went_back_holds_in_the_end);
    g_test_add_func("/policy manager/h14_going_back_is_a_new_revision", test_h14_going_back_is_a_new_revision);
    return g_test_run();
}
