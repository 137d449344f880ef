/* Shared by the files of the store room: the connections, and SQL by record descriptors.
 *
 * One connection writes and checkpoints, behind write_lock: SQLite 3.40 can lose a WAL reset between two connections
 * that do (sqlite.org/wal.html, section 11). Readers only read and never checkpoint.
 * Lock order: write_lock, then pool.lock or queue.lock; never the other way round.
 */
#pragma once

#include <pthread.h>
#include <sqlite3.h>

#include "store/store.h"

enum {
    STORE_READERS = 4,
    STORE_READER_WAIT_MS = 5000,  /* a reader that waits longer is told to come back */
    STORE_BUSY_MS = 2000,         /* SQLite's own wait for a lock */
    STORE_WAL_LIMIT = 64 << 20,   /* a WAL that grew beyond is cut after its checkpoint */
    STORE_CACHE_KIB = 1024,       /* page cache of each connection; the system caches the file besides */
    STORE_PROBE_BYTES = 64 << 10, /* what store_check writes to see that it can */
};

struct connection {
    sqlite3 *db;
    GHashTable *statements; /* SQL text → sqlite3_stmt *; the texts of this room are a small fixed set */
    const char *path;
};

bool connection_open(struct connection *connection, const char *path, bool is_writer, GError **error);
void connection_close(struct connection *connection);
/* A cached statement, reset and with no bindings. Owned by the connection. */
sqlite3_stmt *connection_prepare(struct connection *connection, const char *sql, GError **error);
bool connection_execute(struct connection *connection, const char *sql, GError **error);
/* One step of a statement that returns no rows; reset afterwards. */
bool connection_finish(struct connection *connection, sqlite3_stmt *statement, GError **error);
/* SQLITE_ROW → true; the end or an error → false and the statement is reset. `error` is set on error only. */
bool connection_next(struct connection *connection, sqlite3_stmt *statement, GError **error);
/* Sets `error` from the connection's last failure: path, what was under way, why, what to do. Returns false. */
bool connection_fail(struct connection *connection, const char *action, GError **error);

void bind_text(sqlite3_stmt *statement, int index, const char *text);
/* Binds every field from parameter 1 on, in the table's order. */
void bind_record(sqlite3_stmt *statement, const struct record_descriptor *descriptor, const void *record);
/* Reads the current row, whose first column is the descriptor's first field, into an uninitialised struct. On false
 * the struct is cleared. */
bool read_record(struct connection *connection, sqlite3_stmt *statement, const struct record_descriptor *descriptor,
                 void *record, GError **error);

struct reader_pool {
    pthread_mutex_t lock;
    pthread_cond_t returned;
    struct connection connections[STORE_READERS];
    bool is_open[STORE_READERS], is_lent[STORE_READERS];
};

struct batch {
    GPtrArray *events;
    bool *stored; /* one for each event */
    store_batch_done done;
    void *data;
};

struct write_queue {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    GQueue batches; /* of struct batch * */
    size_t records;
    bool is_closing;
    pthread_t thread;
};

struct store {
    /* immutable after open */
    char *data_dir, *path;
    int lock_fd;
    struct store_settings settings;
    struct clock *clock;
    struct server_health *health;
    char *event_upsert, *event_select, *camera_upsert, *status_upsert, *user_upsert, *user_select, *session_upsert,
        *session_select;

    pthread_mutex_t write_lock;
    struct connection writer; /* write_lock */
    char *write_error;        /* write_lock; why the last commit failed, NULL after a good one */

    struct reader_pool readers;
    struct write_queue queue;

    pthread_mutex_t check_lock;
    int64_t checked_us; /* check_lock; 0: never */
    GError *check_error;
};

struct connection *store_reader_take(struct store *store, GError **error);
void store_reader_return(struct store *store, struct connection *connection);
/* Runs one prepared statement as a transaction of its own on the writing connection. */
bool store_write(struct store *store, const char *sql, void (*bind)(sqlite3_stmt *statement, const void *data),
                 const void *data, GError **error);
/* Notes how the last write ended, for store_check. With write_lock held. */
void store_note_write(struct store *store, const GError *error);

bool store_migrate(struct connection *connection, struct clock *clock, GError **error);

bool store_writer_start(struct store *store, GError **error);
void store_writer_stop(struct store *store);

/* What an event counts as. */
struct store_counted {
    const char *kind; /* NULL: nothing */
    bool is_level;    /* the amount is the newest word, not a sum */
    int64_t amount;
};
/* Reads the payload once: fills event->subject_id from it, and what it counts as. */
bool store_event_examine(struct analytics_event *event, struct store_counted *counted, GError **error);
/* Counts one new event, in the transaction that stores it. */
bool store_event_count(struct connection *connection, const struct analytics_event *event,
                       const struct store_counted *counted, GError **error);

/* The tables that are the store's own. */
extern const struct record_descriptor store_count_descriptor, camera_status_descriptor;

struct count_row {
    char *org_id, *camera_id, *subject_id, *kind;
    struct record_time day, at;
    int64_t count;
};
struct camera_status {
    char *org_id, *camera_id;
    bool online;
    struct record_time last_seen;
    char *metadata;
};
