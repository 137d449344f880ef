/* Facts: what rules are told about the picture as a whole, beside tracks. Plain numbers, quantised by whoever measures
 * them, so that a replay gives rules just what live gave them. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { PICTURE_REGIONS_MAX = 16, PICTURE_SHARE_ONE = 255, PICTURE_BOX_ONE = 4096 };

/* Something that stands still and is not what usually is there. */
struct picture_region {
    int16_t x, y, w, h; /* 1/PICTURE_BOX_ONE of the frame */
    bool is_taken;      /* what was there is gone, rather than that something came */
};

struct picture_facts {
    bool is_usual_known; /* false: shares below say nothing yet */
    uint8_t mean_luma;
    /* 1/PICTURE_SHARE_ONE, at most 1 */
    uint8_t edges, contrast; /* shares of the usual */
    uint8_t likeness;        /* share of the places with a pattern that still look as usual */
    int64_t repeated_us;     /* how long it was seen to be the same to the last bit; of an outage, a moment counts */
    struct picture_region regions[PICTURE_REGIONS_MAX]; /* the largest, from the top down */
    int region_count;
    int regions_shed; /* that rules look for, and that found no place among them */
};
