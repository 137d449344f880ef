/* POST /api/detect: from a body, JSON with base64 or multipart/form-data, to a job in the queue, and its answer. The
 * picture's kind and size are looked at here; it is decoded in a cage (hub/detecting.c, worker/pictures.c). */
#include <jansson.h>
#include <sodium.h>
#include <string.h>

#include "api/api_internal.h"
#include "api/multipart.h"
#include "base/counter.h"
#include "frame/picture_header.h"

static const char picture_name[] = "frame";

/* ---- what is asked ---- */

/* A part is one value and no more: what it says must not reach beyond it into the JSON of all. */
static void append_value(const struct multipart_part *part, const char *text, GString *json,
                         struct record_errors *errors)
{
    json_error_t why;
    json_t *value = json_loads(*text ? text : "null", JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &why);
    if (value)
        record_append_json_tree(json, value);
    else
        record_errors_add(errors, part->name, "is no JSON, as a value that is no text must be: %s", why.text);
    json_decref(value);
}

/* Text of a part as JSON: as it is where the field holds no text. */
static void append_part(const struct multipart_part *part, const struct record_field *field, GString *json,
                        struct record_errors *errors)
{
    bool is_text = !field || field->kind == RECORD_STRING || field->kind == RECORD_ENUM || field->kind == RECORD_TIME;
    g_autofree char *text = g_strndup(part->data, part->length);
    if (strlen(text) < part->length)
        record_errors_add(errors, part->name, "has a NUL in it");
    g_string_append_c(json, json->len > 1 ? ',' : ' ');
    record_append_json_string(json, part->name);
    g_string_append_c(json, ':');
    if (is_text)
        record_append_json_string(json, text);
    else
        append_value(part, g_strstrip(text), json, errors);
}

static bool is_picture(const struct multipart_part *part)
{
    return strcmp(part->name, picture_name) == 0;
}

/* The parts but the picture, as the JSON that says the same. */
static GString *json_of_parts(const GPtrArray *parts, struct record_errors *errors)
{
    GString *json = g_string_new("{");
    for (guint i = 0; i < parts->len; i++) {
        const struct multipart_part *part = g_ptr_array_index(parts, i);
        if (!is_picture(part))
            append_part(part, record_find_field(&detect_order_descriptor, part->name), json, errors);
    }
    g_string_append_c(json, '}');
    return json;
}

static void answer_invalid(struct answer *answer, const struct record_errors *errors)
{
    answer_problem(answer, MHD_HTTP_BAD_REQUEST, "the request is not valid", errors);
}

static bool decode_request(const struct record_descriptor *descriptor, const char *json, size_t length,
                           const struct request *request, struct detect_request *asked, struct answer *answer)
{
    struct record_errors errors;
    record_errors_init(&errors);
    size_t most = detect_request_bytes(&request->api->settings->detect);
    bool is_good = record_decode_json_large(descriptor, json, length, most, asked, &errors);
    if (!is_good)
        answer_invalid(answer, &errors);
    record_errors_clear(&errors);
    return is_good;
}

static bool decode_parts(const GPtrArray *parts, const struct request *request, struct detect_request *asked,
                         struct answer *answer)
{
    struct record_errors errors;
    record_errors_init(&errors);
    g_autoptr(GString) json = json_of_parts(parts, &errors);
    bool is_json = errors.count == 0;
    if (!is_json)
        answer_invalid(answer, &errors);
    record_errors_clear(&errors);
    return is_json && decode_request(&detect_order_descriptor, json->str, json->len, request, asked, answer);
}

static void answer_bad_frame(struct answer *answer, const char *why)
{
    struct record_errors errors;
    record_errors_init(&errors);
    record_errors_add(&errors, picture_name, "%s", why);
    answer_problem(answer, MHD_HTTP_BAD_REQUEST, "the picture cannot be looked at", &errors);
    record_errors_clear(&errors);
}

/* Base64, or a data: URL of it. NULL: it is neither. */
static GBytes *decode_base64(const char *text)
{
    const char *comma = g_str_has_prefix(text, "data:") ? strchr(text, ',') : NULL;
    const char *digits = comma ? comma + 1 : text;
    size_t length = strlen(digits), most = length / 4 * 3 + 3, got = 0;
    uint8_t *bytes = g_malloc(most);
    if (sodium_base642bin(bytes, most, digits, length, "\r\n", &got, NULL, sodium_base64_VARIANT_ORIGINAL) == 0)
        return g_bytes_new_take(bytes, got);
    g_free(bytes);
    return NULL;
}

/* The one part that is the picture, borrowed. NULL: answered. */
static const struct multipart_part *picture_of(const GPtrArray *parts, struct answer *answer)
{
    const struct multipart_part *picture = NULL;
    for (guint i = 0; i < parts->len; i++) {
        const struct multipart_part *part = g_ptr_array_index(parts, i);
        if (is_picture(part) && picture) {
            answer_bad_frame(answer, "there is more than one part of this name: send one picture");
            return NULL;
        }
        if (is_picture(part))
            picture = part;
    }
    if (!picture)
        answer_bad_frame(answer, "there is no part of this name");
    return picture;
}

static GBytes *read_multipart(const struct request *request, struct detect_request *asked, struct answer *answer)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) parts =
        multipart_parse(request->content_type, (const char *)request->body->data, request->body->len, &error);
    if (!parts) {
        answer_problem(answer, MHD_HTTP_BAD_REQUEST, error->message, NULL);
        return NULL;
    }
    const struct multipart_part *picture = picture_of(parts, answer);
    if (!picture)
        return NULL;
    return decode_parts(parts, request, asked, answer) ? g_bytes_new(picture->data, picture->length) : NULL;
}

