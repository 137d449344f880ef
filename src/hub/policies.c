/* What policies make of the cameras, on its way to their workers: only what differs from what a worker was told last,
 * so that a change costs the cameras it does not touch nothing. Main loop's thread, but for on_changed.
 */
#define LOG_MODULE "hub"
#include "hub/hub_internal.h"

#include "base/counter.h"
#include "base/log.h"
#include "hub/policy_files.h"
#include "store/policy_files.h"

#include <limits.h>
#include <string.h>

enum { OVERLAY_LOOK_MS = 1000 };

struct hub_policies {
    struct hub *hub;
    struct policy_keeper *keeper;
    GHashTable *told;                 /* camera id → struct told * */
    int64_t tellings;                 /* how many numbers of tellings were given out */
    struct policy_view *pushed;       /* what all were told of; NULL: not all were told of the same */
    gint is_pending;                  /* atomic: a push waits on the main loop */
    guint clock_timer, overlay_timer; /* each second; when an overlay comes or goes before that */
    char *trouble;                    /* what was logged last of the policies' status; NULL: nothing is wrong */
    int64_t holds_broken;             /* that were logged */
    char *files_source;               /* whose rows of policy_file it has */
    struct policy_files *files;       /* NULL: no directory is watched */
};

/* What a camera's worker was told last. */
struct told {
    const struct camera *camera; /* as it was then; shared */
    struct policy_view *view;    /* what it goes by; another of the same takes its place */
    char *policies;              /* what they came to then, as digest_of */
    char *text;
    int64_t telling;   /* the number in it: pictures made by it carry it */
    bool shows_people; /* it says to hide nobody */
    bool is_there;     /* false: told to an earlier process, or never */
    bool is_behind;    /* what its policies come to now could not be told */
};

static void told_free(gpointer data)
{
    struct told *told = data;
    if (told->camera)
        camera_unref(told->camera);
    policy_view_unref(told->view);
    g_free(told->policies);
    g_free(told->text);
    g_free(told);
}

/* By the number of a new telling. */
static char *text_of(struct hub_policies *policies, const struct policy_view *view, const struct camera *camera,
                     bool *shows_people)
{
    struct camera_config config;
    if (!policy_keeper_configure(policies->keeper, view, camera, &config, NULL))
        return NULL; /* the keeper's status says why */
    GString *text = g_string_new(NULL);
    config.telling = ++policies->tellings;
    record_encode_json(&camera_config_descriptor, &config, true, text);
    *shows_people = !config.privacy.face_blur_enabled;
    record_clear(&camera_config_descriptor, &config);
    return g_string_free(text, FALSE);
}

/* The revision alone is no reason to tell a camera anything; nor is the number of the telling, which stands before it.
 */
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

static const struct policy_camera *policies_in(const struct policy_view *view, const struct camera *camera)
{
    const struct policy_camera *policies = policy_view_find(view, camera->org_id, camera->id);
    return policies ? policies : policy_view_default(view);
}

/* The same for policies that come to the same. g_free. */
static char *digest_of(const struct policy_view *view, const struct camera *camera)
{
    const struct policy_camera *policies = policies_in(view, camera);
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    const char *doubt = policies->doubt ? policies->doubt : "";
    g_checksum_update(sum, (const guchar *)doubt, (gssize)strlen(doubt) + 1);
    for (size_t i = 0; i < POLICY_TYPES; i++)
        g_checksum_update(sum, (const guchar *)policies->configs[i], (gssize)strlen(policies->configs[i]) + 1);
    return g_strdup(g_checksum_get_string(sum));
}

static struct told *told_of(struct hub_policies *policies, const struct camera *camera)
{
    struct told *told = g_hash_table_lookup(policies->told, camera->id);
    if (!told) {
        told = g_new0(struct told, 1);
        g_hash_table_insert(policies->told, g_strdup(camera->id), told);
    }
    return told;
}

