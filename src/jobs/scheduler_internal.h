/* Shared by the files of the scheduler. */
#pragma once

#include <pthread.h>

#include "base/id.h"
#include "jobs/jobs.h"
#include "jobs/planner.h"
#include "store/audit.h"

enum task_kind { TASK_RUN = 1, TASK_SKIP, TASK_END, TASK_LOOK };
struct task {
    enum task_kind kind;
    size_t job;
    int64_t scheduled_ms;
    enum job_trigger cause;
    int64_t not_before_us; /* monotonic, of the real clock */
    char *requested_by;
    struct job_run
        *row; /* what TASK_SKIP and TASK_END write: a row, or the state, detail and fence that it ends with */
};

/* A run under way. */
struct running {
    size_t job;
    int is_cancelled; /* atomic */
};

struct scheduler {
    struct scheduler_options options; /* immutable, as all until lock */
    char holder[ID_TEXT_BYTES];
    GPtrArray *threads; /* of pthread_t * */

    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct zone *zone;
    struct planner *planner;
    GArray *decisions;
    GQueue tasks;       /* of struct task * */
    GPtrArray *running; /* of struct running *, borrowed from the threads' stacks */
    GPtrArray *ending;  /* of struct task *, a thread's, which is writing it */
    int64_t looked_us, zone_read_us, sampled_us;
    bool is_looking; /* a look waits, or is under way */
    bool is_closing;

    /* Held from a read of how jobs went until the gauges say it: else an older read could be said over a newer one. */
    pthread_mutex_t alarms_lock;
};

int64_t scheduler_now_s(const struct scheduler *scheduler);
/* What was decided becomes tasks, the last decision the last task. With the lock held. */
void scheduler_dispatch(struct scheduler *scheduler);
/* A job's plan, in the scheduler's time zone. */
bool scheduler_plan(const struct scheduler *scheduler, const struct job *job, struct plan *plan, GError **error);
/* -1: there is none. */
ssize_t scheduler_find_job(const struct scheduler *scheduler, const char *job_id);

/* scheduler_look.c: what is looked at in the store now and then, on the scheduler's threads. */
void scheduler_look(struct scheduler *scheduler);
/* Sets the gauges of alarms by how jobs went last, whichever server ran them. Any thread, without the scheduler's lock.
 * False when the store could not be asked. */
bool scheduler_read_alarms(struct scheduler *scheduler, GError **error);
/* Which of the states (of struct job_state *) is a job's; NULL: none. */
const struct job_state *scheduler_state_of(const GPtrArray *states, const char *job_id);
