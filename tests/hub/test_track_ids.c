/* Track ids are never given twice, whatever the clock and the store do between two starts. */
#include "../store/store_world.h"
#include "hub/track_ids.h"

static struct track_ids *start(struct store_world *world)
{
    g_autoptr(GError) error = NULL;
    struct track_ids *ids = track_ids_new(world->store, world->directory, world->clock, &error);
    g_assert_no_error(error);
    return ids;
}

static int64_t take(struct store_world *world, bool has_store)
{
    struct track_ids *ids = start(world);
    if (has_store)
        g_assert_true(track_ids_settle(ids, NULL));
    int64_t base = track_ids_take(ids);
    track_ids_free(ids); /* which keeps it */
    return base;
}

static void set_back(struct store_world *world)
{
    clock_fake_step_wall_ms(world->clock, -86400 * INT64_C(1000));
}

/* H11: the store is not asked at this start, and the clock was set back a day. */
static void test_h11_ids_without_the_store_go_on_from_the_file(void)
{
    struct store_world world;
    world_init(&world);
    int64_t first = take(&world, true);
    set_back(&world);
    int64_t second = take(&world, false);
    g_assert_cmpint(second, >, first);
    set_back(&world);
    g_assert_cmpint(take(&world, false), >, second);
    world_clear(&world);
}

/* The data directory is a new one: what the store has counts, once it is there. */
static void test_h11_ids_go_on_from_the_store_when_it_comes(void)
{
    struct store_world world;
    world_init(&world);
    int64_t first = take(&world, true);
    g_autofree char *path = g_build_filename(world.directory, "track_ids", NULL);
    g_assert_cmpint(g_unlink(path), ==, 0);
    set_back(&world);
    struct track_ids *ids = start(&world);
    g_assert_true(track_ids_settle(ids, NULL));
    g_assert_true(track_ids_settle(ids, NULL)); /* it may be done again */
    g_assert_cmpint(track_ids_take(ids), >, first);
    track_ids_free(ids);
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/track-ids/H11 ids without the store go on from the file",
                    test_h11_ids_without_the_store_go_on_from_the_file);
    g_test_add_func("/track-ids/H11 ids go on from the store when it comes",
                    test_h11_ids_go_on_from_the_store_when_it_comes);
    return g_test_run();
}
