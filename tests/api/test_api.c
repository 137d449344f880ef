/* Health, events, previews, metrics and the page over HTTP, and a store that is away. */
#include "api_world.h"
#include "store/logins.h"

static const char *component_reason(json_t *health, const char *name)
{
    return json_string_value(json_object_get(json_object_get(json_object_get(health, "components"), name), "reason"));
}

static void test_anonymous_health_tells_one_word(void)
{
    struct api_world world;
    world_init(&world);
    world_set_online(&world);
    live_set_offline(world.live, "cam-other", "x");
    struct reply reply = world_get(&world, "/health", NULL);
    g_assert_cmpint(reply.status, ==, 200);
    g_assert_cmpstr(reply.body->str, ==, "{\"status\":\"degraded\"}");
    reply_clear(&reply);
    reply = world_get(&world, "/health", world_login(&world));
    json_t *json = reply_json(&reply);
    json_t *breakers = json_object_get(json_object_get(json, "resilience_stats"), "circuit_breakers");
    g_assert_cmpuint(json_object_size(breakers), ==, 1); /* other orgs' cameras are not named */
    g_assert_cmpstr(json_string_value(json_object_get(json_object_get(breakers, "cam-1"), "state")), ==, "closed");
    json_t *queues = json_object_get(json_object_get(json, "resilience_stats"), "queues");
    g_assert_true(json_is_integer(json_object_get(json_object_get(queues, "events"), "total_queued")));
    g_assert_nonnull(json_object_get(json_object_get(json, "components"), "store"));
    g_assert_cmpstr(component_reason(json, "workers"), ==, "cameras of others are offline"); /* not how many */
    json_t *cameras = json_object_get(json, "cameras");
    g_assert_cmpuint(json_object_size(cameras), ==, 1);
    g_assert_cmpstr(json_string_value(json_object_get(json_object_get(cameras, "cam-1"), "decoder")), ==, "avdec_h264");
    json_decref(json);
    reply_clear(&reply);
    live_set_offline(world.live, "cam-1", "x");
    reply = world_get(&world, "/health", world.token);
    json = reply_json(&reply);
    g_assert_cmpstr(component_reason(json, "workers"), ==, "1 of 1 cameras are offline");
    json_decref(json);
    reply_clear(&reply);
    g_assert_cmpint(world_status(&world, "GET", "/health/live", ""), ==, 200);
    g_assert_cmpint(world_status(&world, "GET", "/health/ready", ""), ==, 200);
    world_clear(&world);
}

static void set_stalled(struct api_world *world, const char *camera_id, const char *stages)
{
    struct camera_health health;
    record_init(&camera_health_descriptor, &health);
    g_free(health.stalled);
    health.stalled = g_strdup(stages);
    live_set_stalled(world->live, camera_id, &health);
    record_clear(&camera_health_descriptor, &health);
}

static void assert_progress(struct api_world *world, const char *expected)
{
    static const char words[] = "no progress beyond the deadline (settings progress.*, notify.stalled_seconds): ";
    struct reply reply = world_get(world, "/health", world->token);
    json_t *json = reply_json(&reply);
    const char *reason = component_reason(json, "progress");
    g_assert_nonnull(reason);
    g_assert_true(g_str_has_prefix(reason, words));
    g_assert_cmpstr(reason + strlen(words), ==, expected);
    json_decref(json);
    reply_clear(&reply);
}

/* What stands still is named to its org; to others neither named nor counted. */
static void test_cameras_of_others_that_stand_still_are_not_counted(void)
{
    struct api_world world;
    world_init(&world);
    world_login(&world);
    world_set_online(&world);
    set_stalled(&world, "cam-other", "frames");
    assert_progress(&world, "cameras of others");
    set_stalled(&world, "cam-1", "analyses");
    assert_progress(&world, "cam-1: analyses; cameras of others");
    set_stalled(&world, "cam-other", "");
    assert_progress(&world, "cam-1: analyses");
    world_clear(&world);
}