static GBytes *read_json(const struct request *request, struct detect_request *asked, struct answer *answer)
{
    const GByteArray *body = request->body;
    if (!decode_request(&detect_request_descriptor, (const char *)body->data, body->len, request, asked, answer))
        return NULL;
    GBytes *image = decode_base64(asked->frame);
    g_clear_pointer(&asked->frame, g_free);
    if (!image) {
        answer_bad_frame(answer, "is not base64");
        record_clear(&detect_order_descriptor, asked);
    }
    return image;
}

/* Before anything is decoded. */
static bool check_image(const struct request *request, GBytes *image, struct answer *answer)
{
    const struct detect_settings *bounds = &request->api->settings->detect;
    struct picture_header header;
    g_autoptr(GError) error = NULL;
    gsize length;
    const uint8_t *bytes = g_bytes_get_data(image, &length);
    if (length > (gsize)bounds->max_image_bytes) {
        answer_problem(answer, MHD_HTTP_CONTENT_TOO_LARGE, "the picture is larger than detect.max_image_bytes", NULL);
        return false;
    }
    if (picture_header_check(bytes, length, bounds->max_side_px, bounds->max_pixels, &header, &error) &&
        picture_is_whole(bytes, length, &error))
        return true;
    answer_bad_frame(answer, error->message);
    return false;
}

/* A key that is bound to cameras sends pictures of these: its streams have their ids. */
static bool check_stream(const struct request *request, const struct detect_request *asked, struct answer *answer)
{
    bool is_named = asked->stream_id && *asked->stream_id;
    if (!login_is_camera_bound(&request->login) ||
        (is_named && login_may_see_camera(&request->login, asked->stream_id)))
        return true;
    answer_problem(answer, MHD_HTTP_FORBIDDEN, "the API key is bound to cameras: name one of them as stream_id", NULL);
    return false;
}

static void hurry(void *watch)
{
    watch_hurry(watch);
}

static void submit(struct request *request, const struct detect_request *asked, GBytes *image, struct answer *answer)
{
    g_autoptr(GError) error = NULL;
    GString *order = g_string_new(NULL);
    record_encode_json(&detect_order_descriptor, asked, false, order);
    g_autoptr(GBytes) bytes = g_string_free_to_bytes(order);
    const struct detect_asker asker = {hurry, request->api->watch};
    request->detect_job =
        detect_submit(request->api->detect, request->login.user->org_id, bytes, image, &asker, &error);
    if (!request->detect_job) {
        counter_add(&request->api->health->detect_rejected, 1);
        bool is_theirs = g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_FULL);
        answer_problem(answer, is_theirs ? MHD_HTTP_TOO_MANY_REQUESTS : MHD_HTTP_SERVICE_UNAVAILABLE, error->message,
                       NULL);
        answer_header(answer, "Retry-After", "1");
    }
}

static void begin(struct request *request, struct answer *answer)
{
    struct detect_request asked;
    bool is_form = http_content_type_is(request->content_type, "multipart/form-data");
    counter_add(&request->api->health->detect_requests, 1);
    g_autoptr(GBytes) image = is_form ? read_multipart(request, &asked, answer) : read_json(request, &asked, answer);
    bool is_good = image && check_stream(request, &asked, answer) && check_image(request, image, answer);
    if (is_good)
        submit(request, &asked, image, answer);
    else
        counter_add(&request->api->health->detect_rejected, 1);
    if (image)
        record_clear(&detect_order_descriptor, &asked);
}

/* ---- what is answered ---- */

static void answer_failure(const GError *error, struct answer *answer)
{
    if (g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID)) {
        answer_bad_frame(answer, error->message);
    } else if (g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_FULL)) {
        answer_problem(answer, MHD_HTTP_TOO_MANY_REQUESTS, error->message, NULL);
        answer_header(answer, "Retry-After", "10");
    } else {
        answer_problem(answer, MHD_HTTP_SERVICE_UNAVAILABLE, error->message, NULL);
        answer_header(answer, "Retry-After", "2");
    }
}

static void answer_when_over(struct request *request, struct answer *answer)
{
    g_autoptr(GBytes) json = NULL;
    g_autoptr(GError) error = NULL;
    if (!detect_job_is_over(request->detect_job, &json, &error)) {
        answer->is_waiting = true;
        return;
    }
    g_clear_pointer(&request->detect_job, detect_job_leave);
    if (error) {
        answer_failure(error, answer);
        return;
    }
    answer->status = MHD_HTTP_OK;
    answer->content_type = "application/json";
    answer->body = g_steal_pointer(&json);
    answer_header(answer, "Cache-Control", "no-store");
}

/* Called again, while the answer is waiting, until the job is over. */
static void handle_detect(struct request *request, struct answer *answer)
{
    if (!request->api->detect) {
        answer_problem(answer, MHD_HTTP_SERVICE_UNAVAILABLE, "this server looks at no pictures", NULL);
        return;
    }
    if (!request->detect_job)
        begin(request, answer);
    if (request->detect_job)
        answer_when_over(request, answer);
}

static const struct route routes[] = {
    {.method = "POST",
     .path = "/api/detect",
     .name = "detect",
     .role = ROLE_OPERATOR,
     .rate = RATE_HEAVY,
     .body = BODY_JSON_OR_PARTS,
     .request = &detect_request_descriptor,
     .answers = ANSWER_RECORD,
     .response = &detect_response_descriptor,
     .features = ROUTE_FILTERED,
     .handle = handle_detect,
     .doc = "What is in a picture, feature by feature. As multipart/form-data the picture is the part frame, and the "
            "other parts are named as the keys of the JSON; a list or an object is JSON there too (docs/detect.md)."},
};
const struct route_group detect_routes = ROUTE_GROUP("detect", "Pictures looked at on request.", routes);
