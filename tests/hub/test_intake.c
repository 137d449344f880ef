/* What the hub takes from a worker, and what not: the worker here is the test, and as hostile as it likes. */
#include "hub/hub_internal.h"

#include "base/counter.h"
#include "base/error_groups.h"
#include "base/fault.h"
#include "base/id.h"
#include "base/trace.h"
#include "facts/settings.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

enum { DEADLINE_US = 20 * 1000000, ROOMY = 64 << 20 };

struct world {
    char *directory;
    struct settings settings;
    struct hub hub;
    struct hub_worker *worker; /* the first; has the cameras "door" and "hall" of the org "default" */
    struct link *peer;         /* the worker's side */
    int published;             /* atomic: by the spool's thread */
};

static void plan_faults(const char *plan)
{
#ifdef VEDETTE_FAULTS_ENABLED
    fault_plan(plan);
#else
    (void)plan;
#endif
}

static void count_publication(void *data, enum live_kind kind, const char *org_id, const char *camera_id,
                              const char *id, GBytes *json)
{
    (void)id;
    (void)org_id;
    (void)camera_id;
    (void)json;
    struct world *world = data;
    if (kind == LIVE_EVENT)
        __atomic_add_fetch(&world->published, 1, __ATOMIC_RELAXED);
}

static void add_camera(struct settings *settings, const char *id, const char *org)
{
    struct camera *camera = record_list_append(&settings->cameras, &camera_descriptor);
    g_free(camera->org_id);
    camera->id = g_strdup(id);
    camera->org_id = g_strdup(org);
    camera->source = g_strdup("rtsp://127.0.0.1/x");
    camera->username = g_strdup("viewer");
    camera->password = g_strdup("canary");
}

static void connect_worker(struct world *world)
{
    int sockets[2];
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), ==, 0);
    world->worker->link = link_new(sockets[0], ROOMY);
    world->peer = link_new(sockets[1], ROOMY);
    world->worker->generation++;
    for (guint i = world->worker->held->len; i < world->worker->cameras->len; i++) /* as a start does */
        g_ptr_array_add(world->worker->held,
                        (gpointer)(uintptr_t)camera_ref(g_ptr_array_index(world->worker->cameras, i)));
}

static void world_init(struct world *world)
{
    g_autoptr(GError) error = NULL;
    *world = (struct world){.directory = g_dir_make_tmp("vedette-hub-XXXXXX", NULL)};
    record_init(&settings_descriptor, &world->settings);
    world->settings.store.late_days = 0; /* its records are of another year */
    world->settings.store.minimum_free_bytes = 0;
    world->settings.workers.count = 1;
    world->settings.spool.retry_seconds = 0.05; /* a store that is back is noticed soon */
    world->settings.spool.retry_max_seconds = 0.05;
    add_camera(&world->settings, "door", "default");
    add_camera(&world->settings, "elsewhere", "other");
    add_camera(&world->settings, "hall", "default");
    world->hub = (struct hub){
        .settings = &world->settings,
        .clock = clock_system(),
        .answered_lock = PTHREAD_MUTEX_INITIALIZER,
        .answered = G_QUEUE_INIT,
        .live = live_new(&world->settings.cameras),
        .workers = g_ptr_array_new_with_free_func(hub_worker_free),
        .not_placed = camera_array_new(),
        .breaker_words = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
    };
    world->hub.store =
        store_open(world->directory, &world->settings.store, world->hub.clock, &world->hub.health, &error);
    g_assert_no_error(error);
    const struct record_path_parts parts = {.data_dir = world->directory,
                                            .settings = &world->settings,
                                            .clock = world->hub.clock,
                                            .store = world->hub.store,
                                            .live = world->hub.live,
                                            .health = &world->hub.health};
    world->hub.records = record_path_open(&parts, &error);
    g_assert_no_error(error);
    live_subscribe(world->hub.live, count_publication, world);
    hub_place_cameras(&world->hub);
    world->worker = g_ptr_array_index(world->hub.workers, 0);
    connect_worker(world);
}

static void remove_directory(const char *path)
{
    g_autoptr(GDir) directory = g_dir_open(path, 0, NULL);
    for (const char *name; directory && (name = g_dir_read_name(directory));) {
        g_autofree char *inner = g_build_filename(path, name, NULL);
        if (g_file_test(inner, G_FILE_TEST_IS_DIR))
            remove_directory(inner);
        else
            g_unlink(inner);
    }
    g_rmdir(path);
}

