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

static void handle_levels_set(struct request *request, struct answer *answer)
{
    const struct log_levels *asked = request->record;
    g_autoptr(GError) error = NULL;
    if (!log_set_levels(asked->levels, &error)) {
        answer_error(answer, error);
        return;
    }
    log_info(NULL, "log levels are %s from now on, as %s said", asked->levels, request->login.user->username);
    answer_levels(answer);
}

static const struct route routes[] = {
    {.method = "GET",
     .path = "/api/v1/errors",
     .name = "listErrors",
     .role = ROLE_ADMIN,
     .rate = RATE_READ,
     .parameters = &list_parameters_descriptor,
     .answers = ANSWER_PAGE,
     .response = &error_group_view_descriptor,
     .features = ROUTE_WHOLE | ROUTE_SERVER,
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
