/* Policies by HTTP: what is in force and why, the documents themselves, their changes and their history. The scope
 * stands in the query: site_id, class_id or camera_id of one's own org, scope=global for everyone, nothing for the org.
 */
#include <string.h>

#include "api/api_internal.h"
#include "base/counter.h"
#include "keeper/keeper.h"
#include "store/cameras.h"

enum { WEBHOOK_MAX_IDS = 10000 }; /* that are remembered at once */

/* A document that will not open is no matter of who asks: its key is gone, or it was damaged. */
static void answer_policy_error(struct answer *answer, const GError *error)
{
    if (g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_PERMISSION))
        answer_problem(answer, MHD_HTTP_CONFLICT, error->message, NULL);
    else
        answer_error(answer, error);
}

/* ---- what a request names ---- */

/* False: the answer is made. */
static bool read_scope(const struct request *request, struct policy_scope *scope, struct answer *answer)
{
    const struct policy_parameters *asked = request->parameters;
    const char *org_id = asked->scope == POLICY_REACH_GLOBAL ? NULL : request->login.user->org_id;
    g_autoptr(GError) error = NULL;
    *scope = (struct policy_scope){org_id, asked->site_id, asked->class_id, asked->camera_id};
    if (policy_scope_check(scope, &error))
        return true;
    answer_error(answer, error);
    return false;
}

bool request_policy_name(const struct request *request, struct policy_name *name, struct answer *answer)
{
    const struct policy_parameters *asked = request->parameters;
    *name = (struct policy_name){.type = asked->type, .service_name = asked->service_name};
    return read_scope(request, &name->scope, answer);
}

char *request_document(const struct request *request, struct answer *answer)
{
    const GByteArray *body = request->body;
    if (!body->len)
        return g_strdup(""); /* without bytes it has no data */
    if (!memchr(body->data, '\0', body->len))
        return g_strndup((const char *)body->data, body->len);
    answer_problem(answer, MHD_HTTP_BAD_REQUEST, "the policy is not valid: it holds a byte 0", NULL);
    return NULL;
}

/* ---- reading ---- */

/* Every type, by its name. */
static GString *policies_json(const struct policy_camera *policies)
{
    GString *json = g_string_new("{");
    for (size_t i = 0; i < POLICY_TYPES; i++) {
        g_string_append_printf(json, "%s\"%s\":", i ? "," : "", policy_type_names[i]);
        record_encode_json(policy_types[i].descriptor, policies->records[i], false, json);
    }
    g_string_append_c(json, '}');
    return json;
}

/* TYPE.KEY of every key that nothing reads yet. */
static GPtrArray *keys_not_in_force(void)
{
    GPtrArray *keys = g_ptr_array_new_with_free_func(g_free);
    for (size_t i = 0; i < POLICY_TYPES; i++) {
        const struct record_descriptor *descriptor = policy_types[i].descriptor;
        for (size_t j = 0; j < descriptor->field_count; j++)
            if (descriptor->fields[j].flags & RECORD_NOT_YET)
                g_ptr_array_add(keys, g_strdup_printf("%s.%s", policy_type_names[i], descriptor->fields[j].name));
    }
    return keys;
}

/* What is not as it was last said; NULL: all is. Of a camera of one's own, why; else whose it is, is for the log.
 * g_free.
 */
static char *trouble_of(struct request *request, const struct policy_status *status, const char *camera_id)
{
    const struct camera *camera = camera_id ? camera_set_find(request_cameras(request), camera_id) : NULL;
    bool is_own = camera && g_strcmp0(camera->org_id, request->login.user->org_id) == 0;
    char *own = is_own ? policy_keeper_trouble_of(request->api->policies, camera_id) : NULL;
    if (own || (!status->error && !counter_get(&request->api->health->policies_bad)))
        return own;
    return g_strdup("a stored policy or a policy file is not valid, a camera cannot be told what its policies come to, "
                    "or the store is away: the server's log tells");
}

