/* One file: an SQLite database in WAL mode while it is written to, a plain one once it is sealed. Rows are added and
 * never changed; what is done is one bit a row, kept in a row of its own; a file that is drained is removed whole.
 */
#include "resilience/spool_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/crc32c.h"

enum {
    FORMAT_VERSION = 1,
    APPLICATION_ID = 0x5653504c, /* "VSPL" */
    ROW_OVERHEAD_BYTES = 16,     /* of SQLite's, about */
    EMPTY_FILE_BYTES = 16384,
    FRAME_BYTES = 4096 + 24,    /* of a WAL */
    SALVAGE_ROWS_MAX = 1 << 20, /* looked for one by one in a file that cannot be walked */
};

const char *spool_synchronous = "FULL";

/* ---- bits ---- */

bool spool_bits_get(const GByteArray *bits, uint32_t row)
{
    guint byte = (row - 1) / 8;
    return byte < bits->len && bits->data[byte] >> (row - 1) % 8 & 1;
}

void spool_bits_set(GByteArray *bits, uint32_t row)
{
    guint byte = (row - 1) / 8, length = bits->len;
    if (byte >= length) {
        g_byte_array_set_size(bits, byte + 1);
        memset(bits->data + length, 0, byte + 1 - length);
    }
    bits->data[byte] |= (guint8)(1 << (row - 1) % 8);
}

/* ---- errors ---- */

/* Something else is in its own place; above it a directory may be on its way elsewhere. */
static bool is_displaced(const struct spool_file *file)
{
    struct stat status;
    return lstat(file->path, &status) == 0 && !S_ISREG(status.st_mode);
}

static enum vedette_error classify(const struct spool_file *file, int code)
{
    int system = file->db ? sqlite3_system_errno(file->db) : 0;
    if (code == SQLITE_CANTOPEN_SYMLINK || code == SQLITE_CANTOPEN_ISDIR)
        return is_displaced(file) ? VEDETTE_ERROR_INVALID : VEDETTE_ERROR_IO;
    switch (code & 0xff) {
    case SQLITE_FULL:
        return VEDETTE_ERROR_FULL;
    case SQLITE_IOERR:
        return system == ENOSPC || system == EDQUOT || system == EFBIG ? VEDETTE_ERROR_FULL : VEDETTE_ERROR_IO;
    case SQLITE_READONLY:
    case SQLITE_PERM:
        return VEDETTE_ERROR_PERMISSION;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_ERROR: /* a table is missing */
        return VEDETTE_ERROR_INVALID;
    default:
        return VEDETTE_ERROR_IO;
    }
}

static bool fail(const struct spool_file *file, const char *action, GError **error)
{
    int code = file->db ? sqlite3_extended_errcode(file->db) : SQLITE_NOMEM;
    enum vedette_error kind = classify(file, code);
    g_set_error(error, VEDETTE_ERROR, kind, "%s: %s: %s%s", file->path, action,
                file->db ? sqlite3_errmsg(file->db) : "out of memory",
                kind == VEDETTE_ERROR_FULL ? ": free space there" : "");
    return false;
}

static bool execute(struct spool_file *file, const char *sql, GError **error)
{
    return sqlite3_exec(file->db, sql, NULL, NULL, NULL) == SQLITE_OK || fail(file, sql, error);
}

/* ---- opening ---- */

struct spool_file *spool_file_new(const struct spool_directory *directory, const struct spool_name *name)
{
    struct spool_file *file = g_new0(struct spool_file, 1);
    g_autofree char *text = spool_name_format(name);
    file->directory = directory;
    file->number = name->number;
    file->path = spool_directory_file(directory, text);
    file->has_sealed_name = file->is_retired = name->is_sealed;
    file->rows = file->written = name->rows;
    file->live = name->live;
    file->live_bytes = name->live_bytes;
    file->size_bytes = name->live_bytes + (int64_t)name->rows * (SPOOL_HEAD_FIXED_BYTES + ROW_OVERHEAD_BYTES);
    file->disk_bytes = file->size_bytes;
    file->done = g_byte_array_new();
    pthread_mutex_init(&file->connection, NULL);
    return file;
}

