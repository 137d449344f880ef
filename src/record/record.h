/* The engine of descriptor tables: ONE const table of fields describes a record; JSON, validation, SQL columns,
 * settings, help texts and docs are all read from that table at run time. There is no second list of a record's fields.
 *
 * A table (in src/facts) is written with the FIELD macros below. The kind of a row is inferred from the struct
 * member by _Generic, so that a member of a type the engine does not know does not compile.
 *
 *     static const struct record_field zone_fields[] = {
 *         FIELD(struct zone, id, RECORD_REQUIRED | RECORD_KEY, "unique within its camera"),
 *         FIELD_ENUM(struct zone, kind, zone_kind_names, 0, "what the zone is for", .default_text = "area"),
 *         FIELD(struct zone, polygon, RECORD_REQUIRED, "corners, 0..1 of the frame", .min_count = 3, .max_count = 64),
 *     };
 *     const struct record_descriptor zone_descriptor = RECORD(struct zone, "Zone", 1, zone_fields, "...");
 *
 * Memory: strings and lists inside a record are owned by it, allocated with GLib, freed by record_clear.
 * Threads: descriptors are immutable; one thread at a time per record.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- member types beyond C's own ---- */

struct record_time {
    int64_t ms; /* since 1970 UTC; 0 is unset. JSON: RFC 3339 UTC with milliseconds */
};
struct record_optional {
    bool is_present; /* JSON: absent or null when false */
    double value;
};
struct record_point {
    double x, y; /* 0..1 of the frame, x right, y down. JSON: [x, y] */
};
struct record_box {
    double x, y, w, h; /* top left corner and size, 0..1 of the frame. JSON: [x, y, w, h] */
};
struct record_points {
    struct record_point *items;
    size_t count;
};
struct record_strings {
    char **items; /* each owned; NULL when count is 0 */
    size_t count;
};
struct record_ids {
    uint64_t *items; /* track ids. JSON: array of integers */
    size_t count;
};
struct record_list {
    void *items; /* an array of `count` structs of the field's descriptor, inline */
    size_t count;
};
struct record_json {
    char *text; /* any JSON value as text, checked when decoded; NULL is absent */
};

enum record_kind {
    RECORD_BOOL = 1, /* bool */
    RECORD_INT32,    /* int32_t */
    RECORD_INT64,    /* int64_t */
    RECORD_UINT64,   /* uint64_t; at most 2^53 so that every JSON reader keeps it exact */
    RECORD_DOUBLE,   /* double; finite */
    RECORD_STRING,   /* char * */
    RECORD_ENUM,     /* an enum whose values start at 1; 0 is unset */
    RECORD_TIME,     /* struct record_time */
    RECORD_OPTIONAL, /* struct record_optional */
    RECORD_POINT,    /* struct record_point */
    RECORD_BOX,      /* struct record_box */
    RECORD_POINTS,   /* struct record_points */
    RECORD_STRINGS,  /* struct record_strings */
    RECORD_IDS,      /* struct record_ids */
    RECORD_JSON,     /* struct record_json */
    RECORD_LIST,     /* struct record_list of `descriptor` */
    RECORD_RECORD,   /* another record's struct, embedded, of `descriptor` */
};

