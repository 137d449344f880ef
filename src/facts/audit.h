/* Facts: the audit: who did what, when, from where, with what before and after, and why.
 *
 * An entry of the chain holds digests only; what was said (names, addresses, values) lies beside it, sealed under a key
 * of the one it is about, so that destroying the key erases it and the chain still holds.
 */
#pragma once

#include "record/record.h"

/* Kinds of what is changed. */
enum audit_subject {
    AUDIT_CAMERA = 1,
    AUDIT_USER,
    AUDIT_LOGIN,
    AUDIT_JOB,
    AUDIT_POLICY,
    AUDIT_LEGAL_HOLD,
    AUDIT_EMPLOYEE,
    AUDIT_MATERIAL,
    AUDIT_RETENTION,
    AUDIT_SITE,
    AUDIT_ORG,
    AUDIT_BREAKER,
    AUDIT_TOKEN, /* an API key, or a key that signs */
    AUDIT_INCIDENT,
    AUDIT_VIOLATION,
    AUDIT_SHIFT,
    AUDIT_VEHICLE,
    AUDIT_ENDPOINT, /* of notifications */
    AUDIT_SERVER,   /* how it runs: what it logs */
};
extern const char *const audit_subject_names[];

/* Who does something, and from where. Handed down to whatever writes the change. All borrowed; `org_id` is set. */
struct audit_by {
    const char *org_id;
    const char *actor_id;   /* a user's id; "system" for the server itself */
    const char *actor_name; /* NULL for "system" */
    const char *address;    /* NULL: on this machine */
    const char *reason;     /* NULL: none was given */
};

/* One link of an org's chain. Never changed. */
struct audit_entry {
    char *org_id;
    int64_t sequence; /* from 1, without gaps */
    char *id;
    struct record_time at;
    char *actor_id;
    enum audit_subject subject_kind;
    char *subject_id;
    char *action;          /* "create", "update", "delete", "pause", … */
    char *values_sha256;   /* of what is sealed beside it */
    char *previous_sha256; /* the entry before; 64 zeros for the first */
    char *sha256;          /* of all of the above */
};
extern const struct record_descriptor audit_entry_descriptor;

/* What an entry says besides, sealed: part 1 under the subject's key (before, after, reason), part 2 under the actor's
 * (name, address). */
struct audit_value {
    char *org_id;
    int64_t sequence;
    int32_t part;
    char *key_id;
    char *sealed; /* base64: nonce and XChaCha20-Poly1305 of JSON */
};
extern const struct record_descriptor audit_value_descriptor;

/* The key of one person or thing. Without `secret`: destroyed, and what it sealed is gone. */
struct audit_key {
    char *org_id, *id;
    char *secret; /* base64 */
    struct record_time destroyed_at;
};
extern const struct record_descriptor audit_key_descriptor;

/* Where an org's chain ends: also what tells that its last entries are missing. */
struct audit_head {
    char *org_id;
    int64_t sequence;
    char *sha256;
};
extern const struct record_descriptor audit_head_descriptor;

/* An entry as it is told. */
struct audit_view {
    int64_t sequence;
    struct record_time at;
    char *actor_id, *actor_name, *address;
    enum audit_subject subject_kind;
    char *subject_id, *action;
    struct record_json before, after;
    char *reason;
    bool is_erased; /* a key it needs was destroyed */
    char *sha256;
};
extern const struct record_descriptor audit_view_descriptor;
