/* Which camera it is that ends its worker again and again, so that the others stay on line: a worker that does not live
 * is halved until that one is alone. Main loop's thread.
 */
#define LOG_MODULE "hub"
#include "hub/hub_internal.h"

#include "base/log.h"

#include <signal.h>
#include <sys/wait.h>

enum {
    CRASHES_IN_A_ROW = 3,
    HALVES_MAX = 16, /* workers: what ends each of them, whatever it watches, is not to make ever more. Two or three
                        cameras are found within, of 8 each */
};

/* Somebody else's SIGKILL is mostly the kernel's, where memory ran out: more workers would need more of it. Our own is
 * for silence, else for what is no camera's. One that did not say hello was at no camera. */
static bool is_by_camera(const struct hub_worker *worker, int status)
{
    bool is_ended = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && !worker->is_killed;
    return worker->has_said_hello && !is_ended && hub_worker_is_for_cameras(worker) && !worker->hub->is_stopping;
}

char *crashes_note(struct hub_worker *worker, int status, const char *reason)
{
    int64_t up_us = clock_monotonic_us(worker->hub->clock) - worker->started_us;
    if (up_us >= (int64_t)worker->hub->settings->workers.stable_seconds * G_USEC_PER_SEC)
        worker->crashes = 0;
    else if (is_by_camera(worker, status))
        worker->crashes++;
    if (worker->crashes < CRASHES_IN_A_ROW || worker->cameras->len != 1)
        return g_strdup(reason);
    return g_strdup_printf("its worker, which watches this camera alone, ended %d times in a row (%s): what it sends "
                           "cannot be decoded without a crash. Change its stream or the camera's software, or "
                           "disable it",
                           worker->crashes, reason);
}

static guint count_halves(const struct hub *hub)
{
    guint count = 0;
    for (guint i = 0; i < hub->workers->len; i++) {
        const struct hub_worker *worker = g_ptr_array_index(hub->workers, i);
        count += worker->is_half && !worker->is_leaving;
    }
    return count;
}

void crashes_halve(struct hub_worker *worker)
{
    guint cameras = worker->cameras->len;
    if (worker->crashes == 0 || worker->crashes % CRASHES_IN_A_ROW != 0 || cameras < 2)
        return;
    if (count_halves(worker->hub) + (worker->is_half ? 1 : 2) > HALVES_MAX) {
        log_error(
            worker->id,
            "ended %d times in a row: which of its %u cameras ends it is not looked for, as %d workers are halves "
            "already",
            worker->crashes, cameras, HALVES_MAX);
        return;
    }
    struct hub_worker *other = hub_place_half(worker);
    log_error(worker->id, "ended %d times in a row: %u of its %u cameras go to %s, to find the one that ends it",
              worker->crashes, other->cameras->len, cameras, other->id);
    worker->crashes = worker->restarts = 0; /* it watches others now */
    hub_worker_start_or_retry(other);
}
