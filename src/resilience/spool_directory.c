#include "resilience/spool_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum {
    REMOVE_STEP_BYTES = 256 << 10,
    REMOVE_PAUSE_US = 1000, /* a commit of the file system's journal gets between */
    LOG_HEADER_BYTES = 32,  /* sqlite.org/walformat.html */
};
static const char lock_name[] = "lock", reserve_name[] = "reserve", spare_name[] = "spare", bad_suffix[] = ".bad",
                  report_suffix[] = ".bad.txt";
/* What SQLite may keep beside a file. */
static const char *const beside[] = {"-wal", "-shm", "-journal"};

#ifdef VEDETTE_FAULTS_ENABLED
void spool_crash_point(const char *name)
{
    if (fault_hit(name))
        raise(SIGKILL);
}
#endif

/* True when a plan of faults says that this call fails, as the disk would. */
static bool is_injected(const char *name)
{
    if (!fault_hit(name))
        return false;
    errno = EIO;
    return true;
}

/* Ours alone: a directory in which others could put files, or that is somebody else's, is refused, and so is a link. */
static bool check_directory(const struct spool_directory *directory, GError **error)
{
    struct stat status;
    if (fstat(directory->fd, &status) != 0)
        return vedette_error_set_errno(directory->path, "look at it", "the directory must stay where it is", error);
    unsigned owner = status.st_uid, user = geteuid();
    if (owner != user)
        /* root looks after what others own: a spool given to it would be of no use to them */
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_PERMISSION,
                    user == 0
                        ? "%s: it belongs to user %u, and this process runs as user %u: run this as user %u (sudo "
                          "-u '#%u'), or give another directory"
                        : "%s: it belongs to user %u, and this process runs as user %u: run this as user %u, "
                          "chown it to user %u, or give another directory",
                    directory->path, owner, user, owner, user == 0 ? owner : user);
    else if (status.st_mode & (S_IWGRP | S_IWOTH))
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_PERMISSION,
                    "%s: others may write there (mode %04o): chmod 0700 it, or give another directory", directory->path,
                    status.st_mode & 07777);
    else
        return true;
    return false;
}

/* One process per directory. The file holds the pid, for people; the lock itself ends with the process. */
static bool take_lock(struct spool_directory *directory, GError **error)
{
    g_autofree char *path = spool_directory_file(directory, lock_name);
    directory->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (directory->lock_fd < 0)
        return vedette_error_set_errno(path, "open", "check the owner and rights of the directory and its files",
                                       error);
    char pid[32] = "";
    if (flock(directory->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK)
            return vedette_error_set_errno(path, "lock", "the file system must know locks", error);
        ssize_t length = pread(directory->lock_fd, pid, sizeof pid - 1, 0);
        pid[MAX(length, 0)] = '\0';
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE,
                    "%s: process %s uses it already: stop that one, or give another directory", directory->path,
                    *g_strstrip(pid) ? pid : "(unknown)");
        return false;
    }
    /* Only for people: on a full disk it stays empty. */
    int length = g_snprintf(pid, sizeof pid, "%d\n", (int)getpid());
    if (ftruncate(directory->lock_fd, 0) != 0 || pwrite(directory->lock_fd, pid, (size_t)length, 0) != length)
        g_debug("%s: the process id is not written: %s", path, g_strerror(errno));
    return true;
}

/* SQLite is told to follow no link, anywhere in a path: those above the directory, which are its owner's to make, are
 * followed here. */
static bool resolve(struct spool_directory *directory, GError **error)
{
    char *real = realpath(directory->path, NULL);
    if (!real)
        return vedette_error_set_errno(directory->path, "look at it", "the directory must stay where it is", error);
    g_free(directory->path);
    directory->path = g_strdup(real);
    free(real);
    return true;
}

bool spool_directory_open(struct spool_directory *directory, const char *path, GError **error)
{
    static const char advice[] = "give a directory that this process may write";
    *directory = (struct spool_directory){g_strdup(path), -1, -1};
    bool is_there = g_mkdir(path, 0700) == 0 || errno == EEXIST;
    if (!is_there)
        vedette_error_set_errno(path, "make the directory", advice, error);
    else if ((directory->fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) < 0)
        vedette_error_set_errno(path, "open the directory", "it must be a directory of this process' user, and no link",
                                error);
    else if (check_directory(directory, error) && resolve(directory, error) && take_lock(directory, error))
        return true;
    spool_directory_close(directory);
    return false;
}

void spool_directory_close(struct spool_directory *directory)
{
    if (directory->lock_fd >= 0)
        close(directory->lock_fd);
    if (directory->fd >= 0)
        close(directory->fd);
    directory->fd = directory->lock_fd = -1;
    g_clear_pointer(&directory->path, g_free);
}

char *spool_directory_file(const struct spool_directory *directory, const char *name)
{
    return g_build_filename(directory->path, name, NULL);
}

static gint compare_names(gconstpointer left, gconstpointer right)
{
    const struct spool_name *a = left, *b = right;
    return (a->number > b->number) - (a->number < b->number);
}

