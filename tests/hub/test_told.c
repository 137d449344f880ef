/* The record path tells notify: at once of what it takes in, and of what an earlier run took in and could not tell of.
 */
#include "../store/store_world.h"
#include "hub/record_path.h"

#include "facts/settings.h"
#include "logged.h"
#include "store/places.h"

#include <pthread.h>
#include <sqlite3.h>

enum { DEADLINE_SECONDS = 60 };
#define SECRET "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

struct fixture {
    struct store_world world;
    struct settings settings;
    struct vedette_resilience *resilience;
    struct notify *notify;
    struct record_path *path;
    struct clock *clock; /* NULL: the machine's */
    bool (*says)(void *data, const char *org_id, const char *site_id, const char *camera_id,
                 struct notify_policy *policy); /* see notify_parts */
    void *says_data;
};

static void start(struct fixture *fixture)
{
    *fixture = (struct fixture){.resilience = vedette_resilience_new("test", NULL, NULL)};
    world_init(&fixture->world);
    record_init(&settings_descriptor, &fixture->settings);
    struct notify_webhook *webhook = record_list_append(&fixture->settings.notify.webhooks, &notify_webhook_descriptor);
    webhook->id = g_strdup("till");
    webhook->url = g_strdup("https://127.0.0.1:1/"); /* refused: what is taken over stays */
    webhook->secret = g_strdup(SECRET);
}

static void open_all(struct fixture *fixture)
{
    g_autoptr(GError) error = NULL;
    const struct notify_parts parts = {.data_dir = fixture->world.directory,
                                       .settings = &fixture->settings.notify,
                                       .clock = clock_system(),
                                       .resilience = fixture->resilience,
                                       .says = fixture->says,
                                       .says_data = fixture->says_data};
    fixture->notify = notify_open(&parts, &error);
    g_assert_no_error(error);
    const struct record_path_parts path = {.data_dir = fixture->world.directory,
                                           .settings = &fixture->settings,
                                           .clock = fixture->clock ? fixture->clock : clock_system(),
                                           .store = fixture->world.store,
                                           .notify = fixture->notify,
                                           .health = &fixture->world.health};
    fixture->path = record_path_open(&path, &error);
    g_assert_no_error(error);
}

static void end(struct fixture *fixture)
{
    record_path_close(fixture->path);
    notify_close(fixture->notify);
    vedette_resilience_free(fixture->resilience);
    record_clear(&settings_descriptor, &fixture->settings);
    world_clear(&fixture->world);
}

static struct analytics_event *make_signal(const char *id)
{
    struct analytics_event *event = g_new(struct analytics_event, 1);
    record_init(&analytics_event_descriptor, event);
    event->id = g_strdup(id);
    event->type = EVENT_SIGNAL;
    event->org_id = g_strdup("default");
    event->site_id = g_strdup("default");
    event->camera_id = g_strdup("door");
    event->occurred_at.ms = event->received_at.ms = clock_wall_ms(clock_system());
    event->payload.text =
        g_strdup_printf("{\"id\":\"%s\",\"org_id\":\"default\",\"site_id\":\"default\",\"camera_id\":\"door\","
                        "\"service\":\"safety\",\"kind\":\"intrusion\",\"severity\":\"high\","
                        "\"started_at\":\"2026-01-01T00:00:00.000Z\"}",
                        id);
    return event;
}

static void note_accepted(void *data, const struct endpoint_health *health)
{
    *(int64_t *)data = health->accepted;
}

static int64_t accepted(struct fixture *fixture)
{
    int64_t count = -1;
    notify_each_endpoint(fixture->notify, "default", note_accepted, &count);
    return count;
}

static bool is_drained(struct fixture *fixture)
{
    struct vedette_spool_stats stats;
    vedette_spool_get_stats(record_path_spool(fixture->path), &stats);
    return stats.total_queued == 0 && stats.files_unread == 0;
}

