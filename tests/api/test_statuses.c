/* Case A5: every route of the table answers each thing that can be wrong with the status that the contract has for it.
 * What is sent is made from the table, so that a new route is in this by itself; tests/contract holds the answers to
 * the contract. */
#include <sqlite3.h>

#include "api_world.h"

#include "api/route.h"
#include "jobs/jobs.h"
#include "store/kept_answers.h"
#include "store/places.h"
#include "store/rows.h"
#include "user_world.h"

/* What `changes` says of one request, in place of what would be good. */
struct sending {
    const char *token, *headers, *query, *body; /* NULL: as is good */
    bool is_elsewhere;                          /* of what is not there */
    bool is_endless;                            /* its head says that its body is larger than is taken */
};

struct statuses {
    struct api_world world;
    struct scheduler *scheduler;
    char *token, *narrow_token; /* the administrator's; a key's that is for one route alone */
    GHashTable *ids;            /* of what was made, by the path of its list */
    guint asked;
};

/* ---- a world with one of each ---- */

static const char made_in[][2][160] = {
    {"/api/v1/orgs", "{\"id\":\"acme\"}"}, /* another than one's own, without a camera */
    {"/api/v1/sites", "{\"id\":\"lyon\",\"time_zone\":\"Europe/Paris\"}"},
    {"/api/v1/shifts", "{\"name\":\"night\",\"start_time\":\"22:00\",\"end_time\":\"06:00\"}"},
    {"/api/v1/employees", "{\"name\":\"Ada\"}"},
    {"/api/v1/vehicles", "{\"plate\":\"AB123CD\",\"list\":\"allowed\"}"},
    {"/api/v1/users", "{\"username\":\"eve\",\"role\":\"viewer\"}"},
    {"/api/v1/legal-holds", "{\"reason\":\"a case\"}"},
};

static json_t *make(const struct statuses *statuses, const char *path, const char *body)
{
    g_autofree char *headers = g_strdup_printf("Authorization: Bearer %s\r\n", statuses->token);
    struct reply reply = world_request(&statuses->world, "POST", path, headers, body);
    g_assert_cmpint(reply.status, ==, 201);
    json_t *made = reply_json(&reply);
    reply_clear(&reply);
    return made;
}

static void make_one_of_each(struct statuses *statuses)
{
    for (size_t i = 0; i < G_N_ELEMENTS(made_in); i++) {
        json_t *made = make(statuses, made_in[i][0], made_in[i][1]);
        g_hash_table_insert(statuses->ids, (char *)(uintptr_t)made_in[i][0],
                            g_strdup(json_string_value(json_object_get(made, "id"))));
        json_decref(made);
    }
    json_t *key =
        make(statuses, "/api/v1/tokens", "{\"name\":\"narrow\",\"role\":\"viewer\",\"routes\":[\"GET /ws\"]}");
    statuses->narrow_token = g_strdup(json_string_value(json_object_get(key, "token")));
    json_decref(key);
}

static void on_stored(void *data, GPtrArray *events, const bool *stored, const GError *error)
{
    (void)events;
    (void)error;
    __atomic_store_n((int *)data, stored ? 1 : -1, __ATOMIC_RELEASE);
}

static char *newest_id(const struct statuses *statuses, const struct store_row_kind *kind)
{
    const struct store_row_filter filter = {.org_id = "default", .limit = 1};
    GPtrArray *rows = store_rows_list(statuses->world.store, kind, &filter, NULL);
    g_assert_cmpuint(rows->len, ==, 1);
    g_autofree char *cursor = store_row_cursor(kind, g_ptr_array_index(rows, 0));
    store_rows_free(kind, rows);
    return g_strdup(strrchr(cursor, '/') + 1);
}

