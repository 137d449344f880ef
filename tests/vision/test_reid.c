/* Tracks found again by their looks: who is who with looks made up, and on a real clip with a real model. */
#include "media/media.h"
#include "vision/vision.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { WIDTH = 640, HEIGHT = 360, LOOK_VALUES = 8 };

struct world {
    struct settings settings;
    struct tracker *tracker;
    struct reid *reid;
    struct detections *found;
    struct tracks tracks;
    int64_t media_us;
    int looks;            /* asked for in the last frame */
    bool is_model_broken; /* no look can be had */
};

static void world_init(struct world *world)
{
    *world = (struct world){.found = g_new0(struct detections, 1)};
    record_init(&settings_descriptor, &world->settings);
    world->settings.reid.threshold = 0.7;
    world->settings.reid.looks_per_frame = 8;
    world->tracker = tracker_new(&world->settings.tracker, world->settings.rules.outage_seconds, 1);
    world->reid = reid_new(&world->settings.reid, 0.5);
}

static void world_clear(struct world *world)
{
    tracker_free(world->tracker);
    reid_free(world->reid);
    g_free(world->found);
    record_clear(&settings_descriptor, &world->settings);
}

/* Puts a person into the next frame; its confidence tells what it looks like: 0.9 plus a thousandth per kind. */
static void put(struct world *world, double x, int look)
{
    world->found->items[world->found->count++] =
        (struct detection){{x, 0.4, 0.1, 0.4}, 0.9 + look / 1000.0, g_intern_static_string("person")};
}

/* Kind 0 is a direction of its own, kind 1 another, …; kind 5 lies between 0 and 1. */
static enum reid_answer look_at(void *data, const struct track *track, struct reading *look)
{
    struct world *world = data;
    int kind = (int)lround((track->confidence - 0.9) * 1000);
    world->looks++;
    memset(look->values, 0, sizeof *look->values * LOOK_VALUES);
    look->value_count = LOOK_VALUES;
    look->values[kind == 5 ? 0 : kind] = kind == 5 ? 0.8F : 1;
    look->values[1] += kind == 5 ? 0.6F : 0;
    return world->is_model_broken ? REID_FAILED : REID_LOOKED;
}

/* A frame a tenth of a second after the last, with what was put. */
static void step(struct world *world)
{
    world->media_us += 100000;
    world->looks = 0;
    tracker_update(world->tracker, world->found, world->media_us, WIDTH, HEIGHT, &world->tracks);
    reid_update(world->reid, world->tracker, &world->tracks, world->media_us, (double)WIDTH / HEIGHT, look_at, world);
    world->found->count = 0;
}

static void stand(struct world *world, double x, int look, double seconds)
{
    for (int i = 0; i < lround(seconds * 10); i++) {
        put(world, x, look);
        step(world);
    }
}

static void pass(struct world *world, double seconds)
{
    for (int i = 0; i < lround(seconds * 10); i++)
        step(world);
}

/* Of the confirmed track at `x`; 0: none. */
static uint64_t id_at(const struct world *world, double x)
{
    for (int i = 0; i < world->tracks.count; i++)
        if (world->tracks.items[i].state == TRACK_CONFIRMED && fabs(world->tracks.items[i].box.x - x) < 0.02)
            return world->tracks.items[i].id;
    return 0;
}

static void assert_ids_differ(const struct world *world)
{
    for (int i = 0; i < world->tracks.count; i++)
        for (int k = 0; k < i; k++)
            g_assert_cmpuint(world->tracks.items[i].id, !=, world->tracks.items[k].id);
}

static void test_who_was_hidden_for_long_keeps_its_id(void)
{
    struct world world;
    world_init(&world);
    stand(&world, 0.2, 0, 1);
    uint64_t id = id_at(&world, 0.2);
    g_assert_cmpuint(id, !=, 0);
    pass(&world, 4); /* the tracker forgets after one second */
    stand(&world, 0.5, 0, 0.5);
    g_assert_cmpuint(id_at(&world, 0.5), ==, id);
    g_assert_cmpint(reid_counts(world.reid).found, ==, 1);
    stand(&world, 0.5, 0, 1); /* and goes on with it */
    g_assert_cmpuint(id_at(&world, 0.5), ==, id);
    world_clear(&world);
}