static void wait_until_drained(struct fixture *fixture)
{
    gint64 until_us = g_get_monotonic_time() + DEADLINE_SECONDS * G_USEC_PER_SEC;
    while (!is_drained(fixture) && g_get_monotonic_time() < until_us)
        g_usleep(1000);
    g_assert_true(is_drained(fixture));
}

static void on_spooled(void *data, const struct vedette_spool_error *error)
{
    g_assert_null(error);
    __atomic_store_n((int *)data, 1, __ATOMIC_RELEASE);
}

static struct analytics_event *make_signal_of(const char *id, const char *org_id)
{
    struct analytics_event *event = make_signal(id);
    g_free(event->org_id);
    event->org_id = g_strdup(org_id);
    return event;
}

/* As after a crash: the spool has them, and nobody was told. Of so many orgs in turn, the first of them "default". */
static void leave_signals_of_orgs(struct fixture *fixture, const char *name, int count, int orgs)
{
    struct vedette_spool_config config;
    g_autofree char *directory = g_build_filename(fixture->world.directory, name, NULL);
    vedette_spool_config_init(&config);
    config.max_tenants = orgs;
    struct vedette_spool *spool = vedette_spool_open(directory, &config, NULL);
    for (int i = 0; i < count; i++) {
        g_autofree char *id = g_strdup_printf("e%d", i), *org_id = g_strdup_printf("org%d", i % orgs);
        struct analytics_event *event = make_signal_of(id, i % orgs ? org_id : "default");
        g_autoptr(GString) json = g_string_new(NULL);
        record_encode_json(&analytics_event_descriptor, event, true, json);
        const struct vedette_spool_record record = {.tenant = event->org_id, .payload = json->str, .length = json->len};
        g_assert_true(vedette_spool_enqueue(spool, &record, 1, NULL));
        analytics_event_free(event);
    }
    vedette_spool_close(spool);
}

static void leave_signals(struct fixture *fixture, int count)
{
    leave_signals_of_orgs(fixture, "spool", count, 1);
}

/* It is let go of only once they are told. */
static void test_what_an_earlier_run_did_not_tell_is_told_before_it_is_let_go(void)
{
    struct fixture fixture;
    start(&fixture);
    leave_signals(&fixture, 3);
    open_all(&fixture);
    wait_until_drained(&fixture);
    g_assert_cmpint(accepted(&fixture), ==, 3);
    end(&fixture);
}

/* As `vedette spool drain` does, who does not know whom to tell. */
static void drain_apart(struct fixture *fixture, int64_t count)
{
    g_autoptr(GError) error = NULL;
    const struct record_path_parts parts = {.data_dir = fixture->world.directory,
                                            .settings = &fixture->settings,
                                            .clock = fixture->clock ? fixture->clock : clock_system(),
                                            .store = fixture->world.store,
                                            .health = &fixture->world.health};
    int64_t stored;
    g_assert_true(record_path_drain_now(&parts, &stored, &error));
    g_assert_no_error(error);
    g_assert_cmpint(stored, ==, count);
}

static void wait_until_accepted(struct fixture *fixture, int64_t count)
{
    gint64 until_us = g_get_monotonic_time() + DEADLINE_SECONDS * G_USEC_PER_SEC;
    while (accepted(fixture) < count && g_get_monotonic_time() < until_us)
        g_usleep(1000);
    g_assert_cmpint(accepted(fixture), ==, count);
}

static void test_what_was_stored_without_a_server_is_told_at_the_next_start(void)
{
    struct fixture fixture;
    start(&fixture);
    leave_signals(&fixture, 3);
    drain_apart(&fixture, 3);
    open_all(&fixture);
    g_assert_true(is_drained(&fixture));
    wait_until_accepted(&fixture, 3);
    record_path_close(fixture.path);
    notify_close(fixture.notify);
    open_all(&fixture); /* and at no other */
    struct analytics_event *event = make_signal("later");
    GPtrArray *events = g_ptr_array_new_with_free_func((GDestroyNotify)analytics_event_free);
    int is_spooled = 0;
    g_ptr_array_add(events, event);
    g_assert_true(record_path_submit(fixture.path, events, on_spooled, &is_spooled, NULL));
    wait_until_drained(&fixture);
    wait_until_accepted(&fixture, 1);
    end(&fixture);
    g_ptr_array_unref(events); /* lent to the spool's thread until then */
}

