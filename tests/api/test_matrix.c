/* R14: every route of the table, asked by one's own org, by another, by nobody and with a token that is none. What an
 * org has, told by canaries in all that it names, is in no answer to anybody else. A new route is in this by itself. */
#include "api_world.h"

#include "api/route.h"
#include "base/log.h"
#include "jobs/jobs.h"
#include "store/audit.h"
#include "store/places.h"
#include "store/retention.h"
#include "store/rows.h"
#include "user_world.h"

#define CANARY "canary-of-default"

/* What of default is made over HTTP, with the canary in what it is called. */
static const struct {
    const char *list, *body;
} made[] = {
    {"/api/v1/users", "{\"username\":\"" CANARY "\",\"role\":\"viewer\"}"},
    {"/api/v1/tokens", "{\"name\":\"" CANARY "\",\"role\":\"viewer\"}"},
    {"/api/v1/sites", "{\"id\":\"lyon\",\"name\":\"" CANARY "\"}"},
    {"/api/v1/shifts", "{\"name\":\"" CANARY "\",\"start_time\":\"22:00\",\"end_time\":\"06:00\",\"days\":[\"mon\"]}"},
    {"/api/v1/employees", "{\"name\":\"" CANARY "\"}"},
    {"/api/v1/vehicles", "{\"plate\":\"AB123CD\",\"list\":\"allowed\",\"owner\":\"" CANARY "\"}"},
};

struct matrix {
    struct api_world world;
    char *own, *other;
    char *made_ids[G_N_ELEMENTS(made)], *session_id;
    char *hold_id, *incident_id, *violation_id;
    struct scheduler *scheduler;
};

/* The same password, another org. */
static void add_other_admin(struct api_world *world)
{
    g_autoptr(GError) error = NULL;
    struct user *user = store_user_find(world->store, "admin", &error);
    g_assert_no_error(error);
    g_free(user->id);
    g_free(user->org_id);
    user->id = g_strdup("0197a000-0000-7000-8000-000000000002");
    user->org_id = g_strdup("other");
    g_assert_true(world_put_user(world->store, user, &error));
    user_free(user);
}

static void add_canaries(struct matrix *matrix)
{
    struct audit_by by = {"default", "u", "name " CANARY, NULL, "reason " CANARY};
    struct legal_hold hold = {.reason = g_strdup("hold " CANARY)};
    g_autoptr(GError) error = NULL;
    g_assert_true(store_hold_put(matrix->world.store, &hold, &by, &error));
    matrix->hold_id = g_strdup(hold.id);
    record_clear(&legal_hold_descriptor, &hold);
    const struct policy_change change = {.name = {{.org_id = "default", .camera_id = "cam-1"}, POLICY_SAFETY, NULL},
                                         .action = POLICY_PUT,
                                         .body = "{\"loitering_seconds\":7}",
                                         .expected_version = -1,
                                         .by = by};
    struct policy_changed changed;
    struct record_errors errors;
    record_errors_init(&errors);
    g_assert_true(policy_keeper_change(matrix->world.policies, &change, &changed, &errors, &error));
    policy_changed_clear(&changed);
    record_errors_clear(&errors);
}

static void on_stored(void *data, GPtrArray *events, const bool *stored, const GError *error)
{
    (void)events;
    (void)error;
    __atomic_store_n((int *)data, stored ? 1 : -1, __ATOMIC_RELEASE);
}

static char *newest_id(const struct matrix *matrix, const struct store_row_kind *kind)
{
    const struct store_row_filter filter = {.org_id = "default", .limit = 1};
    GPtrArray *rows = store_rows_list(matrix->world.store, kind, &filter, NULL);
    const struct record_field *id = record_find_field(kind->descriptor, "id");
    g_assert_cmpuint(rows->len, ==, 1);
    char *text = g_strdup(*(char **)(void *)((char *)g_ptr_array_index(rows, 0) + id->offset));
    store_rows_free(kind, rows);
    return text;
}

static char *signal_json(void)
{
    struct signal signal;
    GString *json = g_string_new(NULL);
    record_init(&signal_descriptor, &signal);
    signal.id = g_strdup("cam-1"); /* as value_of names it */
    signal.site_id = g_strdup(CANARY);
    signal.camera_id = g_strdup("cam-1");
    signal.service = SERVICE_SAFETY;
    signal.kind = g_strdup("restricted_zone");
    signal.severity = SEVERITY_HIGH;
    signal.started_at.ms = world_start_ms;
    signal.zone_id = g_strdup("hall");
    record_encode_json(&signal_descriptor, &signal, true, json);
    record_clear(&signal_descriptor, &signal);
    return g_string_free(json, FALSE);
}

