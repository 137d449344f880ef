#include "api/recheck.h"
#include "base/thread.h"

#include <errno.h>
#include <pthread.h>

struct rechecks {
    struct auth *auth;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* lock */
    GQueue waiting; /* of struct recheck *, with a reference of the queue's */
    bool is_ending;
};

struct recheck {
    int references;           /* atomic: the asker's, and the queue's or the thread's */
    struct login login;       /* its thread's while it is looked at, then the asker's */
    enum recheck_state state; /* atomic: with it the login changes hands */
};

void recheck_leave(struct recheck *recheck)
{
    if (!recheck || __atomic_sub_fetch(&recheck->references, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    login_clear(&recheck->login);
    g_free(recheck);
}

static void leave(void *recheck)
{
    recheck_leave(recheck);
}

/* Nobody waits any more for one whose client is gone. */
static bool is_left(const struct recheck *recheck)
{
    return __atomic_load_n(&recheck->references, __ATOMIC_ACQUIRE) == 1;
}

static void look(struct auth *auth, struct recheck *recheck)
{
    g_autoptr(GError) error = NULL;
    enum recheck_state state = RECHECK_STANDS;
    if (!auth_recheck_login(auth, &recheck->login, &error))
        state = g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_PERMISSION) ? RECHECK_OVER : RECHECK_UNANSWERED;
    __atomic_store_n(&recheck->state, state, __ATOMIC_RELEASE);
}

static void *run(void *data)
{
    struct rechecks *rechecks = data;
    pthread_mutex_lock(&rechecks->lock);
    for (;;) {
        while (!rechecks->is_ending && g_queue_is_empty(&rechecks->waiting))
            pthread_cond_wait(&rechecks->changed, &rechecks->lock);
        if (rechecks->is_ending)
            break;
        struct recheck *recheck = g_queue_pop_head(&rechecks->waiting);
        pthread_mutex_unlock(&rechecks->lock);
        if (!is_left(recheck))
            look(rechecks->auth, recheck);
        recheck_leave(recheck);
        pthread_mutex_lock(&rechecks->lock);
    }
    pthread_mutex_unlock(&rechecks->lock);
    return NULL;
}

struct rechecks *rechecks_new(struct auth *auth, GError **error)
{
    struct rechecks *rechecks = g_new0(struct rechecks, 1);
    rechecks->auth = auth;
    pthread_mutex_init(&rechecks->lock, NULL);
    pthread_cond_init(&rechecks->changed, NULL);
    g_queue_init(&rechecks->waiting);
    int code = thread_start(&rechecks->thread, "recheck", run, rechecks);
    if (code == 0)
        return rechecks;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE, "start the thread that looks at logins: %s",
                g_strerror(code));
    pthread_cond_destroy(&rechecks->changed);
    pthread_mutex_destroy(&rechecks->lock);
    g_free(rechecks);
    return NULL;
}

void rechecks_free(struct rechecks *rechecks)
{
    if (!rechecks)
        return;
    pthread_mutex_lock(&rechecks->lock);
    rechecks->is_ending = true;
    pthread_cond_signal(&rechecks->changed);
    pthread_mutex_unlock(&rechecks->lock);
    pthread_join(rechecks->thread, NULL);
    g_queue_clear_full(&rechecks->waiting, leave);
    pthread_cond_destroy(&rechecks->changed);
    pthread_mutex_destroy(&rechecks->lock);
    g_free(rechecks);
}

struct recheck *recheck_begin(struct rechecks *rechecks, const struct login *login)
{
    struct recheck *recheck = g_new0(struct recheck, 1);
    recheck->references = 2;
    recheck->state = RECHECK_UNDER_WAY;
    login_copy(login, &recheck->login);
    pthread_mutex_lock(&rechecks->lock);
    g_queue_push_tail(&rechecks->waiting, recheck);
    pthread_cond_signal(&rechecks->changed);
    pthread_mutex_unlock(&rechecks->lock);
    return recheck;
}

enum recheck_state recheck_take(struct recheck *recheck, struct login *fresh)
{
    enum recheck_state state = __atomic_load_n(&recheck->state, __ATOMIC_ACQUIRE);
    if (state == RECHECK_STANDS) {
        *fresh = recheck->login;
        recheck->login = (struct login){.user = NULL};
    }
    return state;
}
