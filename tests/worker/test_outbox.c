/* What waits for the hub: order, acknowledgement, and who goes first when there is no more room. */
#include "worker/outbox.h"

#include "base/counter.h"

#include <string.h>
#include <sys/socket.h>

enum { DEADLINE_US = 60 * 1000000, TICK_MS = 5, ROOMY = 1 << 20 };

struct world {
    struct link *worker, *hub;
    struct outbox *outbox;
    struct camera_health door, yard;
};

static void world_init_bounded(struct world *world, size_t queue_bytes, int max_records, int64_t max_bytes)
{
    int sockets[2];
    *world = (struct world){0};
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), ==, 0);
    world->worker = link_new(sockets[0], queue_bytes);
    world->hub = link_new(sockets[1], ROOMY);
    world->outbox = outbox_new(world->worker, max_records, max_bytes);
}

static void world_init(struct world *world, size_t queue_bytes, int max_records)
{
    world_init_bounded(world, queue_bytes, max_records, INT64_MAX);
}

static void world_clear(struct world *world)
{
    outbox_free(world->outbox);
    link_free(world->worker);
    link_free(world->hub);
}

static void add(struct world *world, const char *text, int priority, struct camera_health *health)
{
    outbox_add(world->outbox, text, strlen(text), 1, priority, health);
}

/* The next batch as the hub sees it. The worker's tick goes on meanwhile. */
static uint64_t receive(struct world *world, char **text)
{
    enum link_type type;
    const void *body;
    size_t length;
    uint64_t sequence;
    int64_t until_us = g_get_monotonic_time() + DEADLINE_US;
    while (!link_receive(world->hub, TICK_MS, &type, &body, &length, NULL)) {
        g_assert_cmpint(g_get_monotonic_time(), <, until_us);
        outbox_send_waiting(world->outbox);
    }
    g_assert_cmpint(type, ==, LINK_EVENTS);
    g_assert_cmpuint(length, >, sizeof sequence);
    memcpy(&sequence, body, sizeof sequence);
    if (text)
        *text = g_strndup((const char *)body + sizeof sequence, length - sizeof sequence);
    return GUINT64_FROM_LE(sequence);
}

static void test_a_batch_is_kept_until_it_is_acknowledged(void)
{
    struct world world;
    g_autofree char *text = NULL;
    world_init(&world, ROOMY, 100);
    add(&world, "{\"a\":1}\n", 5, &world.door);
    uint64_t sequence = receive(&world, &text);
    g_assert_cmpstr(text, ==, "{\"a\":1}\n");
    g_assert_cmpint(outbox_count_records(world.outbox), ==, 1);
    outbox_acknowledge(world.outbox, sequence + 1); /* of nothing that was sent */
    g_assert_cmpint(outbox_count_records(world.outbox), ==, 1);
    outbox_acknowledge(world.outbox, sequence);
    g_assert_cmpint(outbox_count_records(world.outbox), ==, 0);
    g_assert_cmpint(counter_get(&world.door.records_sent), ==, 1);
    g_assert_cmpint(counter_get(&world.door.records_dropped), ==, 0);
    world_clear(&world);
}

static void test_what_the_link_cannot_take_follows_in_order(void)
{
    enum { BATCHES = 40, BATCH_BYTES = 50000 };
    struct world world;
    g_autofree char *large = g_strnfill(BATCH_BYTES, 'x');
    world_init(&world, BATCH_BYTES + 100, BATCHES); /* one batch fits; the socket takes a few more */
    for (int i = 0; i < BATCHES; i++)
        add(&world, large, 5, &world.door);
    g_assert_cmpint(counter_get(&world.door.records_sent), <, BATCHES);
    for (uint64_t expected = 1; expected <= BATCHES; expected++) {
        g_assert_cmpuint(receive(&world, NULL), ==, expected);
        outbox_acknowledge(world.outbox, expected);
    }
    g_assert_cmpint(outbox_count_records(world.outbox), ==, 0);
    g_assert_cmpint(counter_get(&world.door.records_sent), ==, BATCHES);
    g_assert_cmpint(counter_get(&world.door.records_dropped), ==, 0);
    world_clear(&world);
}

