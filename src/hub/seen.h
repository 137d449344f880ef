/* The ids of the latest records, so that what comes twice is shown once. Bounded: the oldest are forgotten. One thread
 * at a time. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct seen;

struct seen *seen_new(size_t capacity);
void seen_free(struct seen *seen);
/* Notes a record; false when it was noted before. */
bool seen_add(struct seen *seen, const char *org_id, const char *camera_id, const char *id);
