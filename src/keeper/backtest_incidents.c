/* The incidents that the signals of a backtest would have opened, made by the fusion that makes the stored ones.
 *
 * What stood when the time asked for begins stands under both policies, as it was stored: what it would have been under
 * another policy is not asked. That people resolved an incident shows only in what was stored after it: where a signal
 * that would have joined it began another, it was resolved by then, under both policies. */
#include "keeper/backtest_internal.h"

#include <string.h>

#include "fusion/fusion.h"

/* The incidents of one side. */
struct fused_side {
    struct fusion *fusion;
    guint standing;        /* so many of fusion_incidents stood when the time asked for began */
    guint next_cut;        /* of `cuts` */
    const GPtrArray *cuts; /* of const struct incident *, by started_at: what is before one was resolved by then */
    GPtrArray *touched;    /* by a signal; reused */
    /* Of those that were opened since. */
    GHashTable *incident_of; /* const struct raised * → struct incident * */
    GHashTable *members;     /* struct incident * → GPtrArray of const struct raised * */
};

/* ---- what was stored ---- */

static bool is_asked_for(const struct backtest_rules *rules, int64_t at_ms)
{
    return at_ms >= rules->from_ms && at_ms < rules->to_ms;
}

static int by_start(gconstpointer a, gconstpointer b)
{
    const struct incident *const *left = a, *const *right = b;
    int64_t difference = (*left)->started_at.ms - (*right)->started_at.ms;
    return difference < 0 ? -1 : difference > 0 ? 1 : g_strcmp0((*left)->id, (*right)->id);
}

/* A new array of those before which one of the same kind was resolved. They are in order of their start. */
static GPtrArray *find_cuts(const struct backtest_rules *rules, const GPtrArray *stored)
{
    GPtrArray *cuts = g_ptr_array_new();
    g_autoptr(GHashTable) newest = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; i < stored->len; i++) {
        struct incident *incident = g_ptr_array_index(stored, i);
        g_autofree char *key = g_strdup_printf("%d %s", (int)incident->service, incident->kind);
        const struct incident *before = g_hash_table_lookup(newest, key);
        if (before && before->status == INCIDENT_RESOLVED && incident->started_at.ms >= rules->from_ms &&
            incident->started_at.ms <= before->last_signal_at.ms + rules->fusion->window_seconds * INT64_C(1000))
            g_ptr_array_add(cuts, incident);
        g_hash_table_insert(newest, g_steal_pointer(&key), incident);
    }
    return cuts;
}

/* What stood at the beginning, as it was then as far as signals that come ask. */
static void add_standing(struct fused_side *side, const struct backtest_rules *rules, const GPtrArray *stored)
{
    for (guint i = 0; i < stored->len; i++) {
        const struct incident *then = g_ptr_array_index(stored, i);
        if (then->started_at.ms >= rules->from_ms)
            continue;
        struct incident *standing = g_new0(struct incident, 1);
        record_copy(&incident_descriptor, then, standing);
        standing->last_signal_at.ms = MIN(then->last_signal_at.ms, rules->from_ms);
        standing->status = then->status == INCIDENT_RESOLVED ? INCIDENT_OPEN : then->status;
        fusion_add(side->fusion, standing);
        side->standing++;
    }
}

/* ---- what becomes of signals ---- */

static void unref_array(gpointer array)
{
    g_ptr_array_unref(array);
}

static void note_member(struct fused_side *side, struct incident *incident, const struct raised *raised)
{
    GPtrArray *members = g_hash_table_lookup(side->members, incident);
    if (!members)
        g_hash_table_insert(side->members, incident, members = g_ptr_array_new());
    g_ptr_array_add(members, (gpointer)(uintptr_t)raised);
    g_hash_table_insert(side->incident_of, (gpointer)(uintptr_t)raised, incident);
}

/* Whose it is, and which record it was where it was stored. What it holds is borrowed. */
static struct signal signal_of(const struct backtest_rules *rules, const struct raised *raised)
{
    struct signal signal = raised->signal;
    signal.org_id = (char *)(uintptr_t)rules->subject.org_id;
    signal.site_id = (char *)(uintptr_t)rules->subject.site_id;
    signal.camera_id = (char *)(uintptr_t)rules->subject.camera_id;
    signal.id = raised->stored ? raised->stored->signal.id : (char *)(uintptr_t) "";
    signal.snapshot_id = raised->stored ? raised->stored->signal.snapshot_id : NULL;
    return signal;
}

