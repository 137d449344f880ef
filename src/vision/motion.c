#include "vision/vision.h"

#include "facts/object_class.h"
#include "record/polygon.h"
#include "vision/motion_internal.h"

#include <math.h>
#include <string.h>

/* A frame interval that is not known counts as the first; of a gap nobody knows what was in it, so that it counts as no
 * more than the second. */
static const double usual_frame_seconds = 0.1, frame_seconds_max = 5;
/* More than this share of the picture at once is no figure: the camera moved, or a lamp did what light following cannot
 * follow. */
static const double upheaval_share = 0.7;
enum { UPHEAVAL_FRAMES = 5, CLASS_REPORT_AGE = 1 };

struct motion {
    struct motion_settings settings;
    struct zone *masks;
    size_t mask_count;
    /* of the present frame size; 0 × 0 before the first frame */
    int width_px, height_px;
    struct reduced reduced;
    struct background background;
    uint8_t *raw, *foreground, *masked, *columns;
    uint8_t *everywhere;   /* foreground, with what moves inside the masks, and what was taken for weather */
    uint8_t *hidden;       /* scratch of motion_hidden */
    const uint8_t *moving; /* of the last frame, whatever was taken out of it: everywhere, or foreground */
    struct regions *regions;
    struct figures *figures;
    struct unrest unrest;
    struct standing standing;
    int until_contrast;  /* frames */
    double moving_share; /* of the last frame */
    int64_t first_us, last_us;
    bool has_learnt;
    int upheaval_frames;
    const char *object_class;
};

struct motion *motion_new(const struct motion_settings *settings)
{
    struct motion *motion = g_new0(struct motion, 1);
    motion->settings = *settings;
    motion->object_class = g_intern_static_string(OBJECT_CLASS_MOTION);
    return motion;
}

void motion_configure(struct motion *motion, const struct motion_settings *settings)
{
    int32_t width_px = motion->settings.width_px;
    motion->settings = *settings;
    motion->settings.width_px = width_px;
}

static void release_size(struct motion *motion)
{
    if (motion->width_px == 0)
        return;
    background_clear(&motion->background);
    regions_clear(motion->regions);
    unrest_clear(&motion->unrest);
    standing_clear(&motion->standing);
    figures_clear(motion->figures);
    reduced_clear(&motion->reduced);
    g_free(motion->raw);
    g_free(motion->foreground);
    g_free(motion->masked);
    g_free(motion->everywhere);
    g_free(motion->hidden);
    g_free(motion->columns);
    g_free(motion->regions);
    g_free(motion->figures);
    motion->width_px = motion->height_px = 0;
}

static void release_masks(struct motion *motion)
{
    for (size_t i = 0; i < motion->mask_count; i++)
        record_clear(&zone_descriptor, &motion->masks[i]);
    g_free(motion->masks);
}

void motion_free(struct motion *motion)
{
    if (!motion)
        return;
    release_size(motion);
    release_masks(motion);
    g_free(motion);
}

/* ---- masks ---- */

static void draw_masks(struct motion *motion)
{
    int width = motion->reduced.width, height = motion->reduced.height;
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            const struct record_point centre = {(x + 0.5) / width, (y + 0.5) / height};
            bool is_masked = false;
            for (size_t i = 0; i < motion->mask_count && !is_masked; i++)
                is_masked = polygon_holds(&motion->masks[i].polygon, centre);
            motion->masked[y * width + x] = is_masked;
        }
}

void motion_set_masks(struct motion *motion, const struct zone *zones, size_t zone_count)
{
    release_masks(motion);
    motion->masks = g_new0(struct zone, zone_count + 1);
    motion->mask_count = 0;
    for (size_t i = 0; i < zone_count; i++)
        if (zones[i].kind == ZONE_PRIVACY_MASK || zones[i].kind == ZONE_MOTION_MASK)
            record_copy(&zone_descriptor, &zones[i], &motion->masks[motion->mask_count++]);
    if (motion->width_px)
        draw_masks(motion);
}

