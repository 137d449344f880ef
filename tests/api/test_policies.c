/* Policies by HTTP: documents, versions, tenants, roles, webhooks. Cases H1, H4, H14, W3 and R14 at this door. */
#include "api_world.h"

#include "auth/webhook.h"

#include <sqlite3.h>

#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define SAFETY "/api/v1/policies/safety"

static void world_begin(struct api_world *world)
{
    world_prepare(world);
    world->settings.policies.webhook_secrets = g_strdup(SECRET);
    world_start(world);
    world_login(world);
}

/* The answer's status; its body in *json when wanted. */
static int ask(struct api_world *world, const char *method, const char *path, const char *header, const char *body,
               json_t **json)
{
    g_autofree char *headers = g_strdup_printf("Authorization: Bearer %s\r\n%s", world->token, header);
    struct reply reply = world_request(world, method, path, headers, body);
    int status = reply.status;
    g_test_message("%s %s: %d %s", method, path, status, reply.body->str);
    if (json)
        *json = reply_json(&reply);
    reply_clear(&reply);
    return status;
}

static double effective(struct api_world *world, const char *path)
{
    json_t *json = NULL;
    g_assert_cmpint(ask(world, "GET", path, "", NULL, &json), ==, 200);
    double seconds = json_number_value(json_object_get(json_object_get(json, "config"), "loitering_seconds"));
    json_decref(json);
    return seconds;
}

static void test_a_change_is_made_read_and_taken_back(void)
{
    struct api_world world;
    json_t *json = NULL;
    world_begin(&world);
    g_assert_cmpint(ask(&world, "PUT", SAFETY, "If-None-Match: *\r\n", "{\"loitering_seconds\":30}", NULL), ==, 200);
    g_assert_cmpint(ask(&world, "PUT", SAFETY "?camera_id=cam-1", "", "{\"loitering_seconds\":5}", NULL), ==, 200);
    g_assert_cmpfloat(effective(&world, SAFETY "/effective?camera_id=cam-1"), ==, 5);
    g_assert_cmpfloat(effective(&world, SAFETY "/effective"), ==, 30);
    g_assert_cmpint(ask(&world, "PATCH", SAFETY "?camera_id=cam-1&reason=too%20short", "If-Match: \"1\"\r\n",
                        "{\"loitering_seconds\":null,\"speed_limit\":2}", NULL),
                    ==, 200);
    g_assert_cmpfloat(effective(&world, SAFETY "/effective?camera_id=cam-1"), ==, 30);
    g_assert_cmpint(ask(&world, "PATCH", SAFETY "?camera_id=cam-1", "If-Match: \"1\"\r\n", "{}", NULL), ==, 412);
    g_assert_cmpint(ask(&world, "PUT", SAFETY, "If-None-Match: *\r\n", "{}", NULL), ==, 412);
    g_assert_cmpint(ask(&world, "POST", SAFETY "/rollback?camera_id=cam-1&to_version=1", "", "", NULL), ==, 200);
    g_assert_cmpfloat(effective(&world, SAFETY "/effective?camera_id=cam-1"), ==, 5);
    g_assert_cmpint(ask(&world, "GET", SAFETY "/history?camera_id=cam-1", "", NULL, &json), ==, 200);
    const json_t *items = json_object_get(json, "items");
    g_assert_cmpuint(json_array_size(items), ==, 3);
    g_assert_cmpstr(json_string_value(json_object_get(json_array_get(items, 1), "reason")), ==, "too short");
    g_assert_cmpstr(json_string_value(json_object_get(json_array_get(items, 1), "changed_by")), ==, "admin");
    json_decref(json);
    g_assert_cmpint(ask(&world, "DELETE", SAFETY "?camera_id=cam-1", "", NULL, NULL), ==, 200);
    g_assert_cmpint(ask(&world, "GET", SAFETY "?camera_id=cam-1", "", NULL, NULL), ==, 404);
    g_assert_cmpfloat(effective(&world, SAFETY "/effective?camera_id=cam-1"), ==, 30);
    world_clear(&world);
}

/* An answer that is kept for its Idempotency-Key has the document, too. g_free. */
static char *kept_body(const struct api_world *world)
{
    g_autofree char *path = g_build_filename(world->directory, "vedette.db", NULL);
    sqlite3 *database = NULL;
    sqlite3_stmt *statement = NULL;
    g_assert_cmpint(sqlite3_open(path, &database), ==, SQLITE_OK);
    g_assert_cmpint(sqlite3_prepare_v2(database, "SELECT body FROM kept_answers", -1, &statement, NULL), ==, SQLITE_OK);
    g_assert_cmpint(sqlite3_step(statement), ==, SQLITE_ROW);
    char *body = g_strdup((const char *)sqlite3_column_text(statement, 0));
    sqlite3_finalize(statement);
    sqlite3_close(database);
    return body;
}

