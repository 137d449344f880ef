#include "store/policy_files.h"

#include "store/work_internal.h"

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

/* Sources other than the file's own whose file made the same version of the document. */
static bool count_others(struct store_transaction *transaction, const struct policy_file *file, int64_t *others,
                         GError **error)
{
    return lock_files(transaction, error) &&
           store_get_integer(transaction,
                             "SELECT count(*) FROM policy_files WHERE path = $1 AND source <> $2 AND digest IS "
                             "NOT NULL AND version = $3",
                             STORE_VALUES(sql_text(file->path), sql_text(file->source), sql_integer(file->version)), 0,
                             others, error);
}

static bool leave(struct store_transaction *transaction, const struct policy_file *file, bool *has_other,
                  GError **error)
{
    int64_t others = 0;
    bool is_good = count_others(transaction, file, &others, error);
    *has_other = others > 0;
    return is_good && (!others || store_run(transaction, "DELETE FROM policy_files WHERE source = $1 AND path = $2",
                                            STORE_VALUES(sql_text(file->source), sql_text(file->path)), NULL, error));
}

bool store_policy_files_leave(struct store *store, const struct policy_file *file, bool *has_other, GError **error)
{
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_WRITE, STORE_PLATFORM, error);
    return transaction && leave(transaction, file, has_other, error) &&
           store_commit_beside_logins(g_steal_pointer(&transaction), error);
}

bool store_policy_file_check_alone(struct store_transaction *transaction, const struct policy_file *file,
                                   GError **error)
{
    int64_t others = 0;
    if (!count_others(transaction, file, &others, error))
        return false;
    if (others)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_CONFLICT,
                    "another server's file '%s' says the same by now, and its document stays", file->path);
    return !others;
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
