/* Notifications over MQTT, held against a real broker. */
#include "mosquitto_world.h"

/* ---- notify's side ---- */

static struct notify_broker *add_broker(struct notify_world *world, const struct server *server, const char *org_id)
{
    struct notify_broker *broker = record_list_append(&world->settings.notify.brokers, &notify_broker_descriptor);
    broker->id = g_strdup(org_id);
    world_set(&broker->org_id, org_id);
    broker->host = g_strdup("127.0.0.1");
    broker->port = server->port;
    broker->username = g_strdup(org_id);
    broker->password = g_strconcat(org_id, "-word", NULL);
    world->settings.notify.reconnect_seconds = 0.05;
    world->settings.notify.reconnect_max_seconds = 0.2;
    return broker;
}

static void wait_until(struct notify_world *world, struct notify *notify, const char *id,
                       bool (*holds)(const struct endpoint_health *health))
{
    gint64 until_us = g_get_monotonic_time() + DEADLINE_SECONDS * G_USEC_PER_SEC;
    struct endpoint_health health = {0};
    do {
        g_usleep(2000);
        clock_fake_advance_us(world->clock, 100000); /* one that opened while the broker was away is tried in time */
        world_look(notify, id, &health);
    } while (!holds(&health) && g_get_monotonic_time() < until_us);
    if (!holds(&health))
        g_error("%s: state %d, last error %s, delivered %d", id, (int)health.state, health.last_error,
                (int)health.delivered);
    record_clear(&endpoint_health_descriptor, &health);
}

static bool is_connected(const struct endpoint_health *health)
{
    return health->connected;
}

static bool is_empty(const struct endpoint_health *health)
{
    return health->queued == 0;
}

static bool is_refused_by_rights(const struct endpoint_health *health)
{
    return health->failed > 0 && health->last_error && strcasestr(health->last_error, "not authorized");
}

static bool is_refused_by_login(const struct endpoint_health *health)
{
    return !health->connected && health->last_error && strcasestr(health->last_error, "refuses us");
}

static bool is_refused_by_certificate(const struct endpoint_health *health)
{
    return !health->connected && health->last_error && *health->last_error;
}

static bool is_silent(const struct endpoint_health *health)
{
    return health->last_error && strstr(health->last_error, "no answer in time");
}

/* ---- both ---- */

/* A broker that runs, somebody who listens, and settings to name it in. */
struct hall {
    struct notify_world world;
    struct server server;
    struct listener listener;
};

static void hall_init(struct hall *hall, bool has_tls)
{
    world_init(&hall->world);
    server_new(&hall->server, has_tls);
    server_start(&hall->server);
    listener_start(&hall->listener, &hall->server);
}

static void hall_clear(struct hall *hall, struct notify *notify)
{
    notify_close(notify);
    listener_stop(&hall->listener);
    server_free(&hall->server);
    world_clear(&hall->world);
}

static void test_signals_come_under_their_topics_and_availability_stays(void)
{
    struct hall hall;
    hall_init(&hall, false);
    add_broker(&hall.world, &hall.server, "acme");
    CLEANUP(notify) struct notify *notify = world_open(&hall.world);
    world_tell(notify, "e1", "acme", "intrusion", SEVERITY_HIGH);
    wait_for_line(&hall.listener, "vedette/acme/main/door/intrusion ", "\"type\":\"signal.intrusion\"");
    wait_for_line(&hall.listener, "vedette/acme/availability ", "online");
    wait_until(&hall.world, notify, "acme", is_empty);
    listener_stop(&hall.listener);
    listener_start(&hall.listener, &hall.server); /* who comes later is told whether we are there */
    wait_for_line(&hall.listener, "!vedette/acme/availability ", "online");
    notify_close(g_steal_pointer(&notify));
    wait_for_line(&hall.listener, "vedette/acme/availability ", "offline");
    hall_clear(&hall, NULL);
}

