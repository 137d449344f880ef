#include "hub/path_times.h"

#include "base/clock.h"
#include "facts/trace.h"

#include <string.h>

const char *const path_stage_names[] = {"intake", "spool", "push", "drain", "store", NULL};
_Static_assert(G_N_ELEMENTS(path_stage_names) == PATH_END, "a stage has no name");

enum { NS_PER_US = 1000 };
static struct latency path_times[PATH_END];

int64_t path_times_note(enum path_stage stage, const GPtrArray *events, int64_t start_us, bool has_failed)
{
    int64_t now_us = clock_monotonic_us(clock_system());
    latency_note(&path_times[stage], (now_us - start_us) * NS_PER_US);
    trace_note_events(events, path_stage_names[stage - 1], start_us, now_us, has_failed);
    return now_us;
}

int64_t path_times_note_event(enum path_stage stage, const struct analytics_event *event, int64_t start_us)
{
    int64_t now_us = clock_monotonic_us(clock_system());
    latency_note(&path_times[stage], (now_us - start_us) * NS_PER_US);
    trace_note_event(event, path_stage_names[stage - 1], start_us, now_us);
    return now_us;
}

void path_times_read(struct latency times[PATH_END])
{
    memset(times, 0, PATH_END * sizeof *times);
    for (int stage = PATH_INTAKE; stage < PATH_END; stage++)
        latency_add(&times[stage], &path_times[stage]);
}
