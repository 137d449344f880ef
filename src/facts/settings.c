#include "facts/settings_internal.h"

#include "base/error.h"
#include "base/log.h"

#include <string.h>

void settings_check_least(const char *key, double value, const char *least_key, double least, const char *path,
                          struct record_errors *errors)
{
    g_autofree char *where = g_strconcat(path, *path ? "." : "", key, NULL);
    if (value < least)
        record_errors_add(errors, where, "%.15g: must be at least %s (%.15g)", value, least_key, least);
}

static const char *const log_format_names[] = {"logfmt", "json", NULL};
static const char *const log_target_names[] = {"stderr", "journald", NULL};
static const struct record_field log_fields[] = {
    FIELD(struct log_settings, levels, 0, "default level, then module=level: info,media=debug; VEDETTE_LOG says it too",
          .max_count = 512, .default_text = "info", .check_text = log_levels_check),
    FIELD_ENUM(struct log_settings, format, log_format_names, 0, "how a line is written", .default_text = "logfmt"),
    FIELD_ENUM(struct log_settings, target, log_target_names, 0, "where lines go", .default_text = "stderr"),
};
static const struct record_descriptor log_descriptor =
    RECORD(struct log_settings, "LogSettings", 1, log_fields, "Logs.");

static const struct record_field worker_fields[] = {
    FIELD(struct worker_settings, count, RECORD_NEEDS_RESTART,
          "worker processes; cameras are dealt out among them; 0: one per 8 cameras, at most one per core", .min = 0,
          .max = 256, .default_text = "0"),
    FIELD(struct worker_settings, threads, RECORD_NEEDS_RESTART,
          "analyser threads of each worker; 0: one per core that may be used", .min = 0, .max = 256,
          .default_text = "0"),
    FIELD(struct worker_settings, restart_delay_ms, 0,
          "before a worker that died again is started; doubles, with jitter", .unit = "ms", .min = 1, .max = 60000,
          .default_text = "500"),
    FIELD(struct worker_settings, restart_delay_max_ms, 0, "longest such delay", .unit = "ms", .min = 1, .max = 3600000,
          .default_text = "30000"),
    FIELD(struct worker_settings, stable_seconds, 0,
          "a worker up for so long is started again at once; one that ends sooner three times in a row is halved, to "
          "find the camera that ends it",
          .unit = "s", .min = 1, .max = 86400, .default_text = "60"),
    FIELD(
        struct worker_settings, max_unacknowledged_records, 0,
        "records a worker keeps while the hub does not acknowledge; least urgent and oldest are dropped first, counted",
        .min = 16, .max = 10000000, .default_text = "20000"),
    FIELD(struct worker_settings, max_unacknowledged_bytes, 0,
          "bytes of these, as what is stored of many tracks is large; beyond, the same are dropped, counted",
          .unit = "bytes", .min = 4 << 20, .max = 0x1p53, .default_text = "33554432"),
    FIELD(struct worker_settings, preview_fps, 0, "pictures a second for those who look", .unit = "1/s", .min = 1,
          .max = 30, .default_text = "5"),
    FIELD(struct worker_settings, preview_width_px, 0, "width of those pictures", .unit = "px", .min = 64, .max = 1920,
          .default_text = "640"),
    FIELD(struct worker_settings, preview_quality, 0, "JPEG quality of those pictures", .min = 10, .max = 95,
          .default_text = "70"),
    FIELD(struct worker_settings, live_window_ms, 0,
          "pictures of a stream of its own for who looks hide what was found on the analysed stream so long before and "
          "after; where that is not known, the analysed picture is shown instead",
          .unit = "ms", .min = 50, .max = 500, .default_text = "300"),
    FIELD(struct worker_settings, hides_all_without_model, RECORD_NEEDS_RESTART,
          "all of every picture is hidden where no model looks for people: who has kept still since before the "
          "background was learnt cannot be told from it",
          .default_text = "false"),
    FIELD(struct worker_settings, sandbox, RECORD_NEEDS_RESTART,
          "close workers in (Landlock, no new privileges); false only to look for faults", .default_text = "true"),
    FIELD(struct worker_settings, store_tracks, RECORD_NEEDS_RESTART,
          "what rules see of every camera is stored, so that policies can be tried on it (retention.track_days)",
          .default_text = "true"),
    FIELD(struct worker_settings, track_chunk_seconds, RECORD_NEEDS_RESTART,
          "one stored piece of it; what is in the open piece when a worker dies is not stored", .unit = "s", .min = 1,
          .max = 600, .default_text = "60"),
    FIELD(struct worker_settings, memory_trim_seconds, 0,
          "so often what a worker has freed goes back to the system; 0: it keeps what it once needed", .unit = "s",
          .min = 0, .max = 86400, .default_text = "30"),
};
static void worker_check(const void *record, const char *path, struct record_errors *errors)
{
    const struct worker_settings *workers = record;
    settings_check_least("restart_delay_max_ms", workers->restart_delay_max_ms, "restart_delay_ms",
                         workers->restart_delay_ms, path, errors);
}
static const struct record_descriptor worker_settings_descriptor =
    RECORD(struct worker_settings, "WorkerSettings", 1, worker_fields, "Worker processes.", .check = worker_check);