static void put(struct api_world *world, const char *id, enum event_type type, int64_t at_ms, char *payload)
{
    struct analytics_event *event = g_new(struct analytics_event, 1);
    record_init(&analytics_event_descriptor, event);
    event->id = g_strdup(id);
    event->type = type;
    event->org_id = g_strdup("default");
    event->camera_id = g_strdup("cam-1");
    event->occurred_at.ms = at_ms;
    event->payload.text = payload;
    GPtrArray *batch = g_ptr_array_new_with_free_func((GDestroyNotify)analytics_event_free);
    g_ptr_array_add(batch, event);
    int64_t before = counter_get(&world->health.records_stored);
    g_assert_true(store_events_submit(world->store, batch, NULL, NULL, NULL));
    WORLD_AWAIT(counter_get(&world->health.records_stored) > before);
}

static void put_event(struct api_world *world, const char *id, const char *subject, int64_t at_ms)
{
    put(world, id, EVENT_LINE_CROSSING, at_ms,
        g_strdup_printf("{\"id\":\"%s\",\"camera_id\":\"cam-1\",\"line_id\":\"%s\",\"track_id\":9,\"direction\":\"in\","
                        "\"at\":\"2026-01-01T00:00:00Z\",\"box\":[0,0,0.5,0.5]}",
                        id, subject));
}

/* How many the first zone of the list of zones says are inside, and of the list of cameras as well. */
static int inside_first_zone(struct api_world *world)
{
    struct reply cameras = world_get(world, "/api/v1/cameras", world->token),
                 places = world_get(world, "/api/v1/zones", world->token);
    json_t *of_cameras = reply_json(&cameras), *of_places = reply_json(&places);
    const json_t *zone =
        json_array_get(json_object_get(json_array_get(json_object_get(of_cameras, "items"), 0), "zones"), 0);
    const json_t *place = json_array_get(json_object_get(of_places, "items"), 0);
    int inside = (int)json_integer_value(json_object_get(zone, "inside"));
    g_assert_cmpint((int)json_integer_value(json_object_get(place, "inside")), ==, inside);
    json_decref(of_cameras);
    json_decref(of_places);
    reply_clear(&cameras);
    reply_clear(&places);
    return inside;
}

static void test_events_and_counts(void)
{
    struct api_world world;
    world_init(&world);
    world_login(&world);
    put_event(&world, "a", "door", world_start_ms + 1000);
    put_event(&world, "b", "door", world_start_ms + 2000);
    put_event(&world, "c", "gate", world_start_ms + 2000);
    struct reply reply = world_get(&world, "/api/v1/events?limit=2", world.token);
    json_t *json = reply_json(&reply);
    json_t *items = json_object_get(json, "items");
    g_assert_cmpuint(json_array_size(items), ==, 2);
    const json_t *newest = json_array_get(items, 0);
    g_assert_cmpstr(json_string_value(json_object_get(newest, "id")), ==, "c");
    g_assert_cmpstr(json_string_value(json_object_get(newest, "subject_id")), ==, "gate");
    g_assert_true(json_is_object(json_object_get(newest, "payload")));
    g_autofree char *next =
        g_strdup_printf("/api/v1/events?limit=2&cursor=%s", json_string_value(json_object_get(json, "next_cursor")));
    json_decref(json);
    reply_clear(&reply);
    reply = world_get(&world, next, world.token);
    json = reply_json(&reply);
    g_assert_cmpuint(json_array_size(json_object_get(json, "items")), ==, 1);
    g_assert_true(json_is_null(json_object_get(json, "next_cursor")));
    json_decref(json);
    reply_clear(&reply);
    put(&world, "d", EVENT_OCCUPANCY, world_start_ms + 3000,
        g_strdup(
            "{\"id\":\"d\",\"camera_id\":\"cam-1\",\"zone_id\":\"hall\",\"count\":3,\"at\":\"2026-01-01T00:00:03Z\"}"));
    g_assert_cmpint(inside_first_zone(&world), ==, 0); /* it is not online: nobody knows */
    world_set_online(&world);
    g_assert_cmpint(inside_first_zone(&world), ==, 3);
    reply = world_get(&world, "/api/v1/cameras", world.token);
    json = reply_json(&reply);
    items = json_object_get(json, "items");
    g_assert_cmpuint(json_array_size(items), ==, 1);
    const json_t *camera = json_array_get(items, 0);
    g_assert_true(json_is_true(json_object_get(camera, "online")));
    g_assert_nonnull(json_object_get(json_object_get(camera, "health"), "fps"));
    const json_t *line = json_array_get(json_object_get(camera, "lines"), 0);
    g_assert_cmpint(json_integer_value(json_object_get(line, "count_in")), ==, 2);
    g_assert_cmpint(json_integer_value(json_object_get(line, "count_out")), ==, 0);
    const json_t *zone = json_array_get(json_object_get(camera, "zones"), 0);
    g_assert_true(json_is_integer(json_object_get(zone, "inside")));
    json_decref(json);
    reply_clear(&reply);
    world_clear(&world);
}

