/* Where a request comes from: which page (Origin, CORS), and which address (behind proxies that are trusted). */
#include <arpa/inet.h>
#include <string.h>

#include "api/api_internal.h"

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
                  "ETag, Location, Retry-After, RateLimit, RateLimit-Policy, X-Frame-Number, X-Captured-At");
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

/* An address as 16 bytes, IPv4 mapped into IPv6 (RFC 4291 section 2.5.5.2). */
static bool parse_address(const char *text, struct in6_addr *address)
{
    struct in_addr v4;
    if (inet_pton(AF_INET6, text, address) == 1)
        return true;
    if (inet_pton(AF_INET, text, &v4) != 1)
        return false;
    memset(address, 0, 10);
    memset(address->s6_addr + 10, 0xff, 2);
    memcpy(address->s6_addr + 12, &v4, sizeof v4);
    return true;
}

static bool is_in_network(const struct in6_addr *address, const char *network)
{
    g_auto(GStrv) parts = g_strsplit(network, "/", 2);
    struct in6_addr base;
    guint64 bits = 128;
    if (!parts[0] || !parse_address(g_strstrip(parts[0]), &base))
        return false;
    bool is_v4 = !strchr(parts[0], ':');
    if (parts[1] && !g_ascii_string_to_unsigned(g_strstrip(parts[1]), 10, 0, is_v4 ? 32 : 128, &bits, NULL))
        return false;
    if (parts[1] && is_v4)
        bits += 96;
    size_t bytes = (size_t)bits / 8, rest = (size_t)bits % 8;
    if (memcmp(address, &base, bytes) != 0)
        return false;
    unsigned mask = rest ? 0xff00u >> rest & 0xffu : 0;
    return !rest || ((address->s6_addr[bytes] ^ base.s6_addr[bytes]) & mask) == 0;
}

bool address_is_listed(const char *address, const char *networks)
{
    struct in6_addr parsed;
    if (!networks || !*networks || !parse_address(address, &parsed))
        return false;
    g_auto(GStrv) list = g_strsplit(networks, ",", -1);
    for (size_t i = 0; list[i]; i++)
        if (is_in_network(&parsed, list[i]))
            return true;
    return false;
}

/* From the right: each proxy added who spoke to it, so that the first that is none of ours is who asks. What stands
 * further left anyone may have written. */
char *address_behind_proxies(const char *peer, const char *forwarded, const char *proxies)
{
    g_autofree char *address = g_strdup(peer);
    g_auto(GStrv) hops = g_strsplit(forwarded ? forwarded : "", ",", -1);
    guint count = g_strv_length(hops);
    for (guint i = count; i-- > 0 && count - i <= MAX_HOPS && address_is_listed(address, proxies);) {
        struct in6_addr parsed;
        const char *hop = g_strstrip(hops[i]);
        if (!parse_address(hop, &parsed))
            break;
        g_free(address);
        address = g_strdup(hop);
    }
    return g_steal_pointer(&address);
}
