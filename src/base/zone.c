#include "base/zone.h"

#include <string.h>

#include "base/error.h"

struct zone {
    struct zone_span *spans;
    size_t count;
};

static const char zoneinfo[] = "/usr/share/zoneinfo";
static const int64_t last_s = INT64_C(7258118400); /* 2200-01-01 */
static const int64_t stride_s = 14 * 24 * 60 * 60; /* any; a longer one asks GLib less often and bisects more */

/* ---- reading ---- */

bool zone_name_is_valid(const char *name, GError **error)
{
    if (!name || !*name || strcmp(name, "UTC") == 0)
        return true;
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-_/";
    bool is_name = g_ascii_isalpha(name[0]) && strspn(name, allowed) == strlen(name);
    g_autofree char *path = is_name ? g_build_filename(zoneinfo, name, NULL) : NULL;
    if (path && g_file_test(path, G_FILE_TEST_IS_REGULAR))
        return true;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID,
                "%s: is no time zone in %s: write one like Europe/Berlin, or UTC", name, zoneinfo);
    return false;
}

/* The first second in (from, to] whose interval is not that of `from`; they differ. */
static int64_t find_change(GTimeZone *source, int64_t from_s, int64_t to_s)
{
    int interval = g_time_zone_find_interval(source, G_TIME_TYPE_UNIVERSAL, from_s);
    while (to_s - from_s > 1) {
        int64_t middle_s = from_s + (to_s - from_s) / 2;
        if (g_time_zone_find_interval(source, G_TIME_TYPE_UNIVERSAL, middle_s) == interval)
            from_s = middle_s;
        else
            to_s = middle_s;
    }
    return to_s;
}

static int64_t offset_at(GTimeZone *source, int64_t utc_s)
{
    return g_time_zone_get_offset(source, g_time_zone_find_interval(source, G_TIME_TYPE_UNIVERSAL, utc_s));
}

static void read_spans(GTimeZone *source, GArray *spans)
{
    struct zone_span span = {INT64_MIN, INT64_MAX, offset_at(source, 0)};
    for (int64_t at_s = 0; at_s < last_s;) {
        int64_t to_s = MIN(at_s + stride_s, last_s);
        if (g_time_zone_find_interval(source, G_TIME_TYPE_UNIVERSAL, at_s) ==
            g_time_zone_find_interval(source, G_TIME_TYPE_UNIVERSAL, to_s)) {
            at_s = to_s;
            continue;
        }
        at_s = find_change(source, at_s, to_s);
        int64_t offset_s = offset_at(source, at_s);
        if (offset_s == span.offset_s)
            continue; /* only the name of the time changed */
        span.to_s = at_s;
        g_array_append_val(spans, span);
        span = (struct zone_span){at_s, INT64_MAX, offset_s};
    }
    g_array_append_val(spans, span);
}

struct zone *zone_load(const char *name, GError **error)
{
    if (!zone_name_is_valid(name, error))
        return NULL;
    g_autoptr(GTimeZone) source = !name || !*name            ? g_time_zone_new_local()
                                  : strcmp(name, "UTC") == 0 ? g_time_zone_new_utc()
                                                             : g_time_zone_new_identifier(name);
    if (!source) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_IO, "%s/%s: is no time zone file: install tzdata anew",
                    zoneinfo, name);
        return NULL;
    }
    g_autoptr(GArray) spans = g_array_new(FALSE, FALSE, sizeof(struct zone_span));
    read_spans(source, spans);
    return zone_new((const struct zone_span *)spans->data, spans->len);
}

struct zone *zone_new(const struct zone_span *spans, size_t count)
{
    struct zone *zone = g_new(struct zone, 1);
    *zone = (struct zone){g_memdup2(spans, count * sizeof *spans), count};
    return zone;
}

void zone_free(struct zone *zone)
{
    if (!zone)
        return;
    g_free(zone->spans);
    g_free(zone);
}

/* ---- looking up ---- */

size_t zone_span_count(const struct zone *zone)
{
    return zone->count;
}

struct zone_span zone_span(const struct zone *zone, size_t index)
{
    return zone->spans[index];
}

size_t zone_span_find(const struct zone *zone, int64_t utc_s)
{
    size_t low = 0, high = zone->count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (zone->spans[middle].from_s <= utc_s)
            low = middle;
        else
            high = middle;
    }
    return low;
}

int64_t zone_local(const struct zone *zone, int64_t utc_s)
{
    return utc_s + zone->spans[zone_span_find(zone, utc_s)].offset_s;
}

int64_t zone_utc(const struct zone *zone, int64_t local_s)
{
    /* No offset is a whole day or more, but Samoa and Kwajalein once changed theirs by one. */
    static const int64_t reach_s = 2 * 24 * 60 * 60;
    size_t i = zone_span_find(zone, local_s - reach_s);
    for (; i + 1 < zone->count; i++) {
        int64_t utc_s = local_s - zone->spans[i].offset_s;
        if (utc_s < zone->spans[i].to_s)
            return MAX(utc_s, zone->spans[i].from_s);
    }
    return MAX(local_s - zone->spans[i].offset_s, zone->spans[i].from_s);
}

/* ---- the calendar: days are counted from 1 March, so that the leap day comes last (Hinnant, "chrono-compatible
 * low-level date algorithms") ---- */

enum {
    ERA_YEARS = 400,
    ERA_DAYS = 146097,
    EPOCH_DAYS = 719468, /* from 0000-03-01 to 1970-01-01 */
    MARCH = 3,
    THURSDAY = 4, /* 1970-01-01 */
};

int64_t zone_floor_divide(int64_t value, int64_t by)
{
    return value / by - (value % by < 0);
}

struct zone_date zone_date_of_day(int64_t day)
{
    day += EPOCH_DAYS;
    int64_t era = zone_floor_divide(day, ERA_DAYS), of_era = day - era * ERA_DAYS;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int of_year = (int)(of_era - (365 * year + year / 4 - year / 100));
    int month = (5 * of_year + 2) / 153; /* 0 is March */
    struct zone_date date = {.day = of_year - (153 * month + 2) / 5 + 1, .month = month < 10 ? month + 3 : month - 9};
    date.year = year + era * ERA_YEARS + (date.month < MARCH);
    return date;
}

int64_t zone_day_of_date(struct zone_date date)
{
    int64_t year = date.year - (date.month < MARCH), era = zone_floor_divide(year, ERA_YEARS);
    int64_t year_of_era = year - era * ERA_YEARS;
    int64_t of_year = (153 * (date.month + (date.month < MARCH ? 9 : -3)) + 2) / 5 + date.day - 1;
    return era * ERA_DAYS + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year - EPOCH_DAYS;
}

int zone_days_in_month(int64_t year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && is_leap);
}

int zone_weekday(int64_t day)
{
    int64_t weekday = (day + THURSDAY) % 7;
    return (int)(weekday < 0 ? weekday + 7 : weekday);
}