static void test_event_parameters_are_checked(void)
{
    static const char *const bad[] = {"limit=0",      "limit=501", "limit=x",       "type=nonsense", "from=yesterday",
                                      "unknown=1",    "limit=-1",  "cursor=nobody", "a=%",           "limit=1e3",
                                      "camera_id=%00"};
    struct api_world world;
    world_init(&world);
    world_login(&world);
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *path = g_strdup_printf("/api/v1/events?%s", bad[i]);
        struct reply reply = world_get(&world, path, world.token);
        g_test_message("%s", bad[i]);
        world_assert_problem(&reply, 400);
        reply_clear(&reply);
    }
    struct reply reply = world_get(&world, "/api/v1/events?limit=0&type=x", world.token);
    json_t *json = reply_json(&reply);
    g_assert_cmpuint(json_array_size(json_object_get(json, "errors")), ==, 2);
    json_decref(json);
    reply_clear(&reply);
    reply = world_get(&world, "/api/v1/events?from=2026-01-01T00:00:00Z&to=2026-01-02T01:00:00%2B01:00&type=zone_hit",
                      world.token);
    g_assert_cmpint(reply.status, ==, 200);
    reply_clear(&reply);
    world_clear(&world);
}

static void count_wish(void *data, const char *camera_id)
{
    g_assert_cmpstr(camera_id, ==, "cam-1");
    __atomic_add_fetch((int *)data, 1, __ATOMIC_RELAXED);
}

static gpointer set_preview_when_wanted(gpointer data)
{
    struct api_world *world = ((void **)data)[0];
    int *wishes = ((void **)data)[1];
    WORLD_AWAIT(__atomic_load_n(wishes, __ATOMIC_RELAXED) > 0);
    g_autoptr(GBytes) jpeg = g_bytes_new_static("JPEG", 4);
    live_set_preview(world->live, "cam-1", 1, jpeg, world_start_ms, 77);
    return NULL;
}

