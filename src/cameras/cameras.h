/* Cameras: how they are made, changed and removed while the server runs, and how a source is tried. What the settings
 * say of cameras is not touched here; those that the API makes lie in the store, their logins sealed where the server
 * has a key (policies.keys), and join the settings' in live's roster, from which everyone else reads.
 *
 * A change is stored first, with its entry in the audit, then in the roster, then told to who listens (the hub), so
 * that what was answered outlives the process. Changes are one after the other.
 *
 * Threads: everything from any thread, but where it says otherwise.
 */
#pragma once

#include "base/clock.h"
#include "facts/camera_set.h"
#include "facts/managed_camera.h"
#include "keeper/keeper.h"
#include "live/live.h"
#include "store/store.h"

struct cameras;

/* All borrowed; they outlive it. */
struct cameras_config {
    struct store *store;
    struct policy_keeper *keeper; /* has the keys */
    struct live *live;
    struct server_health *health;
    const struct managed_camera_settings *settings;
    struct clock *clock;
};
/* From here on live's roster is not whole until they are loaded, where any may be made. */
struct cameras *cameras_new(const struct cameras_config *config);
/* Nobody asks any more; trials may outlive it. NULL is allowed. */
void cameras_free(struct cameras *cameras);
/* Those of the store into the roster, once; with managed_cameras.max_cameras 0, none. One whose logins cannot be read,
 * whose id the settings use or for which there is no room is left out: it is not watched, in the roster it is disabled,
 * and its health, the log and the gauge cameras_left_out tell it. It can be removed, and be changed where that mends
 * it; one that lacks room alone comes back when another is removed. False: none was loaded; until they are nothing is
 * changed (VEDETTE_ERROR_UNAVAILABLE). */
bool cameras_load(struct cameras *cameras, GError **error);
/* Called after each change, on the thread that made it; must only wake someone. NULL: nobody. */
void cameras_listen(struct cameras *cameras, void (*changed)(void *data), void *data);

/* ---- changes ---- */

struct camera_change {
    const char *camera_id;
    const struct audit_by *by; /* of whose org the camera must be */
    /* Whether what is there is what was read before; NULL: whatever it is. */
    bool (*is_expected)(void *data, const struct camera *present);
    /* Makes of it (a copy, with its logins) what shall be. False: `errors` or the error says what is wrong. */
    bool (*edit)(void *data, struct camera *camera, struct record_errors *errors, GError **error);
    void *data;
};
/* `asked` is what people said (camera_request_descriptor); it gets an id, and its logins are taken out of its
 * addresses. The camera, shared (camera_unref). NULL: VEDETTE_ERROR_INVALID (`errors` has each fault with its path),
 * VEDETTE_ERROR_FULL (there are as many as may be), VEDETTE_ERROR_UNSUPPORTED (its name is taken), or the store's. */
const struct camera *cameras_create(struct cameras *cameras, const struct camera *asked, const struct audit_by *by,
                                    struct record_errors *errors, GError **error);
/* As it is now. NULL also with VEDETTE_ERROR_NOT_FOUND, VEDETTE_ERROR_UNSUPPORTED (the settings say what it is,
 * policies are of one that shall go, or keep what it saw for longer than where it goes: policy_keeper_check_kept) and
 * VEDETTE_ERROR_CONFLICT (it is not as expected). By the rules of cameras/kept.h what is left out of its logins stays
 * with the host that it was given for, and an address that is given as it is told is the one that is there. */
const struct camera *cameras_change(struct cameras *cameras, const struct camera_change *change,
                                    struct record_errors *errors, GError **error);
bool cameras_delete(struct cameras *cameras, const struct camera_change *change, GError **error);
/* Whether what people ask the server to connect to is whole and allowed by the settings; else `errors` say why, with
 * the path. */
bool cameras_check_sources(const struct cameras *cameras, const struct camera *camera, struct record_errors *errors);

/* ---- trials: between those who ask (api) and those who have it done (hub) ---- */

struct camera_trial;

/* Tries the source of a camera (copied) of the org. `over` is called on the server's thread when it is over, unless it
 * was left before; it must only wake someone. NULL with VEDETTE_ERROR_FULL: managed_cameras.tests_at_once are being
 * tried, or one of this org is. */
struct camera_trial *cameras_try(struct cameras *cameras, const struct camera *camera, void (*over)(void *data),
                                 void *data, GError **error);
/* True once it is over: then *result (camera_test_descriptor) is filled. */
bool camera_trial_is_over(struct camera_trial *trial, struct camera_test *result);
/* The asker lets go, whether it is over or not. NULL is allowed. */
void camera_trial_leave(struct camera_trial *trial);

/* The server's side: one thread. `wake` is called on the asker's thread when there is something to try. NULL: nobody
 * serves, and nothing is tried. */
void cameras_serve_trials(struct cameras *cameras, void (*wake)(void *data), void *data);
/* The oldest that waits; the server's reference. NULL: none. */
struct camera_trial *cameras_next_trial(struct cameras *cameras);
const struct camera *camera_trial_camera(const struct camera_trial *trial);
bool camera_trial_is_left(struct camera_trial *trial);
/* Ends it and the server's reference; `result` is copied. */
void camera_trial_finish(struct camera_trial *trial, const struct camera_test *result);
