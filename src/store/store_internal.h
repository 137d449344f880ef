/* Shared by the files of the store room: the tables, transactions and the queries they take, and what an engine is.
 *
 * A new table is a descriptor, a row in tables.c, a migration in migrate.c and its queries in a file of its own: texts
 * in the SQL that both engines know, with $1, $2, … for values. No query says whose rows it means: a transaction is of
 * one org, and the engine lets it see and change no other's (row level security; in SQLite, sqlite_scope.c). UPDATE and
 * DELETE may name org_id all the same, so that SQLite takes the index.
 *
 *     CLEANUP(store_transaction) struct store_transaction *transaction = store_begin(store, STORE_WRITE, org_id,
 * error); return transaction && store_run(transaction, "DELETE FROM sessions WHERE user_id = $1",
 * STORE_VALUES(sql_text(id)), NULL, error) && store_commit(g_steal_pointer(&transaction), error);
 */
#pragma once

#include <pthread.h>

#include "base/cleanup.h"
#include "store/store.h"

/* ---- the tables ---- */

enum store_tenancy {
    STORE_OF_ORG = 1,    /* an org's rows, seen by that org alone */
    STORE_OF_ORG_OR_ALL, /* the same, and rows without an org: everyone reads them, STORE_PLATFORM writes them */
    STORE_IS_ORG,        /* the orgs themselves: STORE_PLATFORM sees all */
    STORE_OF_PLATFORM,   /* the server's own: for STORE_PLATFORM alone */
};
struct store_table {
    const struct record_descriptor *descriptor;
    enum store_tenancy tenancy;
    const char *constraints; /* SQL, beside the primary key; NULL for none */
    bool is_append_only;     /* rows are never changed, and go with their org alone (erasure.h) */
    int days_since;          /* PostgreSQL: a part for each day, by `id`, a UUIDv7, since this migration; 0: none */
};
extern const struct store_table store_tables[];
extern const size_t store_table_count;
const struct store_table *store_table_find(const char *name);
/* The column with which its keys and indexes begin: "org_id", or NULL. */
const char *store_table_leading(const struct store_table *table);
/* The condition a row must meet, as SQL: to be seen, or (`is_write`) to be written. `org` is SQL for the transaction's
 * org, `prefix` goes before each column ("", "NEW."). g_free. */
char *store_table_condition(const struct store_table *table, bool is_write, const char *org, const char *prefix);

/* ---- transactions ---- */

enum store_access {
    STORE_READ = 1,
    STORE_WRITE,
    STORE_JOB, /* writes in the background: a role of its own in PostgreSQL */
};
/* In an org's place: sees the list of orgs, rows without an org, and what is the server's own. No org can be named so.
 */
#define STORE_PLATFORM "*"

struct store_transaction {
    struct store *store;
    enum store_access access;
    void *connection; /* the engine's */
    bool has_failed;  /* can only be rolled back */
    int64_t begun_us;
};

/* Waits for a connection, with a deadline. NULL, "" and unknown orgs see nothing. On one thread until its end. */
struct store_transaction *store_begin(struct store *store, enum store_access access, const char *org_id,
                                      GError **error);
/* From here on it is of another org: for batches that hold several. */
bool store_set_org(struct store_transaction *transaction, const char *org_id, GError **error);
/* Both free it. NULL may be rolled back. */
bool store_commit(struct store_transaction *transaction, GError **error);
/* The same where no login hangs on what was written, for what is written all the time: store_changes stays. Never when
 * a row of users, sessions, api_keys (but when they were used), signing_keys or orgs may have changed. */
bool store_commit_beside_logins(struct store_transaction *transaction, GError **error);
void store_rollback(struct store_transaction *transaction);
#define store_transaction_free store_rollback
CLEANUP_DEFINE(store_transaction, store_transaction_free)

/* ---- values and queries ---- */

