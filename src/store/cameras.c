#include "store/cameras.h"

#include <string.h>

#include "facts/tenant.h"
#include "store/policy_files.h"
#include "store/site_clocks.h"
#include "store/work_internal.h"

void store_camera_free(void *camera)
{
    if (!camera)
        return;
    record_clear(&camera_descriptor, camera);
    g_free(camera);
}

/* ---- reading ---- */

static bool read_org(struct store *store, const char *org_id, GPtrArray *cameras, GError **error)
{
    CLEANUP(store_transaction) struct store_transaction *transaction = store_begin(store, STORE_READ, org_id, error);
    return transaction &&
           store_select(transaction, &camera_descriptor, "WHERE org_id = $1 AND managed_by = 'api' ORDER BY id",
                        STORE_VALUES(sql_text(org_id)), cameras, error);
}

GPtrArray *store_cameras_made(struct store *store, GError **error)
{
    g_autoptr(GPtrArray) orgs = store_orgs_list(store, error);
    g_autoptr(GPtrArray) cameras = g_ptr_array_new_with_free_func(store_camera_free);
    for (guint i = 0; orgs && i < orgs->len; i++)
        if (!read_org(store, g_ptr_array_index(orgs, i), cameras, error))
            return NULL;
    return orgs ? g_steal_pointer(&cameras) : NULL;
}

struct camera *store_camera_find(struct store *store, const char *org_id, const char *camera_id, GError **error)
{
    CLEANUP(store_transaction) struct store_transaction *transaction = store_begin(store, STORE_READ, org_id, error);
    return transaction ? store_find(transaction, &camera_descriptor, "WHERE org_id = $1 AND id = $2",
                                    STORE_VALUES(sql_text(org_id), sql_text(camera_id)), error)
                       : NULL;
}

/* ---- changing ---- */

/* Who sees the audit sees that a login is another, and nothing of it. */
static bool has_same_logins(const struct camera *a, const struct camera *b)
{
    struct stream_use uses_a[CAMERA_MAX_STREAMS], uses_b[CAMERA_MAX_STREAMS];
    size_t count = camera_list_streams(a, uses_a);
    if (camera_list_streams(b, uses_b) != count)
        return false;
    for (size_t i = 0; i < count; i++)
        if (g_strcmp0(uses_a[i].username, uses_b[i].username) != 0 ||
            g_strcmp0(uses_a[i].password, uses_b[i].password) != 0)
            return false;
    return true;
}

static bool note(struct store_transaction *transaction, const struct audit_by *by, const char *action,
                 const struct camera *before, const struct camera *after, GError **error)
{
    const struct camera *const both[] = {before, after};
    g_autofree char *before_text = NULL, *after_text = NULL;
    char **const texts[] = {&before_text, &after_text};
    for (size_t i = 0; i < G_N_ELEMENTS(both); i++) {
        struct camera shown;
        if (!both[i])
            continue;
        GString *json = g_string_new(NULL);
        camera_copy_shown(both[i], &shown);
        record_encode_json(&camera_descriptor, &shown, false, json);
        record_clear(&camera_descriptor, &shown);
        if (both[i] == after && before && !has_same_logins(before, after))
            g_string_insert(json, (gssize)json->len - 1, ",\"login_changed\":true");
        *texts[i] = g_string_free(json, FALSE);
    }
    const struct audit_change change = {AUDIT_CAMERA, after ? after->id : before->id, action, before_text, after_text};
    return store_audit_add_in(transaction, by, &change, error);
}

/* Sites are people's to make, but for the one that every org has. */
static bool has_site(struct store_transaction *transaction, const struct camera *camera, GError **error)
{
    int64_t count = 0;
    if (!camera->site_id)
        return true;
    if (strcmp(camera->site_id, "default") == 0)
        return store_site_ensure_in(transaction, camera->org_id, camera->site_id, error);
    if (!store_get_integer(transaction, "SELECT count(*) FROM sites WHERE org_id = $1 AND id = $2",
                           STORE_VALUES(sql_text(camera->org_id), sql_text(camera->site_id)), 0, &count, error))
        return false;
    if (count == 0)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, "site_id: there is no site '%s': make it first",
                    camera->site_id);
    return count > 0;
}

static bool has_class(struct store_transaction *transaction, const struct camera *camera, GError **error)
{
    int64_t count = 0;
    if (!camera->class_id)
        return true;
    if (!store_get_integer(transaction, "SELECT count(*) FROM classes WHERE org_id = $1 AND id = $2",
                           STORE_VALUES(sql_text(camera->org_id), sql_text(camera->class_id)), 0, &count, error))
        return false;
    if (count == 0)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, "class_id: there is no class '%s'", camera->class_id);
    return count > 0;
}

