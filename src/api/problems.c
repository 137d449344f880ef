/* Problems: what they are called, and how they are answered (RFC 9457). */
#include "api/api_internal.h"

static const struct problem_kind kinds[PROBLEM_CODE_END] = {
    [PROBLEM_INVALID] = {MHD_HTTP_BAD_REQUEST, "invalid", NULL,
                         "the request is not valid: errors says what is, with the path of each"},
    [PROBLEM_UNAUTHENTICATED] = {MHD_HTTP_UNAUTHORIZED, "unauthenticated", NULL,
                                 "nobody is logged in, the login is over, or it was refused"},
    [PROBLEM_FORBIDDEN] = {MHD_HTTP_FORBIDDEN, "forbidden", NULL, "the login's role or org does not allow it"},
    [PROBLEM_NOT_FOUND] = {MHD_HTTP_NOT_FOUND, "not_found", NULL, "there is no such thing in the login's org"},
    [PROBLEM_METHOD_NOT_ALLOWED] = {MHD_HTTP_METHOD_NOT_ALLOWED, "method_not_allowed", NULL,
                                    "the address takes other methods: Allow lists them"},
    [PROBLEM_CONFLICT] = {MHD_HTTP_CONFLICT, "conflict", NULL, "it cannot be done as things stand"},
    [PROBLEM_LENGTH_REQUIRED] = {MHD_HTTP_LENGTH_REQUIRED, "length_required", NULL, "send Content-Length"},
    [PROBLEM_PRECONDITION_FAILED] = {MHD_HTTP_PRECONDITION_FAILED, "precondition_failed", NULL,
                                     "someone else changed it first: read it again"},
    [PROBLEM_TOO_LARGE] = {MHD_HTTP_CONTENT_TOO_LARGE, "too_large", NULL, "the body is larger than is taken"},
    [PROBLEM_UNSUPPORTED_MEDIA_TYPE] = {MHD_HTTP_UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", NULL,
                                        "the body's Content-Type is not taken here"},
    [PROBLEM_MISDIRECTED] = {MHD_HTTP_MISDIRECTED_REQUEST, "misdirected", NULL, "the Host is none of this server's"},
    [PROBLEM_KEY_REUSED] = {MHD_HTTP_UNPROCESSABLE_CONTENT, "idempotency_key_reused", NULL,
                            "the Idempotency-Key was another request's"},
    [PROBLEM_UPGRADE_REQUIRED] = {MHD_HTTP_UPGRADE_REQUIRED, "upgrade_required", NULL, "the address speaks WebSocket"},
    [PROBLEM_RATE_LIMITED] = {MHD_HTTP_TOO_MANY_REQUESTS, "rate_limited", NULL,
                              "too many requests: Retry-After says when to try again"},
    [PROBLEM_HEADERS_TOO_LARGE] = {MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE, "headers_too_large", NULL,
                                   "the request has too many headers"},
    [PROBLEM_UNAVAILABLE] = {MHD_HTTP_SERVICE_UNAVAILABLE, "unavailable", NULL,
                             "a part of the server that this needs is away or full: try again"},
    [PROBLEM_CAMERA_UNAVAILABLE] = {MHD_HTTP_SERVICE_UNAVAILABLE, "camera_unavailable", "Camera unavailable",
                                    "the camera is left alone for now: its circuit breaker is open"},
    [PROBLEM_CSRF] = {MHD_HTTP_FORBIDDEN, "csrf", NULL,
                      "a browser's request lacks X-CSRF-Token, or has another session's: /auth/me tells it"},
    [PROBLEM_PASSWORD_CHANGE] = {MHD_HTTP_FORBIDDEN, "password_change", NULL,
                                 "the password was chosen by someone else: change it first (POST /auth/password)"},
    [PROBLEM_VERSION_UNSUPPORTED] = {MHD_HTTP_HTTP_VERSION_NOT_SUPPORTED, "version_unsupported", NULL,
                                     "speak HTTP/1.1"},
};

const struct problem_kind *problem_kind(enum problem_code code)
{
    return code > 0 && code < PROBLEM_CODE_END ? &kinds[code] : NULL;
}

const struct problem_kind *problem_kind_of_status(unsigned status)
{
    static const struct problem_kind unknown = {.code = "error"};
    for (size_t i = 1; i < PROBLEM_CODE_END; i++)
        if (kinds[i].status == status)
            return &kinds[i];
    return &unknown;
}

/* Borrows all of it. */
static void answer_any_problem(struct answer *answer, unsigned status, const struct problem_kind *kind,
                               const char *detail, const struct record_errors *errors)
{
    size_t count = errors ? errors->items->len : 0;
    g_autofree struct problem_error *items = g_new(struct problem_error, count);
    for (size_t i = 0; errors && i < count; i++) {
        const struct record_error *error = g_ptr_array_index(errors->items, i);
        items[i] = (struct problem_error){error->path, error->text};
    }
    const char *title = kind->title ? kind->title : MHD_get_reason_phrase_for(status);
    const struct problem problem = {
        .type = (char *)(uintptr_t) "about:blank",
        .title = (char *)(uintptr_t)title,
        .status = (int32_t)status,
        .code = (char *)(uintptr_t)kind->code,
        .detail = (char *)(uintptr_t)detail,
        .errors = {items, count},
    };
    GString *json = g_string_new(NULL);
    record_encode_json(&problem_descriptor, &problem, false, json);
    answer_text(answer, status, "application/problem+json", json);
    answer_header(answer, "Cache-Control", "no-store");
    if (status == MHD_HTTP_UNAUTHORIZED)
        answer_header(answer, "WWW-Authenticate", "Bearer");
}

