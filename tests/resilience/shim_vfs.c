#include "shim_vfs.h"

#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <pthread.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { BLOCK = 4096 };

struct shim_file {
    sqlite3_file base;
    sqlite3_file real[]; /* as large as the real VFS wants it */
};

static sqlite3_vfs *real_vfs;
static sqlite3_vfs shim;
static int calls, fail_at, fail_code; /* atomic */
static bool is_sticky;
static const char *kept; /* where what is synced is kept */
static __thread int64_t bytes_read;

/* Where calls wait while a test holds it. */
struct gate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_held;
    int waiting;
};
#define GATE_INIT                                                                                                      \
    {                                                                                                                  \
        .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER                                         \
    }
static struct gate deletes = GATE_INIT, reads = GATE_INIT;

static int planned(void)
{
    int number = __atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED), at = __atomic_load_n(&fail_at, __ATOMIC_RELAXED);
    return at && (number == at || (is_sticky && number > at)) ? fail_code : SQLITE_OK;
}

int shim_plan(int number, int code, bool sticky)
{
    int before = __atomic_exchange_n(&calls, 0, __ATOMIC_RELAXED);
    is_sticky = sticky;
    fail_code = code;
    __atomic_store_n(&fail_at, number, __ATOMIC_RELAXED);
    return before;
}

int64_t shim_bytes_read(void)
{
    return bytes_read;
}

static void gate_hold(struct gate *gate, bool is_held)
{
    pthread_mutex_lock(&gate->lock);
    gate->is_held = is_held;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->lock);
}

static void gate_await_held(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    while (!gate->waiting)
        pthread_cond_wait(&gate->changed, &gate->lock);
    pthread_mutex_unlock(&gate->lock);
}

static void gate_pass(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    gate->waiting++;
    pthread_cond_broadcast(&gate->changed);
    while (gate->is_held)
        pthread_cond_wait(&gate->changed, &gate->lock);
    gate->waiting--;
    pthread_mutex_unlock(&gate->lock);
}

void shim_hold_deletes(bool is_held)
{
    gate_hold(&deletes, is_held);
}

void shim_await_held(void)
{
    gate_await_held(&deletes);
}

void shim_hold_reads(bool is_held)
{
    gate_hold(&reads, is_held);
}

static void wait_while_held(const char *name)
{
    struct stat status;
    if (stat(name, &status) == 0 && status.st_size > 0)
        gate_pass(&deletes);
}

/* ---- what a power cut leaves ---- */

void shim_keep_synced(const char *directory)
{
    kept = directory;
}

/* A file or directory by its number and when it was made, as numbers are used again; NULL: there is none. g_free. */
static char *identify(int directory, const char *name, int flags, mode_t *mode)
{
    struct statx status;
    if (statx(directory, name, flags | AT_SYMLINK_NOFOLLOW, STATX_INO | STATX_TYPE | STATX_BTIME, &status) != 0)
        return NULL;
    *mode = status.stx_mode;
    return g_strdup_printf("%llu-%lld.%09u", (unsigned long long)status.stx_ino, (long long)status.stx_btime.tv_sec,
                           status.stx_btime.tv_nsec);
}

/* The names in a directory and what they stand for, as identify has it. */
static GHashTable *read_names(const char *path)
{
    GHashTable *names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_autoptr(GDir) entries = g_dir_open(path, 0, NULL);
    for (const char *name; entries && (name = g_dir_read_name(entries));) {
        mode_t mode;
        g_autofree char *file = g_build_filename(path, name, NULL), *identity = identify(AT_FDCWD, file, 0, &mode);
        if (identity && S_ISREG(mode))
            g_hash_table_insert(names, g_strdup(name), g_steal_pointer(&identity));
    }
    return names;
}

