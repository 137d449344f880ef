#include "facts/http.h"

#include <string.h>

#include "base/error.h"
#include "base/networks.h"

/* What a cookie's Path may have (RFC 6265 section 4.1.1), and no other way to write the same. */
static bool check_public_path(const char *text, GError **error)
{
    size_t length = strlen(text);
    bool is_good = !length || (text[0] == '/' && text[length - 1] != '/' && !strstr(text, "//"));
    for (size_t i = 0; i < length; i++)
        is_good = is_good && (g_ascii_isalnum(text[i]) || strchr("/-._~", text[i]));
    if (!is_good)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID,
                    "must be empty or like /cams: of letters, digits and -._~, with a slash before and none after");
    return is_good;
}

/* As browsers write it, or it would never be theirs: a scheme, a host, perhaps a port. */
static bool is_origin(const char *text)
{
    const char *host = strstr(text, "://");
    return host && host > text && host[3] && !strpbrk(host + 3, "/?#@ ");
}

static bool check_origins(const char *text, GError **error)
{
    g_auto(GStrv) items = g_strsplit(text, ",", -1);
    for (size_t i = 0; items[i]; i++) {
        const char *item = g_strstrip(items[i]);
        if (!*item || is_origin(item))
            continue;
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID,
                    "'%s' is no origin: write https://wall.example, with a scheme and without a path", item);
        return false;
    }
    return true;
}

