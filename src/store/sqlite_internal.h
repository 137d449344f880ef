/* Shared by the files of the SQLite engine.
 *
 * One connection writes and checkpoints, by turns: SQLite 3.40 can lose a WAL reset between two connections
 * that do (sqlite.org/wal.html, section 11). Readers only read and never checkpoint.
 */
#pragma once

#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "store/store_internal.h"

enum {
    SQLITE_READERS = 4,
    SQLITE_READER_WAIT_MS = 5000,        /* sqlite_reader_wait_ms, but for tests */
    SQLITE_BUSY_MS = 2000,               /* SQLite's own wait for a lock */
    SQLITE_RETRY_MS = 500,               /* a file that could not be opened is not tried again for so long */
    SQLITE_CHECKPOINT_PAGES = 200,       /* of the WAL: so many are written into the database when nobody waits */
    SQLITE_CHECKPOINT_MOST_PAGES = 4000, /* and so many by whoever commits the last of them */
    SQLITE_WAL_LIMIT_BYTES = 64 << 20,   /* a WAL that grew beyond is cut after its checkpoint */
    SQLITE_CACHE_KIB = 256,              /* page cache of each reader; the system caches the file besides */
    SQLITE_WRITER_CACHE_KIB = 2048,      /* the writer's, between commits: it stays small as the file grows */
    SQLITE_SPILL_PAGES = 4096,           /* a commit may hold so many more; beyond, they are written twice */
    SQLITE_PROBE_BYTES = 64 << 10,       /* what a check writes to see that it can */
    SQLITE_STATEMENTS_MAX = 256,         /* kept prepared by a connection; the texts of this room are far fewer */
    SQLITE_COLUMNS_MAX = 64,             /* of one row */
};

/* Who waits longer for a reader is told to come back. Tests set it, at any time. */
extern atomic_int sqlite_reader_wait_ms;

struct connection {
    sqlite3 *db;
    GHashTable *statements; /* SQL text → struct prepared * */
    const char *path;
    char *org_id; /* whose rows are seen; "" is nobody's */
    /* The table that the statement may write which was asked for last, or NULL: SQLite prepares a statement anew, and
     * asks the authorizer again, when it is run after another program changed the schema. */
    const char *write_target;
    sqlite3_stmt *scope; /* the writer's: says to its views and triggers whose rows are meant */
    bool is_scoped;      /* what follows obeys sqlite_scope.c */
    bool is_writer;
};

bool connection_open(struct connection *connection, const char *path, bool is_writer, GError **error);
void connection_close(struct connection *connection);
/* Several statements without values, as they stand. */
bool connection_execute(struct connection *connection, const char *sql, GError **error);
/* A cached statement, reset and with no bindings. Owned by the connection. */
sqlite3_stmt *connection_prepare(struct connection *connection, const char *sql, GError **error);
/* The texts of the values must live until the statement is reset. */
bool connection_bind(struct connection *connection, sqlite3_stmt *statement, const struct record_sql_value *values,
                     size_t count, GError **error);
bool connection_run(struct connection *connection, const char *sql, const struct record_sql_value *values, size_t count,
                    store_row_handler on_row, void *data, int64_t *changed, GError **error);
/* Sets `error` from the connection's last failure: path, what was under way, why, what to do. Returns false. */
bool connection_fail(struct connection *connection, const char *action, GError **error);

/* ---- keeping tenants apart ---- */

/* From here on the connection sees and changes rows of connection->org_id alone, and no more of the schema. */
bool sqlite_scope_install(struct connection *connection, GError **error);
/* From here on org_id's rows are meant; "" or NULL: nobody's. False: the transaction must be taken back. */
bool sqlite_scope_set(struct connection *connection, const char *org_id, GError **error);
/* The text as it is prepared: a statement that writes names the table itself rather than its view. NULL when it is none
 * that the server may run. g_free. */
char *sqlite_scope_translate(struct connection *connection, const char *sql, GError **error);

/* ---- the engine ---- */

/* Makes the directory when there is none, and makes it this process's: one at a time has it. A descriptor that holds
 * the lock until it is closed; -1: the error says who has it, or why not. */
int sqlite_lock_directory(const char *data_dir, GError **error);

struct reader_pool {
    pthread_mutex_t lock;
    pthread_cond_t returned;
    struct connection connections[SQLITE_READERS]; /* each its borrower's */
    bool is_lent[SQLITE_READERS];                  /* under lock */
};

/* Who writes, in the order in which they came: a mutex would give it again and again to a job that asks anew as soon as
 * it is done, before those who wait for it have woken up. */
struct write_turns {
    pthread_mutex_t lock;
    pthread_cond_t ended;
    uint64_t next, current; /* lock */
};

struct checkpointer {
    int pages; /* of the WAL after the last commit; 0 after a checkpoint. Of whoever has the turn */
    pthread_t thread;
    bool is_running; /* immutable once the file is open */
    bool is_closing; /* turns.lock */
};

struct sqlite_engine {
    /* immutable */
    struct store *store;
    char *data_dir, *path;
    int lock_fd;

    int is_open;  /* atomic: the file is open for good; it may be only after the engine is, where its disk is full */
    dev_t device; /* immutable once it is: where the file lay then, as the next */
    ino_t inode;
    GError *failure;  /* of whoever has the turn, as the next: why it is not open */
    int64_t retry_us; /* by the machine's clock: not before */

    struct write_turns turns;
    struct connection writer; /* whoever has the turn */
    struct checkpointer checkpointer;

    struct reader_pool readers;
};

/* Once the writing connection is as it stays; stopped before that is closed, also when it was not started. */
bool sqlite_checkpointer_start(struct sqlite_engine *engine, GError **error);
void sqlite_checkpointer_stop(struct sqlite_engine *engine);
