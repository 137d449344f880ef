/* Cases Q15..Q17: disks that are full, failing or not ours. */
#include "spool_world.h"

#include "base/fault.h"
#include "shim_vfs.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/wait.h>

enum {
    LIFE_RECORDS = 24,
    LIFE_TURN = 8,
    LIFE_TAKEN = 3,
    LIFE_LEFT = LIFE_RECORDS - LIFE_RECORDS / LIFE_TURN * LIFE_TAKEN
};

/* A life of the spool: some put in, after each turn some taken out, closed. What could be put in and is not settled is
 * owed. */
static void live_once(struct spool_world *world, GHashTable *owed)
{
    world->spool = vedette_spool_open(world->directory, &world->config, NULL);
    if (!world->spool)
        return;
    for (int i = 0; i < LIFE_RECORDS; i++) {
        g_autofree char *text = g_strdup_printf("record %d %0600d", i, i);
        if (world_put(world, "shop", 5, text))
            g_hash_table_add(owed, g_steal_pointer(&text));
        if (i % LIFE_TURN == LIFE_TURN - 1) {
            struct vedette_spool_batch *batch = vedette_spool_dequeue(world->spool, LIFE_TAKEN, 0);
            for (size_t j = 0; batch && j < batch->count; j++) {
                g_autofree char *taken = g_strndup(batch->records[j].payload, batch->records[j].length);
                g_hash_table_remove(owed, taken);
            }
            if (batch)
                vedette_spool_acknowledge(world->spool, batch);
        }
    }
    world_close(world);
}

/* Everything that is owed comes out of a healthy disk; what was refused may. */
static void collect(struct spool_world *world, GHashTable *owed)
{
    world_open(world);
    g_autoptr(GPtrArray) texts = world_drain(world);
    for (guint i = 0; i < texts->len; i++) {
        g_assert_true(g_str_has_prefix(g_ptr_array_index(texts, i), "record "));
        g_hash_table_remove(owed, g_ptr_array_index(texts, i));
    }
    g_assert_cmpuint(g_hash_table_size(owed), ==, 0);
    g_assert_true(world_put(world, "shop", 5, "fresh"));
    g_autofree char *fresh = world_drain_text(world);
    g_assert_cmpstr(fresh, ==, "fresh");
}

static void init_small(struct spool_world *world)
{
    world_init(world);
    world->config.file_bytes = 8000;
    world->config.max_memory_bytes = 1000;
}

/* One life of a spool whose `number`th call of the disk fails (0: none), and all after it with `is_sticky`; then all
 * that is owed comes out. Returns how many calls that life made. */
static int live_with_failure(int number, int code, bool is_sticky)
{
    struct spool_world world;
    g_autoptr(GHashTable) owed = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    init_small(&world);
    world.config.vfs = SHIM_VFS;
    shim_plan(number, code, is_sticky);
    live_once(&world, owed);
    int calls = shim_plan(0, 0, false);
    collect(&world, owed);
    world_clear(&world);
    return calls;
}

/* `step`: every so manieth call of a healthy life, its end with it, for the quick run; with VEDETTE_THOROUGH set, every
 * one (make soak). */
static void fail_each_call(int code, bool is_sticky, int step)
{
    shim_register();
    step = g_getenv("VEDETTE_THOROUGH") ? 1 : step;
    int calls = live_with_failure(0, 0, false);
    g_test_message("a healthy life makes %d calls", calls);
    for (int number = 1; number <= calls; number += step)
        live_with_failure(number, code, is_sticky);
}

static void test_q15_every_call_fails_once(void)
{
    static const int codes[] = {SQLITE_IOERR_WRITE, SQLITE_FULL, SQLITE_IOERR_SHORT_READ};
    for (size_t i = 0; i < G_N_ELEMENTS(codes); i++)
        fail_each_call(codes[i], false, 7);
}

static void test_q15_every_call_fails_from_one_on(void)
{
    fail_each_call(SQLITE_IOERR_WRITE, true, 11);
    fail_each_call(SQLITE_FULL, true, 11);
}

