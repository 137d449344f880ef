/* Stored tracks: a worker wrote them, and workers are hostile. */
#include "analytics/chunk.h"

#include "base/crc32c.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_all(const uint8_t *bytes, size_t size)
{
    struct observation observation;
    CLEANUP(chunk_reader) struct chunk_reader *reader = chunk_reader_new(bytes, size, NULL);
    while (reader && chunk_reader_next(reader, &observation, NULL))
        ;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { SUM_AT = 8, HEADER_BYTES = 12 };
    read_all(data, size);
    if (size < HEADER_BYTES)
        return 0;
    g_autofree uint8_t *bytes = g_memdup2(data, size); /* and what lies behind the checksum */
    uint32_t sum = GUINT32_TO_LE(crc32c(0, data + HEADER_BYTES, size - HEADER_BYTES));
    memcpy(bytes + SUM_AT, &sum, sizeof sum);
    read_all(bytes, size);
    return 0;
}