static void test_what_is_kept_of_an_answer_is_sealed(void)
{
    static const char target[] = SAFETY "/rollback?to_version=1", keyed[] = "Idempotency-Key: one\r\n";
    struct api_world world;
    json_t *first = NULL, *again = NULL;
    world_prepare(&world);
    world.settings.policies.keys = g_strdup("k1:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=");
    world_start(&world);
    world_login(&world);
    for (int i = 1; i <= 2; i++) {
        g_autofree char *body = g_strdup_printf("{\"loitering_seconds\":%d}", 77 * i);
        g_assert_cmpint(ask(&world, "PUT", SAFETY, "", body, NULL), ==, 200);
    }
    g_assert_cmpint(ask(&world, "POST", target, keyed, "", &first), ==, 200);
    g_autofree char *kept = kept_body(&world);
    g_assert_null(strstr(kept, "loitering_seconds"));
    g_assert_null(strstr(kept, "154"));
    g_assert_cmpint(ask(&world, "POST", target, keyed, "", &again), ==, 200);
    g_assert_true(json_equal(first, again));
    g_assert_nonnull(json_object_get(again, "config"));
    json_decref(first);
    json_decref(again);
    world_clear(&world);
}

static const char *origin_of(const json_t *answer, const char *key, const char *part)
{
    return json_string_value(json_object_get(json_object_get(json_object_get(answer, "origins"), key), part));
}

/* Of every type every key, also those that no document says, with what is known of its value. */
static void test_every_key_of_what_is_in_force_has_an_origin(void)
{
    struct api_world world;
    json_t *json = NULL;
    world_begin(&world);
    for (size_t i = 0; i < POLICY_TYPES; i++) {
        const struct record_descriptor *type = policy_types[i].descriptor;
        g_autofree char *path = g_strdup_printf("/api/v1/policies/%s/effective?camera_id=cam-1", policy_type_names[i]);
        g_assert_cmpint(ask(&world, "GET", path, "", NULL, &json), ==, 200);
        g_assert_cmpuint(json_object_size(json_object_get(json, "origins")), ==, type->field_count);
        for (size_t j = 0; j < type->field_count; j++) {
            const char *key = type->fields[j].name, *level = origin_of(json, key, "level");
            const char *place = origin_of(json, key, "place");
            bool is_each_zones = g_strcmp0(place, "camera.zones") == 0;
            g_assert_cmpstr(level, ==, place ? "settings" : "default");
            g_assert_cmpint(json_object_get(json_object_get(json, "config"), key) == NULL, ==, is_each_zones);
        }
        json_decref(json);
    }
    g_assert_cmpint(ask(&world, "PUT", "/api/v1/policies/retention", "", "{\"event_days\":3}", NULL), ==, 200);
    g_assert_cmpint(ask(&world, "GET", "/api/v1/policies/retention/effective", "", NULL, &json), ==, 200);
    const json_t *config = json_object_get(json, "config");
    g_assert_cmpint(json_integer_value(json_object_get(config, "event_days")), ==, 3);
    g_assert_cmpstr(origin_of(json, "event_days", "level"), ==, "org");
    g_assert_cmpint(json_integer_value(json_object_get(json_object_get(json, "settings"), "event_days")), ==,
                    world.settings.retention.event_days); /* what it was, and is without the document */
    g_assert_cmpint(json_integer_value(json_object_get(config, "occupancy_raw_days")), ==,
                    world.settings.retention.occupancy_days);
    g_assert_cmpstr(origin_of(json, "occupancy_raw_days", "place"), ==, "retention");
    g_assert_cmpstr(origin_of(json, "legal_hold", "level"), ==, "default");
    json_decref(json);
    world_clear(&world);
}

