/* How much one may ask: of each class of routes, from one address, as one user, and as one org. A route's class is in
 * the route table; logins have limits of their own (auth.h). */
#include <string.h>

#include "api/api_internal.h"
#include "base/counter.h"
#include "base/networks.h"
#include "vedette/limiter.h"

enum { LIMIT_SECONDS = 60, MAX_KEYS = 16384, CLASSES = RATE_LOGIN + 1 };
enum scope { SCOPE_ADDRESS, SCOPE_USER, SCOPE_ORG, SCOPES };
static const char *const scope_names[SCOPES] = {"address", "user", "org"};

struct limits {
    struct vedette_limiter *limiters[CLASSES][SCOPES]; /* NULL: not limited here */
    int64_t quotas[CLASSES][SCOPES];
};

static int64_t now_us(void *clock)
{
    return clock_monotonic_us(clock);
}

/* Settings are in range by their table, so there is one. */
static struct vedette_limiter *new_limiter(struct clock *clock, int64_t per_minute)
{
    const struct vedette_limiter_config config = {
        .rate_per_second = (double)per_minute / LIMIT_SECONDS,
        .burst = per_minute,
        .max_keys = MAX_KEYS,
        .time = {.now_us = now_us, .data = clock},
    };
    return vedette_limiter_new(&config, NULL);
}

struct limits *limits_new(const struct limit_settings *settings, struct clock *clock)
{
    const int32_t per_minute[CLASSES] = {[RATE_READ] = settings->reads_per_minute,
                                         [RATE_WRITE] = settings->writes_per_minute,
                                         [RATE_HEAVY] = settings->heavy_per_minute};
    struct limits *limits = g_new0(struct limits, 1);
    for (int class = 0; class < CLASSES; class ++)
        for (int scope = 0; per_minute[class] && scope < SCOPES; scope++) {
            int64_t quota = (int64_t)per_minute[class] * (scope == SCOPE_ORG ? settings->org_factor : 1);
            limits->quotas[class][scope] = quota;
            limits->limiters[class][scope] = new_limiter(clock, quota);
        }
    return limits;
}

void limits_free(struct limits *limits)
{
    if (!limits)
        return;
    for (int class = 0; class < CLASSES; class ++)
        for (int scope = 0; scope < SCOPES; scope++)
            vedette_limiter_free(limits->limiters[class][scope]);
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

/* Of each scope that has a key here. False: the answer is made. */
static bool take(const struct request *request, const char *const keys[SCOPES], struct answer *answer)
{
    const struct limits *limits = request->api->limits;
    struct vedette_limiter *const *limiters = limits->limiters[request->route->rate];
    struct vedette_limiter_ask asks[SCOPES];
    enum scope scopes[SCOPES];
    int count = 0;
    for (int scope = 0; scope < SCOPES; scope++) {
        if (!limiters[scope] || !keys[scope])
            continue;
        scopes[count] = (enum scope)scope;
        asks[count++] = (struct vedette_limiter_ask){limiters[scope], keys[scope], 1};
    }
    struct vedette_limit limit = {.is_allowed = true};
    int which = vedette_limiter_take_all(asks, count, &limit);
    if (!count || limit.is_allowed)
        return true;
    counter_add(&request->api->health->http_limited, 1);
    answer_problem(answer, MHD_HTTP_TOO_MANY_REQUESTS, "too many requests: try again later", NULL);
    answer_header(answer, "Retry-After", "%" G_GINT64_FORMAT,
                  MAX((limit.retry_after_us + G_USEC_PER_SEC - 1) / G_USEC_PER_SEC, 1));
    enum scope scope = scopes[which];
    answer_rate_limit(answer, scope_names[scope], limits->quotas[request->route->rate][scope], &limit);
    return false;
}

bool limits_take_address(const struct request *request, struct answer *answer)
{
    char group[NETWORK_GROUP_BYTES];
    network_group_address(request->address, group);
    const char *const keys[SCOPES] = {[SCOPE_ADDRESS] = group};
    return take(request, keys, answer);
}

bool limits_take_user(const struct request *request, struct answer *answer)
{
    const struct user *user = request->login.user;
    const char *const keys[SCOPES] = {[SCOPE_USER] = user ? user->id : NULL, [SCOPE_ORG] = user ? user->org_id : NULL};
    return take(request, keys, answer);
}
