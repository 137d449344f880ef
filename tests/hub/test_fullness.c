/* How full the spool is: of each of its bounds, what is nearest counts. */
#include "../store/store_world.h"
#include "hub/record_path.h"

struct fixture {
    struct store_world world;
    struct settings settings;
    struct record_path *path;
};

static void prepare(struct fixture *fixture, bool has_many_orgs)
{
    *fixture = (struct fixture){.path = NULL};
    world_init(&fixture->world);
    record_init(&settings_descriptor, &fixture->settings);
    fixture->settings.spool.max_queue_size = 100;
    for (int i = 0; i < 1 + has_many_orgs; i++) {
        struct camera *camera = record_list_append(&fixture->settings.cameras, &camera_descriptor);
        g_free(camera->org_id);
        camera->org_id = g_strdup(i ? "other" : "default");
    }
}

static void open_path(struct fixture *fixture)
{
    g_autoptr(GError) error = NULL;
    const struct record_path_parts parts = {.data_dir = fixture->world.directory,
                                            .settings = &fixture->settings,
                                            .clock = clock_system(),
                                            .health = &fixture->world.health,
                                            .is_held = true}; /* what is put in stays */
    fixture->path = record_path_open(&parts, &error);
    g_assert_no_error(error);
}

static void start(struct fixture *fixture, bool has_many_orgs)
{
    prepare(fixture, has_many_orgs);
    open_path(fixture);
}

static void end(struct fixture *fixture)
{
    record_path_close(fixture->path);
    record_clear(&settings_descriptor, &fixture->settings);
    world_clear(&fixture->world);
}

static void on_spooled(void *data, const struct vedette_spool_error *error)
{
    g_assert_null(error);
    g_atomic_int_set((gint *)data, 1);
}

static void put(struct fixture *fixture, int count)
{
    struct vedette_spool_error error;
    gint is_done = 0;
    g_autoptr(GPtrArray) events = world_batch_new();
    for (int i = 0; i < count; i++)
        g_ptr_array_add(events, world_crossing(&fixture->world, NULL, "door", "in", world_start_ms));
    g_assert_true(record_path_submit(fixture->path, events, on_spooled, &is_done, &error));
    for (gint64 until_us = g_get_monotonic_time() + 60 * G_USEC_PER_SEC; !g_atomic_int_get(&is_done); g_usleep(100))
        g_assert_cmpint(g_get_monotonic_time(), <, until_us);
}

static void take_out(struct fixture *fixture)
{
    struct vedette_spool *spool = record_path_spool(fixture->path);
    struct vedette_spool_batch *batch = vedette_spool_dequeue(spool, 0, 60 * G_USEC_PER_SEC);
    g_assert_nonnull(batch);
    vedette_spool_acknowledge(spool, batch);
}

static void test_records_and_an_orgs_share(void)
{
    struct fixture fixture;
    start(&fixture, false);
    put(&fixture, 20);
    g_assert_cmpfloat_with_epsilon(record_path_fullness(fixture.path), 0.2, 0.01);
    end(&fixture);
    start(&fixture, true);
    put(&fixture, 20); /* of 50 that one org may hold */
    g_assert_cmpfloat_with_epsilon(record_path_fullness(fixture.path), 0.4, 0.01);
    end(&fixture);
}

/* A bound that is nearer than the records': their bytes, or the files' on the disk. */
static void test_bytes_count_as_well(void)
{
    struct fixture fixture;
    start(&fixture, false);
    put(&fixture, 1);
    fixture.settings.spool.max_queue_size = 100000;
    fixture.settings.spool.max_queue_bytes = 1000; /* some hundred bytes are there */
    double by_bytes = record_path_fullness(fixture.path);
    g_assert_cmpfloat(by_bytes, >, 0.1);
    fixture.settings.spool.max_queue_bytes = 1 << 30;
    g_assert_cmpfloat(record_path_fullness(fixture.path), <, by_bytes);
    fixture.settings.spool.max_disk_bytes = 256; /* less than what waits in the file */
    g_assert_cmpfloat(record_path_fullness(fixture.path), ==, 1);
    end(&fixture);
}

/* Each commit takes pages of the journal, and nothing waits for the store: nobody is to be analysed less for that. */
static void test_the_journal_of_a_small_spool_is_no_queue(void)
{
    struct fixture fixture;
    struct vedette_spool_stats stats = {0};
    prepare(&fixture, false);
    fixture.settings.spool.file_bytes = 65536;
    fixture.settings.spool.max_disk_bytes = INT64_C(5) * 65536;
    open_path(&fixture);
    int64_t many = fixture.settings.spool.max_disk_bytes * 4 / 5;
    for (int i = 0; i < 1000 && stats.disk_bytes < many; i++) {
        put(&fixture, 1);
        take_out(&fixture);
        vedette_spool_get_stats(record_path_spool(fixture.path), &stats);
    }
    g_assert_cmpint(stats.disk_bytes, >=, many);
    g_assert_cmpint(stats.total_queued, ==, 0);
    g_assert_cmpfloat(record_path_fullness(fixture.path), <=, fixture.settings.governor.queue_low);
    end(&fixture);
}

/* The store is away: what waits fills the files that it lies in. */
static void test_files_that_are_kept_count(void)
{
    struct fixture fixture;
    struct vedette_spool_stats stats = {0};
    prepare(&fixture, false);
    fixture.settings.spool.max_queue_size = 100000;
    fixture.settings.spool.file_bytes = 65536;
    fixture.settings.spool.max_disk_bytes = INT64_C(8) * 65536;
    open_path(&fixture);
    for (int i = 0; i < 1000 && stats.files < 6; i++) {
        put(&fixture, 50);
        vedette_spool_get_stats(record_path_spool(fixture.path), &stats);
    }
    double waiting = (double)stats.queued_bytes / (double)fixture.settings.spool.max_disk_bytes;
    g_assert_cmpfloat(waiting, >, 0.2);
    g_assert_cmpfloat(record_path_fullness(fixture.path), >=, waiting);
    end(&fixture);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/fullness/records, and an org's share", test_records_and_an_orgs_share);
    g_test_add_func("/fullness/bytes count as well", test_bytes_count_as_well);
    g_test_add_func("/fullness/the journal of a small spool is no queue",
                    test_the_journal_of_a_small_spool_is_no_queue);
    g_test_add_func("/fullness/files that are kept count", test_files_that_are_kept_count);
    return g_test_run();
}
