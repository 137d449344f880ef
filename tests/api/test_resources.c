/* Tracks, reports, what an org says of its people and vehicles, and how long the list of its cameras takes. */
#include "api_world.h"

#include "analytics/chunk.h"
#include "facts/incident.h"
#include "facts/occupancy.h"
#include "store/rows.h"

#define JSON "Content-Type: application/json\r\n"

static json_t *ask(const struct api_world *world, const char *method, const char *path, const char *body, int status)
{
    g_autofree char *headers = g_strdup_printf("%sAuthorization: Bearer %s\r\n", body ? JSON : "", world->token);
    struct reply reply = world_request(world, method, path, headers, body);
    g_test_message("%s %s: %d %s", method, path, reply.status, reply.body->str);
    g_assert_cmpint(reply.status, ==, status);
    json_t *json = reply.body->len ? reply_json(&reply) : NULL;
    reply_clear(&reply);
    return json;
}

static void on_stored(void *data, GPtrArray *events, const bool *stored, const GError *error)
{
    (void)events;
    g_assert_no_error(error);
    __atomic_store_n((int *)data, stored ? 1 : -1, __ATOMIC_RELEASE);
}

/* Takes the batch over. */
static void store_batch(const struct api_world *world, GPtrArray *batch)
{
    int is_done = 0;
    g_assert_true(store_events_submit(world->store, batch, on_stored, &is_done, NULL));
    WORLD_AWAIT(__atomic_load_n(&is_done, __ATOMIC_ACQUIRE));
}

static GPtrArray *batch_new(void)
{
    return g_ptr_array_new_with_free_func((GDestroyNotify)analytics_event_free);
}

static void store_event(const struct api_world *world, enum event_type type, const char *id, int64_t at_ms,
                        char *payload)
{
    struct analytics_event *event = g_new0(struct analytics_event, 1);
    *event = (struct analytics_event){.id = g_strdup(id),
                                      .type = type,
                                      .org_id = g_strdup("default"),
                                      .site_id = g_strdup("default"),
                                      .camera_id = g_strdup("cam-1"),
                                      .occurred_at = {at_ms},
                                      .received_at = {at_ms},
                                      .payload = {payload}};
    GPtrArray *batch = batch_new();
    g_ptr_array_add(batch, event);
    store_batch(world, batch);
}

/* ---- tracks ---- */

/* Track 1 in ten pictures, one a second, track 2 in the last five. */
static void store_tracks(const struct api_world *world)
{
    CLEANUP(chunk_writer) struct chunk_writer *writer = chunk_writer_new();
    for (int i = 0; i < 10; i++) {
        const struct observed_track tracks[] = {
            {.id = 1,
             .object_class = "person",
             .x = (int16_t)(i * 100),
             .w = 409,
             .h = 819,
             .confidence = 204,
             .is_confirmed = true},
            {.id = 2, .object_class = "car", .x = 2048, .w = 409, .h = 409, .confidence = 255, .is_confirmed = true},
        };
        const struct observation observation = {.at_ms = world_start_ms + i * 1000,
                                                .media_us = i * INT64_C(1000000),
                                                .tracks = tracks,
                                                .track_count = i < 5 ? 1 : 2};
        g_assert_true(chunk_writer_add(writer, &observation));
    }
    g_autoptr(GBytes) bytes = chunk_writer_finish(writer);
    gsize size;
    const guchar *data = g_bytes_get_data(bytes, &size);
    g_autofree char *text = g_base64_encode(data, size);
    store_event(
        world, EVENT_TRACK_CHUNK, "chunk-1", world_start_ms,
        g_strdup_printf("{\"id\":\"chunk-1\",\"camera_id\":\"cam-1\",\"run_id\":\"run-1\",\"number\":1,\"from_at\":"
                        "\"2026-01-01T00:00:00Z\",\"to_at\":\"2026-01-01T00:00:09Z\",\"frames\":10,"
                        "\"codec_version\":2,\"data\":\"%s\"}",
                        text));
}

#define MINUTE "camera_id=cam-1&from=2026-01-01T00:00:02Z&to=2026-01-01T00:01:00Z"

