/* A cron expression as someone might write it into a setting or a request: what is understood must have a next time
 * that is later, and fit its own fields. */
#include <stddef.h>
#include <stdint.h>

#include "jobs/cron.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* a jump of an hour, and back */
    static const struct zone_span spans[] = {
        {INT64_MIN, 1774746000, 3600}, {1774746000, 1792890000, 7200}, {1792890000, INT64_MAX, 3600}};
    static struct zone *zone;
    if (!zone)
        zone = zone_new(spans, G_N_ELEMENTS(spans));
    g_autofree char *text = g_strndup((const char *)data, size);
    g_autoptr(GError) error = NULL;
    struct cron cron;
    struct window window;
    if (window_parse(text, &window, NULL)) {
        int64_t active_s = window_active_seconds(&window, zone, 1774700000, 1774800000);
        if (active_s < 0 || active_s > 100000)
            __builtin_trap();
    }
    if (!cron_parse(text, &cron, &error)) {
        if (!error)
            __builtin_trap();
        return 0;
    }
    for (int64_t at_s = 1774700000, i = 0; i < 3; i++) {
        int64_t next_s = cron_next(&cron, zone, at_s);
        if (next_s <= at_s)
            __builtin_trap();
        if (next_s == CRON_NEVER)
            return 0;
        at_s = next_s;
    }
    return 0;
}
