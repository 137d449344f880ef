#include "frame/picture_header.h"

#include <string.h>

#include "base/error.h"

static const char png_head[] = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR";

struct one_case {
    const char *name, *bytes;
    size_t length;
    int width_px, height_px; /* 0: refused */
};
#define BYTES(text) text, sizeof(text) - 1

static void test_sizes(void)
{
    static const struct one_case cases[] = {
        {"jpeg", BYTES("\xff\xd8\xff\xe0\0\4ab\xff\xc0\0\13\10\1\340\2\200\1\1\21\0"), 640, 480},
        {"jpeg, progressive", BYTES("\xff\xd8\xff\xc2\0\13\10\1\340\2\200\1\1\21\0"), 640, 480},
        {"jpeg, fill bytes", BYTES("\xff\xd8\xff\xff\xff\xc0\0\13\10\1\340\2\200\1\1\21\0"), 640, 480},
        {"jpeg, tables before the frame", BYTES("\xff\xd8\xff\xc4\0\2\xff\xc0\0\13\10\0\1\0\2\1\1\21\0"), 2, 1},
        {"jpeg, height left for later", BYTES("\xff\xd8\xff\xc0\0\13\10\0\0\2\200\1\1\21\0"), 0, 0},
        {"jpeg, scan before frame", BYTES("\xff\xd8\xff\xda\0\10\1\1\0\0\77\0"), 0, 0},
        {"jpeg, segment beyond the end", BYTES("\xff\xd8\xff\xe0\xff\xff"), 0, 0},
        {"jpeg, segment shorter than its length", BYTES("\xff\xd8\xff\xe0\0\1\xff\xc0"), 0, 0},
        {"jpeg, cut in the frame header", BYTES("\xff\xd8\xff\xc0\0\13\10\1\340\2"), 0, 0},
        {"gif", BYTES("GIF89a\1\0\1\0"), 0, 0},
        {"nothing", BYTES(""), 0, 0},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct picture_header header = {0};
        g_autoptr(GError) error = NULL;
        g_autofree uint8_t *exact = g_memdup2(cases[i].bytes, cases[i].length);
        g_test_message("%s", cases[i].name);
        g_assert_true(picture_header_read(exact, cases[i].length, &header, &error) == (cases[i].width_px > 0));
        if (cases[i].width_px == 0)
            g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID);
        else
            g_assert_true(header.width_px == cases[i].width_px && header.height_px == cases[i].height_px);
    }
}

#define FRAME "\xff\xc0\0\13\10\1\340\2\200\1\1\21\0"
#define SCAN "\xff\xda\0\10\1\1\0\0\77\0ab\xff\0cd"
#define CHUNK(length, name) "\0\0\0" length name

/* Of a picture that came over a bad line the decoder makes up the rest, and who is in it would not be counted. */
static void test_what_is_cut_off(void)
{
    static const char png[] = "\x89PNG\r\n\x1a\n" CHUNK("\4", "IDAT") "IENDcccc" CHUNK("\0", "IEND") "cccc";
    static const struct {
        const char *name, *bytes;
        size_t length;
        bool is_whole;
    } cases[] = {
        {"jpeg", BYTES("\xff\xd8" FRAME SCAN "\xff\xd9"), true},
        {"jpeg, more behind it", BYTES("\xff\xd8" FRAME SCAN "\xff\xd9\0\0\0\0"), true},
        {"jpeg, cut in its scan", BYTES("\xff\xd8" FRAME SCAN), false},
        {"jpeg, cut in its end", BYTES("\xff\xd8" FRAME SCAN "\xff"), false},
        {"jpeg, cut, with a small one in it", BYTES("\xff\xd8\xff\xe1\0\4\xff\xd9" FRAME SCAN), false},
        {"png", png, sizeof png - 1, true},
        {"png, more behind it", png, sizeof png, true},
        {"png, cut in its last chunk", png, sizeof png - 2, false},
        {"png, cut before it", png, sizeof png - 13, false},
        {"png, cut in its data", png, sizeof png - 18, false},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree uint8_t *exact = g_memdup2(cases[i].bytes, cases[i].length);
        g_test_message("%s", cases[i].name);
        g_assert_true(picture_is_whole(exact, cases[i].length, &error) == cases[i].is_whole);
        if (!cases[i].is_whole)
            g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID);
    }
}

