/* A source as a person, or an attacker, might write it. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/media_url.h"
#include "base/redact.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    g_autofree char *redacted = redact_address(text);
    g_autofree char *twice = redact_address(redacted);
    if (strcmp(twice, redacted) != 0)
        __builtin_trap();
    g_autoptr(GError) error = NULL;
    struct media_url url;
    if (!media_url_parse(text, &url, &error)) {
        if (!error || url.location)
            __builtin_trap();
        return 0;
    }
    if (url.scheme != MEDIA_FILE && strpbrk(url.location, " \"'!\r\n\t\\{}"))
        __builtin_trap();
    if (url.host) {
        struct media_url again; /* its own words mean the same, without a login */
        if (!media_url_parse(url.location, &again, NULL) || strcmp(again.host, url.host) != 0 ||
            again.port != url.port || again.username || strcmp(again.location, url.location) != 0)
            __builtin_trap();
        media_url_clear(&again);
    }
    media_url_clear(&url);
    return 0;
}
