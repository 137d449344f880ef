#include "cli/cli.h"

#include "cli/doctor.h"
#include "cli/settings_load.h"
#include "facts/health.h"

#include <stdio.h>
#include <string.h>

static const char *const verdict_names[] = {"ok", "warn", "fail", NULL};

struct doctor_options {
    char *config;
    gboolean is_json, is_end_to_end;
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

/* ---- end to end ---- */

struct proof_print {
    bool is_json, is_proved;
    GString *lines; /* of JSON, joined */
};

static void print_line(const struct proof_line *said, bool is_proved)
{
    if (said->step && *said->step)
        printf("%9.1f ms  %s\n", said->ms, said->step);
    else if (is_proved)
        printf("proved: a camera's frame becomes a stored record\n");
    else
        printf("failed: %s\n", said->reason);
}

/* {"step":"…","ms":12.3} or {"result":"ok"} or {"result":"failed","reason":"…"} */
static void on_line(void *data, const char *line)
{
    struct proof_print *print = data;
    struct proof_line said;
    struct record_errors errors;
    record_errors_init(&errors);
    bool is_good = record_decode_json(&proof_line_descriptor, line, strlen(line), &said, &errors);
    record_errors_clear(&errors);
    if (!is_good)
        return;
    if (g_strcmp0(said.result, "ok") == 0)
        print->is_proved = true;
    g_string_append_printf(print->lines, "%s%s", print->lines->len ? "," : "", line);
    if (!print->is_json)
        print_line(&said, print->is_proved);
    fflush(stdout);
    record_clear(&proof_line_descriptor, &said);
}

static int prove(const struct doctor_options *options, const char *data_dir)
{
    struct proof_print print = {.is_json = options->is_json, .lines = g_string_new(NULL)};
    g_autoptr(GError) error = NULL;
    if (!options->is_json)
        printf("through %s\n",
               doctor_server_pid(data_dir) ? "the server that runs" : "a server in a temporary directory");
    bool is_whole = doctor_prove(data_dir, on_line, &print, &error);
    if (options->is_json)
        printf("{\"status\":\"%s\",\"steps\":[%s]}\n", print.is_proved ? "ok" : "fail", print.lines->str);
    g_string_free(print.lines, TRUE);
    if (!is_whole)
        fprintf(stderr, "vedette doctor: %s\n", error->message);
    return print.is_proved ? 0 : 1;
}

static int examine(const struct doctor_options *options, const struct settings *settings)
{
    g_autofree char *data_dir = cli_data_dir(settings);
    g_autofree char *absolute = g_canonicalize_filename(data_dir, NULL);
    if (options->is_end_to_end)
        return prove(options, absolute);
    struct doctor doctor = {.settings = settings, .data_dir = absolute};
    machine_detect("", &doctor.machine);
    g_autoptr(GPtrArray) findings = doctor_examine(&doctor);
    (options->is_json ? print_json : print_text)(findings);
    return worst_of(findings) == DOCTOR_FAIL ? 1 : 0;
}

static int doctor_main(int argc, char **argv)
{
    struct doctor_options options = {0};
    const GOptionEntry entries[] = {
        {"config", 0, 0, G_OPTION_ARG_FILENAME, &options.config, "the settings file that `vedette run` is given",
         "FILE"},
        {"end-to-end", 0, 0, G_OPTION_ARG_NONE, &options.is_end_to_end,
         "send one synthetic event from a camera's frame to a stored record, and time each step", NULL},
        {"json", 0, 0, G_OPTION_ARG_NONE, &options.is_json, "as one JSON object", NULL},
        {0}};
    struct settings settings;
    int status = cli_options_load("doctor", entries, &options.config, &argc, argv, &settings);
    if (status == 0) {
        status = cli_options_are_all("doctor", argc, argv) ? examine(&options, &settings) : 2;
        record_clear(&settings_descriptor, &settings);
    }
    g_free(options.config);
    return status;
}

const struct cli_command command_doctor = {
    "doctor", "[--config FILE] [--end-to-end] [--json]",
    "says what was found here, what was chosen and why, and what hinders running", doctor_main};
