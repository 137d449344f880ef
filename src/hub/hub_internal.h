/* Shared by the files of the hub. Everything here belongs to the main loop's thread unless said otherwise. */
#pragma once

#include "base/clock.h"
#include "base/random.h"
#include "facts/camera.h"
#include "facts/event.h"
#include "facts/health.h"
#include "hub/hub.h"
#include "link/link.h"
#include "live/live.h"
#include "store/store.h"

struct hub;

/* One worker process and its cameras (of one org). */
struct hub_worker {
    struct hub *hub;
    char *id;
    GPtrArray *cameras; /* of const struct camera *, borrowed from the settings */
    GPid pid;           /* 0: not running */
    guint child_watch, link_watch, restart_timer;
    struct link *link;   /* NULL: not running */
    uint64_t generation; /* counts starts: a late acknowledgement of an earlier process changes nothing */
    bool has_said_hello, has_stopped;
    int restarts; /* in a row, for the backoff */
    int64_t started_us;
    GQueue waiting; /* of struct intake_batch *: the store could not take them yet */
};

struct hub {
    const struct settings *settings; /* immutable */
    char *program, *data_dir;
    struct clock *clock;
    struct random random;
    GMainLoop *loop;
    struct store *store;
    struct live *live;
    struct server_health health;
    GPtrArray *workers;          /* of struct hub_worker * */
    GHashTable *saved_health_us; /* camera id → int64_t *: when its health was last stored */
    GHashTable *saved_online;    /* camera id → whether it was online then */
    bool is_stopping;
    int exit_status;
};

/* ---- supervisor.c ---- */

void hub_workers_create(struct hub *hub);
bool hub_worker_start(struct hub_worker *worker, GError **error);
/* Asks a worker to end; its exit is noticed by the main loop. */
void hub_worker_stop(struct hub_worker *worker);
void hub_worker_free(gpointer worker);
bool hub_workers_are_gone(const struct hub *hub);
/* Someone looks at a camera. Any thread. */
void hub_want_preview(void *hub, const char *camera_id);

/* ---- intake.c ---- */

/* Takes in everything a worker's link holds now. False when the link must end; the error says why. */
bool intake_read(struct hub_worker *worker, GError **error);
/* Offers the store again what it could not take. */
void intake_retry(struct hub_worker *worker);
void intake_clear(struct hub_worker *worker);
