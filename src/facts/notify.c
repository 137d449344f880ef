#include "facts/notify.h"

#include "base/error.h"
#include "base/networks.h"
#include "facts/event.h"
#include "facts/incident.h"
#include "facts/settings_internal.h"

#include <string.h>

const char *const endpoint_kind_names[] = {"webhook", "mqtt", NULL};
const char *const endpoint_state_names[] = {"ready", "paused", "left_alone", "disconnected", "gone", NULL};

/* ---- texts ---- */

/* Logins do not stand in addresses: those are shown to people and written to logs. */
static bool check_url(const char *text, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(GUri) uri = g_uri_parse(text, G_URI_FLAGS_HAS_PASSWORD | G_URI_FLAGS_ENCODED, &failure);
    const char *scheme = uri ? g_uri_get_scheme(uri) : "", *host = uri ? g_uri_get_host(uri) : NULL;
    bool is_http = strcmp(scheme, "https") == 0 || strcmp(scheme, "http") == 0;
    for (const char *c = text; *c; c++)
        is_http = is_http && *c > ' ' && *c < 0x7f;
    if (!is_http || !host || !*host)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, "must be https://host/path%s%s", failure ? ": " : "",
                    failure ? failure->message : "");
    else if (g_uri_get_userinfo(uri))
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID,
                    "must hold no login: the receiver knows us by the signature");
    else
        return true;
    return false;
}

/* What stands before the topics' own levels: no wildcards, and nothing that brokers keep for themselves. */
static bool check_prefix(const char *text, GError **error)
{
    bool is_good = *text && *text != '$' && *text != '/' && text[strlen(text) - 1] != '/' && !strpbrk(text, "+#") &&
                   g_utf8_validate(text, -1, NULL);
    for (const char *c = text; *c; c++)
        is_good = is_good && (unsigned char)*c >= ' ' && *c != 0x7f;
    if (!is_good)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID,
                    "must be one or more topic levels without +, # and control characters, not beginning with $ or /");
    return is_good;
}

size_t notify_ladder_read(const char *text, double *seconds, size_t most, GError **error)
{
    static const double longest_seconds = 7 * 86400;
    g_auto(GStrv) items = g_strsplit(text ? text : "", ",", -1);
    size_t count = 0;
    for (; count < most && items[count]; count++) {
        char *end;
        const char *item = g_strstrip(items[count]);
        seconds[count] = g_ascii_strtod(item, &end);
        if (!*item || *end || !(seconds[count] > 0 && seconds[count] <= longest_seconds))
            break;
    }
    if (count && !items[count])
        return count;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID,
                "must be 1 to %zu waits in seconds, separated by commas, each above 0 and at most a week", most);
    return 0;
}

static bool check_ladder(const char *text, GError **error)
{
    double seconds[NOTIFY_LADDER_MAX];
    return notify_ladder_read(text, seconds, NOTIFY_LADDER_MAX, error) > 0;
}

/* ---- settings ---- */

static const char *const about_names[] = {"all", "signals", "incidents", NULL};
#define WHOM(type)                                                                                                     \
    FIELD(struct type, id, RECORD_REQUIRED | RECORD_TEXT_ID, "its name in /health, metrics and logs, unique"),         \
        FIELD(struct type, org_id, RECORD_TEXT_ID, "whose events it is told, and no other's",                          \
              .default_text = "default"),                                                                              \
        FIELD(struct type, enabled, 0, "whether it is told anything", .default_text = "true")
#define WHAT(type)                                                                                                     \
    FIELD_ENUM(struct type, about, about_names, 0,                                                                     \
               "what it is told of: all, signals alone, or what becomes of incidents alone", .default_text = "all"),   \
        FIELD_ENUM(struct type, minimum_severity, severity_names, 0,                                                   \
                   "it is told of what is at least so bad, of what the notify policy lets out",                        \
                   .default_text = "info"),                                                                            \
        FIELD(struct type, kinds, 0, "kinds of signals, and of incidents, it is told of; empty: every kind",           \
              .max_count = 256)

