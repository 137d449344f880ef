/* Pictures of another stream are shown only with everything hidden that was found around their moment (fails closed).
 */
#include "worker/figure_history.h"

#include <string.h>

enum { WINDOW_MS = 300, EVERY_MS = 100, WIDE_PX = 320, HIGH_PX = 180 };

static uint8_t mask[4 * 4];

static struct frame *frame_at(int width_px, int height_px, int64_t at_ms, uint64_t number)
{
    struct frame *frame = frame_new_allocated(width_px, height_px);
    frame->captured_at_ms = at_ms;
    frame->number = number;
    return frame;
}

/* An analysed frame with one figure, whose left edge tells which it was. */
static void note(struct figure_history *history, int64_t at_ms, bool hides_all)
{
    CLEANUP(frame) struct frame *frame = frame_at(WIDE_PX, HIGH_PX, at_ms, (uint64_t)(at_ms / EVERY_MS));
    const struct privacy_figure figure = {{(double)at_ms / 10000, 0.1, 0.1, 0.2}, .may_be_face = true};
    memset(mask, 0, sizeof mask);
    mask[at_ms / EVERY_MS % 16] = 255;
    const struct privacy_request request = {.figures = &figure,
                                            .figure_count = 1,
                                            .foreground = mask,
                                            .foreground_width_px = 4,
                                            .foreground_height_px = 4,
                                            .hide_all = hides_all};
    figure_history_note(history, frame, &request);
}

static struct figure_history *history_until(int64_t at_ms)
{
    struct figure_history *history = figure_history_new(WINDOW_MS);
    for (int64_t i = 0; i <= at_ms; i += EVERY_MS)
        note(history, i, false);
    return history;
}

static bool ask(struct figure_history *history, int width_px, int height_px, int64_t at_ms,
                struct privacy_request *request, uint64_t *number)
{
    CLEANUP(frame) struct frame *frame = frame_at(width_px, height_px, at_ms, 777);
    return !figure_history_request(history, frame, request, number);
}

static void test_all_that_was_found_around_a_picture_is_hidden_in_it(void)
{
    struct figure_history *history = history_until(3000);
    struct privacy_request request;
    uint64_t number = 0;
    int64_t covered_ms = 0;
    g_assert_true(figure_history_covered_ms(history, &covered_ms));
    g_assert_cmpint(covered_ms, ==, 3000 - WINDOW_MS);
    g_assert_true(ask(history, 4 * WIDE_PX, 4 * HIGH_PX, 2710, &request, &number)); /* a larger picture of the same */
    g_assert_cmpuint(request.figure_count, ==, 6);                                  /* 2500 to 3000 */
    for (size_t i = 0; i < 6; i++)
        g_assert_cmpfloat_with_epsilon(request.figures[i].box.x, 0.25 + 0.01 * (double)i, 1e-9);
    int moving = 0;
    for (int i = 0; i < 16; i++)
        moving += request.foreground[i] == 255;
    g_assert_cmpint(moving, ==, 6);
    g_assert_false(request.hide_all);
    g_assert_cmpuint(number, ==, 27);
    figure_history_free(history);
}

static void test_what_is_not_known_is_not_shown(void)
{
    struct figure_history *history = history_until(3000);
    struct privacy_request request;
    uint64_t number;
    g_assert_false(ask(history, WIDE_PX, HIGH_PX, 2900, &request, &number)); /* what comes after is not known yet */
    g_assert_false(ask(history, WIDE_PX, HIGH_PX, 5000, &request, &number));
    g_assert_false(ask(history, WIDE_PX, HIGH_PX, 100, &request, &number));          /* forgotten */
    g_assert_false(ask(history, WIDE_PX, HIGH_PX * 4 / 3, 2700, &request, &number)); /* shows something else */
    figure_history_free(history);
}

