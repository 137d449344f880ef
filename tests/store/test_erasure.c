/* Deleting an org: everything of it goes, of every table, nothing of another's, and it can be proved (case G8). */
#include "store/erasure.h"
#include "store/logins.h"
#include "store/places.h"
#include "store/store_internal.h"
#include "tenancy_world.h"
#include "upkeep_world.h"

static const struct audit_by by_a = {"a", "admin-id", "admin", "10.0.0.9", "contract ended"};

/* A row of every table for the orgs a and b, and the store that holds them. */
struct erasing {
    struct tenancy tenancy;
    struct retention_settings settings;
    int is_cancelled;
};

static struct store *store_of(struct erasing *erasing)
{
    return erasing->tenancy.world.store;
}

static void erasing_begin(struct erasing *erasing)
{
    g_autoptr(GError) error = NULL;
    *erasing = (struct erasing){.is_cancelled = 0};
    tenancy_init(&erasing->tenancy);
    if (erasing->tenancy.sqlite.db)
        connection_close(&erasing->tenancy.sqlite);
    erasing->tenancy.sqlite.db = NULL;
    if (!store_of(erasing))
        erasing->tenancy.world.store = world_open(&erasing->tenancy.world, &error);
    g_assert_no_error(error);
    record_init(&retention_settings_descriptor, &erasing->settings);
    erasing->settings.batch_rows = 7;
    erasing->settings.pause_ms = 0;
}

static bool delete_org(struct erasing *erasing, const char *org_id, GError **error)
{
    const struct store_retention how = {.settings = &erasing->settings};
    return store_org_delete(store_of(erasing), &how, org_id, NULL, NULL, &by_a, error);
}

static void erasing_end(struct erasing *erasing)
{
    record_clear(&retention_settings_descriptor, &erasing->settings);
    tenancy_clear(&erasing->tenancy);
}

static void add_events(struct erasing *erasing, const char *org_id, int count)
{
    GPtrArray *batch = world_batch_new();
    for (int i = 0; i < count; i++) {
        struct analytics_event *event = world_crossing(&erasing->tenancy.world, NULL, "door", "in", world_start_ms + i);
        g_free(event->org_id);
        event->org_id = g_strdup(org_id);
        g_ptr_array_add(batch, event);
    }
    g_assert_cmpstr(world_store(&erasing->tenancy.world, batch).error, ==, NULL);
}

/* Of every table that has rows of orgs; past all that keeps orgs apart. */
static int64_t rows_of_org(struct erasing *erasing, const char *org_id, const char *but_not)
{
    int64_t sum = 0;
    for (size_t i = 0; i < store_table_count; i++) {
        const struct store_table *table = &store_tables[i];
        if ((table->tenancy != STORE_OF_ORG && table->tenancy != STORE_OF_ORG_OR_ALL) ||
            g_str_has_prefix(table->descriptor->table, but_not))
            continue;
        g_autofree char *sql =
            g_strdup_printf("SELECT count(*) FROM %s WHERE org_id = '%s'", table->descriptor->table, org_id);
        sum += ask_number(&erasing->tenancy.world, sql);
    }
    return sum;
}

/* They occurred hours before they came. */
static void add_late(struct erasing *erasing, const char *org_id)
{
    enum { LATE_MS = 5 * 3600000 };
    GPtrArray *batch = world_batch_new();
    struct analytics_event *event = world_crossing(&erasing->tenancy.world, NULL, "door", "in", world_start_ms);
    g_free(event->org_id);
    event->org_id = g_strdup(org_id);
    event->received_at.ms = world_start_ms + LATE_MS;
    g_ptr_array_add(batch, event);
    g_assert_cmpstr(world_store(&erasing->tenancy.world, batch).error, ==, NULL);
}

static bool erase(struct erasing *erasing, int64_t *rows, GError **error)
{
    const struct store_retention how = {.settings = &erasing->settings, .is_cancelled = &erasing->is_cancelled};
    g_autoptr(GPtrArray) results = g_ptr_array_new_with_free_func(retention_result_free);
    bool is_good = store_orgs_erase(store_of(erasing), &how, results, error);
    *rows = 0;
    for (guint i = 0; i < results->len; i++) {
        const struct retention_result *result = g_ptr_array_index(results, i);
        g_assert_cmpstr(result->org_id, ==, "b");
        *rows += result->rows;
    }
    return is_good;
}

