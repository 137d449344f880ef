/* Backups of the embedded store: SQLite's online backup of one moment (sqlite.org/backup.html). */
#include "store/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "store/sqlite_internal.h"

static bool fail(GError **error, enum vedette_error kind, const char *path, const char *what, const char *why)
{
    g_set_error(error, VEDETTE_ERROR, kind, "%s: %s: %s", path, what, why);
    return false;
}

static void database_close(sqlite3 *db)
{
    sqlite3_close(db);
}
CLEANUP_DEFINE(sqlite3, database_close)

static bool run(sqlite3 *db, const char *path, const char *sql, GError **error)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ||
           fail(error, VEDETTE_ERROR_IO, path, sql, sqlite3_errmsg(db));
}

/* ---- files ---- */

static bool sync_path(const char *path, int flags, GError **error)
{
    int fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW);
    bool is_good = fd >= 0 && fsync(fd) == 0;
    int reason = errno;
    if (fd >= 0)
        close(fd);
    return is_good || fail(error, VEDETTE_ERROR_IO, path, "write to the disk", g_strerror(reason));
}

/* The file and the name it has. */
static bool sync_file(const char *path, GError **error)
{
    g_autofree char *directory = g_path_get_dirname(path);
    return sync_path(path, O_RDWR, error) && sync_path(directory, O_RDONLY | O_DIRECTORY, error);
}

/* An empty file that is this call's alone. */
static bool make_new(const char *path, GError **error)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return fail(error, VEDETTE_ERROR_IO, path, "make the file",
                    errno == EEXIST ? "it is there already: give another name, or remove it" : g_strerror(errno));
    close(fd);
    return true;
}

/* One that is there already, in whose name others read something. */
static bool make_empty(const char *path, GError **error)
{
    int fd = open(path, O_RDWR | O_TRUNC | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return fail(error, VEDETTE_ERROR_IO, path, "empty the file", g_strerror(errno));
    close(fd);
    return true;
}

static bool check_room(const char *from, const char *directory, GError **error)
{
    struct stat status;
    struct statvfs room;
    if (stat(from, &status) != 0)
        return fail(error, VEDETTE_ERROR_NOT_FOUND, from, "open", g_strerror(errno));
    if (statvfs(directory, &room) != 0)
        return fail(error, VEDETTE_ERROR_IO, directory, "look at its free space", g_strerror(errno));
    if ((int64_t)room.f_bavail * (int64_t)room.f_frsize > (int64_t)status.st_size)
        return true;
    return fail(error, VEDETTE_ERROR_FULL, directory, "there is no room for the copy",
                "free space, or take another disk");
}

/* ---- copying and checking ---- */

/* SQLite in another process may read the file, but must never checkpoint it (sqlite_internal.h). */
static sqlite3 *open_source(const char *path, GError **error)
{
    sqlite3 *db = NULL;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW;
    if (sqlite3_open_v2(path, &db, flags, NULL) == SQLITE_OK) {
        sqlite3_busy_timeout(db, SQLITE_BUSY_MS);
        sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
        if (run(db, path, "PRAGMA query_only=1", error))
            return db;
    } else {
        fail(error, VEDETTE_ERROR_IO, path, "open", db ? sqlite3_errmsg(db) : "out of memory");
    }
    sqlite3_close(db);
    return NULL;
}

static sqlite3 *open_plain(const char *path, GError **error)
{
    sqlite3 *db = NULL;
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW, NULL) == SQLITE_OK)
        return db;
    fail(error, VEDETTE_ERROR_IO, path, "open", db ? sqlite3_errmsg(db) : "out of memory");
    sqlite3_close(db);
    return NULL;
}

static bool step(sqlite3_backup *backup, sqlite3 *into, const struct store_settings *settings, const char *path,
                 GError **error)
{
    int code;
    while ((code = sqlite3_backup_step(backup, settings->backup_step_pages)) == SQLITE_OK || code == SQLITE_BUSY)
        g_usleep((gulong)settings->backup_pause_ms * 1000);
    return code == SQLITE_DONE || fail(error, code == SQLITE_FULL ? VEDETTE_ERROR_FULL : VEDETTE_ERROR_IO, path,
                                       "write", sqlite3_errmsg(into));
}

/* The transaction holds the moment: what is written meanwhile goes to the log, and the copy need not begin anew. */
static bool copy_pages(sqlite3 *from, sqlite3 *into, const struct store_settings *settings, const char *path,
                       GError **error)
{
    if (!run(from, path, "BEGIN; SELECT count(*) FROM sqlite_master", error))
        return false;
    sqlite3_backup *backup = sqlite3_backup_init(into, "main", from, "main");
    bool is_good = backup ? step(backup, into, settings, path, error)
                          : fail(error, VEDETTE_ERROR_IO, path, "begin the copy", sqlite3_errmsg(into));
    sqlite3_backup_finish(backup);
    sqlite3_exec(from, "ROLLBACK", NULL, NULL, NULL);
    return is_good;
}

/* The first row of a check that is not "ok" says what is wrong; no row at all is good, too. */
static bool check_by(sqlite3 *db, const char *path, const char *sql, GError **error)
{
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
        return fail(error, VEDETTE_ERROR_INVALID, path, "this is no whole database", sqlite3_errmsg(db));
    int code = sqlite3_step(statement);
    const char *found = code == SQLITE_ROW ? (const char *)sqlite3_column_text(statement, 0) : NULL;
    bool is_good = code == SQLITE_DONE || g_strcmp0(found, "ok") == 0;
    if (!is_good)
        fail(error, VEDETTE_ERROR_INVALID, path, "this is no whole database", found ? found : sqlite3_errmsg(db));
    sqlite3_finalize(statement);
    return is_good;
}