/* The link takes nothing: three records fit, and each further one costs the least urgent, of those the oldest. */
static void test_the_least_urgent_and_oldest_go_first(void)
{
    struct world world;
    world_init(&world, 1, 3);
    add(&world, "urgent\n", 9, &world.door);
    add(&world, "old\n", 3, &world.yard);
    add(&world, "new\n", 3, &world.door);
    g_assert_cmpint(counter_get(&world.yard.records_dropped), ==, 0);
    add(&world, "middle\n", 5, &world.door);
    g_assert_cmpint(counter_get(&world.yard.records_dropped), ==, 1);
    g_assert_cmpint(counter_get(&world.door.records_dropped), ==, 0);
    add(&world, "middle\n", 5, &world.door);
    g_assert_cmpint(counter_get(&world.door.records_dropped), ==, 1);
    add(&world, "trifle\n", 1, &world.yard); /* sheds itself */
    g_assert_cmpint(counter_get(&world.yard.records_dropped), ==, 2);
    g_assert_cmpint(counter_get(&world.door.records_sent), ==, 0);
    world_clear(&world);
}

/* Few records may be large: the bytes have a bound of their own, and who goes first is the same. */
static void test_q19_bytes_are_bounded_as_records_are(void)
{
    enum { TEXT_BYTES = 100000, BATCH_BYTES = TEXT_BYTES + sizeof(uint64_t) };
    struct world world;
    g_autofree char *large = g_strnfill(TEXT_BYTES, 'x');
    world_init_bounded(&world, 1, 1000, 3 * BATCH_BYTES); /* the link takes nothing */
    add(&world, large, 9, &world.door);
    add(&world, large, 3, &world.yard);
    add(&world, large, 3, &world.door);
    g_assert_cmpint(counter_get(&world.yard.records_dropped), ==, 0); /* exactly full */
    add(&world, "{}\n", 5, &world.door);
    g_assert_cmpint(counter_get(&world.yard.records_dropped), ==, 1); /* the older of the least urgent */
    g_assert_cmpint(counter_get(&world.door.records_dropped), ==, 0);
    add(&world, large, 5, &world.yard);
    g_assert_cmpint(counter_get(&world.door.records_dropped), ==, 1);
    add(&world, "{}\n", 1, &world.yard); /* there is room for it */
    g_assert_cmpint(counter_get(&world.yard.records_dropped), ==, 1);
    world_clear(&world);
}

/* What has gone makes room, by bytes too. */
static void test_bytes_that_were_sent_do_not_wait(void)
{
    enum { TEXT_BYTES = 100000, BATCH_BYTES = TEXT_BYTES + sizeof(uint64_t), BATCHES = 20 };
    struct world world;
    g_autofree char *large = g_strnfill(TEXT_BYTES, 'x');
    world_init_bounded(&world, ROOMY, 1000, BATCH_BYTES);
    for (uint64_t expected = 1; expected <= BATCHES; expected++) {
        add(&world, large, 5, &world.door);
        g_assert_cmpuint(receive(&world, NULL), ==, expected);
        outbox_acknowledge(world.outbox, expected);
    }
    g_assert_cmpint(counter_get(&world.door.records_dropped), ==, 0);
    world_clear(&world);
}

static void test_what_the_hub_has_is_never_counted_as_lost(void)
{
    struct world world;
    world_init(&world, ROOMY, 2);
    for (int i = 0; i < 50; i++) /* sent, and not one acknowledged */
        add(&world, "{}\n", 5, &world.door);
    g_assert_cmpint(counter_get(&world.door.records_sent), ==, 50);
    g_assert_cmpint(counter_get(&world.door.records_dropped), ==, 0);
    world_clear(&world);
}

