#include "vision/assignment.h"
#include "vision/mot_score.h"
#include "vision/vision.h"

#include "base/random.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

static const char *shared_file(const char *name)
{
    return g_build_filename(g_getenv("VEDETTE_SHARED"), "assets", "mot", name, NULL);
}

/* Reference scores stand in the assets' README; ours may be lower by this much. */
static const double tolerance = 0.002;

static void check_sequence(const char *name, double reference_mota, double reference_idf1)
{
    g_autofree char *gt = g_strdup_printf("%s/gt.txt", name), *det = g_strdup_printf("%s/det.txt", name);
    g_autofree char *gt_path = (char *)(uintptr_t)shared_file(gt), *det_path = (char *)(uintptr_t)shared_file(det);
    g_autoptr(GArray) truth = mot_read(gt_path);
    if (!truth) {
        g_test_skip("the shared tracking data is not here");
        return;
    }
    g_autofree char *out = g_build_filename(g_get_tmp_dir(), "vedette-tracks-XXXXXX", NULL);
    int fd = g_mkstemp(out);
    g_assert_cmpint(fd, >=, 0);
    close(fd);
    const char *arguments[] = {
        g_getenv("VEDETTE_BINARY"), "track", "--detections", det_path, "--frame-rate", "30", "--out", out, NULL};
    int status = -1;
    g_assert_true(g_spawn_sync(NULL, (char **)(uintptr_t)arguments, NULL, 0, NULL, NULL, NULL, NULL, &status, NULL));
    g_assert_cmpint(status, ==, 0);
    g_autoptr(GArray) found = mot_read(out);
    g_assert_cmpint(unlink(out), ==, 0);
    struct mot_score score = mot_score(truth, found);
    g_test_message("%s: MOTA %.4f IDF1 %.4f switches %d FP %d FN %d", name, score.mota, score.idf1, score.switches,
                   score.false_positives, score.misses);
    g_assert_cmpfloat(score.mota, >=, reference_mota - tolerance);
    g_assert_cmpfloat(score.idf1, >=, reference_idf1 - tolerance);
}

static void test_tud_campus(void)
{
    check_sequence("TUD-Campus", 0.5822, 0.5802);
}
static void test_crowd50(void)
{
    check_sequence("crowd50", 0.9043, 0.9044);
}
static void test_crowd100(void)
{
    check_sequence("crowd100", 0.8698, 0.8729);
}
static void test_crowd1000(void)
{
    check_sequence("crowd1000", 0.8676, 0.9237);
}

static void test_the_scorer_gives_the_reference_its_own_scores(void)
{
    g_autofree char *gt_path = (char *)(uintptr_t)shared_file("TUD-Campus/gt.txt");
    g_autofree char *reference_path = (char *)(uintptr_t)shared_file("TUD-Campus/reference.txt");
    g_autoptr(GArray) truth = mot_read(gt_path), reference = mot_read(reference_path);
    if (!truth) {
        g_test_skip("the shared tracking data is not here");
        return;
    }
    struct mot_score score = mot_score(truth, reference);
    g_assert_cmpfloat(fabs(score.mota - 0.5822), <, 0.0001);
    g_assert_cmpfloat(fabs(score.idf1 - 0.5802), <, 0.0001);
    g_assert_cmpint(score.switches, ==, 7);
}

/* Every assignment of up to 5 × 5, tried out. */
static double best_by_trying(const double *gain, int rows, int columns, int row, unsigned taken)
{
    if (row == rows)
        return 0;
    double best = best_by_trying(gain, rows, columns, row + 1, taken);
    for (int column = 0; column < columns; column++)
        if (!(taken & 1u << column) && gain[row * columns + column] < 0)
            best = fmin(best, gain[row * columns + column] +
                                  best_by_trying(gain, rows, columns, row + 1, taken | 1u << column));
    return best;
}

static void test_assignment_is_exact(void)
{
    struct random random;
    struct assignment *assignment = assignment_new();
    random_init(&random, 11);
    for (int trial = 0; trial < 3000; trial++) {
        int rows = (int)random_range(&random, 1, 5), columns = (int)random_range(&random, 1, 5), chosen[5];
        double gain[25], total = 0;
        assignment_begin(assignment, rows, columns);
        for (int i = 0; i < rows * columns; i++) {
            double cost = random_uniform(&random) < 0.4 ? 1 : random_uniform(&random);
            gain[i] = fmin(cost - 0.8, 0);
            assignment_offer(assignment, i / columns, i % columns, cost, 0.8);
        }
        assignment_solve(assignment, chosen);
        unsigned taken = 0;
        for (int row = 0; row < rows; row++) {
            if (chosen[row] < 0)
                continue;
            g_assert_false(taken & 1u << chosen[row]);
            taken |= 1u << chosen[row];
            g_assert_cmpfloat(gain[row * columns + chosen[row]], <, 0);
            total += gain[row * columns + chosen[row]];
        }
        g_assert_cmpfloat(fabs(total - best_by_trying(gain, rows, columns, 0, 0)), <, 1e-9);
    }
    assignment_free(assignment);
}

