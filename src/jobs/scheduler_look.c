/* What a scheduler looks at in the store now and then, for it may be another server's doing: which jobs are paused,
 * which runs have no holder any more, how jobs went last; and how much room this server's disk has.
 */
#define LOG_MODULE "jobs"
#include "jobs/scheduler_internal.h"

#include <string.h>

#include "base/counter.h"
#include "base/log.h"

enum { EXPIRED_AT_ONCE = 16, SAMPLE_MINUTES = 30 };
static const int64_t sample_interval_us = SAMPLE_MINUTES * INT64_C(60000000);

const struct job_state *scheduler_state_of(const GPtrArray *states, const char *job_id)
{
    for (guint i = 0; i < states->len; i++)
        if (strcmp(((const struct job_state *)g_ptr_array_index(states, i))->job_id, job_id) == 0)
            return g_ptr_array_index(states, i);
    return NULL;
}

/* Another server may have paused a job, or let it go on. */
static void read_states(struct scheduler *scheduler)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) states = store_jobs_list(scheduler->options.store, &error);
    if (!states) {
        log_debug(NULL, "which jobs are paused is not read anew: %s", error->message);
        return;
    }
    pthread_mutex_lock(&scheduler->lock);
    for (size_t i = 0; i < scheduler->options.job_count; i++) {
        const struct job_state *state = scheduler_state_of(states, scheduler->options.jobs[i].id);
        bool is_paused = state && state->is_paused;
        if (is_paused != planner_is_paused(scheduler->planner, i))
            planner_pause(scheduler->planner, i, is_paused, scheduler_now_s(scheduler), scheduler->decisions);
    }
    scheduler_dispatch(scheduler);
    pthread_mutex_unlock(&scheduler->lock);
}

static bool is_end_of(const struct task *task, const struct job_run *run)
{
    return task->kind == TASK_END && task->scheduled_ms == run->scheduled_at.ms &&
           strcmp(task->row->job_id, run->job_id) == 0;
}

/* Of a run whose end we write as soon as we can, or just now. With the lock held. */
static bool is_ending(const struct scheduler *scheduler, const struct job_run *run)
{
    for (const GList *link = scheduler->tasks.head; link; link = link->next)
        if (is_end_of(link->data, run))
            return true;
    for (guint i = 0; i < scheduler->ending->len; i++)
        if (is_end_of(g_ptr_array_index(scheduler->ending, i), run))
            return true;
    return false;
}

/* Runs whose holder is gone become ours. */
static void take_expired(struct scheduler *scheduler)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) runs = store_runs_expired(scheduler->options.store, EXPIRED_AT_ONCE, &error);
    if (!runs) {
        log_debug(NULL, "runs without a holder are not looked for: %s", error->message);
        return;
    }
    pthread_mutex_lock(&scheduler->lock);
    for (guint i = 0; i < runs->len; i++) {
        const struct job_run *run = g_ptr_array_index(runs, i);
        ssize_t job = scheduler_find_job(scheduler, run->job_id);
        if (job < 0 || is_ending(scheduler, run) ||
            !planner_take_over(scheduler->planner, (size_t)job, run->scheduled_at.ms / 1000, scheduler->decisions))
            continue;
        scheduler_dispatch(scheduler);
        struct task *task = g_queue_peek_tail(&scheduler->tasks);
        task->scheduled_ms = run->scheduled_at.ms;
        task->cause = run->cause;
    }
    pthread_mutex_unlock(&scheduler->lock);
}

static bool read_alarms(const struct scheduler_options *options, GError **error)
{
    for (size_t i = 0; i < options->job_count; i++) {
        const struct job *job = &options->jobs[i];
        bool has_failed;
        int64_t since_ms;
        if (!job->alarm)
            continue;
        if (!store_run_failed(options->store, job->id, &has_failed, &since_ms, error))
            return false;
        counter_set((int64_t *)(void *)((char *)options->health + job->alarm_since), since_ms);
        counter_set((int64_t *)(void *)((char *)options->health + job->alarm), has_failed);
    }
    return true;
}

bool scheduler_read_alarms(struct scheduler *scheduler, GError **error)
{
    pthread_mutex_lock(&scheduler->alarms_lock);
    bool is_read = read_alarms(&scheduler->options, error);
    pthread_mutex_unlock(&scheduler->alarms_lock);
    return is_read;
}

/* Jobs are run by one server; each has a disk. */
static void sample_room(struct scheduler *scheduler)
{
    int64_t now_us = clock_monotonic_us(scheduler->options.clock), free_bytes = 0;
    g_autoptr(GError) error = NULL;
    pthread_mutex_lock(&scheduler->lock);
    bool is_due = !scheduler->sampled_us || now_us - scheduler->sampled_us >= sample_interval_us;
    if (is_due)
        scheduler->sampled_us = now_us;
    pthread_mutex_unlock(&scheduler->lock);
    if (is_due && (!store_free_bytes(scheduler->options.store, &free_bytes, &error) ||
                   !store_storage_sample(scheduler->options.store, free_bytes, &error)))
        log_warning(NULL, "how much room the disk has is not noted: %s", error->message);
}

void scheduler_look(struct scheduler *scheduler)
{
    g_autoptr(GError) error = NULL;
    read_states(scheduler);
    take_expired(scheduler);
    sample_room(scheduler);
    if (!scheduler_read_alarms(scheduler, &error))
        log_debug(NULL, "how jobs of other servers went is not read: %s", error->message);
    pthread_mutex_lock(&scheduler->lock);
    scheduler->is_looking = false;
    pthread_mutex_unlock(&scheduler->lock);
}
