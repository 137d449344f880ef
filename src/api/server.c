/* libmicrohttpd's side: from its callbacks to a request, and from an answer to its response. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#define LOG_MODULE "api"
#include "api/api_internal.h"
#include "base/counter.h"
#include "base/log.h"
#include "base/networks.h"
#include "base/thread.h"

enum {
    CONNECTION_MEMORY_BYTES = 32 << 10, /* request line and headers of one connection */
    /* So much as a request may send, times this, is passed over of one that is refused before it has sent it. */
    PASSED_OVER_TIMES = 4,
};

static const struct {
    const char *name, *value;
} security_headers[] = {
    {"Content-Security-Policy",
     "default-src 'self'; img-src 'self' blob: data:; connect-src 'self'; object-src 'none'; base-uri 'self'; "
     "form-action 'self'; frame-ancestors 'none'"},
    {"X-Content-Type-Options", "nosniff"},
    {"X-Frame-Options", "DENY"},
    {"Referrer-Policy", "no-referrer"},
};

/* ---- answering ---- */

static void free_bytes(void *bytes)
{
    g_bytes_unref(bytes);
}

static struct MHD_Response *make_response(const struct answer *answer)
{
    if (!answer->body)
        return MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    gsize size;
    const void *data = g_bytes_get_data(answer->body, &size);
    return MHD_create_response_from_buffer_with_free_callback_cls(size, (void *)data, free_bytes,
                                                                  g_bytes_ref(answer->body));
}

static void count_answer(struct api *api, unsigned status)
{
    counter_add(&api->health->http_requests, 1);
    bool is_rejected = status == MHD_HTTP_BAD_REQUEST || status == MHD_HTTP_CONTENT_TOO_LARGE ||
                       status == MHD_HTTP_LENGTH_REQUIRED || status == MHD_HTTP_MISDIRECTED_REQUEST ||
                       status == MHD_HTTP_TOO_MANY_REQUESTS;
    if (is_rejected)
        counter_add(&api->health->http_rejected, 1);
    if (status >= 500)
        counter_add(&api->health->http_errors, 1);
}

static struct watched_connection *watched(const struct request *request)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

/* What is told must not wait for what was told before to be acknowledged. With TLS the upgrade hands out one end of a
 * pair of the library's own: the socket to the client is the connection's. */
static void send_at_once(struct MHD_Connection *connection)
{
    const int on = 1;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (info)
        setsockopt(info->connect_fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static void upgraded(void *data, struct MHD_Connection *connection, void *context, const char *extra, size_t extra_size,
                     MHD_socket fd, struct MHD_UpgradeResponseHandle *handle)
{
    struct api *api = data;
    send_at_once(connection);
    struct request *request = context;
    watch_upgraded(api->watch, watched(request));
    websocket_accept(api->websockets, handle, fd, extra, extra_size, g_steal_pointer(&request->feed));
}

static enum MHD_Result send_answer(struct request *request, const struct answer *answer)
{
    struct MHD_Response *response = answer->is_upgrade ? MHD_create_response_for_upgrade(upgraded, request->api)
                                    : answer->stream   ? event_stream_response(answer->stream, request->connection)
                                                       : make_response(answer);
    if (answer->stream)
        watch_upgraded(request->api->watch, watched(request)); /* its deadlines are event_stream.c's */
    if (!response)
        return MHD_NO;
    for (guint i = 0; i + 1 < answer->headers->len; i += 2)
        MHD_add_response_header(response, g_ptr_array_index(answer->headers, i),
                                g_ptr_array_index(answer->headers, i + 1));
    for (size_t i = 0; i < G_N_ELEMENTS(security_headers); i++)
        MHD_add_response_header(response, security_headers[i].name, security_headers[i].value);
    MHD_add_response_header(response, "Cross-Origin-Resource-Policy",
                            answer->is_shared ? "cross-origin" : "same-origin");
    if (request->is_secure) /* RFC 6797 */
        MHD_add_response_header(response, "Strict-Transport-Security", "max-age=31536000");
    if (answer->content_type && (answer->body || answer->stream))
        MHD_add_response_header(response, "Content-Type", answer->content_type);
    if (*request->traceparent)
        MHD_add_response_header(response, "traceparent", request->traceparent);
    if (answer->is_closing)
        MHD_add_response_header(response, "Connection", "close");
    count_answer(request->api, answer->status);
    request->status = answer->status;
    request->answered_us = clock_monotonic_us(clock_system());
    log_debug(NULL, "%s %s: %u", request->method, request->route ? request->route->path : "(no route)", answer->status);
    enum MHD_Result result = MHD_queue_response(request->connection, answer->status, response);
    MHD_destroy_response(response);
    return result;
}

/* ---- reading ---- */

static void read_headers(struct request *request)
{
    const struct {
        const char *name, **value;
    } headers[] = {
        {"Host", &request->host},
        {"Origin", &request->origin},
        {"Cookie", &request->cookie},
        {"Authorization", &request->authorization},
        {"Content-Type", &request->content_type},
        {"Content-Encoding", &request->content_encoding},
        {"If-None-Match", &request->if_none_match},
        {"If-Match", &request->if_match},
        {"Accept", &request->accept},
        {"Idempotency-Key", &request->idempotency_key},
        {"User-Agent", &request->user_agent},
        {"X-CSRF-Token", &request->csrf_token},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(headers); i++)
        *headers[i].value = MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, headers[i].name);
}

static const struct sockaddr *peer_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    return info ? info->client_addr : NULL;
}

