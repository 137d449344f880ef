#include "live/live.h"

#include <pthread.h>
#include <string.h>

enum {
    ONLINE_SILENCE_MS = 5000, /* workers speak each second: after five missed words a camera counts as offline */
    WANT_INTERVAL_MS = 1000,  /* a wish lasts 5 s, so that repeating it more often says nothing new */
    MAX_PREVIEW_BYTES = 4 << 20,
};

/* The latest of one camera. */
struct entry {
    struct camera_health health;
    bool has_health, is_gone;
    int64_t heard_ms;
    const struct camera *told; /* the camera as its worker was told of it last, shared; NULL: never */
    int64_t telling;           /* by this number; 0: never */
    bool shows_people;         /* and was told to hide nobody */
    GBytes *preview;           /* made by this telling; NULL: none yet */
    int64_t preview_captured_at_ms;
    uint64_t preview_frame_number;
    int64_t wanted_us; /* monotonic; 0: never */
};

struct subscriber {
    unsigned id;
    live_receive receive;
    void *data;
};

/* Lock order: none is taken inside another. */
struct live {
    struct clock *clock;
    struct camera_roster *roster;

    pthread_mutex_t lock;
    GHashTable *entries;              /* under lock; camera id → struct entry *, which it owns */
    char *capacity;                   /* under lock */
    bool is_capacity_short;           /* under lock */
    pthread_mutex_t subscribers_lock; /* held while they are called, so that nobody is called after leaving */
    GArray *subscribers;
    unsigned next_subscription;
    pthread_mutex_t wanted_lock; /* held while the hub is called */
    void (*wanted)(void *data, const char *camera_id);
    void *wanted_data;
    /* as wanted, under the same lock */
    void (*forced)(void *data, const char *camera_id, enum breaker_word word);
    void *forced_data;
};

static void entry_free(void *data)
{
    struct entry *entry = data;
    record_clear(&camera_health_descriptor, &entry->health);
    if (entry->told)
        camera_unref(entry->told);
    if (entry->preview)
        g_bytes_unref(entry->preview);
    g_free(entry);
}

/* In the place of the one that is there: what its worker was told stays. */
static void add_entry(struct live *live, const char *camera_id)
{
    struct entry *entry = g_new0(struct entry, 1);
    struct entry *before = g_hash_table_lookup(live->entries, camera_id);
    if (before) {
        entry->told = g_steal_pointer(&before->told);
        entry->telling = before->telling;
        entry->shows_people = before->shows_people;
    }
    record_init(&camera_health_descriptor, &entry->health);
    g_hash_table_replace(live->entries, g_strdup(camera_id), entry);
}

struct live *live_new(const struct record_list *cameras)
{
    struct live *live = g_new0(struct live, 1);
    live->clock = clock_system();
    live->roster = camera_roster_new(cameras);
    live->entries = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, entry_free);
    live->subscribers = g_array_new(FALSE, FALSE, sizeof(struct subscriber));
    live->next_subscription = 1;
    pthread_mutex_init(&live->lock, NULL);
    pthread_mutex_init(&live->subscribers_lock, NULL);
    pthread_mutex_init(&live->wanted_lock, NULL);
    const struct camera *items = cameras->items;
    for (size_t i = 0; i < cameras->count; i++)
        add_entry(live, items[i].id);
    return live;
}

void live_set_clock(struct live *live, struct clock *clock)
{
    live->clock = clock;
}

void live_free(struct live *live)
{
    if (!live)
        return;
    g_hash_table_destroy(live->entries);
    camera_roster_free(live->roster);
    g_free(live->capacity);
    g_array_free(live->subscribers, TRUE);
    pthread_mutex_destroy(&live->lock);
    pthread_mutex_destroy(&live->subscribers_lock);
    pthread_mutex_destroy(&live->wanted_lock);
    g_free(live);
}

/* ---- the cameras ---- */

struct camera_set *live_cameras(struct live *live)
{
    return camera_roster_get(live->roster);
}

struct camera_roster *live_roster(struct live *live)
{
    return live->roster;
}

void live_put_camera(struct live *live, const struct camera *camera)
{
    CLEANUP(camera_set) struct camera_set *set = live_cameras(live);
    const struct camera *before = camera_set_find(set, camera->id);
    pthread_mutex_lock(&live->lock);
    if (!before || !before->enabled || !camera->enabled || camera_needs_restart(before, camera))
        add_entry(live, camera->id);
    pthread_mutex_unlock(&live->lock);
    /* last: its worker may be told from here on, which must find the entry; and no picture of before is shown any more,
     * for the camera told of then is no longer this one */
    camera_roster_put(live->roster, camera);
}

void live_remove_camera(struct live *live, const char *camera_id)
{
    camera_roster_remove(live->roster, camera_id);
    pthread_mutex_lock(&live->lock);
    g_hash_table_remove(live->entries, camera_id);
    pthread_mutex_unlock(&live->lock);
}

/* ---- health ---- */

