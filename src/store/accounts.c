/* Users, logins, cameras and what they belong to: small records, written one at a time. */
#include <string.h>

#include "facts/tenant.h"
#include "store/audit_internal.h"
#include "store/cameras.h"
#include "store/policy_files.h"
#include "store/site_clocks.h"

void user_free(struct user *user)
{
    if (!user)
        return;
    record_clear(&user_descriptor, user);
    g_free(user);
}

/* ---- orgs and sites ---- */

/* Any thread. NULL: several stand, or it is not known. */
static void note_lone_org(struct store *store, const char *org_id)
{
    pthread_mutex_lock(&store->lone_org_lock);
    g_free(store->lone_org);
    store->lone_org = g_strdup(org_id);
    pthread_mutex_unlock(&store->lone_org_lock);
}

void store_forget_lone_org(struct store *store)
{
    note_lone_org(store, NULL);
}

/* An org and a site come into being with the first that names them. */
bool store_ensure_org_in(struct store_transaction *transaction, const char *org_id, GError **error)
{
    const struct org org = {
        .id = (char *)(uintptr_t)org_id,
        .name = (char *)(uintptr_t)org_id,
        .created_at = {clock_wall_ms(transaction->store->clock)},
    };
    const void *record = &org;
    bool is_new = false, is_deleted;
    if (!store_insert(transaction, &org_descriptor, &record, 1, RECORD_CONFLICT_IGNORE, &is_new, error) ||
        !store_org_is_deleted_in(transaction, org_id, &is_deleted, error))
        return false;
    if (is_new)
        store_forget_lone_org(transaction->store);
    if (is_deleted)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_CONFLICT,
                    "org '%s' was deleted, and its id is not given again: use another org_id", org_id);
    return !is_deleted;
}

static bool take_id(void *data, const struct record_sql_value *row, size_t columns, GError **error)
{
    (void)error;
    if (columns && row[0].type == RECORD_SQL_TEXT)
        g_ptr_array_add(data, g_strdup(row[0].text));
    return true;
}

GPtrArray *store_orgs_list(struct store *store, GError **error)
{
    g_autoptr(GPtrArray) ids = g_ptr_array_new_with_free_func(g_free);
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_READ, STORE_PLATFORM, error);
    bool is_good = transaction && store_each(transaction, "SELECT id FROM orgs WHERE deleted_at IS NULL ORDER BY id",
                                             STORE_NO_VALUES, take_id, ids, error);
    if (is_good)
        note_lone_org(store, ids->len == 1 ? g_ptr_array_index(ids, 0) : NULL);
    return is_good ? g_steal_pointer(&ids) : NULL;
}

bool store_org_is_alone(struct store *store, const char *org_id, GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autoptr(GPtrArray) orgs = store_orgs_list(store, &cause);
    pthread_mutex_lock(&store->lone_org_lock);
    bool is_known = orgs || store->lone_org, is_alone = g_strcmp0(store->lone_org, org_id) == 0;
    pthread_mutex_unlock(&store->lone_org_lock);
    if (!is_known)
        g_propagate_error(error, g_steal_pointer(&cause));
    return is_known && is_alone;
}

/* ---- users ---- */

static void *find_one(struct store *store, const char *org_id, const struct record_descriptor *descriptor,
                      const char *tail, const char *key, GError **error)
{
    CLEANUP(store_transaction) struct store_transaction *transaction = store_begin(store, STORE_READ, org_id, error);
    return transaction ? store_find(transaction, descriptor, tail, STORE_VALUES(sql_text(org_id), sql_text(key)), error)
                       : NULL;
}

struct user *store_user_find(struct store *store, const char *login_name, GError **error)
{
    const char *slash = strchr(login_name, '/');
    g_autofree char *org_id = slash ? g_strndup(login_name, (gsize)(slash - login_name)) : g_strdup("default");
    return find_one(store, org_id, &user_descriptor, "WHERE org_id = $1 AND username = $2 AND " STORE_ORG_STANDS,
                    slash ? slash + 1 : login_name, error);
}

struct user *store_user_get(struct store *store, const char *org_id, const char *user_id, GError **error)
{
    return find_one(store, org_id, &user_descriptor, "WHERE org_id = $1 AND id = $2", user_id, error);
}

