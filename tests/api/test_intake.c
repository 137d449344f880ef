/* POST /api/v1/events while the disk takes its time, is full, or the server stops. */
#include "event_world.h"
#include "websocket_world.h"

enum { SENDERS = 6 }; /* three for each thread that serves */

static void expect_accepted(int sender)
{
    struct reply reply = world_read_answer(sender, "POST /api/v1/events HTTP/1.1");
    g_assert_cmpint(reply.status, ==, 200);
    g_assert_nonnull(strstr(reply.body->str, "\"accepted\":1"));
    reply_clear(&reply);
    close(sender);
}

static void test_no_thread_that_serves_waits_for_the_disk(void)
{
    struct intake_world world;
    int senders[SENDERS];
    intake_world_init(&world, 1000);
    world_hold(&world);
    for (int i = 0; i < SENDERS; i++)
        senders[i] = send_event(&world, i);
    WORLD_AWAIT(taken(&world) == 1 + SENDERS);
    struct reply health = world_get(&world.api, "/health/live", NULL);
    g_assert_cmpint(health.status, ==, 200);
    reply_clear(&health);
    struct pollfd first = {.fd = senders[0], .events = POLLIN};
    g_assert_cmpint(poll(&first, 1, 0), ==, 0); /* nothing is said before it is kept */
    world_release(&world);
    for (int i = 0; i < SENDERS; i++)
        expect_accepted(senders[i]);
    g_assert_cmpint(counter_get(&world.api.health.records_spooled), ==, SENDERS);
    intake_world_clear(&world);
}

/* An event in a body that takes its time to be read. */
static int send_large(const struct intake_world *world, int number)
{
    enum { EMPTY_LINES = 64 << 10 };
    g_autofree char *empty = g_strnfill(EMPTY_LINES, '\n'),
                    *line = signal_line(number, "safety", "intrusion", "2026-01-01T00:00:00Z"),
                    *body = g_strconcat(empty, line, NULL);
    return send_lines(world, body);
}

/* Nor does one read a body that takes its time: here its way is shut behind it. */
static void test_no_thread_that_serves_reads_what_is_large(void)
{
    struct intake_world world;
    int senders[SENDERS];
    intake_world_prepare(&world);
    world.api.settings.http.handler_threads = SENDERS;
    intake_world_start(&world);
    __atomic_store_n(&world.is_shut, 1, __ATOMIC_RELEASE);
    for (int i = 0; i < SENDERS; i++)
        senders[i] = send_large(&world, i);
    WORLD_AWAIT(__atomic_load_n(&world.waiting, __ATOMIC_ACQUIRE) == SENDERS);
    struct reply health = world_get(&world.api, "/health/live", NULL);
    g_assert_cmpint(health.status, ==, 200);
    reply_clear(&health);
    for (int i = 0; i < SENDERS; i++)
        sem_post(&world.way);
    for (int i = 0; i < SENDERS; i++)
        expect_accepted(senders[i]);
    intake_world_clear(&world);
}

static void test_what_finds_no_room_is_to_be_sent_again(void)
{
    struct intake_world world;
    intake_world_init(&world, 1);
    int first = send_event(&world, 1);
    struct reply reply = world_read_answer(first, "POST /api/v1/events HTTP/1.1");
    g_assert_cmpint(reply.status, ==, 200);
    reply_clear(&reply);
    int second = send_event(&world, 2);
    reply = world_read_answer(second, "POST /api/v1/events HTTP/1.1");
    g_autofree char *again = reply_header(&reply, "Retry-After");
    g_assert_cmpint(reply.status, ==, 503);
    g_assert_cmpstr(again, ==, "1");
    g_assert_cmpint(taken(&world), ==, 1);
    reply_clear(&reply);
    close(first);
    close(second);
    intake_world_clear(&world);
}

static void expect_refused(struct intake_world *world, const char *body, int status, const char *words)
{
    int sender = send_lines(world, body);
    struct reply reply = world_read_answer(sender, "POST /api/v1/events HTTP/1.1");
    g_autofree char *again = reply_header(&reply, "Retry-After");
    g_assert_cmpint(reply.status, ==, status);
    g_assert_cmpstr(again, ==, status == 503 ? "1" : NULL);
    g_assert_nonnull(strstr(reply.body->str, words));
    g_assert_null(strstr(reply.body->str, "/place")); /* where the spool lies */
    g_assert_cmpint(taken(world), ==, 0);
    reply_clear(&reply);
    close(sender);
}