static void test_g08_a_deleted_org_leaves_no_row(void)
{
    static const char values_sql[] = "SELECT count(*) FROM store_values WHERE name LIKE '% b'";
    struct erasing erasing;
    g_autoptr(GError) error = NULL;
    int64_t rows = 0;
    erasing_begin(&erasing);
    add_events(&erasing, "b", 50);
    add_events(&erasing, "a", 50);
    add_late(&erasing, "b");
    add_late(&erasing, "a");
    meddle(&erasing.tenancy.world, "UPDATE sites SET time_zone = 'UTC'; UPDATE site_clocks SET time_zone = 'UTC'");
    roll_up(&erasing.tenancy.world, ROLLUP_MONTH);
    g_assert_cmpint(ask_number(&erasing.tenancy.world, values_sql), ==, 2); /* its turn, and that some came late */
    int64_t of_a = rows_of_org(&erasing, "a", "audit"), of_b = rows_of_org(&erasing, "b", "-");
    g_assert_true(erase(&erasing, &rows, &error));  /* nothing is deleted that nobody deleted */
    if (erasing.tenancy.dialect == RECORD_POSTGRES) /* nor can jobs remove what is only added to */
        g_assert_cmpint(tenancy_try_on(erasing.tenancy.app, "vedette_jobs", erasing.tenancy.b, NULL,
                                       "DELETE FROM audit_entries WHERE org_id = 'b'"),
                        ==, 0);
    g_assert_cmpint(rows_of_org(&erasing, "b", "-"), ==, of_b);
    g_assert_true(delete_org(&erasing, "b", &error));
    g_assert_true(delete_org(&erasing, "b", &error)); /* said twice it is the same */
    g_assert_true(erase(&erasing, &rows, &error));
    g_assert_no_error(error);
    g_assert_cmpint(rows, ==, of_b);
    g_assert_cmpint(rows_of_org(&erasing, "b", "-"), ==, 0);
    g_assert_cmpint(rows_of_org(&erasing, "a", "audit"), ==, of_a);
    /* what is the server's own and named after it, too; also when someone left it there late */
    g_assert_cmpint(ask_number(&erasing.tenancy.world, values_sql), ==, 0);
    g_assert_cmpint(ask_number(&erasing.tenancy.world, "SELECT count(*) FROM store_values WHERE name LIKE '% a'"), ==,
                    2);
    meddle(&erasing.tenancy.world,
           "INSERT INTO store_values (name, value) VALUES ('rollup_turn of b', 7), ('late_events b', 7)");
    g_assert_true(erase(&erasing, &rows, &error));
    g_assert_cmpint(ask_number(&erasing.tenancy.world, values_sql), ==, 0);
    erasing_end(&erasing);
}

/* What is left of it tells what went, and the audit of whoever did it. */
static void test_g08_it_can_be_proved(void)
{
    struct erasing erasing;
    g_autoptr(GError) error = NULL;
    int64_t rows = 0;
    erasing_begin(&erasing);
    add_events(&erasing, "b", 20);
    g_assert_true(delete_org(&erasing, "b", &error));
    g_assert_true(erase(&erasing, &rows, &error));
    g_autoptr(GPtrArray) orgs = store_orgs_read(store_of(&erasing), "b", &error);
    const struct org *org = g_ptr_array_index(orgs, 0);
    g_assert_cmpstr(org->name, ==, NULL);
    g_assert_cmpstr(org->deleted_by, ==, "a");
    g_assert_cmpint(org->erased_at.ms, ==, world_start_ms);
    g_autofree char *told = g_strdup(org->erased.text);
    g_assert_nonnull(g_regex_match_simple("\"events\": ?21\\b", told, 0, 0) ? told : NULL);
    g_assert_nonnull(strstr(told, "audit_sha256"));
    g_autoptr(GPtrArray) views = store_audit_list(store_of(&erasing), "a", 0, 2, &error);
    g_assert_no_error(error);
    const struct audit_view *erased = g_ptr_array_index(views, 0), *deleted = g_ptr_array_index(views, 1);
    g_assert_cmpstr(erased->action, ==, "erase");
    g_assert_cmpstr(erased->subject_id, ==, "b");
    g_assert_nonnull(strstr(erased->after.text, "\"events\":21"));
    g_assert_cmpstr(deleted->action, ==, "delete");
    g_assert_cmpstr(deleted->actor_name, ==, "admin");
    g_assert_cmpstr(deleted->reason, ==, "contract ended");
    g_assert_true(erase(&erasing, &rows, &error)); /* again: nothing to tell */
    g_autoptr(GPtrArray) later = store_audit_list(store_of(&erasing), "a", 0, 1, &error);
    g_assert_cmpint(((const struct audit_view *)g_ptr_array_index(later, 0))->sequence, ==, erased->sequence);
    erasing_end(&erasing);
}

