/* The keeper's life: loading from the store, views, and what a camera's worker is told. Changes: keeper_change.c;
 * what it says to other rooms: keeper_says.c. */
#include "keeper/keeper.h"

#include "keeper/keeper_internal.h"

#include <string.h>

/* ---- loading ---- */

struct policy_binding policy_binding_of(const struct policy_name *name, int32_t version)
{
    return (struct policy_binding){name->scope, policy_name_service(name), name->type, version};
}

const char *policy_name_service(const struct policy_name *name)
{
    return name->service_name ? name->service_name : record_enum_name(policy_type_names, name->type);
}

struct policy_name policy_name_of(const struct service_policy *policy)
{
    return (struct policy_name){
        {policy->org_id, policy->site_id, policy->class_id, policy->camera_id},
        record_enum_value(policy_type_names, policy->policy_type),
        policy->service_name,
    };
}

/* Opens a stored document in place. */
bool policy_keeper_open(struct policy_keeper *keeper, struct service_policy *policy, GError **error)
{
    struct policy_name name = policy_name_of(policy);
    struct policy_binding binding = policy_binding_of(&name, policy->version);
    char *open = policy_open(keeper->ring, &binding, policy->config.text, error);
    if (!open)
        return false;
    g_free(policy->config.text);
    policy->config.text = open;
    return true;
}

struct handing_over {
    void (*add)(void *data, const struct policy_document *document);
    void *data;
};

/* Only the documents that Vedette's own services read; others are kept for the programs that do. */
static void hand_over(struct policy_keeper *keeper, struct service_policy *policy, const struct handing_over *to)
{
    g_autoptr(GError) error = NULL;
    struct policy_name name = policy_name_of(policy);
    if (!name.type || strcmp(policy->service_name, policy->policy_type) != 0)
        return;
    if (!policy_keeper_open(keeper, policy, &error))
        log_error(policy->camera_id, "%s policy: %s", policy->policy_type, error->message);
    to->add(to->data, &(struct policy_document){name.scope, name.type, policy->config.text, policy->revision,
                                                error ? error->message : NULL});
}

/* A type that Vedette does not know is another program's whole, and never sealed. */
static bool has_known_type(const struct service_policy *policy)
{
    return record_enum_value(policy_type_names, policy->policy_type) != 0;
}

static bool is_open(const struct policy_keeper *keeper, const struct service_policy *policy)
{
    (void)keeper;
    return has_known_type(policy) && !policy_is_sealed(policy->config.text);
}

static bool is_without_first(const struct policy_keeper *keeper, const struct service_policy *policy)
{
    return has_known_type(policy) && !policy_is_sealed_with_first(keeper->ring, policy->config.text);
}

static bool reseal(struct policy_keeper *keeper, struct service_policy *policy, GError **error)
{
    struct policy_name name = policy_name_of(policy);
    struct policy_binding binding = policy_binding_of(&name, policy->version);
    const struct store_policy_key key = {policy->org_id,    policy->site_id,      policy->class_id,
                                         policy->camera_id, policy->service_name, policy->policy_type};
    g_autofree char *present = g_strdup(policy->config.text);
    if (!policy_keeper_open(keeper, policy, error))
        return false;
    g_autofree char *sealed = policy_seal(keeper->ring, &binding, policy->config.text);
    return store_policy_reseal(keeper->config.store, &key, policy->version, present, sealed, error);
}

/* As policy_keeper_reseal, of those that `is_wanted` says. */
static int reseal_where(struct policy_keeper *keeper,
                        bool (*is_wanted)(const struct policy_keeper *keeper, const struct service_policy *policy),
                        GError **error)
{
    int64_t revision;
    int count = 0;
    g_autoptr(GPtrArray) policies = store_policies_list(keeper->config.store, &revision, error);
    if (!policies)
        return -1;
    g_autoptr(GError) first = NULL;
    for (guint i = 0; i < policies->len; i++) {
        struct service_policy *policy = g_ptr_array_index(policies, i);
        g_autoptr(GError) cause = NULL;
        if (!is_wanted(keeper, policy))
            continue;
        count += reseal(keeper, policy, &cause);
        if (cause && !first)
            g_propagate_prefixed_error(&first, g_steal_pointer(&cause), "%s policy: ", policy->policy_type);
    }
    if (!first)
        return count;
    g_propagate_error(error, g_steal_pointer(&first));
    return -1;
}

int policy_keeper_reseal(struct policy_keeper *keeper, GError **error)
{
    return policy_keyring_has_key(keeper->ring) ? reseal_where(keeper, is_without_first, error) : 0;
}

