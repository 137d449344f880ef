/* What no figure explains and lasts becomes a new figure. */
#include "vision/motion_internal.h"

#include <math.h>
#include <string.h>

enum { BIRTH_FRAMES = 2, WEATHER_BIRTH_FRAMES = 4 };

/* Nothing of it was found for some frames: where its box is now, it need not be. */
bool figure_is_mislaid(const struct figure *figure)
{
    enum { MISLAID_FRAMES = 3 };
    return figure->unseen >= MISLAID_FRAMES;
}

static bool is_covered(const struct figures *figures, const struct region *region)
{
    for (int i = 0; i < figures->count; i++) {
        if (figure_is_mislaid(&figures->items[i]))
            continue;
        struct bounds b = figure_bounds(&figures->items[i], 0);
        int w = MIN(b.right, region->right) - MAX(b.left, region->left);
        int h = MIN(b.bottom, region->bottom) - MAX(b.top, region->top);
        if (w > 0 && h > 0 && w * h * 2 > (region->right - region->left) * (region->bottom - region->top))
            return true;
    }
    return false;
}

/* Too small to be anybody, inside the picture, and beside somebody: a piece of that one. */
static bool is_piece_of_somebody(const struct figures *figures, const struct region *region,
                                 const struct reduced *picture)
{
    double expected = stature_height(&figures->stature, region->bottom, picture->height);
    bool is_cut =
        region->top <= 0 || region->left <= 0 || region->bottom >= picture->height || region->right >= picture->width;
    if (expected <= 0 || is_cut || region->bottom - region->top > 0.5 * expected)
        return false;
    for (int i = 0; i < figures->count; i++) {
        struct bounds b = figure_bounds(&figures->items[i], 4 + 0.1 * figures->items[i].h);
        if (MIN(b.right, region->right) > MAX(b.left, region->left) &&
            MIN(b.bottom, region->bottom) > MAX(b.top, region->top))
            return true;
    }
    return false;
}

static void find_left_over(struct figures *figures, const struct reduced *picture, const uint8_t *foreground)
{
    size_t width = (size_t)picture->width, count = width * (size_t)picture->height;
    memset(figures->covered, 0, count);
    memcpy(figures->left_over, foreground, count);
    for (int i = 0; i < figures->count; i++) {
        const struct figure *figure = &figures->items[i];
        if (figure_is_mislaid(figure))
            continue;
        struct bounds b = bounds_clip(figure_bounds(figure, fmax(2, figure->w * 0.15)), picture);
        for (int y = b.top; y < b.bottom && b.right > b.left; y++) {
            size_t at = (size_t)y * width + (size_t)b.left, across = (size_t)(b.right - b.left);
            memset(figures->covered + at, 1, across);
            memset(figures->left_over + at, 0, across);
        }
    }
}

static bool is_covered_at(const struct figures *figures, const struct reduced *picture, int x, int y)
{
    return x >= 0 && y >= 0 && x < picture->width && y < picture->height && figures->covered[y * picture->width + x];
}

/* How much of a box is in the picture and beside all figures, in pixels. */
static int visible_area(const struct figures *figures, const struct reduced *picture, struct bounds b)
{
    int area = 0;
    b = bounds_clip(b, picture);
    for (int y = b.top; y < b.bottom; y++)
        for (int x = b.left; x < b.right; x++)
            area += !figures->covered[y * picture->width + x];
    return area;
}

/* What is seen of somebody who comes out from behind another, or over the picture's edge, is a piece: where usual
 * figures are known, the whole is placed so that its free sides agree. False when the piece is no such figure. */
static bool complete(const struct figures *figures, const struct region *region, const struct reduced *picture,
                     struct figure_candidate *candidate)
{
    enum { BESIDE_PX = 2 };
    static const double evidence_min = 0.45, visible_min = 0.15;
    int middle_x = (region->left + region->right) / 2, middle_y = (region->top + region->bottom) / 2;
    bool is_bottom_hidden =
        region->bottom >= picture->height || is_covered_at(figures, picture, middle_x, region->bottom + BESIDE_PX);
    bool is_left_hidden = region->left <= 0 || is_covered_at(figures, picture, region->left - 1 - BESIDE_PX, middle_y);
    bool is_right_hidden =
        region->right >= picture->width || is_covered_at(figures, picture, region->right + BESIDE_PX, middle_y);
    if (!is_bottom_hidden && !is_left_hidden && !is_right_hidden)
        return true;
    double y = region->bottom;
    if (is_bottom_hidden && region->top > 0)
        y = fmax(y, stature_feet(&figures->stature, region->top, region->bottom - region->top, picture->height));
    double h = stature_height(&figures->stature, y, picture->height);
    double w = stature_width(&figures->stature, y, picture->height);
    if (w <= 0)
        return true;
    candidate->y = y;
    candidate->h = fmax(h, candidate->h);
    candidate->w = fmax(w, candidate->w);
    if (is_right_hidden && !is_left_hidden)
        candidate->x = region->left + candidate->w / 2;
    else if (is_left_hidden && !is_right_hidden)
        candidate->x = region->right - candidate->w / 2;
    struct bounds b = {(int)(candidate->x - candidate->w / 2), (int)(candidate->y - candidate->h),
                       (int)(candidate->x + candidate->w / 2), (int)candidate->y};
    int visible = visible_area(figures, picture, b);
    bool is_at_edge = b.left < 0 || b.right > picture->width || b.bottom > picture->height || b.top < 0;
    return region->area > evidence_min * visible && (is_at_edge || visible > visible_min * candidate->w * candidate->h);
}

