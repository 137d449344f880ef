#include "analytics/analytics.h"
