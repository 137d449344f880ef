/* Changes: made inside the store's transaction from what is there at that moment, checked by their type's table and by
 * what every camera would be told, and only then written. */
#include "keeper/keeper.h"

#include "keeper/keeper_internal.h"

#include <string.h>

static struct store_policy_key key_of(const struct policy_name *name)
{
    return (struct store_policy_key){name->scope.org_id,        name->scope.site_id,
                                     name->scope.class_id,      name->scope.camera_id,
                                     policy_name_service(name), record_enum_name(policy_type_names, name->type)};
}

/* ---- reading ---- */

struct service_policy *policy_keeper_find(struct policy_keeper *keeper, const struct policy_name *name, GError **error)
{
    struct store_policy_key key = key_of(name);
    struct service_policy *policy = store_policy_find(keeper->config.store, &key, error);
    if (policy && !policy_keeper_open(keeper, policy, error))
        g_clear_pointer(&policy, service_policy_free);
    return policy;
}

bool policy_keeper_look(struct policy_keeper *keeper, const struct policy_name *name, int32_t *version,
                        char **updated_by, GError **error)
{
    struct store_policy_key key = key_of(name);
    struct service_policy *policy = store_policy_find(keeper->config.store, &key, error);
    if (!policy)
        return false;
    *version = policy->version;
    *updated_by = g_steal_pointer(&policy->updated_by);
    service_policy_free(policy);
    return true;
}

bool policy_keeper_check_scope(struct policy_keeper *keeper, const struct policy_name *name, GError **error)
{
    const struct store_policy_key key = key_of(name);
    return store_policy_check_scope(keeper->config.store, &key, error);
}

/* The document that is shown where one cannot be opened. */
static char *unopenable(const GError *error)
{
    g_autoptr(GString) text = g_string_new("{\"" POLICY_UNOPENABLE "\":");
    record_append_json_string(text, error->message);
    return g_strdup_printf("%s}", text->str);
}

/* Opens it in place, or says in its place why not: one that a lost key sealed, or that was damaged, takes none of the
 * others with it. */
static void show_text(struct policy_keeper *keeper, const struct policy_binding *binding, char **text)
{
    g_autoptr(GError) error = NULL;
    if (!*text)
        return;
    char *open = policy_open(keeper->ring, binding, *text, &error);
    g_free(*text);
    *text = open ? open : unopenable(error);
}

GPtrArray *policy_keeper_list(struct policy_keeper *keeper, const char *org_id, GError **error)
{
    g_autoptr(GPtrArray) policies = store_policies_of(keeper->config.store, org_id, error);
    for (guint i = 0; policies && i < policies->len; i++) {
        struct service_policy *policy = g_ptr_array_index(policies, i);
        struct policy_name name = policy_name_of(policy);
        struct policy_binding binding = policy_binding_of(&name, policy->version);
        show_text(keeper, &binding, &policy->config.text);
    }
    return g_steal_pointer(&policies);
}

GPtrArray *policy_keeper_history(struct policy_keeper *keeper, const struct policy_name *name, int64_t before,
                                 int limit, GError **error)
{
    struct store_policy_key key = key_of(name);
    g_autoptr(GPtrArray) revisions = store_policy_history(keeper->config.store, &key, before, limit, error);
    for (guint i = 0; revisions && i < revisions->len; i++) {
        struct policy_revision *revision = g_ptr_array_index(revisions, i);
        struct policy_binding binding = policy_binding_of(name, revision->version);
        show_text(keeper, &binding, &revision->config.text);
        show_text(keeper, &binding, &revision->diff.text);
    }
    return g_steal_pointer(&revisions);
}

bool policy_keeper_latest_change(struct policy_keeper *keeper, unsigned types, const struct policy_scope *camera,
                                 int64_t *revision, GError **error)
{
    const struct policy_scope scopes[] = {
        {.org_id = NULL},
        {.org_id = camera->org_id},
        {.org_id = camera->org_id, .site_id = camera->site_id},
        {.org_id = camera->org_id, .class_id = camera->class_id},
        {.org_id = camera->org_id, .camera_id = camera->camera_id},
    };
    struct store_policy_key keys[POLICY_TYPES * G_N_ELEMENTS(scopes)];
    size_t count = 0;
    for (size_t i = 0; i < POLICY_TYPES; i++)
        for (size_t j = 0; types >> policy_types[i].type & 1 && j < G_N_ELEMENTS(scopes); j++)
            keys[count++] = key_of(&(struct policy_name){scopes[j], policy_types[i].type, NULL});
    return store_policies_latest(keeper->config.store, camera->org_id, keys, count, revision, error);
}

/* ---- checking ---- */

