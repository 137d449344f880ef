/* POST /api/v1/events: which lines are taken, and what is told of the others. */
#include "event_world.h"

/* Who is told that there is no such camera drops what it has of it. */
static void test_events_of_cameras_that_are_not_read_yet_are_to_be_sent_again(void)
{
    struct intake_world world;
    intake_world_init(&world, 1000);
    live_remove_camera(world.api.live, "cam-1");
    for (int is_whole = 0; is_whole < 2; is_whole++) {
        camera_roster_set_whole(live_roster(world.api.live), is_whole);
        int sender = send_event(&world, 1);
        struct reply reply = world_read_answer(sender, "POST /api/v1/events HTTP/1.1");
        g_autofree char *again = reply_header(&reply, "Retry-After");
        g_assert_cmpint(reply.status, ==, is_whole ? 200 : 503);
        g_assert_cmpstr(again, ==, is_whole ? NULL : "1");
        g_assert_true((strstr(reply.body->str, "there is no such camera") != NULL) == is_whole);
        g_assert_cmpint(taken(&world), ==, 0);
        reply_clear(&reply);
        close(sender);
    }
    intake_world_clear(&world);
}

/* The answer must not be many times as large as what came; what is taken is told all the same. */
static void test_of_many_refusals_the_first_are_told(void)
{
    enum { REFUSED = 5000, TOLD = 7, ERRORS_TOLD = 2 };
    struct intake_world world;
    intake_world_init(&world, 1000);
    world.api.settings.http.intake_lines_told = TOLD;
    world.api.settings.http.intake_errors_told = ERRORS_TOLD;
    g_autoptr(GString) body = g_string_new(NULL);
    for (int i = 0; i < REFUSED; i++)
        g_string_append(body, "{}\n");
    g_autofree char *good = signal_line(7, "safety", "intrusion", "2026-01-01T00:00:00Z");
    g_string_append(body, good);
    int sender = send_lines(&world, body->str);
    struct reply reply = world_read_answer(sender, "POST /api/v1/events HTTP/1.1");
    g_assert_cmpint(reply.status, ==, 200);
    json_t *json = json_loads(reply.body->str, 0, NULL);
    json_t *results = json_object_get(json, "results");
    g_assert_cmpint(json_integer_value(json_object_get(json, "rejected")), ==, REFUSED);
    g_assert_cmpint(json_integer_value(json_object_get(json, "accepted")), ==, 1);
    g_assert_cmpuint(json_array_size(results), ==, TOLD + 1);
    g_assert_cmpuint(json_array_size(json_object_get(json_array_get(results, 0), "errors")), ==,
                     ERRORS_TOLD + 1); /* and how many more there are */
    g_assert_cmpint(counter_get(&world.api.health.intake_lines_refused), ==, REFUSED);
    json_t *last = json_array_get(results, TOLD);
    g_assert_cmpint(json_integer_value(json_object_get(last, "line")), ==, REFUSED + 1);
    g_assert_cmpstr(json_string_value(json_object_get(last, "status")), ==, "accepted");
    g_assert_cmpuint(reply.body->len, <, 10000);
    json_decref(json);
    reply_clear(&reply);
    close(sender);
    intake_world_clear(&world);
}

/* An operator's key must not end the server's own incidents, nor hold one open for ever, nor speak for the workers. */
static void test_what_is_not_for_others_to_say_is_refused(void)
{
    static const struct {
        const char *service, *kind, *started_at, *why;
    } cases[] = {
        {"system", "camera_recovered", "2026-01-01T00:00:00Z", "the server's own to tell"},
        {"system", "self_test", "2026-01-01T00:00:00Z", "the server's own to tell"},
        {"safety", "intrusion", "9999-01-01T00:00:00Z",
         "\"path\":\"payload.started_at\",\"message\":\"lies further in the future"},
        {"safety", "intrusion\",\"spot\":\"x", "2026-01-01T00:00:00Z",
         "\"path\":\"payload.spot\",\"message\":\"is unknown"},
        {"nobody", "intrusion", "2026-01-01T00:00:00Z", "\"path\":\"payload.service\""},
        {"system", "camera_dark", "2026-01-01T00:00:00Z", "for the server's own workers to tell"},
        {"system", "whatever", "2026-01-01T00:00:00Z", "for the server's own workers to tell"},
        {"safety", "camera_dark", "2026-01-01T00:00:00Z", NULL}, /* as analytics elsewhere may find it */
    };
    struct intake_world world;
    intake_world_init(&world, 1000);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *line = signal_line((int)i, cases[i].service, cases[i].kind, cases[i].started_at);
        int sender = send_lines(&world, line);
        struct reply reply = world_read_answer(sender, "POST /api/v1/events HTTP/1.1");
        g_assert_cmpint(reply.status, ==, 200);
        g_assert_nonnull(strstr(reply.body->str, cases[i].why ? cases[i].why : "\"accepted\":1"));
        g_assert_true(!cases[i].why == !strstr(reply.body->str, "\"rejected\":1"));
        reply_clear(&reply);
        close(sender);
    }
    g_assert_cmpint(taken(&world), ==, 1);
    intake_world_clear(&world);
}

