/* Answers to Idempotency-Keys: none outlives its time because its org asks no more, and an org's take no more room than
 * they may. */
#include "built_in_world.h"
#include "store/kept_answers.h"
#include "store/places.h"
#include "store/upkeep_world.h"

#include <string.h>

static void keep(struct store_world *world, const char *org_id, const char *key, size_t bytes, int64_t max_bytes)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *body = g_strnfill(bytes, 'x');
    const struct kept_answer answer = {.org_id = (char *)(uintptr_t)org_id,
                                       .key = (char *)(uintptr_t)key,
                                       .request_sha256 = (char *)"0",
                                       .status = 201,
                                       .content_type = (char *)"application/json",
                                       .body = body,
                                       .created_at = {clock_wall_ms(world->clock)}};
    store_answer_keep(world->store, &answer, max_bytes, &error);
    g_assert_no_error(error);
    move_to(world, clock_wall_ms(world->clock) + 1000);
}

/* Under which nothing was asked yet. */
static void claim(struct store_world *world, const char *org_id, const char *key, int max_keys)
{
    g_autoptr(GError) error = NULL;
    const struct store_answer_claim claim = {org_id, key, "0", DAY, MINUTE, max_keys};
    struct kept_answer *kept = NULL;
    store_answer_claim(world->store, &claim, &kept, &error);
    g_assert_no_error(error);
    g_assert_null(kept);
    move_to(world, clock_wall_ms(world->clock) + 1000);
}

static void assert_keys(const struct store_world *world, const char *expected)
{
    g_autofree char *keys = ask(world, "SELECT key FROM kept_answers ORDER BY org_id, key");
    g_assert_cmpstr(keys, ==, expected);
}

static void make_org(struct store_world *world, const char *id)
{
    g_autoptr(GError) error = NULL;
    struct org org = {.id = (char *)(uintptr_t)id, .name = (char *)(uintptr_t)id};
    store_org_create(world->store, &org, &by_admin, &error);
    g_assert_no_error(error);
}

static void run_job(struct store_world *world, const struct settings *settings, const char *expected)
{
    g_autoptr(GString) detail = g_string_new(NULL);
    run_built_in(world, settings, find_built_in("forget_kept_answers"), detail);
    g_assert_cmpstr(detail->str, ==, expected);
}

static void test_the_old_ones_of_all_orgs_go(void)
{
    struct store_world world;
    struct settings settings;
    world_init(&world);
    record_init(&settings_descriptor, &settings);
    settings.http.idempotency_minutes = 30;
    settings.retention.batch_rows = 2;
    settings.retention.pause_ms = 0;
    make_org(&world, "a");
    make_org(&world, "b");
    keep(&world, "a", "a1", 10, DAY);
    keep(&world, "a", "a2", 10, DAY);
    keep(&world, "a", "a3", 10, DAY);
    claim(&world, "b", "b1", 10); /* its server ended before there was an answer */
    move_to(&world, world_start_ms + 20 * MINUTE);
    keep(&world, "a", "a4", 10, DAY);
    keep(&world, "b", "b2", 10, DAY);
    run_job(&world, &settings, "no kept answer was old enough");
    assert_keys(&world, "a1 a2 a3 a4 b1 b2");
    move_to(&world, world_start_ms + 40 * MINUTE);
    run_job(&world, &settings, "a: 3 of kept_answers; b: 1 of kept_answers");
    assert_keys(&world, "a4 b2");
    g_assert_cmpint(world.health.retention_deleted, ==, 4);
    g_assert_cmpint(world.health.kept_answers_forgotten, ==, 0);
    record_clear(&settings_descriptor, &settings);
    world_clear(&world);
}

static void test_the_oldest_give_way_to_large_ones(void)
{
    struct store_world world;
    world_init(&world);
    keep(&world, "b", "other", 5000, 10000); /* another org's */
    claim(&world, "default", "busy", 10);
    keep(&world, "default", "k1", 4000, 10000);
    keep(&world, "default", "k2", 4000, 10000);
    keep(&world, "default", "k3", 2000, 10000);
    assert_keys(&world, "other busy k1 k2 k3");
    keep(&world, "default", "k4", 1, 10000);
    assert_keys(&world, "other busy k2 k3 k4");
    g_assert_cmpint(world.health.kept_answers_forgotten, ==, 1);
    keep(&world, "default", "k5", 20000, 10000); /* what was answered last is given again whatever it takes */
    assert_keys(&world, "other busy k5");
    keep(&world, "default", "k6", 10000, 10000);
    assert_keys(&world, "other busy k6");
    g_assert_cmpint(world.health.kept_answers_forgotten, ==, 5);
    world_clear(&world);
}

static void test_the_oldest_give_way_to_many(void)
{
    struct store_world world;
    world_init(&world);
    keep(&world, "default", "k1", 10, DAY);
    keep(&world, "default", "k2", 10, DAY);
    claim(&world, "default", "k3", 2);
    assert_keys(&world, "k2 k3");
    g_assert_cmpint(world.health.kept_answers_forgotten, ==, 1);
    world_clear(&world);
}

#define CASE(name) g_test_add_func("/kept_answers/" #name, test_##name)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    if (world_is_missing())
        return 0;
    CASE(the_old_ones_of_all_orgs_go);
    CASE(the_oldest_give_way_to_large_ones);
    CASE(the_oldest_give_way_to_many);
    return g_test_run();
}
