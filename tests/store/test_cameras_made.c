/* Cameras that the API makes, in the store: what is kept, of whom, and what stands in the way. */
#include "store_world.h"

#include <sodium.h>
#include <sqlite3.h>

#include "facts/incident.h"
#include "facts/occupancy.h"
#include "store/audit.h"
#include "store/cameras.h"
#include "store/places.h"
#include "store/store_internal.h"

static const struct audit_by by = {"default", "u-1", "admin", NULL, NULL},
                             other_by = {"other", "u-2", "admin", NULL, NULL};

static struct camera camera_of(const char *org_id, const char *id, const char *name)
{
    struct camera camera;
    record_init(&camera_descriptor, &camera);
    g_free(camera.org_id);
    camera.id = g_strdup(id);
    camera.org_id = g_strdup(org_id);
    camera.name = g_strdup(name);
    camera.source = g_strdup("rtsp://10.0.0.7/s?pwd=canary");
    camera.username = g_strdup("canary-user");
    camera.password = g_strdup("canary-password");
    camera.logins = g_strdup("{\"sealed\":\"v1\"}");
    camera.managed_by = CAMERA_OF_API;
    return camera;
}

static void test_they_are_kept_with_their_sealed_logins_alone(void)
{
    struct store_world world;
    g_autoptr(GError) error = NULL;
    world_init(&world);
    struct camera camera = camera_of("default", "yard", "Yard"), file = camera_of("default", "door", "Yard");
    file.managed_by = CAMERA_OF_FILE;
    g_assert_true(store_camera_write(world.store, &camera, NULL, &by, &error));
    g_assert_true(store_camera_put(world.store, &file, &error)); /* the settings may name theirs as they like */
    g_assert_no_error(error);
    g_autoptr(GPtrArray) made = store_cameras_made(world.store, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(made->len, ==, 1);
    const struct camera *kept = g_ptr_array_index(made, 0);
    g_assert_cmpstr(kept->id, ==, "yard");
    g_assert_cmpstr(kept->logins, ==, "{\"sealed\":\"v1\"}");
    g_assert_null(kept->username);
    g_assert_null(kept->password);
    g_autoptr(GPtrArray) entries = store_audit_list(world.store, "default", INT64_MAX, 10, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(entries->len, ==, 2);
    for (guint i = 0; i < entries->len; i++) {
        g_autoptr(GString) text = g_string_new(NULL);
        record_encode_json(&audit_view_descriptor, g_ptr_array_index(entries, i), false, text);
        g_assert_null(strstr(text->str, "canary"));
    }
    record_clear(&camera_descriptor, &camera);
    record_clear(&camera_descriptor, &file);
    world_clear(&world);
}

static void test_names_are_an_orgs_own(void)
{
    struct store_world world;
    g_autoptr(GError) error = NULL;
    world_init(&world);
    struct camera first = camera_of("default", "a", "Yard"), second = camera_of("default", "b", "Yard"),
                  others = camera_of("other", "c", "Yard");
    g_assert_true(store_camera_write(world.store, &first, NULL, &by, &error));
    g_assert_true(store_camera_write(world.store, &others, NULL, &other_by, &error));
    g_assert_true(store_camera_write(world.store, &first, &first, &by, &error)); /* its own name is no other's */
    g_assert_false(store_camera_write(world.store, &second, NULL, &by, &error));
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED);
    g_clear_error(&error);
    g_free(second.name);
    second.name = g_strdup("Another yard");
    g_free(second.site_id);
    second.site_id = g_strdup("nowhere");
    g_assert_false(store_camera_write(world.store, &second, NULL, &by, &error));
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID);
    record_clear(&camera_descriptor, &first);
    record_clear(&camera_descriptor, &second);
    record_clear(&camera_descriptor, &others);
    world_clear(&world);
}

