/* Logins over HTTP: cookies and their CSRF token, refreshing, API keys held to routes and cameras, users, limits, pages
 * elsewhere and proxies. */
#include "api_world.h"

#include "api/api_internal.h"

#define JSON "Content-Type: application/json\r\n"

static struct reply post(const struct api_world *world, const char *path, const char *headers, const char *body)
{
    g_autofree char *all = g_strconcat(JSON, headers, NULL);
    return world_request(world, "POST", path, all, body);
}

static int status_of(const struct api_world *world, const char *method, const char *path, const char *headers,
                     const char *body)
{
    g_autofree char *all = g_strconcat(body ? JSON : "", headers, NULL);
    struct reply reply = world_request(world, method, path, all, body);
    int status = reply.status;
    reply_clear(&reply);
    return status;
}

/* ---- browsers ---- */

struct browser {
    char *session, *refresh, *device; /* "name=value" */
    char *csrf;
};

static void browser_clear(struct browser *browser)
{
    g_free(browser->session);
    g_free(browser->refresh);
    g_free(browser->device);
    g_free(browser->csrf);
    *browser = (struct browser){0};
}

static char *take_cookie(const struct reply *reply, const char *name)
{
    g_autofree char *start = g_strdup_printf("Set-Cookie: %s=", name);
    const char *line = strstr(reply->head, start);
    if (!line)
        return NULL;
    g_autofree char *whole = g_strndup(line, strcspn(line, "\r"));
    g_assert_nonnull(strstr(whole, "HttpOnly"));
    g_assert_nonnull(strstr(whole, "SameSite=Strict"));
    return g_strndup(line + strlen("Set-Cookie: "), strcspn(line + strlen("Set-Cookie: "), ";"));
}

static struct browser browser_of(struct reply *reply)
{
    json_t *json = reply_json(reply);
    struct browser browser = {take_cookie(reply, "vedette_session"), take_cookie(reply, "vedette_refresh"),
                              take_cookie(reply, "vedette_device"),
                              g_strdup(json_string_value(json_object_get(json, "csrf_token")))};
    g_assert_null(json_object_get(json, "access_token"));
    json_decref(json);
    return browser;
}

static const char browser_login[] =
    "{\"username\":\"admin\",\"password\":\"" WORLD_PASSWORD "\",\"client\":\"browser\"}";

static struct browser open_browser(const struct api_world *world)
{
    struct reply reply = post(world, "/auth/login", "", browser_login);
    g_assert_cmpint(reply.status, ==, 200);
    struct browser browser = browser_of(&reply);
    g_assert_nonnull(browser.session);
    g_assert_nonnull(browser.refresh);
    g_assert_nonnull(browser.device);
    g_assert_nonnull(browser.csrf);
    reply_clear(&reply);
    return browser;
}

static void test_form_login_of_a_program(void)
{
    struct api_world world;
    world_init(&world);
    struct reply reply =
        world_request(&world, "POST", "/auth/login", "Content-Type: application/x-www-form-urlencoded\r\n",
                      "username=admin&password=canary+password%201");
    g_assert_cmpint(reply.status, ==, 200);
    g_autofree char *cookie = reply_header(&reply, "Set-Cookie");
    g_assert_null(cookie); /* a program keeps its token itself */
    json_t *json = reply_json(&reply);
    g_assert_cmpstr(json_string_value(json_object_get(json, "token_type")), ==, "bearer");
    g_assert_cmpint(json_integer_value(json_object_get(json, "expires_in")), ==, 1440 * 60);
    g_assert_nonnull(json_object_get(json, "access_token"));
    json_decref(json);
    reply_clear(&reply);
    world_clear(&world);
}

