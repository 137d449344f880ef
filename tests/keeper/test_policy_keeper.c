/* Documents in a real store: changes, their history, versions, keys. Cases H1, H4, H14, H15. */
#include "../store/store_world.h"
#include "keeper/keeper.h"
#include "store/store_internal.h"

#define KEY "k1:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

struct world {
    struct store_world store;
    struct settings settings;
    struct policy_keeper *keeper;
    int changes;
};

static const struct policy_name door_safety = {{.org_id = "default", .camera_id = "door"}, POLICY_SAFETY, NULL};
static const struct policy_name org_safety = {{.org_id = "default"}, POLICY_SAFETY, NULL};
static const struct policy_name all_safety = {{NULL}, POLICY_SAFETY, NULL};

static void on_changed(void *data)
{
    ((struct world *)data)->changes++;
}

static void open_keeper(struct world *world)
{
    g_autoptr(GError) error = NULL;
    const struct policy_keeper_config config = {world->store.store, &world->settings, NULL,
                                                world->store.clock, on_changed,       world};
    world->keeper = policy_keeper_new(&config, &error);
    g_assert_no_error(error);
}

static void world_start(struct world *world, const char *keys)
{
    g_autoptr(GError) error = NULL;
    *world = (struct world){0};
    world_init(&world->store);
    record_init(&settings_descriptor, &world->settings);
    world->settings.policies.keys = g_strdup(keys);
    struct camera *camera = record_list_append(&world->settings.cameras, &camera_descriptor);
    static const struct record_point corners[] = {{0.2, 0.2}, {0.8, 0.2}, {0.8, 0.9}};
    camera->id = g_strdup("door");
    camera->source = g_strdup("rtsp://10.0.0.7/s");
    struct zone *zone = record_list_append(&camera->zones, &zone_descriptor);
    zone->id = g_strdup("hall");
    zone->polygon.items = g_memdup2(corners, sizeof corners);
    zone->polygon.count = G_N_ELEMENTS(corners);
    g_assert_true(store_camera_put(world->store.store, camera, &error));
    open_keeper(world);
}

static void world_end(struct world *world)
{
    policy_keeper_free(world->keeper);
    record_clear(&settings_descriptor, &world->settings);
    world_clear(&world->store);
}

static bool change_to(struct world *world, const struct policy_name *name, enum policy_action action, const char *body,
                      int32_t expected_version, struct policy_changed *changed, GError **error)
{
    struct record_errors errors;
    record_errors_init(&errors);
    bool is_good = policy_keeper_change(world->keeper,
                                        &(struct policy_change){.name = *name,
                                                                .action = action,
                                                                .body = body,
                                                                .to_version = action == POLICY_ROLLBACK ? 1 : 0,
                                                                .expected_version = expected_version,
                                                                .by = {"default", "u1", "ann", NULL, "because"}},
                                        changed, &errors, error);
    record_errors_clear(&errors);
    return is_good;
}

static void put(struct world *world, const struct policy_name *name, enum policy_action action, const char *body)
{
    g_autoptr(GError) error = NULL;
    struct policy_changed changed;
    change_to(world, name, action, body, -1, &changed, &error);
    g_assert_no_error(error);
    policy_changed_clear(&changed);
}

static double loitering(struct world *world)
{
    struct camera_config config;
    CLEANUP(policy_view) struct policy_view *view = policy_keeper_get_view(world->keeper);
    g_assert_true(policy_keeper_configure(world->keeper, view, world->settings.cameras.items, &config, NULL));
    double seconds = ((struct zone *)config.camera.zones.items)->loitering_seconds;
    record_clear(&camera_config_descriptor, &config);
    return seconds;
}

static void test_changes_are_in_force_when_the_call_returns(void)
{
    struct world world;
    world_start(&world, NULL);
    g_assert_cmpfloat(loitering(&world), ==, 0);
    put(&world, &all_safety, POLICY_PUT, "{\"loitering_seconds\":30}");
    g_assert_cmpfloat(loitering(&world), ==, 30);
    put(&world, &org_safety, POLICY_PUT, "{\"loitering_seconds\":20}");
    put(&world, &door_safety, POLICY_PUT, "{\"loitering_seconds\":10}");
    g_assert_cmpfloat(loitering(&world), ==, 10);
    put(&world, &door_safety, POLICY_PATCH, "{\"loitering_seconds\":null}");
    g_assert_cmpfloat(loitering(&world), ==, 20);
    put(&world, &org_safety, POLICY_DELETE, NULL);
    g_assert_cmpfloat(loitering(&world), ==, 30);
    g_assert_cmpint(world.changes, ==, 5);
    world_end(&world);
}

