/* Orgs of a running server. */
#include "cli/cli.h"

#include "cli/api_client.h"

#include <stdio.h>
#include <string.h>

static const char asked_where[] =
    "The server is at VEDETTE_URL (else http://127.0.0.1:8000); who asks is VEDETTE_TOKEN, "
    "or VEDETTE_USERNAME and VEDETTE_PASSWORD.\n";

static int ask(const char *command, const char *method, const char *path)
{
    g_autoptr(GError) error = NULL;
    CLEANUP(api_client) struct api_client *client = api_client_new(&error);
    g_autofree char *answer = client ? api_client_request(client, method, path, NULL, NULL, &error) : NULL;
    if (answer && *answer)
        api_answer_print(answer);
    if (!answer)
        fprintf(stderr, "vedette %s: %s\n", command, error->message);
    return answer ? 0 : 1;
}

static int org_list_main(int argc, char **argv)
{
    (void)argv;
    if (argc == 1)
        return ask("org list", "GET", "/api/v1/orgs");
    fprintf(stderr, "usage: vedette org list\n%s", asked_where);
    return 2;
}

static int org_delete_main(int argc, char **argv)
{
    if (argc != 3 || argv[1][0] == '-') {
        fprintf(stderr, "usage: vedette org delete ORG REASON\n%s", asked_where);
        return 2;
    }
    g_autofree char *org = g_uri_escape_string(argv[1], NULL, FALSE),
                    *reason = g_uri_escape_string(argv[2], NULL, FALSE);
    g_autofree char *path = g_strdup_printf("/api/v1/orgs/%s?reason=%s", org, reason);
    int status = ask("org delete", "DELETE", path);
    if (status == 0)
        printf("%s is closed, and everything of it is erased in the background: `vedette org list` says what went, and "
               "since when nothing is left\n",
               argv[1]);
    return status;
}

const struct cli_command command_org_list = {
    "org list", "", "orgs of a running server; of those that were deleted, what went and when", org_list_main};
const struct cli_command command_org_delete = {"org delete", "ORG REASON",
                                               "closes an org for good and erases everything of it", org_delete_main};
