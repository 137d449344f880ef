/* Which regions of the picture belong to which figures. */
#include "vision/motion_internal.h"

#include <string.h>

static void count_overlap(const struct figure *figure, const struct reduced *picture, const struct regions *regions,
                          int *found, int *areas)
{
    enum { SLOTS = 8 };
    struct bounds b = bounds_clip(figure_bounds(figure, 1), picture);
    for (int i = 0; i < SLOTS; i++) {
        found[i] = -1;
        areas[i] = 0;
    }
    int last = 0; /* neighbours mostly are of one region */
    for (int y = b.top; y < b.bottom; y++)
        for (int x = b.left; x < b.right; x++) {
            int region = (int)regions->labels[y * picture->width + x] - 1;
            if (region < 0)
                continue;
            if (found[last] == region) {
                areas[last]++;
                continue;
            }
            for (int i = 0; i < SLOTS; i++)
                if (found[i] == region || found[i] < 0) {
                    found[i] = region;
                    areas[i]++;
                    last = i;
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

void figures_find_sharing(struct figures *figures, const struct reduced *picture, const struct regions *regions,
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

/* A figure that comes in over an edge grows across that edge. One that grows otherwise, at once by half, was joined by
 * somebody unknown: the look decides who is who. */
static bool is_growth_plausible(const struct figures *figures, const struct figure *figure, const struct bounds *b,
                                const struct regions *regions)
{
    enum { YOUNG_FRAMES = 4 };
    double w = b->right - b->left, h = b->bottom - b->top;
    /* where it was before it was moved on */
    double left = figure->x - figures->passed * figure->vx - figure->w / 2;
    double bottom = figure->y - figures->passed * figure->vy, top = bottom - figure->h;
    bool enters_sideways = (b->left <= 0 && left < 2 && figure->vx > -0.3) ||
                           (b->right >= regions->width && left + figure->w > regions->width - 2 && figure->vx < 0.3);
    bool enters_upright = (b->top <= 0 && top < 2) || (b->bottom >= regions->height && bottom > regions->height - 2);
    double widest = enters_sideways ? w : figure->w, highest = enters_upright ? h : figure->h;
    return figure->age < YOUNG_FRAMES || (w * h < 1.6 * widest * highest + 30 && h < 1.35 * highest + 3);
}

/* The box around the regions that are this figure's alone. Fragments lie above one another; what stands beside is
 * somebody else. False when it shares a region or has none. */
bool figures_own_bounds(const struct figures *figures, int i, const struct regions *regions,
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
    return is_growth_plausible(figures, figure, bounds, regions);
}
