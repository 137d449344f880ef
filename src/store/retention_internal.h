/* Shared by the files of retention: the one list of what is kept how long, and a run under way. */
#pragma once

#include "store/retention.h"
#include "store/work_internal.h"

struct retention_rule {
    const char *name;         /* as it is told */
    const char *table, *time; /* the column by which rows age */
    const char *order;        /* by that time, then by what tells rows of one time apart: at most 4 times and texts */
    const char *where;        /* which of the table's rows; NULL: all */
    size_t days;              /* where the setting lies */
    enum rollup_level until;  /* not what marks of this level, or below it, still need; 0: all */
    bool has_camera;          /* holds and status are by camera */
    bool is_platforms;
    /* What a legal hold must not touch: from `begins` to `ends` (SQL; NULL: `time`), and so long from `time` on. */
    const char *begins, *ends;
    int64_t lasts_ms;
    int64_t needs_ms;    /* of `until`: from so long before a mark on */
    const char *cameras; /* a column that lists further cameras it is of; NULL: none */
};
extern const struct retention_rule retention_rules[];
extern const size_t retention_rule_count;

/* A part of an org's rows, which policies keep for a time of its own. */
enum retention_part_kind { PART_ALL = 1, PART_CAMERA, PART_REST };
struct retention_part {
    enum retention_part_kind kind;
    char *camera_id; /* "" unless it is one camera's */
    int32_t days;    /* 0: for ever */
};

struct retention_work {
    struct store *store;
    const struct store_retention *retention;
    GPtrArray *results;
    int64_t now_ms;
    int64_t limit;     /* rows that the next transaction may look at */
    int64_t beaten_us; /* store_run_keep's */
};

/* Before this moment nothing of the part is kept. Not of one that is kept for ever. */
int64_t retention_cutoff_ms(const struct retention_work *work, const struct retention_part *part);
/* *stands: policies still say of a part what they said when it was found; else none of it goes any more by this run. */
bool retention_part_stands(const struct retention_work *work, const struct retention_rule *rule, const char *org_id,
                           const struct retention_part *part, bool *stands, GError **error);
/* A new GArray of struct retention_part, what is left of the org last; NULL with an error. */
GArray *retention_parts_of(const struct retention_work *work, const struct retention_rule *rule, const char *org_id,
                           GError **error);
/* Adds how many rows of a part may go, to *sum. */
bool retention_count(const struct retention_work *work, const struct retention_rule *rule, const char *org_id,
                     const struct retention_part *part, int64_t *sum, GError **error);
/* SQL that is 1 where a row that is old enough is kept by this. $1 is the org, $2 the time before which it is. g_free.
 */
enum retention_keeper { KEPT_BY_HOLD = 1, KEPT_BY_ROLLUP };
char *retention_kept_sql(const struct retention_rule *rule, enum record_dialect dialect, enum retention_keeper keeper);
/* Deletes a part's rows that may go, and adds how many went to the result, also when it fails. */
bool retention_delete(struct retention_work *work, const struct retention_rule *rule, const struct retention_part *part,
                      struct retention_result *result, GError **error);
/* What went by this rule, of this org: found in the results, or added to them. */
struct retention_result *retention_result_of(const struct retention_work *work, const struct retention_rule *rule,
                                             const char *org_id);
/* How many rows the transaction after one may delete whose `limit` rows took so long, so that they take no longer than
 * batch_ms: whoever writes waits for one of them. */
int64_t retention_next_limit(const struct retention_settings *settings, int64_t limit, int64_t took_us);
/* False with VEDETTE_ERROR_UNSUPPORTED: policies hold back something of the org; with another error: they are not
 * known. */
bool retention_check_org_may_go(struct store *store, const struct store_retention *retention, const char *org_id,
                                GError **error);
/* Between steps that only read, which prolong no lease: false when it was told to stop, or another took the run over.
 */
bool retention_go_on(struct retention_work *work, GError **error);
/* Nothing goes under policies that are not known. */
bool retention_check_policies(const struct store_retention *retention, GError **error);
bool retention_is_cancelled(const struct retention_work *work, GError **error);

/* Begins a step that deletes: it holds the run's lease, so that nothing goes by a run that another took over. It is the
 * org's, or the platform's where `org_id` is NULL. NULL with an error. */
struct store_transaction *retention_begin_step(const struct retention_work *work, const char *org_id, GError **error);

/* Drops the days that hold nothing but what would go, as a whole, where the engine has days. What stays behind goes row
 * by row: a day that fails, too, and the first failure is told. */
bool retention_drop_days(struct retention_work *work, const GPtrArray *orgs, GError **error);