/* However long the server was off. */
static void test_what_was_stored_without_a_server_does_not_expire(void)
{
    struct fixture fixture;
    start(&fixture);
    fixture.clock = fixture.world.clock;
    leave_signals(&fixture, 3);
    drain_apart(&fixture, 3);
    clock_fake_advance_us(fixture.clock, INT64_C(86400) * G_USEC_PER_SEC);
    open_all(&fixture);
    wait_until_accepted(&fixture, 3);
    end(&fixture);
}

/* More than the library's spools take by default. */
static void test_what_many_orgs_left_is_stored_without_a_server(void)
{
    enum { ORGS = 300 };
    struct fixture fixture;
    start(&fixture);
    fixture.settings.spool.max_tenants = ORGS;
    leave_signals_of_orgs(&fixture, "spool", ORGS, ORGS);
    drain_apart(&fixture, ORGS);
    open_all(&fixture);
    wait_until_accepted(&fixture, 1); /* of the org whose webhook it is */
    end(&fixture);
}

static bool has_logged(const struct logged *logged, const char *words)
{
    g_autofree char *text = NULL;
    return g_file_get_contents(logged->path, &text, NULL, NULL) && strstr(text, words);
}

/* As those that were kept by what lets them expire, and for too long. */
static void test_what_is_lost_of_what_was_kept_is_logged(void)
{
    struct fixture fixture;
    struct logged logged;
    start(&fixture);
    leave_signals_of_orgs(&fixture, "untold", 3, 1);
    fixture.clock = fixture.world.clock;
    clock_fake_step_wall_ms(fixture.clock,
                            clock_wall_ms(clock_system()) + INT64_C(86400000) - clock_wall_ms(fixture.clock));
    keep_log(&logged);
    open_all(&fixture);
    int64_t until_us = g_get_monotonic_time() + DEADLINE_SECONDS * G_USEC_PER_SEC;
    while (!has_logged(&logged, "3 had expired") && g_get_monotonic_time() < until_us)
        g_usleep(1000);
    end(&fixture);
    g_autofree char *text = read_log(&logged);
    g_assert_nonnull(strstr(text, "3 had expired"));
}

/* Told by the spool's thread and by the drain, and taken over once. */
static void test_what_is_taken_in_is_told_once(void)
{
    struct fixture fixture;
    int is_spooled = 0;
    start(&fixture);
    open_all(&fixture);
    g_autoptr(GPtrArray) events = g_ptr_array_new_with_free_func((GDestroyNotify)analytics_event_free);
    g_ptr_array_add(events, make_signal("e1"));
    g_ptr_array_add(events, make_signal("e2"));
    g_assert_true(record_path_submit(fixture.path, events, on_spooled, &is_spooled, NULL));
    gint64 until_us = g_get_monotonic_time() + DEADLINE_SECONDS * G_USEC_PER_SEC;
    while (!__atomic_load_n(&is_spooled, __ATOMIC_ACQUIRE) && g_get_monotonic_time() < until_us)
        g_usleep(1000);
    wait_until_drained(&fixture);
    g_assert_cmpint(accepted(&fixture), ==, 2);
    end(&fixture);
}

/* Holds the store's writer until it is opened. */
struct gate {
    pthread_mutex_t lock;
    pthread_cond_t opened;
    bool is_open;
};

static void wait_at_the_gate(void *data, GPtrArray *events, const bool *stored, const GError *error)
{
    struct gate *gate = data;
    (void)events;
    (void)stored;
    g_assert_no_error(error);
    pthread_mutex_lock(&gate->lock);
    while (!gate->is_open)
        pthread_cond_wait(&gate->opened, &gate->lock);
    pthread_mutex_unlock(&gate->lock);
}

