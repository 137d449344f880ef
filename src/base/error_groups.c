#include "base/error_groups.h"

#include <pthread.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct error_group groups[ERROR_GROUPS_MAX]; /* lock, as what follows */
static int group_count;
static int64_t dropped_count;

/* The group of these words, made where there is none. With the lock. */
static struct error_group *find(const char *module, const char *words)
{
    struct error_group *quietest = &groups[0];
    for (int i = 0; i < group_count; i++) {
        if (strcmp(groups[i].words, words) == 0 && strcmp(groups[i].module, module) == 0)
            return &groups[i];
        if (groups[i].last_ms < quietest->last_ms)
            quietest = &groups[i];
    }
    struct error_group *group = quietest;
    if (group_count < ERROR_GROUPS_MAX)
        group = &groups[group_count++];
    else
        dropped_count++;
    *group = (struct error_group){.module = module, .words = words};
    return group;
}

void error_groups_note(const char *module, const char *words, const char *subject, const char *text, int64_t now_ms)
{
    pthread_mutex_lock(&lock);
    struct error_group *group = find(module, words);
    group->first_ms = group->count++ ? group->first_ms : now_ms;
    group->last_ms = now_ms;
    g_strlcpy(group->subject, subject ? subject : "", sizeof group->subject);
    g_strlcpy(group->sample, text, sizeof group->sample);
    pthread_mutex_unlock(&lock);
}

static gint by_last(gconstpointer a, gconstpointer b)
{
    int64_t left = ((const struct error_group *)a)->last_ms, right = ((const struct error_group *)b)->last_ms;
    return (left < right) - (left > right);
}

GArray *error_groups_list(int64_t *dropped)
{
    GArray *list = g_array_new(FALSE, FALSE, sizeof(struct error_group));
    pthread_mutex_lock(&lock);
    g_array_append_vals(list, groups, (guint)group_count);
    if (dropped)
        *dropped = dropped_count;
    pthread_mutex_unlock(&lock);
    g_array_sort(list, by_last);
    return list;
}

void error_groups_clear(void)
{
    pthread_mutex_lock(&lock);
    group_count = 0;
    dropped_count = 0;
    pthread_mutex_unlock(&lock);
}