void spool_file_close(struct spool_file *file)
{
    sqlite3_stmt **statements[] = {&file->insert, &file->read, &file->save};
    for (size_t i = 0; i < G_N_ELEMENTS(statements); i++) {
        sqlite3_finalize(*statements[i]);
        *statements[i] = NULL;
    }
    if (file->db) {
        sqlite3_db_config(file->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
        sqlite3_close(file->db);
    }
    file->db = NULL;
}

void spool_file_free(struct spool_file *file)
{
    spool_file_close(file);
    pthread_mutex_destroy(&file->connection);
    g_byte_array_unref(file->done);
    g_free(file->path);
    g_free(file);
}

/* With each commit: a frame for each page. */
static int note_log(void *data, sqlite3 *db, const char *schema, int pages)
{
    struct spool_file *file = data;
    (void)db;
    (void)schema;
    file->log_bytes = (int64_t)pages * FRAME_BYTES;
    return SQLITE_OK;
}

/* SQLite is told to follow no link, anywhere in a path. Those above the file, which are its owner's to make, are
 * followed here with each opening: a directory may be moved and linked while it is in use. g_free; NULL: errno says
 * why.
 */
static char *find_place(const struct spool_file *file)
{
    g_autofree char *directory = g_path_get_dirname(file->path), *name = g_path_get_basename(file->path);
    char *real = realpath(directory, NULL), *place = real ? g_build_filename(real, name, NULL) : NULL;
    free(real);
    return place;
}

static bool connect(struct spool_file *file, const char *vfs, GError **error)
{
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_EXRESCODE;
    g_autofree char *place = find_place(file);
    if (!place)
        return vedette_error_set_errno(file->path, "open", "its directory must stay where it is, or be linked there",
                                       error);
    if (!spool_directory_is_there(file->directory)) { /* what is synced and locked is still the other one */
        g_set_error(
            error, VEDETTE_ERROR, VEDETTE_ERROR_IO,
            "%s: open: another directory is in the place of the one that was opened: put that back, or start anew",
            file->path);
        return false;
    }
    if (sqlite3_open_v2(place, &file->db, flags, vfs) != SQLITE_OK) {
        fail(file, "open", error);
        spool_file_close(file);
        return false;
    }
    /* one connection, so that the index of the WAL can stay in its memory */
    if (execute(file,
                "PRAGMA locking_mode=EXCLUSIVE; PRAGMA cache_size=-512; PRAGMA temp_store=MEMORY; "
                "PRAGMA cell_size_check=1; PRAGMA wal_autocheckpoint=0",
                error)) {
        sqlite3_wal_hook(file->db, note_log, file);
        return true;
    }
    spool_file_close(file);
    return false;
}

static bool set_synchronous(struct spool_file *file, GError **error)
{
    g_autofree char *sql = g_strconcat("PRAGMA synchronous=", spool_synchronous, NULL);
    return execute(file, sql, error);
}

static bool prepare(struct spool_file *file, GError **error)
{
    const struct {
        sqlite3_stmt **statement;
        const char *sql;
    } all[] = {{&file->insert, "INSERT INTO records(head, payload) VALUES(?1, ?2)"},
               {&file->read, "SELECT head, payload FROM records WHERE row=?1"},
               {&file->save, "INSERT OR REPLACE INTO done(id, bits) VALUES(1, ?1)"}};
    for (size_t i = 0; i < G_N_ELEMENTS(all); i++)
        if (sqlite3_prepare_v3(file->db, all[i].sql, -1, SQLITE_PREPARE_PERSISTENT, all[i].statement, NULL) !=
            SQLITE_OK)
            return fail(file, "prepare", error);
    return true;
}

static bool read_integer(struct spool_file *file, const char *sql, int64_t *value, GError **error)
{
    sqlite3_stmt *statement = NULL;
    bool is_read =
        sqlite3_prepare_v2(file->db, sql, -1, &statement, NULL) == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW;
    if (is_read)
        *value = sqlite3_column_int64(statement, 0);
    else
        fail(file, sql, error);
    sqlite3_finalize(statement);
    return is_read;
}

/* A file of a later version is not damaged, but this program cannot read it. */
static bool check_format(struct spool_file *file, GError **error)
{
    int64_t id, version;
    if (!read_integer(file, "PRAGMA application_id", &id, error) ||
        !read_integer(file, "PRAGMA user_version", &version, error))
        return false;
    if (id == APPLICATION_ID && version == FORMAT_VERSION)
        return true;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED,
                id == APPLICATION_ID ? "%s: its format has version %d, and this program knows version %d: let the one "
                                       "that wrote it drain it"
                                     : "%s: it is no file of a spool",
                file->path, (int)version, FORMAT_VERSION);
    return false;
}

