/* Cases Q1..Q5, Q21, Q25: what goes into the spool comes out, bounds hold, counts are right. */
#include "spool_world.h"

#include <malloc.h>
#include <pthread.h>

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
    world.config.file_bytes = 28000; /* three records a file */
    world_open(&world);
    for (int i = 0; i < 12; i++) {
        g_autofree char *text = g_strdup_printf("record %d %03000d", i, i);
        g_assert_true(world_put(&world, "shop", 5, text));
        if (i == 6)
            world_reopen(&world); /* and straight after opening */
    }
    world_await_read(&world);
    g_assert_cmpint(world_stats(&world).files, ==, 5); /* of 3, 3, 1, 3 and 2 */
    world_reopen(&world);
    g_autoptr(GPtrArray) texts = world_drain(&world);
    g_assert_cmpuint(texts->len, ==, 12);
    for (guint i = 0; i < texts->len; i++) { /* each once, and in its order */
        g_autofree char *text = g_strdup_printf("record %u %03000u", i, i);
        g_assert_cmpstr(g_ptr_array_index(texts, i), ==, text);
    }
    world_close(&world);
    g_autoptr(GPtrArray) files = world_files(&world, ".spool");
    g_assert_cmpuint(files->len, ==, 0); /* drained files are gone */
    world_clear(&world);
}

