/* Looks: what a figure looks like, on a grid over its box, and how well it fits a place in the picture. */
#include "vision/motion_internal.h"

#include <math.h>
#include <string.h>

struct bounds figure_bounds(const struct figure *figure, double grow)
{
    return (struct bounds){(int)floor(figure->x - figure->w / 2 - grow), (int)floor(figure->y - figure->h - grow),
                           (int)ceil(figure->x + figure->w / 2 + grow), (int)ceil(figure->y + grow)};
}

struct bounds bounds_clip(struct bounds b, const struct reduced *picture)
{
    return (struct bounds){MAX(b.left, 0), MAX(b.top, 0), MIN(b.right, picture->width), MIN(b.bottom, picture->height)};
}

/* The picture's pixel at a place of the grid over a box; false outside the picture. */
static bool grid_pixel(const struct reduced *picture, double x, double y, double w, double h, int row, int column,
                       int *index)
{
    int px = (int)floor(x - w / 2 + (column + 0.5) * w / LOOK_COLUMNS);
    int py = (int)floor(y - h + (row + 0.5) * h / LOOK_ROWS);
    *index = py * picture->width + px;
    return px >= 0 && py >= 0 && px < picture->width && py < picture->height;
}

/* `claimed`, if not NULL, tells whose pixels are somebody else's. */
void look_learn(struct figure *figure, const struct reduced *picture, const uint8_t *foreground, const uint8_t *claimed,
                float share)
{
    for (int row = 0; row < LOOK_ROWS; row++)
        for (int column = 0; column < LOOK_COLUMNS; column++) {
            int index;
            if (!grid_pixel(picture, figure->x, figure->y, figure->w, figure->h, row, column, &index))
                continue; /* what is cut off by the picture's edge keeps its look */
            if (claimed && claimed[index])
                continue;
            float *weight = &figure->look.weight[row][column], *colour = figure->look.colour[row][column];
            bool is_new = *weight < 0.05f;
            *weight += share * ((foreground[index] ? 1 : 0) - *weight);
            for (int channel = 0; foreground[index] && channel < 3; channel++)
                colour[channel] += (is_new ? 1 : share) * ((float)picture->planes[channel][index] - colour[channel]);
        }
}

/* ---- trying a look at many places ---- */

void look_window_init(struct look_window *window, int width, int height)
{
    enum { ROWS = 2 * LOOK_REACH_Y_PX + 1, PLACES = 2 * LOOK_REACH_X_PX + LOOK_LANES };
    window->capacity = (size_t)(2 * (width + PLACES)) * (size_t)(2 * (height + ROWS));
    for (int i = 0; i < 3; i++)
        window->planes[i] = g_new0(uint8_t, window->capacity);
    window->states = g_new0(uint8_t, window->capacity);
    window->results = g_new0(float, 3 * (size_t)(ROWS * PLACES));
}

void look_window_clear(struct look_window *window)
{
    for (int i = 0; i < 3; i++)
        g_free(window->planes[i]);
    g_free(window->states);
    g_free(window->results);
}

/* The look's cells on the picture's pixels, relative to (left, top); how many. */
static int spread(const struct figure *figure, int left, int top, struct look_cell *cells)
{
    static const float known_min = 0.3f; /* the figure hardly ever covers the rest */
    int count = 0;
    for (int row = 0; row < LOOK_ROWS; row++)
        for (int column = 0; column < LOOK_COLUMNS; column++) {
            if (figure->look.weight[row][column] < known_min)
                continue;
            struct look_cell *cell = &cells[count++];
            cell->x = (int)floor(figure->x - figure->w / 2 + (column + 0.5) * figure->w / LOOK_COLUMNS) - left;
            cell->y = (int)floor(figure->y - figure->h + (row + 0.5) * figure->h / LOOK_ROWS) - top;
            cell->weight = figure->look.weight[row][column];
            memcpy(cell->colour, figure->look.colour[row][column], sizeof cell->colour);
        }
    return count;
}

