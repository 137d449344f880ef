/* An endpoint: its queue on disk, those taken out of it (on their way, or waiting for their next try), and how it is.
 * What is taken out stays in the queue's files until it is settled, so that a crash loses none of it.
 */
#define LOG_MODULE "notify"
#include "notify/notify_internal.h"

#include "base/log.h"

#include <string.h>

enum {
    MAX_RECORD_BYTES = 2 << 20, /* as the record path's */
    MEMORY_BYTES = 1 << 20,
    COMPLAINT_US = 60 * 1000000,
};

struct endpoint {
    struct endpoint_config config; /* immutable */
    struct vedette_spool *spool;
    char *name; /* "webhook:till", for logs */
    struct log_limit complaint, obituary;

    pthread_mutex_t lock; /* guards the rest */
    struct random random;
    struct vedette_retry_budget retries;
    int64_t retried_us; /* when a try was last made that was not a notification's first */
    GPtrArray *waiting; /* of struct delivery * */
    int in_flight;
    int64_t paused_until_us;
    bool is_gone, is_connected, is_erased; /* its org is deleted */
    int64_t moved_us;              /* something was delivered, or the courier saw that there was nothing to deliver */
    struct endpoint_health health; /* its counters and last_error */
};

/* ---- its life ---- */

struct endpoint *endpoint_new(const struct endpoint_config *config, const char *directory, GError **error)
{
    const struct queue_bounds bounds = {config->settings->max_queue_size, config->settings->max_queue_bytes,
                                        MAX_RECORD_BYTES, MEMORY_BYTES, 0}; /* the ladder gives up, and says so */
    struct vedette_spool *spool = queue_open(directory, &bounds, config->clock, error);
    if (!spool)
        return NULL;
    struct endpoint *endpoint = g_new0(struct endpoint, 1);
    endpoint->config = *config;
    endpoint->spool = spool;
    endpoint->name =
        g_strdup_printf("%s:%s", record_enum_name(endpoint_kind_names, config->audience.kind), config->audience.id);
    endpoint->waiting = g_ptr_array_new();
    endpoint->is_connected = !config->is_brokered;
    endpoint->retries = (struct vedette_retry_budget){.permille = config->settings->retry_permille,
                                                      .burst = config->settings->retry_burst};
    endpoint->moved_us = clock_monotonic_us(config->clock);
    random_init_system(&endpoint->random);
    pthread_mutex_init(&endpoint->lock, NULL);
    return endpoint;
}

static void delivery_free(struct delivery *delivery)
{
    message_clear(&delivery->message);
    g_free(delivery->body);
    g_free(delivery);
}

void endpoint_free(struct endpoint *endpoint)
{
    if (!endpoint)
        return;
    for (guint i = 0; i < endpoint->waiting->len; i++) {
        struct delivery *delivery = g_ptr_array_index(endpoint->waiting, i);
        vedette_spool_return(endpoint->spool, delivery->batch);
        delivery_free(delivery);
    }
    vedette_spool_close(endpoint->spool);
    g_ptr_array_unref(endpoint->waiting);
    record_clear(&endpoint_health_descriptor, &endpoint->health);
    pthread_mutex_destroy(&endpoint->lock);
    g_free(endpoint->name);
    g_free(endpoint);
}

const struct audience *endpoint_audience(const struct endpoint *endpoint)
{
    return &endpoint->config.audience;
}

/* ---- putting in ---- */

struct putting {
    struct endpoint *endpoint;
    endpoint_put_done done;
    void *data;
};

static void complain(struct endpoint *endpoint, const char *why)
{
    gint64 held_back;
    if (log_limit_pass(&endpoint->complaint, COMPLAINT_US, &held_back))
        log_error(endpoint->name, "a notification is not taken over: %s (%lld more)", why, (long long)held_back);
}

static void count(struct endpoint *endpoint, int64_t *counter)
{
    pthread_mutex_lock(&endpoint->lock);
    (*counter)++;
    pthread_mutex_unlock(&endpoint->lock);
}

