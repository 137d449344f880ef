/* Values in PostgreSQL's binary format (the send and receive functions of its types): exact numbers, and no quoting. */
#include "store/postgres_internal.h"

#include <math.h>
#include <string.h>

/* From pg_type.dat: these numbers never change. */
enum {
    OID_BOOL = 16,
    OID_BYTEA = 17,
    OID_NAME = 19,
    OID_INT8 = 20,
    OID_INT2 = 21,
    OID_INT4 = 23,
    OID_TEXT = 25,
    OID_JSON = 114,
    OID_FLOAT4 = 700,
    OID_FLOAT8 = 701,
    OID_VARCHAR = 1043,
    OID_TIMESTAMPTZ = 1184,
    OID_NUMERIC = 1700,
    OID_VOID = 2278,
    OID_JSONB = 3802,
};

/* PostgreSQL counts microseconds from 2000-01-01. */
static const int64_t epoch_ms = INT64_C(946684800000);
static const guint8 jsonb_version = 1;

/* ---- out ---- */

static void append_u32(GByteArray *out, uint32_t value)
{
    value = GUINT32_TO_BE(value);
    g_byte_array_append(out, (const guint8 *)&value, sizeof value);
}

static void append_u64(GByteArray *out, uint64_t value)
{
    value = GUINT64_TO_BE(value);
    g_byte_array_append(out, (const guint8 *)&value, sizeof value);
}

static void append_real(GByteArray *out, double real)
{
    uint64_t bits;
    memcpy(&bits, &real, sizeof bits);
    append_u64(out, bits);
}

static uint64_t time_of(const struct record_sql_value *value)
{
    return (uint64_t)((value->integer - epoch_ms) * 1000 + value->rest_us);
}

Oid pg_value_type(const struct record_sql_value *value)
{
    static const Oid types[] = {
        [RECORD_SQL_INTEGER] = OID_INT8, [RECORD_SQL_REAL] = OID_FLOAT8,      [RECORD_SQL_TEXT] = OID_TEXT,
        [RECORD_SQL_BOOL] = OID_BOOL,    [RECORD_SQL_TIME] = OID_TIMESTAMPTZ, [RECORD_SQL_JSON] = OID_TEXT,
        [RECORD_SQL_BYTES] = OID_BYTEA,
    };
    return types[value->type];
}

void pg_append_value(const struct record_sql_value *value, GByteArray *out)
{
    const guint8 byte = value->integer != 0;
    switch (value->type) {
    case RECORD_SQL_INTEGER:
        append_u64(out, (uint64_t)value->integer);
        break;
    case RECORD_SQL_REAL:
        append_real(out, value->real);
        break;
    case RECORD_SQL_BOOL:
        g_byte_array_append(out, &byte, 1);
        break;
    case RECORD_SQL_TIME:
        append_u64(out, time_of(value));
        break;
    case RECORD_SQL_TEXT:
    case RECORD_SQL_JSON:
        g_byte_array_append(out, (const guint8 *)value->text, (guint)strlen(value->text));
        break;
    case RECORD_SQL_BYTES:
        g_byte_array_append(out, (const guint8 *)value->text, (guint)value->integer);
        break;
    default:
        break;
    }
}

static const struct element {
    Oid type;
    const char *array_name;
    uint32_t bytes; /* 0: as long as its text */
} elements[] =
    {
        [RECORD_BOOL] = {OID_BOOL, "boolean[]", 1},
        [RECORD_INT32] = {OID_INT4, "integer[]", 4},
        [RECORD_INT64] = {OID_INT8, "bigint[]", 8},
        [RECORD_UINT64] = {OID_INT8, "bigint[]", 8},
        [RECORD_DOUBLE] = {OID_FLOAT8, "double precision[]", 8},
        [RECORD_OPTIONAL] = {OID_FLOAT8, "double precision[]", 8},
        [RECORD_TIME] = {OID_TIMESTAMPTZ, "timestamptz[]", 8},
        [RECORD_STRING] = {OID_TEXT, "text[]", 0},
        [RECORD_ENUM] = {OID_TEXT, "text[]", 0},
},
  json_element = {OID_JSON, "json[]", 0}, jsonb_element = {OID_JSONB, "jsonb[]", 0},
  bytes_element = {OID_BYTEA, "bytea[]", 0};

static const struct element *element_of(const struct record_field *field)
{
    if (field->flags & RECORD_BASE64)
        return &bytes_element;
    if (field->kind < G_N_ELEMENTS(elements) && elements[field->kind].type)
        return &elements[field->kind];
    return field->flags & RECORD_VERBATIM ? &json_element : &jsonb_element;
}

const char *pg_array_name(const struct record_field *field)
{
    return element_of(field)->array_name;
}

