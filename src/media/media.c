#include "media/media.h"

#include "media/media_internal.h"

bool media_init(bool for_worker, GError **error)
{
    /* A worker must not scan for plugins: the scanner forks, and writes a registry it has no right to write. */
    if (for_worker)
        g_setenv("GST_REGISTRY_UPDATE", "no", TRUE);
    if (!gst_init_check(NULL, NULL, error)) {
        g_prefix_error(error, "start GStreamer: ");
        return false;
    }
    return !for_worker || media_codecs_load(error);
}
