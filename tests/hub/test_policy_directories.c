/* Directories of policies over restarts, and several servers of one store: what a directory takes away, and what not.
 */
#include "../logged.h"
#include "policy_files_world.h"

#include <stdatomic.h>

#include "store/policy_files.h"

static const struct policy_name retention = {{.org_id = "default"}, POLICY_RETENTION, NULL},
                                privacy = {{.org_id = "default"}, POLICY_PRIVACY, NULL},
                                motion = {{NULL}, POLICY_MOTION, NULL};

/* Another server, of the same store, with a directory of its own. */
/* A store's health is not borrowed: its threads count there. */
static void start_beside(struct files_world *second, const struct files_world *first)
{
    *second = (struct files_world){.store = {.store = first->store.store, .clock = first->store.clock},
                                   .directory = g_dir_make_tmp("vedette-files-XXXXXX", NULL),
                                   .source = "two"};
    record_init(&settings_descriptor, &second->settings);
    open_keeper(second);
}

static void end_beside(struct files_world *second)
{
    policy_files_free(second->files);
    policy_keeper_free(second->keeper);
    record_clear(&settings_descriptor, &second->settings);
    remove_directory(second->directory);
    g_free(second->directory);
}

/* A volume that is not mounted yet, or a checkout that is not done. */
static void test_an_empty_directory_takes_nothing_away(void)
{
    struct files_world world;
    start(&world);
    make_org(&world, "default");
    write_file(&world, "orgs/default/retention.json", "{\"legal_hold\":true}");
    write_file(&world, "orgs/default/privacy.json", "{\"face_blur_enabled\":true}");
    watch_files(&world);
    wait_for_policy(&world, &retention, "{\"legal_hold\":true}", 0);
    g_autofree char *orgs = g_build_filename(world.directory, "orgs", NULL),
                    *aside = g_build_filename(world.directory, ".orgs", NULL); /* of no document's name */
    g_assert_cmpint(g_rename(orgs, aside), ==, 0);
    for (int run = 0; run < 2; run++) {
        wait_for_retention(&world, false);
        wait_for_policy(&world, &retention, "{\"legal_hold\":true}", 1);
        wait_for_policy(&world, &privacy, "{\"face_blur_enabled\":true}", 1);
        restart(&world); /* nor does a start from it */
        watch_files(&world);
    }
    g_assert_cmpint(g_rename(aside, orgs), ==, 0);
    wait_for_retention(&world, true);
    wait_for_policy(&world, &retention, "{\"legal_hold\":true}", 0);
    end(&world);
}

/* Who wants it empty takes the documents away, or leaves a file that says nothing. */
static void test_a_directory_may_be_emptied_on_purpose(void)
{
    struct files_world world;
    start(&world);
    world.poll_seconds = 0.02;
    write_file(&world, "safety.json", "{\"loitering_seconds\":5}");
    watch_files(&world);
    remove_file(&world, "safety.json");
    wait_for(&world, "{\"loitering_seconds\":5}", 1);
    change_by_api(&world, POLICY_DELETE, NULL);
    wait_for(&world, "", 0);
    write_file(&world, "safety.json", "{\"loitering_seconds\":6}");
    wait_for(&world, "{\"loitering_seconds\":6}", 0);
    remove_file(&world, "safety.json");
    write_file(&world, "motion.json", "{}");
    wait_for(&world, "", 0);
    wait_for_policy(&world, &motion, "{}", 0);
    end(&world);
}

/* Of an org that has no camera in the settings. */
static void test_a_file_that_went_while_nobody_ran_takes_its_document(void)
{
    static const struct policy_name acme = {{.org_id = "acme"}, POLICY_SAFETY, NULL};
    struct files_world world;
    start(&world);
    make_org(&world, "acme");
    write_file(&world, "orgs/acme/safety.json", "{\"loitering_seconds\":5}");
    write_file(&world, "motion.json", "{}");
    watch_files(&world);
    wait_for_policy(&world, &acme, "{\"loitering_seconds\":5}", 0);
    restart(&world);
    remove_file(&world, "orgs/acme/safety.json");
    watch_files(&world);
    wait_for_policy(&world, &acme, "", 0);
    end(&world);
}