bool spool_file_is_hopeless(const GError *error)
{
    return g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID) ||
           g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED);
}

bool spool_file_open(struct spool_file *file, const char *vfs, GError **error)
{
    if (file->db)
        return true;
    if (!connect(file, vfs, error))
        return false;
    if (check_format(file, error) && set_synchronous(file, error) && prepare(file, error))
        return true;
    spool_file_close(file);
    return false;
}

/* The connection syncs nothing while the empty file is made; here everything is, once. */
static bool sync_whole(struct spool_file *file, GError **error)
{
    sqlite3_file *handle = NULL;
    sqlite3_file_control(file->db, "main", SQLITE_FCNTL_FILE_POINTER, &handle);
    if (handle && handle->pMethods && handle->pMethods->xSync(handle, SQLITE_SYNC_NORMAL) == SQLITE_OK)
        return true;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_IO, "%s: sync: the disk fails", file->path);
    return false;
}

bool spool_file_create(struct spool_file *file, const char *vfs, GError **error)
{
    g_autofree char *sql =
        g_strdup_printf("PRAGMA page_size=4096; PRAGMA synchronous=OFF; PRAGMA journal_mode=MEMORY; BEGIN; "
                        "CREATE TABLE records(row INTEGER PRIMARY KEY, head BLOB NOT NULL, payload BLOB NOT NULL); "
                        "CREATE TABLE done(id INTEGER PRIMARY KEY, bits BLOB NOT NULL); "
                        "PRAGMA application_id=%d; PRAGMA user_version=%d; COMMIT; PRAGMA journal_mode=WAL",
                        APPLICATION_ID, FORMAT_VERSION);
    file->size_bytes = EMPTY_FILE_BYTES;
    if (!spool_directory_make_file(file->path, error))
        return false;
    spool_crash_point("crash.spool.file-made");
    bool is_made = connect(file, vfs, error) && execute(file, sql, error) && set_synchronous(file, error) &&
                   sync_whole(file, error) && prepare(file, error) && spool_directory_sync(file->directory, error);
    spool_crash_point("crash.spool.file-created");
    spool_file_measure(file);
    if (is_made)
        return true;
    spool_file_close(file);
    spool_directory_remove(file->path, NULL); /* else the next start finds it empty, and removes it */
    return false;
}

/* By what the connection has open, without looking for its name. -1: it has none. */
static int64_t open_bytes(const struct spool_file *file, int which)
{
    sqlite3_file *handle = NULL;
    sqlite3_int64 bytes = 0;
    if (!file->db || sqlite3_file_control(file->db, "main", which, &handle) != SQLITE_OK || !handle ||
        !handle->pMethods || handle->pMethods->xFileSize(handle, &bytes) != SQLITE_OK)
        return -1;
    return bytes;
}

void spool_file_measure(struct spool_file *file)
{
    static const struct {
        const char *suffix;
        int which;
    } parts[] = {{"", SQLITE_FCNTL_FILE_POINTER}, {"-wal", SQLITE_FCNTL_JOURNAL_POINTER}};
    file->disk_bytes = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
        int64_t bytes = open_bytes(file, parts[i].which);
        if (bytes < 0) {
            g_autofree char *path = g_strconcat(file->path, parts[i].suffix, NULL);
            struct stat status;
            bytes = stat(path, &status) == 0 ? status.st_size : 0;
        }
        file->disk_bytes += bytes;
    }
}

/* ---- writing ---- */

