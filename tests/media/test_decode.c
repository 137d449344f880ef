/* Streams that change under way, and pictures alone. */
#include <string.h>

#include "media/media_internal.h"
#include "media/media_world.h"

#include "base/counter.h"
#include "media/skipper.h"

/* ---- a decoder chain, fed by hand ---- */

struct chain {
    GstElement *pipeline, *input;
    GstBus *bus;
    struct media_decoder *decoder;
};

static void chain_open(struct chain *chain, const struct source_settings *settings)
{
    g_autoptr(GError) error = NULL;
    GstCaps *caps = gst_caps_new_simple("video/x-h264", "stream-format", G_TYPE_STRING, "byte-stream", NULL);
    chain->pipeline = gst_pipeline_new(NULL);
    chain->bus = gst_element_get_bus(chain->pipeline);
    chain->input = gst_element_factory_make("appsrc", NULL);
    g_object_set(chain->input, "caps", caps, NULL);
    gst_bin_add(GST_BIN(chain->pipeline), chain->input);
    chain->decoder = media_decoder_new(GST_BIN(chain->pipeline), media_codec_by_caps(caps), settings, &error);
    g_assert_no_error(error);
    g_assert_true(gst_element_link(chain->input, media_decoder_first(chain->decoder)));
    gst_element_set_state(chain->pipeline, GST_STATE_PLAYING);
    gst_caps_unref(caps);
}

static void chain_close(struct chain *chain)
{
    gst_element_set_state(chain->pipeline, GST_STATE_NULL);
    gst_object_unref(chain->bus);
    gst_object_unref(chain->pipeline);
    media_decoder_free(chain->decoder);
}

static void chain_feed(struct chain *chain, const char *path)
{
    char *bytes = NULL;
    gsize length = 0;
    g_assert_true(g_file_get_contents(path, &bytes, &length, NULL));
    gst_app_src_push_buffer(GST_APP_SRC(chain->input), gst_buffer_new_wrapped(bytes, length));
}

/* The next frame, or NULL at the end. */
static struct frame *chain_take(struct chain *chain)
{
    g_autoptr(GError) error = NULL;
    GstSample *sample = gst_app_sink_try_pull_sample(media_decoder_sink(chain->decoder), 10 * GST_SECOND);
    struct frame *frame = sample ? media_decoder_map(chain->decoder, sample, &error) : NULL;
    g_assert_no_error(error);
    g_clear_pointer(&sample, gst_sample_unref);
    return frame;
}

#define STREAM                                                                                                         \
    " ! x264enc tune=zerolatency key-int-max=5 ! video/x-h264,stream-format=byte-stream,alignment=au ! filesink "      \
    "name=out"

static void make_streams(char *large, char *small)
{
    media_world_make(large,
                     "videotestsrc num-buffers=10 pattern=ball ! video/x-raw,format=I420,width=640,height=360" STREAM);
    media_world_make(small,
                     "videotestsrc num-buffers=10 pattern=ball ! video/x-raw,format=I420,width=322,height=178" STREAM);
}

static void test_s04_frames_follow_a_change_of_size(void)
{
    struct media_world world;
    struct chain chain;
    struct source_settings settings = media_world_settings();
    media_world_init(&world);
    g_autofree char *large = media_world_path(&world, "large"), *small = media_world_path(&world, "small");
    make_streams(large, small);
    chain_open(&chain, &settings);
    int seen[2] = {0, 0};
    for (int i = 0; i < 4; i++)
        chain_feed(&chain, i % 2 ? small : large);
    gst_app_src_end_of_stream(GST_APP_SRC(chain.input));
    for (struct frame *frame; (frame = chain_take(&chain)); frame_unref(frame)) {
        bool is_small = frame->width_px == 322;
        g_assert_cmpint(frame->width_px, ==, is_small ? 322 : 640);
        g_assert_cmpint(frame->height_px, ==, is_small ? 178 : 360);
        seen[is_small]++;
        int sum = 0; /* under the address sanitizer: what the frame says is there */
        for (int plane = 0; plane < 3; plane++)
            for (int y = 0; y < frame_plane_rows(frame, plane); y++)
                sum += frame->planes[plane][(ptrdiff_t)y * frame->strides_bytes[plane] +
                                            frame_plane_row_bytes(frame, plane) - 1];
        g_assert_cmpint(sum, >, 0);
    }
    g_assert_cmpint(seen[0], ==, 20);
    g_assert_cmpint(seen[1], ==, 20);
    chain_close(&chain);
    media_world_clear(&world);
}

