/* One figure taken for two, and two taken for one. */
#include "vision/motion_internal.h"

#include <math.h>
#include <string.h>

/* Two that together are no higher than one should be, one of them too small to be anybody. */
static bool are_pieces_by_stature(const struct figures *figures, const struct figure *a, const struct figure *b,
                                  int height)
{
    double bottom = fmax(a->y, b->y), top = fmin(a->y - a->h, b->y - b->h);
    double expected = stature_height(&figures->stature, bottom, height);
    double smaller = fmin(a->h / fmax(stature_height(&figures->stature, a->y, height), 1),
                          b->h / fmax(stature_height(&figures->stature, b->y, height), 1));
    double width = fmax(a->x + a->w / 2, b->x + b->w / 2) - fmin(a->x - a->w / 2, b->x - b->w / 2);
    return expected > 0 && bottom - top < 1.2 * expected && smaller < 0.6 && width < 1.25 * fmax(a->w, b->w);
}

static bool is_too_large_together(const struct figures *figures, const struct figure *a, const struct figure *b,
                                  int height)
{
    double y = fmax(a->y, b->y), h = y - fmin(a->y - a->h, b->y - b->h);
    double w = fmax(a->x + a->w / 2, b->x + b->w / 2) - fmin(a->x - a->w / 2, b->x - b->w / 2);
    double usual_w = stature_width(&figures->stature, y, height);
    return usual_w > 0 && w * h > 1.4 * usual_w * stature_height(&figures->stature, y, height);
}

/* Two side by side that move as one, and neither was ever seen whole. */
static bool are_pieces_side_by_side(const struct figure *a, const struct figure *b)
{
    double gap = fmax(a->x - a->w / 2 - (b->x + b->w / 2), b->x - b->w / 2 - (a->x + a->w / 2));
    double upright = fmin(a->y, b->y) - fmax(a->y - a->h, b->y - b->h);
    double speed = fmax(hypot(a->vx, a->vy), hypot(b->vx, b->vy));
    double apart = hypot(a->vx - b->vx, a->vy - b->vy);
    return !a->is_seen_whole && !b->is_seen_whole && gap < 0.5 * fmin(a->w, b->w) + 3 &&
           upright > 0.5 * fmin(a->h, b->h) && speed > 0.5 && apart < 0.2 + 0.15 * speed;
}

/* Two that stand above one another and go the same way are pieces of one. People side by side are not above one
 * another, and those who pass each other do not go the same way. */
static bool are_pieces(const struct figures *figures, const struct figure *a, const struct figure *b, int height)
{
    double shared = fmin(a->x + a->w / 2, b->x + b->w / 2) - fmax(a->x - a->w / 2, b->x - b->w / 2);
    double gap = fmax(a->y - a->h - b->y, b->y - b->h - a->y);
    double speed = fmax(hypot(a->vx, a->vy), hypot(b->vx, b->vy));
    bool go_together = hypot(a->vx - b->vx, a->vy - b->vy) < 0.4 + 0.25 * speed;
    if (is_too_large_together(figures, a, b, height))
        return false;
    if (are_pieces_side_by_side(a, b))
        return true;
    return shared > 0.6 * fmin(a->w, b->w) && gap < 0.25 * fmax(a->h, b->h) &&
           (go_together || are_pieces_by_stature(figures, a, b, height));
}

/* The upper and lower end of what is seen in the columns left to right of a box; rows in which less than a share of
 * the columns is seen are somebody else's. */
static void narrow(struct bounds *b, int left, int right, const struct reduced *picture, const uint8_t *foreground)
{
    static const double share_min = 0.25;
    int top = b->bottom, bottom = b->top;
    struct bounds seen = bounds_clip((struct bounds){left, b->top, right, b->bottom}, picture);
    for (int y = seen.top; y < seen.bottom; y++) {
        int count = 0;
        for (int x = seen.left; x < seen.right; x++)
            count += foreground[y * picture->width + x] != 0;
        if (count > share_min * (seen.right - seen.left)) {
            top = MIN(top, y);
            bottom = y + 1;
        }
    }
    if (bottom > top) {
        b->top = top;
        b->bottom = bottom;
    }
}

static void become_side(const struct stature *stature, struct figure *figure, struct bounds b, double w, bool is_left,
                        const struct reduced *picture, const uint8_t *foreground)
{
    static const double core = 0.55; /* of a figure's width reaches from its side beyond its head */
    int edge = is_left ? b.left : b.right, inner = edge + (int)((is_left ? core : -core) * w);
    narrow(&b, MIN(edge, inner), MAX(edge, inner), picture, foreground);
    figure->w = w;
    figure->h = b.bottom - b.top;
    figure->x = is_left ? b.left + w / 2 : b.right - w / 2;
    figure->y = b.bottom;
    figure->wide = 0;
    figure->vh = 0;
    double usual = stature_height(stature, figure->y, picture->height);
    figure->tallness = usual > 0 ? figure->h / usual : 0;
    memset(&figure->look, 0, sizeof figure->look);
    look_learn(figure, picture, foreground, NULL, 0.8f);
}

/* A figure as wide as two for some frames is two who came in together: each gets its own side. */
void figures_part(struct figures *figures, const struct reduced *picture, const uint8_t *foreground)
{
    enum { PART_FRAMES = 3 };
    for (int i = 0; i < figures->count && figures->count < FIGURES_MAX; i++) {
        struct figure *left = &figures->items[i];
        if (left->wide < PART_FRAMES)
            continue;
        struct figure *right = &figures->items[figures->count++];
        struct bounds b = left->seen;
        double w = fmin(stature_width(&figures->stature, left->y, picture->height), 0.75 * (b.right - b.left));
        left->age = 0;
        *right = *left;
        become_side(&figures->stature, left, b, w, true, picture, foreground);
        become_side(&figures->stature, right, b, w, false, picture, foreground);
    }
}

void figures_unite(struct figures *figures, const struct reduced *picture, const uint8_t *foreground)
{
    for (int i = 0; i < figures->count; i++)
        for (int j = i + 1; j < figures->count;) {
            struct figure *a = &figures->items[i], *b = &figures->items[j];
            if (MIN(a->age, b->age) < 2 || !are_pieces(figures, a, b, picture->height)) {
                j++;
                continue;
            }
            double left = fmin(a->x - a->w / 2, b->x - b->w / 2), right = fmax(a->x + a->w / 2, b->x + b->w / 2);
            double top = fmin(a->y - a->h, b->y - b->h);
            if (b->age > a->age) { /* the older's life goes on */
                struct figure swap = *a;
                *a = *b;
                *b = swap;
            }
            a->y = fmax(a->y, b->y);
            a->x = (left + right) / 2;
            a->w = right - left;
            a->h = a->y - top;
            memset(&a->look, 0, sizeof a->look);
            look_learn(a, picture, foreground, NULL, 0.8f);
            figures->items[j] = figures->items[--figures->count];
        }
}
