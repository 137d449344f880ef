/* What can happen to a camera or to what it sees, on a scene's picture, from a moment on. */
#include "scene/scene_internal.h"

#include <math.h>
#include <string.h>

static const char *const fault_names[] = {"covered", "blurred", "moved", "frozen", "dark", "left", "taken",
                                          "rain",    "leaves",  "clock", "nudged", "haze", "lamp", NULL};

/* Parses "covered@20". */
bool scene_fault_parse(const char *text, struct scene *scene, GError **error)
{
    const char *at = strchr(text, '@');
    char *end = NULL;
    double seconds = at ? g_ascii_strtod(at + 1, &end) : -1;
    for (int i = 0; at && fault_names[i]; i++)
        if (strlen(fault_names[i]) == (size_t)(at - text) && strncmp(text, fault_names[i], (size_t)(at - text)) == 0)
            scene->fault = (enum scene_fault)(i + 1);
    scene->fault_at = seconds;
    if (scene->fault && end != at + 1 && !*end && seconds >= 0 && isfinite(seconds))
        return true;
    g_autofree char *known = g_strjoinv(", ", (char **)(uintptr_t)fault_names);
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID,
                "scene option 'fault=%.40s': must be KIND@SECONDS; kinds are %s", text, known);
    return false;
}

bool scene_fault_is_on(const struct scene *scene, double seconds)
{
    return scene->fault && seconds >= scene->fault_at;
}

static void scale_luma(struct frame *frame, double factor, int offset)
{
    for (int y = 0; y < frame->height_px; y++) {
        uint8_t *row = frame_plane(frame, 0) + y * frame->strides_bytes[0];
        for (int x = 0; x < frame->width_px; x++)
            row[x] = (uint8_t)(row[x] * factor + offset);
    }
}

/* The mean of a window that slides along `count` pixels, `step` bytes apart. Beyond the ends it sees the last pixel. */
static void blur_run(uint8_t *pixels, int count, int step, int radius, uint8_t *line)
{
    int sum = 0, window = 2 * radius + 1;
    memset(line, 0, (size_t)count);
    for (int i = 0; i < count; i++)
        line[i] = pixels[i * step];
    for (int i = -radius; i <= radius; i++)
        sum += line[CLAMP(i, 0, count - 1)];
    for (int i = 0; i < count; i++) {
        pixels[i * step] = (uint8_t)(sum / window);
        sum += line[MIN(i + radius + 1, count - 1)] - line[MAX(i - radius, 0)];
    }
}

static void blur(struct frame *frame)
{
    enum { WIDTH_SHARE = 50, PASSES = 2 };
    int radius = frame->width_px / WIDTH_SHARE, stride = frame->strides_bytes[0];
    uint8_t *plane = frame_plane(frame, 0);
    g_autofree uint8_t *line = g_malloc((gsize)MAX(frame->width_px, frame->height_px));
    for (int pass = 0; pass < PASSES; pass++) {
        for (int y = 0; y < frame->height_px; y++)
            blur_run(plane + y * stride, frame->width_px, 1, radius, line);
        for (int x = 0; x < frame->width_px; x++)
            blur_run(plane + x, frame->height_px, stride, radius, line);
    }
}

/* As if the camera had been turned: what was at one place is a third of the picture off, and upside down. */
static void move(struct frame *frame)
{
    for (int plane = 0; plane < 3; plane++) {
        int rows = frame_plane_rows(frame, plane), bytes = frame_plane_row_bytes(frame, plane);
        int stride = frame->strides_bytes[plane], shift = bytes / 3;
        uint8_t *pixels = frame_plane(frame, plane);
        g_autofree uint8_t *copy = g_memdup2(pixels, (gsize)stride * (gsize)rows);
        for (int y = 0; y < rows; y++)
            for (int x = 0; x < bytes; x++)
                pixels[y * stride + x] = copy[(rows - 1 - y) * stride + (x + shift) % bytes];
    }
}

