/* Policies as other programs meet them. */
#include "vedette/policy.h"

#include <glib.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- a source that says what the test wants ---- */

struct world {
    GMutex lock;
    const struct vedette_policy_document *documents; /* under lock, as all that follows */
    size_t count;
    int64_t revision, now_ms;
    bool is_away;
    int changes;
};

static bool load(void *data, void (*add)(void *to, const struct vedette_policy_document *document), void *to,
                 int64_t *revision, char *why)
{
    struct world *world = data;
    g_mutex_lock(&world->lock);
    for (size_t i = 0; i < world->count; i++)
        add(to, &world->documents[i]);
    *revision = world->revision;
    bool is_away = world->is_away;
    g_mutex_unlock(&world->lock);
    if (is_away)
        g_strlcpy(why, "the table is away", VEDETTE_POLICY_WHY_BYTES);
    return !is_away;
}

static void on_changed(void *data)
{
    struct world *world = data;
    g_mutex_lock(&world->lock);
    world->changes++;
    g_mutex_unlock(&world->lock);
}

static int64_t tell_time(void *data)
{
    return ((const struct world *)data)->now_ms;
}

static void say(struct world *world, const struct vedette_policy_document *documents, size_t count, int64_t revision)
{
    g_mutex_lock(&world->lock);
    world->documents = documents;
    world->count = count;
    world->revision = revision;
    g_mutex_unlock(&world->lock);
}

static struct vedette_policy_manager *manage(struct world *world, double poll_seconds)
{
    struct vedette_policy_manager_config config;
    const char *why = NULL;
    vedette_policy_manager_config_init(&config);
    config.source = (struct vedette_policy_source){load, world};
    config.poll_seconds = poll_seconds;
    config.changed = on_changed;
    config.now_ms = tell_time;
    config.data = world;
    struct vedette_policy_manager *manager = vedette_policy_manager_new("safety", &config, &why);
    g_assert_null(why);
    return manager;
}

static const struct vedette_policy_scope door = {.org_id = "acme", .camera_id = "door"};

static double loitering(struct vedette_policy_manager *manager, const struct vedette_policy_scope *subject)
{
    struct vedette_record *policy = vedette_policy_manager_get_policy(manager, "safety", subject, NULL, NULL, NULL);
    double seconds = -1;
    g_assert_nonnull(policy);
    vedette_record_get_number(policy, "loitering_seconds", &seconds);
    vedette_record_free(policy);
    return seconds;
}

static void wait_for_changes(struct world *world, int changes)
{
    int64_t until_us = g_get_monotonic_time() + 60 * G_USEC_PER_SEC;
    for (bool is_there = false; !is_there; g_usleep(1000)) {
        g_mutex_lock(&world->lock);
        is_there = world->changes >= changes;
        g_mutex_unlock(&world->lock);
        g_assert_cmpint(g_get_monotonic_time(), <, until_us);
    }
}

/* ---- cases ---- */

static const struct vedette_policy_document levels[] = {
    {{NULL}, NULL, "safety", "{\"loitering_seconds\":60,\"cooldown_seconds\":5}", 1},
    {{.org_id = "acme"}, "safety", "safety", "{\"loitering_seconds\":30}", 2},
    {{.org_id = "acme", .camera_id = "door"}, NULL, "safety", "{\"loitering_seconds\":7}", 3},
    {{.org_id = "acme", .camera_id = "door"}, "another", "safety", "{\"loitering_seconds\":99}", 4},
};

static void test_the_most_specific_level_wins(void)
{
    struct world world = {.revision = 4};
    const struct vedette_policy_scope yard = {.org_id = "acme", .camera_id = "yard"}, other = {.org_id = "other"};
    say(&world, levels, G_N_ELEMENTS(levels), 4);
    struct vedette_policy_manager *manager = manage(&world, 0);
    g_assert_cmpfloat(loitering(manager, &door), ==, 7); /* another service's is passed over */
    g_assert_cmpfloat(loitering(manager, &yard), ==, 30);
    g_assert_cmpfloat(loitering(manager, &other), ==, 60);
    g_assert_cmpfloat(loitering(manager, NULL), ==, 60);
    char *json = vedette_policy_manager_effective_json(manager, "safety", &door);
    g_assert_nonnull(strstr(json, "\"loitering_seconds\":{\"level\":\"camera\",\"revision\":3}"));
    g_assert_nonnull(strstr(json, "\"cooldown_seconds\":{\"level\":\"global\",\"revision\":1}"));
    free(json);
    g_assert_cmpstr(vedette_policy_manager_service_name(manager), ==, "safety");
    vedette_policy_manager_free(manager);
}

