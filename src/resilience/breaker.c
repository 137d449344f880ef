/* States and generations. The state and its generation lie in one atomic word, so that a closed breaker is passed by
 * one load; everything else is behind the lock. Each change of state is a new generation, and what a permit of an older
 * one brings back changes nothing. */
#include "vedette/breaker.h"

#include <glib.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "base/counter.h"
#include "base/random.h"
#include "resilience/resilience_internal.h"
#include "vedette/backoff.h"

enum { BUCKETS = 10, STATE_BITS = 3, NO_SLOT = -1 };

struct bucket {
    int64_t number; /* of the window's slices, since the clock's zero */
    int64_t calls, failures;
};

struct change {
    enum vedette_breaker_state from, to;
};

struct probe {
    bool is_taken;
    int64_t started_us;
};

struct vedette_breaker {
    uint64_t word; /* atomic: generation << STATE_BITS | state; written under the lock */
    /* immutable */
    struct vedette_time_source time;
    void (*changed)(void *data, enum vedette_breaker_state from, enum vedette_breaker_state to);
    void (*illegal)(void *data, enum vedette_breaker_state from, int to);
    void *changed_data;
    int64_t slow_call_us; /* atomic; as in the config */
    int64_t skew_us;      /* atomic; what the clock stepped back, in all; written under the lock */
    pthread_mutex_t lock;
    /* under the lock */
    struct vedette_breaker_config config;
    struct random random;
    int64_t told_us; /* what the clock told last */
    struct bucket buckets[BUCKETS];
    int64_t open_until_us;
    uint32_t openings_in_row;
    int64_t opening_failures; /* that led to the last opening, and since */
    int32_t successes;        /* of probes, since it is half open */
    struct probe *probes;
    int32_t probe_capacity;
    uint32_t illegal_told; /* a bit for each state out of which an illegal change was told */
    GArray *changes;       /* of struct change, not told yet */
    bool is_telling;
    struct vedette_breaker_stats totals; /* counters; atomic */
};

static const char *const state_names[] = {"unknown",     "closed",        "open",    "half_open",
                                          "forced_open", "forced_closed", "disabled"};

const char *vedette_breaker_state_name(enum vedette_breaker_state state)
{
    return (size_t)state < G_N_ELEMENTS(state_names) ? state_names[state] : state_names[0];
}

enum vedette_breaker_state vedette_breaker_state_of_name(const char *name)
{
    for (size_t i = VEDETTE_BREAKER_CLOSED; name && i < G_N_ELEMENTS(state_names); i++)
        if (strcmp(name, state_names[i]) == 0)
            return (enum vedette_breaker_state)i;
    return (enum vedette_breaker_state)0;
}

void vedette_breaker_config_init(struct vedette_breaker_config *config)
{
    *config = (struct vedette_breaker_config){
        .failure_threshold = 5,
        .failure_percent = 50,
        .success_threshold = 3,
        .probes = 3,
        .window_us = INT64_C(60) * US_PER_SECOND,
        .recovery_timeout_us = INT64_C(60) * US_PER_SECOND,
        .recovery_timeout_max_us = INT64_C(900) * US_PER_SECOND,
        .permit_timeout_us = INT64_C(30) * US_PER_SECOND,
    };
}

static const char *fault_of(const struct vedette_breaker_config *config)
{
    if (config->failure_threshold < 1 || config->failure_threshold > 1000000)
        return "failure_threshold must be between 1 and 1000000";
    if (config->failure_percent < 1 || config->failure_percent > 100)
        return "failure_percent must be between 1 and 100";
    if (config->success_threshold < 1 || config->success_threshold > 1000)
        return "success_threshold must be between 1 and 1000";
    if (config->probes < 1 || config->probes > 1000)
        return "probes must be between 1 and 1000";
    if (config->window_us < 1000)
        return "window_us must be 1000 or more";
    if (config->slow_call_us < 0)
        return "slow_call_us must not be negative";
    if (config->recovery_timeout_us < 1 || config->recovery_timeout_max_us < config->recovery_timeout_us)
        return "recovery_timeout_us must be 1 or more, and recovery_timeout_max_us no less";
    return config->permit_timeout_us < 1 ? "permit_timeout_us must be 1 or more" : NULL;
}

