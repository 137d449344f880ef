/* Policies of a running server: one table of what can be done with them. */
#include "cli/cli.h"

#include "cli/api_client.h"
#include "cli/policy_export.h"
#include "cli/policy_import.h"
#include "cli/policy_monitor.h"
#include "facts/policy.h"
#include "facts/policy_types.h"
#include "policy/policy.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

enum { BACKTEST_POLL_US = 200000 };
enum { STATUS_FAILED = 1, STATUS_UNTRIED = 3 }; /* exit statuses */

/* What options there are; an action says by their bits which it heeds. */
enum option {
    OPTION_CAMERA,
    OPTION_SITE,
    OPTION_CLASS,
    OPTION_SCOPE,
    OPTION_SERVICE,
    OPTION_REASON,
    OPTION_IF_VERSION,
    OPTION_FROM,
    OPTION_TO,
    OPTION_LIMIT,
    OPTION_CURSOR,
    OPTION_GLOBAL, /* without a value, as the next */
    OPTION_PRUNE,
    OPTIONS,
};
static const char *const option_names[OPTIONS] = {"camera", "site",       "class", "scope", "service",
                                                  "reason", "if-version", "from",  "to",    "limit",
                                                  "cursor", "global",     "prune"};
enum {
    TAKES_LEVEL = 1 << OPTION_CAMERA | 1 << OPTION_SITE | 1 << OPTION_CLASS | 1 << OPTION_SCOPE | 1 << OPTION_GLOBAL,
    TAKES_POLICY = TAKES_LEVEL | 1 << OPTION_SERVICE,
    TAKES_REASON = 1 << OPTION_REASON,
    TAKES_CHANGE = TAKES_POLICY | TAKES_REASON | 1 << OPTION_IF_VERSION,
    TAKES_PAGE = 1 << OPTION_LIMIT | 1 << OPTION_CURSOR,
    TAKES_PRUNE = 1 << OPTION_PRUNE,
    TAKES_TIME = 1 << OPTION_FROM | 1 << OPTION_TO,
};

/* What stands on the line. */
struct request_line {
    char *options[OPTIONS]; /* NULL: not given; of those without a value NULL always */
    gboolean is_global, is_pruning;
    char **words; /* what is no option */
    struct api_client *client;
};

static void append_parameter(GString *path, const char *name, const char *value)
{
    if (!value)
        return;
    g_autofree char *escaped = g_uri_escape_string(value, NULL, FALSE);
    g_string_append_printf(path, "%c%s=%s", strchr(path->str, '?') ? '&' : '?', name, escaped);
}

/* "/api/v1/policies/TYPE/TAIL?…". g_free. */
static char *path_of(const struct request_line *line, const char *type, const char *tail)
{
    static const struct {
        const char *name;
        enum option option;
    } parameters[] = {{"camera_id", OPTION_CAMERA},
                      {"site_id", OPTION_SITE},
                      {"class_id", OPTION_CLASS},
                      {"service_name", OPTION_SERVICE},
                      {"reason", OPTION_REASON},
                      {"from", OPTION_FROM},
                      {"to", OPTION_TO},
                      {"limit", OPTION_LIMIT},
                      {"cursor", OPTION_CURSOR}};
    g_autofree char *escaped = g_uri_escape_string(type, NULL, FALSE);
    GString *path = g_string_new("/api/v1/policies/");
    g_string_append_printf(path, "%s%s", escaped, tail);
    for (size_t i = 0; i < G_N_ELEMENTS(parameters); i++)
        append_parameter(path, parameters[i].name, line->options[parameters[i].option]);
    append_parameter(path, "scope", line->is_global ? "global" : NULL);
    return g_string_free(path, FALSE);
}

static void print_json(const char *text)
{
    json_t *tree = json_loads(text, JSON_DECODE_ANY, NULL);
    char *pretty = tree ? json_dumps(tree, JSON_INDENT(2) | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15)) : NULL;
    puts(pretty ? pretty : text);
    free(pretty);
    json_decref(tree);
}

static bool show(const struct request_line *line, const char *method, const char *path, const char *body,
                 GError **error)
{
    g_autofree char *answer =
        api_client_request(line->client, method, path, body, line->options[OPTION_IF_VERSION], error);
    if (answer)
        print_json(answer);
    return answer != NULL;
}

