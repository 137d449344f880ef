/* Tells callers what became of what they put in, on a thread of its own: waking many of them takes longer than writing
 * their records, and the next commit need not wait for it.
 */
#include "resilience/spool_internal.h"

static void answer(struct spool_ticket *ticket)
{
    struct vedette_spool_error error;
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

static void *run(void *data)
{
    for (struct spool_ticket *ticket; (ticket = take(data));)
        for (struct spool_ticket *next; ticket; ticket = next) {
            next = ticket->next;
            answer(ticket);
        }
    return NULL;
}

void spool_answer(struct spool_answers *answers, struct spool_ticket *const *tickets, guint count)
{
    pthread_mutex_lock(&answers->lock);
    for (guint i = 0; i < count; i++) {
        *answers->last = tickets[i];
        answers->last = &tickets[i]->next;
    }
    pthread_mutex_unlock(&answers->lock);
    pthread_cond_signal(&answers->changed);
}

bool spool_answers_start(struct spool_answers *answers, GError **error)
{
    pthread_mutex_init(&answers->lock, NULL);
    pthread_cond_init(&answers->changed, NULL);
    answers->last = &answers->first;
    int code = pthread_create(&answers->thread, NULL, run, answers);
    if (code == 0)
        return true;
    pthread_cond_destroy(&answers->changed);
    pthread_mutex_destroy(&answers->lock);
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE, "start the thread that answers: %s", g_strerror(code));
    return false;
}

void spool_answers_stop(struct spool_answers *answers)
{
    pthread_mutex_lock(&answers->lock);
    answers->is_closing = true;
    pthread_mutex_unlock(&answers->lock);
    pthread_cond_signal(&answers->changed);
    pthread_join(answers->thread, NULL);
    pthread_cond_destroy(&answers->changed);
    pthread_mutex_destroy(&answers->lock);
}