/* The tracker still remembers the lost one, elsewhere: it must not stay beside its own successor. */
static void test_a_lost_track_ends_when_it_is_found(void)
{
    struct world world;
    world_init(&world);
    stand(&world, 0.2, 0, 1);
    uint64_t id = id_at(&world, 0.2);
    int64_t started_us = world.tracks.items[0].started_us;
    pass(&world, 0.5);
    stand(&world, 0.4, 0, 0.2);
    g_assert_cmpuint(id_at(&world, 0.4), ==, id);
    g_assert_cmpint(world.tracks.count, ==, 1);
    step(&world);
    g_assert_cmpint(world.tracks.count, ==, 1);
    g_assert_cmpint(world.tracks.items[0].started_us, ==, started_us); /* it is as old as it was */
    world_clear(&world);
}

static void test_who_looks_otherwise_is_new(void)
{
    struct world world;
    world_init(&world);
    stand(&world, 0.2, 0, 1);
    uint64_t id = id_at(&world, 0.2);
    pass(&world, 2);
    stand(&world, 0.25, 1, 0.5);
    g_assert_cmpuint(id_at(&world, 0.25), !=, id);
    g_assert_cmpuint(id_at(&world, 0.25), !=, 0);
    g_assert_cmpint(reid_counts(world.reid).found, ==, 0);
    world_clear(&world);
}

static void test_who_cannot_have_got_there_is_new(void)
{
    struct world world;
    world_init(&world);
    world.settings.reid.speed = 0.1;
    reid_free(world.reid);
    world.reid = reid_new(&world.settings.reid, 0.5);
    stand(&world, 0.05, 0, 1);
    uint64_t id = id_at(&world, 0.05);
    pass(&world, 2);
    stand(&world, 0.85, 0, 0.5);
    g_assert_cmpuint(id_at(&world, 0.85), !=, id);
    world_clear(&world);
}

static void test_looks_are_forgotten_in_time(void)
{
    struct world world;
    world_init(&world);
    stand(&world, 0.2, 0, 1);
    uint64_t id = id_at(&world, 0.2);
    pass(&world, world.settings.reid.seconds + 0.2);
    stand(&world, 0.2, 0, 0.5);
    g_assert_cmpuint(id_at(&world, 0.2), !=, id);
    world_clear(&world);
}

/* Who is there keeps its id, however much a new one looks like it. */
static void test_nobody_takes_the_id_of_who_is_there(void)
{
    struct world world;
    world_init(&world);
    stand(&world, 0.2, 0, 1);
    uint64_t id = id_at(&world, 0.2);
    for (int i = 0; i < 10; i++) {
        put(&world, 0.2, 0);
        put(&world, 0.5, 0);
        step(&world);
        assert_ids_differ(&world);
    }
    g_assert_cmpuint(id_at(&world, 0.2), ==, id);
    world_clear(&world);
}

/* Two are lost and two appear in one frame, the second of which could be either: the most alike belong together. */
static void test_the_most_alike_belong_together(void)
{
    struct world world;
    world_init(&world);
    for (int i = 0; i < 10; i++) {
        put(&world, 0.2, 0);
        put(&world, 0.5, 1);
        step(&world);
    }
    uint64_t zero = id_at(&world, 0.2), one = id_at(&world, 0.5);
    pass(&world, 2);
    for (int i = 0; i < 5; i++) {
        put(&world, 0.1, 5); /* 0.8 like the one, 0.6 like the other */
        put(&world, 0.4, 0);
        step(&world);
    }
    g_assert_cmpuint(id_at(&world, 0.4), ==, zero);
    g_assert_cmpuint(id_at(&world, 0.1), !=, zero);
    g_assert_cmpuint(id_at(&world, 0.1), !=, one); /* 0.6 is below the threshold */
    world_clear(&world);
}

