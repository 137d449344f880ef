/* Objects left and taken: a part of the picture that stands still and is not what usually is there, in a zone that
 * looks for such, while nobody is with it. The pixels come from the frame path as facts; here is only who explains
 * them. */
#include "analytics/analytics_internal.h"

#include <math.h>

#include "facts/object_class.h"
#include "record/box.h"

enum { OBJECTS_MAX = 2 * PICTURE_REGIONS_MAX, ZONES_MAX = 64 };
/* As much of a thing is hidden by whom it belongs to, or more. */
static const double explained_share = 0.3;
/* A box that is so much the thing's own is no owner's, but the thing's. */
static const double same_overlap = 0.5;

/* Who passes by does not stay so long; who does, the thing is with. */
static const double attended_seconds = 3;
/* Of a thing in full view that is not told for so long, nothing stands there any more. Longer than what has just been
 * uncovered takes to be known as standing again. */
static const double gone_seconds = 3;
/* What is hidden for longer than this nobody knows any more: it may have been taken, or put back, behind who hides it.
 */
static const double hidden_seconds = 60;
/* So much of it inside another, and it is a part of that. */
static const double part_share = 0.5;
/* A moving object that has gone so many of its heights walked here by itself; a thing that was put down did not. */
static const double travelled_heights = 1;
/* What brakes is followed for a while where it would have driven on to, and is seen in pieces at first where it stands:
 * a new track may be one that was lost for so long, by where that was up to two of the shorter times before. */
static const int64_t settling_us = 3 * G_USEC_PER_SEC, braking_us = G_USEC_PER_SEC;

/* Where a track began, to know what walked here. */
struct arrival {
    struct watched watched;        /* first: see watch_list */
    struct record_box box, braked; /* seen last; up to two braking_us before */
    struct record_point born;
    int64_t braked_us, born_us; /* when `braked` was noted; media time */
    bool has_travelled;
};

struct object {
    struct record_box box;
    bool is_taken;
    int64_t found_us;
    int64_t alone_us;    /* since when nobody is with it */
    int64_t attended_us; /* since when somebody is with it; -1: nobody */
    int64_t seen_us;
    int64_t expected_us; /* seen last, or hidden */
    uint64_t told_zones; /* a bit for each zone's slot */
};

struct objects {
    struct object items[OBJECTS_MAX];
    int count;
    struct watch_list arrivals; /* of struct arrival */
};

static void *create(const struct rule_context *context)
{
    struct objects *objects = g_new0(struct objects, 1);
    watch_list_init(&objects->arrivals, sizeof(struct arrival), ANCHOR_BOTTOM, context->settings, context->shed);
    return objects;
}

static void release(void *state)
{
    struct objects *objects = state;
    watch_list_clear(&objects->arrivals);
    g_free(objects);
}

/* ---- who explains what ---- */

struct looking {
    const struct objects *objects;
    const struct observation *observation;
};

/* Whether somebody who walked here is out of sight where this one begins: a vehicle that brakes is lost where it would
 * have driven on to, and found where it stands. */
static bool walked_before(const struct objects *objects, const struct record_box *box, int64_t media_us)
{
    for (int i = 0; i < objects->arrivals.count; i++) {
        const struct arrival *arrival = watch_list_at(&objects->arrivals, i);
        if (arrival->has_travelled && arrival->watched.seen_us < media_us &&
            !watch_list_is_past(&objects->arrivals, arrival->watched.seen_us) &&
            MAX(box_iou(&arrival->box, box), box_iou(&arrival->braked, box)) >= same_overlap)
            return true;
    }
    return false;
}

static void note_box(struct arrival *arrival, const struct record_box *box, bool is_new, int64_t media_us)
{
    if (is_new || media_us - arrival->braked_us >= braking_us) {
        arrival->braked = is_new ? *box : arrival->box;
        arrival->braked_us = media_us;
    }
    arrival->box = *box;
}

static void see(void *data, void *item, const struct observed_track *track, const struct sighting *sighting)
{
    const struct looking *looking = data;
    const struct observation *observation = looking->observation;
    struct arrival *arrival = item;
    bool is_new = arrival->watched.seen_us < 0;
    watched_note(&arrival->watched, track, sighting, ANCHOR_BOTTOM, observation->media_us);
    struct record_point now = arrival->watched.anchor;
    note_box(arrival, &sighting->box, is_new, observation->media_us);
    if (is_new) {
        arrival->born = now;
        arrival->born_us = observation->media_us;
    }
    if (!arrival->has_travelled && observation->media_us - arrival->born_us < settling_us)
        arrival->has_travelled = walked_before(looking->objects, &arrival->box, observation->media_us);
    double aspect = observation_aspect(observation);
    double dx = now.x - arrival->born.x, dy = (now.y - arrival->born.y) * aspect;
    double least = travelled_heights * watched_height(&arrival->watched) * aspect;
    arrival->has_travelled = arrival->has_travelled || dx * dx + dy * dy > least * least;
}

