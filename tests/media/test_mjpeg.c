/* Cameras that send JPEG pictures over RTSP, honest ones and others. */
#include <gst/rtsp-server/rtsp-server.h>
#include <string.h>

#include "base/counter.h"
#include "media/fake_camera.h"
#include "media/stage.h"

struct jpeg_server {
    GstRTSPServer *server;
    guint id;
};

static void start_server(void *data)
{
    struct jpeg_server *jpeg = data;
    jpeg->server = gst_rtsp_server_new();
    gst_rtsp_server_set_address(jpeg->server, "127.0.0.1");
    gst_rtsp_server_set_service(jpeg->server, "0");
    GstRTSPMediaFactory *factory = gst_rtsp_media_factory_new();
    gst_rtsp_media_factory_set_launch(factory,
                                      "( videotestsrc is-live=true pattern=ball ! "
                                      "video/x-raw,format=I420,width=320,height=240,framerate=25/1 ! jpegenc ! "
                                      "rtpjpegpay name=pay0 pt=26 )");
    GstRTSPMountPoints *mounts = gst_rtsp_server_get_mount_points(jpeg->server);
    gst_rtsp_mount_points_add_factory(mounts, "/cam", factory);
    g_object_unref(mounts);
    jpeg->id = gst_rtsp_server_attach(jpeg->server, NULL);
}

static GstRTSPFilterResult drop_client(GstRTSPServer *server, GstRTSPClient *client, gpointer data)
{
    (void)server;
    (void)client;
    (void)data;
    return GST_RTSP_FILTER_REMOVE;
}

static void stop_server(void *data)
{
    struct jpeg_server *jpeg = data;
    gst_rtsp_server_client_filter(jpeg->server, drop_client, NULL);
    g_source_remove(jpeg->id);
    g_object_unref(jpeg->server);
}

static void test_jpeg_pictures_arrive(void)
{
    struct media_eye eye;
    struct jpeg_server jpeg = {0};
    on_loop(start_server, &jpeg);
    g_autofree char *address = g_strdup_printf("rtsp://127.0.0.1:%d/cam", gst_rtsp_server_get_bound_port(jpeg.server));
    media_eye_init(&eye);
    media_eye_open(&eye, address);
    int64_t last_us = -1;
    for (int i = 0; i < 20; i++) {
        CLEANUP(frame) struct frame *frame = media_eye_wait_frame(&eye);
        g_assert_nonnull(frame);
        g_assert_cmpint(frame->width_px, ==, 320);
        g_assert_cmpint(frame->height_px, ==, 240);
        g_assert_cmpint(frame->media_us, >, last_us);
        last_us = frame->media_us;
    }
    g_assert_cmpstr(media_eye_look(&eye)->codec, ==, "MJPEG");
    g_assert_cmpint(counter_get(&eye.health.errors_count), ==, 0);
    media_eye_close(&eye);
    on_loop(stop_server, &jpeg);
}

/* Its rtpmap may be left out. */
static const char jpeg_sdp[] = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\nm=video 0 RTP/AVP 26\r\n"
                               "a=control:track\r\n";

enum { RTP_BYTES = 12, JPEG_BYTES = 8, PAYLOAD_BYTES = 400 };

/* An RTP packet (RFC 3550) with a JPEG header (RFC 2435 section 3.1) whose fields, and all behind it, are random. */
static bool send_random_jpeg(const struct fake_request *request, GRand *random, guint16 sequence)
{
    uint8_t packet[4 + RTP_BYTES + JPEG_BYTES + PAYLOAD_BYTES] = {'$', 0};
    size_t length = RTP_BYTES + (size_t)g_rand_int_range(random, 0, JPEG_BYTES + PAYLOAD_BYTES + 1);
    packet[2] = (uint8_t)(length >> 8);
    packet[3] = (uint8_t)length;
    for (size_t i = 4; i < sizeof packet; i++)
        packet[i] = (uint8_t)g_rand_int(random);
    packet[4] = 0x80;
    packet[5] = (uint8_t)(26 | (g_rand_boolean(random) ? 0x80 : 0));
    packet[6] = (uint8_t)(sequence >> 8);
    packet[7] = (uint8_t)sequence;
    if (g_rand_boolean(random)) /* the first of a picture */
        memset(packet + 4 + RTP_BYTES, 0, 4);
    return fake_send(request, packet, (int)(4 + length));
}

static bool garbage(const struct fake_request *request)
{
    if (!fake_answer_honestly(request, jpeg_sdp))
        return false;
    if (strcmp(request->method, "PLAY") != 0)
        return true;
    g_autoptr(GRand) random = g_rand_new_with_seed(7);
    for (guint16 i = 0; i < 3000; i++)
        if (!send_random_jpeg(request, random, i))
            return false;
    return false;
}

static bool has_received(void *data)
{
    return counter_get(&((struct media_eye *)data)->health.bytes_received) > 200000;
}

static void test_s04_random_jpeg_packets_are_survived(void)
{
    struct media_eye eye;
    struct fake_camera *camera = fake_camera_start(garbage);
    g_autofree char *address = g_strdup_printf("rtsp://127.0.0.1:%d/x", fake_camera_port(camera));
    media_eye_init(&eye);
    media_eye_open(&eye, address);
    g_assert_true(media_world_wait(has_received, &eye));
    media_eye_close(&eye);
    fake_camera_stop(camera);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    media_world_start();
    stage_open();
    g_test_add_func("/media/mjpeg/jpeg_pictures_arrive", test_jpeg_pictures_arrive);
    g_test_add_func("/media/mjpeg/s04_random_jpeg_packets_are_survived", test_s04_random_jpeg_packets_are_survived);
    int result = g_test_run();
    stage_close();
    return result;
}