/* The candidate of the last frame that this one goes on from tells its age and speed. */
static void continue_candidate(const struct figures *figures, struct figure_candidate *candidate)
{
    candidate->age = 1;
    for (int i = 0; i < figures->candidate_count; i++) {
        const struct figure_candidate *old = &figures->candidates[i];
        if (fabs(old->x - candidate->x) < old->w + 4 && fabs(old->y - candidate->y) < old->h * 0.5 + 6) {
            candidate->age = old->age + 1;
            candidate->vx = (candidate->x - old->x) / figures->passed;
            candidate->vy = (candidate->y - old->y) / figures->passed;
            return;
        }
    }
}

/* The nearest figure that is mislaid and may be this candidate, or -1. */
static int find_mislaid(const struct figures *figures, const struct figure_candidate *candidate)
{
    static const double reach = 0.6; /* of its height */
    int nearest = -1;
    double least = INFINITY;
    for (int i = 0; i < figures->count; i++) {
        const struct figure *figure = &figures->items[i];
        double distance = hypot(figure->x - candidate->x, figure->y - candidate->y);
        if (figure_is_mislaid(figure) && distance < reach * figure->h && distance < least) {
            least = distance;
            nearest = i;
        }
    }
    return nearest;
}

static void start_figure(struct figures *figures, const struct figure_candidate *candidate,
                         const struct reduced *picture, const uint8_t *foreground)
{
    int found = find_mislaid(figures, candidate);
    if (found < 0 && figures->count == FIGURES_MAX)
        return;
    struct figure *figure = &figures->items[found >= 0 ? found : figures->count++];
    *figure = (struct figure){.x = candidate->x,
                              .y = candidate->y,
                              .w = candidate->w,
                              .h = candidate->h,
                              .vx = candidate->vx,
                              .vy = candidate->vy,
                              .born_x = candidate->x,
                              .born_y = candidate->y,
                              .support = 1,
                              .is_born_cut = candidate->y >= picture->height};
    look_learn(figure, picture, foreground, figures->claimed, 0.8f);
}

void figures_give_birth(struct figures *figures, const struct reduced *picture, const uint8_t *foreground,
                        const struct regions *regions, int minimum_area)
{
    static const double tallest = 6, widest = 4; /* sides of a box: beyond it is no body */
    static const double fullness_min = 0.25;     /* of its box: less is a seam along somebody's edge */
    struct figure_candidate next[FIGURES_MAX] = {0};
    int next_count = 0;
    figures->births.count = 0;
    if (regions->count > 0) {
        find_left_over(figures, picture, foreground);
        regions_find(&figures->births, figures->left_over, minimum_area);
    } else {
        memset(figures->left_over, 0, (size_t)picture->width * (size_t)picture->height);
    }
    for (int i = 0; i < figures->births.count; i++) {
        const struct region *region = &figures->births.items[i];
        int w = region->right - region->left, h = region->bottom - region->top;
        if (w < 3 || h < 3 || h > tallest * w || w > widest * h || region->area < fullness_min * w * h ||
            is_covered(figures, region) || is_piece_of_somebody(figures, region, picture))
            continue;
        struct figure_candidate candidate = {(region->left + region->right) / 2.0, region->bottom, w, h, 0, 0, 0};
        if (!complete(figures, region, picture, &candidate))
            continue;
        continue_candidate(figures, &candidate);
        if (candidate.age >= (figures->is_weather ? WEATHER_BIRTH_FRAMES : BIRTH_FRAMES))
            start_figure(figures, &candidate, picture, foreground);
        else if (next_count < FIGURES_MAX)
            next[next_count++] = candidate;
    }
    memcpy(figures->candidates, next, sizeof *next * (size_t)next_count);
    figures->candidate_count = next_count;
}