static bool is_injected(const struct spool_file *file, const char *name, GError **error)
{
    if (!fault_hit(name))
        return false;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_IO, "%s: %s: failed on request (VEDETTE_FAULTS)", file->path, name);
    return true;
}

bool spool_file_begin(struct spool_file *file, GError **error)
{
    return execute(file, "BEGIN IMMEDIATE", error);
}

static bool finish(struct spool_file *file, sqlite3_stmt *statement, const char *action, GError **error)
{
    bool is_good = sqlite3_step(statement) == SQLITE_DONE || fail(file, action, error);
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return is_good;
}

/* SQLite numbers the rows itself, which spares it to look whether there is one of that number: one more than the last,
 * since none is ever deleted. The head says the same number. */
static bool check_row(const struct spool_file *file, GError **error)
{
    if (sqlite3_last_insert_rowid(file->db) == (sqlite3_int64)file->rows + 1)
        return true;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_IO, "%s: write: row %u has the number %lld", file->path,
                file->rows + 1, (long long)sqlite3_last_insert_rowid(file->db));
    return false;
}

bool spool_file_insert(struct spool_file *file, const struct spool_head *head, const void *payload, GError **error)
{
    uint8_t bytes[SPOOL_HEAD_MAX_BYTES];
    size_t length = spool_head_encode(head, file->number, file->rows + 1, bytes);
    sqlite3_bind_blob(file->insert, 1, bytes, (int)length, SQLITE_STATIC);
    sqlite3_bind_blob(file->insert, 2, payload, (int)head->payload_length, SQLITE_STATIC);
    if (is_injected(file, "spool.insert", error))
        return false;
    bool is_good = sqlite3_step(file->insert) == SQLITE_DONE || fail(file, "write", error);
    sqlite3_reset(file->insert); /* what is bound stays so until the next row takes its place */
    if (!is_good || !check_row(file, error))
        return false;
    file->rows++;
    file->size_bytes += (int64_t)length + head->payload_length + ROW_OVERHEAD_BYTES;
    return true;
}

bool spool_file_commit(struct spool_file *file, GError **error)
{
    spool_crash_point("crash.spool.before-commit");
    if (is_injected(file, "spool.commit", error) || !execute(file, "COMMIT", error))
        return false;
    spool_file_measure(file);
    spool_crash_point("crash.spool.committed");
    return true;
}

void spool_file_rollback(struct spool_file *file, uint32_t rows, int64_t size_bytes)
{
    file->rows = rows;
    file->size_bytes = size_bytes;
    if (file->db && !sqlite3_get_autocommit(file->db))
        sqlite3_exec(file->db, "ROLLBACK", NULL, NULL, NULL);
}

bool spool_file_save_done(struct spool_file *file, const GByteArray *done, GError **error)
{
    uint32_t crc = GUINT32_TO_LE(crc32c((uint32_t)file->number, done->data, done->len));
    g_autoptr(GByteArray) bits = g_byte_array_sized_new(done->len + (guint)sizeof crc);
    g_byte_array_append(bits, (const guint8 *)&crc, sizeof crc);
    g_byte_array_append(bits, done->data, done->len);
    sqlite3_bind_blob(file->save, 1, bits->data, (int)bits->len, SQLITE_STATIC);
    if (is_injected(file, "spool.save-done", error) || !finish(file, file->save, "note what is done", error))
        return false;
    spool_crash_point("crash.spool.done-saved");
    return true;
}

/* Everything into the file itself; a plain database then, which is read without making others beside it. */
static bool leave_wal(struct spool_file *file, GError **error)
{
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(file->db, "PRAGMA journal_mode=DELETE", -1, &statement, NULL) != SQLITE_OK)
        return fail(file, "seal", error);
    bool is_stepped = sqlite3_step(statement) == SQLITE_ROW;
    bool is_left = is_stepped && g_strcmp0((const char *)sqlite3_column_text(statement, 0), "delete") == 0;
    if (!is_stepped)
        fail(file, "seal", error);
    else if (!is_left)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_IO, "%s: seal: its WAL cannot be written into it", file->path);
    sqlite3_finalize(statement);
    return is_left;
}

