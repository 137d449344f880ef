#include "facts/schedule.h"

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

bool schedule_is_active(struct schedule *schedule, int64_t at_ms)
{
    if (schedule->is_always)
        return true;
    int64_t second = at_ms / 1000;
    if (second / 60 == schedule->minute)
        return schedule->is_active;
    schedule->minute = second / 60;
    int interval = g_time_zone_find_interval(schedule->time_zone, G_TIME_TYPE_UNIVERSAL, second);
    int64_t local_minute = (second + g_time_zone_get_offset(schedule->time_zone, interval)) / 60;
    const int thursday = 3; /* 1970 began on one */
    int minute = (int)((local_minute + thursday * MINUTES_A_DAY) % WEEK_MINUTES);
    schedule->is_active = schedule->minutes[minute / 8] >> minute % 8 & 1;
    return schedule->is_active;
}

int64_t schedule_next_change(struct schedule *schedule, int64_t at_ms)
{
    enum { MINUTE_MS = 60000, LOOK_AHEAD_MINUTES = (WEEKDAYS + 1) * MINUTES_A_DAY };
    if (schedule->is_always)
        return INT64_MAX;
    bool is_active = schedule_is_active(schedule, at_ms);
    int64_t first_minute = at_ms / MINUTE_MS + 1;
    for (int64_t minute = first_minute; minute < first_minute + LOOK_AHEAD_MINUTES; minute++)
        if (schedule_is_active(schedule, minute * MINUTE_MS) != is_active)
            return minute * MINUTE_MS;
    return INT64_MAX;
}
