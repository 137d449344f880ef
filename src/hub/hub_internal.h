/* Shared by the files of the hub. Everything here belongs to the main loop's thread unless said otherwise. */
#pragma once

#include <pthread.h>

#include "base/clock.h"
#include "base/random.h"
#include "cameras/cameras.h"
#include "detect/detect.h"
#include "facts/breaker.h"
#include "facts/camera_set.h"
#include "facts/event.h"
#include "facts/health.h"
#include "hub/control.h"
#include "hub/hub.h"
#include "hub/incident_teller.h"
#include "hub/profile.h"
#include "hub/progress.h"
#include "hub/proof.h"
#include "hub/record_path.h"
#include "hub/standing.h"
#include "hub/trace_export.h"
#include "jobs/jobs.h"
#include "keeper/keeper.h"
#include "link/link.h"
#include "live/live.h"
#include "notify/notify.h"
#include "store/store.h"
#include "vedette/resilience.h"

/* Names in the hub's resilience manager: an upstream's cannot be a camera's, whose ids have no colon. */
#define HUB_BREAKER_STORE "upstream:store"
#define HUB_BREAKER_COLLECTOR "upstream:collector"

struct hub;
struct monitor;
struct track_ids;
struct governing;
struct trials;

/* CPU time of a process when it was last looked at. */
struct process_cpu {
    GPid pid;
    int64_t us;
};

/* One worker process and its cameras (of one org). Lives as long as it has some; processes come and go. */
struct hub_worker {
    struct hub *hub;
    char *id;
    /* shared cameras: those it shall watch, those its process was told of, and those it was told to leave and whose
     * last records may still come */
    GPtrArray *cameras, *held, *left;
    GPid pid; /* 0: not running */
    guint child_watch, link_watch, restart_timer;
    struct link *link;   /* NULL: not running */
    uint64_t generation; /* counts starts: an earlier process's batches are kept, but not acknowledged to a later one */
    bool has_said_hello, has_stopped, is_caged;
    bool is_killed;            /* its process, for its silence */
    bool is_apart;             /* of proof.c or trials.c: not started again, and its records are no camera's */
    bool has_defaults;         /* of proof.c: goes by the default settings of the analysis, and by no policies */
    bool looks_at_pictures;    /* of detecting.c: without cameras */
    bool is_leaving;           /* it was told to end, and is not started again */
    bool is_half, has_crashed; /* of crashes.c: for which camera ends it is looked; its last end was one of those */
    int restarts;              /* in a row, for the backoff */
    int crashes;               /* in a row, each soon after its start: of crashes.c */
    int64_t started_us, heard_us;
    uint64_t measured;      /* the look of a profile that it answered last */
    struct process_cpu cpu; /* the governor's */
    GQueue waiting;         /* of struct intake_batch *, by sequence: the spool could not take them yet */
    size_t bytes_in_hand;   /* of batches read and not yet spooled, waiting or not; as link_weigh_events has it */
};

struct hub {
    const struct settings *settings; /* immutable */
    char *program, *data_dir;
    struct clock *clock;
    struct random random;
    GMainLoop *loop;
    struct store *store;
    struct record_path *records;
    struct live *live;
    struct server_health health;
    GPtrArray *workers;    /* of struct hub_worker * */
    guint workers_made;    /* for their names */
    GPtrArray *not_placed; /* shared cameras that governing.c refused */
    struct cameras *cameras;
    struct trials *trials; /* while it serves */
    struct monitor *monitor;
    struct track_ids *track_ids;
    struct governing *governing;
    struct hub_policies *policies;
    struct incident_teller *incident_teller;
    struct notify *notify;                 /* from before the first record is drained until after the last */
    struct control *control;               /* NULL: it could not listen */
    struct proof *proof;                   /* the one under way */
    struct detecting *detecting;           /* while it serves */
    struct process_cpu cpu;                /* the governor's */
    struct vedette_resilience *resilience; /* breakers of upstreams, queues */
    GHashTable *breaker_words;             /* camera id → enum breaker_word that an operator said last */
    struct arrival *arrival;               /* while it serves; what of the start waits for the store */
    struct scheduler *scheduler;           /* atomic; while it serves; NULL: not yet, the store was not there */
    struct trace_export *traces;           /* NULL: nothing is traced */
    struct api *api;                       /* while it serves */
    struct profile *profile;               /* the one under way */
    int log_level_changes;                 /* that workers were told of */
    pthread_mutex_t answered_lock;         /* guards answered: the spool's thread fills it, the main loop empties it */
    GQueue answered;                       /* of struct intake_batch * */
    bool is_stopping, has_failed;          /* has_failed: the exit status is 1 */
};