/* ---- size ---- */

static void start_size(struct motion *motion, const struct frame *frame)
{
    release_size(motion);
    motion->width_px = frame->width_px;
    motion->height_px = frame->height_px;
    int factor = (frame->width_px + motion->settings.width_px / 2) / motion->settings.width_px;
    factor = CLAMP(factor, 1, MIN(MIN(frame->width_px, frame->height_px), REDUCE_FACTOR_MAX));
    reduced_init(&motion->reduced, frame, factor);
    int width = motion->reduced.width, height = motion->reduced.height;
    size_t count = (size_t)width * (size_t)height;
    background_init(&motion->background, width, height);
    motion->raw = g_new0(uint8_t, count);
    motion->foreground = g_new0(uint8_t, count);
    motion->masked = g_new0(uint8_t, count);
    motion->everywhere = g_new0(uint8_t, count);
    motion->hidden = g_new0(uint8_t, count);
    motion->moving = motion->foreground;
    motion->columns = g_new0(uint8_t, (size_t)width + 2);
    motion->regions = g_new0(struct regions, 1);
    regions_init(motion->regions, width, height);
    unrest_init(&motion->unrest, width, height);
    standing_init(&motion->standing, width, height);
    motion->figures = g_new0(struct figures, 1);
    figures_init(motion->figures, width, height);
    motion->first_us = frame->media_us;
    motion->last_us = frame->media_us;
    motion->has_learnt = false;
    draw_masks(motion);
}

/* Who was there in the last picture that was compared is part of what is learnt. */
static void learn_again(struct motion *motion, int64_t media_us)
{
    absorbed_add(&motion->background.absorbed, &motion->background, motion->background.keep, true);
    memset(motion->background.keep, 0, (size_t)motion->reduced.width * (size_t)motion->reduced.height); /* once */
    motion->background.frames = 0;
    motion->has_learnt = false;
    motion->first_us = media_us;
    motion->figures->count = motion->figures->candidate_count = 0;
    motion->upheaval_frames = 0;
    motion->moving_share = 0;
    motion->until_contrast = 0;
    unrest_forget_last(&motion->unrest);
    standing_forget(&motion->standing);
}

/* ---- a frame ---- */

static double mean_luma(const struct motion *motion)
{
    enum { ROW_STEP = 4 };
    int64_t sum = 0, count = 0;
    for (int y = 0; y < motion->reduced.height; y += ROW_STEP, count += motion->reduced.width) {
        const uint8_t *row = motion->reduced.planes[0] + y * motion->reduced.width;
        int row_sum = 0;
        for (int x = 0; x < motion->reduced.width; x++)
            row_sum += row[x];
        sum += row_sum;
    }
    return (double)sum / (double)count;
}

/* Seldom: it changes as slowly as the light of a day. */
static bool contrast_is_due(struct motion *motion)
{
    enum { CONTRAST_FRAMES = 50 };
    if (!motion->settings.normalises_contrast || motion->until_contrast-- > 0)
        return false;
    motion->until_contrast = CONTRAST_FRAMES;
    return true;
}

/* Takes out of the raw foreground what lies in masks. What moves there is no object, but must still be hidden. */
static void set_masked_aside(struct motion *motion)
{
    int count = motion->reduced.width * motion->reduced.height;
    for (int i = 0; i < count; i++)
        motion->raw[i] = motion->masked[i] ? 0 : motion->raw[i];
}

static void clean_everywhere(struct motion *motion, const uint8_t *raw)
{
    mask_clean(raw, motion->everywhere, motion->columns, motion->reduced.width, motion->reduced.height);
}

/* Takes out what is weather, or has no rest; false when there is none. Somebody may be in it all the same: what moves
 * is hidden as it was before that, and places that are ignored as those where somebody keeps still. */
