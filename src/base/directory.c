#include "base/directory.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

char *directory_prepare(const char *path, GError **error)
{
    static const char advice[] = "give a directory that Vedette may write in data_dir (VEDETTE_DATA_DIR)";
    char real[PATH_MAX];
    struct stat status;
    if (g_mkdir_with_parents(path, 0700) != 0) {
        vedette_error_set_errno(path, "make the directory", advice, error);
        return NULL;
    }
    if (!realpath(path, real) || stat(real, &status) != 0 || !S_ISDIR(status.st_mode)) {
        vedette_error_set_errno(path, "open the directory", advice, error);
        return NULL;
    }
    if (status.st_mode & (S_IWGRP | S_IWOTH)) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_PERMISSION,
                    "%s: others may write there (mode %04o): chmod 0700 it, or give another data_dir", path,
                    status.st_mode & 07777);
        return NULL;
    }
    if (access(real, W_OK | X_OK) != 0) {
        vedette_error_set_errno(path, "write there", advice, error);
        return NULL;
    }
    return g_strdup(real);
}
