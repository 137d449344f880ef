/* A queue that outlives its process: what it has acknowledged is on disk, and is given out until whoever takes it says
 * that it is done, or until its time to live is over, which passes while no process runs, too. By default that is five
 * minutes: who must lose nothing to a longer outage sets max_queue_seconds to 0.
 *
 * Records have a tenant, a priority 0..9 (9 is the most urgent) and a time to live. The most urgent is given out first;
 * within a tenant and a priority, in the order in which it came; tenants of one priority take turns; one delivery in
 * `oldest_every` goes to the record that has waited longest, so that nothing starves. Delivery is at least once: after
 * a crash some records that were acknowledged come again, so they should carry an id of their own.
 *
 * On disk it is a directory of small SQLite files; docs/spool.md describes them and what is promised of them.
 *
 * Who cannot use some records for now, but can use others, defers them: they wait aside, where they were, and those
 * behind them are given out, until all are recalled.
 *
 * Durable (the default): vedette_spool_enqueue returns when the records' commit is synced; calls of several threads
 * share a commit. Relaxed: it returns when they are in memory; they go to disk when they are not fetched for
 * spill_delay_us, when memory is short, and when the spool is closed.
 *
 * Threads: everything from any thread, but stop and close, which are the last calls of all. One thread inside writes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vedette/time_source.h"
#include "vedette/visibility.h"

VEDETTE_BEGIN

enum {
    VEDETTE_SPOOL_PRIORITIES = 10,
    VEDETTE_SPOOL_TENANT_MAX_BYTES = 128,
    VEDETTE_SPOOL_TENANTS_MAX = 65536, /* what max_tenants may be at most; room is made as they come */
};

enum vedette_spool_error_kind {
    VEDETTE_SPOOL_INVALID = 1, /* the call is wrong; trying again cannot help */
    VEDETTE_SPOOL_FULL,        /* a bound of the queue, or the disk; later there may be room */
    VEDETTE_SPOOL_BUSY,        /* another process has the directory */
    VEDETTE_SPOOL_DENIED,      /* rights, owner or a link in the way */
    VEDETTE_SPOOL_FAILED,      /* the disk failed */
};
/* Of the caller; may be NULL wherever it is asked for. `text` says what failed, on what, why, and what to do. */
struct vedette_spool_error {
    enum vedette_spool_error_kind kind;
    char text[512];
};

enum vedette_spool_when_full {
    VEDETTE_SPOOL_BLOCK = 1,   /* wait up to block_us for room, then refuse */
    VEDETTE_SPOOL_REJECT,      /* refuse at once */
    VEDETTE_SPOOL_DROP_LOWEST, /* drop the least urgent, of those the oldest; refuse what is less urgent than all, and
                                  what fits only when more urgent ones go. max_disk_bytes refuses: what is dropped
                                  gives the disk nothing back at once */
};
enum vedette_spool_durability { VEDETTE_SPOOL_DURABLE = 1, VEDETTE_SPOOL_RELAXED };

