/* Limits of wrong logins, and what they cost those who are right, against a real store. */
#include "auth_world.h"

#include <sqlite3.h>

#include "auth/auth_internal.h"

/* By another program. */
static void world_run_sql(const struct auth_world *world, const char *sql)
{
    sqlite3 *db = NULL;
    g_autofree char *path = g_build_filename(world->directory, "vedette.db", NULL);
    g_assert_cmpint(sqlite3_open(path, &db), ==, SQLITE_OK);
    g_assert_cmpint(sqlite3_exec(db, sql, NULL, NULL, NULL), ==, SQLITE_OK);
    sqlite3_close(db);
}

static int wrong_login(struct auth_world *world, const char *username, const char *address)
{
    const struct auth_origin origin = {.address = address};
    struct grant none;
    return world_login_from(world, username, "wrong", CLIENT_API, &origin, &none);
}

static void test_p02_restart_does_not_forget(void)
{
    struct auth_world world;
    world_prepare(&world);
    world.settings.http.login_attempts_per_minute = 3;
    world_start(&world);
    for (int i = 0; i < 3; i++)
        g_assert_cmpint(wrong_login(&world, "admin", "203.0.113.9"), ==, VEDETTE_ERROR_PERMISSION);
    g_assert_cmpint(wrong_login(&world, "admin", "203.0.113.9"), ==, VEDETTE_ERROR_FULL);
    world_restart(&world);
    g_assert_cmpint(wrong_login(&world, "admin", "203.0.113.9"), ==, VEDETTE_ERROR_FULL);
    g_assert_cmpint(wrong_login(&world, "admin", "203.0.113.10"), ==, VEDETTE_ERROR_PERMISSION);
    world_advance(&world, 61);
    world_restart(&world);
    g_assert_cmpint(wrong_login(&world, "admin", "203.0.113.9"), ==, VEDETTE_ERROR_PERMISSION);
    world_clear(&world);
}

/* L7: more addresses than a limit remembers make room for each other, and that is counted. */
static void test_l07_forgotten_addresses_are_counted(void)
{
    struct auth_world world;
    world_prepare(&world);
    world.settings.limits.max_keys = 16;
    world_start(&world);
    g_assert_cmpint(auth_count_forgotten(world.auth), ==, 0);
    for (int i = 0; i < 100; i++) {
        g_autofree char *address = g_strdup_printf("203.0.113.%d", i);
        wrong_login(&world, "nobody", address);
    }
    g_assert_cmpint(auth_count_forgotten(world.auth), >=, 30);
    world_clear(&world);
}

/* Attackers from everywhere exhaust the account's limit and everyone's. Who logged in before is let in all the same:
 * from the address, and with the browser from any. */
static void test_p02_victim_is_not_locked_out(void)
{
    struct auth_world world;
    world_prepare(&world);
    world.settings.http.login_attempts_per_minute = 2;
    world.settings.auth.logins_per_minute = 30;
    world_start(&world);
    struct grant at_home = world_login(&world, CLIENT_BROWSER), grant;
    int full = 0;
    for (int i = 0; i < 40; i++) {
        g_autofree char *address = g_strdup_printf("203.0.113.%d", i);
        full += wrong_login(&world, i % 2 ? "admin" : "nobody", address) == VEDETTE_ERROR_FULL;
    }
    g_assert_cmpint(full, ==, 10); /* the limit of everyone: 30 */
    const struct auth_origin stranger = {.address = "198.51.100.1"};
    g_assert_cmpint(world_login_from(&world, "admin", WORLD_PASSWORD, CLIENT_API, &stranger, &grant), ==,
                    VEDETTE_ERROR_FULL);
    g_assert_cmpint(world_login_from(&world, "admin", WORLD_PASSWORD, CLIENT_API, &world_here, &grant), ==, 0);
    grant_clear(&grant);
    const struct auth_origin travelling = {.address = "198.51.100.2", .device_token = at_home.device_token};
    g_assert_cmpint(world_login_from(&world, "admin", WORLD_PASSWORD, CLIENT_BROWSER, &travelling, &grant), ==, 0);
    g_assert_null(grant.device_token); /* it has one */
    grant_clear(&grant);
    /* The browser's own limit holds: who stole the token guesses no faster than anyone. */
    const struct login_request wrong = {(char *)"admin", (char *)"wrong", CLIENT_BROWSER};
    struct login_limit limit;
    for (int i = 0; i < 3; i++) {
        g_autoptr(GError) error = NULL;
        g_assert_false(auth_login(world.auth, &wrong, &travelling, &grant, &limit, &error));
        g_assert_cmpint(error->code, ==, i < 2 ? VEDETTE_ERROR_PERMISSION : VEDETTE_ERROR_FULL);
        g_assert_cmpstr(limit.policy, ==, "familiar");
    }
    grant_clear(&at_home);
    world_clear(&world);
}