/* Values for parameters. Text is borrowed; NULL is NULL. */
static inline struct record_sql_value sql_text(const char *text)
{
    return (struct record_sql_value){.type = text ? RECORD_SQL_TEXT : RECORD_SQL_NULL, .text = (char *)(uintptr_t)text};
}
static inline struct record_sql_value sql_json(const char *text)
{
    return (struct record_sql_value){.type = text ? RECORD_SQL_JSON : RECORD_SQL_NULL, .text = (char *)(uintptr_t)text};
}
static inline struct record_sql_value sql_integer(int64_t value)
{
    return (struct record_sql_value){.type = RECORD_SQL_INTEGER, .integer = value};
}
static inline struct record_sql_value sql_real(double value)
{
    return (struct record_sql_value){.type = RECORD_SQL_REAL, .real = value};
}
static inline struct record_sql_value sql_bool(bool value)
{
    return (struct record_sql_value){.type = RECORD_SQL_BOOL, .integer = value};
}
static inline struct record_sql_value sql_time(int64_t ms)
{
    return (struct record_sql_value){.type = RECORD_SQL_TIME, .integer = ms};
}
/* A time that was read, to the last digit: engines read them as numbers. */
static inline struct record_sql_value sql_time_as_read(const struct record_sql_value *value)
{
    return (struct record_sql_value){.type = RECORD_SQL_TIME, .integer = value->integer, .rest_us = value->rest_us};
}
#define STORE_VALUES(...)                                                                                              \
    (const struct record_sql_value[]){__VA_ARGS__},                                                                    \
        sizeof((const struct record_sql_value[]){__VA_ARGS__}) / sizeof(struct record_sql_value)
#define STORE_NO_VALUES NULL, 0

/* One row: its text lives as long as the call. False, with `error` set, ends the query. */
typedef bool (*store_row_handler)(void *data, const struct record_sql_value *row, size_t columns, GError **error);

/* One statement. `changed` (may be NULL): how many rows it wrote. */
bool store_run(struct store_transaction *transaction, const char *sql, const struct record_sql_value *values,
               size_t count, int64_t *changed, GError **error);
bool store_each(struct store_transaction *transaction, const char *sql, const struct record_sql_value *values,
                size_t count, store_row_handler on_row, void *data, GError **error);
/* The first column of the first row as a whole number; `missing` when there is no row, or NULL in it. */
bool store_get_integer(struct store_transaction *transaction, const char *sql, const struct record_sql_value *values,
                       size_t count, int64_t missing, int64_t *value, GError **error);
/* The same as a text; NULL where there is no row, or NULL in it. It takes the place of *text, which is freed. */
bool store_get_text(struct store_transaction *transaction, const char *sql, const struct record_sql_value *values,
                    size_t count, char **text, GError **error);
/* SELECT every field FROM the descriptor's table, then `tail` ("WHERE … ORDER BY … LIMIT …"). Appends new records,
 * which `records` frees, to it. */
bool store_select(struct store_transaction *transaction, const struct record_descriptor *descriptor, const char *tail,
                  const struct record_sql_value *values, size_t count, GPtrArray *records, GError **error);
/* The same, where a row that cannot be read is left out and counted: others must not wait for someone to mend it. */
bool store_select_readable(struct store_transaction *transaction, const struct record_descriptor *descriptor,
                           const char *tail, const struct record_sql_value *values, size_t count, GPtrArray *records,
                           size_t *unreadable, GError **error);
/* The first of them, as a new record; NULL with VEDETTE_ERROR_NOT_FOUND when there is none. */
void *store_find(struct store_transaction *transaction, const struct record_descriptor *descriptor, const char *tail,
                 const struct record_sql_value *values, size_t count, GError **error);
/* Writes records of one descriptor. `is_new` (one for each, or NULL) tells which were written: with
 * RECORD_CONFLICT_IGNORE those that were not there before. PostgreSQL takes them in one statement. */
bool store_insert(struct store_transaction *transaction, const struct record_descriptor *descriptor,
                  const void *const *records, size_t count, enum record_conflict conflict, bool *is_new,
                  GError **error);
/* The same with an ON CONFLICT clause of the caller's (" ON CONFLICT (…) DO UPDATE SET …"). No two records may have the
 * same key. */
bool store_merge(struct store_transaction *transaction, const struct record_descriptor *descriptor,
                 const void *const *records, size_t count, const char *on_conflict, bool *is_new, GError **error);
/* One record in a transaction of its own. */
bool store_put(struct store *store, const char *org_id, const struct record_descriptor *descriptor, const void *record,
               enum record_conflict conflict, GError **error);