#define NEW_KEY "k2:OTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTBmZWRjYmE="

/* Once the new key stands first, a start seals every document with it; then the old one may go. */
static void test_documents_are_sealed_anew_after_a_rotation(void)
{
    struct world world;
    g_autoptr(GError) error = NULL;
    world_start(&world, KEY);
    put(&world, &org_safety, POLICY_PUT, "{\"loitering_seconds\":20}");
    put(&world, &all_safety, POLICY_PUT, "{\"loitering_seconds\":30}");
    policy_keeper_free(world.keeper);
    g_free(world.settings.policies.keys);
    world.settings.policies.keys = g_strdup(NEW_KEY "\n" KEY);
    open_keeper(&world);
    g_assert_cmpint(policy_keeper_reseal(world.keeper, &error), ==, 2);
    g_assert_cmpint(policy_keeper_reseal(world.keeper, &error), ==, 0);
    g_assert_no_error(error);
    policy_keeper_free(world.keeper);
    g_free(world.settings.policies.keys);
    world.settings.policies.keys = g_strdup(NEW_KEY);
    open_keeper(&world);
    g_assert_cmpfloat(loitering(&world), ==, 20);
    struct service_policy *policy = policy_keeper_find(world.keeper, &org_safety, &error);
    g_assert_no_error(error);
    g_assert_cmpint(policy->version, ==, 1); /* nothing was changed */
    service_policy_free(policy);
    world_end(&world);
}

static char *stored_text(struct world *world, const struct store_policy_key *key)
{
    g_autoptr(GError) error = NULL;
    struct service_policy *policy = store_policy_find(world->store.store, key, &error);
    g_assert_no_error(error);
    char *text = g_strdup(policy->config.text);
    service_policy_free(policy);
    return text;
}

/* Another program wrote a newer one between the read and the seal, and does not count versions. */
static void test_a_seal_takes_the_place_of_what_was_read_alone(void)
{
    struct world world;
    g_autoptr(GError) error = NULL;
    const struct store_policy_key key = {.org_id = "default", .service_name = "safety", .policy_type = "safety"};
    world_start(&world, NULL);
    put(&world, &org_safety, POLICY_PUT, "{\"loitering_seconds\":20}");
    g_autofree char *read = stored_text(&world, &key);
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(world.store.store, STORE_WRITE, "default", &error);
    g_assert_true(store_run(transaction, "UPDATE service_policies SET config = $1",
                            STORE_VALUES(sql_json("{\"loitering_seconds\":5}")), NULL, &error));
    g_assert_true(store_commit(g_steal_pointer(&transaction), &error));
    g_autofree char *newer = stored_text(&world, &key);
    g_assert_true(store_policy_reseal(world.store.store, &key, 1, read, "\"sealed\"", &error));
    g_autofree char *kept = stored_text(&world, &key);
    g_assert_cmpstr(kept, ==, newer);
    g_assert_true(store_policy_reseal(world.store.store, &key, 1, newer, "\"sealed\"", &error));
    g_autofree char *sealed = stored_text(&world, &key);
    g_assert_cmpstr(sealed, ==, "\"sealed\"");
    world_end(&world);
}

static void test_h01_what_is_refused_is_not_stored(void)
{
    static const char *const bad[] = {"{\"loitering_seconds\":-1}", "{\"loiter\":1}", "[]", "{\"speed_limit\":null}"};
    struct world world;
    struct policy_changed changed;
    world_start(&world, NULL);
    put(&world, &door_safety, POLICY_PUT, "{\"loitering_seconds\":10}");
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_false(change_to(&world, &door_safety, POLICY_PUT, bad[i], -1, &changed, &error));
        g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID);
        policy_changed_clear(&changed);
    }
    const struct policy_name occupancy = {door_safety.scope, POLICY_OCCUPANCY, NULL};
    g_autoptr(GError) error = NULL; /* people are counted whole */
    g_assert_false(change_to(&world, &occupancy, POLICY_PUT, "{\"occupancy_limit\":1.5}", -1, &changed, &error));
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID);
    policy_changed_clear(&changed);
    g_assert_cmpfloat(loitering(&world), ==, 10);
    g_autoptr(GPtrArray) history = policy_keeper_history(world.keeper, &door_safety, 0, 10, NULL);
    g_assert_cmpuint(history->len, ==, 1);
    world_end(&world);
}

