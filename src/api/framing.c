/* What a request must not be: what the library lets through and must not pass (two lengths, a length beside a coding,
 * names with spaces), what is too large, and names of us that are none. */
#include <string.h>

#include "api/api_internal.h"

enum { MAX_HEADERS = 100 };

struct header_check {
    int count, lengths, hosts;
    bool has_coding, is_chunked, has_bad_name;
    const char *length;
};

/* Whether the header is this one, or was folded: of a line that goes on in the next one (RFC 9112 section 5.2) the
 * library makes a header by the name of "Content-Length40", which says nothing to it, and much to a proxy before us. */
static bool begins_with(const char *name, const char *known)
{
    return g_ascii_strncasecmp(name, known, strlen(known)) == 0;
}

static enum MHD_Result check_header(void *data, enum MHD_ValueKind kind, const char *name, const char *value)
{
    (void)kind;
    struct header_check *check = data;
    check->count++;
    check->has_bad_name |= !http_is_token(name, strlen(name));
    check->has_coding |= begins_with(name, "Transfer-Encoding");
    check->is_chunked |= g_ascii_strcasecmp(name, "Transfer-Encoding") == 0 && http_list_has(value, "chunked");
    check->hosts += g_ascii_strcasecmp(name, "Host") == 0;
    if (begins_with(name, "Content-Length")) {
        check->has_bad_name |= strlen(name) > strlen("Content-Length");
        check->lengths++;
        check->length = value;
    }
    return MHD_YES;
}

bool request_refuse(struct answer *answer, unsigned status, const char *detail)
{
    answer_problem(answer, status, detail, NULL);
    answer->is_closing = true;
    return false;
}

/* Who asks before it sends hears at once. */
static bool asks_first(const struct request *request)
{
    return http_list_has(MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, "Expect"), "100-continue");
}

bool request_check_framing(struct request *request, const char *version, struct answer *answer)
{
    struct header_check check = {.count = 0};
    MHD_get_connection_values(request->connection, MHD_HEADER_KIND, check_header, &check);
    if (check.has_bad_name || check.lengths > 1 || check.hosts > 1)
        return request_refuse(answer, MHD_HTTP_BAD_REQUEST, "a header is malformed, or given twice");
    if (check.has_coding && check.lengths)
        return request_refuse(answer, MHD_HTTP_BAD_REQUEST, "Transfer-Encoding beside Content-Length");
    if (check.count > MAX_HEADERS)
        return request_refuse(answer, MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE, "too many headers");
    if (check.length && !http_parse_length(check.length, &request->declared_bytes))
        return request_refuse(answer, MHD_HTTP_BAD_REQUEST, "Content-Length is not a number");
    if (strcmp(version, "HTTP/1.1") != 0 && strcmp(version, "HTTP/1.0") != 0)
        return request_refuse(answer, MHD_HTTP_HTTP_VERSION_NOT_SUPPORTED, "speak HTTP/1.1");
    request->has_coding = check.has_coding;
    request->is_sending = (check.is_chunked || request->declared_bytes) && !asks_first(request);
    return true;
}

bool request_check_size(const struct request *request, struct answer *answer)
{
    if (request->has_coding)
        return request_refuse(answer, MHD_HTTP_LENGTH_REQUIRED, "send Content-Length; chunked bodies are not taken");
    return request->declared_bytes <= request->most_bytes ||
           request_refuse(answer, MHD_HTTP_CONTENT_TOO_LARGE, "the body is larger than http.max_body_bytes");
}

bool request_check_host(const struct request *request, struct answer *answer)
{
    return http_host_is_allowed(request->host, request->api->settings->http.host_names) ||
           request_refuse(answer, MHD_HTTP_MISDIRECTED_REQUEST,
                          "the Host is not an address, localhost, or one of http.host_names (VEDETTE_HTTP_HOST_NAMES)");
}