/* A payload as the hub has it once it was taken over: with every field. */
static char *whole_payload(const char *text)
{
    struct signal signal;
    struct record_errors errors;
    record_errors_init(&errors);
    g_assert_true(record_decode_json(&signal_descriptor, text, strlen(text), &signal, &errors));
    record_errors_clear(&errors);
    GString *json = g_string_new(NULL);
    record_encode_json(&signal_descriptor, &signal, true, json);
    record_clear(&signal_descriptor, &signal);
    return g_string_free(json, FALSE);
}

/* A signal, its incident and its violation. */
static void store_signal(struct statuses *statuses)
{
    static const char payload[] =
        "{\"id\":\"s-1\",\"camera_id\":\"cam-1\",\"service\":\"safety\",\"kind\":\"restricted_zone\",\"severity\":"
        "\"high\",\"started_at\":\"2026-01-01T00:00:00Z\",\"zone_id\":\"hall\"}";
    struct analytics_event *event = g_new(struct analytics_event, 1);
    *event = (struct analytics_event){.id = g_strdup("s-1"),
                                      .type = EVENT_SIGNAL,
                                      .org_id = g_strdup("default"),
                                      .camera_id = g_strdup("cam-1"),
                                      .occurred_at = {world_start_ms},
                                      .payload = {whole_payload(payload)}};
    int is_done = 0;
    GPtrArray *batch = g_ptr_array_new_with_free_func((GDestroyNotify)analytics_event_free);
    g_ptr_array_add(batch, event);
    g_assert_true(store_events_submit(statuses->world.store, batch, on_stored, &is_done, NULL));
    WORLD_AWAIT(__atomic_load_n(&is_done, __ATOMIC_ACQUIRE));
    g_hash_table_insert(statuses->ids, (char *)(uintptr_t) "/api/v1/events", g_strdup("s-1"));
    g_hash_table_insert(statuses->ids, (char *)(uintptr_t) "/api/v1/signals", g_strdup("s-1"));
    g_hash_table_insert(statuses->ids, (char *)(uintptr_t) "/api/v1/incidents", newest_id(statuses, &store_incidents));
    g_hash_table_insert(statuses->ids, (char *)(uintptr_t) "/api/v1/violations",
                        newest_id(statuses, &store_violations));
}

/* The server's own administrator, with the role that may call every route. */
static void promote(struct api_world *world)
{
    g_autoptr(GError) error = NULL;
    struct user *user = store_user_find(world->store, "admin", &error);
    g_assert_no_error(error);
    user->role = ROLE_PLATFORM;
    g_assert_true(world_put_user(world->store, user, &error));
    user_free(user);
}

static void statuses_begin(struct statuses *statuses)
{
    g_autoptr(GError) error = NULL;
    *statuses = (struct statuses){.ids = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free)};
    struct api_world *world = &statuses->world;
    world_prepare(world);
    struct camera *camera = world->settings.cameras.items;
    camera->managed_by = CAMERA_OF_API; /* these have names of their own */
    camera->logins = g_strdup("{}");
    g_free(camera->name);
    camera->name = g_strdup("Back door");
    world_add_camera(world, "cam-file", "default");
    world->settings.auth.api_keys_per_org = 1;
    world_start(world);
    promote(world);
    const struct scheduler_options options = {built_in_jobs,    built_in_job_count, world->store,
                                              &world->settings, &world->health,     world->clock};
    statuses->scheduler = scheduler_new(&options, &error);
    g_assert_no_error(error);
    api_set_scheduler(world->api, statuses->scheduler);
    statuses->token = world_login_as(world, "admin", WORLD_PASSWORD);
    make_one_of_each(statuses);
    store_signal(statuses);
}

static void statuses_end(struct statuses *statuses)
{
    api_set_scheduler(statuses->world.api, NULL);
    scheduler_free(statuses->scheduler);
    g_hash_table_unref(statuses->ids);
    g_free(statuses->token);
    g_free(statuses->narrow_token);
    world_clear(&statuses->world);
}

/* ---- a request that would be good, from the table ---- */

