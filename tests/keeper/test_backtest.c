/* Policies tried on stored tracks, in a real store: what live told is told again, and a change tells what it changes.
 */
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
};

static const struct policy_name door_safety = {{.org_id = "default", .camera_id = "door"}, POLICY_SAFETY, NULL};

static void add_camera(struct world *world)
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

static void put(struct world *world, const struct policy_name *name, const char *body)
{
    struct policy_changed changed;
    struct record_errors errors;
    g_autoptr(GError) error = NULL;
    record_errors_init(&errors);
    const struct policy_change change = {.name = *name,
                                         .action = POLICY_PUT,
                                         .body = body,
                                         .expected_version = -1,
                                         .by = {"default", "u1", "ann", NULL, "because"}};
    policy_keeper_change(world->keeper, &change, &changed, &errors, &error);
    g_assert_no_error(error);
    policy_changed_clear(&changed);
    record_errors_clear(&errors);
}

/* As the server's settings would have it. */
static void use_fusion(struct world *world, struct fusion_settings fusion)
{
    g_autoptr(GError) error = NULL;
    struct store_settings settings = world_settings;
    settings.fusion = world->settings.store.fusion = fusion;
    store_close(world->store.store);
    world->store.store = world_open_with(&world->store, settings, &error);
    g_assert_no_error(error);
}

static void start_with(struct world *world, struct fusion_settings fusion)
{
    g_autoptr(GError) error = NULL;
    *world = (struct world){.stays = {2, 4, 6, 8, 10}};
    world_init(&world->store);
    record_init(&settings_descriptor, &world->settings);
    use_fusion(world, fusion);
    world->settings.rules.cooldown_seconds = 0;
    add_camera(world);
    const struct policy_keeper_config config = {
        world->store.store, &world->settings, NULL, world->store.clock, NULL, NULL};
    world->keeper = policy_keeper_new(&config, &error);
    g_assert_no_error(error);
    world->backtests = policy_backtests_new(world->keeper, &world->store.health, &error);
    g_assert_no_error(error);
    put(world, &door_safety, "{\"loitering_seconds\":3}");
}

/* Whoever is told of comes 20 seconds after the one before: all are one incident. */
static void start(struct world *world)
{
    start_with(world, (struct fusion_settings){25, 10, SEVERITY_LOW});
}

static void end(struct world *world)
{
    policy_backtests_free(world->backtests);
    policy_keeper_free(world->keeper);
    record_clear(&settings_descriptor, &world->settings);
    world_clear(&world->store);
}

/* ---- live ---- */

static void put_event(struct world *world, enum event_type type, const char *id, int64_t at_ms, const void *record)
{
    GString *payload = g_string_new(NULL);
    record_encode_json(event_type_find(type)->payload, record, true, payload);
    struct analytics_event *event = world_event(&world->store, id, type, at_ms, g_string_free(payload, FALSE));
    g_free(event->camera_id);
    event->camera_id = g_strdup("door");
    g_ptr_array_add(world->batch, event);
}

static void on_event(void *data, enum event_type type, void *record)
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

static void cut(struct world *world, int64_t to_ms, bool is_last)
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
static void observe(struct world *world, int frame)
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
static void put_server_signals(struct world *world)
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

static void store_batch(struct world *world)
{
    struct world_result result = world_store(&world->store, g_steal_pointer(&world->batch));
    g_assert_cmpstr(result.error, ==, NULL);
    world->batch = world_batch_new();
}

static bool resolve(void *data, void *record, GError **error)
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

static void resolve_all(struct world *world)
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

static void observe_all(struct world *world)
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
static void live(struct world *world)
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
    put_server_signals(world);
    store_batch(world);
    g_ptr_array_unref(world->batch);
    analytics_free(world->live);
    chunk_writer_free(world->writer);
    record_clear(&camera_config_descriptor, &config);
}

/* ---- trying ---- */

static char *submit(struct world *world, const struct policy_backtest_request *request, GError **error)
{
    struct record_errors errors;
    record_errors_init(&errors);
    char *id = policy_backtests_submit(world->backtests, request, &errors, error);
    record_errors_clear(&errors);
    return id;
}

static struct policy_backtest_request request_of(enum policy_type type, const char *config)
{
    return (struct policy_backtest_request){"default",
                                            {{.org_id = "default", .camera_id = "door"}, type, NULL},
                                            config,
                                            world_start_ms,
                                            world_start_ms + day_ms};
}