/* A signal, and what follows from it. */
static void add_signal(struct matrix *matrix)
{
    struct analytics_event *event = g_new0(struct analytics_event, 1);
    *event = (struct analytics_event){
        .id = g_strdup("cam-1"),
        .type = EVENT_SIGNAL,
        .org_id = g_strdup("default"),
        .site_id = g_strdup(CANARY),
        .camera_id = g_strdup("cam-1"),
        .occurred_at = {world_start_ms},
        .payload = {signal_json()},
    };
    int is_done = 0;
    GPtrArray *batch = g_ptr_array_new_with_free_func((GDestroyNotify)analytics_event_free);
    g_ptr_array_add(batch, event);
    g_assert_true(store_events_submit(matrix->world.store, batch, on_stored, &is_done, NULL));
    WORLD_AWAIT(__atomic_load_n(&is_done, __ATOMIC_ACQUIRE));
    g_assert_cmpint(is_done, ==, 1);
    matrix->incident_id = newest_id(matrix, &store_incidents);
    matrix->violation_id = newest_id(matrix, &store_violations);
}

/* What a run did tells of orgs. */
static void add_run(const struct matrix *matrix)
{
    const struct store_run_claim claim = {.job_id = "cleanup_old_data",
                                          .holder = "hub",
                                          .requested_by = CANARY,
                                          .scheduled_ms = world_start_ms + 1,
                                          .lease_ms = 1000,
                                          .cause = TRIGGER_MANUAL};
    struct store_run_hold hold = {claim.job_id, claim.scheduled_ms, 0, claim.lease_ms};
    g_assert_true(store_run_claim(matrix->world.store, &claim, &hold.fence, NULL));
    g_assert_true(store_run_end(matrix->world.store, &hold, RUN_DONE, CANARY, NULL));
}

static void start_scheduler(struct matrix *matrix)
{
    g_autoptr(GError) error = NULL;
    const struct scheduler_options options = {built_in_jobs,           built_in_job_count,    matrix->world.store,
                                              &matrix->world.settings, &matrix->world.health, matrix->world.clock};
    matrix->scheduler = scheduler_new(&options, &error);
    g_assert_no_error(error);
    api_set_scheduler(matrix->world.api, matrix->scheduler);
}

static char *text_of(const json_t *json, const char *name)
{
    g_assert_nonnull(json_string_value(json_object_get(json, name)));
    return g_strdup(json_string_value(json_object_get(json, name)));
}

static char *make(const struct api_world *world, const char *token, const char *list, const char *body)
{
    g_autofree char *headers = g_strdup_printf("Authorization: Bearer %s\r\nContent-Type: application/json\r\n", token);
    struct reply reply = world_request(world, "POST", list, headers, body);
    g_test_message("%s: %s", list, reply.body->str);
    g_assert_cmpint(reply.status, ==, 201);
    json_t *json = reply_json(&reply);
    char *id = text_of(json, "id");
    json_decref(json);
    reply_clear(&reply);
    return id;
}

/* A login of whose browser the canary is told. */
static char *begin_session(const struct matrix *matrix)
{
    static const char body[] = "{\"username\":\"admin\",\"password\":\"" WORLD_PASSWORD "\"}";
    struct reply reply = world_request(&matrix->world, "POST", "/auth/login",
                                       "Content-Type: application/json\r\nUser-Agent: " CANARY "\r\n", body);
    g_assert_cmpint(reply.status, ==, 200);
    reply_clear(&reply);
    reply = world_get(&matrix->world, "/auth/sessions", matrix->own);
    json_t *json = reply_json(&reply), *items = json_object_get(json, "items");
    char *id = NULL;
    for (size_t i = 0; i < json_array_size(items) && !id; i++)
        if (g_strcmp0(json_string_value(json_object_get(json_array_get(items, i), "user_agent")), CANARY) == 0)
            id = text_of(json_array_get(items, i), "id");
    g_assert_nonnull(id);
    json_decref(json);
    reply_clear(&reply);
    return id;
}

