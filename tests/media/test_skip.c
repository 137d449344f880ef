/* Which pictures the decoder is spared, counted on clips whose pictures are known, and that nothing is lost by it. */
#include <string.h>

#include "base/counter.h"
#include "media/skipper.h"
#include "media/stage.h"

enum { CLIP_FRAMES = 60, CLIP_GROUP = 10 };

/* 60 pictures at 25 a second, a key frame each 10; with B pictures, which nothing is predicted from, when asked. */
#define CLIP                                                                                                           \
    "videotestsrc num-buffers=60 pattern=ball ! video/x-raw,format=I420,width=320,height=240,framerate=25/1 ! "        \
    "x264enc key-int-max=10 option-string=scenecut=0:open-gop=0 b-adapt=false "
static const char plain_clip[] = CLIP "bframes=0 ! matroskamux ! filesink name=out";
static const char b_clip[] = CLIP "bframes=2 b-pyramid=false ! matroskamux ! filesink name=out";
/* The same again in H.265: P and unreferenced B pictures. */
static const char h265_clip[] =
    "videotestsrc num-buffers=60 pattern=ball ! video/x-raw,format=I420,width=320,height=240,framerate=25/1 ! "
    "x265enc key-int-max=10 option-string=bframes=2:b-pyramid=0:b-adapt=0:scenecut=0:open-gop=0 ! h265parse ! "
    "matroskamux ! filesink name=out";

/* Plays a clip once through and leaves what was counted in `eye->health`, which media_eye_close clears. */
static bool play_through(struct media_world *world, struct media_eye *eye, const char *description,
                         enum camera_decode decode)
{
    media_world_init(world);
    g_autofree char *path = media_world_path(world, "clip.mkv");
    if (!media_world_make(path, description)) {
        g_test_skip("this machine has no encoder for it");
        media_world_clear(world);
        return false;
    }
    media_eye_init(eye);
    eye->decode = decode;
    media_eye_open(eye, path);
    g_assert_true(media_eye_wait_state(eye, "ended"));
    return true;
}

static int64_t decoded(const struct media_eye *eye)
{
    return counter_get(&eye->health.frames_decoded);
}

static void test_all_decodes_every_picture(void)
{
    struct media_world world;
    struct media_eye eye;
    if (!play_through(&world, &eye, b_clip, DECODE_ALL))
        return;
    g_assert_cmpint(decoded(&eye), ==, CLIP_FRAMES);
    g_assert_cmpint(counter_get(&eye.health.packets_skipped_non_reference), ==, 0);
    media_eye_close(&eye);
    media_world_clear(&world);
}

static void test_key_frames_decodes_only_these(void)
{
    struct media_world world;
    struct media_eye eye;
    if (!play_through(&world, &eye, plain_clip, DECODE_KEY_FRAMES))
        return;
    g_assert_cmpint(decoded(&eye), ==, CLIP_FRAMES / CLIP_GROUP);
    g_assert_cmpint(counter_get(&eye.health.packets_skipped_delta), ==, CLIP_FRAMES - CLIP_FRAMES / CLIP_GROUP);
    g_assert_cmpint(counter_get(&eye.health.errors_count), ==, 0);
    media_eye_close(&eye);
    media_world_clear(&world);
}

