/* Raw bytes against the server: A9 of the HTTP cases. */
#include "../stopwatch.h"
#include "api_world.h"

static char *with_host(const struct api_world *world, const char *format)
{
    g_autofree char *host = g_strdup_printf("127.0.0.1:%d", api_port(world->api));
    g_auto(GStrv) parts = g_strsplit(format, "$HOST", -1);
    return g_strjoinv(host, parts);
}

/* Every byte the server says until it closes. */
static char *everything(const struct api_world *world, const char *text)
{
    int fd = world_connect(world);
    world_send(fd, text);
    shutdown(fd, SHUT_WR);
    GString *said = g_string_new(NULL);
    char buffer[4096];
    ssize_t count;
    while ((count = world_receive(fd, buffer, sizeof buffer)) > 0)
        g_string_append_len(said, buffer, count);
    close(fd);
    return g_string_free(said, FALSE);
}

static int count_answers(const char *said)
{
    int count = 0;
    for (const char *at = said; (at = strstr(at, "HTTP/1.1 ")); at++)
        count++;
    return count;
}

/* Each is answered with this status, once: what follows is never taken for a second request. */
static void test_a09_smuggling(void)
{
    static const struct {
        const char *text;
        int status;
    } cases[] = {
        {"POST /auth/login HTTP/1.1\r\nHost: $HOST\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
         "0\r\n\r\nGET /health HTTP/1.1\r\nHost: $HOST\r\n\r\n",
         400},
        {"POST /auth/login HTTP/1.1\r\nHost: $HOST\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"
         "0\r\n\r\nGET /health HTTP/1.1\r\nHost: $HOST\r\n\r\n",
         400},
        {"POST /auth/login HTTP/1.1\r\nHost: $HOST\r\nContent-Length: 0\r\nContent-Length: 40\r\n\r\n"
         "GET /health HTTP/1.1\r\nHost: $HOST\r\n\r\n",
         400},
        {"POST /auth/login HTTP/1.1\r\nHost: $HOST\r\nContent-Length : 40\r\n\r\n"
         "GET /health HTTP/1.1\r\nHost: $HOST\r\n\r\n",
         400},
        {"POST /auth/login HTTP/1.1\r\nHost: $HOST\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
         "GET /health HTTP/1.1\r\nHost: $HOST\r\n\r\n",
         411},
        {"GET /health HTTP/1.1\r\nHost: $HOST\r\nHost: evil.example\r\n\r\n"
         "GET /health HTTP/1.1\r\nHost: $HOST\r\n\r\n",
         400},
        {"POST /auth/login HTTP/1.1\r\nHost: $HOST\r\nContent-Length: -1\r\n\r\nGET /health HTTP/1.1\r\n\r\n", 400},
        {"POST /auth/login HTTP/1.1\r\nHost: $HOST\r\nContent-Length: 1e2\r\n\r\nGET /health HTTP/1.1\r\n\r\n", 400},
        {"POST /auth/login HTTP/1.1\r\nHost: $HOST\r\nContent-Length: 99999999999999999999999\r\n\r\nx", 400},
        {"POST /auth/login HTTP/1.1\r\nHost: $HOST\r\nContent-Length: 999999999\r\n\r\nx", 413},
    };
    struct api_world world;
    int refused_by_us = 0;
    world_init(&world);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *text = with_host(&world, cases[i].text), *said = everything(&world, text);
        g_test_message("case %zu: %.40s", i, said);
        refused_by_us += strstr(said, "application/problem+json") != NULL;
        /* The library refuses some itself, with another 4xx or by closing. */
        int status = 400;
        sscanf(said, "HTTP/1.1 %d", &status);
        g_assert_cmpint(status, >=, 400);
        g_assert_cmpint(status, <, 500);
        if (i < 6 || i == 9)
            g_assert_cmpint(status, ==, cases[i].status);
        if (i < 6) /* the library writes the head of its own refusals twice */
            g_assert_cmpint(count_answers(said), ==, 1);
        g_assert_null(strstr(said, "\"status\":\"healthy\""));
    }
    g_assert_cmpint(refused_by_us, >, 0); /* how many depends on the library's version */
    g_assert_cmpint(counter_get(&world.health.http_rejected), >=, refused_by_us);
    world_clear(&world);
}

