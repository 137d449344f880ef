/* Randomness, injected: xoshiro256** (Blackman and Vigna, 2018), seeded by SplitMix64. Not for secrets (libsodium is).
 * One thread at a time per generator.
 */
#pragma once

#include <stdint.h>

struct random {
    uint64_t state[4];
};

void random_init(struct random *random, uint64_t seed);
/* Seeds from the kernel's getrandom(2). */
void random_init_system(struct random *random);
uint64_t random_next(struct random *random);
/* Uniform in [0, 1). */
double random_uniform(struct random *random);
/* Uniform integer in [low, high], both included. */
int64_t random_range(struct random *random, int64_t low, int64_t high);
/* Mean 0, standard deviation 1 (Marsaglia's polar method). */
double random_normal(struct random *random);