/* Sizes are rounded, and pixels need not be square: what counts is that both show the same. */
static void test_pictures_of_the_same_shape_are_shown(void)
{
    static const struct {
        int seen_width_px, seen_height_px;
        double seen_pixel_aspect;
        int width_px, height_px;
        enum figure_refusal refusal;
    } rows[] = {
        {640, 352, 1, 1920, 1080, FIGURES_KNOWN}, /* 360 lines in whole macroblocks */
        {640, 368, 1, 1920, 1080, FIGURES_KNOWN},
        {320, 176, 0, 1920, 1080, FIGURES_KNOWN},
        {352, 192, 1, 1920, 1080, FIGURES_KNOWN},
        {1920, 1080, 1, 640, 352, FIGURES_KNOWN},
        {352, 288, 16.0 / 11, 1920, 1080, FIGURES_KNOWN}, /* squeezed, and it says so */
        {704, 576, 12.0 / 11, 1600, 1200, FIGURES_KNOWN},
        {352, 288, 1, 1920, 1080, FIGURES_OF_ANOTHER_SHAPE}, /* it does not: it may be a part */
        {640, 480, 1, 1920, 1080, FIGURES_OF_ANOTHER_SHAPE},
        {640, 480, 1, 1280, 1024, FIGURES_OF_ANOTHER_SHAPE},
        {1280, 720, 1, 2688, 1440, FIGURES_OF_ANOTHER_SHAPE}, /* no rounding makes so much of so large a one */
        {640, 350, 1, 1920, 1080, FIGURES_OF_ANOTHER_SHAPE},  /* nor is this rounded */
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        struct figure_history *history = figure_history_new(WINDOW_MS);
        const struct privacy_request nobody = {0};
        struct privacy_request request;
        uint64_t number;
        CLEANUP(frame) struct frame *live = frame_at(rows[i].width_px, rows[i].height_px, 1700, 1);
        for (int64_t at_ms = 0; at_ms <= 2000; at_ms += EVERY_MS) {
            CLEANUP(frame) struct frame *seen = frame_at(rows[i].seen_width_px, rows[i].seen_height_px, at_ms, 1);
            seen->pixel_aspect = rows[i].seen_pixel_aspect;
            figure_history_note(history, seen, &nobody);
        }
        g_test_message("%d x %d", rows[i].seen_width_px, rows[i].seen_height_px);
        g_assert_cmpint(figure_history_request(history, live, &request, &number), ==, rows[i].refusal);
        figure_history_free(history);
    }
}

static void test_a_gap_in_the_analysis_is_not_shown_over(void)
{
    struct figure_history *history = history_until(1000);
    struct privacy_request request;
    uint64_t number;
    for (int64_t i = 1400; i <= 2400; i += EVERY_MS)
        note(history, i, false);
    g_assert_false(ask(history, WIDE_PX, HIGH_PX, 1500, &request, &number));
    g_assert_true(ask(history, WIDE_PX, HIGH_PX, 1900, &request, &number));
    figure_history_free(history);
}

/* However wide the window: who walks would be half-way between two places that are known, and in neither. */
static void test_h11_a_wide_window_allows_no_longer_gap(void)
{
    static const struct {
        int window_ms, gap_ms;
        bool is_shown;
    } rows[] = {{300, 300, true},    {300, 400, false}, {1000, 300, true}, {1000, 400, false},
                {1000, 1000, false}, {100, 100, true},  {100, 200, false}};
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        struct figure_history *history = figure_history_new(rows[i].window_ms);
        struct privacy_request request;
        uint64_t number;
        for (int64_t at_ms = 0; at_ms <= 6000; at_ms += rows[i].gap_ms)
            note(history, at_ms, false);
        g_test_message("window %d ms, gap %d ms", rows[i].window_ms, rows[i].gap_ms);
        g_assert_cmpint(ask(history, WIDE_PX, HIGH_PX, 6000 - rows[i].window_ms, &request, &number), ==,
                        rows[i].is_shown);
        figure_history_free(history);
    }
}

static void test_a_moment_at_which_all_was_hidden_hides_all(void)
{
    struct figure_history *history = history_until(1000);
    struct privacy_request request;
    uint64_t number;
    note(history, 1100, true);
    for (int64_t i = 1200; i <= 2000; i += EVERY_MS)
        note(history, i, false);
    g_assert_true(ask(history, WIDE_PX, HIGH_PX, 1300, &request, &number));
    g_assert_true(request.hide_all);
    g_assert_true(ask(history, WIDE_PX, HIGH_PX, 1700, &request, &number));
    g_assert_false(request.hide_all);
    figure_history_free(history);
}