static const char *value_of(const struct statuses *statuses, const struct route *route, const char *name)
{
    g_autofree char *list = g_strndup(route->path, (gsize)(strchr(route->path, '{') - route->path - 1));
    const char *made = g_hash_table_lookup(statuses->ids, list);
    if (made)
        return made;
    if (strcmp(name, "type") == 0)
        return "safety";
    if (strcmp(name, "zone_id") == 0 || strcmp(name, "line_id") == 0)
        return strcmp(name, "zone_id") == 0 ? "hall" : "door";
    if (g_str_has_prefix(route->path, "/api/v1/tracks"))
        return "1";
    return strstr(route->path, "/jobs/") ? "cleanup_old_data" : "cam-1";
}

static void append_path(const struct statuses *statuses, const struct route *route, bool is_elsewhere, GString *target)
{
    g_auto(GStrv) segments = g_strsplit(route->path + 1, "/", -1);
    for (size_t i = 0; segments[i]; i++) {
        g_autofree char *name = route_segment_name(segments[i]);
        const char *value = name && is_elsewhere ? "9007199254740000" : name ? value_of(statuses, route, name) : NULL;
        g_string_append_printf(target, "/%s", value ? value : segments[i]);
    }
}

/* What a route must be told in its query. */
static void append_query(const struct route *route, const char *query, GString *target)
{
    static const char *const values[][2] = {{"camera_id", "cam-1"},
                                            {"site_id", "lyon"},
                                            {"from", "2026-01-01T00:00:00Z"},
                                            {"to", "2026-01-01T00:01:00Z"},
                                            {"to_version", "1"}};
    const char *gap = "?";
    for (size_t i = 0; route->parameters && i < G_N_ELEMENTS(values); i++) {
        const struct record_field *field = record_find_field(route->parameters, values[i][0]);
        if (!field || !(field->flags & RECORD_REQUIRED))
            continue;
        g_string_append_printf(target, "%s%s=%s", gap, values[i][0], values[i][1]);
        gap = "&";
    }
    if (query)
        g_string_append_printf(target, "%s%s", gap, query);
}

/* Bodies that the example of the record is none for: it names what is not there. */
static const char *const bodies[][2] = {
    {"putShift", "{\"name\":\"day\",\"start_time\":\"08:00\",\"end_time\":\"17:00\"}"},
    {"createShift", "{\"name\":\"day\",\"start_time\":\"08:00\",\"end_time\":\"17:00\"}"},
    {"putEmployee", "{\"name\":\"Eve\"}"},
    {"createEmployee", "{\"name\":\"Eve\"}"},
    {"putVehicle", "{\"plate\":\"XY1\",\"list\":\"blocked\"}"},
    {"putZone", "{\"id\":\"hall\",\"polygon\":[[0,0],[1,0],[1,1]]}"},
    {"putLine", "{\"id\":\"door\",\"a\":[0,0],\"b\":[1,1]}"},
    {"setLogLevels", "{\"levels\":\"info\"}"},
    {"patchCamera", "{\"name\":\"Side door\"}"},
};

/* g_free. */
static char *body_of(const struct route *route)
{
    if (route->body == BODY_NONE)
        return g_strdup("");
    for (size_t i = 0; i < G_N_ELEMENTS(bodies); i++)
        if (strcmp(route->name, bodies[i][0]) == 0)
            return g_strdup(bodies[i][1]);
    GString *body = g_string_new(NULL);
    if (route->request)
        record_append_example(route->request, RECORD_SCHEMA_INPUT, body);
    return g_string_free(body->len ? body : g_string_append(body, "{}"), FALSE);
}

/* g_free. */
static char *target_of(const struct statuses *statuses, const struct route *route, const struct sending *sending)
{
    GString *target = g_string_new(NULL);
    append_path(statuses, route, sending->is_elsewhere, target);
    append_query(route, sending->query, target);
    return g_string_free(target, FALSE);
}