static void answer_in_force(struct request *request, struct answer *answer, const struct policy_camera *policies)
{
    struct policy_status status;
    policy_keeper_get_status(request->api->policies, &status);
    g_autofree char *trouble = trouble_of(request, &status, policies->scope.camera_id);
    g_autoptr(GString) json = policies_json(policies);
    g_autoptr(GPtrArray) keys = keys_not_in_force();
    const struct policies_in_force told = {
        .policies = {json->str},
        .revision = status.revision,
        .is_stale = status.is_stale || !status.is_loaded,
        .error = trouble,
        .not_in_force = {(char **)(void *)keys->pdata, keys->len},
    };
    answer_record(answer, MHD_HTTP_OK, &policies_in_force_descriptor, &told);
    policy_status_clear(&status);
}

/* A camera's place is the server's word: its site and class count for it, whatever the query leaves out; also where
 * another server watches it. What the subject borrows is in *stored, which is the caller's (store_camera_free). False:
 * the answer is made. */
static bool read_subject(struct request *request, const struct policy_scope *scope, struct camera **stored,
                         struct policy_scope *subject, struct answer *answer)
{
    const struct camera *camera = camera_set_find(request_cameras(request), scope->camera_id);
    g_autoptr(GError) error = NULL;
    *stored = NULL;
    *subject = *scope;
    if (!scope->camera_id || !scope->org_id)
        return true;
    if (!camera || strcmp(camera->org_id, scope->org_id) != 0)
        camera = *stored = store_camera_find(request->api->store, scope->org_id, scope->camera_id, &error);
    if (camera)
        *subject = (struct policy_scope){camera->org_id, camera->site_id, camera->class_id, camera->id};
    if (camera || g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_NOT_FOUND))
        return true;
    answer_error(answer, error);
    return false;
}

static void answer_subject(struct request *request, const struct policy_scope *subject, struct answer *answer)
{
    struct policy_keeper *keeper = request->api->policies;
    g_autoptr(GError) error = NULL;
    CLEANUP(policy_view) struct policy_view *known = policy_keeper_get_view(keeper);
    const struct policy_camera *policies =
        subject->camera_id ? policy_view_find(known, subject->org_id, subject->camera_id) : NULL;
    CLEANUP(policy_view)
    struct policy_view *view = policies ? policy_view_ref(known) : policy_keeper_view_of(keeper, subject, &error);
    if (view)
        answer_in_force(request, answer, policies ? policies : policy_view_at(view, 0));
    else
        answer_error(answer, error);
}

/* Every type as it counts, defaults filled in; for the org, or a subject of it. */
static void handle_policies_in_force(struct request *request, struct answer *answer)
{
    struct policy_scope scope, subject;
    struct camera *stored;
    if (!read_scope(request, &scope, answer) || !read_subject(request, &scope, &stored, &subject, answer))
        return;
    answer_subject(request, &subject, answer);
    store_camera_free(stored);
}

/* What is told of a policy; borrows it. The array of keys is the caller's to free. */
static struct policy_answer policy_answer_of(const struct service_policy *policy, GPtrArray *keys)
{
    enum policy_type type = record_enum_value(policy_type_names, policy->policy_type);
    if (type)
        policy_list_not_in_force(type, policy->config.text, keys);
    return (struct policy_answer){*policy, {(char **)(void *)keys->pdata, keys->len}};
}

static void answer_policies(const GPtrArray *policies, struct answer *answer)
{
    g_autofree struct policy_answer *told = g_new0(struct policy_answer, policies->len);
    g_autoptr(GPtrArray) items = g_ptr_array_new(),
                         keys = g_ptr_array_new_with_free_func((GDestroyNotify)g_ptr_array_unref);
    for (guint i = 0; i < policies->len; i++) {
        GPtrArray *own = g_ptr_array_new();
        g_ptr_array_add(keys, own);
        told[i] = policy_answer_of(g_ptr_array_index(policies, i), own);
        g_ptr_array_add(items, &told[i]);
    }
    answer_list(answer, &policy_answer_descriptor, items);
}