/* It would be sent for ever, in vain. */
static void test_what_can_never_fit_is_not_to_be_sent_again(void)
{
    enum { ROOM = 2 };
    struct intake_world world;
    g_autoptr(GString) body = g_string_new(NULL);
    intake_world_init(&world, ROOM);
    for (int i = 0; i <= ROOM; i++) {
        g_autofree char *line = signal_line(i, "safety", "intrusion", "2026-01-01T00:00:00Z");
        g_string_append(body, line);
    }
    expect_refused(&world, body->str, 413, "3 records of");
    expect_refused(&world, body->str, 413, "1 to 2 records and");
    intake_world_clear(&world);
}

/* Nor is it said that there is no room where the disk fails; where it lies is not for whoever sends events. */
static void test_a_disk_that_fails_is_told_as_that(void)
{
    static const struct vedette_spool_error failures[] = {{VEDETTE_SPOOL_FAILED, "/place: Input/output error"},
                                                          {VEDETTE_SPOOL_DENIED, "/place: Permission denied"},
                                                          {VEDETTE_SPOOL_INVALID, "/place: is a link"}};
    struct intake_world world;
    g_autofree char *body = signal_line(1, "safety", "intrusion", "2026-01-01T00:00:00Z");
    intake_world_init(&world, 1000);
    for (size_t i = 0; i < G_N_ELEMENTS(failures); i++) {
        world.failure = &failures[i];
        world.fails_later = failures[i].kind == VEDETTE_SPOOL_INVALID; /* at once, it is the call that is wrong */
        for (int both = 0; both < 2; both++, world.fails_later = true)
            expect_refused(&world, body, 503, "the disk of the server's spool does not take them");
    }
    intake_world_clear(&world);
}

/* A client that looks on is told what the contract calls an AnalyticsEvent, and nothing of how it is kept. */
static void test_who_looks_on_is_told_what_the_contract_names(void)
{
    struct intake_world world;
    intake_world_init(&world, 1000);
    int looking = open_with_token(&world.api, world.api.token), sender = send_event(&world, 1);
    struct reply reply = world_read_answer(sender, "POST /api/v1/events HTTP/1.1");
    g_assert_cmpint(reply.status, ==, 200);
    g_autoptr(GString) message = g_string_new(NULL);
    g_assert_cmpint(receive_frame(looking, message), ==, 1);
    json_t *json = json_loads(message->str, 0, NULL), *event = json_object_get(json, "data"), *value;
    const char *name;
    g_assert_cmpstr(json_string_value(json_object_get(json, "type")), ==, "event");
    g_assert_cmpstr(json_string_value(json_object_get(event, "id")), ==, "0197a000-0000-7000-8000-000000000001");
    g_assert_cmpstr(json_string_value(json_object_get(event, "org_id")), ==, "default");
    g_assert_cmpstr(json_string_value(json_object_get(json_object_get(event, "payload"), "kind")), ==, "intrusion");
    json_object_foreach(event, name, value)
    {
        g_test_message("%s", name);
        g_assert_true(strcmp(name, "schema_version") == 0 || record_find_field(&analytics_event_descriptor, name));
    }
    json_decref(json);
    reply_clear(&reply);
    close(sender);
    close(looking);
    intake_world_clear(&world);
}

/* ---- who looks on ---- */

static void post_event(const struct intake_world *world, int number)
{
    int sender = send_event(world, number);
    struct reply reply = world_read_answer(sender, "POST /api/v1/events HTTP/1.1");
    g_assert_cmpint(reply.status, ==, 200);
    reply_clear(&reply);
    close(sender);
}

static void expect_posted(int fd, int number)
{
    g_autoptr(GString) message = g_string_new(NULL);
    g_assert_cmpint(receive_frame(fd, message), ==, 1);
    json_t *json = json_loads(message->str, 0, NULL);
    g_autofree char *id = posted_id(number);
    g_assert_cmpstr(json_string_value(json_object_get(json_object_get(json, "data"), "id")), ==, id);
    json_decref(json);
}

/* What came by HTTP is remembered as what workers send: who comes back goes on behind it, and misses none of it. */
static void test_what_came_by_http_is_resumed_from(void)
{
    struct intake_world world;
    intake_world_init(&world, 1000);
    for (int i = 1; i <= 3; i++)
        post_event(&world, i);
    g_autofree char *first = posted_id(1), *query = g_strdup_printf("?types=event&resume_from=%s", first);
    int fd = open_at(&world.api, query);
    g_autoptr(GString) message = g_string_new(NULL);
    g_assert_cmpint(receive_frame(fd, message), ==, 1);
    g_assert_nonnull(strstr(message->str, "\"events\":2,\"is_complete\":true"));
    expect_posted(fd, 2);
    expect_posted(fd, 3);
    close(fd);
    intake_world_clear(&world);
}