static struct reply send_to(struct statuses *statuses, const struct route *route, const struct sending *sending)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_autofree char *good = body_of(route), *target = target_of(statuses, route, sending);
    const char *body = sending->body ? sending->body : good, *token = sending->token ? sending->token : statuses->token;
    g_string_printf(text, "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n", route->method, target,
                    api_port(statuses->world.api));
    if (*token)
        g_string_append_printf(text, "Authorization: Bearer %s\r\n", token);
    if (route->body == BODY_LINES && !(sending->headers && strstr(sending->headers, "Content-Type")))
        g_string_append(text, "Content-Type: application/x-ndjson\r\n");
    g_string_append(text, sending->headers ? sending->headers : "");
    if (sending->is_endless)
        g_string_append(text, "Content-Length: 1099511627776\r\n\r\n");
    else
        g_string_append_printf(text, "Content-Length: %zu\r\n\r\n%s", strlen(body), body);
    return world_raw(&statuses->world, text->str);
}

static void expect(struct statuses *statuses, const struct route *route, const struct sending *sending, int status)
{
    struct reply reply = send_to(statuses, route, sending);
    statuses->asked++;
    if (reply.status == status) {
        world_assert_problem(&reply, status);
    } else { /* all that are wrong are told */
        g_test_message("%s %s: %d, not %d: %s", route->method, route->path, reply.status, status, reply.body->str);
        g_test_fail();
    }
    reply_clear(&reply);
}

static void each_route(struct statuses *statuses, void (*look)(struct statuses *statuses, const struct route *route))
{
    for (size_t i = 0; route_groups[i]; i++)
        for (size_t j = 0; j < route_groups[i]->count; j++)
            look(statuses, &route_groups[i]->routes[j]);
}

static bool may_answer(const struct route *route, enum problem_code code)
{
    return route_problems(route) & 1u << code;
}

/* ---- the statuses ---- */

static void look_unknown_parameter(struct statuses *statuses, const struct route *route)
{
    if (!(route->features & ROUTE_OPEN_QUERY)) /* someone else may add to it */
        expect(statuses, route, &(struct sending){.query = "nonsense=1"}, 400);
}

static void look_nobody(struct statuses *statuses, const struct route *route)
{
    if (route->role > ROLE_ANONYMOUS)
        expect(statuses, route, &(struct sending){.token = ""}, 401);
}

/* A key that is for another route. */
static void look_not_allowed(struct statuses *statuses, const struct route *route)
{
    if (route->role > ROLE_ANONYMOUS && strcmp(route->name, "openWebSocket") != 0)
        expect(statuses, route, &(struct sending){.token = statuses->narrow_token}, 403);
}

static void look_elsewhere(struct statuses *statuses, const struct route *route)
{
    if (strchr(route->path, '{'))
        expect(statuses, route, &(struct sending){.is_elsewhere = true}, 404);
}

static void look_too_large(struct statuses *statuses, const struct route *route)
{
    if (route->body != BODY_NONE)
        expect(statuses, route, &(struct sending){.is_endless = true}, 413);
}

/* A merge patch is what PATCH takes and nothing else. */
static void look_other_type(struct statuses *statuses, const struct route *route)
{
    if (route->body == BODY_NONE)
        return;
    expect(statuses, route, &(struct sending){.headers = "Content-Type: text/plain\r\n"}, 415);
    expect(statuses, route, &(struct sending){.headers = "Content-Encoding: gzip\r\n"}, 415);
    if (strcmp(route->method, "PATCH") != 0)
        expect(statuses, route, &(struct sending){.headers = "Content-Type: application/merge-patch+json\r\n"}, 415);
}

static void look_changed_meanwhile(struct statuses *statuses, const struct route *route)
{
    if (may_answer(route, PROBLEM_PRECONDITION_FAILED))
        expect(statuses, route, &(struct sending){.headers = "If-Match: \"of before\"\r\n"}, 412);
}

/* As api/idempotency.c has it: each part with its end. g_free. */
static char *digest_of(const char *const *parts)
{
    g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);
    for (size_t i = 0; parts[i]; i++)
        g_checksum_update(checksum, (const guchar *)parts[i], (gssize)strlen(parts[i]) + 1);
    return g_strdup(g_checksum_get_string(checksum));
}