/* ---- supervisor.c ---- */

/* Among the others, not started yet; g_ptr_array_remove of hub->workers frees it. */
struct hub_worker *hub_worker_new(struct hub *hub);
/* One of its own for the camera (copied) of a proof or a trial. */
struct hub_worker *hub_worker_new_apart(struct hub *hub, const char *id, const struct camera *camera);
/* One without cameras, among the others; not started yet. */
struct hub_worker *hub_worker_new_for_pictures(struct hub *hub, const char *id);
bool hub_worker_start(struct hub_worker *worker, GError **error);
/* What cannot be started now is tried again. */
void hub_worker_start_or_retry(struct hub_worker *worker);
/* Tells its process what is different in its cameras. */
void hub_worker_tell_cameras(struct hub_worker *worker);
/* It has no camera any more: ends once its last records were taken over, and goes from the workers once nothing of it
 * is on its way. One that is apart ends at once. */
void hub_worker_leave(struct hub_worker *worker);
/* A camera that it was told to leave is over: one that leaves ends with the last. */
void hub_worker_end_left(struct hub_worker *worker);
/* Frees those that left. */
void hub_workers_reap(struct hub *hub);
/* The hello was good: hands over the logins and lets it at its cameras. */
bool hub_worker_admit(struct hub_worker *worker, GError **error);
/* Reads on after a pause, and ends a process that has been silent for too long. */
void hub_worker_look_after(struct hub_worker *worker);
/* Asks a worker to end; its exit is noticed by the main loop. */
void hub_worker_stop(struct hub_worker *worker);
/* Ends its process at once, and its link. */
void hub_worker_end(struct hub_worker *worker);
void hub_worker_free(gpointer worker);
bool hub_workers_are_gone(const struct hub *hub);
/* Tells every worker what is logged now, once it has changed. */
void hub_workers_tell_log_levels(struct hub *hub);
/* Its process is killed; its exit starts it again. */
void hub_worker_kill(struct hub_worker *worker);
/* Someone looks at a camera. Any thread. */
void hub_want_preview(void *hub, const char *camera_id);

/* ---- placing.c ---- */

/* It watches cameras of an org, and may get more. */
bool hub_worker_is_for_cameras(const struct hub_worker *worker);
/* It was started workers.stable_seconds ago or longer: what it did before does not count any more. */
bool hub_worker_is_stable(const struct hub_worker *worker);
/* Gives each camera that there is now a worker, and takes from workers what there is no longer; new workers are not
 * started yet. What is as it was is left alone. */
void hub_place_cameras(struct hub *hub);
/* A new worker, not started yet, for the second half of the cameras of one that does not run. No others join the two.
 */
struct hub_worker *hub_place_half(struct hub_worker *worker);
/* The cameras are others now: they are placed, and all who go by them are told. For cameras_listen; any thread. */
void hub_cameras_changed(void *hub);

/* ---- crashes.c ---- */

/* Its process ended. Why its cameras are off line: `reason`, or that it is this camera which ends it. g_free. */
char *crashes_note(struct hub_worker *worker, int status, const char *reason);
/* It is one of those among whose cameras the one is looked for, and gets no others until it has run for long. */
bool crashes_is_half(const struct hub_worker *worker);
/* Before it is started again: one that ended again and again keeps half of its cameras, and another gets the rest. */
void crashes_halve(struct hub_worker *worker);

/* ---- trials.c ---- */

