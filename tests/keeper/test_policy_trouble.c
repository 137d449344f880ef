/* What goes wrong away from a change: cameras that cannot be told what their policies come to, and a snapshot that
 * somebody else reads or writes. Cases H1, H11 and H12 at the keeper. */
#include "../logged.h"
#include "../store/store_world.h"
#include "keeper/keeper.h"
#include "keeper/seal.h"

#include <glib/gstdio.h>
#include <sqlite3.h>
#include <string.h>

#define KEY "k1:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
#define NEW_KEY "k2:OTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTBmZWRjYmE="

struct world {
    struct store_world store;
    struct settings settings;
    struct camera_roster *roster;
    struct policy_keeper *keeper;
    char *snapshot;
};

static void open_keeper(struct world *world)
{
    g_autoptr(GError) error = NULL;
    const struct policy_keeper_config config = {.store = world->store.store,
                                                .settings = &world->settings,
                                                .snapshot_path = world->snapshot,
                                                .clock = world->store.clock,
                                                .roster = world->roster};
    world->keeper = policy_keeper_new(&config, &error);
    g_assert_no_error(error);
}

static void open_keeper_anew(struct world *world, const char *keys)
{
    policy_keeper_free(world->keeper);
    g_free(world->settings.policies.keys);
    world->settings.policies.keys = g_strdup(keys);
    open_keeper(world);
}

static void world_start(struct world *world, const char *keys)
{
    g_autoptr(GError) error = NULL;
    *world = (struct world){0};
    world_init(&world->store);
    world->snapshot = g_build_filename(world->store.directory, "policies.snapshot", NULL);
    record_init(&settings_descriptor, &world->settings);
    world->settings.policies.keys = g_strdup(keys);
    struct camera *camera = record_list_append(&world->settings.cameras, &camera_descriptor);
    camera->id = g_strdup("door");
    camera->source = g_strdup("rtsp://10.0.0.7/s");
    g_assert_true(store_camera_put(world->store.store, camera, &error));
    world->roster = camera_roster_new(&world->settings.cameras);
    open_keeper(world);
}

static void world_end(struct world *world)
{
    policy_keeper_free(world->keeper);
    camera_roster_free(world->roster);
    record_clear(&settings_descriptor, &world->settings);
    world_clear(&world->store);
    g_free(world->snapshot);
}

static void put(struct world *world, enum policy_type type, const char *body)
{
    g_autoptr(GError) error = NULL;
    struct policy_changed changed;
    struct record_errors errors;
    record_errors_init(&errors);
    const struct policy_change change = {.name = {{.org_id = "default"}, type, NULL},
                                         .action = POLICY_PUT,
                                         .body = body,
                                         .expected_version = -1,
                                         .by = {"default", "u1", "ann", NULL, "because"}};
    policy_keeper_change(world->keeper, &change, &changed, &errors, &error);
    g_assert_no_error(error);
    policy_changed_clear(&changed);
    record_errors_clear(&errors);
}

static void put_safety(struct world *world, const char *body)
{
    put(world, POLICY_SAFETY, body);
}

/* As another program would. */
static void meddle(const struct world *world, const char *sql)
{
    g_autofree char *path = g_build_filename(world->store.directory, "vedette.db", NULL);
    sqlite3 *database = NULL;
    g_assert_cmpint(sqlite3_open(path, &database), ==, SQLITE_OK);
    sqlite3_busy_timeout(database, 10000);
    g_assert_cmpint(sqlite3_exec(database, sql, NULL, NULL, NULL), ==, SQLITE_OK);
    sqlite3_close(database);
}

