/* The scheduler: carries out what the planner decides. scheduler_turn asks the planner and puts tasks on a list;
 * threads take them off, write skips, claim runs and run them.
 *
 * `lock` guards the planner, the tasks and the list of runs. It is held for moments only, never while the store is
 * asked.
 */
#define LOG_MODULE "jobs"
#include "jobs/scheduler_internal.h"

#include <errno.h>
#include <string.h>

#include "base/counter.h"
#include "base/log.h"
#include "base/thread.h"
#include "base/wait.h"

enum {
    SKIPS_AT_ONCE = 500, /* in one transaction */
    RETRY_US = 1000000,  /* when the store could not be asked */
    HOLDERS_MAX = 5,     /* a run that ended this many servers is not tried again */
    ZONE_HOURS = 6,      /* the time zone is read anew so often, for changes of the time zone database */
};
static const int64_t zone_interval_us = ZONE_HOURS * INT64_C(3600000000);

bool job_is_cancelled(const struct job_context *context)
{
    return __atomic_load_n(context->is_cancelled, __ATOMIC_ACQUIRE) != 0;
}

int64_t scheduler_now_s(const struct scheduler *scheduler)
{
    return clock_wall_ms(scheduler->options.clock) / 1000;
}

static int64_t real_us(void)
{
    return clock_monotonic_us(clock_system());
}

static int64_t lease_ms(const struct scheduler *scheduler)
{
    return scheduler->options.settings->jobs.lease_seconds * INT64_C(1000);
}

/* ---- tasks ---- */

static void task_free(void *data)
{
    struct task *task = data;
    if (task->row) {
        record_clear(&job_run_descriptor, task->row);
        g_free(task->row);
    }
    g_free(task->requested_by);
    g_free(task);
}

/* `task` has the rest of what the row is about. */
static struct job_run *skip_row(const struct scheduler *scheduler, const struct planner_decision *decision,
                                const struct task *task)
{
    struct job_run *run = g_new0(struct job_run, 1);
    int64_t now_ms = clock_wall_ms(scheduler->options.clock);
    *run = (struct job_run){
        .job_id = g_strdup(scheduler->options.jobs[decision->job].id),
        .scheduled_at = {task->scheduled_ms},
        .cause = task->cause,
        .requested_by = g_strdup(task->requested_by),
        .state = RUN_SKIPPED,
        .reason = decision->reason,
        .until = {decision->until_s * 1000},
        .detail = g_strdup_printf("%" G_GINT64_FORMAT " s late", decision->late_s),
        .holder = g_strdup(scheduler->holder),
        .started_at = {now_ms},
        .ended_at = {now_ms},
    };
    return run;
}

static void cancel_runs(const struct scheduler *scheduler, size_t job)
{
    for (guint i = 0; i < scheduler->running->len; i++) {
        struct running *running = g_ptr_array_index(scheduler->running, i);
        if (running->job == job)
            __atomic_store_n(&running->is_cancelled, 1, __ATOMIC_RELEASE);
    }
}

void scheduler_dispatch(struct scheduler *scheduler)
{
    for (guint i = 0; i < scheduler->decisions->len; i++) {
        const struct planner_decision *decision = &g_array_index(scheduler->decisions, struct planner_decision, i);
        if (decision->action == PLANNER_CANCEL) {
            cancel_runs(scheduler, decision->job);
            continue;
        }
        struct task *task = g_new0(struct task, 1);
        *task = (struct task){.kind = decision->action == PLANNER_RUN ? TASK_RUN : TASK_SKIP,
                              .job = decision->job,
                              .scheduled_ms = decision->scheduled_s * 1000,
                              .cause = TRIGGER_SCHEDULE};
        if (task->kind == TASK_SKIP)
            task->row = skip_row(scheduler, decision, task);
        g_queue_push_tail(&scheduler->tasks, task);
    }
    if (scheduler->decisions->len)
        pthread_cond_broadcast(&scheduler->changed);
    g_array_set_size(scheduler->decisions, 0);
}

/* ---- plans ---- */

bool scheduler_plan(const struct scheduler *scheduler, const struct job *job, struct plan *plan, GError **error)
{
    *plan = (struct plan){
        .id = job->id,
        .zone = scheduler->zone,
        .grace_s = job->grace_seconds,
        .jitter_s = job->jitter_seconds,
        .misfire = job->misfire,
        .overlap = job->overlap,
        .max_instances = job->max_instances,
    };
    if (cron_parse(job->schedule, &plan->cron, error))
        return true;
    g_prefix_error(error, "job %s: ", job->id);
    return false;
}

