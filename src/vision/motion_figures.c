/* Figures: each moving thing is followed by its own look, so that those who overlap stay apart.
 *
 * A figure alone in its region takes its box from the region. Figures that share one are found by their looks, from
 * near to far (who stands lower is nearer): a nearer figure claims its pixels, and the farther one is judged only by
 * what is left to see. What no figure explains and lasts, becomes a new figure. What appeared in place and never moves
 * is a hole in the background.
 */
#include "vision/motion_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double colour_limit = 42; /* sum of three differences that still is the same colour */
static const double smooth_place = 0.65, smooth_speed = 0.25, smooth_size = 0.25; /* alpha-beta filter, figure alone */
static const double merged_place = 0.6, merged_speed = 0.08;
static const double support_good = 0.30; /* of the visible look: the figure is there */
static const double forget_seconds = 1.2, forget_hidden_seconds = 2.5, hole_seconds = 12, absorb_seconds = 120;
enum { BIRTH_FRAMES = 2, SEARCH_PX = 5 };

void figures_init(struct figures *figures, int width, int height)
{
    memset(figures, 0, sizeof *figures);
    figures->claimed = g_new0(uint8_t, (size_t)width * (size_t)height);
    figures->left_over = g_new0(uint8_t, (size_t)width * (size_t)height);
    regions_init(&figures->births, width, height);
}

void figures_clear(struct figures *figures)
{
    g_free(figures->claimed);
    g_free(figures->left_over);
    regions_clear(&figures->births);
}

/* ---- boxes ---- */

struct bounds {
    int left, top, right, bottom;
};

static struct bounds bounds_of(const struct figure *figure, double grow)
{
    return (struct bounds){(int)floor(figure->x - figure->w / 2 - grow), (int)floor(figure->y - figure->h - grow),
                           (int)ceil(figure->x + figure->w / 2 + grow), (int)ceil(figure->y + grow)};
}

static struct bounds clip(struct bounds b, const struct reduced *picture)
{
    return (struct bounds){MAX(b.left, 0), MAX(b.top, 0), MIN(b.right, picture->width), MIN(b.bottom, picture->height)};
}

/* ---- stature ---- */

enum { STATURE_SAMPLES_MIN = 12 };

static int stature_bin(double y, int picture_height)
{
    return CLAMP((int)(y * STATURE_BINS / picture_height), 0, STATURE_BINS - 1);
}

/* Pieces are smaller than the whole, so the estimate climbs faster than it falls: it settles in the upper part. */
static void stature_learn(struct stature *stature, const struct figure *figure, int picture_height)
{
    int bin = stature_bin(figure->y, picture_height);
    float difference = (float)figure->h - stature->height[bin];
    float share = stature->samples[bin] == 0 ? 1 : difference > 0 ? 0.10f : 0.03f;
    stature->height[bin] += share * difference;
    stature->samples[bin]++;
    float slimness = (float)(figure->w / figure->h), off = fabsf(slimness - stature->slimness);
    float weight = stature->slimness_samples++ == 0 ? 1 : 0.02f;
    stature->slimness += weight * (slimness - stature->slimness);
    stature->slimness_deviation += weight * (off - stature->slimness_deviation);
}

/* True when figures here have one shape, and this one is as wide as two of it side by side. */
static bool is_two_wide(const struct stature *stature, double w, double h)
{
    enum { SLIMNESS_SAMPLES_MIN = 150 };
    return stature->slimness_samples >= SLIMNESS_SAMPLES_MIN &&
           stature->slimness_deviation < 0.3f * stature->slimness && w > 1.55 * stature->slimness * h;
}

/* The height to expect with feet at y, also beyond the picture's lower edge, from the nearest bins that know; 0:
 * unknown. */
