/* Queue length: more than queue_limit wait in a zone. Who has been inside for queue_seconds waits; who only passes
 * through does not. Told again only after there were fewer, by the zone's hysteresis. */
#include "analytics/analytics_internal.h"

struct queue {
    int length;
    double longest_seconds;
};

static struct queue measure(const struct zone_watch *watch, int64_t media_us)
{
    struct queue queue = {0};
    for (int i = 0; i < watch->stays.count; i++) {
        const struct zone_stay *stay = watch_list_at(&watch->stays, i);
        double seconds = (double)(media_us - stay->entered_us) / 1e6;
        if (!stay->is_inside || seconds < watch->zone->queue_seconds)
            continue;
        queue.length++;
        queue.longest_seconds = MAX(queue.longest_seconds, seconds);
    }
    return queue;
}

static void tell(const struct zone_watch *watch, struct queue queue, const struct observation *observation,
                 const struct analytics_sink *sink)
{
    char attributes[96];
    g_snprintf(attributes, sizeof attributes, "{\"length\":%d,\"limit\":%d,\"longest_wait_seconds\":%.1f}",
               queue.length, watch->zone->queue_limit, queue.longest_seconds);
    rule_tell(&(struct finding){.signal = RULE_SIGNAL_QUEUE_LONG, .place = watch->zone->id, .attributes = attributes},
              observation, sink);
}

static void observe(void *state, const struct rule_context *context, const struct observation *observation,
                    const struct analytics_sink *sink)
{
    (void)state;
    for (size_t i = 0; i < context->zone_count; i++) {
        struct zone_watch *watch = &context->zones[i];
        if (watch->zone->queue_limit == 0)
            continue;
        struct queue queue = measure(watch, observation->media_us);
        bool was_exceeded = watch->is_queue_exceeded;
        watch->is_queue_exceeded =
            watch->is_active &&
            limit_is_exceeded(was_exceeded, queue.length, watch->zone->queue_limit, watch->zone->hysteresis);
        if (watch->is_queue_exceeded && !was_exceeded)
            tell(watch, queue, observation, sink);
    }
}

const struct rule rule_queue = {
    "queue", "more than queue_limit wait in a zone", rule_create_nothing, observe, NULL, rule_free_nothing};