static void test_cookies_need_the_csrf_token(void)
{
    struct api_world world;
    world_init(&world);
    struct browser browser = open_browser(&world), other = open_browser(&world);
    g_autofree char *cookie = g_strdup_printf("Cookie: a=1; %s\r\n", browser.session);
    g_autofree char *right = g_strdup_printf("%sX-CSRF-Token: %s\r\n", cookie, browser.csrf);
    g_autofree char *others = g_strdup_printf("%sX-CSRF-Token: %s\r\n", cookie, other.csrf);
    g_autofree char *foreign = g_strdup_printf("%sOrigin: http://evil.example\r\n", right);
    g_assert_cmpint(status_of(&world, "GET", "/auth/me", cookie, NULL), ==, 200);
    const char *const refused[] = {cookie, others, foreign};
    for (size_t i = 0; i < G_N_ELEMENTS(refused); i++) {
        g_assert_cmpint(status_of(&world, "POST", "/auth/logout", refused[i], NULL), ==, 403);
        g_assert_cmpint(status_of(&world, "POST", "/api/v1/users", refused[i], "{}"), ==, 403);
    }
    struct reply reply = world_request(&world, "GET", "/auth/me", cookie, NULL);
    json_t *json = reply_json(&reply);
    g_assert_cmpstr(json_string_value(json_object_get(json, "csrf_token")), ==, browser.csrf);
    json_decref(json);
    reply_clear(&reply);
    g_assert_cmpint(status_of(&world, "POST", "/auth/logout", right, NULL), ==, 204);
    g_assert_cmpint(status_of(&world, "GET", "/auth/me", cookie, NULL), ==, 401);
    browser_clear(&browser);
    browser_clear(&other);
    world_clear(&world);
}

static void test_f01_f02_refreshing_by_cookie(void)
{
    struct api_world world;
    world_init(&world);
    struct browser browser = open_browser(&world);
    g_autofree char *session = g_strdup_printf("Cookie: %s\r\n", browser.session);
    clock_fake_advance_us(world.clock, INT64_C(16) * 60 * G_USEC_PER_SEC);
    g_assert_cmpint(status_of(&world, "GET", "/auth/me", session, NULL), ==, 401);
    g_autofree char *refresh = g_strdup_printf("Cookie: %s\r\n", browser.refresh);
    struct reply reply = post(&world, "/auth/refresh", refresh, "{}");
    g_assert_cmpint(reply.status, ==, 200);
    struct browser next = browser_of(&reply);
    reply_clear(&reply);
    g_autofree char *fresh = g_strdup_printf("Cookie: %s\r\n", next.session);
    g_assert_cmpint(status_of(&world, "GET", "/auth/me", fresh, NULL), ==, 200);
    clock_fake_advance_us(world.clock, INT64_C(11) * G_USEC_PER_SEC);
    g_assert_cmpint(status_of(&world, "POST", "/auth/refresh", refresh, "{}"), ==, 401); /* reuse */
    g_assert_cmpint(status_of(&world, "GET", "/auth/me", fresh, NULL), ==, 401);
    g_assert_cmpint(status_of(&world, "POST", "/auth/refresh", "", "{}"), ==, 401);
    browser_clear(&browser);
    browser_clear(&next);
    world_clear(&world);
}

/* ---- users, sessions, keys ---- */

static char *bearer(const char *token)
{
    return g_strdup_printf("Authorization: Bearer %s\r\n", token);
}

static json_t *json_of(const struct api_world *world, const char *method, const char *path, const char *headers,
                       const char *body, int status)
{
    g_autofree char *all = g_strconcat(body ? JSON : "", headers, NULL);
    struct reply reply = world_request(world, method, path, all, body);
    g_test_message("%s %s: %s", method, path, reply.body->str);
    g_assert_cmpint(reply.status, ==, status);
    json_t *json = reply_json(&reply);
    reply_clear(&reply);
    return json;
}

static const char *text_of(const json_t *json, const char *name)
{
    return json_string_value(json_object_get(json, name));
}