static bool add_jobs(struct scheduler *scheduler, GError **error)
{
    const struct scheduler_options *options = &scheduler->options;
    g_autoptr(GPtrArray) states = store_jobs_list(options->store, error);
    g_autoptr(GHashTable) latest = states ? store_runs_latest(options->store, error) : NULL;
    for (size_t i = 0; latest && i < options->job_count; i++) {
        struct plan plan;
        if (!scheduler_plan(scheduler, &options->jobs[i], &plan, error))
            return false;
        const struct job_state *state = scheduler_state_of(states, plan.id);
        const int64_t *last_ms = g_hash_table_lookup(latest, plan.id);
        planner_add(scheduler->planner, &plan, last_ms ? *last_ms / 1000 : 0, state && state->is_paused,
                    scheduler_now_s(scheduler));
    }
    return latest != NULL;
}

/* The time zone database may have changed. */
static void read_zone(struct scheduler *scheduler)
{
    g_autoptr(GError) error = NULL;
    struct zone *zone = zone_load(scheduler->options.settings->jobs.time_zone, &error);
    if (!zone) {
        log_warning(NULL, "the time zone is not read anew: %s", error->message);
        return;
    }
    struct zone *old = scheduler->zone;
    scheduler->zone = zone;
    for (size_t i = 0; i < scheduler->options.job_count; i++)
        planner_set_zone(scheduler->planner, i, zone);
    zone_free(old);
}

void scheduler_turn(struct scheduler *scheduler)
{
    int64_t now_us = real_us();
    pthread_mutex_lock(&scheduler->lock);
    if (now_us - scheduler->zone_read_us > zone_interval_us) {
        read_zone(scheduler);
        scheduler->zone_read_us = now_us;
    }
    planner_advance(scheduler->planner, scheduler_now_s(scheduler), scheduler->decisions);
    scheduler_dispatch(scheduler);
    if (!scheduler->is_looking && now_us - scheduler->looked_us > lease_ms(scheduler) * 1000 / 2) {
        struct task *task = g_new0(struct task, 1);
        task->kind = TASK_LOOK;
        g_queue_push_tail(&scheduler->tasks, task);
        pthread_cond_signal(&scheduler->changed);
        scheduler->looked_us = now_us;
        scheduler->is_looking = true;
    }
    counter_set(&scheduler->options.health->jobs_waiting, (int64_t)scheduler->tasks.length);
    pthread_mutex_unlock(&scheduler->lock);
}

/* ---- running: on the scheduler's threads ---- */

static void note_ended(struct scheduler *scheduler, size_t job)
{
    pthread_mutex_lock(&scheduler->lock);
    planner_ended(scheduler->planner, job, scheduler_now_s(scheduler), scheduler->decisions);
    scheduler_dispatch(scheduler);
    pthread_mutex_unlock(&scheduler->lock);
}

static void set_running(struct scheduler *scheduler, struct running *running, bool is_running)
{
    pthread_mutex_lock(&scheduler->lock);
    if (is_running)
        g_ptr_array_add(scheduler->running, running);
    else
        g_ptr_array_remove_fast(scheduler->running, running);
    if (scheduler->is_closing)
        __atomic_store_n(&running->is_cancelled, 1, __ATOMIC_RELEASE);
    counter_set(&scheduler->options.health->jobs_running, scheduler->running->len);
    pthread_mutex_unlock(&scheduler->lock);
}

/* The store is away: once more. What is being ended is so no longer, and a task again. */
static void put_back(struct scheduler *scheduler, struct task *task)
{
    task->not_before_us = real_us() + RETRY_US;
    pthread_mutex_lock(&scheduler->lock);
    g_ptr_array_remove_fast(scheduler->ending, task);
    g_queue_push_tail(&scheduler->tasks, task);
    pthread_mutex_unlock(&scheduler->lock);
}

/* True once it is written, or another server has the run. */
static bool write_end(struct scheduler *scheduler, const struct task *task)
{
    const struct job_run *row = task->row;
    const struct store_run_hold hold = {row->job_id, task->scheduled_ms, row->fence, 0};
    g_autoptr(GError) error = NULL;
    if (store_run_end(scheduler->options.store, &hold, row->state, row->detail, &error)) {
        if (scheduler->options.jobs[task->job].alarm && !scheduler_read_alarms(scheduler, &error))
            log_debug(row->job_id, "its alarm is looked at later: %s", error->message);
        return true;
    }
    bool is_over = g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_CANCELLED);
    log_warning(row->job_id,
                is_over ? "how it ended here is not written: %s" : "its end is not written yet, and tried again: %s",
                error->message);
    return is_over;
}

