#define LOG_MODULE "hub"
#include "hub/trace_export.h"

#include "base/clock.h"
#include "base/counter.h"
#include "base/error.h"
#include "base/id.h"
#include "base/log.h"
#include "base/random.h"
#include "base/thread.h"
#include "base/trace.h"
#include "base/wait.h"
#include "hub/otlp.h"
#include "vedette/backoff.h"

#include <curl/curl.h>
#include <errno.h>
#include <gio/gio.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

enum {
    MAX_ANSWER_BYTES = 64 << 10,
    MAX_HEADERS_FILE_BYTES = 16 << 10,
    COMPLAINT_US = 60 * 1000000,
    BACKOFF_MAX_US = 60 * 1000000,
    STOP_TIMEOUT_MS = 1000, /* for the last spans; and for what is under way when the end comes */
};

struct trace_export {
    struct trace_settings settings; /* borrows the settings' texts */
    struct vedette_breaker *breaker;
    struct server_health *health;
    char instance[ID_TEXT_BYTES];
    struct curl_slist *headers;
    pthread_t thread;
    pthread_mutex_t lock; /* guards is_stopping and stop_by_us */
    pthread_cond_t changed;
    bool is_stopping;
    int64_t stop_by_us; /* from then on no request goes on */
    /* the thread's */
    struct random random;
    CURL *curl;
    struct trace_span *batch; /* batch_spans of them; the first `count` are to be sent */
    size_t count;
    uint32_t failures; /* in a row */
    int64_t next_us;   /* no try before */
    int64_t taken;     /* out of the ring */
};

/* ---- headers ---- */

static bool is_header(const char *line)
{
    const char *colon = strchr(line, ':');
    size_t name = colon ? (size_t)(colon - line) : 0;
    static const char token[] = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    for (const char *c = line; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            return false;
    return name > 0 && strspn(line, token) == name && colon[1 + strspn(colon + 1, " ")];
}

/* The error never holds what the file says: it is a secret. */
static bool read_headers(struct trace_export *export, GError **error)
{
    const char *path = export->settings.headers_file;
    g_autofree char *text = NULL;
    gsize length = 0;
    bool is_good = true;
    export->headers = curl_slist_append(NULL, "Content-Type: application/json");
    export->headers = curl_slist_append(export->headers, "Expect:"); /* else it asks before it sends */
    if (export->settings.compression == TRACE_COMPRESSION_GZIP)
        export->headers = curl_slist_append(export->headers, "Content-Encoding: gzip");
    if (!path || !*path)
        return true;
    if (!g_file_get_contents(path, &text, &length, error)) {
        g_prefix_error(error, "tracing.headers_file: ");
        return false;
    }
    g_auto(GStrv) lines = g_strsplit(length <= MAX_HEADERS_FILE_BYTES ? text : "?", "\n", -1);
    for (int i = 0; lines[i]; i++) {
        const char *line = g_strstrip(lines[i]);
        is_good = is_good && (!*line || is_header(line));
        if (is_good && *line)
            export->headers = curl_slist_append(export->headers, line);
    }
    if (!is_good)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID,
                    "tracing.headers_file: '%s' must hold a header a line, as \"Authorization: Bearer …\", and at most "
                    "%d bytes",
                    path, MAX_HEADERS_FILE_BYTES);
    return is_good;
}

static bool is_stopping(struct trace_export *export, int64_t *stop_by_us)
{
    pthread_mutex_lock(&export->lock);
    bool is = export->is_stopping;
    *stop_by_us = export->stop_by_us;
    pthread_mutex_unlock(&export->lock);
    return is;
}

/* ---- one request ---- */

/* libcurl asks about once a second, however silent the collector is. Not 0: it is broken off. */
static int is_to_break_off(void *user, curl_off_t down_total, curl_off_t down, curl_off_t up_total, curl_off_t up)
{
    int64_t stop_by_us;
    (void)down_total, (void)down, (void)up_total, (void)up;
    return is_stopping(user, &stop_by_us) && clock_monotonic_us(clock_system()) >= stop_by_us;
}

static size_t take_bytes(char *data, size_t size, size_t count, void *user)
{
    GString *answer = user;
    if (answer->len + size * count > MAX_ANSWER_BYTES)
        return 0; /* curl ends with an error */
    g_string_append_len(answer, data, (gssize)(size * count));
    return size * count;
}