static void test_users_and_their_first_password(void)
{
    struct api_world world;
    world_init(&world);
    g_autofree char *admin = bearer(world_login(&world));
    json_t *eve = json_of(&world, "POST", "/api/v1/users", admin, "{\"username\":\"eve\",\"role\":\"operator\"}", 201);
    json_decref(json_of(&world, "POST", "/api/v1/users", admin, "{\"username\":\"eve\",\"role\":\"viewer\"}", 409));
    json_decref(json_of(&world, "POST", "/api/v1/users", admin, "{\"username\":\"e\",\"role\":\"platform\"}", 403));
    g_autofree char *token = world_login_as(&world, "eve", text_of(eve, "password")), *headers = bearer(token);
    json_t *problem = json_of(&world, "GET", "/api/v1/cameras", headers, NULL, 403);
    g_assert_cmpstr(text_of(problem, "code"), ==, "password_change");
    json_decref(problem);
    g_assert_cmpint(status_of(&world, "GET", "/metrics", headers, NULL), ==, 401); /* as to anyone */
    g_assert_cmpint(status_of(&world, "GET", "/auth/me", headers, NULL), ==, 200); /* what leads to another */
    json_t *sessions = json_of(&world, "GET", "/auth/sessions", admin, NULL, 200);
    g_autofree char *session =
        g_strdup_printf("/auth/sessions/%s", text_of(json_array_get(json_object_get(sessions, "items"), 0), "id"));
    json_decref(sessions);
    g_assert_cmpint(status_of(&world, "GET", "/auth/sessions", headers, NULL), ==, 403);
    g_assert_cmpint(status_of(&world, "DELETE", session, headers, NULL), ==, 403);
    g_autofree char *change =
        g_strdup_printf("{\"current_password\":\"%s\",\"new_password\":\"eve's own words\"}", text_of(eve, "password"));
    g_assert_cmpint(status_of(&world, "POST", "/auth/password", headers, change), ==, 204);
    g_assert_cmpint(status_of(&world, "GET", "/api/v1/cameras", headers, NULL), ==, 200);
    g_assert_cmpint(status_of(&world, "GET", "/api/v1/users", headers, NULL), ==, 403);
    g_autofree char *path = g_strdup_printf("/api/v1/users/%s", text_of(eve, "id"));
    json_t *changed = json_of(&world, "PATCH", path, admin, "{\"is_disabled\":true}", 200);
    g_assert_cmpstr(text_of(changed, "role"), ==, "operator"); /* what is not said stays */
    json_decref(changed);
    g_assert_cmpint(status_of(&world, "GET", "/api/v1/cameras", headers, NULL), ==, 401);
    json_decref(json_of(&world, "PATCH", path, admin, "{\"rank\":1}", 400));
    g_assert_cmpint(status_of(&world, "DELETE", path, admin, NULL), ==, 204);
    g_assert_cmpint(status_of(&world, "GET", path, admin, NULL), ==, 404);
    json_decref(eve);
    world_clear(&world);
}

/* A digest that anybody could make of a guess would tell whether the guess is right. */
static void test_what_is_kept_of_requests_tells_nothing_of_them(void)
{
    static const char target[] = "/api/v1/sites", body[] = "{\"id\":\"lyon\"}";
    struct api_world world;
    world_init(&world);
    g_autofree char *admin = bearer(world_login(&world)),
                    *keyed = g_strconcat(admin, "Idempotency-Key: 0b6ae5d8\r\n", NULL);
    json_decref(json_of(&world, "POST", target, keyed, body, 201));
    g_autoptr(GChecksum) plain = g_checksum_new(G_CHECKSUM_SHA256);
    g_checksum_update(plain, (const guchar *)target, sizeof target);
    g_checksum_update(plain, (const guchar *)body, sizeof body - 1);
    g_autoptr(GHmac) hmac = g_hmac_new(G_CHECKSUM_SHA256, (const guchar *)"0b6ae5d8", 8);
    g_hmac_update(hmac, (const guchar *)target, sizeof target);
    g_hmac_update(hmac, (const guchar *)body, sizeof body - 1);
    g_assert_true(directory_store_holds(world.directory, g_hmac_get_string(hmac))); /* the look finds what is there */
    g_assert_false(directory_store_holds(world.directory, g_checksum_get_string(plain)));
    g_assert_false(directory_store_holds(world.directory, "0b6ae5d8"));
    static const char change[] = "{\"current_password\":\"" WORLD_PASSWORD "\",\"new_password\":\"canary password 2\"}";
    g_assert_cmpint(status_of(&world, "POST", "/auth/password", keyed, change), ==, 204);
    g_assert_cmpint(status_of(&world, "POST", "/auth/password", keyed, change), ==, 403); /* not answered again */
    world_clear(&world);
}

