/* Error groups: every line logged at level error, counted by what said it: the same words with other values are one
 * group. Bounded: when there is no room the group that was quiet for longest makes some, counted. Any thread.
 */
#pragma once

#include <stdint.h>

#include <glib.h>

enum { ERROR_GROUPS_MAX = 256, ERROR_SAMPLE_BYTES = 512 };

struct error_group {
    const char *module, *words; /* literals of the call */
    int64_t count;
    int64_t first_ms, last_ms;
    char subject[64];                /* of the latest; empty: none */
    char sample[ERROR_SAMPLE_BYTES]; /* the latest line, cut */
};

/* For log_write alone. `words` is its format, which lives for ever. */
void error_groups_note(const char *module, const char *words, const char *subject, const char *text, int64_t now_ms);
/* A new array of struct error_group, the latest first. `dropped` (may be NULL): groups that made room. */
GArray *error_groups_list(int64_t *dropped);
/* For tests. */
void error_groups_clear(void);
