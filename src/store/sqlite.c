/* The embedded engine: SQLite in WAL mode with synchronous=FULL. One process has a data directory. Lock order:
 * the turn to write, then readers.lock; never the other way round. */
#include "store/sqlite_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/counter.h"
#include "base/directory.h"
#include "base/wait.h"

atomic_int sqlite_reader_wait_ms = SQLITE_READER_WAIT_MS;

/* The file holds the pid, for people; the lock itself ends with the process. */
static bool lock_file(int fd, const char *path, const char *directory, GError **error)
{
    char pid[32] = "";
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK)
            return vedette_error_set_errno(path, "lock", "the file system must know locks", error);
        ssize_t length = pread(fd, pid, sizeof pid - 1, 0);
        pid[MAX(length, 0)] = '\0';
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE,
                    "%s: process %s uses it already: stop that one, or give another data_dir (VEDETTE_DATA_DIR)",
                    directory, *g_strstrip(pid) ? pid : "(unknown)");
        return false;
    }
    size_t length = (size_t)g_snprintf(pid, sizeof pid, "%d\n", (int)getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, pid, length, 0) != (ssize_t)length)
        return true; /* on a full disk it says nobody's name, and locks all the same */
    return true;
}

int sqlite_lock_directory(const char *data_dir, GError **error)
{
    g_autofree char *directory = directory_prepare(data_dir, error);
    if (!directory)
        return -1;
    g_autofree char *path = g_build_filename(directory, "lock", NULL);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        vedette_error_set_errno(path, "open", "check the owner and rights of the directory and its files", error);
        return -1;
    }
    if (lock_file(fd, path, directory, error))
        return fd;
    close(fd);
    return -1;
}

/* SQLite would make the file readable for everyone; its WAL takes over the rights of the file. */
static bool make_file(const char *path, GError **error)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return vedette_error_set_errno(path, "open",
                                       errno == ELOOP ? "it must be a file, not a link"
                                                      : "check the owner and rights of the directory and its files",
                                       error);
    close(fd);
    return true;
}

/* ---- opening ---- */

static bool migrator_execute(void *connection, const char *sql, GError **error)
{
    return connection_execute(connection, sql, error);
}

static bool migrator_query(void *connection, const char *sql, const struct record_sql_value *values, size_t count,
                           store_row_handler on_row, void *data, GError **error)
{
    return connection_run(connection, sql, values, count, on_row, data, NULL, error);
}

/* BEGIN IMMEDIATE keeps a second process out until the commit. */
static bool migrate(struct connection *connection, struct clock *clock, bool is_dry, GString *report, GError **error)
{
    const struct store_migrator migrator = {RECORD_SQLITE, connection->path, connection, migrator_execute,
                                            migrator_query};
    static const char create[] = "CREATE TABLE IF NOT EXISTS schema_migrations (number INTEGER NOT NULL PRIMARY KEY, "
                                 "name TEXT NOT NULL, sha256 TEXT NOT NULL, applied_at INTEGER NOT NULL)";
    bool is_missing;
    if (!connection_execute(connection, "BEGIN IMMEDIATE", error))
        return false;
    if (connection_execute(connection, create, error) &&
        (is_dry ? store_steps_check(&migrator, &is_missing, report, error)
                : store_steps_apply(&migrator, clock, report, error)) &&
        connection_execute(connection, is_dry ? "ROLLBACK" : "COMMIT", error))
        return true;
    sqlite3_exec(connection->db, "ROLLBACK", NULL, NULL, NULL);
    return false;
}

static void init_locks(struct sqlite_engine *engine)
{
    pthread_mutex_init(&engine->turns.lock, NULL);
    pthread_cond_init(&engine->turns.ended, NULL);
    pthread_mutex_init(&engine->readers.lock, NULL);
    wait_condition_init(&engine->readers.returned);
}

static void sqlite_close(void *data)
{
    struct sqlite_engine *engine = data;
    sqlite_checkpointer_stop(engine);
    for (size_t i = 0; i < SQLITE_READERS; i++)
        if (engine->readers.connections[i].db)
            connection_close(&engine->readers.connections[i]);
    if (engine->writer.db)
        connection_close(&engine->writer);
    if (engine->lock_fd >= 0)
        close(engine->lock_fd);
    pthread_cond_destroy(&engine->readers.returned);
    pthread_mutex_destroy(&engine->readers.lock);
    pthread_cond_destroy(&engine->turns.ended);
    pthread_mutex_destroy(&engine->turns.lock);
    g_clear_error(&engine->failure);
    g_free(engine->data_dir);
    g_free(engine->path);
    g_free(engine);
}

