/* What becomes of a worker's records: acknowledged once they are in the spool, and stored once, whatever fails. */
#include "intake_world.h"

#include <sqlite3.h>

#define DARKNESS                                                                                                       \
    "{\"id\":\"0197a000-0000-7000-8000-000000000001\",\"type\":\"signal\",\"priority\":9,\"camera_id\":\"door\","      \
    "\"occurred_at\":"                                                                                                 \
    "\"2026-01-01T00:00:00Z\",\"payload\":{\"id\":\"0197a000-0000-7000-8000-000000000001\",\"camera_id\":\"door\","    \
    "\"service\":\"system\",\"kind\":\"camera_dark\",\"severity\":\"high\",\"started_at\":\"2026-01-01T00:00:00Z\"}}"  \
    "\n"

static void test_a_record_is_acknowledged_and_stored_under_its_registration(void)
{
    struct world world;
    world_init(&world);
    be_admitted(&world);
    g_autofree char *id = id_new(world.hub.clock), *text = crossing(id, "door", "door");
    say_batch(&world, 7, text);
    g_assert_true(intake_read(world.worker, NULL));
    await_acknowledgement(&world, 7);
    g_autoptr(GPtrArray) events = stored(&world, "default", 1), foreign = stored(&world, "other", 0);
    g_assert_cmpuint(events->len, ==, 1);
    g_assert_cmpuint(foreign->len, ==, 0);
    const struct analytics_event *event = g_ptr_array_index(events, 0);
    g_assert_cmpstr(event->id, ==, id);
    g_assert_cmpstr(event->org_id, ==, "default");
    g_assert_cmpstr(event->site_id, ==, "default");
    g_assert_cmpint(event->received_at.ms, >, clock_wall_ms(world.hub.clock) - DEADLINE_US / 1000);
    g_assert_null(strstr(event->payload.text, "smuggled"));
    g_assert_cmpstr(event->subject_id, ==, "door");
    g_autoptr(GPtrArray) counts = store_counts_list(world.hub.store, "default", NULL, event->occurred_at.ms, NULL);
    g_assert_cmpuint(counts->len, ==, 1); /* what its payload says, not what the worker says it counts as */
    g_assert_cmpstr(((const struct store_count *)g_ptr_array_index(counts, 0))->kind, ==, "line_in");
    g_assert_cmpint(((const struct store_count *)g_ptr_array_index(counts, 0))->count, ==, 1);
    g_assert_cmpint(__atomic_load_n(&world.published, __ATOMIC_RELAXED), ==, 1);
    world_clear(&world);
}

static void test_a_repeated_record_is_acknowledged_and_shown_once(void)
{
    struct world world;
    world_init(&world);
    be_admitted(&world);
    g_autofree char *id = id_new(world.hub.clock), *text = crossing(id, "door", "door");
    for (uint64_t sequence = 1; sequence <= 2; sequence++) {
        say_batch(&world, sequence, text);
        g_assert_true(intake_read(world.worker, NULL));
        await_acknowledgement(&world, sequence);
    }
    wait_for_count(&world.hub.health.records_duplicate, 1);
    g_assert_cmpint(__atomic_load_n(&world.published, __ATOMIC_RELAXED), ==, 1);
    world_clear(&world);
}

static void test_nothing_is_acknowledged_while_the_spool_fails(void)
{
    if (!has_faults())
        return;
    struct world world;
    world_init(&world);
    be_admitted(&world);
    plan_faults("spool.commit=1+");
    for (uint64_t sequence = 1; sequence <= 3; sequence++) {
        g_autofree char *id = id_new(world.hub.clock), *text = crossing(id, "door", "door");
        say_batch(&world, sequence, text);
        g_assert_true(intake_read(world.worker, NULL));
        RUN_UNTIL(&world, world.worker->waiting.length == (guint)sequence);
    }
    g_assert_cmpint(answer(&world, NULL), ==, 0);
    g_assert_cmpint(__atomic_load_n(&world.published, __ATOMIC_RELAXED), ==, 0);
    plan_faults(NULL);
    intake_retry(world.worker);
    for (uint64_t sequence = 1; sequence <= 3; sequence++)
        await_acknowledgement(&world, sequence); /* in their order */
    g_autoptr(GPtrArray) events = stored(&world, "default", 3);
    g_assert_cmpuint(events->len, ==, 3);
    world_clear(&world);
}

