#include "base/fault.h"

#ifdef VEDETTE_FAULTS_ENABLED

#include <glib.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* One entry of the plan: the `first`th visit fails, and with is_open all after it. */
struct fault_point {
    char *name;
    unsigned first;
    bool is_open;
    unsigned visits;
};

static pthread_mutex_t fault_lock = PTHREAD_MUTEX_INITIALIZER;
static GPtrArray *fault_points;  /* of struct fault_point *; under fault_lock */
static bool is_environment_read; /* under fault_lock */

static void fault_point_free(gpointer data)
{
    struct fault_point *point = data;
    g_free(point->name);
    g_free(point);
}

static void fault_points_parse(const char *plan)
{
    if (fault_points)
        g_ptr_array_unref(fault_points);
    fault_points = g_ptr_array_new_with_free_func(fault_point_free);
    is_environment_read = true;
    if (!plan)
        return;
    g_auto(GStrv) entries = g_strsplit(plan, ",", -1);
    for (char **entry = entries; *entry; entry++) {
        char *equals = strchr(*entry, '=');
        if (!equals)
            continue;
        struct fault_point *point = g_new0(struct fault_point, 1);
        point->name = g_strndup(*entry, (gsize)(equals - *entry));
        point->first = (unsigned)g_ascii_strtoull(equals + 1, NULL, 10);
        point->is_open = g_str_has_suffix(*entry, "+");
        g_ptr_array_add(fault_points, point);
    }
}

void fault_plan(const char *plan)
{
    pthread_mutex_lock(&fault_lock);
    fault_points_parse(plan);
    pthread_mutex_unlock(&fault_lock);
}

bool fault_hit(const char *name)
{
    bool is_hit = false;
    pthread_mutex_lock(&fault_lock);
    if (!is_environment_read)
        fault_points_parse(g_getenv("VEDETTE_FAULTS"));
    for (guint i = 0; i < fault_points->len; i++) {
        struct fault_point *point = g_ptr_array_index(fault_points, i);
        if (strcmp(point->name, name) != 0)
            continue;
        point->visits++;
        is_hit |= point->visits == point->first || (point->is_open && point->visits > point->first);
    }
    pthread_mutex_unlock(&fault_lock);
    return is_hit;
}

#else

/* ISO C wants a translation unit to hold something. */
typedef int fault_points_are_not_built;

#endif
