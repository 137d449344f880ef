/* Who is in a zone: kept once for all rules that ask. A stay begins and ends when it has settled; a track that is lost
 * inside stays inside until it is forgotten, for longer than the rules' memory as long as the tracker has its id, and
 * its stay passes on to a new track that appears where it should be. Who was out of sight for longer has left: its stay
 * ends before a frame is looked at, and nobody in it goes on with it. */
#include "analytics/analytics_internal.h"

#include <string.h>

void zone_watch_init(struct zone_watch *watch, const struct zone *zone, const struct camera_rules *camera_rules,
                     const struct rule_settings *settings, int64_t *shed)
{
    memset(watch, 0, sizeof *watch);
    watch->zone = zone;
    watch->bounds = polygon_bounds(&zone->polygon);
    watch_list_init(&watch->stays, sizeof(struct zone_stay), zone->anchor, settings, shed);
    schedule_init(&watch->schedule, &zone->schedule, camera_rules->time_zone);
    watch->present = g_new0(struct zone_stay *, WATCH_TRACKS_MAX);
    watch->changes = g_new0(struct zone_change, 2 * WATCH_TRACKS_MAX);
}

void zone_watch_clear(struct zone_watch *watch)
{
    watch_list_clear(&watch->stays);
    schedule_clear(&watch->schedule);
    g_free(watch->present);
    g_free(watch->changes);
}

void zone_watch_configure(struct zone_watch *watch, const struct zone *zone, const struct camera_rules *camera_rules,
                          const struct rule_settings *settings)
{
    watch->zone = zone;
    watch_list_configure(&watch->stays, settings);
    schedule_clear(&watch->schedule);
    schedule_init(&watch->schedule, &zone->schedule, camera_rules->time_zone);
}

/* Reckoned from a frame close by: over an outage the camera's clock and ours may have been set. */
static int64_t moment_ms(const struct zone_watch *watch, int64_t media_us)
{
    return watch->frame_ms - (watch->frame_us - media_us) / 1000;
}

static void change(struct zone_watch *watch, enum zone_hit_event event, struct zone_stay *stay, int64_t media_us)
{
    double seconds = event == ZONE_HIT_ENTER ? 0 : (double)(media_us - stay->entered_us) / 1e6;
    watch->changes[watch->change_count++] = (struct zone_change){event, stay, seconds, moment_ms(watch, media_us)};
}

static void enter(struct zone_watch *watch, struct zone_stay *stay, const struct observation *observation)
{
    stay->is_inside = true;
    stay->has_dwelt = false;
    /* who loiters is told once, however often it steps out */
    stay->is_told[STAY_INTRUSION] = stay->is_told[STAY_DIRECTION] = stay->is_told[STAY_SPEED] = false;
    stay->pace.id = stay->heading.id = 0;
    stay->frames_in = stay->frames_out = 0;
    stay->entered_us = observation->media_us;
    stay->entered_ms = observation->at_ms;
    watch->inside++;
    watch->entries++;
    change(watch, ZONE_HIT_ENTER, stay, observation->media_us);
}

static void leave(struct zone_watch *watch, struct zone_stay *stay, int64_t media_us)
{
    stay->is_inside = false;
    stay->frames_in = stay->frames_out = 0;
    watch->inside--;
    watch->exits++;
    change(watch, ZONE_HIT_EXIT, stay, media_us);
}

/* What one frame shows to one zone. */
struct look {
    struct zone_watch *watch;
    const struct rule_settings *settings;
    const struct observation *observation;
    /* taken from them, because every track asks */
    struct record_point low, high; /* of the polygon's bounds */
    enum anchor anchor;
    int64_t media_us;
};

static inline bool zone_holds(const struct look *look, struct record_point p)
{
    return p.x >= look->low.x && p.x <= look->high.x && p.y >= look->low.y && p.y <= look->high.y &&
           polygon_holds(&look->watch->zone->polygon, p);
}

static void note_dwell(struct zone_watch *watch, struct zone_stay *stay, int64_t media_us)
{
    double dwell = watch->zone->dwell_seconds;
    if (stay->has_dwelt || dwell <= 0 || (double)(media_us - stay->entered_us) < dwell * 1e6)
        return;
    stay->has_dwelt = true;
    change(watch, ZONE_HIT_DWELL, stay, media_us);
}

/* Of somebody new, or of somebody whose stay is over: only where it was last is still asked for, by its exit. */
static void begin(struct zone_stay *stay)
{
    *stay = (struct zone_stay){.watched = stay->watched, .box = stay->box};
    for (int i = 0; i < STAY_RULES; i++)
        stay->told_us[i] = -1;
}