/* A login in it would be shown with the settings. */
static bool check_store_url(const char *text, GError **error)
{
    size_t scheme = g_str_has_prefix(text, "postgres://")     ? strlen("postgres://")
                    : g_str_has_prefix(text, "postgresql://") ? strlen("postgresql://")
                                                              : 0;
    const char *at = scheme ? strchr(text + scheme, '@') : NULL;
    bool has_password = (at && memchr(text + scheme, ':', (size_t)(at - text) - scheme)) || strstr(text, "password=");
    if (*text && !scheme)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID,
                    "must be postgres://user@host:port/database, or empty for SQLite in data_dir");
    else if (has_password)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID,
                    "must not hold the password: give that in VEDETTE_STORE_PASSWORD or store.password_file");
    return !*text || (scheme && !has_password);
}

static const struct record_field fusion_fields[] = {
    FIELD(
        struct fusion_settings, window_seconds, RECORD_NEEDS_RESTART,
        "signals of one kind that a camera raises within so long of one another are one incident; 0: no incidents are "
        "made",
        .unit = "s", .min = 0, .max = 86400, .default_text = "120"),
    FIELD(struct fusion_settings, max_signals, RECORD_NEEDS_RESTART,
          "so many of an incident's signals, and of their pictures, are named in it; all are counted", .min = 1,
          .max = RECORD_MAX_COUNT, .default_text = "100"),
    FIELD_ENUM(struct fusion_settings, minimum_severity, severity_names, RECORD_NEEDS_RESTART,
               "signals that are less bad than this begin no incident", .default_text = "low"),
};
static const struct record_descriptor fusion_descriptor =
    RECORD(struct fusion_settings, "FusionSettings", 1, fusion_fields, "Which signals are one incident.");

