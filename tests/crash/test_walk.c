/* Case Q23: random walks beside a model of what must be there, with crashes. A child puts in, takes out, settles and
 * reopens until it is killed, at any moment, or with it the machine loses its power; the model lies in memory that
 * outlives it. What is found then is held against it, and the next child walks on from there. */
#include "spool_world.h"

#include "resilience/spool_internal.h"
#include "shim_vfs.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>

enum {
    CRASHES = 200,   /* of all walks; VEDETTE_CRASH_KILLS says otherwise */
    LIFE_STEPS = 80, /* of a child, at most, and some more */
    LAST_US = 2000,  /* for which it walks on at the end, at most */
    ITEMS_MAX = 50000,
    QUEUE_MAX = 60,
    LENGTH_MAX = 400,
    PRIORITIES = VEDETTE_SPOOL_PRIORITIES
};

enum state {
    UNUSED,
    TRIED, /* it is being put in: a crash may leave it or not */
    IN,    /* relaxed: it is there, and a crash may lose it */
    KEPT,  /* it must be there */
    DONE,  /* it is settled, as a crash may forget */
    GONE   /* it must not be there */
};

struct item {
    enum state state;
    int priority, length;
};

/* Shared by parent and children. */
struct model {
    int count;
    struct item items[ITEMS_MAX];
};

struct walk {
    struct spool_world world;
    struct model *model;
    char *kept; /* what was synced, where power is cut; else NULL */
    GRand *random;
    GPtrArray *batches; /* of struct vedette_spool_batch *, out */
};

static char *text_of(const struct model *model, int number)
{
    return g_strdup_printf("%d %0*d", number, model->items[number].length, 0);
}

static int count_there(const struct model *model)
{
    int count = 0;
    for (int i = 0; i < model->count; i++)
        count += model->items[i].state == IN || model->items[i].state == KEPT;
    return count;
}

/* ---- steps: each says first what a crash in it may leave ---- */

static void step_put(struct walk *walk)
{
    struct model *model = walk->model;
    if (model->count == ITEMS_MAX)
        return;
    struct item *item = &model->items[model->count];
    *item = (struct item){TRIED, g_rand_int_range(walk->random, 0, PRIORITIES),
                          g_rand_int_range(walk->random, 1, LENGTH_MAX)};
    g_autofree char *text = text_of(model, model->count++);
    bool is_durable = walk->world.config.durability == VEDETTE_SPOOL_DURABLE, is_full = count_there(model) >= QUEUE_MAX;
    g_assert_cmpint(world_put(&walk->world, "shop", item->priority, text), ==, !is_full);
    item->state = is_full ? GONE : is_durable ? KEPT : IN;
}

/* Which it is. It is as it was put in. */
static struct item *find_item(const struct walk *walk, const struct vedette_spool_record *record)
{
    g_autofree char *text = g_strndup(record->payload, record->length);
    int number = (int)g_ascii_strtoll(text, NULL, 10);
    g_assert_cmpint(number, <, walk->model->count);
    g_autofree char *expected = text_of(walk->model, number);
    g_assert_cmpstr(text, ==, expected);
    g_assert_cmpint(record->priority, ==, walk->model->items[number].priority);
    return &walk->model->items[number];
}

static void step_take(struct walk *walk)
{
    struct vedette_spool_batch *batch =
        vedette_spool_dequeue(walk->world.spool, (size_t)g_rand_int_range(walk->random, 1, 6), 0);
    if (batch)
        g_ptr_array_add(walk->batches, batch);
    for (size_t i = 0; batch && i < batch->count; i++) {
        const struct item *item = find_item(walk, &batch->records[i]);
        g_assert_true(item->state == IN || item->state == KEPT);
    }
}

