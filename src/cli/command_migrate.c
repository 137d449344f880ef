#include "cli/cli.h"

#include "cli/settings_load.h"
#include "store/store.h"

#include <glib.h>
#include <stdio.h>
#include <string.h>

/* Takes --config FILE and the settings' flags out of argv; false: what was wrong was printed. */
static bool load(int *argc, char **argv, struct settings *settings)
{
    g_autofree char *config = NULL;
    const GOptionEntry entries[] = {
        {"config", 'c', 0, G_OPTION_ARG_FILENAME, &config, NULL, NULL},
        G_OPTION_ENTRY_NULL,
    };
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_option_context_add_main_entries(context, entries, NULL);
    g_option_context_set_help_enabled(context, FALSE);
    g_option_context_set_ignore_unknown_options(context, TRUE);
    g_autoptr(GError) error = NULL;
    if (!g_option_context_parse(context, argc, &argv, &error)) {
        fprintf(stderr, "vedette migrate: %s\n", error->message);
        return false;
    }
    return cli_settings_load(config, argc, argv, settings);
}

static int migrate(const char *word, bool is_dry, int argc, char **argv)
{
    struct settings settings;
    if (!load(&argc, argv, &settings))
        return 1;
    if (argc != 1) {
        fprintf(stderr, "usage: vedette migrate %s [--config FILE] [settings]\n", word);
        record_clear(&settings_descriptor, &settings);
        return 2;
    }
    g_autofree char *data_dir = cli_data_dir(&settings);
    g_autoptr(GString) report = g_string_new(NULL);
    g_autoptr(GError) error = NULL;
    bool is_good = store_migrate(data_dir, &settings.store, clock_system(), is_dry, report, &error);
    if (is_good)
        fputs(report->str, stdout);
    else
        fprintf(stderr, "vedette migrate %s: %s\n", word, error->message);
    record_clear(&settings_descriptor, &settings);
    return is_good ? 0 : 1;
}

static int migrate_status(int argc, char **argv)
{
    return migrate("status", true, argc, argv);
}

static int migrate_up(int argc, char **argv)
{
    return migrate("up", false, argc, argv);
}

static int migrate_roles(int argc, char **argv)
{
    if (argc != 1) {
        fprintf(stderr, "usage: vedette migrate roles, which takes nothing more than that; not %s\n", argv[1]);
        return 2;
    }
    fputs(store_postgres_roles, stdout);
    return 0;
}

const struct cli_command command_migrate_status = {"migrate status", "[--config FILE] [settings]",
                                                   "lists the store's migrations: applied, or missing", migrate_status,
                                                   true};
const struct cli_command command_migrate_up = {"migrate up", "[--config FILE] [settings]",
                                               "applies the migrations that are missing, and says which", migrate_up,
                                               true};
const struct cli_command command_migrate_roles = {
    "migrate roles", "", "prints the SQL that makes PostgreSQL's roles, for an administrator to run once",
    migrate_roles, true};
