#include "media/media_world.h"

#include "base/counter.h"
#include "base/random.h"

#include <gst/gst.h>
#include <string.h>

void media_world_start(void)
{
    g_autoptr(GError) error = NULL;
    /* GStreamer warns about broken files; its criticals, and ours, stay fatal */
    g_log_set_always_fatal((GLogLevelFlags)(G_LOG_FATAL_MASK | G_LOG_LEVEL_CRITICAL));
    g_assert_true(media_init(false, &error));
    g_assert_no_error(error);
}

void media_world_init(struct media_world *world)
{
    g_autoptr(GError) error = NULL;
    world->directory = g_dir_make_tmp("vedette-media-XXXXXX", &error);
    g_assert_no_error(error);
}

void media_world_clear(struct media_world *world)
{
    g_autoptr(GDir) directory = g_dir_open(world->directory, 0, NULL);
    for (const char *name; directory && (name = g_dir_read_name(directory));) {
        g_autofree char *path = g_build_filename(world->directory, name, NULL);
        g_unlink(path);
    }
    g_rmdir(world->directory);
    g_free(world->directory);
}

char *media_world_path(const struct media_world *world, const char *name)
{
    return g_build_filename(world->directory, name, NULL);
}

struct source_settings media_world_settings(void)
{
    return (struct source_settings){.connect_timeout_ms = 30000, /* tests of what is late have their own */
                                    .stall_timeout_ms = 30000,
                                    .retry_delay_ms = 10,
                                    .retry_delay_max_ms = 100,
                                    .max_header_bytes = 65536,
                                    .max_picture_bytes = 8 << 20,
                                    .max_width_px = 7680,
                                    .max_height_px = 4320,
                                    .decoder_threads = 1,
                                    .max_clock_skew_ms = 2000,
                                    .quiet_seconds = 10,
                                    .kept_packets = 300,
                                    .kept_seconds = 12,
                                    .kept_bytes = 4 << 20,
                                    .wake_ratio = 3,
                                    .record_packets = 600,
                                    .record_bytes = 16 << 20,
                                    .record_seconds = 5};
}

struct frame *media_world_picture(int width_px, int height_px, int number)
{
    struct random random;
    struct frame *frame = frame_new_allocated(width_px, height_px);
    random_init(&random, (uint64_t)number + 1);
    for (int plane = 0; plane < 3; plane++)
        for (int y = 0; y < frame_plane_rows(frame, plane); y++) {
            uint8_t *row = frame_plane(frame, plane) + (size_t)y * (size_t)frame->strides_bytes[plane];
            uint64_t noise = random_next(&random);
            for (int x = 0; x < frame_plane_row_bytes(frame, plane); x++)
                row[x] = plane == 0 ? (uint8_t)(32 + (x + y + 3 * number) % 160 + (int)(noise >> (x & 31) & 7))
                                    : (uint8_t)(96 + (x + number) % 64);
        }
    return frame;
}

void media_world_write(const char *path, int width_px, int height_px, int frames)
{
    g_autoptr(GError) error = NULL;
    struct media_writer *writer = media_writer_open(path, width_px, height_px, 25, &error);
    g_assert_no_error(error);
    for (int i = 0; i < frames; i++) {
        CLEANUP(frame) struct frame *frame = media_world_picture(width_px, height_px, i);
        media_writer_write(writer, frame, &error);
        g_assert_no_error(error);
    }
    media_writer_close(writer, &error);
    g_assert_no_error(error);
}

bool media_world_make(const char *path, const char *description)
{
    g_autoptr(GError) error = NULL;
    GstElement *pipeline = gst_parse_launch(description, &error);
    if (error) {
        g_clear_pointer(&pipeline, gst_object_unref);
        return false;
    }
    GstElement *out = gst_bin_get_by_name(GST_BIN(pipeline), "out");
    g_object_set(out, "location", path, NULL);
    gst_object_unref(out);
    gst_element_set_state(pipeline, GST_STATE_PLAYING);
    GstBus *bus = gst_element_get_bus(pipeline);
    GstMessage *message = gst_bus_timed_pop_filtered(bus, 60 * GST_SECOND, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
    g_assert_nonnull(message);
    if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR) {
        gst_message_parse_error(message, &error, NULL);
        g_test_message("%s: %s", description, error->message);
    }
    g_assert_no_error(error);
    gst_message_unref(message);
    gst_object_unref(bus);
    gst_element_set_state(pipeline, GST_STATE_NULL);
    gst_object_unref(pipeline);
    return true;
}

