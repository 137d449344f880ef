/* The way to the OpenID Connect issuer and back. Asking it takes its time, so that is done on a thread of its own while
 * the request waits. A browser may leave before: nobody waits for the issuer then but the thread that asks it. */
#define LOG_MODULE "api"
#include <string.h>

#include "api/api_internal.h"
#include "base/log.h"

enum { COMPLAINT_US = 10000000 };

struct oidc_call {
    /* immutable once the thread runs */
    struct api *api;
    char *state_token, *state, *code, *device, *user_agent;
    char from[API_ADDRESS_BYTES];
    int references; /* atomic: the request's and the thread's */
    int is_done;    /* atomic; what follows is the thread's before, the request's after */
    bool is_good;
    char *address, *new_state_token;
    struct grant grant;
    struct login_limit limit; /* its policy NULL: none was asked */
    GError *error;
};

void oidc_call_leave(struct oidc_call *call)
{
    if (!call || !g_atomic_int_dec_and_test(&call->references))
        return;
    char *const texts[] = {call->state_token, call->state,   call->code,           call->device,
                           call->user_agent,  call->address, call->new_state_token};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        g_free(texts[i]);
    grant_clear(&call->grant);
    g_clear_error(&call->error);
    g_free(call);
}

static gpointer run(gpointer data)
{
    struct oidc_call *call = data;
    struct watch *watch = call->api->watch;
    struct auth *auth = call->api->auth;
    const struct auth_origin origin = {call->from, call->user_agent, call->device};
    call->is_good =
        call->code ? auth_oidc_finish(auth, call->state_token, call->state, call->code, &origin, &call->grant,
                                      &call->limit, &call->error)
                   : auth_oidc_begin(auth, &origin, &call->address, &call->new_state_token, &call->limit, &call->error);
    __atomic_store_n(&call->is_done, 1, __ATOMIC_RELEASE);
    watch_hurry(watch);
    oidc_call_leave(call);
    watch_release(watch); /* until when the server does not stop */
    return NULL;
}

static void begin_thread(struct oidc_call *call)
{
    struct watch *watch = call->api->watch;
    if (!watch_hold(watch)) {
        g_set_error_literal(&call->error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE, "the server stops");
        call->is_done = 1;
        return;
    }
    g_atomic_int_inc(&call->references);
    GThread *thread = g_thread_try_new("oidc", run, call, &call->error);
    if (thread) {
        g_thread_unref(thread);
        return;
    }
    g_atomic_int_add(&call->references, -1);
    call->is_done = 1;
    watch_release(watch);
}

static struct oidc_call *start(struct request *request)
{
    struct oidc_call *call = g_new0(struct oidc_call, 1);
    const GPtrArray *given = request->target->parameters;
    call->api = request->api;
    call->references = 1;
    call->state_token = http_cookie_get(request->cookie, cookie_oidc);
    call->device = http_cookie_get(request->cookie, cookie_device);
    call->user_agent = g_strdup(request->user_agent);
    call->state = g_strdup(http_parameter_get(given, "state"));
    call->code = g_strdup(http_parameter_get(given, "code"));
    g_strlcpy(call->from, request->address, sizeof call->from);
    begin_thread(call);
    return call;
}

/* The page, seen from both routes, whatever path a proxy has before them. It asks who it is; with why when it is nobody
 * (web/src/login.tsx). */
static const char page_address[] = "../../", page_refused[] = "../../#login=refused",
                  page_later[] = "../../#login=later";

static void answer_redirect(struct answer *answer, const char *address)
{
    answer->status = MHD_HTTP_FOUND;
    answer_header(answer, "Location", "%s", address);
    answer_header(answer, "Cache-Control", "no-store");
}

/* Who comes by a browser's way is a person, with nothing else on the screen than what is answered. */
static bool is_browser(const struct request *request)
{
    return http_accept_weight(request->accept, "text/html") > 0;
}

static void answer_refused(const struct request *request, struct answer *answer, const char *why)
{
    if (is_browser(request))
        answer_redirect(answer, page_refused);
    else
        answer_problem(answer, MHD_HTTP_UNAUTHORIZED, why, NULL);
}

static void complain(const GError *error)
{
    static struct log_limit complaint;
    gint64 held_back;
    if (log_limit_pass(&complaint, COMPLAINT_US, &held_back))
        log_warning(NULL, "a login by the issuer came to nothing: %s (%lld more)", error->message,
                    (long long)held_back);
}

