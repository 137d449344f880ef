#include "base/thread.h"

#include <pthread.h>

#include <glib.h>

int thread_start(pthread_t *thread, const char *name, void *(*run)(void *data), void *data)
{
    char shown[16]; /* the kernel's bound, with the 0 */
    int code = pthread_create(thread, NULL, run, data);
    g_strlcpy(shown, name, sizeof shown);
    if (code == 0)
        pthread_setname_np(*thread, shown); /* where it fails, it keeps the program's name */
    return code;
}
