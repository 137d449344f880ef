/* The records' tables for other programs: a thin face on src/record and src/facts. */
#include "vedette/record.h"

#include "facts/event.h"
#include "facts/records.h"

#include <string.h>

struct vedette_record {
    const struct record_descriptor *descriptor;
    char bytes[]; /* of the descriptor's struct */
};
/* Where a struct may stand. */
_Static_assert(offsetof(struct vedette_record, bytes) % sizeof(int64_t) == 0, "a record's struct is not aligned");

/* By enum record_kind. */
static const enum vedette_record_kind kinds[] = {
    [RECORD_BOOL] = VEDETTE_RECORD_BOOL,       [RECORD_INT32] = VEDETTE_RECORD_INTEGER,
    [RECORD_INT64] = VEDETTE_RECORD_INTEGER,   [RECORD_UINT64] = VEDETTE_RECORD_INTEGER,
    [RECORD_DOUBLE] = VEDETTE_RECORD_NUMBER,   [RECORD_STRING] = VEDETTE_RECORD_TEXT,
    [RECORD_ENUM] = VEDETTE_RECORD_CHOICE,     [RECORD_TIME] = VEDETTE_RECORD_TIME,
    [RECORD_OPTIONAL] = VEDETTE_RECORD_NUMBER, [RECORD_POINT] = VEDETTE_RECORD_POINT,
    [RECORD_BOX] = VEDETTE_RECORD_BOX,         [RECORD_POINTS] = VEDETTE_RECORD_LIST,
    [RECORD_STRINGS] = VEDETTE_RECORD_LIST,    [RECORD_IDS] = VEDETTE_RECORD_LIST,
    [RECORD_JSON] = VEDETTE_RECORD_JSON,       [RECORD_LIST] = VEDETTE_RECORD_LIST,
    [RECORD_RECORD] = VEDETTE_RECORD_OBJECT,
};

/* ---- types: descriptors under another name ---- */

static const struct record_descriptor *descriptor_of(const struct vedette_record_type *type)
{
    return (const struct record_descriptor *)(const void *)type;
}

static const struct vedette_record_type *type_of(const struct record_descriptor *descriptor)
{
    return (const struct vedette_record_type *)(const void *)descriptor;
}

const struct vedette_record_type *vedette_record_type_at(size_t index)
{
    return index < facts_record_count() ? type_of(facts_record_at(index)) : NULL;
}

const struct vedette_record_type *vedette_record_type_find(const char *name)
{
    return name ? type_of(facts_record_find(name)) : NULL;
}

const char *vedette_record_type_name(const struct vedette_record_type *type)
{
    return descriptor_of(type)->name;
}

const char *vedette_record_type_doc(const struct vedette_record_type *type)
{
    return descriptor_of(type)->doc;
}

int vedette_record_type_version(const struct vedette_record_type *type)
{
    return descriptor_of(type)->schema_version;
}

bool vedette_record_type_field(const struct vedette_record_type *type, size_t index, struct vedette_record_field *field)
{
    const struct record_descriptor *descriptor = descriptor_of(type);
    if (index >= descriptor->field_count)
        return false;
    const struct record_field *of = &descriptor->fields[index];
    *field = (struct vedette_record_field){
        .name = of->name,
        .kind = kinds[of->kind],
        .doc = of->doc,
        .unit = of->unit,
        .min = of->min,
        .max = of->max,
        .choices = of->names,
        .is_required = of->flags & RECORD_REQUIRED,
        .is_secret = of->flags & RECORD_SECRET,
    };
    return true;
}

/* ---- records ---- */

/* Views have records inlined in them, and are only ever given out. */
static bool is_only_written(const struct record_descriptor *descriptor)
{
    for (size_t i = 0; i < descriptor->field_count; i++)
        if (descriptor->fields[i].flags & RECORD_INLINE)
            return true;
    return false;
}

static void tell(vedette_record_fault fault, void *data, const struct record_errors *errors)
{
    for (guint i = 0; fault && i < errors->items->len; i++) {
        const struct record_error *error = g_ptr_array_index(errors->items, i);
        fault(data, error->path, error->text);
    }
}

