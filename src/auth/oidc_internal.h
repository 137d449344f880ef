/* Between oidc.c and oidc_fetch.c. */
#pragma once

#include "auth/auth_internal.h"

/* True when an address may be asked: https, or http on this machine. */
bool oidc_address_is_allowed(const char *address);
/* GET, or POST of a form when `form` is given, with the client's secret when there is one. Follows no redirect, takes
 * oidc.timeout_ms and oidc.max_answer_bytes at most. NULL: VEDETTE_ERROR_UNAVAILABLE, as when the issuer does
 * not know us or throttles us, or VEDETTE_ERROR_PERMISSION where it judged the form's code and found it wrong, in words
 * that everyone may read. json_decref. */
json_t *oidc_fetch(const struct oidc_settings *settings, const char *address, const char *form, GError **error);