static bool send_text(struct hub_worker *worker, const char *camera_id, const char *text)
{
    g_autoptr(GError) error = NULL;
    if (link_send(worker->link, LINK_CAMERA, text, strlen(text), &error))
        return true;
    log_warning(camera_id, "its policies are told later: %s", error->message); /* by the next turn */
    return false;
}

static bool is_in_the_same_place(const struct camera *a, const struct camera *b)
{
    return g_strcmp0(a->org_id, b->org_id) == 0 && g_strcmp0(a->site_id, b->site_id) == 0 &&
           g_strcmp0(a->class_id, b->class_id) == 0;
}

/* What was told, with the camera as it is now, and the policies that were told put into that. False: they contradict
 * it. */
static bool renew_config(const struct told *told, const struct camera_config *before, const struct camera *camera,
                         struct camera_config *config)
{
    struct camera_config base = *before;
    base.camera = *camera; /* borrowed, as all of it */
    return policy_apply(policies_in(told->view, camera), policy_view_revision(told->view), &base, config, NULL);
}

/* A telling of that, by a new number. NULL: it cannot be made. g_free. */
static char *text_with(struct hub_policies *policies, const struct told *told, const struct camera *camera)
{
    struct camera_config before, config;
    struct record_errors errors;
    record_errors_init(&errors);
    bool is_read = record_decode_json(&camera_config_descriptor, told->text, strlen(told->text), &before, &errors);
    record_errors_clear(&errors);
    if (!is_read)
        return NULL;
    bool is_renewed = renew_config(told, &before, camera, &config);
    record_clear(&camera_config_descriptor, &before);
    if (!is_renewed)
        return NULL;
    GString *text = g_string_new(NULL);
    config.telling = ++policies->tellings;
    record_encode_json(&camera_config_descriptor, &config, true, text);
    record_clear(&camera_config_descriptor, &config);
    return g_string_free(text, FALSE);
}

/* Of a camera that is another since, what it was told has its old masks and zones: these become the new ones, with what
 * the policies that were told say of them. Of one that was moved, nobody knows what may be seen there. */
static void renew(struct hub_policies *policies, const struct camera *camera, struct told *told)
{
    char *text = is_in_the_same_place(told->camera, camera) ? text_with(policies, told, camera) : NULL;
    g_free(told->text);
    told->text = text;
    if (!text)
        return;
    told->telling = policies->tellings;
    camera_unref(told->camera);
    told->camera = camera_ref(camera);
}

/* What it was told is what it goes by until something newer can be told, also in another process or at another address.
 * Pictures of a camera that is another since, and was not told so, are not shown: what is new in it may be what hides
 * something. */
static void tell_last_good(struct hub_policies *policies, struct hub_worker *worker, const struct camera *camera,
                           struct told *told)
{
    if (told->text && !told->is_there && told->camera != camera)
        renew(policies, camera, told);
    if (told->text)
        live_expect_previews(worker->hub->live, told->camera, told->telling, told->shows_people);
    if (told->text && !told->is_there)
        told->is_there = send_text(worker, camera->id, told->text);
    told->is_behind = true;
}

/* The latest of those that say the same of it, so that no older one is held for it. */
static void keep_view(struct told *told, struct policy_view *view)
{
    if (told->view == view)
        return;
    policy_view_unref(told->view);
    told->view = policy_view_ref(view);
}

static void tell_camera(struct hub_policies *policies, struct hub_worker *worker, struct policy_view *view,
                        const struct camera *camera)
{
    struct told *told = told_of(policies, camera);
    g_autofree char *digest = digest_of(view, camera);
    if (told->is_there && !told->is_behind && told->camera == camera && strcmp(told->policies, digest) == 0) {
        keep_view(told, view);
        return;
    }
    bool shows_people;
    g_autofree char *text = text_of(policies, view, camera, &shows_people);
    if (!text) {
        tell_last_good(policies, worker, camera, told);
        return;
    }
    bool is_same = told->is_there && says_the_same(told->text, text);
    int64_t telling = is_same ? told->telling : policies->tellings;
    /* before it is told, and where it cannot be: no picture by older words is taken from here on */
    live_expect_previews(worker->hub->live, camera, telling, shows_people);
    told->is_behind = !is_same && !send_text(worker, camera->id, text);
    if (told->is_behind)
        return;
    told->is_there = true;
    told->telling = telling;
    told->shows_people = shows_people;
    if (told->camera)
        camera_unref(told->camera);
    told->camera = camera_ref(camera);
    keep_view(told, view);
    g_free(told->policies);
    told->policies = g_steal_pointer(&digest);
    if (is_same)
        return;
    g_free(told->text);
    told->text = g_steal_pointer(&text);
}

