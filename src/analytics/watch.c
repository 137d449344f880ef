/* Memory of tracks: what a rule knows of each, and who it passes on to when a tracker loses the id. */
#include "analytics/analytics_internal.h"

#include <glib.h>
#include <math.h>
#include <string.h>

const int64_t watch_memory_us = 2 * 1000000;

void watched_note(struct watched *watched, const struct observed_track *track, int64_t media_us)
{
    watched->id = track->id;
    watched->object_class = track->object_class;
    watched->anchor = track_anchor(track);
    watched->height = track_box(track).h;
    watched->speed_x = (double)track->speed_x / OBSERVATION_SPEED_ONE;
    watched->speed_y = (double)track->speed_y / OBSERVATION_SPEED_ONE;
    watched->seen_us = media_us;
}

/* How far `track` is from where `watched`, out of sight, would be now, as a share of how far it may be: below 1 it is
 * likely the same figure. */
static double strangeness(const struct watched *watched, const struct observed_track *track, int64_t media_us)
{
    /* A figure is about a third as wide as high; half its height is a step aside, not another figure's place. */
    const double reach = 0.5, reach_per_second = 0.5;
    double seconds = (double)(media_us - watched->seen_us) / 1e6;
    if (seconds <= 0 || watched->object_class != track->object_class || !(watched->height > 0))
        return INFINITY;
    struct record_point anchor = track_anchor(track);
    double dx = anchor.x - (watched->anchor.x + watched->speed_x * seconds);
    double dy = anchor.y - (watched->anchor.y + watched->speed_y * seconds);
    return hypot(dx, dy) / (watched->height * (reach + reach_per_second * seconds));
}

void watch_list_init(struct watch_list *list, size_t size, int64_t *shed)
{
    *list = (struct watch_list){g_malloc0_n(WATCH_TRACKS_MAX, size), size, 0, shed};
}

void watch_list_clear(struct watch_list *list)
{
    g_free(list->items);
}

static void *find(const struct watch_list *list, uint64_t id)
{
    for (int i = 0; i < list->count; i++) {
        struct watched *watched = watch_list_at(list, i);
        if (watched->id == id)
            return watched;
    }
    return NULL;
}

static void *find_predecessor(const struct watch_list *list, const struct observed_track *track, int64_t media_us,
                              watch_passes *passes)
{
    double least = 1;
    void *nearest = NULL;
    for (int i = 0; i < list->count; i++) {
        struct watched *watched = watch_list_at(list, i);
        double distance = strangeness(watched, track, media_us);
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

void watch_list_observe(struct watch_list *list, const struct observation *observation,
                        const struct record_strings *classes, watch_passes *passes,
                        void (*see)(void *data, void *item, const struct observed_track *track), void *data)
{
    for (int is_for_new = 0; is_for_new < 2; is_for_new++)
        for (int i = 0; i < observation->track_count; i++) {
            const struct observed_track *track = &observation->tracks[i];
            if (!track->is_confirmed || track->is_lost || !class_is_wanted(classes, track->object_class))
                continue;
            void *item = find(list, track->id);
            if (is_for_new == (item != NULL)) /* known ones had their turn, new ones wait for theirs */
                continue;
            if (!item)
                item = find_predecessor(list, track, observation->media_us, passes);
            if (!item)
                item = add(list);
            if (item)
                see(data, item, track);
        }
}

void watch_list_forget(struct watch_list *list, int64_t media_us, bool (*keeps)(const void *item))
{
    int kept = 0;
    for (int i = 0; i < list->count; i++) {
        const struct watched *watched = watch_list_at(list, i);
        if (media_us - watched->seen_us > watch_memory_us && !(keeps && keeps(watched)))
            continue;
        if (kept != i)
            memcpy(watch_list_at(list, kept), watched, list->size);
        kept++;
    }
    list->count = kept;
}
