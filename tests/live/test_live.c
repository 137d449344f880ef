#include <glib.h>
#include <pthread.h>
#include <string.h>

#include "live/live.h"

static const int64_t start_ms = INT64_C(1767225600000);

struct world {
    struct record_list cameras;
    struct clock *clock;
    struct live *live;
};

static void world_init(struct world *world)
{
    *world = (struct world){.clock = clock_fake_new(start_ms)};
    struct camera *camera = record_list_append(&world->cameras, &camera_descriptor);
    camera->id = g_strdup("cam-1");
    world->live = live_new(&world->cameras);
    live_set_clock(world->live, world->clock);
}

static void world_clear(struct world *world)
{
    live_free(world->live);
    struct camera *camera = world->cameras.items;
    record_clear(&camera_descriptor, camera);
    g_free(camera);
    clock_fake_free(world->clock);
}

static void say(struct world *world, const char *camera_id, const char *state)
{
    struct camera_health health;
    record_init(&camera_health_descriptor, &health);
    health.camera_id = g_strdup(camera_id);
    g_free(health.state);
    health.state = g_strdup(state);
    live_set_health(world->live, &health);
    record_clear(&camera_health_descriptor, &health);
}

static void test_online_is_a_recent_word(void)
{
    struct world world;
    world_init(&world);
    g_assert_false(live_is_online(world.live, "cam-1", start_ms));
    say(&world, "cam-1", "online");
    g_assert_true(live_is_online(world.live, "cam-1", start_ms + 5000));
    g_assert_false(live_is_online(world.live, "cam-1", start_ms + 5001));
    live_set_offline(world.live, "cam-1", "the worker ended");
    g_assert_false(live_is_online(world.live, "cam-1", start_ms));
    struct camera_health health;
    g_assert_true(live_get_health(world.live, "cam-1", &health));
    g_assert_cmpstr(health.last_error, ==, "the worker ended");
    record_clear(&camera_health_descriptor, &health);
    say(&world, "cam-1", "online");
    g_assert_true(live_is_online(world.live, "cam-1", start_ms));
    say(&world, "cam-1", "stalled");
    g_assert_false(live_is_online(world.live, "cam-1", start_ms));
    world_clear(&world);
}

static void test_unknown_cameras_are_ignored(void)
{
    struct world world;
    world_init(&world);
    say(&world, "nobody", "online");
    CLEANUP(camera_set) struct camera_set *set = live_cameras(world.live);
    g_assert_null(camera_set_find(set, "nobody"));
    g_assert_false(live_is_online(world.live, "nobody", start_ms));
    g_autoptr(GBytes) jpeg = g_bytes_new_static("x", 1);
    live_set_preview(world.live, "nobody", 1, jpeg, start_ms, 1);
    struct live_preview preview;
    g_assert_false(live_get_preview(world.live, "nobody", &preview));
    g_assert_cmpuint(set->count, ==, 1);
    world_clear(&world);
}

static void count_wish(void *data, const char *camera_id)
{
    g_assert_cmpstr(camera_id, ==, "cam-1");
    ++*(int *)data;
}

static void test_wishes_are_passed_once_a_second(void)
{
    struct world world;
    world_init(&world);
    int wishes = 0;
    live_want_preview(world.live, "cam-1"); /* nobody listens yet */
    live_set_preview_wanted(world.live, count_wish, &wishes);
    clock_fake_advance_us(world.clock, 2000000);
    for (int i = 0; i < 100; i++)
        live_want_preview(world.live, "cam-1");
    g_assert_cmpint(wishes, ==, 1);
    clock_fake_advance_us(world.clock, 1000000);
    live_want_preview(world.live, "cam-1");
    live_want_preview(world.live, "nobody");
    g_assert_cmpint(wishes, ==, 2);
    world_clear(&world);
}

static void expect(struct world *world, int64_t telling, bool shows_people)
{
    CLEANUP(camera_set) struct camera_set *set = live_cameras(world->live);
    live_expect_previews(world->live, camera_set_find(set, "cam-1"), telling, shows_people);
}

