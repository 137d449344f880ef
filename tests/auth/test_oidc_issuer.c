/* What is not believed of an issuer and its tokens, and an issuer that is away. */
#include "oidc_world.h"

/* ---- limits ---- */

/* While the issuer is away nobody can be judged: logins by password find the limits as they were. */
static void test_an_issuer_that_is_away_costs_nobody_anything(void)
{
    enum { ATTEMPTS = 2 };
    struct oidc_world world;
    oidc_world_prepare(&world, ROLE_VIEWER);
    world.auth.settings.http.login_attempts_per_minute = ATTEMPTS;
    world_start(&world.auth);
    g_autofree char *address = NULL, *state_token = NULL;
    g_assert_cmpint(begin(&world, &address, &state_token), ==, 0);
    struct issuer_return back = fake_issuer_visit(world.issuer, address, "1", "jane");
    struct grant grant;
    world.bend.is_away = true;
    for (int i = 0; i <= ATTEMPTS; i++)
        g_assert_cmpint(finish(&world, state_token, &back, &grant), ==, VEDETTE_ERROR_UNAVAILABLE);
    g_assert_cmpint(counter_get(&world.auth.health.logins_failed), ==, 0);
    g_assert_cmpint(counter_get(&world.auth.health.logins_limited), ==, 0);
    grant = world_login(&world.auth, CLIENT_BROWSER);
    grant_clear(&grant);
    world.bend.is_away = false;
    g_assert_cmpint(finish(&world, state_token, &back, &grant), ==, 0);
    grant_clear(&grant);
    issuer_return_clear(&back);
    oidc_world_clear(&world);
}

/* Nobody is a wrong login before they were at the issuer. */
static void test_an_issuer_that_refuses_what_it_is(void)
{
    static const unsigned statuses[] = {400, 401, 403, 404, 429};
    for (size_t i = 0; i < G_N_ELEMENTS(statuses); i++) {
        struct oidc_world world;
        oidc_world_init(&world, ROLE_VIEWER);
        world.bend.refuses_with = statuses[i];
        g_autofree char *address = NULL, *state_token = NULL;
        g_assert_cmpint(begin(&world, &address, &state_token), ==, VEDETTE_ERROR_UNAVAILABLE);
        oidc_world_clear(&world);
    }
}

/* ---- tokens that are not what they must be (section 3.1.3.7) ---- */

static void test_bent_tokens(void)
{
    static const char *const bends[] = {
        "{\"iss\":\"http://127.0.0.1:1\"}",
        "{\"iss\":null}",
        "{\"aud\":\"someone else\"}",
        "{\"aud\":[\"someone else\"]}",
        "{\"aud\":null}",
        "{\"aud\":[\"vedette client\",\"someone else\"]}", /* without azp */
        "{\"aud\":[\"vedette client\",\"someone else\"],\"azp\":\"someone else\"}",
        "{\"azp\":\"someone else\"}",
        "{\"nonce\":\"of another login\"}",
        "{\"nonce\":null}",
        "{\"exp\":1767220000}",
        "{\"exp\":null}",
        "{\"exp\":\"1999999999\"}",
        "{\"iat\":1999999999,\"nbf\":1999999999}",
        "{\"sub\":null}",
        "{\"sub\":\"\"}",
        "{\"sub\":7}",
    };
    struct oidc_world world;
    oidc_world_prepare(&world, ROLE_VIEWER);
    world.auth.settings.http.login_attempts_per_minute = 10000;
    world_start(&world.auth);
    for (size_t i = 0; i < G_N_ELEMENTS(bends); i++) {
        world.bend.claims = json_loads(bends[i], 0, NULL);
        g_assert_nonnull(world.bend.claims);
        g_test_message("%s", bends[i]);
        g_assert_cmpint(log_in(&world, "1", "jane", NULL), ==, VEDETTE_ERROR_PERMISSION);
        g_clear_pointer(&world.bend.claims, json_decref);
    }
    world.bend.claims = json_loads("{\"aud\":[\"vedette client\",\"other\"],\"azp\":\"vedette client\"}", 0, NULL);
    g_assert_cmpint(log_in(&world, "1", "jane", NULL), ==, 0);
    json_decref(world.bend.claims);
    oidc_world_clear(&world);
}

