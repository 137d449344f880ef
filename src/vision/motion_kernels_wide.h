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

#undef WIDE_BLOCK
#define WIDE_BLOCK (4 * WIDE_LANES) /* pixels that are asked together whether they are to be kept */

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

/* Of LIGHT_SAMPLE_STEP vectors each holds the pixels to look at in other lanes, and together they fill one: five shares
 * no factor with a vector's lanes. */
WIDE_FORM static inline WIDE(ints) WIDE(lanes_looked_at)(int vector)
{
    WIDE(ints) mask = {0};
    for (int lane = 0; lane < WIDE_LANES; lane++)
        mask[lane] = (vector * WIDE_LANES + lane) % LIGHT_SAMPLE_STEP == 0 ? -1 : 0;
    return mask;
}

WIDE_FORM static struct light_counts WIDE(count_light)(const float *means, const uint8_t *luma, float low, float high,
                                                       int count)
{
    _Static_assert(WIDE_LANES % LIGHT_SAMPLE_STEP != 0, "lanes are filled once each");
    WIDE(ints) samples = {0}, below = {0}, above = {0}, looked_at[LIGHT_SAMPLE_STEP];
    for (int vector = 0; vector < LIGHT_SAMPLE_STEP; vector++)
        looked_at[vector] = WIDE(lanes_looked_at)(vector);
    int i = 0;
    for (; i + LIGHT_SAMPLE_STEP * WIDE_LANES <= count; i += LIGHT_SAMPLE_STEP * WIDE_LANES) {
        WIDE(floats) mean = WIDE(load)(means + i);
        WIDE(ints) now = WIDE(bytes_to_ints)(luma + i);
        for (int vector = 1, at = i + WIDE_LANES; vector < LIGHT_SAMPLE_STEP; vector++, at += WIDE_LANES) {
            mean = WIDE(either)(looked_at[vector], WIDE(load)(means + at), mean);
            now = (WIDE(bytes_to_ints)(luma + at) & looked_at[vector]) | (now & ~looked_at[vector]);
        }
        WIDE(ints) is_sample = (mean >= LIGHT_DARK) & (now <= LIGHT_BRIGHT);
        WIDE(floats) scaled = __builtin_convertvector(now, WIDE(floats)) * LIGHT_ONE;
        samples -= is_sample;
        below -= is_sample & (scaled < mean * low);
        above -= is_sample & (scaled >= mean * high);
    }
    struct light_counts rest = count_light_body(means, luma, low, high, i, count);
    return (struct light_counts){rest.samples + WIDE(sum)(samples), rest.below + WIDE(sum)(below),
                                 rest.above + WIDE(sum)(above)};
}

WIDE_FORM static inline WIDE(floats) WIDE(moved)(const float *means, const uint8_t *plane, float share)
{
    WIDE(floats) mean = WIDE(load)(means);
    return mean + share * (WIDE(bytes)(plane) - mean);
}

/* Whether none of WIDE_BLOCK bytes is set. */
static inline bool WIDE(is_clear)(const uint8_t *bytes)
{
    uint64_t eight, any = 0;
    for (size_t i = 0; i < WIDE_BLOCK; i += sizeof eight) {
        memcpy(&eight, bytes + i, sizeof eight);
        any |= eight;
    }
    return any == 0;
}

WIDE_FORM static void WIDE(update)(float *means, const uint8_t *plane, const uint8_t *keep, float share, int count)
{
    int i = 0;
    for (; i + WIDE_BLOCK <= count; i += WIDE_BLOCK) {
        const bool is_clear = WIDE(is_clear)(keep + i); /* most of most pictures */
        for (int at = i; at < i + WIDE_BLOCK; at += WIDE_LANES) {
            WIDE(floats) moved = WIDE(moved)(means + at, plane + at, share);
            if (!is_clear)
                moved = WIDE(either)(WIDE(bytes_to_ints)(keep + at) != 0, WIDE(load)(means + at), moved);
            WIDE(store)(means + at, moved);
        }
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