bool spool_file_seal(struct spool_file *file, uint32_t live, int64_t live_bytes, GError **error)
{
    if (file->has_sealed_name)
        return true;
    /* prepared statements would hold the journal's mode */
    sqlite3_finalize(file->insert);
    sqlite3_finalize(file->read);
    sqlite3_finalize(file->save);
    file->insert = file->read = file->save = NULL;
    const struct spool_name name = {file->number, true, file->rows, live, live_bytes};
    g_autofree char *text = spool_name_format(&name), *path = spool_directory_file(file->directory, text);
    spool_crash_point("crash.spool.before-seal");
    bool is_good = !is_injected(file, "spool.seal", error) && leave_wal(file, error);
    spool_file_close(file);
    spool_crash_point("crash.spool.seal-written");
    if (!is_good || !spool_directory_rename(file->path, path, error))
        return false;
    g_free(file->path);
    file->path = g_steal_pointer(&path);
    spool_file_measure(file);
    file->has_sealed_name = true; /* from now on, whether or not a power cut would leave it so */
    bool is_synced = spool_directory_sync(file->directory, error);
    spool_crash_point("crash.spool.sealed");
    return is_synced;
}

/* ---- reading ---- */

void *spool_file_read_payload(struct spool_file *file, const char *vfs, uint32_t row, uint32_t length, GError **error)
{
    struct spool_head head;
    void *payload = NULL;
    if (is_injected(file, "spool.read", error) || !spool_file_open(file, vfs, error))
        return NULL;
    sqlite3_bind_int64(file->read, 1, row);
    int code = sqlite3_step(file->read);
    if (code == SQLITE_ROW) {
        const void *bytes = sqlite3_column_blob(file->read, 1);
        bool is_good = spool_head_decode(sqlite3_column_blob(file->read, 0),
                                         (size_t)sqlite3_column_bytes(file->read, 0), file->number, row, &head) &&
                       head.payload_length == length && (uint32_t)sqlite3_column_bytes(file->read, 1) == length &&
                       bytes && crc32c(0, bytes, length) == head.payload_crc;
        payload = is_good ? g_memdup2(bytes, length) : NULL;
    }
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        fail(file, "read", error);
    else if (!payload)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, "%s: row %u is not as it was written", file->path,
                    row);
    sqlite3_reset(file->read);
    return payload;
}

