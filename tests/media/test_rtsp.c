/* Live sources against real RTSP servers: our own player, on a real socket. */
#include <string.h>

#include "base/counter.h"
#include "media/stage.h"
#include "stopwatch.h"

/* ---- frames ---- */

static void test_frames_arrive_uncopied_on_a_steady_axis(void)
{
    struct media_eye eye;
    struct media_player *player = play("scene://shop?seed=1&fps=25&width=640&height=360", 0, NULL, NULL);
    g_autofree char *address = address_of(player);
    media_eye_init(&eye);
    media_eye_open(&eye, address);
    int64_t last_us = -1;
    uint64_t last_number = 0;
    for (int i = 0; i < 40; i++) {
        CLEANUP(frame) struct frame *frame = media_eye_wait_frame(&eye);
        g_assert_nonnull(frame);
        g_assert_cmpint(frame->width_px, ==, 640);
        g_assert_cmpint(frame->height_px, ==, 360);
        g_assert_true(last_us < 0 || frame->number > last_number);
        /* as much time as there are frames: 40 ms each */
        if (last_us >= 0)
            g_assert_cmpint(ABS(frame->media_us - last_us - (int64_t)(frame->number - last_number) * 40000), <, 2000);
        last_us = frame->media_us;
        last_number = frame->number;
    }
    const struct camera_health *told = media_eye_look(&eye);
    g_assert_cmpstr(told->state, ==, "online");
    g_assert_cmpstr(told->codec, ==, "H264");
    g_assert_cmpint(told->width_px, ==, 640);
    g_assert_cmpint(counter_get(&eye.health.frame_copies), ==, 0);
    g_assert_cmpint(counter_get(&eye.health.connects), ==, 1);
    g_assert_cmpint(counter_get(&eye.health.bytes_received), >, 1000);
    g_assert_cmpint(counter_get(&eye.health.frames_decoded), >=, 40);
    media_eye_close(&eye);
    stop_playing(player);
}

struct wakes {
    struct media_eye *eye;
    int64_t seen; /* before the wait */
};

static bool has_woken_often(void *data)
{
    struct wakes *wakes = data;
    return counter_get(&wakes->eye->wakes) > wakes->seen + 10;
}

static void test_a_slow_reader_gets_the_newest_and_drops_are_counted(void)
{
    struct media_eye eye;
    media_eye_init(&eye);
    eye.loop = true;
    media_eye_open(&eye, "scene://corridor?fps=100&width=64&height=64");
    struct frame *first = media_eye_wait_frame(&eye);
    struct wakes wakes = {&eye, counter_get(&eye.wakes)};
    g_assert_true(media_world_wait(has_woken_often, &wakes));
    struct frame *second = media_eye_wait_frame(&eye);
    g_assert_cmpuint(second->number, >=, first->number + 9);
    g_assert_cmpint(counter_get(&eye.health.frames_dropped), >=, 9);
    frame_unref(first);
    frame_unref(second);
    media_eye_close(&eye);
}

static void test_analyse_fps_thins_before_the_mailbox(void)
{
    struct media_eye eye;
    struct media_player *player = play("scene://shop?fps=25&width=320&height=180", 0, NULL, NULL);
    g_autofree char *address = address_of(player);
    media_eye_init(&eye);
    eye.analyse_fps = 5;
    media_eye_open(&eye, address);
    int64_t last_us = -1;
    for (int i = 0; i < 5; i++) {
        CLEANUP(frame) struct frame *frame = media_eye_wait_frame(&eye);
        g_assert_nonnull(frame);
        if (last_us >= 0)
            g_assert_cmpint(frame->media_us - last_us, >=, 150000);
        last_us = frame->media_us;
    }
    g_assert_cmpint(counter_get(&eye.health.frames_skipped), >=, 12);
    media_eye_close(&eye);
    stop_playing(player);
}

