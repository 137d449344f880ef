/* A world with one camera, fed by hand: what rules tell of figures that walk and stand. */
#pragma once

#include "analytics/analytics.h"

#include "analytics/analytics_internal.h"

enum { FRAME_US = 100000, SIGNALS_MAX = 64, OCCUPANCIES_MAX = 64, WIDTH = 300, HEIGHT = 800 };

struct world {
    struct camera camera;
    struct settings settings;
    struct analytics *analytics;
    struct picture_facts *picture;
    double aspect;       /* of its picture: height over width */
    bool is_camera_move; /* in the next frame only */
    int64_t media_us, start_ms;
    int ins, outs, enters, exits, dwells, signals;
    double exit_seconds; /* of the latest exit's stay */
    int64_t exit_ms;     /* when that was */
    struct told_count {
        int64_t at_ms;
        int count, entries, exits;
    } occupancies[OCCUPANCIES_MAX];
    int occupancy_count;
    struct told {
        char kind[32], place[32], attributes[128];
        int64_t media_us;
    } told[SIGNALS_MAX];
};

/* A line across the middle ("in" is downwards) and a zone below it. Settings may be changed until the first frame. */
void world_init(struct world *world);
void world_clear(struct world *world);
struct zone *world_zone(struct world *world);
struct line *world_line(struct world *world);
/* A person's box with the feet at a place. */
struct observed_track figure(uint64_t id, double x, double y);
/* One frame. */
void observe(struct world *world, const struct observed_track *tracks, int count);
void stand(struct world *world, uint64_t id, double x, double y, double seconds);
/* Out of sight, and the tracker has its id yet: it is lost where it stood. */
void hide(struct world *world, uint64_t id, double x, double y, double seconds);
void walk(struct world *world, uint64_t id, double x0, double y0, double x1, double y1, double seconds);
/* After the latest frame nothing is seen until the next, `seconds` after it. */
void wait_for_frame(struct world *world, double seconds);
void nobody(struct world *world, double seconds);
/* Between two frames: the camera has its zone no more. */
void world_drop_zone(struct world *world);
/* Some figures side by side inside the zone. */
void crowd(struct world *world, int count, double seconds);
/* How many signals of a kind there were. */
int told(const struct world *world, const char *kind);
