/* Case S3: cameras that lie, redirect, flood, trickle and fall silent. Each gives one clear error in bounded time and
 * memory; nobody but the configured address is ever contacted; and the login shows nowhere. */
#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/counter.h"
#include "media/fake_camera.h"
#include "media/media_internal.h"
#include "media/media_world.h"
#include "media/rtsp_internal.h"
#include "stopwatch.h"

static bool is(const struct fake_request *request, const char *method)
{
    return strcmp(request->method, method) == 0;
}

/* ---- behaviours ---- */

static bool redirect(const struct fake_request *request)
{
    g_autofree char *where =
        g_strdup_printf("Location: rtsp://127.0.0.1:%d/x\r\n", fake_camera_decoy_port(request->camera));
    return fake_answer(request, "302 Found", where, "");
}

static bool redirect_to_itself(const struct fake_request *request)
{
    g_autofree char *where = g_strdup_printf("Location: rtsp://127.0.0.1:%d/y\r\n", fake_camera_port(request->camera));
    return fake_answer(request, "301 Moved", where, "");
}

static bool redirect_to_file(const struct fake_request *request)
{
    return fake_answer(request, "302 Found", "Location: file:///etc/passwd\r\n", "");
}

static bool redirect_to_metadata(const struct fake_request *request)
{
    return fake_answer(request, "302 Found", "Location: rtsp://169.254.169.254/latest/meta-data\r\n", "");
}

/* As many as would be read if nobody counted. */
static bool a_million_headers(const struct fake_request *request)
{
    if (!fake_send(request, "RTSP/1.0 200 OK\r\n", 17))
        return false;
    for (int i = 0; i < 1000000; i++)
        if (!fake_send(request, "X: y\r\n", 6))
            return false;
    return fake_send(request, "\r\n", 2);
}

/* A description without its length: nothing of it is read. */
static bool length_absent(const struct fake_request *request)
{
    g_autofree char *text = g_strdup_printf("RTSP/1.0 200 OK\r\nCSeq: %d\r\n\r\n%s", request->sequence, fake_sdp);
    return fake_send(request, text, (int)strlen(text));
}

static bool endless_headers(const struct fake_request *request)
{
    static const char line[] = "X-Padding: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n";
    if (!fake_send(request, "RTSP/1.0 200 OK\r\n", 17))
        return false;
    while (fake_send(request, line, sizeof line - 1))
        ;
    return false;
}

static bool one_endless_line(const struct fake_request *request)
{
    char block[4096];
    memset(block, 'a', sizeof block);
    while (fake_send(request, block, sizeof block))
        ;
    return false;
}

static bool endless_packets(const struct fake_request *request)
{
    char packet[1028] = {'$', 9, 4, 0};
    while (fake_send(request, packet, sizeof packet))
        ;
    return false;
}

static bool too_many_headers(const struct fake_request *request)
{
    GString *headers = g_string_new(NULL);
    for (int i = 0; i < 1000; i++)
        g_string_append_printf(headers, "X-%d: y\r\n", i);
    bool is_open = fake_answer(request, "200 OK", headers->str, "");
    g_string_free(headers, TRUE);
    return is_open;
}

static bool length_beyond_numbers(const struct fake_request *request)
{
    return fake_answer(request, "200 OK", "Content-Length: 9223372036854775808\r\n", "");
}

static bool length_below_zero(const struct fake_request *request)
{
    return fake_answer(request, "200 OK", "Content-Length: -1\r\n", "");
}

static bool length_huge(const struct fake_request *request)
{
    return fake_answer(request, "200 OK", "Content-Length: 900000000\r\n", "");
}

static bool length_never_filled(const struct fake_request *request)
{
    return fake_answer(request, "200 OK", "Content-Length: 5000\r\n", "");
}

static bool always_unauthorized(const struct fake_request *request)
{
    return fake_answer(request, "401 Unauthorized", "WWW-Authenticate: Basic realm=\"x\"\r\n", "");
}

static bool new_nonce_each_time(const struct fake_request *request)
{
    g_autofree char *challenge =
        g_strdup_printf("WWW-Authenticate: Digest realm=\"x\", nonce=\"%d\"\r\n", request->number);
    return fake_answer(request, "401 Unauthorized", challenge, "");
}