static const struct record_field webhook_fields[] = {
    WHOM(notify_webhook),
    FIELD(struct notify_webhook, url, RECORD_REQUIRED,
          "where it is posted to: https://…; http:// only to an address of allowed_networks", .max_count = 2048,
          .check_text = check_url),
    FIELD(struct notify_webhook, secret, RECORD_SECRET,
          "whsec_ and 24 to 64 bytes in base64; several, separated by blanks, sign each, so that they can be changed",
          .max_count = 1024),
    FIELD(struct notify_webhook, secret_file, 0, "a file that holds the secret", .max_count = 4096),
    WHAT(notify_webhook),
};

static bool has_text(const char *text)
{
    return text && *text;
}

static void one_of_two(const char *first, const char *second, const char *names, const char *path,
                       struct record_errors *errors)
{
    if (has_text(first) && has_text(second))
        record_errors_add(errors, path, "%s: give one of the two", names);
}

static void check_webhook(const void *record, const char *path, struct record_errors *errors)
{
    const struct notify_webhook *webhook = record;
    one_of_two(webhook->secret, webhook->secret_file, "secret and secret_file", path, errors);
    if (!has_text(webhook->secret) && !has_text(webhook->secret_file))
        record_errors_add(errors, path, "needs a secret or a secret_file: receivers know us by it");
}

const struct record_descriptor notify_webhook_descriptor =
    RECORD(struct notify_webhook, "NotifyWebhook", 1, webhook_fields,
           "A receiver of signed webhooks (Standard Webhooks): docs/notify.md.", .check = check_webhook);

static const char *const mqtt_version_names[] = {"5", "3.1.1", NULL};
static const struct record_field broker_fields[] = {
    WHOM(notify_broker),
    FIELD(struct notify_broker, host, RECORD_REQUIRED, "name or address of the broker", .max_count = 255),
    FIELD(struct notify_broker, port, 0, "its port; 0: 8883 with tls, else 1883", .min = 0, .max = 65535),
    FIELD(struct notify_broker, tls, 0, "whether the connection is encrypted, and the broker proves who it is"),
    FIELD(struct notify_broker, ca_file, 0, "PEM file of who signed the broker's certificate; empty: the machine's own",
          .max_count = 4096),
    FIELD(struct notify_broker, certificate_file, 0, "PEM file of our own certificate, where the broker asks for one",
          .max_count = 4096),
    FIELD(struct notify_broker, key_file, 0, "PEM file of its private key", .max_count = 4096),
    FIELD(struct notify_broker, username, 0, "login; empty: none", .max_count = 1024),
    FIELD(struct notify_broker, password, RECORD_SECRET, "its password", .max_count = 1024),
    FIELD(struct notify_broker, password_file, 0, "a file whose first line is the password", .max_count = 4096),
    FIELD(struct notify_broker, client_id, RECORD_TEXT_ID, "what we call ourselves there; empty: vedette- and the id"),
    FIELD(struct notify_broker, topic_prefix, 0,
          "topics are PREFIX/ORG/SITE/CAMERA/KIND, of incidents with /incident behind", .max_count = 128,
          .default_text = "vedette", .check_text = check_prefix),
    FIELD_ENUM(struct notify_broker, version, mqtt_version_names, 0,
               "of MQTT; with 3.1.1 a broker cannot say that its rights let it take nothing from us",
               .default_text = "5"),
    WHAT(notify_broker),
};

static void check_broker(const void *record, const char *path, struct record_errors *errors)
{
    const struct notify_broker *broker = record;
    one_of_two(broker->password, broker->password_file, "password and password_file", path, errors);
    if ((has_text(broker->password) || has_text(broker->password_file)) && !has_text(broker->username))
        record_errors_add(errors, path, "a password needs a username");
    if (has_text(broker->certificate_file) != has_text(broker->key_file))
        record_errors_add(errors, path, "certificate_file and key_file go together");
    if (!broker->tls && (has_text(broker->certificate_file) || has_text(broker->ca_file)))
        record_errors_add(errors, path, "ca_file and certificate_file need tls: true");
}

