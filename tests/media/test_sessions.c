/* RTSP sessions: kept alive by what the camera knows, ended, and found to be over. */
#include <string.h>

#include "media/fake_camera.h"
#include "media/media_internal.h"
#include "media/media_world.h"

static struct fake_camera *asked;

static bool silent_after_play(const struct fake_request *request)
{
    return fake_answer_honestly(request, fake_sdp);
}

/* Of a camera that sends no picture, which is noticed later than all that is looked at here. */
static void open_quiet(struct media_eye *eye, fake_behaviour behaviour, int retry_delay_ms)
{
    asked = fake_camera_start(behaviour);
    g_autofree char *address = g_strdup_printf("rtsp://127.0.0.1:%d/cam", fake_camera_port(asked));
    media_eye_init(eye);
    eye->settings.stall_timeout_ms = 100000;
    if (retry_delay_ms)
        eye->settings.retry_delay_ms = eye->settings.retry_delay_max_ms = retry_delay_ms;
    media_eye_open(eye, address);
}

static bool was_kept_alive(void *data)
{
    (void)data;
    return fake_camera_requests(asked, "GET_PARAMETER") >= 2;
}

static bool was_told_of_the_end(void *data)
{
    (void)data;
    return fake_camera_requests(asked, "TEARDOWN") > 0;
}

/* The camera's session of 2 s is kept alive each second, and told when it is over. */
static void test_sessions_are_kept_alive_and_ended(void)
{
    struct media_eye eye;
    open_quiet(&eye, silent_after_play, 0);
    g_assert_true(media_world_wait(was_kept_alive, NULL));
    g_assert_cmpint(fake_camera_connections(asked), ==, 1);
    media_eye_close(&eye);
    g_assert_true(media_world_wait(was_told_of_the_end, NULL));
    g_assert_cmpint(fake_camera_requests(asked, "TEARDOWN"), ==, 1);
    fake_camera_stop(asked);
}

static const char *unknown_answer;

/* A camera that knows no GET_PARAMETER, as RFC 2326 allows. */
static bool knows_options_alone(const struct fake_request *request)
{
    return strcmp(request->method, "GET_PARAMETER") == 0 ? fake_answer(request, unknown_answer, "", "")
                                                         : fake_answer_honestly(request, fake_sdp);
}

static bool was_asked_for_options(void *data)
{
    (void)data;
    return fake_camera_requests(asked, "OPTIONS") >= 2;
}

static void test_sessions_are_kept_alive_by_what_the_camera_knows(gconstpointer status)
{
    struct media_eye eye;
    unknown_answer = status;
    open_quiet(&eye, knows_options_alone, 0);
    g_assert_true(media_world_wait(was_asked_for_options, NULL));
    g_assert_cmpint(fake_camera_requests(asked, "GET_PARAMETER"), ==, 1);
    g_assert_cmpint(fake_camera_connections(asked), ==, 1);
    media_eye_close(&eye);
    fake_camera_stop(asked);
}

static bool forgets_the_session(const struct fake_request *request)
{
    return strcmp(request->method, "GET_PARAMETER") == 0 ? fake_answer(request, "454 Session Not Found", "", "")
                                                         : fake_answer_honestly(request, fake_sdp);
}

/* No picture would come any more: the next try is now, not once the stall is noticed. */
static void test_a_session_that_is_over_is_a_stream_that_is_over(void)
{
    struct media_eye eye;
    open_quiet(&eye, forgets_the_session, 60000);
    g_assert_true(media_eye_wait_state(&eye, "waiting"));
    g_assert_nonnull(strstr(eye.told.last_error, "the camera ended the session"));
    media_eye_close(&eye);
    fake_camera_stop(asked);
}

/* Asks whether the viewer is there, and tells it something, before its own answers and between packets. */
static bool asks_itself(const struct fake_request *request)
{
    static const char asks[] = "OPTIONS rtsp://camera/cam RTSP/1.0\r\nCSeq: 41\r\n\r\n"
                               "SET_PARAMETER * RTSP/1.0\r\nCSeq: 42\r\nContent-Length: 9\r\n\r\nbitrate:1";
    if (strcmp(request->method, "RTSP/1.0") == 0) {
        g_assert_true(g_str_has_prefix(request->text, "RTSP/1.0 501 "));
        g_assert_true(request->sequence == 41 || request->sequence == 42);
        return true;
    }
    return fake_send(request, asks, (int)strlen(asks)) && fake_answer_honestly(request, fake_sdp) &&
           (strcmp(request->method, "PLAY") != 0 || fake_send(request, asks, (int)strlen(asks)));
}

static bool was_answered_and_kept_alive(void *data)
{
    (void)data;
    return fake_camera_requests(asked, "RTSP/1.0") >= 10 && fake_camera_requests(asked, "GET_PARAMETER") >= 2;
}

static void test_requests_of_the_camera_are_refused_and_passed_over(void)
{
    struct media_eye eye;
    open_quiet(&eye, asks_itself, 0);
    g_assert_true(media_world_wait(was_answered_and_kept_alive, NULL));
    g_assert_cmpint(fake_camera_connections(asked), ==, 1);
    media_eye_close(&eye);
    fake_camera_stop(asked);
}

static void add_unknown_methods(void)
{
    static const char *const answers[] = {"405 Method Not Allowed", "501 Not Implemented", "551 Option not supported"};
    for (size_t i = 0; i < G_N_ELEMENTS(answers); i++) {
        g_autofree char *name =
            g_strdup_printf("/media/sessions/sessions_are_kept_alive_by_what_the_camera_knows/%.3s", answers[i]);
        g_test_add_data_func(name, answers[i], test_sessions_are_kept_alive_by_what_the_camera_knows);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    media_world_start();
    g_test_add_func("/media/sessions/sessions_are_kept_alive_and_ended", test_sessions_are_kept_alive_and_ended);
    add_unknown_methods();
    g_test_add_func("/media/sessions/a_session_that_is_over_is_a_stream_that_is_over",
                    test_a_session_that_is_over_is_a_stream_that_is_over);
    g_test_add_func("/media/sessions/requests_of_the_camera_are_refused_and_passed_over",
                    test_requests_of_the_camera_are_refused_and_passed_over);
    return g_test_run();
}
