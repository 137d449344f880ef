#include "cli/line_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fault.h"

struct line_file {
    char *path;
    int fd;
    bool is_standard; /* not ours to close */
    bool is_regular;  /* else there is nothing to sync or to cut */
    bool is_named;    /* its directory is synced, or it was there before */
    off_t kept;       /* bytes of it that are kept */
};

static bool fail(const struct line_file *file, const char *action, GError **error)
{
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_IO, "%s '%s': %s", action, file->path, g_strerror(errno));
    return false;
}

static bool is_injected(const char *fault)
{
    if (!fault_hit(fault))
        return false;
    errno = EIO;
    return true;
}

/* ---- opening ---- */

/* `file` is open for writing alone: a pipe must not be opened for reading too. */
static bool find_last_byte(const struct line_file *file, char *byte, GError **error)
{
    g_autofree char *again = g_strdup_printf("/proc/self/fd/%d", file->fd);
    int fd = open(again, O_RDONLY | O_CLOEXEC);
    bool is_read = fd >= 0 && pread(fd, byte, 1, file->kept - 1) == 1;
    if (!is_read)
        fail(file, "read the end of", error);
    if (fd >= 0)
        close(fd);
    return is_read;
}

static bool end_last_line(struct line_file *file, GError **error)
{
    char byte = '\n';
    if (file->kept && !find_last_byte(file, &byte, error))
        return false;
    if (byte == '\n')
        return true;
    return line_file_add(file, "", 0, error) && line_file_keep(file, error);
}

static bool prepare(struct line_file *file, GError **error)
{
    struct stat status;
    if (fstat(file->fd, &status) != 0)
        return fail(file, "look at", error);
    file->is_regular = S_ISREG(status.st_mode);
    if (!file->is_regular)
        return true;
    if (flock(file->fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        return fail(file, "append to a file that another process appends to", error);
    file->kept = lseek(file->fd, 0, SEEK_END);
    file->is_named = file->is_standard || file->kept > 0;
    return end_last_line(file, error);
}

struct line_file *line_file_open(const char *path, GError **error)
{
    struct line_file *file = g_new0(struct line_file, 1);
    file->is_standard = strcmp(path, "-") == 0;
    file->path = g_strdup(file->is_standard ? "standard output" : path);
    file->fd = file->is_standard ? STDOUT_FILENO : open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    bool is_open = file->fd >= 0 ? prepare(file, error) : fail(file, "open", error);
    if (is_open)
        return file;
    line_file_close(file);
    return NULL;
}

void line_file_close(struct line_file *file)
{
    if (!file)
        return;
    if (!file->is_standard && file->fd >= 0)
        close(file->fd); /* what was kept is synced */
    g_free(file->path);
    g_free(file);
}

/* ---- a unit ---- */

/* Moves past what is written. */
static void advance(struct iovec *parts, size_t count, size_t written)
{
    for (size_t i = 0; i < count; i++) {
        size_t done = MIN(written, parts[i].iov_len);
        parts[i].iov_base = (char *)parts[i].iov_base + done;
        parts[i].iov_len -= done;
        written -= done;
    }
}

bool line_file_add(struct line_file *file, const void *line, size_t length, GError **error)
{
    char end = '\n';
    struct iovec parts[] = {{.iov_base = (void *)line, .iov_len = length}, {.iov_base = &end, .iov_len = 1}};
    while (parts[1].iov_len) {
        ssize_t written = is_injected("line-file.write") ? -1 : writev(file->fd, parts, G_N_ELEMENTS(parts));
        if (written < 0 && errno != EINTR)
            return fail(file, "write", error);
        advance(parts, G_N_ELEMENTS(parts), (size_t)MAX(written, 0));
    }
    return true;
}

/* A file that was just made has no name after a power cut until its directory is synced. */
static bool sync_name(struct line_file *file, GError **error)
{
    if (file->is_named)
        return true;
    g_autofree char *parent = g_path_get_dirname(file->path);
    int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    file->is_named = fd >= 0 && !is_injected("line-file.directory-sync") && fsync(fd) == 0;
    if (!file->is_named)
        fail(file, "sync the directory of", error);
    if (fd >= 0)
        close(fd);
    return file->is_named;
}

bool line_file_keep(struct line_file *file, GError **error)
{
    if (!file->is_regular)
        return true;
    if (is_injected("line-file.sync") || fsync(file->fd) != 0)
        return fail(file, "sync", error);
    if (!sync_name(file, error))
        return false;
    file->kept = lseek(file->fd, 0, SEEK_END);
    return true;
}

bool line_file_revert(struct line_file *file, GError **error)
{
    if (!file->is_regular)
        return true;
    if (!is_injected("line-file.cut") && ftruncate(file->fd, file->kept) == 0 &&
        lseek(file->fd, file->kept, SEEK_SET) == file->kept)
        return true;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_IO,
                "cut '%s' back to %lld bytes: %s; what stands behind them is still in the spool", file->path,
                (long long)file->kept, g_strerror(errno));
    return false;
}
