/* Logging in over HTTP: who is let in, how often it may be tried, and what it costs (cases P and T). */
#include "api_world.h"

#include "api/api_internal.h"
#include "auth/auth_internal.h"
#include "base/id.h"
#include "user_world.h"

/* Every route with no login, a good one, an expired one, one of a disabled user, and one logged out. */
static void test_routes_and_logins(void)
{
    static const struct {
        const char *path;
        int anonymous, known;
    } cases[] = {
        {"/health", 200, 200},
        {"/health/live", 200, 200},
        {"/docs", 200, 200},
        {"/", 200, 200},
        {"/metrics", 401, 200},
        {"/auth/me", 401, 200},
        {"/api/v1/cameras", 401, 200},
        {"/api/v1/cameras/cam-1", 401, 200},
        {"/api/v1/cameras/cam-other", 401, 404},
        {"/api/v1/cameras/nobody", 401, 404},
        {"/api/v1/cameras/cam-other/preview.jpg", 401, 404},
        {"/api/v1/events", 401, 200},
        {"/ws", 401, 426},
        {"/nothing", 404, 404},
        {"/api/v1", 404, 404},
        {"/api/v1/cameras/cam-1/", 404, 404},
    };
    struct api_world world;
    world_init(&world);
    g_autofree char *good = world_login_as(&world, "admin", WORLD_PASSWORD);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct reply anonymous = world_get(&world, cases[i].path, NULL), known = world_get(&world, cases[i].path, good);
        g_test_message("%s", cases[i].path);
        g_assert_cmpint(anonymous.status, ==, cases[i].anonymous);
        g_assert_cmpint(known.status, ==, cases[i].known);
        if (anonymous.status >= 400)
            world_assert_problem(&anonymous, cases[i].anonymous);
        reply_clear(&anonymous);
        reply_clear(&known);
    }
    clock_fake_advance_us(world.clock, world.settings.auth.token_minutes * INT64_C(60000000));
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct reply expired = world_get(&world, cases[i].path, good);
        g_assert_cmpint(expired.status, ==, cases[i].anonymous);
        reply_clear(&expired);
    }
    world_clear(&world);
}

/* T8: a disabled user and a logout are refused at once. */
static void test_t08_disabled_user_and_logout(void)
{
    struct api_world world;
    world_init(&world);
    g_autofree char *first = world_login_as(&world, "admin", WORLD_PASSWORD);
    g_autofree char *second = world_login_as(&world, "admin", WORLD_PASSWORD);
    g_autofree char *header = g_strdup_printf("Authorization: Bearer %s\r\n", first);
    g_assert_cmpint(world_status(&world, "POST", "/auth/logout", header), ==, 204);
    g_assert_cmpint(world_status(&world, "GET", "/auth/me", header), ==, 401);
    struct reply reply = world_get(&world, "/auth/me", second);
    g_assert_cmpint(reply.status, ==, 200);
    json_t *json = reply_json(&reply);
    g_assert_cmpstr(json_string_value(json_object_get(json, "username")), ==, "admin");
    g_assert_cmpstr(json_string_value(json_object_get(json, "role")), ==, "admin");
    g_assert_null(json_object_get(json, "password_hash"));
    json_decref(json);
    reply_clear(&reply);
    struct user *user = store_user_find(world.store, "admin", NULL);
    user->is_disabled = true;
    g_assert_true(world_put_user(world.store, user, NULL));
    user_free(user);
    reply = world_get(&world, "/auth/me", second);
    world_assert_problem(&reply, 401);
    reply_clear(&reply);
    reply = world_request(&world, "POST", "/auth/login", "Content-Type: application/json\r\n",
                          "{\"username\":\"admin\",\"password\":\"" WORLD_PASSWORD "\"}");
    world_assert_problem(&reply, 401);
    reply_clear(&reply);
    world_clear(&world);
}

