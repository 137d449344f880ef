/* What the server tells of itself: errors by what they have in common, and how much it logs. */
#include "facts/observe.h"

#define LOG_MODULE "api"
#include "api/api_internal.h"
#include "base/error_groups.h"
#include "base/log.h"

static void error_view_free(void *data)
{
    record_clear(&error_group_view_descriptor, data);
    g_free(data);
}

static void handle_errors(struct request *request, struct answer *answer)
{
    (void)request;
    g_autoptr(GArray) groups = error_groups_list(NULL);
    g_autoptr(GPtrArray) views = g_ptr_array_new_with_free_func(error_view_free);
    for (guint i = 0; i < groups->len; i++) {
        const struct error_group *group = &g_array_index(groups, struct error_group, i);
        struct error_group_view *view = g_new(struct error_group_view, 1);
        *view = (struct error_group_view){
            .module = g_strdup(group->module),
            .words = g_utf8_make_valid(group->words, -1),
            .subject = *group->subject ? g_strdup(group->subject) : NULL,
            .sample = g_utf8_make_valid(group->sample, -1),
            .is_of_worker = group->is_of_worker,
            .count = group->count,
            .first_seen = {group->first_ms},
            .last_seen = {group->last_ms},
        };
        g_ptr_array_add(views, view);
    }
    answer_list(answer, &error_group_view_descriptor, views);
}

static void answer_levels(struct answer *answer)
{
    g_autofree char *levels = log_levels();
    const struct log_levels told = {levels};
    answer_record(answer, MHD_HTTP_OK, &log_levels_descriptor, &told);
}

static void handle_levels(struct request *request, struct answer *answer)
{
    (void)request;
    answer_levels(answer);
}

/* Said while what was logged before still is, and as an error where the log has nothing else: no change of what it
 * tells is left out of it. */
static void log_asked_levels(const struct request *request, const char *before, const char *asked)
{
    bool has_warnings = log_is_enabled(LOG_LEVEL_WARNING, LOG_MODULE);
    log_write(has_warnings ? LOG_LEVEL_WARNING : LOG_LEVEL_ERROR, LOG_MODULE, NULL,
              "log levels: %s instead of %s is asked for by %s (org %s, from %s)", asked, before,
              request->login.user->username, request->login.user->org_id, request->address);
}

/* Obeyed also where the audit cannot be written: an outage of the store is when one needs the log. */
static void audit_levels(const struct request *request, const char *before)
{
    const struct audit_by by = request_by(request);
    g_autofree char *after = log_levels(), *before_json = g_strdup_printf("{\"levels\":\"%s\"}", before),
                    *after_json = g_strdup_printf("{\"levels\":\"%s\"}", after);
    const struct audit_change change = {AUDIT_SERVER, "log-levels", "update", before_json, after_json};
    g_autoptr(GError) error = NULL;
    if (!store_audit_add(request->api->store, &by, &change, &error))
        log_error(NULL, "that log levels were changed is in this log alone, not in the audit: %s", error->message);
}

static void handle_levels_set(struct request *request, struct answer *answer)
{
    const struct log_levels *asked = request->record;
    g_autofree char *before = log_levels();
    g_autoptr(GError) error = NULL;
    log_asked_levels(request, before, asked->levels);
    if (!log_set_levels(asked->levels, &error)) {
        answer_error(answer, error);
        return;
    }
    audit_levels(request, before);
    answer_levels(answer);
}

static const struct route routes[] = {
    {.method = "GET",
     .path = "/api/v1/errors",
     .name = "listErrors",
     .role = ROLE_ADMIN,
     .rate = RATE_READ,
     .parameters = &error_match_parameters_descriptor,
     .answers = ANSWER_PAGE,
     .response = &error_group_view_descriptor,
     .features = ROUTE_WHOLE | ROUTE_MATCHED | ROUTE_SERVER,
     .handle = handle_errors,
     .doc = "What the server and its workers logged as errors since it began, by what they have in common, the latest "
            "first: 256 groups at most, of which the quietest makes room."},
    {.method = "GET",
     .path = "/api/v1/log-levels",
     .name = "getLogLevels",
     .role = ROLE_ADMIN,
     .rate = RATE_READ,
     .answers = ANSWER_RECORD,
     .response = &log_levels_descriptor,
     .features = ROUTE_SERVER,
     .handle = handle_levels,
     .doc = "What the server logs."},
    {.method = "PUT",
     .path = "/api/v1/log-levels",
     .name = "setLogLevels",
     .role = ROLE_ADMIN,
     .rate = RATE_WRITE,
     .body = BODY_JSON,
     .request = &log_levels_descriptor,
     .answers = ANSWER_RECORD,
     .response = &log_levels_descriptor,
     .features = ROUTE_SERVER,
     .handle = handle_levels_set,
     .doc = "Changes what the server and its workers log, until it starts anew."},
};
const struct route_group observe_routes = ROUTE_GROUP("server", "What the server tells of itself.", routes);