/* Lines that go on in the next one, and lines that end with LF alone: what follows is never taken for a second request,
 * and no header is other than what a proxy before us would take it for. */
static void test_a09_folded_lines_and_bare_lf(void)
{
    static const struct {
        const char *text;
    } cases[] = {
        {"POST /auth/login HTTP/1.1\r\nHost: $HOST\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n"
         "GET /health HTTP/1.1\r\nHost: $HOST\r\n\r\n"},
        {"POST /auth/login HTTP/1.1\r\nHost: $HOST\r\nContent-Length:\r\n 40\r\nContent-Length: 0\r\n\r\n"
         "GET /health HTTP/1.1\r\nHost: $HOST\r\n\r\n"},
        {"POST /auth/login HTTP/1.1\r\nHost: $HOST\r\n Content-Length: 40\r\nContent-Length: 0\r\n\r\n"
         "GET /health HTTP/1.1\r\nHost: $HOST\r\n\r\n"},
        {"POST /auth/login HTTP/1.1\nHost: $HOST\nContent-Length: 0\nTransfer-Encoding: chunked\n\n0\n\n"
         "GET /health HTTP/1.1\nHost: $HOST\n\n"},
        {"POST /auth/login HTTP/1.1\r\nHost: $HOST\r\nX: a\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"
         "0\r\n\r\nGET /health HTTP/1.1\r\nHost: $HOST\r\n\r\n"},
        {"POST /auth/login HTTP/1.1\r\nHost: $HOST\r\nX: a\rTransfer-Encoding: chunked\r\nContent-Length: 40\r\n\r\n"
         "GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"},
    };
    struct api_world world;
    world_prepare(&world);
    world.settings.http.request_timeout_seconds = 2; /* a part of what follows may wait for its rest */
    world_start(&world);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *text = with_host(&world, cases[i].text), *said = everything(&world, text);
        int status = 400;
        g_test_message("case %zu: %.60s", i, said);
        sscanf(said, "HTTP/1.1 %d", &status);
        g_assert_cmpint(status, >=, 400);
        g_assert_cmpint(status, <, 500);
        g_assert_null(strstr(said, "\"status\":\"healthy\""));
    }
    world_clear(&world);
}

/* Who asks before it sends is told to go on, or why not: not both. */
static void test_a09_who_asks_before_it_sends(void)
{
    static const char body[] = "{\"username\":\"admin\",\"password\":\"x\"}";
    static const struct {
        const char *head;
        int first, status;
    } cases[] = {
        {"POST /auth/login HTTP/1.1\r\nHost: $HOST\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n", 100,
         401},
        {"POST /auth/login HTTP/1.1\r\nHost: evil.example\r\nExpect: 100-continue\r\n", 421, 0},
        {"POST /auth/login HTTP/1.1\r\nHost: $HOST\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n", 400, 0},
    };
    struct api_world world;
    world_init(&world);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *head = with_host(&world, cases[i].head),
                        *text = g_strdup_printf("%sContent-Length: %zu\r\n\r\n", head, strlen(body));
        int fd = world_connect(&world);
        world_send(fd, text);
        struct reply reply = world_read_head(fd);
        g_test_message("case %zu: %d", i, reply.status);
        g_assert_cmpint(reply.status, ==, cases[i].first);
        reply_clear(&reply);
        if (cases[i].status) {
            world_send(fd, body);
            reply = world_read_reply(fd, false);
            g_assert_cmpint(reply.status, ==, cases[i].status);
            reply_clear(&reply);
        }
        close(fd);
    }
    g_autofree char *large =
        with_host(&world, "POST /auth/login HTTP/1.1\r\nHost: $HOST\r\nContent-Length: 99999999\r\n"
                          "Expect: 100-continue\r\n\r\n");
    struct reply reply = world_raw(&world, large);
    g_assert_cmpint(reply.status, ==, 413);
    reply_clear(&reply);
    world_clear(&world);
}

