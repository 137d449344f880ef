/* An endpoint's queue and ladder, with a clock that the test moves and without a network. Cases W4 and W5. */
#include "notify_world.h"

#include <math.h>

struct fixture {
    struct notify_world world;
    struct dead_letters *dead;
    struct endpoint *endpoint;
    struct vedette_breaker *breaker;
    struct record_strings kinds;
    char *directory;
};

static void ignore(void *data)
{
    (void)data;
}

static void open_endpoint(struct fixture *fixture)
{
    g_autoptr(GError) error = NULL;
    const struct notify_settings *settings = &fixture->world.settings.notify;
    struct endpoint_config config = {
        .audience = {ENDPOINT_WEBHOOK, "till", "acme", SEVERITY_INFO, &fixture->kinds},
        .settings = settings,
        .ladder = {.jitter = settings->retry_jitter},
        .clock = fixture->world.clock,
        .breaker = fixture->breaker,
        .dead_letters = fixture->dead,
        .wake = ignore,
    };
    config.ladder.count = notify_ladder_read(settings->retry_seconds, config.ladder.seconds, NOTIFY_LADDER_MAX, &error);
    g_assert_no_error(error);
    fixture->endpoint = endpoint_new(&config, fixture->directory, &error);
    g_assert_no_error(error);
}

static void start(struct fixture *fixture)
{
    g_autoptr(GError) error = NULL;
    *fixture = (struct fixture){0};
    world_init(&fixture->world);
    g_autofree char *dead = g_build_filename(fixture->world.directory, "dead", NULL);
    fixture->directory = g_build_filename(fixture->world.directory, "till", NULL);
    fixture->dead = dead_letters_new(dead, &fixture->world.settings.notify, fixture->world.clock, &error);
    g_assert_no_error(error);
    fixture->breaker = vedette_resilience_breaker(fixture->world.resilience, "upstream:webhook:till");
    vedette_breaker_force(fixture->breaker, VEDETTE_BREAKER_DISABLED); /* its own times are its own tests' */
    open_endpoint(fixture);
}

static void end(struct fixture *fixture)
{
    dead_letters_free(fixture->dead);
    endpoint_free(fixture->endpoint);
    g_free(fixture->directory);
    world_clear(&fixture->world);
}

struct waiter {
    pthread_mutex_t lock;
    pthread_cond_t done;
    bool is_done;
};

static void on_put(void *data, enum put_outcome outcome)
{
    (void)outcome;
    struct waiter *waiter = data;
    pthread_mutex_lock(&waiter->lock);
    waiter->is_done = true;
    pthread_cond_signal(&waiter->done);
    pthread_mutex_unlock(&waiter->lock);
}

static void put(struct fixture *fixture, const char *id)
{
    struct analytics_event *event = world_signal(id, "acme", "intrusion", SEVERITY_HIGH);
    g_autoptr(GString) json = g_string_new(NULL);
    struct waiter waiter = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};
    record_encode_json(&analytics_event_descriptor, event, true, json);
    endpoint_put(fixture->endpoint, &(struct endpoint_text){"acme", json->str, json->len, 7}, on_put, &waiter);
    pthread_mutex_lock(&waiter.lock);
    while (!waiter.is_done)
        pthread_cond_wait(&waiter.done, &waiter.lock);
    pthread_mutex_unlock(&waiter.lock);
    world_event_free(event);
}

static void settle(struct fixture *fixture, struct delivery *delivery, enum attempt_outcome outcome,
                   int64_t retry_after_us)
{
    const struct attempt attempt = {outcome, retry_after_us, outcome == ATTEMPT_DELIVERED ? NULL : "it answered 500"};
    endpoint_settle(fixture->endpoint, delivery, &attempt);
}

static struct endpoint_health look(struct fixture *fixture)
{
    struct endpoint_health health;
    endpoint_look(fixture->endpoint, &health);
    struct endpoint_health numbers = health;
    numbers.id = numbers.org_id = numbers.last_error = NULL;
    record_clear(&endpoint_health_descriptor, &health);
    return numbers;
}

