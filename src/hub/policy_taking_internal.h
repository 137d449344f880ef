/* Shared by the files that take over a directory's policies: policy_taking.c takes what is there, policy_dropping.c
 * lets go of what is gone. All of it on whichever thread looks, one at a time.
 */
#pragma once

#include "hub/policy_taking.h"

#define WHOLE_DIRECTORY "." /* the path under which it stands where it cannot be read */

struct taken_file {
    struct policy_file row; /* as the store shall have it */
    char *said;             /* what was logged of it last */
    char *tried;            /* digest of what is bad whatever else there is */
    bool is_stored;         /* it has a row */
    bool is_changed;        /* the row is not as it is here */
    bool is_found;          /* by this look */
    bool is_unsure;         /* its document was not looked at since its row was written */
};

struct policy_taking {
    struct policy_taking_config config;
    GHashTable *files;          /* path → struct taken_file * */
    GPtrArray *gone;            /* paths whose rows are to go */
    struct policy_batch *batch; /* this look's; as the next two */
    bool is_unfinished;         /* something is to be tried again */
    bool is_store_away;         /* each more that is tried would wait as long */
    bool has_remembered;        /* `files` has what earlier runs took over */
};

/* ---- policy_taking.c ---- */

/* Its row goes with the next write; the iteration that is at it removes it. */
void policy_taking_forget(struct policy_taking *taking, const struct taken_file *file);
/* What the file says is not in force, for this reason. */
void taken_file_doubt(struct taken_file *file, const char *why);
/* The same, said in the log: once in a run, however often it is tried again. */
void taken_file_refuse(struct taken_file *file, const char *why);
/* What the store could not do is tried again; the rest of the look asks it for nothing, which would wait each time. */
void policy_taking_note_failure(struct policy_taking *taking, const GError *error);
/* Fills the name from the parts of a path, which it borrows. False: the path says no policy. */
bool policy_taking_read_path(char **parts, struct policy_name *name);
/* Puts a document by a file's word, or deletes it (`body` NULL). *version: what is expected, and what came of it. False
 * with an error: VEDETTE_ERROR_CONFLICT where another version is stored. */
bool policy_taking_change(struct policy_taking *taking, const struct policy_file *file, const struct policy_name *name,
                          const char *body, int32_t *version, GError **error);

/* ---- policy_dropping.c ---- */

/* Deletes the documents of files that this look did not find, where they are theirs alone. */
void policy_taking_drop_gone(struct policy_taking *taking);
/* How many documents in force came from files that this look did not find. Files whose documents somebody took away by
 * another way are forgotten. */
guint policy_taking_count_left(struct policy_taking *taking);