static void matrix_init(struct matrix *matrix)
{
    *matrix = (struct matrix){.hold_id = NULL};
    world_prepare(&matrix->world);
    struct camera *camera = matrix->world.settings.cameras.items; /* cam-1, of default */
    g_free(camera->name);
    camera->name = g_strdup("camera " CANARY);
    camera->managed_by = CAMERA_OF_API; /* so that it is not its origin that keeps others from it */
    world_start(&matrix->world);
    world_set_online(&matrix->world);
    add_other_admin(&matrix->world);
    add_canaries(matrix);
    add_signal(matrix);
    add_run(matrix);
    start_scheduler(matrix);
    matrix->own = world_login_as(&matrix->world, "admin", WORLD_PASSWORD);
    matrix->other = world_login_as(&matrix->world, "other/admin", WORLD_PASSWORD);
    for (size_t i = 0; i < G_N_ELEMENTS(made); i++)
        matrix->made_ids[i] = make(&matrix->world, matrix->own, made[i].list, made[i].body);
    matrix->session_id = begin_session(matrix);
}

static void matrix_clear(struct matrix *matrix)
{
    api_set_scheduler(matrix->world.api, NULL);
    scheduler_free(matrix->scheduler);
    g_free(matrix->own);
    g_free(matrix->other);
    for (size_t i = 0; i < G_N_ELEMENTS(made); i++)
        g_free(matrix->made_ids[i]);
    g_free(matrix->session_id);
    g_free(matrix->hold_id);
    g_free(matrix->incident_id);
    g_free(matrix->violation_id);
    world_clear(&matrix->world);
}

/* "/api/v1/users/{id}" is of "/api/v1/users". */
static bool is_of_list(const char *path, const char *list)
{
    return g_str_has_prefix(path, list) && path[strlen(list)] == '/';
}

/* Something of default that the path may name. */
static const char *value_of(const struct matrix *matrix, const struct route *route, const char *name)
{
    if (strcmp(name, "type") == 0)
        return "safety";
    for (size_t i = 0; i < G_N_ELEMENTS(made); i++)
        if (is_of_list(route->path, made[i].list))
            return matrix->made_ids[i];
    if (is_of_list(route->path, "/auth/sessions"))
        return matrix->session_id;
    if (strstr(route->path, "legal-holds"))
        return matrix->hold_id;
    if (strstr(route->path, "/incidents/"))
        return matrix->incident_id;
    if (strstr(route->path, "/violations/"))
        return matrix->violation_id;
    if (strstr(route->path, "/orgs/"))
        return "default";
    if (strcmp(name, "zone_id") == 0 || strcmp(name, "line_id") == 0)
        return strcmp(name, "zone_id") == 0 ? "hall" : "door";
    return strstr(route->path, "/jobs/") ? "cleanup_old_data" : "cam-1";
}

static char *target_of(const struct matrix *matrix, const struct route *route)
{
    GString *target = g_string_new(NULL);
    g_auto(GStrv) segments = g_strsplit(route->path + 1, "/", -1);
    for (size_t i = 0; segments[i]; i++) {
        g_autofree char *name = route_segment_name(segments[i]);
        g_string_append_printf(target, "/%s", name ? value_of(matrix, route, name) : segments[i]);
    }
    const char *gap = "?";
    for (size_t i = 0; route->parameters && i < route->parameters->field_count; i++) {
        const struct record_field *field = &route->parameters->fields[i];
        bool is_camera = strcmp(field->name, "camera_id") == 0, is_version = strcmp(field->name, "to_version") == 0;
        if (!is_camera && !is_version)
            continue;
        g_string_append_printf(target, "%s%s=%s", gap, field->name, is_camera ? "cam-1" : "1");
        gap = "&";
    }
    return g_string_free(target, FALSE);
}

static struct reply ask(const struct matrix *matrix, const struct route *route, const char *token)
{
    g_autofree char *target = target_of(matrix, route);
    g_autofree char *headers = token ? g_strdup_printf("Authorization: Bearer %s\r\n", token) : g_strdup("");
    g_autoptr(GString) body = g_string_new(NULL);
    if (route->request && route->body != BODY_NONE)
        record_append_example(route->request, RECORD_SCHEMA_INPUT, body);
    else if (route->body != BODY_NONE)
        g_string_append(body, "{}");
    struct reply reply = world_request(&matrix->world, route->method, target, headers, body->str);
    g_test_message("%s %s: %d", route->method, target, reply.status);
    return reply;
}

static void assert_tells_nothing(const struct reply *reply)
{
    if (reply->body && (strstr(reply->body->str, CANARY) || strstr(reply->head, CANARY)))
        g_error("a leak: %s", reply->body->str);
}