enum record_flag {
    RECORD_REQUIRED = 1 << 0,
    RECORD_KEY = 1 << 1,           /* part of the primary key */
    RECORD_IMMUTABLE = 1 << 2,     /* may not change after creation */
    RECORD_SECRET = 1 << 3,        /* never encoded, never logged */
    RECORD_NEEDS_RESTART = 1 << 4, /* a setting that a running server cannot take over */
    RECORD_READ_ONLY = 1 << 5,     /* set by the server; refused in settings files and requests */
    RECORD_COUNTER = 1 << 6,       /* exported by /metrics as a counter */
    RECORD_GAUGE = 1 << 7,         /* exported by /metrics as a gauge */
    RECORD_INDEXED = 1 << 8,       /* the store keeps an index */
    RECORD_TEXT_ID = 1 << 9,       /* a string of [A-Za-z0-9._-], 1..64: fit for paths, topics and labels */
    /* A member record whose fields stand among the outer one's; an outer field of the same name takes the place of an
     * inner one. For what is only answered: such a record is encoded and described, never decoded or stored. */
    RECORD_INLINE = 1 << 10,
    RECORD_NOT_NULL = 1 << 11, /* always set when stored; as RECORD_REQUIRED and RECORD_KEY imply */
    /* JSON that PostgreSQL keeps byte for byte (json), rather than as a value that can be searched (jsonb). */
    RECORD_VERBATIM = 1 << 12,
    RECORD_SOMETIMES = 1 << 13, /* of answers: may be left out, also where its kind always has a value */
    /* A string that is bytes in base64, as JSON and its readers need it; the store keeps the bytes themselves. */
    RECORD_BASE64 = 1 << 14,
    RECORD_NOT_YET = 1 << 15, /* kept, and read by nothing yet: the documents say so */
    RECORD_WHOLE = 1 << 16,   /* of RECORD_OPTIONAL: a whole number */
};

struct record_descriptor;

struct record_field {
    const char *name; /* the C member's name and the JSON key */
    enum record_kind kind;
    size_t offset;    /* bytes into the struct */
    unsigned flags;   /* enum record_flag */
    const char *doc;  /* one line for help, docs and the contract */
    const char *unit; /* "s", "ms", "bytes", ...; NULL for none */
    double min, max;  /* inclusive; both 0 means unbounded. For numbers, and each number of points and boxes */
    size_t min_count,
        max_count; /* strings: characters, as in JSON schemas; lists: items; max_count 0 means RECORD_MAX_COUNT */
    bool (*check_text)(const char *text, GError **error); /* strings: what else must hold; NULL for nothing */
    const char *const *names;                             /* enums: names[0] belongs to value 1; NULL-terminated */
    const char *default_text;                             /* as a settings file would say it; NULL: zero, or empty */
    const struct record_descriptor *descriptor;           /* of LIST items and RECORD members; of JSON: of the members
                                                             of an object whose keys are not known before */
    /* of JSON that must be there: which records it is one of, by index from 0; NULL after the last. NULL: it is any
     * JSON */
    const struct record_descriptor *(*one_of)(size_t index);
    int since;           /* schema version that brought the field; 0 means 1 */
    const char *example; /* JSON, for the contract; NULL: one is made from the field's kind and bounds */
};

struct record_errors;

struct record_descriptor {
    const char *name;  /* "Camera" */
    const char *table; /* SQL table name; NULL when the record is not stored in one of its own */
    int schema_version;
    size_t size; /* of the struct */
    const struct record_field *fields;
    size_t field_count;
    const char *doc;
    /* Checks across fields after each field passed; adds to `errors` with paths below `path`. May be NULL. */
    void (*check)(const void *record, const char *path, struct record_errors *errors);
};

enum { RECORD_MAX_COUNT = 4096, RECORD_MAX_DEPTH = 16, RECORD_MAX_TEXT_BYTES = 1 << 20 };

#define RECORD_KIND_OF(member)                                                                                         \
    _Generic((member),                       \
        bool: RECORD_BOOL,                   \
        int32_t: RECORD_INT32,               \
        int64_t: RECORD_INT64,               \
        uint64_t: RECORD_UINT64,             \
        double: RECORD_DOUBLE,               \
        char *: RECORD_STRING,               \
        struct record_time: RECORD_TIME,     \
        struct record_optional: RECORD_OPTIONAL, \
        struct record_point: RECORD_POINT,   \
        struct record_box: RECORD_BOX,       \
        struct record_points: RECORD_POINTS, \
        struct record_strings: RECORD_STRINGS, \
        struct record_ids: RECORD_IDS,       \
        struct record_json: RECORD_JSON)

#define FIELD(type, member, flag_bits, doc_text, ...)                                                                  \
    {                                                                                                                  \
        .name = #member, .kind = RECORD_KIND_OF(((type *)0)->member), .offset = offsetof(type, member),                \
        .flags = (flag_bits), .doc = (doc_text), __VA_ARGS__                                                           \
    }