/* ---- engines ---- */

/* An engine's functions are called with what `open` returned, or with a transaction it began. */
struct store_engine {
    const char *name;
    enum record_dialect dialect;
    /* Opens, and migrates or checks that it is migrated. `store` has its settings, clock and health by then.
     * `may_be_away`: one that cannot be reached is opened all the same, and checked once it is there. */
    void *(*open)(struct store *store, bool may_be_away, GError **error);
    void (*close)(void *engine);
    /* Of a store that is not open: applies what is missing, or (`is_dry`) tells what would be. */
    bool (*migrate)(struct store *store, bool is_dry, GString *report, GError **error);
    /* How it is, for check.c's thread; may hang. *free_bytes is set where the engine's disk is ours to see. It touches
     * nothing that may be gone before the engine is. */
    bool (*check)(void *engine, int64_t *free_bytes, GError **error);
    /* Sets transaction->connection. */
    bool (*begin)(void *engine, struct store_transaction *transaction, const char *org_id, GError **error);
    bool (*set_org)(struct store_transaction *transaction, const char *org_id, GError **error);
    bool (*run)(struct store_transaction *transaction, const char *sql, const struct record_sql_value *values,
                size_t count, store_row_handler on_row, void *data, int64_t *changed, GError **error);
    bool (*insert)(struct store_transaction *transaction, const struct record_descriptor *descriptor,
                   const void *const *records, size_t count, const char *on_conflict, bool *is_new, GError **error);
    /* Commits or rolls back and gives the connection back, also on false. */
    bool (*end)(struct store_transaction *transaction, bool is_commit, GError **error);
};
extern const struct store_engine store_sqlite, store_postgres;

/* ---- migrations ---- */

/* One step forward: the number, the tables it makes (as they were at the given version of their schema) with all that
 * keeps tenants apart, and SQL before and after. A step that was released never changes: its digest is kept in the
 * database, and another text under its number is refused. */
struct store_step_table {
    const struct record_descriptor *descriptor;
    int version;
};
struct store_step {
    int number;
    const char *name;
    const char *sqlite_before, *postgres_before;    /* NULL for none, as the others */
    const struct store_step_table *tables;          /* ended by a NULL descriptor */
    const struct store_step_table *postgres_tables; /* after those, of PostgreSQL alone */
    const char *sqlite, *postgres;
    bool is_sqlite_only; /* a step of the time before PostgreSQL */
};
extern const struct store_step store_steps[];
extern const size_t store_step_count;
/* Appends what keeps the table's tenants apart in PostgreSQL: row level security, policies, grants, and (`has_days`)
 * the partition for what is of no day. */
void store_append_postgres_rules(const struct store_table *table, bool has_days, GString *out);
/* Functions that the tables' rules call. */
extern const char store_postgres_functions[];

/* What migrations need of a connection inside its migrating transaction. */
struct store_migrator {
    enum record_dialect dialect;
    const char *name; /* of the database, for people */
    void *connection;
    bool (*execute)(void *connection, const char *sql, GError **error); /* several statements */
    bool (*query)(void *connection, const char *sql, const struct record_sql_value *values, size_t count,
                  store_row_handler on_row, void *data, GError **error);
};
/* Applies what is missing. `report` (may be NULL) gets a line for each step. */
bool store_steps_apply(const struct store_migrator *migrator, struct clock *clock, GString *report, GError **error);
/* Changes nothing: sets whether a step is missing. `report` (may be NULL) gets a line for each. */
bool store_steps_check(const struct store_migrator *migrator, bool *is_missing, GString *report, GError **error);

/* ---- the store itself ---- */

struct batch {
    GPtrArray *events;
    struct store_counted *counted; /* one for each event, as are those below */
    bool *stored;
    GError *invalid; /* why it can never be stored; NULL: it can */
    store_batch_done done;
    void *data;
};

struct write_queue {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    GQueue batches; /* of struct batch * */
    size_t records; /* of those, and of those being read */
    int reading;    /* batches that are submitted and not in the list yet */
    bool is_closing;
    pthread_t thread;
};

