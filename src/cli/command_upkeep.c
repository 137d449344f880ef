/* The audit, retention, orgs and users from the command line, on the store itself: SQLite's when no server uses it,
 * PostgreSQL's any time. A running server answers the same by its API. */
#include "cli/cli.h"

#include "auth/auth.h"
#include "base/clock.h"
#include "cli/settings_load.h"
#include "facts/health.h"
#include "facts/settings.h"
#include "keeper/keeper.h"
#include "store/audit.h"
#include "store/cameras.h"
#include "store/erasure.h"
#include "store/logins.h"
#include "store/places.h"
#include "store/policy_files.h"
#include "store/store.h"

#include <stdio.h>
#include <string.h>

enum { LIST_PAGE = 500 };

/* What a command is given: the settings, the store, and which org. */
struct upkeep {
    struct settings settings;
    struct server_health health;
    struct store *store;
    char *org_id;
    gboolean is_dry;
    char **arguments; /* as many as the command takes */
};

/* What a command takes, and does: nothing else is let pass, lest it do more than it was asked for. */
struct upkeep_command {
    const char *name, *usage; /* its arguments, as its usage says them */
    int argument_count;
    bool has_org, has_dry_run;
    int (*act)(struct upkeep *upkeep, GError **error);
};

/* False with an error: there is no such org. The default one comes with the first start; one that was deleted is known.
 */
static bool check_org(const struct upkeep *upkeep, GError **error)
{
    if (strcmp(upkeep->org_id, "default") == 0)
        return true;
    g_autoptr(GPtrArray) orgs = store_orgs_read(upkeep->store, upkeep->org_id, error);
    if (orgs && orgs->len == 0)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_NOT_FOUND, "there is no org '%s': `vedette org list` has them",
                    upkeep->org_id);
    return orgs && orgs->len > 0;
}

static int load(const struct upkeep_command *command, int argc, char **argv, struct upkeep *upkeep)
{
    g_autofree char *config = NULL;
    GOptionEntry entries[4] = {{"config", 0, 0, G_OPTION_ARG_FILENAME, &config, "settings file (YAML)", "FILE"}};
    int count = 1;
    if (command->has_org)
        entries[count++] = (GOptionEntry){"org", 0, 0, G_OPTION_ARG_STRING, &upkeep->org_id, "whose (default)", "ID"};
    if (command->has_dry_run)
        entries[count++] =
            (GOptionEntry){"dry-run", 0, 0, G_OPTION_ARG_NONE, &upkeep->is_dry, "only say what would be deleted", NULL};
    int status = cli_options_load(command->name, entries, &config, &argc, argv, &upkeep->settings);
    if (status != 0)
        return status;
    if (!cli_arguments_check(command->name, command->usage, command->argument_count, argc, argv)) {
        record_clear(&settings_descriptor, &upkeep->settings);
        return 2;
    }
    upkeep->arguments = argv + 1;
    if (!upkeep->org_id)
        upkeep->org_id = g_strdup("default");
    return 0;
}

static int run_with_store(const struct upkeep_command *command, int argc, char **argv)
{
    struct upkeep upkeep = {.store = NULL};
    g_autoptr(GError) error = NULL;
    int status = load(command, argc, argv, &upkeep);
    if (status == 0) {
        g_autofree char *data_dir = cli_data_dir(&upkeep.settings);
        upkeep.store = store_open_made(data_dir, &upkeep.settings.store, clock_system(), &upkeep.health, &error);
        status = upkeep.store && check_org(&upkeep, &error) ? command->act(&upkeep, &error) : 1;
        if (error)
            fprintf(stderr, "vedette %s: %s\n", command->name, error->message);
        store_close(upkeep.store);
        record_clear(&settings_descriptor, &upkeep.settings);
    }
    g_free(upkeep.org_id);
    return status;
}

static void print_records(const struct record_descriptor *descriptor, const GPtrArray *records)
{
    for (guint i = 0; i < records->len; i++) {
        g_autoptr(GString) json = g_string_new(NULL);
        record_encode_json(descriptor, g_ptr_array_index(records, i), false, json);
        puts(json->str);
    }
}

/* ---- the audit ---- */

