/* Blocks of one size that are given back on one thread and taken on another, over and over, as pictures come and go: a
 * few are kept, so that after warm-up the path asks for no memory. No lock: a place is taken by an exchange, whoever is
 * first. A struct spares is static, zero at first, and never freed. Any thread.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

enum { SPARES_MAX = 32 }; /* beyond, blocks are freed: more are in use at once than a machine decodes pictures */

struct spares {
    void *blocks[SPARES_MAX]; /* atomic */
};

/* AddressSanitizer is to see who uses a block that was given back. */
#ifdef __SANITIZE_ADDRESS__
enum { SPARES_ARE_WATCHED = true };
#else
enum { SPARES_ARE_WATCHED = false };
#endif

/* A block of `bytes`, the same for all of them; what is in it is left from before. spares_give or g_free. */
static inline void *spares_take(struct spares *spares, size_t bytes)
{
    for (int i = 0; i < SPARES_MAX; i++) {
        void *block = __atomic_load_n(&spares->blocks[i], __ATOMIC_RELAXED)
                          ? __atomic_exchange_n(&spares->blocks[i], NULL, __ATOMIC_ACQUIRE)
                          : NULL;
        if (block)
            return block;
    }
    return g_malloc(bytes);
}

/* The block is no longer the caller's. */
static inline void spares_give(struct spares *spares, void *block)
{
    for (int i = 0; i < SPARES_MAX && !SPARES_ARE_WATCHED; i++) {
        void *none = NULL;
        if (!__atomic_load_n(&spares->blocks[i], __ATOMIC_RELAXED) &&
            __atomic_compare_exchange_n(&spares->blocks[i], &none, block, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
            return;
    }
    g_free(block);
}
