/* Where a request comes from: which page (Origin, CORS), and which address (behind proxies that are trusted). */
#define LOG_MODULE "api"
#include <string.h>

#include "api/api_internal.h"
#include "base/log.h"
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

void answer_foreign(struct answer *answer)
{
    answer_problem(answer, MHD_HTTP_FORBIDDEN,
                   "the request comes from another site's page: its Origin is neither what Host says nor one of "
                   "http.cors_origins; a proxy on the way must pass Host on",
                   NULL);
}

/* Whoever may ask may also read; everyone else's pages may not (the Fetch standard's CORS protocol). */
void answer_cors(const struct request *request, struct answer *answer)
{
    const char *origins = request->api->settings->http.cors_origins;
    if (origins && *origins)
        answer_header(answer, "Vary", "Origin");
    if (!is_listed(request))
        return;
    g_autofree char *names = route_answer_header_names();
    answer_header(answer, "Access-Control-Allow-Origin", "%s", request->origin);
    answer_header(answer, "Access-Control-Allow-Credentials", "true");
    answer_header(answer, "Access-Control-Expose-Headers", "%s", names);
    answer->is_shared = true;
}

/* What a browser asks before it sends what a form could not. */
void answer_preflight(const struct request *request, const char *methods, struct answer *answer)
{
    if (!is_listed(request))
        return;
    g_autofree char *names = route_header_names();
    answer_header(answer, "Access-Control-Allow-Methods", "%s", methods);
    answer_header(answer, "Access-Control-Allow-Headers", "%s", names);
    answer_header(answer, "Access-Control-Max-Age", "600");
}

/* ---- addresses ---- */

enum { MAX_HOPS = 16, PORT_DIGITS_MAX = 5, HOP_SHOWN_BYTES = 64 };
#define HOP_COMPLAINT_US INT64_C(3600000000)

/* "" and ":PORT". */
static bool is_port_or_nothing(const char *text)
{
    size_t digits = *text == ':' ? strspn(text + 1, "0123456789") : 0;
    return !*text || (digits > 0 && digits <= PORT_DIGITS_MAX && !text[1 + digits]);
}

/* Some proxies add the port that they were spoken to from: 203.0.113.5:51234, [2001:db8::1]:443 (RFC 7239 section 6).
 * NULL: it is no address. g_free. */
static char *address_of_hop(const char *hop)
{
    bool has_brackets = *hop == '[';
    const char *start = hop + has_brackets, *end = strchr(start, has_brackets ? ']' : ':');
    bool is_plain = !has_brackets && network_is_address(hop);
    if (is_plain || (!end && has_brackets))
        return is_plain ? g_strdup(hop) : NULL;
    g_autofree char *address = end ? g_strndup(start, (gsize)(end - start)) : g_strdup(start);
    bool is_of_kind = (strchr(address, ':') != NULL) == has_brackets;
    bool is_good = is_of_kind && network_is_address(address) && (!end || is_port_or_nothing(end + has_brackets));
    return is_good ? g_steal_pointer(&address) : NULL;
}

/* Everyone who comes through it would be one to limits and audit: that is worth a line. */
static void complain_of_hop(const char *proxy, const char *hop)
{
    static struct log_limit complaint;
    gint64 held_back;
    if (log_limit_pass(&complaint, HOP_COMPLAINT_US, &held_back))
        log_warning(proxy,
                    "X-Forwarded-For of this proxy of http.trusted_proxies ends in '%.*s', which is no address: who "
                    "asks through it is taken for the proxy; have it write addresses (%lld more)",
                    HOP_SHOWN_BYTES, hop, (long long)held_back);
}

/* From the right: each proxy added who spoke to it, so that the first that is none of ours is who asks. What stands
 * further left anyone may have written. */
char *address_behind_proxies(const char *peer, const char *forwarded, const char *proxies)
{
    g_autofree char *address = g_strdup(peer);
    g_auto(GStrv) hops = g_strsplit(forwarded ? forwarded : "", ",", -1);
    guint count = g_strv_length(hops);
    for (guint i = count; i-- > 0 && count - i <= MAX_HOPS && network_list_has_text(proxies, address);) {
        char *asker = address_of_hop(g_strstrip(hops[i]));
        if (!asker) {
            complain_of_hop(address, hops[i]);
            break;
        }
        g_free(address);
        address = asker;
    }
    return g_steal_pointer(&address);
}