static int verify(struct upkeep *upkeep, GError **error)
{
    struct audit_report report;
    if (!store_audit_verify(upkeep->store, upkeep->org_id, &report, error))
        return 1;
    for (guint i = 0; i < report.problems->len; i++)
        printf("%s\n", (const char *)g_ptr_array_index(report.problems, i));
    printf("%s: %" G_GINT64_FORMAT " entries, %s; last %s\n", upkeep->org_id, report.entries,
           report.problems->len ? "NOT WHOLE" : "whole", report.sha256);
    int status = report.problems->len ? 1 : 0;
    audit_report_clear(&report);
    return status;
}

/* Every entry, by pages: each begins before the last of the one before. */
static int list_audit(struct upkeep *upkeep, GError **error)
{
    int64_t before = 0;
    do {
        g_autoptr(GPtrArray) views = store_audit_list(upkeep->store, upkeep->org_id, before, LIST_PAGE, error);
        if (!views)
            return 1;
        print_records(&audit_view_descriptor, views);
        bool is_full = views->len == LIST_PAGE;
        before = is_full ? ((const struct audit_view *)g_ptr_array_index(views, views->len - 1))->sequence : 0;
    } while (before > 1);
    return 0;
}

static bool read_subject(const char *text, enum audit_subject *kind, const char **id, GError **error)
{
    const char *colon = strchr(text, ':');
    g_autofree char *name = colon ? g_strndup(text, (gsize)(colon - text)) : NULL;
    *kind = name ? record_enum_value(audit_subject_names, name) : 0;
    *id = colon ? colon + 1 : NULL;
    if (*kind && **id)
        return true;
    g_autofree char *kinds = g_strjoinv(", ", (char **)(uintptr_t)audit_subject_names);
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID,
                "'%s' is no KIND:ID, as user:0197a000-0000-7000-8000-000000000002; kinds are %s", text, kinds);
    return false;
}

/* No login may do that: who can do this can read the database. */
static int erase_subject(struct upkeep *upkeep, GError **error)
{
    enum audit_subject kind;
    const char *id;
    const struct audit_by by = {upkeep->org_id, "system", NULL, NULL, upkeep->arguments[1]};
    if (!read_subject(upkeep->arguments[0], &kind, &id, error))
        return 2;
    if (!store_audit_erase(upkeep->store, &by, kind, id, error))
        return 1;
    printf("what the audit of org %s said of %s can be read no more\n", upkeep->org_id, upkeep->arguments[0]);
    return 0;
}

/* ---- retention ---- */

/* All cameras, the settings' and the API's: policies may be of each. NULL: they cannot be read. */
static struct camera_roster *read_cameras(const struct upkeep *upkeep, GError **error)
{
    g_autoptr(GPtrArray) made = store_cameras_made(upkeep->store, error);
    struct camera_roster *roster = made ? camera_roster_new(&upkeep->settings.cameras) : NULL;
    CLEANUP(camera_set) struct camera_set *settings = roster ? camera_roster_get(roster) : NULL;
    for (guint i = 0; roster && i < made->len; i++) {
        const struct camera *camera = g_ptr_array_index(made, i);
        if (!camera_set_find(settings, camera->id))
            camera_roster_put(roster, camera);
    }
    return roster;
}

static bool check_policies(const struct upkeep *upkeep, struct policy_keeper *keeper, GError **error)
{
    const char *directory = upkeep->settings.policies.directory;
    g_autofree char *data_dir = cli_data_dir(&upkeep->settings), *source = store_source_read(data_dir, NULL);
    return policy_keeper_check_retention(keeper, error) &&
           (!directory || !*directory || policy_keeper_check_files(keeper, source, directory, POLICY_RETENTION, error));
}

/* As the server does it: by the settings' days and what policies say over them. */
static int with_policies(struct upkeep *upkeep,
                         int (*act)(struct upkeep *upkeep, const struct store_retention *how, GError **error),
                         GError **error)
{
    struct camera_roster *roster = read_cameras(upkeep, error);
    const struct policy_keeper_config config = {
        .store = upkeep->store, .settings = &upkeep->settings, .clock = clock_system(), .roster = roster};
    CLEANUP(policy_keeper) struct policy_keeper *keeper = roster ? policy_keeper_new(&config, error) : NULL;
    const struct store_retention how = {.settings = &upkeep->settings.retention,
                                        .is_dry = upkeep->is_dry,
                                        .check = policy_keeper_check_retention,
                                        .says = policy_keeper_retention,
                                        .check_org = policy_keeper_check_org,
                                        .data = keeper};
    bool is_known = keeper && check_policies(upkeep, keeper, error);
    int status = is_known ? act(upkeep, &how, error) : 1;
    policy_keeper_free(g_steal_pointer(&keeper)); /* before the cameras it knows */
    if (roster)
        camera_roster_free(roster);
    return status;
}

