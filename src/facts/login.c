#include "facts/login.h"

enum { SHA256_CHARACTERS = 64, MAX_SECRET_BYTES = 256, MAX_AGENT_BYTES = 256, MAX_ADDRESS_BYTES = 64 };

const char *const client_kind_names[] = {"api", "browser", NULL};

/* ---- what is stored ---- */

static const struct record_field session_fields[] = {
    FIELD(struct session, id, RECORD_REQUIRED | RECORD_KEY | RECORD_TEXT_ID, "UUIDv7"),
    FIELD(struct session, org_id, RECORD_REQUIRED | RECORD_KEY | RECORD_TEXT_ID, "the user's"),
    FIELD(struct session, user_id, RECORD_REQUIRED | RECORD_TEXT_ID | RECORD_INDEXED, "whose"),
    FIELD_ENUM(struct session, client, client_kind_names, RECORD_REQUIRED, "api or browser"),
    FIELD(struct session, secret, RECORD_SECRET, "its refresh and CSRF tokens are made with it",
          .max_count = MAX_SECRET_BYTES),
    FIELD(struct session, address, RECORD_INDEXED, "where the login came from", .max_count = MAX_ADDRESS_BYTES),
    FIELD(struct session, user_agent, 0, "what the client calls itself", .max_count = MAX_AGENT_BYTES),
    FIELD(struct session, created_at, 0, "when"),
    FIELD(struct session, used_at, 0, "when it was refreshed last"),
    FIELD(struct session, expires_at, RECORD_REQUIRED | RECORD_INDEXED, "until when"),
    FIELD(struct session, ended_at, 0, "when it was ended: by logging out, by someone, or by reuse of a token"),
    FIELD(struct session, is_by_issuer, 0, "it was begun by the OpenID Connect issuer's word, not by a password",
          .since = 2),
};
const struct record_descriptor session_descriptor =
    RECORD(struct session, "LoginSession", 2, session_fields, "A login that stands.", .table = "sessions");

static const struct record_field session_view_fields[] = {
    FIELD(struct session_view, id, RECORD_REQUIRED | RECORD_KEY | RECORD_TEXT_ID, "UUIDv7"),
    FIELD(struct session_view, user_id, RECORD_REQUIRED | RECORD_TEXT_ID, "whose"),
    FIELD_ENUM(struct session_view, client, client_kind_names, 0, "api or browser"),
    FIELD(struct session_view, address, 0, "where the login came from", .max_count = MAX_ADDRESS_BYTES),
    FIELD(struct session_view, user_agent, 0, "what the client calls itself", .max_count = MAX_AGENT_BYTES),
    FIELD(struct session_view, created_at, 0, "when"),
    FIELD(struct session_view, used_at, 0, "when it was refreshed last"),
    FIELD(struct session_view, expires_at, 0, "until when"),
    FIELD(struct session_view, is_current, 0, "the one that asks"),
};
const struct record_descriptor session_view_descriptor =
    RECORD(struct session_view, "SessionView", 1, session_view_fields, "A login that stands, as it is told.");

static const struct record_field refresh_token_fields[] = {
    FIELD(struct refresh_token, sha256, RECORD_REQUIRED | RECORD_KEY, "hex; the token itself is never stored",
          .min_count = SHA256_CHARACTERS, .max_count = SHA256_CHARACTERS),
    FIELD(struct refresh_token, org_id, RECORD_REQUIRED | RECORD_KEY | RECORD_TEXT_ID, "the session's"),
    FIELD(struct refresh_token, session_id, RECORD_REQUIRED | RECORD_TEXT_ID | RECORD_INDEXED, "its family"),
    FIELD(struct refresh_token, created_at, 0, "when"),
    FIELD(struct refresh_token, used_at, 0, "when its successor was made"),
};
const struct record_descriptor refresh_token_descriptor = RECORD(
    struct refresh_token, "RefreshToken", 1, refresh_token_fields, "Renews a session.", .table = "refresh_tokens");

enum { MAX_KEY_ROUTES = 64, MAX_KEY_CAMERAS = 1024 };
/* What a key is asked for with, and is. */
#define KEY_FIELDS(type, role_doc)                                                                                     \
    FIELD(type, name, RECORD_REQUIRED, "what people call it", .min_count = 1, .max_count = 128),                       \
        FIELD_ENUM(type, role, role_names, RECORD_REQUIRED, role_doc),                                                 \
        FIELD(type, routes, 0,                                                                                         \
              "method and path as in the route list, like GET /api/v1/events; empty: all its role may",                \
              .max_count = MAX_KEY_ROUTES),                                                                            \
        FIELD(type, cameras, 0, "ids; it may use only what is about these; empty: all of the org",                     \
              .max_count = MAX_KEY_CAMERAS),                                                                           \
        FIELD(type, expires_at, 0, "until when; unset: until it is revoked")

