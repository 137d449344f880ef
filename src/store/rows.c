/* Rows of an org that are listed, looked at, made and changed alike. */
#include "store/rows.h"

#include <string.h>

#include "base/id.h"
#include "facts/incident.h"
#include "facts/occupancy.h"
#include "facts/staff.h"
#include "store/work_internal.h"

const struct store_row_kind store_incidents = {"incident",       &incident_descriptor,
                                               "last_signal_at", AUDIT_INCIDENT,
                                               .grows = "notes", .follow = store_incident_change_follow};
const struct store_row_kind store_violations = {"violation", &violation_descriptor, "at", AUDIT_VIOLATION};
const struct store_row_kind store_employees = {"employee", &employee_descriptor, NULL, AUDIT_EMPLOYEE,
                                               .unique = "external_id"};
const struct store_row_kind store_shifts = {"shift", &shift_descriptor, NULL, AUDIT_SHIFT};
const struct store_row_kind store_vehicles = {"vehicle", &vehicle_descriptor, NULL, AUDIT_VEHICLE, .unique = "plate"};
const struct store_row_kind store_access_logs = {"access log", &access_log_descriptor, "at"};
const struct store_row_kind store_attendance = {"attendance record", &attendance_record_descriptor, "day",
                                                .key = "employee_id"};
const struct store_row_kind store_vehicle_logs = {"vehicle log", &vehicle_log_descriptor, "at"};
#define BUCKET_KEY .key = "camera_id, subject_id, site_id"
const struct store_row_kind store_hours = {"hour", &occupancy_hourly_descriptor, "bucket", BUCKET_KEY};
const struct store_row_kind store_days = {"day", &occupancy_daily_descriptor, "bucket", BUCKET_KEY};
const struct store_row_kind store_months = {"month", &occupancy_monthly_descriptor, "bucket", BUCKET_KEY};

static const char *key_of(const struct store_row_kind *kind)
{
    return kind->key ? kind->key : "id";
}

void store_row_free(const struct store_row_kind *kind, void *row)
{
    if (!row)
        return;
    record_clear(kind->descriptor, row);
    g_free(row);
}

void store_rows_free(const struct store_row_kind *kind, GPtrArray *rows)
{
    for (guint i = 0; rows && i < rows->len; i++)
        store_row_free(kind, g_ptr_array_index(rows, i));
    g_clear_pointer(&rows, g_ptr_array_unref);
}

/* A text of a record by its field's name; NULL: it has none. */
static char **text_of(const struct record_descriptor *descriptor, void *record, const char *name)
{
    const struct record_field *field = record_find_field(descriptor, name);
    return field && field->kind == RECORD_STRING ? (char **)(void *)((char *)record + field->offset) : NULL;
}

static char *json_of(const struct store_row_kind *kind, const void *record)
{
    GString *json = g_string_new(NULL);
    record_encode_json(kind->descriptor, record, false, json);
    return g_string_free(json, FALSE);
}

static size_t grown_count(const struct store_row_kind *kind, const void *record)
{
    const struct record_field *field = kind->grows ? record_find_field(kind->descriptor, kind->grows) : NULL;
    return field ? ((const struct record_list *)(const void *)((const char *)record + field->offset))->count : 0;
}

/* Of the list that grows only what is beyond its first `known` items. */
static char *json_of_news(const struct store_row_kind *kind, void *record, size_t known)
{
    const struct record_field *field = kind->grows ? record_find_field(kind->descriptor, kind->grows) : NULL;
    if (!field)
        return json_of(kind, record);
    struct record_list *list = (void *)((char *)record + field->offset);
    const struct record_list whole = *list;
    known = MIN(known, whole.count);
    *list = (struct record_list){(char *)whole.items + known * field->descriptor->size, whole.count - known};
    char *json = json_of(kind, record);
    *list = whole;
    return json;
}

/* ---- reading ---- */

GPtrArray *store_rows_list(struct store *store, const struct store_row_kind *kind,
                           const struct store_row_filter *filter, GError **error)
{
    GPtrArray *rows = g_ptr_array_new();
    struct store_page page;
    store_page_init(&page, kind->descriptor, kind->time, filter->org_id);
    page.before_id = filter->before_id;
    page.limit = filter->limit;
    page.key = key_of(kind);
    for (size_t i = 0; i < MIN(filter->condition_count, STORE_ROW_CONDITIONS_MAX); i++) {
        const char *compares = filter->conditions[i].compares ? filter->conditions[i].compares : "=";
        g_autofree char *condition = g_strconcat(filter->conditions[i].column, " ", compares, " ", NULL);
        store_page_add(&page, condition, filter->conditions[i].value);
    }
    if (kind->time)
        store_page_add_span(&page, filter->from_ms, filter->to_ms);
    if (filter->is_by_id)
        page.time = NULL;
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_READ, filter->org_id, error);
    bool is_good = transaction && store_page_read(transaction, &page, rows, error);
    store_page_clear(&page);
    if (is_good)
        return rows;
    store_rows_free(kind, rows);
    return NULL;
}

