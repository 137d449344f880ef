#include "upkeep_world.h"

#include "user_world.h"

#include "base/fault.h"

static const int64_t day_ms = 24 * 3600 * INT64_C(1000);

static void test_stores_and_lists_newest_first(void)
{
    struct store_world world;
    world_init(&world);
    GPtrArray *batch = world_batch_new();
    g_ptr_array_add(batch, world_crossing(&world, "a", "door", "in", world_start_ms + 1000));
    g_ptr_array_add(batch, world_crossing(&world, "b", "door", "out", world_start_ms + 2000));
    struct world_result result = world_store(&world, batch);
    g_assert_null(result.error);
    g_assert_cmpint(result.new_records, ==, 2);
    g_autoptr(GPtrArray) events = world_list(&world, (struct store_event_filter){.org_id = "default"});
    g_assert_cmpuint(events->len, ==, 2);
    const struct analytics_event *newest = g_ptr_array_index(events, 0);
    g_assert_cmpstr(newest->id, ==, "b");
    g_assert_cmpstr(newest->subject_id, ==, "door");
    g_assert_cmpint(newest->type, ==, EVENT_LINE_CROSSING);
    g_assert_cmpint(newest->occurred_at.ms, ==, world_start_ms + 2000);
    g_assert_nonnull(strstr(newest->payload.text, "\"direction\":\"out\""));
    g_assert_cmpint(counter_get(&world.health.records_stored), ==, 2);
    world_clear(&world);
}

/* G6: replays do no harm, neither to the events nor to the counts. */
static void test_g06_replay_is_idempotent(void)
{
    struct store_world world;
    world_init(&world);
    for (int round = 0; round < 3; round++) {
        GPtrArray *batch = world_batch_new();
        g_ptr_array_add(batch, world_crossing(&world, "a", "door", "in", world_start_ms));
        g_ptr_array_add(batch, world_crossing(&world, "a", "door", "in", world_start_ms));
        struct world_result result = world_store(&world, batch);
        g_assert_cmpint(result.new_records, ==, round == 0 ? 1 : 0);
    }
    g_assert_cmpint(world_count(&world, "door", "line_in", world_start_ms), ==, 1);
    g_assert_cmpint(counter_get(&world.health.records_duplicate), ==, 5);
    world_clear(&world);
}

/* Another camera may use the same id: no worker can take another's. */
static void test_ids_belong_to_a_camera(void)
{
    struct store_world world;
    world_init(&world);
    GPtrArray *batch = world_batch_new();
    g_ptr_array_add(batch, world_crossing(&world, "a", "door", "in", world_start_ms));
    struct analytics_event *other = world_crossing(&world, "a", "door", "in", world_start_ms);
    g_free(other->camera_id);
    other->camera_id = g_strdup("cam-2");
    g_ptr_array_add(batch, other);
    g_assert_cmpint(world_store(&world, batch).new_records, ==, 2);
    world_clear(&world);
}

static void test_filters(void)
{
    struct store_world world;
    world_init(&world);
    GPtrArray *batch = world_batch_new();
    for (int i = 0; i < 10; i++) {
        g_ptr_array_add(batch, world_crossing(&world, NULL, i % 2 ? "door" : "gate", "in", world_start_ms + i * 1000));
        g_ptr_array_add(batch, world_zone_hit(&world, "hall", "enter", world_start_ms + i * 1000));
    }
    world_store(&world, batch);
    const struct {
        struct store_event_filter filter;
        guint count;
    } cases[] = {
        {{.org_id = "default"}, 20},
        {{.org_id = "other"}, 0},
        {{.org_id = "default", .camera_id = "cam-1"}, 20},
        {{.org_id = "default", .camera_id = "cam-2"}, 0},
        {{.org_id = "default", .type = EVENT_ZONE_HIT}, 10},
        {{.org_id = "default", .subject_id = "door"}, 5},
        {{.org_id = "default", .from_ms = world_start_ms + 5000}, 10},
        {{.org_id = "default", .to_ms = world_start_ms + 5000}, 10},
        {{.org_id = "default", .from_ms = world_start_ms + 2000, .to_ms = world_start_ms + 3000}, 2},
        {{.org_id = "default", .subject_id = "door", .type = EVENT_ZONE_HIT}, 0},
        {{.org_id = "default", .limit = 3}, 3},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GPtrArray) events = world_list(&world, cases[i].filter);
        g_test_message("case %zu", i);
        g_assert_cmpuint(events->len, ==, cases[i].count);
    }
    world_clear(&world);
}