static void test_looks_are_bounded_a_frame_and_a_track(void)
{
    struct world world;
    world_init(&world);
    world.settings.reid.looks_per_frame = 2;
    world.settings.reid.looks_per_track = 3;
    reid_free(world.reid);
    world.reid = reid_new(&world.settings.reid, 0.5);
    for (int i = 0; i < 200; i++) {
        for (int k = 0; k < 5; k++)
            put(&world, 0.18 * k, k);
        step(&world);
        g_assert_cmpint(world.looks, <=, 2);
    }
    g_assert_cmpint(reid_counts(world.reid).looks, ==, 5 * 3); /* and none after a track's first seconds */
    g_assert_cmpint(reid_counts(world.reid).postponed, >, 0);
    world_clear(&world);
}

static void test_runs_that_fail_are_bounded_as_well(void)
{
    struct world world;
    world_init(&world);
    world.settings.reid.looks_per_frame = 2;
    reid_free(world.reid);
    world.reid = reid_new(&world.settings.reid, 0.5);
    world.is_model_broken = true;
    for (int i = 0; i < 20; i++) {
        for (int k = 0; k < 5; k++)
            put(&world, 0.18 * k, k);
        step(&world);
        g_assert_cmpint(world.looks, <=, 2);
    }
    g_assert_cmpint(world.looks, ==, 2);
    world_clear(&world);
}

static void test_more_than_are_kept_is_counted(void)
{
    struct world world;
    world_init(&world);
    world.settings.reid.tracks = 2;
    reid_free(world.reid);
    world.reid = reid_new(&world.settings.reid, 0.5);
    for (int i = 0; i < 10; i++) {
        for (int k = 0; k < 3; k++)
            put(&world, 0.25 * k, k);
        step(&world);
    }
    g_assert_cmpint(reid_counts(world.reid).shed, >, 0);
    assert_ids_differ(&world);
    world_clear(&world);
}

static void test_without_looks_ids_are_the_tracker_s(void)
{
    struct world world;
    world_init(&world);
    world.is_model_broken = true;
    stand(&world, 0.2, 0, 1);
    pass(&world, 2);
    stand(&world, 0.2, 0, 0.5);
    g_assert_cmpuint(id_at(&world, 0.2), ==, 2);
    g_assert_cmpint(reid_counts(world.reid).found, ==, 0);
    g_assert_cmpint(reid_counts(world.reid).postponed, >, 0);
    world_clear(&world);
}

static void test_a_mixture_of_two_is_not_looked_at(void)
{
    struct world world;
    world_init(&world);
    for (int i = 0; i < 10; i++) {
        put(&world, 0.2, 0);
        put(&world, 0.24, 1); /* hides more than half of the other */
        step(&world);
        g_assert_cmpint(world.looks, ==, 0);
    }
    world_clear(&world);
}

/* ---- a real clip ---- */

enum { TRUTH_WIDTH = 768, TRUTH_HEIGHT = 576, CLIP_MOST_IDS = 64 };

struct clip_score {
    int switches, mixed; /* people who got another id; ids that two people had */
};

static char *asset(const char *name)
{
    return g_build_filename(g_getenv("VEDETTE_SHARED"), "assets", name, NULL);
}

/* One row of the annotations, which have every fifth frame. */
struct annotation {
    int frame, person;
    struct record_box box;
};

static GArray *read_truth(const char *path)
{
    FILE *file = fopen(path, "re");
    GArray *rows = g_array_new(FALSE, FALSE, sizeof(struct annotation));
    char line[512];
    g_assert_nonnull(file);
    while (fgets(line, sizeof line, file)) {
        struct annotation row;
        double left, top, width, height;
        if (sscanf(line, "%d,%d,%lf,%lf,%lf,%lf", &row.frame, &row.person, &left, &top, &width, &height) != 6)
            continue;
        row.box =
            (struct record_box){left / TRUTH_WIDTH, top / TRUTH_HEIGHT, width / TRUTH_WIDTH, height / TRUTH_HEIGHT};
        g_array_append_val(rows, row);
    }
    fclose(file);
    return rows;
}

