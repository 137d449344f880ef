/* Analytics: pure rules over tracks and a few facts of the picture. A rule is one file that ends in one struct rule,
 * and one row in rules.c.
 *
 * Rules see the quantised Observation (boxes 1/4096 of the frame, confidence 1/255, speed 1/1024), frame time and their
 * camera's zones and lines; they have no clock, no I/O (time zones are read when they are made), no global. So a replay
 * gives the same answer as live.
 * One thread at a time per analytics object (one per camera).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "facts/camera.h"
#include "facts/event.h"
#include "facts/picture.h"
#include "facts/settings.h"

enum { OBSERVATION_BOX_ONE = 4096, OBSERVATION_SPEED_ONE = 1024 };

struct observed_track {
    uint64_t id;
    const char *object_class; /* interned */
    int16_t x, y, w, h;       /* 1/4096 of the frame; top left and size */
    uint8_t confidence;       /* 1/255 */
    int16_t speed_x, speed_y; /* 1/1024 of the frame a second */
    bool is_confirmed;        /* only such tracks count */
    bool is_lost;             /* not matched in this frame: position is predicted */
};

struct observation {
    int64_t at_ms;    /* capture time */
    int64_t media_us; /* the time rules measure with */
    const struct observed_track *tracks;
    int track_count;
    uint8_t mean_luma;
    bool is_light_change, is_camera_move, is_learning;
    int16_t aspect;                      /* height of the frame over its width, 1/4096; 0: not known */
    const struct picture_facts *picture; /* NULL: not known */
    const struct sighting *sightings;    /* analytics_observe makes these itself, from tracks */
};

/* Quantises one value the way live and replay both must. */
int16_t observation_quantise(double value, int one);

/* Where rules put what they found. The record is only valid during the call; ids, org and camera are filled by the
 * receiver (pure rules cannot make ids). */
struct analytics_sink {
    void (*emit)(void *data, enum event_type type, void *record);
    void *data;
};

struct analytics;

/* `camera` is copied. */
struct analytics *analytics_new(const struct camera *camera, const struct rule_settings *settings);
void analytics_free(struct analytics *analytics);
/* Takes over what a camera and the rules are told now, between two frames. What is remembered of tracks, stays and
 * counts goes on. A zone or line that is gone or lies elsewhere ends: its stays end with their exits, as of
 * when who is in them was last seen, and its count with the last of them; what else is told of that is as of `at_ms`,
 * when the latest frame was. Both are copied. */
void analytics_configure(struct analytics *analytics, const struct camera *camera, const struct rule_settings *settings,
                         int64_t at_ms, const struct analytics_sink *sink);
void analytics_observe(struct analytics *analytics, const struct observation *observation,
                       const struct analytics_sink *sink);
/* Ends every stay that is open, as at the end of a file, at `at_ms`; the exits are as of when each was last seen, and a
 * zone's count as of the last of them. */
void analytics_finish(struct analytics *analytics, int64_t at_ms, const struct analytics_sink *sink);

/* Totals since the start, for the page and `analyze`: line → in, out; zone → entries, exits, inside now. */
struct analytics_count {
    const char *id; /* of the line or zone; owned by the analytics object */
    bool is_line;
    int32_t in_or_entries, out_or_exits, inside;
};
size_t analytics_counts(const struct analytics *analytics, struct analytics_count *counts, size_t capacity);
/* Tracks that found no room in a rule's memory, once for each frame and rule, since the start. */
int64_t analytics_shed(const struct analytics *analytics);
/* Whether a region of the picture looks as it does because of what has this box: as much of it is hidden by that. Any
 * thread. */
bool analytics_region_is_explained(const struct record_box *region, const struct record_box *box);