/* Whether the camera could be told; and how many could not, as the status says. */
static bool configure(struct world *world, int64_t expected)
{
    struct camera_config config;
    struct policy_status status;
    CLEANUP(policy_view) struct policy_view *view = policy_keeper_get_view(world->keeper);
    bool is_good = policy_keeper_configure(world->keeper, view, world->settings.cameras.items, &config, NULL);
    if (is_good)
        record_clear(&camera_config_descriptor, &config);
    policy_keeper_get_status(world->keeper, &status);
    g_assert_cmpint(status.not_configured, ==, expected);
    g_assert_cmpint(status.bad_now, ==, expected);
    g_assert_cmpint(status.error != NULL, ==, expected > 0);
    if (status.error)
        g_assert_nonnull(strstr(status.error, "door"));
    policy_status_clear(&status);
    return is_good;
}

static void insert_open(const struct world *world, const char *type)
{
    g_autofree char *sql = g_strdup_printf(
        "INSERT INTO service_policies (id, org_id, service_name, policy_type, config, version, revision, created_at, "
        "updated_at) VALUES ('of-%s', 'default', '%s', '%s', '{}', 1, 1, 0, 0)",
        type, type, type);
    meddle(world, sql);
}

/* The key that sealed what is stored of a type; "": none did. g_free. */
static char *sealed_by(const struct world *world, const char *type)
{
    int64_t revision;
    static const char *const keys[] = {"k1", "k2"};
    g_autoptr(GPtrArray) policies = store_policies_list(world->store.store, &revision, NULL);
    for (guint i = 0; i < policies->len; i++) {
        const struct service_policy *policy = g_ptr_array_index(policies, i);
        for (size_t k = 0; k < G_N_ELEMENTS(keys) && strcmp(policy->policy_type, type) == 0; k++) {
            g_autofree char *form = g_strdup_printf("\"v1.%s.", keys[k]);
            if (strstr(policy->config.text, form))
                return g_strdup(keys[k]);
        }
    }
    return g_strdup("");
}

static void expect_sealed_by(const struct world *world, const char *type, const char *key)
{
    g_autofree char *sealed = sealed_by(world, type);
    g_assert_cmpstr(sealed, ==, key);
}

/* In a rotation, before this server is restarted: it seals what is open, and not anew what the other did. */
static void test_what_another_servers_key_sealed_is_left(void)
{
    struct world world, other;
    g_autoptr(GError) error = NULL;
    world_start(&world, KEY "\n" NEW_KEY);
    g_assert_true(policy_keeper_start(world.keeper, &error));
    put_safety(&world, "{\"loitering_seconds\":10}");
    expect_sealed_by(&world, "safety", "k1");
    other = world;
    other.settings.policies.keys = g_strdup(NEW_KEY "\n" KEY);
    open_keeper(&other);
    g_assert_cmpint(policy_keeper_reseal(other.keeper, &error), ==, 1);
    policy_keeper_free(other.keeper);
    g_free(other.settings.policies.keys);
    insert_open(&world, "rumour"); /* no type of Vedette's, and so never sealed */
    insert_open(&world, "privacy");
    put(&world, POLICY_MOTION, "{}"); /* it reads all of them */
    expect_sealed_by(&world, "rumour", "");
    expect_sealed_by(&world, "privacy", "k1");
    expect_sealed_by(&world, "safety", "k2");
    world_end(&world);
}

/* Here by settings that contradict themselves: no document can do so. */
static void test_a_camera_that_cannot_be_told_is_in_the_status_until_it_can(void)
{
    struct world world;
    world_start(&world, NULL);
    g_assert_true(configure(&world, 0));
    const struct rule_settings sound = world.settings.rules;
    struct rule_settings unsound = sound;
    unsound.settle_frames = 9;
    unsound.settle_of_frames = 8;
    world.settings.rules = unsound;
    g_assert_false(configure(&world, 1));
    g_assert_false(configure(&world, 1));
    g_autofree char *why = policy_keeper_trouble_of(world.keeper, "door");
    g_assert_nonnull(strstr(why, "settle_of_frames"));
    world.settings.rules = sound;
    g_assert_true(configure(&world, 0));
    g_assert_null(policy_keeper_trouble_of(world.keeper, "door"));
    world.settings.rules = unsound;
    g_assert_false(configure(&world, 1));
    camera_roster_remove(world.roster, "door"); /* who is gone is no trouble */
    policy_keeper_see_cameras(world.keeper);
    g_assert_null(policy_keeper_trouble_of(world.keeper, "door"));
    world_end(&world);
}

