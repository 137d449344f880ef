/* Shared by the files of the spool, in layers, each knowing those before it:
 *
 *   spool_record.c     a record's head as bytes: pure
 *   spool_directory.c  the directory: rights, lock, names, reserve, what is set aside
 *   spool_file.c       one SQLite file: made, written, read, sealed, removed
 *   spool_ledger.c     which files there should be
 *   spool_next.c       the file that comes next, made ahead, and a log for it
 *   spool_queue.c      the records in memory: order, turns, bounds, counts
 *   spool_reader.c     what lies there at the start, and the end of files
 *   spool_sealer.c     the thread that removes files which are drained and seals others that are full
 *   spool_answer.c     the thread that tells callers what became of what they put in
 *   spool_active.c     the file that is written to, begun and ended
 *   spool_writer.c     the one thread that writes: commits, spills, notes what is done
 *   spool_in.c, spool_out.c, spool.c   the public face: put in, take out, all else
 *
 * Locks, in this order: `disk` for which files there are and which is written to; each file's `connection` for its
 * database and its name; `next` for what is made ahead; `ledger` for the ledger; `lock` for everything else. Nothing
 * that blocks is done under `lock`, and nothing that can wait under `disk`, which the writer needs for each commit. A
 * `connection` is only tried for under `lock` (spool_keep_open). `answers.lock` is taken with none of the others held,
 * and none is taken under it.
 */
#pragma once

#include <pthread.h>
#include <semaphore.h>
#include <sqlite3.h>

#include <glib.h>

#include "base/error.h"
#include "base/fault.h"
#include "resilience/resilience_internal.h"
#include "vedette/spool.h"

/* ---- spool_record.c: a record's head, as it stands beside its payload in a file ---- */

enum { SPOOL_HEAD_FIXED_BYTES = 32, SPOOL_HEAD_MAX_BYTES = SPOOL_HEAD_FIXED_BYTES + VEDETTE_SPOOL_TENANT_MAX_BYTES };

struct spool_head {
    int32_t priority;
    uint32_t payload_length, payload_crc;
    int64_t enqueued_at_ms, expires_at_ms; /* wall clock; expires 0: never */
    char tenant[VEDETTE_SPOOL_TENANT_MAX_BYTES + 1];
};
/* Returns the length. The check sum also covers where the record stands, so that no row passes for another. */
size_t spool_head_encode(const struct spool_head *head, uint64_t file_number, uint32_t row,
                         uint8_t out[SPOOL_HEAD_MAX_BYTES]);
/* False when anything in it is not as it was written. */
bool spool_head_decode(const void *data, size_t length, uint64_t file_number, uint32_t row, struct spool_head *head);

/* The name of a file: "0000000000000007.spool" while it is written to, "0000000000000007-1024-1000-734003.spool" once
 * it is sealed: rows written, rows not done when it was sealed, and their payloads' bytes. */
struct spool_name {
    uint64_t number; /* 1..INT64_MAX */
    bool is_sealed;
    uint32_t rows, live;
    int64_t live_bytes;
};
/* What the names of a file begin with, for as long as it exists. g_free. */
char *spool_name_stem(uint64_t number);
char *spool_name_format(const struct spool_name *name);
bool spool_name_parse(const char *text, struct spool_name *name);

/* ---- spool_directory.c ---- */

struct spool_directory {
    char *path;
    int fd, lock_fd; /* -1: not open */
};
bool spool_directory_open(struct spool_directory *directory, const char *path, GError **error);
void spool_directory_close(struct spool_directory *directory);
/* A new GArray of struct spool_name, by number; leftovers of removed files are removed. */
GArray *spool_directory_list(const struct spool_directory *directory, GError **error);
/* The number after those of all files that are set aside; at least 1. None of theirs is used again while they lie
 * there: the next of that number would be set aside over them, and number is age. */
