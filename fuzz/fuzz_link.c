/* The parser of the link: whatever a worker sends, message after message. */
#include "link/link.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { HEADER_BYTES = 5 };
    enum link_type type;
    size_t length;
    struct link_parts parts;
    if (link_parts_read(data, size, &parts) && ((const uint8_t *)parts.text + parts.text_length != parts.bytes ||
                                                parts.bytes + parts.byte_count != data + size))
        __builtin_trap();
    while (link_parse(data, size, &type, &length) == LINK_PARSED_WHOLE) {
        if (length > LINK_MAX_BODY_BYTES || HEADER_BYTES + length > size || type < LINK_HELLO || type > LINK_TYPE_LAST)
            __builtin_trap();
        data += HEADER_BYTES + length;
        size -= HEADER_BYTES + length;
    }
    return 0;
}
