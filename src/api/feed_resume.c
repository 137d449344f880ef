/* What a client missed while it was away: from memory, else from the store. */
#define LOG_MODULE "api"
#include "api/feed_internal.h"

#include <string.h>

#include "base/log.h"
#include "facts/incident.h"

enum { COMPLAINT_US = 30 * 1000000 };

/* What a client missed, oldest first, each event once. */
struct missed {
    GPtrArray *messages;    /* of struct feed_message * */
    guint again;            /* of these, the first: from before the event asked for; they count for nothing */
    size_t events;          /* of those behind them */
    GHashTable *ids;        /* id → message, both borrowed from them */
    bool is_known;          /* the event asked for was found, and nothing after it was left out */
    bool has_all_incidents; /* none of what became of these was left out */
    bool is_full;           /* there is more than is told */
};

/* How an incident stands in the store is not told where all that came of it since is. */
static void drop_standing(struct missed *missed, const char *incident_id)
{
    struct feed_message *standing = *incident_id ? g_hash_table_lookup(missed->ids, incident_id) : NULL;
    if (!standing)
        return;
    g_hash_table_remove(missed->ids, incident_id);
    g_ptr_array_remove(missed->messages, standing);
}

/* Nothing any more from the first event on that is more than `most`: who comes back is told the rest in its order. */
static void add_missed(struct missed *missed, struct feed_message *message, size_t most)
{
    if (missed->is_full || g_hash_table_contains(missed->ids, message->id))
        return;
    if (message->kind == LIVE_EVENT && missed->events >= most) {
        missed->is_full = true;
        return;
    }
    drop_standing(missed, message->incident_id);
    missed->events += message->kind == LIVE_EVENT;
    g_ptr_array_add(missed->messages, feed_message_ref(message));
    g_hash_table_insert(missed->ids, message->id, message);
}

/* Where in memory the event of the feed's org is, the first that came with this id: one of another camera may have it,
 * too, and nothing is to be left out. NULL: nowhere. With the lock. */