static double stature_at(const struct stature *stature, double y, int picture_height)
{
    int known[2] = {-1, -1}, bin = stature_bin(y, picture_height);
    for (int distance = 0; distance < STATURE_BINS && known[1] < 0; distance++)
        for (int side = -1; side <= 1 && known[1] < 0; side += 2) {
            int i = bin + side * distance;
            if (i < 0 || i >= STATURE_BINS || stature->samples[i] < STATURE_SAMPLES_MIN || (distance == 0 && side > 0))
                continue;
            known[known[0] >= 0] = i;
        }
    if (known[0] < 0)
        return 0;
    double h0 = stature->height[known[0]], bin_height = (double)picture_height / STATURE_BINS;
    if (known[1] < 0)
        return h0;
    double slope = (stature->height[known[1]] - h0) / ((known[1] - known[0]) * bin_height);
    return fmax(h0 + CLAMP(slope, 0, 0.6) * (y - (known[0] + 0.5) * bin_height), h0 * 0.5);
}

/* ---- looks ---- */

/* The picture's pixel at a place of the grid over a box; false outside the picture. */
static bool grid_pixel(const struct reduced *picture, double x, double y, double w, double h, int row, int column,
                       int *index)
{
    int px = (int)floor(x - w / 2 + (column + 0.5) * w / LOOK_COLUMNS);
    int py = (int)floor(y - h + (row + 0.5) * h / LOOK_ROWS);
    *index = py * picture->width + px;
    return px >= 0 && py >= 0 && px < picture->width && py < picture->height;
}

static void look_learn(struct figure *figure, const struct reduced *picture, const uint8_t *foreground, float share)
{
    for (int row = 0; row < LOOK_ROWS; row++)
        for (int column = 0; column < LOOK_COLUMNS; column++) {
            int index;
            if (!grid_pixel(picture, figure->x, figure->y, figure->w, figure->h, row, column, &index))
                continue; /* what is cut off by the picture's edge keeps its look */
            float *weight = &figure->look.weight[row][column], *colour = figure->look.colour[row][column];
            bool is_new = *weight < 0.05f;
            *weight += share * ((foreground[index] ? 1 : 0) - *weight);
            for (int channel = 0; foreground[index] && channel < 3; channel++)
                colour[channel] += (is_new ? 1 : share) * ((float)picture->planes[channel][index] - colour[channel]);
        }
}

struct sight {
    double score;   /* −1..1: how well what is seen fits */
    double visible; /* 0..1: share of the look that no nearer figure hides */
};

/* Judges a place for a figure: pixels a nearer one claimed say nothing, background where the figure should be speaks
 * against it. */
static struct sight look_compare(const struct figure *figure, const struct reduced *picture, const uint8_t *foreground,
                                 const uint8_t *claimed, double x, double y)
{
    double total = 0, seen = 0, fit = 0;
    for (int row = 0; row < LOOK_ROWS; row++)
        for (int column = 0; column < LOOK_COLUMNS; column++) {
            int index;
            double weight = figure->look.weight[row][column];
            if (weight < 0.3 || !grid_pixel(picture, x, y, figure->w, figure->h, row, column, &index))
                continue;
            total += weight;
            if (claimed[index])
                continue;
            seen += weight;
            if (!foreground[index]) {
                fit -= weight;
                continue;
            }
            double difference = 0;
            for (int channel = 0; channel < 3; channel++)
                difference += fabs((double)picture->planes[channel][index] - figure->look.colour[row][column][channel]);
            fit += weight * fmax(1 - difference / colour_limit, -0.5);
        }
    if (total <= 0 || seen <= 0)
        return (struct sight){0, 0};
    return (struct sight){fit / seen, seen / total};
}

static void claim(const struct figure *figure, const struct reduced *picture, const uint8_t *foreground,
                  uint8_t *claimed)
{
    struct bounds b = clip(bounds_of(figure, 0), picture);
    for (int y = b.top; y < b.bottom; y++)
        for (int x = b.left; x < b.right; x++) {
            int column = (int)((x + 0.5 - (figure->x - figure->w / 2)) * LOOK_COLUMNS / figure->w);
            int row = (int)((y + 0.5 - (figure->y - figure->h)) * LOOK_ROWS / figure->h);
            bool is_inside = column >= 0 && column < LOOK_COLUMNS && row >= 0 && row < LOOK_ROWS;
            if (is_inside && figure->look.weight[row][column] > 0.5f && foreground[y * picture->width + x])
                claimed[y * picture->width + x] = 1;
        }
}