struct vedette_spool_config {
    int64_t max_queue_size;   /* records, those given out and not yet settled among them; 1 or more; default 1000 */
    int64_t max_queue_bytes;  /* of their payloads; 1 or more; default 64 MiB */
    double max_queue_seconds; /* time to live; at exactly this age a record has expired; 0: for ever; default 300 */
    int32_t batch_size;       /* records given out at once; 1..100000; default 10 */
    double tenant_share;      /* of both bounds, what one tenant may hold (one call alone may pass it, by a tenant that
                                 holds nothing); above 0, at most 1; default 1 */
    enum vedette_spool_when_full when_full;   /* default BLOCK */
    int64_t block_us;                         /* default 5 s */
    enum vedette_spool_durability durability; /* default DURABLE */
    int64_t max_record_bytes;                 /* larger ones are refused; 1..512 MiB; default 1 MiB */
    int64_t max_memory_bytes;                 /* payloads kept in memory besides the disk; 0 or more; default 8 MiB */
    int32_t max_tenants;                      /* that hold records at once, counted apart; from 1 to
                                               VEDETTE_SPOOL_TENANTS_MAX; default 256 */
    int32_t oldest_every;                     /* see above; 0: never; default 8 */
    int64_t commit_delay_us;                  /* how long a commit waits for others to share it; 0..10000; default 0 */
    int64_t acknowledge_delay_us;             /* after so long at most, what is done is noted on disk; default 200 ms */
    int64_t spill_delay_us;                   /* of relaxed records; default 1 s */
    int64_t stalled_us;              /* holding records, and none was settled for so long: not draining; default 30 s */
    int64_t file_bytes;              /* a file is closed and the next begun at this size; 4096 or more; default 4 MiB */
    int64_t max_disk_bytes;          /* of all its files with their WALs; 0: no bound of its own, else 2 file_bytes or
                                        more; default 0 */
    int64_t reserve_bytes;           /* kept aside and given back when the disk is full; 0: none; default 1 MiB */
    int32_t max_bad_files;           /* damaged files kept for a person to look at; the oldest go first, but none that
                                        can be read whole, or only by a later version; default 8 */
    const char *vfs;                 /* name of a registered SQLite VFS to use; NULL: the default. Copied */
    int64_t (*wall_ms)(void *data);  /* wall clock, ms since 1970; NULL: the machine's; called with time.data */
    struct vedette_time_source time; /* zero: the machine's. Blocking and waiting are by the machine's clock always */
};
/* Fills in the defaults. Any thread. */
VEDETTE_PUBLIC void vedette_spool_config_init(struct vedette_spool_config *config);

struct vedette_spool;

/* Opens the spool in `directory`, which is made (mode 0700) when it is missing; its parent must be there. How long it
 * takes does not depend on how much lies there: what is sealed is read in the background. NULL: the error says why. Any
 * thread; reads and writes the disk. */
VEDETTE_PUBLIC struct vedette_spool *
vedette_spool_open(const char *directory, const struct vedette_spool_config *config, struct vedette_spool_error *error);
/* Writes what is in memory, notes what is done, and ends the spool's threads; after it the spool is only looked into
 * (stats, tenants) and closed. Returns how many relaxed records are lost because the disk does not take them then: each
 * counts as unwritten, and last_error says it in words, for the caller to log. One thread; later calls only return the
 * same. NULL is allowed: 0. */
VEDETTE_PUBLIC int64_t vedette_spool_stop(struct vedette_spool *spool);
/* Stops it, where that was not done yet, and frees it; returns what vedette_spool_stop does. One thread, once; nobody
 * may use it any more, and batches still out are given out again next time. NULL is allowed: 0. */
VEDETTE_PUBLIC int64_t vedette_spool_close(struct vedette_spool *spool);

/* ---- putting in ---- */

struct vedette_spool_record {
    const char *tenant; /* 1..128 bytes; never NULL in what is given out */
    int32_t priority;   /* 0..9; 9 is the most urgent */
    const void *payload;
    size_t length;  /* of the payload, bytes; 1 or more */
    int64_t ttl_us; /* to put in: 0: as the config says; negative: for ever */
    /* Set in what is given out: */
    int64_t enqueued_at_ms; /* wall clock */
    int32_t attempts;       /* times it was given out before, by this process */
};

/* Puts the records in as one unit: all or none. Payloads are copied. True: they are there to stay (see durability).
 * False: none is; FULL may have waited block_us; after FAILED, when it was the sync that failed, they may come with the
 * next start all the same. Any thread; blocks until the commit is synced (durable). */
VEDETTE_PUBLIC bool vedette_spool_enqueue(struct vedette_spool *spool, const struct vedette_spool_record *records,
                                          size_t count, struct vedette_spool_error *error);
/* Called once, on a thread of the spool's (relaxed: on the caller's, before submit returns), in the order of the
 * writing. `error`: NULL when the records are there to stay. It may use the spool, but not close it or wait for an
 * enqueue. One thread calls all of them: a slow one delays every answer, and when max_queue_size calls wait for theirs
 * nothing is written until they are fewer. */
typedef void (*vedette_spool_done)(void *data, const struct vedette_spool_error *error);
/* The same without waiting: a full queue refuses at once, whatever when_full says of blocking. False: not taken, and
 * `done` is not called. Any thread. */
