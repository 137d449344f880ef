#include "keeper/backtest_internal.h"

#include <string.h>

#include "analytics/chunk.h"

enum {
    MATCH_MS = 60000, /* signals without tracks are the same only so near to each other */
    MATCH_BACK_MS = 86400000,
};

/* The rules under one set of policies. */
struct side {
    const struct policy_set *set;
    struct analytics *analytics; /* NULL: between runs */
    int64_t valid_until_ms;      /* then an overlay comes or goes */
    GPtrArray *raised;           /* of struct raised *, as they came */
    bool is_overfull;
    const struct backtest_rules *rules;
};
enum { CURRENT, PROPOSED, SIDES };

struct backtest_camera {
    struct backtest_rules rules;
    struct side sides[SIDES];
    GPtrArray *stored;           /* of struct raised *; their signals have id and snapshot_id */
    GPtrArray *stored_incidents; /* of struct incident * */
    char *run_id;                /* of the run that is replayed; NULL: none */
    int32_t number;              /* of its last piece */
    int64_t first_ms, last_ms, chunks, frames, gaps, damaged;
    double replayed_seconds;
    bool has_older_policies;
};

/* ---- what is raised ---- */

static void raised_free(gpointer data)
{
    struct raised *raised = data;
    g_free(raised->key);
    g_free(raised->signature);
    record_clear(&signal_descriptor, &raised->signal);
    g_free(raised);
}

static char *key_of(const struct signal *signal)
{
    GString *key = g_string_new(signal->kind);
    g_string_append_printf(key, " %s", signal->zone_id ? signal->zone_id : "");
    for (size_t i = 0; i < signal->track_ids.count; i++)
        g_string_append_printf(key, " %" G_GUINT64_FORMAT, signal->track_ids.items[i]);
    return g_string_free(key, FALSE);
}

/* The record as every run would write it. */
static char *signature_of(enum event_type type, const void *record)
{
    GString *text = g_string_new(NULL);
    if (type == EVENT_SIGNAL) {
        struct signal signal = *(const struct signal *)record; /* borrows */
        signal.id = signal.org_id = signal.site_id = signal.camera_id = signal.class_id = signal.snapshot_id = NULL;
        signal.policy_revision = 0;
        record_encode_json(&signal_descriptor, &signal, false, text);
    } else {
        struct zone_hit hit = *(const struct zone_hit *)record;
        hit.id = hit.camera_id = NULL;
        record_encode_json(&zone_hit_descriptor, &hit, false, text);
    }
    return g_string_free(text, FALSE);
}

/* NULL: it is nothing that policies are compared by. */
static struct raised *raised_of(enum event_type type, const void *record)
{
    const struct zone_hit *hit = record;
    if (type != EVENT_SIGNAL && (type != EVENT_ZONE_HIT || hit->event != ZONE_HIT_DWELL))
        return NULL;
    struct raised *raised = g_new0(struct raised, 1);
    if (type == EVENT_SIGNAL) {
        record_copy(&signal_descriptor, record, &raised->signal);
    } else {
        raised->signal.id = g_strdup(hit->id);
        raised->signal.kind = g_strdup(zone_hit_event_names[ZONE_HIT_DWELL - 1]);
        raised->signal.zone_id = g_strdup(hit->zone_id);
        raised->signal.started_at = hit->at;
        raised->signal.track_ids.items = g_memdup2(&hit->track_id, sizeof hit->track_id);
        raised->signal.track_ids.count = 1;
    }
    raised->key = key_of(&raised->signal);
    raised->signature = signature_of(type, record);
    return raised;
}

static bool is_asked_for(const struct backtest_rules *rules, int64_t at_ms)
{
    return at_ms >= rules->from_ms && at_ms < rules->to_ms;
}