/* A batch of 1 MiB: mostly empty lines. */
static void hand_over_large(struct world *world, uint64_t sequence, const char *ndjson)
{
    enum { BYTES = 1 << 20 };
    g_autofree char *body = g_malloc(BYTES);
    memset(body, '\n', BYTES);
    uint64_t number = GUINT64_TO_LE(sequence);
    memcpy(body, &number, sizeof number);
    memcpy(body + sizeof number, ndjson, strlen(ndjson));
    g_assert_true(link_send(world->peer, LINK_EVENTS, body, BYTES, NULL));
    RUN_UNTIL(world, intake_read(world->worker, NULL) && world->worker->waiting.length == (guint)sequence);
}

static void replace_process(struct world *world)
{
    link_free(world->worker->link);
    link_free(world->peer);
    world->worker->has_said_hello = false;
    connect_worker(world);
}

/* Processes of a worker that die while the spool takes nothing leave what they sent: the next one is heard all the
 * same, and what was most urgent is kept. */
static void test_what_the_dead_left_does_not_silence_the_next(void)
{
    enum { BATCHES = 16, KEPT = 8 };
    if (!has_faults())
        return;
    struct world world;
    world_init(&world);
    be_admitted(&world);
    plan_faults("spool.commit=1+");
    for (uint64_t sequence = 1; sequence <= BATCHES; sequence++) {
        g_autofree char *id = id_new(world.hub.clock), *text = crossing(id, "door", "door");
        hand_over_large(&world, sequence, sequence == 1 ? DARKNESS : text);
    }
    g_assert_true(intake_is_full(world.worker));
    intake_retry(world.worker); /* what the one that runs has sent is not lost */
    RUN_UNTIL(&world, world.worker->waiting.length == BATCHES);
    g_assert_cmpint(counter_get(&world.hub.health.records_dropped), ==, 0);
    replace_process(&world);
    intake_retry(world.worker);
    g_assert_false(intake_is_full(world.worker));
    be_admitted(&world);
    g_assert_cmpint(counter_get(&world.hub.health.records_dropped), ==, BATCHES - KEPT);
    plan_faults(NULL);
    RUN_UNTIL(&world, (intake_retry(world.worker), world.worker->bytes_in_hand == 0));
    g_autoptr(GPtrArray) events = stored(&world, "default", KEPT);
    g_assert_cmpuint(events->len, ==, KEPT);
    guint signals = 0;
    for (guint i = 0; i < events->len; i++)
        signals += ((const struct analytics_event *)g_ptr_array_index(events, i))->type == EVENT_SIGNAL;
    g_assert_cmpuint(signals, ==, 1);
    world_clear(&world);
}

/* The spool keeps what the store does not take; workers and those who look notice nothing. */
static void test_records_are_kept_and_shown_once_while_the_store_fails(void)
{
    enum { BATCHES = 20 };
    if (!has_faults())
        return;
    struct world world;
    world_init(&world);
    be_admitted(&world);
    plan_faults("store.commit=1+");
    for (uint64_t sequence = 1; sequence <= BATCHES; sequence++) {
        g_autofree char *id = id_new(world.hub.clock), *text = crossing(id, "door", "door");
        say_batch(&world, sequence, text);
        g_assert_true(intake_read(world.worker, NULL));
        await_acknowledgement(&world, sequence);
    }
    wait_for_count(&world.hub.health.store_breaker_open, 1); /* it is left alone after a few tries */
    g_autoptr(GPtrArray) none = stored(&world, "default", 0);
    g_assert_cmpuint(none->len, ==, 0);
    g_assert_cmpint(__atomic_load_n(&world.published, __ATOMIC_RELAXED), ==, BATCHES);
    plan_faults(NULL);
    g_autoptr(GPtrArray) events = stored(&world, "default", BATCHES);
    g_assert_cmpuint(events->len, ==, BATCHES);
    wait_for_count(&world.hub.health.store_breaker_open, 0);
    g_assert_cmpint(__atomic_load_n(&world.published, __ATOMIC_RELAXED), ==, BATCHES);
    wait_for_count(&world.hub.health.records_stored, BATCHES); /* it is counted after others can read them */
    world_clear(&world);
}

