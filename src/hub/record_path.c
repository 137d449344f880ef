#define LOG_MODULE "hub"
#include "hub/record_path.h"

#include "base/counter.h"
#include "base/log.h"
#include "hub/breaker_config.h"
#include "hub/drain.h"
#include "hub/path_times.h"
#include "hub/seen.h"
#include "hub/untold.h"

#include <string.h>

enum {
    EVENT_BYTES = 640,          /* most are shorter, as text */
    HOPELESS_US = 10 * 1000000, /* a disk that fails gives nothing for so long; it is asked every 0.2 s */
};

struct record_path {
    struct record_path_parts parts;
    struct vedette_spool *spool;
    struct vedette_breaker *breaker;
    struct drain *drain;
    struct seen *seen;  /* the spool's thread */
    bool has_many_orgs; /* the drain's thread, once there is one */
};

/* ---- opening ---- */

static int64_t now_us(void *data)
{
    return clock_monotonic_us(data);
}

static int64_t wall_ms(void *data)
{
    return clock_wall_ms(data);
}

/* Orgs that are there before it begins: by the settings' cameras, or by the store, where the API makes them. */
static bool begins_with_many_orgs(const struct record_path_parts *parts)
{
    const struct camera *cameras = parts->settings->cameras.items;
    for (size_t i = 1; i < parts->settings->cameras.count; i++)
        if (g_strcmp0(cameras[i].org_id, cameras[0].org_id) != 0)
            return true;
    g_autoptr(GPtrArray) orgs = parts->store ? store_orgs_list(parts->store, NULL) : NULL;
    return orgs && orgs->len > 1;
}

/* Those that came since: with their first camera, or their first record. Asks nobody that may not answer. */
static bool has_many_orgs(const struct record_path *path)
{
    struct vedette_spool_stats stats;
    vedette_spool_get_stats(path->spool, &stats);
    bool has_many = stats.tenants > 1;
    CLEANUP(camera_set) struct camera_set *cameras = path->parts.live ? live_cameras(path->parts.live) : NULL;
    for (size_t i = 1; cameras && i < cameras->count && !has_many; i++)
        has_many = g_strcmp0(cameras->items[i]->org_id, cameras->items[0]->org_id) != 0;
    return has_many;
}

static void tell_missing(struct vedette_spool *spool)
{
    struct vedette_spool_stats stats;
    vedette_spool_get_stats(spool, &stats);
    if (stats.missing_files)
        log_error(NULL, "%lld files of the spool are missing, about %lld records are lost: %s",
                  (long long)stats.missing_files, (long long)stats.losses[VEDETTE_SPOOL_CORRUPT], stats.last_error);
}

static struct vedette_spool *open_spool(const struct record_path_parts *parts, GError **error)
{
    const struct spool_settings *settings = &parts->settings->spool;
    struct vedette_spool_config config;
    struct vedette_spool_error why;
    g_autofree char *directory = g_build_filename(parts->data_dir, "spool", NULL);
    vedette_spool_config_init(&config);
    config.max_queue_size = settings->max_queue_size;
    config.max_queue_bytes = settings->max_queue_bytes;
    config.max_queue_seconds = settings->max_queue_seconds;
    config.batch_size = settings->batch_size;
    config.tenant_share = 1; /* until keep_shares finds more than one org */
    config.when_full = settings->when_full == SPOOL_WHEN_FULL_DROP ? VEDETTE_SPOOL_DROP_LOWEST : VEDETTE_SPOOL_REJECT;
    config.max_record_bytes = RECORD_PATH_MAX_BYTES;
    config.max_tenants = settings->max_tenants;
    config.max_memory_bytes = settings->max_memory_bytes;
    config.file_bytes = settings->file_bytes;
    config.max_disk_bytes = settings->max_disk_bytes;
    config.reserve_bytes = settings->reserve_bytes;
    config.stalled_us = (int64_t)(settings->stalled_seconds * G_USEC_PER_SEC);
    config.time = (struct vedette_time_source){.now_us = now_us, .data = parts->clock};
    config.wall_ms = wall_ms;
    struct vedette_spool *spool = vedette_spool_open(directory, &config, &why);
    if (spool)
        tell_missing(spool);
    else
        g_set_error(error, VEDETTE_ERROR,
                    why.kind == VEDETTE_SPOOL_DENIED ? VEDETTE_ERROR_PERMISSION : VEDETTE_ERROR_IO, "%s", why.text);
    return spool;
}

