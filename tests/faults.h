/* Faults at named points (base/fault.h), where the build has them. */
#pragma once

#include "base/fault.h"

#include <glib.h>
#include <stdbool.h>

static inline void plan_faults(const char *plan)
{
#ifdef VEDETTE_FAULTS_ENABLED
    fault_plan(plan);
#else
    (void)plan;
#endif
}

/* False: the test is skipped, and says why. */
static inline bool has_faults(void)
{
#ifdef VEDETTE_FAULTS_ENABLED
    return true;
#else
    g_test_skip("this build has no fault points (-Dfaults=true)");
    return false;
#endif
}