static struct delivery *take(struct fixture *fixture)
{
    int64_t wait_us;
    return endpoint_take(fixture->endpoint, &wait_us);
}

/* Dead letters leave the queue once they are kept. */
static void wait_until_queued(struct fixture *fixture, int64_t count)
{
    gint64 until_us = g_get_monotonic_time() + 60 * G_USEC_PER_SEC;
    while (look(fixture).queued != count && g_get_monotonic_time() < until_us)
        g_usleep(1000);
    g_assert_cmpint(look(fixture).queued, ==, count);
}

/* The next of a queue that was just opened, and is read in the background. */
static struct delivery *take_soon(struct fixture *fixture)
{
    gint64 until_us = g_get_monotonic_time() + 60 * G_USEC_PER_SEC;
    struct delivery *delivery;
    while (!(delivery = take(fixture)) && g_get_monotonic_time() < until_us)
        g_usleep(1000);
    g_assert_nonnull(delivery);
    return delivery;
}

/* Waits as long as the endpoint says, by the clock, and takes. Returns how long that was. */
static double wait_and_take(struct fixture *fixture, struct delivery **delivery)
{
    int64_t wait_us, waited_us = 0;
    while (!(*delivery = endpoint_take(fixture->endpoint, &wait_us))) {
        g_assert_cmpint(wait_us, >, 0);
        g_assert_cmpint(wait_us, <, INT64_C(8) * 86400 * G_USEC_PER_SEC);
        clock_fake_advance_us(fixture->world.clock, wait_us - 1);
        g_assert_null(take(fixture)); /* not a microsecond before */
        clock_fake_advance_us(fixture->world.clock, 1);
        waited_us += wait_us;
    }
    return (double)waited_us / G_USEC_PER_SEC;
}

static const double ladder_seconds[] = {0, 5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400};

static void test_w04_the_ladder_of_the_specification_and_then_a_dead_letter(void)
{
    struct fixture fixture;
    start(&fixture);
    put(&fixture, "e1");
    bool is_exact = true;
    for (size_t i = 0; i < G_N_ELEMENTS(ladder_seconds); i++) {
        struct delivery *delivery;
        double waited = wait_and_take(&fixture, &delivery);
        g_assert_cmpfloat(fabs(waited - ladder_seconds[i]), <=, ladder_seconds[i] * 0.1 + 1e-3);
        is_exact = is_exact && fabs(waited - ladder_seconds[i]) < 1e-3;
        g_assert_cmpint(look(&fixture).dead, ==, 0);
        settle(&fixture, delivery, ATTEMPT_FAILED, 0);
    }
    g_assert_false(is_exact); /* there is jitter */
    struct endpoint_health health = look(&fixture);
    g_assert_cmpint(health.dead, ==, 1);
    g_assert_cmpint(health.attempts, ==, G_N_ELEMENTS(ladder_seconds));
    g_assert_cmpint(health.failed, ==, health.attempts);
    g_assert_null(take(&fixture));
    wait_until_queued(&fixture, 0);
    end(&fixture);
}

static void test_w04_who_waits_for_a_retry_holds_up_nobody(void)
{
    struct fixture fixture;
    start(&fixture);
    put(&fixture, "e1");
    settle(&fixture, take(&fixture), ATTEMPT_REFUSED, 0);
    put(&fixture, "e2");
    struct delivery *second = take(&fixture);
    g_assert_cmpstr(second->message.id, ==, "e2");
    settle(&fixture, second, ATTEMPT_DELIVERED, 0);
    struct endpoint_health health = look(&fixture);
    g_assert_cmpint(health.delivered, ==, 1);
    g_assert_cmpint(health.retrying, ==, 1);
    end(&fixture);
}

