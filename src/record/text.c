/* Values as people write them: settings files, variables, flags, defaults. */
#include "record/record.h"

#include "record/record_internal.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static void write_millionths(int64_t millionths, char text[RECORD_DOUBLE_TEXT_BYTES])
{
    enum { PLACES = 6, DIGITS_MAX = 22 }; /* with sign and point */
    uint64_t rest = (uint64_t)(millionths < 0 ? -millionths : millionths);
    char digits[DIGITS_MAX + 1], *at = digits + DIGITS_MAX;
    bool is_fraction = false;
    *at = '\0';
    for (int place = 0; place <= PLACES || rest; place++, rest /= 10) { /* from the last digit */
        if (place == PLACES && is_fraction)
            *--at = '.';
        is_fraction |= place < PLACES && rest % 10;
        if (place >= PLACES || is_fraction)
            *--at = (char)('0' + rest % 10);
    }
    if (millionths < 0)
        *--at = '-';
    memcpy(text, at, (size_t)(digits + DIGITS_MAX - at) + 1);
}

void record_double_write(double value, char text[RECORD_DOUBLE_TEXT_BYTES])
{
    static const double millionth = 1e6, largest = 1e9, smallest = 1e-4; /* of what is written without an exponent */
    char format[8];
    double parts = value * millionth;
    int64_t millionths = fabs(value) < largest ? llround(parts) : 0;
    if (fabs(value) < largest && (fabs(value) >= smallest || (value == 0 && !signbit(value))) &&
        (double)millionths / millionth == value) {
        write_millionths(millionths, text); /* at most 15 digits, so the shortest that reads back the same */
        return;
    }
    /* 15 digits always read as written, 17 always suffice: the first that reads back the same is the shortest. */
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(format, sizeof format, "%%.%dg", digits);
        g_ascii_formatd(text, RECORD_DOUBLE_TEXT_BYTES, format, value);
        if (digits == 17 || g_ascii_strtod(text, NULL) == value)
            return;
    }
}

bool record_kind_is_scalar(enum record_kind kind)
{
    return kind == RECORD_BOOL || kind == RECORD_INT32 || kind == RECORD_INT64 || kind == RECORD_UINT64 ||
           kind == RECORD_DOUBLE || kind == RECORD_STRING || kind == RECORD_ENUM || kind == RECORD_TIME ||
           kind == RECORD_OPTIONAL;
}

/* What to show of a value that was refused: never a secret, never more than a line's worth. */
static char *shown(const struct record_field *field, const char *text)
{
    enum { SHOWN_BYTES = 60 };
    if (field->flags & RECORD_SECRET)
        return g_strdup("(hidden)");
    g_autofree char *valid = g_utf8_make_valid(text, (gssize)strnlen(text, SHOWN_BYTES));
    return g_strdup_printf("'%s'%s", valid, strlen(text) > SHOWN_BYTES ? "…" : "");
}

static bool refuse(const struct record_field *field, const char *text, const char *path, struct record_errors *errors,
                   const char *why)
{
    g_autofree char *value = shown(field, text);
    record_errors_add(errors, path, "%s: %s", value, why);
    return false;
}

bool record_parse_bool(const char *text, bool *value)
{
    *value = strcmp(text, "true") == 0 || strcmp(text, "yes") == 0 || strcmp(text, "on") == 0;
    return *value || strcmp(text, "false") == 0 || strcmp(text, "no") == 0 || strcmp(text, "off") == 0;
}

static bool set_bool(const struct record_field *field, bool *value, const char *text, const char *path,
                     struct record_errors *errors)
{
    bool given;
    if (!record_parse_bool(text, &given))
        return refuse(field, text, path, errors, "must be true or false");
    *value = given;
    return true;
}

static bool parse_integer(const char *text, int64_t low, int64_t high, int64_t *value)
{
    char *end = NULL;
    errno = 0;
    *value = g_ascii_strtoll(text, &end, 10);
    return end != text && *end == '\0' && errno == 0 && *value >= low && *value <= high && !g_ascii_isspace(*text);
}

