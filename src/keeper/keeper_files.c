/* Documents held against the files that they come from. */
#include "keeper/keeper.h"

#include "policy/directory.h"

#include <string.h>

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

static bool check_file(struct policy_keeper *keeper, const char *directory, const char *path, GError **error)
{
    g_autofree char *body = policy_directory_read(directory, path, error);
    if (!body || is_in_force(keeper, path, body))
        return body != NULL;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE,
                "policy file '%s' is not in force: mend it, and have a server that is running take it over", path);
    return false;
}

bool policy_keeper_check_files(struct policy_keeper *keeper, const char *directory, enum policy_type type,
                               GError **error)
{
    g_autoptr(GPtrArray) paths = policy_directory_list(directory, NULL, NULL, error);
    bool is_good = paths != NULL;
    for (guint i = 0; is_good && i < paths->len; i++) {
        const char *path = g_ptr_array_index(paths, i);
        is_good = !(policy_path_types(path) >> type & 1U) || check_file(keeper, directory, path, error);
    }
    return is_good;
}
