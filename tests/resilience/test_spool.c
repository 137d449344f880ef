/* Cases Q: the spool's queue: bounds, order, turns, time to live, counts. */
#include "spool_world.h"

/* ---- Q1..Q5: what goes in comes out, and bounds hold ---- */

static void test_q01_round_trip_of_every_size(void)
{
    struct spool_world world;
    world_init(&world);
    world.config.max_record_bytes = 100000;
    world.config.max_memory_bytes = 0; /* everything comes from the disk */
    world_open(&world);
    static const size_t sizes[] = {1, 2, 100, 4095, 4096, 4097, 65536, 100000};
    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
        g_autofree char *payload = g_malloc(sizes[i]);
        for (size_t j = 0; j < sizes[i]; j++)
            payload[j] = (char)(j * 7 + i);
        const struct vedette_spool_record record = {.tenant = "shop", .payload = payload, .length = sizes[i]};
        g_assert_true(vedette_spool_enqueue(world.spool, &record, 1, NULL));
        struct vedette_spool_batch *batch = vedette_spool_dequeue(world.spool, 0, 0);
        g_assert_nonnull(batch);
        g_assert_cmpmem(batch->records[0].payload, batch->records[0].length, payload, sizes[i]);
        vedette_spool_acknowledge(world.spool, batch);
    }
    g_autofree char *large = g_strnfill(100001, 'x');
    struct vedette_spool_error error;
    const struct vedette_spool_record record = {.tenant = "shop", .payload = large, .length = 100001};
    g_assert_false(vedette_spool_enqueue(world.spool, &record, 1, &error));
    g_assert_cmpint(error.kind, ==, VEDETTE_SPOOL_INVALID);
    g_assert_nonnull(strstr(error.text, "max_record_bytes"));
    g_assert_cmpint(world_stats(&world).losses[VEDETTE_SPOOL_REJECTED_TOO_LARGE], ==, 1);
    g_assert_true(world_put(&world, "shop", 0, "still good"));
    g_autofree char *rest = world_drain_text(&world);
    g_assert_cmpstr(rest, ==, "still good");
    world_clear(&world);
}

static void test_q01_wrong_calls_are_refused(void)
{
    struct spool_world world;
    world_init(&world);
    world_open(&world);
    g_autofree char *long_name = g_strnfill(129, 'n');
    const struct vedette_spool_record records[] = {
        {.tenant = NULL, .payload = "x", .length = 1},
        {.tenant = "", .payload = "x", .length = 1},
        {.tenant = long_name, .payload = "x", .length = 1},
        {.tenant = "a", .priority = 10, .payload = "x", .length = 1},
        {.tenant = "a", .priority = -1, .payload = "x", .length = 1},
        {.tenant = "a", .payload = "x", .length = 0},
        {.tenant = "a", .payload = NULL, .length = 1},
    };
    struct vedette_spool_error error;
    for (size_t i = 0; i < G_N_ELEMENTS(records); i++) {
        g_assert_false(vedette_spool_enqueue(world.spool, &records[i], 1, &error));
        g_assert_cmpint(error.kind, ==, VEDETTE_SPOOL_INVALID);
    }
    g_assert_false(vedette_spool_enqueue(world.spool, records, 0, &error));
    g_assert_cmpint(world_stats(&world).total_queued, ==, 0);
    world_clear(&world);
}

static void test_q02_next_file_at_the_limit(void)
{
    struct spool_world world;
    world_init(&world);
    world.config.file_bytes = 20000;
    world_open(&world);
    g_autofree char *text = g_strnfill(3000, 'x');
    for (int i = 0; i < 12; i++) {
        g_assert_true(world_put(&world, "shop", 5, text));
        if (i == 6)
            world_reopen(&world); /* and straight after opening */
    }
    world_await_read(&world);
    g_assert_cmpint(world_stats(&world).files, >=, 4);
    world_reopen(&world);
    g_autoptr(GPtrArray) texts = world_drain(&world);
    g_assert_cmpuint(texts->len, ==, 12);
    for (guint i = 0; i < texts->len; i++)
        g_assert_cmpstr(g_ptr_array_index(texts, i), ==, text);
    world_close(&world);
    g_autoptr(GPtrArray) files = world_files(&world, ".spool");
    g_assert_cmpuint(files->len, ==, 0); /* drained files are gone */
    world_clear(&world);
}

