#include "hub/governor.h"

#include <glib.h>
#include <math.h>

enum { PATIENCE_MOST_TIMES = 16, ROOM_MOST = 9999 };

static const double disk_low_mark = 1 / 1.1; /* of disk_want: a tenth more is free than there must be */

static const char *const resource_names[GOVERNOR_RESOURCES] = {"cpu", "memory", "queue", "frame_age", "disk"};

static const struct {
    const char *text;
    bool sheds_quiet, sheds_all, sheds_previews;
} levels[GOVERNOR_LEVELS] = {
    [GOVERNOR_CALM] = {"nothing is left out", false, false, false},
    [GOVERNOR_QUIET_CAMERAS] = {"quiet cameras are analysed less often", true, false, false},
    [GOVERNOR_ALL_CAMERAS] = {"all cameras are analysed less often", true, true, false},
    [GOVERNOR_PREVIEWS] = {"all cameras are analysed less often, and no previews are made", true, true, true},
};

const char *governor_resource_name(enum governor_resource resource)
{
    return resource_names[resource];
}

const char *governor_level_text(enum governor_level level)
{
    return levels[level].text;
}

static unsigned bits_of(const bool is_so[GOVERNOR_RESOURCES])
{
    unsigned bits = 0;
    for (int i = 0; i < GOVERNOR_RESOURCES; i++)
        bits |= is_so[i] ? 1U << i : 0;
    return bits;
}

static unsigned hot_resources(const struct governor_settings *settings, const struct governor_measures *measures)
{
    const bool hot[GOVERNOR_RESOURCES] = {
        /* a busy CPU that keeps up is well used */
        [GOVERNOR_CPU] = measures->cpu_share >= settings->cpu_high && measures->late_share >= settings->late_high,
        [GOVERNOR_MEMORY] = measures->memory_share >= settings->memory_high,
        [GOVERNOR_QUEUE] = measures->queue_share >= settings->queue_high,
        [GOVERNOR_FRAME_AGE] = measures->frame_age_ms >= settings->frame_age_high_ms,
        [GOVERNOR_DISK] = measures->disk_want > 1,
    };
    return bits_of(hot);
}

/* Those above their low mark, below which it is calm. */
static unsigned lingering_resources(const struct governor_settings *settings, const struct governor_measures *measures)
{
    const bool lingers[GOVERNOR_RESOURCES] = {
        [GOVERNOR_CPU] = measures->cpu_share > settings->cpu_low,
        [GOVERNOR_MEMORY] = measures->memory_share > settings->memory_low,
        [GOVERNOR_QUEUE] = measures->queue_share > settings->queue_low,
        [GOVERNOR_FRAME_AGE] = measures->frame_age_ms > settings->frame_age_low_ms,
        [GOVERNOR_DISK] = measures->disk_want > disk_low_mark,
    };
    return bits_of(lingers);
}

static bool has_lasted(int64_t since_us, double seconds, int64_t now_us)
{
    return since_us && (double)(now_us - since_us) >= seconds * G_USEC_PER_SEC;
}

static int64_t patience_us(const struct governor *governor, const struct governor_settings *settings)
{
    return governor->patience_us ? governor->patience_us : (int64_t)(settings->recover_seconds * G_USEC_PER_SEC);
}

/* An overload that returns soon after a step back wants a longer calm before the next one. */
static void note_return(struct governor *governor, const struct governor_settings *settings, int64_t now_us)
{
    int64_t now_wanted_us = patience_us(governor, settings);
    int64_t most_us = (int64_t)(settings->recover_seconds * G_USEC_PER_SEC) * PATIENCE_MOST_TIMES;
    if (governor->was_relieved && now_us - governor->stepped_us <= 2 * now_wanted_us)
        governor->patience_us = MIN(2 * now_wanted_us, most_us);
    else if (governor->level == GOVERNOR_CALM)
        governor->patience_us = 0;
}

