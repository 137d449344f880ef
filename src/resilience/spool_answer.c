/* Tells callers what became of what they put in, on a thread of its own: waking many of them takes longer than writing
 * their records, and the next commit need not wait for it.
 */
#include "resilience/spool_internal.h"

#include "base/thread.h"

static void answer(struct spool_answers *answers, struct spool_ticket *ticket)
{
    struct vedette_spool_error error;
    if (ticket->done) /* before it: it may be slow */
        spool_ticket_free_spent(ticket);
    __atomic_sub_fetch(&answers->spent_bytes, ticket->spent_bytes, __ATOMIC_RELAXED);
    if (!ticket->done) {
        sem_post(&ticket->over); /* its caller's from now on */
        return;
    }
    if (ticket->failure)
        spool_error_fill(&error, ticket->failure);
    ticket->done(ticket->data, ticket->failure ? &error : NULL);
    spool_ticket_free(ticket);
}

/* NULL: it is over. */
static struct spool_ticket *take(struct spool_answers *answers)
{
    pthread_mutex_lock(&answers->lock);
    while (!answers->first && !answers->is_closing)
        pthread_cond_wait(&answers->changed, &answers->lock);
    struct spool_ticket *first = answers->first;
    answers->first = NULL;
    answers->last = &answers->first;
    pthread_mutex_unlock(&answers->lock);
    return first;
}

bool spool_answers_have_room(const struct vedette_spool *spool)
{
    return __atomic_load_n(&spool->answers.unanswered, __ATOMIC_RELAXED) < spool->config.max_queue_size;
}

static void count_answered(struct vedette_spool *spool)
{
    if (__atomic_sub_fetch(&spool->answers.unanswered, 1, __ATOMIC_RELAXED) != spool->config.max_queue_size - 1)
        return;
    pthread_mutex_lock(&spool->lock); /* a writer that found no room waits already */
    pthread_cond_signal(&spool->work);
    pthread_mutex_unlock(&spool->lock);
}

static void *run(void *data)
{
    struct vedette_spool *spool = data;
    thread_prefer_short_turns();
    for (struct spool_ticket *ticket; (ticket = take(&spool->answers));)
        for (struct spool_ticket *next; ticket; ticket = next) {
            next = ticket->next;
            answer(&spool->answers, ticket);
            count_answered(spool);
        }
    return NULL;
}

/* Where answers are slow, at most a file's payloads wait for this thread to free them: beyond, the writer does. */
static void count_spent(struct vedette_spool *spool, struct spool_ticket *ticket)
{
    int64_t *waiting_bytes = &spool->answers.spent_bytes;
    if (__atomic_add_fetch(waiting_bytes, ticket->spent_bytes, __ATOMIC_RELAXED) <= spool->config.file_bytes)
        return;
    spool_ticket_free_spent(ticket);
    __atomic_sub_fetch(waiting_bytes, ticket->spent_bytes, __ATOMIC_RELAXED);
    ticket->spent_bytes = 0;
}

void spool_answer(struct vedette_spool *spool, struct spool_ticket *const *tickets, guint count)
{
    struct spool_answers *answers = &spool->answers;
    for (guint i = 0; i < count; i++)
        count_spent(spool, tickets[i]);
    __atomic_add_fetch(&answers->unanswered, count, __ATOMIC_RELAXED);
    pthread_mutex_lock(&answers->lock);
    for (guint i = 0; i < count; i++) {
        *answers->last = tickets[i];
        answers->last = &tickets[i]->next;
    }
    pthread_mutex_unlock(&answers->lock);
    pthread_cond_signal(&answers->changed);
}

bool spool_answers_start(struct vedette_spool *spool, GError **error)
{
    struct spool_answers *answers = &spool->answers;
    pthread_mutex_init(&answers->lock, NULL);
    pthread_cond_init(&answers->changed, NULL);
    answers->last = &answers->first;
    int code = thread_start(&answers->thread, "spool answers", run, spool);
    if (code == 0)
        return true;
    pthread_cond_destroy(&answers->changed);
    pthread_mutex_destroy(&answers->lock);
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE, "start the thread that answers: %s", g_strerror(code));
    return false;
}

void spool_answers_stop(struct vedette_spool *spool)
{
    struct spool_answers *answers = &spool->answers;
    pthread_mutex_lock(&answers->lock);
    answers->is_closing = true;
    pthread_mutex_unlock(&answers->lock);
    pthread_cond_signal(&answers->changed);
    pthread_join(answers->thread, NULL);
    pthread_cond_destroy(&answers->changed);
    pthread_mutex_destroy(&answers->lock);
}
