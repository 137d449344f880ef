#include "hub/progress.h"

#include <glib.h>
#include <string.h>

static bool frames_wanted(const struct camera_health *health)
{
    return g_strcmp0(health->state, "ended") != 0;
}

/* What a camera's `decode` leaves out came all the same. */
static int64_t frames_done(const struct camera_health *health)
{
    return health->frames_decoded + health->packets_skipped_non_reference + health->packets_skipped_delta +
           health->packets_skipped_quiet;
}

static bool analyses_wanted(const struct camera_health *health)
{
    return health->frame_age_ms > 0;
}

static int64_t analyses_done(const struct camera_health *health)
{
    return health->frames_processed;
}

/* What a worker held that is gone went with it: none of that will be taken over. */
static bool records_wanted(const struct camera_health *health)
{
    return g_strcmp0(health->state, "failed") != 0 &&
           health->records_made - health->records_dropped > health->records_acknowledged;
}

static int64_t records_done(const struct camera_health *health)
{
    return health->records_acknowledged;
}

static bool deliveries_wanted(const struct camera_health *health)
{
    return health->records_received > health->records_stored;
}

static int64_t deliveries_done(const struct camera_health *health)
{
    return health->records_stored;
}

static const struct stage {
    const char *name;
    bool (*is_wanted)(const struct camera_health *health);
    int64_t (*done)(const struct camera_health *health);
    size_t deadline; /* offset of its setting */
    size_t stalled;  /* offset of what is told of it */
} stages[PROGRESS_STAGES] = {
    {"frames", frames_wanted, frames_done, offsetof(struct progress_settings, frames_seconds),
     offsetof(struct camera_health, frames_stalled_seconds)},
    {"analyses", analyses_wanted, analyses_done, offsetof(struct progress_settings, analyses_seconds),
     offsetof(struct camera_health, analyses_stalled_seconds)},
    {"records", records_wanted, records_done, offsetof(struct progress_settings, records_seconds),
     offsetof(struct camera_health, records_stalled_seconds)},
    {"deliveries", deliveries_wanted, deliveries_done, offsetof(struct progress_settings, deliveries_seconds),
     offsetof(struct camera_health, deliveries_stalled_seconds)},
};

const char *progress_stage_name(enum progress_stage stage)
{
    return stages[stage].name;
}

/* True when it began or ceased to stand still. */
static bool look_at(struct progress_watch *watch, bool is_wanted, int64_t done, double deadline_seconds, int64_t now_us)
{
    if (!is_wanted || done > watch->done)
        watch->moved_us = now_us;
    watch->done = done;
    bool was_stalled = watch->is_stalled;
    watch->is_stalled = deadline_seconds > 0 && (double)(now_us - watch->moved_us) >= deadline_seconds * G_USEC_PER_SEC;
    return watch->is_stalled != was_stalled;
}

/* What is seldom asked for seldom comes. */
static double deadline_of(const struct progress *progress, enum progress_stage stage,
                          const struct progress_settings *deadlines)
{
    double seconds;
    memcpy(&seconds, (const char *)deadlines + stages[stage].deadline, sizeof seconds);
    if (stage != PROGRESS_FRAMES || seconds == 0)
        return seconds;
    return MAX(seconds, PROGRESS_PICTURE_INTERVALS * progress->picture_interval_seconds);
}

double progress_longest_seconds(const struct progress *progress, const struct progress_settings *deadlines)
{
    double longest = 0;
    for (int i = 0; i < PROGRESS_STAGES; i++)
        longest = MAX(longest, deadline_of(progress, (enum progress_stage)i, deadlines));
    return longest;
}

unsigned progress_look(struct progress *progress, const struct camera_health *health,
                       const struct progress_settings *deadlines, int64_t now_us)
{
    unsigned changed = 0;
    progress->picture_interval_seconds = health->picture_interval_seconds;
    for (int i = 0; i < PROGRESS_STAGES; i++) {
        if (!progress->has_looked)
            progress->stages[i].moved_us = now_us;
        if (look_at(&progress->stages[i], stages[i].is_wanted(health), stages[i].done(health),
                    deadline_of(progress, (enum progress_stage)i, deadlines), now_us))
            changed |= 1U << i;
    }
    progress->has_looked = true;
    return changed;
}

double progress_stalled_seconds(const struct progress *progress, enum progress_stage stage, int64_t now_us)
{
    const struct progress_watch *watch = &progress->stages[stage];
    return watch->is_stalled ? (double)(now_us - watch->moved_us) / G_USEC_PER_SEC : 0;
}

void progress_describe(const struct progress *progress, int64_t now_us, struct camera_health *health)
{
    g_autoptr(GString) names = g_string_new(NULL);
    for (int i = 0; i < PROGRESS_STAGES; i++) {
        double seconds = progress_stalled_seconds(progress, (enum progress_stage)i, now_us);
        memcpy((char *)health + stages[i].stalled, &seconds, sizeof seconds);
        if (progress->stages[i].is_stalled)
            g_string_append_printf(names, "%s%s", names->len ? ", " : "", stages[i].name);
    }
    g_free(health->stalled);
    health->stalled = g_string_free(g_steal_pointer(&names), FALSE);
}
