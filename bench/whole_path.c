/* The whole path of a 1080p camera beside what nobody can do without: decoding, and the model itself. */
#include "bench.h"

#include "frame/frame.h"
#include "media/media_internal.h"
#include "scene/scene.h"
#include "vision/detector_internal.h"
#include "worker/worker.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <gst/gst.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    FPS = 15,
    ANALYSED_FPS = 5,
    FRAMES = 4 * FPS,
    CAMERA_KBIT =
        2000, /* what such a camera usually sends a second: the noise is mostly smoothed away, as it is there */
    MORE_CAMERAS = 3,
    KEY_SECONDS = 2,
    WARM_UP_FRAMES = FPS,
};

/* What a row's argument points to; with a model it runs on every analysed frame. */
struct path_kind {
    const char *scene, *model, *card;
};

struct path_bench {
    char *clip, *directory;
    struct settings settings;
    struct worker_config config;
    struct camera camera;
    struct detector *detector;
    struct runtime *bare; /* the same model without us around it */
    struct camera_health health;
    GString *text; /* what the pipeline told last */
    double cpu_us; /* of path_ours, together */
    int64_t passes;
    int64_t bare_allocations, bare_runs;
};

static double cpu_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* ---- what asks for memory ---- */

/* Calls of the allocator by a thread while it counts. */
static __thread bool is_counting;
static __thread int64_t allocations;

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

/* Seen by the libraries too, which would otherwise call the C library's own. */
#pragma GCC visibility push(default)