/* ---- what can be done ---- */

static bool do_list(const struct request_line *line, GError **error)
{
    return show(line, "GET", "/api/v1/policies", NULL, error);
}

static bool do_get(const struct request_line *line, GError **error)
{
    g_autofree char *path = path_of(line, line->words[0], "");
    return show(line, "GET", path, NULL, error);
}

static bool do_effective(const struct request_line *line, GError **error)
{
    g_autofree char *path = path_of(line, line->words[0], "/effective");
    return show(line, "GET", path, NULL, error);
}

static bool do_history(const struct request_line *line, GError **error)
{
    g_autofree char *path = path_of(line, line->words[0], "/history");
    return show(line, "GET", path, NULL, error);
}

/* A policy as it stands in a file; a request is text, so what came after a byte 0 would not be sent. g_free. */
static char *read_document(const char *path, GError **error)
{
    gsize length = 0;
    g_autofree char *text = NULL;
    if (!g_file_get_contents(path, &text, &length, error))
        return NULL;
    if (!memchr(text, '\0', length))
        return g_steal_pointer(&text);
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, "%s: the policy is not valid: it holds a byte 0", path);
    return NULL;
}

static bool send_file(const struct request_line *line, const char *method, const char *tail, GError **error)
{
    g_autofree char *body = read_document(line->words[1], error);
    g_autofree char *path = path_of(line, line->words[0], tail);
    return body && show(line, method, path, body, error);
}

static bool do_set(const struct request_line *line, GError **error)
{
    return send_file(line, "PUT", "", error);
}

static bool takes(enum policy_type type, const char *text)
{
    struct record_errors errors;
    record_errors_init(&errors);
    bool is_taken = policy_document_check(type, text, &errors);
    record_errors_clear(&errors);
    return is_taken;
}

/* The type that a file's name says (privacy-policy.json, privacy.json), else the first whose table takes its text: one
 * request is enough to have that tried. NULL: none does. */
static const char *type_of_file(const char *path, const char *text)
{
    static const char *const endings[] = {".json", "-policy"};
    g_autofree char *name = g_path_get_basename(path);
    for (size_t i = 0; i < G_N_ELEMENTS(endings); i++)
        if (g_str_has_suffix(name, endings[i]))
            name[strlen(name) - strlen(endings[i])] = '\0';
    enum policy_type type = record_enum_value(policy_type_names, name);
    for (size_t i = 0; i < POLICY_TYPES && !type; i++)
        type = takes(policy_types[i].type, text) ? policy_types[i].type : 0;
    return type ? record_enum_name(policy_type_names, type) : NULL;
}

/* What is refused where a document that says nothing is refused as well (a camera there is not, somebody else's
 * version, a server that is another's) is not the file's fault: it could not be tried. */
static void blame(const struct request_line *line, const char *path, GError *error)
{
    if (!g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID))
        return;
    g_autofree char *answer =
        api_client_request(line->client, "POST", path, "{}", line->options[OPTION_IF_VERSION], NULL);
    if (!answer)
        error->code = VEDETTE_ERROR_UNAVAILABLE;
}

static bool do_validate(const struct request_line *line, GError **error)
{
    const char *file = line->words[1] ? line->words[1] : line->words[0];
    g_autofree char *body = read_document(file, error);
    const char *type = body && file == line->words[0] ? type_of_file(file, body) : line->words[0];
    if (!body)
        return false;
    if (!type) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID,
                    "%s: no type of policy takes it: validate TYPE %s says why", file, file);
        return false;
    }
    g_autofree char *path = path_of(line, type, "/validate");
    if (!show(line, "POST", path, body, error)) {
        blame(line, path, *error);
        return false;
    }
    fprintf(stderr, "%s is a valid %s policy\n", file, type);
    return true;
}

static bool do_patch(const struct request_line *line, GError **error)
{
    return send_file(line, "PATCH", "", error);
}