/* A picture by this telling comes, however late. */
static void send(struct world *world, int64_t telling)
{
    g_autoptr(GBytes) jpeg = g_bytes_new_static("jpeg", 4);
    live_set_preview(world->live, "cam-1", telling, jpeg, start_ms, 1);
}

/* 'p': one that shows people, 'h': one in which they are hidden, '-': none. */
static char shown(struct world *world)
{
    struct live_preview preview;
    if (!live_get_preview(world->live, "cam-1", &preview))
        return '-';
    g_bytes_unref(preview.jpeg);
    return preview.shows_people ? 'p' : 'h';
}

static void test_h11_a_picture_is_shown_by_what_it_was_made(void)
{
    struct world world;
    world_init(&world);
    send(&world, 0);
    g_assert_cmpint(shown(&world), ==, '-'); /* nobody was told anything */
    expect(&world, 1, true);
    send(&world, 1);
    g_assert_cmpint(shown(&world), ==, 'p');
    expect(&world, 2, false);
    g_assert_cmpint(shown(&world), ==, '-');
    clock_fake_advance_us(world.clock, INT64_C(60000000)); /* the model was busy */
    send(&world, 1);
    g_assert_cmpint(shown(&world), ==, '-');
    send(&world, 2);
    g_assert_cmpint(shown(&world), ==, 'h');
    send(&world, 1); /* of the worker that had it before */
    g_assert_cmpint(shown(&world), ==, 'h');
    expect(&world, 2, false); /* told another process, by the same words */
    g_assert_cmpint(shown(&world), ==, 'h');
    world_clear(&world);
}

/* A mask more, say: a picture of before may show what is under it, also one that comes later. */
static void test_h11_a_changed_camera_is_shown_once_its_worker_knows(void)
{
    struct world world;
    world_init(&world);
    CLEANUP(camera_set) struct camera_set *before = live_cameras(world.live);
    struct camera camera;
    record_copy(&camera_descriptor, before->items[0], &camera);
    for (int64_t telling = 1; telling <= 3; telling++) {
        bool needs_restart = telling == 2, is_disabled = telling == 3;
        expect(&world, telling, false);
        send(&world, telling);
        g_assert_cmpint(shown(&world), ==, 'h');
        camera.decode = needs_restart == (camera.decode == DECODE_AUTO) ? DECODE_ALL : DECODE_AUTO;
        camera.enabled = !is_disabled;
        live_put_camera(world.live, &camera);
        g_assert_cmpint(shown(&world), ==, '-');
        send(&world, telling);
        g_assert_cmpint(shown(&world), ==, '-');
    }
    live_expect_previews(world.live, before->items[0], 4, false); /* a policy, by the camera of before */
    send(&world, 4);
    g_assert_cmpint(shown(&world), ==, '-');
    record_clear(&camera_descriptor, &camera);
    world_clear(&world);
}

/* Whoever tells its worker may do so as soon as the camera is known. */
static void test_h11_a_telling_outlasts_a_new_beginning(void)
{
    struct world world;
    world_init(&world);
    CLEANUP(camera_set) struct camera_set *set = live_cameras(world.live);
    struct camera camera;
    record_copy(&camera_descriptor, set->items[0], &camera);
    camera.decode = DECODE_ALL;
    live_put_camera(world.live, &camera);
    expect(&world, 1, false);
    live_put_camera(world.live, &camera);
    send(&world, 1);
    g_assert_cmpint(shown(&world), ==, '-');
    expect(&world, 1, false); /* by the same words */
    g_assert_cmpint(shown(&world), ==, 'h');
    live_remove_camera(world.live, "cam-1");
    g_assert_cmpint(shown(&world), ==, '-');
    live_put_camera(world.live, &camera);
    send(&world, 1);
    g_assert_cmpint(shown(&world), ==, '-');
    record_clear(&camera_descriptor, &camera);
    world_clear(&world);
}