char *store_row_cursor(const struct store_row_kind *kind, const void *row)
{
    return store_page_cursor(kind->descriptor, kind->time, key_of(kind), row);
}

static void *find_row(struct store_transaction *transaction, const struct store_row_kind *kind, const char *org_id,
                      const char *id, GError **error)
{
    GError *failure = NULL;
    void *row = store_find(transaction, kind->descriptor, "WHERE org_id = $1 AND id = $2 LIMIT 1",
                           STORE_VALUES(sql_text(org_id), sql_text(id)), &failure);
    if (g_error_matches(failure, VEDETTE_ERROR, VEDETTE_ERROR_NOT_FOUND)) {
        g_clear_error(&failure);
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_NOT_FOUND, "there is no %s '%s'", kind->name, id);
    } else if (failure) {
        g_propagate_error(error, failure);
    }
    return row;
}

void *store_row_get(struct store *store, const struct store_row_kind *kind, const char *org_id, const char *id,
                    GError **error)
{
    CLEANUP(store_transaction) struct store_transaction *transaction = store_begin(store, STORE_READ, org_id, error);
    return transaction ? find_row(transaction, kind, org_id, id, error) : NULL;
}

/* ---- changing ---- */

/* Rows that name a row of another kind: what is named is there, and stays while it is named. */
static const struct reference {
    const struct store_row_kind *from;
    const char *column; /* of `from`: the other's id */
    const struct store_row_kind *to;
} references[] = {{&store_employees, "shift_id", &store_shifts}};

/* From here to the end of the transaction nobody else changes the row, or removes it: SQLite lets one write at a time,
 * PostgreSQL keeps what was written. */
static bool hold(struct store_transaction *transaction, const struct store_row_kind *kind, const char *org_id,
                 const char *id, int64_t *count, GError **error)
{
    g_autofree char *sql =
        g_strdup_printf("UPDATE %s SET id = id WHERE org_id = $1 AND id = $2", kind->descriptor->table);
    return store_run(transaction, sql, STORE_VALUES(sql_text(org_id), sql_text(id)), count, error);
}

/* What the record names is there, and held. */
static bool check_named(struct store_transaction *transaction, const struct store_row_kind *kind, const char *org_id,
                        void *record, GError **error)
{
    for (size_t i = 0; i < G_N_ELEMENTS(references); i++) {
        const struct reference *reference = &references[i];
        const char *id = reference->from == kind ? *text_of(kind->descriptor, record, reference->column) : NULL;
        int64_t count = 0;
        if (!id)
            continue;
        if (!hold(transaction, reference->to, org_id, id, &count, error))
            return false;
        if (!count) {
            g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, "%s: there is no %s '%s'", reference->column,
                        reference->to->name, id);
            return false;
        }
    }
    return true;
}

/* Nobody names the row, which is held. */
static bool check_unnamed(struct store_transaction *transaction, const struct store_row_kind *kind, const char *org_id,
                          const char *id, GError **error)
{
    for (size_t i = 0; i < G_N_ELEMENTS(references); i++) {
        const struct reference *reference = &references[i];
        int64_t count = 0;
        if (reference->to != kind)
            continue;
        g_autofree char *sql = g_strdup_printf("SELECT count(id) FROM %s WHERE org_id = $1 AND %s = $2",
                                               reference->from->descriptor->table, reference->column);
        if (!store_get_integer(transaction, sql, STORE_VALUES(sql_text(org_id), sql_text(id)), 0, &count, error))
            return false;
        if (count) {
            g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED,
                        "the %s is the %s of %" G_GINT64_FORMAT " %s%s: give them another first", kind->name,
                        reference->column, count, reference->from->name, count == 1 ? "" : "s");
            return false;
        }
    }
    return true;
}

/* What is there twice is told before the database refuses it. */
static bool check_unique(struct store_transaction *transaction, const struct store_row_kind *kind, const char *org_id,
                         void *record, GError **error)
{
    const char *const *value =
        kind->unique ? (const char *const *)text_of(kind->descriptor, record, kind->unique) : NULL;
    if (!value || !*value)
        return true;
    int64_t count = 0;
    g_autofree char *sql = g_strdup_printf("SELECT count(id) FROM %s WHERE org_id = $1 AND %s = $2 AND id <> $3",
                                           kind->descriptor->table, kind->unique);
    char *const *id = text_of(kind->descriptor, record, "id");
    if (!store_get_integer(transaction, sql, STORE_VALUES(sql_text(org_id), sql_text(*value), sql_text(*id)), 0, &count,
                           error))
        return false;
    if (count)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED, "%s: there is another %s with '%s'", kind->unique,
                    kind->name, *value);
    return count == 0;
}

