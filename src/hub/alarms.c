/* What a person must look at before something is lost, told as signals when it begins and when it ends: to each org, in
 * the name of the server rather than of a camera. The same is in /health and in /metrics for as long as it lasts. What
 * an earlier run told of and is over is taken back. Main loop's thread.
 */
#include "hub/hub_internal.h"

#include "base/counter.h"

#include <stddef.h>

static const struct alarm {
    size_t gauge; /* in server_health: not 0 while it lasts */
    size_t since; /* there, too; 0: nobody knows */
    enum server_signal begins, ends;
    const char *attributes; /* of both; of the governor's: of the end that is told here */
    bool is_governors;      /* who tells of it, with what was measured; here it is taken back alone */
} alarms[] = {
    {SERVER_HEALTH_ALARM(retention_stopped), SERVER_SIGNAL_RETENTION_STOPPED, SERVER_SIGNAL_RETENTION_RESUMED,
     "{\"advice\":\"vedette jobs history cleanup_old_data\"}"},
    {SERVER_HEALTH_ALARM(storage_alarm), SERVER_SIGNAL_STORAGE_WILL_BE_FULL, SERVER_SIGNAL_STORAGE_LASTS_AGAIN,
     "{\"advice\":\"vedette jobs history watch_storage\"}"},
    {SERVER_HEALTH_ALARM(rollups_failing), SERVER_SIGNAL_ROLLUPS_FAILING, SERVER_SIGNAL_ROLLUPS_RECOVERED,
     "{\"advice\":\"vedette jobs history aggregate_hourly\"}"},
    {offsetof(struct server_health, store_stray_rows), 0, SERVER_SIGNAL_PARTITION_MISSING,
     SERVER_SIGNAL_PARTITIONS_COMPLETE, "{\"advice\":\"look at the server's log for why partitions are not made\"}"},
    {offsetof(struct server_health, overloaded), 0, SERVER_SIGNAL_OVERLOAD, SERVER_SIGNAL_OVERLOAD_ENDED,
     "{\"level\":0}", .is_governors = true},
};

static int64_t read_gauge(const struct hub *hub, size_t offset)
{
    return counter_get((const int64_t *)(const void *)((const char *)&hub->health + offset));
}

static bool is_on(const struct hub *hub, const struct alarm *alarm)
{
    return read_gauge(hub, alarm->gauge) != 0;
}

/* Unix milliseconds; 0: nobody knows. */
static int64_t since_ms_of(const struct hub *hub, const struct alarm *alarm)
{
    return alarm->since ? read_gauge(hub, alarm->since) : 0;
}

void alarms_look(unsigned *told, struct monitor *monitor, const struct hub *hub)
{
    for (size_t i = 0; i < G_N_ELEMENTS(alarms); i++) {
        const struct alarm *alarm = &alarms[i];
        bool is_on_now = is_on(hub, alarm), was_on = *told & 1U << i;
        if (alarm->is_governors || is_on_now == was_on)
            continue;
        *told ^= 1U << i;
        monitor_raise_for_orgs(monitor, is_on_now ? alarm->begins : alarm->ends, since_ms_of(hub, alarm),
                               alarm->attributes);
    }
}

void alarms_ask(const struct monitor *monitor, struct standing *standing, const char *org_id)
{
    for (size_t i = 0; i < G_N_ELEMENTS(alarms); i++)
        standing_ask(standing, org_id, monitor_server_id(monitor, alarms[i].begins), alarms[i].begins);
}

/* Another server of the store saw it begin after what is known here. */
static bool is_news(const struct hub *hub, const struct alarm *alarm, const struct standing_incident *incident)
{
    int64_t since_ms = since_ms_of(hub, alarm);
    return since_ms && incident->since_ms > since_ms;
}

void alarms_take_back(struct monitor *monitor, const struct hub *hub, const struct camera *server,
                      const struct standing_incident *incident)
{
    for (size_t i = 0; i < G_N_ELEMENTS(alarms); i++) {
        const struct alarm *alarm = &alarms[i];
        if (alarm->begins == incident->begun_by && !is_on(hub, alarm) && !is_news(hub, alarm, incident))
            monitor_raise(monitor, server, alarm->ends, alarm->attributes);
    }
}
