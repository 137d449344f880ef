/* Policy files: a directory whose files are taken over as documents whenever they change, for those who keep their
 * configuration in a repository. A file's place is its scope, its name the type:
 *
 *     TYPE.json                          everyone
 *     orgs/ORG/TYPE.json                 an org
 *     orgs/ORG/sites/SITE/TYPE.json      … classes/CLASS/…, cameras/CAMERA/…
 *
 * A file that goes takes its document with it. A bad file changes nothing and is told in the log and counted until it
 * is good. Main loop's thread.
 */
#pragma once

#include <glib.h>

#include "keeper/keeper.h"

struct policy_files;

/* Reads the directory and watches it. `cameras` tell whose documents may have come from it before. NULL: it cannot be
 * read. */
struct policy_files *policy_files_new(const char *directory, struct policy_keeper *keeper,
                                      const struct record_list *cameras, GError **error);
/* NULL is allowed. */
/* Files that are not taken over because they are not valid; what was in force before them stays. */
size_t policy_files_refused(const struct policy_files *files);
void policy_files_free(struct policy_files *files);