static void test_signals_are_found_by_what_they_say(void)
{
    struct store_world world;
    world_init(&world);
    GPtrArray *batch = world_batch_new();
    for (int i = 0; i < 6; i++) {
        int64_t at_ms = world_start_ms + i * 1000;
        g_ptr_array_add(batch, world_signal(&world, i ? NULL : "s-1", i % 2 ? "cam-1" : "cam-2", "safety",
                                            i < 2 ? "intrusion" : "loitering", i < 4 ? "high" : "low", at_ms));
        g_ptr_array_add(batch, world_zone_hit(&world, "hall", "enter", at_ms));
    }
    world_store(&world, batch);
    const struct {
        struct store_event_filter filter;
        guint count;
    } cases[] = {
        {{.type = EVENT_SIGNAL}, 6},
        {{.type = EVENT_SIGNAL, .kind = "intrusion"}, 2},
        {{.type = EVENT_SIGNAL, .kind = "intrusion", .camera_id = "cam-1"}, 1},
        {{.type = EVENT_SIGNAL, .severity = SEVERITY_LOW}, 2},
        {{.type = EVENT_SIGNAL, .service = SERVICE_SAFETY, .subject_id = "hall"}, 6},
        {{.type = EVENT_SIGNAL, .service = SERVICE_VEHICLES}, 0},
        {{.type = EVENT_SIGNAL, .kind = "loitering", .severity = SEVERITY_HIGH, .to_ms = world_start_ms + 3000}, 1},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct store_event_filter filter = cases[i].filter;
        filter.org_id = "default";
        g_autoptr(GPtrArray) events = world_list(&world, filter);
        g_test_message("case %zu", i);
        g_assert_cmpuint(events->len, ==, cases[i].count);
    }
    g_autoptr(GError) error = NULL;
    struct analytics_event *event = store_event_get(world.store, "default", EVENT_SIGNAL, NULL, "s-1", &error);
    g_assert_no_error(error);
    g_assert_cmpstr(event->camera_id, ==, "cam-2");
    analytics_event_free(event);
    g_assert_null(store_event_get(world.store, "default", EVENT_ZONE_HIT, NULL, "s-1", NULL));
    g_assert_null(store_event_get(world.store, "other", 0, NULL, "s-1", &error));
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_NOT_FOUND);
    world_clear(&world);
}

/* Every event exactly once, though many have the same time. */
static void test_cursor_over_equal_times(void)
{
    struct store_world world;
    world_init(&world);
    GPtrArray *batch = world_batch_new();
    for (int i = 0; i < 50; i++)
        g_ptr_array_add(batch, world_crossing(&world, NULL, "door", "in", world_start_ms + i / 20));
    world_store(&world, batch);
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autofree char *cursor = NULL;
    for (int page = 0; page < 20; page++) {
        g_autoptr(GPtrArray) events =
            world_list(&world, (struct store_event_filter){.org_id = "default", .limit = 7, .before_id = cursor});
        for (guint i = 0; i < events->len; i++) {
            const struct analytics_event *event = g_ptr_array_index(events, i);
            g_assert_true(g_hash_table_add(seen, g_strdup(event->id)));
            g_free(cursor);
            cursor = store_event_cursor(event);
        }
    }
    g_assert_cmpuint(g_hash_table_size(seen), ==, 50);
    g_autoptr(GError) error = NULL;
    const struct store_event_filter unknown = {.org_id = "default", .limit = 7, .before_id = "nobody"};
    g_assert_null(store_events_list(world.store, &unknown, &error));
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID);
    world_clear(&world);
}

