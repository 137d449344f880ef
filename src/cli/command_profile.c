/* vedette profile: where frames, records and requests of a running server spend their time. */
#include "cli/cli.h"

#include "cli/control_client.h"
#include "cli/settings_load.h"
#include "facts/profile.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { SECONDS_USUAL = 10 };

struct profile_options {
    char *config;
    int seconds;
    gboolean is_json;
};

struct answer {
    struct profile_report report;
    char *failure; /* as the server told it */
    bool is_good;
};

/* ---- reading ---- */

static bool decode(const struct record_descriptor *descriptor, const char *line, void *record)
{
    struct record_errors errors;
    record_errors_init(&errors);
    bool is_good = record_decode_json(descriptor, line, strlen(line), record, &errors);
    record_errors_clear(&errors);
    return is_good;
}

static void take_result(struct answer *answer, const char *line)
{
    struct control_result result;
    if (!decode(&control_result_descriptor, line, &result))
        return;
    answer->is_good = strcmp(result.result, "ok") == 0;
    answer->report.seconds = result.seconds;
    answer->failure = g_strdup(result.reason);
    record_clear(&control_result_descriptor, &result);
}

static void on_line(void *data, const char *line)
{
    struct answer *answer = data;
    struct profile_part part;
    if (g_str_has_prefix(line, "{\"result\""))
        take_result(answer, line);
    else if (decode(&profile_part_descriptor, line, &part))
        *(struct profile_part *)record_list_append(&answer->report.parts, &profile_part_descriptor) = part;
}

/* ---- showing ---- */

static const char *words_for(enum profile_part_kind kind)
{
    static const char *const words[] = {"frames of all cameras", "frames of camera ",
                                        "records on their way to the store", "requests ",
                                        "left out, as its worker did not answer in time: camera "};
    return words[kind - 1];
}

static void print_part(const struct profile_part *part)
{
    bool is_named = part->kind != PROFILE_CAMERAS && part->kind != PROFILE_RECORDS;
    const struct profile_stage *stages = part->stages.items;
    printf("\n%s%s", words_for(part->kind), is_named ? part->name : "");
    if (part->kind != PROFILE_LEFT_OUT)
        printf(": %lld%s", (long long)part->count, part->kind == PROFILE_RECORDS ? " batches stored" : "");
    putchar('\n');
    if (part->stages.count)
        printf("  %-10s %9s %11s %9s %9s %9s %9s %7s\n", "stage", "count", "total ms", "mean ms", "p50", "p95", "p99",
               "share");
    for (size_t i = 0; i < part->stages.count; i++) {
        const struct profile_stage *stage = &stages[i];
        printf("  %-10s %9lld %11.1f %9.3f %9.3f %9.3f %9.3f", stage->stage, (long long)stage->count, stage->total_ms,
               stage->mean_ms, stage->p50_ms, stage->p95_ms, stage->p99_ms);
        if (stage->share.is_present)
            printf(" %6.1f%%", 100 * stage->share.value);
        putchar('\n');
    }
}

static void print_report(const struct profile_report *report, bool is_json)
{
    if (is_json) {
        g_autoptr(GString) json = g_string_new(NULL);
        record_encode_json(&profile_report_descriptor, report, false, json);
        puts(json->str);
        return;
    }
    const struct profile_part *parts = report->parts.items;
    printf("looked for %.1f s; times by the clock on the wall\n", report->seconds);
    for (size_t i = 0; i < report->parts.count; i++)
        print_part(&parts[i]);
}

/* ---- asking ---- */

static int fail(const char *what, const char *why)
{
    fprintf(stderr, "vedette profile: %s%s\n", what, why);
    return 1;
}

static int ask(const struct profile_options *options, const struct settings *settings)
{
    struct answer answer = {.is_good = false};
    g_autoptr(GError) error = NULL;
    g_autofree char *data_dir = cli_data_dir(settings);
    g_autofree char *command = g_strdup_printf("profile %d\n", options->seconds);
    int fd = control_reach(data_dir);
    if (fd < 0) {
        g_autofree char *what = g_strdup_printf("no server that runs can be reached by %s/control.sock: ", data_dir);
        return fail(what, g_strerror(errno));
    }
    record_init(&profile_report_descriptor, &answer.report);
    bool is_whole = control_ask(fd, command, on_line, &answer, &error);
    int status = 0;
    if (is_whole && answer.is_good)
        print_report(&answer.report, options->is_json);
    else
        status = fail("", is_whole && answer.failure ? answer.failure
                          : error                    ? error->message
                                                     : "the answer cannot be read");
    record_clear(&profile_report_descriptor, &answer.report);
    g_free(answer.failure);
    return status;
}

static bool check_seconds(int seconds)
{
    bool is_good = seconds >= 1 && seconds <= PROFILE_MAX_SECONDS;
    if (!is_good)
        fprintf(stderr, "vedette profile: --seconds %d: must be between 1 and %d\n", seconds, PROFILE_MAX_SECONDS);
    return is_good;
}

static int profile_main(int argc, char **argv)
{
    struct profile_options options = {.seconds = SECONDS_USUAL};
    const GOptionEntry entries[] = {
        {"config", 0, 0, G_OPTION_ARG_FILENAME, &options.config, "the settings file that `vedette run` is given",
         "FILE"},
        {"seconds", 0, 0, G_OPTION_ARG_INT, &options.seconds, "how long to look, 1 to 300 (10)", "N"},
        {"json", 0, 0, G_OPTION_ARG_NONE, &options.is_json, "as one JSON object", NULL},
        {0}};
    struct settings settings;
    int status = cli_options_load("profile", entries, &options.config, &argc, argv, &settings);
    if (status == 0) {
        bool is_good = cli_options_are_all("profile", argc, argv) && check_seconds(options.seconds);
        status = is_good ? ask(&options, &settings) : 2;
        record_clear(&settings_descriptor, &settings);
    }
    g_free(options.config);
    return status;
}

const struct cli_command command_profile = {
    "profile", "[--seconds N] [--config FILE] [--json]",
    "where frames, records and requests of the server that runs spend their time, stage by stage", profile_main};
