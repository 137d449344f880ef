/* API: HTTP and WebSocket on libmicrohttpd and libwslay, from ONE route table (route.h): method, path, role, request
 * record, response record, handler, doc. The web UI's files are embedded and served from "/".
 *
 * api_start opens its own threads; api_stop ends them. Main thread.
 */
#pragma once

#include <glib.h>

#include "base/clock.h"
#include "base/error.h"
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
};
/* `settings` outlive the api. Makes the first administrator when the store has no user: the password of
 * settings->admin_password, or a generated one, which is returned in *generated_password (g_free) to be printed once.
 * Fails naming address and port when they are in use. */
struct api *api_start(const struct settings *settings, const struct api_parts *parts, char **generated_password,
                      GError **error);
/* The jobs that the routes tell of; it outlives the api. Until then they answer 503. */
void api_set_scheduler(struct api *api, struct scheduler *scheduler);
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
