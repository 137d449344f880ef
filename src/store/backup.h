/* Store: the embedded store copied while a server uses it, and put back; and all of it moved to PostgreSQL. For command
 * lines: each call may take minutes. One thread each.
 */
#pragma once

#include "store/store.h"

/* Copies `data_dir`/vedette.db, as it is at one moment, into a new file `path` (0600), a server running or not. Reads
 * settings->backup_step_pages at once and rests settings->backup_pause_ms between, and holds no lock that a writer
 * waits for. The copy is checked as a whole before it gets its name; a file that is there already is left alone, and
 * the call fails. *bytes (may be NULL) is its length. */
bool store_backup(const char *data_dir, const struct store_settings *settings, const char *path, int64_t *bytes,
                  GError **error);

/* Puts a backup in the store's place, after it was checked: that it is whole, and Vedette's, and not a newer version's.
 * Fails while a server uses the directory. The store that was there is kept as vedette.db.replaced. */
bool store_restore(const char *data_dir, const struct store_settings *settings, const char *path, struct clock *clock,
                   GError **error);

/* Told after each table of each org: how many rows were there to copy, and how many were new. */
typedef void (*store_copy_told)(void *data, const char *table, const char *org_id, int64_t rows, int64_t new_rows);

/* Copies every row of `from` to `to`, in pages of settings->batch_records, and then compares every row: false, naming
 * the first that differs, unless all are the same. Begun again, it goes on where it was. Nobody else may write either
 * meanwhile. */
bool store_copy(struct store *from, struct store *to, store_copy_told told, void *data, GError **error);
