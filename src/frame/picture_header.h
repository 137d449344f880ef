/* What an encoded picture says of itself before anything is decoded or allocated: its kind and size. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

enum picture_format { PICTURE_JPEG = 1, PICTURE_PNG };
/* Of EXIF's eight ways in which a picture may lie, as tag 274 of TIFF numbers them. */
enum { PICTURE_UPRIGHT = 1, PICTURE_LAST_ORIENTATION = 8 };

struct picture_header {
    enum picture_format format;
    int width_px, height_px; /* 1..65535; of PNG up to 2^31 - 1. As it is coded, before it is turned */
    int orientation;         /* PICTURE_UPRIGHT: as it is coded, and where nothing says more */
};

/* Reads the size that the decoder will go by: JPEG's first frame header (SOF), PNG's first chunk (IHDR); and of a
 * JPEG how it lies, which a phone notes before that (EXIF). False on anything else, on a picture without a size, and on
 * one cut off before it. */
bool picture_header_read(const uint8_t *bytes, size_t length, struct picture_header *header, GError **error);
/* Whether it goes on to its end: a JPEG has its end marker, whatever a camera adds behind it, a PNG its last chunk. Of
 * one whose header was read; a decoder makes the rest of one that was cut off up. */
bool picture_is_whole(const uint8_t *bytes, size_t length, GError **error);
/* As picture_header_read, and false where a side or the number of pixels is over these bounds. */
bool picture_header_check(const uint8_t *bytes, size_t length, int max_side_px, int64_t max_pixels,
                          struct picture_header *header, GError **error);
