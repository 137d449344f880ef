/* A client of a running server, for commands. Nothing of who asks is ever an argument. One thread. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "base/cleanup.h"
#include "base/error.h"

struct api_client;

/* For the usage of such commands. */
#define API_CLIENT_USAGE                                                                                               \
    "against the server at VEDETTE_URL (else http://127.0.0.1:8000; VEDETTE_CA_FILE: whom to trust for https, else "   \
    "whom this machine trusts); who asks is VEDETTE_TOKEN, or VEDETTE_USERNAME and VEDETTE_PASSWORD."

/* Logs in where there is no token. NULL: the server cannot be reached, or did not take the login. */
struct api_client *api_client_new(GError **error);
void api_client_free(struct api_client *client);
CLEANUP_DEFINE(api_client, api_client_free)

/* Logs in anew, as after VEDETTE_ERROR_PERMISSION: an access token lives for a while only. False: there is only a
 * token, or the login was not taken. */
bool api_client_renew(struct api_client *client, GError **error);
/* One request. `path` begins with "/"; `body` and `if_match` may be NULL. The answer's body, as text: g_free. NULL: the
 * server cannot be reached or is not able to answer now (VEDETTE_ERROR_UNAVAILABLE), does not know who asks or does not
 * let them (VEDETTE_ERROR_PERMISSION), or refused; the error says with which words. */
char *api_client_request(struct api_client *client, const char *method, const char *path, const char *body,
                         const char *if_match, GError **error);