/* As at a first start, or before somebody makes the camera. */
static void test_a_file_is_taken_once_there_is_whom_it_is_of(void)
{
    static const struct policy_name acme = {{.org_id = "acme"}, POLICY_SAFETY, NULL};
    struct files_world world;
    start(&world);
    world.poll_seconds = 0.02;
    write_file(&world, "orgs/acme/safety.json", "{\"loitering_seconds\":5}");
    watch_files(&world);
    wait_for_policy(&world, &acme, "", 1);
    make_org(&world, "acme");
    wait_for_policy(&world, &acme, "{\"loitering_seconds\":5}", 0);
    end(&world);
}

static void test_a_server_takes_away_only_what_its_own_directory_made(void)
{
    struct files_world first, second;
    start(&first);
    make_org(&first, "default");
    write_file(&first, "safety.json", "{\"loitering_seconds\":5}");
    write_file(&first, "orgs/default/privacy.json", "{\"face_blur_enabled\":true}");
    watch_files(&first);
    wait_for(&first, "{\"loitering_seconds\":5}", 0);
    start_beside(&second, &first);
    watch_files(&second); /* it is empty, and nothing came from it */
    g_assert_cmpuint(policy_files_refused(second.files), ==, 0);
    write_file(&second, "motion.json", "{\"learn_seconds\":9}");
    write_file(&second, "orgs/default/privacy.json", "{\"face_blur_enabled\":true}"); /* both say it */
    wait_for_policy(&second, &motion, "{\"learn_seconds\":9}", 0);
    wait_for_policy(&second, &privacy, "{\"face_blur_enabled\":true}", 0);
    wait_for(&second, "{\"loitering_seconds\":5}", 0);
    remove_file(&second, "motion.json");
    wait_for_policy(&second, &motion, "", 0);
    wait_for(&first, "{\"loitering_seconds\":5}", 0);
    end_beside(&second);
    end(&first);
}

/* The version of the document that a server took a file's text for; 0: it has not taken it yet. */
static int32_t taken_version(struct files_world *world, const char *path, const char *text)
{
    int32_t version = 0;
    g_autofree char *digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);
    g_autoptr(GPtrArray) rows = store_policy_files_list(world->store.store, world->source, NULL);
    for (guint i = 0; rows && i < rows->len; i++) {
        const struct policy_file *row = g_ptr_array_index(rows, i);
        if (strcmp(row->path, path) == 0 && g_strcmp0(row->digest, digest) == 0)
            version = row->version;
    }
    return version;
}

static int32_t wait_until_taken(struct files_world *world, const char *path, const char *text)
{
    gint64 until_us = g_get_monotonic_time() + DEADLINE_SECONDS * G_USEC_PER_SEC;
    while (!taken_version(world, path, text) && g_get_monotonic_time() < until_us)
        g_usleep(1000);
    int32_t version = taken_version(world, path, text);
    g_assert_cmpint(version, >, 0);
    return version;
}

static void put_file(struct files_world *world, const char *path, const char *text)
{
    write_file(world, path, text);
    wait_until_taken(world, path, text);
}

