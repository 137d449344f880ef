/* Cameras by HTTP: streams of JPEGs, pictures one by one, and what hostile ones try (case S3 in HTTP's words). */
#include <string.h>

#include "base/counter.h"
#include "media/fake_camera.h"
#include "media/media_internal.h"
#include "media/media_world.h"

static char *jpeg; /* of 320 x 240 */
static gsize jpeg_length;

#define MULTIPART "HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=b\r\n\r\n"

static bool send_text(const struct fake_request *request, const char *text)
{
    return fake_send(request, text, (int)strlen(text));
}

static bool send_jpeg(const struct fake_request *request)
{
    return fake_send(request, jpeg, (int)jpeg_length);
}

/* ---- what honest cameras send ---- */

static bool send_parts(const struct fake_request *request, const char *headers)
{
    g_autofree char *head = g_strdup_printf("--b\r\nContent-Type: image/jpeg\r\n%s\r\n", headers);
    while (send_text(request, head) && send_jpeg(request) && send_text(request, "\r\n"))
        g_usleep(10000); /* a hundred a second */
    return false;
}

static bool stream_plainly(const struct fake_request *request)
{
    return send_text(request, MULTIPART) && send_parts(request, "");
}

static bool stream_with_length(const struct fake_request *request)
{
    g_autofree char *length = g_strdup_printf("Content-Length: %zu\r\n", (size_t)jpeg_length);
    return send_text(request, MULTIPART) && send_parts(request, length);
}

static bool stream_with_a_wrong_length(const struct fake_request *request)
{
    return send_text(request, MULTIPART) && send_parts(request, "Content-Length: 100000\r\n");
}

static bool stream_with_a_short_length(const struct fake_request *request)
{
    return send_text(request, MULTIPART) && send_parts(request, "Content-Length: 10\r\n");
}

static bool send_chunk(const struct fake_request *request, const char *bytes, gsize length)
{
    g_autofree char *size = g_strdup_printf("%zx\r\n", (size_t)length);
    return send_text(request, size) && fake_send(request, bytes, (int)length) && send_text(request, "\r\n");
}

/* As some cameras' web servers do, for which every answer has an end. */
static bool stream_with_a_length_of_all(const struct fake_request *request)
{
    if (!send_text(request, "HTTP/1.0 200 OK\r\nContent-Length: 2147483647\r\nContent-Type: "
                            "multipart/x-mixed-replace;boundary=b\r\n\r\n"))
        return false;
    while (send_text(request, "--b\r\n\r\n") && send_jpeg(request) && send_text(request, "\r\n"))
        g_usleep(10000);
    return false;
}

static bool stream_in_chunks(const struct fake_request *request)
{
    static const char head[] = "\r\n--b\r\nContent-Type: image/jpeg\r\n\r\n";
    if (!send_text(request, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: "
                            "multipart/x-mixed-replace;boundary=\"--b\"\r\n\r\n"))
        return false;
    while (send_chunk(request, head, strlen(head)) && send_chunk(request, jpeg, jpeg_length / 2) &&
           send_chunk(request, jpeg + jpeg_length / 2, jpeg_length - jpeg_length / 2))
        g_usleep(10000);
    return false;
}

/* As RFC 2046 section 5.1.1 has it: the boundary's own dashes stand behind those of the delimiter. */
static bool stream_with_dashes(const struct fake_request *request)
{
    if (!send_text(request, "HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=--b\r\n\r\n"))
        return false;
    while (send_text(request, "----b\r\nContent-Type: image/jpeg\r\n\r\n") && send_jpeg(request) &&
           send_text(request, "\r\n"))
        g_usleep(10000);
    return false;
}

static bool answer_one_picture(const struct fake_request *request)
{
    g_autofree char *head = g_strdup_printf(
        "HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: %zu\r\n\r\n", (size_t)jpeg_length);
    return send_text(request, head) && send_jpeg(request) && false;
}

static bool answer_one_picture_without_length(const struct fake_request *request)
{
    return send_text(request, "HTTP/1.0 200 OK\r\nContent-Type: image/jpeg\r\n\r\n") && send_jpeg(request) && false;
}

