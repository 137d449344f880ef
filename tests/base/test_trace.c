#include "base/trace.h"

#include "base/clock.h"
#include "base/latency.h"

#include <glib.h>
#include <pthread.h>
#include <string.h>

static const char good[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/* W3C Trace Context level 1, section 3.2. */
static void test_a_traceparent_is_read_strictly(void)
{
    static const struct {
        const char *text;
        bool is_good, is_sampled;
    } cases[] = {
        {good, true, true},
        {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00", true, false},
        {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03", true, true}, /* a flag of another time */
        {"01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", true, true},
        {"cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what-may-come", true, true},
        {"cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01.what-may-not", false, false},
        {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more", false, false},
        {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01 ", false, false},
        {" 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false, false},
        {"ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false, false},
        {"00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01", false, false},
        {"00-00000000000000000000000000000000-b7ad6b7169203331-01", false, false},
        {"00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", false, false},
        {"00-0af7651916cd43dd8448eb211c80319g-b7ad6b7169203331-01", false, false},
        {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333-01", false, false},
        {"00_0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331_01", false, false},
        {"0x-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false, false},
        {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0", false, false},
        {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1x", false, false},
        {"", false, false},
        {NULL, false, false},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct trace_context context;
        bool is_good = trace_context_parse(cases[i].text, &context);
        g_test_message("%s", cases[i].text);
        g_assert_cmpint(is_good, ==, cases[i].is_good);
        if (is_good)
            g_assert_cmpint(context.is_sampled, ==, cases[i].is_sampled);
    }
}

static void test_what_is_written_is_read_again(void)
{
    struct trace_context context;
    char text[TRACE_PARENT_BYTES], id[TRACE_ID_TEXT_BYTES];
    g_assert_true(trace_context_parse(good, &context));
    trace_context_write(&context, text);
    g_assert_cmpstr(text, ==, good);
    trace_id_write(&context, id);
    g_assert_cmpstr(id, ==, "0af7651916cd43dd8448eb211c80319c");
}

static void test_a_share_of_traces_is_sampled(void)
{
    enum { TRACES = 20000 };
    static const double ratios[] = {0, 0.25, 1};
    for (size_t i = 0; i < G_N_ELEMENTS(ratios); i++) {
        int sampled = 0;
        trace_configure(ratios[i], 0);
        for (int j = 0; j < TRACES; j++) {
            struct trace_context context, below;
            trace_context_begin(&context);
            trace_context_follow(&context, &below);
            sampled += context.is_sampled;
            g_assert_cmpint(below.is_sampled, ==, context.is_sampled);
            g_assert_cmpmem(below.trace_id, TRACE_ID_BYTES, context.trace_id, TRACE_ID_BYTES);
            g_assert_true(memcmp(below.span_id, context.span_id, TRACE_SPAN_ID_BYTES) != 0);
        }
        g_assert_cmpfloat_with_epsilon((double)sampled / TRACES, ratios[i], 0.02);
        g_assert_false(trace_is_on()); /* without room for spans */
    }
    trace_close();
}

static struct trace_span span_numbered(int64_t number, bool is_sampled)
{
    struct trace_context parent;
    struct trace_span span;
    g_assert_true(trace_context_parse(good, &parent));
    parent.is_sampled = is_sampled;
    trace_span_init(&span, &parent, "numbered", 1000, 2000);
    trace_span_add_integer(&span, "number", number);
    return span;
}

static void test_spans_come_out_in_order_and_what_has_no_room_is_counted(void)
{
    enum { ROOM = 64 };
    struct trace_span span;
    trace_configure(1, ROOM);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < ROOM + 10; i++) {
            span = span_numbered(i, true);
            trace_record(&span);
        }
        span = span_numbered(-1, false);
        trace_record(&span); /* not sampled: neither kept nor counted */
        g_assert_cmpint(trace_counts().recorded, ==, (round + 1) * ROOM);
        g_assert_cmpint(trace_counts().dropped, ==, (round + 1) * 10);
        for (int i = 0; i < ROOM; i++) {
            g_assert_true(trace_take(&span));
            g_assert_cmpint(span.attributes[0].integer, ==, i);
            g_assert_cmpint(span.end_ns - span.start_ns, ==, 1000000);
        }
        g_assert_false(trace_take(&span));
    }
    trace_close();
}

static void test_an_attribute_too_many_is_left_out(void)
{
    struct trace_span span = span_numbered(0, true);
    char lengthy[200];
    memset(lengthy, 'x', sizeof lengthy);
    lengthy[sizeof lengthy - 1] = '\0';
    for (int i = 0; i < 2 * TRACE_ATTRIBUTES_MAX; i++)
        trace_span_add_text(&span, "more", lengthy);
    g_assert_cmpint(span.attribute_count, ==, TRACE_ATTRIBUTES_MAX);
    g_assert_cmpuint(strlen(span.attributes[1].text), ==, sizeof span.attributes[1].text - 1);
}

enum { WRITERS = 4, SPANS_EACH = 20000 };

static void *write_spans(void *data)
{
    int64_t base = *(const int64_t *)data;
    for (int64_t i = 0; i < SPANS_EACH; i++) {
        const struct trace_span span = span_numbered(base + i, true);
        trace_record(&span);
    }
    return NULL;
}

/* Each span that was taken in comes out once, those of a thread in their order. */
static void test_many_threads_record_at_once(void)
{
    pthread_t threads[WRITERS];
    int64_t bases[WRITERS], last[WRITERS], taken = 0;
    trace_configure(1, 256);
    for (int i = 0; i < WRITERS; i++) {
        bases[i] = (int64_t)i * SPANS_EACH;
        last[i] = -1;
        g_assert_cmpint(pthread_create(&threads[i], NULL, write_spans, &bases[i]), ==, 0);
    }
    struct trace_span span;
    const int64_t until_us = clock_monotonic_us(clock_system()) + 60 * G_USEC_PER_SEC;
    for (;;) {
        const struct trace_counts counts = trace_counts();
        if (trace_take(&span)) {
            int64_t number = span.attributes[0].integer, writer = number / SPANS_EACH;
            g_assert_cmpint(number, >, last[writer]);
            last[writer] = number;
            taken++;
        } else if (counts.recorded + counts.dropped == (int64_t)WRITERS * SPANS_EACH && taken == counts.recorded) {
            break;
        } else {
            g_assert_cmpint(clock_monotonic_us(clock_system()), <, until_us);
            g_thread_yield();
        }
    }
    for (int i = 0; i < WRITERS; i++)
        pthread_join(threads[i], NULL);
    trace_close();
}

static void test_quantiles_are_an_eighth_off_at_most(void)
{
    static const int64_t values_ns[] = {0, 500, 1500, 40000, 1000000, 33000000, INT64_C(5000000000)};
    for (size_t i = 0; i < G_N_ELEMENTS(values_ns); i++) {
        struct latency latency = {0};
        latency_note(&latency, values_ns[i]);
        latency_note_own(&latency, values_ns[i]);
        int64_t half_ns = latency_quantile_ns(&latency, 0.5);
        g_assert_cmpint(latency_count(&latency), ==, 2);
        g_assert_cmpint(half_ns, >=, values_ns[i]);
        g_assert_cmpint(half_ns, <=, MAX(1024, values_ns[i] + values_ns[i] / 8 + 1));
        g_assert_cmpint(latency.total_ns, ==, 2 * values_ns[i]);
    }
}

static void test_quantiles_of_many(void)
{
    struct latency latency = {0}, before = {0};
    g_assert_cmpint(latency_quantile_ns(&latency, 0.5), ==, 0);
    latency_note(&latency, INT64_MAX / 2); /* longer than all buckets */
    latency_add(&before, &latency);
    for (int64_t ms = 1; ms <= 100; ms++)
        latency_note(&latency, ms * 1000000);
    latency_subtract(&latency, &before);
    g_assert_cmpint(latency_count(&latency), ==, 100);
    g_assert_cmpint(latency.total_ns, ==, INT64_C(5050000000));
    g_assert_cmpfloat_with_epsilon((double)latency_quantile_ns(&latency, 0.5) / 1e6, 50, 7);
    g_assert_cmpfloat_with_epsilon((double)latency_quantile_ns(&latency, 0.95) / 1e6, 95, 12);
    g_assert_cmpfloat_with_epsilon((double)latency_quantile_ns(&latency, 1) / 1e6, 100, 13);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/trace/a traceparent is read strictly", test_a_traceparent_is_read_strictly);
    g_test_add_func("/trace/what is written is read again", test_what_is_written_is_read_again);
    g_test_add_func("/trace/a share of traces is sampled", test_a_share_of_traces_is_sampled);
    g_test_add_func("/trace/spans come out in order, and what has no room is counted",
                    test_spans_come_out_in_order_and_what_has_no_room_is_counted);
    g_test_add_func("/trace/an attribute too many is left out", test_an_attribute_too_many_is_left_out);
    g_test_add_func("/trace/many threads record at once", test_many_threads_record_at_once);
    g_test_add_func("/latency/quantiles are an eighth off at most", test_quantiles_are_an_eighth_off_at_most);
    g_test_add_func("/latency/quantiles of many", test_quantiles_of_many);
    return g_test_run();
}