static void test_tracks(void)
{
    struct api_world world;
    world_init(&world);
    world_login(&world);
    store_tracks(&world);
    json_t *list = ask(&world, "GET", "/api/v1/tracks?" MINUTE, NULL, 200), *items = json_object_get(list, "items");
    g_assert_cmpuint(json_array_size(items), ==, 2);
    const json_t *first = json_array_get(items, 0);
    g_assert_cmpint(json_integer_value(json_object_get(first, "track_id")), ==, 1);
    g_assert_cmpint(json_integer_value(json_object_get(first, "observations")), ==, 8); /* from its third second on */
    g_assert_cmpstr(json_string_value(json_object_get(first, "first_at")), ==, "2026-01-01T00:00:02.000Z");
    g_assert_cmpfloat(json_number_value(json_object_get(first, "confidence")), ==, 0.8);
    json_decref(list);
    list = ask(&world, "GET", "/api/v1/tracks?" MINUTE "&limit=1", NULL, 200);
    g_assert_cmpstr(json_string_value(json_object_get(list, "next_cursor")), ==, "1");
    json_decref(list);
    list = ask(&world, "GET", "/api/v1/tracks?" MINUTE "&limit=1&cursor=1&object_class=car", NULL, 200);
    items = json_object_get(list, "items");
    g_assert_cmpuint(json_array_size(items), ==, 1);
    g_assert_true(json_is_null(json_object_get(list, "next_cursor")));
    json_decref(list);
    json_t *path = ask(&world, "GET", "/api/v1/tracks/1?" MINUTE, NULL, 200), *points = json_object_get(path, "points");
    g_assert_cmpuint(json_array_size(points), ==, 8);
    g_assert_true(json_is_true(json_object_get(path, "is_complete")));
    g_assert_cmpfloat(json_number_value(json_array_get(json_object_get(json_array_get(points, 0), "box"), 0)), ==,
                      200 / 4096.0);
    json_decref(path);
    path = ask(&world, "GET", "/api/v1/tracks/1?" MINUTE "&limit=3", NULL, 200);
    g_assert_true(json_is_false(json_object_get(path, "is_complete")));
    json_decref(path);
    json_decref(ask(&world, "GET", "/api/v1/tracks/3?" MINUTE, NULL, 404));
    json_decref(ask(&world, "GET", "/api/v1/tracks/x?" MINUTE, NULL, 404));
    json_decref(ask(&world, "GET", "/api/v1/tracks?camera_id=cam-1", NULL, 400));
    json_decref(ask(&world, "GET", "/api/v1/tracks?camera_id=cam-1&from=2026-01-01T00:00:00Z&to=2026-01-01T01:00:01Z",
                    NULL, 400));
    json_decref(ask(&world, "GET", "/api/v1/tracks?camera_id=cam-1&from=2026-01-01T00:00:00Z&to=2026-01-01T00:00:00Z",
                    NULL, 400));
    world_clear(&world);
}

/* ---- reports ---- */

static void store_signal(const struct api_world *world, const char *id, const char *service, const char *kind,
                         const char *severity, int64_t at_ms)
{
    g_autoptr(GString) at = g_string_new(NULL);
    record_append_time(at, at_ms);
    store_event(
        world, EVENT_SIGNAL, id, at_ms,
        g_strdup_printf("{\"id\":\"%s\",\"camera_id\":\"cam-1\",\"service\":\"%s\",\"kind\":\"%s\",\"severity\":"
                        "\"%s\",\"confidence\":0,\"track_ids\":[],\"started_at\":\"%s\",\"box\":[0,0,0,0],"
                        "\"policy_revision\":0}",
                        id, service, kind, severity, at->str));
}

/* The line of a section whose field has this value. Borrowed. */
static const json_t *line_of(const json_t *report, const char *section, const char *field, const char *value)
{
    const json_t *items = json_object_get(report, "items");
    for (size_t i = 0; i < json_array_size(items); i++) {
        const json_t *line = json_array_get(items, i);
        if (g_strcmp0(json_string_value(json_object_get(line, "section")), section) == 0 &&
            g_strcmp0(json_string_value(json_object_get(line, field)), value) == 0)
            return line;
    }
    return NULL;
}

