/* What policies say to other rooms of one subject: how long its records are kept, who is told of it, what is hidden. */
#include "keeper/keeper.h"

#include "keeper/keeper_internal.h"
#include "store/policy_files.h"

#include <stddef.h>
#include <string.h>

/* Those of a subject, whose camera need not be in the roster; they live as long as *view, which is the caller's. NULL:
 * they contradict each other. */
static const struct policy_camera *policies_of(struct policy_keeper *keeper, const struct policy_scope *subject,
                                               struct policy_view **view)
{
    *view = policy_keeper_get_view(keeper);
    const struct policy_camera *policies = policy_view_find(*view, subject->org_id, subject->camera_id);
    if (policies)
        return policies;
    policy_view_unref(*view);
    *view = policy_keeper_view_of(keeper, subject, NULL);
    return *view ? policy_view_at(*view, 0) : NULL;
}

/* A copy of the record, which has no text of its own. */
static bool copy_policy(struct policy_keeper *keeper, const struct policy_scope *subject, enum policy_type type,
                        void *record, size_t size)
{
    CLEANUP(policy_view) struct policy_view *view = NULL;
    const struct policy_camera *policies = policies_of(keeper, subject, &view);
    if (policies)
        memcpy(record, policy_camera_record(policies, type), size);
    return policies != NULL;
}

bool policy_keeper_notify_policy(void *data, const char *org_id, const char *site_id, const char *camera_id,
                                 struct notify_policy *policy)
{
    const struct policy_scope subject = {.org_id = org_id, .site_id = site_id, .camera_id = camera_id};
    return copy_policy(data, &subject, POLICY_NOTIFY, policy, sizeof *policy);
}

bool policy_keeper_privacy_policy(struct policy_keeper *keeper, const struct camera *camera,
                                  struct privacy_policy *policy)
{
    const struct policy_scope subject = policy_subject_of(camera);
    return copy_policy(keeper, &subject, POLICY_PRIVACY, policy, sizeof *policy);
}

void policy_keeper_doubt_types(struct policy_keeper *keeper, unsigned types)
{
    atomic_store(&keeper->doubted_types, types);
}

static bool has_retention(unsigned types)
{
    return (types >> POLICY_RETENTION & 1U) != 0;
}

/* What this process knows without asking the store. */
static bool check_known_here(struct policy_keeper *keeper, GError **error)
{
    struct policy_status status;
    policy_keeper_get_status(keeper, &status);
    bool is_refused = has_retention(status.refused_types),
         is_doubted = has_retention(atomic_load(&keeper->doubted_types));
    bool is_read = status.is_loaded && !status.is_stale && !is_refused;
    if (!is_read)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE, "%s, and policies say what is kept: %s",
                    is_refused ? "a retention policy is refused" : "policies cannot be read",
                    status.error ? status.error : "they were not read yet");
    else if (is_doubted)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE,
                    "a file of policies.directory that may say what is kept is not in force, or not read yet: mend or "
                    "remove it, the server's log names it");
    policy_status_clear(&status);
    return is_read && !is_doubted;
}

/* The first file that a server could not take over and that may say what is kept. */
static const struct policy_file *doubted_retention(const GPtrArray *doubted)
{
    for (guint i = 0; i < doubted->len; i++) {
        const struct policy_file *file = g_ptr_array_index(doubted, i);
        if (has_retention(policy_path_types(file->path)))
            return file;
    }
    return NULL;
}

/* What servers of the same store are in doubt of, this one's last run too. */
static bool check_known_elsewhere(struct policy_keeper *keeper, GError **error)
{
    g_autoptr(GPtrArray) doubted = store_policy_files_doubted(keeper->config.store, error);
    const struct policy_file *file = doubted ? doubted_retention(doubted) : NULL;
    if (file)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE,
                    "policy file '%s' of server %s may say what is kept and is not in force: %s: mend or remove it "
                    "while that server runs (docs/policies.md)",
                    file->path, file->source, file->doubt);
    return doubted && !file;
}

/* What another server or program stored may not have been told here, nor to who only reads once. What is wrong with it,
 * the status says. */
static void read_anew(struct policy_keeper *keeper)
{
    struct policy_status status;
    policy_keeper_get_status(keeper, &status);
    int64_t age_ms = clock_wall_ms(keeper->config.clock) - status.loaded_at_ms;
    policy_status_clear(&status);
    if (age_ms < 0 || age_ms >= POLICY_RETENTION_AGE_MS)
        policy_manager_reload(keeper->manager, NULL);
}

