/* Facts: users, logins and what the API answers. */
#pragma once

#include <stdbool.h>

#include "record/record.h"

enum role { ROLE_ANONYMOUS = 1, ROLE_VIEWER, ROLE_OPERATOR, ROLE_PRIVACY_OFFICER, ROLE_ADMIN, ROLE_PLATFORM };
extern const char *const role_names[];

struct user {
    char *id, *org_id;
    char *username;
    enum role role;
    char *password_hash; /* argon2id string; secret */
    bool is_disabled;
    bool must_change_password;
    struct record_time created_at;
};
extern const struct record_descriptor user_descriptor;

/* A login that stands. The token itself is never stored, only its SHA-256. */
struct session {
    char *token_sha256;
    char *org_id, *user_id;
    struct record_time created_at, expires_at;
};
extern const struct record_descriptor session_descriptor;

struct login_request {
    char *username, *password;
};
extern const struct record_descriptor login_request_descriptor;

struct login_response {
    char *access_token;
    char *token_type;   /* "bearer" */
    int32_t expires_in; /* seconds */
    enum role role;
};
extern const struct record_descriptor login_response_descriptor;