static void step_settle(struct walk *walk)
{
    if (!walk->batches->len)
        return;
    guint which = (guint)g_rand_int_range(walk->random, 0, (gint32)walk->batches->len);
    struct vedette_spool_batch *batch = g_ptr_array_steal_index_fast(walk->batches, which);
    g_autofree enum vedette_spool_fate *fates = g_new(enum vedette_spool_fate, batch->count);
    for (size_t i = 0; i < batch->count; i++) {
        int dice = g_rand_int_range(walk->random, 0, 6);
        fates[i] = dice == 0 ? VEDETTE_SPOOL_RETURNED : dice == 1 ? VEDETTE_SPOOL_DEFERRED : VEDETTE_SPOOL_DONE;
        if (fates[i] == VEDETTE_SPOOL_DONE)
            find_item(walk, &batch->records[i])->state = DONE;
    }
    vedette_spool_settle_each(walk->world.spool, batch, fates);
}

static void step_recall(struct walk *walk)
{
    vedette_spool_recall(walk->world.spool);
}

static void assert_counted(struct walk *walk)
{
    world_await_read(&walk->world);
    g_assert_cmpint(world_stats(&walk->world).total_queued, ==, count_there(walk->model));
}

static void step_reopen(struct walk *walk)
{
    g_ptr_array_set_size(walk->batches, 0); /* closing frees them, and they come again */
    world_close(&walk->world);
    for (int i = 0; i < walk->model->count; i++) {
        struct item *item = &walk->model->items[i];
        item->state = item->state == IN ? KEPT : item->state == DONE ? GONE : item->state;
    }
    world_open(&walk->world);
    assert_counted(walk);
}

/* ---- after a crash ---- */

/* What is there is what must be, and what may be; from now on it must. */
static void look_what_is_left(struct walk *walk)
{
    struct model *model = walk->model;
    g_autofree bool *is_found = g_new0(bool, ITEMS_MAX);
    g_autoptr(GPtrArray) batches = g_ptr_array_new();
    world_await_read(&walk->world);
    for (struct vedette_spool_batch *batch; (batch = vedette_spool_dequeue(walk->world.spool, QUEUE_MAX, 0));) {
        g_ptr_array_add(batches, batch);
        for (size_t i = 0; i < batch->count; i++) {
            const struct item *item = find_item(walk, &batch->records[i]);
            g_assert_cmpint(item->state, !=, GONE);
            g_assert_false(is_found[item - model->items]); /* once */
            is_found[item - model->items] = true;
        }
    }
    for (int i = 0; i < model->count; i++) {
        g_assert_true(is_found[i] || model->items[i].state != KEPT);
        model->items[i].state = is_found[i] ? KEPT : GONE;
    }
    assert_counted(walk);
    for (guint i = 0; i < batches->len; i++)
        vedette_spool_return(walk->world.spool, g_ptr_array_index(batches, i));
}

/* ---- the child ---- */

static gpointer kill_later(gpointer us)
{
    g_usleep((gulong)GPOINTER_TO_INT(us));
    kill(getpid(), SIGKILL);
    return NULL;
}

static void run_child(struct walk *walk)
{
    shim_keep_synced(walk->kept);
    world_open(&walk->world);
    look_what_is_left(walk);
    int last = g_rand_int_range(walk->random, 0, LIFE_STEPS);
    for (int step = 0;; step++) {
        int dice = g_rand_int_range(walk->random, 0, 100);
        if (step == last)
            g_thread_new("killer", kill_later, GINT_TO_POINTER(g_rand_int_range(walk->random, 0, LAST_US)));
        (dice < 45   ? step_put
         : dice < 70 ? step_take
         : dice < 94 ? step_settle
         : dice < 97 ? step_recall
                     : step_reopen)(walk);
    }
}

/* ---- the parent ---- */

static void sync_path(const char *path)
{
    int fd = open(path, O_RDONLY);
    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(fsync(fd), ==, 0);
    close(fd);
}

/* What is there is on the disk, all of it. */
static void keep_what_is_there(const struct walk *walk)
{
    world_remove(walk->kept);
    g_mkdir(walk->kept, 0700);
    shim_keep_synced(walk->kept);
    g_autoptr(GPtrArray) files = world_files(&walk->world, "");
    for (guint i = 0; i < files->len; i++)
        sync_path(g_ptr_array_index(files, i));
    sync_path(walk->world.directory);
    shim_keep_synced(NULL);
}

