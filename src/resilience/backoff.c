#include "vedette/backoff.h"

#include <glib.h>

#include "base/counter.h"

enum { RETRY_COST = 1000 };

int64_t vedette_backoff_ceiling_us(const struct vedette_backoff *backoff, uint32_t attempt)
{
    /* base * 2^attempt > max, without computing what could overflow */
    if (attempt >= 62 || backoff->base_us > backoff->max_us >> attempt)
        return backoff->max_us;
    return backoff->base_us << attempt;
}

int64_t vedette_backoff_delay_us(const struct vedette_backoff *backoff, uint32_t attempt, uint64_t random)
{
    uint64_t range = (uint64_t)vedette_backoff_ceiling_us(backoff, attempt) + 1;
    /* the high half of a 128-bit product is uniform (Lemire 2019), but for a bias of range / 2^64 */
    return (int64_t)(uint64_t)(((unsigned __int128)random * range) >> 64);
}

int64_t vedette_backoff_obey_us(const struct vedette_backoff *backoff, int64_t asked_us)
{
    return CLAMP(asked_us, 0, backoff->max_us);
}

static int64_t full(const struct vedette_retry_budget *budget)
{
    return (int64_t)budget->burst * RETRY_COST;
}

/* The credit is kept as what is missing from a full budget, so that zero is full. */
void vedette_retry_budget_note_request(struct vedette_retry_budget *budget)
{
    int64_t missing = counter_get(&budget->credit), next;
    do
        next = MAX(missing - budget->permille, 0);
    while (!__atomic_compare_exchange_n(&budget->credit, &missing, next, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
}

int32_t vedette_retry_budget_left(const struct vedette_retry_budget *budget)
{
    return (int32_t)((full(budget) - counter_get(&budget->credit)) / RETRY_COST);
}

bool vedette_retry_budget_take(struct vedette_retry_budget *budget)
{
    int64_t missing = counter_get(&budget->credit);
    do
        if (missing + RETRY_COST > full(budget))
            return false;
    while (!__atomic_compare_exchange_n(&budget->credit, &missing, missing + RETRY_COST, true, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED));
    return true;
}

int64_t vedette_attempts_failed(struct vedette_attempts *attempts, const struct vedette_backoff *backoff, int64_t up_us,
                                uint64_t random)
{
    if (up_us > attempts->steady_us)
        attempts->attempts = 0;
    int64_t delay_us = vedette_backoff_delay_us(backoff, attempts->attempts, random);
    if (attempts->attempts < UINT32_MAX)
        attempts->attempts++;
    return delay_us;
}
