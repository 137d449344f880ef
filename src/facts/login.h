/* Facts: how people and programs prove who they are: sessions, refresh tokens, API keys, and the keys that sign access
 * tokens.
 */
#pragma once

#include <stdbool.h>

#include "facts/auth.h"
#include "facts/user.h"
#include "record/record.h"

/* Which kind of client logs in. */
enum client_kind {
    CLIENT_API = 1, /* a bearer token, that lives long */
    CLIENT_BROWSER, /* cookies, and a short token that is refreshed */
};
extern const char *const client_kind_names[];

/* A login that stands: also the family of the refresh tokens that came of it. */
struct session {
    char *id;
    char *org_id, *user_id;
    enum client_kind client;
    char *secret; /* secret, base64url: the next refresh token and the CSRF token are made with it */
    char *address, *user_agent;
    struct record_time created_at, used_at, expires_at;
    struct record_time ended_at; /* unset: it stands */
    bool is_by_issuer;           /* no password was asked for */
};
extern const struct record_descriptor session_descriptor;

/* As it is told. */
struct session_view {
    char *id, *user_id;
    enum client_kind client;
    char *address, *user_agent;
    struct record_time created_at, used_at, expires_at;
    bool is_current;
};
extern const struct record_descriptor session_view_descriptor;

/* The token itself is never stored, only its SHA-256. */
struct refresh_token {
    char *sha256;
    char *org_id, *session_id;
    struct record_time created_at;
    struct record_time used_at; /* set: its successor counts */
};
extern const struct record_descriptor refresh_token_descriptor;

/* A program's own login. The key itself is told once and never stored, only its SHA-256. */
struct api_key {
    char *id, *org_id;
    char *name;
    enum role role;                /* at most this */
    struct record_strings routes;  /* "GET /api/v1/events"; empty: all its role may */
    struct record_strings cameras; /* empty: all of the org */
    char *secret_sha256;
    char *created_by;
    struct record_time created_at, used_at, expires_at, ended_at;
};
extern const struct record_descriptor api_key_descriptor;

struct api_key_request {
    char *name;
    enum role role;
    struct record_strings routes, cameras;
    struct record_time expires_at;
};
extern const struct record_descriptor api_key_request_descriptor;

/* What making one answers: the only time that the key is told. */
struct api_key_answer {
    struct api_key api_key;
    char *token;
};
extern const struct record_descriptor api_key_answer_descriptor;

/* A key that signs access tokens. */
struct signing_key {
    char *id;
    enum token_algorithm algorithm;
    char *jwk; /* secret: RFC 7517 */
    struct record_time created_at;
    struct record_time retires_at; /* unset: it is the one that signs */
};
extern const struct record_descriptor signing_key_descriptor;

/* A wrong login, for as long as limits remember it: so that a restart does not make them forget. */
struct login_failure {
    char *id;
    char *account_sha256;
    char *address;
    struct record_time at;
};
extern const struct record_descriptor login_failure_descriptor;

struct login_request {
    char *username, *password;
    enum client_kind client;
};
extern const struct record_descriptor login_request_descriptor;

struct login_response {
    char *access_token; /* NULL for browsers, which have it in a cookie */
    char *token_type;   /* "bearer" */
    int32_t expires_in; /* seconds */
    enum role role;
    char *csrf_token;          /* of browsers; NULL */
    bool must_change_password; /* until then nothing else is allowed */
};
extern const struct record_descriptor login_response_descriptor;

/* Who one is. */
struct me {
    struct user user;
    char *csrf_token; /* of a browser's session; NULL */
};
extern const struct record_descriptor me_descriptor;

/* What leads in beside a password. */
struct login_ways {
    bool has_issuer;
};
extern const struct record_descriptor login_ways_descriptor;

struct password_request {
    char *current_password, *new_password;
};
extern const struct record_descriptor password_request_descriptor;

struct refresh_request {
    char *refresh_token; /* NULL: the cookie's */
};
extern const struct record_descriptor refresh_request_descriptor;

/* What makes a user, and (all but the name) what changes one. */
struct user_request {
    char *username;
    enum role role;
    char *password; /* NULL: one is made up and told once */
    char *oidc_subject;
    bool is_disabled;
};
extern const struct record_descriptor new_user_request_descriptor, user_request_descriptor;

struct user_answer {
    struct user user;
    char *password; /* the one made up; NULL: none was */
};
extern const struct record_descriptor user_answer_descriptor;
