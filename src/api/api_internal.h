/* Shared by the files of the api room.
 *
 * A request lives from its request line to the end of its answer, on one thread at a time: those of libmicrohttpd read
 * and answer, and wait for nothing (but to look up who sends a large picture: all but one of them); what may have to
 * wait is handled by the handler pool's. Handlers fill an answer and know nothing of sockets; server.c does. What a
 * request says was read by its route's tables before. One watch thread (watch.c) ends what takes too long, wakes
 * requests that wait for a preview, and carries all WebSockets (websocket.c).
 */
#pragma once

#include <microhttpd.h>
#include <pthread.h>

#include "api/api.h"
#include "api/feed.h"
#include "api/http.h"
#include "api/route.h"
#include "api/route_times.h"
#include "auth/auth.h"
#include "auth/webhook.h"
#include "base/networks.h"
#include "base/trace.h"
#include "keeper/keeper.h"

enum { API_ADDRESS_BYTES = NETWORK_GROUP_BYTES };

/* Our certificate and key, as PEM text; NULL: http in the clear (tls.c). */
struct tls {
    char *certificate, *key;
};
/* False with VEDETTE_ERROR_INVALID: a file is not there or not what it must be. */
bool tls_read(const struct http_settings *http, struct tls *tls, GError **error);
/* Wipes the key. */
void tls_clear(struct tls *tls);

struct api {
    /* immutable after start */
    const struct settings *settings;
    struct store *store;
    struct vedette_spool *spool; /* NULL: none */
    struct policy_keeper *policies;
    struct policy_backtests *backtests;
    struct webhook_verifier *webhooks;
    struct live *live;
    struct server_health *health;
    struct vedette_resilience *resilience;
    struct clock *clock;
    struct detect_queue *detect; /* NULL: none */
    struct cameras *cameras;     /* NULL: none can be changed */
    struct notify *notify;       /* may be NULL */
    const char *data_dir;        /* may be NULL */
    api_submit submit;           /* NULL: no events are taken */
    void *records;
    struct auth *auth;
    struct limits *limits;
    struct peers *peers; /* outlives the daemon */
    struct tls tls;      /* as long as the daemon */
    struct MHD_Daemon *daemon;
    char *(*tell_waiting)(void *data); /* api_parts; may be NULL */
    void *tell_waiting_data;
    int listener; /* until it is the daemon's; -1: none */
    int port;
    struct watch *watch;
    struct handler_pool *handlers;
    int senders_looked_up; /* atomic: by threads that serve connections, right now */
    struct feeds *feeds;
    struct websockets *websockets;
    struct event_streams *event_streams;
    struct route_times *route_times;
    struct viewings *viewings;

    struct scheduler *scheduler; /* atomic; NULL before api_set_scheduler */
};

/* ---- answers ---- */

struct answer {
    const struct route *route; /* that is asked; NULL: none yet */
    unsigned status;
    const char *content_type;
    GBytes *body;                /* NULL: empty */
    GPtrArray *headers;          /* name, value, name, value: owned strings */
    bool is_closing;             /* the connection may not be used again */
    bool is_waiting;             /* nothing yet: ask the handler again later */
    bool is_spooling;            /* waiting, until the spool has what came (intake.c) */
    bool is_upgrade;             /* becomes a WebSocket */
    struct event_stream *stream; /* goes on for ever; NULL: does not */
    bool is_shared;              /* a page elsewhere may read it (origins.c) */
};

void answer_init(struct answer *answer);
void answer_clear(struct answer *answer);
void answer_header(struct answer *answer, const char *name, const char *format, ...) G_GNUC_PRINTF(3, 4);
/* Takes the string over. */
void answer_json(struct answer *answer, unsigned status, GString *json);
void answer_text(struct answer *answer, unsigned status, const char *content_type, GString *text);
/* 400 for a page that cannot be begun where the cursor says, because nothing is there (any more). */
void answer_unknown_cursor(struct answer *answer, const char *cursor);
/* A record, and {"items": […]} of records with the cursor of the page after it: NULL for none, as it has for the last
 * page. Not to be stored by anyone on the way (Cache-Control: no-store). */
void answer_record(struct answer *answer, unsigned status, const struct record_descriptor *descriptor,
                   const void *record);
void answer_list(struct answer *answer, const struct record_descriptor *descriptor, const GPtrArray *records);
void answer_page(struct answer *answer, const struct record_descriptor *descriptor, const GPtrArray *records,
                 guint count, const char *next_cursor);
