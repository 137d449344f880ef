/* Streams with roles: one connection an address, packets for the recorder, pictures for those who look. */
#include <string.h>

#include "base/counter.h"
#include "media/media_internal.h"
#include "media/stage.h"

/* ---- a camera with a small and a large stream ---- */

#define SUB "scene://shop?seed=1&fps=10&width=320&height=180"
#define MAIN "scene://shop?seed=1&fps=10&width=640&height=360"

struct site {
    struct media_player *player;
    char *sub, *main;
    struct camera_stream streams[2];
    char *roles[3];
};

static void start_site(void *data)
{
    struct site *site = data;
    g_autoptr(GError) error = NULL;
    site->player = media_player_new("127.0.0.1", 0, &error);
    media_player_add(site->player, "sub", SUB, NULL, NULL, &error);
    g_assert_no_error(error);
    media_player_add(site->player, "main", MAIN, NULL, NULL, &error);
    g_assert_no_error(error);
    media_player_start(site->player, &error);
    g_assert_no_error(error);
}

/* detect from the small one, record and live from the large one */
static void site_open(struct site *site)
{
    static char *const roles[] = {"detect", "record", "live"};
    on_loop(start_site, site);
    memcpy(site->roles, roles, sizeof roles);
    site->sub = g_strdup_printf("rtsp://127.0.0.1:%d/sub", media_player_port(site->player));
    site->main = g_strdup_printf("rtsp://127.0.0.1:%d/main", media_player_port(site->player));
    site->streams[0] = (struct camera_stream){.source = site->sub, .roles = {site->roles, 1}};
    site->streams[1] = (struct camera_stream){.source = site->main, .roles = {site->roles + 1, 2}};
}

static void site_close(struct site *site)
{
    stop_playing(site->player);
    g_free(site->sub);
    g_free(site->main);
}

struct count {
    struct site *site;
    int sub, main, clients;
};

static void count_plays(void *data)
{
    struct count *count = data;
    count->sub = media_player_plays(count->site->player, "sub");
    count->main = media_player_plays(count->site->player, "main");
    count->clients = media_player_clients(count->site->player);
}

static struct count plays_of(struct site *site)
{
    struct count count = {.site = site};
    on_loop(count_plays, &count);
    return count;
}

static const struct stream_health *look_at_stream(struct media_eye *eye, size_t index)
{
    const struct camera_health *health = media_eye_look(eye);
    g_assert_cmpuint(index, <, health->streams.count);
    return (const struct stream_health *)health->streams.items + index;
}

static bool both_online(void *data)
{
    return strcmp(look_at_stream(data, 0)->state, "online") == 0 &&
           strcmp(look_at_stream(data, 1)->state, "online") == 0;
}

/* ---- connections ---- */

static void test_roles_share_a_connection_and_only_what_is_analysed_is_decoded(void)
{
    struct site site = {0};
    struct media_eye eye;
    site_open(&site);
    media_eye_init(&eye);
    eye.streams = (struct record_list){site.streams, 2};
    media_eye_open(&eye, NULL);
    g_assert_true(media_world_wait(both_online, &eye));
    CLEANUP(frame) struct frame *frame = media_eye_wait_frame(&eye);
    g_assert_cmpint(frame->width_px, ==, 320);
    const struct stream_health *main = look_at_stream(&eye, 1);
    g_assert_cmpint(main->width_px, ==, 640);
    g_assert_cmpstr(main->codec, ==, "H264");
    g_assert_cmpuint(main->roles.count, ==, 2);
    g_assert_cmpstr(main->roles.items[0], ==, "record");
    g_assert_cmpint(main->live_frames, ==, 0); /* nobody looks */
    g_assert_cmpint(main->connects, ==, 1);
    struct count count = plays_of(&site);
    g_assert_cmpint(count.sub, ==, 1);
    g_assert_cmpint(count.main, ==, 1);
    g_assert_cmpint(count.clients, ==, 2);
    media_eye_close(&eye);
    site_close(&site);
}

