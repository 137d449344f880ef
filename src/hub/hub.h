/* Hub: starts and watches workers, takes in their records (validated, given org and site from the camera's
 * registration, stored, then acknowledged), and serves the API. One main loop (GMainContext) on the main thread.
 * The demo is a set of cameras for it.
 */
#pragma once

#include <glib.h>

#include "base/error.h"
#include "facts/settings.h"

struct hub_options {
    const struct settings *settings; /* borrowed */
    const char *program;             /* path of this binary, started again as the worker */
    const char *data_dir;
};
/* Runs until SIGINT or SIGTERM (a second one ends at once). Returns the exit status; errors were printed. */
int hub_run(const struct hub_options *options);

/* How many workers the cameras of these settings are shared among, when all are watched; 0: they have none. Pure, but
 * for the machine's cores. Any thread. */
int hub_count_workers(const struct settings *settings);

/* ---- the demo: four scenes, played as real RTSP cameras by a child process, and watched like a user's. Main thread.
 * ---- */

struct demo;

/* Starts the child (`program` camera serve …) and waits until it listens; adds its four cameras to the settings. The
 * child is started again on the same port when it ends, as long as the main loop runs. */
struct demo *demo_start(const char *program, struct settings *settings, GError **error);
void demo_stop(struct demo *demo);