static bool note(struct store_transaction *transaction, const struct store_row_kind *kind, const struct audit_by *by,
                 const char *action, const char *id, const char *before, const char *after, GError **error)
{
    const struct audit_change change = {kind->subject, id, action, before, after};
    return store_audit_add_in(transaction, by, &change, error);
}

/* Where there is such a field. */
static void set_now(const struct store *store, const struct store_row_kind *kind, void *record, const char *name)
{
    const struct record_field *field = record_find_field(kind->descriptor, name);
    if (field)
        ((struct record_time *)(void *)((char *)record + field->offset))->ms = clock_wall_ms(store->clock);
}

static void prepare(struct store *store, const struct store_row_kind *kind, void *record, const char *org_id)
{
    char **org = text_of(kind->descriptor, record, "org_id"), **id = text_of(kind->descriptor, record, "id");
    g_free(*org);
    *org = g_strdup(org_id);
    if (!*id)
        *id = id_new(store->clock);
    set_now(store, kind, record, "created_at");
}

bool store_row_create(struct store *store, const struct store_row_kind *kind, void *record, const struct audit_by *by,
                      GError **error)
{
    bool is_new = true;
    const void *rows = record;
    prepare(store, kind, record, by->org_id);
    const char *id = *text_of(kind->descriptor, record, "id");
    g_autofree char *after = json_of(kind, record);
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_WRITE, by->org_id, error);
    if (!transaction || !check_unique(transaction, kind, by->org_id, record, error) ||
        !check_named(transaction, kind, by->org_id, record, error) ||
        !store_insert(transaction, kind->descriptor, &rows, 1, RECORD_CONFLICT_IGNORE, &is_new, error))
        return false;
    if (!is_new) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED, "id: there is a %s '%s' already", kind->name, id);
        return false;
    }
    return note(transaction, kind, by, "create", id, NULL, after, error) &&
           store_commit(g_steal_pointer(&transaction), error);
}

static void *hold_row(struct store_transaction *transaction, const struct store_row_kind *kind, const char *org_id,
                      const struct store_row_change *change, GError **error)
{
    if (!hold(transaction, kind, org_id, change->id, NULL, error))
        return NULL;
    void *row = find_row(transaction, kind, org_id, change->id, error);
    if (!row || !change->expects || change->expects(change->data, row))
        return row;
    store_row_free(kind, row);
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_CONFLICT, "%s '%s' was changed meanwhile: read it again",
                kind->name, change->id);
    return NULL;
}

static bool write_row(struct store_transaction *transaction, const struct store_row_kind *kind,
                      const struct store_row_change *change, void *row, const struct audit_by *by, GError **error)
{
    const void *rows = row;
    size_t known = grown_count(kind, row);
    g_autofree char *before = json_of_news(kind, row, known);
    g_autofree void *was = g_malloc0(kind->descriptor->size);
    record_copy(kind->descriptor, row, was);
    bool is_good = change->edit(change->data, row, error);
    set_now(transaction->store, kind, row, "changed_at");
    g_autofree char *after = is_good ? json_of_news(kind, row, known) : NULL;
    is_good = is_good && check_unique(transaction, kind, by->org_id, row, error) &&
              check_named(transaction, kind, by->org_id, row, error) &&
              store_insert(transaction, kind->descriptor, &rows, 1, RECORD_CONFLICT_REPLACE, NULL, error) &&
              (!kind->follow || kind->follow(transaction, was, row, error)) &&
              note(transaction, kind, by, change->action, change->id, before, after, error);
    record_clear(kind->descriptor, was);
    return is_good;
}

void *store_row_change(struct store *store, const struct store_row_kind *kind, const struct store_row_change *change,
                       const struct audit_by *by, GError **error)
{
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_WRITE, by->org_id, error);
    void *row = transaction ? hold_row(transaction, kind, by->org_id, change, error) : NULL;
    if (row && write_row(transaction, kind, change, row, by, error) &&
        store_commit(g_steal_pointer(&transaction), error)) {
        if (kind == &store_incidents)
            store_tell_incident(store, row);
        return row;
    }
    store_row_free(kind, row);
    return NULL;
}

bool store_row_delete(struct store *store, const struct store_row_kind *kind, const struct store_row_change *change,
                      const struct audit_by *by, GError **error)
{
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_WRITE, by->org_id, error);
    void *row = transaction ? hold_row(transaction, kind, by->org_id, change, error) : NULL;
    g_autofree char *before = row ? json_of(kind, row) : NULL,
                    *sql = g_strdup_printf("DELETE FROM %s WHERE org_id = $1 AND id = $2", kind->descriptor->table);
    store_row_free(kind, row);
    return row && check_unnamed(transaction, kind, by->org_id, change->id, error) &&
           store_run(transaction, sql, STORE_VALUES(sql_text(by->org_id), sql_text(change->id)), NULL, error) &&
           note(transaction, kind, by, "delete", change->id, before, NULL, error) &&
           store_commit(g_steal_pointer(&transaction), error);
}
