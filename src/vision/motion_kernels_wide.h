/* The background and looks, several pixels at a time: the loops of motion_kernels_body.h in vectors, which give the
 * same bits because each lane does what the specification does for its pixel. No compiler makes these of the plain
 * loops.
 *
 * Included once for each instruction set, which first says:
 *   WIDE(name)     the name of this set's form of a function
 *   WIDE_FORM      attributes of its functions: target(…)
 *   WIDE_LANES     pixels at a time
 *   WIDE(floats), WIDE(ints)   types: so many floats, or int32_t, at any address of a float
 *   WIDE(bytes_to_ints)(from)  functions: so many bytes, each to a lane
 *   WIDE(mask_to_bytes)(to, mask)   each lane's lowest byte
 *   WIDE(any)(mask)   whether a lane is set */

WIDE_FORM static inline WIDE(floats) WIDE(load)(const float *from)
{
    return *(const WIDE(floats) *)from;
}

WIDE_FORM static inline void WIDE(store)(float *to, WIDE(floats) value)
{
    *(WIDE(floats) *)to = value;
}

WIDE_FORM static inline WIDE(floats) WIDE(bytes)(const uint8_t *from)
{
    return __builtin_convertvector(WIDE(bytes_to_ints)(from), WIDE(floats));
}

WIDE_FORM static inline WIDE(floats) WIDE(absolute)(WIDE(floats) value)
{
    return (WIDE(floats))((WIDE(ints))value & INT32_MAX);
}

WIDE_FORM static inline WIDE(floats) WIDE(masked)(WIDE(floats) value, WIDE(ints) mask)
{
    return (WIDE(floats))((WIDE(ints))value & mask);
}

WIDE_FORM static inline WIDE(floats) WIDE(either)(WIDE(ints) mask, WIDE(floats) yes, WIDE(floats) no)
{
    return (WIDE(floats))(((WIDE(ints))yes & mask) | ((WIDE(ints))no & ~mask));
}

WIDE_FORM static inline int32_t WIDE(sum)(WIDE(ints) lanes)
{
    int32_t sum = 0;
    for (int i = 0; i < WIDE_LANES; i++)
        sum += lanes[i];
    return sum;
}

WIDE_FORM static struct compare_result WIDE(compare)(uint8_t *foreground, const struct compare_rows *rows,
                                                     const struct compare_limits *limits, int count)
{
    const struct compare_limits at = *limits;
    WIDE(ints) differing = {0}, total = {0};
    int i = 0;
    for (; i + WIDE_LANES <= count; i += WIDE_LANES) {
        WIDE(floats) now = WIDE(bytes)(rows->planes[0] + i), mean = WIDE(load)(rows->means[0] + i);
        WIDE(floats) difference = WIDE(absolute)(now - mean);
        WIDE(floats)
        chroma = WIDE(absolute)(WIDE(bytes)(rows->planes[1] + i) - WIDE(load)(rows->means[1] + i)) +
                 WIDE(absolute)(WIDE(bytes)(rows->planes[2] + i) - WIDE(load)(rows->means[2] + i));
        WIDE(ints) whole = __builtin_convertvector(difference * DIFFERENCE_ONE + 0.5f, WIDE(ints));
        if (!WIDE(any)((difference > at.noise_floor) | (chroma > at.chroma))) { /* most of most pictures */
            memset(foreground + i, 0, WIDE_LANES);
            total += whole;
            continue;
        }
        WIDE(floats) share = at.base + at.relative * mean;
        WIDE(ints) is_shadow = (chroma < at.shadow_chroma) & (now < mean) & (now > mean * at.shadow);
        WIDE(ints) differs = (difference > share) & (difference > at.noise_floor) & ~is_shadow;
        differs |= chroma > at.chroma;
        WIDE(mask_to_bytes)(foreground + i, differs);
        differing -= differs;
        total += whole & ~differs;
    }
    const struct compare_rows rest = compare_rows_from(rows, i);
    struct compare_result result = compare_body(foreground + i, &rest, limits, count - i);
    return (struct compare_result){result.differing + WIDE(sum)(differing), result.difference + WIDE(sum)(total)};
}

WIDE_FORM static void WIDE(update)(float *means, const uint8_t *plane, const uint8_t *keep, float share, int count)
{
    int i = 0;
    for (; i + WIDE_LANES <= count; i += WIDE_LANES) {
        WIDE(floats) mean = WIDE(load)(means + i), moved = mean + share * (WIDE(bytes)(plane + i) - mean);
        WIDE(store)(means + i, WIDE(either)(WIDE(bytes_to_ints)(keep + i) != 0, mean, moved));
    }
    update_body(means + i, plane + i, keep + i, share, count - i);
}

WIDE_FORM static inline void WIDE(add_masked)(float *sums, WIDE(floats) value, WIDE(ints) mask)
{
    WIDE(store)(sums, WIDE(load)(sums) + WIDE(masked)(value, mask));
}

WIDE_FORM static void WIDE(try_cell)(const struct look_trial *trial, int offset, const struct look_cell *cell)
{
    _Static_assert(LOOK_LANES % WIDE_LANES == 0, "places fill whole vectors");
    const WIDE(floats) weight = (WIDE(floats)){0} + cell->weight, background = (WIDE(floats)){0} - 1;
    for (int row = 0; row < trial->rows; row++)
        for (int i = 0; i < trial->places; i += WIDE_LANES) {
            int from = offset + row * trial->stride + i, to = row * trial->places + i;
            WIDE(floats)
            apart = WIDE(absolute)(WIDE(bytes)(trial->planes[0] + from) - cell->colour[0]) +
                    WIDE(absolute)(WIDE(bytes)(trial->planes[1] + from) - cell->colour[1]) +
                    WIDE(absolute)(WIDE(bytes)(trial->planes[2] + from) - cell->colour[2]);
            WIDE(floats) likeness = 1 - apart * (1 / LOOK_SAME), least = (WIDE(floats)){0} - LOOK_OTHER;
            WIDE(ints) states = WIDE(bytes_to_ints)(trial->states + from), is_seen = states > LOOK_CLAIMED;
            likeness = WIDE(either)(likeness > least, likeness, least);
            WIDE(floats) value = WIDE(either)(states == LOOK_FREE, likeness, background);
            WIDE(add_masked)(trial->total + to, weight, states != LOOK_OUTSIDE);
            WIDE(add_masked)(trial->seen + to, weight, is_seen);
            WIDE(add_masked)(trial->fit + to, weight * value, is_seen);
        }
}
