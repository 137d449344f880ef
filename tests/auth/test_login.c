/* Logins, sessions, refresh families, API keys and users against a real store. */
#include "auth_world.h"

#include "auth/jwt.h"
#include "store/audit.h"

/* ---- access tokens ---- */

static void test_t06_tokens_are_no_others(void)
{
    struct auth_world world;
    world_init(&world);
    struct grant browser = world_login(&world, CLIENT_BROWSER), api = world_login(&world, CLIENT_API), none;
    g_assert_cmpint(world_check(&world, browser.access_token), ==, 0);
    g_assert_cmpint(world_check(&world, api.access_token), ==, 0);
    g_assert_null(api.refresh_token);
    const char *const not_access[] = {
        browser.refresh_token, browser.csrf_token, browser.device_token, "", ".", "..", "vk_",
        "vk_default",          "vk_default.x.y"};
    for (size_t i = 0; i < G_N_ELEMENTS(not_access); i++)
        g_assert_cmpint(world_check(&world, not_access[i]), ==, VEDETTE_ERROR_PERMISSION);
    const char *const not_refresh[] = {
        browser.access_token, browser.csrf_token, browser.device_token, "", "vr_", "vr_default", "vr_default.", "vr_.x",
        "vr_other.x"};
    for (size_t i = 0; i < G_N_ELEMENTS(not_refresh); i++)
        g_assert_cmpint(world_refresh(&world, not_refresh[i], &none), ==, VEDETTE_ERROR_PERMISSION);
    grant_clear(&browser);
    grant_clear(&api);
    world_clear(&world);
}

static char *sign_with(const struct signing_key *row, const char *key_id, const char *type, json_t *claims)
{
    CLEANUP(jwt_key) struct jwt_key *key = jwt_key_new(key_id, row->algorithm, row->jwk, NULL);
    char *token = jwt_sign(key, type, claims, NULL);
    g_assert_nonnull(token);
    json_decref(claims);
    return token;
}

/* Signs as the server would, were it made to sign what it should not. */
static char *sign_like_server(struct auth_world *world, const char *key_id, const char *type, json_t *claims)
{
    g_autoptr(GPtrArray) keys = store_signing_keys_list(world->store, NULL);
    const struct signing_key *row = g_ptr_array_index(keys, 0);
    return sign_with(row, key_id ? key_id : row->id, type, claims);
}

static json_t *claims_of(const char *token)
{
    struct jwt jwt;
    g_assert_true(jwt_parse(token, strlen(token), &jwt, NULL));
    json_t *claims = json_deep_copy(jwt.claims);
    jwt_clear(&jwt);
    return claims;
}

static void test_t02_unknown_key_ids(void)
{
    static const char *const ids[] = {"unknown", "../../dev/null", "' OR '1'='1",
                                      "00000000-0000-7000-8000-000000000000"};
    struct auth_world world;
    world_init(&world);
    struct grant grant = world_login(&world, CLIENT_API);
    g_autofree char *same = sign_like_server(&world, NULL, "at+jwt", claims_of(grant.access_token));
    g_assert_cmpint(world_check(&world, same), ==, 0);
    for (size_t i = 0; i < G_N_ELEMENTS(ids); i++) {
        g_autofree char *token = sign_like_server(&world, ids[i], "at+jwt", claims_of(grant.access_token));
        g_assert_cmpint(world_check(&world, token), ==, VEDETTE_ERROR_PERMISSION);
    }
    grant_clear(&grant);
    world_clear(&world);
}

/* A token with everything right but one claim, and with the right signature. */
static void test_t05_t06_claims_are_held_to_the_session(void)
{
    static const struct {
        const char *name, *value;
    } cases[] = {{"iss", "other"}, {"aud", "other"}, {"org", "other"}, {"sid", "other"}, {"sub", "other"},
                 {"org", NULL},    {"sid", NULL},    {"sub", NULL},    {"exp", NULL}};
    struct auth_world world;
    world_init(&world);
    struct grant grant = world_login(&world, CLIENT_API);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        json_t *claims = claims_of(grant.access_token);
        if (cases[i].value)
            json_object_set_new(claims, cases[i].name, json_string(cases[i].value));
        else
            json_object_del(claims, cases[i].name);
        g_autofree char *token = sign_like_server(&world, NULL, "at+jwt", claims);
        g_test_message("%s", cases[i].name);
        g_assert_cmpint(world_check(&world, token), ==, VEDETTE_ERROR_PERMISSION);
    }
    g_autofree char *typed = sign_like_server(&world, NULL, "JWT", claims_of(grant.access_token));
    g_assert_cmpint(world_check(&world, typed), ==, VEDETTE_ERROR_PERMISSION);
    grant_clear(&grant);
    world_clear(&world);
}

