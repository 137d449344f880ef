/* What rules share: how a rule is described, where figures stand, who is in which zone, and who crossed which line. */
#pragma once

#include "analytics/analytics.h"
#include "facts/schedule.h"
#include "record/polygon.h"

/* ---- rules ---- */

struct rule_context {
    const struct camera *camera; /* immutable */
    const struct rule_settings *settings;
    struct zone_watch *zones; /* one per zone of the camera, updated before any rule runs */
    size_t zone_count;
    struct line_watch *lines; /* one per line of the camera, updated before any rule runs */
    size_t line_count;
    struct ground *ground;
    int64_t *shed;    /* counts tracks beyond a bound */
    bool is_no_frame; /* places end, after the latest frame and before the next: nobody was looked for */
};

/* A rule is one file that ends in one of these, and one row in rules.c. */
struct rule {
    const char *name;
    const char *doc;
    void *(*create)(const struct rule_context *context);
    /* Called once a frame, and for places that end. Must not allocate. */
    void (*observe)(void *state, const struct rule_context *context, const struct observation *observation,
                    const struct analytics_sink *sink);
    /* Adds what the rule counts; may be NULL. Returns how many were written. */
    size_t (*count)(const void *state, const struct rule_context *context, struct analytics_count *counts,
                    size_t capacity);
    void (*free)(void *state);
};
extern const struct rule *const rules[];
extern const size_t rule_count;
extern const struct rule rule_line, rule_zone, rule_intrusion, rule_loitering, rule_occupancy, rule_crowd, rule_queue,
    rule_wrong_direction, rule_speed, rule_object, rule_tampering, rule_fall;

/* For rules whose whole memory is in the watches. */
void *rule_create_nothing(const struct rule_context *context);
void rule_free_nothing(void *state);

/* What a rule found; the rest of its signal is the same for all. */
struct finding {
    enum rule_signal signal;
    const char *place;             /* id of a zone or line; NULL: the camera */
    const struct watched *watched; /* who; NULL: nobody */
    const struct record_box *box;  /* NULL: the whole picture */
    const char *attributes;        /* JSON; NULL: none */
};
void rule_tell(const struct finding *finding, const struct observation *observation, const struct analytics_sink *sink);

/* ---- geometry: frame units, 0..1 ---- */

/* These few are asked for every track by every line and zone: worth no call. */
static inline struct record_box track_box(const struct observed_track *track)
{
    const double one = OBSERVATION_BOX_ONE;
    return (struct record_box){track->x / one, track->y / one, track->w / one, track->h / one};
}
static inline struct record_point box_anchor(const struct record_box *box, enum anchor anchor)
{
    double down = anchor == ANCHOR_TOP ? 0 : anchor == ANCHOR_CENTRE ? box->h / 2 : box->h;
    return (struct record_point){box->x + box->w / 2, box->y + down};
}
static inline struct record_point track_anchor(const struct observed_track *track, enum anchor anchor)
{
    struct record_box box = track_box(track);
    return box_anchor(&box, anchor);
}
/* Above 0 on the right side of a→b as seen (y runs down). */
static inline double side_of_line(struct record_point a, struct record_point b, struct record_point p)
{
    return (b.x - a.x) * (p.y - a.y) - (b.y - a.y) * (p.x - a.x);
}
bool segments_meet(struct record_point a, struct record_point b, struct record_point c, struct record_point d);
struct record_box polygon_bounds(const struct record_points *polygon);
/* True when `classes` is empty or holds the class. */
bool class_is_wanted(const struct record_strings *classes, const char *object_class);
/* Of the frame, as seen: height over width. What lies apart by dx and dy of the frame is hypot(dx, dy * aspect) frame
 * widths apart, and a figure's height is height * aspect of them. */
double observation_aspect(const struct observation *observation);

/* ---- the ground (ground.c) ---- */

/* Where points of the picture lie on the ground. */
struct ground {
    bool is_calibrated;
    double to_ground[9]; /* a homography, row by row; its weight is 1 in the middle of the four points */
};
/* Uncalibrated when the camera has no four points. */
void ground_init(struct ground *ground, const struct camera_rules *camera_rules);
/* In metres when calibrated, else in frame widths. False where a calibrated camera sees no ground it could measure: at
 * the horizon, above it and close below it. */
