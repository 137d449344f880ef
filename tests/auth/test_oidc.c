/* Logins by an OpenID Connect issuer, against one that is as strict as a real one and can be bent. */
#include "auth/auth_world.h"
#include "auth/fake_issuer.h"
#include "store/audit.h"

struct oidc_world {
    struct auth_world auth;
    struct issuer_bend bend;
    struct fake_issuer *issuer;
};

static void replace(char **text, const char *value)
{
    g_free(*text);
    *text = g_strdup(value);
}

static void oidc_world_prepare(struct oidc_world *world, enum role default_role)
{
    *world = (struct oidc_world){.bend = {.claims = NULL}};
    world->issuer = fake_issuer_start(&world->bend);
    world_prepare(&world->auth);
    struct oidc_settings *settings = &world->auth.settings.auth.oidc;
    replace(&settings->issuer, fake_issuer_address(world->issuer));
    replace(&settings->client_id, ISSUER_CLIENT);
    replace(&settings->client_secret, ISSUER_SECRET);
    replace(&settings->redirect_uri, ISSUER_REDIRECT);
    settings->default_role = default_role;
}

static void oidc_world_init(struct oidc_world *world, enum role default_role)
{
    oidc_world_prepare(world, default_role);
    world_start(&world->auth);
}

static void oidc_world_clear(struct oidc_world *world)
{
    world_clear(&world->auth);
    fake_issuer_stop(world->issuer);
}

/* ---- steps of a login: 0, or the code of the error ---- */

/* Each from an address of its own, so that none is one too many: tests/api has those that are. */
static int begin(struct oidc_world *world, char **address, char **state_token)
{
    static int number;
    g_autofree char *from = g_strdup_printf("198.18.0.%d", ++number);
    const struct auth_origin origin = {.address = from};
    struct login_limit limit;
    g_autoptr(GError) error = NULL;
    return auth_oidc_begin(world->auth.auth, &origin, address, state_token, &limit, &error) ? 0 : error->code;
}

static int finish_from(struct oidc_world *world, const struct auth_origin *origin, const char *state_token,
                       const struct issuer_return *back, struct grant *grant, struct login_limit *limit)
{
    g_autoptr(GError) error = NULL;
    return auth_oidc_finish(world->auth.auth, state_token, back->state, back->code, origin, grant, limit, &error)
               ? 0
               : error->code;
}

static int finish(struct oidc_world *world, const char *state_token, const struct issuer_return *back,
                  struct grant *grant)
{
    struct login_limit limit;
    return finish_from(world, &world_here, state_token, back, grant, &limit);
}

/* All of them; what the token is worth goes to *login when it is given. */
static int log_in(struct oidc_world *world, const char *subject, const char *name, struct login *login)
{
    g_autofree char *address = NULL, *state_token = NULL;
    int code = begin(world, &address, &state_token);
    if (code)
        return code;
    struct issuer_return back = fake_issuer_visit(world->issuer, address, subject, name);
    struct grant grant;
    code = finish(world, state_token, &back, &grant);
    issuer_return_clear(&back);
    if (!code && login)
        g_assert_true(auth_check_token(world->auth.auth, grant.access_token, login, NULL));
    grant_clear(&grant);
    return code;
}

/* ---- who comes in ---- */

static void test_first_login_makes_a_user(void)
{
    struct oidc_world world;
    oidc_world_init(&world, ROLE_OPERATOR);
    struct login first, second;
    g_assert_cmpint(log_in(&world, "248289761001", "jane", &first), ==, 0);
    g_assert_cmpstr(first.user->username, ==, "jane");
    g_assert_cmpint(first.user->role, ==, ROLE_OPERATOR);
    g_assert_nonnull(first.csrf_token); /* a browser's */
    /* Who it is stays the subject, whatever the issuer calls it later (section 5.7). */
    g_assert_cmpint(log_in(&world, "248289761001", "jane.doe", &second), ==, 0);
    g_assert_cmpstr(second.user->id, ==, first.user->id);
    login_clear(&first);
    login_clear(&second);
    oidc_world_clear(&world);
}

