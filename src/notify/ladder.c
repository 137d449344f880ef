#include "notify/notify_internal.h"

#include <math.h>

int64_t ladder_wait_us(const struct ladder *ladder, unsigned tries, uint64_t random)
{
    if (tries == 0 || tries > ladder->count)
        return -1;
    double uniform = ldexp((double)(random >> 11), -53); /* [0, 1), as random_uniform makes it */
    double seconds = ladder->seconds[tries - 1] * (1 + ladder->jitter * (2 * uniform - 1));
    return (int64_t)(seconds * G_USEC_PER_SEC);
}

unsigned ladder_tries_at_age(const struct ladder *ladder, int64_t age_ms)
{
    double age_seconds = (double)age_ms / 1000;
    unsigned tries = 0;
    while (tries + 1 < ladder->count && age_seconds >= ladder->seconds[tries])
        age_seconds -= ladder->seconds[tries++];
    return tries;
}

int64_t ladder_longest_us(const struct ladder *ladder)
{
    double longest = 0;
    for (size_t i = 0; i < ladder->count; i++)
        longest = fmax(longest, ladder->seconds[i]);
    return (int64_t)(longest * G_USEC_PER_SEC);
}