uint64_t spool_directory_after_bad(const struct spool_directory *directory);
bool spool_directory_sync(const struct spool_directory *directory, GError **error);
/* g_free */
char *spool_directory_file(const struct spool_directory *directory, const char *name);
bool spool_directory_make_file(const char *path, GError **error);
/* In its place is still the one that was opened, there or by a link, and not a copy of it. */
bool spool_directory_is_there(const struct spool_directory *directory);
/* A file of it is gone for certain: the directory is where it was, and has none of that name. */
bool spool_directory_lacks(const struct spool_directory *directory, const char *path);
/* Nothing was ever written into it: a crash came when it was just made. */
bool spool_directory_is_blank(const char *path);
/* What lies there under its new name is not synced yet. */
bool spool_directory_rename(const char *from, const char *to, GError **error);
/* Free bytes of the place it lies in, for this process' user; INT64_MAX: not known. */
int64_t spool_directory_free_bytes(const struct spool_directory *directory);
/* A file of ours and what SQLite keeps beside it. */
bool spool_directory_remove(const char *path, GError **error);
/* Renames it and what is beside it to ….bad and writes ….bad.txt. */
void spool_directory_set_aside(const struct spool_directory *directory, const char *path, const char *report);
/* A new GArray of struct spool_name, by number: what is set aside. */
GArray *spool_directory_list_bad(const struct spool_directory *directory);
/* Where it lies. g_free */
char *spool_directory_bad_file(const struct spool_directory *directory, const struct spool_name *name);
/* With all that belongs to it. */
void spool_directory_remove_bad(const char *path);
/* The log beside a file that goes becomes the spare one, empty for whoever opens it. Returns its bytes; 0: there is
 * none, or it could not be kept. */
int64_t spool_directory_keep_log(const struct spool_directory *directory, const char *path);
enum { SPOOL_FILL_STEP_MAX_BYTES = 256 << 10 };
/* A spare log that holds nothing yet: close it; -1: it could not be made. There must be none. */
int spool_directory_begin_log(const struct spool_directory *directory);
/* So many zeros, SPOOL_FILL_STEP_MAX_BYTES at most, from there on, synced. */
bool spool_directory_fill_log(int fd, int64_t at, int64_t bytes);
/* One that is being made takes no room any more. */
void spool_directory_empty_log(const struct spool_directory *directory);
/* The spare log stands beside a file that has none and is not open. Synced. False: there is no spare log any more. */
bool spool_directory_use_log(const struct spool_directory *directory, const char *path, GError **error);
void spool_directory_free_log(const struct spool_directory *directory);
bool spool_directory_make_reserve(const struct spool_directory *directory, int64_t bytes);
/* True when there was one to give back. */
bool spool_directory_free_reserve(const struct spool_directory *directory);

/* Ends the process as a crash would, when a test's plan says so (base/fault.h). */
#ifdef VEDETTE_FAULTS_ENABLED
void spool_crash_point(const char *name);
#else
static inline void spool_crash_point(const char *name)
{
    (void)name;
}
#endif

/* ---- spool_file.c: with the file's `connection` held, once others know of it ---- */

struct spool_file {
    const struct spool_directory *directory; /* borrowed */
    /* `lock` */
    uint32_t live;         /* rows not done */
    uint32_t written;      /* rows there are for certain: committed, or by its name or the ledger */
    int64_t live_bytes;    /* of their payloads */
    GByteArray *done;      /* a bit for each row, row 1 first */
    bool is_unsaved;       /* `done` is ahead of the disk */
    bool is_read;          /* its records are in the queue; until then live and live_bytes are what its name says */
    bool is_retired;       /* no records are added any more */
    bool is_leaving;       /* somebody removes it or sets it aside: the ledger does not name it any more */
    bool is_waiting;       /* in `unsealed` */
    bool is_sealing;       /* just now: it is not removed */
    bool is_damaged;       /* something in it cannot be read: it is set aside, not removed, when it is drained */
    int64_t lost;          /* records of it that could not be given out */
    int64_t counted_bytes; /* of it, in the spool's disk_bytes */
    int64_t seal_due_us;   /* of the machine's clock */
    uint64_t number;       /* for as long as it exists, set aside or not */
    pthread_mutex_t connection;
    /* `connection` */
    char *path;
    bool has_sealed_name;
    uint32_t rows;
    int64_t size_bytes; /* of what is in it, about */
    int64_t disk_bytes; /* what it takes, its WAL with it; of one that is not read yet, size_bytes */
    int64_t log_bytes;  /* of its WAL, what was committed: it may be longer, where another file's is used again */
    bool is_followed;   /* the next one was asked for */
    int64_t position;   /* among the files there were at the start: their records come in its order */
    int failures;       /* of reading it whole */
    sqlite3 *db;        /* NULL: not open */
    sqlite3_stmt *insert, *read, *save;
};

/* What tests set to see that they notice: "OFF". */
extern const char *spool_synchronous;

