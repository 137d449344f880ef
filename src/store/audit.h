/* Store: the audit. An org's entries are a chain: each holds the digest of the one before, so that an entry that was
 * edited, removed or moved is found (store_audit_verify). Entries are only added: triggers in SQLite, rights in
 * PostgreSQL. What an entry says is sealed beside it under keys of those it is about (facts/audit.h).
 *
 * Whoever writes something that is audited adds the entry in the same transaction. Any thread.
 */
#pragma once

#include "facts/audit.h"
#include "store/store.h"

struct audit_change {
    enum audit_subject kind;
    const char *subject_id;
    const char *action;
    const char *before, *after; /* JSON; NULL for none. Without secrets */
};
/* An entry of its own, for what changes no row: a login, a look at something. */
bool store_audit_add(struct store *store, const struct audit_by *by, const struct audit_change *change, GError **error);

/* Which entries; what is NULL or 0 is open. */
struct audit_filter {
    int64_t before_sequence;
    int64_t from_ms, to_ms; /* [from, to) */
    const char *actor_id, *subject_id, *action;
    enum audit_subject subject_kind;
    int limit; /* 1 to AUDIT_LIMIT_MAX */
};
/* Newest first: a new GPtrArray of struct audit_view *. */
GPtrArray *store_audit_find(struct store *store, const char *org_id, const struct audit_filter *filter, GError **error);
/* Newest first, before `before_sequence` (0: from the end): a new GPtrArray of struct audit_view *. */
GPtrArray *store_audit_list(struct store *store, const char *org_id, int64_t before_sequence, int limit,
                            GError **error);

/* What a look at a whole chain found. */
struct audit_report {
    int64_t entries;
    char *sha256;        /* of the last entry: kept elsewhere, it tells later whether the chain was made anew */
    GPtrArray *problems; /* of char *: "entry 7: …", at most AUDIT_PROBLEMS_MAX */
};
enum { AUDIT_PROBLEMS_MAX = 100 };
/* Whether each entry follows the one before, says what it said, and can be read, unless an entry tells that the key was
 * erased. False only when the chain could not be read. */
bool store_audit_verify(struct store *store, const char *org_id, struct audit_report *report, GError **error);
void audit_report_clear(struct audit_report *report);

/* Destroys the key of whom or what entries are about: what was sealed under it can never be read again, nothing more is
 * kept under it, and the chain still holds. by->org_id's audit tells who did it, to what and why.
 * VEDETTE_ERROR_NOT_FOUND: nothing is sealed under such a key, or it was destroyed before; VEDETTE_ERROR_UNSUPPORTED: a
 * legal hold stands. */
bool store_audit_erase(struct store *store, const struct audit_by *by, enum audit_subject kind, const char *subject_id,
                       GError **error);