static void test_reports(void)
{
    static const int64_t hour_ms = INT64_C(3600000);
    struct api_world world;
    world_prepare(&world);
    g_free(((struct camera *)world.settings.cameras.items)->site_id);
    ((struct camera *)world.settings.cameras.items)->site_id = g_strdup("default");
    world_start(&world);
    world_login(&world);
    clock_fake_advance_us(world.clock, 12 * hour_ms * 1000);
    store_signal(&world, "s-1", "safety", "intrusion", "high", world_start_ms + 1000);
    store_signal(&world, "s-2", "safety", "intrusion", "high", world_start_ms + 2000);
    store_signal(&world, "s-3", "safety", "intrusion", "low", world_start_ms - 1000); /* of the day before */
    store_signal(&world, "s-4", "system", "camera_offline", "high", world_start_ms + 2 * hour_ms);
    store_signal(&world, "s-5", "system", "camera_recovered", "info", world_start_ms + 5 * hour_ms);
    json_t *report = ask(&world, "GET", "/api/v1/reports?site_id=default", NULL, 200);
    const json_t *signals = line_of(report, "signals", "kind", "intrusion");
    g_assert_cmpint(json_integer_value(json_object_get(signals, "count")), ==, 2);
    g_assert_cmpstr(json_string_value(json_object_get(signals, "to")), ==, "2026-01-02T00:00:00.000Z");
    const json_t *camera = line_of(report, "camera", "camera_id", "cam-1");
    g_assert_cmpfloat_with_epsilon(json_number_value(json_object_get(camera, "uptime")), 0.75, 1e-4);
    json_decref(report);
    report = ask(&world, "GET", "/api/v1/reports?site_id=default&period=week", NULL, 200);
    g_assert_cmpstr(json_string_value(json_object_get(line_of(report, "camera", "camera_id", "cam-1"), "from")), ==,
                    "2025-12-29T00:00:00.000Z"); /* a monday */
    g_assert_cmpint(json_integer_value(json_object_get(line_of(report, "incidents", "kind", "intrusion"), "count")), ==,
                    1);
    json_decref(report);
    report = ask(&world, "GET", "/api/v1/reports?site_id=default&period=month&at=2024-02-10T00:00:00Z", NULL, 200);
    g_assert_cmpstr(json_string_value(json_object_get(line_of(report, "camera", "camera_id", "cam-1"), "to")), ==,
                    "2024-03-01T00:00:00.000Z");
    json_decref(report);
    json_decref(ask(&world, "GET", "/api/v1/reports?site_id=nowhere", NULL, 404));
    json_decref(ask(&world, "GET", "/api/v1/reports", NULL, 400));
    world_clear(&world);
}

/* ---- incidents ---- */

/* g_free. */
static char *only_incident(const struct api_world *world, int signal_count)
{
    json_t *list = ask(world, "GET", "/api/v1/incidents", NULL, 200), *items = json_object_get(list, "items");
    g_assert_cmpuint(json_array_size(items), ==, 1);
    const json_t *incident = json_array_get(items, 0);
    g_assert_cmpint(json_integer_value(json_object_get(incident, "signal_count")), ==, signal_count);
    char *id = g_strdup(json_string_value(json_object_get(incident, "id")));
    json_decref(list);
    return id;
}

static char *repeat(const char *text, int count)
{
    GString *all = g_string_new("{\"note\":\"");
    for (int i = 0; i < count; i++)
        g_string_append(all, text);
    g_string_append(all, "\"}");
    return g_string_free(all, FALSE);
}

/* However long its notes are as JSON, an incident can be read, and takes signals. */
static void test_notes_have_a_bound(void)
{
    enum { LONGEST = 2000, FIT = 43 /* of 12,000 bytes and some in half a MiB */ };
    struct api_world world;
    world_init(&world);
    world_login(&world);
    store_signal(&world, "s-1", "safety", "intrusion", "high", world_start_ms);
    g_autofree char *id = only_incident(&world, 1), *path = g_strdup_printf("/api/v1/incidents/%s/notes", id),
                    *lines = repeat("\\n", LONGEST), *bells = repeat("\\u0007", 1);
    json_decref(ask(&world, "POST", path, bells, 400));
    for (int i = 0; i < FIT; i++)
        json_decref(ask(&world, "POST", path, lines, 200));
    json_decref(ask(&world, "POST", path, lines, 409));
    json_decref(ask(&world, "POST", path, "{\"note\":\"it goes on\"}", 200));
    store_signal(&world, "s-2", "safety", "intrusion", "high", world_start_ms + 1000);
    g_free(only_incident(&world, 2));
    world_clear(&world);
}

static int status_with(const struct api_world *world, const char *key, const char *method, const char *path,
                       const char *body)
{
    g_autofree char *headers = g_strdup_printf("%sAuthorization: Bearer %s\r\n", body ? JSON : "", key);
    struct reply reply = world_request(world, method, path, headers, body);
    g_test_message("%s %s: %d %s", method, path, reply.status, reply.body->str);
    int status = reply.status;
    reply_clear(&reply);
    return status;
}