/* In whatever order they come. */
static void test_a_services_own_document_wins(void)
{
    static const struct vedette_policy_document orders[][2] = {
        {{{.org_id = "acme"}, "safety", "safety", "{\"loitering_seconds\":5}", 1},
         {{.org_id = "acme"}, NULL, "safety", "{\"loitering_seconds\":30,\"cooldown_seconds\":9}", 2}},
        {{{.org_id = "acme"}, NULL, "safety", "{\"loitering_seconds\":30,\"cooldown_seconds\":9}", 2},
         {{.org_id = "acme"}, "safety", "safety", "{\"loitering_seconds\":5}", 1}},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(orders); i++) {
        struct world world = {0};
        struct vedette_policy_manager_status status;
        say(&world, orders[i], G_N_ELEMENTS(orders[i]), 2);
        struct vedette_policy_manager *manager = manage(&world, 0);
        g_assert_cmpfloat(loitering(manager, &door), ==, 5);
        vedette_policy_manager_get_status(manager, &status);
        g_assert_cmpint(status.documents, ==, 1);
        vedette_policy_manager_free(manager);
    }
}

static void note_fault(void *data, const char *path, const char *text)
{
    g_string_append_printf(data, "%s: %s; ", path, text);
}

static void test_defaults_are_filled_in_and_types_told(void)
{
    struct world world = {0};
    g_autoptr(GString) faults = g_string_new(NULL);
    struct vedette_policy_manager *manager = manage(&world, 0);
    struct vedette_record *policy = vedette_policy_manager_get_policy(manager, "privacy", &door, NULL, NULL, NULL);
    int64_t is_hidden = -1;
    g_assert_true(vedette_record_get_integer(policy, "face_blur_enabled", &is_hidden));
    g_assert_cmpint(is_hidden, ==, 1);
    g_assert_cmpstr(vedette_record_type_name(vedette_record_get_type(policy)), ==, "PrivacyPolicy");
    vedette_record_free(policy);
    g_assert_null(vedette_policy_manager_get_policy(manager, "rumour", &door, NULL, note_fault, faults));
    g_assert_nonnull(strstr(faults->str, "no such type"));
    g_assert_null(vedette_policy_manager_effective_json(manager, "rumour", &door));
    vedette_policy_manager_free(manager);
}

static void test_a_change_is_in_force_without_a_restart(void)
{
    static const struct vedette_policy_document later = {
        {.org_id = "acme", .camera_id = "door"}, NULL, "safety", "{\"loitering_seconds\":8}", 5};
    struct world world = {0};
    say(&world, levels, G_N_ELEMENTS(levels), 4);
    struct vedette_policy_manager *manager = manage(&world, 0);
    g_assert_cmpint(world.changes, ==, 0); /* what it began with is no change */
    g_assert_true(vedette_policy_manager_start_hot_reload(manager));
    struct vedette_record *before = vedette_policy_manager_get_policy(manager, "safety", &door, NULL, NULL, NULL);
    say(&world, &later, 1, 5);
    vedette_policy_manager_notify(manager);
    wait_for_changes(&world, 1);
    double seconds = 0;
    g_assert_cmpfloat(loitering(manager, &door), ==, 8);
    g_assert_true(vedette_record_get_number(before, "loitering_seconds", &seconds));
    g_assert_cmpfloat(seconds, ==, 7);
    vedette_record_free(before);
    vedette_policy_manager_stop_hot_reload(manager);
    say(&world, levels, G_N_ELEMENTS(levels), 6);
    vedette_policy_manager_notify(manager); /* nobody listens, what is in force stays */
    g_assert_cmpfloat(loitering(manager, &door), ==, 8);
    g_assert_true(vedette_policy_manager_start_hot_reload(manager)); /* and begins with what was told */
    wait_for_changes(&world, 2);
    vedette_policy_manager_free(manager); /* stops */
}

