#include "analytics/rules_world.h"

#include <string.h>

static void note_count(struct world *world, const struct occupancy_log *log)
{
    if (world->occupancy_count < OCCUPANCIES_MAX)
        world->occupancies[world->occupancy_count] =
            (struct told_count){log->at.ms, log->count, log->entries, log->exits};
    world->occupancy_count++;
}

static void on_emit(void *data, enum event_type type, void *record)
{
    struct world *world = data;
    if (type == EVENT_LINE_CROSSING)
        *(((struct line_crossing *)record)->direction == LINE_IN ? &world->ins : &world->outs) += 1;
    if (type == EVENT_ZONE_HIT) {
        const struct zone_hit *hit = record;
        world->enters += hit->event == ZONE_HIT_ENTER;
        world->exits += hit->event == ZONE_HIT_EXIT;
        world->dwells += hit->event == ZONE_HIT_DWELL;
        world->exit_ms = hit->event == ZONE_HIT_EXIT ? hit->at.ms : world->exit_ms;
        world->exit_seconds = hit->event == ZONE_HIT_EXIT ? hit->dwell_seconds.value : world->exit_seconds;
    }
    if (type == EVENT_OCCUPANCY)
        note_count(world, record);
    if (type != EVENT_SIGNAL)
        return;
    const struct signal *signal = record;
    g_assert_cmpint(world->signals, <, SIGNALS_MAX);
    struct told *told = &world->told[world->signals++];
    g_strlcpy(told->kind, signal->kind, sizeof told->kind);
    g_strlcpy(told->place, signal->zone_id ? signal->zone_id : "", sizeof told->place);
    g_strlcpy(told->attributes, signal->attributes.text ? signal->attributes.text : "", sizeof told->attributes);
    told->media_us = world->media_us;
}

void world_init(struct world *world)
{
    static const struct record_point corners[] = {{0.2, 0.6}, {0.8, 0.6}, {0.8, 0.9}, {0.2, 0.9}};
    memset(world, 0, sizeof *world);
    record_init(&settings_descriptor, &world->settings);
    record_init(&camera_descriptor, &world->camera);
    world->aspect = 9.0 / 16;
    struct line *line = record_list_append(&world->camera.lines, &line_descriptor);
    line->id = g_strdup("door");
    line->a = (struct record_point){0.3, 0.5};
    line->b = (struct record_point){0.7, 0.5};
    struct zone *zone = record_list_append(&world->camera.zones, &zone_descriptor);
    zone->id = g_strdup("hall");
    zone->polygon.items = g_memdup2(corners, sizeof corners);
    zone->polygon.count = G_N_ELEMENTS(corners);
}

struct zone *world_zone(struct world *world)
{
    return world->camera.zones.items;
}

struct line *world_line(struct world *world)
{
    return world->camera.lines.items;
}

void world_clear(struct world *world)
{
    analytics_free(world->analytics);
    record_clear(&camera_descriptor, &world->camera);
    record_clear(&settings_descriptor, &world->settings);
}

struct observed_track figure(uint64_t id, double x, double y)
{
    return (struct observed_track){.id = id,
                                   .object_class = g_intern_static_string("person"),
                                   .x = (int16_t)(x * OBSERVATION_BOX_ONE - WIDTH / 2.0),
                                   .y = (int16_t)(y * OBSERVATION_BOX_ONE - HEIGHT),
                                   .w = WIDTH,
                                   .h = HEIGHT,
                                   .confidence = 230,
                                   .is_confirmed = true};
}

void observe(struct world *world, const struct observed_track *tracks, int count)
{
    if (!world->analytics)
        world->analytics = analytics_new(&world->camera, &world->settings.rules);
    const struct observation observation = {.at_ms = world->start_ms + world->media_us / 1000,
                                            .media_us = world->media_us,
                                            .tracks = tracks,
                                            .track_count = count,
                                            .aspect = observation_quantise(world->aspect, OBSERVATION_BOX_ONE),
                                            .is_camera_move = world->is_camera_move,
                                            .picture = world->picture};
    const struct analytics_sink sink = {on_emit, world};
    analytics_observe(world->analytics, &observation, &sink);
    world->media_us += FRAME_US;
    world->is_camera_move = false;
}

void stand(struct world *world, uint64_t id, double x, double y, double seconds)
{
    for (int i = 0; i < seconds * G_USEC_PER_SEC / FRAME_US; i++) {
        struct observed_track track = figure(id, x, y);
        observe(world, &track, 1);
    }
}

void hide(struct world *world, uint64_t id, double x, double y, double seconds)
{
    for (int i = 0; i < seconds * G_USEC_PER_SEC / FRAME_US; i++) {
        struct observed_track track = figure(id, x, y);
        track.is_lost = true;
        observe(world, &track, 1);
    }
}

void walk(struct world *world, uint64_t id, double x0, double y0, double x1, double y1, double seconds)
{
    int steps = (int)(seconds * G_USEC_PER_SEC / FRAME_US);
    for (int i = 0; i < steps; i++) {
        struct observed_track track = figure(id, x0 + (x1 - x0) * i / steps, y0 + (y1 - y0) * i / steps);
        observe(world, &track, 1);
    }
}

void wait_for_frame(struct world *world, double seconds)
{
    world->media_us += (int64_t)(seconds * G_USEC_PER_SEC) - FRAME_US;
}

void nobody(struct world *world, double seconds)
{
    for (int i = 0; i < seconds * G_USEC_PER_SEC / FRAME_US; i++)
        observe(world, NULL, 0);
}

void world_drop_zone(struct world *world)
{
    const struct analytics_sink sink = {on_emit, world};
    const size_t count = world->camera.zones.count;
    world->camera.zones.count = 0;
    analytics_configure(world->analytics, &world->camera, &world->settings.rules,
                        world->start_ms + (world->media_us - FRAME_US) / 1000, &sink);
    world->camera.zones.count = count; /* freed with the world */
}

void crowd(struct world *world, int count, double seconds)
{
    struct observed_track tracks[16];
    for (int frame = 0; frame < seconds * G_USEC_PER_SEC / FRAME_US; frame++) {
        for (int i = 0; i < 16; i++)
            tracks[i] = figure((uint64_t)i + 1, 0.22 + 0.035 * i, i < count ? 0.8 : 0.3);
        observe(world, tracks, 16);
    }
}

int told(const struct world *world, const char *kind)
{
    int count = 0;
    for (int i = 0; i < world->signals; i++)
        count += strcmp(world->told[i].kind, kind) == 0;
    return count;
}