static bool has_travelled(const struct objects *objects, uint64_t id)
{
    for (int i = 0; i < objects->arrivals.count; i++) {
        const struct arrival *arrival = watch_list_at(&objects->arrivals, i);
        if (arrival->watched.id == id)
            return arrival->has_travelled;
    }
    return false;
}

bool analytics_region_is_explained(const struct record_box *region, const struct record_box *box)
{
    double shared = box_shared_area(region, box);
    return shared > 0 && shared >= explained_share * region->w * region->h;
}

/* Whether the track is why the region looks as it does. Without a model everything that moves is a "motion" object,
 * also a thing that was put down: what has the thing's own box and did not walk here is then the thing. */
static bool explains(const struct objects *objects, const struct observed_track *track, const struct record_box *region)
{
    const struct record_box box = track_box(track);
    if (!analytics_region_is_explained(region, &box))
        return false;
    if (track->object_class == g_intern_static_string(OBJECT_CLASS_MOTION))
        return box_iou(&box, region) < same_overlap || has_travelled(objects, track->id);
    return object_is_living(track->object_class);
}

static bool is_attended(const struct objects *objects, const struct observation *observation,
                        const struct record_box *region)
{
    for (int i = 0; i < observation->track_count; i++)
        if (observation->tracks[i].is_confirmed && explains(objects, &observation->tracks[i], region))
            return true;
    return false;
}

/* ---- things ---- */

static struct object *find_or_add(struct objects *objects, const struct record_box *box, bool is_taken,
                                  const struct rule_context *context, int64_t media_us)
{
    for (int i = 0; i < objects->count; i++)
        if (objects->items[i].is_taken == is_taken && box_iou(&objects->items[i].box, box) > explained_share)
            return &objects->items[i];
    if (objects->count == OBJECTS_MAX) {
        ++*context->shed;
        return NULL;
    }
    struct object *object = &objects->items[objects->count++];
    *object = (struct object){.is_taken = is_taken, .found_us = media_us, .alone_us = media_us, .attended_us = -1};
    return object;
}

static void tell(const struct zone_watch *watch, const struct object *object, const struct observation *observation,
                 const struct analytics_sink *sink)
{
    char attributes[64];
    g_snprintf(attributes, sizeof attributes, "{\"seconds\":%.1f}",
               (double)(observation->media_us - object->alone_us) / 1e6);
    rule_tell(&(struct finding){.signal = object->is_taken ? RULE_SIGNAL_OBJECT_TAKEN : RULE_SIGNAL_OBJECT_LEFT,
                                .place = watch->zone->id,
                                .box = &object->box,
                                .attributes = attributes},
              observation, sink);
}

static void observe_object(struct object *object, const struct rule_context *context,
                           const struct observation *observation, const struct analytics_sink *sink)
{
    struct record_point foot = point_within_picture(box_anchor(&object->box, ANCHOR_BOTTOM));
    for (size_t i = 0; i < context->zone_count; i++) {
        const struct zone_watch *watch = &context->zones[i];
        if (watch->slot >= ZONES_MAX)
            continue;
        double limit = object->is_taken ? watch->zone->taken_seconds : watch->zone->left_seconds;
        bool is_due = limit > 0 && watch->is_active && !(object->told_zones >> watch->slot & 1) &&
                      (double)(observation->media_us - object->alone_us) >= limit * 1e6;
        if (!is_due || !polygon_holds(&watch->zone->polygon, foot))
            continue;
        object->told_zones |= UINT64_C(1) << watch->slot;
        tell(watch, object, observation, sink);
    }
}

/* True when nobody is with the thing. */
static bool note_attendance(struct object *object, bool is_attended_now, int64_t media_us)
{
    if (!is_attended_now) {
        object->attended_us = -1;
        return true;
    }
    if (object->attended_us < 0)
        object->attended_us = media_us;
    if ((double)(media_us - object->attended_us) >= attended_seconds * 1e6)
        object->alone_us = media_us;
    return false;
}