static char *digest_of_request(const char *key, const char *target, const char *body)
{
    g_autoptr(GHmac) hmac = g_hmac_new(G_CHECKSUM_SHA256, (const guchar *)key, strlen(key));
    g_hmac_update(hmac, (const guchar *)target, (gssize)strlen(target) + 1);
    g_hmac_update(hmac, (const guchar *)body, (gssize)strlen(body));
    return g_strdup(g_hmac_get_string(hmac));
}

/* Another request, or the same one, is being done under the key. */
static void claim(const struct statuses *statuses, const struct route *route, const char *key, bool is_same)
{
    g_autoptr(GString) path = g_string_new(NULL);
    append_path(statuses, route, false, path);
    struct user *user = store_user_find(statuses->world.store, "admin", NULL);
    g_autofree char *target = target_of(statuses, route, &(struct sending){.token = NULL}), *body = body_of(route);
    g_autofree char *digest = digest_of((const char *const[]){user->id, path->str, key, NULL}),
                    *request = digest_of_request(key, target, is_same ? body : "another");
    const struct store_answer_claim claim = {"default", digest, request, G_MAXINT32, G_MAXINT32, 100000};
    struct kept_answer *kept = NULL;
    g_assert_true(store_answer_claim(statuses->world.store, &claim, &kept, NULL));
    g_assert_null(kept);
    user_free(user);
}

static void look_key(struct statuses *statuses, const struct route *route)
{
    if (!may_answer(route, PROBLEM_KEY_REUSED))
        return;
    claim(statuses, route, "taken", false);
    expect(statuses, route, &(struct sending){.headers = "Idempotency-Key: taken\r\n"}, 422);
    claim(statuses, route, "busy", true);
    expect(statuses, route, &(struct sending){.headers = "Idempotency-Key: busy\r\n"}, 409);
}

/* What there is none of in this world. */
static bool is_there(const struct route *route)
{
    static const char *const absent[] = {"getTrack", "getModel", "getPreview", NULL};
    return !g_strv_contains(absent, route->name);
}

/* An answer that has a tag is not told again to who has it. */
static void look_unchanged(struct statuses *statuses, const struct route *route)
{
    if (!(route->features & ROUTE_CACHED) || !is_there(route))
        return;
    struct reply reply = send_to(statuses, route, &(struct sending){.token = NULL});
    if (reply.status != 200)
        g_error("%s: %d: %s", route->path, reply.status, reply.body->str);
    g_autofree char *etag = reply_header(&reply, "ETag"), *headers = g_strdup_printf("If-None-Match: %s\r\n", etag);
    reply_clear(&reply);
    reply = send_to(statuses, route, &(struct sending){.headers = headers});
    g_assert_cmpint(reply.status, ==, 304);
    g_assert_cmpuint(reply.body->len, ==, 0);
    reply_clear(&reply);
}