static void test_s04_a_change_to_too_large_a_size_is_refused(void)
{
    struct media_world world;
    struct chain chain;
    struct source_settings settings = media_world_settings();
    settings.max_width_px = 400;
    media_world_init(&world);
    g_autofree char *large = media_world_path(&world, "large"), *small = media_world_path(&world, "small");
    make_streams(large, small);
    chain_open(&chain, &settings);
    chain_feed(&chain, small);
    chain_feed(&chain, large);
    gst_app_src_end_of_stream(GST_APP_SRC(chain.input));
    for (struct frame *frame; (frame = chain_take(&chain)); frame_unref(frame))
        g_assert_cmpint(frame->width_px, ==, 322);
    g_autoptr(GError) error = NULL;
    g_assert_true(media_bus_error(chain.bus, "decode", &error));
    g_test_message("%s", error->message);
    g_assert_nonnull(strstr(error->message, "640 x 360, more than source.max_width_px"));
    chain_close(&chain);
    media_world_clear(&world);
}

/* ---- pictures ---- */

static void check_bars(const struct frame *frame, int width_px, int height_px, int tolerance)
{
    g_assert_cmpint(frame->width_px, ==, width_px);
    g_assert_cmpint(frame->height_px, ==, height_px);
    g_assert_true(frame->is_full_range);
    /* the bars begin with white and end, in the upper part, with blue, whose luma is 0.114 of white's */
    ptrdiff_t row = (ptrdiff_t)(height_px / 4) * frame->strides_bytes[0];
    g_assert_cmpint(ABS(frame->planes[0][row + 5] - 255), <=, tolerance);
    g_assert_cmpint(ABS(frame->planes[0][row + width_px - 6] - 29), <=, tolerance);
    ptrdiff_t chroma_row = (ptrdiff_t)(height_px / 8) * frame->strides_bytes[1];
    g_assert_cmpint(ABS(frame->planes[1][chroma_row + 2] - 128), <=, tolerance);
    g_assert_cmpint(ABS(frame->planes[2][chroma_row + 2] - 128), <=, tolerance);
    g_assert_cmpint(frame->planes[1][chroma_row + (width_px + 1) / 2 - 3], >, 200); /* blue */
}