static const struct record_field store_fields[] = {
    FIELD(struct store_settings, url, RECORD_NEEDS_RESTART,
          "postgres://user@host:port/database for PostgreSQL 15 or newer (docs/store.md); empty: SQLite in data_dir",
          .max_count = 2048, .check_text = check_store_url),
    FIELD(struct store_settings, password, RECORD_SECRET, "PostgreSQL's password", .max_count = 1024),
    FIELD(struct store_settings, password_file, RECORD_NEEDS_RESTART,
          "a file whose first line is PostgreSQL's password", .max_count = 4096),
    FIELD(struct store_settings, connections, RECORD_NEEDS_RESTART, "to PostgreSQL, at most", .min = 2, .max = 64,
          .default_text = "4"),
    FIELD(struct store_settings, connect_timeout_ms, RECORD_NEEDS_RESTART, "longest wait for a connection to open",
          .unit = "ms", .min = 100, .max = 60000, .default_text = "3000"),
    FIELD(struct store_settings, query_timeout_ms, RECORD_NEEDS_RESTART,
          "longest wait for one answer of PostgreSQL, and for a free connection", .unit = "ms", .min = 100,
          .max = 600000, .default_text = "10000"),
    FIELD(struct store_settings, retry_delay_ms, RECORD_NEEDS_RESTART,
          "after PostgreSQL was lost, before it is tried again; doubles with full jitter", .unit = "ms", .min = 10,
          .max = 60000, .default_text = "200"),
    FIELD(struct store_settings, retry_delay_max_ms, RECORD_NEEDS_RESTART, "longest such delay", .unit = "ms",
          .min = 10, .max = 600000, .default_text = "5000"),
    FIELD(struct store_settings, partition_days, 0, "PostgreSQL: daily partitions are made so many days ahead",
          .unit = "days", .min = 1, .max = 366, .default_text = "7"),
    FIELD(struct store_settings, batch_records, 0, "most records in one commit", .min = 1, .max = 100000,
          .default_text = "2000"),
    FIELD(struct store_settings, batch_delay_ms, 0, "longest wait for a commit to fill", .unit = "ms", .min = 0,
          .max = 1000, .default_text = "10"),
    FIELD(struct store_settings, queue_records, 0,
          "records waiting for the store's writer; beyond, they stay in the spool", .min = 1, .max = 10000000,
          .default_text = "10000"),
    FIELD(struct store_settings, minimum_free_bytes, 0, "less free space than this and /health says so",
          .unit = "bytes", .min = 0, .max = 0x1p53, .default_text = "268435456"),
    FIELD(struct store_settings, late_days, 0,
          "what is counted and comes this late still changes its hour, day and month; what comes later is put aside, "
          "and counted as records_quarantined; 0: nothing is put aside",
          .unit = "days", .min = 0, .max = 3650, .default_text = "7"),
    FIELD(struct store_settings, early_minutes, 0,
          "records that claim to be from further in the future than this are put aside; 0: nothing is put aside",
          .unit = "min", .min = 0, .max = 525600, .default_text = "60"),
    FIELD(struct store_settings, backup_step_pages, 0, "SQLite: pages that a backup copies at once", .unit = "pages",
          .min = 1, .max = 1000000, .default_text = "256"),
    FIELD(struct store_settings, backup_pause_ms, 0, "SQLite: rest of a backup between two such steps", .unit = "ms",
          .min = 0, .max = 10000, .default_text = "5"),
    FIELD_RECORD(struct store_settings, fusion, struct fusion_settings, &fusion_descriptor, 0,
                 "which signals are one incident"),
};
static void store_check(const void *record, const char *path, struct record_errors *errors)
{
    const struct store_settings *store = record;
    settings_check_least("retry_delay_max_ms", store->retry_delay_max_ms, "retry_delay_ms", store->retry_delay_ms, path,
                         errors);
}
static const struct record_descriptor store_descriptor =
    RECORD(struct store_settings, "StoreSettings", 1, store_fields, "The store.", .check = store_check);

