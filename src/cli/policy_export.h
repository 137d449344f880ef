/* Export of a running server's policies into a directory, as policies.directory reads it and `vedette policy import`
 * sets it. */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "cli/api_client.h"

/* Writes every policy of the org of who asks, and those for everyone, and prints the path of each file. What no file
 * can say is named on stderr. A file of theirs that is there from before, and that no policy says any more, is removed
 * and named with `is_pruning`; else the call is false and the error names each: an import, or a server that watches the
 * directory, would set it again. Files of other orgs, and those that are no policy's, are left alone. False also where
 * the server or the disk fails; what was written by then stays. */
bool policy_export(struct api_client *client, const char *directory, bool is_pruning, GError **error);
