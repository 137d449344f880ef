/* Who is told of what: orgs, policies, severities, kinds; what is taken over once, and stays over a restart. */
#include "notify_world.h"

#include "faults.h"

/* Nobody is there: what is taken over stays. */
static const char nowhere[] = "https://192.0.2.1/in";

static int64_t accepted(struct notify *notify, const char *id)
{
    struct endpoint_health health = {0};
    world_look(notify, id, &health);
    int64_t count = health.accepted;
    record_clear(&endpoint_health_descriptor, &health);
    return count;
}

static int64_t queued(struct notify *notify, const char *id)
{
    struct endpoint_health health = {0};
    world_look(notify, id, &health);
    int64_t count = health.queued;
    record_clear(&endpoint_health_descriptor, &health);
    return count;
}

/* 192.0.2.0/24 is for documents: nothing leaves this machine. */
static void nothing_leaves(struct notify_world *world)
{
    world_set(&world->settings.notify.refused_networks, "0.0.0.0/0,::/0");
}

static void test_an_endpoint_is_told_of_its_org_alone(void)
{
    struct notify_world world;
    world_init(&world);
    nothing_leaves(&world);
    world_add_webhook(&world, "a", "acme", nowhere);
    world_add_webhook(&world, "b", "bolt", nowhere);
    CLEANUP(notify) struct notify *notify = world_open(&world);
    world_tell(notify, "e1", "acme", "intrusion", SEVERITY_HIGH);
    world_tell(notify, "e2", "acme", "intrusion", SEVERITY_HIGH);
    world_tell(notify, "e3", "bolt", "intrusion", SEVERITY_HIGH);
    world_tell(notify, "e4", "other", "intrusion", SEVERITY_HIGH);
    world_tell(notify, "e5", "", "intrusion", SEVERITY_HIGH);
    g_assert_cmpint(accepted(notify, "a"), ==, 2);
    g_assert_cmpint(accepted(notify, "b"), ==, 1);
    notify_close(g_steal_pointer(&notify));
    world_clear(&world);
}

struct seen_ids {
    GString *ids;
};

static void add_id(void *data, const struct endpoint_health *health)
{
    g_string_append_printf(((struct seen_ids *)data)->ids, "%s ", health->id);
}

static void test_nobody_sees_or_enables_anothers_endpoint(void)
{
    struct notify_world world;
    world_init(&world);
    nothing_leaves(&world);
    world_add_webhook(&world, "a", "acme", nowhere);
    world_add_webhook(&world, "b", "bolt", nowhere);
    CLEANUP(notify) struct notify *notify = world_open(&world);
    g_autoptr(GString) own = g_string_new(NULL), all = g_string_new(NULL), none = g_string_new(NULL);
    notify_each_endpoint(notify, "acme", add_id, &(struct seen_ids){own});
    notify_each_endpoint(notify, NULL, add_id, &(struct seen_ids){all});
    notify_each_endpoint(notify, "", add_id, &(struct seen_ids){none});
    g_assert_cmpstr(own->str, ==, "a ");
    g_assert_cmpstr(all->str, ==, "a b ");
    g_assert_cmpstr(none->str, ==, "");
    g_assert_true(notify_shows_breaker(notify, "upstream:webhook:a", "acme"));
    g_assert_false(notify_shows_breaker(notify, "upstream:webhook:b", "acme"));
    g_assert_false(notify_shows_breaker(notify, "upstream:webhook:unknown", "acme"));
    g_assert_true(notify_shows_breaker(notify, "upstream:store", "acme"));
    g_assert_true(notify_shows_breaker(notify, "upstream:webhook:b", NULL));
    const char *owner;
    g_assert_true(notify_has_breaker(notify, "upstream:webhook:b", &owner));
    g_assert_cmpstr(owner, ==, "bolt");
    g_assert_true(notify_has_breaker(notify, "upstream:mqtt:b", &owner));
    g_assert_null(owner);
    g_assert_false(notify_has_breaker(notify, "upstream:store", &owner));
    g_assert_false(notify_enable(notify, "acme", ENDPOINT_WEBHOOK, "b"));
    g_assert_true(notify_enable(notify, "acme", ENDPOINT_WEBHOOK, "a"));
    notify_close(g_steal_pointer(&notify));
    world_clear(&world);
}