static int print_status(struct upkeep *upkeep, const struct store_retention *how, GError **error)
{
    g_autoptr(GPtrArray) views = store_retention_status(upkeep->store, how, upkeep->org_id, true, error);
    struct store_full_disk first;
    if (!views || !store_storage_forecast(upkeep->store, &first, error))
        return 1;
    print_records(&retention_view_descriptor, views);
    g_autofree char *disk = first.disk;
    g_autoptr(GString) when = g_string_new(NULL);
    record_append_time(when, first.full_ms);
    if (disk)
        g_string_append_printf(when, " (%s)", disk);
    printf("disk full at the present rate: %s\n", disk ? when->str : "not in sight, or not known yet");
    return 0;
}

static int show_retention(struct upkeep *upkeep, GError **error)
{
    return with_policies(upkeep, print_status, error);
}

static void print_results(const GPtrArray *results, bool is_dry)
{
    for (guint i = 0; i < results->len; i++) {
        const struct retention_result *result = g_ptr_array_index(results, i);
        printf("%s %s: %" G_GINT64_FORMAT " rows %s\n", result->org_id, result->table, result->rows,
               is_dry ? "would go" : "deleted");
    }
}

static int delete_old(struct upkeep *upkeep, const struct store_retention *how, GError **error)
{
    g_autoptr(GPtrArray) results = g_ptr_array_new_with_free_func(retention_result_free);
    bool is_good = store_retention_run(upkeep->store, how, results, error);
    print_results(results, how->is_dry);
    return is_good ? 0 : 1;
}

static int run_retention(struct upkeep *upkeep, GError **error)
{
    return with_policies(upkeep, delete_old, error);
}

static int confirm_clock(struct upkeep *upkeep, GError **error)
{
    const struct audit_by by = {upkeep->org_id, "system", NULL, NULL, "command line"};
    return store_retention_confirm_clock(upkeep->store, &by, error) ? 0 : 1;
}

/* ---- orgs ---- */

static int list_orgs(struct upkeep *upkeep, GError **error)
{
    g_autoptr(GPtrArray) orgs = store_orgs_read(upkeep->store, NULL, error);
    if (orgs)
        print_records(&org_descriptor, orgs);
    return orgs ? 0 : 1;
}

static int erase_org(struct upkeep *upkeep, const struct store_retention *how, GError **error)
{
    const struct audit_by by = {upkeep->org_id, "system", NULL, NULL, upkeep->arguments[1]};
    g_autoptr(GPtrArray) results = g_ptr_array_new_with_free_func(retention_result_free);
    if (!store_org_delete(upkeep->store, how, upkeep->arguments[0], NULL, NULL, &by, error))
        return 1;
    bool is_good = store_orgs_erase(upkeep->store, how, results, error);
    print_results(results, false);
    return is_good ? 0 : 1;
}

static int delete_org(struct upkeep *upkeep, GError **error)
{
    return with_policies(upkeep, erase_org, error);
}

/* ---- users ---- */

static int list_users(struct upkeep *upkeep, GError **error)
{
    g_autoptr(GPtrArray) users = store_users_list(upkeep->store, upkeep->org_id, error);
    if (users)
        print_records(&user_descriptor, users);
    return users ? 0 : 1;
}

static bool read_role(const struct upkeep *upkeep, enum role *role, GError **error)
{
    *role = record_enum_value(role_names, upkeep->arguments[1]);
    if (*role > ROLE_ANONYMOUS)
        return true;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID,
                "no role is called '%s': viewer, operator, privacy_officer, admin or platform", upkeep->arguments[1]);
    return false;
}

/* Sets any role, platform too, which nobody can give by the API who does not have it: who can do this can read the
 * database. */
