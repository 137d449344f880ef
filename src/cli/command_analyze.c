#include "cli/cli.h"

#include "cli/settings_load.h"
#include "media/media.h"
#include "worker/worker.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* What one run needs and finds. */
struct analysis {
    bool is_json;
    double fps;       /* analysed; 0: every frame */
    int64_t start_ms; /* wall time of the first frame */
    struct camera *camera;
    struct worker_config config;
    struct camera_health health;
    struct media_reader *reader;
    struct detector *detector;
    struct reader *looks; /* NULL: lost tracks are not found again by them */
    int64_t frames, media_us;
};

static void print_event(void *data, const struct analytics_event *event)
{
    const struct analysis *analysis = data;
    g_autoptr(GString) line = g_string_new(NULL);
    if (analysis->is_json) {
        record_encode_json(&analytics_event_descriptor, event, true, line);
    } else {
        record_append_time(line, event->occurred_at.ms);
        g_string_append_printf(line, "  %-14s %-16s %s", record_enum_name(event_type_names, event->type),
                               event->subject_id ? event->subject_id : "", event->payload.text);
    }
    puts(line->str);
}

static int64_t cpu_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * G_USEC_PER_SEC + now.tv_nsec / 1000;
}

/* ---- the summary ---- */

static void append_counts(GString *out, const struct analytics_count *counts, size_t count, bool is_line)
{
    bool is_first = true;
    for (size_t i = 0; i < count; i++) {
        const struct analytics_count *c = &counts[i];
        if (c->is_line != is_line)
            continue;
        g_string_append(out, is_first ? "" : ",");
        if (is_line)
            g_string_append_printf(out, "{\"line\":\"%s\",\"in\":%d,\"out\":%d}", c->id, c->in_or_entries,
                                   c->out_or_exits);
        else
            g_string_append_printf(out, "{\"zone\":\"%s\",\"enters\":%d,\"exits\":%d,\"inside\":%d}", c->id,
                                   c->in_or_entries, c->out_or_exits, c->inside);
        is_first = false;
    }
}

static void print_json_summary(const struct analysis *analysis, const struct analytics_count *counts, size_t count,
                               int64_t decode_us, double wall_seconds)
{
    const struct camera_health *health = &analysis->health;
    g_autoptr(GString) out = g_string_new(NULL);
    g_string_append_printf(out, "{\"summary\":{\"frames\":%lld,\"analysed\":%lld,\"seconds\":%.3f,\"lines\":[",
                           (long long)analysis->frames, (long long)health->frames_processed,
                           (double)analysis->media_us / 1e6);
    append_counts(out, counts, count, true);
    g_string_append(out, "],\"zones\":[");
    append_counts(out, counts, count, false);
    g_string_append_printf(
        out,
        "],\"stages_ms\":{\"decode\":%.1f,\"motion\":%.1f,\"detect\":%.1f,\"track\":%.1f,\"rules\":%.1f},"
        "\"frame_copies\":%lld,\"frames_per_second\":%.1f}}",
        (double)decode_us / 1000, (double)health->motion_us / 1000, (double)health->detect_us / 1000,
        (double)health->track_us / 1000, (double)health->rules_us / 1000,
        (long long)media_reader_copies(analysis->reader), (double)analysis->frames / wall_seconds);
    puts(out->str);
}

static void print_table(const struct analysis *analysis, const struct analytics_count *counts, size_t count,
                        int64_t decode_us, double wall_seconds)
{
    const struct camera_health *health = &analysis->health;
    printf("\n%lld frames, %lld analysed, %.1f s of video in %.1f s\n", (long long)analysis->frames,
           (long long)health->frames_processed, (double)analysis->media_us / 1e6, wall_seconds);
    for (size_t i = 0; i < count; i++) {
        if (counts[i].is_line)
            printf("line %-20s in %d, out %d\n", counts[i].id, counts[i].in_or_entries, counts[i].out_or_exits);
        else
            printf("zone %-20s entered %d, left %d\n", counts[i].id, counts[i].in_or_entries, counts[i].out_or_exits);
    }
    printf("CPU: decode %.0f ms, motion %.0f ms, detect %.0f ms, track %.0f ms, rules %.0f ms\n",
           (double)decode_us / 1000, (double)health->motion_us / 1000, (double)health->detect_us / 1000,
           (double)health->track_us / 1000, (double)health->rules_us / 1000);
}

