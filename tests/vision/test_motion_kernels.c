/* Each form of motion's kernels gives what the portable one gives, on random data, at any length and address. */
#include "base/cpu.h"
#include "base/random.h"
#include "vision/motion_internal.h"

#include <string.h>

enum { LONGEST = 333, SLACK = 64, TRIALS = 100 };

struct world {
    struct random random;
    const struct motion_kernels *fast;
    int length, offset;
};

static void fill(struct random *random, void *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        ((uint8_t *)bytes)[i] = (uint8_t)random_next(random);
}

static void fill_means(struct random *random, float *means, size_t count)
{
    for (size_t i = 0; i < count; i++)
        means[i] = (float)(UINT8_MAX * random_uniform(random));
}

/* Runs a check with every set of instructions there is. */
static void with_each_form(void (*check)(struct world *world))
{
    struct world world;
    random_init(&world.random, 3);
    for (const struct cpu_set *set = NULL; (set = cpu_next_set(set));) {
        cpu_limit(set->features);
        world.fast = motion_kernels_choose();
        for (int trial = 0; trial < TRIALS; trial++) {
            world.length = (int)random_range(&world.random, 0, LONGEST);
            world.offset = (int)random_range(&world.random, 0, 7);
            check(&world);
        }
    }
    cpu_limit(~0U);
}

static void check_sums(struct world *world)
{
    enum { ROWS = 9 };
    g_autofree uint8_t *pixels = g_malloc(ROWS * 3 * LONGEST);
    uint16_t expected[LONGEST] = {0}, found[LONGEST] = {0};
    fill(&world->random, pixels, ROWS * 3 * LONGEST);
    const struct pixel_rows rows = {pixels + world->offset, 2 * LONGEST + (int)random_range(&world->random, 8, 77),
                                    (int)random_range(&world->random, 1, ROWS), 100};
    motion_kernels_portable.sum_rows(expected, &rows, world->length);
    world->fast->sum_rows(found, &rows, world->length);
    g_assert_cmpmem(expected, sizeof expected, found, sizeof found);
    motion_kernels_portable.sum_row_pairs(expected, &rows, world->length);
    world->fast->sum_row_pairs(found, &rows, world->length);
    g_assert_cmpmem(expected, sizeof expected, found, sizeof found);
}

static void test_rows_are_summed_alike(void)
{
    with_each_form(check_sums);
}

static void check_averages(struct world *world)
{
    bool is_threes = random_range(&world->random, 0, 1); /* which have loops of their own */
    int size = is_threes ? 3 : (int)random_range(&world->random, 1, GROUP_SIZE_MAX + 3);
    int step = is_threes ? 1 : (int)random_range(&world->random, 1, 2);
    int rows = (int)random_range(&world->random, 1, GROUP_SIZE_MAX + 3);
    size_t count = (size_t)(world->length * size * step);
    g_autofree uint16_t *sums = g_new0(uint16_t, count + GROUP_SLACK);
    uint8_t expected[LONGEST] = {0}, found[LONGEST] = {0};
    struct group_plan plan;
    group_plan_init(&plan, size, step, (int)random_range(&world->random, 0, step - 1), size * rows);
    for (size_t i = 0; i < count; i++)
        sums[i] = (uint16_t)random_range(&world->random, 0, UINT8_MAX * rows);
    motion_kernels_portable.average_groups(expected, sums, &plan, world->length);
    world->fast->average_groups(found, sums, &plan, world->length);
    g_assert_cmpmem(expected, sizeof expected, found, sizeof found);
}

static void test_groups_are_averaged_alike(void)
{
    with_each_form(check_averages);
}

static void check_background(struct world *world)
{
    static const float shares[] = {0.02f, 0.0001f, 1};
    float means[3][LONGEST + SLACK], moved[2][LONGEST + SLACK];
    uint8_t planes[3][LONGEST + SLACK], expected[LONGEST] = {0}, found[LONGEST] = {0};
    const struct compare_limits limits = {
        (float)random_range(&world->random, 0, 30), 5, (float)random_range(&world->random, 0, 20) / 100,
        (float)random_range(&world->random, 0, 60), 5, 0.7f};
    struct compare_rows rows;
    int near = random_range(&world->random, 0, 1) ? 1 : 2; /* all, or half of them near their mean */
    for (int i = 0; i < 3; i++) {
        fill_means(&world->random, means[i], LONGEST + SLACK);
        fill(&world->random, planes[i], LONGEST + SLACK);
        for (int x = 0; x < LONGEST; x += near)
            planes[i][x] = (uint8_t)CLAMP((int)means[i][x] + (int)random_range(&world->random, 0, 30) - 15, 0, 255);
        rows.means[i] = means[i] + world->offset;
        rows.planes[i] = planes[i] + world->offset;
    }
    struct compare_result a = motion_kernels_portable.compare(expected, &rows, &limits, world->length);
    struct compare_result b = world->fast->compare(found, &rows, &limits, world->length);
    g_assert_cmpmem(expected, sizeof expected, found, sizeof found);
    g_assert_cmpint(a.differing, ==, b.differing);
    g_assert_cmpint(a.difference, ==, b.difference);
    float share = shares[random_range(&world->random, 0, G_N_ELEMENTS(shares) - 1)];
    memcpy(moved[0], means[0], sizeof moved[0]);
    memcpy(moved[1], means[0], sizeof moved[1]);
    motion_kernels_portable.update(moved[0] + world->offset, rows.planes[0], expected, share, world->length);
    world->fast->update(moved[1] + world->offset, rows.planes[0], expected, share, world->length);
    g_assert_cmpmem(moved[0], sizeof moved[0], moved[1], sizeof moved[1]);
}