/* What we encode ourselves has key frames at its interval, also where the picture changes at once. */
static void test_the_writer_gives_key_frames_at_its_interval(void)
{
    enum { FPS = 10, FRAMES = 8 * FPS, INTERVAL_SECONDS = 2, CHANGE_FRAMES = 7 };
    struct media_world world;
    struct media_eye eye;
    g_autoptr(GError) error = NULL;
    media_world_init(&world);
    g_autofree char *path = media_world_path(&world, "changing.mp4");
    struct media_writer *writer = media_writer_open(path, 64, 64, FPS, &error);
    g_assert_no_error(error);
    for (int i = 0; i < FRAMES; i++) {
        CLEANUP(frame) struct frame *frame = frame_new_allocated(64, 64);
        frame->media_us = (int64_t)i * 1000000 / FPS;
        for (int y = 0; y < 64; y++) /* stripes that trade places each seven frames */
            memset(frame_plane(frame, 0) + y * frame->strides_bytes[0], y / 4 % 2 == i / CHANGE_FRAMES % 2 ? 230 : 20,
                   64);
        g_assert_true(media_writer_write(writer, frame, &error));
    }
    g_assert_true(media_writer_close(writer, &error));
    media_eye_init(&eye);
    eye.decode = DECODE_KEY_FRAMES;
    media_eye_open(&eye, path);
    g_assert_true(media_eye_wait_state(&eye, "ended"));
    g_assert_cmpint(decoded(&eye), ==, FRAMES / FPS / INTERVAL_SECONDS);
    media_eye_close(&eye);
    media_world_clear(&world);
}

static void test_non_reference(const void *description)
{
    struct media_world world;
    struct media_eye eye;
    if (!play_through(&world, &eye, description, DECODE_NON_REFERENCE))
        return;
    int64_t skipped = counter_get(&eye.health.packets_skipped_non_reference);
    g_test_message("%lld skipped", (long long)skipped);
    g_assert_cmpint(skipped, >, CLIP_FRAMES / 2); /* about two of three */
    g_assert_cmpint(decoded(&eye) + skipped, ==, CLIP_FRAMES);
    g_assert_cmpint(counter_get(&eye.health.decode_errors), ==, 0);
    media_eye_close(&eye);
    media_world_clear(&world);
}

static void test_without_b_pictures_nothing_is_disposable(void)
{
    struct media_world world;
    struct media_eye eye;
    if (!play_through(&world, &eye, plain_clip, DECODE_NON_REFERENCE))
        return;
    g_assert_cmpint(decoded(&eye), ==, CLIP_FRAMES);
    media_eye_close(&eye);
    media_world_clear(&world);
}

/* ---- auto, over RTSP ---- */

struct quiet_wait {
    struct media_eye *eye;
    int64_t skipped;
};

static bool has_skipped(void *data)
{
    struct quiet_wait *wait = data;
    return counter_get(&wait->eye->health.packets_skipped_quiet) >= wait->skipped;
}

static bool has_caught_up(void *data)
{
    struct media_eye *eye = data;
    media_source_set_activity(eye->source, true);
    return counter_get(&eye->health.packets_caught_up) > 0;
}

struct rate_wait {
    struct media_eye *eye;
    int64_t decoded;
};

static bool has_decoded(void *data)
{
    struct rate_wait *wait = data;
    media_source_set_activity(wait->eye->source, true);
    return decoded(wait->eye) >= wait->decoded;
}

static void test_auto_comes_back_within_a_group(void)
{
    struct media_eye eye;
    /* the player gives a key frame each second */
    struct media_player *player = play("scene://shop?seed=1&fps=25&width=320&height=180", 0, NULL, NULL);
    g_autofree char *address = address_of(player);
    media_eye_init(&eye);
    eye.decode = DECODE_AUTO;
    eye.settings.quiet_seconds = 3;
    eye.settings.wake_ratio = 1000;
    media_eye_open(&eye, address);
    struct quiet_wait quiet = {&eye, 40};
    g_assert_true(media_world_wait(has_skipped, &quiet));
    int64_t before = decoded(&eye);
    int64_t skipped_before = counter_get(&eye.health.packets_skipped_quiet);
    quiet.skipped = skipped_before + 24;
    g_assert_true(media_world_wait(has_skipped, &quiet));
    int64_t more = decoded(&eye) - before, left_out = counter_get(&eye.health.packets_skipped_quiet) - skipped_before;
    g_assert_cmpint(more, <=, 2 + left_out / 24); /* a key frame a second, not 25 */
    gint64 start_us = g_get_monotonic_time();
    quiet.skipped = counter_get(&eye.health.packets_skipped_quiet) + 3; /* into a group */
    g_assert_true(media_world_wait(has_skipped, &quiet));
    g_assert_true(media_world_wait(has_caught_up, &eye));
    struct rate_wait rate = {&eye, decoded(&eye) + 50};
    int64_t skipped = counter_get(&eye.health.packets_skipped_quiet);
    g_assert_true(media_world_wait(has_decoded, &rate));
    g_test_message("back and 50 more in %.2f s", (double)(g_get_monotonic_time() - start_us) / 1e6);
    g_assert_cmpint(counter_get(&eye.health.packets_skipped_quiet), ==, skipped);
    g_assert_cmpint(counter_get(&eye.health.stalls), ==, 0);
    media_eye_close(&eye);
    stop_playing(player);
}