bool store_has_users(struct store *store, const char *org_id, bool *has_users, GError **error)
{
    int64_t count = 0;
    CLEANUP(store_transaction) struct store_transaction *transaction = store_begin(store, STORE_READ, org_id, error);
    bool is_good = transaction && store_get_integer(transaction, "SELECT count(*) FROM users WHERE org_id = $1",
                                                    STORE_VALUES(sql_text(org_id)), 0, &count, error);
    *has_users = count > 0;
    return is_good;
}

/* ---- cameras ---- */

/* As the audit shows it: without what may be a login in the address. NULL for none. */
static char *camera_text(const struct camera *camera, bool login_changed)
{
    if (!camera)
        return NULL;
    struct camera shown;
    GString *json = g_string_new(NULL);
    camera_copy_shown(camera, &shown);
    record_encode_json(&camera_descriptor, &shown, false, json);
    record_clear(&camera_descriptor, &shown);
    if (login_changed)
        g_string_insert(json, (gssize)json->len - 1, ",\"login_changed\":true");
    return g_string_free(json, FALSE);
}

static const char no_logins[] = "none"; /* in a fingerprint's place */

/* All logins of a camera as one text; NULL: it has none. */
static char *logins_text(const struct camera *camera)
{
    struct stream_use uses[CAMERA_MAX_STREAMS];
    GString *text = g_string_new("[");
    bool has_any = false;
    size_t count = camera_list_streams(camera, uses);
    for (size_t i = 0; i < count; i++) {
        has_any |= uses[i].username || uses[i].password;
        record_append_json_string(text, uses[i].username ? uses[i].username : "");
        record_append_json_string(text, uses[i].password ? uses[i].password : "");
    }
    return g_string_free(text, !has_any);
}

/* In a row's `logins` of a camera of the settings: "FINGERPRINT SOURCE". */
const char *store_camera_source(const struct camera *row)
{
    const char *space = row->logins ? strchr(row->logins, ' ') : NULL;
    return space ? space + 1 : NULL;
}

/* What the row keeps of the settings' logins, to tell the next time whether they are others: `known` is what it has
 * (NULL: an earlier version wrote it). g_free. */
static char *fingerprint_of(const struct camera *camera, const char *known, bool *is_changed)
{
    g_autofree char *text = logins_text(camera);
    bool is_same = known && (text ? strcmp(known, no_logins) != 0 && audit_fingerprint_matches(known, text)
                                  : strcmp(known, no_logins) == 0);
    *is_changed = known && !is_same;
    return is_same ? g_strdup(known) : text ? audit_fingerprint_new(text) : g_strdup(no_logins);
}

static struct camera *find_camera(struct store_transaction *transaction, const struct camera *camera, bool *is_there,
                                  GError **error)
{
    g_autoptr(GPtrArray) found = g_ptr_array_new();
    bool is_good = store_select(transaction, &camera_descriptor, "WHERE org_id = $1 AND id = $2",
                                STORE_VALUES(sql_text(camera->org_id), sql_text(camera->id)), found, error);
    *is_there = is_good;
    return found->len ? g_ptr_array_index(found, 0) : NULL;
}

/* Notes a camera's change, when there is one. Those of the API: cameras.c. */
static bool audit_camera(struct store_transaction *transaction, const struct camera *camera,
                         const struct camera *before, bool login_changed, GError **error)
{
    g_autofree char *before_text = camera_text(before, false), *after_text = camera_text(camera, login_changed);
    if (g_strcmp0(before_text, after_text) == 0)
        return true;
    const struct audit_by by = {camera->org_id, "system", NULL, NULL, "settings"};
    const struct audit_change change = {AUDIT_CAMERA, camera->id, before_text ? "update" : "create", before_text,
                                        after_text};
    return store_audit_add_in(transaction, &by, &change, error);
}

/* Of the logins, as a row of a camera of the settings has it; NULL: it has none, or it is no such row. g_free. */
static bool read_fingerprint(struct store *store, const struct camera *camera, char **fingerprint, GError **error)
{
    bool is_read;
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_READ, camera->org_id, error);
    struct camera *row = transaction ? find_camera(transaction, camera, &is_read, error) : NULL;
    bool has_any = row && row->managed_by != CAMERA_OF_API && row->logins;
    *fingerprint = has_any ? g_strndup(row->logins, strcspn(row->logins, " ")) : NULL;
    store_camera_free(row);
    return transaction && is_read;
}