#define EXIF(length, tiff) "\xff\xd8\xff\xe1\0" length "Exif\0\0" tiff FRAME
#define LITTLE "II*\0\10\0\0\0"
#define BIG "MM\0*\0\0\0\10"

/* What cannot be read says nothing, and refuses nothing. */
static void test_orientations(void)
{
    static const struct {
        const char *name, *bytes;
        size_t length;
        int orientation;
    } cases[] = {
        {"none", BYTES("\xff\xd8" FRAME), 1},
        {"little endian", BYTES(EXIF("\36", LITTLE "\1\0\x12\1\3\0\1\0\0\0\6\0\0\0")), 6},
        {"big endian", BYTES(EXIF("\36", BIG "\0\1\1\x12\0\3\0\0\0\1\0\10\0\0")), 8},
        {"behind another entry", BYTES(EXIF("\52", LITTLE "\2\0\17\1\3\0\1\0\0\0\7\0\0\0\x12\1\3\0\1\0\0\0\3\0\0\0")),
         3},
        {"0", BYTES(EXIF("\36", LITTLE "\1\0\x12\1\3\0\1\0\0\0\0\0\0\0")), 1},
        {"9", BYTES(EXIF("\36", LITTLE "\1\0\x12\1\3\0\1\0\0\0\11\0\0\0")), 1},
        {"another type", BYTES(EXIF("\36", LITTLE "\1\0\x12\1\4\0\1\0\0\0\6\0\0\0")), 1},
        {"more entries than there are", BYTES(EXIF("\36", LITTLE "\377\377\17\1\3\0\1\0\0\0\6\0\0\0")), 1},
        {"a directory beyond the segment", BYTES(EXIF("\22", "II*\0\377\377\377\377\1\0")), 1},
        {"a directory at the segment's end", BYTES(EXIF("\22", "II*\0\11\0\0\0\1\0")), 1},
        {"no directory", BYTES(EXIF("\20", LITTLE)), 1},
        {"no TIFF", BYTES(EXIF("\36", "XX*\0\10\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0")), 1},
        {"a name alone", BYTES(EXIF("\10", "")), 1},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct picture_header header;
        g_autoptr(GError) error = NULL;
        g_autofree uint8_t *exact = g_memdup2(cases[i].bytes, cases[i].length);
        g_test_message("%s", cases[i].name);
        g_assert_true(picture_header_read(exact, cases[i].length, &header, &error));
        g_assert_cmpint(header.orientation, ==, cases[i].orientation);
        g_assert_cmpint(header.width_px, ==, 640);
    }
}

static bool check_png(uint32_t width, uint32_t height)
{
    uint8_t bytes[24];
    struct picture_header header;
    memcpy(bytes, png_head, 16);
    for (int i = 0; i < 4; i++) {
        bytes[16 + i] = (uint8_t)(width >> (24 - 8 * i));
        bytes[20 + i] = (uint8_t)(height >> (24 - 8 * i));
    }
    return picture_header_check(bytes, sizeof bytes, 1000, 500000, &header, NULL);
}

static void test_bounds(void)
{
    g_assert_true(check_png(1000, 500));
    g_assert_false(check_png(1001, 1));
    g_assert_false(check_png(1, 1001));
    g_assert_false(check_png(1000, 501));
    g_assert_false(check_png(0, 1));
    g_assert_false(check_png(1, 0));
    g_assert_false(check_png(UINT32_MAX, UINT32_MAX));
    g_assert_false(check_png(INT32_MAX, INT32_MAX));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/picture_header/sizes", test_sizes);
    g_test_add_func("/picture_header/what is cut off", test_what_is_cut_off);
    g_test_add_func("/picture_header/orientations", test_orientations);
    g_test_add_func("/picture_header/bounds", test_bounds);
    return g_test_run();
}