static void test_what_goes_is_one_orgs(void)
{
    struct store_world world;
    g_autoptr(GError) error = NULL;
    world_init(&world);
    struct camera own = camera_of("default", "a", "A"), others = camera_of("other", "b", "B");
    g_assert_true(store_camera_write(world.store, &own, NULL, &by, &error));
    g_assert_true(store_camera_write(world.store, &others, NULL, &other_by, &error));
    g_assert_true(store_camera_delete(world.store, &own, &by, &error));
    g_assert_no_error(error);
    g_autoptr(GPtrArray) made = store_cameras_made(world.store, &error);
    g_assert_cmpuint(made->len, ==, 1);
    g_assert_cmpstr(((const struct camera *)g_ptr_array_index(made, 0))->id, ==, "b");
    record_clear(&camera_descriptor, &own);
    record_clear(&camera_descriptor, &others);
    world_clear(&world);
}

/* The newest entry of the audit's `after`, and how many there are. */
static char *put_and_look(struct store_world *world, const struct camera *camera, unsigned *entries)
{
    g_autoptr(GError) error = NULL;
    g_assert_true(store_camera_put(world->store, camera, &error));
    g_assert_no_error(error);
    g_autoptr(GPtrArray) told = store_audit_list(world->store, "default", 0, 100, &error);
    *entries = told->len;
    return g_strdup(((const struct audit_view *)g_ptr_array_index(told, 0))->after.text);
}

/* Another login in the settings file: the audit tells that it is another, and nothing of it; nor does the store. */
static void test_another_login_in_the_settings(void)
{
    static const struct {
        const char *username, *password;
        unsigned entries; /* after it */
        bool is_told;
    } starts[] = {{"user", "canary-1", 1, false}, {"user", "canary-1", 1, false}, {"user", "canary-2", 2, true},
                  {"root", "canary-2", 3, true},  {NULL, NULL, 4, true},          {NULL, NULL, 4, true},
                  {"root", "canary-2", 5, true}};
    struct store_world world;
    world_init(&world);
    struct camera camera = camera_of("default", "door", "Door");
    camera.managed_by = CAMERA_OF_FILE;
    for (size_t i = 0; i < G_N_ELEMENTS(starts); i++) {
        unsigned entries = 0;
        g_free(camera.username);
        g_free(camera.password);
        camera.username = g_strdup(starts[i].username);
        camera.password = g_strdup(starts[i].password);
        g_autofree char *after = put_and_look(&world, &camera, &entries);
        g_assert_cmpuint(entries, ==, starts[i].entries);
        g_assert_cmpint(strstr(after, "\"login_changed\":true") != NULL, ==, starts[i].is_told);
        g_assert_null(strstr(after, "canary"));
        g_assert_null(strstr(after, "argon2"));
    }
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(world.store, STORE_READ, "default", NULL);
    struct camera *kept =
        store_find(transaction, &camera_descriptor, "WHERE id = $1", STORE_VALUES(sql_text("door")), NULL);
    g_assert_true(g_str_has_prefix(kept->logins, "$argon2id$"));
    g_assert_null(kept->username);
    g_assert_null(kept->password);
    store_camera_free(kept);
    g_clear_pointer(&transaction, store_rollback);
    record_clear(&camera_descriptor, &camera);
    world_clear(&world);
}

/* ---- in libsodium's place: whoever hashes a login looks at who waits for it meanwhile ---- */

static struct {
    const struct store_world *world; /* NULL: nobody looks */
    int *stop;                       /* NULL: it is not stopped while it does */
    int hashes, locked;
} watch;

/* SQLite has one lock for all that write; PostgreSQL has none like it. */
static bool is_write_locked(const struct store_world *world)
{
    if (world->store->engine->dialect == RECORD_POSTGRES)
        return false;
    g_autofree char *path = g_build_filename(world->directory, "vedette.db", NULL);
    sqlite3 *db = NULL;
    g_assert_cmpint(sqlite3_open(path, &db), ==, SQLITE_OK);
    sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    int code = sqlite3_exec(db, "BEGIN IMMEDIATE; ROLLBACK", NULL, NULL, NULL);
    sqlite3_close(db);
    return code == SQLITE_BUSY;
}

