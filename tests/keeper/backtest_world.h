/* A camera whose signals and tracks are stored as live stores them, and policies tried on them. */
#pragma once

#include "../store/store_world.h"
#include "analytics/chunk.h"
#include "keeper/backtests.h"
#include "store/audit.h"
#include "store/rows.h"

enum { STAYERS = 5, STEP_US = 200000, SECOND_MS = 1000, GAP_SECONDS = 20, CHUNK_FRAMES = 100 };
static const int64_t day_ms = INT64_C(86400000);

struct world {
    struct store_world store;
    struct settings settings;
    struct policy_keeper *keeper;
    struct policy_backtests *backtests;
    GPtrArray *batch; /* of events that live told */
    struct analytics *live;
    struct chunk_writer *writer;
    int32_t number;
    int64_t began_ms;
    int stays[STAYERS];    /* seconds in the hall, by who comes when */
    int batch_seconds;     /* what live told is stored so often; 0: all at once */
    int resolve_at_second; /* somebody resolves every incident; 0: nobody does */
    bool is_server_silent; /* the server itself tells nothing */
};

static const struct policy_name door_safety = {{.org_id = "default", .camera_id = "door"}, POLICY_SAFETY, NULL};

static inline void add_camera(struct world *world)
{
    static const struct record_point corners[] = {{0.2, 0.2}, {0.8, 0.2}, {0.8, 0.9}, {0.2, 0.9}};
    struct camera *camera = record_list_append(&world->settings.cameras, &camera_descriptor);
    struct zone *zone = record_list_append(&camera->zones, &zone_descriptor);
    camera->id = g_strdup("door");
    camera->source = g_strdup("rtsp://10.0.0.7/s");
    zone->id = g_strdup("hall");
    zone->polygon.items = g_memdup2(corners, sizeof corners);
    zone->polygon.count = G_N_ELEMENTS(corners);
    g_assert_true(store_camera_put(world->store.store, camera, NULL));
}

static inline void change(struct world *world, const struct policy_name *name, enum policy_action action,
                          const char *body)
{
    struct policy_changed changed;
    struct record_errors errors;
    g_autoptr(GError) error = NULL;
    record_errors_init(&errors);
    const struct policy_change change = {.name = *name,
                                         .action = action,
                                         .body = body,
                                         .expected_version = -1,
                                         .by = {"default", "u1", "ann", NULL, "because"}};
    policy_keeper_change(world->keeper, &change, &changed, &errors, &error);
    g_assert_no_error(error);
    policy_changed_clear(&changed);
    record_errors_clear(&errors);
}

static inline void put(struct world *world, const struct policy_name *name, const char *body)
{
    change(world, name, POLICY_PUT, body);
}

/* As the server's settings would have it. */
static inline void use_fusion(struct world *world, struct fusion_settings fusion)
{
    g_autoptr(GError) error = NULL;
    struct store_settings settings = world_settings;
    settings.fusion = world->settings.store.fusion = fusion;
    store_close(world->store.store);
    world->store.store = world_open_with(&world->store, settings, &error);
    g_assert_no_error(error);
}

static inline void open_parts(struct world *world)
{
    g_autoptr(GError) error = NULL;
    const struct policy_keeper_config config = {
        world->store.store, &world->settings, NULL, world->store.clock, NULL, NULL};
    world->keeper = policy_keeper_new(&config, &error);
    g_assert_no_error(error);
    world->backtests = policy_backtests_new(world->keeper, &world->store.health, &error);
    g_assert_no_error(error);
}

static inline void start_with(struct world *world, struct fusion_settings fusion)
{
    *world = (struct world){.stays = {2, 4, 6, 8, 10}};
    world_init(&world->store);
    record_init(&settings_descriptor, &world->settings);
    use_fusion(world, fusion);
    world->settings.rules.cooldown_seconds = 0;
    add_camera(world);
    open_parts(world);
    put(world, &door_safety, "{\"loitering_seconds\":3}");
}

/* Whoever is told of comes 20 seconds after the one before: all are one incident. */
static inline void start(struct world *world)
{
    start_with(world, (struct fusion_settings){25, 10, SEVERITY_LOW});
}

static inline void end(struct world *world)
{
    policy_backtests_free(world->backtests);
    policy_keeper_free(world->keeper);
    record_clear(&settings_descriptor, &world->settings);
    world_clear(&world->store);
}

/* ---- live ---- */

static inline void put_event(struct world *world, enum event_type type, const char *id, int64_t at_ms,
                             const void *record)
{
    GString *payload = g_string_new(NULL);
    record_encode_json(event_type_find(type)->payload, record, true, payload);
    struct analytics_event *event = world_event(&world->store, id, type, at_ms, g_string_free(payload, FALSE));
    g_free(event->camera_id);
    event->camera_id = g_strdup("door");
    g_ptr_array_add(world->batch, event);
}

