/* Who is in a zone: kept once for all rules that ask. A stay begins and ends after settle_frames in a row; a track that
 * is lost inside stays inside until it is forgotten, and its stay passes on to a new track that appears where it should
 * be. */
#include "analytics/analytics_internal.h"

#include <glib.h>
#include <string.h>

void zone_watch_init(struct zone_watch *watch, const struct zone *zone, int64_t *shed)
{
    memset(watch, 0, sizeof *watch);
    watch->zone = zone;
    watch_list_init(&watch->stays, sizeof(struct zone_stay), shed);
    watch->changes = g_new0(struct zone_change, 2 * WATCH_TRACKS_MAX);
}

void zone_watch_clear(struct zone_watch *watch)
{
    watch_list_clear(&watch->stays);
    g_free(watch->changes);
}

static void change(struct zone_watch *watch, enum zone_hit_event event, struct zone_stay *stay, int64_t media_us)
{
    double seconds = event == ZONE_HIT_ENTER ? 0 : (double)(media_us - stay->entered_us) / 1e6;
    watch->changes[watch->change_count++] = (struct zone_change){event, stay, seconds};
}

static void enter(struct zone_watch *watch, struct zone_stay *stay, const struct observation *observation)
{
    stay->is_inside = true;
    stay->has_dwelt = false;
    stay->entered_us = observation->media_us;
    stay->entered_ms = observation->at_ms;
    watch->inside++;
    watch->entries++;
    change(watch, ZONE_HIT_ENTER, stay, observation->media_us);
}

static void leave(struct zone_watch *watch, struct zone_stay *stay, int64_t media_us)
{
    stay->is_inside = false;
    watch->inside--;
    watch->exits++;
    change(watch, ZONE_HIT_EXIT, stay, media_us);
}

/* What one frame shows to one zone. */
struct look {
    struct zone_watch *watch;
    const struct rule_settings *settings;
    const struct observation *observation;
};

static void see(void *data, void *item, const struct observed_track *track)
{
    const struct look *look = data;
    struct zone_watch *watch = look->watch;
    struct zone_stay *stay = item;
    int64_t media_us = look->observation->media_us;
    if (stay->watched.seen_us < 0)
        stay->intrusion_told_us = -1;
    watched_note(&stay->watched, track, media_us);
    stay->box = track_box(track);
    bool is_in = polygon_holds(&watch->zone->polygon, stay->watched.anchor);
    stay->frames_in = is_in ? stay->frames_in + 1 : 0;
    stay->frames_out = is_in ? 0 : stay->frames_out + 1;
    if (!stay->is_inside && stay->frames_in >= look->settings->settle_frames)
        enter(watch, stay, look->observation);
    else if (stay->is_inside && stay->frames_out >= look->settings->settle_frames)
        leave(watch, stay, media_us);
    double dwell = watch->zone->dwell_seconds;
    if (stay->is_inside && !stay->has_dwelt && dwell > 0 && (double)(media_us - stay->entered_us) >= dwell * 1e6) {
        stay->has_dwelt = true;
        change(watch, ZONE_HIT_DWELL, stay, media_us);
    }
}

static bool is_inside(const void *item)
{
    return ((const struct zone_stay *)item)->is_inside;
}

void zone_watch_observe(struct zone_watch *watch, const struct rule_settings *settings,
                        const struct observation *observation)
{
    struct look look = {watch, settings, observation};
    watch->change_count = 0;
    /* Stays that ended in the last frame were still needed for its changes; now they may go. */
    watch_list_forget(&watch->stays, observation->media_us, is_inside);
    watch_list_observe(&watch->stays, observation, &watch->zone->classes, is_inside, see, &look);
    for (int i = 0; i < watch->stays.count; i++) {
        struct zone_stay *stay = watch_list_at(&watch->stays, i);
        if (stay->is_inside && observation->media_us - stay->watched.seen_us > watch_memory_us)
            leave(watch, stay, stay->watched.seen_us);
    }
}

void zone_watch_finish(struct zone_watch *watch)
{
    watch->change_count = 0;
    for (int i = 0; i < watch->stays.count; i++) {
        struct zone_stay *stay = watch_list_at(&watch->stays, i);
        if (stay->is_inside)
            leave(watch, stay, stay->watched.seen_us);
    }
}
