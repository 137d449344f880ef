#include "cli/cli.h"

#include "base/log.h"
#include "cli/settings_load.h"
#include "facts/camera.h"
#include "hub/demo.h"
#include "hub/hub.h"
#include "media/media.h"
#include "record/settings.h"

#include <stdio.h>
#include <string.h>

struct run_options {
    char *config;
    gboolean is_demo, wants_help;
};

static void print_help(void)
{
    g_autoptr(GString) out =
        g_string_new("usage: vedette run [rtsp://…] [--config FILE] [--demo] [settings]\n\n"
                     "Watches cameras and serves the page. A setting is taken from its flag, else from its "
                     "variable, else from the file, else its default.\n\nSettings:\n");
    settings_append_help(&settings_descriptor, out);
    fputs(out->str, stdout);
}

/* A source given on the command line becomes a camera with a zone over the whole picture, so that something is counted.
 */
static bool add_source(struct settings *settings, const char *source, int number)
{
    struct media_url url;
    g_autoptr(GError) error = NULL;
    if (!media_url_parse(source, &url, &error)) {
        fprintf(stderr, "vedette run: %s\n", error->message);
        return false;
    }
    struct camera *camera = record_list_append(&settings->cameras, &camera_descriptor);
    static const struct record_point corners[] = {{0, 0}, {1, 0}, {1, 1}, {0, 1}};
    camera->id = g_strdup_printf("camera-%d", number);
    camera->name = g_strdup(url.host ? url.host : url.location);
    camera->source = g_strdup(url.location);
    g_free(camera->username);
    g_free(camera->password);
    camera->username = g_strdup(url.username);
    camera->password = g_strdup(url.password);
    struct zone *zone = record_list_append(&camera->zones, &zone_descriptor);
    zone->id = g_strdup("picture");
    zone->name = g_strdup("Whole picture");
    zone->polygon.items = g_memdup2(corners, sizeof corners);
    zone->polygon.count = G_N_ELEMENTS(corners);
    media_url_clear(&url);
    return true;
}

static bool configure_logs(const struct settings *settings)
{
    g_autoptr(GError) error = NULL;
    if (log_configure(settings->log.levels, (enum log_format)settings->log.format,
                      (enum log_target)settings->log.target, &error))
        return true;
    fprintf(stderr, "vedette run: log.levels: %s\n", error->message);
    return false;
}

static int run(const struct run_options *options, struct settings *settings, int source_count, char **sources)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *program = g_file_read_link("/proc/self/exe", &error);
    struct demo *demo = NULL;
    for (int i = 0; i < source_count; i++)
        if (!add_source(settings, sources[i], i + 1))
            return 1;
    bool is_good = program && configure_logs(settings) && media_init(false, &error);
    if (is_good && options->is_demo)
        is_good = (demo = demo_start(program, settings, &error)) != NULL;
    if (!is_good) {
        if (error)
            fprintf(stderr, "vedette run: %s\n", error->message);
        return 1;
    }
    g_autofree char *data_dir = cli_data_dir(settings);
    const struct hub_options hub = {settings, program, data_dir};
    int status = hub_run(&hub);
    demo_stop(demo);
    return status;
}

static int run_main(int argc, char **argv)
{
    struct run_options options = {0};
    const GOptionEntry entries[] = {
        {"config", 0, 0, G_OPTION_ARG_FILENAME, &options.config, "settings file (YAML)", "FILE"},
        {"demo", 0, 0, G_OPTION_ARG_NONE, &options.is_demo, "watch four demo cameras", NULL},
        {"help", 'h', 0, G_OPTION_ARG_NONE, &options.wants_help, "show every setting", NULL},
        {0}};
    g_autoptr(GError) error = NULL;
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_option_context_set_help_enabled(context, FALSE);
    g_option_context_set_ignore_unknown_options(context, TRUE);
    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, &argc, &argv, &error)) {
        fprintf(stderr, "vedette run: %s\n", error->message);
        return 2;
    }
    if (options.wants_help) {
        print_help();
        return 0;
    }
    struct settings settings;
    if (!cli_settings_load(options.config, &argc, argv, &settings))
        return 1;
    int status = 2;
    for (int i = 1; i < argc; i++)
        if (argv[i][0] == '-') {
            fprintf(stderr, "vedette run: '%s' is no option; `vedette run --help` lists them\n", argv[i]);
            goto out;
        }
    if (argc < 2 && !options.config && !options.is_demo)
        fprintf(stderr, "vedette run: nothing to watch: give rtsp://…, --config FILE or --demo\n");
    else
        status = run(&options, &settings, argc - 1, argv + 1);
out:
    record_clear(&settings_descriptor, &settings);
    g_free(options.config);
    return status;
}

const struct cli_command command_run = {"run", "[rtsp://…] [--config FILE] [--demo]",
                                        "watches cameras and serves the page; --help lists every setting", run_main};
