/* Two servers on one PostgreSQL: what one changes, the other hears of. Case H8. No polling here: only notices count. */
#include "../store/store_world.h"
#include "keeper/keeper.h"

struct server {
    struct settings settings;
    struct server_health health;
    struct store *store;
    struct policy_keeper *keeper;
};

static const struct policy_name org_safety = {{.org_id = "default"}, POLICY_SAFETY, NULL};

/* With the org, which comes with its first camera. */
static void begin(struct store_world *world)
{
    struct camera camera;
    world_init(world);
    record_init(&camera_descriptor, &camera);
    camera.id = g_strdup("door");
    camera.source = g_strdup("rtsp://10.0.0.7/s");
    g_assert_true(store_camera_put(world->store, &camera, NULL));
    record_clear(&camera_descriptor, &camera);
}

static void server_start(struct server *server, struct store_world *world)
{
    g_autoptr(GError) error = NULL;
    struct store_settings settings = world_settings;
    g_autofree char *url = postgres_url("vedette_login", world->database);
    *server = (struct server){0};
    settings.url = url;
    record_init(&settings_descriptor, &server->settings);
    server->settings.policies.poll_seconds = 0;
    server->store = store_open(world->directory, &settings, world->clock, &server->health, &error);
    g_assert_no_error(error);
    const struct policy_keeper_config config = {
        .store = server->store, .settings = &server->settings, .clock = world->clock};
    server->keeper = policy_keeper_new(&config, &error);
    g_assert_no_error(error);
    g_assert_true(policy_keeper_start(server->keeper, &error));
}

static void server_end(struct server *server)
{
    policy_keeper_free(server->keeper);
    store_close(server->store);
    record_clear(&settings_descriptor, &server->settings);
}

static int64_t change(struct server *server, int seconds)
{
    struct policy_changed changed;
    struct record_errors errors;
    g_autoptr(GError) error = NULL;
    g_autofree char *body = g_strdup_printf("{\"loitering_seconds\":%d}", seconds);
    record_errors_init(&errors);
    const struct policy_change wanted = {.name = org_safety,
                                         .action = POLICY_PUT,
                                         .body = body,
                                         .expected_version = -1,
                                         .by = {"default", "u1", "ann", NULL, "because"}};
    policy_keeper_change(server->keeper, &wanted, &changed, &errors, &error);
    g_assert_no_error(error);
    int64_t revision = changed.revision;
    policy_changed_clear(&changed);
    record_errors_clear(&errors);
    return revision;
}

static void wait_for_revision(struct server *server, int64_t revision)
{
    gint64 deadline_us = g_get_monotonic_time() + 60 * G_USEC_PER_SEC;
    for (;;) {
        struct policy_status status;
        policy_keeper_get_status(server->keeper, &status);
        int64_t seen = status.revision;
        policy_status_clear(&status);
        if (seen == revision)
            return;
        g_assert_cmpint(g_get_monotonic_time(), <, deadline_us);
        g_usleep(1000);
    }
}

/* So often the policies were read as a whole. */
static void wait_for_loads(struct server *server, int64_t loads)
{
    gint64 deadline_us = g_get_monotonic_time() + 60 * G_USEC_PER_SEC;
    for (int64_t seen = 0; seen < loads;) {
        struct policy_status status;
        policy_keeper_get_status(server->keeper, &status);
        seen = status.loads;
        policy_status_clear(&status);
        g_assert_cmpint(g_get_monotonic_time(), <, deadline_us);
        g_usleep(1000);
    }
}

static void wait_for_counter(const int64_t *counter, int64_t value)
{
    gint64 deadline_us = g_get_monotonic_time() + 60 * G_USEC_PER_SEC;
    while (counter_get(counter) != value) {
        g_assert_cmpint(counter_get(counter), <, value);
        g_assert_cmpint(g_get_monotonic_time(), <, deadline_us);
        g_usleep(1000);
    }
}

enum { LOADS_OF_A_START = 2 };

/* Two servers of one store, of which the second listens. */
static void begin_two(struct store_world *world, struct server *ours, struct server *theirs)
{
    begin(world);
    server_start(ours, world);
    server_start(theirs, world);
    wait_for_counter(&theirs->health.policy_listener_starts, 1);
    wait_for_loads(ours, LOADS_OF_A_START); /* who listens reads everything once more, a moment later */
    wait_for_loads(theirs, LOADS_OF_A_START);
}