static void test_a09_odd_requests(void)
{
    static const struct {
        const char *text;
        int status;
    } cases[] = {
        {"GET /../../etc/passwd HTTP/1.1\r\nHost: $HOST\r\n\r\n", 400},
        {"GET /assets/%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nHost: $HOST\r\n\r\n", 400},
        {"GET /..%2f..%2fetc/passwd HTTP/1.1\r\nHost: $HOST\r\n\r\n", 400},
        {"GET /a%5c..%5cb HTTP/1.1\r\nHost: $HOST\r\n\r\n", 400},
        {"GET /%00 HTTP/1.1\r\nHost: $HOST\r\n\r\n", 400},
        {"GET /%ff HTTP/1.1\r\nHost: $HOST\r\n\r\n", 400},
        {"GET /%zz HTTP/1.1\r\nHost: $HOST\r\n\r\n", 400},
        {"GET http://evil.example/health HTTP/1.1\r\nHost: $HOST\r\n\r\n", 400},
        {"GET /health HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421},
        {"GET /health HTTP/1.1\r\nHost: 127.0.0.1.evil.example\r\n\r\n", 421},
        {"GET /health HTTP/1.1\r\nHost: localhost:1\r\n\r\n", 200},
        {"GET /health HTTP/1.1\r\nHost: [::1]:8000\r\n\r\n", 200},
        {"GET /health HTTP/1.1\r\nHost: vedette.example:8000\r\n\r\n", 200},
        {"DELETE /health HTTP/1.1\r\nHost: $HOST\r\n\r\n", 405},
        {"TRACE /health HTTP/1.1\r\nHost: $HOST\r\n\r\n", 405},
        {"GET /auth/login HTTP/1.1\r\nHost: $HOST\r\n\r\n", 405},
        {"POST / HTTP/1.1\r\nHost: $HOST\r\nContent-Length: 0\r\n\r\n", 405},
        {"POST /auth/login HTTP/1.1\r\nHost: $HOST\r\nContent-Type: application/x-www-form-urlencoded\r\n"
         "Content-Length: 0\r\n\r\n",
         400},
        {"POST /auth/login HTTP/1.1\r\nHost: $HOST\r\nContent-Type: application/json\r\nContent-Length: 0\r\n\r\n",
         400},
        {"OPTIONS /auth/login HTTP/1.1\r\nHost: $HOST\r\n\r\n", 204},
        {"OPTIONS /nothing HTTP/1.1\r\nHost: $HOST\r\n\r\n", 404},
        {"GET /%68ealth HTTP/1.1\r\nHost: $HOST\r\n\r\n", 200},
        {"GET //health HTTP/1.1\r\nHost: $HOST\r\n\r\n", 404},
    };
    struct api_world world;
    world_prepare(&world);
    g_free(world.settings.http.host_names);
    world.settings.http.host_names = g_strdup("other.example, vedette.example");
    world_start(&world);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *text = with_host(&world, cases[i].text);
        struct reply reply = world_raw(&world, text);
        g_test_message("%.60s", text);
        if (!strstr(text, "evil.example/")) /* absolute form: refused by us or by the library */
            g_assert_cmpint(reply.status, ==, cases[i].status);
        else
            g_assert_cmpint(reply.status, >=, 400);
        if (reply.status == 405 || reply.status == 204) {
            g_autofree char *allow = reply_header(&reply, "Allow");
            g_assert_nonnull(allow);
        }
        g_assert_null(strstr(reply.body->str, "root:"));
        reply_clear(&reply);
    }
    world_clear(&world);
}

static void test_a09_head_and_pipelining(void)
{
    struct api_world world;
    world_init(&world);
    g_autofree char *head = with_host(&world, "HEAD /health HTTP/1.1\r\nHost: $HOST\r\n\r\n");
    struct reply reply = world_raw(&world, head);
    g_assert_cmpint(reply.status, ==, 200);
    g_assert_cmpuint(reply.body->len, ==, 0);
    g_autofree char *length = reply_header(&reply, "Content-Length");
    g_assert_cmpstr(length, !=, "0");
    reply_clear(&reply);
    g_autofree char *three = with_host(&world, "GET /health/live HTTP/1.1\r\nHost: $HOST\r\n\r\n"
                                               "GET /nothing HTTP/1.1\r\nHost: $HOST\r\n\r\n"
                                               "GET /health/live HTTP/1.1\r\nHost: $HOST\r\nConnection: close\r\n\r\n");
    g_autofree char *said = everything(&world, three);
    g_assert_cmpint(count_answers(said), ==, 3);
    world_clear(&world);
}

