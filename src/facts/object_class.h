/* Facts: what kinds of things a model's labels name. One list, for all who must tell a person from a thing. Any thread.
 */
#pragma once

#include <stdbool.h>

/* What a class' name may take wherever one is kept or told; no card of a model that finds objects has longer ones. */
enum { OBJECT_CLASS_MAX_BYTES = 64 };

/* The class of all that moves, where there is no model, or while it fails. */
#define OBJECT_CLASS_MOTION "motion"

enum object_kind { OBJECT_PERSON = 1, OBJECT_ANIMAL, OBJECT_VEHICLE };

/* 0: none of these, or not known; also of NULL. */
enum object_kind object_kind_of(const char *object_class);
/* Whether it goes where it likes: a person, or an animal. */
bool object_is_living(const char *object_class);
