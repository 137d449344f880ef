#include "hub/breaker_config.h"

static int64_t now_us(void *clock)
{
    return clock_monotonic_us(clock);
}

void breaker_config_fill(const struct breaker_settings *settings, struct clock *clock,
                         struct vedette_breaker_config *config)
{
    vedette_breaker_config_init(config);
    config->failure_threshold = settings->failure_threshold;
    config->failure_percent = settings->failure_percent;
    config->success_threshold = settings->success_threshold;
    config->window_us = (int64_t)(settings->window_seconds * G_USEC_PER_SEC);
    config->recovery_timeout_us = (int64_t)(settings->recovery_seconds * G_USEC_PER_SEC);
    config->recovery_timeout_max_us = (int64_t)(settings->recovery_max_seconds * G_USEC_PER_SEC);
    config->slow_call_us = (int64_t)(settings->slow_call_seconds * G_USEC_PER_SEC);
    config->time = (struct vedette_time_source){.now_us = now_us, .data = clock};
}