/* Tries sources that cameras.h is asked to try, each in a worker of its own. */
struct trials *trials_new(struct hub *hub);
void trials_free(struct trials *trials);
/* Begins those that wait and ends those that are over. */
void trials_turn(struct trials *trials);
/* What the worker of a trial tells. `trials` may be NULL, as below. */
void trials_take_health(struct trials *trials, const struct hub_worker *worker, const struct camera_health *health);
void trials_note_gone(struct trials *trials, const struct hub_worker *worker, const char *reason);

/* ---- detecting.c ---- */

/* Serves the queue from now on; freed after the workers' processes and the API are gone. */
struct detecting *detecting_new(struct hub *hub);
void detecting_free(struct detecting *detecting);
struct detect_queue *detecting_queue(struct detecting *detecting);
/* Ends what takes too long or is idle, and hands out what waits. */
void detecting_turn(struct detecting *detecting);
/* A worker's answer. False when its link must end. */
bool detecting_take(struct hub_worker *worker, enum link_type type, const void *body, size_t length, GError **error);
/* The worker's process is gone. `detecting` may be NULL. */
void detecting_note_gone(struct detecting *detecting, struct hub_worker *worker);

/* ---- tuning.c ---- */

/* How many workers share the cores: those that watch cameras, at least 1. Those of pictures, trials and proofs come and
 * go, and take what is left. */
int tuning_count_sharers(const struct hub *hub);
/* Adds what tells a worker's libraries how many threads they may have. */
char **tuning_environment(const struct hub *hub, char **environment);
/* Fills in the numbers of threads that the settings leave to the machine (0). */
void tuning_fill(const struct hub *hub, struct worker_config *config);

/* ---- policies.c ---- */

/* Once store and settings are known. Freed after the workers are gone. */
struct hub_policies *policies_new(struct hub *hub, GError **error);
void policies_free(struct hub_policies *policies);
/* What counts for its cameras, to a worker that just began. NULL: there are none. */
void policies_tell_worker(struct hub_policies *policies, struct hub_worker *worker);
/* A worker that was told to leave a camera, or takes another in its place, knows nothing of it. What it was told is
 * kept for whoever holds the camera next. */
void policies_forget_camera(struct hub_policies *policies, const char *camera_id);
/* Other cameras are there now. */
void policies_see_cameras(struct hub_policies *policies);
/* Where there is no policies.directory, what earlier runs took over is nobody's any more: it stays, and is in no doubt.
 * Any thread. */
bool policies_forget_files(struct hub_policies *policies, GError **error);
/* Takes over what policies.directory says, from now on; nothing where none is set. On one thread, once there is whom
 * the files are of. False: it cannot be watched. */
bool policies_start_files(struct hub_policies *policies, GError **error);
struct policy_keeper *policies_keeper(struct hub_policies *policies);

/* ---- governing.c ---- */

/* Once data_dir, settings and live are known; freed after the last turn. `machine_root` as machine.h has it: "". */
struct governing *governing_new(struct hub *hub, const char *machine_root);
void governing_free(struct governing *governing);
/* Whether this camera is watched, by governor.admission; says so where it is not. One that was refused is
 * asked for again once there is room. `governing` NULL, here and in governing_order_worker: nobody governs. */
bool governing_admit(struct governing *governing, const struct camera *camera);
/* Measures, at most once a second, and does what follows. */
void governing_turn(struct governing *governing);
/* Tells a worker what is left out now. */
void governing_order_worker(struct governing *governing, struct hub_worker *worker);

/* ---- intake.c ---- */

/* Takes in everything a worker's link holds now, up to what may be in hand. False when the link must end; the error
 * says why. */
bool intake_read(struct hub_worker *worker, GError **error);
/* The worker's process is gone: its cameras are off line. */
void intake_note_gone(struct hub_worker *worker, const char *reason);

/* ---- intake_batches.c ---- */

/* Has the spool take a batch of the worker's process (of that many bytes; takes `events` over: they are checked), and
 * acknowledges it once it has. */