/* An enum member: gcc and clang give an enum without negative values the type unsigned int. */
#define FIELD_ENUM(type, member, name_table, flag_bits, doc_text, ...)                                                 \
    {                                                                                                                  \
        .name = #member,                                                                                               \
        .kind = _Generic(((type *)0)->member, unsigned                                                                 \
                         : RECORD_ENUM),                                                                               \
        .offset = offsetof(type, member), .flags = (flag_bits), .doc = (doc_text), .names = (name_table), __VA_ARGS__  \
    }
#define FIELD_LIST(type, member, item_descriptor, flag_bits, doc_text, ...)                                            \
    {                                                                                                                  \
        .name = #member,                                                                                               \
        .kind = _Generic(((type *)0)->member, struct record_list                                                       \
                         : RECORD_LIST),                                                                               \
        .offset = offsetof(type, member), .flags = (flag_bits), .doc = (doc_text), .descriptor = (item_descriptor),    \
        __VA_ARGS__                                                                                                    \
    }
#define FIELD_RECORD(type, member, member_type, member_descriptor, flag_bits, doc_text, ...)                           \
    {                                                                                                                  \
        .name = #member,                                                                                               \
        .kind = _Generic(((type *)0)->member, member_type                                                              \
                         : RECORD_RECORD),                                                                             \
        .offset = offsetof(type, member), .flags = (flag_bits), .doc = (doc_text), .descriptor = (member_descriptor),  \
        __VA_ARGS__                                                                                                    \
    }
#define RECORD(type, record_name, version, field_table, doc_text, ...)                                                 \
    {                                                                                                                  \
        .name = (record_name), .schema_version = (version), .size = sizeof(type), .fields = (field_table),             \
        .field_count = G_N_ELEMENTS(field_table), .doc = (doc_text), __VA_ARGS__                                       \
    }

/* ---- errors: every one with its path, all at once ---- */

struct record_error {
    char *path; /* "cameras[0].lines[1].a[0]"; "" for the whole */
    char *text; /* "1.7: must be between 0 and 1" */
    int line;   /* of a settings file, from 1; 0 when there is none */
};
enum { RECORD_ERRORS_MAX = 100 }; /* told one by one: what is wrong with a text must not be larger than the text */
struct record_errors {
    GPtrArray *items; /* of struct record_error *, owned; the last says how many more there are, where it is not all */
    size_t count;     /* all that were found */
    size_t most; /* that are told one by one; may be set before the first: RECORD_ERRORS_MAX; 0: none, nor how many */
};
void record_errors_init(struct record_errors *errors);
void record_errors_clear(struct record_errors *errors);
/* Beyond `most` it is counted alone. */
void record_errors_add(struct record_errors *errors, const char *path, const char *format, ...) G_GNUC_PRINTF(3, 4);
/* Joins all as "path: text; path: text" into a GError with VEDETTE_ERROR_INVALID. Returns false, for `return`. */
bool record_errors_to_gerror(const struct record_errors *errors, GError **error);

/* ---- the life of a record ---- */

/* Zeroes the struct and sets each field's default. */
void record_init(const struct record_descriptor *descriptor, void *record);
/* Frees what the record owns and zeroes it. */
void record_clear(const struct record_descriptor *descriptor, void *record);
/* Deep copy into an uninitialised struct. */
void record_copy(const struct record_descriptor *descriptor, const void *from, void *to);
/* Every range, length, required field and the record's own check. True when no error was added. */
bool record_validate(const struct record_descriptor *descriptor, const void *record, const char *path,
                     struct record_errors *errors);
const struct record_field *record_find_field(const struct record_descriptor *descriptor, const char *name);
/* The name of an enum value, or "" when it is 0 or unknown. */
const char *record_enum_name(const char *const *names, unsigned value);
/* The value (from 1) of a name, or 0. */
unsigned record_enum_value(const char *const *names, const char *name);
/* Appends one initialised item to a list and returns it; the list owns it. Pointers to older items go stale. */
void *record_list_append(struct record_list *list, const struct record_descriptor *descriptor);

/* ---- JSON ---- */

