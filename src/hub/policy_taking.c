#define LOG_MODULE "hub"
#include "hub/policy_taking_internal.h"

#include "base/log.h"
#include "policy/directory.h"
#include "store/policy_files.h"

#include <string.h>

enum { DOUBT_MAX_BYTES = 1000, PUT_TRIES = 5 };

static void file_free(gpointer data)
{
    struct taken_file *file = data;
    record_clear(&policy_file_descriptor, &file->row);
    g_free(file->said);
    g_free(file->tried);
    g_free(file);
}

static struct taken_file *file_at(struct policy_taking *taking, const char *path)
{
    struct taken_file *file = g_hash_table_lookup(taking->files, path);
    if (file)
        return file;
    file = g_new0(struct taken_file, 1);
    file->row.source = g_strdup(taking->config.source);
    file->row.path = g_strdup(path);
    g_hash_table_insert(taking->files, file->row.path, file);
    return file;
}

/* Its row goes with the next write; the iteration that is at it removes it. */
void policy_taking_forget(struct policy_taking *taking, const struct taken_file *file)
{
    if (file->is_stored)
        g_ptr_array_add(taking->gone, g_strdup(file->row.path));
}

/* ---- what is not in force ---- */

/* Cut where a character ends. */
static char *cut(const char *text)
{
    const char *end;
    g_autofree char *start = g_strndup(text, DOUBT_MAX_BYTES);
    (void)g_utf8_validate(start, -1, &end);
    return g_strndup(start, (gsize)(end - start));
}

void taken_file_doubt(struct taken_file *file, const char *why)
{
    g_autofree char *text = why ? cut(why) : NULL;
    if (g_strcmp0(file->row.doubt, text) == 0)
        return;
    g_free(file->row.doubt);
    file->row.doubt = g_steal_pointer(&text);
    file->is_changed = true;
}

/* Said once in a run, however often it is tried again. */
void taken_file_refuse(struct taken_file *file, const char *why)
{
    taken_file_doubt(file, why);
    if (g_strcmp0(file->said, why) == 0)
        return;
    log_error(NULL, "policy file '%s' is not taken over, what was in force stays: %s", file->row.path, why);
    g_free(file->said);
    file->said = g_strdup(why);
}

/* What was refused before may come again, and is in doubt again then. */
static void clear_doubt(struct taken_file *file)
{
    taken_file_doubt(file, NULL);
    g_clear_pointer(&file->said, g_free);
    g_clear_pointer(&file->tried, g_free);
}

/* The rest of the look asks the store for nothing: it would wait for it each time. */
void policy_taking_note_failure(struct policy_taking *taking, const GError *error)
{
    taking->is_unfinished = true;
    taking->is_store_away = taking->is_store_away || g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE) ||
                            g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_TIMEOUT);
}

/* ---- documents ---- */

/* Fills the name from the parts of a path, which it borrows. False: the path says no policy. */
bool policy_taking_read_path(char **parts, struct policy_name *name)
{
    *name = (struct policy_name){.service_name = NULL};
    return policy_path_read(parts, &name->scope, &name->type);
}

/* *version: what is expected, and what came of it. */
bool policy_taking_change(struct policy_taking *taking, const struct policy_file *file, const struct policy_name *name,
                          const char *body, int32_t *version, GError **error)
{
    struct policy_changed changed;
    struct record_errors errors;
    g_autofree char *reason = g_strdup_printf("%s %s", file->path, body ? "changed" : "is gone");
    record_errors_init(&errors);
    const struct policy_change wanted = {
        .name = *name,
        .action = body ? POLICY_PUT : POLICY_DELETE,
        .body = body,
        .expected_version = *version,
        .by = {name->scope.org_id ? name->scope.org_id : POLICY_ORG_OF_ALL, POLICY_FILES_AUTHOR, NULL, NULL, reason},
        .batch = taking->batch,
        .file = body ? NULL : file};
    bool is_good = policy_keeper_change(taking->config.keeper, &wanted, &changed, &errors, error);
    if (is_good)
        log_info(NULL, "policy file '%s': revision %" G_GINT64_FORMAT, file->path, changed.revision);
    *version = changed.version;
    policy_changed_clear(&changed);
    record_errors_clear(&errors);
    return is_good;
}

