#include "record/record.h"

#include "record/record_internal.h"

#include <string.h>

const char *record_sql_type(const struct record_field *field, enum record_dialect dialect)
{
    if (field->flags & RECORD_BASE64)
        return dialect == RECORD_SQLITE ? "BLOB" : "bytea";
    /* Text is compared by bytes in both: cursors and ranges of ids mean the same whatever the database's locale. */
    static const struct {
        const char *sqlite, *postgres;
    } types[] = {
        [RECORD_BOOL] = {"INTEGER", "boolean"},           [RECORD_INT32] = {"INTEGER", "integer"},
        [RECORD_INT64] = {"INTEGER", "bigint"},           [RECORD_UINT64] = {"INTEGER", "bigint"},
        [RECORD_TIME] = {"INTEGER", "timestamptz"},       [RECORD_DOUBLE] = {"REAL", "double precision"},
        [RECORD_OPTIONAL] = {"REAL", "double precision"}, [RECORD_STRING] = {"TEXT", "text COLLATE \"C\""},
        [RECORD_ENUM] = {"TEXT", "text COLLATE \"C\""},
    };
    if (field->kind < G_N_ELEMENTS(types) && types[field->kind].sqlite)
        return dialect == RECORD_SQLITE ? types[field->kind].sqlite : types[field->kind].postgres;
    return dialect == RECORD_SQLITE ? "TEXT" : field->flags & RECORD_VERBATIM ? "json" : "jsonb";
}

static bool can_be_null(const struct record_field *field)
{
    return !(field->flags & (RECORD_REQUIRED | RECORD_KEY | RECORD_NOT_NULL));
}

void record_append_sql_names(const struct record_descriptor *descriptor, unsigned flags, GString *out)
{
    const char *joint = "";
    for (size_t i = 0; i < descriptor->field_count; i++) {
        const struct record_field *field = &descriptor->fields[i];
        if ((field->flags & flags) != flags)
            continue;
        g_string_append_printf(out, "%s%s", joint, field->name);
        joint = ", ";
    }
}

static void append_primary_key(const struct record_descriptor *descriptor, const char *leading, GString *out)
{
    g_string_append_printf(out, ", PRIMARY KEY (%s", leading ? leading : "");
    const char *joint = leading ? ", " : "";
    for (size_t i = 0; i < descriptor->field_count; i++) {
        const struct record_field *field = &descriptor->fields[i];
        if (!(field->flags & RECORD_KEY) || g_strcmp0(field->name, leading) == 0)
            continue;
        g_string_append_printf(out, "%s%s", joint, field->name);
        joint = ", ";
    }
    g_string_append_c(out, ')');
}

char *record_sql_create(const struct record_descriptor *descriptor, enum record_dialect dialect, const char *leading,
                        const char *constraints)
{
    GString *out = g_string_new(NULL);
    g_string_append_printf(out, "CREATE TABLE %s (", descriptor->table);
    for (size_t i = 0; i < descriptor->field_count; i++) {
        const struct record_field *field = &descriptor->fields[i];
        g_string_append_printf(out, "%s%s %s%s", i ? ", " : "", field->name, record_sql_type(field, dialect),
                               can_be_null(field) && g_strcmp0(field->name, leading) != 0 ? "" : " NOT NULL");
    }
    append_primary_key(descriptor, leading, out);
    if (constraints)
        g_string_append_printf(out, ", %s", constraints);
    g_string_append_c(out, ')');
    return g_string_free(out, FALSE);
}

void record_append_sql_indexes(const struct record_descriptor *descriptor, const char *leading, GString *out)
{
    for (size_t i = 0; i < descriptor->field_count; i++) {
        const struct record_field *field = &descriptor->fields[i];
        if (field->flags & RECORD_INDEXED)
            g_string_append_printf(out, "CREATE INDEX %s_%s ON %s (%s%s%s);\n", descriptor->table, field->name,
                                   descriptor->table, leading ? leading : "", leading ? ", " : "", field->name);
    }
}

