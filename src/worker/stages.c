#include "worker/stages.h"

#include "base/clock.h"

#include <string.h>
#include <time.h>

enum { NS_PER_US = 1000 };

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void set_span(struct stages *stages, enum frame_stage stage, int64_t start_ns, int64_t end_ns)
{
    stages->spans[stage].start_ns = start_ns;
    stages->spans[stage].end_ns = MAX(start_ns, end_ns);
}

void stages_begin(struct stages *stages, const struct frame *frame)
{
    memset(stages->spans, 0, sizeof stages->spans);
    stages->begin_ns = stages->at_ns = now_ns();
    int64_t decoded_ns = MIN(frame->arrived_us * NS_PER_US, stages->begin_ns);
    if (frame->received_us)
        set_span(stages, STAGE_DECODE, MIN(frame->received_us * NS_PER_US, decoded_ns), decoded_ns);
    if (frame->arrived_us)
        set_span(stages, STAGE_WAIT, decoded_ns, stages->begin_ns);
}

void stages_mark(struct stages *stages, enum frame_stage stage)
{
    int64_t from_ns = stages->at_ns;
    stages->at_ns = now_ns();
    /* a stage in two parts is told from where its first began, as long as both together */
    if (stages->spans[stage].end_ns)
        stages->spans[stage].end_ns += stages->at_ns - from_ns;
    else
        set_span(stages, stage, from_ns, stages->at_ns);
}

void stages_skip(struct stages *stages)
{
    stages->at_ns = now_ns();
}

void stages_finish(struct stages *stages)
{
    set_span(stages, STAGE_FRAME, stages->begin_ns, stages->at_ns);
    for (int stage = STAGE_DECODE; stage < STAGE_END; stage++)
        if (stages->spans[stage].end_ns)
            latency_note_own(&stages->times[stage], stages->spans[stage].end_ns - stages->spans[stage].start_ns);
}
