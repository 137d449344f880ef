/* The shell of progress.h: looks at each camera with the monitor's turn, and tells what stands still: in its health, in
 * the log, and as the signals `stalled` and `stall_ended`. Main loop's thread.
 */
#define LOG_MODULE "hub"
#include "hub/hub_internal.h"

#include "base/log.h"

/* A camera that is off line is told by camera_offline. */
static bool is_told_otherwise(const struct stalls *stalls, enum progress_stage stage,
                              const struct camera_health *health)
{
    return stage == PROGRESS_FRAMES && (stalls->is_offline || g_strcmp0(health->state, "online") != 0);
}

static void tell(struct monitor *monitor, const struct camera *camera, struct stalls *stalls,
                 const struct camera_health *health, enum progress_stage stage, int64_t now_us)
{
    const char *name = progress_stage_name(stage);
    unsigned bit = 1U << stage;
    if (stalls->progress.stages[stage].is_stalled) {
        double seconds = progress_stalled_seconds(&stalls->progress, stage, now_us);
        log_warning(camera->id, "%s stand still: nothing for %.0f s", name, seconds);
        if (is_told_otherwise(stalls, stage, health))
            return;
        stalls->told |= bit;
        stalls->asked |= 1U << SERVER_SIGNAL_STALLED; /* its end is told with it */
        g_autofree char *attributes = g_strdup_printf("{\"stage\":\"%s\",\"seconds\":%.0f}", name, seconds);
        monitor_raise(monitor, camera, SERVER_SIGNAL_STALLED, attributes);
        return;
    }
    log_info(camera->id, "%s move again", name);
    if (!(stalls->told & bit))
        return;
    stalls->told &= ~bit;
    g_autofree char *attributes = g_strdup_printf("{\"stage\":\"%s\"}", name);
    monitor_raise(monitor, camera, SERVER_SIGNAL_STALL_ENDED, attributes);
}

static bool spool_is_empty(const struct hub *hub)
{
    struct vedette_spool_stats stats;
    if (!hub->records)
        return false;
    vedette_spool_get_stats(record_path_spool(hub->records), &stats);
    return stats.total_queued == 0;
}

/* Whether what `health` says was read while nothing was on its way: the spool is asked after it was read, for what was
 * put in by then, and it is read again after that, for what was stored meanwhile. */
static bool is_at_rest(const struct hub *hub, const struct camera *camera, const struct camera_health *health)
{
    struct camera_health now;
    if (!spool_is_empty(hub) || !live_get_health(hub->live, camera->id, &now))
        return false;
    bool is_same = now.records_received == health->records_received && now.records_stored == health->records_stored;
    record_clear(&camera_health_descriptor, &now);
    return is_same;
}

/* Nothing is on its way: what left the spool otherwise than into the store (it expired, was dropped or damaged) will
 * not come, and what came out that was put in before the camera was changed, and its counters with it, was not counted.
 */
static void level_records(struct hub *hub, const struct camera *camera, struct camera_health *health)
{
    int64_t lost = MAX(health->records_received - health->records_stored, 0),
            unheard = MAX(health->records_stored - health->records_received, 0);
    if ((!lost && !unheard) || !is_at_rest(hub, camera, health))
        return;
    live_add_records(hub->live, camera->id, unheard, lost);
    health->records_received += unheard;
    health->records_stored += lost;
}

bool stalls_are_any(const struct stalls *stalls)
{
    for (int i = 0; i < PROGRESS_STAGES; i++)
        if (stalls->progress.stages[i].is_stalled)
            return true;
    return false;
}

void stalls_look(struct stalls *stalls, struct monitor *monitor, struct hub *hub, const struct camera *camera,
                 int64_t now_us)
{
    struct camera_health health;
    if (!live_get_health(hub->live, camera->id, &health))
        record_init(&camera_health_descriptor, &health); /* its worker has not spoken yet */
    level_records(hub, camera, &health);
    unsigned changed = progress_look(&stalls->progress, &health, &hub->settings->progress, now_us);
    for (int i = 0; i < PROGRESS_STAGES; i++)
        if (changed & 1U << i)
            tell(monitor, camera, stalls, &health, (enum progress_stage)i, now_us);
    progress_describe(&stalls->progress, now_us, &health);
    live_set_stalled(hub->live, camera->id, &health);
    record_clear(&camera_health_descriptor, &health);
}