/* ---- which regions belong to whom ---- */

struct sharing {
    int owners[REGIONS_MAX];     /* figures that reach into each region */
    int overlap[FIGURES_MAX][8]; /* the figure's regions: index, or −1 */
    int overlap_area[FIGURES_MAX][8];
};

static void count_overlap(const struct figure *figure, const struct reduced *picture, const struct regions *regions,
                          int *found, int *areas)
{
    enum { SLOTS = 8 };
    struct bounds b = clip(bounds_of(figure, 1), picture);
    for (int i = 0; i < SLOTS; i++) {
        found[i] = -1;
        areas[i] = 0;
    }
    for (int y = b.top; y < b.bottom; y++)
        for (int x = b.left; x < b.right; x++) {
            int region = (int)regions->labels[y * picture->width + x] - 1;
            for (int i = 0; region >= 0 && i < SLOTS; i++)
                if (found[i] == region || found[i] < 0) {
                    found[i] = region;
                    areas[i]++;
                    break;
                }
        }
}

/* A brush of two boxes is no sharing: a figure reaches into a region with a tenth of its own size, or all of a
 * fragment. */
static bool is_owner(const struct figure *figure, const struct region *region, int area)
{
    return area > 0.08 * figure->w * figure->h || area > 0.6 * region->area;
}

static void find_sharing(struct figures *figures, const struct reduced *picture, const struct regions *regions,
                         struct sharing *sharing)
{
    memset(sharing->owners, 0, sizeof sharing->owners);
    for (int i = 0; i < figures->count; i++) {
        count_overlap(&figures->items[i], picture, regions, sharing->overlap[i], sharing->overlap_area[i]);
        for (int j = 0; j < 8 && sharing->overlap[i][j] >= 0; j++) {
            const struct region *region = &regions->items[sharing->overlap[i][j]];
            if (is_owner(&figures->items[i], region, sharing->overlap_area[i][j]))
                sharing->owners[sharing->overlap[i][j]]++;
            else
                sharing->overlap_area[i][j] = 0;
        }
    }
}

/* ---- one figure's step ---- */

/* Pieces that nobody owns and that lie right above or below a figure are its own: a head, legs. */
static void take_fragments(const struct figure *figure, const struct regions *regions, const struct sharing *sharing,
                           struct bounds *bounds)
{
    double reach = 0.25 * figure->h + 3;
    struct bounds base = *bounds;
    for (int j = 0; j < regions->count; j++) {
        const struct region *region = &regions->items[j];
        int shared = MIN(region->right, base.right) - MAX(region->left, base.left);
        int gap = MAX(region->top - base.bottom, base.top - region->bottom);
        if (sharing->owners[j] > 0 || shared * 2 <= region->right - region->left || gap > reach)
            continue;
        *bounds = (struct bounds){MIN(bounds->left, region->left), MIN(bounds->top, region->top),
                                  MAX(bounds->right, region->right), MAX(bounds->bottom, region->bottom)};
    }
}

/* The box around the regions that are this figure's alone. Fragments lie above one another; what stands beside is
 * somebody else. False when it shares a region or has none. */
