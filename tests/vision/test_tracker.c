#include "vision/assignment.h"
#include "vision/mot_score.h"
#include "vision/vision.h"

#include "base/random.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

/* As in the assets' README; ours may be lower by `tolerance`. */
static const struct sequence {
    const char *name;
    double mota, idf1;
    int switches;
} sequences[] = {
    {"TUD-Campus", 0.5822, 0.5802, 7},
    {"crowd50", 0.9043, 0.9044, 13},
    {"crowd100", 0.8698, 0.8729, 41},
    {"crowd1000", 0.8676, 0.9237, 36},
};
static const double tolerance = 0.002;

static char *sequence_file(const struct sequence *sequence, const char *name)
{
    return g_build_filename(g_getenv("VEDETTE_SHARED"), "assets", "mot", sequence->name, name, NULL);
}

/* NULL, and the test skipped, without the shared data. */
static GArray *read_shared(const struct sequence *sequence, const char *name)
{
    g_autofree char *path = sequence_file(sequence, name);
    GArray *rows = mot_read(path);
    if (!rows)
        g_test_skip("the shared tracking data is not here");
    return rows;
}

/* What `vedette track` makes of the sequence's detections. */
static GArray *run_track(const struct sequence *sequence, bool is_predicting)
{
    g_autofree char *detections = sequence_file(sequence, "det.txt");
    g_autofree char *out = g_build_filename(g_get_tmp_dir(), "vedette-tracks-XXXXXX", NULL);
    int fd = g_mkstemp(out), status = -1;
    g_assert_cmpint(fd, >=, 0);
    close(fd);
    const char *arguments[] = {
        g_getenv("VEDETTE_BINARY"),         "track", "--detections", detections, "--frame-rate", "30", "--out", out,
        is_predicting ? "--predict" : NULL, NULL};
    g_assert_true(g_spawn_sync(NULL, (char **)(uintptr_t)arguments, NULL, 0, NULL, NULL, NULL, NULL, &status, NULL));
    g_assert_cmpint(status, ==, 0);
    GArray *found = mot_read(out);
    g_assert_cmpint(unlink(out), ==, 0);
    return found;
}

static void test_reaches_the_reference(gconstpointer data)
{
    const struct sequence *sequence = data;
    g_autoptr(GArray) truth = read_shared(sequence, "gt.txt");
    if (!truth)
        return;
    for (int is_predicting = 0; is_predicting < 2; is_predicting++) {
        g_autoptr(GArray) found = run_track(sequence, is_predicting);
        struct mot_score score = mot_score(truth, found);
        g_test_message("%s%s: MOTA %.4f IDF1 %.4f switches %d FP %d FN %d", sequence->name,
                       is_predicting ? " predicting" : "", score.mota, score.idf1, score.switches,
                       score.false_positives, score.misses);
        g_assert_cmpfloat(score.mota, >=, sequence->mota - tolerance);
        g_assert_cmpfloat(score.idf1, >=, sequence->idf1 - tolerance);
    }
}

/* The row of `rows` in the same frame with the same box, but for rounding. */
static const struct mot_row *find_row(const GArray *rows, guint from, const struct mot_row *wanted)
{
    const double rounding_px = 0.05;
    for (guint i = from; i < rows->len; i++) {
        const struct mot_row *row = &g_array_index(rows, struct mot_row, i);
        if (row->frame != wanted->frame)
            return NULL;
        if (fabs(row->left - wanted->left) < rounding_px && fabs(row->top - wanted->top) < rounding_px &&
            fabs(row->width - wanted->width) < rounding_px && fabs(row->height - wanted->height) < rounding_px)
            return row;
    }
    return NULL;
}

static void check_same_id(GHashTable *ids, int from, int to)
{
    gpointer known = g_hash_table_lookup(ids, GINT_TO_POINTER(from));
    g_assert_true(!known || GPOINTER_TO_INT(known) == to);
    g_hash_table_insert(ids, GINT_TO_POINTER(from), GINT_TO_POINTER(to));
}