static const char *const spool_when_full_names[] = {"wait", "drop_lowest", NULL};
static const struct record_field spool_fields[] = {
    FIELD(struct spool_settings, max_queue_size, RECORD_NEEDS_RESTART,
          "records kept while the store is away; beyond, when_full says what happens", .min = 16, .max = 1e8,
          .default_text = "200000"),
    FIELD(struct spool_settings, max_queue_bytes, RECORD_NEEDS_RESTART, "bytes of these", .unit = "bytes",
          .min = 16 << 20, .max = 0x1p53, .default_text = "268435456"),
    FIELD(struct spool_settings, max_queue_seconds, RECORD_NEEDS_RESTART,
          "a record that could not be stored for so long is given up; 0: never", .unit = "s", .min = 0, .max = 1e9,
          .default_text = "0"),
    FIELD(struct spool_settings, batch_size, RECORD_NEEDS_RESTART, "records handed to the store at once", .min = 1,
          .max = 10000, .default_text = "500"),
    FIELD(struct spool_settings, tenant_share, RECORD_NEEDS_RESTART,
          "share of both bounds that one org may take, where cameras of more than one are watched", .min = 0.01,
          .max = 1, .default_text = "0.5"),
    FIELD_ENUM(struct spool_settings, when_full, spool_when_full_names, RECORD_NEEDS_RESTART,
               "wait: workers keep what comes, and shed the least urgent and oldest beyond "
               "workers.max_unacknowledged_records or max_unacknowledged_bytes; drop_lowest: the least urgent and "
               "oldest in the spool make room",
               .default_text = "wait"),
    FIELD(struct spool_settings, max_memory_bytes, RECORD_NEEDS_RESTART, "records kept in memory besides the disk",
          .unit = "bytes", .min = 0, .max = 0x1p40, .default_text = "4194304"),
    FIELD(struct spool_settings, max_disk_bytes, RECORD_NEEDS_RESTART,
          "of all its files, what is done and not removed yet among it; at least twice file_bytes; 0: no bound "
          "besides max_queue_bytes",
          .unit = "bytes", .min = 0, .max = 0x1p53, .default_text = "1073741824"),
    FIELD(struct spool_settings, file_bytes, RECORD_NEEDS_RESTART, "of one of its files", .unit = "bytes", .min = 65536,
          .max = 1 << 30, .default_text = "4194304"),
    FIELD(struct spool_settings, reserve_bytes, RECORD_NEEDS_RESTART,
          "kept aside, and given back when the disk is full; 0: none", .unit = "bytes", .min = 0, .max = 0x1p40,
          .default_text = "1048576"),
    FIELD(struct spool_settings, max_tenants, RECORD_NEEDS_RESTART,
          "orgs that may have records in it at once, and are counted apart", .min = 1, .max = 65536,
          .default_text = "256"),
    FIELD(struct spool_settings, stalled_seconds, RECORD_NEEDS_RESTART,
          "holding records of which none could be stored for so long is told in /health", .unit = "s", .min = 1,
          .max = 86400, .default_text = "30"),
    FIELD(struct spool_settings, retry_seconds, RECORD_NEEDS_RESTART,
          "a store that fails is tried again after about so long; doubles", .unit = "s", .min = 0.05, .max = 3600,
          .default_text = "1"),
    FIELD(struct spool_settings, retry_max_seconds, RECORD_NEEDS_RESTART, "longest such wait", .unit = "s", .min = 0.05,
          .max = 86400, .default_text = "15"),
    FIELD(struct spool_settings, stop_seconds, RECORD_NEEDS_RESTART,
          "how long a server that stops goes on storing what waits; the rest is stored after the next start",
          .unit = "s", .min = 0, .max = 3600, .default_text = "3"),
    FIELD(struct spool_settings, remembered_ids, RECORD_NEEDS_RESTART,
          "a record that comes twice is shown once, if no more than so many came between", .min = 16, .max = 10000000,
          .default_text = "16384"),
};
static void spool_check(const void *record, const char *path, struct record_errors *errors)
{
    const struct spool_settings *spool = record;
    if (spool->max_disk_bytes)
        settings_check_least("max_disk_bytes", (double)spool->max_disk_bytes, "twice file_bytes",
                             2 * (double)spool->file_bytes, path, errors);
    settings_check_least("retry_max_seconds", spool->retry_max_seconds, "retry_seconds", spool->retry_seconds, path,
                         errors);
}
static const struct record_descriptor spool_descriptor =
    RECORD(struct spool_settings, "SpoolSettings", 1, spool_fields,
           "The spool that keeps records until they are stored.", .check = spool_check);

static const struct record_field breaker_fields[] = {
    FIELD(struct breaker_settings, failure_threshold, 0,
          "so many failures within the window open it; of a camera, so many failed connections in a row", .min = 1,
          .max = 1000000, .default_text = "5"),
    FIELD(struct breaker_settings, failure_percent, 0,
          "and they must be at least so many of the calls within the window; not of a camera", .unit = "%", .min = 1,
          .max = 100, .default_text = "50"),
    FIELD(struct breaker_settings, success_threshold, 0, "so many successes while it is half open close it", .min = 1,
          .max = 1000, .default_text = "3"),
    FIELD(struct breaker_settings, window_seconds, 0, "how long a failure counts", .unit = "s", .min = 0.1,
          .max = 86400, .default_text = "60"),
    FIELD(struct breaker_settings, recovery_seconds, 0,
          "shortest time it stays open; its ceiling doubles with each opening, and the time lies anywhere between. A "
          "camera's is never longer than source.retry_delay_max_ms",
          .unit = "s", .min = 0.001, .max = 86400, .default_text = "60"),
    FIELD(struct breaker_settings, recovery_max_seconds, 0, "longest time it stays open", .unit = "s", .min = 0.001,
          .max = 604800, .default_text = "900"),
    FIELD(struct breaker_settings, slow_call_seconds, 0,
          "a call to an upstream that took longer counts as failed; 0: none does", .unit = "s", .min = 0, .max = 3600,
          .default_text = "10"),
};
static void breaker_check(const void *record, const char *path, struct record_errors *errors)
{
    const struct breaker_settings *breaker = record;
    settings_check_least("recovery_max_seconds", breaker->recovery_max_seconds, "recovery_seconds",
                         breaker->recovery_seconds, path, errors);
}
static const struct record_descriptor breaker_descriptor =
    RECORD(struct breaker_settings, "BreakerSettings", 1, breaker_fields, "Circuit breakers.", .check = breaker_check);