static void test_pictures_are_loaded(void)
{
    static const char *const rows[][2] = {
        {"a.jpg", "videotestsrc num-buffers=1 ! video/x-raw,format=RGB,width=333,height=187 ! jpegenc quality=95 ! "
                  "filesink name=out"},
        {"a.png",
         "videotestsrc num-buffers=1 ! video/x-raw,format=RGB,width=333,height=187 ! pngenc ! filesink name=out"},
        {"b.png",
         "videotestsrc num-buffers=1 ! video/x-raw,format=RGBA,width=333,height=187 ! pngenc ! filesink name=out"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        struct media_world world;
        g_autoptr(GError) error = NULL;
        media_world_init(&world);
        g_autofree char *path = media_world_path(&world, rows[i][0]);
        g_assert_true(media_world_make(path, rows[i][1]));
        CLEANUP(frame) struct frame *frame = media_image_load(path, &error);
        g_assert_no_error(error);
        check_bars(frame, 333, 187, 12);
        media_world_clear(&world);
    }
}

/* A JPEG with a segment before its first that says how it lies. */
static GByteArray *laid(const char *jpeg, gsize length, int orientation)
{
    static const uint8_t start[] = "\xff\xd8\xff\xe1\0\36Exif\0\0MM\0*\0\0\0\10\0\1\1\x12\0\3\0\0\0\1\0";
    GByteArray *bytes = g_byte_array_new();
    g_byte_array_append(bytes, start, sizeof start - 1);
    g_byte_array_append(bytes, (const uint8_t[]){(uint8_t)orientation, 0, 0}, 3);
    g_byte_array_append(bytes, (const uint8_t *)jpeg + 2, (guint)length - 2);
    return bytes;
}

static int luma(const struct frame *frame, int x, int y)
{
    return frame->planes[0][y * frame->strides_bytes[0] + x];
}

/* As every viewer shows it: where the coded first row and first column lie is what EXIF's numbers tell. */
static void test_a_jpeg_is_turned_as_its_exif_says(void)
{
    gsize length;
    g_autofree char *jpeg = media_world_jpeg(&length);
    CLEANUP(frame)
    struct frame *coded = media_image_decode("coded", (const uint8_t *)jpeg, length, 1000000, NULL);
    int right = coded->width_px - 1, bottom = coded->height_px - 1;
    for (int orientation = 1; orientation <= 8; orientation++) {
        g_autoptr(GByteArray) bytes = laid(jpeg, length, orientation);
        g_autoptr(GError) error = NULL;
        CLEANUP(frame) struct frame *seen = media_image_decode("seen", bytes->data, bytes->len, 1000000, &error);
        g_assert_no_error(error);
        g_assert_cmpint(seen->width_px, ==, orientation < 5 ? coded->width_px : coded->height_px);
        g_assert_cmpint(seen->height_px, ==, orientation < 5 ? coded->height_px : coded->width_px);
        for (int row = 0; row <= bottom; row += 7)
            for (int column = 0; column <= right; column += 5) {
                const int places[][2] = {
                    {column, row}, {right - column, row},  {right - column, bottom - row}, {column, bottom - row},
                    {row, column}, {bottom - row, column}, {bottom - row, right - column}, {row, right - column}};
                const int *place = places[orientation - 1];
                g_assert_cmpint(luma(seen, place[0], place[1]), ==, luma(coded, column, row));
            }
    }
}

static void expect_no_picture(const char *path, const void *bytes, size_t length, const char *reason)
{
    g_autoptr(GError) error = NULL;
    if (bytes)
        g_assert_true(g_file_set_contents(path, bytes, (gssize)length, NULL));
    g_assert_null(media_image_load(path, &error));
    g_test_message("%s", error->message);
    g_assert_nonnull(strstr(error->message, path));
    g_assert_nonnull(strstr(error->message, reason));
}

static void test_bad_pictures_are_named(void)
{
    static const char bomb[] = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\1\0\0\0\1\0\0\x08\2\0\0\0";
    static const char negative[] = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\xff\xff\xff\xff\0\1\0\0\x08\2\0\0\0";
    static const char cut[] = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x10\0\0\0\x10\x08\2\0\0\0";
    struct media_world world;
    media_world_init(&world);
    g_autofree char *path = media_world_path(&world, "a.png");
    expect_no_picture(path, NULL, 0, "cannot be opened");
    expect_no_picture(path, "", 0, "is empty");
    expect_no_picture(path, "hello", 5, "neither a JPEG nor a PNG");
    expect_no_picture(path, bomb, sizeof bomb, "65536 x 65536 pixels; at most");
    expect_no_picture(path, negative, sizeof negative, "0 or more than PNG allows");
    expect_no_picture(path, cut, sizeof cut, "cannot be decoded");
    media_world_clear(&world);
}

/* ---- decode: auto where there are B pictures ---- */

/* One group, in the order in which it is coded, and how many of its pictures are left out before something moves. */
enum { B_PICTURES = 31, B_MS = 40, B_DELAY_MS = 2 * B_MS, LEFT_OUT = 10 };

/* I0 P3 B1 B2 P6 B4 B5 …: when the coded picture is shown. */
static int b_place(int coded)
{
    int behind = (coded - 1) % 3, before = (coded - 1) / 3 * 3;
    return coded == 0 ? 0 : behind == 0 ? before + 3 : before + behind;
}

static void make_b_pictures(const char *pattern)
{
    g_assert_true(media_world_make(
        pattern,
        "videotestsrc num-buffers=31 pattern=ball ! video/x-raw,format=I420,width=320,height=240,framerate=25/1 "
        "! x264enc key-int-max=60 bframes=2 b-adapt=false b-pyramid=false option-string=scenecut=0 ! "
        "video/x-h264,stream-format=byte-stream,alignment=au ! multifilesink name=out"));
}

static void feed_b_picture(struct chain *chain, const char *pattern, int coded)
{
    char *bytes = NULL;
    gsize length = 0;
    g_autofree char *path = g_strdup_printf(pattern, coded); /* a pattern of this test's own */
    g_assert_true(g_file_get_contents(path, &bytes, &length, NULL));
    GstBuffer *buffer = gst_buffer_new_wrapped(bytes, length);
    GST_BUFFER_DTS(buffer) = (GstClockTime)(coded * B_MS) * GST_MSECOND;
    GST_BUFFER_PTS(buffer) = (GstClockTime)(b_place(coded) * B_MS + B_DELAY_MS) * GST_MSECOND;
    gst_app_src_push_buffer(GST_APP_SRC(chain->input), buffer);
}

static void count_into(void *health, size_t counter, int64_t amount)
{
    counter_add((int64_t *)((char *)health + counter), amount);
}

static void assert_is_next(struct chain *chain, int place)
{
    CLEANUP(frame) struct frame *frame = chain_take(chain);
    g_assert_nonnull(frame);
    g_assert_nonnull(frame);
    g_assert_cmpint(frame->media_us, ==, ((int64_t)place * B_MS + B_DELAY_MS) * 1000);
}

/* The key frame is there without the next one, and once something moves each picture once, whole and in order. */
static void test_a_key_frame_is_shown_though_there_are_b_pictures(void)
{
    struct media_world world;
    struct chain chain;
    struct source_settings settings = media_world_settings();
    struct camera_health health = {0};
    g_autoptr(GError) error = NULL;
    settings.quiet_seconds = 5;
    settings.wake_ratio = 1000;
    media_world_init(&world);
    g_autofree char *pattern = media_world_path(&world, "picture-%d");
    make_b_pictures(pattern);
    struct clock *clock = clock_fake_new(1700000000000);
    struct media_skipper *skipper = media_skipper_new(DECODE_AUTO, &settings, clock, count_into, &health);
    clock_fake_advance_us(clock, 10 * G_USEC_PER_SEC);
    chain_open(&chain, &settings);
    media_decoder_set_skipper(chain.decoder, skipper);
    for (int i = 0; i <= LEFT_OUT; i++)
        feed_b_picture(&chain, pattern, i);
    assert_is_next(&chain, 0);
    media_skipper_set_activity(skipper, true);
    for (int i = LEFT_OUT + 1; i < B_PICTURES; i++)
        feed_b_picture(&chain, pattern, i);
    gst_app_src_end_of_stream(GST_APP_SRC(chain.input));
    for (int i = 1; i < B_PICTURES; i++)
        assert_is_next(&chain, i);
    g_assert_null(chain_take(&chain));
    g_assert_cmpint(health.packets_caught_up, >, 0);
    g_assert_cmpint(health.packets_caught_up, ==, health.packets_skipped_quiet);
    g_assert_false(media_bus_error(chain.bus, "decode", &error));
    chain_close(&chain);
    media_skipper_free(skipper);
    clock_fake_free(clock);
    media_world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    media_world_start();
    g_test_add_func("/media/decode/s04_frames_follow_a_change_of_size", test_s04_frames_follow_a_change_of_size);
    g_test_add_func("/media/decode/s04_a_change_to_too_large_a_size_is_refused",
                    test_s04_a_change_to_too_large_a_size_is_refused);
    g_test_add_func("/media/decode/pictures_are_loaded", test_pictures_are_loaded);
    g_test_add_func("/decode/a JPEG is turned as its EXIF says", test_a_jpeg_is_turned_as_its_exif_says);
    g_test_add_func("/media/decode/bad_pictures_are_named", test_bad_pictures_are_named);
    g_test_add_func("/media/decode/a_key_frame_is_shown_though_there_are_b_pictures",
                    test_a_key_frame_is_shown_though_there_are_b_pictures);
    return g_test_run();
}