static void world_clear(struct world *world)
{
    plan_faults(NULL);
    record_path_close(world->hub.records);
    store_close(world->hub.store);
    while (g_main_context_iteration(NULL, FALSE))
        ;
    g_ptr_array_unref(world->hub.workers);
    g_ptr_array_unref(world->hub.not_placed);
    g_hash_table_unref(world->hub.breaker_words);
    link_free(world->peer);
    live_free(world->hub.live);
    record_clear(&settings_descriptor, &world->settings);
    remove_directory(world->directory);
    g_free(world->directory);
}

/* ---- the worker's side ---- */

static void say(struct world *world, enum link_type type, const void *body, size_t length)
{
    g_autoptr(GError) error = NULL;
    g_assert_true(link_send(world->peer, type, body, length, &error));
    g_assert_true(link_flush(world->peer, DEADLINE_US / 1000));
}

/* Says something and lets the hub read it. */
static bool tell(struct world *world, enum link_type type, const void *body, size_t length, GError **error)
{
    say(world, type, body, length);
    return intake_read(world->worker, error);
}

#define GOOD_HELLO                                                                                                     \
    "{\"protocol_version\":1,\"worker_id\":\"worker-1\",\"is_sandboxed\":true,\"cannot_read_hub_files\":true,"         \
    "\"cannot_gain_privileges\":true,\"is_not_dumpable\":true,\"sandbox_detail\":\"Landlock\"}"

/* What the hub answers next, or 0 when it says nothing. */
static int answer(struct world *world, char **text)
{
    enum link_type type;
    const void *body;
    size_t length;
    g_assert_true(link_flush(world->worker->link, DEADLINE_US / 1000));
    if (!link_receive(world->peer, 0, &type, &body, &length, NULL))
        return 0;
    if (text)
        *text = g_strndup(body, length);
    return type;
}

static void be_admitted(struct world *world)
{
    g_autoptr(GError) error = NULL;
    g_assert_true(tell(world, LINK_HELLO, GOOD_HELLO, strlen(GOOD_HELLO), &error));
    while (answer(world, NULL) != LINK_START)
        ;
}

static char *crossing(const char *id, const char *camera, const char *payload_camera)
{
    return g_strdup_printf("{\"id\":\"%s\",\"type\":\"line_crossing\",\"org_id\":\"other\",\"site_id\":\"stolen\","
                           "\"camera_id\":\"%s\",\"occurred_at\":\"2026-01-01T00:00:00.000Z\","
                           "\"received_at\":\"2001-01-01T00:00:00.000Z\",\"priority\":5,\"payload\":{\"id\":\"%s\","
                           "\"camera_id\":\"%s\",\"line_id\":\"door\",\"track_id\":7,\"direction\":\"in\","
                           "\"smuggled\":\"<script>\",\"at\":\"2026-01-01T00:00:00.000Z\",\"box\":[0,0,0.1,0.1]}}\n",
                           id, camera, id, payload_camera);
}

static void say_batch(struct world *world, uint64_t sequence, const char *ndjson)
{
    g_autoptr(GByteArray) body = g_byte_array_new();
    sequence = GUINT64_TO_LE(sequence);
    g_byte_array_append(body, (const guint8 *)&sequence, sizeof sequence);
    g_byte_array_append(body, (const guint8 *)ndjson, (guint)strlen(ndjson));
    say(world, LINK_EVENTS, body->data, body->len);
}

/* Runs the main loop until the hub acknowledges; asserts which batch it is. */
static void await_acknowledgement(struct world *world, uint64_t sequence)
{
    int64_t until_us = g_get_monotonic_time() + DEADLINE_US;
    g_autofree char *text = NULL;
    while (answer(world, &text) != LINK_ACKNOWLEDGE) {
        g_assert_cmpint(g_get_monotonic_time(), <, until_us);
        if (!g_main_context_iteration(NULL, FALSE))
            g_usleep(500);
    }
    uint64_t told;
    memcpy(&told, text, sizeof told);
    g_assert_cmpuint(GUINT64_FROM_LE(told), ==, sequence);
}

/* ---- what is stored ---- */

/* Waits until so many records are in the store: they come there after they were acknowledged. */
static GPtrArray *stored(struct world *world, const char *org, guint count)
{
    const struct store_event_filter filter = {.org_id = org, .limit = 100};
    for (int64_t until_us = g_get_monotonic_time() + DEADLINE_US;;) {
        g_autoptr(GError) error = NULL;
        GPtrArray *events = store_events_list(world->hub.store, &filter, &error);
        g_assert_no_error(error);
        if (events->len >= count)
            return events;
        g_ptr_array_unref(events);
        g_assert_cmpint(g_get_monotonic_time(), <, until_us);
        g_usleep(500);
    }
}

static void wait_for_count(const int64_t *counter, int64_t value)
{
    int64_t until_us = g_get_monotonic_time() + DEADLINE_US;
    while (counter_get(counter) != value) {
        g_assert_cmpint(g_get_monotonic_time(), <, until_us);
        g_usleep(500);
    }
}