static void test_w04_retry_after_is_obeyed_by_all_of_them(void)
{
    struct fixture fixture;
    struct delivery *delivery;
    start(&fixture);
    put(&fixture, "e1");
    put(&fixture, "e2");
    settle(&fixture, take(&fixture), ATTEMPT_FAILED, INT64_C(100) * G_USEC_PER_SEC);
    g_assert_cmpint(look(&fixture).state, ==, ENDPOINT_PAUSED);
    g_assert_cmpfloat(wait_and_take(&fixture, &delivery), ==, 100);
    settle(&fixture, delivery, ATTEMPT_DELIVERED, 0);
    /* nobody is kept waiting for years */
    settle(&fixture, take(&fixture), ATTEMPT_FAILED, INT64_MAX / 2);
    g_assert_cmpfloat(wait_and_take(&fixture, &delivery), <=, 86400);
    settle(&fixture, delivery, ATTEMPT_DELIVERED, 0);
    end(&fixture);
}

/* The ladder is not begun anew by those who restart: what is old enough has had its tries. */
static void test_w04_a_restart_goes_on_with_the_ladder(void)
{
    struct fixture fixture;
    struct delivery *delivery;
    start(&fixture);
    put(&fixture, "e1");
    settle(&fixture, take(&fixture), ATTEMPT_FAILED, 0);
    clock_fake_advance_us(fixture.world.clock, INT64_C(40) * 60 * G_USEC_PER_SEC); /* four tries: 0, 5, 305, 2105 s */
    endpoint_free(fixture.endpoint);
    open_endpoint(&fixture);
    settle(&fixture, take_soon(&fixture), ATTEMPT_FAILED, 0);
    double waited = wait_and_take(&fixture, &delivery);
    g_assert_cmpfloat(fabs(waited - 7200), <=, 720);
    settle(&fixture, delivery, ATTEMPT_DELIVERED, 0);
    end(&fixture);
}

/* Who was off for weeks has not tried: what waited has the last wait and the try after it still before it. */
static void test_w04_time_that_a_server_was_off_uses_up_no_last_tries(void)
{
    struct fixture fixture;
    struct delivery *delivery;
    start(&fixture);
    put(&fixture, "e1");
    clock_fake_advance_us(fixture.world.clock, INT64_C(30) * 86400 * G_USEC_PER_SEC);
    endpoint_free(fixture.endpoint);
    open_endpoint(&fixture);
    settle(&fixture, take_soon(&fixture), ATTEMPT_FAILED, 0);
    g_assert_cmpint(look(&fixture).dead, ==, 0);
    g_assert_cmpfloat(fabs(wait_and_take(&fixture, &delivery) - 86400), <=, 8640);
    settle(&fixture, delivery, ATTEMPT_DELIVERED, 0);
    end(&fixture);
}

/* Of those that failed and are due, as many as may be tried just now; each fails again. */
static int retry_all(struct fixture *fixture, int64_t *wait_us)
{
    struct delivery *delivery;
    int count = 0;
    for (; (delivery = endpoint_take(fixture->endpoint, wait_us)); count++)
        settle(fixture, delivery, ATTEMPT_FAILED, 0);
    return count;
}