bool policy_scope_has(const struct policy_scope *scope, const struct camera *camera)
{
    struct policy_scope subject = policy_subject_of(camera);
    return (!scope->org_id || g_strcmp0(scope->org_id, subject.org_id) == 0) &&
           (!scope->site_id || g_strcmp0(scope->site_id, subject.site_id) == 0) &&
           (!scope->class_id || g_strcmp0(scope->class_id, subject.class_id) == 0) &&
           (!scope->camera_id || g_strcmp0(scope->camera_id, subject.camera_id) == 0);
}

/* A change that is made. */
struct making {
    struct policy_keeper *keeper;
    const struct policy_change *change;
    const char *earlier; /* what a rollback goes back to */
    struct policy_changed *changed;
    struct record_errors *errors;
    struct policy_set *tried; /* with the document, once it was tried on every camera; NULL: it was not */
    bool is_unchanged;        /* the document is as it was */
};

/* Changes that come into force together: each is tried on what those before it made. */
struct policy_batch {
    struct policy_keeper *keeper;
    struct policy_set *set; /* with the documents made so far; NULL: none was */
    bool has_changed;
    bool is_holding; /* nobody loads what is stored of it so far */
};

/* Before the first of its changes is stored: from then on a notice may come. */
static void hold(struct policy_batch *batch)
{
    if (!batch || batch->is_holding)
        return;
    batch->is_holding = true;
    policy_manager_hold(batch->keeper->manager);
}

static struct policy_set *present_set(const struct making *making)
{
    const struct policy_batch *batch = making->change->batch;
    return batch && batch->set ? policy_set_ref(batch->set) : policy_manager_get_set(making->keeper->manager);
}

/* A camera's share of it. */
struct trying {
    struct policy_keeper *keeper;
    const struct camera_set *cameras;
    int64_t revision;
};

/* What a camera would be told must hold together. */
static bool check_camera(void *data, const struct policy_camera *policies, GError **error)
{
    const struct trying *trying = data;
    const struct camera *camera = camera_set_find(trying->cameras, policies->scope.camera_id);
    struct camera_config base, told;
    policy_keeper_base(trying->keeper, camera, &base);
    if (!policy_apply(policies, trying->revision, &base, &told, error))
        return false;
    record_clear(&camera_config_descriptor, &told);
    return true;
}

static struct policy_scope *touched_subjects(const struct camera_set *cameras, const struct policy_scope *scope,
                                             size_t *count)
{
    struct policy_scope *subjects = g_new0(struct policy_scope, cameras->count + 1);
    *count = 0;
    for (size_t i = 0; i < cameras->count; i++)
        if (policy_scope_has(scope, cameras->items[i]))
            subjects[(*count)++] = policy_subject_of(cameras->items[i]);
    return subjects;
}

/* For every camera that it touches, now and at each hour of a week at which overlays, those of other levels with it,
 * make something else of it. */
static bool check_cameras(struct making *making, const char *config, GError **error)
{
    struct policy_keeper *keeper = making->keeper;
    const struct policy_name *name = &making->change->name;
    int64_t now_ms = clock_wall_ms(keeper->config.clock);
    size_t count;
    if (!camera_roster_is_whole(keeper->config.roster)) {
        g_set_error(
            error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE,
            "the cameras of the store are not read yet, and a policy is tried on all that it touches: try again");
        return false;
    }
    CLEANUP(policy_set) struct policy_set *present = present_set(making);
    CLEANUP(policy_set) struct policy_set *set = policy_set_copy(present);
    const struct policy_document document = {name->scope, name->type, config, policy_set_revision(present) + 1};
    if (!policy_set_add(set, &document, error))
        return false;
    CLEANUP(camera_set) struct camera_set *cameras = camera_roster_get(keeper->config.roster);
    g_autofree struct policy_scope *subjects = touched_subjects(cameras, &name->scope, &count);
    struct trying trying = {keeper, cameras, document.revision};
    CLEANUP(policy_view) struct policy_view *view = policy_keeper_get_view(keeper);
    const struct policy_trial trial = {.set = set,
                                       .present = view,
                                       .type = name->type,
                                       .from_ms = now_ms,
                                       .until_ms = now_ms + POLICY_WEEK_MS,
                                       .looks_max = (size_t)keeper->config.settings->policies.trial_looks,
                                       .visit = check_camera,
                                       .data = &trying};
    if (!policy_try(&trial, subjects, count, error))
        return false;
    policy_set_unref(making->tried);
    making->tried = g_steal_pointer(&set);
    return true;
}

