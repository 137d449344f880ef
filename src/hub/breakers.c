/* The hub's resilience manager: the breakers of its upstreams, and an operator's words to the cameras' breakers, which
 * live in the workers. A word is kept for as long as the hub runs, for workers come and go.
 */
#define LOG_MODULE "hub"
#include "hub/hub_internal.h"

#include "base/log.h"
#include "hub/breaker_config.h"

#include <string.h>

static void on_changed(void *data, const char *name, enum vedette_breaker_state from, enum vedette_breaker_state to)
{
    (void)data;
    log_warning(name, "circuit breaker: %s, was %s", vedette_breaker_state_name(to), vedette_breaker_state_name(from));
}

static void on_illegal(void *data, const char *name, enum vedette_breaker_state from, int to)
{
    (void)data;
    log_error(name, "circuit breaker: there is no way from %s to state %d; nothing is changed (told once)",
              vedette_breaker_state_name(from), to);
}

void hub_breaker_config(const struct hub *hub, struct vedette_breaker_config *config)
{
    breaker_config_fill(&hub->settings->breaker, hub->clock, config);
}

struct vedette_resilience *hub_resilience_new(struct hub *hub)
{
    const char *why = NULL;
    struct vedette_resilience_config config;
    vedette_resilience_config_init(&config);
    hub_breaker_config(hub, &config.breaker);
    config.breaker_changed = on_changed;
    config.breaker_illegal = on_illegal;
    struct vedette_resilience *resilience = vedette_resilience_new("hub", &config, &why);
    if (!resilience) { /* the settings' table has the same bounds */
        log_error(NULL, "settings breaker.*: %s; the defaults are used", why);
        resilience = vedette_resilience_new("hub", NULL, NULL);
    }
    return resilience;
}

/* ---- an operator's words to cameras ---- */

struct order {
    struct hub *hub;
    char *camera_id;
    enum breaker_word word;
};

static bool send_order(struct hub_worker *worker, const char *camera_id, enum breaker_word word, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    const struct breaker_order order = {(char *)(uintptr_t)camera_id, word};
    record_encode_json(&breaker_order_descriptor, &order, true, text);
    return link_send(worker->link, LINK_FORCE_BREAKER, text->str, text->len, error);
}

bool hub_worker_has_camera(const struct hub_worker *worker, const char *camera_id)
{
    for (guint i = 0; i < worker->cameras->len; i++)
        if (strcmp(((const struct camera *)g_ptr_array_index(worker->cameras, i))->id, camera_id) == 0)
            return true;
    return false;
}

static gboolean pass_order(gpointer data)
{
    struct order *order = data;
    struct hub *hub = order->hub;
    g_autoptr(GError) error = NULL;
    for (guint i = 0; i < hub->workers->len; i++) {
        struct hub_worker *worker = g_ptr_array_index(hub->workers, i);
        /* who has not said hello yet is told when it has */
        if (worker->link && worker->has_said_hello && hub_worker_has_camera(worker, order->camera_id) &&
            !send_order(worker, order->camera_id, order->word, &error)) {
            log_error(order->camera_id, "circuit breaker: its worker does not read, and is ended: %s", error->message);
            hub_worker_kill(worker); /* the next one is told at its start */
        }
    }
    g_hash_table_replace(hub->breaker_words, order->camera_id, GINT_TO_POINTER(order->word));
    g_free(order);
    return G_SOURCE_REMOVE;
}

void hub_force_breaker(void *data, const char *camera_id, enum breaker_word word)
{
    struct order *order = g_new0(struct order, 1);
    *order = (struct order){data, g_strdup(camera_id), word};
    g_idle_add_full(G_PRIORITY_DEFAULT, pass_order, order, NULL);
}

bool hub_send_breaker_word(struct hub_worker *worker, const char *camera_id, GError **error)
{
    int word = GPOINTER_TO_INT(g_hash_table_lookup(worker->hub->breaker_words, camera_id));
    return !word || send_order(worker, camera_id, (enum breaker_word)word, error);
}
