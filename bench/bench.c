/* Speed as ratios to a baseline measured in the same run: process CPU time, A and B interleaved, medians. Machines are
 * noisy; the ratio is what stays. `bench [--json FILE]` prints a table and writes the same as JSON.
 */
#include "bench.h"

#include "analytics/analytics.h"
#include "base/random.h"
#include "facts/event.h"
#include "privacy/privacy.h"
#include "scene/scene.h"
#include "vision/detector_internal.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROUNDS = 15 };

static double cpu_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1000 + (double)now.tv_nsec / 1e6;
}

static double time_calls(void (*call)(void *), void *data, int repeats)
{
    double started = cpu_ms();
    for (int i = 0; i < repeats; i++)
        call(data);
    return (cpu_ms() - started) / repeats;
}

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static void measure(const struct row *row, double *ours, double *theirs)
{
    double a[ROUNDS], b[ROUNDS];
    time_calls(row->ours, row->data, 1); /* warm-up */
    time_calls(row->theirs, row->data, 1);
    for (int i = 0; i < ROUNDS; i++) {
        a[i] = time_calls(row->ours, row->data, row->repeats);
        b[i] = time_calls(row->theirs, row->data, row->repeats);
    }
    qsort(a, ROUNDS, sizeof *a, compare);
    qsort(b, ROUNDS, sizeof *b, compare);
    *ours = a[ROUNDS / 2];
    *theirs = b[ROUNDS / 2];
}

/* ---- motion ---- */

struct motion_bench {
    struct motion *motion;
    struct frame *frames[64];
    struct detections *objects;
    uint8_t *copy;
    int next;
    int64_t media_us;
};

static void *motion_setup(const char *uri)
{
    struct motion_bench *bench = g_new0(struct motion_bench, 1);
    struct settings settings;
    record_init(&settings_descriptor, &settings);
    CLEANUP(scene) struct scene *scene = scene_new_from_uri(uri, NULL);
    bench->motion = motion_new(&settings.motion);
    bench->objects = g_new0(struct detections, 1);
    for (size_t i = 0; i < G_N_ELEMENTS(bench->frames); i++)
        bench->frames[i] = scene_render(scene, 100 + i);
    bench->copy = g_malloc((size_t)bench->frames[0]->strides_bytes[0] * (size_t)bench->frames[0]->height_px);
    record_clear(&settings_descriptor, &settings);
    return bench;
}

static void motion_ours(void *data)
{
    struct motion_bench *bench = data;
    struct frame *frame = bench->frames[bench->next++ % (int)G_N_ELEMENTS(bench->frames)];
    frame->media_us = bench->media_us += 100000;
    motion_update(bench->motion, frame, bench->objects, NULL);
}

static void motion_theirs(void *data)
{
    struct motion_bench *bench = data;
    const struct frame *frame = bench->frames[bench->next++ % (int)G_N_ELEMENTS(bench->frames)];
    memcpy(bench->copy, frame->planes[0], (size_t)frame->strides_bytes[0] * (size_t)frame->height_px);
}

/* ---- a frame into a model's tensor ---- */

struct preprocess_bench {
    struct preprocess *fast, *slow;
    struct frame *frame;
    float *fast_tensor, *slow_tensor;
};

/* A 1080p frame as the scene draws it, or with its chroma interleaved. */
static struct frame *scene_frame(enum frame_format format)
{
    CLEANUP(scene) struct scene *scene = scene_new_from_uri("scene://shop?width=1920&height=1080", NULL);
    struct frame *frame = scene_render(scene, 100);
    if (format == FRAME_I420)
        return frame;
    struct frame template = *frame;
    int row_bytes = 2 * ((frame->width_px + 1) / 2), rows = (frame->height_px + 1) / 2;
    uint8_t *interleaved = g_malloc((gsize)row_bytes * (gsize)rows);
    for (int y = 0; y < rows; y++)
        for (int x = 0; x < row_bytes; x++)
            interleaved[y * row_bytes + x] = frame->planes[1 + x % 2][y * frame->strides_bytes[1 + x % 2] + x / 2];
    template.format = FRAME_NV12;
    template.planes[1] = interleaved;
    template.planes[2] = NULL;
    template.strides_bytes[1] = row_bytes;
    return frame_new(&template, NULL, NULL);
}