/* Waits until it is over. */
static void try(struct world *world, const struct policy_backtest_request *request, struct backtest *backtest)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *id = submit(world, request, &error);
    g_assert_no_error(error);
    gint64 deadline_us = g_get_monotonic_time() + 20 * G_USEC_PER_SEC;
    for (;;) {
        g_assert_true(policy_backtests_get(world->backtests, "default", id, backtest, &error));
        if (backtest->state > BACKTEST_RUNNING)
            return;
        record_clear(&backtest_descriptor, backtest);
        g_assert_cmpint(g_get_monotonic_time(), <, deadline_us);
        g_usleep(1000);
    }
}

/* "kept hall 2 5.0 3.0, …": change, tracks, and the seconds after each came, proposed and current. */
static char *told(const struct backtest *backtest)
{
    static const char *const changes[] = {"kept", "new", "gone"};
    GString *text = g_string_new(NULL);
    for (size_t i = 0; i < backtest->findings.count; i++) {
        const struct backtest_finding *finding = (const struct backtest_finding *)backtest->findings.items + i;
        int64_t came_ms = world_start_ms + (int64_t)(finding->track_ids.items[0] - 1) * GAP_SECONDS * SECOND_MS;
        g_string_append_printf(text, "%s%s %s %d", i ? ", " : "", changes[finding->change - 1], finding->kind,
                               (int)finding->track_ids.items[0]);
        if (finding->at.ms)
            g_string_append_printf(text, " at %.1f", (double)(finding->at.ms - came_ms) / SECOND_MS);
        if (finding->current_at.ms)
            g_string_append_printf(text, " was %.1f", (double)(finding->current_at.ms - came_ms) / SECOND_MS);
        g_string_append(text, finding->signal_id ? " stored" : "");
    }
    return g_string_free(text, FALSE);
}

static void expect(struct world *world, enum policy_type type, const char *config, const char *expected)
{
    struct backtest backtest;
    const struct policy_backtest_request request = request_of(type, config);
    try(world, &request, &backtest);
    g_assert_cmpstr(backtest.error, ==, NULL);
    g_assert_cmpint(backtest.state, ==, BACKTEST_DONE);
    g_autofree char *text = told(&backtest);
    g_assert_cmpstr(text, ==, expected);
    record_clear(&backtest_descriptor, &backtest);
}

/* "changed 2-5 x4 was 1-5 x5 stored 4, …": change, the seconds of first and last signal and how many they are, proposed
 * and current, and how many signals of what was stored then. */
static char *incidents_told(const struct backtest *backtest)
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

static void expect_incidents(struct world *world, const char *config, const char *expected)
{
    struct backtest backtest;
    const struct policy_backtest_request request = request_of(POLICY_SAFETY, config);
    try(world, &request, &backtest);
    g_assert_cmpstr(backtest.error, ==, NULL);
    g_autofree char *text = incidents_told(&backtest);
    g_assert_cmpstr(text, ==, expected);
    g_assert_cmpint(backtest.incidents_kept + backtest.incidents_changed + backtest.incidents_new +
                        backtest.incidents_gone,
                    ==, (int64_t)backtest.incidents.count);
    record_clear(&backtest_descriptor, &backtest);
}

static void test_the_unchanged_policy_tells_what_was_stored(void)
{
    struct world world;
    struct backtest backtest;
    start(&world);
    live(&world);
    const struct policy_backtest_request request = request_of(POLICY_SAFETY, "{\"loitering_seconds\":3}");
    try(&world, &request, &backtest);
    g_assert_cmpint(backtest.kept, ==, 4); /* of five, one stays for two seconds */
    g_assert_cmpint(backtest.new_signals + backtest.gone, ==, 0);
    g_assert_cmpint(backtest.stored, ==, 4);
    g_assert_cmpint(backtest.reproduced, ==, 4); /* letter by letter */
    g_assert_cmpint(backtest.stored_incidents, ==, 1);
    g_assert_cmpint(backtest.reproduced_incidents, ==, 1);
    g_autofree char *incidents = incidents_told(&backtest);
    g_assert_cmpstr(incidents, ==, "kept loitering 23.2-83.2 x4 was 23.2-83.2 x4 stored 4");
    g_assert_cmpint(backtest.chunks, ==, 5);
    g_assert_cmpint(backtest.frames, ==, STAYERS * GAP_SECONDS * 5);
    g_assert_cmpint(backtest.gaps + backtest.damaged, ==, 0);
    g_assert_false(backtest.has_older_policies);
    record_clear(&backtest_descriptor, &backtest);
    end(&world);
}

