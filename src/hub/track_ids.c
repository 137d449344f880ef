#define LOG_MODULE "hub"
#include "hub/track_ids.h"

#include "base/error.h"
#include "base/log.h"
#include "base/thread.h"
#include "base/wait.h"

#include <errno.h>
#include <pthread.h>

enum { RETRY_US = 1000000, COMPLAINT_US = 30 * 1000000 };

/* What was given last, for a start without the store: the clock may have been set back meanwhile. */
static const char hint_file[] = "track_ids";

struct track_ids {
    struct store *store;
    struct clock *clock;
    char *hint_path;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int64_t given, kept; /* lock */
    bool is_stopping;    /* lock */
};

/* 0: none, or it cannot be read. */
static int64_t read_hint(const char *path)
{
    g_autofree char *text = NULL;
    return g_file_get_contents(path, &text, NULL, NULL) ? MAX(g_ascii_strtoll(text, NULL, 10), 0) : 0;
}

static void write_hint(const struct track_ids *ids, int64_t base)
{
    static struct log_limit complaint;
    gint64 held_back;
    g_autoptr(GError) error = NULL;
    g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT "\n", base);
    if (!g_file_set_contents_full(ids->hint_path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0600, &error) &&
        log_limit_pass(&complaint, COMPLAINT_US, &held_back))
        log_warning(NULL, "which track ids were given is not noted for a start without the store: %s (%lld more)",
                    error->message, (long long)held_back);
}

static bool keep(struct track_ids *ids, int64_t *base)
{
    static struct log_limit complaint;
    gint64 held_back;
    g_autoptr(GError) error = NULL;
    if (store_keep_track_id_base(ids->store, base, &error))
        return true;
    if (log_limit_pass(&complaint, COMPLAINT_US, &held_back))
        log_warning(NULL, "which track ids were given is not stored, and tried again: %s (%lld more)", error->message,
                    (long long)held_back);
    return false;
}

/* Under lock. */
static void rest(struct track_ids *ids)
{
    const struct timespec deadline = wait_deadline_after(RETRY_US);
    while (!ids->is_stopping && pthread_cond_timedwait(&ids->changed, &ids->lock, &deadline) != ETIMEDOUT)
        ;
}

/* Under lock, which is given up meanwhile. */
static bool keep_given(struct track_ids *ids)
{
    int64_t base = ids->given;
    pthread_mutex_unlock(&ids->lock);
    write_hint(ids, base);
    bool is_kept = keep(ids, &base);
    pthread_mutex_lock(&ids->lock);
    if (is_kept) {
        ids->kept = base;
        ids->given = MAX(ids->given, base); /* another hub gave more */
    }
    return is_kept;
}

static void *run(void *data)
{
    struct track_ids *ids = data;
    pthread_mutex_lock(&ids->lock);
    for (bool is_good = true; is_good || !ids->is_stopping;) {
        if (ids->kept != ids->given) {
            if (!(is_good = keep_given(ids)))
                rest(ids);
        } else if (ids->is_stopping) {
            break;
        } else {
            pthread_cond_wait(&ids->changed, &ids->lock);
        }
    }
    pthread_mutex_unlock(&ids->lock);
    return NULL;
}

struct track_ids *track_ids_new(struct store *store, const char *data_dir, struct clock *clock, GError **error)
{
    struct track_ids *ids = g_new0(struct track_ids, 1);
    *ids = (struct track_ids){.store = store, .clock = clock};
    ids->hint_path = g_build_filename(data_dir, hint_file, NULL);
    ids->given = ids->kept = store_next_track_id_base(clock, read_hint(ids->hint_path));
    pthread_mutex_init(&ids->lock, NULL);
    wait_condition_init(&ids->changed);
    int code = thread_start(&ids->thread, "track ids", run, ids);
    if (code == 0)
        return ids;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE, "start to keep track ids: %s", g_strerror(code));
    pthread_cond_destroy(&ids->changed);
    pthread_mutex_destroy(&ids->lock);
    g_free(ids->hint_path);
    g_free(ids);
    return NULL;
}

bool track_ids_settle(struct track_ids *ids, GError **error)
{
    pthread_mutex_lock(&ids->lock);
    int64_t base = ids->given;
    pthread_mutex_unlock(&ids->lock);
    if (!store_keep_track_id_base(ids->store, &base, error))
        return false;
    pthread_mutex_lock(&ids->lock);
    ids->given = MAX(ids->given, base);
    pthread_mutex_unlock(&ids->lock);
    return true;
}

void track_ids_free(struct track_ids *ids)
{
    if (!ids)
        return;
    pthread_mutex_lock(&ids->lock);
    ids->is_stopping = true;
    pthread_cond_signal(&ids->changed);
    pthread_mutex_unlock(&ids->lock);
    pthread_join(ids->thread, NULL);
    pthread_cond_destroy(&ids->changed);
    pthread_mutex_destroy(&ids->lock);
    g_free(ids->hint_path);
    g_free(ids);
}

int64_t track_ids_take(struct track_ids *ids)
{
    pthread_mutex_lock(&ids->lock);
    int64_t base = ids->given = store_next_track_id_base(ids->clock, ids->given);
    pthread_cond_signal(&ids->changed);
    pthread_mutex_unlock(&ids->lock);
    return base;
}