/* As cameras and scripts call a JPEG that is one. */
static bool answer_one_picture_called(const struct fake_request *request, const char *type)
{
    g_autofree char *head =
        g_strdup_printf("HTTP/1.1 200 OK\r\n%sContent-Length: %zu\r\n\r\n", type, (size_t)jpeg_length);
    return send_text(request, head) && send_jpeg(request) && false;
}

static bool answer_image_jpg(const struct fake_request *request)
{
    return answer_one_picture_called(request, "Content-Type: image/jpg\r\n");
}

static bool answer_octets(const struct fake_request *request)
{
    return answer_one_picture_called(request, "Content-Type: application/octet-stream\r\n");
}

static bool answer_without_a_type(const struct fake_request *request)
{
    return answer_one_picture_called(request, "");
}

/* Behind the picture's end its encoder's block is filled up. */
static const char padding[512];

static bool answer_padded(const struct fake_request *request)
{
    g_autofree char *head =
        g_strdup_printf("HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: %zu\r\n\r\n",
                        (size_t)jpeg_length + sizeof padding);
    return send_text(request, head) && send_jpeg(request) && fake_send(request, padding, sizeof padding) && false;
}

static bool stream_padded(const struct fake_request *request)
{
    g_autofree char *head = g_strdup_printf("--b\r\nContent-Length: %zu\r\n\r\n", (size_t)jpeg_length + sizeof padding);
    send_text(request, MULTIPART);
    while (send_text(request, head) && send_jpeg(request) && fake_send(request, padding, sizeof padding) &&
           send_text(request, "\r\n"))
        g_usleep(10000);
    return false;
}

struct honest {
    const char *name;
    fake_behaviour behaviour;
    bool is_snapshot;
};
static const struct honest honest[] = {
    {"plain", stream_plainly, false},
    {"with_length", stream_with_length, false},
    {"with_too_large_a_length", stream_with_a_wrong_length, false},
    {"with_too_small_a_length", stream_with_a_short_length, false},
    {"with_a_length_of_all", stream_with_a_length_of_all, false},
    {"in_chunks", stream_in_chunks, false},
    {"with_dashes_in_the_boundary", stream_with_dashes, false},
    {"one_by_one", answer_one_picture, true},
    {"one_by_one_without_length", answer_one_picture_without_length, true},
    {"one_by_one_as_image_jpg", answer_image_jpg, true},
    {"one_by_one_as_octets", answer_octets, true},
    {"one_by_one_without_a_type", answer_without_a_type, true},
    {"one_by_one_padded", answer_padded, true},
    {"padded", stream_padded, false},
};

static char *address_on(int port)
{
    return g_strdup_printf("http://127.0.0.1:%d/video?channel=1", port);
}

static void test_pictures_arrive(gconstpointer data)
{
    const struct honest *camera = data;
    struct fake_camera *server = fake_camera_start(camera->behaviour);
    g_autofree char *address = address_on(fake_camera_port(server));
    struct media_eye eye;
    media_eye_init(&eye);
    eye.settings.picture_fps = 50;
    media_eye_open(&eye, address);
    for (int i = 0; i < 5; i++) {
        CLEANUP(frame) struct frame *frame = media_eye_wait_frame(&eye);
        g_assert_nonnull(frame);
        g_assert_cmpint(frame->width_px, ==, 320);
        g_assert_cmpint(frame->height_px, ==, 240);
    }
    g_assert_true(media_eye_wait_state(&eye, "online"));
    g_assert_cmpstr(eye.told.codec, ==, "MJPEG");
    g_assert_cmpint(counter_get(&eye.health.decode_errors), ==, 0);
    g_assert_cmpint(counter_get(&eye.health.bytes_received), >, 4 * (int64_t)jpeg_length);
    g_assert_cmpint(counter_get(&eye.health.connects), ==, 1);
    g_assert_cmpint(counter_get(&eye.health.frame_copies), >, 0); /* honestly counted */
    if (camera->is_snapshot)
        g_assert_cmpint(fake_camera_requests(server, "GET"), >=, 5);
    else
        g_assert_cmpint(fake_camera_requests(server, "GET"), ==, 1);
    media_eye_close(&eye);
    fake_camera_stop(server);
}

/* ---- one that is seldom asked ---- */

