#define LOG_MODULE "notify"
#include "notify/notify_internal.h"

#include "base/log.h"
#include "base/wait.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <time.h>

enum { REVIVE_US = 10 * 1000000 }; /* a person waits, and the dead letters are held meanwhile */

/* ---- opening ---- */

static const char dead_letters_name[] = "dead"; /* no endpoint's: theirs have a kind before them */

static char *endpoint_directory_name(const struct audience *audience)
{
    return g_strdup_printf("%s-%s", record_enum_name(endpoint_kind_names, audience->kind), audience->id);
}

static struct endpoint *open_endpoint(struct notify *notify, const struct endpoint_config *config, GError **error)
{
    g_autofree char *name = endpoint_directory_name(&config->audience),
                    *directory = g_build_filename(notify->parts.data_dir, "notify", name, NULL);
    struct endpoint *endpoint = endpoint_new(config, directory, error);
    if (endpoint)
        g_ptr_array_add(notify->endpoints, endpoint);
    return endpoint;
}

static bool make_config(struct notify *notify, struct endpoint_config *config, GError **error)
{
    const struct notify_settings *settings = notify->parts.settings;
    *config =
        (struct endpoint_config){.settings = settings, .clock = notify->parts.clock, .dead_letters = notify->dead};
    config->ladder.count =
        notify_ladder_read(settings->retry_seconds, config->ladder.seconds, NOTIFY_LADDER_MAX, error);
    config->ladder.jitter = settings->retry_jitter;
    return config->ladder.count > 0;
}

static bool fail_breakers(GError **error)
{
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_FULL, "there are too many circuit breakers");
    return false;
}

static bool open_webhook(struct notify *notify, const struct notify_webhook *webhook, GError **error)
{
    struct endpoint_config config;
    g_autofree char *breaker = g_strconcat("upstream:webhook:", webhook->id, NULL);
    if (!make_config(notify, &config, error))
        return false;
    config.audience = (struct audience){ENDPOINT_WEBHOOK,          webhook->id,     webhook->org_id,
                                        webhook->minimum_severity, &webhook->kinds, webhook->about};
    config.breaker = vedette_resilience_breaker(notify->parts.resilience, breaker);
    config.wake = courier_wake;
    config.wake_data = notify->courier;
    if (!config.breaker)
        return fail_breakers(error);
    struct endpoint *endpoint = open_endpoint(notify, &config, error);
    return endpoint && courier_add(notify->courier, webhook, endpoint, error);
}

static bool open_webhooks(struct notify *notify, GError **error)
{
    const struct notify_webhook *webhooks = notify->parts.settings->webhooks.items;
    for (size_t i = 0; i < notify->parts.settings->webhooks.count; i++)
        if (webhooks[i].enabled && !open_webhook(notify, &webhooks[i], error)) {
            g_prefix_error(error, "settings notify.webhooks, '%s': ", webhooks[i].id);
            return false;
        }
    return true;
}

/* Reconnecting goes by notify.reconnect_*; the breaker's own times are no longer. */
static struct vedette_breaker *broker_breaker(struct notify *notify, const struct notify_broker *broker)
{
    struct vedette_breaker_config config;
    g_autofree char *name = g_strconcat("upstream:mqtt:", broker->id, NULL);
    struct vedette_breaker *breaker = vedette_resilience_breaker(notify->parts.resilience, name);
    vedette_breaker_config_init(&config);
    config.recovery_timeout_us = config.recovery_timeout_max_us =
        (int64_t)(notify->parts.settings->reconnect_max_seconds * G_USEC_PER_SEC);
    config.success_threshold = 1;
    if (breaker)
        vedette_breaker_configure(breaker, &config, NULL); /* the settings' table keeps its values in range */
    return breaker;
}

