/* JSON in: parsed to a tree, then walked along the descriptor. Settings come the same way from YAML, as text. */
#include "record/record.h"

#include "record/json_internal.h"
#include "record/record_internal.h"

#include <math.h>
#include <string.h>

/* One decoding under way; lives on the stack of record_decode_tree's callers. */
struct decoder {
    bool is_text;   /* scalars are text to be converted, read-only fields are refused */
    bool is_strict; /* unknown keys are errors */
    struct field_path *path;
    struct record_errors *errors;
};

static void decode_object(const struct decoder *decoder, const struct record_descriptor *descriptor,
                          const struct json_node *object, int depth, void *record);

static const char *here(const struct decoder *decoder)
{
    return decoder->path->text;
}

static const char *type_name(const struct json_node *value)
{
    static const char *const names[] = {
        [JSON_KIND_NULL] = "null",       [JSON_KIND_BOOLEAN] = "a boolean", [JSON_KIND_INTEGER] = "a number",
        [JSON_KIND_REAL] = "a number",   [JSON_KIND_STRING] = "text",       [JSON_KIND_LIST] = "a list",
        [JSON_KIND_OBJECT] = "an object"};
    return names[value->kind];
}

static void wrong_type(const struct decoder *decoder, const struct json_node *value, const char *wanted)
{
    record_errors_add(decoder->errors, here(decoder), "is %s: must be %s", type_name(value), wanted);
}

static bool decode_number(const struct decoder *decoder, const struct json_node *value, double *number)
{
    if (decoder->is_text && value->kind == JSON_KIND_STRING) {
        const struct record_field field = {.name = "", .kind = RECORD_DOUBLE};
        return record_set_text(&field, number, value->text, here(decoder), decoder->errors);
    }
    if (value->kind != JSON_KIND_INTEGER && value->kind != JSON_KIND_REAL) {
        wrong_type(decoder, value, "a number");
        return false;
    }
    *number = value->kind == JSON_KIND_REAL ? value->real : (double)value->integer;
    return true;
}

static void decode_numbers(const struct decoder *decoder, const struct json_node *value, double *numbers, size_t count)
{
    if (value->kind != JSON_KIND_LIST || value->count != count) {
        record_errors_add(decoder->errors, here(decoder), "must be a list of %zu numbers", count);
        return;
    }
    const struct json_node *item = value->first_child;
    for (size_t i = 0; i < count; i++, item = item->next) {
        size_t length = record_path_push_index(decoder->path, i);
        decode_number(decoder, item, &numbers[i]);
        record_path_truncate(decoder->path, length);
    }
}

/* Opens a list for reading: false when it is none, or longer than the field allows (before anything is allocated). */
static bool list_begin(const struct decoder *decoder, const struct record_field *field, const struct json_node *value)
{
    if (value->kind != JSON_KIND_LIST) {
        wrong_type(decoder, value, "a list");
        return false;
    }
    if (value->count <= field_max_count(field))
        return true;
    record_errors_add(decoder->errors, here(decoder), "has %zu items: must have between %zu and %zu", value->count,
                      field->min_count, field_max_count(field));
    return false;
}

static void decode_point(const struct decoder *decoder, const struct json_node *item, size_t i, void *list)
{
    decode_numbers(decoder, item, &((struct record_points *)list)->items[i].x, 2);
}

static void decode_string(const struct decoder *decoder, const struct json_node *item, size_t i, void *list)
{
    bool is_text = item->kind == JSON_KIND_STRING;
    if (!is_text)
        wrong_type(decoder, item, "text");
    ((struct record_strings *)list)->items[i] = g_strdup(is_text ? item->text : "");
}

static void decode_id(const struct decoder *decoder, const struct json_node *item, size_t i, void *list)
{
    if (item->kind != JSON_KIND_INTEGER || item->integer < 0)
        wrong_type(decoder, item, "a whole number of at least 0");
    else
        ((struct record_ids *)list)->items[i] = (uint64_t)item->integer;
}

static void decode_items(const struct decoder *decoder, const struct json_node *value, void *list,
                         void (*decode)(const struct decoder *decoder, const struct json_node *item, size_t i,
                                        void *list))
{
    const struct json_node *item = value->first_child;
    for (size_t i = 0; i < value->count; i++, item = item->next) {
        size_t length = record_path_push_index(decoder->path, i);
        decode(decoder, item, i, list);
        record_path_truncate(decoder->path, length);
    }
}

