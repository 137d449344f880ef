/* Where stored tracks are cut into pieces. */
#include "worker/track_log.h"

enum { CHUNK_SECONDS = 60, FRAME_US = 200000 };
static const int64_t start_ms = 1700000000000;

struct world {
    struct clock *clock;
    struct track_log *log;
    int64_t media_us;
    int chunks;
    struct track_chunk last; /* its texts are gone */
};

static void on_chunk(void *data, struct track_chunk *chunk)
{
    struct world *world = data;
    world->chunks++;
    world->last = *chunk;
}

static void world_init(struct world *world)
{
    *world = (struct world){.clock = clock_fake_new(start_ms)};
    world->log = track_log_new(world->clock, CHUNK_SECONDS, &(struct track_log_sink){on_chunk, world});
}

static void world_clear(struct world *world)
{
    track_log_free(world->log);
    clock_fake_free(world->clock);
}

static void add(struct world *world, int frames)
{
    for (int i = 0; i < frames; i++) {
        track_log_add(world->log,
                      &(struct observation){.at_ms = start_ms + world->media_us / 1000, .media_us = world->media_us});
        world->media_us += FRAME_US;
        clock_fake_advance_us(world->clock, FRAME_US);
    }
}

static void test_a_piece_ends_with_its_time(void)
{
    struct world world;
    world_init(&world);
    add(&world, CHUNK_SECONDS * G_USEC_PER_SEC / FRAME_US);
    g_assert_cmpint(world.chunks, ==, 0);
    add(&world, 1);
    g_assert_cmpint(world.chunks, ==, 1);
    g_assert_cmpint(world.last.frames, ==, CHUNK_SECONDS * G_USEC_PER_SEC / FRAME_US);
    world_clear(&world);
}

static void test_a_piece_ends_without_a_frame_as_well(void)
{
    struct world world;
    world_init(&world);
    track_log_pass_time(world.log);
    add(&world, 10);
    clock_fake_advance_us(world.clock, CHUNK_SECONDS * G_USEC_PER_SEC - 10 * FRAME_US - 1);
    track_log_pass_time(world.log);
    g_assert_cmpint(world.chunks, ==, 0);
    clock_fake_advance_us(world.clock, 1);
    track_log_pass_time(world.log);
    g_assert_cmpint(world.chunks, ==, 1);
    g_assert_cmpint(world.last.frames, ==, 10);
    g_assert_cmpint(world.last.from_at.ms, ==, start_ms);
    g_assert_cmpint(world.last.to_at.ms, ==, start_ms + 9 * FRAME_US / 1000);
    g_assert_false(world.last.is_last);
    clock_fake_advance_us(world.clock, 10 * CHUNK_SECONDS * (int64_t)G_USEC_PER_SEC);
    track_log_pass_time(world.log); /* and nothing is open now */
    g_assert_cmpint(world.chunks, ==, 1);
    world_clear(&world);
}

/* What comes after an outage is in a piece of its own, which begins with it. */
static void test_the_next_frame_begins_the_next_piece(void)
{
    struct world world;
    world_init(&world);
    add(&world, 10);
    clock_fake_advance_us(world.clock, CHUNK_SECONDS * G_USEC_PER_SEC);
    track_log_pass_time(world.log);
    world.media_us += 100 * G_USEC_PER_SEC;
    add(&world, 5);
    track_log_pass_time(world.log);
    g_assert_cmpint(world.chunks, ==, 1);
    track_log_finish(world.log);
    g_assert_cmpint(world.chunks, ==, 2);
    g_assert_cmpint(world.last.number, ==, 2);
    g_assert_cmpint(world.last.frames, ==, 5);
    g_assert_cmpint(world.last.from_at.ms, ==, start_ms + (world.media_us - 5 * FRAME_US) / 1000);
    g_assert_true(world.last.is_last);
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/track log/a piece ends with its time", test_a_piece_ends_with_its_time);
    g_test_add_func("/track log/a piece ends without a frame as well", test_a_piece_ends_without_a_frame_as_well);
    g_test_add_func("/track log/the next frame begins the next piece", test_the_next_frame_begins_the_next_piece);
    return g_test_run();
}