static void *preprocess_setup(enum frame_format format)
{
    struct preprocess_bench *bench = g_new0(struct preprocess_bench, 1);
    struct model_card card;
    record_init(&model_card_descriptor, &card);
    card.input_width_px = card.input_height_px = 416;
    bench->fast = preprocess_new(&card);
    bench->slow = preprocess_new(&card);
    preprocess_use(bench->slow, preprocess_row_scalar);
    bench->frame = scene_frame(format);
    bench->fast_tensor = g_new0(float, 416 * 416 * 3);
    bench->slow_tensor = g_new0(float, 416 * 416 * 3);
    record_clear(&model_card_descriptor, &card);
    return bench;
}

static void preprocess_ours(void *data)
{
    struct preprocess_bench *bench = data;
    preprocess_run(bench->fast, bench->frame, bench->fast_tensor);
}

static void preprocess_theirs(void *data)
{
    struct preprocess_bench *bench = data;
    preprocess_run(bench->slow, bench->frame, bench->slow_tensor);
}

/* ---- detection ---- */

struct detection_bench {
    struct detector *detector;
    struct runtime *runtime;
    struct frame *frame;
    struct detections *found;
};

/* The same model without us around it. */
static struct runtime *open_bare(const char *model, const struct model_card *card)
{
    g_autofree char *bytes = NULL;
    gsize length = 0;
    int outputs = 0;
    g_autoptr(GString) reason = g_string_new(NULL);
    struct tensor_want wants[MODEL_MAX_TENSORS];
    const struct tensor_want input = {.shape = {4, {1, 3, card->input_height_px, card->input_width_px}}};
    if (card->layout != MODEL_NCHW || !g_file_get_contents(model, &bytes, &length, NULL) ||
        !family_find(card->family)->describe(card, wants, &outputs, reason, NULL))
        return NULL;
    const struct detector_settings settings = {.threads = 1};
    CLEANUP(runtime) struct runtime *runtime = runtime_open(bytes, length, &settings, NULL);
    return runtime && runtime_bind(runtime, &input, wants, outputs, NULL) ? g_steal_pointer(&runtime) : NULL;
}

/* The model that VEDETTE_BENCH_MODEL names, with its card beside it; else one of the shared assets; else none. */
static void *detection_setup(void)
{
    const char *named = g_getenv("VEDETTE_BENCH_MODEL");
    const char *model = named ? named : "../shared/assets/models/yolox_nano.onnx";
    g_autofree char *card = named ? NULL : g_strdup("models/cards/yolox_nano.card.json");
    const struct detector_settings settings = {.card = card, .threads = 1};
    g_autoptr(GError) error = NULL;
    struct detection_bench *bench = g_new0(struct detection_bench, 1);
    bench->detector = detector_open(model, &settings, &error);
    bench->runtime = bench->detector ? open_bare(model, detector_card(bench->detector)) : NULL;
    if (!bench->runtime) {
        fprintf(stderr, "detection is left out: %s (VEDETTE_BENCH_MODEL names a model with its card beside it)\n",
                error ? error->message : "the model cannot be run alone");
        g_free(bench);
        return NULL;
    }
    bench->frame = scene_frame(FRAME_NV12);
    bench->found = g_new0(struct detections, 1);
    return bench;
}

static void detection_ours(void *data)
{
    struct detection_bench *bench = data;
    detector_run(bench->detector, bench->frame, bench->found, NULL);
}

static void detection_theirs(void *data)
{
    struct detection_bench *bench = data;
    runtime_run(bench->runtime, NULL);
}

/* ---- several cameras' pictures in one call ---- */

enum { BATCH = 8, BATCH_SIDE_PX = 320 };

struct batch_bench {
    struct runtime *one, *many;
};

