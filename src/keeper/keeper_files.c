/* Documents held against the files that they come from. */
#include "keeper/keeper.h"

#include "keeper/keeper_internal.h"

#include "policy/directory.h"
#include "store/policy_files.h"

#include <string.h>

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
