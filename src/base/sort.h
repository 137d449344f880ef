/* Sorting without asking for memory, which the C library's qsort does for more than a kilobyte. `compare` is as for
 * qsort. Any thread.
 */
#pragma once

#include <stddef.h>

/* Heapsort: n log n, whatever the order was. Equals may change places: compare must tell apart what matters. */
void sort_heap(void *items, size_t count, size_t size, int (*compare)(const void *, const void *));

/* Insertion sort: equals keep their places. For few items, or such as are nearly in order. */
void sort_insertion(void *items, size_t count, size_t size, int (*compare)(const void *, const void *));
