/* What a scheduler decides when time goes by, jumps, or is set back: the D cases on the pure planner. */
#include <glib.h>
#include <string.h>

#include "jobs/planner.h"

/* 2026-01-01T00:00:00Z, a Thursday */
static const int64_t start_s = INT64_C(1767225600);
enum { MINUTE = 60, HOUR = 3600, DAY = 86400 };

struct world {
    struct zone *zone;
    struct planner *planner;
    struct plan plan;
    size_t job;
    int64_t now_s;
    GArray *decisions;
};

static void world_init(struct world *world, const char *cron, int64_t last_s, int64_t now_s)
{
    static const struct zone_span utc = {INT64_MIN, INT64_MAX, 0};
    *world = (struct world){.zone = zone_new(&utc, 1), .planner = planner_new(), .now_s = now_s};
    world->plan.id = "job";
    world->plan.zone = world->zone;
    world->plan.grace_s = HOUR;
    world->plan.misfire = MISFIRE_LATEST;
    world->plan.overlap = OVERLAP_SKIP;
    world->plan.max_instances = 1;
    g_assert_true(cron_parse(cron, &world->plan.cron, NULL));
    world->decisions = g_array_new(FALSE, FALSE, sizeof(struct planner_decision));
    world->job = planner_add(world->planner, &world->plan, last_s, false, now_s);
}

/* The same with another plan than the usual. */
static void world_replan(struct world *world, int64_t last_s)
{
    planner_free(world->planner);
    world->planner = planner_new();
    world->job = planner_add(world->planner, &world->plan, last_s, false, world->now_s);
}

static void world_clear(struct world *world)
{
    g_array_unref(world->decisions);
    planner_free(world->planner);
    zone_free(world->zone);
}

/* What was decided since the last time, as "run 60" or "skip missed 0-59", seconds since the start. */
static char *take_decisions(struct world *world)
{
    static const char *const actions[] = {"run", "skip", "cancel", NULL};
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < world->decisions->len; i++) {
        const struct planner_decision *decision = &g_array_index(world->decisions, struct planner_decision, i);
        g_string_append_printf(text, "%s%s", i ? ", " : "", record_enum_name(actions, decision->action));
        if (decision->action == PLANNER_SKIP)
            g_string_append_printf(text, " %s %d-%d", record_enum_name(skip_reason_names, decision->reason),
                                   (int)(decision->scheduled_s - start_s), (int)(decision->until_s - start_s));
        else
            g_string_append_printf(text, " %d", (int)(decision->scheduled_s - start_s));
    }
    g_array_set_size(world->decisions, 0);
    return g_string_free(text, FALSE);
}

static void expect(struct world *world, const char *expected)
{
    g_autofree char *decided = take_decisions(world);
    g_assert_cmpstr(decided, ==, expected);
}

static void go(struct world *world, int64_t to_s, const char *expected)
{
    world->now_s = start_s + to_s;
    planner_advance(world->planner, world->now_s, world->decisions);
    expect(world, expected);
}

static void end(struct world *world, const char *expected)
{
    planner_ended(world->planner, world->job, world->now_s, world->decisions);
    expect(world, expected);
}

static void test_d04_down_for_three_hours(void)
{
    static const struct {
        enum misfire_policy misfire;
        int64_t grace_s;
        const char *decided, *after_end;
    } policies[] = {
        /* down from 00:30 until 03:30; due at 1:00, 2:00 and 3:00 */
        {MISFIRE_NONE, 4 * HOUR, "skip missed 3600-12539", NULL},
        {MISFIRE_LATEST, 4 * HOUR, "skip coalesced 3600-7200, run 10800", ""},
        {MISFIRE_ALL, 4 * HOUR, "run 3600", "run 7200"},
        {MISFIRE_LATEST, HOUR, "skip missed 3600-8999, run 10800", ""},
        {MISFIRE_ALL, 2 * HOUR, "skip missed 3600-5399, run 7200", "run 10800"},
        {MISFIRE_LATEST, 600, "skip missed 3600-11999", NULL},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(policies); i++) {
        struct world world;
        world_init(&world, "0 * * * *", start_s, start_s + 3 * HOUR + 30 * MINUTE);
        world.plan.misfire = policies[i].misfire;
        world.plan.grace_s = policies[i].grace_s;
        world_replan(&world, start_s);
        go(&world, 3 * HOUR + 30 * MINUTE, policies[i].decided);
        if (policies[i].after_end)
            end(&world, policies[i].after_end);
        go(&world, 3 * HOUR + 59 * MINUTE, "");
        world_clear(&world);
    }
}