/* Where a person is in a frame: between two annotations, on the straight way. False where it is not. */
static bool find_person(const GArray *truth, int person, int frame, struct record_box *box)
{
    enum { STEP = 5 };
    const struct annotation *before = NULL, *after = NULL;
    for (guint i = 0; i < truth->len; i++) {
        const struct annotation *row = &g_array_index(truth, struct annotation, i);
        if (row->person == person && row->frame <= frame && row->frame > frame - STEP)
            before = row;
        if (row->person == person && row->frame >= frame && row->frame < frame + STEP)
            after = after ? after : row;
    }
    if (!before || !after)
        return false;
    double share = after == before ? 0 : (double)(frame - before->frame) / (after->frame - before->frame);
    *box = (struct record_box){
        before->box.x + share * (after->box.x - before->box.x), before->box.y + share * (after->box.y - before->box.y),
        before->box.w + share * (after->box.w - before->box.w), before->box.h + share * (after->box.h - before->box.h)};
    return true;
}

/* Everybody in a frame, and who each is. */
static void find_people(const GArray *truth, int frame, struct detections *found, int *people)
{
    found->count = 0;
    for (int person = 0; person < CLIP_MOST_IDS; person++) {
        struct record_box box;
        if (!find_person(truth, person, frame, &box))
            continue;
        people[found->count] = person;
        found->items[found->count++] = (struct detection){box, 0.9, g_intern_static_string("person")};
    }
}

struct eyes {
    struct reader *reader;
    const struct frame *frame;
};

static enum reid_answer look_in_clip(void *data, const struct track *track, struct reading *look)
{
    const struct eyes *eyes = data;
    const struct detection object = {.box = track->box};
    return reader_run(eyes->reader, eyes->frame, &object, look, NULL) ? REID_LOOKED : REID_FAILED;
}

/* The confirmed track nearest to a box, or NULL. */
static const struct track *nearest(const struct tracks *tracks, const struct record_box *box)
{
    double least = 0.02;
    const struct track *best = NULL;
    for (int i = 0; i < tracks->count; i++) {
        const struct track *track = &tracks->items[i];
        double off = hypot(track->box.x + track->box.w / 2 - box->x - box->w / 2,
                           track->box.y + track->box.h / 2 - box->y - box->h / 2);
        if (track->state != TRACK_CONFIRMED || off >= least)
            continue;
        least = off;
        best = track;
    }
    return best;
}

static void score_frame(const struct tracks *tracks, const struct detections *found, const int *people,
                        uint64_t ids[CLIP_MOST_IDS], struct clip_score *score)
{
    for (int i = 0; i < found->count; i++) {
        const struct track *track = nearest(tracks, &found->items[i].box);
        uint64_t *id = &ids[people[i]];
        if (!track || *id == track->id)
            continue;
        score->switches += *id != 0;
        for (int other = 0; other < CLIP_MOST_IDS; other++)
            score->mixed += other != people[i] && ids[other] == track->id;
        *id = track->id;
    }
}

