/* What the last run had in force, while a source is away or says what is no good: cases H11, H12. */
#include "manager_world.h"

/* ---- cases ---- */

static void test_h11_the_snapshot_serves_while_the_source_is_away(void)
{
    struct world world;
    struct policy_status status;
    world_init(&world);
    policy_manager_free(manage(&world, 0));
    world.is_away = true;
    CLEANUP(policy_manager) struct policy_manager *manager = manage(&world, 0);
    g_assert_cmpfloat(in_force(manager), ==, 7);
    policy_manager_get_status(manager, &status);
    g_assert_true(status.is_loaded && status.is_stale);
    g_assert_nonnull(strstr(status.error, "away"));
    policy_status_clear(&status);
    world.is_away = false;
    g_assert_true(policy_manager_reload(manager, NULL));
    policy_manager_get_status(manager, &status);
    g_assert_false(status.is_stale);
    policy_status_clear(&status);
    world_clear(&world);
}

/* A document that no start finds good is not forgotten, however many there are. */
static void test_h11_what_is_refused_at_start_is_as_the_last_run_had_it(void)
{
    struct world world;
    struct policy_status status;
    world_init(&world);
    policy_manager_free(manage(&world, 0));
    say(&world, "{\"loitering_seconds\":\"soon\"}", 2);
    for (int i = 0; i < 3; i++) {
        CLEANUP(policy_manager) struct policy_manager *manager = manage(&world, 0);
        g_assert_cmpfloat(in_force(manager), ==, 7);
        policy_manager_get_status(manager, &status);
        g_assert_cmpint(status.refused_now, ==, 1);
        g_assert_cmpuint(status.refused_types, ==, 1U << POLICY_SAFETY);
        g_assert_false(status.is_stale);
        policy_status_clear(&status);
    }
    say(&world, NULL, 3); /* but one that was deleted meanwhile is */
    CLEANUP(policy_manager) struct policy_manager *manager = manage(&world, 0);
    g_assert_cmpfloat(in_force(manager), ==, -1);
    world_clear(&world);
}

static void test_h11_a_source_that_goes_makes_what_is_in_force_stale(void)
{
    struct world world;
    struct policy_status status;
    world_init(&world);
    CLEANUP(policy_manager) struct policy_manager *manager = manage(&world, 0);
    say(&world, "{\"loitering_seconds\":\"soon\"}", 2);
    g_assert_false(policy_manager_reload(manager, NULL));
    world.is_away = true;
    g_assert_false(policy_manager_reload(manager, NULL));
    g_assert_cmpfloat(in_force(manager), ==, 7);
    policy_manager_get_status(manager, &status);
    g_assert_true(status.is_stale);
    g_assert_cmpint(status.refused_now, ==, 1); /* nobody has mended it */
    g_assert_cmpint(status.bad_now, ==, 2);
    policy_status_clear(&status);
    world_clear(&world);
}

static void test_h11_the_snapshot_is_written_when_something_changed(void)
{
    struct world world;
    struct policy_status status;
    world_init(&world);
    CLEANUP(policy_manager) struct policy_manager *manager = manage(&world, 0);
    g_assert_cmpint(g_unlink(world.snapshot), ==, 0);
    g_assert_true(policy_manager_reload(manager, NULL)); /* nothing new: nothing is written */
    g_assert_false(g_file_test(world.snapshot, G_FILE_TEST_EXISTS));
    g_assert_cmpint(g_mkdir(world.snapshot, 0700), ==, 0); /* where no file can be */
    say(&world, "{\"loitering_seconds\":8}", 2);
    for (int i = 0; i < 2; i++) {
        g_assert_false(policy_manager_reload(manager, NULL));
        g_assert_cmpfloat(in_force(manager), ==, 8);
        policy_manager_get_status(manager, &status);
        g_assert_true(status.is_unsaved && !status.is_stale);
        g_assert_cmpint(status.bad_now, ==, 1);
        g_assert_nonnull(strstr(status.error, "snapshot"));
        policy_status_clear(&status);
    }
    g_assert_cmpint(g_rmdir(world.snapshot), ==, 0);
    g_assert_true(policy_manager_reload(manager, NULL)); /* what could not be written is */
    g_assert_true(g_file_test(world.snapshot, G_FILE_TEST_IS_REGULAR));
    policy_manager_get_status(manager, &status);
    g_assert_false(status.is_unsaved);
    g_assert_cmpint(status.bad_now, ==, 0);
    world_clear(&world);
}

