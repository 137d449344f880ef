#include "hub/tracing.h"

#include "base/error.h"
#include "base/trace.h"

#include <string.h>

enum {
    NS_PER_US = 1000,
    OLDEST_US = 600 * G_USEC_PER_SEC, /* before now: a worker that was stopped meanwhile */
    AHEAD_US = 10 * G_USEC_PER_SEC,   /* the wall clock may have been set back */
};

static bool times_can_be(const struct frame_trace *frame, int64_t now_us)
{
    const struct stage_span *stages = frame->stages.items;
    bool can_be =
        frame->start_us <= frame->end_us && frame->start_us >= now_us - OLDEST_US && frame->end_us <= now_us + AHEAD_US;
    for (size_t i = 0; i < frame->stages.count; i++)
        can_be = can_be && stages[i].start_us <= stages[i].end_us && stages[i].start_us >= frame->start_us &&
                 stages[i].end_us <= frame->end_us;
    return can_be;
}

static void take_stage(const struct frame_trace *frame, const struct trace_context *parent,
                       const struct stage_span *stage)
{
    struct trace_span span;
    trace_span_init(&span, parent, record_enum_name(frame_stage_names, stage->stage), 0, 0);
    span.start_ns = stage->start_us * NS_PER_US;
    span.end_ns = stage->end_us * NS_PER_US;
    trace_span_add_text(&span, "vedette.camera.id", frame->camera_id);
    trace_record(&span);
}

bool tracing_take_frame(const struct frame_trace *frame, int64_t now_ms, GError **error)
{
    struct trace_span span = {.kind = TRACE_INTERNAL,
                              .start_ns = frame->start_us * NS_PER_US,
                              .end_ns = frame->end_us * NS_PER_US,
                              .name = "frame"};
    if (!trace_context_parse(frame->traceparent, &span.context) || !times_can_be(frame, now_ms * 1000)) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, "its times cannot be");
        return false;
    }
    trace_span_add_text(&span, "vedette.camera.id", frame->camera_id);
    trace_span_add_integer(&span, "vedette.frame.number", (int64_t)frame->frame_number);
    trace_span_add_integer(&span, "vedette.events", frame->events);
    trace_record(&span);
    const struct stage_span *stages = frame->stages.items;
    for (size_t i = 0; i < frame->stages.count; i++)
        take_stage(frame, &span.context, &stages[i]);
    return true;
}
