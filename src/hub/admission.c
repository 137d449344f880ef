#include "hub/admission.h"

#include <glib.h>

enum {
    LOOKS_TO_MEASURE = 15, /* with pictures: starting costs more, and measures are smoothed */
};

/* One that was let in and is not measured yet. */
struct newcomer {
    int to_measure; /* looks with pictures that are left */
    int waited;     /* looks without one, in a row */
};

struct admission {
    GHashTable *settling; /* camera id → struct newcomer * */
    GHashTable *beyond;   /* of camera ids */
};

struct admission *admission_new(void)
{
    struct admission *admission = g_new0(struct admission, 1);
    admission->settling = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    admission->beyond = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return admission;
}

void admission_free(struct admission *admission)
{
    if (!admission)
        return;
    g_hash_table_unref(admission->settling);
    g_hash_table_unref(admission->beyond);
    g_free(admission);
}

void admission_let_in(struct admission *admission, const char *camera_id)
{
    struct newcomer *newcomer = g_new0(struct newcomer, 1);
    newcomer->to_measure = LOOKS_TO_MEASURE;
    g_hash_table_insert(admission->settling, g_strdup(camera_id), newcomer);
    g_hash_table_remove(admission->beyond, camera_id);
}

void admission_note_beyond(struct admission *admission, const char *camera_id)
{
    g_hash_table_add(admission->beyond, g_strdup(camera_id));
}

/* False: it is measured. */
static bool look_at(struct newcomer *newcomer, enum admission_state state)
{
    bool is_running = state == ADMISSION_RUNNING;
    newcomer->to_measure -= is_running;
    newcomer->waited = is_running ? 0 : MIN(newcomer->waited + 1, ADMISSION_LOOKS_TO_WAIT);
    return newcomer->to_measure > 0;
}

void admission_look(struct admission *admission, enum admission_state (*state)(void *data, const char *camera_id),
                    void *data)
{
    GHashTableIter iterator;
    gpointer camera_id, newcomer;
    g_hash_table_iter_init(&iterator, admission->beyond);
    while (g_hash_table_iter_next(&iterator, &camera_id, NULL))
        if (state(data, camera_id) == ADMISSION_GONE)
            g_hash_table_iter_remove(&iterator);
    g_hash_table_iter_init(&iterator, admission->settling);
    while (g_hash_table_iter_next(&iterator, &camera_id, &newcomer)) {
        enum admission_state now = state(data, camera_id);
        if (now == ADMISSION_GONE || !look_at(newcomer, now))
            g_hash_table_iter_remove(&iterator);
    }
}

/* Costs nothing, and keeps nobody out. */
static bool is_idle(const struct newcomer *newcomer)
{
    return newcomer->waited == ADMISSION_LOOKS_TO_WAIT;
}

bool admission_is_idle(const struct admission *admission, const char *camera_id)
{
    const struct newcomer *newcomer = g_hash_table_lookup(admission->settling, camera_id);
    return newcomer && is_idle(newcomer);
}

static int count_places(const struct admission *admission)
{
    GHashTableIter iterator;
    gpointer newcomer;
    int places = 0;
    g_hash_table_iter_init(&iterator, admission->settling);
    while (g_hash_table_iter_next(&iterator, NULL, &newcomer))
        places += !is_idle(newcomer);
    return places;
}

int admission_room(const struct admission *admission, int measured)
{
    return measured < 0 ? measured : MAX(measured - count_places(admission), 0);
}

void admission_forgive(struct admission *admission)
{
    g_hash_table_remove_all(admission->beyond);
}

size_t admission_count_beyond(const struct admission *admission)
{
    return g_hash_table_size(admission->beyond);
}