static bool add_gate(void *data, void *record, GError **error)
{
    (void)data;
    (void)error;
    struct record_strings *cameras = &((struct incident *)record)->camera_ids;
    cameras->items = g_renew(char *, cameras->items, cameras->count + 1);
    cameras->items[cameras->count++] = g_strdup("gate");
    return true;
}

/* A guard's key of one camera reads and ends what that camera saw, alone or with others; else it is not there. */
static void test_keys_of_cameras_work_on_what_these_saw(void)
{
    struct api_world world;
    world_init(&world);
    world_login(&world);
    world_put_camera(&world, "gate", "default");
    store_signal(&world, "s-1", "safety", "intrusion", "high", world_start_ms);
    g_autofree char *id = only_incident(&world, 1), *incident = g_strdup_printf("/api/v1/incidents/%s", id),
                    *acknowledge = g_strconcat(incident, "/acknowledge", NULL),
                    *notes = g_strconcat(incident, "/notes", NULL),
                    *own = world_bound_key(&world, world.token, "operator", "cam-1"),
                    *gate = world_bound_key(&world, world.token, "operator", "gate");
    static const char *const of_camera[] = {"/api/v1/events/s-1", "/api/v1/signals/s-1"};
    for (size_t i = 0; i < G_N_ELEMENTS(of_camera); i++) {
        g_assert_cmpint(status_with(&world, own, "GET", of_camera[i], NULL), ==, 200);
        g_assert_cmpint(status_with(&world, gate, "GET", of_camera[i], NULL), ==, 404);
    }
    g_assert_cmpint(status_with(&world, gate, "GET", incident, NULL), ==, 404);
    g_assert_cmpint(status_with(&world, gate, "POST", acknowledge, "{}"), ==, 404);
    g_assert_cmpint(status_with(&world, own, "GET", incident, NULL), ==, 200);
    g_assert_cmpint(status_with(&world, own, "POST", acknowledge, "{}"), ==, 200);
    const struct audit_by by = {"default", "u", "u", NULL, NULL};
    const struct store_row_change change = {id, "update", NULL, add_gate, NULL};
    void *both = store_row_change(world.store, &store_incidents, &change, &by, NULL);
    g_assert_nonnull(both);
    store_row_free(&store_incidents, both);
    g_assert_cmpint(status_with(&world, gate, "GET", incident, NULL), ==, 200);
    g_assert_cmpint(status_with(&world, gate, "POST", notes, "{\"note\":\"seen at the gate, too\"}"), ==, 200);
    g_assert_cmpint(status_with(&world, gate, "GET", "/api/v1/incidents", NULL), ==, 403); /* names no camera */
    world_clear(&world);
}

/* ---- people and vehicles ---- */

