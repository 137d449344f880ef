/* Cameras as the API makes, changes and removes them, and tries their sources (cameras/cameras.h). */
#include <string.h>

#include <jansson.h>

#include "api/api_internal.h"
#include "facts/view.h"

/* By what is shown of it: a secret in an address is no part of the tag. */
char *camera_etag(const struct camera *camera)
{
    struct camera shown;
    camera_copy_shown(camera, &shown);
    char *etag = record_etag(&camera_descriptor, &shown);
    record_clear(&camera_descriptor, &shown);
    return etag;
}

bool request_can_change_cameras(const struct request *request, struct answer *answer)
{
    if (request->api->cameras)
        return true;
    answer_problem(answer, MHD_HTTP_SERVICE_UNAVAILABLE, "this server's cameras cannot be changed", NULL);
    return false;
}

void answer_camera_failure(struct answer *answer, const GError *error, const struct record_errors *errors)
{
    if (g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID) && errors && errors->items->len)
        answer_problem(answer, MHD_HTTP_BAD_REQUEST, "the body is not valid", errors);
    else if (g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_CONFLICT))
        answer_problem(answer, MHD_HTTP_PRECONDITION_FAILED, error->message, NULL);
    else if (g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED) ||
             g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_FULL))
        answer_reason(answer, MHD_HTTP_CONFLICT, error);
    else
        answer_error(answer, error);
}

/* Consumes the camera; NULL: the answer says why not. */
static void answer_changed(struct request *request, unsigned status, const struct camera *camera, const GError *error,
                           struct record_errors *errors, struct answer *answer)
{
    if (camera) {
        answer_camera(request, status, camera, answer);
        camera_unref(camera);
    } else {
        answer_camera_failure(answer, error, errors);
    }
    record_errors_clear(errors);
}

void handle_camera_create(struct request *request, struct answer *answer)
{
    const struct audit_by by = request_by(request);
    struct record_errors errors;
    g_autoptr(GError) error = NULL;
    if (!request_can_change_cameras(request, answer))
        return;
    record_errors_init(&errors);
    const struct camera *camera = cameras_create(request->api->cameras, request->record, &by, &errors, &error);
    answer_changed(request, MHD_HTTP_CREATED, camera, error, &errors, answer);
}

/* If-Match, when there is one, names what was read. */
static bool is_expected(void *data, const struct camera *present)
{
    const struct request *request = data;
    g_autofree char *etag = camera_etag(present);
    return http_etag_matches(request->if_match, etag);
}

/* What a patch is held against: what one stream repeats, or what is replaced by the other form, is left out. */
static char *base_of(const struct camera *camera, const struct camera *asked)
{
    struct camera base = *camera; /* borrows */
    GString *json = g_string_new(NULL);
    if (asked->streams.count || base.streams.count)
        base.source = NULL;
    if (asked->source)
        base.streams = (struct record_list){NULL, 0};
    record_encode_json(&camera_change_descriptor, &base, false, json);
    return g_string_free(json, FALSE);
}

/* null removes (RFC 7396); what a camera has no text for was left out and stays (cameras/kept.h), but for an empty one.
 */
static void empty_null_login(const char *patch, struct camera *changed)
{
    json_t *tree = json_loads(patch, 0, NULL);
    if (json_is_null(json_object_get(tree, "username")))
        changed->username = g_strdup("");
    if (json_is_null(json_object_get(tree, "password")))
        changed->password = g_strdup("");
    json_decref(tree);
}

static bool merge(void *data, struct camera *camera, struct record_errors *errors, GError **error)
{
    const struct request *request = data;
    struct camera changed;
    g_autofree char *base = base_of(camera, request->record);
    g_autofree char *patch = g_strndup((const char *)request->body->data, request->body->len);
    g_autofree char *text = policy_document_patch(base, patch, error);
    if (!text)
        return false;
    /* as a whole it is checked once its addresses are known: what is told of them says less */
    if (!record_decode_json_strict(&camera_change_descriptor, text, strlen(text), &changed, errors))
        return record_errors_to_gerror(errors, error);
    empty_null_login(patch, &changed);
    changed.id = g_steal_pointer(&camera->id);
    changed.org_id = g_steal_pointer(&camera->org_id);
    changed.managed_by = camera->managed_by;
    record_clear(&camera_descriptor, camera);
    *camera = changed;
    return true;
}