/* False: not all could be told. */
static bool tell(struct hub_policies *policies, struct hub_worker *worker, struct policy_view *view)
{
    bool are_told = true;
    for (guint i = 0; i < worker->held->len; i++) {
        const struct camera *camera = g_ptr_array_index(worker->held, i);
        tell_camera(policies, worker, view, camera);
        are_told = are_told && !told_of(policies, camera)->is_behind;
    }
    return are_told;
}

/* What was pushed last is no longer what all have. */
static void look_at_all(struct hub_policies *policies)
{
    g_clear_pointer(&policies->pushed, policy_view_unref);
}

void policies_tell_worker(struct hub_policies *policies, struct hub_worker *worker)
{
    if (!policies)
        return;
    for (guint i = 0; i < worker->held->len; i++) /* another process, which knows nothing */
        told_of(policies, g_ptr_array_index(worker->held, i))->is_there = false;
    look_at_all(policies);
    CLEANUP(policy_view) struct policy_view *view = policy_keeper_get_view(policies->keeper);
    tell(policies, worker, view);
}

void policies_forget_camera(struct hub_policies *policies, const char *camera_id)
{
    if (!policies)
        return;
    struct told *told = g_hash_table_lookup(policies->told, camera_id);
    if (told)
        told->is_there = false;
    look_at_all(policies);
}

void policies_see_cameras(struct hub_policies *policies)
{
    look_at_all(policies);
    policy_keeper_see_cameras(policies->keeper); /* which pushes what is different */
}

static gboolean is_held_by_nobody(gpointer camera_id, gpointer told, gpointer held)
{
    (void)told;
    return !g_hash_table_contains(held, camera_id);
}

static void forget_gone(struct hub_policies *policies)
{
    g_autoptr(GHashTable) held = g_hash_table_new(g_str_hash, g_str_equal); /* of ids, borrowed */
    for (guint i = 0; i < policies->hub->workers->len; i++) {
        const struct hub_worker *worker = g_ptr_array_index(policies->hub->workers, i);
        for (guint j = 0; j < worker->held->len; j++)
            g_hash_table_add(held, ((const struct camera *)g_ptr_array_index(worker->held, j))->id);
    }
    g_hash_table_foreach_remove(policies->told, is_held_by_nobody, held);
}

/* Nothing to do while all have what is in force: with thousands of cameras each look would cost. */
static void push_all(struct hub_policies *policies)
{
    CLEANUP(policy_view) struct policy_view *view = policy_keeper_get_view(policies->keeper);
    bool are_told = true;
    if (view == policies->pushed)
        return;
    for (guint i = 0; i < policies->hub->workers->len; i++) {
        struct hub_worker *worker = g_ptr_array_index(policies->hub->workers, i);
        bool goes_by_policies = worker->link && worker->has_said_hello && !worker->has_defaults;
        if (goes_by_policies && !tell(policies, worker, view))
            are_told = false;
    }
    forget_gone(policies);
    look_at_all(policies);
    if (are_told)
        policies->pushed = policy_view_ref(view);
}