/* They end a login, or their answer is no matter of orgs. */
static bool is_left_out(const struct route *route)
{
    return strcmp(route->path, "/auth/logout") == 0 || strcmp(route->path, "/auth/login") == 0;
}

static void look_from_outside(const struct matrix *matrix, const struct route *route)
{
    static const char *const tokens[] = {NULL,         "",        "x", "default.AAAA",
                                         "other.AAAA", "default", ".", "default/../other.A"};
    for (size_t i = 0; i < G_N_ELEMENTS(tokens); i++) {
        struct reply reply = ask(matrix, route, tokens[i]);
        assert_tells_nothing(&reply);
        if (route->role > ROLE_ANONYMOUS)
            g_assert_cmpint(reply.status, ==, 401);
        reply_clear(&reply);
    }
}

/* By its id, another org's thing is as if it were not there; else only what one's own org has is told. */
static void look_from_other(const struct matrix *matrix, const struct route *route)
{
    struct reply reply = ask(matrix, route, matrix->other);
    assert_tells_nothing(&reply);
    bool is_job_s = strstr(route->path, "/jobs/") != NULL;
    if (is_job_s && strcmp(route->method, "POST") == 0)
        g_assert_cmpint(reply.status, ==, 403);
    if (strstr(route->path, "{id}") && !is_job_s)
        g_assert_true(reply.status == 404 || reply.status == 403);
    reply_clear(&reply);
}

static void each(const struct matrix *matrix, void (*look)(const struct matrix *matrix, const struct route *route))
{
    for (size_t i = 0; route_groups[i]; i++)
        for (size_t j = 0; j < route_groups[i]->count; j++)
            if (!is_left_out(&route_groups[i]->routes[j]))
                look(matrix, &route_groups[i]->routes[j]);
}

static void test_r14_nobody_and_wrong_tokens(void)
{
    struct matrix matrix;
    matrix_init(&matrix);
    each(&matrix, look_from_outside);
    matrix_clear(&matrix);
}

static void test_r14_another_org(void)
{
    struct matrix matrix;
    matrix_init(&matrix);
    each(&matrix, look_from_other);
    matrix_clear(&matrix);
}

static guint told;

static void look_from_own(const struct matrix *matrix, const struct route *route)
{
    if (strcmp(route->method, "GET") != 0)
        return;
    struct reply reply = ask(matrix, route, matrix->own);
    if (route->role != ROLE_ANONYMOUS) /* logging in is refused for reasons of its own */
        g_assert_cmpint(reply.status, !=, 401);
    bool is_told = strstr(reply.body->str, CANARY) != NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(made); i++)
        if (strcmp(route->path, made[i].list) == 0 || is_of_list(route->path, made[i].list))
            g_assert_true(is_told); /* it is there still, whatever others asked */
    g_assert_true(is_told || strcmp(route->path, "/auth/sessions") != 0);
    told += is_told;
    reply_clear(&reply);
}

/* The canaries sing where they may: else the silence above would say nothing. And what others asked changed nothing. */
static void test_r14_own_org_sees_what_others_do_not(void)
{
    struct matrix matrix;
    matrix_init(&matrix);
    each(&matrix, look_from_other);
    told = 0;
    each(&matrix, look_from_own);
    g_assert_cmpuint(told, >=, 24); /* cameras, holds, the audit, events, signals, incidents, violations, sessions and
                                       all that is made; and one of most */
    struct reply reply = world_get(&matrix.world, "/api/v1/policies/safety?camera_id=cam-1", matrix.own);
    g_assert_nonnull(strstr(reply.body->str, "\"loitering_seconds\":7"));
    reply_clear(&reply);
    reply = world_get(&matrix.world, "/api/v1/legal-holds", matrix.own);
    g_assert_null(strstr(reply.body->str, "released_at"));
    reply_clear(&reply);
    matrix_clear(&matrix);
}

/* ---- a key that is bound to cameras ---- */

static char *of_own_camera, *of_another_camera;

/* Whether who is bound to cameras gets past the question of whose camera it is: their role allows it, and it is no
 * matter of all orgs. */
static bool is_asked_of_cameras(const struct route *route)
{
    return route->role > ROLE_ANONYMOUS && route->role < ROLE_PLATFORM && !(route->features & ROUTE_SERVER);
}