static bool own_bounds(const struct figures *figures, int i, const struct regions *regions,
                       const struct sharing *sharing, struct bounds *bounds)
{
    const struct region *main_region = NULL;
    for (int j = 0; j < 8 && sharing->overlap[i][j] >= 0; j++) {
        const struct region *region = &regions->items[sharing->overlap[i][j]];
        if (sharing->overlap_area[i][j] == 0)
            continue;
        if (sharing->owners[sharing->overlap[i][j]] > 1)
            return false;
        if (!main_region || region->area > main_region->area)
            main_region = region;
    }
    if (!main_region)
        return false;
    *bounds = (struct bounds){main_region->left, main_region->top, main_region->right, main_region->bottom};
    for (int j = 0; j < 8 && sharing->overlap[i][j] >= 0; j++) {
        const struct region *region = &regions->items[sharing->overlap[i][j]];
        int shared = MIN(region->right, bounds->right) - MAX(region->left, bounds->left);
        bool is_fragment = shared * 2 > MIN(region->right - region->left, bounds->right - bounds->left);
        if (sharing->overlap_area[i][j] == 0 || !is_fragment)
            continue;
        *bounds = (struct bounds){MIN(bounds->left, region->left), MIN(bounds->top, region->top),
                                  MAX(bounds->right, region->right), MAX(bounds->bottom, region->bottom)};
    }
    const struct figure *figure = &figures->items[i];
    take_fragments(figure, regions, sharing, bounds);
    double area = (double)(bounds->right - bounds->left) * (bounds->bottom - bounds->top);
    bool is_coming_in =
        bounds->top <= 0 || bounds->bottom >= regions->height || bounds->left <= 0 || bounds->right >= regions->width;
    /* grown at once by half: somebody unknown has joined; the look decides who is who */
    return figure->age < 4 || is_coming_in || area < 1.6 * figure->w * figure->h + 30;
}

/* Cut off by the picture's edge, a box tells nothing of the size beyond it. */
static bool touches_edge(const struct bounds *b, const struct reduced *picture)
{
    return b->left <= 0 || b->top <= 0 || b->right >= picture->width || b->bottom >= picture->height;
}

static void move_to(struct figure *figure, double x, double y, double place, double speed)
{
    double dx = x - figure->x, dy = y - figure->y;
    figure->x += place * dx;
    figure->y += place * dy;
    figure->vx += speed * dx;
    figure->vy += speed * dy;
}

/* Cut off by the lower edge, a figure is held by its head: its feet are where its height says. */
static double feet_below_edge(const struct figures *figures, const struct figure *figure, const struct bounds *b,
                              int height)
{
    double y = b->bottom, h = b->bottom - b->top;
    if (b->bottom < height)
        return y;
    double expected = stature_at(&figures->stature, b->top + fmax(h, figure->h), height);
    for (int i = 0; expected > 0 && i < 3; i++) /* the height depends on where the feet are */
        expected = stature_at(&figures->stature, b->top + expected, height);
    return b->top + fmax(expected, figure->is_born_cut ? h : fmax(h, figure->h));
}

static void follow_alone(struct figures *figures, struct figure *figure, const struct bounds *b,
                         const struct reduced *picture, const uint8_t *foreground)
{
    double y = feet_below_edge(figures, figure, b, picture->height);
    double w = b->right - b->left, h = y - b->top;
    bool is_young = figure->age < 3, is_cut = touches_edge(b, picture);
    double height_before = figure->h;
    /* legs swing, so the width breathes: size follows slowly, but at the edge as fast as the figure comes in */
    double share = is_young || is_cut ? 1 : smooth_size;
    figure->w += share * (w - figure->w);
    figure->h += share * (h - figure->h);
    if (is_cut)
        figure->vh = 0;
    else
        figure->vh += 0.1 * (figure->h - height_before - figure->vh);
    move_to(figure, (b->left + b->right) / 2.0, y, is_young ? 1 : smooth_place, is_young ? 0.5 : smooth_speed);
    figure->is_merged = false;
    figure->support = 1;
    figure->wide = !is_cut && is_two_wide(&figures->stature, w, h) ? figure->wide + 1 : 0;
    double usual = stature_at(&figures->stature, figure->y, picture->height);
    if (!is_cut && usual > 0)
        figure->tallness += (figure->tallness > 0 ? 0.1 : 1) * (figure->h / usual - figure->tallness);
    look_learn(figure, picture, foreground, is_young || is_cut ? 0.6f : 0.15f);
    if (!is_cut && figure->has_moved && figure->age > 8)
        stature_learn(&figures->stature, figure, picture->height);
}

/* In a crowd the size cannot be seen: it is what the figure's stature is where it stands now. */
static void keep_size(const struct figures *figures, struct figure *figure, int picture_height)
{
    double usual = stature_at(&figures->stature, figure->y, picture_height), before = figure->h;
    if (usual > 0 && figure->tallness > 0)
        figure->h += 0.3 * (figure->tallness * usual - figure->h);
    else
        figure->vh *= 0.8;
    figure->w *= figure->h / before;
}

