/* From a mask to connected regions: two passes with union-find over labels (Rosenfeld and Pfaltz 1966). */
#include "vision/motion_internal.h"

#include <string.h>

void regions_init(struct regions *regions, int width, int height)
{
    regions->width = width;
    regions->height = height;
    regions->count = regions->first = regions->last = 0;
    regions->labels = g_new0(uint16_t, (size_t)width * (size_t)height);
    regions->runs = g_new0(int, 3 * (UINT16_MAX + 1));
}

void regions_clear(struct regions *regions)
{
    g_free(regions->labels);
    g_free(regions->runs);
}

int mask_next_set(const uint8_t *row, int x, int width)
{
    uint64_t eight;
    while (x + (int)sizeof eight <= width) {
        memcpy(&eight, row + x, sizeof eight);
        if (eight)
            break;
        x += (int)sizeof eight;
    }
    while (x < width && !row[x])
        x++;
    return x;
}

int mask_next_clear(const uint8_t *row, int x, int width)
{
    while (x < width && row[x])
        x++;
    return x;
}

/* Most rows of most pictures. */
static bool row_is_empty(const uint8_t *row, int width)
{
    uint64_t any = 0, eight;
    int x = 0;
    for (; x + (int)sizeof eight <= width; x += (int)sizeof eight) {
        memcpy(&eight, row + x, sizeof eight);
        any |= eight;
    }
    for (; x < width; x++)
        any |= row[x];
    return any == 0;
}

/* Rows above and below the picture are as its first and last, and so are columns beside it. Returns how many are set.
 */
static int clean_row(const uint8_t *above, const uint8_t *row, const uint8_t *below, uint8_t *column, uint8_t *to,
                     int width)
{
    enum { MAJORITY = 5 };
    for (int x = 0; x < width; x++)
        column[x + 1] = (uint8_t)((above[x] & 1) + (row[x] & 1) + (below[x] & 1));
    column[0] = column[1];
    column[width + 1] = column[width];
    int set = 0;
    for (int x = 0; x < width; x++) {
        bool is_set = column[x] + column[x + 1] + column[x + 2] >= MAJORITY;
        to[x] = is_set ? 255 : 0;
        set += is_set;
    }
    return set;
}

int mask_clean(const uint8_t *from, uint8_t *to, uint8_t *columns, int width, int height)
{
    bool is_above_empty = true, is_empty = row_is_empty(from, width);
    int set = 0;
    for (int y = 0; y < height; y++) {
        const uint8_t *row = from + (ptrdiff_t)y * width, *above = y > 0 ? row - width : row,
                      *below = y < height - 1 ? row + width : row;
        bool is_below_empty = row_is_empty(below, width);
        if (is_above_empty && is_empty && is_below_empty)
            memset(to + (ptrdiff_t)y * width, 0, (size_t)width);
        else
            set += clean_row(above, row, below, columns, to + (ptrdiff_t)y * width, width);
        is_above_empty = is_empty;
        is_empty = is_below_empty;
    }
    return set;
}

static int root_of(int *parents, int label)
{
    while (parents[label] != label) {
        parents[label] = parents[parents[label]];
        label = parents[label];
    }
    return label;
}

static int join(int *parents, int a, int b)
{
    int low = root_of(parents, a), high = root_of(parents, b);
    if (low > high) {
        int swap = low;
        low = high;
        high = swap;
    }
    parents[high] = low;
    return low;
}

/* The smallest label of those above a run of pixels, joined with the others; 0 when there is none. */
static int join_above(int *parents, const uint16_t *above, int left, int right)
{
    int found = 0, before = 0;
    for (int x = left; x < right; x++) {
        int label = above[x];
        if (label && label != before)
            found = found ? join(parents, found, label) : root_of(parents, label);
        before = label;
    }
    return found;
}

