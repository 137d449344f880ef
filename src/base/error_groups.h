/* Error groups: every line logged at level error, counted by what said it: the same words with other values are one
 * group. Bounded: when there is no room the group that was quiet for longest makes some, counted. What workers tell has
 * half of the room at most, and makes room for itself alone. Any thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

enum { ERROR_GROUPS_MAX = 256, ERROR_SAMPLE_BYTES = 512, ERROR_MODULE_BYTES = 64, ERROR_WORDS_BYTES = 256 };

struct error_group {
    char module[ERROR_MODULE_BYTES], words[ERROR_WORDS_BYTES]; /* words: the call's format, cut */
    bool is_of_worker;
    int64_t count;
    int64_t first_ms, last_ms;
    char subject[64];                /* of the latest; empty: none */
    char sample[ERROR_SAMPLE_BYTES]; /* the latest line, cut */
};

/* For log_write alone. `words` is its format. */
void error_groups_note(const char *module, const char *words, const char *subject, const char *text, int64_t now_ms);
/* What a worker counted since it last told: `told` has its words, latest line and times, and `count` how many more. */
void error_groups_add(const struct error_group *told);
/* A new array of struct error_group, the latest first. `dropped` (may be NULL): groups that made room. */
GArray *error_groups_list(int64_t *dropped);
/* For tests. */
void error_groups_clear(void);