/* What people wrote is text in a spreadsheet, whatever it begins with. */
static void test_csv_holds_no_formulas(void)
{
    static const struct {
        const char *name, *cell;
    } cases[] = {
        {"=HYPERLINK(1)", "\"'=HYPERLINK(1)\""}, {"+1", "\"'+1\""},  {"-2", "\"'-2\""},
        {"@SUM(A1)", "\"'@SUM(A1)\""},           {"a=1", "\"a=1\""}, {"so \\\"it\\\" is", "\"so \"\"it\"\" is\""},
    };
    struct api_world world;
    world_init(&world);
    g_autofree char *admin = bearer(world_login(&world));
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *body = g_strdup_printf("{\"id\":\"site-%zu\",\"name\":\"%s\"}", i, cases[i].name);
        json_decref(json_of(&world, "POST", "/api/v1/sites", admin, body, 201));
    }
    struct reply reply = world_get(&world, "/api/v1/sites?format=csv&fields=id,name", world.token);
    g_assert_cmpint(reply.status, ==, 200);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *line = g_strdup_printf("\"site-%zu\",%s\r\n", i, cases[i].cell);
        g_test_message("%s", cases[i].name);
        g_assert_nonnull(strstr(reply.body->str, line));
    }
    reply_clear(&reply);
    world_clear(&world);
}

/* Each field once: an answer is no larger than all of what is listed. */
static void test_no_field_is_told_twice(void)
{
    static const char *const formats[] = {"json", "csv"};
    struct api_world world;
    world_init(&world);
    world_login(&world);
    for (size_t i = 0; i < G_N_ELEMENTS(formats); i++) {
        g_autofree char *target = g_strdup_printf("/api/v1/sites?fields=name,id,name&format=%s", formats[i]);
        struct reply reply = world_get(&world, target, world.token);
        g_assert_cmpint(reply.status, ==, 400);
        g_assert_nonnull(strstr(reply.body->str, "name: is given twice"));
        reply_clear(&reply);
    }
    world_clear(&world);
}

struct patching {
    const struct api_world *world;
    const char *path, *headers;
    int64_t is_over; /* atomic */
};

static gpointer patch_subject(gpointer data)
{
    struct patching *patching = data;
    for (int i = 0; !__atomic_load_n(&patching->is_over, __ATOMIC_ACQUIRE); i++) {
        g_autofree char *body = g_strdup_printf("{\"oidc_subject\":\"eve-%d\"}", i);
        g_assert_cmpint(status_of(patching->world, "PATCH", patching->path, patching->headers, body), ==, 200);
    }
    return NULL;
}

/* One disables a user while another changes something else of them: what was disabled stays so. */
static void test_two_patches_at_once(void)
{
    enum { ROUNDS = 20 };
    struct api_world world;
    world_prepare(&world);
    world.settings.limits.writes_per_minute = world.settings.limits.reads_per_minute = 100000;
    world_start(&world);
    g_autofree char *admin = bearer(world_login(&world));
    json_t *eve = json_of(&world, "POST", "/api/v1/users", admin, "{\"username\":\"eve\",\"role\":\"operator\"}", 201);
    g_autofree char *path = g_strdup_printf("/api/v1/users/%s", text_of(eve, "id"));
    struct patching patching = {&world, path, admin, 0};
    GThread *thread = g_thread_new("patch", patch_subject, &patching);
    for (int i = 0; i < ROUNDS; i++) {
        g_assert_cmpint(status_of(&world, "PATCH", path, admin, "{\"is_disabled\":true}"), ==, 200);
        for (int look = 0; look < 3; look++) {
            json_t *seen = json_of(&world, "GET", path, admin, NULL, 200);
            g_assert_true(json_is_true(json_object_get(seen, "is_disabled")));
            json_decref(seen);
        }
        g_assert_cmpint(status_of(&world, "PATCH", path, admin, "{\"is_disabled\":false}"), ==, 200);
    }
    __atomic_store_n(&patching.is_over, 1, __ATOMIC_RELEASE);
    g_thread_join(thread);
    json_decref(eve);
    world_clear(&world);
}

static void test_sessions_are_listed_and_ended(void)
{
    struct api_world world;
    world_init(&world);
    g_autofree char *admin = bearer(world_login(&world)), *token = world_login_as(&world, "admin", WORLD_PASSWORD),
                    *other = bearer(token);
    json_t *list = json_of(&world, "GET", "/auth/sessions", other, NULL, 200);
    const json_t *items = json_object_get(list, "items"), *item, *own = NULL;
    size_t i;
    json_array_foreach(items, i, item) if (json_is_true(json_object_get(item, "is_current"))) own = item;
    g_assert_cmpuint(json_array_size(items), ==, 2);
    g_autofree char *path = g_strdup_printf("/auth/sessions/%s", text_of(own, "id"));
    g_assert_cmpint(status_of(&world, "DELETE", path, admin, NULL), ==, 204);
    g_assert_cmpint(status_of(&world, "GET", "/auth/me", other, NULL), ==, 401);
    g_assert_cmpint(status_of(&world, "DELETE", path, admin, NULL), ==, 404);
    json_decref(list);
    world_clear(&world);
}