/* One at a time, from either: a legal hold that two directories say goes with the last of them. */
static void test_what_two_directories_say_goes_with_the_last_of_them(void)
{
    static const char *const path = "orgs/default/retention.json", *const hold = "{\"legal_hold\":true}",
                             *const otherwise = "{ \"legal_hold\": true }";
    for (int goes_first = 0; goes_first < 2; goes_first++) {
        struct files_world worlds[2], *leaver = &worlds[goes_first], *holder = &worlds[1 - goes_first];
        start(&worlds[0]);
        make_org(&worlds[0], "default");
        write_file(&worlds[0], path, hold);
        watch_files(&worlds[0]);
        start_beside(&worlds[1], &worlds[0]);
        write_file(&worlds[1], path, otherwise);
        watch_files(&worlds[1]);
        g_assert_cmpint(wait_until_taken(&worlds[0], path, hold), ==, wait_until_taken(&worlds[1], path, otherwise));
        put_file(&worlds[0], "motion.json", "{}"); /* neither is empty */
        put_file(&worlds[1], "motion.json", "{}");
        remove_file(leaver, path);
        put_file(leaver, "privacy.json", "{}"); /* once this is taken, the look before is over */
        wait_for_policy(leaver, &retention, hold, 0);
        wait_for_policy(holder, &retention, hold, 0);
        remove_file(holder, path);
        wait_for_policy(holder, &retention, "", 0);
        end_beside(&worlds[1]);
        end(&worlds[0]);
    }
}

static const char hold_path[] = "orgs/default/retention.json", hold_text[] = "{\"legal_hold\":true}";

static struct policy_file row_of(struct files_world *world)
{
    return (struct policy_file){.source = (char *)(uintptr_t)world->source,
                                .path = (char *)(uintptr_t)hold_path,
                                .digest = (char *)(uintptr_t) "d",
                                .version = taken_version(world, hold_path, hold_text)};
}

/* As by a file that is gone. */
static bool delete_hold(struct files_world *world, const struct policy_file *file, GError **error)
{
    struct policy_changed changed;
    struct record_errors errors;
    record_errors_init(&errors);
    const struct policy_change change = {.name = retention,
                                         .action = POLICY_DELETE,
                                         .expected_version = file->version,
                                         .by = {"default", "directory", NULL, NULL, "is gone"},
                                         .file = file};
    bool is_good = policy_keeper_change(world->keeper, &change, &changed, &errors, error);
    policy_changed_clear(&changed);
    record_errors_clear(&errors);
    return is_good;
}

struct moving {
    struct files_world from, to;
    atomic_bool is_moved;
};

/* In the other's look, after it found the document and before its row says so. */
static void let_go(void *data)
{
    struct moving *moving = (struct moving *)((char *)data - offsetof(struct moving, to));
    g_autofree char *others = NULL;
    if (atomic_exchange(&moving->is_moved, true))
        return;
    const struct policy_file file = row_of(&moving->from);
    g_assert_true(store_policy_files_leave(moving->from.store.store, &file, &others, NULL));
    g_assert_null(others);
    g_assert_true(delete_hold(&moving->from, &file, NULL));
}

/* A legal hold that is moved from one server's directory to another's. */
static void test_h01_a_document_that_goes_while_another_takes_its_file_is_made_again(void)
{
    struct moving moving = {.is_moved = false};
    start(&moving.from);
    make_org(&moving.from, "default");
    write_file(&moving.from, hold_path, hold_text);
    watch_files(&moving.from);
    wait_until_taken(&moving.from, hold_path, hold_text);
    start_beside(&moving.to, &moving.from);
    policy_keeper_free(moving.to.keeper);
    moving.to.changed = let_go;
    open_keeper(&moving.to);
    write_file(&moving.to, hold_path, hold_text);
    write_file(&moving.to, "motion.json", "{}"); /* what its look changes */
    watch_files(&moving.to);
    gint64 until_us = g_get_monotonic_time() + DEADLINE_SECONDS * G_USEC_PER_SEC;
    while (!atomic_load(&moving.is_moved) && g_get_monotonic_time() < until_us)
        g_usleep(1000);
    wait_for_policy(&moving.to, &retention, hold_text, 0);
    wait_for_retention(&moving.to, true);
    end_beside(&moving.to);
    end(&moving.from);
}