/* ---- what the notify policy says: a row for each key ---- */

static bool policy_says(void *data, const char *org_id, const char *site_id, const char *camera_id,
                        struct notify_policy *policy)
{
    (void)org_id;
    (void)site_id;
    (void)camera_id;
    struct record_errors errors;
    const char *document = data;
    record_errors_init(&errors);
    const struct record_descriptor *descriptor = policy_type_find(POLICY_NOTIFY)->descriptor;
    g_assert_true(record_decode_json(descriptor, document, strlen(document), policy, &errors));
    record_errors_clear(&errors);
    return true;
}

/* How many of five signals, one of each severity, an endpoint is told of. */
static int64_t told_under(const char *document)
{
    struct notify_world world;
    world_init(&world);
    nothing_leaves(&world);
    world_add_webhook(&world, "a", "acme", nowhere);
    const struct notify_parts parts = {.data_dir = world.directory,
                                       .settings = &world.settings.notify,
                                       .clock = world.clock,
                                       .resilience = world.resilience,
                                       .says = policy_says,
                                       .says_data = (void *)(uintptr_t)document};
    struct notify *notify = notify_open(&parts, NULL);
    for (unsigned severity = SEVERITY_INFO; severity <= SEVERITY_CRITICAL; severity++) {
        g_autofree char *id = g_strdup_printf("e%u", severity);
        world_tell(notify, id, "acme", "intrusion", (enum severity)severity);
    }
    int64_t count = accepted(notify, "a");
    notify_close(notify);
    world_clear(&world);
    return count;
}

static void test_each_key_of_the_policy_changes_what_is_told(void)
{
    static const struct {
        const char *key, *first, *second;
        int64_t of_first, of_second;
    } rows[] = {
        {"notify_enabled", "{\"minimum_severity\":\"info\"}",
         "{\"minimum_severity\":\"info\",\"notify_enabled\":false}", 5, 0},
        {"minimum_severity", "{}", "{\"minimum_severity\":\"critical\"}", 3, 1},
    };
    const struct record_descriptor *descriptor = policy_type_find(POLICY_NOTIFY)->descriptor;
    g_assert_cmpuint(descriptor->field_count, ==, G_N_ELEMENTS(rows));
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_assert_nonnull(record_find_field(descriptor, rows[i].key));
        g_assert_cmpint(told_under(rows[i].first), ==, rows[i].of_first);
        g_assert_cmpint(told_under(rows[i].second), ==, rows[i].of_second);
    }
}

static void test_an_endpoint_may_ask_for_less(void)
{
    struct notify_world world;
    world_init(&world);
    nothing_leaves(&world);
    struct notify_webhook *severe = world_add_webhook(&world, "severe", "acme", nowhere);
    severe->minimum_severity = SEVERITY_CRITICAL;
    struct notify_webhook *falls = world_add_webhook(&world, "falls", "acme", nowhere);
    falls->kinds = (struct record_strings){g_new(char *, 1), 1};
    falls->kinds.items[0] = g_strdup("fall");
    world_add_webhook(&world, "off", "acme", nowhere)->enabled = false;
    CLEANUP(notify) struct notify *notify = world_open(&world);
    world_tell(notify, "e1", "acme", "intrusion", SEVERITY_HIGH);
    world_tell(notify, "e2", "acme", "intrusion", SEVERITY_CRITICAL);
    world_tell(notify, "e3", "acme", "fall", SEVERITY_HIGH);
    world_tell(notify, "e4", "acme", "falling", SEVERITY_LOW); /* under the policy's default */
    g_assert_cmpint(accepted(notify, "severe"), ==, 1);
    g_assert_cmpint(accepted(notify, "falls"), ==, 1);
    notify_close(g_steal_pointer(&notify));
    world_clear(&world);
}