int crypto_pwhash_str_verify(const char hash[crypto_pwhash_STRBYTES], const char *password, unsigned long long length)
{
    watch.hashes++;
    watch.locked += watch.world && is_write_locked(watch.world);
    if (watch.stop)
        __atomic_store_n(watch.stop, 1, __ATOMIC_RELEASE);
    return crypto_pwhash_argon2id_str_verify(hash, password, length);
}

/* Argon2 is slow on purpose: nobody else's write waits for it, nor does the end of the server for every camera's. */
static void test_logins_are_compared_while_others_may_write(void)
{
    struct store_world world;
    g_autoptr(GError) error = NULL;
    world_init(&world);
    struct camera cameras[] = {camera_of("default", "door", "Door"), camera_of("default", "gate", "Gate")};
    cameras[0].managed_by = cameras[1].managed_by = CAMERA_OF_FILE;
    const struct record_list both = {cameras, 2};
    int is_stopping = 0;
    g_assert_true(store_cameras_register(world.store, &both, &is_stopping, &error));
    watch.world = &world;
    watch.hashes = watch.locked = 0;
    g_assert_true(store_cameras_register(world.store, &both, &is_stopping, &error));
    g_assert_no_error(error);
    g_assert_cmpint(watch.hashes, ==, 2);
    g_assert_cmpint(watch.locked, ==, 0);
    watch.stop = &is_stopping;
    g_assert_false(store_cameras_register(world.store, &both, &is_stopping, &error));
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_CANCELLED);
    g_assert_cmpint(watch.hashes, ==, 3);
    watch.world = NULL;
    watch.stop = NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(cameras); i++)
        record_clear(&camera_descriptor, &cameras[i]);
    world_clear(&world);
}

/* "cam online enabled, …". */
static char *rows_of_file(struct store_world *world)
{
    GString *text = g_string_new(NULL);
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(world->store, STORE_READ, "default", NULL);
    g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(store_camera_free);
    g_assert_true(store_select(transaction, &camera_descriptor, "ORDER BY id", STORE_NO_VALUES, found, NULL));
    for (guint i = 0; i < found->len; i++) {
        const struct camera *camera = g_ptr_array_index(found, i);
        int64_t online = 0;
        g_assert_true(
            store_get_integer(transaction,
                              "SELECT count(*) FROM cameras WHERE org_id = 'default' AND id = $1 AND online = "
                              "$2",
                              STORE_VALUES(sql_text(camera->id), sql_bool(true)), 0, &online, NULL));
        g_string_append_printf(text, "%s%s%s%s", i ? ", " : "", camera->id, camera->enabled ? " enabled" : "",
                               online ? " online" : "");
    }
    return g_string_free(text, FALSE);
}

static void expect_settled(struct store_world *world, const struct record_list *cameras, const char *rows,
                           unsigned entries)
{
    g_autoptr(GError) error = NULL;
    g_assert_true(store_cameras_settle(world->store, cameras, &error));
    g_assert_no_error(error);
    g_autofree char *found = rows_of_file(world);
    g_assert_cmpstr(found, ==, rows);
    g_autoptr(GPtrArray) told = store_audit_list(world->store, "default", 0, 100, &error);
    g_assert_cmpuint(told->len, ==, entries);
}