static void test_a_change_tells_what_it_changes(void)
{
    struct world world;
    start(&world);
    live(&world);
    expect(&world, POLICY_SAFETY, "{\"loitering_seconds\":7}",
           "gone loitering 2 was 3.2 stored, gone loitering 3 was 3.2 stored, kept loitering 4 at 7.2 was 3.2 stored, "
           "kept loitering 5 at 7.2 was 3.2 stored");
    expect(&world, POLICY_SAFETY, "{\"loitering_seconds\":1}",
           "kept loitering 2 at 1.2 was 3.2 stored, kept loitering 3 at 1.2 was 3.2 stored, kept loitering 4 at 1.2 "
           "was 3.2 stored, kept loitering 5 at 1.2 was 3.2 stored, new loitering 1 at 1.2");
    /* another type, on top of what is in force */
    expect(
        &world, POLICY_OCCUPANCY, "{\"dwell_seconds\":9}",
        "kept loitering 2 at 3.2 was 3.2 stored, kept loitering 3 at 3.2 was 3.2 stored, kept loitering 4 at 3.2 was "
        "3.2 stored, kept loitering 5 at 3.2 was 3.2 stored, new dwell 5 at 9.2");
    end(&world);
}

/* Fewer signals are another span, or none; more may bring together what was apart, and a gap takes apart. */
static void test_a_change_tells_what_becomes_of_incidents(void)
{
    static const char early[] = /* minute 0: after three seconds; then after nine */
        "{\"loitering_seconds\":9,\"overlays\":[{\"name\":\"first\",\"time_zone\":\"UTC\",\"schedule\":"
        "[{\"days\":[],\"from\":\"00:00\",\"to\":\"00:01\"}],\"config\":{\"loitering_seconds\":3}}]}";
    struct world world;
    start(&world);
    live(&world);
    expect_incidents(&world, "{\"loitering_seconds\":7}", "changed loitering 67.2-87.2 x2 was 23.2-83.2 x4 stored 4");
    expect_incidents(&world, "{\"loitering_seconds\":11}", "gone loitering was 23.2-83.2 x4 stored 4");
    expect_incidents(&world, early,
                     "changed loitering 23.2-43.2 x2 was 23.2-83.2 x4 stored 4, new loitering 89.2-89.2 x1");
    put(&world, &door_safety, early); /* the other way round; what was stored is of older policies */
    expect_incidents(&world, "{\"loitering_seconds\":3}",
                     "changed loitering 23.2-83.2 x4 was 23.2-43.2 x2 stored 2, gone loitering was 89.2-89.2 x1");
    put(&world, &door_safety, "{\"loitering_seconds\":11}");
    expect_incidents(&world, "{\"loitering_seconds\":3}", "new loitering 23.2-83.2 x4 stored 4");
    end(&world);
}

/* What stood when the time asked for began, stands: signals join it under both policies, and it is opened by none. */
static void test_an_incident_that_stands_goes_on(void)
{
    struct world world;
    struct backtest backtest;
    start(&world);
    live(&world);
    struct policy_backtest_request request = request_of(POLICY_SAFETY, "{\"loitering_seconds\":7}");
    request.from_ms = world_start_ms + 50 * SECOND_MS;
    try(&world, &request, &backtest);
    g_assert_cmpint(backtest.kept, ==, 2);
    g_assert_cmpuint(backtest.incidents.count, ==, 0);
    g_assert_cmpint(backtest.stored_incidents, ==, 0);
    record_clear(&backtest_descriptor, &backtest);
    request.config_json = "{\"loitering_seconds\":9}"; /* it went on only under the other */
    try(&world, &request, &backtest);
    g_autofree char *text = incidents_told(&backtest);
    g_assert_cmpstr(text, ==, "new loitering 89.2-89.2 x1");
    record_clear(&backtest_descriptor, &backtest);
    end(&world);
}

/* However long it goes on beyond the time asked for. */
static void test_an_incident_that_goes_on_is_known(void)
{
    struct world world;
    struct backtest backtest;
    start(&world);
    live(&world);
    struct policy_backtest_request request = request_of(POLICY_SAFETY, "{\"loitering_seconds\":3}");
    request.to_ms = world_start_ms + 50 * SECOND_MS; /* the last of it is at 83 s, more than the window later */
    try(&world, &request, &backtest);
    g_autofree char *whole = incidents_told(&backtest);
    g_assert_cmpstr(whole, ==, "kept loitering 23.2-43.2 x2 was 23.2-43.2 x2 stored 2");
    g_assert_cmpint(backtest.stored_incidents, ==, 0); /* not whole in that time */
    record_clear(&backtest_descriptor, &backtest);
    request.from_ms = world_start_ms + 30 * SECOND_MS; /* it stands */
    try(&world, &request, &backtest);
    g_assert_cmpint(backtest.kept, ==, 1);
    g_assert_cmpuint(backtest.incidents.count, ==, 0);
    record_clear(&backtest_descriptor, &backtest);
    end(&world);
}

