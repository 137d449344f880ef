/* What can happen to a camera or to what it sees, on a scene's picture, from a moment on. */
#include "scene/scene_internal.h"

#include <math.h>
#include <string.h>

static const char *const fault_names[] = {"covered", "blurred", "moved", "frozen", "dark", "left", "taken", NULL};

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

void scene_fault_before_noise(const struct scene *scene, struct frame *frame, double seconds)
{
    bool is_on = scene_fault_is_on(scene, seconds);
    if ((scene->fault == SCENE_FAULT_LEFT && is_on) || (scene->fault == SCENE_FAULT_TAKEN && !is_on))
        draw_thing(frame, scene->kind->brightness * scene_gain(scene, seconds));
    if (!is_on)
        return;
    /* a lens cap lets a little light through; a lamp that is out leaves nearly none */
    if (scene->fault == SCENE_FAULT_COVERED)
        scale_luma(frame, 0.05, 60);
    if (scene->fault == SCENE_FAULT_DARK)
        scale_luma(frame, 0.06, 0);
    if (scene->fault == SCENE_FAULT_BLURRED)
        blur(frame);
    if (scene->fault == SCENE_FAULT_MOVED)
        move(frame);
}