/* From elsewhere, without a check: refused whole, told, and what was in force stays. */
static void test_h01_what_another_program_stores_is_refused_like_a_change(void)
{
    static const char *const bad[] = {"{\"loitering_seconds\":-1}", "{\"tamper_seconds\":\"soon\"}", "[]"};
    struct world world;
    world_start(&world, NULL);
    put_safety(&world, "{\"loitering_seconds\":10}");
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        struct policy_effective effective;
        struct policy_status status;
        g_autofree char *sql = g_strdup_printf("UPDATE service_policies SET config = '%s'", bad[i]);
        meddle(&world, sql);
        open_keeper_anew(&world, NULL);
        policy_keeper_resolve(world.keeper, POLICY_SAFETY, &(struct policy_scope){.org_id = "default"}, &effective);
        g_assert_cmpstr(effective.config_json, ==, "{\"loitering_seconds\":10}");
        policy_effective_clear(&effective);
        policy_keeper_get_status(world.keeper, &status);
        g_assert_cmpint(status.refused_now, ==, 1);
        g_assert_nonnull(strstr(status.error, "safety"));
        policy_status_clear(&status);
    }
    world_end(&world);
}

/* After the keys were lost, say: what was hidden, nobody knows, and so nobody is told to look. */
static void test_h11_what_nobody_knows_the_policies_of_is_told_nothing(void)
{
    struct world world;
    g_autoptr(GError) error = NULL;
    struct camera_config config;
    world_start(&world, NULL);
    put(&world, POLICY_PRIVACY, "{\"blur_strength\":1}");
    meddle(&world, "UPDATE service_policies SET config = '[]'");
    g_assert_cmpint(g_unlink(world.snapshot), ==, 0);
    open_keeper_anew(&world, NULL);
    CLEANUP(policy_view) struct policy_view *view = policy_keeper_get_view(world.keeper);
    g_assert_false(policy_keeper_configure(world.keeper, view, world.settings.cameras.items, &config, &error));
    g_assert_nonnull(strstr(error->message, "privacy"));
    g_autofree char *why = policy_keeper_trouble_of(world.keeper, "door");
    g_assert_cmpstr(why, ==, error->message);
    put(&world, POLICY_SAFETY, "{\"loitering_seconds\":10}"); /* other changes go on */
    put(&world, POLICY_PRIVACY, "{\"blur_strength\":0.9}");
    g_assert_true(configure(&world, 0));
    world_end(&world);
}

/* ---- the snapshot ---- */

static char *read_snapshot(const struct world *world)
{
    g_autoptr(GError) error = NULL;
    char *text = NULL;
    g_file_get_contents(world->snapshot, &text, NULL, &error);
    g_assert_no_error(error);
    return text;
}

static void write_snapshot(const struct world *world, const char *text)
{
    g_assert_true(g_file_set_contents(world->snapshot, text, -1, NULL));
}

/* What a start has where the store's own documents are worth nothing: what the snapshot says; "{}": it says nothing. */
static char *served_by_snapshot(struct world *world, const char *keys, int64_t refused)
{
    struct policy_effective effective;
    struct policy_status status;
    open_keeper_anew(world, keys);
    policy_keeper_resolve(world->keeper, POLICY_SAFETY, &(struct policy_scope){.org_id = "default"}, &effective);
    char *config = g_steal_pointer(&effective.config_json);
    policy_effective_clear(&effective);
    policy_keeper_get_status(world->keeper, &status);
    g_assert_cmpint(status.snapshots_refused, ==, refused);
    g_assert_cmpint(status.snapshot_error != NULL, ==, refused > 0);
    policy_status_clear(&status);
    return config;
}