/* Servers share PostgreSQL, and each knows its own. SQLite has one alone, whatever a row says. */
static void test_one_that_another_server_put_there_stays(void)
{
    static const char *const others[] = {"none 0197a000-0000-7000-8000-000000000001", "none",
                                         NULL /* an earlier version */};
    struct store_world world;
    g_autoptr(GError) error = NULL;
    world_init(&world);
    bool is_shared = world.store->engine->dialect == RECORD_POSTGRES;
    struct camera cameras[] = {camera_of("default", "door", "Door"), camera_of("default", "gate", "Gate")};
    cameras[0].managed_by = cameras[1].managed_by = CAMERA_OF_FILE;
    g_assert_true(store_camera_put(world.store, &cameras[0], &error));
    const struct record_list one = {cameras, 1};
    for (size_t i = 0; i < G_N_ELEMENTS(others); i++) {
        g_assert_true(store_camera_put(world.store, &cameras[1], &error));
        struct store_transaction *transaction = store_begin(world.store, STORE_WRITE, "default", &error);
        g_assert_true(store_run(transaction, "UPDATE cameras SET logins = $1 WHERE id = 'gate'",
                                STORE_VALUES(sql_text(others[i])), NULL, &error) &&
                      store_commit(transaction, &error));
        g_assert_true(store_cameras_settle(world.store, &one, &error));
        g_autofree char *rows = rows_of_file(&world);
        g_assert_cmpstr(rows, ==, is_shared ? "door enabled, gate enabled" : "door enabled, gate");
    }
    g_assert_true(store_camera_put(world.store, &cameras[1], &error)); /* now it is this server's */
    g_assert_true(store_cameras_settle(world.store, &one, &error));
    g_autofree char *rows = rows_of_file(&world);
    g_assert_cmpstr(rows, ==, "door enabled, gate");
    for (size_t i = 0; i < G_N_ELEMENTS(cameras); i++)
        record_clear(&camera_descriptor, &cameras[i]);
    world_clear(&world);
}

/* The same server under another host name, as a container has it: what its disk was called is nobody else's. */
static void sample_as_another_host(struct store_world *world)
{
    g_autoptr(GError) error = NULL;
    const struct storage_sample other = {{world_start_ms}, 1, (char *)"elsewhere:/data"};
    const void *sample = &other;
    struct store_transaction *transaction = store_begin(world->store, STORE_JOB, STORE_PLATFORM, &error);
    g_assert_true(
        store_insert(transaction, &storage_sample_descriptor, &sample, 1, RECORD_CONFLICT_FAIL, NULL, &error) &&
        store_commit(transaction, &error));
}

/* A camera that was taken out of the settings file: the audit tells it once, and it is not online for ever. */
static void test_one_that_the_settings_have_no_more(void)
{
    struct store_world world;
    g_autoptr(GError) error = NULL;
    world_init(&world);
    struct camera cameras[] = {camera_of("default", "door", "Door"), camera_of("default", "gate", "Gate"),
                               camera_of("default", "yard", "Yard")};
    cameras[0].managed_by = cameras[1].managed_by = CAMERA_OF_FILE;
    for (size_t i = 0; i < 2; i++) {
        g_assert_true(store_camera_put(world.store, &cameras[i], &error));
        g_assert_true(
            store_camera_set_health(world.store, "default", cameras[i].id, true, world_start_ms, "{}", &error));
    }
    g_assert_true(store_camera_write(world.store, &cameras[2], NULL, &by, &error));
    const struct record_list both = {cameras, 2}, one = {cameras, 1};
    expect_settled(&world, &both, "door enabled online, gate enabled online, yard enabled", 3);
    sample_as_another_host(&world);
    for (int i = 0; i < 2; i++)
        expect_settled(&world, &one, "door enabled online, gate, yard enabled", 4);
    g_autoptr(GPtrArray) told = store_audit_list(world.store, "default", 0, 1, &error);
    const struct audit_view *entry = g_ptr_array_index(told, 0);
    g_assert_cmpstr(entry->action, ==, "delete");
    g_assert_cmpstr(entry->subject_id, ==, "gate");
    g_assert_cmpstr(entry->reason, ==, "settings");
    g_assert_true(store_camera_put(world.store, &cameras[1], &error)); /* and it comes back */
    expect_settled(&world, &both, "door enabled online, gate enabled, yard enabled", 5);
    for (size_t i = 0; i < G_N_ELEMENTS(cameras); i++)
        record_clear(&camera_descriptor, &cameras[i]);
    world_clear(&world);
}