static GBytes *write_names(const char *path)
{
    g_autoptr(GHashTable) names = read_names(path);
    GString *text = g_string_new(NULL);
    GHashTableIter iter;
    gpointer name, identity;
    g_hash_table_iter_init(&iter, names);
    while (g_hash_table_iter_next(&iter, &name, &identity))
        g_string_append_printf(text, "%s %s\n", (char *)identity, (char *)name);
    return g_string_free_to_bytes(text);
}

static GBytes *read_whole(const char *path)
{
    char *data;
    gsize length;
    return g_file_get_contents(path, &data, &length, NULL) ? g_bytes_new_take(data, length) : NULL;
}

/* Whole or not at all, as the process may be killed meanwhile. */
static void keep(const char *name, GBytes *bytes)
{
    gsize length;
    const char *data = g_bytes_get_data(bytes, &length);
    g_autofree char *to = g_build_filename(kept, name, NULL);
    g_autofree char *draft = g_strdup_printf("%s.%d.new", to, (int)syscall(SYS_gettid));
    int fd = open(draft, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd >= 0 && write(fd, data, length) == (ssize_t)length)
        syscall(SYS_renameat2, AT_FDCWD, draft, AT_FDCWD, to, 0); /* under the lock that rename takes */
    if (fd >= 0)
        close(fd);
}

/* Over what is kept, and the names: else an earlier look might be kept over a later one, and a name that is changed
 * while the directory is read be seen neither as it was nor as it is. */
static pthread_mutex_t keeping = PTHREAD_MUTEX_INITIALIZER;

/* Whoever syncs, SQLite or the spool itself: what the file or directory held before is kept once it is synced. */
static int sync_and_keep(int fd, long call)
{
    mode_t mode;
    if (!kept)
        return (int)syscall(call, fd);
    pthread_mutex_lock(&keeping);
    g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", fd), *identity = identify(fd, "", AT_EMPTY_PATH, &mode);
    g_autoptr(GBytes) data = !identity ? NULL : S_ISDIR(mode) ? write_names(path) : read_whole(path);
    int result = (int)syscall(call, fd);
    if (result == 0 && data)
        keep(identity, data);
    pthread_mutex_unlock(&keeping);
    return result;
}

/* These stand before the C library's, also for SQLite. */
#pragma GCC visibility push(default)
int fsync(int fd)
{
    return sync_and_keep(fd, SYS_fsync);
}

int fdatasync(int fd)
{
    return sync_and_keep(fd, SYS_fdatasync);
}

int rename(const char *from, const char *to)
{
    return renameat(AT_FDCWD, from, AT_FDCWD, to);
}

int renameat(int from_directory, const char *from, int to_directory, const char *to)
{
    pthread_mutex_lock(&keeping);
    int result = (int)syscall(SYS_renameat2, from_directory, from, to_directory, to, 0);
    pthread_mutex_unlock(&keeping);
    return result;
}
#pragma GCC visibility pop

static GHashTable *read_synced_names(const char *spool, const char *directory)
{
    mode_t mode;
    g_autofree char *identity = identify(AT_FDCWD, spool, 0, &mode);
    g_autofree char *path = g_build_filename(directory, identity, NULL), *text = NULL;
    if (!g_file_get_contents(path, &text, NULL, NULL))
        return NULL;
    GHashTable *names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line && **line; line++) {
        char *name = strchr(*line, ' ');
        g_hash_table_insert(names, g_strdup(name + 1), g_strndup(*line, (gsize)(name - *line)));
    }
    return names;
}

/* Of what was done to a file's names since the directory was synced all is there, or nothing: a file system renames
 * whole. True: all. */
static bool toss(GHashTable *coins, const char *identity, int chance)
{
    gpointer coin;
    if (!g_hash_table_lookup_extended(coins, identity, NULL, &coin)) {
        coin = GINT_TO_POINTER(g_random_int_range(0, 100) < chance);
        g_hash_table_insert(coins, g_strdup(identity), coin);
    }
    return GPOINTER_TO_INT(coin);
}