static void test_h01_a_bad_document_leaves_the_last_good_one(void)
{
    static const struct vedette_policy_document bad[] = {
        {{.org_id = "acme", .camera_id = "door"}, NULL, "safety", "{\"loitering_seconds\":\"soon\"}", 5},
        {{NULL}, NULL, "rumour", "{}", 6},
    };
    struct world world = {0};
    struct vedette_policy_manager_status status;
    say(&world, levels, G_N_ELEMENTS(levels), 4);
    struct vedette_policy_manager *manager = manage(&world, 0);
    say(&world, bad, G_N_ELEMENTS(bad), 6);
    g_assert_false(vedette_policy_manager_reload(manager));
    g_assert_cmpfloat(loitering(manager, &door), ==, 7);
    vedette_policy_manager_get_status(manager, &status);
    g_assert_cmpint(status.bad_now, ==, 2);
    g_assert_nonnull(strstr(status.error, "orgs/acme/cameras/door/safety.json: loitering_seconds"));
    world.is_away = true;
    g_assert_false(vedette_policy_manager_reload(manager));
    vedette_policy_manager_get_status(manager, &status);
    g_assert_cmpint(status.load_failures, ==, 1);
    g_assert_nonnull(strstr(status.error, "the table is away"));
    g_assert_cmpfloat(loitering(manager, &door), ==, 7);
    world.is_away = false;
    say(&world, levels, G_N_ELEMENTS(levels), 7);
    g_assert_true(vedette_policy_manager_reload(manager));
    vedette_policy_manager_get_status(manager, &status);
    g_assert_cmpstr(status.error, ==, "");
    g_assert_cmpint(status.revision, ==, 7);
    vedette_policy_manager_free(manager);
}

static void test_overlays_come_and_go_with_the_hour(void)
{
    static const struct vedette_policy_document night = {
        {NULL},
        NULL,
        "safety",
        "{\"loitering_seconds\":60,\"overlays\":[{\"name\":\"night\",\"schedule\":[{\"from\":\"20:00\",\"to\":\"06:"
        "00\"}],"
        "\"time_zone\":\"UTC\",\"config\":{\"loitering_seconds\":5}}]}",
        1};
    struct world world = {.now_ms = INT64_C(1767268800000)}; /* 2026-01-01T12:00Z */
    int64_t valid_until_ms = 0;
    say(&world, &night, 1, 1);
    struct vedette_policy_manager *manager = manage(&world, 0);
    struct vedette_record *policy =
        vedette_policy_manager_get_policy(manager, "safety", &door, &valid_until_ms, NULL, NULL);
    vedette_record_free(policy);
    g_assert_cmpint(valid_until_ms, ==, world.now_ms + INT64_C(8) * 3600 * 1000);
    g_assert_cmpfloat(loitering(manager, &door), ==, 60);
    world.now_ms = valid_until_ms;
    g_assert_cmpfloat(loitering(manager, &door), ==, 5);
    vedette_policy_manager_free(manager);
}

/* ---- a directory ---- */

static void put_file(const char *directory, const char *path, const char *text)
{
    g_autofree char *file = g_build_filename(directory, path, NULL), *folder = g_path_get_dirname(file);
    g_assert_cmpint(g_mkdir_with_parents(folder, 0700), ==, 0);
    g_assert_true(g_file_set_contents(file, text, -1, NULL));
}

static void take_file(const char *directory, const char *path)
{
    g_autofree char *file = g_build_filename(directory, path, NULL);
    g_assert_cmpint(g_remove(file), ==, 0);
}

static void remove_files(const char *directory, const char *const *paths, size_t count)
{
    for (size_t i = 0; i < count; i++)
        take_file(directory, paths[i]);
}