bool ground_point(const struct ground *ground, struct record_point picture, double aspect, struct record_point *place);

/* ---- memory of tracks ---- */

/* Who is out of sight is held beyond the memory only as long as it and who was seen are no more than WATCH_HELD_MAX:
 * the other places are for who comes. */
enum { WATCH_TRACKS_MAX = 1024, WATCH_HELD_MAX = WATCH_TRACKS_MAX / 2 };

/* Where a remembered track was last, to know it again under another id. Every line and zone has one for every track and
 * writes it in every frame: what is in this struct, and what items change in every frame, is kept within the line of
 * the cache at which items begin. */
struct watched {
    uint64_t id;
    const char *object_class;
    struct record_point anchor;
    int64_t seen_us;
    int16_t height, speed_x, speed_y; /* as observed_track has them */
    bool is_held; /* out of sight for longer than the memory, and the tracker has its id yet; of the latest frame */
};
static inline double watched_height(const struct watched *watched) /* frame units */
{
    return (double)watched->height / OBSERVATION_BOX_ONE;
}
/* One track of the frame as rules reckon with it: turned from whole numbers once, not by every line and zone. */
struct sighting {
    struct record_box box;
    struct record_point anchors[3]; /* by enum anchor, which begins at 1 */
};
static inline void watched_note(struct watched *watched, const struct observed_track *track,
                                const struct sighting *sighting, enum anchor anchor, int64_t media_us)
{
    /* one by one: a compiler puts a whole struct together elsewhere and copies it, which is slow for small members */
    watched->id = track->id;
    watched->object_class = track->object_class;
    watched->anchor = sighting->anchors[anchor - 1];
    watched->seen_us = media_us;
    watched->height = track->h;
    watched->speed_x = track->speed_x;
    watched->speed_y = track->speed_y;
}
/* Items that begin with a struct watched, one for each track that is remembered, `size` bytes each. */
struct watch_list {
    void *items; /* WATCH_TRACKS_MAX, each at the beginning of a line of the cache */
    size_t size; /* of an item, whole lines */
    int count;
    int64_t memory_us, outage_us; /* rules.memory_seconds, rules.outage_seconds */
    int64_t frame_us;             /* of the latest frame */
    int64_t kept_us;              /* in the latest frame: what was seen last longer ago is forgotten */
    int64_t oldest_us;            /* nothing in the list was seen last before this */
    enum anchor anchor;
    int64_t *shed; /* counts tracks beyond the bound */
};
void watch_list_init(struct watch_list *list, size_t size, enum anchor anchor, const struct rule_settings *settings,
                     int64_t *shed);
void watch_list_clear(struct watch_list *list);
void watch_list_configure(struct watch_list *list, const struct rule_settings *settings);
static inline void *watch_list_at(const struct watch_list *list, int index)
{
    return (char *)list->items + list->size * (size_t)index;
}
/* Whether an item may pass on to another track; NULL: any. */
typedef bool watch_passes(const void *item);
typedef void watch_sees(void *data, void *item, const struct observed_track *track, const struct sighting *sighting);
static inline bool watch_list_wants(const struct record_strings *classes, const char *object_class)
{
    return classes->count == 0 || class_is_wanted(classes, object_class);
}
static inline bool watch_list_counts(const struct observed_track *track, const struct record_strings *classes)
{
    return track->is_confirmed && !track->is_lost && watch_list_wants(classes, track->object_class);
}
/* The item of the track of this id, or NULL. `next` is where it is likely found: tracks come in the same order in each
 * frame. */
static inline void *watch_list_find(const struct watch_list *list, uint64_t id, int *next)
{
    for (int tried = 0; tried < list->count; tried++) {
        int index = *next < list->count ? *next : 0;
        struct watched *watched = watch_list_at(list, index);
        *next = index + 1;
        if (watched->id == id)
            return watched;
    }
    return NULL;
}
/* Calls `see` for the tracks that are not known yet. */
void watch_list_meet(struct watch_list *list, const struct observation *observation,
                     const struct record_strings *classes, watch_passes *passes, watch_sees *see, void *data);