/* ---- what becomes of incidents ---- */

static void tell_incident(struct notify *notify, const char *id, enum severity severity)
{
    struct incident incident;
    record_init(&incident_descriptor, &incident);
    incident.org_id = g_strdup("acme");
    incident.id = g_strdup("i-1");
    incident.camera_id = g_strdup("door");
    incident.service = SERVICE_SAFETY;
    incident.kind = g_strdup("fall");
    incident.severity = severity;
    incident.status = INCIDENT_OPEN;
    world_set(&incident.title, "Fall: camera door");
    incident.started_at.ms = incident.last_signal_at.ms = notify_start_ms;
    g_autoptr(GString) json = g_string_new(NULL);
    record_encode_json(&incident_descriptor, &incident, false, json);
    struct incident_change change = {.org_id = incident.org_id,
                                     .id = (char *)(uintptr_t)id,
                                     .incident_id = incident.id,
                                     .camera_id = incident.camera_id,
                                     .step = INCIDENT_STEP_OPENED,
                                     .at = {notify_start_ms},
                                     .incident = {json->str}},
                           *changes[] = {&change};
    notify_ensure_incidents(notify, changes, 1);
    record_clear(&incident_descriptor, &incident);
}

static void test_who_is_told_what_becomes_of_incidents(void)
{
    static const struct {
        const char *id, *org_id;
        enum notify_about about;
        int64_t told;
    } cases[] = {{"all", "acme", NOTIFY_ABOUT_ALL, 3},
                 {"signals", "acme", NOTIFY_ABOUT_SIGNALS, 1},
                 {"incidents", "acme", NOTIFY_ABOUT_INCIDENTS, 2},
                 {"foreign", "bolt", NOTIFY_ABOUT_ALL, 0}};
    struct notify_world world;
    world_init(&world);
    nothing_leaves(&world);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
        world_add_webhook(&world, cases[i].id, cases[i].org_id, nowhere)->about = cases[i].about;
    world_add_webhook(&world, "severe", "acme", nowhere)->minimum_severity = SEVERITY_CRITICAL;
    CLEANUP(notify) struct notify *notify = world_open(&world);
    world_tell(notify, "e1", "acme", "fall", SEVERITY_HIGH);
    tell_incident(notify, "c1", SEVERITY_HIGH);
    tell_incident(notify, "c2", SEVERITY_CRITICAL);
    tell_incident(notify, "c2", SEVERITY_CRITICAL); /* again: known */
    tell_incident(notify, "c3", SEVERITY_LOW);      /* under the policy's default */
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
        g_assert_cmpint(accepted(notify, cases[i].id), ==, cases[i].told);
    g_assert_cmpint(accepted(notify, "severe"), ==, 1);
    notify_close(g_steal_pointer(&notify));
    world_clear(&world);
}

/* ---- once, and to stay ---- */

static void test_what_is_offered_twice_is_taken_over_once(void)
{
    struct notify_world world;
    world_init(&world);
    nothing_leaves(&world);
    world.settings.notify.remembered = 2; /* below what the settings allow */
    world_add_webhook(&world, "a", "acme", nowhere);
    world_add_webhook(&world, "b", "acme", nowhere);
    CLEANUP(notify) struct notify *notify = world_open(&world);
    for (int i = 0; i < 3; i++)
        world_tell(notify, "e1", "acme", "intrusion", SEVERITY_HIGH);
    g_assert_cmpint(accepted(notify, "a"), ==, 1);
    g_assert_cmpint(accepted(notify, "b"), ==, 1);
    world_tell(notify, "e2", "acme", "intrusion", SEVERITY_HIGH);
    world_tell(notify, "e3", "acme", "intrusion", SEVERITY_HIGH);
    world_tell(notify, "e1", "acme", "intrusion", SEVERITY_HIGH); /* forgotten: once more does no harm */
    g_assert_cmpint(accepted(notify, "a"), ==, 4);
    notify_close(g_steal_pointer(&notify));
    world_clear(&world);
}

