/* Policies: asking what is in force, making a view of many cameras, and trying a policy on an hour of stored tracks. */
#include "bench.h"

#include <stdio.h>

#include "analytics/chunk.h"
#include "keeper/backtest.h"

/* ---- views ---- */

enum { CAMERAS = 10000, ASKED = 1000, STRIDE = 7919 };

struct view_bench {
    struct policy_set *set;
    struct policy_view *view;
    struct policy_scope *cameras;
    GHashTable *by_name; /* the baseline: one look into a table of as many names */
    double sum;
};

static void *view_setup(const void *argument)
{
    struct view_bench *bench = g_new0(struct view_bench, 1);
    (void)argument;
    bench->set = policy_set_new();
    bench->cameras = g_new0(struct policy_scope, CAMERAS);
    bench->by_name = g_hash_table_new(g_str_hash, g_str_equal);
    for (int i = 0; i < CAMERAS; i++) {
        bench->cameras[i] = (struct policy_scope){.org_id = "acme", .camera_id = g_strdup_printf("camera-%d", i)};
        g_hash_table_insert(bench->by_name, (gpointer)(uintptr_t)bench->cameras[i].camera_id, &bench->cameras[i]);
        if (i % 100 == 0)
            policy_set_add(
                bench->set,
                &(struct policy_document){bench->cameras[i], POLICY_SAFETY, "{\"loitering_seconds\":9}", i + 1}, NULL);
    }
    bench->view = policy_view_new(bench->set, bench->cameras, CAMERAS, 0, NULL);
    return bench;
}

static void lookup_ours(void *data)
{
    struct view_bench *bench = data;
    for (int i = 0; i < ASKED; i++) {
        const char *id = bench->cameras[i * STRIDE % CAMERAS].camera_id;
        const struct policy_camera *camera = policy_view_find(bench->view, "acme", id);
        const struct safety_policy *safety = policy_camera_record(camera, POLICY_SAFETY);
        bench->sum += safety->loitering_seconds.value;
    }
}

static void lookup_theirs(void *data)
{
    struct view_bench *bench = data;
    for (int i = 0; i < ASKED; i++) {
        const struct policy_scope *camera =
            g_hash_table_lookup(bench->by_name, bench->cameras[i * STRIDE % CAMERAS].camera_id);
        bench->sum += camera->site_id ? 1 : 0;
    }
}

static void view_ours(void *data)
{
    struct view_bench *bench = data;
    policy_view_unref(policy_view_new(bench->set, bench->cameras, CAMERAS, 0, NULL));
}

static void view_theirs(void *data)
{
    struct view_bench *bench = data;
    g_autoptr(GHashTable) table = g_hash_table_new(g_str_hash, g_str_equal);
    for (int i = 0; i < CAMERAS; i++)
        g_hash_table_insert(table, (gpointer)(uintptr_t)bench->cameras[i].camera_id, &bench->cameras[i]);
}

/* ---- trying ---- */

enum { WALKERS = 8, FPS = 5, MINUTES = 60, FRAMES_A_MINUTE = 60 * FPS };
static const int64_t began_ms = INT64_C(1767225600000);

struct replay_bench {
    struct policy_set *current, *proposed;
    struct camera_config base;
    GPtrArray *chunks; /* of struct track_chunk * */
    GPtrArray *bytes;  /* of GBytes *: the same, decoded */
    int64_t frames;
};

static void walk(struct observed_track *tracks, int frame)
{
    for (int i = 0; i < WALKERS; i++) { /* across the picture in forty seconds or more, then somebody else comes */
        int step = frame + i * 57, lap = 200 + 13 * i;
        tracks[i] = (struct observed_track){.id = (uint64_t)(step / lap) * WALKERS + (uint64_t)i + 1,
                                            .object_class = g_intern_static_string("person"),
                                            .x = (int16_t)(step % lap * 3800 / lap),
                                            .y = (int16_t)(400 + 400 * i + (step * 7 + i) % 5),
                                            .w = 200,
                                            .h = 500,
                                            .confidence = 220,
                                            .speed_x = (int16_t)(FPS * 950 / lap),
                                            .is_confirmed = true};
    }
}

static void add_minute(struct replay_bench *bench, struct chunk_writer *writer, int minute)
{
    struct observed_track tracks[WALKERS];
    for (int i = 0; i < FRAMES_A_MINUTE; i++) {
        int frame = minute * FRAMES_A_MINUTE + i;
        walk(tracks, frame);
        chunk_writer_add(writer, &(struct observation){.at_ms = began_ms + frame * (1000 / FPS),
                                                       .media_us = (int64_t)frame * (1000000 / FPS),
                                                       .tracks = tracks,
                                                       .track_count = WALKERS,
                                                       .mean_luma = 90,
                                                       .aspect = OBSERVATION_BOX_ONE * 9 / 16});
    }
    GBytes *bytes = chunk_writer_finish(writer);
    gsize length;
    const void *data = g_bytes_get_data(bytes, &length);
    struct track_chunk *chunk = g_new0(struct track_chunk, 1);
    *chunk = (struct track_chunk){.run_id = g_strdup("run"),
                                  .number = minute + 1,
                                  .from_at = {began_ms + minute * 60000},
                                  .to_at = {began_ms + minute * 60000 + 59800},
                                  .data = g_base64_encode(data, length)};
    g_ptr_array_add(bench->chunks, chunk);
    g_ptr_array_add(bench->bytes, bytes);
}