/* After it was told that no other has the document, and before that went. */
static void test_h01_a_document_that_another_takes_meanwhile_stays(void)
{
    struct files_world world;
    g_autoptr(GError) error = NULL;
    g_autofree char *others = NULL;
    start(&world);
    make_org(&world, "default");
    write_file(&world, hold_path, hold_text);
    watch_files(&world);
    wait_until_taken(&world, hold_path, hold_text);
    const struct policy_file file = row_of(&world);
    struct policy_file other = file;
    other.source = (char *)(uintptr_t) "two";
    g_assert_true(store_policy_files_leave(world.store.store, &file, &others, NULL));
    g_assert_null(others);
    g_autoptr(GPtrArray) rows = g_ptr_array_new(), gone = g_ptr_array_new();
    g_ptr_array_add(rows, &other);
    g_assert_true(store_policy_files_write(world.store.store, other.source, rows, gone, NULL));
    g_assert_false(delete_hold(&world, &file, &error));
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_CONFLICT);
    wait_for_policy(&world, &retention, hold_text, 0);
    g_assert_true(store_policy_files_forget(world.store.store, other.source, NULL));
    g_assert_true(delete_hold(&world, &file, NULL));
    end(&world);
}

/* Which may never come back: then somebody must be told whose rows hold the document. */
static void test_a_document_that_another_server_holds_is_told_with_its_name(void)
{
    struct files_world first, second;
    struct logged logged;
    start(&first);
    make_org(&first, "default");
    write_file(&first, hold_path, hold_text);
    write_file(&first, "motion.json", "{}");
    watch_files(&first);
    wait_until_taken(&first, "motion.json", "{}");
    start_beside(&second, &first);
    write_file(&second, hold_path, hold_text);
    watch_files(&second);
    wait_until_taken(&second, hold_path, hold_text);
    g_clear_pointer(&second.files, policy_files_free); /* for ever */
    keep_log(&logged);
    remove_file(&first, hold_path);
    put_file(&first, "privacy.json", "{}"); /* once this is taken, the look before is over */
    g_autofree char *log = read_log(&logged);
    g_assert_nonnull(strstr(log,
                            "level=warning module=hub msg=\"policy file 'orgs/default/retention.json' is gone; that "
                            "of server two says the same"));
    wait_for_policy(&first, &retention, hold_text, 0);
    end_beside(&second);
    end(&first);
}

/* As when the right to look into its folder is taken away. The names that begin with a dot are not read, but asked for:
 * nobody can tell whether it is there. */
static void test_h01_a_file_that_cannot_be_looked_for_keeps_its_document(void)
{
    static const struct policy_name held = {{.org_id = ".acme"}, POLICY_RETENTION, NULL};
    struct files_world world;
    start(&world);
    make_org(&world, ".acme");
    write_file(&world, "orgs/.acme/retention.json", hold_text);
    write_file(&world, "motion.json", "{}");
    watch_files(&world);
    wait_for_policy(&world, &held, hold_text, 0);
    g_autofree char *folder = g_build_filename(world.directory, "orgs/.acme", NULL),
                    *aside = g_build_filename(world.directory, ".aside", NULL);
    g_assert_cmpint(g_rename(folder, aside), ==, 0);
    g_assert_cmpint(symlink(".acme", folder), ==, 0); /* names itself: for whom looks as root, too */
    wait_for_retention(&world, false);
    wait_for_policy(&world, &held, hold_text, 1);
    g_assert_cmpint(g_unlink(folder), ==, 0);
    wait_for_policy(&world, &held, "", 0);
    end(&world);
}