static void test_q15_names_and_directories_fail(void)
{
#ifdef VEDETTE_FAULTS_ENABLED
    static const char *const plans[] = {
        "spool.create=1",  "spool.create=2",         "spool.rename=1",          "spool.rename=1+", "spool.unlink=1",
        "spool.unlink=1+", "spool.directory-sync=1", "spool.directory-sync=1+", "spool.seal=1+",   "spool.commit=2",
        "spool.insert=3",  "spool.save-done=1+",     "spool.read-all=1",        "spool.read=1",    "spool.read-all=1+",
        "spool.read=1+",   "spool.ledger=1+",        "spool.ledger=2"};
    for (size_t i = 0; i < G_N_ELEMENTS(plans); i++) {
        struct spool_world world;
        g_autoptr(GHashTable) owed = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        init_small(&world);
        g_test_message("%s", plans[i]);
        fault_plan(plans[i]);
        live_once(&world, owed);
        live_once(&world, owed);
        fault_plan(NULL);
        collect(&world, owed);
        world_clear(&world);
    }
#else
    g_test_skip("this build has no fault points (-Dfaults=true)");
#endif
}

static struct {
    int of_caller, of_others; /* atomic: signals that were handled, by this thread and by those of the spool */
    bool is_over;             /* atomic */
} pest;

static void on_alarm(int number)
{
    (void)number;
    __atomic_add_fetch(gettid() == getpid() ? &pest.of_caller : &pest.of_others, 1, __ATOMIC_RELAXED);
}

/* A signal every half millisecond to each thread there is. */
static void *pester(void *data)
{
    enum { INTERVAL_US = 500 };
    while (!__atomic_load_n(&pest.is_over, __ATOMIC_ACQUIRE)) {
        g_autoptr(GDir) threads = g_dir_open("/proc/self/task", 0, NULL);
        for (const char *name; threads && (name = g_dir_read_name(threads));) {
            int thread = (int)g_ascii_strtoll(name, NULL, 10);
            if (thread != gettid())
                tgkill(getpid(), thread, SIGALRM); /* one that has ended meanwhile does not mind */
        }
        g_usleep(INTERVAL_US);
    }
    return data;
}

static bool is_pestered_enough(void)
{
    enum { LEAST = 200 };
    return __atomic_load_n(&pest.of_caller, __ATOMIC_RELAXED) >= LEAST &&
           __atomic_load_n(&pest.of_others, __ATOMIC_RELAXED) >= LEAST;
}

/* Without SA_RESTART, whichever thread opens, writes, seals, answers, reads or closes. */
static void test_q15_signals_interrupt_every_call(void)
{
    const struct sigaction action = {.sa_handler = on_alarm};
    struct spool_world world;
    pthread_t thread;
    g_autoptr(GHashTable) owed = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    init_small(&world);
    sigaction(SIGALRM, &action, NULL);
    g_assert_cmpint(pthread_create(&thread, NULL, pester, NULL), ==, 0);
    for (int64_t until_us = g_get_monotonic_time() + WORLD_DEADLINE_US; !is_pestered_enough();) {
        g_assert_cmpint(g_get_monotonic_time(), <, until_us);
        live_once(&world, owed);
        g_assert_cmpuint(g_hash_table_size(owed), ==, LIFE_LEFT); /* all were taken */
        collect(&world, owed);
        world_close(&world);
    }
    __atomic_store_n(&pest.is_over, true, __ATOMIC_RELEASE);
    pthread_join(thread, NULL);
    signal(SIGALRM, SIG_DFL);
    world_clear(&world);
}

static void test_q15_a_failed_write_leaves_the_counts_as_they_were(void)
{
    struct spool_world world;
    world_init(&world);
    shim_register();
    world.config.vfs = SHIM_VFS;
    world_open(&world);
    world_put_many(&world, 3);
    struct vedette_spool_stats before = world_stats(&world);
    shim_plan(1, SQLITE_IOERR_WRITE, true);
    g_assert_false(world_put(&world, "shop", 5, "refused"));
    struct vedette_spool_batch *batch = vedette_spool_dequeue(world.spool, 0, 0); /* taking out goes on */
    g_assert_cmpuint(batch->count, ==, 3);
    vedette_spool_return(world.spool, batch);
    struct vedette_spool_stats after = world_stats(&world);
    g_assert_cmpint(after.total_queued, ==, before.total_queued);
    g_assert_cmpint(after.queued_bytes, ==, before.queued_bytes);
    g_assert_cmpint(after.enqueued, ==, before.enqueued);
    g_assert_cmpint(after.losses[VEDETTE_SPOOL_REJECTED_DISK], ==, 1);
    g_assert_cmpstr(after.last_error, !=, "");
    shim_plan(0, 0, false);
    g_assert_true(world_put(&world, "shop", 5, "taken"));
    g_assert_cmpstr(world_stats(&world).last_error, ==, "");
    g_autoptr(GPtrArray) texts = world_drain(&world);
    g_assert_cmpuint(texts->len, ==, 4);
    world_clear(&world);
}

