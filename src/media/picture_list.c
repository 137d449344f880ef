/* Pictures as a video: one file, or the files of a folder in the order of their names. */
#include "base/file.h"
#include "media/media_internal.h"

#include <stdio.h>
#include <string.h>

enum { LIST_MOST_FILES = 1000000 };

static bool is_picture(const char *path)
{
    uint8_t bytes[8] = {0};
    FILE *file = file_open_at_once(path);
    size_t length = file ? fread(bytes, 1, sizeof bytes, file) : 0;
    if (file)
        fclose(file);
    return (length >= 3 && memcmp(bytes, "\xff\xd8\xff", 3) == 0) ||
           (length == 8 && memcmp(bytes, "\x89PNG\r\n\x1a\n", 8) == 0);
}

static gint by_name(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool has_picture_name(const char *name)
{
    static const char *const endings[] = {".jpg", ".jpeg", ".png"};
    g_autofree char *lower = g_ascii_strdown(name, -1);
    for (size_t i = 0; i < G_N_ELEMENTS(endings); i++)
        if (g_str_has_suffix(lower, endings[i]))
            return true;
    return false;
}

static bool list_folder(const char *path, GPtrArray *list, GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autoptr(GDir) folder = g_dir_open(path, 0, &cause);
    if (!folder) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_IO, "folder '%s': %s", path, cause->message);
        return false;
    }
    for (const char *name; (name = g_dir_read_name(folder)) && list->len < LIST_MOST_FILES;)
        if (has_picture_name(name))
            g_ptr_array_add(list, g_build_filename(path, name, NULL));
    g_ptr_array_sort(list, by_name);
    if (list->len == 0)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, "folder '%s': holds no .jpg, .jpeg or .png", path);
    return list->len > 0;
}

GPtrArray *media_pictures_list(const char *path, GError **error)
{
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(g_free);
    if (g_file_test(path, G_FILE_TEST_IS_DIR))
        return list_folder(path, list, error) ? g_steal_pointer(&list) : NULL;
    if (!is_picture(path))
        return NULL;
    g_ptr_array_add(list, g_strdup(path));
    return g_steal_pointer(&list);
}