/* What came after one, page by page from the last of each, until nothing comes. Returns how many there were; each but
 * once, `ids` tells which. */
static guint follow(struct store_world *world, const char *from, const char *cameras, GHashTable *ids)
{
    enum { PAGE = 1000, PAGES_MOST = 10 };
    g_autofree char *at = g_strdup(from);
    g_autoptr(GError) error = NULL;
    guint count = 0;
    for (int page = 0; page < PAGES_MOST; page++) {
        const struct store_events_after asked = {"default", at, cameras, PAGE};
        struct store_events_found found;
        g_assert_true(store_events_read_after(world->store, &asked, &found, &error));
        g_assert_true(found.is_whole);
        g_assert_cmpuint(found.again->len, <=, PAGE);
        guint came = found.later->len;
        for (guint i = 0; i < came; i++) {
            const struct analytics_event *event = g_ptr_array_index(found.later, i);
            g_assert_true(g_hash_table_add(ids, g_strdup(event->id)));
            g_free(at);
            at = g_strdup(event->id);
        }
        store_events_found_clear(&found);
        count += came;
        if (!came)
            return count;
    }
    g_assert_not_reached();
}

/* Many events at once, as an import brings them: who goes on behind one of them gets to the end. */
static void test_a_bulk_is_followed_to_its_end(void)
{
    enum { BULK = 3000, MIDDLE = 1500 };
    struct store_world world;
    world_init(&world);
    GPtrArray *batch = world_batch_new();
    char *ids[BULK];
    for (int i = 0; i < BULK; i++) {
        ids[i] = g_strdup_printf("0197a000-0000-7000-8000-%012d", i);
        struct analytics_event *event = world_crossing(&world, ids[i], "door", "in", world_start_ms + i / 10);
        event->received_at.ms = world_start_ms + i / 3;
        if (i % 2) {
            g_free(event->camera_id);
            event->camera_id = g_strdup("cam_2");
        }
        g_ptr_array_add(batch, event);
    }
    world_store(&world, batch);
    static const struct {
        int from;
        const char *cameras;
        guint count;
    } cases[] = {{0, NULL, BULK - 1},
                 {MIDDLE, NULL, BULK - 1 - MIDDLE},
                 {BULK - 1, NULL, 0},
                 {0, ",cam_2,", BULK / 2},
                 {MIDDLE, ",cam-1,cam_2,", BULK - 1 - MIDDLE},
                 {MIDDLE, ",", 0}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        g_assert_cmpuint(follow(&world, ids[cases[i].from], cases[i].cameras, seen), ==, cases[i].count);
    }
    const struct store_events_after asked = {"default", ids[MIDDLE], NULL, 100};
    struct store_events_found found;
    g_assert_true(store_events_read_after(world.store, &asked, &found, NULL));
    g_assert_cmpuint(found.again->len, ==, 100); /* the last before it, in order */
    g_assert_cmpstr(((struct analytics_event *)g_ptr_array_index(found.again, 0))->id, ==, ids[MIDDLE - 100]);
    g_assert_cmpstr(((struct analytics_event *)g_ptr_array_index(found.again, 99))->id, ==, ids[MIDDLE - 1]);
    store_events_found_clear(&found);
    for (int i = 0; i < BULK; i++)
        g_free(ids[i]);
    world_clear(&world);
}

static bool is_whole_after(struct store_world *world, const char *id)
{
    const struct store_events_after asked = {"default", id, NULL, 100};
    struct store_events_found found;
    g_assert_true(store_events_read_after(world->store, &asked, &found, NULL));
    bool is_whole = found.is_whole;
    store_events_found_clear(&found);
    return is_whole;
}