bool policy_keeper_check_retention(void *data, GError **error)
{
    read_anew(data);
    return check_known_here(data, error) && check_known_elsewhere(data, error);
}

/* The keys of a retention policy that take the place of the settings' days. */
#define KEPT(key, setting)                                                                                             \
    {                                                                                                                  \
#key, offsetof(struct retention_policy, key), offsetof(struct retention_settings, setting)                     \
    }
static const struct kept_key {
    const char *name;
    size_t said, days; /* where they lie */
} kept_keys[] = {
    KEPT(event_days, event_days),           KEPT(occupancy_raw_days, occupancy_days),
    KEPT(track_days, track_days),           KEPT(access_log_days, access_log_days),
    KEPT(attendance_days, attendance_days), KEPT(vehicle_log_days, vehicle_log_days),
};

static int32_t *days_of(const struct kept_key *key, struct retention_settings *days)
{
    return (int32_t *)(void *)((char *)days + key->days);
}

/* False: nothing is deleted. */
static bool take_policy(const struct policy_keeper *keeper, const struct retention_policy *policy,
                        struct retention_settings *days)
{
    int32_t late_days = keeper->config.settings->store.late_days;
    for (size_t i = 0; i < G_N_ELEMENTS(kept_keys); i++) {
        const struct record_optional *said = (const void *)((const char *)policy + kept_keys[i].said);
        if (said->is_present)
            *days_of(&kept_keys[i], days) = (int32_t)said->value;
    }
    /* what may still come late must be counted anew with all of its hour */
    if (policy->occupancy_raw_days.is_present && late_days)
        days->occupancy_days = MAX(days->occupancy_days, late_days + 1);
    return !policy->legal_hold;
}

/* As policies_of, where the subject stands, though its camera may stand elsewhere by now. */
static const struct policy_camera *policies_there(struct policy_keeper *keeper, const struct policy_scope *subject,
                                                  struct policy_view **view)
{
    const struct policy_camera *policies = policies_of(keeper, subject, view);
    if (!policies || (g_strcmp0(policies->scope.site_id, subject->site_id) == 0 &&
                      g_strcmp0(policies->scope.class_id, subject->class_id) == 0))
        return policies;
    policy_view_unref(*view);
    *view = policy_keeper_view_of(keeper, subject, NULL);
    return *view ? policy_view_at(*view, 0) : NULL;
}

bool policy_keeper_retention(void *data, const struct retention_subject *whose, struct retention_settings *days)
{
    struct policy_keeper *keeper = data;
    const struct policy_scope subject = {whose->org_id, whose->site_id, whose->class_id, whose->camera_id};
    CLEANUP(policy_view) struct policy_view *view = NULL;
    const struct policy_camera *policies =
        check_known_here(keeper, NULL) ? policies_there(keeper, &subject, &view) : NULL;
    /* without: nothing is deleted until somebody mends that */
    return policies && take_policy(keeper, policy_camera_record(policies, POLICY_RETENTION), days);
}

/* ---- whether something may go that policies keep ---- */

/* For people; g_free. */
static char *name_policy(enum policy_level level, const struct policy_scope *scope)
{
    const char *const ids[POLICY_LEVEL_END] = {
        NULL, NULL, scope->org_id, scope->site_id, scope->class_id, scope->camera_id};
    if (level >= POLICY_LEVEL_END)
        return g_strdup("the setting `retention`");
    return level == POLICY_LEVEL_GLOBAL ? g_strdup("the retention policy for everyone")
                                        : g_strdup_printf("the retention policy of %s '%s'",
                                                          record_enum_name(policy_level_names, level), ids[level]);
}

bool policy_keeper_check_org(void *data, const char *org_id, GError **error)
{
    struct policy_keeper *keeper = data;
    struct policy_scope scope;
    CLEANUP(policy_set) struct policy_set *set = policy_manager_get_set(keeper->manager);
    if (!policy_set_find_true(set, POLICY_RETENTION, org_id, "legal_hold", &scope))
        return true;
    g_autofree char *policy = name_policy(policy_scope_level(&scope), &scope);
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED,
                "org '%s': %s says legal_hold: nothing goes until it is changed", org_id, policy);
    return false;
}