/* What proxies said. Each may have added to the line before it, or a line of its own below it: what stands last is the
 * nearest one's. */
struct forwarded {
    GString *hops;
    const char *protocol;
};

static enum MHD_Result take_forwarded(void *data, enum MHD_ValueKind kind, const char *name, const char *value)
{
    (void)kind;
    struct forwarded *said = data;
    if (value && g_ascii_strcasecmp(name, "X-Forwarded-For") == 0)
        g_string_append_printf(said->hops, "%s%s", said->hops->len ? "," : "", value);
    else if (value && g_ascii_strcasecmp(name, "X-Forwarded-Proto") == 0)
        said->protocol = value;
    return MHD_YES;
}

/* A proxy that is trusted says for whom it asks, and how they came to it; others may say what they like. */
static void read_address(struct request *request)
{
    const struct http_settings *http = &request->api->settings->http;
    network_address_text(peer_of(request->connection), request->address);
    request->is_secure = http_has_tls(http);
    if (!network_list_has_text(http->trusted_proxies, request->address))
        return;
    struct forwarded said = {.hops = g_string_new(NULL)};
    MHD_get_connection_values(request->connection, MHD_HEADER_KIND, take_forwarded, &said);
    g_autofree char *address = address_behind_proxies(request->address, said.hops->str, http->trusted_proxies);
    g_strlcpy(request->address, address, sizeof request->address);
    request->is_secure |= g_strcmp0(said.protocol, "https") == 0;
    g_string_free(said.hops, TRUE);
}

/* The caller's trace goes on with a span of ours; without one, a trace begins. Whether it is told is the caller's to
 * say once it is known who that is; until then a sampled one is told no more often than one that begins here. */
static void begin_trace(struct request *request)
{
    struct trace_context caller;
    trace_context_begin(&request->trace);
    if (trace_context_parse(MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, "traceparent"),
                            &caller)) {
        bool is_drawn = request->trace.is_sampled;
        trace_context_follow(&caller, &request->trace);
        request->trace.is_sampled = caller.is_sampled && is_drawn;
        request->is_trace_asked_for = caller.is_sampled;
        memcpy(request->parent_span_id, caller.span_id, sizeof request->parent_span_id);
    }
    trace_id_write(&request->trace, request->trace_id);
    trace_context_write(&request->trace, request->traceparent);
}

void request_trust_trace(struct request *request)
{
    if (!request->is_trace_asked_for)
        return;
    request->trace.is_sampled = true;
    trace_context_write(&request->trace, request->traceparent);
}

static void note_times(struct request *request)
{
    if (!request->route || !request->status)
        return;
    int64_t now_us = clock_monotonic_us(clock_system());
    request->took_ns[API_WRITE] = (now_us - request->answered_us) * 1000;
    request->took_ns[API_REQUEST] = (now_us - request->began_us) * 1000;
    route_times_note(request->api->route_times, request->route, request->took_ns);
}

/* Others as OpenTelemetry's conventions have it, for a client may write what it likes. */
static const char *known_method(const char *method)
{
    static const char *const known[] = {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};
    for (size_t i = 0; i < G_N_ELEMENTS(known); i++)
        if (strcmp(method, known[i]) == 0)
            return known[i];
    return "_OTHER";
}

