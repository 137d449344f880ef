/* Records that nobody can use for now wait aside, and those behind them pass. A text that begins with 'x' is one. */
#include "spool_world.h"

/* Puts "x 0", "x 1", … and what follows of each of them, where it is to. */
static void put_many(struct spool_world *world, const char *letter, int first, int count)
{
    for (int i = first; i < first + count; i++) {
        g_autofree char *text = g_strdup_printf("%s%d", letter, i);
        g_assert_true(world_put(world, "shop", 5, text));
    }
}

/* Takes out all that is given out, and defers what begins so; the others, in the order in which they came. */
static char *drain_but(struct spool_world *world, char letter)
{
    g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);
    for (struct vedette_spool_batch *batch; (batch = vedette_spool_dequeue(world->spool, 0, 0));) {
        g_autofree enum vedette_spool_fate *fates = g_new0(enum vedette_spool_fate, batch->count);
        for (size_t i = 0; i < batch->count; i++) {
            bool is_of_it = *(const char *)batch->records[i].payload == letter;
            fates[i] = is_of_it ? VEDETTE_SPOOL_DEFERRED : VEDETTE_SPOOL_DONE;
            if (!is_of_it)
                g_ptr_array_add(texts, g_strndup(batch->records[i].payload, batch->records[i].length));
        }
        vedette_spool_settle_each(world->spool, batch, fates);
    }
    g_ptr_array_add(texts, NULL);
    return g_strjoinv(" ", (char **)texts->pdata);
}

static void assert_deferred(struct spool_world *world, int64_t deferred, int64_t total)
{
    g_assert_cmpint(world_stats(world).deferred, ==, deferred);
    g_assert_cmpint(world_stats(world).total_queued, ==, total);
    g_assert_cmpint(world_stats(world).in_flight, ==, 0);
}

static void test_what_is_deferred_lets_others_pass_and_keeps_its_order(void)
{
    static const enum vedette_spool_durability durabilities[] = {VEDETTE_SPOOL_DURABLE, VEDETTE_SPOOL_RELAXED};
    for (size_t i = 0; i < G_N_ELEMENTS(durabilities); i++) {
        struct spool_world world;
        world_init(&world);
        world.config.batch_size = 2; /* less than there are of them ahead */
        world.config.durability = durabilities[i];
        world.config.file_bytes = 4096;
        world_open(&world);
        put_many(&world, "x", 0, 5);
        put_many(&world, "o", 0, 3);
        put_many(&world, "x", 5, 2);
        g_autofree char *passed = drain_but(&world, 'x');
        g_assert_cmpstr(passed, ==, "o0 o1 o2");
        assert_deferred(&world, 7, 7);
        put_many(&world, "x", 7, 1); /* it was not deferred, and comes behind them all the same */
        put_many(&world, "o", 3, 1);
        vedette_spool_recall(world.spool);
        assert_deferred(&world, 0, 9);
        g_autofree char *rest = world_drain_text(&world);
        g_assert_cmpstr(rest, ==, "x0 x1 x2 x3 x4 x5 x6 x7 o3");
        world_clear(&world);
    }
}

/* It waits for the next start at most: what a process could not use, the next one may. */
static void test_what_is_deferred_outlives_its_process(void)
{
    static const enum vedette_spool_durability durabilities[] = {VEDETTE_SPOOL_DURABLE, VEDETTE_SPOOL_RELAXED};
    for (size_t i = 0; i < G_N_ELEMENTS(durabilities); i++) {
        struct spool_world world;
        world_init(&world);
        world.config.durability = durabilities[i];
        world.config.spill_delay_us = 60 * (int64_t)WORLD_SECOND_US; /* a stop writes them */
        world_open(&world);
        put_many(&world, "x", 0, 3);
        put_many(&world, "o", 0, 1);
        g_autofree char *passed = drain_but(&world, 'x');
        g_assert_cmpstr(passed, ==, "o0");
        assert_deferred(&world, 3, 3);
        g_assert_cmpint(vedette_spool_stop(world.spool), ==, 0);
        world_reopen(&world);
        g_autofree char *rest = world_drain_text(&world);
        g_assert_cmpstr(rest, ==, "x0 x1 x2");
        world_clear(&world);
    }
}

/* Each record of a batch has its own fate. */
static void test_each_record_of_a_batch_has_its_own_fate(void)
{
    static const enum vedette_spool_fate fates[] = {VEDETTE_SPOOL_DEFERRED, VEDETTE_SPOOL_RETURNED, VEDETTE_SPOOL_DONE,
                                                    VEDETTE_SPOOL_DEFERRED, VEDETTE_SPOOL_RETURNED};
    struct spool_world world;
    world_init(&world);
    world_open(&world);
    put_many(&world, "r", 0, G_N_ELEMENTS(fates));
    vedette_spool_settle_each(world.spool, vedette_spool_dequeue(world.spool, 0, 0), fates);
    assert_deferred(&world, 2, 4);
    g_assert_cmpint(world_stats(&world).returned, ==, 4);
    g_assert_cmpint(world_stats(&world).acknowledged, ==, 1);
    g_autofree char *returned = world_drain_text(&world);
    g_assert_cmpstr(returned, ==, "r1 r4");
    vedette_spool_recall(world.spool);
    g_autofree char *deferred = world_drain_text(&world);
    g_assert_cmpstr(deferred, ==, "r0 r3");
    world_clear(&world);
}

