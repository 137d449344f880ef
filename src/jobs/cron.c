#include "jobs/cron.h"

#include <string.h>

#include "base/error.h"

enum {
    MINUTE_S = 60,
    HOUR_S = 3600,
    DAY_S = 86400,
    HOUR_MINUTES = 60,
    DAY_MINUTES = 1440,
    SEARCH_DAYS = 146097 + 366, /* 400 years, and the rest of the one in which the search begins */
    LAST = 0,                   /* bit of `nth` */
};

/* ---- the calendar's part: local minutes, counted from 1970 ---- */

static bool weekday_matches(const struct cron *cron, int64_t day, struct zone_date date, int days_in_month)
{
    int weekday = zone_weekday(day), nth = (date.day - 1) / 7 + 1;
    if (cron->weekdays >> weekday & 1 || cron->nth[weekday] >> nth & 1)
        return true;
    return cron->nth[weekday] >> LAST & 1 && date.day + 7 > days_in_month;
}

static bool day_matches(const struct cron *cron, int64_t day, struct zone_date date, int days_in_month)
{
    bool is_day = cron->days >> date.day & 1 || (cron->has_last_day && date.day == days_in_month);
    bool is_weekday = weekday_matches(cron, day, date, days_in_month);
    return cron->any_day || cron->any_weekday ? is_day && is_weekday : is_day || is_weekday;
}

/* The first day of a month that is meant, from `day` on, or `to`. */
static int64_t find_month(const struct cron *cron, int64_t day, int64_t to)
{
    while (day < to) {
        struct zone_date date = zone_date_of_day(day);
        if (cron->months >> date.month & 1)
            return day;
        day += zone_days_in_month(date.year, date.month) - date.day + 1;
    }
    return to;
}

/* The first day that is meant in [day, to), or `to`. */
static int64_t find_day(const struct cron *cron, int64_t day, int64_t to)
{
    while ((day = find_month(cron, day, to)) < to) {
        struct zone_date date = zone_date_of_day(day);
        int days = zone_days_in_month(date.year, date.month);
        for (; date.day <= days && day < to; date.day++, day++)
            if (day_matches(cron, day, date, days))
                return day;
    }
    return to;
}

/* The first minute of a day that is meant, from `minute` on; -1: none. */
static int find_minute_of_day(const struct cron *cron, int minute)
{
    int hour = minute / HOUR_MINUTES, first = minute % HOUR_MINUTES;
    for (; hour < 24; hour++, first = 0) {
        uint64_t rest = cron->minutes >> first << first;
        if (cron->hours >> hour & 1 && rest)
            return hour * HOUR_MINUTES + __builtin_ctzll(rest);
    }
    return -1;
}

/* The first minute that is meant in [from, to), or `to`. */
static int64_t find_minute(const struct cron *cron, int64_t from, int64_t to)
{
    int64_t day = zone_floor_divide(from, DAY_MINUTES), end_day = zone_floor_divide(to - 1, DAY_MINUTES) + 1;
    int first = (int)(from - day * DAY_MINUTES);
    for (int64_t found; (found = find_day(cron, day, end_day)) < end_day; day = found + 1, first = 0) {
        int minute = find_minute_of_day(cron, found == day ? first : 0);
        if (minute >= 0)
            return MIN(found * DAY_MINUTES + minute, to);
    }
    return to;
}

/* ---- the clock's part: local seconds ---- */

static int64_t ceil_minute(int64_t local_s)
{
    return zone_floor_divide(local_s + MINUTE_S - 1, MINUTE_S);
}

/* Whether a time in [from, to) is meant, of local seconds. */
static bool has_match(const struct cron *cron, int64_t from_s, int64_t to_s)
{
    int64_t from = ceil_minute(from_s), to = ceil_minute(to_s);
    return from < to && find_minute(cron, from, to) < to;
}

