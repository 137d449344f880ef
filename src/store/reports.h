/* Store: what a report says, from what is stored. Any thread. */
#pragma once

#include "facts/report.h"
#include "store/store.h"

struct store_report {
    const char *org_id, *site_id;
    int64_t from_ms, to_ms; /* [from, to) */
    int64_t now_ms;         /* what is still to come counts for nothing */
    int limit;              /* lines of each section, at most */
};
/* A new GPtrArray of struct report_line *, in the order of sections: signals by camera, kind and severity; incidents by
 * kind; lines and zones from the hours that are counted; cameras that are watched, unless cameras that go off line make
 * no incidents, so that nobody knows how long they were away. NULL with an error; free it by g_ptr_array_unref. */
GPtrArray *store_report_read(struct store *store, const struct store_report *report, GError **error);
