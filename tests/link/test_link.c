#include "link/link.h"

#include "base/random.h"

#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { DEADLINE_MS = 60000 };

static void make_pair(struct link **a, struct link **b, size_t queue_bytes)
{
    int sockets[2];
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), ==, 0);
    *a = link_new(sockets[0], queue_bytes);
    *b = link_new(sockets[1], queue_bytes);
}

static void test_messages_arrive_whole_and_in_order(void)
{
    struct link *a, *b;
    make_pair(&a, &b, 1 << 20);
    g_autofree char *large = g_strnfill(300000, 'x');
    g_assert_true(link_send(a, LINK_EVENTS, large, 300000, NULL));
    g_assert_true(link_send(a, LINK_STOPPED, NULL, 0, NULL));
    enum link_type type;
    const void *body;
    size_t length;
    g_assert_true(link_receive(b, DEADLINE_MS, &type, &body, &length, NULL));
    g_assert_cmpint(type, ==, LINK_EVENTS);
    g_assert_cmpuint(length, ==, 300000);
    g_assert_cmpint(memcmp(body, large, length), ==, 0);
    g_assert_true(link_receive(b, DEADLINE_MS, &type, &body, &length, NULL));
    g_assert_cmpint(type, ==, LINK_STOPPED);
    link_free(a);
    link_free(b);
}

static void test_a_full_queue_says_so_at_once(void)
{
    struct link *a, *b;
    make_pair(&a, &b, 1 << 16);
    g_autofree char *text = g_strnfill(20000, 'x');
    g_autoptr(GError) error = NULL;
    int sent = 0;
    while (link_send(a, LINK_TRACKS, text, 20000, &error)) /* b does not read: the socket fills, then the queue */
        g_assert_cmpint(++sent, <, 1000);
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_FULL);
    link_free(a);
    link_free(b);
}

static void test_a_peer_that_is_gone_is_noticed(void)
{
    struct link *a, *b;
    make_pair(&a, &b, 1 << 16);
    link_free(b);
    enum link_type type;
    const void *body;
    size_t length;
    g_autoptr(GError) error = NULL;
    g_assert_false(link_receive(a, DEADLINE_MS, &type, &body, &length, &error));
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE);
    link_free(a);
}

static void test_bytes_that_are_no_message_are_refused(void)
{
    enum link_type type;
    size_t length;
    const uint8_t too_long[] = {0xff, 0xff, 0xff, 0xff, LINK_EVENTS}, unknown[] = {0, 0, 0, 0, 200},
                  none[] = {0, 0, 0, 0, 0};
    const uint8_t partial[] = {4, 0, 0, 0, LINK_EVENTS, 'x'}, whole[] = {1, 0, 0, 0, LINK_EVENTS, 'x'};
    g_assert_cmpint(link_parse(too_long, 5, &type, &length), ==, LINK_PARSED_BROKEN);
    g_assert_cmpint(link_parse(unknown, 5, &type, &length), ==, LINK_PARSED_BROKEN);
    g_assert_cmpint(link_parse(none, 5, &type, &length), ==, LINK_PARSED_BROKEN);
    for (size_t i = 0; i < sizeof partial; i++)
        g_assert_cmpint(link_parse(partial, i, &type, &length), ==, LINK_PARSED_PARTIAL);
    g_assert_cmpint(link_parse(whole, sizeof whole, &type, &length), ==, LINK_PARSED_WHOLE);
}

static void test_garbage_ends_the_link(void)
{
    int sockets[2];
    struct random random;
    random_init(&random, 5);
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), ==, 0);
    CLEANUP(link) struct link *link = link_new(sockets[0], 1024);
    uint8_t garbage[4096];
    for (size_t i = 0; i < sizeof garbage; i++)
        garbage[i] = (uint8_t)random_next(&random) | 0x80;
    g_assert_cmpint(write(sockets[1], garbage, sizeof garbage), ==, sizeof garbage);
    enum link_type type;
    const void *body;
    size_t length;
    g_autoptr(GError) error = NULL;
    g_assert_false(link_receive(link, DEADLINE_MS, &type, &body, &length, &error));
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_PROTOCOL);
    close(sockets[1]);
}

static void *send_many(void *data)
{
    for (uint32_t i = 0; i < 500; i++)
        while (!link_send(data, LINK_HEALTH, &i, sizeof i, NULL))
            g_usleep(100);
    return NULL;
}

static void test_many_threads_may_send(void)
{
    struct link *a, *b;
    pthread_t threads[3];
    make_pair(&a, &b, 1 << 12);
    for (int i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, send_many, a);
    for (int received = 0; received < 1500;) {
        enum link_type type;
        const void *body;
        size_t length;
        g_autoptr(GError) error = NULL;
        if (link_receive(b, DEADLINE_MS, &type, &body, &length, &error)) {
            g_assert_cmpuint(length, ==, sizeof(uint32_t));
            received++;
        } else {
            g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_TIMEOUT);
        }
    }
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    link_free(a);
    link_free(b);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/link/messages arrive whole and in order", test_messages_arrive_whole_and_in_order);
    g_test_add_func("/link/a full queue says so at once", test_a_full_queue_says_so_at_once);
    g_test_add_func("/link/a peer that is gone is noticed", test_a_peer_that_is_gone_is_noticed);
    g_test_add_func("/link/bytes that are no message are refused", test_bytes_that_are_no_message_are_refused);
    g_test_add_func("/link/garbage ends the link", test_garbage_ends_the_link);
    g_test_add_func("/link/many threads may send", test_many_threads_may_send);
    return g_test_run();
}