struct spool_file *spool_file_new(const struct spool_directory *directory, const struct spool_name *name);
void spool_file_free(struct spool_file *file);
/* Makes it on the disk, durably, and opens it. */
bool spool_file_create(struct spool_file *file, const char *vfs, GError **error);
/* INVALID: it is damaged. UNSUPPORTED: it is of a later version, or another program's. */
bool spool_file_open(struct spool_file *file, const char *vfs, GError **error);
/* It never will be read by this program. */
bool spool_file_is_hopeless(const GError *error);
/* What is in the WAL stays there. */
void spool_file_close(struct spool_file *file);
bool spool_file_begin(struct spool_file *file, GError **error);
bool spool_file_insert(struct spool_file *file, const struct spool_head *head, const void *payload, GError **error);
bool spool_file_commit(struct spool_file *file, GError **error);
/* Sets disk_bytes. */
void spool_file_measure(struct spool_file *file);
/* To what it was before the transaction. */
void spool_file_rollback(struct spool_file *file, uint32_t rows, int64_t size_bytes);
bool spool_file_save_done(struct spool_file *file, const GByteArray *done, GError **error);
/* The payload of a row, g_malloc'ed; NULL with INVALID when the row is not there or not as it was written. */
void *spool_file_read_payload(struct spool_file *file, const char *vfs, uint32_t row, uint32_t length, GError **error);
struct spool_found {
    uint32_t row;
    struct spool_head head;
};
/* Every row that can be read and is not done, as a new GArray of struct spool_found, in order; sets done and rows.
 * *lost: rows that should be there and are not, or are not as they were written; of `live` and `written` it is still as
 * they were before. NULL: the file cannot be read at all
 * (spool_file_is_hopeless: it never will be). */
GArray *spool_file_read_all(struct spool_file *file, const char *vfs, int64_t *lost, GError **error);
/* Checks every payload too. */
bool spool_file_verify(struct spool_file *file, const char *vfs, int64_t *good, int64_t *done, int64_t *lost,
                       GError **error);
/* Nothing is added any more: everything into one file, which gets a name that says what is in it. Closes it. False with
 * has_sealed_name set: it is sealed, and a power cut may undo its name. */
bool spool_file_seal(struct spool_file *file, uint32_t live, int64_t live_bytes, GError **error);

bool spool_bits_get(const GByteArray *bits, uint32_t row);
void spool_bits_set(GByteArray *bits, uint32_t row);

/* ---- spool_queue.c: with `lock` held ---- */

struct spool_entry {
    struct spool_entry *previous, *next; /* in its lane */
    struct spool_lane *lane;
    struct spool_file *file; /* NULL: in memory alone */
    void *payload;           /* NULL: on disk alone */
    int64_t order;           /* of arrival: greater is later */
    int64_t enqueued_at_ms, expires_at_ms;
    int64_t expires_us; /* of the spool's clock; INT64_MAX: never */
    uint32_t row, length;
    uint32_t payload_crc; /* of those that are not in a file yet */
    int32_t attempts;
    int64_t rests_until_us; /* of the machine's clock, while it is in `resting` */
    bool is_out;            /* given out and not settled */
    bool is_spilling;       /* in `spill`: when it is finished the writer frees it */
    bool is_written;        /* of those, the writer reads its payload just now */
    bool is_finished;
};
struct spool_list {
    struct spool_entry *head, *tail;
};
enum spool_line { SPOOL_IN_TURN, SPOOL_DEFERRED, SPOOL_LINES };
/* The records of one tenant and priority that wait in one line, in order. */
struct spool_lane {
    struct spool_list entries;
    struct spool_tenant *tenant;
    enum spool_line line;
    int priority;
    GList node; /* in queue.lanes[line][priority] while it has entries */
};
struct spool_tenant {
    char *name;
    int64_t records, memory_records, bytes;
    int64_t enqueued, acknowledged, losses[VEDETTE_SPOOL_LOSSES];
    struct spool_lane lanes[SPOOL_LINES][VEDETTE_SPOOL_PRIORITIES];
};
struct spool_queue {
    GHashTable *tenants;                                 /* name → struct spool_tenant */
    struct spool_tenant *forgotten;                      /* the counts of those that had to go */
    GQueue lanes[SPOOL_LINES][VEDETTE_SPOOL_PRIORITIES]; /* of struct spool_lane, whose turn it is first */
    GQueue resting; /* of struct spool_entry *, in no lane: the disk did not give out their payloads, lately */
    int64_t waiting[SPOOL_LINES];
    int64_t records, memory_records, bytes, memory_bytes, in_flight;
    int64_t next_order;
    int64_t given;          /* for oldest_every */
    int64_t next_expiry_us; /* no waiting record expires before */
    int64_t tenants_forgotten;
    int64_t enqueued, acknowledged, returned, refused, losses[VEDETTE_SPOOL_LOSSES];
};
void spool_queue_init(struct spool_queue *queue);
void spool_queue_clear(struct spool_queue *queue);
/* The tenant, made when there is room for one more (`is_forced`: in any case); else NULL. */
struct spool_tenant *spool_queue_tenant(struct spool_queue *queue, const char *name, int max_tenants, bool is_forced);
void spool_queue_count_loss(struct spool_queue *queue, struct spool_tenant *tenant, enum vedette_spool_loss loss,
                            int64_t records);
