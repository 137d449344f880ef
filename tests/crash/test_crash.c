/* Cases Q12..Q14: the process dies, or the machine does, and nothing that was acknowledged is lost. A child puts in and
 * takes out and tells its parent of each step; the parent kills it, looks into what is left, and holds it against what
 * it was told. */
#include "spool_world.h"

#include "base/fault.h"
#include "resilience/spool_internal.h"
#include "shim_vfs.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

enum {
    KILLS = 200,     /* VEDETTE_CRASH_KILLS says otherwise */
    POWER_CUTS = 80, /* as many of these as of ten kills */
    PRODUCERS = 3,
    PUT_AT_ONCE = 4,
    CHANCE_MAX = 100,
    BACKLOG = 120,
};

struct oracle {
    char *parent, *directory, *kept;
    GHashTable *owed; /* ids that were acknowledged and not taken out */
    GHashTable *seen; /* ids that were ever tried */
    const char *vfs;
    int64_t acknowledged, delivered;
};

/* ---- the child ---- */

struct child {
    struct vedette_spool *spool;
    int pipe;        /* to the parent */
    int round, next; /* next: atomic */
};

/* One line, whole or not at all: it is shorter than PIPE_BUF. */
static void tell_parent(const struct child *child, char what, const char *text)
{
    g_autofree char *line = g_strdup_printf("%c%s\n", what, text);
    if (write(child->pipe, line, strlen(line)) < 0)
        _exit(3);
}

/* "ID:xxxx…": how many x, the id says. */
static char *payload_of(const char *id)
{
    guint hash = g_str_hash(id);
    g_autofree char *filler = g_strnfill(hash % 1500, (char)('a' + hash % 26));
    return g_strconcat(id, ":", filler, NULL);
}

static gpointer produce(gpointer data)
{
    struct child *child = data;
    for (;;) {
        char *ids[PUT_AT_ONCE], *payloads[PUT_AT_ONCE];
        struct vedette_spool_record records[PUT_AT_ONCE];
        for (int i = 0; i < PUT_AT_ONCE; i++) {
            int number = __atomic_add_fetch(&child->next, 1, __ATOMIC_RELAXED);
            ids[i] = g_strdup_printf("%d-%d", child->round, number);
            payloads[i] = payload_of(ids[i]);
            records[i] = (struct vedette_spool_record){.tenant = number % 3 ? "shop" : "gate",
                                                       .priority = number % 10,
                                                       .payload = payloads[i],
                                                       .length = strlen(payloads[i])};
            tell_parent(child, '?', ids[i]);
        }
        bool is_in = vedette_spool_enqueue(child->spool, records, PUT_AT_ONCE, NULL);
        for (int i = 0; i < PUT_AT_ONCE; i++) {
            if (is_in)
                tell_parent(child, '+', ids[i]);
            g_free(ids[i]);
            g_free(payloads[i]);
        }
    }
    return NULL;
}

/* Leaves a backlog, so that files are sealed with something in them, and drained later. */
static gpointer consume(gpointer data)
{
    struct child *child = data;
    for (int number = 0;; number++) {
        struct vedette_spool_stats stats;
        vedette_spool_get_stats(child->spool, &stats);
        if (stats.total_queued < BACKLOG) {
            g_usleep(200);
            continue;
        }
        struct vedette_spool_batch *batch = vedette_spool_dequeue(child->spool, 7, 1000000);
        if (!batch)
            continue;
        if (number % 5 == 4) {
            vedette_spool_return(child->spool, batch);
            continue;
        }
        for (size_t i = 0; i < batch->count; i++) {
            const char *payload = batch->records[i].payload;
            g_autofree char *id = g_strndup(payload, strcspn(payload, ":"));
            tell_parent(child, '-', id);
        }
        vedette_spool_acknowledge(child->spool, batch);
    }
    return NULL;
}

static void set_config(const struct oracle *oracle, struct vedette_spool_config *config)
{
    vedette_spool_config_init(config);
    config->max_queue_size = 5000;
    config->when_full = VEDETTE_SPOOL_REJECT;
    config->file_bytes = 40000;
    config->max_memory_bytes = 20000;
    config->acknowledge_delay_us = 2000;
    config->reserve_bytes = 4096;
    config->vfs = oracle->vfs;
}

static void run_child(const struct oracle *oracle, int round, int pipe, const char *plan)
{
    struct child child = {.pipe = pipe, .round = round};
    struct vedette_spool_config config;
    struct vedette_spool_error error;
    GThread *threads[PRODUCERS + 1];
    set_config(oracle, &config);
    shim_keep_synced(oracle->kept);
#ifdef VEDETTE_FAULTS_ENABLED
    if (plan && g_str_has_prefix(plan, "crash.spool.log-kept"))
        spool_fill_step_bytes = 0; /* else logs stand ready mostly, and few are kept */
    fault_plan(plan);
#else
    (void)plan;
#endif
    child.spool = vedette_spool_open(oracle->directory, &config, &error);
    if (!child.spool) {
        fprintf(stderr, "# %s\n", error.text);
        _exit(2);
    }
    for (int i = 0; i < PRODUCERS; i++)
        threads[i] = g_thread_new("producer", produce, &child);
    threads[PRODUCERS] = g_thread_new("consumer", consume, &child);
    for (int i = 0; i <= PRODUCERS; i++)
        g_thread_join(threads[i]); /* never */
    _exit(4);
}