/* One record that the store will never take costs itself. */
static void test_a_record_of_the_spool_that_cannot_be_stored_is_let_go(void)
{
    struct world world;
    world_init(&world);
    be_admitted(&world);
    const struct vedette_spool_record nonsense = {.tenant = "default", .priority = 9, .payload = "{]", .length = 2};
    g_assert_true(vedette_spool_enqueue(record_path_spool(world.hub.records), &nonsense, 1, NULL));
    g_autofree char *id = id_new(world.hub.clock), *text = crossing(id, "door", "door");
    say_batch(&world, 1, text);
    g_assert_true(intake_read(world.worker, NULL));
    await_acknowledgement(&world, 1);
    g_autoptr(GPtrArray) events = stored(&world, "default", 1);
    g_assert_cmpuint(events->len, ==, 1);
    wait_for_count(&world.hub.health.records_rejected, 1);
    world_clear(&world);
}

/* As someone who changes the database under the running server. */
static void meddle(const struct world *world, const char *sql)
{
    g_autofree char *path = g_build_filename(world->directory, "vedette.db", NULL);
    sqlite3 *db = NULL;
    g_assert_cmpint(sqlite3_open(path, &db), ==, SQLITE_OK);
    sqlite3_busy_timeout(db, DEADLINE_US / 1000);
    g_assert_cmpint(sqlite3_exec(db, sql, NULL, NULL, NULL), ==, SQLITE_OK);
    sqlite3_close(db);
}

static char *intrusion(const char *id)
{
    return g_strdup_printf("{\"id\":\"%s\",\"type\":\"signal\",\"camera_id\":\"door\",\"occurred_at\":"
                           "\"2026-01-01T00:00:00.000Z\",\"priority\":7,\"payload\":{\"id\":\"%s\",\"camera_id\":"
                           "\"door\",\"service\":\"safety\",\"kind\":\"intrusion\",\"severity\":\"high\","
                           "\"started_at\":\"2026-01-01T00:00:00.000Z\"}}\n",
                           id, id);
}

/* Until so many records wait in the spool for the store to take their type again. */
static void wait_for_deferred(const struct world *world, int64_t records)
{
    struct vedette_spool_stats stats;
    int64_t until_us = g_get_monotonic_time() + DEADLINE_US;
    for (;;) {
        vedette_spool_get_stats(record_path_spool(world->hub.records), &stats);
        if (stats.deferred == records)
            return;
        g_assert_cmpint(g_get_monotonic_time(), <, until_us);
        g_usleep(500);
    }
}

static void hand_over(struct world *world, uint64_t sequence, const char *id)
{
    g_autofree char *text = crossing(id, "door", "door");
    say_batch(world, sequence, text);
    g_assert_true(intake_read(world->worker, NULL));
    await_acknowledgement(world, sequence);
}

/* Where the store calls each record wrong it is the store that is wrong, however clearly it says so. */
static void test_a_store_that_refuses_every_record_empties_no_spool(void)
{
    enum { BATCHES = 20 };
    struct world world;
    world_init(&world);
    be_admitted(&world);
    meddle(&world, "CREATE TRIGGER closed BEFORE INSERT ON events BEGIN SELECT RAISE(ABORT, 'closed'); END");
    for (uint64_t sequence = 1; sequence <= BATCHES; sequence++) {
        g_autofree char *id = id_new(world.hub.clock);
        hand_over(&world, sequence, id);
    }
    wait_for_deferred(&world, BATCHES);
    g_assert_cmpint(counter_get(&world.hub.health.records_rejected), ==, 0);
    meddle(&world, "DROP TRIGGER closed");
    g_autoptr(GPtrArray) events = stored(&world, "default", BATCHES);
    g_assert_cmpuint(events->len, ==, BATCHES);
    g_assert_cmpint(counter_get(&world.hub.health.records_rejected), ==, 0);
    world_clear(&world);
}