static void test_a_broker_hears_of_its_org_alone(void)
{
    struct hall hall;
    hall_init(&hall, false);
    add_broker(&hall.world, &hall.server, "acme");
    add_broker(&hall.world, &hall.server, "bolt");
    CLEANUP(notify) struct notify *notify = world_open(&hall.world);
    world_tell(notify, "e1", "acme", "intrusion", SEVERITY_HIGH);
    world_tell(notify, "e2", "bolt", "intrusion", SEVERITY_HIGH);
    world_tell(notify, "e3", "acme", "fall", SEVERITY_HIGH);
    wait_for_line(&hall.listener, "vedette/acme/main/door/fall", "e3");
    wait_for_line(&hall.listener, "vedette/bolt/main/door/intrusion", "e2");
    wait_until(&hall.world, notify, "acme", is_empty);
    wait_until(&hall.world, notify, "bolt", is_empty);
    g_assert_cmpint(count_lines(&hall.listener, "vedette/acme/", "\"org_id\":\"bolt\""), ==, 0);
    g_assert_cmpint(count_lines(&hall.listener, "vedette/bolt/", "\"org_id\":\"acme\""), ==, 0);
    g_assert_cmpint(count_lines(&hall.listener, "vedette/bolt/", "signal."), ==, 1);
    hall_clear(&hall, g_steal_pointer(&notify));
}

/* What the broker's rights refuse is no delivery, though the connection is well. */
static void test_what_rights_refuse_is_not_delivered(void)
{
    struct notify_world world;
    struct server server;
    world_init(&world);
    server_new(&server, false);
    server_start(&server);
    struct notify_broker *broker = add_broker(&world, &server, "acme");
    world_set(&broker->topic_prefix, "elsewhere");
    CLEANUP(notify) struct notify *notify = world_open(&world);
    world_tell(notify, "e1", "acme", "intrusion", SEVERITY_HIGH);
    wait_until(&world, notify, "acme", is_refused_by_rights);
    wait_until(&world, notify, "acme", is_connected);
    struct endpoint_health health = {0};
    world_look(notify, "acme", &health);
    g_assert_cmpint(health.delivered, ==, 0);
    g_assert_cmpint(health.queued, ==, 1);
    record_clear(&endpoint_health_descriptor, &health);
    notify_close(g_steal_pointer(&notify));
    server_free(&server);
    world_clear(&world);
}

static void test_a_broker_that_is_away_is_waited_for(void)
{
    struct notify_world world;
    struct server server;
    struct listener listener;
    world_init(&world);
    server_new(&server, false);
    add_broker(&world, &server, "acme");
    CLEANUP(notify) struct notify *notify = world_open(&world);
    world_tell(notify, "e1", "acme", "intrusion", SEVERITY_HIGH);
    server_start(&server);
    wait_until(&world, notify, "acme", is_empty);
    server_kill(&server);
    for (int i = 2; i < 20; i++) {
        g_autofree char *id = g_strdup_printf("e%d", i);
        world_tell(notify, id, "acme", "intrusion", SEVERITY_HIGH);
    }
    server_start(&server);
    listener_start(&listener, &server);
    world_tell(notify, "e20", "acme", "intrusion", SEVERITY_HIGH);
    wait_until(&world, notify, "acme", is_empty);
    struct endpoint_health health = {0};
    world_look(notify, "acme", &health);
    g_assert_cmpint(health.delivered, ==, 20);
    g_assert_cmpint(health.dead, ==, 0);
    record_clear(&endpoint_health_descriptor, &health);
    notify_close(g_steal_pointer(&notify));
    listener_stop(&listener);
    server_free(&server);
    world_clear(&world);
}

