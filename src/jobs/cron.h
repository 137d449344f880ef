/* Cron expressions: when a job is due, in a time zone. Pure functions.
 *
 * Five fields, separated by spaces: minute 0-59, hour 0-23, day of the month 1-31, month 1-12 or JAN-DEC, day of the
 * week 0-7 or SUN-SAT (0 and 7 are Sunday). A field is `*`, a number, a range a-b, or a list of these with commas; `*`
 * and ranges may have a step after a slash (8-18/2). `L` is the last day of the month; `FRI#2` or 5#2 its second
 * Friday, `FRIL` or 5L its last.
 * @hourly, @daily, @midnight, @weekly, @monthly, @yearly and @annually stand for what they say.
 *
 * Days: where both day fields say something (neither begins with `*`), a day that fits EITHER is meant, as crontab(5)
 * has it since 1979; else a day must fit both. A day that never comes (30 February) makes the next time CRON_NEVER.
 *
 * When the clocks change: a job whose hour field begins with `*` follows the clock on the wall: it runs whenever that
 * shows a time that fits, so twice in an hour that comes twice. Any other job runs once for each time named: where the
 * clocks jump over it, at the moment of the jump (once, however many times were jumped over), unless its whole day is
 * left out (Samoa, 30 December 2011); where it comes twice, the first time.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "base/zone.h"

#define CRON_NEVER INT64_MAX

enum { CRON_MAX_BYTES = 256 };

struct cron {
    uint64_t minutes; /* bit n: minute n; likewise below */
    uint32_t hours, days, months;
    uint8_t weekdays;          /* bit 0: Sunday */
    uint8_t nth[7];            /* of each weekday: bit n: the n-th of a month; bit 0: the last */
    bool has_last_day;         /* L */
    bool any_day, any_weekday; /* the field begins with `*` */
    bool follows_clock;        /* the hour field begins with `*` */
};

/* False with VEDETTE_ERROR_INVALID, which names the field, what is wrong with it and what is allowed. */
bool cron_parse(const char *text, struct cron *cron, GError **error);

/* The first time that is due after `after_s` (UTC seconds since 1970), always greater; CRON_NEVER when there is none
 * within 400 years, after which the calendar repeats. */
int64_t cron_next(const struct cron *cron, const struct zone *zone, int64_t after_s);

/* A part of every day, by the clock on the wall: "22:00-06:00" goes past midnight, "00:00-24:00" is all of it. */
struct window {
    int32_t from_s, to_s; /* of the day; to may be smaller */
};
bool window_parse(const char *text, struct window *window, GError **error);
/* How many seconds of [from, to) (UTC) lie in the window. A night in which the clocks change is an hour longer or
 * shorter, as it is for people. */
int64_t window_active_seconds(const struct window *window, const struct zone *zone, int64_t from_s, int64_t to_s);