static void test_g08_a_legal_hold_keeps_the_org(void)
{
    struct erasing erasing;
    int64_t rows = 0;
    struct legal_hold hold;
    g_autoptr(GError) refused = NULL, late = NULL, stopped = NULL, error = NULL;
    const struct audit_by by_b = {"b", "user", "user", NULL, NULL};
    erasing_begin(&erasing);
    record_init(&legal_hold_descriptor, &hold);
    hold.reason = g_strdup("case 12");
    g_assert_true(store_hold_put(store_of(&erasing), &hold, &by_b, &error));
    g_assert_false(delete_org(&erasing, "b", &refused));
    g_assert_error(refused, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED);
    g_assert_nonnull(strstr(refused->message, "1 legal holds stand"));
    g_autofree char *first = g_strdup(hold.id);
    g_assert_true(store_hold_release(store_of(&erasing), first, &by_b, &error));
    g_assert_true(delete_org(&erasing, "b", &error));
    g_assert_false(store_hold_put(store_of(&erasing), &hold, &by_b, &late));
    g_assert_error(late, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED);
    int64_t before = rows_of_org(&erasing, "b", "audit");
    g_autofree char *meanwhile =
        g_strdup_printf("UPDATE legal_holds SET released_at = NULL WHERE org_id = 'b' AND id = '%s'", first);
    meddle(&erasing.tenancy.world, meanwhile); /* as one that came in the very moment of the deletion */
    g_assert_false(erase(&erasing, &rows, &stopped));
    g_assert_nonnull(strstr(stopped->message, "legal holds stand"));
    g_assert_cmpint(rows_of_org(&erasing, "b", "audit"), ==, before);
    g_assert_true(store_hold_release(store_of(&erasing), first, &by_b, &error));
    g_assert_true(erase(&erasing, &rows, &error));
    g_assert_cmpint(rows_of_org(&erasing, "b", "-"), ==, 0);
    record_clear(&legal_hold_descriptor, &hold);
    erasing_end(&erasing);
}

/* What policies hold back: whose camera, "" the org itself. */
static const char *held_camera;

static bool says(void *data, const struct retention_subject *subject, struct retention_settings *days)
{
    (void)data;
    (void)days;
    return strcmp(subject->org_id, "b") != 0 || strcmp(subject->camera_id, held_camera) != 0;
}

static bool is_unknown;

static bool check_policies(void *data, GError **error)
{
    (void)data;
    if (is_unknown)
        g_set_error_literal(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE, "policies cannot be read");
    return !is_unknown;
}

static void test_g08_a_policy_s_hold_keeps_the_org(void)
{
    static const char *const held[] = {"", "one"}; /* the org; the camera that every org of this world has */
    for (size_t i = 0; i < G_N_ELEMENTS(held); i++) {
        struct erasing erasing;
        g_autoptr(GError) refused = NULL, unknown = NULL, stopped = NULL, error = NULL;
        g_autoptr(GPtrArray) results = g_ptr_array_new_with_free_func(retention_result_free);
        erasing_begin(&erasing);
        const struct store_retention how = {.settings = &erasing.settings, .check = check_policies, .says = says};
        held_camera = held[i];
        g_assert_false(store_org_delete(store_of(&erasing), &how, "b", NULL, NULL, &by_a, &refused));
        g_assert_error(refused, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED);
        g_assert_nonnull(strstr(refused->message, "legal_hold"));
        is_unknown = true;
        held_camera = "nobody's";
        g_assert_false(store_org_delete(store_of(&erasing), &how, "b", NULL, NULL, &by_a, &unknown));
        g_assert_error(unknown, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE);
        is_unknown = false;
        g_assert_true(store_org_delete(store_of(&erasing), &how, "b", NULL, NULL, &by_a, &error));
        int64_t before = rows_of_org(&erasing, "b", "-");
        held_camera = held[i]; /* one that came in the very moment of the deletion */
        g_assert_false(store_orgs_erase(store_of(&erasing), &how, results, &stopped));
        g_assert_nonnull(strstr(stopped->message, "legal_hold"));
        g_assert_cmpint(rows_of_org(&erasing, "b", "-"), ==, before);
        held_camera = "nobody's";
        g_assert_true(store_orgs_erase(store_of(&erasing), &how, results, &error));
        g_assert_cmpint(rows_of_org(&erasing, "b", "-"), ==, 0);
        erasing_end(&erasing);
    }
}