/* YuNet takes any number of pictures. What it gives is not read here, so that any shape will do. */
static struct runtime *open_batch(const char *bytes, gsize length, int count)
{
    struct tensor_want wants[MODEL_MAX_TENSORS];
    struct model_card card;
    int outputs = 0;
    g_autoptr(GString) reason = g_string_new(NULL);
    const struct tensor_want input = {.shape = {4, {count, 3, BATCH_SIDE_PX, BATCH_SIDE_PX}}};
    const struct detector_settings settings = {.threads = 1, .provider = PROVIDER_CPU};
    record_init(&model_card_descriptor, &card);
    card.input_width_px = card.input_height_px = BATCH_SIDE_PX;
    card.labels = (struct record_strings){(char *[]){(char[]){"face"}}, 1};
    family_find(MODEL_YUNET)->describe(&card, wants, &outputs, reason, NULL);
    for (int i = 0; i < outputs; i++)
        memset(wants[i].shape.sizes, 0, sizeof wants[i].shape.sizes);
    CLEANUP(runtime) struct runtime *runtime = runtime_open(bytes, length, &settings, NULL);
    return runtime && runtime_bind(runtime, &input, wants, outputs, NULL) ? g_steal_pointer(&runtime) : NULL;
}

static void *batch_setup(void)
{
    g_autofree char *bytes = NULL;
    gsize length = 0;
    struct batch_bench *bench = g_new0(struct batch_bench, 1);
    if (g_file_get_contents("../shared/assets/models/yunet_n_dynamic.onnx", &bytes, &length, NULL)) {
        bench->one = open_batch(bytes, length, 1);
        bench->many = open_batch(bytes, length, BATCH);
    }
    if (bench->one && bench->many)
        return bench;
    fputs("batches are left out: no model that takes any number of pictures\n", stderr);
    g_free(bench);
    return NULL;
}

static void batch_ours(void *data)
{
    struct batch_bench *bench = data;
    runtime_run(bench->many, NULL);
}

static void batch_theirs(void *data)
{
    struct batch_bench *bench = data;
    for (int i = 0; i < BATCH; i++)
        runtime_run(bench->one, NULL);
}

/* ---- preview ---- */

struct preview_bench {
    struct privacy_encoder *encoder;
    struct frame *frame;
    uint8_t *copy;
};

static void *preview_setup(void)
{
    struct preview_bench *bench = g_new0(struct preview_bench, 1);
    bench->encoder = privacy_encoder_new(640, 75);
    bench->frame = scene_frame(FRAME_NV12);
    bench->copy = g_malloc((size_t)bench->frame->strides_bytes[0] * (size_t)bench->frame->height_px);
    return bench;
}

static void preview_ours(void *data)
{
    static const struct record_box figures[] = {{0.1, 0.2, 0.1, 0.5}, {0.4, 0.2, 0.1, 0.5}, {0.7, 0.2, 0.1, 0.5}};
    struct preview_bench *bench = data;
    const struct privacy_request request = {.figures = figures, .figure_count = G_N_ELEMENTS(figures)};
    g_bytes_unref(privacy_encode_jpeg(bench->encoder, bench->frame, &request, NULL));
}

static void preview_theirs(void *data)
{
    struct preview_bench *bench = data;
    memcpy(bench->copy, bench->frame->planes[0],
           (size_t)bench->frame->strides_bytes[0] * (size_t)bench->frame->height_px);
}

/* ---- tracker ---- */

struct tracker_bench {
    struct tracker *tracker;
    struct detections *detections;
    int count;
    int64_t media_us;
    double sum;
};

static void *tracker_setup(int count)
{
    struct tracker_bench *bench = g_new0(struct tracker_bench, 1);
    struct settings settings;
    record_init(&settings_descriptor, &settings);
    bench->tracker = tracker_new(&settings.tracker, 1);
    bench->detections = g_new0(struct detections, 1);
    bench->count = count;
    record_clear(&settings_descriptor, &settings);
    return bench;
}