/* On the queue's thread. An error here is the disk's: the bounds were asked before. */
static void on_put(void *data, const struct vedette_spool_error *error)
{
    struct putting *putting = data;
    struct endpoint *endpoint = putting->endpoint;
    if (error) {
        complain(endpoint, error->text);
    } else {
        count(endpoint, &endpoint->health.accepted);
        endpoint->config.wake(endpoint->config.wake_data);
    }
    putting->done(putting->data, error ? PUT_FAILED : PUT_TAKEN);
    g_free(putting);
}

void endpoint_note_lost(struct endpoint *endpoint)
{
    count(endpoint, &endpoint->health.refused);
}

static bool is_gone(struct endpoint *endpoint)
{
    pthread_mutex_lock(&endpoint->lock);
    bool gone = endpoint->is_gone || endpoint->is_erased;
    pthread_mutex_unlock(&endpoint->lock);
    return gone;
}

void endpoint_put(struct endpoint *endpoint, const struct endpoint_text *text, endpoint_put_done done, void *data)
{
    const struct vedette_spool_record record = {
        .tenant = text->org_id, .priority = text->priority, .payload = text->json, .length = text->length};
    struct vedette_spool_error error;
    if (is_gone(endpoint)) {
        count(endpoint, &endpoint->health.refused);
        done(data, PUT_REFUSED);
        return;
    }
    struct putting *putting = g_new(struct putting, 1);
    *putting = (struct putting){endpoint, done, data};
    if (vedette_spool_submit(endpoint->spool, &record, 1, on_put, putting, &error))
        return;
    g_free(putting);
    count(endpoint, &endpoint->health.refused);
    complain(endpoint, error.text);
    done(data, PUT_REFUSED);
}

/* ---- taking out ---- */

/* Reads what the queue gave. False: it can never be delivered. */
static bool read_delivery(struct delivery *delivery)
{
    const struct vedette_spool_record *record = delivery->batch->records;
    bool is_good = message_parse(record->payload, record->length, &delivery->message);
    if (is_good)
        delivery->body = message_body(&delivery->message, NULL);
    return is_good;
}

static void let_go(struct endpoint *endpoint, struct delivery *delivery)
{
    vedette_spool_acknowledge(endpoint->spool, delivery->batch);
    delivery_free(delivery);
}

/* The next of the queue, among those waiting; false: there is none. */
static bool fetch(struct endpoint *endpoint)
{
    struct vedette_spool_batch *batch;
    while ((batch = vedette_spool_dequeue(endpoint->spool, 1, 0))) {
        struct delivery *delivery = g_new0(struct delivery, 1);
        delivery->batch = batch;
        delivery->tries = ladder_tries_at_age(&endpoint->config.ladder,
                                              clock_wall_ms(endpoint->config.clock) - batch->records->enqueued_at_ms);
        if (read_delivery(delivery)) {
            g_ptr_array_add(endpoint->waiting, delivery);
            return true;
        }
        endpoint->health.dropped++;
        log_error(endpoint->name, "what the queue gave back is no notification of this version, and is let go");
        let_go(endpoint, delivery);
    }
    return false;
}

/* Of those waiting, who is due first; -1: there is none. */
static int first_due(const struct endpoint *endpoint)
{
    int first = -1;
    int64_t due_us = INT64_MAX;
    for (guint i = 0; i < endpoint->waiting->len; i++) {
        const struct delivery *delivery = g_ptr_array_index(endpoint->waiting, i);
        if (delivery->due_us >= due_us)
            continue;
        due_us = delivery->due_us;
        first = (int)i;
    }
    return first;
}

/* How long a delivery must wait yet, 0: it is due. Tries that are not the first are made within the budget; beyond it
 * at a pace, so that an endpoint that is told nothing new gets its old ones all the same. */
static int64_t wait_of(struct endpoint *endpoint, struct delivery *delivery, int64_t at_us)
{
    int64_t pace_us = (int64_t)(endpoint->config.settings->retry_pace_seconds * G_USEC_PER_SEC);
    if (delivery->due_us > at_us)
        return delivery->due_us - at_us;
    if (!delivery->was_tried || vedette_retry_budget_left(&endpoint->retries) > 0)
        return 0;
    int64_t wait_us = MAX(endpoint->retried_us + pace_us - at_us, 0);
    endpoint->health.put_off += wait_us > 0 && !delivery->is_put_off;
    delivery->is_put_off |= wait_us > 0;
    return wait_us;
}

