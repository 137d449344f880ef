#define LOG_MODULE "hub"
#include "hub/policy_files.h"

#include "base/log.h"
#include "policy/directory.h"

#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

enum {
    SETTLE_MS = 50,  /* editors and git write a file in several steps */
    RETRY_MS = 2000, /* until what the store, or the disk, could not do is tried again */
};
#define POLICY_FILES_AUTHOR "directory"
#define WHOLE_DIRECTORY "." /* the path under which it stands where it cannot be read */
static const uint32_t watched_events =
    IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CREATE | IN_ONLYDIR;

struct policy_files {
    char *directory;
    struct policy_keeper *keeper;
    const struct record_list *cameras;
    GHashTable *refused; /* path of a file whose word is not in force → why, as it was logged */
    GHashTable *taken;   /* path below the directory → digest of what was taken over, or refused for good */
    bool has_remembered; /* what earlier runs took over stands in `taken` */
    bool is_unfinished;  /* something is to be tried again */
    bool is_store_away;  /* this turn: each more that is tried would keep the main loop waiting */
    unsigned doubted; /* this turn: types of files whose word is not in force, as policy_keeper_doubt_types has them */
    int inotify;
    guint watch, settle_timer, retry_timer;
};

/* Fills the name from the parts of a path, which it borrows. False: the path says no policy. */
static bool name_of_path(char **parts, struct policy_name *name)
{
    *name = (struct policy_name){.service_name = NULL};
    return policy_path_read(parts, &name->scope, &name->type);
}

/* ---- taking over ---- */

/* Said once, however often it is tried again. */
static void refuse(struct policy_files *files, const char *path, const char *why)
{
    if (g_strcmp0(g_hash_table_lookup(files->refused, path), why) == 0)
        return;
    log_error(NULL, "policy file '%s' is not taken over, what was in force stays: %s", path, why);
    g_hash_table_replace(files->refused, g_strdup(path), g_strdup(why));
}

static bool change(struct policy_files *files, const char *path, const struct policy_name *name, const char *body,
                   int32_t expected_version, GError **error)
{
    struct policy_changed changed;
    struct record_errors errors;
    g_autofree char *reason = g_strdup_printf("%s %s", path, body ? "changed" : "is gone");
    record_errors_init(&errors);
    const struct policy_change wanted = {
        .name = *name,
        .action = body ? POLICY_PUT : POLICY_DELETE,
        .body = body,
        .expected_version = expected_version,
        .by = {name->scope.org_id ? name->scope.org_id : POLICY_ORG_OF_ALL, POLICY_FILES_AUTHOR, NULL, NULL, reason}};
    bool is_good = policy_keeper_change(files->keeper, &wanted, &changed, &errors, error);
    if (is_good)
        log_info(NULL, "policy file '%s': revision %" G_GINT64_FORMAT, path, changed.revision);
    policy_changed_clear(&changed);
    record_errors_clear(&errors);
    return is_good;
}

static bool is_by_file(const struct service_policy *policy)
{
    return g_strcmp0(policy->updated_by, POLICY_FILES_AUTHOR) == 0;
}

/* True when the stored document says the same already by a file's word, as after a restart. One that says the same by
 * somebody else's is changed: from then on it is the file's, and goes with it. */
static bool is_in_force(struct policy_files *files, const struct policy_name *name, const char *body)
{
    struct service_policy *policy = policy_keeper_find(files->keeper, name, NULL);
    bool is_same = policy && is_by_file(policy) && service_policy_says(policy, body);
    service_policy_free(policy);
    return is_same;
}

static void note_failure(struct policy_files *files, const GError *error)
{
    files->is_unfinished = true;
    files->is_store_away = files->is_store_away || g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE) ||
                           g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_TIMEOUT);
}

/* False: it is to be tried again. */
static bool take_body(struct policy_files *files, const char *path, const char *body)
{
    struct policy_name name;
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) parts = g_strsplit(path, "/", -1);
    if (!name_of_path(parts, &name)) {
        refuse(files, path, "its place names no scope, or its name no type of policy");
        return true;
    }
    if (is_in_force(files, &name, body) || change(files, path, &name, body, -1, &error)) {
        g_hash_table_remove(files->refused, path);
        return true;
    }
    refuse(files, path, error->message);
    if (g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID))
        return true;
    note_failure(files, error);
    return false;
}

