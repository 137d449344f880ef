#include "cli/cli.h"

#include "api/api.h"
#include "facts/records.h"
#include "facts/settings.h"
#include "record/settings.h"

#include <stdio.h>
#include <string.h>

static void append_records(void (*append)(const struct record_descriptor *descriptor, GString *out), const char *gap,
                           GString *out)
{
    for (size_t i = 0; i < facts_record_count(); i++) {
        append(facts_record_at(i), out);
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

/* One row per document, by its place in the source tree. */
static const struct {
    const char *name;
    char *(*text)(void);
} documents[] = {
    {"docs/reference/api.md", api_routes_markdown},
    {"docs/reference/records.md", records_markdown},
    {"docs/reference/settings.md", settings_markdown},
    {"docs/reference/openapi.json", api_contract_openapi},
    {"docs/reference/asyncapi.json", api_contract_asyncapi},
    {"web/src/client.ts", api_contract_typescript},
    {"web/src/records.ts", api_contract_records},
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

const struct cli_command command_docs = {"docs", "--list|NAME", "prints a reference made from the tables", docs_main,
                                         true};
