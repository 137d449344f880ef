/* The records of Vedette as other programs meet them: JSON objects, in its spool, its messages, its webhooks and its
 * API. Each type is one table of fields, with units and ranges (docs/reference/records.md is made of the same tables);
 * here programs read them, check what they have got against its table, take fields out of it by name and write it as
 * Vedette would.
 *
 *     struct vedette_record *event = vedette_record_parse(vedette_record_type_find("AnalyticsEvent"), text, length,
 *                                                         tell_fault, NULL);
 *     struct vedette_record *payload = event ? vedette_record_payload(event, tell_fault, NULL) : NULL;
 *
 * Threads: types are constant, and of any thread. A record is read by any number of threads at once and changed by
 * none.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vedette/visibility.h"

VEDETTE_BEGIN

/* ---- types ---- */

struct vedette_record_type;

/* Of 0..count-1, in the order of the reference; NULL from count on. Any thread. */
VEDETTE_PUBLIC const struct vedette_record_type *vedette_record_type_at(size_t index);
/* "AnalyticsEvent", "Signal", "LineCrossing", …; NULL when there is none of that name, or `name` is NULL. Any thread.
 */
VEDETTE_PUBLIC const struct vedette_record_type *vedette_record_type_find(const char *name);
/* Its name; static text. Any thread. */
VEDETTE_PUBLIC const char *vedette_record_type_name(const struct vedette_record_type *type);
/* What it is for, one line; static text. Any thread. */
VEDETTE_PUBLIC const char *vedette_record_type_doc(const struct vedette_record_type *type);
/* Of its newest form, from 1; a record carries it as "schema_version". Any thread. */
VEDETTE_PUBLIC int vedette_record_type_version(const struct vedette_record_type *type);

enum vedette_record_kind {
    VEDETTE_RECORD_BOOL = 1, /* JSON: true, false */
    VEDETTE_RECORD_INTEGER,  /* a whole number of at most 2^53 */
    VEDETTE_RECORD_NUMBER,   /* a finite number */
    VEDETTE_RECORD_TEXT,     /* UTF-8 */
    VEDETTE_RECORD_CHOICE,   /* one of a few words */
    VEDETTE_RECORD_TIME,     /* RFC 3339, UTC, with milliseconds */
    VEDETTE_RECORD_POINT,    /* [x, y], 0..1 of the frame, x right, y down */
    VEDETTE_RECORD_BOX,      /* [x, y, w, h]: top left corner and size, likewise */
    VEDETTE_RECORD_JSON,     /* any value */
    VEDETTE_RECORD_LIST,     /* of any of these */
    VEDETTE_RECORD_OBJECT,   /* another record */
};

struct vedette_record_field {
    const char *name; /* the key */
    enum vedette_record_kind kind;
    const char *doc;            /* one line */
    const char *unit;           /* "s", "ms", "bytes", …; NULL: none */
    double min, max;            /* of numbers, both included; both 0: no bounds */
    const char *const *choices; /* of CHOICE, NULL at the end; else NULL */
    bool is_required;           /* a record without it is refused */
    bool is_secret;             /* never written */
};
/* Fills in field `index` of the type, in the table's order; its texts are static. False: it has no so many. Any
 * thread. */
VEDETTE_PUBLIC bool vedette_record_type_field(const struct vedette_record_type *type, size_t index,
                                              struct vedette_record_field *field);

/* ---- records ---- */

struct vedette_record;

/* Told of each thing that is wrong: where ("payload.box[2]"; "" is the whole) and what, for people. Both texts last as
 * long as the call. */
typedef void (*vedette_record_fault)(void *data, const char *path, const char *text);

/* Reads `length` bytes of JSON as a record of `type` and checks every field against its table: ranges, lengths, what is
 * required, and what must hold between fields. Keys the table does not know are left out; a key twice, more than 16
 * levels and texts over 1 MiB are faults. NULL: it is not valid, and `fault` (may be NULL) was told of all that cannot
 * be read, or, when all can, of all that is not as the table wants it; on this thread, before it returns. Free with
 * vedette_record_free. Any thread. */
VEDETTE_PUBLIC struct vedette_record *vedette_record_parse(const struct vedette_record_type *type, const char *json,
                                                           size_t length, vedette_record_fault fault, void *data);
/* NULL is allowed. No other thread may use it any more. */
VEDETTE_PUBLIC void vedette_record_free(struct vedette_record *record);
/* Any thread. */
VEDETTE_PUBLIC const struct vedette_record_type *vedette_record_get_type(const struct vedette_record *record);

/* The record as Vedette writes it: one JSON object on one line, "schema_version" first, fields in the table's order,
 * defaults filled in, secrets left out. free(3) it; never NULL. Any thread. */
VEDETTE_PUBLIC char *vedette_record_json(const struct vedette_record *record);

/* The getters: false, and nothing is changed, when the record has no such field, it is of another kind or it is not
 * set. Texts last as long as the record. Any thread. */

/* TEXT, CHOICE (the word) and JSON (its text). */
VEDETTE_PUBLIC bool vedette_record_get_text(const struct vedette_record *record, const char *field, const char **text);
/* BOOL (0 or 1), INTEGER, and TIME as milliseconds since 1970 UTC. */
VEDETTE_PUBLIC bool vedette_record_get_integer(const struct vedette_record *record, const char *field, int64_t *value);
/* NUMBER and INTEGER. */
VEDETTE_PUBLIC bool vedette_record_get_number(const struct vedette_record *record, const char *field, double *value);
/* BOX: x, y, w, h; 0..1 of the frame. */
VEDETTE_PUBLIC bool vedette_record_get_box(const struct vedette_record *record, const char *field, double box[4]);

/* What an AnalyticsEvent carries, as the record that its "type" says it is: a Signal, a ZoneHit, a LineCrossing, an
 * OccupancyLog or a TrackChunk. NULL: as for parse, or the record is no AnalyticsEvent. Free it as any other. Any
 * thread. */
VEDETTE_PUBLIC struct vedette_record *vedette_record_payload(const struct vedette_record *record,
                                                             vedette_record_fault fault, void *data);

VEDETTE_END
