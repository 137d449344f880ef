#define LOG_MODULE "hub"
#include "hub/camera_states.h"

#include "base/log.h"
#include "hub/errands.h"

enum { COMPLAINT_US = 30 * 1000000, STOP_US = 3 * 1000000 };

struct state {
    char *org_id, *camera_id, *json;
    bool is_online;
    int64_t last_seen_ms;
};

struct camera_states {
    struct store *store;
    struct errands *errands; /* of struct state *, by the camera's id */
};

static void state_free(void *data)
{
    struct state *state = data;
    g_free(state->org_id);
    g_free(state->camera_id);
    g_free(state->json);
    g_free(state);
}

static bool save(void *data, void *errand)
{
    static struct log_limit complaint;
    const struct camera_states *states = data;
    const struct state *state = errand;
    gint64 held_back;
    g_autoptr(GError) error = NULL;
    if (store_camera_set_health(states->store, state->org_id, state->camera_id, state->is_online, state->last_seen_ms,
                                state->json, &error)) {
        state_free(errand);
        return true;
    }
    if (log_limit_pass(&complaint, COMPLAINT_US, &held_back))
        log_warning(state->camera_id, "health not stored, and tried again: %s (%lld more)", error->message,
                    (long long)held_back);
    return false;
}

struct camera_states *camera_states_new(struct store *store, GError **error)
{
    struct camera_states *states = g_new0(struct camera_states, 1);
    const struct errands_config config = {
        .purpose = "keep how cameras are", .run = save, .free = state_free, .data = states, .stop_us = STOP_US};
    states->store = store;
    states->errands = errands_new(&config, error);
    if (states->errands)
        return states;
    g_free(states);
    return NULL;
}

void camera_states_free(struct camera_states *states)
{
    if (!states)
        return;
    errands_free(states->errands);
    g_free(states);
}

void camera_states_put(struct camera_states *states, const char *org_id, const char *camera_id, bool is_online,
                       int64_t last_seen_ms, char *json)
{
    struct state *state = g_new(struct state, 1);
    *state = (struct state){g_strdup(org_id), g_strdup(camera_id), json, is_online, last_seen_ms};
    errands_put(states->errands, g_strdup(camera_id), state);
}