void handle_camera_patch(struct request *request, struct answer *answer)
{
    const struct audit_by by = request_by(request);
    const struct camera_change change = {request->id, &by, request->if_match ? is_expected : NULL, merge, request};
    struct record_errors errors;
    g_autoptr(GError) error = NULL;
    if (!request_can_change_cameras(request, answer))
        return;
    record_errors_init(&errors);
    const struct camera *camera = cameras_change(request->api->cameras, &change, &errors, &error);
    answer_changed(request, MHD_HTTP_OK, camera, error, &errors, answer);
}

void handle_camera_delete(struct request *request, struct answer *answer)
{
    const struct audit_by by = request_by(request);
    const struct camera_change change = {request->id, &by, request->if_match ? is_expected : NULL, NULL, request};
    g_autoptr(GError) error = NULL;
    if (!request_can_change_cameras(request, answer))
        return;
    if (cameras_delete(request->api->cameras, &change, &error))
        answer->status = MHD_HTTP_NO_CONTENT;
    else
        answer_camera_failure(answer, error, NULL);
}

/* ---- trying a source ---- */

static void hurry(void *watch)
{
    watch_hurry(watch);
}

static void begin_trial(struct request *request, const struct camera *camera, struct answer *answer)
{
    g_autoptr(GError) error = NULL;
    request->trial = cameras_try(request->api->cameras, camera, hurry, request->api->watch, &error);
    if (request->trial)
        return;
    answer_problem(answer, MHD_HTTP_TOO_MANY_REQUESTS, error->message, NULL);
    answer_header(answer, "Retry-After", "5");
}

static void answer_trial(struct request *request, struct answer *answer)
{
    struct camera_test result;
    if (!camera_trial_is_over(request->trial, &result)) {
        answer->is_waiting = true;
        return;
    }
    g_clear_pointer(&request->trial, camera_trial_leave);
    answer_record(answer, MHD_HTTP_OK, &camera_test_descriptor, &result);
    record_clear(&camera_test_descriptor, &result);
}

/* Called again, while the answer is waiting, until it is over. */
void handle_camera_test(struct request *request, struct answer *answer)
{
    if (!request_can_change_cameras(request, answer))
        return;
    const struct camera *camera = request->trial ? NULL : request_camera(request, answer);
    if (camera && request_camera_may_be_tried(request, camera, answer))
        begin_trial(request, camera, answer);
    if (request->trial)
        answer_trial(request, answer);
}

static void try_asked(struct request *request, struct answer *answer)
{
    const struct camera_test_request *asked = request->record;
    struct camera camera;
    struct record_errors errors;
    record_errors_init(&errors);
    record_init(&camera_descriptor, &camera);
    g_free(camera.org_id);
    camera.id = g_strdup("trial");
    camera.org_id = g_strdup(request->login.user->org_id);
    camera.source = g_strdup(asked->source);
    camera.username = g_strdup(asked->username);
    camera.password = g_strdup(asked->password);
    camera.managed_by = CAMERA_OF_API;
    camera_tidy(&camera);
    if (cameras_check_sources(request->api->cameras, &camera, &errors))
        begin_trial(request, &camera, answer);
    else
        answer_problem(answer, MHD_HTTP_BAD_REQUEST, "the body is not valid", &errors);
    record_clear(&camera_descriptor, &camera);
    record_errors_clear(&errors);
}

void handle_source_test(struct request *request, struct answer *answer)
{
    if (!request_can_change_cameras(request, answer))
        return;
    if (!request->trial)
        try_asked(request, answer);
    if (request->trial)
        answer_trial(request, answer);
}
