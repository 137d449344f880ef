/* Facts: the cameras that are known, as they change while a server runs. A set never changes: who holds one may read
 * its cameras for as long as it likes, whatever becomes of them meanwhile. A roster is the place of the latest set.
 *
 * Threads: everything from any thread.
 */
#pragma once

#include "base/cleanup.h"
#include "facts/camera.h"

/* A copy that is shared and counted; camera_unref it. */
const struct camera *camera_share(const struct camera *camera);
/* Only of what camera_share gave. */
const struct camera *camera_ref(const struct camera *shared);
void camera_unref(const struct camera *shared);
/* An empty array of shared cameras, which it lets go of. */
GPtrArray *camera_array_new(void);

struct camera_set {
    const struct camera *const *items; /* shared; the settings' in their order, then the others as they came */
    size_t count;
};
struct camera_set *camera_set_ref(struct camera_set *set);
void camera_set_unref(struct camera_set *set);
#define camera_set_free camera_set_unref
CLEANUP_DEFINE(camera_set, camera_set_free)
/* NULL: there is none. Lives as long as the set. */
const struct camera *camera_set_find(const struct camera_set *set, const char *camera_id);

struct camera_roster;

/* `cameras` (struct camera records) are copied. */
struct camera_roster *camera_roster_new(const struct record_list *cameras);
void camera_roster_free(struct camera_roster *roster);
/* Whether it has all cameras that there are: a new one does, until it is told that more are to come. Ask before a set
 * is taken: what it lacks then is not there. */
bool camera_roster_is_whole(struct camera_roster *roster);
void camera_roster_set_whole(struct camera_roster *roster, bool is_whole);
/* The latest set: a reference of the caller's. */
struct camera_set *camera_roster_get(struct camera_roster *roster);
/* In the place of the one with this id, or as the last. Copied. */
void camera_roster_put(struct camera_roster *roster, const struct camera *camera);
void camera_roster_remove(struct camera_roster *roster, const char *camera_id);