/* ---- the parent ---- */

static void hear(struct oracle *oracle, const char *line)
{
    char *id = g_strndup(line + 1, strcspn(line + 1, "\n"));
    if (line[0] == '-')
        g_hash_table_remove(oracle->owed, id);
    else
        g_hash_table_add(oracle->seen, g_strdup(id));
    if (line[0] == '+') {
        oracle->acknowledged++;
        g_hash_table_add(oracle->owed, id);
        return;
    }
    g_free(id);
}

/* True when the child died of a crash, its own or ours after `lines` lines; 0: only of its own, but not for ever. */
static bool run_and_kill(struct oracle *oracle, int round, int lines, const char *plan)
{
    enum { LINES_MAX = 60000 };
    int ends[2];
    g_assert_cmpint(pipe(ends), ==, 0);
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        run_child(oracle, round, ends[1], plan);
    }
    close(ends[1]);
    FILE *stream = fdopen(ends[0], "r");
    char line[64];
    bool is_killed = false;
    /* A '-' may be read before its '+': both are heard in the end, so what was taken out is told last. */
    g_autoptr(GPtrArray) taken = g_ptr_array_new_with_free_func(g_free);
    for (int count = 0; fgets(line, sizeof line, stream); count++) {
        if (line[0] == '-')
            g_ptr_array_add(taken, g_strdup(line));
        else
            hear(oracle, line);
        if (!is_killed && count >= (lines ? lines : LINES_MAX)) {
            kill(child, SIGKILL);
            is_killed = true;
        }
    }
    for (guint i = 0; i < taken->len; i++)
        hear(oracle, g_ptr_array_index(taken, i));
    fclose(stream);
    int status;
    waitpid(child, &status, 0);
    g_assert_true(WIFSIGNALED(status));
    g_assert_cmpint(WTERMSIG(status), ==, SIGKILL);
    return lines || !is_killed;
}

static void check_record(struct oracle *oracle, const struct vedette_spool_record *record)
{
    g_autofree char *text = g_strndup(record->payload, record->length), *id = g_strndup(text, strcspn(text, ":"));
    g_autofree char *expected = payload_of(id);
    g_assert_cmpstr(text, ==, expected); /* never a wrong payload */
    g_assert_true(g_hash_table_contains(oracle->seen, id));
    g_hash_table_remove(oracle->owed, id);
    oracle->delivered++;
}

/* Q25: what the spool says after a crash that it holds is what is then found in it. */
static void take_out_and_compare(struct oracle *oracle, struct vedette_spool *spool)
{
    struct vedette_spool_stats stats;
    do {
        g_usleep(200);
        vedette_spool_get_stats(spool, &stats);
    } while (stats.files_unread);
    int64_t records = 0, bytes = 0;
    for (struct vedette_spool_batch *batch; (batch = vedette_spool_dequeue(spool, 500, 1000));) {
        for (size_t i = 0; i < batch->count; i++) {
            check_record(oracle, &batch->records[i]);
            bytes += (int64_t)batch->records[i].length;
        }
        records += (int64_t)batch->count;
        vedette_spool_acknowledge(spool, batch);
    }
    g_assert_cmpint(records, ==, stats.total_queued);
    g_assert_cmpint(bytes, ==, stats.queued_bytes);
    vedette_spool_get_stats(spool, &stats);
    g_assert_cmpint(stats.total_queued, ==, 0);
    g_assert_cmpint(stats.queued_bytes, ==, 0);
}

/* Takes out everything and returns how much of what is owed is missing. A fresh record must pass. */
static guint count_lost(struct oracle *oracle)
{
    struct vedette_spool_config config;
    struct vedette_spool_error error = {0};
    struct vedette_spool_stats stats;
    set_config(oracle, &config);
    config.vfs = NULL;
    struct vedette_spool *spool = vedette_spool_open(oracle->directory, &config, &error);
    g_assert_cmpstr(error.text, ==, "");
    vedette_spool_get_stats(spool, &stats);
    g_assert_cmpint(stats.missing_files, ==, 0); /* a crash removes no file */
    take_out_and_compare(oracle, spool);
    const struct vedette_spool_record fresh = {.tenant = "shop", .payload = "fresh", .length = 5};
    g_assert_true(vedette_spool_enqueue(spool, &fresh, 1, NULL));
    struct vedette_spool_batch *batch = vedette_spool_dequeue(spool, 1, 1000000);
    g_assert_cmpmem(batch->records[0].payload, batch->records[0].length, "fresh", 5);
    vedette_spool_acknowledge(spool, batch);
    vedette_spool_close(spool);
    guint lost = g_hash_table_size(oracle->owed);
    g_hash_table_remove_all(oracle->owed);
    g_hash_table_remove_all(oracle->seen);
    return lost;
}