/* What another program wrote without a key is sealed as soon as it is read. What another of our keys sealed is left: in
 * a rotation that is another server's first, and each would seal anew what the other did. Logged once, however often it
 * fails. */
static void seal_open_ones(struct policy_keeper *keeper)
{
    g_autoptr(GError) error = NULL;
    reseal_where(keeper, is_open, &error);
    if (error && g_strcmp0(keeper->seal_trouble, error->message) != 0)
        log_error(NULL, "policies are not all sealed: %s", error->message);
    g_free(keeper->seal_trouble);
    keeper->seal_trouble = error ? g_strdup(error->message) : NULL;
}

static bool load(void *data, void (*add)(void *add_data, const struct policy_document *document), void *add_data,
                 int64_t *revision, GError **error)
{
    struct policy_keeper *keeper = data;
    const struct handing_over to = {add, add_data};
    g_autoptr(GPtrArray) policies = store_policies_list(keeper->config.store, revision, error);
    bool has_open = false;
    for (guint i = 0; policies && i < policies->len; i++) {
        has_open |= is_open(keeper, g_ptr_array_index(policies, i));
        hand_over(keeper, g_ptr_array_index(policies, i), &to);
    }
    if (has_open && atomic_load(&keeper->is_sealing))
        seal_open_ones(keeper);
    return policies != NULL;
}

/* ---- views ---- */

struct policy_scope policy_subject_of(const struct camera *camera)
{
    return (struct policy_scope){camera->org_id, camera->site_id, camera->class_id, camera->id};
}

struct policy_view *policy_keeper_make_view(struct policy_keeper *keeper, const struct policy_set *set, GError **error)
{
    CLEANUP(camera_set) struct camera_set *cameras = camera_roster_get(keeper->config.roster);
    g_autofree struct policy_scope *subjects = g_new0(struct policy_scope, cameras->count + 1);
    for (size_t i = 0; i < cameras->count; i++)
        subjects[i] = policy_subject_of(cameras->items[i]);
    CLEANUP(policy_view) struct policy_view *before = keeper->view ? policy_keeper_get_view(keeper) : NULL;
    return policy_view_new_after(before, set, subjects, cameras->count, clock_wall_ms(keeper->config.clock), error);
}

/* Said in the log once, however often it comes to the same. With the lock held. */
static void note_view(struct policy_keeper *keeper, const GError *error)
{
    const char *why = error ? error->message : NULL;
    if (why && g_strcmp0(why, keeper->view_trouble) != 0)
        log_error(NULL, "%s; what was in force stays", why);
    g_free(keeper->view_trouble);
    keeper->view_trouble = g_strdup(why);
}

static bool make_and_swap(struct policy_keeper *keeper, const struct policy_set *set, bool is_loaded, GError **error)
{
    struct policy_view *view = policy_keeper_make_view(keeper, set, error), *before = NULL;
    pthread_mutex_lock(&keeper->lock);
    if (view) {
        before = keeper->view;
        keeper->view = view;
        keeper->is_known = is_loaded;
    }
    note_view(keeper, view ? NULL : *error);
    pthread_mutex_unlock(&keeper->lock);
    policy_view_unref(before);
    return view != NULL;
}

/* From what is in force now, one at a time: a view never takes the place of one of a newer set, or of more cameras. */
static void take_view(struct policy_keeper *keeper, struct policy_set *first)
{
    g_autoptr(GError) error = NULL;
    pthread_mutex_lock(&keeper->view_lock);
    bool is_loaded = !keeper->manager || policy_manager_is_loaded(keeper->manager);
    CLEANUP(policy_set)
    struct policy_set *set = keeper->manager ? policy_manager_get_set(keeper->manager) : policy_set_ref(first);
    bool is_made = make_and_swap(keeper, set, is_loaded, &error);
    pthread_mutex_unlock(&keeper->view_lock);
    if (is_made && keeper->is_ready && keeper->config.changed)
        keeper->config.changed(keeper->config.data);
}

/* The first comes before there is a manager. */
static void on_set(void *data, struct policy_set *set)
{
    take_view(data, set);
}

struct policy_view *policy_keeper_get_view(struct policy_keeper *keeper)
{
    pthread_mutex_lock(&keeper->lock);
    struct policy_view *view = policy_view_ref(keeper->view);
    pthread_mutex_unlock(&keeper->lock);
    return view;
}

struct policy_view *policy_keeper_view_of(struct policy_keeper *keeper, const struct policy_scope *subject,
                                          GError **error)
{
    CLEANUP(policy_set) struct policy_set *set = policy_manager_get_set(keeper->manager);
    return policy_view_new(set, subject, 1, clock_wall_ms(keeper->config.clock), error);
}

