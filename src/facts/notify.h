/* Facts: what the server tells others: the settings of its endpoints, what they are told, and how each of them is. */
#pragma once

#include "facts/event.h"
#include "record/record.h"

/* What an endpoint is told of. */
enum notify_about { NOTIFY_ABOUT_ALL = 1, NOTIFY_ABOUT_SIGNALS, NOTIFY_ABOUT_INCIDENTS };

/* A receiver of signed webhooks (Standard Webhooks). It is told of one org and of nothing else. */
struct notify_webhook {
    char *id, *org_id;
    bool enabled;
    char *url;
    char *secret;      /* secret: "whsec_… whsec_…"; each signs */
    char *secret_file; /* holds the same */
    enum notify_about about;
    enum severity minimum_severity;
    struct record_strings kinds; /* of signals, and of incidents; empty: every kind */
};
extern const struct record_descriptor notify_webhook_descriptor;

/* An MQTT broker. It is told of one org and of nothing else. */
struct notify_broker {
    char *id, *org_id;
    bool enabled;
    char *host;
    int32_t port; /* 0: 8883 with TLS, else 1883 */
    bool tls;
    char *ca_file, *certificate_file, *key_file; /* PEM */
    char *username;
    char *password;      /* secret */
    char *password_file; /* its first line is the password */
    char *client_id;     /* empty: vedette-ID */
    char *topic_prefix;
    enum mqtt_version { MQTT_VERSION_5 = 1, MQTT_VERSION_311 } version;
    enum notify_about about;
    enum severity minimum_severity;
    struct record_strings kinds;
};
extern const struct record_descriptor notify_broker_descriptor;

/* Bounds are of each endpoint unless said otherwise. */
struct notify_settings {
    struct record_list webhooks; /* of struct notify_webhook */
    struct record_list brokers;  /* of struct notify_broker */
    int32_t max_queue_size;      /* notifications */
    int64_t max_queue_bytes;
    int32_t retrying;       /* held in memory, tried before and waiting for their time */
    int32_t parallel;       /* requests at once */
    double timeout_seconds; /* of one request */
    int32_t max_answer_bytes;
    char *retry_seconds;                 /* the ladder: waits between tries, separated by commas */
    double retry_jitter;                 /* share of each wait that is drawn */
    int32_t retry_permille, retry_burst; /* of tries that are not the first: struct vedette_retry_budget */
    double retry_pace_seconds;           /* beyond the budget, one in so much time */
    double reconnect_seconds, reconnect_max_seconds;
    double stalled_seconds; /* with something to deliver, and nothing delivered for so long; 0: not watched */
    int32_t remembered;     /* of all: ids known to be taken over, so that they are not taken twice */
    double hold_seconds;    /* the record path, for a disk that takes nothing */
    int32_t dead_letters;   /* kept */
    int32_t dead_letter_days;
    char *ca_file;                             /* of webhooks; empty: the machine's own */
    char *refused_networks, *allowed_networks; /* of webhooks */
};
extern const struct record_descriptor notify_settings_descriptor;
/* Of kinds in its endpoints' lists that nothing raises, or nothing so bad that they would be told of it. */
void notify_kinds_warn(const struct notify_settings *settings, struct record_errors *warnings);

/* The waits of a ladder as written in settings, seconds; at most `most`. Returns how many; 0: it is not valid. */
size_t notify_ladder_read(const char *text, double *seconds, size_t most, GError **error);
enum { NOTIFY_LADDER_MAX = 32 };

/* The body of a webhook, and of an MQTT message. */
struct notification {
    char *id;   /* tells repetitions: the event's, or of the incident's step */
    char *type; /* "signal.KIND", "incident.STEP" */
    struct record_time timestamp;
    struct record_json data; /* the signal, the incident as it was then */
    char *traceparent;       /* MQTT 3.1.1 alone: elsewhere it stands beside the body */
};
extern const struct record_descriptor notification_descriptor;

/* ONE table of the topics of a broker, below its topic_prefix. Levels in braces are a message's own, named as the
 * fields of a Signal. */
enum notify_topic { NOTIFY_TOPIC_SIGNAL = 1, NOTIFY_TOPIC_INCIDENT, NOTIFY_TOPIC_AVAILABILITY, NOTIFY_TOPIC_END };
struct notify_topic_info {
    const char *levels; /* "{org_id}/{site_id}" */
    bool is_retained;
    const char *doc;
};
extern const struct notify_topic_info notify_topics[NOTIFY_TOPIC_END]; /* by enum notify_topic */
enum { NOTIFY_QOS = 1 };                                               /* of all of them */
/* What the availability topic holds, the broker's last will of us among it. */
enum notify_availability { NOTIFY_ONLINE, NOTIFY_OFFLINE };
extern const char *const notify_availability_names[]; /* by enum notify_availability, NULL-terminated */

/* ONE table of the headers that make a POST one of ours (Standard Webhooks). */
enum notify_header {
    NOTIFY_HEADER_ID = 1,
    NOTIFY_HEADER_TIMESTAMP,
    NOTIFY_HEADER_SIGNATURE,
    NOTIFY_HEADER_TRACEPARENT,
    NOTIFY_HEADER_END,
};
struct notify_header_info {
    const char *name;
    bool is_optional;
    const char *doc;
};
extern const struct notify_header_info notify_headers[NOTIFY_HEADER_END]; /* by enum notify_header */

enum endpoint_kind { ENDPOINT_WEBHOOK = 1, ENDPOINT_MQTT };
extern const char *const endpoint_kind_names[];
enum endpoint_state {
    ENDPOINT_READY = 1,
    ENDPOINT_PAUSED,       /* it asked for time (Retry-After) */
    ENDPOINT_LEFT_ALONE,   /* its circuit breaker is open */
    ENDPOINT_DISCONNECTED, /* a broker that is not there; it is tried again for ever */
    ENDPOINT_GONE,         /* it said 410 Gone, and is told nothing until somebody enables it */
};
extern const char *const endpoint_state_names[];

/* How an endpoint is; counts since the server started. Its counters and gauges are /metrics. */
struct endpoint_health {
    char *id, *org_id;
    enum endpoint_kind kind;
    enum endpoint_state state;
    char *last_error; /* empty when the last try was good */
    int64_t queued;   /* all that wait, those in_flight and retrying among them */
    int64_t in_flight, retrying;
    int64_t accepted, attempts, delivered, failed, dead, refused, dropped;
    int64_t put_off;        /* retries that were due and had to wait for the budget */
    int64_t gone;           /* 1 while its state is ENDPOINT_GONE */
    int64_t connected;      /* brokers: 1 while connected; webhooks: 1 unless the last try failed */
    double stalled_seconds; /* nothing delivered for so long, once that is over the setting; else 0 */
    struct record_time last_delivered_at;
};
extern const struct record_descriptor endpoint_health_descriptor;

/* A notification that was given up. */
struct dead_letter {
    char *id; /* the notification's */
    char *org_id;
    enum endpoint_kind kind;
    char *endpoint_id;
    struct record_time given_up_at;
    int32_t tries; /* since the server started last */
    char *why;
    struct record_json event; /* an AnalyticsEvent, or an IncidentChange */
};
extern const struct record_descriptor dead_letter_descriptor;