static void test_t07_keys_rotate_and_retire(void)
{
    enum { DAY = 86400 };
    struct auth_world world;
    world_prepare(&world);
    world.settings.auth.key_days = 1;
    world.settings.auth.session_days = 2;
    world.settings.auth.token_minutes = 525600;
    world_start(&world);
    struct grant old = world_login(&world, CLIENT_API);
    world_advance(&world, DAY + 1);
    struct grant fresh = world_login(&world, CLIENT_API); /* makes the next key */
    g_autoptr(GPtrArray) keys = store_signing_keys_list(world.store, NULL);
    g_assert_cmpuint(keys->len, ==, 2);
    const struct signing_key *newest = g_ptr_array_index(keys, 0), *first = g_ptr_array_index(keys, 1);
    g_assert_cmpint(newest->retires_at.ms, ==, 0);
    g_assert_cmpint(first->retires_at.ms, >, 0);
    g_assert_cmpint(world_check(&world, old.access_token), ==, 0);
    g_assert_cmpint(world_check(&world, fresh.access_token), ==, 0);
    grant_clear(&fresh);
    world_advance(&world, (first->retires_at.ms - clock_wall_ms(world.clock)) / 1000 - 1);
    fresh = world_login(&world, CLIENT_API);
    g_autofree char *late = sign_with(first, first->id, "at+jwt", claims_of(fresh.access_token));
    g_assert_cmpint(world_check(&world, late), ==, 0);
    world_advance(&world, 1);
    g_assert_cmpint(world_check(&world, late), ==, VEDETTE_ERROR_PERMISSION); /* though it was held */
    g_assert_cmpint(world_check(&world, fresh.access_token), ==, 0);
    grant_clear(&old);
    grant_clear(&fresh);
    world_clear(&world);
}

/* A server finds the key that another made when a token names it. */
static void test_keys_of_another_server(void)
{
    struct auth_world world;
    world_init(&world);
    g_autofree char *password = NULL;
    CLEANUP(auth)
    struct auth *other = auth_new(&world.settings, world.store, &world.health, world.clock, &password, NULL);
    world_advance(&world, 100 * 86400);
    struct grant grant = world_login(&world, CLIENT_API);
    struct login login;
    g_assert_true(auth_check_token(other, grant.access_token, &login, NULL));
    login_clear(&login);
    grant_clear(&grant);
    world_clear(&world);
}

static void test_one_algorithm_per_deployment(void)
{
    struct auth_world world;
    world_init(&world);
    struct grant before = world_login(&world, CLIENT_API);
    world.settings.auth.token_algorithm = TOKEN_ES256;
    world_restart(&world);
    g_assert_cmpint(world_check(&world, before.access_token), ==, VEDETTE_ERROR_PERMISSION);
    struct grant after = world_login(&world, CLIENT_API);
    g_assert_cmpint(world_check(&world, after.access_token), ==, 0);
    grant_clear(&before);
    grant_clear(&after);
    world_clear(&world);
}

static void change_admin(struct auth_world *world, void (*change)(struct user *user))
{
    struct user *user = store_user_find(world->store, "admin", NULL);
    change(user);
    g_assert_true(store_user_put(world->store, user, NULL));
    user_free(user);
}

static void disable(struct user *user)
{
    user->is_disabled = true;
}
static void demote(struct user *user)
{
    user->role = ROLE_VIEWER;
}

static void test_t08_changes_count_at_once(void)
{
    struct auth_world world;
    world_init(&world);
    struct grant grant = world_login(&world, CLIENT_BROWSER), none;
    struct login login;
    change_admin(&world, demote);
    g_assert_true(auth_check_token(world.auth, grant.access_token, &login, NULL));
    g_assert_cmpint(login.user->role, ==, ROLE_VIEWER);
    change_admin(&world, disable);
    g_assert_cmpint(world_check(&world, grant.access_token), ==, VEDETTE_ERROR_PERMISSION);
    g_assert_cmpint(world_refresh(&world, grant.refresh_token, &none), ==, VEDETTE_ERROR_PERMISSION);
    g_assert_false(auth_recheck_login(world.auth, &login, NULL));
    login_clear(&login);
    g_assert_cmpint(world_login_from(&world, "admin", WORLD_PASSWORD, CLIENT_API, &world_here, &none), ==,
                    VEDETTE_ERROR_PERMISSION);
    grant_clear(&grant);
    world_clear(&world);
}