static void test_files_are_documents_and_go_with_their_files(void)
{
    g_autofree char *directory = g_dir_make_tmp("vedette-policy-XXXXXX", NULL);
    g_autofree char *snapshot = g_build_filename(directory, "snapshot", NULL);
    struct vedette_policy_manager_config config;
    struct vedette_policy_manager_status status;
    vedette_policy_manager_config_init(&config);
    config.directory = directory;
    config.snapshot_path = snapshot;
    put_file(directory, "safety.json", "{\"loitering_seconds\":60}");
    put_file(directory, "orgs/acme/cameras/door/safety.json", "{\"loitering_seconds\":7}");
    put_file(directory, "orgs/acme/rumour.json", "{}");
    put_file(directory, ".git/safety.json", "no document");
    put_file(directory, "orgs/acme/cameras/door/old/safety.json", "{}");
    g_autofree char *long_text = g_strnfill((64 << 10) + 1, ' ');
    put_file(directory, "privacy.json", long_text);
    struct vedette_policy_manager *manager = vedette_policy_manager_new("safety", &config, NULL);
    g_assert_cmpfloat(loitering(manager, &door), ==, 7);
    vedette_policy_manager_get_status(manager, &status);
    g_assert_cmpint(status.bad_now, ==, 3);
    g_assert_nonnull(strstr(status.error, "orgs/acme/cameras/door/old"));
    take_file(directory, "orgs/acme/cameras/door/old/safety.json");
    take_file(directory, "orgs/acme/cameras/door/old");
    g_assert_false(vedette_policy_manager_reload(manager));
    vedette_policy_manager_get_status(manager, &status);
    g_assert_nonnull(strstr(status.error, "orgs/acme/rumour.json"));
    take_file(directory, "orgs/acme/rumour.json");
    g_assert_false(vedette_policy_manager_reload(manager));
    vedette_policy_manager_get_status(manager, &status);
    g_assert_nonnull(strstr(status.error, "privacy.json': it is longer"));
    take_file(directory, "privacy.json");
    take_file(directory, "orgs/acme/cameras/door/safety.json");
    g_assert_true(vedette_policy_manager_reload(manager));
    g_assert_cmpfloat(loitering(manager, &door), ==, 60);
    vedette_policy_manager_free(manager);
    /* a start without the directory */
    g_autofree char *away = g_strconcat(directory, "-away", NULL);
    config.directory = away;
    manager = vedette_policy_manager_new("safety", &config, NULL);
    g_assert_cmpfloat(loitering(manager, &door), ==, 60);
    vedette_policy_manager_get_status(manager, &status);
    g_assert_true(status.is_stale);
    g_assert_nonnull(strstr(status.error, away));
    vedette_policy_manager_free(manager);
    static const char *const left[] = {
        "safety.json", ".git/safety.json", ".git", "orgs/acme/cameras/door", "orgs/acme/cameras", "orgs/acme",
        "orgs",        "snapshot",         ""};
    remove_files(directory, left, G_N_ELEMENTS(left));
}

/* A mistyped folder is no word of the org's, whatever is read first. */
static void test_h01_a_misplaced_file_leaves_the_orgs_document(void)
{
    static const char *const misplaced = "orgs/acme/site/door/safety.json";
    static const char *const left[] = {
        misplaced, "orgs/acme/site/door", "orgs/acme/site", "orgs/acme/safety.json", "orgs/acme", "orgs", ""};
    const struct vedette_policy_scope org = {.org_id = "acme"};
    g_autofree char *directory = g_dir_make_tmp("vedette-policy-XXXXXX", NULL);
    struct vedette_policy_manager_config config;
    struct vedette_policy_manager_status status;
    vedette_policy_manager_config_init(&config);
    config.directory = directory;
    put_file(directory, "orgs/acme/safety.json", "{\"loitering_seconds\":30}");
    struct vedette_policy_manager *manager = vedette_policy_manager_new("safety", &config, NULL);
    g_assert_cmpfloat(loitering(manager, &org), ==, 30);
    put_file(directory, misplaced, "{\"loitering_seconds\":7}");
    put_file(directory, "orgs/acme/safety.json", "{\"loitering_seconds\":40}");
    g_assert_false(vedette_policy_manager_reload(manager));
    g_assert_cmpfloat(loitering(manager, &org), ==, 40);
    vedette_policy_manager_get_status(manager, &status);
    g_assert_cmpint(status.bad_now, ==, 1);
    g_assert_nonnull(strstr(status.error, misplaced));
    vedette_policy_manager_free(manager);
    remove_files(directory, left, G_N_ELEMENTS(left));
}