void *malloc(size_t size)
{
    allocations += is_counting;
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    allocations += is_counting;
    return __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    allocations += is_counting;
    return __libc_realloc(old, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    allocations += is_counting;
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
    allocations += is_counting;
    *memory = __libc_memalign(alignment, size);
    return *memory ? 0 : ENOMEM;
}

#pragma GCC visibility pop

static void check_counting(void)
{
    int64_t before = allocations;
    is_counting = true;
    g_free(g_malloc(1));
    is_counting = false;
    g_assert_cmpint(allocations, ==, before + 1);
}

/* ---- the clip ---- */

/* Runs to the end of what it plays. */
static void play(const char *text)
{
    g_autoptr(GstElement) pipeline = gst_parse_launch(text, NULL);
    g_autoptr(GstBus) bus = gst_element_get_bus(pipeline);
    gst_element_set_state(pipeline, GST_STATE_PLAYING);
    gst_message_unref(gst_bus_timed_pop_filtered(bus, GST_CLOCK_TIME_NONE, GST_MESSAGE_EOS | GST_MESSAGE_ERROR));
    gst_element_set_state(pipeline, GST_STATE_NULL);
}

/* As a camera would send it: a key frame each KEY_SECONDS, and none because the picture changed. */
static void thin_out(const char *from, const char *to)
{
    g_autofree char *text =
        g_strdup_printf("filesrc location=%s ! qtdemux ! h264parse ! avdec_h264 ! x264enc bitrate=%d "
                        "speed-preset=veryfast key-int-max=%d bframes=0 option-string=scenecut=0 ! h264parse ! mp4mux "
                        "! filesink location=%s",
                        from, CAMERA_KBIT, KEY_SECONDS * FPS, to);
    play(text);
}

static bool write_clip(const char *uri, const char *path, GError **error)
{
    CLEANUP(scene) struct scene *scene = scene_new_from_uri(uri, error);
    struct media_writer *writer = scene ? media_writer_open(path, 1920, 1080, FPS, error) : NULL;
    bool is_good = writer != NULL;
    for (int i = 0; i < FRAMES && is_good; i++) {
        CLEANUP(frame) struct frame *frame = scene_render(scene, (uint64_t)(FRAMES + i));
        is_good = media_writer_write(writer, frame, error);
    }
    return writer && media_writer_close(writer, is_good ? error : NULL) && is_good;
}

static bool open_model(struct path_bench *bench, const struct path_kind *kind, GError **error)
{
    struct detector_settings settings = bench->settings.detector;
    if (!kind->model)
        return true;
    settings.card = (char *)(uintptr_t)kind->card;
    bench->detector = detector_open(kind->model, &settings, error);
    bench->bare = bench->detector ? bench_open_bare(kind->model, detector_card(bench->detector), error) : NULL;
    return bench->bare != NULL;
}

/* The lines and zones that most cameras have: one line across, one zone. */
static void draw_rules(struct camera *camera)
{
    static const struct record_point corners[] = {{0.1, 0.6}, {0.9, 0.6}, {0.9, 0.9}, {0.1, 0.9}};
    struct line *line = record_list_append(&camera->lines, &line_descriptor);
    struct zone *zone = record_list_append(&camera->zones, &zone_descriptor);
    camera->id = g_strdup("bench");
    line->id = g_strdup("line");
    line->a = (struct record_point){0.1, 0.5};
    line->b = (struct record_point){0.9, 0.5};
    zone->id = g_strdup("zone");
    zone->polygon.items = g_memdup2(corners, sizeof corners);
    zone->polygon.count = G_N_ELEMENTS(corners);
}

static bool prepare(struct path_bench *bench, const struct path_kind *kind, GError **error)
{
    bench->directory = g_dir_make_tmp("vedette-bench-XXXXXX", error);
    if (!bench->directory || !media_init(false, error))
        return false;
    bench->clip = g_build_filename(bench->directory, "clip.mp4", NULL);
    g_autofree char *raw = g_build_filename(bench->directory, "raw.mp4", NULL);
    bool is_good = write_clip(kind->scene, raw, error) && open_model(bench, kind, error);
    if (is_good)
        thin_out(raw, bench->clip);
    g_unlink(raw);
    return is_good;
}

static void *path_setup(const void *argument)
{
    const struct path_kind *kind = argument;
    struct path_bench *bench = g_new0(struct path_bench, 1);
    g_autoptr(GError) error = NULL;
    check_counting();
    bench->text = g_string_sized_new(1 << 16);
    record_init(&settings_descriptor, &bench->settings);
    record_init(&camera_descriptor, &bench->camera);
    draw_rules(&bench->camera);
    bench->settings.detector.is_gated = false;
    bench->config.workers = bench->settings.workers;
    bench->config.motion = bench->settings.motion;
    bench->config.detector = bench->settings.detector;
    bench->config.tracker = bench->settings.tracker;
    bench->config.rules = bench->settings.rules;
    if (prepare(bench, kind, &error))
        return bench;
    fprintf(stderr, "the whole path is left out: %s\n", error->message);
    return NULL;
}

/* ---- one pass over it ---- */

/* Both are written as a worker writes them for its hub. */
static void write_event(void *data, const struct analytics_event *event)
{
    g_string_truncate(data, 0);
    record_encode_json(&analytics_event_descriptor, event, true, data);
}

static void write_tracks(void *data, const struct track_update *update)
{
    g_string_truncate(data, 0);
    record_encode_json(&track_update_descriptor, update, false, data);
}

struct eye {
    struct media_reader *reader;
    struct media_skipper *skipper; /* NULL: everything is decoded */
    struct pipeline *pipeline;
    struct frame_thinner thinner;
};

static void count_nothing(void *data, size_t counter, int64_t amount)
{
    (void)data;
    (void)counter;
    (void)amount;
}

static void eye_open(struct eye *eye, struct path_bench *bench, enum camera_decode decode)
{
    struct source_settings settings = bench->settings.source;
    settings.quiet_seconds = 0; /* nothing has moved for a while */
    *eye = (struct eye){0};
    if (decode != DECODE_ALL)
        eye->skipper = media_skipper_new(decode, &settings, clock_system(), count_nothing, NULL);
    const struct pipeline_sink sink = {.event = write_event, .tracks = write_tracks, .data = bench->text};
    g_autoptr(GError) error = NULL;
    eye->reader = media_reader_open_live(bench->clip, &settings, eye->skipper, NULL, NULL, &error);
    if (!eye->reader)
        g_error("%s", error->message);
    eye->pipeline =
        pipeline_new(&bench->config, &bench->camera, bench->detector, NULL, 1, clock_system(), &bench->health, &sink);
    frame_thinner_init(&eye->thinner, ANALYSED_FPS);
}

static void eye_close(struct eye *eye)
{
    media_reader_free(eye->reader);
    pipeline_free(eye->pipeline);
    media_skipper_free(eye->skipper);
}

/* At most `count` frames. Returns how many came. */
static int eye_look(struct eye *eye, int count)
{
    int seen = 0;
    for (; seen < count; seen++) {
        CLEANUP(frame) struct frame *frame = media_reader_next(eye->reader, NULL);
        if (!frame)
            break;
        bool counts = seen >= WARM_UP_FRAMES;
        if (!frame_thinner_pass(&eye->thinner, frame->media_us))
            continue;
        is_counting = counts;
        pipeline_feed(eye->pipeline, frame);
        is_counting = false;
    }
    return seen;
}

static void path_ours(void *data)
{
    struct path_bench *bench = data;
    double started_us = cpu_us();
    struct eye eye;
    eye_open(&eye, bench, DECODE_ALL);
    eye_look(&eye, FRAMES);
    eye_close(&eye);
    bench->cpu_us += cpu_us() - started_us;
    bench->passes++;
}

static void path_auto(void *data)
{
    struct eye eye;
    eye_open(&eye, data, DECODE_AUTO);
    eye_look(&eye, FRAMES);
    eye_close(&eye);
}

static void path_theirs(void *data)
{
    struct path_bench *bench = data;
    g_autofree char *text = g_strdup_printf("filesrc location=%s ! qtdemux ! h264parse ! avdec_h264 max-threads=%d ! "
                                            "fakesink sync=false",
                                            bench->clip, bench->settings.source.decoder_threads);
    play(text);
    int64_t before = allocations;
    is_counting = bench->bare != NULL;
    for (int i = 0; i < FRAMES * ANALYSED_FPS / FPS && bench->bare; i++, bench->bare_runs++)
        runtime_run(bench->bare, NULL);
    is_counting = false;
    bench->bare_allocations += allocations - before;
    allocations = before;
}

/* ---- the report ---- */

static double pss_mb(void)
{
    g_autofree char *text = NULL;
    const char *pss = g_file_get_contents("/proc/self/smaps_rollup", &text, NULL, NULL) ? strstr(text, "\nPss:") : NULL;
    return pss ? g_ascii_strtod(pss + strlen("\nPss:"), NULL) / 1024 : 0;
}

static void report_memory(struct path_bench *bench)
{
    struct eye eyes[1 + MORE_CAMERAS];
    double first_mb = 0;
    for (int i = 0; i <= MORE_CAMERAS; i++) {
        eye_open(&eyes[i], bench, DECODE_ALL);
        eye_look(&eyes[i], FRAMES / 2);
        if (i == 0)
            first_mb = pss_mb();
    }
    printf("  %-36s %12.1f MB (mean of %d)\n", "memory of a further camera", (pss_mb() - first_mb) / MORE_CAMERAS,
           MORE_CAMERAS);
    for (int i = 0; i <= MORE_CAMERAS; i++)
        eye_close(&eyes[i]);
}

static void path_end(void *data, const char *name)
{
    struct path_bench *bench = data;
    (void)name;
    detector_free(bench->detector);
    runtime_free(bench->bare);
    g_unlink(bench->clip);
    g_rmdir(bench->directory);
}

static void path_report(void *data, const char *name)
{
    struct path_bench *bench = data;
    const struct camera_health *health = &bench->health;
    double rest_us =
        bench->cpu_us - (double)(health->motion_us + health->detect_us + health->track_us + health->rules_us);
    printf("%s: %s\n", name, bench->detector ? "with a model on every analysed frame" : "without a model");
    printf("  %-36s decode %.1f %%, motion %.1f %%, detect %.1f %%, track %.2f %%, rules %.2f %%\n", "shares",
           100 * rest_us / bench->cpu_us, 100 * (double)health->motion_us / bench->cpu_us,
           100 * (double)health->detect_us / bench->cpu_us, 100 * (double)health->track_us / bench->cpu_us,
           100 * (double)health->rules_us / bench->cpu_us);
    double bare = (double)bench->bare_allocations / (double)MAX(bench->bare_runs, 1);
    double all = (double)allocations / (double)(bench->passes * (FRAMES - WARM_UP_FRAMES) * ANALYSED_FPS / FPS);
    /* and two in media for each picture that is analysed: what holds the decoder's mapping, and the frame's counter */
    printf("  %-36s %12.2f a frame, %.2f more by ONNX Runtime\n", "our allocations from the frame on", all - bare,
           bare);
    allocations = 0;
    report_memory(bench);
    allocations = 0;
    path_end(bench, name);
}

/* ---- the rows ---- */

static const struct path_kind quiet = {"scene://empty?width=1920&height=1080&fps=15", NULL, NULL};
static const struct path_kind busy = {"scene://shop?width=1920&height=1080&fps=15",
                                      "../shared/assets/models/yolox_nano.onnx", "models/cards/yolox_nano.card.json"};

static const struct row rows[] = {
    {"quiet 1080p camera, 4 s at 15 fps", "decoding alone", path_ours, path_theirs, path_setup, &quiet, 1, path_report},
    {"quiet 1080p camera, decode: auto", "decode: all", path_auto, path_ours, path_setup, &quiet, 1, path_end},
    {"busy 1080p camera, 4 s at 15 fps", "decoding and ONNX Runtime alone", path_ours, path_theirs, path_setup, &busy,
     1, path_report},
};
const struct row_table path_rows = {rows, G_N_ELEMENTS(rows)};