static void test_j06_retries_cannot_multiply_the_load_of_an_endpoint(void)
{
    enum { COUNT = 20, BURST = 3 };
    struct fixture fixture;
    int64_t wait_us;
    start(&fixture);
    fixture.world.settings.notify.retry_permille = 200;
    fixture.world.settings.notify.retry_burst = BURST;
    fixture.world.settings.notify.retry_pace_seconds = 2;
    endpoint_free(fixture.endpoint);
    open_endpoint(&fixture);
    for (int i = 0; i < COUNT; i++) {
        g_autofree char *id = g_strdup_printf("e%d", i);
        put(&fixture, id);
        settle(&fixture, take(&fixture), ATTEMPT_FAILED, 0);
    }
    clock_fake_advance_us(fixture.world.clock, 10 * G_USEC_PER_SEC); /* all wait for their second try, after 5 s */
    g_assert_cmpint(retry_all(&fixture, &wait_us), ==, BURST);
    g_assert_cmpint(wait_us, ==, 2 * G_USEC_PER_SEC);
    put(&fixture, "news"); /* is not kept waiting by them */
    struct delivery *news = take(&fixture);
    g_assert_cmpstr(news->message.id, ==, "news");
    settle(&fixture, news, ATTEMPT_DELIVERED, 0);
    for (int i = 0; i < 4; i++) { /* five told for the first time give one more */
        put(&fixture, "more");
        settle(&fixture, take(&fixture), ATTEMPT_DELIVERED, 0);
    }
    g_assert_cmpint(retry_all(&fixture, &wait_us), ==, 1);
    clock_fake_advance_us(fixture.world.clock, 2 * G_USEC_PER_SEC); /* and none waits for ever */
    g_assert_cmpint(retry_all(&fixture, &wait_us), ==, 1);
    g_assert_cmpint(look(&fixture).put_off, >, 0);
    g_assert_cmpint(look(&fixture).dead, ==, 0);
    end(&fixture);
}

/* ---- dead letters ---- */

struct found {
    int count;
    char *last_id;
    GString *events;
};

static bool note_letter(void *data, const struct dead_letter *letter)
{
    struct found *found = data;
    found->count++;
    g_free(found->last_id);
    found->last_id = g_strdup(letter->id);
    g_string_append(found->events, letter->event.text);
    return false;
}

static struct found find_letters(struct fixture *fixture, const char *org_id)
{
    struct found found = {.events = g_string_new(NULL)};
    dead_letters_visit(fixture->dead, org_id, note_letter, &found);
    return found;
}

static void found_clear(struct found *found)
{
    g_free(found->last_id);
    g_string_free(found->events, TRUE);
}

static void note_buried(void *data)
{
    g_atomic_int_inc((int *)data);
}

/* Letters of an org, with an event of so many bytes and what it has under way alone. */
static void bury(struct fixture *fixture, const char *org_id, int first, int count, size_t bytes)
{
    const struct audience audience = {ENDPOINT_WEBHOOK, "till", org_id, SEVERITY_INFO, &fixture->kinds};
    int buried = 0;
    g_autofree char *filling = g_strnfill(bytes, 'x');
    for (int i = first; i < first + count; i++) {
        g_autofree char *id = g_strdup_printf("e%d", i);
        struct analytics_event *event = world_signal(id, org_id, "intrusion", SEVERITY_HIGH);
        g_free(event->payload.text);
        event->payload.text = g_strdup_printf("{\"note\":\"%s\"}", filling);
        event->traceparent = g_strdup("00-0123456789abcdef0123456789abcdef-0123456789abcdef-01");
        g_autoptr(GString) json = g_string_new(NULL);
        record_encode_json(&event_under_way_descriptor, event, true, json);
        struct vedette_spool_record record = {.payload = json->str, .length = json->len};
        struct vedette_spool_batch batch = {.records = &record, .count = 1};
        const struct delivery delivery = {.batch = &batch, .message = {.id = id, .org_id = event->org_id}};
        dead_letters_add(fixture->dead, &audience, &delivery, "it answered 500", note_buried, &buried);
        g_clear_pointer(&event->traceparent, g_free);
        world_event_free(event);
    }
    gint64 until_us = g_get_monotonic_time() + 60 * G_USEC_PER_SEC;
    while (g_atomic_int_get(&buried) < count && g_get_monotonic_time() < until_us)
        g_usleep(1000);
    g_assert_cmpint(g_atomic_int_get(&buried), ==, count);
}

static void test_the_newest_of_many_large_dead_letters_is_there(void)
{
    enum { COUNT = 12 };
    struct fixture fixture;
    start(&fixture);
    bury(&fixture, "acme", 0, COUNT, 1000000);
    for (int i = 0; i < 2; i++) { /* and still is, when it was looked at */
        struct found found = find_letters(&fixture, "acme");
        g_assert_cmpint(found.count, ==, COUNT);
        g_assert_cmpstr(found.last_id, ==, "e11");
        found_clear(&found);
    }
    end(&fixture);
}

