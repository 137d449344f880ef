/* Documents held against the files that they come from. */
#include "keeper/keeper.h"

#include "keeper/keeper_internal.h"

#include "base/id.h"
#include "policy/directory.h"
#include "store/policy_files.h"

#include <string.h>

#define SOURCE_FILE "policies.source"

/* ---- whose files they are ---- */

char *policy_source_read(const char *data_dir, GError **error)
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

char *policy_source_make(const char *data_dir, struct clock *clock, GError **error)
{
    g_autofree char *path = g_build_filename(data_dir, SOURCE_FILE, NULL);
    g_autoptr(GError) cause = NULL;
    char *known = policy_source_read(data_dir, &cause);
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

/* ---- what they say ---- */

bool service_policy_says(const struct service_policy *policy, const char *body)
{
    g_autofree char *canonical = policy_document_patch(NULL, body, NULL);
    g_autofree char *stored = policy_document_patch(NULL, policy->config.text, NULL);
    return canonical && stored && strcmp(canonical, stored) == 0;
}

static bool is_in_force(struct policy_keeper *keeper, const char *path, const char *body)
{
    struct policy_name name = {.service_name = NULL};
    g_auto(GStrv) parts = g_strsplit(path, "/", -1);
    bool is_named = policy_path_read(parts, &name.scope, &name.type);
    struct service_policy *policy = is_named ? policy_keeper_find(keeper, &name, NULL) : NULL;
    bool is_good = policy && service_policy_says(policy, body);
    service_policy_free(policy);
    return is_good;
}

/* Digests of what a server took over, by path; empty where there is none. NULL: they cannot be read. */
static GHashTable *read_taken(struct policy_keeper *keeper, const char *source, GError **error)
{
    g_autoptr(GHashTable) taken = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_autoptr(GPtrArray) rows = source ? store_policy_files_list(keeper->config.store, source, error) : NULL;
    for (guint i = 0; rows && i < rows->len; i++) {
        const struct policy_file *row = g_ptr_array_index(rows, i);
        g_hash_table_replace(taken, g_strdup(row->path), g_strdup(row->digest));
    }
    return rows || !source ? g_steal_pointer(&taken) : NULL;
}

static bool check_file(struct policy_keeper *keeper, const char *directory, const char *path, GHashTable *taken,
                       GError **error)
{
    g_autofree char *body = policy_directory_read(directory, path, error);
    g_autofree char *digest = body ? g_compute_checksum_for_string(G_CHECKSUM_SHA256, body, -1) : NULL;
    if (!body || g_strcmp0(g_hash_table_lookup(taken, path), digest) == 0 || is_in_force(keeper, path, body))
        return body != NULL;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE,
                "policy file '%s' is not in force: mend it, and have a server that is running take it over", path);
    return false;
}

bool policy_keeper_check_files(struct policy_keeper *keeper, const char *source, const char *directory,
                               enum policy_type type, GError **error)
{
    g_autoptr(GHashTable) taken = read_taken(keeper, source, error);
    g_autoptr(GPtrArray) paths = taken ? policy_directory_list(directory, NULL, NULL, error) : NULL;
    bool is_good = paths != NULL;
    for (guint i = 0; is_good && i < paths->len; i++) {
        const char *path = g_ptr_array_index(paths, i);
        is_good = !(policy_path_types(path) >> type & 1U) || check_file(keeper, directory, path, taken, error);
    }
    return is_good;
}
