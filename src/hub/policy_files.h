/* Policy files: a directory whose files are taken over as documents whenever they change, for those who keep their
 * configuration in a repository. A file's place is its scope, its name the type:
 *
 *     TYPE.json                          everyone
 *     orgs/ORG/TYPE.json                 an org
 *     orgs/ORG/sites/SITE/TYPE.json      … classes/CLASS/…, cameras/CAMERA/…
 *
 * A file that goes takes its document with it, but never one that somebody else made or changed since. A bad file
 * changes nothing and is told in the log and counted until it is good; what the store cannot do now is tried again. The
 * keeper is told of which types that is (policy_keeper_doubt_types).
 * Main loop's thread.
 */
#pragma once

#include <glib.h>

#include "keeper/keeper.h"

struct policy_files;

/* Reads the directory and watches it. `cameras` tell whose documents may have come from it before. Keeper and cameras
 * outlive it. NULL: it cannot be read. */
struct policy_files *policy_files_new(const char *directory, struct policy_keeper *keeper,
                                      const struct record_list *cameras, GError **error);
/* Files whose word is not in force: they are not valid, or could not be taken over, or taken away, yet. What was in
 * force before them stays. */
size_t policy_files_refused(const struct policy_files *files);
/* NULL is allowed. */
void policy_files_free(struct policy_files *files);
