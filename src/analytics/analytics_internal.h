/* What rules share: how a rule is described, where figures stand, and who is in which zone. */
#pragma once

#include "analytics/analytics.h"

/* ---- rules ---- */

struct rule_context {
    const struct camera *camera; /* immutable */
    const struct rule_settings *settings;
    struct zone_watch *zones; /* one per zone of the camera, updated before any rule runs */
    size_t zone_count;
    int64_t *shed; /* counts tracks beyond a bound */
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
/* Items that begin with a struct watched, one for each track that is remembered, `size` bytes each. */
struct watch_list {
    void *items; /* WATCH_TRACKS_MAX */
    size_t size;
    int count;
    int64_t *shed; /* counts tracks beyond the bound */
};
void watch_list_init(struct watch_list *list, size_t size, int64_t *shed);
void watch_list_clear(struct watch_list *list);
static inline void *watch_list_at(const struct watch_list *list, int index)
{
    return (char *)list->items + list->size * (size_t)index;
}
/* Whether an item may pass on to another track; NULL: any. */
typedef bool watch_passes(const void *item);
/* Calls see(data, item, track) for each track of the frame that counts: confirmed, in sight, of a wanted class. Known
 * tracks come first; then a new one takes over the item of a track out of sight that should be where it appeared
 * (trackers lose ids just where figures overlap; what was known of the figure then passes on), the nearest if there are
 * several, or gets a new item, all zeros but watched.seen_us, which is -1. The item's `watched` still tells of the
 * frame before: `see` notes this one. */
void watch_list_observe(struct watch_list *list, const struct observation *observation,
                        const struct record_strings *classes, watch_passes *passes,
                        void (*see)(void *data, void *item, const struct observed_track *track), void *data);
/* Forgets the items that were not seen for watch_memory_us and are not kept; NULL: none is kept. */
void watch_list_forget(struct watch_list *list, int64_t media_us, bool (*keeps)(const void *item));

/* ---- zones ---- */

struct zone_stay {
    struct watched watched; /* first: see watch_list */
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
    struct watch_list stays; /* of struct zone_stay */
    int inside, entries, exits;
    struct zone_change *changes; /* of this frame; at most two a stay */
    int change_count;
};
void zone_watch_init(struct zone_watch *watch, const struct zone *zone, int64_t *shed);
void zone_watch_clear(struct zone_watch *watch);
void zone_watch_observe(struct zone_watch *watch, const struct rule_settings *settings,
                        const struct observation *observation);
/* Ends every stay. */
void zone_watch_finish(struct zone_watch *watch);