static void test_the_camera_clock_is_used_when_it_is_near(void)
{
    struct media_eye eye;
    struct media_player *player = play("scene://shop?fps=25&width=320&height=180", 0, NULL, NULL);
    g_autofree char *address = address_of(player);
    media_eye_init(&eye);
    media_eye_open(&eye, address);
    bool is_camera_clock = false;
    int64_t asked_ms = g_get_real_time() / 1000;
    for (int i = 0; i < 300 && !is_camera_clock; i++) { /* the first sender report comes within seconds */
        CLEANUP(frame) struct frame *frame = media_eye_wait_frame(&eye);
        g_assert_nonnull(frame);
        is_camera_clock = frame->is_camera_clock;
        int64_t now_ms = g_get_real_time() / 1000; /* it came since the last one was taken */
        g_assert_cmpint(frame->captured_at_ms, >, asked_ms - 2000);
        g_assert_cmpint(frame->captured_at_ms, <, now_ms + 2000);
        asked_ms = now_ms;
    }
    g_assert_true(is_camera_clock);
    media_eye_close(&eye);
    eye.settings.max_clock_skew_ms = 0;
    media_eye_open(&eye, address);
    CLEANUP(frame) struct frame *frame = media_eye_wait_frame(&eye);
    g_assert_false(frame->is_camera_clock);
    media_eye_close(&eye);
    stop_playing(player);
}

/* ---- files as cameras ---- */

struct clip {
    const char *codec, *description;
};
#define SOURCE                                                                                                         \
    "videotestsrc num-buffers=25 pattern=ball ! video/x-raw,format=I420,width=320,height=240,framerate=25/1 ! "
static const struct clip h264 = {"H264", SOURCE "x264enc key-int-max=5 ! mp4mux ! filesink name=out"},
                         h265 = {"H265", SOURCE "x265enc key-int-max=5 ! h265parse ! mp4mux ! filesink name=out"},
                         mjpeg = {"H264", SOURCE "jpegenc ! avimux ! filesink name=out"};

/* A second of video goes round and round, and time goes on. */
static void test_a_file_loops_without_a_break(const void *data)
{
    const struct clip *clip = data;
    struct media_world world;
    struct media_eye eye;
    media_world_init(&world);
    media_eye_init(&eye);
    g_autofree char *path = media_world_path(&world, "door.mp4");
    if (!media_world_make(path, clip->description)) {
        g_test_skip("this machine has no encoder for it");
        media_world_clear(&world);
        return;
    }
    struct media_player *player = play(path, 0, NULL, NULL);
    g_autofree char *address = address_of(player);
    media_eye_open(&eye, address);
    CLEANUP(frame) struct frame *first = media_eye_wait_frame(&eye), *frame = frame_ref(first);
    while (frame->number < first->number + 60) {
        struct frame *next = media_eye_wait_frame(&eye);
        g_assert_nonnull(next);
        g_assert_cmpint(next->media_us, >, frame->media_us);
        frame_unref(frame);
        frame = next;
    }
    int64_t passed_us = frame->media_us - first->media_us;
    g_assert_cmpint(ABS(passed_us - (int64_t)(frame->number - first->number) * 40000), <, 200000);
    g_assert_cmpint(counter_get(&eye.health.connects), ==, 1);
    g_assert_cmpstr(media_eye_look(&eye)->codec, ==, clip->codec);
    g_clear_pointer(&frame, frame_unref);
    g_clear_pointer(&first, frame_unref);
    media_eye_close(&eye);
    stop_playing(player);
    media_world_clear(&world);
}

static void test_a_file_ends_or_loops(void)
{
    struct media_world world;
    struct media_eye eye;
    media_world_init(&world);
    g_autofree char *path = media_world_path(&world, "short.mp4");
    media_world_write(path, 64, 64, 10);
    media_eye_init(&eye);
    media_eye_open(&eye, path);
    g_assert_true(media_eye_wait_state(&eye, "ended"));
    g_assert_cmpint(counter_get(&eye.health.frames_decoded), ==, 10);
    media_eye_close(&eye);
    media_eye_init(&eye);
    eye.loop = true;
    media_eye_open(&eye, path);
    int64_t last_us = -1;
    for (int i = 0; i < 15; i++) {
        CLEANUP(frame) struct frame *frame = media_eye_wait_frame(&eye);
        g_assert_nonnull(frame);
        g_assert_cmpint(frame->media_us, >, last_us);
        last_us = frame->media_us;
    }
    media_eye_close(&eye);
    media_world_clear(&world);
}

static void test_a_missing_file_is_tried_again(void)
{
    struct media_eye eye;
    media_eye_init(&eye);
    eye.loop = true;
    media_eye_open(&eye, "/nonexistent/door.mp4");
    g_assert_true(media_eye_wait_state(&eye, "waiting"));
    g_assert_nonnull(strstr(media_eye_look(&eye)->last_error, "/nonexistent/door.mp4"));
    media_eye_close(&eye);
}

