/* Users and API keys, for administrators. */
#include <string.h>

#include <jansson.h>

#include "api/api_internal.h"
#include "store/logins.h"

/* ---- users ---- */

static void handle_users(struct request *request, struct answer *answer)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) users = store_users_list(request->api->store, request->login.user->org_id, &error);
    answer_list_or_error(answer, &user_descriptor, users, error);
}

static void handle_user(struct request *request, struct answer *answer)
{
    g_autoptr(GError) error = NULL;
    struct user *user = store_user_get(request->api->store, request->login.user->org_id, request->id, &error);
    if (user)
        answer_tagged(request, answer, MHD_HTTP_OK, &user_descriptor, user);
    else
        answer_refusal(answer, error);
    user_free(user);
}

static void answer_user(struct answer *answer, unsigned status, struct user_answer *user)
{
    g_autofree char *etag = record_etag(&user_descriptor, &user->user);
    answer_record(answer, status, &user_answer_descriptor, user);
    answer_header(answer, "ETag", "%s", etag);
    record_clear(&user_answer_descriptor, user);
}

/* `present` NULL: a new one. */
static bool check_user(const struct request *request, const struct user *present, const struct user_request *asked,
                       struct answer *answer)
{
    struct record_errors errors;
    record_errors_init(&errors);
    auth_user_check(request->api->auth, present, asked, &errors);
    if (present && asked->username && strcmp(asked->username, present->username) != 0)
        record_errors_add(&errors, "username", "stays as it was: make a new user");
    return answer_invalid_body(answer, &errors);
}

static void handle_user_create(struct request *request, struct answer *answer)
{
    struct user_answer user;
    g_autoptr(GError) error = NULL;
    const struct audit_by by = request_by(request);
    if (!check_user(request, NULL, request->record, answer))
        return;
    if (auth_user_create(request->api->auth, &request->login, &by, request->record, &user, &error))
        answer_user(answer, MHD_HTTP_CREATED, &user);
    else
        answer_refusal(answer, error);
}

/* What of the rights the patch names. The store puts it into what is there by then: what it does not name stays, also
 * where someone else changed it meanwhile. */
static unsigned parts_of(const json_t *patch)
{
    static const struct {
        const char *name;
        unsigned part;
    } members[] = {
        {"role", STORE_USER_ROLE}, {"is_disabled", STORE_USER_DISABLED}, {"oidc_subject", STORE_USER_SUBJECT}};
    unsigned parts = STORE_USER_PASSWORD; /* where it has one */
    for (size_t i = 0; i < G_N_ELEMENTS(members); i++)
        parts |= json_object_get(patch, members[i].name) ? members[i].part : 0;
    return parts;
}

/* What the user is, with what the request says put in its place (RFC 7396); what of it is named. */
static bool merge(const struct request *request, const struct user *user, struct user_request *merged, unsigned *parts,
                  struct answer *answer)
{
    const struct user_request present = {
        .role = user->role, .is_disabled = user->is_disabled, .oidc_subject = user->oidc_subject};
    g_autoptr(GString) text = g_string_new(NULL);
    record_encode_json(&user_request_descriptor, &present, false, text);
    json_t *whole = json_loads(text->str, 0, NULL);
    json_t *patch = json_loadb((const char *)request->body->data, request->body->len, JSON_REJECT_DUPLICATES, NULL);
    struct record_errors errors;
    record_errors_init(&errors);
    *parts = parts_of(patch);
    bool is_good = json_is_object(patch) && json_object_update(whole, patch) == 0;
    if (!is_good)
        record_errors_add(&errors, "", "is no JSON object");
    char *json = is_good ? json_dumps(whole, JSON_COMPACT) : NULL;
    is_good = json && record_decode_json_strict(&user_request_descriptor, json, strlen(json), merged, &errors);
    if (!is_good)
        answer_problem(answer, MHD_HTTP_BAD_REQUEST, "the body is not valid", &errors);
    free(json);
    json_decref(whole);
    json_decref(patch);
    record_errors_clear(&errors);
    return is_good;
}

/* If-Match, when there is one, names what was read. */
struct reading {
    const char *if_match;
    bool is_old;
};

static bool is_as_read(void *data, const struct user *user)
{
    struct reading *reading = data;
    g_autofree char *etag = record_etag(&user_descriptor, user);
    reading->is_old = !http_etag_matches(reading->if_match, etag);
    return !reading->is_old;
}

