/* Shared by the files of motion: the reduced picture, its background, regions, and the figures followed in it.
 * Coordinates are reduced pixels. */
#pragma once

#include "vision/motion_kernels.h"
#include "vision/vision.h"

struct figures;

/* ---- the reduced picture (motion_reduce.c) ---- */

enum { REDUCE_FACTOR_MAX = 256 }; /* so many rows fit into a 16-bit sum */

struct reduced {
    int width, height;  /* reduced pixels */
    int factor;         /* picture pixels a side of a reduced one */
    uint8_t *planes[3]; /* Y, U, V, all width × height */
    uint8_t *last[3];   /* those of the picture before */
    uint16_t *sums;     /* of columns */
    const struct motion_kernels *kernels;
    struct group_plan luma, chroma, interleaved[2];
};
/* Sized to frame size / factor. */
void reduced_init(struct reduced *reduced, const struct frame *frame, int factor);
void reduced_clear(struct reduced *reduced);
/* Averages factor × factor pixels of a frame of the size it was made for. */
void reduced_fill(struct reduced *to, const struct frame *frame);

/* ---- places where nobody knows who is (motion_absorbed.c) ---- */

struct background;

struct bounds {
    int left, top, right, bottom; /* right and bottom are one past */
};

/* Who keeps still becomes background in the end, and so does who stands there when it is learnt anew. Pictures hide
 * these places until they look again as they did before. */
struct absorbed {
    int width, height;
    uint8_t *places;    /* 255: hidden */
    uint8_t *before[3]; /* Y, U, V of hidden places as they were; all 0: nobody knows */
    uint8_t *differing; /* scratch */
};
void absorbed_init(struct absorbed *absorbed, int width, int height);
void absorbed_clear(struct absorbed *absorbed);
/* So long one keeps still who came there, before becoming background. */
enum { ABSORB_SECONDS = 120 };
/* Hides where `mask` is set. `is_known`: nobody is there as far as the background tells. */
void absorbed_add(struct absorbed *absorbed, const struct background *background, const uint8_t *mask, bool is_known);
/* Shows again what is background as it was before: once that was learnt anew. */
void absorbed_review(struct absorbed *absorbed, const struct background *background,
                     const struct motion_kernels *kernels);
/* The picture moved: so do the hidden places, which stay so from now on. */
void absorbed_shift(struct absorbed *absorbed, int right, int down);

/* ---- background (motion_background.c) ---- */

struct background {
    int width, height;
    float *means[3];              /* of Y, U, V */
    float noise;                  /* standard deviation of luma, over the picture */
    float contrast;               /* 0..1 of what is usual by day: scales what must change */
    struct compare_limits limits; /* of the last comparison */
    int frames;                   /* learnt from so far */
    uint8_t *keep;                /* of each pixel: 0 where it is to move towards the last picture */
    bool is_behind;               /* it has not yet */
    struct absorbed absorbed;
};
void background_init(struct background *background, int width, int height);
void background_clear(struct background *background);
/* Takes a picture as background altogether, weighted as one of many while learning. */
void background_learn(struct background *background, const struct reduced *picture);
/* Brings the background up to the last picture where `keep` lets it, follows the light, measures how much contrast the
 * background has if `measures_contrast`, and compares: foreground is 255 where the picture differs from it and is no
 * shadow. Returns how much brighter the picture is than the background, by the median over it; 1: as before. */
double background_compare(struct background *background, const struct reduced *picture, double sensitivity,
                          bool measures_contrast, uint8_t *foreground);
/* The picture is to be learnt from where `keep` is 0: done by the next background_compare, when the means are read
 * anyway. They are more than a core's cache holds. */
void background_update_later(struct background *background);
/* Makes the picture the background inside a box: what stands there belongs to it from now on, and is hidden.
 * `has_come`: it came there, so that it is known what was there before; else it may be where somebody stood
 * (motion_absorbed.c). */
void background_absorb(struct background *background, const struct reduced *picture, struct bounds b, bool has_come);
/* The same of what came where `mask` is set, which leaves in it what of that was hidden already; of this is shown again
 * what looks as it did before. */
void background_absorb_places(struct background *background, const struct reduced *picture, uint8_t *mask);

/* ---- what stands and is no figure (motion_standing.c) ---- */

struct standing {
    int width, height;
    uint8_t *seconds; /* of each pixel: so long it was foreground that no figure explains, as looked at each second */
    uint8_t *settled; /* 255: for ABSORB_SECONDS, this time */
    double since_seconds; /* since it was last looked at */
};
void standing_init(struct standing *standing, int width, int height);
void standing_clear(struct standing *standing);
/* The background is learnt anew. */
void standing_forget(struct standing *standing);
/* `left_over`: foreground that no figure explains. Whether `settled` tells of something that is to be background. */
bool standing_note(struct standing *standing, const uint8_t *left_over, double frame_seconds);