/* Addresses and reasons are for the log, not for everyone who asks. */
static void answer_failure(const struct request *request, struct answer *answer, const struct oidc_call *call)
{
    bool is_refusal = auth_oidc_is_refusal(call->error);
    bool is_full = g_error_matches(call->error, VEDETTE_ERROR, VEDETTE_ERROR_FULL);
    if (!is_refusal && !is_full)
        complain(call->error);
    if (is_refusal) {
        answer_refused(request, answer, call->error->message);
    } else if (is_browser(request)) {
        answer_redirect(answer, page_later);
    } else if (is_full) {
        answer_problem(answer, MHD_HTTP_TOO_MANY_REQUESTS, call->error->message, NULL);
        answer_header(answer, "Retry-After", "%d", login_limit_retry_seconds(&call->limit));
    } else {
        answer_problem(answer, MHD_HTTP_SERVICE_UNAVAILABLE, "the issuer is away: try again; the log tells why", NULL);
        answer_header(answer, "Retry-After", "5");
    }
    if (call->limit.policy && answer->status != MHD_HTTP_FOUND)
        answer_rate_limit(answer, call->limit.policy, call->limit.quota, &call->limit.limit);
}

static void finish(struct request *request, struct answer *answer)
{
    const struct oidc_call *call = request->oidc_call;
    if (!call->is_good) {
        answer_failure(request, answer, call);
    } else if (call->code) {
        answer_cookies(request, answer, &call->grant);
        answer_redirect(answer, page_address);
    } else {
        answer_redirect(answer, call->address);
    }
    answer_oidc_cookie(request, answer, call->is_good ? call->new_state_token : NULL);
}

static void handle(struct request *request, struct answer *answer)
{
    if (!auth_has_issuer(request->api->auth)) {
        answer_problem(answer, MHD_HTTP_NOT_FOUND, "no issuer is set: auth.oidc.issuer", NULL);
        return;
    }
    if (!request->oidc_call)
        request->oidc_call = start(request);
    if (__atomic_load_n(&request->oidc_call->is_done, __ATOMIC_ACQUIRE))
        finish(request, answer);
    else
        answer->is_waiting = true;
}

static void handle_begin(struct request *request, struct answer *answer)
{
    handle(request, answer);
}

static void handle_callback(struct request *request, struct answer *answer)
{
    const struct oidc_parameters *asked = request->parameters;
    if (asked->code) {
        handle(request, answer);
    } else {
        answer_refused(request, answer, "the issuer did not log you in");
        answer_oidc_cookie(request, answer, NULL); /* what it was begun with has come to its end */
    }
}

static const struct route routes[] = {
    {.method = "GET",
     .path = "/auth/oidc/login",
     .name = "beginOidcLogin",
     .role = ROLE_ANONYMOUS,
     .rate = RATE_HEAVY,
     .status = MHD_HTTP_FOUND,
     .problems = PROBLEM(NOT_FOUND) | PROBLEM(UNAVAILABLE),
     .features = ROUTE_COOKIES | ROUTE_COUNTED,
     .handle = handle_begin,
     .doc = "Sends the browser to the OpenID Connect issuer (authorization code flow with PKCE); where that fails, who "
            "takes text/html goes back to the page, which says so."},
    {.method = "GET",
     .path = "/auth/oidc/callback",
     .name = "endOidcLogin",
     .role = ROLE_ANONYMOUS,
     .rate = RATE_HEAVY,
     .parameters = &oidc_parameters_descriptor,
     .status = MHD_HTTP_FOUND,
     .problems = PROBLEM(NOT_FOUND) | PROBLEM(UNAUTHENTICATED) | PROBLEM(UNAVAILABLE),
     .features = ROUTE_COOKIES | ROUTE_COUNTED | ROUTE_OPEN_QUERY,
     .handle = handle_callback,
     .doc = "Where the issuer sends the browser back to: logs in and goes to the page, as does who is not let in and "
            "takes text/html, and is told there. What else the issuer adds to the query is passed over (RFC 6749 "
            "section 4.1.2)."},
};
const struct route_group oidc_routes = ROUTE_GROUP("oidc", "Logins by an OpenID Connect issuer.", routes);
