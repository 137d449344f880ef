/* What follows from signals, in the transaction that stores them: the incidents that they add up to, and violations. A
 * signal that was stored before is handed in no more, so that storing a batch anew changes nothing. */
#define LOG_MODULE "store"
#include <string.h>

#include "base/counter.h"
#include "base/log.h"
#include "facts/incident.h"
#include "fusion/fusion.h"
#include "store/work_internal.h"

enum { COMPLAINT_US = 60 * 1000000, PAGE = 16 };

/* What follows from a batch of one org: each incident that it touches is read once and written once. */
struct following {
    struct store_transaction *transaction;
    struct fusion *fusion;
    GPtrArray *violations; /* owned; struct violation * */
    GHashTable *histories; /* id of an incident → struct history *, of those that were stored or touched */
};
/* Of an incident: how it was before the batch, and what of the batch touched it last (borrowed). */
struct history {
    struct incident_mark before; /* of status 0: it was not */
    const char *traceparent;
};

static void violation_free(void *violation)
{
    record_clear(&violation_descriptor, violation);
    g_free(violation);
}

static void note_unreadable(const struct store_transaction *transaction, const struct signal *signal)
{
    static struct log_limit complaint;
    gint64 held_back;
    counter_add(&transaction->store->health->incidents_unreadable, 1);
    if (log_limit_pass(&complaint, COMPLAINT_US, &held_back))
        log_error(signal->camera_id,
                  "a stored incident of kind %s of org %s cannot be read: signals are not added to it (%lld more)",
                  signal->kind, signal->org_id, (long long)held_back);
}

/* Incidents that meet the condition, newest first, but for so many of the newest. ($1 is the org, $2 the camera, $3 the
 * service, $4 the kind, then from and to, and the signal's site where the condition names $7.) */
struct wanted {
    const struct signal *signal;
    const char *kind, *condition;
    bool is_of_site;
    int64_t from_ms, to_ms;
    int skipped;
};
#define OF_SERIES "WHERE org_id = $1 AND camera_id = $2 AND service = $3 AND kind = $4 AND "

/* At most so many; *unreadable: of those, how many cannot be read. They are written first, so that in PostgreSQL nobody
 * changes them until the commit. */
static bool read_newest(struct store_transaction *transaction, const struct wanted *wanted, int limit, GPtrArray *rows,
                        size_t *unreadable, GError **error)
{
    const struct signal *signal = wanted->signal;
    const struct record_sql_value values[] = {sql_text(signal->org_id),
                                              sql_text(signal->camera_id),
                                              sql_text(record_enum_name(service_names, signal->service)),
                                              sql_text(wanted->kind),
                                              sql_time(wanted->from_ms),
                                              sql_time(wanted->to_ms),
                                              sql_text(signal->site_id ? signal->site_id : "")};
    size_t count = G_N_ELEMENTS(values) - (wanted->is_of_site ? 0 : 1);
    g_autofree char *where =
        g_strconcat(OF_SERIES "last_signal_at >= $5 AND started_at <= $6 AND ", wanted->condition, NULL);
    g_autofree char *hold = g_strconcat("UPDATE incidents SET id = id ", where, NULL),
                    *newest = g_strdup_printf("%s ORDER BY last_signal_at DESC, id DESC LIMIT %d OFFSET %d", where,
                                              limit, wanted->skipped);
    return store_run(transaction, hold, values, count, NULL, error) &&
           store_select_readable(transaction, &incident_descriptor, newest, values, count, rows, unreadable, error);
}

static struct history *history_of(const struct following *following, const struct incident *incident)
{
    struct history *history = g_hash_table_lookup(following->histories, incident->id);
    if (!history)
        g_hash_table_insert(following->histories, g_strdup(incident->id), history = g_new0(struct history, 1));
    return history;
}

/* Of what was read: as it is stored, it was before the batch. */
static void note_before(const struct following *following, const struct incident *stored)
{
    history_of(following, stored)->before = incident_mark_of(stored);
}

