/* Directories of tests. */
#pragma once

#include <glib.h>
#include <glib/gstdio.h>
#include <stdbool.h>
#include <string.h>

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

/* Whether any file of the embedded store in a directory holds the text. */
static inline bool directory_store_holds(const char *path, const char *text)
{
    static const char *const names[] = {"vedette.db", "vedette.db-wal"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *file = g_build_filename(path, names[i], NULL), *data = NULL;
        gsize size = 0;
        if (g_file_get_contents(file, &data, &size, NULL) && memmem(data, size, text, strlen(text)))
            return true;
    }
    return false;
}