/* What is done, and what cannot be done as things stand, in this order; "{}" in a path is what was made of its list. */
static const struct {
    const char *method, *path, *body;
    int status;
} doings[] = {
    {"POST", "/api/v1/cameras/cam-1/zones", "{\"id\":\"yard\",\"polygon\":[[0,0],[1,0],[1,1]]}", 201},
    {"PUT", "/api/v1/cameras/cam-1/zones/yard", "{\"id\":\"yard\",\"polygon\":[[0,0],[1,0],[1,1]]}", 200},
    {"DELETE", "/api/v1/cameras/cam-1/zones/yard", "", 204},
    {"POST", "/api/v1/cameras/cam-1/lines", "{\"id\":\"gate\",\"a\":[0,0],\"b\":[1,1]}", 201},
    {"PUT", "/api/v1/cameras/cam-1/lines/gate", "{\"id\":\"gate\",\"a\":[0,0],\"b\":[1,1]}", 200},
    {"DELETE", "/api/v1/cameras/cam-1/lines/gate", "", 204},
    /* of the settings file */
    {"PUT", "/api/v1/cameras/cam-file/zones/hall", "{\"id\":\"hall\",\"polygon\":[[0,0],[1,0],[1,1]]}", 409},
    {"DELETE", "/api/v1/cameras/cam-file/zones/hall", "", 409},
    {"PUT", "/api/v1/cameras/cam-file/lines/door", "{\"id\":\"door\",\"a\":[0,0],\"b\":[1,1]}", 409},
    /* the last one who may change users */
    {"PATCH", "/api/v1/users/admin", "{\"role\":\"viewer\"}", 409},
    {"DELETE", "/api/v1/users/admin", "", 409},
    {"POST", "/api/v1/employees", "{\"name\":\"Bob\",\"external_id\":\"7\"}", 201},
    {"PUT", "/api/v1/employees/{}", "{\"name\":\"Ada\",\"external_id\":\"7\"}", 409},
    {"POST", "/api/v1/vehicles", "{\"plate\":\"XY1\",\"list\":\"blocked\"}", 201},
    {"PUT", "/api/v1/vehicles/{}", "{\"plate\":\"XY1\",\"list\":\"allowed\"}", 409},
    {"POST", "/api/v1/tokens", "{\"name\":\"more\",\"role\":\"viewer\"}", 409}, /* than auth.api_keys_per_org */
    {"POST", "/api/v1/jobs/cleanup_old_data/pause", "", 204},
    {"POST", "/api/v1/jobs/cleanup_old_data/resume", "", 204},
};

/* g_free. */
static char *path_of_doing(const struct statuses *statuses, const char *path)
{
    const char *hole = strstr(path, "{}"), *admin = strstr(path, "/admin");
    g_autofree char *list = hole ? g_strndup(path, (gsize)(hole - path - 1)) : NULL;
    if (hole)
        return g_strdup_printf("%s/%s", list, (const char *)g_hash_table_lookup(statuses->ids, list));
    struct user *user = admin ? store_user_find(statuses->world.store, "admin", NULL) : NULL;
    char *named = user ? g_strdup_printf("/api/v1/users/%s", user->id) : g_strdup(path);
    user_free(user);
    return named;
}

static void test_a05_of_what_is_done(void)
{
    struct statuses statuses;
    statuses_begin(&statuses);
    g_autofree char *headers = g_strdup_printf("Authorization: Bearer %s\r\n", statuses.token);
    for (size_t i = 0; i < G_N_ELEMENTS(doings); i++) {
        g_autofree char *path = path_of_doing(&statuses, doings[i].path);
        struct reply reply = world_request(&statuses.world, doings[i].method, path, headers, doings[i].body);
        if (reply.status != doings[i].status)
            g_error("%s %s: %d: %s", doings[i].method, path, reply.status, reply.body->str);
        reply_clear(&reply);
    }
    each_route(&statuses, look_unchanged);
    statuses_end(&statuses);
}

static void test_a05_of_what_is_asked_wrongly(void)
{
    struct statuses statuses;
    statuses_begin(&statuses);
    each_route(&statuses, look_unknown_parameter);
    each_route(&statuses, look_nobody);
    each_route(&statuses, look_not_allowed);
    each_route(&statuses, look_elsewhere);
    each_route(&statuses, look_too_large);
    each_route(&statuses, look_other_type);
    each_route(&statuses, look_changed_meanwhile);
    each_route(&statuses, look_key);
    g_test_message("%u requests", statuses.asked);
    g_assert_cmpuint(statuses.asked, >, 400);
    statuses_end(&statuses);
}

/* ---- too much ---- */