static void test_name_takes_nobody_over(void)
{
    struct oidc_world world;
    oidc_world_init(&world, ROLE_VIEWER);
    g_assert_cmpint(log_in(&world, "1", "admin", NULL), ==, VEDETTE_ERROR_CONFLICT);
    g_assert_cmpint(log_in(&world, "2", "other-org/admin", NULL), ==, VEDETTE_ERROR_PERMISSION);
    oidc_world_clear(&world);
}

static void link_admin_at(struct oidc_world *world, const char *issuer, const char *subject, bool is_disabled)
{
    struct user *user = store_user_find(world->auth.store, "admin", NULL);
    g_assert_nonnull(user);
    replace(&user->oidc_subject, subject);
    replace(&user->oidc_issuer, issuer);
    user->is_disabled = is_disabled;
    const struct audit_by by = {user->org_id, "test", NULL, NULL, "test"};
    const struct store_user_change change = {.by = &by, .action = "update", .parts = STORE_USER_RIGHTS};
    g_assert_true(store_user_change(world->auth.store, &change, user, NULL));
    user_free(user);
}

static void link_admin(struct oidc_world *world, const char *subject, bool is_disabled)
{
    link_admin_at(world, subject ? fake_issuer_address(world->issuer) : NULL, subject, is_disabled);
}

/* The same subject is somebody else at another issuer, and may be another user; what an earlier version linked names
 * none, and may be this one's. Who is linked anew comes in. */
static void test_another_issuers_user_takes_nobody_over(void)
{
    static const char *const issuers[] = {"https://another.example", NULL};
    static const enum role default_roles[] = {0, ROLE_VIEWER};
    for (size_t i = 0; i < G_N_ELEMENTS(issuers) * G_N_ELEMENTS(default_roles); i++) {
        struct oidc_world world;
        struct user_answer answer;
        oidc_world_init(&world, default_roles[i / 2]);
        link_admin_at(&world, issuers[i % 2], "7", false);
        int code = log_in(&world, "7", "jane", NULL);
        if (default_roles[i / 2] && issuers[i % 2]) {
            g_assert_cmpint(code, ==, 0); /* as a user of her own */
            oidc_world_clear(&world);
            continue;
        }
        g_assert_cmpint(code, ==, default_roles[i / 2] ? VEDETTE_ERROR_CONFLICT : VEDETTE_ERROR_PERMISSION);
        struct user *admin = store_user_find(world.auth.store, "admin", NULL);
        const struct audit_by by = {"default", "test", NULL, NULL, "test"};
        const struct auth_target target = {admin->id, NULL, STORE_USER_SUBJECT};
        const struct user_request request = {.role = ROLE_ADMIN, .oidc_subject = (char *)"7"};
        g_assert_true(auth_user_change(world.auth.auth, admin, &by, &target, &request, &answer, NULL));
        g_assert_cmpint(log_in(&world, "7", "jane", NULL), ==, 0);
        record_clear(&user_answer_descriptor, &answer);
        user_free(admin);
        oidc_world_clear(&world);
    }
}

static void test_only_who_is_linked(void)
{
    struct oidc_world world;
    oidc_world_init(&world, 0);
    g_assert_cmpint(log_in(&world, "7", "jane", NULL), ==, VEDETTE_ERROR_PERMISSION);
    link_admin(&world, "7", false);
    struct login login;
    g_assert_cmpint(log_in(&world, "7", "jane", &login), ==, 0);
    g_assert_cmpstr(login.user->username, ==, "admin");
    login_clear(&login);
    oidc_world_clear(&world);
}