static bool set_unrest_aside(struct motion *motion, double frame_seconds)
{
    struct unrest *unrest = &motion->unrest;
    bool is_sifted = unrest_filter(unrest, &motion->settings, motion->figures, frame_seconds, motion->raw);
    motion->figures->is_weather = unrest->is_weather;
    if (unrest->ignored_count > 0 && unrest->fall_seconds == 0) /* they were just found */
        absorbed_add(&motion->background.absorbed, &motion->background, unrest->ignored, false);
    return is_sifted;
}

/* Returns how much brighter the picture became; tells the scene how much of it moves. */
static double find_foreground(struct motion *motion, double frame_seconds, struct motion_scene *scene)
{
    const struct reduced *picture = &motion->reduced;
    int count = picture->width * picture->height;
    double gain = background_compare(&motion->background, picture, motion->settings.sensitivity,
                                     contrast_is_due(motion), motion->raw);
    bool has_masks = motion->mask_count > 0;
    if (has_masks) {
        clean_everywhere(motion, motion->raw);
        set_masked_aside(motion);
    }
    bool is_sifted = set_unrest_aside(motion, frame_seconds);
    if (is_sifted && !has_masks)
        clean_everywhere(motion, motion->unrest.before);
    int moving = mask_clean(motion->raw, motion->foreground, motion->columns, picture->width, picture->height);
    motion->moving = has_masks || is_sifted ? motion->everywhere : motion->foreground;
    scene->moving_share = (double)moving / count;
    return gain;
}

/* What moves, in masks too, but no weather. */
static void keep_foreground(struct motion *motion)
{
    int count = motion->reduced.width * motion->reduced.height;
    uint8_t *keep = motion->background.keep;
    memcpy(keep, motion->foreground, (size_t)count);
    for (int i = 0; i < count && motion->mask_count > 0; i++)
        keep[i] = motion->masked[i] ? motion->everywhere[i] : keep[i];
}

/* The background stands still under whatever is there now, in masks too: who stops there stays hidden. */
static void update_background(struct motion *motion)
{
    const struct reduced *picture = &motion->reduced;
    size_t width = (size_t)picture->width;
    uint8_t *keep = motion->background.keep;
    keep_foreground(motion);
    for (int i = 0; i < motion->figures->count; i++) {
        const struct figure *figure = &motion->figures->items[i];
        int left = MAX((int)(figure->x - figure->w / 2) - 2, 0),
            right = MIN((int)(figure->x + figure->w / 2) + 3, picture->width);
        for (int y = MAX((int)(figure->y - figure->h) - 2, 0);
             y < MIN((int)figure->y + 3, picture->height) && right > left; y++)
            memset(keep + (size_t)y * width + left, 255, (size_t)(right - left));
    }
    background_update_later(&motion->background);
}

static void report(const struct motion *motion, struct detections *objects)
{
    double width = motion->reduced.width, height = motion->reduced.height;
    for (int i = 0; i < motion->figures->count && objects->count < VISION_MAX_DETECTIONS; i++) {
        const struct figure *figure = &motion->figures->items[i];
        if (figure->age < CLASS_REPORT_AGE || figure->unseen > 0)
            continue;
        objects->items[objects->count++] = (struct detection){
            .box = {(figure->x - figure->w / 2) / width, (figure->y - figure->h) / height, figure->w / width,
                    figure->h / height},
            .confidence = figure->is_merged ? 0.7 : 0.9,
            .object_class = motion->object_class,
        };
    }
}

/* Whether so much changed at once that no thing can have done it: the camera was moved, by how much it tells, or light
 * fell on a part of the picture. */