static void follow_by_look(const struct figures *figures, struct figure *figure, const struct reduced *picture,
                           const uint8_t *foreground, const uint8_t *claimed)
{
    keep_size(figures, figure, picture->height);
    struct sight best = {-2, 0};
    double best_x = figure->x, best_y = figure->y, best_value = -2;
    for (int dy = -SEARCH_PX; dy <= SEARCH_PX; dy++)
        for (int dx = -SEARCH_PX; dx <= SEARCH_PX; dx++) {
            struct sight sight = look_compare(figure, picture, foreground, claimed, figure->x + dx, figure->y + dy);
            /* between equals, the nearest to where it should be */
            double value = sight.score - 0.004 * (dx * dx + dy * dy);
            if (value > best_value) {
                best_value = value;
                best = sight;
                best_x = figure->x + dx;
                best_y = figure->y + dy;
            }
        }
    figure->is_merged = true;
    figure->support = best.score * best.visible;
    /* hidden almost wholly, a figure walks on as it did */
    if (best.visible > 0.15 && best.score > support_good)
        move_to(figure, best_x, best_y, merged_place, merged_speed);
}

static int compare_nearness(const void *a, const void *b)
{
    double left = ((const struct figure *)a)->y, right = ((const struct figure *)b)->y;
    return (left < right) - (left > right);
}

static void predict(struct figures *figures)
{
    for (int i = 0; i < figures->count; i++) {
        struct figure *figure = &figures->items[i];
        figure->age++;
        figure->x += figure->vx;
        figure->y += figure->vy;
        figure->h = fmax(figure->h + figure->vh, 2);
    }
    qsort(figures->items, (size_t)figures->count, sizeof *figures->items, compare_nearness);
}

static void follow(struct figures *figures, const struct reduced *picture, const uint8_t *foreground,
                   const struct regions *regions, struct sharing *sharing)
{
    memset(figures->claimed, 0, (size_t)picture->width * (size_t)picture->height);
    find_sharing(figures, picture, regions, sharing);
    for (int i = 0; i < figures->count; i++) {
        struct figure *figure = &figures->items[i];
        struct bounds bounds;
        if (own_bounds(figures, i, regions, sharing, &bounds))
            follow_alone(figures, figure, &bounds, picture, foreground);
        else
            follow_by_look(figures, figure, picture, foreground, figures->claimed);
        figure->unseen = figure->support > support_good * 0.5 ? 0 : figure->unseen + 1;
        claim(figure, picture, foreground, figures->claimed);
    }
}

/* ---- pieces ---- */

/* Two that together are no higher than one should be, one of them too small to be anybody. */
static bool are_pieces_by_stature(const struct figures *figures, const struct figure *a, const struct figure *b,
                                  int height)
{
    double bottom = fmax(a->y, b->y), top = fmin(a->y - a->h, b->y - b->h);
    double expected = stature_at(&figures->stature, bottom, height);
    double smaller = fmin(a->h / fmax(stature_at(&figures->stature, a->y, height), 1),
                          b->h / fmax(stature_at(&figures->stature, b->y, height), 1));
    double width = fmax(a->x + a->w / 2, b->x + b->w / 2) - fmin(a->x - a->w / 2, b->x - b->w / 2);
    return expected > 0 && bottom - top < 1.2 * expected && smaller < 0.6 && width < 1.25 * fmax(a->w, b->w);
}

/* Two that stand above one another and go the same way are pieces of one. People side by side are not above one
 * another, and those who pass each other do not go the same way. */
static bool are_pieces(const struct figures *figures, const struct figure *a, const struct figure *b, int height)
{
    double shared = fmin(a->x + a->w / 2, b->x + b->w / 2) - fmax(a->x - a->w / 2, b->x - b->w / 2);
    double gap = fmax(a->y - a->h - b->y, b->y - b->h - a->y);
    double speed = fmax(hypot(a->vx, a->vy), hypot(b->vx, b->vy));
    bool go_together = hypot(a->vx - b->vx, a->vy - b->vy) < 0.4 + 0.25 * speed;
    return shared > 0.6 * fmin(a->w, b->w) && gap < 0.25 * fmax(a->h, b->h) &&
           (go_together || are_pieces_by_stature(figures, a, b, height));
}