/* What a record is known by until it changes: an entity tag, with its quotes. g_free. */
char *record_etag(const struct record_descriptor *descriptor, const void *record);
/* A record with that tag, or 304 where a cached route is asked with it. */
void answer_tagged(const struct request *request, struct answer *answer, unsigned status,
                   const struct record_descriptor *descriptor, const void *record);
/* The list, or what kept it from being made (`records` NULL). */
void answer_list_or_error(struct answer *answer, const struct record_descriptor *descriptor, const GPtrArray *records,
                          const GError *error);

/* problems.c: problem+json with the first code of this status. `errors` may be NULL. */
void answer_problem(struct answer *answer, unsigned status, const char *detail, const struct record_errors *errors);
/* 400, where anything is wrong; the errors are cleared. Whether nothing is. */
bool answer_invalid_body(struct answer *answer, struct record_errors *errors);
/* With a code of its own. */
void answer_problem_coded(struct answer *answer, enum problem_code code, const char *detail);
/* 503, and Retry-After: what it needs is not there yet. */
void answer_later(struct answer *answer, const char *detail);
/* The same of what is not begun, as the server stops. */
void answer_stopping(struct answer *answer);
/* With the error's words. What they begin with a field of the request by ("site_id: there is no …") is told of it, by
 * its path. */
void answer_reason(struct answer *answer, unsigned status, const GError *error);
/* The problem that fits a failure of the store, or of what has a bound: 400, 401, 404, 409, and with Retry-After 429 or
 * 503. */
void answer_error(struct answer *answer, const GError *error);
/* The same where who asks is known: what is refused is more than they may (403), not a login that is wrong. */
void answer_refusal(struct answer *answer, const GError *error);
/* The same for changes: 412 for what was changed meanwhile (VEDETTE_ERROR_CONFLICT), 409 for what cannot be done as
 * things stand (VEDETTE_ERROR_UNSUPPORTED). */
void answer_change_error(struct answer *answer, const GError *error);

/* ---- requests ---- */

struct request {
    struct api *api;
    struct MHD_Connection *connection;
    char *raw_target; /* as it came */
    char *method;     /* HEAD is GET here */
    bool is_head;
    struct http_target *target;
    const struct route *route;
    const char *id; /* what {id} is, owned by target */
    /* owned by the connection */
    const char *host, *origin, *cookie, *authorization, *content_type, *content_encoding, *if_none_match, *if_match,
        *accept, *idempotency_key, *user_agent, *csrf_token;
    char address[API_ADDRESS_BYTES]; /* of who asks, not of a proxy that is trusted */
    bool is_secure;                  /* by such a proxy's TLS */
    struct oidc_call *oidc_call;     /* NULL: none yet */
    /* W3C Trace Context: our span, as it is answered, and the caller's (all zeros: none) */
    struct trace_context trace;
    char trace_id[TRACE_ID_TEXT_BYTES], traceparent[TRACE_PARENT_BYTES];
    uint8_t parent_span_id[TRACE_SPAN_ID_BYTES];
    bool is_trace_asked_for; /* the caller's is sampled */
    int64_t began_us;        /* by clock_monotonic_us */
    unsigned status;         /* that was answered; 0: nothing yet */
    int64_t answered_us, took_ns[API_STAGES];
    GByteArray *body;
    void *parameters; /* the route's parameters, decoded; NULL: it takes none */
    void *record;     /* the route's request, decoded; NULL: it takes none, or reads the body itself */
    bool is_read;
    char *kept_key;     /* idempotency.c: the answer is kept under it */
    struct login login; /* user NULL: anonymous */
    bool is_by_cookie;
    bool is_guess; /* its token cost its address a read, and was not given back */
    bool is_started;
    GList link;                         /* the handler pool's */
    bool is_handed_over;                /* to it, until what it answered is taken up */
    struct answer answer;               /* from when it is handled until it is sent, or asked for again */
    int64_t wait_until_us;              /* 0: not waiting yet */
    struct detect_job *detect_job;      /* NULL: none yet */
    struct camera_set *cameras;         /* NULL: not asked for */
    struct camera_trial *trial;         /* NULL: none yet */
    struct intake *intake;              /* NULL: none yet */
    struct feed *feed;                  /* of a WebSocket to be; NULL: none yet, or it is the WebSocket's */
    guint64 declared_bytes, most_bytes; /* of the body: as it was announced, and as it may be */
    guint64 received_bytes;             /* of it, kept or not */
    bool has_coding;                    /* of the body: it has no length */
    bool is_sending;                    /* the body, unasked */
    bool is_refused;                    /* answer is made, and what is sent passed over */
};

/* ---- server.c ---- */

/* It is known who asks: their trace is told, where they say so. */
void request_trust_trace(struct request *request);

/* ---- queues.c ---- */