static void test_registers(void)
{
    struct api_world world;
    world_init(&world);
    world_login(&world);
    json_t *shift = ask(&world, "POST", "/api/v1/shifts",
                        "{\"name\":\"night\",\"start_time\":\"22:00\",\"end_time\":\"06:00\",\"days\":[\"mon\"]}", 201);
    const char *shift_id = json_string_value(json_object_get(shift, "id"));
    g_autofree char *body = g_strdup_printf("{\"name\":\"Ada\",\"external_id\":\"7\",\"shift_id\":\"%s\"}", shift_id);
    json_t *ada = ask(&world, "POST", "/api/v1/employees", body, 201);
    g_assert_true(json_is_true(json_object_get(ada, "active")));
    json_decref(ask(&world, "POST", "/api/v1/employees", body, 409));
    json_decref(ask(&world, "POST", "/api/v1/employees", "{\"name\":\"Eve\",\"shift_id\":\"none\"}", 400));
    json_decref(
        ask(&world, "POST", "/api/v1/shifts", "{\"name\":\"x\",\"start_time\":\"24:00\",\"end_time\":\"6\"}", 400));
    json_decref(ask(&world, "POST", "/api/v1/shifts",
                    "{\"name\":\"x\",\"start_time\":\"08:00\",\"end_time\":\"09:00\",\"days\":[\"mon\",\"mon\"]}",
                    400));
    g_autofree char *of_shift = g_strdup_printf("/api/v1/shifts/%s", shift_id),
                    *of_ada = g_strdup_printf("/api/v1/employees/%s", json_string_value(json_object_get(ada, "id")));
    json_decref(ask(&world, "DELETE", of_shift, NULL, 409)); /* Ada works in it */
    json_decref(ada);
    ada = ask(&world, "PUT", of_ada, "{\"name\":\"Ada L.\",\"active\":false}", 200);
    g_assert_null(json_object_get(ada, "shift_id"));
    g_assert_nonnull(json_object_get(ada, "created_at"));
    json_decref(ada);
    ada = ask(&world, "GET", of_ada, NULL, 200);
    g_assert_cmpstr(json_string_value(json_object_get(ada, "name")), ==, "Ada L.");
    json_decref(ada);
    g_assert_null(ask(&world, "DELETE", of_shift, NULL, 204));
    json_decref(ask(&world, "GET", of_shift, NULL, 404));
    json_decref(shift);
    json_decref(ask(&world, "POST", "/api/v1/vehicles", "{\"plate\":\"AB123CD\",\"list\":\"allowed\"}", 201));
    json_decref(ask(&world, "POST", "/api/v1/vehicles", "{\"plate\":\"AB123CD\",\"list\":\"blocked\"}", 409));
    json_decref(ask(&world, "POST", "/api/v1/vehicles", "{\"plate\":\"ab 1\",\"list\":\"blocked\"}", 400));
    json_t *list = ask(&world, "GET", "/api/v1/vehicles?plate=AB123CD&list=allowed", NULL, 200);
    g_assert_cmpuint(json_array_size(json_object_get(list, "items")), ==, 1);
    json_decref(list);
    json_decref(ask(&world, "GET", "/api/v1/vehicles?list=visitor&limit=1", NULL, 200));
    world_clear(&world);
}

/* What only the rooms behind can say of a field has its path too. */
static void test_each_field_is_told_by_its_path(void)
{
    static const struct {
        const char *method, *path, *body;
        int status;
        const char *bad;
    } refused[] = {
        {"POST", "/api/v1/employees", "{\"name\":\"Eve\",\"shift_id\":\"none\"}", 400, "shift_id"},
        {"POST", "/api/v1/cameras", "{\"name\":\"a\",\"source\":\"rtsp://10.0.0.9/a\",\"site_id\":\"none\"}", 400,
         "site_id"},
        {"POST", "/api/v1/cameras", "{\"name\":\"a\",\"source\":\"rtsp://10.0.0.9/a\",\"class_id\":\"none\"}", 400,
         "class_id"},
        {"POST", "/api/v1/cameras", "{\"name\":\"Door\",\"source\":\"rtsp://10.0.0.9/a\"}", 409, "name"},
        {"POST", "/api/v1/legal-holds", "{\"reason\":\"theft\",\"camera_id\":\"none\"}", 400, "camera_id"},
        {"POST", "/auth/password", "{\"current_password\":\"not this\",\"new_password\":\"canary password 7\"}", 403,
         "current_password"},
        {"PUT", "/api/v1/policies/safety?camera_id=cam-1&site_id=default", "{}", 400, "camera_id"},
        {"PUT", "/api/v1/policies/safety?scope=global&class_id=none", "{}", 400, "class_id"},
    };
    struct api_world world;
    world_init(&world);
    world_login(&world);
    for (size_t i = 0; i < G_N_ELEMENTS(refused); i++) {
        json_t *problem = ask(&world, refused[i].method, refused[i].path, refused[i].body, refused[i].status);
        json_t *errors = json_object_get(problem, "errors");
        g_assert_cmpuint(json_array_size(errors), ==, 1);
        g_assert_cmpstr(json_string_value(json_object_get(json_array_get(errors, 0), "path")), ==, refused[i].bad);
        json_decref(problem);
    }
    json_t *problem =
        ask(&world, "POST", "/api/v1/users", "{\"username\":\"a/b\",\"role\":\"viewer\",\"password\":\"short\"}", 400);
    json_t *errors = json_object_get(problem, "errors");
    g_assert_cmpuint(json_array_size(errors), ==, 2);
    g_assert_cmpstr(json_string_value(json_object_get(json_array_get(errors, 0), "path")), ==, "username");
    g_assert_cmpstr(json_string_value(json_object_get(json_array_get(errors, 1), "path")), ==, "password");
    json_decref(problem);
    world_clear(&world);
}