static const struct record_field health_fields[] = {
    FIELD(struct health_settings, offline_seconds, 0, "a camera off line for so long raises the signal camera_offline",
          .unit = "s", .min = 0, .max = 86400, .default_text = "10"),
    FIELD(struct health_settings, recovered_seconds, 0,
          "a camera that was told to be off line and is on line for so long raises camera_recovered", .unit = "s",
          .min = 0, .max = 86400, .default_text = "5"),
    FIELD(struct health_settings, save_seconds, 0, "how each camera is, is stored so often, and at once on a change",
          .unit = "s", .min = 1, .max = 86400, .default_text = "30"),
};
static const struct record_descriptor health_descriptor =
    RECORD(struct health_settings, "HealthSettings", 1, health_fields, "The health monitor.");

static const struct record_field progress_fields[] = {
    FIELD(struct progress_settings, frames_seconds, 0,
          "a camera that gives no frame for so long, and for four intervals where pictures are asked for one by one "
          "(source.picture_fps), is told to stand still (stalled: frames); 0: never",
          .unit = "s", .min = 0, .max = 86400, .default_text = "20"),
    FIELD(struct progress_settings, analyses_seconds, 0,
          "the same when a frame waits so long and none is analysed (stalled: analyses)", .unit = "s", .min = 0,
          .max = 86400, .default_text = "15"),
    FIELD(struct progress_settings, records_seconds, 0,
          "the same when a worker has records so long and the hub takes none over (stalled: records)", .unit = "s",
          .min = 0, .max = 86400, .default_text = "15"),
    FIELD(struct progress_settings, deliveries_seconds, 0,
          "the same when the hub has records so long and none reaches the store (stalled: deliveries)", .unit = "s",
          .min = 0, .max = 86400, .default_text = "30"),
    FIELD(struct progress_settings, proof_seconds, 0,
          "`vedette doctor --end-to-end` names the step that has not come about after so long", .unit = "s", .min = 1,
          .max = 60, .default_text = "30"),
};
static const struct record_descriptor progress_descriptor = RECORD(
    struct progress_settings, "ProgressSettings", 1, progress_fields, "Deadlines of what must move in every camera.");

