/* Track log: cuts what one camera's rules see into chunks, so that policies can be tried on it later. One chunk a
 * while, and one for each policy: what a chunk holds was all judged by one revision.
 *
 * One thread at a time, the pipeline's. What is in the open chunk when a process dies is lost with it: that is never
 * more than `chunk_seconds` of time, whether frames come or not.
 */
#pragma once

#include "analytics/analytics.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "facts/track.h"

struct track_log;

/* `chunk` lacks id, org and camera, and lives as long as the call. */
struct track_log_sink {
    void (*chunk)(void *data, struct track_chunk *chunk);
    void *data;
};

/* A chunk ends with the first frame that is `chunk_seconds` younger than its first; where none comes, when so much time
 * has passed (track_log_pass_time). `clock` outlives it. */
struct track_log *track_log_new(struct clock *clock, double chunk_seconds, const struct track_log_sink *sink);
void track_log_free(struct track_log *log);
CLEANUP_DEFINE(track_log, track_log_free)
/* Before or after the rules see it. */
void track_log_add(struct track_log *log, const struct observation *observation);
/* No frame came, and time goes on: ends the open chunk when that is due. */
void track_log_pass_time(struct track_log *log);
/* From the next frame on another policy counts. */
void track_log_set_policy(struct track_log *log, int64_t revision);
/* The rules were told to finish at the last frame's time: the run is over. */
void track_log_finish(struct track_log *log);
/* Tracks that found no room in a chunk, since the start. */
int64_t track_log_shed(const struct track_log *log);