static void decode_points(const struct decoder *decoder, const struct record_field *field,
                          const struct json_node *value, struct record_points *points)
{
    if (!list_begin(decoder, field, value))
        return;
    points->items = value->count ? g_new0(struct record_point, value->count) : NULL;
    points->count = value->count;
    decode_items(decoder, value, points, decode_point);
}

static void decode_strings(const struct decoder *decoder, const struct record_field *field,
                           const struct json_node *value, struct record_strings *strings)
{
    if (!list_begin(decoder, field, value))
        return;
    strings->items = value->count ? g_new0(char *, value->count) : NULL;
    strings->count = value->count;
    decode_items(decoder, value, strings, decode_string);
}

static void decode_ids(const struct decoder *decoder, const struct record_field *field, const struct json_node *value,
                       struct record_ids *ids)
{
    if (!list_begin(decoder, field, value))
        return;
    ids->items = value->count ? g_new0(uint64_t, value->count) : NULL;
    ids->count = value->count;
    decode_items(decoder, value, ids, decode_id);
}

static void decode_list(const struct decoder *decoder, const struct record_field *field, const struct json_node *value,
                        int depth, struct record_list *list)
{
    if (!list_begin(decoder, field, value))
        return;
    const struct json_node *item = value->first_child;
    for (size_t i = 0; i < value->count; i++, item = item->next) {
        size_t length = record_path_push_index(decoder->path, i);
        decode_object(decoder, field->descriptor, item, depth + 1, record_list_append(list, field->descriptor));
        record_path_truncate(decoder->path, length);
    }
}

static void decode_integer(const struct decoder *decoder, const struct record_field *field,
                           const struct json_node *value, void *address)
{
    bool is_real = value->kind == JSON_KIND_REAL;
    /* 5.0 is a whole number to most JSON writers */
    if (is_real && (fabs(value->real) >= 0x1p63 || value->real != (double)(int64_t)value->real)) {
        record_errors_add(decoder->errors, here(decoder), "%g: must be a whole number", value->real);
        return;
    }
    if (!is_real && value->kind != JSON_KIND_INTEGER) {
        wrong_type(decoder, value, "a whole number");
        return;
    }
    int64_t integer = is_real ? (int64_t)value->real : value->integer;
    if (field->kind == RECORD_UINT64 && integer < 0)
        record_errors_add(decoder->errors, here(decoder), "%" G_GINT64_FORMAT ": must be at least 0", integer);
    else if (field->kind == RECORD_INT32 && (integer < INT32_MIN || integer > INT32_MAX))
        record_errors_add(decoder->errors, here(decoder), "%" G_GINT64_FORMAT ": is too large", integer);
    else if (field->kind == RECORD_INT32)
        *(int32_t *)address = (int32_t)integer;
    else
        *(int64_t *)address = integer; /* and uint64_t: same size, checked above */
}

/* Text of settings converts by kind; in JSON only strings, enums and times are text. */
static void decode_text(const struct decoder *decoder, const struct record_field *field, const struct json_node *value,
                        void *record)
{
    if (value->kind == JSON_KIND_STRING)
        record_set_text(field, record, value->text, here(decoder), decoder->errors);
    else
        wrong_type(decoder, value, "text");
}

static void decode_scalar(const struct decoder *decoder, const struct record_field *field,
                          const struct json_node *value, void *record)
{
    void *address = field_address(field, record);
    double number;
    switch (field->kind) {
    case RECORD_BOOL:
        if (value->kind == JSON_KIND_BOOLEAN)
            *(bool *)address = value->boolean;
        else
            wrong_type(decoder, value, "true or false");
        return;
    case RECORD_INT32:
    case RECORD_INT64:
    case RECORD_UINT64:
        decode_integer(decoder, field, value, address);
        return;
    case RECORD_DOUBLE:
        decode_number(decoder, value, address);
        return;
    case RECORD_OPTIONAL:
        if (decode_number(decoder, value, &number))
            *(struct record_optional *)address = (struct record_optional){true, number};
        return;
    default:
        decode_text(decoder, field, value, record);
    }
}

static void decode_json_value(const struct decoder *decoder, const struct json_node *value, struct record_json *json)
{
    if (value->source)
        json->text = json_compact(value);
    else
        record_errors_add(decoder->errors, here(decoder), "cannot be kept: it is no JSON value");
}

