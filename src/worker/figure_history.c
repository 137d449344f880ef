#include "worker/figure_history.h"

#include <math.h>
#include <string.h>

enum {
    HISTORY_FRAMES = 64, /* of two windows: more than any camera is analysed in them */
    LATE_PART = 3,       /* of the window, a picture may be held up on its way */
    BREAK_MAX_MS = 300,  /* who walks at 1.4 m/s has gone 0.4 m */
    MACROBLOCK_PX = 16,
};

/* Pictures whose shapes differ by less show the same. Sizes are rounded, to whole macroblocks by some cameras: 360
 * lines are sent as 352, or as 368. What differs by more than the second may be a part of the other. */
static const double shape_tolerance = 0.02, rounded_tolerance = 0.05;

struct seen_frame {
    int64_t at_ms;
    uint64_t number;
    int width_px, height_px;
    double shape; /* width by height, as it is seen */
    bool hides_all, is_camera_clock, is_late;
    GArray *figures; /* of struct privacy_figure */
    uint8_t *foreground;
    int foreground_width_px, foreground_height_px;
};

struct figure_history {
    int64_t window_ms;
    struct seen_frame frames[HISTORY_FRAMES];
    size_t first, count;
    /* of the request told last */
    GArray *figures;
    uint8_t *foreground;
};

struct figure_history *figure_history_new(int window_ms)
{
    struct figure_history *history = g_new0(struct figure_history, 1);
    history->window_ms = window_ms;
    history->figures = g_array_new(FALSE, FALSE, sizeof(struct privacy_figure));
    return history;
}

void figure_history_free(struct figure_history *history)
{
    if (!history)
        return;
    for (size_t i = 0; i < HISTORY_FRAMES; i++) {
        g_clear_pointer(&history->frames[i].figures, g_array_unref);
        g_free(history->frames[i].foreground);
    }
    g_array_unref(history->figures);
    g_free(history->foreground);
    g_free(history);
}

static const struct seen_frame *frame_at(const struct figure_history *history, size_t index)
{
    return &history->frames[(history->first + index) % HISTORY_FRAMES];
}

static const struct seen_frame *newest(const struct figure_history *history)
{
    return frame_at(history, history->count - 1);
}

/* By its time it may be a picture of another moment: who walks leaves what is hidden of him. */
static bool is_late(const struct figure_history *history, const struct frame *frame)
{
    return frame->late_ms > history->window_ms / LATE_PART;
}

/* ---- noting ---- */

static void forget_oldest(struct figure_history *history)
{
    history->first = (history->first + 1) % HISTORY_FRAMES;
    history->count--;
}

/* Time that steps back, or a frame that is too old to be asked for. */
static void forget_old(struct figure_history *history, int64_t now_ms)
{
    while (history->count > 0 && newest(history)->at_ms >= now_ms)
        history->count--;
    while (history->count > 0 && frame_at(history, 0)->at_ms < now_ms - 3 * history->window_ms)
        forget_oldest(history);
    if (history->count == HISTORY_FRAMES)
        forget_oldest(history);
}

static void copy_foreground(struct seen_frame *seen, const struct privacy_request *request)
{
    size_t bytes = (size_t)request->foreground_width_px * (size_t)request->foreground_height_px;
    size_t had = (size_t)seen->foreground_width_px * (size_t)seen->foreground_height_px;
    if (!seen->foreground || had != bytes)
        seen->foreground = g_realloc(seen->foreground, bytes);
    seen->foreground_width_px = request->foreground_width_px;
    seen->foreground_height_px = request->foreground_height_px;
    if (request->foreground)
        memcpy(seen->foreground, request->foreground, bytes);
    else if (bytes > 0)
        memset(seen->foreground, 0, bytes);
}

void figure_history_note(struct figure_history *history, const struct frame *frame,
                         const struct privacy_request *request)
{
    forget_old(history, frame->captured_at_ms);
    struct seen_frame *seen = &history->frames[(history->first + history->count++) % HISTORY_FRAMES];
    seen->at_ms = frame->captured_at_ms;
    seen->number = frame->number;
    seen->width_px = frame->width_px;
    seen->height_px = frame->height_px;
    seen->shape = frame_shape(frame);
    seen->hides_all = request->hide_all;
    seen->is_camera_clock = frame->is_camera_clock;
    seen->is_late = is_late(history, frame);
    if (!seen->figures)
        seen->figures = g_array_new(FALSE, FALSE, sizeof(struct privacy_figure));
    g_array_set_size(seen->figures, 0);
    g_array_append_vals(seen->figures, request->figures, (guint)request->figure_count);
    copy_foreground(seen, request);
}

/* ---- asking ---- */

bool figure_history_covered_ms(const struct figure_history *history, int64_t *at_ms)
{
    if (history->count == 0)
        return false;
    *at_ms = newest(history)->at_ms - history->window_ms;
    return true;
}

