/* Files, good and bad (case S4): every frame, the same each time, and an error that names the file for all the rest. */
#include <string.h>

#include "media/media_internal.h"
#include "media/media_world.h"

struct result {
    int frames;
    int width_px, height_px;
    bool is_full_range;
    bool is_steady; /* media time grew from frame to frame, numbers by one */
    uint64_t hash;  /* of all visible bytes */
    int64_t copies;
    char *error;
};

static uint64_t hash_frame(uint64_t hash, const struct frame *frame)
{
    for (int plane = 0; plane < (frame->format == FRAME_NV12 ? 2 : 3); plane++)
        for (int y = 0; y < frame_plane_rows(frame, plane); y++) {
            const uint8_t *row = frame->planes[plane] + (ptrdiff_t)y * frame->strides_bytes[plane];
            for (int x = 0; x < frame_plane_row_bytes(frame, plane); x++)
                hash = (hash ^ row[x]) * UINT64_C(1099511628211); /* FNV-1a */
        }
    return hash;
}

static struct result read_with(const char *path, const struct source_settings *settings)
{
    struct result result = {.is_steady = true, .hash = UINT64_C(14695981039346656037)};
    g_autoptr(GError) error = NULL;
    CLEANUP(media_reader) struct media_reader *reader = media_reader_open(path, settings, &error);
    int64_t last_us = -1;
    while (reader && !error) {
        CLEANUP(frame) struct frame *frame = media_reader_next(reader, &error);
        if (!frame)
            break;
        result.is_steady = result.is_steady && frame->media_us > last_us && frame->number == (uint64_t)result.frames;
        last_us = frame->media_us;
        result.frames++;
        result.width_px = frame->width_px;
        result.height_px = frame->height_px;
        result.is_full_range = frame->is_full_range;
        result.hash = hash_frame(result.hash, frame);
    }
    result.copies = reader ? media_reader_copies(reader) : 0;
    result.error = error ? g_strdup(error->message) : NULL;
    g_test_message("%d frames of %d x %d, %s", result.frames, result.width_px, result.height_px,
                   result.error ? result.error : "no error");
    return result;
}

static struct result read_file(const char *path)
{
    struct source_settings settings = media_world_settings();
    return read_with(path, &settings);
}

static void expect_error(const char *path, const char *reason)
{
    struct result result = read_file(path);
    g_assert_nonnull(result.error);
    g_assert_nonnull(strstr(result.error, reason));
    g_free(result.error);
}

static void test_every_frame_that_was_written_is_read_alike(void)
{
    struct media_world world;
    media_world_init(&world);
    g_autofree char *path = media_world_path(&world, "clip.mp4");
    media_world_write(path, 320, 240, 77);
    struct result first = read_file(path), second = read_file(path);
    g_assert_null(first.error);
    g_assert_cmpint(first.frames, ==, 77);
    g_assert_true(first.is_steady);
    g_assert_cmpint(first.width_px, ==, 320);
    g_assert_cmpint(second.frames, ==, 77);
    g_assert_cmpuint(first.hash, ==, second.hash);
    media_world_clear(&world);
}

static void test_scenes_are_read_like_files(void)
{
    struct result first = read_file("scene://shop?seed=5&frames=20"),
                  second = read_file("scene://shop?seed=5&frames=20");
    g_assert_cmpint(first.frames, ==, 20);
    g_assert_true(first.is_steady);
    g_assert_cmpuint(first.hash, ==, second.hash);
    expect_error("scene://nowhere", "nowhere");
}

struct kind {
    const char *name, *file, *description;
    int width_px, height_px;
    bool is_copied, is_full_range;
};

#define SOURCE "videotestsrc num-buffers=30 pattern=ball ! video/x-raw,framerate=25/1,"
#define OUT " ! filesink name=out"
static const struct kind kinds[] = {
    {"h264_mkv", "a.mkv", SOURCE "format=I420,width=320,height=240 ! x264enc ! matroskamux" OUT, 320, 240, false,
     false},
    {"h264_fragmented", "a.mp4",
     SOURCE "format=I420,width=320,height=240 ! x264enc bframes=0 ! mp4mux fragment-duration=200" OUT, 320, 240, false,
     false},
    {"h264_intra", "a.mp4", SOURCE "format=I420,width=320,height=240 ! x264enc key-int-max=1 ! mp4mux" OUT, 320, 240,
     false, false},
    {"h265_mp4", "a.mp4", SOURCE "format=I420,width=320,height=240 ! x265enc ! h265parse ! mp4mux" OUT, 320, 240, false,
     false},
    {"mpeg4_avi", "a.avi", SOURCE "format=I420,width=320,height=240 ! avenc_mpeg4 ! avimux" OUT, 320, 240, false,
     false},
    {"mpeg4_odd", "a.avi", SOURCE "format=I420,width=333,height=187 ! avenc_mpeg4 ! avimux" OUT, 333, 187, false,
     false},
    {"mjpeg_odd", "a.avi", SOURCE "format=I420,width=333,height=187 ! jpegenc ! avimux" OUT, 333, 187, true, true},
    {"mjpeg_422", "a.avi", SOURCE "format=Y42B,width=320,height=240 ! jpegenc ! avimux" OUT, 320, 240, true, true},
    {"h264_10_bit", "a.mkv", SOURCE "format=I420_10LE,width=320,height=240 ! x264enc ! matroskamux" OUT, 320, 240, true,
     false},
    {"h264_444", "a.mkv", SOURCE "format=Y444,width=320,height=240 ! x264enc ! matroskamux" OUT, 320, 240, true, false},
};

