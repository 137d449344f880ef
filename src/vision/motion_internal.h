/* Shared by the files of motion: the reduced picture, its background, regions, and the figures followed in it.
 * Coordinates are reduced pixels. */
#pragma once

#include "vision/vision.h"

/* ---- the reduced picture (motion_reduce.c) ---- */

struct reduced {
    int width, height;  /* reduced pixels */
    int factor;         /* picture pixels a side of a reduced one */
    uint8_t *planes[3]; /* Y, U, V, all width × height */
};
/* Averages factor × factor pixels. `width` × `height` of `to` must be frame size / factor. */
void reduced_fill(struct reduced *to, const struct frame *frame);

/* ---- background (motion_background.c) ---- */

struct background {
    int width, height;
    float *planes[3]; /* mean of Y, U, V */
    float noise;      /* standard deviation of luma, over the picture */
    int frames;       /* learnt from so far */
};
void background_init(struct background *background, int width, int height);
void background_clear(struct background *background);
/* Takes a picture as background altogether, weighted as one of many while learning. */
void background_learn(struct background *background, const struct reduced *picture);
/* How much brighter the picture is than the background, by the median over it, and follows it. 1: as before. */
double background_follow_light(struct background *background, const struct reduced *picture);
/* foreground: 255 where the picture differs from the background and is no shadow. */
void background_compare(struct background *background, const struct reduced *picture, double sensitivity,
                        uint8_t *foreground);
/* Moves the background towards the picture where `keep` is 0. */
void background_update(struct background *background, const struct reduced *picture, const uint8_t *keep);
/* Makes the picture the background inside a box: what stands there belongs to it from now on. */
void background_absorb(struct background *background, const struct reduced *picture, int left, int top, int right,
                       int bottom);

/* ---- regions (motion_regions.c) ---- */

enum { REGIONS_MAX = 512 };

struct region {
    int left, top, right, bottom; /* right and bottom are one past */
    int area;
};

struct regions {
    int width, height;
    uint16_t *labels; /* per pixel: index + 1, or 0 */
    int *runs;        /* parents of labels (union-find), then two tables of their areas and indices */
    struct region items[REGIONS_MAX];
    int count;
};
void regions_init(struct regions *regions, int width, int height);
void regions_clear(struct regions *regions);
/* Removes specks and fills pinholes: a pixel stays or becomes foreground by the majority of its 3 × 3. */
void mask_clean(const uint8_t *from, uint8_t *to, int width, int height);
/* Connected regions (8 neighbours) of at least `minimum_area` pixels, largest first when there are too many. */
void regions_find(struct regions *regions, const uint8_t *mask, int minimum_area);

/* ---- figures (motion_figures.c) ---- */

enum { LOOK_COLUMNS = 12, LOOK_ROWS = 24, FIGURES_MAX = 256 };

/* What a figure looks like, on a grid over its box: survives changes of size. */
struct look {
    float weight[LOOK_ROWS][LOOK_COLUMNS]; /* how surely the figure covers this place, 0..1 */
    float colour[LOOK_ROWS][LOOK_COLUMNS][3];
};

struct figure {
    double x, y, w, h; /* centre x, bottom y, size */
    double vx, vy, vh; /* a frame */
    double born_x, born_y;
    struct look look;
    int age, unseen, still; /* frames: since birth, without support, without moving */
    bool is_merged;         /* shares its region with another figure now */
    bool has_moved;         /* ever, by half its size: else it may be a hole in the background */
    double tallness;        /* of what is usual where it stands; 0: not known */
    int wide;               /* frames in a row in which it was as wide as two */
    double support;         /* 0..1: share of its look that is seen */
    bool is_born_cut;       /* came in over the lower edge: its height was never seen whole */
};

/* How high figures are whose feet stand at a height in the picture: learnt from those that are seen whole. */
enum { STATURE_BINS = 16 };
struct stature {
    float height[STATURE_BINS];         /* reduced pixels */
    float slimness, slimness_deviation; /* width by height: mean, and mean distance from it */
    int slimness_samples;
    int samples[STATURE_BINS];
};

struct figures {
    struct stature stature;
    struct figure items[FIGURES_MAX];
    int count;
    uint8_t *claimed;   /* per pixel: 1 where a nearer figure was found */
    uint8_t *left_over; /* per pixel: foreground that no figure explains */
    struct regions births;
    struct figure_candidate {
        double x, y, w, h;
        int age;
    } candidates[FIGURES_MAX]; /* left over in the last frame: those that last become figures */
    int candidate_count;
};
void figures_init(struct figures *figures, int width, int height);
void figures_clear(struct figures *figures);
/* `minimum_area` in reduced pixels; `frame_seconds` between updates. Figures that turn out to be holes in the
 * background are absorbed into it. */
void figures_update(struct figures *figures, const struct reduced *picture, const uint8_t *foreground,
                    const struct regions *regions, struct background *background, int minimum_area,
                    double frame_seconds);
