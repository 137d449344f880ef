#include "masks_world.h"

#include "base/random.h"
#include "media/media.h"

#include <math.h>
#include <string.h>

const struct record_box masks_right_half = {0.5, 0, 0.5, 1}, masks_inside = {0.7, 0.35, 0.12, 0.4};

struct zone *masks_tell(struct masks_world *world, enum zone_kind kind, const struct record_box *box)
{
    struct camera *camera = &world->told.camera;
    record_clear(&camera_descriptor, camera);
    record_init(&camera_descriptor, camera);
    camera->id = g_strdup("c");
    if (!kind)
        return NULL;
    const struct record_point corners[] = {
        {box->x, box->y}, {box->x + box->w, box->y}, {box->x + box->w, box->y + box->h}, {box->x, box->y + box->h}};
    struct zone *zone = record_list_append(&camera->zones, &zone_descriptor);
    zone->id = g_strdup("mask");
    zone->kind = kind;
    zone->polygon.items = g_memdup2(corners, sizeof corners);
    zone->polygon.count = G_N_ELEMENTS(corners);
    return zone;
}

static void on_event(void *data, const struct analytics_event *event)
{
    struct masks_world *world = data;
    world->things_left += event->type == EVENT_SIGNAL && strstr(event->payload.text, "\"object_left\"");
}

static void init(struct masks_world *world, enum zone_kind kind, struct detector *detector, double confidence)
{
    memset(world, 0, sizeof *world);
    record_init(&settings_descriptor, &world->settings);
    record_init(&camera_health_descriptor, &world->health);
    record_init(&camera_config_descriptor, &world->told);
    world->config = (struct worker_config){.workers = world->settings.workers,
                                           .motion = world->settings.motion,
                                           .detector = world->settings.detector,
                                           .tracker = world->settings.tracker,
                                           .rules = world->settings.rules};
    world->config.detector.confidence = confidence;
    world->config.workers.preview_width_px = MASKS_WIDE_PX;
    world->config.workers.preview_quality = 95;
    masks_tell(world, kind, &masks_right_half);
    const struct pipeline_sink sink = {.event = on_event, .data = world};
    world->clock = clock_fake_new(1000);
    pthread_mutex_init(&world->turn, NULL);
    world->pipeline = pipeline_new(&world->config, &world->told.camera, detector, &world->turn, 1, world->clock,
                                   &world->health, &sink);
    world->at_ms = 1000;
}

void masks_world_init(struct masks_world *world, enum zone_kind kind, struct detector *detector)
{
    init(world, kind, detector, 0);
}

void masks_world_init_sure(struct masks_world *world, struct detector *detector, double confidence)
{
    init(world, 0, detector, confidence);
}

void masks_world_clear(struct masks_world *world)
{
    pipeline_free(world->pipeline);
    pthread_mutex_destroy(&world->turn);
    clock_fake_free(world->clock);
    g_clear_pointer(&world->frame, frame_unref);
    record_clear(&camera_config_descriptor, &world->told);
    record_clear(&camera_health_descriptor, &world->health);
    record_clear(&settings_descriptor, &world->settings);
}

/* ---- pictures ---- */

/* Blocks of 4 pixels, so that it survives reducing and JPEG. */
static void draw_noise(struct frame *frame, const struct record_box *box, uint64_t seed, int darkest)
{
    enum { BLOCK_PX = 4 };
    struct random random;
    int left = (int)(box->x * frame->width_px), right = (int)((box->x + box->w) * frame->width_px);
    int top = (int)(box->y * frame->height_px), bottom = (int)((box->y + box->h) * frame->height_px);
    random_init(&random, seed);
    for (int y = top; y < bottom; y += BLOCK_PX)
        for (int x = left; x < right; x += BLOCK_PX) {
            uint8_t level = (uint8_t)(random_next(&random) % 140 + (uint64_t)darkest);
            for (int row = y; row < MIN(y + BLOCK_PX, bottom); row++)
                memset(frame_plane(frame, 0) + row * frame->strides_bytes[0] + x, level,
                       (size_t)MIN(BLOCK_PX, right - x));
        }
}

struct frame *masks_draw(int width_px, int height_px, const struct record_box *figure)
{
    static const struct record_box all = {0, 0, 1, 1};
    struct frame *frame = frame_new_allocated(width_px, height_px);
    frame->is_full_range = true;
    for (int plane = 1; plane < 3; plane++)
        memset(frame_plane(frame, plane), 128,
               (size_t)frame->strides_bytes[plane] * (size_t)frame_plane_rows(frame, plane));
    draw_noise(frame, &all, 7, 10);
    if (figure)
        draw_noise(frame, figure, 11, 100);
    return frame;
}

void masks_feed(struct masks_world *world, const struct record_box *figure)
{
    masks_feed_frame(world, masks_draw(MASKS_WIDE_PX, MASKS_HIGH_PX, figure));
}

void masks_feed_frame(struct masks_world *world, struct frame *frame)
{
    g_clear_pointer(&world->frame, frame_unref);
    world->frame = frame;
    world->at_ms += MASKS_EVERY_MS;
    world->frame->captured_at_ms = world->at_ms;
    world->frame->media_us = world->at_ms * 1000;
    world->frame->number = ++world->number;
    frame_plane(world->frame, 0)[0] = (uint8_t)world->number; /* no two are the same to the last bit */
    pipeline_feed(world->pipeline, world->frame);
}

void masks_learn(struct masks_world *world)
{
    for (int i = 0; i < 3 * 1000 / MASKS_EVERY_MS; i++)
        masks_feed(world, NULL);
}

void masks_walk_inside(struct masks_world *world)
{
    enum { STEPS = 10 };
    for (int i = 1; i <= STEPS; i++) {
        struct record_box figure = masks_inside;
        figure.x -= 0.015 * (STEPS - i);
        masks_feed(world, &figure);
    }
}

/* ---- what is seen ---- */

double masks_roughness(GBytes *jpeg, const struct record_box *box)
{
    gsize size;
    const void *bytes = g_bytes_get_data(jpeg, &size);
    CLEANUP(frame) struct frame *frame = media_image_decode("preview", bytes, size, INT32_MAX, NULL);
    g_assert_nonnull(frame);
    double sum = 0;
    int count = 0;
    for (int y = (int)ceil(box->y * frame->height_px); y < (int)((box->y + box->h) * frame->height_px); y++)
        for (int x = (int)ceil(box->x * frame->width_px); x + 4 < (int)((box->x + box->w) * frame->width_px); x++) {
            const uint8_t *pixel = frame->planes[0] + y * frame->strides_bytes[0] + x;
            sum += abs(pixel[0] - pixel[4]);
            count++;
        }
    return sum / MAX(count, 1);
}

double masks_previewed(struct masks_world *world, const struct record_box *box)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) jpeg = pipeline_preview(world->pipeline, world->frame, &error);
    g_assert_no_error(error);
    return masks_roughness(jpeg, box);
}

int masks_count_right(const struct masks_world *world)
{
    const struct tracks *tracks = pipeline_tracks(world->pipeline);
    int count = 0;
    for (int i = 0; i < tracks->count; i++)
        count += tracks->items[i].state == TRACK_CONFIRMED && tracks->items[i].box.x + tracks->items[i].box.w / 2 > 0.5;
    return count;
}
