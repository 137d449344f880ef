/* Case Q23: random walks beside a model of what must be there, to the byte. Those with crashes are
 * tests/crash/test_walk.c.
 */
#include "spool_world.h"

/* What must be there, and what may not: texts with their priorities. */
struct model {
    GHashTable *queued; /* text → priority */
    GPtrArray *batches; /* of struct vedette_spool_batch *, out */
    int next;
};

static void model_put(struct spool_world *world, struct model *model)
{
    int priority = g_test_rand_int_range(0, 10);
    g_autofree char *text = g_strdup_printf("%d %0*d", model->next++, g_test_rand_int_range(1, 400), 0);
    bool is_full = g_hash_table_size(model->queued) == (guint)world->config.max_queue_size;
    g_assert_cmpint(world_put(world, "shop", priority, text), ==, !is_full);
    if (!is_full)
        g_hash_table_insert(model->queued, g_steal_pointer(&text), GINT_TO_POINTER(priority));
}

static void model_take(struct spool_world *world, struct model *model)
{
    struct vedette_spool_batch *batch = vedette_spool_dequeue(world->spool, (size_t)g_test_rand_int_range(1, 6), 0);
    if (batch)
        g_ptr_array_add(model->batches, batch);
    for (size_t i = 0; batch && i < batch->count; i++) {
        g_autofree char *text = g_strndup(batch->records[i].payload, batch->records[i].length);
        gpointer priority;
        g_assert_true(g_hash_table_lookup_extended(model->queued, text, NULL, &priority));
        g_assert_cmpint(batch->records[i].priority, ==, GPOINTER_TO_INT(priority));
    }
}

static void model_settle(struct spool_world *world, struct model *model)
{
    if (!model->batches->len)
        return;
    struct vedette_spool_batch *batch =
        g_ptr_array_steal_index_fast(model->batches, (guint)g_test_rand_int_range(0, (gint32)model->batches->len));
    g_autofree enum vedette_spool_fate *fates = g_new(enum vedette_spool_fate, batch->count);
    for (size_t i = 0; i < batch->count; i++) {
        g_autofree char *text = g_strndup(batch->records[i].payload, batch->records[i].length);
        int dice = g_test_rand_int_range(0, 6);
        fates[i] = dice == 0 ? VEDETTE_SPOOL_RETURNED : dice == 1 ? VEDETTE_SPOOL_DEFERRED : VEDETTE_SPOOL_DONE;
        if (fates[i] == VEDETTE_SPOOL_DONE)
            g_hash_table_remove(model->queued, text);
    }
    vedette_spool_settle_each(world->spool, batch, fates);
}

static void model_recall(struct spool_world *world, struct model *model)
{
    (void)model;
    vedette_spool_recall(world->spool);
    g_assert_cmpint(world_stats(world).deferred, ==, 0);
}

static void model_check(struct spool_world *world, const struct model *model)
{
    world_await_read(world);
    struct vedette_spool_stats stats = world_stats(world);
    GHashTableIter iterator;
    gpointer text;
    gint64 bytes = 0;
    g_hash_table_iter_init(&iterator, model->queued);
    while (g_hash_table_iter_next(&iterator, &text, NULL))
        bytes += (gint64)strlen(text);
    g_assert_cmpint(stats.total_queued, ==, g_hash_table_size(model->queued));
    g_assert_cmpint(stats.queued_bytes, ==, bytes);
    g_assert_cmpint(stats.memory_queue_size + stats.disk_queue_size, ==, stats.total_queued);
}

static void model_reopen(struct spool_world *world, struct model *model)
{
    g_ptr_array_set_size(model->batches, 0); /* closing frees them, and they come again */
    world_reopen(world);
    model_check(world, model);
}

static void test_q23_random_walks_beside_a_model(void)
{
    enum { WALKS = 12, STEPS = 500 };
    for (int walk = 0; walk < WALKS; walk++) {
        struct spool_world world;
        struct model model = {g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL), g_ptr_array_new(), 0};
        world_init(&world);
        world.config.max_queue_size = 60;
        world.config.file_bytes = 10000;
        world.config.max_memory_bytes = walk % 2 ? 2000 : 1000000;
        world.config.durability = walk % 3 == 2 ? VEDETTE_SPOOL_RELAXED : VEDETTE_SPOOL_DURABLE;
        world.config.spill_delay_us = 500;
        world_open(&world);
        for (int step = 0; step < STEPS; step++) {
            int dice = g_test_rand_int_range(0, 100);
            (dice < 45   ? model_put
             : dice < 70 ? model_take
             : dice < 94 ? model_settle
             : dice < 97 ? model_recall
                         : model_reopen)(&world, &model);
        }
        model_reopen(&world, &model);
        g_autoptr(GPtrArray) texts = world_drain(&world);
        for (guint i = 0; i < texts->len; i++)
            g_assert_true(g_hash_table_remove(model.queued, g_ptr_array_index(texts, i)));
        g_assert_cmpuint(g_hash_table_size(model.queued), ==, 0);
        g_hash_table_unref(model.queued);
        g_ptr_array_unref(model.batches);
        world_clear(&world);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/spool/q23_random_walks_beside_a_model", test_q23_random_walks_beside_a_model);
    return g_test_run();
}
