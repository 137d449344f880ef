#define LOG_MODULE "hub"
#include "hub/drain.h"

#include "base/counter.h"
#include "base/log.h"
#include "base/thread.h"
#include "base/wait.h"
#include "hub/path_times.h"
#include "hub/untold.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

enum {
    WAIT_US = 1000000, /* for records; a stop wakes it */
    RETRY_US = 200000, /* after a failure, while the breaker is still closed */
    COMPLAINT_US = 10 * 1000000,
};

struct drain {
    struct vedette_spool *spool;
    struct vedette_breaker *breaker;
    struct record_path_parts parts;
    struct vedette_spool *untold; /* NULL, but of drain_all */
    struct untold_teller *teller; /* of the thread, which makes and frees it; the lock guards it until a stop */
    pthread_t thread;
    pthread_mutex_t lock; /* guards the rest */
    pthread_cond_t changed;
    bool is_stopping;
    bool is_held;                      /* not released yet */
    bool is_awaited;                   /* the store has a batch and has not answered */
    bool is_left;                      /* and nobody waits for it any more: its answer frees this */
    int64_t stop_us;                   /* when it is stopping: until when the rest is still stored */
    GError *failure;                   /* of the batch that is answered */
    GPtrArray *taken;                  /* of it, when it is stored */
    int64_t dequeued_us, submitted_us; /* of the batch at hand: by clock_monotonic_us */
    struct refusals {
        unsigned types; /* bits: 1 << enum event_type. The store takes none of these; they wait aside in the spool */
        int64_t ask_us, wait_us; /* when it is asked again, by clock_monotonic_us, and so long after it was last */
        GError *why;             /* of the type that was refused last */
    } refusals;                  /* the thread's, not the lock's */
    int64_t stored;
    void (*stored_all)(void *data); /* see drain_start */
    void *stored_all_data;
};

static struct drain *drain_new(struct vedette_spool *spool, struct vedette_breaker *breaker,
                               const struct record_path_parts *parts)
{
    struct drain *drain = g_new0(struct drain, 1);
    *drain = (struct drain){.spool = spool, .breaker = breaker, .parts = *parts, .is_held = parts->is_held};
    pthread_mutex_init(&drain->lock, NULL);
    wait_condition_init(&drain->changed);
    return drain;
}

static void drain_free(struct drain *drain)
{
    g_clear_error(&drain->failure);
    g_clear_error(&drain->refusals.why);
    g_clear_pointer(&drain->taken, g_ptr_array_unref); /* of an answer that nobody waited for */
    pthread_cond_destroy(&drain->changed);
    pthread_mutex_destroy(&drain->lock);
    g_free(drain);
}

static void complain(const GError *error)
{
    static struct log_limit complaint;
    gint64 held_back;
    if (log_limit_pass(&complaint, COMPLAINT_US, &held_back))
        log_error(NULL, "records stay in the spool and are tried again: %s (%lld more)", error->message,
                  (long long)held_back);
}

static bool is_stopping(struct drain *drain)
{
    pthread_mutex_lock(&drain->lock);
    bool stopping = drain->is_stopping;
    pthread_mutex_unlock(&drain->lock);
    return stopping;
}

/* ---- types that the store refuses ---- */

static bool is_refusal(const GError *error)
{
    return g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED);
}

static void ask_after(struct refusals *refusals, int64_t wait_us)
{
    refusals->wait_us = wait_us;
    refusals->ask_us = clock_monotonic_us(clock_system()) + wait_us;
}

static int64_t retry_us(const struct drain *drain)
{
    return (int64_t)(drain->parts.settings->spool.retry_seconds * G_USEC_PER_SEC);
}

/* Takes `why` over. */
static void note_refusal(struct drain *drain, enum event_type type, GError *why)
{
    struct refusals *refusals = &drain->refusals;
    complain(why);
    g_clear_error(&refusals->why);
    refusals->why = why;
    if (!refusals->types)
        ask_after(refusals, retry_us(drain));
    refusals->types |= 1U << type;
}

/* Which of them it still refuses. False: the store fails. */
static bool ask_store(struct drain *drain, GError **error)
{
    for (size_t i = 0; i < event_type_count; i++) {
        GError *failure = NULL;
        enum event_type type = event_types[i].type;
        if (!(drain->refusals.types & 1U << type))
            continue;
        if (store_events_try(drain->parts.store, type, &failure)) {
            drain->refusals.types &= ~(1U << type);
        } else if (is_refusal(failure)) {
            note_refusal(drain, type, failure);
        } else {
            g_propagate_error(error, failure);
            return false;
        }
    }
    return true;
}

