/* JSON in: parsed by jansson, then walked along the descriptor. Settings come the same way from YAML, as text. */
#include "record/record.h"

#include "record/record_internal.h"

#include <jansson.h>
#include <string.h>

/* One decoding under way; lives on the stack of record_decode_tree's callers. */
struct decoder {
    bool is_text;   /* scalars are text to be converted, read-only fields are refused */
    bool is_strict; /* unknown keys are errors */
    struct record_errors *errors;
};

static void decode_object(const struct decoder *decoder, const struct record_descriptor *descriptor,
                          const json_t *object, const char *path, int depth, void *record);

static const char *type_name(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "a list";
    case JSON_STRING:
        return "text";
    case JSON_INTEGER:
    case JSON_REAL:
        return "a number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "a boolean";
    default:
        return "null";
    }
}

static void wrong_type(const struct decoder *decoder, const json_t *value, const char *path, const char *wanted)
{
    record_errors_add(decoder->errors, path, "is %s: must be %s", type_name(value), wanted);
}

static bool decode_number(const struct decoder *decoder, const json_t *value, const char *path, double *number)
{
    if (decoder->is_text && json_is_string(value)) {
        const struct record_field field = {.name = "", .kind = RECORD_DOUBLE};
        return record_set_text(&field, number, json_string_value(value), path, decoder->errors);
    }
    if (!json_is_number(value)) {
        wrong_type(decoder, value, path, "a number");
        return false;
    }
    *number = json_number_value(value);
    return true;
}

static void decode_numbers(const struct decoder *decoder, const json_t *value, const char *path, double *numbers,
                           size_t count)
{
    if (!json_is_array(value) || json_array_size(value) != count) {
        record_errors_add(decoder->errors, path, "must be a list of %zu numbers", count);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        g_autofree char *where = record_path_index(path, i);
        decode_number(decoder, json_array_get(value, i), where, &numbers[i]);
    }
}

/* Opens a list for reading: false when it is none, or longer than the field allows (before anything is allocated). */
static bool list_begin(const struct decoder *decoder, const struct record_field *field, const json_t *value,
                       const char *path, size_t *count)
{
    if (!json_is_array(value)) {
        wrong_type(decoder, value, path, "a list");
        return false;
    }
    *count = json_array_size(value);
    if (*count <= field_max_count(field))
        return true;
    record_errors_add(decoder->errors, path, "has %zu items: must have between %zu and %zu", *count, field->min_count,
                      field_max_count(field));
    return false;
}

static void decode_points(const struct decoder *decoder, const struct record_field *field, const json_t *value,
                          const char *path, struct record_points *points)
{
    size_t count;
    if (!list_begin(decoder, field, value, path, &count))
        return;
    points->items = count ? g_new0(struct record_point, count) : NULL;
    points->count = count;
    for (size_t i = 0; i < count; i++) {
        g_autofree char *where = record_path_index(path, i);
        decode_numbers(decoder, json_array_get(value, i), where, &points->items[i].x, 2);
    }
}

static void decode_strings(const struct decoder *decoder, const struct record_field *field, const json_t *value,
                           const char *path, struct record_strings *strings)
{
    size_t count;
    if (!list_begin(decoder, field, value, path, &count))
        return;
    strings->items = count ? g_new0(char *, count) : NULL;
    strings->count = count;
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(value, i);
        g_autofree char *where = record_path_index(path, i);
        if (!json_is_string(item))
            wrong_type(decoder, item, where, "text");
        strings->items[i] = g_strdup(json_is_string(item) ? json_string_value(item) : "");
    }
}

static void decode_ids(const struct decoder *decoder, const struct record_field *field, const json_t *value,
                       const char *path, struct record_ids *ids)
{
    size_t count;
    if (!list_begin(decoder, field, value, path, &count))
        return;
    ids->items = count ? g_new0(uint64_t, count) : NULL;
    ids->count = count;
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(value, i);
        g_autofree char *where = record_path_index(path, i);
        if (!json_is_integer(item) || json_integer_value(item) < 0)
            wrong_type(decoder, item, where, "a whole number of at least 0");
        else
            ids->items[i] = (uint64_t)json_integer_value(item);
    }
}

