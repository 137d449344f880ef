/* Users, sessions, cameras and the values that are counted up: small records, written one at a time. */
#include "store/store_internal.h"

static const struct record_field camera_status_fields[] = {
    FIELD(struct camera_status, org_id, RECORD_KEY, "whose"),
    FIELD(struct camera_status, camera_id, RECORD_KEY, "the camera"),
    FIELD(struct camera_status, online, 0, "it was, when last written"),
    FIELD(struct camera_status, last_seen, 0, "capture time of its last frame"),
    FIELD(struct camera_status, metadata, 0, "its health as JSON"),
};
const struct record_descriptor camera_status_descriptor =
    RECORD(struct camera_status, "CameraStatus", 1, camera_status_fields, "How a camera was last seen.",
           .table = "camera_status");

void user_free(struct user *user)
{
    if (!user)
        return;
    record_clear(&user_descriptor, user);
    g_free(user);
}

void session_free(struct session *session)
{
    if (!session)
        return;
    record_clear(&session_descriptor, session);
    g_free(session);
}

/* Reads the one row that `sql` finds for `key` into a new struct; NULL with NOT_FOUND naming `what` when there is none.
 */
static void *find_one(struct store *store, const char *select, const char *where, const char *key,
                      const struct record_descriptor *descriptor, GError **error)
{
    struct connection *reader = store_reader_take(store, error);
    if (!reader)
        return NULL;
    g_autofree char *sql = g_strdup_printf("%s WHERE %s=?", select, where);
    sqlite3_stmt *statement = connection_prepare(reader, sql, error);
    g_autofree void *record = NULL;
    if (statement) {
        bind_text(statement, 1, key);
        g_autoptr(GError) failure = NULL;
        record = g_malloc0(descriptor->size);
        bool is_found = connection_next(reader, statement, &failure);
        if (!is_found && !failure)
            g_set_error(&failure, VEDETTE_ERROR, VEDETTE_ERROR_NOT_FOUND, "%s: there is none with this %s",
                        descriptor->name, where);
        if (!is_found || !read_record(reader, statement, descriptor, record, &failure))
            g_clear_pointer(&record, g_free);
        sqlite3_reset(statement);
        if (failure)
            g_propagate_error(error, g_steal_pointer(&failure));
    }
    store_reader_return(store, reader);
    return g_steal_pointer(&record);
}

struct user *store_user_find(struct store *store, const char *username, GError **error)
{
    return find_one(store, store->user_select, "username", username, &user_descriptor, error);
}

struct user *store_user_get(struct store *store, const char *user_id, GError **error)
{
    return find_one(store, store->user_select, "id", user_id, &user_descriptor, error);
}

struct session *store_session_find(struct store *store, const char *token_sha256, GError **error)
{
    return find_one(store, store->session_select, "token_sha256", token_sha256, &session_descriptor, error);
}

static void bind_user(sqlite3_stmt *statement, const void *user)
{
    bind_record(statement, &user_descriptor, user);
}

bool store_user_put(struct store *store, const struct user *user, GError **error)
{
    return store_write(store, store->user_upsert, bind_user, user, error);
}

bool store_has_users(struct store *store, bool *has_users, GError **error)
{
    struct connection *reader = store_reader_take(store, error);
    if (!reader)
        return false;
    sqlite3_stmt *statement = connection_prepare(reader, "SELECT EXISTS (SELECT 1 FROM users)", error);
    bool is_good = statement && connection_next(reader, statement, error);
    if (is_good)
        *has_users = sqlite3_column_int(statement, 0) != 0;
    if (statement)
        sqlite3_reset(statement);
    store_reader_return(store, reader);
    return is_good;
}

static void bind_session(sqlite3_stmt *statement, const void *session)
{
    bind_record(statement, &session_descriptor, session);
}

static void bind_time(sqlite3_stmt *statement, const void *time)
{
    sqlite3_bind_int64(statement, 1, ((const struct record_time *)time)->ms);
}

static void bind_key(sqlite3_stmt *statement, const void *key)
{
    bind_text(statement, 1, key);
}

bool store_session_put(struct store *store, const struct session *session, GError **error)
{
    const struct record_time now = {clock_wall_ms(store->clock)};
    return store_write(store, "DELETE FROM sessions WHERE expires_at<=?", bind_time, &now, error) &&
           store_write(store, store->session_upsert, bind_session, session, error);
}

bool store_session_delete(struct store *store, const char *token_sha256, GError **error)
{
    return store_write(store, "DELETE FROM sessions WHERE token_sha256=?", bind_key, token_sha256, error);
}

bool store_sessions_delete_user(struct store *store, const char *user_id, GError **error)
{
    return store_write(store, "DELETE FROM sessions WHERE user_id=?", bind_key, user_id, error);
}

static void bind_camera(sqlite3_stmt *statement, const void *data)
{
    struct camera camera = *(const struct camera *)data; /* borrows everything */
    camera.username = camera.password = NULL;
    bind_record(statement, &camera_descriptor, &camera);
}

bool store_camera_put(struct store *store, const struct camera *camera, GError **error)
{
    return store_write(store, store->camera_upsert, bind_camera, camera, error);
}

static void bind_status(sqlite3_stmt *statement, const void *status)
{
    bind_record(statement, &camera_status_descriptor, status);
}

bool store_camera_set_health(struct store *store, const char *org_id, const char *camera_id, bool online,
                             int64_t last_seen_ms, const char *metadata_json, GError **error)
{
    const struct camera_status status = {
        .org_id = (char *)org_id,
        .camera_id = (char *)camera_id,
        .online = online,
        .last_seen = {last_seen_ms},
        .metadata = (char *)metadata_json,
    };
    return store_write(store, store->status_upsert, bind_status, &status, error);
}

enum {
    TRACK_IDS_PER_SECOND_BITS = 22,
};
/* Ids stay below 2^53 until 2093 when seconds are counted from 2025-01-01 rather than from 1970. */
static const int64_t track_epoch_ms = INT64_C(1735689600000);

bool store_track_id_base(struct store *store, int64_t *base, GError **error)
{
    int64_t seconds = MAX(clock_wall_ms(store->clock) - track_epoch_ms, 0) / 1000;
    pthread_mutex_lock(&store->write_lock);
    struct connection *writer = &store->writer;
    sqlite3_stmt *statement = connection_prepare(
        writer,
        "INSERT INTO store_values (name, value) VALUES ('track_id_base', ?1) ON CONFLICT (name) DO UPDATE SET "
        "value = max(value + ?2, excluded.value) RETURNING value",
        error);
    g_autoptr(GError) failure = NULL;
    bool is_good = false;
    if (statement) {
        sqlite3_bind_int64(statement, 1, seconds << TRACK_IDS_PER_SECOND_BITS);
        sqlite3_bind_int64(statement, 2, INT64_C(1) << TRACK_IDS_PER_SECOND_BITS);
        is_good = connection_next(writer, statement, &failure);
        if (is_good)
            *base = sqlite3_column_int64(statement, 0);
        /* The commit happens at the statement's end, and may fail there. */
        is_good = is_good && !connection_next(writer, statement, &failure) && !failure;
    }
    store_note_write(store, failure);
    pthread_mutex_unlock(&store->write_lock);
    if (failure)
        g_propagate_error(error, g_steal_pointer(&failure));
    return is_good;
}