static GList *find_recent(const struct feed *feed, const char *id)
{
    for (GList *link = feed->feeds->recent.head; link; link = link->next) {
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
    missed->has_all_incidents |= found != NULL;
    for (GList *link = found ? found->next : feed->feeds->recent.head; link; link = link->next) {
        const struct remembered *event = link->data;
        if (feed_wants(feed, event->message->kind, event->org_id, event->camera_id))
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

static void add_event(const struct feed *feed, const struct analytics_event *event, size_t most, struct missed *missed)
{
    if (!feed_wants(feed, LIVE_EVENT, event->org_id, event->camera_id))
        return;
    struct feed_message *message = feed_message_of_record(LIVE_EVENT, event->id, &analytics_event_descriptor, event);
    add_missed(missed, message, most);
    feed_message_unref(message);
}

static void add_incident(const struct feed *feed, const struct incident *incident, size_t most, struct missed *missed)
{
    if (!feed_wants(feed, LIVE_INCIDENT, incident->org_id, incident->camera_id))
        return;
    struct feed_message *message = feed_message_of_record(LIVE_INCIDENT, incident->id, &incident_descriptor, incident);
    add_missed(missed, message, most);
    feed_message_unref(message);
}

static bool is_before(const struct analytics_event *event, const struct incident *incident)
{
    return event->received_at.ms <= incident->changed_at.ms;
}

/* Each at its time: the signal that came in before the incident that it made. */
static void add_in_order(const struct feed *feed, const struct store_events_found *found, size_t most,
                         struct missed *missed)
{
    const GPtrArray *events = found->later, *incidents = found->incidents;
    guint event = 0, incident = 0;
    while (!missed->is_full && (event < events->len || incident < incidents->len)) {
        bool is_events_turn = incident == incidents->len ||
                              (event < events->len && is_before(events->pdata[event], incidents->pdata[incident]));
        if (is_events_turn) {
            add_event(feed, events->pdata[event++], most, missed);
        } else if (incident < most) {
            add_incident(feed, incidents->pdata[incident++], most, missed);
        } else {
            missed->has_all_incidents = false;
            incident = incidents->len;
        }
    }
}

static void add_found(const struct feed *feed, const struct store_events_found *found, size_t most,
                      struct missed *missed)
{
    missed->is_known = found->is_whole;
    missed->has_all_incidents = !found->has_unreadable_incidents;
    for (guint i = 0; i < found->again->len; i++)
        add_event(feed, found->again->pdata[i], SIZE_MAX, missed);
    missed->again = missed->messages->len;
    missed->events = 0;
    add_in_order(feed, found, most, missed);
    if (feed->kinds & 1u << LIVE_EVENT)
        missed->is_full |= found->later->len > most; /* also where some of these are not the feed's */
}

static void add_stored(const struct feed *feed, const char *after_id, struct missed *missed, size_t most)
{
    bool is_wanted = feed->kinds & 1u << LIVE_EVENT, is_of_incidents = feed->kinds & 1u << LIVE_INCIDENT;
    g_autofree char *cameras = cameras_of(feed);
    const struct store_events_after asked = {.org_id = feed->login.user->org_id,
                                             .after_id = after_id,
                                             .cameras = cameras,
                                             .limit = is_wanted ? (int)most + 1 : 1,
                                             .incident_limit = is_of_incidents ? (int)most + 1 : 0};
    struct store_events_found found;
    static struct log_limit complaint;
    gint64 held_back;
    g_autoptr(GError) error = NULL;
    if (!store_events_read_after(feed->feeds->store, &asked, &found, &error)) {
        if (log_limit_pass(&complaint, COMPLAINT_US, &held_back))
            log_warning(feed->login.user->org_id,
                        "a client that comes back is told that events are missing: %s (%lld more)", error->message,
                        (long long)held_back);
        return;
    }
    add_found(feed, &found, most, missed);
    store_events_found_clear(&found);
}

static bool is_event(const struct missed *missed, size_t at)
{
    return ((const struct feed_message *)missed->messages->pdata[at])->kind == LIVE_EVENT;
}

/* What the client is told first: of the messages that follow those from `first` to before `end`. */
static struct live_resumed resumed_of(const char *after_id, const struct missed *missed, size_t first, size_t end)
{
    struct live_resumed told = {.from = (char *)(uintptr_t)after_id, .is_complete = missed->is_known};
    for (size_t i = first; i < end; i++) {
        told.events += is_event(missed, i);
        told.incidents += !is_event(missed, i);
    }
    told.has_all_incidents = missed->has_all_incidents;
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

/* How many go out from the `first` on, in so many bytes. */
static size_t end_of_fitting(const struct missed *missed, size_t first, size_t room)
{
    size_t end = first;
    for (size_t bytes = 0; end < missed->messages->len; end++)
        if ((bytes += size_of(missed, end)) > room)
            break;
    return end;
}

/* Where incidents alone fill the room, who comes back behind the last event would hear the same again for ever: they
 * are left out, which is said. */
static void leave_out_incidents(struct missed *missed)
{
    missed->has_all_incidents = false;
    for (size_t i = missed->messages->len; i-- > missed->again;)
        if (!is_event(missed, i))
            g_ptr_array_remove_index(missed->messages, (guint)i);
}

static size_t end_of_part(struct missed *missed, size_t first, size_t room)
{
    size_t end = end_of_fitting(missed, first, room);
    bool goes_on = end == missed->messages->len;
    for (size_t i = missed->again; i < end && !goes_on; i++)
        goes_on = is_event(missed, i);
    if (goes_on)
        return end;
    leave_out_incidents(missed);
    return end_of_fitting(missed, first, room);
}

/* What came meanwhile is told to who comes back behind the part: now it would be behind a gap. With the lock. */
static void drop_queue(struct feed *feed)
{
    g_queue_clear_full(&feed->queue, (GDestroyNotify)feed_message_unref);
    feed->queued_bytes = 0;
}

/* Before what came since; what stands in both is told once. With the lock. */
static void put_in_front(struct feed *feed, const char *after_id, struct missed *missed)
{
    size_t limit = (size_t)feed->feeds->settings->http.websocket_queue_bytes;
    size_t first = first_fitting(missed, limit - MIN(limit, feed->queued_bytes));
    drop_missed(feed, missed);
    size_t end = end_of_part(missed, first, limit - MIN(limit, feed->queued_bytes));
    feed->is_cut = missed->is_full || end < missed->messages->len;
    if (feed->is_cut)
        drop_queue(feed);
    const struct live_resumed told = resumed_of(after_id, missed, first, end);
    for (size_t i = end; i-- > first;) {
        struct feed_message *message = missed->messages->pdata[i];
        g_queue_push_head(&feed->queue, feed_message_ref(message));
        feed->queued_bytes += message->size;
    }
    struct feed_message *head = feed_message_of_record(LIVE_RESUMED, NULL, &live_resumed_descriptor, &told);
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
