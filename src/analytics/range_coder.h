/* An adaptive binary range coder, as in LZMA (Igor Pavlov's specification, "Range Coder"), with whole numbers on top of
 * it: each bit is coded with what its own context has seen so far, so that what is likely costs next to nothing.
 *
 * Reading never goes past its bytes: behind the end it reads zeros and says so.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

/* A context: the probability of 0, of 1 << RANGE_BITS, as two memories have it, one quick and one long; their mean
 * counts. */
typedef struct {
    uint16_t quick, slow;
} range_bit;
enum { RANGE_BITS = 15, RANGE_QUICK_SHIFT = 4, RANGE_SLOW_SHIFT = 7, RANGE_EVEN = 1 << (RANGE_BITS - 1) };
void range_bits_init(range_bit *contexts, size_t count);

struct range_writer {
    GByteArray *bytes; /* borrowed; appended to */
    uint64_t low;
    uint32_t range;
    uint8_t cache;
    uint64_t pending; /* bytes 0xff that a carry may still change, and the cache before them */
};
void range_writer_init(struct range_writer *writer, GByteArray *bytes);
void range_write_bit(struct range_writer *writer, range_bit *context, bool bit);
/* `count` bits that nothing is known of, highest first; 0..32. */
void range_write_plain(struct range_writer *writer, uint32_t bits, int count);
/* Writes what is still held back. */
void range_writer_finish(struct range_writer *writer);

struct range_reader {
    const uint8_t *at, *end;
    uint32_t range, code;
    bool is_past_end;
};
void range_reader_init(struct range_reader *reader, const void *bytes, size_t length);
bool range_read_bit(struct range_reader *reader, range_bit *context);
uint32_t range_read_plain(struct range_reader *reader, int count);

/* Contexts of a whole number: zero, its sign, how many bits, and the bit below the highest. */
enum { RANGE_MAGNITUDES = 34 };
struct range_number {
    range_bit zero, sign, length[RANGE_MAGNITUDES], next[RANGE_MAGNITUDES];
};
/* Every context even. */
void range_numbers_init(struct range_number *numbers, size_t count);
/* |value| < 2^32. */
void range_write_number(struct range_writer *writer, struct range_number *number, int64_t value);
int64_t range_read_number(struct range_reader *reader, struct range_number *number);