static void decode_field(const struct decoder *decoder, const struct record_field *field, const struct json_node *value,
                         int depth, void *record)
{
    void *address = field_address(field, record);
    switch (field->kind) {
    case RECORD_POINT:
        decode_numbers(decoder, value, address, 2);
        return;
    case RECORD_BOX:
        decode_numbers(decoder, value, address, 4);
        return;
    case RECORD_POINTS:
        decode_points(decoder, field, value, address);
        return;
    case RECORD_STRINGS:
        decode_strings(decoder, field, value, address);
        return;
    case RECORD_IDS:
        decode_ids(decoder, field, value, address);
        return;
    case RECORD_JSON:
        decode_json_value(decoder, value, address);
        return;
    case RECORD_LIST:
        decode_list(decoder, field, value, depth, address);
        return;
    case RECORD_RECORD:
        decode_object(decoder, field->descriptor, value, depth + 1, address);
        return;
    default:
        if (decoder->is_text)
            decode_text(decoder, field, value, record);
        else
            decode_scalar(decoder, field, value, record);
    }
}

/* Kinds that cannot tell "not given" from a value: their absence is noticed here; others by record_validate. */
static bool absence_is_invisible(enum record_kind kind)
{
    return kind == RECORD_BOOL || kind == RECORD_INT32 || kind == RECORD_INT64 || kind == RECORD_UINT64 ||
           kind == RECORD_DOUBLE || kind == RECORD_POINT || kind == RECORD_BOX;
}

/* Names what may be given, and the nearest to `key` of that, if one is near; what the server sets is not offered. */
static const char *offer(const struct record_descriptor *descriptor, const char *key, GString *known)
{
    enum { NEAR_ENOUGH = 3 };
    size_t best = NEAR_ENOUGH + 1;
    const char *nearest = NULL;
    for (size_t i = 0; i < descriptor->field_count; i++) {
        const struct record_field *field = &descriptor->fields[i];
        size_t distance = record_name_distance(key, field->name, NEAR_ENOUGH);
        if (field->flags & RECORD_READ_ONLY)
            continue;
        g_string_append_printf(known, "%s%s", known->len ? ", " : "", field->name);
        if (distance < best) {
            best = distance;
            nearest = field->name;
        }
    }
    return nearest;
}

static void unknown_key(const struct decoder *decoder, const struct record_descriptor *descriptor, const char *key)
{
    if (decoder->errors->count >= decoder->errors->most) { /* nobody would read what it is like */
        record_errors_add(decoder->errors, key, "is unknown");
        return;
    }
    g_autofree char *where = record_path_join(here(decoder), key);
    g_autoptr(GString) known = g_string_new(NULL);
    const char *nearest = offer(descriptor, key, known);
    if (nearest)
        record_errors_add(decoder->errors, where, "is unknown: did you mean '%s'? Allowed are %s", nearest, known->str);
    else
        record_errors_add(decoder->errors, where, "is unknown: allowed are %s", known->str);
}

/* Older ones are read by what they have; of a newer one nobody here knows what it means. */
static void check_version(const struct decoder *decoder, const struct record_descriptor *descriptor,
                          const struct json_node *version)
{
    g_autofree char *where = record_path_join(here(decoder), "schema_version");
    if (version->kind != JSON_KIND_INTEGER || version->integer < 1 || version->integer > descriptor->schema_version)
        record_errors_add(decoder->errors, where, "must be between 1 and %d", descriptor->schema_version);
}

static void decode_member(const struct decoder *decoder, const struct record_field *field,
                          const struct json_node *value, int depth, void *record)
{
    bool is_given = value && value->kind != JSON_KIND_NULL, is_servers = field->flags & RECORD_READ_ONLY;
    bool is_missed = !is_given && (field->flags & RECORD_REQUIRED) && absence_is_invisible(field->kind);
    if (!is_given && !is_missed)
        return; /* most are left out: the path need not know of them */
    size_t length = record_path_push(decoder->path, field->name);
    if (is_given && decoder->is_text && is_servers)
        record_errors_add(decoder->errors, here(decoder), "is set by the server: leave it out");
    else if (is_given && !(decoder->is_strict && is_servers))
        decode_field(decoder, field, value, depth, record);
    else if (is_missed)
        record_errors_add(decoder->errors, here(decoder), "is missing: %s", field->doc);
    record_path_truncate(decoder->path, length);
}

/* Nobody is told what it is, nor of more. */
static bool is_refused(const struct decoder *decoder, size_t before)
{
    return !decoder->errors->most && decoder->errors->count > before;
}