/* Told like a refused document: in /health, as a metric, and with the reason to whose camera it is. */
static void test_h01_a_camera_that_cannot_be_told_is_told_to_people(void)
{
    struct api_world world;
    json_t *json = NULL;
    struct camera_config config;
    world_begin(&world);
    g_assert_cmpint(ask(&world, "GET", "/policies?camera_id=cam-1", "", NULL, &json), ==, 200);
    g_assert_null(json_object_get(json, "error"));
    json_decref(json);
    world.settings.rules.settle_frames = 9; /* what no camera can be told */
    world.settings.rules.settle_of_frames = 8;
    CLEANUP(policy_view) struct policy_view *view = policy_keeper_get_view(world.policies);
    g_assert_false(policy_keeper_configure(world.policies, view, world.settings.cameras.items, &config, NULL));
    counter_set(&world.health.policy_cameras_not_configured, 1);
    g_assert_cmpint(ask(&world, "GET", "/policies?camera_id=cam-1", "", NULL, &json), ==, 200);
    g_assert_nonnull(strstr(json_string_value(json_object_get(json, "error")), "settle_of_frames"));
    json_decref(json);
    g_assert_cmpint(ask(&world, "GET", "/policies", "", NULL, &json), ==, 200);
    g_assert_nonnull(strstr(json_string_value(json_object_get(json, "error")), "log tells"));
    json_decref(json);
    g_assert_cmpint(ask(&world, "GET", "/health", "", NULL, &json), ==, 200);
    const json_t *component = json_object_get(json_object_get(json, "components"), "policies");
    g_assert_cmpstr(json_string_value(json_object_get(component, "status")), ==, "degraded");
    g_assert_nonnull(strstr(json_string_value(json_object_get(component, "reason")), "1 cameras cannot be told"));
    json_decref(json);
    struct reply reply = world_get(&world, "/metrics", world.token);
    g_assert_nonnull(strstr(reply.body->str, "policy_cameras_not_configured 1"));
    reply_clear(&reply);
    world_clear(&world);
}

static void test_policies_in_force_are_told_by_type(void)
{
    struct api_world world;
    json_t *json = NULL;
    world_begin(&world);
    g_assert_cmpint(ask(&world, "GET", "/policies", "", NULL, &json), ==, 200);
    const json_t *policies = json_object_get(json, "policies");
    g_assert_cmpuint(json_object_size(policies), ==, POLICY_TYPES);
    g_assert_true(json_is_true(json_object_get(json_object_get(policies, "privacy"), "face_blur_enabled")));
    g_assert_cmpfloat(json_number_value(json_object_get(json_object_get(policies, "antitheft"), "shelf_out_delta")), ==,
                      2);
    json_decref(json);
    struct reply reply = world_get(&world, "/policies", NULL);
    g_assert_cmpint(reply.status, ==, 401);
    reply_clear(&reply);
    world_clear(&world);
}

static bool has_only(const json_t *answer, const char *key)
{
    const json_t *keys = json_object_get(answer, "not_in_force");
    return json_array_size(keys) == 1 && strcmp(json_string_value(json_array_get(keys, 0)), key) == 0;
}

/* Keys that are kept and that nothing reads are named wherever the document is: also those that only hours have. */
static void test_what_is_not_in_force_is_told_everywhere(void)
{
    static const char recording[] = "/api/v1/policies/recording";
    static const char document[] = "{\"overlays\":[{\"name\":\"nights\",\"schedule\":[{\"days\":[],\"from\":\"00:00\","
                                   "\"to\":\"24:00\"}],\"config\":"
                                   "{\"before_seconds\":9}}]}";
    static const struct {
        const char *method, *tail, *body;
    } asked[] = {
        {"POST", "/validate", document}, {"PUT", "", document}, {"PATCH", "", "{}"}, {"GET", "", NULL},
        {"GET", "/effective", NULL},
    };
    struct api_world world;
    json_t *json = NULL;
    world_begin(&world);
    for (size_t i = 0; i < G_N_ELEMENTS(asked); i++) {
        g_autofree char *path = g_strconcat(recording, asked[i].tail, NULL);
        g_test_message("%s %s", asked[i].method, path);
        g_assert_cmpint(ask(&world, asked[i].method, path, "", asked[i].body, &json), ==, 200);
        g_assert_true(has_only(json, "before_seconds"));
        json_decref(json);
    }
    g_assert_cmpint(ask(&world, "GET", "/policies", "", NULL, &json), ==, 200);
    const json_t *keys = json_object_get(json, "not_in_force");
    g_assert_cmpstr(json_string_value(json_array_get(keys, 1)), ==, "recording.before_seconds");
    json_decref(json);
    g_assert_cmpint(ask(&world, "PUT", SAFETY, "", "{\"speed_limit\":2}", NULL), ==, 200);
    g_assert_cmpint(ask(&world, "GET", "/api/v1/policies", "", NULL, &json), ==, 200);
    size_t index;
    json_t *policy;
    json_array_foreach(json_object_get(json, "items"), index, policy)
    {
        bool is_recording = strcmp(json_string_value(json_object_get(policy, "policy_type")), "recording") == 0;
        g_assert_true(is_recording ? has_only(policy, "before_seconds")
                                   : json_array_size(json_object_get(policy, "not_in_force")) == 0);
    }
    g_assert_cmpuint(index, ==, 2);
    json_decref(json);
    world_clear(&world);
}

