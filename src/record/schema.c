/* Schemas and examples derived from the tables: OpenAPI 3.0.3's kind and JSON Schema 2020-12. */
#include "record/record.h"

#include "record/record_internal.h"

#include <string.h>

static const char text_id_pattern[] = "^[A-Za-z0-9._-]{1,64}$";

/* ---- pieces ---- */

static void append_key(GString *out, const char *key)
{
    char last = out->str[out->len - 1];
    if (last != '{' && last != '[')
        g_string_append_c(out, ',');
    record_append_json_string(out, key);
    g_string_append_c(out, ':');
}

static void append_text(GString *out, const char *key, const char *text)
{
    append_key(out, key);
    record_append_json_string(out, text);
}

static void append_size(GString *out, const char *key, size_t size)
{
    append_key(out, key);
    g_string_append_printf(out, "%zu", size);
}

static void append_bound(GString *out, const char *key, double value)
{
    char text[RECORD_DOUBLE_TEXT_BYTES];
    record_double_write(value, text);
    append_key(out, key);
    g_string_append(out, text);
}

static bool is_input(const struct record_schema_style *style)
{
    return style->use == RECORD_SCHEMA_INPUT;
}

static bool is_nullable(const struct record_field *field, const struct record_schema_style *style)
{
    return is_input(style) && !style->is_parameter && field_may_be_null(field);
}

static void append_type(GString *out, const char *type, bool may_be_null, const struct record_schema_style *style)
{
    if (may_be_null && style->dialect == RECORD_SCHEMA_JSON) {
        append_key(out, "type");
        g_string_append_printf(out, "[\"%s\",\"null\"]", type);
        return;
    }
    append_text(out, "type", type);
    if (may_be_null)
        g_string_append(out, ",\"nullable\":true");
}

char *record_schema_name(const struct record_descriptor *descriptor, enum record_schema_use use)
{
    bool needs_suffix = use == RECORD_SCHEMA_INPUT && !g_str_has_suffix(descriptor->name, "Request");
    return g_strconcat(descriptor->name, needs_suffix ? "Input" : "", NULL);
}

static void append_reference(GString *out, const struct record_descriptor *descriptor,
                             const struct record_schema_style *style)
{
    g_autofree char *name = record_schema_name(descriptor, style->use);
    g_autofree char *address = g_strconcat(style->reference_prefix, name, style->reference_suffix, NULL);
    append_text(out, "$ref", address);
}

/* ---- kinds ---- */

static void append_number_bounds(GString *out, const struct record_field *field)
{
    if (!field_is_bounded(field))
        return;
    append_bound(out, "minimum", field->min);
    append_bound(out, "maximum", field->max);
}

static void append_counts(GString *out, const struct record_field *field, const char *least, const char *most)
{
    if (field->min_count)
        append_size(out, least, field->min_count);
    append_size(out, most, field_max_count(field));
}

static void append_whole(GString *out, const struct record_field *field, const struct record_schema_style *style)
{
    append_type(out, "integer", is_nullable(field, style), style);
    append_text(out, "format", field->kind == RECORD_INT32 ? "int32" : "int64");
    if (field->kind == RECORD_UINT64 && !field_is_bounded(field))
        g_string_append(out, ",\"minimum\":0,\"maximum\":9007199254740992");
    append_number_bounds(out, field);
}

static void append_string(GString *out, const struct record_field *field, const struct record_schema_style *style)
{
    append_type(out, "string", is_nullable(field, style), style);
    if (field->flags & RECORD_TEXT_ID)
        append_text(out, "pattern", text_id_pattern);
    else if (is_input(style) || field->min_count || field->max_count)
        append_counts(out, field, "minLength", "maxLength");
    if (field->flags & RECORD_SECRET)
        g_string_append(out, ",\"format\":\"password\",\"writeOnly\":true");
}