static void append_element(const struct element *element, const struct record_sql_value *value, GByteArray *out)
{
    bool is_jsonb = element->type == OID_JSONB;
    if (element->bytes) {
        append_u32(out, element->bytes);
        if (element->bytes == sizeof(uint32_t))
            append_u32(out, (uint32_t)value->integer);
        else
            pg_append_value(value, out);
        return;
    }
    size_t length = value->type == RECORD_SQL_BYTES ? (size_t)value->integer : strlen(value->text);
    append_u32(out, (uint32_t)length + is_jsonb);
    if (is_jsonb)
        g_byte_array_append(out, &jsonb_version, 1);
    pg_append_value(value, out);
}

void pg_append_array(const struct record_field *field, const void *const *records, size_t count, GByteArray *out)
{
    const struct element *element = element_of(field);
    append_u32(out, 1); /* dimensions */
    append_u32(out, 1); /* may hold NULL */
    append_u32(out, element->type);
    append_u32(out, (uint32_t)count);
    append_u32(out, 1); /* the first index */
    for (size_t i = 0; i < count; i++) {
        struct record_sql_value value;
        record_get_sql_value(field, records[i], &value);
        if (value.type == RECORD_SQL_NULL)
            append_u32(out, UINT32_MAX);
        else
            append_element(element, &value, out);
        record_sql_value_clear(&value);
    }
}

/* ---- in ---- */

static int64_t read_whole(const char *bytes, int length)
{
    uint64_t value = 0;
    for (int i = 0; i < length; i++)
        value = value << 8 | (unsigned char)bytes[i];
    if (length == 2)
        return (int16_t)value;
    return length == 4 ? (int32_t)value : (int64_t)value;
}

static double read_real(const char *bytes, int length)
{
    if (length == 4) {
        uint32_t bits = (uint32_t)read_whole(bytes, 4);
        float real;
        memcpy(&real, &bits, sizeof real);
        return (double)real;
    }
    uint64_t bits = (uint64_t)read_whole(bytes, 8);
    double real;
    memcpy(&real, &bits, sizeof real);
    return real;
}

/* numeric: counts of base 10000 digits, their weight, sign, scale; then the digits. Sums of whole numbers are such. */
static void read_numeric(const char *bytes, struct record_sql_value *value)
{
    static const int sign_negative = 0x4000;
    int digits = (int)read_whole(bytes, 2), weight = (int)read_whole(bytes + 2, 2);
    int sign = (int)read_whole(bytes + 4, 2) & 0xffff, scale = (int)read_whole(bytes + 6, 2);
    double real = 0;
    for (int i = 0; i < digits; i++)
        real += (double)read_whole(bytes + 8 + 2 * i, 2) * pow(10000, weight - i);
    real = sign == sign_negative ? -real : real;
    bool is_whole = scale == 0 && fabs(real) < 0x1p53;
    *value = is_whole ? sql_integer((int64_t)real) : sql_real(real);
}

/* Others may have written it finer than we do. */
static void read_time(const char *bytes, int length, struct record_sql_value *value)
{
    int64_t us = read_whole(bytes, length), rest_us = (us % 1000 + 1000) % 1000;
    *value = sql_integer((us - rest_us) / 1000 + epoch_ms);
    value->rest_us = (int32_t)rest_us;
}

bool pg_read_value(const PGresult *result, int row, int column, struct record_sql_value *value, GError **error)
{
    *value = sql_text(NULL);
    if (PQgetisnull(result, row, column))
        return true;
    const char *bytes = PQgetvalue(result, row, column);
    int length = PQgetlength(result, row, column);
    switch (PQftype(result, column)) {
    case OID_BOOL:
        *value = sql_integer(bytes[0] != 0);
        return true;
    case OID_INT2:
    case OID_INT4:
    case OID_INT8:
        *value = sql_integer(read_whole(bytes, length));
        return true;
    case OID_FLOAT4:
    case OID_FLOAT8:
        *value = sql_real(read_real(bytes, length));
        return true;
    case OID_NUMERIC:
        read_numeric(bytes, value);
        return true;
    case OID_TIMESTAMPTZ:
        read_time(bytes, length, value);
        return true;
    case OID_TEXT:
    case OID_NAME:
    case OID_VARCHAR:
    case OID_JSON:
        *value = sql_text(bytes);
        return true;
    case OID_BYTEA:
        *value =
            (struct record_sql_value){.type = RECORD_SQL_BYTES, .integer = length, .text = (char *)(uintptr_t)bytes};
        return true;
    case OID_JSONB:
        *value = sql_text(bytes + 1);
        return true;
    case OID_VOID:
        return true;
    default:
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED, "column %s: PostgreSQL's type %u is not read here",
                    PQfname(result, column), PQftype(result, column));
        return false;
    }
}