/* For the rules. */
static void take(void *data, enum event_type type, void *record)
{
    struct side *side = data;
    struct raised *raised = raised_of(type, record);
    bool counts = raised && is_asked_for(side->rules, raised->signal.started_at.ms);
    if (counts && side->raised->len < side->rules->signals_max) {
        g_ptr_array_add(side->raised, raised);
        return;
    }
    side->is_overfull |= counts;
    if (raised)
        raised_free(raised);
}

/* ---- the rules under one set of policies ---- */

/* What counts at a frame's time. */
static bool side_configure(struct side *side, int64_t at_ms, GError **error)
{
    const struct backtest_rules *rules = side->rules;
    struct camera_config config;
    CLEANUP(policy_view) struct policy_view *view = policy_view_new(side->set, &rules->subject, 1, at_ms, error);
    if (!view || !policy_apply(policy_view_at(view, 0), policy_view_revision(view), rules->base, &config, error))
        return false;
    side->valid_until_ms = policy_view_valid_until_ms(view);
    if (side->analytics)
        analytics_configure(side->analytics, &config.camera, &config.rules, at_ms,
                            &(struct analytics_sink){take, side});
    else
        side->analytics = analytics_new(&config.camera, &config.rules);
    record_clear(&camera_config_descriptor, &config);
    return true;
}

static bool side_observe(struct side *side, const struct observation *observation, GError **error)
{
    const struct analytics_sink sink = {take, side};
    if ((!side->analytics || observation->at_ms >= side->valid_until_ms) &&
        !side_configure(side, observation->at_ms, error))
        return false;
    analytics_observe(side->analytics, observation, &sink);
    if (!side->is_overfull)
        return true;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_FULL,
                "camera '%s' would raise more than %zu signals in that time: ask for a shorter one, or raise "
                "policies.backtest_signals",
                side->rules->subject.camera_id, side->rules->signals_max);
    return false;
}

static void end_run(struct backtest_camera *camera, bool is_in_order)
{
    for (int i = 0; i < SIDES; i++) {
        struct side *side = &camera->sides[i];
        const struct analytics_sink sink = {take, side};
        if (side->analytics && is_in_order)
            analytics_finish(side->analytics, camera->last_ms, &sink);
        g_clear_pointer(&side->analytics, analytics_free);
    }
    g_clear_pointer(&camera->run_id, g_free);
}

/* ---- replaying ---- */

struct backtest_camera *backtest_camera_new(const struct backtest_rules *rules)
{
    struct backtest_camera *camera = g_new0(struct backtest_camera, 1);
    camera->rules = *rules;
    camera->stored = g_ptr_array_new_with_free_func(raised_free);
    camera->stored_incidents = g_ptr_array_new_with_free_func(incident_free);
    for (int i = 0; i < SIDES; i++)
        camera->sides[i] = (struct side){.set = i == CURRENT ? rules->current : rules->proposed,
                                         .raised = g_ptr_array_new_with_free_func(raised_free),
                                         .rules = &camera->rules};
    return camera;
}

void backtest_camera_free(struct backtest_camera *camera)
{
    if (!camera)
        return;
    for (int i = 0; i < SIDES; i++) {
        analytics_free(camera->sides[i].analytics);
        g_ptr_array_unref(camera->sides[i].raised);
    }
    g_ptr_array_unref(camera->stored);
    g_ptr_array_unref(camera->stored_incidents);
    g_free(camera->run_id);
    g_free(camera);
}

static void note_chunk(struct backtest_camera *camera, const struct track_chunk *chunk)
{
    camera->chunks++;
    if (g_strcmp0(camera->run_id, chunk->run_id) != 0) {
        end_run(camera, false);
        camera->run_id = g_strdup(chunk->run_id);
    } else if (chunk->number != camera->number + 1) {
        camera->gaps++;
    }
    camera->number = chunk->number;
    if (chunk->to_at.ms >= camera->rules.from_ms && chunk->policy_revision < camera->rules.changed)
        camera->has_older_policies = true;
    camera->replayed_seconds += (double)(chunk->to_at.ms - chunk->from_at.ms) / 1000;
}