/* As where one checkout goes to all servers: whoever is later finds the other's, and both are of its version. */
static void test_two_directories_that_change_at_once_make_one_version(void)
{
    enum { ROUNDS = 20 };
    struct files_world first, second;
    start(&first);
    watch_files(&first);
    start_beside(&second, &first);
    watch_files(&second);
    for (int round = 1; round <= ROUNDS; round++) {
        g_autofree char *text = g_strdup_printf("{\"loitering_seconds\":%d}", round);
        write_file(&first, "safety.json", text);
        write_file(&second, "safety.json", text);
        g_assert_cmpint(wait_until_taken(&first, "safety.json", text), ==,
                        wait_until_taken(&second, "safety.json", text));
    }
    g_assert_cmpuint(policy_files_refused(first.files) + policy_files_refused(second.files), ==, 0);
    end_beside(&second);
    end(&first);
}

static int64_t loads(struct files_world *world)
{
    struct policy_status status;
    policy_keeper_get_status(world->keeper, &status);
    int64_t count = status.loads;
    policy_status_clear(&status);
    return count;
}

/* Whatever many files say is read back from the store once, and then it is in force. */
static void test_many_files_come_into_force_together(void)
{
    struct files_world world;
    start(&world);
    make_org(&world, "default");
    for (size_t i = 0; i < POLICY_TYPES; i++) {
        g_autofree char *all = g_strdup_printf("%s.json", policy_type_names[i]),
                        *org = g_strdup_printf("orgs/default/%s.json", policy_type_names[i]);
        write_file(&world, all, "{}");
        write_file(&world, org, i + 1 == POLICY_SAFETY ? "{\"loitering_seconds\":5}" : "{}");
    }
    int64_t before = loads(&world);
    watch_files(&world);
    g_assert_cmpuint(policy_files_refused(world.files), ==, 0);
    g_assert_cmpint(loads(&world), ==, before + 1);
    struct policy_effective effective;
    policy_keeper_resolve(world.keeper, POLICY_SAFETY, &(struct policy_scope){.org_id = "default"}, &effective);
    g_assert_nonnull(strstr(effective.config_json, "\"loitering_seconds\":5"));
    policy_effective_clear(&effective);
    struct policy_status status;
    policy_keeper_get_status(world.keeper, &status);
    g_assert_cmpint(status.documents, ==, 2 * POLICY_TYPES);
    policy_status_clear(&status);
    end(&world);
}

/* Whatever is in force is what was there before, or all that the files say. */
static void note_documents(void *data)
{
    struct files_world *world = data;
    struct policy_status status;
    policy_keeper_get_status(world->keeper, &status);
    if (status.documents == 2 * (int64_t)POLICY_TYPES)
        atomic_store(&world->has_all, true);
    else if (status.documents)
        atomic_store(&world->has_part, true);
    policy_status_clear(&status);
}

/* The server hears of its own changes one by one (PostgreSQL), and looks at the store at any time. */
static void test_many_files_come_into_force_together_beside_who_listens(void)
{
    struct files_world world;
    g_autoptr(GError) error = NULL;
    start(&world);
    make_org(&world, "default");
    world.changed = note_documents;
    world.settings.policies.poll_seconds = 0.001;
    restart(&world);
    g_assert_true(policy_keeper_start(world.keeper, &error));
    for (size_t i = 0; i < POLICY_TYPES; i++) {
        g_autofree char *all = g_strdup_printf("%s.json", policy_type_names[i]),
                        *org = g_strdup_printf("orgs/default/%s.json", policy_type_names[i]);
        write_file(&world, all, "{}");
        write_file(&world, org, "{}");
    }
    watch_files(&world);
    gint64 until_us = g_get_monotonic_time() + DEADLINE_SECONDS * G_USEC_PER_SEC;
    while (!atomic_load(&world.has_all) && g_get_monotonic_time() < until_us)
        g_usleep(1000);
    g_assert_true(atomic_load(&world.has_all));
    g_assert_false(atomic_load(&world.has_part));
    end(&world);
}