static void handle_policies(struct request *request, struct answer *answer)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) policies = policy_keeper_list(request->api->policies, request->login.user->org_id, &error);
    if (policies)
        answer_policies(policies, answer);
    else
        answer_error(answer, error);
}

static void handle_policy(struct request *request, struct answer *answer)
{
    struct policy_name name;
    g_autoptr(GError) error = NULL;
    if (!request_policy_name(request, &name, answer))
        return;
    struct service_policy *policy = policy_keeper_find(request->api->policies, &name, &error);
    if (!policy) {
        answer_policy_error(answer, error);
        return;
    }
    g_autoptr(GPtrArray) keys = g_ptr_array_new();
    const struct policy_answer told = policy_answer_of(policy, keys);
    answer_record(answer, MHD_HTTP_OK, &policy_answer_descriptor, &told);
    answer_header(answer, "ETag", "\"%d\"", policy->version);
    service_policy_free(policy);
}

static void handle_policy_effective(struct request *request, struct answer *answer)
{
    struct policy_name name;
    struct policy_scope subject;
    struct policy_effective effective;
    struct camera *stored;
    if (!request_policy_name(request, &name, answer) || !read_subject(request, &name.scope, &stored, &subject, answer))
        return;
    policy_keeper_resolve(request->api->policies, name.type, &subject, &effective);
    g_autofree char *settings = policy_keeper_settings_json(request->api->policies, name.type, &subject);
    GString *json = g_string_new(NULL);
    policy_effective_append_json(&effective, settings, json);
    g_string_truncate(json, json->len - 1); /* its brace */
    g_string_append_printf(json, ",\"settings\":%s}", settings);
    policy_effective_clear(&effective);
    store_camera_free(stored);
    answer_json(answer, MHD_HTTP_OK, json);
    answer_header(answer, "Cache-Control", "no-store");
}

/* One more than are told says whether there is a next page. */
static void answer_revisions(const GPtrArray *revisions, guint limit, struct answer *answer)
{
    guint count = MIN(revisions->len, limit);
    const struct policy_revision *last = revisions->len > count ? g_ptr_array_index(revisions, count - 1) : NULL;
    g_autofree char *next = last ? g_strdup_printf("%" G_GINT64_FORMAT, last->revision) : NULL;
    answer_page(answer, &policy_revision_descriptor, revisions, count, next);
}

static void handle_policy_history(struct request *request, struct answer *answer)
{
    const struct policy_parameters *asked = request->parameters;
    struct policy_name name;
    g_autoptr(GError) error = NULL;
    if (!request_policy_name(request, &name, answer))
        return;
    g_autoptr(GPtrArray) revisions = policy_keeper_history(
        request->api->policies, &name, parameter_cursor_number(asked->cursor), asked->limit + 1, &error);
    if (revisions)
        answer_revisions(revisions, (guint)asked->limit, answer);
    else
        answer_error(answer, error);
}

/* ---- changing ---- */

/* If-Match names the version that was read, * that there must be one; If-None-Match: * says that there must be none.
 * False: the answer is made. */
static bool read_expected(const struct request *request, struct policy_change *change, struct answer *answer)
{
    const char *match = request->if_match;
    change->expected_version = g_strcmp0(request->if_none_match, "*") == 0 ? 0 : -1;
    change->must_exist = g_strcmp0(match, "*") == 0;
    if (!match || change->must_exist)
        return true;
    guint64 number;
    match += g_str_has_prefix(match, "W/") ? strlen("W/") : 0; /* as http_etag_matches has it */
    size_t length = strlen(match);
    g_autofree char *digits = length > 2 && match[0] == '"' ? g_strndup(match + 1, length - 2) : g_strdup(match);
    if (g_ascii_string_to_unsigned(digits, 10, 1, G_MAXINT32, &number, NULL)) {
        change->expected_version = (int32_t)number;
        return true;
    }
    answer_problem(answer, MHD_HTTP_PRECONDITION_FAILED, "If-Match must be the ETag of the policy, like \"3\"", NULL);
    return false;
}

