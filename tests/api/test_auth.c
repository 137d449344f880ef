/* Logins over HTTP: cookies and their CSRF token, refreshing, API keys held to routes and cameras, users. */
#include "auth_requests.h"

/* ---- browsers ---- */

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

/* An administrator whom a key made, or whose password it set, would be one still when it is revoked. */
static void test_a_key_makes_no_administrators(void)
{
    struct api_world world;
    world_init(&world);
    g_autofree char *admin = bearer(world_login(&world));
    json_t *made = json_of(&world, "POST", "/api/v1/tokens", admin, "{\"name\":\"sync\",\"role\":\"admin\"}", 201);
    g_autofree char *key = bearer(text_of(made, "token"));
    static const char of_admin[] = "{\"username\":\"mallory\",\"role\":\"admin\",\"password\":\"canary password 9\"}";
    json_t *problem = json_of(&world, "POST", "/api/v1/users", key, of_admin, 403);
    g_assert_cmpstr(text_of(problem, "detail"), ==, "a key cannot make or change administrators: log in as one");
    json_decref(problem);
    json_t *eve = json_of(&world, "POST", "/api/v1/users", key, "{\"username\":\"eve\",\"role\":\"operator\"}", 201);
    g_autofree char *path = g_strdup_printf("/api/v1/users/%s", text_of(eve, "id"));
    json_decref(json_of(&world, "PATCH", path, key, "{\"role\":\"admin\"}", 403));
    json_decref(json_of(&world, "PATCH", path, key, "{\"role\":\"viewer\"}", 200));
    json_decref(json_of(&world, "PATCH", path, admin, "{\"role\":\"admin\"}", 200));
    static const char *const changes[] = {"{\"password\":\"canary password 9\"}", "{\"oidc_subject\":\"mallory\"}"};
    for (size_t i = 0; i < G_N_ELEMENTS(changes); i++)
        json_decref(json_of(&world, "PATCH", path, key, changes[i], 403));
    json_decref(eve);
    json_decref(made);
    world_clear(&world);
}

/* So that a form can say it beside each. */
static void test_each_bad_field_is_named(void)
{
    static const struct {
        const char *method, *path, *body, *bad;
    } refused[] = {
        {"POST", "/api/v1/users", "{}", "username role"},
        {"POST", "/api/v1/users", "{\"username\":\"a/b\",\"role\":\"anonymous\",\"password\":\"short\"}",
         "role username password"},
        {"PATCH", "/api/v1/users/%s", "{\"role\":null}", "role"},
        {"PATCH", "/api/v1/users/%s", "{\"username\":\"robert\",\"password\":\"admin\"}", "password password username"},
        {"POST", "/api/v1/tokens", "{\"name\":\"a\",\"role\":\"anonymous\",\"expires_at\":\"2001-01-01T00:00:00Z\"}",
         "role expires_at"},
        {"POST", "/auth/password", "{\"current_password\":\"short\",\"new_password\":\"short\"}",
         "new_password new_password"},
    };
    struct api_world world;
    world_init(&world);
    g_autofree char *admin = bearer(world_login(&world));
    json_t *me = json_of(&world, "GET", "/auth/me", admin, NULL, 200);
    for (size_t i = 0; i < G_N_ELEMENTS(refused); i++) {
        g_auto(GStrv) parts = g_strsplit(refused[i].path, "%s", 2);
        g_autofree char *path = g_strjoinv(text_of(me, "id"), parts);
        json_t *problem = json_of(&world, refused[i].method, path, admin, refused[i].body, 400), *error;
        g_autoptr(GString) bad = g_string_new(NULL);
        size_t j;
        json_array_foreach(json_object_get(problem, "errors"), j, error)
            g_string_append_printf(bad, "%s%s", j ? " " : "", text_of(error, "path"));
        g_assert_cmpstr(bad->str, ==, refused[i].bad);
        json_decref(problem);
    }
    g_autofree char *path = g_strdup_printf("/api/v1/users/%s", text_of(me, "id"));
    json_decref(json_of(&world, "PATCH", path, admin, "{\"username\":\"admin\"}", 200)); /* as it is */
    json_decref(me);
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

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    CASE(form_login_of_a_program);
    CASE(cookies_need_the_csrf_token);
    CASE(f01_f02_refreshing_by_cookie);
    CASE(users_and_their_first_password);
    CASE(a_key_makes_no_administrators);
    CASE(each_bad_field_is_named);
    CASE(sessions_are_listed_and_ended);
    CASE(keys_are_held_to_routes_and_cameras);
    g_test_add_func("/auth/what_is_kept_of_requests_tells_nothing_of_them",
                    test_what_is_kept_of_requests_tells_nothing_of_them);
    g_test_add_func("/auth/two_patches_at_once", test_two_patches_at_once);
    g_test_add_func("/auth/csv_holds_no_formulas", test_csv_holds_no_formulas);
    g_test_add_func("/auth/no_field_is_told_twice", test_no_field_is_told_twice);
    return g_test_run();
}