/* The share of `part` that is inside the box. */
static double share_inside(const struct record_box *part, const struct record_box *box)
{
    double area = part->w * part->h;
    return area > 0 ? box_shared_area(part, box) / area : 0;
}

/* Who walks past hides it for a moment. What was seen for a moment only is not waited for long: a shadow, or light. */
static bool is_waited_for(const struct object *object, int64_t media_us)
{
    double unseen = (double)(media_us - object->seen_us) / 1e6;
    double seen = (double)(object->seen_us - object->found_us) / 1e6;
    return (double)(media_us - object->expected_us) < gone_seconds * 1e6 && unseen <= fmax(seen, gone_seconds) &&
           unseen <= hidden_seconds;
}

static bool is_hidden(const struct object *object, const struct observation *observation)
{
    for (int i = 0; i < observation->track_count; i++)
        if (share_inside(&object->box, &observation->sightings[i].box) > 0)
            return true;
    return false;
}

/* What is larger now is told by one region, and remembered by one. */
static bool is_part_of_another(const struct objects *objects, const struct object *object, int64_t media_us)
{
    for (int i = 0; i < objects->count; i++) {
        const struct object *other = &objects->items[i];
        if (other->seen_us == media_us && other->is_taken == object->is_taken &&
            share_inside(&object->box, &other->box) >= part_share)
            return true;
    }
    return false;
}

static bool is_gone(const struct objects *objects, struct object *object, const struct observation *observation)
{
    int64_t media_us = observation->media_us;
    if (object->seen_us == media_us)
        return false;
    if (is_hidden(object, observation))
        object->expected_us = media_us;
    return !is_waited_for(object, media_us) || is_part_of_another(objects, object, media_us);
}

static void forget(struct objects *objects, const struct observation *observation)
{
    int kept = 0;
    for (int i = 0; i < objects->count; i++)
        if (!is_gone(objects, &objects->items[i], observation))
            objects->items[kept++] = objects->items[i];
    objects->count = kept;
}

static bool is_wanted(const struct rule_context *context)
{
    for (size_t i = 0; i < context->zone_count; i++)
        if (context->zones[i].zone->left_seconds > 0 || context->zones[i].zone->taken_seconds > 0)
            return true;
    return false;
}

/* What was told in the zone that had a new one's slot before was told of another place. */
static void forget_slots(struct objects *objects, const struct rule_context *context)
{
    uint64_t slots = 0;
    for (size_t i = 0; i < context->zone_count; i++)
        if (context->zones[i].is_new && context->zones[i].slot < ZONES_MAX)
            slots |= UINT64_C(1) << context->zones[i].slot;
    for (int i = 0; i < objects->count && slots; i++)
        objects->items[i].told_zones &= ~slots;
}

/* Who was with a thing over an outage nobody knows, nor is anybody followed yet who is with it now. */
static void begin_anew(struct objects *objects, int64_t media_us)
{
    for (int i = 0; i < objects->count; i++) {
        objects->items[i].alone_us = media_us;
        objects->items[i].attended_us = -1;
    }
}

static void observe(void *state, const struct rule_context *context, const struct observation *observation,
                    const struct analytics_sink *sink)
{
    struct objects *objects = state;
    forget_slots(objects, context);
    const struct picture_facts *picture = observation->picture;
    static const struct record_strings every_class;
    const double one = PICTURE_BOX_ONE;
    if (!picture || !is_wanted(context))
        return;
    if (watch_list_has_outage(&objects->arrivals, observation->media_us))
        begin_anew(objects, observation->media_us);
    watch_list_forget(&objects->arrivals, observation, &every_class, NULL);
    struct looking looking = {objects, observation};
    watch_list_observe(&objects->arrivals, observation, &every_class, NULL, see, &looking);
    for (int i = 0; i < picture->region_count; i++) {
        const struct picture_region *region = &picture->regions[i];
        const struct record_box box = {region->x / one, region->y / one, region->w / one, region->h / one};
        if (box.w * box.h < context->settings->object_minimum_area)
            continue;
        struct object *object = find_or_add(objects, &box, region->is_taken, context, observation->media_us);
        if (!object)
            continue;
        object->box = box;
        object->seen_us = object->expected_us = observation->media_us;
        if (note_attendance(object, is_attended(objects, observation, &box), observation->media_us))
            observe_object(object, context, observation, sink);
    }
    forget(objects, observation);
}

const struct rule rule_object = {
    "object", "something was left, or taken, in a zone that looks for it", create, observe, NULL, release};