static void test_a_dead_letter_shows_what_events_show_and_no_more(void)
{
    struct fixture fixture;
    start(&fixture);
    bury(&fixture, "acme", 0, 1, 1);
    struct found found = find_letters(&fixture, "acme");
    g_assert_nonnull(strstr(found.events->str, "\"note\""));
    g_assert_null(strstr(found.events->str, "traceparent"));
    found_clear(&found);
    end(&fixture);
}

static void test_dead_letters_have_an_age(void)
{
    struct fixture fixture;
    start(&fixture);
    bury(&fixture, "acme", 0, 1, 1);
    clock_fake_advance_us(fixture.world.clock, INT64_C(29) * 86400 * G_USEC_PER_SEC);
    struct found young = find_letters(&fixture, "acme");
    g_assert_cmpint(young.count, ==, 1);
    clock_fake_advance_us(fixture.world.clock, INT64_C(86400) * G_USEC_PER_SEC);
    struct found old = find_letters(&fixture, "acme");
    g_assert_cmpint(old.count, ==, 0);
    found_clear(&young);
    found_clear(&old);
    end(&fixture);
}

/* More of them than the library's spools take by default. */
static void test_no_orgs_dead_letter_is_lost_to_others(void)
{
    enum { ORGS = 300 };
    struct fixture fixture;
    start(&fixture);
    for (int i = 0; i < ORGS; i++) {
        g_autofree char *org_id = g_strdup_printf("org%d", i);
        bury(&fixture, org_id, i, 1, 1);
    }
    struct found last = find_letters(&fixture, "org299");
    g_assert_cmpint(last.count, ==, 1);
    found_clear(&last);
    end(&fixture);
}

static void test_what_a_deleted_org_left_is_erased(void)
{
    struct fixture fixture;
    start(&fixture);
    bury(&fixture, "acme", 0, 2, 1);
    bury(&fixture, "bolt", 2, 1, 1);
    dead_letters_erase(fixture.dead, "acme");
    struct found own = find_letters(&fixture, "acme"), theirs = find_letters(&fixture, "bolt");
    g_assert_cmpint(own.count, ==, 0);
    g_assert_cmpint(theirs.count, ==, 1);
    found_clear(&own);
    found_clear(&theirs);
    for (int i = 0; i < 3; i++) {
        g_autofree char *id = g_strdup_printf("q%d", i);
        put(&fixture, id);
    }
    settle(&fixture, take(&fixture), ATTEMPT_FAILED, 0);
    struct delivery *under_way = take(&fixture);
    endpoint_erase(fixture.endpoint);
    settle(&fixture, under_way, ATTEMPT_FAILED, 0);
    put(&fixture, "late");
    g_assert_null(take(&fixture));
    g_assert_cmpint(look(&fixture).queued, ==, 0);
    g_assert_cmpint(look(&fixture).dead, ==, 0);
    end(&fixture);
}

static void test_w05_gone_disables_until_somebody_enables(void)
{
    struct fixture fixture;
    start(&fixture);
    put(&fixture, "e1");
    put(&fixture, "e2");
    settle(&fixture, take(&fixture), ATTEMPT_GONE, 0);
    g_assert_null(take(&fixture));
    put(&fixture, "e3"); /* nobody wants it */
    struct endpoint_health health = look(&fixture);
    g_assert_cmpint(health.state, ==, ENDPOINT_GONE);
    g_assert_cmpint(health.gone, ==, 1);
    g_assert_cmpint(health.dead, ==, 1);
    g_assert_cmpint(health.refused, ==, 1);
    wait_until_queued(&fixture, 1);
    endpoint_enable(fixture.endpoint);
    struct delivery *delivery = take(&fixture);
    g_assert_cmpstr(delivery->message.id, ==, "e2");
    settle(&fixture, delivery, ATTEMPT_DELIVERED, 0);
    g_assert_cmpint(look(&fixture).state, ==, ENDPOINT_READY);
    end(&fixture);
}