static void tracker_ours(void *data)
{
    struct tracker_bench *bench = data;
    struct tracks tracks;
    struct random random;
    random_init(&random, 5);
    bench->media_us += 33333;
    bench->detections->count = bench->count;
    for (int i = 0; i < bench->count; i++) /* crowded: neighbours overlap a little, and everyone shakes */
        bench->detections->items[i] =
            (struct detection){{(i % 40) * 0.024 + 0.001 * random_uniform(&random),
                                (double)(i / 40) * 0.036 + 0.001 * random_uniform(&random), 0.027, 0.05},
                               0.9,
                               "object"};
    tracker_update(bench->tracker, bench->detections, bench->media_us, 1920, 1080, &tracks);
}

/* The least any tracker without an index does: every pair's IoU once. */
static void tracker_theirs(void *data)
{
    struct tracker_bench *bench = data;
    for (int i = 0; i < bench->count; i++)
        for (int j = 0; j < bench->count; j++) {
            const struct record_box *a = &bench->detections->items[i].box, *b = &bench->detections->items[j].box;
            double w = MIN(a->x + a->w, b->x + b->w) - MAX(a->x, b->x),
                   h = MIN(a->y + a->h, b->y + b->h) - MAX(a->y, b->y);
            bench->sum += w > 0 && h > 0 ? w * h / (a->w * a->h + b->w * b->h - w * h) : 0;
        }
}

/* ---- facts of the picture ---- */

struct facts_bench {
    struct motion *motion;
    struct picture_watch *watch;
    struct frame *frame;
    struct frame template;
    uint8_t *copy;
};

static void *facts_setup(void)
{
    struct facts_bench *bench = g_new0(struct facts_bench, 1);
    struct settings settings;
    record_init(&settings_descriptor, &settings);
    CLEANUP(scene) struct scene *scene = scene_new_from_uri("scene://shop?width=1920&height=1080", NULL);
    g_autofree struct detections *objects = g_new0(struct detections, 1);
    bench->frame = scene_render(scene, 100);
    bench->motion = motion_new(&settings.motion);
    bench->watch = picture_watch_new();
    bench->copy = g_malloc((gsize)bench->frame->width_px * (gsize)bench->frame->height_px);
    motion_update(bench->motion, bench->frame, objects, NULL);
    bench->template = *bench->frame;
    record_clear(&settings_descriptor, &settings);
    return bench;
}

static void facts_ours(void *data)
{
    struct facts_bench *bench = data;
    struct picture_facts facts;
    int width, height;
    const uint8_t *luma = motion_luma(bench->motion, &width, &height);
    bench->template.media_us += 200000;
    frame_plane(bench->frame, 0)[0]++; /* no two pictures are the same */
    picture_watch_update(bench->watch, &bench->template, luma, width, height, &facts);
}

static void facts_theirs(void *data)
{
    struct facts_bench *bench = data;
    for (int y = 0; y < bench->frame->height_px; y++)
        memcpy(bench->copy + y * bench->frame->width_px, bench->frame->planes[0] + y * bench->frame->strides_bytes[0],
               (size_t)bench->frame->width_px);
}

/* ---- rules ---- */

enum { RULE_TRACKS = 100, RULE_LINES = 8, RULE_ZONES = 8 };

struct rules_bench {
    struct analytics *analytics;
    struct picture_facts picture;
    struct camera camera;
    struct observed_track tracks[RULE_TRACKS];
    int64_t media_us;
    double sum;
};

static void ignore_event(void *data, enum event_type type, void *record)
{
    (void)data;
    (void)type;
    (void)record;
}

static void turn_on_rules(struct zone *zone)
{
    zone->kind = ZONE_INTRUSION;
    zone->occupancy_limit = zone->crowd_limit = zone->queue_limit = RULE_TRACKS / 2;
    zone->loitering_seconds = 30;
    zone->allowed_heading = (struct record_optional){true, 90};
    zone->speed_limit = 1;
    zone->left_seconds = zone->taken_seconds = 30;
}