static void test_bad_logins(void)
{
    static const struct {
        const char *type, *body;
        int status;
    } cases[] = {
        {"application/json", "{\"username\":\"admin\",\"password\":\"wrong\"}", 401},
        {"application/json", "{\"username\":\"nobody\",\"password\":\"wrong\"}", 401},
        {"application/json", "{\"username\":\"admin\"}", 400},
        {"application/json", "{\"username\":3,\"password\":\"x\"}", 400},
        {"application/json", "not json", 400},
        {"application/json", "", 400},
        {"application/x-www-form-urlencoded", "username=admin", 400},
        {"application/x-www-form-urlencoded", "username=%zz&password=x", 400},
        {"text/plain", "x", 415},
    };
    struct api_world world;
    world_init(&world);
    g_autofree char *wrong = NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *header = g_strdup_printf("Content-Type: %s\r\n", cases[i].type);
        struct reply reply = world_request(&world, "POST", "/auth/login", header, cases[i].body);
        g_test_message("%s", cases[i].body);
        world_assert_problem(&reply, cases[i].status);
        if (i == 0)
            wrong = g_strdup(reply.body->str);
        if (i == 1) /* P1: nothing tells whether the name exists */
            g_assert_cmpstr(reply.body->str, ==, wrong);
        reply_clear(&reply);
    }
    world_clear(&world);
}

static void test_p02_logins_are_limited(void)
{
    struct api_world world;
    world_prepare(&world);
    world.settings.http.login_attempts_per_minute = 3;
    world_start(&world);
    g_assert_cmpint(world_try_login(&world, WORLD_PASSWORD), ==, 200); /* right ones cost nothing */
    for (int i = 0; i < 3; i++)
        g_assert_cmpint(world_try_login(&world, "wrong"), ==, 401);
    for (int i = 0; i < 3; i++) /* from their own limit: told as if nobody had looked */
        g_assert_cmpint(world_try_login(&world, "wrong"), ==, 429);
    g_assert_cmpint(world_try_login(&world, WORLD_PASSWORD), ==, 429);
    clock_fake_advance_us(world.clock, 20000000); /* a third of a minute: one token */
    g_assert_cmpint(world_try_login(&world, WORLD_PASSWORD), ==, 200);
    g_assert_cmpint(counter_get(&world.health.logins_limited), ==, 4);
    g_assert_cmpint(counter_get(&world.health.logins_failed), ==, 6);
    world_clear(&world);
}

/* L8: who is told to wait is told for how long, and who is near the limit how near. */
static void test_l08_headers_tell_the_limit(void)
{
    static const char body[] = "{\"username\":\"admin\",\"password\":\"wrong\"}";
    static const struct {
        int status;
        const char *limit, *retry_after;
    } rows[] = {
        {401, "\"address\";r=1;t=30", NULL}, {401, "\"address\";r=0;t=60", NULL}, {429, "\"address\";r=0;t=60", "30"}};
    struct api_world world;
    world_prepare(&world);
    world.settings.http.login_attempts_per_minute = 2;
    world_start(&world);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        struct reply reply = world_request(&world, "POST", "/auth/login", "Content-Type: application/json\r\n", body);
        g_autofree char *policy = reply_header(&reply, "RateLimit-Policy"), *limit = reply_header(&reply, "RateLimit");
        g_autofree char *retry_after = reply_header(&reply, "Retry-After");
        g_assert_cmpint(reply.status, ==, rows[i].status);
        g_assert_cmpstr(policy, ==, "\"address\";q=2;w=60");
        g_assert_cmpstr(limit, ==, rows[i].limit);
        g_assert_cmpstr(retry_after, ==, rows[i].retry_after);
        reply_clear(&reply);
    }
    world_clear(&world);
}

