/* Whose turn it is to have a password hashed: so many at once, as Argon2's memory wants it, and of them no more than
 * half of one user, so that nobody, however often they log in, leaves no place for others. */
#include "auth/auth_internal.h"

#include <string.h>

#include "base/wait.h"

enum { WAIT_SECONDS = 2 };

void password_turns_init(struct password_turns *turns)
{
    pthread_mutex_init(&turns->lock, NULL);
    wait_condition_init(&turns->changed);
    g_queue_init(&turns->queue);
    turns->wait_us = WAIT_SECONDS * (int64_t)G_USEC_PER_SEC;
}

void password_turns_finish(struct password_turns *turns)
{
    pthread_cond_destroy(&turns->changed);
    pthread_mutex_destroy(&turns->lock);
}

/* Of `whose`; NULL: of everyone. With the lock held. */
static int count(const struct password_turns *turns, const char *whose, bool is_running)
{
    int found = 0;
    for (const GList *link = turns->queue.head; link; link = link->next) {
        const struct password_turn *turn = link->data;
        found += turn->is_running == is_running && (!whose || strcmp(turn->whose, whose) == 0);
    }
    return found;
}

static int share_of_one(const struct auth *auth)
{
    return MAX(AUTH_SETTINGS(auth)->passwords_at_once / 2, 1);
}

/* In the order in which they came; but who waits for their own only holds up nobody else. With the lock held. */
static void let_run(struct auth *auth)
{
    struct password_turns *turns = &auth->turns;
    int places = AUTH_SETTINGS(auth)->passwords_at_once - count(turns, NULL, true);
    for (GList *link = turns->queue.head; link && places > 0; link = link->next) {
        struct password_turn *turn = link->data;
        if (turn->is_running || count(turns, turn->whose, true) >= share_of_one(auth))
            continue;
        turn->is_running = true;
        places--;
    }
    pthread_cond_broadcast(&turns->changed);
}

/* Those that wait hold a thread each, which other requests need, too. With the lock held. */
static bool may_wait(const struct auth *auth, const struct password_turn *turn)
{
    return count(&auth->turns, NULL, false) <= auth->settings->http.handler_threads / 2 &&
           count(&auth->turns, turn->whose, false) <= share_of_one(auth);
}

bool password_turn_take(struct auth *auth, struct password_turn *turn, const char *whose, GError **error)
{
    struct password_turns *turns = &auth->turns;
    const struct timespec deadline = wait_deadline_after(turns->wait_us);
    *turn = (struct password_turn){.whose = whose, .link.data = turn};
    pthread_mutex_lock(&turns->lock);
    g_queue_push_tail_link(&turns->queue, &turn->link);
    let_run(auth);
    bool is_patient = may_wait(auth, turn);
    while (is_patient && !turn->is_running)
        is_patient = pthread_cond_timedwait(&turns->changed, &turns->lock, &deadline) != ETIMEDOUT;
    bool is_running = turn->is_running;
    if (!is_running)
        g_queue_unlink(&turns->queue, &turn->link);
    pthread_mutex_unlock(&turns->lock);
    if (!is_running)
        g_set_error_literal(error, VEDETTE_ERROR, VEDETTE_ERROR_BUSY, "too many logins at once: try again in a second");
    return is_running;
}

void password_turn_end(struct auth *auth, struct password_turn *turn)
{
    pthread_mutex_lock(&auth->turns.lock);
    g_queue_unlink(&auth->turns.queue, &turn->link);
    let_run(auth);
    pthread_mutex_unlock(&auth->turns.lock);
}
