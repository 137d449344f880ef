#include "shim_vfs.h"

#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <pthread.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOCK = 4096 };

struct shim_file {
    sqlite3_file base;
    char *path;
    sqlite3_file real[]; /* as large as the real VFS wants it */
};

static sqlite3_vfs *real_vfs;
static sqlite3_vfs shim;
static int calls, fail_at, fail_code; /* atomic */
static bool is_sticky;
static const char *kept; /* where what is synced is kept */
static __thread int64_t bytes_read;

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_held;
    int waiting;
} deletes = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

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

void shim_hold_deletes(bool is_held)
{
    pthread_mutex_lock(&deletes.lock);
    deletes.is_held = is_held;
    pthread_cond_broadcast(&deletes.changed);
    pthread_mutex_unlock(&deletes.lock);
}

void shim_await_held(void)
{
    pthread_mutex_lock(&deletes.lock);
    while (!deletes.waiting)
        pthread_cond_wait(&deletes.changed, &deletes.lock);
    pthread_mutex_unlock(&deletes.lock);
}

static void wait_while_held(const char *name)
{
    struct stat status;
    if (stat(name, &status) != 0 || status.st_size == 0)
        return;
    pthread_mutex_lock(&deletes.lock);
    deletes.waiting++;
    pthread_cond_broadcast(&deletes.changed);
    while (deletes.is_held)
        pthread_cond_wait(&deletes.changed, &deletes.lock);
    deletes.waiting--;
    pthread_mutex_unlock(&deletes.lock);
}

void shim_keep_synced(const char *directory)
{
    kept = directory;
}

static char *kept_path(const char *directory, const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 ? g_strdup_printf("%s/%llu", directory, (unsigned long long)status.st_ino) : NULL;
}

/* Whole or not at all, as the process may be killed meanwhile. */
static void keep(const char *path)
{
    g_autofree char *to = kept ? kept_path(kept, path) : NULL, *data = NULL;
    gsize length;
    if (!to || !g_file_get_contents(path, &data, &length, NULL))
        return;
    g_autofree char *draft = g_strconcat(to, ".new", NULL);
    int fd = open(draft, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd >= 0 && write(fd, data, length) == (ssize_t)length)
        rename(draft, to);
    if (fd >= 0)
        close(fd);
}

void shim_cut_power(const char *spool, const char *directory, int chance)
{
    g_autoptr(GDir) entries = g_dir_open(spool, 0, NULL);
    for (const char *name; entries && (name = g_dir_read_name(entries));) {
        if (!strstr(name, ".spool"))
            continue;
        g_autofree char *path = g_build_filename(spool, name, NULL), *from = kept_path(directory, path);
        g_autofree char *synced = NULL, *written = NULL;
        gsize synced_length = 0, written_length = 0;
        g_file_get_contents(from, &synced, &synced_length, NULL);
        g_file_get_contents(path, &written, &written_length, NULL);
        for (gsize at = 0; at < synced_length; at += BLOCK)
            if (at < written_length && g_random_int_range(0, 100) < chance)
                memcpy(synced + at, written + at, MIN(BLOCK, MIN(synced_length, written_length) - at));
        int fd = open(path, O_WRONLY | O_TRUNC);
        g_assert_cmpint(fd, >=, 0);
        g_assert_cmpint(write(fd, synced ? synced : "", synced_length), ==, (gssize)synced_length);
        close(fd);
    }
}

/* ---- the methods ---- */

static int shim_close(sqlite3_file *base)
{
    struct shim_file *file = (struct shim_file *)base;
    g_clear_pointer(&file->path, g_free);
    return file->real->pMethods->xClose(file->real);
}

static int shim_read(sqlite3_file *base, void *buffer, int amount, sqlite3_int64 offset)
{
    struct shim_file *file = (struct shim_file *)base;
    int code = planned();
    bytes_read += amount;
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
    if (planned())
        return SQLITE_IOERR_FSYNC;
    int code = file->real->pMethods->xSync(file->real, flags);
    if (code == SQLITE_OK && file->path)
        keep(file->path);
    return code;
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
    file->path = g_strdup(name);
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