/* Into `after`, what a name of either stands for after the cut. */
static void settle_name(GHashTable *coins, int chance, const char *name, const char *synced, const char *current,
                        GHashTable *after)
{
    bool is_same = g_strcmp0(synced, current) == 0;
    const char *identity = is_same || toss(coins, current ? current : synced, chance) ? current : synced;
    if (identity)
        g_hash_table_insert(after, g_strdup(name), g_strdup(identity));
}

static GHashTable *settle_names(GHashTable *synced, GHashTable *current, int chance)
{
    g_autoptr(GHashTable) coins = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    GHashTable *after = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    GHashTableIter iter;
    gpointer name, identity;
    g_hash_table_iter_init(&iter, current);
    while (g_hash_table_iter_next(&iter, &name, &identity))
        settle_name(coins, chance, name, g_hash_table_lookup(synced, name), identity, after);
    g_hash_table_iter_init(&iter, synced);
    while (g_hash_table_iter_next(&iter, &name, &identity))
        if (!g_hash_table_contains(current, name))
            settle_name(coins, chance, name, identity, NULL, after);
    return after;
}

/* By identity, what each file of the directory holds now. */
static GHashTable *read_contents(const char *spool, GHashTable *names)
{
    GHashTable *contents = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_bytes_unref);
    GHashTableIter iter;
    gpointer name, identity;
    g_hash_table_iter_init(&iter, names);
    while (g_hash_table_iter_next(&iter, &name, &identity)) {
        g_autofree char *path = g_build_filename(spool, name, NULL);
        GBytes *data = read_whole(path);
        if (data)
            g_hash_table_insert(contents, g_strdup(identity), data);
        g_assert_cmpint(g_unlink(path), ==, 0);
    }
    return contents;
}

static void write_after_cut(const char *path, const char *directory, const char *identity, GBytes *written, int chance)
{
    g_autofree char *from = g_build_filename(directory, identity, NULL), *synced = NULL;
    gsize synced_length = 0, written_length = 0;
    const char *bytes = written ? g_bytes_get_data(written, &written_length) : NULL;
    g_file_get_contents(from, &synced, &synced_length, NULL);
    for (gsize at = 0; at < synced_length; at += BLOCK)
        if (at < written_length && g_random_int_range(0, 100) < chance)
            memcpy(synced + at, bytes + at, MIN(BLOCK, MIN(synced_length, written_length) - at));
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(write(fd, synced ? synced : "", synced_length), ==, (gssize)synced_length);
    close(fd);
}

void shim_cut_power(const char *spool, const char *directory, int chance)
{
    g_autoptr(GHashTable) current = read_names(spool), synced = read_synced_names(spool, directory);
    g_autoptr(GHashTable) after = settle_names(synced ? synced : current, current, chance);
    g_autoptr(GHashTable) contents = read_contents(spool, current);
    GHashTableIter iter;
    gpointer name, identity;
    g_hash_table_iter_init(&iter, after);
    while (g_hash_table_iter_next(&iter, &name, &identity)) {
        g_autofree char *path = g_build_filename(spool, name, NULL);
        write_after_cut(path, directory, identity, g_hash_table_lookup(contents, identity), chance);
    }
}

/* ---- the methods ---- */

static int shim_close(sqlite3_file *base)
{
    struct shim_file *file = (struct shim_file *)base;
    return file->real->pMethods->xClose(file->real);
}

static int shim_read(sqlite3_file *base, void *buffer, int amount, sqlite3_int64 offset)
{
    struct shim_file *file = (struct shim_file *)base;
    int code = planned();
    bytes_read += amount;
    gate_pass(&reads);
    return code ? SQLITE_IOERR_READ : file->real->pMethods->xRead(file->real, buffer, amount, offset);
}

