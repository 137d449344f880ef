/* The cage of a worker: no new privileges, not dumpable, no core; files only those it needs to read, none to write
 * (Landlock). */
#pragma once

#include "facts/health.h"
#include "facts/settings.h"

/* First thing in the process: what needs no knowledge of the configuration. `parent` is who started it: when that one
 * ends, so does this process. False when the parent is gone already. */
bool sandbox_prepare(int parent);
/* Closes the cage and fills the hello with what was tried and proved. Everything that must be loaded is loaded before.
 * A kernel without Landlock is no failure: is_sandboxed says so, with the reason in sandbox_detail. */
void sandbox_close(const struct worker_config *config, const char *hub_files, struct worker_hello *hello);
