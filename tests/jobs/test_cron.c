/* When jobs are due: the D cases that need no clock and no store. */
#include <glib.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "jobs/cron.h"
#include "record/record.h"

static int64_t at(const char *text)
{
    int64_t ms;
    g_assert_true(record_parse_time(text, &ms));
    return ms / 1000;
}

static struct zone *load(const char *name)
{
    g_autoptr(GError) error = NULL;
    struct zone *zone = zone_load(name, &error);
    g_assert_no_error(error);
    return zone;
}

static struct cron parse(const char *text)
{
    g_autoptr(GError) error = NULL;
    struct cron cron;
    cron_parse(text, &cron, &error);
    g_assert_no_error(error);
    return cron;
}

/* The next times after `after`, each as UTC, separated by spaces; "never" ends them. */
static char *next_times(const char *text, const char *zone_name, const char *after, int count)
{
    CLEANUP(zone) struct zone *zone = load(zone_name);
    struct cron cron = parse(text);
    GString *out = g_string_new(NULL);
    int64_t time_s = at(after);
    for (int i = 0; i < count && time_s != CRON_NEVER; i++) {
        time_s = cron_next(&cron, zone, time_s);
        if (i)
            g_string_append_c(out, ' ');
        if (time_s == CRON_NEVER) {
            g_string_append(out, "never");
            continue;
        }
        g_autoptr(GString) whole = g_string_new(NULL);
        record_append_time(whole, time_s * 1000);
        g_string_append_len(out, whole->str, (gssize)strlen("2026-01-31T12:00"));
    }
    return g_string_free(out, FALSE);
}

struct expectation {
    const char *text, *zone, *after, *times;
    int count;
};

static void expect(const struct expectation *expected, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        g_autofree char *times = next_times(expected[i].text, expected[i].zone, expected[i].after, expected[i].count);
        if (strcmp(times, expected[i].times) != 0)
            g_error("%s in %s after %s: %s, not %s", expected[i].text, expected[i].zone, expected[i].after, times,
                    expected[i].times);
    }
}

static void test_d01_changes_of_the_clocks(void)
{
    static const struct expectation expected[] = {
        /* Berlin: 2026-03-29 02:00 → 03:00; 2026-10-25 03:00 → 02:00 */
        {"30 2 * * *", "Europe/Berlin", "2026-03-27T12:00:00Z", "2026-03-28T01:30 2026-03-29T01:00 2026-03-30T00:30",
         3},
        {"0,30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T01:00 2026-03-30T00:00", 2},
        {"30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", "2026-10-25T00:30 2026-10-26T01:30", 2},
        {"30 * * * *", "Europe/Berlin", "2026-10-24T23:00:00Z",
         "2026-10-24T23:30 2026-10-25T00:30 2026-10-25T01:30 2026-10-25T02:30", 4},
        {"*/15 * * * *", "Europe/Berlin", "2026-03-29T00:40:00Z", "2026-03-29T00:45 2026-03-29T01:00", 2},
        /* New York: 2026-03-08 02:00 → 03:00; 2026-11-01 02:00 → 01:00 */
        {"30 2 * * *", "America/New_York", "2026-03-07T12:00:00Z", "2026-03-08T07:00 2026-03-09T06:30", 2},
        {"30 1 * * *", "America/New_York", "2026-10-31T12:00:00Z", "2026-11-01T05:30 2026-11-02T06:30", 2},
        /* Lord Howe: 2026-10-04 02:00 → 02:30; 2026-04-05 02:00 → 01:30 */
        {"15 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00:00Z", "2026-10-03T15:30 2026-10-04T15:15", 2},
        {"45 1 * * *", "Australia/Lord_Howe", "2026-04-04T00:00:00Z", "2026-04-04T14:45 2026-04-05T15:15", 2},
        {"*/15 * * * *", "Australia/Lord_Howe", "2026-10-03T15:00:00Z",
         "2026-10-03T15:15 2026-10-03T15:30 2026-10-03T15:45", 3},
        {"30 2 * * *", "UTC", "2026-03-28T12:00:00Z", "2026-03-29T02:30 2026-03-30T02:30", 2},
        /* midnights that there are not: Santiago 2026-09-06, Cairo 2026-04-24 */
        {"0 0 * * *", "America/Santiago", "2026-09-05T12:00:00Z", "2026-09-06T04:00 2026-09-07T03:00", 2},
        {"0 0 * * *", "Africa/Cairo", "2026-04-23T12:00:00Z", "2026-04-23T22:00 2026-04-24T21:00", 2},
        /* midnight comes once although 23:30 comes twice: Santiago 2026-04-05 */
        {"30 23 * * *", "America/Santiago", "2026-04-04T12:00:00Z", "2026-04-05T02:30 2026-04-06T03:30", 2},
        /* Samoa had no 2011-12-30 */
        {"30 2 * * *", "Pacific/Apia", "2011-12-28T13:00:00Z", "2011-12-29T12:30 2011-12-30T12:30", 2},
        {"0 0 30 * *", "Pacific/Apia", "2011-12-29T13:00:00Z", "2012-01-29T10:00", 1},
        {"0 0 * * *", "Pacific/Apia", "2011-12-29T13:00:00Z", "2011-12-30T10:00 2011-12-31T10:00", 2},
    };
    expect(expected, G_N_ELEMENTS(expected));
}