static void test_q03_numbers_of_files_that_are_used_up(void)
{
    struct spool_world world;
    world_init(&world);
    world_open(&world);
    world_put_many(&world, 2);
    world_close(&world);
    g_autoptr(GPtrArray) files = world_files(&world, ".spool");
    g_autofree char *last = g_build_filename(world.directory, "7fffffffffffffff-2-2-18.spool", NULL);
    g_assert_cmpuint(files->len, ==, 1);
    g_assert_cmpint(g_rename(g_ptr_array_index(files, 0), last), ==, 0);
    world_open(&world);
    world_await_read(&world);
    struct vedette_spool_error error;
    const struct vedette_spool_record record = {.tenant = "shop", .payload = "x", .length = 1};
    g_assert_false(vedette_spool_enqueue(world.spool, &record, 1, &error));
    g_assert_nonnull(strstr(error.text, "used up"));
    world_clear(&world);
}

static gpointer enqueue_one(gpointer data)
{
    return GINT_TO_POINTER(world_put(data, "shop", 5, "late"));
}

static void test_q04_a_full_queue_blocks_until_there_is_room(void)
{
    struct spool_world world;
    world_init(&world);
    world.config.max_queue_size = 2;
    world.config.when_full = VEDETTE_SPOOL_BLOCK;
    world.config.block_us = WORLD_DEADLINE_US;
    world_open(&world);
    world_put_many(&world, 2);
    GThread *thread = g_thread_new("producer", enqueue_one, &world);
    struct vedette_spool_batch *batch = vedette_spool_dequeue(world.spool, 1, 0);
    g_usleep(20000);                                      /* time to go wrong in */
    g_assert_cmpint(world_stats(&world).enqueued, ==, 2); /* what is out still takes its place */
    vedette_spool_acknowledge(world.spool, batch);
    g_assert_true(GPOINTER_TO_INT(g_thread_join(thread)));
    g_autofree char *rest = world_drain_text(&world);
    g_assert_cmpstr(rest, ==, "record 1 late");
    world_clear(&world);
}

static void test_q04_a_full_queue_refuses_at_once(void)
{
    struct spool_world world;
    struct vedette_spool_error error;
    const struct vedette_spool_record record = {.tenant = "shop", .payload = "x", .length = 1};
    world_init(&world);
    world.config.max_queue_size = 3;
    world_open(&world);
    world_put_many(&world, 3);
    for (int i = 0; i < 2; i++) {
        g_assert_false(vedette_spool_enqueue(world.spool, &record, 1, &error));
        g_assert_cmpint(error.kind, ==, VEDETTE_SPOOL_FULL);
        g_assert_cmpint(world_stats(&world).losses[VEDETTE_SPOOL_REJECTED_FULL], ==, 1);
        world_reopen(&world); /* exactly full */
    }
    g_autoptr(GPtrArray) texts = world_drain(&world);
    g_assert_cmpuint(texts->len, ==, 3);
    g_assert_true(world_put(&world, "shop", 5, "x"));
    world_clear(&world);
}

static void test_q04_blocking_ends_at_its_deadline(void)
{
    struct spool_world world;
    world_init(&world);
    world.config.max_queue_size = 1;
    world.config.when_full = VEDETTE_SPOOL_BLOCK;
    world.config.block_us = 10000;
    world_open(&world);
    world_put_many(&world, 1);
    g_assert_false(world_put(&world, "shop", 5, "x"));
    world_clear(&world);
}

struct filler {
    struct spool_world *world;
    int taken;
};

static gpointer fill(gpointer data)
{
    struct filler *filler = data;
    char payload[100] = "x";
    const struct vedette_spool_record record = {.tenant = "shop", .payload = payload, .length = sizeof payload};
    for (int i = 0; i < 50; i++)
        filler->taken += vedette_spool_enqueue(filler->world->spool, &record, 1, NULL);
    return NULL;
}

