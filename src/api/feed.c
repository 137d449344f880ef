#include "api/feed.h"

#include <pthread.h>
#include <string.h>

#include "api/recheck.h"
#include "base/counter.h"

enum {
    LOGIN_INTERVAL_US = 2000000, /* a login that ended is noticed within this */
    PLACES_SHARE = 4,            /* one user has one in so many places, an org leaves others as many */
    USER_PLACES_LEAST = 16,
    ALL_KINDS = 1 << LIVE_TRACKS | 1 << LIVE_EVENT | 1 << LIVE_HEALTH | 1 << LIVE_INCIDENT,
};

struct feed {
    /* immutable */
    struct feeds *feeds;
    void (*wake)(void *data);
    void *data;
    /* feeds->lock */
    struct login login;
    unsigned kinds;      /* bit 1 << enum live_kind */
    GHashTable *cameras; /* ids; NULL: all */
    GQueue queue;        /* of struct feed_message *, oldest first */
    size_t queued_bytes;
    bool is_cut; /* more came while it was away than fits: over once this is sent */
    enum feed_end end;
    /* its owner's thread */
    int64_t checked_us, known_us; /* when its login was last looked at, and last known to stand */
    struct recheck *recheck;      /* the look under way; NULL: none */
};

/* An event, or what became of an incident, as it is remembered for those who come back. */
struct remembered {
    struct feed_message *message;
    char *org_id, *camera_id;
};

struct feeds {
    const struct settings *settings;
    struct live *live;
    struct store *store;
    struct rechecks *rechecks;
    struct server_health *health;
    unsigned subscription;
    pthread_mutex_t lock;
    GPtrArray *open; /* of struct feed * */
    GQueue recent;   /* of struct remembered *, oldest first */
    size_t recent_bytes;
    uint64_t incident_messages; /* counts them: their ids */
    bool is_closed;
};

/* ---- messages ---- */

static struct feed_message *message_new(enum live_kind kind, const char *id, const void *json, size_t size)
{
    struct feed_message *message = g_malloc(sizeof *message + size);
    message->references = 1;
    message->kind = kind;
    g_strlcpy(message->id, id ? id : "", sizeof message->id);
    message->size = size;
    memcpy(message->json, json, size);
    return message;
}

static struct feed_message *message_ref(struct feed_message *message)
{
    __atomic_add_fetch(&message->references, 1, __ATOMIC_RELAXED);
    return message;
}

void feed_message_unref(struct feed_message *message)
{
    if (__atomic_sub_fetch(&message->references, 1, __ATOMIC_ACQ_REL) == 0)
        g_free(message);
}

static struct feed_message *message_of_record(enum live_kind kind, const char *id,
                                              const struct record_descriptor *descriptor, const void *record)
{
    g_autoptr(GString) json = g_string_new(NULL);
    g_string_append_printf(json, "{\"type\":\"%s\",\"data\":", record_enum_name(live_kind_names, kind));
    record_encode_json(descriptor, record, kind == LIVE_EVENT, json);
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
        g_queue_push_tail(&feed->queue, message_ref(message));
        feed->queued_bytes += message->size;
    } else if (message->kind == LIVE_EVENT || message->kind == LIVE_INCIDENT) {
        feed->end = FEED_TOO_SLOW;
    } else {
        counter_add(&feed->feeds->health->websocket_dropped, 1);
    }
}