static inline void on_event(void *data, enum event_type type, void *record)
{
    struct world *world = data;
    g_autofree char *id = id_new(world->store.clock);
    if (type == EVENT_SIGNAL) {
        struct signal *signal = record;
        signal->id = id;
        signal->camera_id = (char *)(uintptr_t) "door";
        put_event(world, type, id, signal->started_at.ms, signal);
    } else if (type == EVENT_ZONE_HIT) {
        struct zone_hit *hit = record;
        hit->id = id;
        hit->camera_id = (char *)(uintptr_t) "door";
        put_event(world, type, id, hit->at.ms, hit);
    }
}

static inline void cut(struct world *world, int64_t to_ms, bool is_last)
{
    g_autofree char *id = id_new(world->store.clock);
    int frames = chunk_writer_frames(world->writer);
    g_autoptr(GBytes) bytes = chunk_writer_finish(world->writer);
    gsize length;
    const void *data = g_bytes_get_data(bytes, &length);
    g_autofree char *base64 = g_base64_encode(data, length);
    const struct track_chunk chunk = {.id = id,
                                      .camera_id = (char *)(uintptr_t) "door",
                                      .run_id = (char *)(uintptr_t) "run",
                                      .number = ++world->number,
                                      .from_at = {world->began_ms},
                                      .to_at = {to_ms},
                                      .frames = frames,
                                      .codec_version = CHUNK_VERSION,
                                      .policy_revision = 1,
                                      .is_last = is_last,
                                      .data = base64};
    put_event(world, EVENT_TRACK_CHUNK, id, world->began_ms, &chunk);
}

/* Track k is who comes as the k-th. Each comes GAP_SECONDS after the one before. */
static inline void observe(struct world *world, int frame)
{
    int64_t at_ms = world_start_ms + frame * (STEP_US / 1000);
    int who = frame / (GAP_SECONDS * 5) + 1, second = frame / 5 % GAP_SECONDS;
    const struct analytics_sink sink = {on_event, world};
    struct observed_track track = {.id = (uint64_t)who,
                                   .object_class = g_intern_static_string("person"),
                                   .x = second < world->stays[who - 1] ? 2000 : 100,
                                   .y = 2000,
                                   .w = 200,
                                   .h = 400,
                                   .confidence = 230,
                                   .is_confirmed = true};
    struct observation observation = {.at_ms = at_ms,
                                      .media_us = (int64_t)frame * STEP_US,
                                      .tracks = &track,
                                      .track_count = 1,
                                      .mean_luma = 90,
                                      .aspect = OBSERVATION_BOX_ONE * 9 / 16};
    if (chunk_writer_frames(world->writer) == CHUNK_FRAMES)
        cut(world, at_ms - STEP_US / 1000, false);
    if (chunk_writer_frames(world->writer) == 0)
        world->began_ms = at_ms;
    analytics_observe(world->live, &observation, &sink);
    g_assert_true(chunk_writer_add(world->writer, &observation));
}

/* What the server itself told of the camera meanwhile. */
static inline void put_server_signals(struct world *world)
{
    for (unsigned i = 1; i < SERVER_SIGNAL_END; i++) {
        g_autofree char *id = id_new(world->store.clock);
        const struct signal signal = {.id = id,
                                      .camera_id = (char *)(uintptr_t) "door",
                                      .service = SERVICE_SYSTEM,
                                      .kind = (char *)(uintptr_t)server_signals[i].kind,
                                      .severity = server_signals[i].severity,
                                      .confidence = 1,
                                      .started_at = {world_start_ms}};
        put_event(world, EVENT_SIGNAL, id, world_start_ms, &signal);
    }
}

static inline void store_batch(struct world *world)
{
    struct world_result result = world_store(&world->store, g_steal_pointer(&world->batch));
    g_assert_cmpstr(result.error, ==, NULL);
    world->batch = world_batch_new();
}

static inline bool resolve(void *data, void *record, GError **error)
{
    (void)data;
    (void)error;
    ((struct incident *)record)->status = INCIDENT_RESOLVED;
    return true;
}

static GPtrArray *stored_incidents(struct world *world)
{
    g_autoptr(GError) error = NULL;
    const struct store_row_filter filter = {.org_id = "default", .limit = 1000};
    GPtrArray *incidents = store_rows_list(world->store.store, &store_incidents, &filter, &error);
    g_assert_no_error(error);
    return incidents;
}

static inline void resolve_all(struct world *world)
{
    static const struct audit_by by = {"default", "u1", "ann", NULL, NULL};
    GPtrArray *incidents = stored_incidents(world);
    for (guint i = 0; i < incidents->len; i++) {
        const struct incident *incident = g_ptr_array_index(incidents, i);
        const struct store_row_change change = {.id = incident->id, .action = "resolve", .edit = resolve};
        g_autoptr(GError) error = NULL;
        store_row_free(&store_incidents, store_row_change(world->store.store, &store_incidents, &change, &by, &error));
        g_assert_no_error(error);
    }
    store_rows_free(&store_incidents, incidents);
}

