#include "facts/user.h"

const char *const role_names[] = {"anonymous", "viewer", "operator", "privacy_officer", "admin", "platform", NULL};

static const struct record_field user_fields[] = {
    FIELD(struct user, id, RECORD_REQUIRED | RECORD_KEY | RECORD_TEXT_ID, "UUIDv7"),
    FIELD(struct user, org_id, RECORD_KEY | RECORD_TEXT_ID, "the organisation", .default_text = "default"),
    FIELD(struct user, username, RECORD_REQUIRED | RECORD_INDEXED,
          "unique in its org; who is not of the org `default` logs in as org/username", .min_count = 1,
          .max_count = 128),
    FIELD_ENUM(struct user, role, role_names, RECORD_REQUIRED, "what the user may do"),
    FIELD(struct user, password_hash, RECORD_SECRET, "argon2id", .max_count = 256),
    FIELD(struct user, is_disabled, 0, "refused at once"),
    FIELD(struct user, must_change_password, 0, "the first password was generated"),
    FIELD(struct user, created_at, 0, "when"),
};
const struct record_descriptor user_descriptor =
    RECORD(struct user, "User", 1, user_fields, "Someone who may log in.", .table = "users");

static const struct record_field session_fields[] = {
    FIELD(struct session, token_sha256, RECORD_REQUIRED | RECORD_KEY, "hex; the token itself is never stored",
          .min_count = 64, .max_count = 64),
    FIELD(struct session, org_id, RECORD_REQUIRED | RECORD_KEY | RECORD_TEXT_ID, "the user's", .since = 2),
    FIELD(struct session, user_id, RECORD_REQUIRED | RECORD_TEXT_ID | RECORD_INDEXED, "whose"),
    FIELD(struct session, created_at, 0, "when"),
    FIELD(struct session, expires_at, RECORD_REQUIRED | RECORD_INDEXED, "until when"),
};
const struct record_descriptor session_descriptor =
    RECORD(struct session, "Session", 2, session_fields, "A login that stands.", .table = "sessions");

static const struct record_field login_request_fields[] = {
    FIELD(struct login_request, username, RECORD_REQUIRED, "the user's name", .min_count = 1, .max_count = 128),
    FIELD(struct login_request, password, RECORD_REQUIRED | RECORD_SECRET, "the password", .min_count = 1,
          .max_count = 256),
};
const struct record_descriptor login_request_descriptor =
    RECORD(struct login_request, "LoginRequest", 1, login_request_fields, "What POST /auth/login takes.");

static const struct record_field login_response_fields[] = {
    FIELD(struct login_response, access_token, RECORD_REQUIRED, "send it as Authorization: Bearer", .max_count = 128),
    FIELD(struct login_response, token_type, RECORD_REQUIRED, "always bearer", .max_count = 16),
    FIELD(struct login_response, expires_in, 0, "life of the token", .unit = "s"),
    FIELD_ENUM(struct login_response, role, role_names, 0, "what the user may do"),
};
const struct record_descriptor login_response_descriptor =
    RECORD(struct login_response, "LoginResponse", 1, login_response_fields, "What POST /auth/login answers.");
