/* A program that asks a shaky upstream for prices, with libvedette: at most ten asks a second, one call a key at a
 * time, none while the upstream is down, and patience between tries.
 *
 *     cc guarded_call.c $(pkg-config --cflags --libs vedette)
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vedette/backoff.h>
#include <vedette/breaker.h>
#include <vedette/flight.h>
#include <vedette/limiter.h>

struct prices {
    struct vedette_breaker *breaker;
    int calls; /* that reached the upstream */
    int failures_left;
};

/* Stands for the upstream: fails at first. */
static enum vedette_outcome call_upstream(void *data)
{
    struct prices *prices = data;
    prices->calls++;
    return prices->failures_left-- > 0 ? VEDETTE_FAILURE : VEDETTE_SUCCESS;
}

static enum vedette_flight_result load_price(void *data, const char *tenant, const char *key,
                                             struct vedette_flight_answer *answer)
{
    struct prices *prices = data;
    enum vedette_outcome outcome;
    int64_t retry_after_us = 0;
    (void)tenant;
    if (!vedette_breaker_execute(prices->breaker, call_upstream, prices, &outcome, &retry_after_us)) {
        answer->error = strdup("not asked: the breaker is open");
        return VEDETTE_FLIGHT_FAILED;
    }
    if (outcome != VEDETTE_SUCCESS) {
        answer->error = strdup("the upstream failed");
        return VEDETTE_FLIGHT_FAILED;
    }
    answer->value = strdup(strcmp(key, "apple") == 0 ? "0.40" : "1.20");
    answer->length = answer->value ? strlen(answer->value) : 0;
    return VEDETTE_FLIGHT_OK;
}

static void ask(struct vedette_flight *flight, struct vedette_limiter *limiter, struct prices *prices, const char *key)
{
    struct vedette_limit limit = vedette_limiter_take(limiter, "address:192.0.2.7", 1);
    if (!limit.is_allowed) {
        printf("%s: too many, try again in %" PRId64 " us\n", key, limit.retry_after_us);
        return;
    }
    struct vedette_flight_answer answer;
    enum vedette_flight_result result =
        vedette_flight_get(flight, "shop-1", key, load_price, prices, INT64_MAX, &answer);
    if (result == VEDETTE_FLIGHT_OK)
        printf("%s: %.*s\n", key, (int)answer.length, (const char *)answer.value);
    else
        printf("%s: %s\n", key, answer.error ? answer.error : "no answer in time");
    free(answer.value);
    free(answer.error);
}

int main(void)
{
    struct vedette_breaker_config breaker_config;
    struct vedette_limiter_config limiter_config;
    struct vedette_flight_config flight_config;
    struct prices prices = {.failures_left = 2};
    const struct vedette_backoff backoff = {.base_us = 1000, .max_us = 8000};
    vedette_breaker_config_init(&breaker_config);
    breaker_config.failure_threshold = 3;
    vedette_limiter_config_init(&limiter_config);
    limiter_config.rate_per_second = 10;
    limiter_config.burst = 6;
    vedette_flight_config_init(&flight_config);
    flight_config.failure_ttl_us = 0;
    const char *why = NULL;
    prices.breaker = vedette_breaker_new(&breaker_config, &why);
    struct vedette_limiter *limiter = vedette_limiter_new(&limiter_config, &why);
    struct vedette_flight *flight = vedette_flight_new(&flight_config, &why);
    if (!prices.breaker || !limiter || !flight) {
        fprintf(stderr, "guarded_call: %s\n", why);
        return 1;
    }
    for (int i = 0; i < 7; i++)
        ask(flight, limiter, &prices, "apple");
    printf("the upstream was called %d times; a fourth try would wait at most %" PRId64 " us\n", prices.calls,
           vedette_backoff_ceiling_us(&backoff, 3));
    vedette_flight_free(flight);
    vedette_limiter_free(limiter);
    vedette_breaker_free(prices.breaker);
    return 0;
}
