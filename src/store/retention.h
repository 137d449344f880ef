/* Store: retention: what is older than its days goes, of every org and every table that the one list in retention.c
 * names. What a legal hold covers stays, and so does what a roll-up has not counted yet.
 *
 * A run fixes for each table what goes (the times, not the rows), and deletes it in small transactions with pauses, so
 * that writers wait for one of them at most. It stops, and says why, rather than guess: when the clock has jumped, when
 * a row has no time, or when the store cannot be read.
 */
#pragma once

#include "facts/occupancy.h"
#include "facts/upkeep.h"
#include "store/audit.h"
#include "store/job_runs.h"

/* Whose records policies are asked about: a camera's that has a row here, or else an org's. */
struct retention_subject {
    const char *org_id, *site_id, *class_id; /* site and class: the camera's, NULL where it has none */
    const char *camera_id;                   /* "": records that are of no camera, or of none that the org still has */
};

struct store_retention {
    const struct retention_settings *settings;
    const struct store_run_hold *hold; /* NULL: in nobody's name */
    const int *is_cancelled;           /* atomic; NULL: cannot be */
    int64_t until_ms;                  /* by the wall clock: the rest goes next time; 0: goes on until it is done */
    bool is_dry;                       /* says what would go, and deletes nothing */
    /* False: policies cannot be asked now, and a run deletes nothing more. Asked at its start and then at each page of
     * rows, so that it may read anew what policies say. NULL: they always can. */
    bool (*check)(void *data, GError **error);
    /* Fills in what policies say of the subject's records, over the settings' days. False: nothing of it is deleted.
     * Asked before each transaction that deletes: a hold or more days that come meanwhile keep the rest. NULL: the
     * settings alone say. */
    bool (*says)(void *data, const struct retention_subject *subject, struct retention_settings *days);
    /* Asked besides before all of an org goes. False with VEDETTE_ERROR_UNSUPPORTED: policies hold back some of it, at
     * some hours or of cameras that have no row any more. NULL: `says` says it all. */
    bool (*check_org)(void *data, const char *org_id, GError **error);
    void *data;
};
/* What went, or would go, of one table of one org. */
struct retention_result {
    char *org_id, *table;
    int64_t rows;
    int64_t cutoff_ms;
};
/* Appends to `results` (a GPtrArray of struct retention_result *, with retention_result_free) also when it fails. */
bool store_retention_run(struct store *store, const struct store_retention *retention, GPtrArray *results,
                         GError **error);
void retention_result_free(void *result);

/* For each table of an org, and each camera that has rows there: a new GPtrArray of struct retention_view *. Counts the
 * rows that go and those that stay, when `with_rows`. Looks at settings->status_rows rows of each at most. */
GPtrArray *store_retention_status(struct store *store, const struct store_retention *retention, const char *org_id,
                                  bool with_rows, GError **error);

/* The clock is right, whatever it was at the last run. */
bool store_retention_confirm_clock(struct store *store, const struct audit_by *by, GError **error);

/* Legal holds. `hold`'s id, times and who are filled in. VEDETTE_ERROR_UNSUPPORTED: the org was deleted;
 * VEDETTE_ERROR_INVALID: camera_id is of no camera of the org, and of no row of it. */
bool store_hold_put(struct store *store, struct legal_hold *hold, const struct audit_by *by, GError **error);
bool store_hold_release(struct store *store, const char *hold_id, const struct audit_by *by, GError **error);
/* Those that stand, and those that ended: a new GPtrArray of struct legal_hold *. */
GPtrArray *store_holds_list(struct store *store, const char *org_id, GError **error);

/* ---- the disks ---- */

/* On the disk that holds the data directory. */
bool store_free_bytes(const struct store *store, int64_t *free_bytes, GError **error);
/* Notes how much room there is now, of this hub's disk. */
bool store_storage_sample(struct store *store, int64_t free_bytes, GError **error);
/* Which of all hubs' disks will be full first, and when, at the rate of the last seven days' samples. full_ms 0: none
 * while it goes on like that, or not known yet. */
struct store_full_disk {
    char *disk; /* the hub's host and data directory; g_free; NULL when there is none */
    int64_t full_ms;
};
bool store_storage_forecast(struct store *store, struct store_full_disk *first, GError **error);
/* When one disk will be full by its samples, oldest first. Pure. */
int64_t storage_forecast(const struct storage_sample *const *samples, size_t count);
