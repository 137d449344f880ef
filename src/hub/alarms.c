/* What a person must look at before something is lost, told as signals when it begins and when it ends: to each org, in
 * the name of the server rather than of a camera. The same is in /health and in /metrics for as long as it lasts. Main
 * loop's thread.
 */
#include "hub/hub_internal.h"

#include "base/counter.h"

#include <stddef.h>

static const struct alarm {
    size_t gauge; /* in server_health: not 0 while it lasts */
    size_t since; /* there, too; 0: nobody knows */
    enum server_signal begins, ends;
    const char *attributes;
} alarms[] = {
    {SERVER_HEALTH_ALARM(retention_stopped), SERVER_SIGNAL_RETENTION_STOPPED, SERVER_SIGNAL_RETENTION_RESUMED,
     "{\"advice\":\"vedette jobs history cleanup_old_data\"}"},
    {SERVER_HEALTH_ALARM(storage_alarm), SERVER_SIGNAL_STORAGE_WILL_BE_FULL, SERVER_SIGNAL_STORAGE_LASTS_AGAIN,
     "{\"advice\":\"vedette jobs history watch_storage\"}"},
    {SERVER_HEALTH_ALARM(rollups_failing), SERVER_SIGNAL_ROLLUPS_FAILING, SERVER_SIGNAL_ROLLUPS_RECOVERED,
     "{\"advice\":\"vedette jobs history aggregate_hourly\"}"},
    {offsetof(struct server_health, store_stray_rows), 0, SERVER_SIGNAL_PARTITION_MISSING,
     SERVER_SIGNAL_PARTITIONS_COMPLETE, "{\"advice\":\"look at the server's log for why partitions are not made\"}"},
};

static const int64_t *gauge_at(const struct hub *hub, size_t offset)
{
    return (const int64_t *)(const void *)((const char *)&hub->health + offset);
}

void alarms_look(unsigned *told, struct monitor *monitor, const struct hub *hub)
{
    for (size_t i = 0; i < G_N_ELEMENTS(alarms); i++) {
        const struct alarm *alarm = &alarms[i];
        bool is_on = counter_get(gauge_at(hub, alarm->gauge)) != 0, was_on = *told & 1U << i;
        if (is_on == was_on)
            continue;
        *told ^= 1U << i;
        int64_t since_ms = alarm->since ? counter_get(gauge_at(hub, alarm->since)) : 0;
        monitor_raise_for_orgs(monitor, is_on ? alarm->begins : alarm->ends, since_ms, alarm->attributes);
    }
}
