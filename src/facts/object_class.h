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
/* Whether one thing may go by both: the same name, or two of a kind, which models give to one van from picture to
 * picture. What is of no known kind goes by one name alone: a helmet is never the lack of one. */
bool object_classes_are_alike(const char *a, const char *b);
/* Whether it goes where it likes: a person, or an animal. */
bool object_is_living(const char *object_class);