static void test_keys_are_held_to_routes_and_cameras(void)
{
    struct api_world world;
    world_init(&world);
    g_autofree char *admin = bearer(world_login(&world));
    json_decref(json_of(&world, "POST", "/api/v1/tokens", admin,
                        "{\"name\":\"x\",\"role\":\"viewer\",\"routes\":[\"GET /nothing\"]}", 400));
    json_decref(json_of(&world, "POST", "/api/v1/tokens", admin,
                        "{\"name\":\"x\",\"role\":\"viewer\",\"cameras\":[\"cam-other\"]}", 400));
    json_t *routed = json_of(&world, "POST", "/api/v1/tokens", admin,
                             "{\"name\":\"counts\",\"role\":\"admin\",\"routes\":[\"GET /api/v1/events\"]}", 201);
    /* What is told once is kept nowhere, so that sending it again is another key. */
    g_autofree char *keyed = g_strconcat(admin, "Idempotency-Key: one\r\n", NULL);
    static const char again[] = "{\"name\":\"again\",\"role\":\"viewer\"}";
    json_t *first = json_of(&world, "POST", "/api/v1/tokens", keyed, again, 201),
           *second = json_of(&world, "POST", "/api/v1/tokens", keyed, again, 201);
    g_assert_cmpstr(text_of(first, "token"), !=, text_of(second, "token"));
    json_decref(first);
    json_decref(second);
    g_autofree char *by_route = bearer(text_of(routed, "token"));
    g_assert_cmpint(status_of(&world, "GET", "/api/v1/events", by_route, NULL), ==, 200);
    g_assert_cmpint(status_of(&world, "GET", "/api/v1/cameras", by_route, NULL), ==, 403);
    g_assert_cmpint(status_of(&world, "GET", "/api/v1/audit", by_route, NULL), ==, 403);
    /* what is open to others is told to a key that is for it, and no more to one that is not than to anyone */
    json_t *scraping = json_of(&world, "POST", "/api/v1/tokens", admin,
                               "{\"name\":\"scraper\",\"role\":\"viewer\",\"routes\":[\"GET /metrics\"]}", 201);
    g_autofree char *scraper = bearer(text_of(scraping, "token"));
    json_decref(scraping);
    g_assert_cmpint(status_of(&world, "GET", "/metrics", scraper, NULL), ==, 200);
    g_assert_cmpint(status_of(&world, "GET", "/metrics", by_route, NULL), ==, 401);
    json_t *bound = json_of(&world, "POST", "/api/v1/tokens", admin,
                            "{\"name\":\"wall\",\"role\":\"admin\",\"cameras\":[\"cam-1\"]}", 201);
    g_autofree char *by_camera = bearer(text_of(bound, "token"));
    static const struct {
        const char *path;
        int status;
    } cases[] = {
        {"/api/v1/cameras", 200},
        {"/api/v1/cameras/cam-1", 200},
        {"/api/v1/cameras/cam-2", 403},
        {"/api/v1/cameras/cam-other", 403},
        {"/api/v1/events?camera_id=cam-1", 200},
        {"/api/v1/events?camera_id=cam-2", 403},
        {"/api/v1/events", 403},
        {"/api/v1/audit", 403},
        {"/api/v1/users", 403},
        {"/ws", 426}, /* it may: test_websocket.c has what it is told */
        {"/api/v1/incidents", 403},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_test_message("%s", cases[i].path);
        g_assert_cmpint(status_of(&world, "GET", cases[i].path, by_camera, NULL), ==, cases[i].status);
    }
    struct reply health = world_get(&world, "/health", text_of(bound, "token"));
    g_assert_null(strstr(health.body->str, "cam-1")); /* as told to anyone */
    reply_clear(&health);
    g_autofree char *path = g_strdup_printf("/api/v1/tokens/%s", text_of(bound, "id"));
    g_assert_cmpint(status_of(&world, "DELETE", path, admin, NULL), ==, 204);
    g_assert_cmpint(status_of(&world, "GET", "/api/v1/cameras", by_camera, NULL), ==, 401);
    struct reply list = world_get(&world, "/api/v1/tokens", world.token);
    g_assert_nonnull(strstr(list.body->str, "\"name\":\"counts\""));
    g_assert_null(strstr(list.body->str, text_of(routed, "token")));
    g_assert_null(strstr(list.body->str, "sha256"));
    reply_clear(&list);
    json_decref(routed);
    json_decref(bound);
    world_clear(&world);
}