/* Somebody resolves the incident while it goes on: what comes is another. */
static void test_what_people_resolved_takes_no_more(void)
{
    struct world world;
    struct backtest backtest;
    start(&world);
    world.resolve_at_second = 50;
    live(&world);
    const struct policy_backtest_request request = request_of(POLICY_SAFETY, "{\"loitering_seconds\":3}");
    try(&world, &request, &backtest);
    g_autofree char *text = incidents_told(&backtest);
    g_assert_cmpstr(text, ==,
                    "kept loitering 23.2-43.2 x2 was 23.2-43.2 x2 stored 2, kept loitering 63.2-83.2 x2 was 63.2-83.2 "
                    "x2 stored 2");
    g_assert_cmpint(backtest.stored_incidents, ==, 2);
    g_assert_cmpint(backtest.reproduced_incidents, ==, 2);
    record_clear(&backtest_descriptor, &backtest);
    end(&world);
}

/* Whoever stays how long, whatever is one incident, and however it was stored: it is made again to the last letter. */
static void test_any_stored_incidents_are_made_again(void)
{
    for (int round = 0; round < 8; round++) {
        struct world world;
        struct backtest backtest;
        const struct fusion_settings fusion = {g_test_rand_int_range(0, 65), g_test_rand_int_range(1, 4),
                                               g_test_rand_int_range(SEVERITY_LOW, SEVERITY_CRITICAL)};
        start_with(&world, fusion);
        for (int i = 0; i < STAYERS; i++)
            world.stays[i] = g_test_rand_int_range(0, 12);
        world.batch_seconds = g_test_rand_int_range(0, 40);
        world.resolve_at_second = g_test_rand_int_range(0, 100);
        live(&world);
        const struct policy_backtest_request request = request_of(POLICY_SAFETY, "{\"loitering_seconds\":3}");
        try(&world, &request, &backtest);
        GPtrArray *stored = stored_incidents(&world);
        int64_t of_rules = 0;
        for (guint i = 0; i < stored->len; i++)
            of_rules += ((const struct incident *)g_ptr_array_index(stored, i))->service != SERVICE_SYSTEM;
        g_assert_cmpint(backtest.stored_incidents, ==, of_rules);
        g_assert_cmpint(backtest.reproduced_incidents, ==, of_rules);
        g_assert_cmpint(backtest.incidents_kept, ==, of_rules);
        g_assert_cmpint(backtest.incidents_new + backtest.incidents_gone + backtest.incidents_changed, ==, 0);
        store_rows_free(&store_incidents, stored);
        record_clear(&backtest_descriptor, &backtest);
        end(&world);
    }
}

/* Overlays follow the frames' time, not the clock. */
static void test_an_overlay_counts_at_its_hours(void)
{
    struct world world;
    start(&world);
    live(&world);
    clock_fake_step_wall_ms(world.store.clock, 10 * day_ms);
    expect(&world, POLICY_SAFETY,
           "{\"loitering_seconds\":0,\"overlays\":[{\"name\":\"first\",\"time_zone\":\"UTC\",\"schedule\":"
           "[{\"days\":[],\"from\":\"00:00\",\"to\":\"00:01\"}],\"config\":{\"loitering_seconds\":3}}]}",
           "kept loitering 2 at 3.2 was 3.2 stored, kept loitering 3 at 3.2 was 3.2 stored, gone loitering 4 was 3.2 "
           "stored, gone loitering 5 was 3.2 stored");
    end(&world);
}

/* Only what is asked for counts; what was before makes rules know who is there. */
static void test_the_time_asked_for_has_a_past(void)
{
    struct world world;
    struct backtest backtest;
    start(&world);
    live(&world);
    struct policy_backtest_request request = request_of(POLICY_SAFETY, "{\"loitering_seconds\":7}");
    request.from_ms = world_start_ms + (3 * GAP_SECONDS + 5) * SECOND_MS; /* track 4 has been there for five seconds */
    try(&world, &request, &backtest);
    g_autofree char *text = told(&backtest);
    g_assert_cmpstr(text, ==, "kept loitering 5 at 7.2 was 3.2 stored, new loitering 4 at 7.2");
    record_clear(&backtest_descriptor, &backtest);
    end(&world);
}

