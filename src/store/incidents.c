/* What follows from signals, in the transaction that stores them: the incidents that they add up to, and violations. A
 * signal that was stored before is handed in no more, so that storing a batch anew changes nothing. */
#define LOG_MODULE "store"
#include <string.h>

#include "base/counter.h"
#include "base/log.h"
#include "facts/incident.h"
#include "fusion/fusion.h"
#include "store/work_internal.h"

enum { COMPLAINT_US = 60 * 1000000 };

/* The incidents of one org that a batch touches, each read once and written once. */
struct fused {
    struct store_transaction *transaction;
    const struct fusion_settings *settings;
    GPtrArray *incidents; /* owned; struct incident * */
    GArray *histories;    /* of struct history: one for each */
    GPtrArray *violations;
};
/* Of an incident: how it was before the batch, and what of the batch touched it last (borrowed). */
struct history {
    struct incident_mark before;
    const char *traceparent;
};

void store_incident_free(void *incident)
{
    record_clear(&incident_descriptor, incident);
    g_free(incident);
}

static void violation_free(void *violation)
{
    record_clear(&violation_descriptor, violation);
    g_free(violation);
}

/* Takes the incident over. */
static void add_touched(struct fused *fused, struct incident *incident, struct incident_mark before,
                        const char *traceparent)
{
    const struct history history = {before, traceparent};
    g_ptr_array_add(fused->incidents, incident);
    g_array_append_val(fused->histories, history);
}

static struct incident *find_touched(const struct fused *fused, const struct signal *signal, const char *traceparent)
{
    for (guint i = 0; i < fused->incidents->len; i++)
        if (fusion_belongs(fused->settings, g_ptr_array_index(fused->incidents, i), signal)) {
            g_array_index(fused->histories, struct history, i).traceparent = traceparent;
            return g_ptr_array_index(fused->incidents, i);
        }
    return NULL;
}

static void note_unreadable(const struct fused *fused, const struct signal *signal)
{
    static struct log_limit complaint;
    gint64 held_back;
    counter_add(&fused->transaction->store->health->incidents_unreadable, 1);
    if (log_limit_pass(&complaint, COMPLAINT_US, &held_back))
        log_error(signal->camera_id,
                  "a stored incident of kind %s of org %s cannot be read: signals are not added to it (%lld more)",
                  signal->kind, signal->org_id, (long long)held_back);
}

/* One that cannot be read holds up no signal: those behind it are looked at, as far as that goes. */
static bool select_newest(struct fused *fused, const struct signal *signal, const char *newest,
                          const struct record_sql_value *values, size_t count, struct incident **found, GError **error)
{
    static const char *const limits[] = {"1", "16"};
    for (size_t i = 0; i < G_N_ELEMENTS(limits); i++) {
        size_t unreadable;
        g_autofree char *tail = g_strconcat(newest, limits[i], NULL);
        g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func(store_incident_free);
        if (!store_select_readable(fused->transaction, &incident_descriptor, tail, values, count, rows, &unreadable,
                                   error))
            return false;
        if (rows->len)
            *found = g_ptr_array_steal_index(rows, 0);
        if (!unreadable)
            break;
        if (i == 0)
            note_unreadable(fused, signal);
    }
    return true;
}

/* The newest stored one that meets the condition ($1 the org, $2 the camera, $3 the service, $4 the kind, then
 * `values`). It is written first, so that in PostgreSQL nobody changes it until the commit. *found stays NULL when
 * there is none. */
static bool read_newest(struct fused *fused, const struct signal *signal, const char *kind, const char *condition,
                        const struct record_sql_value values[2], struct incident **found, GError **error)
{
    const struct record_sql_value all[] = {sql_text(signal->org_id),
                                           sql_text(signal->camera_id),
                                           sql_text(record_enum_name(service_names, signal->service)),
                                           sql_text(kind),
                                           values[0],
                                           values[1]};
    g_autofree char *where =
        g_strconcat("WHERE org_id = $1 AND camera_id = $2 AND service = $3 AND kind = $4 AND ", condition, NULL);
    g_autofree char *hold = g_strconcat("UPDATE incidents SET id = id ", where, NULL),
                    *newest = g_strconcat(where, " ORDER BY last_signal_at DESC, id DESC LIMIT ", NULL);
    return store_run(fused->transaction, hold, all, G_N_ELEMENTS(all), NULL, error) &&
           select_newest(fused, signal, newest, all, G_N_ELEMENTS(all), found, error);
}

static bool read_incident_of(struct fused *fused, const struct signal *signal, struct incident **found, GError **error)
{
    int64_t window_ms = fused->settings->window_seconds * INT64_C(1000);
    const struct record_sql_value values[] = {sql_time(signal->started_at.ms - window_ms),
                                              sql_time(signal->started_at.ms + window_ms)};
    return read_newest(fused, signal, signal->kind,
                       "status <> 'resolved' AND last_signal_at >= $5 AND started_at <= $6", values, found, error);
}