/* ---- refresh families ---- */

static void test_f01_refresh_rotates(void)
{
    struct auth_world world;
    world_init(&world);
    struct grant first = world_login(&world, CLIENT_BROWSER), second;
    g_assert_cmpint(first.expires_in_seconds, ==, world.settings.auth.browser_token_minutes * 60);
    g_assert_cmpint(world_refresh(&world, first.refresh_token, &second), ==, 0);
    g_assert_cmpstr(first.refresh_token, !=, second.refresh_token);
    g_assert_cmpstr(first.access_token, !=, second.access_token);
    g_assert_cmpstr(first.csrf_token, ==, second.csrf_token);
    g_assert_cmpint(world_check(&world, second.access_token), ==, 0);
    grant_clear(&first);
    grant_clear(&second);
    world_clear(&world);
}

/* F2 and F5: a token used after the leeway ends the family, and what is current with it. */
static void test_f02_f05_reuse_ends_the_family(void)
{
    struct auth_world world;
    world_init(&world);
    struct grant first = world_login(&world, CLIENT_BROWSER), other = world_login(&world, CLIENT_BROWSER), second, none;
    g_assert_cmpint(world_refresh(&world, first.refresh_token, &second), ==, 0);
    world_advance(&world, world.settings.auth.refresh_leeway_seconds + 1);
    g_assert_cmpint(world_refresh(&world, first.refresh_token, &none), ==, VEDETTE_ERROR_PERMISSION);
    g_assert_cmpint(world_refresh(&world, second.refresh_token, &none), ==, VEDETTE_ERROR_PERMISSION);
    g_assert_cmpint(world_check(&world, second.access_token), ==, VEDETTE_ERROR_PERMISSION);
    g_assert_cmpint(counter_get(&world.health.refresh_tokens_reused), ==, 1);
    g_assert_cmpint(world_check(&world, other.access_token), ==, 0); /* another family */
    grant_clear(&first);
    grant_clear(&second);
    grant_clear(&other);
    world_clear(&world);
}

static void test_f03_two_refreshes_at_once_converge(void)
{
    struct auth_world world;
    world_init(&world);
    struct grant first = world_login(&world, CLIENT_BROWSER), one, two, next;
    g_assert_cmpint(world_refresh(&world, first.refresh_token, &one), ==, 0);
    world_advance(&world, world.settings.auth.refresh_leeway_seconds);
    g_assert_cmpint(world_refresh(&world, first.refresh_token, &two), ==, 0);
    g_assert_cmpstr(one.refresh_token, ==, two.refresh_token);
    g_assert_cmpint(world_refresh(&world, one.refresh_token, &next), ==, 0);
    grant_clear(&first);
    grant_clear(&one);
    grant_clear(&two);
    grant_clear(&next);
    world_clear(&world);
}

static void test_f04_grandparent_ends_the_family(void)
{
    struct auth_world world;
    world_init(&world);
    struct grant first = world_login(&world, CLIENT_BROWSER), second, third, none;
    g_assert_cmpint(world_refresh(&world, first.refresh_token, &second), ==, 0);
    g_assert_cmpint(world_refresh(&world, second.refresh_token, &third), ==, 0);
    g_assert_cmpint(world_refresh(&world, first.refresh_token, &none), ==,
                    VEDETTE_ERROR_PERMISSION); /* in the leeway */
    g_assert_cmpint(world_refresh(&world, third.refresh_token, &none), ==, VEDETTE_ERROR_PERMISSION);
    g_assert_cmpint(world_check(&world, third.access_token), ==, VEDETTE_ERROR_PERMISSION);
    grant_clear(&first);
    grant_clear(&second);
    grant_clear(&third);
    world_clear(&world);
}

/* Whether any file of the store holds the text. */
static bool store_holds(const struct auth_world *world, const char *text)
{
    static const char *const names[] = {"vedette.db", "vedette.db-wal"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = g_build_filename(world->directory, names[i], NULL), *data = NULL;
        gsize size = 0;
        if (g_file_get_contents(path, &data, &size, NULL) && memmem(data, size, text, strlen(text)))
            return true;
    }
    return false;
}

