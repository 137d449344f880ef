/* Who comes back to /ws is told what it missed, and a key of cameras nothing else. */
#include "websocket_world.h"

#include "api/feed.h"
#include "facts/incident.h"
#include "store/rows.h"

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

/* Another camera's later event under the same id leaves nothing out. */
static void test_an_id_of_two_cameras_leaves_nothing_out(void)
{
    struct api_world world;
    world_init(&world);
    world_login(&world);
    g_autofree char *id = event_id(1), *query = g_strdup_printf("?resume_from=%s", id);
    publish_numbers(&world, 1, 2);
    publish_event(&world, id, "default", "cam-2");
    publish_numbers(&world, 3, 3);
    int fd = open_at(&world, query);
    expect_resumed(fd, id, 3, true);
    expect_event(fd, 2);
    expect_event(fd, 1);
    expect_event(fd, 3);
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
            if (g_str_has_prefix(message->str, "{\"type\":\"incident\""))
                continue;
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

/* ---- incidents that were missed while the server was down ---- */

static void signal_at(struct api_world *world, int number, const char *org, const char *camera, int minute)
{
    int64_t at_ms = world_start_ms + minute * INT64_C(60000);
    GPtrArray *events = g_ptr_array_new_with_free_func((GDestroyNotify)analytics_event_free);
    clock_fake_advance_us(world->clock, (at_ms - clock_wall_ms(world->clock)) * 1000);
    store_at(number, org, camera, at_ms, at_ms, events);
    store_all(world, events);
}

/* The id of the incident that began at the camera; g_free. */
static char *incident_of(const struct api_world *world, const char *camera)
{
    const struct store_row_condition condition = {"camera_id", sql_text(camera), NULL};
    const struct store_row_filter filter = {
        .org_id = "default", .conditions = &condition, .condition_count = 1, .limit = 2};
    GPtrArray *rows = store_rows_list(world->store, &store_incidents, &filter, NULL);
    g_assert_cmpuint(rows->len, ==, 1);
    char *id = g_strdup(((const struct incident *)g_ptr_array_index(rows, 0))->id);
    store_rows_free(&store_incidents, rows);
    return id;
}

static void step(struct api_world *world, const char *camera, const char *word)
{
    g_autofree char *id = incident_of(world, camera), *path = g_strdup_printf("/api/v1/incidents/%s/%s", id, word),
                    *headers =
                        g_strdup_printf("Authorization: Bearer %s\r\nContent-Type: application/json\r\n", world->token);
    struct reply reply = world_request(world, "POST", path, headers, "{}");
    g_assert_cmpint(reply.status, ==, 200);
    reply_clear(&reply);
}

/* The client hears the second event, and no more until the server was stopped and started again. */
static void init_restarted(struct api_world *world)
{
    world_init(world);
    world_login(world);
    signal_at(world, 1, "default", "cam-1", 0);
    signal_at(world, 8, "default", "cam-4", 1);
    step(world, "cam-4", "dismiss");
    signal_at(world, 2, "default", "cam-2", 10);
    signal_at(world, 3, "default", "cam-3", 20);
    signal_at(world, 1003, "other", "cam-other", 20);
    clock_fake_advance_us(world->clock, INT64_C(60000000));
    step(world, "cam-1", "acknowledge");
    signal_at(world, 5, "default", "cam-4", 25); /* goes on in silence, as it was dismissed */
    signal_at(world, 4, "default", "cam-2", 30); /* of the same incident, by its payload */
    world_restart(world);
}

static void expect_incident(int fd, const char *camera, const char *status, int signal_count)
{
    g_autoptr(GString) message = g_string_new(NULL);
    g_assert_cmpint(receive_frame(fd, message), ==, 1);
    json_t *json = json_loads(message->str, 0, NULL), *data = json_object_get(json, "data");
    g_assert_cmpstr(json_string_value(json_object_get(json, "type")), ==, "incident");
    g_assert_cmpstr(json_string_value(json_object_get(data, "camera_id")), ==, camera);
    g_assert_cmpstr(json_string_value(json_object_get(data, "status")), ==, status);
    g_assert_cmpint(json_integer_value(json_object_get(data, "signal_count")), ==, signal_count);
    g_assert_cmpint(json_integer_value(json_object_get(data, "schema_version")), ==, 2); /* as one that is live */
    json_decref(json);
}

static void expect_stored_event(int fd, int number)
{
    g_autofree char *id = event_id(number);
    g_autoptr(GString) message = g_string_new(NULL);
    g_assert_cmpint(receive_frame(fd, message), ==, 1);
    g_assert_nonnull(strstr(message->str, "\"type\":\"event\""));
    g_assert_nonnull(strstr(message->str, id));
}

static void expect_counts(int fd, int events, int incidents, bool has_all_incidents)
{
    g_autofree char *text =
        g_strdup_printf("\"events\":%d,\"is_complete\":true,\"incidents\":%d,\"has_all_incidents\":%s", events,
                        incidents, has_all_incidents ? "true" : "false");
    g_autoptr(GString) message = g_string_new(NULL);
    g_assert_cmpint(receive_frame(fd, message), ==, 1);
    g_assert_nonnull(strstr(message->str, text));
}

/* Each incident that changed while nobody listened, as it stands, once, among the events and before what is live. */
static void test_incidents_are_told_after_a_restart(void)
{
    struct api_world world;
    init_restarted(&world);
    g_autofree char *id = event_id(2), *query = g_strdup_printf("?types=event,incident&resume_from=%s", id);
    int fd = open_at(&world, query);
    live_publish(world.live, LIVE_INCIDENT, "default", "cam-1", "\"live\"", 6);
    expect_counts(fd, 3, 3, true);
    expect_stored_event(fd, 3);
    expect_incident(fd, "cam-3", "open", 1);
    expect_incident(fd, "cam-1", "acknowledged", 1);
    expect_stored_event(fd, 5);
    expect_stored_event(fd, 4);
    expect_incident(fd, "cam-2", "open", 2);
    expect(fd, "{\"type\":\"incident\",\"data\":\"live\"}");
    close(fd);
    world_clear(&world);
}

static void test_incidents_are_told_after_a_restart_by_server_sent_events(void)
{
    struct api_world world;
    init_restarted(&world);
    g_autofree char *id = event_id(2), *header = g_strdup_printf("Last-Event-ID: %s\r\n", id);
    live_publish(world.live, LIVE_INCIDENT, "default", "cam-1", "\"live\"", 6);
    int fd = open_stream(&world, "?types=event,incident", header);
    g_autoptr(GString) read = g_string_new(NULL);
    static const char *const told[] = {
        "event: resumed\n",  "\"events\":3,\"is_complete\":true,\"incidents\":4,\"has_all_incidents\":true",
        "event: event\n",    "event: incident\n",
        "\"cam-3\"",         "event: incident\n",
        "\"acknowledged\"",  "event: event\n",
        "event: incident\n", "\"signal_count\":2",
        "event: incident\n", "\"live\"}\n\n"};
    for (size_t i = 0; i < G_N_ELEMENTS(told); i++)
        await_text(fd, read, told[i]);
    close(fd);
    world_clear(&world);
}

static void test_a_key_of_cameras_is_told_of_their_incidents(void)
{
    struct api_world world;
    init_restarted(&world);
    g_autofree char *key = world_bound_key(&world, world.token, "viewer", "cam-1");
    g_free(world.token);
    world.token = g_steal_pointer(&key);
    g_autofree char *id = event_id(2), *query = g_strdup_printf("?types=event,incident&resume_from=%s", id);
    int fd = open_at(&world, query);
    expect_counts(fd, 0, 1, true);
    expect_incident(fd, "cam-1", "acknowledged", 1);
    close(fd);
    world_clear(&world);
}

/* What is in memory again is told from there alone: one message each, the last of an incident as it stands. */
static void test_an_incident_in_memory_is_not_told_besides(void)
{
    struct api_world world;
    init_restarted(&world);
    g_autofree char *incident = incident_of(&world, "cam-3"), *id = event_id(2),
                    *query = g_strdup_printf("?types=event,incident&resume_from=%s", id);
    live_publish_incident(world.live, "default", "cam-3", incident, "\"as it is now\"", 14);
    int fd = open_at(&world, query);
    expect_counts(fd, 3, 3, true);
    expect_stored_event(fd, 3);
    expect_incident(fd, "cam-1", "acknowledged", 1);
    expect_stored_event(fd, 5);
    expect_stored_event(fd, 4);
    expect_incident(fd, "cam-2", "open", 2);
    expect(fd, "{\"type\":\"incident\",\"data\":\"as it is now\"}");
    close(fd);
    world_clear(&world);
}

static void ignore_wake(void *data)
{
    (void)data;
}

/* Behind a part nothing is told: who comes back behind the last event of a part would never hear of what is between. */
static void test_nothing_is_told_behind_a_part(void)
{
    struct api_world world;
    world_prepare(&world);
    world.settings.http.resume_events = 3;
    world_start(&world);
    world_login(&world);
    for (int i = 1; i <= 8; i++)
        store_event(&world, i, "default", "cam-1");
    const struct login login = {.user = store_user_find(world.store, "admin", NULL)};
    const struct live_subscription all = {0};
    struct feeds *feeds = feeds_new(&world.settings, world.live, world.store, NULL, &world.health, NULL);
    feeds_listen(feeds);
    struct feed *feed = feed_open(feeds, &login, &all, ignore_wake, NULL, NULL);
    g_autofree char *first = event_id(1), *last = event_id(9);
    publish_event(&world, last, "default", "cam-1");
    feed_resume(feed, first);
    struct feed_message *message;
    for (int number = 1; (message = feed_take(feed, NULL)); number++) {
        g_autofree char *expected = event_id(number);
        g_assert_cmpstr(message->id, ==, number == 1 ? "" : expected);
        g_assert_cmpint(number, <=, 4);
        feed_message_unref(message);
    }
    g_assert_cmpint(feed_end(feed), ==, FEED_TOO_SLOW);
    feed_free(feed);
    feeds_free(feeds);
    user_free(login.user);
    world_clear(&world);
}

static void test_more_incidents_than_are_told_is_said(void)
{
    struct api_world world;
    world_prepare(&world);
    world.settings.http.resume_events = 2;
    world_start(&world);
    world_login(&world);
    for (int i = 1; i <= 3; i++) {
        g_autofree char *camera = g_strdup_printf("cam-%d", i);
        signal_at(&world, i, "default", camera, i);
    }
    for (int i = 1; i <= 3; i++) {
        g_autofree char *camera = g_strdup_printf("cam-%d", i);
        clock_fake_advance_us(world.clock, INT64_C(60000000));
        step(&world, camera, "acknowledge");
    }
    g_autofree char *id = event_id(3), *query = g_strdup_printf("?types=event,incident&resume_from=%s", id);
    world_restart(&world);
    int fd = open_at(&world, query);
    expect_counts(fd, 0, 2, false);
    close(fd);
    world_clear(&world);
}

/* Behind the last event there are more incidents than fit at once: the client would come back from there for ever. */
static void test_incidents_alone_hold_up_nobody(void)
{
    enum { CAMERAS = 150 };
    struct api_world world;
    world_prepare(&world);
    world.settings.http.websocket_queue_bytes = 65536;
    world_start(&world);
    world_login(&world);
    GPtrArray *events = g_ptr_array_new_with_free_func((GDestroyNotify)analytics_event_free);
    for (int i = 1; i <= CAMERAS; i++) {
        g_autofree char *camera = g_strdup_printf("cam-%d", i);
        store_at(i, "default", camera, world_start_ms, world_start_ms, events);
    }
    store_all(&world, events);
    g_autofree char *id = event_id(CAMERAS), *query = g_strdup_printf("?types=event,incident&resume_from=%s", id);
    int fd = open_at(&world, query);
    g_autoptr(GString) message = g_string_new(NULL);
    g_assert_cmpint(receive_frame(fd, message), ==, 1);
    g_assert_nonnull(strstr(message->str, "\"incidents\":0,\"has_all_incidents\":false"));
    json_t *json = json_loads(message->str, 0, NULL);
    int64_t again = json_integer_value(json_object_get(json_object_get(json, "data"), "events"));
    json_decref(json);
    for (int64_t i = CAMERAS - again; i < CAMERAS; i++)
        expect_stored_event(fd, (int)i);
    live_publish(world.live, LIVE_INCIDENT, "default", "cam-1", "\"live\"", 6);
    expect(fd, "{\"type\":\"incident\",\"data\":\"live\"}");
    close(fd);
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    if (world_is_missing())
        return 0;
    g_test_add_func("/websocket/a_key_of_cameras_hears_of_these", test_a_key_of_cameras_hears_of_these);
    g_test_add_func("/websocket/who_comes_back_is_told_what_it_missed", test_who_comes_back_is_told_what_it_missed);
    g_test_add_func("/websocket/an_id_of_two_cameras_leaves_nothing_out", test_an_id_of_two_cameras_leaves_nothing_out);
    g_test_add_func("/websocket/incidents_that_were_missed_are_told", test_incidents_that_were_missed_are_told);
    g_test_add_func("/websocket/another_orgs_event_is_none_to_come_back_to",
                    test_another_orgs_event_is_none_to_come_back_to);
    g_test_add_func("/websocket/what_is_forgotten_comes_from_the_store", test_what_is_forgotten_comes_from_the_store);
    g_test_add_func("/websocket/a_long_absence_is_told_in_parts", test_a_long_absence_is_told_in_parts);
    g_test_add_func("/websocket/a_bulk_is_told_to_its_end", test_a_bulk_is_told_to_its_end);
    g_test_add_func("/websocket/a_late_bulk_is_not_passed_over_in_silence",
                    test_a_late_bulk_is_not_passed_over_in_silence);
    g_test_add_func("/websocket/incidents_are_told_after_a_restart", test_incidents_are_told_after_a_restart);
    g_test_add_func("/event_stream/incidents_are_told_after_a_restart",
                    test_incidents_are_told_after_a_restart_by_server_sent_events);
    g_test_add_func("/websocket/a_key_of_cameras_is_told_of_their_incidents",
                    test_a_key_of_cameras_is_told_of_their_incidents);
    g_test_add_func("/websocket/an_incident_in_memory_is_not_told_besides",
                    test_an_incident_in_memory_is_not_told_besides);
    g_test_add_func("/websocket/nothing_is_told_behind_a_part", test_nothing_is_told_behind_a_part);
    g_test_add_func("/websocket/more_incidents_than_are_told_is_said", test_more_incidents_than_are_told_is_said);
    g_test_add_func("/websocket/incidents_alone_hold_up_nobody", test_incidents_alone_hold_up_nobody);
    return g_test_run();
}