static void test_groups_never_mix_orgs(void)
{
    struct world world;
    world_init(&world);
    g_assert_cmpuint(world.hub.workers->len, ==, 2);
    for (guint i = 0; i < world.hub.workers->len; i++) {
        const struct hub_worker *worker = g_ptr_array_index(world.hub.workers, i);
        const struct camera *first = g_ptr_array_index(worker->cameras, 0);
        for (guint j = 1; j < worker->cameras->len; j++)
            g_assert_cmpstr(((const struct camera *)g_ptr_array_index(worker->cameras, j))->org_id, ==, first->org_id);
    }
    g_assert_cmpuint(world.worker->cameras->len, ==, 2);
    world_clear(&world);
}

static void test_logins_follow_a_good_hello(void)
{
    struct world world;
    world_init(&world);
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(answer(&world, NULL), ==, 0);
    g_assert_true(tell(&world, LINK_HELLO, GOOD_HELLO, strlen(GOOD_HELLO), &error));
    for (int i = 0; i < 2; i++) {
        g_autofree char *login = NULL;
        g_assert_cmpint(answer(&world, &login), ==, LINK_CREDENTIALS);
        g_assert_nonnull(strstr(login, "canary"));
        g_assert_null(strstr(login, "elsewhere"));
    }
    g_assert_cmpint(answer(&world, NULL), ==, LINK_START);
    world_clear(&world);
}

static void test_an_open_cage_is_refused(void)
{
    static const struct {
        const char *hello, *said;
    } cases[] = {
        {"{\"protocol_version\":1,\"worker_id\":\"worker-1\",\"is_sandboxed\":true,\"cannot_read_hub_files\":false,"
         "\"cannot_gain_privileges\":true,\"is_not_dumpable\":true}",
         "read the hub's files"},
        {"{\"protocol_version\":1,\"worker_id\":\"worker-1\",\"is_sandboxed\":true,\"cannot_read_hub_files\":true,"
         "\"cannot_gain_privileges\":false,\"is_not_dumpable\":true}",
         "gain rights"},
        {"{\"protocol_version\":1,\"worker_id\":\"worker-1\",\"is_sandboxed\":false,\"is_not_dumpable\":false}",
         "gain rights"},
        {"{\"protocol_version\":9,\"worker_id\":\"worker-1\"}", "version 9"},
        {"{\"protocol_version\":1,\"worker_id\":\"worker-2\"}", "worker-2"},
        {"{\"worker_id\":3}", "worker_id"},
        {"garbage", "hello"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct world world;
        g_autoptr(GError) error = NULL;
        world_init(&world);
        g_test_message("%s", cases[i].hello);
        g_assert_false(tell(&world, LINK_HELLO, cases[i].hello, strlen(cases[i].hello), &error));
        if (i + 1 < G_N_ELEMENTS(cases))
            g_assert_nonnull(strstr(error->message, cases[i].said));
        g_assert_cmpint(answer(&world, NULL), ==, 0); /* no login, no start */
        world_clear(&world);
    }
}

/* A kernel without Landlock: the worker runs, and it is told and counted. */
static void test_a_missing_cage_is_counted(void)
{
    static const char hello[] = "{\"protocol_version\":1,\"worker_id\":\"worker-1\",\"is_sandboxed\":false,"
                                "\"cannot_gain_privileges\":true,\"is_not_dumpable\":true,\"sandbox_detail\":\"none\"}";
    struct world world;
    g_autoptr(GError) error = NULL;
    world_init(&world);
    g_assert_true(tell(&world, LINK_HELLO, hello, strlen(hello), &error));
    g_assert_cmpint(counter_get(&world.hub.health.workers_uncaged), ==, 1);
    g_assert_cmpint(answer(&world, NULL), ==, LINK_CREDENTIALS);
    world_clear(&world);
}

static void test_words_out_of_turn_end_the_link(void)
{
    static const struct {
        enum link_type type;
        const char *body;
        bool is_admitted;
        size_t length; /* 0: a string's */
    } cases[] = {
        {LINK_HEALTH, "{}", false},           {LINK_HELLO, GOOD_HELLO, true},
        {LINK_ACKNOWLEDGE, "12345678", true}, {LINK_CONFIGURE, "{}", true},
        {LINK_EVENTS, "short", true},         {LINK_PREVIEW, "", true},
        {LINK_PREVIEW, "\xff\xff", true},     {LINK_PREVIEW, "\x04\0door0123456789abcdefGIF8", true, 26},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct world world;
        g_autoptr(GError) error = NULL;
        world_init(&world);
        if (cases[i].is_admitted)
            be_admitted(&world);
        g_test_message("case %zu", i);
        size_t length = cases[i].length ? cases[i].length : strlen(cases[i].body);
        g_assert_false(tell(&world, cases[i].type, cases[i].body, length, &error));
        g_assert_nonnull(error);
        world_clear(&world);
    }
}

/* One camera's nonsense must not cost the worker, and with it the other cameras. */
static void test_what_is_not_valid_is_refused_alone(void)
{
    static const struct {
        enum link_type type;
        const char *body;
    } cases[] = {
        {LINK_TRACKS, "{\"camera_id\":"},
        {LINK_TRACKS, "{\"camera_id\":\"door\",\"at\":\"2026-01-01T00:00:00Z\",\"tracks\":[{\"track_id\":1,"
                      "\"box\":[0,0,1,2.24]}]}"},
        {LINK_HEALTH, "[]"},
        {LINK_HEALTH, "{\"camera_id\":\"no such name!\"}"},
    };
    struct world world;
    world_init(&world);
    be_admitted(&world);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_test_message("case %zu", i);
        g_assert_true(tell(&world, cases[i].type, cases[i].body, strlen(cases[i].body), NULL));
        g_assert_cmpint(counter_get(&world.hub.health.records_rejected), ==, (gint64)i + 1);
    }
    world_clear(&world);
}