static void test_f06_tokens_are_stored_as_digests(void)
{
    struct auth_world world;
    world_init(&world);
    struct grant first = world_login(&world, CLIENT_BROWSER), second;
    g_assert_cmpint(world_refresh(&world, first.refresh_token, &second), ==, 0);
    g_autofree char *digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, second.refresh_token, -1);
    g_assert_true(store_holds(&world, digest)); /* the look finds what is there */
    const char *const secrets[] = {first.refresh_token, second.refresh_token, first.access_token,
                                   second.access_token, first.csrf_token,     WORLD_PASSWORD};
    for (size_t i = 0; i < G_N_ELEMENTS(secrets); i++)
        g_assert_false(store_holds(&world, secrets[i]));
    grant_clear(&first);
    grant_clear(&second);
    world_clear(&world);
}

static void test_f07_refreshing_does_not_prolong(void)
{
    struct auth_world world;
    world_prepare(&world);
    world.settings.auth.session_days = 1;
    world_start(&world);
    struct grant grant = world_login(&world, CLIENT_BROWSER), next;
    for (int hour = 0; hour < 23; hour++) {
        world_advance(&world, 3600);
        g_assert_cmpint(world_refresh(&world, grant.refresh_token, &next), ==, 0);
        grant_clear(&grant);
        grant = next;
    }
    world_advance(&world, 3590);
    g_assert_cmpint(world_refresh(&world, grant.refresh_token, &next), ==, 0);
    g_assert_cmpint(next.expires_in_seconds, <=, 10); /* no longer than its session */
    grant_clear(&grant);
    world_advance(&world, 10);
    g_assert_cmpint(world_check(&world, next.access_token), ==, VEDETTE_ERROR_PERMISSION);
    g_assert_cmpint(world_refresh(&world, next.refresh_token, &grant), ==, VEDETTE_ERROR_PERMISSION);
    grant_clear(&next);
    world_clear(&world);
}

/* ---- passwords ---- */

static void test_p01_unknown_user_does_the_same_work(void)
{
    struct auth_world world;
    world_init(&world);
    struct grant none;
    static const char *const names[] = {"admin", "nobody", "other/admin", "default/admin"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        int64_t before = counter_get(&world.health.passwords_checked);
        g_assert_cmpint(world_login_from(&world, names[i], "wrong", CLIENT_API, &world_here, &none), ==,
                        VEDETTE_ERROR_PERMISSION);
        g_assert_cmpint(counter_get(&world.health.passwords_checked) - before, ==, 1);
    }
    change_admin(&world, disable);
    int64_t before = counter_get(&world.health.passwords_checked);
    g_assert_cmpint(world_login_from(&world, "admin", WORLD_PASSWORD, CLIENT_API, &world_here, &none), ==,
                    VEDETTE_ERROR_PERMISSION);
    g_assert_cmpint(counter_get(&world.health.passwords_checked) - before, ==, 1);
    world_clear(&world);
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

static struct login login_of(struct auth_world *world, const struct grant *grant)
{
    struct login login;
    g_assert_true(auth_check_token(world->auth, grant->access_token, &login, NULL));
    return login;
}

static const struct audit_by by_admin = {"default", "tester", "tester", "192.0.2.1", NULL};

static int change_password(struct auth_world *world, const struct grant *grant, const char *current, const char *next)
{
    struct login login = login_of(world, grant);
    const struct password_request request = {(char *)(uintptr_t)current, (char *)(uintptr_t)next};
    g_autoptr(GError) error = NULL;
    bool is_good = auth_change_password(world->auth, &login, &request, &by_admin, &error);
    login_clear(&login);
    return is_good ? 0 : error->code;
}

/* Hashing a password takes its time; what an administrator did meanwhile stays done. */
static void test_a_new_password_undoes_nothing(void)
{
    struct auth_world world;
    world_init(&world);
    const struct user platform = {.org_id = (char *)(uintptr_t) "default", .role = ROLE_PLATFORM};
    const struct user_request request = {.username = (char *)(uintptr_t) "eve", .role = ROLE_OPERATOR};
    struct user_answer answer;
    g_assert_true(auth_user_create(world.auth, &platform, &by_admin, &request, &answer, NULL));
    struct grant grant;
    g_assert_cmpint(world_login_from(&world, "eve", answer.password, CLIENT_API, &world_here, &grant), ==, 0);
    struct login login = login_of(&world, &grant); /* as her request read it */
    struct user_answer changed;
    const struct user_request less = {.role = ROLE_VIEWER, .is_disabled = true};
    g_assert_true(auth_user_change(world.auth, &platform, &by_admin, answer.user.id, &less, &changed, NULL));
    const struct password_request own = {answer.password, (char *)(uintptr_t) "eve's own words"};
    g_assert_true(auth_change_password(world.auth, &login, &own, &by_admin, NULL));
    struct user *now = store_user_get(world.store, "default", answer.user.id, NULL);
    g_assert_true(now->is_disabled);
    g_assert_cmpint(now->role, ==, ROLE_VIEWER);
    g_assert_false(now->must_change_password);
    user_free(now);
    record_clear(&user_answer_descriptor, &changed);
    record_clear(&user_answer_descriptor, &answer);
    login_clear(&login);
    grant_clear(&grant);
    world_clear(&world);
}

static void test_p03_passwords_are_distinct(void)
{
    g_autofree char *p64 = g_strnfill(64, 'a'), *p72 = g_strnfill(72, 'a'), *p73 = g_strnfill(73, 'a');
    const char *const passwords[] = {
        p64, p72, p73, "pässwörd-é", "passwort-é", " leading space", "leading space", "leading space "};
    struct auth_world world;
    world_prepare(&world);
    world.settings.http.login_attempts_per_minute = 10000;
    world_start(&world);
    struct grant grant = world_login(&world, CLIENT_API), other;
    const char *current = WORLD_PASSWORD;
    for (size_t i = 0; i < G_N_ELEMENTS(passwords); i++) {
        g_assert_cmpint(change_password(&world, &grant, current, passwords[i]), ==, 0);
        current = passwords[i];
        for (size_t j = 0; j < G_N_ELEMENTS(passwords); j++) {
            int code = world_login_from(&world, "admin", passwords[j], CLIENT_API, &world_here, &other);
            g_assert_cmpint(code, ==, i == j ? 0 : VEDETTE_ERROR_PERMISSION);
            if (i == j)
                grant_clear(&other);
        }
    }
    grant_clear(&grant);
    world_clear(&world);
}

static gpointer login_thread(gpointer data)
{
    struct grant grant;
    int code = world_login_from(data, "admin", WORLD_PASSWORD, CLIENT_API, &world_here, &grant);
    if (code == 0)
        grant_clear(&grant);
    return GINT_TO_POINTER(code);
}

static void test_p04_memory_is_bounded(void)
{
    struct auth_world world;
    world_prepare(&world);
    world.settings.auth.passwords_at_once = 1;
    world.settings.auth.password_memory_bytes = 8 << 20;
    world_start(&world);
    GThread *threads[8];
    int good = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
        threads[i] = g_thread_new("login", login_thread, &world);
    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++) {
        int code = GPOINTER_TO_INT(g_thread_join(threads[i]));
        g_assert_true(code == 0 || code == VEDETTE_ERROR_FULL);
        good += code == 0;
    }
    g_assert_cmpint(good, >=, 1);
    world_clear(&world);
}

