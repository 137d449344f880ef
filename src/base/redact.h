/* What may be shown of an address that may hold secrets. Any thread. */
#pragma once

#include <stdbool.h>

/* A copy of `address` fit for logs, errors and answers whatever it is: a login before the host becomes "***", and so
 * does the value of each parameter, in path or query, whose name speaks of a login or a secret (password=, user=,
 * authToken=; many cameras take them so). It hides rather too much. What is no address comes back as it is, but for
 * "user:secret@host". NULL gives "". g_free. */
char *redact_address(const char *address);
/* Whether it holds what stands there for something hidden: then it is no address to go to. NULL is allowed. */
bool redact_is_in(const char *address);
