/* Facts: the governor's settings, what it tells workers, and what it remembers of the load of cameras. */
#pragma once

#include <stdbool.h>

#include "record/record.h"

enum governor_admission { ADMISSION_WARN = 1, ADMISSION_REFUSE, ADMISSION_OFF };
extern const char *const governor_admission_names[];

/* Each resource is hot at or above its `high`, calm at or below its `low`, and neither in between. */
struct governor_settings {
    bool shed; /* false: overload is told, nothing is shed */
    enum governor_admission admission;
    double cpu_high, cpu_low;       /* shares of what may be used */
    double late_high;               /* the CPU is hot only while so large a share of frames comes too late */
    double memory_high, memory_low; /* shares of what may be used */
    double queue_high, queue_low;   /* shares of the queue before the store */
    double frame_age_high_ms, frame_age_low_ms;
    double overload_seconds; /* hot for so long: the first step */
    double step_seconds;     /* and still hot for so long: the next */
    double recover_seconds;  /* calm for so long: a step back */
    double quiet_seconds;    /* a camera in which nothing moved for so long is quiet */
    double quiet_scale;      /* of analyse_fps: first step, of quiet cameras */
    double all_scale;        /* second step, of all cameras */
    double cpu_target;       /* headroom is counted up to this share of the CPU */
};
extern const struct record_descriptor governor_settings_descriptor;

/* What the hub tells its workers to leave out; they go by it at once. */
struct governor_order {
    double quiet_scale, all_scale; /* 0..1 of analyse_fps */
    bool has_previews;
};
extern const struct record_descriptor governor_order_descriptor;

/* What cameras cost, as measured while they ran: how a later start knows whether one more fits. */
struct governor_memory {
    struct record_strings cameras; /* that were admitted */
    double camera_cores;           /* of one camera, on average */
    int64_t camera_bytes;
    double other_cores; /* that everything else on the machine took */
    int64_t other_bytes;
};
extern const struct record_descriptor governor_memory_descriptor;