static void oracle_init(struct oracle *oracle)
{
    *oracle = (struct oracle){.parent = world_make_directory()};
    oracle->directory = g_build_filename(oracle->parent, "spool", NULL);
    oracle->kept = g_build_filename(oracle->parent, "kept", NULL);
    g_mkdir(oracle->kept, 0700);
    oracle->owed = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    oracle->seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
}

static void oracle_clear(struct oracle *oracle)
{
    g_test_message("%lld acknowledged, %lld found after crashes", (long long)oracle->acknowledged,
                   (long long)oracle->delivered);
    g_hash_table_unref(oracle->owed);
    g_hash_table_unref(oracle->seen);
    world_remove(oracle->parent);
    g_free(oracle->parent);
    g_free(oracle->directory);
    g_free(oracle->kept);
}

static int kills_wanted(void)
{
    const char *text = g_getenv("VEDETTE_CRASH_KILLS");
    return text ? (int)g_ascii_strtoll(text, NULL, 10) : KILLS;
}

static void test_q12_killed_at_every_named_point_twice_in_a_row(void)
{
#ifdef VEDETTE_FAULTS_ENABLED
    static const char *const points[] = {
        "crash.spool.file-made",     "crash.spool.file-created", "crash.spool.before-commit",
        "crash.spool.committed",     "crash.spool.done-saved",   "crash.spool.before-seal",
        "crash.spool.seal-written",  "crash.spool.renamed",      "crash.spool.sealed",
        "crash.spool.before-remove", "crash.spool.removed",      "crash.spool.ledger-written",
        "crash.spool.ledger-saved",  "crash.spool.log-kept",     "crash.spool.log-used",
        "crash.spool.log-filled",
    };
    struct oracle oracle;
    oracle_init(&oracle);
    int round = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(points); i++)
        for (int visit = 1; visit <= 3; visit++) {
            g_autofree char *plan = g_strdup_printf("%s=%d", points[i], visit);
            g_test_message("%s", plan);
            bool is_reached = run_and_kill(&oracle, round++, 0, plan);
            is_reached &= run_and_kill(&oracle, round++, 0, plan);
            g_assert_true(is_reached);
            g_assert_cmpuint(count_lost(&oracle), ==, 0);
        }
    oracle_clear(&oracle);
#else
    g_test_skip("this build has no fault points (-Dfaults=true)");
#endif
}

static void test_q13_killed_at_any_time(void)
{
    struct oracle oracle;
    oracle_init(&oracle);
    for (int i = 0, kills = kills_wanted(); i < kills; i++) {
        run_and_kill(&oracle, i, 1 + g_test_rand_int_range(0, 1500), NULL);
        if (i % 3 || i + 1 == kills) /* now and then twice in a row */
            g_assert_cmpuint(count_lost(&oracle), ==, 0);
    }
    oracle_clear(&oracle);
}

/* Returns how many acknowledged records the cuts cost. */
static guint cut_power_often(int cuts, int chance)
{
    struct oracle oracle;
    guint lost = 0;
    oracle_init(&oracle);
    shim_register();
    oracle.vfs = SHIM_VFS;
    for (int i = 0; i < cuts; i++) {
        run_and_kill(&oracle, i, 1 + g_test_rand_int_range(0, 800), NULL);
        shim_cut_power(oracle.directory, oracle.kept, chance);
        lost += count_lost(&oracle);
        world_remove(oracle.kept); /* inodes are used again */
        g_mkdir(oracle.kept, 0700);
    }
    oracle_clear(&oracle);
    return lost;
}

static void test_q14_a_power_cut_takes_what_was_not_synced(void)
{
    g_assert_cmpuint(cut_power_often(POWER_CUTS / 2, 0), ==, 0);
    g_assert_cmpuint(cut_power_often(POWER_CUTS / 2, CHANCE_MAX / 2), ==, 0);
}

/* The test of the test: a spool that does not sync must be caught. */
static void test_q14_a_spool_that_does_not_sync_is_caught(void)
{
    spool_synchronous = "OFF";
    guint lost = cut_power_often(5, 0);
    spool_synchronous = "FULL";
    g_assert_cmpuint(lost, >, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    spool_ahead_bytes = 0; /* files as small as these are made ahead, and their logs used again, too */
    g_test_add_func("/crash/q12_killed_at_every_named_point_twice_in_a_row",
                    test_q12_killed_at_every_named_point_twice_in_a_row);
    g_test_add_func("/crash/q13_killed_at_any_time", test_q13_killed_at_any_time);
    g_test_add_func("/crash/q14_a_power_cut_takes_what_was_not_synced", test_q14_a_power_cut_takes_what_was_not_synced);
    g_test_add_func("/crash/q14_a_spool_that_does_not_sync_is_caught", test_q14_a_spool_that_does_not_sync_is_caught);
    return g_test_run();
}
