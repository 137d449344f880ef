/* Memory of tracks: what a rule knows of each, and who it passes on to when a tracker loses the id. */
#include "analytics/analytics_internal.h"

#include <glib.h>
#include <math.h>
#include <string.h>

enum { CACHE_LINE_BYTES = 64 };

/* How far `track` is from where `watched`, out of sight, would be now, as a share of how far it may be: below 1 it is
 * likely the same figure. */
static double strangeness(const struct watched *watched, const struct observed_track *track, enum anchor anchor,
                          const struct observation *observation)
{
    /* Of its height, after no time, and as much more each second: a figure is about a third as wide as high, so this is
     * a step aside, not another figure's place. A step to or from the camera is shorter in the picture. */
    const double reach_across = 0.75, reach_down = 0.5;
    double seconds = (double)(observation->media_us - watched->seen_us) / 1e6;
    if (seconds <= 0 || watched->object_class != track->object_class || watched->height <= 0)
        return INFINITY;
    struct record_point now = track_anchor(track, anchor);
    double units = seconds / OBSERVATION_SPEED_ONE;
    double dx = now.x - (watched->anchor.x + watched->speed_x * units);
    double dy = now.y - (watched->anchor.y + watched->speed_y * units);
    double aspect = observation_aspect(observation);
    double heights = hypot(dx / aspect / reach_across, dy / reach_down) / watched_height(watched);
    return heights / (1 + seconds);
}

void watch_list_init(struct watch_list *list, size_t size, enum anchor anchor, const struct rule_settings *settings,
                     int64_t *shed)
{
    /* an odd number of lines: an even one would leave half of the cache's sets, or more, without any item */
    size_t whole = (((size + CACHE_LINE_BYTES - 1) / CACHE_LINE_BYTES) | 1) * CACHE_LINE_BYTES;
    *list = (struct watch_list){
        .items = g_aligned_alloc0(WATCH_TRACKS_MAX, whole, CACHE_LINE_BYTES),
        .size = whole,
        .anchor = anchor,
        .shed = shed,
    };
    watch_list_configure(list, settings);
}

void watch_list_configure(struct watch_list *list, const struct rule_settings *settings)
{
    list->memory_us = (int64_t)(settings->memory_seconds * 1e6);
    list->outage_us = (int64_t)(settings->outage_seconds * 1e6);
}

void watch_list_clear(struct watch_list *list)
{
    g_aligned_free(list->items);
}

static void *find_predecessor(const struct watch_list *list, const struct observed_track *track,
                              const struct observation *observation, watch_passes *passes)
{
    double least = 1;
    void *nearest = NULL;
    for (int i = 0; i < list->count; i++) {
        struct watched *watched = watch_list_at(list, i);
        if (observation->media_us - watched->seen_us > MIN(list->memory_us, list->kept_us))
            continue; /* kept, or held, for its own id only: by now anybody may be there */
        double distance = strangeness(watched, track, list->anchor, observation);
        if (distance < least && (!passes || passes(watched))) {
            least = distance;
            nearest = watched;
        }
    }
    return nearest;
}

static void *add(struct watch_list *list)
{
    if (list->count == WATCH_TRACKS_MAX) {
        ++*list->shed;
        return NULL;
    }
    struct watched *watched = watch_list_at(list, list->count++);
    memset(watched, 0, list->size);
    watched->seen_us = -1;
    return watched;
}

void watch_list_meet(struct watch_list *list, const struct observation *observation,
                     const struct record_strings *classes, watch_passes *passes, watch_sees *see, void *data)
{
    int next = 0;
    for (int i = 0; i < observation->track_count; i++) {
        const struct observed_track *track = &observation->tracks[i];
        if (!watch_list_counts(track, classes) || watch_list_find(list, track->id, &next))
            continue;
        void *item = find_predecessor(list, track, observation, passes);
        item = item ? item : add(list);
        if (item)
            see(data, item, track, &observation->sightings[i]);
    }
}

static bool has_track(const struct observation *observation, const struct record_strings *classes, uint64_t id,
                      int *next)
{
    for (int tried = 0; tried < observation->track_count; tried++) {
        int index = *next < observation->track_count ? *next : 0;
        *next = index + 1;
        if (observation->tracks[index].id == id)
            return watch_list_wants(classes, observation->tracks[index].object_class);
    }
    return false;
}

/* How many may be held beyond the memory in the frame that began. */
static int room_to_hold(const struct watch_list *list, bool is_outage)
{
    int room = is_outage ? 0 : WATCH_HELD_MAX;
    for (int i = 0; i < list->count; i++)
        room -= !watch_list_is_past(list, ((const struct watched *)watch_list_at(list, i))->seen_us);
    return room;
}

void watch_list_forget(struct watch_list *list, const struct observation *observation,
                       const struct record_strings *classes, bool (*keeps)(const void *item))
{
    const struct watch_list before = *list;
    const int64_t media_us = observation->media_us, since_us = media_us - list->frame_us;
    const bool is_outage = watch_list_has_outage(list, media_us);
    list->kept_us = is_outage ? 0 : MAX(list->memory_us, since_us);
    list->frame_us = media_us;
    if (!watch_list_is_past(list, list->oldest_us))
        return;
    int kept = 0, next = 0, room = room_to_hold(list, is_outage);
    list->oldest_us = media_us;
    for (int i = 0; i < list->count; i++) {
        struct watched *watched = watch_list_at(list, i);
        bool was_over = watch_list_is_over(&before, watched);
        watched->is_held = room > 0 && !was_over && watch_list_is_past(list, watched->seen_us) &&
                           has_track(observation, classes, watched->id, &next);
        room -= watched->is_held;
        if (watch_list_is_over(list, watched) && !(keeps && keeps(watched)))
            continue;
        if (kept != i)
            memcpy(watch_list_at(list, kept), watched, list->size);
        kept++;
        list->oldest_us = MIN(list->oldest_us, watched->seen_us);
    }
    list->count = kept;
}