static void decode_list(const struct decoder *decoder, const struct record_field *field, const json_t *value,
                        const char *path, int depth, struct record_list *list)
{
    size_t count;
    if (!list_begin(decoder, field, value, path, &count))
        return;
    for (size_t i = 0; i < count; i++) {
        g_autofree char *where = record_path_index(path, i);
        void *item = record_list_append(list, field->descriptor);
        decode_object(decoder, field->descriptor, json_array_get(value, i), where, depth + 1, item);
    }
}

static void decode_integer(const struct decoder *decoder, const struct record_field *field, const json_t *value,
                           const char *path, void *address)
{
    /* 5.0 is a whole number to most JSON writers */
    if (json_is_real(value) && json_real_value(value) != (double)(int64_t)json_real_value(value)) {
        record_errors_add(decoder->errors, path, "%g: must be a whole number", json_real_value(value));
        return;
    }
    if (!json_is_number(value)) {
        wrong_type(decoder, value, path, "a whole number");
        return;
    }
    int64_t integer = json_is_real(value) ? (int64_t)json_real_value(value) : json_integer_value(value);
    if (field->kind == RECORD_UINT64 && integer < 0)
        record_errors_add(decoder->errors, path, "%" G_GINT64_FORMAT ": must be at least 0", integer);
    else if (field->kind == RECORD_INT32 && (integer < INT32_MIN || integer > INT32_MAX))
        record_errors_add(decoder->errors, path, "%" G_GINT64_FORMAT ": is too large", integer);
    else if (field->kind == RECORD_INT32)
        *(int32_t *)address = (int32_t)integer;
    else
        *(int64_t *)address = integer; /* and uint64_t: same size, checked above */
}

/* Text of settings converts by kind; in JSON only strings, enums and times are text. */
static void decode_text(const struct decoder *decoder, const struct record_field *field, const json_t *value,
                        const char *path, void *record)
{
    if (json_is_string(value))
        record_set_text(field, record, json_string_value(value), path, decoder->errors);
    else
        wrong_type(decoder, value, path, "text");
}

static void decode_scalar(const struct decoder *decoder, const struct record_field *field, const json_t *value,
                          const char *path, void *record)
{
    void *address = field_address(field, record);
    double number;
    switch (field->kind) {
    case RECORD_BOOL:
        if (json_is_boolean(value))
            *(bool *)address = json_is_true(value);
        else
            wrong_type(decoder, value, path, "true or false");
        return;
    case RECORD_INT32:
    case RECORD_INT64:
    case RECORD_UINT64:
        decode_integer(decoder, field, value, path, address);
        return;
    case RECORD_DOUBLE:
        decode_number(decoder, value, path, address);
        return;
    case RECORD_OPTIONAL:
        if (decode_number(decoder, value, path, &number))
            *(struct record_optional *)address = (struct record_optional){true, number};
        return;
    default:
        decode_text(decoder, field, value, path, record);
    }
}

static void decode_json_value(const struct decoder *decoder, const json_t *value, const char *path,
                              struct record_json *json)
{
    json->text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    if (!json->text)
        record_errors_add(decoder->errors, path, "cannot be kept: it is no JSON value");
}

static void decode_field(const struct decoder *decoder, const struct record_field *field, const json_t *value,
                         const char *path, int depth, void *record)
{
    void *address = field_address(field, record);
    switch (field->kind) {
    case RECORD_POINT:
        decode_numbers(decoder, value, path, address, 2);
        return;
    case RECORD_BOX:
        decode_numbers(decoder, value, path, address, 4);
        return;
    case RECORD_POINTS:
        decode_points(decoder, field, value, path, address);
        return;
    case RECORD_STRINGS:
        decode_strings(decoder, field, value, path, address);
        return;
    case RECORD_IDS:
        decode_ids(decoder, field, value, path, address);
        return;
    case RECORD_JSON:
        decode_json_value(decoder, value, path, address);
        return;
    case RECORD_LIST:
        decode_list(decoder, field, value, path, depth, address);
        return;
    case RECORD_RECORD:
        decode_object(decoder, field->descriptor, value, path, depth + 1, address);
        return;
    default:
        if (decoder->is_text)
            decode_text(decoder, field, value, path, record);
        else
            decode_scalar(decoder, field, value, path, record);
    }
}

