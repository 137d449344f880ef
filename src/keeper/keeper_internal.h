/* Shared by the keeper's files. */
#pragma once

#define LOG_MODULE "policy"
#include <pthread.h>
#include <stdatomic.h>

#include "base/log.h"
#include "keeper/keeper.h"
#include "keeper/seal.h"

#define POLICY_WEEK_MS (INT64_C(7) * 24 * 3600 * 1000) /* schedules repeat by then */

struct policy_keeper {
    /* immutable */
    struct policy_keeper_config config;
    struct policy_keyring *ring;
    struct policy_manager *manager;
    struct store_listener *listener;  /* NULL: not started */
    atomic_uint doubted_types;        /* bits: policy_keeper_doubt_types */
    bool is_ready;                    /* changes are told */
    atomic_bool is_sealing;           /* what is read open is sealed in the store */
    char *seal_trouble;               /* the loading thread's: what was logged of it last; NULL: nothing is wrong */
    struct camera_roster *own_roster; /* NULL: config.roster is another's */
    struct privacy_policy privacy;    /* the defaults; holds nothing to free */

    pthread_mutex_t view_lock; /* one view is made at a time; taken before `lock` and the manager's */
    pthread_mutex_t lock;
    struct policy_view *view;   /* under lock, as the next */
    bool is_known;              /* the view is of what was loaded; false: of nothing yet */
    char *view_trouble;         /* why the latest view could not be made; NULL: it could */
    GHashTable *not_configured; /* camera id → why it cannot be told what its policies come to */
};

const char *policy_name_service(const struct policy_name *name);
struct policy_name policy_name_of(const struct service_policy *policy);
struct policy_binding policy_binding_of(const struct policy_name *name, int32_t version);
struct policy_scope policy_subject_of(const struct camera *camera);
/* A camera as its settings have it, before any policy. What it holds is borrowed from them. */
void policy_keeper_base(const struct policy_keeper *keeper, const struct camera *camera, struct camera_config *base);
bool policy_scope_has(const struct policy_scope *scope, const struct camera *camera);
/* The latest change of any document of these types (bits: 1 << enum policy_type) that counts for a camera, also of one
 * that is gone; 0: there was none. What another program changed has no history, and is not among them. */
bool policy_keeper_latest_change(struct policy_keeper *keeper, unsigned types, const struct policy_scope *camera,
                                 int64_t *revision, GError **error);
/* Replaces a stored config by what it says. */
bool policy_keeper_open(struct policy_keeper *keeper, struct service_policy *policy, GError **error);
struct policy_view *policy_keeper_make_view(struct policy_keeper *keeper, const struct policy_set *set, GError **error);