static void test_latest_preview(void)
{
    struct world world;
    world_init(&world);
    expect(&world, 1, false);
    for (uint64_t number = 1; number <= 3; number++) {
        g_autoptr(GBytes) jpeg = g_bytes_new(&number, sizeof number);
        live_set_preview(world.live, "cam-1", 1, jpeg, start_ms + (int64_t)number, number);
    }
    g_autofree char *huge = g_malloc0(5 << 20);
    g_autoptr(GBytes) too_large = g_bytes_new_static(huge, 5 << 20);
    live_set_preview(world.live, "cam-1", 1, too_large, start_ms, 4);
    struct live_preview preview;
    g_assert_true(live_get_preview(world.live, "cam-1", &preview));
    g_assert_cmpuint(preview.frame_number, ==, 3);
    g_assert_cmpint(preview.captured_at_ms, ==, start_ms + 3);
    g_bytes_unref(preview.jpeg);
    world_clear(&world);
}

static void keep_text(void *data, enum live_kind kind, const char *org_id, const char *camera_id, const char *id,
                      GBytes *json)
{
    (void)id;
    g_string_append_printf(data, "%d %s %s %.*s\n", (int)kind, org_id, camera_id, (int)g_bytes_get_size(json),
                           (const char *)g_bytes_get_data(json, NULL));
}

static void test_subscribers(void)
{
    struct world world;
    world_init(&world);
    g_autoptr(GString) a = g_string_new(NULL), b = g_string_new(NULL);
    unsigned first = live_subscribe(world.live, keep_text, a), second = live_subscribe(world.live, keep_text, b);
    live_publish(world.live, LIVE_TRACKS, "o", "cam-1", "{}", 2);
    live_unsubscribe(world.live, first);
    live_publish(world.live, LIVE_EVENT, "o", "cam-1", "[1]", 3);
    live_unsubscribe(world.live, second);
    live_publish(world.live, LIVE_HEALTH, "o", "cam-1", "{}", 2);
    g_assert_cmpstr(a->str, ==, "1 o cam-1 {\"type\":\"tracks\",\"data\":{}}\n");
    g_assert_cmpstr(b->str, ==,
                    "1 o cam-1 {\"type\":\"tracks\",\"data\":{}}\n2 o cam-1 {\"type\":\"event\",\"data\":[1]}\n");
    world_clear(&world);
}

static void count_message(void *data, enum live_kind kind, const char *org_id, const char *camera_id, const char *id,
                          GBytes *json)
{
    (void)id;
    (void)kind;
    (void)org_id;
    (void)camera_id;
    (void)json;
    __atomic_add_fetch((int *)data, 1, __ATOMIC_RELAXED);
}

static void *use_everything(void *data)
{
    struct world *world = data;
    for (int i = 0; i < 2000; i++) {
        say(world, "cam-1", "online");
        g_autoptr(GBytes) jpeg = g_bytes_new_static("x", 1);
        live_set_preview(world->live, "cam-1", 1, jpeg, start_ms, (uint64_t)i);
        struct live_preview preview;
        if (live_get_preview(world->live, "cam-1", &preview))
            g_bytes_unref(preview.jpeg);
        struct camera_health health;
        if (live_get_health(world->live, "cam-1", &health))
            record_clear(&camera_health_descriptor, &health);
        int heard = 0;
        unsigned subscription = live_subscribe(world->live, count_message, &heard);
        live_publish(world->live, LIVE_TRACKS, "o", "cam-1", "{}", 2);
        live_unsubscribe(world->live, subscription); /* nobody is called after this */
        g_assert_cmpint(heard, >=, 1);
    }
    return NULL;
}

static void test_many_threads(void)
{
    struct world world;
    world_init(&world);
    expect(&world, 1, false);
    pthread_t threads[4];
    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
        g_assert_cmpint(pthread_create(&threads[i], NULL, use_everything, &world), ==, 0);
    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
        pthread_join(threads[i], NULL);
    world_clear(&world);
}

