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

/* What code does that meets bytes it was not made for. A SIGKILL is mostly the kernel's, where memory ran out, or ours
 * for silence, of which a machine that has too much to do is full: more workers would only want more of it. One that
 * did not say hello was at no camera. */
static bool is_by_camera(const struct hub_worker *worker, int status)
{
    static const int signals[] = {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
    if (!WIFSIGNALED(status) || !worker->has_said_hello || !hub_worker_is_for_cameras(worker) ||
        worker->hub->is_stopping)
        return false;
    for (size_t i = 0; i < G_N_ELEMENTS(signals); i++)
        if (WTERMSIG(status) == signals[i])
            return true;
    return false;
}

bool crashes_is_half(const struct hub_worker *worker)
{
    return worker->is_half && !worker->is_leaving && (!worker->pid || !hub_worker_is_stable(worker));
}

char *crashes_note(struct hub_worker *worker, int status, const char *reason)
{
    bool was_stable = hub_worker_is_stable(worker);
    worker->has_crashed = !was_stable && is_by_camera(worker, status);
    if (was_stable)
        worker->crashes = 0;
    worker->crashes += worker->has_crashed;
    if (!worker->has_crashed || worker->crashes < CRASHES_IN_A_ROW || worker->cameras->len != 1)
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
        count += crashes_is_half(worker);
    }
    return count;
}

void crashes_halve(struct hub_worker *worker)
{
    guint cameras = worker->cameras->len;
    if (!worker->has_crashed || worker->crashes % CRASHES_IN_A_ROW != 0 || cameras < 2)
        return;
    if (count_halves(worker->hub) + (crashes_is_half(worker) ? 1 : 2) > HALVES_MAX) {
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
