#include "store/policy_files.h"

#include "store/work_internal.h"

enum { OTHERS_MAX = 5 /* that are named */ };

void policy_file_free(void *file)
{
    if (!file)
        return;
    record_clear(&policy_file_descriptor, file);
    g_free(file);
}

static GPtrArray *list(struct store *store, const char *tail, const struct record_sql_value *values, size_t count,
                       GError **error)
{
    g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func(policy_file_free);
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_READ, STORE_PLATFORM, error);
    bool is_good = transaction && store_select(transaction, &policy_file_descriptor, tail, values, count, files, error);
    return is_good ? g_steal_pointer(&files) : NULL;
}

GPtrArray *store_policy_files_list(struct store *store, const char *source, GError **error)
{
    return list(store, "WHERE source = $1 ORDER BY path", STORE_VALUES(sql_text(source)), error);
}

GPtrArray *store_policy_files_doubted(struct store *store, GError **error)
{
    return list(store, "WHERE doubt IS NOT NULL ORDER BY source, path", STORE_NO_VALUES, error);
}

static bool remove_gone(struct store_transaction *transaction, const char *source, const GPtrArray *gone,
                        GError **error)
{
    bool is_good = true;
    for (guint i = 0; is_good && i < gone->len; i++)
        is_good = store_run(transaction, "DELETE FROM policy_files WHERE source = $1 AND path = $2",
                            STORE_VALUES(sql_text(source), sql_text(g_ptr_array_index(gone, i))), NULL, error);
    return is_good;
}

/* Who writes rows, lets go of a document or deletes one that was a file's does so one after the other, so that a row
 * stands before the document's last file lets go of it, or is written after the document went. One lock for all: a
 * directory may have more files than a transaction may have locks. SQLite's writers take turns anyway. */
static bool lock_files(struct store_transaction *transaction, GError **error)
{
    return transaction->store->engine->dialect != RECORD_POSTGRES ||
           store_run(transaction, "SELECT pg_advisory_xact_lock(hashtextextended('policy files', 0))", STORE_NO_VALUES,
                     NULL, error);
}

bool store_policy_files_write(struct store *store, const char *source, const GPtrArray *files, const GPtrArray *gone,
                              GError **error)
{
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_WRITE, STORE_PLATFORM, error);
    return transaction && lock_files(transaction, error) && remove_gone(transaction, source, gone, error) &&
           (!files->len || store_insert(transaction, &policy_file_descriptor, (const void *const *)files->pdata,
                                        files->len, RECORD_CONFLICT_REPLACE, NULL, error)) &&
           store_commit_beside_logins(g_steal_pointer(&transaction), error);
}

static bool add_source(void *data, const struct record_sql_value *row, size_t columns, GError **error)
{
    GString *sources = data;
    (void)error;
    if (columns && row[0].type == RECORD_SQL_TEXT)
        g_string_append_printf(sources, "%s%s", sources->len ? ", " : "", row[0].text);
    return true;
}

/* Sources other than the file's own whose file made the same version of the document, the first few: "" for none. */
static bool read_others(struct store_transaction *transaction, const struct policy_file *file, GString *others,
                        GError **error)
{
    return lock_files(transaction, error) &&
           store_each(transaction,
                      "SELECT source FROM policy_files WHERE path = $1 AND source <> $2 AND digest IS NOT NULL AND "
                      "version = $3 ORDER BY source LIMIT $4",
                      STORE_VALUES(sql_text(file->path), sql_text(file->source), sql_integer(file->version),
                                   sql_integer(OTHERS_MAX)),
                      add_source, others, error);
}

static bool leave(struct store_transaction *transaction, const struct policy_file *file, GString *others,
                  GError **error)
{
    return read_others(transaction, file, others, error) &&
           (!others->len || store_run(transaction, "DELETE FROM policy_files WHERE source = $1 AND path = $2",
                                      STORE_VALUES(sql_text(file->source), sql_text(file->path)), NULL, error));
}

bool store_policy_files_leave(struct store *store, const struct policy_file *file, char **others, GError **error)
{
    g_autoptr(GString) names = g_string_new(NULL);
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_WRITE, STORE_PLATFORM, error);
    bool is_good = transaction && leave(transaction, file, names, error) &&
                   store_commit_beside_logins(g_steal_pointer(&transaction), error);
    *others = is_good && names->len ? g_strdup(names->str) : NULL;
    return is_good;
}

bool store_policy_file_check_alone(struct store_transaction *transaction, const struct policy_file *file,
                                   GError **error)
{
    g_autoptr(GString) others = g_string_new(NULL);
    if (!read_others(transaction, file, others, error))
        return false;
    if (others->len)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_CONFLICT,
                    "the file '%s' of server %s says the same by now, and its document stays", file->path, others->str);
    return !others->len;
}

bool store_policy_files_forget(struct store *store, const char *source, GError **error)
{
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_WRITE, STORE_PLATFORM, error);
    return transaction &&
           store_run(transaction, "DELETE FROM policy_files WHERE source = $1", STORE_VALUES(sql_text(source)), NULL,
                     error) &&
           store_commit_beside_logins(g_steal_pointer(&transaction), error);
}