VEDETTE_PUBLIC bool vedette_spool_submit(struct vedette_spool *spool, const struct vedette_spool_record *records,
                                         size_t count, vedette_spool_done done, void *data,
                                         struct vedette_spool_error *error);

/* The same for a caller that keeps what is refused and tries again: a refusal by FULL, or of the disk's by `done`, is
 * no loss, and only counts among `refused`. Any thread. */
VEDETTE_PUBLIC bool vedette_spool_offer(struct vedette_spool *spool, const struct vedette_spool_record *records,
                                        size_t count, vedette_spool_done done, void *data,
                                        struct vedette_spool_error *error);

/* ---- taking out ---- */

struct vedette_spool_batch {
    size_t count;
    const struct vedette_spool_record *records; /* valid until the batch is settled */
};
/* Up to `max` records (0: batch_size). Waits up to `wait_us` for the first; NULL when none came. Each batch is settled
 * once, by any thread, in any order. Any number of threads at once; may read the disk. */
VEDETTE_PUBLIC struct vedette_spool_batch *vedette_spool_dequeue(struct vedette_spool *spool, size_t max,
                                                                 int64_t wait_us);
/* Record i is done when is_done[i]; the others go back to where they came from, and may be given out at once. is_done
 * NULL: all are done. Frees the batch. Any thread. */
VEDETTE_PUBLIC void vedette_spool_settle(struct vedette_spool *spool, struct vedette_spool_batch *batch,
                                         const bool *is_done);
enum vedette_spool_fate {
    VEDETTE_SPOOL_RETURNED, /* it goes back to where it came from, and may be given out at once */
    VEDETTE_SPOOL_DONE,
    VEDETTE_SPOOL_DEFERRED, /* it goes back, and is not given out before vedette_spool_recall or the next start */
};
/* As fates[i] says of record i. What is deferred waits like any other: it counts for all bounds, which are the only
 * ones on how much is, it may be dropped, and its time to live passes (vedette_spool_hold_expiry holds it). Frees the
 * batch. Any thread. */
VEDETTE_PUBLIC void vedette_spool_settle_each(struct vedette_spool *spool, struct vedette_spool_batch *batch,
                                              const enum vedette_spool_fate *fates);
/* All that is deferred may be given out again, in the order in which it came. Any thread. */
VEDETTE_PUBLIC void vedette_spool_recall(struct vedette_spool *spool);
/* All are done. Any thread. */
VEDETTE_PUBLIC void vedette_spool_acknowledge(struct vedette_spool *spool, struct vedette_spool_batch *batch);
/* None is. Any thread. */
VEDETTE_PUBLIC void vedette_spool_return(struct vedette_spool *spool, struct vedette_spool_batch *batch);
/* Wakes whoever waits in dequeue: it returns NULL. For ending a thread that drains. Any thread. */
VEDETTE_PUBLIC void vedette_spool_wake(struct vedette_spool *spool);

/* While held, time to live does not pass: for as long as it is known that nothing can be delivered (an open breaker).
 * What is held when the spool is closed, or its process killed, stays so until the next start; what was held and
 * released before that is forgotten then. Any thread; a change writes a small file, without waiting for the disk. */
VEDETTE_PUBLIC void vedette_spool_hold_expiry(struct vedette_spool *spool, bool is_held);

/* As the config's tenant_share, from now on; what a tenant holds beyond it stays. Out of its range: nothing changes.
 * Any thread. */
VEDETTE_PUBLIC void vedette_spool_set_tenant_share(struct vedette_spool *spool, double tenant_share);

/* ---- looking ---- */

/* Why a record is no longer there, or never was. Of those that never were: counted once, when the call that put them in
 * gives up; each record of the call, which is all or none. */
