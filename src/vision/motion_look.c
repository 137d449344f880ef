/* Looks: what a figure looks like, on a grid over its box, and how well it fits a place in the picture. */
#include "vision/motion_internal.h"

#include <math.h>
#include <string.h>

static const float colour_limit = 42; /* sum of three differences that still is the same colour */

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

void look_spread(const struct figure *figure, struct look_cells *cells)
{
    static const float known_min = 0.3f; /* the figure hardly ever covers the rest */
    cells->count = 0;
    for (int row = 0; row < LOOK_ROWS; row++)
        for (int column = 0; column < LOOK_COLUMNS; column++) {
            if (figure->look.weight[row][column] < known_min)
                continue;
            struct look_cell *cell = &cells->items[cells->count++];
            cell->x = (int)floor(figure->x - figure->w / 2 + (column + 0.5) * figure->w / LOOK_COLUMNS);
            cell->y = (int)floor(figure->y - figure->h + (row + 0.5) * figure->h / LOOK_ROWS);
            cell->weight = figure->look.weight[row][column];
            memcpy(cell->colour, figure->look.colour[row][column], sizeof cell->colour);
        }
}

struct sight look_compare(const struct look_cells *cells, const struct reduced *picture, const uint8_t *foreground,
                          const uint8_t *claimed, int dx, int dy)
{
    float total = 0, seen = 0, fit = 0;
    for (int i = 0; i < cells->count; i++) {
        const struct look_cell *cell = &cells->items[i];
        int x = cell->x + dx, y = cell->y + dy, index = y * picture->width + x;
        if (x < 0 || y < 0 || x >= picture->width || y >= picture->height)
            continue;
        total += cell->weight;
        if (claimed[index])
            continue;
        seen += cell->weight;
        if (!foreground[index]) {
            fit -= cell->weight;
            continue;
        }
        float difference = 0;
        for (int channel = 0; channel < 3; channel++)
            difference += fabsf((float)picture->planes[channel][index] - cell->colour[channel]);
        fit += cell->weight * fmaxf(1 - difference / colour_limit, -0.5f);
    }
    if (total <= 0 || seen <= 0)
        return (struct sight){0, 0};
    return (struct sight){fit / seen, seen / total};
}

void look_claim(const struct figure *figure, const struct reduced *picture, const uint8_t *foreground, uint8_t *claimed)
{
    struct bounds b = bounds_clip(figure_bounds(figure, 0), picture);
    for (int y = b.top; y < b.bottom; y++)
        for (int x = b.left; x < b.right; x++) {
            int column = (int)((x + 0.5 - (figure->x - figure->w / 2)) * LOOK_COLUMNS / figure->w);
            int row = (int)((y + 0.5 - (figure->y - figure->h)) * LOOK_ROWS / figure->h);
            bool is_inside = column >= 0 && column < LOOK_COLUMNS && row >= 0 && row < LOOK_ROWS;
            if (is_inside && figure->look.weight[row][column] > 0.5f && foreground[y * picture->width + x])
                claimed[y * picture->width + x] = 1;
        }
}
