/* A traceparent of a caller or a worker, and what a collector answers. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/trace.h"
#include "hub/otlp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    struct trace_context context, again;
    if (trace_context_parse(text, &context)) {
        char written[TRACE_PARENT_BYTES];
        trace_context_write(&context, written);
        if (!trace_context_parse(written, &again) || memcmp(&context, &again, sizeof context) != 0)
            __builtin_trap();
    }
    int64_t refused = otlp_read_refused((const char *)data, size);
    if (refused < 0 || refused > G_MAXINT32)
        __builtin_trap();
    return 0;
}