static bool has_name_alone(struct store_transaction *transaction, const struct camera *camera, GError **error)
{
    int64_t count = 0;
    if (!store_get_integer(
            transaction,
            "SELECT count(*) FROM cameras WHERE org_id = $1 AND name = $2 AND id <> $3 AND " STORE_CAMERA_STANDS,
            STORE_VALUES(sql_text(camera->org_id), sql_text(camera->name), sql_text(camera->id)), 0, &count, error))
        return false;
    if (count > 0)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED, "name: there is a camera named '%s' already",
                    camera->name);
    return count == 0;
}

static char *text_or_empty(char *text)
{
    return text ? text : (char *)(uintptr_t) "";
}

bool store_camera_note_move_in(struct store_transaction *transaction, const struct camera *camera,
                               const struct camera *before, GError **error)
{
    if (!before ||
        (g_strcmp0(before->site_id, camera->site_id) == 0 && g_strcmp0(before->class_id, camera->class_id) == 0))
        return true;
    const struct camera_place place = {.org_id = camera->org_id,
                                       .camera_id = camera->id,
                                       .site_id = text_or_empty(before->site_id),
                                       .class_id = text_or_empty(before->class_id),
                                       .until_at = {clock_wall_ms(transaction->store->clock)}};
    const void *record = &place;
    return store_insert(transaction, &camera_place_descriptor, &record, 1, RECORD_CONFLICT_REPLACE, NULL, error);
}

bool store_camera_watch_in(struct store_transaction *transaction, const struct camera *camera, bool was_watched,
                           GError **error)
{
    return !camera->enabled || was_watched ||
           store_run(transaction, "UPDATE cameras SET watched_since = $3 WHERE org_id = $1 AND id = $2",
                     STORE_VALUES(sql_text(camera->org_id), sql_text(camera->id),
                                  sql_time(clock_wall_ms(transaction->store->clock))),
                     NULL, error);
}

bool store_camera_write(struct store *store, const struct camera *camera, const struct camera *before,
                        const struct audit_by *by, GError **error)
{
    struct camera stored = *camera; /* borrows everything */
    stored.username = stored.password = NULL;
    const void *record = &stored;
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_WRITE, camera->org_id, error);
    return transaction && store_ensure_org_in(transaction, camera->org_id, error) &&
           has_site(transaction, camera, error) && has_class(transaction, camera, error) &&
           has_name_alone(transaction, camera, error) &&
           store_insert(transaction, &camera_descriptor, &record, 1, RECORD_CONFLICT_REPLACE, NULL, error) &&
           store_camera_note_move_in(transaction, camera, before, error) &&
           store_camera_watch_in(transaction, camera, before && before->enabled, error) &&
           note(transaction, by, before ? "update" : "create", before, camera, error) &&
           store_commit(g_steal_pointer(&transaction), error);
}

bool store_camera_reseal(struct store *store, const struct camera *camera, const char *logins, GError **error)
{
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_WRITE, camera->org_id, error);
    return transaction &&
           store_run(transaction, "UPDATE cameras SET logins = $3 WHERE org_id = $1 AND id = $2 AND managed_by = 'api'",
                     STORE_VALUES(sql_text(camera->org_id), sql_text(camera->id), sql_text(logins)), NULL, error) &&
           store_commit(g_steal_pointer(&transaction), error);
}

static bool has_no_policies(struct store_transaction *transaction, const struct camera *camera, GError **error)
{
    int64_t count = 0;
    if (!store_get_integer(transaction, "SELECT count(*) FROM service_policies WHERE org_id = $1 AND camera_id = $2",
                           STORE_VALUES(sql_text(camera->org_id), sql_text(camera->id)), 0, &count, error))
        return false;
    if (count > 0)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED,
                    "%" G_GINT64_FORMAT " policies are of this camera: remove them first", count);
    return count == 0;
}

bool store_camera_delete(struct store *store, const struct camera *camera, const struct audit_by *by, GError **error)
{
    g_autoptr(GPtrArray) ended = g_ptr_array_new_with_free_func(incident_free);
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_WRITE, camera->org_id, error);
    bool is_good = transaction && has_no_policies(transaction, camera, error) &&
                   store_run(transaction, "DELETE FROM cameras WHERE org_id = $1 AND id = $2",
                             STORE_VALUES(sql_text(camera->org_id), sql_text(camera->id)), NULL, error) &&
                   /* after it: what was told of the camera meanwhile stands by now */
                   store_incidents_end_in(transaction, camera, ended, error) &&
                   note(transaction, by, "delete", camera, NULL, error) &&
                   store_commit(g_steal_pointer(&transaction), error);
    if (is_good)
        store_tell_incidents(store, ended);
    return is_good;
}