/* As repositories are put in place: a link that names another checkout from one moment to the next. */
static void test_a_directory_that_another_took_the_place_of_is_seen(void)
{
    struct files_world world;
    g_autofree char *elsewhere = g_dir_make_tmp("vedette-files-XXXXXX", NULL);
    start(&world);
    g_autofree char *first = g_steal_pointer(&world.directory), *next = g_strconcat(elsewhere, "/next", NULL);
    world.directory = g_strconcat(elsewhere, "/link", NULL);
    world.poll_seconds = 0.02;
    g_assert_cmpint(symlink(first, world.directory), ==, 0);
    write_file(&world, "safety.json", "{\"loitering_seconds\":5}");
    watch_files(&world);
    wait_for(&world, "{\"loitering_seconds\":5}", 0);
    g_autofree char *second = g_strconcat(elsewhere, "/second", NULL),
                    *file = g_strconcat(second, "/safety.json", NULL);
    g_assert_cmpint(g_mkdir(second, 0700), ==, 0);
    g_assert_true(g_file_set_contents(file, "{\"loitering_seconds\":6}", -1, NULL));
    g_assert_cmpint(symlink(second, next), ==, 0);
    g_assert_cmpint(g_rename(next, world.directory), ==, 0);
    wait_for(&world, "{\"loitering_seconds\":6}", 0);
    g_free(world.directory);
    world.directory = g_strdup(elsewhere);
    remove_directory(first);
    end(&world);
}

/* The directory's word counts again once its file says something else. */
static void test_a_restart_leaves_what_people_changed(void)
{
    struct files_world world;
    start(&world);
    write_file(&world, "safety.json", "{\"loitering_seconds\":5}");
    write_file(&world, "motion.json", "{}");
    watch_files(&world);
    put_by_api(&world, "{\"loitering_seconds\":9}");
    restart(&world);
    watch_files(&world);
    wait_for(&world, "{\"loitering_seconds\":9}", 0);
    g_assert_true(
        policy_keeper_check_files(world.keeper, world.source, world.directory, POLICY_SAFETY, NULL)); /* nor a doubt */
    change_by_api(&world, POLICY_DELETE, NULL);
    restart(&world);
    watch_files(&world);
    wait_for(&world, "", 0);
    put_by_api(&world, "{\"loitering_seconds\":9}");
    write_file(&world, "safety.json", "{\"loitering_seconds\":6}");
    wait_for(&world, "{\"loitering_seconds\":6}", 0);
    put_by_api(&world, "{\"loitering_seconds\":7}");
    remove_file(&world, "safety.json"); /* nor does a file take what is somebody else's by now */
    write_file(&world, "motion.json", "{\"learn_seconds\":9}");
    wait_for_policy(&world, &motion, "{\"learn_seconds\":9}", 0);
    write_file(&world, "motion.json", "{}"); /* once this is taken, the look before is over */
    wait_for_policy(&world, &motion, "{}", 0);
    wait_for(&world, "{\"loitering_seconds\":7}", 0);
    end(&world);
}

/* It may be a legal hold: no server of the store deletes until it is in force, or its file is gone. */
static void test_g08_what_one_server_doubts_no_other_deletes(void)
{
    struct files_world first, second;
    g_autoptr(GError) error = NULL;
    start(&first);
    write_file(&first, "retention.json", "{\"legal_hold\":3}");
    watch_files(&first);
    start_beside(&second, &first);
    g_assert_false(policy_keeper_check_retention(second.keeper, &error));
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE);
    g_assert_nonnull(strstr(error->message, "policy file 'retention.json' of server one"));
    g_clear_pointer(&first.files, policy_files_free); /* nor while it is down */
    g_assert_false(policy_keeper_check_retention(second.keeper, NULL));
    watch_files(&first);
    write_file(&first, "retention.json", "{\"legal_hold\":true}");
    wait_for_retention(&second, true);
    write_file(&first, "retention.json", "{\"legal_hold\":3}");
    wait_for_retention(&second, false);
    g_clear_pointer(&first.files, policy_files_free);
    g_assert_true(store_policy_files_forget(first.store.store, first.source, NULL)); /* it has no directory any more */
    wait_for_retention(&second, true);
    end_beside(&second);
    end(&first);
}

