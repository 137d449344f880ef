/* When a zone or line raises signals: a week of minutes, worked out once. Local time is asked of the time zone for each
 * minute, so that a change of the clocks falls where people there see it. */
#include "analytics/analytics_internal.h"

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