static void test_logs_are_listed(void)
{
    static const char *const targets[] = {"/api/v1/access-logs?employee_id=unknown&direction=in",
                                          "/api/v1/attendance?from=2026-01-01T00:00:00Z&status=late",
                                          "/api/v1/vehicle-logs?plate=X1&camera_id=cam-1&format=json"};
    struct api_world world;
    world_init(&world);
    world_login(&world);
    for (size_t i = 0; i < G_N_ELEMENTS(targets); i++) {
        json_t *list = ask(&world, "GET", targets[i], NULL, 200);
        g_assert_cmpuint(json_array_size(json_object_get(list, "items")), ==, 0);
        json_decref(list);
    }
    world_clear(&world);
}

/* ---- sending again ---- */

static void make_site(const struct api_world *world, const char *key, const char *id, int status, bool is_again)
{
    g_autofree char *headers =
                        g_strdup_printf(JSON "Authorization: Bearer %s\r\nIdempotency-Key: %s\r\n", world->token, key),
                    *body = g_strdup_printf("{\"id\":\"%s\"}", id);
    struct reply reply = world_request(world, "POST", "/api/v1/sites", headers, body);
    g_autofree char *replayed = reply_header(&reply, "Idempotency-Replayed");
    g_assert_cmpint(reply.status, ==, status);
    g_assert_cmpstr(replayed, ==, is_again ? "true" : NULL);
    reply_clear(&reply);
}

static void test_kept_answers_have_a_bound(void)
{
    struct api_world world;
    world_prepare(&world);
    world.settings.http.idempotency_max_bytes = 1; /* room for the latest alone */
    world_start(&world);
    world_login(&world);
    make_site(&world, "one", "lyon", 201, false);
    make_site(&world, "one", "lyon", 201, true);
    make_site(&world, "two", "metz", 201, false);
    make_site(&world, "one", "lyon", 409, false); /* done anew */
    struct reply reply = world_get(&world, "/metrics", WORLD_SCRAPE_TOKEN);
    g_assert_nonnull(strstr(reply.body->str, "\nvedette_kept_answers_forgotten_total 2\n"));
    reply_clear(&reply);
    world_clear(&world);
}

/* ---- cameras ---- */

enum { MANY_CAMERAS = 4000 };

static struct analytics_event *crossing_new(const char *camera_id, enum event_count count)
{
    struct analytics_event *event = g_new0(struct analytics_event, 1);
    *event = (struct analytics_event){.id = g_strdup_printf("%s-%d", camera_id, count),
                                      .type = EVENT_LINE_CROSSING,
                                      .org_id = g_strdup("default"),
                                      .site_id = g_strdup("default"),
                                      .camera_id = g_strdup(camera_id),
                                      .subject_id = g_strdup("door"),
                                      .occurred_at = {world_start_ms},
                                      .received_at = {world_start_ms},
                                      .payload = {g_strdup("{}")},
                                      .count = count,
                                      .count_amount = count == EVENT_COUNT_LINE_IN ? 2 : 3};
    return event;
}

static void count_crossings(const struct api_world *world, enum event_count count)
{
    GPtrArray *batch = batch_new();
    for (int i = 0; i < MANY_CAMERAS; i++) {
        g_autofree char *id = g_strdup_printf("yard-%d", i);
        g_ptr_array_add(batch, crossing_new(id, count));
    }
    store_batch(world, batch);
}

/* As the first of the settings. */
static void add_many_cameras(const struct api_world *world)
{
    struct camera camera;
    record_copy(&camera_descriptor, world->settings.cameras.items, &camera);
    for (int i = 0; i < MANY_CAMERAS; i++) {
        g_free(camera.id);
        camera.id = g_strdup_printf("yard-%d", i);
        live_put_camera(world->live, &camera);
    }
    record_clear(&camera_descriptor, &camera);
}

/* Of the processor, the server's and the client's: what else runs beside it takes no part. */
static int64_t spent_us(void)
{
    struct timespec spent;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
    return spent.tv_sec * INT64_C(1000000) + spent.tv_nsec / 1000;
}

static int64_t list_cameras_us(const struct api_world *world)
{
    int64_t began_us = spent_us();
    struct reply reply = world_get(world, "/api/v1/cameras", world->token);
    g_assert_cmpint(reply.status, ==, 200);
    reply_clear(&reply);
    return spent_us() - began_us;
}