/* For fusion, as are the next two. */
static bool read_last_ms(void *data, const struct signal *signal, int64_t *last_ms, GError **error)
{
    const struct following *following = data;
    return store_get_integer(
        following->transaction, "SELECT max(last_signal_at) FROM incidents " OF_SERIES "status <> 'resolved'",
        STORE_VALUES(sql_text(signal->org_id), sql_text(signal->camera_id),
                     sql_text(record_enum_name(service_names, signal->service)), sql_text(signal->kind)),
        0, last_ms, error);
}

/* One that cannot be read holds up no signal: those behind it are looked at, as far as that goes. */
static bool read_joined(void *data, const struct signal *signal, struct incident **found, GError **error)
{
    static const int limits[] = {1, PAGE};
    const struct following *following = data;
    struct store_transaction *transaction = following->transaction;
    int64_t window_ms = transaction->store->settings.fusion.window_seconds * INT64_C(1000);
    const struct wanted wanted = {.signal = signal,
                                  .kind = signal->kind,
                                  .condition = "status <> 'resolved' AND coalesce(site_id, '') = $7",
                                  .is_of_site = true,
                                  .from_ms = signal->started_at.ms - window_ms,
                                  .to_ms = signal->started_at.ms + window_ms};
    for (size_t i = 0; i < G_N_ELEMENTS(limits); i++) {
        size_t unreadable;
        g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func(incident_free);
        if (!read_newest(transaction, &wanted, limits[i], rows, &unreadable, error))
            return false;
        if (rows->len)
            *found = g_ptr_array_steal_index(rows, 0);
        if (!unreadable)
            break;
        if (i == 0)
            note_unreadable(transaction, signal);
    }
    if (*found)
        note_before(following, *found);
    return true;
}

/* Page by page, until none is left. */
static bool read_standing(void *data, const struct signal *signal, const char *kind, GPtrArray *found, GError **error)
{
    const struct following *following = data;
    struct wanted wanted = {
        .signal = signal, .kind = kind, .condition = "ended_at IS NULL", .to_ms = signal->started_at.ms};
    for (guint count = PAGE; count == PAGE; wanted.skipped += PAGE) {
        size_t unreadable;
        guint before = found->len;
        if (!read_newest(following->transaction, &wanted, PAGE, found, &unreadable, error))
            return false;
        if (unreadable)
            note_unreadable(following->transaction, signal);
        count = found->len - before + (guint)unreadable;
    }
    for (guint i = 0; i < found->len; i++)
        note_before(following, g_ptr_array_index(found, i));
    return true;
}

static bool follow(struct following *following, const struct signal *signal, const char *traceparent, GError **error)
{
    struct violation violation;
    g_autoptr(GPtrArray) touched = g_ptr_array_new();
    if (fusion_violation(signal, &violation))
        g_ptr_array_add(following->violations, g_memdup2(&violation, sizeof violation));
    if (!fusion_take(following->fusion, signal, touched, error))
        return false;
    for (guint i = 0; i < touched->len; i++)
        history_of(following, g_ptr_array_index(touched, i))->traceparent = traceparent;
    return true;
}

/* Payloads were checked when they came. Whose they are, the envelope says. */
static bool read_signal(const struct analytics_event *event, struct signal *signal, GError **error)
{
    struct record_errors errors;
    record_errors_init(&errors);
    bool is_good =
        record_decode_json(&signal_descriptor, event->payload.text, strlen(event->payload.text), signal, &errors) ||
        record_errors_to_gerror(&errors, error);
    record_errors_clear(&errors);
    if (!is_good)
        return false;
    g_free(signal->id);
    g_free(signal->org_id);
    g_free(signal->site_id);
    g_free(signal->camera_id);
    signal->id = g_strdup(event->id);
    signal->org_id = g_strdup(event->org_id);
    signal->site_id = g_strdup(event->site_id);
    signal->camera_id = g_strdup(event->camera_id);
    return true;
}