static void take(struct fused_side *side, const struct backtest_rules *rules, const struct raised *raised)
{
    struct signal signal = signal_of(rules, raised);
    g_ptr_array_set_size(side->touched, 0);
    for (; side->next_cut < side->cuts->len; side->next_cut++) {
        const struct incident *next = g_ptr_array_index(side->cuts, side->next_cut);
        if (next->started_at.ms > signal.started_at.ms)
            break;
        fusion_close_before(side->fusion, next);
    }
    fusion_take(side->fusion, &signal, side->touched, NULL); /* nothing is elsewhere that could fail */
    for (guint i = 0; i < side->touched->len; i++) {
        struct incident *incident = g_ptr_array_index(side->touched, i);
        if (incident->started_at.ms >= rules->from_ms)
            note_member(side, incident, raised);
    }
}

static void side_init(struct fused_side *side, const struct backtest_fused *fused, const GPtrArray *cuts)
{
    *side = (struct fused_side){.fusion = fusion_new(fused->rules->fusion, NULL),
                                .cuts = cuts,
                                .touched = g_ptr_array_new(),
                                .incident_of = g_hash_table_new(NULL, NULL),
                                .members = g_hash_table_new_full(NULL, NULL, NULL, unref_array)};
    add_standing(side, fused->rules, fused->stored);
}

/* False, as in what follows: it was over before. */
static bool side_take(struct fused_side *side, const struct backtest_fused *fused, const GPtrArray *raised,
                      GError **error)
{
    for (guint i = 0; i < raised->len; i++) {
        const struct raised *each = g_ptr_array_index(raised, i);
        if (backtest_is_over(fused->watch, error))
            return false;
        if (each->signal.service) /* a dwell is no signal */
            take(side, fused->rules, each);
    }
    return true;
}

static void side_clear(struct fused_side *side)
{
    fusion_free(side->fusion);
    g_ptr_array_unref(side->touched);
    g_hash_table_unref(side->incident_of);
    g_hash_table_unref(side->members);
}

/* ---- whether it is what was stored ---- */

/* Everything but what people made of it, and under which revision. g_free. */
static char *signature_of(const struct incident *incident)
{
    struct incident bare = *incident; /* borrows */
    GString *text = g_string_new(NULL);
    bare.status = INCIDENT_OPEN;
    bare.assignee = NULL;
    bare.changed_at.ms = 0; /* of the day on which it was stored */
    bare.notes = (struct record_list){NULL, 0};
    bare.policy_revision = 0;
    record_encode_json(&incident_descriptor, &bare, false, text);
    return g_string_free(text, FALSE);
}

/* Not of the server's own signals, and all of them are of the time asked for. */
static bool is_comparable(const struct backtest_rules *rules, const struct incident *stored)
{
    const struct signal like = {.service = stored->service, .kind = stored->kind};
    return is_asked_for(rules, stored->started_at.ms) && is_asked_for(rules, stored->last_signal_at.ms) &&
           !signal_is_of_server(&like);
}

struct counts {
    int64_t stored, reproduced;
};

static bool count_reproduced(const struct fused_side *current, const struct backtest_fused *fused,
                             struct counts *counts, GError **error)
{
    g_autoptr(GHashTable) again = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    const GPtrArray *incidents = fusion_incidents(current->fusion);
    for (guint i = current->standing; i < incidents->len; i++) {
        if (backtest_is_over(fused->watch, error))
            return false;
        g_hash_table_add(again, signature_of(g_ptr_array_index(incidents, i)));
    }
    for (guint i = 0; i < fused->stored->len; i++) {
        const struct incident *stored = g_ptr_array_index(fused->stored, i);
        if (backtest_is_over(fused->watch, error))
            return false;
        if (!is_comparable(fused->rules, stored))
            continue;
        g_autofree char *signature = signature_of(stored);
        counts->stored++;
        counts->reproduced += g_hash_table_contains(again, signature);
    }
    return true;
}

/* ---- holding them against each other ---- */

struct comparison {
    const struct backtest_fused *fused;
    const struct fused_side *current, *proposed;
    GHashTable *stored_ids;
    GHashTable *is_taken; /* those of the proposed side that the current one has too */
    size_t findings_max;
    struct backtest *backtest;
};

/* The proposed side's that has the earliest of this one's signals that both raise, where no other has it yet. */
static const struct incident *find_pair(const struct comparison *comparison, const struct incident *incident)
{
    const GPtrArray *members = g_hash_table_lookup(comparison->current->members, incident);
    for (guint i = 0; i < members->len; i++) {
        const struct raised *raised = g_ptr_array_index(members, i);
        struct incident *pair =
            raised->partner ? g_hash_table_lookup(comparison->proposed->incident_of, raised->partner) : NULL;
        if (pair && g_hash_table_add(comparison->is_taken, pair))
            return pair;
    }
    return NULL;
}