static void assert_counted(const struct api_world *world, const char *path, const char *list)
{
    json_t *json = ask(world, "GET", path, NULL, 200), *line = json_array_get(json_object_get(json, list), 0);
    g_assert_cmpint(json_integer_value(json_object_get(line, "count_in")), ==, 2);
    g_assert_cmpint(json_integer_value(json_object_get(line, "count_out")), ==, 3);
    json_decref(json);
}

/* The ids, or another field, of what is listed, as "a,b". g_free. */
static char *listed(const struct api_world *world, const char *path, const char *field)
{
    json_t *list = ask(world, "GET", path, NULL, 200), *item;
    GString *names = g_string_new(NULL);
    size_t index;
    json_array_foreach(json_object_get(list, "items"), index, item)
        g_string_append_printf(names, "%s%s", index ? "," : "", json_string_value(json_object_get(item, field)));
    json_decref(list);
    return g_string_free(names, FALSE);
}

static void test_lists_are_searched(void)
{
    static const struct {
        const char *path, *field, *found;
    } searches[] = {
        {"/api/v1/cameras?site_id=lyon", "id", "yard"},
        {"/api/v1/cameras?enabled=false", "id", "yard"},
        {"/api/v1/cameras?enabled=true", "id", "cam-1"},
        {"/api/v1/cameras?enabled=true&site_id=lyon", "id", ""},
        {"/api/v1/cameras?enabled=true&limit=1", "id", "cam-1"},
        {"/api/v1/cameras?online=true&fields=id", "id", ""},
        {"/api/v1/users?role=operator", "username", "eve"},
        {"/api/v1/users?role=operator&is_disabled=true", "username", ""},
        {"/api/v1/users?username=admin", "username", "admin"},
    };
    struct api_world world;
    struct camera camera;
    world_init(&world);
    world_login(&world);
    record_copy(&camera_descriptor, world.settings.cameras.items, &camera);
    g_free(camera.id);
    g_free(camera.site_id);
    camera.id = g_strdup("yard");
    camera.site_id = g_strdup("lyon");
    camera.enabled = false;
    live_put_camera(world.live, &camera);
    record_clear(&camera_descriptor, &camera);
    json_decref(ask(&world, "POST", "/api/v1/users",
                    "{\"username\":\"eve\",\"role\":\"operator\",\"password\":\"a-long-password\"}", 201));
    for (size_t i = 0; i < G_N_ELEMENTS(searches); i++) {
        g_autofree char *found = listed(&world, searches[i].path, searches[i].field);
        g_assert_cmpstr(found, ==, searches[i].found);
    }
    g_autofree char *who = listed(&world, "/api/v1/audit?subject_kind=user&action=create", "action");
    g_assert_cmpstr(who, ==, "create");
    json_decref(ask(&world, "GET", "/api/v1/cameras?enabled=perhaps", NULL, 400));
    world_clear(&world);
}

/* The page asks for it every two seconds: to find what each has counted must not take longer than to tell of it. */
static void test_many_cameras_are_soon_listed(void)
{
    enum { TIMES_MOST = 4 };
    struct api_world world;
    world_init(&world);
    world_login(&world);
    add_many_cameras(&world);
    int64_t uncounted_us = list_cameras_us(&world);
    count_crossings(&world, EVENT_COUNT_LINE_IN);
    count_crossings(&world, EVENT_COUNT_LINE_OUT);
    g_assert_cmpint(list_cameras_us(&world), <, TIMES_MOST * uncounted_us);
    assert_counted(&world, "/api/v1/cameras/yard-3999", "lines");
    assert_counted(&world, "/api/v1/lines?camera_id=yard-7", "items");
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/resources/tracks", test_tracks);
    g_test_add_func("/resources/reports", test_reports);
    g_test_add_func("/resources/notes_have_a_bound", test_notes_have_a_bound);
    g_test_add_func("/resources/keys of cameras work on what these saw", test_keys_of_cameras_work_on_what_these_saw);
    g_test_add_func("/resources/kept_answers_have_a_bound", test_kept_answers_have_a_bound);
    g_test_add_func("/resources/registers", test_registers);
    g_test_add_func("/resources/each field is told by its path", test_each_field_is_told_by_its_path);
    g_test_add_func("/resources/logs_are_listed", test_logs_are_listed);
    g_test_add_func("/resources/lists are searched", test_lists_are_searched);
    g_test_add_func("/resources/many cameras are soon listed", test_many_cameras_are_soon_listed);
    return g_test_run();
}
