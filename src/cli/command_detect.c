#include "cli/cli.h"

#include "cli/settings_load.h"
#include "media/media.h"
#include "vision/vision.h"

#include <stdio.h>
#include <string.h>

struct detect_options {
    char *model, *card;
    double confidence;
    gint64 frame; /* of a video, from 0; -1: images */
    gboolean is_json;
};

static struct frame *read_video_frame(const char *path, int64_t number, const struct source_settings *settings,
                                      GError **error)
{
    CLEANUP(media_reader) struct media_reader *reader = media_reader_open(path, settings, error);
    for (int64_t i = 0; reader; i++) {
        g_autoptr(GError) cause = NULL;
        CLEANUP(frame) struct frame *frame = media_reader_next(reader, &cause);
        if (!frame && cause) {
            g_propagate_error(error, g_steal_pointer(&cause));
            return NULL;
        }
        if (!frame) {
            g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_NOT_FOUND,
                        "video '%s': has %lld frames, and none numbered "
                        "%lld (the first is 0)",
                        path, (long long)i, (long long)number);
            return NULL;
        }
        if (i == number)
            return frame_ref(frame);
    }
    return NULL;
}

/* Boxes both as shares of the frame, as records have them, and as corners in pixels, as people measure them. */
static void print_json(const char *path, const struct frame *frame, const struct detector *detector, double seconds,
                       const struct detections *found)
{
    g_autoptr(GString) out = g_string_new("{\"image\":");
    record_append_json_string(out, path);
    g_string_append_printf(out, ",\"width_px\":%d,\"height_px\":%d,\"model\":", frame->width_px, frame->height_px);
    record_append_json_string(out, detector_card(detector)->name);
    g_string_append_printf(out, ",\"provider\":\"%s\",\"milliseconds\":%.2f,\"objects\":[", detector_provider(detector),
                           seconds * 1000);
    for (int i = 0; i < found->count; i++) {
        const struct detection *object = &found->items[i];
        const struct record_box *box = &object->box;
        g_string_append(out, i ? ",{\"object_class\":" : "{\"object_class\":");
        record_append_json_string(out, object->object_class);
        g_string_append_printf(
            out, ",\"confidence\":%.4f,\"box\":[%.6f,%.6f,%.6f,%.6f],\"corners_px\":[%.1f,%.1f,%.1f,%.1f]}",
            object->confidence, box->x, box->y, box->w, box->h, box->x * frame->width_px, box->y * frame->height_px,
            (box->x + box->w) * frame->width_px, (box->y + box->h) * frame->height_px);
    }
    printf("%s]}\n", out->str);
}

static void print_text(const char *path, const struct frame *frame, const struct detector *detector, double seconds,
                       const struct detections *found)
{
    printf("%s: %d x %d, %d objects in %.1f ms (%s)\n", path, frame->width_px, frame->height_px, found->count,
           seconds * 1000, detector_provider(detector));
    for (int i = 0; i < found->count; i++) {
        const struct detection *object = &found->items[i];
        printf("  %-16s %3.0f %%  %.0f,%.0f to %.0f,%.0f\n", object->object_class, 100 * object->confidence,
               object->box.x * frame->width_px, object->box.y * frame->height_px,
               (object->box.x + object->box.w) * frame->width_px, (object->box.y + object->box.h) * frame->height_px);
    }
}

static bool detect_one(const char *path, struct detector *detector, const struct detect_options *options,
                       const struct settings *settings, struct detections *found, GError **error)
{
    CLEANUP(frame)
    struct frame *frame = options->frame < 0 ? media_image_load(path, error)
                                             : read_video_frame(path, options->frame, &settings->source, error);
    if (!frame)
        return false;
    int64_t started_us = g_get_monotonic_time();
    if (!detector_run(detector, frame, found, error)) {
        g_prefix_error(error, "'%s': ", path);
        return false;
    }
    double seconds = (double)(g_get_monotonic_time() - started_us) / G_USEC_PER_SEC;
    (options->is_json ? print_json : print_text)(path, frame, detector, seconds, found);
    return true;
}

/* Every image is tried; false when one could not be. */
static bool detect(char **paths, int count, const struct detect_options *options, struct settings *settings)
{
    g_autoptr(GError) error = NULL;
    struct detector_settings chosen = settings->detector;
    chosen.card = options->card ? options->card : chosen.card;
    chosen.confidence = options->confidence > 0 ? options->confidence : chosen.confidence;
    CLEANUP(detector)
    struct detector *detector = media_init(false, &error) ? detector_open(options->model, &chosen, &error) : NULL;
    if (!detector) {
        fprintf(stderr, "vedette detect: %s\n", error->message);
        return false;
    }
    g_autofree struct detections *found = g_new0(struct detections, 1);
    bool is_good = true;
    for (int i = 0; i < count; i++) {
        g_autoptr(GError) cause = NULL;
        if (detect_one(paths[i], detector, options, settings, found, &cause))
            continue;
        fprintf(stderr, "vedette detect: %s\n", cause->message);
        is_good = false;
    }
    return is_good;
}

/* What is wrong with the command line, or NULL. */
static const char *find_mistake(const struct detect_options *options, int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (argv[i][0] == '-' && argv[i][1] == '-')
            return "unknown option; `vedette detect --help` lists them";
    if (!options->model)
        return "give a model: --model FILE.onnx";
    if (argc < 2)
        return "give at least one IMAGE (JPEG or PNG), or a video with --frame N";
    if (!(options->confidence >= 0 && options->confidence <= 1))
        return "--confidence must be between 0 and 1";
    return NULL;
}

static int detect_main(int argc, char **argv)
{
    g_autofree char *model = NULL, *card = NULL;
    struct detect_options options = {.frame = -1};
    const GOptionEntry entries[] = {
        {"model", 0, 0, G_OPTION_ARG_FILENAME, &model, "an ONNX model", "FILE"},
        {"card", 0, 0, G_OPTION_ARG_FILENAME, &card, "its card, when it does not lie beside it", "FILE"},
        {"confidence", 0, 0, G_OPTION_ARG_DOUBLE, &options.confidence,
         "objects below it are not reported; without: what the card says", "0..1"},
        {"frame", 0, 0, G_OPTION_ARG_INT64, &options.frame, "the files are videos; look at this frame, from 0", "N"},
        {"json", 0, 0, G_OPTION_ARG_NONE, &options.is_json, "one JSON line an image", NULL},
        {0}};
    g_autoptr(GError) error = NULL;
    g_autoptr(GOptionContext) context = g_option_context_new("IMAGE...");
    g_option_context_add_main_entries(context, entries, NULL);
    g_option_context_set_ignore_unknown_options(context, TRUE);
    struct settings settings;
    bool is_good = g_option_context_parse(context, &argc, &argv, &error);
    if (is_good && !cli_settings_load(NULL, &argc, argv, &settings))
        return 1;
    options.model = model;
    options.card = card;
    const char *mistake = is_good ? find_mistake(&options, argc, argv) : error->message;
    if (mistake) {
        fprintf(stderr, "vedette detect: %s\n", mistake);
        if (is_good)
            record_clear(&settings_descriptor, &settings);
        return 2;
    }
    is_good = detect(argv + 1, argc - 1, &options, &settings);
    record_clear(&settings_descriptor, &settings);
    return is_good ? 0 : 1;
}

const struct cli_command command_detect = {
    "detect", "--model FILE.onnx [--card FILE] [--confidence X] [--frame N] [--json] IMAGE…",
    "shows what a model sees in images, or in a frame of a video", detect_main};