/* What is decoded seconds after it came tells when it came: its time goes on as its pictures do. */
static void test_caught_up_pictures_tell_when_they_came(void)
{
    enum { TRIES = 10, LATE_MS = 500, SPREAD_MS = 400 };
    struct media_world world;
    struct media_eye eye;
    media_world_init(&world);
    g_autofree char *path = media_world_path(&world, "clip.mkv");
    g_assert_true(media_world_make(
        path, "videotestsrc num-buffers=500 pattern=ball ! video/x-raw,format=I420,width=640,height=360,framerate=25/1 "
              "! x264enc key-int-max=125 bframes=0 option-string=scenecut=0 ! matroskamux ! filesink name=out"));
    struct media_player *player = play(path, 0, NULL, NULL);
    g_autofree char *address = address_of(player);
    media_eye_init(&eye);
    eye.decode = DECODE_AUTO;
    eye.settings.quiet_seconds = 0.5;
    eye.settings.wake_ratio = 1000;
    eye.settings.max_clock_skew_ms = 0; /* the camera's clock would hide it below that */
    media_eye_open(&eye, address);
    int64_t late = 0, spread_ms = 0;
    /* A machine that is busy may tell a picture late, in one try or another; a wrong time is wrong in each. */
    for (int try = 0; try < TRIES && (!late || spread_ms >= SPREAD_MS); try++) {
        late = spread_ms = 0;
        struct quiet_wait quiet = {&eye, counter_get(&eye.health.packets_skipped_quiet) + 60};
        g_assert_true(media_world_wait(has_skipped, &quiet));
        frame_unref(media_eye_wait_frame(&eye)); /* a key frame, long seen */
        media_source_set_activity(eye.source, true);
        int64_t first_ms = 0;
        for (int i = 0; i < 12; i++) {
            CLEANUP(frame) struct frame *frame = media_eye_wait_frame(&eye);
            g_assert_nonnull(frame);
            int64_t begin_ms = frame->captured_at_ms - frame->media_us / 1000;
            first_ms = first_ms ? first_ms : begin_ms;
            spread_ms = MAX(spread_ms, ABS(begin_ms - first_ms));
            late += g_get_real_time() / 1000 - frame->captured_at_ms > LATE_MS;
        }
    }
    g_test_message("%d seen that were caught up, their times within %d ms", (int)late, (int)spread_ms);
    g_assert_cmpint(late, >, 0);
    g_assert_cmpint(spread_ms, <, SPREAD_MS);
    media_eye_close(&eye);
    stop_playing(player);
    media_world_clear(&world);
}

