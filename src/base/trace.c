#include "base/trace.h"

#include "base/clock.h"
#include "base/counter.h"
#include "base/error.h"
#include "base/random.h"

#include <string.h>
#include <time.h>

enum { VERSION_AT = 0, TRACE_AT = 3, SPAN_AT = 36, FLAGS_AT = 53, FLAG_SAMPLED = 1, NS_PER_US = 1000 };

/* Whose turn a place is: `sequence` is the position that may be written next, and that position + 1 once it may be read
 * (D. Vyukov's bounded queue). */
struct place {
    size_t sequence; /* atomic */
    struct trace_span span;
};

static struct {
    /* written by trace_configure and trace_close alone */
    double ratio;
    struct place *places; /* NULL: no span is kept */
    size_t mask;
    size_t head, tail; /* atomic: next to write, next to read */
    struct trace_counts counts;
} tracer;

/* ---- contexts ---- */

static int hex_value(char digit)
{
    return digit >= '0' && digit <= '9' ? digit - '0' : digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* Lower case alone, as the specification has it. */
static bool read_hex(const char *text, uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int high = hex_value(text[2 * i]), low = high < 0 ? -1 : hex_value(text[2 * i + 1]);
        if (low < 0)
            return false;
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static bool is_zero(const uint8_t *bytes, size_t count)
{
    uint8_t any = 0;
    for (size_t i = 0; i < count; i++)
        any |= bytes[i];
    return any == 0;
}

static char *write_hex(char *out, const uint8_t *bytes, size_t count)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < count; i++) {
        *out++ = digits[bytes[i] >> 4];
        *out++ = digits[bytes[i] & 15];
    }
    return out;
}

bool trace_context_parse(const char *header, struct trace_context *context)
{
    uint8_t version, flags;
    size_t length = header ? strlen(header) : 0;
    if (length < TRACE_PARENT_BYTES - 1 || header[TRACE_AT - 1] != '-' || header[SPAN_AT - 1] != '-' ||
        header[FLAGS_AT - 1] != '-' || !read_hex(header + VERSION_AT, &version, 1) || version == 0xff)
        return false;
    /* Later versions may go on after a dash; this one may not. */
    if (length > TRACE_PARENT_BYTES - 1 && (version == 0 || header[TRACE_PARENT_BYTES - 1] != '-'))
        return false;
    if (!read_hex(header + TRACE_AT, context->trace_id, TRACE_ID_BYTES) ||
        !read_hex(header + SPAN_AT, context->span_id, TRACE_SPAN_ID_BYTES) || !read_hex(header + FLAGS_AT, &flags, 1))
        return false;
    context->is_sampled = flags & FLAG_SAMPLED;
    return !is_zero(context->trace_id, TRACE_ID_BYTES) && !is_zero(context->span_id, TRACE_SPAN_ID_BYTES);
}

void trace_context_write(const struct trace_context *context, char text[TRACE_PARENT_BYTES])
{
    char *out = text;
    *out++ = '0';
    *out++ = '0';
    *out++ = '-';
    out = write_hex(out, context->trace_id, TRACE_ID_BYTES);
    *out++ = '-';
    out = write_hex(out, context->span_id, TRACE_SPAN_ID_BYTES);
    *out++ = '-';
    *out++ = '0';
    *out++ = context->is_sampled ? '1' : '0';
    *out = '\0';
}

void trace_id_write(const struct trace_context *context, char text[TRACE_ID_TEXT_BYTES])
{
    *write_hex(text, context->trace_id, TRACE_ID_BYTES) = '\0';
}

bool trace_parent_check(const char *text, GError **error)
{
    struct trace_context context;
    if (trace_context_parse(text, &context))
        return true;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, "is no traceparent (W3C Trace Context)");
    return false;
}

/* Each thread has a generator of its own. Ids need to differ, not to be secret. */
static uint64_t next_random(void)
{
    static _Thread_local struct random random;
    static _Thread_local bool is_seeded;
    if (!is_seeded)
        random_init_system(&random);
    is_seeded = true;
    return random_next(&random);
}

static void make_span_id(uint8_t span_id[TRACE_SPAN_ID_BYTES])
{
    uint64_t id = next_random();
    id = id ? id : 1;
    memcpy(span_id, &id, sizeof id);
}

void trace_context_begin(struct trace_context *context)
{
    enum { RANDOM_BITS = 53 };
    uint64_t halves[2] = {next_random(), next_random() | 1};
    memcpy(context->trace_id, halves, sizeof halves);
    make_span_id(context->span_id);
    context->is_sampled = (double)(halves[0] >> (64 - RANDOM_BITS)) < tracer.ratio * 0x1p53;
}