static void test_what_is_missing_is_told(void)
{
    struct world world;
    struct backtest backtest;
    start(&world);
    struct policy_backtest_request request = request_of(POLICY_SAFETY, "{}");
    try(&world, &request, &backtest);
    g_assert_cmpuint(backtest.without_tracks.count, ==, 1);
    g_assert_cmpstr(backtest.without_tracks.items[0], ==, "door");
    record_clear(&backtest_descriptor, &backtest);
    end(&world);
}

static void expect_refused(struct world *world, struct policy_backtest_request request, enum vedette_error code,
                           const char *word)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *id = submit(world, &request, &error);
    g_assert_null(id);
    g_assert_error(error, VEDETTE_ERROR, (int)code);
    if (!strstr(error->message, word))
        g_error("'%s' does not say '%s'", error->message, word);
}

static void test_what_cannot_be_tried_is_refused_by_name(void)
{
    struct world world;
    start(&world);
    expect_refused(&world, request_of(POLICY_DETECTION, "{}"), VEDETTE_ERROR_UNSUPPORTED, "detection");
    expect_refused(&world, request_of(POLICY_MOTION, "{}"), VEDETTE_ERROR_UNSUPPORTED, "motion");
    expect_refused(&world, request_of(POLICY_PRIVACY, "{}"), VEDETTE_ERROR_UNSUPPORTED, "privacy");
    expect_refused(&world, request_of(POLICY_RETENTION, "{}"), VEDETTE_ERROR_UNSUPPORTED, "retention");
    expect_refused(&world, request_of(POLICY_SAFETY, "{\"loitering_seconds\":-1}"), VEDETTE_ERROR_INVALID,
                   "loitering_seconds");
    struct policy_backtest_request request = request_of(POLICY_SAFETY, "{}");
    request.to_ms = request.from_ms + 365 * day_ms;
    expect_refused(&world, request, VEDETTE_ERROR_INVALID, "policies.backtest_hours");
    request = request_of(POLICY_SAFETY, "{}");
    request.to_ms = request.from_ms;
    expect_refused(&world, request, VEDETTE_ERROR_INVALID, "from");
    request = request_of(POLICY_SAFETY, "{}");
    request.org_id = "other"; /* whose cameras are not touched */
    expect_refused(&world, request, VEDETTE_ERROR_NOT_FOUND, "other");
    end(&world);
}

static void test_r14_an_org_sees_its_own(void)
{
    struct world world;
    struct backtest backtest;
    g_autoptr(GError) error = NULL;
    start(&world);
    struct policy_backtest_request request = request_of(POLICY_SAFETY, "{}");
    g_autofree char *id = submit(&world, &request, &error);
    g_assert_nonnull(id);
    g_assert_false(policy_backtests_get(world.backtests, "other", id, &backtest, &error));
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_NOT_FOUND);
    end(&world);
}

int main(int argc, char **argv)
{
    if (world_is_missing())
        return 0;
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/backtest/the unchanged policy tells what was stored",
                    test_the_unchanged_policy_tells_what_was_stored);
    g_test_add_func("/backtest/a change tells what it changes", test_a_change_tells_what_it_changes);
    g_test_add_func("/backtest/a change tells what becomes of incidents",
                    test_a_change_tells_what_becomes_of_incidents);
    g_test_add_func("/backtest/an incident that stands goes on", test_an_incident_that_stands_goes_on);
    g_test_add_func("/backtest/an incident that goes on is known", test_an_incident_that_goes_on_is_known);
    g_test_add_func("/backtest/what people resolved takes no more", test_what_people_resolved_takes_no_more);
    g_test_add_func("/backtest/any stored incidents are made again", test_any_stored_incidents_are_made_again);
    g_test_add_func("/backtest/an overlay counts at its hours", test_an_overlay_counts_at_its_hours);
    g_test_add_func("/backtest/the time asked for has a past", test_the_time_asked_for_has_a_past);
    g_test_add_func("/backtest/what is missing is told", test_what_is_missing_is_told);
    g_test_add_func("/backtest/what cannot be tried is refused by name", test_what_cannot_be_tried_is_refused_by_name);
    g_test_add_func("/backtest/r14_an_org_sees_its_own", test_r14_an_org_sees_its_own);
    return g_test_run();
}
