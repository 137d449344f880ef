#include "facts/trace.h"

#include "base/trace.h"

#include <string.h>

const char *const frame_stage_names[] = {"decode", "wait", "motion",  "detect", "track", "rules",
                                         "tell",   "link", "privacy", "frame",  NULL};
const char *const frame_stage_docs[] = {
    "from the encoded picture's arrival to the decoder's frame",
    "until an analyser takes the frame",
    "what moves, and facts of the picture",
    "the model, or holding what it last found",
    "tracks, and finding them again by their looks",
    "lines, zones and signals",
    "tracks, told to those who look",
    "events, handed to the hub",
    "figures hidden, and the preview made and told",
    "all of it, from where an analyser takes the frame",
    NULL,
};
_Static_assert(G_N_ELEMENTS(frame_stage_names) == STAGE_END, "a stage has no name");
_Static_assert(G_N_ELEMENTS(frame_stage_docs) == STAGE_END, "a stage has no words");

static void check_settings(const void *record, const char *path, struct record_errors *errors)
{
    const struct trace_settings *settings = record;
    if (!trace_settings_are_on(settings))
        return;
    g_autofree char *where = g_strdup_printf("%s%scollector", path, *path ? "." : "");
    g_autoptr(GUri) uri = g_uri_parse(settings->collector, G_URI_FLAGS_HAS_PASSWORD, NULL);
    const char *scheme = uri ? g_uri_get_scheme(uri) : "";
    if ((strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0) || !g_uri_get_host(uri) || !*g_uri_get_host(uri))
        record_errors_add(errors, where, "must be an address like https://collector.example:4318/v1/traces");
    else if (g_uri_get_user(uri) || g_uri_get_password(uri))
        record_errors_add(errors, where, "must not hold a login: give headers in tracing.headers_file");
}

static const char *const compression_names[] = {"none", "gzip", NULL};
static const struct record_field settings_fields[] = {
    FIELD(struct trace_settings, collector, RECORD_NEEDS_RESTART,
          "address to which traces go by OTLP/HTTP as JSON, like https://collector.example:4318/v1/traces; empty: "
          "nothing is traced",
          .max_count = 1024),
    FIELD(struct trace_settings, headers_file, RECORD_NEEDS_RESTART,
          "file of headers that go with them, one a line as \"Authorization: Bearer …\"; empty: none",
          .max_count = 4096),
    FIELD(struct trace_settings, tls_ca_file, RECORD_NEEDS_RESTART,
          "PEM file of those who may vouch for the collector; empty: the system's", .max_count = 4096),
    FIELD_ENUM(struct trace_settings, compression, compression_names, RECORD_NEEDS_RESTART,
               "of what is sent: gzip takes a tenth of the bytes, and some CPU", .default_text = "none"),
    FIELD(struct trace_settings, ratio, RECORD_NEEDS_RESTART,
          "share of new traces that is told, of frames that raise events and of requests; a sampled trace of a caller "
          "with a login is always gone on with",
          .min = 0, .max = 1, .default_text = "0.1"),
    FIELD(struct trace_settings, queue_spans, RECORD_NEEDS_RESTART,
          "spans that wait to be sent; more are dropped and counted", .min = 64, .max = 1 << 20,
          .default_text = "4096"),
    FIELD(struct trace_settings, batch_spans, RECORD_NEEDS_RESTART, "most spans sent at once", .min = 1, .max = 8192,
          .default_text = "512"),
    FIELD(struct trace_settings, interval_ms, RECORD_NEEDS_RESTART, "they are sent so often", .unit = "ms", .min = 10,
          .max = 60000, .default_text = "1000"),
    FIELD(struct trace_settings, timeout_ms, RECORD_NEEDS_RESTART, "longest wait for the collector's answer",
          .unit = "ms", .min = 100, .max = 60000, .default_text = "10000"),
};
const struct record_descriptor trace_settings_descriptor =
    RECORD(struct trace_settings, "TraceSettings", 1, settings_fields, "Traces told to an OpenTelemetry collector.",
           .check = check_settings);

bool trace_settings_are_on(const struct trace_settings *settings)
{
    return settings->collector && *settings->collector;
}

static const struct record_field stage_span_fields[] = {
    FIELD_ENUM(struct stage_span, stage, frame_stage_names, RECORD_REQUIRED, "which"),
    FIELD(struct stage_span, start_us, RECORD_REQUIRED, "when it began, since 1970", .unit = "us", .min = 0,
          .max = 0x1p53),
    FIELD(struct stage_span, end_us, RECORD_REQUIRED, "when it ended, since 1970", .unit = "us", .min = 0,
          .max = 0x1p53),
};
static const struct record_descriptor stage_span_descriptor =
    RECORD(struct stage_span, "StageSpan", 1, stage_span_fields, "One stage of a frame.");

static const struct record_field frame_trace_fields[] = {
    FIELD(struct frame_trace, camera_id, RECORD_REQUIRED | RECORD_TEXT_ID, "the camera"),
    FIELD(struct frame_trace, traceparent, RECORD_REQUIRED, "W3C Trace Context of the frame", .max_count = 64,
          .check_text = trace_parent_check),
    FIELD(struct frame_trace, frame_number, 0, "as the camera's pictures are counted"),
    FIELD(struct frame_trace, start_us, RECORD_REQUIRED, "when its first stage began, since 1970", .unit = "us",
          .min = 0, .max = 0x1p53),
    FIELD(struct frame_trace, end_us, RECORD_REQUIRED, "when its last stage ended, since 1970", .unit = "us", .min = 0,
          .max = 0x1p53),
    FIELD(struct frame_trace, events, 0, "how many it raised", .min = 0, .max = 1e6),
    FIELD_LIST(struct frame_trace, stages, &stage_span_descriptor, 0, "its stages", .max_count = STAGE_END),
};
const struct record_descriptor frame_trace_descriptor =
    RECORD(struct frame_trace, "FrameTrace", 1, frame_trace_fields, "Where one frame spent its time.");

/* ---- spans of events ---- */

static void note(const char *traceparent, const char *camera_id, const char *name, int64_t start_us, int64_t end_us,
                 guint events, bool has_failed)
{
    struct trace_context parent;
    struct trace_span span;
    if (!trace_context_parse(traceparent, &parent))
        return;
    trace_span_init(&span, &parent, name, start_us, end_us);
    span.has_failed = has_failed;
    trace_span_add_text(&span, "vedette.camera.id", camera_id);
    trace_span_add_integer(&span, "vedette.events", events);
    trace_record(&span);
}

void trace_note_events(const GPtrArray *events, const char *name, int64_t start_us, int64_t end_us, bool has_failed)
{
    if (!trace_is_on())
        return;
    /* those of one frame or request stand together */
    for (guint i = 0, next; i < events->len; i = next) {
        const struct analytics_event *event = g_ptr_array_index(events, i);
        for (next = i + 1; next < events->len; next++)
            if (g_strcmp0(((const struct analytics_event *)g_ptr_array_index(events, next))->traceparent,
                          event->traceparent) != 0)
                break;
        if (event->traceparent)
            note(event->traceparent, event->camera_id, name, start_us, end_us, next - i, has_failed);
    }
}

void trace_note_event(const struct analytics_event *event, const char *name, int64_t start_us, int64_t end_us)
{
    if (event->traceparent && trace_is_on())
        note(event->traceparent, event->camera_id, name, start_us, end_us, 1, false);
}
