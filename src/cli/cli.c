#include "cli/cli.h"

#include <glib.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

/* One row per command; a command of two words is one row too. */
static const struct cli_command *const commands[] = {
    &command_run,
    &command_config_check,
    &command_analyze,
    &command_scene_render,
    &command_camera_serve,
    &command_motion,
    &command_track,
    &command_detect,
    &command_docs,
    &command_contracts,
    &command_doctor,
    &command_profile,
    &command_worker,
    &command_policy,
    &command_jobs,
    &command_org_list,
    &command_org_delete,
    &command_user_add,
    &command_user_list,
    &command_user_role,
    &command_audit_list,
    &command_audit_verify,
    &command_audit_erase,
    &command_retention_status,
    &command_retention_run,
    &command_retention_confirm,
    &command_model_list,
    &command_model_check,
    &command_model_bench,
    &command_model_add,
    &command_migrate_status,
    &command_migrate_up,
    &command_migrate_roles,
    &command_store_backup,
    &command_store_restore,
    &command_store_copy,
    &command_spool_stats,
    &command_spool_verify,
    &command_spool_drain,
    &command_spool_bench,
};

static void print_row(FILE *out, const struct cli_command *command)
{
    fprintf(out, "  vedette %s %s\n        %s\n", command->name, command->usage, command->summary);
}

static void print_help(FILE *out)
{
    fprintf(out, "Vedette %s: watches cameras and turns what they see into counts, events and logs.\n\n",
            VEDETTE_VERSION);
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++)
        print_row(out, commands[i]);
}

/* Words of `name` that argv starts with; 0 when it does not match. */
static int words_matched(const char *name, int argc, char **argv)
{
    g_auto(GStrv) words = g_strsplit(name, " ", -1);
    int count = (int)g_strv_length(words);
    if (argc < count)
        return 0;
    for (int i = 0; i < count; i++)
        if (strcmp(words[i], argv[i]) != 0)
            return 0;
    return count;
}

/* Of a command that is one of several ("spool stats"), those there are. */
static void tell_unknown(int argc, char **argv)
{
    g_autoptr(GString) others = g_string_new(NULL);
    g_autofree char *group = g_strconcat(argv[1], " ", NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++)
        if (g_str_has_prefix(commands[i]->name, group))
            g_string_append_printf(others, "%s`vedette %s`", others->len ? ", " : "", commands[i]->name);
    if (others->len)
        fprintf(stderr, "vedette: '%s%s%s' is no command; there are %s\n", argv[1], argc > 2 ? " " : "",
                argc > 2 ? argv[2] : "", others->str);
    else
        fprintf(stderr, "vedette: '%s' is no command; `vedette help` lists them\n", argv[1]);
}

static bool asks_for_help(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

static int run_command(const struct cli_command *command, int argc, char **argv)
{
    g_autofree char *name = g_strdup_printf("vedette %s", command->name);
    g_set_prgname(name); /* which its help begins with */
    if (!command->is_helped_by_row || !asks_for_help(argc, argv))
        return command->main(argc, argv);
    print_row(stdout, command);
    return 0;
}

/* GLib takes options' texts for UTF-8, as ours all are, only where the locale says so. */
static void speak_utf8(void)
{
    if (!setlocale(LC_CTYPE, "C.UTF-8"))
        setlocale(LC_CTYPE, "");
}

int main(int argc, char **argv)
{
    speak_utf8();
    if (argc < 2 || strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0) {
        print_help(argc < 2 ? stderr : stdout);
        return argc < 2 ? 2 : 0;
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "version") == 0) {
        printf("vedette %s\n", VEDETTE_VERSION);
        return 0;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++) {
        int words = words_matched(commands[i]->name, argc - 1, argv + 1);
        if (words > 0)
            return run_command(commands[i], argc - words, argv + words);
    }
    tell_unknown(argc, argv);
    return 2;
}