static bool parse_double(const char *text, double *value)
{
    char *end = NULL;
    errno = 0;
    *value = g_ascii_strtod(text, &end);
    return end != text && *end == '\0' && errno == 0 && isfinite(*value) && !g_ascii_isspace(*text);
}

static bool set_enum(const struct record_field *field, unsigned *value, const char *text, const char *path,
                     struct record_errors *errors)
{
    *value = record_enum_value(field->names, text);
    if (*value)
        return true;
    g_autofree char *allowed = g_strjoinv(", ", (char **)(uintptr_t)field->names);
    g_autofree char *why = g_strdup_printf("must be one of %s", allowed);
    return refuse(field, text, path, errors, why);
}

bool record_set_text(const struct record_field *field, void *record, const char *text, const char *path,
                     struct record_errors *errors)
{
    void *address = field_address(field, record);
    int64_t integer;
    double number;
    switch (field->kind) {
    case RECORD_BOOL:
        return set_bool(field, address, text, path, errors);
    case RECORD_INT32:
        if (!parse_integer(text, INT32_MIN, INT32_MAX, &integer))
            return refuse(field, text, path, errors, "must be a whole number");
        *(int32_t *)address = (int32_t)integer;
        return true;
    case RECORD_INT64:
        if (!parse_integer(text, INT64_MIN, INT64_MAX, &integer))
            return refuse(field, text, path, errors, "must be a whole number");
        *(int64_t *)address = integer;
        return true;
    case RECORD_UINT64:
        if (!parse_integer(text, 0, INT64_MAX, &integer))
            return refuse(field, text, path, errors, "must be a whole number of at least 0");
        *(uint64_t *)address = (uint64_t)integer;
        return true;
    case RECORD_DOUBLE:
    case RECORD_OPTIONAL:
        if (!parse_double(text, &number))
            return refuse(field, text, path, errors, "must be a number");
        if (field->kind == RECORD_DOUBLE)
            *(double *)address = number;
        else
            *(struct record_optional *)address = (struct record_optional){true, number};
        return true;
    case RECORD_STRING:
        g_free(*(char **)address);
        *(char **)address = g_strdup(text);
        return true;
    case RECORD_ENUM:
        return set_enum(field, address, text, path, errors);
    case RECORD_TIME:
        if (!record_parse_time(text, &((struct record_time *)address)->ms))
            return refuse(field, text, path, errors, "must be a time like 2026-01-31T13:00:00Z");
        return true;
    default:
        return refuse(field, text, path, errors, "must not be a single value");
    }
}

void record_append_whole(GString *out, uint64_t value, int digits)
{
    enum { MOST_DIGITS = 20 };
    char text[MOST_DIGITS];
    int first = MOST_DIGITS;
    for (; value > 0 || first > MOST_DIGITS - digits; value /= 10)
        text[--first] = (char)('0' + value % 10);
    append_bytes(out, text + first, (size_t)(MOST_DIGITS - first));
}

enum { JULIAN_1970 = 719163, DAY_MS = 86400000 };
static const int64_t year_1_ms = INT64_C(-62135596800000), year_10000_ms = INT64_C(253402300800000);

void record_append_time(GString *out, int64_t ms)
{
    static const struct {
        char before; /* 0: none */
        int digits;
    } parts[] = {{0, 4}, {'-', 2}, {'-', 2}, {'T', 2}, {':', 2}, {':', 2}, {'.', 3}};
    if (ms < year_1_ms || ms >= year_10000_ms) { /* no RFC 3339 form */
        g_string_append(out, "9999-12-31T23:59:59.999Z");
        return;
    }
    int64_t rest = ms % DAY_MS;
    rest += rest < 0 ? DAY_MS : 0;
    GDate date; /* gmtime_r would take a lock that all threads share */
    g_date_clear(&date, 1);
    g_date_set_julian(&date, (guint32)((ms - rest) / DAY_MS + JULIAN_1970));
    int second = (int)(rest / 1000);
    const int values[] = {g_date_get_year(&date), (int)g_date_get_month(&date),
                          g_date_get_day(&date),  second / 3600,
                          second / 60 % 60,       second % 60,
                          (int)(rest % 1000)};
    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
        if (parts[i].before)
            g_string_append_c(out, parts[i].before);
        record_append_whole(out, (uint64_t)values[i], parts[i].digits);
    }
    g_string_append_c(out, 'Z');
}