static bool note_place(struct sqlite_engine *engine, GError **error)
{
    struct stat status;
    if (stat(engine->path, &status) != 0)
        return vedette_error_set_errno(engine->path, "open",
                                       "check the owner and rights of the directory and its files", error);
    engine->device = status.st_dev;
    engine->inode = status.st_ino;
    return true;
}

/* The lock, and no file yet. */
static struct sqlite_engine *engine_new(struct store *store, GError **error)
{
    int lock_fd = sqlite_lock_directory(store->data_dir, error);
    g_autofree char *directory = lock_fd < 0 ? NULL : realpath(store->data_dir, NULL);
    if (!directory) {
        if (lock_fd >= 0)
            close(lock_fd);
        return NULL;
    }
    struct sqlite_engine *engine = g_new0(struct sqlite_engine, 1);
    engine->store = store;
    engine->lock_fd = lock_fd;
    engine->path = g_build_filename(directory, "vedette.db", NULL);
    engine->data_dir = g_strdup(directory);
    init_locks(engine);
    return engine;
}

/* The file and the writing connection; not migrated yet. */
static bool open_bare(struct sqlite_engine *engine, GError **error)
{
    return make_file(engine->path, error) && note_place(engine, error) &&
           connection_open(&engine->writer, engine->path, true, error);
}

static bool is_open(const struct sqlite_engine *engine)
{
    return g_atomic_int_get(&engine->is_open);
}

/* As this program needs it. With the turn to write, or while nobody else knows of the engine. */
static bool open_file(struct sqlite_engine *engine, GError **error)
{
    if (!open_bare(engine, error))
        return false;
    if (migrate(&engine->writer, engine->store->clock, false, NULL, error) &&
        sqlite_scope_install(&engine->writer, error) && sqlite_checkpointer_start(engine, error)) {
        g_atomic_int_set(&engine->is_open, true);
        return true;
    }
    connection_close(&engine->writer);
    return false;
}

/* The file is as it must be, as far as is known, and cannot be written now: its disk is full, or somebody has it. */
static bool is_away(const GError *error)
{
    return g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_FULL) ||
           g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE);
}

/* What went wrong holds for a while, so that not everyone who asks waits for the next try. */
static void note_opening(struct sqlite_engine *engine, const GError *failure)
{
    g_clear_error(&engine->failure);
    engine->failure = failure ? g_error_copy(failure) : NULL;
    engine->retry_us = clock_monotonic_us(clock_system()) + SQLITE_RETRY_MS * INT64_C(1000);
}

static void *sqlite_open(struct store *store, bool may_be_away, GError **error)
{
    g_autoptr(GError) failure = NULL;
    /* Nobody reads how much memory SQLite takes, and counting it is one lock of all threads for each allocation. Where
     * a database was opened before, this is refused, and it goes on counting. */
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    struct sqlite_engine *engine = engine_new(store, error);
    if (!engine || open_file(engine, &failure))
        return engine;
    if (may_be_away && is_away(failure)) {
        note_opening(engine, failure);
        return engine;
    }
    g_propagate_error(error, g_steal_pointer(&failure));
    sqlite_close(engine);
    return NULL;
}

static bool sqlite_migrate(struct store *store, bool is_dry, GString *report, GError **error)
{
    struct sqlite_engine *engine = engine_new(store, error);
    if (!engine)
        return false;
    bool is_good = open_bare(engine, error) && migrate(&engine->writer, store->clock, is_dry, report, error);
    sqlite_close(engine);
    return is_good;
}

/* ---- transactions ---- */

static int find_free_reader(const struct reader_pool *pool)
{
    for (int i = 0; i < SQLITE_READERS; i++)
        if (!pool->is_lent[i])
            return i;
    return -1;
}

static void return_reader(struct sqlite_engine *engine, struct connection *connection)
{
    struct reader_pool *pool = &engine->readers;
    pthread_mutex_lock(&pool->lock);
    pool->is_lent[connection - pool->connections] = false;
    pthread_cond_signal(&pool->returned);
    pthread_mutex_unlock(&pool->lock);
}

static struct connection *wait_for_reader(struct sqlite_engine *engine, GError **error)
{
    struct reader_pool *pool = &engine->readers;
    int wait_ms = sqlite_reader_wait_ms;
    const struct timespec deadline = wait_deadline_after(wait_ms * INT64_C(1000));
    pthread_mutex_lock(&pool->lock);
    int index;
    bool is_late = false;
    while ((index = find_free_reader(pool)) < 0 && !is_late)
        is_late = pthread_cond_timedwait(&pool->returned, &pool->lock, &deadline) == ETIMEDOUT;
    if (index >= 0)
        pool->is_lent[index] = true;
    pthread_mutex_unlock(&pool->lock);
    if (index < 0)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE,
                    "%s: all %d readers were busy for %d s: try again later", engine->path, SQLITE_READERS,
                    wait_ms / 1000);
    return index < 0 ? NULL : &pool->connections[index];
}

