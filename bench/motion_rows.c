/* What moves, and what the picture is like as a whole. */
#include "bench.h"

#include "scene/scene.h"
#include "vision/vision.h"

#include <string.h>

/* ---- motion ---- */

struct motion_bench {
    struct motion *motion;
    struct frame *frames[64];
    struct detections *objects;
    uint8_t *copy;
    int next;
    int64_t media_us;
};

static void motion_ours(void *data)
{
    struct motion_bench *bench = data;
    struct frame *frame = bench->frames[bench->next++ % (int)G_N_ELEMENTS(bench->frames)];
    frame->media_us = bench->media_us += 100000;
    motion_update(bench->motion, frame, bench->objects, NULL);
}

static void *motion_setup(const void *argument)
{
    const char *uri = argument;
    struct motion_bench *bench = g_new0(struct motion_bench, 1);
    struct settings settings;
    record_init(&settings_descriptor, &settings);
    CLEANUP(scene) struct scene *scene = scene_new_from_uri(uri, NULL);
    bench->motion = motion_new(&settings.motion);
    bench->objects = g_new0(struct detections, 1);
    for (size_t i = 0; i < G_N_ELEMENTS(bench->frames); i++)
        bench->frames[i] = scene_render(scene, 100 + i);
    bench->copy = g_malloc((size_t)bench->frames[0]->strides_bytes[0] * (size_t)bench->frames[0]->height_px);
    record_clear(&settings_descriptor, &settings);
    motion_ours(bench); /* the first picture chooses the kernels */
    return bench;
}

static void motion_theirs(void *data)
{
    struct motion_bench *bench = data;
    const struct frame *frame = bench->frames[bench->next++ % (int)G_N_ELEMENTS(bench->frames)];
    memcpy(bench->copy, frame->planes[0], (size_t)frame->strides_bytes[0] * (size_t)frame->height_px);
}

/* ---- facts of the picture ---- */

struct facts_bench {
    struct motion *motion;
    struct picture_watch *watch;
    struct frame *frame;
    struct frame template;
    uint8_t *copy;
};

static void *facts_setup(const void *argument)
{
    (void)argument;
    struct facts_bench *bench = g_new0(struct facts_bench, 1);
    struct settings settings;
    record_init(&settings_descriptor, &settings);
    CLEANUP(scene) struct scene *scene = scene_new_from_uri("scene://shop?width=1920&height=1080", NULL);
    g_autofree struct detections *objects = g_new0(struct detections, 1);
    bench->frame = scene_render(scene, 100);
    bench->motion = motion_new(&settings.motion);
    bench->watch = picture_watch_new();
    bench->copy = g_malloc((gsize)bench->frame->width_px * (gsize)bench->frame->height_px);
    motion_update(bench->motion, bench->frame, objects, NULL);
    bench->template = *bench->frame;
    record_clear(&settings_descriptor, &settings);
    return bench;
}

static void facts_ours(void *data)
{
    struct facts_bench *bench = data;
    struct picture_facts facts;
    int width, height;
    const uint8_t *luma = motion_luma(bench->motion, &width, &height);
    bench->template.media_us += 200000;
    frame_plane(bench->frame, 0)[0]++; /* no two pictures are the same */
    picture_watch_update(bench->watch, &bench->template, luma, width, height, &facts);
}

static void facts_theirs(void *data)
{
    struct facts_bench *bench = data;
    for (int y = 0; y < bench->frame->height_px; y++)
        memcpy(bench->copy + y * bench->frame->width_px, bench->frame->planes[0] + y * bench->frame->strides_bytes[0],
               (size_t)bench->frame->width_px);
}

/* ---- the rows ---- */

static const char empty_1080p[] = "scene://empty?width=1920&height=1080";
static const char shop_1080p[] = "scene://shop?width=1920&height=1080", shop_360p[] = "scene://shop";

static const struct row rows[] = {
    {"motion, 1080p, quiet", "copying its luma plane", motion_ours, motion_theirs, motion_setup, empty_1080p, 20, NULL},
    {"motion, 1080p frame of a shop", "copying its luma plane", motion_ours, motion_theirs, motion_setup, shop_1080p,
     20, NULL},
    {"motion, 360p frame of a shop", "copying its luma plane", motion_ours, motion_theirs, motion_setup, shop_360p, 20,
     NULL},
    {"motion by all its kernels, 1080p, quiet", "its portable kernels", motion_ours, NULL, motion_setup, empty_1080p,
     20, NULL},
    {"facts of the picture, 1080p", "copying its luma plane", facts_ours, facts_theirs, facts_setup, NULL, 50, NULL},
};
const struct row_table motion_rows = {rows, G_N_ELEMENTS(rows)};
