/* Live: the latest of everything, for those who look: health, previews, tracks and events as they come. Nothing here is
 * stored. The hub writes, the API reads. Any thread.
 */
#pragma once

#include <stdbool.h>

#include <glib.h>

#include "base/clock.h"
#include "facts/breaker.h"
#include "facts/camera_set.h"
#include "facts/health.h"
#include "facts/live_message.h"

struct live;

/* `cameras` (struct camera records of the settings) are copied: the first of its roster. */
struct live *live_new(const struct record_list *cameras);
void live_free(struct live *live);
/* For tests, before threads start; else the machine's clock. */
void live_set_clock(struct live *live, struct clock *clock);

/* The cameras of this moment: a reference of the caller's (camera_set_unref). */
struct camera_set *live_cameras(struct live *live);
/* Where they are kept; it lives as long as `live`. */
struct camera_roster *live_roster(struct live *live);
/* A camera from now on, or as it is from now on (copied). Its pictures are shown again once its worker was told of it;
 * how it was goes when other pictures come. */
void live_put_camera(struct live *live, const struct camera *camera);
/* Nothing is known of it any more; what still comes is passed over. */
void live_remove_camera(struct live *live, const char *camera_id);

/* Health: copied in and out (record_clear it with camera_health_descriptor). */
void live_set_health(struct live *live, const struct camera_health *health);
bool live_get_health(struct live *live, const char *camera_id, struct camera_health *health);
/* The hub's own part of it, which stays through whatever its worker says. Any thread. */
void live_add_records(struct live *live, const char *camera_id, int64_t received, int64_t stored);
/* Takes the stalled… fields of `stalled`. */
void live_set_stalled(struct live *live, const char *camera_id, const struct camera_health *stalled);
/* A camera is online when its worker says so and its last word is recent. */
bool live_is_online(struct live *live, const char *camera_id, int64_t now_ms);
/* The worker of these cameras is gone: every one is offline until it speaks again. */
void live_set_offline(struct live *live, const char *camera_id, const char *reason);

/* What the governor says of the server's capacity, for people; empty: nothing yet. g_free what is got. */
void live_set_capacity(struct live *live, const char *text, bool is_short);
char *live_get_capacity(struct live *live, bool *is_short);

/* Previews: the latest JPEG.
 *
 * What is hidden in a picture was decided when it was made, by what its worker had been told then; a frame on its way
 * through a busy model, a worker that reads late and a camera that moves between workers make it arrive at any time
 * after that. So every telling of a camera has a number, no two the same while the server runs, and a picture carries
 * the number of the one by which it was made. This holds at any moment, in whatever order things happen:
 *
 *   A picture is shown only if it was made by the telling that is expected now, which is the last one of its camera,
 *   and only while the camera told of then is the camera that is known now.
 *
 * - A policy is changed: who hides nobody by the old one says so with its pictures (shows_people) until the new one is
 *   told; from then on no picture of before is taken, however late it comes.
 * - A camera is changed (a privacy_mask more, another address): nothing of it is shown from the moment on at which the
 *   change is known, until its worker was told of it.
 * - A worker starts again, or a camera moves to another worker: that one is told, by another number or by the same
 *   words, and goes by that.
 * - What could not be told is expected all the same: nothing is shown rather than something by older words.
 * - The server starts again: nothing is expected, so that nothing is taken, until its workers were told. */
struct live_preview {
    GBytes *jpeg; /* the caller's reference */
    int64_t captured_at_ms;
    uint64_t frame_number;
    bool shows_people; /* the worker that made it was told to hide nobody, whatever policies say since */
};
/* The camera's worker is about to be told, by this number, of the camera as it is in `camera` (shared, one of
 * live_cameras), and to hide nobody or to hide people. A picture by another number that is here goes, and none is taken
 * from now on. */
void live_expect_previews(struct live *live, const struct camera *camera, int64_t telling, bool shows_people);
/* A picture that was made by the telling of this number. One that is not expected is passed over. */
void live_set_preview(struct live *live, const char *camera_id, int64_t telling, GBytes *jpeg, int64_t captured_at_ms,
                      uint64_t frame_number);
/* False: there is none that may be shown. */
bool live_get_preview(struct live *live, const char *camera_id, struct live_preview *preview);
/* Someone looks at this camera: asks its worker (through the function the hub set) to make previews for 5 s. */
void live_want_preview(struct live *live, const char *camera_id);
void live_set_preview_wanted(struct live *live, void (*wanted)(void *data, const char *camera_id), void *data);

/* An operator's word to a camera's circuit breaker: passed on through the function the hub set. */
void live_force_breaker(struct live *live, const char *camera_id, enum breaker_word word);
void live_set_breaker_forced(struct live *live,
                             void (*forced)(void *data, const char *camera_id, enum breaker_word word), void *data);

/* Subscribers get each message as JSON text: {"type":"tracks|event|health|incident","data":{…}}. `id` is the event's or
 * incident's, else NULL. Called on the publisher's thread; must only queue. */
typedef void (*live_receive)(void *data, enum live_kind kind, const char *org_id, const char *camera_id, const char *id,
                             GBytes *json);
unsigned live_subscribe(struct live *live, live_receive receive, void *data);
void live_unsubscribe(struct live *live, unsigned subscription);
void live_publish(struct live *live, enum live_kind kind, const char *org_id, const char *camera_id, const char *json,
                  size_t length);
void live_publish_event(struct live *live, const char *org_id, const char *camera_id, const char *id, const char *json,
                        size_t length);
void live_publish_incident(struct live *live, const char *org_id, const char *camera_id, const char *id,
                           const char *json, size_t length);
