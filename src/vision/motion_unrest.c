#include "vision/motion_internal.h"

#include <math.h>
#include <string.h>

/* A change raises a pixel's level by CHANGE_RISE; levels fall by a 64th each second, or with each picture where these
 * are further apart: no more than one change can be seen in each. What changes r times a second, or so many times a
 * picture, settles at r × 65536: from 0.15 on it is ignored, with what lies beside it; below 0.04 it is heeded again.
 */
enum { CHANGE_RISE = 1024, FALL_SHIFT = 6, IGNORED_FROM = 9830, HEEDED_FROM = 2621 };
static const double fall_seconds = 1;
/* More of the picture than this without rest is weather, or a crowd, and no place. */
static const double ignored_share_max = 0.25;
/* Shares of the picture that newly became foreground beside all figures, smoothed over so many seconds: so much is
 * weather, so little none. */
static const double weather_share = 0.012, calm_share = 0.005, weather_seconds = 2;
static const double picture_weight_max = 0.2; /* however late it comes: one picture alone tells of no weather */
/* Weather is all over the picture, and who walks is in one place, however much of it is new where they go further than
 * their width from one picture to the next: no part of the picture tells of more than this. */
static const double part_share_max = 2.5 * weather_share;
enum { NEAR_PX = 2 }; /* what was there in the last picture moved no further */

void unrest_init(struct unrest *unrest, int width, int height)
{
    size_t count = (size_t)width * (size_t)height;
    *unrest = (struct unrest){.width = width, .height = height};
    unrest->before = g_new0(uint8_t, count);
    unrest->level = g_new0(uint16_t, count);
    unrest->ignored = g_new0(uint8_t, count);
    unrest->restless = g_new0(uint8_t, count);
    unrest->near = g_new0(uint8_t, count);
    unrest->theirs = g_new0(uint8_t, count);
}

void unrest_clear(struct unrest *unrest)
{
    g_free(unrest->before);
    g_free(unrest->level);
    g_free(unrest->ignored);
    g_free(unrest->restless);
    g_free(unrest->near);
    g_free(unrest->theirs);
    memset(unrest, 0, sizeof *unrest);
}

void unrest_forget_last(struct unrest *unrest)
{
    memset(unrest->before, 0, (size_t)unrest->width * (size_t)unrest->height);
}

/* Whose place a pixel is: figures that went somewhere explain what changes in and beside their boxes. One that rests
 * there for long may be no figure, so that what changes around it is learnt, but no weather either. */
enum owner { OWNER_NONE, OWNER_RESTING, OWNER_GOING };

static void mark(struct unrest *unrest, const struct figure *figure, enum owner owner)
{
    const struct reduced size = {.width = unrest->width, .height = unrest->height};
    struct bounds b = bounds_clip(figure_bounds(figure, 3 + 0.5 * figure->w), &size);
    for (int y = b.top; y < b.bottom && b.right > b.left; y++)
        memset(unrest->theirs + y * unrest->width + b.left, (int)owner, (size_t)(b.right - b.left));
}

static void mark_figures(struct unrest *unrest, const struct figures *figures)
{
    memset(unrest->theirs, 0, (size_t)unrest->width * (size_t)unrest->height);
    for (int i = 0; i < figures->count; i++)
        if (figures->items[i].has_left && !figures->items[i].is_going)
            mark(unrest, &figures->items[i], OWNER_RESTING);
    for (int i = 0; i < figures->count; i++)
        if (figures->items[i].is_going)
            mark(unrest, &figures->items[i], OWNER_GOING);
}

static int *part_of(struct unrest *unrest, int pixel)
{
    int row = pixel / unrest->width * UNREST_PARTS / unrest->height;
    return &unrest->changed[row][pixel % unrest->width * UNREST_PARTS / unrest->width];
}

/* Raises the level of what just became foreground beside all who go; counts of each part of the picture how many pixels
 * did so that are nobody's. Most of most pictures is no foreground. */
