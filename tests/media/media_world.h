/* What the media tests share: a scratch directory, settings with short times, and clips made on the spot. */
#pragma once

#include <glib.h>
#include <glib/gstdio.h>
#include <math.h>
#include <stdint.h>

#include "media/media.h"

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
/* Waits, at most some seconds, until `condition` is true; false when it never was. */
bool media_world_wait(bool (*condition)(void *data), void *data);
/* Runs a constant pipeline description whose filesink is named "out" to its end. False when an element is missing. */
bool media_world_make(const char *path, const char *description);