static void test_cameras_that_name_one_address_share_it(void)
{
    struct site site = {0};
    struct media_eye eyes[3];
    struct media_streams *streams = media_streams_new();
    site_open(&site);
    for (int i = 0; i < 3; i++) {
        media_eye_init(&eyes[i]);
        eyes[i].shared = streams;
        eyes[i].streams = (struct record_list){site.streams, i < 2 ? 2 : 0};
        eyes[i].analyse_fps = i == 0 ? 0 : 5;
        media_eye_open(&eyes[i], i < 2 ? NULL : site.main); /* the third analyses what the others record */
    }
    for (int i = 0; i < 3; i++)
        media_eye_start(&eyes[i]);
    for (int i = 0; i < 3; i++) {
        CLEANUP(frame) struct frame *frame = media_eye_wait_frame(&eyes[i]);
        g_assert_nonnull(frame);
        g_assert_cmpint(frame->width_px, ==, i < 2 ? 320 : 640);
        g_assert_true(media_eye_wait_state(&eyes[i], "online"));
    }
    g_assert_cmpint(look_at_stream(&eyes[1], 1)->cameras, ==, 3);
    struct count count = plays_of(&site);
    g_assert_cmpint(count.sub, ==, 1);
    g_assert_cmpint(count.main, ==, 1);
    g_assert_cmpint(count.clients, ==, 2);
    media_streams_free(streams);
    for (int i = 0; i < 3; i++)
        media_eye_close(&eyes[i]);
    site_close(&site);
}

/* What the hub's deadlines go by (src/hub/progress.c) must rise for each camera: else all but the first seem to stall.
 */
static int64_t pictures_come(const struct media_eye *eye)
{
    const struct camera_health *health = &eye->health;
    return counter_get(&health->frames_decoded) + counter_get(&health->packets_skipped_delta) +
           counter_get(&health->packets_skipped_quiet) + counter_get(&health->packets_skipped_non_reference);
}

struct rise {
    const struct media_eye *eye;
    int64_t from;
};

static bool has_risen(void *data)
{
    const struct rise *rise = data;
    return pictures_come(rise->eye) > rise->from;
}

static void test_what_a_shared_stream_does_counts_for_each_camera(void)
{
    static const enum camera_decode decodes[] = {DECODE_ALL, DECODE_KEY_FRAMES};
    for (size_t i = 0; i < G_N_ELEMENTS(decodes); i++) {
        struct site site = {0};
        struct media_eye eyes[2];
        struct media_streams *streams = media_streams_new();
        site_open(&site);
        for (int j = 0; j < 2; j++) {
            media_eye_init(&eyes[j]);
            eyes[j].shared = streams;
            eyes[j].decode = decodes[i];
            media_eye_open(&eyes[j], site.sub);
        }
        for (int j = 0; j < 2; j++)
            media_eye_start(&eyes[j]);
        for (int j = 0; j < 2; j++) {
            g_assert_true(media_eye_wait_state(&eyes[j], "online"));
            struct rise rise = {&eyes[j], pictures_come(&eyes[j]) + 20};
            g_assert_true(media_world_wait(has_risen, &rise));
            g_assert_cmpint(counter_get(&eyes[j].health.connects), ==, 1);
            g_assert_cmpint(counter_get(&eyes[j].health.bytes_received), >, 0);
            g_assert_true((counter_get(&eyes[j].health.packets_skipped_delta) > 0) ==
                          (decodes[i] == DECODE_KEY_FRAMES));
        }
        g_assert_cmpint(plays_of(&site).sub, ==, 1);
        media_streams_free(streams);
        for (int j = 0; j < 2; j++)
            media_eye_close(&eyes[j]);
        site_close(&site);
    }
}