static void append_enum(GString *out, const struct record_field *field, const struct record_schema_style *style)
{
    bool may_be_null = is_nullable(field, style);
    append_type(out, "string", may_be_null, style);
    append_key(out, "enum");
    for (size_t i = 0; field->names[i]; i++) {
        g_string_append_c(out, i ? ',' : '[');
        record_append_json_string(out, field->names[i]);
    }
    g_string_append(out, may_be_null ? ",null]" : "]");
}

/* `count` numbers in the bounds of the field: a point or a box. */
static void append_numbers(GString *out, const struct record_field *field, int count, bool may_be_null,
                           const struct record_schema_style *style)
{
    append_type(out, "array", may_be_null, style);
    g_string_append(out, ",\"items\":{\"type\":\"number\"");
    append_number_bounds(out, field);
    g_string_append_printf(out, "},\"minItems\":%d,\"maxItems\":%d", count, count);
}

static void append_array(GString *out, const struct record_field *field, const struct record_schema_style *style)
{
    append_type(out, "array", is_nullable(field, style), style);
    append_counts(out, field, "minItems", "maxItems");
    append_key(out, "items");
    g_string_append_c(out, '{');
    if (field->kind == RECORD_POINTS)
        append_numbers(out, field, 2, false, style);
    else if (field->kind == RECORD_STRINGS)
        append_text(out, "type", "string");
    else if (field->kind == RECORD_IDS)
        g_string_append(out, "\"type\":\"integer\",\"format\":\"int64\",\"minimum\":0,\"maximum\":9007199254740992");
    else
        append_reference(out, field->descriptor, style);
    g_string_append_c(out, '}');
}

/* anyOf and not oneOf: an answer may have more fields than are known, and so look like several. Of a single one allOf,
 * as linters take no choice among one. */
static void append_choice(GString *out, const struct record_field *field, const struct record_schema_style *style)
{
    const struct record_descriptor *descriptor;
    append_key(out, field->one_of(1) ? "anyOf" : "allOf");
    for (size_t i = 0; (descriptor = field->one_of(i)); i++) {
        g_string_append(out, i ? ",{" : "[{");
        append_reference(out, descriptor, style);
        g_string_append_c(out, '}');
    }
    g_string_append_c(out, ']');
}

/* Any JSON, one of some records, or an object whose members are records. */
static void append_open(GString *out, const struct record_field *field, const struct record_schema_style *style)
{
    if (field->one_of)
        append_choice(out, field, style);
    if (!field->descriptor)
        return;
    append_type(out, "object", is_nullable(field, style), style);
    append_key(out, "additionalProperties");
    g_string_append_c(out, '{');
    append_reference(out, field->descriptor, style);
    g_string_append_c(out, '}');
}

/* A reference stands alone in OpenAPI 3.0; allOf lets words stand beside it. */
static void append_member(GString *out, const struct record_field *field, const struct record_schema_style *style)
{
    append_key(out, "allOf");
    g_string_append(out, "[{");
    append_reference(out, field->descriptor, style);
    g_string_append(out, "}]");
}

static void append_kind(GString *out, const struct record_field *field, const struct record_schema_style *style)
{
    bool may_be_null = is_nullable(field, style);
    switch (field->kind) {
    case RECORD_BOOL:
        append_type(out, "boolean", may_be_null, style);
        break;
    case RECORD_INT32:
    case RECORD_INT64:
    case RECORD_UINT64:
        append_whole(out, field, style);
        break;
    case RECORD_DOUBLE:
    case RECORD_OPTIONAL:
        append_type(out, field->flags & RECORD_WHOLE ? "integer" : "number", may_be_null, style);
        append_number_bounds(out, field);
        break;
    case RECORD_STRING:
        append_string(out, field, style);
        break;
    case RECORD_ENUM:
        append_enum(out, field, style);
        break;
    case RECORD_TIME:
        append_type(out, "string", may_be_null, style);
        append_text(out, "format", "date-time");
        break;
    case RECORD_POINT:
        append_numbers(out, field, 2, may_be_null, style);
        break;
    case RECORD_BOX:
        append_numbers(out, field, 4, may_be_null, style);
        break;
    case RECORD_POINTS:
    case RECORD_STRINGS:
    case RECORD_IDS:
    case RECORD_LIST:
        append_array(out, field, style);
        break;
    case RECORD_JSON:
        append_open(out, field, style);
        break;
    case RECORD_RECORD:
        append_member(out, field, style);
        break;
    }
}