void intake_put_batch(struct hub_worker *worker, uint64_t sequence, size_t bytes, GPtrArray *events);
/* So much waits for the spool that nothing more is read from this worker. */
bool intake_is_full(const struct hub_worker *worker);
/* Offers the spool again what it could not take. What waits of processes that ended is lost beyond a bound, the least
 * urgent and oldest first, counted (records_dropped) and logged: the process that runs needs the room. */
void intake_retry(struct hub_worker *worker);
/* Before the worker is freed. */
void intake_clear(struct hub_worker *worker);

/* ---- breakers.c ---- */

struct vedette_resilience *hub_resilience_new(struct hub *hub);
/* Whether it shall watch it. */
bool hub_worker_has_camera(const struct hub_worker *worker, const char *camera_id);
/* As the settings have it, for one that is made apart. */
void hub_breaker_config(const struct hub *hub, struct vedette_breaker_config *config);
/* An operator's word to a camera's breaker. Any thread. */
void hub_force_breaker(void *hub, const char *camera_id, enum breaker_word word);
/* What was said of a worker's cameras before it started. */
bool hub_send_breaker_word(struct hub_worker *worker, const char *camera_id, GError **error);

/* ---- alarms.c ---- */

/* Raises a signal for each org when what a person must look at begins, and when it ends. *told holds what was. */
void alarms_look(unsigned *told, struct monitor *monitor, const struct hub *hub);
/* Asks whether an org's incidents of the server itself still stand, once the gauges say how it is. */
void alarms_ask(const struct monitor *monitor, struct standing *standing, const char *org_id);
/* Ends one that stands, unless what it tells of lasts: its end will be told. `server`: as the camera of its org. */
void alarms_take_back(struct monitor *monitor, const struct hub *hub, const struct camera *server,
                      const struct standing_incident *incident);

/* ---- monitor.c ---- */

/* After the store is open and the cameras are known; freed after the record path is closed. */
struct monitor *monitor_new(struct hub *hub);
/* Hands over what was raised since the last turn; before the record path is closed. NULL is allowed, as below. */
void monitor_stop(struct monitor *monitor);
/* Keeps that no camera is on line any more, while the store takes it, for some seconds at most. What the spool did not
 * take is lost, counted as rejected and logged. */
void monitor_free(struct monitor *monitor);
/* Looks at every camera, at most once a second: raises camera_offline and camera_recovered, and stores how it is. What
 * was told before it was watched (by an earlier run, or before it was disabled) and is no more is taken back. */
void monitor_turn(struct monitor *monitor);
/* Raises a signal of the server that began now; `attributes` is JSON. Kept until the spool takes it, for each org
 * apart; beyond store.queue_records of all orgs the oldest of the one that has most is lost, counted as rejected. */
void monitor_raise(struct monitor *monitor, const struct camera *camera, enum server_signal signal,
                   const char *attributes);
/* The same of the server itself, once for each org that has cameras: the machine is everybody's. `since_ms`: of what
 * every server of a store sees, when it began, by which it is one and the same signal whoever tells it; 0: now. */
void monitor_raise_for_orgs(struct monitor *monitor, enum server_signal signal, int64_t since_ms,
                            const char *attributes);
/* The camera's in signals of the server: "server" of what all servers of a store see, "server-" and which of them it is
 * (its name in the store, made once for its data directory) of what is this one's alone. Borrowed. */
const char *monitor_server_id(const struct monitor *monitor, enum server_signal signal);

/* ---- stalls.c ---- */

/* What is known of a camera's progress; zero it to begin. */
struct stalls {
    struct progress progress;
    bool is_offline;  /* the monitor's: camera_offline was raised */
    unsigned look;    /* the monitor's: at which it was there */
    int64_t since_us; /* the monitor's: from when on it is watched */
    unsigned asked;   /* bit 1 << server_signal: what was told of it before then is taken back, or will be */
    unsigned told;    /* bit 1 << stage: a signal was raised */
};
/* Whether some stage stands still, told or not. */
bool stalls_are_any(const struct stalls *stalls);
/* Also levels the camera's counters of records where nothing of it is on its way into the store any more. */
void stalls_look(struct stalls *stalls, struct monitor *monitor, struct hub *hub, const struct camera *camera,
                 int64_t now_us);
