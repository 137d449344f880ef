/* Hub: starts and watches workers, takes in their records (validated, given org and site from the camera's
 * registration, stored, then acknowledged), and serves the API. One main loop (GMainContext) on the main thread.
 * The demo (demo.h) is a set of cameras for it.
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
