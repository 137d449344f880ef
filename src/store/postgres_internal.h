/* Shared by the files of the PostgreSQL engine: one connection in pipeline mode, and the pool of them.
 *
 * A connection is used by one transaction at a time, and thrown away when anything goes wrong on it: so nothing of one
 * org's transaction can be left for the next. All settings of a transaction (role, claims, deadline) are its own.
 */
#pragma once

#include <libpq-fe.h>

#include "store/store_internal.h"

enum {
    PG_STATEMENTS_MAX = 256,         /* kept prepared by a connection; the texts of this room are far fewer */
    PG_DEFERRED_MAX = 64,            /* statements sent before their answers are read */
    PG_MAINTENANCE_MS = 3600 * 1000, /* between looks at the partitions */
};

/* libpq's parameters: after a minute without a word from the other side, and no answer when asked, it is gone. */
#define PG_KEEPALIVES_IDLE_S "30"
#define PG_KEEPALIVES_INTERVAL_S "10"
#define PG_KEEPALIVES_COUNT "3"

struct pg_connection {
    PGconn *connection;
    GHashTable *prepared; /* SQL with the types of its values → name */
    const char *place;    /* for errors */
    int timeout_ms;       /* of one answer; 0: as long as the other side is there (keepalives) */
    int deferred;         /* statements sent whose answers were not read */
    bool is_lent;         /* the pool's lock */
};

/* Connects within the settings' deadline and enters pipeline mode. */
bool pg_connect(struct pg_connection *connection, const struct store_settings *settings, const char *place,
                GError **error);
void pg_disconnect(struct pg_connection *connection);
/* False when it was closed from the other side while nobody used it. Does not wait. */
bool pg_is_alive(struct pg_connection *connection);
/* Sends a statement. Its answer is read by the next pg_read; errors of deferred ones are told then. */
bool pg_send(struct pg_connection *connection, const char *sql, const struct record_sql_value *values, size_t count,
             GError **error);
/* Sends records as one statement: arrays of each field's values, of which `sql` makes rows. */
bool pg_send_records(struct pg_connection *connection, const char *sql, const struct record_descriptor *descriptor,
                     const void *const *records, size_t count, GError **error);
/* Reads the answers to everything sent, and hands over the rows of the last statement. `changed` may be NULL. */
bool pg_read(struct pg_connection *connection, store_row_handler on_row, void *data, int64_t *changed, GError **error);
/* Several statements without values, waited for. */
bool pg_execute(struct pg_connection *connection, const char *sql, GError **error);

/* ---- values in PostgreSQL's binary format (postgres_values.c) ---- */

Oid pg_value_type(const struct record_sql_value *value);
/* Appends the value without its length. NULL appends nothing. */
void pg_append_value(const struct record_sql_value *value, GByteArray *out);
/* Appends a one-dimensional array of a field's values. */
void pg_append_array(const struct record_field *field, const void *const *records, size_t count, GByteArray *out);
/* The SQL name of that array's type: "text[]". */
const char *pg_array_name(const struct record_field *field);
/* Reads one value of a result; its text lives as long as the result. */
bool pg_read_value(const PGresult *result, int row, int column, struct record_sql_value *value, GError **error);
