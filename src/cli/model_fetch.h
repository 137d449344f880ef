/* A file from here or from the network, into memory, of a bounded size and of a known content. */
#pragma once

#include <stdbool.h>

#include <glib.h>

bool model_fetch_is_url(const char *location);
/* `sha256`: 64 hex digits, may be NULL for files. NULL with an error that names the location (without its login). */
GBytes *model_fetch(const char *location, const char *sha256, GError **error);
/* Writes a file beside its final name and renames it, so that nobody ever sees half of it. */
bool model_fetch_store(const char *path, const void *bytes, size_t length, GError **error);