static void test_h01_each_fault_is_told_with_its_path(void)
{
    struct api_world world;
    json_t *json = NULL;
    world_begin(&world);
    g_assert_cmpint(ask(&world, "PUT", SAFETY, "", "{\"loitering_seconds\":-1,\"speed\":1}", &json), ==, 400);
    g_assert_cmpuint(json_array_size(json_object_get(json, "errors")), ==, 2);
    json_decref(json);
    g_assert_cmpint(ask(&world, "POST", SAFETY "/validate", "", "{\"loitering_seconds\":1}", NULL), ==, 200);
    g_assert_cmpint(ask(&world, "GET", SAFETY, "", NULL, NULL), ==, 404); /* nothing was changed */
    g_assert_cmpint(ask(&world, "PATCH", SAFETY, "", "{\"loitering_secs\":null}", NULL), ==, 400); /* a slip */
    static const char nulls[] = "{\"loitering_seconds\":null,\"overlays\":null}";
    g_assert_cmpint(ask(&world, "PATCH", SAFETY, "", nulls, NULL), ==, 404); /* of nothing nothing is removed */
    g_assert_cmpint(ask(&world, "PUT", SAFETY, "", "{\"loitering_seconds\":1}", NULL), ==, 200);
    g_assert_cmpint(ask(&world, "PATCH", SAFETY, "", nulls, NULL), ==, 200);
    g_assert_cmpint(ask(&world, "DELETE", SAFETY, "", NULL, NULL), ==, 200);
    g_assert_cmpint(ask(&world, "PUT", "/api/v1/policies/nonsense", "", "{}", NULL), ==, 404);
    g_assert_cmpint(ask(&world, "PUT", SAFETY "?camera_id=a&site_id=b", "", "{}", NULL), ==, 400);
    g_assert_cmpint(ask(&world, "PUT", SAFETY "?zone=a", "", "{}", NULL), ==, 400);
    world_clear(&world);
}

/* No bytes are no document, wherever one is wanted. */
static void test_h01_an_empty_body_is_told(void)
{
    static const struct {
        const char *method, *path;
    } ways[] = {{"PUT", SAFETY},
                {"PATCH", SAFETY},
                {"POST", SAFETY "/validate"},
                {"POST", SAFETY "/backtest?from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z"}};
    struct api_world world;
    world_begin(&world);
    for (size_t i = 0; i < G_N_ELEMENTS(ways); i++)
        g_assert_cmpint(ask(&world, ways[i].method, ways[i].path, "", "", NULL), ==, 400);
    world_clear(&world);
}

/* In words, and also before it is stored. */
static void test_h01_whom_there_is_not_is_told(void)
{
    static const char *const names[] = {"camera", "site", "class"};
    struct api_world world;
    world_begin(&world);
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *put = g_strdup_printf(SAFETY "?%s_id=nobody", names[i]);
        g_autofree char *validate = g_strdup_printf(SAFETY "/validate?%s_id=nobody", names[i]);
        g_autofree char *expected = g_strdup_printf("there is no %s 'nobody' in the org 'default'", names[i]);
        json_t *json = NULL;
        g_assert_cmpint(ask(&world, "PUT", put, "", "{}", &json), ==, 400);
        g_autofree char *field = g_strdup_printf("%s_id", names[i]);
        json_t *bad = json_array_get(json_object_get(json, "errors"), 0);
        g_assert_cmpstr(json_string_value(json_object_get(bad, "path")), ==, field);
        g_assert_cmpstr(json_string_value(json_object_get(bad, "message")), ==, expected);
        json_decref(json);
        g_assert_cmpint(ask(&world, "POST", validate, "", "{}", NULL), ==, 400);
    }
    world_clear(&world);
}

