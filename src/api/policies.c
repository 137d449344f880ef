/* Policies by HTTP: what is in force and why, the documents themselves, their changes and their history. The scope
 * stands in the query: site_id, class_id or camera_id of one's own org, scope=global for everyone, nothing for the org.
 */
#include <jansson.h>
#include <string.h>

#include "api/api_internal.h"
#include "policy/keeper.h"

#define DEFAULT_ORG "default" /* to whom the audit puts what a webhook changes for everyone */
enum { HISTORY_LIMIT_DEFAULT = 50, HISTORY_LIMIT_MAX = 500 };

/* ---- what a request names ---- */

static const char *parameter(const struct request *request, const char *name)
{
    const char *value = http_parameter_get(request->target->parameters, name);
    return value && *value ? value : NULL;
}

static bool check_parameters(const struct request *request, struct answer *answer)
{
    static const char *const known[] = {"site_id", "class_id",   "camera_id", "scope", "service_name",
                                        "reason",  "to_version", "limit",     NULL};
    const GPtrArray *parameters = request->target->parameters;
    for (guint i = 0; i < parameters->len; i++) {
        const struct http_parameter *given = g_ptr_array_index(parameters, i);
        if (g_strv_contains(known, given->name))
            continue;
        struct record_errors errors;
        record_errors_init(&errors);
        record_errors_add(&errors, given->name,
                          "is unknown here: site_id, class_id, camera_id, scope, service_name, reason, to_version and "
                          "limit are allowed");
        answer_problem(answer, MHD_HTTP_BAD_REQUEST, "the parameters are not valid", &errors);
        record_errors_clear(&errors);
        return false;
    }
    return true;
}

/* False: the answer is made. */
static bool read_scope(const struct request *request, struct policy_scope *scope, struct answer *answer)
{
    g_autoptr(GError) error = NULL;
    bool is_global = g_strcmp0(parameter(request, "scope"), "global") == 0;
    *scope = (struct policy_scope){is_global ? NULL : request->login.user->org_id, parameter(request, "site_id"),
                                   parameter(request, "class_id"), parameter(request, "camera_id")};
    if (!check_parameters(request, answer))
        return false;
    if (policy_scope_check(scope, &error))
        return true;
    answer_error(answer, error);
    return false;
}

static bool read_name(const struct request *request, struct policy_name *name, struct answer *answer)
{
    *name = (struct policy_name){.type = record_enum_value(policy_type_names, request->id),
                                 .service_name = parameter(request, "service_name")};
    if (name->type)
        return read_scope(request, &name->scope, answer);
    g_autofree char *names = g_strjoinv(", ", (char **)(uintptr_t)policy_type_names);
    g_autofree char *detail = g_strdup_printf("there is no such type of policy: %s are", names);
    answer_problem(answer, MHD_HTTP_NOT_FOUND, detail, NULL);
    return false;
}

/* ---- reading ---- */

static void append_status(struct policy_keeper *keeper, GString *json)
{
    struct policy_status status;
    policy_keeper_get_status(keeper, &status);
    g_string_append_printf(json, "\"revision\":%" G_GINT64_FORMAT ",\"is_stale\":%s,\"error\":", status.revision,
                           status.is_stale || !status.is_loaded ? "true" : "false");
    if (status.error)
        record_append_json_string(json, "a stored policy is not valid, or the store is away: the server's log tells");
    else
        g_string_append(json, "null");
    policy_status_clear(&status);
}

static void append_policies(const struct policy_camera *policies, GString *json)
{
    g_string_append(json, "{\"policies\":{");
    for (size_t i = 0; i < POLICY_TYPES; i++) {
        g_string_append_printf(json, "%s\"%s\":", i ? "," : "", policy_type_names[i]);
        record_encode_json(policy_types[i].descriptor, policies->records[i], false, json);
    }
    g_string_append(json, "},");
}

/* As the seeds have it: every type as it counts, defaults filled in; for the org, or a subject of it. */
void handle_policies_in_force(struct request *request, struct answer *answer)
{
    struct policy_keeper *keeper = request->api->policies;
    struct policy_scope scope;
    g_autoptr(GError) error = NULL;
    if (!read_scope(request, &scope, answer))
        return;
    CLEANUP(policy_view) struct policy_view *known = policy_keeper_get_view(keeper);
    const struct policy_camera *policies =
        scope.camera_id ? policy_view_find(known, scope.org_id, scope.camera_id) : NULL;
    CLEANUP(policy_view)
    struct policy_view *view = policies ? policy_view_ref(known) : policy_keeper_view_of(keeper, &scope, &error);
    if (!view) {
        answer_error(answer, error);
        return;
    }
    GString *json = g_string_new(NULL);
    append_policies(policies ? policies : policy_view_at(view, 0), json);
    append_status(keeper, json);
    g_string_append_c(json, '}');
    answer_json(answer, MHD_HTTP_OK, json);
    answer_header(answer, "Cache-Control", "no-store");
}