/* Server-sent events name each by its id: browsers send the last one back. */
static void test_a_stream_tells_the_ids_of_what_came_by_http(void)
{
    struct intake_world world;
    intake_world_init(&world, 1000);
    g_autofree char *id = posted_id(1), *line = g_strdup_printf("id: %s\n", id);
    g_autofree char *text =
        g_strdup_printf("GET /api/v1/events/stream?types=event HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAuthorization: Bearer "
                        "%s\r\n\r\n",
                        api_port(world.api.api), world.api.token);
    int fd = world_connect(&world.api);
    world_send(fd, text);
    WORLD_AWAIT(counter_get(&world.api.health.event_stream_clients) == 1);
    post_event(&world, 1);
    g_autoptr(GString) read = g_string_new(NULL);
    char buffer[4096];
    while (!strstr(read->str, "data: ")) {
        ssize_t count = world_receive(fd, buffer, sizeof buffer);
        g_assert_cmpint(count, >, 0);
        g_string_append_len(read, buffer, count);
    }
    g_assert_nonnull(strstr(read->str, line));
    close(fd);
    intake_world_clear(&world);
}

/* Who sends again does not know whether it was taken; who looks on is told once. What `vedette profile` shows counts
 * both. */
static void test_what_is_sent_again_is_told_once(void)
{
    struct intake_world world;
    struct latency before[PATH_END], after[PATH_END];
    intake_world_init(&world, 1000);
    path_times_read(before);
    int fd = open_with_token(&world.api, world.api.token);
    post_event(&world, 1);
    post_event(&world, 1);
    post_event(&world, 2);
    expect_posted(fd, 1);
    expect_posted(fd, 2);
    path_times_read(after);
    g_assert_cmpint(latency_count(&after[PATH_SPOOL]) - latency_count(&before[PATH_SPOOL]), ==, 3);
    g_assert_cmpint(latency_count(&after[PATH_PUSH]) - latency_count(&before[PATH_PUSH]), ==, 2);
    close(fd);
    intake_world_clear(&world);
}

/* A disk that does not answer keeps no client for ever: it is cut, and sends again what may have been taken. */
static void test_who_waits_for_the_disk_is_cut_at_last(void)
{
    struct intake_world world;
    char byte;
    intake_world_init(&world, 1000);
    world.api.settings.http.answer_timeout_seconds = 1;
    world_hold(&world);
    int sender = send_event(&world, 1);
    WORLD_AWAIT(taken(&world) == 2);
    g_assert_cmpint(world_receive(sender, &byte, 1), ==, 0);
    g_assert_cmpint(counter_get(&world.api.health.http_rejected), ==, 1);
    world_release(&world);
    close(sender);
    intake_world_clear(&world);
}

static gpointer stop(gpointer data)
{
    struct intake_world *world = data;
    api_stop(world->api.api);
    world->api.api = NULL;
    return NULL;
}

static void test_a_stop_waits_for_what_is_under_way(void)
{
    struct intake_world world;
    intake_world_init(&world, 1000);
    world_hold(&world);
    int sender = send_event(&world, 1);
    WORLD_AWAIT(taken(&world) == 2);
    GThread *stopping = g_thread_new("stop", stop, &world);
    world_release(&world);
    g_thread_join(stopping);
    close(sender);
    intake_world_clear(&world);
}

/* An event with an Idempotency-Key, which it takes a handler to claim. */
static int send_keyed(const struct intake_world *world, int number)
{
    g_autofree char *body = signal_line(number, "safety", "intrusion", "2026-01-01T00:00:00Z"),
                    *key = g_strdup_printf("Idempotency-Key: event-%d\r\n", number);
    return send_lines_with(world, key, body);
}

/* The spool has the first event and does not say so yet; the only handler waits with the second. */
static void begin_keyed(struct intake_world *world, int senders[2])
{
    intake_world_prepare(world);
    world->api.settings.http.handler_threads = 1;
    world->api.settings.http.max_connections = 4 * SENDERS; /* half of these may wait for a handler */
    intake_world_start(world);
    world_hold(world);
    senders[0] = send_keyed(world, 0);
    WORLD_AWAIT(taken(world) == 2);
    __atomic_store_n(&world->is_shut, 1, __ATOMIC_RELEASE);
    senders[1] = send_keyed(world, 1);
    WORLD_AWAIT(__atomic_load_n(&world->waiting, __ATOMIC_ACQUIRE) == 1);
}

