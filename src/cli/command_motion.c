#include "cli/cli.h"

#include "cli/settings_load.h"
#include "media/media.h"
#include "vision/vision.h"

#include <stdio.h>

static void print_json(const struct frame *frame, const struct motion_scene *scene, const struct detections *objects)
{
    printf("{\"frame\":%llu,\"at\":%.3f,\"learning\":%s,\"light_change\":%s,\"moving_share\":%.5f,\"objects\":[",
           (unsigned long long)frame->number, (double)frame->media_us / 1e6, scene->is_learning ? "true" : "false",
           scene->is_light_change ? "true" : "false", scene->moving_share);
    for (int i = 0; i < objects->count; i++) {
        const struct detection *object = &objects->items[i];
        printf("%s{\"box\":[%.5f,%.5f,%.5f,%.5f],\"confidence\":%.2f}", i ? "," : "", object->box.x, object->box.y,
               object->box.w, object->box.h, object->confidence);
    }
    printf("]}\n");
}

static void print_text(const struct frame *frame, const struct motion_scene *scene, const struct detections *objects)
{
    printf("%8.2f s  %5.1f %% moving%s%s", (double)frame->media_us / 1e6, 100 * scene->moving_share,
           scene->is_learning ? "  learning" : "", scene->is_light_change ? "  light changed" : "");
    for (int i = 0; i < objects->count; i++)
        printf("  [%.2f %.2f %.2f %.2f]", objects->items[i].box.x, objects->items[i].box.y, objects->items[i].box.w,
               objects->items[i].box.h);
    printf("\n");
}

static bool watch(const char *video, const struct settings *settings, bool is_json, GError **error)
{
    if (!media_init(false, error))
        return false;
    CLEANUP(media_reader) struct media_reader *reader = media_reader_open(video, &settings->source, error);
    if (!reader)
        return false;
    CLEANUP(motion) struct motion *motion = motion_new(&settings->motion);
    g_autofree struct detections *objects = g_new0(struct detections, 1);
    for (;;) {
        g_autoptr(GError) cause = NULL;
        CLEANUP(frame) struct frame *frame = media_reader_next(reader, &cause);
        if (!frame) {
            if (cause)
                g_propagate_error(error, g_steal_pointer(&cause));
            return !*error;
        }
        struct motion_scene scene;
        motion_update(motion, frame, objects, &scene);
        (is_json ? print_json : print_text)(frame, &scene, objects);
    }
}

static int motion_main(int argc, char **argv)
{
    gboolean is_json = FALSE;
    const GOptionEntry entries[] = {{"json", 0, 0, G_OPTION_ARG_NONE, &is_json, "one JSON line a frame", NULL}, {0}};
    g_autoptr(GError) error = NULL;
    g_autoptr(GOptionContext) context = g_option_context_new("VIDEO");
    g_option_context_add_main_entries(context, entries, NULL);
    g_option_context_set_ignore_unknown_options(context, TRUE);
    struct settings settings;
    bool is_good = g_option_context_parse(context, &argc, &argv, &error);
    if (is_good && !cli_settings_load(NULL, &argc, argv, &settings))
        return 1;
    if (!is_good || argc != 2 || argv[1][0] == '-') {
        fprintf(stderr, "vedette motion: %s\n", error ? error->message : "give one VIDEO (and --motion-… settings)");
        return 2;
    }
    is_good = watch(argv[1], &settings, is_json, &error);
    if (!is_good)
        fprintf(stderr, "vedette motion: %s\n", error->message);
    record_clear(&settings_descriptor, &settings);
    return is_good ? 0 : 1;
}

const struct cli_command command_motion = {"motion", "VIDEO [--json]", "shows what moves in a video", motion_main};