/* A figure as wide as two for some frames is two who came in together: each gets its own side. */
static void part(struct figures *figures, const struct reduced *picture, const uint8_t *foreground)
{
    enum { PART_FRAMES = 3 };
    for (int i = 0; i < figures->count && figures->count < FIGURES_MAX; i++) {
        struct figure *left = &figures->items[i];
        if (left->wide < PART_FRAMES)
            continue;
        struct figure *right = &figures->items[figures->count++];
        double edge_left = left->x - left->w / 2, edge_right = left->x + left->w / 2;
        *right = *left;
        left->w = right->w = fmin(figures->stature.slimness * left->h, left->w * 0.6);
        left->x = edge_left + left->w / 2;
        right->x = edge_right - right->w / 2;
        right->age = 0;
        left->wide = right->wide = 0;
        memset(&left->look, 0, sizeof left->look);
        memset(&right->look, 0, sizeof right->look);
        look_learn(left, picture, foreground, 0.8f);
        look_learn(right, picture, foreground, 0.8f);
    }
}

static void unite(struct figures *figures, const struct reduced *picture, const uint8_t *foreground)
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
            look_learn(a, picture, foreground, 0.8f);
            figures->items[j] = figures->items[--figures->count];
        }
}

/* ---- births ---- */

static bool is_covered(const struct figures *figures, const struct region *region)
{
    for (int i = 0; i < figures->count; i++) {
        struct bounds b = bounds_of(&figures->items[i], 0);
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
    double expected = stature_at(&figures->stature, region->bottom, picture->height);
    bool is_cut =
        region->top <= 0 || region->left <= 0 || region->bottom >= picture->height || region->right >= picture->width;
    if (expected <= 0 || is_cut || region->bottom - region->top > 0.5 * expected)
        return false;
    for (int i = 0; i < figures->count; i++) {
        struct bounds b = bounds_of(&figures->items[i], 4 + 0.1 * figures->items[i].h);
        if (MIN(b.right, region->right) > MAX(b.left, region->left) &&
            MIN(b.bottom, region->bottom) > MAX(b.top, region->top))
            return true;
    }
    return false;
}

static void find_left_over(struct figures *figures, const struct reduced *picture, const uint8_t *foreground)
{
    size_t count = (size_t)picture->width * (size_t)picture->height;
    memcpy(figures->left_over, foreground, count);
    for (int i = 0; i < figures->count; i++) {
        const struct figure *figure = &figures->items[i];
        struct bounds b = clip(bounds_of(figure, fmax(2, figure->w * 0.15)), picture);
        for (int y = b.top; y < b.bottom; y++)
            memset(figures->left_over + (size_t)y * (size_t)picture->width + b.left, 0,
                   (size_t)MAX(b.right - b.left, 0));
    }
}

/* The candidate of the last frame that this region goes on from. */
static int candidate_age(const struct figures *figures, const struct region *region)
{
    double x = (region->left + region->right) / 2.0;
    for (int i = 0; i < figures->candidate_count; i++) {
        const struct figure_candidate *old = &figures->candidates[i];
        if (fabs(old->x - x) < old->w + 4 && fabs(old->y - region->bottom) < old->h * 0.5 + 6)
            return old->age + 1;
    }
    return 1;
}

static void start_figure(struct figures *figures, const struct figure_candidate *candidate,
                         const struct reduced *picture, const uint8_t *foreground)
{
    if (figures->count == FIGURES_MAX)
        return;
    struct figure *figure = &figures->items[figures->count++];
    *figure = (struct figure){.x = candidate->x,
                              .y = candidate->y,
                              .w = candidate->w,
                              .h = candidate->h,
                              .born_x = candidate->x,
                              .born_y = candidate->y,
                              .support = 1,
                              .is_born_cut = candidate->y >= picture->height};
    look_learn(figure, picture, foreground, 0.8f);
}

static void give_birth(struct figures *figures, const struct reduced *picture, const uint8_t *foreground,
                       int minimum_area)
{
    static const double fullness_min = 0.25; /* of its box: less is a seam along somebody's edge */
    struct figure_candidate next[FIGURES_MAX] = {0};
    int next_count = 0;
    find_left_over(figures, picture, foreground);
    regions_find(&figures->births, figures->left_over, minimum_area);
    for (int i = 0; i < figures->births.count; i++) {
        const struct region *region = &figures->births.items[i];
        int w = region->right - region->left, h = region->bottom - region->top;
        if (w < 3 || h < 3 || region->area < fullness_min * w * h || is_covered(figures, region) ||
            is_piece_of_somebody(figures, region, picture))
            continue;
        struct figure_candidate candidate = {(region->left + region->right) / 2.0, region->bottom, w, h,
                                             candidate_age(figures, region)};
        if (candidate.age >= BIRTH_FRAMES)
            start_figure(figures, &candidate, picture, foreground);
        else if (next_count < FIGURES_MAX)
            next[next_count++] = candidate;
    }
    memcpy(figures->candidates, next, sizeof *next * (size_t)next_count);
    figures->candidate_count = next_count;
}

/* ---- deaths ---- */

static bool is_outside(const struct figure *figure, const struct reduced *picture)
{
    return figure->x + figure->w / 2 < 1 || figure->x - figure->w / 2 > picture->width - 1 || figure->y < 1 ||
           figure->y - figure->h > picture->height - 1;
}

/* Two boxes on one place, one of them without anything of its own to show. */
static bool is_double(const struct figures *figures, int i)
{
    const struct figure *figure = &figures->items[i];
    for (int j = 0; j < figures->count; j++) {
        const struct figure *other = &figures->items[j];
        double w = fmin(figure->x + figure->w / 2, other->x + other->w / 2) -
                   fmax(figure->x - figure->w / 2, other->x - other->w / 2);
        double h = fmin(figure->y, other->y) - fmax(figure->y - figure->h, other->y - other->h);
        if (j != i && w > 0 && h > 0 && w * h > 0.85 * figure->w * figure->h && figure->unseen > other->unseen + 2)
            return true;
    }
    return false;
}

static void note_stillness(struct figure *figure)
{
    bool is_still = hypot(figure->vx, figure->vy) < 0.12;
    figure->still = is_still ? figure->still + 1 : 0;
    if (hypot(figure->x - figure->born_x, figure->y - figure->born_y) > 0.5 * fmax(figure->w, figure->h / 2))
        figure->has_moved = true;
}

static bool should_go(struct figures *figures, int i, const struct reduced *picture, struct background *background,
                      double frame_seconds)
{
    struct figure *figure = &figures->items[i];
    note_stillness(figure);
    double unseen = figure->unseen * frame_seconds, still = figure->still * frame_seconds;
    double patience = figure->is_merged ? forget_hidden_seconds : forget_seconds;
    if (is_outside(figure, picture) || unseen > patience || is_double(figures, i))
        return true;
    if ((figure->has_moved || still < hole_seconds) && still < absorb_seconds)
        return false;
    struct bounds b = bounds_of(figure, 2);
    background_absorb(background, picture, b.left, b.top, b.right, b.bottom);
    return true;
}

static void let_go(struct figures *figures, const struct reduced *picture, struct background *background,
                   double frame_seconds)
{
    for (int i = 0; i < figures->count;)
        if (should_go(figures, i, picture, background, frame_seconds))
            figures->items[i] = figures->items[--figures->count];
        else
            i++;
}

void figures_update(struct figures *figures, const struct reduced *picture, const uint8_t *foreground,
                    const struct regions *regions, struct background *background, int minimum_area,
                    double frame_seconds)
{
    struct sharing sharing;
    predict(figures);
    follow(figures, picture, foreground, regions, &sharing);
    unite(figures, picture, foreground);
    part(figures, picture, foreground);
    give_birth(figures, picture, foreground, minimum_area);
    let_go(figures, picture, background, frame_seconds);
}