static void decode_object(const struct decoder *decoder, const struct record_descriptor *descriptor,
                          const struct json_node *object, int depth, void *record)
{
    size_t before = decoder->errors->count;
    if (depth > RECORD_MAX_DEPTH) {
        record_errors_add(decoder->errors, here(decoder), "lies deeper than %d levels", RECORD_MAX_DEPTH);
        return;
    }
    if (object->kind != JSON_KIND_OBJECT) {
        wrong_type(decoder, object, decoder->is_text ? "a mapping of keys to values" : "an object");
        return;
    }
    const struct json_node *last = NULL;
    for (size_t i = 0; i < descriptor->field_count && !is_refused(decoder, before); i++) {
        const struct json_node *value = json_member(object, descriptor->fields[i].name, last);
        decode_member(decoder, &descriptor->fields[i], value, depth, record);
        last = value ? value : last;
    }
    for (const struct json_node *member = decoder->is_strict ? object->first_child : NULL;
         member && !is_refused(decoder, before); member = member->next) {
        if (name_is(member->key, "schema_version"))
            check_version(decoder, descriptor, member);
        else if (!record_find_field(descriptor, member->key))
            unknown_key(decoder, descriptor, member->key);
    }
}

bool record_decode_tree(const struct record_descriptor *descriptor, const struct json_node *object, void *record,
                        struct record_errors *errors)
{
    size_t before = errors->count;
    struct field_path path;
    record_path_truncate(&path, 0);
    const struct decoder decoder = {.is_text = true, .is_strict = true, .path = &path, .errors = errors};
    decode_object(&decoder, descriptor, object, 0, record);
    return errors->count == before;
}

/* Onto what the record holds already. */
static bool decode_json_onto(const struct record_descriptor *descriptor, const char *text, size_t length,
                             size_t max_bytes, bool is_strict, void *record, struct record_errors *errors)
{
    struct json_document document;
    json_document_init(&document);
    struct field_path path;
    record_path_truncate(&path, 0);
    const struct decoder decoder = {.is_strict = is_strict, .path = &path, .errors = errors};
    size_t before = errors->count;
    const struct json_node *root = NULL;
    if (length > max_bytes)
        record_errors_add(errors, "", "has %zu bytes: must have at most %zu", length, max_bytes);
    else
        root = json_parse(&document, text, length, errors);
    if (root)
        decode_object(&decoder, descriptor, root, 0, record);
    /* what people write is told of all that is wrong with it at once, if they are told */
    if (errors->count == before || (root && is_strict && errors->most))
        record_validate(descriptor, record, "", errors);
    json_document_clear(&document);
    bool is_good = errors->count == before;
    if (!is_good)
        record_clear(descriptor, record);
    return is_good;
}

static bool decode_json(const struct record_descriptor *descriptor, const char *text, size_t length, size_t max_bytes,
                        bool is_strict, void *record, struct record_errors *errors)
{
    record_init(descriptor, record);
    return decode_json_onto(descriptor, text, length, max_bytes, is_strict, record, errors);
}

bool record_decode_json_onto(const struct record_descriptor *descriptor, const char *text, size_t length, void *record,
                             struct record_errors *errors)
{
    return decode_json_onto(descriptor, text, length, RECORD_MAX_TEXT_BYTES, false, record, errors);
}

bool record_decode_json(const struct record_descriptor *descriptor, const char *text, size_t length, void *record,
                        struct record_errors *errors)
{
    return decode_json(descriptor, text, length, RECORD_MAX_TEXT_BYTES, false, record, errors);
}

bool record_decode_json_strict(const struct record_descriptor *descriptor, const char *text, size_t length,
                               void *record, struct record_errors *errors)
{
    return decode_json(descriptor, text, length, RECORD_MAX_TEXT_BYTES, true, record, errors);
}

bool record_decode_json_large(const struct record_descriptor *descriptor, const char *text, size_t length,
                              size_t max_bytes, void *record, struct record_errors *errors)
{
    return decode_json(descriptor, text, length, max_bytes, true, record, errors);
}

bool record_decode_texts(const struct record_descriptor *descriptor, const struct record_text *texts, size_t count,
                         void *record, struct record_errors *errors)
{
    size_t before = errors->count;
    struct json_document document;
    json_document_init(&document);
    struct json_node *object = json_node_new(&document, JSON_KIND_OBJECT);
    for (size_t i = 0; i < count; i++) {
        struct json_node *value = json_string_new(&document, texts[i].value, strlen(texts[i].value));
        if (json_member(object, texts[i].name, NULL))
            record_errors_add(errors, texts[i].name, "is given twice");
        else if (!value)
            record_errors_add(errors, texts[i].name, "is not valid UTF-8");
        else
            json_node_append(&document, object, texts[i].name, value);
    }
    record_init(descriptor, record);
    record_decode_tree(descriptor, object, record, errors);
    record_validate(descriptor, record, "", errors);
    json_document_clear(&document);
    bool is_good = errors->count == before;
    if (!is_good)
        record_clear(descriptor, record);
    return is_good;
}
