/* Hot reload: cases H1, H8 to H12, H14. */
#include "policy/manager.h"

#include <glib/gstdio.h>
#include <pthread.h>
#include <string.h>

/* ---- a source that says what the test wants ---- */

struct world {
    char *directory, *snapshot;
    struct clock *clock;
    pthread_mutex_t lock;
    enum policy_type type;
    const char *config; /* of acme's policy of the type; NULL: there is none */
    const char *hiding; /* of its privacy policy, beside that; NULL: there is none */
    int64_t revision;
    bool is_away;
    int loads, changes;
    double seen; /* loitering_seconds at the latest change; -1: none */
};

static bool load(void *data, void (*add)(void *add_data, const struct policy_document *document), void *add_data,
                 int64_t *revision, GError **error)
{
    struct world *world = data;
    pthread_mutex_lock(&world->lock);
    bool is_away = world->is_away;
    world->loads++;
    *revision = world->revision;
    if (!is_away && world->config)
        add(add_data, &(struct policy_document){{.org_id = "acme"}, world->type, world->config, world->revision});
    if (!is_away && world->hiding)
        add(add_data, &(struct policy_document){{.org_id = "acme"}, POLICY_PRIVACY, world->hiding, world->revision});
    if (is_away)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE, "the store is away");
    pthread_mutex_unlock(&world->lock);
    return !is_away;
}

static double loitering(struct policy_set *set)
{
    const struct policy_scope door = {.org_id = "acme", .camera_id = "door"};
    CLEANUP(policy_view) struct policy_view *view = policy_view_new(set, &door, 1, 0, NULL);
    const struct safety_policy *safety = policy_camera_record(policy_view_at(view, 0), POLICY_SAFETY);
    return safety->loitering_seconds.is_present ? safety->loitering_seconds.value : -1;
}

static void on_changed(void *data, struct policy_set *set)
{
    struct world *world = data;
    double seen = loitering(set);
    pthread_mutex_lock(&world->lock);
    world->changes++;
    world->seen = seen;
    pthread_mutex_unlock(&world->lock);
}

static void world_init(struct world *world)
{
    memset(world, 0, sizeof *world);
    pthread_mutex_init(&world->lock, NULL);
    world->directory = g_dir_make_tmp("vedette-policy-XXXXXX", NULL);
    world->snapshot = g_build_filename(world->directory, "policies.snapshot", NULL);
    world->clock = clock_fake_new(1000);
    world->type = POLICY_SAFETY;
    world->config = "{\"loitering_seconds\":7}";
    world->revision = 1;
    world->seen = -1;
}

static void world_clear(struct world *world)
{
    g_unlink(world->snapshot);
    g_rmdir(world->directory);
    clock_fake_free(world->clock);
    g_free(world->directory);
    g_free(world->snapshot);
}

static struct policy_manager *manage(struct world *world, double poll_seconds)
{
    const struct policy_manager_config config = {.snapshot_path = world->snapshot,
                                                 .poll_seconds = poll_seconds,
                                                 .clock = world->clock,
                                                 .changed = on_changed,
                                                 .data = world};
    const struct policy_source source = {load, world};
    return policy_manager_new(&config, &source);
}

static void say(struct world *world, const char *config, int64_t revision)
{
    pthread_mutex_lock(&world->lock);
    world->config = config;
    world->revision = revision;
    pthread_mutex_unlock(&world->lock);
}

static double in_force(struct policy_manager *manager)
{
    CLEANUP(policy_set) struct policy_set *set = policy_manager_get_set(manager);
    return loitering(set);
}

static void wait_until_seen(struct world *world, double seen)
{
    int64_t until_us = g_get_monotonic_time() + 20 * G_USEC_PER_SEC;
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
    int64_t until_us = g_get_monotonic_time() + 20 * G_USEC_PER_SEC;
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
    g_test_add_func("/policy manager/h01_a_bad_document_leaves_the_last_good_one",
                    test_h01_a_bad_document_leaves_the_last_good_one);
    g_test_add_func("/policy manager/h08_what_was_missed_is_found_by_polling",
                    test_h08_what_was_missed_is_found_by_polling);
    g_test_add_func("/policy manager/h09_a_thousand_notices_are_few_loads", test_h09_a_thousand_notices_are_few_loads);
    g_test_add_func("/policy manager/h09_a_storm_of_notices_is_few_loads", test_h09_a_storm_of_notices_is_few_loads);
    g_test_add_func("/policy_manager/changes_that_belong_together_are_loaded_together",
                    test_changes_that_belong_together_are_loaded_together);
    g_test_add_func("/policy manager/h10_older_revisions_are_ignored", test_h10_older_revisions_are_ignored);
    g_test_add_func("/policy manager/h10_a_source_that_went_back_holds_in_the_end",
                    test_h10_a_source_that_went_back_holds_in_the_end);
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
    g_test_add_func("/policy manager/h14_going_back_is_a_new_revision", test_h14_going_back_is_a_new_revision);
    return g_test_run();
}
