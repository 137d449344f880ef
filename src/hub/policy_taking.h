/* Taking over a directory of policy files, one look after the other: what a file says becomes its document, once, when
 * the file is new or says something else than was taken over last; a file that is gone takes that document with it
 * where nobody changed it since. What was taken over stands in the store (policy_file), so that the next run knows it.
 * One thread.
 */
#pragma once

#include <stdatomic.h>

#include "keeper/keeper.h"

struct policy_taking;

struct policy_taking_config {
    const char *directory;
    const char *source; /* store_source_make */
    struct store *store;
    struct policy_keeper *keeper;
    const atomic_bool *is_stopping; /* a look ends between two files */
    /* Told of each folder before its names are read. */
    void (*enter)(void *data, const char *folder);
    void *data;
};

/* What it is given outlives it. Until the first look nothing that files may say is known: the keeper is told so. */
struct policy_taking *policy_taking_new(const struct policy_taking_config *config);
void policy_taking_free(struct policy_taking *taking);
/* Looks at all files; what changed is in force when it returns. False: something is to be tried again soon. */
bool policy_taking_look(struct policy_taking *taking);
/* Files whose word is not in force, and the directory itself where it cannot be read or is empty. */
size_t policy_taking_refused(const struct policy_taking *taking);