static void answer_change_refusal(const struct reading *reading, const GError *error, struct answer *answer)
{
    if (reading->is_old)
        answer_problem(answer, MHD_HTTP_PRECONDITION_FAILED, error->message, NULL);
    else
        answer_refusal(answer, error);
}

static void handle_user_change(struct request *request, struct answer *answer)
{
    struct reading reading = {request->if_match, false};
    const struct store_user_expectation expected = {is_as_read, &reading};
    struct auth_target target = {request->id, request->if_match ? &expected : NULL, 0};
    g_autoptr(GError) error = NULL;
    struct user *user = store_user_get(request->api->store, request->login.user->org_id, request->id, &error);
    struct user_request merged;
    struct user_answer changed;
    const struct audit_by by = request_by(request);
    if (!user) {
        answer_refusal(answer, error);
    } else if (merge(request, user, &merged, &target.parts, answer)) {
        if (check_user(request, user, &merged, answer) &&
            auth_user_change(request->api->auth, &request->login, &by, &target, &merged, &changed, &error))
            answer_user(answer, MHD_HTTP_OK, &changed);
        else if (error)
            answer_change_refusal(&reading, error, answer);
        record_clear(&user_request_descriptor, &merged);
    }
    user_free(user);
}

static void answer_nothing_or_error(struct answer *answer, bool is_good, const GError *error)
{
    if (is_good)
        answer->status = MHD_HTTP_NO_CONTENT;
    else
        answer_refusal(answer, error);
}

static void handle_user_delete(struct request *request, struct answer *answer)
{
    struct reading reading = {request->if_match, false};
    const struct store_user_expectation expected = {is_as_read, &reading};
    const struct auth_target target = {request->id, request->if_match ? &expected : NULL, 0};
    const struct audit_by by = request_by(request);
    g_autoptr(GError) error = NULL;
    if (auth_user_delete(request->api->auth, &request->login, &by, &target, &error))
        answer->status = MHD_HTTP_NO_CONTENT;
    else
        answer_change_refusal(&reading, error, answer);
}

/* ---- API keys ---- */

static bool is_route(const char *text)
{
    for (size_t i = 0; route_groups[i]; i++)
        for (size_t j = 0; j < route_groups[i]->count; j++) {
            const struct route *route = &route_groups[i]->routes[j];
            size_t length = strlen(route->method);
            if (strncmp(text, route->method, length) == 0 && text[length] == ' ' &&
                strcmp(text + length + 1, route->path) == 0)
                return true;
        }
    return false;
}

static bool check_key(struct request *request, struct answer *answer)
{
    const struct api_key_request *asked = request->record;
    const struct camera_set *set = request_cameras(request);
    struct record_errors errors;
    record_errors_init(&errors);
    auth_key_check(request->api->auth, asked, &errors);
    for (size_t i = 0; i < asked->routes.count; i++) {
        g_autofree char *path = g_strdup_printf("routes[%zu]", i);
        if (!is_route(asked->routes.items[i]))
            record_errors_add(&errors, path, "there is no such route: /docs lists them");
    }
    for (size_t i = 0; i < asked->cameras.count; i++) {
        g_autofree char *path = g_strdup_printf("cameras[%zu]", i);
        const struct camera *camera = camera_set_find(set, asked->cameras.items[i]);
        if (!camera || g_strcmp0(camera->org_id, request->login.user->org_id) != 0)
            record_errors_add(&errors, path, "there is no such camera");
    }
    return answer_invalid_body(answer, &errors);
}

static void handle_keys(struct request *request, struct answer *answer)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) keys = auth_keys_list(request->api->auth, request->login.user->org_id, &error);
    answer_list_or_error(answer, &api_key_descriptor, keys, error);
}

static void handle_key_create(struct request *request, struct answer *answer)
{
    struct api_key_answer key;
    g_autoptr(GError) error = NULL;
    const struct audit_by by = request_by(request);
    if (!check_key(request, answer))
        return;
    if (!auth_key_create(request->api->auth, &request->login, &by, request->record, &key, &error)) {
        answer_refusal(answer, error);
        return;
    }
    answer_record(answer, MHD_HTTP_CREATED, &api_key_answer_descriptor, &key);
    record_clear(&api_key_answer_descriptor, &key);
}

static void handle_key_revoke(struct request *request, struct answer *answer)
{
    g_autoptr(GError) error = NULL;
    const struct audit_by by = request_by(request);
    bool is_good = auth_key_revoke(request->api->auth, request->login.user, &by, request->id, &error);
    answer_nothing_or_error(answer, is_good, error);
}