/* ---- the settings' that are no more ---- */

static bool is_listed(const struct record_list *cameras, const struct camera *camera)
{
    const struct camera *items = cameras->items;
    for (size_t i = 0; i < cameras->count; i++)
        if (g_strcmp0(items[i].id, camera->id) == 0 && g_strcmp0(items[i].org_id, camera->org_id) == 0)
            return true;
    return false;
}

static bool settle_camera(struct store_transaction *transaction, const struct camera *camera, GPtrArray *ended,
                          GError **error)
{
    (void)ended;
    const struct audit_by by = {camera->org_id, "system", NULL, NULL, "settings"};
    return store_run(transaction,
                     "UPDATE cameras SET enabled = $3, online = $3, metadata = NULL WHERE org_id = $1 AND id = $2",
                     STORE_VALUES(sql_text(camera->org_id), sql_text(camera->id), sql_bool(false)), NULL, error) &&
           note(transaction, &by, "delete", camera, NULL, error);
}

/* SQLite has one server. Of PostgreSQL's each settles what it put there; what may be another's stays as it is. */
static bool is_own(const struct store *store, const struct camera *row, const char *source)
{
    return store->engine->dialect == RECORD_SQLITE || (source && g_strcmp0(store_camera_source(row), source) == 0);
}

/* What is done with one that the settings have no more. */
typedef bool (*settling)(struct store_transaction *transaction, const struct camera *camera, GPtrArray *ended,
                         GError **error);

/* Those that are enabled, or were told to be online: of others nothing changes. */
static const char to_settle[] = "(enabled OR online)";

/* Also of those that were settled before, or were disabled when they went. */
static const char to_end[] = "EXISTS (SELECT 1 FROM incidents WHERE incidents.org_id = $1 AND "
                             "incidents.camera_id = cameras.id AND service = 'system' AND ended_at IS NULL)";

/* Of an org's own: what meets the condition ($1 is the org). */
static bool settle_those(struct store_transaction *transaction, const char *org_id, const struct record_list *cameras,
                         const char *source, const char *condition, settling act, GPtrArray *ended, GError **error)
{
    g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(store_camera_free);
    g_autofree char *where =
        g_strdup_printf("WHERE org_id = $1 AND coalesce(managed_by, 'file') = 'file' AND %s ORDER BY id", condition);
    if (!store_select(transaction, &camera_descriptor, where, STORE_VALUES(sql_text(org_id)), found, error))
        return false;
    for (guint i = 0; i < found->len; i++) {
        const struct camera *row = g_ptr_array_index(found, i);
        if (is_own(transaction->store, row, source) && !is_listed(cameras, row) && !act(transaction, row, ended, error))
            return false;
    }
    return true;
}

static bool settle_org(struct store *store, const char *org_id, const struct record_list *cameras, const char *source,
                       GError **error)
{
    g_autoptr(GPtrArray) ended = g_ptr_array_new_with_free_func(incident_free);
    CLEANUP(store_transaction) struct store_transaction *transaction = store_begin(store, STORE_WRITE, org_id, error);
    bool is_good = transaction &&
                   settle_those(transaction, org_id, cameras, source, to_settle, settle_camera, ended, error) &&
                   settle_those(transaction, org_id, cameras, source, to_end, store_incidents_end_in, ended, error) &&
                   store_commit(g_steal_pointer(&transaction), error);
    if (is_good)
        store_tell_incidents(store, ended);
    return is_good;
}

bool store_cameras_settle(struct store *store, const struct record_list *cameras, GError **error)
{
    g_autofree char *source = store_source_make(store->data_dir, store->clock, NULL);
    g_autoptr(GPtrArray) orgs = store_orgs_list(store, error);
    for (guint i = 0; orgs && i < orgs->len; i++)
        if (!settle_org(store, g_ptr_array_index(orgs, i), cameras, source, error))
            return false;
    return orgs != NULL;
}

bool store_cameras_register(struct store *store, const struct record_list *cameras, const int *is_stopping,
                            GError **error)
{
    const struct camera *items = cameras->items;
    for (size_t i = 0; i < cameras->count; i++) {
        if (__atomic_load_n(is_stopping, __ATOMIC_ACQUIRE)) {
            g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_CANCELLED,
                        "told to stop: %zu of %zu cameras are registered, the rest at the next start", i,
                        cameras->count);
            return false;
        }
        if (!store_camera_put(store, &items[i], error))
            return false;
    }
    return store_cameras_settle(store, cameras, error);
}
