/* Directories of policy files, for who reads them: a file's place is its document's scope, its name the type (see
 * policy_path_read). Names that begin with '.' are an editor's or a repository's and passed over, but for folders where
 * ids stand, of which only what may be a document of the id is taken; those that begin with ".." are passed over there,
 * too.
 *
 * Threads: everything from any thread.
 */
#pragma once

#include <stdbool.h>

#include <glib.h>

/* The paths below `directory` of all its *.json files, sorted: a new GPtrArray of char *. Links are followed. A folder
 * that lies deeper than any policy does is listed itself, so that whoever reads the path says what is wrong with it.
 * `enter` (may be NULL) is told of each folder, with its whole path, before its names are read. NULL: some folder
 * cannot be read (but for an id's that begins with '.', whose files are then not listed), or there are too many files.
 */
GPtrArray *policy_directory_list(const char *directory, void (*enter)(void *data, const char *folder), void *data,
                                 GError **error);
/* Whether it is known of a path that is not listed (any more) that it should not be: it is not there, or stands where
 * files are passed over now. False: its folder does not let us see. A file that came back since the list was made
 * counts as gone until the next look: so does each that is taken away and written anew, rather than renamed into its
 * place. */
bool policy_directory_is_gone(const char *directory, const char *path);
/* The text of one of them; g_free. NULL: it cannot be read, is no file, is longer than a document may be or has
 * a byte 0. */
char *policy_directory_read(const char *directory, const char *path, GError **error);