/* `count` digits as a number; -1: they are not there. */
static int read_digits(const char *text, int count)
{
    int value = 0;
    for (int i = 0; i < count; i++) {
        if (!g_ascii_isdigit(text[i]))
            return -1;
        value = value * 10 + (text[i] - '0');
    }
    return value;
}

/* Thousandths behind a point; *end: what follows. -1: there is no digit. */
static int read_thousandths(const char *text, const char **end)
{
    int value = 0, count = 0;
    for (; g_ascii_isdigit(text[count]); count++)
        if (count < 3)
            value = value * 10 + (text[count] - '0');
    *end = text + count;
    for (int i = count; i < 3; i++)
        value *= 10;
    return count ? value : -1;
}

/* The form in which nearly all times come: "2026-01-31T13:00:00Z", with or without a fraction. False: it is another. */
static bool parse_usual_time(const char *text, int64_t *ms)
{
    enum { DATE_BYTES = 11, WHOLE_BYTES = 19 };
    if (text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[13] != ':' || text[16] != ':')
        return false;
    int year = read_digits(text, 4), month = read_digits(text + 5, 2), day = read_digits(text + 8, 2);
    int hour = read_digits(text + DATE_BYTES, 2), minute = read_digits(text + 14, 2),
        second = read_digits(text + 17, 2);
    const char *end = text + WHOLE_BYTES;
    int thousandths = *end == '.' ? read_thousandths(end + 1, &end) : 0;
    bool is_good = year > 0 && month > 0 && day > 0 && hour >= 0 && hour < 24 && minute >= 0 && minute < 60 &&
                   second >= 0 && second < 60 && thousandths >= 0 && strcmp(end, "Z") == 0 &&
                   g_date_valid_dmy((GDateDay)day, (GDateMonth)month, (GDateYear)year);
    if (!is_good)
        return false;
    GDate date;
    g_date_clear(&date, 1);
    g_date_set_dmy(&date, (GDateDay)day, (GDateMonth)month, (GDateYear)year);
    int64_t days = (int64_t)g_date_get_julian(&date) - JULIAN_1970;
    *ms = (((days * 24 + hour) * 60 + minute) * 60 + second) * 1000 + thousandths;
    return true;
}

bool record_parse_time(const char *text, int64_t *ms)
{
    enum { RFC3339_MAX_BYTES = 64 };
    if (strlen(text) > RFC3339_MAX_BYTES || strlen(text) < strlen("2026-01-31T13:00:00Z"))
        return false;
    if (parse_usual_time(text, ms))
        return true;
    g_autoptr(GDateTime) time = g_date_time_new_from_iso8601(text, NULL); /* NULL zone: the text must name one */
    if (!time)
        return false;
    *ms = g_date_time_to_unix(time) * 1000 + g_date_time_get_microsecond(time) / 1000;
    return true;
}

size_t record_name_distance(const char *a, const char *b, size_t limit)
{
    enum { NAME_MAX_BYTES = 64 };
    size_t la = strlen(a), lb = strlen(b);
    if (la > NAME_MAX_BYTES || lb > NAME_MAX_BYTES)
        return limit + 1;
    size_t row[NAME_MAX_BYTES + 1];
    for (size_t j = 0; j <= lb; j++)
        row[j] = j;
    for (size_t i = 1; i <= la; i++) { /* Wagner and Fischer (1974), one row kept */
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= lb; j++) {
            size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            row[j] = MIN(replaced, MIN(row[j], row[j - 1]) + 1);
        }
    }
    return row[lb];
}