static void test_public_key_as_secret(void)
{
    struct oidc_world world;
    oidc_world_init(&world, ROLE_VIEWER);
    world.bend.signs_with_public_key = true;
    g_assert_cmpint(log_in(&world, "1", "jane", NULL), ==, VEDETTE_ERROR_PERMISSION);
    oidc_world_clear(&world);
}

/* ---- the issuer itself ---- */

static void test_new_keys_are_read(void)
{
    struct oidc_world world;
    oidc_world_init(&world, ROLE_VIEWER);
    g_assert_cmpint(log_in(&world, "1", "jane", NULL), ==, 0);
    fake_issuer_rotate(world.issuer);
    world_advance(&world.auth, 11);
    g_assert_cmpint(log_in(&world, "1", "jane", NULL), ==, 0);
    g_assert_cmpint(fake_issuer_key_reads(world.issuer), ==, 2);
    /* A key that nobody knows asks the issuer once, not each time. */
    fake_issuer_rotate(world.issuer);
    for (int i = 0; i < 3; i++)
        g_assert_cmpint(log_in(&world, "1", "jane", NULL), ==, VEDETTE_ERROR_PERMISSION);
    g_assert_cmpint(fake_issuer_key_reads(world.issuer), ==, 2);
    oidc_world_clear(&world);
}

static void test_issuer_away(void)
{
    struct oidc_world world;
    oidc_world_init(&world, ROLE_VIEWER);
    world.bend.is_away = true;
    g_assert_cmpint(log_in(&world, "1", "jane", NULL), ==, VEDETTE_ERROR_UNAVAILABLE);
    world.bend.is_away = false;
    g_assert_cmpint(log_in(&world, "1", "jane", NULL), ==, 0);
    /* Its word is old by then, and the last good one still begins logins. */
    world_advance(&world.auth, 2 * world.auth.settings.auth.oidc.keys_seconds);
    world.bend.is_away = true;
    g_autofree char *address = NULL, *state_token = NULL;
    g_assert_cmpint(begin(&world, &address, &state_token), ==, 0);
    oidc_world_clear(&world);
}

static void test_issuer_that_cannot_be_trusted(void)
{
    struct oidc_world world;
    oidc_world_init(&world, ROLE_VIEWER);
    world.bend.named_issuer = "https://another.example";
    g_assert_cmpint(log_in(&world, "1", "jane", NULL), ==, VEDETTE_ERROR_UNAVAILABLE);
    world.bend.named_issuer = NULL;
    world.bend.keys_at = "http://192.0.2.7/keys"; /* in the clear: never asked */
    g_assert_cmpint(log_in(&world, "1", "jane", NULL), ==, VEDETTE_ERROR_UNAVAILABLE);
    world.bend.keys_at = "file:///etc/passwd";
    g_assert_cmpint(log_in(&world, "1", "jane", NULL), ==, VEDETTE_ERROR_UNAVAILABLE);
    world.bend.keys_at = NULL;
    world.bend.is_wordy = true;
    g_assert_cmpint(log_in(&world, "1", "jane", NULL), ==, VEDETTE_ERROR_UNAVAILABLE);
    oidc_world_clear(&world);
}

static void test_issuer_in_the_clear_is_refused(void)
{
    struct auth_world world;
    world_prepare(&world);
    replace(&world.settings.auth.oidc.issuer, "http://issuer.example");
    g_autofree char *password = NULL;
    g_autoptr(GError) error = NULL;
    g_assert_null(auth_new(&world.settings, world.store, &world.health, world.clock, &password, &error));
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID);
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/oidc/an issuer that is away costs nobody anything",
                    test_an_issuer_that_is_away_costs_nobody_anything);
    g_test_add_func("/oidc/an issuer that refuses to say what it is", test_an_issuer_that_refuses_what_it_is);
    g_test_add_func("/oidc/bent tokens", test_bent_tokens);
    g_test_add_func("/oidc/a public key as secret", test_public_key_as_secret);
    g_test_add_func("/oidc/new keys are read", test_new_keys_are_read);
    g_test_add_func("/oidc/the issuer is away", test_issuer_away);
    g_test_add_func("/oidc/an issuer that cannot be trusted", test_issuer_that_cannot_be_trusted);
    g_test_add_func("/oidc/an issuer in the clear", test_issuer_in_the_clear_is_refused);
    return g_test_run();
}