/* Its entry, with the lock held; NULL without it: there is no such camera. */
static struct entry *lock_entry(struct live *live, const char *camera_id)
{
    pthread_mutex_lock(&live->lock);
    struct entry *entry = camera_id ? g_hash_table_lookup(live->entries, camera_id) : NULL;
    if (!entry)
        pthread_mutex_unlock(&live->lock);
    return entry;
}

static void copy_stalled(const struct camera_health *from, struct camera_health *to)
{
    g_free(to->stalled);
    to->stalled = g_strdup(from->stalled);
    to->frames_stalled_seconds = from->frames_stalled_seconds;
    to->analyses_stalled_seconds = from->analyses_stalled_seconds;
    to->records_stalled_seconds = from->records_stalled_seconds;
    to->deliveries_stalled_seconds = from->deliveries_stalled_seconds;
}

/* What the hub itself knows is not its worker's to say. */
static void keep_own(const struct camera_health *own, struct camera_health *health)
{
    health->records_received = own->records_received;
    health->records_stored = own->records_stored;
    copy_stalled(own, health);
}

void live_add_records(struct live *live, const char *camera_id, int64_t received, int64_t stored)
{
    struct entry *entry = lock_entry(live, camera_id);
    if (!entry)
        return;
    entry->health.records_received += received;
    entry->health.records_stored += stored;
    pthread_mutex_unlock(&live->lock);
}

void live_set_stalled(struct live *live, const char *camera_id, const struct camera_health *stalled)
{
    struct entry *entry = lock_entry(live, camera_id);
    if (!entry)
        return;
    copy_stalled(stalled, &entry->health);
    pthread_mutex_unlock(&live->lock);
}

void live_set_health(struct live *live, const struct camera_health *health)
{
    struct entry *entry = lock_entry(live, health->camera_id);
    if (!entry)
        return;
    struct camera_health own = entry->health;
    record_copy(&camera_health_descriptor, health, &entry->health);
    keep_own(&own, &entry->health);
    record_clear(&camera_health_descriptor, &own);
    entry->has_health = true;
    entry->is_gone = false;
    entry->heard_ms = clock_wall_ms(live->clock);
    pthread_mutex_unlock(&live->lock);
}

bool live_get_health(struct live *live, const char *camera_id, struct camera_health *health)
{
    struct entry *entry = lock_entry(live, camera_id);
    if (!entry)
        return false;
    bool has_health = entry->has_health;
    if (has_health)
        record_copy(&camera_health_descriptor, &entry->health, health);
    pthread_mutex_unlock(&live->lock);
    return has_health;
}

bool live_is_online(struct live *live, const char *camera_id, int64_t now_ms)
{
    struct entry *entry = lock_entry(live, camera_id);
    if (!entry)
        return false;
    bool is_online = entry->has_health && !entry->is_gone && g_strcmp0(entry->health.state, "online") == 0 &&
                     now_ms - entry->heard_ms <= ONLINE_SILENCE_MS;
    pthread_mutex_unlock(&live->lock);
    return is_online;
}

void live_set_offline(struct live *live, const char *camera_id, const char *reason)
{
    struct entry *entry = lock_entry(live, camera_id);
    if (!entry)
        return;
    entry->is_gone = true;
    entry->has_health = true;
    g_free(entry->health.camera_id);
    g_free(entry->health.state);
    g_free(entry->health.last_error);
    entry->health.camera_id = g_strdup(camera_id);
    entry->health.state = g_strdup("failed");
    entry->health.last_error = g_strdup(reason);
    entry->health.fps = entry->health.analysed_fps = entry->health.frame_age_ms = 0;
    pthread_mutex_unlock(&live->lock);
}

void live_set_capacity(struct live *live, const char *text, bool is_short)
{
    pthread_mutex_lock(&live->lock);
    g_free(live->capacity);
    live->capacity = g_strdup(text);
    live->is_capacity_short = is_short;
    pthread_mutex_unlock(&live->lock);
}

char *live_get_capacity(struct live *live, bool *is_short)
{
    pthread_mutex_lock(&live->lock);
    char *text = g_strdup(live->capacity ? live->capacity : "");
    *is_short = live->is_capacity_short;
    pthread_mutex_unlock(&live->lock);
    return text;
}

/* ---- previews ---- */

void live_expect_previews(struct live *live, const struct camera *camera, int64_t telling, bool shows_people)
{
    struct entry *entry = lock_entry(live, camera->id);
    if (!entry)
        return;
    const struct camera *before = entry->told;
    GBytes *old = entry->telling == telling ? NULL : g_steal_pointer(&entry->preview);
    entry->told = camera_ref(camera);
    entry->telling = telling;
    entry->shows_people = shows_people;
    pthread_mutex_unlock(&live->lock);
    if (before)
        camera_unref(before);
    if (old)
        g_bytes_unref(old);
}

void live_set_preview(struct live *live, const char *camera_id, int64_t telling, GBytes *jpeg, int64_t captured_at_ms,
                      uint64_t frame_number)
{
    bool is_taken = telling != 0 && g_bytes_get_size(jpeg) <= MAX_PREVIEW_BYTES;
    struct entry *entry = is_taken ? lock_entry(live, camera_id) : NULL;
    if (!entry)
        return;
    GBytes *old = NULL;
    if (entry->telling == telling) {
        old = entry->preview;
        entry->preview = g_bytes_ref(jpeg);
        entry->preview_captured_at_ms = captured_at_ms;
        entry->preview_frame_number = frame_number;
    }
    pthread_mutex_unlock(&live->lock);
    if (old)
        g_bytes_unref(old);
}