/* Counted, and not in its lane yet. */
struct spool_entry *spool_entry_new(struct spool_queue *queue, struct spool_tenant *tenant, int priority, void *payload,
                                    uint32_t length);
/* No longer counted; freed unless the writer has it. */
void spool_entry_finish(struct spool_queue *queue, struct spool_entry *entry);
void spool_entry_drop_payload(struct spool_queue *queue, struct spool_entry *entry);
/* The same, for the caller to free. */
void *spool_entry_steal_payload(struct spool_queue *queue, struct spool_entry *entry);
void spool_entry_set_payload(struct spool_queue *queue, struct spool_entry *entry, void *payload);
/* To the end of its lane. */
void spool_queue_append(struct spool_queue *queue, struct spool_entry *entry);
/* To where its order says; `hint` (may be NULL) is one of the same lane that comes before it. */
void spool_queue_insert(struct spool_queue *queue, struct spool_entry *entry, struct spool_entry *hint);
void spool_queue_take(struct spool_queue *queue, struct spool_entry *entry);
/* One that is in no lane, and was in turn, waits aside. Quick where those that wait there came before it. */
void spool_queue_defer(struct spool_queue *queue, struct spool_entry *entry);
/* All that wait aside are in turn again, where their orders say. */
void spool_queue_recall(struct spool_queue *queue);
/* One that is in no lane is not given out until then. Ever later ones. */
void spool_queue_rest(struct spool_queue *queue, struct spool_entry *entry, int64_t until_us);
/* Those that have rested go back to where their orders say. Returns when the next one will have; INT64_MAX: none. */
int64_t spool_queue_wake(struct spool_queue *queue, int64_t now_us);
/* The first of its lane leaves the queue and its counts, to see whether there is room without it. */
void spool_queue_set_aside(struct spool_queue *queue, struct spool_entry *entry);
/* To where it was, once those of its lane that were set aside later are back. */
void spool_queue_put_back(struct spool_queue *queue, struct spool_entry *entry);
/* The one to give out next, or NULL. */
struct spool_entry *spool_queue_next(struct spool_queue *queue, int oldest_every);
/* Of all that wait, in turn or not: the one that came first; or NULL. */
struct spool_entry *spool_queue_oldest(const struct spool_queue *queue);
/* The least urgent, of those the oldest; of one tenant unless it is NULL. */
struct spool_entry *spool_queue_least(const struct spool_queue *queue, const struct spool_tenant *tenant);
/* Calls `expire` for each waiting record that is past its time, and notes when the next will be. */
void spool_queue_sweep(struct spool_queue *queue, int64_t now_us, void (*expire)(void *data, struct spool_entry *entry),
                       void *data);

/* ---- the spool ---- */

/* What one call put in; lives with its caller, or on the heap when it does not wait. */
struct spool_ticket {
    struct spool_entry **entries, **few; /* few: where the caller has room for some, else NULL */
    void **spent; /* payloads that memory has no room for once they are written: whoever has the ticket then frees them,
                     and not the writer, unless many wait to be freed */
    size_t spent_count;
    int64_t spent_bytes;      /* of those, in answers.spent_bytes */
    struct spool_head *heads; /* of entries that others may finish meanwhile; else NULL */
    size_t count;
    int64_t bytes;
    bool is_kept;                 /* its caller may try again: a refusal is no loss yet */
    enum vedette_spool_loss loss; /* why it is refused */
    vedette_spool_done done;      /* NULL: the caller waits */
    void *data;
    GError *failure;
    struct spool_ticket *next; /* among those to be answered */
    sem_t over;
};
/* Tickets that are written, or never will be, for the thread that answers them. A lock of its own: whoever is woken
 * puts in the next record, and shall not meet the one who wakes. */