static void test_d04_grace_to_the_second(void)
{
    for (int late_s = 599; late_s <= 601; late_s++) {
        struct world world;
        world_init(&world, "0 * * * *", start_s, start_s + HOUR + late_s);
        world.plan.grace_s = 600;
        world_replan(&world, start_s);
        go(&world, HOUR + late_s, late_s <= 600 ? "run 3600" : "skip missed 3600-3600");
        world_clear(&world);
    }
}

static void test_d04_a_year_away_is_a_few_decisions(void)
{
    struct world world;
    world_init(&world, "* * * * *", start_s, start_s + 365 * (int64_t)DAY);
    world.plan.misfire = MISFIRE_ALL;
    world.plan.grace_s = DAY;
    world_replan(&world, start_s);
    planner_advance(world.planner, world.now_s, world.decisions);
    g_assert_cmpuint(world.decisions->len, <=, 4);
    world_clear(&world);
}

static void test_d05_overlap(void)
{
    static const struct {
        enum overlap_policy overlap;
        const char *at_second, *at_third, *at_end;
    } policies[] = {
        {OVERLAP_SKIP, "skip overlap 7200-7200", "skip overlap 10800-10800", ""},
        {OVERLAP_QUEUE, "", "skip overlap 10800-10800", "skip missed 7200-7200"},
        {OVERLAP_CANCEL, "cancel 7200", "skip overlap 10800-10800", "skip missed 7200-7200"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(policies); i++) {
        struct world world;
        world_init(&world, "0 * * * *", 0, start_s);
        world.plan.overlap = policies[i].overlap;
        world_replan(&world, 0);
        go(&world, HOUR, "run 3600");
        go(&world, 2 * HOUR, policies[i].at_second);
        go(&world, 3 * HOUR, policies[i].at_third);
        world.now_s += 30 * MINUTE;
        end(&world, policies[i].at_end); /* an hour and a half late: beyond the grace */
        world_clear(&world);
    }
}

static void test_d05_what_waited_runs_when_the_other_ends(void)
{
    struct world world;
    world_init(&world, "0 * * * *", 0, start_s);
    world.plan.overlap = OVERLAP_QUEUE;
    world_replan(&world, 0);
    go(&world, HOUR, "run 3600");
    go(&world, 2 * HOUR, "");
    world.now_s += 10 * MINUTE;
    end(&world, "run 7200");
    end(&world, "");
    g_assert_cmpint(planner_running(world.planner, world.job), ==, 0);
    world_clear(&world);
}

static void test_d05_two_instances(void)
{
    struct world world;
    world_init(&world, "0 * * * *", 0, start_s);
    world.plan.max_instances = 2;
    world_replan(&world, 0);
    go(&world, HOUR, "run 3600");
    go(&world, 2 * HOUR, "run 7200");
    go(&world, 3 * HOUR, "skip overlap 10800-10800");
    world_clear(&world);
}

static void test_d06_clock_set_back(void)
{
    struct world world;
    world_init(&world, "*/30 * * * *", 0, start_s);
    go(&world, HOUR, "skip coalesced 1800-1800, run 3600");
    end(&world, "");
    go(&world, 10, ""); /* an hour back: no burst */
    /* Times come again; that they were run is known by their rows, and the claim is refused. */
    go(&world, 30 * MINUTE, "run 1800");
    end(&world, "");
    go(&world, HOUR, "run 3600");
    end(&world, "");
    go(&world, HOUR + 30 * MINUTE, "run 5400");
    world_clear(&world);
}

static void test_d06_clock_set_forward(void)
{
    struct world world;
    world_init(&world, "0 * * * *", 0, start_s);
    go(&world, HOUR, "run 3600");
    end(&world, "");
    go(&world, DAY + HOUR + 30 * MINUTE, "skip missed 7200-88199, run 90000"); /* one, not twenty-four */
    end(&world, "");
    go(&world, DAY + 2 * HOUR, "run 93600");
    world_clear(&world);
}

static void test_d06_a_time_of_a_wrong_clock_holds_nothing_up(void)
{
    struct world world;
    world_init(&world, "0 * * * *", start_s + 400 * (int64_t)DAY, start_s);
    go(&world, HOUR, "run 3600");
    world_clear(&world);
}

static void test_d09_jitter(void)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_direct_hash, g_direct_equal);
    for (int i = 0; i < 1000; i++) {
        g_autofree char *id = g_strdup_printf("job-%d", i);
        const struct plan plan = {.id = id, .jitter_s = 300};
        int64_t jitter_s = planner_jitter(&plan);
        g_assert_cmpint(jitter_s, >=, 0);
        g_assert_cmpint(jitter_s, <=, 300);
        g_assert_cmpint(planner_jitter(&plan), ==, jitter_s);
        g_hash_table_add(seen, GINT_TO_POINTER((int)jitter_s));
    }
    g_assert_cmpuint(g_hash_table_size(seen), >, 250);
    struct world world;
    world_init(&world, "0 * * * *", 0, start_s);
    world.plan.jitter_s = 300;
    world_replan(&world, 0);
    int64_t jitter_s = planner_jitter(&world.plan);
    g_assert_cmpint(jitter_s, >, 0);
    for (int hour = 1; hour < 4; hour++) {
        g_autofree char *run = g_strdup_printf("run %d", hour * HOUR); /* known by its nominal time */
        go(&world, hour * HOUR + jitter_s - 1, "");
        go(&world, hour * HOUR + jitter_s, run);
        end(&world, "");
    }
    world_clear(&world);
}

