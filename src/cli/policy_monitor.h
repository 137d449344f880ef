/* What changes of the policies of a running server, as it happens: each change with who made it and why, and what is in
 * force by it. */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "cli/api_client.h"

/* Prints what is in force, then, for each document that changed or whose overlay came or went, one JSON object: its
 * scope, its revisions since (author, reason, differences), and for each key what is in force by it now and was before,
 * each with the level it came from. Looks once a second until it is interrupted, over restarts of the server too.
 * False: the server cannot be reached at first, or refuses who asks. */
bool policy_monitor(struct api_client *client, GError **error);
