/* Facts: the settings of logins and tokens. */
#pragma once

#include "facts/user.h"
#include "record/record.h"

/* RFC 7518 section 3.1. One of them per deployment. */
enum token_algorithm {
    TOKEN_HS256 = 1,
    TOKEN_HS384,
    TOKEN_HS512,
    TOKEN_RS256,
    TOKEN_RS384,
    TOKEN_RS512,
    TOKEN_PS256,
    TOKEN_PS384,
    TOKEN_PS512,
    TOKEN_ES256,
    TOKEN_ES384,
    TOKEN_ES512,
};
extern const char *const token_algorithm_names[];

/* A login by an issuer elsewhere (OpenID Connect Core 1.0). */
struct oidc_settings {
    char *issuer; /* empty: there is none */
    char *client_id;
    char *client_secret; /* secret */
    char *redirect_uri;  /* our /auth/oidc/callback, as browsers reach it */
    char *scopes;
    char *username_claim;
    char *org_id;           /* in which its users are */
    enum role default_role; /* 0: who was not linked to a user is refused */
    int32_t timeout_ms;
    int32_t max_answer_bytes;
    int32_t keys_seconds; /* its keys are read again after so long */
};
extern const struct record_descriptor oidc_settings_descriptor;

enum same_site { SAME_SITE_STRICT = 1, SAME_SITE_LAX, SAME_SITE_NONE };
extern const char *const same_site_names[];

struct auth_settings {
    enum token_algorithm token_algorithm;
    char *issuer;
    int32_t token_minutes;         /* of API clients */
    int32_t browser_token_minutes; /* then it is refreshed */
    int32_t session_days;          /* of a browser, refreshed or not */
    int32_t refresh_leeway_seconds;
    int32_t view_audit_minutes; /* one entry for so long of looking */
    int32_t clock_skew_seconds;
    int32_t key_days;                              /* then another key signs */
    int32_t remembered_tokens, remembered_seconds; /* checked a moment ago */
    int32_t sessions_per_user;
    int32_t api_keys_per_org;
    int32_t password_min_bytes;
    int32_t password_memory_bytes;
    int32_t password_passes;
    int32_t passwords_at_once;
    int32_t logins_per_minute; /* wrong ones, of all accounts and addresses; right ones of one user */
    enum same_site same_site;
    struct oidc_settings oidc;
};
extern const struct record_descriptor auth_settings_descriptor;

/* How much one may ask in a minute, by class of routes: from one address and as one user; an org so many times more. */
struct route_limit {
    char *route; /* "POST /api/detect": a method and a path of the contract */
    int32_t per_minute;
};
struct limit_settings {
    int32_t reads_per_minute, writes_per_minute, heavy_per_minute;
    int32_t org_factor;
    int32_t max_keys;          /* of each limit: addresses, users or orgs it remembers */
    struct record_list routes; /* of struct route_limit: beside their classes' */
};
extern const struct record_descriptor limit_settings_descriptor;