const struct record_descriptor notify_broker_descriptor = RECORD(
    struct notify_broker, "NotifyBroker", 1, broker_fields, "An MQTT broker: docs/notify.md.", .check = check_broker);

#define RESTART RECORD_NEEDS_RESTART
static const struct record_field notify_fields[] = {
    FIELD_LIST(struct notify_settings, webhooks, &notify_webhook_descriptor, RESTART, "receivers of webhooks",
               .max_count = 64),
    FIELD_LIST(struct notify_settings, brokers, &notify_broker_descriptor, RESTART, "MQTT brokers", .max_count = 16),
    FIELD(struct notify_settings, max_queue_size, RESTART,
          "notifications that wait for one endpoint; beyond, the oldest of the least urgent is dropped, and counted",
          .min = 1, .max = 10000000, .default_text = "10000"),
    FIELD(struct notify_settings, max_queue_bytes, RESTART, "the same in bytes", .unit = "bytes", .min = 65536,
          .max = 0x1p40, .default_text = "33554432"),
    FIELD(struct notify_settings, retrying, RESTART,
          "notifications of one endpoint that failed and wait for their next try while newer ones are tried; beyond, "
          "newer ones wait too",
          .min = 1, .max = 10000, .default_text = "256"),
    FIELD(struct notify_settings, parallel, RESTART, "requests to one endpoint at once", .min = 1, .max = 64,
          .default_text = "2"),
    FIELD(struct notify_settings, timeout_seconds, RESTART, "longest one request may take", .unit = "s", .min = 0.1,
          .max = 300, .default_text = "15"),
    FIELD(struct notify_settings, max_answer_bytes, RESTART, "most that is read of an answer", .unit = "bytes",
          .min = 0, .max = 1 << 20, .default_text = "4096"),
    FIELD(struct notify_settings, retry_seconds, RESTART,
          "waits between tries, separated by commas; after the last try the notification is a dead letter", .unit = "s",
          .max_count = 512, .default_text = "5,300,1800,7200,18000,36000,50400,72000,86400",
          .check_text = check_ladder),
    FIELD(struct notify_settings, retry_jitter, RESTART, "so much of each wait is added or taken away at random",
          .min = 0, .max = 0.9, .default_text = "0.1"),
    FIELD(
        struct notify_settings, retry_permille, RESTART,
        "tries again for each thousand notifications told for the first time, so that they cannot multiply the load of "
        "an endpoint that is in trouble",
        .min = 0, .max = 1000, .default_text = "200"),
    FIELD(struct notify_settings, retry_burst, RESTART, "tries again at once after a time without any", .min = 1,
          .max = 1000000, .default_text = "100"),
    FIELD(struct notify_settings, retry_pace_seconds, RESTART,
          "beyond these, one try again in so much time, so that none waits for ever", .unit = "s", .min = 0.001,
          .max = 3600, .default_text = "1"),
    FIELD(struct notify_settings, reconnect_seconds, RESTART,
          "longest first wait before a broker that was lost is connected anew; doubles with full jitter", .unit = "s",
          .min = 0.01, .max = 3600, .default_text = "1"),
    FIELD(struct notify_settings, reconnect_max_seconds, RESTART, "longest such wait", .unit = "s", .min = 0.01,
          .max = 3600, .default_text = "60"),
    FIELD(struct notify_settings, stalled_seconds, RESTART,
          "an endpoint that has something to be told and was told nothing for so long is named in /health; 0: never",
          .unit = "s", .min = 0, .max = 86400, .default_text = "120"),
    FIELD(struct notify_settings, remembered, RESTART,
          "ids that are known to be taken over, of all endpoints; what comes again after more than these is told twice",
          .min = 1000, .max = 10000000, .default_text = "100000"),
    FIELD(struct notify_settings, hold_seconds, RESTART,
          "how long storing waits at most for the disk of a queue that is full or fails, so that what is to be told is "
          "not lost; beyond, it goes on without, counted",
          .unit = "s", .min = 0, .max = 3600, .default_text = "10"),
    FIELD(struct notify_settings, dead_letters, RESTART,
          "notifications kept of those that could not be delivered, of all endpoints; the oldest go first", .min = 1,
          .max = 1000000, .default_text = "1000"),
    FIELD(struct notify_settings, dead_letter_days, RESTART, "days that each of them is kept; 0: no bound", .min = 0,
          .max = 3650, .default_text = "30"),
    FIELD(struct notify_settings, ca_file, RESTART,
          "PEM file of who signs the certificates of webhooks' receivers; empty: the machine's own", .max_count = 4096),
    FIELD(struct notify_settings, refused_networks, RESTART,
          "addresses no webhook is sent to, whatever name stands for them: this machine, private networks, what is "
          "linked directly, where machines in clouds find their secrets, and groups",
          .max_count = 4096, .check_text = network_list_check,
          .default_text = "0.0.0.0/8,10.0.0.0/8,100.64.0.0/10,127.0.0.0/8,169.254.0.0/16,172.16.0.0/12,192.0.0.0/24,"
                          "192.168.0.0/16,198.18.0.0/15,224.0.0.0/3,::,::1,64:ff9b:1::/48,2001::/32,2002::/16,fc00::/7,"
                          "fe80::/9,ff00::/8"),
    FIELD(struct notify_settings, allowed_networks, RESTART,
          "addresses among these that webhooks may be sent to all the same, also without TLS: receivers on the site's "
          "own network",
          .max_count = 4096, .check_text = network_list_check),
};