/* What the issuer opened here closes when an administrator takes the link away, or gives it to another. */
static void test_a_link_that_is_taken_away_ends_logins(void)
{
    static const char *const after[] = {NULL, "8"};
    for (size_t i = 0; i < G_N_ELEMENTS(after); i++) {
        struct oidc_world world;
        struct login login;
        oidc_world_init(&world, 0);
        link_admin(&world, "7", false);
        g_assert_cmpint(log_in(&world, "7", "jane", &login), ==, 0);
        link_admin(&world, "7", false); /* the same: nothing ends */
        g_assert_true(auth_recheck_login(world.auth.auth, &login, NULL));
        link_admin(&world, after[i], false);
        g_assert_false(auth_recheck_login(world.auth.auth, &login, NULL));
        login_clear(&login);
        oidc_world_clear(&world);
    }
}

/* Made by an administrator before the first login: there is no password here that would have to be changed. */
static void test_made_for_the_issuer(void)
{
    struct oidc_world world;
    oidc_world_init(&world, 0);
    const struct user platform = {.org_id = (char *)(uintptr_t) "default", .role = ROLE_PLATFORM};
    const struct audit_by by = {"default", "test", NULL, NULL, "test"};
    const struct user_request request = {
        .username = (char *)(uintptr_t) "jane", .role = ROLE_VIEWER, .oidc_subject = (char *)(uintptr_t) "9"};
    struct user_answer answer;
    g_assert_true(auth_user_create(world.auth.auth, &platform, &by, &request, &answer, NULL));
    g_assert_null(answer.password);
    struct login login;
    g_assert_cmpint(log_in(&world, "9", "jane", &login), ==, 0);
    g_assert_cmpstr(login.user->id, ==, answer.user.id);
    g_assert_false(login.user->must_change_password);
    login_clear(&login);
    record_clear(&user_answer_descriptor, &answer);
    oidc_world_clear(&world);
}

static void test_disabled_user_stays_out(void)
{
    struct oidc_world world;
    oidc_world_init(&world, ROLE_ADMIN);
    g_assert_cmpint(log_in(&world, "8", "second", NULL), ==, 0); /* so that the first may go */
    link_admin(&world, "7", true);
    g_assert_cmpint(log_in(&world, "7", "jane", NULL), ==, VEDETTE_ERROR_PERMISSION);
    oidc_world_clear(&world);
}

/* ---- what is not this browser's login ---- */

static void test_state_is_of_this_browser(void)
{
    struct oidc_world world;
    oidc_world_init(&world, ROLE_VIEWER);
    g_autofree char *address = NULL, *state_token = NULL, *other_address = NULL, *other_token = NULL;
    g_assert_cmpint(begin(&world, &address, &state_token), ==, 0);
    g_assert_cmpint(begin(&world, &other_address, &other_token), ==, 0);
    struct issuer_return back = fake_issuer_visit(world.issuer, address, "1", "jane");
    struct grant grant;
    g_assert_cmpint(finish(&world, NULL, &back, &grant), ==, VEDETTE_ERROR_PERMISSION);
    g_assert_cmpint(finish(&world, other_token, &back, &grant), ==, VEDETTE_ERROR_PERMISSION);
    g_assert_cmpint(finish(&world, "e30.e30.", &back, &grant), ==, VEDETTE_ERROR_PERMISSION);
    /* None of these spent the code. */
    g_assert_cmpint(finish(&world, state_token, &back, &grant), ==, 0);
    grant_clear(&grant);
    g_assert_cmpint(finish(&world, state_token, &back, &grant), ==, VEDETTE_ERROR_PERMISSION); /* the code is */
    issuer_return_clear(&back);
    oidc_world_clear(&world);
}

static void test_state_ends(void)
{
    struct oidc_world world;
    oidc_world_init(&world, ROLE_VIEWER);
    g_autofree char *address = NULL, *state_token = NULL;
    g_assert_cmpint(begin(&world, &address, &state_token), ==, 0);
    struct issuer_return back = fake_issuer_visit(world.issuer, address, "1", "jane");
    world_advance(&world.auth, 3600);
    struct grant grant;
    g_assert_cmpint(finish(&world, state_token, &back, &grant), ==, VEDETTE_ERROR_PERMISSION);
    issuer_return_clear(&back);
    oidc_world_clear(&world);
}