void trace_context_follow(const struct trace_context *parent, struct trace_context *context)
{
    *context = *parent;
    make_span_id(context->span_id);
}

/* ---- spans ---- */

int64_t trace_wall_ns(int64_t monotonic_us)
{
    struct timespec wall;
    clock_gettime(CLOCK_REALTIME, &wall);
    int64_t now_ns = (int64_t)wall.tv_sec * 1000000000 + wall.tv_nsec;
    return now_ns - (clock_monotonic_us(clock_system()) - monotonic_us) * NS_PER_US;
}

void trace_span_init(struct trace_span *span, const struct trace_context *parent, const char *name, int64_t start_us,
                     int64_t end_us)
{
    trace_context_follow(parent, &span->context);
    memcpy(span->parent_id, parent->span_id, sizeof span->parent_id);
    span->kind = TRACE_INTERNAL;
    span->has_failed = false;
    span->start_ns = trace_wall_ns(start_us);
    span->end_ns = span->start_ns + MAX(end_us - start_us, 0) * NS_PER_US;
    span->attribute_count = 0;
    g_strlcpy(span->name, name, sizeof span->name);
}

static struct trace_attribute *add_attribute(struct trace_span *span, const char *key)
{
    if (span->attribute_count == TRACE_ATTRIBUTES_MAX)
        return NULL;
    struct trace_attribute *attribute = &span->attributes[span->attribute_count++];
    attribute->key = key;
    return attribute;
}

void trace_span_add_text(struct trace_span *span, const char *key, const char *text)
{
    struct trace_attribute *attribute = text ? add_attribute(span, key) : NULL;
    if (!attribute)
        return;
    attribute->is_integer = false;
    g_strlcpy(attribute->text, text, sizeof attribute->text);
}

void trace_span_add_integer(struct trace_span *span, const char *key, int64_t integer)
{
    struct trace_attribute *attribute = add_attribute(span, key);
    if (!attribute)
        return;
    attribute->is_integer = true;
    attribute->integer = integer;
}

/* ---- what waits to be sent ---- */

void trace_configure(double ratio, size_t capacity)
{
    trace_close();
    tracer.ratio = ratio;
    size_t size = 1;
    while (size < capacity)
        size *= 2;
    if (capacity == 0)
        return;
    tracer.places = g_new0(struct place, size);
    tracer.mask = size - 1;
    for (size_t i = 0; i < size; i++)
        tracer.places[i].sequence = i;
}

void trace_close(void)
{
    g_free(tracer.places);
    memset(&tracer, 0, sizeof tracer);
}

bool trace_is_on(void)
{
    return tracer.places != NULL;
}

/* The place to write next, taken for the caller alone; NULL: there is no room. */
static struct place *claim(size_t *position)
{
    *position = __atomic_load_n(&tracer.head, __ATOMIC_RELAXED);
    for (;;) {
        struct place *place = &tracer.places[*position & tracer.mask];
        size_t sequence = __atomic_load_n(&place->sequence, __ATOMIC_ACQUIRE);
        if (sequence == *position) {
            if (__atomic_compare_exchange_n(&tracer.head, position, *position + 1, true, __ATOMIC_RELAXED,
                                            __ATOMIC_RELAXED))
                return place;
        } else if ((ptrdiff_t)(sequence - *position) < 0) {
            return NULL;
        } else {
            *position = __atomic_load_n(&tracer.head, __ATOMIC_RELAXED);
        }
    }
}

void trace_record(const struct trace_span *span)
{
    size_t position;
    if (!trace_is_on() || !span->context.is_sampled)
        return;
    struct place *place = claim(&position);
    counter_add(place ? &tracer.counts.recorded : &tracer.counts.dropped, 1);
    if (!place)
        return;
    place->span = *span;
    __atomic_store_n(&place->sequence, position + 1, __ATOMIC_RELEASE);
}

bool trace_take(struct trace_span *span)
{
    if (!trace_is_on())
        return false;
    struct place *place = &tracer.places[tracer.tail & tracer.mask];
    if (__atomic_load_n(&place->sequence, __ATOMIC_ACQUIRE) != tracer.tail + 1)
        return false;
    *span = place->span;
    __atomic_store_n(&place->sequence, tracer.tail + tracer.mask + 1, __ATOMIC_RELEASE);
    tracer.tail++;
    return true;
}

struct trace_counts trace_counts(void)
{
    return (struct trace_counts){counter_get(&tracer.counts.recorded), counter_get(&tracer.counts.dropped)};
}
