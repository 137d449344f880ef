#include "analytics/range_coder.h"

static const uint32_t range_top = 1U << 24;

/* ---- bits ---- */

void range_writer_init(struct range_writer *writer, GByteArray *bytes)
{
    *writer = (struct range_writer){.bytes = bytes, .range = UINT32_MAX, .pending = 1};
}

/* Puts out the highest byte of `low`, with a carry into the bytes that waited for it. */
static void shift_low(struct range_writer *writer)
{
    const uint64_t carry_bit = UINT64_C(1) << 32;
    if (writer->low < (carry_bit - range_top) || writer->low >= carry_bit) {
        uint8_t carry = (uint8_t)(writer->low >> 32);
        for (uint8_t byte = writer->cache; writer->pending > 0; writer->pending--) {
            guint8 out = (guint8)(byte + carry);
            g_byte_array_append(writer->bytes, &out, 1);
            byte = UINT8_MAX;
        }
        writer->cache = (uint8_t)(writer->low >> 24);
    }
    writer->pending++;
    writer->low = (writer->low & (range_top - 1)) << 8;
}

static void grow(struct range_writer *writer)
{
    while (writer->range < range_top) {
        writer->range <<= 8;
        shift_low(writer);
    }
}

static void learn(range_bit *context, bool bit)
{
    const int one = 1 << RANGE_BITS;
    if (bit) {
        context->quick -= (uint16_t)(context->quick >> RANGE_QUICK_SHIFT);
        context->slow -= (uint16_t)(context->slow >> RANGE_SLOW_SHIFT);
    } else {
        context->quick += (uint16_t)((one - context->quick) >> RANGE_QUICK_SHIFT);
        context->slow += (uint16_t)((one - context->slow) >> RANGE_SLOW_SHIFT);
    }
}

/* Neither bit may be taken for impossible. */
static uint32_t bound_of(uint32_t range, const range_bit *context)
{
    const uint32_t least = 32, one = 1 << RANGE_BITS;
    uint32_t probability = ((uint32_t)context->quick + context->slow) / 2;
    return (range >> RANGE_BITS) * CLAMP(probability, least, one - least);
}

void range_write_bit(struct range_writer *writer, range_bit *context, bool bit)
{
    uint32_t bound = bound_of(writer->range, context);
    if (bit) {
        writer->low += bound;
        writer->range -= bound;
    } else {
        writer->range = bound;
    }
    learn(context, bit);
    grow(writer);
}

void range_write_plain(struct range_writer *writer, uint32_t bits, int count)
{
    for (int i = count - 1; i >= 0; i--) {
        writer->range >>= 1;
        if (bits >> i & 1)
            writer->low += writer->range;
        grow(writer);
    }
}

void range_writer_finish(struct range_writer *writer)
{
    for (int i = 0; i < 5; i++)
        shift_low(writer);
}

static uint8_t next_byte(struct range_reader *reader)
{
    if (reader->at < reader->end)
        return *reader->at++;
    reader->is_past_end = true;
    return 0;
}

void range_reader_init(struct range_reader *reader, const void *bytes, size_t length)
{
    *reader = (struct range_reader){.at = bytes, .end = (const uint8_t *)bytes + length, .range = UINT32_MAX};
    for (int i = 0; i < 5; i++)
        reader->code = reader->code << 8 | next_byte(reader);
}

static void refill(struct range_reader *reader)
{
    while (reader->range < range_top) {
        reader->range <<= 8;
        reader->code = reader->code << 8 | next_byte(reader);
    }
}

bool range_read_bit(struct range_reader *reader, range_bit *context)
{
    uint32_t bound = bound_of(reader->range, context);
    bool bit = reader->code >= bound;
    if (bit) {
        reader->code -= bound;
        reader->range -= bound;
    } else {
        reader->range = bound;
    }
    learn(context, bit);
    refill(reader);
    return bit;
}

uint32_t range_read_plain(struct range_reader *reader, int count)
{
    uint32_t bits = 0;
    for (int i = 0; i < count; i++) {
        reader->range >>= 1;
        bool bit = reader->code >= reader->range;
        if (bit)
            reader->code -= reader->range;
        bits = bits << 1 | bit;
        refill(reader);
    }
    return bits;
}

/* ---- whole numbers ---- */

void range_bits_init(range_bit *contexts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        contexts[i] = (range_bit){RANGE_EVEN, RANGE_EVEN};
}

void range_numbers_init(struct range_number *numbers, size_t count)
{
    range_bits_init((range_bit *)numbers, count * (sizeof *numbers / sizeof(range_bit)));
}

static int bit_length(uint64_t value)
{
    return 64 - __builtin_clzll(value);
}

void range_write_number(struct range_writer *writer, struct range_number *number, int64_t value)
{
    range_write_bit(writer, &number->zero, value != 0);
    if (value == 0)
        return;
    uint64_t magnitude = (uint64_t)(value < 0 ? -value : value);
    int length = bit_length(magnitude);
    range_write_bit(writer, &number->sign, value < 0);
    for (int i = 1; i < length; i++)
        range_write_bit(writer, &number->length[i], true);
    range_write_bit(writer, &number->length[length], false);
    if (length < 2)
        return;
    range_write_bit(writer, &number->next[length], magnitude >> (length - 2) & 1);
    range_write_plain(writer, (uint32_t)(magnitude & ((UINT64_C(1) << (length - 2)) - 1)), length - 2);
}

int64_t range_read_number(struct range_reader *reader, struct range_number *number)
{
    int length = 1;
    if (!range_read_bit(reader, &number->zero))
        return 0;
    bool is_negative = range_read_bit(reader, &number->sign);
    while (length < RANGE_MAGNITUDES - 1 && range_read_bit(reader, &number->length[length]))
        length++;
    uint64_t magnitude = 1;
    if (length >= 2)
        magnitude = magnitude << 1 | range_read_bit(reader, &number->next[length]);
    if (length > 2)
        magnitude = magnitude << (length - 2) | range_read_plain(reader, length - 2);
    return is_negative ? -(int64_t)magnitude : (int64_t)magnitude;
}