/* ---- limits ---- */

static struct route_limit *add_route_limit(struct limit_settings *limits, const char *route, int32_t per_minute)
{
    const struct record_field *routes = record_find_field(&limit_settings_descriptor, "routes");
    struct route_limit *limit = record_list_append(&limits->routes, routes->descriptor);
    g_free(limit->route);
    limit->route = g_strdup(route);
    limit->per_minute = per_minute;
    return limit;
}

/* One route has a limit of its own beside its class's, and others of the class do not feel it. */
static void test_a_route_may_have_its_own_limit(void)
{
    struct api_world world;
    world_prepare(&world);
    add_route_limit(&world.settings.limits, "GET /api/v1/sites/{id}", 2);
    world_start(&world);
    g_autofree char *headers = bearer(world_login(&world));
    for (int i = 0; i < 2; i++)
        g_assert_cmpint(status_of(&world, "GET", "/api/v1/sites/one", headers, NULL), ==, 404);
    struct reply reply = world_get(&world, "/api/v1/sites/other", world.token);
    g_assert_cmpint(reply.status, ==, 429);
    g_autofree char *policy = reply_header(&reply, "RateLimit-Policy");
    g_assert_cmpstr(policy, ==, "\"route-address\";q=2;w=60");
    reply_clear(&reply);
    g_assert_cmpint(status_of(&world, "GET", "/api/v1/sites", headers, NULL), ==, 200);
    clock_fake_advance_us(world.clock, 31 * G_USEC_PER_SEC);
    g_assert_cmpint(status_of(&world, "GET", "/api/v1/sites/one", headers, NULL), ==, 404);
    world_clear(&world);
}

static void test_limits_of_unknown_routes_are_refused(void)
{
    static const char *const routes[] = {"GET /nowhere", "/health", "GET/health", "get /health", "DELETE /health"};
    for (size_t i = 0; i < G_N_ELEMENTS(routes); i++) {
        struct limit_settings settings;
        g_autoptr(GError) error = NULL;
        record_init(&limit_settings_descriptor, &settings);
        add_route_limit(&settings, routes[i], 5);
        g_assert_null(limits_new(&settings, clock_system(), &error));
        g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID);
        g_assert_nonnull(strstr(error->message, "limits.routes[0]"));
        record_clear(&limit_settings_descriptor, &settings);
    }
}

static void test_requests_are_limited_by_class(void)
{
    struct api_world world;
    world_prepare(&world);
    world.settings.limits.reads_per_minute = 3;
    world_start(&world);
    g_autofree char *headers = bearer(world_login(&world));
    for (int i = 0; i < 3; i++)
        g_assert_cmpint(status_of(&world, "GET", "/auth/me", headers, NULL), ==, 200);
    struct reply reply = world_request(&world, "GET", "/auth/me", headers, NULL);
    g_autofree char *retry = reply_header(&reply, "Retry-After"), *policy = reply_header(&reply, "RateLimit-Policy"),
                    *limit = reply_header(&reply, "RateLimit");
    g_assert_cmpint(reply.status, ==, 429);
    g_assert_cmpstr(retry, ==, "20");
    g_assert_cmpstr(policy, ==, "\"address\";q=3;w=60");
    g_assert_cmpstr(limit, ==, "\"address\";r=0;t=60");
    reply_clear(&reply);
    g_assert_cmpint(status_of(&world, "GET", "/health", headers, NULL), !=, 429); /* of another class */
    g_assert_cmpint(status_of(&world, "POST", "/auth/refresh", "", "{}"), ==, 401);
    g_assert_cmpint(counter_get(&world.health.http_limited), ==, 1);
    clock_fake_advance_us(world.clock, 20000000);
    g_assert_cmpint(status_of(&world, "GET", "/auth/me", headers, NULL), ==, 200);
    world_clear(&world);
}