static void test_a09_too_much(void)
{
    struct api_world world;
    world_init(&world);
    g_autofree char *long_path = g_strnfill(9000, 'a'), *host = with_host(&world, "$HOST");
    g_autofree char *long_request = g_strdup_printf("GET /%s HTTP/1.1\r\nHost: %s\r\n\r\n", long_path, host);
    struct reply reply = world_raw(&world, long_request);
    g_assert_cmpint(reply.status, >=, 400);
    g_assert_cmpint(reply.status, <, 500);
    reply_clear(&reply);
    g_autoptr(GString) many = g_string_new(NULL);
    g_string_append_printf(many, "GET /health HTTP/1.1\r\nHost: %s\r\n", host);
    for (int i = 0; i < 1000; i++)
        g_string_append_printf(many, "X-%d: %d\r\n", i, i);
    g_string_append(many, "\r\n");
    g_autofree char *said = everything(&world, many->str);
    int status = 431;
    sscanf(said, "HTTP/1.1 %d", &status);
    g_assert_cmpint(status, ==, 431);
    reply = world_get(&world, "/health/live", NULL);
    g_assert_cmpint(reply.status, ==, 200);
    reply_clear(&reply);
    world_clear(&world);
}

struct trickle {
    const struct api_world *world;
    const char *start; /* sent at once */
};

/* Sends a byte every 50 ms until the server has had enough; returns how long that took. */
static gint64 trickle_us(const void *data)
{
    const struct trickle *trickle = data;
    int fd = world_connect(trickle->world);
    gint64 begun = g_get_monotonic_time();
    send(fd, trickle->start, strlen(trickle->start), MSG_NOSIGNAL);
    for (;;) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        char buffer[1024];
        if (poll(&wait, 1, 50) == 1 && recv(fd, buffer, sizeof buffer, 0) <= 0)
            break;
        if (send(fd, "a", 1, MSG_NOSIGNAL) != 1)
            break;
        g_assert_cmpint(g_get_monotonic_time() - begun, <, 30 * G_USEC_PER_SEC);
    }
    close(fd);
    return g_get_monotonic_time() - begun;
}

/* A server that did not cut at all would not once. */
static void assert_is_cut_soon(const struct api_world *world, const char *start)
{
    const struct trickle trickle = {world, start};
    gint64 enough_us = 3 * G_USEC_PER_SEC;
    g_assert_cmpint(stopwatch_least_us(trickle_us, &trickle, enough_us), <, enough_us);
}

static void test_a09_slow_headers_and_body(void)
{
    struct api_world world;
    world_prepare(&world);
    world.settings.http.request_timeout_seconds = 1;
    world_start(&world);
    g_autofree char *headers = with_host(&world, "GET /health HTTP/1.1\r\nHost: $HOST\r\nX-Slow: ");
    g_autofree char *body = with_host(&world, "POST /auth/login HTTP/1.1\r\nHost: $HOST\r\nContent-Length: 1000\r\n"
                                              "Content-Type: application/json\r\n\r\n");
    assert_is_cut_soon(&world, "");
    assert_is_cut_soon(&world, headers);
    assert_is_cut_soon(&world, body);
    g_assert_cmpint(counter_get(&world.health.http_rejected), >=, 3);
    world_clear(&world);
}

/* ---- answers that take their time ---- */

/* The beginning and the end of a PNG of 8 × 8 pixels: all that is looked at before its turn comes. */
#define PNG_ENDS "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAAElFTkSuQmCC"

static void pass_over(void *data)
{
    (void)data;
}

