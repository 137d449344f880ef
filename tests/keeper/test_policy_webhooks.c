/* A webhook's change is made once: by which server of a store it comes, before and after restarts. Case W3. */
#include "../store/store_world.h"
#include "keeper/keeper.h"

enum { HOUR_MS = 3600000, MAX_IDS = 4 };

struct server {
    struct store *store;
    struct settings settings;
    struct policy_keeper *keeper;
};

static const struct policy_name all_safety = {{NULL}, POLICY_SAFETY, NULL};

/* An embedded store is one process's: there its servers are two keepers of it. */
static void server_start(struct server *server, struct store_world *world)
{
    g_autoptr(GError) error = NULL;
    *server = (struct server){.store = world_is_postgres() ? world_open(world, &error) : world->store};
    g_assert_no_error(error);
    record_init(&settings_descriptor, &server->settings);
    const struct policy_keeper_config config = {
        .store = server->store, .settings = &server->settings, .clock = world->clock};
    server->keeper = policy_keeper_new(&config, &error);
    g_assert_no_error(error);
}

static void server_end(struct server *server)
{
    policy_keeper_free(server->keeper);
    if (world_is_postgres())
        store_close(server->store);
    record_clear(&settings_descriptor, &server->settings);
}

/* 0: it was made; else the error's code. */
static int send(struct server *server, const char *id, const char *body, int64_t expires_ms, bool *is_known)
{
    struct policy_changed changed;
    struct record_errors errors;
    g_autoptr(GError) error = NULL;
    struct store_webhook_claim claim = {.id = id, .expires_ms = expires_ms, .max_ids = MAX_IDS};
    record_errors_init(&errors);
    const struct policy_change change = {.name = all_safety,
                                         .action = POLICY_PUT,
                                         .body = body,
                                         .expected_version = -1,
                                         .by = {"default", "webhook", NULL, NULL, "test"},
                                         .webhook = &claim};
    bool is_good = policy_keeper_change(server->keeper, &change, &changed, &errors, &error);
    policy_changed_clear(&changed);
    record_errors_clear(&errors);
    *is_known = claim.is_known;
    return is_good ? 0 : error->code;
}

/* Each time another document, so that its version tells how many were taken. */
static void check(struct server *server, const char *id, int expected)
{
    static int sent;
    bool is_known;
    g_autofree char *body = g_strdup_printf("{\"loitering_seconds\":%d}", ++sent);
    g_assert_cmpint(send(server, id, body, world_start_ms + HOUR_MS, &is_known), ==, expected);
    g_assert_cmpint(is_known, ==, expected == VEDETTE_ERROR_PERMISSION);
}

static int64_t version(struct server *server)
{
    struct service_policy *policy = policy_keeper_find(server->keeper, &all_safety, NULL);
    int64_t number = policy->version;
    service_policy_free(policy);
    return number;
}

static void test_w03_no_server_takes_what_another_took(void)
{
    struct store_world world;
    struct server ours, theirs;
    world_init(&world);
    server_start(&ours, &world);
    server_start(&theirs, &world);
    check(&ours, "msg_1", 0);
    check(&ours, "msg_1", VEDETTE_ERROR_PERMISSION);
    check(&theirs, "msg_1", VEDETTE_ERROR_PERMISSION);
    check(&theirs, "msg_2", 0);
    check(&ours, "msg_2", VEDETTE_ERROR_PERMISSION);
    server_end(&theirs);
    server_end(&ours);
    store_close(world.store);
    world.store = world_open(&world, NULL);
    server_start(&ours, &world); /* nor after a restart */
    check(&ours, "msg_1", VEDETTE_ERROR_PERMISSION);
    g_assert_cmpint(version(&ours), ==, 2);
    server_end(&ours);
    world_clear(&world);
}

/* Its sender may mend what it says, or try again, with the same id. */
static void test_w03_what_changed_nothing_may_come_again(void)
{
    struct store_world world;
    struct server server;
    bool is_known;
    world_init(&world);
    server_start(&server, &world);
    g_assert_cmpint(send(&server, "msg_1", "{\"loitering_seconds\":-1}", world_start_ms + HOUR_MS, &is_known), ==,
                    VEDETTE_ERROR_INVALID);
    g_assert_false(is_known);
    check(&server, "msg_1", 0);
    server_end(&server);
    world_clear(&world);
}

static void test_w03_so_many_are_remembered_and_no_longer_than_they_are_good(void)
{
    struct store_world world;
    struct server server;
    world_init(&world);
    server_start(&server, &world);
    for (int i = 0; i < MAX_IDS; i++) {
        g_autofree char *id = g_strdup_printf("msg_%d", i);
        check(&server, id, 0);
    }
    check(&server, "msg_more", VEDETTE_ERROR_FULL);
    check(&server, "msg_0", VEDETTE_ERROR_PERMISSION);
    clock_fake_advance_us(world.clock, HOUR_MS * INT64_C(1000));
    check(&server, "msg_0", VEDETTE_ERROR_PERMISSION); /* to the last moment */
    clock_fake_advance_us(world.clock, 1000);
    check(&server, "msg_more", 0);
    g_assert_cmpint(version(&server), ==, MAX_IDS + 1);
    server_end(&server);
    world_clear(&world);
}

int main(int argc, char **argv)
{
    if (world_is_missing())
        return 0;
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/policy webhooks/w03_no_server_takes_what_another_took",
                    test_w03_no_server_takes_what_another_took);
    g_test_add_func("/policy webhooks/w03_what_changed_nothing_may_come_again",
                    test_w03_what_changed_nothing_may_come_again);
    g_test_add_func("/policy webhooks/w03_so_many_are_remembered_and_no_longer_than_they_are_good",
                    test_w03_so_many_are_remembered_and_no_longer_than_they_are_good);
    return g_test_run();
}
