#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/counter.h"
#include "base/fault.h"
#include "store/store_internal.h"

static bool fail_errno(const char *path, const char *action, const char *advice, GError **error)
{
    int code = errno;
    enum vedette_error kind = code == ENOSPC || code == EDQUOT || code == EFBIG ? VEDETTE_ERROR_FULL
                              : code == EACCES || code == EPERM || code == EROFS || code == ELOOP
                                  ? VEDETTE_ERROR_PERMISSION
                                  : VEDETTE_ERROR_IO;
    g_set_error(error, VEDETTE_ERROR, kind, "%s: %s: %s: %s", path, action, g_strerror(code), advice);
    return false;
}

/* Makes the directory when there is none, and refuses one in which others could put files. Returns its real path. */
static char *prepare_directory(const char *data_dir, GError **error)
{
    static const char advice[] = "give a directory that Vedette may write in data_dir (VEDETTE_DATA_DIR)";
    if (g_mkdir_with_parents(data_dir, 0700) != 0) {
        fail_errno(data_dir, "make the directory", advice, error);
        return NULL;
    }
    struct stat status;
    g_autofree char *path = realpath(data_dir, NULL);
    if (!path || stat(path, &status) != 0 || !S_ISDIR(status.st_mode)) {
        fail_errno(data_dir, "open the directory", advice, error);
        return NULL;
    }
    if (status.st_mode & (S_IWGRP | S_IWOTH)) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_PERMISSION,
                    "%s: others may write there (mode %04o): chmod 0700 it, or give another data_dir", data_dir,
                    status.st_mode & 07777);
        return NULL;
    }
    if (access(path, W_OK | X_OK) != 0) {
        fail_errno(data_dir, "write there", advice, error);
        return NULL;
    }
    return g_strdup(path);
}

/* One process per directory. The file holds the pid, for people; the lock itself ends with the process. */
static bool take_lock(struct store *store, GError **error)
{
    g_autofree char *path = g_build_filename(store->data_dir, "lock", NULL);
    store->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (store->lock_fd < 0)
        return fail_errno(path, "open", "check the owner and rights of the directory and its files", error);
    char pid[32] = "";
    if (flock(store->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK)
            return fail_errno(path, "lock", "the file system must know locks", error);
        ssize_t length = pread(store->lock_fd, pid, sizeof pid - 1, 0);
        pid[MAX(length, 0)] = '\0';
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE,
                    "%s: process %s uses it already: stop that one, or give another data_dir (VEDETTE_DATA_DIR)",
                    store->data_dir, *g_strstrip(pid) ? pid : "(unknown)");
        return false;
    }
    int length = g_snprintf(pid, sizeof pid, "%d\n", (int)getpid());
    if (ftruncate(store->lock_fd, 0) != 0 || pwrite(store->lock_fd, pid, (size_t)length, 0) != length)
        return fail_errno(path, "write", "free space there, or move data_dir", error);
    return true;
}

/* SQLite would make the file readable for everyone; its WAL takes over the rights of the file. */
static bool make_file(const char *path, GError **error)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return fail_errno(path, "open",
                          errno == ELOOP ? "it must be a file, not a link"
                                         : "check the owner and rights of the directory and its files",
                          error);
    close(fd);
    return true;
}

static void prepare_texts(struct store *store)
{
    store->event_upsert = record_sql_upsert(&analytics_event_descriptor, false);
    store->event_select = record_sql_select(&analytics_event_descriptor);
    store->camera_upsert = record_sql_upsert(&camera_descriptor, true);
    store->status_upsert = record_sql_upsert(&camera_status_descriptor, true);
    store->user_upsert = record_sql_upsert(&user_descriptor, true);
    store->user_select = record_sql_select(&user_descriptor);
    store->session_upsert = record_sql_upsert(&session_descriptor, true);
    store->session_select = record_sql_select(&session_descriptor);
}

static void init_locks(struct store *store)
{
    pthread_mutex_init(&store->write_lock, NULL);
    pthread_mutex_init(&store->check_lock, NULL);
    pthread_mutex_init(&store->readers.lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&store->readers.returned, &attributes);
    pthread_condattr_destroy(&attributes);
}

static void release(struct store *store)
{
    for (size_t i = 0; i < STORE_READERS; i++)
        if (store->readers.is_open[i])
            connection_close(&store->readers.connections[i]);
    connection_close(&store->writer);
    if (store->lock_fd >= 0)
        close(store->lock_fd);
    pthread_cond_destroy(&store->readers.returned);
    pthread_mutex_destroy(&store->readers.lock);
    pthread_mutex_destroy(&store->check_lock);
    pthread_mutex_destroy(&store->write_lock);
    char *texts[] = {store->data_dir,       store->path,           store->event_upsert, store->event_select,
                     store->camera_upsert,  store->status_upsert,  store->user_upsert,  store->user_select,
                     store->session_upsert, store->session_select, store->write_error};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        g_free(texts[i]);
    g_clear_error(&store->check_error);
    g_free(store);
}

struct store *store_open(const char *data_dir, const struct store_settings *settings, struct clock *clock,
                         struct server_health *health, GError **error)
{
    g_autofree char *directory = prepare_directory(data_dir, error);
    if (!directory)
        return NULL;
    struct store *store = g_new0(struct store, 1);
    store->data_dir = g_steal_pointer(&directory);
    store->path = g_build_filename(store->data_dir, "vedette.db", NULL);
    store->lock_fd = -1;
    store->settings = *settings;
    store->clock = clock;
    store->health = health;
    prepare_texts(store);
    init_locks(store);
    if (take_lock(store, error) && make_file(store->path, error) &&
        connection_open(&store->writer, store->path, true, error) && store_migrate(&store->writer, clock, error) &&
        store_writer_start(store, error))
        return store;
    g_prefix_error(error, "open store: ");
    release(store);
    return NULL;
}