static void test_a_snapshot_is_sealed_where_there_is_a_key(void)
{
    struct world world;
    world_start(&world, KEY);
    put_safety(&world, "{\"loitering_seconds\":10}");
    g_autofree char *text = read_snapshot(&world);
    g_assert_true(g_str_has_prefix(text, "{\"sealed\":\"v1.k1."));
    g_assert_null(strstr(text, "loitering"));
    meddle(&world, "UPDATE service_policies SET config = '[]'");
    g_autofree char *rotated = served_by_snapshot(&world, NEW_KEY "\n" KEY, 0);
    g_assert_cmpstr(rotated, ==, "{\"loitering_seconds\":10}");
    g_autofree char *anew = read_snapshot(&world); /* each run writes it with its first key */
    g_assert_true(g_str_has_prefix(anew, "{\"sealed\":\"v1.k2."));
    g_autofree char *alone = served_by_snapshot(&world, NEW_KEY, 0);
    g_assert_cmpstr(alone, ==, "{\"loitering_seconds\":10}");
    world_end(&world);
}

/* Whoever can write the file would say what is hidden, else. It is written anew, sealed, from what the store has. */
static void test_h12_a_snapshot_that_is_not_sealed_though_there_is_a_key_is_passed_over(void)
{
    struct world world;
    struct policy_status status;
    world_start(&world, NULL);
    put_safety(&world, "{\"loitering_seconds\":10}");
    g_autofree char *open = read_snapshot(&world);
    g_assert_nonnull(strstr(open, "loitering"));
    meddle(&world, "UPDATE service_policies SET config = '{\"loitering_seconds\":11}'");
    g_autofree char *served = served_by_snapshot(&world, KEY, 1);
    g_assert_cmpstr(served, ==, "{\"loitering_seconds\":11}");
    policy_keeper_get_status(world.keeper, &status);
    g_assert_nonnull(strstr(status.snapshot_error, "not sealed"));
    policy_status_clear(&status);
    g_autofree char *sealed = read_snapshot(&world);
    g_assert_true(g_str_has_prefix(sealed, "{\"sealed\":\"v1.k1."));
    meddle(&world, "UPDATE service_policies SET config = '[]'");
    g_autofree char *last_good = served_by_snapshot(&world, KEY, 0);
    g_assert_cmpstr(last_good, ==, "{\"loitering_seconds\":11}");
    write_snapshot(&world, open);
    g_autofree char *nothing = served_by_snapshot(&world, KEY, 1);
    g_assert_cmpstr(nothing, ==, "{}");
    world_end(&world);
}

/* Changed, sealed for another purpose, or with a key that is gone: passed over with words, and counted. */
static void test_h12_a_sealed_snapshot_that_is_not_ours_is_passed_over(void)
{
    struct world world;
    g_autoptr(GError) error = NULL;
    world_start(&world, NULL);
    put_safety(&world, "{\"loitering_seconds\":10}");
    g_autofree char *open = read_snapshot(&world);
    open_keeper_anew(&world, KEY);
    g_autofree char *sealed = read_snapshot(&world);
    CLEANUP(policy_keyring) struct policy_keyring *ring = policy_keyring_new(KEY, &error);
    CLEANUP(policy_keyring) struct policy_keyring *strange = policy_keyring_new(NEW_KEY, &error);
    g_assert_no_error(error);
    const struct policy_binding document = {{.org_id = "default"}, "safety", POLICY_SAFETY, 1};
    const struct policy_binding snapshot = {.service_name = "policies.snapshot"};
    g_autofree char *changed = g_strdup(sealed), *cut = g_strndup(sealed, strlen(sealed) / 2);
    char *at = changed + strlen(changed) / 2;
    *at = *at == 'A' ? 'B' : 'A';
    g_autofree char *elsewhere = policy_seal(ring, &document, open), *foreign = policy_seal(strange, &snapshot, open);
    const char *const bad[] = {changed, cut, elsewhere, foreign};
    meddle(&world, "UPDATE service_policies SET config = '[]'");
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        struct policy_status status;
        write_snapshot(&world, bad[i]);
        g_autofree char *served = served_by_snapshot(&world, KEY, 1);
        g_assert_cmpstr(served, ==, "{}");
        policy_keeper_get_status(world.keeper, &status);
        g_assert_nonnull(strstr(status.snapshot_error, "snapshot"));
        policy_status_clear(&status);
    }
    write_snapshot(&world, sealed);
    g_autofree char *served = served_by_snapshot(&world, KEY, 0);
    g_assert_cmpstr(served, ==, "{\"loitering_seconds\":10}");
    world_end(&world);
}