/* A dark bag with a bright strap on the floor. */
static void draw_thing(struct frame *frame, double light)
{
    const struct record_box box = {0.42, 0.80, 0.07, 0.11};
    enum { DARK = 28, BRIGHT = 200, STRAP = 4 };
    int left = (int)(box.x * frame->width_px), right = (int)((box.x + box.w) * frame->width_px);
    int top = (int)(box.y * frame->height_px), bottom = (int)((box.y + box.h) * frame->height_px);
    for (int y = top; y < bottom; y++) {
        bool is_strap = (y - top) / STRAP == 1;
        memset(frame_plane(frame, 0) + y * frame->strides_bytes[0] + left,
               (int)fmin((is_strap ? BRIGHT : DARK) * light, 255), (size_t)(right - left));
    }
}

/* Each streak falls anew in each frame. */
static void draw_rain(struct frame *frame, uint32_t number)
{
    enum { STREAKS_PART = 700, LENGTH_PART = 18, WIDTH_PART = 320, BRIGHTER = 70 };
    int streaks = frame->width_px * frame->height_px / STREAKS_PART, stride = frame->strides_bytes[0];
    int length = frame->height_px / LENGTH_PART, width = MAX(frame->width_px / WIDTH_PART, 1);
    for (int i = 0; i < streaks; i++) {
        uint32_t hash = scene_hash(number * 7919u + 5, (uint32_t)i);
        int left = (int)(hash % (uint32_t)(frame->width_px - width));
        int top = (int)((hash >> 8) * 2654435761u % (uint32_t)(frame->height_px - length));
        for (int y = top; y < top + length; y++)
            for (int x = left; x < left + width; x++) {
                uint8_t *pixel = frame_plane(frame, 0) + y * stride + x;
                *pixel = (uint8_t)MIN(*pixel + BRIGHTER, UINT8_MAX);
            }
    }
}

static void draw_disc(struct frame *frame, int centre_x, int centre_y, int radius, uint8_t luma)
{
    for (int y = MAX(centre_y - radius, 0); y <= MIN(centre_y + radius, frame->height_px - 1); y++)
        for (int x = MAX(centre_x - radius, 0); x <= MIN(centre_x + radius, frame->width_px - 1); x++)
            if ((x - centre_x) * (x - centre_x) + (y - centre_y) * (y - centre_y) <= radius * radius)
                frame_plane(frame, 0)[y * frame->strides_bytes[0] + x] = luma;
}

/* A bush in the upper left corner, each of its leaves going to and fro at its own pace. */
static void draw_leaves(struct frame *frame, double seconds)
{
    enum { LEAVES = 40, DARK = 45 };
    for (uint32_t i = 0; i < LEAVES; i++) {
        uint32_t hash = scene_hash(i, 77);
        double x = 0.03 + 0.2 * (hash & 0xff) / 255.0, y = 0.05 + 0.3 * (hash >> 8 & 0xff) / 255.0;
        double swing = scene_wave(seconds * (0.5 + (hash >> 16 & 0xff) / 255.0) + (hash >> 24) / 255.0);
        draw_disc(frame, (int)((x + 0.025 * swing) * frame->width_px), (int)(y * frame->height_px),
                  frame->width_px / 50, (uint8_t)(DARK + (hash >> 4 & 31)));
    }
}

/* Three digits' places of seven bars each; which bars shine changes with the second. */
static void draw_clock(struct frame *frame, double seconds)
{
    enum { PLACES = 6, BARS = 7, BRIGHT = 235 };
    static const double bars[BARS][4] = {{0, 0, 1, 0.14},       {0, 0.43, 1, 0.14},   {0, 0.86, 1, 0.14},
                                         {0, 0, 0.22, 0.5},     {0.78, 0, 0.22, 0.5}, {0, 0.5, 0.22, 0.5},
                                         {0.78, 0.5, 0.22, 0.5}};
    for (int place = 0; place < PLACES; place++) {
        uint32_t shining = scene_hash((uint32_t)seconds, (uint32_t)place);
        double left = 0.62 + 0.05 * place, top = 0.04, width = 0.035, height = 0.12;
        for (int bar = 0; bar < BARS; bar++) {
            if (!(shining >> bar & 1))
                continue;
            int x = (int)((left + bars[bar][0] * width) * frame->width_px);
            int across = MAX((int)(bars[bar][2] * width * frame->width_px), 1);
            for (int y = (int)((top + bars[bar][1] * height) * frame->height_px);
                 y < (int)((top + (bars[bar][1] + bars[bar][3]) * height) * frame->height_px); y++)
                memset(frame_plane(frame, 0) + y * frame->strides_bytes[0] + x, BRIGHT, (size_t)across);
        }
    }
}