/* Of a type that the store refuses none is let go, and what it takes of others is stored meanwhile, however many of it
 * lie ahead: the store does not fail. */
static void test_a_store_that_refuses_one_type_loses_none_of_it(void)
{
    enum { SIGNALS = 7, CROSSINGS = 5, BATCH = 2 };
    struct world world;
    world_init_batches(&world, BATCH);
    be_admitted(&world);
    meddle(&world, "CREATE TRIGGER closed BEFORE INSERT ON events WHEN NEW.type = 'signal' BEGIN SELECT "
                   "RAISE(ABORT, 'closed'); END");
    for (uint64_t sequence = 1; sequence <= SIGNALS; sequence++) {
        g_autofree char *id = id_new(world.hub.clock), *text = intrusion(id);
        say_batch(&world, sequence, text);
        g_assert_true(intake_read(world.worker, NULL));
        await_acknowledgement(&world, sequence);
    }
    for (uint64_t sequence = SIGNALS + 1; sequence <= SIGNALS + CROSSINGS; sequence++) {
        g_autofree char *id = id_new(world.hub.clock);
        hand_over(&world, sequence, id);
    }
    g_autoptr(GPtrArray) others = stored(&world, "default", CROSSINGS);
    g_assert_cmpuint(others->len, ==, CROSSINGS);
    wait_for_deferred(&world, SIGNALS);
    struct vedette_breaker_stats stats;
    vedette_breaker_get_stats(record_path_breaker(world.hub.records), &stats);
    g_assert_cmpint(stats.failures, ==, 0);
    g_assert_false(store_check(world.hub.store, NULL));
    meddle(&world, "DROP TRIGGER closed");
    g_autoptr(GPtrArray) events = stored(&world, "default", SIGNALS + CROSSINGS);
    g_assert_cmpuint(events->len, ==, SIGNALS + CROSSINGS);
    g_assert_cmpint(counter_get(&world.hub.health.records_rejected), ==, 0);
    g_assert_true(store_check(world.hub.store, NULL));
    world_clear(&world);
}

/* Alone in the spool, with nothing behind it that would be stored: the store is asked whether it takes others. */
static void test_a_record_that_the_store_refuses_does_not_stay_for_ever(void)
{
    struct world world;
    world_init(&world);
    be_admitted(&world);
    g_autofree char *bad = id_new(world.hub.clock), *good = id_new(world.hub.clock);
    g_autofree char *sql = g_strdup_printf("CREATE TRIGGER picky BEFORE INSERT ON events WHEN NEW.id = '%s' BEGIN "
                                           "SELECT RAISE(ABORT, 'not this one'); END",
                                           bad);
    meddle(&world, sql);
    hand_over(&world, 1, bad);
    wait_for_count(&world.hub.health.records_rejected, 1);
    hand_over(&world, 2, good);
    g_autoptr(GPtrArray) events = stored(&world, "default", 1);
    g_assert_cmpuint(events->len, ==, 1);
    g_assert_cmpstr(((const struct analytics_event *)g_ptr_array_index(events, 0))->id, ==, good);
    world_clear(&world);
}

static void say_health(struct world *world, const char *camera_id)
{
    const struct camera_health health = {.camera_id = (char *)(uintptr_t)camera_id};
    live_set_health(world->hub.live, &health);
}

static int64_t on_its_way(struct world *world, const char *camera_id)
{
    struct camera_health health;
    g_assert_true(live_get_health(world->hub.live, camera_id, &health));
    int64_t count = health.records_received - health.records_stored;
    record_clear(&camera_health_descriptor, &health);
    return count;
}

