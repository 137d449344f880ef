/* What is made up for, hours of it, does not starve what comes now (case G12). */
#include "store/store_internal.h"
#include "upkeep_world.h"

enum { HOURS = 400 };

struct backfill {
    struct store_world world;
    pthread_t thread;
    int is_over; /* atomic */
};

/* Hours long gone that are to be counted anew, as after a long time without roll-ups. */
static void backfill_begin(struct backfill *backfill)
{
    g_autoptr(GString) sql = g_string_new("INSERT INTO rollup_marks (org_id, level, site_id, bucket, marks) VALUES ");
    *backfill = (struct backfill){.is_over = 0};
    begin(&backfill->world, "UTC", world_start_ms);
    for (int i = 1; i <= HOURS; i++) {
        g_autofree char *time = sql_of_time(&backfill->world, world_start_ms - i * (int64_t)HOUR);
        g_string_append_printf(sql, "%s('default', 'hour', '', %s, 1)", i > 1 ? ", " : "", time);
    }
    meddle(&backfill->world, sql->str);
}

static void *roll_up_all(void *data)
{
    struct backfill *backfill = data;
    roll_up(&backfill->world, ROLLUP_HOUR);
    __atomic_store_n(&backfill->is_over, 1, __ATOMIC_RELEASE);
    return NULL;
}

/* Live batches, one after another, get their turns among the transactions of the backfill: not only when it is over. */
static void test_g12_backfill_does_not_starve_live_ingest(void)
{
    struct backfill backfill;
    backfill_begin(&backfill);
    int live = 0;
    g_assert_cmpint(pthread_create(&backfill.thread, NULL, roll_up_all, &backfill), ==, 0);
    while (!__atomic_load_n(&backfill.is_over, __ATOMIC_ACQUIRE)) {
        cross(&backfill.world, "in", world_start_ms + live);
        live++;
    }
    pthread_join(backfill.thread, NULL);
    g_test_message("%d live batches beside %d hours made up for", live, HOURS);
    g_assert_cmpint(live, >=, HOURS / 40);
    g_autofree char *time = sql_of_time(&backfill.world, world_start_ms);
    g_autofree char *left =
        g_strdup_printf("SELECT count(*) FROM rollup_marks WHERE level = 'hour' AND bucket < %s", time);
    g_assert_cmpint(ask_number(&backfill.world, left), ==, 0);
    world_clear(&backfill.world);
}

/* Whoever comes again as soon as it is done does not get in before those who wait. */
struct writer {
    struct store_world *world;
    GString *order;
    char name;
    enum store_access access;
};

static void *write_once(void *data)
{
    const struct writer *writer = data;
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(writer->world->store, writer->access, "default", NULL);
    g_assert_nonnull(transaction);
    g_string_append_c(writer->order, writer->name); /* one at a time has the turn */
    return NULL;
}

static void test_g12_writers_take_turns(void)
{
    if (world_is_postgres()) {
        g_test_skip("PostgreSQL's writers do not wait for each other");
        return;
    }
    struct store_world world;
    g_autoptr(GString) order = g_string_new(NULL);
    world_init(&world);
    struct writer writers[] = {
        {&world, order, 'a', STORE_JOB}, {&world, order, 'b', STORE_WRITE}, {&world, order, 'c', STORE_JOB}};
    pthread_t threads[G_N_ELEMENTS(writers)];
    struct store_transaction *held = store_begin(world.store, STORE_JOB, "default", NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(writers); i++) {
        g_assert_cmpint(pthread_create(&threads[i], NULL, write_once, &writers[i]), ==, 0);
        WORLD_WAIT_UNTIL(counter_get(&world.health.store_writers_waiting) == (int64_t)i + 1);
    }
    struct writer again = {&world, order, 'z', STORE_JOB};
    store_rollback(held);
    write_once(&again);
    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
        pthread_join(threads[i], NULL);
    g_assert_cmpstr(order->str, ==, "abcz");
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    if (world_is_missing())
        return 0;
    g_test_add_func("/backfill/g12_backfill_does_not_starve_live_ingest",
                    test_g12_backfill_does_not_starve_live_ingest);
    g_test_add_func("/backfill/g12_writers_take_turns", test_g12_writers_take_turns);
    return g_test_run();
}