/* Calls see(data, item, track, sighting) for each track of the frame that counts: confirmed, in sight, of a wanted
 * class. Known tracks come first; then a new one takes over the item of a track out of sight that should be where it
 * appeared (trackers lose ids just where figures overlap; what was known of the figure then passes on, for the list's
 * memory and no longer), the nearest if there are several, or gets a new item, all zeros but watched.seen_us, which is
 * -1. The item's `watched` still tells of the frame before: `see` notes this one. */
static inline __attribute__((always_inline)) void watch_list_observe(struct watch_list *list,
                                                                     const struct observation *observation,
                                                                     const struct record_strings *classes,
                                                                     watch_passes *passes, watch_sees *see, void *data)
{
    const struct observation seen = *observation; /* nothing that `see` writes can be this */
    const struct watch_list known = *list;
    const struct record_strings wanted = *classes;
    bool has_new = false;
    int next = 0;
    for (int i = 0; i < seen.track_count; i++) {
        const struct observed_track *track = &seen.tracks[i];
        if (!watch_list_counts(track, &wanted))
            continue;
        void *item = watch_list_find(&known, track->id, &next);
        if (item)
            see(data, item, track, &seen.sightings[i]); /* inlined: this is where the time of all rules goes */
        else
            has_new = true;
    }
    if (has_new)
        watch_list_meet(list, observation, classes, passes, see, data);
}
/* Begins a frame: forgets the items that were not seen for the list's memory, but for those whose id the tracker has
 * yet (it is among the frame's tracks, lost or found again, and of a class that is wanted) and those that `keeps`
 * keeps; NULL: it keeps none. What was seen in the frame before is not forgotten, however short the memory, unless an
 * outage lies between: then all are, however long it is. */
void watch_list_forget(struct watch_list *list, const struct observation *observation,
                       const struct record_strings *classes, bool (*keeps)(const void *item));
/* Whether nothing goes on to a frame of this time; asked before watch_list_forget. */
static inline bool watch_list_has_outage(const struct watch_list *list, int64_t media_us)
{
    return media_us - list->frame_us > list->outage_us;
}

/* Whether something seen last then is out of the list's memory in the frame that began last. */
static inline bool watch_list_is_past(const struct watch_list *list, int64_t seen_us)
{
    return list->frame_us - seen_us > list->kept_us;
}
/* Whether the item is forgotten in the frame that began last; asked before the frame's track is noted in it. */
static inline bool watch_list_is_over(const struct watch_list *list, const struct watched *watched)
{
    return watch_list_is_past(list, watched->seen_us) && !watched->is_held;
}

/* ---- N of M frames ---- */

/* True when the latest `settle_of_frames` bits hold `settle_frames` ones; bit 0 is the latest frame. */
bool is_settled(uint32_t frames, const struct rule_settings *settings);

/* ---- zones ---- */

/* Rules that tell once a cooldown of somebody in a zone. */
enum stay_rule { STAY_INTRUSION, STAY_LOITERING, STAY_DIRECTION, STAY_SPEED, STAY_RULES };

struct zone_stay {
    struct watched watched;         /* first: see watch_list */
    uint32_t frames_in, frames_out; /* a bit a frame, the latest is bit 0 */
    bool is_inside;
    /* of who is inside: */
    int64_t entered_us, entered_ms;
    int64_t present_us; /* all its time inside, breaks left out */
    struct record_box box;
    bool has_dwelt;
    bool is_told[STAY_RULES];    /* of this stay */
    int64_t told_us[STAY_RULES]; /* -1: never */
    struct stay_way {
        uint64_t id; /* of the track that went it; 0: not begun */
        int64_t since_us;
        struct record_point from;
    } pace, heading; /* the way that is being measured */
};

struct zone_change {
    enum zone_hit_event event;
    struct zone_stay *stay; /* valid until the next frame */
    double seconds;         /* of the stay so far; 0 for enter */
    int64_t at_ms;          /* when it was: before the frame, where it ends a stay of who is out of sight */
};

