#include "facts/records.h"

#include "facts/answers.h"
#include "facts/audit.h"
#include "facts/backtest.h"
#include "facts/breaker.h"
#include "facts/camera.h"
#include "facts/event.h"
#include "facts/health.h"
#include "facts/incident.h"
#include "facts/job.h"
#include "facts/live_message.h"
#include "facts/log.h"
#include "facts/login.h"
#include "facts/model.h"
#include "facts/notify.h"
#include "facts/occupancy.h"
#include "facts/policy.h"
#include "facts/policy_types.h"
#include "facts/profile.h"
#include "facts/report.h"
#include "facts/staff.h"
#include "facts/tenant.h"
#include "facts/track.h"
#include "facts/user.h"
#include "facts/view.h"

#include <string.h>

static const struct record_descriptor *const records[] = {
    &camera_descriptor,
    &zone_descriptor,
    &line_descriptor,
    &analytics_event_descriptor,
    &signal_descriptor,
    &zone_hit_descriptor,
    &line_crossing_descriptor,
    &occupancy_log_descriptor,
    &track_update_descriptor,
    &live_subscription_descriptor,
    &live_resumed_descriptor,
    &track_view_descriptor,
    &camera_health_descriptor,
    &server_health_descriptor,
    &user_descriptor,
    &login_response_descriptor,
    &session_view_descriptor,
    &me_descriptor,
    &user_answer_descriptor,
    &api_key_descriptor,
    &api_key_answer_descriptor,
    &model_card_descriptor,
    &worker_hello_descriptor,
    &camera_rules_descriptor,
    &schedule_window_descriptor,
    &camera_view_descriptor,
    &line_view_descriptor,
    &zone_view_descriptor,
    &camera_stream_descriptor,
    &stream_health_descriptor,
    &org_descriptor,
    &site_descriptor,
    &school_class_descriptor,
    &service_policy_descriptor,
    &policy_revision_descriptor,
    &audit_view_descriptor,
    &audit_entry_descriptor,
    &job_view_descriptor,
    &job_run_descriptor,
    &occupancy_hourly_descriptor,
    &occupancy_daily_descriptor,
    &occupancy_monthly_descriptor,
    &quarantined_event_descriptor,
    &legal_hold_descriptor,
    &incident_descriptor,
    &incident_note_descriptor,
    &incident_change_descriptor,
    &violation_descriptor,
    &track_summary_descriptor,
    &track_point_descriptor,
    &track_path_descriptor,
    &report_line_descriptor,
    &employee_descriptor,
    &shift_descriptor,
    &vehicle_descriptor,
    &access_log_descriptor,
    &attendance_record_descriptor,
    &vehicle_log_descriptor,
    &retention_view_descriptor,
    &profile_report_descriptor,
    &profile_part_descriptor,
    &profile_stage_descriptor,
    &policy_overlay_descriptor,
    &track_chunk_descriptor,
    &backtest_finding_descriptor,
    &backtest_incident_descriptor,
    &backtest_descriptor,
    &breaker_view_descriptor,
    &problem_descriptor,
    &problem_error_descriptor,
    &status_answer_descriptor,
    &health_answer_descriptor,
    &resilience_answer_descriptor,
    &component_answer_descriptor,
    &engines_answer_descriptor,
    &breaker_state_answer_descriptor,
    &queue_answer_descriptor,
    &times_answer_descriptor,
    &scheduled_answer_descriptor,
    &audit_verification_descriptor,
    &policies_in_force_descriptor,
    &policy_answer_descriptor,
    &policy_change_answer_descriptor,
    &policy_effective_answer_descriptor,
    &intake_answer_descriptor,
    &intake_result_descriptor,
    &placed_line_descriptor,
    &placed_zone_descriptor,
    &notify_webhook_descriptor,
    &notify_broker_descriptor,
    &notification_descriptor,
    &endpoint_health_descriptor,
    &dead_letter_descriptor,
};

/* Types of policies stand in a table of their own. */
size_t facts_record_count(void)
{
    return G_N_ELEMENTS(records) + POLICY_TYPES;
}

const struct record_descriptor *facts_record_at(size_t index)
{
    return index < G_N_ELEMENTS(records) ? records[index] : policy_types[index - G_N_ELEMENTS(records)].descriptor;
}

const struct record_descriptor *facts_record_find(const char *name)
{
    for (size_t i = 0; i < facts_record_count(); i++)
        if (strcmp(facts_record_at(i)->name, name) == 0)
            return facts_record_at(i);
    return NULL;
}
