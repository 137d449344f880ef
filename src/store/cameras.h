/* Store: cameras that the API makes. Any thread; each change is in the audit with it, without any login. `logins` of a
 * camera is stored as it is: whoever gives it has sealed it.
 */
#pragma once

#include "store/store.h"

/* Those of every org, by org and id: a new GPtrArray of struct camera *. */
GPtrArray *store_cameras_made(struct store *store, GError **error);
void store_camera_free(void *camera);
/* One that an org has, or had, whoever made it and whichever server watches it; NULL with VEDETTE_ERROR_NOT_FOUND when
 * there is none. store_camera_free. */
struct camera *store_camera_find(struct store *store, const char *org_id, const char *camera_id, GError **error);
/* A new one, or (`before` not NULL) another state of one; of the logins in both nothing is written, but that they are
 * others. False with VEDETTE_ERROR_UNSUPPORTED: the org has another camera of this name, which is the API's or one of
 * the settings that is enabled; VEDETTE_ERROR_INVALID: the site is not there. */
bool store_camera_write(struct store *store, const struct camera *camera, const struct camera *before,
                        const struct audit_by *by, GError **error);
/* The same logins, sealed anew: nothing is in the audit. False with an error; nothing happens when it is gone. */
bool store_camera_reseal(struct store *store, const struct camera *camera, const char *logins, GError **error);
/* VEDETTE_ERROR_UNSUPPORTED while policies are of it. What was seen of it stays; incidents that say how it was, as that
 * it is off line, end, and who watches incidents is told. */
bool store_camera_delete(struct store *store, const struct camera *camera, const struct audit_by *by, GError **error);

/* Puts the settings' cameras (of struct camera) into the store, then settles. `is_stopping` (atomic) is looked at
 * between two of them: false with VEDETTE_ERROR_CANCELLED, and what is left is done by another call. */
bool store_cameras_register(struct store *store, const struct record_list *cameras, const int *is_stopping,
                            GError **error);
/* Once the settings' cameras (of struct camera) are in the store: others that a settings file brought there are watched
 * no more. Their rows say so, which stay for what policies and records say of them, and the audit tells it; incidents
 * end as of one that is deleted. Where servers share PostgreSQL nothing is done with those that another put there last,
 * or that it is not known of. */
bool store_cameras_settle(struct store *store, const struct record_list *cameras, GError **error);
