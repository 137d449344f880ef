/* Logins, sessions, refresh families, API keys and users against a real store. */
#include "auth_world.h"

#include "auth/auth_internal.h"
#include "auth/jwt.h"
#include "store/audit.h"

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
    world_change_admin(&world, world_disable);
    int64_t before = counter_get(&world.health.passwords_checked);
    g_assert_cmpint(world_login_from(&world, "admin", WORLD_PASSWORD, CLIENT_API, &world_here, &none), ==,
                    VEDETTE_ERROR_PERMISSION);
    g_assert_cmpint(counter_get(&world.health.passwords_checked) - before, ==, 1);
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
    login_clear(&login);
    login = login_of(world, grant); /* remembered by now */
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
    struct user platform = {
        .id = (char *)(uintptr_t) "tester", .org_id = (char *)(uintptr_t) "default", .role = ROLE_PLATFORM};
    const struct login platform_login = {.user = &platform};
    const struct user_request request = {.username = (char *)(uintptr_t) "eve", .role = ROLE_OPERATOR};
    struct user_answer answer;
    g_assert_true(auth_user_create(world.auth, &platform_login, &by_admin, &request, &answer, NULL));
    struct grant grant;
    g_assert_cmpint(world_login_from(&world, "eve", answer.password, CLIENT_API, &world_here, &grant), ==, 0);
    struct login login = login_of(&world, &grant); /* as her request read it */
    struct user_answer changed;
    const struct user_request less = {.role = ROLE_VIEWER, .is_disabled = true};
    g_assert_true(auth_user_change(world.auth, &platform_login, &by_admin, &(struct auth_target){answer.user.id, NULL},
                                   &less, &changed, NULL));
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

static pthread_barrier_t logins_begin;

static gpointer login_thread(gpointer data)
{
    struct grant grant;
    pthread_barrier_wait(&logins_begin);
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
    world.settings.auth.password_memory_bytes = 32 << 20; /* long enough that they meet */
    world_start(&world);
    GThread *threads[8];
    int good = 0, full = 0;
    pthread_barrier_init(&logins_begin, NULL, G_N_ELEMENTS(threads));
    for (int round = 0; round < 20 && !full; round++) {
        for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
            threads[i] = g_thread_new("login", login_thread, &world);
        for (size_t i = 0; i < G_N_ELEMENTS(threads); i++) {
            int code = GPOINTER_TO_INT(g_thread_join(threads[i]));
            g_assert_true(code == 0 || code == VEDETTE_ERROR_BUSY);
            good += code == 0;
            full += code == VEDETTE_ERROR_BUSY;
        }
    }
    g_assert_cmpint(good, >=, 1);
    g_assert_cmpint(full, >=, 1); /* who came while one was at it */
    pthread_barrier_destroy(&logins_begin);
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

/* Two logins of one user hash the password anew at once: the one that comes second is held against the other's hash. */
static void test_p05_hash_is_upgraded_by_two_at_once(void)
{
    GThread *threads[4];
    struct auth_world world;
    world_init(&world);
    world.settings.auth.password_memory_bytes = 32 << 20; /* long enough that they meet */
    g_clear_pointer(&world.settings.admin_password, g_free);
    world_restart(&world);
    pthread_barrier_init(&logins_begin, NULL, G_N_ELEMENTS(threads));
    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
        threads[i] = g_thread_new("login", login_thread, &world);
    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
        g_assert_cmpint(GPOINTER_TO_INT(g_thread_join(threads[i])), ==, 0);
    pthread_barrier_destroy(&logins_begin);
    world_clear(&world);
}

/* What a password proved is over once it is another: the login that read the user before then begins nothing. */
static void test_a_login_does_not_outlive_its_password(void)
{
    struct auth_world world;
    world_init(&world);
    struct grant mine = world_login(&world, CLIENT_BROWSER), late;
    struct user *verified = store_user_find(world.store, "admin", NULL);
    g_assert_cmpint(change_password(&world, &mine, WORLD_PASSWORD, "a new password"), ==, 0);
    g_autoptr(GError) error = NULL;
    g_assert_false(session_begin(world.auth, verified, CLIENT_API, &world_here, false, &late, &error));
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_CONFLICT);
    g_clear_error(&error);
    user_free(verified);
    verified = store_user_find(world.store, "admin", NULL);
    world_change_admin(&world, world_disable);
    g_assert_false(session_begin(world.auth, verified, CLIENT_API, &world_here, false, &late, &error));
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_CONFLICT);
    g_autoptr(GPtrArray) sessions = auth_sessions_list(world.auth, "default", NULL, NULL);
    g_assert_cmpuint(sessions->len, ==, 1); /* the one that changed it */
    user_free(verified);
    grant_clear(&mine);
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
    g_assert_false(auth_session_end(world.auth, login.user, &by_admin, newest->id, "someone-else", NULL));
    g_assert_cmpint(world_check(&world, grants[3].access_token), ==, 0);
    g_assert_true(auth_session_end(world.auth, login.user, &by_admin, newest->id, login.user->id, NULL));
    g_assert_cmpint(world_check(&world, grants[3].access_token), ==, VEDETTE_ERROR_PERMISSION);
    g_assert_true(auth_logout(world.auth, &login, &by_admin, NULL));
    g_assert_cmpint(world_check(&world, grants[1].access_token), ==, VEDETTE_ERROR_PERMISSION);
    g_assert_cmpint(world_check(&world, grants[2].access_token), ==, 0);
    login_clear(&login);
    for (int i = 0; i < 4; i++)
        grant_clear(&grants[i]);
    world_clear(&world);
}