static void test_preview(void)
{
    static const char path[] = "/api/v1/cameras/cam-1/preview.jpg";
    struct api_world world;
    int wishes = 0;
    world_init(&world);
    world_login(&world);
    world_expect_previews(&world, 1, false);
    live_set_preview_wanted(world.live, count_wish, &wishes);
    struct reply reply = world_get(&world, path, world.token); /* nobody answers the wish */
    world_assert_problem(&reply, 503);
    g_autofree char *retry = reply_header(&reply, "Retry-After");
    g_assert_cmpstr(retry, ==, "1");
    reply_clear(&reply);
    g_assert_cmpint(wishes, ==, 1);
    clock_fake_advance_us(world.clock, 2000000);
    wishes = 0;
    void *both[] = {&world, &wishes};
    GThread *worker = g_thread_new("worker", set_preview_when_wanted, both);
    gint64 asked_us = g_get_monotonic_time();
    reply = world_get(&world, path, world.token); /* waits for the first one */
    g_thread_join(worker);
    if (reply.status == 503) { /* in vain, where the worker got no processor: then it is there for the next */
        g_assert_cmpint(g_get_monotonic_time() - asked_us, >=, G_USEC_PER_SEC);
        reply_clear(&reply);
        reply = world_get(&world, path, world.token);
    }
    g_assert_cmpint(reply.status, ==, 200);
    g_assert_cmpstr(reply.body->str, ==, "JPEG");
    g_autofree char *type = reply_header(&reply, "Content-Type"), *number = reply_header(&reply, "X-Frame-Number"),
                    *at = reply_header(&reply, "X-Captured-At"), *cache = reply_header(&reply, "Cache-Control"),
                    *etag = reply_header(&reply, "ETag");
    g_assert_cmpstr(type, ==, "image/jpeg");
    g_assert_cmpstr(number, ==, "77");
    g_assert_cmpstr(at, ==, "2026-01-01T00:00:00.000Z");
    g_assert_cmpstr(cache, ==, "no-store");
    reply_clear(&reply);
    g_autofree char *headers = g_strdup_printf("Authorization: Bearer %s\r\nIf-None-Match: %s\r\n", world.token, etag);
    g_assert_cmpint(world_status(&world, "GET", path, headers), ==, 304);
    world_clear(&world);
}

static void test_metrics(void)
{
    struct api_world world;
    world_init(&world);
    world_set_online(&world);
    struct reply reply = world_get(&world, "/metrics", WORLD_SCRAPE_TOKEN);
    g_assert_cmpint(reply.status, ==, 200);
    g_assert_nonnull(strstr(reply.body->str, "\n# TYPE vedette_camera_frames_decoded_total counter\n"
                                             "vedette_camera_frames_decoded_total{camera=\"cam-1\"} 42\n"));
    g_assert_nonnull(strstr(reply.body->str, "\nvedette_camera_fps{camera=\"cam-1\"} 12.5\n"));
    g_assert_nonnull(strstr(reply.body->str, "\nvedette_camera_online{camera=\"cam-other\"} 1\n"));
    g_assert_nonnull(strstr(reply.body->str, "\n# HELP vedette_http_requests_total "));
    g_assert_nonnull(strstr(reply.body->str, "\nvedette_limit_keys_forgotten_total 0\n"));
    g_assert_nonnull(strstr(reply.body->str, "\nvedette_store_checks_total "));
    g_assert_nonnull(strstr(reply.body->str, "\nvedette_store_silent_seconds 0\n"));
    reply_clear(&reply);
    reply = world_get(&world, "/metrics", world_login(&world)); /* a user sees the own org's cameras */
    g_assert_nonnull(strstr(reply.body->str, "camera=\"cam-1\""));
    g_assert_null(strstr(reply.body->str, "cam-other"));
    reply_clear(&reply);
    reply = world_get(&world, "/metrics", "wrong");
    world_assert_problem(&reply, 401);
    reply_clear(&reply);
    world_clear(&world);
}

/* What is guessed is held to the limits of reads, also where it is right; who has the token is not. */
static void test_guesses_at_the_scrape_token_are_limited(void)
{
    enum { READS = 3 };
    struct api_world world;
    world_prepare(&world);
    world.settings.limits.reads_per_minute = READS;
    world_start(&world);
    for (int i = 0; i < 2 * READS; i++) {
        struct reply reply = world_get(&world, "/metrics", WORLD_SCRAPE_TOKEN);
        g_assert_cmpint(reply.status, ==, 200);
        reply_clear(&reply);
    }
    for (int i = 0; i <= READS; i++) {
        struct reply reply = world_get(&world, "/metrics", "guessed");
        world_assert_problem(&reply, i < READS ? 401 : 429);
        reply_clear(&reply);
    }
    g_assert_cmpint(counter_get(&world.health.logins_failed), ==, READS);
    struct reply reply = world_get(&world, "/metrics", WORLD_SCRAPE_TOKEN);
    world_assert_problem(&reply, 429);
    g_autofree char *retry = reply_header(&reply, "Retry-After");
    g_assert_nonnull(retry);
    reply_clear(&reply);
    world_clear(&world);
}

