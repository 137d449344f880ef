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

/* Of what the encoder leaves out when it is unset, only what must be given, or has a default, is always there. */
static bool is_optional(const struct record_field *field)
{
    bool may_be_unset = field->kind == RECORD_STRING || field->kind == RECORD_ENUM || field->kind == RECORD_TIME ||
                        field->kind == RECORD_OPTIONAL || field->kind == RECORD_JSON;
    return may_be_unset && !(field->flags & RECORD_REQUIRED) && !field->default_text;
}

static void append_field(const struct record_field *field, GString *out)
{
    g_string_append_printf(out, "  /** %s%s%s%s */\n  %s%s: ", field->doc, field->unit ? " (" : "",
                           field->unit ? field->unit : "", field->unit ? ")" : "", field->name,
                           is_optional(field) ? "?" : "");
    if (field->kind == RECORD_ENUM)
        for (size_t i = 0; field->names[i]; i++)
            g_string_append_printf(out, "%s\"%s\"", i ? " | " : "", field->names[i]);
    else
        g_string_append(out, field->descriptor ? field->descriptor->name : kind_types[field->kind]);
    g_string_append(out, field->kind == RECORD_LIST ? "[];\n" : ";\n");
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

void record_append_typescript(const struct record_descriptor *descriptor, GString *out)
{
    g_string_append_printf(out, "/** %s */\nexport interface %s", descriptor->doc, descriptor->name);
    const char *separator = " extends ";
    for (size_t i = 0; i < descriptor->field_count; i++)
        if (field_is_inline(&descriptor->fields[i])) {
            g_string_append(out, separator);
            append_base(descriptor, &descriptor->fields[i], out);
            separator = ", ";
        }
    g_string_append(out, " {\n");
    for (size_t i = 0; i < descriptor->field_count; i++)
        if (!(descriptor->fields[i].flags & (RECORD_SECRET | RECORD_INLINE)))
            append_field(&descriptor->fields[i], out);
    g_string_append(out, "}\n");
}
