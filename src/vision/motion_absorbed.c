/* Places that became background though somebody may keep still there: hidden until they look as they did before. */
#include "vision/motion_internal.h"

#include <math.h>
#include <string.h>

/* A place is shown again by cells of so many pixels a side, where neither it nor its neighbours differ: who keeps still
 * looks here and there like what is behind them. */
enum { CELL_PX = 8 };
/* At least as keen as what looks for movement, and without an eye for shadows: who is there must differ. */
static const struct compare_limits keen_limits = {.base = 4, .relative = 0.06f, .chroma = 6, .shadow = 1};

void absorbed_init(struct absorbed *absorbed, int width, int height)
{
    size_t count = (size_t)width * (size_t)height;
    *absorbed = (struct absorbed){.width = width, .height = height};
    absorbed->places = g_new0(uint8_t, count);
    absorbed->differing = g_new0(uint8_t, count);
    for (int i = 0; i < 3; i++)
        absorbed->before[i] = g_new0(uint8_t, count);
}

void absorbed_clear(struct absorbed *absorbed)
{
    g_free(absorbed->places);
    g_free(absorbed->differing);
    for (int i = 0; i < 3; i++)
        g_free(absorbed->before[i]);
    memset(absorbed, 0, sizeof *absorbed);
}

/* What was there first is what counts: later there may have been somebody. A place of which it is not known has a
 * colour that no picture has, and differs from all. */
static void add_place(struct absorbed *absorbed, const struct background *background, int i, bool is_known)
{
    if (absorbed->places[i])
        return;
    absorbed->places[i] = 255;
    for (int channel = 0; channel < 3; channel++)
        absorbed->before[channel][i] = is_known ? (uint8_t)(MIN(background->means[channel][i], UINT8_MAX) + 0.5f) : 0;
}

void absorbed_add(struct absorbed *absorbed, const struct background *background, const uint8_t *mask, bool is_known)
{
    int count = absorbed->width * absorbed->height, end;
    for (int i = 0; (i = mask_next_set(mask, i, count)) < count; i = end) {
        end = mask_next_clear(mask, i, count);
        for (int j = i; j < end; j++)
            add_place(absorbed, background, j, is_known);
    }
}

/* Whether most of the box is hidden already. */
static bool holds(const struct absorbed *absorbed, struct bounds b)
{
    int held = 0;
    for (int y = b.top; y < b.bottom; y++)
        for (int x = b.left; x < b.right; x++)
            held += absorbed->places[y * absorbed->width + x] != 0;
    return 2 * held > (b.right - b.left) * (b.bottom - b.top);
}

/* Where places of the box differ from what was there before. */
static void find_differing(const struct absorbed *absorbed, const struct background *background,
                           const struct motion_kernels *kernels, struct bounds b)
{
    const struct compare_limits *moving = &background->limits;
    struct compare_limits limits = {.noise_floor = moving->noise_floor,
                                    .base = fminf(keen_limits.base, moving->base),
                                    .relative = fminf(keen_limits.relative, moving->relative),
                                    .chroma = fminf(keen_limits.chroma + moving->noise_floor, moving->chroma),
                                    .shadow = keen_limits.shadow};
    const struct compare_rows all = {{background->means[0], background->means[1], background->means[2]},
                                     {absorbed->before[0], absorbed->before[1], absorbed->before[2]}};
    for (int y = b.top; y < b.bottom; y++) {
        int at = y * absorbed->width + b.left, count = b.right - b.left;
        const struct compare_rows row = compare_rows_from(&all, at);
        kernels->compare(absorbed->differing + at, &row, &limits, count);
        for (int i = at; i < at + count; i++)
            absorbed->differing[i] &= absorbed->places[i];
    }
}

static struct bounds clip(const struct absorbed *absorbed, int left, int top, int right, int bottom)
{
    return (struct bounds){MAX(left, 0), MAX(top, 0), MIN(right, absorbed->width), MIN(bottom, absorbed->height)};
}

static bool differs_within(const struct absorbed *absorbed, struct bounds b)
{
    for (int y = b.top; y < b.bottom; y++)
        if (memchr(absorbed->differing + y * absorbed->width + b.left, 255, (size_t)(b.right - b.left)))
            return true;
    return false;
}

