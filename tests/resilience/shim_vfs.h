/* An SQLite VFS for tests, over the machine's own: fails when told, counts, and can play a power cut, in which whatever
 * was not synced is gone. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define SHIM_VFS "shim"

/* Registers it; once. */
void shim_register(void);

/* The `number`th call from now on that touches a file fails with `code` (an SQLite result), and with is_sticky all
 * after it; 0: none. Returns how many calls there were since the last plan. */
int shim_plan(int number, int code, bool is_sticky);

/* Bytes this thread has read through it. */
int64_t shim_bytes_read(void);

/* While held, whoever deletes a file that is not empty waits. */
void shim_hold_deletes(bool is_held);
/* Until somebody does. */
void shim_await_held(void);

/* While held, whoever reads from a file waits. */
void shim_hold_reads(bool is_held);

/* From now on what is synced, by anybody in this process, is also kept in `directory`: of files what they held, of
 * directories the names in them; NULL: no more. */
void shim_keep_synced(const char *directory);
/* What a power cut leaves of the files in `spool`: of each 4 KiB block what was synced last or, at random, what was
 * written since; and of what was made, removed or renamed since the directory was synced, at random, all or nothing.
 * `chance`: of what was not synced, in percent. */
void shim_cut_power(const char *spool, const char *directory, int chance);