static void test_kind(const void *data)
{
    const struct kind *kind = data;
    struct media_world world;
    media_world_init(&world);
    g_autofree char *path = media_world_path(&world, kind->file);
    if (media_world_make(path, kind->description)) {
        struct result result = read_file(path);
        g_assert_null(result.error);
        g_assert_cmpint(result.frames, ==, 30);
        g_assert_true(result.is_steady);
        g_assert_cmpint(result.width_px, ==, kind->width_px);
        g_assert_cmpint(result.height_px, ==, kind->height_px);
        g_assert_cmpint(result.is_full_range, ==, kind->is_full_range);
        if (kind->is_copied) /* converted: each counts */
            g_assert_cmpint(result.copies, ==, 30);
        else
            g_assert_cmpint(result.copies, <=, 17); /* what H.264 may hold back for reordering, and the first */
    } else {
        g_test_skip("this machine has no encoder for it");
    }
    media_world_clear(&world);
}

static void write_bytes(const char *path, const void *bytes, size_t length)
{
    g_autoptr(GError) error = NULL;
    g_file_set_contents(path, bytes, (gssize)length, &error);
    g_assert_no_error(error);
}

static void test_what_is_no_video_is_named(void)
{
    static const char garbage[] = "\x00\x00\x00\x18"
                                  "ftypisom this is no film at all, and never was one, not even short";
    struct media_world world;
    media_world_init(&world);
    g_autofree char *path = media_world_path(&world, "bad.mp4");
    expect_error(path, "cannot be opened: No such file");
    expect_error(world.directory, "holds no .jpg, .jpeg or .png");
    write_bytes(path, "", 0);
    expect_error(path, "is empty");
    write_bytes(path, "#!/bin/sh\n", 10);
    expect_error(path, "is no video file Vedette knows");
    write_bytes(path, garbage, sizeof garbage);
    expect_error(path, path);
    write_bytes(path, "\x1a\x45\xdf\xa3 and nothing more", 20);
    expect_error(path, path);
    expect_error("rtsp://127.0.0.1/x", "live camera");
    media_world_clear(&world);
}

static void test_what_cannot_be_decoded_is_named(void)
{
    struct media_world world;
    media_world_init(&world);
    g_autofree char *path = media_world_path(&world, "a.mkv");
    if (media_world_make(path, SOURCE "width=320,height=240 ! vp8enc ! matroskamux" OUT))
        expect_error(path, "its video is video/x-vp8; H.264, H.265, MPEG-4 and MJPEG are decoded");
    if (media_world_make(path, "audiotestsrc num-buffers=20 ! audioconvert ! flacenc ! matroskamux" OUT))
        expect_error(path, "holds no video");
    media_world_clear(&world);
}

static void test_s04_too_large_a_picture_is_refused(void)
{
    struct media_world world;
    struct source_settings settings = media_world_settings();
    settings.max_width_px = 300;
    media_world_init(&world);
    g_autofree char *path = media_world_path(&world, "clip.mp4");
    media_world_write(path, 320, 240, 10);
    struct result result = read_with(path, &settings);
    g_assert_cmpint(result.frames, ==, 0);
    g_assert_nonnull(strstr(result.error, "320 x 240, more than source.max_width_px"));
    g_free(result.error);
    media_world_clear(&world);
}

/* Cut anywhere, a file gives what is there, or an error; never a hang, a crash or a frame too many. */
static void test_s04_truncated(const void *data)
{
    const struct kind *kind = data;
    struct media_world world;
    media_world_init(&world);
    g_autofree char *path = media_world_path(&world, kind->file), *cut = media_world_path(&world, "cut");
    g_assert_true(media_world_make(path, kind->description));
    g_autofree char *bytes = NULL;
    size_t length = 0;
    g_assert_true(g_file_get_contents(path, &bytes, &length, NULL));
    enum { CUTS = 24 };
    for (size_t i = 1; i < CUTS; i++) {
        write_bytes(cut, bytes, length * i / CUTS);
        struct result result = read_file(cut);
        g_assert_cmpint(result.frames, <=, 30);
        g_assert_true(result.frames > 0 || result.error);
        g_free(result.error);
    }
    media_world_clear(&world);
}