static struct tracker *tracker_with_defaults(uint64_t base)
{
    struct settings settings;
    record_init(&settings_descriptor, &settings);
    struct tracker *tracker = tracker_new(&settings.tracker, base);
    record_clear(&settings_descriptor, &settings);
    return tracker;
}

static void test_ids_go_on_from_their_base(void)
{
    CLEANUP(tracker) struct tracker *tracker = tracker_with_defaults(UINT64_C(1) << 50);
    g_autofree struct detections *detections = g_new0(struct detections, 1);
    struct tracks tracks;
    detections->count = 1;
    for (int i = 0; i < 20; i++) {
        detections->items[0] =
            (struct detection){{0.1 + i * 0.01, 0.4, 0.1, 0.3}, 0.9, g_intern_static_string("person")};
        tracker_update(tracker, detections, i * 100000, 640, 360, &tracks);
    }
    g_assert_cmpint(tracks.count, ==, 1);
    g_assert_cmpuint(tracks.items[0].id, ==, UINT64_C(1) << 50);
    g_assert_cmpuint(tracker_next_id(tracker), ==, (UINT64_C(1) << 50) + 1);
    g_assert_cmpfloat(fabs(tracks.items[0].velocity_x - 0.1), <, 0.02);
}

static void test_a_track_survives_a_gap_in_seconds_not_frames(void)
{
    static const double rates[] = {5, 10, 30};
    for (size_t r = 0; r < G_N_ELEMENTS(rates); r++) {
        CLEANUP(tracker) struct tracker *tracker = tracker_with_defaults(1);
        g_autofree struct detections *detections = g_new0(struct detections, 1);
        struct tracks tracks = {0};
        for (int i = 0; i < (int)(4 * rates[r]); i++) {
            double seconds = i / rates[r];
            bool is_hidden = seconds > 1.95 && seconds < 2.75;
            detections->count = is_hidden ? 0 : 1;
            detections->items[0] =
                (struct detection){{0.1 + 0.05 * seconds, 0.4, 0.1, 0.3}, 0.9, g_intern_static_string("person")};
            tracker_update(tracker, detections, (int64_t)(seconds * 1e6), 640, 360, &tracks);
        }
        g_assert_cmpint(tracks.count, ==, 1);
        g_assert_cmpuint(tracks.items[0].id, ==, 1);
    }
}

static void test_classes_do_not_mix_and_nonsense_is_ignored(void)
{
    CLEANUP(tracker) struct tracker *tracker = tracker_with_defaults(1);
    g_autofree struct detections *detections = g_new0(struct detections, 1);
    struct tracks tracks;
    for (int i = 0; i < 4; i++) {
        detections->count = 3;
        detections->items[0] =
            (struct detection){{0.1, 0.4, 0.1, 0.3}, 0.9, g_intern_static_string(i < 2 ? "person" : "car")};
        detections->items[1] = (struct detection){{NAN, 0.4, 0.1, 0.3}, 0.9, g_intern_static_string("person")};
        detections->items[2] = (struct detection){{0.5, 0.4, -0.1, 0}, 0.9, g_intern_static_string("person")};
        tracker_update(tracker, detections, i * 100000, 640, 360, &tracks);
    }
    g_assert_cmpint(tracks.count, ==, 2);
    g_assert_cmpuint(tracker_next_id(tracker), ==, 3);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/tracker/TUD-Campus reaches the reference", test_tud_campus);
    g_test_add_func("/tracker/crowd50 reaches the reference", test_crowd50);
    g_test_add_func("/tracker/crowd100 reaches the reference", test_crowd100);
    g_test_add_func("/tracker/crowd1000 reaches the reference", test_crowd1000);
    g_test_add_func("/tracker/the scorer gives the reference its own scores",
                    test_the_scorer_gives_the_reference_its_own_scores);
    g_test_add_func("/tracker/assignment is exact", test_assignment_is_exact);
    g_test_add_func("/tracker/ids go on from their base", test_ids_go_on_from_their_base);
    g_test_add_func("/tracker/a track survives a gap in seconds not frames",
                    test_a_track_survives_a_gap_in_seconds_not_frames);
    g_test_add_func("/tracker/classes do not mix and nonsense is ignored",
                    test_classes_do_not_mix_and_nonsense_is_ignored);
    return g_test_run();
}
