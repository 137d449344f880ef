#include "jobs/planner.h"

#include <string.h>

enum {
    ON_TIME_S = 60,  /* later than this is a misfire, not a slow turn */
    QUEUE_MAX = 100, /* runs of one job that wait for another to end; more missed times are coalesced */
    UNKNOWN_WAKE = -1,
};

struct planned {
    struct plan plan;
    char *id;
    int64_t jitter_s;
    int64_t next_s; /* due next; CRON_NEVER */
    int64_t queue[QUEUE_MAX];
    size_t queued;
    int running;
    bool is_paused, is_cancelling;
};

struct planner {
    GPtrArray *jobs; /* of struct planned * */
    int64_t now_s;   /* of the last advance */
    int64_t wake_s;  /* nothing is due before */
};

static void planned_free(void *data)
{
    struct planned *job = data;
    g_free(job->id);
    g_free(job);
}

struct planner *planner_new(void)
{
    struct planner *planner = g_new(struct planner, 1);
    *planner = (struct planner){g_ptr_array_new_with_free_func(planned_free), INT64_MIN, UNKNOWN_WAKE};
    return planner;
}

void planner_free(struct planner *planner)
{
    if (!planner)
        return;
    g_ptr_array_unref(planner->jobs);
    g_free(planner);
}

static struct planned *job_of(const struct planner *planner, size_t job)
{
    return g_ptr_array_index(planner->jobs, job);
}

/* FNV-1a: the same on every machine and in every version. */
int64_t planner_jitter(const struct plan *plan)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (const char *at = plan->id; *at; at++)
        hash = (hash ^ (uint8_t)*at) * UINT64_C(1099511628211);
    return plan->jitter_s > 0 ? (int64_t)(hash % (uint64_t)(plan->jitter_s + 1)) : 0;
}

static int64_t next_after(const struct planned *job, int64_t after_s)
{
    return cron_next(&job->plan.cron, job->plan.zone, after_s);
}

static void set_plan(struct planned *job, const struct plan *plan)
{
    job->plan = *plan;
    job->plan.id = job->id;
    job->plan.max_instances = MAX(plan->max_instances, 1);
    job->jitter_s = planner_jitter(&job->plan);
}

/* ---- decisions ---- */

static void decide(const struct planner *planner, size_t index, enum planner_action action, int64_t scheduled_s,
                   int64_t now_s, GArray *decisions)
{
    const struct planned *job = job_of(planner, index);
    struct planner_decision decision = {.action = action,
                                        .job = index,
                                        .scheduled_s = scheduled_s,
                                        .late_s = MAX(now_s - scheduled_s - job->jitter_s, 0)};
    g_array_append_val(decisions, decision);
}

static void skip(const struct planner *planner, size_t index, enum skip_reason reason, int64_t from_s, int64_t until_s,
                 int64_t now_s, GArray *decisions)
{
    decide(planner, index, PLANNER_SKIP, from_s, now_s, decisions);
    struct planner_decision *decision = &g_array_index(decisions, struct planner_decision, decisions->len - 1);
    decision->reason = reason;
    decision->until_s = until_s;
}

static void begin(const struct planner *planner, size_t index, int64_t scheduled_s, int64_t now_s, GArray *decisions)
{
    job_of(planner, index)->running++;
    decide(planner, index, PLANNER_RUN, scheduled_s, now_s, decisions);
}

static void queue_or_skip(const struct planner *planner, size_t index, int64_t scheduled_s, size_t limit, int64_t now_s,
                          GArray *decisions)
{
    struct planned *job = job_of(planner, index);
    if (job->queued < limit)
        job->queue[job->queued++] = scheduled_s;
    else
        skip(planner, index, SKIP_OVERLAP, scheduled_s, scheduled_s, now_s, decisions);
}

