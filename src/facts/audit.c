#include "facts/audit.h"

const char *const audit_subject_names[] = {
    "camera", "user",    "login", "job",      "policy",    "legal_hold", "employee", "material", "retention", "site",
    "org",    "breaker", "token", "incident", "violation", "shift",      "vehicle",  "endpoint", "server",    NULL};

enum { SHA256_CHARACTERS = 64 };

static const struct record_field audit_entry_fields[] = {
    FIELD(struct audit_entry, org_id, RECORD_REQUIRED | RECORD_KEY, "whose chain"),
    FIELD(struct audit_entry, sequence, RECORD_REQUIRED | RECORD_KEY, "from 1, without gaps", .min = 1, .max = 0x1p53),
    FIELD(struct audit_entry, id, RECORD_REQUIRED | RECORD_TEXT_ID, "UUIDv7"),
    FIELD(struct audit_entry, at, RECORD_REQUIRED, "when"),
    FIELD(struct audit_entry, actor_id, RECORD_REQUIRED, "who: a user's id, or system", .max_count = 128),
    FIELD_ENUM(struct audit_entry, subject_kind, audit_subject_names, RECORD_REQUIRED, "what kind of thing"),
    FIELD(struct audit_entry, subject_id, 0, "which", .max_count = 256),
    FIELD(struct audit_entry, action, RECORD_REQUIRED | RECORD_TEXT_ID, "what was done"),
    FIELD(struct audit_entry, values_sha256, RECORD_REQUIRED, "digest of what is sealed beside it",
          .min_count = SHA256_CHARACTERS, .max_count = SHA256_CHARACTERS),
    FIELD(struct audit_entry, previous_sha256, RECORD_REQUIRED, "digest of the entry before",
          .min_count = SHA256_CHARACTERS, .max_count = SHA256_CHARACTERS),
    FIELD(struct audit_entry, sha256, RECORD_REQUIRED, "digest of all of the above", .min_count = SHA256_CHARACTERS,
          .max_count = SHA256_CHARACTERS),
};
const struct record_descriptor audit_entry_descriptor =
    RECORD(struct audit_entry, "AuditEntry", 1, audit_entry_fields, "One link of an org's audit chain.",
           .table = "audit_entries");

static const struct record_field audit_value_fields[] = {
    FIELD(struct audit_value, org_id, RECORD_REQUIRED | RECORD_KEY, "whose"),
    FIELD(struct audit_value, sequence, RECORD_REQUIRED | RECORD_KEY, "of the entry", .min = 1, .max = 0x1p53),
    FIELD(struct audit_value, part, RECORD_REQUIRED | RECORD_KEY, "1: before, after and reason; 2: actor and address",
          .min = 1, .max = 2),
    FIELD(struct audit_value, key_id, RECORD_REQUIRED, "what it is sealed under", .max_count = 320),
    FIELD(struct audit_value, sealed, RECORD_REQUIRED, "nonce and ciphertext, base64"),
};
const struct record_descriptor audit_value_descriptor =
    RECORD(struct audit_value, "AuditValue", 1, audit_value_fields, "What an audit entry says, sealed.",
           .table = "audit_values");

static const struct record_field audit_key_fields[] = {
    FIELD(struct audit_key, org_id, RECORD_REQUIRED | RECORD_KEY, "whose"),
    FIELD(struct audit_key, id, RECORD_REQUIRED | RECORD_KEY, "kind:id of the one it is about", .max_count = 320),
    FIELD(struct audit_key, secret, RECORD_SECRET, "base64; absent: destroyed", .max_count = 64),
    FIELD(struct audit_key, destroyed_at, 0, "when"),
};
const struct record_descriptor audit_key_descriptor = RECORD(
    struct audit_key, "AuditKey", 1, audit_key_fields, "What audit values are sealed under.", .table = "audit_keys");

static const struct record_field audit_head_fields[] = {
    FIELD(struct audit_head, org_id, RECORD_REQUIRED | RECORD_KEY, "whose chain"),
    FIELD(struct audit_head, sequence, RECORD_REQUIRED, "of its last entry"),
    FIELD(struct audit_head, sha256, RECORD_REQUIRED, "digest of its last entry"),
};
const struct record_descriptor audit_head_descriptor =
    RECORD(struct audit_head, "AuditHead", 1, audit_head_fields, "Where an audit chain ends.", .table = "audit_heads");

static const struct record_field audit_view_fields[] = {
    FIELD(struct audit_view, sequence, RECORD_REQUIRED, "its place in the chain"),
    FIELD(struct audit_view, at, RECORD_REQUIRED, "when"),
    FIELD(struct audit_view, actor_id, RECORD_REQUIRED, "who: a user's id, or system"),
    FIELD(struct audit_view, actor_name, 0, "the name then"),
    FIELD(struct audit_view, address, 0, "from where; absent: on the server's machine"),
    FIELD_ENUM(struct audit_view, subject_kind, audit_subject_names, RECORD_REQUIRED, "what kind of thing"),
    FIELD(struct audit_view, subject_id, 0, "which"),
    FIELD(struct audit_view, action, RECORD_REQUIRED, "what was done"),
    FIELD(struct audit_view, before, 0, "as it was"),
    FIELD(struct audit_view, after, 0, "as it is from then on"),
    FIELD(struct audit_view, reason, 0, "why"),
    FIELD(struct audit_view, is_erased, 0, "some of it was erased: its key was destroyed"),
    FIELD(struct audit_view, sha256, RECORD_REQUIRED, "digest of the entry"),
};
const struct record_descriptor audit_view_descriptor =
    RECORD(struct audit_view, "Audit", 1, audit_view_fields, "What someone did.");