static void test_q05_bounds_hold_among_many_producers(void)
{
    enum { THREADS = 8, FIT = 123 };
    struct spool_world world;
    world_init(&world);
    world.config.max_queue_bytes = FIT * 100 + 99;
    world_open(&world);
    for (int round = 0; round < 2; round++) { /* filled, drained, and filled again */
        struct filler fillers[THREADS];
        GThread *threads[THREADS];
        int taken = 0;
        for (int i = 0; i < THREADS; i++) {
            fillers[i] = (struct filler){&world, 0};
            threads[i] = g_thread_new("producer", fill, &fillers[i]);
        }
        for (int i = 0; i < THREADS; i++) {
            g_thread_join(threads[i]);
            taken += fillers[i].taken;
        }
        g_assert_cmpint(taken, ==, FIT);
        g_assert_cmpint(world_stats(&world).queued_bytes, ==, FIT * 100);
        g_autoptr(GPtrArray) texts = world_drain(&world);
        g_assert_cmpuint(texts->len, ==, FIT);
        g_assert_cmpint(world_stats(&world).queued_bytes, ==, 0);
    }
    world_clear(&world);
}

/* ---- Q18: time to live ---- */

static void test_q18_expires_while_running_at_exactly_its_age(void)
{
    struct spool_world world;
    world_init(&world);
    world.config.max_queue_seconds = 10;
    world_open(&world);
    g_assert_true(world_put(&world, "shop", 5, "short"));
    world_pass_us(&world, WORLD_SECOND_US);
    g_assert_true(world_put(&world, "shop", 5, "long"));
    world_pass_us(&world, 9 * WORLD_SECOND_US - 1);
    struct vedette_spool_batch *batch = vedette_spool_dequeue(world.spool, 1, 0);
    g_assert_cmpmem(batch->records[0].payload, batch->records[0].length, "short", 5);
    vedette_spool_return(world.spool, batch);
    world_pass_us(&world, 1);
    g_autofree char *rest = world_drain_text(&world);
    g_assert_cmpstr(rest, ==, "long");
    struct vedette_spool_stats stats = world_stats(&world);
    g_assert_cmpint(stats.losses[VEDETTE_SPOOL_EXPIRED], ==, 1);
    g_assert_cmpint(stats.losses[VEDETTE_SPOOL_DROPPED], ==, 0);
    world_clear(&world);
}

static void test_q18_clock_steps_change_nothing_while_running(void)
{
    static const int64_t steps_ms[] = {-86400000, 86400000};
    for (size_t i = 0; i < G_N_ELEMENTS(steps_ms); i++) {
        struct spool_world world;
        world_init(&world);
        world.config.max_queue_seconds = 10;
        world_open(&world);
        world_put_many(&world, 1);
        __atomic_add_fetch(&world.now_ms, steps_ms[i], __ATOMIC_RELAXED);
        world_pass_us(&world, 9 * WORLD_SECOND_US);
        struct vedette_spool_batch *batch = vedette_spool_dequeue(world.spool, 0, 0);
        g_assert_nonnull(batch);
        vedette_spool_return(world.spool, batch);
        world_pass_us(&world, WORLD_SECOND_US);
        g_assert_null(vedette_spool_dequeue(world.spool, 0, 0));
        world_clear(&world);
    }
}

static void test_q18_expires_while_stopped(void)
{
    static const struct {
        int64_t stopped_ms;
        guint left;
    } cases[] = {{9999, 1}, {10000, 0}, {-86400000, 1}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct spool_world world;
        world_init(&world);
        world.config.max_queue_seconds = 10;
        world_open(&world);
        world_put_many(&world, 1);
        world_close(&world);
        world.now_ms += cases[i].stopped_ms;
        world_open(&world);
        world_await_read(&world);
        if (cases[i].stopped_ms < 0) /* set back: it lives no longer than it was given at first */
            world_pass_us(&world, 10 * WORLD_SECOND_US);
        g_autoptr(GPtrArray) texts = world_drain(&world);
        g_assert_cmpuint(texts->len, ==, cases[i].stopped_ms < 0 ? 0 : cases[i].left);
        g_assert_cmpint(world_stats(&world).losses[VEDETTE_SPOOL_EXPIRED], ==, 1 - (int)texts->len);
        world_clear(&world);
    }
}