static bool check_document(struct making *making, const char *config, GError **error)
{
    const struct policy_name *name = &making->change->name;
    struct record_errors *errors = making->errors;
    if (!policy_document_check(name->type, config, errors))
        return record_errors_to_gerror(errors, error);
    bool is_ours =
        !name->service_name ||
        strcmp(name->service_name, policy_name_service(&(struct policy_name){name->scope, name->type, NULL})) == 0;
    if (is_ours && !policy_document_check_obeyed(&name->scope, name->type, config, errors))
        return record_errors_to_gerror(errors, error);
    return !is_ours || check_cameras(making, config, error);
}

/* ---- making ---- */

/* What a version says; it alone is read and opened. */
static char *config_at(struct policy_keeper *keeper, const struct policy_name *name, int32_t version, GError **error)
{
    struct store_policy_key key = key_of(name);
    struct policy_binding binding = policy_binding_of(name, version);
    g_autoptr(GError) cause = NULL;
    struct policy_revision *revision = store_policy_revision(keeper->config.store, &key, version, &cause);
    char *config =
        revision && revision->config.text ? policy_open(keeper->ring, &binding, revision->config.text, &cause) : NULL;
    policy_revision_free(revision);
    if (!config && (!cause || g_error_matches(cause, VEDETTE_ERROR, VEDETTE_ERROR_NOT_FOUND)))
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_NOT_FOUND,
                    "the policy has no version %d to go back to: see its history", version);
    else if (!config)
        g_propagate_error(error, g_steal_pointer(&cause));
    return config;
}

/* The document as it shall be; NULL without an error: none. */
static char *wanted(const struct making *making, const char *present, GError **error)
{
    const char *body = making->change->body ? making->change->body : "";
    switch (making->change->action) {
    case POLICY_PUT:
        return g_strdup(body);
    case POLICY_PATCH:
        return policy_document_patch(present, body, error);
    case POLICY_ROLLBACK:
        return g_strdup(making->earlier);
    default:
        return NULL;
    }
}

/* Whether there is what the change is of; `config` is the document as it shall be. Nothing is removed of nothing. */
static bool check_present(const struct policy_change *change, const char *present, const char *config, GError **error)
{
    bool removes_alone =
        change->action == POLICY_DELETE || (change->action == POLICY_PATCH && g_strcmp0(config, "{}") == 0);
    if (present || (!change->must_exist && !removes_alone))
        return true;
    if (change->must_exist)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_CONFLICT, "there is no such policy: If-Match wants one");
    else
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_NOT_FOUND, "there is no such policy");
    return false;
}

/* `present` is open. Fills what changed; false: it may not be. */
static bool make(struct making *making, const char *present, GError **error)
{
    const struct policy_change *change = making->change;
    struct policy_changed *changed = making->changed;
    policy_changed_clear(changed);
    if (change->action == POLICY_PATCH &&
        !policy_patch_check(change->name.type, present, change->body ? change->body : "", making->errors))
        return record_errors_to_gerror(making->errors, error);
    g_autofree char *config = wanted(making, present, error);
    if ((!config && change->action != POLICY_DELETE) || !check_present(change, present, config, error))
        return false;
    if (change->action != POLICY_DELETE) {
        if (!check_document(making, config, error))
            return false;
        changed->config_json = policy_document_patch(NULL, config, error); /* in its own form */
    }
    changed->diff_json = policy_document_diff(present, changed->config_json);
    return true;
}

/* What a stored document says. One that does not open can be replaced or removed whole, and so be mended: it says why
 * it does not. NULL: it was to be patched. */
static char *open_present(const struct making *making, const struct service_policy *present, GError **error)
{
    const struct policy_binding binding = policy_binding_of(&making->change->name, present->version);
    g_autoptr(GError) cause = NULL;
    char *open = policy_open(making->keeper->ring, &binding, present->config.text, &cause);
    if (open || making->change->action != POLICY_PATCH)
        return open ? open : unopenable(cause);
    g_propagate_error(error, g_steal_pointer(&cause));
    return NULL;
}

/* A whole one changes, too, whether the document is a file's, and so goes with it. */
static bool leaves_as_it_is(const struct making *making, const struct service_policy *present)
{
    const struct policy_change *change = making->change;
    bool is_file = g_strcmp0(change->by.actor_id, POLICY_FILES_AUTHOR) == 0,
         was_file = g_strcmp0(present->updated_by, POLICY_FILES_AUTHOR) == 0;
    bool is_same = strcmp(making->changed->diff_json, "[]") == 0;
    return is_same && (change->action == POLICY_PATCH || (change->action == POLICY_PUT && is_file == was_file));
}