static int refuse_as_corrupt(void)
{
    return SQLITE_CORRUPT;
}

/* Whatever is wrong with its files: who takes the refusal for a fault of the records would forget them. */
static void test_q15_a_damaged_file_is_no_fault_of_who_puts_in(void)
{
    struct spool_world world;
    struct vedette_spool_error error = {0};
    const struct vedette_spool_record record = {.tenant = "shop", .priority = 5, .payload = "good", .length = 4};
    world_init(&world);
    world_open(&world);
    sqlite3_auto_extension((void (*)(void))refuse_as_corrupt); /* with each opening of a file */
    g_assert_false(vedette_spool_enqueue(world.spool, &record, 1, &error));
    g_assert_cmpint(error.kind, ==, VEDETTE_SPOOL_FAILED);
    sqlite3_reset_auto_extension();
    g_assert_true(vedette_spool_enqueue(world.spool, &record, 1, &error));
    world_clear(&world);
}

/* A file was made, could not be used and not be removed: its number is not tried for ever. */
static void test_q15_a_file_that_stays_in_the_way(void)
{
#ifdef VEDETTE_FAULTS_ENABLED
    struct spool_world world;
    world_init(&world);
    world_open(&world);
    fault_plan("spool.directory-sync=1,spool.unlink=1");
    g_assert_false(world_put(&world, "shop", 5, "refused"));
    fault_plan(NULL);
    g_assert_true(world_put(&world, "shop", 5, "taken"));
    world_reopen(&world);
    g_autofree char *text = world_drain_text(&world);
    g_assert_cmpstr(text, ==, "taken");
    world_clear(&world);
#else
    g_test_skip("this build has no fault points (-Dfaults=true)");
#endif
}

/* Records in memory that wait for the disk are tried now and then, however soon they are to be written. */
static void test_q15_a_relaxed_writer_rests_between_tries(void)
{
    enum { LOOK_US = 300000, TRIES_MAX = 60 };
    struct spool_world world;
    world_init(&world);
    shim_register();
    world.config.vfs = SHIM_VFS;
    world.config.durability = VEDETTE_SPOOL_RELAXED;
    world.config.spill_delay_us = 0;
    world_open(&world);
    shim_plan(1, SQLITE_IOERR_WRITE, true);
    world_put_many(&world, 3);
    int64_t until_us = g_get_monotonic_time() + LOOK_US;
    while (g_get_monotonic_time() < until_us)
        g_usleep(1000);
    g_assert_cmpint(world_stats(&world).write_errors, <, TRIES_MAX);
    shim_plan(0, 0, false);
    world_reopen(&world);
    g_autoptr(GPtrArray) texts = world_drain(&world);
    g_assert_cmpuint(texts->len, ==, 3);
    world_clear(&world);
}

static void add_unwritten(void *data, const struct vedette_spool_tenant *tenant)
{
    g_string_append_printf(data, "%s %" PRId64 "\n", tenant->name, tenant->losses[VEDETTE_SPOOL_UNWRITTEN]);
}

/* Records in memory that the disk does not take at the end are lost, as is told with its number, reason and tenant. */
static void test_q15_relaxed_records_that_are_never_written_are_counted(void)
{
    struct spool_world world;
    world_init(&world);
    shim_register();
    world.config.vfs = SHIM_VFS;
    world.config.durability = VEDETTE_SPOOL_RELAXED;
    world.config.spill_delay_us = 60 * WORLD_SECOND_US;
    world_open(&world);
    world_put_many(&world, 3);
    g_assert_true(world_put(&world, "gate", 9, "first"));
    vedette_spool_acknowledge(world.spool, vedette_spool_dequeue(world.spool, 1, 0)); /* the gate's: no loss */
    g_assert_nonnull(vedette_spool_dequeue(world.spool, 1, 0));                       /* out, and not settled */
    shim_plan(1, SQLITE_IOERR_WRITE, true);
    g_assert_cmpint(vedette_spool_stop(world.spool), ==, 3);
    struct vedette_spool_stats stats = world_stats(&world);
    g_assert_cmpint(stats.losses[VEDETTE_SPOOL_UNWRITTEN], ==, 3);
    g_assert_cmpint(stats.total_queued, ==, stats.in_flight);
    g_assert_nonnull(strstr(stats.last_error, "3 records are lost"));
    g_autoptr(GString) tenants = g_string_new(NULL);
    vedette_spool_each_tenant(world.spool, add_unwritten, tenants);
    g_assert_nonnull(strstr(tenants->str, "shop 3\n"));
    g_assert_nonnull(strstr(tenants->str, "gate 0\n"));
    g_assert_cmpint(vedette_spool_close(world.spool), ==, 3);
    shim_plan(0, 0, false);
    world_open(&world);
    g_autoptr(GPtrArray) texts = world_drain(&world);
    g_assert_cmpuint(texts->len, ==, 0);
    world_put_many(&world, 1);
    g_assert_cmpint(vedette_spool_stop(world.spool), ==, 0); /* written */
    world_clear(&world);
}