static bool fuse(struct fused *fused, const struct signal *signal, const char *traceparent, GError **error)
{
    struct incident *incident = find_touched(fused, signal, traceparent);
    if (!incident && fused->settings->window_seconds) {
        struct incident_mark before = {.status = 0};
        if (!read_incident_of(fused, signal, &incident, error))
            return false;
        if (incident && !fusion_belongs(fused->settings, incident, signal)) /* of another site: the camera was moved */
            g_clear_pointer(&incident, store_incident_free);
        if (incident) {
            before = incident_mark_of(incident);
        } else if (fusion_opens(fused->settings, signal)) {
            incident = g_new0(struct incident, 1);
            fusion_open(signal, incident);
        }
        if (incident)
            add_touched(fused, incident, before, traceparent);
    }
    if (incident)
        fusion_join(fused->settings, incident, signal);
    return true;
}

static void end_incident(struct incident *incident, const struct signal *signal)
{
    incident->ended_at.ms = MAX(signal->started_at.ms, incident->last_signal_at.ms);
}

/* The incident of this kind that stands, among those of the batch or in the store. */
static bool end(struct fused *fused, const struct signal *signal, const char *kind, const char *traceparent,
                GError **error)
{
    for (guint i = fused->incidents->len; i > 0; i--) {
        struct incident *incident = g_ptr_array_index(fused->incidents, i - 1);
        if (incident->service == signal->service && strcmp(incident->kind, kind) == 0 &&
            strcmp(incident->camera_id, signal->camera_id) == 0) {
            end_incident(incident, signal);
            g_array_index(fused->histories, struct history, i - 1).traceparent = traceparent;
            return true;
        }
    }
    struct incident *incident = NULL;
    const struct record_sql_value values[] = {sql_time(0), sql_time(signal->started_at.ms)};
    if (!read_newest(fused, signal, kind, "ended_at IS NULL AND last_signal_at >= $5 AND started_at <= $6", values,
                     &incident, error))
        return false;
    if (!incident)
        return true;
    add_touched(fused, incident, incident_mark_of(incident), traceparent);
    end_incident(incident, signal);
    return true;
}

static bool follow(struct fused *fused, const struct signal *signal, const char *traceparent, GError **error)
{
    struct violation violation;
    const char *ended = fusion_ends(signal);
    if (fusion_violation(signal, &violation))
        g_ptr_array_add(fused->violations, g_memdup2(&violation, sizeof violation));
    return ended ? end(fused, signal, ended, traceparent, error) : fuse(fused, signal, traceparent, error);
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

/* One that was dismissed goes on in silence. */
static bool note_steps(const struct fused *fused, GError **error)
{
    bool is_good = true;
    for (guint i = 0; i < fused->incidents->len && is_good; i++) {
        const struct incident *incident = g_ptr_array_index(fused->incidents, i);
        const struct history *history = &g_array_index(fused->histories, struct history, i);
        enum incident_step step =
            incident->status == INCIDENT_DISMISSED ? 0 : incident_step_since(history->before, incident);
        if (step)
            is_good = store_incident_change_add_in(fused->transaction, step, incident, history->traceparent, error);
        if (is_good && step == INCIDENT_STEP_OPENED && incident->ended_at.ms) /* begun and over within one batch */
            is_good = store_incident_change_add_in(fused->transaction, INCIDENT_STEP_ENDED, incident,
                                                   history->traceparent, error);
    }
    return is_good;
}

static bool write_all(struct fused *fused, GError **error)
{
    const GPtrArray *incidents = fused->incidents, *violations = fused->violations;
    return store_insert(fused->transaction, &incident_descriptor, (const void *const *)incidents->pdata, incidents->len,
                        RECORD_CONFLICT_REPLACE, NULL, error) &&
           store_insert(fused->transaction, &violation_descriptor, (const void *const *)violations->pdata,
                        violations->len, RECORD_CONFLICT_IGNORE, NULL, error) &&
           note_steps(fused, error);
}

bool store_signals_follow_in(struct store_transaction *transaction, struct analytics_event *const *events,
                             const bool *is_new, size_t count, GPtrArray *changed, GError **error)
{
    g_autoptr(GPtrArray) incidents = g_ptr_array_new_with_free_func(store_incident_free),
                         violations = g_ptr_array_new_with_free_func(violation_free);
    g_autoptr(GArray) histories = g_array_new(FALSE, FALSE, sizeof(struct history));
    struct fused fused = {transaction, &transaction->store->settings.fusion, incidents, histories, violations};
    bool is_good = true;
    for (size_t i = 0; i < count && is_good; i++) {
        struct signal signal;
        if (!is_new[i] || events[i]->type != EVENT_SIGNAL)
            continue;
        if (!read_signal(events[i], &signal, error))
            return false;
        is_good = follow(&fused, &signal, events[i]->traceparent, error);
        record_clear(&signal_descriptor, &signal);
    }
    if (!is_good || !write_all(&fused, error))
        return false;
    for (guint i = incidents->len; i > 0; i--) /* from the end: indices stay */
        if (((const struct incident *)g_ptr_array_index(incidents, i - 1))->status == INCIDENT_DISMISSED)
            g_ptr_array_remove_index(incidents, i - 1); /* it goes on in silence */
    while (incidents->len)
        g_ptr_array_add(changed, g_ptr_array_steal_index(incidents, 0));
    return true;
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
