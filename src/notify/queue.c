#include "notify/notify_internal.h"

enum { FILE_BYTES = 1 << 20, RESERVE_BYTES = 64 << 10 };

static int64_t now_us(void *clock)
{
    return clock_monotonic_us(clock);
}

static int64_t wall_ms(void *clock)
{
    return clock_wall_ms(clock);
}

struct vedette_spool *queue_open(const char *directory, const struct queue_bounds *bounds, struct clock *clock,
                                 GError **error)
{
    struct vedette_spool_config config;
    struct vedette_spool_error why;
    vedette_spool_config_init(&config);
    config.max_queue_size = bounds->max_records;
    config.max_queue_bytes = bounds->max_bytes;
    config.max_queue_seconds = bounds->max_seconds;
    config.when_full = VEDETTE_SPOOL_DROP_LOWEST;
    config.max_record_bytes = bounds->max_record_bytes;
    config.max_memory_bytes = bounds->max_memory_bytes;
    config.max_tenants = VEDETTE_SPOOL_TENANTS_MAX; /* dead letters are of every org, and none is lost to another's */
    config.file_bytes = FILE_BYTES;
    config.reserve_bytes = RESERVE_BYTES;
    config.wall_ms = wall_ms;
    config.time = (struct vedette_time_source){.now_us = now_us, .data = clock};
    struct vedette_spool *spool = vedette_spool_open(directory, &config, &why);
    if (!spool)
        g_set_error(error, VEDETTE_ERROR,
                    why.kind == VEDETTE_SPOOL_DENIED ? VEDETTE_ERROR_PERMISSION : VEDETTE_ERROR_IO, "%s", why.text);
    return spool;
}
