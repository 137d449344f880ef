/* Shared by the files of notify. */
#pragma once

#include "notify/notify.h"

#include <pthread.h>

#include "auth/webhook.h"
#include "base/random.h"
#include "base/trace.h"
#include "vedette/backoff.h"
#include "vedette/breaker.h"
#include "vedette/spool.h"

/* ---- ladder.c: pure ---- */

/* The waits between the tries of one notification. */
struct ladder {
    double seconds[NOTIFY_LADDER_MAX];
    size_t count;
    double jitter;
};
/* How long to wait after so many failed tries (1 or more); below 0: it was the last. `random`: 64 uniform bits. */
int64_t ladder_wait_us(const struct ladder *ladder, unsigned tries, uint64_t random);
/* How many tries one that is so old has had behind it, had it failed each time: for a server that starts anew and knows
 * no more than its age. One wait of the ladder is always left, and the try after it: it may have been off meanwhile. */
unsigned ladder_tries_at_age(const struct ladder *ladder, int64_t age_ms);
/* The longest wait. */
int64_t ladder_longest_us(const struct ladder *ladder);

/* ---- message.c: what is told, and to whom ---- */

/* Of a webhook or broker: whom it is for. Borrowed from the settings. */
struct audience {
    enum endpoint_kind kind;
    const char *id, *org_id;
    enum severity minimum_severity;
    const struct record_strings *kinds;
    enum notify_about about;
};
/* What there is to tell, whether a signal or what became of an incident. Texts are its own. */
struct message {
    char *id, *org_id, *site_id, *camera_id; /* its own id, by which receivers tell repetitions */
    char *type;                              /* "signal.KIND", "incident.STEP" */
    char *kind;                              /* of the signal, of the incident's signals */
    bool is_of_incident, is_news;            /* is_news: there is somebody whom it may concern */
    enum severity severity;
    struct record_time at;
    char *data;        /* JSON */
    char *traceparent; /* of what made it; NULL: it is in no trace that is told */
};
/* From a struct analytics_event (event_under_way_descriptor) or a struct incident_change (its descriptor) into an
 * uninitialised message. False, and nothing to clear: it is none that is told, or cannot be read. */
bool message_read(const struct record_descriptor *descriptor, const void *record, struct message *message);
/* The same from the text of either, as queues hold it. */
bool message_parse(const char *json, size_t length, struct message *message);
void message_clear(struct message *message);
bool audience_wants(const struct audience *audience, const struct message *message);
/* The body, JSON; with `traceparent` unless it is NULL. g_free. */
char *message_body(const struct message *message, const char *traceparent);
/* The topic below `prefix`, by its row of notify_topics; of the message its levels alone are read, and each is made fit
 * to be one whatever it was. g_free. */
char *message_topic(const char *prefix, enum notify_topic which, const struct message *message);
/* An id as webhook-id may have it: without a full stop, which the signature's parts are told apart by. g_free. */
char *message_webhook_id(const char *id);
/* The text of a queue as people may see it: without what it has under way alone. g_free. */
char *message_letter(const char *json, size_t length);

/* ---- queue.c: what outlives the process ---- */

struct queue_bounds {
    int64_t max_records, max_bytes, max_record_bytes, max_memory_bytes;
    double max_seconds; /* 0: for ever */
};
/* A durable queue whose oldest and least urgent make room.
 * vedette_spool_close. */
struct vedette_spool *queue_open(const char *directory, const struct queue_bounds *bounds, struct clock *clock,
                                 GError **error);

/* ---- endpoint.c: a queue, and when what is in it is tried ---- */

/* One notification on its way. The courier's between take and settle, else the endpoint's. */
struct delivery {
    struct vedette_spool_batch *batch; /* of this one record */
    struct message message;
    char *body;
    struct trace_context trace; /* of the try under way; not sampled: it is in no trace */
    int64_t taken_us;
    unsigned tries;  /* made, and failed */
    int64_t due_us;  /* the next, monotonic */
    bool was_tried;  /* by this process, and failed */
    bool is_put_off; /* it was due, and waits for the budget of retries */
    struct vedette_permit permit;
};

enum attempt_outcome {
    ATTEMPT_DELIVERED = 1,
    ATTEMPT_FAILED,     /* the endpoint is in trouble: its circuit breaker counts it */
    ATTEMPT_REFUSED,    /* it answers, and does not want this one: tried again, and the breaker hears nothing bad */
    ATTEMPT_GONE,       /* it wants nothing any more */
    ATTEMPT_BROKEN_OFF, /* by us: as if it had not been tried */
};
struct attempt {
    enum attempt_outcome outcome;
    int64_t retry_after_us; /* it asked for so much time; 0: it did not */
    const char *why;        /* unless it was delivered */
};

struct endpoint_config {
    struct audience audience;
    const struct notify_settings *settings;
    struct ladder ladder;
    struct clock *clock;
    struct vedette_breaker *breaker; /* borrowed */
    bool is_brokered;                /* nothing can be sent until endpoint_set_connected says so */
    struct dead_letters *dead_letters;
    void (*wake)(void *data); /* there is something to do: for the courier. Any thread */
    void *wake_data;
};

struct endpoint;
/* Opens the queue in `directory`. */
struct endpoint *endpoint_new(const struct endpoint_config *config, const char *directory, GError **error);
/* What is held goes back to the queue. NULL is allowed. */
void endpoint_free(struct endpoint *endpoint);
const struct audience *endpoint_audience(const struct endpoint *endpoint);