/* Where some are refused, asks now and then, less and less often, and where it takes one again what waits aside has its
 * turn: in the order in which it came, as none of that type was stored meanwhile. While the hub stops it is not asked:
 * the answer is waited for however long it takes, and what waits aside is on disk. False: the store fails. */
static bool ask_again(struct drain *drain, GError **error)
{
    struct refusals *refusals = &drain->refusals;
    struct vedette_permit permit;
    unsigned before = refusals->types;
    if (!before || clock_monotonic_us(clock_system()) < refusals->ask_us || is_stopping(drain) ||
        !vedette_breaker_acquire(drain->breaker, &permit, NULL))
        return true;
    bool is_answered = ask_store(drain, error);
    vedette_breaker_release(drain->breaker, &permit, is_answered ? VEDETTE_SUCCESS : VEDETTE_FAILURE);
    int64_t longest_us = (int64_t)(drain->parts.settings->spool.retry_max_seconds * G_USEC_PER_SEC);
    ask_after(refusals, refusals->types == before ? MIN(refusals->wait_us * 2, longest_us) : retry_us(drain));
    if (refusals->types != before)
        vedette_spool_recall(drain->spool);
    return is_answered;
}

/* ---- one batch ---- */

/* Of what came with this run of the hub: progress is measured by what the spool took over, and gave back. */
static void note_delivered(struct drain *drain, const struct analytics_event *event)
{
    if (drain->parts.live && event->run_at.ms == drain->parts.health->started_at.ms)
        live_add_records(drain->parts.live, event->camera_id, 0, 1);
}

/* Under lock. */
static void take_answer(struct drain *drain, GPtrArray *taken, const GError *error)
{
    drain->is_awaited = false;
    drain->failure = error ? g_error_copy(error) : NULL;
    drain->taken = taken;
    pthread_cond_broadcast(&drain->changed);
}

/* On the store's writer thread. */
static void on_stored(void *data, GPtrArray *events, const bool *stored, const GError *error)
{
    struct drain *drain = data;
    (void)stored;
    path_times_note(PATH_STORE, events, drain->submitted_us, error);
    for (guint i = 0; !error && i < events->len; i++)
        note_delivered(drain, g_ptr_array_index(events, i));
    GPtrArray *taken = error ? NULL : g_ptr_array_new_with_free_func((GDestroyNotify)analytics_event_free);
    if (taken) /* the drain's alone from here on: it still tells of them, and frees them */
        g_ptr_array_extend_and_steal(taken, g_ptr_array_ref(events));
    pthread_mutex_lock(&drain->lock);
    take_answer(drain, taken, error);
    bool is_left = drain->is_left;
    pthread_mutex_unlock(&drain->lock);
    if (is_left)
        drain_free(drain);
}

/* The store has not answered for breaker.slow_call_seconds: that is a failure each time, so that one that hangs opens
 * the breaker too, and nothing expires meanwhile. Its answer is waited for all the same: whatever is handed to it
 * besides would only wait behind this. */
static void note_hanging(struct drain *drain)
{
    static struct log_limit complaint;
    struct vedette_permit permit;
    gint64 held_back;
    if (vedette_breaker_acquire(drain->breaker, &permit, NULL))
        vedette_breaker_release(drain->breaker, &permit, VEDETTE_FAILURE);
    vedette_spool_hold_expiry(drain->spool, true);
    if (log_limit_pass(&complaint, COMPLAINT_US, &held_back))
        log_error(NULL, "the store has not answered for %g s or more: look at the machine or the disk it is on",
                  drain->parts.settings->breaker.slow_call_seconds);
}

/* With the lock held, which is given up meanwhile. False: the hub stops, and its deadline is over. */
static bool await_answer(struct drain *drain)
{
    int64_t slow_us = (int64_t)(drain->parts.settings->breaker.slow_call_seconds * G_USEC_PER_SEC);
    int64_t hanging_us = slow_us ? clock_monotonic_us(clock_system()) + slow_us : INT64_MAX;
    while (drain->is_awaited) {
        int64_t now_us = clock_monotonic_us(clock_system());
        if (drain->is_stopping && now_us >= drain->stop_us)
            return false;
        if (now_us >= hanging_us) {
            hanging_us += slow_us;
            pthread_mutex_unlock(&drain->lock);
            note_hanging(drain);
            pthread_mutex_lock(&drain->lock);
            continue;
        }
        const struct timespec deadline =
            wait_deadline(MIN(MIN(hanging_us, now_us + WAIT_US), drain->is_stopping ? drain->stop_us : INT64_MAX));
        pthread_cond_timedwait(&drain->changed, &drain->lock, &deadline);
    }
    return true;
}

