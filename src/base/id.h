/* Ids: UUIDv7 text (RFC 9562 section 5.7), 36 characters and a NUL. Sorts by creation time. Any thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

enum { ID_TEXT_BYTES = 37 };

/* Writes a new id stamped with the clock's wall time; random bits come from the kernel. */
void id_write(struct clock *clock, char text[ID_TEXT_BYTES]);
/* The id of what happened at `ms` and goes by these words, the same whoever writes it: its random bits are of their
 * SHA-256. */
void id_write_named(int64_t ms, const char *words, char text[ID_TEXT_BYTES]);
/* The same as id_write as a new string; g_free it. */
char *id_new(struct clock *clock);
/* True when `text` is a well-formed lower-case UUID of any version. NULL is not. */
bool id_is_valid(const char *text);