static void test_d11_paused_and_edited_while_due(void)
{
    struct world world;
    world_init(&world, "0 * * * *", 0, start_s);
    world.plan.overlap = OVERLAP_QUEUE;
    world_replan(&world, 0);
    planner_pause(world.planner, world.job, true, start_s, world.decisions);
    go(&world, HOUR, "skip paused 3600-3600");
    planner_pause(world.planner, world.job, false, world.now_s, world.decisions);
    go(&world, 2 * HOUR, "run 7200");
    go(&world, 3 * HOUR, ""); /* waits */
    planner_pause(world.planner, world.job, true, world.now_s, world.decisions);
    expect(&world, "skip paused 10800-10800");
    end(&world, "");
    g_assert_true(planner_run_now(world.planner, world.job, world.now_s, world.decisions));
    expect(&world, "run 10800"); /* by hand it runs all the same */
    g_assert_false(planner_run_now(world.planner, world.job, world.now_s, world.decisions));
    end(&world, "");
    planner_pause(world.planner, world.job, false, world.now_s, world.decisions);
    /* due, and edited before the turn came */
    g_assert_true(cron_parse("30 * * * *", &world.plan.cron, NULL));
    planner_edit(world.planner, world.job, &world.plan, start_s + 4 * HOUR, world.decisions);
    expect(&world, "skip edited 14400-14400");
    go(&world, 4 * HOUR, "");
    go(&world, 4 * HOUR + 30 * MINUTE, "run 16200");
    world_clear(&world);
}