/* Bits that turned over on the way. */
static void test_s04_damaged(const void *data)
{
    const struct kind *kind = data;
    struct media_world world;
    media_world_init(&world);
    g_autofree char *path = media_world_path(&world, kind->file), *bad = media_world_path(&world, "bad");
    g_assert_true(media_world_make(path, kind->description));
    g_autofree char *bytes = NULL;
    size_t length = 0;
    g_assert_true(g_file_get_contents(path, &bytes, &length, NULL));
    enum { TRIES = 60, FLIPS = 40 };
    g_autoptr(GRand) random = g_rand_new_with_seed(1);
    for (int i = 0; i < TRIES; i++) {
        g_autofree char *copy = g_memdup2(bytes, length);
        for (int flip = 0; flip < FLIPS; flip++)
            copy[g_rand_int_range(random, 64, (gint32)length)] ^= (char)(1 << g_rand_int_range(random, 0, 8));
        write_bytes(bad, copy, length);
        struct result result = read_file(bad);
        g_assert_cmpint(result.frames, <, 1000);
        g_free(result.error);
    }
    media_world_clear(&world);
}

static void test_the_writer_says_what_it_cannot_write(void)
{
    g_autoptr(GError) error = NULL;
    g_assert_null(media_writer_open("/nonexistent/a.mp4", 320, 240, 25, &error));
    g_test_message("%s", error->message);
    g_assert_nonnull(strstr(error->message, "/nonexistent/a.mp4"));
    g_clear_error(&error);
    g_assert_null(media_writer_open("/tmp/a.mp4", 321, 240, 25, &error));
    g_assert_nonnull(strstr(error->message, "even sizes"));
}

/* A frame outlives its reader. */
static void test_frames_outlive_the_reader(void)
{
    struct media_world world;
    struct source_settings settings = media_world_settings();
    media_world_init(&world);
    g_autofree char *path = media_world_path(&world, "clip.mp4");
    media_world_write(path, 320, 240, 12);
    struct frame *kept[8];
    struct media_reader *reader = media_reader_open(path, &settings, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(kept); i++)
        kept[i] = media_reader_next(reader, NULL);
    uint64_t before = hash_frame(0, kept[7]);
    media_reader_free(reader);
    g_assert_cmpuint(hash_frame(0, kept[7]), ==, before);
    for (size_t i = 0; i < G_N_ELEMENTS(kept); i++)
        frame_unref(kept[i]);
    media_world_clear(&world);
}

/* Whoever stops a player waits for the thread that reads its file. */
static void test_packets_end_with_who_wanted_them(void)
{
    struct media_world world;
    media_world_init(&world);
    g_autofree char *path = media_world_path(&world, "door.mp4");
    media_world_write(path, 320, 180, 10);
    GstPad *consumer = gst_object_ref_sink(gst_pad_new("src", GST_PAD_SRC));
    gst_pad_set_active(consumer, TRUE);
    struct media_packets *packets = media_packets_open(path, consumer);
    for (int i = 0; i < 25; i++) { /* round and round */
        GstBuffer *buffer = media_packets_next(packets, NULL);
        g_assert_nonnull(buffer);
        gst_buffer_unref(buffer);
    }
    gst_pad_set_active(consumer, FALSE);
    g_assert_null(media_packets_next(packets, NULL));
    media_packets_free(packets);
    gst_object_unref(consumer);
    media_world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    media_world_start();
    g_test_add_func("/media/reader/every_frame_that_was_written_is_read_alike",
                    test_every_frame_that_was_written_is_read_alike);
    g_test_add_func("/media/reader/scenes_are_read_like_files", test_scenes_are_read_like_files);
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        g_autofree char *name = g_strconcat("/media/reader/kind/", kinds[i].name, NULL);
        g_test_add_data_func(name, &kinds[i], test_kind);
    }
    g_test_add_func("/media/reader/what_is_no_video_is_named", test_what_is_no_video_is_named);
    g_test_add_func("/media/reader/what_cannot_be_decoded_is_named", test_what_cannot_be_decoded_is_named);
    g_test_add_func("/media/reader/s04_too_large_a_picture_is_refused", test_s04_too_large_a_picture_is_refused);
    g_test_add_data_func("/media/reader/s04_truncated/h264_mkv", &kinds[0], test_s04_truncated);
    g_test_add_data_func("/media/reader/s04_truncated/h264_mp4", &kinds[1], test_s04_truncated);
    g_test_add_data_func("/media/reader/s04_truncated/mpeg4_avi", &kinds[4], test_s04_truncated);
    g_test_add_data_func("/media/reader/s04_damaged/h264_mkv", &kinds[0], test_s04_damaged);
    g_test_add_data_func("/media/reader/s04_damaged/mjpeg_odd", &kinds[6], test_s04_damaged);
    g_test_add_func("/media/reader/the_writer_says_what_it_cannot_write", test_the_writer_says_what_it_cannot_write);
    g_test_add_func("/media/reader/packets_end_with_who_wanted_them", test_packets_end_with_who_wanted_them);
    g_test_add_func("/media/reader/frames_outlive_the_reader", test_frames_outlive_the_reader);
    return g_test_run();
}