/* That the store cannot write says nothing against who logs in. */
static void test_p02_right_logins_cost_nothing_while_the_store_cannot_write(void)
{
    enum { TRIES = 5 };
    struct auth_world world;
    struct grant grant;
    world_prepare(&world);
    world.settings.http.login_attempts_per_minute = 2;
    world_start(&world);
    world_run_sql(&world, "CREATE TRIGGER away BEFORE INSERT ON sessions BEGIN SELECT RAISE(ABORT, 'away'); END");
    for (int i = 0; i < TRIES; i++) {
        int code = world_login_from(&world, "admin", WORLD_PASSWORD, CLIENT_API, &world_here, &grant);
        g_assert_cmpint(code, !=, 0);
        g_assert_cmpint(code, !=, VEDETTE_ERROR_FULL); /* no limit */
    }
    world_run_sql(&world, "DROP TRIGGER away");
    g_assert_cmpint(world_login_from(&world, "admin", WORLD_PASSWORD, CLIENT_API, &world_here, &grant), ==, 0);
    grant_clear(&grant);
    world_clear(&world);
}

/* ---- who logs in rightly, and all the time ---- */

static const char eve_password[] = "eve's own words";

static void add_eve(struct auth_world *world)
{
    struct user platform = {.id = (char *)"tester", .org_id = (char *)"default", .role = ROLE_PLATFORM};
    const struct login actor = {.user = &platform};
    const struct audit_by by = {"default", "tester", "tester", "192.0.2.1", NULL};
    const struct user_request request = {
        .username = (char *)"eve", .role = ROLE_VIEWER, .password = (char *)(uintptr_t)eve_password};
    struct user_answer answer;
    g_assert_true(auth_user_create(world->auth, &actor, &by, &request, &answer, NULL));
    record_clear(&user_answer_descriptor, &answer);
}

static int login_as(struct auth_world *world, const char *username, const char *password)
{
    struct grant grant;
    int code = world_login_from(world, username, password, CLIENT_API, &world_here, &grant);
    if (code == 0)
        grant_clear(&grant);
    return code;
}

/* However often eve logs in, there is a place that she cannot take. */
static void test_p02_nobody_takes_all_places(void)
{
    struct auth_world world;
    struct password_turn turn;
    world_prepare(&world);
    world.settings.auth.passwords_at_once = 2;
    world_start(&world);
    add_eve(&world);
    world.auth->turns.wait_us = 0;
    g_autofree char *eve = auth_digest("default/eve"), *nobody = auth_digest("default/nobody");
    g_assert_true(password_turn_take(world.auth, &turn, eve, NULL)); /* as of a login of hers under way */
    g_assert_cmpint(login_as(&world, "eve", eve_password), ==, VEDETTE_ERROR_BUSY);
    g_assert_cmpint(login_as(&world, "default/eve", eve_password), ==, VEDETTE_ERROR_BUSY);
    g_assert_cmpint(login_as(&world, "admin", WORLD_PASSWORD), ==, 0);
    password_turn_end(world.auth, &turn);
    g_assert_cmpint(login_as(&world, "eve", eve_password), ==, 0);
    /* Who is no user waits by the same rule: else it would tell that. */
    g_assert_true(password_turn_take(world.auth, &turn, nobody, NULL));
    g_assert_cmpint(login_as(&world, "nobody", eve_password), ==, VEDETTE_ERROR_BUSY);
    g_assert_cmpint(login_as(&world, "default/nobody", eve_password), ==, VEDETTE_ERROR_BUSY);
    password_turn_end(world.auth, &turn);
    world_clear(&world);
}