static bool make_from(struct making *making, const struct service_policy *present, GError **error)
{
    g_autofree char *open = present ? open_present(making, present, error) : NULL;
    if ((present && !open) || !make(making, open, error))
        return false;
    making->is_unchanged = present && leaves_as_it_is(making, present);
    return true;
}

static bool make_stored(void *data, const struct service_policy *present, int32_t version, char **config, char **diff,
                        GError **error)
{
    struct making *making = data;
    const struct policy_keyring *ring = making->keeper->ring;
    if (!make_from(making, present, error))
        return false;
    if (making->is_unchanged)
        return true;
    struct policy_binding binding = policy_binding_of(&making->change->name, version);
    const struct policy_changed *changed = making->changed;
    *config = changed->config_json ? policy_seal(ring, &binding, changed->config_json) : NULL;
    *diff = policy_seal(ring, &binding, changed->diff_json);
    return true;
}

static bool make_dry(struct making *making, GError **error)
{
    g_autoptr(GError) cause = NULL;
    struct store *store = making->keeper->config.store;
    const struct store_policy_key key = key_of(&making->change->name);
    struct service_policy *present = store_policy_find(store, &key, &cause);
    bool is_good = present || g_error_matches(cause, VEDETTE_ERROR, VEDETTE_ERROR_NOT_FOUND);
    if (!is_good)
        g_propagate_error(error, g_steal_pointer(&cause));
    is_good = is_good && store_policy_check_version(making->change->expected_version, present, error) &&
              make_from(making, present, error) && (present || store_policy_check_scope(store, &key, error));
    service_policy_free(present);
    return is_good;
}

static int64_t revision_in_force(struct policy_keeper *keeper)
{
    struct policy_status status;
    policy_manager_get_status(keeper->manager, &status);
    int64_t revision = status.revision;
    policy_status_clear(&status);
    return revision;
}

/* In force from here on, or with the others of its batch. */
static void take_in(struct making *making)
{
    struct policy_batch *batch = making->change->batch;
    g_autoptr(GError) cause = NULL;
    if (batch) {
        batch->has_changed = true;
        if (making->tried) {
            policy_set_unref(batch->set);
            batch->set = g_steal_pointer(&making->tried);
        }
    } else if (!policy_manager_reload(making->keeper->manager, &cause)) { /* it is stored; the status says so too */
        log_error(NULL, "policies after a change: %s", cause->message);
    }
}

/* What stands already is taken in where another server made it and nobody here has read it yet. */
static void note_made(struct making *making, int64_t before)
{
    bool is_new = making->changed->revision > before;
    if (!is_new && making->is_unchanged)
        return;
    if (!is_new) /* the store is another one's copy, or an older state of it: its word holds */
        policy_manager_take_older(making->keeper->manager);
    take_in(making);
}

bool policy_keeper_change(struct policy_keeper *keeper, const struct policy_change *change,
                          struct policy_changed *changed, struct record_errors *errors, GError **error)
{
    int64_t before = revision_in_force(keeper);
    *changed = (struct policy_changed){0};
    g_autofree char *earlier =
        change->action == POLICY_ROLLBACK ? config_at(keeper, &change->name, change->to_version, error) : NULL;
    struct making making = {keeper, change, earlier, changed, errors, NULL, false};
    const struct store_policy_change stored = {
        .key = key_of(&change->name),
        .expected_version = change->expected_version,
        .make = make_stored,
        .data = &making,
        .by = &change->by,
        .webhook = change->webhook,
        .file = change->file,
    };
    if ((change->action == POLICY_ROLLBACK && !earlier) || !policy_scope_check(&change->name.scope, error))
        return false;
    hold(change->batch);
    bool is_good = change->is_dry_run ? make_dry(&making, error)
                                      : store_policy_change(keeper->config.store, &stored, &changed->version,
                                                            &changed->revision, error);
    if (is_good && !change->is_dry_run)
        note_made(&making, before);
    policy_set_unref(making.tried);
    return is_good;
}

struct policy_batch *policy_batch_new(struct policy_keeper *keeper)
{
    struct policy_batch *batch = g_new0(struct policy_batch, 1);
    batch->keeper = keeper;
    return batch;
}

void policy_batch_end(struct policy_batch *batch)
{
    g_autoptr(GError) error = NULL;
    if (batch->is_holding)
        policy_manager_release(batch->keeper->manager);
    if (batch->has_changed && !policy_manager_reload(batch->keeper->manager, &error))
        log_error(NULL, "policies after a change: %s", error->message);
    policy_set_unref(batch->set);
    g_free(batch);
}

void policy_changed_clear(struct policy_changed *changed)
{
    g_free(changed->config_json);
    g_free(changed->diff_json);
    *changed = (struct policy_changed){0};
}
