/* Streams that are wrong in themselves (case S4), from a camera that speaks RTSP well: real packets, bent on the way.
 */
#include <gst/app/gstappsink.h>
#include <string.h>

#include "base/counter.h"
#include "media/fake_camera.h"
#include "media/media_world.h"

enum { RTP_BYTES = 12, PACKET_MOST_BYTES = 1500, TICKS_A_PICTURE = 3600 /* of 90 kHz, at 25 pictures a second */ };

/* ---- packets ---- */

static GPtrArray *packets_make(const char *description)
{
    g_autoptr(GError) error = NULL;
    GPtrArray *packets = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    GstElement *pipeline = gst_parse_launch(description, &error);
    g_assert_no_error(error);
    GstElement *out = gst_bin_get_by_name(GST_BIN(pipeline), "out");
    gst_element_set_state(pipeline, GST_STATE_PLAYING);
    for (GstSample *sample; (sample = gst_app_sink_pull_sample(GST_APP_SINK(out))); gst_sample_unref(sample)) {
        uint8_t bytes[PACKET_MOST_BYTES];
        gsize length = gst_buffer_extract(gst_sample_get_buffer(sample), 0, bytes, sizeof bytes);
        g_ptr_array_add(packets, g_bytes_new(bytes, length));
    }
    gst_element_set_state(pipeline, GST_STATE_NULL);
    gst_object_unref(out);
    gst_object_unref(pipeline);
    return packets;
}

#define PICTURES(count, size, encoder)                                                                                 \
    "videotestsrc num-buffers=" count " pattern=ball ! video/x-raw,format=I420," size                                  \
    ",framerate=25/1 ! x264enc " encoder " ! rtph264pay pt=96 config-interval=-1 ! appsink sync=false name=out"
#define LARGE "width=320,height=240"
#define SMALL "width=160,height=120"

/* ---- the camera that bends them ---- */

struct bend {
    const char *name;
    /* Changes one packet of picture `picture`; its bytes behind the header are from RTP_BYTES on. The new length, 0 to
     * leave it out. */
    size_t (*change)(uint8_t *packet, size_t length, int picture);
    bool is_watchable; /* pictures come all the same */
};

static GPtrArray *streams[2]; /* pictures are taken from them in turn; the second may be NULL */
static const struct bend *bend;

static void put_u32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* Between two pictures: faster than life, slower than a flood; and so long that whoever watches takes nearly each. */
enum { PAUSE_US = 2000, PAUSE_TO_TAKE_EACH_US = 50000 };
static gulong pause_us = PAUSE_US;

/* The packets of one picture, up to the marker. False when the peer went away or the stream is over. */
static bool send_picture(const struct fake_request *request, GPtrArray *stream, guint *at, int picture,
                         uint16_t *sequence)
{
    for (bool is_last = false; !is_last;) {
        uint8_t packet[4 + PACKET_MOST_BYTES] = {'$', 0};
        gsize length = 0;
        if (*at == stream->len)
            return false;
        const uint8_t *bytes = g_bytes_get_data(stream->pdata[(*at)++], &length);
        memcpy(packet + 4, bytes, length);
        is_last = bytes[1] & 0x80;
        put_u32(packet + 8, (uint32_t)picture * TICKS_A_PICTURE);
        put_u32(packet + 12, 1);
        if (bend->change)
            length = bend->change(packet + 4, length, picture);
        if (length == 0)
            continue;
        packet[6] = (uint8_t)(*sequence >> 8);
        packet[7] = (uint8_t)*sequence;
        ++*sequence;
        packet[2] = (uint8_t)(length >> 8);
        packet[3] = (uint8_t)length;
        if (!fake_send(request, packet, (int)(4 + length)))
            return false;
    }
    g_usleep(pause_us);
    return true;
}

