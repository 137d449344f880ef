/* Time zones, as tables of when the clocks there read what: read from the system's zoneinfo once, then only looked up,
 * so that the process' own zone (TZ) never changes. And the calendar (proleptic Gregorian) that goes with them.
 *
 * Seconds are since 1970; "local" seconds are what a clock on the wall there would give, read as if it were UTC.
 * The table reaches from 1970 to 2200; before and after, the nearest offset holds.
 * A zone is immutable: any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#include "base/cleanup.h"

struct zone;

/* `name` as in the IANA database ("Europe/Berlin"), "UTC", or empty or NULL: the machine's own. A change of the
 * database is seen by the next load. */
struct zone *zone_load(const char *name, GError **error);
/* True when zone_load would know the name. */
bool zone_name_is_valid(const char *name, GError **error);
void zone_free(struct zone *zone);
CLEANUP_DEFINE(zone, zone_free)

/* A stretch of time in which the offset does not change. */
struct zone_span {
    int64_t from_s, to_s; /* [from, to) in UTC; INT64_MIN and INT64_MAX at the ends */
    int64_t offset_s;     /* local = UTC + offset */
};
size_t zone_span_count(const struct zone *zone);
struct zone_span zone_span(const struct zone *zone, size_t index);
/* The index of the span that holds a moment. */
size_t zone_span_find(const struct zone *zone, int64_t utc_s);

/* A zone of the spans given, which must follow each other and begin and end as above. */
struct zone *zone_new(const struct zone_span *spans, size_t count);

int64_t zone_local(const struct zone *zone, int64_t utc_s);
/* The first moment at which a clock there reads `local_s`; the moment of the jump where the clocks jump over it. */
int64_t zone_utc(const struct zone *zone, int64_t local_s);

/* ---- the calendar ---- */

struct zone_date {
    int64_t year;
    int month, day; /* from 1 */
};
struct zone_date zone_date_of_day(int64_t day); /* days since 1970-01-01 */
int64_t zone_day_of_date(struct zone_date date);
int zone_days_in_month(int64_t year, int month);
/* 0 is Sunday. */
int zone_weekday(int64_t day);
/* Division that rounds down, for times before 1970. */
int64_t zone_floor_divide(int64_t value, int64_t by);
