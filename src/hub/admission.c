#include "hub/admission.h"

#include <glib.h>

enum { LOOKS_TO_MEASURE = 15 }; /* with pictures: starting costs more, and measures are smoothed */

struct admission {
    GHashTable *settling; /* camera id → looks until it is measured (int) */
    GHashTable *beyond;   /* of camera ids */
};

struct admission *admission_new(void)
{
    struct admission *admission = g_new0(struct admission, 1);
    admission->settling = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
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
    g_hash_table_insert(admission->settling, g_strdup(camera_id), GINT_TO_POINTER(LOOKS_TO_MEASURE));
    g_hash_table_remove(admission->beyond, camera_id);
}

void admission_note_beyond(struct admission *admission, const char *camera_id)
{
    g_hash_table_add(admission->beyond, g_strdup(camera_id));
}

void admission_look(struct admission *admission, enum admission_state (*state)(void *data, const char *camera_id),
                    void *data)
{
    GHashTableIter iterator;
    gpointer camera_id, looks;
    g_hash_table_iter_init(&iterator, admission->beyond);
    while (g_hash_table_iter_next(&iterator, &camera_id, NULL))
        if (state(data, camera_id) == ADMISSION_GONE)
            g_hash_table_iter_remove(&iterator);
    g_hash_table_iter_init(&iterator, admission->settling);
    while (g_hash_table_iter_next(&iterator, &camera_id, &looks)) {
        enum admission_state now = state(data, camera_id);
        int left = GPOINTER_TO_INT(looks) - (now == ADMISSION_RUNNING);
        if (now == ADMISSION_GONE || left == 0)
            g_hash_table_iter_remove(&iterator);
        else
            g_hash_table_iter_replace(&iterator, GINT_TO_POINTER(left));
    }
}

int admission_room(const struct admission *admission, int measured)
{
    return measured < 0 ? measured : MAX(measured - (int)g_hash_table_size(admission->settling), 0);
}

void admission_forgive(struct admission *admission)
{
    g_hash_table_remove_all(admission->beyond);
}

size_t admission_count_beyond(const struct admission *admission)
{
    return g_hash_table_size(admission->beyond);
}
