#define LOG_MODULE "hub"
#include "hub/profile.h"

#include "api/api.h"
#include "base/log.h"
#include "hub/hub_internal.h"
#include "hub/path_times.h"

#include <string.h>

enum { ANSWER_MS = 2000 }; /* the cameras of a worker that has not answered by then are left out */

struct profile {
    struct hub *hub;
    int64_t seconds;
    profile_done done; /* NULL: nobody wants to know */
    void *data;
    uint64_t number; /* of the look that is awaited */
    guint awaited;   /* workers that have not answered it */
    guint timer;
    int64_t began_us; /* 0: the first look is not over */
    struct profile_look *before, *now;
};

static void on_looked(struct profile *profile);

static void profile_free(struct profile *profile)
{
    if (profile->timer)
        g_source_remove(profile->timer);
    profile->hub->profile = NULL;
    profile_look_free(profile->before);
    profile_look_free(profile->now);
    g_free(profile);
}

/* ---- one look ---- */

static gboolean on_late(gpointer data)
{
    struct profile *profile = data;
    if (profile->awaited)
        log_warning(NULL, "%u workers did not tell of their frames' times", profile->awaited);
    profile->timer = 0;
    on_looked(profile);
    return G_SOURCE_REMOVE;
}

static void look_at_route(void *data, const char *method, const char *path, const struct latency times[API_STAGES])
{
    struct profile_look *look = data;
    struct named_latencies *named = g_new0(struct named_latencies, 1);
    named->name = g_strdup_printf("%s %s", method, path);
    named->stages = g_new0(struct latency, API_STAGES);
    for (int stage = API_AUTH; stage < API_STAGES; stage++)
        latency_add(&named->stages[stage], &times[stage]);
    g_ptr_array_add(look->routes, named);
}

/* Asks every worker; their answers come. */
static void begin_look(struct profile *profile)
{
    const struct hub *hub = profile->hub;
    static uint64_t numbers;
    uint64_t number = profile->number = ++numbers, number_le = GUINT64_TO_LE(number);
    profile->now = profile_look_new();
    for (guint i = 0; i < hub->workers->len; i++) {
        const struct hub_worker *worker = g_ptr_array_index(hub->workers, i);
        if (!worker->link || !worker->has_said_hello || worker->is_apart || worker->cameras->len == 0)
            continue;
        for (guint j = 0; j < worker->cameras->len; j++)
            profile_look_await(profile->now, ((const struct camera *)g_ptr_array_index(worker->cameras, j))->id,
                               worker->id);
        profile->awaited += link_send(worker->link, LINK_MEASURE, &number_le, sizeof number_le, NULL);
    }
    profile->timer = g_timeout_add(profile->awaited ? ANSWER_MS : 0, on_late, profile);
}

void profile_take(struct profile *profile, struct hub_worker *worker, const struct worker_times *times)
{
    if (!profile || !profile->now || times->number != profile->number || profile->awaited == 0 ||
        worker->measured == times->number)
        return;
    worker->measured = times->number;
    profile_look_answered(profile->now, worker->id);
    const struct camera_times *cameras = times->cameras.items;
    for (size_t i = 0; i < times->cameras.count; i++) {
        struct camera_latencies *latencies = g_new0(struct camera_latencies, 1);
        const struct stage_times *stages = cameras[i].stages.items;
        bool is_good = hub_worker_has_camera(worker, cameras[i].camera_id);
        for (size_t j = 0; j < cameras[i].stages.count; j++)
            is_good = is_good && stage_times_read(&stages[j], &latencies->stages[stages[j].stage]);
        if (is_good)
            g_hash_table_replace(profile->now->cameras, g_strdup(cameras[i].camera_id), latencies);
        else
            g_free(latencies);
    }
    if (--profile->awaited > 0)
        return;
    g_source_remove(profile->timer);
    profile->timer = 0;
    on_looked(profile);
}

/* ---- from the first look to the report ---- */

static gboolean on_second_look(gpointer data)
{
    struct profile *profile = data;
    profile->timer = 0;
    begin_look(profile);
    return G_SOURCE_REMOVE;
}

static void finish(struct profile *profile)
{
    struct profile_report report;
    double seconds = (double)(clock_monotonic_us(profile->hub->clock) - profile->began_us) / G_USEC_PER_SEC;
    profile_report_make(profile->before, profile->now, seconds, &report);
    if (profile->done)
        profile->done(profile->data, &report);
    record_clear(&profile_report_descriptor, &report);
    profile_free(profile);
}

static void on_looked(struct profile *profile)
{
    profile->awaited = 0;
    path_times_read(profile->now->records);
    api_each_route_times(profile->hub->api, look_at_route, profile->now);
    if (profile->began_us) {
        finish(profile);
        return;
    }
    profile->before = g_steal_pointer(&profile->now);
    profile->began_us = clock_monotonic_us(profile->hub->clock);
    profile->timer = g_timeout_add((guint)profile->seconds * 1000, on_second_look, profile);
}

static struct profile *profile_new(struct hub *hub, int64_t seconds, profile_done done, void *data)
{
    struct profile *profile = g_new0(struct profile, 1);
    *profile = (struct profile){.hub = hub, .seconds = seconds, .done = done, .data = data};
    hub->profile = profile;
    log_info(NULL, "looks for %d s where time goes", (int)seconds);
    begin_look(profile);
    return profile;
}

struct profile *profile_start(struct hub *hub, int64_t seconds, profile_done done, void *data, GError **error)
{
    if (seconds < 1 || seconds > PROFILE_MAX_SECONDS)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, "seconds: must be between 1 and %d",
                    PROFILE_MAX_SECONDS);
    else if (hub->profile)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE, "another profile is under way");
    else if (hub->is_stopping || !hub->api)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE, "the server ends");
    else
        return profile_new(hub, seconds, done, data);
    return NULL;
}

void profile_break_off(struct profile *profile)
{
    if (profile)
        profile_free(profile);
}

void profile_stop(struct profile *profile)
{
    if (!profile)
        return;
    if (profile->done)
        profile->done(profile->data, NULL);
    profile_free(profile);
}