void answer_problem(struct answer *answer, unsigned status, const char *detail, const struct record_errors *errors)
{
    answer_any_problem(answer, status, problem_kind_of_status(status), detail, errors);
}

bool answer_invalid_body(struct answer *answer, struct record_errors *errors)
{
    bool is_good = errors->items->len == 0;
    if (!is_good)
        answer_problem(answer, MHD_HTTP_BAD_REQUEST, "the body is not valid", errors);
    record_errors_clear(errors);
    return is_good;
}

void answer_problem_coded(struct answer *answer, enum problem_code code, const char *detail)
{
    answer_any_problem(answer, kinds[code].status, &kinds[code], detail, NULL);
}

void answer_later(struct answer *answer, const char *detail)
{
    answer_problem(answer, MHD_HTTP_SERVICE_UNAVAILABLE, detail, NULL);
    answer_header(answer, "Retry-After", "1");
}

void answer_stopping(struct answer *answer)
{
    answer_later(answer, "the server stops: try again");
}

void answer_unknown_cursor(struct answer *answer, const char *cursor)
{
    struct record_errors errors;
    record_errors_init(&errors);
    record_errors_add(&errors, "cursor", "%s: it is not there (any more): start again without it", cursor);
    answer_problem(answer, MHD_HTTP_BAD_REQUEST, "the parameters are not valid", &errors);
    record_errors_clear(&errors);
}

/* "site_id: there is no …": the field that a room behind says it of, where the route takes one of that name, else NULL;
 * *words begins after it. g_free. */
static char *field_of(const struct answer *answer, const char *message, const char **words)
{
    const char *colon = strstr(message, ": ");
    const struct route *route = answer->route;
    if (!colon || !route)
        return NULL;
    g_autofree char *name = g_strndup(message, (gsize)(colon - message));
    *words = colon + strlen(": ");
    bool is_known = (route->parameters && record_find_field(route->parameters, name)) ||
                    (route->request && record_find_field(route->request, name));
    return is_known ? g_steal_pointer(&name) : NULL;
}

/* Several stand one behind the other, as record_errors_to_gerror has them. */
static void add_fields(const struct answer *answer, const char *message, struct record_errors *errors)
{
    g_auto(GStrv) parts = g_strsplit(message, "; ", -1);
    for (size_t i = 0; parts[i] && (i == 0 || errors->items->len); i++) {
        const char *words = parts[i];
        g_autofree char *field = field_of(answer, parts[i], &words);
        if (field) {
            record_errors_add(errors, field, "%s", words);
        } else if (errors->items->len) { /* a semicolon within the words of the one before */
            struct record_error *last = g_ptr_array_index(errors->items, errors->items->len - 1);
            char *whole = g_strjoin("; ", last->text, parts[i], NULL);
            g_free(last->text);
            last->text = whole;
        }
    }
}

void answer_reason(struct answer *answer, unsigned status, const GError *error)
{
    struct record_errors errors;
    record_errors_init(&errors);
    add_fields(answer, error->message, &errors);
    const struct record_error *only = errors.items->len == 1 ? g_ptr_array_index(errors.items, 0) : NULL;
    answer_problem(answer, status, only ? only->text : error->message, errors.items->len ? &errors : NULL);
    record_errors_clear(&errors);
}

/* What was full may have room in a minute, as what counts by the minute has. */
enum { FULL_RETRY_SECONDS = 60, BUSY_RETRY_SECONDS = 1 };

void answer_error(struct answer *answer, const GError *error)
{
    static const struct {
        enum vedette_error error;
        unsigned status;
        int retry_seconds; /* 0: later is no better */
    } statuses[] = {
        {VEDETTE_ERROR_INVALID, MHD_HTTP_BAD_REQUEST, 0},
        {VEDETTE_ERROR_PERMISSION, MHD_HTTP_UNAUTHORIZED, 0},
        {VEDETTE_ERROR_NOT_FOUND, MHD_HTTP_NOT_FOUND, 0},
        {VEDETTE_ERROR_CONFLICT, MHD_HTTP_CONFLICT, 0},
        {VEDETTE_ERROR_FULL, MHD_HTTP_TOO_MANY_REQUESTS, FULL_RETRY_SECONDS},
        {VEDETTE_ERROR_BUSY, MHD_HTTP_TOO_MANY_REQUESTS, BUSY_RETRY_SECONDS},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(statuses); i++)
        if (g_error_matches(error, VEDETTE_ERROR, (int)statuses[i].error)) {
            answer_reason(answer, statuses[i].status, error);
            if (statuses[i].retry_seconds)
                answer_header(answer, "Retry-After", "%d", statuses[i].retry_seconds);
            return;
        }
    /* Paths and reasons are for the log and /health, not for everyone who asks. */
    answer_later(answer, "the store is away: try again; /health tells why");
}

void answer_refusal(struct answer *answer, const GError *error)
{
    if (g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_PERMISSION))
        answer_reason(answer, MHD_HTTP_FORBIDDEN, error);
    else
        answer_error(answer, error);
}

void answer_change_error(struct answer *answer, const GError *error)
{
    if (g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_CONFLICT))
        answer_reason(answer, MHD_HTTP_PRECONDITION_FAILED, error);
    else if (g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED))
        answer_reason(answer, MHD_HTTP_CONFLICT, error);
    else
        answer_error(answer, error);
}