/* Waits for the answer. Takes the events over; gives back those that are stored, or NULL. */
static GPtrArray *store_events(struct drain *drain, GPtrArray *events, GError **error)
{
    drain->submitted_us = path_times_note(PATH_DRAIN, events, drain->dequeued_us, false);
    drain->is_awaited = true;
    if (!store_events_submit(drain->parts.store, events, on_stored, drain, error)) {
        drain->is_awaited = false;
        g_ptr_array_unref(events);
        return NULL;
    }
    pthread_mutex_lock(&drain->lock);
    bool is_answered = await_answer(drain);
    GError *failure = g_steal_pointer(&drain->failure);
    GPtrArray *taken = g_steal_pointer(&drain->taken);
    pthread_mutex_unlock(&drain->lock);
    if (!is_answered)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_TIMEOUT, "the store has not answered");
    if (failure)
        g_propagate_error(error, failure);
    return taken;
}

/* What can never be stored: counted, told, and let go. */
static void refuse(struct drain *drain, const struct vedette_spool_record *record, const GError *error)
{
    static struct log_limit complaint;
    gint64 held_back;
    struct analytics_event *event = record_path_decode(record, NULL);
    if (event)
        note_delivered(drain, event);
    analytics_event_free(event);
    counter_add(&drain->parts.health->records_rejected, 1);
    if (log_limit_pass(&complaint, COMPLAINT_US, &held_back))
        log_error(NULL, "a record of the spool cannot be stored and is let go: %s (%lld more)", error->message,
                  (long long)held_back);
}

/* Before the spool lets go of them: a crash between here and there has them told again. */
static bool ensure_told(struct drain *drain, GPtrArray *events, GError **error)
{
    if (drain->untold)
        return untold_keep(drain->untold, events, error);
    notify_ensure(drain->parts.notify, (struct analytics_event *const *)(void *)events->pdata, events->len);
    return true;
}

/* What is given out, and what becomes of it: RETURNED as long as nothing is known. */
struct at_hand {
    struct vedette_spool_batch *batch;
    enum vedette_spool_fate *fates;
};

/* Stores what is RETURNED of records [first, first + count) as one unit; it is DONE then. INVALID: one of them can
 * never be stored, or the store refuses all.
 */
static bool store_range(struct drain *drain, const struct at_hand *hand, size_t first, size_t count, GError **error)
{
    g_autoptr(GPtrArray) events = g_ptr_array_new_with_free_func((GDestroyNotify)analytics_event_free);
    for (size_t i = first; i < first + count; i++) {
        if (hand->fates[i] != VEDETTE_SPOOL_RETURNED)
            continue;
        struct analytics_event *event = record_path_decode(&hand->batch->records[i], error);
        if (!event)
            return false;
        g_ptr_array_add(events, event);
    }
    g_autoptr(GPtrArray) stored = store_events(drain, g_steal_pointer(&events), error);
    if (!stored || !ensure_told(drain, stored, error))
        return false;
    drain->stored += stored->len;
    for (size_t i = first; i < first + count; i++)
        if (hand->fates[i] == VEDETTE_SPOOL_RETURNED)
            hand->fates[i] = VEDETTE_SPOOL_DONE;
    return true;
}

static bool is_hopeless(const GError *error)
{
    return g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID);
}

/* 0: it cannot be read. */
static enum event_type type_of(const struct vedette_spool_record *record)
{
    struct analytics_event *event = record_path_decode(record, NULL);
    enum event_type type = event ? event->type : 0;
    analytics_event_free(event);
    return type;
}

/* Stores a record, or lets it go where it is to blame: it cannot be read, or the store refuses it and takes a good one
 * of its type. A database that somebody changed refuses any, and is not to empty the spool into nothing. False with
 * VEDETTE_ERROR_UNSUPPORTED: it refuses all of the type; else the store fails. */
static bool settle_one(struct drain *drain, const struct at_hand *hand, size_t index, enum event_type type,
                       GError **error)
{
    g_autoptr(GError) failure = NULL;
    if (store_range(drain, hand, index, 1, &failure))
        return true;
    if (!is_hopeless(failure)) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return false;
    }
    if (type && !store_events_try(drain->parts.store, type, error))
        return false;
    refuse(drain, &hand->batch->records[index], failure);
    hand->fates[index] = VEDETTE_SPOOL_DONE;
    return true;
}