static void look_limited(struct statuses *statuses, const struct route *route)
{
    if (!may_answer(route, PROBLEM_RATE_LIMITED) || route->rate == RATE_LOGIN || route->rate == RATE_FREE)
        return; /* of the last, guesses alone are limited: test_api.c */
    struct reply reply = send_to(statuses, route, &(struct sending){.token = "", .query = "nonsense=1"});
    if (reply.status != 429) /* the first of its class */
        g_assert_true(reply.status == 400 || reply.status == 401);
    reply_clear(&reply);
    reply = send_to(statuses, route, &(struct sending){.token = "", .query = "nonsense=1"});
    world_assert_problem(&reply, 429);
    g_autofree char *retry = reply_header(&reply, "Retry-After"), *limit = reply_header(&reply, "RateLimit"),
                    *policy = reply_header(&reply, "RateLimit-Policy");
    g_assert_true(retry && limit && policy);
    reply_clear(&reply);
}

static void test_l08_of_what_is_asked_too_often(void)
{
    struct statuses statuses = {.ids = g_hash_table_new(g_str_hash, g_str_equal), .token = g_strdup("")};
    world_prepare(&statuses.world);
    struct limit_settings *limits = &statuses.world.settings.limits;
    limits->reads_per_minute = limits->writes_per_minute = limits->heavy_per_minute = 1;
    statuses.world.settings.http.login_attempts_per_minute = 1;
    world_start(&statuses.world);
    each_route(&statuses, look_limited);
    g_assert_cmpint(world_try_login(&statuses.world, "wrong"), ==, 401);
    g_assert_cmpint(world_try_login(&statuses.world, "wrong"), ==, 429);
    statuses_end(&statuses);
}

/* ---- a store that is away ---- */

static void rename_table(const struct api_world *world, const char *from, const char *to)
{
    g_autofree char *path = g_build_filename(world->directory, "vedette.db", NULL);
    g_autofree char *statement = g_strdup_printf("ALTER TABLE %s RENAME TO %s", from, to);
    sqlite3 *database = NULL;
    g_assert_cmpint(sqlite3_open(path, &database), ==, SQLITE_OK);
    sqlite3_busy_timeout(database, 10000);
    g_assert_cmpint(sqlite3_exec(database, statement, NULL, NULL, NULL), ==, SQLITE_OK);
    sqlite3_close(database);
}

static void look_away(struct statuses *statuses, const struct route *route)
{
    if (route->role > ROLE_ANONYMOUS)
        expect(statuses, route, &(struct sending){.token = NULL}, 503);
}

/* Nobody can be told apart from anybody: nothing is done, and nobody is told that they are logged out. */
static void test_a05_of_a_store_that_is_away(void)
{
    struct statuses statuses = {.ids = g_hash_table_new(g_str_hash, g_str_equal)};
    world_init(&statuses.world);
    statuses.token = world_login_as(&statuses.world, "admin", WORLD_PASSWORD);
    rename_table(&statuses.world, "sessions", "put_away");
    each_route(&statuses, look_away);
    rename_table(&statuses.world, "put_away", "sessions");
    rename_table(&statuses.world, "users", "put_away");
    g_assert_cmpint(world_try_login(&statuses.world, WORLD_PASSWORD), ==, 503);
    rename_table(&statuses.world, "put_away", "users");
    rename_table(&statuses.world, "refresh_tokens", "put_away");
    struct reply reply = world_request(&statuses.world, "POST", "/auth/refresh", "Content-Type: application/json\r\n",
                                       "{\"refresh_token\":\"vr_default.x\"}");
    world_assert_problem(&reply, 503);
    reply_clear(&reply);
    rename_table(&statuses.world, "put_away", "refresh_tokens");
    statuses_end(&statuses);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/statuses/a05_of_what_is_asked_wrongly", test_a05_of_what_is_asked_wrongly);
    g_test_add_func("/statuses/a05_of_what_is_done", test_a05_of_what_is_done);
    g_test_add_func("/statuses/l08_of_what_is_asked_too_often", test_l08_of_what_is_asked_too_often);
    g_test_add_func("/statuses/a05_of_a_store_that_is_away", test_a05_of_a_store_that_is_away);
    return g_test_run();
}