/* A run of set pixels has one label, that of the runs it touches in the row above (corners touch too). */
static int label_row(struct regions *regions, const uint8_t *row, int y, int next)
{
    int *areas = regions->runs + UINT16_MAX + 1, width = regions->width, end;
    uint16_t *labels = regions->labels + (ptrdiff_t)y * width;
    for (int x = 0; (x = mask_next_set(row, x, width)) < width; x = end) {
        end = mask_next_clear(row, x, width);
        int found = y > 0 ? join_above(regions->runs, labels - width, MAX(x - 1, 0), MIN(end + 1, width)) : 0;
        if (found == 0 && next < UINT16_MAX) {
            found = next++;
            regions->runs[found] = found;
            areas[found] = 0;
        }
        areas[found] += end - x; /* beyond the bound it stays unlabelled: that is noise, not a picture */
        for (int i = x; i < end; i++)
            labels[i] = (uint16_t)found;
    }
    return next;
}

/* Also counts the pixels of each label, and notes the first and the last row that has any. */
static int label_pixels(struct regions *regions, const uint8_t *mask, int *first, int *last)
{
    int next = 1;
    size_t row_bytes = sizeof *regions->labels * (size_t)regions->width;
    memset(regions->labels + (ptrdiff_t)regions->first * regions->width, 0,
           row_bytes * (size_t)(regions->last - regions->first));
    *first = *last = 0;
    for (int y = 0; y < regions->height; y++) {
        const uint8_t *row = mask + (ptrdiff_t)y * regions->width;
        if (row_is_empty(row, regions->width))
            continue;
        if (*last == 0)
            *first = y;
        *last = y + 1;
        next = label_row(regions, row, y, next);
    }
    return next;
}

/* A region's area is that of all the labels that were joined. */
static void join_areas(struct regions *regions, int *areas, int label_count)
{
    for (int label = 1; label < label_count; label++) {
        int root = root_of(regions->runs, label);
        if (root == label)
            continue;
        areas[root] += areas[label];
        areas[label] = 0;
    }
}

static void grow(struct region *region, int left, int right, int y)
{
    if (region->area == 0)
        *region = (struct region){left, y, right, y + 1, 0};
    region->area += right - left;
    region->left = MIN(region->left, left);
    region->right = MAX(region->right, right);
    region->bottom = y + 1;
}

/* From labels to the indices of their regions. */
static void name_row(struct regions *regions, const uint8_t *row, const int *index_of, int y)
{
    int width = regions->width, end;
    uint16_t *labels = regions->labels + (ptrdiff_t)y * width;
    for (int x = 0; (x = mask_next_set(row, x, width)) < width; x = end) {
        end = mask_next_clear(row, x, width);
        int index = labels[x] ? index_of[root_of(regions->runs, labels[x])] : 0;
        for (int i = x; i < end; i++)
            labels[i] = (uint16_t)index;
        if (index)
            grow(&regions->items[index - 1], x, end, y);
    }
}

/* Gives each root that is large enough an index; small ones become 0. */
static void number_roots(struct regions *regions, const int *areas, int label_count, int minimum_area, int *index_of)
{
    regions->count = 0;
    for (int label = 1; label < label_count; label++) {
        index_of[label] = 0;
        if (regions->runs[label] == label && areas[label] >= minimum_area && regions->count < REGIONS_MAX) {
            regions->items[regions->count] = (struct region){0};
            index_of[label] = ++regions->count;
        }
    }
}

void regions_find(struct regions *regions, const uint8_t *mask, int minimum_area)
{
    int *areas = regions->runs + UINT16_MAX + 1, *index_of = areas + UINT16_MAX + 1, first, last;
    areas[0] = 0;
    int label_count = label_pixels(regions, mask, &first, &last);
    regions->first = first;
    regions->last = last;
    join_areas(regions, areas, label_count);
    number_roots(regions, areas, label_count, minimum_area, index_of);
    for (int y = first; y < last; y++)
        name_row(regions, mask + (ptrdiff_t)y * regions->width, index_of, y);
}