static bool unknown_digest(const struct fake_request *request)
{
    return fake_answer(request, "401 Unauthorized",
                       "WWW-Authenticate: Digest realm=\"x\", nonce=\"1\", algorithm=SHA-512-256\r\n", "");
}

static bool many_streams(const struct fake_request *request)
{
    GString *sdp = g_string_new("v=0\r\n");
    for (int i = 0; i < 4000; i++)
        g_string_append(sdp, "m=video 0 R 9\r\n");
    bool is_open = fake_answer_honestly(request, sdp->str);
    g_string_free(sdp, TRUE);
    return is_open;
}

static bool ten_thousand_streams(const struct fake_request *request)
{
    GString *sdp = g_string_new("v=0\r\n");
    for (int i = 0; i < 10000; i++)
        g_string_append(sdp, "m=video 0 RTP/AVP 96\r\n");
    bool is_open = fake_answer_honestly(request, sdp->str);
    g_string_free(sdp, TRUE);
    return is_open;
}

static bool no_video(const struct fake_request *request)
{
    return fake_answer_honestly(request, "v=0\r\nm=audio 0 RTP/AVP 0\r\na=control:a\r\n");
}

static bool unknown_codec(const struct fake_request *request)
{
    return fake_answer_honestly(request, "v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 VP9/90000\r\n");
}

static bool garbage_description(const struct fake_request *request)
{
    return fake_answer_honestly(request, "\x01\x02\x03 this is not even wrong");
}

static bool control_elsewhere(const struct fake_request *request)
{
    g_autofree char *sdp = g_strdup_printf("v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
                                           "a=control:rtsp://127.0.0.1:%d/x\r\n",
                                           fake_camera_decoy_port(request->camera));
    return fake_answer_honestly(request, sdp);
}

static bool connection_line_elsewhere(const struct fake_request *request)
{
    return fake_answer_honestly(request, "v=0\r\nc=IN IP4 224.2.1.1/127\r\nm=video 5004 RTP/AVP 96\r\n"
                                         "c=IN IP4 169.254.169.254\r\na=rtpmap:96 H264/90000\r\na=control:t\r\n");
}

static bool transport_udp(const struct fake_request *request)
{
    if (is(request, "SETUP"))
        return fake_answer(request, "200 OK", "Session: 7\r\nTransport: RTP/AVP;unicast;server_port=0-0\r\n", "");
    return fake_answer_honestly(request, fake_sdp);
}

static bool impossible_channels(const struct fake_request *request)
{
    if (is(request, "SETUP"))
        return fake_answer(request, "200 OK", "Session: 7\r\nTransport: RTP/AVP/TCP;interleaved=999-1000\r\n", "");
    return fake_answer_honestly(request, fake_sdp);
}

static bool mute(const struct fake_request *request)
{
    return !fake_is_stopping(request->camera);
}

static bool trickle(const struct fake_request *request)
{
    while (fake_send(request, "R", 1))
        g_usleep(20000);
    return false;
}

static bool close_at_describe(const struct fake_request *request)
{
    return !is(request, "DESCRIBE") && fake_answer_honestly(request, fake_sdp);
}

static bool close_at_setup(const struct fake_request *request)
{
    return !is(request, "SETUP") && fake_answer_honestly(request, fake_sdp);
}

static bool close_at_play(const struct fake_request *request)
{
    return !is(request, "PLAY") && fake_answer_honestly(request, fake_sdp);
}

static bool close_after_play(const struct fake_request *request)
{
    return fake_answer_honestly(request, fake_sdp) && !is(request, "PLAY");
}

static bool silent_after_play(const struct fake_request *request)
{
    return fake_answer_honestly(request, fake_sdp);
}

static bool wrong_channel(const struct fake_request *request)
{
    return fake_answer_honestly(request, fake_sdp) && (!is(request, "PLAY") || endless_packets(request));
}

static bool garbage_packets(const struct fake_request *request)
{
    char packet[516] = {'$', 0, 2, 0, (char)0x80, 96};
    if (!fake_answer_honestly(request, fake_sdp) || !is(request, "PLAY"))
        return true;
    for (int i = 0; fake_send(request, packet, sizeof packet); i++)
        packet[6 + i % 500] = (char)(i * 37);
    return false;
}