/* Analysed from half a window before to half a window after, without a break that is longer than the window, or in
 * which who walks could leave the margin around both places where they were seen. */
static bool is_covered(const struct figure_history *history, int64_t at_ms)
{
    int64_t from_ms = at_ms - history->window_ms / 2, to_ms = at_ms + history->window_ms / 2;
    int64_t longest_ms = MIN(history->window_ms, BREAK_MAX_MS);
    if (history->count == 0 || frame_at(history, 0)->at_ms > from_ms || newest(history)->at_ms < to_ms)
        return false;
    /* a full ring may have lost frames that lie in the window */
    if (history->count == HISTORY_FRAMES && frame_at(history, 0)->at_ms > at_ms - history->window_ms)
        return false;
    for (size_t i = 1; i < history->count; i++) {
        int64_t before_ms = frame_at(history, i - 1)->at_ms, after_ms = frame_at(history, i)->at_ms;
        if (after_ms > from_ms && before_ms < to_ms && after_ms - before_ms > longest_ms)
            return false;
    }
    return true;
}

static void add_foreground(struct figure_history *history, const struct seen_frame *seen,
                           struct privacy_request *request)
{
    size_t bytes = (size_t)seen->foreground_width_px * (size_t)seen->foreground_height_px;
    bool is_first = request->foreground_width_px == 0;
    if (bytes == 0)
        return;
    if (is_first) {
        history->foreground = g_realloc(history->foreground, bytes);
        memset(history->foreground, 0, bytes);
        request->foreground = history->foreground;
        request->foreground_width_px = seen->foreground_width_px;
        request->foreground_height_px = seen->foreground_height_px;
    } else if (request->foreground_width_px != seen->foreground_width_px ||
               request->foreground_height_px != seen->foreground_height_px) {
        request->hide_all = true; /* the analysed picture changed its size within the window */
        return;
    }
    for (size_t i = 0; i < bytes; i++)
        history->foreground[i] |= seen->foreground[i];
}

/* By how much the shape of the smaller picture may be off, of what is rounded to the nearest whole macroblock. */
static double rounding_of(int width_px, int height_px)
{
    bool is_rounded = width_px % MACROBLOCK_PX == 0 && height_px % MACROBLOCK_PX == 0;
    double half_px = MACROBLOCK_PX / 2.0, off = half_px / width_px + half_px / height_px;
    return is_rounded ? CLAMP(off, shape_tolerance, rounded_tolerance) : shape_tolerance;
}

static bool has_shape_of(const struct seen_frame *seen, const struct frame *frame)
{
    double shape = frame_shape(frame);
    double tolerance = seen->height_px < frame->height_px ? rounding_of(seen->width_px, seen->height_px)
                                                          : rounding_of(frame->width_px, frame->height_px);
    return fabs(seen->shape - shape) <= tolerance * shape;
}

/* A time of the camera's clock and one of arrival may be seconds apart. */
static enum figure_refusal compare(const struct seen_frame *seen, const struct frame *frame)
{
    if (!has_shape_of(seen, frame))
        return FIGURES_OF_ANOTHER_SHAPE;
    if (seen->is_camera_clock != frame->is_camera_clock)
        return FIGURES_OF_ANOTHER_CLOCK;
    return seen->is_late ? FIGURES_LATE : FIGURES_KNOWN;
}

enum figure_refusal figure_history_request(struct figure_history *history, const struct frame *frame,
                                           struct privacy_request *request, uint64_t *number)
{
    int64_t at_ms = frame->captured_at_ms, nearest_ms = INT64_MAX;
    *request = (struct privacy_request){0};
    g_array_set_size(history->figures, 0);
    if (is_late(history, frame))
        return FIGURES_LATE;
    if (!is_covered(history, at_ms))
        return FIGURES_TOO_FEW;
    for (size_t i = 0; i < history->count; i++) {
        const struct seen_frame *seen = frame_at(history, i);
        int64_t distance_ms = ABS(seen->at_ms - at_ms);
        if (distance_ms > history->window_ms)
            continue;
        enum figure_refusal refusal = compare(seen, frame);
        if (refusal)
            return refusal;
        request->hide_all = request->hide_all || seen->hides_all;
        g_array_append_vals(history->figures, seen->figures->data, seen->figures->len);
        add_foreground(history, seen, request);
        if (distance_ms < nearest_ms)
            *number = seen->number;
        nearest_ms = MIN(nearest_ms, distance_ms);
    }
    request->figures = (const struct privacy_figure *)(const void *)history->figures->data;
    request->figure_count = history->figures->len;
    return nearest_ms < INT64_MAX ? FIGURES_KNOWN : FIGURES_TOO_FEW;
}