/* It is midnight: what the overlay says at eight no camera could obey. */
static void test_h01_an_overlay_is_checked_before_its_hour(void)
{
    struct world world;
    struct policy_changed changed;
    g_autoptr(GError) error = NULL;
    world_start(&world, NULL);
    const struct policy_name occupancy = {door_safety.scope, POLICY_OCCUPANCY, NULL};
    g_assert_false(change_to(&world, &occupancy, POLICY_PUT,
                             "{\"overlays\":[{\"name\":\"day\",\"schedule\":[{\"from\":\"08:00\",\"to\":\"18:00\"}],"
                             "\"config\":{\"occupancy_limit\":2.5}}]}",
                             -1, &changed, &error));
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID);
    g_assert_nonnull(strstr(error->message, "overlays[0]"));
    policy_changed_clear(&changed);
    world_end(&world);
}

static void test_who_read_an_older_version_is_told(void)
{
    struct world world;
    struct policy_changed changed;
    world_start(&world, NULL);
    g_autoptr(GError) error = NULL;
    g_assert_true(change_to(&world, &door_safety, POLICY_PUT, "{\"loitering_seconds\":1}", 0, &changed, &error));
    g_assert_cmpint(changed.version, ==, 1);
    policy_changed_clear(&changed);
    g_assert_true(change_to(&world, &door_safety, POLICY_PUT, "{\"loitering_seconds\":2}", 1, &changed, &error));
    g_assert_cmpint(changed.version, ==, 2);
    g_assert_cmpstr(changed.diff_json, ==, "[{\"after\":2,\"before\":1,\"path\":\"loitering_seconds\"}]");
    policy_changed_clear(&changed);
    g_assert_false(change_to(&world, &door_safety, POLICY_PUT, "{\"loitering_seconds\":3}", 1, &changed, &error));
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_CONFLICT);
    policy_changed_clear(&changed);
    g_assert_cmpfloat(loitering(&world), ==, 2);
    world_end(&world);
}

static void test_h14_a_rollback_is_a_new_revision(void)
{
    struct world world;
    world_start(&world, KEY);
    put(&world, &door_safety, POLICY_PUT, "{\"loitering_seconds\":1}");
    put(&world, &door_safety, POLICY_PUT, "{\"loitering_seconds\":2}");
    put(&world, &door_safety, POLICY_ROLLBACK, NULL);
    g_assert_cmpfloat(loitering(&world), ==, 1);
    put(&world, &door_safety, POLICY_DELETE, NULL);
    put(&world, &door_safety, POLICY_PUT, "{\"loitering_seconds\":5}"); /* versions go on, none is used twice */
    g_autoptr(GPtrArray) history = policy_keeper_history(world.keeper, &door_safety, 0, 10, NULL);
    g_assert_cmpuint(history->len, ==, 5);
    for (guint i = 0; i < history->len; i++) {
        const struct policy_revision *revision = g_ptr_array_index(history, i);
        g_assert_cmpint(revision->version, ==, (int32_t)(history->len - i));
        g_assert_cmpstr(revision->changed_by, ==, "ann");
        g_assert_cmpstr(revision->reason, ==, "because");
    }
    const struct policy_revision *deleted = g_ptr_array_index(history, 1);
    g_assert_null(deleted->config.text);
    world_end(&world);
}

static void test_sealed_documents_open_after_a_restart_and_not_without_the_key(void)
{
    struct world world;
    struct policy_status status;
    world_start(&world, KEY);
    put(&world, &door_safety, POLICY_PUT, "{\"loitering_seconds\":11}");
    int64_t revision;
    g_autoptr(GPtrArray) stored = store_policies_list(world.store.store, &revision, NULL);
    const struct service_policy *policy = g_ptr_array_index(stored, 0);
    g_assert_null(strstr(policy->config.text, "loitering"));
    policy_keeper_free(world.keeper);
    open_keeper(&world);
    g_assert_cmpfloat(loitering(&world), ==, 11);
    policy_keeper_free(world.keeper);
    g_clear_pointer(&world.settings.policies.keys, g_free);
    open_keeper(&world);
    g_assert_cmpfloat(loitering(&world), ==, 0);
    policy_keeper_get_status(world.keeper, &status);
    g_assert_cmpint(status.documents_refused, ==, 1);
    g_assert_nonnull(status.error);
    policy_status_clear(&status);
    world_end(&world);
}