static bool half_a_packet(const struct fake_request *request)
{
    if (!fake_answer_honestly(request, fake_sdp) || !is(request, "PLAY"))
        return true;
    return fake_send(request, "$\0\xff\xff_", 5);
}

static bool web_server(const struct fake_request *request)
{
    static const char text[] = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
    return fake_send(request, text, sizeof text - 1);
}

static bool nul_in_headers(const struct fake_request *request)
{
    static const char text[] = "RTSP/1.0 200 OK\r\nX: a\0b\r\n\r\n";
    return fake_send(request, text, sizeof text - 1);
}

static bool session_not_found(const struct fake_request *request)
{
    return is(request, "PLAY") ? fake_answer(request, "454 Session Not Found", "", "")
                               : fake_answer_honestly(request, fake_sdp);
}

struct trick {
    const char *name;
    fake_behaviour behaviour;
    const char *error;
};
static const struct trick tricks[] = {
    {"redirect", redirect, "redirects to another address, which is refused"},
    {"redirect_to_itself", redirect_to_itself, "redirects"},
    {"redirect_to_file", redirect_to_file, "redirects"},
    {"redirect_to_metadata", redirect_to_metadata, "redirects to another address, which is refused"},
    {"a_million_headers", a_million_headers, "more than 65536 bytes of headers"},
    {"length_absent", length_absent, "came without its length"},
    {"endless_headers", endless_headers, "more than 65536 bytes of headers"},
    {"one_endless_line", one_endless_line, "more than 65536 bytes of headers"},
    {"endless_packets", endless_packets, "no answer in time"},
    {"too_many_headers", too_many_headers, "too many headers"},
    {"length_beyond_numbers", length_beyond_numbers, "no possible number"},
    {"length_below_zero", length_below_zero, "no possible number"},
    {"length_huge", length_huge, "larger than source.max_header_bytes"},
    {"length_never_filled", length_never_filled, "no answer in time"},
    {"always_unauthorized", always_unauthorized, "401 after 2 tries"},
    {"new_nonce_each_time", new_nonce_each_time, "401 after 2 tries"},
    {"unknown_digest", unknown_digest, "401 after 1 try"},
    {"many_streams", many_streams, "4000 streams; at most 32"},
    {"ten_thousand_streams", ten_thousand_streams, "larger than source.max_header_bytes"},
    {"no_video", no_video, "offers no H.264, H.265 or MJPEG video"},
    {"unknown_codec", unknown_codec, "offers no H.264, H.265 or MJPEG video"},
    {"garbage_description", garbage_description, "DESCRIBE"},
    {"control_elsewhere", control_elsewhere, "leads to another address, which is refused"},
    {"connection_line_elsewhere", connection_line_elsewhere, "no picture came"},
    {"transport_udp", transport_udp, "does not send over TCP"},
    {"impossible_channels", impossible_channels, "impossible channels"},
    {"mute", mute, "no answer in time"},
    {"trickle", trickle, "no answer in time"},
    {"close_at_describe", close_at_describe, "DESCRIBE: read: the camera closed the connection"},
    {"close_at_setup", close_at_setup, "SETUP: read: the camera closed the connection"},
    {"close_at_play", close_at_play, "PLAY: read: the camera closed the connection"},
    {"close_after_play", close_after_play, "the camera closed the connection"},
    {"silent_after_play", silent_after_play, "no picture came for 300 ms (source.stall_timeout_ms)"},
    {"wrong_channel", wrong_channel, "no picture came"},
    {"garbage_packets", garbage_packets, "decode: "},
    {"half_a_packet", half_a_packet, "no picture came"},
    {"web_server", web_server, "is no RTSP"},
    {"nul_in_headers", nul_in_headers, "NUL"},
    {"session_not_found", session_not_found, "PLAY: the camera answered 454"},
};