static void test_p05_hash_is_upgraded(void)
{
    struct auth_world world;
    world_init(&world);
    struct user *before = store_user_find(world.store, "admin", NULL);
    world.settings.auth.password_passes = 2;
    world_restart(&world);
    struct grant grant = world_login(&world, CLIENT_API);
    struct user *after = store_user_find(world.store, "admin", NULL);
    g_assert_nonnull(strstr(before->password_hash, "t=1"));
    g_assert_nonnull(strstr(after->password_hash, "t=2"));
    g_assert_true(g_str_has_prefix(after->password_hash, "$argon2id$"));
    g_assert_cmpint(world_check(&world, grant.access_token), ==, 0);
    user_free(before);
    user_free(after);
    grant_clear(&grant);
    world_clear(&world);
}

static void test_own_password(void)
{
    struct auth_world world;
    world_init(&world);
    struct grant mine = world_login(&world, CLIENT_BROWSER), other = world_login(&world, CLIENT_BROWSER);
    g_assert_cmpint(change_password(&world, &mine, "wrong", "a new password"), ==, VEDETTE_ERROR_PERMISSION);
    g_assert_cmpint(change_password(&world, &mine, WORLD_PASSWORD, "short"), ==, VEDETTE_ERROR_INVALID);
    g_assert_cmpint(change_password(&world, &mine, WORLD_PASSWORD, WORLD_PASSWORD), ==, VEDETTE_ERROR_INVALID);
    g_assert_cmpint(change_password(&world, &mine, WORLD_PASSWORD, "a new password"), ==, 0);
    g_assert_cmpint(world_check(&world, mine.access_token), ==, 0);
    g_assert_cmpint(world_check(&world, other.access_token), ==, VEDETTE_ERROR_PERMISSION);
    grant_clear(&mine);
    grant_clear(&other);
    world_clear(&world);
}