/* By the route's template: what stands in its place may be a secret, and would make a name of its own for each. */
static void record_span(const struct request *request)
{
    const struct route *route = request->route;
    bool is_asked_for = request->is_trace_asked_for && request->login.user;
    if (!trace_is_on() || !request->status || !request->trace.is_sampled ||
        (route && route->rate == RATE_FREE && !is_asked_for)) /* what watches us would fill every trace */
        return;
    struct trace_span span;
    trace_span_init(&span, &request->trace, "", request->began_us, clock_monotonic_us(clock_system()));
    span.context = request->trace;
    memcpy(span.parent_id, request->parent_span_id, sizeof span.parent_id);
    span.kind = TRACE_SERVER;
    span.has_failed = request->status >= 500;
    const char *method = known_method(request->method);
    g_snprintf(span.name, sizeof span.name, "%s%s%s", method, route ? " " : "", route ? route->path : "");
    trace_span_add_text(&span, "http.request.method", method);
    if (route)
        trace_span_add_text(&span, "http.route", route->path);
    trace_span_add_integer(&span, "http.response.status_code", request->status);
    trace_span_add_text(&span, "url.scheme", request->is_secure ? "https" : "http");
    trace_record(&span);
}

/* Here the store is waited for: one of the threads is kept for others. */
static bool look_up_sender(struct api *api, const char *token, struct login *login, GError **error)
{
    int most = MAX(api->settings->http.threads - 1, 1);
    bool has_place = __atomic_fetch_add(&api->senders_looked_up, 1, __ATOMIC_ACQ_REL) < most;
    bool is_known = has_place && auth_check_token(api->auth, token, login, error);
    __atomic_fetch_sub(&api->senders_looked_up, 1, __ATOMIC_ACQ_REL);
    if (!has_place)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE, "others are looked up: try again");
    return is_known;
}

/* False: the answer is made. Of more than others may send nothing is kept before it is known who sends it: until a
 * token is known to be good it is a guess. The login itself is checked again with the whole request, as any other's. */
static bool check_sender(struct request *request, struct answer *answer)
{
    if (request->declared_bytes <= (guint64)request->api->settings->http.max_body_bytes)
        return true;
    g_autofree char *cookie = http_cookie_get(request->cookie, cookie_session);
    const char *bearer = http_bearer_get(request->authorization), *token = bearer ? bearer : cookie;
    struct login login = {.user = NULL};
    g_autoptr(GError) error = NULL;
    if (token && auth_recall_token(request->api->auth, token, &login)) {
        login_clear(&login);
        return true;
    }
    if (token && !limits_take_guess(request, answer)) {
        answer->is_closing = true;
        return false;
    }
    bool is_known = token && look_up_sender(request->api, token, &login, &error);
    login_clear(&login);
    if (is_known) {
        limits_give_back_guess(request);
        return true;
    }
    if (!error || g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_PERMISSION))
        return request_refuse(answer, MHD_HTTP_UNAUTHORIZED, "log in first: POST /auth/login");
    answer_error(answer, error);
    answer->is_closing = true;
    return false;
}

/* ---- a request's life ---- */

static bool begin(struct request *request, const char *method, const char *version, struct answer *answer)
{
    watch_begin(request->api->watch, watched(request), WATCH_READING);
    request->began_us = clock_monotonic_us(clock_system());
    request->is_head = strcmp(method, "HEAD") == 0;
    request->method = g_strdup(request->is_head ? "GET" : method);
    read_headers(request);
    read_address(request);
    begin_trace(request);
    request->most_bytes = (size_t)request->api->settings->http.max_body_bytes;
    if (!request_check_framing(request, version, answer))
        return false;
    g_autoptr(GError) error = NULL;
    request->target = http_target_parse(request->raw_target, &error);
    if (!request->target)
        return request_refuse(answer, MHD_HTTP_BAD_REQUEST, error->message);
    request->most_bytes = route_body_bytes(request);
    return request_check_size(request, answer) && request_check_host(request, answer) && check_sender(request, answer);
}

static const char too_many_wait[] = "too many wait already: try again";