static struct clip_score run_clip(struct reader *reader, const struct settings *settings)
{
    enum { FRAMES = 65, FIRST_HIDDEN = 25, LAST_HIDDEN = 45 }; /* of ten a second */
    g_autofree char *video = asset("media/video/vtest_480x360_h264.mp4");
    g_autofree char *path = asset("media/video/vtest_gt_every5_frames1-65.txt");
    g_autofree struct detections *found = g_new0(struct detections, 1);
    g_autoptr(GArray) truth = read_truth(path);
    CLEANUP(tracker) struct tracker *tracker = tracker_new(&settings->tracker, settings->rules.outage_seconds, 1);
    CLEANUP(reid) struct reid *reid = reader ? reid_new(&settings->reid, reader_card(reader)->confidence) : NULL;
    struct media_reader *clip = media_reader_open(video, &settings->source, NULL);
    uint64_t ids[CLIP_MOST_IDS] = {0};
    struct clip_score score = {0};
    struct tracks tracks;
    int people[CLIP_MOST_IDS];
    g_assert_nonnull(clip);
    for (int number = 1; number <= FRAMES; number++) {
        CLEANUP(frame) struct frame *frame = media_reader_next(clip, NULL);
        g_assert_nonnull(frame);
        find_people(truth, number, found, people);
        if (number >= FIRST_HIDDEN && number < LAST_HIDDEN)
            found->count = 0;
        struct eyes eyes = {reader, frame};
        tracker_update(tracker, found, frame->media_us, frame->width_px, frame->height_px, &tracks);
        if (reid)
            reid_update(reid, tracker, &tracks, frame->media_us, (double)frame->width_px / frame->height_px,
                        look_in_clip, &eyes);
        score_frame(&tracks, found, people, ids, &score);
    }
    if (reid)
        g_test_message("%d looks, %d found", (int)reid_counts(reid).looks, (int)reid_counts(reid).found);
    media_reader_free(clip);
    return score;
}

/* Everybody is hidden for two seconds, which is more than the tracker's memory. */
static void test_people_of_a_clip_keep_their_ids(void)
{
    g_autofree char *model = asset("models/person-reidentification-retail-0248.onnx");
    g_autofree char *card = g_build_filename(g_getenv("VEDETTE_SOURCE"), "models/cards",
                                             "person-reidentification-retail-0248.card.json", NULL);
    const struct detector_settings runtime = {.threads = 1, .card = card};
    struct settings settings;
    CLEANUP(reader) struct reader *reader = reader_open(model, &runtime, NULL);
    if (!reader) {
        g_test_skip("the shared model is not here");
        return;
    }
    g_assert_true(media_init(false, NULL));
    record_init(&settings_descriptor, &settings);
    settings.reid.looks_per_frame = 64;
    struct clip_score without = run_clip(NULL, &settings), with = run_clip(reader, &settings);
    g_test_message("switches: %d without looks, %d with; mixed up: %d and %d", without.switches, with.switches,
                   without.mixed, with.mixed);
    g_assert_cmpint(without.switches, >=, 3);
    g_assert_cmpint(2 * with.switches, <=, without.switches);
    g_assert_cmpint(with.mixed, ==, 0);
    record_clear(&settings_descriptor, &settings);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/reid/who was hidden for long keeps its id", test_who_was_hidden_for_long_keeps_its_id);
    g_test_add_func("/reid/a lost track ends when it is found", test_a_lost_track_ends_when_it_is_found);
    g_test_add_func("/reid/who looks otherwise is new", test_who_looks_otherwise_is_new);
    g_test_add_func("/reid/who cannot have got there is new", test_who_cannot_have_got_there_is_new);
    g_test_add_func("/reid/looks are forgotten in time", test_looks_are_forgotten_in_time);
    g_test_add_func("/reid/nobody takes the id of who is there", test_nobody_takes_the_id_of_who_is_there);
    g_test_add_func("/reid/the most alike belong together", test_the_most_alike_belong_together);
    g_test_add_func("/reid/looks are bounded, a frame and a track", test_looks_are_bounded_a_frame_and_a_track);
    g_test_add_func("/reid/runs that fail are bounded as well", test_runs_that_fail_are_bounded_as_well);
    g_test_add_func("/reid/more than are kept is counted", test_more_than_are_kept_is_counted);
    g_test_add_func("/reid/without looks ids are the tracker's", test_without_looks_ids_are_the_tracker_s);
    g_test_add_func("/reid/a mixture of two is not looked at", test_a_mixture_of_two_is_not_looked_at);
    g_test_add_func("/reid/people of a clip keep their ids", test_people_of_a_clip_keep_their_ids);
    return g_test_run();
}