/* {"memory_queue_size":…}: what of the spool is the request's org's. */
void append_queue(const struct request *request, GString *json);

/* ---- notify.c ---- */

/* Appends what is wrong with the endpoints of a kind: those of the org by name. Returns how many there are in all. */
size_t append_endpoint_troubles(struct api *api, const char *org_id, enum endpoint_kind kind, GString *text);
/* Appends those that have something to deliver and deliver nothing. */
void append_endpoint_standstills(struct api *api, const char *org_id, GString *text);
/* The circuit breakers of upstreams that one of an org may see; NULL: all. */
typedef void (*upstream_visit)(void *data, const char *name, struct vedette_breaker *breaker);
void each_upstream(struct api *api, const char *org_id, upstream_visit visit, void *data);
/* A new GArray of struct endpoint_health, of an org's endpoints; NULL: all. */
GArray *endpoint_samples(struct api *api, const char *org_id);

/* ---- framing.c ---- */

/* Makes the answer, after which the connection may not be used again; false. */
bool request_refuse(struct answer *answer, unsigned status, const char *detail);
/* False: the answer is made, because where the next request begins is not certain. Fills declared_bytes, has_coding and
 * is_sending. */
bool request_check_framing(struct request *request, const char *version, struct answer *answer);
/* False: the answer is made. */
bool request_check_size(const struct request *request, struct answer *answer);
bool request_check_host(const struct request *request, struct answer *answer);

/* ---- from the route table (route.h) ---- */

/* Fills route and id; on false the answer is made (404, 405, OPTIONS). */
bool route_find(struct request *request, struct answer *answer);
/* How large the request's body may be, before anything else is made of it: http.max_body_bytes, or what a picture takes
 * where the route is sent one. */
size_t route_body_bytes(const struct request *request);
/* Whether the found route waits for nothing: it says so of itself, who asks is known by memory, or nobody said, and
 * what was sent is soon read. */
bool route_is_prompt(struct request *request);
/* Checks login, role and origin of the found route, reads what it takes, and handles it. */
void route_handle(struct request *request, struct answer *answer);
/* handler_pool.c. http.handler_threads of them. NULL: there are no threads. */
struct handler_pool *handler_pool_start(struct api *api, GError **error);
/* What waits for a thread yet and was not begun is answered 503. */
void handler_pool_stop(struct handler_pool *pool);
/* After the daemon. NULL is allowed. */
void handler_pool_free(struct handler_pool *pool);
/* Fewer than half of http.max_connections wait: the others are for who need not. */
bool handler_pool_has_place(const struct handler_pool *pool);
/* Suspends the request's connection until its answer is filled, from when on it is not the caller's (is_handed_over).
 * False: it is not taken, as the server stops (answer_stopping). */
bool handler_pool_take(struct handler_pool *pool, struct request *request);
/* reading.c: fills parameters and record. False: the answer is made, and names all that is not valid. */
bool request_read(struct request *request, struct answer *answer);
void request_forget(struct request *request);
/* export.c: whether the fields that a list shall have are some of its record; and, once it is answered, the answer with
 * those alone, or as CSV. */
bool request_export_is_valid(const struct request *request, struct answer *answer);
void request_export(const struct request *request, struct answer *answer);
/* location.c: the route at which what this one makes can be had by its id; NULL: there is none. Says where it is. */
const struct route *route_of_made(const struct route *maker);
void request_locate(const struct request *request, struct answer *answer);
/* headers.c: whether a repetition says this one as the first answer did; all there are, "ETag, Location, …". g_free. */
bool answer_header_is_repeated(const char *name);
char *route_header_names(void);
char *route_answer_header_names(void);
/* headers.c: whether a login by cookie needs the token of its session here. */
bool route_takes_csrf_token(const struct route *route);
/* idempotency.c. False: the answer is made. */
bool route_takes_idempotency_key(const struct route *route);
bool idempotency_begin(struct request *request, struct answer *answer);
void idempotency_end(struct request *request, const struct answer *answer);
/* intake.c */
void handle_event_intake(struct request *request, struct answer *answer);
/* On the connection's thread: suspends it until the spool has answered. False: it has. */
bool intake_await(struct intake *intake);
/* The request is over. NULL is allowed. */
void intake_leave(struct intake *intake);

/* ---- cookies.c ---- */

extern const char cookie_session[], cookie_refresh[], cookie_device[], cookie_oidc[];
/* Of a browser's grant. */
void answer_cookies(const struct request *request, struct answer *answer, const struct grant *grant);
void answer_forget_cookies(const struct request *request, struct answer *answer);
/* NULL: it is forgotten. */
void answer_oidc_cookie(const struct request *request, struct answer *answer, const char *state_token);

