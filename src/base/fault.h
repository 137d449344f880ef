/* Named fault points, driven from outside in test builds (-Dfaults=true): VEDETTE_FAULTS="store.commit=3,link.send=1+"
 * makes the third store.commit fail and every link.send from the first on. In other builds fault_hit is constant false.
 * Any thread.
 */
#pragma once

#include <stdbool.h>

#ifdef VEDETTE_FAULTS_ENABLED
/* True when the operation named should fail now. Each call counts one visit. */
bool fault_hit(const char *name);
/* Replaces the plan (same syntax as the environment variable; NULL clears it). For in-process tests. */
void fault_plan(const char *plan);
#else
static inline bool fault_hit(const char *name)
{
    (void)name;
    return false;
}
#endif
