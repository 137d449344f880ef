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

struct size {
    int width_px, height_px;
    const char *encoder; /* NULL: media_writer's */
};

static void test_pictures_are_not_copied(const void *data)
{
    const struct size *size = data;
    enum { FRAMES = 60 };
    int frames = 0;
    struct media_world world;
    media_world_init(&world);
    g_autofree char *path = media_world_path(&world, "clip.mp4");
    media_world_write(path, size->width_px, size->height_px, FRAMES);
    start_counting();
    int64_t copies = read_all(path, &frames);
    stop_counting();
    g_test_message("%d frames: %" G_GINT64_FORMAT " counted, %d copied by the decoder, %d memories copied", frames,
                   copies, decoder_copies, memory_copies);
    g_assert_cmpint(frames, ==, FRAMES);
    g_assert_cmpint(memory_copies, ==, 0);
    /* what the decoder drew before it had our pool: its reorder depth at most */
    g_assert_cmpint(decoder_copies, <=, 4);
    g_assert_cmpint(copies, >=, decoder_copies + memory_copies);
    g_assert_cmpint(copies, <=, 4);
    media_world_clear(&world);
}

int main(int argc, char **argv)
{
    static const struct size sizes[] = {{640, 360, NULL}, {1280, 720, NULL}, {1920, 1080, NULL}};
    g_test_init(&argc, &argv, NULL);
    media_world_start();
    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
        g_autofree char *name = g_strdup_printf("/media/copies/%dx%d", sizes[i].width_px, sizes[i].height_px);
        g_test_add_data_func(name, &sizes[i], test_pictures_are_not_copied);
    }
    return g_test_run();
}