static void test_r14_an_org_reads_and_changes_its_own(void)
{
    struct api_world world;
    json_t *json = NULL;
    world_begin(&world);
    const struct policy_change of_other = {.name = {{.org_id = "other"}, POLICY_SAFETY, NULL},
                                           .action = POLICY_PUT,
                                           .body = "{\"loitering_seconds\":99}",
                                           .expected_version = -1,
                                           .by = {.org_id = "other", .actor_id = "u2"}};
    struct policy_changed changed;
    struct record_errors errors;
    record_errors_init(&errors);
    g_assert_true(policy_keeper_change(world.policies, &of_other, &changed, &errors, NULL));
    policy_changed_clear(&changed);
    record_errors_clear(&errors);
    g_assert_cmpint(ask(&world, "GET", "/api/v1/policies", "", NULL, &json), ==, 200);
    g_assert_cmpuint(json_array_size(json_object_get(json, "items")), ==, 0);
    json_decref(json);
    g_assert_cmpint(ask(&world, "GET", SAFETY "/history", "", NULL, &json), ==, 200);
    g_assert_cmpuint(json_array_size(json_object_get(json, "items")), ==, 0);
    json_decref(json);
    g_assert_cmpfloat(effective(&world, SAFETY "/effective?camera_id=cam-other"), ==, 0);
    g_assert_cmpint(ask(&world, "PUT", SAFETY "?scope=global", "", "{}", NULL), ==, 403); /* for the platform alone */
    g_assert_cmpint(ask(&world, "POST", SAFETY "/validate?scope=global", "", "{}", NULL), ==, 403); /* nor tried */
    world_clear(&world);
}

/* Another org's camera, one that is nobody's: what the asker's own org says of cameras it does not know. */
static void test_h06_who_is_not_known_gets_the_orgs(void)
{
    struct api_world world;
    world_begin(&world);
    g_assert_cmpint(ask(&world, "PUT", SAFETY, "", "{\"loitering_seconds\":30}", NULL), ==, 200);
    g_assert_cmpint(ask(&world, "PUT", SAFETY "?camera_id=cam-1", "", "{\"loitering_seconds\":5}", NULL), ==, 200);
    g_assert_cmpfloat(effective(&world, SAFETY "/effective?camera_id=nobody"), ==, 30);
    g_assert_cmpfloat(effective(&world, SAFETY "/effective?camera_id=cam-other"), ==, 30);
    g_assert_cmpfloat(effective(&world, SAFETY "/effective?site_id=nowhere"), ==, 30);
    g_assert_cmpint(ask(&world, "GET", SAFETY "?camera_id=nobody", "", NULL, NULL), ==, 404);
    g_assert_cmpint(ask(&world, "DELETE", SAFETY "?camera_id=nobody", "", NULL, NULL), ==, 404);
    world_clear(&world);
}

static void run_sql(const struct api_world *world, const char *statement)
{
    g_autofree char *path = g_build_filename(world->directory, "vedette.db", NULL);
    sqlite3 *database = NULL;
    g_assert_cmpint(sqlite3_open(path, &database), ==, SQLITE_OK);
    sqlite3_busy_timeout(database, 10000);
    g_assert_cmpint(sqlite3_exec(database, statement, NULL, NULL, NULL), ==, SQLITE_OK);
    sqlite3_close(database);
}

static void rename_table(const struct api_world *world, const char *from, const char *to)
{
    g_autofree char *statement = g_strdup_printf("ALTER TABLE %s RENAME TO %s", from, to);
    run_sql(world, statement);
}

static int ready(struct api_world *world, const char *path)
{
    struct reply reply = world_get(world, path, NULL);
    int status = reply.status;
    reply_clear(&reply);
    return status;
}

static void test_h11_without_policies_it_lives_and_is_not_ready(void)
{
    struct api_world world;
    world_begin(&world);
    g_assert_cmpint(ready(&world, "/health/ready"), ==, 200);
    api_stop(world.api); /* and again, with a store that has no policies to give */
    policy_keeper_free(world.policies);
    rename_table(&world, "service_policies", "put_away");
    const struct policy_keeper_config config = {
        .store = world.store, .settings = &world.settings, .clock = world.clock};
    g_autoptr(GError) error = NULL;
    g_autofree char *password = NULL;
    world.parts.policies = world.policies = policy_keeper_new(&config, &error);
    g_assert_no_error(error);
    world.api = api_start(&world.settings, &world.parts, &password, &error);
    g_assert_no_error(error);
    g_assert_cmpint(ready(&world, "/health/ready"), ==, 503);
    g_assert_cmpint(ready(&world, "/health/live"), ==, 200);
    rename_table(&world, "put_away", "service_policies");
    g_assert_true(policy_keeper_start(world.policies, &error));
    policy_keeper_notify(world.policies);
    int64_t until_us = g_get_monotonic_time() + 60 * G_USEC_PER_SEC;
    while (ready(&world, "/health/ready") != 200)
        g_assert_cmpint(g_get_monotonic_time(), <, until_us);
    world_clear(&world);
}

