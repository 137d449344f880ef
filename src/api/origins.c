/* Where a request comes from: which page (Origin, CORS), and which address (behind proxies that are trusted). */
#include <string.h>

#include "api/api_internal.h"
#include "base/networks.h"

/* ---- pages ---- */

static bool is_listed(const struct request *request)
{
    return request->origin && http_list_has(request->api->settings->http.cors_origins, request->origin);
}

bool origin_is_allowed(const struct request *request)
{
    return http_origin_is_host(request->origin, request->host) || is_listed(request);
}

/* Whoever may ask may also read; everyone else's pages may not (the Fetch standard's CORS protocol). */
void answer_cors(const struct request *request, struct answer *answer)
{
    const char *origins = request->api->settings->http.cors_origins;
    if (origins && *origins)
        answer_header(answer, "Vary", "Origin");
    if (!is_listed(request))
        return;
    answer_header(answer, "Access-Control-Allow-Origin", "%s", request->origin);
    answer_header(answer, "Access-Control-Allow-Credentials", "true");
    answer_header(answer, "Access-Control-Expose-Headers",
                  "ETag, Location, Retry-After, RateLimit, RateLimit-Policy, Idempotency-Replayed, traceparent, "
                  "X-Next-Cursor, X-Frame-Number, X-Captured-At");
    answer->is_shared = true;
}

/* What a browser asks before it sends what a form could not. */
void answer_preflight(const struct request *request, const char *methods, struct answer *answer)
{
    if (!is_listed(request))
        return;
    answer_header(answer, "Access-Control-Allow-Methods", "%s", methods);
    answer_header(answer, "Access-Control-Allow-Headers",
                  "Authorization, Content-Type, If-Match, If-None-Match, Idempotency-Key, X-CSRF-Token, traceparent");
    answer_header(answer, "Access-Control-Max-Age", "600");
}

/* ---- addresses ---- */

enum { MAX_HOPS = 16 };

/* From the right: each proxy added who spoke to it, so that the first that is none of ours is who asks. What stands
 * further left anyone may have written. */
char *address_behind_proxies(const char *peer, const char *forwarded, const char *proxies)
{
    g_autofree char *address = g_strdup(peer);
    g_auto(GStrv) hops = g_strsplit(forwarded ? forwarded : "", ",", -1);
    guint count = g_strv_length(hops);
    for (guint i = count; i-- > 0 && count - i <= MAX_HOPS && network_list_has_text(proxies, address);) {
        const char *hop = g_strstrip(hops[i]);
        if (!network_is_address(hop))
            break;
        g_free(address);
        address = g_strdup(hop);
    }
    return g_steal_pointer(&address);
}