static const struct record_field api_key_fields[] = {
    FIELD(struct api_key, id, RECORD_REQUIRED | RECORD_KEY | RECORD_TEXT_ID, "UUIDv7"),
    FIELD(struct api_key, org_id, RECORD_REQUIRED | RECORD_KEY | RECORD_TEXT_ID, "whose"),
    KEY_FIELDS(struct api_key, "what it may do, within its routes and cameras"),
    FIELD(struct api_key, secret_sha256, RECORD_SECRET, "hex; the key itself is never stored",
          .max_count = SHA256_CHARACTERS),
    FIELD(struct api_key, created_by, 0, "a user's id", .max_count = 128),
    FIELD(struct api_key, created_at, 0, "when"),
    FIELD(struct api_key, used_at, 0, "when it was used last, to the minute"),
    FIELD(struct api_key, ended_at, 0, "when it was revoked"),
};
const struct record_descriptor api_key_descriptor =
    RECORD(struct api_key, "ApiKey", 1, api_key_fields, "A program's login.", .table = "api_keys");

static const struct record_field api_key_request_fields[] = {
    KEY_FIELDS(struct api_key_request, "at most the role of who makes it"),
};
const struct record_descriptor api_key_request_descriptor =
    RECORD(struct api_key_request, "ApiKeyRequest", 1, api_key_request_fields, "What POST /api/v1/tokens takes.");

static const struct record_field api_key_answer_fields[] = {
    FIELD_RECORD(struct api_key_answer, api_key, struct api_key, &api_key_descriptor, RECORD_INLINE, "the key"),
    FIELD(struct api_key_answer, token, RECORD_REQUIRED,
          "send it as Authorization: Bearer; it is told this once and never again", .max_count = MAX_SECRET_BYTES),
};
const struct record_descriptor api_key_answer_descriptor =
    RECORD(struct api_key_answer, "ApiKeyAnswer", 1, api_key_answer_fields, "What POST /api/v1/tokens answers.");

static const struct record_field signing_key_fields[] = {
    FIELD(struct signing_key, id, RECORD_REQUIRED | RECORD_KEY | RECORD_TEXT_ID, "UUIDv7; kid in tokens"),
    FIELD_ENUM(struct signing_key, algorithm, token_algorithm_names, RECORD_REQUIRED, "what it signs with"),
    FIELD(struct signing_key, jwk, RECORD_SECRET, "RFC 7517", .max_count = 16384),
    FIELD(struct signing_key, created_at, 0, "when"),
    FIELD(struct signing_key, retires_at, 0, "accepted until then; unset: the one that signs"),
};
const struct record_descriptor signing_key_descriptor =
    RECORD(struct signing_key, "SigningKey", 1, signing_key_fields, "Signs access tokens.", .table = "signing_keys");

static const struct record_field login_failure_fields[] = {
    FIELD(struct login_failure, id, RECORD_REQUIRED | RECORD_KEY | RECORD_TEXT_ID, "UUIDv7"),
    FIELD(struct login_failure, account_sha256, 0, "of the name that was given", .max_count = SHA256_CHARACTERS),
    FIELD(struct login_failure, address, 0, "where it came from", .max_count = MAX_ADDRESS_BYTES),
    FIELD(struct login_failure, at, RECORD_REQUIRED | RECORD_INDEXED, "when"),
};
const struct record_descriptor login_failure_descriptor =
    RECORD(struct login_failure, "LoginFailure", 1, login_failure_fields, "A wrong login, for as long as limits count.",
           .table = "login_failures");

/* ---- what is asked and answered ---- */

enum { MAX_PASSWORD_BYTES = 256 };

static const struct record_field login_request_fields[] = {
    FIELD(struct login_request, username, RECORD_REQUIRED, "the user's name; of another org than default: ORG/NAME",
          .min_count = 1, .max_count = 128),
    FIELD(struct login_request, password, RECORD_REQUIRED | RECORD_SECRET, "the password", .min_count = 1,
          .max_count = MAX_PASSWORD_BYTES),
    FIELD_ENUM(struct login_request, client, client_kind_names, 0,
               "api: answers a token that lives long; browser: sets cookies, refreshed by POST /auth/refresh",
               .default_text = "api", .since = 2),
};
const struct record_descriptor login_request_descriptor =
    RECORD(struct login_request, "LoginRequest", 2, login_request_fields, "What POST /auth/login takes.");

