/* The store's speed, by the clock on the wall, since most of PostgreSQL's work is done by other processes: what is
 * stored through the whole way (checked, counted, marked for the roll-ups, committed durably) beside the bare database
 * with the same rows and indexes, in turn in one run; lists; and how long writers wait while retention deletes.
 *
 *     bench_store [ROWS [ENGINE]]      rows of the lists, 200000 unless said, of which retention deletes the oldest
 *                                      million at most, and none of as many that are older; of one engine, sqlite or
 *                                      postgres, or of both
 */
#include <stdio.h>
#include <stdlib.h>

#include "store/retention.h"
#include "store/sqlite_internal.h"
#include "store/store_world.h"

enum { ROUNDS = 7, ROUND_EVENTS = 20000, BATCH = 500, CAMERAS = 100, EVENT_MS = 10, LISTS = 200, LIST_ROWS = 50 };

static double now_s(void)
{
    return (double)g_get_monotonic_time() / 1e6;
}

/* Of this process: what the machine's other work does not lengthen. */
static double cpu_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Rows a second by the wall's clock, and a second of this process's CPU. */
struct rate {
    double wall, cpu;
};
struct stopwatch {
    double wall, cpu;
};

static struct stopwatch start_watch(void)
{
    return (struct stopwatch){now_s(), cpu_s()};
}

static struct rate rate_since(struct stopwatch start, int rows)
{
    return (struct rate){rows / (now_s() - start.wall), rows / (cpu_s() - start.cpu)};
}

