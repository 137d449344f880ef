/* Room made ahead. Deleting takes some, too: in the log, and in the file as far as the log is written into it. So where
 * the disk is short (store.minimum_free_bytes), records are added only while the file has free pages of its own and the
 * log is as long. Both are made ahead as long as the disk gives them; once it does not, records are refused, which can
 * wait, and what there is of both is left to retention. The rows that it deletes leave free pages, so that records are
 * added again, and nothing needs to grow for them.
 */
#include "store/sqlite_internal.h"

#include <sys/stat.h>
#include <sys/statvfs.h>

#define ROOM "'room'" /* the row of store_values whose bytes become free pages */

static bool is_disk_short(const struct sqlite_engine *engine)
{
    struct statvfs room;
    return statvfs(engine->data_dir, &room) == 0 &&
           (int64_t)room.f_bavail * (int64_t)room.f_frsize < engine->store->settings.minimum_free_bytes;
}

static bool note_integer(void *data, const struct record_sql_value *row, size_t count, GError **error)
{
    (void)count;
    (void)error;
    *(int64_t *)data = row[0].integer;
    return true;
}

static int64_t count_pages(struct sqlite_engine *engine, const char *pragma)
{
    int64_t pages = 0;
    connection_run(&engine->writer, pragma, NULL, 0, note_integer, &pages, NULL, NULL);
    return pages;
}

static bool has_room(struct sqlite_engine *engine)
{
    struct stat log;
    g_autofree char *log_path = g_strconcat(engine->path, "-wal", NULL);
    return stat(log_path, &log) == 0 && log.st_size >= SQLITE_ROOM_BYTES &&
           count_pages(engine, "PRAGMA freelist_count") >= SQLITE_ROOM_BYTES / SQLITE_PAGE_BYTES;
}

/* Has the file take so many bytes of the disk beyond its end: else the log could hold what has no place in the file,
 * and from then on only grow. */
static bool extend_file(struct sqlite_engine *engine, int64_t bytes, GError **error)
{
    sqlite3 *db = engine->writer.db;
    int64_t size = count_pages(engine, "PRAGMA page_count") * SQLITE_PAGE_BYTES + bytes;
    int chunk = SQLITE_PAGE_BYTES, none = 0; /* a hint counts only where there is one */
    sqlite3_file_control(db, "main", SQLITE_FCNTL_CHUNK_SIZE, &chunk);
    bool is_good = sqlite3_file_control(db, "main", SQLITE_FCNTL_SIZE_HINT, &size) == SQLITE_OK;
    sqlite3_file_control(db, "main", SQLITE_FCNTL_CHUNK_SIZE, &none);
    if (!is_good)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_FULL,
                    "%s: make it larger ahead: the disk does not give %d MiB: free space there, or move data_dir "
                    "(VEDETTE_DATA_DIR)",
                    engine->path, (int)(bytes >> 20));
    return is_good;
}

/* What takes no values, past what keeps orgs apart: it is no org's. */
static bool change_row(struct sqlite_engine *engine, const char *sql, GError **error)
{
    struct connection *writer = &engine->writer;
    if (!sqlite_scope_set(writer, STORE_PLATFORM, error))
        return false;
    writer->write_target = "store_values";
    bool is_good = sqlite3_exec(writer->db, sql, NULL, NULL, NULL) == SQLITE_OK ||
                   connection_fail(writer, "make room ahead", error);
    writer->write_target = NULL;
    return sqlite_scope_set(writer, "", is_good ? error : NULL) && is_good;
}

bool sqlite_room_clear(struct sqlite_engine *engine, GError **error)
{
    return change_row(engine, "DELETE FROM main.store_values WHERE name = " ROOM, error);
}

/* The bytes go through the log, which is as long then, and from there into the file, where their pages are free once
 * the row is gone. Twice what there must be, so that it is not asked for with each commit. */
static bool make_room(struct sqlite_engine *engine, GError **error)
{
    enum { BYTES = 2 * SQLITE_ROOM_BYTES, REST = 64 * SQLITE_PAGE_BYTES }; /* of what leads to them */
    g_autofree char *sql = g_strdup_printf(
        "INSERT OR REPLACE INTO main.store_values (name, value) VALUES (" ROOM ", zeroblob(%d))", BYTES);
    if (!extend_file(engine, BYTES + REST, error) || !change_row(engine, sql, error))
        return false;
    bool is_good = sqlite_checkpoint(engine, error);
    return sqlite_room_clear(engine, is_good ? error : NULL) && is_good;
}

bool sqlite_room_ensure(struct sqlite_engine *engine, GError **error)
{
    if (!is_disk_short(engine) || has_room(engine) || make_room(engine, error))
        return true;
    g_prefix_error(error, "what room there is is kept for retention, and records wait: ");
    return false;
}