/* Only what shall end by a timeout has a short one: whatever else holds up the camera's thread is no trick of its. */
static void open_hostile(struct media_eye *eye, struct fake_camera *camera, const char *error)
{
    g_autofree char *address = g_strdup_printf("rtsp://admin:canary-9@127.0.0.1:%d/cam", fake_camera_port(camera));
    media_eye_init(eye);
    eye->settings.connect_timeout_ms = strstr(error, "no answer in time") ? 400 : 60000;
    eye->settings.stall_timeout_ms = strstr(error, "no picture came") ? 300 : 60000;
    eye->settings.retry_delay_ms = eye->settings.retry_delay_max_ms = 600000;
    media_eye_open(eye, address);
}

static bool is_connected(void *camera)
{
    return fake_camera_connections(camera) > 0;
}

static void test_s03_trick(const void *data)
{
    const struct trick *trick = data;
    struct media_eye eye;
    struct fake_camera *camera = fake_camera_start(trick->behaviour);
    open_hostile(&eye, camera, trick->error);
    g_assert_true(media_eye_wait_state(&eye, "waiting"));
    const char *error = media_eye_look(&eye)->last_error;
    g_test_message("%s", error);
    g_assert_nonnull(strstr(error, trick->error));
    g_assert_null(strstr(error, "canary"));
    g_assert_cmpint(counter_get(&eye.health.errors_count), ==, 1);
    g_assert_cmpint(counter_get(&eye.health.frames_decoded), ==, 0);
    g_assert_cmpint(counter_get(&eye.health.stalls), ==, strstr(trick->error, "no picture") ? 1 : 0);
    g_assert_true(media_world_wait(is_connected, camera)); /* its thread may come to it after we gave up */
    g_assert_cmpint(fake_camera_connections(camera), ==, 1);
    g_assert_cmpint(fake_camera_decoy_connections(camera), ==, 0);
    media_eye_close(&eye);
    fake_camera_stop(camera);
}

/* One picture in pieces of which none is the last (RFC 6184, section 5.8: no end bit). */
static bool endless_picture(const struct fake_request *request)
{
    enum { PIECE_BYTES = 1200, AT_RTP = 4, AT_PIECE = AT_RTP + 12 };
    uint8_t packet[AT_PIECE + PIECE_BYTES] = {'$', 0, (PIECE_BYTES + 12) >> 8, (PIECE_BYTES + 12) & 0xff, 0x80, 96};
    if (!fake_answer_honestly(request, fake_sdp) || !is(request, "PLAY"))
        return true;
    packet[AT_PIECE] = 0x7c; /* FU-A */
    memset(packet + AT_PIECE + 2, 0x55, PIECE_BYTES - 2);
    for (int number = 0; fake_send(request, packet, sizeof packet); number++) {
        packet[AT_RTP + 2] = (uint8_t)(number >> 8);
        packet[AT_RTP + 3] = (uint8_t)number;
        packet[AT_PIECE + 1] = number == 0 ? 0x85 : 0x05; /* a key frame's: the first, then more */
    }
    return false;
}

static void test_s03_an_endless_picture(void)
{
    struct media_eye eye;
    struct fake_camera *camera = fake_camera_start(endless_picture);
    g_autofree char *address = g_strdup_printf("rtsp://127.0.0.1:%d/cam", fake_camera_port(camera));
    media_eye_init(&eye);
    eye.settings.stall_timeout_ms = 60000; /* until then all would be kept */
    eye.settings.max_picture_bytes = 65536;
    eye.settings.retry_delay_ms = eye.settings.retry_delay_max_ms = 600000;
    media_eye_open(&eye, address);
    g_assert_true(media_eye_wait_state(&eye, "waiting"));
    g_test_message("%s", media_eye_look(&eye)->last_error);
    g_assert_nonnull(strstr(media_eye_look(&eye)->last_error, "larger than 65536 bytes (source.max_picture_bytes)"));
    g_assert_cmpint(counter_get(&eye.health.bytes_received), <, 4 << 20);
    media_eye_close(&eye);
    fake_camera_stop(camera);
}

struct impasse {
    fake_behaviour behaviour;
    const char *request; /* behind which nothing comes that helps */
};

struct asked {
    struct fake_camera *camera;
    const char *request;
};

static bool is_asked(void *data)
{
    const struct asked *asked = data;
    return fake_camera_requests(asked->camera, asked->request) > 0;
}

