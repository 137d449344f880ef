#include "base/id.h"

#include <glib.h>
#include <stdio.h>
#include <sys/random.h>

/* RFC 9562 section 5.7: 48 bits of Unix milliseconds, version, 12 random bits, variant, 62 random bits. */
static void write_text(int64_t ms, uint8_t bytes[16], char text[ID_TEXT_BYTES])
{
    for (int i = 0; i < 6; i++)
        bytes[i] = (uint8_t)((uint64_t)ms >> (40 - 8 * i));
    bytes[6] = 0x70 | (bytes[6] & 0x0f);
    bytes[8] = 0x80 | (bytes[8] & 0x3f);
    static const char digits[] = "0123456789abcdef";
    char *out = text;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *out++ = '-';
        *out++ = digits[bytes[i] >> 4];
        *out++ = digits[bytes[i] & 15];
    }
    *out = '\0';
}

void id_write(struct clock *clock, char text[ID_TEXT_BYTES])
{
    uint8_t bytes[16];
    while (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        ; /* only a signal before the pool is ready interrupts so small a read */
    write_text(clock_wall_ms(clock), bytes, text);
}

void id_write_named(int64_t ms, const char *words, char text[ID_TEXT_BYTES])
{
    uint8_t digest[32];
    gsize length = sizeof digest;
    GChecksum *checksum = g_checksum_new(G_CHECKSUM_SHA256);
    g_checksum_update(checksum, (const guchar *)words, -1);
    g_checksum_get_digest(checksum, digest, &length);
    g_checksum_free(checksum);
    write_text(ms, digest, text);
}

char *id_new(struct clock *clock)
{
    char *text = g_malloc(ID_TEXT_BYTES);
    id_write(clock, text);
    return text;
}

bool id_is_valid(const char *text)
{
    if (!text)
        return false;
    for (int i = 0; i < ID_TEXT_BYTES - 1; i++) {
        bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
        bool is_hex = (text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f');
        if (is_dash ? text[i] != '-' : !is_hex)
            return false;
    }
    return text[ID_TEXT_BYTES - 1] == '\0';
}