static int64_t refused(struct notify *notify, const char *id)
{
    struct endpoint_health health = {0};
    world_look(notify, id, &health);
    int64_t count = health.refused;
    record_clear(&endpoint_health_descriptor, &health);
    return count;
}

static void wait_until_counted(struct notify *notify, int64_t (*counter)(struct notify *, const char *), int64_t count)
{
    gint64 until_us = g_get_monotonic_time() + 60 * G_USEC_PER_SEC;
    while (counter(notify, "a") < count && g_get_monotonic_time() < until_us)
        g_usleep(1000);
    g_assert_cmpint(counter(notify, "a"), ==, count);
}

/* Put in and not yet answered when it closes: the queue answers then, and nobody is there any more to be woken. */
static void test_closing_with_answers_under_way_loses_nothing(void)
{
    enum { COUNT = 200 };
    struct notify_world world;
    world_init(&world);
    nothing_leaves(&world);
    world_add_webhook(&world, "a", "acme", nowhere);
    struct notify *notify = world_open(&world);
    for (int i = 0; i < COUNT; i++) {
        g_autofree char *id = g_strdup_printf("e%d", i);
        struct analytics_event *event = world_signal(id, "acme", "intrusion", SEVERITY_HIGH);
        notify_offer(notify, event);
        world_event_free(event);
    }
    notify_close(notify);
    notify = world_open(&world);
    g_assert_cmpint(queued(notify, "a"), ==, COUNT);
    notify_close(notify);
    world_clear(&world);
}

/* Those whose disk takes it hear of it once; the others as soon as theirs has room. */
static void test_a_disk_that_is_full_for_a_while_loses_nothing(void)
{
    if (!has_faults())
        return;
    struct notify_world world;
    world_init(&world);
    nothing_leaves(&world);
    world_add_webhook(&world, "a", "acme", nowhere);
    world_add_webhook(&world, "b", "acme", nowhere);
    CLEANUP(notify) struct notify *notify = world_open(&world);
    plan_faults("spool.insert=1");
    world_tell(notify, "e1", "acme", "intrusion", SEVERITY_HIGH);
    plan_faults(NULL);
    g_assert_cmpint(accepted(notify, "a"), ==, 1);
    g_assert_cmpint(accepted(notify, "b"), ==, 1);
    g_assert_cmpint(refused(notify, "a") + refused(notify, "b"), ==, 0);
    notify_close(g_steal_pointer(&notify));
    world_clear(&world);
}

/* What was offered and not taken is not known for taken: who makes sure of it tries again. */
static void test_what_a_full_disk_did_not_take_is_offered_again(void)
{
    if (!has_faults())
        return;
    struct notify_world world;
    world_init(&world);
    nothing_leaves(&world);
    world_add_webhook(&world, "a", "acme", nowhere);
    world.settings.notify.hold_seconds = 0.3;
    CLEANUP(notify) struct notify *notify = world_open(&world);
    struct analytics_event *event = world_signal("e1", "acme", "intrusion", SEVERITY_HIGH);
    plan_faults("spool.insert=1+");
    notify_offer(notify, event);
    notify_ensure(notify, &event, 1); /* gives up in the end: what is stored must go on */
    g_assert_cmpint(accepted(notify, "a"), ==, 0);
    wait_until_counted(notify, refused, 1);
    plan_faults(NULL);
    notify_ensure(notify, &event, 1);
    wait_until_counted(notify, accepted, 1);
    world_event_free(event);
    notify_close(g_steal_pointer(&notify));
    world_clear(&world);
}