/* The body as it is sent. g_bytes_unref. */
static GBytes *compress(const struct trace_export *export, const GString *body)
{
    if (export->settings.compression != TRACE_COMPRESSION_GZIP)
        return g_bytes_new(body->str, body->len);
    g_autoptr(GZlibCompressor) compressor = g_zlib_compressor_new(G_ZLIB_COMPRESSOR_FORMAT_GZIP, -1);
    g_autoptr(GOutputStream) memory = g_memory_output_stream_new_resizable(),
                             stream = g_converter_output_stream_new(memory, G_CONVERTER(compressor));
    /* into memory nothing fails */
    g_output_stream_write_all(stream, body->str, body->len, NULL, NULL, NULL);
    g_output_stream_close(stream, NULL, NULL);
    return g_memory_output_stream_steal_as_bytes(G_MEMORY_OUTPUT_STREAM(memory));
}

static void set_options(struct trace_export *export, GBytes *body, GString *answer, int timeout_ms)
{
    CURL *curl = export->curl;
    curl_easy_setopt(curl, CURLOPT_URL, export->settings.collector);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https,http");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, export->headers);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, g_bytes_get_data(body, NULL));
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)g_bytes_get_size(body));
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_bytes);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, is_to_break_off);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, export);
    if (export->settings.tls_ca_file && *export->settings.tls_ca_file)
        curl_easy_setopt(curl, CURLOPT_CAINFO, export->settings.tls_ca_file);
}

static void complain(const char *why)
{
    static struct log_limit complaint;
    gint64 held_back;
    if (log_limit_pass(&complaint, COMPLAINT_US, &held_back))
        log_warning(NULL, "traces do not reach tracing.collector: %s (%lld more)", why, (long long)held_back);
}

/* What the OTLP specification lets a client try again. */
static bool is_worth_retrying(long status)
{
    return status == 429 || status == 502 || status == 503 || status == 504;
}

enum sent { SENT = 1, SENT_LATER, SENT_NEVER };