char *record_sql_conflict(const struct record_descriptor *descriptor, enum record_conflict conflict)
{
    GString *out = g_string_new(NULL);
    if (conflict == RECORD_CONFLICT_FAIL)
        return g_string_free(out, FALSE);
    g_string_append(out, " ON CONFLICT (");
    record_append_sql_names(descriptor, RECORD_KEY, out);
    g_string_append(out, ") DO ");
    const char *joint = "UPDATE SET ";
    for (size_t i = 0; conflict == RECORD_CONFLICT_REPLACE && i < descriptor->field_count; i++) {
        const struct record_field *field = &descriptor->fields[i];
        if (field->flags & RECORD_KEY)
            continue;
        g_string_append_printf(out, "%s%s = excluded.%s", joint, field->name, field->name);
        joint = ", ";
    }
    if (joint[0] == 'U')
        g_string_append(out, "NOTHING");
    return g_string_free(out, FALSE);
}

char *record_sql_insert(const struct record_descriptor *descriptor, const char *on_conflict)
{
    GString *out = g_string_new(NULL);
    g_string_append_printf(out, "INSERT INTO %s (", descriptor->table);
    record_append_sql_names(descriptor, 0, out);
    g_string_append(out, ") VALUES (");
    for (size_t i = 0; i < descriptor->field_count; i++)
        g_string_append_printf(out, "%s$%zu", i ? ", " : "", i + 1);
    g_string_append_printf(out, ")%s", on_conflict);
    return g_string_free(out, FALSE);
}

char *record_sql_select(const struct record_descriptor *descriptor)
{
    GString *out = g_string_new("SELECT ");
    record_append_sql_names(descriptor, 0, out);
    g_string_append_printf(out, " FROM %s", descriptor->table);
    return g_string_free(out, FALSE);
}

static void set_integer(struct record_sql_value *value, enum record_sql_kind type, int64_t integer)
{
    value->type = type;
    value->integer = integer;
}

static void set_real(struct record_sql_value *value, double real)
{
    value->type = RECORD_SQL_REAL;
    value->real = real;
}

static void set_text(struct record_sql_value *value, enum record_sql_kind type, char *text)
{
    value->type = text ? type : RECORD_SQL_NULL;
    value->text = text;
}

static void set_bytes(struct record_sql_value *value, const char *base64)
{
    gsize length = 0;
    if (!base64)
        return;
    value->type = RECORD_SQL_BYTES;
    value->text = (char *)g_base64_decode(base64, &length);
    value->integer = (int64_t)length;
}

static void borrow_text(struct record_sql_value *value, enum record_sql_kind type, const char *text)
{
    set_text(value, type, (char *)(uintptr_t)text);
    value->is_borrowed = true;
}

/* Everything without an SQL type of its own is the JSON a reader of the API would see. */
static char *field_json(const struct record_field *field, const void *record)
{
    struct record_field alone = *field;
    alone.flags = 0;
    const struct record_descriptor wrapper = {.name = "", .size = 0, .fields = &alone, .field_count = 1};
    g_autoptr(GString) out = g_string_new(NULL);
    record_encode_json(&wrapper, record, false, out);
    if (out->len == 2) /* "{}": left out */
        return NULL;
    size_t prefix = strlen(field->name) + 4; /* {"name": */
    return g_strndup(out->str + prefix, out->len - prefix - 1);
}

void record_get_sql_value(const struct record_field *field, const void *record, struct record_sql_value *value)
{
    const void *address = field_address(field, record);
    *value = (struct record_sql_value){.type = RECORD_SQL_NULL};
    switch (field->kind) {
    case RECORD_BOOL:
        set_integer(value, RECORD_SQL_BOOL, *(const bool *)address);
        break;
    case RECORD_INT32:
        set_integer(value, RECORD_SQL_INTEGER, *(const int32_t *)address);
        break;
    case RECORD_INT64:
    case RECORD_UINT64:
        set_integer(value, RECORD_SQL_INTEGER, *(const int64_t *)address);
        break;
    case RECORD_TIME:
        if (((const struct record_time *)address)->ms || !can_be_null(field))
            set_integer(value, RECORD_SQL_TIME, ((const struct record_time *)address)->ms);
        break;
    case RECORD_DOUBLE:
        set_real(value, *(const double *)address);
        break;
    case RECORD_OPTIONAL:
        if (((const struct record_optional *)address)->is_present)
            set_real(value, ((const struct record_optional *)address)->value);
        break;
    case RECORD_STRING:
        if (field->flags & RECORD_BASE64)
            set_bytes(value, *(char *const *)address);
        else
            borrow_text(value, RECORD_SQL_TEXT, *(char *const *)address);
        break;
    case RECORD_ENUM:
        if (*(const unsigned *)address)
            borrow_text(value, RECORD_SQL_TEXT, record_enum_name(field->names, *(const unsigned *)address));
        break;
    case RECORD_JSON:
        borrow_text(value, RECORD_SQL_JSON, ((const struct record_json *)address)->text);
        break;
    default:
        set_text(value, RECORD_SQL_JSON, field_json(field, record));
        break;
    }
}