/* Of one that stands in `ending`. Until it is written, or another server has the run: else it would be run again once
 * its lease is over. */
static void do_end(struct scheduler *scheduler, struct task *task)
{
    if (!write_end(scheduler, task)) {
        put_back(scheduler, task);
        return;
    }
    pthread_mutex_lock(&scheduler->lock);
    g_ptr_array_remove_fast(scheduler->ending, task);
    pthread_mutex_unlock(&scheduler->lock);
    task_free(task);
}

static struct task *end_of_run(size_t job, const struct store_run_hold *hold, enum run_state state, const char *detail)
{
    struct task *task = g_new0(struct task, 1);
    *task = (struct task){
        .kind = TASK_END, .job = job, .scheduled_ms = hold->scheduled_ms, .row = g_new0(struct job_run, 1)};
    *task->row = (struct job_run){
        .job_id = g_strdup(hold->job_id), .fence = hold->fence, .state = state, .detail = g_strdup(detail)};
    return task;
}

/* Writes how a run ended. When the server stops, a run that was told to stop is left for the next one. */
static void finish_run(struct scheduler *scheduler, size_t job, const struct store_run_hold *hold,
                       const GError *failure, const char *detail)
{
    bool is_cancelled = failure && g_error_matches(failure, VEDETTE_ERROR, VEDETTE_ERROR_CANCELLED);
    counter_add(failure ? &scheduler->options.health->jobs_failed : &scheduler->options.health->jobs_done, 1);
    if (is_cancelled && __atomic_load_n(&scheduler->is_closing, __ATOMIC_ACQUIRE)) {
        const struct store_run_hold released = {hold->job_id, hold->scheduled_ms, hold->fence, -1};
        log_info(hold->job_id, "left to whoever looks next: %s", failure->message);
        store_run_beat(scheduler->options.store, &released, NULL);
        return;
    }
    if (failure)
        log_error(hold->job_id, "%s", failure->message);
    else
        log_info(hold->job_id, "done: %s", detail);
    enum run_state state = !failure ? RUN_DONE : is_cancelled ? RUN_CANCELLED : RUN_FAILED;
    struct task *end = end_of_run(job, hold, state, failure ? failure->message : detail);
    pthread_mutex_lock(&scheduler->lock);
    g_ptr_array_add(scheduler->ending, end);
    pthread_mutex_unlock(&scheduler->lock);
    do_end(scheduler, end);
}

static void run_held(struct scheduler *scheduler, size_t index, const struct store_run_hold *hold)
{
    const struct scheduler_options *options = &scheduler->options;
    g_autoptr(GError) failure = NULL;
    g_autoptr(GString) detail = g_string_new(NULL);
    struct running running = {.job = index};
    struct job_context context = {options->store, options->settings,     options->health, options->clock,
                                  hold,           &running.is_cancelled, options,         detail};
    set_running(scheduler, &running, true);
    if (hold->fence > HOLDERS_MAX)
        g_set_error(&failure, VEDETTE_ERROR, VEDETTE_ERROR_IO,
                    "given up: %d servers that ran it ended before it did: look at their logs", HOLDERS_MAX);
    else
        options->jobs[index].run(&context, &failure);
    /* it did not come to its end, although a job tells what failed first, and that may have been before */
    if (failure && job_is_cancelled(&context))
        failure->code = VEDETTE_ERROR_CANCELLED;
    set_running(scheduler, &running, false);
    finish_run(scheduler, index, hold, failure, detail->str);
}

enum claimed {
    CLAIMED = 1,   /* and run, or another server has it */
    CLAIM_UNKNOWN, /* the store could not be asked */
    CLAIM_BUSY,    /* as many other runs hold leases as may */
};

