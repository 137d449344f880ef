/* Shared by the files of the audit. */
#pragma once

#include "store/work_internal.h"

/* Where a sealed value stands. */
struct audit_place {
    const char *org_id;
    int64_t sequence;
    int part;
};
enum { AUDIT_PART_VALUES = 1, AUDIT_PART_ORIGIN };

/* A random key, base64. g_free. */
char *audit_key_new(void);
/* Base64, or NULL when the key is none. g_free. */
char *audit_seal(const char *secret, const struct audit_place *place, const char *text);
/* NULL when it was not sealed under this key for this place. g_free. */
char *audit_open(const char *secret, const struct audit_place *place, const char *sealed);

/* What store_audit_erase adds to the chain: a change of the org by this action, with the erased key in `after`. */
#define AUDIT_ERASE_ACTION "erase-subject"
/* That `after`, as it is written. g_free. */
char *audit_erasure_json(const char *key_id);

/* The digest of an entry: of its fields but the last, each preceded by its length. g_free. */
char *audit_entry_digest(const struct audit_entry *entry);
/* A part of what an entry says, and the id of its key; both NULL: there is none. */
struct audit_sealed {
    char *key_id, *sealed;
};
void audit_sealed_clear(struct audit_sealed *sealed);
/* What the digest of the parts holds. Entries of earlier versions have the first form, and keep it. */
enum audit_values_form {
    AUDIT_FORM_SEALED = 1, /* what is sealed */
    AUDIT_FORM_PLACED,     /* which part it is and under whose key, too */
};
/* The digest of what is sealed beside an entry. g_free. */
char *audit_values_digest(const struct audit_sealed parts[AUDIT_PART_ORIGIN], enum audit_values_form form);
extern const char audit_first_previous[]; /* 64 zeros */

/* By which a secret text is known again, and nothing else: its hash by Argon2id, which takes some 25 ms. NULL: there is
 * no memory for it. g_free. */
char *audit_fingerprint_new(const char *text);
bool audit_fingerprint_matches(const char *fingerprint, const char *text);