static gboolean is_gone(gpointer camera_id, gpointer why, gpointer cameras)
{
    (void)why;
    return !camera_set_find(cameras, camera_id);
}

void policy_keeper_see_cameras(struct policy_keeper *keeper)
{
    CLEANUP(camera_set) struct camera_set *cameras = camera_roster_get(keeper->config.roster);
    pthread_mutex_lock(&keeper->lock);
    g_hash_table_foreach_remove(keeper->not_configured, is_gone, cameras);
    pthread_mutex_unlock(&keeper->lock);
    take_view(keeper, NULL);
}

int64_t policy_keeper_turn(struct policy_keeper *keeper)
{
    CLEANUP(policy_view) struct policy_view *view = policy_keeper_get_view(keeper);
    if (policy_view_is_of(view, clock_wall_ms(keeper->config.clock)))
        return policy_view_valid_until_ms(view);
    take_view(keeper, NULL);
    CLEANUP(policy_view) struct policy_view *next = policy_keeper_get_view(keeper);
    return policy_view_valid_until_ms(next);
}

void policy_keeper_base(const struct policy_keeper *keeper, const struct camera *camera, struct camera_config *base)
{
    const struct settings *settings = keeper->config.settings;
    *base = (struct camera_config){.camera = *camera,
                                   .motion = settings->motion,
                                   .detector = settings->detector,
                                   .rules = settings->rules,
                                   .privacy = keeper->privacy};
}

static const struct policy_camera *policies_in(const struct policy_view *view, const struct camera *camera)
{
    const struct policy_camera *policies = policy_view_find(view, camera->org_id, camera->id);
    return policies ? policies : policy_view_default(view);
}

static bool apply(struct policy_keeper *keeper, const struct policy_view *view, const struct camera *camera,
                  struct camera_config *config, GError **error)
{
    struct camera_config base;
    policy_keeper_base(keeper, camera, &base);
    return policy_apply(policies_in(view, camera), policy_view_revision(view), &base, config, error);
}

/* Said in the log once, until it can be told again. */
static void note_camera(struct policy_keeper *keeper, const char *camera_id, const GError *error)
{
    pthread_mutex_lock(&keeper->lock);
    const char *known = g_hash_table_lookup(keeper->not_configured, camera_id);
    if (error && g_strcmp0(known, error->message) != 0) {
        log_error(camera_id, "%s; what it was told stays, and nothing of it is analysed before it was told anything",
                  error->message);
        g_hash_table_replace(keeper->not_configured, g_strdup(camera_id), g_strdup(error->message));
    } else if (!error && known) {
        g_hash_table_remove(keeper->not_configured, camera_id);
    }
    pthread_mutex_unlock(&keeper->lock);
}

/* Whether it is known what may be seen of a camera. */
static bool check_known(struct policy_keeper *keeper, const struct policy_view *view, const struct camera *camera,
                        GError **error)
{
    const struct policy_camera *policies = policies_in(view, camera);
    pthread_mutex_lock(&keeper->lock);
    bool is_known = keeper->is_known;
    pthread_mutex_unlock(&keeper->lock);
    if (!is_known)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE, "the policies of camera '%s' are not known yet",
                    camera->id);
    else if (policies->doubt)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID,
                    "it is not known what may be seen of camera '%s', for no good one was there before: %s", camera->id,
                    policies->doubt);
    else
        return true;
    return false;
}

bool policy_keeper_configure(struct policy_keeper *keeper, const struct policy_view *view, const struct camera *camera,
                             struct camera_config *config, GError **error)
{
    g_autoptr(GError) cause = NULL;
    bool is_good = check_known(keeper, view, camera, &cause) && apply(keeper, view, camera, config, &cause);
    note_camera(keeper, camera->id, cause);
    if (cause)
        g_propagate_error(error, g_steal_pointer(&cause));
    return is_good;
}

char *policy_keeper_trouble_of(struct policy_keeper *keeper, const char *camera_id)
{
    pthread_mutex_lock(&keeper->lock);
    char *why = g_strdup(g_hash_table_lookup(keeper->not_configured, camera_id));
    pthread_mutex_unlock(&keeper->lock);
    return why;
}

/* ---- the life of a keeper ---- */

