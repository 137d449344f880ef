/* A model that always finds somebody at one place, for the world of masks. */
#pragma once

#include "masks_world.h"

/* A "person" whose box is in pixels of the model's input, 32 x 32, of which a frame of 16:9 is the upper 18 rows. */
struct detector *masks_model_open(double left, double top, double width, double height);
/* One that gives no number at all: each run fails. */
struct detector *masks_model_broken(void);
/* About at masks_inside: x 0.70 to 0.82, from 0.33 to 0.74 of a 16:9 frame's height. */
struct detector *masks_model_inside(void);
