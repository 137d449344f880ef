/* What became of incidents, kept from the transaction that did it until those who are notified have it. */
#define LOG_MODULE "store"
#include "store/work_internal.h"

#include "base/id.h"
#include "base/log.h"

enum { LIST_MAX = 1000, COMPLAINT_US = 60 * 1000000 };

void incident_change_free(struct incident_change *change)
{
    if (!change)
        return;
    record_clear(&incident_change_descriptor, change);
    g_free(change);
}

bool store_incident_change_add_in(struct store_transaction *transaction, enum incident_step step,
                                  const struct incident *incident, const char *traceparent, GError **error)
{
    struct clock *clock = transaction->store->clock;
    char id[ID_TEXT_BYTES];
    g_autoptr(GString) json = g_string_new(NULL);
    id_write(clock, id);
    record_encode_json(&incident_descriptor, incident, false, json);
    const struct incident_change change = {.org_id = incident->org_id,
                                           .id = id,
                                           .incident_id = incident->id,
                                           .camera_id = incident->camera_id,
                                           .step = step,
                                           .at = {clock_wall_ms(clock)},
                                           .incident = {json->str},
                                           .traceparent = (char *)(uintptr_t)traceparent};
    const void *const rows[] = {&change};
    return store_insert(transaction, &incident_change_descriptor, rows, 1, RECORD_CONFLICT_FAIL, NULL, error);
}

bool store_incident_change_follow(struct store_transaction *transaction, const void *before, const void *after,
                                  GError **error)
{
    enum incident_step step = incident_step_since(incident_mark_of(before), after);
    return store_incident_change_add_in(transaction, step ? step : INCIDENT_STEP_CHANGED, after, NULL, error);
}

static void note_unreadable(const char *org_id, size_t count)
{
    static struct log_limit complaint;
    gint64 held_back;
    if (log_limit_pass(&complaint, COMPLAINT_US, &held_back))
        log_error(NULL,
                  "%zu rows of incident_changes of org %s cannot be read: nobody is told of them, remove them (%lld "
                  "more)",
                  count, org_id, (long long)held_back);
}

/* Ids of one millisecond are in no order, and nothing ends before it was opened. */
static int compare_changes(const void *a, const void *b)
{
    const struct incident_change *left = *(struct incident_change *const *)a,
                                 *right = *(struct incident_change *const *)b;
    if (left->at.ms != right->at.ms)
        return left->at.ms < right->at.ms ? -1 : 1;
    return (int)left->step - (int)right->step;
}

GPtrArray *store_incident_changes_list(struct store *store, const char *org_id, int *skipped, int limit, GError **error)
{
    g_autoptr(GPtrArray) changes = g_ptr_array_new_with_free_func((GDestroyNotify)incident_change_free);
    CLEANUP(store_transaction) struct store_transaction *transaction = store_begin(store, STORE_READ, org_id, error);
    size_t unreadable = 0;
    bool is_good = transaction &&
                   store_select_readable(
                       transaction, &incident_change_descriptor, "WHERE org_id = $1 ORDER BY id LIMIT $2 OFFSET $3",
                       STORE_VALUES(sql_text(org_id), sql_integer(CLAMP(limit, 1, LIST_MAX)), sql_integer(*skipped)),
                       changes, &unreadable, error);
    if (unreadable)
        note_unreadable(org_id, unreadable);
    *skipped += (int)unreadable;
    g_ptr_array_sort(changes, compare_changes);
    return is_good ? g_steal_pointer(&changes) : NULL;
}

bool store_incident_changes_remove(struct store *store, const char *org_id, const GPtrArray *changes, GError **error)
{
    CLEANUP(store_transaction) struct store_transaction *transaction = store_begin(store, STORE_WRITE, org_id, error);
    bool is_good = transaction != NULL;
    for (guint i = 0; is_good && i < changes->len; i++) {
        const struct incident_change *change = g_ptr_array_index(changes, i);
        is_good = store_run(transaction, "DELETE FROM incident_changes WHERE org_id = $1 AND id = $2",
                            STORE_VALUES(sql_text(org_id), sql_text(change->id)), NULL, error);
    }
    return is_good && store_commit_beside_logins(g_steal_pointer(&transaction), error);
}