/* Only the platform changes what holds for everyone, or tries such a change on every org's cameras. */
static bool may_change(const struct request *request, const struct policy_name *name, struct answer *answer)
{
    if (name->scope.org_id || request->login.user->role >= ROLE_PLATFORM)
        return true;
    answer_problem(answer, MHD_HTTP_FORBIDDEN, "only the role platform changes policies that hold for everyone", NULL);
    return false;
}

static void answer_changed(enum policy_type type, const struct policy_changed *changed, struct answer *answer)
{
    GString *json = g_string_new(NULL);
    g_string_append_printf(json, "{\"version\":%d,\"revision\":%" G_GINT64_FORMAT, changed->version, changed->revision);
    if (changed->config_json)
        g_string_append_printf(json, ",\"config\":%s", changed->config_json);
    g_string_append_printf(json, ",\"diff\":%s,\"not_in_force\":", changed->diff_json);
    policy_append_not_in_force(type, changed->config_json, json);
    g_string_append_c(json, '}');
    answer_json(answer, MHD_HTTP_OK, json);
    answer_header(answer, "Cache-Control", "no-store");
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
        answer_changed(change->name.type, &changed, answer);
    else if (errors.items->len)
        answer_problem(answer, MHD_HTTP_BAD_REQUEST, "the policy is not valid; what was in force stays", &errors);
    else if (g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_CONFLICT))
        answer_problem(answer, MHD_HTTP_PRECONDITION_FAILED, error->message, NULL);
    else if (change->webhook && change->webhook->is_known)
        answer_reason(answer, MHD_HTTP_UNAUTHORIZED, error);
    else
        answer_policy_error(answer, error);
    policy_changed_clear(&changed);
    record_errors_clear(&errors);
}

static void change_policy(struct request *request, enum policy_action action, bool is_dry_run, struct answer *answer)
{
    const struct policy_parameters *asked = request->parameters;
    g_autofree char *body = request_document(request, answer);
    if (!body)
        return;
    struct policy_change change = {
        .action = action,
        .is_dry_run = is_dry_run,
        .body = body,
        .to_version = asked->to_version,
        .by = request_by(request),
    };
    if (request_policy_name(request, &change.name, answer) && may_change(request, &change.name, answer) &&
        read_expected(request, &change, answer))
        apply_change(request->api, &change, answer);
}

static void handle_policy_put(struct request *request, struct answer *answer)
{
    change_policy(request, POLICY_PUT, false, answer);
}

static void handle_policy_patch(struct request *request, struct answer *answer)
{
    change_policy(request, POLICY_PATCH, false, answer);
}

static void handle_policy_delete(struct request *request, struct answer *answer)
{
    change_policy(request, POLICY_DELETE, false, answer);
}

static void handle_policy_rollback(struct request *request, struct answer *answer)
{
    change_policy(request, POLICY_ROLLBACK, false, answer);
}

static void handle_policy_validate(struct request *request, struct answer *answer)
{
    change_policy(request, POLICY_PUT, true, answer);
}

/* ---- by webhook ---- */

static void change_by_webhook(const struct request *request, const struct policy_webhook *webhook, const char *id,
                              struct answer *answer)
{
    const struct api *api = request->api;
    struct store_webhook_claim claim = {
        .id = id,
        .expires_ms = webhook_expires_ms(api->webhooks, clock_wall_ms(api->clock)),
        .max_ids = WEBHOOK_MAX_IDS,
    };
    const struct policy_change change = {
        .name = {{webhook->org_id, webhook->site_id, webhook->class_id, webhook->camera_id},
                 record_enum_value(policy_type_names, webhook->policy_type),
                 webhook->service_name},
        .action = webhook->config.text  ? POLICY_PUT
                  : webhook->patch.text ? POLICY_PATCH
                                        : POLICY_DELETE,
        .body = webhook->config.text ? webhook->config.text : webhook->patch.text,
        .expected_version = -1,
        .by = {webhook->org_id ? webhook->org_id : POLICY_ORG_OF_ALL, "webhook", NULL, request->address,
               webhook->reason},
        .webhook = &claim,
    };
    apply_change(request->api, &change, answer);
}