static gint64 stop_in_impasse_us(const void *data)
{
    const struct impasse *impasse = data;
    struct media_eye eye;
    struct fake_camera *camera = fake_camera_start(impasse->behaviour);
    g_autofree char *address = g_strdup_printf("rtsp://127.0.0.1:%d/cam", fake_camera_port(camera));
    media_eye_init(&eye);
    eye.settings.connect_timeout_ms = eye.settings.stall_timeout_ms = 100000;
    media_eye_open(&eye, address);
    g_assert_true(media_world_wait(is_asked, &(struct asked){camera, impasse->request}));
    gint64 took_us = media_eye_close(&eye);
    fake_camera_stop(camera);
    return took_us;
}

/* Stopping ends any wait, in every state of the conversation. */
static void test_a_source_stops_whatever_the_camera_does(void)
{
    static const struct impasse impasses[] = {{mute, "DESCRIBE"},
                                              {trickle, "DESCRIBE"},
                                              {endless_packets, "DESCRIBE"},
                                              {silent_after_play, "PLAY"},
                                              {wrong_channel, "PLAY"}};
    for (size_t i = 0; i < G_N_ELEMENTS(impasses); i++)
        g_assert_cmpint(stopwatch_least_us(stop_in_impasse_us, &impasses[i], G_USEC_PER_SEC), <, G_USEC_PER_SEC);
}

/* A port that swallows packets: nobody accepts, and the queue of those who wait is full. */
struct full_port {
    int listener, port;
    int fillers[4];
};

static void full_port_open(struct full_port *full)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    full->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(bind(full->listener, (struct sockaddr *)&address, sizeof address), ==, 0);
    g_assert_cmpint(listen(full->listener, 0), ==, 0);
    getsockname(full->listener, (struct sockaddr *)&address, &length);
    full->port = ntohs(address.sin_port);
    for (size_t i = 0; i < G_N_ELEMENTS(full->fillers); i++) {
        full->fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        connect(full->fillers[i], (struct sockaddr *)&address, sizeof address);
    }
}

static void full_port_close(struct full_port *full)
{
    for (size_t i = 0; i < G_N_ELEMENTS(full->fillers); i++)
        close(full->fillers[i]);
    close(full->listener);
}

static gint64 stop_connecting_us(const void *address)
{
    struct media_eye eye;
    media_eye_init(&eye);
    eye.settings.connect_timeout_ms = 100000;
    media_eye_open(&eye, address);
    g_usleep(20000); /* whichever step it is at: it stops */
    return media_eye_close(&eye);
}

static void test_a_source_stops_while_it_connects(void)
{
    struct media_eye eye;
    struct full_port full;
    full_port_open(&full);
    g_autofree char *address = g_strdup_printf("rtsp://127.0.0.1:%d/cam", full.port);
    media_eye_init(&eye);
    eye.settings.connect_timeout_ms = 300;
    eye.settings.retry_delay_ms = eye.settings.retry_delay_max_ms = 600000;
    media_eye_open(&eye, address);
    g_assert_true(media_eye_wait_state(&eye, "waiting"));
    g_test_message("%s", media_eye_look(&eye)->last_error);
    g_assert_nonnull(strstr(media_eye_look(&eye)->last_error, "connect: no answer in time"));
    media_eye_close(&eye);
    g_assert_cmpint(stopwatch_least_us(stop_connecting_us, address, G_USEC_PER_SEC), <, G_USEC_PER_SEC);
    full_port_close(&full);
}

/* ---- TLS ---- */

static void test_s03_a_tls_camera_that_says_nothing(void)
{
    static const struct trick silent = {"", mute, "no answer in time"}, trickling = {"", trickle, "TLS"};
    const struct trick *rows[] = {&silent, &trickling};
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        struct media_eye eye;
        struct fake_camera *camera = fake_camera_start(rows[i]->behaviour);
        g_autofree char *address = g_strdup_printf("rtsps://127.0.0.1:%d/cam", fake_camera_port(camera));
        media_eye_init(&eye);
        eye.settings.connect_timeout_ms = 300;
        eye.settings.retry_delay_ms = eye.settings.retry_delay_max_ms = 600000;
        media_eye_open(&eye, address);
        g_assert_true(media_eye_wait_state(&eye, "waiting"));
        g_test_message("%s", media_eye_look(&eye)->last_error);
        g_assert_nonnull(strstr(media_eye_look(&eye)->last_error, rows[i]->error));
        media_eye_close(&eye);
        fake_camera_stop(camera);
    }
}

