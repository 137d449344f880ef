/* Policy files: a directory whose files are taken over as documents whenever they change, for those who keep their
 * configuration in a repository. A file's place is its scope, its name the type:
 *
 *     TYPE.json                          everyone
 *     orgs/ORG/TYPE.json                 an org
 *     orgs/ORG/sites/SITE/TYPE.json      … classes/CLASS/…, cameras/CAMERA/…
 *
 * A file that goes takes its document with it, but never one that somebody else made or changed since, nor one of
 * another server's directory; nor does a directory that is empty or away. A bad file changes nothing and is told in the
 * log and counted until it is good; what the store cannot do now is tried again. The keeper is told of which types that
 * is (policy_keeper_doubt_types), and the store, for other servers. How: policy_taking.h.
 *
 * A thread of its own does all of it. Any thread may call.
 */
#pragma once

#include "keeper/keeper.h"

struct policy_files;

struct policy_files_config {
    const char *directory;
    const char *source;  /* store_source_make */
    double poll_seconds; /* looks again so often, whatever the kernel tells of the directory; 0: never */
    struct store *store;
    struct policy_keeper *keeper;
};

/* Watches the directory. What it is given outlives it. NULL: it cannot be watched. */
struct policy_files *policy_files_new(const struct policy_files_config *config, GError **error);
enum { POLICY_FILES_FIRST_LOOK_MS = 5000 };
/* So long a start waits for the first look; the rest comes while the server runs. Tests set it, on the same thread. */
extern int policy_files_first_look_ms;
/* Begins to take over, once there is whom the files are of, and waits a few seconds for the first look: what they say
 * should be in force before cameras are watched. Once it has begun, nothing. False: there is no thread to be had. On
 * one thread. */
bool policy_files_start(struct policy_files *files, GError **error);
/* Files whose word is not in force: they are not valid, or could not be taken over, or taken away, yet; and the
 * directory, when it is away or empty. What was in force before stays. */
size_t policy_files_refused(struct policy_files *files);
/* Ends the thread after the file that it is at. NULL is allowed. */
void policy_files_free(struct policy_files *files);
