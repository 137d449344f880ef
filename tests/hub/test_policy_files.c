/* A directory of policies beside other hands, and a store that is away for a while. Case H1 at this door. */
#include "../store/store_world.h"
#include "hub/policy_files.h"

#include <sqlite3.h>

enum { DEADLINE_SECONDS = 20 };

struct world {
    struct store_world store;
    struct settings settings;
    struct policy_keeper *keeper;
    struct policy_files *files;
    char *directory;
};

static const struct policy_name safety = {{NULL}, POLICY_SAFETY, NULL};

static void start(struct world *world)
{
    g_autoptr(GError) error = NULL;
    *world = (struct world){.directory = g_dir_make_tmp("vedette-files-XXXXXX", NULL)};
    world_init(&world->store);
    record_init(&settings_descriptor, &world->settings);
    const struct policy_keeper_config config = {
        .store = world->store.store, .settings = &world->settings, .clock = world->store.clock};
    world->keeper = policy_keeper_new(&config, &error);
    g_assert_no_error(error);
}

static void watch_files(struct world *world)
{
    g_autoptr(GError) error = NULL;
    world->files = policy_files_new(world->directory, world->keeper, &world->settings.cameras, &error);
    g_assert_no_error(error);
}

static void end(struct world *world)
{
    policy_files_free(world->files);
    policy_keeper_free(world->keeper);
    record_clear(&settings_descriptor, &world->settings);
    world_clear(&world->store);
    remove_directory(world->directory);
    g_free(world->directory);
}

static void write_file(struct world *world, const char *name, const char *text)
{
    g_autofree char *path = g_build_filename(world->directory, name, NULL);
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

static void remove_file(struct world *world, const char *name)
{
    g_autofree char *path = g_build_filename(world->directory, name, NULL);
    g_assert_cmpint(g_unlink(path), ==, 0);
}

/* What stands in the store; "": nothing, or it cannot be read. */
static char *stored(struct world *world)
{
    struct service_policy *policy = policy_keeper_find(world->keeper, &safety, NULL);
    char *text = g_strdup(policy ? policy->config.text : "");
    service_policy_free(policy);
    return text;
}

static void wait_for(struct world *world, const char *config, size_t refused)
{
    gint64 until_us = g_get_monotonic_time() + DEADLINE_SECONDS * G_USEC_PER_SEC;
    while (g_get_monotonic_time() < until_us) {
        g_autofree char *text = stored(world);
        if (strcmp(text, config) == 0 && policy_files_refused(world->files) == refused)
            return;
        while (g_main_context_iteration(NULL, FALSE))
            ;
        g_usleep(1000);
    }
    g_autofree char *text = stored(world);
    g_assert_cmpstr(text, ==, config);
    g_assert_cmpuint(policy_files_refused(world->files), ==, refused);
}

static void put_by_api(struct world *world, const char *body)
{
    struct policy_changed changed;
    struct record_errors errors;
    g_autoptr(GError) error = NULL;
    record_errors_init(&errors);
    const struct policy_change change = {.name = safety,
                                         .action = POLICY_PUT,
                                         .body = body,
                                         .expected_version = -1,
                                         .by = {"default", "u1", "ann", NULL, "by hand"}};
    policy_keeper_change(world->keeper, &change, &changed, &errors, &error);
    g_assert_no_error(error);
    policy_changed_clear(&changed);
    record_errors_clear(&errors);
}

/* Another program holds the store's write lock, until sqlite3_close. */
static sqlite3 *hold_store(const struct world *world)
{
    g_autofree char *path = g_build_filename(world->store.directory, "vedette.db", NULL);
    sqlite3 *database = NULL;
    g_assert_cmpint(sqlite3_open(path, &database), ==, SQLITE_OK);
    sqlite3_busy_timeout(database, 10000);
    g_assert_cmpint(sqlite3_exec(database, "BEGIN IMMEDIATE", NULL, NULL, NULL), ==, SQLITE_OK);
    return database;
}

static void test_a_bad_file_that_goes_takes_nobody_elses_document(void)
{
    struct world world;
    start(&world);
    put_by_api(&world, "{\"loitering_seconds\":5}");
    write_file(&world, "safety.json", "{\"loitering_seconds\":\"soon\"}");
    watch_files(&world);
    wait_for(&world, "{\"loitering_seconds\":5}", 1);
    remove_file(&world, "safety.json");
    wait_for(&world, "{\"loitering_seconds\":5}", 0);
    write_file(&world, "safety.json", "{\"loitering_seconds\":6}");
    wait_for(&world, "{\"loitering_seconds\":6}", 0);
    remove_file(&world, "safety.json");
    wait_for(&world, "", 0);
    end(&world);
}

/* Who has what the API made in a file too has put it into the directory's hands. */
static void test_a_file_that_says_the_same_takes_the_document_over(void)
{
    struct world world;
    start(&world);
    put_by_api(&world, "{\"loitering_seconds\":5}");
    write_file(&world, "safety.json", "{\"loitering_seconds\": 5}");
    watch_files(&world);
    remove_file(&world, "safety.json");
    wait_for(&world, "", 0);
    end(&world);
}

static void test_what_a_store_that_was_away_missed_is_done_once_it_is_back(void)
{
    struct world world;
    start(&world);
    write_file(&world, "safety.json", "{\"loitering_seconds\":5}");
    sqlite3 *holder = hold_store(&world);
    watch_files(&world);
    wait_for(&world, "", 1);
    sqlite3_close(holder);
    wait_for(&world, "{\"loitering_seconds\":5}", 0);
    holder = hold_store(&world);
    remove_file(&world, "safety.json");
    wait_for(&world, "{\"loitering_seconds\":5}", 1); /* and /health says that it is not done */
    sqlite3_close(holder);
    wait_for(&world, "", 0);
    end(&world);
}

/* Makes the watch look, at a directory that has moved. */
static void write_in(const char *directory)
{
    g_autofree char *path = g_build_filename(directory, "safety.json", NULL);
    g_assert_true(g_file_set_contents(path, "{}", -1, NULL));
}

static void wait_for_retention(struct world *world, bool is_known)
{
    gint64 until_us = g_get_monotonic_time() + DEADLINE_SECONDS * G_USEC_PER_SEC;
    while (policy_keeper_check_retention(world->keeper, NULL) != is_known && g_get_monotonic_time() < until_us)
        g_main_context_iteration(NULL, FALSE);
    g_assert_cmpint(policy_keeper_check_retention(world->keeper, NULL), ==, is_known);
}

/* It may be a hold that its author believes to be in force. Files of other types, once they are known for such, stop
 * nothing. */
static void test_g08_nothing_is_deleted_while_a_file_of_retention_is_refused(void)
{
    static const struct {
        const char *name, *text;
        bool stops;
    } bad[] = {
        {"retention.json", "{\"legal_hold\":3}", true},
        {"orgs/default/cameras/door/retention.json", "{\"legal_hold\":", true},
        {"orgs/default/cameras/a b/retention.json", "{\"legal_hold\":true}", true}, /* names no scope */
        {"retenion.json", "{\"legal_hold\":true}", true},
        {"safety.json", "{\"loitering_seconds\":\"soon\"}", false},
    };
    struct world world;
    g_autoptr(GError) error = NULL;
    start(&world);
    watch_files(&world);
    g_assert_true(policy_keeper_check_retention(world.keeper, NULL));
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *folder = g_path_get_dirname(bad[i].name),
                        *whole = g_build_filename(world.directory, folder, NULL);
        g_assert_cmpint(g_mkdir_with_parents(whole, 0700), ==, 0);
        write_file(&world, bad[i].name, bad[i].text);
        wait_for(&world, "", 1);
        g_assert_cmpint(policy_keeper_check_retention(world.keeper, NULL), ==, !bad[i].stops);
        g_assert_cmpint(policy_keeper_check_files(world.keeper, world.directory, POLICY_RETENTION, NULL), ==,
                        !bad[i].stops);
        remove_file(&world, bad[i].name);
        wait_for(&world, "", 0);
        g_assert_true(policy_keeper_check_retention(world.keeper, NULL));
        g_assert_true(policy_keeper_check_files(world.keeper, world.directory, POLICY_RETENTION, NULL));
    }
    write_file(&world, "retention.json", "{\"legal_hold\":3}");
    wait_for_retention(&world, false);
    policy_keeper_check_retention(world.keeper, &error);
    g_assert_nonnull(strstr(error->message, "policies.directory"));
    const struct retention_subject door = {"default", "default", NULL, "door"};
    g_assert_false(policy_keeper_retention(world.keeper, &door, &world.settings.retention));
    write_file(&world, "retention.json", "{\"event_days\":3}"); /* the next good one */
    wait_for_retention(&world, true);
    g_assert_true(policy_keeper_check_files(world.keeper, world.directory, POLICY_RETENTION, NULL));
    end(&world);
}