static void test_a_record_is_acknowledged_and_stored_under_its_registration(void)
{
    struct world world;
    world_init(&world);
    be_admitted(&world);
    g_autofree char *id = id_new(world.hub.clock), *text = crossing(id, "door", "door");
    say_batch(&world, 7, text);
    g_assert_true(intake_read(world.worker, NULL));
    await_acknowledgement(&world, 7);
    g_autoptr(GPtrArray) events = stored(&world, "default", 1), foreign = stored(&world, "other", 0);
    g_assert_cmpuint(events->len, ==, 1);
    g_assert_cmpuint(foreign->len, ==, 0);
    const struct analytics_event *event = g_ptr_array_index(events, 0);
    g_assert_cmpstr(event->id, ==, id);
    g_assert_cmpstr(event->org_id, ==, "default");
    g_assert_cmpstr(event->site_id, ==, "default");
    g_assert_cmpint(event->received_at.ms, >, clock_wall_ms(world.hub.clock) - DEADLINE_US / 1000);
    g_assert_null(strstr(event->payload.text, "smuggled"));
    g_assert_cmpint(__atomic_load_n(&world.published, __ATOMIC_RELAXED), ==, 1);
    world_clear(&world);
}

static void test_a_repeated_record_is_acknowledged_and_shown_once(void)
{
    struct world world;
    world_init(&world);
    be_admitted(&world);
    g_autofree char *id = id_new(world.hub.clock), *text = crossing(id, "door", "door");
    for (uint64_t sequence = 1; sequence <= 2; sequence++) {
        say_batch(&world, sequence, text);
        g_assert_true(intake_read(world.worker, NULL));
        await_acknowledgement(&world, sequence);
    }
    wait_for_count(&world.hub.health.records_duplicate, 1);
    g_assert_cmpint(__atomic_load_n(&world.published, __ATOMIC_RELAXED), ==, 1);
    world_clear(&world);
}

static void test_what_is_not_its_own_is_refused_and_the_rest_is_stored(void)
{
    struct world world;
    world_init(&world);
    be_admitted(&world);
    g_autofree char *ids[4] = {NULL};
    for (int i = 0; i < 4; i++)
        ids[i] = id_new(world.hub.clock);
    g_autofree char *foreign = crossing(ids[0], "elsewhere", "elsewhere"), *crossed = crossing(ids[1], "door", "hall"),
                    *nameless = crossing("no-uuid", "door", "door"), *good = crossing(ids[2], "hall", "hall");
    g_autofree char *text = g_strconcat(foreign, crossed, "\n", nameless, "{]\n", good, NULL);
    say_batch(&world, 1, text);
    g_assert_true(intake_read(world.worker, NULL));
    await_acknowledgement(&world, 1);
    g_autoptr(GPtrArray) events = stored(&world, "default", 1);
    g_assert_cmpuint(events->len, ==, 1);
    g_assert_cmpstr(((const struct analytics_event *)g_ptr_array_index(events, 0))->id, ==, ids[2]);
    g_assert_cmpint(counter_get(&world.hub.health.records_rejected), ==, 4);
    g_assert_cmpint(counter_get(&world.hub.health.records_received), ==, 1);
    for (int i = 0; i < 4; i++)
        g_clear_pointer(&ids[i], g_free);
    world_clear(&world);
}