/* True when the stored document says the same already by a file's word: another server's, of the same directory. One
 * that says the same by somebody else's is changed: from then on it is the file's, and goes with it. *version: what is
 * stored; 0: nothing; below 0: something that cannot be read. */
static bool is_in_force(struct policy_taking *taking, const struct policy_name *name, const char *body,
                        int32_t *version)
{
    g_autoptr(GError) cause = NULL;
    struct service_policy *policy = policy_keeper_find(taking->config.keeper, name, &cause);
    bool is_same =
        policy && g_strcmp0(policy->updated_by, POLICY_FILES_AUTHOR) == 0 && service_policy_says(policy, body);
    *version = policy ? policy->version : g_error_matches(cause, VEDETTE_ERROR, VEDETTE_ERROR_NOT_FOUND) ? 0 : -1;
    service_policy_free(policy);
    return is_same;
}

/* Another server, of the same directory, may do so at the same moment: it is looked at again, so that both files are of
 * one version. */
static bool put(struct policy_taking *taking, const struct policy_file *file, const struct policy_name *name,
                const char *body, int32_t *version, GError **error)
{
    g_autoptr(GError) cause = NULL;
    for (int i = 0; i < PUT_TRIES; i++) {
        g_clear_error(&cause);
        if (is_in_force(taking, name, body, version) || policy_taking_change(taking, file, name, body, version, &cause))
            return true;
        if (!g_error_matches(cause, VEDETTE_ERROR, VEDETTE_ERROR_CONFLICT))
            break;
    }
    g_propagate_error(error, g_steal_pointer(&cause));
    return false;
}

/* ---- taking over ---- */

/* Whether a document is bad whatever else is in force and whichever cameras there are. */
static bool is_bad_alone(const struct policy_name *name, const char *body)
{
    struct record_errors errors;
    record_errors_init(&errors);
    bool is_good = policy_document_check(name->type, body, &errors) &&
                   policy_document_check_obeyed(&name->scope, name->type, body, &errors);
    record_errors_clear(&errors);
    return !is_good;
}

/* What the store could not do is tried again soon; what other documents or cameras forbid, or is of nobody yet, by each
 * look: people change that. */
static void refuse_for_now(struct policy_taking *taking, struct taken_file *file, const GError *error)
{
    taken_file_refuse(file, error->message);
    if (!g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID))
        policy_taking_note_failure(taking, error);
}

static void note_refused(struct policy_taking *taking, struct taken_file *file, const struct policy_name *name,
                         const char *body, const char *digest, const GError *error)
{
    refuse_for_now(taking, file, error);
    if (g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID) && is_bad_alone(name, body))
        file->tried = g_strdup(digest);
}

static void take_body(struct policy_taking *taking, struct taken_file *file, const char *body, const char *digest)
{
    struct policy_name name;
    int32_t version = 0;
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) parts = g_strsplit(file->row.path, "/", -1);
    g_clear_pointer(&file->tried, g_free);
    if (!policy_taking_read_path(parts, &name)) {
        taken_file_refuse(file, "its place names no scope, or its name no type of policy");
        file->tried = g_strdup(digest);
    } else if (!policy_keeper_check_scope(taking->config.keeper, &name, &error)) {
        refuse_for_now(taking, file, error);
    } else if (put(taking, &file->row, &name, body, &version, &error)) {
        g_free(file->row.digest);
        file->row.digest = g_strdup(digest);
        file->row.version = version;
        file->is_changed = file->is_unsure = true;
        clear_doubt(file);
    } else
        note_refused(taking, file, &name, body, digest, error);
}

/* What was taken over is in force, or somebody changed it since: their word stands until the file says another. */
static void take_file(struct policy_taking *taking, const char *path)
{
    g_autoptr(GError) error = NULL;
    struct taken_file *file = file_at(taking, path);
    g_autofree char *body = policy_directory_read(taking->config.directory, path, &error);
    file->is_found = true; /* its document stays, also where it cannot be read */
    if (!body) {
        taken_file_refuse(file, error->message);
        taking->is_unfinished = true;
        return;
    }
    g_autofree char *digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, body, -1);
    if (g_strcmp0(file->row.digest, digest) == 0)
        clear_doubt(file);
    else if (g_strcmp0(file->tried, digest) == 0)
        return;
    else if (taking->is_store_away)
        taken_file_doubt(file, "the store is away: it is tried again");
    else
        take_body(taking, file, body, digest);
}