static inline void observe_all(struct world *world)
{
    for (int frame = 0; frame < STAYERS * GAP_SECONDS * 5; frame++) {
        bool is_whole_second = frame % 5 == 0 && frame > 0;
        if (is_whole_second && world->batch_seconds && frame / 5 % world->batch_seconds == 0)
            store_batch(world);
        if (is_whole_second && frame / 5 == world->resolve_at_second) {
            store_batch(world);
            resolve_all(world);
        }
        observe(world, frame);
    }
}

/* Each stays for so long in the hall, told and stored as live does. */
static inline void live(struct world *world)
{
    struct camera_config config;
    int frames = STAYERS * GAP_SECONDS * 5;
    const struct analytics_sink sink = {on_event, world};
    CLEANUP(policy_view) struct policy_view *view = policy_keeper_get_view(world->keeper);
    g_assert_true(policy_keeper_configure(world->keeper, view, world->settings.cameras.items, &config, NULL));
    world->live = analytics_new(&config.camera, &config.rules);
    world->writer = chunk_writer_new();
    world->batch = world_batch_new();
    observe_all(world);
    int64_t last_ms = world_start_ms + (frames - 1) * (STEP_US / 1000);
    analytics_finish(world->live, last_ms, &sink);
    cut(world, last_ms, true);
    if (!world->is_server_silent)
        put_server_signals(world);
    store_batch(world);
    g_ptr_array_unref(world->batch);
    analytics_free(world->live);
    chunk_writer_free(world->writer);
    record_clear(&camera_config_descriptor, &config);
}

/* ---- trying ---- */

static inline char *submit(struct world *world, const struct policy_backtest_request *request, GError **error)
{
    struct record_errors errors;
    record_errors_init(&errors);
    char *id = policy_backtests_submit(world->backtests, request, &errors, error);
    record_errors_clear(&errors);
    return id;
}

static inline struct policy_backtest_request request_of(enum policy_type type, const char *config)
{
    return (struct policy_backtest_request){"default",
                                            {{.org_id = "default", .camera_id = "door"}, type, NULL},
                                            config,
                                            world_start_ms,
                                            world_start_ms + day_ms};
}

/* Waits until it has come so far. */
static inline void wait_for_state(struct world *world, const char *org_id, const char *id, enum backtest_state state,
                                  struct backtest *backtest)
{
    g_autoptr(GError) error = NULL;
    gint64 deadline_us = g_get_monotonic_time() + 60 * G_USEC_PER_SEC;
    for (;;) {
        g_assert_true(policy_backtests_get(world->backtests, &(struct policy_backtest_asker){.org_id = org_id}, id,
                                           backtest, &error));
        if (backtest->state >= state)
            return;
        record_clear(&backtest_descriptor, backtest);
        g_assert_cmpint(g_get_monotonic_time(), <, deadline_us);
        g_usleep(1000);
    }
}

/* Waits until it is over. */
static inline void try(struct world *world, const struct policy_backtest_request *request, struct backtest *backtest)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *id = submit(world, request, &error);
    g_assert_no_error(error);
    wait_for_state(world, request->org_id, id, BACKTEST_DONE, backtest);
}

/* "changed 2-5 x4 was 1-5 x5 stored 4, …": change, the seconds of first and last signal and how many they are, proposed
 * and current, and how many signals of what was stored then. */
static inline char *incidents_told(const struct backtest *backtest)
{
    static const char *const changes[] = {"kept", "new", "gone", "changed"};
    GString *text = g_string_new(NULL);
    for (size_t i = 0; i < backtest->incidents.count; i++) {
        const struct backtest_incident *found = (const struct backtest_incident *)backtest->incidents.items + i;
        g_assert_cmpstr(found->camera_id, ==, "door");
        g_string_append_printf(text, "%s%s %s", i ? ", " : "", changes[found->change - 1], found->kind);
        if (found->started_at.ms)
            g_string_append_printf(text, " %.1f-%.1f x%d", (double)(found->started_at.ms - world_start_ms) / SECOND_MS,
                                   (double)(found->last_signal_at.ms - world_start_ms) / SECOND_MS,
                                   (int)found->signal_count);
        if (found->current_started_at.ms)
            g_string_append_printf(text, " was %.1f-%.1f x%d",
                                   (double)(found->current_started_at.ms - world_start_ms) / SECOND_MS,
                                   (double)(found->current_last_signal_at.ms - world_start_ms) / SECOND_MS,
                                   (int)found->current_signal_count);
        if (found->incident_id)
            g_string_append_printf(text, " stored %d", (int)found->signal_ids.count);
    }
    return g_string_free(text, FALSE);
}