/* Ids may, as camera ".door" of the org ".acme"; what editors and repositories leave is passed over. */
static void test_an_id_may_begin_with_a_dot(void)
{
    static const char *const place = "orgs/.acme/cameras/.door/safety.json";
    static const char *const hidden[] = {".git/safety.json",
                                         "orgs/.acme/.git/door/safety.json",
                                         "orgs/.notes.json",
                                         "orgs/.acme/cameras/.door/.safety.json",
                                         "orgs/acme/cameras/.git/config.json",
                                         "orgs/acme/cameras/.git/objects/safety.json",
                                         "orgs/acme/cameras/..data/door/safety.json",
                                         "orgs/.git/objects/pack/safety.json",
                                         "orgs/..2026/safety.json"};
    static const char *const left[] = {place,
                                       "orgs/.acme/cameras/.door",
                                       "orgs/.acme/cameras",
                                       "orgs/.acme/.git/door",
                                       "orgs/.acme/.git",
                                       "orgs/.acme",
                                       "orgs/acme/cameras/.git/objects",
                                       "orgs/acme/cameras/.git",
                                       "orgs/acme/cameras/..data/door",
                                       "orgs/acme/cameras/..data",
                                       "orgs/acme/cameras",
                                       "orgs/acme",
                                       "orgs/.git/objects/pack",
                                       "orgs/.git/objects",
                                       "orgs/.git",
                                       "orgs/..2026",
                                       "orgs",
                                       ".git",
                                       ""};
    const struct vedette_policy_scope camera = {.org_id = ".acme", .camera_id = ".door"};
    g_autofree char *directory = g_dir_make_tmp("vedette-policy-XXXXXX", NULL);
    struct vedette_policy_manager_config config;
    struct vedette_policy_manager_status status;
    vedette_policy_manager_config_init(&config);
    config.directory = directory;
    put_file(directory, place, "{\"loitering_seconds\":7}");
    for (size_t i = 0; i < G_N_ELEMENTS(hidden); i++)
        put_file(directory, hidden[i], "no document");
    struct vedette_policy_manager *manager = vedette_policy_manager_new("safety", &config, NULL);
    vedette_policy_manager_get_status(manager, &status);
    g_assert_cmpstr(status.error, ==, "");
    g_assert_cmpint(status.documents, ==, 1);
    g_assert_cmpfloat(loitering(manager, &camera), ==, 7);
    vedette_policy_manager_free(manager);
    remove_files(directory, hidden, G_N_ELEMENTS(hidden));
    remove_files(directory, left, G_N_ELEMENTS(left));
}

/* It would be cut there, and what is left could say something else. */
static void test_h01_a_file_with_a_byte_0_is_refused(void)
{
    static const char text[] = "{\"loitering_seconds\":7}\0,\"loitering_seconds\":9}";
    static const char *const left[] = {"safety.json", ""};
    g_autofree char *directory = g_dir_make_tmp("vedette-policy-XXXXXX", NULL);
    g_autofree char *file = g_build_filename(directory, "safety.json", NULL);
    struct vedette_policy_manager_config config;
    struct vedette_policy_manager_status status;
    vedette_policy_manager_config_init(&config);
    config.directory = directory;
    put_file(directory, "safety.json", "{\"loitering_seconds\":60}");
    struct vedette_policy_manager *manager = vedette_policy_manager_new("safety", &config, NULL);
    g_assert_true(g_file_set_contents(file, text, sizeof text, NULL));
    g_assert_false(vedette_policy_manager_reload(manager));
    g_assert_cmpfloat(loitering(manager, &door), ==, 60);
    vedette_policy_manager_get_status(manager, &status);
    g_assert_nonnull(strstr(status.error, "safety.json': it has a byte 0"));
    vedette_policy_manager_free(manager);
    remove_files(directory, left, G_N_ELEMENTS(left));
}

