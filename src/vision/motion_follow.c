/* One step of each figure. Alone in its region it takes its box from the region; those who share one are found by their
 * looks, from near to far (who stands lower is nearer): a nearer figure claims its pixels, and the farther one is
 * judged only by what is left to see. */
#include "vision/motion_internal.h"

#include "base/sort.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double smooth_place = 0.85, smooth_speed = 0.25, smooth_size = 0.25; /* alpha-beta filter, figure alone */
static const double merged_place = 0.8, merged_speed = 0.15;
static const double visible_full = 0.4;  /* share of the look at which a place found is trusted altogether */
static const double support_good = 0.30; /* of the visible look: the figure is there */
static const double change_max = 0.25;   /* of its size at once: what it was before tells no more how it looks */
static const double visible_least = 0.15;
static const float look_share = 0.15f, look_share_young = 0.6f;
enum { YOUNG_FRAMES = 6 };

/* Cut off by the picture's edge, a box tells nothing of the size beyond it. */
static bool touches_edge(const struct bounds *b, const struct reduced *picture)
{
    return b->left <= 0 || b->top <= 0 || b->right >= picture->width || b->bottom >= picture->height;
}

/* Alpha-beta filter; `speed` is for one interval. */
static void move_to(struct figure *figure, double x, double y, double place, double speed, int passed)
{
    double dx = x - figure->x, dy = y - figure->y;
    figure->x += place * dx;
    figure->y += place * dy;
    figure->vx += speed * dx / passed;
    figure->vy += speed * dy / passed;
}

/* Cut off by the lower edge, a figure is held by its head: its feet are where its height says. */
static double feet_below_edge(const struct figures *figures, const struct figure *figure, const struct bounds *b,
                              int height)
{
    double y = b->bottom, h = b->bottom - b->top;
    if (b->bottom < height)
        return y;
    double expected = stature_feet(&figures->stature, b->top, fmax(h, figure->h), height) - b->top;
    return b->top + fmax(expected, figure->is_born_cut ? h : fmax(h, figure->h));
}

/* Cut off by a side, a figure is held by the side that is seen: it is as wide as those who stand there are, or as it
 * was. */
static double centre_beyond_edge(const struct figures *figures, const struct figure *figure, const struct bounds *b,
                                 double y, const struct reduced *picture, double *w)
{
    bool is_cut_left = b->left <= 0, is_cut_right = b->right >= picture->width;
    if (is_cut_left == is_cut_right)
        return (b->left + b->right) / 2.0;
    double usual = stature_width(&figures->stature, y, picture->height);
    *w = fmax(*w, usual > 0 ? usual : figure->is_seen_whole ? figure->w : 0);
    return is_cut_left ? b->right - *w / 2 : b->left + *w / 2;
}

static bool is_two_wide(const struct stature *stature, double y, double w, double h, int picture_height)
{
    double usual_h = stature_height(stature, y, picture_height), usual_w = stature_width(stature, y, picture_height);
    return usual_w > 0 && w > 1.25 * usual_w && w * h > 1.5 * usual_w * usual_h;
}

static void follow_alone(struct figures *figures, struct figure *figure, const struct bounds *b,
                         const struct reduced *picture, const uint8_t *foreground)
{
    double y = feet_below_edge(figures, figure, b, picture->height), w = b->right - b->left, h = y - b->top;
    double x = centre_beyond_edge(figures, figure, b, y, picture, &w);
    bool is_young = figure->age < 3, is_cut = touches_edge(b, picture);
    bool has_changed = fabs(w / figure->w - 1) > change_max || fabs(h / figure->h - 1) > change_max;
    double height_before = figure->h;
    /* legs swing, so the width breathes: size follows slowly, but at the edge as fast as the figure comes in */
    double share = is_young || is_cut ? 1 : smooth_size;
    figure->w += share * (w - figure->w);
    figure->h += share * (h - figure->h);
    if (is_cut)
        figure->vh = 0;
    else
        figure->vh += 0.1 * ((figure->h - height_before) / figures->passed - figure->vh);
    move_to(figure, x, y, is_young ? 1 : smooth_place, is_young ? 0.5 : smooth_speed, figures->passed);
    figure->is_merged = false;
    figure->is_seen_whole |= !is_cut;
    figure->seen = *b;
    figure->support = 1;
    figure->wide = !is_cut && is_two_wide(&figures->stature, y, w, h, picture->height) ? figure->wide + 1 : 0;
    double usual = stature_height(&figures->stature, figure->y, picture->height);
    if (!is_cut && usual > 0)
        figure->tallness += (figure->tallness > 0 ? 0.1 : 1) * (figure->h / usual - figure->tallness);
    look_learn(figure, picture, foreground, NULL, is_young || is_cut || has_changed ? look_share_young : look_share);
    if (!is_cut && figure->has_moved && figure->age > 8)
        stature_learn(&figures->stature, figure->y, figure->w, figure->h, picture->height);
}

