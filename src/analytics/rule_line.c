/* Line crossing: one record for each crossing that line_watch.c counted. */
#include "analytics/analytics_internal.h"

static void emit(const struct line_watch *watch, const struct line_change *change,
                 const struct observation *observation, const struct analytics_sink *sink)
{
    struct line_crossing crossing = {
        .line_id = watch->line->id,
        .track_id = change->walker->watched.id,
        .direction = change->direction,
        .object_class = (char *)(uintptr_t)change->walker->watched.object_class,
        .at = {observation->at_ms},
        .box = change->walker->box,
    };
    sink->emit(sink->data, EVENT_LINE_CROSSING, &crossing);
}

static void observe(void *state, const struct rule_context *context, const struct observation *observation,
                    const struct analytics_sink *sink)
{
    (void)state;
    for (size_t i = 0; i < context->line_count; i++)
        for (int j = 0; j < context->lines[i].change_count; j++)
            if (context->lines[i].changes[j].is_counted)
                emit(&context->lines[i], &context->lines[i].changes[j], observation, sink);
}

static size_t count(const void *state, const struct rule_context *context, struct analytics_count *counts,
                    size_t capacity)
{
    (void)state;
    size_t written = 0;
    for (; written < context->line_count && written < capacity; written++) {
        const struct line_watch *watch = &context->lines[written];
        counts[written] = (struct analytics_count){watch->line->id, true, watch->ins, watch->outs, 0};
    }
    return written;
}

const struct rule rule_line = {"line", "a track crossed a line", rule_create_nothing, observe,
                               count,  rule_free_nothing};