static enum detect_verdict any_org(void *data, const char *org_id)
{
    (void)data;
    (void)org_id;
    return DETECT_TAKES;
}

/* The time in which a request must come is none of its answer's: a picture may wait for longer. */
static void test_an_answer_may_take_longer_than_its_request(void)
{
    enum { TIMEOUT_S = 4, LATER_MS = 6000 };
    struct api_world world;
    struct detect_job *job;
    world_prepare(&world);
    world.settings.http.request_timeout_seconds = TIMEOUT_S;
    struct detect_queue *queue = detect_queue_new(&world.settings.detect, &world.health, world.clock);
    detect_queue_serve(queue, pass_over, NULL);
    world_open(&world);
    world.parts.detect = queue;
    world_serve(&world);
    static const char body[] = "{\"frame\":\"" PNG_ENDS "\"}";
    g_autofree char *text =
        g_strdup_printf("POST /api/detect HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n"
                        "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                        world_login(&world), strlen(body), body);
    int fd = world_connect(&world);
    world_send(fd, text);
    WORLD_AWAIT((job = detect_take(queue, any_org, NULL)));
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    g_assert_cmpint(poll(&wait, 1, LATER_MS), ==, 0); /* neither answered nor cut */
    g_autoptr(GBytes) answer = g_bytes_new_static("{}", 2);
    detect_finish(queue, job, answer);
    struct reply reply = world_read_reply(fd, false);
    g_assert_cmpint(reply.status, ==, 200);
    g_assert_cmpstr(reply.body->str, ==, "{}");
    reply_clear(&reply);
    g_assert_cmpint(poll(&wait, 1, 60000), ==, 1); /* no other request comes in time */
    close(fd);
    world_clear(&world);
    detect_queue_free(queue);
}

static int count_refused(const int *held, size_t count)
{
    int refused = 0;
    for (size_t i = 0; i < count; i++) {
        char byte;
        ssize_t got = recv(held[i], &byte, 1, MSG_PEEK | MSG_DONTWAIT);
        refused += got == 0 || (got < 0 && errno != EAGAIN);
    }
    return refused;
}

/* More connections than are allowed: the others are turned away, and it recovers when they go. */
static void test_connections_are_bounded(void)
{
    struct api_world world;
    world_prepare(&world);
    world.settings.http.max_connections_per_address = 8;
    world.settings.http.trusted_proxies = g_strdup("127.0.0.2"); /* whose connections are not counted; these are */
    world_start(&world);
    int held[32];
    for (size_t i = 0; i < G_N_ELEMENTS(held); i++)
        held[i] = world_connect(&world);
    WORLD_AWAIT(count_refused(held, G_N_ELEMENTS(held)) >= 32 - 8);
    for (size_t i = 0; i < G_N_ELEMENTS(held); i++)
        close(held[i]);
    int status = 0;
    gint64 until_us = g_get_monotonic_time() + 60 * G_USEC_PER_SEC;
    while (status != 200) { /* it recovers */
        g_assert_cmpint(g_get_monotonic_time(), <, until_us);
        struct reply reply = {0};
        int fd = world_connect(&world);
        g_autofree char *text = with_host(&world, "GET /health/live HTTP/1.1\r\nHost: $HOST\r\n\r\n");
        send(fd, text, strlen(text), MSG_NOSIGNAL);
        reply = world_read_answer(fd, text);
        close(fd);
        status = reply.status;
        reply_clear(&reply);
        if (status != 200)
            g_usleep(10000);
    }
    world_clear(&world);
}

/* How long it takes to stop a server with two clients, one of which waits for an answer. */
static gint64 stop_with_clients_us(const void *data)
{
    (void)data;
    struct api_world world;
    world_init(&world);
    int idle = world_connect(&world), busy = world_connect(&world);
    world_login(&world);
    g_autofree char *waiting = g_strdup_printf("GET /api/v1/cameras/cam-1/preview.jpg HTTP/1.1\r\nHost: localhost\r\n"
                                               "Authorization: Bearer %s\r\n\r\n",
                                               world.token);
    world_send(busy, waiting);
    gint64 begun = g_get_monotonic_time();
    api_stop(world.api);
    world.api = NULL;
    gint64 took_us = g_get_monotonic_time() - begun;
    close(idle);
    close(busy);
    world_clear(&world);
    return took_us;
}

/* One that waited for the picture, a second, would do so each time. */
static void test_stops_at_once_with_clients(void)
{
    gint64 enough_us = G_USEC_PER_SEC / 2;
    g_assert_cmpint(stopwatch_least_us(stop_with_clients_us, NULL, enough_us), <, enough_us);
}

/* The status of a large picture's head alone, with a token. */
static int status_of_picture(const struct api_world *world, const char *token)
{
    g_autofree char *text =
        g_strdup_printf("POST /api/detect HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: application/json\r\n"
                        "Authorization: Bearer %s\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n",
                        api_port(world->api), token, 2 << 20);
    int fd = world_connect(world);
    world_send(fd, text);
    struct reply reply = world_read_head(fd);
    int status = reply.status;
    close(fd);
    g_autofree char *retry = reply_header(&reply, "Retry-After");
    g_assert_true((status == 429) == (retry != NULL));
    reply_clear(&reply);
    return status;
}

/* Tokens that are made up are looked up no more often than an address may read, also those that come with a picture;
 * good ones cost nothing there. */
static void test_guesses_with_large_bodies_are_limited(void)
{
    enum { READS = 5 };
    struct api_world world;
    world_prepare(&world);
    world.settings.limits.reads_per_minute = READS;
    world_start(&world);
    const char *token = world_login(&world);
    for (int i = 0; i < 2 * READS; i++)
        g_assert_cmpint(status_of_picture(&world, token), ==, 100);
    for (int i = 0; i < READS; i++)
        g_assert_cmpint(status_of_picture(&world, "vk_made-up"), ==, 401);
    g_assert_cmpint(status_of_picture(&world, "vk_made-up"), ==, 429);
    world_clear(&world);
}

static void send_all(int fd, const char *data, size_t size)
{
    for (size_t at = 0; at < size;) {
        ssize_t count = send(fd, data + at, size - at, MSG_NOSIGNAL);
        g_assert_cmpint(count, >, 0);
        at += (size_t)count;
    }
}

/* Sends the head of a request with so large a body, and so much of it. */
static int begin_body(const struct api_world *world, const char *path, size_t declared, size_t sent)
{
    g_autofree char *head = g_strdup_printf("POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: "
                                            "application/json\r\nContent-Length: %zu\r\n\r\n",
                                            path, api_port(world->api), declared),
                    *body = g_strnfill(sent, ' ');
    int fd = world_connect(world);
    send_all(fd, head, strlen(head));
    send_all(fd, body, sent);
    return fd;
}

/* A picture is larger than other bodies may be, and no body is as large as its sender likes. Who reads nothing before
 * all is sent hears so, too, and of far more than may be sent, who sends none of it. */
static void test_bodies_are_bounded_by_their_route(void)
{
    static const struct {
        const char *path;
        size_t bytes;
        int status;
        bool is_sent;
    } cases[] = {{"/auth/login", 3 << 20, 413, true}, {"/api/detect", 2 << 20, 401, true},
                 {"/api/detect", 8 << 20, 413, true}, {"/nothing", 3 << 20, 413, true},
                 {"/a%zz", 1 << 20, 400, true},       {"/auth/login", 64 << 20, 413, false}};
    struct api_world world;
    world_init(&world);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_test_message("%s, %zu bytes", cases[i].path, cases[i].bytes);
        int fd = begin_body(&world, cases[i].path, cases[i].bytes, cases[i].is_sent ? cases[i].bytes : 0);
        struct reply reply = world_read_answer(fd, "POST");
        g_assert_cmpint(reply.status, ==, cases[i].status);
        g_assert_nonnull(strstr(reply.head, "Connection: close"));
        reply_clear(&reply);
        close(fd);
    }
    world_clear(&world);
}