/* ---- origins.c ---- */

/* Whether the page that asks is our own or one of http.cors_origins. Not asked without an Origin. */
bool origin_is_allowed(const struct request *request);
/* 403: it is not. */
void answer_foreign(struct answer *answer);
/* Lets pages of http.cors_origins read the answer. */
void answer_cors(const struct request *request, struct answer *answer);
void answer_preflight(const struct request *request, const char *methods, struct answer *answer);
/* Who asks through the proxies that are trusted: the last of X-Forwarded-For that is none of them. g_free. */
char *address_behind_proxies(const char *peer, const char *forwarded, const char *proxies);

/* ---- peers.c: any thread ---- */

/* Connections open at once, by network_group_address. */
struct peers *peers_new(void);
void peers_free(struct peers *peers);
/* Whether the address has fewer than http.max_connections_per_address, or is a trusted proxy's, which has everyone's.
 */
bool peers_have_place(struct peers *peers, const struct http_settings *http, const struct sockaddr *address);
void peers_enter(struct peers *peers, const struct sockaddr *address);
void peers_leave(struct peers *peers, const struct sockaddr *address);

/* ---- limits.c ---- */

/* NULL with VEDETTE_ERROR_INVALID: the settings name a route that is none. */
struct limits *limits_new(const struct limit_settings *settings, struct clock *clock, GError **error);
void limits_free(struct limits *limits);
/* Keys that its limits forgot before they were full again, to make room for others. Any thread. */
int64_t limits_count_forgotten(const struct limits *limits);
/* What is asked costs its address, and, once that is known, its user and org. False: too many, and the answer is
 * made. */
bool limits_take_address(const struct request *request, struct answer *answer);
bool limits_take_user(const struct request *request, struct answer *answer);
/* A guess at a secret that is asked for before a route's own limits, or without any, costs its address a read, before
 * anyone looks whether it is right; that it was gives it back. One for a request, however often it is asked. False: too
 * many, and the answer is made (NULL: nobody is told). */
bool limits_take_guess(struct request *request, struct answer *answer);
void limits_give_back_guess(struct request *request);
void answer_rate_limit(struct answer *answer, const char *policy, int64_t quota, const struct vedette_limit *limit);

/* oidc.c. The request is over; a call that is under way ends by itself. NULL is allowed. */
void oidc_call_leave(struct oidc_call *call);

/* upgrade.c, event_stream.c */
void handle_websocket(struct request *request, struct answer *answer);
void handle_event_stream(struct request *request, struct answer *answer);
/* Of one that is not answered after all. NULL is allowed. */
void event_stream_free(struct event_stream *stream);
/* metrics.c */
void handle_metrics(struct request *request, struct answer *answer);

/* The embedded file of a path, "/" being "/index.html"; NULL when there is none. */
const struct ui_file *ui_file_find(const char *path);
void answer_ui_file(const struct ui_file *file, const char *if_none_match, struct answer *answer);

/* Who asks, for the audit. Borrowed from the request, which has a login. */
struct audit_by request_by(const struct request *request);
/* The policy that type and query name. False: the answer is made. */
bool request_policy_name(const struct request *request, struct policy_name *name, struct answer *answer);
/* The body as text, "" when there is none. NULL: it is no text, and the answer is made. g_free. */
char *request_document(const struct request *request, struct answer *answer);
/* breakers.c: whether what concerns all orgs is this login's to see and change. */
bool request_runs_server(const struct request *request);
/* The same; false: the answer is made. */
bool request_check_runs_server(const struct request *request, struct answer *answer);
/* viewing.c: what the audit was told of lately. */
struct viewings *viewings_new(void);
void viewings_free(struct viewings *viewings);
/* Before a picture of the camera is shown: where a policy hides nobody in it, or the camera cannot be told whom to
 * hide, it is for a privacy officer or above, and the audit is told; so it is with one that was made while nobody was
 * hidden (`shows_people`). False: it is not for them, or the audit cannot be told, and the answer is made. */
bool request_may_view(const struct request *request, const struct camera *camera, bool shows_people,
                      struct answer *answer);
/* cameras.c: the cameras of this moment; theirs and what they hold live until it is asked for again, or to the
 * request's end. */
const struct camera_set *request_cameras(struct request *request);
/* A camera of the request's org out of them, or NULL and a 404; 503 while those that the API made are not read yet. */
const struct camera *request_camera(struct request *request, struct answer *answer);

/* cameras.c: a camera as the API shows it, with its ETag. camera_changes.c: the tag; what cameras.h says why it did not
 * do something (`errors` NULL: it names no fields); whether this server's cameras can be changed at all, else the
 * answer is made. */