/* Another worker's camera gets neither health nor picture nor tracks from this one. */
/* A caged worker sees; what the server tells of itself is not its to say. */
static void test_a_worker_does_not_speak_as_the_server(void)
{
    static const char *const kinds[] = {"camera_recovered", "camera_dark"};
    struct world world;
    g_autoptr(GString) lines = g_string_new(NULL);
    world_init(&world);
    be_admitted(&world);
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++)
        g_string_append_printf(
            lines,
            "{\"id\":\"0197a000-0000-7000-8000-00000000000%zu\",\"type\":\"signal\",\"camera_id\":"
            "\"door\",\"occurred_at\":\"2026-01-01T00:00:00Z\",\"payload\":{\"id\":"
            "\"0197a000-0000-7000-8000-00000000000%zu\",\"camera_id\":\"door\",\"service\":\"system\","
            "\"kind\":\"%s\",\"severity\":\"high\",\"started_at\":\"2026-01-01T00:00:00Z\"}}\n",
            i, i, kinds[i]);
    say_batch(&world, 1, lines->str);
    g_assert_true(intake_read(world.worker, NULL));
    g_assert_cmpint(counter_get(&world.hub.health.records_rejected), ==, 1);
    g_assert_cmpint(counter_get(&world.hub.health.records_received), ==, 1);
    await_acknowledgement(&world, 1);
    world_clear(&world);
}

static void test_other_cameras_are_left_alone(void)
{
    static const char health[] = "{\"camera_id\":\"elsewhere\",\"state\":\"online\"}",
                      preview[] = "\x09\0elsewhere0123456789abcdef\xff\xd8\xff";
    struct world world;
    world_init(&world);
    be_admitted(&world);
    struct camera_health known;
    struct live_preview picture;
    g_assert_true(tell(&world, LINK_HEALTH, health, strlen(health), NULL));
    g_assert_true(tell(&world, LINK_PREVIEW, preview, sizeof preview - 1, NULL));
    g_assert_false(live_get_health(world.hub.live, "elsewhere", &known));
    g_assert_false(live_get_preview(world.hub.live, "elsewhere", &picture));
    world_clear(&world);
}

static bool can_inject(void)
{
#ifdef VEDETTE_FAULTS_ENABLED
    return true;
#else
    g_test_skip("this build has no fault points (-Dfaults=true)");
    return false;
#endif
}

static void wait_until_waiting(struct world *world, guint batches)
{
    int64_t until_us = g_get_monotonic_time() + DEADLINE_US;
    while (g_queue_get_length(&world->worker->waiting) != batches) {
        g_assert_cmpint(g_get_monotonic_time(), <, until_us);
        if (!g_main_context_iteration(NULL, FALSE))
            g_usleep(500);
    }
}

static void test_nothing_is_acknowledged_while_the_spool_fails(void)
{
    if (!can_inject())
        return;
    struct world world;
    world_init(&world);
    be_admitted(&world);
    plan_faults("spool.commit=1+");
    for (uint64_t sequence = 1; sequence <= 3; sequence++) {
        g_autofree char *id = id_new(world.hub.clock), *text = crossing(id, "door", "door");
        say_batch(&world, sequence, text);
        g_assert_true(intake_read(world.worker, NULL));
        wait_until_waiting(&world, (guint)sequence);
    }
    g_assert_cmpint(answer(&world, NULL), ==, 0);
    g_assert_cmpint(__atomic_load_n(&world.published, __ATOMIC_RELAXED), ==, 0);
    plan_faults(NULL);
    intake_retry(world.worker);
    for (uint64_t sequence = 1; sequence <= 3; sequence++)
        await_acknowledgement(&world, sequence); /* in their order */
    g_autoptr(GPtrArray) events = stored(&world, "default", 3);
    g_assert_cmpuint(events->len, ==, 3);
    world_clear(&world);
}

/* The spool keeps what the store does not take; workers and those who look notice nothing. */
static void test_records_are_kept_and_shown_once_while_the_store_fails(void)
{
    enum { BATCHES = 20 };
    if (!can_inject())
        return;
    struct world world;
    world_init(&world);
    be_admitted(&world);
    plan_faults("store.commit=1+");
    for (uint64_t sequence = 1; sequence <= BATCHES; sequence++) {
        g_autofree char *id = id_new(world.hub.clock), *text = crossing(id, "door", "door");
        say_batch(&world, sequence, text);
        g_assert_true(intake_read(world.worker, NULL));
        await_acknowledgement(&world, sequence);
    }
    wait_for_count(&world.hub.health.store_breaker_open, 1); /* it is left alone after a few tries */
    g_autoptr(GPtrArray) none = stored(&world, "default", 0);
    g_assert_cmpuint(none->len, ==, 0);
    g_assert_cmpint(__atomic_load_n(&world.published, __ATOMIC_RELAXED), ==, BATCHES);
    plan_faults(NULL);
    g_autoptr(GPtrArray) events = stored(&world, "default", BATCHES);
    g_assert_cmpuint(events->len, ==, BATCHES);
    wait_for_count(&world.hub.health.store_breaker_open, 0);
    g_assert_cmpint(__atomic_load_n(&world.published, __ATOMIC_RELAXED), ==, BATCHES);
    wait_for_count(&world.hub.health.records_stored, BATCHES); /* it is counted after others can read them */
    world_clear(&world);
}

