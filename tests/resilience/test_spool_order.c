/* Cases Q18..Q20: time to live, priorities, and tenants beside each other. */
#include "spool_world.h"

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

/* The store is away for hours, and the server is started anew meanwhile, or killed, time and again: what waited has as
 * long as before. */
static void check_held_over_restarts(bool is_killed)
{
    enum { STARTS = 2 };
    struct spool_world worlds[STARTS + 1], *world = &worlds[0];
    world_init(world);
    world->config.max_queue_seconds = 10;
    world_open(world);
    world_put_many(world, 1);
    world_pass_us(world, 5 * WORLD_SECOND_US);
    vedette_spool_hold_expiry(world->spool, true);
    world_put_many(world, 1);
    for (int start = 0; start < STARTS; start++) {
        world_pass_us(world, 3600 * (int64_t)WORLD_SECOND_US);
        if (is_killed) {
            world_init_crashed(world + 1, world);
            world_clear(world++);
        } else {
            world_close(world);
        }
        world_pass_us(world, 3600 * (int64_t)WORLD_SECOND_US);
        world_open(world);
        world_await_read(world);
        vedette_spool_hold_expiry(world->spool, true);
    }
    world_pass_us(world, 3600 * (int64_t)WORLD_SECOND_US);
    vedette_spool_hold_expiry(world->spool, false);
    world_pass_us(world, 5 * WORLD_SECOND_US - 1000);
    g_assert_cmpint(world_stats(world).total_queued, ==, 2);
    world_pass_us(world, 1000);
    struct vedette_spool_batch *batch = vedette_spool_dequeue(world->spool, 0, 0);
    g_assert_cmpuint(batch->count, ==, 1); /* what came under the hold has all of its time left */
    vedette_spool_return(world->spool, batch);
    g_assert_cmpint(world_stats(world).losses[VEDETTE_SPOOL_EXPIRED], ==, 1);
    world_clear(world);
}

static void test_q18_what_is_held_stays_so_over_a_restart(void)
{
    check_held_over_restarts(false);
}

