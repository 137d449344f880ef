#include "cli/model_fetch.h"

#include "base/error.h"

#include <curl/curl.h>
#include <string.h>

enum {
    MAX_BYTES = 512 << 20, /* what the detector opens at most */
    CONNECT_SECONDS = 20,
    TRANSFER_SECONDS = 900,
    STALL_SECONDS = 30, /* with less than STALL_BYTES_PER_SECOND the server is taken for gone */
    STALL_BYTES_PER_SECOND = 1024,
    MAX_REDIRECTS = 5, /* hosts of release files send on to a store of theirs */
};

bool model_fetch_is_url(const char *location)
{
    return strstr(location, "://") != NULL;
}

/* ---- from the network ---- */

static size_t take_bytes(char *data, size_t size, size_t count, void *into)
{
    GByteArray *bytes = into;
    if (bytes->len + size * count > MAX_BYTES)
        return 0; /* curl ends with an error */
    g_byte_array_append(bytes, (const guint8 *)data, (guint)(size * count));
    return size * count;
}

static void set_options(CURL *curl, const char *url, GByteArray *bytes, char *reason)
{
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https,http");
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "https,http");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(curl, CURLOPT_MAXREDIRS, (long)MAX_REDIRECTS);
    curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)TRANSFER_SECONDS);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)STALL_SECONDS);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, (long)STALL_BYTES_PER_SECOND);
    curl_easy_setopt(curl, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)MAX_BYTES);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_bytes);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, bytes);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reason);
}

static GBytes *download(const char *url, GError **error)
{
    char reason[CURL_ERROR_SIZE] = "";
    GByteArray *bytes = g_byte_array_new();
    CURL *curl = curl_easy_init();
    CURLcode code = CURLE_FAILED_INIT;
    if (curl) {
        set_options(curl, url, bytes, reason);
        code = curl_easy_perform(curl);
        curl_easy_cleanup(curl);
    }
    if (code == CURLE_OK)
        return g_byte_array_free_to_bytes(bytes);
    bool is_large = code == CURLE_WRITE_ERROR || code == CURLE_FILESIZE_EXCEEDED;
    g_set_error(error, VEDETTE_ERROR, is_large ? VEDETTE_ERROR_INVALID : VEDETTE_ERROR_IO, "cannot be fetched: %s",
                is_large  ? "it is larger than 512 MiB"
                : *reason ? reason
                          : curl_easy_strerror(code));
    g_byte_array_free(bytes, TRUE);
    return NULL;
}

/* ---- from here ---- */

static GBytes *read_here(const char *path, GError **error)
{
    g_autoptr(GMappedFile) file = g_mapped_file_new(path, FALSE, error);
    if (!file)
        return NULL;
    if (g_mapped_file_get_length(file) <= MAX_BYTES)
        return g_mapped_file_get_bytes(file);
    g_set_error_literal(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, "is larger than 512 MiB");
    return NULL;
}

/* Without what stands between scheme and '@': logins are not repeated. */
static char *hide_login(const char *location)
{
    const char *start = strstr(location, "://");
    const char *end = start ? start + strcspn(start + 3, "/?#") + 3 : NULL;
    const char *at = start ? g_strrstr_len(start, end - start, "@") : NULL;
    g_autofree char *named =
        at ? g_strdup_printf("%.*s://***%s", (int)(start - location), location, at) : g_strdup(location);
    const char *query = start ? strchr(named, '?') : NULL; /* signed addresses have their secret there */
    return query ? g_strdup_printf("%.*s?***", (int)(query - named), named) : g_steal_pointer(&named);
}

static bool check_sha256(GBytes *bytes, const char *sha256, GError **error)
{
    g_autofree char *found = g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, bytes);
    if (!sha256 || g_ascii_strcasecmp(found, sha256) == 0)
        return true;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, "has SHA-256 %s, not %s: nothing was kept", found, sha256);
    return false;
}

GBytes *model_fetch(const char *location, const char *sha256, GError **error)
{
    g_autofree char *shown = hide_login(location);
    g_autoptr(GBytes) bytes = model_fetch_is_url(location) ? download(location, error) : read_here(location, error);
    if (bytes && check_sha256(bytes, sha256, error))
        return g_steal_pointer(&bytes);
    g_prefix_error(error, "'%s': ", shown);
    return NULL;
}

bool model_fetch_store(const char *path, const void *bytes, size_t length, GError **error)
{
    return g_file_set_contents_full(path, bytes, (gssize)length,
                                    G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE, 0644, error);
}
