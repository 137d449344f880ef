/* Another server that would take a run over as soon as its lease has ended. SQLite alone: what makes a page of the
 * run's work take its time is told by that engine. */
#pragma once

#include "store/sqlite_internal.h"
#include "upkeep_world.h"

struct rival {
    struct store_world *world;
    const char *page[2]; /* both are in the text of the statement that reads a page */
    struct store_run_claim claim;
    int pages, taken;
};

/* A page takes nearly a minute, and then the other looks. */
static inline int rival_on_statement(unsigned kind, void *data, void *statement, void *sql)
{
    struct rival *rival = data;
    int64_t fence = STORE_RUN_TAKEN;
    (void)kind;
    (void)sql;
    if (!strstr(sqlite3_sql(statement), rival->page[0]) || !strstr(sqlite3_sql(statement), rival->page[1]))
        return 0;
    clock_fake_advance_us(rival->world->clock, INT64_C(50000000));
    g_assert_true(store_run_claim(rival->world->store, &rival->claim, &fence, NULL));
    rival->taken += fence != STORE_RUN_TAKEN;
    rival->pages++;
    return 0;
}

static inline int rival_on_beat(unsigned kind, void *beats, void *statement, void *sql)
{
    (void)kind;
    if (!g_str_has_prefix(sql, "--") && strstr(sqlite3_sql(statement), "SET lease_until")) /* no trigger's */
        ++*(int *)beats;
    return 0;
}

/* Counts from now on how often a run was to be prolonged, as by each piece of work that is written in its name. */
static inline void rival_count_beats(const struct store_world *world, int *beats)
{
    struct sqlite_engine *engine = world->store->engine_state;
    sqlite3_trace_v2(engine->writer.db, SQLITE_TRACE_STMT, rival_on_beat, beats);
}

/* The run is held from now on. */
static inline void rival_begin(struct rival *rival, struct store_run_hold *hold)
{
    struct store *store = rival->world->store;
    struct sqlite_engine *engine = store->engine_state;
    rival->claim = (struct store_run_claim){hold->job_id,   "here",         NULL, hold->scheduled_ms,
                                            hold->lease_ms, TRIGGER_MANUAL, 1,    false};
    g_assert_true(store_run_claim(store, &rival->claim, &hold->fence, NULL));
    g_ptr_array_unref(store_orgs_list(store, NULL)); /* opens the reader that is used */
    for (int i = 0; i < SQLITE_READERS && engine->readers.connections[i].db; i++)
        sqlite3_trace_v2(engine->readers.connections[i].db, SQLITE_TRACE_STMT, rival_on_statement, rival);
}
