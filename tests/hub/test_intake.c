/* Who may tell the hub what: the worker here is the test, and as hostile as it likes. */
#include "intake_world.h"

#include "base/error_groups.h"
#include "hub/track_ids.h"
#include "logged.h"

#include <sys/wait.h>

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

static void assert_answers(struct world *world, const enum link_type *types, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        g_autofree char *text = NULL;
        g_assert_cmpint(answer(world, &text), ==, types[i]);
        if (types[i] == LINK_FORCE_BREAKER)
            g_assert_nonnull(strstr(text, "hall"));
    }
}

/* Else a camera that is held open would be contacted once at each start of its worker. */
static void test_an_operators_word_goes_before_the_start(void)
{
    static const enum link_type at_start[] = {LINK_CREDENTIALS, LINK_CREDENTIALS, LINK_FORCE_BREAKER, LINK_START};
    static const enum link_type added[] = {LINK_ADD_CAMERA, LINK_CREDENTIALS, LINK_FORCE_BREAKER, LINK_START_CAMERA};
    struct world world;
    g_autoptr(GError) error = NULL;
    world_init(&world);
    world.hub.track_ids = track_ids_new(world.hub.store, world.directory, world.hub.clock, &error);
    g_assert_no_error(error);
    g_hash_table_replace(world.hub.breaker_words, g_strdup("hall"), GINT_TO_POINTER(BREAKER_FORCED_OPEN));
    g_assert_true(tell(&world, LINK_HELLO, GOOD_HELLO, strlen(GOOD_HELLO), &error));
    assert_answers(&world, at_start, G_N_ELEMENTS(at_start));
    while (answer(&world, NULL)) /* what else it is told */
        ;
    g_ptr_array_set_size(world.worker->held, 1); /* as if "hall" were new */
    hub_worker_tell_cameras(world.worker);
    assert_answers(&world, added, G_N_ELEMENTS(added));
    track_ids_free(world.hub.track_ids);
    world_clear(&world);
}

/* Helpers for pictures, trials and proofs come and go: a worker that starts meanwhile has as many threads as ever. */
static void test_helpers_take_no_threads_from_workers(void)
{
    struct world world;
    world_init(&world);
    g_assert_cmpint(tuning_count_sharers(&world.hub), ==, 2);
    hub_worker_new_for_pictures(&world.hub, "pictures");
    hub_worker_new_apart(&world.hub, "trial", g_ptr_array_index(world.worker->cameras, 0));
    g_assert_cmpint(tuning_count_sharers(&world.hub), ==, 2);
    world_clear(&world);
}

/* It is told to leave its last camera as any other, and to end when all it had to tell of it was taken over. */
static void test_a_worker_ends_when_its_last_camera_is_over(void)
{
    struct world world;
    world_init(&world);
    be_admitted(&world);
    g_ptr_array_set_size(world.worker->cameras, 0);
    hub_worker_leave(world.worker);
    for (int i = 0; i < 2; i++)
        g_assert_cmpint(answer(&world, NULL), ==, LINK_REMOVE_CAMERA);
    g_assert_cmpint(answer(&world, NULL), ==, 0);
    g_autofree char *id = id_new(world.hub.clock), *text = crossing(id, "door", "door");
    say_batch(&world, 1, text); /* its last */
    g_assert_true(intake_read(world.worker, NULL));
    await_acknowledgement(&world, 1);
    g_assert_true(tell(&world, LINK_REMOVED, "door", strlen("door"), NULL));
    g_assert_cmpint(answer(&world, NULL), ==, 0);
    g_assert_true(tell(&world, LINK_REMOVED, "hall", strlen("hall"), NULL));
    g_assert_cmpint(answer(&world, NULL), ==, LINK_STOP);
    g_autoptr(GPtrArray) events = stored(&world, "default", 1);
    g_assert_cmpuint(events->len, ==, 1);
    world_clear(&world);
}

/* One that has not begun has nothing to tell. */
static void test_a_worker_that_did_not_start_ends_at_once(void)
{
    struct world world;
    world_init(&world);
    g_ptr_array_set_size(world.worker->cameras, 0);
    hub_worker_leave(world.worker);
    g_assert_cmpint(answer(&world, NULL), ==, LINK_STOP);
    world_clear(&world);
}

