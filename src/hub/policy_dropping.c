#define LOG_MODULE "hub"
#include "hub/policy_taking_internal.h"

#include "base/log.h"
#include "policy/directory.h"
#include "store/policy_files.h"

#include <string.h>

enum owner { OWNER_UNKNOWN = 1, OWNER_NOBODY, OWNER_FILE, OWNER_OTHER_FILE, OWNER_OTHER };

/* Whose the document of a file is; what it says is not looked at, since it need not open. */
static enum owner owner_of(struct policy_taking *taking, const struct taken_file *file, const struct policy_name *name,
                           GError **error)
{
    int32_t version;
    g_autofree char *by = NULL;
    g_autoptr(GError) cause = NULL;
    if (!file->row.version)
        return OWNER_NOBODY; /* nothing was ever made of it */
    if (policy_keeper_look(taking->config.keeper, name, &version, &by, &cause))
        return version == file->row.version && g_strcmp0(by, POLICY_FILES_AUTHOR) == 0 ? OWNER_FILE : OWNER_OTHER;
    if (g_error_matches(cause, VEDETTE_ERROR, VEDETTE_ERROR_NOT_FOUND))
        return OWNER_NOBODY;
    g_propagate_error(error, g_steal_pointer(&cause));
    return OWNER_UNKNOWN;
}

/* Whose it is once this file has let go of it: another server's file that says the same holds it on. */
static enum owner leave(struct policy_taking *taking, const struct taken_file *file, GError **error)
{
    g_autofree char *others = NULL;
    if (!store_policy_files_leave(taking->config.store, &file->row, &others, error))
        return OWNER_UNKNOWN;
    if (others)
        log_warning(NULL,
                    "policy file '%s' is gone; that of server %s says the same, and its document stays until it goes "
                    "there, too: where that server never comes back, see docs/policies.md",
                    file->row.path, others);
    return others ? OWNER_OTHER_FILE : OWNER_FILE;
}

/* Deletes the document of a file that is gone, where it is the file's alone. False: it is still there. */
static bool drop(struct policy_taking *taking, const struct taken_file *file, GError **error)
{
    struct policy_name name;
    int32_t version = file->row.version;
    g_autoptr(GError) cause = NULL;
    g_auto(GStrv) parts = g_strsplit(file->row.path, "/", -1);
    if (!policy_taking_read_path(parts, &name))
        return true;
    enum owner owner = owner_of(taking, file, &name, &cause);
    if (owner == OWNER_FILE)
        owner = leave(taking, file, &cause);
    if (owner == OWNER_OTHER)
        log_info(NULL, "policy file '%s' is gone; the document there was changed since and stays", file->row.path);
    bool is_gone = owner == OWNER_FILE ? policy_taking_change(taking, &file->row, &name, NULL, &version, &cause)
                                       : owner != OWNER_UNKNOWN;
    if (is_gone || g_error_matches(cause, VEDETTE_ERROR, VEDETTE_ERROR_NOT_FOUND))
        return true;
    g_propagate_error(error, g_steal_pointer(&cause));
    return false;
}

/* False: what became of its document is not known, or the document is still there. */
static bool drop_file(struct policy_taking *taking, struct taken_file *file)
{
    g_autoptr(GError) error = NULL;
    if (taking->is_store_away) {
        taken_file_doubt(file, "it is gone, and the store is away: it is tried again");
        return false;
    }
    if (!policy_directory_is_gone(taking->config.directory, file->row.path)) {
        taken_file_refuse(file, "its folder does not let the server see whether it is there: give it the right to");
        taking->is_unfinished = true;
        return false;
    }
    if (drop(taking, file, &error))
        return true;
    g_autofree char *why = g_strdup_printf("it is gone, its document is not: %s", error->message);
    taken_file_refuse(file, why);
    policy_taking_note_failure(taking, error);
    return false;
}

/* Whether a file is gone that something was made of, or refused; a stop leaves the rest for the next run. */
static bool is_to_drop(const struct policy_taking *taking, const struct taken_file *file)
{
    return !file->is_found && strcmp(file->row.path, WHOLE_DIRECTORY) != 0 && !atomic_load(taking->config.is_stopping);
}

void policy_taking_drop_gone(struct policy_taking *taking)
{
    GHashTableIter iterator;
    gpointer file;
    g_hash_table_iter_init(&iterator, taking->files);
    while (g_hash_table_iter_next(&iterator, NULL, &file))
        if (is_to_drop(taking, file) && drop_file(taking, file)) {
            policy_taking_forget(taking, file);
            g_hash_table_iter_remove(&iterator);
        }
}

/* ---- all of them gone at once ---- */

/* True while the document of a file is there by the file's word, as far as is known. */
static bool is_there(struct policy_taking *taking, const struct taken_file *file)
{
    struct policy_name name;
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) parts = g_strsplit(file->row.path, "/", -1);
    if (!policy_taking_read_path(parts, &name))
        return false;
    enum owner owner = taking->is_store_away ? OWNER_UNKNOWN : owner_of(taking, file, &name, &error);
    if (error)
        policy_taking_note_failure(taking, error);
    return owner == OWNER_UNKNOWN || owner == OWNER_FILE;
}

/* Nobody deletes all of their policies by taking all files away at once; a volume that is not mounted yet, or a
 * checkout that is not done, looks the same. Files whose documents somebody took away by another way are forgotten.
 * Returns how many are left. */
guint policy_taking_count_left(struct policy_taking *taking)
{
    GHashTableIter iterator;
    gpointer file;
    guint left = 0;
    g_hash_table_iter_init(&iterator, taking->files);
    while (g_hash_table_iter_next(&iterator, NULL, &file)) {
        if (!is_to_drop(taking, file))
            continue;
        if (is_there(taking, file)) {
            left++;
            continue;
        }
        policy_taking_forget(taking, file);
        g_hash_table_iter_remove(&iterator);
    }
    return left;
}
