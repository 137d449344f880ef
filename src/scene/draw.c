/* The rasteriser: a textured background, figures with clothes and swinging legs, noise. Plain integer and IEEE
 * arithmetic without libm, so that every machine draws the same pixels. */
#include "scene/scene_internal.h"

#include <string.h>

uint32_t scene_hash(uint32_t a, uint32_t b)
{
    uint32_t h = a * 0x9e3779b1u ^ (b + 0x7f4a7c15u) * 0x85ebca77u;
    h ^= h >> 15;
    h *= 0x2c1b3c6du;
    h ^= h >> 12;
    h *= 0x297a2d39u;
    return h ^ (h >> 15);
}

static uint8_t clamp(double value)
{
    return value < 0 ? 0 : value > 255 ? 255 : (uint8_t)(value + 0.5);
}

double scene_wave(double t)
{
    t -= (double)(int64_t)t;
    if (t < 0)
        t += 1;
    double u = t < 0.5 ? 4 * t - 1 : 3 - 4 * t;
    return u * (1.5 - 0.5 * u * u);
}

double scene_gain(const struct scene *scene, double seconds)
{
    const struct scene_kind *kind = scene->kind;
    double gain = 1 + kind->light_drift_share * scene_wave(seconds / 40);
    if (kind->light_step_seconds <= 0)
        return gain;
    int64_t step = (int64_t)(seconds / kind->light_step_seconds);
    if (step == 0)
        return gain; /* the first stretch is plain, as the background is learnt in it */
    uint32_t hash = scene_hash((uint32_t)scene->seed, (uint32_t)step);
    return gain * (1 + kind->light_step_share * ((double)(hash & 0xff) / 127.5 - 1));
}

/* ---- background ---- */

/* Smooth noise: hashed corners of cells of `cell` pixels, blended. */
static double value_noise(uint32_t seed, int x, int y, int cell)
{
    int cx = x / cell, cy = y / cell;
    double fx = (double)(x % cell) / cell, fy = (double)(y % cell) / cell;
    double corners[4];
    for (int i = 0; i < 4; i++)
        corners[i] = (double)(scene_hash(seed + (uint32_t)(cx + (i & 1)), (uint32_t)(cy + i / 2)) & 0xffff) / 65535;
    double top = corners[0] + (corners[1] - corners[0]) * fx, bottom = corners[2] + (corners[3] - corners[2]) * fx;
    return top + (bottom - top) * fy;
}

static double floor_level(const struct scene *scene, int x, int y)
{
    uint32_t seed = (uint32_t)scene->seed * 31 + 7;
    int cell = scene->width_px / 16 + 1;
    double level =
        130 + 22 * (value_noise(seed, x, y, cell) - 0.5) + 16 * (value_noise(seed + 1, x, y, cell / 4 + 1) - 0.5);
    double u = (double)x / scene->width_px, v = (double)y / scene->height_px;
    /* tiles in perspective: joints that run towards a far point, and others closer together the further they are */
    double across = (u - 0.5) / (0.35 + v) * 9 + 100, along = 14 / (0.25 + v);
    double dx = across - (double)(int)across, dy = along - (double)(int)along;
    if (dx < 0.04 || dy < 0.05)
        level -= 14;
    return level;
}

static void draw_chroma(const struct scene *scene, struct frame *frame, int plane, uint8_t base)
{
    uint8_t *rows = frame_plane(frame, plane);
    for (int y = 0; y < frame_plane_rows(frame, plane); y++)
        for (int x = 0; x < frame_plane_row_bytes(frame, plane); x++)
            rows[y * frame->strides_bytes[plane] + x] =
                clamp(base + 8 * (value_noise((uint32_t)scene->seed + (uint32_t)plane, x, y, 40) - 0.5));
}