/* The first version was sealed with a key that is gone: the others are read all the same, and gone back to; the present
 * one is replaced whole, whatever it was. */
static void test_what_will_not_open_takes_nothing_else_with_it(void)
{
    struct world world;
    struct policy_changed changed;
    g_autoptr(GError) error = NULL;
    world_start(&world, KEY);
    put(&world, &door_safety, POLICY_PUT, "{\"loitering_seconds\":1}");
    put(&world, &org_safety, POLICY_PUT, "{\"loitering_seconds\":9}");
    policy_keeper_free(world.keeper);
    g_free(world.settings.policies.keys);
    world.settings.policies.keys = g_strdup(NEW_KEY);
    open_keeper(&world);
    put(&world, &all_safety, POLICY_PUT, "{\"loitering_seconds\":3}");
    g_autoptr(GPtrArray) listed = policy_keeper_list(world.keeper, "default", &error);
    g_assert_no_error(error);
    g_assert_cmpuint(listed->len, ==, 3);
    int unopenable = 0;
    for (guint i = 0; i < listed->len; i++)
        unopenable +=
            g_str_has_prefix(((struct service_policy *)g_ptr_array_index(listed, i))->config.text, "{\"unopenable\":");
    g_assert_cmpint(unopenable, ==, 2);
    g_assert_false(change_to(&world, &door_safety, POLICY_PATCH, "{\"speed_limit\":1}", -1, &changed, &error));
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_PERMISSION);
    policy_changed_clear(&changed);
    put(&world, &door_safety, POLICY_PUT, "{\"loitering_seconds\":2}");
    g_autoptr(GPtrArray) history = policy_keeper_history(world.keeper, &door_safety, 0, 10, NULL);
    g_assert_cmpuint(history->len, ==, 2);
    const struct policy_revision *latest = g_ptr_array_index(history, 0), *first = g_ptr_array_index(history, 1);
    g_assert_cmpstr(latest->config.text, ==, "{\"loitering_seconds\":2}");
    g_assert_nonnull(strstr(first->config.text, "the key 'k1' is not among the policy keys"));
    g_clear_error(&error);
    g_assert_false(change_to(&world, &door_safety, POLICY_ROLLBACK, NULL, -1, &changed, &error)); /* to the first */
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_PERMISSION);
    policy_changed_clear(&changed);
    put(&world, &all_safety, POLICY_PUT, "{\"loitering_seconds\":4}");
    put(&world, &all_safety, POLICY_ROLLBACK, NULL);
    put(&world, &org_safety, POLICY_DELETE, NULL);
    put(&world, &door_safety, POLICY_DELETE, NULL);
    g_assert_cmpfloat(loitering(&world), ==, 3);
    world_end(&world);
}

/* H15: what leaves all as it is makes no revision, and no version that others would have to read again. */
static void test_h15_what_changes_nothing_is_no_change(void)
{
    static const struct {
        enum policy_action action;
        const char *body;
    } words[] = {
        {POLICY_PATCH, "{}"},
        {POLICY_PATCH, "{\"speed_limit\":null}"},
        {POLICY_PATCH, "{\"loitering_seconds\":9.0}"},
        {POLICY_PUT, "{ \"loitering_seconds\": 9.0 }"},
    };
    struct world world;
    struct policy_changed changed;
    g_autoptr(GError) error = NULL;
    world_start(&world, KEY);
    g_assert_true(change_to(&world, &org_safety, POLICY_PUT, "{\"loitering_seconds\":9.0}", -1, &changed, &error));
    int64_t revision = changed.revision;
    int changes = world.changes;
    policy_changed_clear(&changed);
    for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
        g_assert_true(change_to(&world, &org_safety, words[i].action, words[i].body, 1, &changed, &error));
        g_assert_cmpint(changed.version, ==, 1);
        g_assert_cmpint(changed.revision, ==, revision);
        g_assert_cmpstr(changed.diff_json, ==, "[]");
        g_assert_nonnull(strstr(changed.config_json, "loitering_seconds"));
        policy_changed_clear(&changed);
    }
    g_assert_false(change_to(&world, &org_safety, POLICY_PATCH, "{}", 2, &changed, &error));
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_CONFLICT);
    g_clear_error(&error);
    g_autoptr(GPtrArray) history = policy_keeper_history(world.keeper, &org_safety, 0, 10, NULL);
    g_assert_cmpuint(history->len, ==, 1);
    g_assert_cmpint(world.changes, ==, changes);
    g_assert_true(change_to(&world, &org_safety, POLICY_PATCH, "{\"loitering_seconds\":8}", 1, &changed, &error));
    g_assert_cmpint(changed.version, ==, 2);
    g_assert_cmpint(changed.revision, ==, revision + 1); /* no number was lost */
    policy_changed_clear(&changed);
    world_end(&world);
}

