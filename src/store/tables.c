/* The tables, and whose rows they hold: the one list from which both engines keep tenants apart. */
#include "store/store_internal.h"

#include <string.h>

#include "facts/audit.h"
#include "facts/incident.h"
#include "facts/job.h"
#include "facts/kept_answer.h"
#include "facts/log.h"
#include "facts/login.h"
#include "facts/occupancy.h"
#include "facts/policy.h"
#include "facts/staff.h"
#include "facts/tenant.h"
#include "facts/track.h"

static const struct record_field count_fields[] = {
    FIELD(struct count_row, org_id, RECORD_KEY, "whose"),
    FIELD(struct count_row, day, RECORD_KEY, "midnight UTC"),
    FIELD(struct count_row, camera_id, RECORD_KEY, "the camera"),
    FIELD(struct count_row, subject_id, RECORD_KEY, "the line or zone"),
    FIELD(struct count_row, kind, RECORD_KEY, "line_in, line_out, zone_enter, zone_exit or zone_inside"),
    FIELD(struct count_row, count, 0, "how many"),
    FIELD(struct count_row, at, 0, "capture time of the latest event counted"),
};
const struct record_descriptor store_count_descriptor =
    RECORD(struct count_row, "Count", 1, count_fields, "Counts of a line or zone on one UTC day.", .table = "counts");

static const struct record_field camera_status_fields[] = {
    FIELD(struct camera_status, org_id, RECORD_KEY, "whose"),
    FIELD(struct camera_status, id, RECORD_KEY, "the camera"),
    FIELD(struct camera_status, online, 0, "it was, when last written"),
    FIELD(struct camera_status, last_seen, 0, "capture time of its last frame"),
    FIELD(struct camera_status, metadata, 0, "its health"),
    FIELD(struct camera_status, watched_since, 0, "when it was made or enabled; absent: before that was kept"),
};
const struct record_descriptor camera_status_descriptor = RECORD(
    struct camera_status, "CameraStatus", 1, camera_status_fields, "How a camera was last seen.", .table = "cameras");

static const struct record_field store_value_fields[] = {
    FIELD(struct store_value, name, RECORD_KEY, "what it is"),
    FIELD(struct store_value, value, RECORD_REQUIRED, "what is counted up"),
};
const struct record_descriptor store_value_descriptor = RECORD(struct store_value, "StoreValue", 1, store_value_fields,
                                                               "The server's own counters.", .table = "store_values");

#define OF_SITE "FOREIGN KEY (org_id, site_id) REFERENCES sites (org_id, id)"
#define OF_ORG "FOREIGN KEY (org_id) REFERENCES orgs (id)"

