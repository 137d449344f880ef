/* Who comes back to /ws is told what it missed, and a key of cameras nothing else. */
#include "websocket_world.h"

static void expect_resumed(int fd, const char *from, int events, bool is_complete)
{
    g_autofree char *text =
        g_strdup_printf("{\"type\":\"resumed\",\"data\":{\"from\":\"%s\",\"events\":%d,\"is_complete\":%s", from,
                        events, is_complete ? "true" : "false");
    g_autoptr(GString) message = g_string_new(NULL);
    g_assert_cmpint(receive_frame(fd, message), ==, 1);
    g_assert_true(g_str_has_prefix(message->str, text));
}

static void expect_event(int fd, int number)
{
    g_autofree char *id = event_id(number),
                    *text = g_strdup_printf("{\"type\":\"event\",\"data\":{\"id\":\"%s\"}}", id);
    expect(fd, text);
}

/* A key that is held to cameras hears of these alone, also where it asks for others, and after it came back. */
static void test_a_key_of_cameras_hears_of_these(void)
{
    struct api_world world;
    world_init(&world);
    g_autofree char *admin =
        g_strdup_printf("Authorization: Bearer %s\r\nContent-Type: application/json\r\n", world_login(&world));
    struct reply reply = world_request(&world, "POST", "/api/v1/tokens", admin,
                                       "{\"name\":\"wall\",\"role\":\"viewer\",\"cameras\":[\"cam-1\"]}");
    g_assert_cmpint(reply.status, ==, 201);
    json_t *json = reply_json(&reply);
    g_free(world.token);
    world.token = g_strdup(json_string_value(json_object_get(json, "token")));
    json_decref(json);
    reply_clear(&reply);
    g_autofree char *first = event_id(1), *hidden = event_id(2), *second = event_id(3);
    int fd = open_at(&world, "?cameras=cam-1,cam-2&types=event,incident");
    publish_event(&world, hidden, "default", "cam-2");
    publish_event(&world, first, "default", "cam-1");
    live_publish(world.live, LIVE_INCIDENT, "default", "cam-2", "1", 1);
    live_publish(world.live, LIVE_INCIDENT, "default", "cam-1", "2", 1);
    expect_event(fd, 1);
    expect(fd, "{\"type\":\"incident\",\"data\":2}");
    close(fd);
    publish_event(&world, second, "default", "cam-1");
    g_autofree char *query = g_strdup_printf("?types=event&resume_from=%s", hidden);
    fd = open_at(&world, query);
    expect_resumed(fd, hidden, 2, true);
    expect_event(fd, 1);
    expect_event(fd, 3);
    close(fd);
    world_clear(&world);
}

static void test_who_comes_back_is_told_what_it_missed(void)
{
    struct api_world world;
    world_init(&world);
    world_login(&world);
    publish_numbers(&world, 1, 5);
    g_autofree char *id = event_id(3), *query = g_strdup_printf("?resume_from=%s", id);
    int fd = open_at(&world, query);
    WORLD_AWAIT(counter_get(&world.health.websocket_clients) == 1);
    publish_numbers(&world, 6, 6);
    expect_resumed(fd, id, 2, true);
    for (int i = 4; i <= 6; i++)
        expect_event(fd, i);
    close(fd);
    world_clear(&world);
}

static void test_another_orgs_event_is_none_to_come_back_to(void)
{
    struct api_world world;
    world_init(&world);
    world_login(&world);
    publish_numbers(&world, 1, 2);
    g_autofree char *id = event_id(1001), *query = g_strdup_printf("?resume_from=%s", id);
    int fd = open_at(&world, query);
    expect_resumed(fd, id, 2, false);
    expect_event(fd, 1);
    expect_event(fd, 2);
    close(fd);
    world_clear(&world);
}

