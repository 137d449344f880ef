/* Policies for other programs: a thin face on src/policy. */
#include "vedette/policy.h"

#include "base/clock.h"
#include "policy/directory.h"
#include "policy/manager.h"

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

struct vedette_policy_manager {
    /* immutable */
    struct vedette_policy_manager_config config;
    char *service_name, *directory;
    struct policy_manager *manager;

    int64_t directory_revision; /* the newest file's ever; of the thread that loads */
};

void vedette_policy_manager_config_init(struct vedette_policy_manager_config *config)
{
    *config = (struct vedette_policy_manager_config){.poll_seconds = 1};
}

/* ---- loading ---- */

struct handing_over {
    const char *service_name;
    void (*add)(void *data, const struct policy_document *document);
    void *data;
    GPtrArray *own; /* of struct vedette_policy_document *: for this service alone */
};

static void add_document(const struct handing_over *to, const struct vedette_policy_document *document)
{
    const struct vedette_policy_scope *scope = &document->scope;
    enum policy_type type = record_enum_value(policy_type_names, document->type ? document->type : "");
    g_autofree char *refusal =
        type ? NULL : g_strdup_printf("there is no type of policy '%s'", document->type ? document->type : "");
    to->add(to->data, &(struct policy_document){
                          {scope->org_id, scope->site_id, scope->class_id, scope->camera_id},
                          type,
                          document->config ? document->config : "",
                          document->revision,
                          refusal,
                      });
}

static struct vedette_policy_document *document_copy(const struct vedette_policy_document *document)
{
    const struct vedette_policy_scope *scope = &document->scope;
    struct vedette_policy_document *copy = g_new(struct vedette_policy_document, 1);
    *copy = (struct vedette_policy_document){
        .scope = {g_strdup(scope->org_id), g_strdup(scope->site_id), g_strdup(scope->class_id),
                  g_strdup(scope->camera_id)},
        .type = g_strdup(document->type),
        .config = g_strdup(document->config),
        .revision = document->revision,
    };
    return copy;
}

static void document_free(gpointer data)
{
    struct vedette_policy_document *document = data;
    const char *const texts[] = {document->scope.org_id,    document->scope.site_id, document->scope.class_id,
                                 document->scope.camera_id, document->type,          document->config};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        g_free((gpointer)(uintptr_t)texts[i]);
    g_free(document);
}

/* A later document takes the place of an earlier one, and so this service's own wait for the others, in whatever order
 * they come. */
static void hand_over(void *data, const struct vedette_policy_document *document)
{
    const struct handing_over *to = data;
    if (!document->service_name)
        add_document(to, document);
    else if (strcmp(document->service_name, to->service_name) == 0)
        g_ptr_array_add(to->own, document_copy(document));
}

static bool load_source(void *data, void (*add)(void *add_data, const struct policy_document *document), void *add_data,
                        int64_t *revision, GError **error)
{
    const struct vedette_policy_manager *manager = data;
    g_autoptr(GPtrArray) own = g_ptr_array_new_with_free_func(document_free);
    struct handing_over to = {manager->service_name, add, add_data, own};
    char why[VEDETTE_POLICY_WHY_BYTES] = "";
    if (!manager->config.source.load(manager->config.source.data, hand_over, &to, revision, why)) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE, "policies cannot be read: %.*s",
                    (int)sizeof why - 1, why);
        return false;
    }
    for (guint i = 0; i < own->len; i++)
        add_document(&to, g_ptr_array_index(own, i));
    return true;
}

/* When a file was changed last; 0: it is gone. */
static int64_t changed_at_ms(const char *directory, const char *path)
{
    GStatBuf status;
    g_autofree char *file = g_build_filename(directory, path, NULL);
    if (g_stat(file, &status) != 0)
        return 0;
    return (int64_t)status.st_mtim.tv_sec * 1000 + status.st_mtim.tv_nsec / 1000000;
}

/* Returns when it was changed. */
static int64_t hand_over_file(const struct vedette_policy_manager *manager, const char *path,
                              void (*add)(void *add_data, const struct policy_document *document), void *add_data)
{
    g_auto(GStrv) parts = g_strsplit(path, "/", -1);
    g_autoptr(GError) error = NULL;
    g_autofree char *config = policy_directory_read(manager->directory, path, &error);
    struct policy_document document = {.config_json = config, .revision = changed_at_ms(manager->directory, path)};
    g_autofree char *refusal =
        !policy_path_read(parts, &document.scope, &document.type)
            ? g_strdup_printf("policy file '%s': its place names no scope, or its name no type of policy", path)
        : !config ? g_strdup(error->message)
                  : NULL;
    document.refusal = refusal;
    add(add_data, &document);
    return document.revision;
}

static bool load_directory(void *data, void (*add)(void *add_data, const struct policy_document *document),
                           void *add_data, int64_t *revision, GError **error)
{
    struct vedette_policy_manager *manager = data;
    g_autoptr(GPtrArray) paths = policy_directory_list(manager->directory, NULL, NULL, error);
    for (guint i = 0; paths && i < paths->len; i++) {
        int64_t at_ms = hand_over_file(manager, g_ptr_array_index(paths, i), add, add_data);
        manager->directory_revision = MAX(manager->directory_revision, at_ms);
    }
    *revision = manager->directory_revision;
    return paths != NULL;
}

static const char directory_emptied[] = "the directory of policies holds no file: if it is empty on purpose, leave one "
                                        "there that says nothing ({})";

/* ---- the life of a manager ---- */

