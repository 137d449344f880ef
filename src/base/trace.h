/* Traces: where one frame or one request spent its time, from stage to stage, as spans that an OpenTelemetry collector
 * puts together. Contexts travel as W3C Trace Context (level 1) says; finished spans wait in a bounded ring for whoever
 * sends them (hub/trace_export.h), and what finds no room is counted and gone: a trace never holds up what it tells of.
 *
 * Any thread unless said otherwise; nothing here allocates or locks once it is configured.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

enum {
    TRACE_ID_BYTES = 16,
    TRACE_SPAN_ID_BYTES = 8,
    TRACE_ID_TEXT_BYTES = 2 * TRACE_ID_BYTES + 1,
    TRACE_PARENT_BYTES = 56, /* "00-" 32 "-" 16 "-" 2, and the end */
    TRACE_ATTRIBUTES_MAX = 6,
};

/* Which span of which trace. */
struct trace_context {
    uint8_t trace_id[TRACE_ID_BYTES], span_id[TRACE_SPAN_ID_BYTES]; /* neither is all zeros */
    bool is_sampled;                                                /* its spans are told */
};

/* ---- contexts ---- */

/* Reads a traceparent header. False when it is NULL or malformed: then a new trace begins. Pure. */
bool trace_context_parse(const char *header, struct trace_context *context);
void trace_context_write(const struct trace_context *context, char text[TRACE_PARENT_BYTES]);
void trace_id_write(const struct trace_context *context, char text[TRACE_ID_TEXT_BYTES]);
/* For record tables: whether a text is a traceparent. */
bool trace_parent_check(const char *text, GError **error);
/* A new trace and its first span; sampled at the ratio that trace_configure was given. */
void trace_context_begin(struct trace_context *context);
/* A span below `parent`, of its trace; sampled as it is. */
void trace_context_follow(const struct trace_context *parent, struct trace_context *context);

/* ---- spans ---- */

enum trace_kind { TRACE_INTERNAL = 1, TRACE_SERVER, TRACE_CLIENT, TRACE_PRODUCER, TRACE_CONSUMER }; /* OTLP's numbers */

struct trace_attribute {
    const char *key; /* literal */
    bool is_integer;
    int64_t integer;
    char text[64]; /* cut to fit; never a secret */
};

struct trace_span {
    struct trace_context context;
    uint8_t parent_id[TRACE_SPAN_ID_BYTES]; /* all zeros: it is the first of its trace */
    enum trace_kind kind;
    bool has_failed;
    int64_t start_ns, end_ns; /* since 1970 UTC */
    char name[96];
    int attribute_count;
    struct trace_attribute attributes[TRACE_ATTRIBUTES_MAX];
};

/* A span below `parent` that took from `start_us` to `end_us` of clock_monotonic_us. */
void trace_span_init(struct trace_span *span, const struct trace_context *parent, const char *name, int64_t start_us,
                     int64_t end_us);
/* More than TRACE_ATTRIBUTES_MAX are left out. */
void trace_span_add_text(struct trace_span *span, const char *key, const char *text);
void trace_span_add_integer(struct trace_span *span, const char *key, int64_t integer);
/* Wall-clock nanoseconds of a moment of clock_monotonic_us. */
int64_t trace_wall_ns(int64_t monotonic_us);

/* ---- what waits to be sent ---- */

/* Before threads start. `ratio` (0..1) of new traces is sampled; `capacity` spans, rounded up to a power of two, may
 * wait: with 0 none is kept, as in a worker, which tells its hub. */
void trace_configure(double ratio, size_t capacity);
/* After threads ended. */
void trace_close(void);
/* Whether spans are kept at all. */
bool trace_is_on(void);
/* Hands over a finished span (copied). One that is not sampled is passed over; one for which there is no room is
 * counted. */
void trace_record(const struct trace_span *span);
/* The span that waited longest. False: there is none. One thread at a time. */
bool trace_take(struct trace_span *span);

struct trace_counts {
    int64_t recorded, dropped; /* dropped: there was no room */
};
struct trace_counts trace_counts(void);
