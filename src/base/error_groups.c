#include "base/error_groups.h"

#include <pthread.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct error_group groups[ERROR_GROUPS_MAX]; /* lock, as what follows */
static int group_count;
static int64_t dropped_count;

/* The one that was quiet for longest, of those that make room for this one; NULL: none does. With the lock. */
static struct error_group *find_room(bool is_of_worker)
{
    struct error_group *quietest = NULL;
    int of_workers = 0;
    for (int i = 0; i < group_count; i++) {
        of_workers += groups[i].is_of_worker;
        if ((groups[i].is_of_worker || !is_of_worker) && (!quietest || groups[i].last_ms < quietest->last_ms))
            quietest = &groups[i];
    }
    if (group_count < ERROR_GROUPS_MAX && !(is_of_worker && of_workers >= ERROR_GROUPS_MAX / 2))
        return &groups[group_count++];
    dropped_count++;
    return quietest;
}

/* The group of these words, made where there is none. With the lock. */
static struct error_group *find(const char *module, const char *words, bool is_of_worker)
{
    for (int i = 0; i < group_count; i++)
        if (groups[i].is_of_worker == is_of_worker && strncmp(groups[i].words, words, ERROR_WORDS_BYTES - 1) == 0 &&
            strncmp(groups[i].module, module, ERROR_MODULE_BYTES - 1) == 0)
            return &groups[i];
    struct error_group *group = find_room(is_of_worker);
    if (!group)
        return NULL;
    *group = (struct error_group){.is_of_worker = is_of_worker};
    g_strlcpy(group->module, module, sizeof group->module);
    g_strlcpy(group->words, words, sizeof group->words);
    return group;
}

static void set_latest(struct error_group *group, const char *subject, const char *text, int64_t last_ms)
{
    group->last_ms = last_ms;
    g_strlcpy(group->subject, subject, sizeof group->subject);
    g_strlcpy(group->sample, text, sizeof group->sample);
}

void error_groups_note(const char *module, const char *words, const char *subject, const char *text, int64_t now_ms)
{
    pthread_mutex_lock(&lock);
    struct error_group *group = find(module, words, false);
    if (group) {
        group->first_ms = group->count++ ? group->first_ms : now_ms;
        set_latest(group, subject ? subject : "", text, now_ms);
    }
    pthread_mutex_unlock(&lock);
}

void error_groups_add(const struct error_group *told)
{
    pthread_mutex_lock(&lock);
    struct error_group *group = find(told->module, told->words, true);
    if (group) {
        group->first_ms = group->count ? MIN(group->first_ms, told->first_ms) : told->first_ms;
        group->count += told->count;
        if (told->last_ms >= group->last_ms)
            set_latest(group, told->subject, told->sample, told->last_ms);
    }
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