/* "NAME-wal" without its NAME: what a crash between two removals leaves. A WAL must never meet a later file. */
static void remove_leftover(const struct spool_directory *directory, const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(beside); i++) {
        if (!g_str_has_suffix(name, beside[i]))
            continue;
        g_autofree char *owner = g_strndup(name, strlen(name) - strlen(beside[i]));
        struct spool_name parsed;
        if (spool_name_parse(owner, &parsed) && faccessat(directory->fd, owner, F_OK, AT_SYMLINK_NOFOLLOW) != 0)
            unlinkat(directory->fd, name, 0);
    }
}

bool spool_directory_is_there(const struct spool_directory *directory)
{
    struct stat there, ours;
    return stat(directory->path, &there) == 0 && fstat(directory->fd, &ours) == 0 && there.st_dev == ours.st_dev &&
           there.st_ino == ours.st_ino;
}

bool spool_directory_lacks(const struct spool_directory *directory, const char *path)
{
    return access(path, F_OK) != 0 && errno == ENOENT && spool_directory_is_there(directory);
}

bool spool_directory_is_blank(const char *path)
{
    g_autofree char *wal = g_strconcat(path, "-wal", NULL);
    struct stat file, log;
    return lstat(path, &file) == 0 && S_ISREG(file.st_mode) && file.st_size == 0 &&
           (lstat(wal, &log) == 0 ? log.st_size == 0 : errno == ENOENT);
}

GArray *spool_directory_list(const struct spool_directory *directory, GError **error)
{
    g_autoptr(GDir) entries = g_dir_open(directory->path, 0, error);
    if (!entries)
        return NULL;
    GArray *names = g_array_new(FALSE, FALSE, sizeof(struct spool_name));
    for (const char *text; (text = g_dir_read_name(entries));) {
        struct spool_name name;
        if (spool_name_parse(text, &name))
            g_array_append_val(names, name);
        else
            remove_leftover(directory, text);
    }
    g_array_sort(names, compare_names);
    return names;
}

uint64_t spool_directory_after_bad(const struct spool_directory *directory)
{
    g_autoptr(GArray) names = spool_directory_list_bad(directory);
    return names->len ? g_array_index(names, struct spool_name, names->len - 1).number + 1 : 1;
}

bool spool_directory_sync(const struct spool_directory *directory, GError **error)
{
    if (!is_injected("spool.directory-sync") && fsync(directory->fd) == 0)
        return true;
    return vedette_error_set_errno(directory->path, "sync the directory", "the disk fails: replace it", error);
}

/* SQLite would make it readable for everyone. */
bool spool_directory_make_file(const char *path, GError **error)
{
    int fd = is_injected("spool.create") ? -1 : open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return vedette_error_set_errno(path, "make", "check the free space, and the owner and rights of the directory",
                                       error);
    close(fd);
    return true;
}

bool spool_directory_rename(const char *from, const char *to, GError **error)
{
    if (is_injected("spool.rename") || rename(from, to) != 0)
        return vedette_error_set_errno(from, "rename", "check the owner and rights of the directory", error);
    spool_crash_point("crash.spool.renamed");
    return true;
}

/* What a file held goes step by step once its name is gone: a file system that gives back megabytes at once lets every
 * sync wait meanwhile, and with it the commits of those who put in. */
static bool remove_gradually(const char *path)
{
    int fd = open(path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC); /* -1: it goes at once */
    struct stat status = {.st_size = 0};
    bool is_gone = unlink(path) == 0;
    int code = errno;
    if (is_gone && fd >= 0 && fstat(fd, &status) == 0)
        for (off_t size = status.st_size - REMOVE_STEP_BYTES; size > 0; size -= REMOVE_STEP_BYTES) {
            if (ftruncate(fd, size) != 0)
                break; /* the rest goes when it is closed */
            g_usleep(REMOVE_PAUSE_US);
        }
    if (fd >= 0)
        close(fd);
    errno = code;
    return is_gone;
}

bool spool_directory_remove(const char *path, GError **error)
{
    spool_crash_point("crash.spool.before-remove");
    if (is_injected("spool.unlink") || (!remove_gradually(path) && errno != ENOENT))
        return vedette_error_set_errno(path, "remove", "check the owner and rights of the directory", error);
    spool_crash_point("crash.spool.removed");
    for (size_t i = 0; i < G_N_ELEMENTS(beside); i++) {
        g_autofree char *other = g_strconcat(path, beside[i], NULL);
        if (!remove_gradually(other) && errno != ENOENT)
            return vedette_error_set_errno(other, "remove", "check the owner and rights of the directory", error);
    }
    return true;
}

/* ---- a log that is used again ---- */

/* Durably: without its header nothing in it is taken for what it was. */
static bool clear_header(int fd)
{
    static const char zeros[LOG_HEADER_BYTES];
    return pwrite(fd, zeros, sizeof zeros, 0) == (ssize_t)sizeof zeros && fdatasync(fd) == 0;
}