static void answer_items(struct answer *answer, const GPtrArray *records, const struct record_descriptor *descriptor)
{
    GString *json = g_string_new("{\"items\":[");
    for (guint i = 0; i < records->len; i++) {
        g_string_append(json, i ? "," : "");
        record_encode_json(descriptor, g_ptr_array_index(records, i), true, json);
    }
    g_string_append(json, "]}");
    answer_json(answer, MHD_HTTP_OK, json);
    answer_header(answer, "Cache-Control", "no-store");
}

void handle_policies(struct request *request, struct answer *answer)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) policies = policy_keeper_list(request->api->policies, request->login.user->org_id, &error);
    if (policies)
        answer_items(answer, policies, &service_policy_descriptor);
    else
        answer_error(answer, error);
}

void handle_policy(struct request *request, struct answer *answer)
{
    struct policy_name name;
    g_autoptr(GError) error = NULL;
    if (!read_name(request, &name, answer))
        return;
    struct service_policy *policy = policy_keeper_find(request->api->policies, &name, &error);
    if (!policy) {
        answer_error(answer, error);
        return;
    }
    GString *json = g_string_new(NULL);
    record_encode_json(&service_policy_descriptor, policy, true, json);
    answer_json(answer, MHD_HTTP_OK, json);
    answer_header(answer, "ETag", "\"%d\"", policy->version);
    answer_header(answer, "Cache-Control", "no-store");
    service_policy_free(policy);
}

/* A camera's place is the hub's word: its site and class count for it, whatever the query leaves out. */
static struct policy_scope subject_of(const struct request *request, const struct policy_scope *scope)
{
    const struct camera *camera = scope->camera_id ? live_camera_find(request->api->live, scope->camera_id) : NULL;
    if (!camera || g_strcmp0(camera->org_id, scope->org_id) != 0)
        return *scope;
    return (struct policy_scope){camera->org_id, camera->site_id, camera->class_id, camera->id};
}

void handle_policy_effective(struct request *request, struct answer *answer)
{
    struct policy_name name;
    struct policy_effective effective;
    if (!read_name(request, &name, answer))
        return;
    struct policy_scope subject = subject_of(request, &name.scope);
    policy_keeper_resolve(request->api->policies, name.type, &subject, &effective);
    GString *json = g_string_new(NULL);
    policy_effective_append_json(&effective, json);
    policy_effective_clear(&effective);
    answer_json(answer, MHD_HTTP_OK, json);
    answer_header(answer, "Cache-Control", "no-store");
}

void handle_policy_history(struct request *request, struct answer *answer)
{
    struct policy_name name;
    guint64 limit = HISTORY_LIMIT_DEFAULT;
    const char *text = parameter(request, "limit");
    g_autoptr(GError) error = NULL;
    if (!read_name(request, &name, answer))
        return;
    if (text && !g_ascii_string_to_unsigned(text, 10, 1, HISTORY_LIMIT_MAX, &limit, NULL)) {
        answer_problem(answer, MHD_HTTP_BAD_REQUEST, "limit must be between 1 and 500", NULL);
        return;
    }
    g_autoptr(GPtrArray) revisions = policy_keeper_history(request->api->policies, &name, (int)limit, &error);
    if (revisions)
        answer_items(answer, revisions, &policy_revision_descriptor);
    else
        answer_error(answer, error);
}

/* ---- changing ---- */

/* If-Match names the version that was read, If-None-Match: * says that there must be none. False: the answer is made.
 */
static bool read_expected(const struct request *request, int32_t *version, struct answer *answer)
{
    const char *match = MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, "If-Match");
    *version = g_strcmp0(request->if_none_match, "*") == 0 ? 0 : -1;
    if (!match)
        return true;
    guint64 number;
    size_t length = strlen(match);
    g_autofree char *digits = length > 2 && match[0] == '"' ? g_strndup(match + 1, length - 2) : g_strdup(match);
    if (g_ascii_string_to_unsigned(digits, 10, 1, G_MAXINT32, &number, NULL)) {
        *version = (int32_t)number;
        return true;
    }
    answer_problem(answer, MHD_HTTP_PRECONDITION_FAILED, "If-Match must be the ETag of the policy, like \"3\"", NULL);
    return false;
}

/* Only the platform changes what holds for everyone. */
static bool may_change(const struct request *request, const struct policy_name *name, struct answer *answer)
{
    if (name->scope.org_id || request->login.user->role >= ROLE_PLATFORM)
        return true;
    answer_problem(answer, MHD_HTTP_FORBIDDEN, "only the role platform changes policies that hold for everyone", NULL);
    return false;
}

static void answer_changed(const struct policy_changed *changed, struct answer *answer)
{
    GString *json = g_string_new(NULL);
    g_string_append_printf(json, "{\"version\":%d,\"revision\":%" G_GINT64_FORMAT ",\"config\":%s,\"diff\":%s}",
                           changed->version, changed->revision, changed->config_json ? changed->config_json : "null",
                           changed->diff_json);
    answer_json(answer, MHD_HTTP_OK, json);
    if (changed->config_json && changed->version)
        answer_header(answer, "ETag", "\"%d\"", changed->version);
}

