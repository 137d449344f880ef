/* What rules share: how a rule is described, where figures stand, and who is in which zone. */
#pragma once

#include "analytics/analytics.h"

/* ---- rules ---- */

struct rule_context {
    const struct camera *camera; /* immutable */
    const struct rule_settings *settings;
    struct zone_watch *zones; /* one per zone of the camera, updated before any rule runs */
    size_t zone_count;
};

/* A rule is one file that ends in one of these, and one row in rules.c. */
struct rule {
    const char *name;
    const char *doc;
    void *(*create)(const struct rule_context *context);
    /* Called once a frame. Must not allocate. */
    void (*observe)(void *state, const struct rule_context *context, const struct observation *observation,
                    const struct analytics_sink *sink);
    /* Adds what the rule counts; may be NULL. Returns how many were written. */
    size_t (*count)(const void *state, const struct rule_context *context, struct analytics_count *counts,
                    size_t capacity);
    void (*free)(void *state);
};
extern const struct rule *const rules[];
extern const size_t rule_count;
extern const struct rule rule_line, rule_zone, rule_intrusion, rule_occupancy;

/* ---- geometry: frame units, 0..1 ---- */

/* Bottom centre: where a figure stands. */
struct record_point track_anchor(const struct observed_track *track);
struct record_box track_box(const struct observed_track *track);
/* Above 0 on the right side of a→b as seen (y runs down). */
double side_of_line(struct record_point a, struct record_point b, struct record_point p);
bool segments_meet(struct record_point a, struct record_point b, struct record_point c, struct record_point d);
bool polygon_holds(const struct record_points *polygon, struct record_point p);
/* True when `classes` is empty or holds the class. */
bool class_is_wanted(const struct record_strings *classes, const char *object_class);

/* ---- memory of tracks ---- */

enum { WATCH_TRACKS_MAX = 1024 };
/* How long something remembers a track that is out of sight. */
extern const int64_t watch_memory_us;

/* Where a remembered track was last, to know it again under another id. */
struct watched {
    uint64_t id;
    const char *object_class;
    struct record_point anchor;
    double height, speed_x, speed_y; /* frame units (a second) */
    int64_t seen_us;
};
void watched_note(struct watched *watched, const struct observed_track *track, int64_t media_us);
/* True when `track`, new in this frame, is likely the same figure as `watched`, which is out of sight: near where that
 * one would be now. Trackers lose ids just where figures overlap; what was known of the figure then passes on. */
bool watched_is_same(const struct watched *watched, const struct observed_track *track, int64_t media_us);

/* ---- zones ---- */

struct zone_stay {
    struct watched watched; /* first: stays are searched by it */
    bool is_inside;
    int frames_in, frames_out; /* in a row */
    int64_t entered_us, entered_ms;
    struct record_box box;
    bool has_dwelt;
    int64_t intrusion_told_us; /* -1: never */
};

struct zone_change {
    enum zone_hit_event event;
    struct zone_stay *stay; /* valid until the next frame */
    double seconds;         /* of the stay so far; 0 for enter */
};

struct zone_watch {
    const struct zone *zone;
    struct zone_stay *stays; /* WATCH_TRACKS_MAX; [0, count) */
    int count, inside, entries, exits;
    struct zone_change *changes; /* of this frame; at most two a stay */
    int change_count;
    int64_t shed; /* tracks beyond the bound */
};
void zone_watch_init(struct zone_watch *watch, const struct zone *zone);
void zone_watch_clear(struct zone_watch *watch);
void zone_watch_observe(struct zone_watch *watch, const struct rule_settings *settings,
                        const struct observation *observation);
/* Ends every stay. */
void zone_watch_finish(struct zone_watch *watch);