struct frame *scene_draw_background(const struct scene *scene)
{
    struct frame *frame = frame_new_allocated(scene->width_px, scene->height_px);
    uint8_t *luma = frame_plane(frame, 0);
    for (int y = 0; y < scene->height_px; y++)
        for (int x = 0; x < scene->width_px; x++)
            luma[y * frame->strides_bytes[0] + x] = clamp(floor_level(scene, x, y));
    draw_chroma(scene, frame, 1, 124);
    draw_chroma(scene, frame, 2, 132);
    return frame;
}

/* ---- figures ---- */

/* A part of a body: where it lies in the figure's box (0..1) and its colour. */
enum part { PART_NONE = 0, PART_HEAD, PART_UPPER, PART_LOWER, PART_WINDOW };

static enum part person_part(double u, double v, double swing)
{
    if (v < 0.15) {
        double dx = (u - 0.5) / 0.24, dy = (v - 0.075) / 0.078;
        return dx * dx + dy * dy < 1 ? PART_HEAD : PART_NONE;
    }
    if (v < 0.54) {
        double half = v < 0.20 ? 0.26 + 3.2 * (v - 0.15) : 0.42;
        return u > 0.5 - half && u < 0.5 + half ? PART_UPPER : PART_NONE;
    }
    double spread = (v - 0.54) / 0.46 * 0.26 * swing, half = 0.15;
    bool left = u > 0.36 - spread - half && u < 0.36 - spread + half;
    bool right = u > 0.64 + spread - half && u < 0.64 + spread + half;
    return left || right ? PART_LOWER : PART_NONE;
}

static enum part vehicle_part(double u, double v)
{
    if (v < 0.42) {
        double slope = (0.42 - v) * 0.35;
        if (u < 0.16 + slope || u > 0.86 - slope)
            return PART_NONE;
        return v > 0.10 && u > 0.22 + slope && u < 0.80 - slope && (u < 0.49 || u > 0.53) ? PART_WINDOW : PART_UPPER;
    }
    if (v < 0.82)
        return PART_UPPER;
    double a = (u - 0.22) / 0.10, b = (u - 0.78) / 0.10, dy = (v - 0.84) / 0.17;
    return a * a + dy * dy < 1 || b * b + dy * dy < 1 ? PART_LOWER : PART_NONE;
}

static const struct scene_colour window_colour = {70, 134, 124};

static const struct scene_colour *part_colour(const struct scene_figure *figure, enum part part)
{
    switch (part) {
    case PART_HEAD:
        return &figure->head;
    case PART_UPPER:
        return &figure->upper;
    case PART_LOWER:
        return &figure->lower;
    default:
        return &window_colour;
    }
}

static enum part figure_part(const struct scene_figure *figure, double u, double v, double swing)
{
    return figure->object_class == SCENE_VEHICLE ? vehicle_part(u, v) : person_part(u, v, swing);
}

struct drawing {
    const struct scene *scene;
    struct frame *frame;
    const struct scene_figure *figure;
    double swing;
    double light;                 /* gain and the scene's darkness */
    int left, top, width, height; /* of the box, pixels; may reach past the frame */
};

static bool is_behind_pillar(const struct scene *scene, int x, int y)
{
    const struct record_box *pillar = &scene->kind->pillar;
    double u = (double)x / scene->width_px, v = (double)y / scene->height_px;
    return pillar->w > 0 && u >= pillar->x && u < pillar->x + pillar->w && v >= pillar->y && v < pillar->y + pillar->h;
}

static void draw_luma_row(const struct drawing *drawing, int y)
{
    const struct scene *scene = drawing->scene;
    uint8_t *row = frame_plane(drawing->frame, 0) + y * drawing->frame->strides_bytes[0];
    double v = (y - drawing->top + 0.5) / drawing->height;
    for (int x = MAX(drawing->left, 0); x < MIN(drawing->left + drawing->width, scene->width_px); x++) {
        enum part part = figure_part(drawing->figure, (x - drawing->left + 0.5) / drawing->width, v, drawing->swing);
        if (part == PART_NONE || is_behind_pillar(scene, x, y))
            continue;
        /* clothing has a pattern that moves with the figure: cells of a tenth of its width */
        int cu = (x - drawing->left) * 10 / drawing->width, cv = (y - drawing->top) * 24 / drawing->height;
        int pattern = (int)(scene_hash(drawing->figure->texture + (uint32_t)cu, (uint32_t)cv) % 29) - 14;
        row[x] = clamp((part_colour(drawing->figure, part)->y + pattern) * drawing->light);
    }
}