static bool is_of_watch(const struct signal *signal)
{
    bool is_of_camera = false;
    for (size_t i = 1; i < SERVER_SIGNAL_END && signal->service == SERVICE_SYSTEM; i++)
        is_of_camera |= server_signals[i].is_of_camera && strcmp(server_signals[i].kind, signal->kind) == 0;
    return is_of_camera;
}

/* Whether it tells how a camera was before that was removed, and waited until after: all of this ended with the camera,
 * and nobody would ever say that it is over. A camera that is not stored yet, or is at rest, was not removed: the audit
 * tells them apart. The camera's row is written first, so that in PostgreSQL it is not removed until the commit. */
static bool is_too_late(struct store_transaction *transaction, const struct signal *signal, bool *is_late,
                        GError **error)
{
    int64_t watched = 0, removals = 0;
    *is_late = false;
    if (!is_of_watch(signal))
        return true;
    if (!store_run(transaction, "UPDATE cameras SET enabled = enabled WHERE org_id = $1 AND id = $2 AND enabled",
                   STORE_VALUES(sql_text(signal->org_id), sql_text(signal->camera_id)), &watched, error))
        return false;
    if (watched)
        return true;
    if (!store_get_integer(
            transaction,
            "SELECT count(*) FROM audit_entries WHERE org_id = $1 AND subject_kind = 'camera' AND "
            "subject_id = $2 AND action = 'delete' AND (at >= $3 OR NOT EXISTS (SELECT 1 FROM cameras "
            "WHERE cameras.org_id = $1 AND cameras.id = $2))",
            STORE_VALUES(sql_text(signal->org_id), sql_text(signal->camera_id), sql_time(signal->started_at.ms)), 0,
            &removals, error))
        return false;
    *is_late = removals > 0;
    return true;
}

/* One that people closed goes on, and ends, in silence. */
static bool note_steps(const struct following *following, GError **error)
{
    const GPtrArray *incidents = fusion_incidents(following->fusion);
    bool is_good = true;
    for (guint i = 0; i < incidents->len && is_good; i++) {
        const struct incident *incident = g_ptr_array_index(incidents, i);
        const struct history *history = history_of(following, incident);
        enum incident_step step = incident_is_closed(incident) ? 0 : incident_step_since(history->before, incident);
        if (step)
            is_good = store_incident_change_add_in(following->transaction, step, incident, history->traceparent, error);
        if (is_good && step == INCIDENT_STEP_OPENED && incident->ended_at.ms) /* begun and over within one batch */
            is_good = store_incident_change_add_in(following->transaction, INCIDENT_STEP_ENDED, incident,
                                                   history->traceparent, error);
    }
    return is_good;
}

/* Those that were dismissed go on in silence: nobody is told that they changed. */
static bool is_silent(const struct incident *incident)
{
    return incident->status == INCIDENT_DISMISSED;
}

static void note_when(const struct following *following)
{
    const GPtrArray *incidents = fusion_incidents(following->fusion);
    int64_t now_ms = clock_wall_ms(following->transaction->store->clock);
    for (guint i = 0; i < incidents->len; i++) {
        struct incident *incident = g_ptr_array_index(incidents, i);
        if (!is_silent(incident))
            incident->changed_at.ms = now_ms;
    }
}

static bool write_all(const struct following *following, GError **error)
{
    const GPtrArray *incidents = fusion_incidents(following->fusion), *violations = following->violations;
    note_when(following);
    return store_insert(following->transaction, &incident_descriptor, (const void *const *)incidents->pdata,
                        incidents->len, RECORD_CONFLICT_REPLACE, NULL, error) &&
           store_insert(following->transaction, &violation_descriptor, (const void *const *)violations->pdata,
                        violations->len, RECORD_CONFLICT_IGNORE, NULL, error) &&
           note_steps(following, error);
}

static void tell_changed(GPtrArray *incidents, GPtrArray *changed)
{
    for (guint i = incidents->len; i > 0; i--) /* from the end: indices stay */
        if (is_silent(g_ptr_array_index(incidents, i - 1)))
            g_ptr_array_remove_index(incidents, i - 1);
    while (incidents->len)
        g_ptr_array_add(changed, g_ptr_array_steal_index(incidents, 0));
}