static int set_role(struct upkeep *upkeep, GError **error)
{
    enum role role;
    if (!read_role(upkeep, &role, error))
        return 2;
    g_autofree char *login_name = strcmp(upkeep->org_id, "default") == 0
                                      ? g_strdup(upkeep->arguments[0])
                                      : g_strdup_printf("%s/%s", upkeep->org_id, upkeep->arguments[0]);
    struct user *user = store_user_find(upkeep->store, login_name, error);
    if (!user)
        return 1;
    const struct audit_by by = {upkeep->org_id, "system", NULL, NULL, upkeep->arguments[2]};
    const struct store_user_change change = {
        .by = &by, .action = "update", .parts = STORE_USER_RIGHTS, .ends_sessions = role < user->role};
    user->role = role;
    bool is_good = store_user_change(upkeep->store, &change, user, error);
    if (is_good)
        printf("%s of org %s: %s\n", user->username, user->org_id, record_enum_name(role_names, role));
    user_free(user);
    return is_good ? 0 : 1;
}

/* In any org: the first of one that was made by the API has nobody who could make them. */
static int add_user(struct upkeep *upkeep, GError **error)
{
    enum role role;
    if (!read_role(upkeep, &role, error))
        return 2;
    struct user_answer made;
    g_autofree char *first_password = NULL;
    struct user system = {.id = (char *)(uintptr_t) "system", .org_id = upkeep->org_id, .role = ROLE_PLATFORM};
    const struct login actor = {.user = &system};
    const struct audit_by by = {upkeep->org_id, "system", NULL, NULL, upkeep->arguments[2]};
    const struct user_request request = {.username = upkeep->arguments[0], .role = role};
    CLEANUP(auth)
    struct auth *auth =
        auth_new(&upkeep->settings, upkeep->store, &upkeep->health, clock_system(), &first_password, error);
    if (first_password)
        printf("admin of org default, password: %s\n", first_password);
    if (!auth || !auth_user_create(auth, &actor, &by, &request, &made, error))
        return 1;
    printf("%s of org %s, password: %s (to be changed with the first login)\n", made.user.username, made.user.org_id,
           made.password);
    record_clear(&user_answer_descriptor, &made);
    return 0;
}

/* ---- the commands ---- */

/* COMMAND(id, name, usage, arguments, has org, has dry run, act, what for) */
#define COMMAND(id, name, usage, argument_count, has_org, has_dry_run, act, doc)                                       \
    static int id##_main(int argc, char **argv)                                                                        \
    {                                                                                                                  \
        static const struct upkeep_command command = {name, usage, argument_count, has_org, has_dry_run, act};         \
        return run_with_store(&command, argc, argv);                                                                   \
    }                                                                                                                  \
    const struct cli_command command_##id = {name, usage, doc, id##_main};

COMMAND(user_list, "user list", "[--org ID] [--config FILE]", 0, true, false, list_users,
        "an org's users, as JSON lines")
COMMAND(user_add, "user add", "NAME ROLE REASON [--org ID] [--config FILE]", 3, true, false, add_user,
        "makes a user, of any org, and tells the first password once")
COMMAND(user_role, "user role", "NAME ROLE REASON [--org ID] [--config FILE]", 3, true, false, set_role,
        "gives a user a role, platform too; the audit tells why")
COMMAND(org_list, "org list", "[--config FILE]", 0, false, false, list_orgs,
        "every org, as JSON lines; of those that were deleted, what went and when")
COMMAND(org_delete, "org delete", "ORG REASON [--org WHOSE-AUDIT-TELLS-OF-IT] [--config FILE]", 2, true, false,
        delete_org, "closes an org for good and erases everything of it")
COMMAND(audit_verify, "audit verify", "[--org ID] [--config FILE]", 0, true, false, verify,
        "finds edited, missing and moved entries of the audit")
COMMAND(audit_list, "audit list", "[--org ID] [--config FILE]", 0, true, false, list_audit,
        "who did what, newest first, as JSON lines")
COMMAND(audit_erase, "audit erase", "KIND:ID REASON [--org ID] [--config FILE]", 2, true, false, erase_subject,
        "destroys the key of whom or what entries are about, and tells why; the chain still holds")
COMMAND(retention_status, "retention status", "[--org ID] [--config FILE]", 0, true, false, show_retention,
        "what is kept how long, the oldest of it, and when the disk will be full")
COMMAND(retention_run, "retention run", "[--dry-run] [--config FILE]", 0, false, true, run_retention,
        "deletes what is older than its days, or says what would go; policies say as they do to the server")
COMMAND(retention_confirm, "retention confirm-clock", "[--config FILE]", 0, false, false, confirm_clock,
        "says that the clock is right, after it was doubted")
