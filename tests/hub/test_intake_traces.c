/* What workers tell of traces, and where traces lead. */
#include "intake_world.h"

#include "base/trace.h"

#define PARENT "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0"

static char *frame_told(const char *camera, const char *traceparent, int64_t start_us, int64_t end_us,
                        int64_t stage_start_us, int64_t stage_end_us)
{
    return g_strdup_printf("{\"camera_id\":\"%s\",\"traceparent\":\"%s\",\"start_us\":%" G_GINT64_FORMAT
                           ",\"end_us\":%" G_GINT64_FORMAT ",\"events\":1,\"stages\":[{\"stage\":\"motion\","
                           "\"start_us\":%" G_GINT64_FORMAT ",\"end_us\":%" G_GINT64_FORMAT "}]}",
                           camera, traceparent, start_us, end_us, stage_start_us, stage_end_us);
}

static void test_a_frames_trace_is_checked(void)
{
    static const int64_t hour_us = INT64_C(3600) * G_USEC_PER_SEC;
    int64_t now_us = g_get_real_time();
    const struct {
        const char *camera, *traceparent;
        int64_t start_us, end_us, stage_start_us, stage_end_us;
        int spans;
    } cases[] = {
        {"door", PARENT "1", now_us - 20, now_us, now_us - 10, now_us, 2},
        {"door", PARENT "0", now_us - 20, now_us, now_us - 10, now_us, 0},
        {"elsewhere", PARENT "1", now_us - 20, now_us, now_us - 10, now_us, 0},
        {"door", "00-short", now_us - 20, now_us, now_us - 10, now_us, 0},
        {"door", PARENT "1", now_us, now_us - 20, now_us - 10, now_us, 0},
        {"door", PARENT "1", now_us - 20, now_us, now_us - 30, now_us, 0},
        {"door", PARENT "1", now_us - 20, now_us, now_us - 10, now_us + 1, 0},
        {"door", PARENT "1", now_us - hour_us, now_us, now_us - 10, now_us, 0},
        {"door", PARENT "1", now_us - 20, now_us + hour_us, now_us - 10, now_us, 0},
    };
    struct world world;
    world_init(&world);
    be_admitted(&world);
    trace_configure(1, 64);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *text = frame_told(cases[i].camera, cases[i].traceparent, cases[i].start_us, cases[i].end_us,
                                           cases[i].stage_start_us, cases[i].stage_end_us);
        struct trace_span span;
        int spans = 0;
        g_test_message("%s", text);
        g_assert_true(tell(&world, LINK_TRACE, text, strlen(text), &error)); /* its cameras go on */
        for (; trace_take(&span); spans++)
            g_assert_cmpstr(span.name, ==, spans ? "motion" : "frame");
        g_assert_cmpint(spans, ==, cases[i].spans);
    }
    trace_close();
    world_clear(&world);
}

/* What is stored has the id of the trace that is told, whatever else the worker says of it. */
static void test_a_traced_event_is_followed_to_the_store(void)
{
    static const char *const names[] = {"intake", "spool", "push", "drain", "store"};
    struct world world;
    world_init(&world);
    be_admitted(&world);
    trace_configure(1, 64);
    g_autofree char *text = crossing("0190f3c1-0000-7000-8000-000000000001", "door", "door");
    g_autoptr(GString) line = g_string_new(text);
    g_string_insert(line, 1, "\"trace_id\":\"another\",\"traceparent\":\"" PARENT "1\",");
    g_autoptr(GError) error = NULL;
    say_batch(&world, 1, line->str);
    g_assert_true(intake_read(world.worker, &error));
    await_acknowledgement(&world, 1);
    g_autoptr(GPtrArray) events = stored(&world, "default", 1);
    g_assert_cmpstr(((const struct analytics_event *)g_ptr_array_index(events, 0))->trace_id, ==,
                    "0af7651916cd43dd8448eb211c80319c");
    bool is_there[G_N_ELEMENTS(names)] = {false};
    struct trace_span span;
    int64_t until_us = g_get_monotonic_time() + DEADLINE_US;
    for (size_t found = 0; found < G_N_ELEMENTS(names);) {
        g_assert_cmpint(g_get_monotonic_time(), <, until_us);
        if (!trace_take(&span))
            continue;
        for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
            found += strcmp(span.name, names[i]) == 0 && !is_there[i];
            is_there[i] |= strcmp(span.name, names[i]) == 0;
        }
    }
    record_path_close(g_steal_pointer(&world.hub.records)); /* its threads make spans */
    trace_close();
    world_clear(&world);
}

static void test_where_nothing_is_traced_an_event_has_no_trace(void)
{
    struct world world;
    world_init(&world);
    be_admitted(&world);
    g_autofree char *text = crossing("0190f3c1-0000-7000-8000-000000000001", "door", "door");
    g_autoptr(GString) line = g_string_new(text);
    g_string_insert(line, 1, "\"trace_id\":\"another\",\"traceparent\":\"" PARENT "1\",");
    g_autoptr(GError) error = NULL;
    say_batch(&world, 1, line->str);
    g_assert_true(intake_read(world.worker, &error));
    await_acknowledgement(&world, 1);
    g_autoptr(GPtrArray) events = stored(&world, "default", 1);
    g_assert_null(((const struct analytics_event *)g_ptr_array_index(events, 0))->trace_id);
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    signal(SIGPIPE, SIG_IGN);
    g_test_add_func("/intake_traces/a frame's trace is checked", test_a_frames_trace_is_checked);
    g_test_add_func("/intake_traces/a traced event is followed to the store",
                    test_a_traced_event_is_followed_to_the_store);
    g_test_add_func("/intake_traces/where nothing is traced an event has no trace",
                    test_where_nothing_is_traced_an_event_has_no_trace);
    return g_test_run();
}
