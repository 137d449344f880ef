/* How much one may ask: of each class of routes, and of single routes that the settings name, from one address, as one
 * user, and as one org. A route's class is in the route table; logins have limits of their own (auth.h). */
#include <string.h>

#include "api/api_internal.h"
#include "base/counter.h"
#include "base/networks.h"
#include "vedette/limiter.h"

enum { LIMIT_SECONDS = 60, CLASSES = RATE_LOGIN + 1 };
enum scope { SCOPE_ADDRESS, SCOPE_USER, SCOPE_ORG, SCOPES };
/* What an answer calls a limit: of a class of routes, and of one route. */
static const char *const scope_names[SCOPES] = {"address", "user", "org"}, *const route_scope_names[SCOPES] = {
                                                                               "route-address", "route-user",
                                                                               "route-org"};

struct limit_set {
    struct vedette_limiter *limiters[SCOPES]; /* NULL: not limited here */
    int64_t quotas[SCOPES];
};
struct limits {
    struct limit_set classes[CLASSES];
    GHashTable *routes; /* const struct route * → struct limit_set *, owned */
};

static int64_t now_us(void *clock)
{
    return clock_monotonic_us(clock);
}

/* Settings are in range by their table, so there is one. */
static struct vedette_limiter *new_limiter(const struct limit_settings *settings, struct clock *clock,
                                           int64_t per_minute)
{
    const struct vedette_limiter_config config = {
        .rate_per_second = (double)per_minute / LIMIT_SECONDS,
        .burst = per_minute,
        .max_keys = (size_t)settings->max_keys,
        .time = {.now_us = now_us, .data = clock},
    };
    return vedette_limiter_new(&config, NULL);
}

/* `per_minute` 0: without limits. */
static void limit_set_init(struct limit_set *set, int64_t per_minute, const struct limit_settings *settings,
                           struct clock *clock)
{
    for (int scope = 0; per_minute && scope < SCOPES; scope++) {
        set->quotas[scope] = per_minute * (scope == SCOPE_ORG ? settings->org_factor : 1);
        set->limiters[scope] = new_limiter(settings, clock, set->quotas[scope]);
    }
}

static void limit_set_clear(struct limit_set *set)
{
    for (int scope = 0; scope < SCOPES; scope++)
        vedette_limiter_free(set->limiters[scope]);
}

static void limit_set_free(void *set)
{
    limit_set_clear(set);
    g_free(set);
}

/* "POST /api/detect", as the contract has it; NULL: there is none. */
static const struct route *find_route(const char *words)
{
    for (size_t i = 0; route_groups[i]; i++)
        for (size_t j = 0; j < route_groups[i]->count; j++) {
            const struct route *route = &route_groups[i]->routes[j];
            size_t length = strlen(route->method);
            if (strncmp(words, route->method, length) == 0 && words[length] == ' ' &&
                strcmp(words + length + 1, route->path) == 0)
                return route;
        }
    return NULL;
}

static bool add_routes(struct limits *limits, const struct limit_settings *settings, struct clock *clock,
                       GError **error)
{
    for (size_t i = 0; i < settings->routes.count; i++) {
        const struct route_limit *said = (const struct route_limit *)settings->routes.items + i;
        const struct route *route = find_route(said->route);
        if (!route || g_hash_table_contains(limits->routes, route)) {
            g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, "limits.routes[%zu].route: '%s' %s", i,
                        said->route, route ? "stands there already" : "is no route: docs/reference/api.md has them");
            return false;
        }
        struct limit_set *set = g_new0(struct limit_set, 1);
        limit_set_init(set, said->per_minute, settings, clock);
        g_hash_table_insert(limits->routes, (void *)(uintptr_t)route, set);
    }
    return true;
}

struct limits *limits_new(const struct limit_settings *settings, struct clock *clock, GError **error)
{
    const int32_t per_minute[CLASSES] = {[RATE_READ] = settings->reads_per_minute,
                                         [RATE_WRITE] = settings->writes_per_minute,
                                         [RATE_HEAVY] = settings->heavy_per_minute};
    struct limits *limits = g_new0(struct limits, 1);
    limits->routes = g_hash_table_new_full(NULL, NULL, NULL, limit_set_free);
    for (int class = 0; class < CLASSES; class ++)
        limit_set_init(&limits->classes[class], per_minute[class], settings, clock);
    if (!add_routes(limits, settings, clock, error))
        g_clear_pointer(&limits, limits_free);
    return limits;
}

static int64_t forgotten_of(const struct limit_set *set)
{
    int64_t forgotten = 0;
    for (int scope = 0; scope < SCOPES; scope++) {
        struct vedette_limiter_stats stats = {0};
        if (set->limiters[scope])
            vedette_limiter_get_stats(set->limiters[scope], &stats);
        forgotten += stats.forgotten;
    }
    return forgotten;
}