static const struct record_field policy_fields[] = {
    FIELD(struct policy_settings, keys, RECORD_SECRET | RECORD_NEEDS_RESTART,
          "keys that seal policies at rest: one a line, an id, a colon and 32 bytes in base64; the first seals, all "
          "open; "
          "@/path names a file of them; empty: policies are stored open",
          .max_count = 4096),
    FIELD(struct policy_settings, poll_seconds, RECORD_NEEDS_RESTART,
          "policies are read again so often when nobody says that they changed; 0: never", .unit = "s", .min = 0,
          .max = 86400, .default_text = "30"),
    FIELD(struct policy_settings, directory, RECORD_NEEDS_RESTART,
          "files in it are taken over as policies whenever they change (docs/policies.md); empty: none",
          .max_count = 4096),
    FIELD(
        struct policy_settings, hold_seconds, RECORD_NEEDS_RESTART,
        "so long is waited until all that changed in `directory` is stored, so that it comes into force together; what "
        "takes longer comes in parts",
        .unit = "s", .min = 1, .max = 600, .default_text = "10"),
    FIELD(struct policy_settings, webhook_secrets, RECORD_SECRET | RECORD_NEEDS_RESTART,
          "secrets of Standard Webhooks (whsec_…), separated by blanks, of those who may change policies by webhook; "
          "empty: nobody may",
          .max_count = 1024),
    FIELD(struct policy_settings, webhook_tolerance_seconds, 0, "how far a webhook's time may be from ours",
          .unit = "s", .min = 1, .max = 3600, .default_text = "300"),
    FIELD(
        struct policy_settings, trial_looks, RECORD_NEEDS_RESTART,
        "before a change is stored, what every camera it touches would be told is tried with so many looks at overlays "
        "within a week and at cameras; with more it is refused",
        .min = 1000, .max = 1000000000, .default_text = "1000000"),
    FIELD(struct policy_settings, backtest_seconds, RECORD_NEEDS_RESTART,
          "trying a policy on stored tracks ends after so long, with what was tried by then", .unit = "s", .min = 1,
          .max = 3600, .default_text = "60"),
    FIELD(struct policy_settings, backtest_warmup_seconds, RECORD_NEEDS_RESTART,
          "rules are shown so much of what was before the time asked for, so that they know who is there", .unit = "s",
          .min = 0, .max = 86400, .default_text = "900"),
    FIELD(struct policy_settings, backtest_hours, RECORD_NEEDS_RESTART, "longest time a policy is tried on",
          .unit = "h", .min = 0.1, .max = 8784, .default_text = "168"),
    FIELD(struct policy_settings, backtest_cameras, RECORD_NEEDS_RESTART, "most cameras a policy is tried on at once",
          .min = 1, .max = 10000, .default_text = "100"),
    FIELD(
        struct policy_settings, backtest_signals, RECORD_NEEDS_RESTART,
        "signals of one camera that one try holds under each policy, and as many that were stored, and incidents; with "
        "more it fails",
        .min = 1, .max = 10000000, .default_text = "100000"),
    FIELD(struct policy_settings, backtest_findings, RECORD_NEEDS_RESTART,
          "signals, and incidents, that one try lists; all are counted", .min = 1, .max = 100000,
          .default_text = "1000"),
    FIELD(struct policy_settings, backtest_waiting, RECORD_NEEDS_RESTART,
          "tries that wait for their turn; more are refused. Of one org a quarter of them, at least one, where cameras "
          "of others are watched",
          .min = 1, .max = 1000, .default_text = "8"),
};
static const struct record_descriptor policy_descriptor =
    RECORD(struct policy_settings, "PolicySettings", 1, policy_fields, "Policies that change while the server runs.");

/* A late record must be counted anew with all of its hour, that hour with all of its day, that day with all of its
 * month. */
static void retention_check(const struct settings *settings, const char *path, struct record_errors *errors)
{
    const struct retention_settings *retention = &settings->retention;
    int32_t late_days = settings->store.late_days;
    const struct {
        const char *key;
        int32_t days, span_days;
    } kept[] = {{"occupancy_days", retention->occupancy_days, 0},
                {"occupancy_hourly_days", retention->occupancy_hourly_days, 1},
                {"occupancy_daily_days", retention->occupancy_daily_days, 31}};
    for (size_t i = 0; i < G_N_ELEMENTS(kept); i++) {
        g_autofree char *where = g_strconcat(path, *path ? "." : "", "retention.", kept[i].key, NULL);
        if (kept[i].days && (kept[i].days <= late_days + kept[i].span_days || !late_days))
            record_errors_add(
                errors, where, "%d: must be 0, or more than store.late_days%s (%d, and store.late_days not 0)",
                kept[i].days, kept[i].span_days ? " and the days counted from it" : "", late_days + kept[i].span_days);
    }
}

enum { METRICS_TOKEN_BYTES_MIN = 16 };

static bool check_metrics_token(const char *text, GError **error)
{
    if (!*text || strlen(text) >= METRICS_TOKEN_BYTES_MIN)
        return true;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID,
                "must have %d bytes at least, so that nobody guesses it: openssl rand -hex 32 makes one",
                METRICS_TOKEN_BYTES_MIN);
    return false;
}

static void settings_check(const void *record, const char *path, struct record_errors *errors)
{
    const struct settings *settings = record;
    retention_check(settings, path, errors);
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    const struct camera *cameras = settings->cameras.items;
    for (size_t i = 0; i < settings->cameras.count; i++) {
        if (!cameras[i].id || g_hash_table_add(seen, cameras[i].id))
            continue;
        g_autofree char *where = g_strdup_printf("%s%scameras[%zu].id", path, *path ? "." : "", i);
        record_errors_add(errors, where, "%s: is used twice: every camera needs an id of its own", cameras[i].id);
    }
}