bool media_world_wait(bool (*condition)(void *data), void *data)
{
    enum { POLL_US = 5000 };
    gint64 end_us = g_get_monotonic_time() + MEDIA_PATIENCE_SECONDS * G_USEC_PER_SEC;
    while (!condition(data)) {
        if (g_get_monotonic_time() > end_us)
            return false;
        g_usleep(POLL_US);
    }
    return true;
}

void media_eye_init(struct media_eye *eye)
{
    memset(eye, 0, sizeof *eye);
    eye->settings = media_world_settings();
}

static void on_notify(void *data)
{
    counter_add(&((struct media_eye *)data)->wakes, 1);
}

void media_eye_open(struct media_eye *eye, const char *source)
{
    g_autoptr(GError) error = NULL;
    char id[] = "eye";
    struct camera camera = {.id = id,
                            .org_id = (char *)eye->org_id,
                            .source = (char *)source,
                            .username = (char *)eye->username,
                            .password = (char *)eye->password,
                            .streams = eye->streams,
                            .analyse_fps = eye->analyse_fps,
                            .loop = eye->loop,
                            .decode = eye->decode};
    record_init(&camera_health_descriptor, &eye->health);
    record_init(&camera_health_descriptor, &eye->told);
    eye->source =
        media_source_new(eye->shared, &camera, &eye->settings, clock_system(), &eye->health, on_notify, eye, &error);
    g_assert_no_error(error);
    if (!eye->shared)
        media_eye_start(eye);
}

void media_eye_start(struct media_eye *eye)
{
    g_autoptr(GError) error = NULL;
    media_source_start(eye->source, &error);
    g_assert_no_error(error);
}

const struct camera_health *media_eye_look(struct media_eye *eye)
{
    media_source_describe(eye->source, &eye->told);
    return &eye->told;
}

struct state_wait {
    struct media_eye *eye;
    const char *state;
};

static bool has_state(void *data)
{
    struct state_wait *wait = data;
    return strcmp(media_eye_look(wait->eye)->state, wait->state) == 0;
}

bool media_eye_wait_state(struct media_eye *eye, const char *state)
{
    struct state_wait wait = {eye, state};
    bool is_good = media_world_wait(has_state, &wait);
    if (!is_good)
        g_test_message("state is %s, %s", eye->told.state, eye->told.last_error);
    return is_good;
}

struct frame_wait {
    struct media_eye *eye;
    struct frame *frame;
};

static bool has_frame(void *data)
{
    struct frame_wait *wait = data;
    wait->frame = media_source_take(wait->eye->source);
    return wait->frame;
}

struct frame *media_eye_wait_frame(struct media_eye *eye)
{
    struct frame_wait wait = {eye, NULL};
    media_world_wait(has_frame, &wait);
    return wait.frame;
}

gint64 media_eye_close(struct media_eye *eye)
{
    gint64 start_us = g_get_monotonic_time();
    media_source_free(eye->source);
    gint64 took_us = g_get_monotonic_time() - start_us;
    g_test_message("stopped in %.1f ms", (double)took_us / 1000);
    g_assert_cmpint(took_us, <, MEDIA_CLOSE_SECONDS * G_USEC_PER_SEC);
    record_clear(&camera_health_descriptor, &eye->health);
    record_clear(&camera_health_descriptor, &eye->told);
    return took_us;
}

char *media_world_jpeg(gsize *length)
{
    struct media_world world;
    char *jpeg;
    media_world_init(&world);
    g_autofree char *path = media_world_path(&world, "a.jpg");
    g_assert_true(media_world_make(path, "videotestsrc num-buffers=1 ! video/x-raw,format=I420,width=320,height=240 ! "
                                         "jpegenc ! filesink name=out"));
    g_assert_true(g_file_get_contents(path, &jpeg, length, NULL));
    media_world_clear(&world);
    return jpeg;
}