static void test_clocks_of_two_kinds_are_not_compared(void)
{
    struct figure_history *history = history_until(3000);
    struct privacy_request request;
    uint64_t number;
    CLEANUP(frame) struct frame *frame = frame_at(WIDE_PX, HIGH_PX, 2700, 1);
    frame->is_camera_clock = true;
    g_assert_cmpint(figure_history_request(history, frame, &request, &number), ==, FIGURES_OF_ANOTHER_CLOCK);
    figure_history_free(history);
}

/* Without the camera's clock a picture counts as taken when it came. */
static void test_what_was_held_up_is_not_shown(void)
{
    struct figure_history *history = history_until(3000);
    struct privacy_request request;
    uint64_t number;
    CLEANUP(frame)
    struct frame *live = frame_at(WIDE_PX, HIGH_PX, 2700, 1), *seen = frame_at(WIDE_PX, HIGH_PX, 3100, 31);
    live->late_ms = WINDOW_MS / 3;
    g_assert_cmpint(figure_history_request(history, live, &request, &number), ==, FIGURES_KNOWN);
    live->late_ms = WINDOW_MS / 3 + 1;
    g_assert_cmpint(figure_history_request(history, live, &request, &number), ==, FIGURES_LATE);
    live->late_ms = FRAME_LATE_UNKNOWN;
    g_assert_cmpint(figure_history_request(history, live, &request, &number), ==, FIGURES_LATE);
    live->late_ms = 0;
    seen->late_ms = WINDOW_MS; /* nor beside what was found at another moment than it seems */
    const struct privacy_request nobody = {0};
    figure_history_note(history, seen, &nobody);
    g_assert_cmpint(figure_history_request(history, live, &request, &number), ==, FIGURES_KNOWN);
    live->captured_at_ms = 2900;
    g_assert_cmpint(figure_history_request(history, live, &request, &number), ==, FIGURES_LATE);
    figure_history_free(history);
}

static void test_more_frames_than_are_remembered_are_not_shown_over(void)
{
    struct figure_history *history = figure_history_new(5000);
    struct privacy_request request;
    uint64_t number;
    for (int64_t i = 0; i <= 20000; i += EVERY_MS) /* 200 of them in twice 5 s, more than any ring holds */
        note(history, i, false);
    for (int64_t i = 0; i <= 20000; i += EVERY_MS)
        g_assert_false(ask(history, WIDE_PX, HIGH_PX, i, &request, &number));
    figure_history_free(history);
}

static void test_time_that_steps_back_forgets_what_was_to_come(void)
{
    struct figure_history *history = history_until(3000);
    struct privacy_request request;
    uint64_t number;
    note(history, 2000, false);
    g_assert_false(ask(history, WIDE_PX, HIGH_PX, 2500, &request, &number));
    for (int64_t i = 2100; i <= 2600; i += EVERY_MS)
        note(history, i, false);
    g_assert_true(ask(history, WIDE_PX, HIGH_PX, 2400, &request, &number));
    figure_history_free(history);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/figure_history/all that was found around a picture is hidden in it",
                    test_all_that_was_found_around_a_picture_is_hidden_in_it);
    g_test_add_func("/figure_history/what is not known is not shown", test_what_is_not_known_is_not_shown);
    g_test_add_func("/figure_history/pictures of the same shape are shown", test_pictures_of_the_same_shape_are_shown);
    g_test_add_func("/figure_history/a gap in the analysis is not shown over",
                    test_a_gap_in_the_analysis_is_not_shown_over);
    g_test_add_func("/figure_history/h11 a wide window allows no longer gap",
                    test_h11_a_wide_window_allows_no_longer_gap);
    g_test_add_func("/figure_history/a moment at which all was hidden hides all",
                    test_a_moment_at_which_all_was_hidden_hides_all);
    g_test_add_func("/figure_history/clocks of two kinds are not compared", test_clocks_of_two_kinds_are_not_compared);
    g_test_add_func("/figure_history/what was held up is not shown", test_what_was_held_up_is_not_shown);
    g_test_add_func("/figure_history/more frames than are remembered are not shown over",
                    test_more_frames_than_are_remembered_are_not_shown_over);
    g_test_add_func("/figure_history/time that steps back forgets what was to come",
                    test_time_that_steps_back_forgets_what_was_to_come);
    return g_test_run();
}
