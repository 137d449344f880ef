#include "api/route_times.h"

#include "api/route.h"

#include <string.h>

const char *const api_stage_names[] = {"auth", "handler", "store", "write", "request", NULL};
_Static_assert(G_N_ELEMENTS(api_stage_names) == API_STAGES, "a stage has no name");

struct route_times {
    size_t count;
    struct latency *routes[]; /* in the order of route_groups; atomic; API_STAGES each, NULL: nobody has asked yet */
};

struct route_times *route_times_new(void)
{
    size_t count = 0;
    for (size_t i = 0; route_groups[i]; i++)
        count += route_groups[i]->count;
    struct route_times *times = g_malloc0(sizeof *times + count * sizeof times->routes[0]);
    times->count = count;
    return times;
}

void route_times_free(struct route_times *times)
{
    for (size_t i = 0; times && i < times->count; i++)
        g_free(times->routes[i]);
    g_free(times);
}

/* Where the times of a route lie. */
static struct latency **find(struct route_times *times, const struct route *route)
{
    size_t first = 0;
    for (size_t i = 0; route_groups[i]; first += route_groups[i++]->count)
        if (route >= route_groups[i]->routes && route < route_groups[i]->routes + route_groups[i]->count)
            return &times->routes[first + (size_t)(route - route_groups[i]->routes)];
    return NULL;
}

static struct latency *made(struct latency **place)
{
    struct latency *latencies = __atomic_load_n(place, __ATOMIC_ACQUIRE), *nobody = NULL;
    if (latencies)
        return latencies;
    latencies = g_new0(struct latency, API_STAGES);
    if (__atomic_compare_exchange_n(place, &nobody, latencies, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        return latencies;
    g_free(latencies);
    return nobody; /* another thread's, by now */
}

void route_times_note(struct route_times *times, const struct route *route, const int64_t took_ns[API_STAGES])
{
    struct latency **place = find(times, route);
    if (!place)
        return;
    struct latency *latencies = made(place);
    for (int stage = API_AUTH; stage < API_STAGES; stage++)
        latency_note(&latencies[stage], took_ns[stage]);
}

void route_times_each(struct route_times *times, api_visit_times visit, void *data)
{
    size_t at = 0;
    for (size_t i = 0; route_groups[i]; i++)
        for (size_t j = 0; j < route_groups[i]->count; j++) {
            const struct route *route = &route_groups[i]->routes[j];
            const struct latency *latencies = __atomic_load_n(&times->routes[at++], __ATOMIC_ACQUIRE);
            if (latencies)
                visit(data, route->method, route->path, latencies);
        }
}