/* ---- places without rest (motion_unrest.c) ---- */

enum { UNREST_PARTS = 8 }; /* of the picture, each way */

/* How often each pixel became foreground lately without a figure that moves: what does so again and again is a clock
 * burnt into the picture, leaves or water, and is ignored. Where that happens all over the picture at once, it rains or
 * snows, and only what was there before counts. */
struct unrest {
    int width, height;
    uint8_t *before; /* foreground of the last picture, unfiltered */
    uint16_t *level; /* of each pixel: rises with each change, falls with time */
    uint8_t *restless, *ignored, *near;
    uint8_t *theirs; /* enum owner of each pixel (motion_unrest.c) */
    int ignored_count;
    double fall_seconds;                     /* since levels last fell */
    int changed[UNREST_PARTS][UNREST_PARTS]; /* of each part: pixels that became foreground beside all figures */
    double weather;                          /* their share, smoothed */
    bool is_weather;
};
void unrest_init(struct unrest *unrest, int width, int height);
void unrest_clear(struct unrest *unrest);
/* Nothing is known: the background is learnt anew. What is ignored stays so. */
void unrest_forget_last(struct unrest *unrest);
/* Learns from a picture's foreground, and then takes out of it what is ignored; false when there is nothing to take
 * out. `before` is the foreground as it was. */
bool unrest_filter(struct unrest *unrest, const struct motion_settings *settings, const struct figures *figures,
                   double frame_seconds, uint8_t *foreground);

/* ---- a camera that moved (motion_shift.c) ---- */

/* Whether the picture is the background, shifted by something. */
bool shift_find(const struct background *background, const struct reduced *picture, int *right, int *down);

/* ---- regions (motion_regions.c) ---- */

enum { REGIONS_MAX = 512 };

struct region {
    int left, top, right, bottom; /* right and bottom are one past */
    int area;
};

struct regions {
    int width, height;
    uint16_t *labels; /* per pixel: index + 1, or 0 */
    int first, last;  /* rows that have any label; last is one past */
    int *runs;        /* parents of labels (union-find), then two tables of their areas and indices */
    struct region items[REGIONS_MAX];
    int count;
};
void regions_init(struct regions *regions, int width, int height);
void regions_clear(struct regions *regions);
/* The next pixel from x on that is set, or that is not; width where there is none. */
int mask_next_set(const uint8_t *row, int x, int width);
int mask_next_clear(const uint8_t *row, int x, int width);
/* Removes specks and fills pinholes: a pixel stays or becomes foreground by the majority of its 3 × 3. `columns` is
 * room for width + 2. Returns how many are foreground. */
int mask_clean(const uint8_t *from, uint8_t *to, uint8_t *columns, int width, int height);
/* Connected regions (8 neighbours) of at least `minimum_area` pixels, largest first when there are too many. */
void regions_find(struct regions *regions, const uint8_t *mask, int minimum_area);

/* ---- stature (motion_stature.c) ---- */

/* Width by height. */
struct slimness {
    float mean, deviation; /* mean distance from the mean */
    int samples;
};

enum { STATURE_BINS = 16 };
struct stature {
    float height[STATURE_BINS]; /* reduced pixels */
    int samples[STATURE_BINS];
    struct slimness slimness, slimness_at[STATURE_BINS];
};
/* A figure seen whole with its feet at y. */
void stature_learn(struct stature *stature, double y, double w, double h, int picture_height);
/* The height to expect with feet at y; 0: unknown. */
double stature_height(const struct stature *stature, double y, int picture_height);
/* The width; 0 where figures of several shapes were seen, or too few. */
double stature_width(const struct stature *stature, double y, int picture_height);
/* Where the feet are of a figure whose head is at `top` and of which `least_height` is seen; `top` when unknown. */
double stature_feet(const struct stature *stature, double top, double least_height, int picture_height);

/* ---- figures (motion_figures.c) ---- */

enum { LOOK_COLUMNS = 12, LOOK_ROWS = 24, FIGURES_MAX = 256 };

/* What a figure looks like, on a grid over its box: survives changes of size. */
struct look {
    float weight[LOOK_ROWS][LOOK_COLUMNS]; /* how surely the figure covers this place, 0..1 */
    float colour[LOOK_ROWS][LOOK_COLUMNS][3];
};

enum { LOOK_REACH_X_PX = 16, LOOK_REACH_Y_PX = 4 };
/* Room for a look that is tried at many places: what is seen around the figure, and results for each place. */
struct look_window {
    uint8_t *planes[3], *states;
    size_t capacity; /* pixels */
    float *results;
};
/* For figures up to twice as large as the picture. */
void look_window_init(struct look_window *window, int width, int height);
void look_window_clear(struct look_window *window);