#define EVENTS_OF_B "SELECT count(*) FROM events WHERE org_id = 'b'"

/* Holds the org back once some of its events are gone. */
static bool check_and_hold(void *data, GError **error)
{
    struct erasing *erasing = data;
    (void)error;
    if (ask_number(&erasing->tenancy.world, EVENTS_OF_B) < 50)
        held_camera = "";
    return true;
}

static void test_g08_a_policy_s_hold_that_comes_stops_the_erasure(void)
{
    struct erasing erasing;
    g_autoptr(GError) error = NULL, stopped = NULL;
    g_autoptr(GPtrArray) results = g_ptr_array_new_with_free_func(retention_result_free);
    erasing_begin(&erasing);
    add_events(&erasing, "b", 50);
    g_assert_true(delete_org(&erasing, "b", &error));
    const struct store_retention how = {
        .settings = &erasing.settings, .check = check_and_hold, .says = says, .data = &erasing};
    held_camera = "nobody's";
    g_assert_false(store_orgs_erase(store_of(&erasing), &how, results, &stopped));
    g_assert_error(stopped, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED);
    g_assert_cmpint(ask_number(&erasing.tenancy.world, EVENTS_OF_B), >=, 50 - erasing.settings.batch_rows);
    erasing_end(&erasing);
}

/* The seeded user, login and key of an org that stands or not. */
static void check_entrance(struct erasing *erasing, const char *org_id, bool is_open)
{
    g_autoptr(GError) no_user = NULL, no_session = NULL, no_key = NULL;
    g_autofree char *name = g_strconcat(org_id, "/one", NULL);
    struct user *user = store_user_find(store_of(erasing), name, &no_user);
    struct session *session = store_session_find(store_of(erasing), org_id, "one", &no_session);
    struct api_key *key = store_api_key_find(store_of(erasing), org_id, "one", &no_key);
    g_assert_true((user != NULL) == is_open);
    g_assert_true((session != NULL) == is_open);
    g_assert_true((key != NULL) == is_open);
    if (!is_open) {
        g_assert_error(no_user, VEDETTE_ERROR, VEDETTE_ERROR_NOT_FOUND);
        g_assert_error(no_session, VEDETTE_ERROR, VEDETTE_ERROR_NOT_FOUND);
        g_assert_error(no_key, VEDETTE_ERROR, VEDETTE_ERROR_NOT_FOUND);
    }
    user_free(user);
    session_free(session);
    api_key_free(key);
}

static void test_g08_nobody_of_it_gets_in_any_more(void)
{
    struct erasing erasing;
    g_autoptr(GError) error = NULL;
    erasing_begin(&erasing);
    meddle(&erasing.tenancy.world, "UPDATE api_keys SET ended_at = NULL");
    check_entrance(&erasing, "a", true);
    check_entrance(&erasing, "b", true);
    g_assert_true(delete_org(&erasing, "b", &error));
    check_entrance(&erasing, "a", true);
    check_entrance(&erasing, "b", false); /* at once, before a row of it went */
    erasing_end(&erasing);
}

static void test_g08_the_servers_own_org_stays(void)
{
    struct erasing erasing;
    g_autoptr(GError) error = NULL, refused = NULL;
    struct org own = {.id = (char *)"default"};
    erasing_begin(&erasing);
    g_assert_true(store_org_create(store_of(&erasing), &own, &by_a, &error));
    g_assert_false(delete_org(&erasing, "default", &refused));
    g_assert_error(refused, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED);
    g_assert_nonnull(strstr(refused->message, "the server's own administrator is of it"));
    erasing_end(&erasing);
}