enum put_outcome {
    PUT_TAKEN = 1, /* it is there to stay */
    PUT_REFUSED,   /* counted: the endpoint is gone, or its bounds leave this one no room; trying again is no use */
    PUT_FAILED,    /* its disk is full or fails; counted by endpoint_note_lost, should nobody try again */
};
typedef void (*endpoint_put_done)(void *data, enum put_outcome outcome);

/* Puts a text (an event under way, or what became of an incident) into the queue. `done` is called once, on any thread,
 * perhaps before this returns. Any thread. */
struct endpoint_text {
    const char *org_id, *json;
    size_t length;
    int32_t priority;
};
void endpoint_put(struct endpoint *endpoint, const struct endpoint_text *text, endpoint_put_done done, void *data);
/* One that its disk did not take was let go of: counted as refused. Any thread. */
void endpoint_note_lost(struct endpoint *endpoint);

/* The next notification to send now, or NULL; *wait_us is then how long there will be none, INT64_MAX: until wake. The
 * courier's thread, as the next. */
struct delivery *endpoint_take(struct endpoint *endpoint, int64_t *wait_us);
/* Takes the delivery over. */
void endpoint_settle(struct endpoint *endpoint, struct delivery *delivery, const struct attempt *attempt);
/* Of brokers: whether there is a connection, and why not. */
void endpoint_set_connected(struct endpoint *endpoint, bool is_connected, const char *why);

/* Fills an uninitialised record, whose texts are its own. Any thread, as the next. */
void endpoint_look(struct endpoint *endpoint, struct endpoint_health *health);
void endpoint_enable(struct endpoint *endpoint);
/* Empties the queue. The endpoint is told nothing from then on, enabled or not. */
void endpoint_erase(struct endpoint *endpoint);

/* ---- dead_letters.c: what was given up ---- */

/* Shared by all endpoints; any thread. Kept in a spool of its own in `directory`. */
struct dead_letters *dead_letters_new(const char *directory, const struct notify_settings *settings,
                                      struct clock *clock, GError **error);
/* After the endpoints' couriers have ended, before the endpoints are freed: what is under way is done. NULL is allowed.
 */
void dead_letters_free(struct dead_letters *dead);
/* Returns at once; `done` is called once it is kept, or cannot be (logged), on any thread, perhaps before this returns.
 */
void dead_letters_add(struct dead_letters *dead, const struct audience *audience, const struct delivery *delivery,
                      const char *why, void (*done)(void *data), void *data);
/* Calls `visit` for each of an org, oldest first; those of which it says true are dead letters no more. One visit at a
 * time; it may not call this. Reads the disk. */
void dead_letters_visit(struct dead_letters *dead, const char *org_id,
                        bool (*visit)(void *data, const struct dead_letter *letter), void *data);

/* Those of an org go. Waits for a visit; reads the disk. */
void dead_letters_erase(struct dead_letters *dead, const char *org_id);

/* ---- courier.c: all webhooks, on one thread ---- */

struct courier;
struct courier *courier_new(const struct notify_settings *settings, struct clock *clock, GError **error);
/* Of a webhook; the endpoint is the courier's to send for until it is freed. Before the start. */
bool courier_add(struct courier *courier, const struct notify_webhook *webhook, struct endpoint *endpoint,
                 GError **error);
bool courier_start(struct courier *courier, GError **error);
/* An endpoint_config.wake. */
void courier_wake(void *courier);
/* Ends the thread and breaks off what is under way; waking it goes on to be harmless. NULL is allowed. */
void courier_stop(struct courier *courier);
/* After the endpoints: what their queues still answer wakes it. NULL is allowed. */
void courier_free(struct courier *courier);

/* ---- broker.c: one MQTT broker, on a thread of its own ---- */

struct broker;
struct broker *broker_new(const struct notify_broker *settings, const struct notify_settings *bounds, GError **error);
/* Connects, for as long as it takes, and sends what the endpoint has. The breaker stands before the connection. */
bool broker_start(struct broker *broker, struct endpoint *endpoint, struct vedette_breaker *breaker, GError **error);
/* An endpoint_config.wake. */
void broker_wake(void *broker);
/* Has it begin to take leave of the broker, and returns at once. */
void broker_stop(struct broker *broker);
/* Waits until it has, and the thread has ended; waking it goes on to be harmless. */
void broker_join(struct broker *broker);
/* After its endpoint, whose queue's answers wake it. NULL is allowed. */
void broker_free(struct broker *broker);

/* ---- secret_text.c ---- */

/* A secret that stands in the settings, or else in a file (whole, without blanks around it); "" where neither is given.
 * Free with secret_text_free. NULL: the file cannot be read; the error says which, not what. */
char *secret_text_read(const char *text, const char *file, GError **error);
void secret_text_free(char *text);

/* ---- notify.c, and taking.c: what is taken over ---- */

struct notify {
    struct notify_parts parts; /* immutable, as the next */
    struct courier *courier;
    struct dead_letters *dead;
    GPtrArray *endpoints; /* of struct endpoint * */
    GPtrArray *brokers;   /* of struct broker * */

    pthread_mutex_t lock; /* guards the rest */
    pthread_cond_t settled;
    GHashTable *known;  /* key → struct taking * */
    GQueue oldest;      /* of struct taking *, those known, oldest first */
    bool is_in_trouble; /* the last ensure was in vain */
};

/* Of `oldest`, when nothing is pending any more. */
void taking_free(void *taking);