static void on_breaker_change(void *data, enum vedette_breaker_state from, enum vedette_breaker_state to)
{
    struct record_path *path = data;
    (void)from;
    bool is_open = to == VEDETTE_BREAKER_OPEN || to == VEDETTE_BREAKER_FORCED_OPEN;
    counter_set(&path->parts.health->store_breaker_open, is_open);
    if (is_open)
        log_error(NULL, "the store fails: records are kept in the spool, and it is tried again now and then");
    else if (to == VEDETTE_BREAKER_CLOSED)
        log_info(NULL, "the store takes records again");
}

/* As every upstream's, but tried again sooner: records wait meanwhile, and the store is the hub's own. */
static struct vedette_breaker *new_breaker(struct record_path *path)
{
    const struct spool_settings *settings = &path->parts.settings->spool;
    struct vedette_breaker_config config;
    breaker_config_fill(&path->parts.settings->breaker, path->parts.clock, &config);
    config.recovery_timeout_us = (int64_t)(settings->retry_seconds * G_USEC_PER_SEC);
    config.recovery_timeout_max_us = (int64_t)(settings->retry_max_seconds * G_USEC_PER_SEC);
    config.time = (struct vedette_time_source){0}; /* the machine's, as the drain waits */
    config.changed = on_breaker_change;
    config.changed_data = path;
    const char *why = NULL;
    struct vedette_breaker *breaker = vedette_breaker_new(&config, &why);
    if (!breaker)
        log_error(NULL, "breaker of the store: %s", why); /* the settings' table keeps its values in range */
    return breaker;
}

static struct record_path *path_new(const struct record_path_parts *parts, GError **error)
{
    struct record_path *path = g_new0(struct record_path, 1);
    path->parts = *parts;
    path->seen = seen_new((size_t)parts->settings->spool.remembered_ids);
    path->spool = open_spool(parts, error);
    path->breaker = path->spool ? new_breaker(path) : NULL;
    if (path->breaker)
        return path;
    if (path->spool)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID,
                    "settings spool.retry_seconds and retry_max_seconds: out of range");
    record_path_close(path);
    return NULL;
}

/* With one org alone there is nobody to leave room for. */
static void share(struct record_path *path)
{
    path->has_many_orgs = true;
    vedette_spool_set_tenant_share(path->spool, path->parts.settings->spool.tenant_share);
}

/* Orgs come while it runs. One that has come is not waited for to go: from then on each has its share. On the drain's
 * thread, which a store that hangs must not hold up. */
static void keep_shares(void *data)
{
    struct record_path *path = data;
    if (!path->has_many_orgs && has_many_orgs(path))
        share(path);
}

struct record_path *record_path_open(const struct record_path_parts *parts, GError **error)
{
    struct record_path *path = path_new(parts, error);
    if (!path)
        return NULL;
    if (begins_with_many_orgs(parts))
        share(path);
    path->drain = drain_start(path->spool, path->breaker, parts, keep_shares, path, error);
    if (path->drain)
        return path;
    record_path_close(path);
    return NULL;
}

void record_path_release(struct record_path *path)
{
    drain_release(path->drain);
}

static void tell_rest(const struct record_path *path, bool is_answered)
{
    struct vedette_spool_stats stats;
    vedette_spool_get_stats(path->spool, &stats);
    if (!is_answered)
        log_error(NULL,
                  "the store has not answered in %g s (spool.stop_seconds) and is not waited for: look at the machine "
                  "or the disk it is on",
                  path->parts.settings->spool.stop_seconds);
    if (stats.total_queued)
        log_warning(NULL, "%lld records stay in the spool, to be stored after the next start",
                    (long long)stats.total_queued);
}

bool record_path_close(struct record_path *path)
{
    if (!path)
        return true;
    bool is_answered = drain_stop(path->drain);
    if (path->drain)
        tell_rest(path, is_answered);
    vedette_spool_close(path->spool);
    vedette_breaker_free(path->breaker);
    seen_free(path->seen);
    g_free(path);
    return is_answered;
}

