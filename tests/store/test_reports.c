/* Reports: what they say of what is stored. VEDETTE_TEST_STORE says which engine. */
#include "store_world.h"

#include "facts/occupancy.h"
#include "store/cameras.h"
#include "store/reports.h"
#include "store/store_internal.h"

enum { HOUR_MS = 3600000 };

static void store_one(struct store_world *world, struct analytics_event *event)
{
    GPtrArray *batch = world_batch_new();
    g_ptr_array_add(batch, event);
    world_store(world, batch);
}

static struct analytics_event *intrusion(struct store_world *world, const char *id, int64_t at_ms)
{
    return world_signal(world, id, "door", "safety", "intrusion", "high", at_ms);
}

static void store_hour(struct store_world *world, const char *subject, enum occupancy_kind kind, int hour, int entries)
{
    const struct occupancy_bucket bucket = {.org_id = (char *)(uintptr_t) "default",
                                            .site_id = (char *)(uintptr_t) "default",
                                            .bucket = {world_start_ms + hour * INT64_C(3600000)},
                                            .camera_id = (char *)(uintptr_t) "door",
                                            .subject_id = (char *)(uintptr_t)subject,
                                            .kind = kind,
                                            .entries = entries,
                                            .exits = 1,
                                            .peak = entries,
                                            .count_sum = 6,
                                            .count_count = 4,
                                            .dwell_ms_sum = 3000,
                                            .dwell_count = kind == OCCUPANCY_OF_ZONE ? 2 : 0};
    g_assert_true(
        store_put(world->store, "default", &occupancy_hourly_descriptor, &bucket, RECORD_CONFLICT_FAIL, NULL));
}