/* Whoever holds the slot may open it without the lock. */
static bool open_reader(struct sqlite_engine *engine, struct connection *connection, GError **error)
{
    if (connection->db)
        return true;
    if (!connection_open(connection, engine->path, false, error))
        return false;
    if (sqlite_scope_install(connection, error))
        return true;
    connection_close(connection);
    return false;
}

static void take_turn(struct sqlite_engine *engine)
{
    struct write_turns *turns = &engine->turns;
    pthread_mutex_lock(&turns->lock);
    uint64_t own = turns->next++;
    counter_add(&engine->store->health->store_writers_waiting, 1);
    while (turns->current != own)
        pthread_cond_wait(&turns->ended, &turns->lock);
    counter_add(&engine->store->health->store_writers_waiting, -1);
    pthread_mutex_unlock(&turns->lock);
}

static void end_turn(struct sqlite_engine *engine)
{
    pthread_mutex_lock(&engine->turns.lock);
    engine->turns.current++;
    pthread_cond_broadcast(&engine->turns.ended);
    pthread_mutex_unlock(&engine->turns.lock);
}

/* What could not be opened at the start is tried again by whoever needs it; to them it is away, whatever ails it. */
static bool ensure_open(struct sqlite_engine *engine, GError **error)
{
    if (is_open(engine))
        return true;
    take_turn(engine);
    if (!is_open(engine) && clock_monotonic_us(clock_system()) >= engine->retry_us) {
        g_autoptr(GError) failure = NULL;
        open_file(engine, &failure);
        note_opening(engine, failure);
    }
    GError *failure = is_open(engine) ? NULL : g_error_copy(engine->failure);
    end_turn(engine);
    if (!failure)
        return true;
    failure->code = VEDETTE_ERROR_UNAVAILABLE;
    g_propagate_error(error, failure);
    return false;
}

static bool begin_read(struct sqlite_engine *engine, struct store_transaction *transaction, const char *org_id,
                       GError **error)
{
    struct connection *reader = wait_for_reader(engine, error);
    if (!reader)
        return false;
    if (!open_reader(engine, reader, error) || !connection_execute(reader, "BEGIN", error)) {
        return_reader(engine, reader);
        return false;
    }
    transaction->connection = reader;
    return sqlite_scope_set(reader, org_id, error); /* a reader's cannot fail */
}

static bool sqlite_begin(void *data, struct store_transaction *transaction, const char *org_id, GError **error)
{
    struct sqlite_engine *engine = data;
    if (!ensure_open(engine, error))
        return false;
    if (transaction->access == STORE_READ)
        return begin_read(engine, transaction, org_id, error);
    take_turn(engine);
    if (connection_execute(&engine->writer, "BEGIN IMMEDIATE", error)) {
        if (sqlite_scope_set(&engine->writer, org_id, error)) {
            transaction->connection = &engine->writer;
            return true;
        }
        sqlite3_exec(engine->writer.db, "ROLLBACK", NULL, NULL, NULL);
    }
    end_turn(engine);
    return false;
}

static bool sqlite_set_org(struct store_transaction *transaction, const char *org_id, GError **error)
{
    return sqlite_scope_set(transaction->connection, org_id, error);
}

/* A disk that was taken away, or a file put in the other's place: what is open is no longer what is there. SQLite goes
 * on writing into it all the same. */
static bool check_place(const struct sqlite_engine *engine, GError **error)
{
    struct stat status;
    int failure = stat(engine->path, &status) == 0 ? 0 : errno;
    if (!failure && status.st_dev == engine->device && status.st_ino == engine->inode)
        return true;
    if (failure && failure != ENOENT && failure != ENOTDIR)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE, "%s: cannot be looked at: %s", engine->path,
                    g_strerror(failure));
    else
        g_set_error(
            error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE,
            "%s: the file that is open is not there any more: is its disk still mounted? Put it back; where that "
            "is a copy of it, start anew as well",
            engine->path);
    return false;
}