static bool open_broker(struct notify *notify, const struct notify_broker *settings, GError **error)
{
    struct endpoint_config config;
    if (!make_config(notify, &config, error))
        return false;
    struct broker *broker = broker_new(settings, notify->parts.settings, error);
    if (!broker)
        return false;
    g_ptr_array_add(notify->brokers, broker);
    config.audience = (struct audience){ENDPOINT_MQTT,    settings->id,   settings->org_id, settings->minimum_severity,
                                        &settings->kinds, settings->about};
    config.breaker = broker_breaker(notify, settings);
    config.is_brokered = true;
    config.wake = broker_wake;
    config.wake_data = broker;
    if (!config.breaker)
        return fail_breakers(error);
    struct endpoint *endpoint = open_endpoint(notify, &config, error);
    return endpoint && broker_start(broker, endpoint, config.breaker, error);
}

static bool open_brokers(struct notify *notify, GError **error)
{
    const struct notify_broker *brokers = notify->parts.settings->brokers.items;
    for (size_t i = 0; i < notify->parts.settings->brokers.count; i++)
        if (brokers[i].enabled && !open_broker(notify, &brokers[i], error)) {
            g_prefix_error(error, "settings notify.brokers, '%s': ", brokers[i].id);
            return false;
        }
    return true;
}

static size_t count_enabled(const struct notify_settings *settings)
{
    const struct notify_webhook *webhooks = settings->webhooks.items;
    const struct notify_broker *brokers = settings->brokers.items;
    size_t count = 0;
    for (size_t i = 0; i < settings->webhooks.count; i++)
        count += webhooks[i].enabled;
    for (size_t i = 0; i < settings->brokers.count; i++)
        count += brokers[i].enabled;
    return count;
}

static bool make_directory(const char *directory, GError **error)
{
    if (g_mkdir(directory, 0700) == 0 || errno == EEXIST)
        return true;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_IO, "make %s, for notifications that wait: %s", directory,
                g_strerror(errno));
    return false;
}

static bool open_dead_letters(struct notify *notify, GError **error)
{
    g_autofree char *directory = g_build_filename(notify->parts.data_dir, "notify", dead_letters_name, NULL);
    notify->dead = dead_letters_new(directory, notify->parts.settings, notify->parts.clock, error);
    return notify->dead != NULL;
}

/* Whose deadlines are of the machine's monotonic clock. */
static struct notify *notify_new(const struct notify_parts *parts)
{
    struct notify *notify = g_new0(struct notify, 1);
    notify->parts = *parts;
    notify->endpoints = g_ptr_array_new();
    notify->brokers = g_ptr_array_new();
    notify->known = g_hash_table_new(g_str_hash, g_str_equal);
    pthread_mutex_init(&notify->lock, NULL);
    wait_condition_init(&notify->settled);
    return notify;
}

static bool is_open(const struct notify *notify, const char *directory_name)
{
    for (guint i = 0; i < notify->endpoints->len; i++) {
        g_autofree char *name = endpoint_directory_name(endpoint_audience(g_ptr_array_index(notify->endpoints, i)));
        if (strcmp(name, directory_name) == 0)
            return true;
    }
    return strcmp(directory_name, dead_letters_name) == 0;
}

/* Queues of endpoints that are in the settings no more, or disabled: nobody empties them. */
static void tell_left_over(const struct notify *notify, const char *directory)
{
    GDir *queues = g_dir_open(directory, 0, NULL);
    for (const char *name; queues && (name = g_dir_read_name(queues));)
        if (!is_open(notify, name))
            log_warning(NULL,
                        "%s/%s is the queue of an endpoint that is not in the settings, or disabled: what waits "
                        "there is told when it comes back, or remove it",
                        directory, name);
    if (queues)
        g_dir_close(queues);
}

struct notify *notify_open(const struct notify_parts *parts, GError **error)
{
    CLEANUP(notify) struct notify *notify = notify_new(parts);
    g_autofree char *directory = g_build_filename(parts->data_dir, "notify", NULL);
    if (count_enabled(parts->settings) == 0 && !g_file_test(directory, G_FILE_TEST_EXISTS))
        return g_steal_pointer(&notify); /* nobody is told, nor ever was */
    if (!make_directory(directory, error) || !open_dead_letters(notify, error) ||
        !(notify->courier = courier_new(parts->settings, parts->clock, error)) || !open_webhooks(notify, error) ||
        !courier_start(notify->courier, error) || !open_brokers(notify, error))
        return NULL;
    tell_left_over(notify, directory);
    return g_steal_pointer(&notify);
}