static void test_an_open_cage_is_refused(void)
{
    static const struct {
        const char *hello, *said;
    } cases[] = {
        {"{\"protocol_version\":2,\"worker_id\":\"worker-1\",\"is_sandboxed\":true,\"cannot_read_hub_files\":false,"
         "\"cannot_gain_privileges\":true,\"is_not_dumpable\":true}",
         "read the hub's files"},
        {"{\"protocol_version\":2,\"worker_id\":\"worker-1\",\"is_sandboxed\":true,\"cannot_read_hub_files\":true,"
         "\"cannot_gain_privileges\":false,\"is_not_dumpable\":true}",
         "gain rights"},
        {"{\"protocol_version\":2,\"worker_id\":\"worker-1\",\"is_sandboxed\":false,\"is_not_dumpable\":false}",
         "gain rights"},
        {"{\"protocol_version\":9,\"worker_id\":\"worker-1\"}", "version 9"},
        {"{\"protocol_version\":2,\"worker_id\":\"worker-2\"}", "worker-2"},
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
    static const char hello[] = "{\"protocol_version\":2,\"worker_id\":\"worker-1\",\"is_sandboxed\":false,"
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
        {LINK_HEALTH, "{}", false},
        {LINK_HELLO, GOOD_HELLO, true},
        {LINK_ACKNOWLEDGE, "12345678", true},
        {LINK_CONFIGURE, "{}", true},
        {LINK_EVENTS, "short", true},
        {LINK_EVENTS, "no lines", true},
        {LINK_PREVIEW, "", true},
        {LINK_PREVIEW, "\xff\xff", true},
        {LINK_PREVIEW, "\x04\0door0123456789abcdefghijklmnGIF8", true, 34},
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
                      preview[] = "\x09\0elsewhere0123456789abcdefghijklmn\xff\xd8\xff";
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

/* What a picture was made by stands in its message; one made by what is no longer so comes too late. */
static void test_pictures_say_what_they_were_made_by(void)
{
    static const char by_7[] = "\x04\0door\x10\0\0\0\0\0\0\0\x20\0\0\0\0\0\0\0\x07\0\0\0\0\0\0\0\xff\xd8\xff";
    struct world world;
    struct live_preview picture;
    world_init(&world);
    be_admitted(&world);
    CLEANUP(camera_set) struct camera_set *set = live_cameras(world.hub.live);
    const struct camera *door = camera_set_find(set, "door");
    live_expect_previews(world.hub.live, door, 8, false);
    g_assert_true(tell(&world, LINK_PREVIEW, by_7, sizeof by_7 - 1, NULL));
    g_assert_false(live_get_preview(world.hub.live, "door", &picture));
    live_expect_previews(world.hub.live, door, 7, false);
    g_assert_true(tell(&world, LINK_PREVIEW, by_7, sizeof by_7 - 1, NULL));
    g_assert_true(live_get_preview(world.hub.live, "door", &picture));
    g_assert_cmpint(picture.captured_at_ms, ==, 16);
    g_assert_cmpuint(picture.frame_number, ==, 32);
    g_assert_cmpuint(g_bytes_get_size(picture.jpeg), ==, 3);
    g_bytes_unref(picture.jpeg);
    world_clear(&world);
}

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

/* A full spool takes nothing, so that all a worker may send unacknowledged is in hand, of this process of it and of
 * earlier ones as much as is kept: its cameras are heard of all the same. */
static void test_a_window_in_hand_silences_nobody(void)
{
    static const char health[] = "{\"camera_id\":\"door\",\"state\":\"online\",\"frames_decoded\":7}";
    struct world world;
    struct camera_health heard;
    world_init(&world);
    be_admitted(&world);
    world.worker->bytes_in_hand = 3 * LINK_EVENTS_WINDOW_BYTES;
    g_assert_false(intake_is_full(world.worker));
    g_assert_true(tell(&world, LINK_HEALTH, health, strlen(health), NULL));
    g_assert_true(live_get_health(world.hub.live, "door", &heard));
    g_assert_cmpint(heard.frames_decoded, ==, 7);
    record_clear(&camera_health_descriptor, &heard);
    world.worker->bytes_in_hand = 0;
    world_clear(&world);
}

/* A person who reads the log sees one end, not one for each look until the process is gone. */
static void test_a_silent_worker_is_ended_once(void)
{
    const char *const sleeper[] = {"sleep", "1000", NULL};
    struct world world;
    struct logged logged;
    int status;
    world_init(&world);
    be_admitted(&world);
    g_assert_true(g_spawn_async(NULL, (char **)(uintptr_t)sleeper, NULL,
                                G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &world.worker->pid, NULL));
    world.worker->heard_us -= 3600 * INT64_C(1000000);
    keep_log(&logged);
    for (int i = 0; i < 3; i++)
        hub_worker_look_after(world.worker);
    g_autofree char *log = read_log(&logged);
    g_auto(GStrv) parts = g_strsplit(log, "is ended: it has been silent", -1);
    g_assert_cmpuint(g_strv_length(parts), ==, 2);
    g_assert_cmpint(waitpid(world.worker->pid, &status, 0), ==, world.worker->pid);
    g_assert_true(WIFSIGNALED(status));
    world.worker->pid = 0;
    world_clear(&world);
}

/* ---- workers that look at pictures ---- */

/* It decodes strangers' pictures: what only a watcher of cameras has to say ends it, and nothing of it is kept. */
static void test_who_looks_at_pictures_tells_of_no_camera(void)
{
    static const struct {
        enum link_type type;
        const char *body;
        size_t length;
    } cases[] = {
        {LINK_EVENTS, "12345678{]\n", 11},
        {LINK_TRACKS, "{\"camera_id\":\"door\",\"at\":\"2026-01-01T00:00:00Z\",\"tracks\":[]}", 60},
        {LINK_PREVIEW, "\x04\0door0123456789abcdefghijklmn\xff\xd8\xff", 33},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct world world;
        g_autoptr(GError) error = NULL;
        world_init(&world);
        be_admitted(&world);
        world.worker->looks_at_pictures = true;
        g_test_message("case %zu", i);
        g_assert_false(tell(&world, cases[i].type, cases[i].body, cases[i].length, &error));
        g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_PROTOCOL);
        g_assert_cmpuint(world.worker->bytes_in_hand, ==, 0);
        world_clear(&world);
    }
}

static void note_nothing(void *data)
{
    (void)data;
}

/* What is on its way names its worker: one that ends is freed after it came back. */
static void test_who_ends_outlives_its_batches(void)
{
    struct world world;
    world_init(&world);
    world.hub.program = (char *)"/nowhere/vedette"; /* it ends at its start */
    struct detecting *detecting = detecting_new(&world.hub);
    const struct detect_asker asker = {note_nothing, NULL};
    g_autoptr(GBytes) nothing = g_bytes_new(NULL, 0);
    guint before = world.hub.workers->len;
    struct detect_job *job = detect_submit(detecting_queue(detecting), "default", nothing, nothing, &asker, NULL);
    detecting_turn(detecting);
    g_assert_cmpuint(world.hub.workers->len, ==, before + 1);
    struct hub_worker *helper = g_ptr_array_index(world.hub.workers, before);
    detect_job_leave(job); /* nobody asks for another one */
    intake_put_batch(helper, 1, 1, g_ptr_array_new());
    detecting_turn(detecting);
    g_assert_cmpuint(world.hub.workers->len, ==, before + 1);
    RUN_UNTIL(&world, helper->bytes_in_hand == 0);
    detecting_turn(detecting);
    g_assert_cmpuint(world.hub.workers->len, ==, before);
    detecting_free(detecting);
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    signal(SIGPIPE, SIG_IGN);
    g_test_add_func("/intake/groups never mix orgs", test_groups_never_mix_orgs);
    g_test_add_func("/intake/logins follow a good hello", test_logins_follow_a_good_hello);
    g_test_add_func("/intake/an operator's word goes before the start", test_an_operators_word_goes_before_the_start);
    g_test_add_func("/intake/helpers take no threads from workers", test_helpers_take_no_threads_from_workers);
    g_test_add_func("/intake/a worker ends when its last camera is over",
                    test_a_worker_ends_when_its_last_camera_is_over);
    g_test_add_func("/intake/a worker that did not start ends at once", test_a_worker_that_did_not_start_ends_at_once);
    g_test_add_func("/intake/an open cage is refused", test_an_open_cage_is_refused);
    g_test_add_func("/intake/a missing cage is counted", test_a_missing_cage_is_counted);
    g_test_add_func("/intake/words out of turn end the link", test_words_out_of_turn_end_the_link);
    g_test_add_func("/intake/what is not valid is refused alone", test_what_is_not_valid_is_refused_alone);
    g_test_add_func("/intake/what is not its own is refused and the rest is stored",
                    test_what_is_not_its_own_is_refused_and_the_rest_is_stored);
    g_test_add_func("/intake/a worker does not speak as the server", test_a_worker_does_not_speak_as_the_server);
    g_test_add_func("/intake/other cameras are left alone", test_other_cameras_are_left_alone);
    g_test_add_func("/intake/pictures say what they were made by", test_pictures_say_what_they_were_made_by);
    g_test_add_func("/intake/what a worker counts is checked", test_what_a_worker_counts_is_checked);
    g_test_add_func("/intake/a window in hand silences nobody", test_a_window_in_hand_silences_nobody);
    g_test_add_func("/intake/a silent worker is ended once", test_a_silent_worker_is_ended_once);
    g_test_add_func("/intake/who looks at pictures tells of no camera", test_who_looks_at_pictures_tells_of_no_camera);
    g_test_add_func("/intake/who ends outlives its batches", test_who_ends_outlives_its_batches);
    return g_test_run();
}