/* It is silent for longer than source.stall_timeout_ms because nobody asked it. */
static void test_seldom_asked_is_no_stall(void)
{
    struct fake_camera *server = fake_camera_start(answer_one_picture);
    g_autofree char *address = address_on(fake_camera_port(server));
    struct media_eye eye;
    media_eye_init(&eye);
    eye.settings.picture_fps = 1;
    eye.settings.stall_timeout_ms = 300;
    media_eye_open(&eye, address);
    for (int i = 0; i < 3; i++) {
        CLEANUP(frame) struct frame *frame = media_eye_wait_frame(&eye);
        g_assert_nonnull(frame);
    }
    g_assert_cmpint(counter_get(&eye.health.stalls), ==, 0);
    g_assert_cmpint(counter_get(&eye.health.errors_count), ==, 0);
    g_assert_cmpint(counter_get(&eye.health.connects), ==, 1);
    g_assert_cmpfloat(media_eye_look(&eye)->picture_interval_seconds, ==, 1);
    media_eye_close(&eye);
    fake_camera_stop(server);
}

/* Its first picture is not left out for the next one's sake. */
static void test_seldom_asked_is_seen_at_once(void)
{
    struct fake_camera *server = fake_camera_start(answer_one_picture);
    g_autofree char *address = address_on(fake_camera_port(server));
    struct media_eye eye;
    media_eye_init(&eye);
    eye.settings.picture_fps = 0.01;
    media_eye_open(&eye, address);
    CLEANUP(frame) struct frame *frame = media_eye_wait_frame(&eye);
    g_assert_nonnull(frame);
    g_assert_cmpint(counter_get(&eye.health.frames_skipped), ==, 0);
    g_assert_cmpint(fake_camera_requests(server, "GET"), ==, 1);
    media_eye_close(&eye);
    fake_camera_stop(server);
}

/* ---- one that changes its mind ---- */

static int answers; /* atomic */

static bool turn_to_a_stream(const struct fake_request *request)
{
    return g_atomic_int_add(&answers, 1) < 3 ? answer_one_picture(request) : stream_plainly(request);
}

static bool has_connected_anew(void *data)
{
    struct media_eye *eye = data;
    return counter_get(&eye->health.connects) >= 2;
}

static void test_pictures_that_turn_to_a_stream(void)
{
    struct fake_camera *server = fake_camera_start(turn_to_a_stream);
    g_autofree char *address = address_on(fake_camera_port(server));
    struct media_eye eye;
    media_eye_init(&eye);
    eye.settings.picture_fps = 50;
    eye.settings.retry_delay_ms = eye.settings.retry_delay_max_ms = 10;
    g_atomic_int_set(&answers, 0);
    media_eye_open(&eye, address);
    g_assert_true(media_world_wait(has_connected_anew, &eye));
    g_assert_true(media_eye_wait_state(&eye, "online"));
    g_assert_cmpint(g_atomic_int_get(&answers), ==, 5);                       /* the last is a stream that goes on */
    g_assert_cmpfloat(media_eye_look(&eye)->picture_interval_seconds, ==, 0); /* and is not asked */
    media_eye_close(&eye);
    fake_camera_stop(server);
}

/* ---- logins ---- */

static int wrong_logins; /* atomic */

/* RFC 2617 section 3.2.2, with qop. */
static bool is_right_digest(const char *text)
{
    char nc[16], cnonce[64], response[64], uri[128], target[128];
    const char *found = strstr(text, "Authorization: Digest ");
    if (!found || !strstr(found, "nonce=\"n1\"") || sscanf(strstr(found, "uri="), "uri=\"%127[^\"]", uri) != 1 ||
        !strstr(found, " nc=") || sscanf(strstr(found, " nc="), " nc=%15[0-9a-f]", nc) != 1 ||
        sscanf(strstr(found, "cnonce="), "cnonce=\"%63[^\"]", cnonce) != 1 ||
        sscanf(strstr(found, "response="), "response=\"%63[^\"]", response) != 1)
        return false;
    if (sscanf(text, "GET %127s HTTP/1.1", target) != 1 || strcmp(uri, target) != 0) /* RFC 7616 section 3.4.6 */
        return false;
    g_autofree char *who = g_compute_checksum_for_string(G_CHECKSUM_MD5, "eye:here:secret", -1);
    g_autofree char *request = g_strdup_printf("GET:%s", uri);
    g_autofree char *what = g_compute_checksum_for_string(G_CHECKSUM_MD5, request, -1);
    g_autofree char *all = g_strdup_printf("%s:n1:%s:%s:auth:%s", who, nc, cnonce, what);
    g_autofree char *right = g_compute_checksum_for_string(G_CHECKSUM_MD5, all, -1);
    return strcmp(right, response) == 0;
}