/* A camera that goes is freed once nothing of it is on its way. */
static void test_it_says_whose_records_are_on_their_way(void)
{
    struct world world;
    world_init(&world, ROOMY, 10);
    g_assert_false(outbox_has(world.outbox, &world.door));
    add(&world, "a", 5, &world.door);
    add(&world, "b", 5, &world.yard);
    uint64_t first = receive(&world, NULL), second = receive(&world, NULL);
    g_assert_true(outbox_has(world.outbox, &world.door) && outbox_has(world.outbox, &world.yard));
    outbox_acknowledge(world.outbox, first);
    g_assert_false(outbox_has(world.outbox, &world.door));
    g_assert_true(outbox_has(world.outbox, &world.yard));
    outbox_acknowledge(world.outbox, second);
    g_assert_false(outbox_has(world.outbox, &world.yard));
    world_clear(&world);
}

/* A hub whose spool is full acknowledges nothing: it is sent no more than it can hold, so that it reads on, and hears
 * how cameras are. */
static void test_what_is_not_acknowledged_is_bounded(void)
{
    enum { BATCH_BYTES = 1 << 20, BATCHES = 2 * LINK_EVENTS_WINDOW_BYTES / BATCH_BYTES };
    struct world world;
    world_init(&world, 4 * LINK_EVENTS_WINDOW_BYTES, BATCHES);
    g_autofree char *text = g_strnfill(BATCH_BYTES - 16, 'x');
    for (int i = 0; i < BATCHES; i++)
        add(&world, text, 5, &world.door);
    int64_t sent = world.door.records_sent;
    g_assert_cmpint(sent, ==, LINK_EVENTS_WINDOW_BYTES / BATCH_BYTES);
    g_assert_cmpint(world.door.records_dropped, ==, 0);
    outbox_send_waiting(world.outbox);
    g_assert_cmpint(world.door.records_sent, ==, sent);
    g_assert_true(link_send(world.worker, LINK_HEALTH, "{}", 2, NULL)); /* which nothing keeps from going */
    outbox_acknowledge(world.outbox, 1);
    outbox_send_waiting(world.outbox);
    g_assert_cmpint(world.door.records_sent, ==, sent + 1);
    world_clear(&world);
}

/* As the hub counts them. */
static void test_small_batches_are_bounded_as_well(void)
{
    enum { MOST = LINK_EVENTS_WINDOW_BYTES / LINK_EVENTS_LEAST_BYTES };
    struct world world;
    world_init(&world, ROOMY, 2 * MOST);
    for (int i = 0; i < 2 * MOST; i++)
        add(&world, "{}\n", 5, &world.door);
    g_assert_cmpint(world.door.records_sent, ==, MOST);
    for (int i = 0; i < MOST; i++)
        outbox_acknowledge(world.outbox, receive(&world, NULL));
    outbox_send_waiting(world.outbox);
    g_assert_cmpint(world.door.records_sent, ==, 2 * MOST);
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/outbox/a batch is kept until it is acknowledged", test_a_batch_is_kept_until_it_is_acknowledged);
    g_test_add_func("/outbox/what the link cannot take follows in order",
                    test_what_the_link_cannot_take_follows_in_order);
    g_test_add_func("/outbox/what is not acknowledged is bounded", test_what_is_not_acknowledged_is_bounded);
    g_test_add_func("/outbox/the least urgent and oldest go first", test_the_least_urgent_and_oldest_go_first);
    g_test_add_func("/outbox/q19 bytes are bounded as records are", test_q19_bytes_are_bounded_as_records_are);
    g_test_add_func("/outbox/bytes that were sent do not wait", test_bytes_that_were_sent_do_not_wait);
    g_test_add_func("/outbox/what the hub has is never counted as lost",
                    test_what_the_hub_has_is_never_counted_as_lost);
    g_test_add_func("/outbox/it says whose records are on their way", test_it_says_whose_records_are_on_their_way);
    g_test_add_func("/outbox/small batches are bounded as well", test_small_batches_are_bounded_as_well);
    return g_test_run();
}