static void open_gate(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    gate->is_open = true;
    pthread_cond_broadcast(&gate->opened);
    pthread_mutex_unlock(&gate->lock);
}

static bool is_breaker_open(const struct fixture *fixture)
{
    struct vedette_breaker_stats stats;
    vedette_breaker_get_stats(record_path_breaker(fixture->path), &stats);
    return stats.state == VEDETTE_BREAKER_OPEN;
}

/* A notify_parts.says that waits for it. */
static bool say_at_the_gate(void *data, const char *org_id, const char *site_id, const char *camera_id,
                            struct notify_policy *policy)
{
    (void)org_id;
    (void)site_id;
    (void)camera_id;
    (void)policy;
    wait_at_the_gate(data, NULL, NULL, NULL);
    return false;
}

/* The store is at one event and does not come back from it until the gate is open; another goes to the spool behind it:
 * what is returned is to live until it is there. */
static GPtrArray *submit_behind_the_gate(struct fixture *fixture, struct gate *gate, int *is_spooled)
{
    GPtrArray *first = g_ptr_array_new_with_free_func((GDestroyNotify)analytics_event_free);
    g_ptr_array_add(first, make_signal("e1"));
    g_assert_true(store_events_submit(fixture->world.store, first, wait_at_the_gate, gate, NULL));
    GPtrArray *events = g_ptr_array_new_with_free_func((GDestroyNotify)analytics_event_free);
    g_ptr_array_add(events, make_signal("e2"));
    g_assert_true(record_path_submit(fixture->path, events, on_spooled, is_spooled, NULL));
    return events;
}

/* Whether it came to that before the deadline. */
static bool await(const struct fixture *fixture, bool (*is_so)(const struct fixture *fixture))
{
    int64_t until_us = g_get_monotonic_time() + DEADLINE_SECONDS * G_USEC_PER_SEC;
    bool is_true;
    while (!(is_true = is_so(fixture)) && g_get_monotonic_time() < until_us)
        g_usleep(1000); /* between looks */
    return is_true;
}

/* One that answers nothing at all fails as well as one that answers with an error; what waits is stored afterwards. */
static void test_a_store_that_hangs_opens_the_breaker(void)
{
    struct fixture fixture;
    struct gate gate = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};
    int is_spooled = 0;
    start(&fixture);
    fixture.settings.breaker.slow_call_seconds = 0.02;
    fixture.settings.breaker.failure_threshold = 2;
    fixture.settings.breaker.success_threshold = 1;
    fixture.settings.spool.retry_seconds = fixture.settings.spool.retry_max_seconds = 0.05;
    open_all(&fixture);
    g_autoptr(GPtrArray) events = submit_behind_the_gate(&fixture, &gate, &is_spooled);
    bool was_opened = await(&fixture, is_breaker_open);
    open_gate(&gate);
    g_assert_true(was_opened);
    wait_until_drained(&fixture);
    end(&fixture);
}

static bool is_given_out(const struct fixture *fixture)
{
    struct vedette_spool_stats stats;
    vedette_spool_get_stats(record_path_spool(fixture->path), &stats);
    return stats.in_flight > 0;
}

static void add_good(void *data, const struct vedette_spool_file *file)
{
    *(int64_t *)data += file->good;
}

static int64_t count_spooled(const struct fixture *fixture)
{
    int64_t left = 0;
    g_autofree char *directory = g_build_filename(fixture->world.directory, "spool", NULL);
    g_assert_true(vedette_spool_verify(directory, add_good, &left, NULL));
    return left;
}

/* A server that stops does not wait for a store that hangs: what the store has not answered stays in the spool, also
 * when the answer comes later, and nothing is left of those who waited for it. */
static void test_stopping_does_not_wait_for_a_store_that_hangs(void)
{
    struct fixture fixture;
    struct gate gate = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};
    int is_spooled = 0;
    start(&fixture);
    fixture.settings.spool.stop_seconds = 0.05;
    open_all(&fixture);
    g_autoptr(GPtrArray) events = submit_behind_the_gate(&fixture, &gate, &is_spooled);
    g_assert_true(await(&fixture, is_given_out));
    g_assert_false(record_path_close(g_steal_pointer(&fixture.path))); /* the gate is still closed */
    open_gate(&gate);
    g_assert_cmpint(count_spooled(&fixture), ==, 1);
    end(&fixture);
}