/* What stands in files that nobody can read, nobody knows. */
static void test_g08_nothing_is_deleted_while_the_directory_or_the_store_is_away(void)
{
    struct world world;
    start(&world);
    write_file(&world, "retention.json", "{\"event_days\":3}");
    sqlite3 *holder = hold_store(&world);
    watch_files(&world);
    g_assert_false(policy_keeper_check_retention(world.keeper, NULL));
    sqlite3_close(holder);
    wait_for_retention(&world, true);
    g_autofree char *elsewhere = g_strconcat(world.directory, "-moved", NULL);
    g_assert_cmpint(g_rename(world.directory, elsewhere), ==, 0);
    write_in(elsewhere);
    wait_for_retention(&world, false);
    g_assert_cmpuint(policy_files_refused(world.files), ==, 1);
    g_assert_cmpint(g_rename(elsewhere, world.directory), ==, 0);
    wait_for_retention(&world, true);
    g_assert_cmpuint(policy_files_refused(world.files), ==, 0);
    end(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/policy_files/h01_a_bad_file_that_goes_takes_nobody_elses_document",
                    test_a_bad_file_that_goes_takes_nobody_elses_document);
    g_test_add_func("/policy_files/a_file_that_says_the_same_takes_the_document_over",
                    test_a_file_that_says_the_same_takes_the_document_over);
    g_test_add_func("/policy_files/what_a_store_that_was_away_missed_is_done_once_it_is_back",
                    test_what_a_store_that_was_away_missed_is_done_once_it_is_back);
    g_test_add_func("/policy_files/g08_nothing_is_deleted_while_a_file_of_retention_is_refused",
                    test_g08_nothing_is_deleted_while_a_file_of_retention_is_refused);
    g_test_add_func("/policy_files/g08_nothing_is_deleted_while_the_directory_or_the_store_is_away",
                    test_g08_nothing_is_deleted_while_the_directory_or_the_store_is_away);
    return g_test_run();
}
