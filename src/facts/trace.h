/* Facts: traces, and the stages of a frame's way that they and `vedette profile` tell of. */
#pragma once

#include "facts/event.h"

/* On the way of a frame, in its order. */
enum frame_stage {
    STAGE_DECODE = 1, /* from the encoded picture's arrival to the decoder's frame */
    STAGE_WAIT,       /* until an analyser takes it */
    STAGE_MOTION,
    STAGE_DETECT,
    STAGE_TRACK,
    STAGE_RULES,
    STAGE_TELL,    /* tracks, told to those who look */
    STAGE_LINK,    /* events, handed to the hub */
    STAGE_PRIVACY, /* figures hidden, and the preview made and told */
    STAGE_FRAME,   /* all of it, from where an analyser takes the frame */
    STAGE_END,
};
extern const char *const frame_stage_names[];
extern const char *const frame_stage_docs[]; /* beside the names */

struct trace_settings {
    char *collector; /* address for OTLP/HTTP; empty: nothing is traced */
    char *headers_file, *tls_ca_file;
    enum trace_compression { TRACE_COMPRESSION_NONE = 1, TRACE_COMPRESSION_GZIP } compression;
    double ratio;
    int32_t queue_spans, batch_spans, interval_ms, timeout_ms;
};
extern const struct record_descriptor trace_settings_descriptor;
bool trace_settings_are_on(const struct trace_settings *settings);

/* When a stage of one frame began and ended: microseconds since 1970 UTC. */
struct stage_span {
    enum frame_stage stage;
    int64_t start_us, end_us;
};
/* What a worker tells of a frame that raised an event and whose trace is sampled. */
struct frame_trace {
    char *camera_id;
    char *traceparent; /* of the frame itself; the stages are below it */
    uint64_t frame_number;
    int64_t start_us, end_us;
    int32_t events;
    struct record_list stages; /* of struct stage_span */
};
extern const struct record_descriptor frame_trace_descriptor;

/* For each trace among the events (struct analytics_event *) one span below what made them, from `start_us` to `end_us`
 * of clock_monotonic_us. Any thread; costs nothing where nothing is traced. */
void trace_note_events(const GPtrArray *events, const char *name, int64_t start_us, int64_t end_us, bool has_failed);
void trace_note_event(const struct analytics_event *event, const char *name, int64_t start_us, int64_t end_us);