/* Events that come hours after they occurred are not looked for, and who misses them is told so. */
static void test_late_events_are_not_passed_over_in_silence(void)
{
    enum { HOURS_LATE = 5, MINUTE_MS = 60000 };
    struct store_world world;
    world_init(&world);
    static const char *const ids[] = {"0197a000-0000-7000-8000-000000000001", "0197a000-0000-7000-8000-000000000002",
                                      "0197a000-0000-7000-8000-000000000003"};
    GPtrArray *batch = world_batch_new();
    for (int i = 0; i < 3; i++)
        g_ptr_array_add(batch, world_crossing(&world, ids[i], "door", "in", world_start_ms + i * MINUTE_MS));
    struct analytics_event *other =
        world_crossing(&world, NULL, "door", "in", world_start_ms - HOURS_LATE * 60 * MINUTE_MS);
    other->received_at.ms = world_start_ms + 10 * MINUTE_MS;
    g_free(other->org_id);
    other->org_id = g_strdup("other"); /* whose lateness is nobody else's */
    g_ptr_array_add(batch, other);
    world_store(&world, batch);
    for (int i = 0; i < 3; i++)
        g_assert_true(is_whole_after(&world, ids[i]));
    batch = world_batch_new();
    for (int i = 0; i < 20; i++) {
        struct analytics_event *late =
            world_crossing(&world, NULL, "door", "in", world_start_ms - HOURS_LATE * 60 * MINUTE_MS + i);
        late->received_at.ms = world_start_ms + MINUTE_MS + 1000;
        g_ptr_array_add(batch, late);
    }
    world_store(&world, batch);
    g_assert_false(is_whole_after(&world, ids[0]));
    g_assert_false(is_whole_after(&world, ids[1]));
    g_assert_true(is_whole_after(&world, ids[2])); /* they came before it */
    world_clear(&world);
}

static void test_counts_are_of_their_day(void)
{
    struct store_world world;
    world_init(&world);
    GPtrArray *batch = world_batch_new();
    g_ptr_array_add(batch, world_crossing(&world, NULL, "door", "in", world_start_ms));
    g_ptr_array_add(batch, world_crossing(&world, NULL, "door", "in", world_start_ms + day_ms - 1));
    g_ptr_array_add(batch, world_crossing(&world, NULL, "door", "out", world_start_ms + day_ms));
    g_ptr_array_add(batch, world_zone_hit(&world, "hall", "enter", world_start_ms));
    g_ptr_array_add(batch, world_zone_hit(&world, "hall", "dwell", world_start_ms));
    g_ptr_array_add(batch, world_zone_hit(&world, "hall", "exit", world_start_ms));
    g_ptr_array_add(batch, world_occupancy(&world, "hall", 3, world_start_ms + 2000));
    g_ptr_array_add(batch, world_occupancy(&world, "hall", 9, world_start_ms + 1000)); /* older: not the last word */
    g_assert_null(world_store(&world, batch).error);
    g_assert_cmpint(world_count(&world, "door", "line_in", world_start_ms + 5), ==, 2);
    g_assert_cmpint(world_count(&world, "door", "line_out", world_start_ms), ==, 0);
    g_assert_cmpint(world_count(&world, "door", "line_out", world_start_ms + day_ms), ==, 1);
    g_assert_cmpint(world_count(&world, "hall", "zone_enter", world_start_ms), ==, 1);
    g_assert_cmpint(world_count(&world, "hall", "zone_exit", world_start_ms), ==, 1);
    g_assert_cmpint(world_count(&world, "hall", "zone_inside", world_start_ms), ==, 3);
    world_clear(&world);
}

