/* What a person must look at before something is lost, told as signals when it begins and when it ends: to each org, in
 * the name of the server rather than of a camera. The same is in /health and in /metrics for as long as it lasts. Main
 * loop's thread.
 */
#include "hub/hub_internal.h"

#include "base/counter.h"

#include <stddef.h>
#include <string.h>

static const char server_name[] = "server"; /* stands where a signal names its camera */

static const struct alarm {
    size_t gauge; /* in server_health: not 0 while it lasts */
    const char *begins, *ends;
    enum severity severity;
    const char *attributes;
} alarms[] = {
    {offsetof(struct server_health, retention_stopped), "retention_stopped", "retention_resumed", SEVERITY_HIGH,
     "{\"advice\":\"vedette jobs history cleanup_old_data\"}"},
    {offsetof(struct server_health, storage_alarm), "storage_will_be_full", "storage_lasts_again", SEVERITY_HIGH,
     "{\"advice\":\"vedette retention status\"}"},
    {offsetof(struct server_health, store_stray_rows), "partition_missing", "partitions_complete", SEVERITY_MEDIUM,
     "{\"advice\":\"look at the server's log for why partitions are not made\"}"},
};

static void raise_for_each_org(struct monitor *monitor, const struct record_list *cameras, const char *kind,
                               enum severity severity, const char *attributes)
{
    const struct camera *items = cameras->items;
    for (size_t i = 0; i < cameras->count; i++) {
        bool is_told = false;
        for (size_t j = 0; j < i && !is_told; j++)
            is_told = g_strcmp0(items[j].org_id, items[i].org_id) == 0;
        if (is_told)
            continue;
        const struct camera server = {
            .id = (char *)(uintptr_t)server_name, .org_id = items[i].org_id, .site_id = items[i].site_id};
        monitor_raise(monitor, &server, kind, severity, (char *)(uintptr_t)attributes);
    }
}

void alarms_look(unsigned *told, struct monitor *monitor, const struct hub *hub)
{
    for (size_t i = 0; i < G_N_ELEMENTS(alarms); i++) {
        const struct alarm *alarm = &alarms[i];
        const int64_t *gauge = (const int64_t *)(const void *)((const char *)&hub->health + alarm->gauge);
        bool is_on = counter_get(gauge) != 0, was_on = *told & 1U << i;
        if (is_on == was_on)
            continue;
        *told ^= 1U << i;
        raise_for_each_org(monitor, &hub->settings->cameras, is_on ? alarm->begins : alarm->ends,
                           is_on ? alarm->severity : SEVERITY_INFO, alarm->attributes);
    }
}