/* reply_clear. */
static struct reply reply_to_webhook(struct api_world *world, const char *id, const char *body, const char *signed_body)
{
    CLEANUP(webhook_secrets) struct webhook_secrets *signer = webhook_secrets_new(SECRET, NULL);
    int64_t now = world_start_ms / 1000;
    g_autofree char *signature = webhook_sign(signer, id, now, signed_body, strlen(signed_body));
    g_autofree char *headers = g_strdup_printf(
        "webhook-id: %s\r\nwebhook-timestamp: %" G_GINT64_FORMAT "\r\nwebhook-signature: %s\r\n", id, now, signature);
    return world_request(world, "POST", "/webhooks/policies", headers, body);
}

static int send_webhook(struct api_world *world, const char *id, const char *body, const char *signed_body)
{
    struct reply reply = reply_to_webhook(world, id, body, signed_body);
    int status = reply.status;
    reply_clear(&reply);
    return status;
}

static void test_w03_a_signed_webhook_changes_a_policy_once(void)
{
    static const char body[] = "{\"policy_type\":\"safety\",\"org_id\":\"default\",\"camera_id\":\"cam-1\","
                               "\"patch\":{\"loitering_seconds\":8},\"reason\":\"closing time\"}";
    struct api_world world;
    world_begin(&world);
    g_assert_cmpint(send_webhook(&world, "msg_1", body, "{}"), ==, 401);
    g_assert_cmpint(send_webhook(&world, "msg_2", body, body), ==, 200);
    g_assert_cmpint(send_webhook(&world, "msg_2", body, body), ==, 401);
    g_assert_cmpfloat(effective(&world, SAFETY "/effective?camera_id=cam-1"), ==, 8);
    g_assert_cmpint(send_webhook(&world, "msg_6", body, body), ==, 200); /* what is so already; once, too */
    g_assert_cmpint(send_webhook(&world, "msg_6", body, body), ==, 401);
    static const char gone[] = "{\"policy_type\":\"motion\",\"org_id\":\"default\"}"; /* a deletion of none */
    g_assert_cmpint(send_webhook(&world, "msg_5", gone, gone), ==, 404);
    g_assert_cmpint(send_webhook(&world, "msg_3", "[1]", "[1]"), ==, 400);
    g_assert_cmpint(send_webhook(&world, "msg_4", "{\"policy_type\":\"x\"}", "{\"policy_type\":\"x\"}"), ==, 400);
    world_clear(&world);
}

/* One change a webhook: of two, one would be left out and nobody told. */
static void test_a_webhook_that_says_two_changes_is_refused(void)
{
    static const char both[] = "{\"policy_type\":\"safety\",\"org_id\":\"default\",\"camera_id\":\"cam-1\","
                               "\"config\":{\"loitering_seconds\":8},\"patch\":{\"speed_limit\":2}}";
    struct api_world world;
    world_begin(&world);
    g_assert_cmpint(send_webhook(&world, "msg_1", both, both), ==, 400);
    g_assert_cmpint(ask(&world, "GET", SAFETY "?camera_id=cam-1", "", NULL, NULL), ==, 404);
    world_clear(&world);
}

/* The sender of a webhook that met a 503 tries again with the same id, as Standard Webhooks has it. */
static void test_w03_a_webhook_that_the_store_failed_may_come_again(void)
{
    static const char body[] =
        "{\"policy_type\":\"safety\",\"org_id\":\"default\",\"config\":{\"loitering_seconds\":8}}";
    struct api_world world;
    world_begin(&world);
    g_autofree char *path = g_build_filename(world.directory, "vedette.db", NULL);
    sqlite3 *holder = NULL;
    g_assert_cmpint(sqlite3_open(path, &holder), ==, SQLITE_OK);
    sqlite3_busy_timeout(holder, 10000);
    g_assert_cmpint(sqlite3_exec(holder, "BEGIN IMMEDIATE", NULL, NULL, NULL), ==, SQLITE_OK);
    g_assert_cmpint(send_webhook(&world, "msg_1", body, body), ==, 503);
    sqlite3_close(holder);
    g_assert_cmpint(send_webhook(&world, "msg_1", body, body), ==, 200);
    g_assert_cmpfloat(effective(&world, SAFETY "/effective"), ==, 8);
    g_assert_cmpint(send_webhook(&world, "msg_1", body, body), ==, 401); /* and what was done is not done again */
    world_clear(&world);
}

