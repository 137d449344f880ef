/* A model that always finds somebody at one place, for the world of masks. */
#pragma once

#include "masks_world.h"

/* A "person" whose box is in pixels of the model's input, 32 x 32, of which a frame of 16:9 is the upper 18 rows. */
struct detector *masks_model_open(double left, double top, double width, double height);
/* About at masks_inside it finds a `label`, and knows nothing else. */
struct detector *masks_model_of(const char *label);
/* One that finds somebody about at masks_inside, but is no surer of them than `score`; its card has a threshold. */
struct detector *masks_model_unsure(double score, double card_confidence);
/* One that gives no number at all: each run fails. */
struct detector *masks_model_broken(void);
/* One whose file is not there yet, nor its card, below a directory that is to be removed at last (which frees it). */
struct detector *masks_model_missing(char **directory);
/* Now it is: masks_model_inside's. */
void masks_model_bring(const char *directory);
void masks_model_remove(char *directory);
/* About at masks_inside: x 0.70 to 0.82, from 0.33 to 0.74 of a 16:9 frame's height. */
struct detector *masks_model_inside(void);