static void print_summary(const struct analysis *analysis, const struct pipeline *pipeline, int64_t decode_us,
                          double wall_seconds)
{
    size_t capacity = analysis->camera->lines.count + analysis->camera->zones.count;
    g_autofree struct analytics_count *counts = g_new0(struct analytics_count, capacity + 1);
    size_t count = pipeline_counts(pipeline, counts, capacity);
    if (analysis->is_json)
        print_json_summary(analysis, counts, count, decode_us, wall_seconds);
    else
        print_table(analysis, counts, count, decode_us, wall_seconds);
}

/* ---- running ---- */

/* The wall time of a video nobody said the start of: the clock of its records then reads as the time in the video. */
static const char *const default_start = "2000-01-01T00:00:00Z";

static void release_inner(void *data)
{
    frame_unref(data);
}

/* The same planes, stamped as if the video had been recorded from start_ms on. Takes over `frame`. */
static struct frame *stamp_frame(struct frame *frame, int64_t start_ms)
{
    struct frame template = *frame;
    template.captured_at_ms = start_ms + frame->media_us / 1000;
    return frame_new(&template, release_inner, frame);
}

static bool feed_all(struct analysis *analysis, struct pipeline *pipeline, GError **error)
{
    struct frame_thinner thinner;
    frame_thinner_init(&thinner, analysis->fps);
    for (;;) {
        g_autoptr(GError) cause = NULL;
        CLEANUP(frame) struct frame *frame = media_reader_next(analysis->reader, &cause);
        if (!frame) {
            if (cause)
                g_propagate_error(error, g_steal_pointer(&cause));
            return !*error;
        }
        frame = stamp_frame(frame, analysis->start_ms);
        analysis->frames++;
        analysis->media_us = frame->media_us;
        if (frame_thinner_pass(&thinner, frame->media_us))
            pipeline_feed(pipeline, frame);
    }
}

static void tell_bad_pictures(const struct media_reader *reader)
{
    const char *why;
    int64_t bad = media_reader_bad_pictures(reader, &why);
    if (bad > 0)
        fprintf(stderr, "vedette analyze: passed over pictures that cannot be read: %lld, the last because: %s\n",
                (long long)bad, why);
}

static bool run(struct analysis *analysis, GError **error)
{
    const struct pipeline_sink sink = {.event = print_event, .data = analysis};
    struct pipeline *pipeline = pipeline_new(&analysis->config, analysis->camera, analysis->detector, NULL, 1,
                                             clock_system(), &analysis->health, &sink);
    if (analysis->looks)
        pipeline_know_looks(pipeline, &analysis->config.reid, analysis->looks, NULL);
    int64_t started_us = clock_monotonic_us(clock_system()), cpu_started_us = cpu_us();
    bool is_good = feed_all(analysis, pipeline, error);
    tell_bad_pictures(analysis->reader);
    if (analysis->frames == 0 && is_good) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, "the video holds no frame that can be decoded");
        is_good = false;
    }
    pipeline_finish(pipeline);
    const struct camera_health *health = &analysis->health;
    /* Decoding runs on GStreamer's threads: its share is what the other stages did not use. */
    int64_t decode_us =
        cpu_us() - cpu_started_us - health->motion_us - health->detect_us - health->track_us - health->rules_us;
    print_summary(analysis, pipeline, MAX(decode_us, 0),
                  (double)(clock_monotonic_us(clock_system()) - started_us) / 1e6);
    pipeline_free(pipeline);
    return is_good;
}

static struct camera *choose_camera(struct settings *settings, const char *id, GError **error)
{
    struct camera *cameras = settings->cameras.items;
    for (size_t i = 0; i < settings->cameras.count; i++)
        if (!id || strcmp(cameras[i].id, id) == 0)
            return &cameras[i];
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_NOT_FOUND,
                id ? "the settings have no camera '%s'" : "the settings have no camera%s", id ? id : "");
    return NULL;
}