/* One whose length is not told is taken by nobody, who hears it once all of it is there; more than is passed over is
 * cut. */
static void test_chunked_bodies_are_refused(void)
{
    enum { CHUNK = 1 << 20, FEW = 3, MANY = 64 };
    struct api_world world;
    world_init(&world);
    g_autofree char *head = with_host(&world, "POST /auth/login HTTP/1.1\r\nHost: $HOST\r\n"
                                              "Transfer-Encoding: chunked\r\n\r\n"),
                    *blanks = g_strnfill(CHUNK, ' '), *chunk = g_strdup_printf("%x\r\n%s\r\n", CHUNK, blanks);
    int fd = world_connect(&world);
    send_all(fd, head, strlen(head));
    for (int i = 0; i < FEW; i++)
        send_all(fd, chunk, strlen(chunk));
    world_send(fd, "0\r\n\r\n");
    struct reply reply = world_read_answer(fd, "POST");
    g_assert_cmpint(reply.status, ==, 411);
    reply_clear(&reply);
    close(fd);
    fd = world_connect(&world);
    send_all(fd, head, strlen(head));
    int sent = 0;
    while (sent < MANY && send(fd, chunk, strlen(chunk), MSG_NOSIGNAL) == (ssize_t)strlen(chunk))
        sent++;
    g_assert_cmpint(sent, <, MANY);
    close(fd);
    world_clear(&world);
}