/* Damage ends the run: what rules would make of the rest is not what live made of it. */
static bool replay_frames(struct backtest_camera *camera, const guchar *bytes, size_t length, GError **error)
{
    struct observation observation;
    g_autoptr(GError) damage = NULL;
    CLEANUP(chunk_reader) struct chunk_reader *reader = chunk_reader_new(bytes, length, &damage);
    while (reader && chunk_reader_next(reader, &observation, &damage)) {
        camera->frames++;
        camera->last_ms = observation.at_ms;
        for (int i = 0; i < SIDES; i++)
            if (!side_observe(&camera->sides[i], &observation, error))
                return false;
    }
    if (damage) {
        camera->damaged++;
        end_run(camera, false);
    }
    return true;
}

bool backtest_camera_replay(struct backtest_camera *camera, const struct track_chunk *chunk, GError **error)
{
    gsize length = 0;
    g_autofree guchar *bytes = g_base64_decode(chunk->data, &length);
    note_chunk(camera, chunk);
    if (!replay_frames(camera, bytes, length, error))
        return false;
    if (chunk->is_last)
        end_run(camera, true);
    return true;
}

/* ---- what was stored then ---- */

static bool is_room(const struct backtest_camera *camera, const GPtrArray *stored, const char *what, GError **error)
{
    if (stored->len < camera->rules.signals_max)
        return true;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_FULL,
                "of camera '%s' more than %zu %s are stored of that time: ask for a shorter one, or raise "
                "policies.backtest_signals",
                camera->rules.subject.camera_id, camera->rules.signals_max, what);
    return false;
}

bool backtest_camera_note_stored(struct backtest_camera *camera, const struct analytics_event *event, GError **error)
{
    const struct record_descriptor *descriptor = event_type_find(event->type)->payload;
    struct record_errors errors;
    g_autofree void *record = g_malloc0(descriptor->size);
    record_errors_init(&errors);
    bool is_good = record_decode_json(descriptor, event->payload.text, strlen(event->payload.text), record, &errors) ||
                   record_errors_to_gerror(&errors, error);
    record_errors_clear(&errors);
    if (!is_good)
        return false;
    struct raised *raised = raised_of(event->type, record);
    record_clear(descriptor, record);
    bool counts = raised && is_asked_for(&camera->rules, raised->signal.started_at.ms) &&
                  (event->type != EVENT_SIGNAL || !signal_is_of_server(&raised->signal));
    is_good = !counts || is_room(camera, camera->stored, "signals", error);
    if (counts && is_good)
        g_ptr_array_add(camera->stored, raised);
    else if (raised)
        raised_free(raised);
    return is_good;
}

/* Nobody asks what was said, and it may be long. */
static void drop_notes(struct incident *incident)
{
    struct incident_note *notes = incident->notes.items;
    for (size_t i = 0; i < incident->notes.count; i++)
        record_clear(&incident_note_descriptor, &notes[i]);
    g_free(notes);
    incident->notes = (struct record_list){NULL, 0};
}

bool backtest_camera_note_incident(struct backtest_camera *camera, struct incident *incident, GError **error)
{
    if (!is_room(camera, camera->stored_incidents, "incidents", error)) {
        incident_free(incident);
        return false;
    }
    drop_notes(incident);
    g_ptr_array_add(camera->stored_incidents, incident);
    return true;
}

bool backtest_camera_has_dwells(const struct backtest_camera *camera)
{
    for (int i = 0; i < SIDES; i++)
        for (guint j = 0; j < camera->sides[i].raised->len; j++)
            if (!((const struct raised *)g_ptr_array_index(camera->sides[i].raised, j))->signal.service)
                return true;
    return false;
}

/* ---- holding them against each other ---- */