/* One record that the store will never take costs itself. */
static void test_a_record_of_the_spool_that_cannot_be_stored_is_let_go(void)
{
    struct world world;
    world_init(&world);
    be_admitted(&world);
    const struct vedette_spool_record nonsense = {.tenant = "default", .priority = 9, .payload = "{]", .length = 2};
    g_assert_true(vedette_spool_enqueue(record_path_spool(world.hub.records), &nonsense, 1, NULL));
    g_autofree char *id = id_new(world.hub.clock), *text = crossing(id, "door", "door");
    say_batch(&world, 1, text);
    g_assert_true(intake_read(world.worker, NULL));
    await_acknowledgement(&world, 1);
    g_autoptr(GPtrArray) events = stored(&world, "default", 1);
    g_assert_cmpuint(events->len, ==, 1);
    wait_for_count(&world.hub.health.records_rejected, 1);
    world_clear(&world);
}

/* What a worker handed over before it died is stored all the same; the next process hears nothing of it. */
static void test_a_dead_workers_records_are_stored(void)
{
    if (!can_inject())
        return;
    struct world world;
    world_init(&world);
    be_admitted(&world);
    plan_faults("spool.commit=1+");
    g_autofree char *id = id_new(world.hub.clock), *text = crossing(id, "door", "door");
    say_batch(&world, 1, text);
    g_assert_true(intake_read(world.worker, NULL));
    wait_until_waiting(&world, 1);
    link_free(world.worker->link);
    link_free(world.peer);
    connect_worker(&world);
    plan_faults(NULL);
    intake_retry(world.worker);
    int64_t until_us = g_get_monotonic_time() + DEADLINE_US;
    while (world.worker->bytes_in_hand > 0) {
        g_assert_cmpint(g_get_monotonic_time(), <, until_us);
        if (!g_main_context_iteration(NULL, FALSE))
            g_usleep(500);
    }
    g_assert_cmpint(answer(&world, NULL), ==, 0);
    g_autoptr(GPtrArray) events = stored(&world, "default", 1);
    g_assert_cmpuint(events->len, ==, 1);
    world_clear(&world);
}

/* With the spool away a worker may fill our hand, and no more: it is read again when there is room. */
static void test_a_full_hand_takes_no_more(void)
{
    enum { BATCHES = 8, FILLER_BYTES = 3 << 20 };
    if (!can_inject())
        return;
    struct world world;
    world_init(&world);
    be_admitted(&world);
    plan_faults("spool.commit=1+");
    g_autofree char *filler = g_strnfill(FILLER_BYTES, ' ');
    for (uint64_t sequence = 1; sequence <= BATCHES; sequence++) {
        g_autoptr(GByteArray) body = g_byte_array_new();
        g_autofree char *id = id_new(world.hub.clock), *text = crossing(id, "door", "door");
        uint64_t sequence_le = GUINT64_TO_LE(sequence);
        g_byte_array_append(body, (const guint8 *)&sequence_le, sizeof sequence_le);
        g_byte_array_append(body, (const guint8 *)text, (guint)strlen(text));
        g_byte_array_append(body, (const guint8 *)filler, FILLER_BYTES);
        g_assert_true(link_send(world.peer, LINK_EVENTS, body->data, body->len, NULL));
    }
    int64_t until_us = g_get_monotonic_time() + DEADLINE_US;
    while (!intake_is_full(world.worker)) {
        g_assert_cmpint(g_get_monotonic_time(), <, until_us);
        g_assert_true(intake_read(world.worker, NULL));
        g_main_context_iteration(NULL, FALSE);
    }
    size_t in_hand = world.worker->bytes_in_hand;
    g_assert_true(intake_read(world.worker, NULL));
    g_assert_cmpuint(world.worker->bytes_in_hand, ==, in_hand);
    g_assert_cmpuint(in_hand, <, (size_t)BATCHES * FILLER_BYTES);
    plan_faults(NULL);
    uint64_t acknowledged = 0;
    while (acknowledged < BATCHES) {
        g_assert_cmpint(g_get_monotonic_time(), <, until_us);
        intake_retry(world.worker);
        g_assert_true(intake_read(world.worker, NULL));
        g_main_context_iteration(NULL, FALSE);
        acknowledged += answer(&world, NULL) == LINK_ACKNOWLEDGE;
    }
    g_assert_cmpuint(world.worker->bytes_in_hand, ==, 0);
    world_clear(&world);
}

