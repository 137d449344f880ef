/* Taking events over: who is to be told of each, whether their queues have it, and the drain's waiting until they do.
 */
#define LOG_MODULE "notify"
#include "notify/notify_internal.h"

#include "base/log.h"
#include "base/wait.h"

#include <errno.h>
#include <time.h>

enum {
    TROUBLE_US = 500000, /* how long a disk is waited for that was waited for in vain */
    RETRY_US = 200000,
    COMPLAINT_US = 60 * 1000000,
};

/* An event that is being taken over, or was. */
struct taking {
    struct notify *notify;
    char *key;         /* org, camera and id */
    int pending;       /* endpoints that have not settled it yet */
    bool is_forgotten; /* freed once nothing is pending */
    bool is_let_go;    /* nobody tries again: what fails is lost */
    guint part_count;
    struct part {
        struct taking *taking;
        struct endpoint *endpoint;
        bool is_missing; /* the endpoint's disk did not take it */
    } parts[];
};

void taking_free(void *data)
{
    struct taking *taking = data;
    g_free(taking->key);
    g_free(taking);
}

/* ---- taking over ---- */

/* What is offered: a record, of which its descriptor says what it is. All is borrowed. */
struct offer {
    const char *org_id, *camera_id, *id;
    int32_t priority;
    const struct record_descriptor *descriptor;
    const void *record;
};

static struct offer offer_of_event(const struct analytics_event *event)
{
    return (struct offer){event->org_id, event->camera_id, event->id, event->priority, &event_under_way_descriptor,
                          event};
}

static struct offer offer_of_change(const struct incident_change *change)
{
    return (struct offer){change->org_id,
                          change->camera_id,
                          change->id,
                          event_type_find(EVENT_SIGNAL)->priority,
                          &incident_change_descriptor,
                          change};
}

static bool policy_lets_out(const struct notify *notify, const struct message *message)
{
    struct notify_policy policy = {.notify_enabled = true, .minimum_severity = NOTIFY_MEDIUM};
    if (notify->parts.says)
        notify->parts.says(notify->parts.says_data, message->org_id, message->site_id, message->camera_id, &policy);
    return policy.notify_enabled && (unsigned)message->severity >= (unsigned)policy.minimum_severity;
}

static void note_unreadable(const struct offer *offer)
{
    static struct log_limit complaint;
    gint64 held_back;
    if (log_limit_pass(&complaint, COMPLAINT_US, &held_back))
        log_error(offer->camera_id, "nobody is told of %s, which cannot be read (%lld more)", offer->id,
                  (long long)held_back);
}

/* The endpoints that are to be told. NULL: none is. */
static GPtrArray *endpoints_for(const struct notify *notify, const struct offer *offer)
{
    struct message message;
    if (!message_read(offer->descriptor, offer->record, &message)) {
        note_unreadable(offer);
        return NULL;
    }
    g_autoptr(GPtrArray) found = g_ptr_array_new();
    for (guint i = 0; i < notify->endpoints->len; i++) {
        struct endpoint *endpoint = g_ptr_array_index(notify->endpoints, i);
        if (audience_wants(endpoint_audience(endpoint), &message))
            g_ptr_array_add(found, endpoint);
    }
    bool is_let_out = found->len && policy_lets_out(notify, &message);
    message_clear(&message);
    return is_let_out ? g_steal_pointer(&found) : NULL;
}

static char *make_key(const struct offer *offer)
{
    return g_strjoin("\n", offer->org_id ? offer->org_id : "", offer->camera_id, offer->id, NULL);
}

/* Under the lock. */
static void forget_oldest(struct notify *notify)
{
    while (g_hash_table_size(notify->known) > (guint)notify->parts.settings->remembered) {
        struct taking *taking = g_queue_pop_head(&notify->oldest);
        g_hash_table_remove(notify->known, taking->key);
        taking->is_forgotten = true;
        if (taking->pending == 0)
            taking_free(taking);
    }
}

