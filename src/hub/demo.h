/* The demo: four scenes, played as real RTSP cameras by a child process, and watched like a user's. Main thread.
 */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "facts/settings.h"

struct demo;

/* Starts the child (`program` camera serve …) and waits until it listens; adds its four cameras to the settings. The
 * child is started again on the same port when it ends, as long as the main loop runs. */
struct demo *demo_start(const char *program, struct settings *settings, GError **error);
void demo_stop(struct demo *demo);
