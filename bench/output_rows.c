/* What leaves the frame path: pictures and records. */
#include "bench.h"

#include "facts/event.h"
#include "frame/frame.h"
#include "privacy/privacy.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* ---- preview ---- */

struct preview_bench {
    struct privacy_encoder *encoder;
    struct frame *frame;
    uint8_t *copy;
};

static void *preview_setup(const void *argument)
{
    (void)argument;
    struct preview_bench *bench = g_new0(struct preview_bench, 1);
    bench->encoder = privacy_encoder_new(640, 75);
    bench->frame = bench_frame(FRAME_NV12);
    bench->copy = g_malloc((size_t)bench->frame->strides_bytes[0] * (size_t)bench->frame->height_px);
    return bench;
}

static void preview_ours(void *data)
{
    static const struct privacy_figure figures[] = {
        {{0.1, 0.2, 0.1, 0.5}, false}, {{0.4, 0.2, 0.1, 0.5}, false}, {{0.7, 0.2, 0.1, 0.5}, false}};
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

/* ---- JSON ---- */

struct json_bench {
    struct zone_hit hit;
    GString *out;
};

static void *json_setup(const void *argument)
{
    (void)argument;
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

/* ---- the rows ---- */

static const struct row rows[] = {
    {"preview, 1080p frame, 3 figures hidden", "copying its luma plane", preview_ours, preview_theirs, preview_setup,
     NULL, 4, NULL},
    {"encode a zone hit as JSON", "jansson, packed and dumped", json_ours, json_theirs, json_setup, NULL, 2000, NULL},
};
const struct row_table output_rows = {rows, G_N_ELEMENTS(rows)};