static bool is_valid(const struct vedette_breaker_config *config, const char **why)
{
    const char *fault = fault_of(config);
    if (fault && why)
        *why = fault;
    return !fault;
}

static void fit_probes(struct vedette_breaker *breaker)
{
    if (breaker->config.probes <= breaker->probe_capacity)
        return;
    breaker->probes = g_renew(struct probe, breaker->probes, breaker->config.probes);
    memset(breaker->probes + breaker->probe_capacity, 0,
           (size_t)(breaker->config.probes - breaker->probe_capacity) * sizeof *breaker->probes);
    breaker->probe_capacity = breaker->config.probes;
}

struct vedette_breaker *vedette_breaker_new(const struct vedette_breaker_config *config, const char **why)
{
    if (!is_valid(config, why))
        return NULL;
    struct vedette_breaker *breaker = g_new0(struct vedette_breaker, 1);
    breaker->config = *config;
    breaker->time = config->time;
    breaker->changed = config->changed;
    breaker->illegal = config->illegal;
    breaker->changed_data = config->changed_data;
    breaker->slow_call_us = config->slow_call_us;
    breaker->word = VEDETTE_BREAKER_CLOSED;
    breaker->changes = g_array_new(FALSE, FALSE, sizeof(struct change));
    random_init_system(&breaker->random);
    pthread_mutex_init(&breaker->lock, NULL);
    fit_probes(breaker);
    return breaker;
}

void vedette_breaker_free(struct vedette_breaker *breaker)
{
    if (!breaker)
        return;
    pthread_mutex_destroy(&breaker->lock);
    g_array_free(breaker->changes, TRUE);
    g_free(breaker->probes);
    g_free(breaker);
}

/* ---- state ---- */

static enum vedette_breaker_state state_of(uint64_t word)
{
    return (enum vedette_breaker_state)(word & ((1U << STATE_BITS) - 1));
}

static uint64_t load_word(const struct vedette_breaker *breaker)
{
    return __atomic_load_n(&breaker->word, __ATOMIC_ACQUIRE);
}

/* Under the lock, as all that follow unless said otherwise. */
static void change_state(struct vedette_breaker *breaker, enum vedette_breaker_state to)
{
    uint64_t word = load_word(breaker);
    struct change change = {state_of(word), to};
    __atomic_store_n(&breaker->word, ((word >> STATE_BITS) + 1) << STATE_BITS | to, __ATOMIC_RELEASE);
    breaker->successes = 0;
    memset(breaker->buckets, 0, sizeof breaker->buckets);
    memset(breaker->probes, 0, (size_t)breaker->probe_capacity * sizeof *breaker->probes);
    if (change.from != to && breaker->changed)
        g_array_append_val(breaker->changes, change);
}

/* Without the lock. One thread tells at a time, so that the order is kept. */
static void tell_changes(struct vedette_breaker *breaker)
{
    pthread_mutex_lock(&breaker->lock);
    bool is_mine = !breaker->is_telling && breaker->changes->len;
    while (is_mine && breaker->changes->len) {
        breaker->is_telling = true;
        struct change change = g_array_index(breaker->changes, struct change, 0);
        g_array_remove_index(breaker->changes, 0);
        pthread_mutex_unlock(&breaker->lock);
        breaker->changed(breaker->changed_data, change.from, change.to);
        pthread_mutex_lock(&breaker->lock);
    }
    if (is_mine)
        breaker->is_telling = false;
    pthread_mutex_unlock(&breaker->lock);
}

static uint64_t draw(struct vedette_breaker *breaker)
{
    const struct vedette_time_source *time = &breaker->time;
    return time->random ? time->random(time->data) : random_next(&breaker->random);
}

/* It stays open anywhere between recovery_timeout_us and a ceiling that doubles with each opening, from the first on,
 * so that a thousand breakers that opened at once do not knock at once. */