static gboolean push(gpointer data)
{
    struct hub_policies *policies = data;
    g_atomic_int_set(&policies->is_pending, 0);
    if (policies->keeper) /* else it ends */
        push_all(policies);
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

static void log_broken_holds(struct hub_policies *policies, int64_t count)
{
    if (count > policies->holds_broken)
        log_warning(NULL,
                    "policies of policies.directory that changed together are in force in parts: storing all takes "
                    "longer than %g s: raise policies.hold_seconds",
                    policies->hub->settings->policies.hold_seconds);
    policies->holds_broken = count;
}

static gboolean on_overlay(gpointer data)
{
    struct hub_policies *policies = data;
    policies->overlay_timer = 0;
    policy_keeper_turn(policies->keeper); /* which pushes what is different */
    return G_SOURCE_REMOVE;
}

/* What comes or goes within the second comes at its time. */
static void turn(struct hub_policies *policies)
{
    int64_t left_ms = policy_keeper_turn(policies->keeper) - clock_wall_ms(policies->hub->clock);
    if (!policies->overlay_timer && left_ms < OVERLAY_LOOK_MS)
        policies->overlay_timer = g_timeout_add((guint)MAX(left_ms, 1), on_overlay, policies);
}

/* Once a second: overlays whose hour has come, what could not be sent, and what stands in the status. */
static gboolean on_clock(gpointer data)
{
    struct hub_policies *policies = data;
    struct policy_status status;
    turn(policies);
    push_all(policies); /* `push` may wait on the loop, and is_pending says so */
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
    counter_set(&health->policy_holds_broken, status.holds_broken);
    log_broken_holds(policies, status.holds_broken);
    log_trouble(policies, status.error);
    policy_status_clear(&status);
    return G_SOURCE_CONTINUE;
}

bool policies_forget_files(struct hub_policies *policies, GError **error)
{
    const struct hub *hub = policies->hub;
    const char *directory = hub->settings->policies.directory;
    g_autofree char *source = directory && *directory ? NULL : store_source_read(hub->data_dir, NULL);
    if (!source || store_policy_files_forget(hub->store, source, error))
        return true;
    g_prefix_error(error, "what was taken over of policies.directory before is not forgotten: ");
    return false;
}

static bool open_files(struct hub_policies *policies, GError **error)
{
    const struct hub *hub = policies->hub;
    const struct policy_settings *settings = &hub->settings->policies;
    if (!settings->directory || !*settings->directory)
        return true;
    policies->files_source = store_source_make(hub->data_dir, hub->clock, error);
    if (!policies->files_source)
        return false;
    const struct policy_files_config config = {settings->directory, policies->files_source, settings->poll_seconds,
                                               hub->store, policies->keeper};
    policies->files = policy_files_new(&config, error);
    /* Until the first look says which: a new file may hold what retention would delete, and jobs run before it. */
    policy_keeper_doubt_types(policies->keeper, UINT_MAX);
    return policies->files != NULL;
}

bool policies_start_files(struct hub_policies *policies, GError **error)
{
    return !policies->files || policy_files_start(policies->files, error);
}

struct hub_policies *policies_new(struct hub *hub, GError **error)
{
    struct hub_policies *policies = g_new0(struct hub_policies, 1);
    g_autofree char *snapshot = g_build_filename(hub->data_dir, "policies.snapshot", NULL);
    policies->hub = hub;
    policies->told = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, told_free);
    const struct policy_keeper_config config = {hub->store, hub->settings,         snapshot, hub->clock, on_changed,
                                                policies,   live_roster(hub->live)};
    policies->keeper = policy_keeper_new(&config, error);
    if (policies->keeper && policy_keeper_start(policies->keeper, error)) {
        policies->clock_timer = g_timeout_add(OVERLAY_LOOK_MS, on_clock, policies);
        if (open_files(policies, error))
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
    g_free(policies->files_source);
    if (policies->clock_timer)
        g_source_remove(policies->clock_timer);
    if (policies->overlay_timer)
        g_source_remove(policies->overlay_timer);
    g_clear_pointer(&policies->keeper, policy_keeper_free); /* from here on nobody calls on_changed */
    while (g_atomic_int_get(&policies->is_pending))
        g_main_context_iteration(NULL, FALSE);
    look_at_all(policies);
    g_hash_table_unref(policies->told);
    g_free(policies->trouble);
    g_free(policies);
}

struct policy_keeper *policies_keeper(struct hub_policies *policies)
{
    return policies->keeper;
}
