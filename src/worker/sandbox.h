/* The cage of a worker: no new privileges, no capabilities, not dumpable, no core; files only those it needs to read,
 * none to write, nothing to execute; no port to listen on, no signal to anyone outside (Landlock, as far as the kernel
 * has it). Connecting stays allowed: that is what cameras need.
 *
 * Landlock holds the thread that closes the cage and what it starts later, so that thread must be the only one.
 */
#pragma once

#include "facts/health.h"
#include "facts/settings.h"

/* First thing in the process: what needs no knowledge of the configuration. `parent` is who started it: when that one
 * ends, so does this process. False when the parent is gone already. */
bool sandbox_prepare(int parent);
/* Closes the cage and fills the hello with what was tried and proved; `hub_files` is a file that must be out of reach.
 * Libraries and plugins are loaded before. A kernel without Landlock is no failure: is_sandboxed says so, with the
 * reason in sandbox_detail. */
void sandbox_close(const struct worker_config *config, const char *hub_files, struct worker_hello *hello);