const struct store_table store_tables[] = {
    {&org_descriptor, STORE_IS_ORG, NULL},
    {&site_descriptor, STORE_OF_ORG, OF_ORG},
    {&school_class_descriptor, STORE_OF_ORG, OF_SITE},
    {&camera_descriptor, STORE_OF_ORG, OF_SITE ", " OF_ORG},
    {&user_descriptor, STORE_OF_ORG, OF_ORG ", UNIQUE (org_id, username)"},
    {&session_descriptor, STORE_OF_ORG, "FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id)"},
    {&refresh_token_descriptor, STORE_OF_ORG, "FOREIGN KEY (org_id, session_id) REFERENCES sessions (org_id, id)"},
    {&api_key_descriptor, STORE_OF_ORG, OF_ORG},
    {&signing_key_descriptor, STORE_OF_PLATFORM, NULL},
    {&login_failure_descriptor, STORE_OF_PLATFORM, NULL},
    /* No foreign key: what was seen outlives the camera that saw it. */
    {&analytics_event_descriptor, STORE_OF_ORG, NULL, .days_since = 6},
    {&store_count_descriptor, STORE_OF_ORG, NULL},
    {&track_chunk_descriptor, STORE_OF_ORG, NULL, .days_since = 24},
    {&service_policy_descriptor, STORE_OF_ORG_OR_ALL,
     OF_ORG ", " OF_SITE ", FOREIGN KEY (org_id, class_id) REFERENCES classes (org_id, id), "
            "FOREIGN KEY (org_id, camera_id) REFERENCES cameras (org_id, id)"},
    {&policy_revision_descriptor, STORE_OF_ORG_OR_ALL, OF_ORG, .is_append_only = true},
    {&policy_file_descriptor, STORE_OF_PLATFORM, NULL},
    {&taken_webhook_descriptor, STORE_OF_PLATFORM, NULL},
    {&store_value_descriptor, STORE_OF_PLATFORM, NULL},
    {&audit_entry_descriptor, STORE_OF_ORG, NULL, .is_append_only = true},
    {&audit_value_descriptor, STORE_OF_ORG, NULL, .is_append_only = true},
    {&audit_key_descriptor, STORE_OF_ORG, NULL},
    {&audit_head_descriptor, STORE_OF_ORG, NULL},
    {&occupancy_hourly_descriptor, STORE_OF_ORG, NULL},
    {&occupancy_daily_descriptor, STORE_OF_ORG, NULL},
    {&occupancy_monthly_descriptor, STORE_OF_ORG, NULL},
    {&rollup_mark_descriptor, STORE_OF_ORG, NULL},
    /* No foreign key: what happened at a site outlives it. */
    {&site_clocks_descriptor, STORE_OF_ORG, NULL},
    {&camera_place_descriptor, STORE_OF_ORG, NULL},
    {&quarantined_event_descriptor, STORE_OF_ORG, NULL},
    {&legal_hold_descriptor, STORE_OF_ORG, NULL},
    {&access_log_descriptor, STORE_OF_ORG, NULL},
    {&attendance_record_descriptor, STORE_OF_ORG, NULL},
    {&vehicle_log_descriptor, STORE_OF_ORG, NULL},
    {&incident_descriptor, STORE_OF_ORG, NULL},
    {&incident_change_descriptor, STORE_OF_ORG, NULL},
    {&violation_descriptor, STORE_OF_ORG, NULL},
    {&employee_descriptor, STORE_OF_ORG, OF_ORG},
    {&shift_descriptor, STORE_OF_ORG, OF_ORG},
    {&vehicle_descriptor, STORE_OF_ORG, OF_ORG},
    {&kept_answer_descriptor, STORE_OF_ORG, NULL},
    {&job_run_descriptor, STORE_OF_PLATFORM, NULL},
    {&job_state_descriptor, STORE_OF_PLATFORM, NULL},
    {&storage_sample_descriptor, STORE_OF_PLATFORM, NULL},
};
const size_t store_table_count = G_N_ELEMENTS(store_tables);

const struct store_table *store_table_find(const char *name)
{
    for (size_t i = 0; i < store_table_count; i++)
        if (strcmp(store_tables[i].descriptor->table, name) == 0)
            return &store_tables[i];
    return NULL;
}

const char *store_table_leading(const struct store_table *table)
{
    return table->tenancy == STORE_OF_ORG ? "org_id" : NULL;
}

char *store_table_condition(const struct store_table *table, bool is_write, const char *org, const char *prefix)
{
    switch (table->tenancy) {
    case STORE_IS_ORG:
        return is_write ? g_strdup_printf("%sid = %s", prefix, org)
                        : g_strdup_printf("(%sid = %s OR %s = '" STORE_PLATFORM "')", prefix, org, org);
    case STORE_OF_ORG_OR_ALL:
        return is_write ? g_strdup_printf("(%sorg_id = %s OR (%sorg_id IS NULL AND %s = '" STORE_PLATFORM "'))", prefix,
                                          org, prefix, org)
                        : g_strdup_printf("(%sorg_id = %s OR (%sorg_id IS NULL AND %s IS NOT NULL))", prefix, org,
                                          prefix, org);
    case STORE_OF_PLATFORM:
        return g_strdup_printf("%s = '" STORE_PLATFORM "'", org);
    default:
        return g_strdup_printf("%sorg_id = %s", prefix, org);
    }
}