static void take_file(struct policy_files *files, const char *path, GHashTable *found)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *body = policy_directory_read(files->directory, path, &error);
    g_hash_table_add(found, g_strdup(path)); /* it is there: its document stays */
    if (!body) {
        refuse(files, path, error->message);
        g_hash_table_replace(files->taken, g_strdup(path), g_strdup("")); /* looked at once it can be read */
        files->is_unfinished = true;
        return;
    }
    g_autofree char *digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, body, -1);
    if (g_strcmp0(g_hash_table_lookup(files->taken, path), digest) == 0)
        return;
    bool is_done = !files->is_store_away && take_body(files, path, body);
    files->doubted |= is_done ? 0 : policy_path_types(path);
    g_hash_table_replace(files->taken, g_strdup(path), is_done ? g_steal_pointer(&digest) : g_strdup(""));
}

static void watch(void *data, const char *folder)
{
    struct policy_files *files = data;
    if (inotify_add_watch(files->inotify, folder, watched_events) < 0)
        log_warning(NULL, "policy files in '%s' are not watched: %s", folder, g_strerror(errno));
}

/* Deletes the document of a file that is gone, where it is a file's: what the API or a webhook made stays. False: it is
 * still there. */
static bool drop(struct policy_files *files, const char *path, GError **error)
{
    struct policy_name name;
    g_autoptr(GError) cause = NULL;
    g_auto(GStrv) parts = g_strsplit(path, "/", -1);
    if (!name_of_path(parts, &name))
        return true;
    struct service_policy *policy = policy_keeper_find(files->keeper, &name, &cause);
    bool is_good = policy ? !is_by_file(policy) || change(files, path, &name, NULL, policy->version, &cause) : false;
    if (policy && !is_by_file(policy))
        log_info(NULL, "policy file '%s' is gone; the document there is by %s and stays", path, policy->updated_by);
    service_policy_free(policy);
    if (is_good || g_error_matches(cause, VEDETTE_ERROR, VEDETTE_ERROR_NOT_FOUND))
        return true;
    g_propagate_error(error, g_steal_pointer(&cause));
    return false;
}

static void drop_gone(struct policy_files *files, GHashTable *found)
{
    GHashTableIter iterator;
    gpointer path;
    g_hash_table_iter_init(&iterator, files->taken);
    while (g_hash_table_iter_next(&iterator, &path, NULL)) {
        g_autoptr(GError) error = NULL;
        if (g_hash_table_contains(found, path))
            continue;
        if (files->is_store_away) {
            files->doubted |= policy_path_types(path);
            continue;
        }
        if (drop(files, path, &error)) {
            g_hash_table_remove(files->refused, path); /* there is nothing bad any more */
            g_hash_table_iter_remove(&iterator);
            continue;
        }
        g_autofree char *why = g_strdup_printf("it is gone, its document is not: %s", error->message);
        refuse(files, path, why);
        note_failure(files, error);
    }
}

static bool remember_org(struct policy_files *files, const char *org_id, GError **error)
{
    g_autoptr(GPtrArray) policies = policy_keeper_list(files->keeper, org_id, error);
    for (guint i = 0; policies && i < policies->len; i++) {
        const struct service_policy *policy = g_ptr_array_index(policies, i);
        const struct policy_scope scope = {policy->org_id, policy->site_id, policy->class_id, policy->camera_id};
        if (is_by_file(policy))
            g_hash_table_replace(files->taken, policy_path_write(&scope, policy->policy_type), g_strdup(""));
    }
    return policies != NULL;
}