static void *rules_setup(void)
{
    struct rules_bench *bench = g_new0(struct rules_bench, 1);
    struct settings settings;
    record_init(&settings_descriptor, &settings);
    record_init(&camera_descriptor, &bench->camera);
    for (int i = 0; i < RULE_LINES; i++) {
        struct line *line = record_list_append(&bench->camera.lines, &line_descriptor);
        line->id = g_strdup_printf("line-%d", i);
        line->a = (struct record_point){0.1, 0.1 + 0.1 * i};
        line->b = (struct record_point){0.9, 0.1 + 0.1 * i};
        line->allowed = LINE_ALLOWED_IN;
    }
    for (int i = 0; i < RULE_ZONES; i++) {
        const struct record_point corners[] = {
            {0.1 * i, 0.1}, {0.1 * i + 0.2, 0.1}, {0.1 * i + 0.2, 0.9}, {0.1 * i, 0.9}};
        struct zone *zone = record_list_append(&bench->camera.zones, &zone_descriptor);
        zone->id = g_strdup_printf("zone-%d", i);
        zone->polygon.items = g_memdup2(corners, sizeof corners);
        zone->polygon.count = G_N_ELEMENTS(corners);
        turn_on_rules(zone);
    }
    bench->camera.rules.fall_seconds = 2;
    bench->analytics = analytics_new(&bench->camera, &settings.rules);
    for (int i = 0; i < RULE_TRACKS; i++)
        bench->tracks[i] = (struct observed_track){
            .id = (uint64_t)i + 1, .object_class = "person", .w = 200, .h = 500, .is_confirmed = true};
    record_clear(&settings_descriptor, &settings);
    return bench;
}

static void rules_ours(void *data)
{
    struct rules_bench *bench = data;
    const struct analytics_sink sink = {ignore_event, NULL};
    bench->media_us += 100000;
    for (int i = 0; i < RULE_TRACKS; i++) {
        bench->tracks[i].x = (int16_t)(i * 37 % 3900);
        bench->tracks[i].y = (int16_t)((i * 53 + bench->media_us / 5000) % 3500);
    }
    const struct observation observation = {.at_ms = bench->media_us / 1000,
                                            .media_us = bench->media_us,
                                            .tracks = bench->tracks,
                                            .track_count = RULE_TRACKS,
                                            .picture = &bench->picture};
    analytics_observe(bench->analytics, &observation, &sink);
}

/* Only the geometry of it: each track's side of each line. */
static void rules_theirs(void *data)
{
    struct rules_bench *bench = data;
    for (int i = 0; i < RULE_TRACKS; i++)
        for (int j = 0; j < RULE_LINES + RULE_ZONES; j++)
            bench->sum += (bench->tracks[i].x - 100.0 * j) * 0.8 - (bench->tracks[i].y - 50.0 * j) * 0.1;
}

/* ---- JSON ---- */

struct json_bench {
    struct zone_hit hit;
    GString *out;
};

static void *json_setup(void)
{
    struct json_bench *bench = g_new0(struct json_bench, 1);
    bench->hit = (struct zone_hit){"018bcfe5-6800-7000-8000-000000000000",
                                   "till-2",
                                   "shelf",
                                   249689567920131,
                                   ZONE_HIT_EXIT,
                                   NULL,
                                   {true, 12.5},
                                   "person",
                                   {1767225600123},
                                   {0.25, 0.5, 0.125, 0.333}};
    bench->out = g_string_new(NULL);
    return bench;
}

static void json_ours(void *data)
{
    struct json_bench *bench = data;
    g_string_truncate(bench->out, 0);
    record_encode_json(&zone_hit_descriptor, &bench->hit, true, bench->out);
}

static void json_theirs(void *data)
{
    struct json_bench *bench = data;
    json_t *object =
        json_pack("{s:i,s:s,s:s,s:s,s:I,s:s,s:f,s:s,s:s,s:[f,f,f,f]}", "schema_version", 1, "id", bench->hit.id,
                  "camera_id", bench->hit.camera_id, "zone_id", bench->hit.zone_id, "track_id",
                  (json_int_t)bench->hit.track_id, "event", "exit", "dwell_seconds", 12.5, "object_class", "person",
                  "at", "2026-01-01T00:00:00.123Z", "box", 0.25, 0.5, 0.125, 0.333);
    free(json_dumps(object, JSON_COMPACT));
    json_decref(object);
}

/* ---- all of them ---- */

static FILE *json;

