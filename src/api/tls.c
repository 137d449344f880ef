/* TLS of our own, where no proxy ends it. */
#include "api/api_internal.h"

#include <string.h>
#include <sys/stat.h>

enum { PEM_MAX_BYTES = 1 << 20 };

/* What is not there, too large, or no PEM would be told by the library as "no". */
static char *read_pem(const char *setting, const char *path, const char *what, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autofree char *text = NULL;
    struct stat status;
    bool is_small = stat(path, &status) == 0 && S_ISREG(status.st_mode) && status.st_size <= PEM_MAX_BYTES;
    if (is_small && g_file_get_contents(path, &text, NULL, &failure) && strstr(text, what))
        return g_steal_pointer(&text);
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, "%s: %s: %s", setting, path,
                failure ? failure->message : "is no PEM file with what is needed (-----BEGIN …)");
    return NULL;
}

bool tls_read(const struct http_settings *http, struct tls *tls, GError **error)
{
    *tls = (struct tls){.certificate = NULL};
    if (!http_has_tls(http))
        return true;
    tls->certificate =
        read_pem("http.tls_certificate_file", http->tls_certificate_file, "-----BEGIN CERTIFICATE-----", error);
    if (tls->certificate)
        tls->key = read_pem("http.tls_key_file", http->tls_key_file, "PRIVATE KEY-----", error);
    return tls->key != NULL;
}

void tls_clear(struct tls *tls)
{
    if (tls->key)
        explicit_bzero(tls->key, strlen(tls->key));
    g_free(tls->key);
    g_free(tls->certificate);
    *tls = (struct tls){.certificate = NULL};
}