static bool check_whole(sqlite3 *db, const char *path, GError **error)
{
    return check_by(db, path, "PRAGMA integrity_check(1)", error) &&
           check_by(db, path, "PRAGMA foreign_key_check", error);
}

/* Into a file of this call's own, in one piece: no log beside it. */
static bool copy_and_check(const char *from_path, const char *path, const struct store_settings *settings,
                           GError **error)
{
    CLEANUP(sqlite3) sqlite3 *from = open_source(from_path, error);
    CLEANUP(sqlite3) sqlite3 *into = from ? open_plain(path, error) : NULL;
    return into && copy_pages(from, into, settings, path, error) &&
           run(into, path, "PRAGMA journal_mode=DELETE", error) && check_whole(into, path, error);
}

static int64_t length_of(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 ? (int64_t)status.st_size : 0;
}

bool store_backup(const char *data_dir, const struct store_settings *settings, const char *path, int64_t *bytes,
                  GError **error)
{
    g_autofree char *from = g_build_filename(data_dir, "vedette.db", NULL);
    g_autofree char *partial = g_strconcat(path, ".partial", NULL), *directory = g_path_get_dirname(path);
    if (access(path, F_OK) == 0)
        return fail(error, VEDETTE_ERROR_INVALID, path, "make the file", "it is there already: give another name");
    if (!check_room(from, directory, error) || !make_new(partial, error))
        return false;
    bool is_good = copy_and_check(from, partial, settings, error) && sync_file(partial, error);
    if (is_good && link(partial, path) != 0) /* unlike rename, never in another's place */
        is_good = fail(error, VEDETTE_ERROR_IO, path, "name the copy", g_strerror(errno));
    unlink(partial);
    if (bytes)
        *bytes = is_good ? length_of(path) : 0;
    return is_good && sync_file(path, error);
}

/* ---- putting one back ---- */

/* The steps it was made by are known to this version. Rows are not migrated: that is done when it is opened. */
static bool check_ours(const char *path, GError **error)
{
    CLEANUP(sqlite3) sqlite3 *db = open_plain(path, error);
    g_autofree char *newer = g_strdup_printf(
        "SELECT 'it was made by a newer Vedette: use that version' FROM schema_migrations WHERE number > "
        "%d",
        store_steps[store_step_count - 1].number);
    return db &&
           check_by(db, path,
                    "SELECT CASE WHEN count(*) = 1 THEN 'ok' ELSE 'it is not Vedette''s' END FROM "
                    "sqlite_master WHERE name = 'schema_migrations'",
                    error) &&
           check_by(db, path, newer, error) && check_whole(db, path, error);
}

static bool remove_any(const char *path, GError **error)
{
    return unlink(path) == 0 || errno == ENOENT || fail(error, VEDETTE_ERROR_IO, path, "remove it", g_strerror(errno));
}

/* A log of another database must never lie beside this one, whatever of the three is there. Of a call that was killed
 * in the midst of it, what it moved stays; else what lies there is of an earlier replacement, and goes. */
static bool move_away(const char *place, bool is_going_on, GError **error)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < G_N_ELEMENTS(suffixes); i++) {
        g_autofree char *to = g_strconcat(place, ".replaced", suffixes[i], NULL);
        if (!is_going_on && !remove_any(to, error))
            return false;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(suffixes); i++) {
        g_autofree char *from = g_strconcat(place, suffixes[i], NULL),
                        *to = g_strconcat(place, ".replaced", suffixes[i], NULL);
        if (rename(from, to) != 0 && errno != ENOENT)
            return fail(error, VEDETTE_ERROR_IO, from, "move it away", g_strerror(errno));
    }
    return true;
}

static bool is_there(const char *path)
{
    return access(path, F_OK) == 0;
}

static bool put_in_place(const char *data_dir, const struct store_settings *settings, const char *path, GError **error)
{
    g_autofree char *place = g_build_filename(data_dir, "vedette.db", NULL);
    g_autofree char *partial = g_strconcat(place, ".restoring", NULL);
    bool is_going_on = is_there(partial) && !is_there(place); /* a call was killed once it had moved the main file */
    /* It is never away meanwhile: whatever fails from here on, the next call goes on too. */
    bool is_good = (is_going_on ? make_empty(partial, error) : remove_any(partial, error)) &&
                   check_room(path, data_dir, error) && (is_going_on || make_new(partial, error)) &&
                   copy_and_check(path, partial, settings, error) && check_ours(partial, error) &&
                   sync_file(partial, error) && move_away(place, is_going_on, error);
    if (is_good && rename(partial, place) != 0)
        is_good = fail(error, VEDETTE_ERROR_IO, place, "put the copy in its place", g_strerror(errno));
    if (!is_good && is_there(place))
        unlink(partial); /* else it tells the next call that it goes on */
    return is_good && sync_file(place, error);
}

bool store_restore(const char *data_dir, const struct store_settings *settings, const char *path, struct clock *clock,
                   GError **error)
{
    int lock = sqlite_lock_directory(data_dir, error);
    if (lock < 0)
        return false;
    bool is_good = put_in_place(data_dir, settings, path, error);
    close(lock);
    /* Opened once, so that it is known to be good, and migrated. */
    struct store_settings embedded = *settings;
    embedded.url = NULL;
    return is_good && store_migrate(data_dir, &embedded, clock, false, NULL, error);
}
