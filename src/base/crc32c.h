/* CRC-32C (Castagnoli; RFC 3720, appendix B.4): by the processor's instruction where it has one, else by table. Any
 * thread. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Continues `crc` (0 to begin) over `length` bytes. */
uint32_t crc32c(uint32_t crc, const void *data, size_t length);
/* The same by table alone: what the instruction is held against. */
uint32_t crc32c_scalar(uint32_t crc, const void *data, size_t length);
