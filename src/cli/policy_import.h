/* Import of a directory of policies, as `vedette policy export` writes it and policies.directory reads it, into a
 * running server. */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "cli/api_client.h"

/* Every file is validated by the server before the first is set, so that one bad file changes nothing. Prints the path
 * of each that was set. Files for everyone are left out, and named on stderr, unless the role platform asks. `reason`
 * (may be NULL) is kept with the changes. */
bool policy_import(struct api_client *client, const char *directory, const char *reason, GError **error);