/* Kinds that cannot tell "not given" from a value: their absence is noticed here; others by record_validate. */
static bool absence_is_invisible(enum record_kind kind)
{
    return kind == RECORD_BOOL || kind == RECORD_INT32 || kind == RECORD_INT64 || kind == RECORD_UINT64 ||
           kind == RECORD_DOUBLE || kind == RECORD_POINT || kind == RECORD_BOX;
}

static void unknown_key(const struct decoder *decoder, const struct record_descriptor *descriptor, const char *key,
                        const char *path)
{
    enum { NEAR_ENOUGH = 3 };
    size_t best = NEAR_ENOUGH + 1;
    const char *nearest = NULL;
    for (size_t i = 0; i < descriptor->field_count; i++) {
        size_t distance = record_name_distance(key, descriptor->fields[i].name, NEAR_ENOUGH);
        if (distance < best && !(descriptor->fields[i].flags & RECORD_READ_ONLY)) {
            best = distance;
            nearest = descriptor->fields[i].name;
        }
    }
    g_autofree char *where = record_path_join(path, key);
    g_autoptr(GString) known = g_string_new(NULL);
    for (size_t i = 0; i < descriptor->field_count; i++)
        g_string_append_printf(known, "%s%s", i ? ", " : "", descriptor->fields[i].name);
    if (nearest)
        record_errors_add(decoder->errors, where, "is unknown: did you mean '%s'? Allowed are %s", nearest, known->str);
    else
        record_errors_add(decoder->errors, where, "is unknown: allowed are %s", known->str);
}

/* Older ones are read by what they have; of a newer one nobody here knows what it means. */
static void check_version(const struct decoder *decoder, const struct record_descriptor *descriptor,
                          const json_t *version, const char *path)
{
    g_autofree char *where = record_path_join(path, "schema_version");
    if (!json_is_integer(version) || json_integer_value(version) < 1 ||
        json_integer_value(version) > descriptor->schema_version)
        record_errors_add(decoder->errors, where, "must be between 1 and %d", descriptor->schema_version);
}

static void decode_object(const struct decoder *decoder, const struct record_descriptor *descriptor,
                          const json_t *object, const char *path, int depth, void *record)
{
    if (depth > RECORD_MAX_DEPTH) {
        record_errors_add(decoder->errors, path, "lies deeper than %d levels", RECORD_MAX_DEPTH);
        return;
    }
    if (!json_is_object(object)) {
        wrong_type(decoder, object, path, decoder->is_text ? "a mapping of keys to values" : "an object");
        return;
    }
    for (size_t i = 0; i < descriptor->field_count; i++) {
        const struct record_field *field = &descriptor->fields[i];
        const json_t *value = json_object_get(object, field->name);
        g_autofree char *where = record_path_join(path, field->name);
        bool is_given = value && !json_is_null(value), is_servers = field->flags & RECORD_READ_ONLY;
        if (is_given && decoder->is_text && is_servers)
            record_errors_add(decoder->errors, where, "is set by the server: leave it out");
        else if (is_given && !(decoder->is_strict && is_servers))
            decode_field(decoder, field, value, where, depth, record);
        else if ((field->flags & RECORD_REQUIRED) && absence_is_invisible(field->kind))
            record_errors_add(decoder->errors, where, "is missing: %s", field->doc);
    }
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        if (decoder->is_strict && strcmp(key, "schema_version") == 0)
            check_version(decoder, descriptor, value, path);
        else if (decoder->is_strict && !record_find_field(descriptor, key))
            unknown_key(decoder, descriptor, key, path);
    }
}

