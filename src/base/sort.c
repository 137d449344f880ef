#include "base/sort.h"

#include <string.h>

enum { CHUNK_BYTES = 64 };

static void swap(char *a, char *b, size_t size)
{
    char chunk[CHUNK_BYTES];
    for (size_t done = 0; done < size; done += CHUNK_BYTES) {
        size_t length = size - done < CHUNK_BYTES ? size - done : CHUNK_BYTES;
        memcpy(chunk, a + done, length);
        memcpy(a + done, b + done, length);
        memcpy(b + done, chunk, length);
    }
}

/* Lets the item at `root` sink to where it is no less than what is below it. */
static void sink(char *items, size_t root, size_t count, size_t size, int (*compare)(const void *, const void *))
{
    for (size_t child; (child = 2 * root + 1) < count; root = child) {
        if (child + 1 < count && compare(items + child * size, items + (child + 1) * size) < 0)
            child++;
        if (compare(items + root * size, items + child * size) >= 0)
            return;
        swap(items + root * size, items + child * size, size);
    }
}

void sort_heap(void *items, size_t count, size_t size, int (*compare)(const void *, const void *))
{
    for (size_t root = count / 2; root-- > 0;)
        sink(items, root, count, size, compare);
    for (size_t last = count; last-- > 1;) {
        swap(items, (char *)items + last * size, size);
        sink(items, 0, last, size, compare);
    }
}

void sort_insertion(void *items, size_t count, size_t size, int (*compare)(const void *, const void *))
{
    for (size_t i = 1; i < count; i++)
        for (char *item = (char *)items + i * size; item > (char *)items && compare(item - size, item) > 0;
             item -= size)
            swap(item - size, item, size);
}