/* Whatever the clock says, and whoever made it. */
static void test_what_comes_out_of_the_spool_is_on_its_way_no_more(void)
{
    struct world world;
    world_init(&world);
    world.hub.health.started_at.ms = clock_wall_ms(world.hub.clock) + 3600000; /* it was set back since */
    be_admitted(&world);
    say_health(&world, "door");
    g_autofree char *id = id_new(world.hub.clock), *text = crossing(id, "door", "door");
    say_batch(&world, 1, text);
    g_assert_true(intake_read(world.worker, NULL));
    await_acknowledgement(&world, 1);
    wait_for_count(&world.hub.health.records_stored, 1);
    RUN_UNTIL(&world, on_its_way(&world, "door") == 0);
    world_clear(&world);
}

/* What expired or was dropped never comes out: it is forgotten once nothing is left in the spool. */
static void test_what_the_spool_lost_is_no_standstill(void)
{
    struct world world;
    struct stalls stalls = {0};
    world_init(&world);
    const struct camera *door = g_ptr_array_index(world.worker->cameras, 0);
    say_health(&world, door->id);
    live_add_records(world.hub.live, door->id, 1, 0);
    g_assert_cmpint(on_its_way(&world, door->id), ==, 1);
    stalls_look(&stalls, NULL, &world.hub, door, 1);
    g_assert_cmpint(on_its_way(&world, door->id), ==, 0);
    world_clear(&world);
}

/* Its counters begin anew with a camera that was changed, while records of before are still in the spool: they hide no
 * standstill of those after. */
static void test_a_change_hides_no_standstill(void)
{
    struct world world;
    struct stalls stalls = {0};
    world_init(&world);
    const struct camera *door = g_ptr_array_index(world.worker->cameras, 0);
    say_health(&world, door->id);
    live_add_records(world.hub.live, door->id, 0, 50);
    stalls_look(&stalls, NULL, &world.hub, door, 0);
    g_assert_cmpint(on_its_way(&world, door->id), ==, 0);
    live_add_records(world.hub.live, door->id, 1, 0);
    g_assert_cmpint(on_its_way(&world, door->id), ==, 1);
    world_clear(&world);
}

/* What a worker handed over before it died is stored all the same; the next process hears nothing of it. */
static void test_a_dead_workers_records_are_stored(void)
{
    if (!has_faults())
        return;
    struct world world;
    world_init(&world);
    be_admitted(&world);
    plan_faults("spool.commit=1+");
    g_autofree char *id = id_new(world.hub.clock), *text = crossing(id, "door", "door");
    say_batch(&world, 1, text);
    g_assert_true(intake_read(world.worker, NULL));
    RUN_UNTIL(&world, world.worker->waiting.length == 1);
    replace_process(&world);
    plan_faults(NULL);
    intake_retry(world.worker);
    RUN_UNTIL(&world, world.worker->bytes_in_hand == 0);
    g_assert_cmpint(answer(&world, NULL), ==, 0);
    g_autoptr(GPtrArray) events = stored(&world, "default", 1);
    g_assert_cmpuint(events->len, ==, 1);
    world_clear(&world);
}

