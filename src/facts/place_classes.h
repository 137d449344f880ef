/* Facts: zones and lines that ask for classes of objects which nothing can have. They count nothing, and nobody would
 * know why. Any thread. */
#pragma once

#include "facts/camera.h"

/* The first of a camera's zones and lines that counts nothing, as none of the classes that it asks for can be had, and
 * why: g_free. NULL: there is none. `labels` are the model's; NULL: there is no model, or it says nothing. */
char *place_classes_describe(const struct camera *camera, const struct record_strings *labels);
/* Each class of a zone or line that nothing can have, with its path below that of the camera. */
void place_classes_warn(const struct camera *camera, const struct record_strings *labels, const char *path,
                        struct record_errors *warnings);