static void test_what_was_taken_over_is_there_after_a_restart(void)
{
    struct notify_world world;
    world_init(&world);
    nothing_leaves(&world);
    world_add_webhook(&world, "a", "acme", nowhere);
    struct notify *notify = world_open(&world);
    world_tell(notify, "e1", "acme", "intrusion", SEVERITY_HIGH);
    world_tell(notify, "e2", "acme", "intrusion", SEVERITY_HIGH);
    notify_close(notify);
    notify = world_open(&world);
    g_assert_cmpint(queued(notify, "a"), ==, 2);
    notify_close(notify);
    world_clear(&world);
}

static void test_what_is_no_signal_is_told_to_nobody(void)
{
    struct notify_world world;
    world_init(&world);
    nothing_leaves(&world);
    world_add_webhook(&world, "a", "acme", nowhere);
    CLEANUP(notify) struct notify *notify = world_open(&world);
    struct analytics_event *event = world_signal("e1", "acme", "intrusion", SEVERITY_HIGH);
    event->type = EVENT_ZONE_HIT;
    notify_ensure(notify, &event, 1);
    event->type = EVENT_SIGNAL;
    event->payload.text[1] = '!'; /* no JSON any more */
    notify_ensure(notify, &event, 1);
    world_event_free(event);
    notify_offer(NULL, NULL); /* nobody is to be told */
    g_assert_cmpint(accepted(notify, "a"), ==, 0);
    notify_close(g_steal_pointer(&notify));
    world_clear(&world);
}

/* ---- settings ---- */

static void test_bad_secrets_are_told_and_not_shown(void)
{
    struct notify_world world;
    g_autoptr(GError) error = NULL;
    world_init(&world);
    struct notify_webhook *webhook = world_add_webhook(&world, "till", "acme", nowhere);
    const struct notify_parts parts = {
        world.directory, &world.settings.notify, world.clock, world.resilience, NULL, NULL};
    world_set(&webhook->secret, "whsec_c2hvcnQ=");
    g_assert_null(notify_open(&parts, &error));
    g_assert_nonnull(strstr(error->message, "till"));
    g_assert_null(strstr(error->message, "c2hvcnQ"));
    g_clear_error(&error);
    world_set(&webhook->secret, NULL);
    world_set(&webhook->secret_file, "/nonexistent/secret");
    g_assert_null(notify_open(&parts, &error));
    g_assert_nonnull(strstr(error->message, "/nonexistent/secret"));
    world_clear(&world);
}

static bool is_valid_webhook(const char *json)
{
    struct notify_webhook webhook;
    struct record_errors errors;
    record_errors_init(&errors);
    bool is_good = record_decode_json(&notify_webhook_descriptor, json, strlen(json), &webhook, &errors);
    record_errors_clear(&errors);
    if (is_good)
        record_clear(&notify_webhook_descriptor, &webhook);
    return is_good;
}

static void test_addresses_that_are_taken(void)
{
    static const struct {
        const char *url;
        bool is_good;
    } cases[] = {{"https://example.test/in?key=1", true},
                 {"http://10.0.0.7:8080/", true},
                 {"https://[2001:db8::1]/in", true},
                 {"ftp://example.test/", false},
                 {"file:///etc/passwd", false},
                 {"https://user:pass@example.test/", false},
                 {"https://", false},
                 {"example.test/in", false},
                 {"https://example.test/a b", false},
                 {"gopher://example.test", false},
                 {"https://example.test/\\u000a", false}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *json = g_strdup_printf("{\"id\":\"a\",\"url\":\"%s\",\"secret\":\"x\"}", cases[i].url);
        if (is_valid_webhook(json) != cases[i].is_good)
            g_error("%s", cases[i].url);
    }
    g_assert_false(is_valid_webhook("{\"id\":\"a\",\"url\":\"https://example.test/\"}"));
    g_assert_false(
        is_valid_webhook("{\"id\":\"a\",\"url\":\"https://example.test/\",\"secret\":\"x\",\"secret_file\":\"/y\"}"));
}