/* Every target names cam-1, or no camera. With the name of the key's own camera beside it, it is not that one's. */
static void look_with_anothers_key(const struct matrix *matrix, const struct route *route)
{
    struct reply reply = ask(matrix, route, of_another_camera);
    assert_tells_nothing(&reply);
    bool is_one = strstr(route->path, "{id}") != NULL; /* else the example is no whole request */
    if (is_asked_of_cameras(route) && (is_one || !(route->features & ROUTE_FILTERED)))
        g_assert_true(reply.status == 403 || reply.status == 400 || reply.status == 404);
    reply_clear(&reply);
    g_autofree char *target = target_of(matrix, route),
                    *both = g_strconcat(target, strchr(target, '?') ? "&" : "?", "camera_id=cam-2", NULL),
                    *headers = g_strdup_printf("Authorization: Bearer %s\r\n", of_another_camera);
    reply = world_request(&matrix->world, route->method, both, headers, "{}");
    assert_tells_nothing(&reply);
    reply_clear(&reply);
}

static guint with_own_key;

static void look_with_own_key(const struct matrix *matrix, const struct route *route)
{
    g_autofree char *target = target_of(matrix, route);
    bool names_camera = strstr(target, "camera_id=cam-1") || g_str_has_prefix(route->path, "/api/v1/cameras/{id}");
    if (strcmp(route->method, "GET") != 0 || !is_asked_of_cameras(route) ||
        (!names_camera && !(route->features & ROUTE_FILTERED)))
        return;
    struct reply reply = ask(matrix, route, of_own_camera);
    g_assert_cmpint(reply.status, !=, 403);
    with_own_key++;
    reply_clear(&reply);
}

static void test_keys_of_cameras_on_every_route(void)
{
    struct matrix matrix;
    matrix_init(&matrix);
    world_put_camera(&matrix.world, "cam-2", "default");
    of_own_camera = world_bound_key(&matrix.world, matrix.own, "admin", "cam-1");
    of_another_camera = world_bound_key(&matrix.world, matrix.own, "admin", "cam-2");
    each(&matrix, look_with_anothers_key);
    with_own_key = 0;
    each(&matrix, look_with_own_key);
    g_assert_cmpuint(with_own_key, >=, 10);
    g_free(of_own_camera);
    g_free(of_another_camera);
    matrix_clear(&matrix);
}

/* Pictures have streams for cameras. */
static void test_keys_of_cameras_and_pictures(void)
{
    static const struct {
        const char *stream;
        bool may;
    } cases[] = {{",\"stream_id\":\"cam-1\"", true}, {",\"stream_id\":\"cam-2\"", false}, {"", false}};
    struct matrix matrix;
    matrix_init(&matrix);
    of_own_camera = world_bound_key(&matrix.world, matrix.own, "admin", "cam-1");
    struct detect_queue *queue =
        detect_queue_new(&matrix.world.settings.detect, &matrix.world.health, matrix.world.clock);
    api_stop(matrix.world.api);
    matrix.world.parts.detect = queue;
    world_serve(&matrix.world);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *headers = g_strdup_printf("Authorization: Bearer %s\r\nContent-Type: application/json\r\n",
                                                   of_own_camera),
                        *body = g_strdup_printf("{\"frame\":\"AAAA\"%s}", cases[i].stream);
        struct reply reply = world_request(&matrix.world, "POST", "/api/detect", headers, body);
        g_assert_cmpint(reply.status, ==, cases[i].may ? 400 : 403); /* it is no picture */
        reply_clear(&reply);
    }
    g_free(of_own_camera);
    matrix_clear(&matrix);
    detect_queue_free(queue);
}

/* ---- what concerns every org ---- */

/* Who is there, and how many cameras of whom: an org is there without any. */
static const struct {
    const char *name, *other; /* NULL: no other org */
    int of_default, of_other;
    bool has_other_users;
} hubs[] = {
    {"one org, with a camera", NULL, 1, 0, false},           {"one org, without cameras", NULL, 0, 0, false},
    {"another org with cameras", "other", 1, 1, true},       {"another org without cameras", "other", 1, 0, true},
    {"cameras of the other org alone", "other", 0, 1, true}, {"no cameras at all", "other", 0, 0, true},
    {"another org that was just made", "acme", 1, 0, false},
};

