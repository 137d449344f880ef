/* The store from the command line: backups of the embedded one, and the way to PostgreSQL. */
#include "cli/cli.h"

#include "base/clock.h"
#include "cli/settings_load.h"
#include "facts/health.h"
#include "facts/settings.h"
#include "store/backup.h"

#include <glib.h>
#include <stdio.h>

/* What a command is given besides its settings. */
struct request {
    struct settings settings;
    char *data_dir;
    const char *file; /* NULL: the command takes none */
};

static int with_settings(const struct cli_command *command, bool has_file, int argc, char **argv,
                         bool (*act)(const struct request *request, GError **error))
{
    g_autofree char *config = NULL;
    const GOptionEntry entries[] = {{"config", 'c', 0, G_OPTION_ARG_FILENAME, &config, NULL, NULL},
                                    G_OPTION_ENTRY_NULL};
    struct request request = {.file = NULL};
    g_autoptr(GError) error = NULL;
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_option_context_add_main_entries(context, entries, NULL);
    g_option_context_set_help_enabled(context, FALSE);
    g_option_context_set_ignore_unknown_options(context, TRUE);
    if (!g_option_context_parse(context, &argc, &argv, &error)) {
        fprintf(stderr, "vedette %s: %s\n", command->name, error->message);
        return 2;
    }
    if (!cli_settings_load(config, &argc, argv, &request.settings))
        return 1;
    if (!cli_arguments_check(command->name, command->usage, has_file ? 1 : 0, argc, argv)) {
        record_clear(&settings_descriptor, &request.settings);
        return 2;
    }
    request.file = has_file ? argv[1] : NULL;
    request.data_dir = cli_data_dir(&request.settings);
    bool is_good = act(&request, &error);
    if (!is_good)
        fprintf(stderr, "vedette %s: %s\n", command->name, error->message);
    g_free(request.data_dir);
    record_clear(&settings_descriptor, &request.settings);
    return is_good ? 0 : 1;
}

/* ---- backup and restore ---- */

static bool back_up(const struct request *request, GError **error)
{
    int64_t bytes = 0;
    if (!store_backup(request->data_dir, &request->settings.store, request->file, &bytes, error))
        return false;
    printf("%s: %" G_GINT64_FORMAT " bytes, checked\n", request->file, bytes);
    return true;
}

static bool restore(const struct request *request, GError **error)
{
    if (!store_restore(request->data_dir, &request->settings.store, request->file, clock_system(), error))
        return false;
    printf("%s is the store in %s now; what was there is kept as vedette.db.replaced\n", request->file,
           request->data_dir);
    return true;
}

static int backup_main(int argc, char **argv)
{
    return with_settings(&command_store_backup, true, argc, argv, back_up);
}

static int restore_main(int argc, char **argv)
{
    return with_settings(&command_store_restore, true, argc, argv, restore);
}

/* ---- copy ---- */

static void print_copied(void *data, const char *table, const char *org_id, int64_t rows, int64_t new_rows)
{
    int64_t *all = data;
    *all += rows;
    if (rows)
        printf("%-20s %-20s %10" G_GINT64_FORMAT " rows, %" G_GINT64_FORMAT " copied now, all the same\n", table,
               org_id, rows, new_rows);
    fflush(stdout);
}

static bool copy(const struct request *request, GError **error)
{
    struct server_health from_health = {0}, to_health = {0};
    struct store_settings embedded = request->settings.store;
    embedded.url = NULL;
    if (!request->settings.store.url || !*request->settings.store.url) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID,
                    "store.url says where to, and is empty: give --store-url postgres://vedette_login@host/database");
        return false;
    }
    struct store *from = store_open_made(request->data_dir, &embedded, clock_system(), &from_health, error);
    struct store *to = from ? store_open("", &request->settings.store, clock_system(), &to_health, error) : NULL;
    int64_t rows = 0;
    bool is_good = to && store_copy(from, to, print_copied, &rows, error);
    if (is_good)
        printf("%" G_GINT64_FORMAT " rows in all, compared one by one\n", rows);
    store_close(to);
    store_close(from);
    return is_good;
}

static int copy_main(int argc, char **argv)
{
    return with_settings(&command_store_copy, false, argc, argv, copy);
}

const struct cli_command command_store_backup = {"store backup", "FILE [--config FILE] [settings]",
                                                 "copies the embedded store into a file, a server running or not",
                                                 backup_main, true};
const struct cli_command command_store_restore = {"store restore", "FILE [--config FILE] [settings]",
                                                  "puts a backup in the embedded store's place; no server may run",
                                                  restore_main, true};
const struct cli_command command_store_copy = {
    "store copy", "--store-url postgres://… [--config FILE]",
    "copies the embedded store to PostgreSQL and compares every row; goes on where it was", copy_main, true};
