/* What the media tests share: a scratch directory, settings with short times, and clips made on the spot. */
#pragma once

#include <glib.h>
#include <glib/gstdio.h>
#include <math.h>
#include <stdint.h>

#include "media/media.h"

enum { MEDIA_PATIENCE_SECONDS = 60, MEDIA_CLOSE_SECONDS = 10 };

struct media_world {
    char *directory;
};

/* Once per program. */
void media_world_start(void);
void media_world_init(struct media_world *world);
/* Removes the directory with what is in it. */
void media_world_clear(struct media_world *world);
char *media_world_path(const struct media_world *world, const char *name);
/* Defaults as the settings table has them, with short times. */
struct source_settings media_world_settings(void);
/* An I420 picture: a gradient that depends on `number`, with noise, so that pictures differ and cost bits. */
struct frame *media_world_picture(int width_px, int height_px, int number);
/* Such a clip at 25 frames a second. */
void media_world_write(const char *path, int width_px, int height_px, int frames);
/* A live source with all that belongs to it. */
struct media_eye {
    struct source_settings settings; /* change before media_eye_open */
    double analyse_fps;              /* 0: every frame */
    bool loop;
    enum camera_decode decode; /* 0: all */
    const char *org_id, *username, *password;
    struct record_list streams;   /* of struct camera_stream, instead of one source */
    struct media_streams *shared; /* NULL: connections of its own */
    struct camera_health health;
    struct media_source *source;
    int64_t wakes;             /* times that the source notified; counter_get */
    struct camera_health told; /* of media_eye_look */
};
void media_eye_init(struct media_eye *eye);
/* Starts to watch, but for shared connections; fails the test when it cannot. */
void media_eye_open(struct media_eye *eye, const char *source);
/* Starts to watch by shared connections, once all eyes are open. They are freed before the eyes are closed. */
void media_eye_start(struct media_eye *eye);
/* Describes the source into `told`. */
const struct camera_health *media_eye_look(struct media_eye *eye);
/* Waits until the state is `state`; false when it never was. */
bool media_eye_wait_state(struct media_eye *eye, const char *state);
/* Waits for the next frame; NULL when none came. */
struct frame *media_eye_wait_frame(struct media_eye *eye);
/* Stops and frees, and returns how long that took, in us: less than MEDIA_CLOSE_SECONDS, as a stop waits for nothing
 * that the source waits for. */
gint64 media_eye_close(struct media_eye *eye);

/* Waits, at most MEDIA_PATIENCE_SECONDS, until `condition` is true; false when it never was. */
bool media_world_wait(bool (*condition)(void *data), void *data);
/* Runs a constant pipeline description whose filesink is named "out" to its end. False when an element is missing. */
bool media_world_make(const char *path, const char *description);
/* A picture of 320 x 240, as a camera sends it. g_free. */
char *media_world_jpeg(gsize *length);