static json_int_t number_of(const char *text, const char *name)
{
    json_t *json = json_loads(text, 0, NULL);
    json_int_t value = json_integer_value(json_object_get(json, name));
    json_decref(json);
    return value;
}

static int64_t spool_now_us(void *clock)
{
    return clock_monotonic_us(clock);
}

/* By the world's clock. */
static struct vedette_spool *open_spool(struct api_world *world, const char *directory)
{
    struct vedette_spool_config config;
    vedette_spool_config_init(&config);
    config.reserve_bytes = 0;
    config.time = (struct vedette_time_source){.now_us = spool_now_us, .data = world->clock};
    return vedette_spool_open(directory, &config, NULL);
}

static void end_with_spool(struct api_world *world, struct vedette_spool *spool, const char *directory)
{
    api_stop(world->api);
    world->api = NULL;
    struct vedette_spool_batch *rest = vedette_spool_dequeue(spool, 3, 0);
    if (rest)
        vedette_spool_acknowledge(spool, rest);
    vedette_spool_close(spool);
    g_autofree char *lock = g_build_filename(directory, "lock", NULL);
    g_unlink(lock);
    g_rmdir(directory);
    world_clear(world);
}

/* The component's status, and a part of its reason that must be there, or NULL. */
static void assert_spool_is(struct api_world *world, const char *status, const char *said)
{
    struct reply reply = world_get(world, "/health", world->token);
    json_t *json = json_loads(reply.body->str, 0, NULL);
    json_t *spool = json_object_get(json_object_get(json, "components"), "spool");
    g_assert_cmpstr(json_string_value(json_object_get(spool, "status")), ==, status);
    const char *reason = json_string_value(json_object_get(spool, "reason"));
    g_assert_true(!said || (reason && strstr(reason, said)));
    json_decref(json);
    reply_clear(&reply);
}

static void test_health_tells_that_the_spool_stands_still(void)
{
    struct api_world world;
    world_init(&world);
    g_autofree char *directory = g_build_filename(world.directory, "spool", NULL);
    struct vedette_spool *spool = open_spool(&world, directory);
    api_stop(world.api);
    world.parts.spool = spool;
    world.api = api_start(&world.settings, &world.parts, NULL, NULL);
    world_login(&world);
    const struct vedette_spool_record record = {.tenant = "default", .payload = "1", .length = 1};
    g_assert_true(vedette_spool_enqueue(spool, &record, 1, NULL));
    assert_spool_is(&world, "healthy", NULL);
    clock_fake_advance_us(world.clock, (int64_t)31 * G_USEC_PER_SEC);
    assert_spool_is(&world, "degraded", "none was stored for 31 s (spool.stalled_seconds)");
    vedette_spool_acknowledge(spool, vedette_spool_dequeue(spool, 1, 0));
    assert_spool_is(&world, "healthy", NULL);
    end_with_spool(&world, spool, directory);
}

static void test_queue_stats_are_of_the_own_org(void)
{
    struct api_world world;
    world_init(&world);
    g_autofree char *directory = g_build_filename(world.directory, "spool", NULL);
    struct vedette_spool *spool = open_spool(&world, directory);
    const struct vedette_spool_record records[] = {{.tenant = "default", .payload = "1", .length = 1},
                                                   {.tenant = "other", .payload = "2", .length = 1},
                                                   {.tenant = "other", .payload = "3", .length = 1}};
    g_assert_true(vedette_spool_enqueue(spool, records, 3, NULL));
    api_stop(world.api);
    world.parts.spool = spool;
    world.api = api_start(&world.settings, &world.parts, NULL, NULL);
    struct reply reply = world_get(&world, "/queue/stats", NULL);
    g_assert_cmpint(reply.status, ==, 200);
    g_assert_cmpstr(reply.body->str, ==, "{\"status\":\"healthy\"}");
    reply_clear(&reply);
    reply = world_get(&world, "/queue/stats", world_login(&world));
    g_assert_cmpint(number_of(reply.body->str, "memory_queue_size"), ==, 1);
    g_assert_cmpint(number_of(reply.body->str, "disk_queue_size"), ==, 0);
    g_assert_cmpint(number_of(reply.body->str, "total_queued"), ==, 1);
    g_assert_null(strstr(reply.body->str, "other"));
    reply_clear(&reply);
    end_with_spool(&world, spool, directory);
}

