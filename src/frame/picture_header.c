#include "frame/picture_header.h"

#include "base/error.h"

#include <string.h>

static const uint8_t png_signature[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};

enum {
    PNG_HEADER_BYTES = 24, /* signature, length and name of the first chunk, width, height */
    PNG_CHUNK_BYTES = 12,  /* of a chunk, beside what it holds: length, name, check */
    JPEG_START_BYTES = 2,
    MARKER_START_OF_FRAME_FIRST = 0xc0,
    MARKER_START_OF_FRAME_LAST = 0xcf,
    MARKER_HUFFMAN_TABLES = 0xc4,
    MARKER_RESERVED = 0xc8,
    MARKER_ARITHMETIC = 0xcc,
    MARKER_END_OF_IMAGE = 0xd9,
    MARKER_START_OF_SCAN = 0xda,
    MARKER_APPLICATION_1 = 0xe1,
};
/* Exif 2.3, 4.5.2 and 4.6.4: a TIFF behind six bytes; TIFF 6.0, section 2 */
enum { EXIF_NAME_BYTES = 6, TIFF_HEADER_BYTES = 8, TIFF_ENTRY_BYTES = 12, TIFF_ORIENTATION = 0x112, TIFF_SHORT = 3 };

static bool refuse(GError **error, const char *why)
{
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, "%s", why);
    return false;
}

static int read_u16(const uint8_t *bytes)
{
    return bytes[0] << 8 | bytes[1];
}

static bool read_png(const uint8_t *bytes, size_t length, struct picture_header *header, GError **error)
{
    if (length < PNG_HEADER_BYTES || memcmp(bytes + 12, "IHDR", 4) != 0)
        return refuse(error, "a PNG that does not begin with its size");
    uint32_t width, height;
    memcpy(&width, bytes + 16, sizeof width);
    memcpy(&height, bytes + 20, sizeof height);
    width = GUINT32_FROM_BE(width);
    height = GUINT32_FROM_BE(height);
    if (width == 0 || height == 0 || width > INT32_MAX || height > INT32_MAX)
        return refuse(error, "a PNG whose width or height is 0 or more than PNG allows");
    *header = (struct picture_header){PICTURE_PNG, (int)width, (int)height, PICTURE_UPRIGHT};
    return true;
}

/* ITU-T T.81, table B.1: the frame headers, among them the markers for tables. */
static bool is_start_of_frame(int marker)
{
    return marker >= MARKER_START_OF_FRAME_FIRST && marker <= MARKER_START_OF_FRAME_LAST &&
           marker != MARKER_HUFFMAN_TABLES && marker != MARKER_RESERVED && marker != MARKER_ARITHMETIC;
}

/* The segment at `at` (its length field): T.81, B.2.2. */
static bool read_frame_header(const uint8_t *bytes, size_t length, size_t at, struct picture_header *header,
                              GError **error)
{
    if (length - at < 7)
        return refuse(error, "a JPEG that is cut off");
    header->format = PICTURE_JPEG;
    header->width_px = read_u16(bytes + at + 5);
    header->height_px = read_u16(bytes + at + 3);
    return (header->width_px && header->height_px) || refuse(error, "a JPEG without a size");
}

static uint32_t read_tiff(const uint8_t *bytes, int count, bool is_little)
{
    uint32_t value = 0;
    for (int i = 0; i < count; i++)
        value = value << 8 | bytes[is_little ? count - 1 - i : i];
    return value;
}

/* Of the first directory of a segment of application 1; upright where it does not say, or says it wrongly. */
static int read_orientation(const uint8_t *segment, size_t length)
{
    if (length < EXIF_NAME_BYTES + TIFF_HEADER_BYTES || memcmp(segment, "Exif\0\0", EXIF_NAME_BYTES) != 0)
        return PICTURE_UPRIGHT;
    const uint8_t *tiff = segment + EXIF_NAME_BYTES;
    size_t bytes = length - EXIF_NAME_BYTES;
    bool is_little = memcmp(tiff, "II", 2) == 0;
    size_t at = read_tiff(tiff + 4, 4, is_little);
    if ((!is_little && memcmp(tiff, "MM", 2) != 0) || at > bytes - 2)
        return PICTURE_UPRIGHT;
    uint32_t entries = read_tiff(tiff + at, 2, is_little);
    for (at += 2; entries > 0 && bytes - at >= TIFF_ENTRY_BYTES; entries--, at += TIFF_ENTRY_BYTES) {
        uint32_t value = read_tiff(tiff + at + 8, 2, is_little);
        if (read_tiff(tiff + at, 2, is_little) == TIFF_ORIENTATION &&
            read_tiff(tiff + at + 2, 2, is_little) == TIFF_SHORT)
            return value >= PICTURE_UPRIGHT && value <= PICTURE_LAST_ORIENTATION ? (int)value : PICTURE_UPRIGHT;
    }
    return PICTURE_UPRIGHT;
}

