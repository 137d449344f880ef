#define LOG_MODULE "hub"
#include "hub/untold.h"

#include "base/error.h"
#include "base/log.h"
#include "hub/record_path.h"

static const char directory_name[] = "untold";
enum { WAIT_US = 100000 }; /* for what is read in the background */

struct vedette_spool *untold_open(const char *data_dir, bool is_made, GError **error)
{
    struct vedette_spool_config config;
    struct vedette_spool_error why;
    g_autofree char *directory = g_build_filename(data_dir, directory_name, NULL);
    if (!is_made && !g_file_test(directory, G_FILE_TEST_EXISTS))
        return NULL;
    vedette_spool_config_init(&config);
    config.max_queue_size = INT32_MAX; /* the hub's own bounds held */
    config.max_queue_bytes = INT64_MAX;
    config.max_record_bytes = RECORD_PATH_MAX_BYTES;
    config.reserve_bytes = 0;
    struct vedette_spool *untold = vedette_spool_open(directory, &config, &why);
    if (!untold)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_IO, "signals that nobody was told of: %s", why.text);
    return untold;
}

static bool keep_one(struct vedette_spool *untold, const struct analytics_event *event, GError **error)
{
    struct vedette_spool_error why;
    g_autoptr(GString) json = g_string_new(NULL);
    record_encode_json(&event_under_way_descriptor, event, true, json);
    const struct vedette_spool_record record = {
        .tenant = event->org_id, .priority = event->priority, .payload = json->str, .length = json->len};
    if (vedette_spool_enqueue(untold, &record, 1, &why))
        return true;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_IO, "keep a signal that nobody was told of: %s", why.text);
    return false;
}

bool untold_keep(struct vedette_spool *untold, const GPtrArray *events, GError **error)
{
    for (guint i = 0; i < events->len; i++) {
        const struct analytics_event *event = g_ptr_array_index(events, i);
        if (event->type == EVENT_SIGNAL && !keep_one(untold, event, error))
            return false;
    }
    return true;
}

static GPtrArray *decode(const struct vedette_spool_batch *batch)
{
    GPtrArray *events = g_ptr_array_new_with_free_func((GDestroyNotify)analytics_event_free);
    for (size_t i = 0; i < batch->count; i++) {
        struct analytics_event *event = record_path_decode(&batch->records[i], NULL);
        if (event)
            g_ptr_array_add(events, event);
    }
    return events;
}

bool untold_tell(struct vedette_spool *untold, struct notify *notify)
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
