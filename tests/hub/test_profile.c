/* From two looks at the counts to what is told, and times that a worker makes up. */
#include "hub/profile.h"

#include "api/api.h"
#include "hub/path_times.h"

#include <glib.h>
#include <string.h>

static struct camera_latencies *add_camera(struct profile_look *look, const char *id)
{
    struct camera_latencies *camera = g_new0(struct camera_latencies, 1);
    g_hash_table_insert(look->cameras, g_strdup(id), camera);
    return camera;
}

static void note_frames(struct camera_latencies *camera, int frames)
{
    for (int i = 0; i < frames; i++) {
        latency_note(&camera->stages[STAGE_WAIT], 7000000);
        latency_note(&camera->stages[STAGE_MOTION], 1000000);
        latency_note(&camera->stages[STAGE_FRAME], 4000000);
    }
}

static const struct profile_part *find_part(const struct profile_report *report, enum profile_part_kind kind,
                                            const char *name)
{
    const struct profile_part *parts = report->parts.items;
    for (size_t i = 0; i < report->parts.count; i++)
        if (parts[i].kind == kind && strcmp(parts[i].name, name) == 0)
            return &parts[i];
    return NULL;
}

static const struct profile_stage *find_stage(const struct profile_part *part, const char *name)
{
    const struct profile_stage *stages = part->stages.items;
    for (size_t i = 0; i < part->stages.count; i++)
        if (strcmp(stages[i].stage, name) == 0)
            return &stages[i];
    return NULL;
}

static void test_what_came_between_is_told(void)
{
    struct profile_look *before = profile_look_new(), *after = profile_look_new();
    struct profile_report report;
    note_frames(add_camera(before, "door"), 10);
    note_frames(add_camera(after, "door"), 30);
    note_frames(add_camera(after, "added"), 5);
    note_frames(add_camera(before, "gone"), 5);
    note_frames(add_camera(before, "restarted"), 50);
    note_frames(add_camera(after, "restarted"), 3);
    profile_report_make(before, after, 2.5, &report);
    g_assert_cmpfloat(report.seconds, ==, 2.5);
    g_assert_cmpint(find_part(&report, PROFILE_CAMERA, "door")->count, ==, 20);
    g_assert_cmpint(find_part(&report, PROFILE_CAMERA, "added")->count, ==, 5);
    g_assert_cmpint(find_part(&report, PROFILE_CAMERA, "restarted")->count, ==, 3);
    g_assert_null(find_part(&report, PROFILE_CAMERA, "gone"));
    const struct profile_part *all = find_part(&report, PROFILE_CAMERAS, "all");
    g_assert_cmpint(all->count, ==, 28);
    const struct profile_stage *motion = find_stage(all, "motion");
    g_assert_cmpfloat_with_epsilon(motion->total_ms, 28, 1e-9);
    g_assert_cmpfloat_with_epsilon(motion->mean_ms, 1, 1e-9);
    g_assert_cmpfloat_with_epsilon(motion->share.value, 0.25, 1e-9);
    g_assert_false(find_stage(all, "wait")->share.is_present); /* before an analyser had the frame */
    g_assert_null(find_stage(all, "detect"));
    record_clear(&profile_report_descriptor, &report);
    profile_look_free(before);
    profile_look_free(after);
}

static void test_who_did_not_answer_is_left_out_and_named(void)
{
    struct profile_look *before = profile_look_new(), *after = profile_look_new();
    struct profile_report report;
    static const char *const cameras[][2] = {
        {"early", "a"}, {"late", "b"}, {"late too", "b"}, {"silent", "c"}, {"moved", "c"}};
    for (size_t i = 0; i < G_N_ELEMENTS(cameras); i++) {
        profile_look_await(before, cameras[i][0], cameras[i][1]);
        profile_look_await(after, cameras[i][0], cameras[i][1]);
    }
    profile_look_answered(before, "a");
    note_frames(add_camera(before, "early"), 10);
    profile_look_answered(before, "c");
    note_frames(add_camera(before, "silent"), 10);
    note_frames(add_camera(before, "moved"), 10);
    profile_look_answered(after, "a");
    note_frames(add_camera(after, "early"), 12);
    profile_look_answered(after, "b");
    note_frames(add_camera(after, "late"), 5000);
    note_frames(add_camera(after, "late too"), 5000);
    note_frames(add_camera(after, "moved"), 3); /* by another worker, which answered */
    note_frames(add_camera(after, "added"), 5);
    profile_report_make(before, after, 2.5, &report);
    static const struct {
        enum profile_part_kind kind;
        const char *name;
        int64_t count;
    } parts[] = {
        {PROFILE_CAMERAS, "all", 10},    {PROFILE_CAMERA, "added", 5},  {PROFILE_CAMERA, "early", 2},
        {PROFILE_CAMERA, "moved", 3},    {PROFILE_LEFT_OUT, "late", 0}, {PROFILE_LEFT_OUT, "late too", 0},
        {PROFILE_LEFT_OUT, "silent", 0}, {PROFILE_RECORDS, "all", 0},
    };
    const struct profile_part *told = report.parts.items;
    g_assert_cmpint(report.parts.count, ==, G_N_ELEMENTS(parts));
    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
        g_assert_cmpint(told[i].kind, ==, parts[i].kind);
        g_assert_cmpstr(told[i].name, ==, parts[i].name);
        g_assert_cmpint(told[i].count, ==, parts[i].count);
    }
    record_clear(&profile_report_descriptor, &report);
    profile_look_free(before);
    profile_look_free(after);
}

static void test_times_are_read_as_they_were_written(void)
{
    struct latency latency = {0}, again;
    struct stage_times times = {0};
    for (int64_t ns = 1; ns < INT64_C(1) << 40; ns *= 3)
        latency_note(&latency, ns);
    stage_times_write(&times, STAGE_RULES, &latency);
    g_assert_true(stage_times_read(&times, &again));
    g_assert_cmpmem(&latency, sizeof latency, &again, sizeof again);
    g_free(times.buckets.items);
}

static void test_made_up_times_are_refused(void)
{
    static const struct {
        uint64_t items[4];
        size_t count;
        bool is_good;
    } cases[] = {
        {{3, 1, 4, 1}, 4, true},
        {{0}, 0, true},
        {{3, 1, 3, 1}, 4, false},
        {{4, 1, 3, 1}, 4, false},
        {{3, 1, 4}, 3, false},
        {{LATENCY_BUCKETS, 1}, 2, false},
        {{3, UINT64_C(1) << 40}, 2, false},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct latency latency;
        const struct stage_times times = {STAGE_RULES, 5, {(uint64_t *)(uintptr_t)cases[i].items, cases[i].count}};
        g_assert_cmpint(stage_times_read(&times, &latency), ==, cases[i].is_good);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/profile/what came between is told", test_what_came_between_is_told);
    g_test_add_func("/profile/who did not answer is left out and named", test_who_did_not_answer_is_left_out_and_named);
    g_test_add_func("/profile/times are read as they were written", test_times_are_read_as_they_were_written);
    g_test_add_func("/profile/made-up times are refused", test_made_up_times_are_refused);
    return g_test_run();
}