static int shim_write(sqlite3_file *base, const void *buffer, int amount, sqlite3_int64 offset)
{
    struct shim_file *file = (struct shim_file *)base;
    int code = planned();
    if (code == SQLITE_IOERR_SHORT_READ) { /* stands for a short write: half of it is there */
        file->real->pMethods->xWrite(file->real, buffer, amount / 2, offset);
        return SQLITE_IOERR_WRITE;
    }
    return code ? code : file->real->pMethods->xWrite(file->real, buffer, amount, offset);
}

static int shim_truncate(sqlite3_file *base, sqlite3_int64 size)
{
    struct shim_file *file = (struct shim_file *)base;
    return planned() ? SQLITE_IOERR_TRUNCATE : file->real->pMethods->xTruncate(file->real, size);
}

static int shim_sync(sqlite3_file *base, int flags)
{
    struct shim_file *file = (struct shim_file *)base;
    return planned() ? SQLITE_IOERR_FSYNC : file->real->pMethods->xSync(file->real, flags);
}

static int shim_size(sqlite3_file *base, sqlite3_int64 *size)
{
    struct shim_file *file = (struct shim_file *)base;
    return file->real->pMethods->xFileSize(file->real, size);
}

static int shim_lock(sqlite3_file *base, int lock)
{
    struct shim_file *file = (struct shim_file *)base;
    return file->real->pMethods->xLock(file->real, lock);
}

static int shim_unlock(sqlite3_file *base, int lock)
{
    struct shim_file *file = (struct shim_file *)base;
    return file->real->pMethods->xUnlock(file->real, lock);
}

static int shim_check_reserved(sqlite3_file *base, int *result)
{
    struct shim_file *file = (struct shim_file *)base;
    return file->real->pMethods->xCheckReservedLock(file->real, result);
}

static int shim_control(sqlite3_file *base, int operation, void *argument)
{
    struct shim_file *file = (struct shim_file *)base;
    return file->real->pMethods->xFileControl(file->real, operation, argument);
}

static int shim_sector_size(sqlite3_file *base)
{
    struct shim_file *file = (struct shim_file *)base;
    return file->real->pMethods->xSectorSize(file->real);
}

static int shim_characteristics(sqlite3_file *base)
{
    (void)base;
    return 0; /* a disk that promises nothing */
}

static const sqlite3_io_methods methods = {
    .iVersion = 1,
    .xClose = shim_close,
    .xRead = shim_read,
    .xWrite = shim_write,
    .xTruncate = shim_truncate,
    .xSync = shim_sync,
    .xFileSize = shim_size,
    .xLock = shim_lock,
    .xUnlock = shim_unlock,
    .xCheckReservedLock = shim_check_reserved,
    .xFileControl = shim_control,
    .xSectorSize = shim_sector_size,
    .xDeviceCharacteristics = shim_characteristics,
};

static int shim_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *base, int flags, int *out_flags)
{
    struct shim_file *file = (struct shim_file *)base;
    (void)vfs;
    file->base.pMethods = NULL;
    if (planned())
        return SQLITE_CANTOPEN;
    int code = real_vfs->xOpen(real_vfs, name, file->real, flags, out_flags);
    if (code != SQLITE_OK)
        return code;
    file->base.pMethods = &methods;
    return SQLITE_OK;
}

static int shim_delete(sqlite3_vfs *vfs, const char *name, int is_synced)
{
    (void)vfs;
    wait_while_held(name);
    return planned() ? SQLITE_IOERR_DELETE : real_vfs->xDelete(real_vfs, name, is_synced);
}

void shim_register(void)
{
    if (real_vfs)
        return;
    real_vfs = sqlite3_vfs_find(NULL);
    shim = *real_vfs;
    shim.zName = SHIM_VFS;
    shim.szOsFile = (int)sizeof(struct shim_file) + real_vfs->szOsFile;
    shim.xOpen = shim_open;
    shim.xDelete = shim_delete;
    shim.pNext = NULL;
    sqlite3_vfs_register(&shim, 0);
}