static int by_time(gconstpointer a, gconstpointer b)
{
    const struct raised *const *left = a, *const *right = b;
    int64_t difference = (*left)->signal.started_at.ms - (*right)->signal.started_at.ms;
    return difference < 0 ? -1 : difference > 0;
}

/* A new array of the same, earliest first; each stays at its address. */
static GPtrArray *in_order(GPtrArray *all)
{
    GPtrArray *sorted = g_ptr_array_copy(all, NULL, NULL);
    g_ptr_array_set_free_func(sorted, NULL);
    g_ptr_array_sort(sorted, by_time);
    return sorted;
}

static void queue_free(gpointer queue)
{
    g_queue_free(queue);
}

/* Text → GQueue of struct raised *, in the order of `all`. */
static GHashTable *index_by(const GPtrArray *all, bool is_by_signature)
{
    GHashTable *index = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, queue_free);
    for (guint i = 0; i < all->len; i++) {
        struct raised *raised = g_ptr_array_index(all, i);
        char *text = is_by_signature ? raised->signature : raised->key;
        GQueue *queue = g_hash_table_lookup(index, text);
        if (!queue)
            g_hash_table_insert(index, text, queue = g_queue_new());
        g_queue_push_tail(queue, raised);
    }
    return index;
}

/* The earliest that is the same as `raised`, taken out; NULL: there is none. */
static struct raised *take_same(GHashTable *index, const struct raised *raised)
{
    GQueue *queue = g_hash_table_lookup(index, raised->key);
    int64_t reach_ms = raised->signal.track_ids.count ? MATCH_BACK_MS : MATCH_MS;
    for (GList *node = queue ? queue->head : NULL; node; node = node->next) {
        struct raised *other = node->data;
        if (ABS(other->signal.started_at.ms - raised->signal.started_at.ms) > reach_ms)
            continue;
        g_queue_delete_link(queue, node);
        return other;
    }
    return NULL;
}

/* The signals of both sides, and what was stored, earliest first. What follows is false when it was over before. */
struct match {
    const struct backtest_watch *watch;
    GPtrArray *current, *proposed, *stored;
};

static bool pair_sides(const struct match *match, GError **error)
{
    g_autoptr(GHashTable) left = index_by(match->proposed, false);
    for (guint i = 0; i < match->current->len; i++) {
        if (backtest_is_over(match->watch, error))
            return false;
        struct raised *was = g_ptr_array_index(match->current, i), *is = take_same(left, was);
        was->partner = is;
        if (is)
            is->partner = was;
    }
    return true;
}

/* Those of the current side that were stored to the last letter; *count: how many. What was stored and is none of them
 * is added to `others`. */
static bool recognise_exactly(const struct match *match, GPtrArray *others, int64_t *count, GError **error)
{
    g_autoptr(GHashTable) again = index_by(match->current, true);
    for (guint i = 0; i < match->stored->len; i++) {
        if (backtest_is_over(match->watch, error))
            return false;
        struct raised *stored = g_ptr_array_index(match->stored, i);
        GQueue *queue = g_hash_table_lookup(again, stored->signature);
        struct raised *raised = queue ? g_queue_pop_head(queue) : NULL;
        if (raised)
            raised->stored = stored;
        else
            g_ptr_array_add(others, stored);
        *count += raised != NULL;
    }
    return true;
}

/* The rest by what they are about: the current side's first, then what only the proposed one raises. */
static bool recognise_others(const struct match *match, const GPtrArray *others, GError **error)
{
    g_autoptr(GHashTable) left = index_by(others, false);
    for (guint i = 0; i < match->current->len; i++) {
        if (backtest_is_over(match->watch, error))
            return false;
        struct raised *was = g_ptr_array_index(match->current, i);
        was->stored = was->stored ? was->stored : take_same(left, was);
    }
    for (guint i = 0; i < match->proposed->len; i++) {
        if (backtest_is_over(match->watch, error))
            return false;
        struct raised *is = g_ptr_array_index(match->proposed, i);
        is->stored = is->partner ? is->partner->stored : take_same(left, is);
    }
    return true;
}