/* What the log says of the snapshot when the keeper starts again. g_free. */
static char *logged_at_start(struct world *world)
{
    struct logged logged;
    keep_log(&logged);
    open_keeper_anew(world, NULL);
    return read_log(&logged);
}

static void test_h11_a_snapshot_with_a_doubt_is_not_told_as_passed_over(void)
{
    struct world world;
    world_start(&world, NULL);
    put(&world, POLICY_PRIVACY, "{\"face_blur_enabled\":false}");
    g_assert_cmpint(g_unlink(world.snapshot), ==, 0); /* nobody knows what was good before */
    meddle(&world, "UPDATE service_policies SET config = '[]'");
    open_keeper_anew(&world, NULL);
    g_autofree char *doubted = logged_at_start(&world);
    g_assert_nonnull(strstr(doubted, "that document is in doubt there, all others hold"));
    g_assert_null(strstr(doubted, "passed over"));
    write_snapshot(&world, "what is this?");
    g_autofree char *damaged = logged_at_start(&world);
    g_assert_nonnull(strstr(damaged, "it is passed over"));
    world_end(&world);
}

/* ---- at rest ---- */

static int count_open(const struct world *world)
{
    g_autofree char *path = g_build_filename(world->store.directory, "vedette.db", NULL);
    sqlite3 *database = NULL;
    sqlite3_stmt *statement = NULL;
    g_assert_cmpint(sqlite3_open(path, &database), ==, SQLITE_OK);
    g_assert_cmpint(sqlite3_prepare_v2(database,
                                       "SELECT count(*) FROM service_policies WHERE config NOT LIKE '%sealed%'", -1,
                                       &statement, NULL),
                    ==, SQLITE_OK);
    g_assert_cmpint(sqlite3_step(statement), ==, SQLITE_ROW);
    int count = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(database);
    return count;
}

/* Also beside one that nobody can open. */
static void test_what_others_wrote_is_sealed_once_it_is_read(void)
{
    static const enum policy_type types[] = {POLICY_SAFETY, POLICY_OCCUPANCY, POLICY_MOTION};
    struct world world;
    g_autoptr(GError) error = NULL;
    world_start(&world, KEY);
    for (size_t i = 0; i < G_N_ELEMENTS(types); i++)
        put(&world, types[i], "{}");
    meddle(&world, "UPDATE service_policies SET config = '{\"loitering_seconds\":11}' WHERE policy_type = 'safety'");
    meddle(&world, "UPDATE service_policies SET config = '{\"dwell_seconds\":3}' WHERE policy_type = 'occupancy'");
    meddle(&world, "UPDATE service_policies SET config = '{\"sealed\":\"v1.gone.AAAA\"}' WHERE policy_type = 'motion'");
    g_assert_true(policy_keeper_start(world.keeper, &error));
    g_assert_no_error(error);
    g_assert_cmpint(count_open(&world), ==, 0);
    meddle(&world, "UPDATE service_policies SET config = '{\"loitering_seconds\":12}' WHERE policy_type = 'safety'");
    put(&world, POLICY_OCCUPANCY, "{\"dwell_seconds\":4}"); /* after which all are read */
    g_assert_cmpint(count_open(&world), ==, 0);
    g_autofree char *served = served_by_snapshot(&world, KEY, 0);
    g_assert_cmpstr(served, ==, "{\"loitering_seconds\":12}");
    world_end(&world);
}