static void test_another_login_is_another_connection(void)
{
    struct site site = {0};
    struct media_eye eyes[2];
    struct media_streams *streams = media_streams_new();
    site_open(&site);
    for (int i = 0; i < 2; i++) {
        media_eye_init(&eyes[i]);
        eyes[i].shared = streams;
        eyes[i].username = i == 0 ? "first" : "second"; /* the server asks for none */
        media_eye_open(&eyes[i], site.sub);
    }
    for (int i = 0; i < 2; i++)
        media_eye_start(&eyes[i]);
    for (int i = 0; i < 2; i++)
        g_assert_true(media_eye_wait_state(&eyes[i], "online"));
    g_assert_cmpint(plays_of(&site).sub, ==, 2);
    media_streams_free(streams);
    for (int i = 0; i < 2; i++)
        media_eye_close(&eyes[i]);
    site_close(&site);
}

/* ---- recording ---- */

struct tap_wait {
    struct media_tap *tap;
    struct media_packet packet;
};

static bool has_packet(void *data)
{
    struct tap_wait *wait = data;
    return media_tap_take(wait->tap, &wait->packet);
}

static void test_packets_to_record_begin_with_a_key_frame_and_come_in_order(void)
{
    enum { PACKETS = 25 };
    struct site site = {0};
    struct media_eye eye;
    site_open(&site);
    media_eye_init(&eye);
    eye.streams = (struct record_list){site.streams, 2};
    media_eye_open(&eye, NULL);
    g_assert_cmpint(look_at_stream(&eye, 1)->recording, ==,
                    STREAM_RECORDING_UNREAD); /* and nobody is told that it is recorded */
    struct tap_wait wait = {.tap = media_source_tap(eye.source)};
    GstClockTime before = 0;
    int key_frames = 0;
    for (int i = 0; i < PACKETS; i++) {
        g_assert_true(media_world_wait(has_packet, &wait));
        g_assert_true(i > 0 || wait.packet.is_key_frame);
        g_assert_true((i == 0) == wait.packet.is_after_gap);
        g_assert_true(i == 0 || GST_BUFFER_PTS(wait.packet.encoded) > before);
        g_assert_cmpint(ABS(wait.packet.captured_at_ms - g_get_real_time() / 1000), <, 60000);
        const GstStructure *structure = gst_caps_get_structure(wait.packet.caps, 0);
        int width = 0;
        g_assert_true(gst_structure_get_int(structure, "width", &width) && width == 640);
        before = GST_BUFFER_PTS(wait.packet.encoded);
        key_frames += wait.packet.is_key_frame;
        media_packet_clear(&wait.packet);
    }
    g_assert_cmpint(key_frames, <, PACKETS / 2);
    g_assert_cmpint(look_at_stream(&eye, 0)->recording, ==, STREAM_RECORDING_OFF);
    g_assert_cmpint(look_at_stream(&eye, 1)->recording, ==, STREAM_RECORDING_READ);
    g_assert_cmpint(look_at_stream(&eye, 1)->record_packets, >=, PACKETS);
    g_assert_cmpint(look_at_stream(&eye, 1)->record_packets_shed, ==, 0);
    g_assert_cmpint(look_at_stream(&eye, 0)->record_packets, ==, 0);
    media_eye_close(&eye);
    site_close(&site);
}

/* A tap without a camera: pictures of 100 bytes, a key frame each `group`. */
struct tap_world {
    struct clock *clock;
    struct media_tap *tap;
    GstCaps *caps;
    int64_t number;
};

static void tap_open(struct tap_world *world, int packets, int bytes, double seconds)
{
    struct source_settings settings = {.record_packets = packets, .record_bytes = bytes, .record_seconds = seconds};
    world->clock = clock_fake_new(1);
    world->tap = media_tap_new(&settings, world->clock);
    world->caps = gst_caps_new_empty_simple("video/x-h264");
    world->number = 0;
}

static void tap_put(struct tap_world *world, int count, int group)
{
    for (int i = 0; i < count; i++, world->number++) {
        GstBuffer *buffer = gst_buffer_new_allocate(NULL, 100, NULL);
        struct stream_packet packet = {buffer, world->caps, world->number % group == 0, world->number, false};
        media_tap_put(world->tap, &packet);
        gst_buffer_unref(buffer);
        clock_fake_advance_us(world->clock, 100000);
    }
}

