/* Trying policies on stored tracks: a try is asked for, goes on in the background, and is looked at until it is over.
 */
#include "keeper/backtests.h"
#include "api/api_internal.h"

static bool may_see_camera(const void *login, const char *camera_id)
{
    return login_may_see_camera(login, camera_id);
}

static void answer_backtest(const struct request *request, const char *id, unsigned status, struct answer *answer)
{
    const struct policy_backtest_asker asker = {request->login.user->org_id, may_see_camera, &request->login};
    struct backtest backtest;
    g_autoptr(GError) error = NULL;
    if (!policy_backtests_get(request->api->backtests, &asker, id, &backtest, &error)) {
        answer_error(answer, error);
        return;
    }
    answer_record(answer, status, &backtest_descriptor, &backtest);
    record_clear(&backtest_descriptor, &backtest);
}

static void handle_backtest_start(struct request *request, struct answer *answer)
{
    const struct policy_parameters *asked = request->parameters;
    g_autofree char *body = request_document(request, answer);
    struct policy_backtest_request wanted = {
        .org_id = request->login.user->org_id, .config_json = body, .from_ms = asked->from.ms, .to_ms = asked->to.ms};
    struct record_errors errors;
    g_autoptr(GError) error = NULL;
    if (!body || !request_policy_name(request, &wanted.name, answer))
        return;
    record_errors_init(&errors);
    g_autofree char *id = policy_backtests_submit(request->api->backtests, &wanted, &errors, &error);
    if (id)
        answer_backtest(request, id, MHD_HTTP_ACCEPTED, answer);
    else if (errors.items->len)
        answer_problem(answer, MHD_HTTP_BAD_REQUEST, "the policy is not valid", &errors);
    else if (g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED))
        answer_problem(answer, MHD_HTTP_BAD_REQUEST, error->message, NULL);
    else
        answer_error(answer, error);
    record_errors_clear(&errors);
}

static void handle_backtest(struct request *request, struct answer *answer)
{
    const struct id_parameters *asked = request->parameters;
    answer_backtest(request, asked->id, MHD_HTTP_OK, answer);
}

static const struct route routes[] = {
    {.method = "POST",
     .path = "/api/v1/policies/{type}/backtest",
     .name = "startBacktest",
     .role = ROLE_ADMIN,
     .rate = RATE_HEAVY,
     .parameters = &policy_backtest_parameters_descriptor,
     .body = BODY_DOCUMENT,
     .answers = ANSWER_RECORD,
     .response = &backtest_descriptor,
     .status = MHD_HTTP_ACCEPTED,
     .handle = handle_backtest_start,
     .doc = "Tries a document on stored tracks: the signals that it would have raised, and the incidents that it would "
            "have opened, beside those of the policies in "
            "force. Location says where to look."},
    {.method = "GET",
     .path = "/api/v1/backtests/{id}",
     .name = "getBacktest",
     .role = ROLE_VIEWER,
     .rate = RATE_READ,
     .parameters = &id_parameters_descriptor,
     .answers = ANSWER_RECORD,
     .response = &backtest_descriptor,
     .features = ROUTE_FILTERED,
     .handle = handle_backtest,
     .doc = "How a try stands and, once it is over, what came of it. A key that is held to cameras is told of those of "
            "its cameras alone."},
};
const struct route_group backtest_routes =
    ROUTE_GROUP("backtests", "What policies would have told of what was seen.", routes);
