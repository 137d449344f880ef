/* All webhooks, on one thread: libcurl's multi interface sends to all of them side by side, so that one that is slow
 * holds up no other.
 *
 * Where it may go is asked of the address that a connection is opened to, not of the name before it: what a name stands
 * for may be another the next time it is asked.
 */
#define LOG_MODULE "notify"
#include "notify/notify_internal.h"

#include "base/log.h"
#include "base/networks.h"
#include "base/thread.h"

#include <curl/curl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    LOOK_MS = 1000, /* nobody wakes it for a standstill */
    HTTP_REQUEST_TIMEOUT = 408,
    HTTP_GONE = 410,
    HTTP_TOO_EARLY = 425,
    HTTP_TOO_MANY_REQUESTS = 429,
};

struct webhook {
    const struct notify_webhook *settings;
    struct courier *courier;
    struct endpoint *endpoint;
    struct webhook_secrets *secrets;
    bool is_plain; /* http:// */
};

/* One try. */
struct request {
    struct webhook *webhook;
    struct delivery *delivery;
    CURL *curl;
    struct curl_slist *headers;
    size_t answer_bytes;
    bool is_address_refused;
    char error[CURL_ERROR_SIZE];
};

struct courier {
    const struct notify_settings *settings;
    struct clock *clock;
    CURLM *multi;
    GPtrArray *webhooks; /* of struct webhook * */
    GPtrArray *requests; /* of struct request *, under way: the thread's */
    pthread_t thread;
    bool is_started;
    gint is_stopping; /* atomic */
};

/* ---- what libcurl asks ---- */

static bool address_is_allowed(const struct webhook *webhook, const struct sockaddr *address)
{
    const struct notify_settings *settings = webhook->courier->settings;
    const uint8_t *bytes;
    size_t length;
    if (address->sa_family == AF_INET) {
        bytes = (const uint8_t *)&((const struct sockaddr_in *)(const void *)address)->sin_addr;
        length = sizeof(struct in_addr);
    } else if (address->sa_family == AF_INET6) {
        bytes = (const uint8_t *)&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
        length = sizeof(struct in6_addr);
    } else {
        return false;
    }
    return network_list_has(settings->allowed_networks, bytes, length) ||
           (!webhook->is_plain && !network_list_has(settings->refused_networks, bytes, length));
}

static curl_socket_t on_open_socket(void *user, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct request *request = user;
    (void)purpose;
    if (address_is_allowed(request->webhook, &address->addr))
        return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    request->is_address_refused = true;
    return CURL_SOCKET_BAD;
}

/* The answer says nothing that we need: it is read to its end, within bounds, so that the connection can be used again.
 */
static size_t on_answer(char *data, size_t size, size_t count, void *user)
{
    struct request *request = user;
    (void)data;
    request->answer_bytes += size * count;
    return request->answer_bytes <= (size_t)request->webhook->courier->settings->max_answer_bytes ? size * count : 0;
}

/* ---- sending ---- */

static void add_header(struct request *request, const char *name, const char *value)
{
    g_autofree char *line = g_strdup_printf("%s: %s", name, value);
    request->headers = curl_slist_append(request->headers, line);
}

/* The time and with it the signature are of this try; the id is the same in each. */
static void sign_request(struct request *request)
{
    const struct delivery *delivery = request->delivery;
    int64_t now_seconds = clock_wall_ms(request->webhook->courier->clock) / 1000;
    g_autofree char *id = message_webhook_id(delivery->message.id),
                    *time = g_strdup_printf("%" G_GINT64_FORMAT, now_seconds),
                    *signature = webhook_sign(request->webhook->secrets, id, now_seconds, delivery->body,
                                              strlen(delivery->body));
    add_header(request, "Content-Type", "application/json");
    add_header(request, "User-Agent", "Vedette/" VEDETTE_VERSION);
    add_header(request, "Expect", "");
    add_header(request, notify_headers[NOTIFY_HEADER_ID].name, id);
    add_header(request, notify_headers[NOTIFY_HEADER_TIMESTAMP].name, time);
    add_header(request, notify_headers[NOTIFY_HEADER_SIGNATURE].name, signature);
    if (delivery->trace.is_sampled) {
        char traceparent[TRACE_PARENT_BYTES];
        trace_context_write(&delivery->trace, traceparent);
        add_header(request, notify_headers[NOTIFY_HEADER_TRACEPARENT].name, traceparent);
    }
}

