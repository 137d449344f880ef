#include "api/feed_internal.h"

#include <string.h>

#include "api/recheck.h"
#include "base/counter.h"

enum {
    LOGIN_INTERVAL_US = 2000000, /* a login that ended is noticed within this */
    PLACES_SHARE = 4,            /* one user has one in so many places, an org leaves others as many */
    USER_PLACES_LEAST = 16,
    ALL_KINDS = 1 << LIVE_TRACKS | 1 << LIVE_EVENT | 1 << LIVE_HEALTH | 1 << LIVE_INCIDENT,
};

/* ---- messages ---- */

static struct feed_message *message_new(enum live_kind kind, const char *id, const void *json, size_t size)
{
    struct feed_message *message = g_malloc(sizeof *message + size);
    message->references = 1;
    message->kind = kind;
    g_strlcpy(message->id, id ? id : "", sizeof message->id);
    g_strlcpy(message->incident_id, kind == LIVE_INCIDENT && id ? id : "", sizeof message->incident_id);
    message->size = size;
    memcpy(message->json, json, size);
    return message;
}

struct feed_message *feed_message_ref(struct feed_message *message)
{
    __atomic_add_fetch(&message->references, 1, __ATOMIC_RELAXED);
    return message;
}

void feed_message_unref(struct feed_message *message)
{
    if (__atomic_sub_fetch(&message->references, 1, __ATOMIC_ACQ_REL) == 0)
        g_free(message);
}

struct feed_message *feed_message_of_record(enum live_kind kind, const char *id,
                                            const struct record_descriptor *descriptor, const void *record)
{
    g_autoptr(GString) json = g_string_new(NULL);
    g_string_append_printf(json, "{\"type\":\"%s\",\"data\":", record_enum_name(live_kind_names, kind));
    record_encode_json(descriptor, record, kind != LIVE_RESUMED, json); /* as the hub publishes it */
    g_string_append_c(json, '}');
    return message_new(kind, id, json->str, json->len);
}

/* ---- queueing ---- */

static void drop_oldest(struct feed *feed, enum live_kind kind, size_t needed, size_t limit)
{
    GList *link = feed->queue.head;
    while (link && feed->queued_bytes + needed > limit) {
        GList *next = link->next;
        struct feed_message *message = link->data;
        if (message->kind == kind) {
            feed->queued_bytes -= message->size;
            counter_add(&feed->feeds->health->websocket_dropped, 1);
            g_queue_delete_link(&feed->queue, link);
            feed_message_unref(message);
        }
        link = next;
    }
}

static void enqueue(struct feed *feed, struct feed_message *message)
{
    size_t limit = (size_t)feed->feeds->settings->http.websocket_queue_bytes;
    drop_oldest(feed, LIVE_TRACKS, message->size, limit);
    drop_oldest(feed, LIVE_HEALTH, message->size, limit);
    if (feed->queued_bytes + message->size <= limit) {
        g_queue_push_tail(&feed->queue, feed_message_ref(message));
        feed->queued_bytes += message->size;
    } else if (message->kind == LIVE_EVENT || message->kind == LIVE_INCIDENT) {
        feed->end = FEED_TOO_SLOW;
    } else {
        counter_add(&feed->feeds->health->websocket_dropped, 1);
    }
}

bool feed_wants(const struct feed *feed, enum live_kind kind, const char *org_id, const char *camera_id)
{
    return (feed->kinds & 1u << kind) && g_strcmp0(feed->login.user->org_id, org_id) == 0 &&
           (!feed->cameras || (camera_id && g_hash_table_contains(feed->cameras, camera_id))) &&
           (!login_is_camera_bound(&feed->login) || (camera_id && login_may_see_camera(&feed->login, camera_id)));
}

static void remembered_free(void *data)
{
    struct remembered *event = data;
    feed_message_unref(event->message);
    g_free(event->org_id);
    g_free(event->camera_id);
    g_free(event);
}

static void remember(struct feeds *feeds, struct feed_message *message, const char *org_id, const char *camera_id)
{
    size_t limit = (size_t)feeds->settings->http.websocket_queue_bytes;
    struct remembered *event = g_new(struct remembered, 1);
    *event = (struct remembered){feed_message_ref(message), g_strdup(org_id), g_strdup(camera_id)};
    g_queue_push_tail(&feeds->recent, event);
    feeds->recent_bytes += message->size;
    while (feeds->recent.length > (guint)feeds->settings->http.resume_events || feeds->recent_bytes > limit) {
        struct remembered *oldest = g_queue_pop_head(&feeds->recent);
        feeds->recent_bytes -= oldest->message->size;
        remembered_free(oldest);
    }
}