static void step_up(struct governor *governor, const struct governor_settings *settings, int64_t now_us)
{
    bool is_due = governor->level == GOVERNOR_CALM
                      ? has_lasted(governor->pressed_since_us, settings->overload_seconds, now_us)
                      : has_lasted(governor->stepped_us, settings->step_seconds, now_us);
    if (!is_due || governor->level + 1 == GOVERNOR_LEVELS)
        return;
    note_return(governor, settings, now_us);
    governor->level++;
    governor->stepped_us = now_us;
    governor->was_relieved = false;
}

static void step_back(struct governor *governor, const struct governor_settings *settings, int64_t now_us)
{
    double patience_seconds = (double)patience_us(governor, settings) / G_USEC_PER_SEC;
    if (governor->level == GOVERNOR_CALM || !has_lasted(governor->calm_since_us, patience_seconds, now_us) ||
        !has_lasted(governor->stepped_us, patience_seconds, now_us))
        return;
    governor->level--;
    if (governor->level == GOVERNOR_CALM)
        governor->blamed = 0;
    governor->stepped_us = now_us;
    governor->was_relieved = true;
}

static void note_since(int64_t *since_us, bool is_so, int64_t now_us)
{
    if (!is_so)
        *since_us = 0;
    else if (*since_us == 0)
        *since_us = MAX(now_us, 1);
}

/* It lasts until all that was too much has settled: what swings around its mark would be told again and again. */
static bool is_overloaded(const struct governor *governor, const struct governor_settings *settings, int64_t now_us)
{
    bool is_over = governor->is_overloaded ? has_lasted(governor->settled_since_us, settings->recover_seconds, now_us)
                                           : !has_lasted(governor->hot_since_us, settings->overload_seconds, now_us);
    return governor->level != GOVERNOR_CALM || !is_over;
}

bool governor_turn(struct governor *governor, const struct governor_settings *settings,
                   const struct governor_measures *measures, int64_t now_us)
{
    enum governor_level level = governor->level;
    bool was_overloaded = governor->is_overloaded;
    governor->hot = hot_resources(settings, measures);
    unsigned lingering = lingering_resources(settings, measures), shed_for = governor->hot & ~(1U << GOVERNOR_DISK);
    bool sheds = settings->shed && shed_for;
    note_since(&governor->hot_since_us, governor->hot != 0, now_us);
    note_since(&governor->pressed_since_us, sheds, now_us);
    bool is_calm = !sheds && !(governor->blamed & lingering);
    note_since(&governor->calm_since_us, is_calm, now_us);
    note_since(&governor->settled_since_us, !governor->hot && !(governor->told & lingering), now_us);
    if (sheds)
        step_up(governor, settings, now_us);
    else
        step_back(governor, settings, now_us);
    if (sheds && governor->level != GOVERNOR_CALM)
        governor->blamed |= shed_for;
    governor->is_overloaded = is_overloaded(governor, settings, now_us);
    governor->told = governor->is_overloaded ? governor->told | governor->hot : 0;
    return governor->level != level || governor->is_overloaded != was_overloaded;
}

void governor_order(const struct governor *governor, const struct governor_settings *settings,
                    struct governor_order *order)
{
    *order = (struct governor_order){
        .quiet_scale = levels[governor->level].sheds_quiet ? settings->quiet_scale : 1,
        .all_scale = levels[governor->level].sheds_all ? settings->all_scale : 1,
        .has_previews = !levels[governor->level].sheds_previews,
    };
}

int governor_room(const struct governor_settings *settings, const struct governor_load *load)
{
    if (load->camera_cores <= 0 || load->cores <= 0)
        return -1;
    double room = (load->cores * settings->cpu_target - load->used_cores) / load->camera_cores;
    if (load->camera_bytes > 0 && load->memory_bytes > 0)
        room = MIN(room, ((double)load->memory_bytes * settings->memory_low - (double)load->used_bytes) /
                             (double)load->camera_bytes);
    return (int)CLAMP(floor(room), 0, ROOM_MOST);
}
