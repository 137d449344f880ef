#include "facts/schedule.h"

#include <string.h>

enum { WEEK_MINUTES = WEEKDAYS * MINUTES_A_DAY };

static void mark(struct schedule *schedule, int day, int from, int to)
{
    int length = to > from ? to - from : to + MINUTES_A_DAY - from;
    for (int i = 0; i < length; i++) {
        int minute = (day * MINUTES_A_DAY + from + i) % WEEK_MINUTES;
        schedule->minutes[minute / 8] |= (uint8_t)(1 << minute % 8);
    }
}

static bool window_has_day(const struct schedule_window *window, int day)
{
    for (size_t i = 0; i < window->days.count; i++)
        if (g_str_equal(window->days.items[i], weekday_names[day]))
            return true;
    return window->days.count == 0;
}

void schedule_init(struct schedule *schedule, const struct record_list *windows, const char *time_zone)
{
    *schedule = (struct schedule){.is_always = windows->count == 0, .minute = -1};
    if (schedule->is_always)
        return;
    schedule->minutes = g_malloc0(WEEK_MINUTES / 8);
    if (time_zone && *time_zone)
        schedule->time_zone = g_time_zone_new_identifier(time_zone);
    if (!schedule->time_zone)
        schedule->time_zone = g_time_zone_new_utc();
    const struct schedule_window *window = windows->items;
    for (size_t i = 0; i < windows->count; i++)
        for (int day = 0; day < WEEKDAYS; day++)
            if (window_has_day(&window[i], day))
                mark(schedule, day, schedule_parse_minute(window[i].from), schedule_parse_minute(window[i].to));
}

void schedule_clear(struct schedule *schedule)
{
    if (schedule->time_zone)
        g_time_zone_unref(schedule->time_zone);
    g_free(schedule->minutes);
}

/* Of the clocks there, while an interval's offset holds. */
static int minute_of_week(const struct schedule *schedule, int64_t second, int interval)
{
    const int thursday = 3; /* 1970 began on one */
    int64_t local_minute = (second + g_time_zone_get_offset(schedule->time_zone, interval)) / 60;
    return (int)((local_minute + thursday * MINUTES_A_DAY) % WEEK_MINUTES);
}

bool schedule_is_active(struct schedule *schedule, int64_t at_ms)
{
    if (schedule->is_always)
        return true;
    int64_t second = at_ms / 1000;
    if (second / 60 == schedule->minute)
        return schedule->is_active;
    schedule->minute = second / 60;
    int interval = g_time_zone_find_interval(schedule->time_zone, G_TIME_TYPE_UNIVERSAL, second);
    int minute = minute_of_week(schedule, second, interval);
    schedule->is_active = schedule->minutes[minute / 8] >> minute % 8 & 1;
    return schedule->is_active;
}

enum { MINUTE_MS = 60000, LOOK_AHEAD_MINUTES = (WEEKDAYS + 1) * MINUTES_A_DAY };

/* By the clock, minute for minute. Where clocks skip the week's only window nothing changes within the look-ahead, and
 * its end is where to look again. */
static int64_t walk_to_change(struct schedule *schedule, int64_t at_ms)
{
    bool is_active = schedule_is_active(schedule, at_ms);
    int64_t first_minute = at_ms / MINUTE_MS + 1;
    for (int64_t minute = first_minute; minute < first_minute + LOOK_AHEAD_MINUTES; minute++)
        if (schedule_is_active(schedule, minute * MINUTE_MS) != is_active)
            return minute * MINUTE_MS;
    return (first_minute + LOOK_AHEAD_MINUTES) * MINUTE_MS;
}

/* How many minutes from here on, as many as are compared at once, say the same; 0: they do not, or it is no place to
 * compare so many. */
static int same_minutes(const struct schedule *schedule, int at)
{
    enum { WORD_MINUTES = 64, BYTE_MINUTES = 8 };
    uint64_t same = schedule->is_active ? UINT64_MAX : 0, word;
    if (at % BYTE_MINUTES)
        return 0;
    memcpy(&word, schedule->minutes + MIN(at, WEEK_MINUTES - WORD_MINUTES) / BYTE_MINUTES, sizeof word);
    if (at <= WEEK_MINUTES - WORD_MINUTES && word == same)
        return WORD_MINUTES;
    return schedule->minutes[at / BYTE_MINUTES] == (uint8_t)same ? BYTE_MINUTES : 0;
}

/* In how many minutes the week says something else than now; LOOK_AHEAD_MINUTES: never. */
static int minutes_to_change(const struct schedule *schedule, int minute)
{
    int left = 1;
    while (left < LOOK_AHEAD_MINUTES) {
        int at = (minute + left) % WEEK_MINUTES, same = same_minutes(schedule, at);
        if (same)
            left += same;
        else if ((schedule->minutes[at / 8] >> at % 8 & 1) != schedule->is_active)
            return left;
        else
            left++;
    }
    return LOOK_AHEAD_MINUTES;
}

int64_t schedule_next_change(struct schedule *schedule, int64_t at_ms)
{
    if (schedule->is_always)
        return INT64_MAX;
    int64_t second = at_ms / 1000;
    int interval = g_time_zone_find_interval(schedule->time_zone, G_TIME_TYPE_UNIVERSAL, second);
    schedule_is_active(schedule, at_ms);
    int left = minutes_to_change(schedule, minute_of_week(schedule, second, interval));
    if (left == LOOK_AHEAD_MINUTES)
        return INT64_MAX; /* the whole week says the same, whatever the clocks do */
    int64_t change_ms = (at_ms / MINUTE_MS + left) * MINUTE_MS;
    if (g_time_zone_find_interval(schedule->time_zone, G_TIME_TYPE_UNIVERSAL, change_ms / 1000) != interval)
        return walk_to_change(schedule, at_ms); /* the clocks change before */
    return change_ms;
}
