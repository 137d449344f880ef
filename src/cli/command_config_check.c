#include "cli/cli.h"

#include "cli/settings_load.h"

#include <stdio.h>

/* The file stands alone, or as `vedette run` takes it. NULL: it does not, and that was printed. g_free. */
static char *read_path(int argc, char **argv)
{
    g_autofree char *config = NULL;
    const GOptionEntry entries[] = {
        {"config", 0, 0, G_OPTION_ARG_FILENAME, &config, "the settings file, as `vedette run` takes it", "FILE"}, {0}};
    g_autoptr(GError) error = NULL;
    g_autoptr(GOptionContext) context = g_option_context_new("FILE");
    g_option_context_add_main_entries(context, entries, NULL);
    bool is_read = g_option_context_parse(context, &argc, &argv, &error);
    if (is_read && argc == (config ? 1 : 2))
        return config ? g_steal_pointer(&config) : g_strdup(argv[1]);
    if (!is_read)
        fprintf(stderr, "vedette config check: %s\n", error->message);
    fprintf(stderr, "usage: vedette config check FILE, or --config FILE\n");
    return NULL;
}

/* The settings may be another machine's, which has them. */
static void warn_of_refusals(const char *path, const struct settings *settings)
{
    struct record_errors refused;
    record_errors_init(&refused);
    cli_start_check(settings, &refused);
    for (guint i = 0; i < refused.items->len; i++) {
        const struct record_error *refusal = g_ptr_array_index(refused.items, i);
        fprintf(stderr, "%s: warning: %s: %s: here `vedette run` would refuse to start\n", path, refusal->path,
                refusal->text);
    }
    record_errors_clear(&refused);
}

static int config_check(int argc, char **argv)
{
    g_autofree char *path = read_path(argc, argv);
    struct settings settings;
    int none = 1;
    if (!path)
        return 2;
    if (!cli_settings_load(path, &none, argv, &settings))
        return 1;
    cli_settings_warn(path, &settings);
    warn_of_refusals(path, &settings);
    printf("%s: ok, %zu camera%s\n", path, settings.cameras.count, settings.cameras.count == 1 ? "" : "s");
    record_clear(&settings_descriptor, &settings);
    return 0;
}

const struct cli_command command_config_check = {
    "config check", "FILE | --config FILE",
    "says what is wrong in a settings file: file:line: key: what, why, what is allowed", config_check};