/* Only of what is taken: an answer says what there is. */
static void append_default(GString *out, const struct record_field *field, const struct record_schema_style *style)
{
    bool is_text = field->kind == RECORD_STRING || field->kind == RECORD_ENUM || field->kind == RECORD_TIME;
    if (!field->default_text || !is_input(style) || !record_kind_is_scalar(field->kind))
        return;
    append_key(out, "default");
    if (is_text)
        record_append_json_string(out, field->default_text);
    else
        g_string_append(out, field->default_text);
}

void record_append_field_schema(const struct record_field *field, const struct record_schema_style *style, GString *out)
{
    g_string_append_c(out, '{');
    append_kind(out, field, style);
    append_default(out, field, style);
    if (is_input(style) && field->flags & RECORD_READ_ONLY)
        g_string_append(out, ",\"readOnly\":true");
    g_autofree char *words = field->unit ? g_strdup_printf("%s (%s)", field->doc, field->unit) : g_strdup(field->doc);
    append_text(out, "description", words);
    g_string_append_c(out, '}');
}

/* ---- records ---- */

bool record_field_is_always_there(const struct record_field *field)
{
    bool may_be_unset = field->kind == RECORD_STRING || field->kind == RECORD_ENUM || field->kind == RECORD_TIME ||
                        field->kind == RECORD_OPTIONAL || field->kind == RECORD_JSON;
    return !(field->flags & RECORD_SOMETIMES) &&
           (!may_be_unset || field->flags & RECORD_REQUIRED || field->default_text);
}

static void each_member(const struct record_descriptor *descriptor, const struct record_descriptor *outer,
                        enum record_schema_use use, record_look look, void *data)
{
    for (size_t i = 0; i < descriptor->field_count; i++) {
        const struct record_field *field = &descriptor->fields[i];
        bool is_shown = use == RECORD_SCHEMA_INPUT || !(field->flags & RECORD_SECRET);
        if (field_is_inline(field))
            each_member(field->descriptor, descriptor, use, look, data);
        else if (is_shown && !(outer && record_find_field(outer, field->name)))
            look(field, use, data);
    }
}

void record_each_field(const struct record_descriptor *descriptor, enum record_schema_use use, record_look look,
                       void *data)
{
    each_member(descriptor, NULL, use, look, data);
}

/* What is being written, and how. */
struct schema_writing {
    const struct record_schema_style *style;
    GString *out;
};

static void append_property(const struct record_field *field, enum record_schema_use use, void *data)
{
    (void)use;
    const struct schema_writing *writing = data;
    append_key(writing->out, field->name);
    record_append_field_schema(field, writing->style, writing->out);
}

static void append_required(const struct record_field *field, enum record_schema_use use, void *data)
{
    GString *out = data;
    bool is_required = use == RECORD_SCHEMA_INPUT
                           ? (field->flags & RECORD_REQUIRED) && !(field->flags & RECORD_READ_ONLY)
                           : record_field_is_always_there(field);
    if (is_required)
        g_string_append_printf(out, "%s\"%s\"", out->len ? "," : "", field->name);
}

void record_append_schema(const struct record_descriptor *descriptor, const struct record_schema_style *style,
                          GString *out)
{
    struct schema_writing writing = {style, out};
    g_autoptr(GString) required = g_string_new(NULL);
    g_string_append(out, "{\"type\":\"object\"");
    append_text(out, "description", descriptor->doc);
    g_string_append_printf(out,
                           ",\"properties\":{\"schema_version\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":%d,"
                           "\"description\":\"of the record's fields\"}",
                           descriptor->schema_version);
    record_each_field(descriptor, style->use, append_property, &writing);
    g_string_append_c(out, '}');
    record_each_field(descriptor, style->use, append_required, required);
    if (required->len)
        g_string_append_printf(out, ",\"required\":[%s]", required->str);
    if (is_input(style))
        g_string_append(out, ",\"additionalProperties\":false");
    g_string_append_c(out, '}');
}