static gpointer admin_thread(gpointer world)
{
    return GINT_TO_POINTER(login_as(world, "admin", WORLD_PASSWORD));
}

static bool has_waiting(struct auth_world *world, guint length)
{
    struct password_turns *turns = &world->auth->turns;
    pthread_mutex_lock(&turns->lock);
    bool is_so = turns->queue.length == length;
    pthread_mutex_unlock(&turns->lock);
    return is_so;
}

/* Who finds all places taken is let in when one is free. */
static void test_p04_who_finds_no_place_waits_for_one(void)
{
    struct auth_world world;
    struct password_turn turn;
    world_prepare(&world);
    world.settings.auth.passwords_at_once = 1;
    world_start(&world);
    world.auth->turns.wait_us = 60 * (int64_t)G_USEC_PER_SEC;
    g_assert_true(password_turn_take(world.auth, &turn, "eve", NULL));
    GThread *thread = g_thread_new("admin", admin_thread, &world);
    while (!has_waiting(&world, 2))
        g_thread_yield();
    password_turn_end(world.auth, &turn);
    g_assert_cmpint(GPOINTER_TO_INT(g_thread_join(thread)), ==, 0);
    world_clear(&world);
}

/* Right logins of one user are bounded; wrong ones, as of who would lock them out, take nothing from that. */
static void test_p02_right_logins_of_one_user_are_bounded(void)
{
    enum { BOUND = 6 };
    struct auth_world world;
    world_prepare(&world);
    world.settings.auth.logins_per_minute = BOUND;
    world_start(&world);
    add_eve(&world);
    for (int i = 0; i < BOUND / 2; i++)
        wrong_login(&world, "eve", "203.0.113.9");
    for (int i = 0; i < BOUND; i++)
        g_assert_cmpint(login_as(&world, i % 2 ? "eve" : "default/eve", eve_password), ==, 0);
    g_assert_cmpint(login_as(&world, "eve", eve_password), ==, VEDETTE_ERROR_FULL);
    g_assert_cmpint(login_as(&world, "admin", WORLD_PASSWORD), ==, 0);
    world_advance(&world, LOGIN_LIMIT_SECONDS);
    g_assert_cmpint(login_as(&world, "eve", eve_password), ==, 0);
    world_clear(&world);
}

/* An address of IPv6 is one of a whole network that its owner has. */
static void test_p02_networks_count_as_one(void)
{
    struct auth_world world;
    world_prepare(&world);
    world.settings.http.login_attempts_per_minute = 2;
    world_start(&world);
    g_assert_cmpint(wrong_login(&world, "a", "2001:db8::1"), ==, VEDETTE_ERROR_PERMISSION);
    g_assert_cmpint(wrong_login(&world, "b", "2001:db8::ffff:1"), ==, VEDETTE_ERROR_PERMISSION);
    g_assert_cmpint(wrong_login(&world, "c", "2001:db8:0:0:7::1"), ==, VEDETTE_ERROR_FULL);
    g_assert_cmpint(wrong_login(&world, "d", "2001:db8:0:1::1"), ==, VEDETTE_ERROR_PERMISSION);
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/auth/p02_restart_does_not_forget", test_p02_restart_does_not_forget);
    g_test_add_func("/auth/l07_forgotten_addresses_are_counted", test_l07_forgotten_addresses_are_counted);
    g_test_add_func("/auth/p02_victim_is_not_locked_out", test_p02_victim_is_not_locked_out);
    g_test_add_func("/auth/p02_right_logins_cost_nothing_while_the_store_cannot_write",
                    test_p02_right_logins_cost_nothing_while_the_store_cannot_write);
    g_test_add_func("/auth/p02_nobody_takes_all_places", test_p02_nobody_takes_all_places);
    g_test_add_func("/auth/p04_who_finds_no_place_waits_for_one", test_p04_who_finds_no_place_waits_for_one);
    g_test_add_func("/auth/p02_right_logins_of_one_user_are_bounded", test_p02_right_logins_of_one_user_are_bounded);
    g_test_add_func("/auth/p02_networks_count_as_one", test_p02_networks_count_as_one);
    return g_test_run();
}