/* Who is told to try again later is told when. */
static void test_w03_too_many_webhooks_are_told_when_to_come_again(void)
{
    static const char body[] =
        "{\"policy_type\":\"safety\",\"org_id\":\"default\",\"config\":{\"loitering_seconds\":8}}";
    struct api_world world;
    world_begin(&world);
    g_autofree char *path = g_build_filename(world.directory, "vedette.db", NULL);
    sqlite3 *db = NULL;
    g_assert_cmpint(sqlite3_open(path, &db), ==, SQLITE_OK);
    sqlite3_busy_timeout(db, 10000);
    g_assert_cmpint(
        sqlite3_exec(db,
                     "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000) "
                     "INSERT INTO taken_webhooks (id, expires_at) SELECT 'other_' || i, 9000000000000 FROM n",
                     NULL, NULL, NULL),
        ==, SQLITE_OK);
    sqlite3_close(db);
    struct reply reply = reply_to_webhook(&world, "msg_1", body, body);
    world_assert_problem(&reply, 429);
    g_autofree char *again = reply_header(&reply, "Retry-After");
    g_assert_cmpstr(again, ==, "60");
    reply_clear(&reply);
    world_clear(&world);
}

static void test_if_match_any_wants_a_policy(void)
{
    struct api_world world;
    world_begin(&world);
    g_assert_cmpint(ask(&world, "PUT", SAFETY, "If-Match: *\r\n", "{\"loitering_seconds\":30}", NULL), ==, 412);
    g_assert_cmpint(ask(&world, "PUT", SAFETY, "", "{\"loitering_seconds\":30}", NULL), ==, 200);
    g_assert_cmpint(ask(&world, "PATCH", SAFETY, "If-Match: *\r\n", "{\"loitering_seconds\":20}", NULL), ==, 200);
    g_assert_cmpfloat(effective(&world, SAFETY "/effective"), ==, 20);
    g_assert_cmpint(ask(&world, "DELETE", SAFETY, "If-Match: *\r\n", NULL, NULL), ==, 200);
    g_assert_cmpint(ask(&world, "DELETE", SAFETY, "If-Match: *\r\n", NULL, NULL), ==, 412);
    world_clear(&world);
}

/* What is wrong with policies, each by its own name; the gauges are the hub's. */
static void test_health_tells_what_is_wrong_with_policies(void)
{
    static const struct {
        size_t gauge;
        int64_t value;
        const char *reason;
    } wrong[] = {
        {offsetof(struct server_health, policies_bad), 2, "2 policies or policy files are refused"},
        {offsetof(struct server_health, policies_stale), 1, "policies cannot be read from the store"},
        {offsetof(struct server_health, policies_unsaved), 1, "policies.snapshot"},
    };
    struct api_world world;
    world_begin(&world);
    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
        int64_t *gauge = (int64_t *)(void *)((char *)&world.health + wrong[i].gauge);
        json_t *json = NULL;
        counter_set(gauge, wrong[i].value);
        g_assert_cmpint(ask(&world, "GET", "/health", "", NULL, &json), ==, 200);
        const json_t *component = json_object_get(json_object_get(json, "components"), "policies");
        const char *reason = json_string_value(json_object_get(component, "reason"));
        g_assert_cmpstr(json_string_value(json_object_get(component, "status")), ==, "degraded");
        for (size_t j = 0; j < G_N_ELEMENTS(wrong); j++)
            g_assert_cmpint(strstr(reason, wrong[j].reason) != NULL, ==, i == j);
        counter_set(gauge, 0);
        json_decref(json);
    }
    world_clear(&world);
}

/* A program may write what no key of this server opens: who is logged in stays so, and is told how to mend it. */
static void test_h01_what_will_not_open_is_told_and_can_be_mended(void)
{
    static const char sealed[] = "UPDATE service_policies SET config = '{\"sealed\":\"v1.k1.AAAA\"}'; UPDATE "
                                 "policy_revisions SET config = '{\"sealed\":\"v1.k1.AAAA\"}'";
    struct api_world world;
    world_begin(&world);
    g_assert_cmpint(ask(&world, "PUT", SAFETY, "", "{\"loitering_seconds\":5}", NULL), ==, 200);
    run_sql(&world, sealed);
    g_assert_cmpint(ask(&world, "GET", SAFETY, "", NULL, NULL), ==, 409);
    g_assert_cmpint(ask(&world, "PATCH", SAFETY, "", "{\"speed_limit\":2}", NULL), ==, 409);
    g_assert_cmpint(ask(&world, "POST", SAFETY "/rollback?to_version=1", "", "", NULL), ==, 409);
    g_assert_cmpint(ask(&world, "POST", SAFETY "/validate", "", "{\"loitering_seconds\":6}", NULL), ==, 200);
    g_assert_cmpint(ask(&world, "PUT", SAFETY, "", "{\"loitering_seconds\":6}", NULL), ==, 200);
    g_assert_cmpfloat(effective(&world, SAFETY "/effective"), ==, 6);
    world_clear(&world);
}

