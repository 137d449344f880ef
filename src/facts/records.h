/* Facts: every record that others meet, in the API, the store, the spool and the references. One table. */
#pragma once

#include "record/record.h"

size_t facts_record_count(void);
/* Of 0..count-1, in the order of the references. */
const struct record_descriptor *facts_record_at(size_t index);
/* By its name ("AnalyticsEvent"); NULL when there is none. */
const struct record_descriptor *facts_record_find(const char *name);