/* A code that was made for another login of the same client: PKCE is what refuses it. */
static void test_code_of_another_login(void)
{
    struct oidc_world world;
    oidc_world_init(&world, ROLE_VIEWER);
    g_autofree char *address = NULL, *state_token = NULL, *other_address = NULL, *other_token = NULL;
    g_assert_cmpint(begin(&world, &address, &state_token), ==, 0);
    g_assert_cmpint(begin(&world, &other_address, &other_token), ==, 0);
    struct issuer_return mine = fake_issuer_visit(world.issuer, address, "1", "jane"),
                         stolen = fake_issuer_visit(world.issuer, other_address, "2", "victim");
    const struct issuer_return mixed = {mine.state, stolen.code};
    struct grant grant;
    g_assert_cmpint(finish(&world, state_token, &mixed, &grant), ==, VEDETTE_ERROR_PERMISSION);
    issuer_return_clear(&mine);
    issuer_return_clear(&stolen);
    oidc_world_clear(&world);
}

/* ---- limits ---- */

static int count_noted(const struct oidc_world *world, const char *action)
{
    g_autoptr(GPtrArray) entries = store_audit_list(world->auth.store, "default", 0, 100, NULL);
    int count = 0;
    for (guint i = 0; i < entries->len; i++)
        count += g_strcmp0(((const struct audit_view *)g_ptr_array_index(entries, i))->action, action) == 0;
    return count;
}

/* Codes that are made up have us ask the issuer: they are held to the limits that wrong passwords are held to, and told
 * where those are, also over a restart. */
static void test_guesses_are_limited(void)
{
    enum { ATTEMPTS = 2 };
    struct oidc_world world;
    oidc_world_prepare(&world, ROLE_VIEWER);
    world.auth.settings.http.login_attempts_per_minute = ATTEMPTS;
    world_start(&world.auth);
    for (int i = 0; i < 2 * ATTEMPTS; i++) /* right ones cost nothing */
        g_assert_cmpint(log_in(&world, "1", "jane", NULL), ==, 0);
    g_autofree char *address = NULL, *state_token = NULL;
    g_assert_cmpint(begin(&world, &address, &state_token), ==, 0);
    struct issuer_return back = fake_issuer_visit(world.issuer, address, "1", "jane");
    const struct issuer_return guess = {back.state, (char *)"guessed"};
    struct grant grant;
    struct login_limit limit;
    for (int i = 0; i < ATTEMPTS; i++)
        g_assert_cmpint(finish(&world, state_token, &guess, &grant), ==, VEDETTE_ERROR_PERMISSION);
    g_assert_cmpint(finish_from(&world, &world_here, state_token, &back, &grant, &limit), ==, VEDETTE_ERROR_FULL);
    g_assert_cmpstr(limit.policy, ==, "address");
    g_assert_cmpint(counter_get(&world.auth.health.logins_failed), ==, ATTEMPTS);
    g_assert_cmpint(counter_get(&world.auth.health.logins_limited), ==, 1);
    g_assert_cmpint(count_noted(&world, "login-by-issuer-failed"), ==, ATTEMPTS);
    world_restart(&world.auth);
    g_assert_cmpint(finish(&world, state_token, &back, &grant), ==, VEDETTE_ERROR_FULL);
    world_advance(&world.auth, 61);
    g_assert_cmpint(finish(&world, state_token, &back, &grant), ==, 0);
    grant_clear(&grant);
    issuer_return_clear(&back);
    oidc_world_clear(&world);
}

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

/* An issuer that does not know us, or throttles us, has judged nobody; the one thing that is a login's own fault is a
 * code that it finds wrong. What everyone is told names no address. */