static bool open_looks(const struct settings *settings, struct analysis *analysis, GError **error)
{
    struct detector_settings runtime = settings->detector;
    runtime.card = settings->reid.card;
    analysis->config.reid = settings->reid;
    analysis->looks = reader_open(settings->reid.model, &runtime, error);
    return analysis->looks != NULL;
}

static bool analyze(const char *video, struct settings *settings, const char *camera_id, struct analysis *analysis,
                    GError **error)
{
    analysis->camera = choose_camera(settings, camera_id, error);
    if (!analysis->camera || !media_init(false, error))
        return false;
    analysis->config.workers = settings->workers;
    analysis->config.motion = settings->motion;
    analysis->config.detector = settings->detector;
    analysis->config.tracker = settings->tracker;
    analysis->config.rules = settings->rules;
    if (settings->detector.model && *settings->detector.model) {
        analysis->detector = detector_open(settings->detector.model, &settings->detector, error);
        if (!analysis->detector)
            return false;
    }
    if (settings->reid.model && *settings->reid.model && !open_looks(settings, analysis, error))
        return false;
    analysis->reader = media_reader_open(video, &settings->source, error);
    bool is_good = analysis->reader && run(analysis, error);
    media_reader_free(analysis->reader);
    detector_free(analysis->detector);
    reader_free(analysis->looks);
    return is_good;
}

static bool take_start(const char *start, struct analysis *analysis, GError **error)
{
    if (record_parse_time(start, &analysis->start_ms) && analysis->start_ms > 0)
        return true;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID,
                "--start '%s': must be a time after 1970 like 2026-03-01T08:00:00Z", start);
    return false;
}

static int analyze_main(int argc, char **argv)
{
    g_autofree char *config = NULL, *camera_id = NULL, *start = NULL;
    gboolean is_json = FALSE;
    double fps = 0;
    const GOptionEntry entries[] = {
        {"config", 0, 0, G_OPTION_ARG_FILENAME, &config, "settings; its first camera's lines and zones are used",
         "FILE"},
        {"camera", 0, 0, G_OPTION_ARG_STRING, &camera_id, "use this camera's instead", "ID"},
        {"json", 0, 0, G_OPTION_ARG_NONE, &is_json, "print records as JSON lines", NULL},
        {"fps", 0, 0, G_OPTION_ARG_DOUBLE, &fps,
         "frames a second to analyse, to see what a camera with such an analyse_fps would count; without: every one",
         "F"},
        {"start", 0, 0, G_OPTION_ARG_STRING, &start,
         "when the recording began, RFC 3339 (2000-01-01T00:00:00Z: records then carry the time in the video)", "TIME"},
        {0}};
    g_autoptr(GError) error = NULL;
    g_autoptr(GOptionContext) context = g_option_context_new("VIDEO");
    g_option_context_add_main_entries(context, entries, NULL);
    g_option_context_set_ignore_unknown_options(context, TRUE);
    struct settings settings;
    bool is_good = g_option_context_parse(context, &argc, &argv, &error);
    if (is_good && config && !cli_settings_load(config, &argc, argv, &settings))
        return 1;
    if (!is_good || !config || argc != 2 || argv[1][0] == '-' || !(fps >= 0)) {
        fprintf(stderr, "vedette analyze: %s\n",
                error ? error->message : "give one VIDEO, --config FILE, and no --fps below 0");
        if (is_good && config)
            record_clear(&settings_descriptor, &settings);
        return 2;
    }
    struct analysis analysis = {.is_json = is_json, .fps = fps};
    is_good = take_start(start ? start : default_start, &analysis, &error) &&
              analyze(argv[1], &settings, camera_id, &analysis, &error);
    if (!is_good)
        fprintf(stderr, "vedette analyze: %s\n", error->message);
    record_clear(&settings_descriptor, &settings);
    return is_good ? 0 : 1;
}

const struct cli_command command_analyze = {
    "analyze", "VIDEO --config FILE [--json] [--fps F] [--start TIME]",
    "runs the whole frame path over a file, dropping nothing, and counts its lines and zones", analyze_main};
