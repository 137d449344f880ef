#include "base/thread.h"

#include <pthread.h>
#include <sys/prctl.h>

#include <glib.h>

struct start {
    void *(*run)(void *data);
    void *data;
    const char *name;
};

/* It names itself: a name given by another thread goes through /proc, which a worker's cage does not let it write. */
static void *begin(void *data)
{
    struct start start = *(struct start *)data;
    g_free(data);
    prctl(PR_SET_NAME, start.name, 0, 0, 0); /* where it fails, it keeps the program's name */
    return start.run(start.data);
}

int thread_start(pthread_t *thread, const char *name, void *(*run)(void *data), void *data)
{
    struct start *start = g_new(struct start, 1);
    *start = (struct start){run, data, name};
    int code = pthread_create(thread, NULL, begin, start);
    if (code != 0)
        g_free(start);
    return code;
}
