#include <string.h>

#include "api/api_internal.h"

void answer_init(struct answer *answer)
{
    *answer = (struct answer){.status = MHD_HTTP_OK, .headers = g_ptr_array_new_with_free_func(g_free)};
}

void answer_clear(struct answer *answer)
{
    if (answer->body)
        g_bytes_unref(answer->body);
    g_ptr_array_unref(answer->headers);
}

void answer_header(struct answer *answer, const char *name, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_ptr_array_add(answer->headers, g_strdup(name));
    g_ptr_array_add(answer->headers, g_strdup_vprintf(format, arguments));
    va_end(arguments);
}

void answer_text(struct answer *answer, unsigned status, const char *content_type, GString *text)
{
    answer->status = status;
    answer->content_type = content_type;
    if (answer->body)
        g_bytes_unref(answer->body);
    answer->body = g_string_free_to_bytes(text);
}

void answer_json(struct answer *answer, unsigned status, GString *json)
{
    answer_text(answer, status, "application/json", json);
}

static void append_errors(const struct record_errors *errors, GString *json)
{
    g_string_append(json, ",\"errors\":[");
    for (guint i = 0; i < errors->items->len; i++) {
        const struct record_error *error = g_ptr_array_index(errors->items, i);
        g_string_append(json, i ? ",{\"path\":" : "{\"path\":");
        record_append_json_string(json, error->path);
        g_string_append(json, ",\"message\":");
        record_append_json_string(json, error->text);
        g_string_append_c(json, '}');
    }
    g_string_append_c(json, ']');
}

static void answer_any_problem(struct answer *answer, unsigned status, const char *title, const char *detail,
                               const struct record_errors *errors)
{
    GString *json = g_string_new("{\"type\":\"about:blank\",\"title\":");
    record_append_json_string(json, title);
    g_string_append_printf(json, ",\"status\":%u,\"detail\":", status);
    record_append_json_string(json, detail);
    if (errors && errors->items->len)
        append_errors(errors, json);
    g_string_append_c(json, '}');
    answer_text(answer, status, "application/problem+json", json);
    if (status == MHD_HTTP_UNAUTHORIZED)
        answer_header(answer, "WWW-Authenticate", "Bearer");
}

void answer_problem(struct answer *answer, unsigned status, const char *detail, const struct record_errors *errors)
{
    answer_any_problem(answer, status, MHD_get_reason_phrase_for(status), detail, errors);
}

void answer_problem_titled(struct answer *answer, unsigned status, const char *title, const char *detail)
{
    answer_any_problem(answer, status, title, detail, NULL);
}

void answer_error(struct answer *answer, const GError *error)
{
    static const struct {
        enum vedette_error error;
        unsigned status;
    } statuses[] = {
        {VEDETTE_ERROR_INVALID, MHD_HTTP_BAD_REQUEST},
        {VEDETTE_ERROR_PERMISSION, MHD_HTTP_UNAUTHORIZED},
        {VEDETTE_ERROR_NOT_FOUND, MHD_HTTP_NOT_FOUND},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(statuses); i++)
        if (g_error_matches(error, VEDETTE_ERROR, (int)statuses[i].error)) {
            answer_problem(answer, statuses[i].status, error->message, NULL);
            return;
        }
    /* Paths and reasons are for the log and /health, not for everyone who asks. */
    answer_problem(answer, MHD_HTTP_SERVICE_UNAVAILABLE, "the store is away: try again; /health tells why", NULL);
    answer_header(answer, "Retry-After", "1");
}
