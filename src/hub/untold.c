#define LOG_MODULE "hub"
#include "hub/untold.h"

#include "base/error.h"
#include "base/log.h"
#include "base/thread.h"

#include <pthread.h>

static const char directory_name[] = "untold";
enum {
    WAIT_US = 100000, /* for what is read in the background */
    COMPLAINT_US = 10 * 1000000,
};

static int64_t now_us(void *clock)
{
    return clock_monotonic_us(clock);
}

static int64_t wall_ms(void *clock)
{
    return clock_wall_ms(clock);
}

/* The hub's own bounds held for them, and the store has them: nothing is refused or expires here. */
struct vedette_spool *untold_open(const struct record_path_parts *parts, GError **error)
{
    struct vedette_spool_config config;
    struct vedette_spool_error why;
    g_autofree char *directory = g_build_filename(parts->data_dir, directory_name, NULL);
    vedette_spool_config_init(&config);
    config.max_queue_size = INT32_MAX;
    config.max_queue_bytes = INT64_MAX;
    config.max_queue_seconds = 0;
    config.max_tenants = VEDETTE_SPOOL_TENANTS_MAX;
    config.batch_size = parts->settings->spool.batch_size;
    config.max_record_bytes = RECORD_PATH_MAX_BYTES;
    config.reserve_bytes = 0;
    config.time = (struct vedette_time_source){.now_us = now_us, .data = parts->clock};
    config.wall_ms = wall_ms;
    struct vedette_spool *untold = vedette_spool_open(directory, &config, &why);
    if (!untold)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_IO, "signals that nobody was told of: %s", why.text);
    return untold;
}

void untold_close(struct vedette_spool *untold)
{
    struct vedette_spool_stats stats;
    if (!untold)
        return;
    vedette_spool_get_stats(untold, &stats);
    int64_t expired = stats.losses[VEDETTE_SPOOL_EXPIRED], corrupt = stats.losses[VEDETTE_SPOOL_CORRUPT];
    if (expired || corrupt)
        log_error(
            NULL,
            "of the signals that nobody was told of %lld had expired and %lld cannot be read (%s): nobody is told "
            "of them; what the store has of them it keeps",
            (long long)expired, (long long)corrupt, stats.last_error);
    vedette_spool_close(untold);
}

/* ---- keeping ---- */

static char *write_event(const struct analytics_event *event, gsize *length)
{
    GString *json = g_string_new(NULL);
    record_encode_json(&event_under_way_descriptor, event, true, json);
    *length = json->len;
    return g_string_free(json, FALSE);
}

bool untold_keep(struct vedette_spool *untold, const GPtrArray *events, GError **error)
{
    struct vedette_spool_error why;
    g_autofree struct vedette_spool_record *records = g_new0(struct vedette_spool_record, events->len);
    g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < events->len; i++) {
        const struct analytics_event *event = g_ptr_array_index(events, i);
        gsize length;
        if (event->type != EVENT_SIGNAL)
            continue;
        char *text = write_event(event, &length);
        records[texts->len] = (struct vedette_spool_record){
            .tenant = event->org_id, .priority = event->priority, .payload = text, .length = length};
        g_ptr_array_add(texts, text);
    }
    if (!texts->len || vedette_spool_enqueue(untold, records, texts->len, &why))
        return true;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_IO, "keep %u signals that nobody was told of: %s", texts->len,
                why.text);
    return false;
}

/* ---- telling ---- */

struct untold_teller {
    struct record_path_parts parts;
    pthread_t thread;
    bool is_stopping; /* atomic */
};

static void complain_of_record(const GError *error)
{
    static struct log_limit complaint;
    gint64 held_back;
    if (log_limit_pass(&complaint, COMPLAINT_US, &held_back))
        log_error(NULL, "a signal that nobody was told of cannot be read and is let go: %s (%lld more)", error->message,
                  (long long)held_back);
}

static GPtrArray *decode(const struct vedette_spool_batch *batch)
{
    GPtrArray *events = g_ptr_array_new_with_free_func((GDestroyNotify)analytics_event_free);
    for (size_t i = 0; i < batch->count; i++) {
        g_autoptr(GError) error = NULL;
        struct analytics_event *event = record_path_decode(&batch->records[i], &error);
        if (event)
            g_ptr_array_add(events, event);
        else
            complain_of_record(error);
    }
    return events;
}

/* False: nothing is left, or its disk does not give it out. */
static bool tell_batch(struct vedette_spool *untold, struct notify *notify)
{
    struct vedette_spool_stats stats;
    struct vedette_spool_batch *batch = vedette_spool_dequeue(untold, 0, WAIT_US);
    if (!batch) {
        g_autoptr(GError) error = NULL;
        vedette_spool_get_stats(untold, &stats);
        bool is_hopeless = record_path_is_hopeless(&stats, &error);
        if (is_hopeless)
            log_error(NULL, "signals that nobody was told of: %s", error->message);
        return stats.total_queued && !is_hopeless;
    }
    g_autoptr(GPtrArray) events = decode(batch);
    notify_ensure(notify, (struct analytics_event *const *)(void *)events->pdata, events->len);
    vedette_spool_acknowledge(untold, batch);
    return true;
}

static void *tell_all(void *data)
{
    struct untold_teller *teller = data;
    g_autoptr(GError) error = NULL;
    struct vedette_spool *untold = untold_open(&teller->parts, &error);
    if (!untold)
        log_error(NULL, "%s: they are tried again at the next start", error->message);
    while (untold && !__atomic_load_n(&teller->is_stopping, __ATOMIC_ACQUIRE) &&
           tell_batch(untold, teller->parts.notify))
        ;
    untold_close(untold);
    return NULL;
}

struct untold_teller *untold_start(const struct record_path_parts *parts)
{
    g_autofree char *directory = g_build_filename(parts->data_dir, directory_name, NULL);
    if (!g_file_test(directory, G_FILE_TEST_EXISTS))
        return NULL;
    g_autofree struct untold_teller *teller = g_new0(struct untold_teller, 1);
    teller->parts = *parts;
    int code = thread_start(&teller->thread, "untold", tell_all, teller);
    if (code == 0)
        return g_steal_pointer(&teller);
    log_error(NULL, "start to tell of signals that nobody was told of: %s: they are tried again at the next start",
              g_strerror(code));
    return NULL;
}

void untold_tell_no_more(struct untold_teller *teller)
{
    if (teller)
        __atomic_store_n(&teller->is_stopping, true, __ATOMIC_RELEASE);
}

void untold_stop(struct untold_teller *teller)
{
    if (!teller)
        return;
    untold_tell_no_more(teller);
    pthread_join(teller->thread, NULL);
    g_free(teller);
}