/* Keys from the setting, or from the file it names as @/path. */
static struct policy_keyring *read_keys(const char *setting, GError **error)
{
    g_autofree char *text = NULL;
    if (!setting || setting[0] != '@')
        return policy_keyring_new(setting, error);
    if (!g_file_get_contents(setting + 1, &text, NULL, error)) {
        g_prefix_error(error, "policies.keys: ");
        return NULL;
    }
    struct policy_keyring *ring = policy_keyring_new(text, error);
    explicit_bzero(text, strlen(text));
    return ring;
}

/* ---- the snapshot ---- */

/* It is of everyone, and no document's. */
static const struct policy_binding snapshot_binding = {.service_name = "policies.snapshot"};

static char *seal_snapshot(void *data, const char *text)
{
    const struct policy_keeper *keeper = data;
    return policy_seal(keeper->ring, &snapshot_binding, text);
}

static char *open_snapshot(void *data, const char *sealed, GError **error)
{
    const struct policy_keeper *keeper = data;
    if (!policy_keyring_has_key(keeper->ring) || policy_is_sealed(sealed))
        return policy_open(keeper->ring, &snapshot_binding, sealed, error);
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_PERMISSION,
                "it is not sealed though there are policy keys, and so may be anybody's");
    return NULL;
}

static void tell_snapshot(struct policy_keeper *keeper)
{
    struct policy_status status;
    policy_manager_get_status(keeper->manager, &status);
    if (status.snapshot_error)
        log_warning(NULL, "%s; %s", status.snapshot_error,
                    status.snapshots_refused ? "it is passed over"
                                             : "that document is in doubt there, all others hold");
    policy_status_clear(&status);
}

bool policy_keeper_check_keys(const char *setting, GError **error)
{
    CLEANUP(policy_keyring) struct policy_keyring *ring = read_keys(setting, error);
    return ring;
}

struct policy_keeper *policy_keeper_new(const struct policy_keeper_config *config, GError **error)
{
    CLEANUP(policy_keeper) struct policy_keeper *keeper = g_new0(struct policy_keeper, 1);
    keeper->config = *config;
    if (!config->roster)
        keeper->config.roster = keeper->own_roster = camera_roster_new(&config->settings->cameras);
    record_init(&privacy_policy_descriptor, &keeper->privacy);
    pthread_mutex_init(&keeper->lock, NULL);
    pthread_mutex_init(&keeper->view_lock, NULL);
    keeper->not_configured = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    keeper->ring = read_keys(config->settings->policies.keys, error);
    if (!keeper->ring)
        return NULL;
    CLEANUP(policy_set) struct policy_set *none = policy_set_new();
    keeper->view = policy_keeper_make_view(keeper, none, error);
    if (!keeper->view)
        return NULL;
    const struct policy_manager_config manager = {.snapshot_path = config->snapshot_path,
                                                  .sealer = {seal_snapshot, open_snapshot, keeper},
                                                  .poll_seconds = config->settings->policies.poll_seconds,
                                                  .hold_seconds = config->settings->policies.hold_seconds,
                                                  .clock = config->clock,
                                                  .changed = on_set,
                                                  .data = keeper};
    const struct policy_source source = {load, keeper};
    keeper->manager = policy_manager_new(&manager, &source);
    keeper->is_ready = true;
    tell_snapshot(keeper);
    return g_steal_pointer(&keeper);
}

void policy_keeper_free(struct policy_keeper *keeper)
{
    if (!keeper)
        return;
    store_listener_free(keeper->listener);
    policy_manager_free(keeper->manager);
    policy_view_unref(keeper->view);
    g_hash_table_unref(keeper->not_configured);
    g_free(keeper->view_trouble);
    g_free(keeper->seal_trouble);
    policy_keyring_free(keeper->ring);
    camera_roster_free(keeper->own_roster);
    pthread_mutex_destroy(&keeper->lock);
    pthread_mutex_destroy(&keeper->view_lock);
    g_free(keeper);
}

/* ---- secrets of cameras ---- */

static struct policy_binding secret_binding(const struct camera *camera)
{
    return (struct policy_binding){{camera->org_id, NULL, NULL, camera->id}, "camera_logins", 0, 0};
}

char *policy_keeper_seal_secret(struct policy_keeper *keeper, const struct camera *camera, const char *json)
{
    const struct policy_binding binding = secret_binding(camera);
    return policy_seal(keeper->ring, &binding, json);
}

char *policy_keeper_open_secret(struct policy_keeper *keeper, const struct camera *camera, const char *sealed,
                                GError **error)
{
    const struct policy_binding binding = secret_binding(camera);
    return policy_open(keeper->ring, &binding, sealed, error);
}