static const struct record_field settings_fields[] = {
    FIELD(struct settings, data_dir, RECORD_NEEDS_RESTART,
          "where data lies; empty: $XDG_DATA_HOME/vedette or ~/.local/share/vedette", .max_count = 4096),
    FIELD(struct settings, admin_password, RECORD_SECRET,
          "the password of `admin`, set anew at each start: one that was changed since is replaced, and a "
          "disabled `admin` enabled; empty: the first start makes one and prints it once",
          .max_count = 256),
    FIELD(struct settings, metrics_token, RECORD_SECRET,
          "token that may read /metrics, of 16 bytes at least; empty: a login is needed", .max_count = 256,
          .check_text = check_metrics_token),
    FIELD_RECORD(struct settings, http, struct http_settings, &http_settings_descriptor, 0, "the API and the page"),
    FIELD_RECORD(struct settings, auth, struct auth_settings, &auth_settings_descriptor, 0, "logins and tokens"),
    FIELD_RECORD(struct settings, limits, struct limit_settings, &limit_settings_descriptor, 0, "how much one may ask"),
    FIELD_RECORD(struct settings, log, struct log_settings, &log_descriptor, 0, "logs"),
    FIELD_RECORD(struct settings, workers, struct worker_settings, &worker_settings_descriptor, 0, "worker processes"),
    FIELD_RECORD(struct settings, source, struct source_settings, &source_settings_descriptor, 0,
                 "connections to cameras"),
    FIELD_RECORD(struct settings, motion, struct motion_settings, &motion_settings_descriptor, 0, "motion detection"),
    FIELD_RECORD(struct settings, detector, struct detector_settings, &detector_settings_descriptor, 0,
                 "the detection model"),
    FIELD_RECORD(struct settings, tracker, struct tracker_settings, &tracker_settings_descriptor, 0, "the tracker"),
    FIELD_RECORD(struct settings, reid, struct reid_settings, &reid_settings_descriptor, 0,
                 "tracks found again by their looks"),
    FIELD_RECORD(struct settings, rules, struct rule_settings, &rule_settings_descriptor, 0, "the rules"),
    FIELD_RECORD(struct settings, store, struct store_settings, &store_descriptor, 0, "the store"),
    FIELD_RECORD(struct settings, spool, struct spool_settings, &spool_descriptor, 0,
                 "the spool that keeps records until they are stored"),
    FIELD_RECORD(struct settings, breaker, struct breaker_settings, &breaker_descriptor, 0, "circuit breakers"),
    FIELD_RECORD(struct settings, health, struct health_settings, &health_descriptor, 0, "the health monitor"),
    FIELD_RECORD(struct settings, jobs, struct jobs_settings, &jobs_settings_descriptor, 0,
                 "what the server does by the clock"),
    FIELD_RECORD(struct settings, retention, struct retention_settings, &retention_settings_descriptor, 0,
                 "how long things are kept"),
    FIELD_RECORD(struct settings, progress, struct progress_settings, &progress_descriptor, 0,
                 "deadlines of what must move in every camera"),
    FIELD_RECORD(struct settings, governor, struct governor_settings, &governor_settings_descriptor, 0,
                 "overload, and room for more cameras"),
    FIELD_RECORD(struct settings, policies, struct policy_settings, &policy_descriptor, 0,
                 "policies that change while the server runs"),
    FIELD_RECORD(struct settings, notify, struct notify_settings, &notify_settings_descriptor, 0,
                 "what the server tells others"),
    FIELD_RECORD(struct settings, detect, struct detect_settings, &detect_settings_descriptor, 0,
                 "pictures looked at on request"),
    FIELD_RECORD(struct settings, managed_cameras, struct managed_camera_settings, &managed_camera_settings_descriptor,
                 0, "cameras that are made by the API"),
    FIELD_RECORD(struct settings, tracing, struct trace_settings, &trace_settings_descriptor, 0,
                 "traces told to an OpenTelemetry collector"),
    FIELD_LIST(struct settings, cameras, &camera_descriptor, 0, "the cameras", .max_count = 4096),
};
const struct record_descriptor settings_descriptor =
    RECORD(struct settings, "Settings", 1, settings_fields, "The settings of `vedette run`.", .check = settings_check);