static void test_first_password_must_be_changed(void)
{
    struct auth_world world;
    world_prepare(&world);
    g_clear_pointer(&world.settings.admin_password, g_free);
    g_autofree char *password = NULL, *none = NULL;
    world.auth = auth_new(&world.settings, world.store, &world.health, world.clock, &password, NULL);
    g_assert_nonnull(password);
    struct grant grant;
    g_assert_cmpint(world_login_from(&world, "admin", password, CLIENT_API, &world_here, &grant), ==, 0);
    g_assert_true(grant.must_change_password);
    g_assert_cmpint(change_password(&world, &grant, password, "a password of my own"), ==, 0);
    struct login login = login_of(&world, &grant);
    g_assert_false(login.user->must_change_password);
    login_clear(&login);
    grant_clear(&grant);
    auth_free(world.auth); /* it is told once */
    world.auth = auth_new(&world.settings, world.store, &world.health, world.clock, &none, NULL);
    g_assert_null(none);
    world_clear(&world);
}

/* ---- sessions ---- */

static void test_sessions_are_listed_and_ended(void)
{
    struct auth_world world;
    world_prepare(&world);
    world.settings.auth.sessions_per_user = 3;
    world_start(&world);
    struct grant grants[4];
    for (int i = 0; i < 4; i++) {
        grants[i] = world_login(&world, CLIENT_BROWSER);
        world_advance(&world, 1);
    }
    g_assert_cmpint(world_check(&world, grants[0].access_token), ==, VEDETTE_ERROR_PERMISSION); /* made room */
    struct login login = login_of(&world, &grants[1]);
    g_autoptr(GPtrArray) sessions = auth_sessions_list(world.auth, "default", login.user->id, NULL);
    g_assert_cmpuint(sessions->len, ==, 3);
    const struct session *newest = g_ptr_array_index(sessions, 0);
    g_assert_cmpstr(newest->address, ==, "192.0.2.1");
    g_autoptr(GPtrArray) nobodys = auth_sessions_list(world.auth, "other", NULL, NULL);
    g_assert_cmpuint(nobodys->len, ==, 0);
    g_assert_false(auth_session_end(world.auth, &by_admin, newest->id, "someone-else", NULL));
    g_assert_cmpint(world_check(&world, grants[3].access_token), ==, 0);
    g_assert_true(auth_session_end(world.auth, &by_admin, newest->id, login.user->id, NULL));
    g_assert_cmpint(world_check(&world, grants[3].access_token), ==, VEDETTE_ERROR_PERMISSION);
    g_assert_true(auth_logout(world.auth, &login, &by_admin, NULL));
    g_assert_cmpint(world_check(&world, grants[1].access_token), ==, VEDETTE_ERROR_PERMISSION);
    g_assert_cmpint(world_check(&world, grants[2].access_token), ==, 0);
    login_clear(&login);
    for (int i = 0; i < 4; i++)
        grant_clear(&grants[i]);
    world_clear(&world);
}

static void test_csrf_token_is_the_sessions(void)
{
    struct auth_world world;
    world_init(&world);
    struct grant one = world_login(&world, CLIENT_BROWSER), two = world_login(&world, CLIENT_BROWSER),
                 api = world_login(&world, CLIENT_API);
    struct login login = login_of(&world, &one), of_api = login_of(&world, &api);
    g_assert_true(login_csrf_is_right(&login, one.csrf_token));
    g_assert_false(login_csrf_is_right(&login, two.csrf_token));
    g_assert_false(login_csrf_is_right(&login, ""));
    g_assert_false(login_csrf_is_right(&login, NULL));
    g_assert_false(login_csrf_is_right(&of_api, NULL));
    login_clear(&login);
    login_clear(&of_api);
    grant_clear(&one);
    grant_clear(&two);
    grant_clear(&api);
    world_clear(&world);
}

/* ---- API keys ---- */

static struct api_key_answer make_key(struct auth_world *world, struct login *actor, struct api_key_request *request)
{
    struct api_key_answer answer;
    g_autoptr(GError) error = NULL;
    auth_key_create(world->auth, actor, &by_admin, request, &answer, &error);
    g_assert_no_error(error);
    return answer;
}