/* With a key, that key alone: its parent shows through. */
static bool do_unset(const struct request_line *line, GError **error)
{
    g_autofree char *path = path_of(line, line->words[0], "");
    if (!line->words[1])
        return show(line, "DELETE", path, NULL, error);
    json_t *patch = json_pack("{s:n}", line->words[1]);
    char *body = json_dumps(patch, JSON_COMPACT);
    bool is_good = show(line, "PATCH", path, body, error);
    free(body);
    json_decref(patch);
    return is_good;
}

static bool do_rollback(const struct request_line *line, GError **error)
{
    g_autofree char *path = path_of(line, line->words[0], "/rollback");
    g_autoptr(GString) whole = g_string_new(path);
    append_parameter(whole, "to_version", line->words[1]);
    return show(line, "POST", whole->str, "", error);
}

/* What a file would change of what is there. */
static bool do_diff(const struct request_line *line, GError **error)
{
    g_autofree char *body = read_document(line->words[1], error);
    g_autofree char *path = path_of(line, line->words[0], "/validate");
    if (!body)
        return false;
    g_autofree char *answer = api_client_request(line->client, "POST", path, body, NULL, error);
    json_t *tree = answer ? json_loads(answer, 0, NULL) : NULL;
    char *diff = tree ? json_dumps(json_object_get(tree, "diff"), JSON_COMPACT) : NULL;
    if (diff)
        print_json(diff);
    free(diff);
    json_decref(tree);
    return answer != NULL;
}

static bool do_monitor(const struct request_line *line, GError **error)
{
    return policy_monitor(line->client, error);
}

static bool is_under_way(const json_t *backtest)
{
    const char *state = json_string_value(json_object_get(backtest, "state"));
    return g_strcmp0(state, "waiting") == 0 || g_strcmp0(state, "running") == 0;
}

/* Asks for it, then waits until it is over. */
static bool do_backtest(const struct request_line *line, GError **error)
{
    g_autofree char *path = path_of(line, line->words[0], "/backtest");
    if (!line->options[OPTION_FROM] || !line->options[OPTION_TO]) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID,
                    "--from TIME and --to TIME say on what it is tried, like 2026-01-31T12:00:00Z");
        return false;
    }
    g_autofree char *body = read_document(line->words[1], error);
    if (!body)
        return false;
    char *answer = api_client_request(line->client, "POST", path, body, NULL, error);
    json_t *backtest = answer ? json_loads(answer, 0, NULL) : NULL;
    const char *id = json_string_value(json_object_get(backtest, "id"));
    g_autofree char *place = g_strconcat("/api/v1/backtests/", id ? id : "", NULL);
    while (is_under_way(backtest)) {
        g_usleep(BACKTEST_POLL_US);
        g_free(answer);
        answer = api_client_request(line->client, "GET", place, NULL, NULL, error);
        json_decref(backtest);
        backtest = answer ? json_loads(answer, 0, NULL) : NULL;
    }
    if (answer)
        print_json(answer);
    const char *why = json_string_value(json_object_get(backtest, "error"));
    bool is_done = answer && !why;
    if (answer && why)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_IO, "%s", why);
    json_decref(backtest);
    g_free(answer);
    return is_done;
}

static bool do_import(const struct request_line *line, GError **error)
{
    return policy_import(line->client, line->words[0], line->options[OPTION_REASON], error);
}

static bool do_export(const struct request_line *line, GError **error)
{
    return policy_export(line->client, line->words[0], line->is_pruning, error);
}