/* As if someone knocked against the camera: everything is a few pixels off. */
static void nudge(struct frame *frame)
{
    enum { RIGHT_PART = 24, DOWN_PART = 30 };
    for (int plane = 0; plane < 3; plane++) {
        int rows = frame_plane_rows(frame, plane), bytes = frame_plane_row_bytes(frame, plane);
        int stride = frame->strides_bytes[plane], right = bytes / RIGHT_PART, down = rows / DOWN_PART;
        uint8_t *pixels = frame_plane(frame, plane);
        for (int y = rows - 1; y >= 0; y--) {
            memmove(pixels + y * stride + right, pixels + MAX(y - down, 0) * stride, (size_t)(bytes - right));
            memset(pixels + y * stride, pixels[y * stride + right], (size_t)right);
        }
    }
}

static void haze(struct frame *frame)
{
    static const double contrast = 0.18;
    enum { LUMA = 115, CHROMA = 128 };
    for (int plane = 0; plane < 3; plane++)
        for (int y = 0; y < frame_plane_rows(frame, plane); y++) {
            uint8_t *row = frame_plane(frame, plane) + y * frame->strides_bytes[plane];
            int middle = plane ? CHROMA : LUMA;
            for (int x = 0; x < frame_plane_row_bytes(frame, plane); x++)
                row[x] = (uint8_t)(middle + contrast * (row[x] - middle) + 0.5);
        }
}

/* Out for eight seconds, then on again: the left side is darker by half, the right side hardly. */
static void dim_side(struct frame *frame, double seconds)
{
    static const double period_seconds = 16, darkest = 0.45;
    if (seconds - (double)(int64_t)(seconds / period_seconds) * period_seconds > period_seconds / 2)
        return;
    for (int y = 0; y < frame->height_px; y++) {
        uint8_t *row = frame_plane(frame, 0) + y * frame->strides_bytes[0];
        for (int x = 0; x < frame->width_px; x++)
            row[x] = (uint8_t)(row[x] * (darkest + (1 - darkest) * x / frame->width_px));
    }
}

void scene_fault_before_noise(const struct scene *scene, struct frame *frame, double seconds)
{
    bool is_on = scene_fault_is_on(scene, seconds);
    double since = seconds - scene->fault_at;
    if ((scene->fault == SCENE_FAULT_LEFT && is_on) || (scene->fault == SCENE_FAULT_TAKEN && !is_on))
        draw_thing(frame, scene->kind->brightness * scene_gain(scene, seconds));
    if (!is_on)
        return;
    switch (scene->fault) {
    case SCENE_FAULT_COVERED: /* a lens cap lets a little light through */
        scale_luma(frame, 0.05, 60);
        break;
    case SCENE_FAULT_DARK: /* a lamp that is out leaves nearly none */
        scale_luma(frame, 0.06, 0);
        break;
    case SCENE_FAULT_BLURRED:
        blur(frame);
        break;
    case SCENE_FAULT_MOVED:
        move(frame);
        break;
    case SCENE_FAULT_RAIN:
        draw_rain(frame, (uint32_t)(seconds * scene->fps + 0.5));
        break;
    case SCENE_FAULT_LEAVES:
        draw_leaves(frame, since);
        break;
    case SCENE_FAULT_CLOCK:
        draw_clock(frame, since);
        break;
    case SCENE_FAULT_NUDGED:
        nudge(frame);
        break;
    case SCENE_FAULT_HAZE:
        haze(frame);
        break;
    case SCENE_FAULT_LAMP:
        dim_side(frame, since);
        break;
    case SCENE_FAULT_FROZEN: /* the renderer's */
    case SCENE_FAULT_LEFT:
    case SCENE_FAULT_TAKEN:
        break;
    }
}