static void test_a_report_adds_up(void)
{
    struct store_world world;
    g_autoptr(GError) error = NULL;
    world_init_fused(&world, SEVERITY_LOW);
    store_one(&world, intrusion(&world, "s-1", world_start_ms));
    store_one(&world, intrusion(&world, "s-2", world_start_ms + 1000));
    store_hour(&world, "hall", OCCUPANCY_OF_ZONE, 0, 5);
    store_hour(&world, "hall", OCCUPANCY_OF_ZONE, 1, 7);
    store_hour(&world, "in", OCCUPANCY_OF_LINE, 1, 3);
    store_hour(&world, "in", OCCUPANCY_OF_LINE, 24, 90); /* of the next day */
    const struct store_report report = {.org_id = "default",
                                        .site_id = "default",
                                        .from_ms = world_start_ms,
                                        .to_ms = world_start_ms + INT64_C(86400000),
                                        .now_ms = world_start_ms + 10000,
                                        .limit = 10};
    g_autoptr(GPtrArray) lines = store_report_read(world.store, &report, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(lines->len, ==, 4);
    const struct report_line *signals = g_ptr_array_index(lines, 0), *incidents_line = g_ptr_array_index(lines, 1),
                             *line = g_ptr_array_index(lines, 2), *zone = g_ptr_array_index(lines, 3);
    g_assert_cmpstr(signals->kind, ==, "intrusion");
    g_assert_cmpfloat(signals->count.value, ==, 2);
    g_assert_cmpfloat(incidents_line->count.value, ==, 1);
    g_assert_cmpstr(incidents_line->severity, ==, "high");
    g_assert_cmpfloat(line->entries.value, ==, 3);
    g_assert_false(line->peak.is_present);
    g_assert_cmpfloat(zone->entries.value, ==, 12);
    g_assert_cmpfloat(zone->peak.value, ==, 7);
    g_assert_cmpfloat(zone->average.value, ==, 1.5);
    g_assert_cmpfloat(zone->dwell_seconds_mean.value, ==, 1.5);
    struct store_report foreign = report;
    foreign.org_id = "other";
    g_autoptr(GPtrArray) none = store_report_read(world.store, &foreign, NULL);
    g_assert_cmpuint(none->len, ==, 0);
    world_clear(&world);
}

/* ---- cameras ---- */

/* A camera of the settings, as it is from now on. */
static void put_camera(struct store_world *world, const char *id, bool enabled)
{
    struct camera camera;
    g_autoptr(GError) error = NULL;
    record_init(&camera_descriptor, &camera);
    camera.id = g_strdup(id);
    camera.source = g_strdup("scene://shop");
    camera.enabled = enabled;
    g_assert_true(store_camera_put(world->store, &camera, &error));
    g_assert_no_error(error);
    record_clear(&camera_descriptor, &camera);
}

static void store_offline(struct store_world *world, const char *camera_id, const char *site_id, int64_t from_ms,
                          int64_t to_ms)
{
    struct analytics_event *gone =
        world_signal(world, NULL, camera_id, "system", "camera_offline", "high", world_start_ms + from_ms);
    g_free(gone->site_id);
    gone->site_id = g_strdup(site_id);
    store_one(world, gone);
    if (to_ms)
        store_one(world,
                  world_signal(world, NULL, camera_id, "system", "camera_recovered", "info", world_start_ms + to_ms));
}

/* Of the first 12 hours of the day, by cameras' ids: "door 0.750, gate -". g_free. */
static char *uptimes(struct store_world *world, int limit)
{
    g_autoptr(GError) error = NULL;
    const struct store_report report = {.org_id = "default",
                                        .site_id = "default",
                                        .from_ms = world_start_ms,
                                        .to_ms = world_start_ms + 24 * HOUR_MS,
                                        .now_ms = world_start_ms + 12 * HOUR_MS,
                                        .limit = limit};
    g_autoptr(GPtrArray) lines = store_report_read(world->store, &report, &error);
    GString *words = g_string_new(NULL);
    g_assert_no_error(error);
    for (guint i = 0; i < lines->len; i++) {
        const struct report_line *line = g_ptr_array_index(lines, i);
        if (line->section != REPORT_CAMERA)
            continue;
        g_string_append_printf(words, "%s%s ", words->len ? ", " : "", line->camera_id);
        if (line->uptime.is_present)
            g_string_append_printf(words, "%.3f", line->uptime.value);
        else
            g_string_append_c(words, '-');
    }
    return g_string_free(words, FALSE);
}

#define ASSERT_UPTIMES(world, limit, words)                                                                            \
    do {                                                                                                               \
        g_autofree char *found_ = uptimes(world, limit);                                                               \
        g_assert_cmpstr(found_, ==, words);                                                                            \
    } while (0)

/* What nobody watched is not told as if all had been well: cameras that are disabled or that the settings have no more
 * are left out, others are told about since they were made or enabled. */
static void test_uptime_is_of_what_was_watched(void)
{
    struct store_world world;
    g_autoptr(GError) error = NULL;
    world_init_fused(&world, SEVERITY_LOW);
    put_camera(&world, "again", false);
    put_camera(&world, "old", true);
    put_camera(&world, "rest", false);
    clock_fake_advance_us(world.clock, INT64_C(6) * HOUR_MS * 1000);
    put_camera(&world, "again", true);
    put_camera(&world, "new", true);
    put_camera(&world, "old", true); /* as at each start */
    store_offline(&world, "old", "default", 2 * HOUR_MS, 5 * HOUR_MS);
    store_offline(&world, "again", "default", 2 * HOUR_MS, 5 * HOUR_MS); /* before it was watched */
    store_offline(&world, "new", "default", 3 * HOUR_MS, 9 * HOUR_MS);   /* of an earlier camera of this id, in part */
    clock_fake_advance_us(world.clock, INT64_C(8) * HOUR_MS * 1000);
    put_camera(&world, "tonight", true);
    ASSERT_UPTIMES(&world, 10, "again 1.000, new 0.500, old 0.750, tonight -");
    const struct record_list none = {NULL, 0};
    g_assert_true(store_cameras_settle(world.store, &none, &error));
    ASSERT_UPTIMES(&world, 10, "");
    put_camera(&world, "old", true);
    ASSERT_UPTIMES(&world, 10, "old -");
    world_clear(&world);
}

/* However many they are, wherever the camera stood meanwhile, and at once. */
static void test_uptime_counts_each_outage_once(void)
{
    enum { LIMIT = 3, OUTAGES = 4 };
    struct store_world world;
    world_init_fused(&world, SEVERITY_LOW);
    put_camera(&world, "many", true);
    put_camera(&world, "moved", true);
    put_camera(&world, "now", true);
    put_camera(&world, "overlaid", true);
    for (int i = 0; i < OUTAGES; i++)
        store_offline(&world, "many", "default", (2 * i + 1) * HOUR_MS, (2 * i + 2) * HOUR_MS - HOUR_MS / 4);
    store_offline(&world, "moved", "barn", HOUR_MS, 4 * HOUR_MS);
    store_offline(&world, "now", "default", 11 * HOUR_MS, 0); /* it stands */
    ASSERT_UPTIMES(&world, LIMIT, "many 0.750, moved 0.750, now 0.917");
    store_offline(&world, "overlaid", "default", HOUR_MS, 0); /* whose end was missed */
    store_offline(&world, "overlaid", "default", 3 * HOUR_MS, 7 * HOUR_MS);
    ASSERT_UPTIMES(&world, 10, "many 0.750, moved 0.750, now 0.917, overlaid 0.500");
    world_clear(&world);
}

/* Where a camera that goes off line makes no incident, nothing is known of how long it was away. */
static void test_uptime_is_told_where_outages_are_known(void)
{
    struct store_world world;
    world_init_fused(&world, SEVERITY_CRITICAL);
    put_camera(&world, "door", true);
    ASSERT_UPTIMES(&world, 10, "");
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    if (world_is_missing())
        return 0;
    g_test_add_func("/reports/a_report_adds_up", test_a_report_adds_up);
    g_test_add_func("/reports/uptime_is_of_what_was_watched", test_uptime_is_of_what_was_watched);
    g_test_add_func("/reports/uptime_counts_each_outage_once", test_uptime_counts_each_outage_once);
    g_test_add_func("/reports/uptime_is_told_where_outages_are_known", test_uptime_is_told_where_outages_are_known);
    return g_test_run();
}