static const struct record_field worker_config_fields[] = {
    FIELD(struct worker_config, protocol_version, RECORD_REQUIRED, "of the link"),
    FIELD(struct worker_config, worker_id, RECORD_REQUIRED | RECORD_TEXT_ID, "its name"),
    FIELD(struct worker_config, track_id_base, RECORD_REQUIRED, "track ids count up from here", .min = 0,
          .max = 0x1p53),
    FIELD_RECORD(struct worker_config, workers, struct worker_settings, &worker_settings_descriptor, 0,
                 "worker processes"),
    FIELD_RECORD(struct worker_config, source, struct source_settings, &source_settings_descriptor, 0,
                 "connections to cameras"),
    FIELD_RECORD(struct worker_config, motion, struct motion_settings, &motion_settings_descriptor, 0,
                 "motion detection"),
    FIELD_RECORD(struct worker_config, detector, struct detector_settings, &detector_settings_descriptor, 0,
                 "the detection model"),
    FIELD_RECORD(struct worker_config, tracker, struct tracker_settings, &tracker_settings_descriptor, 0,
                 "the tracker"),
    FIELD_RECORD(struct worker_config, reid, struct reid_settings, &reid_settings_descriptor, 0,
                 "tracks found again by their looks"),
    FIELD_RECORD(struct worker_config, rules, struct rule_settings, &rule_settings_descriptor, 0, "the rules"),
    FIELD(struct worker_config, quiet_seconds, 0, "a camera in which nothing moved for so long is quiet", .min = 0,
          .max = 3600, .default_text = "10"),
    FIELD_RECORD(struct worker_config, breaker, struct breaker_settings, &breaker_descriptor, 0, "circuit breakers"),
    FIELD_RECORD(struct worker_config, detect, struct detect_settings, &detect_settings_descriptor, 0,
                 "pictures looked at on request"),
    FIELD_RECORD(struct worker_config, managed_cameras, struct managed_camera_settings,
                 &managed_camera_settings_descriptor, 0, "cameras that are made by the API"),
    FIELD(struct worker_config, trace_ratio, 0, "share of frames that raise an event whose trace is told", .min = 0,
          .max = 1),
    FIELD_LIST(struct worker_config, cameras, &camera_descriptor, 0, "its cameras, without logins", .max_count = 4096),
};
const struct record_descriptor worker_config_descriptor =
    RECORD(struct worker_config, "WorkerConfig", 1, worker_config_fields, "What the hub tells a worker.");

static const struct record_field worker_camera_fields[] = {
    FIELD(struct worker_camera, track_id_base, RECORD_REQUIRED, "its track ids count up from here", .min = 0,
          .max = 0x1p53),
    FIELD_RECORD(struct worker_camera, camera, struct camera, &camera_descriptor, RECORD_REQUIRED, "without its login"),
};
const struct record_descriptor worker_camera_descriptor =
    RECORD(struct worker_camera, "WorkerCamera", 1, worker_camera_fields, "One more camera for a worker.");

static const struct record_field camera_config_fields[] = {
    FIELD(struct camera_config, telling, 0, "number of this message, by which pictures tell what they were made by",
          .min = 0, .max = 0x1p53),
    FIELD(struct camera_config, policy_revision, 0, "newest of the policies in it; 0: none", .min = 0, .max = 0x1p53),
    FIELD_RECORD(struct camera_config, camera, struct camera, &camera_descriptor, RECORD_REQUIRED, "without its login"),
    FIELD_RECORD(struct camera_config, motion, struct motion_settings, &motion_settings_descriptor, 0,
                 "motion detection"),
    FIELD_RECORD(struct camera_config, detector, struct detector_settings, &detector_settings_descriptor, 0,
                 "the detection model"),
    FIELD_RECORD(struct camera_config, rules, struct rule_settings, &rule_settings_descriptor, 0, "the rules"),
    FIELD_RECORD(struct camera_config, privacy, struct privacy_policy, &privacy_policy_descriptor, 0,
                 "what is hidden in its pictures"),
    FIELD(struct camera_config, classes, 0, "object classes that are followed; empty: every class", .max_count = 100),
};
const struct record_descriptor camera_config_descriptor =
    RECORD(struct camera_config, "CameraConfig", 1, camera_config_fields,
           "One camera and the settings that count for it, as its policies have them now.");
