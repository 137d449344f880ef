/* Chunks: observations stored so compactly that every camera's can be kept, and policies tried on them. What is read is
 * exactly what was written: the quantised observation rules see, so that a replay tells what live told.
 *
 * Boxes are predicted by their own speed and only the difference is coded, with an adaptive range coder. A chunk can be
 * read by itself; live ones hold a minute of one camera.
 *
 * One thread at a time per writer or reader.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <glib.h>

#include "analytics/analytics.h"
#include "base/cleanup.h"
#include "base/error.h"

/* More tracks of one frame are left out (and counted); what has more classes than this in one frame is written as of
 * the last of them. */
enum { CHUNK_TRACKS_MAX = 1024, CHUNK_CLASSES_MAX = 64, CHUNK_FRAMES_MAX = 65536, CHUNK_VERSION = 2 };
/* Tracks of all its frames together: what is well foretold takes hardly a bit, so bytes alone bound no reader's time. A
 * minute of 30 frames a second, all full, has fewer. */
enum { CHUNK_SIGHTINGS_MAX = 2 << 20 };
/* Classes that chunks brought into this process and nobody else named, which are kept until it ends; further ones are
 * read as "". */
enum { CHUNK_FOREIGN_CLASSES_MAX = 1024 };

struct chunk_writer *chunk_writer_new(void);
void chunk_writer_free(struct chunk_writer *writer);
CLEANUP_DEFINE(chunk_writer, chunk_writer_free)
/* Adds one frame. False: the chunk holds CHUNK_FRAMES_MAX frames, or would hold more than CHUNK_SIGHTINGS_MAX tracks or
 * CHUNK_CLASSES_MAX classes with this one's, and must be finished first; but a frame that has more classes than that by
 * itself is taken by any chunk, or there would be a chunk for each. */
bool chunk_writer_add(struct chunk_writer *writer, const struct observation *observation);
int chunk_writer_frames(const struct chunk_writer *writer);
/* What it takes so far, but for a few that are still in the coder. */
size_t chunk_writer_bytes(const struct chunk_writer *writer);
/* at_ms of its first frame; 0 when it has none. */
int64_t chunk_writer_began_ms(const struct chunk_writer *writer);
/* Tracks that found no room, since the writer was made. */
int64_t chunk_writer_shed(const struct chunk_writer *writer);
/* The chunk's bytes; the writer begins the next. */
GBytes *chunk_writer_finish(struct chunk_writer *writer);

/* NULL: it is no chunk, or of a later version. `bytes` must outlive the reader. */
struct chunk_reader *chunk_reader_new(const void *bytes, size_t length, GError **error);
void chunk_reader_free(struct chunk_reader *reader);
CLEANUP_DEFINE(chunk_reader, chunk_reader_free)
int chunk_reader_frames(const struct chunk_reader *reader);
/* The next frame; valid until the next call. False without error: there is none left. False with an error: the chunk is
 * damaged from here on. */
bool chunk_reader_next(struct chunk_reader *reader, struct observation *observation, GError **error);
