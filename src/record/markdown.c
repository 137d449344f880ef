/* Documents derived from the tables, for people. */
#include "record/record.h"

#include "record/record_internal.h"

#include <string.h>

static const char *const kind_names[] = {
    [RECORD_BOOL] = "boolean",
    [RECORD_INT32] = "integer",
    [RECORD_INT64] = "integer",
    [RECORD_UINT64] = "integer",
    [RECORD_DOUBLE] = "number",
    [RECORD_STRING] = "text",
    [RECORD_ENUM] = "one of",
    [RECORD_TIME] = "time",
    [RECORD_OPTIONAL] = "number or null",
    [RECORD_POINT] = "[x, y]",
    [RECORD_BOX] = "[x, y, w, h]",
    [RECORD_POINTS] = "list of [x, y]",
    [RECORD_STRINGS] = "list of text",
    [RECORD_IDS] = "list of integers",
    [RECORD_JSON] = "any JSON",
    [RECORD_LIST] = "list of",
    [RECORD_RECORD] = "",
};

static void append_choice(const struct record_field *field, GString *out)
{
    const struct record_descriptor *descriptor;
    for (size_t i = 0; (descriptor = field->one_of(i)); i++)
        g_string_append_printf(out, "%s%s", i ? " or " : "", descriptor->name);
}

static void append_type(const struct record_field *field, GString *out)
{
    if (field->one_of) {
        append_choice(field, out);
        return;
    }
    g_string_append(out, field->flags & RECORD_WHOLE ? "integer or null" : kind_names[field->kind]);
    if (field->kind == RECORD_ENUM)
        for (size_t i = 0; field->names[i]; i++)
            g_string_append_printf(out, "%s `%s`", i ? "," : "", field->names[i]);
    if (field->descriptor)
        g_string_append_printf(out, "%s%s", *kind_names[field->kind] ? " " : "", field->descriptor->name);
}

static void append_range(const struct record_field *field, GString *out)
{
    char low[RECORD_DOUBLE_TEXT_BYTES], high[RECORD_DOUBLE_TEXT_BYTES];
    record_double_write(field->min, low);
    record_double_write(field->max, high);
    if (field_is_bounded(field))
        g_string_append_printf(out, "%s to %s", low, high);
    if (field->unit)
        g_string_append_printf(out, "%s%s", field_is_bounded(field) ? " " : "", field->unit);
    if (field->max_count)
        g_string_append_printf(out, "%s%zu to %zu %s", field_is_bounded(field) || field->unit ? "; " : "",
                               field->min_count, field->max_count,
                               field->kind == RECORD_STRING ? "characters" : "items");
}

static void append_flags(const struct record_field *field, GString *out)
{
    static const struct {
        unsigned flag;
        const char *word;
    } words[] = {{RECORD_REQUIRED, "required"},   {RECORD_KEY, "key"},
                 {RECORD_SECRET, "secret"},       {RECORD_NEEDS_RESTART, "needs a restart"},
                 {RECORD_READ_ONLY, "read only"}, {RECORD_COUNTER, "counter"},
                 {RECORD_GAUGE, "gauge"},         {RECORD_NOT_YET, "not in force yet"}};
    bool is_first = true;
    for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
        if (field->flags & words[i].flag) {
            g_string_append_printf(out, "%s%s", is_first ? "" : ", ", words[i].word);
            is_first = false;
        }
}

void record_append_markdown(const struct record_descriptor *descriptor, GString *out)
{
    g_string_append_printf(out, "## %s\n\n%s\n", descriptor->name, descriptor->doc);
    if (descriptor->table)
        g_string_append_printf(out, "Stored in the table `%s`.\n", descriptor->table);
    g_string_append(out, "\n| field | type | range | default | | what |\n|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < descriptor->field_count; i++) {
        const struct record_field *field = &descriptor->fields[i];
        if (field_is_inline(field)) {
            g_string_append_printf(out, "| *all of* %s | | | | | %s |\n", field->descriptor->name, field->doc);
            continue;
        }
        g_string_append_printf(out, "| `%s` | ", field->name);
        append_type(field, out);
        g_string_append(out, " | ");
        append_range(field, out);
        g_string_append_printf(out, " | %s | ", field->default_text ? field->default_text : "");
        append_flags(field, out);
        g_string_append_printf(out, " | %s |\n", field->doc);
    }
    g_string_append_c(out, '\n');
}