static void test_d01_a_moment_before_the_jump(void)
{
    CLEANUP(zone) struct zone *berlin = load("Europe/Berlin");
    struct cron cron = parse("30 2 * * *");
    int64_t jump_s = at("2026-03-29T01:00:00Z");
    g_assert_cmpint(cron_next(&cron, berlin, jump_s - 1), ==, jump_s);
    g_assert_cmpint(cron_next(&cron, berlin, jump_s), ==, at("2026-03-30T00:30:00Z"));
}

static void test_d02_days(void)
{
    static const struct expectation expected[] = {
        {"0 0 29 2 *", "UTC", "2026-01-01T00:00:00Z", "2028-02-29T00:00 2032-02-29T00:00", 2},
        {"0 0 29 2 *", "UTC", "2096-03-01T00:00:00Z", "2104-02-29T00:00", 1},
        {"0 0 31 * *", "UTC", "2026-01-31T00:00:00Z", "2026-03-31T00:00 2026-05-31T00:00 2026-07-31T00:00", 3},
        /* both said: either; one begins with a star: both */
        {"0 0 13 * FRI", "UTC", "2026-02-01T00:00:00Z", "2026-02-06T00:00 2026-02-13T00:00 2026-02-20T00:00", 3},
        {"0 0 */2 * FRI", "UTC", "2026-02-01T00:00:00Z", "2026-02-13T00:00 2026-02-27T00:00", 2},
        {"0 0 * * 5L", "UTC", "2026-01-01T00:00:00Z", "2026-01-30T00:00 2026-02-27T00:00", 2},
        {"0 0 * * MON#1,MON#3", "UTC", "2026-06-01T00:00:00Z", "2026-06-15T00:00 2026-07-06T00:00", 2},
        {"0 0 * * MON#5", "UTC", "2026-02-01T00:00:00Z", "2026-03-30T00:00 2026-06-29T00:00", 2},
        {"0 0 L * *", "UTC", "2028-01-31T12:00:00Z", "2028-02-29T00:00 2028-03-31T00:00", 2},
        {"*/40 * * * *", "UTC", "2026-01-01T00:00:00Z", "2026-01-01T00:40 2026-01-01T01:00 2026-01-01T01:40", 3},
        {"0 22-23/9,0 * * 7", "UTC", "2026-01-01T00:00:00Z", "2026-01-04T00:00 2026-01-04T22:00", 2},
        {"@monthly", "UTC", "2026-01-01T00:00:00Z", "2026-02-01T00:00", 1},
        {"0 0 30 2 *", "UTC", "2026-01-01T00:00:00Z", "never", 2},
        {"0 0 30 FEB *", "Europe/Berlin", "2026-01-01T00:00:00Z", "never", 2},
        {"0 0 31 4,6,9,11 *", "UTC", "2026-01-01T00:00:00Z", "never", 2},
    };
    expect(expected, G_N_ELEMENTS(expected));
}