int64_t limits_count_forgotten(const struct limits *limits)
{
    int64_t forgotten = 0;
    GHashTableIter iterator;
    gpointer set;
    for (int class = 0; class < CLASSES; class ++)
        forgotten += forgotten_of(&limits->classes[class]);
    g_hash_table_iter_init(&iterator, limits->routes);
    while (g_hash_table_iter_next(&iterator, NULL, &set))
        forgotten += forgotten_of(set);
    return forgotten;
}

void limits_free(struct limits *limits)
{
    if (!limits)
        return;
    for (int class = 0; class < CLASSES; class ++)
        limit_set_clear(&limits->classes[class]);
    g_hash_table_unref(limits->routes);
    g_free(limits);
}

/* RateLimit header fields for HTTP (draft-ietf-httpapi-ratelimit-headers-08): the quota of a minute, what remains of
 * it, and in how many seconds it is whole again. */
void answer_rate_limit(struct answer *answer, const char *policy, int64_t quota, const struct vedette_limit *limit)
{
    int64_t reset_seconds = (limit->reset_us + G_USEC_PER_SEC - 1) / G_USEC_PER_SEC;
    answer_header(answer, "RateLimit-Policy", "\"%s\";q=%" G_GINT64_FORMAT ";w=%d", policy, quota, LIMIT_SECONDS);
    answer_header(answer, "RateLimit", "\"%s\";r=%" G_GINT64_FORMAT ";t=%" G_GINT64_FORMAT, policy, limit->remaining,
                  reset_seconds);
}

/* What is asked of the limiters of a class and of a route, and what each is called. */
struct limit_asks {
    struct vedette_limiter_ask asks[2 * SCOPES];
    const char *names[2 * SCOPES];
    int64_t quotas[2 * SCOPES];
    int count;
};

/* Of each scope that has a key here. */
static void add_asks(struct limit_asks *all, const struct limit_set *set, const char *const keys[SCOPES],
                     const char *const names[SCOPES])
{
    for (int scope = 0; set && scope < SCOPES; scope++) {
        if (!set->limiters[scope] || !keys[scope])
            continue;
        all->names[all->count] = names[scope];
        all->quotas[all->count] = set->quotas[scope];
        all->asks[all->count++] = (struct vedette_limiter_ask){set->limiters[scope], keys[scope], 1};
    }
}

/* False: the answer is made; NULL: nobody is told. */
static bool take_asks(const struct request *request, struct limit_asks *all, struct answer *answer)
{
    struct vedette_limit limit = {.is_allowed = true};
    int which = vedette_limiter_take_all(all->asks, all->count, &limit);
    if (!all->count || limit.is_allowed)
        return true;
    if (!answer)
        return false;
    counter_add(&request->api->health->http_limited, 1);
    answer_problem(answer, MHD_HTTP_TOO_MANY_REQUESTS, "too many requests: try again later", NULL);
    answer_header(answer, "Retry-After", "%" G_GINT64_FORMAT,
                  MAX((limit.retry_after_us + G_USEC_PER_SEC - 1) / G_USEC_PER_SEC, 1));
    answer_rate_limit(answer, all->names[which], all->quotas[which], &limit);
    return false;
}

static bool take(const struct request *request, const char *const keys[SCOPES], struct answer *answer)
{
    const struct limits *limits = request->api->limits;
    struct limit_asks all = {.count = 0};
    add_asks(&all, &limits->classes[request->route->rate], keys, scope_names);
    add_asks(&all, g_hash_table_lookup(limits->routes, request->route), keys, route_scope_names);
    return take_asks(request, &all, answer);
}

bool limits_take_address(const struct request *request, struct answer *answer)
{
    char group[NETWORK_GROUP_BYTES];
    network_group_address(request->address, group);
    const char *const keys[SCOPES] = {[SCOPE_ADDRESS] = group};
    return take(request, keys, answer);
}

bool limits_take_guess(struct request *request, struct answer *answer)
{
    if (request->is_guess)
        return true;
    char group[NETWORK_GROUP_BYTES];
    network_group_address(request->address, group);
    const char *const keys[SCOPES] = {[SCOPE_ADDRESS] = group};
    struct limit_asks all = {.count = 0};
    add_asks(&all, &request->api->limits->classes[RATE_READ], keys, scope_names);
    return request->is_guess = take_asks(request, &all, answer);
}

void limits_give_back_guess(struct request *request)
{
    request->is_guess = false;
    char group[NETWORK_GROUP_BYTES];
    network_group_address(request->address, group);
    struct vedette_limiter *limiter = request->api->limits->classes[RATE_READ].limiters[SCOPE_ADDRESS];
    if (limiter)
        vedette_limiter_give_back(limiter, group, 1);
}

bool limits_take_user(const struct request *request, struct answer *answer)
{
    const struct user *user = request->login.user;
    const char *const keys[SCOPES] = {[SCOPE_USER] = user ? user->id : NULL, [SCOPE_ORG] = user ? user->org_id : NULL};
    return take(request, keys, answer);
}
