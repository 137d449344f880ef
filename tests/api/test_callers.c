/* Who calls: how often it may, from which pages, and through which proxies. */
#include "auth_requests.h"

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

/* So are refusals that come before a request's route is looked for: its page could not say what is wrong. */
static void test_pages_elsewhere_read_early_refusals(void)
{
    static const struct {
        const char *path, *headers;
        int status;
    } cases[] = {{"/health?a=%zz", "", 400},
                 {"/auth/login", "Content-Length: 2000000\r\nExpect: 100-continue\r\n", 413}};
    struct api_world world;
    world_prepare(&world);
    g_free(world.settings.http.cors_origins);
    world.settings.http.cors_origins = g_strdup("https://wall.example");
    world_start(&world);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *text = g_strdup_printf("POST %s HTTP/1.1\r\nHost: localhost\r\nOrigin: https://wall.example"
                                                "\r\n%s\r\n",
                                                cases[i].path, cases[i].headers);
        struct reply reply = world_raw(&world, text);
        g_autofree char *allowed = reply_header(&reply, "Access-Control-Allow-Origin");
        g_test_message("%s", cases[i].path);
        g_assert_cmpint(reply.status, ==, cases[i].status);
        g_assert_cmpstr(allowed, ==, "https://wall.example");
        reply_clear(&reply);
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

/* What is made says where it is, and the contract where its addresses begin: as who comes through the proxy has it. */
static void test_addresses_are_below_the_proxys_path(void)
{
    struct api_world world;
    world_prepare(&world);
    g_free(world.settings.http.public_path);
    world.settings.http.public_path = g_strdup("/cams");
    world_start(&world);
    g_autofree char *headers = bearer(world_login(&world)),
                    *typed = g_strconcat(headers, "Content-Type: application/json\r\n", NULL);
    struct reply reply = world_request(&world, "POST", "/api/v1/sites", typed, "{\"id\":\"lyon\",\"name\":\"Lyon\"}");
    g_autofree char *place = reply_header(&reply, "Location");
    g_assert_cmpint(reply.status, ==, 201);
    g_assert_cmpstr(place, ==, "/cams/api/v1/sites/lyon");
    reply_clear(&reply);
    json_t *contract = json_of(&world, "GET", "/openapi.json", "", NULL, 200);
    g_assert_cmpstr(text_of(json_array_get(json_object_get(contract, "servers"), 0), "url"), ==, "/cams");
    json_decref(contract);
    world_clear(&world);
}

/* A proxy that compresses makes tags weak; spreadsheets say how much they want CSV. */
static void test_what_proxies_and_spreadsheets_say_is_understood(void)
{
    struct api_world world;
    world_init(&world);
    g_autofree char *headers = bearer(world_login(&world)),
                    *typed = g_strconcat(headers, "Content-Type: application/json\r\n", NULL);
    struct reply reply = world_request(&world, "POST", "/api/v1/sites", typed, "{\"id\":\"lyon\",\"name\":\"Lyon\"}");
    g_autofree char *etag = reply_header(&reply, "ETag"),
                    *known = g_strdup_printf("%sIf-None-Match: W/%s\r\n", headers, etag),
                    *any = g_strconcat(headers, "If-None-Match: *\r\n", NULL),
                    *change = g_strdup_printf("%sIf-Match: W/%s\r\n", typed, etag),
                    *sheet = g_strconcat(headers, "Accept: text/csv;q=0.9, text/html;q=0.5\r\n", NULL),
                    *program = g_strconcat(headers, "Accept: application/json, text/csv;q=0.5\r\n", NULL);
    reply_clear(&reply);
    g_assert_cmpint(status_of(&world, "GET", "/api/v1/sites/lyon", known, NULL), ==, 304);
    g_assert_cmpint(status_of(&world, "GET", "/api/v1/sites/lyon", any, NULL), ==, 304);
    g_assert_cmpint(status_of(&world, "PUT", "/api/v1/sites/lyon", change, "{\"name\":\"Lyon 2\"}"), ==, 200);
    g_assert_cmpint(status_of(&world, "PUT", "/api/v1/sites/lyon", change, "{\"name\":\"Lyon 3\"}"), ==, 412);
    const struct {
        const char *headers, *type;
    } cases[] = {{sheet, "text/csv"}, {program, "application/json"}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        reply = world_request(&world, "GET", "/api/v1/sites", cases[i].headers, NULL);
        g_autofree char *type = reply_header(&reply, "Content-Type");
        g_assert_true(g_str_has_prefix(type, cases[i].type));
        reply_clear(&reply);
    }
    world_clear(&world);
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

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    CASE(requests_are_limited_by_class);
    CASE(pages_elsewhere_must_be_named);
    CASE(pages_elsewhere_read_early_refusals);
    CASE(addresses_are_below_the_proxys_path);
    CASE(what_proxies_and_spreadsheets_say_is_understood);
    CASE(cors_is_closed_by_default);
    CASE(only_trusted_proxies_are_believed);
    CASE(p07_names_are_not_told);
    g_test_add_func("/auth/a_route_may_have_its_own_limit", test_a_route_may_have_its_own_limit);
    g_test_add_func("/auth/limits_of_unknown_routes_are_refused", test_limits_of_unknown_routes_are_refused);
    return g_test_run();
}