int spool_directory_begin_log(const struct spool_directory *directory)
{
    return openat(directory->fd, spare_name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
}

bool spool_directory_fill_log(int fd, int64_t at, int64_t bytes)
{
    static char zeros[SPOOL_FILL_STEP_MAX_BYTES]; /* not const: it would lie in the program, too */
    bool is_filled = !is_injected("spool.fill") && pwrite(fd, zeros, (size_t)bytes, at) == bytes && fdatasync(fd) == 0;
    spool_crash_point("crash.spool.log-filled");
    return is_filled;
}

void spool_directory_empty_log(const struct spool_directory *directory)
{
    g_autofree char *spare = spool_directory_file(directory, spare_name);
    if (truncate(spare, 0) != 0 && errno != ENOENT)
        g_debug("%s: gives nothing back before it is removed: %s", spare, g_strerror(errno));
}

int64_t spool_directory_keep_log(const struct spool_directory *directory, const char *path)
{
    g_autofree char *log = g_strconcat(path, "-wal", NULL), *spare = spool_directory_file(directory, spare_name);
    struct stat status;
    if (!spool_directory_rename(log, spare, NULL))
        return 0;
    int fd = openat(directory->fd, spare_name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
    bool is_kept = fd >= 0 && fstat(fd, &status) == 0 && status.st_size > LOG_HEADER_BYTES && clear_header(fd) &&
                   spool_directory_sync(directory, NULL);
    if (fd >= 0)
        close(fd);
    spool_crash_point("crash.spool.log-kept");
    if (!is_kept)
        spool_directory_free_log(directory);
    return is_kept ? status.st_size : 0;
}

bool spool_directory_use_log(const struct spool_directory *directory, const char *path, GError **error)
{
    g_autofree char *log = g_strconcat(path, "-wal", NULL), *spare = spool_directory_file(directory, spare_name);
    bool is_used = spool_directory_rename(spare, log, error) && spool_directory_sync(directory, error);
    spool_crash_point("crash.spool.log-used");
    if (!is_used)
        spool_directory_free_log(directory);
    return is_used;
}

void spool_directory_free_log(const struct spool_directory *directory)
{
    g_autofree char *spare = spool_directory_file(directory, spare_name);
    remove_gradually(spare);
}

/* ---- what is set aside ---- */

GArray *spool_directory_list_bad(const struct spool_directory *directory)
{
    g_autoptr(GDir) entries = g_dir_open(directory->path, 0, NULL);
    GArray *names = g_array_new(FALSE, FALSE, sizeof(struct spool_name));
    for (const char *text; entries && (text = g_dir_read_name(entries));) {
        struct spool_name name;
        if (!g_str_has_suffix(text, bad_suffix))
            continue;
        g_autofree char *plain = g_strndup(text, strlen(text) - strlen(bad_suffix));
        if (spool_name_parse(plain, &name))
            g_array_append_val(names, name);
    }
    g_array_sort(names, compare_names);
    return names;
}

char *spool_directory_bad_file(const struct spool_directory *directory, const struct spool_name *name)
{
    g_autofree char *plain = spool_name_format(name), *text = g_strconcat(plain, bad_suffix, NULL);
    return spool_directory_file(directory, text);
}

void spool_directory_remove_bad(const char *path)
{
    static const char *const parts[] = {"", "-wal", "-journal", ".txt"};
    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
        g_autofree char *part = g_strconcat(path, parts[i], NULL);
        unlink(part); /* mostly some are not there */
    }
}

void spool_directory_set_aside(const struct spool_directory *directory, const char *path, const char *report)
{
    g_autofree char *to = g_strconcat(path, bad_suffix, NULL), *text = g_strconcat(path, report_suffix, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(beside); i++) {
        g_autofree char *from = g_strconcat(path, beside[i], NULL), *beside_to = g_strconcat(to, beside[i], NULL);
        rename(from, beside_to); /* mostly it is not there */
    }
    /* When it cannot be renamed it is found again by the next start, and tried again. */
    if (rename(path, to) != 0)
        g_debug("%s: not set aside: %s", path, g_strerror(errno));
    FILE *file = fopen(text, "we");
    if (file) {
        fprintf(file, "%s\n", report);
        fclose(file);
    }
    fsync(directory->fd);
}

/* ---- room ---- */

bool spool_directory_make_reserve(const struct spool_directory *directory, int64_t bytes)
{
    g_autofree char *path = spool_directory_file(directory, reserve_name);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool is_made = fd >= 0 && posix_fallocate(fd, 0, bytes) == 0;
    if (fd >= 0)
        close(fd);
    if (!is_made)
        unlink(path);
    return is_made;
}

int64_t spool_directory_free_bytes(const struct spool_directory *directory)
{
    struct statvfs status;
    if (fstatvfs(directory->fd, &status) != 0)
        return INT64_MAX;
    return (int64_t)MIN((uint64_t)status.f_bavail * status.f_frsize, (uint64_t)INT64_MAX);
}

bool spool_directory_free_reserve(const struct spool_directory *directory)
{
    return unlinkat(directory->fd, reserve_name, 0) == 0;
}
