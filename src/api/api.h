/* API: HTTP and WebSocket on libmicrohttpd and libwslay, from ONE route table (route.h): method, path, role, request
 * record, response record, handler, doc. The web UI's files are embedded and served from "/".
 *
 * api_start opens its own threads; api_stop ends them. Main thread.
 */
#pragma once

#include <glib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/latency.h"
#include "cameras/cameras.h"
#include "detect/detect.h"
#include "facts/health.h"
#include "facts/settings.h"
#include "jobs/jobs.h"
#include "keeper/keeper.h"
#include "live/live.h"
#include "notify/notify.h"
#include "store/store.h"
#include "vedette/resilience.h"
#include "vedette/spool.h"

struct api;

/* Takes events over that came by HTTP, as the record path does with those of workers (hub/record_path.h). */
typedef bool (*api_submit)(void *records, GPtrArray *events, vedette_spool_done done, void *data,
                           struct vedette_spool_error *error);

/* What the routes tell of. Borrowed; all of it outlives the api. */
struct api_parts {
    struct store *store;
    struct vedette_spool *spool; /* NULL: none */
    struct policy_keeper *policies;
    struct live *live;
    struct server_health *health;
    struct vedette_resilience *resilience;
    struct clock *clock;
    struct detect_queue *detect; /* NULL: no pictures are looked at */
    struct cameras *cameras;     /* NULL: they are as they are */
    struct notify *notify;       /* NULL: nobody is told */
    const char *data_dir;        /* its directory "models" is told of; NULL: there is none */
    api_submit submit;           /* NULL: no events are taken */
    void *records;               /* of submit */
    /* What of the start still waits for the store, in words (g_free); NULL: nothing. Any thread. NULL: nobody knows. */
    char *(*tell_waiting)(void *data);
    void *tell_waiting_data;
};
/* What api_new would refuse of the settings, asked without a server: limits of routes, and what is in the files for
 * TLS. The error begins with the setting. */
bool api_check_settings(const struct settings *settings, GError **error);
/* `settings` outlive the api. Listens, and answers nobody yet; asks the store nothing. Fails naming address and port
 * when they are in use. */
struct api *api_new(const struct settings *settings, const struct api_parts *parts, GError **error);
/* As auth_prepare: the first administrator's password, when one was generated, is returned in *generated_password
 * (g_free), to be printed once. Also while it serves. */
bool api_prepare_logins(struct api *api, char **generated_password, GError **error);
/* Answers from now on. Once. */
bool api_serve(struct api *api, GError **error);
/* All three, where the store answers. */
struct api *api_start(const struct settings *settings, const struct api_parts *parts, char **generated_password,
                      GError **error);
/* The jobs that the routes tell of; it outlives the api. Until then they answer 503. */
void api_set_scheduler(struct api *api, struct scheduler *scheduler);
/* How long requests took, of each route that was asked for since the start. */
enum api_stage {
    API_AUTH = 1, /* limits, login and role */
    API_HANDLER,  /* what the request says is read, and answered; without the store */
    API_STORE,    /* transactions of it */
    API_WRITE,    /* until the answer was sent, and read by the client as far as the kernel does not hold it */
    API_REQUEST,  /* all of it, from the request's headers; what it waited for besides */
    API_STAGES,
};
extern const char *const api_stage_names[];
typedef void (*api_visit_times)(void *data, const char *method, const char *path,
                                const struct latency times[API_STAGES]);
/* What is handed over may be noted to meanwhile (base/latency.h). Any thread. */
void api_each_route_times(struct api *api, api_visit_times visit, void *data);
/* The port in use (settings may say 0: a free one). */
int api_port(const struct api *api);
/* Closes sockets and ends threads. NULL is allowed. */
void api_stop(struct api *api);

/* Written from the route table and the records' own; each g_free: Markdown for docs/reference/api.md, OpenAPI 3.0.3,
 * AsyncAPI 3.0 of what is told as it happens, and TypeScript: a client, and the records that it speaks of. */
char *api_routes_markdown(void);
char *api_contract_openapi(void);
char *api_contract_asyncapi(void);
char *api_contract_typescript(void);
char *api_contract_records(void);