static bool is_overturned(struct motion *motion, struct motion_scene *scene, int *right, int *down)
{
    static const double shift_jump = 0.003, light_jump = 0.30;
    double jump = scene->moving_share - motion->moving_share;
    motion->moving_share = scene->moving_share;
    scene->is_camera_move = motion->settings.finds_camera_moves && jump > shift_jump &&
                            shift_find(&motion->background, &motion->reduced, right, down);
    if (scene->is_camera_move)
        return true;
    scene->is_light_change |= jump > light_jump;
    motion->upheaval_frames = scene->moving_share > upheaval_share ? motion->upheaval_frames + 1 : 0;
    return jump > light_jump || motion->upheaval_frames > UPHEAVAL_FRAMES;
}

static bool has_region(const struct regions *regions, int minimum_area)
{
    for (int i = 0; i < regions->count; i++)
        if (regions->items[i].area >= minimum_area)
            return true;
    return false;
}

static void detect(struct motion *motion, double frame_seconds, struct detections *objects, struct motion_scene *scene)
{
    static const double light_change = 0.04;
    double gain = find_foreground(motion, frame_seconds, scene);
    int area = motion->reduced.width * motion->reduced.height;
    scene->is_light_change = fabs(gain - 1) > light_change;
    scene->is_weather = motion->unrest.is_weather;
    scene->restless_share = (double)motion->unrest.ignored_count / area;
    int right = 0, down = 0;
    if (is_overturned(motion, scene, &right, &down)) {
        learn_again(motion, motion->last_us);
        if (scene->is_camera_move)
            absorbed_shift(&motion->background.absorbed, right, down);
        scene->is_learning = true;
        return;
    }
    int minimum_area = MAX((int)(motion->settings.minimum_area * area), 4);
    regions_find(motion->regions, motion->foreground, MAX(minimum_area / 4, 3));
    scene->has_moving_region = has_region(motion->regions, minimum_area);
    figures_update(motion->figures, &motion->reduced, motion->foreground, motion->regions, &motion->background,
                   minimum_area, frame_seconds);
    if (standing_note(&motion->standing, motion->figures->left_over, frame_seconds))
        background_absorb_places(&motion->background, &motion->reduced, motion->standing.settled);
    update_background(motion);
    report(motion, objects);
}

static void learn(struct motion *motion)
{
    struct background *background = &motion->background;
    background_learn(background, &motion->reduced);
    motion->has_learnt = (double)(motion->last_us - motion->first_us) >= motion->settings.learn_seconds * 1e6;
    if (motion->has_learnt)
        absorbed_review(&background->absorbed, background, motion->reduced.kernels);
}

void motion_update(struct motion *motion, const struct frame *frame, struct detections *objects,
                   struct motion_scene *scene)
{
    struct motion_scene unused;
    if (!scene)
        scene = &unused;
    *scene = (struct motion_scene){0};
    objects->count = 0;
    objects->shed = 0;
    if (frame->width_px != motion->width_px || frame->height_px != motion->height_px)
        start_size(motion, frame);
    reduced_fill(&motion->reduced, frame);
    scene->mean_luma = mean_luma(motion);
    double seconds = (double)(frame->media_us - motion->last_us) / 1e6;
    motion->last_us = frame->media_us;
    if (!motion->has_learnt) {
        learn(motion);
        scene->is_learning = true; /* also in the last: nothing was compared yet, and nobody is known */
        return;
    }
    detect(motion, seconds > 0 ? fmin(seconds, frame_seconds_max) : usual_frame_seconds, objects, scene);
}

const uint8_t *motion_hidden(struct motion *motion, bool with_absorbed, int *width_px, int *height_px)
{
    const uint8_t *absorbed = motion->background.absorbed.places;
    int count = motion->reduced.width * motion->reduced.height;
    *width_px = motion->reduced.width;
    *height_px = motion->reduced.height;
    if (!with_absorbed)
        return motion->moving;
    for (int i = 0; i < count; i++)
        motion->hidden[i] = motion->moving[i] | absorbed[i];
    return motion->hidden;
}

const uint8_t *motion_luma(const struct motion *motion, int *width_px, int *height_px)
{
    *width_px = motion->reduced.width;
    *height_px = motion->reduced.height;
    return motion->reduced.planes[0];
}