static bool set_record(const struct record_field *field, void *record, const char *text)
{
    g_autofree void *inner = g_malloc0(field->descriptor->size);
    struct record_errors errors;
    record_errors_init(&errors);
    bool is_good = record_decode_json(field->descriptor, text, strlen(text), inner, &errors);
    record_errors_clear(&errors);
    if (!is_good)
        return false;
    void *address = field_address(field, record);
    record_clear(field->descriptor, address);
    memcpy(address, inner, field->descriptor->size);
    return true;
}

static bool set_from_json(const struct record_field *field, void *record, const char *text)
{
    if (field->kind == RECORD_RECORD)
        return set_record(field, record, text);
    g_autofree char *object = g_strdup_printf("{\"%s\":%s}", field->name, text);
    struct record_field alone = *field;
    alone.offset = 0;
    /* Decoded on its own, then its bytes moved into place: the record's other fields are not touched. */
    union {
        struct record_points points;
        struct record_strings strings;
        struct record_ids ids;
        struct record_list list;
        struct record_json json;
        struct record_box box;
        struct record_point point;
    } holder;
    static const size_t sizes[] = {
        [RECORD_POINTS] = sizeof holder.points, [RECORD_STRINGS] = sizeof holder.strings,
        [RECORD_IDS] = sizeof holder.ids,       [RECORD_LIST] = sizeof holder.list,
        [RECORD_JSON] = sizeof holder.json,     [RECORD_BOX] = sizeof holder.box,
        [RECORD_POINT] = sizeof holder.point,
    };
    if (field->kind >= G_N_ELEMENTS(sizes) || !sizes[field->kind])
        return false;
    const struct record_descriptor wrapper = {.name = "", .size = sizeof holder, .fields = &alone, .field_count = 1};
    struct record_errors errors;
    record_errors_init(&errors);
    bool is_good = record_decode_json(&wrapper, object, strlen(object), &holder, &errors);
    record_errors_clear(&errors);
    if (is_good)
        memcpy(field_address(field, record), &holder, sizes[field->kind]);
    return is_good;
}

bool record_set_sql_value(const struct record_field *field, void *record, const struct record_sql_value *value)
{
    void *address = field_address(field, record);
    if (value->type == RECORD_SQL_NULL)
        return can_be_null(field);
    bool is_text = value->type == RECORD_SQL_TEXT || value->type == RECORD_SQL_JSON;
    bool is_bytes = value->type == RECORD_SQL_BYTES;
    bool is_integer = !is_text && !is_bytes && value->type != RECORD_SQL_REAL;
    double real = is_integer ? (double)value->integer : value->real;
    switch (field->kind) {
    case RECORD_BOOL:
        *(bool *)address = value->integer != 0;
        return is_integer;
    case RECORD_INT32:
        *(int32_t *)address = (int32_t)value->integer;
        return is_integer && value->integer >= INT32_MIN && value->integer <= INT32_MAX;
    case RECORD_INT64:
    case RECORD_UINT64:
    case RECORD_TIME:
        *(int64_t *)address = value->integer;
        return is_integer;
    case RECORD_DOUBLE:
        *(double *)address = real;
        return !is_text && !is_bytes;
    case RECORD_OPTIONAL:
        *(struct record_optional *)address = (struct record_optional){true, real};
        return !is_text && !is_bytes;
    case RECORD_STRING:
        if (is_bytes != ((field->flags & RECORD_BASE64) != 0) || (!is_text && !is_bytes))
            return false;
        g_free(*(char **)address);
        *(char **)address =
            is_bytes ? g_base64_encode((const guchar *)value->text, (gsize)value->integer) : g_strdup(value->text);
        return true;
    case RECORD_ENUM:
        *(unsigned *)address = is_text ? record_enum_value(field->names, value->text) : 0;
        return *(unsigned *)address != 0;
    default:
        return is_text && set_from_json(field, record, value->text);
    }
}

void record_sql_value_clear(struct record_sql_value *value)
{
    if (!value->is_borrowed)
        g_free(value->text);
    *value = (struct record_sql_value){.type = RECORD_SQL_NULL};
}