static int compare(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static double quantile(double *values, size_t count, double part)
{
    qsort(values, count, sizeof *values, compare);
    return values[MIN((size_t)((double)count * part), count - 1)];
}

/* ---- the world ---- */

static struct store_settings settings_of_users(void)
{
    struct settings settings;
    record_init(&settings_descriptor, &settings);
    struct store_settings store = settings.store;
    store.url = NULL;
    store.late_days = store.early_minutes = 0; /* the rows are of a year */
    store.connect_timeout_ms = store.query_timeout_ms = 600000;
    return store;
}

static void open_as_users_do(struct store_world *world)
{
    g_autoptr(GError) error = NULL;
    world_init(world);
    store_close(world->store);
    world->store = world_open_with(world, settings_of_users(), &error);
    if (error)
        g_error("%s", error->message);
}

/* Ids say when they were made, as workers' do: those of a clock that stands still would each fall anywhere in the key's
 * index, which no server does. */
static char *id_at(int64_t at_ms)
{
    struct clock *clock = clock_fake_new(at_ms);
    char *id = id_new(clock);
    clock_fake_free(clock);
    return id;
}

static struct analytics_event *event_at(struct store_world *world, int64_t number, int64_t at_ms)
{
    g_autofree char *id = id_at(at_ms);
    struct analytics_event *event = world_crossing(world, id, number % 3 ? "door" : "gate", "in", at_ms);
    g_free(event->camera_id);
    event->camera_id = g_strdup_printf("camera-%d", (int)(number % CAMERAS));
    return event;
}

static GPtrArray *events_of(struct store_world *world, int64_t first, int count)
{
    GPtrArray *events = world_batch_new();
    for (int i = 0; i < count; i++)
        g_ptr_array_add(events, event_at(world, first + i, world_start_ms + (first + i) * EVENT_MS));
    return events;
}

/* ---- batches ---- */

static void store_all(struct store_world *world, GPtrArray *batches)
{
    g_autofree struct world_result *results = g_new0(struct world_result, batches->len);
    for (guint i = 0; i < batches->len; i++)
        while (!store_events_submit(world->store, g_ptr_array_index(batches, i), world_done, &results[i], NULL))
            world_pause(1);
    for (guint i = 0; i < batches->len; i++) {
        world_wait(&results[i]);
        if (results[i].error)
            g_error("%s", results[i].error);
    }
}

static struct rate time_ours(struct store_world *world, int64_t first)
{
    g_autoptr(GPtrArray) batches = g_ptr_array_new();
    for (int i = 0; i < ROUND_EVENTS / BATCH; i++)
        g_ptr_array_add(batches, events_of(world, first + (int64_t)i * BATCH, BATCH));
    struct stopwatch start = start_watch();
    store_all(world, batches);
    return rate_since(start, ROUND_EVENTS);
}

/* The same rows by one prepared statement, in transactions as large. */
static struct rate time_bare_sqlite(sqlite3 *db, struct store_world *world, int64_t first)
{
    g_autoptr(GPtrArray) events = events_of(world, first, ROUND_EVENTS);
    g_autofree char *insert = record_sql_insert(&analytics_event_descriptor, "");
    struct connection connection = {.db = db, .path = "bare"};
    sqlite3_stmt *statement = NULL;
    g_assert_cmpint(sqlite3_prepare_v2(db, insert, -1, &statement, NULL), ==, SQLITE_OK);
    struct stopwatch start = start_watch();
    for (guint i = 0; i < events->len; i++) {
        if (i % BATCH == 0)
            sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
        struct record_sql_value values[32];
        size_t count = analytics_event_descriptor.field_count;
        for (size_t j = 0; j < count; j++)
            record_get_sql_value(&analytics_event_descriptor.fields[j], g_ptr_array_index(events, i), &values[j]);
        connection_bind(&connection, statement, values, count, NULL);
        g_assert_cmpint(sqlite3_step(statement), ==, SQLITE_DONE);
        sqlite3_reset(statement);
        for (size_t j = 0; j < count; j++)
            record_sql_value_clear(&values[j]);
        if (i % BATCH == BATCH - 1)
            sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
    }
    struct rate rate = rate_since(start, ROUND_EVENTS);
    sqlite3_finalize(statement);
    return rate;
}

static void append_copied(GString *text, const struct record_sql_value *value, bool is_last)
{
    if (value->type == RECORD_SQL_NULL)
        g_string_append(text, "\\N");
    else if (value->type == RECORD_SQL_TIME)
        record_append_time(text, value->integer);
    else if (value->type == RECORD_SQL_INTEGER || value->type == RECORD_SQL_BOOL)
        g_string_append_printf(text, "%" G_GINT64_FORMAT, value->integer);
    else
        g_string_append(text, value->text);
    g_string_append_c(text, is_last ? '\n' : '\t');
}

/* COPY of as many rows at once into the same table with its indexes, without row level security. */
static struct rate time_copy(PGconn *connection, struct store_world *world, int64_t first)
{
    g_autoptr(GPtrArray) events = events_of(world, first, ROUND_EVENTS);
    g_autoptr(GString) text = g_string_new(NULL), names = g_string_new(NULL);
    record_append_sql_names(&analytics_event_descriptor, 0, names);
    size_t count = analytics_event_descriptor.field_count;
    for (guint i = 0; i < events->len; i++)
        for (size_t j = 0; j < count; j++) {
            struct record_sql_value value;
            record_get_sql_value(&analytics_event_descriptor.fields[j], g_ptr_array_index(events, i), &value);
            append_copied(text, &value, j == count - 1);
            record_sql_value_clear(&value);
        }
    g_autofree char *sql = g_strdup_printf("COPY bare (%s) FROM STDIN", names->str);
    struct stopwatch start = start_watch();
    PQclear(PQexec(connection, sql));
    PQputCopyData(connection, text->str, (int)text->len);
    PQputCopyEnd(connection, NULL);
    PGresult *result = PQgetResult(connection);
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        g_error("%s", PQresultErrorMessage(result));
    PQclear(result);
    PQclear(PQgetResult(connection));
    return rate_since(start, ROUND_EVENTS);
}

static double median_of(const struct rate *rates, bool is_cpu)
{
    double values[ROUNDS];
    for (int i = 0; i < ROUNDS; i++)
        values[i] = is_cpu ? rates[i].cpu : rates[i].wall;
    return quantile(values, ROUNDS, 0.5);
}

static void show_rates(const char *name, const struct rate *ours, const struct rate *theirs, const char *baseline)
{
    double a = median_of(ours, false), b = median_of(theirs, false);
    printf("%-28s %8.0f /s, %s %8.0f /s, ratio %.2f\n", name, a, baseline, b, a / b);
    if (strstr(name, "SQLite")) /* all of its work is this process's */
        printf("           by this process's CPU %8.0f /s, %8.0f /s, ratio %.2f\n", median_of(ours, true),
               median_of(theirs, true), median_of(ours, true) / median_of(theirs, true));
    fflush(stdout);
}

static sqlite3 *open_bare(const struct store_world *world)
{
    sqlite3 *db = NULL;
    g_autofree char *path = g_build_filename(world->directory, "bare.db", NULL);
    g_autofree char *create = record_sql_create(&analytics_event_descriptor, RECORD_SQLITE, "org_id", NULL);
    g_autofree char *all = g_strconcat(create,
                                       "; CREATE INDEX n ON events (org_id, occurred_at, id); CREATE INDEX c ON events "
                                       "(org_id, camera_id, occurred_at, id); CREATE INDEX s ON events (org_id, "
                                       "subject_id, occurred_at, id); PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL",
                                       NULL);
    g_assert_cmpint(sqlite3_open(path, &db), ==, SQLITE_OK);
    g_assert_cmpint(sqlite3_exec(db, all, NULL, NULL, NULL), ==, SQLITE_OK);
    return db;
}

static PGconn *open_copy(const struct store_world *world)
{
    PGconn *connection = postgres_connect("postgres", world->database);
    g_free(postgres_ask_on(connection, "CREATE TABLE bare (LIKE events INCLUDING ALL)"));
    return connection;
}

static void bench_batches(struct store_world *world)
{
    struct rate ours[ROUNDS], theirs[ROUNDS];
    sqlite3 *db = world->database ? NULL : open_bare(world);
    PGconn *connection = world->database ? open_copy(world) : NULL;
    for (int i = 0; i < ROUNDS; i++) {
        int64_t first = (int64_t)i * ROUND_EVENTS;
        ours[i] = time_ours(world, first);
        theirs[i] = db ? time_bare_sqlite(db, world, first) : time_copy(connection, world, first);
    }
    if (db)
        show_rates("SQLite, events stored", ours, theirs, "bare INSERT");
    else
        show_rates("PostgreSQL, events stored", ours, theirs, "COPY without row security");
    sqlite3_close(db);
    PQfinish(connection);
}

/* ---- lists ---- */

static void fill(struct store_world *world, int64_t rows)
{
    enum { AT_ONCE = 40 };
    for (int64_t at = 0; at < rows;) {
        g_autoptr(GPtrArray) batches = g_ptr_array_new();
        for (int i = 0; i < AT_ONCE && at < rows; i++, at += BATCH)
            g_ptr_array_add(batches, events_of(world, at, BATCH));
        store_all(world, batches);
    }
    if (world->database)
        postgres_do(world->database, "ANALYZE");
}

static void bench_lists(struct store_world *world, int64_t rows)
{
    static double times[LISTS];
    const char *engine = world->database ? "PostgreSQL" : "SQLite";
    for (int i = 0; i < LISTS; i++) {
        g_autofree char *camera = g_strdup_printf("camera-%d", i % CAMERAS);
        const struct store_event_filter filter = {.org_id = "default",
                                                  .camera_id = camera,
                                                  .from_ms = world_start_ms + rows * EVENT_MS * (i % 10) / 20,
                                                  .to_ms = world_start_ms + rows * EVENT_MS * (i % 10 + 1) / 11,
                                                  .limit = LIST_ROWS};
        double start = now_s();
        g_autoptr(GPtrArray) found = store_events_list(world->store, &filter, NULL);
        times[i] = (now_s() - start) * 1000;
        g_assert_cmpuint(found->len, ==, LIST_ROWS);
    }
    double median = quantile(times, LISTS, 0.5), late = quantile(times, LISTS, 0.99);
    printf("%-10s 50 of %" G_GINT64_FORMAT " events by camera and time   median %.2f ms, p99 %.2f ms\n", engine, rows,
           median, late);
    fflush(stdout);
}

/* ---- retention beside writers ---- */

struct waits {
    struct store_world *world;
    int is_over; /* atomic */
    GArray *ms;  /* of double */
};

/* As the hub does: a batch is on its way, and the next follows when it is stored. */
static void *write_beside(void *data)
{
    enum { SMALL = 20 };
    struct waits *waits = data;
    for (int64_t at = INT64_C(1) << 40; !__atomic_load_n(&waits->is_over, __ATOMIC_ACQUIRE); at += SMALL) {
        GPtrArray *batch = world_batch_new();
        for (int i = 0; i < SMALL; i++)
            g_ptr_array_add(batch, event_at(waits->world, i, clock_wall_ms(waits->world->clock)));
        double start = now_s();
        struct world_result result = world_store(waits->world, batch);
        double ms = (now_s() - start) * 1000;
        if (result.error)
            g_error("%s", result.error);
        g_array_append_val(waits->ms, ms);
    }
    return NULL;
}

static void tell_waits(const struct waits *waits, const char *when)
{
    double *ms = (double *)(void *)waits->ms->data;
    double middle = quantile(ms, waits->ms->len, 0.5);
    printf("           a writer's wait %s: median %.1f ms, p99.9 %.1f ms of %u\n", when, middle,
           quantile(ms, waits->ms->len, 0.999), waits->ms->len);
}

/* For so long nothing is deleted, to compare with. */
static void rest(double seconds)
{
    for (double end = now_s() + seconds; now_s() < end;)
        world_pause(50);
}

static void run_beside(struct store_world *world, const char *when, const struct store_retention *retention)
{
    struct waits waits = {world, 0, g_array_new(FALSE, FALSE, sizeof(double))};
    GThread *thread = g_thread_new("writer", write_beside, &waits);
    g_autoptr(GPtrArray) results = g_ptr_array_new_with_free_func(retention_result_free);
    g_autoptr(GError) error = NULL;
    double start = now_s();
    int64_t deleted = 0;
    if (!retention)
        rest(5);
    else if (!store_retention_run(world->store, retention, results, &error))
        g_error("%s", error->message);
    for (guint i = 0; i < results->len; i++)
        deleted += ((struct retention_result *)g_ptr_array_index(results, i))->rows;
    if (retention)
        printf("%-10s retention deleted %" G_GINT64_FORMAT " rows in %.1f s\n",
               world->database ? "PostgreSQL" : "SQLite", deleted, now_s() - start);
    __atomic_store_n(&waits.is_over, 1, __ATOMIC_RELEASE);
    g_thread_join(thread);
    tell_waits(&waits, when);
    g_array_unref(waits.ms);
    fflush(stdout);
}

/* As many signals that are older, and stay. */
static void add_older(struct store_transaction *transaction)
{
    bool is_postgres = transaction->store->engine->dialect == RECORD_POSTGRES;
    g_autofree char *sql =
        g_strdup_printf("INSERT INTO events (id, type, org_id, site_id, camera_id, occurred_at, received_at, payload) "
                        "SELECT 'k' || id, 'signal', org_id, site_id, camera_id, occurred_at - %s, received_at, "
                        "payload FROM events",
                        is_postgres ? "interval '20 days'" : "1728000000");
    if (!store_run(transaction, sql, STORE_NO_VALUES, NULL, NULL))
        g_error("%s", sql);
}

/* The oldest of what is counted is past; it would wait for the roll-ups. */
static void bench_retention(struct store_world *world, int64_t rows)
{
    static const int64_t most = INT64_C(1000000), day_ms = INT64_C(86400000);
    struct retention_settings settings;
    record_init(&retention_settings_descriptor, &settings);
    settings.clock_gap_days = 0;
    const struct store_retention retention = {.settings = &settings};
    clock_fake_step_wall_ms(world->clock, MIN(rows, most) * EVENT_MS + settings.occupancy_days * day_ms);
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(world->store, STORE_JOB, "default", NULL);
    store_run(transaction, "DELETE FROM rollup_marks WHERE org_id = 'default'", STORE_NO_VALUES, NULL, NULL);
    store_run(transaction, "INSERT INTO orgs (id, name) VALUES ('default', 'default') ON CONFLICT (id) DO NOTHING",
              STORE_NO_VALUES, NULL, NULL);
    add_older(transaction);
    g_assert_true(store_commit(g_steal_pointer(&transaction), NULL));
    run_beside(world, "alone", NULL);
    run_beside(world, "beside retention", &retention);
    record_clear(&retention_settings_descriptor, &settings);
}

static void bench_engine(int64_t rows)
{
    struct store_world world;
    open_as_users_do(&world);
    bench_batches(&world);
    world_clear(&world);
    open_as_users_do(&world);
    fill(&world, rows);
    bench_lists(&world, rows);
    bench_retention(&world, rows);
    world_clear(&world);
}

int main(int argc, char **argv)
{
    int64_t rows = argc > 1 ? g_ascii_strtoll(argv[1], NULL, 10) : 200000;
    const char *engine = argc > 2 ? argv[2] : "";
    if (rows < INT64_C(100000) || !(!*engine || strcmp(engine, "sqlite") == 0 || strcmp(engine, "postgres") == 0)) {
        fprintf(stderr, "usage: bench_store [ROWS [sqlite|postgres]], 100000 rows or more\n");
        return 2;
    }
    g_unsetenv("VEDETTE_TEST_STORE");
    if (strcmp(engine, "postgres") != 0)
        bench_engine(rows);
    g_setenv("VEDETTE_TEST_STORE", "postgres", TRUE);
    if (strcmp(engine, "sqlite") != 0 && !world_is_missing())
        bench_engine(rows);
    return 0;
}
