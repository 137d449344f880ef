#include "cli/policy_import.h"

#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "facts/user.h"
#include "policy/directory.h"
#include "policy/policy.h"

struct import {
    struct api_client *client;
    const char *directory, *reason;
    const char *org_id; /* of who asks */
    GPtrArray *paths;   /* of char *, below the directory; borrowed */
};

static bool fail(GError **error, const char *path, const char *why)
{
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, "%s: %s", path, why);
    return false;
}

static void append_parameter(GString *request, const char *name, const char *value)
{
    g_autofree char *escaped = value ? g_uri_escape_string(value, NULL, FALSE) : NULL;
    if (value)
        g_string_append_printf(request, "&%s=%s", name, escaped);
}

/* "/api/v1/policies/TYPE/TAIL?…" of "orgs/ORG/cameras/ID/TYPE.json". g_free. NULL: the path names no policy. */
static char *request_of(const struct import *import, const char *path, const char *tail, GError **error)
{
    struct policy_scope scope;
    enum policy_type type;
    g_auto(GStrv) parts = g_strsplit(path, "/", -1);
    const char *why =
        !policy_path_read(parts, &scope, &type) ? "its place names no scope, or its name no type of policy"
        : scope.org_id && strcmp(scope.org_id, import->org_id) != 0 ? "is of another org than the one who asks"
                                                                    : NULL;
    if (why) {
        fail(error, path, why);
        return NULL;
    }
    g_autofree char *reason = g_uri_escape_string(import->reason ? import->reason : "imported", NULL, FALSE);
    GString *request = g_string_new("/api/v1/policies/");
    g_string_append_printf(request, "%s%s?reason=%s", record_enum_name(policy_type_names, type), tail, reason);
    append_parameter(request, "scope", scope.org_id ? NULL : "global");
    append_parameter(request, "site_id", scope.site_id);
    append_parameter(request, "class_id", scope.class_id);
    append_parameter(request, "camera_id", scope.camera_id);
    return g_string_free(request, FALSE);
}

static bool send(const struct import *import, const char *path, const char *method, const char *tail, GError **error)
{
    g_autofree char *request = request_of(import, path, tail, error);
    g_autofree char *body = request ? policy_directory_read(import->directory, path, error) : NULL;
    if (!body)
        return false;
    g_autofree char *answer = api_client_request(import->client, method, request, body, NULL, error);
    if (!answer)
        g_prefix_error(error, "%s: ", path);
    return answer != NULL;
}

static bool import_all(const struct import *import, GError **error)
{
    for (guint i = 0; i < import->paths->len; i++)
        if (!send(import, g_ptr_array_index(import->paths, i), "POST", "/validate", error)) {
            g_prefix_error(error, "nothing was imported: ");
            return false;
        }
    for (guint i = 0; i < import->paths->len; i++) {
        if (!send(import, g_ptr_array_index(import->paths, i), "PUT", "", error)) {
            g_prefix_error(error, "%u of %u files were imported, then: ", i, import->paths->len);
            return false;
        }
        puts(g_ptr_array_index(import->paths, i));
    }
    return true;
}

/* What holds for everyone, which an org exports with its own and only the role platform may set, is left out and named.
 */
static void leave_out_global(const GPtrArray *paths, GPtrArray *own)
{
    for (guint i = 0; i < paths->len; i++) {
        const char *path = g_ptr_array_index(paths, i);
        struct policy_scope scope;
        enum policy_type type;
        g_auto(GStrv) parts = g_strsplit(path, "/", -1);
        if (policy_path_read(parts, &scope, &type) && !scope.org_id)
            g_printerr("%s is left out: it holds for everyone, and only the role platform changes that\n", path);
        else
            g_ptr_array_add(own, g_strdup(path));
    }
}

static bool import_as(struct import *import, const json_t *me, GError **error)
{
    const char *org = json_string_value(json_object_get(me, "org_id"));
    const char *role = json_string_value(json_object_get(me, "role"));
    g_autoptr(GPtrArray) own = g_ptr_array_new_with_free_func(g_free);
    import->org_id = org ? org : "default";
    if (!import->paths->len)
        return fail(error, import->directory, "holds no policy files");
    if (role && strcmp(role, role_names[ROLE_PLATFORM - 1]) != 0) {
        leave_out_global(import->paths, own);
        import->paths = own;
    }
    return import->paths->len ? import_all(import, error)
                              : fail(error, import->directory, "holds no policy files of an org");
}

bool policy_import(struct api_client *client, const char *directory, const char *reason, GError **error)
{
    g_autoptr(GPtrArray) paths = policy_directory_list(directory, NULL, NULL, error);
    g_autofree char *me = paths ? api_client_request(client, "GET", "/auth/me", NULL, NULL, error) : NULL;
    if (!me)
        return false;
    json_t *tree = json_loads(me, 0, NULL);
    struct import import = {.client = client, .directory = directory, .reason = reason, .paths = paths};
    bool is_good = import_as(&import, tree, error);
    json_decref(tree);
    return is_good;
}