bool policy_keeper_wants_reseal(const struct policy_keeper *keeper, const char *sealed)
{
    return policy_keyring_has_key(keeper->ring) && !policy_is_sealed_with_first(keeper->ring, sealed);
}

/* ---- kept answers ---- */

static struct policy_binding answer_binding(const char *org_id, const char *key)
{
    return (struct policy_binding){{org_id, NULL, NULL, key}, "kept_answers", 0, 0};
}

char *policy_keeper_seal_answer(struct policy_keeper *keeper, const char *org_id, const char *key, const char *text)
{
    const struct policy_binding binding = answer_binding(org_id, key);
    return policy_seal(keeper->ring, &binding, text);
}

char *policy_keeper_open_answer(struct policy_keeper *keeper, const char *org_id, const char *key, const char *sealed,
                                GError **error)
{
    const struct policy_binding binding = answer_binding(org_id, key);
    return policy_open(keeper->ring, &binding, sealed, error);
}

static void on_notice(void *data)
{
    policy_keeper_notify(data);
}

/* The documents are as the store had them lately. */
static bool has_read(struct policy_keeper *keeper, GError **error)
{
    struct policy_status status;
    policy_keeper_get_status(keeper, &status);
    bool is_read = status.is_loaded && !status.is_stale;
    if (!is_read)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE, "policies cannot be read: %s",
                    status.error ? status.error : "they were not read yet");
    policy_status_clear(&status);
    return is_read;
}

static void seal_all(struct policy_keeper *keeper)
{
    g_autoptr(GError) cause = NULL;
    int count = policy_keeper_reseal(keeper, &cause);
    if (cause)
        log_error(NULL, "policies are not all sealed with the first key: %s", cause->message);
    else if (count > 0)
        log_info(NULL, "%d policies were sealed anew with the first key", count);
}

bool policy_keeper_start(struct policy_keeper *keeper, GError **error)
{
    if (has_read(keeper, NULL))
        seal_all(keeper);
    atomic_store(&keeper->is_sealing, policy_keyring_has_key(keeper->ring));
    if (!policy_manager_start_hot_reload(keeper->manager, error))
        return false;
    keeper->listener = store_listen_policies(keeper->config.store, on_notice, keeper, error);
    return keeper->listener != NULL;
}

bool policy_keeper_catch_up(struct policy_keeper *keeper, GError **error)
{
    if (!has_read(keeper, NULL))
        policy_manager_reload(keeper->manager, NULL); /* a document that is refused is no matter of the store */
    if (!has_read(keeper, error))
        return false;
    seal_all(keeper); /* also where a look of the manager's own was the first that read them */
    return true;
}

void policy_keeper_notify(struct policy_keeper *keeper)
{
    policy_manager_notify(keeper->manager);
}

static const char *first_value(GHashTable *table)
{
    GHashTableIter iterator;
    gpointer value = NULL;
    g_hash_table_iter_init(&iterator, table);
    return g_hash_table_iter_next(&iterator, NULL, &value) ? value : NULL;
}

void policy_keeper_get_status(struct policy_keeper *keeper, struct policy_status *status)
{
    policy_manager_get_status(keeper->manager, status);
    pthread_mutex_lock(&keeper->lock);
    status->not_configured = g_hash_table_size(keeper->not_configured);
    const char *why = keeper->view_trouble;
    if (why) /* a view is of all cameras */
        status->not_configured = (int64_t)MAX(policy_view_count(keeper->view), 1);
    else
        why = first_value(keeper->not_configured);
    status->bad_now += status->not_configured;
    if (!status->error)
        status->error = g_strdup(why);
    pthread_mutex_unlock(&keeper->lock);
}

void policy_keeper_resolve(struct policy_keeper *keeper, enum policy_type type, const struct policy_scope *subject,
                           struct policy_effective *effective)
{
    CLEANUP(policy_set) struct policy_set *set = policy_manager_get_set(keeper->manager);
    policy_resolve(set, type, subject, clock_wall_ms(keeper->config.clock), effective);
}

char *policy_keeper_settings_json(struct policy_keeper *keeper, enum policy_type type,
                                  const struct policy_scope *subject)
{
    CLEANUP(camera_set) struct camera_set *cameras = camera_roster_get(keeper->config.roster);
    const struct camera *camera = subject->camera_id ? camera_set_find(cameras, subject->camera_id) : NULL;
    bool is_own = camera && g_strcmp0(camera->org_id, subject->org_id) == 0;
    struct camera_config base;
    policy_keeper_base(keeper, is_own ? camera : &(struct camera){.id = NULL}, &base);
    return policy_settings_json(type, &base, &keeper->config.settings->retention);
}