static void test_the_background_is_compared_and_moved_alike(void)
{
    with_each_form(check_background);
}

static void check_light(struct world *world)
{
    float means[LONGEST + SLACK];
    uint8_t luma[LONGEST + SLACK];
    fill_means(&world->random, means, LONGEST + SLACK);
    fill(&world->random, luma, LONGEST + SLACK);
    for (int i = 0; i < LONGEST; i += 2) /* half of them near their mean */
        luma[i] = (uint8_t)CLAMP((int)means[i] + (int)random_range(&world->random, 0, 4) - 2, 0, 255);
    struct light_counts expected =
        motion_kernels_portable.count_light(means + world->offset, luma + world->offset, 254, 258, world->length);
    struct light_counts found =
        world->fast->count_light(means + world->offset, luma + world->offset, 254, 258, world->length);
    g_assert_cmpint(found.samples, ==, expected.samples);
    g_assert_cmpint(found.below, ==, expected.below);
    g_assert_cmpint(found.above, ==, expected.above);
}

static void test_light_is_counted_alike(void)
{
    with_each_form(check_light);
}

/* Neither the dark nor the overexposed are looked at, of the others every fifth, and bounds are as they say. */
static void test_light_is_counted_of_what_tells(void)
{
    float means[4 * LIGHT_SAMPLE_STEP] = {0};
    uint8_t luma[4 * LIGHT_SAMPLE_STEP] = {0};
    for (int i = 0; i < 4; i++)
        means[i * LIGHT_SAMPLE_STEP] = i == 3 ? LIGHT_DARK - 1 : 100;
    luma[0] = 99;
    luma[LIGHT_SAMPLE_STEP] = 101;
    luma[2 * LIGHT_SAMPLE_STEP] = LIGHT_BRIGHT + 1;
    struct light_counts found = motion_kernels_portable.count_light(means, luma, 254, 258, 4 * LIGHT_SAMPLE_STEP);
    g_assert_cmpint(found.samples, ==, 2);
    g_assert_cmpint(found.below, ==, 1);
    g_assert_cmpint(found.above, ==, 1);
}

static void check_threes(struct world *world)
{
    uint8_t pixels[3 * LONGEST + SLACK], expected[LONGEST] = {0}, found[LONGEST] = {0};
    fill(&world->random, pixels, sizeof pixels);
    memset(pixels, random_range(&world->random, 0, 1) ? UINT8_MAX : 0, 3 * LONGEST / 2);
    motion_kernels_portable.average_threes(expected, pixels + world->offset, 0, world->length);
    world->fast->average_threes(found, pixels + world->offset, 0, world->length);
    g_assert_cmpmem(expected, sizeof expected, found, sizeof found);
}

/* No sum of three pixels is divided otherwise by any form. */
static void test_threes_are_averaged_alike(void)
{
    enum { SUMS = 3 * UINT8_MAX + 1 };
    uint8_t pixels[3 * SUMS + SLACK], found[SUMS];
    with_each_form(check_threes);
    for (int sum = 0; sum < SUMS; sum++)
        for (int i = 0; i < 3; i++)
            pixels[3 * sum + i] = (uint8_t)((sum + i) / 3);
    for (const struct cpu_set *set = NULL; (set = cpu_next_set(set));) {
        cpu_limit(set->features);
        motion_kernels_choose()->average_threes(found, pixels, 0, SUMS);
        for (int sum = 0; sum < SUMS; sum++)
            g_assert_cmpint(found[sum], ==, (sum + 1) / 3);
    }
    cpu_limit(~0U);
}

static void check_looks(struct world *world)
{
    enum { STRIDE = 71, ROWS = 9, PLACES = 40, ALL = ROWS * PLACES };
    uint8_t planes[3][STRIDE * (ROWS + 1)], states[STRIDE * (ROWS + 1)];
    float expected[3 * ALL] = {0}, found[3 * ALL] = {0};
    for (int i = 0; i < 3; i++)
        fill(&world->random, planes[i], sizeof planes[i]);
    for (size_t i = 0; i < sizeof states; i++)
        states[i] = (uint8_t)random_range(&world->random, LOOK_OUTSIDE, LOOK_FREE);
    struct look_trial trial = {{planes[0], planes[1], planes[2]}, states, STRIDE, ROWS, PLACES, NULL, NULL, NULL};
    for (int i = 0; i < 50; i++) {
        const struct look_cell cell = {0,
                                       0,
                                       (float)random_range(&world->random, 0, 100) / 100,
                                       {planes[0][i] + 0.3f, planes[1][i], planes[2][i] - 0.7f}};
        int offset = (int)random_range(&world->random, 0, STRIDE - PLACES);
        for (int form = 0; form < 2; form++) {
            float *results = form ? found : expected;
            trial.total = results;
            trial.seen = results + ALL;
            trial.fit = results + 2 * ALL;
            (form ? world->fast : &motion_kernels_portable)->try_cell(&trial, offset, &cell);
        }
    }
    g_assert_cmpmem(expected, sizeof expected, found, sizeof found);
}