/* Of a crossing at that time. */
static void expect_crossing(const struct intake_world *world, int number, const char *at, const char *told)
{
    g_autofree char *id = posted_id(number);
    g_autofree char *line = g_strdup_printf(
        "{\"id\":\"%s\",\"type\":\"line_crossing\",\"camera_id\":\"cam-1\",\"occurred_at\":\"%s\",\"payload\":{\"id\":"
        "\"%s\",\"camera_id\":\"cam-1\",\"line_id\":\"door\",\"track_id\":1,\"direction\":\"in\",\"at\":\"%s\"}}\n",
        id, at, id, at);
    int sender = send_lines(world, line);
    struct reply reply = world_read_answer(sender, "POST /api/v1/events HTTP/1.1");
    g_assert_cmpint(reply.status, ==, 200);
    g_test_message("%s", reply.body->str);
    g_assert_nonnull(strstr(reply.body->str, told));
    reply_clear(&reply);
    close(sender);
}

/* It would be put aside where nobody finds it: whoever has no clock must not read "accepted". */
static void test_what_the_store_would_put_aside_is_refused_by_its_time(void)
{
    struct intake_world world;
    intake_world_init(&world, 1000);
    expect_crossing(&world, 1, "2026-01-01T01:01:00Z",
                    "\"path\":\"occurred_at\",\"message\":\"lies more than 60 minutes in the future");
    expect_crossing(&world, 2, "2026-01-01T00:59:00Z", "\"accepted\":1");
    expect_crossing(&world, 3, "2025-12-24T23:00:00Z", "\"path\":\"occurred_at\",\"message\":\"is older than 7 days");
    expect_crossing(&world, 4, "2025-12-25T01:00:00Z", "\"accepted\":1");
    g_assert_cmpint(taken(&world), ==, 2);
    g_autofree char *old = signal_line(5, "safety", "intrusion", "1990-01-01T00:00:00Z");
    g_auto(GStrv) parts = g_strsplit(old, "2026-", -1);
    g_autofree char *signal = g_strjoinv("2020-", parts);
    struct reply reply = world_read_answer(send_lines(&world, signal), "POST /api/v1/events HTTP/1.1");
    g_assert_nonnull(strstr(reply.body->str, "\"accepted\":1")); /* it adds to no count */
    reply_clear(&reply);
    intake_world_clear(&world);
}

/* Each line of it would be refused in an answer that says 200, which is all that many senders look at. */
static void test_what_is_compressed_is_not_taken_for_lines(void)
{
    struct intake_world world;
    intake_world_init(&world, 1000);
    int sender = send_lines_with(&world, "Content-Encoding: gzip\r\n", "\x1f\x8b\x08\n\n");
    struct reply reply = world_read_answer(sender, "POST /api/v1/events HTTP/1.1");
    g_autofree char *accepted = reply_header(&reply, "Accept-Encoding");
    world_assert_problem(&reply, 415);
    g_assert_nonnull(strstr(reply.body->str, "uncompressed"));
    g_assert_cmpstr(accepted, ==, "identity");
    reply_clear(&reply);
    close(sender);
    g_autofree char *line = signal_line(1, "safety", "intrusion", "2026-01-01T00:00:00Z");
    sender = send_lines_with(&world, "Content-Encoding: identity\r\n", line);
    reply = world_read_answer(sender, "POST /api/v1/events HTTP/1.1");
    g_assert_nonnull(strstr(reply.body->str, "\"accepted\":1"));
    reply_clear(&reply);
    close(sender);
    intake_world_clear(&world);
}

/* A key that is bound to cameras speaks of these alone, line by line. */
static void test_a_key_of_cameras_sends_of_these(void)
{
    struct intake_world world;
    intake_world_init(&world, 1000);
    world_put_camera(&world.api, "cam-2", "default");
    g_autofree char *admin = world.api.token;
    world.api.token = world_bound_key(&world.api, world.api.token, "operator", "cam-1");
    g_autofree char *own = signal_line(1, "safety", "intrusion", "2026-01-01T00:00:00Z"),
                    *mine = signal_line(2, "safety", "intrusion", "2026-01-01T00:00:00Z");
    g_auto(GStrv) parts = g_strsplit(mine, "cam-1", -1);
    g_autofree char *others = g_strjoinv("cam-2", parts), *both = g_strconcat(own, others, NULL);
    int sender = send_lines(&world, both);
    struct reply reply = world_read_answer(sender, "POST /api/v1/events HTTP/1.1");
    g_assert_cmpint(reply.status, ==, 200);
    g_assert_nonnull(strstr(reply.body->str, "\"accepted\":1"));
    g_assert_nonnull(strstr(reply.body->str, "cam-2: the API key is bound to other cameras"));
    g_assert_cmpint(taken(&world), ==, 1);
    reply_clear(&reply);
    close(sender);
    g_free(world.api.token);
    world.api.token = g_strdup(admin); /* who is bound to none speaks of both */
    sender = send_lines(&world, both);
    reply = world_read_answer(sender, "POST /api/v1/events HTTP/1.1");
    g_assert_nonnull(strstr(reply.body->str, "\"accepted\":2"));
    reply_clear(&reply);
    close(sender);
    intake_world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/intake_lines/events_of_cameras_that_are_not_read_yet_are_to_be_sent_again",
                    test_events_of_cameras_that_are_not_read_yet_are_to_be_sent_again);
    g_test_add_func("/intake_lines/of many refusals the first are told", test_of_many_refusals_the_first_are_told);
    g_test_add_func("/intake_lines/what is not for others to say is refused",
                    test_what_is_not_for_others_to_say_is_refused);
    g_test_add_func("/intake_lines/what the store would put aside is refused by its time",
                    test_what_the_store_would_put_aside_is_refused_by_its_time);
    g_test_add_func("/intake_lines/what is compressed is not taken for lines",
                    test_what_is_compressed_is_not_taken_for_lines);
    g_test_add_func("/intake_lines/a key of cameras sends of these", test_a_key_of_cameras_sends_of_these);
    return g_test_run();
}