/* What was noted as done. Bits that are not as they were written are as good as none: their records come again. */
static bool read_done(struct spool_file *file, GError **error)
{
    sqlite3_stmt *statement = NULL;
    uint32_t crc;
    int code = sqlite3_prepare_v2(file->db, "SELECT bits FROM done WHERE id=1", -1, &statement, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    if (code == SQLITE_ROW && (size_t)sqlite3_column_bytes(statement, 0) >= sizeof crc) {
        const uint8_t *bits = sqlite3_column_blob(statement, 0);
        guint length = (guint)sqlite3_column_bytes(statement, 0) - (guint)sizeof crc;
        memcpy(&crc, bits, sizeof crc);
        if (GUINT32_FROM_LE(crc) == crc32c((uint32_t)file->number, bits + sizeof crc, length)) {
            g_byte_array_set_size(file->done, 0);
            g_byte_array_append(file->done, bits + sizeof crc, length);
        }
    }
    sqlite3_finalize(statement);
    return (code & 0xff) != SQLITE_IOERR || fail(file, "read", error);
}

/* Appends the row a statement stands on, unless it is done. False when it is not as it was written. */
static bool take_row(const struct spool_file *file, sqlite3_stmt *statement, GArray *found)
{
    sqlite3_int64 row = sqlite3_column_int64(statement, 0);
    struct spool_found next;
    if (row < 1 || row > UINT32_MAX)
        return false;
    next.row = (uint32_t)row;
    if (spool_bits_get(file->done, next.row))
        return true;
    if (!spool_head_decode(sqlite3_column_blob(statement, 1), (size_t)sqlite3_column_bytes(statement, 1), file->number,
                           next.row, &next.head) ||
        sqlite3_column_int64(statement, 2) != next.head.payload_length)
        return false;
    g_array_append_val(found, next);
    return true;
}

/* Rows after `last`, one by one: what of a damaged file can still be reached. */
static void salvage(struct spool_file *file, uint32_t last, GArray *found)
{
    sqlite3_stmt *statement = NULL;
    uint32_t until = file->has_sealed_name ? file->rows : MAX(file->written, last + SALVAGE_ROWS_MAX / 64);
    if (sqlite3_prepare_v2(file->db, "SELECT row, head, length(payload) FROM records WHERE row=?1", -1, &statement,
                           NULL) == SQLITE_OK)
        for (uint32_t row = last + 1; row <= until && row - last < SALVAGE_ROWS_MAX; row++) {
            sqlite3_bind_int64(statement, 1, row);
            if (sqlite3_step(statement) == SQLITE_ROW)
                take_row(file, statement, found);
            sqlite3_reset(statement);
        }
    sqlite3_finalize(statement);
}

/* How many rows of 1..rows are neither found nor done. */
static int64_t count_lost(const struct spool_file *file, const GArray *found)
{
    int64_t done = 0;
    for (uint32_t row = 1; row <= file->rows; row++)
        done += spool_bits_get(file->done, row);
    return MAX((int64_t)file->rows - done - (int64_t)found->len, 0);
}

static bool walk(struct spool_file *file, GArray *found, uint32_t *last, GError **error)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(file->db, "SELECT row, head, length(payload) FROM records ORDER BY row", -1,
                                  &statement, NULL);
    while (code == SQLITE_OK || code == SQLITE_ROW) {
        code = sqlite3_step(statement);
        if (code != SQLITE_ROW)
            break;
        take_row(file, statement, found);
        sqlite3_int64 row = sqlite3_column_int64(statement, 0);
        *last = (uint32_t)CLAMP(row, (sqlite3_int64)*last, (sqlite3_int64)UINT32_MAX);
    }
    bool is_whole = code == SQLITE_DONE || fail(file, "read", error);
    sqlite3_finalize(statement);
    return is_whole;
}

GArray *spool_file_read_all(struct spool_file *file, const char *vfs, int64_t *lost, GError **error)
{
    g_autoptr(GError) failure = NULL;
    if (is_injected(file, "spool.read-all", error) || !spool_file_open(file, vfs, error) || !read_done(file, error))
        return NULL;
    GArray *found = g_array_new(FALSE, FALSE, sizeof(struct spool_found));
    uint32_t last = 0;
    if (!walk(file, found, &last, &failure)) {
        if (!g_error_matches(failure, VEDETTE_ERROR, VEDETTE_ERROR_INVALID)) {
            g_propagate_error(error, g_steal_pointer(&failure));
            g_array_unref(found);
            return NULL;
        }
        salvage(file, last, found);
    }
    if (found->len)
        last = MAX(last, g_array_index(found, struct spool_found, found->len - 1).row);
    if (!file->has_sealed_name)
        file->rows = MAX(last, file->written);
    spool_file_measure(file);
    int64_t live_at_most = (int64_t)file->live + file->rows - file->written;
    *lost = MIN(count_lost(file, found), live_at_most); /* what is done may have been lost with them */
    return found;
}

bool spool_file_verify(struct spool_file *file, const char *vfs, int64_t *good, int64_t *done, int64_t *lost,
                       GError **error)
{
    g_autoptr(GArray) found = spool_file_read_all(file, vfs, lost, error);
    if (!found)
        return false;
    *good = 0;
    *done = (int64_t)file->rows - (int64_t)found->len - *lost;
    for (guint i = 0; i < found->len; i++) {
        const struct spool_found *row = &g_array_index(found, struct spool_found, i);
        g_autoptr(GError) failure = NULL;
        g_autofree void *payload = spool_file_read_payload(file, vfs, row->row, row->head.payload_length, &failure);
        if (failure && !spool_file_is_hopeless(failure)) {
            *good = *done = 0; /* nothing is known of it while the disk does not answer */
            g_propagate_error(error, g_steal_pointer(&failure));
            return false;
        }
        *good += payload != NULL;
    }
    *lost += (int64_t)found->len - *good;
    return true;
}