static void test_what_was_broken_off_is_tried_again_at_once(void)
{
    struct fixture fixture;
    start(&fixture);
    put(&fixture, "e1");
    settle(&fixture, take(&fixture), ATTEMPT_BROKEN_OFF, 0);
    struct delivery *delivery = take(&fixture);
    g_assert_cmpint(delivery->tries, ==, 0);
    settle(&fixture, delivery, ATTEMPT_BROKEN_OFF, 0);
    endpoint_free(fixture.endpoint);
    open_endpoint(&fixture);
    delivery = take_soon(&fixture);
    g_assert_cmpstr(delivery->message.id, ==, "e1");
    settle(&fixture, delivery, ATTEMPT_DELIVERED, 0);
    end(&fixture);
}

static void test_no_more_than_so_many_at_once(void)
{
    struct fixture fixture;
    start(&fixture);
    put(&fixture, "e1");
    put(&fixture, "e2");
    put(&fixture, "e3");
    struct delivery *first = take(&fixture), *second = take(&fixture);
    g_assert_null(take(&fixture));
    settle(&fixture, first, ATTEMPT_DELIVERED, 0);
    struct delivery *third = take(&fixture);
    settle(&fixture, second, ATTEMPT_DELIVERED, 0);
    settle(&fixture, third, ATTEMPT_DELIVERED, 0);
    g_assert_cmpint(look(&fixture).queued, ==, 0);
    end(&fixture);
}

static void test_those_who_wait_for_a_retry_are_bounded(void)
{
    struct fixture fixture;
    start(&fixture);
    fixture.world.settings.notify.retrying = 2;
    put(&fixture, "e1");
    put(&fixture, "e2");
    put(&fixture, "e3");
    for (int i = 0; i < 2; i++)
        settle(&fixture, take(&fixture), ATTEMPT_FAILED, 0);
    g_assert_null(take(&fixture)); /* e3 stays on disk */
    struct endpoint_health health = look(&fixture);
    g_assert_cmpint(health.retrying, ==, 2);
    g_assert_cmpint(health.queued, ==, 3);
    end(&fixture);
}

static void test_a_standstill_is_told_and_idleness_is_none(void)
{
    struct fixture fixture;
    start(&fixture);
    clock_fake_advance_us(fixture.world.clock, INT64_C(1000) * G_USEC_PER_SEC);
    g_assert_null(take(&fixture));
    put(&fixture, "e1");
    g_assert_cmpfloat(look(&fixture).stalled_seconds, ==, 0);
    settle(&fixture, take(&fixture), ATTEMPT_FAILED, 0);
    clock_fake_advance_us(fixture.world.clock, INT64_C(119) * G_USEC_PER_SEC);
    g_assert_cmpfloat(look(&fixture).stalled_seconds, ==, 0);
    clock_fake_advance_us(fixture.world.clock, G_USEC_PER_SEC);
    g_assert_cmpfloat(look(&fixture).stalled_seconds, ==, 120);
    settle(&fixture, take(&fixture), ATTEMPT_DELIVERED, 0);
    g_assert_cmpfloat(look(&fixture).stalled_seconds, ==, 0);
    end(&fixture);
}

static void test_an_open_breaker_burns_no_tries(void)
{
    struct fixture fixture;
    int64_t wait_us;
    start(&fixture);
    put(&fixture, "e1");
    vedette_breaker_force(fixture.breaker, VEDETTE_BREAKER_FORCED_OPEN);
    g_assert_null(endpoint_take(fixture.endpoint, &wait_us));
    struct endpoint_health health = look(&fixture);
    g_assert_cmpint(health.state, ==, ENDPOINT_LEFT_ALONE);
    g_assert_cmpint(health.attempts, ==, 0);
    vedette_breaker_force(fixture.breaker, VEDETTE_BREAKER_CLOSED);
    /* five that fail open it; one that refuses a single notification does not */
    settle(&fixture, take(&fixture), ATTEMPT_REFUSED, 0);
    for (int i = 0; i < 4; i++) {
        struct delivery *delivery;
        wait_and_take(&fixture, &delivery);
        settle(&fixture, delivery, ATTEMPT_REFUSED, 0);
    }
    g_assert_cmpint(look(&fixture).state, ==, ENDPOINT_READY);
    end(&fixture);
}

