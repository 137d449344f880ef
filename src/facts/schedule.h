/* Facts: a week of minutes, worked out once from schedule windows. Local time is asked of the time zone for each
 * minute, so that a change of the clocks falls where people there see it. One thread at a time per schedule.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "facts/rules.h"

struct schedule {
    bool is_always;
    GTimeZone *time_zone;
    uint8_t *minutes; /* one bit a minute of the week, from monday; NULL when always */
    int64_t minute;   /* since 1970, for which is_active was found; -1: none */
    bool is_active;
};
/* `windows` holds valid struct schedule_window; none: always. `time_zone` is a name of the tz database; NULL, empty or
 * unknown: UTC. */
void schedule_init(struct schedule *schedule, const struct record_list *windows, const char *time_zone);
void schedule_clear(struct schedule *schedule);
bool schedule_is_active(struct schedule *schedule, int64_t at_ms);
/* The first whole minute after `at_ms` at which schedule_is_active may answer differently: it does there, or there is
 * none in the eight days before (a week, and a day for the clocks), as where the clocks skip the week's only window,
 * and it is to be asked again then. INT64_MAX: never. */
int64_t schedule_next_change(struct schedule *schedule, int64_t at_ms);
