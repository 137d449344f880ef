/* MJPEG over HTTPS: a camera whose certificate is trusted and its own is watched; from any other not a byte is taken.
 */
#include <gio/gio.h>
#include <pthread.h>
#include <string.h>

#include "base/counter.h"
#include "media/media_internal.h"
#include "media/media_world.h"

#define TRUSTED "/CN=camera"

static char *jpeg; /* of 320 x 240 */
static gsize jpeg_length;

/* ---- a camera ---- */

struct tls_camera {
    GSocketListener *listener;
    GTlsCertificate *certificate;
    GCancellable *cancellable;
    pthread_t thread;
    int port;
    int requests; /* atomic: read to their end */
};

/* Whether the client asked for something, and to its end; what it asked is not kept. */
static bool read_request(GInputStream *input, GCancellable *cancellable)
{
    enum { REQUEST_MAX = 4096 };
    char text[REQUEST_MAX + 1];
    for (gssize length = 0, read; length < REQUEST_MAX; length += read) {
        read = g_input_stream_read(input, text + length, (gsize)(REQUEST_MAX - length), cancellable, NULL);
        if (read <= 0)
            return false;
        text[length + read] = '\0';
        if (strstr(text, "\r\n\r\n"))
            return g_str_has_prefix(text, "GET /video HTTP/1.1\r\n");
    }
    return false;
}

static bool send_all(GOutputStream *output, const void *bytes, gsize length, GCancellable *cancellable)
{
    return g_output_stream_write_all(output, bytes, length, NULL, cancellable, NULL);
}

static void stream_pictures(GIOStream *tls, GCancellable *cancellable)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=b\r\n\r\n";
    static const char part[] = "--b\r\nContent-Type: image/jpeg\r\n\r\n";
    GOutputStream *output = g_io_stream_get_output_stream(tls);
    bool goes_on = send_all(output, head, strlen(head), cancellable);
    while (goes_on) {
        goes_on = send_all(output, part, strlen(part), cancellable) &&
                  send_all(output, jpeg, jpeg_length, cancellable) && send_all(output, "\r\n", 2, cancellable);
        g_usleep(10000); /* a hundred a second */
    }
}

static void *serve(void *data)
{
    struct tls_camera *camera = data;
    for (;;) {
        g_autoptr(GSocketConnection) connection =
            g_socket_listener_accept(camera->listener, NULL, camera->cancellable, NULL);
        if (!connection)
            return NULL;
        g_autoptr(GIOStream) tls = g_tls_server_connection_new(G_IO_STREAM(connection), camera->certificate, NULL);
        if (!g_tls_connection_handshake(G_TLS_CONNECTION(tls), camera->cancellable, NULL) ||
            !read_request(g_io_stream_get_input_stream(tls), camera->cancellable))
            continue;
        g_atomic_int_inc(&camera->requests);
        stream_pictures(tls, camera->cancellable);
    }
}

static void camera_start(struct tls_camera *camera, GTlsCertificate *certificate)
{
    *camera = (struct tls_camera){.listener = g_socket_listener_new(),
                                  .certificate = g_object_ref(certificate),
                                  .cancellable = g_cancellable_new()};
    camera->port = g_socket_listener_add_any_inet_port(camera->listener, NULL, NULL);
    g_assert_cmpint(camera->port, >, 0);
    g_assert_cmpint(pthread_create(&camera->thread, NULL, serve, camera), ==, 0);
}

static void camera_stop(struct tls_camera *camera)
{
    g_cancellable_cancel(camera->cancellable);
    pthread_join(camera->thread, NULL);
    g_object_unref(camera->listener);
    g_object_unref(camera->certificate);
    g_object_unref(camera->cancellable);
}

/* ---- whom this machine trusts ---- */

static bool run_openssl(const char *const *command)
{
    int status = 1;
    return g_spawn_sync(NULL, (char **)command, NULL,
                        G_SPAWN_SEARCH_PATH | G_SPAWN_STDERR_TO_DEV_NULL | G_SPAWN_STDOUT_TO_DEV_NULL, NULL, NULL, NULL,
                        NULL, &status, NULL) &&
           status == 0;
}

/* A certificate that signs itself, for `names` as openssl writes alternative names. */
static GTlsCertificate *make_certificate(const struct media_world *world, const char *name, const char *names)
{
    g_autofree char *key = media_world_path(world, "key.pem"), *path = media_world_path(world, name);
    g_autofree char *extension = g_strdup_printf("subjectAltName=%s", names);
    const char *const command[] = {
        "openssl", "req",   "-x509", "-newkey", "ec",      "-pkeyopt", "ec_paramgen_curve:P-256",
        "-nodes",  "-subj", TRUSTED, "-addext", extension, "-days",    "2",
        "-keyout", key,     "-out",  path,      NULL};
    return run_openssl(command) ? g_tls_certificate_new_from_files(path, key, NULL) : NULL;
}

/* As if the certificate in this file stood among the system's authorities. */
static void trust_only(const struct media_world *world, const char *name)
{
    g_autofree char *path = media_world_path(world, name);
    g_autoptr(GError) error = NULL;
    GTlsDatabase *authorities = g_tls_file_database_new(path, &error);
    g_assert_no_error(error);
    g_tls_backend_set_default_database(g_tls_backend_get_default(), authorities);
    g_object_unref(authorities);
}