/* Each alone, so that one that can never be stored costs itself, and a type that is refused holds up no other. False:
 * the store fails. */
static bool store_one_by_one(struct drain *drain, const struct at_hand *hand, GError **error)
{
    for (size_t i = 0; i < hand->batch->count; i++) {
        g_autoptr(GError) failure = NULL;
        enum event_type type = type_of(&hand->batch->records[i]);
        bool is_known = drain->refusals.types & 1U << type;
        if (hand->fates[i] != VEDETTE_SPOOL_RETURNED || (!is_known && settle_one(drain, hand, i, type, &failure)))
            continue;
        if (failure && !is_refusal(failure)) {
            g_propagate_error(error, g_steal_pointer(&failure));
            return false;
        }
        if (failure)
            note_refusal(drain, type, g_steal_pointer(&failure));
        hand->fates[i] = VEDETTE_SPOOL_DEFERRED;
    }
    return true;
}

/* False: the store fails. */
static bool store_batch(struct drain *drain, const struct at_hand *hand, GError **error)
{
    g_autoptr(GError) failure = NULL;
    if (store_range(drain, hand, 0, hand->batch->count, &failure))
        return true;
    if (is_hopeless(failure))
        return store_one_by_one(drain, hand, error);
    g_propagate_error(error, g_steal_pointer(&failure));
    return false;
}

/* What is known to be refused is not even tried. False: that is all of it. */
static bool defer_refused(const struct drain *drain, const struct at_hand *hand)
{
    size_t deferred = 0;
    for (size_t i = 0; drain->refusals.types && i < hand->batch->count; i++) {
        if (!(drain->refusals.types & 1U << type_of(&hand->batch->records[i])))
            continue;
        hand->fates[i] = VEDETTE_SPOOL_DEFERRED;
        deferred++;
    }
    return deferred < hand->batch->count;
}

/* ---- the thread ---- */

static void rest(struct drain *drain, int64_t us)
{
    const struct timespec deadline = wait_deadline_after(us);
    pthread_mutex_lock(&drain->lock);
    while (!drain->is_stopping && pthread_cond_timedwait(&drain->changed, &drain->lock, &deadline) != ETIMEDOUT)
        ;
    pthread_mutex_unlock(&drain->lock);
}

/* With the batch, which goes back where it is not stored. False: not now; *wait_us says how long. */
static bool store_in_turn(struct drain *drain, const struct at_hand *hand, int64_t *wait_us, GError **error)
{
    struct vedette_permit permit;
    if (!defer_refused(drain, hand))
        return true;
    if (!vedette_breaker_acquire(drain->breaker, &permit, wait_us)) {
        vedette_spool_hold_expiry(drain->spool, true);
        *wait_us = *wait_us ? *wait_us : WAIT_US;
        return false;
    }
    bool is_stored = store_batch(drain, hand, error);
    vedette_breaker_release(drain->breaker, &permit, is_stored ? VEDETTE_SUCCESS : VEDETTE_FAILURE);
    vedette_spool_hold_expiry(drain->spool, !is_stored || drain->refusals.types);
    *wait_us = RETRY_US;
    return is_stored;
}

/* One batch, if there is one and the breaker lets it pass. False: not now; *wait_us says how long. */
static bool step(struct drain *drain, int64_t wait_for_us, bool *is_empty, int64_t *wait_us, GError **error)
{
    *is_empty = false;
    *wait_us = RETRY_US;
    if (!ask_again(drain, error))
        return false;
    struct vedette_spool_batch *batch = vedette_spool_dequeue(drain->spool, 0, wait_for_us);
    *is_empty = !batch;
    drain->dequeued_us = clock_monotonic_us(clock_system());
    if (!batch)
        return true;
    g_autofree enum vedette_spool_fate *fates = g_new0(enum vedette_spool_fate, batch->count);
    const struct at_hand hand = {batch, fates};
    bool is_stored = store_in_turn(drain, &hand, wait_us, error);
    vedette_spool_settle_each(drain->spool, batch, fates);
    return is_stored;
}

/* What is still there when the hub stops. */
static void finish(struct drain *drain)
{
    int64_t wait_us;
    bool is_empty = false;
    while (!is_empty && clock_monotonic_us(clock_system()) < drain->stop_us) {
        g_autoptr(GError) error = NULL;
        if (!step(drain, 0, &is_empty, &wait_us, &error))
            return;
    }
}