struct vedette_record *vedette_record_parse(const struct vedette_record_type *type, const char *json, size_t length,
                                            vedette_record_fault fault, void *data)
{
    const struct record_descriptor *descriptor = descriptor_of(type);
    struct vedette_record *record = g_malloc0(sizeof *record + descriptor->size);
    struct record_errors errors;
    record->descriptor = descriptor;
    record_errors_init(&errors);
    bool is_good = false;
    if (is_only_written(descriptor))
        record_errors_add(&errors, "", "is a %s, which is only given out and never read", descriptor->name);
    else
        is_good = record_decode_json(descriptor, json, length, record->bytes, &errors);
    if (!is_good) {
        tell(fault, data, &errors);
        g_clear_pointer(&record, g_free); /* what was decoded of it is cleared */
    }
    record_errors_clear(&errors);
    return record;
}

void vedette_record_free(struct vedette_record *record)
{
    if (!record)
        return;
    record_clear(record->descriptor, record->bytes);
    g_free(record);
}

const struct vedette_record_type *vedette_record_get_type(const struct vedette_record *record)
{
    return type_of(record->descriptor);
}

char *vedette_record_json(const struct vedette_record *record)
{
    GString *json = g_string_new(NULL);
    record_encode_json(record->descriptor, record->bytes, true, json);
    return g_string_free(json, FALSE); /* GLib's memory is malloc's (since 2.46) */
}

/* ---- getters ---- */

/* NULL when there is no such field. */
static const void *find_member(const struct vedette_record *record, const char *name, const struct record_field **field)
{
    *field = record_find_field(record->descriptor, name);
    return *field && !((*field)->flags & RECORD_SECRET) ? record->bytes + (*field)->offset : NULL;
}

bool vedette_record_get_text(const struct vedette_record *record, const char *name, const char **text)
{
    const struct record_field *field;
    const void *member = find_member(record, name, &field);
    const char *found = NULL;
    if (member && field->kind == RECORD_STRING)
        found = *(char *const *)member;
    else if (member && field->kind == RECORD_JSON)
        found = ((const struct record_json *)member)->text;
    else if (member && field->kind == RECORD_ENUM && *(const unsigned *)member)
        found = record_enum_name(field->names, *(const unsigned *)member);
    if (found)
        *text = found;
    return found != NULL;
}

bool vedette_record_get_integer(const struct vedette_record *record, const char *name, int64_t *value)
{
    const struct record_field *field;
    const void *member = find_member(record, name, &field);
    switch (member ? field->kind : 0) {
    case RECORD_BOOL:
        *value = *(const bool *)member;
        return true;
    case RECORD_INT32:
        *value = *(const int32_t *)member;
        return true;
    case RECORD_INT64:
    case RECORD_UINT64: /* at most 2^53 */
        *value = *(const int64_t *)member;
        return true;
    case RECORD_TIME:
        if (((const struct record_time *)member)->ms)
            *value = ((const struct record_time *)member)->ms;
        return ((const struct record_time *)member)->ms != 0;
    default:
        return false;
    }
}

bool vedette_record_get_number(const struct vedette_record *record, const char *name, double *value)
{
    const struct record_field *field;
    const void *member = find_member(record, name, &field);
    int64_t integer = 0;
    if (member && field->kind == RECORD_DOUBLE) {
        *value = *(const double *)member;
        return true;
    }
    if (member && field->kind == RECORD_OPTIONAL) {
        const struct record_optional *optional = member;
        if (optional->is_present)
            *value = optional->value;
        return optional->is_present;
    }
    if (!member || kinds[field->kind] != VEDETTE_RECORD_INTEGER || !vedette_record_get_integer(record, name, &integer))
        return false;
    *value = (double)integer;
    return true;
}

bool vedette_record_get_box(const struct vedette_record *record, const char *name, double box[4])
{
    const struct record_field *field;
    const struct record_box *member = find_member(record, name, &field);
    if (!member || field->kind != RECORD_BOX)
        return false;
    box[0] = member->x;
    box[1] = member->y;
    box[2] = member->w;
    box[3] = member->h;
    return true;
}

struct vedette_record *vedette_record_payload(const struct vedette_record *record, vedette_record_fault fault,
                                              void *data)
{
    if (record->descriptor != &analytics_event_descriptor) {
        if (fault)
            fault(data, "", "it is no AnalyticsEvent, and carries nothing");
        return NULL;
    }
    const struct analytics_event *event = (const struct analytics_event *)(const void *)record->bytes;
    const char *text = event->payload.text ? event->payload.text : "";
    return vedette_record_parse(type_of(event_type_find(event->type)->payload), text, strlen(text), fault, data);
}
