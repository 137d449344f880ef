#include "base/crc32c.h"

#include <pthread.h>
#include <string.h>

#include "base/cpu.h"

#if defined(__x86_64__)
#include <nmmintrin.h>
#elif defined(__aarch64__)
#include <arm_acle.h>
#endif

enum { TABLE_SIZE = 256 };

static const uint32_t polynomial = 0x82f63b78; /* reflected */
static uint32_t table[TABLE_SIZE];
static bool has_instruction;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void prepare(void)
{
    for (uint32_t i = 0; i < TABLE_SIZE; i++) {
        uint32_t value = i;
        for (int bit = 0; bit < 8; bit++)
            value = value >> 1 ^ (value & 1 ? polynomial : 0);
        table[i] = value;
    }
    has_instruction = cpu_has(CPU_CRC32C);
}

uint32_t crc32c_scalar(uint32_t crc, const void *data, size_t length)
{
    const uint8_t *bytes = data;
    pthread_once(&once, prepare);
    crc = ~crc;
    for (size_t i = 0; i < length; i++)
        crc = crc >> 8 ^ table[(crc ^ bytes[i]) & 0xff];
    return ~crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t by_instruction(uint32_t crc, const uint8_t *bytes, size_t length)
{
    uint64_t value = (uint32_t)~crc;
    for (; length >= sizeof(uint64_t); bytes += sizeof(uint64_t), length -= sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, bytes, sizeof word);
        value = _mm_crc32_u64(value, word);
    }
    for (; length; bytes++, length--)
        value = _mm_crc32_u8((uint32_t)value, *bytes);
    return ~(uint32_t)value;
}
#elif defined(__aarch64__)
__attribute__((target("+crc"))) static uint32_t by_instruction(uint32_t crc, const uint8_t *bytes, size_t length)
{
    uint32_t value = ~crc;
    for (; length >= sizeof(uint64_t); bytes += sizeof(uint64_t), length -= sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, bytes, sizeof word);
        value = __crc32cd(value, word);
    }
    for (; length; bytes++, length--)
        value = __crc32cb(value, *bytes);
    return ~value;
}
#else
static uint32_t by_instruction(uint32_t crc, const uint8_t *bytes, size_t length)
{
    return crc32c_scalar(crc, bytes, length);
}
#endif

uint32_t crc32c(uint32_t crc, const void *data, size_t length)
{
    pthread_once(&once, prepare);
    return has_instruction ? by_instruction(crc, data, length) : crc32c_scalar(crc, data, length);
}