static void raise_levels(struct unrest *unrest, const uint8_t *foreground)
{
    int count = unrest->width * unrest->height, end;
    memset(unrest->changed, 0, sizeof unrest->changed);
    for (int i = 0; (i = mask_next_set(foreground, i, count)) < count; i = end) {
        end = mask_next_clear(foreground, i, count);
        for (int j = i; j < end; j++) {
            int is_new = ~unrest->before[j] & 1;
            int level = unrest->level[j] + (is_new & (unrest->theirs[j] != OWNER_GOING)) * CHANGE_RISE;
            unrest->level[j] = (uint16_t)(level > UINT16_MAX ? UINT16_MAX : level);
            if (is_new & (unrest->theirs[j] == OWNER_NONE))
                (*part_of(unrest, j))++;
        }
    }
}

/* near = within NEAR_PX of what is set. */
static void spread(const struct unrest *unrest, const uint8_t *set, uint8_t *near)
{
    int width = unrest->width, height = unrest->height;
    memset(near, 0, (size_t)width * (size_t)height);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            if (!set[y * width + x])
                continue;
            for (int ny = MAX(y - NEAR_PX, 0); ny <= MIN(y + NEAR_PX, height - 1); ny++)
                memset(near + ny * width + MAX(x - NEAR_PX, 0), 255,
                       (size_t)(MIN(x + NEAR_PX, width - 1) - MAX(x - NEAR_PX, 0) + 1));
        }
}

static void let_levels_fall(struct unrest *unrest, double frame_seconds)
{
    int count = unrest->width * unrest->height;
    unrest->fall_seconds += frame_seconds;
    if (unrest->fall_seconds < fall_seconds)
        return;
    unrest->fall_seconds = 0;
    unrest->ignored_count = 0;
    for (int i = 0; i < count; i++) {
        int level = unrest->level[i] - (unrest->level[i] >> FALL_SHIFT);
        unrest->level[i] = (uint16_t)level;
        int limit = unrest->restless[i] ? HEEDED_FROM : IGNORED_FROM;
        unrest->restless[i] = level >= limit;
    }
    spread(unrest, unrest->restless, unrest->ignored);
    for (int i = 0; i < count; i++)
        unrest->ignored_count += unrest->ignored[i] != 0;
    if (unrest->ignored_count <= ignored_share_max * count)
        return;
    memset(unrest->ignored, 0, (size_t)count);
    unrest->ignored_count = 0;
}

static void note_weather(struct unrest *unrest, double frame_seconds)
{
    enum { PARTS = UNREST_PARTS * UNREST_PARTS };
    const int *changed = &unrest->changed[0][0];
    double part_area = (double)(unrest->width * unrest->height) / PARTS, share = 0;
    for (int i = 0; i < PARTS; i++)
        share += fmin(changed[i] / part_area, part_share_max) / PARTS;
    double weight = fmin(1 - exp(-frame_seconds / weather_seconds), picture_weight_max);
    unrest->weather += weight * (share - unrest->weather);
    unrest->is_weather = unrest->weather > (unrest->is_weather ? calm_share : weather_share);
}

/* What is switched off is over at once. */
static void note_settings(struct unrest *unrest, const struct motion_settings *settings)
{
    unrest->is_weather = unrest->is_weather && settings->damps_weather;
    if (!settings->ignores_restless)
        unrest->ignored_count = 0;
}

bool unrest_filter(struct unrest *unrest, const struct motion_settings *settings, const struct figures *figures,
                   double frame_seconds, uint8_t *foreground)
{
    int count = unrest->width * unrest->height;
    note_settings(unrest, settings);
    if (!settings->ignores_restless && !settings->damps_weather)
        return false;
    mark_figures(unrest, figures);
    raise_levels(unrest, foreground);
    note_weather(unrest, frame_seconds);
    note_settings(unrest, settings);
    if (settings->ignores_restless)
        let_levels_fall(unrest, frame_seconds);
    if (unrest->is_weather)
        spread(unrest, unrest->before, unrest->near);
    memcpy(unrest->before, foreground, (size_t)count);
    for (int i = 0; i < count && unrest->is_weather; i++)
        foreground[i] &= unrest->near[i];
    for (int i = 0; i < count && unrest->ignored_count > 0; i++)
        foreground[i] = unrest->ignored[i] ? 0 : foreground[i];
    return unrest->is_weather || unrest->ignored_count > 0;
}