/* The manager's own look read them between the start, which could not, and the catching up. */
static void test_catching_up_seals_what_another_look_has_read(void)
{
    struct world world;
    g_autoptr(GError) error = NULL;
    world_start(&world, KEY);
    put(&world, POLICY_SAFETY, "{}");
    meddle(&world, "UPDATE service_policies SET config = '{\"loitering_seconds\":11}'");
    g_assert_cmpint(count_open(&world), ==, 1);
    g_assert_true(policy_keeper_catch_up(world.keeper, &error));
    g_assert_no_error(error);
    g_assert_cmpint(count_open(&world), ==, 0);
    world_end(&world);
}

static void wait_for_retention(struct world *world, bool is_known)
{
    gint64 until_us = g_get_monotonic_time() + 60 * G_USEC_PER_SEC;
    while (policy_keeper_check_retention(world->keeper, NULL) != is_known) {
        g_assert_cmpint(g_get_monotonic_time(), <, until_us);
        g_usleep(1000);
    }
}

/* Nothing is deleted by policies that the store no longer has, and what is changed then holds. */
static void test_h10_a_store_that_went_back_stops_deletion_until_a_change(void)
{
    struct world world;
    g_autoptr(GError) error = NULL;
    world_start(&world, NULL);
    for (int i = 1; i <= 5; i++) {
        g_autofree char *body = g_strdup_printf("{\"event_days\":%d}", i);
        put(&world, POLICY_RETENTION, body);
    }
    g_assert_true(policy_keeper_start(world.keeper, &error));
    meddle(&world, "UPDATE store_values SET value = 2 WHERE name = 'policy_revision'"); /* as a backup put back does */
    g_assert_true(policy_keeper_check_retention(world.keeper, NULL));                   /* nobody looked yet */
    policy_keeper_notify(world.keeper);
    wait_for_retention(&world, false);
    put(&world, POLICY_RETENTION, "{\"legal_hold\":true}"); /* revision 3 */
    g_assert_true(policy_keeper_check_retention(world.keeper, &error));
    const struct retention_subject door = {"default", "default", NULL, "door"};
    g_assert_false(policy_keeper_retention(world.keeper, &door, &world.settings.retention));
    world_end(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/policy trouble/what another servers key sealed is left",
                    test_what_another_servers_key_sealed_is_left);
    g_test_add_func("/policy trouble/a camera that cannot be told is in the status until it can",
                    test_a_camera_that_cannot_be_told_is_in_the_status_until_it_can);
    g_test_add_func("/policy trouble/h01_what_another_program_stores_is_refused_like_a_change",
                    test_h01_what_another_program_stores_is_refused_like_a_change);
    g_test_add_func("/policy trouble/h11_what_nobody_knows_the_policies_of_is_told_nothing",
                    test_h11_what_nobody_knows_the_policies_of_is_told_nothing);
    g_test_add_func("/policy trouble/a snapshot is sealed where there is a key",
                    test_a_snapshot_is_sealed_where_there_is_a_key);
    g_test_add_func("/policy trouble/h12_a_snapshot_that_is_not_sealed_though_there_is_a_key_is_passed_over",
                    test_h12_a_snapshot_that_is_not_sealed_though_there_is_a_key_is_passed_over);
    g_test_add_func("/policy trouble/h12_a_sealed_snapshot_that_is_not_ours_is_passed_over",
                    test_h12_a_sealed_snapshot_that_is_not_ours_is_passed_over);
    g_test_add_func("/policy trouble/h11_a_snapshot_with_a_doubt_is_not_told_as_passed_over",
                    test_h11_a_snapshot_with_a_doubt_is_not_told_as_passed_over);
    g_test_add_func("/policy trouble/what others wrote is sealed once it is read",
                    test_what_others_wrote_is_sealed_once_it_is_read);
    g_test_add_func("/policy trouble/catching up seals what another look has read",
                    test_catching_up_seals_what_another_look_has_read);
    g_test_add_func("/policy trouble/h10_a_store_that_went_back_stops_deletion_until_a_change",
                    test_h10_a_store_that_went_back_stops_deletion_until_a_change);
    return g_test_run();
}
