/* What the files of the bench share: a row is something measured beside a baseline. */
#pragma once

#include <stddef.h>

struct row {
    const char *name;     /* what is measured, and the unit it is measured for */
    const char *baseline; /* what it is compared with */
    void (*ours)(void *data);
    void (*theirs)(void *data);
    void *data;  /* NULL: cannot be measured here, left out with a word */
    int repeats; /* calls a round */
};

/* ---- whole_path.c: decode, motion, detect, track and rules of a 1080p camera ---- */

/* A clip of 15 fps analysed at 5, made from a scene; with a model it runs on every analysed frame. NULL with a word on
 * stderr when it cannot be. */
void *path_setup(const char *scene, const char *model, const char *card);
void path_ours(void *data);
/* Decoding by GStreamer's elements alone, and with a model ONNX Runtime alone as often. */
void path_theirs(void *data);
/* The stages' shares of what path_ours took, what a further camera adds to the process, and how often the frame path
 * asked for memory after its warm-up. */
void path_report(void *data, const char *name);

/* ---- family_rows.c: reading what a model of each family gave ---- */

/* NULL after the last. */
void *family_setup(size_t index, const char **name);
void family_ours(void *data);
/* Reading each number once. */
void family_theirs(void *data);
