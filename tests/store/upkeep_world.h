/* A store whose clock, time zone and rows a test sets, and questions to its database past the store. Either engine. */
#pragma once

#include <sqlite3.h>

#include "store/audit.h"
#include "store/rollups.h"
#include "store_world.h"

enum { MINUTE = 60000, HOUR = 3600000 };
static const int64_t DAY = INT64_C(86400000);
static const struct audit_by by_admin = {"default", "admin-id", "admin", "10.0.0.9", "because"};

/* ---- the world ---- */

/* The values of a query's rows, with spaces between, as some other program would see them that is past everything the
 * store holds to. Several statements are run, and the first error ends the test. g_free. */
static inline char *ask_sqlite(const struct store_world *world, const char *sql)
{
    g_autofree char *path = g_build_filename(world->directory, "vedette.db", NULL);
    sqlite3 *db = NULL;
    GString *text = g_string_new(NULL);
    g_assert_cmpint(sqlite3_open(path, &db), ==, SQLITE_OK);
    sqlite3_busy_timeout(db, 5000);
    while (*sql) {
        sqlite3_stmt *statement = NULL;
        if (sqlite3_prepare_v2(db, sql, -1, &statement, &sql) != SQLITE_OK)
            g_error("%s: %s", sql, sqlite3_errmsg(db));
        int code;
        while ((code = sqlite3_step(statement)) == SQLITE_ROW)
            for (int i = 0; i < sqlite3_column_count(statement); i++) {
                const char *value = (const char *)sqlite3_column_text(statement, i);
                g_string_append_printf(text, "%s%s", text->len ? " " : "", value ? value : "NULL");
            }
        if (statement && code != SQLITE_DONE)
            g_error("%s: %s", sqlite3_sql(statement), sqlite3_errmsg(db));
        sqlite3_finalize(statement);
    }
    sqlite3_close(db);
    return g_string_free(text, FALSE);
}

static inline char *ask(const struct store_world *world, const char *sql)
{
    if (!world->database)
        return ask_sqlite(world, sql);
    PGconn *connection = postgres_connect("postgres", world->database);
    PGresult *result = PQexec(connection, sql);
    GString *text = g_string_new(NULL);
    if (*sql && PQresultStatus(result) != PGRES_TUPLES_OK && PQresultStatus(result) != PGRES_COMMAND_OK)
        g_error("%s: %s", sql, PQresultErrorMessage(result));
    for (int i = 0; i < PQntuples(result); i++)
        for (int j = 0; j < PQnfields(result); j++)
            g_string_append_printf(text, "%s%s", text->len ? " " : "",
                                   PQgetisnull(result, i, j) ? "NULL" : PQgetvalue(result, i, j));
    PQclear(result);
    PQfinish(connection);
    return g_string_free(text, FALSE);
}

static inline void meddle(const struct store_world *world, const char *sql)
{
    g_free(ask(world, sql));
}

/* SQL for a moment, and for a column's milliseconds. g_free. */
static inline char *sql_of_time(const struct store_world *world, int64_t ms)
{
    return g_strdup_printf(world->database ? "to_timestamp(%" G_GINT64_FORMAT " / 1000.0)" : "%" G_GINT64_FORMAT, ms);
}

static inline char *sql_of_ms(const struct store_world *world, const char *column)
{
    return g_strdup_printf(world->database ? "round(extract(epoch FROM %s) * 1000)::bigint" : "%s", column);
}

static inline int64_t ask_number(const struct store_world *world, const char *sql)
{
    g_autofree char *text = ask(world, sql);
    return g_ascii_strtoll(text, NULL, 10);
}

/* A store whose org has a site in `time_zone`, and which puts aside what is a week late or an hour early. */
static inline void begin(struct store_world *world, const char *time_zone, int64_t now_ms)
{
    g_autoptr(GError) error = NULL;
    world_init(world);
    store_close(world->store);
    clock_fake_step_wall_ms(world->clock, now_ms - clock_wall_ms(world->clock));
    struct store_settings settings = world_settings;
    settings.late_days = 7;
    settings.early_minutes = 60;
    world->store = world_open_with(world, settings, &error);
    g_assert_no_error(error);
    g_autofree char *sql =
        g_strdup_printf("INSERT INTO orgs (id, name) VALUES ('default', 'default'); INSERT INTO sites (org_id, id, "
                        "time_zone) VALUES ('default', 'default', '%s')",
                        time_zone);
    meddle(world, sql);
}

static inline struct world_result put(struct store_world *world, struct analytics_event *event)
{
    GPtrArray *batch = world_batch_new();
    g_ptr_array_add(batch, event);
    return world_store(world, batch);
}

static inline void cross(struct store_world *world, const char *direction, int64_t at_ms)
{
    g_assert_cmpint(put(world, world_crossing(world, NULL, "door", direction, at_ms)).new_records, ==, 1);
}

static inline void stand(struct store_world *world, int count, int64_t at_ms)
{
    g_assert_cmpint(put(world, world_occupancy(world, "hall", count, at_ms)).new_records, ==, 1);
}

static inline int64_t roll_up(struct store_world *world, enum rollup_level level)
{
    g_autoptr(GError) error = NULL;
    const struct store_rollup rollup = {.level = level};
    int64_t buckets = 0;
    store_rollup(world->store, &rollup, &buckets, &error);
    g_assert_no_error(error);
    return buckets;
}

static inline char *rows_of(const struct store_world *world, const char *table)
{
    g_autofree char *sql = g_strdup_printf("SELECT * FROM %s ORDER BY 1, 2, 3, 4, 5", table);
    return ask(world, sql);
}

static inline int64_t at(const char *text)
{
    int64_t ms;
    g_assert_true(record_parse_time(text, &ms));
    return ms;
}

static inline void move_to(struct store_world *world, int64_t ms)
{
    clock_fake_step_wall_ms(world->clock, ms - clock_wall_ms(world->clock));
}

/* In PostgreSQL, from now on: a statement that looks at more rows of a table than that takes too long. (A
 * planner takes IS NOT NULL for nearly always true, and so goes on guessing well how many there are.) */
static inline void limit_rows_of_statements(const struct store_world *world, const char *table, int rows)
{
    g_autofree char *sql = g_strdup_printf(
        "CREATE FUNCTION one_row_more() RETURNS boolean LANGUAGE plpgsql AS $$ DECLARE at text := "
        "statement_timestamp(); rows int := 1; BEGIN IF current_setting('test.at', true) = at THEN rows := "
        "current_setting('test.rows')::int + 1; END IF; IF rows > %d THEN RAISE 'statement timeout: %%', "
        "current_query() USING ERRCODE = "
        "'57014'; END IF; PERFORM set_config('test.at', at, false), set_config('test.rows', rows::text, false); RETURN "
        "true; END $$; CREATE POLICY in_time ON %s AS RESTRICTIVE FOR SELECT USING (one_row_more() IS NOT NULL); "
        "ANALYZE %s",
        rows, table, table);
    meddle(world, sql);
}