/* ---- names ---- */

static void test_hostile_names_stay_one_level_of_a_topic(void)
{
    static const struct {
        const char *name, *level;
    } cases[] = {
        {"door-1.b_c", "door-1.b_c"}, {"a/b", "a%2Fb"}, {"+", "%2B"},    {"#", "%23"}, {"", "-"}, {"a\nb", "a%0Ab"},
        {"$SYS", "%24SYS"},           {"ü", "%C3%BC"},  {"%2F", "%252F"}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        char *name = (char *)(uintptr_t)cases[i].name;
        struct message message = {.org_id = name, .site_id = name, .camera_id = name, .kind = name};
        g_autofree char *topic = message_topic("vedette", NOTIFY_TOPIC_SIGNAL, &message);
        g_autofree char *expected =
            g_strjoin("/", "vedette", cases[i].level, cases[i].level, cases[i].level, cases[i].level, NULL);
        g_assert_cmpstr(topic, ==, expected);
        g_autofree char *of_incident = message_topic("vedette", NOTIFY_TOPIC_INCIDENT, &message),
                        *below = g_strconcat(expected, "/incident", NULL);
        g_assert_cmpstr(of_incident, ==, below);
        g_autofree char *availability = message_topic("vedette", NOTIFY_TOPIC_AVAILABILITY, &message),
                        *ours = g_strjoin("/", "vedette", cases[i].level, "availability", NULL);
        g_assert_cmpstr(availability, ==, ours);
    }
}

static void test_ids_of_webhooks_hold_no_full_stop(void)
{
    g_autofree char *plain = message_webhook_id("0190-abc_1"), *dotted = message_webhook_id("a.b");
    g_assert_cmpstr(plain, ==, "0190-abc_1");
    g_assert_cmpstr(dotted, ==, "a~b");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/notify/an endpoint is told of its org alone", test_an_endpoint_is_told_of_its_org_alone);
    g_test_add_func("/notify/nobody sees or enables another's endpoint", test_nobody_sees_or_enables_anothers_endpoint);
    g_test_add_func("/notify/each key of the policy changes what is told",
                    test_each_key_of_the_policy_changes_what_is_told);
    g_test_add_func("/notify/an endpoint may ask for less", test_an_endpoint_may_ask_for_less);
    g_test_add_func("/notify/who is told what becomes of incidents", test_who_is_told_what_becomes_of_incidents);
    g_test_add_func("/notify/what is offered twice is taken over once", test_what_is_offered_twice_is_taken_over_once);
    g_test_add_func("/notify/closing with answers under way loses nothing",
                    test_closing_with_answers_under_way_loses_nothing);
    g_test_add_func("/notify/a disk that is full for a while loses nothing",
                    test_a_disk_that_is_full_for_a_while_loses_nothing);
    g_test_add_func("/notify/what a full disk did not take is offered again",
                    test_what_a_full_disk_did_not_take_is_offered_again);
    g_test_add_func("/notify/what was taken over is there after a restart",
                    test_what_was_taken_over_is_there_after_a_restart);
    g_test_add_func("/notify/what is no signal is told to nobody", test_what_is_no_signal_is_told_to_nobody);
    g_test_add_func("/notify/bad secrets are told and not shown", test_bad_secrets_are_told_and_not_shown);
    g_test_add_func("/notify/addresses that are taken", test_addresses_that_are_taken);
    g_test_add_func("/notify/hostile names stay one level of a topic", test_hostile_names_stay_one_level_of_a_topic);
    g_test_add_func("/notify/ids of webhooks hold no full stop", test_ids_of_webhooks_hold_no_full_stop);
    return g_test_run();
}