/* How long a subject's records are kept at some time. */
struct kept {
    struct policy_scope subject;
    struct policy_effective effective;
    struct retention_settings days; /* its texts are not looked at */
    bool is_held;
};

static bool look(const struct policy_keeper *keeper, const struct policy_set *set, int64_t at_ms, struct kept *kept,
                 GError **error)
{
    struct retention_policy policy; /* holds nothing to free */
    struct record_errors errors;
    policy_effective_clear(&kept->effective);
    policy_resolve(set, POLICY_RETENTION, &kept->subject, at_ms, &kept->effective);
    const char *config = kept->effective.config_json;
    record_errors_init(&errors);
    bool is_good = record_decode_json(&retention_policy_descriptor, config, strlen(config), &policy, &errors) ||
                   record_errors_to_gerror(&errors, error);
    record_errors_clear(&errors);
    kept->days = keeper->config.settings->retention;
    kept->is_held = is_good && !take_policy(keeper, &policy, &kept->days);
    return is_good;
}

/* The first key by which less is kept after than before; NULL: there is none. 0 days are for ever. */
static const char *lost_key(struct kept *before, struct kept *after)
{
    if (after->is_held)
        return NULL;
    if (before->is_held)
        return "legal_hold";
    for (size_t i = 0; i < G_N_ELEMENTS(kept_keys); i++) {
        int32_t earlier = *days_of(&kept_keys[i], &before->days), later = *days_of(&kept_keys[i], &after->days);
        if (later && (!earlier || earlier > later))
            return kept_keys[i].name;
    }
    return NULL;
}

static const struct policy_origin *origin_of(const struct policy_effective *effective, const char *key)
{
    for (guint i = 0; i < effective->origins->len; i++) {
        const struct policy_origin *origin = g_ptr_array_index(effective->origins, i);
        if (strcmp(origin->path, key) == 0)
            return origin;
    }
    g_assert_not_reached(); /* every key has one */
}

static bool refuse(const struct kept *before, const struct kept *after, const char *key, GError **error)
{
    const struct policy_origin *origin = origin_of(&before->effective, key);
    bool is_removal = !*after->subject.camera_id;
    g_autofree char *policy = name_policy(origin->level, &before->subject);
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED,
                "%s%s%s%s keeps what camera '%s' saw (%s), and nothing would keep it as long once the camera is %s: "
                "change that, or say as much in a retention policy of the %s, first",
                policy, origin->overlay ? " (overlay '" : "", origin->overlay ? origin->overlay : "",
                origin->overlay ? "')" : "", before->subject.camera_id, key,
                is_removal ? "removed" : "of another site or class", is_removal ? "org" : "camera itself");
    return false;
}

/* Two weeks, since clocks may skip a window in one of them. Schedules change at whole minutes, so that there are no
 * more looks than those have. */
static bool check_weeks(const struct policy_keeper *keeper, struct kept *before, struct kept *after, GError **error)
{
    CLEANUP(policy_set) struct policy_set *set = policy_manager_get_set(keeper->manager);
    const int64_t now_ms = clock_wall_ms(keeper->config.clock), until_ms = now_ms + 2 * POLICY_WEEK_MS;
    for (int64_t at_ms = now_ms; at_ms < until_ms;
         at_ms = MIN(before->effective.valid_until_ms, after->effective.valid_until_ms)) {
        if (!look(keeper, set, at_ms, before, error) || !look(keeper, set, at_ms, after, error))
            return false;
        const char *key = lost_key(before, after);
        if (key)
            return refuse(before, after, key, error);
    }
    return true;
}

bool policy_keeper_check_kept(struct policy_keeper *keeper, const struct camera *camera, const struct camera *changed,
                              GError **error)
{
    struct kept before = {.subject = policy_subject_of(camera)},
                after = {.subject = changed ? policy_subject_of(changed)
                                            : (struct policy_scope){camera->org_id, NULL, NULL, ""}};
    policy_manager_reload(keeper->manager, NULL); /* another server's may be new; what is wrong, the next says */
    bool is_good = policy_keeper_check_retention(keeper, error) && check_weeks(keeper, &before, &after, error);
    policy_effective_clear(&before.effective);
    policy_effective_clear(&after.effective);
    return is_good;
}