/* Midnight sends nobody away: a level holds until another is told, also after days of which nothing is known. */
static void test_who_is_inside_stays_over_midnight(void)
{
    struct store_world world;
    world_init(&world);
    GPtrArray *batch = world_batch_new();
    g_ptr_array_add(batch, world_zone_hit(&world, "hall", "enter", world_start_ms));
    g_ptr_array_add(batch, world_occupancy(&world, "hall", 5, world_start_ms));
    g_ptr_array_add(batch, world_occupancy(&world, "hall", 4, world_start_ms + 1000));
    g_ptr_array_add(batch, world_occupancy(&world, "hall", 2, world_start_ms + 3 * day_ms));
    g_assert_null(world_store(&world, batch).error);
    g_assert_cmpint(world_count(&world, "hall", "zone_inside", world_start_ms), ==, 4);
    g_assert_cmpint(world_count(&world, "hall", "zone_inside", world_start_ms + 2 * day_ms), ==, 4);
    g_assert_cmpint(world_count(&world, "hall", "zone_enter", world_start_ms + 2 * day_ms), ==, 0);
    g_assert_cmpint(world_count(&world, "hall", "zone_inside", world_start_ms + 3 * day_ms), ==, 2);
    g_assert_cmpint(world_count(&world, "hall", "zone_inside", world_start_ms + 4 * day_ms), ==, 2);
    g_assert_cmpint(world_count(&world, "hall", "zone_inside", world_start_ms + 30 * day_ms), ==, 0);
    world_clear(&world);
}

/* A batch that can't be written fails alone, though it shared its commit. */
static void test_bad_batch_fails_alone(void)
{
    struct store_world world;
    world_init(&world);
    GPtrArray *good = world_batch_new(), *bad = world_batch_new();
    g_ptr_array_add(good, world_crossing(&world, "a", "door", "in", world_start_ms));
    g_ptr_array_add(bad, world_crossing(&world, "b", "door", "in", world_start_ms));
    g_ptr_array_add(bad, world_event(&world, "c", EVENT_ZONE_HIT, world_start_ms, g_strdup("{\"zone_id\":3}")));
    struct world_result good_result = {0}, bad_result = {0};
    g_assert_true(store_events_submit(world.store, good, world_done, &good_result, NULL));
    g_assert_true(store_events_submit(world.store, bad, world_done, &bad_result, NULL));
    world_wait(&good_result);
    world_wait(&bad_result);
    g_assert_null(good_result.error);
    g_assert_cmpint(good_result.new_records, ==, 1);
    g_assert_nonnull(strstr(bad_result.error, "event c: payload: zone_id"));
    g_autoptr(GPtrArray) events = world_list(&world, (struct store_event_filter){.org_id = "default"});
    g_assert_cmpuint(events->len, ==, 1); /* "b" went back with its batch */
    g_free(bad_result.error);
    world_clear(&world);
}

/* The writer stands here after a batch until it is let go on, as it would before a store that is slow. */
static int is_at_gate, is_gate_open; /* atomic */

static void wait_at_the_gate(void *data, GPtrArray *events, const bool *stored, const GError *error)
{
    (void)data, (void)events, (void)stored;
    g_assert_no_error(error);
    g_atomic_int_set(&is_at_gate, 1);
    while (!g_atomic_int_get(&is_gate_open))
        world_pause(1);
}

static void test_full_queue_refuses(void)
{
    struct store_world world;
    world_init(&world);
    GPtrArray *first = world_batch_new();
    g_ptr_array_add(first, world_crossing(&world, NULL, "door", "in", world_start_ms));
    g_assert_true(store_events_submit(world.store, first, wait_at_the_gate, NULL, NULL));
    WORLD_WAIT_UNTIL(g_atomic_int_get(&is_at_gate));
    struct world_result results[20] = {{0}};
    g_autoptr(GError) error = NULL;
    int taken = 0;
    for (; taken < 20; taken++) {
        GPtrArray *batch = world_batch_new();
        for (int i = 0; i < 200; i++)
            g_ptr_array_add(batch, world_crossing(&world, NULL, "door", "in", world_start_ms));
        if (store_events_submit(world.store, batch, world_done, &results[taken], &error))
            continue;
        g_ptr_array_unref(batch); /* still ours */
        break;
    }
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_FULL);
    g_assert_cmpint(taken, ==, 5);
    g_atomic_int_set(&is_gate_open, 1);
    int stored = 0;
    for (int i = 0; i < taken; i++) {
        world_wait(&results[i]);
        stored += results[i].new_records;
        g_free(results[i].error);
    }
    g_assert_cmpint(stored, ==, taken * 200);
    world_clear(&world);
}