static void test_d08_a_new_zone_leaves_what_was_run(void)
{
    static const struct zone_span later[] = {{INT64_MIN, INT64_MAX, -1800}};
    CLEANUP(zone) struct zone *zone = zone_new(later, 1);
    struct world world;
    world_init(&world, "0 * * * *", 0, start_s);
    go(&world, HOUR, "run 3600");
    end(&world, "");
    planner_set_zone(world.planner, world.job, zone);
    go(&world, HOUR + 1, "");
    go(&world, HOUR + 30 * MINUTE, "run 5400");
    world_clear(&world);
}

static void test_d11_paused_at_the_start(void)
{
    struct world world;
    world_init(&world, "0 * * * *", 0, start_s + 2 * HOUR);
    planner_free(world.planner);
    world.planner = planner_new();
    world.job = planner_add(world.planner, &world.plan, start_s, true, world.now_s);
    go(&world, 2 * HOUR, "skip paused 3600-7200");
    world_clear(&world);
}

static void test_d11_editing_drops_what_waits(void)
{
    struct world world;
    world_init(&world, "0 * * * *", 0, start_s);
    world.plan.overlap = OVERLAP_QUEUE;
    world_replan(&world, 0);
    go(&world, HOUR, "run 3600");
    go(&world, 2 * HOUR, "");
    planner_edit(world.planner, world.job, &world.plan, world.now_s, world.decisions);
    expect(&world, "skip edited 7200-7200");
    end(&world, "");
    world_clear(&world);
}

static void test_d12_ten_thousand_jobs_in_one_second(void)
{
    struct world world;
    world_init(&world, "0 * * * *", 0, start_s);
    planner_free(world.planner);
    world.planner = planner_new();
    for (int i = 0; i < 10000; i++) {
        g_autofree char *id = g_strdup_printf("job-%d", i);
        world.plan.id = id;
        planner_add(world.planner, &world.plan, 0, false, start_s);
    }
    planner_advance(world.planner, start_s + HOUR, world.decisions);
    g_assert_cmpuint(world.decisions->len, ==, 10000);
    g_array_set_size(world.decisions, 0);
    planner_advance(world.planner, start_s + HOUR, world.decisions);
    g_assert_cmpuint(world.decisions->len, ==, 0);
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/planner/d04_down_for_three_hours", test_d04_down_for_three_hours);
    g_test_add_func("/planner/d04_grace_to_the_second", test_d04_grace_to_the_second);
    g_test_add_func("/planner/d04_a_year_away_is_a_few_decisions", test_d04_a_year_away_is_a_few_decisions);
    g_test_add_func("/planner/d05_overlap", test_d05_overlap);
    g_test_add_func("/planner/d05_what_waited_runs_when_the_other_ends", test_d05_what_waited_runs_when_the_other_ends);
    g_test_add_func("/planner/d05_two_instances", test_d05_two_instances);
    g_test_add_func("/planner/d06_clock_set_back", test_d06_clock_set_back);
    g_test_add_func("/planner/d06_clock_set_forward", test_d06_clock_set_forward);
    g_test_add_func("/planner/d06_a_time_of_a_wrong_clock_holds_nothing_up",
                    test_d06_a_time_of_a_wrong_clock_holds_nothing_up);
    g_test_add_func("/planner/d09_jitter", test_d09_jitter);
    g_test_add_func("/planner/d11_paused_and_edited_while_due", test_d11_paused_and_edited_while_due);
    g_test_add_func("/planner/d08_a_new_zone_leaves_what_was_run", test_d08_a_new_zone_leaves_what_was_run);
    g_test_add_func("/planner/d11_paused_at_the_start", test_d11_paused_at_the_start);
    g_test_add_func("/planner/d11_editing_drops_what_waits", test_d11_editing_drops_what_waits);
    g_test_add_func("/planner/d12_ten_thousand_jobs_in_one_second", test_d12_ten_thousand_jobs_in_one_second);
    return g_test_run();
}
