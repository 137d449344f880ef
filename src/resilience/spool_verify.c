#include "resilience/spool_internal.h"

#include <inttypes.h>
#include <string.h>

static gint compare_texts(gconstpointer left, gconstpointer right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

/* Names of files, sealed, open or set aside. */
static GPtrArray *list(const struct spool_directory *directory, GError **error)
{
    g_autoptr(GDir) entries = g_dir_open(directory->path, 0, error);
    if (!entries)
        return NULL;
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    for (const char *name; (name = g_dir_read_name(entries));)
        if (g_str_has_suffix(name, ".spool") || g_str_has_suffix(name, ".spool.bad"))
            g_ptr_array_add(names, g_strdup(name));
    g_ptr_array_sort(names, compare_texts);
    return names;
}

/* False: it is no file of a spool by its name. */
static bool verify(const struct spool_directory *directory, const GArray *ledger, const char *text,
                   void (*each)(void *data, const struct vedette_spool_file *file), void *data)
{
    struct spool_name name;
    g_autoptr(GError) error = NULL;
    struct vedette_spool_file told = {.is_bad = g_str_has_suffix(text, ".bad")};
    g_autofree char *plain = g_strndup(text, strlen(text) - (told.is_bad ? strlen(".bad") : 0));
    if (!spool_name_parse(plain, &name))
        return false;
    struct spool_file *file = spool_file_new(directory, &name);
    spool_ledger_complete(ledger, file);
    g_free(file->path);
    file->path = spool_directory_file(directory, text);
    if (!spool_file_verify(file, NULL, &told.good, &told.done, &told.lost, &error)) {
        told.why = error->message;
        told.lost = file->live;
    }
    told.path = file->path;
    told.is_open = !name.is_sealed;
    each(data, &told);
    spool_file_free(file);
    return true;
}

struct missing {
    const struct spool_directory *directory;
    void (*each)(void *data, const struct vedette_spool_file *file);
    void *data;
};

static void tell_missing(void *data, uint64_t number, int64_t records)
{
    const struct missing *missing = data;
    g_autofree char *name = spool_name_stem(number);
    g_autofree char *path = spool_directory_file(missing->directory, name);
    missing->each(missing->data, &(struct vedette_spool_file){
                                     .path = path, .lost = records, .why = "the file was removed by somebody"});
}

static void verify_ledger(const struct spool_directory *directory, const GArray *ledger, const GPtrArray *texts,
                          void (*each)(void *data, const struct vedette_spool_file *file), void *data)
{
    struct missing missing = {directory, each, data};
    g_autoptr(GArray) names = g_array_new(FALSE, FALSE, sizeof(struct spool_name));
    for (guint i = 0; i < texts->len; i++) {
        struct spool_name name;
        if (spool_name_parse(g_ptr_array_index(texts, i), &name))
            g_array_append_val(names, name);
    }
    spool_ledger_find_missing(ledger, directory, names, tell_missing, &missing);
}

bool vedette_spool_verify(const char *directory_path, void (*each)(void *data, const struct vedette_spool_file *file),
                          void *data, struct vedette_spool_error *error)
{
    struct spool_directory directory;
    g_autoptr(GError) failure = NULL;
    g_autoptr(GPtrArray) names = NULL;
    if (!g_file_test(directory_path, G_FILE_TEST_IS_DIR))
        return spool_tell(error, VEDETTE_SPOOL_INVALID, "verify spool: %s: there is no such directory", directory_path);
    if (spool_directory_open(&directory, directory_path, &failure))
        names = list(&directory, &failure);
    g_autoptr(GArray) ledger = names ? spool_ledger_load(&directory, NULL) : NULL;
    for (guint i = 0; names && i < names->len; i++)
        verify(&directory, ledger, g_ptr_array_index(names, i), each, data);
    if (names)
        verify_ledger(&directory, ledger, names, each, data);
    if (directory.path)
        spool_directory_close(&directory);
    if (names)
        return true;
    g_prefix_error(&failure, "verify spool: ");
    spool_error_fill(error, failure);
    return false;
}
