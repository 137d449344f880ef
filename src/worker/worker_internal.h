/* Shared by the files of the worker's process: what it holds of each camera, and the threads that analyse.
 *
 * Threads: the main one talks with the hub; sources have their own (media); one loads the models and ends; a fixed pool
 * analyses. `lock` guards which
 * camera waits and which is being analysed; everything else of a camera belongs to the analyser that has it.
 */
#pragma once

#include <pthread.h>

#include "base/log.h"
#include "facts/profile.h"
#include "link/link.h"
#include "media/media.h"
#include "worker/outbox.h"
#include "worker/pictures.h"
#include "worker/worker.h"

struct worker;

struct watched_camera {
    struct worker *worker;
    struct camera camera;        /* its own, with the logins */
    struct camera_health health; /* counters by counter_*; strings under the source's own lock */
    struct media_source *source; /* NULL when it could not be started; start_error says why */
    struct pipeline *pipeline;
    char *start_error;
    int64_t live_refusal; /* why live pictures have been refused for a while, by counter_*: enum figure_refusal */
    /* under worker->lock */
    int64_t waiting_since_us; /* 0: no frame waits */
    int64_t busy_since_us;    /* 0: no frame of it is being analysed */
    int64_t idle_since_us;    /* 0: no analyser has to look after it without a frame */
    bool is_taken;            /* an analyser has it, with a frame or without */
    int64_t preview_until_us;
    struct camera_config *told; /* for the analyser that has it next; NULL: nothing new */
    bool is_told;               /* at least once: no frame is looked at before that */
    /* the analyser's */
    int64_t active_us;             /* when something last moved */
    int64_t live_refused_us;       /* since when live pictures are refused one after the other; 0: they are not */
    int64_t telling;               /* the number of what it goes by: its pictures carry it */
    double analyse_fps;            /* as its policies have it */
    double thinned_scale;          /* what `governed` was made for; 0: never */
    struct frame_thinner governed; /* what the governor leaves of analyse_fps */
    int64_t preview_next_us;
    GString *events; /* of the frame being fed, NDJSON */
    GString *tracks; /* of the frame being fed, JSON */
    int event_count, event_priority;
    struct log_limit preview_complaint;
    struct camera as_told;                /* the main thread's: as its policies have it; all zeros until it was told */
    int64_t frames_before, rate_since_us; /* the main thread's: for analysed_fps */
    int64_t frames_when_woken;            /* the main thread's */
    int64_t started_us;                   /* immutable once it is analysed */
    bool is_finished;                     /* the main thread's, of one that was left: its last records are made */
};

/* Which of them is not there yet. */
enum models_loading { MODELS_LOADED = 0, MODELS_LOADING_DETECTOR, MODELS_LOADING_READER };

struct worker {
    struct link *link;
    struct outbox *outbox;
    struct worker_config config; /* with the logins, once they came */
    struct media_streams *streams;
    struct detector *detector;
    pthread_mutex_t detector_lock;
    struct reader *reader;            /* of looks; NULL: tracks are not found again by them */
    pthread_mutex_t reader_lock;      /* after detector_lock */
    pthread_t loader;                 /* of both; while it loads it has their locks */
    bool has_loader, is_loading_over; /* the main thread's; that it is over was noticed */
    enum models_loading loading;      /* under lock */
    pthread_cond_t loaded;            /* it changed; only with a loader */
    /* of struct watched_camera *, changed by the main thread alone, and under lock; a camera is freed from `left`, once
     * no analyser has it and all its records were acknowledged */
    GPtrArray *cameras, *left;
    struct worker_camera *added; /* until its logins are here and it is started; NULL: none */
    GHashTable
        *words; /* main thread: camera id → enum vedette_breaker_state, an operator's, until it is in `cameras` */
    int64_t next_turn_us; /* main thread: then all that were started are contacted, and more may be */
    pthread_t *analysers;
    int analyser_count;
    struct pictures *pictures; /* of a worker without cameras, once one was sent */
    pthread_mutex_t lock;
    pthread_cond_t work;
    bool is_stopping;            /* under lock */
    struct governor_order order; /* under lock: what to leave out */
    int64_t trim_us;             /* main thread: when freed memory goes back to the system next */
    /* the main thread's: how many errors of each kind the hub was told of, at most as many kinds as error groups ever
     * are, and the time of the latest */
    GHashTable *errors_told;
    int64_t errors_told_ms;
};

/* ---- watching.c: main thread ---- */

GPtrArray *watching_array_new(void);
/* A camera that cannot be started costs no other one: its health says why. Not started yet. */
struct watched_camera *watching_add(struct worker *worker, const struct camera *camera, uint64_t track_id_base);
/* Starts the last `count` of `cameras`. They are contacted at random within source.start_spread_ms for each of them,
 * once those that were started before have all had their turn. */
void watching_start(struct worker *worker, guint count);
/* An operator's word to its breaker; `is_awaited`: it counts from the start of a camera that is still to be added. */
void watching_force_breaker(struct worker *worker, const char *id, enum vedette_breaker_state word, bool is_awaited);
/* NULL: there is none, or it was left. */
struct watched_camera *watching_find(struct worker *worker, const char *id, size_t length);
/* Brings its health up to date. */
void watching_describe(struct watched_camera *camera, int64_t now_us);
/* Has an analyser look after those of which no frame was analysed since the last call. */
void watching_wake_idle(struct worker *worker);
/* Fills in how long the stages of its frames took; record_clear it. */
void watching_measure(struct watched_camera *camera, struct camera_times *times);
/* It is analysed no more; what it still has to say is sent. */
void watching_leave(struct worker *worker, const char *id, size_t length);
/* Ends and frees those that were left, as far as that can be done now. */
void watching_end_left(struct worker *worker);
/* Once nothing is analysed any more: the last records of all. */
void watching_finish_all(struct worker *worker);
void watching_forget_added(struct worker *worker);
/* Nobody may be looked at for long: a model of looks that fails is told of all the same, once it was to be loaded. */
void watching_note_looks(struct watched_camera *camera);

/* ---- models.c: main thread ---- */

/* Begins to load them; with the cage closed. */
bool models_begin(struct worker *worker, GError **error);
/* Which of them is being loaded. Any thread. */
enum models_loading models_loading(struct worker *worker);
/* Until they are loaded, or could not be. */
void models_await(struct worker *worker);
/* The same, but for some seconds at most: then the cameras begin without. */
void models_await_for_cameras(struct worker *worker);
/* Ends one that hangs, and with one that does not end the process. Each second. */
void models_watch(struct worker *worker);
/* False: one is still being loaded, and nothing of the worker may be freed. */
bool models_end(struct worker *worker);

/* ---- analyser.c ---- */

/* Where the records of a camera's pipeline go. */
struct pipeline_sink analyser_sink(struct watched_camera *camera);
/* A frame of this camera waits. For media_source. */
void analyser_note_frame(void *camera);
/* No frame of this camera comes: what is due by the clock is told, and what it was told counts. */
void analyser_note_idle(struct watched_camera *camera);
/* One has it now, with a frame or without. With the worker's lock held. */
void analyser_begin_turn(struct watched_camera *camera);
/* Sends the events of the frame just fed. */
void analyser_flush_events(struct watched_camera *camera);
bool analyser_start_all(struct worker *worker, GError **error);
/* Ends every analyser once it is done with its frame, and waits for it. */
void analyser_stop_all(struct worker *worker);