/* ---- trouble ---- */

static void test_s06_the_right_login_only(void)
{
    static const struct {
        const char *username, *password, *state, *error;
    } rows[] = {{"viewer", "canary-7", "online", ""},
                {"viewer", "canary-8", "waiting", "401 after 2 tries"},
                {"nobody", "canary-7", "waiting", "401 after 2 tries"},
                {NULL, NULL, "waiting", "401 after 1 try"}};
    struct media_player *player = play("scene://shop?fps=25&width=320&height=180", 0, "viewer", "canary-7");
    g_autofree char *address = address_of(player);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        struct media_eye eye;
        media_eye_init(&eye);
        eye.username = rows[i].username;
        eye.password = rows[i].password;
        eye.settings.retry_delay_ms = eye.settings.retry_delay_max_ms = 60000;
        media_eye_open(&eye, address);
        g_assert_true(media_eye_wait_state(&eye, rows[i].state));
        const char *error = media_eye_look(&eye)->last_error;
        g_test_message("%s", error);
        g_assert_nonnull(strstr(error, rows[i].error));
        g_assert_null(strstr(error, "canary"));
        if (*rows[i].error)
            g_assert_nonnull(strstr(error, address));
        media_eye_close(&eye);
    }
    struct media_eye eye; /* and in the address, as people write it */
    g_autofree char *whole = g_strdup_printf("rtsp://viewer:canary-7@%s", address + strlen("rtsp://"));
    media_eye_init(&eye);
    media_eye_open(&eye, whole);
    g_assert_true(media_eye_wait_state(&eye, "online"));
    media_eye_close(&eye);
    stop_playing(player);
}

static void test_a_camera_that_goes_comes_back(void)
{
    struct media_eye eye;
    struct media_player *player = play("scene://shop?fps=25&width=320&height=180", 0, NULL, NULL);
    g_autofree char *address = address_of(player);
    int port = media_player_port(player);
    media_eye_init(&eye);
    media_eye_open(&eye, address);
    CLEANUP(frame) struct frame *before = media_eye_wait_frame(&eye);
    g_assert_nonnull(before);
    stop_playing(player);
    g_assert_true(media_eye_wait_state(&eye, "waiting"));
    g_assert_nonnull(strstr(media_eye_look(&eye)->last_error, address));
    frame_unref(media_source_take(eye.source));
    player = play("scene://shop?fps=25&width=320&height=180", port, NULL, NULL);
    g_assert_true(media_eye_wait_state(&eye, "online"));
    CLEANUP(frame) struct frame *after = media_eye_wait_frame(&eye);
    g_assert_nonnull(after);
    g_assert_cmpint(after->media_us, >, before->media_us);
    g_assert_cmpuint(after->number, >, before->number);
    g_assert_cmpint(counter_get(&eye.health.connects), ==, 2);
    g_assert_cmpint(counter_get(&eye.health.errors_count), >=, 1);
    g_assert_cmpint(counter_get(&eye.health.frame_copies), ==, 0);
    g_assert_cmpstr(media_eye_look(&eye)->last_error, ==, "");
    media_eye_close(&eye);
    stop_playing(player);
}

static bool is_too_large(void *data)
{
    const char *error = media_eye_look(data)->last_error;
    return error && strstr(error, "320 x 180, more than source.max_width_px");
}

static void test_s04_too_large_a_picture_is_refused(void)
{
    struct media_eye eye;
    struct media_player *player = play("scene://shop?fps=25&width=320&height=180", 0, NULL, NULL);
    g_autofree char *address = address_of(player);
    media_eye_init(&eye);
    eye.settings.max_width_px = 300;
    media_eye_open(&eye, address);
    g_assert_true(media_world_wait(is_too_large, &eye));
    g_assert_cmpint(counter_get(&eye.health.frames_decoded), ==, 0);
    media_eye_close(&eye);
    stop_playing(player);
}