/* A new one, all of whose parts are pending. */
static struct taking *taking_new(struct notify *notify, char *key, const GPtrArray *endpoints)
{
    struct taking *taking = g_malloc(sizeof *taking + endpoints->len * sizeof *taking->parts);
    *taking = (struct taking){notify, key, (int)endpoints->len, false, false, endpoints->len};
    for (guint i = 0; i < endpoints->len; i++)
        taking->parts[i] = (struct part){taking, g_ptr_array_index(endpoints, i), false};
    return taking;
}

/* On any thread. */
static void on_settled(void *data, enum put_outcome outcome)
{
    struct part *part = data;
    struct taking *taking = part->taking;
    struct notify *notify = taking->notify;
    pthread_mutex_lock(&notify->lock);
    part->is_missing = outcome == PUT_FAILED;
    if (part->is_missing && taking->is_let_go)
        endpoint_note_lost(part->endpoint);
    bool is_last = --taking->pending == 0;
    if (is_last)
        pthread_cond_broadcast(&notify->settled);
    if (is_last && taking->is_forgotten)
        taking_free(taking);
    pthread_mutex_unlock(&notify->lock);
}

/* Those are pending already, so that none goes away before it is put. */
static void put_parts(const GPtrArray *parts, const struct offer *offer)
{
    g_autoptr(GString) json = g_string_new(NULL);
    record_encode_json(offer->descriptor, offer->record, true, json);
    const struct endpoint_text text = {offer->org_id, json->str, json->len, offer->priority};
    for (guint i = 0; i < parts->len; i++) {
        struct part *part = g_ptr_array_index(parts, i);
        endpoint_put(part->endpoint, &text, on_settled, part);
    }
}

/* Adds what is to be put again of what is known. False: it is not known. */
static bool begin_again(struct notify *notify, const struct offer *offer, GPtrArray *parts)
{
    g_autofree char *key = make_key(offer);
    pthread_mutex_lock(&notify->lock);
    struct taking *taking = g_hash_table_lookup(notify->known, key);
    for (guint i = 0; taking && i < taking->part_count; i++)
        if (taking->parts[i].is_missing) {
            taking->parts[i].is_missing = taking->is_let_go = false;
            taking->pending++;
            g_ptr_array_add(parts, &taking->parts[i]);
        }
    pthread_mutex_unlock(&notify->lock);
    return taking != NULL;
}

/* Adds what is to be put of what was not known; nothing, where another thread was faster. */
static void begin_taking(struct notify *notify, const struct offer *offer, const GPtrArray *endpoints, GPtrArray *parts)
{
    char *key = make_key(offer);
    pthread_mutex_lock(&notify->lock);
    if (!g_hash_table_contains(notify->known, key)) {
        struct taking *taking = taking_new(notify, g_steal_pointer(&key), endpoints);
        for (guint i = 0; i < taking->part_count; i++)
            g_ptr_array_add(parts, &taking->parts[i]);
        g_hash_table_insert(notify->known, taking->key, taking);
        g_queue_push_tail(&notify->oldest, taking);
        forget_oldest(notify);
    }
    pthread_mutex_unlock(&notify->lock);
    g_free(key);
}

static void take_over(struct notify *notify, const struct offer *offer)
{
    g_autoptr(GPtrArray) parts = g_ptr_array_new(), endpoints = NULL;
    /* asked first, for it costs less than to find out who is to be told */
    if (!begin_again(notify, offer, parts) && (endpoints = endpoints_for(notify, offer)))
        begin_taking(notify, offer, endpoints, parts);
    if (parts->len)
        put_parts(parts, offer);
}

void notify_offer(struct notify *notify, const struct analytics_event *event)
{
    if (!notify || !notify->endpoints->len || event->type != EVENT_SIGNAL)
        return;
    const struct offer offer = offer_of_event(event);
    take_over(notify, &offer);
}

/* ---- making sure ---- */