/* `frame_at` is set to where its frame header begins. */
static bool read_jpeg(const uint8_t *bytes, size_t length, struct picture_header *header, size_t *frame_at,
                      GError **error)
{
    size_t at = JPEG_START_BYTES;
    *header = (struct picture_header){.orientation = PICTURE_UPRIGHT};
    while (length - at >= 4) {
        int marker = bytes[at + 1];
        if (bytes[at] != 0xff)
            return refuse(error, "a JPEG whose segments do not follow each other");
        if (marker == 0xff) { /* a fill byte: T.81, B.1.1.2 */
            at++;
            continue;
        }
        *frame_at = at;
        if (is_start_of_frame(marker))
            return read_frame_header(bytes, length, at + 2, header, error);
        if (marker == MARKER_START_OF_SCAN || marker == MARKER_END_OF_IMAGE || marker == 0)
            return refuse(error, "a JPEG without a size");
        size_t segment = (size_t)read_u16(bytes + at + 2);
        if (segment < 2 || segment > length - at - 2)
            return refuse(error, "a JPEG that is cut off");
        if (marker == MARKER_APPLICATION_1 && header->orientation == PICTURE_UPRIGHT)
            header->orientation = read_orientation(bytes + at + 4, segment - 2);
        at += 2 + segment;
    }
    return refuse(error, "a JPEG that is cut off");
}

static bool is_png(const uint8_t *bytes, size_t length)
{
    return length >= sizeof png_signature && memcmp(bytes, png_signature, sizeof png_signature) == 0;
}

bool picture_header_read(const uint8_t *bytes, size_t length, struct picture_header *header, GError **error)
{
    size_t frame_at;
    if (is_png(bytes, length))
        return read_png(bytes, length, header, error);
    if (length >= 3 && bytes[0] == 0xff && bytes[1] == 0xd8 && bytes[2] == 0xff)
        return read_jpeg(bytes, length, header, &frame_at, error);
    return refuse(error, "neither a JPEG nor a PNG");
}

static bool has_last_chunk(const uint8_t *bytes, size_t length)
{
    size_t at = sizeof png_signature;
    while (length - at >= PNG_CHUNK_BYTES) {
        uint32_t holds;
        memcpy(&holds, bytes + at, sizeof holds);
        holds = GUINT32_FROM_BE(holds);
        if (holds > length - at - PNG_CHUNK_BYTES)
            return false;
        if (memcmp(bytes + at + 4, "IEND", 4) == 0)
            return true;
        at += PNG_CHUNK_BYTES + holds;
    }
    return false;
}

/* What is coded has no such pair (T.81, B.1.1.5); small pictures among the segments before the frame have. */
static bool has_end_marker(const uint8_t *bytes, size_t length)
{
    struct picture_header header;
    size_t at = 0;
    if (!read_jpeg(bytes, length, &header, &at, NULL))
        return false;
    for (const uint8_t *found = bytes + at; (found = memchr(found, 0xff, length - 1 - (size_t)(found - bytes)));
         found++)
        if (found[1] == MARKER_END_OF_IMAGE)
            return true;
    return false;
}

bool picture_is_whole(const uint8_t *bytes, size_t length, GError **error)
{
    return (is_png(bytes, length) ? has_last_chunk(bytes, length) : has_end_marker(bytes, length)) ||
           refuse(error, "a picture that is cut off: send it to its end");
}

bool picture_header_check(const uint8_t *bytes, size_t length, int max_side_px, int64_t max_pixels,
                          struct picture_header *header, GError **error)
{
    if (!picture_header_read(bytes, length, header, error))
        return false;
    if (header->width_px <= max_side_px && header->height_px <= max_side_px &&
        (int64_t)header->width_px * header->height_px <= max_pixels)
        return true;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID,
                "a picture of %d x %d pixels; at most %d a side and %lld in all are decoded", header->width_px,
                header->height_px, max_side_px, (long long)max_pixels);
    return false;
}