static void draw_chroma_row(const struct drawing *drawing, int y)
{
    struct frame *frame = drawing->frame;
    uint8_t *u_row = frame_plane(frame, 1) + y * frame->strides_bytes[1];
    uint8_t *v_row = frame_plane(frame, 2) + y * frame->strides_bytes[2];
    double v = (2 * y + 1 - drawing->top) / (double)drawing->height;
    for (int x = MAX(drawing->left / 2, 0);
         x < MIN((drawing->left + drawing->width) / 2, frame_plane_row_bytes(frame, 1)); x++) {
        enum part part =
            figure_part(drawing->figure, (2 * x + 1 - drawing->left) / (double)drawing->width, v, drawing->swing);
        if (part == PART_NONE || is_behind_pillar(drawing->scene, 2 * x, 2 * y))
            continue;
        u_row[x] = part_colour(drawing->figure, part)->u;
        v_row[x] = part_colour(drawing->figure, part)->v;
    }
}

/* A soft shadow under the feet: an ellipse that darkens the floor by up to a quarter. */
static void draw_shadow(const struct drawing *drawing)
{
    const struct scene *scene = drawing->scene;
    uint8_t *luma = frame_plane(drawing->frame, 0);
    int half_width = drawing->width * 6 / 10, half_height = drawing->height / 24 + 1;
    int cx = drawing->left + drawing->width / 2, cy = drawing->top + drawing->height;
    for (int y = MAX(cy - half_height, 0); y < MIN(cy + half_height, scene->height_px); y++)
        for (int x = MAX(cx - half_width, 0); x < MIN(cx + half_width, scene->width_px); x++) {
            double dx = (double)(x - cx) / half_width, dy = (double)(y - cy) / half_height;
            double depth = 1 - dx * dx - dy * dy;
            if (depth > 0 && !is_behind_pillar(scene, x, y)) {
                uint8_t *pixel = &luma[y * drawing->frame->strides_bytes[0] + x];
                *pixel = clamp(*pixel * (1 - 0.25 * depth));
            }
        }
}

void scene_draw_figure(const struct scene *scene, struct frame *frame, const struct scene_figure *figure,
                       struct record_point feet, double seconds)
{
    struct record_box box = scene_figure_box(scene, figure, feet);
    struct drawing drawing = {
        .scene = scene,
        .frame = frame,
        .figure = figure,
        .swing = scene_figure_is_still(figure, seconds) ? 0.1 : scene_wave(seconds * figure->stride),
        .light = scene->kind->brightness * scene_gain(scene, seconds),
        /* + 8 keeps the cast's rounding one-sided also left of the frame */
        .left = (int)((box.x + 8) * scene->width_px + 0.5) - 8 * scene->width_px,
        .top = (int)((box.y + 8) * scene->height_px + 0.5) - 8 * scene->height_px,
        .width = (int)(box.w * scene->width_px + 0.5),
        .height = (int)(box.h * scene->height_px + 0.5),
    };
    if (drawing.width < 2 || drawing.height < 2 || drawing.left >= scene->width_px || drawing.left + drawing.width <= 0)
        return;
    draw_shadow(&drawing);
    for (int y = MAX(drawing.top, 0); y < MIN(drawing.top + drawing.height, scene->height_px); y++)
        draw_luma_row(&drawing, y);
    for (int y = MAX(drawing.top / 2, 0); y < MIN((drawing.top + drawing.height) / 2, frame_plane_rows(frame, 1)); y++)
        draw_chroma_row(&drawing, y);
}