/* What waited in the spool, and who still writes for it. */
static void test_g08_what_still_comes_for_it_is_let_go(void)
{
    struct erasing erasing;
    int64_t rows = 0;
    g_autoptr(GError) error = NULL, refused = NULL;
    erasing_begin(&erasing);
    g_assert_true(delete_org(&erasing, "b", &error));
    g_assert_true(erase(&erasing, &rows, &error));
    add_events(&erasing, "b", 3);
    add_events(&erasing, "a", 3);
    g_assert_cmpint(rows_of_org(&erasing, "b", "-"), ==, 0);
    g_assert_cmpint(counter_get(&erasing.tenancy.world.health.records_of_deleted_orgs), ==, 3);
    struct camera camera;
    record_init(&camera_descriptor, &camera);
    g_free(camera.org_id);
    camera.id = g_strdup("door");
    camera.org_id = g_strdup("b");
    camera.source = g_strdup("rtsp://10.0.0.7/s");
    g_assert_false(store_camera_put(store_of(&erasing), &camera, &refused));
    g_assert_nonnull(strstr(refused->message, "org 'b' was deleted"));
    record_clear(&camera_descriptor, &camera);
    g_autoptr(GPtrArray) orgs = store_orgs_list(store_of(&erasing), &error);
    g_assert_cmpuint(orgs->len, ==, 1); /* nobody works for it any longer */
    struct org again = {.id = (char *)"b"};
    g_assert_false(store_org_create(store_of(&erasing), &again, &by_a, NULL));
    g_assert_false(delete_org(&erasing, "a", NULL)); /* one's own */
    g_assert_false(delete_org(&erasing, "nobody", NULL));
    erasing_end(&erasing);
}

/* Told to stop, or killed, it goes on where it was, and what it tells is the sum. */
static void test_g08_it_goes_on_after_a_stop(void)
{
    struct erasing erasing;
    int64_t rows = 0;
    g_autoptr(GError) error = NULL, stopped = NULL;
    erasing_begin(&erasing);
    add_events(&erasing, "b", 40);
    g_assert_true(delete_org(&erasing, "b", &error));
    erasing.is_cancelled = 1;
    g_assert_false(erase(&erasing, &rows, &stopped));
    g_assert_error(stopped, VEDETTE_ERROR, VEDETTE_ERROR_CANCELLED);
    g_assert_cmpint(rows, ==, 0);
    /* as a server that was killed leaves it: some rows went, and are noted */
    meddle(&erasing.tenancy.world, "UPDATE orgs SET erased = '{\"events\": 9}' WHERE id = 'b'");
    erasing.is_cancelled = 0;
    g_assert_true(erase(&erasing, &rows, &error));
    g_autoptr(GPtrArray) orgs = store_orgs_read(store_of(&erasing), "b", &error);
    const struct org *org = g_ptr_array_index(orgs, 0);
    g_assert_true(g_regex_match_simple("\"events\": ?50\\b", org->erased.text, 0, 0));
    erasing_end(&erasing);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    if (world_is_missing())
        return 0;
    g_test_add_func("/erasure/g08_a_deleted_org_leaves_no_row", test_g08_a_deleted_org_leaves_no_row);
    g_test_add_func("/erasure/g08_it_can_be_proved", test_g08_it_can_be_proved);
    g_test_add_func("/erasure/g08_a_legal_hold_keeps_the_org", test_g08_a_legal_hold_keeps_the_org);
    g_test_add_func("/erasure/g08_a_policy_s_hold_keeps_the_org", test_g08_a_policy_s_hold_keeps_the_org);
    g_test_add_func("/erasure/g08_a_policy_s_hold_that_comes_stops_the_erasure",
                    test_g08_a_policy_s_hold_that_comes_stops_the_erasure);
    g_test_add_func("/erasure/g08_nobody_of_it_gets_in_any_more", test_g08_nobody_of_it_gets_in_any_more);
    g_test_add_func("/erasure/g08_the_servers_own_org_stays", test_g08_the_servers_own_org_stays);
    g_test_add_func("/erasure/g08_what_still_comes_for_it_is_let_go", test_g08_what_still_comes_for_it_is_let_go);
    g_test_add_func("/erasure/g08_it_goes_on_after_a_stop", test_g08_it_goes_on_after_a_stop);
    return g_test_run();
}