/* S6: no answer to anything holds a secret. */
static void test_s06_no_secrets_in_answers(void)
{
    static const char *const paths[] = {"/health",         "/queue/stats", "/metrics",       "/auth/me",
                                        "/api/v1/cameras", "/docs",        "/api/v1/events", "/api/v1/cameras/cam-1"};
    struct api_world world;
    world_init(&world);
    world_set_online(&world);
    world_login(&world);
    for (size_t i = 0; i < G_N_ELEMENTS(paths); i++) {
        struct reply reply = world_get(&world, paths[i], world.token);
        g_assert_cmpint(reply.status, <, 500);
        g_assert_null(strstr(reply.body->str, "canary"));
        g_assert_null(strstr(reply.body->str, "argon2"));
        g_assert_null(strstr(reply.body->str, world.token));
        reply_clear(&reply);
    }
    world_clear(&world);
}

static void test_port_in_use(void)
{
    struct api_world world;
    world_init(&world);
    struct settings settings = world.settings;
    settings.http.port = api_port(world.api);
    g_autoptr(GError) error = NULL;
    char *password = NULL;
    g_assert_null(api_start(&settings, &world.parts, &password, &error));
    g_autofree char *expected =
        g_strdup_printf("listen on 127.0.0.1:%d: address already in use: stop the other program or set http.port "
                        "(VEDETTE_HTTP_PORT)",
                        api_port(world.api));
    g_assert_cmpstr(error->message, ==, expected);
    world_clear(&world);
}

static void test_first_start_makes_a_password_once(void)
{
    struct api_world world;
    world_prepare(&world);
    g_clear_pointer(&world.settings.admin_password, g_free);
    g_autofree char *password = NULL, *again = NULL;
    world.store = store_open(world.directory, &world.settings.store, world.clock, &world.health, NULL);
    world.live = live_new(&world.settings.cameras);
    world.parts =
        (struct api_parts){.store = world.store, .live = world.live, .health = &world.health, .clock = world.clock};
    world.api = api_start(&world.settings, &world.parts, &password, NULL);
    g_assert_cmpuint(strlen(password), >=, 20);
    g_autofree char *token = world_login_as(&world, "admin", password);
    api_stop(world.api);
    world.api = api_start(&world.settings, &world.parts, &again, NULL);
    g_assert_null(again);
    g_assert_cmpint(world_try_login(&world, password), ==, 200);
    api_stop(world.api);
    world.settings.admin_password = g_strdup("a new one"); /* the settings' word holds, and ends old logins */
    world.api = api_start(&world.settings, &world.parts, &again, NULL);
    g_assert_null(again);
    g_assert_cmpint(world_try_login(&world, password), ==, 401);
    g_assert_cmpint(world_try_login(&world, "a new one"), ==, 200);
    struct reply reply = world_get(&world, "/auth/me", token);
    g_assert_cmpint(reply.status, ==, 401);
    reply_clear(&reply);
    world_clear(&world);
}