/* `raised` by the proposed policy where that does, by the current one where it alone does; `current` may be NULL. */
static void add_finding(const struct backtest_camera *camera, const struct raised *raised, const struct raised *current,
                        size_t findings_max, struct backtest *backtest)
{
    const struct raised *then = raised->stored;
    bool is_gone = raised == current;
    if (backtest->findings.count >= findings_max) {
        backtest->findings_left_out++;
        return;
    }
    struct backtest_finding *finding = record_list_append(&backtest->findings, &backtest_finding_descriptor);
    finding->change = !current ? BACKTEST_NEW : is_gone ? BACKTEST_GONE : BACKTEST_KEPT;
    finding->camera_id = g_strdup(camera->rules.subject.camera_id);
    finding->kind = g_strdup(raised->signal.kind);
    finding->zone_id = g_strdup(raised->signal.zone_id);
    finding->track_ids.items = g_memdup2(raised->signal.track_ids.items,
                                         raised->signal.track_ids.count * sizeof *raised->signal.track_ids.items);
    finding->track_ids.count = raised->signal.track_ids.count;
    finding->severity = raised->signal.severity;
    finding->at.ms = is_gone ? 0 : raised->signal.started_at.ms;
    finding->current_at.ms = current ? current->signal.started_at.ms : 0;
    finding->signal_id = then ? g_strdup(then->signal.id) : NULL;
    finding->snapshot_id = then ? g_strdup(then->signal.snapshot_id) : NULL;
}

/* Each of the current policy's signals, then what only the proposed one raises. */
static void compare_signals(const struct backtest_camera *camera, const struct match *match, size_t findings_max,
                            struct backtest *backtest)
{
    for (guint i = 0; i < match->current->len; i++) {
        const struct raised *was = g_ptr_array_index(match->current, i);
        backtest->kept += was->partner != NULL;
        backtest->gone += was->partner == NULL;
        add_finding(camera, was->partner ? was->partner : was, was, findings_max, backtest);
    }
    for (guint i = 0; i < match->proposed->len; i++) {
        const struct raised *is = g_ptr_array_index(match->proposed, i);
        if (is->partner)
            continue;
        backtest->new_signals++;
        add_finding(camera, is, NULL, findings_max, backtest);
    }
}

static bool compare(struct backtest_camera *camera, const struct backtest_watch *watch, size_t findings_max,
                    struct backtest *backtest, GError **error)
{
    GPtrArray *current = camera->sides[CURRENT].raised, *proposed = camera->sides[PROPOSED].raised;
    g_autoptr(GPtrArray) was = in_order(current), is = in_order(proposed), stored = in_order(camera->stored),
                         others = g_ptr_array_new();
    const struct match match = {watch, was, is, stored};
    const struct backtest_fused fused = {&camera->rules, watch, current, proposed, camera->stored_incidents};
    int64_t reproduced = 0;
    if (!pair_sides(&match, error) || !recognise_exactly(&match, others, &reproduced, error) ||
        !recognise_others(&match, others, error) || !backtest_compare_incidents(&fused, findings_max, backtest, error))
        return false;
    backtest->stored += stored->len;
    backtest->reproduced += reproduced;
    compare_signals(camera, &match, findings_max, backtest);
    return true;
}

bool backtest_camera_conclude(struct backtest_camera *camera, const struct backtest_watch *watch, size_t findings_max,
                              struct backtest *backtest, GError **error)
{
    end_run(camera, false);
    if (!compare(camera, watch, findings_max, backtest, error))
        return false;
    backtest->chunks += camera->chunks;
    backtest->frames += camera->frames;
    backtest->gaps += camera->gaps;
    backtest->damaged += camera->damaged;
    backtest->has_older_policies |= camera->has_older_policies;
    backtest->replayed_seconds += camera->replayed_seconds;
    return true;
}
