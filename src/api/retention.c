/* How long things are kept. */
#include "store/retention.h"
#include "api/api_internal.h"

static void handle_retention(struct request *request, struct answer *answer)
{
    const struct store_retention retention = {.settings = &request->api->settings->retention,
                                              .says = policy_keeper_retention,
                                              .data = request->api->policies};
    const struct retention_parameters *asked = request->parameters;
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) views =
        store_retention_status(request->api->store, &retention, request->login.user->org_id, asked->rows, &error);
    answer_list_or_error(answer, &retention_view_descriptor, views, error);
}

static void handle_retention_confirm_clock(struct request *request, struct answer *answer)
{
    const struct audit_by by = request_by(request);
    g_autoptr(GError) error = NULL;
    if (store_retention_confirm_clock(request->api->store, &by, &error))
        answer->status = MHD_HTTP_NO_CONTENT;
    else
        answer_error(answer, error);
}

static void handle_holds(struct request *request, struct answer *answer)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) holds = store_holds_list(request->api->store, request->login.user->org_id, &error);
    answer_list_or_error(answer, &legal_hold_descriptor, holds, error);
}

static void handle_hold_put(struct request *request, struct answer *answer)
{
    const struct audit_by by = request_by(request);
    struct legal_hold *hold = request->record;
    g_autoptr(GError) error = NULL;
    if (store_hold_put(request->api->store, hold, &by, &error))
        answer_record(answer, MHD_HTTP_CREATED, &legal_hold_descriptor, hold);
    else
        answer_error(answer, error);
    record_clear(&legal_hold_descriptor, hold); /* the store filled in more than was asked */
}

static void handle_hold_release(struct request *request, struct answer *answer)
{
    const struct audit_by by = request_by(request);
    g_autoptr(GError) error = NULL;
    if (store_hold_release(request->api->store, request->id, &by, &error))
        answer->status = MHD_HTTP_NO_CONTENT;
    else
        answer_error(answer, error);
}

static const struct route routes[] = {
    {.method = "GET",
     .path = "/api/v1/retention",
     .name = "listRetention",
     .role = ROLE_ADMIN,
     .rate = RATE_READ,
     .parameters = &retention_parameters_descriptor,
     .answers = ANSWER_PAGE,
     .response = &retention_view_descriptor,
     .features = ROUTE_WHOLE,
     .handle = handle_retention,
     .doc = "Of each table and camera, how long it is kept and the oldest that is there."},
    {.method = "POST",
     .path = "/api/v1/retention/confirm-clock",
     .name = "confirmClock",
     .role = ROLE_ADMIN,
     .rate = RATE_WRITE,
     .parameters = &reason_parameters_descriptor,
     .status = MHD_HTTP_NO_CONTENT,
     .features = ROUTE_SERVER,
     .handle = handle_retention_confirm_clock,
     .doc = "The clock is right: retention that was stopped by a jump goes on. Where there are other orgs, for the "
            "platform alone."},
    {.method = "GET",
     .path = "/api/v1/legal-holds",
     .name = "listLegalHolds",
     .role = ROLE_ADMIN,
     .rate = RATE_READ,
     .parameters = &hold_match_parameters_descriptor,
     .answers = ANSWER_PAGE,
     .response = &legal_hold_descriptor,
     .features = ROUTE_WHOLE | ROUTE_MATCHED,
     .handle = handle_holds,
     .doc = "Holds that stand and that ended, newest first."},
    {.method = "POST",
     .path = "/api/v1/legal-holds",
     .name = "createLegalHold",
     .role = ROLE_ADMIN,
     .rate = RATE_WRITE,
     .parameters = &reason_parameters_descriptor,
     .body = BODY_JSON,
     .request = &legal_hold_request_descriptor,
     .answers = ANSWER_RECORD,
     .response = &legal_hold_descriptor,
     .status = MHD_HTTP_CREATED,
     .handle = handle_hold_put,
     .doc = "Keeps what retention would delete."},
    {.method = "DELETE",
     .path = "/api/v1/legal-holds/{id}",
     .name = "releaseLegalHold",
     .role = ROLE_ADMIN,
     .rate = RATE_WRITE,
     .parameters = &id_change_parameters_descriptor,
     .status = MHD_HTTP_NO_CONTENT,
     .handle = handle_hold_release,
     .doc = "Ends a hold."},
};
const struct route_group retention_routes = ROUTE_GROUP("retention", "How long things are kept.", routes);