/* ---- pages elsewhere, and proxies ---- */

static void test_pages_elsewhere_must_be_named(void)
{
    struct api_world world;
    world_prepare(&world);
    g_free(world.settings.http.cors_origins);
    world.settings.http.cors_origins = g_strdup("https://wall.example, https://two.example");
    world_start(&world);
    static const struct {
        const char *origin;
        bool is_allowed;
    } cases[] = {{"https://wall.example", true},
                 {"https://two.example", true},
                 {"http://wall.example", false},
                 {"https://wall.example.evil.example", false},
                 {"https://wall.example:8443", false},
                 {"null", false},
                 {"https://wall.example, https://evil", false}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *headers =
            g_strdup_printf("Origin: %s\r\nAccess-Control-Request-Method: POST\r\n", cases[i].origin);
        struct reply reply = world_request(&world, "OPTIONS", "/auth/login", headers, NULL);
        g_autofree char *allowed = reply_header(&reply, "Access-Control-Allow-Origin"),
                        *methods = reply_header(&reply, "Access-Control-Allow-Methods"),
                        *vary = reply_header(&reply, "Vary"),
                        *taken = reply_header(&reply, "Access-Control-Allow-Headers");
        g_test_message("%s", cases[i].origin);
        g_assert_cmpint(reply.status, ==, 204);
        g_assert_cmpstr(allowed, ==, cases[i].is_allowed ? cases[i].origin : NULL);
        g_assert_true((methods != NULL) == cases[i].is_allowed);
        g_assert_cmpstr(vary, ==, "Origin");
        g_assert_true((taken && strstr(taken, "Last-Event-ID") != NULL) == cases[i].is_allowed);
        reply_clear(&reply);
        g_autofree char *from = g_strdup_printf("Origin: %s\r\n", cases[i].origin);
        int status = status_of(&world, "POST", "/auth/refresh", from, "{}");
        g_assert_cmpint(status, ==, cases[i].is_allowed ? 401 : 403);
    }
    world_clear(&world);
}

static void test_cors_is_closed_by_default(void)
{
    struct api_world world;
    world_init(&world);
    struct reply reply = world_request(&world, "GET", "/health/live", "Origin: https://wall.example\r\n", NULL);
    g_assert_null(strstr(reply.head, "Access-Control"));
    g_assert_nonnull(strstr(reply.head, "Cross-Origin-Resource-Policy: same-origin"));
    reply_clear(&reply);
    world_clear(&world);
}

/* The address that the audit has of a login is the one that asked. */
static char *address_of_login(struct api_world *world, const char *headers)
{
    struct reply reply = post(world, "/auth/login", headers, browser_login);
    g_assert_cmpint(reply.status, ==, 200);
    struct browser browser = browser_of(&reply);
    bool is_secure = strstr(reply.head, "; Secure") != NULL;
    g_autofree char *cookie = g_strdup_printf("Cookie: %s\r\n", browser.session);
    json_t *list = json_of(world, "GET", "/auth/sessions", cookie, NULL, 200);
    char *address = g_strdup_printf("%s%s", text_of(json_array_get(json_object_get(list, "items"), 0), "address"),
                                    is_secure ? " secure" : "");
    json_decref(list);
    browser_clear(&browser);
    reply_clear(&reply);
    return address;
}