static bool bent_camera(const struct fake_request *request)
{
    if (!fake_answer_honestly(request, fake_sdp))
        return false;
    if (strcmp(request->method, "PLAY") != 0)
        return true;
    guint at[2] = {0};
    uint16_t sequence = 1;
    int count = streams[1] ? 2 : 1, picture = 0;
    while (send_picture(request, streams[picture % count], &at[picture % count], picture, &sequence))
        picture++;
    return !fake_is_stopping(request->camera); /* and silence */
}

/* ---- ways to bend ---- */

static size_t stamp_ten_thousand_a_second(uint8_t *packet, size_t length, int picture)
{
    put_u32(packet + 4, picture < 10 ? (uint32_t)picture * 90000 : 900000 + (uint32_t)picture * 9);
    return length;
}

static size_t stamp_backwards(uint8_t *packet, size_t length, int picture)
{
    put_u32(packet + 4, 0x40000000 - (uint32_t)picture * TICKS_A_PICTURE);
    return length;
}

static size_t stamp_over_the_edge(uint8_t *packet, size_t length, int picture)
{
    put_u32(packet + 4, 0xffffffff - 20 * TICKS_A_PICTURE + (uint32_t)picture * TICKS_A_PICTURE);
    return length;
}

static size_t cut_units(uint8_t *packet, size_t length, int picture)
{
    (void)packet;
    return picture % 3 == 2 ? RTP_BYTES + (length - RTP_BYTES) / 2 : length;
}

/* Parameter sets under each other's type. */
static size_t swap_sets(uint8_t *packet, size_t length, int picture)
{
    int type = packet[RTP_BYTES] & 0x1f;
    (void)picture;
    if (type == 7 || type == 8)
        packet[RTP_BYTES] = (uint8_t)((packet[RTP_BYTES] & ~0x1f) | (15 - type));
    return length;
}

static size_t leave_out_the_first_picture(uint8_t *packet, size_t length, int picture)
{
    (void)packet;
    return picture == 0 ? 0 : length;
}

static size_t leave_out_single_packets(uint8_t *packet, size_t length, int picture)
{
    (void)packet;
    return picture % 7 == 3 ? 0 : length;
}

static const struct bend bends[] = {
    {"as_it_is", NULL, true},
    {"one_then_ten_thousand_a_second", stamp_ten_thousand_a_second, true},
    {"time_runs_backwards", stamp_backwards, true},
    {"time_wraps", stamp_over_the_edge, true},
    {"units_are_cut", cut_units, true},
    {"pictures_are_lost", leave_out_single_packets, true},
    {"parameter_sets_swap_types", swap_sets, false},
    {"no_key_frame", leave_out_the_first_picture, false},
};

static bool is_out_of_frames(void *data)
{
    return counter_get(&((struct media_eye *)data)->health.errors_count) > 0;
}

static void open_bent(struct media_eye *eye, const struct fake_camera *camera)
{
    g_autofree char *address = g_strdup_printf("rtsp://127.0.0.1:%d/cam", fake_camera_port(camera));
    media_eye_init(eye);
    eye->settings.stall_timeout_ms = 3000;
    eye->settings.retry_delay_ms = eye->settings.retry_delay_max_ms = 600000;
    media_eye_open(eye, address);
}

/* It ends as a stall does, once the camera has said all; time never stood still or ran back before that. */
static void test_s04_bent(const void *data)
{
    struct media_eye eye;
    int64_t last_us = -1;
    bend = data;
    streams[0] = packets_make(PICTURES("60", LARGE, "key-int-max=20 bframes=2"));
    struct fake_camera *camera = fake_camera_start(bent_camera);
    open_bent(&eye, camera);
    int frames = 0;
    while (!is_out_of_frames(&eye)) {
        CLEANUP(frame) struct frame *frame = media_source_take(eye.source);
        if (!frame) {
            g_usleep(500);
            continue;
        }
        g_assert_cmpint(frame->media_us, >, last_us);
        last_us = frame->media_us;
        frames++;
    }
    g_test_message("%d frames, %s", frames, media_eye_look(&eye)->last_error);
    if (bend->is_watchable)
        g_assert_cmpint(counter_get(&eye.wakes), >, 5); /* however many of them this thread was in time to take */
    g_assert_cmpint(counter_get(&eye.health.connects), ==, 1);
    media_eye_close(&eye);
    fake_camera_stop(camera);
    g_clear_pointer(&streams[0], g_ptr_array_unref);
}

