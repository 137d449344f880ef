/* Facts: users, and what they may do. */
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
    bool must_change_password; /* it may do nothing else */
    struct record_time created_at;
    char *oidc_subject; /* who it is at the OpenID Connect issuer; NULL: unknown there */
    char *oidc_issuer;  /* which one that is; NULL: none is known, and nobody comes in by the subject */
};
extern const struct record_descriptor user_descriptor;
