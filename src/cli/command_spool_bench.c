#include "cli/cli.h"

#include "base/clock.h"
#include "base/thread.h"
#include "vedette/spool.h"

#include <glib.h>
#include <glib/gstdio.h>
#include <inttypes.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

/* `vedette spool bench`: durable enqueue by many threads beside bare SQLite, which writes the same records from the
 * same memory in commits of the same size, one after the other, in the same place. A round fills several of the spool's
 * files. */

enum { PRODUCERS = 16, ROUNDS_USUAL = 7, ROUNDS_MAX = 99, CALLS = 480, RECORDS_A_CALL = 10, RECORD_BYTES = 512 };

static const int64_t total_records = (int64_t)PRODUCERS * CALLS * RECORDS_A_CALL;

struct producer {
    struct vedette_spool *spool;
    const char *payloads; /* its share of them */
};

static void *produce(void *data)
{
    struct producer *producer = data;
    const char *payload = producer->payloads;
    for (int i = 0; i < CALLS; i++) {
        struct vedette_spool_record records[RECORDS_A_CALL];
        for (int j = 0; j < RECORDS_A_CALL; j++, payload += RECORD_BYTES)
            records[j] = (struct vedette_spool_record){
                .tenant = "bench", .priority = 5, .payload = payload, .length = RECORD_BYTES};
        if (!vedette_spool_enqueue(producer->spool, records, RECORDS_A_CALL, NULL))
            return NULL;
    }
    return producer;
}

/* Records a second, and records a commit; 0 on failure. */
static double run_spool(const char *directory, const char *payloads, double *commit_records)
{
    struct producer producers[PRODUCERS];
    struct vedette_spool_config config;
    struct vedette_spool_error error;
    struct vedette_spool_stats stats;
    pthread_t threads[PRODUCERS];
    vedette_spool_config_init(&config);
    config.max_queue_size = total_records;
    config.max_queue_seconds = 0;
    struct vedette_spool *spool = vedette_spool_open(directory, &config, &error);
    if (!spool) {
        fprintf(stderr, "vedette spool bench: %s\n", error.text);
        return 0;
    }
    int64_t start_us = clock_monotonic_us(clock_system());
    int started = 0;
    for (; started < PRODUCERS; started++) {
        producers[started] =
            (struct producer){spool, payloads + (size_t)started * CALLS * RECORDS_A_CALL * RECORD_BYTES};
        if (thread_start(&threads[started], "producer", produce, &producers[started]) != 0)
            break;
    }
    for (int i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    int64_t us = clock_monotonic_us(clock_system()) - start_us;
    vedette_spool_get_stats(spool, &stats);
    vedette_spool_close(spool);
    *commit_records = (double)stats.enqueued / (double)MAX(stats.commits, 1);
    return stats.enqueued == total_records ? (double)total_records * G_USEC_PER_SEC / (double)us : 0;
}

static bool write_rows(sqlite3 *db, const char *payloads, int commit_records)
{
    sqlite3_stmt *insert = NULL;
    bool is_good = sqlite3_prepare_v2(db, "INSERT INTO records(payload) VALUES(?1)", -1, &insert, NULL) == SQLITE_OK;
    for (int64_t written = 0; is_good && written < total_records;) {
        is_good = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK;
        for (int i = 0; is_good && i < commit_records && written < total_records; i++, written++) {
            sqlite3_bind_blob(insert, 1, payloads + written * RECORD_BYTES, RECORD_BYTES, SQLITE_STATIC);
            is_good = sqlite3_step(insert) == SQLITE_DONE;
            sqlite3_reset(insert);
        }
        is_good = is_good && sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK;
    }
    sqlite3_finalize(insert);
    return is_good;
}

static double run_sqlite(const char *path, const char *payloads, int commit_records)
{
    static const char setup[] = "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; "
                                "CREATE TABLE records(id INTEGER PRIMARY KEY, payload BLOB)";
    sqlite3 *db = NULL;
    double rate = 0;
    if (sqlite3_open(path, &db) == SQLITE_OK && sqlite3_exec(db, setup, NULL, NULL, NULL) == SQLITE_OK) {
        int64_t start_us = clock_monotonic_us(clock_system());
        if (write_rows(db, payloads, commit_records))
            rate =
                (double)total_records * G_USEC_PER_SEC / (double)MAX(clock_monotonic_us(clock_system()) - start_us, 1);
        else
            fprintf(stderr, "vedette spool bench: bare SQLite: %s\n", sqlite3_errmsg(db));
    }
    sqlite3_close(db);
    return rate;
}

static void remove_all(const char *path)
{
    g_autoptr(GDir) directory = g_dir_open(path, 0, NULL);
    for (const char *name; directory && (name = g_dir_read_name(directory));) {
        g_autofree char *inner = g_build_filename(path, name, NULL);
        if (g_file_test(inner, G_FILE_TEST_IS_DIR))
            remove_all(inner);
        else
            g_unlink(inner);
    }
    g_rmdir(path);
}

static int compare(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static double median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof *values, compare);
    return values[count / 2];
}