static gint64 stop_four_us(const void *data)
{
    (void)data;
    enum { CAMERAS = 4 };
    static const char *const names[CAMERAS] = {"a", "b", "c", "d"};
    struct media_eye eyes[CAMERAS];
    struct media_player *player = play("scene://shop?fps=10&width=640&height=360", 0, NULL, NULL);
    g_autofree char *address = address_of(player);
    struct media_streams *streams = media_streams_new();
    for (int i = 0; i < CAMERAS; i++) {
        media_eye_init(&eyes[i]);
        eyes[i].shared = streams;
        eyes[i].username = names[i]; /* a connection for each */
        media_eye_open(&eyes[i], address);
    }
    for (int i = 0; i < CAMERAS; i++)
        media_eye_start(&eyes[i]);
    for (int i = 0; i < CAMERAS; i++)
        g_assert_true(media_eye_wait_state(&eyes[i], "online"));
    gint64 start_us = g_get_monotonic_time();
    media_streams_free(streams);
    for (int i = 0; i < CAMERAS; i++)
        media_eye_close(&eyes[i]);
    gint64 took_us = g_get_monotonic_time() - start_us;
    g_test_message("four stopped in %.1f ms", (double)took_us / 1000);
    stop_playing(player);
    return took_us;
}

static void test_four_cameras_stop_together(void)
{
    /* the promise is 100 ms; a busy machine gets more */
    g_assert_cmpint(stopwatch_least_us(stop_four_us, NULL, G_USEC_PER_SEC), <, G_USEC_PER_SEC);
}

static void test_a_port_in_use_is_named(void)
{
    g_autoptr(GError) error = NULL;
    struct media_player *player = play("scene://empty?width=64&height=64", 0, NULL, NULL);
    struct media_player *second = media_player_new("127.0.0.1", media_player_port(player), &error);
    g_assert_false(media_player_start(second, &error));
    g_assert_nonnull(strstr(error->message, "listen on 127.0.0.1"));
    stop_playing(second);
    stop_playing(player);
}

static void test_what_cannot_be_played_is_named(void)
{
    g_autoptr(GError) error = NULL;
    struct media_player *player = media_player_new("127.0.0.1", 0, &error);
    g_assert_false(media_player_add(player, "x", "/nonexistent/a.mp4", NULL, NULL, &error));
    g_assert_nonnull(strstr(error->message, "/nonexistent/a.mp4"));
    g_clear_error(&error);
    g_assert_false(media_player_add(player, "x", "scene://nowhere", NULL, NULL, &error));
    g_assert_nonnull(strstr(error->message, "nowhere"));
    stop_playing(player);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    media_world_start();
    stage_open();
    g_test_add_func("/media/rtsp/frames_arrive_uncopied_on_a_steady_axis",
                    test_frames_arrive_uncopied_on_a_steady_axis);
    g_test_add_func("/media/rtsp/a_slow_reader_gets_the_newest_and_drops_are_counted",
                    test_a_slow_reader_gets_the_newest_and_drops_are_counted);
    g_test_add_func("/media/rtsp/analyse_fps_thins_before_the_mailbox", test_analyse_fps_thins_before_the_mailbox);
    g_test_add_func("/media/rtsp/the_camera_clock_is_used_when_it_is_near",
                    test_the_camera_clock_is_used_when_it_is_near);
    g_test_add_data_func("/media/rtsp/a_file_loops_without_a_break/h264", &h264, test_a_file_loops_without_a_break);
    g_test_add_data_func("/media/rtsp/a_file_loops_without_a_break/h265", &h265, test_a_file_loops_without_a_break);
    g_test_add_data_func("/media/rtsp/a_file_loops_without_a_break/mjpeg", &mjpeg, test_a_file_loops_without_a_break);
    g_test_add_func("/media/rtsp/a_file_ends_or_loops", test_a_file_ends_or_loops);
    g_test_add_func("/media/rtsp/a_missing_file_is_tried_again", test_a_missing_file_is_tried_again);
    g_test_add_func("/media/rtsp/s06_the_right_login_only", test_s06_the_right_login_only);
    g_test_add_func("/media/rtsp/a_camera_that_goes_comes_back", test_a_camera_that_goes_comes_back);
    g_test_add_func("/media/rtsp/s04_too_large_a_picture_is_refused", test_s04_too_large_a_picture_is_refused);
    g_test_add_func("/media/rtsp/four_cameras_stop_together", test_four_cameras_stop_together);
    g_test_add_func("/media/rtsp/a_port_in_use_is_named", test_a_port_in_use_is_named);
    g_test_add_func("/media/rtsp/what_cannot_be_played_is_named", test_what_cannot_be_played_is_named);
    int result = g_test_run();
    stage_close();
    return result;
}