static void add_zone(struct camera *camera)
{
    static const struct record_point corners[] = {{0.2, 0.1}, {0.8, 0.1}, {0.8, 0.9}, {0.2, 0.9}};
    struct zone *zone = record_list_append(&camera->zones, &zone_descriptor);
    struct line *line = record_list_append(&camera->lines, &line_descriptor);
    zone->id = g_strdup("hall");
    zone->polygon.items = g_memdup2(corners, sizeof corners);
    zone->polygon.count = G_N_ELEMENTS(corners);
    zone->dwell_seconds = 5;
    zone->occupancy_limit = 4;
    line->id = g_strdup("door");
    line->a = (struct record_point){0.5, 0};
    line->b = (struct record_point){0.5, 1};
}

static void *replay_setup(const void *argument)
{
    struct replay_bench *bench = g_new0(struct replay_bench, 1);
    const struct policy_scope all = {NULL};
    CLEANUP(chunk_writer) struct chunk_writer *writer = chunk_writer_new();
    (void)argument;
    record_init(&camera_config_descriptor, &bench->base);
    bench->base.camera.id = g_strdup("door");
    bench->base.camera.source = g_strdup("rtsp://10.0.0.7/s");
    add_zone(&bench->base.camera);
    bench->current = policy_set_new();
    bench->proposed = policy_set_new();
    policy_set_add(bench->current, &(struct policy_document){all, POLICY_SAFETY, "{\"loitering_seconds\":20}", 1},
                   NULL);
    policy_set_add(bench->proposed, &(struct policy_document){all, POLICY_SAFETY, "{\"loitering_seconds\":25}", 2},
                   NULL);
    bench->chunks = g_ptr_array_new();
    bench->bytes = g_ptr_array_new();
    for (int i = 0; i < MINUTES; i++)
        add_minute(bench, writer, i);
    return bench;
}

static void replay_ours(void *data)
{
    struct replay_bench *bench = data;
    struct backtest result;
    static const struct fusion_settings fusion = {120, 100, SEVERITY_LOW};
    const struct backtest_rules rules = {
        bench->current, bench->proposed, &bench->base, {.org_id = "default", .camera_id = "door"},
        &fusion,        100000,          began_ms,     began_ms + MINUTES * 60000};
    record_init(&backtest_descriptor, &result);
    CLEANUP(backtest_camera) struct backtest_camera *camera = backtest_camera_new(&rules);
    for (guint i = 0; i < bench->chunks->len; i++)
        backtest_camera_replay(camera, g_ptr_array_index(bench->chunks, i), NULL);
    static const struct backtest_watch never = {NULL};
    backtest_camera_conclude(camera, &never, 1000, &result, NULL);
    bench->frames = result.frames;
    record_clear(&backtest_descriptor, &result);
}

/* The least that reads what is stored. */
static void replay_theirs(void *data)
{
    struct replay_bench *bench = data;
    for (guint i = 0; i < bench->bytes->len; i++) {
        gsize length;
        const void *bytes = g_bytes_get_data(g_ptr_array_index(bench->bytes, i), &length);
        struct observation observation;
        CLEANUP(chunk_reader) struct chunk_reader *reader = chunk_reader_new(bytes, length, NULL);
        while (reader && chunk_reader_next(reader, &observation, NULL))
            ;
    }
}

static void replay_report(void *data, const char *name)
{
    const struct replay_bench *bench = data;
    size_t bytes = 0;
    for (guint i = 0; i < bench->bytes->len; i++)
        bytes += g_bytes_get_size(g_ptr_array_index(bench->bytes, i));
    printf("  %s: 3600000 ms of it; %d boxes a frame, %.2f bytes a box\n", name, WALKERS,
           (double)bytes / (double)(bench->frames * WALKERS));
}

static const struct row rows[] = {
    {"policy lookup, 1000 of 10000 cameras", "one look into a hash table each", lookup_ours, lookup_theirs, view_setup,
     NULL, 200, NULL},
    {"policy view of 10000 cameras", "a hash table of their names", view_ours, view_theirs, view_setup, NULL, 3, NULL},
    {"backtest, an hour at 5 fps", "reading the stored pieces once", replay_ours, replay_theirs, replay_setup, NULL, 1,
     replay_report},
};
const struct row_table policy_rows = {rows, G_N_ELEMENTS(rows)};
