/* Which server this is, among those of one store. */
#include <pthread.h>

#include "base/id.h"
#include "store/policy_files.h"

#define SOURCE_FILE "policies.source"

char *store_source_read(const char *data_dir, GError **error)
{
    g_autofree char *path = g_build_filename(data_dir, SOURCE_FILE, NULL), *text = NULL;
    g_autoptr(GError) cause = NULL;
    if (!g_file_get_contents(path, &text, NULL, &cause)) {
        bool is_missing = g_error_matches(cause, G_FILE_ERROR, G_FILE_ERROR_NOENT);
        g_set_error(error, VEDETTE_ERROR, is_missing ? VEDETTE_ERROR_NOT_FOUND : VEDETTE_ERROR_IO, "%s",
                    cause->message);
        return NULL;
    }
    if (id_is_valid(g_strchomp(text)))
        return g_steal_pointer(&text);
    g_set_error(
        error, VEDETTE_ERROR, VEDETTE_ERROR_IO,
        "%s does not name this server any more: put back what a backup has, or remove it; then documents of files "
        "that are gone stay",
        path);
    return NULL;
}

static char *make_source(const char *data_dir, struct clock *clock, GError **error)
{
    g_autofree char *path = g_build_filename(data_dir, SOURCE_FILE, NULL);
    g_autoptr(GError) cause = NULL;
    char *known = store_source_read(data_dir, &cause);
    if (!known && !g_error_matches(cause, VEDETTE_ERROR, VEDETTE_ERROR_NOT_FOUND)) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return NULL;
    }
    g_autofree char *made = known ? known : id_new(clock);
    if (!known && !g_file_set_contents_full(path, made, -1,
                                            G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE, 0600, error))
        return NULL;
    return g_steal_pointer(&made);
}

char *store_source_make(const char *data_dir, struct clock *clock, GError **error)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* two threads of a hub never make one each */
    pthread_mutex_lock(&lock);
    char *source = make_source(data_dir, clock, error);
    pthread_mutex_unlock(&lock);
    return source;
}
