/* Access tokens, the keys that sign them, and refresh families (cases T and F). */
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

enum { DAY = 86400 };

/* Tokens last longer than anything here. */
static void start_with_keys_of_a_day(struct auth_world *world)
{
    world_prepare(world);
    world->settings.auth.key_days = 1;
    world->settings.auth.session_days = 2;
    world->settings.auth.token_minutes = 525600;
    world_start(world);
}

static void test_t07_keys_rotate_and_retire(void)
{
    struct auth_world world;
    start_with_keys_of_a_day(&world);
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

/* T7: a key that another server let retire is no good here either, though it was read while it signed. */
static void test_t07_a_key_that_another_server_retired(void)
{
    struct auth_world world;
    start_with_keys_of_a_day(&world);
    struct grant grant = world_login(&world, CLIENT_API);
    g_autofree char *password = NULL;
    CLEANUP(auth)
    struct auth *other = auth_new(&world.settings, world.store, &world.health, world.clock, &password, NULL);
    world_advance(&world, DAY + 1);
    struct grant fresh = world_login(&world, CLIENT_API); /* makes the next key */
    grant_clear(&fresh);
    g_autoptr(GPtrArray) keys = store_signing_keys_list(world.store, NULL);
    const struct signing_key *first = g_ptr_array_index(keys, 1);
    world_advance(&world, (first->retires_at.ms - clock_wall_ms(world.clock)) / 1000 - 1);
    fresh = world_login(&world, CLIENT_API);
    g_autofree char *late = sign_with(first, first->id, "at+jwt", claims_of(fresh.access_token));
    struct login login;
    g_assert_true(auth_check_token(other, late, &login, NULL));
    login_clear(&login);
    world_advance(&world, 1);
    g_assert_false(auth_check_token(other, late, &login, NULL)); /* though it was held */
    grant_clear(&grant);
    grant_clear(&fresh);
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

static void test_t08_changes_count_at_once(void)
{
    struct auth_world world;
    world_init(&world);
    struct grant grant = world_login(&world, CLIENT_BROWSER), none;
    struct login login;
    world_change_admin(&world, world_demote);
    g_assert_true(auth_check_token(world.auth, grant.access_token, &login, NULL));
    g_assert_cmpint(login.user->role, ==, ROLE_VIEWER);
    world_change_admin(&world, world_disable);
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

struct refreshing_thread {
    struct auth_world *world;
    const char *token;
    pthread_barrier_t *start;
    struct grant grant;
    int code;
};

static gpointer refresh_thread(gpointer data)
{
    struct refreshing_thread *thread = data;
    pthread_barrier_wait(thread->start);
    thread->code = world_refresh(thread->world, thread->token, &thread->grant);
    return NULL;
}

/* The same, by two tabs that do not wait for one another. */
static void test_f03_two_threads_converge(void)
{
    enum { TABS = 4, ROUNDS = 20 };
    struct auth_world world;
    pthread_barrier_t start;
    world_init(&world);
    pthread_barrier_init(&start, NULL, TABS);
    struct grant first = world_login(&world, CLIENT_BROWSER);
    g_autofree char *token = g_strdup(first.refresh_token);
    for (int round = 0; round < ROUNDS; round++) {
        struct refreshing_thread tabs[TABS];
        GThread *threads[TABS];
        for (int i = 0; i < TABS; i++) {
            tabs[i] = (struct refreshing_thread){&world, token, &start, {.access_token = NULL}, 0};
            threads[i] = g_thread_new("tab", refresh_thread, &tabs[i]);
        }
        for (int i = 0; i < TABS; i++)
            g_thread_join(threads[i]);
        for (int i = 0; i < TABS; i++) {
            g_assert_cmpint(tabs[i].code, ==, 0);
            g_assert_cmpstr(tabs[i].grant.refresh_token, ==, tabs[0].grant.refresh_token);
        }
        g_free(token);
        token = g_strdup(tabs[0].grant.refresh_token);
        for (int i = 0; i < TABS; i++)
            grant_clear(&tabs[i].grant);
    }
    g_assert_cmpint(counter_get(&world.health.refresh_tokens_reused), ==, 0);
    pthread_barrier_destroy(&start);
    grant_clear(&first);
    world_clear(&world);
}

static int64_t count_tokens(const struct auth_world *world)
{
    int64_t count = 0;
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(world->store, STORE_READ, "default", NULL);
    g_assert_true(
        store_get_integer(transaction, "SELECT count(*) FROM refresh_tokens", STORE_NO_VALUES, 0, &count, NULL));
    return count;
}

/* However often a session is refreshed, little is kept of it; and a token that was forgotten is known all the same. */
static void test_a_family_is_bounded(void)
{
    enum { OFTEN = 100 };
    static const int pauses_s[] = {0, 0, 0, 0,
                                   3600}; /* at once, where chance says which are forgotten; and long after */
    for (size_t i = 0; i < G_N_ELEMENTS(pauses_s); i++) {
        struct auth_world world;
        world_init(&world);
        struct grant first = world_login(&world, CLIENT_BROWSER), last = {.access_token = NULL}, next;
        g_autofree char *token = g_strdup(first.refresh_token);
        for (int round = 0; round < OFTEN; round++) {
            world_advance(&world, pauses_s[i]);
            g_assert_cmpint(world_refresh(&world, token, &next), ==, 0);
            g_free(token);
            token = g_strdup(next.refresh_token);
            grant_clear(&last);
            last = next;
        }
        g_assert_cmpint(count_tokens(&world), <=, pauses_s[i] ? 3 : STORE_USED_TOKENS_MOST + 1);
        g_autofree char *forged = g_strdup(first.refresh_token);
        forged[strlen(forged) - 2] ^= 1; /* not of our making: nobody ends a session with what they made up */
        g_assert_cmpint(world_refresh(&world, forged, &next), ==, VEDETTE_ERROR_PERMISSION);
        g_assert_cmpint(world_check(&world, last.access_token), ==, 0);
        g_assert_cmpint(world_refresh(&world, first.refresh_token, &next), ==, VEDETTE_ERROR_PERMISSION);
        g_assert_cmpint(counter_get(&world.health.refresh_tokens_reused), ==, 1);
        g_assert_cmpint(world_refresh(&world, token, &next), ==, VEDETTE_ERROR_PERMISSION);
        g_assert_cmpint(world_check(&world, last.access_token), ==, VEDETTE_ERROR_PERMISSION);
        grant_clear(&first);
        grant_clear(&last);
        world_clear(&world);
    }
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

static void test_f06_tokens_are_stored_as_digests(void)
{
    struct auth_world world;
    world_init(&world);
    struct grant first = world_login(&world, CLIENT_BROWSER), second;
    g_assert_cmpint(world_refresh(&world, first.refresh_token, &second), ==, 0);
    g_autofree char *digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, second.refresh_token, -1);
    g_assert_true(directory_store_holds(world.directory, digest)); /* the look finds what is there */
    const char *const secrets[] = {first.refresh_token, second.refresh_token, first.access_token,
                                   second.access_token, first.csrf_token,     WORLD_PASSWORD};
    for (size_t i = 0; i < G_N_ELEMENTS(secrets); i++)
        g_assert_false(directory_store_holds(world.directory, secrets[i]));
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

#define CASE(name) g_test_add_func("/auth/" #name, test_##name)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    CASE(t02_unknown_key_ids);
    CASE(t05_t06_claims_are_held_to_the_session);
    CASE(t06_tokens_are_no_others);
    CASE(t07_keys_rotate_and_retire);
    CASE(t07_a_key_that_another_server_retired);
    CASE(keys_of_another_server);
    CASE(one_algorithm_per_deployment);
    CASE(t08_changes_count_at_once);
    CASE(f01_refresh_rotates);
    CASE(f02_f05_reuse_ends_the_family);
    CASE(f03_two_refreshes_at_once_converge);
    CASE(f04_grandparent_ends_the_family);
    CASE(f06_tokens_are_stored_as_digests);
    CASE(f07_refreshing_does_not_prolong);
    g_test_add_func("/auth/f03_two_threads_converge", test_f03_two_threads_converge);
    g_test_add_func("/auth/a_family_is_bounded", test_a_family_is_bounded);
    return g_test_run();
}