/* All that a wrong login is told, but when and in which trace. g_free. */
static char *told_to_wrong_login(const struct api_world *world, const char *username)
{
    static const char *const headers[] = {"RateLimit-Policy", "RateLimit", "Retry-After"};
    g_autofree char *body = g_strdup_printf("{\"username\":\"%s\",\"password\":\"wrong\"}", username);
    struct reply reply = world_request(world, "POST", "/auth/login", "Content-Type: application/json\r\n", body);
    GString *told = g_string_new(NULL);
    g_string_append_printf(told, "%d %s", reply.status, reply.body->str);
    for (size_t i = 0; i < G_N_ELEMENTS(headers); i++) {
        g_autofree char *value = reply_header(&reply, headers[i]);
        g_string_append_printf(told, "\n%s: %s", headers[i], value ? value : "");
    }
    reply_clear(&reply);
    return g_string_free(told, FALSE);
}

/* P1: from an address from which a user logged in, too, and once it has used up its limit. */
static void test_p01_no_answer_tells_who_is_a_user(void)
{
    enum { LIMIT = 3, ROUNDS = 2 * LIMIT + 1, LATER_SECONDS = 15, AGAIN_SECONDS = 6 }; /* one more each 20 s */
    static const char *const names[] = {"admin", "nobody"};
    char *told[G_N_ELEMENTS(names)][ROUNDS];
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        struct api_world world;
        world_prepare(&world);
        world.settings.http.login_attempts_per_minute = LIMIT;
        world_start(&world);
        g_assert_cmpint(world_try_login(&world, WORLD_PASSWORD), ==, 200);
        for (int j = 0; j < ROUNDS; j++) { /* the first are another's; by the last the address has one again */
            int seconds = j == LIMIT ? LATER_SECONDS : j == ROUNDS - 1 ? AGAIN_SECONDS : 0;
            clock_fake_advance_us(world.clock, seconds * INT64_C(1000000));
            told[i][j] = told_to_wrong_login(&world, j < LIMIT ? "somebody" : names[i]);
        }
        g_assert_cmpint(world_try_login(&world, WORLD_PASSWORD), ==,
                        i == 0 ? 429 : 200); /* who guessed has used it up */
        world_clear(&world);
    }
    for (int j = 0; j < ROUNDS; j++) {
        g_assert_cmpstr(told[0][j], ==, told[1][j]);
        g_free(told[0][j]);
        g_free(told[1][j]);
    }
}

/* An administrator beside the first, with the same password, while the first is made more than that. */
static void make_second_administrator(const struct api_world *world)
{
    struct user *user = store_user_find(world->store, "admin", NULL);
    user->role = ROLE_PLATFORM;
    g_assert_true(world_put_user(world->store, user, NULL));
    g_free(user->id);
    g_free(user->username);
    user->id = id_new(world->clock);
    user->username = g_strdup("second");
    user->role = ROLE_ADMIN;
    g_assert_true(world_put_user(world->store, user, NULL));
    user_free(user);
}

/* The address of the first row of a list whose member has this value. g_free. */
static char *address_of_row(const struct api_world *world, const char *list, const char *token, const char *member,
                            const char *value)
{
    struct reply reply = world_get(world, list, token);
    json_t *json = reply_json(&reply);
    const json_t *row, *found = NULL;
    size_t i;
    json_array_foreach(json_object_get(json, "items"), i,
                       row) if (g_strcmp0(json_string_value(json_object_get(row, member)), value) == 0) found = row;
    g_assert_nonnull(found);
    char *address = g_strdup_printf("%s/%s", list, json_string_value(json_object_get(found, "id")));
    json_decref(json);
    reply_clear(&reply);
    return address;
}

