#include "cli/cli.h"

#include "api/api.h"
#include "facts/audit.h"
#include "facts/camera.h"
#include "facts/event.h"
#include "facts/health.h"
#include "facts/job.h"
#include "facts/model.h"
#include "facts/occupancy.h"
#include "facts/policy.h"
#include "facts/policy_types.h"
#include "facts/settings.h"
#include "facts/tenant.h"
#include "facts/track.h"
#include "facts/user.h"
#include "facts/view.h"
#include "record/settings.h"

#include <stdio.h>
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
    &track_view_descriptor,
    &camera_health_descriptor,
    &server_health_descriptor,
    &user_descriptor,
    &session_descriptor,
    &login_request_descriptor,
    &login_response_descriptor,
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
    &retention_view_descriptor,
    &policy_overlay_descriptor,
};

/* Types of policies stand in a table of their own. */
static void append_records(void (*append)(const struct record_descriptor *descriptor, GString *out), const char *gap,
                           GString *out)
{
    for (size_t i = 0; i < G_N_ELEMENTS(records) + POLICY_TYPES; i++) {
        append(i < G_N_ELEMENTS(records) ? records[i] : policy_types[i - G_N_ELEMENTS(records)].descriptor, out);
        g_string_append(out, gap);
    }
}

static char *records_markdown(void)
{
    GString *out = g_string_new(
        "# Records\n\nTimes are RFC 3339 UTC; boxes and points are in 0..1 of the frame, x right, y down.\n\n");
    append_records(record_append_markdown, "", out);
    g_string_truncate(out, out->len - 1);
    return g_string_free(out, FALSE);
}

static char *settings_markdown(void)
{
    GString *out =
        g_string_new("# Settings\n\nA setting is taken from its flag, else from its variable, else from the file, "
                     "else its default. Secrets are taken from the file and variables only.\n\n```\n");
    settings_append_help(&settings_descriptor, out);
    g_string_append(out, "```\n\nCameras, zones and lines are lists in the file; their fields stand in records.md.\n");
    return g_string_free(out, FALSE);
}

static char *records_typescript(void)
{
    GString *out =
        g_string_new("// Made by `vedette docs` from the records' own tables: `make docs` writes it anew.\n\n");
    append_records(record_append_typescript, "\n", out);
    g_string_append(out, "/** What an AnalyticsEvent carries, by its type. */\nexport interface EventPayloads {\n");
    for (size_t i = 0; i < event_type_count; i++)
        g_string_append_printf(out, "  %s: %s;\n", record_enum_name(event_type_names, event_types[i].type),
                               event_types[i].payload->name);
    g_string_append(out, "}\n");
    return g_string_free(out, FALSE);
}

/* One row per document, by its place in the source tree. */
static const struct {
    const char *name;
    char *(*text)(void);
} documents[] = {
    {"docs/reference/api.md", api_routes_markdown},
    {"docs/reference/records.md", records_markdown},
    {"docs/reference/settings.md", settings_markdown},
    {"web/src/records.ts", records_typescript},
};

static int docs_main(int argc, char **argv)
{
    for (size_t i = 0; argc == 2 && i < G_N_ELEMENTS(documents); i++) {
        g_autofree char *text = strcmp(argv[1], documents[i].name) == 0 ? documents[i].text() : NULL;
        if (text) {
            fputs(text, stdout);
            return 0;
        }
    }
    bool is_list = argc == 2 && strcmp(argv[1], "--list") == 0;
    if (!is_list)
        fprintf(stderr, "vedette docs: give --list or one of its names\n");
    for (size_t i = 0; is_list && i < G_N_ELEMENTS(documents); i++)
        puts(documents[i].name);
    return is_list ? 0 : 2;
}

const struct cli_command command_docs = {"docs", "--list|NAME", "prints a reference made from the tables", docs_main};