/* A time that is due, and in time. */
static void run_or_wait(const struct planner *planner, size_t index, int64_t scheduled_s, bool is_made_up,
                        int64_t now_s, GArray *decisions)
{
    struct planned *job = job_of(planner, index);
    if (job->running < job->plan.max_instances && !job->queued) {
        begin(planner, index, scheduled_s, now_s, decisions);
        return;
    }
    if (is_made_up && job->plan.misfire == MISFIRE_ALL) {
        queue_or_skip(planner, index, scheduled_s, QUEUE_MAX, now_s, decisions);
        return;
    }
    if (job->plan.overlap == OVERLAP_CANCEL && !job->is_cancelling) {
        job->is_cancelling = true;
        decide(planner, index, PLANNER_CANCEL, scheduled_s, now_s, decisions);
    }
    queue_or_skip(planner, index, scheduled_s, job->plan.overlap == OVERLAP_SKIP ? 0 : 1, now_s, decisions);
}

/* The due times from job->next_s to `last_s` that are within the grace, oldest first, but no more than QUEUE_MAX of the
 * latest; what is older is skipped. */
static size_t collect_due(const struct planner *planner, size_t index, int64_t last_s, int64_t now_s,
                          int64_t due[QUEUE_MAX], GArray *decisions)
{
    struct planned *job = job_of(planner, index);
    int64_t grace_s = job->plan.misfire == MISFIRE_NONE ? MIN(job->plan.grace_s, ON_TIME_S) : job->plan.grace_s;
    int64_t oldest_s = last_s - grace_s, at_s = job->next_s, first_skipped_s = at_s, dropped_s = 0;
    size_t count = 0, total = 0;
    if (at_s < oldest_s)
        at_s = next_after(job, oldest_s - 1);
    for (; at_s <= last_s; at_s = next_after(job, at_s), total++) {
        if (count == QUEUE_MAX) {
            dropped_s = due[0];
            memmove(due, due + 1, (QUEUE_MAX - 1) * sizeof due[0]);
            count--;
        }
        due[count++] = at_s;
    }
    if (job->next_s < oldest_s)
        skip(planner, index, SKIP_MISSED, first_skipped_s, oldest_s - 1, now_s, decisions);
    if (dropped_s)
        skip(planner, index, SKIP_COALESCED, next_after(job, MAX(oldest_s, first_skipped_s) - 1), dropped_s, now_s,
             decisions);
    job->next_s = at_s;
    return count;
}

static void take_due(const struct planner *planner, size_t index, int64_t now_s, GArray *decisions)
{
    struct planned *job = job_of(planner, index);
    int64_t due[QUEUE_MAX], first_s = job->next_s;
    if (job->is_paused) {
        job->next_s = next_after(job, now_s - job->jitter_s);
        skip(planner, index, SKIP_PAUSED, first_s, now_s - job->jitter_s, now_s, decisions);
        return;
    }
    size_t count = collect_due(planner, index, now_s - job->jitter_s, now_s, due, decisions), from = 0;
    if (count > 1 && job->plan.misfire != MISFIRE_ALL) {
        from = count - 1;
        skip(planner, index, SKIP_COALESCED, due[0], due[from - 1], now_s, decisions);
    }
    for (size_t i = from; i < count; i++)
        run_or_wait(planner, index, due[i], count > 1, now_s, decisions);
}

/* ---- what can happen ---- */

size_t planner_add(struct planner *planner, const struct plan *plan, int64_t last_s, bool is_paused, int64_t now_s)
{
    struct planned *job = g_new0(struct planned, 1);
    job->is_paused = is_paused;
    job->id = g_strdup(plan->id);
    set_plan(job, plan);
    /* A last time in the future was the work of a wrong clock. */
    job->next_s = next_after(job, last_s > 0 && last_s < now_s ? last_s : now_s);
    g_ptr_array_add(planner->jobs, job);
    planner->wake_s = UNKNOWN_WAKE;
    return planner->jobs->len - 1;
}

void planner_set_zone(struct planner *planner, size_t index, const struct zone *zone)
{
    struct planned *job = job_of(planner, index);
    job->plan.zone = zone;
    if (planner->now_s != INT64_MIN)
        job->next_s = next_after(job, planner->now_s - job->jitter_s);
    planner->wake_s = UNKNOWN_WAKE;
}