/* *retry_us: what the collector asked for. */
static enum sent post(struct trace_export *export, const GString *body, int timeout_ms, int64_t *refused,
                      int64_t *retry_us)
{
    g_autoptr(GString) answer = g_string_new(NULL);
    long status = 0;
    curl_off_t retry_seconds = 0;
    g_autoptr(GBytes) sent = compress(export, body);
    set_options(export, sent, answer, timeout_ms);
    CURLcode code = curl_easy_perform(export->curl);
    curl_easy_getinfo(export->curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(export->curl, CURLINFO_RETRY_AFTER, &retry_seconds);
    *retry_us = (int64_t)retry_seconds * G_USEC_PER_SEC;
    *refused = 0;
    if (code == CURLE_OK && status >= 200 && status < 300) {
        *refused = otlp_read_refused(answer->str, answer->len);
        return SENT;
    }
    g_autofree char *why = code == CURLE_OK ? g_strdup_printf("it answers %ld", status) : NULL;
    complain(why ? why : curl_easy_strerror(code));
    return code != CURLE_OK || is_worth_retrying(status) ? SENT_LATER : SENT_NEVER;
}

/* ---- the thread ---- */

static void fill(struct trace_export *export)
{
    while (export->count < (size_t) export->settings.batch_spans && trace_take(&export->batch[export->count])) {
        export->count++;
        export->taken++;
    }
}

static void measure(struct trace_export *export)
{
    const struct trace_counts counts = trace_counts();
    counter_set(&export->health->trace_spans_dropped, counts.dropped);
    counter_set(&export->health->trace_spans_waiting, counts.recorded - export->taken + (int64_t) export->count);
}

static void settle(struct trace_export *export, enum sent sent, int64_t refused, int64_t retry_us)
{
    struct server_health *health = export->health;
    const struct vedette_backoff backoff = {(int64_t) export->settings.interval_ms * 1000, BACKOFF_MAX_US};
    int64_t count = (int64_t) export->count, wait_us = 0;
    if (sent != SENT)
        counter_add(&health->trace_sends_failed, 1);
    if (sent == SENT_LATER) {
        wait_us = vedette_backoff_delay_us(&backoff, export->failures++, random_next(&export->random));
        export->next_us = clock_monotonic_us(clock_system()) +
                          MAX(wait_us, retry_us ? vedette_backoff_obey_us(&backoff, retry_us) : 0);
        return;
    }
    refused = sent == SENT ? MIN(refused, count) : count;
    counter_add(&health->trace_spans_refused, refused);
    counter_add(&health->trace_spans_sent, count - refused);
    export->failures = 0;
    export->count = 0;
}

/* False: there was nothing to send, or it could not be sent now. */
static bool send_batch(struct trace_export *export, int timeout_ms)
{
    struct vedette_permit permit;
    int64_t wait_us, refused, retry_us;
    fill(export);
    if (export->count == 0 || clock_monotonic_us(clock_system()) < export->next_us ||
        !vedette_breaker_acquire(export->breaker, &permit, &wait_us))
        return false;
    g_autoptr(GString) body = g_string_new(NULL);
    otlp_append_request(export->batch, export->count, export->instance, body);
    enum sent sent = post(export, body, timeout_ms, &refused, &retry_us);
    vedette_breaker_release(export->breaker, &permit, sent == SENT_LATER ? VEDETTE_FAILURE : VEDETTE_SUCCESS);
    settle(export, sent, refused, retry_us);
    return sent != SENT_LATER;
}

/* False: it is time to end. */
static bool rest(struct trace_export *export)
{
    const struct timespec deadline = wait_deadline_after((int64_t) export->settings.interval_ms * 1000);
    pthread_mutex_lock(&export->lock);
    while (!export->is_stopping && pthread_cond_timedwait(&export->changed, &export->lock, &deadline) != ETIMEDOUT)
        ;
    bool goes_on = !export->is_stopping;
    pthread_mutex_unlock(&export->lock);
    return goes_on;
}

static void *run(void *data)
{
    struct trace_export *export = data;
    int64_t stop_by_us;
    while (rest(export)) {
        while (!is_stopping(export, &stop_by_us) && send_batch(export, export->settings.timeout_ms))
            measure(export);
        measure(export);
    }
    send_batch(export, MIN(STOP_TIMEOUT_MS, export->settings.timeout_ms));
    measure(export);
    return NULL;
}

/* ---- its life ---- */

static void release(struct trace_export *export)
{
    if (export->curl)
        curl_easy_cleanup(export->curl);
    curl_slist_free_all(export->headers);
    vedette_breaker_free(export->breaker);
    pthread_cond_destroy(&export->changed);
    pthread_mutex_destroy(&export->lock);
    g_free(export->batch);
    g_free(export);
}

static struct trace_export *export_new(const struct trace_settings *settings,
                                       const struct vedette_breaker_config *breaker, struct server_health *health)
{
    struct trace_export *export = g_new0(struct trace_export, 1);
    *export = (struct trace_export){.settings = *settings, .health = health};
    export->breaker = vedette_breaker_new(breaker, NULL); /* the settings' table keeps its values in range */
    pthread_mutex_init(&export->lock, NULL);
    wait_condition_init(&export->changed);
    random_init_system(&export->random);
    id_write(clock_system(), export->instance);
    export->batch = g_new0(struct trace_span, (size_t)settings->batch_spans);
    export->curl = curl_easy_init();
    return export;
}

struct vedette_breaker *trace_export_breaker(struct trace_export *export)
{
    return export->breaker;
}

struct trace_export *trace_export_start(const struct trace_settings *settings,
                                        const struct vedette_breaker_config *breaker, struct server_health *health,
                                        GError **error)
{
    if (!trace_settings_are_on(settings))
        return NULL;
    struct trace_export *export = export_new(settings, breaker, health);
    bool is_good = read_headers(export, error);
    if (is_good && (!export->curl || !export->breaker)) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE, "tracing: libcurl or its breaker could not start");
        is_good = false;
    }
    trace_configure(settings->ratio, (size_t)settings->queue_spans);
    int code = is_good ? thread_start(&export->thread, "trace export", run, export) : 0;
    if (code != 0)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE, "tracing: no thread to send with: %s",
                    g_strerror(code));
    if (is_good && code == 0)
        return export;
    trace_close();
    release(export);
    return NULL;
}

void trace_export_stop(struct trace_export *export)
{
    if (!export)
        return;
    pthread_mutex_lock(&export->lock);
    export->is_stopping = true;
    export->stop_by_us = clock_monotonic_us(clock_system()) + (int64_t)STOP_TIMEOUT_MS * 1000;
    pthread_cond_broadcast(&export->changed);
    pthread_mutex_unlock(&export->lock);
    pthread_join(export->thread, NULL);
    trace_close();
    release(export);
}
