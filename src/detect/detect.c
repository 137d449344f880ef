#include "detect/detect.h"

#include "base/counter.h"

#include <pthread.h>
#include <string.h>

enum job_state { JOB_WAITING = 1, JOB_TAKEN, JOB_OVER };

struct detect_job {
    /* immutable */
    struct shared *shared;
    char *org_id;
    GBytes *order, *image;
    int64_t deadline_us;
    struct detect_asker asker;
    /* shared->lock */
    enum job_state state;
    bool is_left;   /* nobody asks for it any more */
    int references; /* the asker's, and the queue's or server's */
    GBytes *answer;
    GError *error;
};

/* What jobs need beyond the queue's own life. */
struct shared {
    int references; /* atomic: the queue's, and each job's */
    pthread_mutex_t lock;
};

struct detect_queue {
    /* immutable */
    const struct detect_settings *settings;
    struct server_health *health;
    struct clock *clock;
    struct shared *shared;
    /* shared->lock */
    GQueue waiting; /* of struct detect_job *, oldest first */
    void (*wake)(void *data);
    void *wake_data;
};

static void shared_unref(struct shared *shared)
{
    if (__atomic_sub_fetch(&shared->references, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    pthread_mutex_destroy(&shared->lock);
    g_free(shared);
}

static void job_unref(struct detect_job *job)
{
    struct shared *shared = job->shared;
    pthread_mutex_lock(&shared->lock);
    bool is_last = --job->references == 0;
    pthread_mutex_unlock(&shared->lock);
    if (!is_last)
        return;
    g_clear_pointer(&job->answer, g_bytes_unref);
    g_clear_error(&job->error);
    g_bytes_unref(job->order);
    g_bytes_unref(job->image);
    g_free(job->org_id);
    g_free(job);
    shared_unref(shared);
}

struct detect_queue *detect_queue_new(const struct detect_settings *settings, struct server_health *health,
                                      struct clock *clock)
{
    struct detect_queue *queue = g_new0(struct detect_queue, 1);
    queue->settings = settings;
    queue->health = health;
    queue->clock = clock;
    queue->shared = g_new0(struct shared, 1);
    queue->shared->references = 1;
    pthread_mutex_init(&queue->shared->lock, NULL);
    g_queue_init(&queue->waiting);
    return queue;
}

void detect_queue_free(struct detect_queue *queue)
{
    if (!queue)
        return;
    g_queue_clear_full(&queue->waiting, (GDestroyNotify)job_unref);
    shared_unref(queue->shared);
    g_free(queue);
}

void detect_queue_serve(struct detect_queue *queue, void (*wake)(void *data), void *data)
{
    pthread_mutex_lock(&queue->shared->lock);
    queue->wake = wake;
    queue->wake_data = data;
    pthread_mutex_unlock(&queue->shared->lock);
}

/* ---- those who ask ---- */

static struct detect_job *job_new(struct detect_queue *queue, const char *org_id, GBytes *order, GBytes *image,
                                  const struct detect_asker *asker)
{
    struct detect_job *job = g_new0(struct detect_job, 1);
    *job = (struct detect_job){
        .shared = queue->shared,
        .org_id = g_strdup(org_id),
        .order = g_bytes_ref(order),
        .image = g_bytes_ref(image),
        .deadline_us = clock_monotonic_us(queue->clock) + (int64_t)(queue->settings->timeout_seconds * G_USEC_PER_SEC),
        .asker = *asker,
        .state = JOB_WAITING,
        .references = 2,
    };
    __atomic_add_fetch(&queue->shared->references, 1, __ATOMIC_RELAXED);
    return job;
}

static guint count_waiting(const struct detect_queue *queue, const char *org_id)
{
    guint count = 0;
    for (const GList *link = queue->waiting.head; link; link = link->next)
        count += strcmp(((const struct detect_job *)link->data)->org_id, org_id) == 0;
    return count;
}

/* An org has no more waiting than are free, so that there is a place for whoever comes next. */
struct detect_job *detect_submit(struct detect_queue *queue, const char *org_id, GBytes *order, GBytes *image,
                                 const struct detect_asker *asker, GError **error)
{
    struct detect_job *job = NULL;
    pthread_mutex_lock(&queue->shared->lock);
    guint places = (guint)queue->settings->queue, waiting = queue->waiting.length, own = count_waiting(queue, org_id);
    bool is_served = queue->wake, is_full = waiting >= places, is_theirs = !is_full && own >= places - waiting;
    if (is_served && !is_full && !is_theirs) {
        job = job_new(queue, org_id, order, image, asker);
        g_queue_push_tail(&queue->waiting, job);
        counter_add(&queue->health->detect_waiting, 1);
        queue->wake(queue->wake_data);
    }
    pthread_mutex_unlock(&queue->shared->lock);
    if (!is_served)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE,
                    "no process looks at pictures here: detect.workers is 0, or the server stops");
    else if (is_full)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_BUSY, "%u pictures wait already (detect.queue): try again",
                    waiting);
    else if (is_theirs)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_FULL,
                    "%u pictures of yours wait already, and the other places are others' (detect.queue): try again",
                    own);
    return job;
}