struct zone_watch {
    const struct zone *zone;
    int slot;                   /* no other zone has it as long as this one is watched */
    bool is_begun, is_new;      /* a frame was seen; the latest is the first */
    int64_t frame_us, frame_ms; /* of the latest frame; while stays end before it is looked at, of the one before */
    struct record_box bounds;   /* of the polygon */
    struct watch_list stays;    /* of struct zone_stay */
    struct schedule schedule;
    bool is_active; /* by its schedule, in this frame */
    int inside, entries, exits;
    struct zone_ended { /* stays of who was out of sight: they ended before the frame was looked at, or with the zone */
        int count;
        int inside, entries, exits; /* of the zone, after them and before anything else */
        int64_t media_us, at_ms;    /* the latest of their ends */
    } ended;
    struct zone_stay **present; /* of who is inside and seen in this frame */
    int present_count;
    struct zone_change *changes; /* of this frame; at most two a stay */
    int change_count;
    /* what rules remember of the zone, beside of who is in it */
    struct zone_crowd {
        bool is_exceeded, is_told;
        int64_t since_us;
    } crowd;
    bool is_queue_exceeded;
    struct zone_count {
        bool is_told;              /* ever */
        int count, entries, exits; /* as of the last record */
        int64_t told_us;           /* what it is as of */
        bool is_exceeded;
    } told;
};
void zone_watch_init(struct zone_watch *watch, const struct zone *zone, const struct camera_rules *camera_rules,
                     const struct rule_settings *settings, int64_t *shed);
void zone_watch_clear(struct zone_watch *watch);
/* Another word on the same place. */
void zone_watch_configure(struct zone_watch *watch, const struct zone *zone, const struct camera_rules *camera_rules,
                          const struct rule_settings *settings);
void zone_watch_observe(struct zone_watch *watch, const struct rule_settings *settings,
                        const struct observation *observation);
/* Ends every stay. */
void zone_watch_finish(struct zone_watch *watch);
/* The ground lies elsewhere: the ways that are being measured over it begin anew. */
void zone_watch_forget_ways(struct zone_watch *watch);
/* False when the rule told of the stay already, or of its track within the cooldown, or the zone's schedule is against
 * it. */
bool zone_watch_may_tell(const struct zone_watch *watch, const struct zone_stay *stay, enum stay_rule rule,
                         const struct rule_context *context, const struct observation *observation);
/* Tells of a stay, where and who filled in, and remembers that. */
void zone_watch_tell(const struct zone_watch *watch, struct zone_stay *stay, enum stay_rule rule,
                     struct finding finding, const struct observation *observation, const struct analytics_sink *sink);

/* ---- limits with hysteresis ---- */

/* Becomes true above `limit`, and false again only `hysteresis` below what made it true. */
bool limit_is_exceeded(bool was_exceeded, int count, int limit, int hysteresis);

/* ---- lines ---- */

struct line_walker {
    struct watched watched; /* first: see watch_list */
    uint32_t frames[2];     /* on the left, on the right: a bit a frame, the latest is bit 0 */
    int8_t side;            /* settled: -1 left, 1 right, 0 not yet */
    bool is_left;           /* where it was last, settled or not */
    bool has_met;           /* the last change of side led over the segment */
    /* of who crosses: */
    int64_t counted_us[2]; /* last crossing in, out; -1: never */
    int64_t told_us;       /* that it went the wrong way, last; -1: never */
    struct record_box box;
};

struct line_watch {
    const struct line *line;
    struct record_point ends[2]; /* a and b, or beyond the picture where they lie on its edge */
    struct watch_list walkers;   /* of struct line_walker */
    struct schedule schedule;
    bool is_active; /* by its schedule, in this frame */
    int ins, outs;
    struct line_change {
        enum line_direction direction;
        bool is_counted;            /* not where it was counted less than recount_seconds ago */
        struct line_walker *walker; /* valid until the next frame */
    } * changes;                    /* of this frame; at most one a walker */
    int change_count;
};
void line_watch_init(struct line_watch *watch, const struct line *line, const struct camera_rules *camera_rules,
                     const struct rule_settings *settings, int64_t *shed);
void line_watch_clear(struct line_watch *watch);
/* Another word on the same place. */
void line_watch_configure(struct line_watch *watch, const struct line *line, const struct camera_rules *camera_rules,
                          const struct rule_settings *settings);
void line_watch_observe(struct line_watch *watch, const struct rule_settings *settings,
                        const struct observation *observation);
