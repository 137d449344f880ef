#include "cli/policy_export.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <glib/gstdio.h>
#include <jansson.h>

#include "facts/policy.h"
#include "facts/policy_types.h"
#include "policy/directory.h"
#include "policy/policy.h"

struct exporting {
    struct api_client *client;
    const char *directory;
    GHashTable *held; /* paths of files that policies hold there; owned */
};

/* ---- what there is ---- */

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static bool is_another_programs(const json_t *policy)
{
    const char *service = text_of(policy, "service_name");
    return service && g_strcmp0(service, text_of(policy, "policy_type")) != 0;
}

/* Why a policy cannot be a file of policies.directory; NULL: it can. */
static const char *why_no_file(const json_t *policy)
{
    if (is_another_programs(policy))
        return "it is another program's, and files have no place for its service";
    if (json_object_get(json_object_get(policy, "config"), POLICY_UNOPENABLE))
        return "the server has no key that opens it";
    return NULL;
}

static void tell_left_out(const char *path, const json_t *policy, const char *why)
{
    const char *service = text_of(policy, "service_name");
    g_printerr("%s of the service '%s' is left out: %s\n", path, service ? service : "", why);
}

static char *path_of(const json_t *policy)
{
    const struct policy_scope scope = {text_of(policy, "org_id"), text_of(policy, "site_id"),
                                       text_of(policy, "class_id"), text_of(policy, "camera_id")};
    const char *type = text_of(policy, "policy_type");
    return policy_path_write(&scope, type ? type : "");
}

static bool write_one(const json_t *policy, const char *file, GError **error)
{
    g_autofree char *place = g_path_get_dirname(file);
    if (g_mkdir_with_parents(place, 0755) != 0)
        return vedette_error_set_errno(place, "make the directory", "is it a place to write to?", error);
    char *text = json_dumps(json_object_get(policy, "config"), JSON_INDENT(2) | JSON_REAL_PRECISION(15));
    bool is_good = g_file_set_contents(file, text, -1, error);
    if (is_good)
        puts(file);
    free(text);
    return is_good;
}

/* A file from before of one that does not open is left as it is: it may be all that is known of it. */
static bool export_one(const struct exporting *exporting, const json_t *policy, GError **error)
{
    g_autofree char *path = path_of(policy);
    g_autofree char *file = g_build_filename(exporting->directory, path, NULL);
    const char *why = why_no_file(policy);
    if (why)
        tell_left_out(path, policy, why);
    if (!is_another_programs(policy))
        g_hash_table_add(exporting->held, g_steal_pointer(&path));
    return why || write_one(policy, file, error);
}

static bool export_all(const struct exporting *exporting, GError **error)
{
    g_autofree char *answer = api_client_request(exporting->client, "GET", "/api/v1/policies", NULL, NULL, error);
    if (!answer)
        return false;
    json_t *tree = json_loads(answer, 0, NULL);
    const json_t *items = json_object_get(tree, "items");
    bool is_good = json_is_array(items);
    if (!is_good)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_PROTOCOL, "the server's answer holds no list of policies");
    for (size_t i = 0; is_good && i < json_array_size(items); i++)
        is_good = export_one(exporting, json_array_get(items, i), error);
    json_decref(tree);
    return is_good;
}

/* ---- what there was ---- */

/* Whether a path is of a policy that would have been written, were there one. */
static bool is_ours(const char *path, const char *org_id)
{
    struct policy_scope scope;
    enum policy_type type;
    g_auto(GStrv) parts = g_strsplit(path, "/", -1);
    return policy_path_read(parts, &scope, &type) && (!scope.org_id || g_strcmp0(scope.org_id, org_id) == 0);
}

/* Paths of files from before: a new GPtrArray of char *. */
static GPtrArray *list_left(const struct exporting *exporting, GError **error)
{
    g_autofree char *answer = api_client_request(exporting->client, "GET", "/auth/me", NULL, NULL, error);
    g_autoptr(GPtrArray) paths = answer ? policy_directory_list(exporting->directory, NULL, NULL, error) : NULL;
    if (!paths)
        return NULL;
    json_t *me = json_loads(answer, 0, NULL);
    const char *org_id = text_of(me, "org_id");
    for (guint i = paths->len; i-- > 0;) {
        const char *path = g_ptr_array_index(paths, i);
        if (g_hash_table_contains(exporting->held, path) || !is_ours(path, org_id))
            g_ptr_array_remove_index(paths, i);
    }
    json_decref(me);
    return g_steal_pointer(&paths);
}

static bool refuse_left(const GPtrArray *left, GError **error)
{
    g_autoptr(GString) names = g_string_new(NULL);
    for (guint i = 0; i < left->len; i++)
        g_string_append_printf(names, "\n  %s", (const char *)g_ptr_array_index(left, i));
    g_set_error(
        error, VEDETTE_ERROR, VEDETTE_ERROR_CONFLICT,
        "all was written, but files are there that no policy says any more, and that an import would set again: "
        "remove them, or export with --prune%s",
        names->str);
    return false;
}

static bool remove_left(const char *directory, const GPtrArray *left, GError **error)
{
    for (guint i = 0; i < left->len; i++) {
        const char *path = g_ptr_array_index(left, i);
        g_autofree char *file = g_build_filename(directory, path, NULL);
        if (g_unlink(file) != 0 && errno != ENOENT)
            return vedette_error_set_errno(file, "remove what no policy says any more", "may who runs this do so?",
                                           error);
        g_printerr("%s is removed: no policy says it any more\n", path);
    }
    return true;
}

bool policy_export(struct api_client *client, const char *directory, bool is_pruning, GError **error)
{
    g_autoptr(GHashTable) held = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    const struct exporting exporting = {client, directory, held};
    if (!export_all(&exporting, error))
        return false;
    if (!g_file_test(directory, G_FILE_TEST_IS_DIR)) /* nothing was to be written */
        return true;
    g_autoptr(GPtrArray) left = list_left(&exporting, error);
    if (!left)
        return false;
    if (is_pruning)
        return remove_left(directory, left, error);
    return !left->len || refuse_left(left, error);
}
