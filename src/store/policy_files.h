/* Store: what servers made of the files of their policies.directory. A server writes its own rows alone: so it takes
 * away no document that another's directory made, and each knows what the others' are in doubt of. Any thread. */
#pragma once

#include "store/store.h"

/* The name by which the store knows a server, as what it took over of its files, the settings' cameras it put there and
 * its disk: made once for a data directory, where it lies. g_free. Reading: NULL with VEDETTE_ERROR_NOT_FOUND: none was
 * made yet. */
char *store_source_read(const char *data_dir, GError **error);
char *store_source_make(const char *data_dir, struct clock *clock, GError **error);
/* The rows of a source, by path: a new GPtrArray of struct policy_file *, with policy_file_free. */
GPtrArray *store_policy_files_list(struct store *store, const char *source, GError **error);
/* Those of any source whose word is not in force, in the same way: all, since any may be of a legal hold. */
GPtrArray *store_policy_files_doubted(struct store *store, GError **error);
/* Writes rows of one source (`files`, of struct policy_file *) and removes those of it whose paths are in `gone` (of
 * char *), all or nothing. */
bool store_policy_files_write(struct store *store, const char *source, const GPtrArray *files, const GPtrArray *gone,
                              GError **error);
/* Where another source's file made the same version of the document of `file`'s path, that file holds it from now on:
 * *others are their names (g_free; the first few; NULL: there is none), and the row of `file` is gone. One after the
 * other, so that of two that let go of a document at once the last is told that no other has it. It may have by the
 * time the document goes: store_policy_change looks again. */
bool store_policy_files_leave(struct store *store, const struct policy_file *file, char **others, GError **error);
/* Removes all rows of a source: it watches no directory any more. */
bool store_policy_files_forget(struct store *store, const char *source, GError **error);
void policy_file_free(void *file);
