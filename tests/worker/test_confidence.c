/* How sure the model must be is the camera's own: a policy asks for more of it and for less than card and settings do,
 * from the next picture on, and hides no less for that. */
#include "masks_model.h"

#include "worker/pipeline_internal.h"

enum { USUAL_FRAMES = 15 };
static const struct record_box chest = {0.72, 0.4, 0.08, 0.3};

static void tell(struct masks_world *world, double confidence)
{
    world->told.detector.confidence = confidence;
    pipeline_configure(world->pipeline, &world->told);
}

/* Somebody stands there since before the background was learnt: the model alone knows of them. */
static void stand(struct masks_world *world, int frames)
{
    for (int i = 0; i < frames; i++)
        masks_feed(world, &masks_inside);
}

static bool is_hidden(struct masks_world *world)
{
    return masks_previewed(world, &chest) < MASKS_HIDDEN;
}

static void test_a_policy_asks_for_more_and_for_less(void)
{
    static const struct {
        double score, card, settings, policy;
        bool is_followed, is_hidden;
    } cases[] = {
        {0.65, 0.8, 0, 0, false, false},    {0.65, 0.8, 0, 0.6, true, true},  {0.65, 0.8, 0.7, 0.6, true, true},
        {0.65, 0.8, 0.6, 0.6, true, true},  {0.85, 0.8, 0, 0.9, false, true}, /* rules hear nothing of them: they are
                                                                                 there all the same */
        {0.65, 0.8, 0.6, 0.7, false, true}, {0.65, 0.8, 0.6, 0, false, true}, /* back to the card's */
        {0.65, 0.6, 0.8, 0, true, true},    {0.45, 0.8, 0, 0.4, false, true}, /* too unsure to begin a track */
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct masks_world world;
        CLEANUP(detector) struct detector *detector = masks_model_unsure(cases[i].score, cases[i].card);
        masks_world_init_sure(&world, detector, cases[i].settings);
        tell(&world, cases[i].policy);
        stand(&world, USUAL_FRAMES);
        g_test_message("case %zu", i);
        g_assert_cmpint(masks_count_right(&world), ==, cases[i].is_followed);
        g_assert_cmpint(is_hidden(&world), ==, cases[i].is_hidden);
        masks_world_clear(&world);
    }
}

/* A picture in which nothing moves is not looked at for seconds: what was held of it is by another threshold. */
static void test_the_next_picture_is_looked_at_by_it(void)
{
    struct masks_world world;
    CLEANUP(detector) struct detector *detector = masks_model_unsure(0.65, 0.8);
    masks_world_init(&world, 0, detector);
    stand(&world, USUAL_FRAMES);
    int64_t runs = world.health.detector_runs;
    stand(&world, 1);
    g_assert_cmpint(world.health.detector_runs, ==, runs);
    tell(&world, 0.6);
    stand(&world, 1);
    g_assert_cmpint(world.health.detector_runs, ==, runs + 1);
    g_assert_true(is_hidden(&world));
    tell(&world, 0.6);
    g_assert_true(world.pipeline->gate.has_run); /* it says the same: no reason to look */
    masks_world_clear(&world);
}

static void test_cameras_that_share_a_model_have_each_their_own(void)
{
    static const double confidences[] = {0.6, 0, 0.9};
    struct masks_world worlds[G_N_ELEMENTS(confidences)];
    CLEANUP(detector) struct detector *detector = masks_model_unsure(0.65, 0.8);
    for (size_t i = 0; i < G_N_ELEMENTS(worlds); i++) {
        masks_world_init(&worlds[i], 0, detector);
        tell(&worlds[i], confidences[i]);
    }
    for (int frame = 0; frame < USUAL_FRAMES; frame++)
        for (size_t i = 0; i < G_N_ELEMENTS(worlds); i++)
            stand(&worlds[i], 1);
    for (size_t i = 0; i < G_N_ELEMENTS(worlds); i++) {
        g_assert_cmpint(masks_count_right(&worlds[i]), ==, i == 0);
        g_assert_cmpint(is_hidden(&worlds[i]), ==, i == 0);
        masks_world_clear(&worlds[i]);
    }
}

/* How many are followed and in sight some seconds after the model has become less sure of somebody. */
static int followed_later(double policy)
{
    struct masks_world world;
    CLEANUP(detector) struct detector *sure = masks_model_unsure(0.95, 0.5), *unsure = masks_model_unsure(0.4, 0.5);
    masks_world_init(&world, 0, sure);
    world.told.detector.is_gated = false;
    tell(&world, policy);
    stand(&world, USUAL_FRAMES);
    g_assert_cmpint(masks_count_right(&world), ==, 1);
    world.pipeline->detector = unsure;
    stand(&world, USUAL_FRAMES);
    int followed = masks_count_right(&world);
    masks_world_clear(&world);
    return followed;
}

/* The tracker's second association is fed by what is below its own thresholds. */
static void test_what_is_less_sure_keeps_a_track(void)
{
    g_assert_cmpint(followed_later(0.3), ==, 1);
    g_assert_cmpint(followed_later(0), ==, 0);
}

/* What the card says is known only then: until a camera asks, neither threshold is. */
static void test_a_model_that_is_loaded_later_is_asked_by_it(void)
{
    struct masks_world world;
    char *directory;
    CLEANUP(detector) struct detector *detector = masks_model_missing(&directory);
    masks_world_init(&world, 0, detector);
    tell(&world, 0.2); /* the card will say 0.3 */
    stand(&world, 2);
    masks_model_bring(directory);
    clock_fake_advance_us(world.clock, 60 * G_USEC_PER_SEC);
    for (int i = 0; i < 10 && world.health.detector_failing; i++)
        stand(&world, 1);
    g_assert_cmpint(world.health.detector_failing, ==, 0);
    g_assert_cmpfloat_with_epsilon(world.pipeline->looks_from, 0.2, 1e-6);
    tell(&world, 0.9);
    stand(&world, 1);
    g_assert_cmpfloat_with_epsilon(world.pipeline->looks_from, 0.3, 1e-6); /* hides no less */
    masks_world_clear(&world);
    masks_model_remove(directory);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/confidence/a model that is loaded later is asked by it",
                    test_a_model_that_is_loaded_later_is_asked_by_it);
    g_test_add_func("/confidence/a policy asks for more and for less", test_a_policy_asks_for_more_and_for_less);
    g_test_add_func("/confidence/the next picture is looked at by it", test_the_next_picture_is_looked_at_by_it);
    g_test_add_func("/confidence/cameras that share a model have each their own",
                    test_cameras_that_share_a_model_have_each_their_own);
    g_test_add_func("/confidence/what is less sure keeps a track", test_what_is_less_sure_keeps_a_track);
    return g_test_run();
}