/* With the spool away a worker may fill our hand, and no more: it is read again when there is room. */
static void test_a_full_hand_takes_no_more(void)
{
    enum { BATCHES = 8, FILLER_BYTES = 3 << 20 };
    if (!has_faults())
        return;
    struct world world;
    world_init(&world);
    be_admitted(&world);
    plan_faults("spool.commit=1+");
    g_autofree char *filler = g_strnfill(FILLER_BYTES, ' ');
    for (uint64_t sequence = 1; sequence <= BATCHES; sequence++) {
        g_autoptr(GByteArray) body = g_byte_array_new();
        g_autofree char *id = id_new(world.hub.clock), *text = crossing(id, "door", "door");
        uint64_t sequence_le = GUINT64_TO_LE(sequence);
        g_byte_array_append(body, (const guint8 *)&sequence_le, sizeof sequence_le);
        g_byte_array_append(body, (const guint8 *)text, (guint)strlen(text));
        g_byte_array_append(body, (const guint8 *)filler, FILLER_BYTES);
        g_assert_true(link_send(world.peer, LINK_EVENTS, body->data, body->len, NULL));
    }
    int64_t until_us = g_get_monotonic_time() + DEADLINE_US;
    while (!intake_is_full(world.worker)) {
        g_assert_cmpint(g_get_monotonic_time(), <, until_us);
        g_assert_true(intake_read(world.worker, NULL));
        g_main_context_iteration(NULL, FALSE);
    }
    size_t in_hand = world.worker->bytes_in_hand;
    g_assert_true(intake_read(world.worker, NULL));
    g_assert_cmpuint(world.worker->bytes_in_hand, ==, in_hand);
    g_assert_cmpuint(in_hand, <, (size_t)BATCHES * FILLER_BYTES);
    plan_faults(NULL);
    uint64_t acknowledged = 0;
    while (acknowledged < BATCHES) {
        g_assert_cmpint(g_get_monotonic_time(), <, until_us);
        intake_retry(world.worker);
        g_assert_true(intake_read(world.worker, NULL));
        g_main_context_iteration(NULL, FALSE);
        acknowledged += answer(&world, NULL) == LINK_ACKNOWLEDGE;
    }
    g_assert_cmpuint(world.worker->bytes_in_hand, ==, 0);
    world_clear(&world);
}

/* However little is in each, what is kept of one takes room as well. Nobody hears the spool's answers here. */
static void test_small_batches_fill_the_hand(void)
{
    enum { MOST = 4 * LINK_EVENTS_WINDOW_BYTES / LINK_EVENTS_LEAST_BYTES };
    struct world world;
    world_init(&world);
    be_admitted(&world);
    for (uint64_t sequence = 1; sequence <= MOST; sequence++) {
        g_assert_false(intake_is_full(world.worker));
        say_batch(&world, sequence, "\n");
        g_assert_true(intake_read(world.worker, NULL));
    }
    g_assert_true(intake_is_full(world.worker));
    g_assert_cmpuint(world.hub.answered.length, ==, MOST);
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    signal(SIGPIPE, SIG_IGN);
    g_test_add_func("/intake_kept/a record is acknowledged, and stored under its registration",
                    test_a_record_is_acknowledged_and_stored_under_its_registration);
    g_test_add_func("/intake_kept/a repeated record is acknowledged and shown once",
                    test_a_repeated_record_is_acknowledged_and_shown_once);
    g_test_add_func("/intake_kept/nothing is acknowledged while the spool fails",
                    test_nothing_is_acknowledged_while_the_spool_fails);
    g_test_add_func("/intake_kept/what the dead left does not silence the next",
                    test_what_the_dead_left_does_not_silence_the_next);
    g_test_add_func("/intake_kept/records are kept and shown once while the store fails",
                    test_records_are_kept_and_shown_once_while_the_store_fails);
    g_test_add_func("/intake_kept/a record of the spool that cannot be stored is let go",
                    test_a_record_of_the_spool_that_cannot_be_stored_is_let_go);
    g_test_add_func("/intake_kept/a store that refuses every record empties no spool",
                    test_a_store_that_refuses_every_record_empties_no_spool);
    g_test_add_func("/intake_kept/a store that refuses one type loses none of it",
                    test_a_store_that_refuses_one_type_loses_none_of_it);
    g_test_add_func("/intake_kept/a record that the store refuses does not stay for ever",
                    test_a_record_that_the_store_refuses_does_not_stay_for_ever);
    g_test_add_func("/intake_kept/c09 what comes out of the spool is on its way no more",
                    test_what_comes_out_of_the_spool_is_on_its_way_no_more);
    g_test_add_func("/intake_kept/what the spool lost is no standstill", test_what_the_spool_lost_is_no_standstill);
    g_test_add_func("/intake_kept/a change hides no standstill", test_a_change_hides_no_standstill);
    g_test_add_func("/intake_kept/a dead worker's records are stored", test_a_dead_workers_records_are_stored);
    g_test_add_func("/intake_kept/a full hand takes no more", test_a_full_hand_takes_no_more);
    g_test_add_func("/intake_kept/small batches fill the hand", test_small_batches_fill_the_hand);
    return g_test_run();
}
