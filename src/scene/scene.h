/* Scenes: generated, deterministic pictures with their ground truth, so that counting can be tried and tested without
 * a camera. Figures walk set paths over a textured background with noise, light changes and occlusion.
 * Pure: no clock, no I/O, no GStreamer. The same name and seed give the same pixels on every machine.
 *
 * One thread at a time per scene.
 */
#pragma once

#include <stdbool.h>

#include <glib.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "facts/camera.h"
#include "frame/frame.h"

struct scene;

/* One row of the table of scenes. */
struct scene_info {
    const char *name; /* "shop", "gate", "corridor", "night", "empty" */
    const char *doc;
};
const struct scene_info *scene_list(size_t *count);

/* Parses "scene://NAME?seed=N&fps=F&width=W&height=H&frames=F&fault=KIND@SECONDS" (or "NAME"); NULL and an error naming
 * the known scenes. Faults, from then on: the camera is covered, blurred, moved, nudged (by a little), frozen or dark,
 * a thing is left or taken, rain falls, leaves stir, a clock is burnt into the picture, haze takes its contrast, a lamp
 * at one side goes out and on every eight seconds. With frames, the scene ends there: what would count in the last two
 * seconds before it is left out, so that nobody has to guess at the end. Without, it never ends. */
struct scene *scene_new_from_uri(const char *uri, GError **error);
void scene_free(struct scene *scene);
CLEANUP_DEFINE(scene, scene_free)

double scene_fps(const struct scene *scene);
int scene_width_px(const struct scene *scene);
int scene_height_px(const struct scene *scene);
/* Frames until the end; 0: it never ends. */
uint64_t scene_frame_count(const struct scene *scene);

/* The lines and zones that belong to the scene (id = name), as a camera record without id and source.
 * record_clear it with camera_descriptor. */
void scene_describe_camera(const struct scene *scene, struct camera *camera);

/* Draws frame `number` (any order is allowed, ascending is fastest). New reference. */
struct frame *scene_render(struct scene *scene, uint64_t number);

/* Ground truth of frames [0, frame_count): boxes, ids, crossings, zone stays, totals per line and zone, the share of
 * crossings that happened while figures overlapped, noise and light steps. JSON text; g_free. Needs no rendering. */
char *scene_truth_json(struct scene *scene, uint64_t frame_count);

/* Totals alone, for tests: fills in/out for a line, or entries/exits for a zone. False when there is no such id. */
bool scene_truth_count(struct scene *scene, uint64_t frame_count, const char *id, int *in_or_entries,
                       int *out_or_exits);