/* What changes of users are held to holds for their logins and keys: nobody ends those of who is above them. */
static void test_logins_and_keys_of_who_is_above_stay(void)
{
    struct api_world world;
    world_init(&world);
    make_second_administrator(&world);
    g_autofree char *above = world_login_as(&world, "admin", WORLD_PASSWORD),
                    *second = world_login_as(&world, "second", WORLD_PASSWORD),
                    *as_above = g_strdup_printf("Authorization: Bearer %s\r\n", above),
                    *as_second = g_strdup_printf("Authorization: Bearer %s\r\n", second),
                    *key = world_bound_key(&world, above, "platform", "cam-1"),
                    *as_key = g_strdup_printf("Authorization: Bearer %s\r\n", key);
    struct user *user = store_user_find(world.store, "admin", NULL),
                *lower = store_user_find(world.store, "second", NULL);
    g_autofree char *session = address_of_row(&world, "/auth/sessions", second, "user_id", user->id),
                    *lower_session = address_of_row(&world, "/auth/sessions", second, "user_id", lower->id),
                    *token = address_of_row(&world, "/api/v1/tokens", second, "role", "platform");
    g_assert_cmpint(world_status(&world, "DELETE", session, as_second), ==, 403);
    g_assert_cmpint(world_status(&world, "DELETE", token, as_second), ==, 403);
    g_assert_cmpint(world_status(&world, "GET", "/auth/me", as_above), ==, 200);
    g_assert_cmpint(world_status(&world, "GET", "/api/v1/cameras", as_key), ==, 200);
    g_assert_cmpint(world_status(&world, "DELETE", lower_session, as_above), ==, 204);
    g_assert_cmpint(world_status(&world, "DELETE", token, as_above), ==, 204);
    g_assert_cmpint(world_status(&world, "DELETE", session, as_above), ==, 204); /* one's own */
    user_free(user);
    user_free(lower);
    world_clear(&world);
}

static int compare_times(const void *a, const void *b)
{
    gint64 x = *(const gint64 *)a, y = *(const gint64 *)b;
    return (x > y) - (x < y);
}

static gint64 wrong_login_us(const struct api_world *world, const char *username)
{
    g_autofree char *body = g_strdup_printf("{\"username\":\"%s\",\"password\":\"wrong\"}", username);
    gint64 begun = g_get_monotonic_time();
    struct reply reply = world_request(world, "POST", "/auth/login", "Content-Type: application/json\r\n", body);
    g_assert_cmpint(reply.status, ==, 401);
    reply_clear(&reply);
    return g_get_monotonic_time() - begun;
}

/* P1: a name that does not exist costs what a wrong password costs. Taken in turn, so that load meets both alike. */
static void test_p01_unknown_user_costs_the_same(void)
{
    enum { ROUNDS = 31 };
    gint64 wrong_us[ROUNDS], unknown_us[ROUNDS];
    struct api_world world;
    world_prepare(&world);
    world.settings.http.login_attempts_per_minute = 10000;
    world_start(&world);
    for (int i = 0; i < ROUNDS; i++) {
        wrong_us[i] = wrong_login_us(&world, "admin");
        unknown_us[i] = wrong_login_us(&world, "nobody");
    }
    qsort(wrong_us, ROUNDS, sizeof wrong_us[0], compare_times);
    qsort(unknown_us, ROUNDS, sizeof unknown_us[0], compare_times);
    gint64 wrong = wrong_us[ROUNDS / 2], unknown = unknown_us[ROUNDS / 2];
    g_test_message("wrong password %" G_GINT64_FORMAT " us, unknown name %" G_GINT64_FORMAT " us", wrong, unknown);
    g_assert_cmpint(unknown, >, wrong / 2);
    g_assert_cmpint(unknown, <, wrong * 2);
    world_clear(&world);
}

static pthread_barrier_t logins_begin;

static gpointer login_thread(gpointer data)
{
    pthread_barrier_wait(&logins_begin);
    return GINT_TO_POINTER(world_try_login(data, WORLD_PASSWORD));
}

/* P4: at most so many hashes run at once, however many threads serve; the others wait or are told to come back, none is
 * refused as wrong. */