/* False: it will be asked for again once it is. */
static bool handle_request(struct request *request)
{
    answer_init(&request->answer);
    watch_begin(request->api->watch, watched(request), WATCH_HANDLING);
    if (!request->route && !route_find(request, &request->answer))
        return true;
    /* and is ended, if need be here: its key would stay claimed, or its events be taken and called refused */
    bool is_begun = request->kept_key || request->intake;
    bool is_prompt = route_is_prompt(request);
    if (!is_prompt && !is_begun && !handler_pool_has_place(request->api->handlers))
        answer_later(&request->answer, too_many_wait);
    else if (!is_prompt && handler_pool_take(request->api->handlers, request))
        return false;
    else if (is_prompt || is_begun)
        route_handle(request, &request->answer);
    else
        answer_stopping(&request->answer);
    return true;
}

/* True: the connection is suspended until what it waits for may have come. */
static bool suspend(struct request *request)
{
    const struct answer *answer = &request->answer;
    return answer->is_waiting && (answer->is_spooling ? intake_await(request->intake)
                                                      : watch_suspend(request->api->watch, request->connection));
}

/* The request is whole, was handled, or what it waited for may have come. */
static enum MHD_Result answer_request(struct request *request)
{
    struct answer *answer = &request->answer;
    if (!request->is_handed_over && !handle_request(request))
        return MHD_YES;
    request->is_handed_over = false;
    bool is_suspended = suspend(request);
    if (answer->is_spooling && !is_suspended) { /* the spool was faster */
        answer_clear(answer);
        return answer_request(request);
    }
    if (answer->is_waiting && !is_suspended)
        answer_later(answer, too_many_wait);
    watch_begin(request->api->watch, watched(request), WATCH_ANSWERING);
    answer_cors(request, answer);
    enum MHD_Result result = is_suspended ? MHD_YES : send_answer(request, answer);
    answer_clear(answer);
    return result;
}

/* ---- bodies ---- */

static void forget_body(struct request *request)
{
    if (request->body->len) /* a password may lie there */
        memset(request->body->data, 0, request->body->len);
    counter_add(&request->api->health->http_body_bytes, -(int64_t)request->body->len);
    g_byte_array_set_size(request->body, 0);
}

static bool has_room_for_body(const struct request *request, size_t bytes)
{
    return counter_get(&request->api->health->http_body_bytes) + (int64_t)bytes <=
           request->api->settings->http.max_bodies_bytes;
}

static void shed_body(struct request *request)
{
    counter_add(&request->api->health->http_bodies_refused, 1);
    forget_body(request);
    g_byte_array_unref(request->body); /* its room, too */
    request->body = g_byte_array_new();
    request->is_refused = true;
    answer_init(&request->answer);
    answer_later(&request->answer, "too much is being sent to this server at once: try again");
}

/* What comes of one that is refused is passed over. */
static enum MHD_Result take_body(struct request *request, const char *upload, size_t *size)
{
    request->received_bytes += *size;
    if (request->received_bytes > request->most_bytes)
        return MHD_NO;
    if (!request->is_refused && !has_room_for_body(request, *size))
        shed_body(request);
    if (!request->is_refused) {
        g_byte_array_append(request->body, (const guint8 *)upload, (guint)*size);
        counter_add(&request->api->health->http_body_bytes, (int64_t)*size);
    }
    *size = 0;
    return MHD_YES;
}

static enum MHD_Result send_refusal(struct request *request)
{
    watch_begin(request->api->watch, watched(request), WATCH_ANSWERING);
    answer_cors(request, &request->answer);
    enum MHD_Result result = send_answer(request, &request->answer);
    request->is_refused = false;
    answer_clear(&request->answer);
    return result;
}

/* An answer is heard only by who has sent what it sends: where the connection is closed before, the kernel resets it,
 * and the answer is thrown away unread. More than is passed over is cut, and so is what comes too slowly. */
static enum MHD_Result begin_or_refuse(struct request *request, const char *method, const char *version)
{
    answer_init(&request->answer);
    if (begin(request, method, version, &request->answer)) {
        answer_clear(&request->answer);
        return MHD_YES;
    }
    request->is_refused = true;
    request->most_bytes *= PASSED_OVER_TIMES;
    return request->is_sending && request->declared_bytes <= request->most_bytes ? MHD_YES : send_refusal(request);
}

static enum MHD_Result on_request(void *data, struct MHD_Connection *connection, const char *url, const char *method,
                                  const char *version, const char *upload, size_t *upload_size, void **context)
{
    (void)data;
    (void)url;
    struct request *request = *context;
    if (!request)
        return MHD_NO;
    request->connection = connection;
    if (!request->is_started) {
        request->is_started = true;
        return begin_or_refuse(request, method, version);
    }
    if (*upload_size)
        return take_body(request, upload, upload_size);
    return request->is_refused ? send_refusal(request) : answer_request(request);
}

