/* A client of a running server, for commands: VEDETTE_URL says where it is (else http://127.0.0.1:8000), VEDETTE_TOKEN
 * who asks, or VEDETTE_USERNAME and VEDETTE_PASSWORD, with which it logs in. Nothing of them is ever an argument. One
 * thread.
 */
#pragma once

#include <glib.h>

#include "base/cleanup.h"
#include "base/error.h"

struct api_client;

/* Logs in where there is no token. NULL: the server cannot be reached, or did not take the login. */
struct api_client *api_client_new(GError **error);
void api_client_free(struct api_client *client);
CLEANUP_DEFINE(api_client, api_client_free)

/* One request. `path` begins with "/"; `body` and `if_match` may be NULL. The answer's body, as text: g_free. NULL: the
 * server cannot be reached, or refused; the error says with which words. */
char *api_client_request(struct api_client *client, const char *method, const char *path, const char *body,
                         const char *if_match, GError **error);