/* Several tenants and priorities: all come again as if they had never been out. */
static void test_a_recall_gives_each_lane_its_order_back(void)
{
    static const char *const tenants[] = {"shop", "yard"};
    enum { EACH = 3 };
    struct spool_world world;
    world_init(&world);
    world.config.oldest_every = 0;
    world_open(&world);
    for (int i = 0; i < EACH; i++)
        for (int priority = 3; priority <= 4; priority++)
            for (size_t t = 0; t < G_N_ELEMENTS(tenants); t++) {
                g_autofree char *text = g_strdup_printf("x%s-%d-%d", tenants[t], priority, i);
                g_assert_true(world_put(&world, tenants[t], priority, text));
            }
    g_autofree char *none = drain_but(&world, 'x');
    g_assert_cmpstr(none, ==, "");
    vedette_spool_recall(world.spool);
    g_autofree char *all = world_drain_text(&world);
    g_assert_cmpstr(all, ==,
                    "xshop-4-0 xyard-4-0 xshop-4-1 xyard-4-1 xshop-4-2 xyard-4-2 "
                    "xshop-3-0 xyard-3-0 xshop-3-1 xyard-3-1 xshop-3-2 xyard-3-2");
    world_clear(&world);
}

/* It is bounded as all that waits is, by the same bounds; and goes where the config says that something goes. */
static void test_what_is_deferred_counts_for_the_bounds(void)
{
    static const enum vedette_spool_when_full when_full[] = {VEDETTE_SPOOL_REJECT, VEDETTE_SPOOL_DROP_LOWEST};
    for (size_t i = 0; i < G_N_ELEMENTS(when_full); i++) {
        struct spool_world world;
        bool is_dropped = when_full[i] == VEDETTE_SPOOL_DROP_LOWEST;
        world_init(&world);
        world.config.max_queue_size = 3;
        world.config.when_full = when_full[i];
        world_open(&world);
        put_many(&world, "x", 0, 3);
        g_autofree char *none = drain_but(&world, 'x');
        g_assert_cmpstr(none, ==, "");
        g_assert_cmpint(world_put(&world, "shop", 5, "o0"), ==, is_dropped);
        assert_deferred(&world, is_dropped ? 2 : 3, 3);
        vedette_spool_recall(world.spool);
        g_autofree char *rest = world_drain_text(&world);
        g_assert_cmpstr(rest, ==, is_dropped ? "x1 x2 o0" : "x0 x1 x2");
        world_clear(&world);
    }
}

/* Time to live passes as for any that waits, and is held as for any. */
static void test_what_is_deferred_expires_unless_it_is_held(void)
{
    for (int is_held = 0; is_held <= 1; is_held++) {
        struct spool_world world;
        world_init(&world);
        world.config.max_queue_seconds = 10;
        world_open(&world);
        put_many(&world, "x", 0, 2);
        g_autofree char *none = drain_but(&world, 'x');
        g_assert_cmpstr(none, ==, "");
        g_assert_cmpint(world_stats(&world).oldest_age_us, ==, 0);
        world_pass_us(&world, 4 * WORLD_SECOND_US);
        g_assert_cmpint(world_stats(&world).oldest_age_us, ==, 4 * WORLD_SECOND_US);
        vedette_spool_hold_expiry(world.spool, is_held);
        world_pass_us(&world, 10 * WORLD_SECOND_US);
        int64_t until_us = g_get_monotonic_time() + WORLD_DEADLINE_US;
        while (!is_held && world_stats(&world).total_queued) { /* the writer looks now and then */
            g_assert_cmpint(g_get_monotonic_time(), <, until_us);
            g_usleep(1000);
        }
        vedette_spool_recall(world.spool);
        g_autofree char *rest = world_drain_text(&world);
        g_assert_cmpstr(rest, ==, is_held ? "x0 x1" : "");
        g_assert_cmpint(world_stats(&world).losses[VEDETTE_SPOOL_EXPIRED], ==, is_held ? 0 : 2);
        world_clear(&world);
    }
}

/* The memory in front of the disk is for what can be given out. */
static void test_what_is_deferred_waits_on_the_disk_alone(void)
{
    struct spool_world world;
    world_init(&world);
    world_open(&world);
    put_many(&world, "x", 0, 5);
    g_assert_cmpint(world_stats(&world).memory_queue_size, ==, 5);
    g_autofree char *none = drain_but(&world, 'x');
    g_assert_cmpstr(none, ==, "");
    g_assert_cmpint(world_stats(&world).memory_queue_size, ==, 0);
    g_assert_cmpint(world_stats(&world).disk_queue_size, ==, 5);
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/spool/what_is_deferred_lets_others_pass_and_keeps_its_order",
                    test_what_is_deferred_lets_others_pass_and_keeps_its_order);
    g_test_add_func("/spool/what_is_deferred_outlives_its_process", test_what_is_deferred_outlives_its_process);
    g_test_add_func("/spool/each_record_of_a_batch_has_its_own_fate", test_each_record_of_a_batch_has_its_own_fate);
    g_test_add_func("/spool/a_recall_gives_each_lane_its_order_back", test_a_recall_gives_each_lane_its_order_back);
    g_test_add_func("/spool/what_is_deferred_counts_for_the_bounds", test_what_is_deferred_counts_for_the_bounds);
    g_test_add_func("/spool/what_is_deferred_expires_unless_it_is_held",
                    test_what_is_deferred_expires_unless_it_is_held);
    g_test_add_func("/spool/what_is_deferred_waits_on_the_disk_alone", test_what_is_deferred_waits_on_the_disk_alone);
    return g_test_run();
}
