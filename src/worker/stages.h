/* Stages: when each stage of the frame at hand began and ended, by the monotonic clock, and how long they took of all
 * frames so far. One thread at a time; the times may be read by any (base/latency.h). A mark reads the clock once.
 */
#pragma once

#include "base/latency.h"
#include "facts/trace.h"
#include "frame/frame.h"

struct stages {
    int64_t begin_ns, at_ns; /* of the frame: when it was taken, and the last mark */
    struct {
        int64_t start_ns, end_ns; /* 0: it has not come to it */
    } spans[STAGE_END];
    struct latency times[STAGE_END];
};

/* A frame is taken: what came before is told by the frame. */
void stages_begin(struct stages *stages, const struct frame *frame);
/* What passed since the last mark was this stage, or more of it. */
void stages_mark(struct stages *stages, enum frame_stage stage);
/* What passed since the last mark was no stage. */
void stages_skip(struct stages *stages);
/* The frame is done: it counts. */
void stages_finish(struct stages *stages);
