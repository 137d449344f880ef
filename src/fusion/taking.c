/* Signals taken one after the other: each joins the newest incident that it belongs to, or begins another. */
#include "fusion/fusion.h"

#include <string.h>

struct fusion {
    const struct fusion_settings *settings;
    const struct fusion_elsewhere *elsewhere; /* NULL: there is nothing but what is in memory */
    GPtrArray *incidents;                     /* owned; struct incident * */
    /* What a signal must share with all of an incident's → GPtrArray of struct incident *, borrowed, the one with the
     * earliest last signal first: what belongs to a new signal is at the end, however many there were. */
    GHashTable *of_key;
};

static void unref_array(gpointer array)
{
    g_ptr_array_unref(array);
}

struct fusion *fusion_new(const struct fusion_settings *settings, const struct fusion_elsewhere *elsewhere)
{
    struct fusion *fusion = g_new0(struct fusion, 1);
    *fusion = (struct fusion){settings, elsewhere, g_ptr_array_new_with_free_func(incident_free),
                              g_hash_table_new_full(g_str_hash, g_str_equal, g_free, unref_array)};
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

static GPtrArray *list_of(struct fusion *fusion, const char *org_id, const char *camera_id, enum service service,
                          const char *kind)
{
    g_autofree char *key = g_strdup_printf("%s %s %d %s", org_id ? org_id : "", camera_id, (int)service, kind);
    GPtrArray *list = g_hash_table_lookup(fusion->of_key, key);
    if (!list)
        g_hash_table_insert(fusion->of_key, g_steal_pointer(&key), list = g_ptr_array_new());
    return list;
}

/* Puts an incident of the list behind those whose last signal came earlier. */
static void settle(GPtrArray *list, struct incident *moved)
{
    struct incident **items = (struct incident **)(void *)list->pdata;
    guint index = list->len - 1;
    while (items[index] != moved)
        index--;
    for (; index + 1 < list->len && items[index + 1]->last_signal_at.ms <= moved->last_signal_at.ms; index++)
        items[index] = items[index + 1];
    for (; index > 0 && items[index - 1]->last_signal_at.ms > moved->last_signal_at.ms; index--)
        items[index] = items[index - 1];
    items[index] = moved;
}

void fusion_add(struct fusion *fusion, struct incident *incident)
{
    GPtrArray *list = list_of(fusion, incident->org_id, incident->camera_id, incident->service, incident->kind);
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

/* One that is not in memory yet: it is elsewhere, or begins with the signal. *incident stays NULL: neither. */
static bool fetch_or_open(struct fusion *fusion, const GPtrArray *list, const struct signal *signal,
                          struct incident **incident, GError **error)
{
    const struct fusion_elsewhere *elsewhere = fusion->elsewhere;
    if (elsewhere && !elsewhere->find_joined(elsewhere->data, signal, incident, error))
        return false;
    if (*incident && (!fusion_belongs(fusion->settings, *incident, signal) /* of another site: the camera was moved */
                      || is_in_memory(list, *incident)))
        g_clear_pointer(incident, incident_free);
    if (!*incident && fusion_opens(fusion->settings, signal)) {
        *incident = g_new0(struct incident, 1);
        fusion_open(signal, *incident);
    }
    if (*incident)
        fusion_add(fusion, *incident);
    return true;
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
    GPtrArray *list = list_of(fusion, signal->org_id, signal->camera_id, signal->service, signal->kind);
    struct incident *joined = find_joined(fusion, list, signal);
    if (!joined && !fetch_or_open(fusion, list, signal, &joined, error))
        return false;
    if (joined) {
        fusion_join(fusion->settings, joined, signal);
        settle(list, joined);
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
    const GPtrArray *list = list_of(fusion, signal->org_id, signal->camera_id, signal->service, kind);
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
    const GPtrArray *list = list_of(fusion, next->org_id, next->camera_id, next->service, next->kind);
    for (guint i = 0; i < list->len; i++) {
        struct incident *incident = g_ptr_array_index(list, i);
        if (incident->started_at.ms < next->started_at.ms)
            incident->status = INCIDENT_RESOLVED;
    }
}
