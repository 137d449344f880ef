/* Signals taken one after the other: each joins the newest incident that it belongs to, or begins another. */
#include "fusion/fusion.h"

#include <string.h>

struct fusion {
    const struct fusion_settings *settings;
    const struct fusion_elsewhere *elsewhere; /* NULL: there is nothing but what is in memory */
    GPtrArray *incidents;                     /* owned; struct incident * */
    GHashTable *of_key; /* what a signal must share with all of an incident's → struct series * */
};

/* Incidents of one org, camera, service and kind. */
struct series {
    /* Of struct incident *, borrowed, by is_newer, the oldest first: what belongs to a new signal is at the end,
     * however many there were. */
    GPtrArray *incidents;
    bool is_asked;             /* what follows is known */
    int64_t elsewhere_last_ms; /* no incident that is not in memory has a signal later than this */
};

static void series_free(gpointer data)
{
    struct series *series = data;
    g_ptr_array_unref(series->incidents);
    g_free(series);
}

struct fusion *fusion_new(const struct fusion_settings *settings, const struct fusion_elsewhere *elsewhere)
{
    struct fusion *fusion = g_new0(struct fusion, 1);
    *fusion = (struct fusion){settings, elsewhere, g_ptr_array_new_with_free_func(incident_free),
                              g_hash_table_new_full(g_str_hash, g_str_equal, g_free, series_free)};
    return fusion;
}

void fusion_free(struct fusion *fusion)
{
    if (!fusion)
        return;
    g_hash_table_unref(fusion->of_key);
    g_ptr_array_unref(fusion->incidents);
    g_free(fusion);
}

GPtrArray *fusion_incidents(struct fusion *fusion)
{
    return fusion->incidents;
}

static struct series *series_of(struct fusion *fusion, const char *org_id, const char *camera_id, enum service service,
                                const char *kind)
{
    g_autofree char *key = g_strdup_printf("%s %s %d %s", org_id ? org_id : "", camera_id, (int)service, kind);
    struct series *series = g_hash_table_lookup(fusion->of_key, key);
    if (!series) {
        series = g_new0(struct series, 1);
        series->incidents = g_ptr_array_new();
        g_hash_table_insert(fusion->of_key, g_steal_pointer(&key), series);
    }
    return series;
}

/* By the last signal; where that is the same, by id, as elsewhere. */
static bool is_newer(const struct incident *incident, const struct incident *than)
{
    return incident->last_signal_at.ms != than->last_signal_at.ms
               ? incident->last_signal_at.ms > than->last_signal_at.ms
               : strcmp(incident->id, than->id) > 0;
}

/* Puts an incident of the list where it is in the order now. */
static void settle(GPtrArray *list, struct incident *moved)
{
    struct incident **items = (struct incident **)(void *)list->pdata;
    guint index = list->len - 1;
    while (items[index] != moved)
        index--;
    for (; index + 1 < list->len && is_newer(moved, items[index + 1]); index++)
        items[index] = items[index + 1];
    for (; index > 0 && is_newer(items[index - 1], moved); index--)
        items[index] = items[index - 1];
    items[index] = moved;
}

void fusion_add(struct fusion *fusion, struct incident *incident)
{
    GPtrArray *list =
        series_of(fusion, incident->org_id, incident->camera_id, incident->service, incident->kind)->incidents;
    g_ptr_array_add(fusion->incidents, incident);
    g_ptr_array_add(list, incident);
    settle(list, incident);
}

static struct incident *find_joined(const struct fusion *fusion, const GPtrArray *list, const struct signal *signal)
{
    int64_t oldest_ms = signal->started_at.ms - fusion->settings->window_seconds * INT64_C(1000);
    for (guint i = list->len; i-- > 0;) {
        struct incident *incident = g_ptr_array_index(list, i);
        if (incident->last_signal_at.ms < oldest_ms) /* nor does any before it belong */
            return NULL;
        if (fusion_belongs(fusion->settings, incident, signal))
            return incident;
    }
    return NULL;
}

/* What is in memory is as it is now, and elsewhere as it was. */
static bool is_in_memory(const GPtrArray *list, const struct incident *incident)
{
    for (guint i = 0; i < list->len; i++)
        if (strcmp(((const struct incident *)g_ptr_array_index(list, i))->id, incident->id) == 0)
            return true;
    return false;
}

/* Whether the newest that the signal belongs to may be one that is not in memory, where `joined` is the newest of those
 * that are. A signal that is not late mostly joins what has the last of all, and nobody is asked. */