bool record_decode_tree(const struct record_descriptor *descriptor, const struct json_t *object, bool is_text,
                        const char *path, void *record, struct record_errors *errors)
{
    guint before = errors->items->len;
    const struct decoder decoder = {is_text, is_text, errors};
    decode_object(&decoder, descriptor, object, path, 0, record);
    return errors->items->len == before;
}

/* jansson parses recursively up to its own depth of 2048; ours is checked before it sees the text. */
static bool nesting_is_bounded(const char *text, size_t length)
{
    int depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > RECORD_MAX_DEPTH)
                return false;
        } else if (c == '}' || c == ']') {
            depth--;
        }
    }
    return true;
}

static json_t *parse_json(const char *text, size_t length, size_t max_bytes, struct record_errors *errors)
{
    if (length > max_bytes) {
        record_errors_add(errors, "", "has %zu bytes: must have at most %zu", length, max_bytes);
        return NULL;
    }
    if (!nesting_is_bounded(text, length)) {
        record_errors_add(errors, "", "is nested deeper than %d levels", RECORD_MAX_DEPTH);
        return NULL;
    }
    json_error_t error;
    json_t *root = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
    if (!root)
        record_errors_add(errors, "", "is no JSON: line %d column %d: %s", error.line, error.column, error.text);
    return root;
}

static bool decode_text_of_object(const struct decoder *decoder, const struct record_descriptor *descriptor,
                                  const char *text, size_t length, size_t max_bytes, void *record)
{
    guint before = decoder->errors->items->len;
    record_init(descriptor, record);
    json_t *root = parse_json(text, length, max_bytes, decoder->errors);
    if (root)
        decode_object(decoder, descriptor, root, "", 0, record);
    /* what people write is told of all that is wrong with it at once */
    if (decoder->errors->items->len == before || (root && decoder->is_strict))
        record_validate(descriptor, record, "", decoder->errors);
    json_decref(root);
    bool is_good = decoder->errors->items->len == before;
    if (!is_good)
        record_clear(descriptor, record);
    return is_good;
}

bool record_decode_json(const struct record_descriptor *descriptor, const char *text, size_t length, void *record,
                        struct record_errors *errors)
{
    const struct decoder decoder = {.errors = errors};
    return decode_text_of_object(&decoder, descriptor, text, length, RECORD_MAX_TEXT_BYTES, record);
}

bool record_decode_json_strict(const struct record_descriptor *descriptor, const char *text, size_t length,
                               void *record, struct record_errors *errors)
{
    const struct decoder decoder = {.is_strict = true, .errors = errors};
    return decode_text_of_object(&decoder, descriptor, text, length, RECORD_MAX_TEXT_BYTES, record);
}

bool record_decode_json_large(const struct record_descriptor *descriptor, const char *text, size_t length,
                              size_t max_bytes, void *record, struct record_errors *errors)
{
    const struct decoder decoder = {.is_strict = true, .errors = errors};
    return decode_text_of_object(&decoder, descriptor, text, length, max_bytes, record);
}

bool record_decode_texts(const struct record_descriptor *descriptor, const struct record_text *texts, size_t count,
                         void *record, struct record_errors *errors)
{
    guint before = errors->items->len;
    json_t *object = json_object();
    for (size_t i = 0; i < count; i++) {
        if (json_object_get(object, texts[i].name))
            record_errors_add(errors, texts[i].name, "is given twice");
        else if (json_object_set_new(object, texts[i].name, json_string(texts[i].value)) != 0)
            record_errors_add(errors, texts[i].name, "is not valid UTF-8");
    }
    record_init(descriptor, record);
    record_decode_tree(descriptor, object, true, "", record, errors);
    record_validate(descriptor, record, "", errors);
    json_decref(object);
    bool is_good = errors->items->len == before;
    if (!is_good)
        record_clear(descriptor, record);
    return is_good;
}