static void test_q18_what_expired_frees_its_files_without_being_asked_for(void)
{
    struct spool_world world;
    world_init(&world);
    world.config.max_queue_seconds = 10;
    world.config.file_bytes = 20000;
    world_open(&world);
    world_put_many(&world, 200);
    g_assert_cmpint(world_stats(&world).files, >, 1);
    world_pass_us(&world, 10 * WORLD_SECOND_US);
    int64_t until_us = g_get_monotonic_time() + WORLD_DEADLINE_US;
    while (world_stats(&world).files > 1) { /* the one that is written to stays */
        g_assert_cmpint(g_get_monotonic_time(), <, until_us);
        g_usleep(1000);
    }
    g_assert_cmpint(world_stats(&world).losses[VEDETTE_SPOOL_EXPIRED], ==, 200);
    world_clear(&world);
}

static void test_q18_own_time_to_live_and_none(void)
{
    struct spool_world world;
    world_init(&world);
    world.config.max_queue_seconds = 10;
    world_open(&world);
    const struct vedette_spool_record records[] = {
        {.tenant = "shop", .payload = "second", .length = 6, .ttl_us = WORLD_SECOND_US},
        {.tenant = "shop", .payload = "ever", .length = 4, .ttl_us = -1},
    };
    g_assert_true(vedette_spool_enqueue(world.spool, records, 2, NULL));
    world_pass_us(&world, WORLD_SECOND_US);
    g_assert_cmpint(world_stats(&world).total_queued, ==, 2);
    world_pass_us(&world, (int64_t)1000000 * WORLD_SECOND_US);
    g_autofree char *rest = world_drain_text(&world);
    g_assert_cmpstr(rest, ==, "ever");
    world_clear(&world);
}

static void test_q18_time_does_not_pass_while_it_is_held(void)
{
    struct spool_world world;
    world_init(&world);
    world.config.max_queue_seconds = 10;
    world_open(&world);
    world_put_many(&world, 1);
    world_pass_us(&world, 5 * WORLD_SECOND_US);
    vedette_spool_hold_expiry(world.spool, true);
    world_pass_us(&world, 3600 * (int64_t)WORLD_SECOND_US);
    vedette_spool_hold_expiry(world.spool, false);
    world_pass_us(&world, 4 * WORLD_SECOND_US);
    g_autoptr(GPtrArray) texts = world_drain(&world);
    g_assert_cmpuint(texts->len, ==, 1);
    world_clear(&world);
}

/* ---- Q19, Q20: priorities and tenants ---- */

static void test_q19_the_most_urgent_first_then_in_order(void)
{
    struct spool_world world;
    world_init(&world);
    world.config.oldest_every = 0;
    world_open(&world);
    static const struct {
        int priority;
        const char *text;
    } records[] = {{0, "e"}, {5, "c"}, {9, "a"}, {5, "d"}, {9, "b"}, {0, "f"}};
    for (size_t i = 0; i < G_N_ELEMENTS(records); i++)
        g_assert_true(world_put(&world, "shop", records[i].priority, records[i].text));
    world_reopen(&world); /* as well after a restart */
    g_autofree char *order = world_drain_text(&world);
    g_assert_cmpstr(order, ==, "a b c d e f");
    world_clear(&world);
}

static void test_q19_the_least_urgent_is_not_starved(void)
{
    struct spool_world world;
    world_init(&world);
    world_open(&world);
    g_assert_true(world_put(&world, "shop", 0, "low"));
    bool is_out = false;
    for (int i = 0; i < 2 * world.config.oldest_every && !is_out; i++) {
        g_assert_true(world_put(&world, "shop", 9, "high")); /* one comes for each that goes */
        struct vedette_spool_batch *batch = vedette_spool_dequeue(world.spool, 1, 0);
        is_out = batch->records[0].priority == 0;
        vedette_spool_acknowledge(world.spool, batch);
    }
    g_assert_true(is_out);
    world_clear(&world);
}