static void test_only_trusted_proxies_are_believed(void)
{
    static const struct {
        const char *proxies, *headers, *address;
    } cases[] = {
        {"", "X-Forwarded-For: 203.0.113.1\r\nX-Forwarded-Proto: https\r\n", "127.0.0.1"},
        {"10.0.0.0/8", "X-Forwarded-For: 203.0.113.1\r\n", "127.0.0.1"},
        {"127.0.0.1", "X-Forwarded-For: 203.0.113.1\r\n", "203.0.113.1"},
        {"127.0.0.0/8", "X-Forwarded-For: 203.0.113.1\r\nX-Forwarded-Proto: https\r\n", "203.0.113.1 secure"},
        {"127.0.0.1", "X-Forwarded-For: 198.51.100.9, 203.0.113.1\r\n", "203.0.113.1"}, /* the first is hearsay */
        {"127.0.0.1, 10.0.0.0/8", "X-Forwarded-For: 198.51.100.9, 203.0.113.1, 10.1.2.3\r\n", "203.0.113.1"},
        /* A proxy may add a line of its own below the one that the client wrote. */
        {"127.0.0.1", "X-Forwarded-For: 198.51.100.9\r\nX-Forwarded-For: 203.0.113.1\r\n", "203.0.113.1"},
        {"127.0.0.1", "X-Forwarded-For: nonsense\r\n", "127.0.0.1"},
        {"127.0.0.1", "X-Forwarded-For: 203.0.113.1:51234\r\n", "203.0.113.1"}, /* with the port, as some write it */
        {"127.0.0.1", "X-Forwarded-For: [2001:db8::7]:443\r\n", "2001:db8::7"},
        {"127.0.0.1", "X-Forwarded-For: [2001:db8::7]\r\n", "2001:db8::7"},
        {"127.0.0.1, 10.0.0.0/8", "X-Forwarded-For: 203.0.113.1:1, 10.1.2.3:65535\r\n", "203.0.113.1"},
        {"127.0.0.1", "X-Forwarded-For: 203.0.113.1:x\r\n", "127.0.0.1"},
        {"127.0.0.1", "X-Forwarded-For: 203.0.113.1:\r\n", "127.0.0.1"},
        {"127.0.0.1", "X-Forwarded-For: [203.0.113.1]:1\r\n", "127.0.0.1"},
        {"127.0.0.1", "X-Forwarded-For: [2001:db8::7\r\n", "127.0.0.1"},
        {"127.0.0.1", "X-Forwarded-For: 2001:db8::7\r\n", "2001:db8::7"},
        {"127.0.0.1", "", "127.0.0.1"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct api_world world;
        world_prepare(&world);
        g_free(world.settings.http.trusted_proxies);
        world.settings.http.trusted_proxies = g_strdup(cases[i].proxies);
        world_start(&world);
        g_autofree char *address = address_of_login(&world, cases[i].headers);
        g_test_message("%s %s", cases[i].proxies, cases[i].headers);
        g_assert_cmpstr(address, ==, cases[i].address);
        world_clear(&world);
    }
}

/* P7: nothing answers differently for a name that exists. */
static void test_p07_names_are_not_told(void)
{
    struct api_world world;
    world_init(&world);
    struct reply known = post(&world, "/auth/login", "", "{\"username\":\"admin\",\"password\":\"x\"}"),
                 unknown = post(&world, "/auth/login", "", "{\"username\":\"nobody\",\"password\":\"x\"}");
    g_assert_cmpint(known.status, ==, 401);
    g_assert_cmpstr(known.body->str, ==, unknown.body->str);
    reply_clear(&known);
    reply_clear(&unknown);
    world_clear(&world);
}

#define CASE(name) g_test_add_func("/api_auth/" #name, test_##name)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    CASE(form_login_of_a_program);
    CASE(cookies_need_the_csrf_token);
    CASE(f01_f02_refreshing_by_cookie);
    CASE(users_and_their_first_password);
    CASE(sessions_are_listed_and_ended);
    CASE(keys_are_held_to_routes_and_cameras);
    CASE(requests_are_limited_by_class);
    CASE(pages_elsewhere_must_be_named);
    CASE(cors_is_closed_by_default);
    CASE(only_trusted_proxies_are_believed);
    CASE(p07_names_are_not_told);
    g_test_add_func("/auth/a_route_may_have_its_own_limit", test_a_route_may_have_its_own_limit);
    g_test_add_func("/auth/limits_of_unknown_routes_are_refused", test_limits_of_unknown_routes_are_refused);
    g_test_add_func("/auth/what_is_kept_of_requests_tells_nothing_of_them",
                    test_what_is_kept_of_requests_tells_nothing_of_them);
    g_test_add_func("/auth/two_patches_at_once", test_two_patches_at_once);
    g_test_add_func("/auth/csv_holds_no_formulas", test_csv_holds_no_formulas);
    g_test_add_func("/auth/no_field_is_told_twice", test_no_field_is_told_twice);
    return g_test_run();
}
