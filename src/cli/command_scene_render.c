#include "cli/cli.h"

#include "media/media.h"
#include "scene/scene.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct render_options {
    int seed, seconds, width, height;
    double fps;
    char *out, *truth, *config;
};

static bool write_text(const char *path, const char *text, GError **error)
{
    if (!path)
        return true;
    if (g_file_set_contents(path, text, -1, error))
        return true;
    g_prefix_error(error, "write '%s': ", path);
    return false;
}

static void append_points(GString *out, const struct record_point *points, size_t count)
{
    for (size_t i = 0; i < count; i++)
        g_string_append_printf(out, "%s[%.6g, %.6g]", i ? ", " : "", points[i].x, points[i].y);
}

/* The scene's lines and zones as a settings file. */
static char *config_text(struct scene *scene, const char *name, const char *source)
{
    struct camera camera;
    scene_describe_camera(scene, &camera);
    GString *out = g_string_new("cameras:\n");
    g_string_append_printf(out, "  - id: %s\n    name: ", name);
    record_append_json_string(out, name);
    g_string_append(out, "\n    source: ");
    record_append_json_string(out, source);
    g_string_append_printf(out, "\n    analyse_fps: %.6g\n    lines:\n", camera.analyse_fps);
    const struct line *lines = camera.lines.items;
    for (size_t i = 0; i < camera.lines.count; i++) {
        g_string_append_printf(out, "      - {id: %s, name: \"%s\", a: ", lines[i].id, lines[i].name);
        append_points(out, &lines[i].a, 1);
        g_string_append(out, ", b: ");
        append_points(out, &lines[i].b, 1);
        g_string_append(out, "}\n");
    }
    g_string_append(out, "    zones:\n");
    const struct zone *zones = camera.zones.items;
    for (size_t i = 0; i < camera.zones.count; i++) {
        g_string_append_printf(out, "      - {id: %s, name: \"%s\", kind: %s, polygon: [", zones[i].id, zones[i].name,
                               record_enum_name(zone_kind_names, zones[i].kind));
        append_points(out, zones[i].polygon.items, zones[i].polygon.count);
        g_string_append(out, "]}\n");
    }
    record_clear(&camera_descriptor, &camera);
    return g_string_free(out, FALSE);
}

static bool render_video(struct scene *scene, const char *path, GError **error)
{
    if (!path)
        return true;
    struct media_writer *writer =
        media_writer_open(path, scene_width_px(scene), scene_height_px(scene), scene_fps(scene), error);
    if (!writer)
        return false;
    bool is_good = true;
    for (uint64_t i = 0; is_good && i < scene_frame_count(scene); i++) {
        CLEANUP(frame) struct frame *frame = scene_render(scene, i);
        is_good = media_writer_write(writer, frame, error);
    }
    return media_writer_close(writer, is_good ? error : NULL) && is_good;
}

static bool render(const char *name, const struct render_options *options, GError **error)
{
    char fps[G_ASCII_DTOSTR_BUF_SIZE];
    g_autofree char *uri =
        g_strdup_printf("scene://%s?seed=%d&fps=%s&width=%d&height=%d&frames=%lld", name, options->seed,
                        g_ascii_formatd(fps, sizeof fps, "%.6g", options->fps), options->width, options->height,
                        (long long)(options->seconds * options->fps + 0.5));
    CLEANUP(scene) struct scene *scene = scene_new_from_uri(uri, error);
    if (!scene)
        return false;
    g_autofree char *truth = scene_truth_json(scene, scene_frame_count(scene));
    g_autofree char *config = config_text(scene, name, options->out ? options->out : uri);
    return write_text(options->truth, truth, error) && write_text(options->config, config, error) &&
           render_video(scene, options->out, error);
}

static int scene_render_main(int argc, char **argv)
{
    struct render_options options = {.seed = 1, .seconds = 60, .width = 640, .height = 360, .fps = 10};
    const GOptionEntry entries[] = {
        {"seed", 0, 0, G_OPTION_ARG_INT, &options.seed, "which of the scene's many days", "N"},
        {"seconds", 0, 0, G_OPTION_ARG_INT, &options.seconds, "length", "S"},
        {"fps", 0, 0, G_OPTION_ARG_DOUBLE, &options.fps, "frames a second", "F"},
        {"width", 0, 0, G_OPTION_ARG_INT, &options.width, "pixels", "W"},
        {"height", 0, 0, G_OPTION_ARG_INT, &options.height, "pixels", "H"},
        {"out", 0, 0, G_OPTION_ARG_FILENAME, &options.out, "the video (MP4)", "FILE"},
        {"truth", 0, 0, G_OPTION_ARG_FILENAME, &options.truth, "the ground truth (JSON)", "FILE"},
        {"config", 0, 0, G_OPTION_ARG_FILENAME, &options.config, "settings with the scene's lines and zones (YAML)",
         "FILE"},
        {0}};
    g_autoptr(GError) error = NULL;
    g_autoptr(GOptionContext) context = g_option_context_new("NAME");
    g_option_context_add_main_entries(context, entries, NULL);
    bool is_good = g_option_context_parse(context, &argc, &argv, &error);
    if (!is_good || argc != 2) {
        fprintf(stderr, "vedette scene render: %s\n", error ? error->message : "give one scene's NAME (shop, gate, …)");
        return 2;
    }
    is_good = media_init(false, &error) && render(argv[1], &options, &error);
    if (!is_good)
        fprintf(stderr, "vedette scene render: %s\n", error->message);
    g_free(options.out);
    g_free(options.truth);
    g_free(options.config);
    return is_good ? 0 : 1;
}

const struct cli_command command_scene_render = {
    "scene render", "NAME --seed N --seconds S --out f.mp4 --truth f.json --config f.yml",
    "writes a generated clip with its ground truth and the settings to analyse it", scene_render_main};