bool live_get_preview(struct live *live, const char *camera_id, struct live_preview *preview)
{
    CLEANUP(camera_set) struct camera_set *set = live_cameras(live);
    struct entry *entry = lock_entry(live, camera_id);
    if (!entry)
        return false;
    bool has_preview = entry->preview && entry->told == camera_set_find(set, camera_id);
    if (has_preview)
        *preview = (struct live_preview){g_bytes_ref(entry->preview), entry->preview_captured_at_ms,
                                         entry->preview_frame_number, entry->shows_people};
    pthread_mutex_unlock(&live->lock);
    return has_preview;
}

void live_want_preview(struct live *live, const char *camera_id)
{
    int64_t now_us = clock_monotonic_us(live->clock);
    struct entry *entry = lock_entry(live, camera_id);
    if (!entry)
        return;
    bool is_new = !entry->wanted_us || now_us - entry->wanted_us >= WANT_INTERVAL_MS * INT64_C(1000);
    if (is_new)
        entry->wanted_us = MAX(now_us, 1);
    pthread_mutex_unlock(&live->lock);
    if (!is_new)
        return;
    pthread_mutex_lock(&live->wanted_lock);
    if (live->wanted)
        live->wanted(live->wanted_data, camera_id);
    pthread_mutex_unlock(&live->wanted_lock);
}

void live_set_preview_wanted(struct live *live, void (*wanted)(void *data, const char *camera_id), void *data)
{
    pthread_mutex_lock(&live->wanted_lock);
    live->wanted = wanted;
    live->wanted_data = data;
    pthread_mutex_unlock(&live->wanted_lock);
}

void live_force_breaker(struct live *live, const char *camera_id, enum breaker_word word)
{
    pthread_mutex_lock(&live->wanted_lock);
    if (live->forced)
        live->forced(live->forced_data, camera_id, word);
    pthread_mutex_unlock(&live->wanted_lock);
}

void live_set_breaker_forced(struct live *live,
                             void (*forced)(void *data, const char *camera_id, enum breaker_word word), void *data)
{
    pthread_mutex_lock(&live->wanted_lock);
    live->forced = forced;
    live->forced_data = data;
    pthread_mutex_unlock(&live->wanted_lock);
}

unsigned live_subscribe(struct live *live, live_receive receive, void *data)
{
    pthread_mutex_lock(&live->subscribers_lock);
    const struct subscriber subscriber = {live->next_subscription++, receive, data};
    g_array_append_val(live->subscribers, subscriber);
    pthread_mutex_unlock(&live->subscribers_lock);
    return subscriber.id;
}

void live_unsubscribe(struct live *live, unsigned subscription)
{
    pthread_mutex_lock(&live->subscribers_lock);
    for (guint i = 0; i < live->subscribers->len; i++) {
        if (g_array_index(live->subscribers, struct subscriber, i).id != subscription)
            continue;
        g_array_remove_index(live->subscribers, i);
        break;
    }
    pthread_mutex_unlock(&live->subscribers_lock);
}

/* {"type":"event","data":…}, made once for all who listen. */
static GBytes *wrap(enum live_kind kind, const char *json, size_t length)
{
    GString *text = g_string_sized_new(length + 32);
    g_string_append_printf(text, "{\"type\":\"%s\",\"data\":", record_enum_name(live_kind_names, kind));
    g_string_append_len(text, json, (gssize)length);
    g_string_append_c(text, '}');
    return g_string_free_to_bytes(text);
}

static void publish(struct live *live, enum live_kind kind, const char *org_id, const char *camera_id, const char *id,
                    const char *json, size_t length)
{
    pthread_mutex_lock(&live->subscribers_lock);
    if (live->subscribers->len) {
        g_autoptr(GBytes) message = wrap(kind, json, length);
        for (guint i = 0; i < live->subscribers->len; i++) {
            const struct subscriber *subscriber = &g_array_index(live->subscribers, struct subscriber, i);
            subscriber->receive(subscriber->data, kind, org_id, camera_id, id, message);
        }
    }
    pthread_mutex_unlock(&live->subscribers_lock);
}

void live_publish(struct live *live, enum live_kind kind, const char *org_id, const char *camera_id, const char *json,
                  size_t length)
{
    publish(live, kind, org_id, camera_id, NULL, json, length);
}

void live_publish_event(struct live *live, const char *org_id, const char *camera_id, const char *id, const char *json,
                        size_t length)
{
    publish(live, LIVE_EVENT, org_id, camera_id, id, json, length);
}

void live_publish_incident(struct live *live, const char *org_id, const char *camera_id, const char *id,
                           const char *json, size_t length)
{
    publish(live, LIVE_INCIDENT, org_id, camera_id, id, json, length);
}