static void drop_queue(struct planner *planner, size_t index, enum skip_reason reason, int64_t now_s, GArray *decisions)
{
    struct planned *job = job_of(planner, index);
    if (job->queued)
        skip(planner, index, reason, job->queue[0], job->queue[job->queued - 1], now_s, decisions);
    job->queued = 0;
}

void planner_edit(struct planner *planner, size_t index, const struct plan *plan, int64_t now_s, GArray *decisions)
{
    struct planned *job = job_of(planner, index);
    if (job->next_s + job->jitter_s <= now_s)
        skip(planner, index, SKIP_EDITED, job->next_s, now_s, now_s, decisions);
    drop_queue(planner, index, SKIP_EDITED, now_s, decisions);
    set_plan(job, plan);
    job->next_s = next_after(job, now_s);
    planner->wake_s = UNKNOWN_WAKE;
}

void planner_pause(struct planner *planner, size_t index, bool is_paused, int64_t now_s, GArray *decisions)
{
    struct planned *job = job_of(planner, index);
    if (job->next_s + job->jitter_s <= now_s)
        take_due(planner, index, now_s, decisions); /* by what held until now */
    job->is_paused = is_paused;
    if (is_paused)
        drop_queue(planner, index, SKIP_PAUSED, now_s, decisions);
    planner->wake_s = UNKNOWN_WAKE;
}

/* The clock was set back: what is due next is asked of the calendar anew. */
static void replan(struct planner *planner, int64_t now_s)
{
    for (guint i = 0; i < planner->jobs->len; i++) {
        struct planned *job = job_of(planner, i);
        job->next_s = next_after(job, now_s - job->jitter_s);
    }
    planner->wake_s = UNKNOWN_WAKE;
}

void planner_advance(struct planner *planner, int64_t now_s, GArray *decisions)
{
    if (now_s < planner->now_s)
        replan(planner, now_s);
    planner->now_s = now_s;
    if (now_s < planner->wake_s)
        return;
    int64_t wake_s = INT64_MAX;
    for (guint i = 0; i < planner->jobs->len; i++) {
        struct planned *job = job_of(planner, i);
        if (job->next_s != CRON_NEVER && job->next_s + job->jitter_s <= now_s)
            take_due(planner, i, now_s, decisions);
        if (job->next_s != CRON_NEVER)
            wake_s = MIN(wake_s, job->next_s + job->jitter_s);
    }
    planner->wake_s = wake_s;
}

bool planner_run_now(struct planner *planner, size_t index, int64_t now_s, GArray *decisions)
{
    return planner_take_over(planner, index, now_s, decisions);
}

bool planner_take_over(struct planner *planner, size_t index, int64_t scheduled_s, GArray *decisions)
{
    struct planned *job = job_of(planner, index);
    if (job->running >= job->plan.max_instances)
        return false;
    begin(planner, index, scheduled_s, scheduled_s, decisions);
    return true;
}

void planner_ended(struct planner *planner, size_t index, int64_t now_s, GArray *decisions)
{
    struct planned *job = job_of(planner, index);
    job->running--;
    job->is_cancelling = job->is_cancelling && job->running > 0;
    while (job->queued && job->running < job->plan.max_instances) {
        int64_t scheduled_s = job->queue[0];
        memmove(job->queue, job->queue + 1, --job->queued * sizeof job->queue[0]);
        if (now_s - scheduled_s - job->jitter_s > job->plan.grace_s)
            skip(planner, index, SKIP_MISSED, scheduled_s, scheduled_s, now_s, decisions);
        else
            begin(planner, index, scheduled_s, now_s, decisions);
    }
}

bool planner_is_paused(const struct planner *planner, size_t index)
{
    return job_of(planner, index)->is_paused;
}

int planner_running(const struct planner *planner, size_t index)
{
    return job_of(planner, index)->running;
}

int64_t planner_next(const struct planner *planner, size_t index)
{
    return job_of(planner, index)->next_s;
}