/* `authorities`: as source.tls_ca_file; may be NULL. */
static void eye_open(struct media_eye *eye, const struct tls_camera *camera, char *authorities)
{
    g_autofree char *address = g_strdup_printf("https://127.0.0.1:%d/video", camera->port);
    media_eye_init(eye);
    eye->settings.retry_delay_ms = eye->settings.retry_delay_max_ms = 600000;
    eye->settings.picture_fps = 50;
    eye->settings.tls_ca_file = authorities;
    media_eye_open(eye, address);
}

/* ---- the cases ---- */

static void check_pictures_arrive(GTlsCertificate *certificate, char *authorities)
{
    struct tls_camera camera;
    struct media_eye eye;
    camera_start(&camera, certificate);
    eye_open(&eye, &camera, authorities);
    for (int i = 0; i < 3; i++) {
        CLEANUP(frame) struct frame *frame = media_eye_wait_frame(&eye);
        g_assert_nonnull(frame);
        g_assert_cmpint(frame->width_px, ==, 320);
    }
    g_assert_true(media_eye_wait_state(&eye, "online"));
    g_assert_cmpint(counter_get(&eye.health.connects), ==, 1);
    media_eye_close(&eye);
    camera_stop(&camera);
}

static void check_is_refused(GTlsCertificate *certificate, char *authorities, const char *why)
{
    struct tls_camera camera;
    struct media_eye eye;
    camera_start(&camera, certificate);
    eye_open(&eye, &camera, authorities);
    g_assert_true(media_eye_wait_state(&eye, "waiting"));
    g_test_message("%s", media_eye_look(&eye)->last_error);
    g_assert_nonnull(strstr(media_eye_look(&eye)->last_error, why));
    g_assert_cmpint(counter_get(&eye.health.frames_decoded), ==, 0);
    g_assert_cmpint(g_atomic_int_get(&camera.requests), ==, 0); /* nor was it told anything */
    media_eye_close(&eye);
    camera_stop(&camera);
}

static void test_only_a_trusted_camera_is_watched(void)
{
    struct media_world world;
    media_world_init(&world);
    GTlsCertificate *own = make_certificate(&world, "own.pem", "IP:127.0.0.1");
    GTlsCertificate *elsewhere = make_certificate(&world, "elsewhere.pem", "DNS:elsewhere.example");
    if (own && elsewhere) {
        trust_only(&world, "own.pem");
        check_pictures_arrive(own, NULL);
        check_is_refused(elsewhere, NULL, "TLS: the camera's certificate is for another host name");
        trust_only(&world, "elsewhere.pem");
        check_is_refused(elsewhere, NULL, "TLS: the camera's certificate is for another host name");
        check_is_refused(own, NULL, "TLS: the camera's certificate is signed by nobody this machine trusts");
    } else {
        g_test_skip("this machine has no openssl command");
    }
    g_clear_object(&own);
    g_clear_object(&elsewhere);
    media_world_clear(&world);
}

/* A certificate for this machine that the one in the file `authority` has signed. */
static GTlsCertificate *make_signed(const struct media_world *world, const char *authority)
{
    g_autofree char *signer = media_world_path(world, authority), *signers_key = media_world_path(world, "key.pem");
    g_autofree char *key = media_world_path(world, "signed-key.pem"), *path = media_world_path(world, "signed.pem");
    const char *const command[] = {"openssl",
                                   "req",
                                   "-x509",
                                   "-newkey",
                                   "ec",
                                   "-pkeyopt",
                                   "ec_paramgen_curve:P-256",
                                   "-nodes",
                                   "-subj",
                                   "/CN=yard",
                                   "-addext",
                                   "subjectAltName=IP:127.0.0.1",
                                   "-addext",
                                   "basicConstraints=critical,CA:FALSE",
                                   "-days",
                                   "2",
                                   "-CA",
                                   signer,
                                   "-CAkey",
                                   signers_key,
                                   "-keyout",
                                   key,
                                   "-out",
                                   path,
                                   NULL};
    return run_openssl(command) ? g_tls_certificate_new_from_files(path, key, NULL) : NULL;
}

static void test_an_authority_of_ones_own_is_trusted_alone(void)
{
    static const char nobody[] = "TLS: the camera's certificate is signed by nobody this machine trusts";
    struct media_world world;
    media_world_init(&world);
    g_autofree char *ours = media_world_path(&world, "ours.pem"), *missing = media_world_path(&world, "missing.pem");
    GTlsCertificate *known = make_certificate(&world, "known.pem", "IP:127.0.0.1");
    GTlsCertificate *authority = make_certificate(&world, "ours.pem", "DNS:authority.example");
    GTlsCertificate *camera = authority ? make_signed(&world, "ours.pem") : NULL;
    if (known && camera) {
        trust_only(&world, "known.pem");
        check_is_refused(camera, NULL, nobody);
        check_pictures_arrive(camera, ours);
        check_is_refused(known, ours, nobody); /* whom the system trusts is not asked any more */
        check_is_refused(camera, missing, "source.tls_ca_file");
    } else {
        g_test_skip("this machine has no openssl command of 3.0 or later");
    }
    g_clear_object(&known);
    g_clear_object(&authority);
    g_clear_object(&camera);
    media_world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    media_world_start();
    jpeg = media_world_jpeg(&jpeg_length);
    g_test_add_func("/media/https/only_a_trusted_camera_is_watched", test_only_a_trusted_camera_is_watched);
    g_test_add_func("/media/https/an_authority_of_ones_own_is_trusted_alone",
                    test_an_authority_of_ones_own_is_trusted_alone);
    int result = g_test_run();
    g_free(jpeg);
    return result;
}
