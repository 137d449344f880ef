/* Directories of tests. */
#pragma once

#include <glib.h>
#include <glib/gstdio.h>

/* With all that is in it. */
static inline void remove_directory(const char *path)
{
    g_autoptr(GDir) directory = g_dir_open(path, 0, NULL);
    for (const char *name; directory && (name = g_dir_read_name(directory));) {
        g_autofree char *inner = g_build_filename(path, name, NULL);
        if (g_file_test(inner, G_FILE_TEST_IS_DIR) && !g_file_test(inner, G_FILE_TEST_IS_SYMLINK))
            remove_directory(inner);
        else
            g_unlink(inner);
    }
    g_rmdir(path);
}