/* Also where it came longer ago than a camera's time may part from ours (time_axis.c). */
static void test_a_long_group_keeps_its_time(void)
{
    enum { KEPT = 270, /* 10.8 s */ PICTURES = 10, SPREAD_MS = 2000 };
    struct media_world world;
    struct media_eye eye;
    media_world_init(&world);
    g_autofree char *path = media_world_path(&world, "clip.mkv");
    g_assert_true(media_world_make(
        path, "videotestsrc num-buffers=400 pattern=ball ! video/x-raw,format=I420,width=160,height=120,framerate=25/1 "
              "! x264enc key-int-max=400 bframes=0 option-string=scenecut=0 ! matroskamux ! filesink name=out"));
    struct media_player *player = play(path, 0, NULL, NULL);
    g_autofree char *address = address_of(player);
    media_eye_init(&eye);
    eye.decode = DECODE_AUTO;
    eye.settings.quiet_seconds = 0.02; /* the first group already */
    eye.settings.kept_packets = 400;
    eye.settings.kept_seconds = 60;
    eye.settings.wake_ratio = 1000;
    int64_t before_ms = g_get_real_time() / 1000;
    media_eye_open(&eye, address);
    g_assert_true(media_eye_wait_state(&eye, "online")); /* by the key frame, from which the stream's time begins */
    int64_t after_ms = g_get_real_time() / 1000;
    struct quiet_wait quiet = {&eye, KEPT};
    g_assert_true(media_world_wait(has_skipped, &quiet));
    g_assert_cmpint(decoded(&eye), ==, 1);
    g_assert_true(media_world_wait(has_caught_up, &eye));
    for (int i = 0; i < PICTURES; i++) {
        CLEANUP(frame) struct frame *frame = media_eye_wait_frame(&eye);
        g_assert_nonnull(frame);
        int64_t begin_ms = frame->captured_at_ms - frame->media_us / 1000;
        g_assert_cmpint(begin_ms, >, before_ms - SPREAD_MS);
        g_assert_cmpint(begin_ms, <, after_ms + SPREAD_MS);
    }
    media_eye_close(&eye);
    stop_playing(player);
    media_world_clear(&world);
}

struct delta_wait {
    struct media_eye *eye;
    int64_t skipped;
};

static bool has_skipped_deltas(void *data)
{
    struct delta_wait *wait = data;
    return counter_get(&wait->eye->health.packets_skipped_delta) >= wait->skipped;
}

/* A group longer than source.stall_timeout_ms is no stall. */
static void test_skipped_pictures_are_a_sign_of_life(void)
{
    struct media_world world;
    struct media_eye eye;
    media_world_init(&world);
    g_autofree char *path = media_world_path(&world, "clip.mkv");
    g_assert_true(media_world_make(
        path, "videotestsrc num-buffers=250 pattern=ball ! video/x-raw,format=I420,width=160,height=120,framerate=25/1 "
              "! x264enc key-int-max=250 bframes=0 ! matroskamux ! filesink name=out"));
    struct media_player *player = play(path, 0, NULL, NULL);
    g_autofree char *address = address_of(player);
    media_eye_init(&eye);
    eye.decode = DECODE_KEY_FRAMES;
    eye.settings.stall_timeout_ms = 3000;
    media_eye_open(&eye, address);
    g_assert_true(media_eye_wait_state(&eye, "online"));
    struct delta_wait wait = {&eye, counter_get(&eye.health.packets_skipped_delta) + 100};
    g_assert_true(media_world_wait(has_skipped_deltas, &wait)); /* four seconds without a picture */
    g_assert_cmpint(counter_get(&eye.health.stalls), ==, 0);
    g_assert_cmpint(counter_get(&eye.health.connects), ==, 1);
    media_eye_close(&eye);
    stop_playing(player);
    media_world_clear(&world);
}

/* ---- auto, packet by packet ---- */

struct bench {
    struct clock *clock;
    struct source_settings settings;
    struct camera_health health;
    struct media_skipper *skipper;
    GstPad *pad;
    int chained; /* pictures that were caught up */
};

static GstFlowReturn on_chain(GstPad *pad, GstObject *parent, GstBuffer *buffer)
{
    (void)parent;
    struct bench *bench = gst_pad_get_element_private(pad);
    g_assert_false(media_skipper_skips(bench->skipper, pad, buffer));
    bench->chained++;
    gst_buffer_unref(buffer);
    return GST_FLOW_OK;
}