static void stop_sending(struct notify *notify)
{
    courier_stop(notify->courier);
    for (guint i = 0; i < notify->brokers->len; i++) /* they take their leave side by side */
        broker_stop(g_ptr_array_index(notify->brokers, i));
    for (guint i = 0; i < notify->brokers->len; i++)
        broker_join(g_ptr_array_index(notify->brokers, i));
}

/* A queue answers what was put into it before it closes, and each answer wakes the courier or the broker: they go last.
 */
void notify_close(struct notify *notify)
{
    if (!notify)
        return;
    stop_sending(notify);
    dead_letters_free(notify->dead);
    for (guint i = 0; i < notify->endpoints->len; i++)
        endpoint_free(g_ptr_array_index(notify->endpoints, i));
    g_ptr_array_unref(notify->endpoints);
    courier_free(notify->courier);
    for (guint i = 0; i < notify->brokers->len; i++)
        broker_free(g_ptr_array_index(notify->brokers, i));
    g_ptr_array_unref(notify->brokers);
    g_hash_table_unref(notify->known);
    g_queue_clear_full(&notify->oldest, taking_free);
    pthread_cond_destroy(&notify->settled);
    pthread_mutex_destroy(&notify->lock);
    g_free(notify);
}

/* ---- looking ---- */

void notify_each_endpoint(struct notify *notify, const char *org_id,
                          void (*visit)(void *data, const struct endpoint_health *health), void *data)
{
    for (guint i = 0; notify && i < notify->endpoints->len; i++) {
        struct endpoint *endpoint = g_ptr_array_index(notify->endpoints, i);
        struct endpoint_health health;
        if (org_id && g_strcmp0(org_id, endpoint_audience(endpoint)->org_id) != 0)
            continue;
        endpoint_look(endpoint, &health);
        visit(data, &health);
        record_clear(&endpoint_health_descriptor, &health);
    }
}

static struct endpoint *find_endpoint(struct notify *notify, enum endpoint_kind kind, const char *id)
{
    for (guint i = 0; notify && i < notify->endpoints->len; i++) {
        const struct audience *audience = endpoint_audience(g_ptr_array_index(notify->endpoints, i));
        if (audience->kind == kind && strcmp(audience->id, id) == 0)
            return g_ptr_array_index(notify->endpoints, i);
    }
    return NULL;
}

bool notify_has_breaker(struct notify *notify, const char *name, const char **org_id)
{
    static const struct {
        const char *prefix;
        enum endpoint_kind kind;
    } prefixes[] = {{"upstream:webhook:", ENDPOINT_WEBHOOK}, {"upstream:mqtt:", ENDPOINT_MQTT}};
    *org_id = NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(prefixes); i++) {
        if (!g_str_has_prefix(name, prefixes[i].prefix))
            continue;
        struct endpoint *endpoint = find_endpoint(notify, prefixes[i].kind, name + strlen(prefixes[i].prefix));
        *org_id = endpoint ? endpoint_audience(endpoint)->org_id : NULL;
        return true;
    }
    return false;
}

bool notify_shows_breaker(struct notify *notify, const char *name, const char *org_id)
{
    const char *owner;
    return !org_id || !notify_has_breaker(notify, name, &owner) || g_strcmp0(owner, org_id) == 0;
}

bool notify_enable(struct notify *notify, const char *org_id, enum endpoint_kind kind, const char *id)
{
    struct endpoint *endpoint = find_endpoint(notify, kind, id);
    if (!endpoint || g_strcmp0(endpoint_audience(endpoint)->org_id, org_id) != 0)
        return false;
    endpoint_enable(endpoint);
    return true;
}

/* ---- dead letters ---- */

void notify_each_dead_letter(struct notify *notify, const char *org_id,
                             bool (*visit)(void *data, const struct dead_letter *letter), void *data)
{
    if (notify && notify->dead)
        dead_letters_visit(notify->dead, org_id, visit, data);
}