/* What is in force, not only what was told. */
static double loitering(struct server *server)
{
    struct policy_effective effective;
    policy_keeper_resolve(server->keeper, POLICY_SAFETY, &org_safety.scope, &effective);
    const char *value = strstr(effective.config_json, "\"loitering_seconds\":");
    double seconds = value ? g_ascii_strtod(value + strlen("\"loitering_seconds\":"), NULL) : 0;
    policy_effective_clear(&effective);
    return seconds;
}

static void wait_for_loitering(struct server *server, double seconds)
{
    gint64 deadline_us = g_get_monotonic_time() + 60 * G_USEC_PER_SEC;
    while (loitering(server) != seconds && g_get_monotonic_time() < deadline_us)
        g_usleep(1000);
    g_assert_cmpfloat(loitering(server), ==, seconds);
}

static void test_each_revision_is_one_notice(void)
{
    struct store_world world;
    struct server ours, theirs;
    begin_two(&world, &ours, &theirs);
    int64_t revision = 0;
    for (int i = 1; i <= 5; i++)
        revision = change(&ours, i);
    wait_for_revision(&theirs, revision);
    wait_for_counter(&theirs.health.policy_notices, 5);
    /* another program's hand */
    postgres_do(world.database, "UPDATE service_policies SET config = '{\"loitering_seconds\": 9}', revision = 6");
    wait_for_counter(&theirs.health.policy_notices, 6);
    wait_for_loitering(&theirs, 9);
    server_end(&theirs);
    server_end(&ours);
    world_clear(&world);
}

static void end_listeners(const struct store_world *world)
{
    postgres_do(world->database, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN %' "
                                 "AND datname = current_database()");
}

static void wait_until_nobody_listens(const struct store_world *world)
{
    gint64 deadline_us = g_get_monotonic_time() + 60 * G_USEC_PER_SEC;
    for (;;) {
        g_autofree char *count = postgres_ask(world->database, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE "
                                                               "'LISTEN %' AND datname = current_database()");
        if (strcmp(count, "0") == 0)
            return;
        g_assert_cmpint(g_get_monotonic_time(), <, deadline_us);
        g_usleep(1000);
    }
}

/* The change is made while nobody listens: its notice reaches nobody, and yet it is read. */
static void test_h08_what_was_missed_is_read_after_a_reconnect(void)
{
    struct store_world world;
    struct server ours, theirs;
    begin_two(&world, &ours, &theirs);
    wait_for_revision(&theirs, change(&ours, 1));
    wait_for_counter(&theirs.health.policy_notices, 1);
    wait_for_loads(&theirs, LOADS_OF_A_START + 1);               /* the notice's own: none is left to come */
    wait_for_loads(&ours, LOADS_OF_A_START + 2);                 /* and who made the change reads it at once */
    postgres_do("postgres", "ALTER ROLE vedette_login NOLOGIN"); /* who is connected stays so */
    end_listeners(&world);
    wait_until_nobody_listens(&world);
    int64_t revision = change(&ours, 2);
    g_assert_cmpint(counter_get(&theirs.health.policy_listener_starts), ==, 1);
    g_assert_cmpfloat(loitering(&theirs), ==, 1);
    postgres_do("postgres", "ALTER ROLE vedette_login LOGIN");
    wait_for_revision(&theirs, revision);
    wait_for_loitering(&theirs, 2);
    g_assert_cmpint(counter_get(&theirs.health.policy_notices), ==, 1);
    server_end(&theirs);
    server_end(&ours);
    world_clear(&world);
}

/* The same wherever the change falls: before, while or after nobody listens. */
static void test_h08_a_change_beside_a_reconnect_is_read(void)
{
    struct store_world world;
    struct server ours, theirs;
    begin_two(&world, &ours, &theirs);
    wait_for_revision(&theirs, change(&ours, 1));
    for (int i = 2; i <= 4; i++) {
        end_listeners(&world);
        wait_for_revision(&theirs, change(&ours, i));
        wait_for_counter(&theirs.health.policy_listener_starts, i);
    }
    server_end(&theirs);
    server_end(&ours);
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_setenv("VEDETTE_TEST_STORE", "postgres", TRUE);
    if (world_is_missing())
        return 0;
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/policy listen/each revision is one notice", test_each_revision_is_one_notice);
    g_test_add_func("/policy listen/h08_what_was_missed_is_read_after_a_reconnect",
                    test_h08_what_was_missed_is_read_after_a_reconnect);
    g_test_add_func("/policy listen/h08_a_change_beside_a_reconnect_is_read",
                    test_h08_a_change_beside_a_reconnect_is_read);
    return g_test_run();
}
