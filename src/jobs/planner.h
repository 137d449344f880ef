/* Planner: given the time, which runs of which jobs begin, and which times are passed over and why. Pure: it has no
 * clock, no store and no thread; what it decides is handed back as a list, and who carries it out tells it when a run
 * ended. One thread at a time.
 *
 * A job is due at the times of its cron expression (`scheduled`), and begins `jitter` later: a part of jitter_s that is
 * always the same for one job. What could not begin in time, because the server was away or the clock was set forward,
 * is made up as `misfire` says, if it is not later than the grace; a clock that was set back lets no time come twice,
 * because a run is known by (job, scheduled) and the store takes each of these once.
 */
#pragma once

#include "facts/job.h"
#include "jobs/cron.h"

struct planner;

/* When a job is due and how its runs may meet. Copied by the planner, but for `zone`, which is borrowed. */
struct plan {
    const char *id;
    struct cron cron;
    const struct zone *zone;
    int64_t grace_s, jitter_s;
    enum misfire_policy misfire;
    enum overlap_policy overlap;
    int max_instances; /* at least 1 */
};

enum planner_action {
    PLANNER_RUN = 1, /* begin it; planner_ended must follow */
    PLANNER_SKIP,
    PLANNER_CANCEL, /* tell the job's runs to stop */
};
struct planner_decision {
    enum planner_action action;
    size_t job;              /* as planner_add returned it */
    int64_t scheduled_s;     /* of a skip: the first of them */
    enum skip_reason reason; /* of a skip */
    int64_t late_s;          /* of a run or skip: how late it is, or would have been */
    int64_t until_s;         /* of a skip: it stands for all times up to then */
};

struct planner *planner_new(void);
void planner_free(struct planner *planner);
CLEANUP_DEFINE(planner, planner_free)

/* `last_s` is the latest time that was run or skipped before, 0: none. Times since then count as missed, or as paused.
 */
size_t planner_add(struct planner *planner, const struct plan *plan, int64_t last_s, bool is_paused, int64_t now_s);
/* The same plan by another zone's clocks, or by newer data of the same zone. Times gone by stay as they are. */
void planner_set_zone(struct planner *planner, size_t job, const struct zone *zone);
/* From now on another plan, of the same id. What waits to be run is skipped. */
void planner_edit(struct planner *planner, size_t job, const struct plan *plan, int64_t now_s, GArray *decisions);
/* While paused every due time is skipped, and so is what waits. */
void planner_pause(struct planner *planner, size_t job, bool is_paused, int64_t now_s, GArray *decisions);

/* Appends what is to be done now (struct planner_decision). Costs next to nothing while nothing is due. */
void planner_advance(struct planner *planner, int64_t now_s, GArray *decisions);
/* A run by hand, also of a paused job. False when as many as may already run. */
bool planner_run_now(struct planner *planner, size_t job, int64_t now_s, GArray *decisions);
/* A run by someone else was taken over. False when as many as may already run. */
bool planner_take_over(struct planner *planner, size_t job, int64_t scheduled_s, GArray *decisions);
/* A run that was begun is over, or was not ours to begin. */
void planner_ended(struct planner *planner, size_t job, int64_t now_s, GArray *decisions);

bool planner_is_paused(const struct planner *planner, size_t job);
int planner_running(const struct planner *planner, size_t job);
/* The next time the job is due; CRON_NEVER. */
int64_t planner_next(const struct planner *planner, size_t job);
/* How long after its time a job begins. */
int64_t planner_jitter(const struct plan *plan);
