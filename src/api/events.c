#include <string.h>

#include "api/api_internal.h"

enum { EVENTS_LIMIT_DEFAULT = 50, EVENTS_LIMIT_MAX = 500 };

static bool set_limit(const char *value, int *limit)
{
    guint64 number;
    if (!g_ascii_string_to_unsigned(value, 10, 1, EVENTS_LIMIT_MAX, &number, NULL))
        return false;
    *limit = (int)number;
    return true;
}

/* The filter's strings are owned by the request's target. */
static void set_parameter(const struct http_parameter *parameter, struct store_event_filter *filter,
                          struct record_errors *errors)
{
    const char *name = parameter->name, *value = parameter->value;
    if (strcmp(name, "camera_id") == 0)
        filter->camera_id = value;
    else if (strcmp(name, "subject_id") == 0)
        filter->subject_id = value;
    else if (strcmp(name, "cursor") == 0)
        filter->before_id = value;
    else if (strcmp(name, "type") == 0) {
        filter->type = record_enum_value(event_type_names, value);
        if (!filter->type) {
            g_autofree char *names = g_strjoinv(", ", (char **)event_type_names);
            record_errors_add(errors, name, "%s: must be one of %s", value, names);
        }
    } else if (strcmp(name, "from") == 0 || strcmp(name, "to") == 0) {
        if (!record_parse_time(value, name[0] == 'f' ? &filter->from_ms : &filter->to_ms))
            record_errors_add(errors, name, "%s: must be a time like 2026-01-31T12:00:00Z", value);
    } else if (strcmp(name, "limit") == 0) {
        if (!set_limit(value, &filter->limit))
            record_errors_add(errors, name, "%s: must be between 1 and %d", value, EVENTS_LIMIT_MAX);
    } else {
        record_errors_add(errors, name,
                          "is unknown here: camera_id, type, subject_id, from, to, limit and cursor are allowed");
    }
}

static bool read_filter(const struct request *request, struct store_event_filter *filter, struct answer *answer)
{
    *filter = (struct store_event_filter){.org_id = request->login.user->org_id, .limit = EVENTS_LIMIT_DEFAULT};
    struct record_errors errors;
    record_errors_init(&errors);
    const GPtrArray *parameters = request->target->parameters;
    for (guint i = 0; i < parameters->len; i++)
        set_parameter(g_ptr_array_index(parameters, i), filter, &errors);
    bool is_good = errors.items->len == 0;
    if (!is_good)
        answer_problem(answer, MHD_HTTP_BAD_REQUEST, "the parameters are not valid", &errors);
    record_errors_clear(&errors);
    return is_good;
}

void handle_events(struct request *request, struct answer *answer)
{
    struct store_event_filter filter;
    if (!read_filter(request, &filter, answer))
        return;
    guint limit = (guint)filter.limit++; /* one more tells whether there is a next page */
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) events = store_events_list(request->api->store, &filter, &error);
    if (!events) {
        answer_error(answer, error);
        return;
    }
    GString *json = g_string_new("{\"items\":[");
    guint count = MIN(events->len, limit);
    for (guint i = 0; i < count; i++) {
        if (i)
            g_string_append_c(json, ',');
        record_encode_json(&analytics_event_descriptor, g_ptr_array_index(events, i), true, json);
    }
    g_string_append(json, "],\"next_cursor\":");
    if (events->len > limit)
        record_append_json_string(json, ((struct analytics_event *)g_ptr_array_index(events, limit - 1))->id);
    else
        g_string_append(json, "null");
    g_string_append_c(json, '}');
    answer_json(answer, MHD_HTTP_OK, json);
    answer_header(answer, "Cache-Control", "no-store");
}