static void test_q19_what_is_shed_is_the_least_urgent_and_oldest(void)
{
    struct spool_world world;
    world_init(&world);
    world.config.max_queue_size = 4;
    world.config.when_full = VEDETTE_SPOOL_DROP_LOWEST;
    world.config.oldest_every = 0;
    world_open(&world);
    g_assert_true(world_put(&world, "shop", 1, "out"));
    struct vedette_spool_batch *batch = vedette_spool_dequeue(world.spool, 1, 0); /* is never shed */
    g_assert_true(world_put(&world, "shop", 3, "old"));
    g_assert_true(world_put(&world, "shop", 3, "young"));
    g_assert_true(world_put(&world, "shop", 7, "urgent"));
    g_assert_true(world_put(&world, "shop", 5, "new"));  /* sheds "old" */
    g_assert_true(world_put(&world, "shop", 3, "same")); /* sheds "young", its elder */
    g_assert_false(world_put(&world, "shop", 2, "less"));
    vedette_spool_return(world.spool, batch);
    g_autofree char *order = world_drain_text(&world);
    g_assert_cmpstr(order, ==, "urgent new same out");
    struct vedette_spool_stats stats = world_stats(&world);
    g_assert_cmpint(stats.losses[VEDETTE_SPOOL_DROPPED], ==, 2);
    g_assert_cmpint(stats.losses[VEDETTE_SPOOL_REJECTED_FULL], ==, 1);
    world_reopen(&world); /* what was shed stays away */
    g_autoptr(GPtrArray) texts = world_drain(&world);
    g_assert_cmpuint(texts->len, ==, 0);
    world_clear(&world);
}

static void test_q20_a_tenant_at_its_share_does_not_block_another(void)
{
    struct spool_world world;
    world_init(&world);
    world.config.max_queue_size = 10;
    world.config.tenant_share = 0.5;
    world_open(&world);
    int taken = 0;
    for (int i = 0; i < 8; i++)
        taken += world_put(&world, "loud", 9, "x");
    g_assert_cmpint(taken, ==, 5);
    for (int i = 0; i < 5; i++)
        g_assert_true(world_put(&world, "quiet", 0, "x"));
    g_assert_cmpint(world_stats(&world).losses[VEDETTE_SPOOL_REJECTED_SHARE], ==, 3);
    world_clear(&world);
}

static void note_tenant(void *data, const struct vedette_spool_tenant *tenant)
{
    g_string_append_printf(data, "%s:%" G_GINT64_FORMAT "/%" G_GINT64_FORMAT " ", tenant->name,
                           tenant->memory_queue_size + tenant->disk_queue_size,
                           tenant->losses[VEDETTE_SPOOL_REJECTED_SHARE]);
}

static void test_q20_tenants_are_counted_apart_in_a_bounded_table(void)
{
    struct spool_world world;
    world_init(&world);
    world.config.max_tenants = 2;
    world.config.max_queue_size = 4;
    world.config.tenant_share = 0.5;
    world_open(&world);
    for (int i = 0; i < 3; i++)
        world_put(&world, "a", 5, "x");
    g_assert_true(world_put(&world, "b", 5, "x"));
    g_assert_false(world_put(&world, "c", 5, "x")); /* no room for a third */
    g_autoptr(GPtrArray) texts = world_drain(&world);
    g_assert_cmpuint(texts->len, ==, 3);           /* of "a" two, its share */
    g_assert_true(world_put(&world, "c", 5, "x")); /* one that holds nothing is forgotten for it */
    g_autoptr(GString) text = g_string_new(NULL);
    vedette_spool_each_tenant(world.spool, note_tenant, text);
    g_assert_nonnull(strstr(text->str, "c:1/0"));
    g_assert_true(strstr(text->str, "a:0/1") || strstr(text->str, " :0/1")); /* the loss is still told */
    world_clear(&world);
}

static void test_q20_tenants_take_turns(void)
{
    struct spool_world world;
    world_init(&world);
    world.config.oldest_every = 0;
    world_open(&world);
    for (int i = 0; i < 3; i++)
        g_assert_true(world_put(&world, "loud", 5, "l"));
    g_assert_true(world_put(&world, "quiet", 5, "q"));
    g_autofree char *order = world_drain_text(&world);
    g_assert_cmpstr(order, ==, "l q l l");
    world_clear(&world);
}

/* ---- Q21..Q25 ---- */