/* Takes all; returns how many, and asserts that what follows a gap, and the first, is a key frame. */
static int tap_drain(struct tap_world *world, int64_t *first)
{
    struct media_packet packet;
    int64_t last = -1;
    int count = 0;
    for (; media_tap_take(world->tap, &packet); count++) {
        bool goes_on = last >= 0 && packet.captured_at_ms == last + 1;
        g_assert_true(goes_on || packet.is_key_frame);
        g_assert_true(goes_on || packet.is_after_gap || count == 0);
        if (count == 0 && first)
            *first = packet.captured_at_ms;
        last = packet.captured_at_ms;
        media_packet_clear(&packet);
    }
    return count;
}

static struct stream_health tap_close(struct tap_world *world)
{
    struct stream_health health = {0};
    media_tap_describe(world->tap, &health);
    media_tap_free(world->tap);
    gst_caps_unref(world->caps);
    clock_fake_free(world->clock);
    return health;
}

static void test_what_is_kept_is_bounded_in_packets_bytes_and_seconds(void)
{
    static const struct {
        int packets, bytes;
        double seconds;
        int most, least;
    } rows[] = {
        {25, 1 << 20, 1000, 25, 16}, /* groups of ten: two whole ones, and some of the third */
        {1000, 2500, 1000, 25, 16},
        {1000, 1 << 20, 2, 30, 20}, /* at ten a second two seconds are twenty, and the group before them */
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        struct tap_world world;
        int64_t first = 0;
        tap_open(&world, rows[i].packets, rows[i].bytes, rows[i].seconds);
        tap_put(&world, 995, 10);
        int count = tap_drain(&world, &first);
        g_test_message("row %zu keeps %d from %lld", i, count, (long long)first);
        g_assert_cmpint(count, <=, rows[i].most);
        g_assert_cmpint(count, >=, rows[i].least - 1);
        g_assert_cmpint(first + count, ==, 995);
        g_assert_cmpint(tap_close(&world).record_packets_shed, ==, 995 - count);
    }
}

static void test_a_group_larger_than_the_bounds_keeps_its_beginning(void)
{
    struct tap_world world;
    int64_t first = -1;
    tap_open(&world, 10, 1 << 20, 1000);
    tap_put(&world, 35, 30); /* the second key frame is number 30 */
    g_assert_cmpint(tap_drain(&world, &first), ==, 5);
    g_assert_cmpint(first, ==, 30);
    tap_put(&world, 20, 60); /* number 35 to 54: the group of 30 goes on, which a reader has taken up to 34 */
    g_assert_cmpint(tap_close(&world).record_packets_shed, ==, 20 - 10 + 30);
}

static void test_what_is_lost_before_a_slow_reader_is_told(void)
{
    struct tap_world world;
    struct media_packet packet;
    tap_open(&world, 20, 1 << 20, 1000);
    tap_put(&world, 5, 10);
    for (int i = 0; i < 3; i++) {
        g_assert_true(media_tap_take(world.tap, &packet));
        media_packet_clear(&packet);
    }
    tap_put(&world, 40, 10);
    g_assert_true(media_tap_take(world.tap, &packet));
    g_assert_true(packet.is_after_gap && packet.is_key_frame);
    media_packet_clear(&packet);
    tap_close(&world);
}

/* ---- looking ---- */

static bool sees_live(void *data)
{
    struct media_eye *eye = data;
    media_source_want_live(eye->source, clock_monotonic_us(clock_system()) + G_USEC_PER_SEC);
    CLEANUP(frame) struct frame *frame = media_source_find_live(eye->source, g_get_real_time() / 1000, 1000);
    if (frame)
        g_assert_cmpint(frame->width_px, ==, 640);
    return frame;
}

static bool sees_nothing(void *data)
{
    struct media_eye *eye = data;
    CLEANUP(frame) struct frame *frame = media_source_find_live(eye->source, g_get_real_time() / 1000, 60000);
    return !frame;
}

