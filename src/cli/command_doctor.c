#include "cli/cli.h"

#include "cli/doctor.h"
#include "cli/settings_load.h"

#include <stdio.h>

static const char *const verdict_names[] = {"ok", "warn", "fail", NULL};

struct doctor_options {
    char *config;
    gboolean is_json;
};

static enum doctor_verdict worst_of(const GPtrArray *findings)
{
    enum doctor_verdict worst = DOCTOR_OK;
    for (guint i = 0; i < findings->len; i++)
        worst = MAX(worst, ((const struct doctor_finding *)g_ptr_array_index(findings, i))->verdict);
    return worst;
}

static void print_text(const GPtrArray *findings)
{
    for (guint i = 0; i < findings->len; i++) {
        const struct doctor_finding *finding = g_ptr_array_index(findings, i);
        printf("%-4s  %-10s  %s\n", record_enum_name(verdict_names, finding->verdict), finding->name,
               finding->found->str);
        if (finding->advice->len)
            printf("      %-10s  → %s\n", "", finding->advice->str);
    }
}

static void append_member(GString *json, const char *name, const char *value)
{
    g_string_append_printf(json, ",\"%s\":", name);
    record_append_json_string(json, value);
}

static void print_json(const GPtrArray *findings)
{
    g_autoptr(GString) json = g_string_new(NULL);
    g_string_append_printf(json, "{\"status\":\"%s\",\"checks\":[",
                           record_enum_name(verdict_names, worst_of(findings)));
    for (guint i = 0; i < findings->len; i++) {
        const struct doctor_finding *finding = g_ptr_array_index(findings, i);
        g_string_append_printf(json, "%s{\"status\":\"%s\"", i ? "," : "",
                               record_enum_name(verdict_names, finding->verdict));
        append_member(json, "name", finding->name);
        append_member(json, "found", finding->found->str);
        append_member(json, "advice", finding->advice->str);
        g_string_append_c(json, '}');
    }
    g_string_append(json, "]}");
    puts(json->str);
}

static int examine(const struct doctor_options *options, const struct settings *settings)
{
    g_autofree char *data_dir = cli_data_dir(settings);
    g_autofree char *absolute = g_canonicalize_filename(data_dir, NULL);
    struct doctor doctor = {.settings = settings, .data_dir = absolute};
    machine_detect("", &doctor.machine);
    g_autoptr(GPtrArray) findings = doctor_examine(&doctor);
    (options->is_json ? print_json : print_text)(findings);
    return worst_of(findings) == DOCTOR_FAIL ? 1 : 0;
}

static int doctor_main(int argc, char **argv)
{
    struct doctor_options options = {0};
    const GOptionEntry entries[] = {{"config", 0, 0, G_OPTION_ARG_FILENAME, &options.config,
                                     "the settings file that `vedette run` is given", "FILE"},
                                    {"json", 0, 0, G_OPTION_ARG_NONE, &options.is_json, "as one JSON object", NULL},
                                    {0}};
    g_autoptr(GError) error = NULL;
    g_autoptr(GOptionContext) context = g_option_context_new("[settings as for `vedette run`]");
    g_option_context_set_ignore_unknown_options(context, TRUE);
    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, &argc, &argv, &error)) {
        fprintf(stderr, "vedette doctor: %s\n", error->message);
        return 2;
    }
    g_autofree char *config = options.config;
    struct settings settings;
    if (!cli_settings_load(config, &argc, argv, &settings))
        return 1;
    int status = 2;
    if (argc > 1)
        fprintf(stderr, "vedette doctor: '%s' is no option; `vedette doctor --help` lists them\n", argv[1]);
    else
        status = examine(&options, &settings);
    record_clear(&settings_descriptor, &settings);
    return status;
}

const struct cli_command command_doctor = {
    "doctor", "[--config FILE] [--json]", "says what was found here, what was chosen and why, and what hinders running",
    doctor_main};