void store_close(struct store *store)
{
    if (!store)
        return;
    store_writer_stop(store);
    release(store);
}

static int find_free_reader(const struct reader_pool *pool)
{
    for (int i = 0; i < STORE_READERS; i++)
        if (!pool->is_lent[i])
            return i;
    return -1;
}

struct connection *store_reader_take(struct store *store, GError **error)
{
    if (fault_hit("store.read")) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_IO, "store.read: failed on request (VEDETTE_FAULTS)");
        return NULL;
    }
    struct reader_pool *pool = &store->readers;
    struct timespec deadline;
    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += STORE_READER_WAIT_MS / 1000;
    pthread_mutex_lock(&pool->lock);
    int index;
    bool is_late = false;
    while ((index = find_free_reader(pool)) < 0 && !is_late)
        is_late = pthread_cond_timedwait(&pool->returned, &pool->lock, &deadline) == ETIMEDOUT;
    if (index >= 0)
        pool->is_lent[index] = true;
    pthread_mutex_unlock(&pool->lock);
    if (index < 0) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE,
                    "%s: all %d readers were busy for %d s: try again later", store->path, STORE_READERS,
                    STORE_READER_WAIT_MS / 1000);
        return NULL;
    }
    /* Whoever holds the slot may open it without the lock. */
    if (!pool->is_open[index] && !connection_open(&pool->connections[index], store->path, false, error)) {
        store_reader_return(store, &pool->connections[index]);
        return NULL;
    }
    pool->is_open[index] = true;
    return &pool->connections[index];
}

void store_reader_return(struct store *store, struct connection *connection)
{
    struct reader_pool *pool = &store->readers;
    pthread_mutex_lock(&pool->lock);
    pool->is_lent[connection - pool->connections] = false;
    pthread_cond_signal(&pool->returned);
    pthread_mutex_unlock(&pool->lock);
}

void store_note_write(struct store *store, const GError *error)
{
    counter_add(error ? &store->health->store_errors : &store->health->store_commits, 1);
    g_free(store->write_error);
    store->write_error = error ? g_strdup(error->message) : NULL;
}

bool store_write(struct store *store, const char *sql, void (*bind)(sqlite3_stmt *statement, const void *data),
                 const void *data, GError **error)
{
    g_autoptr(GError) failure = NULL;
    pthread_mutex_lock(&store->write_lock);
    sqlite3_stmt *statement = connection_prepare(&store->writer, sql, &failure);
    if (statement) {
        bind(statement, data);
        connection_finish(&store->writer, statement, &failure);
    }
    store_note_write(store, failure);
    pthread_mutex_unlock(&store->write_lock);
    bool is_good = !failure;
    if (failure)
        g_propagate_error(error, g_steal_pointer(&failure));
    return is_good;
}

/* Writes and removes a small file beside the database: rights and room as a commit would find them. */
static bool probe(const struct store *store, GError **error)
{
    g_autofree char *path = g_build_filename(store->data_dir, "probe", NULL);
    static const char bytes[STORE_PROBE_BYTES];
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool is_good = fd >= 0 && write(fd, bytes, STORE_PROBE_BYTES) == STORE_PROBE_BYTES;
    if (!is_good)
        fail_errno(store->data_dir, "write there", "free space, or check the rights of the directory", error);
    if (fd >= 0) {
        close(fd);
        unlink(path);
    }
    return is_good;
}

static bool check_now(struct store *store, GError **error)
{
    pthread_mutex_lock(&store->write_lock);
    g_autofree char *write_error = g_strdup(store->write_error);
    pthread_mutex_unlock(&store->write_lock);
    struct statvfs room;
    if (statvfs(store->data_dir, &room) != 0)
        return fail_errno(store->data_dir, "look at its free space", "the directory must stay where it is", error);
    int64_t free_bytes = (int64_t)room.f_bavail * (int64_t)room.f_frsize;
    counter_set(&store->health->store_free_bytes, free_bytes);
    if (!probe(store, error))
        return false;
    if (free_bytes < store->settings.minimum_free_bytes) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_FULL,
                    "%s: %" G_GINT64_FORMAT " MB free, less than store.minimum_free_bytes (%" G_GINT64_FORMAT
                    " MB): free space there, or move data_dir",
                    store->data_dir, free_bytes >> 20, store->settings.minimum_free_bytes >> 20);
        return false;
    }
    if (write_error)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_IO, "the last write failed: %s", write_error);
    return !write_error;
}

bool store_check(struct store *store, GError **error)
{
    static const int64_t check_interval_us = 1000000; /* anyone may ask for /health; the disk is asked once a second */
    int64_t now_us = clock_monotonic_us(store->clock);
    pthread_mutex_lock(&store->check_lock);
    if (!store->checked_us || now_us - store->checked_us >= check_interval_us) {
        g_clear_error(&store->check_error);
        check_now(store, &store->check_error);
        store->checked_us = MAX(now_us, 1);
    }
    bool is_good = !store->check_error;
    if (!is_good && error)
        *error = g_error_copy(store->check_error);
    pthread_mutex_unlock(&store->check_lock);
    return is_good;
}