/* While the store is held up: an org more than the setting allows is refused, and metrics tell how many there are. */
static void test_orgs_of_the_spool_are_bounded_by_the_setting(void)
{
    struct fixture fixture;
    struct gate gate = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};
    struct vedette_spool_error error;
    int is_spooled = 0;
    start(&fixture);
    fixture.settings.spool.max_tenants = 1;
    open_all(&fixture);
    GPtrArray *first = g_ptr_array_new_with_free_func((GDestroyNotify)analytics_event_free);
    g_ptr_array_add(first, make_signal("e1"));
    g_assert_true(store_events_submit(fixture.world.store, first, wait_at_the_gate, &gate, NULL));
    g_autoptr(GPtrArray) events = g_ptr_array_new_with_free_func((GDestroyNotify)analytics_event_free);
    g_autoptr(GPtrArray) others = g_ptr_array_new_with_free_func((GDestroyNotify)analytics_event_free);
    g_ptr_array_add(events, make_signal("e2"));
    g_assert_true(record_path_submit(fixture.path, events, on_spooled, &is_spooled, NULL));
    g_ptr_array_add(others, make_signal_of("e3", "other"));
    g_assert_false(record_path_submit(fixture.path, others, on_spooled, &is_spooled, &error));
    g_assert_cmpint(error.kind, ==, VEDETTE_SPOOL_FULL);
    record_path_measure(fixture.path);
    g_assert_cmpint(fixture.world.health.spool_tenants, ==, 1);
    g_assert_cmpint(fixture.world.health.spool_refused, ==, 1);
    open_gate(&gate);
    wait_until_drained(&fixture);
    end(&fixture);
}

static double tenant_share(const struct fixture *fixture)
{
    struct vedette_spool_stats stats;
    vedette_spool_get_stats(record_path_spool(fixture->path), &stats);
    return stats.tenant_share;
}

static void submit_of(struct fixture *fixture, const char *id, const char *org_id)
{
    int is_spooled = 0;
    g_autoptr(GPtrArray) events = g_ptr_array_new_with_free_func((GDestroyNotify)analytics_event_free);
    g_ptr_array_add(events, make_signal_of(id, org_id));
    g_assert_true(record_path_submit(fixture->path, events, on_spooled, &is_spooled, NULL));
    gint64 until_us = g_get_monotonic_time() + DEADLINE_SECONDS * G_USEC_PER_SEC;
    while (!__atomic_load_n(&is_spooled, __ATOMIC_ACQUIRE) && g_get_monotonic_time() < until_us)
        g_usleep(1000);
    wait_until_drained(fixture);
}

/* Of what was kept for this start, or of one batch of it, the telling takes as long as it likes. */
static void test_what_was_kept_holds_up_no_record(void)
{
    struct fixture fixture;
    struct gate gate = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};
    start(&fixture);
    leave_signals(&fixture, 3);
    drain_apart(&fixture, 3);
    fixture.says = say_at_the_gate;
    fixture.says_data = &gate;
    open_all(&fixture);
    submit_of(&fixture, "later", "other"); /* whom nobody tells anything */
    g_assert_cmpint(accepted(&fixture), ==, 0);
    open_gate(&gate);
    wait_until_accepted(&fixture, 3);
    end(&fixture);
}

struct says_gate {
    struct gate gate;
    struct fixture *fixture;
    int is_waiting; /* atomic */
};

/* A notify_parts.says that waits for the gate once, and then until the spool is woken, as a stop does, or at the latest
 * until that stop gives back what is at hand. */