static void test_store_away(void)
{
#ifdef VEDETTE_FAULTS_ENABLED
    struct api_world world;
    world_init(&world);
    world_set_online(&world);
    world_login(&world);
    fault_plan("store.read=1+");
    static const char *const paths[] = {"/api/v1/events", "/api/v1/cameras", "/auth/me"};
    for (size_t i = 0; i < G_N_ELEMENTS(paths); i++) {
        struct reply reply = world_get(&world, paths[i], world.token);
        world_assert_problem(&reply, 503);
        reply_clear(&reply);
    }
    g_assert_cmpint(world_status(&world, "GET", "/health", ""), ==, 200);
    g_assert_cmpint(world_status(&world, "GET", "/health/live", ""), ==, 200);
    g_assert_cmpint(world_try_login(&world, WORLD_PASSWORD), ==, 503);
    fault_plan(NULL);
    struct reply reply = world_get(&world, "/api/v1/events", world.token);
    g_assert_cmpint(reply.status, ==, 200);
    reply_clear(&reply);
    world_clear(&world);
#else
    g_test_skip("fault points are not in this build (-Dfaults=true)");
#endif
}

static void test_page_and_security_headers(void)
{
    struct api_world world;
    world_init(&world);
    struct reply reply = world_get(&world, "/", NULL);
    g_assert_cmpint(reply.status, ==, 200);
    g_autofree char *policy = reply_header(&reply, "Content-Security-Policy"),
                    *sniff = reply_header(&reply, "X-Content-Type-Options"),
                    *referrer = reply_header(&reply, "Referrer-Policy"), *etag = reply_header(&reply, "ETag");
    g_assert_nonnull(strstr(policy, "default-src 'self'"));
    g_assert_nonnull(strstr(policy, "frame-ancestors 'none'"));
    g_assert_cmpstr(sniff, ==, "nosniff");
    g_assert_nonnull(referrer);
    g_autofree char *headers = g_strdup_printf("If-None-Match: %s\r\n", etag);
    g_assert_cmpint(world_status(&world, "GET", "/index.html", headers), ==, 304);
    reply_clear(&reply);
    world_clear(&world);
}

static int upkeep_status(const struct api_world *world, const char *method, const char *path, const char *body)
{
    g_autofree char *headers =
        g_strdup_printf("Authorization: Bearer %s\r\nContent-Type: application/json\r\n", world->token);
    struct reply reply = world_request(world, method, path, headers, body);
    int status = reply.status;
    reply_clear(&reply);
    return status;
}

static void make_platform_s(struct api_world *world, const char *username)
{
    const struct audit_by by = {"default", "system", NULL, NULL, "test"};
    const struct store_user_change change = {.by = &by, .action = "update", .parts = STORE_USER_RIGHTS};
    struct user *user = store_user_find(world->store, username, NULL);
    user->role = ROLE_PLATFORM;
    g_assert_true(store_user_change(world->store, &change, user, NULL));
    user_free(user);
    g_free(world->token);
    world_login(world);
}

