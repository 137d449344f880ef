/* Store: what servers made of the files of their policies.directory. A server writes its own rows alone: so it takes
 * away no document that another's directory made, and each knows what the others' are in doubt of. Any thread. */
#pragma once

#include "store/store.h"

/* The rows of a source, by path: a new GPtrArray of struct policy_file *, with policy_file_free. */
GPtrArray *store_policy_files_list(struct store *store, const char *source, GError **error);
/* Those of any source whose word is not in force, in the same way: all, since any may be of a legal hold. */
GPtrArray *store_policy_files_doubted(struct store *store, GError **error);
/* Writes rows of one source (`files`, of struct policy_file *) and removes those of it whose paths are in `gone` (of
 * char *), all or nothing. */
bool store_policy_files_write(struct store *store, const char *source, const GPtrArray *files, const GPtrArray *gone,
                              GError **error);
/* Removes all rows of a source: it watches no directory any more. */
bool store_policy_files_forget(struct store *store, const char *source, GError **error);
void policy_file_free(void *file);