/* ---- what a worker counts ---- */

/* Nothing of it ends the worker: its cameras go on. */
static void test_what_a_worker_counts_is_checked(void)
{
    static const struct {
        enum link_type type;
        const char *body;
        int rejected;
    } cases[] = {
        {LINK_ERRORS, "{\"groups\":[{\"module\":\"media\",\"words\":\"lost %s\",\"count\":-5}]}", 0},
        {LINK_ERRORS, "{\"groups\":[{\"module\":7}]}", 1},
        {LINK_ERRORS, "nothing", 1},
        {LINK_MEASURED, "{\"number\":1,\"cameras\":[]}", 0}, /* nobody asked */
        {LINK_MEASURED, "{\"number\":1,\"cameras\":[{\"camera_id\":\"door\",\"stages\":[{\"stage\":\"none\"}]}]}", 1},
        {LINK_TRACE, "[]", 0}, /* nothing is traced */
    };
    struct world world;
    world_init(&world);
    be_admitted(&world);
    error_groups_clear();
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        int64_t before = counter_get(&world.hub.health.records_rejected);
        g_test_message("%s", cases[i].body);
        g_assert_true(tell(&world, cases[i].type, cases[i].body, strlen(cases[i].body), &error));
        g_assert_cmpint(counter_get(&world.hub.health.records_rejected) - before, ==, cases[i].rejected);
    }
    g_autoptr(GArray) groups = error_groups_list(NULL);
    g_assert_cmpuint(groups->len, ==, 1);
    g_assert_cmpint(g_array_index(groups, struct error_group, 0).count, ==, 0);
    error_groups_clear();
    world_clear(&world);
}

/* ---- traces ---- */

#define PARENT "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0"

static char *frame_told(const char *camera, const char *traceparent, int64_t start_us, int64_t end_us,
                        int64_t stage_start_us, int64_t stage_end_us)
{
    return g_strdup_printf("{\"camera_id\":\"%s\",\"traceparent\":\"%s\",\"start_us\":%" G_GINT64_FORMAT
                           ",\"end_us\":%" G_GINT64_FORMAT ",\"events\":1,\"stages\":[{\"stage\":\"motion\","
                           "\"start_us\":%" G_GINT64_FORMAT ",\"end_us\":%" G_GINT64_FORMAT "}]}",
                           camera, traceparent, start_us, end_us, stage_start_us, stage_end_us);
}

static void test_a_frames_trace_is_checked(void)
{
    static const int64_t hour_us = INT64_C(3600) * G_USEC_PER_SEC;
    int64_t now_us = g_get_real_time();
    const struct {
        const char *camera, *traceparent;
        int64_t start_us, end_us, stage_start_us, stage_end_us;
        int spans;
    } cases[] = {
        {"door", PARENT "1", now_us - 20, now_us, now_us - 10, now_us, 2},
        {"door", PARENT "0", now_us - 20, now_us, now_us - 10, now_us, 0},
        {"elsewhere", PARENT "1", now_us - 20, now_us, now_us - 10, now_us, 0},
        {"door", "00-short", now_us - 20, now_us, now_us - 10, now_us, 0},
        {"door", PARENT "1", now_us, now_us - 20, now_us - 10, now_us, 0},
        {"door", PARENT "1", now_us - 20, now_us, now_us - 30, now_us, 0},
        {"door", PARENT "1", now_us - 20, now_us, now_us - 10, now_us + 1, 0},
        {"door", PARENT "1", now_us - hour_us, now_us, now_us - 10, now_us, 0},
        {"door", PARENT "1", now_us - 20, now_us + hour_us, now_us - 10, now_us, 0},
    };
    struct world world;
    world_init(&world);
    be_admitted(&world);
    trace_configure(1, 64);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *text = frame_told(cases[i].camera, cases[i].traceparent, cases[i].start_us, cases[i].end_us,
                                           cases[i].stage_start_us, cases[i].stage_end_us);
        struct trace_span span;
        int spans = 0;
        g_test_message("%s", text);
        g_assert_true(tell(&world, LINK_TRACE, text, strlen(text), &error)); /* its cameras go on */
        for (; trace_take(&span); spans++)
            g_assert_cmpstr(span.name, ==, spans ? "motion" : "frame");
        g_assert_cmpint(spans, ==, cases[i].spans);
    }
    trace_close();
    world_clear(&world);
}