/* A try is made: the first of a notification adds to the budget of retries, any other takes of it. */
static void note_try(struct endpoint *endpoint, struct delivery *delivery, int64_t at_us)
{
    endpoint->health.attempts++;
    if (!delivery->was_tried) {
        vedette_retry_budget_note_request(&endpoint->retries);
        return;
    }
    if (!vedette_retry_budget_take(&endpoint->retries))
        log_debug(endpoint->name, "the budget of retries is spent: one is made all the same, as none was for a while");
    endpoint->retried_us = at_us;
    delivery->is_put_off = false;
}

/* Who is due now, fetched from the queue if need be and there is room; -1: nobody, until *wait_us have passed. */
static int find_due(struct endpoint *endpoint, int64_t at_us, int64_t *wait_us)
{
    int first = first_due(endpoint);
    *wait_us = first >= 0 ? wait_of(endpoint, g_ptr_array_index(endpoint->waiting, first), at_us) : INT64_MAX;
    if (*wait_us == 0)
        return first;
    if ((int)endpoint->waiting->len + endpoint->in_flight < endpoint->config.settings->retrying && fetch(endpoint))
        return (int)endpoint->waiting->len - 1;
    return -1;
}

/* Time in which there was nothing to deliver is no standstill. */
static void note_idle(struct endpoint *endpoint, int64_t at_us)
{
    struct vedette_spool_stats queue;
    vedette_spool_get_stats(endpoint->spool, &queue);
    if (queue.total_queued == 0 || endpoint->is_gone)
        endpoint->moved_us = at_us;
}

static bool may_send(struct endpoint *endpoint, int64_t at_us, int64_t *wait_us)
{
    *wait_us = endpoint->paused_until_us > at_us ? endpoint->paused_until_us - at_us : INT64_MAX;
    return !endpoint->is_gone && !endpoint->is_erased && endpoint->is_connected && endpoint->paused_until_us <= at_us &&
           endpoint->in_flight < endpoint->config.settings->parallel;
}

static struct delivery *take(struct endpoint *endpoint, int64_t at_us, int64_t *wait_us)
{
    struct vedette_permit permit = {.slot = -1};
    note_idle(endpoint, at_us);
    if (!may_send(endpoint, at_us, wait_us))
        return NULL;
    int index = find_due(endpoint, at_us, wait_us);
    if (index < 0)
        return NULL;
    /* a broker's breaker stands before its connection */
    if (!endpoint->config.is_brokered && !vedette_breaker_acquire(endpoint->config.breaker, &permit, wait_us)) {
        *wait_us = *wait_us ? *wait_us : G_USEC_PER_SEC; /* an operator's word: looked at again */
        return NULL;
    }
    struct delivery *delivery = g_ptr_array_remove_index_fast(endpoint->waiting, (guint)index);
    delivery->permit = permit;
    endpoint->in_flight++;
    note_try(endpoint, delivery, at_us);
    return delivery;
}

/* A try is a span below what made its event; the receiver may go on with it. */
static void begin_trace(struct delivery *delivery, int64_t at_us)
{
    struct trace_context parent = {.is_sampled = false};
    delivery->taken_us = at_us;
    delivery->trace.is_sampled = false;
    if (trace_is_on() && trace_context_parse(delivery->message.traceparent, &parent))
        trace_context_follow(&parent, &delivery->trace);
}

static void end_trace(const struct endpoint *endpoint, const struct delivery *delivery, const struct attempt *attempt,
                      int64_t at_us)
{
    struct trace_context parent;
    struct trace_span span;
    bool is_told = delivery->trace.is_sampled && attempt->outcome != ATTEMPT_BROKEN_OFF;
    if (!is_told || !trace_context_parse(delivery->message.traceparent, &parent))
        return;
    trace_span_init(&span, &parent, "notify", delivery->taken_us, at_us);
    span.context = delivery->trace;
    span.kind = TRACE_PRODUCER;
    span.has_failed = attempt->outcome != ATTEMPT_DELIVERED;
    trace_span_add_text(&span, "vedette.endpoint", endpoint->name);
    trace_span_add_text(&span, "vedette.camera.id", delivery->message.camera_id);
    trace_span_add_integer(&span, "vedette.tries", (int64_t)delivery->tries + 1);
    trace_record(&span);
}