static int status_of_body(const struct api_world *world, size_t bytes)
{
    int fd = begin_body(world, "/auth/login", bytes, bytes);
    struct reply reply = world_read_answer(fd, "POST");
    int status = reply.status;
    g_assert_true((status == 503) == (strstr(reply.head, "Retry-After: 1") != NULL));
    reply_clear(&reply);
    close(fd);
    return status;
}

/* Whoever would fill our memory by many bodies at once is told to come again, and nobody once they are gone. */
static void test_bodies_are_bounded_in_sum(void)
{
    enum { MOST = 1 << 20, HELD = 700000 };
    struct api_world world;
    world_prepare(&world);
    world.settings.http.max_bodies_bytes = MOST;
    world_start(&world);
    int held = begin_body(&world, "/auth/login", HELD + 1, HELD);
    WORLD_AWAIT(counter_get(&world.health.http_body_bytes) == HELD);
    g_assert_cmpint(status_of_body(&world, HELD), ==, 503);
    g_assert_cmpint(counter_get(&world.health.http_bodies_refused), ==, 1);
    g_assert_cmpint(status_of_body(&world, MOST - HELD), ==, 400); /* blanks are no login */
    close(held);
    WORLD_AWAIT(counter_get(&world.health.http_body_bytes) == 0);
    g_assert_cmpint(status_of_body(&world, HELD), ==, 400);
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/hostile/a09_smuggling", test_a09_smuggling);
    g_test_add_func("/hostile/a09_odd_requests", test_a09_odd_requests);
    g_test_add_func("/hostile/a09_head_and_pipelining", test_a09_head_and_pipelining);
    g_test_add_func("/hostile/a09_too_much", test_a09_too_much);
    g_test_add_func("/hostile/a09_slow_headers_and_body", test_a09_slow_headers_and_body);
    g_test_add_func("/hostile/connections_are_bounded", test_connections_are_bounded);
    g_test_add_func("/hostile/stops_at_once_with_clients", test_stops_at_once_with_clients);
    g_test_add_func("/hostile/bodies_are_bounded_by_their_route", test_bodies_are_bounded_by_their_route);
    g_test_add_func("/hostile/chunked_bodies_are_refused", test_chunked_bodies_are_refused);
    g_test_add_func("/hostile/guesses_with_large_bodies_are_limited", test_guesses_with_large_bodies_are_limited);
    g_test_add_func("/hostile/bodies_are_bounded_in_sum", test_bodies_are_bounded_in_sum);
    g_test_add_func("/hostile/an_answer_may_take_longer_than_its_request",
                    test_an_answer_may_take_longer_than_its_request);
    g_test_add_func("/hostile/a09_folded_lines_and_bare_lf", test_a09_folded_lines_and_bare_lf);
    g_test_add_func("/hostile/a09_who_asks_before_it_sends", test_a09_who_asks_before_it_sends);
    return g_test_run();
}
