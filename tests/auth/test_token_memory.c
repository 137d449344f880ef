/* Tokens that were checked a moment ago: what is remembered never outlives what it is about. */
#include "auth_world.h"

/* How many looks the store was spared by one more check, which is answered with `code`. */
static int64_t check(struct auth_world *world, const char *token, int code)
{
    int64_t before = counter_get(&world->health.tokens_remembered);
    g_assert_cmpint(world_check(world, token), ==, code);
    return counter_get(&world->health.tokens_remembered) - before;
}

static const struct audit_by world_admin = {"default", "admin", "admin", "192.0.2.1", NULL};

static struct api_key_answer make_key(struct auth_world *world)
{
    struct user *user = store_user_find(world->store, "admin", NULL);
    const struct login actor = {.user = user};
    const struct api_key_request request = {.name = (char *)"intake", .role = ROLE_OPERATOR};
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
    struct api_key_answer key = make_key(&world);
    const char *const tokens[] = {ended.access_token, disabled.access_token, key.token};
    for (size_t i = 0; i < G_N_ELEMENTS(tokens); i++) {
        g_assert_cmpint(check(&world, tokens[i], 0), ==, 0);
        check(&world, tokens[i], 0);
        g_assert_cmpint(check(&world, tokens[i], 0), ==, 1);
    }
    g_assert_true(auth_key_revoke(world.auth, &world_admin, key.api_key.id, NULL));
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

static void note_stored(void *data, GPtrArray *events, const bool *stored, const GError *error)
{
    (void)events;
    g_assert_no_error(error);
    g_assert_true(stored[0]);
    g_atomic_int_set((int *)data, 1);
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
    int is_stored = 0;
    g_assert_true(store_events_submit(world.store, events, note_stored, &is_stored, NULL));
    int64_t until_us = g_get_monotonic_time() + 10 * G_USEC_PER_SEC;
    while (!g_atomic_int_get(&is_stored) && g_get_monotonic_time() < until_us)
        g_usleep(1000);
    g_assert_true(g_atomic_int_get(&is_stored));
    g_assert_cmpint(check(&world, grant.access_token, 0), ==, 1);
    grant_clear(&grant);
    world_clear(&world);
}

#define CASE(name) g_test_add_func("/token_memory/" #name, test_##name)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    CASE(tokens_are_remembered);
    CASE(t08_remembered_tokens_end_at_once);
    CASE(what_is_remembered_has_an_end);
    CASE(places_are_bounded);
    CASE(events_are_no_change);
    return g_test_run();
}