static void test_p04_parallel_logins_are_bounded(void)
{
    struct api_world world;
    GThread *threads[8];
    int good = 0, busy = 0, asked = 0;
    world_prepare(&world);
    world.settings.http.threads = G_N_ELEMENTS(threads);
    world.settings.auth.passwords_at_once = 1;
    world.settings.auth.password_memory_bytes = 8 << 20; /* long enough that they meet */
    world_start(&world);
    pthread_barrier_init(&logins_begin, NULL, G_N_ELEMENTS(threads));
    for (; asked < 20 * (int)G_N_ELEMENTS(threads) && !busy; asked += (int)G_N_ELEMENTS(threads)) {
        for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
            threads[i] = g_thread_new("login", login_thread, &world);
        for (size_t i = 0; i < G_N_ELEMENTS(threads); i++) {
            int status = GPOINTER_TO_INT(g_thread_join(threads[i]));
            good += status == 200;
            busy += status == 429;
        }
    }
    g_assert_cmpint(good + busy, ==, asked);
    g_assert_cmpint(good, >=, 1);
    g_assert_cmpint(busy, >=, 1);
    pthread_barrier_destroy(&logins_begin);
    world_clear(&world);
}

/* As many as may be are hashed, and go on: whoever sets or says a password is told to come back when these are done. */
static void test_p04_who_finds_passwords_under_way_comes_back_soon(void)
{
    static const struct {
        const char *path, *body;
    } cases[] = {
        {"/auth/login", "{\"username\":\"admin\",\"password\":\"" WORLD_PASSWORD "\"}"},
        {"/auth/password", "{\"current_password\":\"" WORLD_PASSWORD "\",\"new_password\":\"canary password 2\"}"},
        {"/api/v1/users", "{\"username\":\"eve\",\"password\":\"canary password 2\",\"role\":\"viewer\"}"},
    };
    struct api_world world;
    world_init(&world);
    g_autofree char *headers =
        g_strdup_printf("Authorization: Bearer %s\r\nContent-Type: application/json\r\n", world_login(&world));
    struct auth *auth = world.api->auth;
    struct password_turn turns[2];
    g_assert_cmpint(world.settings.auth.passwords_at_once, ==, G_N_ELEMENTS(turns));
    g_assert_true(password_turn_take(auth, &turns[0], "eve", NULL));
    g_assert_true(password_turn_take(auth, &turns[1], "adam", NULL));
    auth->turns.wait_us = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct reply reply = world_request(&world, "POST", cases[i].path, headers, cases[i].body);
        g_autofree char *retry = reply_header(&reply, "Retry-After");
        g_test_message("%s", cases[i].path);
        world_assert_problem(&reply, 429);
        g_assert_cmpstr(retry, ==, "1");
        reply_clear(&reply);
    }
    password_turn_end(auth, &turns[0]);
    password_turn_end(auth, &turns[1]);
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/api/routes_and_logins", test_routes_and_logins);
    g_test_add_func("/api/t08_disabled_user_and_logout", test_t08_disabled_user_and_logout);
    g_test_add_func("/api/logins_and_keys_of_who_is_above_stay", test_logins_and_keys_of_who_is_above_stay);
    g_test_add_func("/api/bad_logins", test_bad_logins);
    g_test_add_func("/api/p01_no_answer_tells_who_is_a_user", test_p01_no_answer_tells_who_is_a_user);
    g_test_add_func("/api/p01_unknown_user_costs_the_same", test_p01_unknown_user_costs_the_same);
    g_test_add_func("/api/p02_logins_are_limited", test_p02_logins_are_limited);
    g_test_add_func("/api/l08_headers_tell_the_limit", test_l08_headers_tell_the_limit);
    g_test_add_func("/api/p04_parallel_logins_are_bounded", test_p04_parallel_logins_are_bounded);
    g_test_add_func("/api/p04_who_finds_passwords_under_way_comes_back_soon",
                    test_p04_who_finds_passwords_under_way_comes_back_soon);
    return g_test_run();
}