/* One of them comes and goes while others look. */
static void *come_and_go(void *data)
{
    struct world *world = data;
    struct camera camera;
    record_init(&camera_descriptor, &camera);
    camera.id = g_strdup("guest");
    camera.source = g_strdup("rtsp://127.0.0.1/x");
    for (int i = 0; i < 2000; i++) {
        camera.decode = i % 2 ? DECODE_ALL : DECODE_AUTO;
        live_put_camera(world->live, &camera);
        say(world, "guest", "online");
        if (i % 3 == 0)
            live_remove_camera(world->live, "guest");
    }
    live_remove_camera(world->live, "guest");
    record_clear(&camera_descriptor, &camera);
    return NULL;
}

static void test_cameras_come_and_go_while_others_look(void)
{
    struct world world;
    pthread_t thread;
    world_init(&world);
    say(&world, "cam-1", "online");
    CLEANUP(camera_set) struct camera_set *first = live_cameras(world.live);
    g_assert_cmpint(pthread_create(&thread, NULL, come_and_go, &world), ==, 0);
    for (int i = 0; i < 2000; i++) {
        CLEANUP(camera_set) struct camera_set *set = live_cameras(world.live);
        const struct camera *guest = camera_set_find(set, "guest");
        g_assert_cmpuint(set->count, ==, guest ? 2 : 1);
        g_assert_cmpstr(set->items[0]->id, ==, "cam-1");
        if (guest)
            g_assert_cmpstr(guest->source, ==, "rtsp://127.0.0.1/x");
        live_is_online(world.live, "guest", start_ms);
        live_want_preview(world.live, "guest");
    }
    pthread_join(thread, NULL);
    g_assert_cmpuint(first->count, ==, 1);
    g_assert_true(live_is_online(world.live, "cam-1", start_ms)); /* it is as it was */
    struct camera_health health;
    g_assert_false(live_get_health(world.live, "guest", &health));
    world_clear(&world);
}

/* What was seen at another address is not shown as if it were seen now. */
static void test_another_source_begins_anew(void)
{
    struct world world;
    world_init(&world);
    struct live_preview preview;
    struct camera_health health;
    g_autoptr(GBytes) jpeg = g_bytes_new_static("x", 1);
    CLEANUP(camera_set) struct camera_set *set = live_cameras(world.live);
    struct camera camera;
    record_copy(&camera_descriptor, set->items[0], &camera);
    say(&world, "cam-1", "online");
    expect(&world, 1, false);
    live_set_preview(world.live, "cam-1", 1, jpeg, start_ms, 1);
    g_free(camera.name);
    camera.name = g_strdup("Another name");
    live_put_camera(world.live, &camera);
    g_assert_true(live_is_online(world.live, "cam-1", start_ms));
    g_free(camera.source);
    camera.source = g_strdup("rtsp://127.0.0.1/another");
    live_put_camera(world.live, &camera);
    g_assert_false(live_get_preview(world.live, "cam-1", &preview));
    g_assert_false(live_get_health(world.live, "cam-1", &health));
    g_assert_false(live_is_online(world.live, "cam-1", start_ms));
    record_clear(&camera_descriptor, &camera);
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/live/online_is_a_recent_word", test_online_is_a_recent_word);
    g_test_add_func("/live/unknown_cameras_are_ignored", test_unknown_cameras_are_ignored);
    g_test_add_func("/live/wishes_are_passed_once_a_second", test_wishes_are_passed_once_a_second);
    g_test_add_func("/live/latest_preview", test_latest_preview);
    g_test_add_func("/live/h11_a_picture_is_shown_by_what_it_was_made",
                    test_h11_a_picture_is_shown_by_what_it_was_made);
    g_test_add_func("/live/h11_a_changed_camera_is_shown_once_its_worker_knows",
                    test_h11_a_changed_camera_is_shown_once_its_worker_knows);
    g_test_add_func("/live/h11_a_telling_outlasts_a_new_beginning", test_h11_a_telling_outlasts_a_new_beginning);
    g_test_add_func("/live/subscribers", test_subscribers);
    g_test_add_func("/live/many_threads", test_many_threads);
    g_test_add_func("/live/cameras_come_and_go_while_others_look", test_cameras_come_and_go_while_others_look);
    g_test_add_func("/live/another_source_begins_anew", test_another_source_begins_anew);
    return g_test_run();
}
