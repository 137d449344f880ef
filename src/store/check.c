/* How the store is, for those who watch it. Anyone may ask for /health, often and many at once: the engine is asked
 * once a second by one of them, while the others wait for that answer, and not for long. A store that hangs holds up
 * one thread.
 */
#include "store/store_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/counter.h"

enum { ANSWER_US = 1000000, PATIENCE_US = 2000000 };

/* What is kept of an answer. */
struct verdict {
    int code; /* enum vedette_error; 0: well */
    char text[512];
};

static int64_t now_us(void *clock)
{
    return clock_monotonic_us(clock);
}

struct vedette_flight *store_checks_new(struct clock *clock)
{
    struct vedette_flight_config config;
    vedette_flight_config_init(&config);
    config.ttl_us = ANSWER_US;
    config.ttl_jitter = 0;
    config.max_entries = 1;
    config.time = (struct vedette_time_source){.now_us = now_us, .data = clock};
    return vedette_flight_new(&config, NULL); /* its values are in range */
}

static bool check_now(struct store *store, GError **error)
{
    if (!store->engine->check(store->engine_state, error))
        return false;
    pthread_mutex_lock(&store->write_error_lock);
    bool has_failed = store->write_error != NULL;
    if (has_failed)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_IO, "the last write failed: %s", store->write_error);
    pthread_mutex_unlock(&store->write_error_lock);
    return !has_failed;
}

static enum vedette_flight_result ask(void *data, const char *tenant, const char *key,
                                      struct vedette_flight_answer *answer)
{
    (void)tenant;
    (void)key;
    g_autoptr(GError) error = NULL;
    struct verdict *verdict = g_new0(struct verdict, 1);
    if (!check_now(data, &error)) {
        verdict->code = error->code;
        g_strlcpy(verdict->text, error->message, sizeof verdict->text);
    }
    answer->value = verdict;
    answer->length = sizeof *verdict;
    return VEDETTE_FLIGHT_OK;
}

static void count_checks(struct store *store)
{
    struct vedette_flight_stats stats;
    vedette_flight_get_stats(store->checks, &stats);
    counter_set(&store->health->store_checks, stats.loads);
    counter_set(&store->health->store_checks_shared, stats.hits + stats.joined);
    counter_set(&store->health->store_checks_late, stats.timeouts);
}

bool store_check(struct store *store, GError **error)
{
    struct vedette_flight_answer answer;
    int64_t until_us = clock_monotonic_us(store->clock) + PATIENCE_US;
    bool is_answered =
        vedette_flight_get(store->checks, "", "store", ask, store, until_us, &answer) == VEDETTE_FLIGHT_OK;
    count_checks(store);
    if (!is_answered) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE,
                    "%s: it has not answered for %d s: look at the machine or the disk it is on", store_place(store),
                    PATIENCE_US / 1000000);
        return false;
    }
    struct verdict verdict;
    memcpy(&verdict, answer.value, sizeof verdict);
    free(answer.value);
    if (verdict.code)
        g_set_error(error, VEDETTE_ERROR, verdict.code, "%s", verdict.text);
    return verdict.code == 0;
}