static bool want_digest(const struct fake_request *request)
{
    if (is_right_digest(request->text))
        return stream_plainly(request);
    g_atomic_int_add(&wrong_logins, strstr(request->text, "Authorization") != NULL);
    return send_text(request, "HTTP/1.1 401 No\r\nWWW-Authenticate: Digest realm=\"here\", nonce=\"n1\", "
                              "qop=\"auth-int,auth\"\r\nContent-Length: 0\r\n\r\n") &&
           false;
}

static bool want_basic(const struct fake_request *request)
{
    if (strstr(request->text, "Authorization: Basic ZXllOnNlY3JldA=="))
        return stream_plainly(request);
    g_atomic_int_add(&wrong_logins, strstr(request->text, "Authorization") != NULL);
    return send_text(request, "HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=\"here\"\r\n\r\n") && false;
}

/* The first picture comes, and no login that was sent was wrong. Leaves the eye open. */
static void see_with_the_right_login(struct media_eye *eye, const char *address)
{
    media_eye_init(eye);
    eye->username = "eye";
    eye->password = "secret";
    g_atomic_int_set(&wrong_logins, 0);
    media_eye_open(eye, address);
    CLEANUP(frame) struct frame *frame = media_eye_wait_frame(eye);
    g_assert_nonnull(frame);
    g_assert_cmpint(g_atomic_int_get(&wrong_logins), ==, 0);
}

/* An address may have no path before its query; what is asked for has one. */
static void test_a_login_without_a_path(void)
{
    struct fake_camera *server = fake_camera_start(want_digest);
    g_autofree char *address = g_strdup_printf("http://127.0.0.1:%d?channel=1", fake_camera_port(server));
    struct media_eye eye;
    see_with_the_right_login(&eye, address);
    media_eye_close(&eye);
    fake_camera_stop(server);
}

static void test_the_right_login_only(gconstpointer behaviour)
{
    struct fake_camera *server = fake_camera_start((fake_behaviour)(uintptr_t)behaviour);
    g_autofree char *address = address_on(fake_camera_port(server));
    struct media_eye eye;
    see_with_the_right_login(&eye, address);
    media_eye_close(&eye);
    media_eye_init(&eye);
    eye.username = "eye";
    eye.password = "canary";
    eye.settings.retry_delay_ms = eye.settings.retry_delay_max_ms = 60000;
    media_eye_open(&eye, address);
    g_assert_true(media_eye_wait_state(&eye, "waiting"));
    g_assert_nonnull(strstr(eye.told.last_error, "401 after 2 tries"));
    g_assert_null(strstr(eye.told.last_error, "canary"));
    media_eye_close(&eye);
    fake_camera_stop(server);
}

/* ---- hostile ones ---- */

static int decoy_port;

static bool redirect(const struct fake_request *request)
{
    g_autofree char *text =
        g_strdup_printf("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%d/x\r\n\r\n", decoy_port);
    return send_text(request, text) && false;
}

static bool send_endless_headers(const struct fake_request *request)
{
    send_text(request, "HTTP/1.1 200 OK\r\n");
    while (send_text(request, "X-More: and more and more and more and more and more\r\n"))
        ;
    return false;
}

static bool send_endless_part_headers(const struct fake_request *request)
{
    send_text(request, MULTIPART "--b\r\n");
    while (send_text(request, "X-More: and more and more and more and more and more\r\n"))
        ;
    return false;
}

static bool send_no_boundary(const struct fake_request *request)
{
    send_text(request, MULTIPART);
    while (send_jpeg(request))
        ;
    return false;
}

static bool send_a_huge_part(const struct fake_request *request)
{
    send_text(request, MULTIPART "--b\r\n\r\n");
    while (send_jpeg(request))
        ;
    return false;
}

static bool announce_a_huge_part(const struct fake_request *request)
{
    return send_text(request, MULTIPART "--b\r\nContent-Length: 4000000000\r\n\r\n") &&
           !fake_is_stopping(request->camera);
}