static void set_options(struct request *request)
{
    CURL *curl = request->curl;
    const struct notify_settings *settings = request->webhook->courier->settings;
    curl_easy_setopt(curl, CURLOPT_PRIVATE, request);
    curl_easy_setopt(curl, CURLOPT_URL, request->webhook->settings->url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https,http");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_PROXY, ""); /* a proxy of the environment would be asked for addresses we refuse */
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L); /* a name that takes too long to resolve holds up nobody */
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)(settings->timeout_seconds * 1000));
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->delivery->body);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(request->delivery->body));
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, request->headers);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_answer);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, request);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, request);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, request->error);
    if (settings->ca_file && *settings->ca_file)
        curl_easy_setopt(curl, CURLOPT_CAINFO, settings->ca_file);
}

static void request_free(struct request *request)
{
    if (request->curl)
        curl_easy_cleanup(request->curl);
    curl_slist_free_all(request->headers);
    g_free(request);
}

static void settle(struct request *request, enum attempt_outcome outcome, int64_t retry_after_us, const char *why)
{
    const struct attempt attempt = {outcome, retry_after_us, why};
    endpoint_settle(request->webhook->endpoint, request->delivery, &attempt);
    request_free(request);
}

static void send_delivery(struct webhook *webhook, struct delivery *delivery)
{
    struct courier *courier = webhook->courier;
    struct request *request = g_new0(struct request, 1);
    *request = (struct request){.webhook = webhook, .delivery = delivery, .curl = curl_easy_init()};
    if (request->curl) {
        sign_request(request);
        set_options(request);
    }
    if (request->curl && curl_multi_add_handle(courier->multi, request->curl) == CURLM_OK)
        g_ptr_array_add(courier->requests, request);
    else
        settle(request, ATTEMPT_FAILED, 0, "libcurl could not begin");
}

/* ---- answers ---- */

/* What came of a whole answer. Who answers and does not want this one is in no trouble. */
static void settle_status(struct request *request, long status)
{
    static const struct {
        long status;
        enum attempt_outcome outcome;
    } others[] = {{HTTP_REQUEST_TIMEOUT, ATTEMPT_FAILED},
                  {HTTP_GONE, ATTEMPT_GONE},
                  {HTTP_TOO_EARLY, ATTEMPT_FAILED},
                  {HTTP_TOO_MANY_REQUESTS, ATTEMPT_FAILED}};
    curl_off_t retry_after_seconds = 0;
    curl_easy_getinfo(request->curl, CURLINFO_RETRY_AFTER, &retry_after_seconds);
    enum attempt_outcome outcome = status / 100 == 2                        ? ATTEMPT_DELIVERED
                                   : status / 100 == 3 || status / 100 == 4 ? ATTEMPT_REFUSED
                                                                            : ATTEMPT_FAILED;
    for (size_t i = 0; i < G_N_ELEMENTS(others); i++)
        if (others[i].status == status)
            outcome = others[i].outcome;
    g_autofree char *why =
        g_strdup_printf("it answered %ld%s", status, status / 100 == 3 ? ", and redirects are not followed" : "");
    settle(request, outcome, MIN(retry_after_seconds, G_MAXINT32) * G_USEC_PER_SEC, why);
}

static void finish(struct request *request, CURLcode code)
{
    struct courier *courier = request->webhook->courier;
    long status = 0;
    curl_multi_remove_handle(courier->multi, request->curl);
    g_ptr_array_remove_fast(courier->requests, request);
    curl_easy_getinfo(request->curl, CURLINFO_RESPONSE_CODE, &status);
    bool is_cut = code == CURLE_WRITE_ERROR && status; /* by us: its status came before */
    if ((code == CURLE_OK && status) || is_cut)
        settle_status(request, status);
    else if (request->is_address_refused)
        settle(request, ATTEMPT_FAILED, 0,
               "its name stands for an address that notify.refused_networks refuses, or that plain http may not go to "
               "(notify.allowed_networks)");
    else
        settle(request, ATTEMPT_FAILED, 0, *request->error ? request->error : curl_easy_strerror(code));
}