static void test_api_keys(void)
{
    struct auth_world world;
    world_init(&world);
    struct grant grant = world_login(&world, CLIENT_API);
    struct login admin = login_of(&world, &grant), login;
    char *routes[] = {(char *)"GET /api/v1/events"}, *cameras[] = {(char *)"cam-1"};
    struct api_key_request request = {.name = (char *)"wall",
                                      .role = ROLE_VIEWER,
                                      .routes = {routes, 1},
                                      .cameras = {cameras, 1},
                                      .expires_at = {world_start_ms + 3600000}};
    struct api_key_answer answer = make_key(&world, &admin, &request);
    g_assert_false(store_holds(&world, answer.token));
    g_assert_true(auth_check_token(world.auth, answer.token, &login, NULL));
    g_assert_cmpint(login.user->role, ==, ROLE_VIEWER);
    g_assert_cmpstr(login.user->org_id, ==, "default");
    g_assert_true(login_may_call(&login, "GET", "/api/v1/events"));
    g_assert_false(login_may_call(&login, "POST", "/api/v1/events"));
    g_assert_false(login_may_call(&login, "GET", "/api/v1/cameras"));
    g_assert_true(login_is_camera_bound(&login));
    g_assert_true(login_may_see_camera(&login, "cam-1"));
    g_assert_false(login_may_see_camera(&login, "cam-2"));
    g_autoptr(GError) error = NULL;
    struct api_key_answer none;
    g_assert_false(auth_key_create(world.auth, &login, &by_admin, &request, &none, &error)); /* a key makes no keys */
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_PERMISSION);
    /* Another secret, another org and another key with the same secret are none. */
    g_autofree char *wrong = g_strdup(answer.token),
                    *foreign = g_strdup_printf("vk_other%s", strchr(answer.token, '.'));
    wrong[strlen(wrong) - 1] ^= 1;
    g_assert_cmpint(world_check(&world, wrong), ==, VEDETTE_ERROR_PERMISSION);
    g_assert_cmpint(world_check(&world, foreign), ==, VEDETTE_ERROR_PERMISSION);
    world_advance(&world, 3599);
    g_assert_true(auth_recheck_login(world.auth, &login, NULL));
    world_advance(&world, 1);
    g_assert_false(auth_recheck_login(world.auth, &login, NULL));
    g_assert_cmpint(world_check(&world, answer.token), ==, VEDETTE_ERROR_PERMISSION);
    login_clear(&login);
    record_clear(&api_key_answer_descriptor, &answer);

    request.expires_at.ms = 0;
    answer = make_key(&world, &admin, &request);
    g_assert_cmpint(world_check(&world, answer.token), ==, 0);
    g_assert_true(auth_key_revoke(world.auth, &by_admin, answer.api_key.id, NULL));
    g_assert_cmpint(world_check(&world, answer.token), ==, VEDETTE_ERROR_PERMISSION);
    g_assert_false(auth_key_revoke(world.auth, &by_admin, answer.api_key.id, NULL));
    record_clear(&api_key_answer_descriptor, &answer);
    login_clear(&admin);
    grant_clear(&grant);
    world_clear(&world);
}

/* ---- users ---- */

static void test_users_are_made_and_changed(void)
{
    struct auth_world world;
    world_init(&world);
    struct grant grant = world_login(&world, CLIENT_API), eve_grant, none;
    struct login admin = login_of(&world, &grant);
    struct user_request request = {.username = (char *)"eve", .role = ROLE_OPERATOR};
    struct user_answer answer, other;
    g_autoptr(GError) error = NULL;
    g_assert_true(auth_user_create(world.auth, admin.user, &by_admin, &request, &answer, &error));
    g_assert_nonnull(answer.password);
    g_assert_cmpint(world_login_from(&world, "eve", answer.password, CLIENT_API, &world_here, &eve_grant), ==, 0);
    g_assert_true(eve_grant.must_change_password);
    g_assert_false(auth_user_create(world.auth, admin.user, &by_admin, &request, &other, &error));
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_CONFLICT);
    g_clear_error(&error);
    request.role = ROLE_PLATFORM;
    g_assert_false(auth_user_change(world.auth, admin.user, &by_admin, answer.user.id, &request, &other, &error));
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_PERMISSION);
    g_clear_error(&error);
    request.role = ROLE_VIEWER; /* fewer rights: what she has open ends */
    g_assert_true(auth_user_change(world.auth, admin.user, &by_admin, answer.user.id, &request, &other, &error));
    record_clear(&user_answer_descriptor, &other);
    g_assert_cmpint(world_check(&world, eve_grant.access_token), ==, VEDETTE_ERROR_PERMISSION);
    g_assert_true(auth_user_delete(world.auth, admin.user, &by_admin, answer.user.id, &error));
    g_assert_cmpint(world_login_from(&world, "eve", answer.password, CLIENT_API, &world_here, &none), ==,
                    VEDETTE_ERROR_PERMISSION);
    grant_clear(&eve_grant);
    record_clear(&user_answer_descriptor, &answer);
    login_clear(&admin);
    grant_clear(&grant);
    world_clear(&world);
}

