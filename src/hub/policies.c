/* What policies make of the cameras, on its way to their workers: only what differs from what a worker was told last,
 * so that a change costs the cameras it does not touch nothing. Main loop's thread, but for on_changed.
 */
#define LOG_MODULE "hub"
#include "hub/hub_internal.h"

#include "base/counter.h"
#include "base/log.h"
#include "hub/policy_files.h"

#include <string.h>

enum { OVERLAY_LOOK_MS = 1000 };

struct hub_policies {
    struct hub *hub;
    struct policy_keeper *keeper;
    GHashTable *told; /* camera id → the text its worker was told last */
    gint is_pending;  /* atomic: a push waits on the main loop */
    guint clock_timer;
    char *trouble;              /* what was logged last of the policies' status; NULL: nothing is wrong */
    struct policy_files *files; /* NULL: no directory is watched */
};

static char *text_of(struct hub_policies *policies, const struct policy_view *view, const struct camera *camera)
{
    struct camera_config config;
    if (!policy_keeper_configure(policies->keeper, view, camera, &config, NULL))
        return NULL; /* the keeper's status says why */
    GString *text = g_string_new(NULL);
    record_encode_json(&camera_config_descriptor, &config, true, text);
    record_clear(&camera_config_descriptor, &config);
    return g_string_free(text, FALSE);
}

/* The revision alone is no reason to tell a camera anything. */
static bool says_the_same(const char *a, const char *b)
{
    static const char revision[] = "\"policy_revision\":";
    const char *left = a ? strstr(a, revision) : NULL, *right = strstr(b, revision);
    if (!left || !right)
        return false;
    left += strcspn(left, ",");
    right += strcspn(right, ",");
    return strcmp(left, right) == 0;
}

static void tell(struct hub_policies *policies, struct hub_worker *worker, const struct policy_view *view)
{
    for (guint i = 0; i < worker->held->len; i++) {
        const struct camera *camera = g_ptr_array_index(worker->held, i);
        g_autofree char *text = text_of(policies, view, camera);
        g_autoptr(GError) error = NULL;
        if (!text || says_the_same(g_hash_table_lookup(policies->told, camera->id), text))
            continue;
        if (link_send(worker->link, LINK_CAMERA, text, strlen(text), &error))
            g_hash_table_replace(policies->told, g_strdup(camera->id), g_steal_pointer(&text));
        else
            log_warning(camera->id, "its policies are told later: %s", error->message); /* by the next turn */
    }
}

void policies_tell_worker(struct hub_policies *policies, struct hub_worker *worker)
{
    if (!policies)
        return;
    for (guint i = 0; i < worker->held->len; i++) /* another process, which knows nothing */
        policies_forget_camera(policies, ((const struct camera *)g_ptr_array_index(worker->held, i))->id);
    CLEANUP(policy_view) struct policy_view *view = policy_keeper_get_view(policies->keeper);
    tell(policies, worker, view);
}

void policies_forget_camera(struct hub_policies *policies, const char *camera_id)
{
    if (policies)
        g_hash_table_remove(policies->told, camera_id);
}

void policies_see_cameras(struct hub_policies *policies)
{
    policy_keeper_see_cameras(policies->keeper); /* which pushes what is different */
}

static gboolean push(gpointer data)
{
    struct hub_policies *policies = data;
    g_atomic_int_set(&policies->is_pending, 0);
    if (!policies->keeper)
        return G_SOURCE_REMOVE; /* it ends */
    CLEANUP(policy_view) struct policy_view *view = policy_keeper_get_view(policies->keeper);
    for (guint i = 0; i < policies->hub->workers->len; i++) {
        struct hub_worker *worker = g_ptr_array_index(policies->hub->workers, i);
        if (worker->link && worker->has_said_hello)
            tell(policies, worker, view);
    }
    return G_SOURCE_REMOVE;
}

static void on_changed(void *data)
{
    struct hub_policies *policies = data;
    if (g_atomic_int_compare_and_exchange(&policies->is_pending, 0, 1))
        g_idle_add_full(G_PRIORITY_HIGH, push, policies, NULL); /* never here: before the loop runs nobody has it */
}

/* Once, as long as it is the same. */
static void log_trouble(struct hub_policies *policies, const char *trouble)
{
    if (trouble && g_strcmp0(trouble, policies->trouble) != 0)
        log_error(NULL, "policies: %s", trouble);
    g_free(policies->trouble);
    policies->trouble = g_strdup(trouble);
}

/* Once a second: overlays whose hour has come, what could not be sent, and what stands in the status. */
static gboolean on_clock(gpointer data)
{
    struct hub_policies *policies = data;
    struct policy_status status;
    policy_keeper_turn(policies->keeper);
    push(policies);
    policy_keeper_get_status(policies->keeper, &status);
    struct server_health *health = &policies->hub->health;
    counter_set(&health->policy_revision, status.revision);
    counter_set(&health->policies_stale, status.is_stale || !status.is_loaded);
    counter_set(&health->policies_unsaved, status.is_unsaved);
    counter_set(&health->policy_cameras_not_configured, status.not_configured);
    counter_set(&health->policy_loads_out_of_order, status.loads_out_of_order);
    counter_set(&health->policy_snapshots_refused, status.snapshots_refused);
    counter_set(&health->policy_load_failures, status.load_failures);
    counter_set(&health->policies_refused, status.documents_refused);
    counter_set(&health->policy_loads, status.loads);
    counter_set(&health->policies_bad,
                status.refused_now + (policies->files ? (int64_t)policy_files_refused(policies->files) : 0));
    log_trouble(policies, status.error);
    policy_status_clear(&status);
    return G_SOURCE_CONTINUE;
}

struct hub_policies *policies_new(struct hub *hub, GError **error)
{
    struct hub_policies *policies = g_new0(struct hub_policies, 1);
    g_autofree char *snapshot = g_build_filename(hub->data_dir, "policies.snapshot", NULL);
    policies->hub = hub;
    policies->told = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    const struct policy_keeper_config config = {hub->store, hub->settings,         snapshot, hub->clock, on_changed,
                                                policies,   live_roster(hub->live)};
    policies->keeper = policy_keeper_new(&config, error);
    if (policies->keeper && policy_keeper_start(policies->keeper, error)) {
        const char *directory = hub->settings->policies.directory;
        policies->clock_timer = g_timeout_add(OVERLAY_LOOK_MS, on_clock, policies);
        if (!directory || !*directory ||
            (policies->files = policy_files_new(directory, policies->keeper, &hub->settings->cameras, error)))
            return policies;
    }
    policies_free(policies);
    return NULL;
}

void policies_free(struct hub_policies *policies)
{
    if (!policies)
        return;
    policy_files_free(policies->files);
    if (policies->clock_timer)
        g_source_remove(policies->clock_timer);
    g_clear_pointer(&policies->keeper, policy_keeper_free); /* from here on nobody calls on_changed */
    while (g_atomic_int_get(&policies->is_pending))
        g_main_context_iteration(NULL, FALSE);
    g_hash_table_unref(policies->told);
    g_free(policies->trouble);
    g_free(policies);
}

struct policy_keeper *policies_keeper(struct hub_policies *policies)
{
    return policies->keeper;
}
