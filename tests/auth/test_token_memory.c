/* Tokens that were checked a moment ago: what is remembered never outlives what it is about. */
#include <pthread.h>
#include <time.h>

#include "auth_world.h"

#include "store/kept_answers.h"

/* How many looks the store was spared by one more check, which is answered with `code`. */
static int64_t check(struct auth_world *world, const char *token, int code)
{
    int64_t before = counter_get(&world->health.tokens_remembered);
    g_assert_cmpint(world_check(world, token), ==, code);
    return counter_get(&world->health.tokens_remembered) - before;
}

static const struct audit_by world_admin = {"default", "admin", "admin", "192.0.2.1", NULL};

/* `expires_ms` 0: never. */
static struct api_key_answer make_key(struct auth_world *world, int64_t expires_ms)
{
    struct user *user = store_user_find(world->store, "admin", NULL);
    const struct login actor = {.user = user};
    const struct api_key_request request = {
        .name = (char *)"intake", .role = ROLE_OPERATOR, .expires_at = {expires_ms}};
    struct api_key_answer answer;
    g_assert_true(auth_key_create(world->auth, &actor, &world_admin, &request, &answer, NULL));
    user_free(user);
    return answer;
}

static void test_tokens_are_remembered(void)
{
    struct auth_world world;
    world_init(&world);
    struct grant grant = world_login(&world, CLIENT_API);
    struct login first, again;
    g_assert_true(auth_check_token(world.auth, grant.access_token, &first, NULL));
    g_assert_true(auth_check_token(world.auth, grant.access_token, &again, NULL));
    g_assert_cmpint(counter_get(&world.health.tokens_remembered), ==, 1);
    g_assert_cmpstr(first.user->id, ==, again.user->id);
    g_assert_cmpint(first.user->role, ==, again.user->role);
    g_assert_cmpstr(first.session_id, ==, again.session_id);
    g_assert_cmpint(first.expires_ms, ==, again.expires_ms);
    g_assert_null(first.user->password_hash); /* who was let in needs it no more */
    g_assert_null(again.user->password_hash);
    login_clear(&first);
    login_clear(&again);
    g_autofree char *other = g_strconcat(grant.access_token, "x", NULL);
    g_assert_cmpint(check(&world, other, VEDETTE_ERROR_PERMISSION), ==, 0);
    g_assert_cmpint(check(&world, other, VEDETTE_ERROR_PERMISSION), ==, 0); /* what is wrong is not remembered */
    grant_clear(&grant);
    world_clear(&world);
}

static void test_t08_remembered_tokens_end_at_once(void)
{
    struct auth_world world;
    world_init(&world);
    struct grant ended = world_login(&world, CLIENT_API), disabled = world_login(&world, CLIENT_API);
    struct api_key_answer key = make_key(&world, 0);
    const char *const tokens[] = {ended.access_token, disabled.access_token, key.token};
    for (size_t i = 0; i < G_N_ELEMENTS(tokens); i++) {
        g_assert_cmpint(check(&world, tokens[i], 0), ==, 0);
        check(&world, tokens[i], 0);
        g_assert_cmpint(check(&world, tokens[i], 0), ==, 1);
    }
    const struct user actor = {.role = ROLE_ADMIN};
    g_assert_true(auth_key_revoke(world.auth, &actor, &world_admin, key.api_key.id, NULL));
    g_assert_cmpint(check(&world, key.token, VEDETTE_ERROR_PERMISSION), ==, 0);
    struct login login;
    g_assert_true(auth_check_token(world.auth, ended.access_token, &login, NULL));
    g_assert_true(auth_logout(world.auth, &login, &world_admin, NULL));
    login_clear(&login);
    g_assert_cmpint(check(&world, ended.access_token, VEDETTE_ERROR_PERMISSION), ==, 0);
    check(&world, disabled.access_token, 0);
    g_assert_cmpint(check(&world, disabled.access_token, 0), ==, 1);
    world_change_admin(&world, world_disable);
    g_assert_cmpint(check(&world, disabled.access_token, VEDETTE_ERROR_PERMISSION), ==, 0);
    record_clear(&api_key_answer_descriptor, &key);
    grant_clear(&ended);
    grant_clear(&disabled);
    world_clear(&world);
}

static void test_a_lesser_role_counts_at_once(void)
{
    struct auth_world world;
    world_init(&world);
    struct grant grant = world_login(&world, CLIENT_API);
    check(&world, grant.access_token, 0);
    g_assert_cmpint(check(&world, grant.access_token, 0), ==, 1);
    world_change_admin(&world, world_demote);
    struct login login;
    g_assert_true(auth_check_token(world.auth, grant.access_token, &login, NULL));
    g_assert_cmpint(login.user->role, ==, ROLE_VIEWER);
    login_clear(&login);
    grant_clear(&grant);
    world_clear(&world);
}