static bool ask_elsewhere(struct fusion *fusion, struct series *series, const struct signal *signal,
                          const struct incident *joined, bool *may_be, GError **error)
{
    const struct fusion_elsewhere *elsewhere = fusion->elsewhere;
    int64_t window_ms = fusion->settings->window_seconds * INT64_C(1000);
    *may_be = false;
    if (!elsewhere)
        return true;
    if (!series->is_asked && !elsewhere->find_last_ms(elsewhere->data, signal, &series->elsewhere_last_ms, error))
        return false;
    series->is_asked = true;
    *may_be =
        series->elsewhere_last_ms >= (joined ? joined->last_signal_at.ms : MAX(signal->started_at.ms - window_ms, 1));
    return true;
}

/* Puts in place of `*joined` one that is not in memory yet and newer. */
static bool fetch_newer(struct fusion *fusion, struct series *series, const struct signal *signal,
                        struct incident **joined, GError **error)
{
    const struct fusion_elsewhere *elsewhere = fusion->elsewhere;
    struct incident *found = NULL;
    bool may_be;
    if (!ask_elsewhere(fusion, series, signal, *joined, &may_be, error) ||
        (may_be && !elsewhere->find_joined(elsewhere->data, signal, &found, error)))
        return false;
    /* where the newest elsewhere is in memory, what came to it there made it no older */
    if (found && !is_in_memory(series->incidents, found) && (!*joined || is_newer(found, *joined)))
        fusion_add(fusion, *joined = g_steal_pointer(&found));
    g_clear_pointer(&found, incident_free);
    return true;
}

static struct incident *open_with(struct fusion *fusion, const struct signal *signal)
{
    struct incident *incident = g_new0(struct incident, 1);
    fusion_open(signal, incident);
    fusion_add(fusion, incident);
    return incident;
}

static void note_touched(GPtrArray *touched, struct incident *incident)
{
    if (touched)
        g_ptr_array_add(touched, incident);
}

static bool take_joining(struct fusion *fusion, const struct signal *signal, GPtrArray *touched, GError **error)
{
    if (!fusion->settings->window_seconds)
        return true;
    struct series *series = series_of(fusion, signal->org_id, signal->camera_id, signal->service, signal->kind);
    struct incident *joined = find_joined(fusion, series->incidents, signal);
    if (!fetch_newer(fusion, series, signal, &joined, error))
        return false;
    if (!joined && fusion_opens(fusion->settings, signal))
        joined = open_with(fusion, signal);
    if (joined) {
        fusion_join(fusion->settings, joined, signal);
        settle(series->incidents, joined);
        note_touched(touched, joined);
    }
    return true;
}

/* Takes those that stand elsewhere and are not in memory. */
static bool fetch_standing(struct fusion *fusion, const GPtrArray *list, const struct signal *signal, const char *kind,
                           GError **error)
{
    const struct fusion_elsewhere *elsewhere = fusion->elsewhere;
    g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(incident_free);
    if (elsewhere && !elsewhere->find_standing(elsewhere->data, signal, kind, found, error))
        return false;
    for (guint i = found->len; i-- > 0;)
        if (!is_in_memory(list, g_ptr_array_index(found, i)))
            fusion_add(fusion, g_ptr_array_steal_index(found, i));
    return true;
}

/* All of the kind that stand: where a signal that ended one was missed, there are several. */
static bool take_ending(struct fusion *fusion, const struct signal *signal, const char *kind, GPtrArray *touched,
                        GError **error)
{
    const GPtrArray *list = series_of(fusion, signal->org_id, signal->camera_id, signal->service, kind)->incidents;
    if (!fetch_standing(fusion, list, signal, kind, error))
        return false;
    for (guint i = 0; i < list->len; i++) {
        struct incident *incident = g_ptr_array_index(list, i);
        if (incident->ended_at.ms || incident->started_at.ms > signal->started_at.ms)
            continue;
        incident->ended_at.ms = MAX(signal->started_at.ms, incident->last_signal_at.ms);
        note_touched(touched, incident);
    }
    return true;
}

bool fusion_take(struct fusion *fusion, const struct signal *signal, GPtrArray *touched, GError **error)
{
    const char *ended = fusion_ends(signal);
    return ended ? take_ending(fusion, signal, ended, touched, error) : take_joining(fusion, signal, touched, error);
}

void fusion_close_before(struct fusion *fusion, const struct incident *next)
{
    const GPtrArray *list = series_of(fusion, next->org_id, next->camera_id, next->service, next->kind)->incidents;
    for (guint i = 0; i < list->len; i++) {
        struct incident *incident = g_ptr_array_index(list, i);
        if (incident->started_at.ms < next->started_at.ms)
            incident->status = INCIDENT_RESOLVED;
    }
}