/* In a crowd the size cannot be seen: it is what the figure's stature is where it stands now. */
static void keep_size(const struct figures *figures, struct figure *figure, int picture_height)
{
    double usual = stature_height(&figures->stature, figure->y, picture_height), before = figure->h;
    if (usual > 0 && figure->tallness > 0)
        figure->h += 0.3 * (figure->tallness * usual - figure->h);
    else
        figure->vh *= 0.8;
    figure->w *= figure->h / before;
}

static void follow_by_look(struct figures *figures, struct figure *figure, const struct reduced *picture,
                           const uint8_t *foreground, const uint8_t *claimed)
{
    keep_size(figures, figure, picture->height);
    bool is_unsure = figure->age < YOUNG_FRAMES || figure->unseen > 0 || figures->passed > 1;
    struct place best = look_search(&figures->window, figure, picture, foreground, claimed,
                                    is_unsure ? LOOK_REACH_X_PX : LOOK_REACH_X_PX / 2, LOOK_REACH_Y_PX);
    /* the less of it is seen, the more it goes where it was going; hidden almost wholly, it walks on as it did */
    double trust = fmin(1, best.sight.visible / visible_full);
    figure->is_merged = true;
    figure->support = best.sight.score * best.sight.visible;
    if (best.sight.visible > visible_least && best.sight.score > support_good)
        move_to(figure, best.x, best.y, merged_place * trust, merged_speed * trust, figures->passed);
    /* of one who came out from behind another more is seen with every frame */
    if (!figure->is_seen_whole && best.sight.score > support_good)
        look_learn(figure, picture, foreground, claimed, look_share);
}

static int compare_nearness(const void *a, const void *b)
{
    double left = ((const struct figure *)a)->y, right = ((const struct figure *)b)->y;
    return (left < right) - (left > right);
}

void figures_predict(struct figures *figures)
{
    for (int i = 0; i < figures->count; i++) {
        struct figure *figure = &figures->items[i];
        figure->age++;
        figure->x += figures->passed * figure->vx;
        figure->y += figures->passed * figure->vy;
        figure->h = fmax(figure->h + figures->passed * figure->vh, 2);
    }
    sort_insertion(figures->items, (size_t)figures->count, sizeof *figures->items, compare_nearness);
}

void figures_follow(struct figures *figures, const struct reduced *picture, const uint8_t *foreground,
                    const struct regions *regions, struct sharing *sharing)
{
    if (figures->count > 0 || regions->count > 0)
        memset(figures->claimed, 0, (size_t)picture->width * (size_t)picture->height);
    figures_find_sharing(figures, picture, regions, sharing);
    for (int i = 0; i < figures->count; i++) {
        struct figure *figure = &figures->items[i];
        struct bounds bounds;
        if (figures_own_bounds(figures, i, regions, sharing, &bounds))
            follow_alone(figures, figure, &bounds, picture, foreground);
        else
            follow_by_look(figures, figure, picture, foreground, figures->claimed);
        figure->unseen = figure->support > support_good * 0.5 ? 0 : figure->unseen + 1;
        look_claim(figure, picture, foreground, figures->claimed);
    }
}