/* What a camera that the settings have no more was called, and where it stood, is free; if it comes back, so it is. */
static void test_one_that_the_settings_have_no_more_is_in_nobodys_way(void)
{
    struct store_world world;
    g_autoptr(GError) error = NULL;
    world_init(&world);
    struct camera gone = camera_of("default", "gate", "Yard"), made = camera_of("default", "yard", "Yard");
    const struct record_list none = {NULL, 0};
    gone.managed_by = CAMERA_OF_FILE;
    g_free(gone.site_id);
    gone.site_id = g_strdup("barn");
    g_assert_true(store_camera_put(world.store, &gone, &error));
    g_assert_false(store_camera_write(world.store, &made, NULL, &by, &error));
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED);
    g_clear_error(&error);
    g_assert_false(store_site_delete(world.store, "barn", NULL, NULL, &by, &error));
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED);
    g_clear_error(&error);
    g_assert_true(store_cameras_settle(world.store, &none, &error));
    g_assert_true(store_camera_write(world.store, &made, NULL, &by, &error));
    g_assert_no_error(error);
    g_assert_true(store_site_delete(world.store, "barn", NULL, NULL, &by, &error));
    g_assert_no_error(error);
    made.enabled = false; /* at rest it stands where it stood */
    g_assert_true(store_camera_write(world.store, &made, &made, &by, &error));
    g_assert_false(store_site_delete(world.store, "default", NULL, NULL, &by, &error));
    g_clear_error(&error);
    g_assert_true(store_camera_put(world.store, &gone, &error));
    struct camera *back = store_camera_find(world.store, "default", "gate", &error);
    g_assert_cmpstr(back->site_id, ==, "barn");
    store_camera_free(back);
    record_clear(&camera_descriptor, &gone);
    record_clear(&camera_descriptor, &made);
    world_clear(&world);
}

static void count_ended(void *data, const struct incident *incident)
{
    g_assert_cmpint(incident->ended_at.ms, !=, 0);
    ++*(int *)data;
}

/* Both kinds that the server tells of a camera; and one that a rule does, which is nobody's to end. */
static void trouble(struct store_world *world, const char *camera_id)
{
    static const char *const signals[][2] = {{"system", "camera_offline"}, {"system", "stalled"}, {"safety", "fall"}};
    GPtrArray *batch = world_batch_new();
    for (size_t i = 0; i < G_N_ELEMENTS(signals); i++)
        g_ptr_array_add(batch,
                        world_signal(world, NULL, camera_id, signals[i][0], signals[i][1], "high", world_start_ms));
    world_store(world, batch);
}

static unsigned count_standing(struct store_world *world, const char *camera_id)
{
    int64_t count = 0;
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(world->store, STORE_READ, "default", NULL);
    g_assert_true(store_get_integer(
        transaction, "SELECT count(*) FROM incidents WHERE org_id = $1 AND camera_id = $2 AND ended_at IS NULL",
        STORE_VALUES(sql_text("default"), sql_text(camera_id)), 0, &count, NULL));
    return (unsigned)count;
}

/* What receivers will be told of, of one camera. */
static unsigned count_notified(struct store_world *world, const char *camera_id, enum incident_step step)
{
    int skipped = 0;
    unsigned count = 0;
    g_autoptr(GPtrArray) changes = store_incident_changes_list(world->store, "default", &skipped, 100, NULL);
    for (guint i = 0; i < changes->len; i++) {
        const struct incident_change *change = g_ptr_array_index(changes, i);
        count += change->step == step && strcmp(change->camera_id, camera_id) == 0;
    }
    return count;
}