/* What became of incidents is told in its place among the events, once, and to who asks for it. */
static void test_incidents_that_were_missed_are_told(void)
{
    struct api_world world;
    world_init(&world);
    world_login(&world);
    publish_numbers(&world, 1, 1);
    live_publish(world.live, LIVE_INCIDENT, "default", "cam-1", "\"opened\"", 8);
    live_publish(world.live, LIVE_INCIDENT, "other", "cam-other", "\"another's\"", 11);
    publish_numbers(&world, 2, 2);
    live_publish(world.live, LIVE_INCIDENT, "default", "cam-1", "\"closed\"", 8);
    g_autofree char *id = event_id(1), *query = g_strdup_printf("?types=event,incident&resume_from=%s", id),
                    *events_alone = g_strdup_printf("?types=event&resume_from=%s", id);
    int fd = open_at(&world, query);
    g_autoptr(GString) message = g_string_new(NULL);
    g_assert_cmpint(receive_frame(fd, message), ==, 1);
    g_assert_nonnull(
        strstr(message->str, "\"events\":1,\"is_complete\":true,\"incidents\":2,\"has_all_incidents\":true"));
    expect(fd, "{\"type\":\"incident\",\"data\":\"opened\"}");
    expect_event(fd, 2);
    expect(fd, "{\"type\":\"incident\",\"data\":\"closed\"}");
    live_publish(world.live, LIVE_INCIDENT, "default", "cam-1", "\"again\"", 7);
    expect(fd, "{\"type\":\"incident\",\"data\":\"again\"}");
    close(fd);
    fd = open_at(&world, events_alone);
    expect_resumed(fd, id, 1, true);
    expect_event(fd, 2);
    close(fd);
    world_clear(&world);
}

static void note_stored(void *data, GPtrArray *events, const bool *stored, const GError *error)
{
    (void)events;
    g_assert_no_error(error);
    g_assert_true(stored[0]);
    __atomic_store_n((int *)data, 1, __ATOMIC_RELEASE);
}

static void store_at(int number, const char *org, const char *camera, int64_t occurred_ms, int64_t received_ms,
                     GPtrArray *events)
{
    static const char payload[] = "{\"id\":\"01890000-0000-7000-8000-000000000000\",\"camera_id\":\"cam-1\","
                                  "\"service\":\"safety\",\"kind\":\"intrusion\",\"severity\":\"high\","
                                  "\"started_at\":\"2026-01-01T00:00:00.000Z\"}";
    struct analytics_event *event = g_new0(struct analytics_event, 1);
    record_init(&analytics_event_descriptor, event);
    event->id = event_id(number);
    event->type = EVENT_SIGNAL;
    event->org_id = g_strdup(org);
    event->site_id = g_strdup("default");
    event->camera_id = g_strdup(camera);
    event->occurred_at.ms = occurred_ms;
    event->received_at.ms = received_ms;
    event->payload.text = g_strdup(payload);
    g_ptr_array_add(events, event);
}

static void store_all(const struct api_world *world, GPtrArray *events)
{
    int is_stored = 0;
    g_autoptr(GError) error = NULL;
    g_assert_true(store_events_submit(world->store, events, note_stored, &is_stored, &error));
    WORLD_AWAIT(__atomic_load_n(&is_stored, __ATOMIC_ACQUIRE));
}

static void store_event(const struct api_world *world, int number, const char *org, const char *camera)
{
    GPtrArray *events = g_ptr_array_new_with_free_func((GDestroyNotify)analytics_event_free);
    store_at(number, org, camera, world_start_ms + number, world_start_ms + 60000 * (int64_t)number, events);
    store_all(world, events);
}

/* What is in memory no more is read from the store; what is in both is told once. */
static void test_what_is_forgotten_comes_from_the_store(void)
{
    struct api_world world;
    world_init(&world);
    world_login(&world);
    for (int i = 1; i <= 4; i++) {
        store_event(&world, i, "default", "cam-1");
        store_event(&world, 1000 + i, "other", "cam-other");
    }
    publish_numbers(&world, 4, 5);
    g_autofree char *id = event_id(2), *query = g_strdup_printf("?resume_from=%s", id);
    int fd = open_at(&world, query);
    g_autoptr(GString) message = g_string_new(NULL);
    expect_resumed(fd, id, 3, true);
    for (int i = 3; i <= 5; i++) {
        g_autofree char *expected = event_id(i);
        g_assert_cmpint(receive_frame(fd, message), ==, 1);
        g_assert_nonnull(strstr(message->str, expected));
    }
    close(fd);
    world_clear(&world);
}

/* More than a queue holds comes in parts: the client is told to come back from where it got to. */
static void test_a_long_absence_is_told_in_parts(void)
{
    struct api_world world;
    world_prepare(&world);
    world.settings.http.resume_events = 3;
    world_start(&world);
    world_login(&world);
    for (int i = 1; i <= 8; i++)
        store_event(&world, i, "default", "cam-1");
    g_autofree char *from = event_id(1);
    int got = 1;
    for (int tries = 0; got < 8 && tries < 8; tries++) {
        g_autofree char *query = g_strdup_printf("?resume_from=%s", from);
        int fd = open_at(&world, query);
        g_autoptr(GString) message = g_string_new(NULL);
        while (got < 8 && receive_frame(fd, message) == 1) {
            if (strstr(message->str, "resumed"))
                continue;
            g_free(from);
            from = event_id(++got);
            g_assert_nonnull(strstr(message->str, from));
        }
        close(fd);
    }
    g_assert_cmpint(got, ==, 8);
    world_clear(&world);
}