/* Another server watches it: its site's policies count for it all the same. */
static void test_a_camera_of_another_server_has_its_sites_policies(void)
{
    struct api_world world;
    json_t *json = NULL;
    struct camera camera;
    g_autoptr(GError) error = NULL;
    world_begin(&world);
    record_init(&camera_descriptor, &camera);
    camera.id = g_strdup("theirs");
    camera.source = g_strdup("rtsp://10.0.0.9/s");
    store_camera_put(world.store, &camera, &error);
    g_assert_no_error(error);
    g_autofree char *path = g_strdup_printf(SAFETY "?site_id=%s", camera.site_id);
    g_assert_cmpint(ask(&world, "PUT", path, "", "{\"loitering_seconds\":7}", NULL), ==, 200);
    g_assert_cmpfloat(effective(&world, SAFETY "/effective?camera_id=theirs"), ==, 7);
    g_assert_cmpint(ask(&world, "GET", "/policies?camera_id=theirs", "", NULL, &json), ==, 200);
    const json_t *told = json_object_get(json_object_get(json, "policies"), "safety");
    g_assert_cmpfloat(json_number_value(json_object_get(told, "loitering_seconds")), ==, 7);
    json_decref(json);
    record_clear(&camera_descriptor, &camera);
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/policies/what is kept of an answer is sealed", test_what_is_kept_of_an_answer_is_sealed);
    g_test_add_func("/policies/a change is made, read and taken back", test_a_change_is_made_read_and_taken_back);
    g_test_add_func("/policies/h01_a_camera_that_cannot_be_told_is_told_to_people",
                    test_h01_a_camera_that_cannot_be_told_is_told_to_people);
    g_test_add_func("/policies/every_key_of_what_is_in_force_has_an_origin",
                    test_every_key_of_what_is_in_force_has_an_origin);
    g_test_add_func("/policies/policies in force are told by type", test_policies_in_force_are_told_by_type);
    g_test_add_func("/policies/what is not in force is told everywhere", test_what_is_not_in_force_is_told_everywhere);
    g_test_add_func("/policies/h01_each_fault_is_told_with_its_path", test_h01_each_fault_is_told_with_its_path);
    g_test_add_func("/policies/r14_an_org_reads_and_changes_its_own", test_r14_an_org_reads_and_changes_its_own);
    g_test_add_func("/policies/h01_what_will_not_open_is_told_and_can_be_mended",
                    test_h01_what_will_not_open_is_told_and_can_be_mended);
    g_test_add_func("/policies/a_camera_of_another_server_has_its_sites_policies",
                    test_a_camera_of_another_server_has_its_sites_policies);
    g_test_add_func("/policies/h01_an_empty_body_is_told", test_h01_an_empty_body_is_told);
    g_test_add_func("/policies/h01_whom_there_is_not_is_told", test_h01_whom_there_is_not_is_told);
    g_test_add_func("/policies/h06_who_is_not_known_gets_the_orgs", test_h06_who_is_not_known_gets_the_orgs);
    g_test_add_func("/policies/h11_without_policies_it_lives_and_is_not_ready",
                    test_h11_without_policies_it_lives_and_is_not_ready);
    g_test_add_func("/policies/w03_a_webhook_that_the_store_failed_may_come_again",
                    test_w03_a_webhook_that_the_store_failed_may_come_again);
    g_test_add_func("/policies/if_match_any_wants_a_policy", test_if_match_any_wants_a_policy);
    g_test_add_func("/policies/w03_too_many_webhooks_are_told_when_to_come_again",
                    test_w03_too_many_webhooks_are_told_when_to_come_again);
    g_test_add_func("/policies/a_webhook_that_says_two_changes_is_refused",
                    test_a_webhook_that_says_two_changes_is_refused);
    g_test_add_func("/policies/w03_a_signed_webhook_changes_a_policy_once",
                    test_w03_a_signed_webhook_changes_a_policy_once);
    g_test_add_func("/policies/health tells what is wrong with policies",
                    test_health_tells_what_is_wrong_with_policies);
    return g_test_run();
}