static bool sqlite_end(struct store_transaction *transaction, bool is_commit, GError **error)
{
    struct sqlite_engine *engine = transaction->store->engine_state;
    struct connection *connection = transaction->connection;
    if (connection != &engine->writer) {
        bool is_good = connection_execute(connection, "COMMIT", error);
        sqlite_scope_set(connection, "", NULL);
        return_reader(engine, connection);
        return is_good;
    }
    bool is_good = !is_commit || (check_place(engine, error) && connection_execute(connection, "COMMIT", error));
    /* Some failures have rolled back already. */
    if ((!is_commit || !is_good) && !sqlite3_get_autocommit(connection->db))
        sqlite3_exec(connection->db, "ROLLBACK", NULL, NULL, NULL);
    sqlite_scope_set(connection, "", NULL); /* whoever begins says anew whose rows are meant, or does not begin */
    end_turn(engine);
    return is_good;
}

/* ---- statements ---- */

static bool sqlite_run(struct store_transaction *transaction, const char *sql, const struct record_sql_value *values,
                       size_t count, store_row_handler on_row, void *data, int64_t *changed, GError **error)
{
    return connection_run(transaction->connection, sql, values, count, on_row, data, changed, error);
}

static bool insert_one(struct connection *connection, sqlite3_stmt *statement,
                       const struct record_descriptor *descriptor, const void *record, GError **error)
{
    size_t count = descriptor->field_count;
    g_autofree struct record_sql_value *values = g_new(struct record_sql_value, count);
    for (size_t i = 0; i < count; i++)
        record_get_sql_value(&descriptor->fields[i], record, &values[i]);
    bool is_good = connection_bind(connection, statement, values, count, error);
    if (is_good && sqlite3_step(statement) != SQLITE_DONE)
        is_good = connection_fail(connection, "write", error);
    sqlite3_reset(statement);
    for (size_t i = 0; i < count; i++)
        record_sql_value_clear(&values[i]);
    return is_good;
}

static bool sqlite_insert(struct store_transaction *transaction, const struct record_descriptor *descriptor,
                          const void *const *records, size_t count, const char *on_conflict, bool *is_new,
                          GError **error)
{
    struct connection *connection = transaction->connection;
    g_autofree char *sql = record_sql_insert(descriptor, on_conflict);
    sqlite3_stmt *statement = connection_prepare(connection, sql, error);
    bool is_good = statement != NULL;
    for (size_t i = 0; i < count && is_good; i++) {
        is_good = insert_one(connection, statement, descriptor, records[i], error);
        if (is_good && is_new)
            is_new[i] = sqlite3_changes(connection->db) > 0;
    }
    return is_good;
}

/* ---- the check ---- */

/* Writes and removes a small file beside the database: rights and room as a commit would find them. */
static bool probe(const struct sqlite_engine *engine, GError **error)
{
    g_autofree char *path = g_build_filename(engine->data_dir, "probe", NULL);
    static const char bytes[SQLITE_PROBE_BYTES];
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool is_good = fd >= 0 && write(fd, bytes, SQLITE_PROBE_BYTES) == SQLITE_PROBE_BYTES;
    if (!is_good)
        vedette_error_set_errno(engine->data_dir, "write there", "free space, or check the rights of the directory",
                                error);
    if (fd >= 0) {
        close(fd);
        unlink(path);
    }
    return is_good;
}

static bool sqlite_check(void *data, int64_t *free_bytes, GError **error)
{
    struct sqlite_engine *engine = data;
    if (is_open(engine) && !check_place(engine, error))
        return false;
    struct statvfs room;
    if (statvfs(engine->data_dir, &room) != 0)
        return vedette_error_set_errno(engine->data_dir, "look at its free space",
                                       "the directory must stay where it is", error);
    *free_bytes = (int64_t)room.f_bavail * (int64_t)room.f_frsize;
    if (!ensure_open(engine, error) || !probe(engine, error))
        return false;
    if (*free_bytes < engine->store->settings.minimum_free_bytes) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_FULL,
                    "%s: %" G_GINT64_FORMAT " MB free, less than store.minimum_free_bytes (%" G_GINT64_FORMAT
                    " MB): free space there, or move data_dir",
                    engine->data_dir, *free_bytes >> 20, engine->store->settings.minimum_free_bytes >> 20);
        return false;
    }
    return true;
}

const struct store_engine store_sqlite = {
    .name = "sqlite",
    .dialect = RECORD_SQLITE,
    .open = sqlite_open,
    .close = sqlite_close,
    .migrate = sqlite_migrate,
    .check = sqlite_check,
    .begin = sqlite_begin,
    .set_org = sqlite_set_org,
    .run = sqlite_run,
    .insert = sqlite_insert,
    .end = sqlite_end,
};