static void test_makes_the_same_tracks(gconstpointer data)
{
    const struct sequence *sequence = data;
    g_autoptr(GArray) reference = read_shared(sequence, "reference.txt");
    if (!reference)
        return;
    g_autoptr(GArray) found = run_track(sequence, false);
    g_autoptr(GHashTable) ours = g_hash_table_new(NULL, NULL), theirs = g_hash_table_new(NULL, NULL);
    g_assert_cmpuint(found->len, ==, reference->len);
    guint from = 0;
    for (guint i = 0; i < reference->len; i++) {
        const struct mot_row *wanted = &g_array_index(reference, struct mot_row, i);
        while (g_array_index(found, struct mot_row, from).frame < wanted->frame)
            from++;
        const struct mot_row *row = find_row(found, from, wanted);
        if (!row)
            g_error("%s: nothing at frame %d where the reference has track %d", sequence->name, wanted->frame,
                    wanted->id);
        check_same_id(ours, wanted->id, row->id);
        check_same_id(theirs, row->id, wanted->id);
    }
}

static void test_scorer_gives_the_reference_its_scores(gconstpointer data)
{
    const struct sequence *sequence = data;
    g_autoptr(GArray) truth = read_shared(sequence, "gt.txt");
    if (!truth)
        return;
    g_autoptr(GArray) reference = read_shared(sequence, "reference.txt");
    struct mot_score score = mot_score(truth, reference);
    /* Which of two equally near boxes is matched is a scorer's own choice, and a crowd has many. */
    const double scorer_tolerance = 0.0005;
    const int switches_tolerance = 2;
    g_assert_cmpfloat(fabs(score.mota - sequence->mota), <, scorer_tolerance);
    g_assert_cmpfloat(fabs(score.idf1 - sequence->idf1), <, scorer_tolerance);
    g_assert_cmpint(ABS(score.switches - sequence->switches), <=, switches_tolerance);
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
    struct tracker *tracker = tracker_new(&settings.tracker, settings.rules.outage_seconds, base);
    record_clear(&settings_descriptor, &settings);
    return tracker;
}