static bool finish(const struct following *following, GPtrArray *changed, GError **error)
{
    if (!write_all(following, error))
        return false;
    tell_changed(fusion_incidents(following->fusion), changed);
    return true;
}

bool store_signals_follow_in(struct store_transaction *transaction, struct analytics_event *const *events,
                             const bool *is_new, size_t count, GPtrArray *changed, GError **error)
{
    g_autoptr(GPtrArray) violations = g_ptr_array_new_with_free_func(violation_free);
    g_autoptr(GHashTable) histories = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    struct following following = {transaction, NULL, violations, histories};
    const struct fusion_elsewhere stored = {read_last_ms, read_joined, read_standing, &following};
    CLEANUP(fusion) struct fusion *fusion = fusion_new(&transaction->store->settings.fusion, &stored);
    following.fusion = fusion;
    bool is_good = true;
    for (size_t i = 0; i < count && is_good; i++) {
        struct signal signal;
        bool is_late;
        if (!is_new[i] || events[i]->type != EVENT_SIGNAL)
            continue;
        if (!read_signal(events[i], &signal, error))
            return false;
        is_good = is_too_late(transaction, &signal, &is_late, error) &&
                  (is_late || follow(&following, &signal, events[i]->traceparent, error));
        record_clear(&signal_descriptor, &signal);
    }
    return is_good && finish(&following, changed, error);
}

/* As if each signal of the server that ends something came of it now. */
static bool end_all(struct following *following, const struct camera *camera, GError **error)
{
    struct signal signal = {.org_id = camera->org_id,
                            .site_id = camera->site_id,
                            .camera_id = camera->id,
                            .service = SERVICE_SYSTEM,
                            .started_at = {clock_wall_ms(following->transaction->store->clock)}};
    bool is_good = true;
    for (size_t i = 1; i < SERVER_SIGNAL_END && is_good; i++) {
        signal.kind = (char *)(uintptr_t)server_signals[i].kind;
        is_good = !server_signals[i].ends || fusion_take(following->fusion, &signal, NULL, error);
    }
    return is_good;
}

bool store_incidents_end_in(struct store_transaction *transaction, const struct camera *camera, GPtrArray *changed,
                            GError **error)
{
    g_autoptr(GPtrArray) violations = g_ptr_array_new();
    g_autoptr(GHashTable) histories = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    struct following following = {transaction, NULL, violations, histories};
    const struct fusion_elsewhere stored = {read_last_ms, read_joined, read_standing, &following};
    CLEANUP(fusion) struct fusion *fusion = fusion_new(&transaction->store->settings.fusion, &stored);
    following.fusion = fusion;
    return end_all(&following, camera, error) && finish(&following, changed, error);
}

/* ---- what stands ---- */

bool store_incident_standing(struct store *store, const char *org_id, const char *camera_id, const char *kind,
                             int64_t *since_ms, GError **error)
{
    CLEANUP(store_transaction) struct store_transaction *transaction = store_begin(store, STORE_READ, org_id, error);
    return transaction &&
           store_get_integer(transaction, "SELECT max(started_at) FROM incidents " OF_SERIES "ended_at IS NULL",
                             STORE_VALUES(sql_text(org_id), sql_text(camera_id),
                                          sql_text(record_enum_name(service_names, SERVICE_SYSTEM)), sql_text(kind)),
                             0, since_ms, error);
}

/* ---- who watches ---- */

void store_watch_incidents(struct store *store, void (*changed)(void *data, const struct incident *incident),
                           void *data)
{
    store->incident_changed = changed;
    store->incident_data = data;
}

void store_tell_incident(struct store *store, const struct incident *incident)
{
    if (store->incident_changed)
        store->incident_changed(store->incident_data, incident);
}

void store_tell_incidents(struct store *store, const GPtrArray *incidents)
{
    for (guint i = 0; i < incidents->len; i++)
        store_tell_incident(store, g_ptr_array_index(incidents, i));
}