static void test_a_session_that_another_ends_is_over_at_once(void)
{
    struct auth_world world;
    world_init(&world);
    struct grant grant = world_login(&world, CLIENT_BROWSER);
    struct login login;
    g_assert_true(auth_check_token(world.auth, grant.access_token, &login, NULL));
    g_assert_cmpint(check(&world, grant.access_token, 0), ==, 1);
    g_assert_true(auth_session_end(world.auth, login.user, &world_admin, login.session_id, login.user->id, NULL));
    g_assert_cmpint(check(&world, grant.access_token, VEDETTE_ERROR_PERMISSION), ==, 0);
    login_clear(&login);
    grant_clear(&grant);
    world_clear(&world);
}

/* A token is no longer good than the key that signed it, also where settings were changed since. */
static void test_what_is_remembered_ends_with_its_signing_key(void)
{
    enum { DAY_SECONDS = 86400 };
    struct auth_world world;
    world_prepare(&world);
    world.settings.auth.token_minutes = 20 * 24 * 60;
    world.settings.auth.session_days = 30;
    world.settings.auth.key_days = 1;
    world.settings.auth.clock_skew_seconds = 0;
    world.settings.auth.remembered_seconds = 30 * DAY_SECONDS;
    world_start(&world);
    struct grant grant = world_login(&world, CLIENT_API);
    world_advance(&world, DAY_SECONDS);
    world.settings.auth.token_minutes = 15;
    world.settings.auth.session_days = 1; /* how long the first key is taken after the next signs */
    struct grant next = world_login(&world, CLIENT_API);
    check(&world, grant.access_token, 0);
    world_advance(&world, DAY_SECONDS - 1);
    g_assert_cmpint(check(&world, grant.access_token, 0), ==, 1);
    world_advance(&world, 1);
    g_assert_cmpint(check(&world, grant.access_token, VEDETTE_ERROR_PERMISSION), ==, 0);
    grant_clear(&next);
    grant_clear(&grant);
    world_clear(&world);
}

static void test_what_is_remembered_ends_with_its_key(void)
{
    struct auth_world world;
    world_prepare(&world);
    world.settings.auth.remembered_seconds = 3600;
    world_start(&world);
    struct api_key_answer key = make_key(&world, world_start_ms + 60000);
    check(&world, key.token, 0);
    world_advance(&world, 59);
    g_assert_cmpint(check(&world, key.token, 0), ==, 1);
    world_advance(&world, 1);
    g_assert_cmpint(check(&world, key.token, VEDETTE_ERROR_PERMISSION), ==, 0);
    record_clear(&api_key_answer_descriptor, &key);
    world_clear(&world);
}

static void test_what_is_remembered_has_an_end(void)
{
    struct auth_world world;
    world_prepare(&world);
    world.settings.auth.token_minutes = 1;
    world.settings.auth.clock_skew_seconds = 0;
    world_start(&world);
    struct grant grant = world_login(&world, CLIENT_API);
    check(&world, grant.access_token, 0);
    world_advance(&world, world.settings.auth.remembered_seconds - 1);
    g_assert_cmpint(check(&world, grant.access_token, 0), ==, 1);
    world_advance(&world, 1);
    g_assert_cmpint(check(&world, grant.access_token, 0), ==, 0);
    world.settings.auth.remembered_seconds = 3600;
    world_advance(&world, 3600); /* past what was remembered */
    grant_clear(&grant);
    grant = world_login(&world, CLIENT_API);
    check(&world, grant.access_token, 0);
    world_advance(&world, 59);
    g_assert_cmpint(check(&world, grant.access_token, 0), ==, 1);
    world_advance(&world, 1); /* the token's own end */
    g_assert_cmpint(check(&world, grant.access_token, VEDETTE_ERROR_PERMISSION), ==, 0);
    grant_clear(&grant);
    world_clear(&world);
}

/* One place, or none: whoever was there last is looked up anew, and that is all. */
static void test_places_are_bounded(void)
{
    for (int places = 0; places <= 1; places++) {
        struct auth_world world;
        world_prepare(&world);
        world.settings.auth.remembered_tokens = places;
        world_start(&world);
        struct grant one = world_login(&world, CLIENT_API), two = world_login(&world, CLIENT_API);
        for (int i = 0; i < 3; i++) {
            g_assert_cmpint(check(&world, one.access_token, 0), ==, 0);
            g_assert_cmpint(check(&world, one.access_token, 0), ==, places);
            g_assert_cmpint(check(&world, two.access_token, 0), ==, 0);
        }
        grant_clear(&one);
        grant_clear(&two);
        world_clear(&world);
    }
}