static void apply_change(struct api *api, const struct policy_change *change, struct answer *answer)
{
    struct policy_changed changed;
    struct record_errors errors;
    g_autoptr(GError) error = NULL;
    record_errors_init(&errors);
    if (policy_keeper_change(api->policies, change, &changed, &errors, &error))
        answer_changed(&changed, answer);
    else if (errors.items->len)
        answer_problem(answer, MHD_HTTP_BAD_REQUEST, "the policy is not valid; what was in force stays", &errors);
    else if (g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_CONFLICT))
        answer_problem(answer, MHD_HTTP_PRECONDITION_FAILED, error->message, NULL);
    else
        answer_error(answer, error);
    policy_changed_clear(&changed);
    record_errors_clear(&errors);
}

static void change_policy(struct request *request, enum policy_action action, bool is_dry_run, struct answer *answer)
{
    struct policy_change change = {.action = action, .is_dry_run = is_dry_run, .by = request_by(request)};
    g_autofree char *body = g_strndup((const char *)request->body->data, request->body->len);
    const char *to_version = parameter(request, "to_version");
    guint64 version = 0;
    if (!read_name(request, &change.name, answer) || (!is_dry_run && !may_change(request, &change.name, answer)) ||
        !read_expected(request, &change.expected_version, answer))
        return;
    if (action == POLICY_ROLLBACK &&
        (!to_version || !g_ascii_string_to_unsigned(to_version, 10, 1, G_MAXINT32, &version, NULL))) {
        answer_problem(answer, MHD_HTTP_BAD_REQUEST, "to_version must name the version to go back to", NULL);
        return;
    }
    change.body = body;
    change.to_version = (int32_t)version;
    apply_change(request->api, &change, answer);
}

void handle_policy_put(struct request *request, struct answer *answer)
{
    change_policy(request, POLICY_PUT, false, answer);
}

void handle_policy_patch(struct request *request, struct answer *answer)
{
    change_policy(request, POLICY_PATCH, false, answer);
}

void handle_policy_delete(struct request *request, struct answer *answer)
{
    change_policy(request, POLICY_DELETE, false, answer);
}

void handle_policy_rollback(struct request *request, struct answer *answer)
{
    change_policy(request, POLICY_ROLLBACK, false, answer);
}

void handle_policy_validate(struct request *request, struct answer *answer)
{
    change_policy(request, POLICY_PUT, true, answer);
}

/* ---- by webhook ---- */

static const char *member(const json_t *body, const char *name)
{
    const char *text = json_string_value(json_object_get(body, name));
    return text && *text ? text : NULL;
}

/* {"policy_type", "org_id"…, "config": {…} or "patch": {…} or neither: delete}. The members are the tree's. */
static void change_by_webhook(const struct request *request, const json_t *body, struct answer *answer)
{
    const json_t *config = json_object_get(body, "config"), *patch = json_object_get(body, "patch");
    const char *type = member(body, "policy_type");
    char *text = config || patch ? json_dumps(config ? config : patch, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    const struct policy_change change = {
        .name = {{member(body, "org_id"), member(body, "site_id"), member(body, "class_id"), member(body, "camera_id")},
                 record_enum_value(policy_type_names, type ? type : ""),
                 member(body, "service_name")},
        .action = config  ? POLICY_PUT
                  : patch ? POLICY_PATCH
                          : POLICY_DELETE,
        .body = text,
        .expected_version = -1,
        .by = {member(body, "org_id") ? member(body, "org_id") : DEFAULT_ORG, "webhook", NULL, request->address,
               member(body, "reason")},
    };
    if (change.name.type)
        apply_change(request->api, &change, answer);
    else
        answer_problem(answer, MHD_HTTP_BAD_REQUEST, "policy_type must name a type of policy", NULL);
    free(text);
}

void handle_policy_webhook(struct request *request, struct answer *answer)
{
    struct api *api = request->api;
    const struct webhook_headers headers = {
        MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, "webhook-id"),
        MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, "webhook-timestamp"),
        MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, "webhook-signature"),
    };
    g_autoptr(GError) error = NULL;
    if (!webhook_verify(api->webhooks, &headers, request->body->data, request->body->len, clock_wall_ms(api->clock),
                        &error)) {
        answer_problem(answer,
                       g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_FULL) ? MHD_HTTP_TOO_MANY_REQUESTS
                                                                                 : MHD_HTTP_UNAUTHORIZED,
                       error->message, NULL);
        return;
    }
    json_error_t why;
    json_t *body = json_loadb((const char *)request->body->data, request->body->len, JSON_REJECT_DUPLICATES, &why);
    if (json_is_object(body))
        change_by_webhook(request, body, answer);
    else
        answer_problem(answer, MHD_HTTP_BAD_REQUEST, "the webhook's body must be a JSON object", NULL);
    json_decref(body);
}