static const struct action {
    const char *name, *usage, *summary;
    int least, most; /* words after it */
    bool (*run)(const struct request_line *line, GError **error);
    unsigned takes; /* bits of enum option */
} actions[] = {
    {"list", "", "every policy of the org, and those for everyone", 0, 0, do_list},
    {"get", "TYPE", "the document at one level", 1, 1, do_get, TAKES_POLICY},
    {"effective", "TYPE", "what the levels come to, and where each key came from", 1, 1, do_effective, TAKES_POLICY},
    {"set", "TYPE FILE", "sets the document", 2, 2, do_set, TAKES_CHANGE},
    {"patch", "TYPE FILE", "changes some of its keys; null removes one", 2, 2, do_patch, TAKES_CHANGE},
    {"unset", "TYPE [KEY]", "removes the document, or one key of it", 1, 2, do_unset, TAKES_CHANGE},
    {"history", "TYPE", "its changes, newest first", 1, 1, do_history, TAKES_POLICY | TAKES_PAGE},
    {"diff", "TYPE FILE", "what a file would change", 2, 2, do_diff, TAKES_POLICY},
    {"rollback", "TYPE VERSION", "as it was at a version: a new revision", 2, 2, do_rollback, TAKES_CHANGE},
    {"validate", "[TYPE] FILE", "whether a file would be taken; changes nothing", 1, 2, do_validate, TAKES_CHANGE},
    {"monitor", "", "prints what is in force, then each change of it: keys, values, author, reason", 0, 0, do_monitor},
    {"backtest", "TYPE FILE", "what a file would have told from --from to --to, beside what is in force", 2, 2,
     do_backtest, TAKES_LEVEL | TAKES_TIME},
    {"export", "DIRECTORY", "writes every policy as a file, as policies.directory reads them", 1, 1, do_export,
     TAKES_PRUNE},
    {"import", "DIRECTORY", "sets every policy that such files hold: none when one is bad beside what is in force", 1,
     1, do_import, TAKES_REASON},
};

static int print_usage(FILE *out, int status)
{
    fputs("vedette policy ACTION …, " API_CLIENT_USAGE "\n\n", out);
    for (size_t i = 0; i < G_N_ELEMENTS(actions); i++)
        fprintf(out, "  %-10s %-14s %s\n", actions[i].name, actions[i].usage, actions[i].summary);
    fprintf(
        out,
        "\nA level: --camera ID, --site ID, --class ID, --global; else the org. --service NAME: another program's.\n"
        "--scope camera/ID, site/ID, class/ID, org or global says the same in one word.\n"
        "--reason TEXT is kept with a change; --if-version N refuses to overwrite somebody else's.\n"
        "validate: without TYPE the one that the file's name says (privacy-policy.json, privacy.json), else the first "
        "that\n"
        "takes it. Exit status 1: it is not valid; 3: it could not be tried, as without a server or a right to ask.\n"
        "export: a file there that no policy says any more is named, with exit status 1; --prune removes it.\n"
        "history: --limit N at once, and with --cursor NEXT_CURSOR of the answer before the next, older ones.\n"
        "TYPE is one of");
    for (size_t i = 0; i < POLICY_TYPES; i++)
        fprintf(out, " %s", policy_type_names[i]);
    fprintf(out, ".\n");
    return status;
}

static const struct action *find_action(const struct request_line *line)
{
    int count = line->words ? (int)g_strv_length(line->words) : 0;
    for (size_t i = 0; i < G_N_ELEMENTS(actions) && count > 0; i++)
        if (strcmp(actions[i].name, line->words[0]) == 0 && count - 1 >= actions[i].least &&
            count - 1 <= actions[i].most)
            return &actions[i];
    return NULL;
}

/* Those of `options` by name, as they are written. g_free. */
static char *name_options(unsigned options)
{
    g_autoptr(GString) names = g_string_new(NULL);
    for (int i = 0; i < OPTIONS; i++)
        if (options & 1u << i)
            g_string_append_printf(names, "%s--%s", names->len ? ", " : "", option_names[i]);
    return g_string_free(g_steal_pointer(&names), FALSE);
}

/* What would be passed over in silence. True: there is something, and it was told. */
static bool refuse_unheeded(const struct action *action, const struct request_line *line)
{
    unsigned given = (line->is_global ? 1u << OPTION_GLOBAL : 0) | (line->is_pruning ? 1u << OPTION_PRUNE : 0);
    for (int i = 0; i < OPTIONS; i++)
        given |= line->options[i] ? 1u << i : 0;
    if (!(given & ~action->takes))
        return false;
    g_autofree char *unheeded = name_options(given & ~action->takes), *heeded = name_options(action->takes);
    fprintf(stderr, "vedette policy %s: %s: not heeded there; it takes %s\n", action->name, unheeded,
            *heeded ? heeded : "no options");
    return true;
}

