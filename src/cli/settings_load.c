#include "cli/settings_load.h"

#include "api/api.h"
#include "facts/camera.h"
#include "keeper/keeper.h"
#include "record/settings.h"
#include "vision/vision.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool load(const char *path, const GArray *overrides, struct settings *settings, struct record_errors *errors)
{
    if (!settings_load(&settings_descriptor, path, (const struct settings_override *)(const void *)overrides->data,
                       overrides->len, settings, errors))
        return false;
    struct camera *cameras = settings->cameras.items;
    for (size_t i = 0; i < settings->cameras.count; i++)
        camera_tidy(&cameras[i]);
    return true;
}

void cli_settings_warn(const char *who, const struct settings *settings)
{
    const struct detector_settings *detector = &settings->detector;
    struct record_errors warnings;
    struct model_card card;
    /* where it cannot be read, the workers say why */
    bool has_card =
        detector->model && *detector->model && model_card_load(detector->model, detector->card, &card, NULL);
    record_errors_init(&warnings);
    settings_environment_warn(&settings_descriptor, environ, &warnings);
    settings_warn(settings, has_card ? &card : NULL, &warnings);
    if (has_card)
        record_clear(&model_card_descriptor, &card);
    for (guint i = 0; i < warnings.items->len; i++) {
        const struct record_error *warning = g_ptr_array_index(warnings.items, i);
        fprintf(stderr, "%s: warning: %s: %s\n", who, warning->path, warning->text);
    }
    record_errors_clear(&warnings);
}

static void check_file(const char *setting, const char *path, struct record_errors *missing)
{
    if (!path || !*path || g_access(path, R_OK) == 0)
        return;
    int reason = errno;
    g_autofree char *absolute = g_canonicalize_filename(path, NULL);
    record_errors_add(missing, setting, "'%s': %s", absolute, g_strerror(reason));
}

static void check_broker_tls(const struct notify_broker *broker, size_t number, struct record_errors *missing)
{
    const struct {
        const char *name, *path;
    } files[] = {
        {"ca_file", broker->ca_file}, {"certificate_file", broker->certificate_file}, {"key_file", broker->key_file}};
    for (size_t i = 0; broker->enabled && i < G_N_ELEMENTS(files); i++) {
        g_autofree char *setting = g_strdup_printf("notify.brokers[%zu].%s", number, files[i].name);
        check_file(setting, files[i].path, missing);
    }
}

static void check_notify_files(const struct notify_settings *notify, struct record_errors *missing)
{
    const struct notify_webhook *webhooks = notify->webhooks.items;
    for (size_t i = 0; i < notify->webhooks.count; i++) {
        g_autofree char *setting = g_strdup_printf("notify.webhooks[%zu].secret_file", i);
        check_file(setting, webhooks[i].enabled ? webhooks[i].secret_file : NULL, missing);
    }
    const struct notify_broker *brokers = notify->brokers.items;
    for (size_t i = 0; i < notify->brokers.count; i++) {
        g_autofree char *setting = g_strdup_printf("notify.brokers[%zu].password_file", i);
        check_file(setting, brokers[i].enabled ? brokers[i].password_file : NULL, missing);
        check_broker_tls(&brokers[i], i, missing);
    }
}

static void check_files(const struct settings *settings, struct record_errors *missing)
{
    bool has_database = settings->store.url && *settings->store.url;
    bool is_traced = settings->tracing.collector && *settings->tracing.collector;
    const struct {
        const char *setting, *path;
    } files[] = {
        {"detector.model", settings->detector.model},
        {"detector.card", settings->detector.card},
        {"reid.model", settings->reid.model},
        {"reid.card", settings->reid.card},
        {"http.tls_certificate_file", settings->http.tls_certificate_file},
        {"http.tls_key_file", settings->http.tls_key_file},
        {"store.password_file", has_database ? settings->store.password_file : NULL},
        {"source.tls_ca_file", settings->source.tls_ca_file},
        {"notify.ca_file", settings->notify.ca_file},
        {"tracing.headers_file", is_traced ? settings->tracing.headers_file : NULL},
        {"tracing.tls_ca_file", is_traced ? settings->tracing.tls_ca_file : NULL},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(files); i++)
        check_file(files[i].setting, files[i].path, missing);
    check_notify_files(&settings->notify, missing);
}

/* The error of a room begins with the setting that it is about, but for those of keys. */
static void add_refusal(struct record_errors *refused, const char *setting, const GError *error)
{
    const char *words = strstr(error->message, ": ");
    g_autofree char *named = g_strndup(error->message, words ? (gsize)(words - error->message) : 0);
    record_errors_add(refused, setting ? setting : named, "%s", setting || !words ? error->message : words + 2);
}

void cli_start_check(const struct settings *settings, struct record_errors *refused)
{
    g_autoptr(GError) refusal = NULL;
    check_files(settings, refused);
    if (!policy_keeper_check_keys(settings->policies.keys, &refusal))
        add_refusal(refused, "policies.keys", refusal);
    g_clear_error(&refusal);
    if (refused->items->len == 0 && !api_check_settings(settings, &refusal))
        add_refusal(refused, NULL, refusal);
}

bool cli_settings_load(const char *path, int *argc, char **argv, struct settings *settings)
{
    g_autoptr(GArray) overrides = settings_environment(&settings_descriptor, environ);
    g_autoptr(GError) error = NULL;
    if (!settings_flags(&settings_descriptor, argc, argv, overrides, &error)) {
        fprintf(stderr, "vedette: %s\n", error->message);
        return false;
    }
    struct record_errors errors;
    record_errors_init(&errors);
    bool is_good = load(path, overrides, settings, &errors);
    if (!is_good) {
        g_autoptr(GString) out = g_string_new(NULL);
        settings_errors_print(&errors, path ? path : "settings", out);
        fputs(out->str, stderr);
    }
    record_errors_clear(&errors);
    return is_good;
}

int cli_options_load(const char *command, const GOptionEntry *entries, char *const *config, int *argc, char **argv,
                     struct settings *settings)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GOptionContext) context = g_option_context_new("[settings as for `vedette run`]");
    g_option_context_set_ignore_unknown_options(context, TRUE);
    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, argc, &argv, &error)) {
        fprintf(stderr, "vedette %s: %s\n", command, error->message);
        return 2;
    }
    return cli_settings_load(*config, argc, argv, settings) ? 0 : 1;
}

bool cli_options_are_all(const char *command, int argc, char **argv)
{
    if (argc > 1)
        fprintf(stderr, "vedette %s: '%s' is no option; `vedette %s --help` lists them\n", command, argv[1], command);
    return argc <= 1;
}

bool cli_arguments_check(const char *command, const char *usage, int count, int argc, char **argv)
{
    int option = 1;
    while (option < argc && argv[option][0] != '-')
        option++;
    if (cli_options_are_all(command, argc - option + 1, argv + option - 1) && argc - 1 == count)
        return true;
    fprintf(stderr, "usage: vedette %s %s\n", command, usage);
    return false;
}

char *cli_data_dir(const struct settings *settings)
{
    if (settings->data_dir && *settings->data_dir)
        return g_strdup(settings->data_dir);
    return g_build_filename(g_get_user_data_dir(), "vedette", NULL);
}