/* A camera that goes while it is off line: nobody would ever say that it is back. */
static void test_what_stands_of_a_camera_ends_with_it(void)
{
    static const char *const ids[] = {"yard", "door", "gate", "barn"};
    struct store_world world;
    g_autoptr(GError) error = NULL;
    int told = 0;
    world_init_fused(&world, SEVERITY_LOW);
    struct camera cameras[G_N_ELEMENTS(ids)];
    for (size_t i = 0; i < G_N_ELEMENTS(ids); i++) {
        cameras[i] = camera_of("default", ids[i], ids[i]);
        cameras[i].managed_by = i ? CAMERA_OF_FILE : CAMERA_OF_API;
        cameras[i].enabled = i != 2; /* disabled while it was off line, then taken out */
        g_assert_true(i ? store_camera_put(world.store, &cameras[i], &error)
                        : store_camera_write(world.store, &cameras[i], NULL, &by, &error));
        trouble(&world, ids[i]);
    }
    const struct record_list one = {&cameras[3], 1};
    store_watch_incidents(world.store, count_ended, &told);
    g_assert_true(store_camera_delete(world.store, &cameras[0], &by, &error));
    g_assert_cmpint(told, ==, 2);
    for (int i = 0; i < 2; i++)
        g_assert_true(store_cameras_settle(world.store, &one, &error));
    g_assert_no_error(error);
    g_assert_cmpint(told, ==, 6);
    for (size_t i = 0; i < G_N_ELEMENTS(ids); i++) {
        g_assert_cmpuint(count_standing(&world, ids[i]), ==, i < 3 ? 1 : 3);
        g_assert_cmpuint(count_notified(&world, ids[i], INCIDENT_STEP_ENDED), ==, i < 3 ? 2 : 0);
        record_clear(&camera_descriptor, &cameras[i]);
    }
    world_clear(&world);
}

/* How a camera was may wait in the spool until after it went. */
static void test_what_comes_late_of_a_camera_that_went_begins_nothing(void)
{
    struct store_world world;
    g_autoptr(GError) error = NULL;
    world_init_fused(&world, SEVERITY_LOW);
    struct camera made = camera_of("default", "yard", "Yard"), file = camera_of("default", "gate", "Gate");
    const struct record_list none = {NULL, 0};
    file.managed_by = CAMERA_OF_FILE;
    g_assert_true(store_camera_write(world.store, &made, NULL, &by, &error));
    g_assert_true(store_camera_put(world.store, &file, &error));
    g_assert_true(store_camera_delete(world.store, &made, &by, &error));
    g_assert_true(store_cameras_settle(world.store, &none, &error));
    g_assert_no_error(error);
    trouble(&world, "yard");
    trouble(&world, "gate");
    g_assert_cmpuint(count_standing(&world, "yard"), ==, 1); /* what was seen by it is told */
    g_assert_cmpuint(count_standing(&world, "gate"), ==, 1);
    g_assert_cmpuint(count_notified(&world, "gate", INCIDENT_STEP_OPENED), ==, 1);
    g_assert_true(store_camera_put(world.store, &file, &error)); /* it is back */
    trouble(&world, "gate");
    g_assert_cmpuint(count_standing(&world, "gate"), ==, 3);
    trouble(&world, "unknown"); /* not stored yet */
    g_assert_cmpuint(count_standing(&world, "unknown"), ==, 3);
    record_clear(&camera_descriptor, &made);
    record_clear(&camera_descriptor, &file);
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    if (world_is_missing())
        return 0;
    g_test_add_func("/cameras/they_are_kept_with_their_sealed_logins_alone",
                    test_they_are_kept_with_their_sealed_logins_alone);
    g_test_add_func("/cameras/names_are_an_orgs_own", test_names_are_an_orgs_own);
    g_test_add_func("/cameras/what_goes_is_one_orgs", test_what_goes_is_one_orgs);
    g_test_add_func("/cameras_made/another_login_in_the_settings", test_another_login_in_the_settings);
    g_test_add_func("/cameras_made/logins_are_compared_while_others_may_write",
                    test_logins_are_compared_while_others_may_write);
    g_test_add_func("/cameras_made/one_that_another_server_put_there_stays",
                    test_one_that_another_server_put_there_stays);
    g_test_add_func("/cameras_made/one_that_the_settings_have_no_more", test_one_that_the_settings_have_no_more);
    g_test_add_func("/cameras_made/one_that_the_settings_have_no_more_is_in_nobodys_way",
                    test_one_that_the_settings_have_no_more_is_in_nobodys_way);
    g_test_add_func("/cameras_made/what_stands_of_a_camera_ends_with_it", test_what_stands_of_a_camera_ends_with_it);
    g_test_add_func("/cameras_made/what_comes_late_of_a_camera_that_went_begins_nothing",
                    test_what_comes_late_of_a_camera_that_went_begins_nothing);
    return g_test_run();
}
