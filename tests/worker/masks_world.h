/* A camera with masks, before which somebody made of noise stands or walks: what of it is to be seen in the pictures
 * that leave the worker, and whether it is told as a thing. */
#pragma once

#include "worker/worker.h"

enum { MASKS_WIDE_PX = 640, MASKS_HIGH_PX = 360, MASKS_EVERY_MS = 200 };

/* Where the mask of most tests is: the right half. And somebody who stands well inside, a third of its width wide. */
extern const struct record_box masks_right_half, masks_inside;

struct masks_world {
    struct settings settings;
    struct worker_config config;
    struct camera_config told; /* what pipeline_configure is given */
    struct camera_health health;
    struct clock *clock;  /* the pipeline's: moves when told to */
    pthread_mutex_t turn; /* of the model */
    struct pipeline *pipeline;
    struct frame *frame; /* fed last */
    int64_t at_ms;
    uint64_t number;
    int things_left; /* signals object_left */
};

/* `kind` 0: no mask. `detector` may be NULL. */
void masks_world_init(struct masks_world *world, enum zone_kind kind, struct detector *detector);
/* The same without masks, where the settings say how sure the model must be. */
void masks_world_init_sure(struct masks_world *world, struct detector *detector, double confidence);
void masks_world_clear(struct masks_world *world);
/* Replaces the zones of `told` by one of this kind (0: none, and NULL) that covers the box. */
struct zone *masks_tell(struct masks_world *world, enum zone_kind kind, const struct record_box *box);
/* A room of noise that stays the same, with somebody of other noise at `figure` (NULL: nobody). */
struct frame *masks_draw(int width_px, int height_px, const struct record_box *figure);
void masks_feed(struct masks_world *world, const struct record_box *figure);
/* The same of a frame drawn elsewhere, of masks_draw's size; takes it. */
void masks_feed_frame(struct masks_world *world, struct frame *frame);
/* Nobody is there for as long as the background takes to be learnt. */
void masks_learn(struct masks_world *world);
/* Somebody walks from left to right inside `masks_inside`'s rows, in ten frames, and ends at masks_inside. */
void masks_walk_inside(struct masks_world *world);
/* Mean difference between neighbours in a JPEG inside a box, of luma: some 85 where noise is seen, next to none where
 * it is hidden. */
double masks_roughness(GBytes *jpeg, const struct record_box *box);
/* The same of pipeline_preview. */
double masks_previewed(struct masks_world *world, const struct record_box *box);
/* How many confirmed tracks stand (by their bottom centre) right of the middle, and are in sight. */
int masks_count_right(const struct masks_world *world);

enum { MASKS_SEEN = 30, MASKS_HIDDEN = 8 }; /* roughness above, and below */
