/* Shared by the files of the record room. */
#pragma once

#include "record/record.h"

/* The address of a field inside a record. */
static inline void *field_address(const struct record_field *field, const void *record)
{
    return (char *)(uintptr_t)record + field->offset;
}

static inline bool field_is_inline(const struct record_field *field)
{
    return field->flags & RECORD_INLINE;
}

static inline bool field_is_bounded(const struct record_field *field)
{
    return field->min != 0 || field->max != 0;
}

static inline size_t field_max_count(const struct record_field *field)
{
    return field->max_count ? field->max_count : RECORD_MAX_COUNT;
}

/* "path.name", or "name" when path is empty. g_free. */
char *record_path_join(const char *path, const char *name);
char *record_path_index(const char *path, size_t index);

/* Converts text as a settings file, variable or flag says it, into the field. Scalars, enums and times only. False: an
 * error was added at `path`. */
bool record_set_text(const struct record_field *field, void *record, const char *text, const char *path,
                     struct record_errors *errors);
/* True for kinds that record_set_text takes. */
bool record_kind_is_scalar(enum record_kind kind);

/* Decodes a parsed JSON object into an initialised record. With `is_text`, scalars are strings to be converted, unknown
 * keys are errors (with the nearest known name) and read-only fields are refused: settings. */
struct json_t;
bool record_decode_tree(const struct record_descriptor *descriptor, const struct json_t *object, bool is_text,
                        const char *path, void *record, struct record_errors *errors);

/* The shortest decimal text that reads back as the same double, always with '.'. */
enum { RECORD_DOUBLE_TEXT_BYTES = 40 };
void record_double_write(double value, char text[RECORD_DOUBLE_TEXT_BYTES]);

/* Edit distance for "did you mean"; at most `limit` + 1. */
size_t record_name_distance(const char *a, const char *b, size_t limit);

/* A whole number, with zeros before it to at least so many digits (1 to 20). */
void record_append_whole(GString *out, uint64_t value, int digits);