/* One who walks and one who stands, while the camera is set to another resolution, or to another shape. */
static void test_tracks_outlive_a_change_of_the_pictures_size(void)
{
    static const struct {
        int width_px, height_px;
    } sizes[] = {{1920, 1080}, {1280, 720}, {640, 640}, {1920, 1080}};
    enum { FRAMES_EACH = 20 };
    static const double step = 0.005;
    CLEANUP(tracker) struct tracker *tracker = tracker_with_defaults(1);
    g_autofree struct detections *detections = g_new0(struct detections, 1);
    struct tracks tracks = {0};
    detections->count = 2;
    detections->items[1] = (struct detection){{0.7, 0.2, 0.1, 0.3}, 0.9, g_intern_static_string("person")};
    for (int i = 0; i < (int)G_N_ELEMENTS(sizes) * FRAMES_EACH; i++) {
        detections->items[0] =
            (struct detection){{0.2 + i * step, 0.5, 0.1, 0.3}, 0.9, g_intern_static_string("person")};
        tracker_update(tracker, detections, i * INT64_C(100000), sizes[i / FRAMES_EACH].width_px,
                       sizes[i / FRAMES_EACH].height_px, &tracks);
        g_assert_cmpint(tracks.count, ==, 2);
    }
    g_assert_cmpuint(tracker_next_id(tracker), ==, 3);
    for (int i = 0; i < tracks.count; i++) {
        const struct track *track = &tracks.items[i];
        bool is_walking = track->id == 1;
        const struct record_box *box = &detections->items[is_walking ? 0 : 1].box;
        g_assert_cmpfloat(fabs(track->box.x - box->x), <, step);
        g_assert_cmpfloat(fabs(track->box.y - box->y), <, step);
        g_assert_cmpfloat(fabs(track->velocity_x - (is_walking ? 10 * step : 0)), <, step);
        g_assert_cmpint(track->is_stationary, ==, !is_walking);
    }
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

/* A figure that walks steadily, seen at uneven times: frames that are late, dropped, or bunched. */
static void test_uneven_frames_are_followed(void)
{
    static const double gaps[] = {0.1, 0.3, 0.05, 0.15, 0.4, 0.1, 0.02, 0.2};
    CLEANUP(tracker) struct tracker *tracker = tracker_with_defaults(1);
    g_autofree struct detections *detections = g_new0(struct detections, 1);
    struct tracks tracks = {0};
    double seconds = 0;
    for (int i = 0; i < 60; i++) {
        detections->count = 1;
        detections->items[0] =
            (struct detection){{0.1 + 0.08 * seconds, 0.4, 0.06, 0.3}, 0.9, g_intern_static_string("person")};
        tracker_update(tracker, detections, (int64_t)(seconds * 1e6), 640, 360, &tracks);
        seconds += gaps[i % (int)G_N_ELEMENTS(gaps)];
    }
    g_assert_cmpint(tracks.count, ==, 1);
    g_assert_cmpuint(tracks.items[0].id, ==, 1);
    g_assert_cmpfloat(fabs(tracks.items[0].velocity_x - 0.08), <, 0.02);
}

/* The time between the first two frames may be anything: here the camera stalled. */
static void test_a_first_gap_is_not_taken_for_the_frame_rate(void)
{
    CLEANUP(tracker) struct tracker *tracker = tracker_with_defaults(1);
    g_autofree struct detections *detections = g_new0(struct detections, 1);
    struct tracks tracks = {0};
    for (int i = 0; i < 20; i++) {
        double seconds = i == 0 ? 0 : 4 + i * 0.1;
        detections->count = 1;
        detections->items[0] =
            (struct detection){{0.1 + 0.3 * (seconds - 4), 0.4, 0.06, 0.3}, 0.9, g_intern_static_string("person")};
        if (i == 0)
            detections->count = 0;
        tracker_update(tracker, detections, (int64_t)(seconds * 1e6), 640, 360, &tracks);
    }
    g_assert_cmpint(tracks.count, ==, 1);
    g_assert_cmpuint(tracks.items[0].id, ==, 1);
    g_assert_cmpfloat(fabs(tracks.items[0].velocity_x - 0.3), <, 0.05);
}

/* How far the box of one who stands still goes to and fro, whose detections do by 0.02, in the last frames of all. */
static double sway(const int64_t *stamps_ms, int count)
{
    enum { LAST = 10 };
    CLEANUP(tracker) struct tracker *tracker = tracker_with_defaults(1);
    g_autofree struct detections *detections = g_new0(struct detections, 1);
    struct tracks tracks = {0};
    double least = 1, most = 0;
    for (int i = 0; i < count; i++) {
        detections->count = 1;
        detections->items[0] =
            (struct detection){{i % 2 ? 0.41 : 0.39, 0.4, 0.1, 0.3}, 0.9, g_intern_static_string("person")};
        tracker_update(tracker, detections, stamps_ms[i] * 1000, 640, 360, &tracks);
        g_assert_cmpint(tracks.count, ==, 1);
        least = i >= count - LAST ? fmin(least, tracks.items[0].box.x) : least;
        most = i >= count - LAST ? fmax(most, tracks.items[0].box.x) : most;
    }
    return most - least;
}

/* Two frames that come at once, for whichever reason, are no rate: what is measured is smoothed as before. */
static void test_frames_that_come_at_once_are_no_rate(void)
{
    enum { FRAMES = 60, EVERY_MS = 200 };
    static const int64_t bursts_ms[] = {1, 5, 10, 40};
    int64_t stamps_ms[FRAMES];
    for (int i = 0; i < FRAMES; i++)
        stamps_ms[i] = (int64_t)i * EVERY_MS;
    double steady = sway(stamps_ms, FRAMES);
    g_assert_cmpfloat(steady, <, 0.01);
    for (size_t b = 0; b < G_N_ELEMENTS(bursts_ms); b++)
        for (int at = 1; at < 30; at += 14) { /* before a rate is known, and after; three frames each time */
            for (int i = 0; i < FRAMES; i++)
                stamps_ms[i] = i < at       ? i * EVERY_MS
                               : i < at + 3 ? stamps_ms[i - 1] + bursts_ms[b]
                                            : stamps_ms[i - 1] + EVERY_MS;
            g_assert_cmpfloat(sway(stamps_ms, FRAMES), <, 1.2 * steady);
        }
}

/* Two pictures a second whose stamps are whole seconds: the second of each pair is a moment later. */
static void test_stamps_of_whole_seconds_are_smoothed(void)
{
    enum { FRAMES = 60 };
    int64_t stamps_ms[FRAMES], pairs_ms[FRAMES];
    for (int i = 0; i < FRAMES; i++) {
        stamps_ms[i] = (int64_t)i * 500;
        pairs_ms[i] = (int64_t)(i / 2) * 1000 + i % 2;
    }
    g_assert_cmpfloat(sway(pairs_ms, FRAMES), <, 1.5 * sway(stamps_ms, FRAMES));
}

/* As many as there can be appear, twice, and are lost; then there is no room for more until they are forgotten. */
static void test_more_than_can_be_is_counted(void)
{
    static const char *const classes[] = {"a", "b", "b", "c"};
    CLEANUP(tracker) struct tracker *tracker = tracker_with_defaults(1);
    g_autofree struct detections *detections = g_new0(struct detections, 1);
    struct tracks tracks = {0};
    G_STATIC_ASSERT(VISION_MAX_TRACKS == 2 * VISION_MAX_DETECTIONS);
    for (size_t frame = 0; frame < G_N_ELEMENTS(classes); frame++) {
        g_assert_cmpint(tracks.shed, ==, 0);
        detections->count = VISION_MAX_DETECTIONS;
        for (int i = 0; i < VISION_MAX_DETECTIONS; i++)
            detections->items[i] =
                (struct detection){{i % 64 / 64.0, i / 64 / 32.0, 0.01, 0.02}, 0.9, g_intern_string(classes[frame])};
        tracker_update(tracker, detections, (int64_t)frame * 100000, 1920, 1080, &tracks);
        g_assert_cmpint(tracks.count, <=, VISION_MAX_TRACKS);
    }
    g_assert_cmpint(tracks.shed, ==, VISION_MAX_DETECTIONS);
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

/* A camera that sends garbage has times that jump either way; whatever is predicted then can be held to bounds. */
static void test_boxes_are_bounded_whatever_the_times(void)
{
    static const int64_t jumps[] = {100000, 100000, 100000, 1900000, -5000000, 1000000000000, -1000000000000, 0, 1};
    CLEANUP(tracker) struct tracker *tracker = tracker_with_defaults(1);
    g_autofree struct detections *detections = g_new0(struct detections, 1);
    struct random random;
    struct tracks tracks;
    int64_t media_us = 0;
    random_init(&random, 3);
    for (int i = 0; i < 3000; i++) {
        double size = (double)(i % 10 + 1) / 10;
        detections->count = (int)random_range(&random, 0, 1);
        detections->items[0] =
            (struct detection){{0.1, 0.1, 0.3 * size, 0.9 * size}, 0.9, g_intern_static_string("motion")};
        media_us = MAX(media_us + jumps[random_range(&random, 0, G_N_ELEMENTS(jumps) - 1)], 0);
        tracker_update(tracker, detections, media_us, 640, 360, &tracks);
        tracks_bound(&tracks);
        for (int j = 0; j < tracks.count; j++) {
            const struct track *track = &tracks.items[j];
            const double values[] = {track->box.x, track->box.y, track->box.w, track->box.h};
            for (size_t k = 0; k < G_N_ELEMENTS(values); k++)
                g_assert_true(values[k] >= -1 && values[k] <= 2);
            g_assert_true(fabs(track->velocity_x) <= 1000 && fabs(track->velocity_y) <= 1000);
        }
    }
}

static void put_one(struct detections *detections, double x, double y, const char *object_class)
{
    detections->items[detections->count++] = (struct detection){{x, y, 0.1, 0.3}, 0.9, g_intern_string(object_class)};
}

/* A car that is parked, with a wobble as detectors have it, is hidden for eight seconds: longer than what moves is
 * remembered. */
static void test_what_stands_is_remembered_where_it_stands(void)
{
    CLEANUP(tracker) struct tracker *tracker = tracker_with_defaults(1);
    g_autofree struct detections *detections = g_new0(struct detections, 1);
    struct tracks tracks = {0};
    for (int i = 0; i < 200; i++) {
        detections->count = 0;
        if (i < 80 || i >= 160)
            put_one(detections, 0.5 + 0.004 * (i % 3), 0.4, "car");
        if (i < 80)
            put_one(detections, 0.1 + 0.004 * i, 0.1, "person"); /* goes by, and away; further left, so it is 1 */
        tracker_update(tracker, detections, i * 100000, 640, 360, &tracks);
        for (int k = 0; k < tracks.count; k++)
            g_assert_true(tracks.items[k].is_stationary == (tracks.items[k].id == 2 && i >= 50));
        if (i == 120)
            g_assert_cmpint(tracks.count, ==, 1); /* the person is forgotten */
    }
    g_assert_cmpint(tracks.count, ==, 1);
    g_assert_cmpuint(tracks.items[0].id, ==, 2);
    g_assert_cmpint(tracks.items[0].state, ==, TRACK_CONFIRMED);
}

/* Each above the next, and now and then somebody far aside, so that the sweep turns. */
static void test_a_column_is_followed(void)
{
    enum { OBJECTS = 300, FRAMES = 20 };
    CLEANUP(tracker) struct tracker *tracker = tracker_with_defaults(1);
    g_autofree struct detections *detections = g_new0(struct detections, 1);
    struct tracks tracks = {0};
    for (int frame = 0; frame < FRAMES; frame++) {
        detections->count = OBJECTS + frame % 2;
        for (int i = 0; i < OBJECTS; i++)
            detections->items[i] =
                (struct detection){{0.002 * frame, i / (double)OBJECTS, 0.1, 1.2 / OBJECTS}, 0.9, "object"};
        detections->items[OBJECTS] = (struct detection){{0.9, 0.1, 0.001, 0.8}, 0.9, "object"};
        tracker_update(tracker, detections, frame * 40000, 1920, 1080, &tracks);
        for (int i = 0; i < tracks.count; i++)
            if (tracks.items[i].id <= OBJECTS) /* the first frame's, from the top */
                g_assert_cmpfloat(fabs(tracks.items[i].box.y * OBJECTS - (double)(tracks.items[i].id - 1)), <, 0.5);
        g_assert_cmpint(tracks.count, >=, OBJECTS);
        g_assert_cmpint(tracks.count, <=, OBJECTS + 1);
    }
}

/* A car is parked, and after so many seconds without a frame one stands in the same bay. */
static void test_an_outage_ends_tracks(void)
{
    static const struct {
        double still_seconds, gap_seconds, still_lost_seconds, outage_seconds;
        bool is_same;
    } cases[] = {
        {8, 4, 10, 15, true},   {2, 4, 10, 15, true},   {8, 14, 10, 15, true},    {2, 14, 10, 15, true},
        {8, 60, 10, 15, false}, {2, 60, 10, 15, false}, {8, 3600, 10, 15, false}, {8, 60, 120, 15, false},
        {8, 60, 10, 90, true},  {2, 60, 10, 90, true},  {2, 4, 1, 3, false},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct settings settings;
        record_init(&settings_descriptor, &settings);
        settings.tracker.still_lost_seconds = cases[i].still_lost_seconds;
        CLEANUP(tracker) struct tracker *tracker = tracker_new(&settings.tracker, cases[i].outage_seconds, 1);
        record_clear(&settings_descriptor, &settings);
        g_autofree struct detections *detections = g_new0(struct detections, 1);
        struct tracks tracks = {0};
        int frames_before = (int)(cases[i].still_seconds * 10);
        put_one(detections, 0.5, 0.4, "car");
        for (int frame = 0; frame < frames_before + 20; frame++) {
            double outage = frame < frames_before ? 0 : cases[i].gap_seconds;
            tracker_update(tracker, detections, (int64_t)((frame * 0.1 + outage) * 1e6), 640, 360, &tracks);
            g_assert_cmpint(tracks.count, ==, 1);
        }
        g_assert_cmpint(tracks.items[0].state, ==, TRACK_CONFIRMED);
        if ((tracks.items[0].id == 1) != cases[i].is_same)
            g_error("case %zu: after %g s the car is %" G_GUINT64_FORMAT, i, cases[i].gap_seconds, tracks.items[0].id);
        g_assert_true(tracks.items[0].is_stationary == cases[i].is_same);
    }
}

/* A car that something hides for so long, while pictures come, or none come for a while of it. */
static void test_what_is_hidden_is_found_unless_an_outage_lies_between(void)
{
    enum { STAND_FRAMES = 80, HIDDEN_FRAMES = 400, OUTAGE_SECONDS = 16 };
    for (int has_outage = 0; has_outage <= 1; has_outage++) {
        struct settings settings;
        record_init(&settings_descriptor, &settings);
        settings.tracker.still_lost_seconds = 120;
        CLEANUP(tracker)
        struct tracker *tracker = tracker_new(&settings.tracker, settings.rules.outage_seconds, 1);
        record_clear(&settings_descriptor, &settings);
        g_autofree struct detections *detections = g_new0(struct detections, 1);
        struct tracks tracks = {0};
        for (int i = 0; i < STAND_FRAMES + HIDDEN_FRAMES + 20; i++) {
            double outage = has_outage && i > STAND_FRAMES + HIDDEN_FRAMES / 2 ? OUTAGE_SECONDS : 0;
            detections->count = 0;
            if (i < STAND_FRAMES || i >= STAND_FRAMES + HIDDEN_FRAMES)
                put_one(detections, 0.5, 0.4, "car");
            tracker_update(tracker, detections, (int64_t)((i * 0.1 + outage) * 1e6), 640, 360, &tracks);
        }
        g_assert_cmpint(tracks.count, ==, 1);
        g_assert_cmpuint(tracks.items[0].id, ==, has_outage ? 2 : 1);
    }
}

/* Who is lost when an outage begins is not found by whoever is there after it, though that is no outage yet. */
static void test_what_is_lost_is_not_found_after_a_gap(void)
{
    CLEANUP(tracker) struct tracker *tracker = tracker_with_defaults(1);
    g_autofree struct detections *detections = g_new0(struct detections, 1);
    struct tracks tracks = {0};
    for (int i = 0; i < 40; i++) {
        detections->count = 0;
        if (i < 20 || i >= 25)
            put_one(detections, 0.5, 0.4, "person");
        tracker_update(tracker, detections, i * 100000 + (i < 25 ? 0 : 5000000), 640, 360, &tracks);
    }
    g_assert_cmpint(tracks.count, ==, 1);
    g_assert_cmpuint(tracks.items[0].id, ==, 2);
}

static void test_what_goes_on_is_stationary_no_more(void)
{
    CLEANUP(tracker) struct tracker *tracker = tracker_with_defaults(1);
    g_autofree struct detections *detections = g_new0(struct detections, 1);
    struct tracks tracks = {0};
    for (int i = 0; i < 90; i++) {
        detections->count = 0;
        put_one(detections, 0.2 + (i > 60 ? 0.01 * (i - 60) : 0), 0.4, "car");
        tracker_update(tracker, detections, i * 100000, 640, 360, &tracks);
        if (i == 60)
            g_assert_true(tracks.items[0].is_stationary);
    }
    g_assert_false(tracks.items[0].is_stationary);
    g_assert_cmpuint(tracks.items[0].id, ==, 1);
}

/* Crowds that come and go, with ties of cost and place. */
static void fill_crowd(struct random *random, struct detections *detections)
{
    static const char *const classes[] = {"person", "car"};
    detections->count = (int)random_range(random, 0, 60);
    for (int i = 0; i < detections->count; i++)
        detections->items[i] = (struct detection){
            {(double)random_range(random, 0, 15) / 16, (double)random_range(random, 0, 7) / 8, 0.1, 0.2},
            (double)random_range(random, 3, 9) / 10,
            g_intern_string(classes[random_range(random, 0, 1)])};
}

static void test_the_same_input_gives_the_same_tracks(void)
{
    CLEANUP(tracker) struct tracker *first = tracker_with_defaults(1);
    CLEANUP(tracker) struct tracker *second = tracker_with_defaults(1);
    g_autofree struct detections *detections = g_new0(struct detections, 1);
    struct random random;
    random_init(&random, 17);
    for (int i = 0; i < 300; i++) {
        struct tracks a, b;
        fill_crowd(&random, detections);
        tracker_update(first, detections, i * 70000, 640, 360, &a);
        tracker_update(second, detections, i * 70000, 640, 360, &b);
        g_assert_cmpint(a.count, ==, b.count);
        for (int k = 0; k < a.count; k++) {
            g_assert_cmpuint(a.items[k].id, ==, b.items[k].id);
            g_assert_cmpmem(&a.items[k].box, sizeof a.items[k].box, &b.items[k].box, sizeof b.items[k].box);
            g_assert_cmpint(a.items[k].state, ==, b.items[k].state);
        }
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(sequences); i++) {
        const struct sequence *sequence = &sequences[i];
        g_autofree char *score =
            g_strdup_printf("/tracker/%s/the scorer gives the reference its scores", sequence->name);
        g_autofree char *reach = g_strdup_printf("/tracker/%s/reaches the reference", sequence->name);
        g_autofree char *same = g_strdup_printf("/tracker/%s/makes the reference's tracks", sequence->name);
        g_test_add_data_func(score, sequence, test_scorer_gives_the_reference_its_scores);
        g_test_add_data_func(reach, sequence, test_reaches_the_reference);
        g_test_add_data_func(same, sequence, test_makes_the_same_tracks);
    }
    g_test_add_func("/tracker/assignment is exact", test_assignment_is_exact);
    g_test_add_func("/tracker/tracks outlive a change of the picture's size",
                    test_tracks_outlive_a_change_of_the_pictures_size);
    g_test_add_func("/tracker/ids go on from their base", test_ids_go_on_from_their_base);
    g_test_add_func("/tracker/a track survives a gap in seconds not frames",
                    test_a_track_survives_a_gap_in_seconds_not_frames);
    g_test_add_func("/tracker/uneven frames are followed", test_uneven_frames_are_followed);
    g_test_add_func("/tracker/a first gap is not taken for the frame rate",
                    test_a_first_gap_is_not_taken_for_the_frame_rate);
    g_test_add_func("/tracker/what stands is remembered where it stands",
                    test_what_stands_is_remembered_where_it_stands);
    g_test_add_func("/tracker/a column is followed", test_a_column_is_followed);
    g_test_add_func("/tracker/an outage ends tracks", test_an_outage_ends_tracks);
    g_test_add_func("/tracker/what is hidden is found unless an outage lies between",
                    test_what_is_hidden_is_found_unless_an_outage_lies_between);
    g_test_add_func("/tracker/what is lost is not found after a gap", test_what_is_lost_is_not_found_after_a_gap);
    g_test_add_func("/tracker/what goes on is stationary no more", test_what_goes_on_is_stationary_no_more);
    g_test_add_func("/tracker/the same input gives the same tracks", test_the_same_input_gives_the_same_tracks);
    g_test_add_func("/tracker/frames that come at once are no rate", test_frames_that_come_at_once_are_no_rate);
    g_test_add_func("/tracker/stamps of whole seconds are smoothed", test_stamps_of_whole_seconds_are_smoothed);
    g_test_add_func("/tracker/more than can be is counted", test_more_than_can_be_is_counted);
    g_test_add_func("/tracker/boxes are bounded whatever the times", test_boxes_are_bounded_whatever_the_times);
    g_test_add_func("/tracker/classes do not mix and nonsense is ignored",
                    test_classes_do_not_mix_and_nonsense_is_ignored);
    return g_test_run();
}