struct spool_answers {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct spool_ticket *first, **last; /* in the order in which they were written */
    int64_t unanswered;                 /* atomic: of those, and of what the thread has taken */
    int64_t spent_bytes;                /* atomic: payloads that wait there to be freed */
    bool is_closing;
    pthread_t thread;
};

enum { SPOOL_OPEN_FILES = 4 };

/* A spare log that is being made; its bytes are in disk_bytes from the begin. */
struct spool_fill {
    int fd; /* -1: none is */
    int64_t at, bytes;
    int64_t due_us;     /* of the machine's clock: when the next step is */
    bool was_last_kept; /* the last spare log was a drained file's: the next will be as well */
};

struct vedette_spool {
    /* immutable after open */
    struct vedette_spool_config config;
    char *vfs;
    struct spool_directory directory;

    pthread_mutex_t disk, next, ledger;
    struct spool_file *active; /* disk; NULL: none yet */
    uint64_t next_number;      /* next */
    int64_t spare_bytes;       /* of the kept log, in disk_bytes; 0: there is none. Changed with next and lock held */

    struct spool_fill fill; /* the sealer's */

    struct spool_answers answers;

    pthread_mutex_t lock;
    pthread_cond_t work, room, ready, retired;       /* for the writer, blocked producers, consumers, the sealer */
    struct spool_file *open_files[SPOOL_OPEN_FILES]; /* retired ones that have a connection */
    guint next_open;
    GQueue unsealed; /* of struct spool_file *: those that wait for the sealer, by when they are due */
    struct spool_queue queue;
    GPtrArray *files; /* of struct spool_file *, by number; changed with disk held, too */
    struct spool_file
        *next_file;     /* made, and not among `files` yet; NULL: none. The sealer sets it, the writer takes it */
    GPtrArray *tickets; /* of struct spool_ticket *, for the writer */
    GQueue spill;       /* of struct spool_entry *: relaxed ones in memory alone, oldest first */
    GHashTable *out;    /* of struct spool_out *: what is given out */
    int64_t unread_records, unread_bytes, unread_files; /* not in the queue yet, by their names */
    int64_t disk_bytes;
    int64_t next_log_bytes;         /* of the spare log to be made with the next file, where none is kept */
    int64_t progress_us;            /* when a record was settled, or the first came */
    int64_t held_us, held_since_us; /* time that did not pass for expiry */
    int64_t held_since_ms;          /* the same by the wall clock, over restarts */
    int64_t left_held_ms;           /* immutable: what that was when the spool was closed; 0: it passed */
    int64_t opened_us;              /* immutable: when it was opened, as expiry sees it */
    int64_t commits, write_errors, read_errors, bad_files, missing_files;
    int64_t wakes;                                  /* calls of vedette_spool_wake */
    int64_t save_due_us, spill_due_us, read_due_us; /* of the machine's clock; 0: nothing is due */
    char *last_error;
    bool is_held;
    bool is_read_failing; /* last_error tells of a read */
    bool is_retiring;     /* the writer shall give back what the active file takes in vain */
    bool has_drained;     /* a file is to be removed: for the sealer */
    bool is_next_wanted;  /* and one to be made */
    bool is_ledger_due;   /* and the ledger to be written */
    bool is_filling;      /* a spare log is being made */
    bool is_fill_over;    /* and is to be given up */
    bool has_stuck;       /* one could not be: to be tried again at the tick */
    bool is_reserve_free; /* given back: to be made again when there is room */
    bool is_closing;
    bool is_written; /* the writer has ended */
    pthread_t writer, sealer;
};

int64_t spool_now_us(const struct vedette_spool *spool);  /* as expiry sees it; lock */
int64_t spool_wall_ms(const struct vedette_spool *spool); /* any thread */
/* The wall clock as time to live sees what lies there at the start: it goes on while nobody runs, but not from when it
 * was held that nobody released before the end. lock. */