static void on_changed(void *data, struct policy_set *set)
{
    const struct vedette_policy_manager *manager = data;
    (void)set;
    if (manager->manager && manager->config.changed) /* not before there is somebody to ask */
        manager->config.changed(manager->config.data);
}

static const char *fault_of(const struct vedette_policy_manager_config *config)
{
    if (!config->directory == !config->source.load)
        return "directory or source.load must be given, and not both";
    if (!isfinite(config->poll_seconds) || config->poll_seconds < 0)
        return "poll_seconds must be 0 or more";
    return NULL;
}

struct vedette_policy_manager *vedette_policy_manager_new(const char *service_name,
                                                          const struct vedette_policy_manager_config *config,
                                                          const char **why)
{
    const char *fault = fault_of(config);
    if (fault) {
        if (why)
            *why = fault;
        return NULL;
    }
    struct vedette_policy_manager *manager = g_new0(struct vedette_policy_manager, 1);
    manager->config = *config;
    manager->service_name = g_strdup(service_name ? service_name : "");
    manager->directory = g_strdup(config->directory);
    const struct policy_source source = {config->directory ? load_directory : load_source, manager};
    const struct policy_manager_config inner = {.snapshot_path = config->snapshot_path,
                                                .poll_seconds = config->poll_seconds,
                                                .clock = clock_system(),
                                                .emptied = config->directory ? directory_emptied : NULL,
                                                .changed = on_changed,
                                                .data = manager};
    manager->manager = policy_manager_new(&inner, &source);
    return manager;
}

void vedette_policy_manager_free(struct vedette_policy_manager *manager)
{
    if (!manager)
        return;
    policy_manager_free(manager->manager);
    g_free(manager->service_name);
    g_free(manager->directory);
    g_free(manager);
}

const char *vedette_policy_manager_service_name(const struct vedette_policy_manager *manager)
{
    return manager->service_name;
}

/* ---- what is in force ---- */

/* False: there is no such type. */
static bool resolve(struct vedette_policy_manager *manager, const char *type,
                    const struct vedette_policy_scope *subject, struct policy_effective *effective)
{
    const struct policy_scope scope =
        subject ? (struct policy_scope){subject->org_id, subject->site_id, subject->class_id, subject->camera_id}
                : (struct policy_scope){NULL};
    enum policy_type found = record_enum_value(policy_type_names, type ? type : "");
    int64_t now_ms =
        manager->config.now_ms ? manager->config.now_ms(manager->config.data) : clock_wall_ms(clock_system());
    if (!found)
        return false;
    CLEANUP(policy_set) struct policy_set *set = policy_manager_get_set(manager->manager);
    policy_resolve(set, found, &scope, now_ms, effective);
    return true;
}

struct vedette_record *vedette_policy_manager_get_policy(struct vedette_policy_manager *manager, const char *type,
                                                         const struct vedette_policy_scope *subject,
                                                         int64_t *valid_until_ms, vedette_record_fault fault,
                                                         void *data)
{
    struct policy_effective effective;
    if (!resolve(manager, type, subject, &effective)) {
        if (fault)
            fault(data, "", "there is no such type of policy");
        return NULL;
    }
    if (valid_until_ms)
        *valid_until_ms = effective.valid_until_ms;
    const struct vedette_record_type *of = vedette_record_type_find(policy_type_find(effective.type)->descriptor->name);
    struct vedette_record *record =
        vedette_record_parse(of, effective.config_json, strlen(effective.config_json), fault, data);
    policy_effective_clear(&effective);
    return record;
}

char *vedette_policy_manager_effective_json(struct vedette_policy_manager *manager, const char *type,
                                            const struct vedette_policy_scope *subject)
{
    struct policy_effective effective;
    if (!resolve(manager, type, subject, &effective))
        return NULL;
    GString *json = g_string_new(NULL);
    policy_effective_append_json(&effective, NULL, json);
    policy_effective_clear(&effective);
    return g_string_free(json, FALSE); /* GLib's memory is malloc's (since 2.46) */
}

/* ---- hot reload ---- */

bool vedette_policy_manager_start_hot_reload(struct vedette_policy_manager *manager)
{
    return policy_manager_start_hot_reload(manager->manager, NULL);
}

void vedette_policy_manager_stop_hot_reload(struct vedette_policy_manager *manager)
{
    policy_manager_stop_hot_reload(manager->manager);
}

void vedette_policy_manager_notify(struct vedette_policy_manager *manager)
{
    policy_manager_notify(manager->manager);
}

bool vedette_policy_manager_reload(struct vedette_policy_manager *manager)
{
    return policy_manager_reload(manager->manager, NULL);
}

void vedette_policy_manager_get_status(struct vedette_policy_manager *manager,
                                       struct vedette_policy_manager_status *status)
{
    struct policy_status inner;
    policy_manager_get_status(manager->manager, &inner);
    *status = (struct vedette_policy_manager_status){
        .revision = inner.revision,
        .loaded_at_ms = inner.loaded_at_ms,
        .is_loaded = inner.is_loaded,
        .is_stale = inner.is_stale,
        .documents = inner.documents,
        .loads = inner.loads,
        .load_failures = inner.load_failures,
        .loads_out_of_order = inner.loads_out_of_order,
        .documents_refused = inner.documents_refused,
        .snapshots_refused = inner.snapshots_refused,
        .bad_now = inner.bad_now,
    };
    g_strlcpy(status->error, inner.error ? inner.error : "", sizeof status->error);
    policy_status_clear(&inner);
}
