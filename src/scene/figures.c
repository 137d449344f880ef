/* Who is where when: a pure function of (seed, time). Time is cut into slots; each slot's figures come from a generator
 * seeded by (seed, slot), so that any moment can be asked for without those before it. */
#include "scene/scene_internal.h"

#include <math.h>

enum { SLOT_FIGURES_MAX = 4 };
static const double first_slot_seconds = 2;   /* scenes start empty: the background can be learnt */
static const double figure_life_seconds = 40; /* no path is longer */
/* What counts must be over this long before the end, so that a counter that needs a moment to be sure can be right. */
static const double settle_seconds = 2;

double scene_figure_end(const struct scene_figure *figure)
{
    return figure->path[figure->waypoint_count - 1].at;
}

bool scene_figure_position(const struct scene_figure *figure, double seconds, struct record_point *feet)
{
    if (seconds < figure->path[0].at || seconds > scene_figure_end(figure))
        return false;
    int i = 1;
    while (i < figure->waypoint_count - 1 && figure->path[i].at < seconds)
        i++;
    const struct scene_waypoint *a = &figure->path[i - 1], *b = &figure->path[i];
    double span = b->at - a->at;
    double share = span > 0 ? (seconds - a->at) / span : 1;
    feet->x = a->x + (b->x - a->x) * share;
    feet->y = a->y + (b->y - a->y) * share;
    return true;
}

bool scene_figure_is_still(const struct scene_figure *figure, double seconds)
{
    for (int i = 1; i < figure->waypoint_count; i++) {
        const struct scene_waypoint *a = &figure->path[i - 1], *b = &figure->path[i];
        if (seconds >= a->at && seconds < b->at)
            return a->x == b->x && a->y == b->y;
    }
    return true;
}

struct record_box scene_figure_box(const struct scene *scene, const struct scene_figure *figure,
                                   struct record_point feet)
{
    double usual = scene->kind->height_far + (scene->kind->height_near - scene->kind->height_far) * feet.y;
    double height = usual * figure->scale;
    double aspect = (double)scene->width_px / scene->height_px;
    double width = figure->object_class == SCENE_VEHICLE ? height * 1.9 / aspect : height * 0.36 / aspect;
    return (struct record_box){feet.x - width / 2, feet.y - height, width, height};
}

/* A moment that counts: a step over a line, or into or out of a zone, in [from, to). */
static bool counts_between(const struct scene *scene, const struct scene_figure *figure, double from, double to)
{
    double step = 1 / scene->fps;
    struct record_point before, now;
    double first = fmax(from, figure->path[0].at + step), last = fmin(to, scene_figure_end(figure));
    for (int i = 0; first + i * step < last; i++) {
        double t = first + i * step;
        if (!scene_figure_position(figure, t - step, &before) || !scene_figure_position(figure, t, &now))
            continue;
        for (int j = 0; j < scene->kind->line_count; j++)
            if (scene_line_crossed(&scene->kind->lines[j], before, now))
                return true;
        for (int j = 0; j < scene->kind->zone_count; j++)
            if (scene_zone_holds(&scene->kind->zones[j], before) != scene_zone_holds(&scene->kind->zones[j], now))
                return true;
    }
    return false;
}

int scene_slot_figures(const struct scene *scene, int64_t slot, struct scene_figure *figures)
{
    if (!scene->kind->populate || slot < 0)
        return 0;
    struct random random;
    random_init(&random, scene->seed * 1000003u + (uint64_t)slot * 7919u + 17);
    double at = first_slot_seconds + (double)slot * scene->kind->slot_seconds;
    struct scene_figure drawn[SLOT_FIGURES_MAX];
    int drawn_count = scene->kind->populate(&random, at, drawn), kept = 0;
    double end = scene->end_seconds;
    for (int i = 0; i < drawn_count; i++) {
        bool is_cut = end > 0 && (drawn[i].path[0].at >= end - settle_seconds ||
                                  counts_between(scene, &drawn[i], end - settle_seconds, end + settle_seconds));
        drawn[i].id = (uint64_t)slot * SLOT_FIGURES_MAX + (uint64_t)i + 1;
        if (!is_cut)
            figures[kept++] = drawn[i];
    }
    return kept;
}

void scene_slots_at(const struct scene *scene, double seconds, int64_t *first, int64_t *last)
{
    double slot = scene->kind->slot_seconds;
    *last = (int64_t)floor((seconds - first_slot_seconds) / slot);
    *first = (int64_t)floor((seconds - first_slot_seconds - figure_life_seconds) / slot);
    if (*first < 0)
        *first = 0;
}

const struct scene_figure *scene_figures_at(struct scene *scene, double seconds, int *count)
{
    int64_t first, last;
    scene_slots_at(scene, seconds, &first, &last);
    if (last != scene->figures_at_slot) {
        scene->figure_count = 0;
        for (int64_t slot = first; slot <= last && scene->figure_count + SLOT_FIGURES_MAX <= SCENE_FIGURES_MAX; slot++)
            scene->figure_count += scene_slot_figures(scene, slot, scene->figures + scene->figure_count);
        scene->figures_at_slot = last;
    }
    *count = scene->figure_count;
    return scene->figures;
}
