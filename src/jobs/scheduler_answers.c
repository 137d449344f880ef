/* What the API asks of the scheduler: any thread. */
#define LOG_MODULE "jobs"
#include "base/log.h"
#include "jobs/scheduler_internal.h"

#include <string.h>

static bool require_job(const struct scheduler *scheduler, const char *job_id, size_t *index, GError **error)
{
    ssize_t found = scheduler_find_job(scheduler, job_id);
    *index = (size_t)MAX(found, 0);
    if (found < 0)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_NOT_FOUND, "there is no job '%s'", job_id);
    return found >= 0;
}

static void view_free(void *view)
{
    record_clear(&job_view_descriptor, view);
    g_free(view);
}

static void add_latest(struct job_view *view, const GPtrArray *runs)
{
    if (!runs->len)
        return;
    const struct job_run *latest = g_ptr_array_index(runs, 0);
    view->last_state = latest->state;
    view->last_scheduled_at = latest->scheduled_at;
    view->last_ended_at = latest->ended_at;
    view->last_detail = g_strdup(latest->detail);
}

static struct job_view *view_of(struct scheduler *scheduler, size_t index)
{
    const struct job *job = &scheduler->options.jobs[index];
    struct job_view *view = g_new0(struct job_view, 1);
    pthread_mutex_lock(&scheduler->lock);
    int64_t next_s = planner_next(scheduler->planner, index);
    *view = (struct job_view){
        .id = g_strdup(job->id),
        .name = g_strdup(job->name),
        .schedule = g_strdup(job->schedule),
        .time_zone = g_strdup(scheduler->options.settings->jobs.time_zone),
        .grace_seconds = job->grace_seconds,
        .jitter_seconds = job->jitter_seconds,
        .max_instances = job->max_instances,
        .misfire = job->misfire,
        .overlap = job->overlap,
        .is_paused = planner_is_paused(scheduler->planner, index),
        .running = planner_running(scheduler->planner, index),
        .next_at = {next_s == CRON_NEVER ? 0 : next_s * 1000},
    };
    pthread_mutex_unlock(&scheduler->lock);
    return view;
}

GPtrArray *scheduler_list(struct scheduler *scheduler, GError **error)
{
    g_autoptr(GPtrArray) views = g_ptr_array_new_with_free_func(view_free);
    for (size_t i = 0; i < scheduler->options.job_count; i++) {
        g_autoptr(GPtrArray) runs =
            store_runs_list(scheduler->options.store, scheduler->options.jobs[i].id, 0, 1, error);
        if (!runs)
            return NULL;
        struct job_view *view = view_of(scheduler, i);
        add_latest(view, runs);
        g_ptr_array_add(views, view);
    }
    return g_steal_pointer(&views);
}

/* A run by hand is known by its millisecond, which no time of a schedule shares. */
static int64_t manual_ms(const struct scheduler *scheduler)
{
    int64_t ms = clock_wall_ms(scheduler->options.clock);
    return ms % 1000 ? ms : ms + 1;
}

/* Of what was begun, so that no entry tells of a run that never was; its row in the history says who asked, too. */
static void note_run(const struct scheduler *scheduler, const char *job_id, const struct audit_by *by)
{
    const struct audit_change change = {AUDIT_JOB, job_id, "run", NULL, NULL};
    g_autoptr(GError) error = NULL;
    if (!store_audit_add(scheduler->options.store, by, &change, &error))
        log_error(job_id, "that it was run by hand is in its history and this log, not in the audit: %s",
                  error->message);
}

/* Whether one more run of a job may be under way, whichever servers have those that are. */
static bool has_turn(const struct scheduler *scheduler, size_t index, bool *is_free, GError **error)
{
    const struct job *job = &scheduler->options.jobs[index];
    int64_t running = 0;
    bool is_good = store_runs_count(scheduler->options.store, job->id, &running, error);
    *is_free = running < MAX(job->max_instances, 1);
    return is_good;
}

bool scheduler_run_now(struct scheduler *scheduler, const char *job_id, const struct audit_by *by,
                       int64_t *scheduled_ms, GError **error)
{
    size_t index;
    bool is_free;
    if (!require_job(scheduler, job_id, &index, error) || !has_turn(scheduler, index, &is_free, error))
        return false;
    *scheduled_ms = manual_ms(scheduler);
    pthread_mutex_lock(&scheduler->lock);
    bool is_begun = is_free && planner_run_now(scheduler->planner, index, *scheduled_ms / 1000, scheduler->decisions);
    scheduler_dispatch(scheduler);
    if (is_begun) {
        struct task *task = g_queue_peek_tail(&scheduler->tasks);
        task->scheduled_ms = *scheduled_ms;
        task->cause = TRIGGER_MANUAL;
        task->requested_by = g_strdup(by->actor_id);
    }
    pthread_mutex_unlock(&scheduler->lock);
    if (is_begun)
        note_run(scheduler, job_id, by);
    else
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_CONFLICT,
                    "job %s is running, and may not run twice at once: try again when it is done", job_id);
    return is_begun;
}

bool scheduler_pause(struct scheduler *scheduler, const char *job_id, bool is_paused, const struct audit_by *by,
                     GError **error)
{
    size_t index;
    const struct job_state state = {.job_id = (char *)(uintptr_t)job_id,
                                    .is_paused = is_paused,
                                    .changed_at = {clock_wall_ms(scheduler->options.clock)},
                                    .changed_by = (char *)(uintptr_t)by->actor_id};
    if (!require_job(scheduler, job_id, &index, error) || !store_job_put(scheduler->options.store, &state, by, error))
        return false;
    pthread_mutex_lock(&scheduler->lock);
    planner_pause(scheduler->planner, index, is_paused, scheduler_now_s(scheduler), scheduler->decisions);
    scheduler_dispatch(scheduler);
    pthread_mutex_unlock(&scheduler->lock);
    return true;
}

GArray *scheduler_next(struct scheduler *scheduler, const char *job_id, int count, GError **error)
{
    size_t index;
    struct plan plan;
    if (!require_job(scheduler, job_id, &index, error))
        return NULL;
    GArray *times = g_array_new(FALSE, FALSE, sizeof(int64_t));
    pthread_mutex_lock(&scheduler->lock);
    if (scheduler_plan(scheduler, &scheduler->options.jobs[index], &plan, NULL)) {
        int64_t time_s = scheduler_now_s(scheduler);
        for (int i = 0; i < count && (time_s = cron_next(&plan.cron, plan.zone, time_s)) != CRON_NEVER; i++) {
            int64_t time_ms = time_s * 1000;
            g_array_append_val(times, time_ms);
        }
    }
    pthread_mutex_unlock(&scheduler->lock);
    return times;
}

GPtrArray *scheduler_history(struct scheduler *scheduler, const char *job_id, int64_t before_ms, int limit,
                             GError **error)
{
    size_t index;
    return require_job(scheduler, job_id, &index, error)
               ? store_runs_list(scheduler->options.store, job_id, before_ms, limit, error)
               : NULL;
}