static void open_again(struct vedette_breaker *breaker, int64_t now_us)
{
    const struct vedette_breaker_config *config = &breaker->config;
    const struct vedette_backoff backoff = {config->recovery_timeout_us, config->recovery_timeout_max_us};
    uint32_t doublings = breaker->openings_in_row < UINT32_MAX ? breaker->openings_in_row + 1 : UINT32_MAX;
    int64_t ceiling_us = vedette_backoff_ceiling_us(&backoff, doublings);
    const struct vedette_backoff span = {ceiling_us - config->recovery_timeout_us,
                                         ceiling_us - config->recovery_timeout_us};
    int64_t wait_us = config->recovery_timeout_us + vedette_backoff_delay_us(&span, 0, draw(breaker));
    breaker->open_until_us = time_after_us(now_us, wait_us);
    breaker->openings_in_row = doublings;
    counter_add(&breaker->totals.openings, 1);
    change_state(breaker, VEDETTE_BREAKER_OPEN);
}

/* The time as the breaker counts it, which never goes back: what a clock steps back is left out, so that what is open
 * stays open no longer for it, and failures of a moment ago count. Under lock. */
static int64_t read_clock(struct vedette_breaker *breaker)
{
    int64_t told_us = time_now_us(&breaker->time);
    if (told_us < breaker->told_us)
        counter_add(&breaker->skew_us, breaker->told_us - told_us);
    breaker->told_us = told_us;
    return told_us + counter_get(&breaker->skew_us);
}

/* ---- the window ---- */

static struct bucket *bucket_at(struct vedette_breaker *breaker, int64_t now_us)
{
    int64_t number = now_us / (breaker->config.window_us / BUCKETS);
    struct bucket *bucket = &breaker->buckets[number % BUCKETS];
    if (bucket->number != number)
        *bucket = (struct bucket){.number = number};
    return bucket;
}

static void sum_window(const struct vedette_breaker *breaker, int64_t now_us, int64_t *calls, int64_t *failures)
{
    int64_t newest = now_us / (breaker->config.window_us / BUCKETS);
    *calls = *failures = 0;
    for (int i = 0; i < BUCKETS; i++)
        if (breaker->buckets[i].number > newest - BUCKETS && breaker->buckets[i].number <= newest) {
            *calls += breaker->buckets[i].calls;
            *failures += breaker->buckets[i].failures;
        }
}

static void note_call(struct vedette_breaker *breaker, bool is_failure, int64_t now_us)
{
    if (!is_failure && breaker->config.success_resets)
        memset(breaker->buckets, 0, sizeof breaker->buckets);
    struct bucket *bucket = bucket_at(breaker, now_us);
    int64_t calls, failures;
    bucket->calls++;
    bucket->failures += is_failure;
    if (!is_failure || state_of(load_word(breaker)) != VEDETTE_BREAKER_CLOSED)
        return;
    sum_window(breaker, now_us, &calls, &failures);
    if (failures < breaker->config.failure_threshold || failures * 100 < calls * breaker->config.failure_percent)
        return;
    breaker->opening_failures = failures;
    open_again(breaker, now_us);
}

/* ---- probes ---- */

static void note_probe(struct vedette_breaker *breaker, bool is_failure, int64_t now_us)
{
    if (is_failure) {
        breaker->opening_failures++;
        open_again(breaker, now_us);
    } else if (++breaker->successes >= breaker->config.success_threshold) {
        breaker->openings_in_row = 0;
        change_state(breaker, VEDETTE_BREAKER_CLOSED);
    }
}

/* A free slot, or one whose holder has been silent for too long; NO_SLOT when all are out. */
static int32_t take_slot(struct vedette_breaker *breaker, int64_t now_us, int64_t *retry_after_us)
{
    int64_t oldest_us = INT64_MAX;
    for (int32_t i = 0; i < breaker->config.probes; i++) {
        struct probe *probe = &breaker->probes[i];
        bool is_lost = probe->is_taken && now_us - probe->started_us >= breaker->config.permit_timeout_us;
        if (is_lost)
            counter_add(&breaker->totals.timed_out_permits, 1);
        if (!probe->is_taken || is_lost) {
            *probe = (struct probe){true, now_us};
            return i;
        }
        oldest_us = MIN(oldest_us, probe->started_us);
    }
    *retry_after_us = time_after_us(oldest_us, breaker->config.permit_timeout_us) - now_us;
    return NO_SLOT;
}

