/* The shared assets that golden tests see with, and the models that see: each skips its test where they do not lie. */
#ifndef VEDETTE_TESTS_GOLDEN_WORLD_H
#define VEDETTE_TESTS_GOLDEN_WORLD_H

#include "vision/detector_internal.h"

#include <jansson.h>

/* `name` below the shared assets; NULL, and the test skipped, when it is not there. g_free(). */
char *golden_shared_path(const char *name);
/* The product's own card of a model, by its file's name. g_free(). */
char *golden_card_path(const char *name);
/* NULL, and the test skipped, when it is not there. json_decref(). */
json_t *golden_load_json(const char *name);
/* Of the shared media; a path with "#frameN" names a frame of a video. frame_unref(). */
struct frame *golden_load_picture(const char *key);

/* By a model's name, with its card, one thread; NULL, and the test skipped, when the model is not there. */
struct detector *golden_open_detector(const char *name);
struct detector *golden_open_sure(const char *name, double confidence);
struct reader *golden_open_reader(const char *name);

#endif
