/* Violations: rules of safety that were broken. */
#include "api/rows.h"

static void handle_violations(struct request *request, struct answer *answer)
{
    answer_rows(request, &store_violations, answer);
}

static void handle_violation(struct request *request, struct answer *answer)
{
    answer_row(request, &store_violations, answer);
}

static bool decide(const struct request *request, void *data, void *record, GError **error)
{
    const struct violation *asked = request->record;
    struct violation *violation = record;
    (void)data;
    (void)error;
    violation->status = asked->status;
    g_free(violation->decided_by);
    violation->decided_by = g_strdup(request->login.user->id);
    violation->decided_at.ms = clock_wall_ms(request->api->clock);
    return true;
}

static void handle_violation_patch(struct request *request, struct answer *answer)
{
    const struct row_edit edit = {"decide", decide, NULL};
    answer_row_edit(request, &store_violations, &edit, answer);
}

static const struct route routes[] = {
    {.method = "GET",
     .path = "/api/v1/violations",
     .name = "listViolations",
     .role = ROLE_VIEWER,
     .rate = RATE_READ,
     .parameters = &violation_parameters_descriptor,
     .answers = ANSWER_PAGE,
     .response = &violation_descriptor,
     .handle = handle_violations,
     .doc =
         "Violations, newest first. Zones of kind restricted tell of restricted_zone; what people wear is told by no "
         "rule yet."},
    {.method = "GET",
     .path = "/api/v1/violations/{id}",
     .name = "getViolation",
     .role = ROLE_VIEWER,
     .rate = RATE_READ,
     .parameters = &id_parameters_descriptor,
     .answers = ANSWER_RECORD,
     .response = &violation_descriptor,
     .features = ROUTE_CACHED | ROUTE_FILTERED,
     .handle = handle_violation,
     .doc = "One violation, with its ETag."},
    {.method = "PATCH",
     .path = "/api/v1/violations/{id}",
     .name = "patchViolation",
     .role = ROLE_OPERATOR,
     .rate = RATE_WRITE,
     .parameters = &id_change_parameters_descriptor,
     .body = BODY_JSON,
     .request = &violation_request_descriptor,
     .answers = ANSWER_RECORD,
     .response = &violation_descriptor,
     .features = ROUTE_VERSIONED | ROUTE_FILTERED,
     .handle = handle_violation_patch,
     .doc = "Says what was made of it."},
};
const struct route_group violation_routes =
    ROUTE_GROUP("violations", "Rules of safety that were broken, as rules of cameras told.", routes);