static void test_a_wrong_login_is_told_and_tried_again(void)
{
    struct notify_world world;
    struct server server;
    world_init(&world);
    server_new(&server, false);
    server_start(&server);
    struct notify_broker *broker = add_broker(&world, &server, "acme");
    world_set(&broker->password, "another-canary");
    CLEANUP(notify) struct notify *notify = world_open(&world);
    wait_until(&world, notify, "acme", is_refused_by_login);
    struct endpoint_health health = {0};
    world_look(notify, "acme", &health);
    g_assert_null(strstr(health.last_error, "canary"));
    record_clear(&endpoint_health_descriptor, &health);
    notify_close(g_steal_pointer(&notify));
    server_free(&server);
    world_clear(&world);
}

static void test_tls_and_whom_it_trusts(void)
{
    struct hall hall;
    hall_init(&hall, true);
    struct notify_broker *trusting = add_broker(&hall.world, &hall.server, "acme"), *wary;
    trusting->tls = true;
    trusting->ca_file = file_of(&hall.server, "cert.pem");
    wary = add_broker(&hall.world, &hall.server, "bolt"); /* the machine's own authorities did not sign it */
    wary->tls = true;
    CLEANUP(notify) struct notify *notify = world_open(&hall.world);
    world_tell(notify, "e1", "acme", "intrusion", SEVERITY_HIGH);
    wait_for_line(&hall.listener, "vedette/acme/main/door/intrusion ", "signal.intrusion");
    wait_until(&hall.world, notify, "bolt", is_refused_by_certificate);
    g_assert_cmpint(count_lines(&hall.listener, "vedette/bolt/", ""), ==, 0);
    hall_clear(&hall, g_steal_pointer(&notify));
}

/* Somebody listens there and says nothing: neither a standstill of ours nor a wait at the end. */
static void test_who_says_nothing_is_given_up_in_time(void)
{
    struct notify_world world;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof address;
    int socket_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    world_init(&world);
    g_assert_cmpint(bind(socket_fd, (struct sockaddr *)&address, sizeof address), ==, 0);
    g_assert_cmpint(listen(socket_fd, 8), ==, 0);
    g_assert_cmpint(getsockname(socket_fd, (struct sockaddr *)&address, &length), ==, 0);
    world.settings.notify.timeout_seconds = 0.1;
    add_broker(&world, &(struct server){.port = ntohs(address.sin_port)}, "acme");
    CLEANUP(notify) struct notify *notify = world_open(&world);
    wait_until(&world, notify, "acme", is_silent);
    notify_close(g_steal_pointer(&notify));
    close(socket_fd);
    world_clear(&world);
}

static void test_with_mqtt_3_1_1(void)
{
    struct hall hall;
    hall_init(&hall, false);
    add_broker(&hall.world, &hall.server, "acme")->version = MQTT_VERSION_311;
    CLEANUP(notify) struct notify *notify = world_open(&hall.world);
    world_tell(notify, "e1", "acme", "intrusion", SEVERITY_HIGH);
    wait_for_line(&hall.listener, "vedette/acme/main/door/intrusion ", "signal.intrusion");
    wait_until(&hall.world, notify, "acme", is_empty);
    hall_clear(&hall, g_steal_pointer(&notify));
}

static void tell_traced(struct notify *notify, const char *id, const char *traceparent)
{
    struct analytics_event *event = world_signal(id, "acme", "intrusion", SEVERITY_HIGH);
    event->traceparent = g_strdup(traceparent);
    notify_ensure(notify, &event, 1);
    g_clear_pointer(&event->traceparent, g_free);
    world_event_free(event);
}