static inline __attribute__((always_inline)) void see(void *data, void *item, const struct observed_track *track,
                                                      const struct sighting *sighting)
{
    const struct look *look = data;
    struct zone_watch *watch = look->watch;
    struct zone_stay *stay = item;
    int64_t media_us = look->media_us, before_us = stay->watched.seen_us;
    if (before_us < 0 || watch_list_is_over(&watch->stays, &stay->watched))
        begin(stay);
    watched_note(&stay->watched, track, sighting, look->anchor, media_us);
    bool is_in = zone_holds(look, point_within_picture(sighting->anchors[look->anchor - 1]));
    stay->frames_in = stay->frames_in << 1 | is_in;
    stay->frames_out = stay->frames_out << 1 | !is_in;
    if (!is_in && !stay->is_inside) /* most are elsewhere */
        return;
    stay->box = sighting->box;
    if (stay->is_inside && is_in)
        stay->present_us += media_us - before_us;
    if (!stay->is_inside && is_in && is_settled(stay->frames_in, look->settings))
        enter(watch, stay, look->observation);
    else if (stay->is_inside && !is_in && is_settled(stay->frames_out, look->settings))
        leave(watch, stay, media_us);
    if (!stay->is_inside)
        return;
    watch->present[watch->present_count++] = stay;
    note_dwell(watch, stay, media_us);
}

static bool is_inside(const void *item)
{
    return ((const struct zone_stay *)item)->is_inside;
}

/* Ends the stays of who is out of sight for too long, or all: as of when each was last seen. */
static void end_stays(struct zone_watch *watch, bool are_all)
{
    struct watch_list *stays = &watch->stays;
    struct zone_ended *ended = &watch->ended;
    ended->count = 0;
    if (!are_all && !watch_list_is_past(stays, stays->oldest_us))
        return; /* nobody is */
    for (int i = 0; i < stays->count; i++) {
        struct zone_stay *stay = watch_list_at(stays, i);
        int64_t seen_us = stay->watched.seen_us;
        if (!stay->is_inside || !(are_all || watch_list_is_over(stays, &stay->watched)))
            continue;
        leave(watch, stay, seen_us);
        ended->media_us = ended->count++ == 0 ? seen_us : MAX(ended->media_us, seen_us);
    }
    ended->at_ms = moment_ms(watch, ended->media_us);
    ended->inside = watch->inside;
    ended->entries = watch->entries;
    ended->exits = watch->exits;
}

void zone_watch_observe(struct zone_watch *watch, const struct rule_settings *settings,
                        const struct observation *observation)
{
    const struct record_box *bounds = &watch->bounds;
    struct look look = {watch,
                        settings,
                        observation,
                        {bounds->x, bounds->y},
                        {bounds->x + bounds->w, bounds->y + bounds->h},
                        watch->zone->anchor,
                        observation->media_us};
    watch->change_count = watch->present_count = 0;
    watch->is_new = !watch->is_begun;
    watch->is_begun = true;
    watch->is_active = schedule_is_active(&watch->schedule, observation->at_ms);
    /* Stays that ended in the last frame were still needed for its changes; now they may go. */
    watch_list_forget(&watch->stays, observation, &watch->zone->classes, is_inside);
    end_stays(watch, false);
    watch->frame_us = observation->media_us;
    watch->frame_ms = observation->at_ms;
    watch_list_observe(&watch->stays, observation, &watch->zone->classes, is_inside, see, &look);
}

void zone_watch_finish(struct zone_watch *watch)
{
    watch->change_count = watch->present_count = 0;
    end_stays(watch, true);
}

void zone_watch_forget_ways(struct zone_watch *watch)
{
    for (int i = 0; i < watch->stays.count; i++)
        ((struct zone_stay *)watch_list_at(&watch->stays, i))->pace.id = 0;
}

bool zone_watch_may_tell(const struct zone_watch *watch, const struct zone_stay *stay, enum stay_rule rule,
                         const struct rule_context *context, const struct observation *observation)
{
    int64_t told_us = stay->told_us[rule];
    double since = (double)(observation->media_us - told_us) / 1e6;
    return watch->is_active && !stay->is_told[rule] && (told_us < 0 || since >= context->settings->cooldown_seconds);
}

void zone_watch_tell(const struct zone_watch *watch, struct zone_stay *stay, enum stay_rule rule,
                     struct finding finding, const struct observation *observation, const struct analytics_sink *sink)
{
    stay->is_told[rule] = true;
    stay->told_us[rule] = observation->media_us;
    finding.place = watch->zone->id;
    finding.watched = &stay->watched;
    finding.box = &stay->box;
    rule_tell(&finding, observation, sink);
}