static bool say_at_the_stop(void *data, const char *org_id, const char *site_id, const char *camera_id,
                            struct notify_policy *policy)
{
    struct says_gate *says = data;
    say_at_the_gate(&says->gate, org_id, site_id, camera_id, policy);
    if (__atomic_exchange_n(&says->is_waiting, 1, __ATOMIC_ACQ_REL))
        return false;
    struct vedette_spool *spool = record_path_spool(says->fixture->path);
    struct vedette_spool_batch *batch = vedette_spool_dequeue(spool, 0, DEADLINE_SECONDS * (int64_t)G_USEC_PER_SEC);
    if (batch)
        vedette_spool_return(spool, batch);
    return false;
}

/* A batch that is being told when the server stops is the last one, though what came is still being stored. */
static void test_a_stop_tells_one_batch_at_most_of_what_was_kept(void)
{
    struct fixture fixture;
    struct gate store = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};
    struct says_gate says = {{PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false}, &fixture, 0};
    int is_spooled = 0;
    start(&fixture);
    leave_signals(&fixture, 3);
    drain_apart(&fixture, 3);
    fixture.says = say_at_the_stop;
    fixture.says_data = &says;
    fixture.settings.spool.batch_size = 1;
    fixture.settings.spool.stop_seconds = 1;
    fixture.settings.notify.hold_seconds = DEADLINE_SECONDS;
    open_all(&fixture);
    GPtrArray *first = g_ptr_array_new_with_free_func((GDestroyNotify)analytics_event_free);
    g_ptr_array_add(first, make_signal("first"));
    g_assert_true(store_events_submit(fixture.world.store, first, wait_at_the_gate, &store, NULL));
    g_autoptr(GPtrArray) events = g_ptr_array_new_with_free_func((GDestroyNotify)analytics_event_free);
    g_ptr_array_add(events, make_signal_of("later", "other")); /* whom nobody tells anything */
    g_assert_true(record_path_submit(fixture.path, events, on_spooled, &is_spooled, NULL));
    g_assert_true(await(&fixture, is_given_out)); /* to be stored, which takes until the deadline of the stop */
    open_gate(&says.gate);
    gint64 until_us = g_get_monotonic_time() + DEADLINE_SECONDS * G_USEC_PER_SEC;
    while (!__atomic_load_n(&says.is_waiting, __ATOMIC_ACQUIRE) && g_get_monotonic_time() < until_us)
        g_usleep(1000);
    g_assert_false(record_path_close(fixture.path)); /* the store is still held */
    fixture.path = NULL;
    g_assert_cmpint(accepted(&fixture), ==, 1);
    open_gate(&store);
    end(&fixture);
}

/* As someone who changes the database under the running server. */
static void meddle(const struct fixture *fixture, const char *sql)
{
    g_autofree char *path = g_build_filename(fixture->world.directory, "vedette.db", NULL);
    sqlite3 *db = NULL;
    g_assert_cmpint(sqlite3_open(path, &db), ==, SQLITE_OK);
    sqlite3_busy_timeout(db, DEADLINE_SECONDS * 1000);
    g_assert_cmpint(sqlite3_exec(db, sql, NULL, NULL, NULL), ==, SQLITE_OK);
    sqlite3_close(db);
}