/* Goes on behind an event until it hears another one, as a client does: from the last that it heard. Returns how many
 * different ones it heard. */
static guint go_on_until(struct api_world *world, int number, int last, const char *query)
{
    enum { TRIES_MOST = 60 };
    g_autoptr(GHashTable) heard = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autofree char *from = event_id(number), *end = event_id(last);
    for (int tries = 0; strcmp(from, end) != 0 && tries < TRIES_MOST; tries++) {
        g_autofree char *whole = g_strdup_printf("?%sresume_from=%s", query, from);
        int fd = open_at(world, whole);
        g_autoptr(GString) message = g_string_new(NULL);
        while (strcmp(from, end) != 0 && receive_frame(fd, message) == 1) {
            json_t *json = json_loads(message->str, 0, NULL);
            const char *id = json_string_value(json_object_get(json_object_get(json, "data"), "id"));
            g_assert_true(id || strstr(message->str, "\"is_complete\":true"));
            if (id) {
                g_free(from);
                from = g_strdup(id);
                g_hash_table_add(heard, g_strdup(id));
            }
            json_decref(json);
        }
        close(fd);
    }
    g_assert_cmpstr(from, ==, end);
    return g_hash_table_size(heard);
}

/* More at once than a client is told at once: whoever comes back, also from the middle of them, gets to the end. */
static void test_a_bulk_is_told_to_its_end(void)
{
    enum { BULK = 3000, MIDDLE = 1500 };
    struct api_world world;
    world_prepare(&world);
    world.settings.http.websocket_queue_bytes = 100000; /* a fraction of them */
    world_start(&world);
    world_login(&world);
    GPtrArray *events = g_ptr_array_new_with_free_func((GDestroyNotify)analytics_event_free);
    for (int i = 1; i <= BULK; i++)
        store_at(i, "default", i % 100 ? "cam-1" : "cam-2", world_start_ms + i / 3, world_start_ms + i / 3, events);
    store_all(&world, events);
    g_assert_cmpuint(go_on_until(&world, 1, BULK, ""), >=, BULK - 1); /* the first may be told again */
    g_assert_cmpuint(go_on_until(&world, MIDDLE, BULK, ""), >=, BULK - MIDDLE);
    g_assert_cmpuint(go_on_until(&world, 1, BULK, "cameras=cam-2&"), ==, BULK / 100);
    world_clear(&world);
}

/* What came hours after it occurred is not looked for in the store, and that is said. */
static void test_a_late_bulk_is_not_passed_over_in_silence(void)
{
    struct api_world world;
    world_init(&world);
    world_login(&world);
    store_event(&world, 1, "default", "cam-1");
    store_event(&world, 3, "default", "cam-1");
    GPtrArray *events = g_ptr_array_new_with_free_func((GDestroyNotify)analytics_event_free);
    for (int i = 10; i < 20; i++)
        store_at(i, "default", "cam-1", world_start_ms - 7200000, world_start_ms + 120000, events);
    store_all(&world, events);
    g_autofree char *first = event_id(1), *second = event_id(3), *query = g_strdup_printf("?resume_from=%s", first),
                    *later = g_strdup_printf("?resume_from=%s", second);
    int fd = open_at(&world, query);
    expect_resumed(fd, first, 1, false);
    close(fd);
    fd = open_at(&world, later);
    expect_resumed(fd, second, 0, true);
    close(fd);
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/websocket/a_key_of_cameras_hears_of_these", test_a_key_of_cameras_hears_of_these);
    g_test_add_func("/websocket/who_comes_back_is_told_what_it_missed", test_who_comes_back_is_told_what_it_missed);
    g_test_add_func("/websocket/incidents_that_were_missed_are_told", test_incidents_that_were_missed_are_told);
    g_test_add_func("/websocket/another_orgs_event_is_none_to_come_back_to",
                    test_another_orgs_event_is_none_to_come_back_to);
    g_test_add_func("/websocket/what_is_forgotten_comes_from_the_store", test_what_is_forgotten_comes_from_the_store);
    g_test_add_func("/websocket/a_long_absence_is_told_in_parts", test_a_long_absence_is_told_in_parts);
    g_test_add_func("/websocket/a_bulk_is_told_to_its_end", test_a_bulk_is_told_to_its_end);
    g_test_add_func("/websocket/a_late_bulk_is_not_passed_over_in_silence",
                    test_a_late_bulk_is_not_passed_over_in_silence);
    return g_test_run();
}