/* --scope LEVEL/ID, as the other options would say it. */
static bool take_scope(struct request_line *line, GError **error)
{
    static const struct {
        const char *prefix;
        enum option option;
    } levels[] = {{"camera/", OPTION_CAMERA}, {"site/", OPTION_SITE}, {"class/", OPTION_CLASS}};
    const char *scope = line->options[OPTION_SCOPE];
    int named = (scope != NULL) + line->is_global;
    for (size_t i = 0; i < G_N_ELEMENTS(levels); i++)
        named += line->options[levels[i].option] != NULL;
    if (named > 1) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID,
                    "more than one level is named: give one of --scope, --camera, --site, --class and --global");
        return false;
    }
    if (!scope || strcmp(scope, "org") == 0)
        return true;
    line->is_global |= strcmp(scope, "global") == 0;
    for (size_t i = 0; i < G_N_ELEMENTS(levels) && !line->is_global; i++)
        if (g_str_has_prefix(scope, levels[i].prefix) && scope[strlen(levels[i].prefix)]) {
            g_free(line->options[levels[i].option]);
            line->options[levels[i].option] = g_strdup(scope + strlen(levels[i].prefix));
            return true;
        }
    if (line->is_global)
        return true;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID,
                "--scope %s: must be camera/ID, site/ID, class/ID, org or global", scope);
    return false;
}

/* Whoever asks whether a file is valid is told apart a no and no answer. */
static int status_of_failure(const struct request_line *line, const struct action *action, const GError *error)
{
    bool is_unanswered = !line->client || !g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID);
    return action->run == do_validate && is_unanswered ? STATUS_UNTRIED : STATUS_FAILED;
}

static int run_action(struct request_line *line)
{
    const struct action *action = find_action(line);
    g_autoptr(GError) error = NULL;
    if (!action)
        return print_usage(stderr, 2);
    if (refuse_unheeded(action, line))
        return 2;
    if (!take_scope(line, &error)) {
        fprintf(stderr, "vedette policy %s: %s\n", action->name, error->message);
        return 2;
    }
    line->client = api_client_new(&error);
    struct request_line rest = *line;
    rest.words = line->words + 1;
    bool is_good = line->client && action->run(&rest, &error);
    if (!is_good)
        fprintf(stderr, "vedette policy %s: %s\n", action->name, error ? error->message : "no answer");
    int status = is_good ? 0 : status_of_failure(line, action, error);
    api_client_free(line->client);
    return status;
}

static bool read_line(struct request_line *line, int argc, char **argv, GError **error)
{
    GOptionEntry entries[OPTIONS + 2] = {
        [OPTIONS] = {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_STRING_ARRAY, &line->words, NULL, NULL}};
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    for (int i = 0; i < OPTIONS; i++)
        entries[i] = (GOptionEntry){option_names[i], 0, 0, G_OPTION_ARG_STRING, &line->options[i], NULL, NULL};
    entries[OPTION_GLOBAL].arg = entries[OPTION_PRUNE].arg = G_OPTION_ARG_NONE;
    entries[OPTION_GLOBAL].arg_data = &line->is_global;
    entries[OPTION_PRUNE].arg_data = &line->is_pruning;
    g_option_context_set_help_enabled(context, FALSE);
    g_option_context_add_main_entries(context, entries, NULL);
    return g_option_context_parse(context, &argc, &argv, error);
}

static int policy_main(int argc, char **argv)
{
    struct request_line line = {0};
    if (argc < 2 || strcmp(argv[1], "--help") == 0)
        return print_usage(argc < 2 ? stderr : stdout, argc < 2 ? 2 : 0);
    g_autoptr(GError) error = NULL;
    bool is_good = read_line(&line, argc, argv, &error);
    if (!is_good)
        fprintf(stderr, "vedette policy: %s\n", error->message);
    int status = is_good ? run_action(&line) : 2;
    for (size_t i = 0; i < OPTIONS; i++)
        g_free(line.options[i]);
    g_strfreev(line.words);
    return status;
}

const struct cli_command command_policy = {
    "policy", "list|get|effective|set|patch|unset|history|diff|rollback|validate|monitor|backtest|export|import …",
    "policies of a running server: what is in force, and why; vedette policy --help", policy_main};