static void test_h11_without_a_snapshot_nothing_is_loaded(void)
{
    struct world world;
    struct policy_status status;
    world_init(&world);
    world.is_away = true;
    CLEANUP(policy_manager) struct policy_manager *manager = manage(&world, 0);
    policy_manager_get_status(manager, &status);
    g_assert_false(status.is_loaded);
    g_assert_cmpfloat(in_force(manager), ==, -1);
    policy_status_clear(&status);
    world_clear(&world);
}

/* NULL: it is known what may be seen of acme's door. g_free. */
static char *doubt(struct policy_manager *manager)
{
    const struct policy_scope door = {.org_id = "acme", .camera_id = "door"};
    CLEANUP(policy_set) struct policy_set *set = policy_manager_get_set(manager);
    CLEANUP(policy_view) struct policy_view *view = policy_view_new(set, &door, 1, 0, NULL);
    const char *other = policy_view_default(view)->doubt;
    g_assert_null(other); /* it is acme's alone */
    return g_strdup(policy_view_at(view, 0)->doubt);
}

/* Nobody knows what was good before: until the document is mended or goes, also for a start that follows. */
static void test_h11_what_is_refused_without_a_snapshot_is_in_doubt(void)
{
    struct world world;
    world_init(&world);
    world.type = POLICY_PRIVACY;
    world.config = "{\"face_blur_enabled\":\"sometimes\"}";
    for (int start = 0; start < 2; start++) {
        CLEANUP(policy_manager) struct policy_manager *manager = manage(&world, 0);
        policy_manager_reload(manager, NULL);
        g_autofree char *why = doubt(manager);
        g_assert_nonnull(why);
        g_assert_nonnull(strstr(why, "face_blur_enabled"));
    }
    CLEANUP(policy_manager) struct policy_manager *manager = manage(&world, 0);
    say(&world, "{\"face_blur_enabled\":true}", 2);
    g_assert_true(policy_manager_reload(manager, NULL));
    g_assert_null(doubt(manager));
    say(&world, "{\"face_blur_enabled\":\"never\"}", 3);
    g_assert_false(policy_manager_reload(manager, NULL));
    g_assert_null(doubt(manager)); /* the last good one stays */
    CLEANUP(policy_manager) struct policy_manager *next = manage(&world, 0);
    g_assert_null(doubt(next)); /* as the snapshot has it */
    world_clear(&world);
}

/* One bad document keeps none of the good ones from the next start, nor does that start take it for no document. */
static void test_h11_what_is_good_beside_a_doubt_is_saved_with_the_doubt(void)
{
    struct world world;
    world_init(&world);
    world.hiding = "{\"face_blur_enabled\":\"sometimes\"}";
    {
        CLEANUP(policy_manager) struct policy_manager *manager = manage(&world, 0);
        say(&world, "{\"loitering_seconds\":8}", 2);
        g_assert_false(policy_manager_reload(manager, NULL));
    }
    world.is_away = true;
    {
        struct policy_status status;
        CLEANUP(policy_manager) struct policy_manager *manager = manage(&world, 0);
        g_assert_cmpfloat(in_force(manager), ==, 8);
        g_autofree char *why = doubt(manager);
        g_assert_nonnull(why);
        g_assert_nonnull(strstr(why, "face_blur_enabled"));
        policy_manager_get_status(manager, &status);
        g_assert_cmpint(status.documents, ==, 1);
        g_assert_cmpint(status.refused_now, ==, 1);
        policy_status_clear(&status);
        world.is_away = false; /* and says the same */
        g_assert_false(policy_manager_reload(manager, NULL));
        g_autofree char *still = doubt(manager);
        g_assert_nonnull(still);
        world.hiding = "{\"face_blur_enabled\":true}";
        g_assert_true(policy_manager_reload(manager, NULL));
        g_assert_null(doubt(manager));
    }
    world.is_away = true;
    CLEANUP(policy_manager) struct policy_manager *manager = manage(&world, 0);
    g_assert_null(doubt(manager));
    world_clear(&world);
}