static void test_survives_reopen_and_closing_writes_all(void)
{
    struct store_world world;
    world_init(&world);
    struct world_result result = {0};
    GPtrArray *batch = world_batch_new();
    for (int i = 0; i < 500; i++)
        g_ptr_array_add(batch, world_crossing(&world, NULL, "door", "in", world_start_ms));
    g_assert_true(store_events_submit(world.store, batch, world_done, &result, NULL));
    store_close(world.store);
    g_assert_cmpint(result.new_records, ==, 500);
    g_autoptr(GError) error = NULL;
    world.store = world_open(&world, &error);
    g_assert_no_error(error);
    g_assert_cmpint(world_count(&world, "door", "line_in", world_start_ms), ==, 500);
    world_clear(&world);
}

#ifdef VEDETTE_FAULTS_ENABLED
static void check_failure_recovers(const char *plan)
{
    struct store_world world;
    world_init(&world);
    fault_plan(plan);
    GPtrArray *batch = world_batch_new();
    g_ptr_array_add(batch, world_crossing(&world, "a", "door", "in", world_start_ms));
    g_ptr_array_add(batch, world_crossing(&world, "b", "door", "in", world_start_ms));
    struct world_result failed = world_store(&world, batch);
    fault_plan(NULL);
    g_assert_nonnull(failed.error);
    g_free(failed.error);
    g_autoptr(GPtrArray) none = world_list(&world, (struct store_event_filter){.org_id = "default"});
    g_assert_cmpuint(none->len, ==, 0);
    g_assert_cmpint(world_count(&world, "door", "line_in", world_start_ms), ==, 0);
    g_autoptr(GError) error = NULL;
    g_assert_false(store_check(world.store, &error));
    batch = world_batch_new();
    g_ptr_array_add(batch, world_crossing(&world, "a", "door", "in", world_start_ms));
    g_assert_cmpint(world_store(&world, batch).new_records, ==, 1);
    g_assert_true(store_check(world.store, NULL));
    world_clear(&world);
}
#endif

static void test_q15_failed_write_rolls_back(void)
{
#ifdef VEDETTE_FAULTS_ENABLED
    check_failure_recovers("store.commit=1");
    check_failure_recovers("store.insert=2");
#else
    g_test_skip("fault points are not in this build (-Dfaults=true)");
#endif
}

static void test_users(void)
{
    struct store_world world;
    world_init(&world);
    g_autoptr(GError) error = NULL;
    bool has_users = true;
    g_assert_true(store_has_users(world.store, "default", &has_users, &error));
    g_assert_false(has_users);
    struct user user = {.id = (char *)"u1",
                        .org_id = (char *)"default",
                        .username = (char *)"ann",
                        .role = ROLE_VIEWER,
                        .password_hash = (char *)"$argon2id$x"};
    g_assert_true(world_put_user(world.store, &user, &error));
    struct user *found = store_user_find(world.store, "ann", &error);
    g_assert_cmpstr(found->id, ==, "u1");
    g_assert_cmpstr(found->password_hash, ==, "$argon2id$x");
    g_assert_false(found->is_disabled);
    user_free(found);
    g_assert_null(store_user_find(world.store, "bob", &error));
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_NOT_FOUND);
    g_clear_error(&error);
    user.id = (char *)"u2"; /* names are unique */
    g_assert_false(world_put_user(world.store, &user, &error));
    g_clear_error(&error);
    world_clear(&world);
}