enum vedette_spool_loss {
    VEDETTE_SPOOL_EXPIRED,            /* its time to live was over */
    VEDETTE_SPOOL_DROPPED,            /* made room for a more urgent or newer one */
    VEDETTE_SPOOL_CORRUPT,            /* not as it was written, or its file is gone */
    VEDETTE_SPOOL_UNWRITTEN,          /* relaxed, and the disk did not take it before the spool was stopped */
    VEDETTE_SPOOL_REJECTED_TOO_LARGE, /* over max_record_bytes, or a call over max_queue_size or max_queue_bytes */
    VEDETTE_SPOOL_REJECTED_FULL,      /* a bound of the queue */
    VEDETTE_SPOOL_REJECTED_SHARE,     /* its tenant's share */
    VEDETTE_SPOOL_REJECTED_DISK,      /* the disk was full or failed, or max_disk_bytes are taken */
    VEDETTE_SPOOL_LOSSES
};
/* "expired", "dropped", "corrupt", "rejected_too_large", …; "unknown" for anything else. Static text. Any thread. */
VEDETTE_PUBLIC const char *vedette_spool_loss_name(enum vedette_spool_loss loss);

struct vedette_spool_stats {
    int64_t memory_queue_size;   /* records whose payload is in memory */
    int64_t disk_queue_size;     /* records that are on disk alone */
    int64_t total_queued;        /* both; those given out and not settled among them */
    int64_t deferred;            /* of them, those that wait to be recalled */
    int64_t in_flight;           /* given out and not settled; of a stopped spool also those that were not written */
    int64_t queued_bytes;        /* of payloads */
    int64_t memory_bytes;        /* of payloads in memory, those that wait to be freed among them */
    int64_t disk_bytes;          /* of its files and their WALs */
    int64_t files, files_unread; /* unread ones count by what their names say */
    int64_t tenants;             /* counted apart; at most max_tenants */
    int64_t bad_files;           /* set aside since it was opened */
    int64_t missing_files;       /* removed by somebody before it was opened; their records count as corrupt */
    int64_t oldest_age_us;       /* of the record that waits longest; 0: none waits */
    double tenant_share;         /* as it is now */
    int64_t not_drained_us;      /* since a record was settled, while some are there */
    bool is_stalled;             /* alive, holding records, and not draining for stalled_us */
    /* since it was opened */
    int64_t enqueued, acknowledged, returned, commits, losses[VEDETTE_SPOOL_LOSSES];
    int64_t write_errors;
    int64_t read_errors;       /* tries; what could not be read stays, and is tried again */
    int64_t refused;           /* records of tries that were refused, each time: a loss only when nobody tries again */
    int64_t tenants_forgotten; /* they held nothing, and their counts made room for another's */
    char last_error[512];      /* of the disk; empty when the last write was good */
};
/* How it is now, and what happened since it was opened. Any thread. */
VEDETTE_PUBLIC void vedette_spool_get_stats(struct vedette_spool *spool, struct vedette_spool_stats *stats);

struct vedette_spool_tenant {
    const char *name; /* "" is all those that were forgotten to make room (max_tenants) */
    int64_t memory_queue_size, disk_queue_size, queued_bytes;
    int64_t enqueued, acknowledged, losses[VEDETTE_SPOOL_LOSSES]; /* since it was opened */
};
/* Calls `each` for every tenant, under the spool's lock: it must not use the spool. Files not read yet are not known
 * by tenant. Any thread. */
VEDETTE_PUBLIC void vedette_spool_each_tenant(struct vedette_spool *spool,
                                              void (*each)(void *data, const struct vedette_spool_tenant *tenant),
                                              void *data);

/* ---- looking into what lies on the disk ---- */

struct vedette_spool_file {
    const char *path;
    bool is_open, is_bad;     /* was still written to when its process ended; was set aside */
    int64_t good, done, lost; /* records that can be given out, need not be, and are not as they were written */
    const char *why;          /* it cannot be read at all; else NULL */
};
/* Reads every record of every file, those set aside too, and changes none. `each` is called for each file, by name, and
 * then for each that should be there and is not.
 * False: the directory cannot be opened, or another process uses it. Any thread; `each` runs on it. */
VEDETTE_PUBLIC bool vedette_spool_verify(const char *directory,
                                         void (*each)(void *data, const struct vedette_spool_file *file), void *data,
                                         struct vedette_spool_error *error);

VEDETTE_END