static void check_id(GHashTable *seen, const char *id, const char *list, size_t index, const char *path,
                     struct record_errors *errors)
{
    if (!id || g_hash_table_add(seen, (gpointer)(uintptr_t)id))
        return;
    g_autofree char *where = g_strdup_printf("%s%s%s[%zu].id", path, *path ? "." : "", list, index);
    record_errors_add(errors, where, "%s: is used twice: every endpoint needs an id of its own", id);
}

static void check_notify(const void *record, const char *path, struct record_errors *errors)
{
    const struct notify_settings *notify = record;
    g_autoptr(GHashTable) webhooks = g_hash_table_new(g_str_hash, g_str_equal),
                          brokers = g_hash_table_new(g_str_hash, g_str_equal);
    for (size_t i = 0; i < notify->webhooks.count; i++)
        check_id(webhooks, ((struct notify_webhook *)notify->webhooks.items)[i].id, "webhooks", i, path, errors);
    for (size_t i = 0; i < notify->brokers.count; i++)
        check_id(brokers, ((struct notify_broker *)notify->brokers.items)[i].id, "brokers", i, path, errors);
    settings_check_least("reconnect_max_seconds", notify->reconnect_max_seconds, "reconnect_seconds",
                         notify->reconnect_seconds, path, errors);
}

const struct record_descriptor notify_settings_descriptor = RECORD(
    struct notify_settings, "NotifySettings", 1, notify_fields, "What the server tells others.", .check = check_notify);

/* ---- what is told ---- */

static const struct record_field notification_fields[] = {
    FIELD(struct notification, id, RECORD_REQUIRED | RECORD_TEXT_ID,
          "the same in every repetition: the signal's, or of what became of the incident"),
    FIELD(struct notification, type, RECORD_REQUIRED,
          "signal. and the signal's kind; incident.opened, incident.changed, incident.ended or incident.closed",
          .max_count = 80, .example = "\"signal.intrusion\""),
    FIELD(struct notification, timestamp, RECORD_REQUIRED, "when it happened"),
    FIELD(struct notification, data, RECORD_REQUIRED | RECORD_VERBATIM, "the Signal, or the Incident as it was then"),
    FIELD(struct notification, traceparent, 0, "W3C Trace Context of what sent it, where MQTT 3.1.1 has no other place",
          .max_count = 64),
};
const struct record_descriptor notification_descriptor =
    RECORD(struct notification, "Notification", 1, notification_fields, "What webhooks and MQTT brokers are told.");

