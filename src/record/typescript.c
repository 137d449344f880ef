/* TypeScript types derived from the tables, for the page. */
#include "record/record.h"

#include "record/record_internal.h"

static const char *const kind_types[] = {
    [RECORD_BOOL] = "boolean",
    [RECORD_INT32] = "number",
    [RECORD_INT64] = "number",
    [RECORD_UINT64] = "number",
    [RECORD_DOUBLE] = "number",
    [RECORD_STRING] = "string",
    [RECORD_ENUM] = NULL,
    [RECORD_TIME] = "string",
    [RECORD_OPTIONAL] = "number",
    [RECORD_POINT] = "[number, number]",
    [RECORD_BOX] = "[number, number, number, number]",
    [RECORD_POINTS] = "[number, number][]",
    [RECORD_STRINGS] = "string[]",
    [RECORD_IDS] = "number[]",
    [RECORD_JSON] = "unknown",
    [RECORD_LIST] = NULL,
    [RECORD_RECORD] = NULL,
};

static bool is_optional(const struct record_field *field, enum record_schema_use use)
{
    return use == RECORD_SCHEMA_INPUT ? !(field->flags & RECORD_REQUIRED) : !record_field_is_always_there(field);
}

static void append_choice(const struct record_field *field, enum record_schema_use use, GString *out)
{
    const struct record_descriptor *descriptor;
    for (size_t i = 0; (descriptor = field->one_of(i)); i++) {
        g_autofree char *name = record_schema_name(descriptor, use);
        g_string_append_printf(out, "%s%s", i ? " | " : "", name);
    }
}

void record_append_typescript_type(const struct record_field *field, enum record_schema_use use, GString *out)
{
    g_autofree char *record = field->descriptor ? record_schema_name(field->descriptor, use) : NULL;
    if (field->one_of)
        append_choice(field, use, out);
    else if (field->kind == RECORD_ENUM)
        for (size_t i = 0; field->names[i]; i++)
            g_string_append_printf(out, "%s\"%s\"", i ? " | " : "", field->names[i]);
    else if (field->kind == RECORD_JSON && record)
        g_string_append_printf(out, "Record<string, %s>", record);
    else
        g_string_append_printf(out, "%s%s", record ? record : kind_types[field->kind],
                               field->kind == RECORD_LIST ? "[]" : "");
}

static void append_field(const struct record_field *field, enum record_schema_use use, GString *out)
{
    g_string_append_printf(out, "  /** %s%s%s%s */\n  %s%s: ", field->doc, field->unit ? " (" : "",
                           field->unit ? field->unit : "", field->unit ? ")" : "", field->name,
                           is_optional(field, use) ? "?" : "");
    record_append_typescript_type(field, use, out);
    g_string_append(out, use == RECORD_SCHEMA_INPUT && field_may_be_null(field) ? " | null;\n" : ";\n");
}

/* " extends Omit<Camera, "lines">": the fields of an inline member, less those the outer record has itself. */
static void append_base(const struct record_descriptor *descriptor, const struct record_field *member, GString *out)
{
    g_autoptr(GString) taken = g_string_new(NULL);
    for (size_t i = 0; i < member->descriptor->field_count; i++) {
        const char *name = member->descriptor->fields[i].name;
        if (record_find_field(descriptor, name))
            g_string_append_printf(taken, "%s\"%s\"", taken->len ? " | " : "", name);
    }
    if (taken->len)
        g_string_append_printf(out, "Omit<%s, %s>", member->descriptor->name, taken->str);
    else
        g_string_append(out, member->descriptor->name);
}

void record_append_typescript(const struct record_descriptor *descriptor, enum record_schema_use use, GString *out)
{
    unsigned hidden = RECORD_INLINE | (use == RECORD_SCHEMA_INPUT ? RECORD_READ_ONLY : RECORD_SECRET);
    g_autofree char *name = record_schema_name(descriptor, use);
    g_string_append_printf(out, "/** %s */\nexport interface %s", descriptor->doc, name);
    const char *separator = " extends ";
    for (size_t i = 0; i < descriptor->field_count; i++)
        if (field_is_inline(&descriptor->fields[i])) {
            g_string_append(out, separator);
            append_base(descriptor, &descriptor->fields[i], out);
            separator = ", ";
        }
    g_string_append(out, " {\n");
    for (size_t i = 0; i < descriptor->field_count; i++)
        if (!(descriptor->fields[i].flags & hidden))
            append_field(&descriptor->fields[i], use, out);
    g_string_append(out, "}\n");
}