static void show(const struct row *row)
{
    static const char *separator = "[";
    double ours, theirs;
    if (!row->data)
        return;
    measure(row, &ours, &theirs);
    printf("%-38s %12.5f %12.5f %8.2f  %s\n", row->name, ours, theirs, ours / theirs, row->baseline);
    if (json)
        fprintf(json, "%s\n{\"name\":\"%s\",\"baseline\":\"%s\",\"ours_ms\":%.6f,\"baseline_ms\":%.6f,\"ratio\":%.4f}",
                separator, row->name, row->baseline, ours, theirs, ours / theirs);
    separator = ",";
}

static void show_families(void)
{
    struct row row = {NULL, "reading each number once", family_ours, family_theirs, NULL, 50};
    for (size_t i = 0; (row.data = family_setup(i, &row.name)); i++)
        show(&row);
}

static void show_path(const char *name, const char *baseline, void *data)
{
    const struct row row = {name, baseline, path_ours, path_theirs, data, 1};
    if (!data)
        return;
    show(&row);
    path_report(data, name);
}

/* One after the other: a clip, its cameras and its model are gone before the next. */
static void show_paths(void)
{
    static const char model[] = "../shared/assets/models/yolox_nano.onnx";
    show_path("quiet 1080p camera, 4 s at 15 fps", "decoding alone",
              path_setup("scene://empty?width=1920&height=1080&fps=15", NULL, NULL));
    if (g_file_test(model, G_FILE_TEST_EXISTS))
        show_path("busy 1080p camera, 4 s at 15 fps", "decoding and ONNX Runtime alone",
                  path_setup("scene://shop?width=1920&height=1080&fps=15", model, "models/cards/yolox_nano.card.json"));
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--paths") == 0) {
        show_paths();
        return 0;
    }
    const struct row rows[] = {
        {"motion, 1080p frame of a shop", "copying its luma plane", motion_ours, motion_theirs,
         motion_setup("scene://shop?width=1920&height=1080"), 20},
        {"motion, 360p frame of a shop", "copying its luma plane", motion_ours, motion_theirs,
         motion_setup("scene://shop"), 20},
        {"preprocess, 1080p NV12 to 416 x 416", "its scalar form", preprocess_ours, preprocess_theirs,
         preprocess_setup(FRAME_NV12), 20},
        {"preprocess, 1080p I420 to 416 x 416", "its scalar form", preprocess_ours, preprocess_theirs,
         preprocess_setup(FRAME_I420), 20},
        {"detection, 1080p frame", "ONNX Runtime alone", detection_ours, detection_theirs, detection_setup(), 4},
        {"YuNet on the CPU, 8 pictures in one call", "8 calls", batch_ours, batch_theirs, batch_setup(), 1},
        {"preview, 1080p frame, 3 figures hidden", "copying its luma plane", preview_ours, preview_theirs,
         preview_setup(), 4},
        {"tracker, 100 objects a frame", "every pair's IoU once", tracker_ours, tracker_theirs, tracker_setup(100), 50},
        {"tracker, 1000 objects a frame", "every pair's IoU once", tracker_ours, tracker_theirs, tracker_setup(1000),
         5},
        {"facts of the picture, 1080p", "copying its luma plane", facts_ours, facts_theirs, facts_setup(), 50},
        {"rules, all on: 100 tracks, 8 lines, 8 zones", "a side test each", rules_ours, rules_theirs, rules_setup(),
         100},
        {"encode a zone hit as JSON", "jansson, packed and dumped", json_ours, json_theirs, json_setup(), 2000},
    };
    const char *json_path = argc == 3 && strcmp(argv[1], "--json") == 0 ? argv[2] : NULL;
    json = json_path ? fopen(json_path, "w") : NULL;
    if (json_path && !json) {
        perror(json_path);
        return 1;
    }
    printf("%-38s %12s %12s %8s  %s\n", "what", "ours, ms", "base, ms", "ratio", "baseline");
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
        show(&rows[i]);
    show_families();
    show_paths();
    if (json) {
        fputs("\n]\n", json);
        fclose(json);
    }
    return 0;
}