struct revival {
    struct notify *notify;
    const char *id;
    int64_t until_us; /* of the machine's clock */
    int found, revived, unanswered;
};

/* A queue's answer to one put, which may come when nobody waits for it any more. */
struct reply {
    pthread_mutex_t lock;
    pthread_cond_t came;
    enum put_outcome outcome; /* 0: none came yet */
    bool is_left;             /* by who waited */
};

static struct reply *reply_new(void)
{
    struct reply *reply = g_new0(struct reply, 1);
    pthread_mutex_init(&reply->lock, NULL);
    wait_condition_init(&reply->came);
    return reply;
}

static void reply_free(struct reply *reply)
{
    pthread_cond_destroy(&reply->came);
    pthread_mutex_destroy(&reply->lock);
    g_free(reply);
}

static void on_revived(void *data, enum put_outcome outcome)
{
    struct reply *reply = data;
    pthread_mutex_lock(&reply->lock);
    reply->outcome = outcome;
    bool is_left = reply->is_left;
    pthread_cond_signal(&reply->came);
    pthread_mutex_unlock(&reply->lock);
    if (is_left)
        reply_free(reply);
}

/* 0: none came in time. The reply is not the caller's any more. */
static enum put_outcome reply_await(struct reply *reply, int64_t until_us)
{
    const struct timespec deadline = wait_deadline(until_us);
    pthread_mutex_lock(&reply->lock);
    while (!reply->outcome && pthread_cond_timedwait(&reply->came, &reply->lock, &deadline) != ETIMEDOUT)
        ;
    enum put_outcome outcome = reply->outcome;
    reply->is_left = true;
    pthread_mutex_unlock(&reply->lock);
    if (outcome)
        reply_free(reply);
    return outcome;
}

/* Into its endpoint's queue again, if there still is one that wants it. */
static bool revive(void *data, const struct dead_letter *letter)
{
    struct revival *revival = data;
    if (strcmp(letter->id, revival->id) != 0)
        return false;
    struct endpoint *endpoint = find_endpoint(revival->notify, letter->kind, letter->endpoint_id);
    revival->found++;
    if (!endpoint || g_strcmp0(endpoint_audience(endpoint)->org_id, letter->org_id) != 0)
        return false;
    const struct endpoint_text text = {letter->org_id, letter->event.text, strlen(letter->event.text),
                                       event_type_find(EVENT_SIGNAL)->priority};
    struct reply *reply = reply_new();
    endpoint_put(endpoint, &text, on_revived, reply);
    enum put_outcome outcome = reply_await(reply, revival->until_us);
    revival->revived += outcome == PUT_TAKEN;
    revival->unanswered += outcome != PUT_TAKEN && outcome != PUT_REFUSED;
    return outcome == PUT_TAKEN;
}

bool notify_retry_dead_letter(struct notify *notify, const char *org_id, const char *id, GError **error)
{
    struct revival revival = {.notify = notify, .id = id, .until_us = clock_monotonic_us(clock_system()) + REVIVE_US};
    notify_each_dead_letter(notify, org_id, revive, &revival);
    if (!revival.found)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_NOT_FOUND, "there is no dead letter of that id");
    else if (!revival.revived && revival.unanswered)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE,
                    "the disk of its endpoint's queue is full, fails or does not answer: the log says more; try again");
    else if (!revival.revived)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED,
                    "its endpoint takes nothing now: it is gone, not in the settings any more, or its queue is full");
    return revival.revived > 0;
}

/* ---- orgs that are deleted ---- */

void notify_forget_org(struct notify *notify, const char *org_id)
{
    for (guint i = 0; notify && i < notify->endpoints->len; i++) {
        struct endpoint *endpoint = g_ptr_array_index(notify->endpoints, i);
        if (g_strcmp0(endpoint_audience(endpoint)->org_id, org_id) == 0)
            endpoint_erase(endpoint);
    }
    if (notify && notify->dead)
        dead_letters_erase(notify->dead, org_id);
}