static void walk_until_killed(struct walk *walk)
{
    int status;
    g_rand_set_seed(walk->random, (guint32)g_test_rand_int());
    if (walk->kept)
        keep_what_is_there(walk);
    pid_t child = fork();
    if (child == 0)
        run_child(walk);
    waitpid(child, &status, 0);
    g_assert_true(WIFSIGNALED(status));
    g_assert_cmpint(WTERMSIG(status), ==, SIGKILL);
    if (walk->kept)
        shim_cut_power(walk->world.directory, walk->kept, g_test_rand_bit() ? 50 : 0);
}

static void walk_init(struct walk *walk, enum vedette_spool_durability durability, bool is_power_cut)
{
    *walk = (struct walk){.random = g_rand_new(), .batches = g_ptr_array_new()};
    walk->model = mmap(NULL, sizeof *walk->model, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    g_assert_true(walk->model != MAP_FAILED);
    world_init(&walk->world);
    walk->world.config.durability = durability;
    walk->world.config.max_queue_size = QUEUE_MAX;
    walk->world.config.max_queue_seconds = 0;
    walk->world.config.file_bytes = 40000;
    walk->world.config.max_memory_bytes = 2000;
    walk->world.config.spill_delay_us = 500;
    walk->world.config.acknowledge_delay_us = 500;
    if (is_power_cut) {
        shim_register();
        walk->world.config.vfs = SHIM_VFS;
        walk->kept = g_build_filename(walk->world.parent, "kept", NULL);
    }
    world_open(&walk->world);
    world_close(&walk->world);
}

static void walk_clear(struct walk *walk)
{
    g_test_message("%d put in", walk->model->count);
    world_clear(&walk->world);
    munmap(walk->model, sizeof *walk->model);
    g_ptr_array_unref(walk->batches);
    g_rand_free(walk->random);
    g_free(walk->kept);
}

static void walk_with_crashes(enum vedette_spool_durability durability, bool is_power_cut)
{
    enum { WALKS = 4 };
    const char *wanted = g_getenv("VEDETTE_CRASH_KILLS");
    int crashes = (wanted ? (int)g_ascii_strtoll(wanted, NULL, 10) : CRASHES) / WALKS;
    struct walk walk;
    walk_init(&walk, durability, is_power_cut);
    for (int i = 0; i < crashes; i++)
        walk_until_killed(&walk);
    world_open(&walk.world);
    look_what_is_left(&walk);
    g_autoptr(GPtrArray) texts = world_drain(&walk.world);
    g_assert_cmpint((int)texts->len, ==, count_there(walk.model));
    walk_clear(&walk);
}

static void test_q23_durable_walks_with_crashes(void)
{
    walk_with_crashes(VEDETTE_SPOOL_DURABLE, false);
}

static void test_q23_durable_walks_with_power_cuts(void)
{
    walk_with_crashes(VEDETTE_SPOOL_DURABLE, true);
}

static void test_q23_relaxed_walks_with_crashes(void)
{
    walk_with_crashes(VEDETTE_SPOOL_RELAXED, false);
}

static void test_q23_relaxed_walks_with_power_cuts(void)
{
    walk_with_crashes(VEDETTE_SPOOL_RELAXED, true);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    spool_seal_delay_us = 1000; /* within a child's life */
    g_test_add_func("/walk/q23_durable_walks_with_crashes", test_q23_durable_walks_with_crashes);
    g_test_add_func("/walk/q23_durable_walks_with_power_cuts", test_q23_durable_walks_with_power_cuts);
    g_test_add_func("/walk/q23_relaxed_walks_with_crashes", test_q23_relaxed_walks_with_crashes);
    g_test_add_func("/walk/q23_relaxed_walks_with_power_cuts", test_q23_relaxed_walks_with_power_cuts);
    return g_test_run();
}