/* A program that logs in each time it runs ends no login of a browser. */
static void test_programs_make_no_room_for_themselves_among_browsers(void)
{
    enum { MOST = 2 };
    struct auth_world world;
    world_prepare(&world);
    world.settings.auth.sessions_per_user = MOST;
    world_start(&world);
    struct grant browser = world_login(&world, CLIENT_BROWSER), next;
    for (int i = 0; i <= MOST; i++) {
        struct grant program = world_login(&world, CLIENT_API);
        grant_clear(&program);
    }
    g_assert_cmpint(world_check(&world, browser.access_token), ==, 0);
    g_assert_cmpint(world_refresh(&world, browser.refresh_token, &next), ==, 0);
    g_autoptr(GPtrArray) sessions = auth_sessions_list(world.auth, "default", NULL, NULL);
    g_assert_cmpuint(sessions->len, ==, MOST + 1);
    grant_clear(&browser);
    grant_clear(&next);
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

/* Who leaves does not go on as an administrator by a key that they kept. What a lesser key is used for goes on. */
static void test_a_key_of_an_administrator_ends_with_them(void)
{
    static const struct user_request changes[] = {
        {.role = ROLE_ADMIN, .is_disabled = true}, {.role = ROLE_ADMIN}, {.role = ROLE_OPERATOR}};
    struct auth_world world;
    world_init(&world);
    struct grant grant = world_login(&world, CLIENT_API);
    struct login admin = login_of(&world, &grant);
    const struct user_request leaver = {.username = (char *)"leaver", .role = ROLE_ADMIN};
    struct user_answer made, changed;
    g_assert_true(auth_user_create(world.auth, &admin, &by_admin, &leaver, &made, NULL));
    struct login actor = {.user = &made.user};
    struct api_key_request request = {.name = (char *)"kept", .role = ROLE_ADMIN};
    struct api_key_answer high = make_key(&world, &actor, &request);
    request.role = ROLE_OPERATOR;
    struct api_key_answer low = make_key(&world, &actor, &request);
    const struct auth_target target = {made.user.id, NULL, 0};
    for (size_t i = 0; i < G_N_ELEMENTS(changes); i++) {
        bool may = !changes[i].is_disabled && changes[i].role == ROLE_ADMIN;
        g_assert_true(auth_user_change(world.auth, &admin, &by_admin, &target, &changes[i], &changed, NULL));
        record_clear(&user_answer_descriptor, &changed);
        g_assert_cmpint(world_check(&world, high.token), ==, may ? 0 : VEDETTE_ERROR_PERMISSION);
        g_assert_cmpint(world_check(&world, low.token), ==, 0);
    }
    g_assert_true(auth_user_delete(world.auth, &admin, &by_admin, &target, NULL));
    g_assert_cmpint(world_check(&world, high.token), ==, VEDETTE_ERROR_PERMISSION);
    g_assert_cmpint(world_check(&world, low.token), ==, 0);
    record_clear(&user_answer_descriptor, &made);
    record_clear(&api_key_answer_descriptor, &high);
    record_clear(&api_key_answer_descriptor, &low);
    login_clear(&admin);
    grant_clear(&grant);
    world_clear(&world);
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
    g_assert_false(directory_store_holds(world.directory, answer.token));
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
    g_assert_true(auth_key_revoke(world.auth, admin.user, &by_admin, answer.api_key.id, NULL));
    g_assert_cmpint(world_check(&world, answer.token), ==, VEDETTE_ERROR_PERMISSION);
    g_assert_false(auth_key_revoke(world.auth, admin.user, &by_admin, answer.api_key.id, NULL));
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
    g_assert_true(auth_user_create(world.auth, &admin, &by_admin, &request, &answer, &error));
    g_assert_nonnull(answer.password);
    g_assert_cmpint(world_login_from(&world, "eve", answer.password, CLIENT_API, &world_here, &eve_grant), ==, 0);
    g_assert_true(eve_grant.must_change_password);
    g_assert_false(auth_user_create(world.auth, &admin, &by_admin, &request, &other, &error));
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_CONFLICT);
    g_clear_error(&error);
    request.role = ROLE_PLATFORM;
    g_assert_false(auth_user_change(world.auth, &admin, &by_admin, &(struct auth_target){answer.user.id, NULL},
                                    &request, &other, &error));
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_PERMISSION);
    g_clear_error(&error);
    request.role = ROLE_VIEWER; /* fewer rights: what she has open ends */
    g_assert_true(auth_user_change(world.auth, &admin, &by_admin, &(struct auth_target){answer.user.id, NULL}, &request,
                                   &other, &error));
    record_clear(&user_answer_descriptor, &other);
    g_assert_cmpint(world_check(&world, eve_grant.access_token), ==, VEDETTE_ERROR_PERMISSION);
    g_assert_true(auth_user_delete(world.auth, &admin, &by_admin, &(struct auth_target){answer.user.id, NULL}, &error));
    g_assert_cmpint(world_login_from(&world, "eve", answer.password, CLIENT_API, &world_here, &none), ==,
                    VEDETTE_ERROR_PERMISSION);
    grant_clear(&eve_grant);
    record_clear(&user_answer_descriptor, &answer);
    login_clear(&admin);
    grant_clear(&grant);
    world_clear(&world);
}