/* The key is lost: whose it is can be told all the same. */
static void test_h01_what_will_not_open_goes_with_its_file(void)
{
    struct files_world world;
    int64_t revision;
    start(&world);
    world.settings.policies.keys = g_strdup("k1:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=");
    restart(&world);
    write_file(&world, "safety.json", "{\"loitering_seconds\":5}");
    write_file(&world, "motion.json", "{}");
    watch_files(&world);
    wait_for(&world, "{\"loitering_seconds\":5}", 0);
    g_clear_pointer(&world.settings.policies.keys, g_free);
    restart(&world);
    remove_file(&world, "safety.json");
    watch_files(&world);
    g_assert_cmpuint(policy_files_refused(world.files), ==, 0);
    g_autoptr(GPtrArray) left = store_policies_list(world.store.store, &revision, NULL);
    g_assert_cmpuint(left->len, ==, 1);
    end(&world);
}

int main(int argc, char **argv)
{
    if (world_is_missing())
        return 0;
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/policy_directories/h01_an_empty_directory_takes_nothing_away",
                    test_an_empty_directory_takes_nothing_away);
    g_test_add_func("/policy_directories/a_directory_may_be_emptied_on_purpose",
                    test_a_directory_may_be_emptied_on_purpose);
    g_test_add_func("/policy_directories/a_file_that_went_while_nobody_ran_takes_its_document",
                    test_a_file_that_went_while_nobody_ran_takes_its_document);
    g_test_add_func("/policy_directories/a_file_is_taken_once_there_is_whom_it_is_of",
                    test_a_file_is_taken_once_there_is_whom_it_is_of);
    g_test_add_func("/policy_directories/a_server_takes_away_only_what_its_own_directory_made",
                    test_a_server_takes_away_only_what_its_own_directory_made);
    g_test_add_func("/policy_directories/what_two_directories_say_goes_with_the_last_of_them",
                    test_what_two_directories_say_goes_with_the_last_of_them);
    g_test_add_func("/policy_directories/h01_a_document_that_goes_while_another_takes_its_file_is_made_again",
                    test_h01_a_document_that_goes_while_another_takes_its_file_is_made_again);
    g_test_add_func("/policy_directories/h01_a_document_that_another_takes_meanwhile_stays",
                    test_h01_a_document_that_another_takes_meanwhile_stays);
    g_test_add_func("/policy_directories/a_document_that_another_server_holds_is_told_with_its_name",
                    test_a_document_that_another_server_holds_is_told_with_its_name);
    g_test_add_func("/policy_directories/h01_a_file_that_cannot_be_looked_for_keeps_its_document",
                    test_h01_a_file_that_cannot_be_looked_for_keeps_its_document);
    g_test_add_func("/policy_directories/two_directories_that_change_at_once_make_one_version",
                    test_two_directories_that_change_at_once_make_one_version);
    g_test_add_func("/policy_directories/many_files_come_into_force_together",
                    test_many_files_come_into_force_together);
    g_test_add_func("/policy_directories/many_files_come_into_force_together_beside_who_listens",
                    test_many_files_come_into_force_together_beside_who_listens);
    g_test_add_func("/policy_directories/a_directory_that_another_took_the_place_of_is_seen",
                    test_a_directory_that_another_took_the_place_of_is_seen);
    g_test_add_func("/policy_directories/a_restart_leaves_what_people_changed",
                    test_a_restart_leaves_what_people_changed);
    g_test_add_func("/policy_directories/g08_what_one_server_doubts_no_other_deletes",
                    test_g08_what_one_server_doubts_no_other_deletes);
    g_test_add_func("/policy_directories/h01_what_will_not_open_goes_with_its_file",
                    test_h01_what_will_not_open_goes_with_its_file);
    return g_test_run();
}