static int32_t put_as(struct world *world, const char *author)
{
    struct policy_changed changed;
    struct record_errors errors;
    g_autoptr(GError) error = NULL;
    record_errors_init(&errors);
    const struct policy_change change = {.name = door_safety,
                                         .action = POLICY_PUT,
                                         .body = "{\"loitering_seconds\":9}",
                                         .expected_version = -1,
                                         .by = {.org_id = "default", .actor_id = author}};
    policy_keeper_change(world->keeper, &change, &changed, &errors, &error);
    g_assert_no_error(error);
    int32_t version = changed.version;
    policy_changed_clear(&changed);
    record_errors_clear(&errors);
    return version;
}

/* Whose it is says whether it goes with a file. */
static void test_h15_the_same_by_a_file_or_no_more_by_one_is_a_change(void)
{
    struct world world;
    world_start(&world, NULL);
    g_assert_cmpint(put_as(&world, "u1"), ==, 1);
    g_assert_cmpint(put_as(&world, "u2"), ==, 1); /* two people: neither has a file */
    g_assert_cmpint(put_as(&world, POLICY_FILES_AUTHOR), ==, 2);
    g_assert_cmpint(put_as(&world, POLICY_FILES_AUTHOR), ==, 2);
    g_assert_cmpint(put_as(&world, "u2"), ==, 3);
    world_end(&world);
}

/* Another server of the store made it, and this one was not told yet. */
static void test_h15_the_same_is_in_force_when_the_call_returns(void)
{
    struct world ours;
    world_start(&ours, NULL);
    struct world theirs = ours;
    theirs.changes = 0;
    open_keeper(&theirs);
    put(&theirs, &door_safety, POLICY_PUT, "{\"loitering_seconds\":9}");
    g_assert_cmpfloat(loitering(&ours), ==, 0);
    put(&ours, &door_safety, POLICY_PUT, "{\"loitering_seconds\":9}");
    g_assert_cmpfloat(loitering(&ours), ==, 9);
    policy_keeper_free(theirs.keeper);
    world_end(&ours);
}

static void test_what_removes_from_no_document_makes_none(void)
{
    static const char *const patches[] = {"{}", "{\"loitering_seconds\":null,\"overlays\":null}"};
    struct world world;
    world_start(&world, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(patches); i++) {
        struct policy_changed changed;
        g_autoptr(GError) error = NULL;
        g_assert_false(change_to(&world, &door_safety, POLICY_PATCH, patches[i], -1, &changed, &error));
        g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_NOT_FOUND);
        policy_changed_clear(&changed);
    }
    g_assert_null(policy_keeper_find(world.keeper, &door_safety, NULL));
    g_autoptr(GPtrArray) history = policy_keeper_history(world.keeper, &door_safety, 0, 10, NULL);
    g_assert_cmpuint(history->len, ==, 0);
    put(&world, &door_safety, POLICY_PUT, "{}"); /* who sets it means it */
    world_end(&world);
}

static bool try_version(struct world *world, const struct policy_name *name, enum policy_action action,
                        const char *body, int32_t expected_version, GError **error)
{
    struct policy_changed changed;
    struct record_errors errors;
    record_errors_init(&errors);
    const struct policy_change change = {.name = *name,
                                         .action = action,
                                         .body = body,
                                         .expected_version = expected_version,
                                         .is_dry_run = true,
                                         .by = {.org_id = "default", .actor_id = "u1"}};
    bool is_good = policy_keeper_change(world->keeper, &change, &changed, &errors, error);
    policy_changed_clear(&changed);
    record_errors_clear(&errors);
    return is_good;
}

static bool try_dry(struct world *world, const struct policy_name *name, enum policy_action action, const char *body,
                    GError **error)
{
    return try_version(world, name, action, body, -1, error);
}

