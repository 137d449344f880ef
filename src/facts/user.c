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
    FIELD(struct user, must_change_password, 0, "may only change the password, which someone else chose"),
    FIELD(struct user, created_at, 0, "when"),
    FIELD(struct user, oidc_subject, RECORD_INDEXED, "who it is at the OpenID Connect issuer (sub)", .max_count = 255,
          .since = 2),
    FIELD(
        struct user, oidc_issuer, 0,
        "the issuer (auth.oidc.issuer) of when oidc_subject was set, by whose word alone it logs in; unset where there "
        "was none, or an earlier version set it",
        .max_count = 1024, .since = 3),
};
const struct record_descriptor user_descriptor =
    RECORD(struct user, "User", 3, user_fields, "Someone who may log in.", .table = "users");
