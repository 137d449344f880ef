/* Store: rows of an org that are listed, looked at, made and changed alike, whatever they are: what kind they are,
 * their descriptor says. Every kind has the column org_id, and id unless it has another key; those are only listed. Any
 * thread; each change is in the audit with it.
 */
#pragma once

#include "store/store.h"

struct store_transaction;
struct store_row_kind {
    const char *name; /* for people: "incident" */
    const struct record_descriptor *descriptor;
    const char *time;           /* the column by which lists go; NULL: by id alone */
    enum audit_subject subject; /* as what it is in the audit; 0: people do not change it */
    const char *key;            /* the columns of text that tell rows of one time apart, "a, b"; NULL: id */
    const char *unique;         /* a text column besides, which no two rows of an org share; NULL: none */
    const char *grows;          /* a list that changes only by more at its end: the audit has what came; NULL: none */
    /* What else the transaction keeps of a change that people made; NULL: nothing. */
    bool (*follow)(struct store_transaction *transaction, const void *before, const void *after, GError **error);
};
extern const struct store_row_kind store_incidents, store_violations, store_employees, store_shifts, store_vehicles,
    store_access_logs, store_attendance, store_vehicle_logs, store_hours, store_days, store_months;

struct store_row_condition {
    const char *column;
    struct record_sql_value value; /* it has this value, or … */
    const char *compares;          /* "<", ">=": it is so to it; NULL: it has it */
};
/* Newest first. */
struct store_row_filter {
    const char *org_id;
    const struct store_row_condition *conditions;
    size_t condition_count; /* at most STORE_ROW_CONDITIONS_MAX */
    int64_t from_ms, to_ms; /* [from, to) of the kind's time; 0: open */
    const char *before_id;  /* what comes after the row of this cursor; NULL or "": from the newest */
    /* By id alone, for who reads all pages of a kind whose time changes: what stays comes once, though it moves. */
    bool is_by_id;
    int limit; /* 1..1000 */
};
enum { STORE_ROW_CONDITIONS_MAX = 12 };
/* A new GPtrArray of new records, or NULL. store_rows_free. */
GPtrArray *store_rows_list(struct store *store, const struct store_row_kind *kind,
                           const struct store_row_filter *filter, GError **error);
/* What filters name the row by, as before_id, also by id. g_free. */
char *store_row_cursor(const struct store_row_kind *kind, const void *row);
/* NULL is allowed, as below. */
void store_rows_free(const struct store_row_kind *kind, GPtrArray *rows);
void store_row_free(const struct store_row_kind *kind, void *row);
/* NULL with VEDETTE_ERROR_NOT_FOUND when there is none. */
void *store_row_get(struct store *store, const struct store_row_kind *kind, const char *org_id, const char *id,
                    GError **error);

/* Sets the record's org_id, id (where it has none) and created_at (where there is such a field), and stores it.
 * VEDETTE_ERROR_UNSUPPORTED: there is one like this; VEDETTE_ERROR_INVALID: what it names is not there. */
bool store_row_create(struct store *store, const struct store_row_kind *kind, void *record, const struct audit_by *by,
                      GError **error);

/* A change of one row, inside its transaction; its changed_at, where there is such a field, is set. */
struct store_row_change {
    const char *id, *action; /* the action as the audit tells it */
    /* Whether what is there is what the caller means to change; NULL: it is. */
    bool (*expects)(void *data, const void *record);
    /* Changes the record as it is now, never its keys; false with an error: it stays as it was. */
    bool (*edit)(void *data, void *record, GError **error);
    void *data; /* of both */
};
/* The record as it is then, for store_row_free. NULL with VEDETTE_ERROR_NOT_FOUND, with VEDETTE_ERROR_CONFLICT: it is
 * not what was expected, with VEDETTE_ERROR_UNSUPPORTED: there is another with what is unique, with
 * VEDETTE_ERROR_INVALID: what it names is not there, or with what edit says. */
void *store_row_change(struct store *store, const struct store_row_kind *kind, const struct store_row_change *change,
                       const struct audit_by *by, GError **error);
/* `change->edit` is not asked. VEDETTE_ERROR_UNSUPPORTED: others name it, as employees their shift. */
bool store_row_delete(struct store *store, const struct store_row_kind *kind, const struct store_row_change *change,
                      const struct audit_by *by, GError **error);