static void open_way(struct intake_world *world)
{
    __atomic_store_n(&world->is_shut, 0, __ATOMIC_RELEASE);
    sem_post(&world->way);
}

static void expect_taken(int sender, bool is_again)
{
    struct reply reply = world_read_answer(sender, "POST /api/v1/events HTTP/1.1");
    g_autofree char *replayed = reply_header(&reply, "Idempotency-Replayed");
    g_assert_cmpint(reply.status, ==, 200);
    g_assert_cmpstr(replayed, ==, is_again ? "true" : NULL);
    reply_clear(&reply);
    close(sender);
}

/* What is sent and needs nothing of the store goes into the spool though all handlers wait for the store. */
static void test_what_is_large_waits_for_no_handler(void)
{
    struct intake_world world;
    int senders[2];
    begin_keyed(&world, senders);
    int large = send_large(&world, 2);
    WORLD_AWAIT(__atomic_load_n(&world.waiting, __ATOMIC_ACQUIRE) == 2);
    world_release(&world);
    open_way(&world);
    sem_post(&world.way);
    expect_taken(large, false);
    expect_taken(senders[0], false);
    expect_taken(senders[1], false);
    intake_world_clear(&world);
}

/* It has its place: turned away once it is in the spool, its key would be claimed and its repetition refused. */
static void test_what_was_begun_is_ended_however_many_wait(void)
{
    enum { PLACES = 2 * SENDERS };
    struct intake_world world;
    int senders[2], others[PLACES];
    begin_keyed(&world, senders);
    for (int i = 0; i < PLACES; i++)
        others[i] = send_keyed(&world, 2 + i);
    WORLD_AWAIT(counter_get(&world.api.health.http_queued) == PLACES);
    world_release(&world);
    WORLD_AWAIT(counter_get(&world.api.health.http_queued) == PLACES + 1);
    open_way(&world);
    expect_taken(senders[0], false);
    expect_taken(senders[1], false);
    for (int i = 0; i < PLACES; i++)
        expect_taken(others[i], false);
    expect_taken(send_keyed(&world, 0), true);
    intake_world_clear(&world);
}

static void test_what_was_begun_is_ended_by_a_stop(void)
{
    struct intake_world world;
    int senders[2];
    begin_keyed(&world, senders);
    world_release(&world);
    WORLD_AWAIT(counter_get(&world.api.health.http_queued) == 1); /* the first, for its end */
    GThread *stopping = world_begin_stop(&world.api);
    open_way(&world);
    expect_taken(senders[0], false);
    expect_taken(senders[1], false); /* without a handler: they take nothing more */
    world_end_stop(&world.api, stopping);
    intake_world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/intake/no thread that serves waits for the disk", test_no_thread_that_serves_waits_for_the_disk);
    g_test_add_func("/intake/no thread that serves reads what is large",
                    test_no_thread_that_serves_reads_what_is_large);
    g_test_add_func("/intake/what finds no room is to be sent again", test_what_finds_no_room_is_to_be_sent_again);
    g_test_add_func("/intake/what can never fit is not to be sent again",
                    test_what_can_never_fit_is_not_to_be_sent_again);
    g_test_add_func("/intake/a disk that fails is told as that", test_a_disk_that_fails_is_told_as_that);
    g_test_add_func("/intake/who looks on is told what the contract names",
                    test_who_looks_on_is_told_what_the_contract_names);
    g_test_add_func("/intake/what came by HTTP is resumed from", test_what_came_by_http_is_resumed_from);
    g_test_add_func("/intake/a stream tells the ids of what came by HTTP",
                    test_a_stream_tells_the_ids_of_what_came_by_http);
    g_test_add_func("/intake/what is sent again is told once", test_what_is_sent_again_is_told_once);
    g_test_add_func("/intake/who waits for the disk is cut at last", test_who_waits_for_the_disk_is_cut_at_last);
    g_test_add_func("/intake/a stop waits for what is under way", test_a_stop_waits_for_what_is_under_way);
    g_test_add_func("/intake/what was begun is ended however many wait",
                    test_what_was_begun_is_ended_however_many_wait);
    g_test_add_func("/intake/what is large waits for no handler", test_what_is_large_waits_for_no_handler);
    g_test_add_func("/intake/what was begun is ended by a stop", test_what_was_begun_is_ended_by_a_stop);
    return g_test_run();
}
