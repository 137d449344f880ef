/* The text of a cron expression, field by field; what a field may hold stands in one table. */
#include <string.h>

#include "base/error.h"
#include "jobs/cron.h"

static const char *const month_names[] = {"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL",
                                          "AUG", "SEP", "OCT", "NOV", "DEC", NULL};
static const char *const weekday_names[] = {"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT", NULL};

enum field_kind { FIELD_MINUTE, FIELD_HOUR, FIELD_DAY, FIELD_MONTH, FIELD_WEEKDAY, FIELD_COUNT };

static const struct field_info {
    const char *name;
    int min, max;
    const char *const *names; /* names[0] belongs to min; NULL for none */
    const char *allowed;
} fields[FIELD_COUNT] = {
    {"minute", 0, 59, NULL, "0-59"},
    {"hour", 0, 23, NULL, "0-23"},
    {"day of the month", 1, 31, NULL, "1-31, or L for the last"},
    {"month", 1, 12, month_names, "1-12, or JAN-DEC"},
    {"day of the week", 0, 7, weekday_names, "0-7 (Sunday is both), or SUN-SAT; FRI#2 the second, FRIL the last"},
};

static const struct {
    const char *name, *text;
} shorthands[] = {
    {"@hourly", "0 * * * *"},  {"@daily", "0 0 * * *"},  {"@midnight", "0 0 * * *"}, {"@weekly", "0 0 * * 0"},
    {"@monthly", "0 0 1 * *"}, {"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"},
};

static bool refuse(const struct field_info *field, const char *text, const char *reason, GError **error)
{
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, "cron: %s '%s': %s (allowed: %s)", field->name, text,
                reason, field->allowed);
    return false;
}

/* Reads a number of one or two digits, or a name, and moves past it. */
static bool read_value(const struct field_info *field, const char **text, int *value)
{
    const char *at = *text;
    if (g_ascii_isdigit(*at)) {
        for (*value = 0; g_ascii_isdigit(*at) && at - *text < 2; at++)
            *value = *value * 10 + (*at - '0');
        *text = at;
        return !g_ascii_isdigit(*at) && *value >= field->min && *value <= field->max;
    }
    for (int i = 0; field->names && field->names[i]; i++) {
        if (g_ascii_strncasecmp(at, field->names[i], 3) == 0) {
            *value = field->min + i;
            *text = at + 3;
            return true;
        }
    }
    return false;
}

static bool read_step(const struct field_info *field, const char **text, int *step)
{
    const struct field_info steps = {.min = 1, .max = field->max};
    if (**text != '/')
        return true;
    ++*text;
    return read_value(&steps, text, step);
}

/* FRI#2, FRIL: after the weekday's value was read. True when it was one, and then `text` stands after it. */
static bool read_nth(const char **text, int weekday, struct cron *cron, bool *is_good)
{
    const char *at = *text;
    bool is_nth = *at == '#', is_last = *at == 'L' || *at == 'l';
    *is_good = is_last || (is_nth && at[1] >= '1' && at[1] <= '5');
    if (*is_good)
        cron->nth[weekday % 7] |= (uint8_t)(1U << (is_last ? 0 : at[1] - '0'));
    *text += is_nth ? 2 : 1;
    return is_nth || is_last;
}

/* One item of a list; `bits` gets what it means. */
static bool parse_item(enum field_kind kind, const char *item, uint64_t *bits, struct cron *cron, GError **error)
{
    const struct field_info *field = &fields[kind];
    const char *at = item;
    int from = field->min, to = field->max, step = 1;
    bool is_star = *at == '*', is_good;
    if (kind == FIELD_DAY && (strcmp(item, "L") == 0 || strcmp(item, "l") == 0))
        return cron->has_last_day = true;
    if (is_star)
        at++;
    else if (!read_value(field, &at, &from))
        return refuse(field, item, "is not understood", error);
    else if (kind == FIELD_WEEKDAY && *at && read_nth(&at, from, cron, &is_good))
        return (is_good && !*at) || refuse(field, item, "after # comes 1 to 5, after L nothing", error);
    else if (*at != '-')
        to = from;
    else if (at++, !read_value(field, &at, &to))
        return refuse(field, item, "is not understood", error);
    if (to < from)
        return refuse(field, item, "ends before it begins: write two ranges", error);
    if (*at == '/' && !is_star && to == from)
        return refuse(field, item, "a step needs * or a range before it", error);
    if (!read_step(field, &at, &step) || *at)
        return refuse(field, item, "is not understood", error);
    if (is_star && kind == FIELD_WEEKDAY)
        to = 6; /* Sunday once */
    for (int value = from; value <= to; value += step)
        *bits |= UINT64_C(1) << value;
    return true;
}

static bool parse_field(enum field_kind kind, const char *text, struct cron *cron, GError **error)
{
    uint64_t bits = 0;
    g_auto(GStrv) items = g_strsplit(text, ",", -1);
    for (size_t i = 0; items[i]; i++)
        if (!parse_item(kind, items[i], &bits, cron, error))
            return false;
    bool is_star = *text == '*';
    switch (kind) {
    case FIELD_MINUTE:
        cron->minutes = bits;
        break;
    case FIELD_HOUR:
        cron->hours = (uint32_t)bits;
        cron->follows_clock = is_star;
        break;
    case FIELD_DAY:
        cron->days = (uint32_t)bits;
        cron->any_day = is_star;
        break;
    case FIELD_MONTH:
        cron->months = (uint32_t)bits;
        break;
    default:
        cron->weekdays = (uint8_t)((bits | bits >> 7) & 0x7f); /* 7 is 0 */
        cron->any_weekday = is_star;
    }
    return true;
}

/* The text between spaces and tabs, without empty ones. */
static char **split_fields(const char *text)
{
    GPtrArray *parts = g_ptr_array_new();
    g_auto(GStrv) pieces = g_strsplit_set(text, " \t", -1);
    for (size_t i = 0; pieces[i]; i++)
        if (*pieces[i])
            g_ptr_array_add(parts, g_strdup(pieces[i]));
    g_ptr_array_add(parts, NULL);
    return (char **)g_ptr_array_free(parts, FALSE);
}

bool cron_parse(const char *text, struct cron *cron, GError **error)
{
    *cron = (struct cron){.minutes = 0};
    if (strlen(text) > CRON_MAX_BYTES) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, "cron: longer than %d bytes", CRON_MAX_BYTES);
        return false;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(shorthands); i++)
        if (g_ascii_strcasecmp(text, shorthands[i].name) == 0)
            text = shorthands[i].text;
    g_auto(GStrv) parts = split_fields(text);
    if (g_strv_length(parts) != FIELD_COUNT) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID,
                    "cron: '%s': needs five fields (minute, hour, day of the month, month, day of the week), or one of "
                    "@hourly, @daily, @weekly, @monthly, @yearly",
                    text);
        return false;
    }
    for (int kind = 0; kind < FIELD_COUNT; kind++)
        if (!parse_field((enum field_kind)kind, parts[kind], cron, error))
            return false;
    return true;
}
