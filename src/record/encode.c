/* JSON out: straight into the buffer, no tree between, and no memory but the buffer's: the frame path writes records
 * this way. */
#include "record/record.h"

#include "base/counter.h"
#include "record/record_internal.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

void record_append_json_string(GString *out, const char *text)
{
    bool is_valid = text_is_plain(text, strlen(text)) || g_utf8_validate(text, -1, NULL);
    g_autofree char *valid = is_valid ? NULL : g_utf8_make_valid(text, -1);
    g_string_append_c(out, '"');
    const char *run = valid ? valid : text;
    for (const char *c = run;; c++) {
        unsigned char byte = (unsigned char)*c;
        if (byte >= 0x20 && byte != '"' && byte != '\\' && byte != 0x7f)
            continue;
        append_bytes(out, run, (size_t)(c - run));
        run = c + 1;
        if (byte == '\0')
            break;
        if (byte == '"' || byte == '\\')
            g_string_append_printf(out, "\\%c", byte);
        else
            g_string_append_printf(out, "\\u%04x", byte);
    }
    g_string_append_c(out, '"');
}

static void append_double(GString *out, double value)
{
    char text[RECORD_DOUBLE_TEXT_BYTES];
    if (!isfinite(value)) { /* JSON has no word for it */
        g_string_append(out, "null");
        return;
    }
    record_double_write(value, text);
    append_bytes(out, text, strlen(text));
}

static void append_doubles(GString *out, const double *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        g_string_append_c(out, i ? ',' : '[');
        append_double(out, values[i]);
    }
    g_string_append_c(out, ']');
}

static void append_points(GString *out, const struct record_points *points)
{
    g_string_append_c(out, '[');
    for (size_t i = 0; i < points->count; i++) {
        if (i)
            g_string_append_c(out, ',');
        append_doubles(out, &points->items[i].x, 2);
    }
    g_string_append_c(out, ']');
}

static void append_strings(GString *out, const struct record_strings *strings)
{
    g_string_append_c(out, '[');
    for (size_t i = 0; i < strings->count; i++) {
        if (i)
            g_string_append_c(out, ',');
        record_append_json_string(out, strings->items[i]);
    }
    g_string_append_c(out, ']');
}

static void append_ids(GString *out, const struct record_ids *ids)
{
    g_string_append_c(out, '[');
    for (size_t i = 0; i < ids->count; i++) {
        if (i)
            g_string_append_c(out, ',');
        record_append_whole(out, ids->items[i], 1);
    }
    g_string_append_c(out, ']');
}

static void append_signed(GString *out, int64_t value)
{
    if (value < 0)
        g_string_append_c(out, '-');
    record_append_whole(out, value < 0 ? -(uint64_t)value : (uint64_t)value, 1);
}

static void append_list(GString *out, const struct record_list *list, const struct record_descriptor *descriptor)
{
    g_string_append_c(out, '[');
    for (size_t i = 0; i < list->count; i++) {
        if (i)
            g_string_append_c(out, ',');
        record_encode_json(descriptor, (const char *)list->items + i * descriptor->size, false, out);
    }
    g_string_append_c(out, ']');
}

static bool field_is_left_out(const struct record_field *field, const void *address)
{
    if (field->flags & RECORD_SECRET)
        return true;
    switch (field->kind) {
    case RECORD_STRING:
        return !*(char *const *)address;
    case RECORD_JSON:
        return !((const struct record_json *)address)->text;
    case RECORD_ENUM:
        return !*record_enum_name(field->names, *(const unsigned *)address);
    case RECORD_TIME:
        return ((const struct record_time *)address)->ms == 0;
    case RECORD_OPTIONAL:
        return !((const struct record_optional *)address)->is_present;
    default:
        return false;
    }
}

