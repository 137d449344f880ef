/* Who is in a zone: kept once for all rules that ask. A stay begins and ends after settle_frames in a row; a track that
 * is lost inside stays inside until it is forgotten, and its stay passes on to a new track that appears where it should
 * be. */
#include "analytics/analytics_internal.h"

#include <glib.h>
#include <string.h>

void zone_watch_init(struct zone_watch *watch, const struct zone *zone)
{
    memset(watch, 0, sizeof *watch);
    watch->zone = zone;
    watch->stays = g_new0(struct zone_stay, WATCH_TRACKS_MAX);
    watch->changes = g_new0(struct zone_change, 2 * WATCH_TRACKS_MAX);
}

void zone_watch_clear(struct zone_watch *watch)
{
    g_free(watch->stays);
    g_free(watch->changes);
}

static struct zone_stay *find_stay(struct zone_watch *watch, uint64_t id)
{
    for (int i = 0; i < watch->count; i++)
        if (watch->stays[i].watched.id == id)
            return &watch->stays[i];
    return NULL;
}

/* The stay of a track: its own, one it takes over, or a new one. NULL when the bound is reached. */
static struct zone_stay *stay_of(struct zone_watch *watch, const struct observed_track *track, int64_t media_us)
{
    struct zone_stay *stay = find_stay(watch, track->id);
    for (int i = 0; !stay && i < watch->count; i++)
        if (watch->stays[i].is_inside && watched_is_same(&watch->stays[i].watched, track, media_us))
            stay = &watch->stays[i];
    if (!stay && watch->count < WATCH_TRACKS_MAX) {
        stay = &watch->stays[watch->count++];
        *stay = (struct zone_stay){.intrusion_told_us = -1};
    }
    watch->shed += !stay;
    return stay;
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

static void observe_track(struct zone_watch *watch, const struct rule_settings *settings,
                          const struct observation *observation, const struct observed_track *track)
{
    struct zone_stay *stay = stay_of(watch, track, observation->media_us);
    if (!stay)
        return;
    watched_note(&stay->watched, track, observation->media_us);
    stay->box = track_box(track);
    bool is_in = polygon_holds(&watch->zone->polygon, stay->watched.anchor);
    stay->frames_in = is_in ? stay->frames_in + 1 : 0;
    stay->frames_out = is_in ? 0 : stay->frames_out + 1;
    if (!stay->is_inside && stay->frames_in >= settings->settle_frames)
        enter(watch, stay, observation);
    else if (stay->is_inside && stay->frames_out >= settings->settle_frames)
        leave(watch, stay, observation->media_us);
    double dwell = watch->zone->dwell_seconds;
    if (stay->is_inside && !stay->has_dwelt && dwell > 0 &&
        (double)(observation->media_us - stay->entered_us) >= dwell * 1e6) {
        stay->has_dwelt = true;
        change(watch, ZONE_HIT_DWELL, stay, observation->media_us);
    }
}

/* Stays that ended in the last frame were still needed for its changes; now they may go. */
static void forget(struct zone_watch *watch, int64_t media_us)
{
    int kept = 0;
    for (int i = 0; i < watch->count; i++) {
        const struct zone_stay *stay = &watch->stays[i];
        if (stay->is_inside || media_us - stay->watched.seen_us <= watch_memory_us)
            watch->stays[kept++] = *stay;
    }
    watch->count = kept;
}

void zone_watch_observe(struct zone_watch *watch, const struct rule_settings *settings,
                        const struct observation *observation)
{
    watch->change_count = 0;
    forget(watch, observation->media_us);
    for (int i = 0; i < observation->track_count; i++) {
        const struct observed_track *track = &observation->tracks[i];
        if (track->is_confirmed && !track->is_lost && class_is_wanted(&watch->zone->classes, track->object_class))
            observe_track(watch, settings, observation, track);
    }
    for (int i = 0; i < watch->count; i++) {
        struct zone_stay *stay = &watch->stays[i];
        if (stay->is_inside && observation->media_us - stay->watched.seen_us > watch_memory_us)
            leave(watch, stay, stay->watched.seen_us);
    }
}

void zone_watch_finish(struct zone_watch *watch)
{
    watch->change_count = 0;
    for (int i = 0; i < watch->count; i++)
        if (watch->stays[i].is_inside)
            leave(watch, &watch->stays[i], watch->stays[i].watched.seen_us);
}