static void bench_init(struct bench *bench)
{
    GstSegment segment;
    memset(bench, 0, sizeof *bench);
    bench->clock = clock_fake_new(1700000000000);
    bench->settings = media_world_settings();
    bench->pad = gst_pad_new("sink", GST_PAD_SINK);
    gst_pad_set_element_private(bench->pad, bench);
    gst_pad_set_chain_function(bench->pad, on_chain);
    gst_pad_set_active(bench->pad, TRUE);
    gst_segment_init(&segment, GST_FORMAT_TIME);
    gst_pad_send_event(bench->pad, gst_event_new_stream_start("bench"));
    gst_pad_send_event(bench->pad, gst_event_new_segment(&segment));
}

static void count(void *data, size_t counter, int64_t amount)
{
    counter_add(G_STRUCT_MEMBER_P(&((struct bench *)data)->health, counter), amount);
}

static void bench_start(struct bench *bench)
{
    bench->skipper = media_skipper_new(DECODE_AUTO, &bench->settings, bench->clock, count, bench);
    media_skipper_begin(bench->skipper);
    clock_fake_advance_us(bench->clock, 11 * G_USEC_PER_SEC); /* longer than quiet_seconds */
}

static void bench_clear(struct bench *bench)
{
    media_skipper_free(bench->skipper);
    gst_pad_set_active(bench->pad, FALSE);
    gst_object_unref(bench->pad);
    clock_fake_free(bench->clock);
}

static bool skips(struct bench *bench, bool is_key, size_t bytes)
{
    GstBuffer *buffer = gst_buffer_new_allocate(NULL, bytes, NULL);
    if (!is_key)
        GST_BUFFER_FLAG_SET(buffer, GST_BUFFER_FLAG_DELTA_UNIT);
    bool is_skipped = media_skipper_skips(bench->skipper, bench->pad, buffer);
    gst_buffer_unref(buffer);
    clock_fake_advance_us(bench->clock, G_USEC_PER_SEC / 25);
    return is_skipped;
}

static void test_a_large_picture_wakes(void)
{
    struct bench bench;
    bench_init(&bench);
    bench_start(&bench);
    g_assert_false(skips(&bench, true, 50000));
    for (int i = 0; i < 20; i++)
        g_assert_true(skips(&bench, false, 2000));
    g_assert_false(skips(&bench, false, 9000));
    g_assert_cmpint(bench.chained, ==, 20);
    g_assert_cmpint(counter_get(&bench.health.packets_caught_up), ==, 20);
    g_assert_false(skips(&bench, false, 2000));
    g_assert_false(skips(&bench, true, 50000)); /* and the next group whole: not quiet long enough */
    g_assert_false(skips(&bench, false, 2000));
    clock_fake_advance_us(bench.clock, 11 * G_USEC_PER_SEC);
    g_assert_false(skips(&bench, false, 2000)); /* never in the middle of a group */
    g_assert_false(skips(&bench, true, 50000));
    g_assert_true(skips(&bench, false, 2000));
    bench_clear(&bench);
}

static void test_a_group_too_large_to_keep_is_decoded_whole(void)
{
    struct bench bench;
    bench_init(&bench);
    bench.settings.kept_packets = 10;
    bench_start(&bench);
    g_assert_false(skips(&bench, true, 50000));
    for (int i = 0; i < 10; i++)
        g_assert_true(skips(&bench, false, 2000));
    for (int i = 0; i < 10; i++)
        g_assert_false(skips(&bench, false, 2000));
    g_assert_cmpint(bench.chained, ==, 10);
    bench_clear(&bench);
    bench_init(&bench);
    bench.settings.kept_bytes = 5000;
    bench_start(&bench);
    g_assert_false(skips(&bench, true, 50000));
    g_assert_true(skips(&bench, false, 2000));
    g_assert_true(skips(&bench, false, 2000));
    g_assert_false(skips(&bench, false, 2000));
    g_assert_cmpint(bench.chained, ==, 2);
    bench_clear(&bench);
    bench_init(&bench);
    bench.settings.kept_seconds = 2; /* from one key frame to the next nobody could be followed */
    bench_start(&bench);
    g_assert_false(skips(&bench, true, 50000));
    int skipped = 0;
    while (skips(&bench, false, 2000))
        skipped++;
    g_assert_cmpint(skipped, ==, 49); /* at 25 a second */
    g_assert_cmpint(bench.chained, ==, 49);
    bench_clear(&bench);
}

