/* Directories in which a process keeps what is its own. */
#pragma once

#include <glib.h>

/* Makes a directory of the data (and those above it) when there is none, for this user alone, and refuses one in which
 * others could put files or this process may not. Returns its real path (g_free), or NULL. Any thread. */
char *directory_prepare(const char *path, GError **error);