const struct notify_topic_info notify_topics[NOTIFY_TOPIC_END] = {
    [NOTIFY_TOPIC_SIGNAL] = {"{org_id}/{site_id}/{camera_id}/{kind}", false, "A signal."},
    [NOTIFY_TOPIC_INCIDENT] = {"{org_id}/{site_id}/{camera_id}/{kind}/incident", false, "A step of an incident."},
    [NOTIFY_TOPIC_AVAILABILITY] = {"{org_id}/availability", true,
                                   "Whether the server is there; offline is also the broker's last will of it."},
};
const char *const notify_availability_names[] = {"online", "offline", NULL};

const struct notify_header_info notify_headers[NOTIFY_HEADER_END] = {
    [NOTIFY_HEADER_ID] = {"webhook-id", false, "the body's id, with ~ for each full stop: the same in every try"},
    [NOTIFY_HEADER_TIMESTAMP] = {"webhook-timestamp", false, "when this try began, in seconds since 1970"},
    [NOTIFY_HEADER_SIGNATURE] = {"webhook-signature", false,
                                 "v1, and the HMAC-SHA256 of id, timestamp and body by the webhook's secret; one for "
                                 "each secret, separated by blanks"},
    [NOTIFY_HEADER_TRACEPARENT] = {"traceparent", true, "W3C Trace Context of the try, where it is traced"},
};

/* ---- how an endpoint is ---- */

static const struct record_field health_fields[] = {
    FIELD(struct endpoint_health, id, RECORD_REQUIRED | RECORD_KEY | RECORD_TEXT_ID, "as in the settings"),
    FIELD(struct endpoint_health, org_id, RECORD_TEXT_ID, "whose events it is told"),
    FIELD_ENUM(struct endpoint_health, kind, endpoint_kind_names, RECORD_REQUIRED | RECORD_KEY, "what it is"),
    FIELD_ENUM(struct endpoint_health, state, endpoint_state_names, RECORD_REQUIRED,
               "ready; paused: it asked for time; left_alone: its circuit breaker is open; disconnected; gone: it said "
               "410, and is told nothing until it is enabled again"),
    FIELD(struct endpoint_health, last_error, 0, "the last thing that went wrong; empty when the last try was good",
          .max_count = 1024),
    FIELD(struct endpoint_health, queued, RECORD_GAUGE, "notifications that wait or are on their way"),
    FIELD(struct endpoint_health, in_flight, RECORD_GAUGE, "of these, on their way just now"),
    FIELD(struct endpoint_health, retrying, RECORD_GAUGE, "of these, waiting in memory for their next try"),
    FIELD(struct endpoint_health, accepted, RECORD_COUNTER, "notifications taken over for delivery, to stay"),
    FIELD(struct endpoint_health, attempts, RECORD_COUNTER, "tries"),
    FIELD(struct endpoint_health, delivered, RECORD_COUNTER, "notifications delivered"),
    FIELD(struct endpoint_health, failed, RECORD_COUNTER, "tries that failed"),
    FIELD(struct endpoint_health, dead, RECORD_COUNTER, "notifications given up after their last try"),
    FIELD(struct endpoint_health, refused, RECORD_COUNTER,
          "notifications not taken over: the endpoint is gone, or the disk failed"),
    FIELD(struct endpoint_health, dropped, RECORD_COUNTER,
          "notifications dropped to make room for newer ones, or that the disk did not give back"),
    FIELD(struct endpoint_health, put_off, RECORD_COUNTER,
          "tries again that were due and waited for the budget of them: notify.retry_permille, notify.retry_burst"),
    FIELD(struct endpoint_health, gone, RECORD_GAUGE, "1 once it said 410 Gone, until it is enabled again"),
    FIELD(struct endpoint_health, connected, RECORD_GAUGE,
          "1 while the broker is connected; of webhooks: while the last try was good"),
    FIELD(struct endpoint_health, stalled_seconds, RECORD_GAUGE,
          "how long nothing could be delivered though something waits, once longer than notify.stalled_seconds; else 0",
          .unit = "s"),
    FIELD(struct endpoint_health, last_delivered_at, 0, "when something was delivered last"),
};
const struct record_descriptor endpoint_health_descriptor =
    RECORD(struct endpoint_health, "EndpointHealth", 1, health_fields,
           "How an endpoint of notifications is; counts since the server started.");