void answer_camera(struct request *request, unsigned status, const struct camera *camera, struct answer *answer);
char *camera_etag(const struct camera *camera);
void answer_camera_failure(struct answer *answer, const GError *error, const struct record_errors *errors);
bool request_can_change_cameras(const struct request *request, struct answer *answer);
/* camera_changes.c */
void handle_camera_create(struct request *request, struct answer *answer);
void handle_camera_patch(struct request *request, struct answer *answer);
void handle_camera_delete(struct request *request, struct answer *answer);
void handle_camera_test(struct request *request, struct answer *answer);
void handle_source_test(struct request *request, struct answer *answer);

/* False: the camera's circuit breaker is open, and the answer is made: 503 "Camera unavailable" with Retry-After. What
 * is asked of the camera itself, and not of the store, asks this first. */
bool request_camera_is_available(const struct request *request, const struct camera *camera, struct answer *answer);
/* The same for what would connect to the camera anew, which is how an administrator finds out why its breaker opened:
 * false only where an operator forced it open. */
bool request_camera_may_be_tried(const struct request *request, const struct camera *camera, struct answer *answer);

/* ---- the server (server.c) ---- */

struct MHD_Daemon *server_start(struct api *api, int listen_fd, GError **error);

/* ---- the watch thread ---- */

struct watch *watch_start(struct api *api, GError **error);
void watch_stop(struct watch *watch);
void watch_free(struct watch *watch);
void watch_wake(struct watch *watch);
/* What a connection is at, each with a deadline of its own: whoever is late is cut. */
enum watch_phase {
    WATCH_READING = 1, /* a request, headers and body, or none yet: http.request_timeout_seconds */
    WATCH_HANDLING,    /* on a thread of ours: what it waits for has its own bounds */
    WATCH_ANSWERING,   /* what was asked for comes and is sent: http.answer_timeout_seconds, from each look at whether
                          it has come */
};
/* Reads a request from now on. */
struct watched_connection *watch_connection(struct watch *watch, int fd);
void watch_begin(struct watch *watch, struct watched_connection *connection, enum watch_phase phase);
void watch_upgraded(struct watch *watch, struct watched_connection *connection);
void watch_forget(struct watch *watch, struct watched_connection *connection);
/* Suspends a request and resumes it soon. False when the server stops or too many wait. */
bool watch_suspend(struct watch *watch, struct MHD_Connection *connection);
/* What one of those waits for may have come: they are asked again now. Any thread. */
void watch_hurry(struct watch *watch);
/* A request that suspends itself until another thread resumes it: the server stops only after the release. False: it
 * stops already, and nothing may be suspended. Any thread. */
bool watch_hold(struct watch *watch);
void watch_release(struct watch *watch);

/* ---- WebSockets: on the watch thread, but for websocket_accept ---- */

struct websockets *websockets_new(struct api *api, int epoll_fd);
void websockets_free(struct websockets *websockets);
/* Takes over the socket of an upgraded connection, and the feed, which wakes the watch thread. Any thread; waits for
 * nothing. */
void websocket_accept(struct websockets *websockets, struct MHD_UpgradeResponseHandle *handle, int fd,
                      const void *extra, size_t extra_size, struct feed *feed);
void websockets_event(struct websockets *websockets, void *client, uint32_t events);
/* Sends what is queued, checks logins, ends what is dead. Returns how long it may rest (ms), -1 for ever. */
int websockets_tend(struct websockets *websockets);
void websockets_close_all(struct websockets *websockets);

/* ---- event_stream.c: the same feeds as text/event-stream ---- */

struct event_streams *event_streams_new(struct api *api);
void event_streams_free(struct event_streams *streams);
struct event_stream;
/* Takes the stream over; NULL on want of memory. The connection is the request's. */
struct MHD_Response *event_stream_response(struct event_stream *stream, struct MHD_Connection *connection);
/* Checks logins, keeps connections alive, cuts those that nobody reads. Watch thread. Returns how long it may rest
 * (ms), -1 for ever. */
int event_streams_tend(struct event_streams *streams);

/* live_routes.c. False: the types are not valid, and the answer says so. */
bool subscription_check_parameters(const struct request *request, struct answer *answer);
/* live_routes.c: what a request wants to be told (feed_open), in front of it what it missed after this event (NULL, or
 * no id: nothing). Reads the store: on a handler's thread. NULL: there is no place, and the answer says so. */
struct feed *request_open_feed(const struct request *request, const char *after_id, void (*wake)(void *data),
                               void *data, struct answer *answer);