static const struct record_field login_response_fields[] = {
    FIELD(struct login_response, access_token, 0,
          "send it as Authorization: Bearer; left out for browsers, whose cookie has it", .max_count = 4096),
    FIELD(struct login_response, token_type, RECORD_REQUIRED, "always bearer", .max_count = 16,
          .default_text = "bearer"),
    FIELD(struct login_response, expires_in, 0, "life of the access token", .unit = "s"),
    FIELD_ENUM(struct login_response, role, role_names, 0, "what the user may do"),
    FIELD(struct login_response, csrf_token, 0, "browsers send it as X-CSRF-Token with all but GET", .max_count = 128,
          .since = 2),
    FIELD(struct login_response, must_change_password, 0, "nothing but POST /auth/password is allowed before",
          .since = 2),
};
const struct record_descriptor login_response_descriptor =
    RECORD(struct login_response, "LoginResponse", 2, login_response_fields,
           "What POST /auth/login and /auth/refresh answer.");

static const struct record_field me_fields[] = {
    FIELD_RECORD(struct me, user, struct user, &user_descriptor, RECORD_INLINE, "the user"),
    FIELD(struct me, csrf_token, 0, "browsers send it as X-CSRF-Token with all but GET", .max_count = 128),
};
const struct record_descriptor me_descriptor = RECORD(struct me, "Me", 1, me_fields, "What GET /auth/me answers.");

static const struct record_field login_ways_fields[] = {
    FIELD(struct login_ways, has_issuer, 0, "a browser may log in by an OpenID Connect issuer: GET /auth/oidc/login"),
};
const struct record_descriptor login_ways_descriptor =
    RECORD(struct login_ways, "LoginWays", 1, login_ways_fields, "What GET /auth/ways answers.");

static const struct record_field password_request_fields[] = {
    FIELD(struct password_request, current_password, RECORD_REQUIRED | RECORD_SECRET, "the one that counts now",
          .min_count = 1, .max_count = MAX_PASSWORD_BYTES),
    FIELD(struct password_request, new_password, RECORD_REQUIRED | RECORD_SECRET, "the one that shall count",
          .min_count = 1, .max_count = MAX_PASSWORD_BYTES),
};
const struct record_descriptor password_request_descriptor =
    RECORD(struct password_request, "PasswordRequest", 1, password_request_fields, "What POST /auth/password takes.");

static const struct record_field refresh_request_fields[] = {
    FIELD(struct refresh_request, refresh_token, RECORD_SECRET, "left out by browsers, whose cookie has it",
          .max_count = MAX_SECRET_BYTES),
};
const struct record_descriptor refresh_request_descriptor =
    RECORD(struct refresh_request, "RefreshRequest", 1, refresh_request_fields, "What POST /auth/refresh takes.");

/* Of a new user name and role are needed; of one that is there, what is to change. */
#define USER_FIELDS(needed, password_doc)                                                                              \
    FIELD(struct user_request, username, needed, "unique in its org, without a slash; it stays", .min_count = 1,       \
          .max_count = 128),                                                                                           \
        FIELD_ENUM(struct user_request, role, role_names, needed, "what the user may do: viewer or more",              \
                   .example = "\"viewer\""),                                                                           \
        FIELD(struct user_request, password, RECORD_SECRET, password_doc, .min_count = 1,                              \
              .max_count = MAX_PASSWORD_BYTES),                                                                        \
        FIELD(struct user_request, oidc_subject, 0, "who the user is at the OpenID Connect issuer (sub)",              \
              .max_count = 255),                                                                                       \
        FIELD(struct user_request, is_disabled, 0, "refused at once")

static const struct record_field new_user_request_fields[] = {
    USER_FIELDS(RECORD_REQUIRED, "to be changed at the first login; left out: one is made up"),
};
const struct record_descriptor new_user_request_descriptor =
    RECORD(struct user_request, "NewUserRequest", 1, new_user_request_fields, "What POST /api/v1/users takes.");

static const struct record_field user_request_fields[] = {
    USER_FIELDS(0, "sets it, to be changed at the next login"),
};
const struct record_descriptor user_request_descriptor =
    RECORD(struct user_request, "UserRequest", 1, user_request_fields, "What PATCH /api/v1/users/{id} takes.");

static const struct record_field user_answer_fields[] = {
    FIELD_RECORD(struct user_answer, user, struct user, &user_descriptor, RECORD_INLINE, "the user"),
    FIELD(struct user_answer, password, 0, "the one made up; told this once and never again",
          .max_count = MAX_PASSWORD_BYTES),
};
const struct record_descriptor user_answer_descriptor =
    RECORD(struct user_answer, "UserAnswer", 1, user_answer_fields, "What making or changing a user answers.");