/* What came from files before the server was started: where the file is gone now, its document goes. */
static void remember_taken(struct policy_files *files)
{
    g_autoptr(GError) error = NULL;
    bool is_good = remember_org(files, NULL, &error);
    for (size_t i = 0; is_good && i < files->cameras->count; i++)
        is_good = remember_org(files, ((const struct camera *)files->cameras->items + i)->org_id, &error);
    if (!is_good)
        log_warning(NULL, "policies of files that are gone stay until the store can be read: %s", error->message);
    files->has_remembered = is_good;
    files->is_unfinished |= !is_good;
}

static void take_found(struct policy_files *files, const GPtrArray *paths)
{
    g_autoptr(GHashTable) found = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; i < paths->len; i++)
        take_file(files, g_ptr_array_index(paths, i), found);
    drop_gone(files, found);
}

/* A directory that is away for a moment is no order to delete everything; what it says meanwhile, nobody knows. */
static void note_directory(struct policy_files *files, const GError *error)
{
    if (!error) {
        g_hash_table_remove(files->refused, WHOLE_DIRECTORY);
        return;
    }
    refuse(files, WHOLE_DIRECTORY, error->message);
    files->is_unfinished = true;
}

static void tell_doubts(struct policy_files *files)
{
    GHashTableIter iterator;
    gpointer path;
    g_hash_table_iter_init(&iterator, files->refused);
    while (g_hash_table_iter_next(&iterator, &path, NULL))
        files->doubted |= policy_path_types(path);
    policy_keeper_doubt_types(files->keeper, files->doubted);
}

static gboolean on_retry(gpointer data);

static void take_all(struct policy_files *files)
{
    g_autoptr(GError) error = NULL;
    files->is_unfinished = files->is_store_away = false;
    if (!files->has_remembered)
        remember_taken(files);
    files->doubted = files->has_remembered ? 0 : ~0U;
    g_autoptr(GPtrArray) paths = policy_directory_list(files->directory, watch, files, &error);
    if (paths)
        take_found(files, paths);
    note_directory(files, error);
    tell_doubts(files);
    if (files->is_unfinished && !files->retry_timer)
        files->retry_timer = g_timeout_add(RETRY_MS, on_retry, files);
}

/* ---- watching ---- */

static gboolean on_retry(gpointer data)
{
    struct policy_files *files = data;
    files->retry_timer = 0;
    take_all(files);
    return G_SOURCE_REMOVE;
}

static gboolean on_settled(gpointer data)
{
    struct policy_files *files = data;
    files->settle_timer = 0;
    take_all(files);
    return G_SOURCE_REMOVE;
}

static gboolean on_event(gint fd, GIOCondition condition, gpointer data)
{
    struct policy_files *files = data;
    char events[4096];
    (void)condition;
    while (read(fd, events, sizeof events) > 0)
        ;
    if (!files->settle_timer)
        files->settle_timer = g_timeout_add(SETTLE_MS, on_settled, files);
    return G_SOURCE_CONTINUE;
}

struct policy_files *policy_files_new(const char *directory, struct policy_keeper *keeper,
                                      const struct record_list *cameras, GError **error)
{
    struct policy_files *files = g_new0(struct policy_files, 1);
    files->directory = g_strdup(directory);
    files->keeper = keeper;
    files->cameras = cameras;
    files->taken = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    files->refused = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    files->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (files->inotify < 0 || !g_file_test(directory, G_FILE_TEST_IS_DIR)) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_IO, "policies.directory '%s' %s", directory,
                    files->inotify < 0 ? "cannot be watched: no inotify to be had" : "is no directory: make it");
        policy_files_free(files);
        return NULL;
    }
    files->watch = g_unix_fd_add(files->inotify, G_IO_IN, on_event, files);
    take_all(files);
    return files;
}

size_t policy_files_refused(const struct policy_files *files)
{
    return g_hash_table_size(files->refused);
}

void policy_files_free(struct policy_files *files)
{
    if (!files)
        return;
    if (files->watch)
        g_source_remove(files->watch);
    if (files->settle_timer)
        g_source_remove(files->settle_timer);
    if (files->retry_timer)
        g_source_remove(files->retry_timer);
    if (files->inotify >= 0)
        close(files->inotify);
    g_hash_table_unref(files->taken);
    g_hash_table_unref(files->refused);
    g_free(files->directory);
    g_free(files);
}
