#include "record/record.h"

#include "record/record_internal.h"

#include <math.h>
#include <string.h>

static const double exact_integer_max = 0x1p53; /* beyond it JSON readers lose digits */

static bool is_in_range(const struct record_field *field, double value)
{
    return isfinite(value) && (!field_is_bounded(field) || (value >= field->min && value <= field->max));
}

/* Says why a number is not in the field's range. */
static void number_tell(const struct record_field *field, double value, const char *path, struct record_errors *errors)
{
    char text[RECORD_DOUBLE_TEXT_BYTES], low[RECORD_DOUBLE_TEXT_BYTES], high[RECORD_DOUBLE_TEXT_BYTES];
    if (!isfinite(value)) {
        record_errors_add(errors, path, "must be a finite number");
        return;
    }
    record_double_write(value, text);
    record_double_write(field->min, low);
    record_double_write(field->max, high);
    record_errors_add(errors, path, "%s: must be between %s and %s%s%s", text, low, high, field->unit ? " " : "",
                      field->unit ? field->unit : "");
}

static void number_check(const struct record_field *field, double value, const char *path, struct record_errors *errors)
{
    if (!is_in_range(field, value))
        number_tell(field, value, path, errors);
}

static void numbers_check(const struct record_field *field, const double *values, size_t count, const char *path,
                          struct record_errors *errors)
{
    for (size_t i = 0; i < count; i++) {
        if (is_in_range(field, values[i]))
            continue;
        g_autofree char *where = record_path_index(path, i);
        number_tell(field, values[i], where, errors);
    }
}

static bool is_text_id(const char *text)
{
    enum { TEXT_ID_BYTES_MAX = 64 };
    size_t length = 0, points = 0;
    while (length < TEXT_ID_BYTES_MAX &&
           (g_ascii_isalnum(text[length]) || text[length] == '.' || text[length] == '_' || text[length] == '-'))
        points += text[length++] == '.';
    /* "." and ".." would walk in paths and topics */
    return text[length] == '\0' && points < length;
}

static void string_check(const struct record_field *field, const char *text, const char *path,
                         struct record_errors *errors)
{
    size_t length = strlen(text);
    bool is_plain = text_is_plain(text, length);
    bool is_valid = is_plain || g_utf8_validate(text, (gssize)length, NULL);
    size_t count = is_plain || !is_valid ? length : (size_t)g_utf8_strlen(text, (gssize)length);
    if (!is_valid)
        record_errors_add(errors, path, "is not valid UTF-8");
    else if (count < field->min_count || count > field_max_count(field))
        record_errors_add(errors, path, "has %zu characters: must have between %zu and %zu", count, field->min_count,
                          field_max_count(field));
    else if ((field->flags & RECORD_TEXT_ID) && !is_text_id(text))
        record_errors_add(errors, path, "must be 1 to 64 of A-Z a-z 0-9 . _ -");
    g_autoptr(GError) error = NULL;
    if (field->check_text && !field->check_text(text, &error))
        record_errors_add(errors, path, "%s", error->message);
}

static void count_check(const struct record_field *field, size_t count, const char *path, struct record_errors *errors)
{
    if (count < field->min_count || count > field_max_count(field))
        record_errors_add(errors, path, "has %zu items: must have between %zu and %zu", count, field->min_count,
                          field_max_count(field));
}

static void strings_check(const struct record_field *field, const struct record_strings *strings, const char *path,
                          struct record_errors *errors)
{
    count_check(field, strings->count, path, errors);
    for (size_t i = 0; i < strings->count; i++)
        if (!g_utf8_validate(strings->items[i], -1, NULL)) {
            g_autofree char *where = record_path_index(path, i);
            record_errors_add(errors, where, "is not valid UTF-8");
        }
}

static void points_check(const struct record_field *field, const struct record_points *points, struct field_path *path,
                         struct record_errors *errors)
{
    count_check(field, points->count, path->text, errors);
    for (size_t i = 0; i < points->count; i++) {
        size_t length = record_path_push_index(path, i);
        numbers_check(field, &points->items[i].x, 2, path->text, errors);
        record_path_truncate(path, length);
    }
}

static void validate(const struct record_descriptor *descriptor, const void *record, struct field_path *path,
                     struct record_errors *errors);

