/* Jobs of a running server: one table of what can be done with them. */
#include "cli/cli.h"

#include "cli/api_client.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const struct action {
    const char *name, *usage, *summary;
    const char *method, *tail; /* of the request; tail NULL: about all jobs */
} actions[] = {
    {"list", "", "every job: its schedule, when it is due next, how it last went", "GET", NULL},
    {"history", "JOB", "what became of its times, newest first: run, or skipped and why", "GET", "/history"},
    {"next", "JOB", "when it is due next", "GET", "/next"},
    {"run", "JOB", "runs it now, also a paused one", "POST", "/run"},
    {"pause", "JOB", "from now on it is not run by its schedule", "POST", "/pause"},
    {"resume", "JOB", "from now on it is again", "POST", "/resume"},
};

static int print_usage(FILE *out, int status)
{
    fputs("vedette jobs ACTION [JOB], " API_CLIENT_USAGE "\n\n", out);
    for (size_t i = 0; i < G_N_ELEMENTS(actions); i++)
        fprintf(out, "  %-8s %-4s %s\n", actions[i].name, actions[i].usage, actions[i].summary);
    return status;
}

static const struct action *find_action(int argc, char **argv)
{
    for (size_t i = 0; i < G_N_ELEMENTS(actions) && argc > 1; i++)
        if (strcmp(actions[i].name, argv[1]) == 0 && argc == (actions[i].tail ? 3 : 2))
            return &actions[i];
    return NULL;
}

/* A line of JSON for each item, so that they can be searched; one thing alone over several lines. */
static void print_answer(const char *text)
{
    json_t *tree = json_loads(text, 0, NULL);
    const json_t *items = json_object_get(tree, "items");
    char *whole = tree && !items ? json_dumps(tree, JSON_INDENT(2)) : NULL;
    if (whole)
        puts(whole);
    for (size_t i = 0; i < json_array_size(items); i++) {
        char *line = json_dumps(json_array_get(items, i), JSON_COMPACT);
        puts(line ? line : "");
        free(line);
    }
    free(whole);
    json_decref(tree);
}

static bool ask(const struct action *action, const char *job, GError **error)
{
    g_autofree char *escaped = job ? g_uri_escape_string(job, NULL, FALSE) : NULL;
    g_autofree char *path =
        job ? g_strdup_printf("/api/v1/jobs/%s%s", escaped, action->tail) : g_strdup("/api/v1/jobs");
    CLEANUP(api_client) struct api_client *client = api_client_new(error);
    g_autofree char *answer = client ? api_client_request(client, action->method, path,
                                                          strcmp(action->method, "POST") == 0 ? "" : NULL, NULL, error)
                                     : NULL;
    if (answer)
        print_answer(answer);
    return answer != NULL;
}

static int jobs_main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--help") == 0)
        return print_usage(stdout, 0);
    const struct action *action = find_action(argc, argv);
    g_autoptr(GError) error = NULL;
    if (!action)
        return print_usage(stderr, 2);
    if (ask(action, action->tail ? argv[2] : NULL, &error))
        return 0;
    fprintf(stderr, "vedette jobs %s: %s\n", action->name, error ? error->message : "no answer");
    return 1;
}

const struct cli_command command_jobs = {"jobs", "list|run|pause|resume|next|history [JOB]",
                                         "jobs of a running server: when they are due, how they went", jobs_main};