static void test_h11_a_doubt_ends_when_its_document_goes_and_is_of_what_is_seen_alone(void)
{
    struct world world;
    world_init(&world);
    world.type = POLICY_DETECTION;
    world.config = "{\"classes\":7}";
    CLEANUP(policy_manager) struct policy_manager *manager = manage(&world, 0);
    g_autofree char *why = doubt(manager);
    g_assert_nonnull(why);
    g_assert_nonnull(strstr(why, "classes"));
    say(&world, NULL, 2);
    g_assert_true(policy_manager_reload(manager, NULL));
    g_assert_null(doubt(manager));
    g_unlink(world.snapshot);
    world.type = POLICY_SAFETY;
    say(&world, "{\"loitering_seconds\":\"long\"}", 3);
    CLEANUP(policy_manager) struct policy_manager *other = manage(&world, 0);
    g_assert_null(doubt(other)); /* rules tell too little at worst */
    world_clear(&world);
}

static void test_h12_a_damaged_snapshot_is_ignored_and_counted(void)
{
    struct world world;
    world_init(&world);
    policy_manager_free(manage(&world, 0));
    g_autofree char *whole = NULL;
    gsize length;
    g_assert_true(g_file_get_contents(world.snapshot, &whole, &length, NULL));
    world.is_away = true;
    for (gsize i = 0; i < length; i++) {
        struct policy_status status;
        g_autofree char *damaged = g_memdup2(whole, length);
        damaged[i] ^= 1;
        g_assert_true(g_file_set_contents(world.snapshot, damaged, (gssize)length, NULL));
        CLEANUP(policy_manager) struct policy_manager *manager = manage(&world, 0);
        policy_manager_get_status(manager, &status);
        g_assert_false(status.is_loaded);
        g_assert_cmpint(status.snapshots_refused, ==, 1);
        policy_status_clear(&status);
    }
    world_clear(&world);
}

/* As another version of the server might have it: a document more, and the digest of all. */
static void add_to_snapshot(const struct world *world, const char *line)
{
    g_autofree char *whole = NULL;
    g_assert_true(g_file_get_contents(world->snapshot, &whole, NULL, NULL));
    const char *end = strchr(whole, '\n'), *digest = strchr(whole, ' ');
    g_assert_true(end && digest && digest < end);
    g_autofree char *body = g_strconcat(end + 1, line, "\n", NULL);
    g_autofree char *sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, body, -1);
    g_autofree char *made = g_strdup_printf("%.*s %s\n%s", (int)(digest - whole), whole, sum, body);
    g_assert_true(g_file_set_contents(world->snapshot, made, -1, NULL));
}