/* What would be refused because somebody changed it meanwhile is refused now. */
static void test_a_dry_run_holds_the_version_against_what_is_stored(void)
{
    static const char *const body = "{\"loitering_seconds\":3}";
    struct world world;
    world_start(&world, NULL);
    g_assert_true(try_version(&world, &org_safety, POLICY_PUT, body, 0, NULL)); /* there must be none */
    g_assert_false(try_version(&world, &org_safety, POLICY_PUT, body, 1, NULL));
    put(&world, &org_safety, POLICY_PUT, "{\"loitering_seconds\":9}");
    put(&world, &org_safety, POLICY_PUT, "{\"loitering_seconds\":8}");
    for (int32_t version = 0; version < 4; version++) {
        g_autoptr(GError) error = NULL;
        bool is_present = version == 2;
        g_assert_cmpint(try_version(&world, &org_safety, POLICY_PUT, body, version, &error), ==, is_present);
        g_assert_cmpint(g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_CONFLICT), ==, !is_present);
    }
    world_end(&world);
}

/* As the change itself: what does not open is replaced whole, and not patched. */
static void test_a_dry_run_says_what_would_mend_what_will_not_open(void)
{
    struct world world;
    g_autoptr(GError) error = NULL;
    world_start(&world, KEY);
    put(&world, &org_safety, POLICY_PUT, "{\"loitering_seconds\":9}");
    policy_keeper_free(world.keeper);
    g_clear_pointer(&world.settings.policies.keys, g_free);
    open_keeper(&world);
    g_assert_true(try_dry(&world, &org_safety, POLICY_PUT, "{\"loitering_seconds\":3}", &error));
    g_assert_no_error(error);
    g_assert_false(try_dry(&world, &org_safety, POLICY_PATCH, "{\"loitering_seconds\":3}", &error));
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_PERMISSION);
    world_end(&world);
}

/* Another server watches it: its policies are those of its place all the same, by the signal's word. */
static void test_what_is_told_of_an_unknown_camera_goes_by_its_site(void)
{
    const struct policy_name back = {{.org_id = "default", .site_id = "default"}, POLICY_NOTIFY, NULL};
    struct notify_policy policy;
    struct world world;
    world_start(&world, NULL);
    put(&world, &back, POLICY_PUT, "{\"notify_enabled\":false}");
    g_assert_true(policy_keeper_notify_policy(world.keeper, "default", "default", "theirs", &policy));
    g_assert_false(policy.notify_enabled);
    g_assert_true(policy_keeper_notify_policy(world.keeper, "default", NULL, "theirs", &policy));
    g_assert_true(policy.notify_enabled);
    world_end(&world);
}

static void test_a_dry_run_changes_nothing(void)
{
    struct world world;
    struct policy_changed changed;
    struct record_errors errors;
    g_autoptr(GError) error = NULL;
    world_start(&world, NULL);
    record_errors_init(&errors);
    g_assert_true(policy_keeper_change(world.keeper,
                                       &(struct policy_change){.name = door_safety,
                                                               .action = POLICY_PUT,
                                                               .body = "{\"loitering_seconds\":3}",
                                                               .expected_version = -1,
                                                               .is_dry_run = true,
                                                               .by = {.org_id = "default", .actor_id = "u1"}},
                                       &changed, &errors, &error));
    g_assert_cmpstr(changed.config_json, ==, "{\"loitering_seconds\":3}");
    policy_changed_clear(&changed);
    record_errors_clear(&errors);
    g_assert_cmpfloat(loitering(&world), ==, 0);
    world_end(&world);
}

static void test_an_overlay_comes_and_goes_with_the_hour(void)
{
    struct world world;
    world_start(&world, NULL); /* it is midnight, UTC */
    put(&world, &door_safety, POLICY_PUT,
        "{\"loitering_seconds\":60,\"overlays\":[{\"name\":\"day\",\"schedule\":[{\"from\":\"08:00\",\"to\":\"18:00\"}]"
        ","
        "\"config\":{\"loitering_seconds\":6}}]}");
    g_assert_cmpfloat(loitering(&world), ==, 60);
    const int64_t eight = world_start_ms + 8 * 3600 * 1000;
    g_assert_cmpint(policy_keeper_turn(world.keeper), ==, eight);
    clock_fake_advance_us(world.store.clock, INT64_C(8) * 3600 * G_USEC_PER_SEC);
    policy_keeper_turn(world.keeper);
    g_assert_cmpfloat(loitering(&world), ==, 6);
    world_end(&world);
}