static void test_last_administrator_stays(void)
{
    struct auth_world world;
    world_init(&world);
    struct grant grant = world_login(&world, CLIENT_API);
    struct login admin = login_of(&world, &grant);
    struct user_request request = {.role = ROLE_VIEWER};
    struct user_answer answer;
    g_autoptr(GError) error = NULL;
    g_assert_false(auth_user_change(world.auth, admin.user, &by_admin, admin.user->id, &request, &answer, &error));
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_CONFLICT);
    g_clear_error(&error);
    request = (struct user_request){.role = ROLE_ADMIN, .is_disabled = true};
    g_assert_false(auth_user_change(world.auth, admin.user, &by_admin, admin.user->id, &request, &answer, &error));
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_CONFLICT);
    g_clear_error(&error);
    g_assert_false(auth_user_delete(world.auth, admin.user, &by_admin, admin.user->id, &error));
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_CONFLICT);
    login_clear(&admin);
    grant_clear(&grant);
    world_clear(&world);
}

/* P6: the audit tells who did what, and no secret. */
static void test_p06_audit_holds_no_secrets(void)
{
    struct auth_world world;
    world_init(&world);
    struct grant grant = world_login(&world, CLIENT_BROWSER);
    struct login admin = login_of(&world, &grant);
    struct user_request request = {.username = (char *)"eve", .role = ROLE_VIEWER, .password = (char *)"canary eve 77"};
    struct user_answer user;
    g_assert_true(auth_user_create(world.auth, admin.user, &by_admin, &request, &user, NULL));
    struct api_key_request key_request = {.name = (char *)"wall", .role = ROLE_VIEWER};
    struct api_key_answer key = make_key(&world, &admin, &key_request);
    g_assert_true(auth_key_revoke(world.auth, &by_admin, key.api_key.id, NULL));
    g_autoptr(GPtrArray) entries = store_audit_list(world.store, "default", 0, 100, NULL);
    g_autoptr(GString) text = g_string_new(NULL);
    for (guint i = 0; i < entries->len; i++)
        record_encode_json(&audit_view_descriptor, g_ptr_array_index(entries, i), false, text);
    static const char *const actions[] = {
        "\"create\"",           "\"login\"",        "\"revoke\"", "\"set-password\"", "\"create-signing-key\"",
        "\"username\":\"eve\"", "\"name\":\"wall\""};
    for (size_t i = 0; i < G_N_ELEMENTS(actions); i++)
        g_assert_nonnull(strstr(text->str, actions[i]));
    const char *const secrets[] = {WORLD_PASSWORD, "canary eve 77",     key.token,
                                   "argon2",       grant.refresh_token, key.api_key.secret_sha256};
    for (size_t i = 0; i < G_N_ELEMENTS(secrets); i++)
        g_assert_null(strstr(text->str, secrets[i]));
    record_clear(&api_key_answer_descriptor, &key);
    record_clear(&user_answer_descriptor, &user);
    login_clear(&admin);
    grant_clear(&grant);
    world_clear(&world);
}

#define CASE(name) g_test_add_func("/auth/" #name, test_##name)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    CASE(t02_unknown_key_ids);
    CASE(t05_t06_claims_are_held_to_the_session);
    CASE(t06_tokens_are_no_others);
    CASE(t07_keys_rotate_and_retire);
    CASE(keys_of_another_server);
    CASE(one_algorithm_per_deployment);
    CASE(t08_changes_count_at_once);
    CASE(f01_refresh_rotates);
    CASE(f02_f05_reuse_ends_the_family);
    CASE(f03_two_refreshes_at_once_converge);
    CASE(f04_grandparent_ends_the_family);
    CASE(f06_tokens_are_stored_as_digests);
    CASE(f07_refreshing_does_not_prolong);
    CASE(p01_unknown_user_does_the_same_work);
    CASE(p02_restart_does_not_forget);
    CASE(p02_victim_is_not_locked_out);
    CASE(p02_networks_count_as_one);
    CASE(p03_passwords_are_distinct);
    CASE(p04_memory_is_bounded);
    CASE(p05_hash_is_upgraded);
    CASE(p06_audit_holds_no_secrets);
    CASE(own_password);
    CASE(first_password_must_be_changed);
    CASE(sessions_are_listed_and_ended);
    CASE(csrf_token_is_the_sessions);
    CASE(api_keys);
    CASE(users_are_made_and_changed);
    CASE(last_administrator_stays);
    g_test_add_func("/login/a new password undoes nothing", test_a_new_password_undoes_nothing);
    return g_test_run();
}
