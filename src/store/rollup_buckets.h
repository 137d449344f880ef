/* Buckets being computed: sums of events, or of smaller buckets. Pure. One thread. */
#pragma once

#include "base/zone.h"
#include "facts/occupancy.h"

/* Where a bucket begins and ends: [from, to). */
struct bucket_span {
    int64_t from_s, to_s;
};
/* The hour, day or month of a zone's clocks that holds a moment. Those of one level cover all time, without overlap,
 * and each lies within one of the next level. */
struct bucket_span bucket_span_at(const struct zone *zone, enum rollup_level level, int64_t utc_s);

/* A site's clocks, which may have been others before: what happened until then is counted by those. Buckets end where
 * the clocks became others, too, so that they never overlap. */
struct bucket_clocks;
struct bucket_clocks *bucket_clocks_new(void);
void bucket_clocks_free(struct bucket_clocks *clocks);
CLEANUP_DEFINE(bucket_clocks, bucket_clocks_free)
/* In the order of time; the last holds for ever. `name` (NULL or "": UTC) is an IANA name. */
bool bucket_clocks_add(struct bucket_clocks *clocks, const char *name, int64_t until_s, GError **error);
struct bucket_span bucket_clocks_span(const struct bucket_clocks *clocks, enum rollup_level level, int64_t utc_s);

struct bucket_sums;
struct bucket_sums *bucket_sums_new(const char *org_id, const char *site_id, int64_t bucket_s);
void bucket_sums_free(struct bucket_sums *sums);
CLEANUP_DEFINE(bucket_sums, bucket_sums_free)
/* In the order of time. `payload` is JSON of the type's record; what is not valid is left out, and false is returned.
 */
bool bucket_sums_add_event(struct bucket_sums *sums, enum event_type type, const char *camera_id,
                           const char *subject_id, const char *payload);
void bucket_sums_add_bucket(struct bucket_sums *sums, const struct occupancy_bucket *bucket);
/* Borrowed, sorted by camera and subject: a GPtrArray of struct occupancy_bucket *. */
const GPtrArray *bucket_sums_rows(struct bucket_sums *sums);