static void test_q21_what_is_done_out_of_order_stays_done(void)
{
    struct spool_world world;
    world_init(&world);
    world.config.oldest_every = 0;
    world_open(&world);
    static const char *const texts[] = {"a", "b", "c", "d"};
    struct vedette_spool_batch *batches[4];
    for (int i = 0; i < 4; i++)
        g_assert_true(world_put(&world, "shop", 5, texts[i]));
    for (int i = 0; i < 4; i++)
        batches[i] = vedette_spool_dequeue(world.spool, 1, 0);
    vedette_spool_acknowledge(world.spool, batches[3]);
    vedette_spool_acknowledge(world.spool, batches[1]);
    vedette_spool_return(world.spool, batches[2]);
    world_reopen(&world); /* with batches[0] out */
    g_autofree char *rest = world_drain_text(&world);
    g_assert_cmpstr(rest, ==, "a c");
    world_clear(&world);
}

static void test_q21_a_batch_is_settled_in_part(void)
{
    struct spool_world world;
    world_init(&world);
    world_open(&world);
    world_put_many(&world, 3);
    static const bool is_done[] = {false, true, false};
    vedette_spool_settle(world.spool, vedette_spool_dequeue(world.spool, 0, 0), is_done);
    struct vedette_spool_batch *batch = vedette_spool_dequeue(world.spool, 0, 0);
    g_assert_cmpuint(batch->count, ==, 2);
    g_assert_cmpint(batch->records[0].attempts, ==, 1);
    g_assert_cmpmem(batch->records[0].payload, batch->records[0].length, "record 0", 8);
    vedette_spool_acknowledge(world.spool, batch);
    world_clear(&world);
}

static void test_not_draining_is_noticed(void)
{
    struct spool_world world;
    world_init(&world);
    world.config.stalled_us = 10 * WORLD_SECOND_US;
    world.config.max_queue_seconds = 0;
    world_open(&world);
    world_pass_us(&world, 100 * WORLD_SECOND_US);
    g_assert_false(world_stats(&world).is_stalled); /* there is nothing to drain */
    world_put_many(&world, 2);
    world_pass_us(&world, 9 * WORLD_SECOND_US);
    g_assert_false(world_stats(&world).is_stalled);
    world_pass_us(&world, WORLD_SECOND_US);
    g_assert_true(world_stats(&world).is_stalled);
    g_assert_cmpint(world_stats(&world).oldest_age_us, ==, 10 * WORLD_SECOND_US);
    vedette_spool_acknowledge(world.spool, vedette_spool_dequeue(world.spool, 1, 0));
    g_assert_false(world_stats(&world).is_stalled);
    world_clear(&world);
}

static void test_relaxed_records_are_there_at_once_and_spilled(void)
{
    struct spool_world world;
    world_init(&world);
    world.config.durability = VEDETTE_SPOOL_RELAXED;
    world.config.spill_delay_us = 1000;
    world_open(&world);
    world_put_many(&world, 5);
    int64_t until_us = g_get_monotonic_time() + WORLD_DEADLINE_US;
    while (world_stats(&world).commits == 0) {
        g_assert_cmpint(g_get_monotonic_time(), <, until_us);
        g_usleep(1000);
    }
    world_reopen(&world);
    g_autoptr(GPtrArray) texts = world_drain(&world);
    g_assert_cmpuint(texts->len, ==, 5);
    world_clear(&world);
}

static void test_relaxed_records_fetched_in_time_never_touch_the_disk(void)
{
    struct spool_world world;
    world_init(&world);
    world.config.durability = VEDETTE_SPOOL_RELAXED;
    world.config.spill_delay_us = 60 * WORLD_SECOND_US;
    world_open(&world);
    world_put_many(&world, 5);
    g_autoptr(GPtrArray) texts = world_drain(&world);
    g_assert_cmpuint(texts->len, ==, 5);
    world_put_many(&world, 1);
    g_assert_cmpint(world_stats(&world).commits, ==, 0);
    world_reopen(&world); /* closing writes what is left */
    g_autoptr(GPtrArray) rest = world_drain(&world);
    g_assert_cmpuint(rest->len, ==, 1);
    world_clear(&world);
}