/* Whether the clocks, when the span began, jumped over a time that is meant, on a day that there was. */
static bool jumped_over(const struct cron *cron, const struct zone *zone, size_t index)
{
    struct zone_span span = zone_span(zone, index);
    if (index == 0 || cron->follows_clock)
        return false;
    int64_t from_s = span.from_s + zone_span(zone, index - 1).offset_s, to_s = span.from_s + span.offset_s;
    if (to_s <= from_s)
        return false;
    int64_t end_of_first = (zone_floor_divide(from_s - 1, DAY_S) + 1) * DAY_S;
    int64_t start_of_last = zone_floor_divide(to_s, DAY_S) * DAY_S;
    return has_match(cron, from_s, MIN(end_of_first, to_s)) || has_match(cron, MAX(start_of_last, from_s), to_s);
}

/* From where a span is searched: not what the clocks showed before they were set back. */
static int64_t search_start(const struct cron *cron, const struct zone *zone, size_t index, int64_t from_s)
{
    struct zone_span span = zone_span(zone, index);
    int64_t local_s = from_s + span.offset_s;
    if (index == 0 || cron->follows_clock)
        return local_s;
    return MAX(local_s, span.from_s + zone_span(zone, index - 1).offset_s);
}

int64_t cron_next(const struct cron *cron, const struct zone *zone, int64_t after_s)
{
    int64_t from_s = after_s + 1, limit_s = from_s + (int64_t)SEARCH_DAYS * DAY_S;
    for (size_t i = zone_span_find(zone, from_s);; i++) {
        struct zone_span span = zone_span(zone, i);
        if (from_s == span.from_s && jumped_over(cron, zone, i))
            return from_s;
        int64_t end = ceil_minute(MIN(span.to_s, limit_s) + span.offset_s);
        int64_t start = ceil_minute(search_start(cron, zone, i, from_s));
        int64_t found = start < end ? find_minute(cron, start, end) : end;
        if (found < end)
            return found * MINUTE_S - span.offset_s;
        if (span.to_s >= limit_s)
            return CRON_NEVER;
        from_s = span.to_s;
    }
}

/* ---- windows ---- */

/* "6:30", of at most 24:00. */
static bool parse_time(const char *text, int32_t *second)
{
    char *end;
    g_auto(GStrv) parts = g_strsplit(text, ":", -1);
    if (g_strv_length(parts) != 2 || strlen(parts[0]) > 2 || strlen(parts[1]) != 2 || !g_ascii_isdigit(parts[0][0]) ||
        !g_ascii_isdigit(parts[1][0]) || !g_ascii_isdigit(parts[1][1]))
        return false;
    guint64 hour = g_ascii_strtoull(parts[0], &end, 10), minute = g_ascii_strtoull(parts[1], NULL, 10);
    *second = (int32_t)(hour * HOUR_S + minute * MINUTE_S);
    return !*end && minute < HOUR_MINUTES && *second <= DAY_S;
}

bool window_parse(const char *text, struct window *window, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(text, "-", -1);
    if (g_strv_length(parts) == 2 && parse_time(parts[0], &window->from_s) && parse_time(parts[1], &window->to_s) &&
        window->from_s != window->to_s)
        return true;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, "%s: must be two times of the day, like 22:00-06:00",
                text);
    return false;
}

/* Of the local seconds before `local_s`, counted from a midnight: how many lie in [from, to) of their day. */
static int64_t seconds_before(int64_t local_s, int32_t from_s, int32_t to_s)
{
    int64_t day = zone_floor_divide(local_s, DAY_S), second = local_s - day * DAY_S;
    return day * (to_s - from_s) + CLAMP(second, from_s, to_s) - from_s;
}

static int64_t active_before(const struct window *window, int64_t local_s)
{
    if (window->from_s < window->to_s)
        return seconds_before(local_s, window->from_s, window->to_s);
    return seconds_before(local_s, 0, window->to_s) + seconds_before(local_s, window->from_s, DAY_S);
}

int64_t window_active_seconds(const struct window *window, const struct zone *zone, int64_t from_s, int64_t to_s)
{
    int64_t active_s = 0;
    for (size_t i = zone_span_find(zone, from_s); from_s < to_s; i++) {
        struct zone_span span = zone_span(zone, i);
        int64_t end_s = MIN(span.to_s, to_s);
        active_s += active_before(window, end_s + span.offset_s) - active_before(window, from_s + span.offset_s);
        from_s = end_s;
    }
    return active_s;
}