static enum claimed claim_and_run(struct scheduler *scheduler, const struct task *task)
{
    const struct job *job = &scheduler->options.jobs[task->job];
    bool is_scheduled = task->cause == TRIGGER_SCHEDULE;
    const struct store_run_claim claim = {.job_id = job->id,
                                          .holder = scheduler->holder,
                                          .requested_by = task->requested_by,
                                          .scheduled_ms = task->scheduled_ms,
                                          .lease_ms = lease_ms(scheduler),
                                          .cause = task->cause,
                                          .max_instances = job->max_instances,
                                          .is_taking_others = is_scheduled && job->overlap == OVERLAP_CANCEL};
    struct store_run_hold hold = {job->id, task->scheduled_ms, 0, claim.lease_ms};
    g_autoptr(GError) error = NULL;
    if (!store_run_claim(scheduler->options.store, &claim, &hold.fence, &error)) {
        log_warning(job->id, "not begun, and tried again: %s", error->message);
        return CLAIM_UNKNOWN;
    }
    if (hold.fence == STORE_RUN_BUSY)
        return CLAIM_BUSY;
    if (hold.fence)
        run_held(scheduler, task->job, &hold);
    else
        log_debug(job->id, "another server has this time");
    return CLAIMED;
}

static bool is_in_grace(const struct scheduler *scheduler, const struct task *task)
{
    int64_t late_ms = clock_wall_ms(scheduler->options.clock) - task->scheduled_ms;
    return late_ms <= scheduler->options.jobs[task->job].grace_seconds * INT64_C(1000);
}

/* What is not run shall be told by the history: it becomes a skip. */
static void give_up(struct scheduler *scheduler, struct task *task, enum skip_reason reason)
{
    int64_t scheduled_s = task->scheduled_ms / 1000;
    const struct planner_decision skipped = {.job = task->job,
                                             .reason = reason,
                                             .scheduled_s = scheduled_s,
                                             .until_s = scheduled_s,
                                             .late_s = scheduler_now_s(scheduler) - scheduled_s};
    task->kind = TASK_SKIP;
    task->row = skip_row(scheduler, &skipped, task);
    put_back(scheduler, task);
}

/* A store that is away is asked again while the grace lasts, and so is a job that waits for its turn. */
static bool is_tried_again(const struct scheduler *scheduler, const struct task *task, enum claimed claimed)
{
    bool is_waiting = task->cause == TRIGGER_SCHEDULE && scheduler->options.jobs[task->job].overlap == OVERLAP_QUEUE;
    return (claimed == CLAIM_UNKNOWN || (claimed == CLAIM_BUSY && is_waiting)) && is_in_grace(scheduler, task);
}

static void do_run(struct scheduler *scheduler, struct task *task)
{
    enum claimed claimed = claim_and_run(scheduler, task);
    if (is_tried_again(scheduler, task, claimed)) {
        put_back(scheduler, task);
        return;
    }
    note_ended(scheduler, task->job);
    if (claimed == CLAIM_BUSY)
        give_up(scheduler, task, SKIP_OVERLAP);
    else if (claimed == CLAIM_UNKNOWN)
        give_up(scheduler, task, SKIP_MISSED);
    else
        task_free(task);
}

/* Skips that wait are written together. */
static void do_skips(struct scheduler *scheduler, struct task *first)
{
    g_autoptr(GPtrArray) tasks = g_ptr_array_new_with_free_func(task_free);
    g_autoptr(GPtrArray) rows = g_ptr_array_new();
    g_autoptr(GError) error = NULL;
    g_ptr_array_add(tasks, first);
    pthread_mutex_lock(&scheduler->lock);
    for (struct task *next;
         tasks->len < SKIPS_AT_ONCE && (next = g_queue_peek_head(&scheduler->tasks)) && next->kind == TASK_SKIP;)
        g_ptr_array_add(tasks, g_queue_pop_head(&scheduler->tasks));
    pthread_mutex_unlock(&scheduler->lock);
    for (guint i = 0; i < tasks->len; i++)
        g_ptr_array_add(rows, ((struct task *)g_ptr_array_index(tasks, i))->row);
    if (store_runs_skip(scheduler->options.store, (const struct job_run *const *)rows->pdata, rows->len, &error)) {
        counter_add(&scheduler->options.health->jobs_skipped, rows->len);
        return;
    }
    log_warning(NULL, "%u skipped times of jobs are not written yet, and tried again: %s", rows->len, error->message);
    g_ptr_array_set_free_func(tasks, NULL);
    for (guint i = 0; i < tasks->len; i++)
        put_back(scheduler, g_ptr_array_index(tasks, i));
}

ssize_t scheduler_find_job(const struct scheduler *scheduler, const char *job_id)
{
    for (size_t i = 0; i < scheduler->options.job_count; i++)
        if (strcmp(scheduler->options.jobs[i].id, job_id) == 0)
            return (ssize_t)i;
    return -1;
}