/* However often a call that may wait is tried, its loss is one. */
static void test_q15_a_call_that_waits_for_the_disk_is_lost_once(void)
{
    struct spool_world world;
    world_init(&world);
    shim_register();
    world.config.vfs = SHIM_VFS;
    world.config.when_full = VEDETTE_SPOOL_BLOCK;
    world.config.block_us = 3 * WORLD_SECOND_US;
    world_open(&world);
    world_put_many(&world, 1);
    shim_plan(1, SQLITE_FULL, true);
    g_assert_false(world_put(&world, "shop", 5, "refused"));
    shim_plan(0, 0, false);
    struct vedette_spool_stats stats = world_stats(&world);
    g_assert_cmpint(stats.refused, >, 1);
    g_assert_cmpint(stats.losses[VEDETTE_SPOOL_REJECTED_DISK], ==, 1);
    g_assert_true(world_put(&world, "shop", 5, "taken"));
    world_clear(&world);
}

/* How many were taken until there was no room: what drained files leave is given back by another thread, so that fewer
 * than `at_least` are no brim yet. */
static guint fill(struct spool_world *world, const char *text, guint at_least)
{
    gint64 until_us = g_get_monotonic_time() + 60 * G_USEC_PER_SEC;
    for (guint taken = 0;;) {
        if (world_put(world, "shop", 5, text))
            taken++;
        else if (taken >= at_least || g_get_monotonic_time() > until_us)
            return taken;
        else
            g_usleep(1000);
    }
}

/* A place of `size`, filled to the brim, drained, and filled again without a restart. */
static void fill_and_drain(const char *size, guint at_least)
{
    struct spool_world world;
    world_init(&world);
    g_autofree char *options = g_strdup_printf("size=%s,mode=0700", size);
    if (mount("tmpfs", world.parent, "tmpfs", 0, options) != 0) {
        g_test_skip("cannot mount a tmpfs here");
        world_clear(&world);
        return;
    }
    world.config.max_queue_size = 100000;
    world.config.file_bytes = 65536;
    world.config.reserve_bytes = 8192;
    world.config.max_memory_bytes = 0;
    world_open(&world);
    g_autofree char *text = g_strnfill(1000, 'x');
    for (int round = 0; round < 3; round++) {
        guint taken = fill(&world, text, at_least);
        g_test_message("%s: %u records of 1,000 bytes", size, taken);
        g_assert_cmpuint(taken, >=, at_least);
        struct vedette_spool_stats stats = world_stats(&world);
        g_assert_cmpint(stats.losses[VEDETTE_SPOOL_REJECTED_DISK], >, 0);
        g_assert_cmpint(stats.total_queued, ==, taken);
        g_autoptr(GPtrArray) texts = world_drain(&world);
        g_assert_cmpuint(texts->len, ==, taken);
        if (round == 1)
            world_reopen(&world);
    }
    world_close(&world);
    g_assert_cmpint(umount(world.parent), ==, 0);
    world_clear(&world);
}

static void test_q16_tiny_places(void)
{
    static const struct {
        const char *size;
        guint at_least; /* most of a place holds records, not what SQLite keeps beside them */
    } places[] = {{"32k", 2}, {"64k", 6}, {"256k", 30}, {"1m", 400}};
    for (size_t i = 0; i < G_N_ELEMENTS(places); i++)
        fill_and_drain(places[i].size, places[i].at_least);
}

static void assert_refused(struct spool_world *world, enum vedette_spool_error_kind kind, const char *said)
{
    struct vedette_spool_error error;
    g_assert_null(vedette_spool_open(world->directory, &world->config, &error));
    g_assert_cmpint(error.kind, ==, kind);
    if (!strstr(error.text, said))
        g_error("'%s' does not say '%s'", error.text, said);
    g_assert_nonnull(strstr(error.text, world->directory));
}