/* NULL: it says one change. One that says two would have one of them left out. */
static const char *fault_of(const struct policy_webhook *webhook)
{
    if (!record_enum_value(policy_type_names, webhook->policy_type))
        return "policy_type must name a type of policy";
    if (webhook->config.text && webhook->patch.text)
        return "config and patch are two changes: send one of them";
    return NULL;
}

/* Decoded only once its signature is known to be good. */
static void read_webhook(const struct request *request, const char *id, struct answer *answer)
{
    struct policy_webhook webhook;
    struct record_errors errors;
    record_errors_init(&errors);
    if (record_decode_json_strict(&policy_webhook_descriptor, (const char *)request->body->data, request->body->len,
                                  &webhook, &errors)) {
        const char *fault = fault_of(&webhook);
        if (fault)
            answer_problem(answer, MHD_HTTP_BAD_REQUEST, fault, NULL);
        else
            change_by_webhook(request, &webhook, id, answer);
        record_clear(&policy_webhook_descriptor, &webhook);
    } else {
        answer_problem(answer, MHD_HTTP_BAD_REQUEST, "the webhook is not valid", &errors);
    }
    record_errors_clear(&errors);
}

static void handle_policy_webhook(struct request *request, struct answer *answer)
{
    struct api *api = request->api;
    const struct webhook_headers headers = {
        MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, "webhook-id"),
        MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, "webhook-timestamp"),
        MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, "webhook-signature"),
    };
    g_autoptr(GError) error = NULL;
    if (webhook_verify(api->webhooks, &headers, request->body->data, request->body->len, clock_wall_ms(api->clock),
                       &error))
        read_webhook(request, headers.id, answer);
    else
        answer_reason(answer, MHD_HTTP_UNAUTHORIZED, error);
}

