/* From a mask to connected regions: two passes with union-find over labels (Rosenfeld and Pfaltz 1966). */
#include "vision/motion_internal.h"

#include <string.h>

void regions_init(struct regions *regions, int width, int height)
{
    regions->width = width;
    regions->height = height;
    regions->count = 0;
    regions->labels = g_new0(uint16_t, (size_t)width * (size_t)height);
    regions->runs = g_new0(int, 3 * (UINT16_MAX + 1));
}

void regions_clear(struct regions *regions)
{
    g_free(regions->labels);
    g_free(regions->runs);
}

void mask_clean(const uint8_t *from, uint8_t *to, int width, int height)
{
    for (int y = 0; y < height; y++) {
        const uint8_t *row = from + y * width, *above = y > 0 ? row - width : row,
                      *below = y < height - 1 ? row + width : row;
        for (int x = 0; x < width; x++) {
            int left = x > 0 ? x - 1 : x, right = x < width - 1 ? x + 1 : x;
            int set = (above[left] & 1) + (above[x] & 1) + (above[right] & 1) + (row[left] & 1) + (row[x] & 1) +
                      (row[right] & 1) + (below[left] & 1) + (below[x] & 1) + (below[right] & 1);
            to[y * width + x] = set >= 5 ? 255 : 0;
        }
    }
}

static int root_of(int *parents, int label)
{
    while (parents[label] != label) {
        parents[label] = parents[parents[label]];
        label = parents[label];
    }
    return label;
}

/* The smallest label of the neighbours already seen, joined with the others; 0 when there is none. */
static int join_neighbours(struct regions *regions, int x, int y)
{
    const uint16_t *labels = regions->labels;
    int width = regions->width, best = 0;
    const int neighbours[4][2] = {{-1, 0}, {-1, -1}, {0, -1}, {1, -1}};
    for (int i = 0; i < 4; i++) {
        int nx = x + neighbours[i][0], ny = y + neighbours[i][1];
        if (nx < 0 || nx >= width || ny < 0 || labels[ny * width + nx] == 0)
            continue;
        int root = root_of(regions->runs, labels[ny * width + nx]);
        if (best == 0)
            best = root;
        else if (root < best) {
            regions->runs[best] = root;
            best = root;
        } else {
            regions->runs[root] = best;
        }
    }
    return best;
}

static int label_pixels(struct regions *regions, const uint8_t *mask)
{
    int next = 1;
    for (int y = 0; y < regions->height; y++)
        for (int x = 0; x < regions->width; x++) {
            uint16_t *label = &regions->labels[y * regions->width + x];
            *label = 0;
            if (!mask[y * regions->width + x])
                continue;
            int found = join_neighbours(regions, x, y);
            if (found == 0 && next < UINT16_MAX) {
                found = next++;
                regions->runs[found] = found;
            }
            *label = (uint16_t)found; /* beyond the bound a pixel stays unlabelled: that is noise, not a picture */
        }
    return next;
}

static void grow(struct region *region, int x, int y)
{
    if (region->area++ == 0)
        *region = (struct region){x, y, x + 1, y + 1, 1};
    region->left = MIN(region->left, x);
    region->right = MAX(region->right, x + 1);
    region->bottom = y + 1;
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
    int label_count = label_pixels(regions, mask), pixel_count = regions->width * regions->height;
    int *areas = regions->runs + UINT16_MAX + 1, *index_of = areas + UINT16_MAX + 1;
    memset(areas, 0, sizeof(int) * (size_t)label_count);
    for (int i = 0; i < pixel_count; i++)
        if (regions->labels[i])
            areas[root_of(regions->runs, regions->labels[i])]++;
    number_roots(regions, areas, label_count, minimum_area, index_of);
    for (int y = 0; y < regions->height; y++)
        for (int x = 0; x < regions->width; x++) {
            uint16_t *label = &regions->labels[y * regions->width + x];
            if (*label)
                *label = (uint16_t)index_of[root_of(regions->runs, *label)];
            if (*label)
                grow(&regions->items[*label - 1], x, y);
        }
}