static bool announce_a_huge_picture(const struct fake_request *request)
{
    return send_text(request, "HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: 900000000\r\n\r\n") &&
           false;
}

static bool send_a_huge_picture(const struct fake_request *request)
{
    send_text(request, "HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n\r\n");
    while (send_jpeg(request))
        ;
    return false;
}

static bool tell_no_boundary(const struct fake_request *request)
{
    return send_text(request, "HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=\"\"\r\n\r\n") &&
           false;
}

static bool send_a_page(const struct fake_request *request)
{
    return send_text(request, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>") && false;
}

static bool say_no_http(const struct fake_request *request)
{
    return send_text(request, "SSH-2.0-OpenSSH_9.2\r\n\r\n") && false;
}

static bool drip(const struct fake_request *request)
{
    send_text(request, MULTIPART "--b\r\n\r\n");
    for (gsize i = 0; fake_send(request, jpeg + i % jpeg_length, 1); i++)
        g_usleep(50000);
    return false;
}

static bool drip_headers(const struct fake_request *request)
{
    static const char text[] = MULTIPART;
    for (size_t i = 0; fake_send(request, text + i % strlen(text), 1); i++)
        g_usleep(50000);
    return false;
}

static bool send_bad_chunks(const struct fake_request *request)
{
    return send_text(request, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: "
                              "multipart/x-mixed-replace;boundary=b\r\n\r\nzz\r\n--b\r\n") &&
           false;
}

#define RUBBISH "--b\r\n\r\nthis is no picture\r\n"

/* Pictures that are none, for ever: the first one with the headers, or there may be none within the stall's time. */
static bool send_rubbish(const struct fake_request *request)
{
    send_text(request, MULTIPART RUBBISH RUBBISH);
    while (send_text(request, RUBBISH))
        g_usleep(1000);
    return false;
}

static bool answer_rubbish(const struct fake_request *request)
{
    return send_text(request, "HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: 4\r\n\r\nnone") && false;
}

static bool answer_half_a_picture(const struct fake_request *request)
{
    g_autofree char *head = g_strdup_printf("HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", (size_t)jpeg_length / 2);
    return send_text(request, head) && fake_send(request, jpeg, (int)(jpeg_length / 2)) && false;
}

static bool end_at_once(const struct fake_request *request)
{
    return send_text(request, MULTIPART "--b--\r\n") && false;
}

struct hostile {
    const char *name;
    fake_behaviour behaviour;
    const char *error; /* what the camera's health says */
};
static const struct hostile hostile[] = {
    {"redirects", redirect, "redirects to another address, which is refused"},
    {"endless_headers", send_endless_headers, "source.max_header_bytes"},
    {"endless_part_headers", send_endless_part_headers, "source.max_header_bytes"},
    {"no_boundary", send_no_boundary, "no boundary where a part begins"},
    {"a_huge_part", send_a_huge_part, "source.max_picture_bytes"},
    {"a_huge_part_announced", announce_a_huge_part, "source.max_picture_bytes"},
    {"a_huge_picture_announced", announce_a_huge_picture, "source.max_picture_bytes"},
    {"a_huge_picture", send_a_huge_picture, "source.max_picture_bytes"},
    {"no_boundary_told", tell_no_boundary, "tells no boundary"},
    {"a_page", send_a_page, "neither multipart/x-mixed-replace nor image/jpeg"},
    {"no_http", say_no_http, "no HTTP"},
    {"a_slow_drip", drip, "no picture came for 500 ms"},
    {"a_slow_drip_of_headers", drip_headers, "no answer in time"},
    {"bad_chunks", send_bad_chunks, "chunk"},
    {"rubbish", send_rubbish, "pictures came for 500 ms (source.stall_timeout_ms), but none was a whole JPEG"},
    {"rubbish_one_by_one", answer_rubbish,
     "pictures came for 600 ms (at the rate of source.picture_fps), but none was"},
    {"half_pictures", answer_half_a_picture, "pictures came for 600 ms"},
    {"the_end_at_once", end_at_once, "ended the stream"},
};

static void test_hostile(gconstpointer data)
{
    const struct hostile *camera = data;
    struct fake_camera *server = fake_camera_start(camera->behaviour);
    g_autofree char *address = address_on(fake_camera_port(server));
    struct media_eye eye;
    decoy_port = fake_camera_decoy_port(server);
    media_eye_init(&eye);
    eye.settings.connect_timeout_ms = strstr(camera->error, "no answer in time") ? 500 : 60000;
    eye.settings.stall_timeout_ms = strstr(camera->error, "came for") ? 500 : 60000;
    eye.settings.picture_fps = 5;
    eye.settings.max_picture_bytes = 200000;
    eye.settings.max_header_bytes = 4096;
    eye.settings.retry_delay_ms = eye.settings.retry_delay_max_ms = 60000;
    media_eye_open(&eye, address);
    g_assert_true(media_eye_wait_state(&eye, "waiting"));
    if (!strstr(eye.told.last_error, camera->error))
        g_error("%s: %s", camera->name, eye.told.last_error);
    g_assert_cmpint(counter_get(&eye.health.frames_decoded), ==, 0);
    g_assert_cmpint(counter_get(&eye.health.errors_count), ==, 1);
    g_assert_cmpint(fake_camera_decoy_connections(server), ==, 0);
    media_eye_close(&eye);
    fake_camera_stop(server);
}

/* ---- a picture that would fill the memory once it is decoded ---- */

/* The size in the frame header (ITU-T T.81 B.2.2) is set to 65500 x 65500. */
static bool send_a_bomb(const struct fake_request *request)
{
    g_autofree char *bomb = g_memdup2(jpeg, jpeg_length);
    for (gsize i = 0; i + 9 < jpeg_length; i++)
        if ((uint8_t)bomb[i] == 0xff && (uint8_t)bomb[i + 1] == 0xc0) {
            memset(bomb + i + 5, 0xff, 4);
            bomb[i + 6] = bomb[i + 8] = (char)0xdc;
            break;
        }
    send_text(request, MULTIPART);
    while (send_text(request, "--b\r\n\r\n") && fake_send(request, bomb, (int)jpeg_length) &&
           send_text(request, "\r\n"))
        g_usleep(10000);
    return false;
}

static void test_s04_a_bomb_is_not_decoded(void)
{
    struct fake_camera *server = fake_camera_start(send_a_bomb);
    g_autofree char *address = address_on(fake_camera_port(server));
    struct media_eye eye;
    media_eye_init(&eye);
    eye.settings.retry_delay_ms = eye.settings.retry_delay_max_ms = 60000;
    media_eye_open(&eye, address);
    g_assert_true(media_eye_wait_state(&eye, "waiting"));
    g_assert_nonnull(strstr(eye.told.last_error, "more than source.max_width_px"));
    media_eye_close(&eye);
    fake_camera_stop(server);
}

static void add_rows(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(honest); i++) {
        g_autofree char *path = g_strdup_printf("/media/http/pictures_arrive/%s", honest[i].name);
        g_test_add_data_func(path, &honest[i], test_pictures_arrive);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(hostile); i++) {
        g_autofree char *path = g_strdup_printf("/media/http/s03_hostile/%s", hostile[i].name);
        g_test_add_data_func(path, &hostile[i], test_hostile);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    media_world_start();
    jpeg = media_world_jpeg(&jpeg_length);
    add_rows();
    g_test_add_func("/media/http/seldom_asked_is_no_stall", test_seldom_asked_is_no_stall);
    g_test_add_func("/media/http/seldom_asked_is_seen_at_once", test_seldom_asked_is_seen_at_once);
    g_test_add_func("/media/http/pictures_that_turn_to_a_stream", test_pictures_that_turn_to_a_stream);
    g_test_add_data_func("/media/http/s06_the_right_login_only/digest", (gconstpointer)(uintptr_t)want_digest,
                         test_the_right_login_only);
    g_test_add_data_func("/media/http/s06_the_right_login_only/basic", (gconstpointer)(uintptr_t)want_basic,
                         test_the_right_login_only);
    g_test_add_func("/media/http/a_login_without_a_path", test_a_login_without_a_path);
    g_test_add_func("/media/http/s04_a_bomb_is_not_decoded", test_s04_a_bomb_is_not_decoded);
    int result = g_test_run();
    g_free(jpeg);
    return result;
}