bool record_path_is_hopeless(const struct vedette_spool_stats *stats, GError **error)
{
    if (!stats->total_queued || !stats->read_errors || stats->not_drained_us < HOPELESS_US)
        return false;
    g_set_error(
        error, VEDETTE_ERROR, VEDETTE_ERROR_IO,
        "the spool's disk gives out none of the %lld records left (%s): they stay there; see what ails the disk, "
        "or move what is readable elsewhere, and try again",
        (long long)stats->total_queued, stats->last_error);
    return true;
}

bool record_path_drain_now(const struct record_path_parts *parts, int64_t *stored, GError **error)
{
    *stored = 0;
    struct record_path *path = path_new(parts, error);
    struct vedette_spool *untold = path ? untold_open(parts, error) : NULL;
    bool is_good = untold && drain_all(path->spool, path->breaker, parts, untold, stored, error);
    untold_close(untold);
    if (path)
        record_path_measure(path);
    record_path_close(path);
    return is_good;
}

struct analytics_event *record_path_decode(const struct vedette_spool_record *record, GError **error)
{
    struct record_errors errors;
    struct analytics_event *event = g_new0(struct analytics_event, 1);
    record_errors_init(&errors);
    bool is_good = record_decode_json(&event_under_way_descriptor, record->payload, record->length, event, &errors) ||
                   record_errors_to_gerror(&errors, error);
    record_errors_clear(&errors);
    if (is_good)
        return event;
    g_free(event);
    return NULL;
}

/* ---- putting in ---- */

struct submission {
    struct record_path *path;
    GPtrArray *events;
    vedette_spool_done done;
    void *data;
    int64_t submitted_us;
};

/* On the spool's thread: they are there to stay, so those who look or are to be notified are told, each record once.
 * That is not left to the store, which may be away. */
static void on_spooled(void *data, const struct vedette_spool_error *error)
{
    struct submission *submission = data;
    struct record_path *path = submission->path;
    path_times_note(PATH_SPOOL, submission->events, submission->submitted_us, error);
    for (guint i = 0; !error && i < submission->events->len; i++) {
        const struct analytics_event *event = g_ptr_array_index(submission->events, i);
        if (path->parts.live)
            live_add_records(path->parts.live, event->camera_id, 1, 0);
        if (!seen_add(path->seen, event->org_id, event->camera_id, event->id) || event_is_kept_apart(event->type))
            continue;
        notify_offer(path->parts.notify, event);
        if (!path->parts.live)
            continue;
        int64_t push_us = clock_monotonic_us(clock_system());
        g_autoptr(GString) json = g_string_new(NULL);
        record_encode_json(&analytics_event_descriptor, event, true, json);
        live_publish_event(path->parts.live, event->org_id, event->camera_id, event->id, json->str, json->len);
        path_times_note_event(PATH_PUSH, event, push_us);
    }
    if (!error)
        counter_add(&path->parts.health->records_spooled, submission->events->len);
    submission->done(submission->data, error);
    g_free(submission);
}

static bool put_in(struct record_path *path, GPtrArray *events, bool is_kept, vedette_spool_done done, void *data,
                   struct vedette_spool_error *error)
{
    g_autoptr(GString) json = g_string_sized_new((gsize)events->len * EVENT_BYTES);
    g_autofree struct vedette_spool_record *records = g_new0(struct vedette_spool_record, events->len);
    for (guint i = 0; i < events->len; i++) {
        struct analytics_event *event = g_ptr_array_index(events, i);
        gsize begin = json->len;
        event->run_at = path->parts.health->started_at;
        record_encode_json(&event_under_way_descriptor, event, true, json);
        records[i] = (struct vedette_spool_record){
            .tenant = event->org_id, .priority = event->priority, .length = json->len - begin};
    }
    const char *payload = json->str; /* which stays where it is from here on */
    for (guint i = 0; i < events->len; payload += records[i++].length)
        records[i].payload = payload;
    struct submission *submission = g_new(struct submission, 1);
    *submission = (struct submission){path, events, done, data, clock_monotonic_us(clock_system())};
    if ((is_kept ? vedette_spool_offer : vedette_spool_submit)(path->spool, records, events->len, on_spooled,
                                                               submission, error))
        return true;
    g_free(submission);
    return false;
}