static void test_upkeep_is_told_and_audited(void)
{
    struct api_world world;
    world_init(&world);
    struct reply refused = world_request(&world, "POST", "/auth/login", "Content-Type: application/json\r\n",
                                         "{\"username\":\"admin\",\"password\":\"wrong\"}");
    g_assert_cmpint(refused.status, ==, 401);
    reply_clear(&refused);
    world_login(&world);
    g_assert_cmpint(upkeep_status(&world, "GET", "/api/v1/jobs", NULL), ==, 503); /* no scheduler here yet */
    g_autoptr(GError) error = NULL;
    const struct scheduler_options options = {built_in_jobs,   built_in_job_count, world.store,
                                              &world.settings, &world.health,      world.clock};
    struct scheduler *scheduler = scheduler_new(&options, &error);
    g_assert_no_error(error);
    api_set_scheduler(world.api, scheduler);
    g_assert_cmpint(upkeep_status(&world, "GET", "/api/v1/jobs", NULL), ==, 200);
    g_assert_cmpint(upkeep_status(&world, "GET", "/api/v1/jobs/cleanup_old_data/next?count=3", NULL), ==, 200);
    static const char pause[] = "/api/v1/jobs/cleanup_old_data/pause?reason=test";
    g_assert_cmpint(upkeep_status(&world, "POST", pause, NULL), ==, 403); /* it is every org's, and there is another */
    make_platform_s(&world, "admin");
    g_assert_cmpint(upkeep_status(&world, "POST", pause, NULL), ==, 204);
    g_assert_cmpint(upkeep_status(&world, "POST", "/api/v1/jobs/nothing/pause", NULL), ==, 404);
    g_assert_cmpint(upkeep_status(&world, "GET", "/api/v1/retention?rows=true", NULL), ==, 200);
    g_assert_cmpint(upkeep_status(&world, "GET", "/api/v1/occupancy?level=day", NULL), ==, 200);
    g_assert_cmpint(upkeep_status(&world, "GET", "/api/v1/occupancy?level=year", NULL), ==, 400);
    g_assert_cmpint(upkeep_status(&world, "POST", "/api/v1/legal-holds", "{}"), ==, 400);
    g_assert_cmpint(upkeep_status(&world, "POST", "/api/v1/legal-holds",
                                  "{\"reason\":\"case\",\"from_at\":\"2026-03-02T00:00:00Z\",\"to_at\":"
                                  "\"2026-03-01T00:00:00Z\"}"),
                    ==, 400);
    g_assert_cmpint(
        upkeep_status(&world, "POST", "/api/v1/legal-holds", "{\"reason\":\"case\",\"camera_id\":\"nowhere\"}"), ==,
        400);
    g_assert_cmpint(upkeep_status(&world, "POST", "/api/v1/legal-holds", "{\"reason\":\"case\"}"), ==, 201);
    struct reply reply = world_get(&world, "/api/v1/audit", world.token);
    g_assert_cmpint(reply.status, ==, 200);
    static const char *const actions[] = {"login-failed", "login", "pause", "create", "set-password"};
    for (size_t i = 0; i < G_N_ELEMENTS(actions); i++) {
        g_autofree char *wanted = g_strdup_printf("\"action\":\"%s\"", actions[i]);
        g_assert_nonnull(strstr(reply.body->str, wanted));
    }
    g_assert_nonnull(strstr(reply.body->str, "\"address\":\"127.0.0.1\""));
    g_assert_nonnull(strstr(reply.body->str, "\"reason\":\"test\""));
    g_assert_null(strstr(reply.body->str, WORLD_PASSWORD));
    reply_clear(&reply);
    reply = world_get(&world, "/api/v1/audit/verify", world.token);
    g_assert_nonnull(strstr(reply.body->str, "\"is_whole\":true"));
    reply_clear(&reply);
    reply = world_get(&world, "/api/v1/audit", NULL);
    g_assert_cmpint(reply.status, ==, 401);
    reply_clear(&reply);
    api_set_scheduler(world.api, NULL);
    scheduler_free(scheduler);
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/api/cameras of others that stand still are not counted",
                    test_cameras_of_others_that_stand_still_are_not_counted);
    g_test_add_func("/api/anonymous_health_tells_one_word", test_anonymous_health_tells_one_word);
    g_test_add_func("/api/events_and_counts", test_events_and_counts);
    g_test_add_func("/api/event_parameters_are_checked", test_event_parameters_are_checked);
    g_test_add_func("/api/preview", test_preview);
    g_test_add_func("/api/metrics", test_metrics);
    g_test_add_func("/api/guesses_at_the_scrape_token_are_limited", test_guesses_at_the_scrape_token_are_limited);
    g_test_add_func("/api/s06_no_secrets_in_answers", test_s06_no_secrets_in_answers);
    g_test_add_func("/api/queue stats are of the own org", test_queue_stats_are_of_the_own_org);
    g_test_add_func("/api/health tells that the spool stands still", test_health_tells_that_the_spool_stands_still);
    g_test_add_func("/api/port_in_use", test_port_in_use);
    g_test_add_func("/api/first_start_makes_a_password_once", test_first_start_makes_a_password_once);
    g_test_add_func("/api/store_away", test_store_away);
    g_test_add_func("/api/page_and_security_headers", test_page_and_security_headers);
    g_test_add_func("/api/upkeep_is_told_and_audited", test_upkeep_is_told_and_audited);
    return g_test_run();
}