static void test_q17_an_unknown_vfs_is_refused(void)
{
    struct spool_world world;
    world_init(&world);
    world.config.vfs = "unix-exclusiv";
    assert_refused(&world, VEDETTE_SPOOL_INVALID, "vfs");
    world_clear(&world);
}

static void test_q17_a_second_one_is_refused(void)
{
    struct spool_world world;
    world_init(&world);
    world_open(&world);
    g_autofree char *pid = g_strdup_printf("process %d", (int)getpid());
    assert_refused(&world, VEDETTE_SPOOL_BUSY, pid);
    world_clear(&world);
}

static void test_q17_a_link_is_refused(void)
{
    struct spool_world world;
    world_init(&world);
    world_open(&world);
    world_put_many(&world, 1);
    world_close(&world);
    g_autofree char *elsewhere = g_build_filename(world.parent, "elsewhere", NULL);
    g_assert_cmpint(g_rename(world.directory, elsewhere), ==, 0);
    g_assert_cmpint(symlink(elsewhere, world.directory), ==, 0);
    assert_refused(&world, VEDETTE_SPOOL_DENIED, "no link");
    g_unlink(world.directory);
    g_assert_cmpint(g_rename(elsewhere, world.directory), ==, 0);
    g_autoptr(GPtrArray) files = world_files(&world, ".spool"); /* nor one of its files */
    const char *path = g_ptr_array_index(files, 0);
    g_assert_cmpint(g_rename(path, elsewhere), ==, 0);
    g_assert_cmpint(symlink(elsewhere, path), ==, 0);
    world_open(&world);
    g_autoptr(GPtrArray) texts = world_drain(&world);
    g_assert_cmpuint(texts->len, ==, 0);
    g_assert_cmpint(world_stats(&world).losses[VEDETTE_SPOOL_CORRUPT], ==, 1);
    world_clear(&world);
}

/* A link above it is its owner's way of saying where it lies. */
static void test_q17_a_link_above_is_followed(void)
{
    struct spool_world world;
    world_init(&world);
    g_autofree char *elsewhere = g_strconcat(world.parent, "-elsewhere", NULL);
    g_assert_cmpint(g_rename(world.parent, elsewhere), ==, 0);
    g_assert_cmpint(symlink(elsewhere, world.parent), ==, 0);
    world_open(&world);
    world_put_many(&world, 3);
    world_reopen(&world);
    g_autoptr(GPtrArray) texts = world_drain(&world);
    g_assert_cmpuint(texts->len, ==, 3);
    world_close(&world);
    g_unlink(world.parent);
    g_assert_cmpint(g_rename(elsewhere, world.parent), ==, 0);
    world_clear(&world);
}

static void test_q17_others_may_not_write_there(void)
{
    struct spool_world world;
    struct stat status;
    world_init(&world);
    world_open(&world);
    world_put_many(&world, 1);
    g_assert_cmpint(stat(world.directory, &status), ==, 0);
    g_assert_cmpint(status.st_mode & 0777, ==, 0700);
    g_autoptr(GPtrArray) files = world_files(&world, "");
    for (guint i = 0; i < files->len; i++) {
        g_assert_cmpint(stat(g_ptr_array_index(files, i), &status), ==, 0);
        g_assert_cmpint(status.st_mode & 0177, ==, 0);
    }
    world_close(&world);
    g_assert_cmpint(chmod(world.directory, 0777), ==, 0);
    assert_refused(&world, VEDETTE_SPOOL_DENIED, "others may write there (mode 0777): chmod 0700 it");
    if (geteuid() == 0 && chown(world.directory, 65534, 65534) == 0) /* root is not told to take it away */
        assert_refused(&world, VEDETTE_SPOOL_DENIED, "run this as user 65534 (sudo -u '#65534'), or give");
    world_clear(&world);
}

/* Its file can be written to, but no other can be made. What was taken stays, and it goes on when it may write again.
 */