/* Waits until none is pending. Returns how many puts their disks did not take, or have not answered. */
static size_t wait_for(struct notify *notify, const struct offer *offer, const struct timespec *deadline)
{
    g_autofree char *key = make_key(offer);
    const struct taking *taking;
    size_t missing = 0;
    pthread_mutex_lock(&notify->lock);
    while ((taking = g_hash_table_lookup(notify->known, key)) && taking->pending &&
           pthread_cond_timedwait(&notify->settled, &notify->lock, deadline) != ETIMEDOUT)
        ;
    taking = g_hash_table_lookup(notify->known, key);
    for (guint i = 0; taking && i < taking->part_count; i++)
        missing += taking->parts[i].is_missing;
    missing += taking ? (size_t)taking->pending : 0;
    pthread_mutex_unlock(&notify->lock);
    return missing;
}

/* Offers all of them, so that they share commits, and waits. Returns how many puts are missing. */
static size_t offer_and_wait(struct notify *notify, const struct offer *offers, size_t count, int64_t until_us)
{
    const struct timespec deadline = wait_deadline(until_us);
    size_t missing = 0;
    for (size_t i = 0; i < count; i++)
        take_over(notify, &offers[i]);
    for (size_t i = 0; i < count; i++)
        missing += wait_for(notify, &offers[i], &deadline);
    return missing;
}

static void note_lost(struct notify *notify, const struct offer *offer)
{
    g_autofree char *key = make_key(offer);
    pthread_mutex_lock(&notify->lock);
    struct taking *taking = g_hash_table_lookup(notify->known, key);
    if (taking)
        taking->is_let_go = true; /* of the pending ones, those that fail yet */
    for (guint i = 0; taking && i < taking->part_count; i++)
        if (taking->parts[i].is_missing)
            endpoint_note_lost(taking->parts[i].endpoint);
    pthread_mutex_unlock(&notify->lock);
}

static void let_go(struct notify *notify, const struct offer *offers, size_t count, size_t missing)
{
    static struct log_limit complaint;
    gint64 held_back;
    for (size_t i = 0; i < count; i++)
        note_lost(notify, &offers[i]);
    if (log_limit_pass(&complaint, COMPLAINT_US, &held_back))
        log_error(
            NULL,
            "%zu notifications are not on the disk of their queues, which is full, fails or hangs; what is stored "
            "goes on without them (%lld times more)",
            missing, (long long)held_back);
}

static void set_trouble(struct notify *notify, bool is_in_trouble)
{
    pthread_mutex_lock(&notify->lock);
    notify->is_in_trouble = is_in_trouble;
    pthread_mutex_unlock(&notify->lock);
}

static void ensure(struct notify *notify, const struct offer *offers, size_t count)
{
    pthread_mutex_lock(&notify->lock);
    bool was_in_trouble = notify->is_in_trouble;
    pthread_mutex_unlock(&notify->lock);
    int64_t hold_us = (int64_t)(notify->parts.settings->hold_seconds * G_USEC_PER_SEC),
            until_us = clock_monotonic_us(clock_system()) + (was_in_trouble ? MIN(hold_us, TROUBLE_US) : hold_us);
    size_t missing = offer_and_wait(notify, offers, count, until_us);
    while (missing && !was_in_trouble && clock_monotonic_us(clock_system()) + RETRY_US < until_us) {
        g_usleep(RETRY_US);
        missing = offer_and_wait(notify, offers, count, until_us);
    }
    set_trouble(notify, missing > 0);
    if (missing)
        let_go(notify, offers, count, missing);
}

void notify_ensure(struct notify *notify, struct analytics_event *const *events, size_t count)
{
    if (!notify || !notify->endpoints->len)
        return;
    g_autofree struct offer *offers = g_new(struct offer, count);
    size_t offered = 0;
    for (size_t i = 0; i < count; i++)
        if (events[i]->type == EVENT_SIGNAL)
            offers[offered++] = offer_of_event(events[i]);
    ensure(notify, offers, offered);
}

void notify_ensure_incidents(struct notify *notify, struct incident_change *const *changes, size_t count)
{
    if (!notify || !notify->endpoints->len)
        return;
    g_autofree struct offer *offers = g_new(struct offer, count);
    for (size_t i = 0; i < count; i++)
        offers[i] = offer_of_change(changes[i]);
    ensure(notify, offers, count);
}