/* ---- permits ---- */

static bool passes_always(enum vedette_breaker_state state)
{
    return state == VEDETTE_BREAKER_CLOSED || state == VEDETTE_BREAKER_FORCED_CLOSED ||
           state == VEDETTE_BREAKER_DISABLED;
}

static bool acquire_slowly(struct vedette_breaker *breaker, struct vedette_permit *permit, int64_t *wait_us)
{
    pthread_mutex_lock(&breaker->lock);
    int64_t now_us = read_clock(breaker);
    if (state_of(load_word(breaker)) == VEDETTE_BREAKER_OPEN && now_us >= breaker->open_until_us)
        change_state(breaker, VEDETTE_BREAKER_HALF_OPEN);
    uint64_t word = load_word(breaker);
    enum vedette_breaker_state state = state_of(word);
    *permit = (struct vedette_permit){word >> STATE_BITS, now_us, NO_SLOT, state};
    *wait_us = state == VEDETTE_BREAKER_OPEN ? breaker->open_until_us - now_us : 0;
    if (state == VEDETTE_BREAKER_HALF_OPEN)
        permit->slot = take_slot(breaker, now_us, wait_us);
    pthread_mutex_unlock(&breaker->lock);
    tell_changes(breaker);
    return passes_always(state) || permit->slot != NO_SLOT;
}

bool vedette_breaker_acquire(struct vedette_breaker *breaker, struct vedette_permit *permit, int64_t *retry_after_us)
{
    uint64_t word = load_word(breaker);
    int64_t wait_us = 0;
    if (passes_always(state_of(word))) {
        /* the start is only needed to see whether a call was slow */
        int64_t now_us =
            counter_get(&breaker->slow_call_us) > 0 ? time_now_us(&breaker->time) + counter_get(&breaker->skew_us) : 0;
        *permit = (struct vedette_permit){word >> STATE_BITS, now_us, NO_SLOT, state_of(word)};
        return true;
    }
    if (acquire_slowly(breaker, permit, &wait_us))
        return true;
    counter_add(&breaker->totals.rejected, 1);
    if (retry_after_us)
        *retry_after_us = wait_us;
    return false;
}

static void count_outcome(struct vedette_breaker *breaker, enum vedette_outcome outcome, bool is_slow)
{
    int64_t *counters[] = {
        [VEDETTE_SUCCESS] = &breaker->totals.successes,
        [VEDETTE_FAILURE] = &breaker->totals.failures,
        [VEDETTE_IGNORED] = &breaker->totals.ignored,
    };
    counter_add(counters[outcome], 1);
    if (is_slow)
        counter_add(&breaker->totals.slow, 1);
}

/* True when the permit's slot was still its own. */
static bool give_slot_back(struct vedette_breaker *breaker, const struct vedette_permit *permit)
{
    struct probe *probe = permit->slot < breaker->probe_capacity ? &breaker->probes[permit->slot] : NULL;
    if (!probe || !probe->is_taken || probe->started_us != permit->started_us)
        return false;
    probe->is_taken = false;
    return true;
}

static void note_outcome(struct vedette_breaker *breaker, const struct vedette_permit *permit,
                         enum vedette_outcome outcome, bool is_slow, int64_t now_us)
{
    uint64_t word = load_word(breaker);
    bool is_failure = outcome == VEDETTE_FAILURE || is_slow;
    bool is_late =
        word >> STATE_BITS != permit->generation || (permit->slot != NO_SLOT && !give_slot_back(breaker, permit));
    if (is_late)
        counter_add(&breaker->totals.late, 1);
    else if (outcome == VEDETTE_IGNORED)
        return;
    else if (permit->slot != NO_SLOT)
        note_probe(breaker, is_failure, now_us);
    else
        note_call(breaker, is_failure, now_us);
}

