/* POST /api/detect: what of a form is taken, before anyone looks at the picture. */
#include "api_world.h"

/* The beginning and the end of a PNG of 8 × 8 pixels: all that is looked at before its turn comes. */
static const unsigned char png[] = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x08\0\0\0\x08\x08\x02\0\0\0\x4b\x6d\x29\xdc"
                                   "\0\0\0\0IEND\xae\x42\x60\x82";
enum { PNG_BYTES = sizeof png - 1, PNG_CUT_BYTES = PNG_BYTES - 12 };

struct detect_world {
    struct api_world api;
    struct detect_queue *queue;
};

static void pass_over(void *data)
{
    (void)data;
}

static void detect_world_init(struct detect_world *world)
{
    world_prepare(&world->api);
    world->queue = detect_queue_new(&world->api.settings.detect, &world->api.health, world->api.clock);
    detect_queue_serve(world->queue, pass_over, NULL);
    world_open(&world->api);
    world->api.parts.detect = world->queue;
    world_serve(&world->api);
    world_login(&world->api);
}

static void detect_world_clear(struct detect_world *world)
{
    world_clear(&world->api);
    detect_queue_free(world->queue);
}

static void append_part(GString *body, const char *name, const void *value, size_t length)
{
    g_string_append_printf(body, "--b\r\nContent-Disposition: form-data; name=\"%s\"\r\n\r\n", name);
    g_string_append_len(body, value, (gssize)length);
    g_string_append(body, "\r\n");
}

/* A connection on which a picture was sent with one more part, whose answer is not read yet. */
static int send_form(const struct detect_world *world, size_t picture_bytes, const char *name, const char *value)
{
    g_autoptr(GString) body = g_string_new(NULL);
    append_part(body, "frame", png, picture_bytes);
    append_part(body, name, value, strlen(value));
    g_string_append(body, "--b--\r\n");
    g_autofree char *head =
        g_strdup_printf("POST /api/detect HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAuthorization: Bearer %s\r\n"
                        "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: %zu\r\n\r\n",
                        api_port(world->api.api), world->api.token, body->len);
    int fd = world_connect(&world->api);
    world_send(fd, head);
    g_assert_cmpint(send(fd, body->str, body->len, MSG_NOSIGNAL), ==, (ssize_t)body->len);
    return fd;
}

static void expect_refused(const struct detect_world *world, size_t picture_bytes, const char *name, const char *value,
                           const char *path)
{
    int fd = send_form(world, picture_bytes, name, value);
    struct reply reply = world_read_answer(fd, "POST /api/detect HTTP/1.1");
    g_test_message("%s=%s: %s", name, value, reply.body->str);
    g_assert_cmpint(reply.status, ==, 400);
    json_t *json = reply_json(&reply), *error = json_array_get(json_object_get(json, "errors"), 0);
    g_assert_cmpstr(json_string_value(json_object_get(error, "path")), ==, path);
    json_decref(json);
    reply_clear(&reply);
    close(fd);
}

static void test_a_part_is_one_value(void)
{
    struct detect_world world;
    detect_world_init(&world);
    expect_refused(&world, PNG_BYTES, "annotate", "true,\"stream_id\":\"other\"", "annotate");
    expect_refused(&world, PNG_BYTES, "zones", "[]}", "zones");
    expect_refused(&world, PNG_BYTES, "annotate", "yes", "annotate");
    expect_refused(&world, PNG_BYTES, "line_x", "abc", "line_x");
    expect_refused(&world, PNG_BYTES, "line_x", "\"0.5\"", "line_x");
    g_assert_cmpint(counter_get(&world.api.health.detect_waiting), ==, 0);
    detect_world_clear(&world);
}

static enum detect_verdict any_org(void *data, const char *org_id)
{
    (void)data;
    (void)org_id;
    return DETECT_TAKES;
}

static void test_a_part_says_what_json_would(void)
{
    struct detect_world world;
    struct detect_job *job;
    detect_world_init(&world);
    int fd = send_form(&world, PNG_BYTES, "line_x", " 0.25\n");
    WORLD_AWAIT((job = detect_take(world.queue, any_org, NULL)));
    gsize length;
    const char *order = g_bytes_get_data(detect_job_order(job), &length);
    g_assert_nonnull(g_strstr_len(order, (gssize)length, "\"line_x\":0.25"));
    g_autoptr(GBytes) answer = g_bytes_new_static("{}", 2);
    detect_finish(world.queue, job, answer);
    struct reply reply = world_read_reply(fd, false);
    g_assert_cmpint(reply.status, ==, 200);
    reply_clear(&reply);
    close(fd);
    detect_world_clear(&world);
}

/* What a decoder makes up of it is nobody. */
static void test_a_picture_that_is_cut_off_is_not_looked_at(void)
{
    struct detect_world world;
    detect_world_init(&world);
    expect_refused(&world, PNG_CUT_BYTES, "annotate", "true", "frame");
    detect_world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/detect_requests/a part is one value", test_a_part_is_one_value);
    g_test_add_func("/detect_requests/a part says what JSON would", test_a_part_says_what_json_would);
    g_test_add_func("/detect_requests/a picture that is cut off is not looked at",
                    test_a_picture_that_is_cut_off_is_not_looked_at);
    return g_test_run();
}