/* A volume that is not mounted yet; nor does a start from it. */
static void test_h01_an_empty_directory_takes_nothing_away(void)
{
    static const char *const left[] = {"privacy.json", "snapshot", ""};
    g_autofree char *directory = g_dir_make_tmp("vedette-policy-XXXXXX", NULL);
    g_autofree char *snapshot = g_build_filename(directory, "snapshot", NULL);
    struct vedette_policy_manager_config config;
    struct vedette_policy_manager_status status;
    vedette_policy_manager_config_init(&config);
    config.directory = directory;
    config.snapshot_path = snapshot;
    struct vedette_policy_manager *manager = vedette_policy_manager_new("safety", &config, NULL);
    vedette_policy_manager_get_status(manager, &status);
    g_assert_false(status.is_stale); /* there was none */
    put_file(directory, "safety.json", "{\"loitering_seconds\":60}");
    g_assert_true(vedette_policy_manager_reload(manager));
    take_file(directory, "safety.json");
    for (int run = 0; run < 2; run++) {
        g_assert_false(vedette_policy_manager_reload(manager));
        g_assert_cmpfloat(loitering(manager, &door), ==, 60);
        vedette_policy_manager_get_status(manager, &status);
        g_assert_true(status.is_stale);
        g_assert_nonnull(strstr(status.error, "holds no file"));
        vedette_policy_manager_free(manager);
        manager = vedette_policy_manager_new("safety", &config, NULL);
    }
    put_file(directory, "privacy.json", "{}");
    g_assert_true(vedette_policy_manager_reload(manager));
    g_assert_cmpfloat(loitering(manager, &door), ==, -1); /* nobody says it */
    vedette_policy_manager_free(manager);
    remove_files(directory, left, G_N_ELEMENTS(left));
}

static void test_a_wrong_config_is_told(void)
{
    struct vedette_policy_manager_config config;
    const char *why = NULL;
    vedette_policy_manager_config_init(&config);
    g_assert_null(vedette_policy_manager_new("safety", &config, &why));
    g_assert_nonnull(strstr(why, "directory"));
    config.directory = "/nonexistent";
    config.poll_seconds = -1;
    g_assert_null(vedette_policy_manager_new("safety", &config, &why));
    g_assert_nonnull(strstr(why, "poll_seconds"));
    vedette_policy_manager_free(NULL);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/library/policy/the most specific level wins", test_the_most_specific_level_wins);
    g_test_add_func("/library/policy/defaults are filled in and types told",
                    test_defaults_are_filled_in_and_types_told);
    g_test_add_func("/library/policy/a change is in force without a restart",
                    test_a_change_is_in_force_without_a_restart);
    g_test_add_func("/library/policy/h01_a_bad_document_leaves_the_last_good_one",
                    test_h01_a_bad_document_leaves_the_last_good_one);
    g_test_add_func("/library/policy/overlays come and go with the hour", test_overlays_come_and_go_with_the_hour);
    g_test_add_func("/library/policy/files are documents and go with their files",
                    test_files_are_documents_and_go_with_their_files);
    g_test_add_func("/library/policy/h01_a_misplaced_file_leaves_the_orgs_document",
                    test_h01_a_misplaced_file_leaves_the_orgs_document);
    g_test_add_func("/library/policy/h01_a_file_with_a_byte_0_is_refused", test_h01_a_file_with_a_byte_0_is_refused);
    g_test_add_func("/library/policy/an id may begin with a dot", test_an_id_may_begin_with_a_dot);
    g_test_add_func("/library/policy/h01_an_empty_directory_takes_nothing_away",
                    test_h01_an_empty_directory_takes_nothing_away);
    g_test_add_func("/library/policy/a services own document wins", test_a_services_own_document_wins);
    g_test_add_func("/library/policy/a wrong config is told", test_a_wrong_config_is_told);
    return g_test_run();
}