static void list_check(const struct record_field *field, const struct record_list *list, struct field_path *path,
                       struct record_errors *errors)
{
    count_check(field, list->count, path->text, errors);
    for (size_t i = 0; i < list->count; i++) {
        size_t length = record_path_push_index(path, i);
        validate(field->descriptor, (char *)list->items + i * field->descriptor->size, path, errors);
        record_path_truncate(path, length);
    }
}

/* True when the field holds nothing. Numbers and booleans always hold something. */
static bool field_is_unset(const struct record_field *field, const void *address)
{
    switch (field->kind) {
    case RECORD_STRING:
        return !*(char *const *)address;
    case RECORD_JSON:
        return !((const struct record_json *)address)->text;
    case RECORD_ENUM:
        return *(const unsigned *)address == 0;
    case RECORD_TIME:
        return ((const struct record_time *)address)->ms == 0;
    case RECORD_OPTIONAL:
        return !((const struct record_optional *)address)->is_present;
    default:
        return false;
    }
}

static void enum_check(const struct record_field *field, unsigned value, const char *path, struct record_errors *errors)
{
    if (!*record_enum_name(field->names, value))
        record_errors_add(errors, path, "%u: is no value of this field", value);
}

static void whole_check(const struct record_field *field, double value, const char *path, struct record_errors *errors)
{
    if (field->flags & RECORD_WHOLE && value != floor(value))
        record_errors_add(errors, path, "%g: must be a whole number", value);
}

static void field_check(const struct record_field *field, const void *record, struct field_path *path,
                        struct record_errors *errors)
{
    const void *address = field_address(field, record);
    if (field_is_unset(field, address)) {
        if (field->flags & RECORD_REQUIRED)
            record_errors_add(errors, path->text, "is missing: %s", field->doc);
        return;
    }
    switch (field->kind) {
    case RECORD_INT32:
        number_check(field, *(const int32_t *)address, path->text, errors);
        break;
    case RECORD_INT64:
        number_check(field, (double)*(const int64_t *)address, path->text, errors);
        break;
    case RECORD_UINT64:
        number_check(field, (double)*(const uint64_t *)address, path->text, errors);
        if (*(const uint64_t *)address > (uint64_t)exact_integer_max)
            record_errors_add(errors, path->text, "must be at most 2^53");
        break;
    case RECORD_DOUBLE:
        number_check(field, *(const double *)address, path->text, errors);
        break;
    case RECORD_OPTIONAL:
        number_check(field, ((const struct record_optional *)address)->value, path->text, errors);
        whole_check(field, ((const struct record_optional *)address)->value, path->text, errors);
        break;
    case RECORD_ENUM:
        enum_check(field, *(const unsigned *)address, path->text, errors);
        break;
    case RECORD_STRING:
        string_check(field, *(char *const *)address, path->text, errors);
        break;
    case RECORD_POINT:
        numbers_check(field, address, 2, path->text, errors);
        break;
    case RECORD_BOX:
        numbers_check(field, address, 4, path->text, errors);
        break;
    case RECORD_POINTS:
        points_check(field, address, path, errors);
        break;
    case RECORD_STRINGS:
        strings_check(field, address, path->text, errors);
        break;
    case RECORD_IDS:
        count_check(field, ((const struct record_ids *)address)->count, path->text, errors);
        break;
    case RECORD_LIST:
        list_check(field, address, path, errors);
        break;
    case RECORD_RECORD:
        validate(field->descriptor, address, path, errors);
        break;
    default:
        break;
    }
}

static void validate(const struct record_descriptor *descriptor, const void *record, struct field_path *path,
                     struct record_errors *errors)
{
    size_t before = errors->count;
    for (size_t i = 0; i < descriptor->field_count; i++) {
        const struct record_field *field = &descriptor->fields[i];
        if (!(field->flags & RECORD_REQUIRED) && field_is_unset(field, field_address(field, record)))
            continue; /* most are: the path need not know of them */
        size_t length = record_path_push(path, field->name);
        field_check(field, record, path, errors);
        record_path_truncate(path, length);
        if (errors->count > before && !errors->most)
            return; /* nobody is told of more */
    }
    if (errors->count == before && descriptor->check)
        descriptor->check(record, path->text, errors);
}

bool record_validate(const struct record_descriptor *descriptor, const void *record, const char *path,
                     struct record_errors *errors)
{
    size_t before = errors->count;
    struct field_path where;
    record_path_truncate(&where, 0);
    record_path_push(&where, path);
    validate(descriptor, record, &where, errors);
    return errors->count == before;
}