static void test_d02_what_is_refused(void)
{
    static const struct {
        const char *text, *says;
    } refused[] = {
        {"", "five fields"},
        {"* * * *", "five fields"},
        {"* * * * * *", "five fields"},
        {"60 * * * *", "minute '60'"},
        {"* 24 * * *", "hour '24'"},
        {"* * 0 * *", "day of the month '0'"},
        {"* * * 13 *", "month '13'"},
        {"* * * FOO *", "month 'FOO'"},
        {"* * * * 8", "day of the week '8'"},
        {"5-1 * * * *", "ends before it begins"},
        {"5/10 * * * *", "a step needs"},
        {"*/0 * * * *", "not understood"},
        {"*/ * * * *", "not understood"},
        {"1,,2 * * * *", "not understood"},
        {"001 * * * *", "not understood"},
        {"-1 * * * *", "not understood"},
        {"* * * * FRI#6", "after # comes 1 to 5"},
        {"* * 15W * *", "day of the month '15W'"},
        {"@reboot", "five fields"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(refused); i++) {
        g_autoptr(GError) error = NULL;
        struct cron cron;
        if (cron_parse(refused[i].text, &cron, &error) || !strstr(error->message, refused[i].says))
            g_error("'%s': %s, not %s", refused[i].text, error ? error->message : "taken", refused[i].says);
    }
}

/* ---- d03: random expressions against a scan of every minute ---- */

enum { SCAN_MINUTES = 3 * 1440, EXPRESSIONS_PER_SCAN = 2500 };

/* What the calendar says of a day, as GLib knows it. */
struct calendar_day {
    int month, day, weekday;
    bool is_last_day, is_last_weekday;
};

/* What a wall clock shows at each minute of a few days, and the minutes that it jumps over before it. */
struct scan {
    struct zone *zone;
    int64_t from_s, first_day;
    struct calendar_day days[SCAN_MINUTES / 1440 + 4];
    struct reading {
        int64_t local; /* minute */
        int64_t skipped_from, skipped_to, seen_before;
    } readings[SCAN_MINUTES];
};

static struct calendar_day calendar_day(int64_t day)
{
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(day * 86400);
    g_autoptr(GDateTime) tomorrow = g_date_time_add_days(time, 1);
    g_autoptr(GDateTime) next_week = g_date_time_add_days(time, 7);
    return (struct calendar_day){
        .month = g_date_time_get_month(time),
        .day = g_date_time_get_day_of_month(time),
        .weekday = g_date_time_get_day_of_week(time) % 7,
        .is_last_day = g_date_time_get_day_of_month(tomorrow) == 1,
        .is_last_weekday = g_date_time_get_month(next_week) != g_date_time_get_month(time),
    };
}

static void scan_init(struct scan *scan, struct zone *zone, int64_t from_s)
{
    scan->zone = zone;
    scan->from_s = from_s;
    scan->first_day = from_s / 86400 - 1;
    for (size_t i = 0; i < G_N_ELEMENTS(scan->days); i++)
        scan->days[i] = calendar_day(scan->first_day + (int64_t)i);
    int64_t highest = INT64_MIN;
    for (int i = 0; i < SCAN_MINUTES; i++) {
        int64_t now_s = from_s + i * 60, local = zone_local(zone, now_s) / 60,
                before = zone_local(zone, now_s - 60) / 60;
        scan->readings[i] = (struct reading){local, before + 1, local, highest};
        highest = MAX(highest, local);
    }
}

static bool has(uint64_t bits, int bit)
{
    return bits >> bit & 1;
}

/* Straight from the documentation, for one minute. */
static bool fits(const struct scan *scan, const struct cron *cron, int64_t local)
{
    const struct calendar_day *day = &scan->days[local / 1440 - scan->first_day];
    if (!has(cron->minutes, (int)(local % 60)) || !has(cron->hours, (int)(local / 60 % 24)))
        return false;
    bool is_day = has(cron->days, day->day) || (cron->has_last_day && day->is_last_day);
    bool is_weekday = has(cron->weekdays, day->weekday) || has(cron->nth[day->weekday], (day->day + 6) / 7) ||
                      (has(cron->nth[day->weekday], 0) && day->is_last_weekday);
    bool is_right_day = cron->any_day || cron->any_weekday ? is_day && is_weekday : is_day || is_weekday;
    return has(cron->months, day->month) && is_right_day;
}

static bool is_due(const struct scan *scan, const struct cron *cron, const struct reading *reading)
{
    bool is_again = !cron->follows_clock && reading->local <= reading->seen_before;
    if (!is_again && fits(scan, cron, reading->local))
        return true;
    for (int64_t local = reading->skipped_from; !cron->follows_clock && local < reading->skipped_to; local++) {
        int64_t day = local / 1440;
        bool is_a_day = day == (reading->skipped_from - 1) / 1440 || day == reading->local / 1440;
        if (is_a_day && fits(scan, cron, local))
            return true;
    }
    return false;
}

static void append_random_field(struct random *random, int min, int max, GString *text)
{
    int from = min + (int)(random_next(random) % (uint64_t)(max - min + 1));
    int to = from + (int)(random_next(random) % (uint64_t)(max - from + 1)), step = 1 + (int)(random_next(random) % 7);
    switch (random_next(random) % 6) {
    case 0:
        g_string_append_printf(text, "*/%d ", MIN(step, max));
        break;
    case 1:
        g_string_append_printf(text, "%d-%d/%d ", from, to, MIN(step, max));
        break;
    case 2:
        g_string_append_printf(text, "%d,%d ", from, to);
        break;
    case 3:
        g_string_append_printf(text, "%d ", from);
        break;
    default:
        g_string_append(text, "* ");
    }
}

static void random_expression(struct random *random, GString *text)
{
    g_string_truncate(text, 0);
    append_random_field(random, 0, 59, text);
    append_random_field(random, 0, 23, text);
    append_random_field(random, 1, 31, text);
    append_random_field(random, 1, 12, text);
    append_random_field(random, 0, 7, text);
    g_string_truncate(text, text->len - 1); /* the last space */
    if (random_next(random) % 8 == 0)
        g_string_append_printf(text, ",FRI#%d", 1 + (int)(random_next(random) % 5));
}

static void check_expressions(struct scan *scan, struct random *random)
{
    g_autoptr(GString) text = g_string_new(NULL);
    for (int i = 0; i < EXPRESSIONS_PER_SCAN; i++) {
        struct cron cron;
        random_expression(random, text);
        if (!cron_parse(text->str, &cron, NULL))
            continue;
        int start = (int)(random_next(random) % (SCAN_MINUTES - 2)) + 1;
        int64_t after_s = scan->from_s + start * 60 - 1 - (int64_t)(random_next(random) % 59);
        int64_t next_s = cron_next(&cron, scan->zone, after_s);
        int64_t again_s = next_s == CRON_NEVER ? next_s : cron_next(&cron, scan->zone, next_s - 1);
        int minute = start;
        while (minute < SCAN_MINUTES && !is_due(scan, &cron, &scan->readings[minute]))
            minute++;
        int64_t expected_s = scan->from_s + minute * 60;
        bool is_good = minute < SCAN_MINUTES ? next_s == expected_s : next_s >= expected_s;
        if (!is_good || next_s <= after_s || again_s != next_s)
            g_error("%s after %" G_GINT64_FORMAT ": %" G_GINT64_FORMAT ", not %" G_GINT64_FORMAT, text->str, after_s,
                    next_s, expected_s);
    }
}

static void test_d03_random_expressions_as_a_scan_of_minutes(void)
{
    static const struct {
        const char *zone, *from;
    } scans[] = {
        {"Europe/Berlin", "2026-03-28T00:00:00Z"},
        {"Europe/Berlin", "2026-10-24T00:00:00Z"},
        {"America/New_York", "2026-03-07T00:00:00Z"},
        {"America/New_York", "2026-10-31T00:00:00Z"},
        {"Australia/Lord_Howe", "2026-10-03T00:00:00Z"},
        {"Australia/Lord_Howe", "2026-04-04T00:00:00Z"},
        {"America/Santiago", "2026-09-05T00:00:00Z"},
        {"America/Santiago", "2026-04-04T00:00:00Z"},
        {"Africa/Cairo", "2026-04-23T00:00:00Z"},
        {"Pacific/Apia", "2011-12-29T00:00:00Z"},
        {"UTC", "2028-02-28T00:00:00Z"},
        {"Asia/Kathmandu", "2026-12-30T00:00:00Z"},
    };
    struct random random;
    random_init(&random, 4711);
    struct scan *scan = g_new(struct scan, 1);
    for (int i = 0; i < 40; i++) { /* 10^5 expressions */
        CLEANUP(zone) struct zone *zone = load(scans[(size_t)i % G_N_ELEMENTS(scans)].zone);
        scan_init(scan, zone, at(scans[(size_t)i % G_N_ELEMENTS(scans)].from));
        check_expressions(scan, &random);
    }
    g_free(scan);
}

static void test_d03_later_always_and_in_order(void)
{
    CLEANUP(zone) struct zone *zone = load("Australia/Lord_Howe");
    struct cron cron = parse("*/7 */5 * * *");
    int64_t time_s = at("2026-01-01T00:00:00Z");
    for (int i = 0; i < 20000; i++) {
        int64_t next_s = cron_next(&cron, zone, time_s);
        g_assert_cmpint(next_s, >, time_s);
        g_assert_cmpint(cron_next(&cron, zone, next_s - 1), ==, next_s);
        time_s = next_s;
    }
}

/* ---- d08 ---- */

static void test_d08_new_time_zone_data_changes_the_future_alone(void)
{
    /* The same zone before and after it was decided that from June 2026 on its clocks stand an hour earlier. */
    int64_t change_s = at("2026-06-01T00:00:00Z");
    const struct zone_span old_spans[] = {{INT64_MIN, INT64_MAX, 3600}};
    const struct zone_span new_spans[] = {{INT64_MIN, change_s, 3600}, {change_s, INT64_MAX, 0}};
    CLEANUP(zone) struct zone *old = zone_new(old_spans, 1);
    CLEANUP(zone) struct zone *new = zone_new(new_spans, 2);
    struct cron cron = parse("0 2 * * *");
    for (int64_t time_s = at("2026-05-01T00:00:00Z"); time_s < change_s - 86400;) {
        int64_t next_s = cron_next(&cron, old, time_s);
        g_assert_cmpint(cron_next(&cron, new, time_s), ==, next_s);
        time_s = next_s;
    }
    g_assert_cmpint(cron_next(&cron, old, change_s), ==, at("2026-06-01T01:00:00Z"));
    g_assert_cmpint(cron_next(&cron, new, change_s), ==, at("2026-06-01T02:00:00Z"));
}

/* ---- d10 ---- */

static int64_t active(const char *text, const char *zone_name, const char *from, const char *to)
{
    CLEANUP(zone) struct zone *zone = load(zone_name);
    g_autoptr(GError) error = NULL;
    struct window window;
    window_parse(text, &window, &error);
    g_assert_no_error(error);
    return window_active_seconds(&window, zone, at(from), at(to));
}

static void test_d10_windows_across_midnight_and_changes(void)
{
    enum { HOUR = 3600 };
    static const char berlin[] = "Europe/Berlin", night[] = "22:00-06:00";
    g_assert_cmpint(active(night, "UTC", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"), ==, 8 * HOUR);
    g_assert_cmpint(active(night, "UTC", "2026-01-01T05:00:00Z", "2026-01-01T23:30:00Z"), ==, 5 * HOUR / 2);
    g_assert_cmpint(active(night, "UTC", "2026-01-01T06:00:00Z", "2026-01-01T22:00:00Z"), ==, 0);
    /* 22:00 to 06:00 in the nights in which the clocks change */
    g_assert_cmpint(active(night, berlin, "2026-03-28T21:00:00Z", "2026-03-29T04:00:00Z"), ==, 7 * HOUR);
    g_assert_cmpint(active(night, berlin, "2026-10-24T20:00:00Z", "2026-10-25T05:00:00Z"), ==, 9 * HOUR);
    g_assert_cmpint(active(night, berlin, "2026-03-28T00:00:00Z", "2026-03-30T00:00:00Z"), ==, 16 * HOUR);
    /* a window inside the hour that comes twice, and inside the one that never comes */
    g_assert_cmpint(active("02:15-02:45", berlin, "2026-10-24T12:00:00Z", "2026-10-25T12:00:00Z"), ==, HOUR);
    g_assert_cmpint(active("02:15-02:45", berlin, "2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z"), ==, 0);
    g_assert_cmpint(active("02:00-02:30", "Australia/Lord_Howe", "2026-10-03T00:00:00Z", "2026-10-04T00:00:00Z"), ==,
                    0);
    g_assert_cmpint(active("00:00-24:00", berlin, "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"), ==, 23 * HOUR);
    g_assert_cmpint(active("00:00-24:00", "UTC", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"), ==, 0);
    static const char *const refused[] = {"",        "22:00",       "22-06",       "25:00-26:00",    "10:00-10:00",
                                          "1:1-2:2", "x0:00-01:00", "01:60-02:00", "1:00-2:00-3:00", "24:01-02:00"};
    struct window window;
    for (size_t i = 0; i < G_N_ELEMENTS(refused); i++)
        g_assert_false(window_parse(refused[i], &window, NULL));
}

static void test_d10_windows_as_a_count_of_seconds(void)
{
    CLEANUP(zone) struct zone *zone = load("Australia/Lord_Howe");
    struct window window = {22 * 3600, 6 * 3600};
    int64_t from_s = at("2026-10-03T06:00:00Z"), active_s = 0;
    for (int i = 0; i < 2 * 86400; i++) {
        int64_t second = zone_local(zone, from_s + i) % 86400;
        active_s += second >= window.from_s || second < window.to_s;
    }
    g_assert_cmpint(window_active_seconds(&window, zone, from_s, from_s + 2 * 86400), ==, active_s);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/cron/d01_changes_of_the_clocks", test_d01_changes_of_the_clocks);
    g_test_add_func("/cron/d01_a_moment_before_the_jump", test_d01_a_moment_before_the_jump);
    g_test_add_func("/cron/d02_days", test_d02_days);
    g_test_add_func("/cron/d02_what_is_refused", test_d02_what_is_refused);
    g_test_add_func("/cron/d03_random_expressions_as_a_scan_of_minutes",
                    test_d03_random_expressions_as_a_scan_of_minutes);
    g_test_add_func("/cron/d03_later_always_and_in_order", test_d03_later_always_and_in_order);
    g_test_add_func("/cron/d08_new_time_zone_data_changes_the_future_alone",
                    test_d08_new_time_zone_data_changes_the_future_alone);
    g_test_add_func("/cron/d10_windows_across_midnight_and_changes", test_d10_windows_across_midnight_and_changes);
    g_test_add_func("/cron/d10_windows_as_a_count_of_seconds", test_d10_windows_as_a_count_of_seconds);
    return g_test_run();
}