struct storing {
    pthread_mutex_t lock; /* not GLib's, which the thread sanitizer does not see */
    pthread_cond_t changed;
    bool is_stored; /* lock */
};

static void note_stored(void *data, GPtrArray *events, const bool *stored, const GError *error)
{
    struct storing *storing = data;
    (void)events;
    g_assert_no_error(error);
    g_assert_true(stored[0]);
    pthread_mutex_lock(&storing->lock);
    storing->is_stored = true;
    pthread_cond_signal(&storing->changed);
    pthread_mutex_unlock(&storing->lock);
}

/* Submits and waits. Takes the events over. */
static void store_events(struct auth_world *world, GPtrArray *events)
{
    struct storing storing = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 60;
    g_assert_true(store_events_submit(world->store, events, note_stored, &storing, NULL));
    pthread_mutex_lock(&storing.lock);
    while (!storing.is_stored)
        g_assert_cmpint(pthread_cond_timedwait(&storing.changed, &storing.lock, &until), ==, 0);
    pthread_mutex_unlock(&storing.lock);
    pthread_mutex_destroy(&storing.lock);
    pthread_cond_destroy(&storing.changed);
}

/* What is stored all the time must not make everyone be looked up all the time. */
static void test_events_are_no_change(void)
{
    struct auth_world world;
    world_init(&world);
    struct grant grant = world_login(&world, CLIENT_API);
    check(&world, grant.access_token, 0);
    struct analytics_event *event = g_new0(struct analytics_event, 1);
    event->id = g_strdup("0197a000-0000-7000-8000-000000000001");
    event->type = EVENT_SIGNAL;
    event->org_id = g_strdup("default");
    event->site_id = g_strdup("default");
    event->camera_id = g_strdup("door");
    event->occurred_at.ms = event->received_at.ms = world_start_ms;
    event->count = EVENT_COUNT_NOTHING;
    event->payload.text =
        g_strdup("{\"id\":\"0197a000-0000-7000-8000-000000000001\",\"camera_id\":\"door\",\"service\":"
                 "\"safety\",\"kind\":\"intrusion\",\"severity\":\"high\","
                 "\"started_at\":\"2026-01-01T00:00:00Z\"}");
    GPtrArray *events = g_ptr_array_new_with_free_func((GDestroyNotify)analytics_event_free);
    g_ptr_array_add(events, event);
    store_events(&world, events);
    g_assert_cmpint(check(&world, grant.access_token, 0), ==, 1);
    grant_clear(&grant);
    world_clear(&world);
}

/* Nor what the server notes of cameras, answers and jobs every few seconds. */
static void test_what_is_noted_all_the_time_is_no_change(void)
{
    struct auth_world world;
    world_init(&world);
    struct grant grant = world_login(&world, CLIENT_API);
    struct api_key_answer key = make_key(&world, 0);
    const struct kept_answer answer = {.org_id = (char *)"default", .key = (char *)"k", .request_sha256 = (char *)"0"};
    g_autoptr(GPtrArray) none = g_ptr_array_new();
    check(&world, grant.access_token, 0);
    g_assert_true(store_camera_set_health(world.store, "default", "door", true, world_start_ms, "{}", NULL));
    g_assert_true(store_answer_keep(world.store, &answer, 1 << 20, NULL));
    g_assert_true(store_answer_let_go(world.store, "default", "k", NULL));
    g_assert_true(store_incident_changes_remove(world.store, "default", none, NULL));
    check(&world, key.token, 0); /* which notes that it was used */
    g_assert_cmpint(check(&world, key.token, 0), ==, 1);
    g_assert_cmpint(check(&world, grant.access_token, 0), ==, 1);
    record_clear(&api_key_answer_descriptor, &key);
    grant_clear(&grant);
    world_clear(&world);
}

#define CASE(name) g_test_add_func("/token_memory/" #name, test_##name)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    CASE(tokens_are_remembered);
    CASE(t08_remembered_tokens_end_at_once);
    CASE(a_lesser_role_counts_at_once);
    CASE(a_session_that_another_ends_is_over_at_once);
    CASE(what_is_remembered_ends_with_its_signing_key);
    CASE(what_is_remembered_ends_with_its_key);
    CASE(what_is_remembered_has_an_end);
    CASE(places_are_bounded);
    CASE(events_are_no_change);
    CASE(what_is_noted_all_the_time_is_no_change);
    return g_test_run();
}
