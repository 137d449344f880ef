/* The table of rules. A new rule is one new file and one row here. */
#include "analytics/analytics_internal.h"

#include <glib.h>

const struct rule *const rules[] = {
    &rule_line,
    &rule_zone,
    &rule_intrusion,
    &rule_occupancy,
};
const size_t rule_count = G_N_ELEMENTS(rules);
