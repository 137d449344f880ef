#include "cli/cli.h"

#include "base/log.h"
#include "base/redact.h"
#include "cli/settings_load.h"
#include "facts/camera.h"
#include "hub/hub.h"
#include "media/media.h"
#include "record/settings.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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

/* "camera-1", or the next that the configuration file has not given away. */
static char *free_camera_id(const struct settings *settings)
{
    const struct camera *cameras = settings->cameras.items;
    for (int number = 1;; number++) {
        char *id = g_strdup_printf("camera-%d", number);
        size_t i = 0;
        while (i < settings->cameras.count && g_strcmp0(cameras[i].id, id) != 0)
            i++;
        if (i == settings->cameras.count)
            return id;
        g_free(id);
    }
}

static void add_whole_picture(struct camera *camera)
{
    static const struct record_point corners[] = {{0, 0}, {1, 0}, {1, 1}, {0, 1}};
    struct zone *zone = record_list_append(&camera->zones, &zone_descriptor);
    zone->id = g_strdup("picture");
    zone->name = g_strdup("Whole picture");
    zone->polygon.items = g_memdup2(corners, sizeof corners);
    zone->polygon.count = G_N_ELEMENTS(corners);
}

/* A source given on the command line becomes a camera with a zone over the whole picture, so that something is counted.
 */
static bool add_source(struct settings *settings, const char *source)
{
    struct media_url url;
    g_autoptr(GError) error = NULL;
    if (!media_url_parse(source, &url, &error)) {
        fprintf(stderr, "vedette run: source: %s\n", error->message);
        return false;
    }
    if (url.scheme == MEDIA_FILE && g_access(url.location, R_OK) != 0) {
        fprintf(stderr, "vedette run: source: '%s': %s\n", url.shown, g_strerror(errno));
        media_url_clear(&url);
        return false;
    }
    char *id = free_camera_id(settings);
    struct camera *camera = record_list_append(&settings->cameras, &camera_descriptor);
    char *const texts[] = {camera->username, camera->password};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        g_free(texts[i]);
    camera->id = id;
    camera->name = g_strdup(url.host ? url.host : url.location);
    camera->source = g_strdup(url.location);
    camera->username = g_strdup(url.username);
    camera->password = g_strdup(url.password);
    add_whole_picture(camera);
    media_url_clear(&url);
    return true;
}

/* `ps` shows our arguments to everyone on the machine: a login among them, also one in a path or query, is overwritten
 * where it stands. */
static void hide_login(char *argument)
{
    size_t length = strlen(argument);
    g_autofree char *shown = redact_address(argument);
    if (strcmp(shown, argument) == 0)
        return;
    for (size_t i = 0, shown_length = strlen(shown); i < length; i++)
        argument[i] = i < shown_length ? shown[i] : '*';
}

/* True when there are none. */
static bool print_errors(const struct record_errors *errors)
{
    for (guint i = 0; i < errors->items->len; i++) {
        const struct record_error *error = g_ptr_array_index(errors->items, i);
        fprintf(stderr, "vedette run: %s: %s\n", error->path, error->text);
    }
    return errors->items->len == 0;
}

static void make_absolute(char **path)
{
    if (!*path || !**path || strstr(*path, "://"))
        return;
    char *absolute = g_canonicalize_filename(*path, NULL);
    g_free(*path);
    *path = absolute;
}

/* Workers start in another directory, and a model that is not there is better told now than in every worker. */
static bool find_files(struct settings *settings)
{
    char **const models[] = {&settings->detector.model, &settings->detector.card, &settings->reid.model,
                             &settings->reid.card};
    for (size_t i = 0; i < G_N_ELEMENTS(models); i++)
        make_absolute(models[i]);
    struct camera *cameras = settings->cameras.items;
    for (size_t i = 0; i < settings->cameras.count; i++) {
        struct camera_stream *streams = cameras[i].streams.items;
        make_absolute(&cameras[i].source);
        for (size_t j = 0; j < cameras[i].streams.count; j++)
            make_absolute(&streams[j].source);
    }
    struct record_errors refused;
    record_errors_init(&refused);
    cli_start_check(settings, &refused);
    bool is_good = print_errors(&refused);
    record_errors_clear(&refused);
    return is_good;
}

/* The file's, the command line's and the demo's cameras together. */
static bool check_cameras(const struct settings *settings)
{
    struct record_errors errors;
    record_errors_init(&errors);
    bool is_good = record_validate(&settings_descriptor, settings, "", &errors);
    if (!is_good) {
        g_autoptr(GString) out = g_string_new(NULL);
        settings_errors_print(&errors, "vedette run", out);
        fputs(out->str, stderr);
    }
    record_errors_clear(&errors);
    return is_good;
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

static bool add_sources(struct settings *settings, int count, char **sources)
{
    for (int i = 0; i < count; i++) {
        if (!add_source(settings, sources[i]))
            return false;
        hide_login(sources[i]);
    }
    return find_files(settings);
}

static int watch(const char *program, struct settings *settings)
{
    g_autofree char *data_dir = cli_data_dir(settings);
    cli_settings_warn("vedette run", settings);
    const struct hub_options hub = {settings, program, data_dir};
    return check_cameras(settings) ? hub_run(&hub) : 1;
}

static int run(const struct run_options *options, struct settings *settings, int source_count, char **sources)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *program = g_file_read_link("/proc/self/exe", &error);
    struct demo *demo = NULL;
    if (!add_sources(settings, source_count, sources) || !configure_logs(settings))
        return 1;
    bool is_good = program && media_init(false, &error);
    if (is_good && options->is_demo)
        is_good = (demo = demo_start(program, settings, &error)) != NULL;
    if (!is_good) {
        fprintf(stderr, "vedette run: %s\n", error->message);
        return 1;
    }
    int status = watch(program, settings);
    demo_stop(demo);
    return status;
}

/* What is left of the arguments once every option was taken out of them are sources. */
static int check_arguments(const struct run_options *options, int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (argv[i][0] == '-') {
            fprintf(stderr, "vedette run: '%s' is no option; `vedette run --help` lists them\n", argv[i]);
            return 2;
        }
    if (argc < 2 && !options->config && !options->is_demo)
        fprintf(stderr,
                "vedette run: no cameras are given (rtsp://…, --config FILE or --demo): those that were added on "
                "the page or by the API are watched\n");
    return 0;
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
    g_autofree char *config = options.config;
    if (options.wants_help) {
        print_help();
        return 0;
    }
    struct settings settings;
    if (!cli_settings_load(config, &argc, argv, &settings))
        return 1;
    int status = check_arguments(&options, argc, argv);
    if (status == 0)
        status = run(&options, &settings, argc - 1, argv + 1);
    record_clear(&settings_descriptor, &settings);
    return status;
}

const struct cli_command command_run = {"run", "[rtsp://…] [--config FILE] [--demo]",
                                        "watches cameras and serves the page; --help lists every setting", run_main};