/* The first that is known of a request: its target as it was written. */
static void *on_target(void *data, const char *target, struct MHD_Connection *connection)
{
    struct request *request = g_new0(struct request, 1);
    request->api = data;
    request->connection = connection;
    request->raw_target = g_strndup(target, strnlen(target, HTTP_MAX_TARGET_BYTES + 1)); /* which takes all it may */
    request->body = g_byte_array_new();
    return request;
}

static void on_completed(void *data, struct MHD_Connection *connection, void **context,
                         enum MHD_RequestTerminationCode code)
{
    (void)connection;
    (void)code;
    struct api *api = data;
    struct request *request = *context;
    if (!request)
        return;
    watch_begin(api->watch, watched(request), WATCH_READING);
    note_times(request);
    record_span(request);
    if (request->is_handed_over || request->is_refused) { /* and is not sent any more */
        event_stream_free(request->answer.stream);
        answer_clear(&request->answer);
    }
    feed_free(request->feed);
    oidc_call_leave(request->oidc_call);
    request_forget(request);
    http_target_free(request->target);
    login_clear(&request->login);
    detect_job_leave(request->detect_job);
    camera_trial_leave(request->trial);
    intake_leave(request->intake);
    forget_body(request);
    g_byte_array_unref(request->body);
    g_free(request->raw_target);
    g_free(request->method);
    g_free(request);
    *context = NULL;
}

static void on_connection(void *data, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct api *api = data;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        peers_enter(api->peers, peer_of(connection));
        thread_prefer_short_turns(); /* of the library's own threads, which it lets nobody else begin */
        const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        *context = info ? watch_connection(api->watch, info->connect_fd) : NULL;
        return;
    }
    peers_leave(api->peers, peer_of(connection));
    if (*context)
        watch_forget(api->watch, *context);
    *context = NULL;
}

/* Each of the threads that accept may let one more in than there is place for: it is counted when it began. */
static enum MHD_Result on_accept(void *data, const struct sockaddr *address, socklen_t size)
{
    (void)size;
    struct api *api = data;
    if (peers_have_place(api->peers, &api->settings->http, address))
        return MHD_YES;
    counter_add(&api->health->http_rejected, 1);
    return MHD_NO;
}

/* What browsers of the last ten years speak (RFC 9325 section 3.1.1). */
static const char tls_versions[] = "SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:%SERVER_PRECEDENCE";

struct MHD_Daemon *server_start(struct api *api, int listen_fd, GError **error)
{
    const struct http_settings *http = &api->settings->http;
    /* A pool of one is refused by the library: one thread is the daemon's own. */
    unsigned threads = http->threads > 1 ? (unsigned)http->threads : 0;
    struct MHD_OptionItem options[] = {
        {MHD_OPTION_LISTEN_SOCKET, listen_fd, NULL},
        {MHD_OPTION_CONNECTION_LIMIT, MAX(http->max_connections, http->threads), NULL},
        {MHD_OPTION_CONNECTION_TIMEOUT, 0, NULL}, /* it counts from the last byte: deadlines are watch.c's */
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY_BYTES, NULL},
        {MHD_OPTION_STRICT_FOR_CLIENT, 1, NULL},
        {MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)on_target, api},
        {MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)on_completed, api},
        {MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)on_connection, api},
        {threads ? MHD_OPTION_THREAD_POOL_SIZE : MHD_OPTION_END, threads, NULL},
        {MHD_OPTION_END, 0, NULL},
    };
    const struct MHD_OptionItem tls_options[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, api->tls.certificate},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, api->tls.key},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)tls_versions},
        {MHD_OPTION_END, 0, NULL},
    };
    bool has_tls = api->tls.key != NULL;
    struct MHD_Daemon *daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_ALLOW_UPGRADE | (has_tls ? MHD_USE_TLS : 0), 0,
        on_accept, api, on_request, api, MHD_OPTION_ARRAY, options, has_tls ? MHD_OPTION_ARRAY : MHD_OPTION_END,
        tls_options, MHD_OPTION_END);
    if (!daemon)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE, "start the HTTP server: no threads or memory%s",
                    has_tls ? ", or the certificate and key do not belong together" : "");
    return daemon;
}
