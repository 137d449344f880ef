/* Shared by the files of the room. */
#pragma once

#include <pthread.h>

#include "cameras/cameras.h"

struct cameras {
    struct cameras_config config;
    pthread_mutex_t lock; /* of one change, from reading what there is to telling of it */
    void (*changed)(void *data);
    void *changed_data;
    GPtrArray *left_out; /* under the lock; of struct left_out * */
    /* trials.c: its lock guards what follows it */
    pthread_mutex_t trials_lock;
    GQueue trials; /* of struct camera_trial * that are not over, oldest first; a reference each */
    void (*wake)(void *data);
    void *wake_data;
};

/* ---- left_out.c: cameras that the store has and that are not watched, for they cannot be; all under the lock ----
 *
 * They are in the roster as if they were disabled, so that they are listed and what is of them is theirs, but for those
 * whose id the settings use. In the store nothing of them changes. */

struct left_out {
    const struct camera *camera; /* shared; as it is stored */
    bool has_logins;             /* false: they cannot be read, and it has none here */
};
GPtrArray *left_out_array_new(void);
/* Whether a camera that is none of those who are watched may become one; else why not: VEDETTE_ERROR_UNSUPPORTED or
 * VEDETTE_ERROR_FULL. */
bool left_out_may_be_watched(const struct cameras *cameras, const struct camera *camera, bool has_logins,
                             GError **error);
/* `why` is told to people. */
void left_out_add(struct cameras *cameras, const struct camera *camera, bool has_logins, const char *why);
/* NULL: it is none of them. */
const struct left_out *left_out_find(const struct cameras *cameras, const char *org_id, const char *camera_id);
void left_out_remove(struct cameras *cameras, const char *org_id, const char *camera_id);
/* Those that may be watched by now. */
void left_out_bring_back(struct cameras *cameras);