int64_t spool_passing_wall_ms(const struct vedette_spool *spool);
int64_t spool_machine_us(void); /* CLOCK_MONOTONIC: what waits are by */
/* A record is gone, and no longer counted; its file does not say that it is done. lock. */
void spool_forget_entry(struct vedette_spool *spool, struct spool_entry *entry);
/* A record will not be given out again: noted in its file, and forgotten. lock. */
void spool_finish(struct vedette_spool *spool, struct spool_entry *entry);
void spool_lose(struct vedette_spool *spool, struct spool_entry *entry, enum vedette_spool_loss loss);
/* What is done in some file is noted after acknowledge_delay_us at most. lock. */
void spool_save_soon(struct vedette_spool *spool);
/* What a file takes changed: spool_file_measure. connection, lock. */
void spool_count_disk(struct vedette_spool *spool, struct spool_file *file);
/* Those past their time are gone. lock. */
void spool_expire(struct vedette_spool *spool);
void spool_note_error(struct vedette_spool *spool, const GError *error); /* lock */
/* A read failed, or (NULL) was good. lock. */
void spool_note_read(struct vedette_spool *spool, const GError *error);

/* Fills in an error, which may be NULL. Returns false. */
bool spool_tell(struct vedette_spool_error *error, enum vedette_spool_error_kind kind, const char *format, ...)
    G_GNUC_PRINTF(3, 4);
void spool_error_fill(struct vedette_spool_error *error, const GError *from);
/* Copies the list of entries. */
struct spool_ticket *spool_ticket_new(struct spool_entry **entries, size_t count, int64_t bytes);
/* What it holds, not the ticket. */
void spool_ticket_clear(struct spool_ticket *ticket);
void spool_ticket_free(struct spool_ticket *ticket);
void spool_ticket_free_spent(struct spool_ticket *ticket);
/* Gives up what was put in and could not be written. lock. */
void spool_undo(struct vedette_spool *spool, struct spool_ticket *ticket);
/* A file has a connection from now on, and one that had one for long may lose it: only the active one's is kept in any
 * case. The file's connection held. */
void spool_keep_open(struct vedette_spool *spool, struct spool_file *file);

/* ---- spool_out.c ---- */

/* A batch that is out, as the caller sees it, and what it is made of. */
struct spool_out {
    struct vedette_spool_batch batch; /* first: its address is the caller's */
    struct spool_entry **entries;
    struct vedette_spool_record *records;
};
/* With its entries, when nobody else frees them. */
void spool_out_free(struct spool_out *out, bool with_entries);

/* ---- spool_ledger.c ---- */

/* Writes it anew: all files, the next one with them, but those that are leaving, before which it must be synced. */
void spool_ledger_save(struct vedette_spool *spool, bool is_synced);
struct spool_ledger_entry {
    uint64_t number;
    uint32_t live, written; /* of the file, when the ledger was written: what came since a crash is not known */
};
/* What it says, as a new GArray of struct spool_ledger_entry; empty: nothing is known. *held_since_ms (NULL: nobody
 * asks) is set where it says since when time to live is held. */
GArray *spool_ledger_load(const struct spool_directory *directory, int64_t *held_since_ms);
/* Calls `missing` for each file that the ledger names and that is not among `names` (of struct spool_name), with how
 * many records waited in it. */
void spool_ledger_find_missing(const GArray *ledger, const struct spool_directory *directory, const GArray *names,
                               void (*missing)(void *data, uint64_t number, int64_t records), void *data);
/* A file that was not sealed has at least what the ledger says: its WAL, where it is damaged, looks as if it had never
 * been longer. Before it is read. */
void spool_ledger_complete(const GArray *ledger, struct spool_file *file);

/* ---- spool_reader.c: what lies there already ---- */

/* Puts a file's records into the queue. Neither lock is held. */
void spool_read_file(struct vedette_spool *spool, struct spool_file *file);
/* Sets a file aside, or removes it. The caller has made it leave, and saved the ledger; it is forgotten after this.
 * False: it cannot be removed, and stays. */
bool spool_drop_file(struct vedette_spool *spool, struct spool_file *file, const char *why_bad);
/* Closes it: nobody reads it any more, nor writes into it. */
void spool_forget_connection(struct vedette_spool *spool, struct spool_file *file);
/* Frees it. disk. */
void spool_forget_file(struct vedette_spool *spool, struct spool_file *file);

/* ---- spool_next.c: takes `next` ---- */