/* ---- examples ---- */

static const char example_time[] = "2026-01-31T13:00:00.000Z";

/* A number in bounds: the default, else the middle of narrow bounds, else the least. */
static void append_example_number(const struct record_field *field, GString *out)
{
    char text[RECORD_DOUBLE_TEXT_BYTES];
    bool is_whole = (field->kind != RECORD_DOUBLE && field->kind != RECORD_OPTIONAL) || field->flags & RECORD_WHOLE;
    double value = field_is_bounded(field) ? (is_whole ? field->min : (field->min + field->max) / 2) : 1;
    record_double_write(value, text);
    g_string_append(out, field->default_text ? field->default_text : text);
}

static void append_example_text(const struct record_field *field, GString *out)
{
    const char *text = field->default_text && *field->default_text ? field->default_text : field->name;
    g_autofree char *filled = g_strdup(text);
    while (strlen(filled) < field->min_count) {
        char *longer = g_strconcat(filled, "0", NULL);
        g_free(filled);
        filled = longer;
    }
    if (strlen(filled) > field_max_count(field))
        filled[field_max_count(field)] = '\0';
    record_append_json_string(out, filled);
}

static void append_example_list(const struct record_field *field, enum record_schema_use use, GString *out)
{
    g_string_append_c(out, '[');
    size_t count = use == RECORD_SCHEMA_INPUT ? field->min_count : MAX(field->min_count, 1);
    for (size_t i = 0; i < count; i++) {
        g_string_append(out, i ? "," : "");
        if (field->kind == RECORD_LIST)
            record_append_example(field->descriptor, use, out);
        else if (field->kind == RECORD_IDS)
            g_string_append(out, "1");
        else
            record_append_json_string(out, "person");
    }
    g_string_append_c(out, ']');
}

static void append_example_value(const struct record_field *field, enum record_schema_use use, GString *out)
{
    if (field->example) {
        g_string_append(out, field->example);
        return;
    }
    switch (field->kind) {
    case RECORD_BOOL:
        g_string_append(out, field->default_text ? field->default_text : "false");
        break;
    case RECORD_STRING:
        append_example_text(field, out);
        break;
    case RECORD_ENUM:
        record_append_json_string(out, field->default_text ? field->default_text : field->names[0]);
        break;
    case RECORD_TIME:
        record_append_json_string(out, example_time);
        break;
    case RECORD_POINT:
        g_string_append(out, "[0.25,0.5]");
        break;
    case RECORD_BOX:
        g_string_append(out, "[0.25,0.25,0.5,0.5]");
        break;
    case RECORD_POINTS:
        g_string_append(out, "[[0.25,0.25],[0.75,0.25],[0.5,0.75]]");
        break;
    case RECORD_STRINGS:
    case RECORD_IDS:
    case RECORD_LIST:
        append_example_list(field, use, out);
        break;
    case RECORD_JSON:
        if (field->one_of)
            record_append_example(field->one_of(0), use, out);
        else
            g_string_append(out, "{}");
        break;
    case RECORD_RECORD:
        record_append_example(field->descriptor, use, out);
        break;
    default:
        append_example_number(field, out);
    }
}

/* What must be there, and what usually is. */
static void append_example_member(const struct record_field *field, enum record_schema_use use, void *data)
{
    bool is_wanted = use == RECORD_SCHEMA_INPUT
                         ? (field->flags & RECORD_REQUIRED || field->example) && !(field->flags & RECORD_READ_ONLY)
                         : record_field_is_always_there(field);
    if (!is_wanted)
        return;
    append_key(data, field->name);
    append_example_value(field, use, data);
}

void record_append_example(const struct record_descriptor *descriptor, enum record_schema_use use, GString *out)
{
    g_string_append_c(out, '{');
    record_each_field(descriptor, use, append_example_member, out);
    g_string_append_c(out, '}');
}