static const struct route user_table[] = {
    {.method = "GET",
     .path = "/api/v1/users",
     .name = "listUsers",
     .role = ROLE_ADMIN,
     .rate = RATE_READ,
     .parameters = &user_match_parameters_descriptor,
     .answers = ANSWER_PAGE,
     .response = &user_descriptor,
     .features = ROUTE_WHOLE | ROUTE_MATCHED,
     .handle = handle_users,
     .doc = "The org's users, by name."},
    {.method = "POST",
     .path = "/api/v1/users",
     .name = "createUser",
     .features = ROUTE_SECRET,
     .role = ROLE_ADMIN,
     .rate = RATE_WRITE,
     .parameters = &reason_parameters_descriptor,
     .body = BODY_JSON,
     .request = &new_user_request_descriptor,
     .answers = ANSWER_RECORD,
     .response = &user_answer_descriptor,
     .status = MHD_HTTP_CREATED,
     .problems = PROBLEM(CONFLICT),
     .handle = handle_user_create,
     .doc = "A new user, with a password that is to be changed at the first login."},
    {.method = "GET",
     .path = "/api/v1/users/{id}",
     .name = "getUser",
     .role = ROLE_ADMIN,
     .rate = RATE_READ,
     .parameters = &id_parameters_descriptor,
     .answers = ANSWER_RECORD,
     .response = &user_descriptor,
     .features = ROUTE_CACHED,
     .handle = handle_user,
     .doc = "One user, with its ETag."},
    {.method = "PATCH",
     .path = "/api/v1/users/{id}",
     .name = "changeUser",
     .role = ROLE_ADMIN,
     .rate = RATE_WRITE,
     .parameters = &id_change_parameters_descriptor,
     .body = BODY_DOCUMENT,
     .request = &user_request_descriptor,
     .answers = ANSWER_RECORD,
     .response = &user_answer_descriptor,
     .problems = PROBLEM(CONFLICT),
     .features = ROUTE_VERSIONED,
     .handle = handle_user_change,
     .doc = "Changes what the body says: role, is_disabled, oidc_subject or password. Fewer rights, another "
            "password, or another oidc_subject than there was, end the user's logins."},
    {.method = "DELETE",
     .path = "/api/v1/users/{id}",
     .name = "deleteUser",
     .role = ROLE_ADMIN,
     .rate = RATE_WRITE,
     .parameters = &id_change_parameters_descriptor,
     .status = MHD_HTTP_NO_CONTENT,
     .problems = PROBLEM(CONFLICT),
     .features = ROUTE_VERSIONED,
     .handle = handle_user_delete,
     .doc = "Removes a user with all logins; the last administrator stays."},
};
const struct route_group user_routes = ROUTE_GROUP("users", "Who may log in.", user_table);

static const struct route key_table[] = {
    {.method = "GET",
     .path = "/api/v1/tokens",
     .name = "listTokens",
     .role = ROLE_ADMIN,
     .rate = RATE_READ,
     .parameters = &key_match_parameters_descriptor,
     .answers = ANSWER_PAGE,
     .response = &api_key_descriptor,
     .features = ROUTE_WHOLE | ROUTE_MATCHED,
     .handle = handle_keys,
     .doc = "The org's API keys that stand, newest first; what they are is told once, when they are made."},
    {.method = "POST",
     .path = "/api/v1/tokens",
     .name = "createToken",
     .features = ROUTE_SECRET,
     .role = ROLE_ADMIN,
     .rate = RATE_WRITE,
     .parameters = &reason_parameters_descriptor,
     .body = BODY_JSON,
     .request = &api_key_request_descriptor,
     .answers = ANSWER_RECORD,
     .response = &api_key_answer_descriptor,
     .status = MHD_HTTP_CREATED,
     .problems = PROBLEM(CONFLICT),
     .handle = handle_key_create,
     .doc = "A new API key, which may be held to some routes and cameras."},
    {.method = "DELETE",
     .path = "/api/v1/tokens/{id}",
     .name = "revokeToken",
     .role = ROLE_ADMIN,
     .rate = RATE_WRITE,
     .parameters = &id_change_parameters_descriptor,
     .status = MHD_HTTP_NO_CONTENT,
     .handle = handle_key_revoke,
     .doc = "Ends an API key at once, where its role is not above one's own."},
};
const struct route_group token_routes = ROUTE_GROUP("tokens", "API keys.", key_table);
