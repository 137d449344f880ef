/* Shared by the files of the record room. */
#pragma once

#include <string.h>

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

/* In what is sent: as good as left out. A member record is there or not. */
static inline bool field_may_be_null(const struct record_field *field)
{
    return !(field->flags & RECORD_REQUIRED) && field->kind != RECORD_RECORD;
}

static inline bool field_is_bounded(const struct record_field *field)
{
    return field->min != 0 || field->max != 0;
}

static inline size_t field_max_count(const struct record_field *field)
{
    return field->max_count ? field->max_count : RECORD_MAX_COUNT;
}

/* True where the text is a boolean's, as settings spell it. */
bool record_parse_bool(const char *text, bool *value);

/* "path.name", or "name" when path is empty. g_free. */
char *record_path_join(const char *path, const char *name);
char *record_path_index(const char *path, size_t index);

/* Where decoding or checking stands. It is changed for each field, and read for a mistake alone; it holds what the
 * tables of fields give: RECORD_MAX_DEPTH names and indices. */
enum { RECORD_PATH_BYTES = 2048, RECORD_PATH_INDEX_BYTES = 24 };
struct field_path {
    size_t length;
    char text[RECORD_PATH_BYTES];
};

static inline void record_path_truncate(struct field_path *path, size_t length)
{
    path->length = length;
    path->text[length] = '\0';
}

/* Appends; returns the length before, to truncate it to. */
static inline size_t record_path_push(struct field_path *path, const char *name)
{
    size_t before = path->length, length = strlen(name);
    if (before + 1 + length >= sizeof path->text)
        return before; /* no table is that deep */
    if (before)
        path->text[path->length++] = '.';
    memcpy(path->text + path->length, name, length + 1);
    path->length += length;
    return before;
}
size_t record_path_push_index(struct field_path *path, size_t index);

/* ASCII without NUL, as most text is: it need not be looked at more closely to be UTF-8. */
static inline bool text_is_plain(const char *text, size_t length)
{
    unsigned char all = 0, has_nul = 0;
    for (size_t i = 0; i < length; i++) { /* without branches, so that compilers make vectors of it */
        all |= (unsigned char)text[i];
        has_nul |= text[i] == 0;
    }
    return all < 0x80 && !has_nul;
}

/* What is appended is mostly a few bytes, for which a call costs more than the copy. */
static inline void append_bytes(GString *out, const char *bytes, size_t length)
{
    if (out->len + length >= out->allocated_len) {
        g_string_append_len(out, bytes, (gssize)length);
        return;
    }
    memcpy(out->str + out->len, bytes, length);
    out->len += length;
    out->str[out->len] = '\0';
}

/* strcmp() == 0 where most names differ in their first letter. */
static inline bool name_is(const char *name, const char *wanted)
{
    return *name == *wanted && strcmp(name, wanted) == 0;
}

/* Converts text as a settings file, variable or flag says it, into the field. Scalars, enums and times only. False: an
 * error was added at `path`. */
bool record_set_text(const struct record_field *field, void *record, const char *text, const char *path,
                     struct record_errors *errors);
/* True for kinds that record_set_text takes. */
bool record_kind_is_scalar(enum record_kind kind);

/* Decodes an object whose scalars are strings to be converted into an initialised record: settings. Unknown keys are
 * errors (with the nearest known name), and so are read-only fields. */
struct json_node;
bool record_decode_tree(const struct record_descriptor *descriptor, const struct json_node *object, void *record,
                        struct record_errors *errors);

/* The shortest decimal text that reads back as the same double, always with '.'. */
enum { RECORD_DOUBLE_TEXT_BYTES = 40 };
void record_double_write(double value, char text[RECORD_DOUBLE_TEXT_BYTES]);

/* Edit distance for "did you mean"; at most `limit` + 1. */
size_t record_name_distance(const char *a, const char *b, size_t limit);

/* A whole number, with zeros before it to at least so many digits (1 to 20). */
void record_append_whole(GString *out, uint64_t value, int digits);