static const struct route routes[] = {
    {.method = "GET",
     .path = "/policies",
     .name = "getPoliciesInForce",
     .role = ROLE_VIEWER,
     .rate = RATE_READ,
     .parameters = &policies_in_force_parameters_descriptor,
     .answers = ANSWER_RECORD,
     .response = &policies_in_force_descriptor,
     .handle = handle_policies_in_force,
     .doc = "What is in force for the org, or for the camera, class or site of the query; defaults filled in."},
    {.method = "GET",
     .path = "/api/v1/policies",
     .name = "listPolicies",
     .role = ROLE_VIEWER,
     .rate = RATE_READ,
     .parameters = &list_parameters_descriptor,
     .answers = ANSWER_PAGE,
     .response = &policy_answer_descriptor,
     .features = ROUTE_WHOLE,
     .handle = handle_policies,
     .doc = "Every policy of the org, and those that hold for everyone."},
    {.method = "GET",
     .path = "/api/v1/policies/{type}",
     .name = "getPolicy",
     .role = ROLE_VIEWER,
     .rate = RATE_READ,
     .parameters = &policy_parameters_descriptor,
     .answers = ANSWER_RECORD,
     .response = &policy_answer_descriptor,
     .problems = PROBLEM(CONFLICT),
     .handle = handle_policy,
     .doc = "The document of one type at one level: of a site, class or camera, of everyone, or of the org."},
    {.method = "PUT",
     .path = "/api/v1/policies/{type}",
     .name = "putPolicy",
     .role = ROLE_ADMIN,
     .rate = RATE_WRITE,
     .parameters = &policy_change_parameters_descriptor,
     .body = BODY_DOCUMENT,
     .answers = ANSWER_RECORD,
     .response = &policy_change_answer_descriptor,
     .features = ROUTE_VERSIONED | ROUTE_NEW_ONLY,
     .handle = handle_policy_put,
     .doc = "Sets it; one that says what stands already makes no revision. If-Match with its ETag refuses to overwrite "
            "what someone else changed, If-None-Match: * whatever is there."},
    {.method = "PATCH",
     .path = "/api/v1/policies/{type}",
     .name = "patchPolicy",
     .role = ROLE_ADMIN,
     .rate = RATE_WRITE,
     .parameters = &policy_change_parameters_descriptor,
     .body = BODY_DOCUMENT,
     .answers = ANSWER_RECORD,
     .response = &policy_change_answer_descriptor,
     .features = ROUTE_VERSIONED,
     .problems = PROBLEM(CONFLICT),
     .handle = handle_policy_patch,
     .doc = "Changes some keys (RFC 7396): null removes this level's key, so that its parent shows through."},
    {.method = "DELETE",
     .path = "/api/v1/policies/{type}",
     .name = "deletePolicy",
     .role = ROLE_ADMIN,
     .rate = RATE_WRITE,
     .parameters = &policy_change_parameters_descriptor,
     .answers = ANSWER_RECORD,
     .response = &policy_change_answer_descriptor,
     .features = ROUTE_VERSIONED,
     .handle = handle_policy_delete,
     .doc = "Removes it: its parents hold."},
    {.method = "GET",
     .path = "/api/v1/policies/{type}/effective",
     .name = "getEffectivePolicy",
     .role = ROLE_VIEWER,
     .rate = RATE_READ,
     .parameters = &policy_parameters_descriptor,
     .answers = ANSWER_RECORD,
     .response = &policy_effective_answer_descriptor,
     .handle = handle_policy_effective,
     .doc = "What the levels come to, and for each key the level, revision and overlay it came from."},
    {.method = "GET",
     .path = "/api/v1/policies/{type}/history",
     .name = "listPolicyRevisions",
     .role = ROLE_VIEWER,
     .rate = RATE_READ,
     .parameters = &policy_history_parameters_descriptor,
     .answers = ANSWER_PAGE,
     .response = &policy_revision_descriptor,
     .handle = handle_policy_history,
     .doc = "Its changes, newest first: who, when, why, what."},
    {.method = "POST",
     .path = "/api/v1/policies/{type}/rollback",
     .name = "rollBackPolicy",
     .role = ROLE_ADMIN,
     .rate = RATE_WRITE,
     .parameters = &policy_rollback_parameters_descriptor,
     .answers = ANSWER_RECORD,
     .response = &policy_change_answer_descriptor,
     .features = ROUTE_VERSIONED,
     .problems = PROBLEM(CONFLICT),
     .handle = handle_policy_rollback,
     .doc = "As it was at to_version: a new revision."},
    {.method = "POST",
     .path = "/api/v1/policies/{type}/validate",
     .name = "validatePolicy",
     .role = ROLE_VIEWER,
     .rate = RATE_HEAVY,
     .parameters = &policy_change_parameters_descriptor,
     .body = BODY_DOCUMENT,
     .answers = ANSWER_RECORD,
     .response = &policy_change_answer_descriptor,
     .features = ROUTE_VERSIONED,
     .handle = handle_policy_validate,
     .doc = "Whether a document would be taken, and what it would change; nothing is changed."},
    {.method = "POST",
     .path = "/webhooks/policies",
     .name = "changePolicyByWebhook",
     .role = ROLE_ANONYMOUS,
     .rate = RATE_WRITE,
     .body = BODY_DOCUMENT,
     .request = &policy_webhook_descriptor,
     .answers = ANSWER_RECORD,
     .response = &policy_change_answer_descriptor,
     .problems = PROBLEM(UNAUTHENTICATED) | PROBLEM(NOT_FOUND) | PROBLEM(CONFLICT) | PROBLEM(UNAVAILABLE),
     .features = ROUTE_SIGNED,
     .handle = handle_policy_webhook,
     .doc = "A change by signed webhook (Standard Webhooks; policies.webhook_secrets)."},
};
const struct route_group policy_routes = ROUTE_GROUP("policies", "What may change while everything runs.", routes);