bool detect_job_is_over(struct detect_job *job, GBytes **answer, GError **error)
{
    pthread_mutex_lock(&job->shared->lock);
    bool is_over = job->state == JOB_OVER;
    if (is_over && job->error)
        g_propagate_error(error, g_error_copy(job->error));
    else if (is_over)
        *answer = g_bytes_ref(job->answer);
    pthread_mutex_unlock(&job->shared->lock);
    return is_over;
}

void detect_job_leave(struct detect_job *job)
{
    if (!job)
        return;
    pthread_mutex_lock(&job->shared->lock);
    job->is_left = true;
    pthread_mutex_unlock(&job->shared->lock);
    job_unref(job);
}

/* ---- those who serve ---- */

struct detect_job *detect_take(struct detect_queue *queue, enum detect_verdict (*judge)(void *data, const char *org_id),
                               void *data)
{
    struct detect_job *taken = NULL;
    enum detect_verdict verdict = DETECT_PASSES;
    pthread_mutex_lock(&queue->shared->lock);
    for (GList *link = queue->waiting.head; link && verdict == DETECT_PASSES; link = link->next) {
        struct detect_job *job = link->data;
        if (job->is_left)
            continue;
        verdict = judge(data, job->org_id);
        if (verdict != DETECT_TAKES)
            continue;
        taken = job;
        job->state = JOB_TAKEN;
        g_queue_delete_link(&queue->waiting, link);
        break;
    }
    pthread_mutex_unlock(&queue->shared->lock);
    return taken;
}

const char *detect_job_org(const struct detect_job *job)
{
    return job->org_id;
}

GBytes *detect_job_order(const struct detect_job *job)
{
    return job->order;
}

GBytes *detect_job_image(const struct detect_job *job)
{
    return job->image;
}

bool detect_job_is_late(struct detect_queue *queue, const struct detect_job *job)
{
    return clock_monotonic_us(queue->clock) > job->deadline_us;
}

/* Takes the answer or the error over, and ends the server's reference. */
static void end(struct detect_queue *queue, struct detect_job *job, GBytes *answer, GError *error)
{
    pthread_mutex_lock(&queue->shared->lock);
    job->state = JOB_OVER;
    job->answer = answer;
    job->error = error;
    if (!job->is_left)
        job->asker.over(job->asker.data);
    pthread_mutex_unlock(&queue->shared->lock);
    counter_add(&queue->health->detect_waiting, -1);
    job_unref(job);
}

void detect_finish(struct detect_queue *queue, struct detect_job *job, GBytes *answer)
{
    end(queue, job, g_bytes_ref(answer), NULL);
}

void detect_fail(struct detect_queue *queue, struct detect_job *job, const GError *error)
{
    if (g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_TIMEOUT))
        counter_add(&queue->health->detect_timeouts, 1);
    end(queue, job, NULL, g_error_copy(error));
}

/* Takes the first job out that is late or left; NULL when there is none. */
static struct detect_job *take_expired(struct detect_queue *queue, bool *is_left)
{
    struct detect_job *taken = NULL;
    pthread_mutex_lock(&queue->shared->lock);
    for (GList *link = queue->waiting.head; link; link = link->next) {
        struct detect_job *job = link->data;
        if (!job->is_left && !detect_job_is_late(queue, job))
            continue;
        taken = job;
        *is_left = job->is_left;
        g_queue_delete_link(&queue->waiting, link);
        break;
    }
    pthread_mutex_unlock(&queue->shared->lock);
    return taken;
}

void detect_expire(struct detect_queue *queue)
{
    g_autoptr(GError) late = g_error_new(VEDETTE_ERROR, VEDETTE_ERROR_TIMEOUT,
                                         "the picture waited for longer than detect.timeout_seconds: try again");
    g_autoptr(GError) left = g_error_new(VEDETTE_ERROR, VEDETTE_ERROR_CANCELLED, "nobody asks for it any more");
    struct detect_job *job;
    bool is_left;
    while ((job = take_expired(queue, &is_left)))
        detect_fail(queue, job, is_left ? left : late);
}
