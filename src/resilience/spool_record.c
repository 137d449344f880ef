#include "resilience/spool_internal.h"

#include <errno.h>
#include <string.h>

#include "base/crc32c.h"

/* Version, priority, tenant's length, payload's length, two times, two check sums, then the tenant; little endian. */
enum {
    HEAD_VERSION = 1,
    AT_PRIORITY = 1,
    AT_TENANT_LENGTH = 2,
    AT_PAYLOAD_LENGTH = 4,
    AT_ENQUEUED = 8,
    AT_EXPIRES = 16,
    AT_PAYLOAD_CRC = 24,
    AT_HEAD_CRC = 28,
};

static void put(uint8_t *out, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        out[i] = (uint8_t)(value >> 8 * i);
}

static uint64_t get(const uint8_t *data, size_t bytes)
{
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; i++)
        value |= (uint64_t)data[i] << 8 * i;
    return value;
}

static uint32_t head_crc(const uint8_t *head, size_t length, uint64_t file_number, uint32_t row)
{
    uint8_t place[sizeof file_number + sizeof row];
    put(place, file_number, sizeof file_number);
    put(place + sizeof file_number, row, sizeof row);
    uint32_t crc = crc32c(0, place, sizeof place);
    crc = crc32c(crc, head, AT_HEAD_CRC);
    return crc32c(crc, head + SPOOL_HEAD_FIXED_BYTES, length - SPOOL_HEAD_FIXED_BYTES);
}

size_t spool_head_encode(const struct spool_head *head, uint64_t file_number, uint32_t row,
                         uint8_t out[SPOOL_HEAD_MAX_BYTES])
{
    size_t tenant_length = strlen(head->tenant), length = SPOOL_HEAD_FIXED_BYTES + tenant_length;
    out[0] = HEAD_VERSION;
    out[AT_PRIORITY] = (uint8_t)head->priority;
    put(out + AT_TENANT_LENGTH, tenant_length, 2);
    put(out + AT_PAYLOAD_LENGTH, head->payload_length, 4);
    put(out + AT_ENQUEUED, (uint64_t)head->enqueued_at_ms, 8);
    put(out + AT_EXPIRES, (uint64_t)head->expires_at_ms, 8);
    put(out + AT_PAYLOAD_CRC, head->payload_crc, 4);
    memcpy(out + SPOOL_HEAD_FIXED_BYTES, head->tenant, tenant_length);
    put(out + AT_HEAD_CRC, head_crc(out, length, file_number, row), 4);
    return length;
}

bool spool_head_decode(const void *data, size_t length, uint64_t file_number, uint32_t row, struct spool_head *head)
{
    const uint8_t *in = data;
    if (length <= SPOOL_HEAD_FIXED_BYTES || length > SPOOL_HEAD_MAX_BYTES || in[0] != HEAD_VERSION ||
        in[AT_PRIORITY] >= VEDETTE_SPOOL_PRIORITIES ||
        get(in + AT_TENANT_LENGTH, 2) != length - SPOOL_HEAD_FIXED_BYTES ||
        get(in + AT_HEAD_CRC, 4) != head_crc(in, length, file_number, row))
        return false;
    *head = (struct spool_head){
        .priority = in[AT_PRIORITY],
        .payload_length = (uint32_t)get(in + AT_PAYLOAD_LENGTH, 4),
        .payload_crc = (uint32_t)get(in + AT_PAYLOAD_CRC, 4),
        .enqueued_at_ms = (int64_t)get(in + AT_ENQUEUED, 8),
        .expires_at_ms = (int64_t)get(in + AT_EXPIRES, 8),
    };
    memcpy(head->tenant, in + SPOOL_HEAD_FIXED_BYTES, length - SPOOL_HEAD_FIXED_BYTES);
    return strlen(head->tenant) == length - SPOOL_HEAD_FIXED_BYTES && head->payload_length > 0;
}

/* ---- names ---- */

static const char suffix[] = ".spool";
enum { NUMBER_DIGITS = 16 };

char *spool_name_stem(uint64_t number)
{
    return g_strdup_printf("%0*" G_GINT64_MODIFIER "x", NUMBER_DIGITS, number);
}

char *spool_name_format(const struct spool_name *name)
{
    g_autofree char *stem = spool_name_stem(name->number);
    if (!name->is_sealed)
        return g_strconcat(stem, suffix, NULL);
    return g_strdup_printf("%s-%u-%u-%" G_GINT64_FORMAT "%s", stem, name->rows, name->live, name->live_bytes, suffix);
}

/* Digits and nothing else, as they are written by us. */
static bool parse_number(const char **text, unsigned base, uint64_t most, uint64_t *value)
{
    const char *from = *text;
    char *end = NULL;
    if (!g_ascii_isxdigit(*from))
        return false;
    errno = 0;
    *value = g_ascii_strtoull(from, &end, base);
    *text = end;
    return errno == 0 && end != from && *value <= most;
}

bool spool_name_parse(const char *text, struct spool_name *name)
{
    uint64_t number, rows = 0, live = 0, bytes = 0;
    const char *rest = text;
    *name = (struct spool_name){0};
    if (!parse_number(&rest, 16, INT64_MAX, &number) || rest - text != NUMBER_DIGITS || number == 0)
        return false;
    if (*rest == '-') {
        rest++;
        bool is_good = parse_number(&rest, 10, UINT32_MAX, &rows) && *rest++ == '-' &&
                       parse_number(&rest, 10, rows, &live) && *rest++ == '-' &&
                       parse_number(&rest, 10, INT64_MAX, &bytes);
        if (!is_good)
            return false;
        name->is_sealed = true;
    }
    name->number = number;
    name->rows = (uint32_t)rows;
    name->live = (uint32_t)live;
    name->live_bytes = (int64_t)bytes;
    return strcmp(rest, suffix) == 0;
}
