/* Auth: passwords, logins and their tokens. Passwords are argon2id (libsodium); a token is the org's id, a dot and 256
 * random bits in base64url, and only its SHA-256 is stored, with the org's rows. Any thread.
 */
#pragma once

#include <glib.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "facts/health.h"
#include "facts/settings.h"
#include "facts/user.h"
#include "store/store.h"
#include "vedette/limiter.h"

struct auth;

/* Makes or updates the administrator, as api_start says. */
struct auth *auth_new(const struct settings *settings, struct store *store, struct server_health *health,
                      struct clock *clock, char **generated_password, GError **error);
void auth_free(struct auth *auth);
CLEANUP_DEFINE(auth, auth_free)

/* A login that stands, with its user as stored now. */
struct login {
    struct user *user;
    char *token_sha256;
    int64_t expires_ms;
};
void login_clear(struct login *login);

/* False: VEDETTE_ERROR_PERMISSION (no such token, expired, or the user is disabled), or the store's own error. */
bool auth_check_token(struct auth *auth, const char *token, struct login *login, GError **error);
/* The same for a login known already, as for a socket that stays open. */
bool auth_check_login(struct auth *auth, const char *org_id, const char *token_sha256, struct login *login,
                      GError **error);

/* Which limit a login is nearest to, and how near. */
struct login_limit {
    struct vedette_limit limit;
    const char *policy; /* "address" or "account" */
    int64_t quota;      /* a minute */
};
/* For Retry-After: 1 or more. */
int login_limit_retry_seconds(const struct login_limit *limit);

/* False: VEDETTE_ERROR_PERMISSION (wrong), VEDETTE_ERROR_FULL (too many), or the store's own error. A name that does
 * not exist costs as much time as a wrong password, and reads the same. *limit is filled in any case. */
bool auth_login(struct auth *auth, const struct login_request *request, const char *address,
                struct login_response *response, struct login_limit *limit, GError **error);
bool auth_logout(struct auth *auth, const struct login *login, GError **error);

/* The scrape token of the settings. */
bool auth_is_scraper(const struct auth *auth, const char *token);