/* The clock ran ahead and is set right: what held then does not hold on until that hour comes again. */
static void test_a_clock_that_is_set_back_takes_overlays_with_it(void)
{
    const int64_t hour_ms = 3600 * 1000;
    struct world world;
    world_start(&world, NULL); /* it is midnight, UTC */
    put(&world, &door_safety, POLICY_PUT,
        "{\"loitering_seconds\":60,\"overlays\":[{\"name\":\"day\",\"schedule\":[{\"from\":\"08:00\",\"to\":\"18:00\"}]"
        ","
        "\"config\":{\"loitering_seconds\":6}}]}");
    clock_fake_advance_us(world.store.clock, 9 * hour_ms * 1000);
    g_assert_cmpint(policy_keeper_turn(world.keeper), ==, world_start_ms + 18 * hour_ms);
    g_assert_cmpfloat(loitering(&world), ==, 6);
    clock_fake_step_wall_ms(world.store.clock, -2 * hour_ms);
    g_assert_cmpint(policy_keeper_turn(world.keeper), ==, world_start_ms + 8 * hour_ms);
    g_assert_cmpfloat(loitering(&world), ==, 60);
    int changes = world.changes;
    g_assert_cmpint(policy_keeper_turn(world.keeper), ==, world_start_ms + 8 * hour_ms);
    g_assert_cmpint(world.changes, ==, changes); /* once */
    world_end(&world);
}

int main(int argc, char **argv)
{
    if (world_is_missing())
        return 0;
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/policy keeper/documents are sealed anew after a rotation",
                    test_documents_are_sealed_anew_after_a_rotation);
    g_test_add_func("/policy keeper/a seal takes the place of what was read alone",
                    test_a_seal_takes_the_place_of_what_was_read_alone);
    g_test_add_func("/policy keeper/changes are in force when the call returns",
                    test_changes_are_in_force_when_the_call_returns);
    g_test_add_func("/policy keeper/h01_what_is_refused_is_not_stored", test_h01_what_is_refused_is_not_stored);
    g_test_add_func("/policy keeper/h01_an_overlay_is_checked_before_its_hour",
                    test_h01_an_overlay_is_checked_before_its_hour);
    g_test_add_func("/policy keeper/who read an older version is told", test_who_read_an_older_version_is_told);
    g_test_add_func("/policy keeper/h14_a_rollback_is_a_new_revision", test_h14_a_rollback_is_a_new_revision);
    g_test_add_func("/policy keeper/sealed documents open after a restart and not without the key",
                    test_sealed_documents_open_after_a_restart_and_not_without_the_key);
    g_test_add_func("/policy keeper/what will not open takes nothing else with it",
                    test_what_will_not_open_takes_nothing_else_with_it);
    g_test_add_func("/policy keeper/h15_what_changes_nothing_is_no_change", test_h15_what_changes_nothing_is_no_change);
    g_test_add_func("/policy keeper/h15_the_same_by_a_file_or_no_more_by_one_is_a_change",
                    test_h15_the_same_by_a_file_or_no_more_by_one_is_a_change);
    g_test_add_func("/policy keeper/h15_the_same_is_in_force_when_the_call_returns",
                    test_h15_the_same_is_in_force_when_the_call_returns);
    g_test_add_func("/policy keeper/what removes from no document makes none",
                    test_what_removes_from_no_document_makes_none);
    g_test_add_func("/policy keeper/a dry run holds the version against what is stored",
                    test_a_dry_run_holds_the_version_against_what_is_stored);
    g_test_add_func("/policy keeper/a dry run changes nothing", test_a_dry_run_changes_nothing);
    g_test_add_func("/policy keeper/a dry run says what would mend what will not open",
                    test_a_dry_run_says_what_would_mend_what_will_not_open);
    g_test_add_func("/policy keeper/what is told of an unknown camera goes by its site",
                    test_what_is_told_of_an_unknown_camera_goes_by_its_site);
    g_test_add_func("/policy keeper/a clock that is set back takes overlays with it",
                    test_a_clock_that_is_set_back_takes_overlays_with_it);
    g_test_add_func("/policy keeper/an overlay comes and goes with the hour",
                    test_an_overlay_comes_and_goes_with_the_hour);
    return g_test_run();
}