void vedette_breaker_release(struct vedette_breaker *breaker, const struct vedette_permit *permit,
                             enum vedette_outcome outcome)
{
    if (outcome < VEDETTE_SUCCESS || outcome > VEDETTE_IGNORED)
        outcome = VEDETTE_IGNORED;
    if (state_of(load_word(breaker)) == VEDETTE_BREAKER_DISABLED)
        return;
    pthread_mutex_lock(&breaker->lock);
    int64_t now_us = read_clock(breaker);
    int64_t slow_us = permit->started_us > 0 ? breaker->config.slow_call_us : 0;
    bool is_slow = outcome == VEDETTE_SUCCESS && slow_us > 0 && now_us - permit->started_us > slow_us;
    count_outcome(breaker, outcome, is_slow);
    note_outcome(breaker, permit, outcome, is_slow, now_us);
    bool has_news = breaker->changes->len > 0;
    pthread_mutex_unlock(&breaker->lock);
    if (has_news)
        tell_changes(breaker);
}

bool vedette_breaker_execute(struct vedette_breaker *breaker, enum vedette_outcome (*call)(void *data), void *data,
                             enum vedette_outcome *outcome, int64_t *retry_after_us)
{
    struct vedette_permit permit;
    if (!vedette_breaker_acquire(breaker, &permit, retry_after_us))
        return false;
    enum vedette_outcome result = call(data);
    vedette_breaker_release(breaker, &permit, result);
    if (outcome)
        *outcome = result;
    return true;
}

/* ---- the operator's ---- */

/* Counted each time, told the first time out of each state: a caller in a loop fills no log. */
static void note_illegal(struct vedette_breaker *breaker, int to)
{
    pthread_mutex_lock(&breaker->lock);
    enum vedette_breaker_state from = state_of(load_word(breaker));
    bool is_news = !(breaker->illegal_told & 1U << from);
    breaker->illegal_told |= 1U << from;
    pthread_mutex_unlock(&breaker->lock);
    counter_add(&breaker->totals.illegal, 1);
    if (is_news && breaker->illegal)
        breaker->illegal(breaker->changed_data, from, to);
}

bool vedette_breaker_force(struct vedette_breaker *breaker, enum vedette_breaker_state state)
{
    if (!passes_always(state) && state != VEDETTE_BREAKER_FORCED_OPEN) {
        note_illegal(breaker, (int)state);
        return false;
    }
    pthread_mutex_lock(&breaker->lock);
    breaker->openings_in_row = 0;
    change_state(breaker, state);
    pthread_mutex_unlock(&breaker->lock);
    tell_changes(breaker);
    return true;
}

bool vedette_breaker_configure(struct vedette_breaker *breaker, const struct vedette_breaker_config *config,
                               const char **why)
{
    if (!is_valid(config, why))
        return false;
    pthread_mutex_lock(&breaker->lock);
    if (config->window_us != breaker->config.window_us) /* its slices mean another time now */
        memset(breaker->buckets, 0, sizeof breaker->buckets);
    breaker->config = *config;
    counter_set(&breaker->slow_call_us, config->slow_call_us);
    fit_probes(breaker);
    pthread_mutex_unlock(&breaker->lock);
    return true;
}

void vedette_breaker_get_stats(struct vedette_breaker *breaker, struct vedette_breaker_stats *stats)
{
    pthread_mutex_lock(&breaker->lock);
    int64_t now_us = read_clock(breaker);
    *stats = (struct vedette_breaker_stats){
        .state = state_of(load_word(breaker)),
        .successes = counter_get(&breaker->totals.successes),
        .failures = counter_get(&breaker->totals.failures),
        .ignored = counter_get(&breaker->totals.ignored),
        .slow = counter_get(&breaker->totals.slow),
        .rejected = counter_get(&breaker->totals.rejected),
        .late = counter_get(&breaker->totals.late),
        .timed_out_permits = counter_get(&breaker->totals.timed_out_permits),
        .openings = counter_get(&breaker->totals.openings),
        .illegal = counter_get(&breaker->totals.illegal),
    };
    sum_window(breaker, now_us, &stats->call_count, &stats->failure_count);
    if (stats->state == VEDETTE_BREAKER_OPEN || stats->state == VEDETTE_BREAKER_HALF_OPEN)
        stats->failure_count = breaker->opening_failures;
    if (stats->state == VEDETTE_BREAKER_OPEN)
        stats->retry_after_us = MAX(breaker->open_until_us - now_us, 0);
    pthread_mutex_unlock(&breaker->lock);
}