static void test_ladders_as_people_write_them(void)
{
    static const char *const bad[] = {"", ",", "5,", "0", "-1", "nan", "1e9", "5 6", "five"};
    double seconds[NOTIFY_LADDER_MAX];
    g_autoptr(GString) endless = g_string_new("1");
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
        g_assert_cmpuint(notify_ladder_read(bad[i], seconds, NOTIFY_LADDER_MAX, NULL), ==, 0);
    g_assert_cmpuint(notify_ladder_read(" 5, 0.5 ,604800", seconds, NOTIFY_LADDER_MAX, NULL), ==, 3);
    for (int i = 0; i < NOTIFY_LADDER_MAX; i++)
        g_string_append(endless, ",1");
    g_assert_cmpuint(notify_ladder_read(endless->str, seconds, NOTIFY_LADDER_MAX, NULL), ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/endpoint/j06_retries_cannot_multiply_the_load_of_an_endpoint",
                    test_j06_retries_cannot_multiply_the_load_of_an_endpoint);
    g_test_add_func("/endpoint/w04_the_ladder_of_the_specification_and_then_a_dead_letter",
                    test_w04_the_ladder_of_the_specification_and_then_a_dead_letter);
    g_test_add_func("/endpoint/w04_who_waits_for_a_retry_holds_up_nobody",
                    test_w04_who_waits_for_a_retry_holds_up_nobody);
    g_test_add_func("/endpoint/w04_retry_after_is_obeyed_by_all_of_them",
                    test_w04_retry_after_is_obeyed_by_all_of_them);
    g_test_add_func("/endpoint/w04_a_restart_goes_on_with_the_ladder", test_w04_a_restart_goes_on_with_the_ladder);
    g_test_add_func("/endpoint/w04_time_that_a_server_was_off_uses_up_no_last_tries",
                    test_w04_time_that_a_server_was_off_uses_up_no_last_tries);
    g_test_add_func("/endpoint/the newest of many large dead letters is there",
                    test_the_newest_of_many_large_dead_letters_is_there);
    g_test_add_func("/endpoint/a dead letter shows what events show and no more",
                    test_a_dead_letter_shows_what_events_show_and_no_more);
    g_test_add_func("/endpoint/dead letters have an age", test_dead_letters_have_an_age);
    g_test_add_func("/endpoint/no org's dead letter is lost to others", test_no_orgs_dead_letter_is_lost_to_others);
    g_test_add_func("/endpoint/what a deleted org left is erased", test_what_a_deleted_org_left_is_erased);
    g_test_add_func("/endpoint/w05_gone_disables_until_somebody_enables",
                    test_w05_gone_disables_until_somebody_enables);
    g_test_add_func("/endpoint/what was broken off is tried again at once",
                    test_what_was_broken_off_is_tried_again_at_once);
    g_test_add_func("/endpoint/no more than so many at once", test_no_more_than_so_many_at_once);
    g_test_add_func("/endpoint/those who wait for a retry are bounded", test_those_who_wait_for_a_retry_are_bounded);
    g_test_add_func("/endpoint/a standstill is told and idleness is none",
                    test_a_standstill_is_told_and_idleness_is_none);
    g_test_add_func("/endpoint/an open breaker burns no tries", test_an_open_breaker_burns_no_tries);
    g_test_add_func("/endpoint/ladders as people write them", test_ladders_as_people_write_them);
    return g_test_run();
}