bool record_path_submit(struct record_path *path, GPtrArray *events, vedette_spool_done done, void *data,
                        struct vedette_spool_error *error)
{
    return put_in(path, events, false, done, data, error);
}

bool record_path_offer(struct record_path *path, GPtrArray *events, vedette_spool_done done, void *data,
                       struct vedette_spool_error *error)
{
    return put_in(path, events, true, done, data, error);
}

/* ---- looking ---- */

struct vedette_spool *record_path_spool(struct record_path *path)
{
    return path->spool;
}

struct vedette_breaker *record_path_breaker(struct record_path *path)
{
    return path->breaker;
}

struct fullness {
    double records, bytes; /* that one org may hold */
    double most;
};

static void look_at_org(void *data, const struct vedette_spool_tenant *tenant)
{
    struct fullness *fullness = data;
    double records = (double)(tenant->memory_queue_size + tenant->disk_queue_size) / fullness->records;
    double bytes = (double)tenant->queued_bytes / fullness->bytes;
    fullness->most = MAX(fullness->most, MAX(records, bytes));
}

/* What the files keep of max_disk_bytes: file_bytes each at most, and the one that is written to no more than what
 * waits. What journals take beyond is given back once their file is sealed, or ended because the bound is met. */
static double files_share(const struct spool_settings *settings, const struct vedette_spool_stats *stats)
{
    if (settings->max_disk_bytes == 0)
        return 0;
    double file_bytes = (double)settings->file_bytes;
    double kept = (double)MAX(stats->files - 1, 0) * file_bytes + MIN((double)stats->queued_bytes, file_bytes);
    return MIN(kept, (double)stats->disk_bytes) / (double)settings->max_disk_bytes;
}

double record_path_fullness(struct record_path *path)
{
    const struct spool_settings *settings = &path->parts.settings->spool;
    struct vedette_spool_stats stats;
    vedette_spool_get_stats(path->spool, &stats);
    double records = (double)MAX(settings->max_queue_size, 1), bytes = (double)MAX(settings->max_queue_bytes, 1);
    struct fullness fullness = {records * stats.tenant_share, bytes * stats.tenant_share, 0};
    vedette_spool_each_tenant(path->spool, look_at_org, &fullness);
    double all = MAX((double)stats.total_queued / records, (double)stats.queued_bytes / bytes);
    return MIN(MAX(MAX(all, files_share(settings, &stats)), fullness.most), 1);
}

void record_path_measure(struct record_path *path)
{
    struct server_health *health = path->parts.health;
    struct vedette_spool_stats stats;
    vedette_spool_get_stats(path->spool, &stats);
    int64_t rejected = 0;
    for (int i = VEDETTE_SPOOL_REJECTED_TOO_LARGE; i < VEDETTE_SPOOL_LOSSES; i++)
        rejected += stats.losses[i];
    const struct {
        int64_t *member, value;
    } all[] = {{&health->spool_memory_records, stats.memory_queue_size},
               {&health->spool_disk_records, stats.disk_queue_size},
               {&health->spool_deferred, stats.deferred},
               {&health->spool_in_flight, stats.in_flight},
               {&health->spool_queued_bytes, stats.queued_bytes},
               {&health->spool_disk_bytes, stats.disk_bytes},
               {&health->spool_files, stats.files},
               {&health->spool_bad_files, stats.bad_files},
               {&health->spool_missing_files, stats.missing_files},
               {&health->spool_commits, stats.commits},
               {&health->spool_write_errors, stats.write_errors},
               {&health->spool_read_errors, stats.read_errors},
               {&health->spool_expired, stats.losses[VEDETTE_SPOOL_EXPIRED]},
               {&health->spool_dropped, stats.losses[VEDETTE_SPOOL_DROPPED]},
               {&health->spool_corrupt, stats.losses[VEDETTE_SPOOL_CORRUPT]},
               {&health->spool_rejected, rejected},
               {&health->spool_refused, stats.refused},
               {&health->spool_tenants, stats.tenants},
               {&health->spool_tenants_forgotten, stats.tenants_forgotten},
               {&health->spool_oldest_ms, stats.oldest_age_us / 1000},
               {&health->spool_stalled, stats.is_stalled}};
    for (size_t i = 0; i < G_N_ELEMENTS(all); i++)
        counter_set(all[i].member, all[i].value);
}