static void test_a_stream_without_key_frames_is_decoded_whole(void)
{
    struct bench bench;
    bench_init(&bench);
    bench_start(&bench);
    for (int i = 0; i < 100; i++)
        g_assert_false(skips(&bench, false, 2000));
    bench_clear(&bench);
}

/* Damaged sizes and start codes must not lead outside. */
static void test_units_that_lie_are_survived(void)
{
    static const uint8_t liar[] = {0xff, 0xff, 0xff, 0xff, 0x01}, none[] = {0, 0, 0, 0, 0}, code[] = {0, 0, 1};
    static const uint8_t free_b[] = {0, 0, 1, 0x01, 0x9e}, kept_p[] = {0, 0, 1, 0x41, 0x9a};
    int layer = 0;
    g_assert_true(media_picture_is_disposable(false, 4, liar, sizeof liar, &layer));
    for (int length_bytes = 0; length_bytes <= 4; length_bytes++)
        for (size_t size = 0; size <= sizeof liar; size++) {
            g_autofree uint8_t *exact = g_memdup2(liar, size); /* so that a sanitizer sees its end */
            media_picture_is_disposable(size % 2, length_bytes, exact, size, &layer);
            g_assert_false(media_picture_is_disposable(false, length_bytes, none, size, &layer));
        }
    g_assert_false(media_picture_is_disposable(false, 0, code, sizeof code, &layer));
    g_assert_true(media_picture_is_disposable(false, 0, free_b, sizeof free_b, &layer));
    g_assert_false(media_picture_is_disposable(false, 0, kept_p, sizeof kept_p, &layer));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    media_world_start();
    stage_open();
    g_test_add_func("/media/skip/all_decodes_every_picture", test_all_decodes_every_picture);
    g_test_add_func("/media/skip/key_frames_decodes_only_these", test_key_frames_decodes_only_these);
    g_test_add_func("/media/skip/the_writer_gives_key_frames_at_its_interval",
                    test_the_writer_gives_key_frames_at_its_interval);
    g_test_add_data_func("/media/skip/non_reference/h264", b_clip, test_non_reference);
    g_test_add_data_func("/media/skip/non_reference/h265", h265_clip, test_non_reference);
    g_test_add_func("/media/skip/without_b_pictures_nothing_is_disposable",
                    test_without_b_pictures_nothing_is_disposable);
    g_test_add_func("/media/skip/auto_comes_back_within_a_group", test_auto_comes_back_within_a_group);
    g_test_add_func("/media/skip/caught_up_pictures_tell_when_they_came", test_caught_up_pictures_tell_when_they_came);
    g_test_add_func("/media/skip/a_long_group_keeps_its_time", test_a_long_group_keeps_its_time);
    g_test_add_func("/media/skip/skipped_pictures_are_a_sign_of_life", test_skipped_pictures_are_a_sign_of_life);
    g_test_add_func("/media/skip/a_large_picture_wakes", test_a_large_picture_wakes);
    g_test_add_func("/media/skip/a_group_too_large_to_keep_is_decoded_whole",
                    test_a_group_too_large_to_keep_is_decoded_whole);
    g_test_add_func("/media/skip/a_stream_without_key_frames_is_decoded_whole",
                    test_a_stream_without_key_frames_is_decoded_whole);
    g_test_add_func("/media/skip/units_that_lie_are_survived", test_units_that_lie_are_survived);
    int result = g_test_run();
    stage_close();
    return result;
}
