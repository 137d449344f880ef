#define LOG_MODULE "hub"
#include "hub/policy_files.h"

#include "base/log.h"
#include "base/thread.h"
#include "base/wait.h"
#include "hub/policy_taking.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

enum {
    SETTLE_MS = 50,  /* editors and git write a file in several steps */
    RETRY_MS = 2000, /* until what the store, or the disk, could not do is tried again */
};
static const uint32_t watched_events =
    IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CREATE | IN_ONLYDIR;

int policy_files_first_look_ms = POLICY_FILES_FIRST_LOOK_MS;

struct policy_files {
    /* immutable */
    int64_t poll_ms; /* 0: never */
    int inotify, wake;
    bool is_running;
    pthread_t thread;
    atomic_bool is_stopping;

    struct policy_taking *taking; /* the thread's */

    pthread_mutex_t lock;
    pthread_cond_t looked;
    bool has_looked; /* under lock, as the next */
    size_t refused;
};

static void watch(void *data, const char *folder)
{
    const struct policy_files *files = data;
    if (inotify_add_watch(files->inotify, folder, watched_events) < 0)
        log_warning(NULL, "policy files in '%s' are not watched: %s", folder, g_strerror(errno));
}

static void note_look(struct policy_files *files)
{
    pthread_mutex_lock(&files->lock);
    files->refused = policy_taking_refused(files->taking);
    files->has_looked = true;
    pthread_cond_signal(&files->looked);
    pthread_mutex_unlock(&files->lock);
}

/* Until a file changes, the next look is due or it is time to end. Watches are of folders, not of their names: of a
 * directory that another took the place of nothing is told, and the next look finds it. */
static void rest(struct policy_files *files, bool is_done)
{
    char events[4096];
    struct pollfd awaited[] = {{.fd = files->wake, .events = POLLIN}, {.fd = files->inotify, .events = POLLIN}};
    int64_t poll_ms = files->poll_ms ? files->poll_ms : -1;
    poll(awaited, G_N_ELEMENTS(awaited), is_done ? (int)poll_ms : RETRY_MS);
    if (!awaited[1].revents)
        return;
    poll(awaited, 1, SETTLE_MS);
    while (read(files->inotify, events, sizeof events) > 0)
        ;
}

static void *take_on(void *data)
{
    struct policy_files *files = data;
    while (!atomic_load(&files->is_stopping)) {
        bool is_done = policy_taking_look(files->taking);
        note_look(files);
        rest(files, is_done);
    }
    return NULL;
}

static void wait_for_look(struct policy_files *files)
{
    const struct timespec until = wait_deadline_after(policy_files_first_look_ms * INT64_C(1000));
    pthread_mutex_lock(&files->lock);
    while (!files->has_looked && pthread_cond_timedwait(&files->looked, &files->lock, &until) != ETIMEDOUT)
        ;
    if (!files->has_looked)
        log_warning(NULL, "policies.directory is still being read; what it says comes into force meanwhile");
    pthread_mutex_unlock(&files->lock);
}

static bool check(const struct policy_files *files, const char *directory, GError **error)
{
    const char *why = files->inotify < 0 || files->wake < 0         ? "cannot be watched: no inotify to be had"
                      : !g_file_test(directory, G_FILE_TEST_IS_DIR) ? "is no directory: make it"
                                                                    : NULL;
    if (why)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_IO, "policies.directory '%s' %s", directory, why);
    return !why;
}

bool policy_files_start(struct policy_files *files, GError **error)
{
    if (files->is_running)
        return true;
    int code = thread_start(&files->thread, "policy files", take_on, files);
    files->is_running = code == 0;
    if (files->is_running)
        wait_for_look(files);
    else
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE, "start to watch policies.directory: %s",
                    g_strerror(code));
    return files->is_running;
}

struct policy_files *policy_files_new(const struct policy_files_config *config, GError **error)
{
    struct policy_files *files = g_new0(struct policy_files, 1);
    const struct policy_taking_config taking = {config->directory,   config->source, config->store, config->keeper,
                                                &files->is_stopping, watch,          files};
    files->poll_ms = (int64_t)(config->poll_seconds * 1000);
    files->taking = policy_taking_new(&taking);
    pthread_mutex_init(&files->lock, NULL);
    wait_condition_init(&files->looked);
    files->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    files->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (check(files, config->directory, error))
        return files;
    policy_files_free(files);
    return NULL;
}

size_t policy_files_refused(struct policy_files *files)
{
    pthread_mutex_lock(&files->lock);
    size_t refused = files->refused;
    pthread_mutex_unlock(&files->lock);
    return refused;
}

void policy_files_free(struct policy_files *files)
{
    if (!files)
        return;
    atomic_store(&files->is_stopping, true);
    if (files->is_running) {
        eventfd_write(files->wake, 1);
        pthread_join(files->thread, NULL);
    }
    if (files->inotify >= 0)
        close(files->inotify);
    if (files->wake >= 0)
        close(files->wake);
    policy_taking_free(files->taking);
    pthread_mutex_destroy(&files->lock);
    pthread_cond_destroy(&files->looked);
    g_free(files);
}