static const struct record_descriptor *told_at(size_t index)
{
    static const struct record_descriptor *const told[] = {&analytics_event_descriptor, &incident_change_descriptor};
    return index < G_N_ELEMENTS(told) ? told[index] : NULL;
}

static const struct record_field dead_letter_fields[] = {
    FIELD(struct dead_letter, id, RECORD_REQUIRED | RECORD_TEXT_ID, "of the notification"),
    FIELD(struct dead_letter, org_id, RECORD_TEXT_ID, "whose it is"),
    FIELD_ENUM(struct dead_letter, kind, endpoint_kind_names, RECORD_REQUIRED, "of the endpoint"),
    FIELD(struct dead_letter, endpoint_id, RECORD_REQUIRED | RECORD_TEXT_ID, "of the endpoint"),
    FIELD(struct dead_letter, given_up_at, RECORD_REQUIRED, "after its last try"),
    FIELD(struct dead_letter, tries, 0, "how often it was tried", .min = 0, .max = 1000000),
    FIELD(struct dead_letter, why, 0, "what went wrong the last time", .max_count = 1024),
    FIELD(struct dead_letter, event, RECORD_REQUIRED | RECORD_VERBATIM,
          "what it told of, an AnalyticsEvent or an IncidentChange", .one_of = told_at),
};
const struct record_descriptor dead_letter_descriptor =
    RECORD(struct dead_letter, "DeadLetter", 1, dead_letter_fields, "A notification that could not be delivered.");

/* ---- what is valid and of no use ---- */

static void warn_of_kinds(const struct record_strings *kinds, enum notify_about about, enum severity least,
                          const char *endpoint, struct record_errors *warnings)
{
    for (size_t i = 0; i < kinds->count; i++) {
        const char *kind = kinds->items[i];
        enum severity severity = signal_kind_severity(kind);
        g_autofree char *path = g_strdup_printf("%s.kinds[%zu]", endpoint, i);
        if (!severity)
            record_errors_add(
                warnings, path,
                "\"%s\": no rule and no signal of the server is called so (docs/rules.md has the rules'): "
                "nothing is told unless somebody sends such",
                kind);
        else if (severity < least && about == NOTIFY_ABOUT_SIGNALS) /* an incident is as bad as its worst signal */
            record_errors_add(warnings, path, "\"%s\" is of severity %s, and minimum_severity is %s: it is never told",
                              kind, severity_names[severity - 1], severity_names[least - 1]);
    }
}

void notify_kinds_warn(const struct notify_settings *settings, struct record_errors *warnings)
{
    const struct notify_webhook *webhooks = settings->webhooks.items;
    const struct notify_broker *brokers = settings->brokers.items;
    for (size_t i = 0; i < settings->webhooks.count; i++) {
        g_autofree char *path = g_strdup_printf("notify.webhooks[%zu]", i);
        warn_of_kinds(&webhooks[i].kinds, webhooks[i].about, webhooks[i].minimum_severity, path, warnings);
    }
    for (size_t i = 0; i < settings->brokers.count; i++) {
        g_autofree char *path = g_strdup_printf("notify.brokers[%zu]", i);
        warn_of_kinds(&brokers[i].kinds, brokers[i].about, brokers[i].minimum_severity, path, warnings);
    }
}