struct delivery *endpoint_take(struct endpoint *endpoint, int64_t *wait_us)
{
    pthread_mutex_lock(&endpoint->lock);
    struct delivery *delivery = take(endpoint, clock_monotonic_us(endpoint->config.clock), wait_us);
    pthread_mutex_unlock(&endpoint->lock);
    if (delivery)
        begin_trace(delivery, clock_monotonic_us(clock_system()));
    return delivery;
}

/* ---- how it went ---- */

static void release_permit(struct endpoint *endpoint, const struct delivery *delivery, enum attempt_outcome outcome)
{
    if (endpoint->config.is_brokered)
        return;
    vedette_breaker_release(endpoint->config.breaker, &delivery->permit,
                            outcome == ATTEMPT_DELIVERED ? VEDETTE_SUCCESS
                            : outcome == ATTEMPT_FAILED  ? VEDETTE_FAILURE
                                                         : VEDETTE_IGNORED);
}

static void set_error(struct endpoint *endpoint, const char *why)
{
    g_free(endpoint->health.last_error);
    endpoint->health.last_error = g_strdup(why ? why : "");
}

static void note_delivered(struct endpoint *endpoint, int64_t at_us)
{
    endpoint->health.delivered++;
    set_error(endpoint, NULL);
    endpoint->moved_us = at_us;
    endpoint->health.last_delivered_at.ms = clock_wall_ms(endpoint->config.clock);
}

struct burial {
    struct endpoint *endpoint;
    struct delivery *delivery;
};

/* It is among the dead letters, or cannot be: either way the queue need not have it any more. Any thread. */
static void on_buried(void *data)
{
    struct burial *burial = data;
    let_go(burial->endpoint, burial->delivery);
    g_free(burial);
}

/* Its last try failed, or there will be none. */
static void give_up(struct endpoint *endpoint, struct delivery *delivery, const char *why)
{
    endpoint->health.dead++;
    gint64 held_back;
    if (log_limit_pass(&endpoint->obituary, COMPLAINT_US, &held_back))
        log_error(endpoint->name, "notification %s is given up: %s (%lld more)", delivery->message.id, why,
                  (long long)held_back);
    struct burial *burial = g_new(struct burial, 1);
    *burial = (struct burial){endpoint, delivery};
    dead_letters_add(endpoint->config.dead_letters, &endpoint->config.audience, delivery, why, on_buried, burial);
}

static void note_gone(struct endpoint *endpoint, const char *why)
{
    endpoint->is_gone = true;
    log_error(endpoint->name, "%s: it is told nothing any more, until it is enabled again or the server starts anew",
              why);
}

/* It is tried again, or given up. */
static void note_failed(struct endpoint *endpoint, struct delivery *delivery, const struct attempt *attempt,
                        int64_t at_us)
{
    const struct ladder *ladder = &endpoint->config.ladder;
    endpoint->health.failed++;
    set_error(endpoint, attempt->why);
    int64_t wait_us = ladder_wait_us(ladder, ++delivery->tries, random_next(&endpoint->random));
    int64_t asked_us = MIN(attempt->retry_after_us, ladder_longest_us(ladder));
    endpoint->paused_until_us = MAX(endpoint->paused_until_us, asked_us > 0 ? at_us + asked_us : 0);
    if (attempt->outcome == ATTEMPT_GONE)
        note_gone(endpoint, attempt->why);
    if (wait_us < 0 || attempt->outcome == ATTEMPT_GONE) {
        give_up(endpoint, delivery, attempt->why);
        return;
    }
    delivery->due_us = at_us + MAX(wait_us, asked_us);
    delivery->was_tried = true;
    g_ptr_array_add(endpoint->waiting, delivery);
}

static void break_off(struct endpoint *endpoint, struct delivery *delivery)
{
    delivery->due_us = 0;
    g_ptr_array_add(endpoint->waiting, delivery);
}