static void test_s04_size_changes_every_picture(void)
{
    struct media_eye eye;
    int sizes[2] = {0};
    bend = &bends[0];
    streams[0] = packets_make(PICTURES("30", LARGE, "key-int-max=1"));
    streams[1] = packets_make(PICTURES("30", SMALL, "key-int-max=1"));
    pause_us = PAUSE_TO_TAKE_EACH_US;
    struct fake_camera *camera = fake_camera_start(bent_camera);
    open_bent(&eye, camera);
    while (!is_out_of_frames(&eye)) {
        CLEANUP(frame) struct frame *frame = media_source_take(eye.source);
        if (frame) {
            g_assert_true(frame->width_px == 320 || frame->width_px == 160);
            g_assert_cmpint(frame->height_px, ==, frame->width_px * 3 / 4);
            sizes[frame->width_px == 320]++;
        } else {
            g_usleep(500);
        }
    }
    pause_us = PAUSE_US;
    g_test_message("%d large, %d small", sizes[1], sizes[0]);
    g_assert_cmpint(sizes[0], >, 5);
    g_assert_cmpint(sizes[1], >, 5);
    media_eye_close(&eye);
    fake_camera_stop(camera);
    g_clear_pointer(&streams[0], g_ptr_array_unref);
    g_clear_pointer(&streams[1], g_ptr_array_unref);
}

/* Says that it is 65500 x 65500: 12 GB of picture from some kilobytes. */
static void test_s04_a_jpeg_bomb_is_refused(void)
{
    struct media_world world;
    media_world_init(&world);
    g_autofree char *path = media_world_path(&world, "bomb.avi"), *bytes = NULL;
    size_t length = 0;
    g_assert_true(media_world_make(path, "videotestsrc num-buffers=5 ! video/x-raw,format=I420,width=320,height=240,"
                                         "framerate=25/1 ! jpegenc ! avimux ! filesink name=out"));
    g_assert_true(g_file_get_contents(path, &bytes, &length, NULL));
    int bombs = 0;
    for (size_t i = 0; i + 9 < length; i++)
        if (memcmp(bytes + i, "\xff\xc0\x00\x11\x08", 5) == 0) { /* SOF0: height and width follow */
            memcpy(bytes + i + 5, "\xff\xdc\xff\xdc", 4);
            bombs++;
        }
    g_assert_cmpint(bombs, ==, 5);
    g_assert_true(g_file_set_contents(path, bytes, (gssize)length, NULL));
    struct source_settings settings = media_world_settings();
    g_autoptr(GError) error = NULL;
    CLEANUP(media_reader) struct media_reader *reader = media_reader_open(path, &settings, &error);
    if (reader)
        g_assert_null(media_reader_next(reader, &error));
    g_assert_nonnull(error);
    g_test_message("%s", error->message);
    g_assert_nonnull(strstr(error->message, "65500 x 65500, more than source.max_width_px"));
    media_world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    media_world_start();
    for (size_t i = 0; i < G_N_ELEMENTS(bends); i++) {
        g_autofree char *name = g_strconcat("/media/streams/s04_", bends[i].name, NULL);
        g_test_add_data_func(name, &bends[i], test_s04_bent);
    }
    g_test_add_func("/media/streams/s04_size_changes_every_picture", test_s04_size_changes_every_picture);
    g_test_add_func("/media/streams/s04_a_jpeg_bomb_is_refused", test_s04_a_jpeg_bomb_is_refused);
    return g_test_run();
}