/* A change is of what it names: another's, of which it did not know, stays. */
static void test_a_change_undoes_no_other(void)
{
    struct auth_world world;
    world_init(&world);
    struct grant grant = world_login(&world, CLIENT_API);
    struct login admin = login_of(&world, &grant);
    struct user_request request = {.username = (char *)"eve", .role = ROLE_OPERATOR};
    struct user_answer eve, changed;
    g_assert_true(auth_user_create(world.auth, &admin, &by_admin, &request, &eve, NULL));
    const struct user_request off = {.role = ROLE_OPERATOR, .is_disabled = true},
                              subject = {.role = ROLE_OPERATOR, .oidc_subject = (char *)"eve@issuer"};
    const struct auth_target disabled = {eve.user.id, NULL, STORE_USER_DISABLED},
                             named = {eve.user.id, NULL, STORE_USER_SUBJECT | STORE_USER_PASSWORD};
    g_assert_true(auth_user_change(world.auth, &admin, &by_admin, &disabled, &off, &changed, NULL));
    record_clear(&user_answer_descriptor, &changed);
    g_assert_true(auth_user_change(world.auth, &admin, &by_admin, &named, &subject, &changed, NULL));
    g_assert_true(changed.user.is_disabled); /* the answer says what is there, not what was read */
    g_assert_cmpstr(changed.user.oidc_subject, ==, "eve@issuer");
    g_assert_cmpint(changed.user.role, ==, ROLE_OPERATOR);
    record_clear(&user_answer_descriptor, &changed);
    record_clear(&user_answer_descriptor, &eve);
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
    g_assert_false(auth_user_change(world.auth, &admin, &by_admin, &(struct auth_target){admin.user->id, NULL},
                                    &request, &answer, &error));
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_CONFLICT);
    g_clear_error(&error);
    request = (struct user_request){.role = ROLE_ADMIN, .is_disabled = true};
    g_assert_false(auth_user_change(world.auth, &admin, &by_admin, &(struct auth_target){admin.user->id, NULL},
                                    &request, &answer, &error));
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_CONFLICT);
    g_clear_error(&error);
    g_assert_false(
        auth_user_delete(world.auth, &admin, &by_admin, &(struct auth_target){admin.user->id, NULL}, &error));
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
    g_assert_true(auth_user_create(world.auth, &admin, &by_admin, &request, &user, NULL));
    struct api_key_request key_request = {.name = (char *)"wall", .role = ROLE_VIEWER};
    struct api_key_answer key = make_key(&world, &admin, &key_request);
    g_assert_true(auth_key_revoke(world.auth, admin.user, &by_admin, key.api_key.id, NULL));
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
    CASE(p01_unknown_user_does_the_same_work);
    CASE(p03_passwords_are_distinct);
    CASE(p04_memory_is_bounded);
    CASE(p05_hash_is_upgraded);
    CASE(p05_hash_is_upgraded_by_two_at_once);
    CASE(a_login_does_not_outlive_its_password);
    CASE(p06_audit_holds_no_secrets);
    CASE(own_password);
    CASE(first_password_must_be_changed);
    CASE(sessions_are_listed_and_ended);
    CASE(programs_make_no_room_for_themselves_among_browsers);
    CASE(csrf_token_is_the_sessions);
    CASE(api_keys);
    CASE(a_key_of_an_administrator_ends_with_them);
    CASE(users_are_made_and_changed);
    CASE(last_administrator_stays);
    g_test_add_func("/login/a new password undoes nothing", test_a_new_password_undoes_nothing);
    g_test_add_func("/auth/a_change_undoes_no_other", test_a_change_undoes_no_other);
    return g_test_run();
}