void endpoint_settle(struct endpoint *endpoint, struct delivery *delivery, const struct attempt *attempt)
{
    release_permit(endpoint, delivery, attempt->outcome);
    end_trace(endpoint, delivery, attempt, clock_monotonic_us(clock_system()));
    pthread_mutex_lock(&endpoint->lock);
    int64_t at_us = clock_monotonic_us(endpoint->config.clock);
    endpoint->in_flight--;
    if (endpoint->is_erased) {
        let_go(endpoint, delivery);
    } else if (attempt->outcome == ATTEMPT_BROKEN_OFF) {
        break_off(endpoint, delivery);
    } else if (attempt->outcome == ATTEMPT_DELIVERED) {
        note_delivered(endpoint, at_us);
        let_go(endpoint, delivery);
    } else {
        note_failed(endpoint, delivery, attempt, at_us);
    }
    pthread_mutex_unlock(&endpoint->lock);
}

void endpoint_set_connected(struct endpoint *endpoint, bool is_connected, const char *why)
{
    pthread_mutex_lock(&endpoint->lock);
    endpoint->is_connected = is_connected;
    set_error(endpoint, why);
    pthread_mutex_unlock(&endpoint->lock);
}

void endpoint_enable(struct endpoint *endpoint)
{
    pthread_mutex_lock(&endpoint->lock);
    endpoint->is_gone = false;
    pthread_mutex_unlock(&endpoint->lock);
    endpoint->config.wake(endpoint->config.wake_data);
}

/* Under the lock the courier takes nothing out. */
void endpoint_erase(struct endpoint *endpoint)
{
    pthread_mutex_lock(&endpoint->lock);
    endpoint->is_erased = true;
    for (guint i = 0; i < endpoint->waiting->len; i++)
        let_go(endpoint, g_ptr_array_index(endpoint->waiting, i));
    g_ptr_array_set_size(endpoint->waiting, 0);
    for (struct vedette_spool_batch *batch; (batch = vedette_spool_dequeue(endpoint->spool, 0, 0));)
        vedette_spool_acknowledge(endpoint->spool, batch);
    pthread_mutex_unlock(&endpoint->lock);
}

/* ---- looking ---- */

static enum endpoint_state state_of(const struct endpoint *endpoint, int64_t at_us)
{
    struct vedette_breaker_stats breaker = {.state = VEDETTE_BREAKER_CLOSED};
    vedette_breaker_get_stats(endpoint->config.breaker, &breaker);
    if (endpoint->is_gone)
        return ENDPOINT_GONE;
    if (breaker.state == VEDETTE_BREAKER_OPEN || breaker.state == VEDETTE_BREAKER_FORCED_OPEN)
        return ENDPOINT_LEFT_ALONE;
    if (!endpoint->is_connected)
        return ENDPOINT_DISCONNECTED;
    return endpoint->paused_until_us > at_us ? ENDPOINT_PAUSED : ENDPOINT_READY;
}

static double stalled_seconds(const struct endpoint *endpoint, int64_t queued, int64_t at_us)
{
    double seconds = (double)(at_us - endpoint->moved_us) / G_USEC_PER_SEC,
           deadline = endpoint->config.settings->stalled_seconds;
    return deadline > 0 && queued > 0 && !endpoint->is_gone && seconds >= deadline ? seconds : 0;
}

void endpoint_look(struct endpoint *endpoint, struct endpoint_health *health)
{
    struct vedette_spool_stats queue;
    pthread_mutex_lock(&endpoint->lock);
    vedette_spool_get_stats(endpoint->spool, &queue); /* what is delivered waits no longer, in one answer */
    int64_t at_us = clock_monotonic_us(endpoint->config.clock);
    record_copy(&endpoint_health_descriptor, &endpoint->health, health);
    health->id = g_strdup(endpoint->config.audience.id);
    health->org_id = g_strdup(endpoint->config.audience.org_id);
    health->kind = endpoint->config.audience.kind;
    health->state = state_of(endpoint, at_us);
    health->queued = queue.total_queued;
    health->in_flight = endpoint->in_flight;
    health->retrying = endpoint->waiting->len;
    health->dropped += queue.losses[VEDETTE_SPOOL_DROPPED] + queue.losses[VEDETTE_SPOOL_CORRUPT];
    health->gone = endpoint->is_gone;
    health->connected =
        endpoint->is_connected && (endpoint->config.is_brokered || !health->last_error || !*health->last_error);
    health->stalled_seconds = stalled_seconds(endpoint, queue.total_queued, at_us);
    pthread_mutex_unlock(&endpoint->lock);
}