/* In turns, as a machine is now faster and now slower. */
static int run_rounds(const char *place, int rounds)
{
    g_autofree char *directory = g_build_filename(place, "spool", NULL), *path = g_build_filename(place, "bare", NULL);
    g_autofree char *payloads = g_malloc((size_t)total_records * RECORD_BYTES);
    for (int64_t i = 0; i < total_records; i++)
        memset(payloads + i * RECORD_BYTES, (int)('a' + i % 26), RECORD_BYTES);
    double spool[ROUNDS_MAX] = {0}, bare[ROUNDS_MAX] = {0}, ratios[ROUNDS_MAX] = {0}, commit = 0;
    for (int i = 0; i < rounds; i++) {
        spool[i] = run_spool(directory, payloads, &commit);
        remove_all(directory);
        bare[i] = run_sqlite(path, payloads, MAX((int)(commit + 0.5), 1));
        g_unlink(path);
        if (spool[i] <= 0 || bare[i] <= 0)
            return 1;
        ratios[i] = spool[i] / bare[i];
    }
    printf("durable enqueue, %d producers, %d records of %d bytes a call, about %.0f records a commit, medians of %d "
           "rounds in turn\n  spool        %.0f records/s\n  bare SQLite  %.0f records/s\n  ratio        %.2f\n",
           PRODUCERS, RECORDS_A_CALL, RECORD_BYTES, commit, rounds, median(spool, rounds), median(bare, rounds),
           median(ratios, rounds));
    return 0;
}

static bool read_options(int *argc, char ***argv, int *rounds)
{
    g_autoptr(GError) error = NULL;
    const GOptionEntry entries[] = {
        {"rounds", 0, 0, G_OPTION_ARG_INT, rounds, "how often each is measured, 1 to 99 (7)", "N"}, {0}};
    g_autoptr(GOptionContext) context = g_option_context_new("[DIRECTORY]");
    g_option_context_add_main_entries(context, entries, NULL);
    bool is_read = g_option_context_parse(context, argc, argv, &error);
    if (is_read && *rounds >= 1 && *rounds <= ROUNDS_MAX && *argc <= 2)
        return true;
    fprintf(stderr, "vedette spool bench: %s\n",
            is_read ? "give one directory at most, and --rounds between 1 and 99" : error->message);
    return false;
}

static int bench_main(int argc, char **argv)
{
    int rounds = ROUNDS_USUAL;
    if (!read_options(&argc, &argv, &rounds))
        return 2;
    g_autofree char *place = g_build_filename(argc > 1 ? argv[1] : ".", "vedette-bench-XXXXXX", NULL);
    if (!g_mkdtemp(place)) {
        fprintf(stderr, "vedette spool bench: %s: cannot be made there: give a directory on the disk to measure\n",
                place);
        return 1;
    }
    int status = run_rounds(place, rounds);
    remove_all(place);
    return status;
}

const struct cli_command command_spool_bench = {"spool bench", "[--rounds N] [DIRECTORY]",
                                                "durable enqueue beside bare SQLite, on that directory's disk",
                                                bench_main};
