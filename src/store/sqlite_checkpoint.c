/* Checkpoints: what the WAL holds is written into the database by a thread of its own, with the writing connection
 * (sqlite_internal.h says why), in a turn that it takes while nobody waits for one: whoever commits does not wait for
 * it. Where somebody always waits, the commit that makes the WAL SQLITE_CHECKPOINT_MOST_PAGES long does it. */
#include "base/thread.h"
#include "store/sqlite_internal.h"

#include <errno.h>
#include <string.h>

/* With the turn to write. Readers may keep some of it back: the rest goes after a later commit. */
static void checkpoint(struct sqlite_engine *engine)
{
    struct connection *writer = &engine->writer;
    g_autoptr(GError) error = NULL;
    engine->checkpointer.pages = 0;
    if (sqlite3_wal_checkpoint_v2(writer->db, "main", SQLITE_CHECKPOINT_PASSIVE, NULL, NULL) == SQLITE_OK)
        return;
    connection_fail(writer, "write the log into the database", &error);
    store_note_write(engine->store, error);
}

/* In each commit, with the turn. */
static int note_pages(void *data, sqlite3 *db, const char *schema, int pages)
{
    struct sqlite_engine *engine = data;
    (void)db;
    (void)schema;
    engine->checkpointer.pages = pages;
    if (pages >= SQLITE_CHECKPOINT_MOST_PAGES)
        checkpoint(engine);
    return SQLITE_OK;
}

/* With turns.lock held. Nobody has the turn then, so that what its holder owns may be read. */
static bool is_due(const struct sqlite_engine *engine)
{
    return engine->turns.next == engine->turns.current && engine->checkpointer.pages >= SQLITE_CHECKPOINT_PAGES;
}

static void *run_checkpoints(void *data)
{
    struct sqlite_engine *engine = data;
    pthread_mutex_lock(&engine->turns.lock);
    while (!engine->checkpointer.is_closing) {
        if (!is_due(engine)) {
            pthread_cond_wait(&engine->turns.ended, &engine->turns.lock);
            continue;
        }
        engine->turns.next++;
        pthread_mutex_unlock(&engine->turns.lock);
        checkpoint(engine);
        pthread_mutex_lock(&engine->turns.lock);
        engine->turns.current++;
        pthread_cond_broadcast(&engine->turns.ended);
    }
    pthread_mutex_unlock(&engine->turns.lock);
    return NULL;
}

bool sqlite_checkpointer_start(struct sqlite_engine *engine, GError **error)
{
    sqlite3_wal_hook(engine->writer.db, note_pages, engine);
    int code = thread_start(&engine->checkpointer.thread, "checkpoints", run_checkpoints, engine);
    engine->checkpointer.is_running = code == 0;
    if (code)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE, "start the store's checkpoints: %s",
                    g_strerror(code));
    return code == 0;
}

void sqlite_checkpointer_stop(struct sqlite_engine *engine)
{
    if (!engine->checkpointer.is_running)
        return;
    pthread_mutex_lock(&engine->turns.lock);
    engine->checkpointer.is_closing = true;
    pthread_cond_broadcast(&engine->turns.ended);
    pthread_mutex_unlock(&engine->turns.lock);
    pthread_join(engine->checkpointer.thread, NULL);
}
