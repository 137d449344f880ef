/* Shared by the files of the scene room. Lengths are shares of the frame, times seconds, unless named otherwise. */
#pragma once

#include "base/random.h"
#include "scene/scene.h"

enum { SCENE_WAYPOINTS_MAX = 12, SCENE_FIGURES_MAX = 256, SCENE_LINES_MAX = 2, SCENE_ZONES_MAX = 2 };

/* A figure is at a waypoint at a time; between two it walks straight and evenly. */
struct scene_waypoint {
    double at, x, y; /* of the feet (bottom centre) */
};

enum scene_class { SCENE_PERSON = 1, SCENE_VEHICLE };

struct scene_colour {
    uint8_t y, u, v;
};

struct scene_figure {
    uint64_t id;
    enum scene_class object_class;
    double scale;     /* of the usual size */
    double stride;    /* steps a second */
    uint32_t texture; /* seed of the clothing's pattern */
    struct scene_colour upper, lower, head;
    struct scene_waypoint path[SCENE_WAYPOINTS_MAX];
    int waypoint_count;
};

struct scene_line {
    const char *id, *name, *in_name, *out_name;
    struct record_point a, b;
};
struct scene_zone {
    const char *id, *name;
    enum zone_kind kind;
    struct record_point corners[4];
};

/* Adds what happens in one slot of time to `figures`; returns how many. Figures start at or after `at`. */
typedef int (*scene_populate)(struct random *random, double at, struct scene_figure *figures);

/* One row of the table of scenes. */
struct scene_kind {
    struct scene_info info;
    scene_populate populate; /* NULL: nobody ever comes */
    double slot_seconds;
    double height_far, height_near; /* a person's height with feet at y = 0 and y = 1 */
    struct scene_line lines[SCENE_LINES_MAX];
    int line_count;
    struct scene_zone zones[SCENE_ZONES_MAX];
    int zone_count;
    struct record_box pillar;  /* stands before everyone; w = 0: none */
    double brightness;         /* of the background, 1: daylight */
    double noise_sigma;        /* luma levels */
    double light_step_seconds; /* a sudden change about so often; 0: never */
    double light_step_share;   /* of the gain, up or down */
    double light_drift_share;  /* slow wave around it */
};
extern const struct scene_kind scene_kinds[];
extern const size_t scene_kind_count;

enum scene_fault {
    SCENE_FAULT_COVERED = 1,
    SCENE_FAULT_BLURRED,
    SCENE_FAULT_MOVED,
    SCENE_FAULT_FROZEN,
    SCENE_FAULT_DARK,
    SCENE_FAULT_LEFT,
    SCENE_FAULT_TAKEN,
    SCENE_FAULT_RAIN,
    SCENE_FAULT_LEAVES,
    SCENE_FAULT_CLOCK,
    SCENE_FAULT_NUDGED,
    SCENE_FAULT_HAZE,
    SCENE_FAULT_LAMP,
};

struct scene {
    const struct scene_kind *kind;
    uint64_t seed;
    double fps;
    int width_px, height_px;
    double end_seconds;           /* nothing that counts happens in the last moments before it; 0: endless */
    struct frame *background;     /* drawn once */
    int8_t *noise;                /* table of noise, SCENE_NOISE_COUNT levels */
    struct scene_figure *figures; /* those of the slots around `figures_at_slot` */
    int figure_count;
    int64_t figures_at_slot; /* -1: none yet */
    enum scene_fault fault;  /* 0: none */
    double fault_at;
};

enum { SCENE_NOISE_COUNT = 1 << 16 };

/* ---- figures.c ---- */

/* Figures that may be seen at a time. The array belongs to the scene and stands until the next call. */
const struct scene_figure *scene_figures_at(struct scene *scene, double seconds, int *count);
/* Adds the figures of one slot, those that must be left out because of the end left out. */
int scene_slot_figures(const struct scene *scene, int64_t slot, struct scene_figure *figures);
/* Slots whose figures may live at a time: [first, last]. */
void scene_slots_at(const struct scene *scene, double seconds, int64_t *first, int64_t *last);
/* Feet at a time. False before the first or after the last waypoint. */
bool scene_figure_position(const struct scene_figure *figure, double seconds, struct record_point *feet);
struct record_box scene_figure_box(const struct scene *scene, const struct scene_figure *figure,
                                   struct record_point feet);
bool scene_figure_is_still(const struct scene_figure *figure, double seconds);
double scene_figure_end(const struct scene_figure *figure);

/* ---- fault.c ---- */

/* Takes "KIND@SECONDS" into the scene. */
bool scene_fault_parse(const char *text, struct scene *scene, GError **error);
bool scene_fault_is_on(const struct scene *scene, double seconds);
void scene_fault_before_noise(const struct scene *scene, struct frame *frame, double seconds);

/* ---- truth.c ---- */

/* +1 in, -1 out, 0: the step from `from` to `to` does not cross the line. */
int scene_line_crossed(const struct scene_line *line, struct record_point from, struct record_point to);
bool scene_zone_holds(const struct scene_zone *zone, struct record_point point);

/* ---- draw.c ---- */

struct frame *scene_draw_background(const struct scene *scene);
/* Light at a time: what the background's brightness is multiplied by. */
double scene_gain(const struct scene *scene, double seconds);
void scene_draw_figure(const struct scene *scene, struct frame *frame, const struct scene_figure *figure,
                       struct record_point feet, double seconds);
/* A wave of period 1 between -1 and 1, made of parabolas: close to a sine, and exact everywhere. */
double scene_wave(double t);
/* A hash of two numbers, the same on every machine. */
uint32_t scene_hash(uint32_t a, uint32_t b);