static void test_memory_holds_the_oldest_and_the_disk_the_rest(void)
{
    struct spool_world world;
    world_init(&world);
    world.config.max_memory_bytes = 50;
    world_open(&world);
    world_put_many(&world, 10);
    struct vedette_spool_stats stats = world_stats(&world);
    g_assert_cmpint(stats.total_queued, ==, 10);
    g_assert_cmpint(stats.memory_queue_size, ==, 6); /* of 8 bytes each */
    g_assert_cmpint(stats.disk_queue_size, ==, 4);
    g_autoptr(GPtrArray) texts = world_drain(&world);
    for (guint i = 0; i < 10; i++) {
        g_autofree char *text = g_strdup_printf("record %u", i);
        g_assert_cmpstr(g_ptr_array_index(texts, i), ==, text);
    }
    world_clear(&world);
}

struct completion {
    int good, bad; /* atomic */
};

static void note_completion(void *data, const struct vedette_spool_error *error)
{
    struct completion *completion = data;
    __atomic_add_fetch(error ? &completion->bad : &completion->good, 1, __ATOMIC_RELAXED);
}

static void test_submit_tells_when_the_records_are_there_to_stay(void)
{
    struct spool_world world;
    struct completion completion = {0};
    world_init(&world);
    world.config.max_queue_size = 3;
    world.config.when_full = VEDETTE_SPOOL_BLOCK; /* submit does not */
    world_open(&world);
    const struct vedette_spool_record records[] = {{.tenant = "a", .payload = "1", .length = 1},
                                                   {.tenant = "b", .payload = "2", .length = 1}};
    g_assert_true(vedette_spool_submit(world.spool, records, 2, note_completion, &completion, NULL));
    g_assert_false(vedette_spool_submit(world.spool, records, 2, note_completion, &completion, NULL)); /* all or none */
    int64_t until_us = g_get_monotonic_time() + WORLD_DEADLINE_US;
    while (__atomic_load_n(&completion.good, __ATOMIC_RELAXED) < 1) {
        g_assert_cmpint(g_get_monotonic_time(), <, until_us);
        g_usleep(200);
    }
    g_assert_cmpint(completion.bad, ==, 0);
    g_autofree char *rest = world_drain_text(&world);
    g_assert_cmpstr(rest, ==, "1 2");
    world_clear(&world);
}

static gpointer wake_soon(gpointer data)
{
    g_usleep(5000);
    vedette_spool_wake(data);
    return NULL;
}

static void test_a_waiting_consumer_is_woken(void)
{
    struct spool_world world;
    world_init(&world);
    world_open(&world);
    GThread *thread = g_thread_new("waker", wake_soon, world.spool);
    g_assert_null(vedette_spool_dequeue(world.spool, 0, WORLD_DEADLINE_US));
    g_thread_join(thread);
    thread = g_thread_new("producer", enqueue_one, &world);
    struct vedette_spool_batch *batch = vedette_spool_dequeue(world.spool, 0, WORLD_DEADLINE_US);
    g_assert_nonnull(batch);
    vedette_spool_acknowledge(world.spool, batch);
    g_thread_join(thread);
    world_clear(&world);
}