static void test_only_a_wrong_code_is_a_wrong_login(void)
{
    static const struct {
        unsigned status;
        const char *refusal;
        int code;
    } cases[] = {
        {400, "invalid_grant", VEDETTE_ERROR_PERMISSION},      {400, "invalid_request", VEDETTE_ERROR_PERMISSION},
        {400, "invalid_client", VEDETTE_ERROR_UNAVAILABLE},    {400, "unauthorized_client", VEDETTE_ERROR_UNAVAILABLE},
        {401, "invalid_client", VEDETTE_ERROR_UNAVAILABLE},    {401, NULL, VEDETTE_ERROR_UNAVAILABLE},
        {403, "access_denied", VEDETTE_ERROR_UNAVAILABLE},     {404, "not_found", VEDETTE_ERROR_UNAVAILABLE},
        {429, "too_many_requests", VEDETTE_ERROR_UNAVAILABLE},
    };
    struct oidc_world world;
    oidc_world_init(&world, ROLE_VIEWER);
    g_autofree char *address = NULL, *state_token = NULL;
    g_assert_cmpint(begin(&world, &address, &state_token), ==, 0);
    struct issuer_return back = fake_issuer_visit(world.issuer, address, "1", "jane");
    int wrong = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct grant grant;
        struct login_limit limit;
        g_autoptr(GError) error = NULL;
        world.bend.refuses_with = cases[i].status;
        world.bend.refusal = cases[i].refusal;
        g_test_message("%u %s", cases[i].status, cases[i].refusal ? cases[i].refusal : "");
        g_assert_false(
            auth_oidc_finish(world.auth.auth, state_token, back.state, back.code, &world_here, &grant, &limit, &error));
        g_assert_error(error, VEDETTE_ERROR, cases[i].code);
        wrong += cases[i].code == VEDETTE_ERROR_PERMISSION;
        g_assert_true((cases[i].code == VEDETTE_ERROR_PERMISSION) != (strstr(error->message, "http") != NULL));
        g_assert_cmpint(counter_get(&world.auth.health.logins_failed), ==, wrong);
    }
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

/* P2: who came from everywhere locks nobody out of a browser that is known. */
static void test_a_known_browser_has_its_own_limit(void)
{
    enum { OF_EVERYONE = 3 };
    struct oidc_world world;
    oidc_world_prepare(&world, ROLE_VIEWER);
    world.auth.settings.auth.logins_per_minute = OF_EVERYONE;
    world_start(&world.auth);
    g_autofree char *first_address = NULL, *first_token = NULL, *address = NULL, *state_token = NULL;
    struct grant known, grant;
    struct login_limit limit;
    g_assert_cmpint(begin(&world, &first_address, &first_token), ==, 0);
    struct issuer_return first = fake_issuer_visit(world.issuer, first_address, "1", "jane");
    g_assert_cmpint(finish(&world, first_token, &first, &known), ==, 0);
    g_assert_cmpint(begin(&world, &address, &state_token), ==, 0);
    struct issuer_return back = fake_issuer_visit(world.issuer, address, "1", "jane");
    const struct issuer_return guess = {back.state, (char *)"guessed"};
    for (int i = 0; i < OF_EVERYONE; i++) {
        g_autofree char *from = g_strdup_printf("203.0.113.%d", i);
        const struct auth_origin origin = {.address = from};
        g_assert_cmpint(finish_from(&world, &origin, state_token, &guess, &grant, &limit), ==,
                        VEDETTE_ERROR_PERMISSION);
    }
    g_assert_cmpint(finish_from(&world, &world_here, state_token, &back, &grant, &limit), ==, VEDETTE_ERROR_FULL);
    g_assert_cmpstr(limit.policy, ==, "everyone");
    const struct auth_origin home = {.address = "198.51.100.2", .device_token = known.device_token};
    g_assert_cmpint(finish_from(&world, &home, state_token, &back, &grant, &limit), ==, 0);
    g_assert_cmpstr(limit.policy, ==, "familiar");
    grant_clear(&grant);
    grant_clear(&known);
    issuer_return_clear(&first);
    issuer_return_clear(&back);
    oidc_world_clear(&world);
}