static void finish_all(struct courier *courier)
{
    int left;
    for (CURLMsg *message; (message = curl_multi_info_read(courier->multi, &left));) {
        char *request = NULL;
        CURLcode code = message->data.result;
        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &request);
        finish((struct request *)(void *)request, code);
    }
}

/* ---- the thread ---- */

/* Sends what is due. Returns how long there will be nothing more. */
static int64_t send_due(struct courier *courier)
{
    int64_t soonest_us = INT64_MAX;
    for (guint i = 0; i < courier->webhooks->len; i++) {
        struct webhook *webhook = g_ptr_array_index(courier->webhooks, i);
        int64_t wait_us = INT64_MAX;
        for (struct delivery *delivery; (delivery = endpoint_take(webhook->endpoint, &wait_us));)
            send_delivery(webhook, delivery);
        soonest_us = MIN(soonest_us, wait_us);
    }
    return soonest_us;
}

static void *run(void *data)
{
    struct courier *courier = data;
    while (!g_atomic_int_get(&courier->is_stopping)) {
        int running;
        curl_multi_perform(courier->multi, &running);
        finish_all(courier);
        int64_t wait_us = send_due(courier);
        int wait_ms = (int)MIN(wait_us / 1000 + 1, LOOK_MS);
        curl_multi_poll(courier->multi, NULL, 0, wait_ms, NULL);
    }
    while (courier->requests->len) {
        struct request *request = g_ptr_array_index(courier->requests, 0);
        curl_multi_remove_handle(courier->multi, request->curl);
        g_ptr_array_remove_fast(courier->requests, request);
        settle(request, ATTEMPT_BROKEN_OFF, 0, NULL);
    }
    return NULL;
}

struct courier *courier_new(const struct notify_settings *settings, struct clock *clock, GError **error)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
    struct courier *courier = g_new0(struct courier, 1);
    *courier = (struct courier){.settings = settings,
                                .clock = clock,
                                .multi = curl_multi_init(),
                                .webhooks = g_ptr_array_new(),
                                .requests = g_ptr_array_new()};
    if (courier->multi)
        return courier;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE, "libcurl could not be started");
    courier_free(courier);
    return NULL;
}

static struct webhook_secrets *read_secrets(const struct notify_webhook *settings, GError **error)
{
    char *text = secret_text_read(settings->secret, settings->secret_file, error);
    struct webhook_secrets *secrets = text ? webhook_secrets_new(text, error) : NULL;
    secret_text_free(text);
    if (secrets && webhook_secrets_count(secrets) == 0) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, "its secret is empty");
        g_clear_pointer(&secrets, webhook_secrets_free);
    }
    return secrets;
}

bool courier_add(struct courier *courier, const struct notify_webhook *settings, struct endpoint *endpoint,
                 GError **error)
{
    struct webhook_secrets *secrets = read_secrets(settings, error);
    if (!secrets)
        return false;
    struct webhook *webhook = g_new0(struct webhook, 1);
    *webhook = (struct webhook){settings, courier, endpoint, secrets,
                                g_ascii_strncasecmp(settings->url, "https:", strlen("https:")) != 0};
    g_ptr_array_add(courier->webhooks, webhook);
    return true;
}

bool courier_start(struct courier *courier, GError **error)
{
    int code = thread_start(&courier->thread, "courier", run, courier);
    courier->is_started = code == 0;
    if (code)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE, "start to send webhooks: %s", g_strerror(code));
    return courier->is_started;
}

void courier_wake(void *data)
{
    struct courier *courier = data;
    curl_multi_wakeup(courier->multi);
}

static void webhook_free(struct webhook *webhook)
{
    webhook_secrets_free(webhook->secrets);
    g_free(webhook);
}

void courier_stop(struct courier *courier)
{
    if (!courier || !courier->is_started)
        return;
    g_atomic_int_set(&courier->is_stopping, 1);
    courier_wake(courier);
    pthread_join(courier->thread, NULL);
    courier->is_started = false;
}

void courier_free(struct courier *courier)
{
    if (!courier)
        return;
    courier_stop(courier);
    for (guint i = 0; i < courier->webhooks->len; i++)
        webhook_free(g_ptr_array_index(courier->webhooks, i));
    g_ptr_array_unref(courier->webhooks);
    g_ptr_array_unref(courier->requests);
    if (courier->multi)
        curl_multi_cleanup(courier->multi);
    g_free(courier);
}