static void test_q25_counts_are_those_of_a_full_scan(void)
{
    struct spool_world world;
    world_init(&world);
    world.config.file_bytes = 20000;
    world.config.max_queue_size = 1000;
    world_open(&world);
    for (int round = 0; round < 4; round++) {
        world_put_many(&world, 150);
        for (int i = 0; i < 7; i++)
            vedette_spool_acknowledge(world.spool, vedette_spool_dequeue(world.spool, 0, 0));
        struct vedette_spool_stats before = world_stats(&world);
        world_reopen(&world);
        struct vedette_spool_stats named = world_stats(&world);
        world_await_read(&world);
        struct vedette_spool_stats after = world_stats(&world);
        g_assert_cmpint(named.total_queued, >=, after.total_queued); /* names say at least so many */
        g_assert_cmpint(after.total_queued, ==, before.total_queued);
        g_assert_cmpint(after.queued_bytes, ==, before.queued_bytes);
    }
    gint64 queued = world_stats(&world).total_queued;
    g_autoptr(GPtrArray) texts = world_drain(&world);
    g_assert_cmpint(texts->len, ==, queued);
    g_assert_cmpint(world_stats(&world).total_queued + world_stats(&world).queued_bytes, ==, 0);
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/spool/q01_round_trip_of_every_size", test_q01_round_trip_of_every_size);
    g_test_add_func("/spool/q01_wrong_calls_are_refused", test_q01_wrong_calls_are_refused);
    g_test_add_func("/spool/q02_next_file_at_the_limit", test_q02_next_file_at_the_limit);
    g_test_add_func("/spool/q03_numbers_of_files_that_are_used_up", test_q03_numbers_of_files_that_are_used_up);
    g_test_add_func("/spool/q04_a_full_queue_blocks_until_there_is_room",
                    test_q04_a_full_queue_blocks_until_there_is_room);
    g_test_add_func("/spool/q04_a_full_queue_refuses_at_once", test_q04_a_full_queue_refuses_at_once);
    g_test_add_func("/spool/q04_blocking_ends_at_its_deadline", test_q04_blocking_ends_at_its_deadline);
    g_test_add_func("/spool/q05_bounds_hold_among_many_producers", test_q05_bounds_hold_among_many_producers);
    g_test_add_func("/spool/q18_expires_while_running_at_exactly_its_age",
                    test_q18_expires_while_running_at_exactly_its_age);
    g_test_add_func("/spool/q18_clock_steps_change_nothing_while_running",
                    test_q18_clock_steps_change_nothing_while_running);
    g_test_add_func("/spool/q18_expires_while_stopped", test_q18_expires_while_stopped);
    g_test_add_func("/spool/q18_what_expired_frees_its_files_without_being_asked_for",
                    test_q18_what_expired_frees_its_files_without_being_asked_for);
    g_test_add_func("/spool/q18_own_time_to_live_and_none", test_q18_own_time_to_live_and_none);
    g_test_add_func("/spool/q18_time_does_not_pass_while_it_is_held", test_q18_time_does_not_pass_while_it_is_held);
    g_test_add_func("/spool/q19_the_most_urgent_first_then_in_order", test_q19_the_most_urgent_first_then_in_order);
    g_test_add_func("/spool/q19_the_least_urgent_is_not_starved", test_q19_the_least_urgent_is_not_starved);
    g_test_add_func("/spool/q19_what_is_shed_is_the_least_urgent_and_oldest",
                    test_q19_what_is_shed_is_the_least_urgent_and_oldest);
    g_test_add_func("/spool/q20_a_tenant_at_its_share_does_not_block_another",
                    test_q20_a_tenant_at_its_share_does_not_block_another);
    g_test_add_func("/spool/q20_tenants_are_counted_apart_in_a_bounded_table",
                    test_q20_tenants_are_counted_apart_in_a_bounded_table);
    g_test_add_func("/spool/q20_tenants_take_turns", test_q20_tenants_take_turns);
    g_test_add_func("/spool/q21_what_is_done_out_of_order_stays_done", test_q21_what_is_done_out_of_order_stays_done);
    g_test_add_func("/spool/q21_a_batch_is_settled_in_part", test_q21_a_batch_is_settled_in_part);
    g_test_add_func("/spool/not_draining_is_noticed", test_not_draining_is_noticed);
    g_test_add_func("/spool/relaxed_records_are_there_at_once_and_spilled",
                    test_relaxed_records_are_there_at_once_and_spilled);
    g_test_add_func("/spool/relaxed_records_fetched_in_time_never_touch_the_disk",
                    test_relaxed_records_fetched_in_time_never_touch_the_disk);
    g_test_add_func("/spool/memory_holds_the_oldest_and_the_disk_the_rest",
                    test_memory_holds_the_oldest_and_the_disk_the_rest);
    g_test_add_func("/spool/submit_tells_when_the_records_are_there_to_stay",
                    test_submit_tells_when_the_records_are_there_to_stay);
    g_test_add_func("/spool/a_waiting_consumer_is_woken", test_a_waiting_consumer_is_woken);
    g_test_add_func("/spool/q25_counts_are_those_of_a_full_scan", test_q25_counts_are_those_of_a_full_scan);
    return g_test_run();
}