/* The last two numbers are used like any other; then nothing more is taken, and all that was comes out. */
static void test_q03_numbers_of_files_that_are_used_up(void)
{
    struct spool_world world;
    world_init(&world);
    world.config.file_bytes = 4096; /* a file for each record */
    world_open(&world);
    g_assert_true(world_put(&world, "shop", 5, "not readable under another number"));
    world_close(&world);
    g_autoptr(GPtrArray) files = world_files(&world, ".spool");
    g_autofree char *late = g_build_filename(world.directory, "7ffffffffffffffd-1-1-33.spool", NULL);
    g_assert_cmpuint(files->len, ==, 1);
    g_assert_cmpint(g_rename(g_ptr_array_index(files, 0), late), ==, 0);
    world_open(&world);
    world_put_many(&world, 2);
    struct vedette_spool_error error;
    const struct vedette_spool_record record = {.tenant = "shop", .payload = "x", .length = 1};
    for (int i = 0; i < 2; i++, world_reopen(&world)) {
        g_assert_false(vedette_spool_enqueue(world.spool, &record, 1, &error));
        g_assert_nonnull(strstr(error.text, "used up"));
    }
    g_autofree char *text = world_drain_text(&world);
    g_assert_cmpstr(text, ==, "record 0 record 1");
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

static void ignore_answer(void *data, const struct vedette_spool_error *error)
{
    (void)data;
    (void)error;
}

/* Whoever keeps what is refused and tries again has lost nothing yet. */
static void test_q04_a_refused_offer_is_no_loss(void)
{
    struct spool_world world;
    struct vedette_spool_error error;
    const struct vedette_spool_record records[2] = {{.tenant = "shop", .payload = "x", .length = 1},
                                                    {.tenant = "shop", .payload = "y", .length = 1}};
    world_init(&world);
    world.config.max_queue_size = 3;
    world_open(&world);
    world_put_many(&world, 3);
    for (int tries = 0; tries < 5; tries++) {
        g_assert_false(vedette_spool_offer(world.spool, records, 2, ignore_answer, NULL, &error));
        g_assert_cmpint(error.kind, ==, VEDETTE_SPOOL_FULL);
    }
    g_assert_cmpint(world_stats(&world).losses[VEDETTE_SPOOL_REJECTED_FULL], ==, 0);
    g_assert_cmpint(world_stats(&world).refused, ==, 10);
    g_assert_false(vedette_spool_submit(world.spool, records, 2, ignore_answer, NULL, &error));
    g_assert_cmpint(world_stats(&world).losses[VEDETTE_SPOOL_REJECTED_FULL], ==, 2);
    g_assert_cmpint(world_stats(&world).refused, ==, 12);
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

/* Whoever is slow to hear the answers gets no more of them than there may be records: what comes meanwhile is refused.
 */
static struct gate {
    pthread_mutex_t lock; /* ThreadSanitizer does not see GLib's */
    pthread_cond_t opened;
    bool is_open;
    int answered;
} gate = {.lock = PTHREAD_MUTEX_INITIALIZER, .opened = PTHREAD_COND_INITIALIZER};

static void wait_at_the_gate(void *data, const struct vedette_spool_error *error)
{
    (void)data;
    g_assert_null(error);
    pthread_mutex_lock(&gate.lock);
    while (!gate.is_open)
        pthread_cond_wait(&gate.opened, &gate.lock);
    gate.answered++;
    pthread_mutex_unlock(&gate.lock);
}

static void test_q05_answers_that_nobody_hears_are_bounded(void)
{
    enum { MOST = 20, TRIES = 2000 };
    struct spool_world world;
    int taken = 0;
    world_init(&world);
    world.config.max_queue_size = MOST;
    world_open(&world);
    const struct vedette_spool_record record = {.tenant = "shop", .payload = "x", .length = 1};
    for (int i = 0; i < TRIES; i++) {
        taken += vedette_spool_submit(world.spool, &record, 1, wait_at_the_gate, NULL, NULL);
        struct vedette_spool_batch *batch = vedette_spool_dequeue(world.spool, 0, i % 10 ? 0 : 1000);
        if (batch)
            vedette_spool_acknowledge(world.spool, batch);
    }
    g_assert_cmpint(taken, >=, MOST);
    g_assert_cmpint(taken, <=, 3 * MOST); /* written and not answered, of one commit more, and waiting for theirs */
    pthread_mutex_lock(&gate.lock);
    gate.is_open = true;
    pthread_cond_broadcast(&gate.opened);
    pthread_mutex_unlock(&gate.lock);
    world_close(&world);
    g_assert_cmpint(gate.answered, ==, taken);
    world_clear(&world);
}

/* What is written and has no room in memory is freed, however long the answers wait. */
static void test_q05_answers_that_nobody_hears_hold_no_payloads(void)
{
    enum { RECORDS = 48, RECORD_BYTES = 1 << 20, MOST_BYTES = 16 << 20 };
    struct spool_world world;
    world_init(&world);
    world.config.max_memory_bytes = 0;
    world_open(&world);
    gate.is_open = false;
    gate.answered = 0;
    g_autofree char *payload = g_strnfill(RECORD_BYTES, 'x');
    const struct vedette_spool_record record = {.tenant = "shop", .payload = payload, .length = RECORD_BYTES};
    size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
    for (int i = 0; i < RECORDS; i++)
        g_assert_true(vedette_spool_submit(world.spool, &record, 1, wait_at_the_gate, NULL, NULL));
    int64_t until_us = g_get_monotonic_time() + WORLD_DEADLINE_US;
    while (world_stats(&world).disk_queue_size < RECORDS || world_stats(&world).memory_bytes > MOST_BYTES) {
        g_assert_cmpint(g_get_monotonic_time(), <, until_us);
        g_usleep(1000);
    }
    size_t after = mallinfo2().uordblks + mallinfo2().hblkhd; /* with a sanitizer's allocator, 0 */
    g_assert_cmpint((gint64)after - (gint64)before, <=, MOST_BYTES);
    pthread_mutex_lock(&gate.lock);
    gate.is_open = true;
    pthread_cond_broadcast(&gate.opened);
    pthread_mutex_unlock(&gate.lock);
    world_close(&world);
    g_assert_cmpint(gate.answered, ==, RECORDS);
    world_clear(&world);
}

struct waker {
    struct vedette_spool *spool;
    int is_over; /* atomic */
};

/* Who does not wait yet is not woken: again and again. */
static gpointer wake(gpointer data)
{
    struct waker *waker = data;
    while (!__atomic_load_n(&waker->is_over, __ATOMIC_RELAXED)) {
        vedette_spool_wake(waker->spool);
        g_usleep(200);
    }
    return NULL;
}

static void test_a_waiting_consumer_is_woken(void)
{
    struct spool_world world;
    world_init(&world);
    world_open(&world);
    struct waker waker = {.spool = world.spool};
    GThread *thread = g_thread_new("waker", wake, &waker);
    g_assert_null(vedette_spool_dequeue(world.spool, 0, INT64_C(2) * WORLD_DEADLINE_US));
    __atomic_store_n(&waker.is_over, 1, __ATOMIC_RELAXED);
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

static void test_losses_have_names(void)
{
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
    for (int loss = 0; loss < VEDETTE_SPOOL_LOSSES; loss++)
        g_assert_true(
            g_hash_table_add(names, (char *)(uintptr_t)vedette_spool_loss_name((enum vedette_spool_loss)loss)));
    g_assert_false(g_hash_table_contains(names, "unknown"));
    g_assert_cmpstr(vedette_spool_loss_name(VEDETTE_SPOOL_REJECTED_DISK), ==, "rejected_disk");
    g_assert_cmpstr(vedette_spool_loss_name(VEDETTE_SPOOL_LOSSES), ==, "unknown");
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
    g_test_add_func("/spool/q04_a_refused_offer_is_no_loss", test_q04_a_refused_offer_is_no_loss);
    g_test_add_func("/spool/q04_blocking_ends_at_its_deadline", test_q04_blocking_ends_at_its_deadline);
    g_test_add_func("/spool/q05_bounds_hold_among_many_producers", test_q05_bounds_hold_among_many_producers);
    g_test_add_func("/spool/q05_answers_that_nobody_hears_are_bounded", test_q05_answers_that_nobody_hears_are_bounded);
    g_test_add_func("/spool/q05_answers_that_nobody_hears_hold_no_payloads",
                    test_q05_answers_that_nobody_hears_hold_no_payloads);
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
    g_test_add_func("/spool/losses_have_names", test_losses_have_names);
    g_test_add_func("/spool/q25_counts_are_those_of_a_full_scan", test_q25_counts_are_those_of_a_full_scan);
    return g_test_run();
}
