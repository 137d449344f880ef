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

/* The digest of an entry: of its fields but the last, each preceded by its length. g_free. */
char *audit_entry_digest(const struct audit_entry *entry);
/* The digest of what is sealed beside an entry; NULL parts are absent. g_free. */
char *audit_values_digest(const char *const sealed[AUDIT_PART_ORIGIN]);
extern const char audit_first_previous[]; /* 64 zeros */