static void test_looks_are_tried_alike(void)
{
    with_each_form(check_looks);
}

/* ---- whole pictures ---- */

static void unref_frame(void *frame)
{
    frame_unref(frame);
}

static struct frame *random_frame(struct random *random, int width, int height, bool is_interleaved)
{
    struct frame *frame = frame_new_allocated(width, height);
    for (int plane = 0; plane < 3; plane++)
        fill(random, frame_plane(frame, plane),
             (size_t)frame->strides_bytes[plane] * (size_t)frame_plane_rows(frame, plane));
    if (!is_interleaved)
        return frame;
    struct frame template = *frame;
    int row_bytes = 2 * ((width + 1) / 2) + 6, rows = (height + 1) / 2; /* an odd stride */
    template.format = FRAME_NV12;
    template.planes[1] = g_malloc0((gsize)row_bytes * (gsize)rows);
    template.planes[2] = NULL;
    template.strides_bytes[1] = row_bytes;
    fill(random, (uint8_t *)(uintptr_t) template.planes[1], (size_t)row_bytes * (size_t)rows);
    return frame_new(&template, unref_frame, frame); /* which lends its luma */
}

static void reduce_with(unsigned features, const struct frame *frame, int factor, GByteArray *into)
{
    struct reduced reduced;
    cpu_limit(features);
    reduced_init(&reduced, frame, factor);
    reduced_fill(&reduced, frame);
    for (int i = 0; i < 3; i++)
        g_byte_array_append(into, reduced.planes[i], (guint)(reduced.width * reduced.height));
    reduced_clear(&reduced);
    cpu_limit(~0U);
}

static void test_odd_pictures_are_reduced_alike(void)
{
    struct random random;
    random_init(&random, 8);
    const struct cpu_set *set = NULL;
    for (int trial = 0; trial < 120; trial++) {
        set = cpu_next_set(set) ? cpu_next_set(set) : cpu_next_set(NULL);
        int factor = 1 + trial % 14, width = factor + (int)random_range(&random, 0, 333);
        int height = factor + (int)random_range(&random, 0, 60);
        struct frame *frame = random_frame(&random, width, height, trial % 2);
        g_autoptr(GByteArray) expected = g_byte_array_new(), found = g_byte_array_new();
        reduce_with(0, frame, factor, expected);
        reduce_with(set->features, frame, factor, found);
        g_assert_cmpmem(expected->data, expected->len, found->data, found->len);
        if (trial % 2)
            g_free((void *)(uintptr_t)frame->planes[1]);
        frame_unref(frame);
    }
}

/* A picture of one colour keeps it at every factor: sums neither overflow nor are rounded off. */
static void test_averages_are_exact(void)
{
    for (int factor = 1; factor <= REDUCE_FACTOR_MAX; factor += factor < 40 ? 1 : 24) {
        int size = 10 * factor;
        CLEANUP(frame) struct frame *frame = frame_new_allocated(size, size);
        struct reduced reduced;
        reduced_init(&reduced, frame, factor);
        for (int value = 0; value <= UINT8_MAX; value += factor < 20 ? 15 : 255) {
            for (int plane = 0; plane < 3; plane++)
                memset(frame_plane(frame, plane), plane ? UINT8_MAX - value : value,
                       (size_t)frame->strides_bytes[plane] * (size_t)frame_plane_rows(frame, plane));
            reduced_fill(&reduced, frame);
            for (int i = 0; i < reduced.width * reduced.height; i++) {
                g_assert_cmpint(reduced.planes[0][i], ==, value);
                g_assert_cmpint(reduced.planes[2][i], ==, UINT8_MAX - value);
            }
        }
        reduced_clear(&reduced);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/motion kernels/rows are summed alike", test_rows_are_summed_alike);
    g_test_add_func("/motion kernels/groups are averaged alike", test_groups_are_averaged_alike);
    g_test_add_func("/motion kernels/the background is compared and moved alike",
                    test_the_background_is_compared_and_moved_alike);
    g_test_add_func("/motion kernels/light is counted alike", test_light_is_counted_alike);
    g_test_add_func("/motion kernels/light is counted of what tells", test_light_is_counted_of_what_tells);
    g_test_add_func("/motion kernels/threes are averaged alike", test_threes_are_averaged_alike);
    g_test_add_func("/motion kernels/looks are tried alike", test_looks_are_tried_alike);
    g_test_add_func("/motion kernels/odd pictures are reduced alike", test_odd_pictures_are_reduced_alike);
    g_test_add_func("/motion kernels/averages are exact", test_averages_are_exact);
    return g_test_run();
}
