#define LOG_MODULE "hub"
#include "hub/standing.h"

#include "base/log.h"
#include "hub/errands.h"

#include <pthread.h>

enum { COMPLAINT_US = 30 * 1000000 };

struct standing {
    struct store *store;
    struct errands *errands; /* of struct standing_incident *, by org, camera and kind */
    pthread_mutex_t lock;
    GQueue found; /* lock; of struct standing_incident * */
};

void standing_incident_free(void *data)
{
    struct standing_incident *incident = data;
    g_free(incident->org_id);
    g_free(incident->camera_id);
    g_free(incident);
}

static bool ask_store(void *data, void *errand)
{
    static struct log_limit complaint;
    struct standing *standing = data;
    struct standing_incident *question = errand;
    gint64 held_back;
    g_autoptr(GError) error = NULL;
    if (!store_incident_standing(standing->store, question->org_id, question->camera_id,
                                 server_signals[question->begun_by].kind, &question->since_ms, &error)) {
        if (log_limit_pass(&complaint, COMPLAINT_US, &held_back))
            log_warning(
                question->camera_id,
                "the store does not say whether an incident of it still stands, and is asked again: %s (%lld more)",
                error->message, (long long)held_back);
        return false;
    }
    if (!question->since_ms) {
        standing_incident_free(question);
        return true;
    }
    pthread_mutex_lock(&standing->lock);
    g_queue_push_tail(&standing->found, question);
    pthread_mutex_unlock(&standing->lock);
    return true;
}

struct standing *standing_new(struct store *store, GError **error)
{
    struct standing *standing = g_new0(struct standing, 1);
    const struct errands_config config = {
        .purpose = "ask for incidents that stand", .run = ask_store, .free = standing_incident_free, .data = standing};
    standing->store = store;
    g_queue_init(&standing->found);
    pthread_mutex_init(&standing->lock, NULL);
    standing->errands = errands_new(&config, error);
    if (standing->errands)
        return standing;
    standing_free(standing);
    return NULL;
}

void standing_free(struct standing *standing)
{
    if (!standing)
        return;
    errands_free(standing->errands);
    g_queue_clear_full(&standing->found, standing_incident_free);
    pthread_mutex_destroy(&standing->lock);
    g_free(standing);
}

void standing_ask(struct standing *standing, const char *org_id, const char *camera_id, enum server_signal begun_by)
{
    if (!standing)
        return;
    struct standing_incident *question = g_new(struct standing_incident, 1);
    *question = (struct standing_incident){g_strdup(org_id), g_strdup(camera_id), begun_by, 0};
    errands_put(standing->errands, g_strdup_printf("%s\n%s\n%d", org_id, camera_id, (int)begun_by), question);
}

struct standing_incident *standing_take(struct standing *standing)
{
    if (!standing)
        return NULL;
    pthread_mutex_lock(&standing->lock);
    struct standing_incident *incident = g_queue_pop_head(&standing->found);
    pthread_mutex_unlock(&standing->lock);
    return incident;
}