struct figure {
    double x, y, w, h; /* centre x, bottom y, size */
    double vx, vy, vh; /* a frame */
    double born_x, born_y;
    struct look look;
    int age, unseen;                       /* frames: since birth, without support */
    double unseen_seconds, still_seconds;  /* without support; without moving */
    struct bounds seen;                    /* the last time it was alone */
    bool is_merged;                        /* shares its region with another figure now */
    bool has_moved;                        /* ever, by half its size: else it may be a hole in the background */
    double last_x, last_y;                 /* of the frame before */
    double rest_x, rest_y, rested_seconds; /* where it last had gone a way, and since when */
    double settled_x, settled_y;           /* walked, when it last had rested long */
    double walked_x, walked_y; /* since birth, by steps: a leap from one digit of a clock to another is none */
    bool has_left;             /* ever, the place where it began: no leaf and no digit does */
    bool is_going;             /* has left the place where it last rested long */
    double tallness;           /* of what is usual where it stands; 0: not known */
    int wide;                  /* frames in a row in which it was as wide as two */
    double support;            /* 0..1: share of its look that is seen */
    bool is_seen_whole;        /* ever, alone and not cut off by the picture's edge */
    bool is_born_cut;          /* came in over the lower edge: its height was never seen whole */
};

struct figures {
    struct stature stature;
    double interval_seconds; /* usual time between pictures: speeds are per such interval */
    bool is_weather;         /* a figure must last longer before it is one */
    int passed;              /* such intervals since the last picture: more than 1 when some were dropped */
    struct figure items[FIGURES_MAX];
    int count;
    uint8_t *claimed;   /* per pixel: 1 where a nearer figure was found */
    uint8_t *covered;   /* per pixel: 1 in and beside a figure's box */
    uint8_t *left_over; /* per pixel: foreground of the last picture that no figure explains */
    struct look_window window;
    struct regions births;
    struct figure_candidate {
        double x, y, w, h, vx, vy;
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

/* ---- boxes and looks (motion_look.c) ---- */

/* The figure's box in whole pixels, `grow` more on each side; may reach beyond the picture. */
struct bounds figure_bounds(const struct figure *figure, double grow);
struct bounds bounds_clip(struct bounds b, const struct reduced *picture);
/* Learns from where the figure stands now. `claimed`, if not NULL, tells whose pixels are somebody else's. */
void look_learn(struct figure *figure, const struct reduced *picture, const uint8_t *foreground, const uint8_t *claimed,
                float share);
struct sight {
    double score;   /* −1..1: how well what is seen fits */
    double visible; /* 0..1: share of the look that no nearer figure hides */
};

struct place {
    double x, y, value;
    struct sight sight;
};
/* The place within reach of where the figure should be at which it fits best. Pixels a nearer figure claimed say
 * nothing, background where the figure should be speaks against it. Reaches are at most LOOK_REACH_X_PX and
 * LOOK_REACH_Y_PX. */
struct place look_search(struct look_window *window, const struct figure *figure, const struct reduced *picture,
                         const uint8_t *foreground, const uint8_t *claimed, int reach_x, int reach_y);
/* Marks the pixels that are this figure's. */
void look_claim(const struct figure *figure, const struct reduced *picture, const uint8_t *foreground,
                uint8_t *claimed);

/* ---- who owns which region (motion_sharing.c) ---- */

struct sharing {
    int owners[REGIONS_MAX];     /* figures that reach into each region */
    int overlap[FIGURES_MAX][8]; /* the figure's regions: index, or −1 */
    int overlap_area[FIGURES_MAX][8];
};

void figures_find_sharing(struct figures *figures, const struct reduced *picture, const struct regions *regions,
                          struct sharing *sharing);
/* The box around the regions that are figure i's alone; false when it shares a region, has none, or grew at once. */
bool figures_own_bounds(const struct figures *figures, int i, const struct regions *regions,
                        const struct sharing *sharing, struct bounds *bounds);

/* ---- the steps of figures_update, in their order ---- */

/* Moves all to where they should be, and sorts them from near to far. */
void figures_predict(struct figures *figures);
void figures_follow(struct figures *figures, const struct reduced *picture, const uint8_t *foreground,
                    const struct regions *regions, struct sharing *sharing);
/* Pieces of one become one. */
void figures_unite(struct figures *figures, const struct reduced *picture, const uint8_t *foreground);
/* Two taken for one become two. */
void figures_part(struct figures *figures, const struct reduced *picture, const uint8_t *foreground);
void figures_give_birth(struct figures *figures, const struct reduced *picture, const uint8_t *foreground,
                        const struct regions *regions, int minimum_area);
/* Nothing of it was found for some frames: where its box is now, it need not be. */
bool figure_is_mislaid(const struct figure *figure);