/* By MQTT 5 beside the body, by 3.1.1 in it; nowhere when it is in no trace. */
static void test_the_trace_goes_with_it(void)
{
    static const char trace[] = "00-0123456789abcdef0123456789abcdef";
    static const struct {
        enum mqtt_version version;
        const char *expected;
    } cases[] = {{MQTT_VERSION_5, "}} traceparent=00-0123456789abcdef0123456789abcdef-"},
                 {MQTT_VERSION_311, "\"traceparent\":\"00-0123456789abcdef0123456789abcdef-"}};
    g_autofree char *parent = g_strconcat(trace, "-0123456789abcdef-01", NULL);
    trace_configure(0, 64);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct hall hall;
        hall_init(&hall, false);
        add_broker(&hall.world, &hall.server, "acme")->version = cases[i].version;
        CLEANUP(notify) struct notify *notify = world_open(&hall.world);
        tell_traced(notify, "e1", parent);
        world_tell(notify, "e2", "acme", "fall", SEVERITY_HIGH);
        wait_for_line(&hall.listener, "vedette/acme/main/door/intrusion ", cases[i].expected);
        wait_for_line(&hall.listener, "vedette/acme/main/door/fall ", "signal.fall");
        g_assert_cmpint(count_lines(&hall.listener, "vedette/acme/main/door/fall ", "traceparent"), ==, 0);
        wait_until(&hall.world, notify, "acme", is_empty);
        hall_clear(&hall, g_steal_pointer(&notify));
    }
    trace_close();
}

/* A server that is killed takes no leave: its will does. */
static G_NORETURN void run_until_killed(const char *directory, int port)
{
    struct notify_world world;
    const struct server server = {.port = port};
    world_init(&world);
    world_remove(world.directory);
    world_set(&world.directory, directory); /* which the parent removes */
    add_broker(&world, &server, "acme");
    struct notify *notify = world_open(&world);
    gint64 until_us = g_get_monotonic_time() + 4 * DEADLINE_SECONDS * G_USEC_PER_SEC; /* should nobody kill it */
    while (g_get_monotonic_time() < until_us) {
        struct endpoint_health health = {0};
        world_look(notify, "acme", &health);
        g_usleep(10000);
        record_clear(&endpoint_health_descriptor, &health);
    }
    _exit(1);
}

static char *own_path;
static void test_the_will_speaks_for_who_was_killed(void)
{
    struct server server;
    struct listener listener;
    GPid pid;
    g_autoptr(GError) error = NULL;
    server_new(&server, false);
    server_start(&server);
    listener_start(&listener, &server);
    g_autofree char *port = g_strdup_printf("%d", server.port);
    const char *const arguments[] = {own_path, "until-killed", server.directory, port, NULL};
    g_spawn_async(NULL, (char **)(uintptr_t)arguments, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &pid, &error);
    g_assert_no_error(error);
    wait_for_line(&listener, "vedette/acme/availability ", "online");
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    wait_for_line(&listener, "vedette/acme/availability ", "offline");
    listener_stop(&listener);
    server_free(&server);
}

int main(int argc, char **argv)
{
    own_path = argv[0];
    if (argc == 4 && strcmp(argv[1], "until-killed") == 0)
        run_until_killed(argv[2], (int)g_ascii_strtoll(argv[3], NULL, 10));
    if (!g_file_test(server_path, G_FILE_TEST_IS_EXECUTABLE)) {
        g_print("1..0 # SKIP no mosquitto (apt install mosquitto)\n");
        return 0;
    }
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/broker/signals come under their topics and availability stays",
                    test_signals_come_under_their_topics_and_availability_stays);
    g_test_add_func("/broker/a broker hears of its org alone", test_a_broker_hears_of_its_org_alone);
    g_test_add_func("/broker/what rights refuse is not delivered", test_what_rights_refuse_is_not_delivered);
    g_test_add_func("/broker/a broker that is away is waited for", test_a_broker_that_is_away_is_waited_for);
    g_test_add_func("/broker/a wrong login is told and tried again", test_a_wrong_login_is_told_and_tried_again);
    g_test_add_func("/broker/tls and whom it trusts", test_tls_and_whom_it_trusts);
    g_test_add_func("/broker/who says nothing is given up in time", test_who_says_nothing_is_given_up_in_time);
    g_test_add_func("/broker/the trace goes with it", test_the_trace_goes_with_it);
    g_test_add_func("/broker/with MQTT 3.1.1", test_with_mqtt_3_1_1);
    g_test_add_func("/broker/the will speaks for who was killed", test_the_will_speaks_for_who_was_killed);
    return g_test_run();
}