/* Files smaller than this are made when they are needed, and their logs not kept (1 MiB). Tests set it. */
extern int64_t spool_ahead_bytes;
/* So many of a spare log are written and synced at once (256 KiB): a commit waits for no more. 0: none is made. Tests
 * set it. */
extern int64_t spool_fill_step_bytes;

/* Asks the sealer to make it, and then a spare log of so many bytes where none is kept, where there is room for that.
 * disk. */
void spool_next_ask(struct vedette_spool *spool, int64_t log_bytes);
/* One step of that log; nothing where none is under way. The sealer's thread. */
void spool_next_fill(struct vedette_spool *spool);
/* It is not wanted any more. The sealer's thread, or once that has ended. */
void spool_next_end_fill(struct vedette_spool *spool);
/* The sealer does. */
void spool_next_prepare(struct vedette_spool *spool);
/* It, made ahead (*was_ready) or now. It stays spool->next_file until the writer has put it among the files. disk. */
struct spool_file *spool_next_await(struct vedette_spool *spool, bool *was_ready, GError **error);
/* Keeps the log of a file that is drained and leaves, unless there is one. The sealer. */
void spool_next_keep_log(struct vedette_spool *spool, struct spool_file *file);
/* Gives back what both take. The writer, or once it has ended. True: there was something. */
bool spool_next_drop(struct vedette_spool *spool);

/* ---- spool_sealer.c ---- */

/* Tests set these: how long a file waits to be sealed (a second), and how many may wait (16). */
extern int64_t spool_seal_delay_us;
extern guint spool_unsealed_files;

bool spool_sealer_start(struct vedette_spool *spool, GError **error);
/* Seals what waits for it. The writer has ended. */
void spool_sealer_stop(struct vedette_spool *spool);
/* Nothing is added to a retired file any more, and something in it waits: the sealer seals it after a while. lock. */
void spool_seal_later(struct vedette_spool *spool, struct spool_file *file);
/* Seals the one that is due first, on this thread. False: none waits, or it failed, now or lately. */
bool spool_seal_first(struct vedette_spool *spool);
/* Removes retired files of which all is done. No lock is held. */
void spool_remove_drained(struct vedette_spool *spool);
/* Tells the sealer that there may be one. lock. */
void spool_note_drained(struct vedette_spool *spool);

/* ---- spool_answer.c ---- */

bool spool_answers_start(struct vedette_spool *spool, GError **error);
/* Answers what waits. The writer has ended. */
void spool_answers_stop(struct vedette_spool *spool);
/* Tickets of one commit, in order. They are not the writer's any more. */
void spool_answer(struct vedette_spool *spool, struct spool_ticket *const *tickets, guint count);
/* False: as many wait to be answered as there may be records; the thread wakes the writer when they are fewer. */
bool spool_answers_have_room(const struct vedette_spool *spool);

/* ---- spool_active.c: the writer's, with `disk` held unless it says otherwise ---- */

/* Nothing is added to it any more: it is removed when nothing is left in it, else sealed. */
void spool_retire_file(struct vedette_spool *spool, struct spool_file *file);
/* max_disk_bytes are taken: the writer looks whether the active file, which nobody else ends, takes some of them for
 * nothing. lock. */
void spool_retire_soon(struct vedette_spool *spool);
/* Ends one that is drained, or whose WAL takes a file's worth more than what is in it: sealed, it takes no more than
 * that. Takes `disk`. */
void spool_retire_wasteful(struct vedette_spool *spool);
/* There is plenty of it, of the place and of max_disk_bytes: for a file that is not needed yet. Without `disk`. */
bool spool_has_room_ahead(struct vedette_spool *spool);
/* An active file that takes `bytes` more. */
bool spool_make_room(struct vedette_spool *spool, int64_t bytes, GError **error);

/* ---- spool_writer.c ---- */

/* How often the writer looks for what no call brings about: expiry, the reserve. Tests set it. */
extern int64_t spool_tick_us;

bool spool_writer_start(struct vedette_spool *spool, GError **error);
/* Writes what is in memory and notes what is done; nothing is written any more. */
void spool_writer_stop(struct vedette_spool *spool);
void spool_note_failure(struct vedette_spool *spool, const GError *error);
/* Notes in a file what of it is done, in a transaction of its own. What cannot be noted comes again after a crash, and
 * that is all. The file's connection held. */
void spool_save_done(struct vedette_spool *spool, struct spool_file *file);
