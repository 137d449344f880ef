/* TypeScript interfaces derived from the tables, for the page. */
#include "record/record.h"

#include "record/record_internal.h"

static void append_type(const struct record_field *field, GString *out)
{
    switch (field->kind) {
    case RECORD_BOOL:
        g_string_append(out, "boolean");
        break;
    case RECORD_STRING:
    case RECORD_TIME:
        g_string_append(out, "string");
        break;
    case RECORD_ENUM:
        for (size_t i = 0; field->names[i]; i++)
            g_string_append_printf(out, "%s\"%s\"", i ? " | " : "", field->names[i]);
        break;
    case RECORD_POINT:
        g_string_append(out, "Point");
        break;
    case RECORD_BOX:
        g_string_append(out, "Box");
        break;
    case RECORD_POINTS:
        g_string_append(out, "Point[]");
        break;
    case RECORD_STRINGS:
        g_string_append(out, "string[]");
        break;
    case RECORD_IDS:
        g_string_append(out, "number[]");
        break;
    case RECORD_JSON:
        g_string_append(out, "unknown");
        break;
    case RECORD_LIST:
        g_string_append_printf(out, "%s[]", field->descriptor->name);
        break;
    case RECORD_RECORD:
        g_string_append(out, field->descriptor->name);
        break;
    default:
        g_string_append(out, "number");
        break;
    }
}

/* Kinds the encoder leaves out when they hold nothing. */
static bool may_be_absent(const struct record_field *field)
{
    if (field->flags & (RECORD_REQUIRED | RECORD_KEY))
        return false;
    return field->kind == RECORD_STRING || field->kind == RECORD_ENUM || field->kind == RECORD_TIME ||
           field->kind == RECORD_OPTIONAL || field->kind == RECORD_JSON;
}

void record_append_typescript(const struct record_descriptor *descriptor, GString *out)
{
    g_string_append_printf(out, "/** %s */\nexport interface %s {\n", descriptor->doc, descriptor->name);
    for (size_t i = 0; i < descriptor->field_count; i++) {
        const struct record_field *field = &descriptor->fields[i];
        if (field->flags & RECORD_SECRET)
            continue;
        g_string_append_printf(out, "  /** %s */\n  %s%s: ", field->doc, field->name, may_be_absent(field) ? "?" : "");
        append_type(field, out);
        g_string_append(out, ";\n");
    }
    g_string_append(out, "}\n");
}