/* What is stored has the id of the trace that is told, whatever else the worker says of it. */
static void test_a_traced_event_is_followed_to_the_store(void)
{
    static const char *const names[] = {"intake", "spool", "push", "drain", "store"};
    struct world world;
    world_init(&world);
    be_admitted(&world);
    trace_configure(1, 64);
    g_autofree char *text = crossing("0190f3c1-0000-7000-8000-000000000001", "door", "door");
    g_autoptr(GString) line = g_string_new(text);
    g_string_insert(line, 1, "\"trace_id\":\"another\",\"traceparent\":\"" PARENT "1\",");
    g_autoptr(GError) error = NULL;
    say_batch(&world, 1, line->str);
    g_assert_true(intake_read(world.worker, &error));
    await_acknowledgement(&world, 1);
    g_autoptr(GPtrArray) events = stored(&world, "default", 1);
    g_assert_cmpstr(((const struct analytics_event *)g_ptr_array_index(events, 0))->trace_id, ==,
                    "0af7651916cd43dd8448eb211c80319c");
    bool is_there[G_N_ELEMENTS(names)] = {false};
    struct trace_span span;
    int64_t until_us = g_get_monotonic_time() + DEADLINE_US;
    for (size_t found = 0; found < G_N_ELEMENTS(names);) {
        g_assert_cmpint(g_get_monotonic_time(), <, until_us);
        if (!trace_take(&span))
            continue;
        for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
            found += strcmp(span.name, names[i]) == 0 && !is_there[i];
            is_there[i] |= strcmp(span.name, names[i]) == 0;
        }
    }
    record_path_close(g_steal_pointer(&world.hub.records)); /* its threads make spans */
    trace_close();
    world_clear(&world);
}

static void test_where_nothing_is_traced_an_event_has_no_trace(void)
{
    struct world world;
    world_init(&world);
    be_admitted(&world);
    g_autofree char *text = crossing("0190f3c1-0000-7000-8000-000000000001", "door", "door");
    g_autoptr(GString) line = g_string_new(text);
    g_string_insert(line, 1, "\"trace_id\":\"another\",\"traceparent\":\"" PARENT "1\",");
    g_autoptr(GError) error = NULL;
    say_batch(&world, 1, line->str);
    g_assert_true(intake_read(world.worker, &error));
    await_acknowledgement(&world, 1);
    g_autoptr(GPtrArray) events = stored(&world, "default", 1);
    g_assert_null(((const struct analytics_event *)g_ptr_array_index(events, 0))->trace_id);
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    signal(SIGPIPE, SIG_IGN);
    g_test_add_func("/intake/groups never mix orgs", test_groups_never_mix_orgs);
    g_test_add_func("/intake/logins follow a good hello", test_logins_follow_a_good_hello);
    g_test_add_func("/intake/an open cage is refused", test_an_open_cage_is_refused);
    g_test_add_func("/intake/a missing cage is counted", test_a_missing_cage_is_counted);
    g_test_add_func("/intake/words out of turn end the link", test_words_out_of_turn_end_the_link);
    g_test_add_func("/intake/what is not valid is refused alone", test_what_is_not_valid_is_refused_alone);
    g_test_add_func("/intake/a record is acknowledged, and stored under its registration",
                    test_a_record_is_acknowledged_and_stored_under_its_registration);
    g_test_add_func("/intake/a repeated record is acknowledged and shown once",
                    test_a_repeated_record_is_acknowledged_and_shown_once);
    g_test_add_func("/intake/what is not its own is refused and the rest is stored",
                    test_what_is_not_its_own_is_refused_and_the_rest_is_stored);
    g_test_add_func("/intake/a worker does not speak as the server", test_a_worker_does_not_speak_as_the_server);
    g_test_add_func("/intake/other cameras are left alone", test_other_cameras_are_left_alone);
    g_test_add_func("/intake/nothing is acknowledged while the spool fails",
                    test_nothing_is_acknowledged_while_the_spool_fails);
    g_test_add_func("/intake/records are kept and shown once while the store fails",
                    test_records_are_kept_and_shown_once_while_the_store_fails);
    g_test_add_func("/intake/a record of the spool that cannot be stored is let go",
                    test_a_record_of_the_spool_that_cannot_be_stored_is_let_go);
    g_test_add_func("/intake/a dead worker's records are stored", test_a_dead_workers_records_are_stored);
    g_test_add_func("/intake/a full hand takes no more", test_a_full_hand_takes_no_more);
    g_test_add_func("/intake/what a worker counts is checked", test_what_a_worker_counts_is_checked);
    g_test_add_func("/intake/a frame's trace is checked", test_a_frames_trace_is_checked);
    g_test_add_func("/intake/a traced event is followed to the store", test_a_traced_event_is_followed_to_the_store);
    g_test_add_func("/intake/where nothing is traced an event has no trace",
                    test_where_nothing_is_traced_an_event_has_no_trace);
    return g_test_run();
}
