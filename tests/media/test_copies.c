/* That the planes a frame shows are the ones the decoder drew, by GStreamer's own word: its performance log tells each
 * copy of a memory, libav's each picture it could not draw in place. Both are counted and compared with our counter. */
#include <gst/gst.h>
#include <string.h>

#include "media/media_world.h"

static int memory_copies, decoder_copies; /* atomic */

static void on_log(GstDebugCategory *category, GstDebugLevel level, const char *file, const char *function, int line,
                   GObject *object, GstDebugMessage *message, void *data)
{
    (void)level;
    (void)file;
    (void)line;
    (void)object;
    (void)data;
    const char *name = gst_debug_category_get_name(category), *text = gst_debug_message_get(message);
    long long bytes = 0;
    enum { PICTURE_BYTES = 100000 }; /* parsers copy a few bytes, encoded pictures are smaller than this */
    if (strcmp(name, "GST_PERFORMANCE") == 0 && sscanf(text, "memcpy %lld", &bytes) == 1 && bytes > PICTURE_BYTES)
        g_atomic_int_inc(&memory_copies);
    if (strcmp(name, "libav") == 0 && strcmp(function, "get_output_buffer") == 0 && strstr(text, "get output buffer"))
        g_atomic_int_inc(&decoder_copies);
}

static void start_counting(void)
{
    memory_copies = decoder_copies = 0;
    gst_debug_set_active(TRUE);
    gst_debug_remove_log_function(NULL);
    gst_debug_add_log_function(on_log, NULL, NULL);
    gst_debug_set_threshold_for_name("GST_PERFORMANCE", GST_LEVEL_TRACE);
    gst_debug_set_threshold_for_name("libav", GST_LEVEL_LOG);
}

static void stop_counting(void)
{
    gst_debug_set_default_threshold(GST_LEVEL_NONE);
    gst_debug_unset_threshold_for_name("GST_PERFORMANCE");
    gst_debug_unset_threshold_for_name("libav");
    gst_debug_remove_log_function(on_log);
}

static int64_t read_all(const char *path, int *frames)
{
    struct source_settings settings = media_world_settings();
    g_autoptr(GError) error = NULL;
    CLEANUP(media_reader) struct media_reader *reader = media_reader_open(path, &settings, &error);
    g_assert_no_error(error);
    *frames = 0;
    for (;;) {
        CLEANUP(frame) struct frame *frame = media_reader_next(reader, &error);
        g_assert_no_error(error);
        if (!frame)
            return media_reader_copies(reader);
        ++*frames;
    }
}

struct clip {
    const char *name, *description; /* NULL: media_writer's */
    int width_px, height_px;
    int early; /* pictures that the decoder takes in before it gives the first, at most; MJPEG is always copied */
};

enum { FRAMES = 60 };

static void test_pictures_are_not_copied(const void *data)
{
    const struct clip *clip = data;
    int frames = 0;
    struct media_world world;
    media_world_init(&world);
    g_autofree char *path = media_world_path(&world, "clip.mkv");
    if (!clip->description)
        media_world_write(path, clip->width_px, clip->height_px, FRAMES);
    else if (!media_world_make(path, clip->description)) {
        g_test_skip("this machine has no encoder for it");
        media_world_clear(&world);
        return;
    }
    start_counting();
    int64_t copies = read_all(path, &frames);
    stop_counting();
    g_test_message("%d frames: %" G_GINT64_FORMAT " counted, %d copied by the decoder, %d memories copied", frames,
                   copies, decoder_copies, memory_copies);
    g_assert_cmpint(frames, ==, FRAMES);
    g_assert_cmpint(memory_copies, ==, 0);
    g_assert_cmpint(decoder_copies, <=, clip->early);
    g_assert_cmpint(copies, ==, decoder_copies);
    media_world_clear(&world);
}

#define SOURCE "videotestsrc num-buffers=60 pattern=ball ! video/x-raw,framerate=25/1,format=I420,"
#define OUT " ! matroskamux ! filesink name=out"
static const struct clip clips[] = {
    {"640x360", NULL, 640, 360, 4},
    {"1280x720", NULL, 1280, 720, 4},
    {"1920x1080", NULL, 1920, 1080, 4},
    {"camera_1920x1080", SOURCE "width=1920,height=1080 ! x264enc tune=zerolatency speed-preset=ultrafast" OUT, 0, 0,
     1},
    {"intra", SOURCE "width=640,height=360 ! x264enc key-int-max=1" OUT, 0, 0, 17},
    {"h265", SOURCE "width=640,height=360 ! x265enc ! h265parse" OUT, 0, 0, 17},
    {"mpeg4", SOURCE "width=640,height=360 ! avenc_mpeg4" OUT, 0, 0, 4},
    {"mjpeg", SOURCE "width=640,height=360 ! jpegenc" OUT, 0, 0, FRAMES},
};

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    media_world_start();
    for (size_t i = 0; i < G_N_ELEMENTS(clips); i++) {
        g_autofree char *name = g_strconcat("/media/copies/", clips[i].name, NULL);
        g_test_add_data_func(name, &clips[i], test_pictures_are_not_copied);
    }
    return g_test_run();
}
