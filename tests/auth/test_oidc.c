/* Who comes in by an issuer, whose login is whose, and how many may be tried. */
#include "oidc_world.h"

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
        g_assert_true(
            auth_user_change(world.auth.auth, &(struct login){.user = admin}, &by, &target, &request, &answer, NULL));
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
    struct user platform = {
        .id = (char *)(uintptr_t) "tester", .org_id = (char *)(uintptr_t) "default", .role = ROLE_PLATFORM};
    const struct audit_by by = {"default", "test", NULL, NULL, "test"};
    const struct user_request request = {
        .username = (char *)(uintptr_t) "jane", .role = ROLE_VIEWER, .oidc_subject = (char *)(uintptr_t) "9"};
    struct user_answer answer;
    g_assert_true(auth_user_create(world.auth.auth, &(struct login){.user = &platform}, &by, &request, &answer, NULL));
    g_assert_null(answer.password);
    struct login login;
    g_assert_cmpint(log_in(&world, "9", "jane", &login), ==, 0);
    g_assert_cmpstr(login.user->id, ==, answer.user.id);
    g_assert_false(login.user->must_change_password);
    login_clear(&login);
    record_clear(&user_answer_descriptor, &answer);
    oidc_world_clear(&world);
}

static void chosen_by_someone_else(struct user *user)
{
    user->must_change_password = true;
}

/* A password that someone else chose holds back who logs in by it. Who comes by the issuer may never have been told it.
 */
static void test_no_password_is_asked_of_who_needs_none(void)
{
    struct oidc_world world;
    oidc_world_init(&world, 0);
    world_change_admin(&world.auth, chosen_by_someone_else);
    link_admin(&world, "7", false);
    g_autofree char *address = NULL, *state_token = NULL;
    g_assert_cmpint(begin(&world, &address, &state_token), ==, 0);
    struct issuer_return back = fake_issuer_visit(world.issuer, address, "7", "jane");
    struct grant grant, next, by_password;
    struct login login;
    g_assert_cmpint(finish(&world, state_token, &back, &grant), ==, 0);
    g_assert_false(grant.must_change_password);
    g_assert_true(auth_check_token(world.auth.auth, grant.access_token, &login, NULL));
    g_assert_false(login.user->must_change_password);
    g_assert_true(auth_recheck_login(world.auth.auth, &login, NULL));
    g_assert_false(login.user->must_change_password);
    login_clear(&login);
    g_assert_cmpint(world_refresh(&world.auth, grant.refresh_token, &next), ==, 0);
    g_assert_false(next.must_change_password);
    by_password = world_login(&world.auth, CLIENT_BROWSER);
    g_assert_true(by_password.must_change_password);
    g_assert_true(auth_check_token(world.auth.auth, by_password.access_token, &login, NULL));
    g_assert_true(login.user->must_change_password);
    login_clear(&login);
    grant_clear(&grant);
    grant_clear(&next);
    grant_clear(&by_password);
    issuer_return_clear(&back);
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

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/oidc/first login makes a user", test_first_login_makes_a_user);
    g_test_add_func("/oidc/a name takes nobody over", test_name_takes_nobody_over);
    g_test_add_func("/oidc/only who is linked", test_only_who_is_linked);
    g_test_add_func("/oidc/a link that is taken away ends logins", test_a_link_that_is_taken_away_ends_logins);
    g_test_add_func("/oidc/another issuer's user takes nobody over", test_another_issuers_user_takes_nobody_over);
    g_test_add_func("/oidc/made for the issuer", test_made_for_the_issuer);
    g_test_add_func("/oidc/no password is asked of who needs none", test_no_password_is_asked_of_who_needs_none);
    g_test_add_func("/oidc/a disabled user stays out", test_disabled_user_stays_out);
    g_test_add_func("/oidc/the state is of this browser", test_state_is_of_this_browser);
    g_test_add_func("/oidc/the state ends", test_state_ends);
    g_test_add_func("/oidc/a code of another login", test_code_of_another_login);
    g_test_add_func("/oidc/guesses are limited", test_guesses_are_limited);
    g_test_add_func("/oidc/only a wrong code is a wrong login", test_only_a_wrong_code_is_a_wrong_login);
    g_test_add_func("/oidc/a known browser has its own limit", test_a_known_browser_has_its_own_limit);
    g_test_add_func("/oidc/a device cookie of no use is replaced", test_a_device_cookie_of_no_use_is_replaced);
    return g_test_run();
}