/* Shows again what in the box is background as it was before. */
static void release(struct absorbed *absorbed, const struct background *background,
                    const struct motion_kernels *kernels, struct bounds b)
{
    find_differing(
        absorbed, background, kernels,
        clip(absorbed, b.left - 2 * CELL_PX, b.top - 2 * CELL_PX, b.right + 2 * CELL_PX, b.bottom + 2 * CELL_PX));
    for (int top = b.top; top < b.bottom; top += CELL_PX)
        for (int left = b.left; left < b.right; left += CELL_PX) {
            struct bounds cell = clip(absorbed, left, top, MIN(left + CELL_PX, b.right), MIN(top + CELL_PX, b.bottom));
            if (differs_within(absorbed, clip(absorbed, cell.left - CELL_PX, cell.top - CELL_PX, cell.right + CELL_PX,
                                              cell.bottom + CELL_PX)))
                continue;
            for (int y = cell.top; y < cell.bottom; y++)
                memset(absorbed->places + y * absorbed->width + cell.left, 0, (size_t)(cell.right - cell.left));
        }
}

void absorbed_review(struct absorbed *absorbed, const struct background *background,
                     const struct motion_kernels *kernels)
{
    release(absorbed, background, kernels, (struct bounds){0, 0, absorbed->width, absorbed->height});
}

void background_absorb(struct background *background, const struct reduced *picture, struct bounds b, bool has_come)
{
    struct absorbed *absorbed = &background->absorbed;
    b = bounds_clip(b, picture);
    if (b.right <= b.left || b.bottom <= b.top)
        return;
    bool is_held = holds(absorbed, b);
    for (int y = b.top; y < b.bottom; y++)
        for (int x = b.left; x < b.right; x++) {
            int i = y * picture->width + x;
            add_place(absorbed, background, i, has_come || is_held);
            for (int channel = 0; channel < 3; channel++)
                background->means[channel][i] = picture->planes[channel][i];
        }
    if (is_held) /* perhaps they went */
        release(absorbed, background, picture->kernels,
                clip(absorbed, b.left - CELL_PX, b.top - CELL_PX, b.right + CELL_PX, b.bottom + CELL_PX));
}

static bool has_set(const struct absorbed *absorbed, const uint8_t *mask, struct bounds b)
{
    for (int y = b.top; y < b.bottom; y++)
        if (memchr(mask + y * absorbed->width + b.left, 255, (size_t)(b.right - b.left)))
            return true;
    return false;
}

void background_absorb_places(struct background *background, const struct reduced *picture, uint8_t *mask)
{
    struct absorbed *absorbed = &background->absorbed;
    int count = picture->width * picture->height;
    for (int i = 0; (i = mask_next_set(mask, i, count)) < count; i++) {
        mask[i] = absorbed->places[i]; /* what was hidden already is as it was before, perhaps */
        add_place(absorbed, background, i, true);
        for (int channel = 0; channel < 3; channel++)
            background->means[channel][i] = picture->planes[channel][i];
    }
    for (int top = 0; top < absorbed->height; top += CELL_PX)
        for (int left = 0; left < absorbed->width; left += CELL_PX) {
            struct bounds cell = clip(absorbed, left, top, left + CELL_PX, top + CELL_PX);
            if (has_set(absorbed, mask, cell))
                release(absorbed, background, picture->kernels, cell);
        }
}

void absorbed_shift(struct absorbed *absorbed, int right, int down)
{
    int width = absorbed->width, height = absorbed->height;
    memcpy(absorbed->differing, absorbed->places, (size_t)width * (size_t)height);
    memset(absorbed->places, 0, (size_t)width * (size_t)height);
    for (int y = MAX(down, 0); y < MIN(height, height + down); y++)
        memcpy(absorbed->places + y * width + MAX(right, 0), absorbed->differing + (y - down) * width + MAX(-right, 0),
               (size_t)(width - ABS(right)));
    for (int i = 0; i < 3; i++)
        memset(absorbed->before[i], 0, (size_t)width * (size_t)height);
}