/* What its records need is not there yet: as while the store is away, nothing expires. False: it never came. */
static bool wait_for_release(struct drain *drain)
{
    pthread_mutex_lock(&drain->lock);
    vedette_spool_hold_expiry(drain->spool, drain->is_held);
    while (drain->is_held && !drain->is_stopping)
        pthread_cond_wait(&drain->changed, &drain->lock);
    bool is_released = !drain->is_held;
    pthread_mutex_unlock(&drain->lock);
    vedette_spool_hold_expiry(drain->spool, !is_released);
    return is_released;
}

void drain_release(struct drain *drain)
{
    pthread_mutex_lock(&drain->lock);
    drain->is_held = false;
    pthread_cond_broadcast(&drain->changed);
    pthread_mutex_unlock(&drain->lock);
}

/* Under the lock, so that a stop either finds it or has none begin. */
static void start_telling(struct drain *drain)
{
    pthread_mutex_lock(&drain->lock);
    if (!drain->is_stopping)
        drain->teller = untold_start(&drain->parts);
    pthread_mutex_unlock(&drain->lock);
}

static void *run(void *data)
{
    struct drain *drain = data;
    if (!wait_for_release(drain))
        return NULL;
    start_telling(drain);
    while (!is_stopping(drain)) {
        g_autoptr(GError) error = NULL;
        bool is_empty;
        int64_t wait_us = 0;
        if (step(drain, WAIT_US, &is_empty, &wait_us, &error)) {
            drain->stored_all(drain->stored_all_data);
            continue;
        }
        if (error)
            complain(error);
        rest(drain, wait_us);
    }
    finish(drain);
    untold_stop(drain->teller);
    return NULL;
}

struct drain *drain_start(struct vedette_spool *spool, struct vedette_breaker *breaker,
                          const struct record_path_parts *parts, void (*stored_all)(void *data), void *data,
                          GError **error)
{
    struct drain *drain = drain_new(spool, breaker, parts);
    drain->stored_all = stored_all;
    drain->stored_all_data = data;
    int code = thread_start(&drain->thread, "drain", run, drain);
    if (code == 0)
        return drain;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE, "start to drain the spool: %s", g_strerror(code));
    drain_free(drain);
    return NULL;
}

bool drain_stop(struct drain *drain)
{
    if (!drain)
        return true;
    pthread_mutex_lock(&drain->lock);
    drain->is_stopping = true;
    untold_tell_no_more(drain->teller); /* it ends while the rest is stored, not after */
    drain->stop_us =
        clock_monotonic_us(clock_system()) + (int64_t)(drain->parts.settings->spool.stop_seconds * G_USEC_PER_SEC);
    pthread_cond_broadcast(&drain->changed);
    pthread_mutex_unlock(&drain->lock);
    vedette_spool_wake(drain->spool);
    pthread_join(drain->thread, NULL);
    pthread_mutex_lock(&drain->lock);
    bool is_left = drain->is_left = drain->is_awaited;
    pthread_mutex_unlock(&drain->lock);
    if (!is_left)
        drain_free(drain);
    return !is_left;
}

/* One batch, or a rest where the breaker wants one: then the store took all, but took its time. False: that was the
 * end.
 */
static bool step_or_rest(struct drain *drain, bool *is_empty, GError **error)
{
    GError *failure = NULL;
    int64_t wait_us = 0;
    if (step(drain, RETRY_US, is_empty, &wait_us, &failure))
        return true;
    if (failure)
        g_propagate_error(error, failure);
    else
        rest(drain, wait_us);
    return !failure;
}

bool drain_all(struct vedette_spool *spool, struct vedette_breaker *breaker, const struct record_path_parts *parts,
               struct vedette_spool *untold, int64_t *stored, GError **error)
{
    struct drain *drain = drain_new(spool, breaker, parts);
    drain->untold = untold;
    struct vedette_spool_stats stats;
    bool is_good = true;
    do {
        bool is_empty;
        is_good = step_or_rest(drain, &is_empty, error);
        vedette_spool_get_stats(spool, &stats);
        is_good = is_good && !(is_empty && record_path_is_hopeless(&stats, error));
    } while (is_good && stats.total_queued > stats.deferred);
    if (is_good && stats.deferred) {
        g_propagate_error(error, g_steal_pointer(&drain->refusals.why));
        is_good = false;
    }
    *stored = drain->stored;
    drain_free(drain);
    return is_good;
}