/* Decodes one JSON object with validation into an uninitialised struct. Unknown fields are ignored; duplicate keys,
 * depth over RECORD_MAX_DEPTH and text over RECORD_MAX_TEXT_BYTES are errors. On false the struct is cleared and
 * `errors` holds every error with its path. */
bool record_decode_json(const struct record_descriptor *descriptor, const char *text, size_t length, void *record,
                        struct record_errors *errors);
/* The same, onto a record that was initialised: what the text leaves out stays as it is there. */
bool record_decode_json_onto(const struct record_descriptor *descriptor, const char *text, size_t length, void *record,
                             struct record_errors *errors);
/* As record_decode_json, but a key that the table does not know is an error that names the nearest one it does: for
 * what people write. What is set by the server (RECORD_READ_ONLY) is passed over, so that an answer can be sent back
 * changed. */
bool record_decode_json_strict(const struct record_descriptor *descriptor, const char *text, size_t length,
                               void *record, struct record_errors *errors);
/* Names with their values as text, as a query has them. Values are converted as settings are; what is unknown, given
 * twice or, of a required field, missing is an error. Otherwise as record_decode_json_strict. */
struct record_text {
    const char *name, *value;
};
bool record_decode_texts(const struct record_descriptor *descriptor, const struct record_text *texts, size_t count,
                         void *record, struct record_errors *errors);
/* As strictly, of text of up to `max_bytes`: where a field holds a picture. */
bool record_decode_json_large(const struct record_descriptor *descriptor, const char *text, size_t length,
                              size_t max_bytes, void *record, struct record_errors *errors);
/* Appends the record as one JSON object, without an intermediate tree. Secret fields, unset times, unset optionals,
 * unset enums, NULL strings are left out; empty lists are written. First key is "schema_version" when `with_version`.
 */
void record_encode_json(const struct record_descriptor *descriptor, const void *record, bool with_version,
                        GString *out);
/* Appends what jansson has read, its members in their order and its numbers as record_encode_json writes them, so that
 * a record that went through a tree says the same as one that did not: json_dumps rounds numbers, or tells more digits
 * than there are. Recurses as deep as the tree; jansson reads none deeper than 2,048. */
struct json_t;
void record_append_json_tree(GString *out, const struct json_t *tree);
/* Appends a JSON string literal with its quotes; invalid UTF-8 becomes U+FFFD. */
void record_append_json_string(GString *out, const char *text);
/* Appends RFC 3339 UTC with milliseconds, without quotes. */
void record_append_time(GString *out, int64_t ms);
/* Parses RFC 3339 (any offset, fraction optional). */
bool record_parse_time(const char *text, int64_t *ms);

/* ---- SQL ---- */

enum record_dialect { RECORD_SQLITE = 1, RECORD_POSTGRES };

/* "CREATE TABLE name (...)": one column per field and the primary key, in which `leading` (never NULL then) comes first
 * (NULL: the order of the fields), then `constraints` (SQL; NULL for none). SQLite: whole numbers, bools and times
 * (milliseconds) are INTEGER, other numbers REAL, all else TEXT, with JSON for what has no type of its own. PostgreSQL:
 * the same with its own types; text is compared by bytes, as in SQLite. g_free. */
char *record_sql_create(const struct record_descriptor *descriptor, enum record_dialect dialect, const char *leading,
                        const char *constraints);
/* Appends "CREATE INDEX name_field ON name (leading, field);" for each RECORD_INDEXED field; `leading` NULL: the field
 * alone. */