static bool wants(const struct feed *feed, enum live_kind kind, const char *org_id, const char *camera_id)
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
    *event = (struct remembered){message_ref(message), g_strdup(org_id), g_strdup(camera_id)};
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
    char number[ID_TEXT_BYTES];
    pthread_mutex_lock(&feeds->lock);
    if (kind == LIVE_INCIDENT) {
        g_snprintf(number, sizeof number, "#%" G_GUINT64_FORMAT, ++feeds->incident_messages);
        id = number;
    }
    if (id) {
        message = message_new(kind, id, text, size);
        remember(feeds, message, org_id, camera_id);
    }
    for (guint i = 0; i < feeds->open->len; i++) {
        struct feed *feed = g_ptr_array_index(feeds->open, i);
        if (feed->end || feed->is_cut || !wants(feed, kind, org_id, camera_id))
            continue;
        if (!message)
            message = message_new(kind, id, text, size);
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

bool feeds_have_place(struct feeds *feeds, const struct login *login, GError **error)
{
    struct places places = places_of(feeds, login->user->org_id);
    pthread_mutex_lock(&feeds->lock);
    bool is_good = has_place(feeds, login, places, error);
    pthread_mutex_unlock(&feeds->lock);
    return is_good;
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

/* ---- coming back ---- */

/* What a client missed, oldest first, each event once. */
struct missed {
    GPtrArray *messages; /* of struct feed_message * */
    guint again;         /* of these, the first: from before the event asked for; they count for nothing */
    GHashTable *ids;     /* of these; borrowed from them */
    bool is_known;       /* the event asked for was found, and nothing after it was left out */
    bool is_in_memory;   /* and there, where incidents are too */
    bool is_full;        /* there is more than is told */
};

static void add_missed(struct missed *missed, struct feed_message *message, size_t most)
{
    if (g_hash_table_contains(missed->ids, message->id))
        return;
    if (missed->messages->len - missed->again >= most) {
        missed->is_full = true;
        return;
    }
    g_ptr_array_add(missed->messages, message_ref(message));
    g_hash_table_add(missed->ids, message->id);
}

/* Where in memory the event of the feed's org is, the last time it came; NULL: nowhere. With the lock. */
static GList *find_recent(const struct feed *feed, const char *id)
{
    for (GList *link = feed->feeds->recent.tail; link; link = link->prev) {
        const struct remembered *event = link->data;
        if (strcmp(event->message->id, id) == 0 && g_strcmp0(event->org_id, feed->login.user->org_id) == 0)
            return link;
    }
    return NULL;
}

/* Those in memory that came after the event; all of them where it is not among them. With the lock. */
static void add_recent(const struct feed *feed, const char *after_id, struct missed *missed, size_t most)
{
    GList *found = find_recent(feed, after_id);
    missed->is_known |= found != NULL;
    missed->is_in_memory = found != NULL;
    for (GList *link = found ? found->next : feed->feeds->recent.head; link; link = link->next) {
        const struct remembered *event = link->data;
        if (wants(feed, event->message->kind, event->org_id, event->camera_id))
            add_missed(missed, event->message, most);
    }
}

static bool is_recent(struct feed *feed, const char *after_id)
{
    pthread_mutex_lock(&feed->feeds->lock);
    bool is_found = find_recent(feed, after_id) != NULL;
    pthread_mutex_unlock(&feed->feeds->lock);
    return is_found;
}

static void append_camera(void *camera_id, void *value, void *list)
{
    (void)value;
    g_string_append_printf(list, "%s,", (char *)camera_id);
}

/* Those that the feed is of, as the store takes them. NULL: all. g_free. */
static char *cameras_of(const struct feed *feed)
{
    const struct api_key *key = feed->login.key;
    GString *list = g_string_new(",");
    if (feed->cameras)
        g_hash_table_foreach(feed->cameras, append_camera, list);
    else if (login_is_camera_bound(&feed->login))
        for (size_t i = 0; i < key->cameras.count; i++)
            append_camera(key->cameras.items[i], NULL, list);
    return g_string_free(list, !feed->cameras && !login_is_camera_bound(&feed->login));
}

static void add_events(const struct feed *feed, const GPtrArray *events, size_t most, struct missed *missed)
{
    for (guint i = 0; i < events->len; i++) {
        const struct analytics_event *event = g_ptr_array_index(events, i);
        if (!wants(feed, LIVE_EVENT, event->org_id, event->camera_id))
            continue;
        struct feed_message *message = message_of_record(LIVE_EVENT, event->id, &analytics_event_descriptor, event);
        add_missed(missed, message, most);
        feed_message_unref(message);
    }
}

static void add_stored(const struct feed *feed, const char *after_id, struct missed *missed, size_t most)
{
    bool is_wanted = feed->kinds & 1u << LIVE_EVENT;
    g_autofree char *cameras = cameras_of(feed);
    const struct store_events_after asked = {feed->login.user->org_id, after_id, cameras,
                                             is_wanted ? (int)most + 1 : 1};
    struct store_events_found found;
    if (!store_events_read_after(feed->feeds->store, &asked, &found, NULL))
        return;
    missed->is_known = found.is_whole;
    add_events(feed, found.again, G_MAXINT, missed);
    missed->again = missed->messages->len;
    add_events(feed, found.later, most, missed);
    missed->is_full |= is_wanted && found.later->len > most;
    store_events_found_clear(&found);
}

/* What the client is told first: of the messages that follow those from `first` to before `end`. */
static struct live_resumed resumed_of(const char *after_id, const struct missed *missed, size_t first, size_t end)
{
    struct live_resumed told = {.from = (char *)(uintptr_t)after_id, .is_complete = missed->is_known};
    for (size_t i = first; i < end; i++) {
        bool is_event = ((const struct feed_message *)missed->messages->pdata[i])->kind == LIVE_EVENT;
        told.events += is_event;
        told.incidents += !is_event;
    }
    told.has_all_incidents = missed->is_in_memory;
    return told;
}

static size_t size_of(const struct missed *missed, size_t at)
{
    return ((const struct feed_message *)missed->messages->pdata[at])->size;
}

/* What is from before the event asked for takes half of the room at most, the last of it: else who comes back from the
 * middle of very many would hear of no later one. The first that is told. */
static size_t first_fitting(const struct missed *missed, size_t room)
{
    size_t first = missed->again, bytes = 0;
    while (first > 0 && (bytes += size_of(missed, first - 1)) <= room / 2)
        first--;
    for (size_t i = 0; i < first; i++)
        g_hash_table_remove(missed->ids, ((struct feed_message *)missed->messages->pdata[i])->id);
    return first;
}

/* What waits already and is told before it. With the lock. */
static void drop_missed(struct feed *feed, const struct missed *missed)
{
    for (GList *link = feed->queue.head; link;) {
        GList *next = link->next;
        struct feed_message *message = link->data;
        if (*message->id && g_hash_table_contains(missed->ids, message->id)) {
            feed->queued_bytes -= message->size;
            feed_message_unref(message);
            g_queue_delete_link(&feed->queue, link);
        }
        link = next;
    }
}

/* Before what came since; what stands in both is told once. With the lock. */
static void put_in_front(struct feed *feed, const char *after_id, struct missed *missed)
{
    size_t limit = (size_t)feed->feeds->settings->http.websocket_queue_bytes;
    size_t first = first_fitting(missed, limit - MIN(limit, feed->queued_bytes)), end = first;
    drop_missed(feed, missed);
    for (size_t bytes = feed->queued_bytes; end < missed->messages->len; end++)
        if ((bytes += size_of(missed, end)) > limit)
            break;
    feed->is_cut = missed->is_full || end < missed->messages->len;
    const struct live_resumed told = resumed_of(after_id, missed, first, end);
    for (size_t i = end; i-- > first;) {
        struct feed_message *message = missed->messages->pdata[i];
        g_queue_push_head(&feed->queue, message_ref(message));
        feed->queued_bytes += message->size;
    }
    struct feed_message *head = message_of_record(LIVE_RESUMED, NULL, &live_resumed_descriptor, &told);
    feed->queued_bytes += head->size;
    g_queue_push_head(&feed->queue, head);
    feed->wake(feed->data);
}

void feed_resume(struct feed *feed, const char *after_id)
{
    size_t most = (size_t)feed->feeds->settings->http.resume_events;
    struct missed missed = {.messages = g_ptr_array_new_with_free_func((GDestroyNotify)feed_message_unref),
                            .ids = g_hash_table_new(g_str_hash, g_str_equal)};
    if (!is_recent(feed, after_id))
        add_stored(feed, after_id, &missed, most);
    pthread_mutex_lock(&feed->feeds->lock);
    if (!missed.is_full)
        add_recent(feed, after_id, &missed, most);
    put_in_front(feed, after_id, &missed);
    pthread_mutex_unlock(&feed->feeds->lock);
    g_hash_table_unref(missed.ids);
    g_ptr_array_unref(missed.messages);
}
