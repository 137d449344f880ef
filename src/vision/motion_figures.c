/* Figures: each moving thing is followed by its own look, so that those who overlap stay apart. What appeared in place
 * and never moves is a hole in the background. */
#include "vision/motion_internal.h"

#include <math.h>
#include <string.h>

static const double forget_seconds = 2.5, hole_seconds = 12, settle_seconds = 30;
/* Where pictures are further apart, who walks is no figure before they stand, and one that never moved may have come.
 */
static const double followed_seconds = 0.6;
enum { FORGET_FRAMES = 2 }; /* at least: where pictures are further apart than forget_seconds */

void figures_init(struct figures *figures, int width, int height)
{
    memset(figures, 0, sizeof *figures);
    figures->claimed = g_new0(uint8_t, (size_t)width * (size_t)height);
    figures->left_over = g_new0(uint8_t, (size_t)width * (size_t)height);
    figures->covered = g_new0(uint8_t, (size_t)width * (size_t)height);
    regions_init(&figures->births, width, height);
    look_window_init(&figures->window, width, height);
}

void figures_clear(struct figures *figures)
{
    g_free(figures->claimed);
    g_free(figures->left_over);
    g_free(figures->covered);
    regions_clear(&figures->births);
    look_window_clear(&figures->window);
}

static bool is_outside(const struct figure *figure, const struct reduced *picture)
{
    bool is_sized = figure->w > 0 && figure->w < 2 * picture->width && figure->h > 0 && figure->h < 2 * picture->height;
    return !is_sized || figure->x + figure->w / 2 < 1 || figure->x - figure->w / 2 > picture->width - 1 ||
           figure->y < 1 || figure->y - figure->h > picture->height - 1;
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

/* What has not gone further for a while is not going: it may sway, and so may its size. */
static void settle(struct figure *figure, double frame_seconds)
{
    double away = 1.5 * fmax(figure->w, 0.75 * figure->h);
    if (hypot(figure->x - figure->rest_x, figure->y - figure->rest_y) > away || figure->age == 0) {
        figure->rest_x = figure->x;
        figure->rest_y = figure->y;
        figure->rested_seconds = 0;
    }
    figure->rested_seconds += frame_seconds;
    if (figure->rested_seconds < settle_seconds)
        return;
    figure->is_going = false;
    figure->settled_x = figure->walked_x;
    figure->settled_y = figure->walked_y;
    figure->rested_seconds = 0;
}

static void note_steps(struct figure *figure, double frame_seconds)
{
    /* of its width: who walks across goes some three a second, and what is off by more at once leapt */
    static const double widths_a_second = 3.5, step_least = 0.35, step_most = 0.75;
    double step_max = CLAMP(widths_a_second * frame_seconds, step_least, step_most) * figure->w + 1;
    settle(figure, frame_seconds);
    double x = figure->x - figure->last_x, y = figure->y - figure->last_y;
    if (figure->age > 0 && hypot(x, y) < step_max) {
        figure->walked_x += x;
        figure->walked_y += y;
    }
    figure->last_x = figure->x;
    figure->last_y = figure->y;
    double away = fmax(figure->w, 0.75 * figure->h);
    if (hypot(figure->walked_x, figure->walked_y) > away)
        figure->has_left = true;
    /* both: leaps alone may carry it away, and steps back after leaps that do not count add up on the spot */
    if (hypot(figure->walked_x - figure->settled_x, figure->walked_y - figure->settled_y) > away &&
        hypot(figure->x - figure->born_x, figure->y - figure->born_y) > away)
        figure->is_going = true;
}

/* Time adds up picture by picture: one that came late says nothing of those before it. */
static void note_time(struct figure *figure, double frame_seconds)
{
    bool is_still = hypot(figure->vx, figure->vy) < 0.12;
    figure->still_seconds = is_still ? figure->still_seconds + frame_seconds : 0;
    figure->unseen_seconds = figure->unseen > 0 ? figure->unseen_seconds + frame_seconds : 0;
    if (hypot(figure->x - figure->born_x, figure->y - figure->born_y) > 0.5 * fmax(figure->w, figure->h / 2))
        figure->has_moved = true;
    note_steps(figure, frame_seconds);
}

static bool should_go(struct figures *figures, int i, const struct reduced *picture, struct background *background,
                      double frame_seconds)
{
    struct figure *figure = &figures->items[i];
    note_time(figure, frame_seconds);
    bool is_forgotten = figure->unseen >= FORGET_FRAMES && figure->unseen_seconds > forget_seconds;
    if (is_outside(figure, picture) || is_forgotten || is_double(figures, i))
        return true;
    bool may_be_hole = !figure->has_moved && frame_seconds < followed_seconds;
    if (figure->still_seconds < (may_be_hole ? hole_seconds : ABSORB_SECONDS))
        return false;
    background_absorb(background, picture, figure_bounds(figure, 2), !may_be_hole);
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

/* Usual intervals since the last picture; learns what is usual. */
static int count_passed(struct figures *figures, double frame_seconds)
{
    enum { PASSED_MAX = 5 }; /* beyond it nothing is where its speed says */
    if (figures->interval_seconds <= 0)
        figures->interval_seconds = frame_seconds;
    double usual = figures->interval_seconds; /* no single gap or hiccup tells of another rate */
    figures->interval_seconds += 0.05 * (CLAMP(frame_seconds, 0.5 * usual, 1.5 * usual) - usual);
    return CLAMP((int)(frame_seconds / figures->interval_seconds + 0.5), 1, PASSED_MAX);
}

void figures_update(struct figures *figures, const struct reduced *picture, const uint8_t *foreground,
                    const struct regions *regions, struct background *background, int minimum_area,
                    double frame_seconds)
{
    struct sharing sharing;
    figures->passed = count_passed(figures, frame_seconds);
    figures_predict(figures);
    figures_follow(figures, picture, foreground, regions, &sharing);
    figures_unite(figures, picture, foreground);
    figures_part(figures, picture, foreground);
    figures_give_birth(figures, picture, foreground, regions, minimum_area);
    let_go(figures, picture, background, frame_seconds);
}