static void receive(void *data, enum live_kind kind, const char *org_id, const char *camera_id, const char *id,
                    GBytes *json)
{
    struct feeds *feeds = data;
    gsize size;
    const void *text = g_bytes_get_data(json, &size);
    struct feed_message *message = NULL;
    pthread_mutex_lock(&feeds->lock);
    if (kind == LIVE_INCIDENT || (kind == LIVE_EVENT && id)) {
        message = message_new(kind, id, text, size);
        if (kind == LIVE_INCIDENT)
            g_snprintf(message->id, sizeof message->id, "#%" G_GUINT64_FORMAT, ++feeds->incident_messages);
        remember(feeds, message, org_id, camera_id);
    }
    for (guint i = 0; i < feeds->open->len; i++) {
        struct feed *feed = g_ptr_array_index(feeds->open, i);
        if (feed->end || feed->is_cut || !feed_wants(feed, kind, org_id, camera_id))
            continue;
        if (!message)
            message = message_new(kind, NULL, text, size);
        enqueue(feed, message);
        feed->wake(feed->data);
    }
    pthread_mutex_unlock(&feeds->lock);
    if (message)
        feed_message_unref(message);
}

/* ---- all feeds ---- */

struct feeds *feeds_new(const struct settings *settings, struct live *live, struct store *store, struct auth *auth,
                        struct server_health *health, GError **error)
{
    struct rechecks *rechecks = rechecks_new(auth, error);
    if (!rechecks)
        return NULL;
    struct feeds *feeds = g_new0(struct feeds, 1);
    *feeds = (struct feeds){.settings = settings, .live = live, .store = store, .rechecks = rechecks, .health = health};
    pthread_mutex_init(&feeds->lock, NULL);
    feeds->open = g_ptr_array_new();
    g_queue_init(&feeds->recent);
    return feeds;
}

void feeds_listen(struct feeds *feeds)
{
    feeds->subscription = live_subscribe(feeds->live, receive, feeds);
}

void feeds_close(struct feeds *feeds)
{
    if (feeds->subscription)
        live_unsubscribe(feeds->live, feeds->subscription);
    feeds->subscription = 0;
    pthread_mutex_lock(&feeds->lock);
    feeds->is_closed = true;
    for (guint i = 0; i < feeds->open->len; i++) {
        struct feed *feed = g_ptr_array_index(feeds->open, i);
        feed->end = FEED_CLOSED;
        feed->wake(feed->data);
    }
    pthread_mutex_unlock(&feeds->lock);
}

void feeds_free(struct feeds *feeds)
{
    if (!feeds)
        return;
    feeds_close(feeds);
    rechecks_free(feeds->rechecks);
    g_queue_clear_full(&feeds->recent, remembered_free);
    g_ptr_array_unref(feeds->open);
    pthread_mutex_destroy(&feeds->lock);
    g_free(feeds);
}

/* ---- places ---- */

/* With the lock. A key is a user of its own: its id is in the place of one. */
static void count_of(const struct feeds *feeds, const struct user *user, int32_t *of_user, int32_t *of_org)
{
    *of_user = *of_org = 0;
    for (guint i = 0; i < feeds->open->len; i++) {
        const struct feed *feed = g_ptr_array_index(feeds->open, i);
        bool is_of_org = g_strcmp0(feed->login.user->org_id, user->org_id) == 0;
        *of_org += is_of_org;
        *of_user += is_of_org && g_strcmp0(feed->login.user->id, user->id) == 0;
    }
}

struct places {
    int32_t of_user, of_org;
};

static bool has_other_orgs(const struct feeds *feeds, const char *org_id)
{
    CLEANUP(camera_set) struct camera_set *cameras = live_cameras(feeds->live);
    for (size_t i = 0; i < cameras->count; i++)
        if (g_strcmp0(cameras->items[i]->org_id, org_id) != 0)
            return true;
    return false;
}

/* How many one may have: what the settings say, else a share. An org that has the server to itself has all. */
static struct places places_of(const struct feeds *feeds, const char *org_id)
{
    const struct http_settings *http = &feeds->settings->http;
    int32_t all = http->websocket_max_clients, share = all / PLACES_SHARE;
    struct places places = {http->websocket_max_clients_per_user, http->websocket_max_clients_per_org};
    if (!places.of_user)
        places.of_user = MAX(share, USER_PLACES_LEAST);
    if (!places.of_org)
        places.of_org = has_other_orgs(feeds, org_id) ? all - share : all;
    return places;
}

/* With the lock. So that nobody, and no org, takes the places of all others. */
static bool has_place(const struct feeds *feeds, const struct login *login, struct places places, GError **error)
{
    int32_t of_user, of_org;
    count_of(feeds, login->user, &of_user, &of_org);
    if (feeds->is_closed || feeds->open->len >= (guint)feeds->settings->http.websocket_max_clients)
        g_set_error_literal(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE, "too many clients are connected");
    else if (of_user >= places.of_user || of_org >= places.of_org)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_FULL,
                    "%s has as many clients connected as it may (http.websocket_max_clients_per_%s): close some",
                    of_user >= places.of_user ? "this login" : "the org", of_user >= places.of_user ? "user" : "org");
    else
        return true;
    counter_add(&feeds->health->live_clients_refused, 1);
    return false;
}