static void use_while_read_only(struct spool_world *world)
{
    struct vedette_spool_error error = {0};
    const struct vedette_spool_record record = {.tenant = "shop", .priority = 5, .payload = "refused", .length = 7};
    world->config.file_bytes = 4096; /* a file for each record */
    world_open(world);
    world_put_many(world, 3);
    g_assert_cmpint(chmod(world->directory, 0500), ==, 0);
    g_assert_false(vedette_spool_enqueue(world->spool, &record, 1, &error));
    g_assert_nonnull(strstr(error.text, "Permission denied"));
    g_assert_cmpint(world_stats(world).total_queued, ==, 3);
    g_assert_cmpint(world_stats(world).write_errors, >, 0);
    g_assert_cmpint(chmod(world->directory, 0700), ==, 0);
    g_assert_true(world_put(world, "shop", 5, "fresh"));
    world_reopen(world);
    g_autofree char *text = world_drain_text(world);
    g_assert_cmpstr(text, ==, "record 0 record 1 record 2 fresh");
    world_close(world);
}

/* Well, or with 77: it could not become nobody. */
static void assert_ended(pid_t child)
{
    int status;
    waitpid(child, &status, 0);
    g_assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        g_test_skip("cannot become another user here");
    else
        g_assert_cmpint(WEXITSTATUS(status), ==, 0);
}

/* As nobody: root may write everywhere. */
static void test_q17_a_directory_that_becomes_read_only_is_told(void)
{
    struct spool_world world;
    world_init(&world);
    bool is_given = geteuid() == 0 && chown(world.parent, 65534, 65534) == 0;
    pid_t child = fork();
    if (child == 0) {
        if (!is_given || setuid(65534) != 0)
            _exit(77);
        use_while_read_only(&world);
        _exit(0);
    }
    assert_ended(child);
    world_clear(&world);
}

/* As nobody: root may write everywhere. */
static void test_q17_a_read_only_or_foreign_directory_is_told(void)
{
    struct spool_world world;
    world_init(&world);
    chmod(world.parent, 0755);
    pid_t child = fork();
    if (child == 0) {
        if (geteuid() != 0 || g_mkdir(world.directory, 0755) != 0 || setuid(65534) != 0)
            _exit(77);
        assert_refused(&world, VEDETTE_SPOOL_DENIED, "belongs to user 0");
        g_free(world.directory);
        world.directory = g_build_filename(world.parent, "new", NULL);
        assert_refused(&world, VEDETTE_SPOOL_DENIED, "Permission denied");
        _exit(0);
    }
    assert_ended(child);
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/spool/q15_every_call_fails_once", test_q15_every_call_fails_once);
    g_test_add_func("/spool/q15_every_call_fails_from_one_on", test_q15_every_call_fails_from_one_on);
    g_test_add_func("/spool/q15_names_and_directories_fail", test_q15_names_and_directories_fail);
    g_test_add_func("/spool/q15_signals_interrupt_every_call", test_q15_signals_interrupt_every_call);
    g_test_add_func("/spool/q15_a_failed_write_leaves_the_counts_as_they_were",
                    test_q15_a_failed_write_leaves_the_counts_as_they_were);
    g_test_add_func("/spool/q15_a_damaged_file_is_no_fault_of_who_puts_in",
                    test_q15_a_damaged_file_is_no_fault_of_who_puts_in);
    g_test_add_func("/spool/q15_a_file_that_stays_in_the_way", test_q15_a_file_that_stays_in_the_way);
    g_test_add_func("/spool/q15_a_relaxed_writer_rests_between_tries", test_q15_a_relaxed_writer_rests_between_tries);
    g_test_add_func("/spool/q15_relaxed_records_that_are_never_written_are_counted",
                    test_q15_relaxed_records_that_are_never_written_are_counted);
    g_test_add_func("/spool/q15_a_call_that_waits_for_the_disk_is_lost_once",
                    test_q15_a_call_that_waits_for_the_disk_is_lost_once);
    g_test_add_func("/spool/q16_tiny_places", test_q16_tiny_places);
    g_test_add_func("/spool/q17_an_unknown_vfs_is_refused", test_q17_an_unknown_vfs_is_refused);
    g_test_add_func("/spool/q17_a_second_one_is_refused", test_q17_a_second_one_is_refused);
    g_test_add_func("/spool/q17_a_link_is_refused", test_q17_a_link_is_refused);
    g_test_add_func("/spool/q17_a_link_above_is_followed", test_q17_a_link_above_is_followed);
    g_test_add_func("/spool/q17_others_may_not_write_there", test_q17_others_may_not_write_there);
    g_test_add_func("/spool/q17_a_directory_that_becomes_read_only_is_told",
                    test_q17_a_directory_that_becomes_read_only_is_told);
    g_test_add_func("/spool/q17_a_read_only_or_foreign_directory_is_told",
                    test_q17_a_read_only_or_foreign_directory_is_told);
    return g_test_run();
}