struct store {
    /* immutable after open */
    char *data_dir;
    struct store_settings settings; /* its texts are copies */
    struct clock *clock;
    struct server_health *health;
    const struct store_engine *engine;
    void *engine_state;

    void (*incident_changed)(void *data, const struct incident *incident); /* store_watch_incidents */
    void *incident_data;

    struct write_queue queue;
    uint64_t changes; /* atomic; store_changes */

    struct store_checker *checker;
    pthread_mutex_t write_error_lock;
    char *write_error;      /* write_error_lock; why the last write failed, NULL after a good one */
    unsigned refused_types; /* write_error_lock; bits: 1 << enum event_type, of which it took no good one lately */
    char *refusal;          /* write_error_lock; why, of the last of these; NULL: of none */
    pthread_mutex_t lone_org_lock;
    char *lone_org; /* lone_org_lock; the only org that stood when they were read last; NULL: several, or not known */
};

bool store_writer_start(struct store *store, GError **error);
void store_writer_stop(struct store *store);
/* check.c: a thread that looks at the engine again and again. `place` (for errors), `clock` and `health` are borrowed;
 * `look` is called on the thread. */
struct store_checker_config {
    bool (*look)(void *data, int64_t *free_bytes, GError **error);
    void *data;
    const char *place;
    struct clock *clock;
    struct server_health *health; /* not touched after store_checker_free */
};
enum { STORE_CHECKER_PATIENCE_US = 5000000 };
/* What was found last holds for so long while a look takes its time. Tests set it, at any time. */
extern _Atomic int64_t store_checker_patience_us;
/* Waits for the first answer, for a second at most. NULL: there is no thread to be had. */
struct store_checker *store_checker_new(const struct store_checker_config *config, GError **error);
/* Ends the thread, if it ends soon. False: its look hangs, and is left to the end of the process, to which `place`,
 * `clock` and what it looks at must stay. NULL is allowed. */
bool store_checker_free(struct store_checker *checker);
/* What was found last: store_check, but for writes. Any thread, which never waits. */
bool store_checker_read(struct store_checker *checker, GError **error);
/* Notes how a write ended, for store_check. `error` NULL: well. */
void store_note_write(struct store *store, const GError *error);
/* The same of whether it takes a type's records at all, which good writes of others say nothing of. */
void store_note_try(struct store *store, enum event_type type, const GError *refusal);
/* There is a new org, or will be. */
void store_forget_lone_org(struct store *store);
/* The place the store lies in, for errors: a path, or an address without its login. */
const char *store_place(const struct store *store);

/* What an event counts as. */
struct store_counted {
    const char *kind; /* NULL: nothing */
    bool is_level;    /* the amount is the newest word, not a sum */
    int64_t amount;
};
/* Reads the payload once: fills event->subject_id from it, and what it counts as. */
bool store_event_examine(struct analytics_event *event, struct store_counted *counted, GError **error);
/* Counts those of the events that are new, in the transaction that stores them. */
bool store_events_count(struct store_transaction *transaction, struct analytics_event *const *events,
                        const struct store_counted *counted, const bool *is_new, size_t count, GError **error);

/* PostgreSQL's channel on which each change of service_policies is told. */
#define STORE_POLICIES_CHANNEL "vedette_policies"

/* Notes that some of them came late (STORE_EVENTS_LATE_MS). From here on the transaction is the platform's. */
bool store_events_note_late_in(struct store_transaction *transaction, struct analytics_event *const *events,
                               const bool *is_new, size_t count, GError **error);

/* What rules saw goes to a table of its own. `is_new` gets one for each. */
bool store_track_chunks_insert_in(struct store_transaction *transaction, struct analytics_event *const *events,
                                  size_t count, bool *is_new, GError **error);

/* The tables that are the store's own. */
extern const struct record_descriptor store_count_descriptor, camera_status_descriptor, store_value_descriptor;

struct count_row {
    char *org_id, *camera_id, *subject_id, *kind;
    struct record_time day, at;
    int64_t count;
};
/* The columns of `cameras` that the server keeps beside what is configured. */
struct camera_status {
    char *org_id, *id;
    bool online;
    struct record_time last_seen;
    struct record_json metadata;
    struct record_time watched_since; /* 0: before that was kept */
};
struct store_value {
    char *name;
    int64_t value;
};