static void test_camera_login_is_not_stored(void)
{
    struct store_world world;
    world_init(&world);
    struct camera camera;
    record_init(&camera_descriptor, &camera);
    camera.id = g_strdup("cam-1");
    camera.source = g_strdup("rtsp://10.0.0.7/s1");
    camera.username = g_strdup("canary-user");
    camera.password = g_strdup("canary-password");
    g_autoptr(GError) error = NULL;
    g_assert_true(store_camera_put(world.store, &camera, &error));
    g_assert_true(store_camera_put(world.store, &camera, &error));
    g_assert_true(store_camera_set_health(world.store, "default", "cam-1", true, world_start_ms, "{}", &error));
    g_assert_cmpstr(camera.password, ==, "canary-password");
    record_clear(&camera_descriptor, &camera);
    if (world.database) {
        g_autofree char *found =
            postgres_ask(world.database, "SELECT count(*) FROM cameras WHERE cameras::text LIKE '%canary%'");
        g_assert_cmpstr(found, ==, "0");
        world_clear(&world);
        return;
    }
    store_close(world.store);
    world.store = NULL;
    g_autofree char *path = g_build_filename(world.directory, "vedette.db", NULL), *bytes = NULL;
    gsize length;
    g_assert_true(g_file_get_contents(path, &bytes, &length, NULL));
    g_assert_null(memmem(bytes, length, "canary", 6));
    world_clear(&world);
}

static void test_track_ids_never_come_again(void)
{
    struct store_world world;
    world_init(&world);
    int64_t last = 0;
    for (int i = 0; i < 6; i++) {
        int64_t base = store_next_track_id_base(world.clock, 0);
        g_assert_true(store_keep_track_id_base(world.store, &base, NULL));
        g_assert_cmpint(base, >=, last + (INT64_C(1) << 22));
        g_assert_cmpint(base, <, INT64_C(1) << 53);
        last = base;
        if (i == 2)
            clock_fake_step_wall_ms(world.clock, -day_ms);
        if (i == 3) {
            store_close(world.store);
            world.store = world_open(&world, NULL);
        }
    }
    world_clear(&world);
}

static void test_check_tells_of_little_room(void)
{
    if (world_is_postgres()) {
        g_test_skip("PostgreSQL looks after its own disk");
        return;
    }
    struct store_world world;
    world_init(&world);
    store_close(world.store);
    struct store_settings settings = world_settings;
    settings.minimum_free_bytes = INT64_C(1) << 60;
    world.store = store_open(world.directory, &settings, world.clock, &world.health, NULL);
    g_autoptr(GError) error = NULL;
    g_assert_false(store_check(world.store, &error));
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_FULL);
    g_assert_nonnull(strstr(error->message, "store.minimum_free_bytes"));
    world_clear(&world);
}

/* A table that somebody changed: it takes nothing, or but one type. */
static void close_table(const struct store_world *world, const char *table, const char *type)
{
    g_autofree char *when = type ? g_strdup_printf("WHEN NEW.type = '%s'", type) : g_strdup(""),
                    *check = type ? g_strdup_printf("type <> '%s'", type) : g_strdup("false");
    g_autofree char *sql =
        world->database
            ? g_strdup_printf("ALTER TABLE %s ADD CONSTRAINT closed CHECK (%s)", table, check)
            : g_strdup_printf("CREATE TRIGGER closed BEFORE INSERT ON %s %s BEGIN SELECT RAISE(ABORT, 'closed'); END",
                              table, when);
    meddle(world, sql);
}

static void open_table(const struct store_world *world, const char *table)
{
    g_autofree char *sql = world->database ? g_strdup_printf("ALTER TABLE %s DROP CONSTRAINT closed", table)
                                           : g_strdup("DROP TRIGGER closed");
    meddle(world, sql);
}

static void check_tries(struct store_world *world, unsigned refused)
{
    for (size_t i = 0; i < event_type_count; i++) {
        g_autoptr(GError) error = NULL;
        enum event_type type = event_types[i].type;
        bool is_refused = refused & 1U << type;
        g_assert_cmpint(store_events_try(world->store, type, &error), ==, !is_refused);
        if (!is_refused)
            continue;
        g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED);
        g_assert_nonnull(strstr(error->message, "refuses records that are good"));
        g_assert_nonnull(strstr(error->message, record_enum_name(event_type_names, type)));
        g_assert_false(store_check(world->store, NULL));
    }
}