static void test_the_live_stream_is_decoded_only_while_someone_looks(void)
{
    struct site site = {0};
    struct media_eye eye;
    site_open(&site);
    media_eye_init(&eye);
    eye.streams = (struct record_list){site.streams, 2};
    media_eye_open(&eye, NULL);
    g_assert_true(media_world_wait(both_online, &eye));
    g_assert_true(media_source_has_live(eye.source));
    g_assert_true(sees_nothing(&eye));
    g_assert_true(media_world_wait(sees_live, &eye));
    g_assert_cmpint(look_at_stream(&eye, 1)->live_frames, >, 0);
    g_assert_cmpint(look_at_stream(&eye, 1)->live_errors, ==, 0);
    g_assert_true(media_world_wait(sees_nothing, &eye)); /* nobody looks any more: nothing is held either */
    g_assert_cmpint(plays_of(&site).main, ==, 1);
    media_eye_close(&eye);
    site_close(&site);
}

static bool is_in_time(const struct frame *frame)
{
    return frame && !frame->is_camera_clock && frame->late_ms < 1000;
}

/* Both of its streams; what is analysed lies in a mailbox. */
static bool sees_in_time(void *data)
{
    struct media_eye *eye = data;
    media_source_want_live(eye->source, clock_monotonic_us(clock_system()) + G_USEC_PER_SEC);
    CLEANUP(frame) struct frame *live = media_source_find_live(eye->source, g_get_real_time() / 1000, 1000);
    CLEANUP(frame) struct frame *analysed = media_source_take(eye->source);
    return is_in_time(live) && is_in_time(analysed);
}

/* What the promptest take is learnt in the first seconds. */
static void test_without_a_clock_it_is_known_who_was_held_up(void)
{
    struct site site = {0};
    struct media_eye eye;
    site_open(&site);
    media_eye_init(&eye);
    eye.settings.max_clock_skew_ms = -1; /* no clock is as near */
    eye.streams = (struct record_list){site.streams, 2};
    media_eye_open(&eye, NULL);
    g_assert_true(media_world_wait(both_online, &eye));
    g_assert_true(media_world_wait(sees_in_time, &eye));
    media_eye_close(&eye);
    site_close(&site);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    media_world_start();
    stage_open();
    g_test_add_func("/media/roles/share_a_connection_and_only_what_is_analysed_is_decoded",
                    test_roles_share_a_connection_and_only_what_is_analysed_is_decoded);
    g_test_add_func("/media/roles/cameras_that_name_one_address_share_it", test_cameras_that_name_one_address_share_it);
    g_test_add_func("/roles/what a shared stream does counts for each camera",
                    test_what_a_shared_stream_does_counts_for_each_camera);
    g_test_add_func("/media/roles/another_login_is_another_connection", test_another_login_is_another_connection);
    g_test_add_func("/media/roles/packets_to_record_begin_with_a_key_frame_and_come_in_order",
                    test_packets_to_record_begin_with_a_key_frame_and_come_in_order);
    g_test_add_func("/media/roles/what_is_kept_is_bounded_in_packets_bytes_and_seconds",
                    test_what_is_kept_is_bounded_in_packets_bytes_and_seconds);
    g_test_add_func("/media/roles/a_group_larger_than_the_bounds_keeps_its_beginning",
                    test_a_group_larger_than_the_bounds_keeps_its_beginning);
    g_test_add_func("/media/roles/what_is_lost_before_a_slow_reader_is_told",
                    test_what_is_lost_before_a_slow_reader_is_told);
    g_test_add_func("/media/roles/the_live_stream_is_decoded_only_while_someone_looks",
                    test_the_live_stream_is_decoded_only_while_someone_looks);
    g_test_add_func("/media/roles/without_a_clock_it_is_known_who_was_held_up",
                    test_without_a_clock_it_is_known_who_was_held_up);
    int result = g_test_run();
    stage_close();
    return result;
}