/* The part of the picture around a box; beyond the picture it says so. */
static void fill_window(struct look_window *window, const struct bounds *b, int stride, const struct reduced *picture,
                        const uint8_t *foreground, const uint8_t *claimed)
{
    struct bounds inside = bounds_clip(*b, picture);
    memset(window->states, LOOK_OUTSIDE, (size_t)stride * (size_t)(b->bottom - b->top));
    for (int y = inside.top; y < inside.bottom && inside.right > inside.left; y++) {
        int from = y * picture->width + inside.left, to = (y - b->top) * stride + inside.left - b->left;
        int count = inside.right - inside.left;
        for (int channel = 0; channel < 3; channel++)
            memcpy(window->planes[channel] + to, picture->planes[channel] + from, (size_t)count);
        for (int i = 0; i < count; i++) {
            uint8_t seen = foreground[from + i] ? LOOK_FREE : LOOK_BACKGROUND;
            window->states[to + i] = claimed[from + i] ? LOOK_CLAIMED : seen;
        }
    }
}

static struct sight sight_of(float total, float seen, float fit)
{
    if (total <= 0 || seen <= 0)
        return (struct sight){0, 0};
    return (struct sight){fit / seen, seen / total};
}

static struct place best_place(const struct look_trial *trial, const struct figure *figure, int reach_x, int reach_y)
{
    static const double farness = 0.004; /* between equals, the nearest to where it should be */
    struct place best = {figure->x, figure->y, -INFINITY, {0, 0}};
    for (int dy = -reach_y; dy <= reach_y; dy++)
        for (int dx = -reach_x; dx <= reach_x; dx++) {
            int i = (dy + reach_y) * trial->places + dx + reach_x;
            struct sight sight = sight_of(trial->total[i], trial->seen[i], trial->fit[i]);
            double value = sight.score - farness * (dx * dx + dy * dy);
            if (value > best.value)
                best = (struct place){figure->x + dx, figure->y + dy, value, sight};
        }
    return best;
}

struct place look_search(struct look_window *window, const struct figure *figure, const struct reduced *picture,
                         const uint8_t *foreground, const uint8_t *claimed, int reach_x, int reach_y)
{
    struct look_cell cells[LOOK_ROWS * LOOK_COLUMNS];
    struct bounds b = figure_bounds(figure, 1);
    int rows = 2 * reach_y + 1, places = (2 * reach_x + LOOK_LANES) / LOOK_LANES * LOOK_LANES;
    b = (struct bounds){b.left - reach_x, b.top - reach_y, b.right + places - reach_x, b.bottom + reach_y};
    int stride = b.right - b.left, all = rows * places;
    if ((size_t)stride * (size_t)(b.bottom - b.top) > window->capacity)
        return (struct place){figure->x, figure->y, -INFINITY, {0, 0}};
    memset(window->results, 0, sizeof *window->results * 3 * (size_t)all);
    const struct look_trial trial = {{window->planes[0], window->planes[1], window->planes[2]},
                                     window->states,
                                     stride,
                                     rows,
                                     places,
                                     window->results,
                                     window->results + all,
                                     window->results + 2 * all};
    fill_window(window, &b, stride, picture, foreground, claimed);
    int count = spread(figure, b.left + reach_x, b.top + reach_y, cells);
    for (int i = 0; i < count; i++)
        picture->kernels->try_cell(&trial, cells[i].y * stride + cells[i].x, &cells[i]);
    return best_place(&trial, figure, reach_x, reach_y);
}

void look_claim(const struct figure *figure, const struct reduced *picture, const uint8_t *foreground, uint8_t *claimed)
{
    struct bounds b = bounds_clip(figure_bounds(figure, 0), picture);
    double left = figure->x - figure->w / 2, top = figure->y - figure->h;
    for (int y = b.top; y < b.bottom; y++) {
        int row = (int)((y + 0.5 - top) * LOOK_ROWS / figure->h);
        if (row < 0 || row >= LOOK_ROWS)
            continue;
        for (int x = b.left; x < b.right; x++) {
            if (!foreground[y * picture->width + x])
                continue;
            int column = (int)((x + 0.5 - left) * LOOK_COLUMNS / figure->w);
            if (column >= 0 && column < LOOK_COLUMNS && figure->look.weight[row][column] > 0.5f)
                claimed[y * picture->width + x] = 1;
        }
    }
}