static void take_found(struct policy_taking *taking, const GPtrArray *paths)
{
    for (guint i = 0; i < paths->len && !atomic_load(taking->config.is_stopping); i++)
        take_file(taking, g_ptr_array_index(paths, i));
}

/* ---- the directory as a whole ---- */

static void refuse_whole(struct policy_taking *taking, const char *why)
{
    taken_file_refuse(file_at(taking, WHOLE_DIRECTORY), why);
}

static void clear_whole(struct policy_taking *taking)
{
    const struct taken_file *whole = g_hash_table_lookup(taking->files, WHOLE_DIRECTORY);
    if (!whole)
        return;
    policy_taking_forget(taking, whole);
    g_hash_table_remove(taking->files, WHOLE_DIRECTORY);
}

static void note_empty(struct policy_taking *taking)
{
    guint left = policy_taking_count_left(taking);
    if (!left) {
        clear_whole(taking);
        return;
    }
    g_autofree char *why = g_strdup_printf(
        "it holds no file, and %u documents in force came from it, which stay: if it is empty on purpose, unset those "
        "(vedette policy unset) or put a file there that says nothing ({})",
        left);
    refuse_whole(taking, why);
}

/* Without what earlier runs took over nobody knows which files changed. */
static bool remember(struct policy_taking *taking, GError **error)
{
    const struct policy_taking_config *config = &taking->config;
    g_autoptr(GPtrArray) rows =
        taking->has_remembered ? NULL : store_policy_files_list(config->store, config->source, error);
    for (guint i = 0; rows && i < rows->len; i++) {
        struct taken_file *file = g_new0(struct taken_file, 1);
        struct policy_file *row = g_ptr_array_index(rows, i);
        file->row = *row;
        file->is_stored = true;
        *row = (struct policy_file){.source = NULL};
        g_hash_table_replace(taking->files, file->row.path, file);
    }
    taking->has_remembered = taking->has_remembered || rows;
    return taking->has_remembered;
}

/* A directory that is away for a moment is no order to delete everything; what it says meanwhile, nobody knows. */
static bool look_at_files(struct policy_taking *taking, GError **error)
{
    const struct policy_taking_config *config = &taking->config;
    g_autoptr(GPtrArray) paths =
        remember(taking, error) ? policy_directory_list(config->directory, config->enter, config->data, error) : NULL;
    if (!paths)
        return false;
    take_found(taking, paths);
    if (!paths->len) {
        note_empty(taking);
        return true;
    }
    clear_whole(taking);
    policy_taking_drop_gone(taking);
    return true;
}

/* ---- a look ---- */

static void begin(struct policy_taking *taking)
{
    GHashTableIter iterator;
    gpointer file;
    taking->is_unfinished = taking->is_store_away = false;
    taking->batch = policy_batch_new(taking->config.keeper);
    g_hash_table_iter_init(&iterator, taking->files);
    while (g_hash_table_iter_next(&iterator, NULL, &file))
        ((struct taken_file *)file)->is_found = false;
}

/* Types of files whose word is not in force, as policy_keeper_doubt_types has them. */
static unsigned doubted_types(const struct policy_taking *taking)
{
    GHashTableIter iterator;
    gpointer path, file;
    unsigned types = 0;
    g_hash_table_iter_init(&iterator, taking->files);
    while (g_hash_table_iter_next(&iterator, &path, &file))
        types |= ((const struct taken_file *)file)->row.doubt ? policy_path_types(path) : 0;
    return types;
}

/* A name that is no UTF-8 no store can have: it is in doubt in this process alone. */
static GPtrArray *changed_rows(const struct policy_taking *taking)
{
    GHashTableIter iterator;
    gpointer path, data;
    GPtrArray *rows = g_ptr_array_new();
    g_hash_table_iter_init(&iterator, taking->files);
    while (g_hash_table_iter_next(&iterator, &path, &data)) {
        struct taken_file *file = data;
        if (file->is_changed && g_utf8_validate(path, -1, NULL))
            g_ptr_array_add(rows, &file->row);
    }
    return rows;
}

static void note_stored(struct policy_taking *taking, const GPtrArray *rows)
{
    for (guint i = 0; i < rows->len; i++) {
        const struct policy_file *row = g_ptr_array_index(rows, i);
        struct taken_file *file = g_hash_table_lookup(taking->files, row->path);
        file->is_stored = true;
        file->is_changed = false;
    }
    g_ptr_array_set_size(taking->gone, 0);
}

