/* Case Q24: what stands in a spool's files beside the payloads, and their names: whatever the disk gives back. */
#include "resilience/spool_internal.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is accepted is written anew as it was. */
static void check_head(const uint8_t *data, size_t size, uint64_t file, uint32_t row)
{
    struct spool_head head;
    uint8_t bytes[SPOOL_HEAD_MAX_BYTES];
    if (!spool_head_decode(data, size, file, row, &head))
        return;
    if (spool_head_encode(&head, file, row, bytes) != size || memcmp(bytes, data, size) != 0)
        __builtin_trap();
}

/* A head with any values and a right check sum, as a fuzzer cannot guess one. */
static void check_made_head(const uint8_t *data, size_t size)
{
    struct spool_head head = {.priority = data[0], .payload_length = data[1], .payload_crc = data[2], .tenant = "t"};
    uint8_t bytes[SPOOL_HEAD_MAX_BYTES];
    for (size_t i = 0; i + 3 < size && i + 1 < sizeof head.tenant; i++)
        head.tenant[i] = (char)data[i + 3];
    check_head(bytes, spool_head_encode(&head, 7, 9, bytes), 7, 9);
}

static void check_name(const uint8_t *data, size_t size)
{
    struct spool_name name;
    g_autofree char *text = g_strndup((const char *)data, size);
    if (!spool_name_parse(text, &name))
        return;
    struct spool_name again;
    g_autofree char *written = spool_name_format(&name);
    if (!spool_name_parse(written, &again) || again.number != name.number || again.live != name.live)
        __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_head(data, size, 7, 9);
    check_name(data, size);
    if (size > 3)
        check_made_head(data, size);
    return 0;
}