static void test_q18_what_is_held_stays_so_over_a_crash(void)
{
    check_held_over_restarts(true);
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

static bool put_several(struct spool_world *world, int priority, size_t count)
{
    g_autofree struct vedette_spool_record *records = g_new0(struct vedette_spool_record, count);
    for (size_t i = 0; i < count; i++)
        records[i] = (struct vedette_spool_record){.tenant = "shop", .priority = priority, .payload = "x", .length = 1};
    return vedette_spool_enqueue(world->spool, records, count, NULL);
}

/* Whether what is in the way is more urgent, or given out, or the tenant's share: what is less urgent stays. */
static void test_q19_nothing_is_shed_for_a_put_that_is_refused_all_the_same(void)
{
    struct spool_world world;
    world_init(&world);
    world.config.max_queue_size = 6;
    world.config.when_full = VEDETTE_SPOOL_DROP_LOWEST;
    world.config.oldest_every = 0;
    world_open(&world);
    g_assert_true(world_put(&world, "shop", 9, "out"));
    struct vedette_spool_batch *batch = vedette_spool_dequeue(world.spool, 1, 0);
    static const struct {
        int priority;
        const char *text;
    } records[] = {{1, "a"}, {3, "c"}, {1, "b"}, {3, "d"}, {8, "urgent"}};
    for (size_t i = 0; i < G_N_ELEMENTS(records); i++)
        g_assert_true(world_put(&world, "shop", records[i].priority, records[i].text));
    for (int tries = 0; tries < 3; tries++) {
        g_assert_false(put_several(&world, 5, 5)); /* four could go */
        g_assert_false(put_several(&world, 9, 6)); /* the one that is out cannot */
    }
    g_assert_cmpint(world_stats(&world).losses[VEDETTE_SPOOL_DROPPED], ==, 0);
    g_assert_cmpint(world_stats(&world).total_queued, ==, 6);
    g_assert_true(put_several(&world, 5, 3)); /* a, b and c go */
    g_assert_cmpint(world_stats(&world).losses[VEDETTE_SPOOL_DROPPED], ==, 3);
    vedette_spool_acknowledge(world.spool, batch);
    g_autofree char *order = world_drain_text(&world);
    g_assert_cmpstr(order, ==, "urgent x x x d");
    world_clear(&world);
}

static void test_q19_nothing_is_shed_for_the_disk(void)
{
    struct spool_world world;
    world_init(&world);
    world.config.when_full = VEDETTE_SPOOL_DROP_LOWEST;
    world.config.max_queue_size = 100000;
    world.config.max_disk_bytes = 200000;
    world.config.file_bytes = 20000;
    world_open(&world);
    g_autofree char *text = g_strnfill(1000, 'x');
    int taken = 0;
    while (world_put(&world, "shop", 1, text))
        taken++;
    g_assert_cmpint(taken, >, 10);
    struct vedette_spool_error error;
    g_autofree char *large = g_strnfill(200000, 'x');
    const struct vedette_spool_record record = {.tenant = "shop", .priority = 9, .payload = large, .length = 200000};
    g_assert_false(vedette_spool_enqueue(world.spool, &record, 1, &error));
    g_assert_cmpint(error.kind, ==, VEDETTE_SPOOL_FULL);
    g_assert_nonnull(strstr(error.text, "max_disk_bytes"));
    g_autofree char *never = g_strnfill(200001, 'x');
    const struct vedette_spool_record hopeless = {.tenant = "shop", .payload = never, .length = 200001};
    g_assert_false(vedette_spool_enqueue(world.spool, &hopeless, 1, &error));
    g_assert_cmpint(error.kind, ==, VEDETTE_SPOOL_INVALID); /* not even into an empty one */
    g_assert_cmpint(world_stats(&world).losses[VEDETTE_SPOOL_DROPPED], ==, 0);
    g_assert_cmpint(world_stats(&world).total_queued, ==, taken);
    g_autoptr(GPtrArray) texts = world_drain(&world);
    g_assert_cmpint((int)texts->len, ==, taken);
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

/* It would never fit otherwise, and hold up all that its caller has to put in. */
static void test_q20_a_call_larger_than_the_share_waits_for_its_tenants_others_alone(void)
{
    struct spool_world world;
    struct vedette_spool_error error;
    world_init(&world);
    world.config.max_queue_size = 10;
    world.config.tenant_share = 0.5;
    world_open(&world);
    const struct vedette_spool_record record = {.tenant = "loud", .priority = 5, .payload = "x", .length = 1};
    struct vedette_spool_record records[7];
    for (size_t i = 0; i < G_N_ELEMENTS(records); i++)
        records[i] = record;
    g_assert_true(world_put(&world, "loud", 5, "first"));
    g_assert_false(vedette_spool_offer(world.spool, records, G_N_ELEMENTS(records), NULL, NULL, &error));
    g_assert_cmpint(error.kind, ==, VEDETTE_SPOOL_FULL);
    g_autofree char *first = world_drain_text(&world);
    g_assert_cmpstr(first, ==, "first");
    g_assert_true(vedette_spool_enqueue(world.spool, records, G_N_ELEMENTS(records), &error));
    g_assert_false(world_put(&world, "loud", 5, "x"));
    g_assert_true(world_put(&world, "quiet", 5, "x"));
    world_clear(&world);
}

static void test_q20_the_share_may_change_while_it_runs(void)
{
    struct spool_world world;
    world_init(&world);
    world.config.max_queue_size = 10;
    world_open(&world);
    for (int i = 0; i < 5; i++)
        g_assert_true(world_put(&world, "loud", 9, "x"));
    vedette_spool_set_tenant_share(world.spool, 0.5);
    g_assert_false(world_put(&world, "loud", 9, "x"));
    g_assert_true(world_put(&world, "quiet", 0, "x"));
    vedette_spool_set_tenant_share(world.spool, 1);
    g_assert_true(world_put(&world, "loud", 9, "x"));
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
    g_assert_cmpint(world_stats(&world).tenants, ==, 2);
    g_assert_cmpint(world_stats(&world).tenants_forgotten, ==, 1);
    g_assert_true(strstr(text->str, "a:0/1") || strstr(text->str, " :0/1")); /* the loss is still told */
    world_clear(&world);
}

static bool put_of(struct spool_world *world, const char *const *tenants, size_t count,
                   struct vedette_spool_error *error)
{
    g_autofree struct vedette_spool_record *records = g_new0(struct vedette_spool_record, count);
    for (size_t i = 0; i < count; i++)
        records[i] =
            (struct vedette_spool_record){.tenant = tenants[i], .priority = 9, .payload = tenants[i], .length = 1};
    return vedette_spool_enqueue(world->spool, records, count, error);
}

/* Nothing is shed for one more tenant where all places are taken; what is shed for the queue's bound may leave one. */
static void test_q19_nothing_is_shed_for_a_tenant_that_has_no_place(void)
{
    struct spool_world world;
    struct vedette_spool_error error;
    world_init(&world);
    world.config.max_tenants = 2;
    world.config.max_queue_size = 4;
    world.config.when_full = VEDETTE_SPOOL_DROP_LOWEST;
    world_open(&world);
    for (int i = 0; i < 4; i++)
        g_assert_true(world_put(&world, i < 2 ? "a" : "b", 1, i < 2 ? "a" : "b"));
    for (int tries = 0; tries < 3; tries++) {
        g_assert_false(put_of(&world, (const char *const[]){"c"}, 1, &error));
        g_assert_cmpint(error.kind, ==, VEDETTE_SPOOL_FULL);
    }
    g_assert_cmpint(world_stats(&world).losses[VEDETTE_SPOOL_DROPPED], ==, 0);
    g_assert_cmpint(world_stats(&world).total_queued, ==, 4);
    g_assert_true(put_of(&world, (const char *const[]){"c", "c"}, 2, &error)); /* both of "a" have to go anyway */
    g_assert_cmpint(world_stats(&world).losses[VEDETTE_SPOOL_DROPPED], ==, 2);
    g_assert_cmpint(world_stats(&world).tenants, ==, 2);
    g_autofree char *order = world_drain_text(&world);
    g_assert_cmpstr(order, ==, "c c b b");
    world_clear(&world);
}

/* The places of a call's tenants are looked at together: one does not take another's, nor more than there are. */
static void test_q20_the_tenants_of_one_call_find_their_places_together(void)
{
    struct spool_world world;
    world_init(&world);
    world.config.max_tenants = 2;
    world_open(&world);
    g_assert_true(world_put(&world, "a", 1, "a"));
    g_assert_false(put_of(&world, (const char *const[]){"b", "c"}, 2, NULL));
    g_assert_cmpint(world_stats(&world).total_queued, ==, 1);
    g_assert_true(put_of(&world, (const char *const[]){"b", "a", "b"}, 3, NULL));
    g_assert_cmpint(world_stats(&world).tenants, ==, 2);
    g_autoptr(GPtrArray) texts = world_drain(&world);
    g_assert_cmpuint(texts->len, ==, 4);
    g_assert_true(put_of(&world, (const char *const[]){"c", "d", "c"}, 3, NULL)); /* both places are free again */
    g_assert_cmpint(world_stats(&world).tenants, ==, 2);
    world_clear(&world);
}

struct rejections {
    const char *tenant;
    int64_t losses[VEDETTE_SPOOL_LOSSES];
};

static void note_rejections(void *data, const struct vedette_spool_tenant *tenant)
{
    struct rejections *rejections = data;
    if (strcmp(tenant->name, rejections->tenant) == 0)
        memcpy(rejections->losses, tenant->losses, sizeof rejections->losses);
}

/* What a tenant never got in is told as its own, and the whole of the call. */
static void test_q20_what_is_refused_counts_as_its_tenants(void)
{
    struct spool_world world;
    world_init(&world);
    world.config.max_queue_size = 4;
    world.config.max_record_bytes = 10;
    world_open(&world);
    for (int i = 0; i < 4; i++)
        g_assert_true(world_put(&world, "shop", 5, "x"));
    const struct vedette_spool_record records[] = {
        {.tenant = "new", .payload = "x", .length = 1}, {.tenant = "new", .payload = "longer than ten", .length = 15},
        {.tenant = "new", .payload = "x", .length = 1}, {.tenant = "new", .payload = "x", .length = 1},
        {.tenant = "new", .payload = "x", .length = 1},
    };
    g_assert_false(vedette_spool_enqueue(world.spool, records, 1, NULL));     /* full */
    g_assert_false(vedette_spool_enqueue(world.spool, records, 3, NULL));     /* one is too large: none is taken */
    g_assert_false(vedette_spool_enqueue(world.spool, records + 2, 3, NULL)); /* full */
    const struct vedette_spool_record many[5] = {records[0], records[0], records[0], records[0], records[0]};
    g_assert_false(vedette_spool_enqueue(world.spool, many, 5, NULL)); /* more than there ever is room for */
    struct rejections rejections = {.tenant = "new"};
    vedette_spool_each_tenant(world.spool, note_rejections, &rejections);
    g_assert_cmpint(rejections.losses[VEDETTE_SPOOL_REJECTED_FULL], ==, 1 + 3);
    g_assert_cmpint(rejections.losses[VEDETTE_SPOOL_REJECTED_TOO_LARGE], ==, 3 + 5);
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

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/spool/q18_expires_while_running_at_exactly_its_age",
                    test_q18_expires_while_running_at_exactly_its_age);
    g_test_add_func("/spool/q18_clock_steps_change_nothing_while_running",
                    test_q18_clock_steps_change_nothing_while_running);
    g_test_add_func("/spool/q18_expires_while_stopped", test_q18_expires_while_stopped);
    g_test_add_func("/spool/q18_what_expired_frees_its_files_without_being_asked_for",
                    test_q18_what_expired_frees_its_files_without_being_asked_for);
    g_test_add_func("/spool/q18_own_time_to_live_and_none", test_q18_own_time_to_live_and_none);
    g_test_add_func("/spool/q18_what_is_held_stays_so_over_a_restart", test_q18_what_is_held_stays_so_over_a_restart);
    g_test_add_func("/spool/q18_what_is_held_stays_so_over_a_crash", test_q18_what_is_held_stays_so_over_a_crash);
    g_test_add_func("/spool/q18_time_does_not_pass_while_it_is_held", test_q18_time_does_not_pass_while_it_is_held);
    g_test_add_func("/spool/q19_the_most_urgent_first_then_in_order", test_q19_the_most_urgent_first_then_in_order);
    g_test_add_func("/spool/q19_the_least_urgent_is_not_starved", test_q19_the_least_urgent_is_not_starved);
    g_test_add_func("/spool/q19_what_is_shed_is_the_least_urgent_and_oldest",
                    test_q19_what_is_shed_is_the_least_urgent_and_oldest);
    g_test_add_func("/spool/q19_nothing_is_shed_for_a_put_that_is_refused_all_the_same",
                    test_q19_nothing_is_shed_for_a_put_that_is_refused_all_the_same);
    g_test_add_func("/spool/q19_nothing_is_shed_for_the_disk", test_q19_nothing_is_shed_for_the_disk);
    g_test_add_func("/spool/q19_nothing_is_shed_for_a_tenant_that_has_no_place",
                    test_q19_nothing_is_shed_for_a_tenant_that_has_no_place);
    g_test_add_func("/spool/q20_the_tenants_of_one_call_find_their_places_together",
                    test_q20_the_tenants_of_one_call_find_their_places_together);
    g_test_add_func("/spool/q20_what_is_refused_counts_as_its_tenants", test_q20_what_is_refused_counts_as_its_tenants);
    g_test_add_func("/spool/q20_a_tenant_at_its_share_does_not_block_another",
                    test_q20_a_tenant_at_its_share_does_not_block_another);
    g_test_add_func("/spool/q20_a_call_larger_than_the_share_waits_for_its_tenants_others_alone",
                    test_q20_a_call_larger_than_the_share_waits_for_its_tenants_others_alone);
    g_test_add_func("/spool/q20_the_share_may_change_while_it_runs", test_q20_the_share_may_change_while_it_runs);
    g_test_add_func("/spool/q20_tenants_are_counted_apart_in_a_bounded_table",
                    test_q20_tenants_are_counted_apart_in_a_bounded_table);
    g_test_add_func("/spool/q20_tenants_take_turns", test_q20_tenants_take_turns);
    return g_test_run();
}
