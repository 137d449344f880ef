/* How the store is, for those who watch it. The engine is asked by a thread of the store's own, since a disk or a
 * database may hang and whoever asks us must not hang with it: they read what was said last. Time is the machine's,
 * whatever records are stamped with, for so the engine's waits are.
 */
#include "store/store_internal.h"

#include <errno.h>

#include "base/counter.h"
#include "base/thread.h"
#include "base/wait.h"

enum {
    PERIOD_US = 1000000, /* from an answer to the next look */
    END_US = 1000000,    /* a look that is under way at the end is waited for */
};

_Atomic int64_t store_checker_patience_us = STORE_CHECKER_PATIENCE_US;

struct store_checker {
    struct store_checker_config config;
    pthread_t thread;
    pthread_mutex_t lock; /* guards the rest */
    pthread_cond_t changed;
    bool is_stopping, is_over;
    bool is_looking, has_answer;
    int64_t asked_us; /* when the look that is under way began */
    GError *trouble;  /* what the last look found; NULL: nothing */
};

/* With the lock held, which is given up meanwhile. After the end nobody is told: who would be may be gone. */
static void look(struct store_checker *checker)
{
    GError *trouble = NULL;
    int64_t free_bytes = -1;
    checker->is_looking = true;
    checker->asked_us = clock_monotonic_us(checker->config.clock);
    counter_add(&checker->config.health->store_checks, 1);
    pthread_mutex_unlock(&checker->lock);
    checker->config.look(checker->config.data, &free_bytes, &trouble);
    pthread_mutex_lock(&checker->lock);
    g_clear_error(&checker->trouble);
    checker->trouble = trouble;
    checker->has_answer = true;
    checker->is_looking = false;
    if (free_bytes >= 0 && !checker->is_stopping)
        counter_set(&checker->config.health->store_free_bytes, free_bytes);
    pthread_cond_broadcast(&checker->changed);
}

static void rest(struct store_checker *checker)
{
    const struct timespec deadline = wait_deadline_after(PERIOD_US);
    while (!checker->is_stopping && pthread_cond_timedwait(&checker->changed, &checker->lock, &deadline) != ETIMEDOUT)
        ;
}

static void *run(void *data)
{
    struct store_checker *checker = data;
    pthread_mutex_lock(&checker->lock);
    while (!checker->is_stopping) {
        look(checker);
        rest(checker);
    }
    checker->is_over = true;
    pthread_cond_broadcast(&checker->changed);
    pthread_mutex_unlock(&checker->lock);
    return NULL;
}

static void clear(struct store_checker *checker)
{
    pthread_cond_destroy(&checker->changed);
    pthread_mutex_destroy(&checker->lock);
    g_clear_error(&checker->trouble);
    g_free(checker);
}

/* So that who asks right after the start is told how it is. */
static void await_first(struct store_checker *checker)
{
    const struct timespec deadline = wait_deadline_after(PERIOD_US);
    pthread_mutex_lock(&checker->lock);
    while (!checker->has_answer && pthread_cond_timedwait(&checker->changed, &checker->lock, &deadline) != ETIMEDOUT)
        ;
    pthread_mutex_unlock(&checker->lock);
}

struct store_checker *store_checker_new(const struct store_checker_config *config, GError **error)
{
    struct store_checker *checker = g_new0(struct store_checker, 1);
    *checker = (struct store_checker){.config = *config, .is_looking = true};
    checker->asked_us = clock_monotonic_us(config->clock);
    pthread_mutex_init(&checker->lock, NULL);
    wait_condition_init(&checker->changed);
    int code = thread_start(&checker->thread, "store check", run, checker);
    if (code == 0) {
        await_first(checker);
        return checker;
    }
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE, "start to look after the store: %s", g_strerror(code));
    clear(checker);
    return NULL;
}

bool store_checker_free(struct store_checker *checker)
{
    if (!checker)
        return true;
    const struct timespec deadline = wait_deadline_after(END_US);
    pthread_mutex_lock(&checker->lock);
    checker->is_stopping = true;
    pthread_cond_broadcast(&checker->changed);
    while (!checker->is_over && pthread_cond_timedwait(&checker->changed, &checker->lock, &deadline) != ETIMEDOUT)
        ;
    bool is_over = checker->is_over;
    pthread_mutex_unlock(&checker->lock);
    if (!is_over) {
        pthread_detach(checker->thread);
        return false;
    }
    pthread_join(checker->thread, NULL);
    clear(checker);
    return true;
}

bool store_checker_read(struct store_checker *checker, GError **error)
{
    pthread_mutex_lock(&checker->lock);
    int64_t silent_us = checker->is_looking ? clock_monotonic_us(checker->config.clock) - checker->asked_us : 0;
    bool is_silent = !checker->has_answer || silent_us >= store_checker_patience_us,
         is_good = !is_silent && !checker->trouble;
    int64_t silent_seconds = silent_us / G_USEC_PER_SEC;
    counter_set(&checker->config.health->store_silent_seconds, silent_seconds);
    if (is_silent)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE,
                    "%s: no answer for %" G_GINT64_FORMAT " s: look at the machine or the disk it is on",
                    checker->config.place, silent_seconds);
    else if (checker->trouble && error)
        *error = g_error_copy(checker->trouble);
    pthread_mutex_unlock(&checker->lock);
    return is_good;
}

static bool check_writes(struct store *store, GError **error)
{
    pthread_mutex_lock(&store->write_error_lock);
    const char *failure = store->write_error, *refusal = store->refusal;
    if (failure)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_IO, "the last write failed: %s", failure);
    else if (refusal)
        g_set_error_literal(error, VEDETTE_ERROR, VEDETTE_ERROR_IO, refusal);
    pthread_mutex_unlock(&store->write_error_lock);
    return !failure && !refusal;
}

bool store_check(struct store *store, GError **error)
{
    g_autoptr(GError) trouble = NULL;
    bool is_well = store_checker_read(store->checker, &trouble); /* in any case: it counts */
    if (!check_writes(store, error))                             /* worse than a warning that there is little room */
        return false;
    if (trouble)
        g_propagate_error(error, g_steal_pointer(&trouble));
    return is_well;
}