static void do_task(struct scheduler *scheduler, struct task *task)
{
    switch (task->kind) {
    case TASK_RUN:
        do_run(scheduler, task);
        break;
    case TASK_SKIP:
        do_skips(scheduler, task);
        break;
    case TASK_END:
        do_end(scheduler, task);
        break;
    default:
        scheduler_look(scheduler);
        task_free(task);
    }
}

/* The first task whose time has come. With the lock held. */
static struct task *take_task(struct scheduler *scheduler)
{
    int64_t now_us = real_us();
    for (GList *link = scheduler->tasks.head; link; link = link->next) {
        struct task *task = link->data;
        if (task->not_before_us > now_us)
            continue;
        g_queue_delete_link(&scheduler->tasks, link);
        if (task->kind == TASK_END)
            g_ptr_array_add(scheduler->ending, task);
        return task;
    }
    return NULL;
}

/* Until something changes, or a second has gone by, for tasks that wait for their time. With the lock held. */
static void wait_for_change(struct scheduler *scheduler)
{
    const struct timespec deadline = wait_deadline_after(RETRY_US);
    pthread_cond_timedwait(&scheduler->changed, &scheduler->lock, &deadline);
}

static void *run_thread(void *data)
{
    struct scheduler *scheduler = data;
    pthread_mutex_lock(&scheduler->lock);
    while (!scheduler->is_closing) {
        struct task *task = take_task(scheduler);
        if (!task) {
            wait_for_change(scheduler);
            continue;
        }
        pthread_mutex_unlock(&scheduler->lock);
        do_task(scheduler, task);
        pthread_mutex_lock(&scheduler->lock);
    }
    pthread_mutex_unlock(&scheduler->lock);
    return NULL;
}

/* ---- its life ---- */

static bool start_threads(struct scheduler *scheduler, GError **error)
{
    for (int i = 0; i < scheduler->options.settings->jobs.threads; i++) {
        pthread_t *thread = g_new0(pthread_t, 1);
        int code = thread_start(thread, "jobs", run_thread, scheduler);
        if (code) {
            g_free(thread);
            g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE, "start the scheduler's threads: %s",
                        g_strerror(code));
            return false;
        }
        g_ptr_array_add(scheduler->threads, thread);
    }
    return true;
}

struct scheduler *scheduler_new(const struct scheduler_options *options, GError **error)
{
    CLEANUP(scheduler) struct scheduler *scheduler = g_new0(struct scheduler, 1);
    scheduler->options = *options;
    id_write(options->clock, scheduler->holder);
    scheduler->threads = g_ptr_array_new_with_free_func(g_free);
    scheduler->running = g_ptr_array_new();
    scheduler->ending = g_ptr_array_new();
    scheduler->decisions = g_array_new(FALSE, FALSE, sizeof(struct planner_decision));
    scheduler->planner = planner_new();
    scheduler->zone_read_us = scheduler->looked_us = real_us();
    pthread_mutex_init(&scheduler->lock, NULL);
    pthread_mutex_init(&scheduler->alarms_lock, NULL);
    wait_condition_init(&scheduler->changed);
    scheduler->zone = zone_load(options->settings->jobs.time_zone, error);
    if (!scheduler->zone || !add_jobs(scheduler, error) || !scheduler_read_alarms(scheduler, error) ||
        !start_threads(scheduler, error)) {
        g_prefix_error(error, "start the scheduler: ");
        return NULL;
    }
    return g_steal_pointer(&scheduler);
}

void scheduler_free(struct scheduler *scheduler)
{
    if (!scheduler)
        return;
    pthread_mutex_lock(&scheduler->lock);
    __atomic_store_n(&scheduler->is_closing, true, __ATOMIC_RELEASE);
    for (size_t i = 0; i < scheduler->options.job_count; i++)
        cancel_runs(scheduler, i);
    pthread_cond_broadcast(&scheduler->changed);
    pthread_mutex_unlock(&scheduler->lock);
    for (guint i = 0; i < scheduler->threads->len; i++)
        pthread_join(*(pthread_t *)g_ptr_array_index(scheduler->threads, i), NULL);
    g_ptr_array_unref(scheduler->threads);
    g_queue_clear_full(&scheduler->tasks, task_free);
    g_ptr_array_unref(scheduler->running);
    g_ptr_array_unref(scheduler->ending);
    g_array_unref(scheduler->decisions);
    planner_free(scheduler->planner);
    zone_free(scheduler->zone);
    pthread_cond_destroy(&scheduler->changed);
    pthread_mutex_destroy(&scheduler->alarms_lock);
    pthread_mutex_destroy(&scheduler->lock);
    g_free(scheduler);
}