/* Of what it tries nothing is left; and a table that somebody changed is no fault of the records. */
static void test_a_store_that_refuses_good_records_is_told_apart(void)
{
    enum {
        SIGNALS = 1 << EVENT_SIGNAL,
        CHUNKS = 1 << EVENT_TRACK_CHUNK,
        COUNTED = 1 << EVENT_ZONE_HIT | 1 << EVENT_LINE_CROSSING | 1 << EVENT_OCCUPANCY
    };
    static const struct {
        const char *table, *type;
        unsigned refused;
    } cases[] = {{"events", NULL, SIGNALS | COUNTED}, {"events", "signal", SIGNALS}, {"counts", NULL, COUNTED},
                 {"track_chunks", NULL, CHUNKS},      {"incidents", NULL, SIGNALS},  {"violations", NULL, SIGNALS}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct store_world world;
        world_init_fused(&world, SEVERITY_MEDIUM);
        check_tries(&world, 0);
        g_assert_cmpint(ask_number(&world, "SELECT (SELECT count(*) FROM events) + (SELECT count(*) FROM counts) + "
                                           "(SELECT count(*) FROM track_chunks) + (SELECT count(*) FROM incidents) + "
                                           "(SELECT count(*) FROM violations)"),
                        ==, 0);
        close_table(&world, cases[i].table, cases[i].type);
        check_tries(&world, cases[i].refused);
        open_table(&world, cases[i].table);
        int64_t base = store_next_track_id_base(world.clock, 0);
        g_assert_true(store_keep_track_id_base(world.store, &base, NULL)); /* which says nothing of them */
        g_assert_false(store_check(world.store, NULL));
        check_tries(&world, 0);
        g_assert_true(store_check(world.store, NULL));
        world_clear(&world);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    if (world_is_missing())
        return 0;
    g_test_add_func("/store/stores_and_lists_newest_first", test_stores_and_lists_newest_first);
    g_test_add_func("/store/g06_replay_is_idempotent", test_g06_replay_is_idempotent);
    g_test_add_func("/store/ids_belong_to_a_camera", test_ids_belong_to_a_camera);
    g_test_add_func("/store/filters", test_filters);
    g_test_add_func("/store/signals_are_found_by_what_they_say", test_signals_are_found_by_what_they_say);
    g_test_add_func("/store/cursor_over_equal_times", test_cursor_over_equal_times);
    g_test_add_func("/store/counts_are_of_their_day", test_counts_are_of_their_day);
    g_test_add_func("/store/who is inside stays over midnight", test_who_is_inside_stays_over_midnight);
    g_test_add_func("/store/bad_batch_fails_alone", test_bad_batch_fails_alone);
    g_test_add_func("/store/a_store_that_refuses_good_records_is_told_apart",
                    test_a_store_that_refuses_good_records_is_told_apart);
    g_test_add_func("/store/full_queue_refuses", test_full_queue_refuses);
    g_test_add_func("/store/survives_reopen", test_survives_reopen_and_closing_writes_all);
    g_test_add_func("/store/q15_failed_write_rolls_back", test_q15_failed_write_rolls_back);
    g_test_add_func("/store/users", test_users);
    g_test_add_func("/store/camera_login_is_not_stored", test_camera_login_is_not_stored);
    g_test_add_func("/store/track_ids_never_come_again", test_track_ids_never_come_again);
    g_test_add_func("/store/a_bulk_is_followed_to_its_end", test_a_bulk_is_followed_to_its_end);
    g_test_add_func("/store/late_events_are_not_passed_over_in_silence",
                    test_late_events_are_not_passed_over_in_silence);
    g_test_add_func("/store/check_tells_of_little_room", test_check_tells_of_little_room);
    return g_test_run();
}
