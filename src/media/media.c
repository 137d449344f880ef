#include "media/media.h"

#include "media/media_internal.h"

/* What GIO and the resolver load late: TLS with the authorities it trusts, and how names are looked up. */
static void load_network(void)
{
    GTlsDatabase *authorities = g_tls_backend_get_default_database(g_tls_backend_get_default());
    g_clear_object(&authorities);
    g_autoptr(GSocketClient) client = g_socket_client_new();
    GList *addresses = g_resolver_lookup_by_name(g_resolver_get_default(), "localhost", NULL, NULL);
    g_resolver_free_addresses(addresses);
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
    if (!for_worker)
        return true;
    load_network();
    return media_codecs_load(error);
}
