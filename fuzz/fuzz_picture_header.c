/* What an encoded picture says of itself. */
#include "frame/picture_header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { MAX_SIDE_PX = 8192, MAX_PIXELS = 1 << 24 };
    struct picture_header header;
    g_autoptr(GError) error = NULL;
    bool is_good = picture_header_check(data, size, MAX_SIDE_PX, MAX_PIXELS, &header, &error);
    if (is_good == (error != NULL))
        __builtin_trap();
    if (is_good && (header.width_px < 1 || header.height_px < 1 || header.width_px > MAX_SIDE_PX ||
                    (int64_t)header.width_px * header.height_px > MAX_PIXELS || header.orientation < PICTURE_UPRIGHT ||
                    header.orientation > PICTURE_LAST_ORIENTATION))
        __builtin_trap();
    return 0;
}
