#define LOG_MODULE "media"
#include "media/media.h"

#include "base/log.h"
#include "media/media_internal.h"

/* What GIO and the resolver load late: TLS with the authorities it trusts, and how names are looked up. */
static void load_network(void)
{
    GTlsDatabase *authorities = g_tls_backend_get_default_database(g_tls_backend_get_default());
    g_clear_object(&authorities);
    g_object_unref(g_socket_client_new());
    GList *addresses = g_resolver_lookup_by_name(g_resolver_get_default(), "localhost", NULL, NULL);
    g_resolver_free_addresses(addresses);
}

/* GStreamer warns once for each bad packet: a hostile stream must not fill the log. */
static void on_gstreamer_warning(const char *domain, GLogLevelFlags level, const char *message, gpointer data)
{
    enum { INTERVAL_US = 1000000 };
    static struct log_limit limit;
    gint64 suppressed = 0;
    (void)level;
    (void)data;
    if (log_limit_pass(&limit, INTERVAL_US, &suppressed))
        log_warning(NULL, "%s: %s (%lld like it held back)", domain, message, (long long)suppressed);
}

static void take_warnings(void)
{
    static const char *const domains[] = {"GStreamer", "GStreamer-Base", "GStreamer-Video", "GStreamer-RTP"};
    for (size_t i = 0; i < G_N_ELEMENTS(domains); i++)
        g_log_set_handler(domains[i], G_LOG_LEVEL_WARNING, on_gstreamer_warning, NULL);
}

bool media_init(bool for_worker, GError **error)
{
    /* A worker must not scan for plugins: the scanner forks, and writes a registry it has no right to write. */
    if (for_worker)
        g_setenv("GST_REGISTRY_UPDATE", "no", TRUE);
    if (!gst_init_check(NULL, NULL, error)) {
        g_prefix_error(error, "start GStreamer: ");
        return false;
    }
    take_warnings();
    if (!for_worker)
        return true;
    load_network();
    return media_codecs_load(error);
}