static bool is_alike(const struct comparison *comparison, const struct incident *was, const struct incident *is)
{
    const struct fused_side *proposed = comparison->proposed;
    const GPtrArray *before = g_hash_table_lookup(comparison->current->members, was),
                    *after = g_hash_table_lookup(proposed->members, is);
    bool is_same = was->severity == is->severity && was->started_at.ms == is->started_at.ms &&
                   was->last_signal_at.ms == is->last_signal_at.ms && before->len == after->len;
    for (guint i = 0; is_same && i < before->len; i++) {
        const struct raised *raised = g_ptr_array_index(before, i);
        is_same = raised->partner && g_hash_table_lookup(proposed->incident_of, raised->partner) == is;
    }
    return is_same;
}

static void copy_named(const struct record_strings *from, struct record_strings *to)
{
    to->items = g_new0(char *, from->count);
    for (size_t i = 0; i < from->count; i++)
        if (*from->items[i]) /* others were never stored */
            to->items[to->count++] = g_strdup(from->items[i]);
}

/* NULL, as in what follows: the policy opens none. */
static void describe(struct backtest_incident *found, const struct incident *is, const struct incident *was)
{
    if (is) {
        found->severity = is->severity;
        found->started_at = is->started_at;
        found->last_signal_at = is->last_signal_at;
        found->signal_count = is->signal_count;
    }
    if (was) {
        found->current_severity = was->severity;
        found->current_started_at = was->started_at;
        found->current_last_signal_at = was->last_signal_at;
        found->current_signal_count = was->signal_count;
    }
}

/* `any`: the one of both that people know, where they do. */
static void add_incident(const struct comparison *comparison, enum backtest_change change, const struct incident *any,
                         const struct incident *is, const struct incident *was)
{
    struct backtest *backtest = comparison->backtest;
    if (backtest->incidents.count >= comparison->findings_max) {
        backtest->incidents_left_out++;
        return;
    }
    struct backtest_incident *found = record_list_append(&backtest->incidents, &backtest_incident_descriptor);
    found->change = change;
    found->camera_id = g_strdup(any->camera_id);
    found->service = any->service;
    found->kind = g_strdup(any->kind);
    found->incident_id = g_hash_table_contains(comparison->stored_ids, any->id) ? g_strdup(any->id) : NULL;
    describe(found, is, was);
    copy_named(&any->signal_ids, &found->signal_ids);
    copy_named(&any->evidence, &found->snapshot_ids);
}

static void compare_opened(const struct comparison *comparison, const struct incident *was)
{
    struct backtest *backtest = comparison->backtest;
    const struct incident *is = find_pair(comparison, was);
    if (!is) {
        backtest->incidents_gone++;
        add_incident(comparison, BACKTEST_GONE, was, NULL, was);
    } else if (is_alike(comparison, was, is)) {
        backtest->incidents_kept++;
        add_incident(comparison, BACKTEST_KEPT, was, is, was);
    } else {
        backtest->incidents_changed++;
        add_incident(comparison, BACKTEST_CHANGED, was, is, was);
    }
}

/* Each that the current policy opens, then what only the proposed one opens. */
static void compare(const struct comparison *comparison)
{
    const struct fused_side *current = comparison->current, *proposed = comparison->proposed;
    const GPtrArray *before = fusion_incidents(current->fusion), *after = fusion_incidents(proposed->fusion);
    for (guint i = current->standing; i < before->len; i++)
        compare_opened(comparison, g_ptr_array_index(before, i));
    for (guint i = proposed->standing; i < after->len; i++) {
        const struct incident *is = g_ptr_array_index(after, i);
        if (g_hash_table_contains(comparison->is_taken, is))
            continue;
        comparison->backtest->incidents_new++;
        add_incident(comparison, BACKTEST_NEW, is, is, NULL);
    }
}

bool backtest_compare_incidents(const struct backtest_fused *fused, size_t findings_max, struct backtest *backtest,
                                GError **error)
{
    struct counts counts = {0, 0};
    struct fused_side current, proposed;
    g_autoptr(GHashTable) is_taken = g_hash_table_new(NULL, NULL),
                          stored_ids = g_hash_table_new(g_str_hash, g_str_equal);
    const struct comparison comparison = {fused, &current, &proposed, stored_ids, is_taken, findings_max, backtest};
    g_ptr_array_sort(fused->stored, by_start);
    for (guint i = 0; i < fused->stored->len; i++)
        g_hash_table_add(stored_ids, ((struct incident *)g_ptr_array_index(fused->stored, i))->id);
    g_autoptr(GPtrArray) cuts = find_cuts(fused->rules, fused->stored);
    side_init(&current, fused, cuts);
    side_init(&proposed, fused, cuts);
    bool is_good = side_take(&current, fused, fused->current, error) &&
                   side_take(&proposed, fused, fused->proposed, error) &&
                   count_reproduced(&current, fused, &counts, error);
    if (is_good) {
        backtest->stored_incidents += counts.stored;
        backtest->reproduced_incidents += counts.reproduced;
        compare(&comparison);
    }
    side_clear(&current);
    side_clear(&proposed);
    return is_good;
}
