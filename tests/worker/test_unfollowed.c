/* Who stands still is no thing that was left, also where rules hear nothing of them. */
#include "masks_model.h"

enum { USUAL_SECONDS = 15, LEFT_SECONDS = 5, STANDS_SECONDS = 20 };
static const struct record_box all = {0, 0, 1, 1};

static void pass(struct masks_world *world, const struct record_box *figure, int seconds)
{
    for (int i = 0; i < seconds * 1000 / MASKS_EVERY_MS; i++)
        masks_feed(world, figure);
}

/* Somebody comes and stands where a policy follows cars alone. How often they were
 * told as a thing. */
static int stand_unfollowed(struct detector *detector)
{
    struct masks_world world;
    masks_world_init(&world, 0, detector);
    masks_tell(&world, ZONE_AREA, &all)->left_seconds = LEFT_SECONDS;
    world.told.classes.items = g_new0(char *, 1);
    world.told.classes.items[world.told.classes.count++] = g_strdup("car");
    pipeline_configure(world.pipeline, &world.told);
    pass(&world, NULL, USUAL_SECONDS);
    pass(&world, &masks_inside, STANDS_SECONDS);
    g_assert_cmpint(pipeline_tracks(world.pipeline)->count, ==, 0);
    int things = world.things_left;
    masks_world_clear(&world);
    return things;
}

static void test_who_is_not_followed_is_no_thing(void)
{
    struct detector *here = masks_model_inside(), *elsewhere = masks_model_open(1, 1, 3, 5);
    g_assert_cmpint(stand_unfollowed(elsewhere), ==, 1); /* what the model takes for nobody is told */
    g_assert_cmpint(stand_unfollowed(here), ==, 0);
    detector_free(here);
    detector_free(elsewhere);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/unfollowed/who is not followed is no thing", test_who_is_not_followed_is_no_thing);
    return g_test_run();
}