/* An update may refuse what an earlier version took; nobody knows what that says. */
static void test_h12_a_bad_document_of_the_snapshot_is_in_doubt_alone(void)
{
    struct world world;
    struct policy_status status;
    world_init(&world);
    policy_manager_free(manage(&world, 0));
    add_to_snapshot(&world, "{\"config\":{\"face_blur_enabled\":\"sometimes\"},\"org_id\":\"acme\","
                            "\"policy_type\":\"privacy\",\"revision\":1}");
    world.is_away = true;
    CLEANUP(policy_manager) struct policy_manager *manager = manage(&world, 0);
    g_assert_cmpfloat(in_force(manager), ==, 7);
    g_autofree char *why = doubt(manager);
    g_assert_nonnull(why);
    g_assert_nonnull(strstr(why, "face_blur_enabled"));
    policy_manager_get_status(manager, &status);
    g_assert_true(status.is_loaded && status.is_stale); /* nothing is deleted */
    g_assert_cmpint(status.refused_now, ==, 1);
    g_assert_cmpint(status.bad_now, ==, 2);
    g_assert_nonnull(strstr(status.snapshot_error, world.snapshot));
    g_assert_nonnull(strstr(status.snapshot_error, "orgs/acme/privacy"));
    policy_status_clear(&status);
    world.is_away = false; /* what the source says is known */
    g_assert_true(policy_manager_reload(manager, NULL));
    g_assert_null(doubt(manager));
    policy_manager_get_status(manager, &status);
    g_assert_cmpint(status.bad_now, ==, 0);
    policy_status_clear(&status);
    world_clear(&world);
}

/* The store has it too, and refuses it too: what it says of what is kept is not known. */
static void test_h12_a_hold_that_the_snapshot_and_the_source_have_badly_is_refused(void)
{
    struct world world;
    struct policy_status status;
    world_init(&world);
    policy_manager_free(manage(&world, 0));
    add_to_snapshot(&world, "{\"config\":{\"legal_hold\":\"true\"},\"org_id\":\"acme\",\"policy_type\":"
                            "\"retention\",\"revision\":1}");
    world.type = POLICY_RETENTION;
    say(&world, "{\"legal_hold\":\"true\"}", 2);
    CLEANUP(policy_manager) struct policy_manager *manager = manage(&world, 0);
    policy_manager_get_status(manager, &status);
    g_assert_cmpuint(status.refused_types, ==, 1U << POLICY_RETENTION);
    policy_status_clear(&status);
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/policy manager/h11_the_snapshot_serves_while_the_source_is_away",
                    test_h11_the_snapshot_serves_while_the_source_is_away);
    g_test_add_func("/policy manager/h11_what_is_refused_at_start_is_as_the_last_run_had_it",
                    test_h11_what_is_refused_at_start_is_as_the_last_run_had_it);
    g_test_add_func("/policy manager/h11_a_source_that_goes_makes_what_is_in_force_stale",
                    test_h11_a_source_that_goes_makes_what_is_in_force_stale);
    g_test_add_func("/policy manager/h11_the_snapshot_is_written_when_something_changed",
                    test_h11_the_snapshot_is_written_when_something_changed);
    g_test_add_func("/policy manager/h11_without_a_snapshot_nothing_is_loaded",
                    test_h11_without_a_snapshot_nothing_is_loaded);
    g_test_add_func("/policy manager/h11_what_is_refused_without_a_snapshot_is_in_doubt",
                    test_h11_what_is_refused_without_a_snapshot_is_in_doubt);
    g_test_add_func("/policy manager/h11_what_is_good_beside_a_doubt_is_saved_with_the_doubt",
                    test_h11_what_is_good_beside_a_doubt_is_saved_with_the_doubt);
    g_test_add_func("/policy manager/h11_a_doubt_ends_when_its_document_goes_and_is_of_what_is_seen_alone",
                    test_h11_a_doubt_ends_when_its_document_goes_and_is_of_what_is_seen_alone);
    g_test_add_func("/policy manager/h12_a_damaged_snapshot_is_ignored_and_counted",
                    test_h12_a_damaged_snapshot_is_ignored_and_counted);
    g_test_add_func("/policy manager/h12_a_bad_document_of_the_snapshot_is_in_doubt_alone",
                    test_h12_a_bad_document_of_the_snapshot_is_in_doubt_alone);
    g_test_add_func("/policy manager/h12_a_hold_that_the_snapshot_and_the_source_have_badly_is_refused",
                    test_h12_a_hold_that_the_snapshot_and_the_source_have_badly_is_refused);
    return g_test_run();
}