/* A browser whose device cookie is of no use here, as another's, or older than our keys, gets one that is. */
static void test_a_device_cookie_of_no_use_is_replaced(void)
{
    struct oidc_world world;
    oidc_world_init(&world, ROLE_VIEWER);
    struct grant others = world_login(&world.auth, CLIENT_BROWSER), first = {.access_token = NULL};
    const char *const tokens[] = {"made up", others.device_token, NULL};
    for (size_t i = 0; i < G_N_ELEMENTS(tokens) + 1; i++) {
        bool is_own = i == G_N_ELEMENTS(tokens);
        const struct auth_origin origin = {.address = "198.51.100.2",
                                           .device_token = is_own ? first.device_token : tokens[i]};
        g_autofree char *address = NULL, *state_token = NULL;
        g_assert_cmpint(begin(&world, &address, &state_token), ==, 0);
        struct issuer_return back = fake_issuer_visit(world.issuer, address, "1", "jane");
        struct grant grant;
        struct login_limit limit;
        g_assert_cmpint(finish_from(&world, &origin, state_token, &back, &grant, &limit), ==, 0);
        g_assert_true((grant.device_token == NULL) == is_own);
        issuer_return_clear(&back);
        grant_clear(&first);
        first = grant;
    }
    grant_clear(&first);
    grant_clear(&others);
    oidc_world_clear(&world);
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
    g_test_add_func("/oidc/first login makes a user", test_first_login_makes_a_user);
    g_test_add_func("/oidc/a name takes nobody over", test_name_takes_nobody_over);
    g_test_add_func("/oidc/only who is linked", test_only_who_is_linked);
    g_test_add_func("/oidc/a link that is taken away ends logins", test_a_link_that_is_taken_away_ends_logins);
    g_test_add_func("/oidc/another issuer's user takes nobody over", test_another_issuers_user_takes_nobody_over);
    g_test_add_func("/oidc/made for the issuer", test_made_for_the_issuer);
    g_test_add_func("/oidc/a disabled user stays out", test_disabled_user_stays_out);
    g_test_add_func("/oidc/the state is of this browser", test_state_is_of_this_browser);
    g_test_add_func("/oidc/the state ends", test_state_ends);
    g_test_add_func("/oidc/a code of another login", test_code_of_another_login);
    g_test_add_func("/oidc/guesses are limited", test_guesses_are_limited);
    g_test_add_func("/oidc/an issuer that is away costs nobody anything",
                    test_an_issuer_that_is_away_costs_nobody_anything);
    g_test_add_func("/oidc/only a wrong code is a wrong login", test_only_a_wrong_code_is_a_wrong_login);
    g_test_add_func("/oidc/an issuer that refuses to say what it is", test_an_issuer_that_refuses_what_it_is);
    g_test_add_func("/oidc/a known browser has its own limit", test_a_known_browser_has_its_own_limit);
    g_test_add_func("/oidc/a device cookie of no use is replaced", test_a_device_cookie_of_no_use_is_replaced);
    g_test_add_func("/oidc/bent tokens", test_bent_tokens);
    g_test_add_func("/oidc/a public key as secret", test_public_key_as_secret);
    g_test_add_func("/oidc/new keys are read", test_new_keys_are_read);
    g_test_add_func("/oidc/the issuer is away", test_issuer_away);
    g_test_add_func("/oidc/an issuer that cannot be trusted", test_issuer_that_cannot_be_trusted);
    g_test_add_func("/oidc/an issuer in the clear", test_issuer_in_the_clear_is_refused);
    return g_test_run();
}
