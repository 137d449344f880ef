/* What policies say to other rooms of one subject: how long its records are kept, who is told of it, what is hidden. */
#include "keeper/keeper.h"

#include "keeper/keeper_internal.h"
#include "store/policy_files.h"

#include <string.h>

static void take_days(const struct record_optional *said, int32_t *days)
{
    if (said->is_present)
        *days = (int32_t)said->value;
}

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
                    "a file of policies.directory that may say what is kept is not in force: mend or remove it, the "
                    "server's log names it");
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

bool policy_keeper_check_retention(void *data, GError **error)
{
    return check_known_here(data, error) && check_known_elsewhere(data, error);
}

bool policy_keeper_retention(void *data, const struct retention_subject *whose, struct retention_settings *days)
{
    struct policy_keeper *keeper = data;
    int32_t late_days = keeper->config.settings->store.late_days;
    const struct policy_scope subject = {whose->org_id, whose->site_id, whose->class_id, whose->camera_id};
    CLEANUP(policy_view) struct policy_view *view = NULL;
    const struct policy_camera *policies = check_known_here(keeper, NULL) ? policies_of(keeper, &subject, &view) : NULL;
    if (!policies)
        return false; /* nothing is deleted until somebody mends that */
    const struct retention_policy *policy = policy_camera_record(policies, POLICY_RETENTION);
    take_days(&policy->event_days, &days->event_days);
    take_days(&policy->occupancy_raw_days, &days->occupancy_days);
    take_days(&policy->track_days, &days->track_days);
    take_days(&policy->access_log_days, &days->access_log_days);
    take_days(&policy->attendance_days, &days->attendance_days);
    take_days(&policy->vehicle_log_days, &days->vehicle_log_days);
    /* what may still come late must be counted anew with all of its hour */
    if (policy->occupancy_raw_days.is_present && late_days)
        days->occupancy_days = MAX(days->occupancy_days, late_days + 1);
    return !policy->legal_hold;
}