/* With what was there before, if anything was. */
static bool put_camera(struct store_transaction *transaction, const struct camera *camera, bool login_changed,
                       GError **error)
{
    const void *record = camera;
    bool is_read;
    struct camera *before = find_camera(transaction, camera, &is_read, error);
    bool is_good = is_read && audit_camera(transaction, camera, before, login_changed, error) &&
                   store_insert(transaction, &camera_descriptor, &record, 1, RECORD_CONFLICT_REPLACE, NULL, error) &&
                   store_camera_note_move_in(transaction, camera, before, error) &&
                   store_camera_watch_in(transaction, camera, before && before->enabled, error);
    store_camera_free(before);
    return is_good;
}

/* Argon2 takes tens of milliseconds: it is done before anyone waits for the transaction. */
bool store_camera_put(struct store *store, const struct camera *camera, GError **error)
{
    struct camera stored = *camera; /* borrows everything */
    g_autofree char *known = NULL;
    bool login_changed = false;
    if (!read_fingerprint(store, camera, &known, error))
        return false;
    g_autofree char *fingerprint = fingerprint_of(camera, known, &login_changed),
                    *source = store_source_make(store->data_dir, store->clock, NULL), /* NULL: the row is nobody's */
                        *logins = source ? g_strconcat(fingerprint, " ", source, NULL) : g_strdup(fingerprint);
    stored.username = stored.password = NULL;
    stored.logins = logins;
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_WRITE, camera->org_id, error);
    return transaction && store_ensure_org_in(transaction, camera->org_id, error) &&
           (!camera->site_id || store_site_ensure_in(transaction, camera->org_id, camera->site_id, error)) &&
           put_camera(transaction, &stored, login_changed, error) && store_commit(g_steal_pointer(&transaction), error);
}

bool store_camera_set_health(struct store *store, const char *org_id, const char *camera_id, bool online,
                             int64_t last_seen_ms, const char *metadata_json, GError **error)
{
    const struct record_sql_value last_seen = last_seen_ms ? sql_time(last_seen_ms) : sql_text(NULL);
    CLEANUP(store_transaction) struct store_transaction *transaction = store_begin(store, STORE_WRITE, org_id, error);
    return transaction &&
           store_run(transaction,
                     "UPDATE cameras SET online = $3, last_seen = $4, metadata = $5 WHERE org_id = $1 AND id = $2",
                     STORE_VALUES(sql_text(org_id), sql_text(camera_id), sql_bool(online), last_seen,
                                  sql_json(metadata_json)),
                     NULL, error) &&
           store_commit_beside_logins(g_steal_pointer(&transaction), error);
}

enum {
    TRACK_IDS_PER_SECOND_BITS = 22,
};
/* Ids stay below 2^53 until 2093 when seconds are counted from 2025-01-01 rather than from 1970. */
static const int64_t track_epoch_ms = INT64_C(1735689600000);

int64_t store_next_track_id_base(struct clock *clock, int64_t last)
{
    int64_t seconds = MAX(clock_wall_ms(clock) - track_epoch_ms, 0) / 1000, step = INT64_C(1)
                                                                                   << TRACK_IDS_PER_SECOND_BITS;
    return MAX(seconds << TRACK_IDS_PER_SECOND_BITS, last + step);
}

bool store_keep_track_id_base(struct store *store, int64_t *base, GError **error)
{
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_WRITE, STORE_PLATFORM, error);
    return transaction &&
           store_get_integer(transaction,
                             "INSERT INTO store_values (name, value) VALUES ('track_id_base', $1) ON CONFLICT (name) "
                             "DO UPDATE SET value = CASE WHEN store_values.value >= excluded.value THEN "
                             "store_values.value + $2 ELSE excluded.value END RETURNING value",
                             STORE_VALUES(sql_integer(*base), sql_integer(INT64_C(1) << TRACK_IDS_PER_SECOND_BITS)), 0,
                             base, error) &&
           store_commit(g_steal_pointer(&transaction), error);
}