/* ---- one feed ---- */

/* With the lock, or before anyone knows the feed. */
static void set_subscription(struct feed *feed, const struct live_subscription *subscription)
{
    feed->kinds = subscription->types.count ? 0 : ALL_KINDS;
    for (size_t i = 0; i < subscription->types.count; i++)
        feed->kinds |= 1u << record_enum_value(live_kind_names, subscription->types.items[i]);
    g_clear_pointer(&feed->cameras, g_hash_table_unref);
    if (subscription->cameras.count)
        feed->cameras = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (size_t i = 0; i < subscription->cameras.count; i++)
        g_hash_table_add(feed->cameras, g_strdup(subscription->cameras.items[i]));
}

struct feed *feed_open(struct feeds *feeds, const struct login *login, const struct live_subscription *subscription,
                       void (*wake)(void *data), void *data, GError **error)
{
    struct feed *feed = g_new0(struct feed, 1);
    *feed = (struct feed){.feeds = feeds, .wake = wake, .data = data};
    feed->checked_us = feed->known_us = clock_monotonic_us(clock_system());
    login_copy(login, &feed->login);
    set_subscription(feed, subscription);
    g_queue_init(&feed->queue);
    struct places places = places_of(feeds, login->user->org_id);
    pthread_mutex_lock(&feeds->lock);
    bool is_good = has_place(feeds, login, places, error);
    if (is_good)
        g_ptr_array_add(feeds->open, feed);
    pthread_mutex_unlock(&feeds->lock);
    if (!is_good)
        g_clear_pointer(&feed, feed_free);
    return feed;
}

void feed_free(struct feed *feed)
{
    if (!feed)
        return;
    struct feeds *feeds = feed->feeds;
    pthread_mutex_lock(&feeds->lock);
    g_ptr_array_remove_fast(feeds->open, feed);
    pthread_mutex_unlock(&feeds->lock);
    recheck_leave(feed->recheck);
    g_queue_clear_full(&feed->queue, (GDestroyNotify)feed_message_unref);
    g_clear_pointer(&feed->cameras, g_hash_table_unref);
    login_clear(&feed->login);
    g_free(feed);
}

void feed_subscribe(struct feed *feed, const struct live_subscription *subscription)
{
    pthread_mutex_lock(&feed->feeds->lock);
    set_subscription(feed, subscription);
    pthread_mutex_unlock(&feed->feeds->lock);
}

struct feed_message *feed_take(struct feed *feed, void (*is_empty)(void *data))
{
    pthread_mutex_lock(&feed->feeds->lock);
    struct feed_message *message = feed->end ? NULL : g_queue_pop_head(&feed->queue);
    if (message)
        feed->queued_bytes -= message->size;
    if (feed->is_cut && g_queue_is_empty(&feed->queue))
        feed->end = FEED_TOO_SLOW;
    if (!message && !feed->end && is_empty)
        is_empty(feed->data);
    pthread_mutex_unlock(&feed->feeds->lock);
    return message;
}

void feed_wake(struct feed *feed)
{
    pthread_mutex_lock(&feed->feeds->lock);
    feed->wake(feed->data);
    pthread_mutex_unlock(&feed->feeds->lock);
}

enum feed_end feed_end(struct feed *feed)
{
    pthread_mutex_lock(&feed->feeds->lock);
    enum feed_end end = feed->end;
    pthread_mutex_unlock(&feed->feeds->lock);
    return end;
}

static void end_feed(struct feed *feed, enum feed_end end)
{
    pthread_mutex_lock(&feed->feeds->lock);
    if (!feed->end)
        feed->end = end;
    feed->wake(feed->data);
    pthread_mutex_unlock(&feed->feeds->lock);
}

/* What came of the look at the login that was begun before. */
static void take_recheck(struct feed *feed, int64_t now_us)
{
    struct login fresh;
    enum recheck_state state = recheck_take(feed->recheck, &fresh);
    if (state == RECHECK_UNDER_WAY)
        return;
    g_clear_pointer(&feed->recheck, recheck_leave);
    if (state == RECHECK_STANDS) {
        pthread_mutex_lock(&feed->feeds->lock); /* publishers read it */
        struct login old = feed->login;
        feed->login = fresh;
        pthread_mutex_unlock(&feed->feeds->lock);
        login_clear(&old);
        feed->known_us = now_us;
    } else if (state == RECHECK_OVER) {
        end_feed(feed, FEED_LOGIN_OVER);
    }
}

void feed_check_login(struct feed *feed, int64_t now_us)
{
    if (feed->recheck)
        take_recheck(feed, now_us);
    if (now_us - feed->known_us > FEED_PATIENCE_US)
        end_feed(feed, FEED_LOGIN_UNKNOWN);
    if (feed->recheck || now_us - feed->checked_us < LOGIN_INTERVAL_US)
        return;
    feed->checked_us = now_us;
    feed->recheck = recheck_begin(feed->feeds->rechecks, &feed->login); /* only this thread changes it */
}
