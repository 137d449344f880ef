/* What the files of the bench share: a row is something measured beside a baseline; each file ends in a table of them.
 */
#pragma once

#include "frame/frame.h"

#include <stddef.h>

struct row {
    const char *name;     /* what is measured, and the unit it is measured for */
    const char *baseline; /* what it is compared with */
    void (*ours)(void *data);
    /* NULL: `ours` is a kernel, whose forms for the sets of instructions of this machine are all measured, each beside
     * the portable one. `setup` is called for each set and chooses the form. */
    void (*theirs)(void *data);
    /* What `ours` and `theirs` get; NULL, with a word on stderr, when it cannot be measured here. Called just before,
     * and never freed: the program ends. */
    void *(*setup)(const void *argument);
    const void *argument;
    int repeats; /* calls a round */
    /* Says more, once it is measured, and ends what must not stay; may be NULL. */
    void (*report)(void *data, const char *name);
};

struct row_table {
    const struct row *rows;
    size_t count;
};

/* policy_rows.c: views and backtests; policy_change_rows.c: changes at a server of many cameras; motion_rows.c,
 * motion_kernel_rows.c, model_rows.c: preprocessing and detection, kernel_rows.c: the other kernels, family_rows.c:
 * reading what a model of each family gave, track_rows.c: tracker and rules, output_rows.c: pictures and records,
 * whole_path.c: decode, motion, detect, track and rules of a 1080p camera */
extern const struct row_table motion_rows, motion_kernel_rows, model_rows, family_rows, track_rows, output_rows,
    path_rows, policy_rows, policy_change_rows, kernel_rows;

/* A 1080p frame as the scene draws it (I420), or with its chroma interleaved. */
struct frame *bench_frame(enum frame_format format);

struct runtime;
struct model_card;
/* The same model without us around it; NULL with an error. runtime_free. */
struct runtime *bench_open_bare(const char *model, const struct model_card *card, GError **error);