/* Counters and gauges may be written by others while they are read here. */
static void append_value(GString *out, const struct record_field *field, const void *address)
{
    switch (field->kind) {
    case RECORD_BOOL:
        g_string_append(out, *(const bool *)address ? "true" : "false");
        break;
    case RECORD_INT32:
        append_signed(out, *(const int32_t *)address);
        break;
    case RECORD_INT64:
        append_signed(out, counter_get(address));
        break;
    case RECORD_UINT64:
        record_append_whole(out, *(const uint64_t *)address, 1);
        break;
    case RECORD_DOUBLE:
        append_double(out, gauge_get(address));
        break;
    case RECORD_OPTIONAL:
        append_double(out, ((const struct record_optional *)address)->value);
        break;
    case RECORD_STRING:
        record_append_json_string(out, *(char *const *)address);
        break;
    case RECORD_ENUM:
        record_append_json_string(out, record_enum_name(field->names, *(const unsigned *)address));
        break;
    case RECORD_TIME:
        g_string_append_c(out, '"');
        record_append_time(out, ((const struct record_time *)address)->ms);
        g_string_append_c(out, '"');
        break;
    case RECORD_POINT:
        append_doubles(out, address, 2);
        break;
    case RECORD_BOX:
        append_doubles(out, address, 4);
        break;
    case RECORD_POINTS:
        append_points(out, address);
        break;
    case RECORD_STRINGS:
        append_strings(out, address);
        break;
    case RECORD_IDS:
        append_ids(out, address);
        break;
    case RECORD_JSON:
        g_string_append(out, ((const struct record_json *)address)->text);
        break;
    case RECORD_LIST:
        append_list(out, address, field->descriptor);
        break;
    case RECORD_RECORD:
        record_encode_json(field->descriptor, address, false, out);
        break;
    }
}

/* Members of the object that is open in `out`. Those that `outer` names too are left to it. */
static void append_members(GString *out, const struct record_descriptor *descriptor, const void *record,
                           const struct record_descriptor *outer)
{
    for (size_t i = 0; i < descriptor->field_count; i++) {
        const struct record_field *field = &descriptor->fields[i];
        const void *address = field_address(field, record);
        if (field_is_inline(field)) {
            append_members(out, field->descriptor, address, descriptor);
            continue;
        }
        if (field_is_left_out(field, address) || (outer && record_find_field(outer, field->name)))
            continue;
        bool is_first = out->str[out->len - 1] == '{';
        append_bytes(out, is_first ? "\"" : ",\"", is_first ? 1 : 2);
        append_bytes(out, field->name, strlen(field->name));
        append_bytes(out, "\":", 2);
        append_value(out, field, address);
    }
}

void record_encode_json(const struct record_descriptor *descriptor, const void *record, bool with_version, GString *out)
{
    g_string_append_c(out, '{');
    if (with_version) {
        g_string_append(out, "\"schema_version\":");
        append_signed(out, descriptor->schema_version);
    }
    append_members(out, descriptor, record, NULL);
    g_string_append_c(out, '}');
}

/* ---- what was read as a tree ---- */

/* What stood with a point or an exponent has one again, so that it is read as the same kind of number. */
static void append_real(GString *out, double value)
{
    gsize begin = out->len;
    append_double(out, value);
    if (!strpbrk(out->str + begin, ".e"))
        append_bytes(out, ".0", 2);
}

static void append_items(GString *out, const json_t *list)
{
    g_string_append_c(out, '[');
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (i)
            g_string_append_c(out, ',');
        record_append_json_tree(out, json_array_get(list, i));
    }
    g_string_append_c(out, ']');
}

static void append_object(GString *out, const json_t *object)
{
    const char *key;
    json_t *value;
    bool is_first = true;
    g_string_append_c(out, '{');
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        if (!is_first)
            g_string_append_c(out, ',');
        is_first = false;
        record_append_json_string(out, key);
        g_string_append_c(out, ':');
        record_append_json_tree(out, value);
    }
    g_string_append_c(out, '}');
}

void record_append_json_tree(GString *out, const struct json_t *tree)
{
    switch (json_typeof(tree)) {
    case JSON_OBJECT:
        append_object(out, tree);
        break;
    case JSON_ARRAY:
        append_items(out, tree);
        break;
    case JSON_STRING:
        record_append_json_string(out, json_string_value(tree));
        break;
    case JSON_INTEGER:
        append_signed(out, json_integer_value(tree));
        break;
    case JSON_REAL:
        append_real(out, json_real_value(tree));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        g_string_append(out, json_is_true(tree) ? "true" : "false");
        break;
    case JSON_NULL:
        g_string_append(out, "null");
        break;
    }
}