struct tls_server {
    GSocketListener *listener;
    GTlsCertificate *certificate;
    GCancellable *cancellable;
    pthread_t thread;
};

static void *serve_tls(void *data)
{
    struct tls_server *server = data;
    g_autoptr(GSocketConnection) connection =
        g_socket_listener_accept(server->listener, NULL, server->cancellable, NULL);
    if (!connection)
        return NULL;
    g_autoptr(GIOStream) tls = g_tls_server_connection_new(G_IO_STREAM(connection), server->certificate, NULL);
    g_tls_connection_handshake(G_TLS_CONNECTION(tls), server->cancellable, NULL);
    return NULL;
}

/* A certificate that nobody signed, and for another name. */
static GTlsCertificate *make_certificate(const struct media_world *world)
{
    g_autofree char *key = media_world_path(world, "key.pem"), *certificate = media_world_path(world, "cert.pem");
    const char *const command[] = {"openssl", "req",   "-x509",     "-newkey",   "rsa:2048",
                                   "-nodes",  "-subj", "/CN=other", "-days",     "1",
                                   "-keyout", key,     "-out",      certificate, NULL};
    int status = 1;
    if (!g_spawn_sync(NULL, (char **)command, NULL,
                      G_SPAWN_SEARCH_PATH | G_SPAWN_STDERR_TO_DEV_NULL | G_SPAWN_STDOUT_TO_DEV_NULL, NULL, NULL, NULL,
                      NULL, &status, NULL) ||
        status != 0)
        return NULL;
    return g_tls_certificate_new_from_files(certificate, key, NULL);
}

static void test_s03_a_bad_certificate_is_refused(void)
{
    struct media_world world;
    struct media_eye eye;
    struct tls_server server = {g_socket_listener_new(), NULL, g_cancellable_new(), 0};
    media_world_init(&world);
    server.certificate = make_certificate(&world);
    if (server.certificate) {
        int port = g_socket_listener_add_any_inet_port(server.listener, NULL, NULL);
        pthread_create(&server.thread, NULL, serve_tls, &server);
        g_autofree char *address = g_strdup_printf("rtsps://admin:canary-9@127.0.0.1:%d/cam", port);
        media_eye_init(&eye);
        eye.settings.retry_delay_ms = eye.settings.retry_delay_max_ms = 600000;
        media_eye_open(&eye, address);
        g_assert_true(media_eye_wait_state(&eye, "waiting"));
        g_test_message("%s", media_eye_look(&eye)->last_error);
        g_assert_nonnull(strstr(media_eye_look(&eye)->last_error, "TLS: the camera's certificate"));
        media_eye_close(&eye);
        g_cancellable_cancel(server.cancellable);
        pthread_join(server.thread, NULL);
        g_object_unref(server.certificate);
    } else {
        g_test_skip("this machine has no openssl command");
    }
    g_object_unref(server.listener);
    g_object_unref(server.cancellable);
    media_world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    media_world_start();
    for (size_t i = 0; i < G_N_ELEMENTS(tricks); i++) {
        g_autofree char *name = g_strconcat("/media/hostile/s03_", tricks[i].name, NULL);
        g_test_add_data_func(name, &tricks[i], test_s03_trick);
    }
    g_test_add_func("/media/hostile/a_source_stops_whatever_the_camera_does",
                    test_a_source_stops_whatever_the_camera_does);
    g_test_add_func("/media/hostile/a_source_stops_while_it_connects", test_a_source_stops_while_it_connects);
    g_test_add_func("/media/hostile/s03_an_endless_picture", test_s03_an_endless_picture);
    g_test_add_func("/media/hostile/s03_a_tls_camera_that_says_nothing", test_s03_a_tls_camera_that_says_nothing);
    g_test_add_func("/media/hostile/s03_a_bad_certificate_is_refused", test_s03_a_bad_certificate_is_refused);
    return g_test_run();
}
