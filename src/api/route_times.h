/* Route times: how long requests of each route took, stage by stage. What one route needs is allocated at its first
 * request and stays. Any thread.
 */
#pragma once

#include "api/api.h"

struct route;
struct route_times;

struct route_times *route_times_new(void);
void route_times_free(struct route_times *times);
/* A request is over: `took_ns` has each of its stages. */
void route_times_note(struct route_times *times, const struct route *route, const int64_t took_ns[API_STAGES]);
void route_times_each(struct route_times *times, api_visit_times visit, void *data);