/* The store takes nothing for much longer than a record may wait, and a restart lies between. */
static void test_q18_an_open_breaker_burns_no_time_to_live(void)
{
    const int64_t hour_us = INT64_C(3600) * G_USEC_PER_SEC;
    struct fixture fixture;
    struct vedette_spool_stats stats;
    int is_spooled = 0;
    start(&fixture);
    fixture.clock = fixture.world.clock;
    fixture.settings.spool.max_queue_seconds = 60;
    fixture.settings.spool.retry_seconds = fixture.settings.spool.retry_max_seconds = 0.05;
    meddle(&fixture, "ALTER TABLE events RENAME TO away");
    open_all(&fixture);
    g_autoptr(GPtrArray) events = g_ptr_array_new_with_free_func((GDestroyNotify)analytics_event_free);
    g_ptr_array_add(events, make_signal("e1"));
    g_assert_true(record_path_submit(fixture.path, events, on_spooled, &is_spooled, NULL));
    WORLD_WAIT_UNTIL(counter_get(&fixture.world.health.store_breaker_open));
    clock_fake_advance_us(fixture.clock, hour_us);
    record_path_close(fixture.path);
    clock_fake_advance_us(fixture.clock, hour_us);
    notify_close(fixture.notify);
    counter_set(&fixture.world.health.store_breaker_open, 0);
    open_all(&fixture);
    WORLD_WAIT_UNTIL(counter_get(&fixture.world.health.store_breaker_open));
    clock_fake_advance_us(fixture.clock, hour_us);
    meddle(&fixture, "ALTER TABLE away RENAME TO events");
    wait_until_drained(&fixture);
    vedette_spool_get_stats(record_path_spool(fixture.path), &stats);
    g_assert_cmpint(stats.losses[VEDETTE_SPOOL_EXPIRED], ==, 0);
    g_assert_cmpint(stats.acknowledged, ==, 1);
    end(&fixture);
}

/* With one alone there is nobody to leave room for; the second that comes has its part from then on. */
static void test_an_org_that_comes_while_it_runs_has_its_share(void)
{
    struct fixture fixture;
    g_autoptr(GError) error = NULL;
    const struct audit_by by = {"default", "u-1", "Ada", NULL, NULL}, by_second = {"second", "u-2", "Eve", NULL, NULL};
    struct org first = {.id = (char *)"default"}, second = {.id = (char *)"second"};
    start(&fixture);
    fixture.settings.spool.tenant_share = 0.25;
    store_org_create(fixture.world.store, &first, &by, &error);
    g_assert_no_error(error);
    open_all(&fixture);
    submit_of(&fixture, "e1", "default");
    g_assert_cmpfloat(tenant_share(&fixture), ==, 1);
    store_org_create(fixture.world.store, &second, &by_second, &error);
    g_assert_no_error(error);
    submit_of(&fixture, "e2", "second");
    gint64 until_us = g_get_monotonic_time() + DEADLINE_SECONDS * G_USEC_PER_SEC;
    while (tenant_share(&fixture) == 1 && g_get_monotonic_time() < until_us)
        g_usleep(1000);
    g_assert_cmpfloat(tenant_share(&fixture), ==, 0.25);
    end(&fixture);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/told/what an earlier run did not tell is told before it is let go",
                    test_what_an_earlier_run_did_not_tell_is_told_before_it_is_let_go);
    g_test_add_func("/told/what was stored without a server is told at the next start",
                    test_what_was_stored_without_a_server_is_told_at_the_next_start);
    g_test_add_func("/told/what was stored without a server does not expire",
                    test_what_was_stored_without_a_server_does_not_expire);
    g_test_add_func("/told/what many orgs left is stored without a server",
                    test_what_many_orgs_left_is_stored_without_a_server);
    g_test_add_func("/told/what is lost of what was kept is logged", test_what_is_lost_of_what_was_kept_is_logged);
    g_test_add_func("/told/what was kept holds up no record", test_what_was_kept_holds_up_no_record);
    g_test_add_func("/told/a stop tells one batch at most of what was kept",
                    test_a_stop_tells_one_batch_at_most_of_what_was_kept);
    g_test_add_func("/told/what is taken in is told once", test_what_is_taken_in_is_told_once);
    g_test_add_func("/told/a store that hangs opens the breaker", test_a_store_that_hangs_opens_the_breaker);
    g_test_add_func("/told/stopping does not wait for a store that hangs",
                    test_stopping_does_not_wait_for_a_store_that_hangs);
    g_test_add_func("/told/q18 an open breaker burns no time to live", test_q18_an_open_breaker_burns_no_time_to_live);
    g_test_add_func("/told/an org that comes while it runs has its share",
                    test_an_org_that_comes_while_it_runs_has_its_share);
    g_test_add_func("/told/orgs of the spool are bounded by the setting",
                    test_orgs_of_the_spool_are_bounded_by_the_setting);
    return g_test_run();
}