static void keep_cameras(struct api_world *world, int of_default, int of_other)
{
    record_clear(&settings_descriptor, &world->settings);
    record_init(&settings_descriptor, &world->settings);
    g_free(world->settings.admin_password);
    world->settings.admin_password = g_strdup(WORLD_PASSWORD);
    world->settings.http.port = 0;
    world->settings.store.minimum_free_bytes = 0;
    if (of_default)
        world_add_camera(world, "cam-1", "default");
    if (of_other)
        world_add_camera(world, "cam-other", "other");
}

static void hub_init(struct matrix *matrix, size_t which)
{
    g_autoptr(GError) error = NULL;
    *matrix = (struct matrix){.hold_id = g_strdup("x")};
    world_prepare(&matrix->world);
    keep_cameras(&matrix->world, hubs[which].of_default, hubs[which].of_other);
    world_start(&matrix->world);
    if (hubs[which].has_other_users)
        add_other_admin(&matrix->world);
    if (hubs[which].other && !hubs[which].has_other_users) {
        struct org org = {.id = (char *)(uintptr_t)hubs[which].other, .name = (char *)(uintptr_t) "Acme"};
        const struct audit_by by = {"default", "u", "root", NULL, "a customer"};
        g_assert_true(store_org_create(matrix->world.store, &org, &by, &error));
    }
    add_run(matrix);
    vedette_resilience_breaker(matrix->world.resilience, "upstream:store");
    start_scheduler(matrix);
    matrix->own = world_login_as(&matrix->world, "admin", WORLD_PASSWORD);
    if (hubs[which].has_other_users)
        matrix->other = world_login_as(&matrix->world, "other/admin", WORLD_PASSWORD);
}

static int force_store(const struct matrix *matrix, const char *token)
{
    g_autofree char *headers = g_strdup_printf("Authorization: Bearer %s\r\nContent-Type: application/json\r\n", token);
    struct reply reply = world_request(&matrix->world, "PUT", "/api/v1/breakers/upstream:store", headers,
                                       "{\"state\":\"forced_closed\"}");
    int status = reply.status;
    reply_clear(&reply);
    return status;
}

/* Whether an administrator may do what concerns every org: all of it, or nothing. */
static void expect_rule(const struct matrix *matrix, const char *token, bool may)
{
    guint asked = 0;
    g_assert_cmpint(force_store(matrix, token), ==, may ? 200 : 403);
    for (size_t i = 0; i < 2; i++) {
        struct reply reply =
            world_get(&matrix->world, i ? "/api/v1/jobs/cleanup_old_data/history" : "/api/v1/jobs", token);
        g_assert_cmpint(reply.status, ==, 200);
        g_assert_true(strstr(reply.body->str, CANARY) ? may : !may); /* what runs did tells of orgs */
        reply_clear(&reply);
    }
    for (size_t i = 0; route_groups[i]; i++)
        for (size_t j = 0; j < route_groups[i]->count; j++) {
            const struct route *route = &route_groups[i]->routes[j];
            if (!(route->features & ROUTE_SERVER))
                continue;
            struct reply reply = ask(matrix, route, token);
            g_assert_true(may ? reply.status != 403 : reply.status == 403);
            reply_clear(&reply);
            asked++;
        }
    g_assert_cmpuint(asked, >=, 7); /* errors, log levels read and set, jobs run, paused and resumed, the clock */
}

static void test_r14_what_is_every_orgs_is_nobody_s_alone(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(hubs); i++) {
        struct matrix matrix;
        g_test_message("%s", hubs[i].name);
        hub_init(&matrix, i);
        expect_rule(&matrix, matrix.own, !hubs[i].other);
        if (matrix.other)
            expect_rule(&matrix, matrix.other, false);
        log_set_levels("info", NULL);
        matrix_clear(&matrix);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    if (world_is_missing())
        return 0;
    g_test_add_func("/matrix/r14_nobody_and_wrong_tokens", test_r14_nobody_and_wrong_tokens);
    g_test_add_func("/matrix/r14_another_org", test_r14_another_org);
    g_test_add_func("/matrix/r14_own_org_sees_what_others_do_not", test_r14_own_org_sees_what_others_do_not);
    g_test_add_func("/matrix/keys_of_cameras_on_every_route", test_keys_of_cameras_on_every_route);
    g_test_add_func("/matrix/keys_of_cameras_and_pictures", test_keys_of_cameras_and_pictures);
    g_test_add_func("/matrix/r14_what_is_every_orgs_is_nobody_s_alone", test_r14_what_is_every_orgs_is_nobody_s_alone);
    return g_test_run();
}