void record_append_sql_indexes(const struct record_descriptor *descriptor, const char *leading, GString *out);
/* The type of a field's column. */
const char *record_sql_type(const struct record_field *field, enum record_dialect dialect);
/* "a, b, ...": the fields that have all bits of `flags`, in table order (0: every field). */
void record_append_sql_names(const struct record_descriptor *descriptor, unsigned flags, GString *out);
enum record_conflict {
    RECORD_CONFLICT_FAIL = 1, /* a row with this key is an error */
    RECORD_CONFLICT_IGNORE,   /* the row that is there stays */
    RECORD_CONFLICT_REPLACE,  /* its fields are set anew */
};
/* "", or " ON CONFLICT (key) DO NOTHING|DO UPDATE SET ...". g_free. */
char *record_sql_conflict(const struct record_descriptor *descriptor, enum record_conflict conflict);
/* "INSERT INTO name (...) VALUES ($1, ...)", the fields in table order, then `on_conflict`. g_free. */
char *record_sql_insert(const struct record_descriptor *descriptor, const char *on_conflict);
/* "SELECT a, b, ... FROM name" with the fields in table order. g_free. */
char *record_sql_select(const struct record_descriptor *descriptor);

/* Values crossing to SQL and back: the store binds and reads these without knowing the record. BOOL, TIME and JSON
 * are told apart for engines that have such types; what is read may come as INTEGER and TEXT in their place. */
enum record_sql_kind {
    RECORD_SQL_NULL = 1,
    RECORD_SQL_INTEGER,
    RECORD_SQL_REAL,
    RECORD_SQL_TEXT,
    RECORD_SQL_BOOL,  /* integer 0 or 1 */
    RECORD_SQL_TIME,  /* integer: milliseconds since 1970 */
    RECORD_SQL_JSON,  /* text */
    RECORD_SQL_BYTES, /* `text` holds so many bytes as `integer` says; no NUL need follow */
};
struct record_sql_value {
    enum record_sql_kind type;
    int64_t integer;
    int32_t rest_us; /* of a time that was read: what its milliseconds leave over, 0..999; PostgreSQL's alone have it */
    double real;
    char *text;       /* the record's own where it has it as it is; released by record_sql_value_clear */
    bool is_borrowed; /* so that it lives as long as the record does not change */
};
void record_get_sql_value(const struct record_field *field, const void *record, struct record_sql_value *value);
/* False when the value does not fit the field. */
bool record_set_sql_value(const struct record_field *field, void *record, const struct record_sql_value *value);
void record_sql_value_clear(struct record_sql_value *value);

/* ---- documents for people ---- */

/* Markdown: a heading, the record's doc and a table of its fields. */
void record_append_markdown(const struct record_descriptor *descriptor, GString *out);
/* TypeScript: `export interface NAME` as record_encode_json writes the record, or, of what is taken, `NAMEInput`. A
 * field that may be left out is optional. */
enum record_schema_use { RECORD_SCHEMA_INPUT = 1, RECORD_SCHEMA_ANSWER };
void record_append_typescript(const struct record_descriptor *descriptor, enum record_schema_use use, GString *out);
/* The type of one field alone. */
void record_append_typescript_type(const struct record_field *field, enum record_schema_use use, GString *out);

/* ---- schemas: what is taken (strict: no other keys, null for what is left out), and what is answered ---- */

enum record_schema_dialect { RECORD_SCHEMA_OPENAPI = 1, RECORD_SCHEMA_JSON }; /* 3.0.3; draft 2020-12 */
struct record_schema_style {
    enum record_schema_dialect dialect;
    enum record_schema_use use;
    bool is_parameter;                               /* of a path or query: never null */
    const char *reference_prefix, *reference_suffix; /* around the name of another record */
};
/* What a record is called there: "Camera", or "CameraInput" of what is taken. g_free. */
char *record_schema_name(const struct record_descriptor *descriptor, enum record_schema_use use);
void record_append_schema(const struct record_descriptor *descriptor, const struct record_schema_style *style,
                          GString *out);
void record_append_field_schema(const struct record_field *field, const struct record_schema_style *style,
                                GString *out);
/* A value that the schema takes: what must be there. */
void record_append_example(const struct record_descriptor *descriptor, enum record_schema_use use, GString *out);
/* True when the encoder never leaves the field out. */
bool record_field_is_always_there(const struct record_field *field);
/* Looks at each field that stands among the record's members: those of inline records too, without what is secret in
 * answers. */
typedef void (*record_look)(const struct record_field *field, enum record_schema_use use, void *data);
void record_each_field(const struct record_descriptor *descriptor, enum record_schema_use use, record_look look,
                       void *data);
