/* A directory of policies beside other hands, and a store that is away for a while. Case H1 at this door. */
#include "hub/policy_taking.h"
#include "policy_files_world.h"

#include <sqlite3.h>

/* Another program holds the store's write lock, until sqlite3_close. */
static sqlite3 *hold_store(const struct files_world *world)
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
    struct files_world world;
    start(&world);
    write_file(&world, "motion.json", "{}"); /* a directory that is empty says nothing */
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
    struct files_world world;
    start(&world);
    write_file(&world, "motion.json", "{}");
    put_by_api(&world, "{\"loitering_seconds\":5}");
    write_file(&world, "safety.json", "{\"loitering_seconds\": 5}");
    watch_files(&world);
    remove_file(&world, "safety.json");
    wait_for(&world, "", 0);
    end(&world);
}

static void test_what_a_store_that_was_away_missed_is_done_once_it_is_back(void)
{
    struct files_world world;
    start(&world);
    write_file(&world, "safety.json", "{\"loitering_seconds\":5}");
    sqlite3 *holder = hold_store(&world);
    watch_files(&world);
    wait_for(&world, "", 1);
    sqlite3_close(holder);
    wait_for(&world, "{\"loitering_seconds\":5}", 0);
    write_file(&world, "motion.json", "{}");
    wait_for_policy(&world, &(struct policy_name){{NULL}, POLICY_MOTION, NULL}, "{}", 0);
    holder = hold_store(&world);
    remove_file(&world, "safety.json");
    wait_for(&world, "{\"loitering_seconds\":5}", 1); /* and /health says that it is not done */
    sqlite3_close(holder);
    wait_for(&world, "", 0);
    end(&world);
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
    struct files_world world;
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
        g_assert_cmpint(policy_keeper_check_files(world.keeper, world.source, world.directory, POLICY_RETENTION, NULL),
                        ==, !bad[i].stops);
        remove_file(&world, bad[i].name);
        wait_for(&world, "", 0);
        g_assert_true(policy_keeper_check_retention(world.keeper, NULL));
        g_assert_true(policy_keeper_check_files(world.keeper, world.source, world.directory, POLICY_RETENTION, NULL));
    }
    write_file(&world, "retention.json", "{\"legal_hold\":3}");
    gint64 until_us = g_get_monotonic_time() + DEADLINE_SECONDS * G_USEC_PER_SEC;
    for (bool is_said = false; !is_said;) { /* after what stops it for a moment: the store is being written */
        g_autoptr(GError) error = NULL;
        g_assert_cmpint(g_get_monotonic_time(), <, until_us);
        is_said = !policy_keeper_check_retention(world.keeper, &error) && strstr(error->message, "policies.directory");
    }
    const struct retention_subject door = {"default", "default", NULL, "door"};
    g_assert_false(policy_keeper_retention(world.keeper, &door, &world.settings.retention));
    write_file(&world, "retention.json", "{\"event_days\":3}"); /* the next good one */
    wait_for_retention(&world, true);
    g_assert_true(policy_keeper_check_files(world.keeper, world.source, world.directory, POLICY_RETENTION, NULL));
    end(&world);
}

/* Also where the file said something good in between, and nothing but what it said before. */
static void test_g08_a_bad_file_that_comes_back_is_in_doubt_again(void)
{
    struct files_world world;
    start(&world);
    write_file(&world, "retention.json", "{\"event_days\":3}");
    watch_files(&world);
    for (int i = 0; i < 3; i++) {
        wait_for_retention(&world, true);
        write_file(&world, "retention.json", "{\"legal_hold\":\"true\"}");
        wait_for_refused(&world, 1);
        wait_for_retention(&world, false);
        write_file(&world, "retention.json", "{\"event_days\":3}");
        wait_for_refused(&world, 0);
    }
    end(&world);
}

/* What the cameras that there are forbid alone is taken over once they are gone, without another word of the file. */
static void test_what_other_things_forbid_is_tried_again(void)
{
    struct files_world world;
    start(&world);
    struct camera *camera = record_list_append(&world.settings.cameras, &camera_descriptor);
    camera->id = g_strdup("door");
    camera->source = g_strdup("rtsp://10.0.0.7/s");
    world.roster = camera_roster_new(&world.settings.cameras);
    world.settings.policies.trial_looks = 1;
    world.poll_seconds = 0.02;
    restart(&world);
    write_file(&world, "safety.json", "{\"loitering_seconds\":5}");
    watch_files(&world);
    wait_for(&world, "", 1);
    camera_roster_remove(world.roster, "door");
    wait_for(&world, "{\"loitering_seconds\":5}", 0);
    end(&world);
}

/* A directory may be large, and be ahead of who makes the orgs for ever: it is not read every two seconds for that. */
static void test_a_file_of_whom_there_is_not_waits_for_the_next_look(void)
{
    static const struct policy_name acme = {{.org_id = "acme"}, POLICY_SAFETY, NULL};
    struct files_world world;
    atomic_bool is_stopping = false;
    start(&world);
    write_file(&world, "orgs/acme/safety.json", "{\"loitering_seconds\":5}");
    const struct policy_taking_config config = {.directory = world.directory,
                                                .source = world.source,
                                                .store = world.store.store,
                                                .keeper = world.keeper,
                                                .is_stopping = &is_stopping};
    struct policy_taking *taking = policy_taking_new(&config);
    g_assert_true(policy_taking_look(taking));
    g_assert_cmpuint(policy_taking_refused(taking), ==, 1);
    make_org(&world, "acme");
    g_assert_true(policy_taking_look(taking));
    g_assert_cmpuint(policy_taking_refused(taking), ==, 0);
    g_autofree char *text = stored_as(&world, &acme);
    g_assert_cmpstr(text, ==, "{\"loitering_seconds\":5}");
    policy_taking_free(taking);
    end(&world);
}

/* What stands in files that nobody can read, nobody knows. */
static void test_g08_nothing_is_deleted_while_the_directory_or_the_store_is_away(void)
{
    struct files_world world;
    start(&world);
    world.poll_seconds = 0.02;
    write_file(&world, "retention.json", "{\"event_days\":3}");
    sqlite3 *holder = hold_store(&world);
    watch_files(&world);
    g_assert_false(policy_keeper_check_retention(world.keeper, NULL));
    sqlite3_close(holder);
    wait_for_retention(&world, true);
    g_autofree char *elsewhere = g_strconcat(world.directory, "-moved", NULL);
    g_assert_cmpint(g_rename(world.directory, elsewhere), ==, 0);
    wait_for_retention(&world, false);
    wait_for_refused(&world, 1);
    g_assert_cmpint(g_rename(elsewhere, world.directory), ==, 0);
    wait_for_retention(&world, true);
    wait_for_refused(&world, 0);
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
    g_test_add_func("/policy_files/g08_a_bad_file_that_comes_back_is_in_doubt_again",
                    test_g08_a_bad_file_that_comes_back_is_in_doubt_again);
    g_test_add_func("/policy_files/what_other_things_forbid_is_tried_again",
                    test_what_other_things_forbid_is_tried_again);
    g_test_add_func("/policy_files/a_file_of_whom_there_is_not_waits_for_the_next_look",
                    test_a_file_of_whom_there_is_not_waits_for_the_next_look);
    g_test_add_func("/policy_files/g08_nothing_is_deleted_while_the_directory_or_the_store_is_away",
                    test_g08_nothing_is_deleted_while_the_directory_or_the_store_is_away);
    return g_test_run();
}