static const struct record_field http_fields[] = {
    FIELD(struct http_settings, address, RECORD_NEEDS_RESTART, "address to listen on; 0.0.0.0 for every one",
          .max_count = 64, .default_text = "127.0.0.1"),
    FIELD(struct http_settings, port, RECORD_NEEDS_RESTART, "port to listen on; 0: a free one", .min = 0, .max = 65535,
          .default_text = "8000"),
    FIELD(struct http_settings, max_connections, RECORD_NEEDS_RESTART, "connections open at once", .min = 4,
          .max = 65536, .default_text = "512"),
    FIELD(struct http_settings, max_connections_per_address, RECORD_NEEDS_RESTART,
          "connections open at once from one address, of IPv6 from one /64; those of http.trusted_proxies are not "
          "counted",
          .min = 1, .max = 65536, .default_text = "64"),
    FIELD(struct http_settings, request_timeout_seconds, RECORD_NEEDS_RESTART,
          "longest a whole request may take to arrive", .unit = "s", .min = 1, .max = 3600, .default_text = "15"),
    FIELD(struct http_settings, answer_timeout_seconds, RECORD_NEEDS_RESTART,
          "longest that sending an answer may take, and waiting for the disk to take events; what else an answer waits "
          "for has a bound of its own, as detect.timeout_seconds",
          .unit = "s", .min = 1, .max = 3600, .default_text = "60"),
    FIELD(struct http_settings, max_body_bytes, 0,
          "largest request body; one with a picture may be as large as detect.max_image_bytes needs", .unit = "bytes",
          .min = 1024, .max = 1 << 28, .default_text = "1048576"),
    FIELD(
        struct http_settings, max_bodies_bytes, 0,
        "what the bodies of all requests may take together while they arrive and are answered; more are refused (503)",
        .unit = "bytes", .min = 1 << 20, .max = INT64_C(1) << 40, .default_text = "268435456"),
    FIELD(struct http_settings, threads, RECORD_NEEDS_RESTART,
          "threads that serve connections: they read, answer, and handle what waits for nothing", .min = 1, .max = 64,
          .default_text = "2"),
    FIELD(struct http_settings, handler_threads, RECORD_NEEDS_RESTART,
          "requests handled at once that may have to wait, for the store above all; others wait for their turn, as "
          "many as half of http.max_connections",
          .min = 1, .max = 256, .default_text = "8"),
    FIELD(struct http_settings, websocket_max_clients, 0,
          "pages connected at once, and clients of /api/v1/events/stream", .min = 1, .max = 65536,
          .default_text = "64"),
    FIELD(
        struct http_settings, websocket_max_clients_per_user, 0,
        "of these, those of one user or API key; more are refused (429); 0: a quarter, but 16 where there are so many",
        .min = 0, .max = 65536, .default_text = "0"),
    FIELD(struct http_settings, websocket_max_clients_per_org, 0,
          "of these, those of one org, so that others find a place; more are refused (429); 0: three quarters while "
          "cameras of other orgs are watched, else all",
          .min = 0, .max = 65536, .default_text = "0"),
    FIELD(struct http_settings, websocket_queue_bytes, 0,
          "waiting for one page; oldest track updates are dropped first", .unit = "bytes", .min = 4096, .max = 1 << 28,
          .default_text = "1048576"),
    FIELD(struct http_settings, resume_events, 0,
          "events and messages of incidents kept in memory for clients that come back to /ws or /api/v1/events/stream, "
          "and "
          "most told to one at once",
          .min = 0, .max = 10000, .default_text = "1000"),
    FIELD(struct http_settings, track_minutes, 0, "one request for stored tracks may ask for so long a time",
          .unit = "min", .min = 1, .max = 1440, .default_text = "60"),
    FIELD(struct http_settings, report_lines, 0, "lines of each section of a report, at most", .min = 1, .max = 100000,
          .default_text = "1000"),
    FIELD(struct http_settings, intake_lines_told, 0,
          "lines that POST /api/v1/events tells of one by one when it refuses them; more are only counted", .min = 1,
          .max = 100000, .default_text = "100"),
    FIELD(struct http_settings, intake_errors_told, 0, "errors told of each such line", .min = 1, .max = 100,
          .default_text = "5"),
    FIELD(struct http_settings, login_attempts_per_minute, 0,
          "wrong logins of one address; one account has ten times as many, from wherever they come", .min = 1,
          .max = 10000, .default_text = "10"),
    FIELD(struct http_settings, idempotency_minutes, 0, "how long the answer to an Idempotency-Key is kept",
          .unit = "min", .min = 1, .max = 43200, .default_text = "1440"),
    FIELD(struct http_settings, idempotency_max_keys, 0, "how many of them are kept for an org; the oldest go first",
          .min = 1, .max = 1000000, .default_text = "10000"),
    FIELD(struct http_settings, idempotency_max_bytes, 0,
          "how much they may take of an org together; the oldest go first", .unit = "bytes", .min = 1 << 20,
          .max = INT64_C(1) << 40, .default_text = "67108864"),
    FIELD(struct http_settings, host_names, 0,
          "names browsers may reach it by, separated by commas; addresses and localhost always may", .max_count = 1024),
    FIELD(struct http_settings, cors_origins, 0,
          "origins of pages elsewhere that may use the API, separated by commas, like https://wall.example; empty: "
          "only our own page may",
          .max_count = 4096, .check_text = check_origins),
    FIELD(struct http_settings, public_path, RECORD_NEEDS_RESTART,
          "path below which a proxy has this server, like /cams, and which it takes away before it asks us: cookies "
          "are for it alone, Location and /openapi.json are below it; empty: the server has its name to itself",
          .max_count = 256, .check_text = check_public_path),
    FIELD(struct http_settings, trusted_proxies, RECORD_NEEDS_RESTART,
          "addresses and networks (10.0.0.0/8) of proxies before us, separated by commas, whose X-Forwarded-For and "
          "X-Forwarded-Proto are believed; empty: nobody's are",
          .max_count = 4096, .check_text = network_list_check),
    FIELD(struct http_settings, tls_certificate_file, RECORD_NEEDS_RESTART,
          "PEM file of our certificate and those between it and its root: https alone is spoken then; empty: http, as "
          "behind a proxy",
          .max_count = 4096),
    FIELD(struct http_settings, tls_key_file, RECORD_NEEDS_RESTART, "PEM file of the certificate's private key",
          .max_count = 4096),
};

bool http_has_tls(const struct http_settings *http)
{
    return http->tls_certificate_file && *http->tls_certificate_file;
}

static void check_http(const void *record, const char *path, struct record_errors *errors)
{
    const struct http_settings *http = record;
    bool has_certificate = http_has_tls(http);
    bool has_key = http->tls_key_file && *http->tls_key_file;
    g_autofree char *where =
        g_strdup_printf("%s%s%s", path, *path ? "." : "", has_key ? "tls_certificate_file" : "tls_key_file");
    if (has_certificate != has_key)
        record_errors_add(errors, where, "is needed too: a certificate and its key go together");
}

const struct record_descriptor http_settings_descriptor =
    RECORD(struct http_settings, "HttpSettings", 1, http_fields, "The API and the page.", .check = check_http);