static void write_rows(struct policy_taking *taking)
{
    const struct policy_taking_config *config = &taking->config;
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) rows = changed_rows(taking);
    if (!rows->len && !taking->gone->len)
        return;
    if (!taking->is_store_away && store_policy_files_write(config->store, config->source, rows, taking->gone, &error)) {
        note_stored(taking, rows);
        return;
    }
    taking->is_unfinished = true;
    if (error)
        log_warning(NULL, "what was taken over of policies.directory could not be noted, and is tried again: %s",
                    error->message);
}

/* ---- what was taken over, once its row says so ---- */

/* Whether the document that a file was taken over for went with another server's file, or that file made another of it:
 * until the row was written, that server could not know that this file says it too. What somebody else made of it
 * meanwhile stands. */
static bool is_lost(struct policy_taking *taking, const struct taken_file *file, GError **error)
{
    struct policy_name name;
    int32_t version;
    g_autofree char *by = NULL;
    g_autoptr(GError) cause = NULL;
    g_auto(GStrv) parts = g_strsplit(file->row.path, "/", -1);
    if (!policy_taking_read_path(parts, &name))
        return false;
    if (policy_keeper_look(taking->config.keeper, &name, &version, &by, &cause))
        return version != file->row.version && g_strcmp0(by, POLICY_FILES_AUTHOR) == 0;
    if (g_error_matches(cause, VEDETTE_ERROR, VEDETTE_ERROR_NOT_FOUND))
        return true;
    g_propagate_error(error, g_steal_pointer(&cause));
    return false;
}

/* A lost one is new again: the next look puts it, and until then it is in doubt. */
static bool look_again(struct policy_taking *taking, struct taken_file *file)
{
    g_autoptr(GError) error = NULL;
    bool is_again = is_lost(taking, file, &error);
    if (error)
        policy_taking_note_failure(taking, error);
    file->is_unsure = error != NULL;
    if (!is_again)
        return false;
    log_info(NULL, "policy file '%s' is taken over again: its document went, or was changed, with another server's",
             file->row.path);
    g_clear_pointer(&file->row.digest, g_free);
    taken_file_doubt(file, "its document went, or was changed, with another server's file: it is tried again");
    file->is_changed = taking->is_unfinished = true;
    return true;
}

/* Of those whose rows stand. True: rows are to be written. */
static bool look_at_taken(struct policy_taking *taking)
{
    GHashTableIter iterator;
    gpointer data;
    bool is_again = false;
    g_hash_table_iter_init(&iterator, taking->files);
    while (!taking->is_store_away && g_hash_table_iter_next(&iterator, NULL, &data)) {
        struct taken_file *file = data;
        if (file->is_unsure && !file->is_changed && look_again(taking, file))
            is_again = true;
    }
    return is_again;
}

bool policy_taking_look(struct policy_taking *taking)
{
    g_autoptr(GError) error = NULL;
    begin(taking);
    if (!look_at_files(taking, &error)) {
        refuse_whole(taking, error->message);
        taking->is_unfinished = true;
    }
    policy_batch_end(g_steal_pointer(&taking->batch));
    write_rows(taking);
    if (look_at_taken(taking))
        write_rows(taking);
    policy_keeper_doubt_types(taking->config.keeper, doubted_types(taking));
    return !taking->is_unfinished;
}

/* ---- its life ---- */

struct policy_taking *policy_taking_new(const struct policy_taking_config *config)
{
    struct policy_taking *taking = g_new0(struct policy_taking, 1);
    taking->config = *config;
    taking->files = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, file_free);
    taking->gone = g_ptr_array_new_with_free_func(g_free);
    policy_keeper_doubt_types(config->keeper, ~0U);
    return taking;
}

void policy_taking_free(struct policy_taking *taking)
{
    if (!taking)
        return;
    g_hash_table_unref(taking->files);
    g_ptr_array_unref(taking->gone);
    g_free(taking);
}

size_t policy_taking_refused(const struct policy_taking *taking)
{
    GHashTableIter iterator;
    gpointer file;
    size_t count = 0;
    g_hash_table_iter_init(&iterator, taking->files);
    while (g_hash_table_iter_next(&iterator, NULL, &file))
        count += ((const struct taken_file *)file)->row.doubt != NULL;
    return count;
}
