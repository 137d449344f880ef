/* A disk without any room: records wait, and retention makes some. */
#include "retention_world.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>

#include "store/job_runs.h"

struct full_disk {
    struct store_world store;
    struct store_settings settings;
    char *mount_point, *ballast;
};

/* False: the test is skipped. */
static bool begin_on_small_disk(struct full_disk *disk)
{
    g_autoptr(GError) error = NULL;
    *disk = (struct full_disk){.mount_point = g_dir_make_tmp("vedette-tmpfs-XXXXXX", NULL), .settings = world_settings};
    if (mount("tmpfs", disk->mount_point, "tmpfs", 0, "size=32m,mode=0700") != 0) {
        g_test_skip("cannot mount a tmpfs here");
        g_rmdir(disk->mount_point);
        g_free(disk->mount_point);
        return false;
    }
    disk->ballast = g_build_filename(disk->mount_point, "ballast", NULL);
    disk->settings.minimum_free_bytes = 1 << 30; /* which it never has */
    disk->store = (struct store_world){.clock = clock_fake_new(world_start_ms),
                                       .directory = g_build_filename(disk->mount_point, "data", NULL)};
    disk->store.store = world_open_with(&disk->store, disk->settings, &error);
    g_assert_no_error(error);
    meddle(&disk->store, "INSERT INTO orgs (id, name) VALUES ('default', 'default')");
    return true;
}

static void end_disk(struct full_disk *disk)
{
    world_clear(&disk->store);
    g_assert_cmpint(umount2(disk->mount_point, MNT_DETACH), ==, 0);
    g_rmdir(disk->mount_point);
    g_free(disk->mount_point);
    g_free(disk->ballast);
}

static struct world_result store_signals(struct store_world *world, int64_t at_ms)
{
    enum { SIGNALS = 200 };
    GPtrArray *batch = world_batch_new();
    for (int i = 0; i < SIGNALS; i++)
        g_ptr_array_add(batch, signal_at(world, "door", at_ms + i));
    return world_store(world, batch);
}

/* As others on the disk do: not a block is left. */
static void take_the_rest(const struct full_disk *disk)
{
    static const char bytes[4096];
    int fd = open(disk->ballast, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    g_assert_cmpint(fd, >=, 0);
    while (write(fd, bytes, sizeof bytes) > 0)
        ;
    g_assert_cmpint(errno, ==, ENOSPC);
    close(fd);
}

static void fill_with_records(struct store_world *world)
{
    struct world_result result = {0};
    for (int i = 0; i < 1000 && !result.error; i++)
        result = store_signals(world, world_start_ms + i * MINUTE);
    g_test_message("%s", result.error);
    g_assert_nonnull(result.error);
    g_assert_nonnull(strstr(result.error, "kept for retention"));
    g_assert_nonnull(strstr(result.error, "free space there"));
    g_assert_cmpint(result.code, ==, VEDETTE_ERROR_UNAVAILABLE); /* they are tried again */
    g_free(result.error);
}

static void run_retention(struct store_world *world)
{
    g_autoptr(GError) error = NULL;
    struct retention_settings settings = retention_settings();
    const struct store_run_claim claim = {"retention", "here", NULL, world_start_ms, 60000, TRIGGER_SCHEDULE, 1, false};
    struct store_run_hold hold = {"retention", world_start_ms, 0, 60000};
    settings.batch_rows = 500;
    store_run_claim(world->store, &claim, &hold.fence, &error);
    g_assert_no_error(error);
    g_autofree char *gone = retain(world, &settings, false);
    g_test_message("%s", gone);
    g_assert_true(g_str_has_prefix(gone, "events "));
    g_assert_null(strstr(gone, "full"));
    store_run_end(world->store, &hold, RUN_DONE, NULL, &error);
    g_assert_no_error(error);
    record_clear(&retention_settings_descriptor, &settings);
}

static void test_q16_retention_makes_room_on_a_full_disk(void)
{
    struct full_disk disk;
    if (!begin_on_small_disk(&disk))
        return;
    fill_with_records(&disk.store);
    take_the_rest(&disk);
    clock_fake_advance_us(disk.store.clock, 100 * DAY * 1000);
    run_retention(&disk.store);
    struct world_result result = store_signals(&disk.store, world_start_ms + 100 * DAY);
    g_assert_cmpstr(result.error, ==, NULL); /* in the room of those that went: the disk has none */
    end_disk(&disk);
}

static void test_what_a_crash_left_of_making_room_goes(void)
{
    struct store_world world;
    g_autoptr(GError) error = NULL;
    world_init(&world);
    store_close(world.store);
    meddle(&world, "INSERT INTO store_values (name, value) VALUES ('room', zeroblob(100000))");
    world.store = world_open(&world, &error);
    g_assert_no_error(error);
    g_assert_cmpint(ask_number(&world, "SELECT count(*) FROM store_values WHERE name = 'room'"), ==, 0);
    world_clear(&world);
}

static void test_a_disk_that_is_read_only_is_told(void)
{
    struct full_disk disk;
    g_autoptr(GError) error = NULL;
    if (!begin_on_small_disk(&disk))
        return;
    store_close(disk.store.store);
    g_assert_cmpint(mount(NULL, disk.mount_point, NULL, MS_REMOUNT | MS_RDONLY, "mode=0700"), ==, 0);
    disk.store.store =
        store_open_or_wait(disk.store.directory, &disk.settings, disk.store.clock, &disk.store.health, &error);
    g_assert_null(disk.store.store);
    g_test_message("%s", error->message);
    g_assert_nonnull(strstr(error->message, disk.store.directory));
    g_assert_nonnull(strstr(error->message, "write there: Read-only file system: give a directory"));
    g_assert_cmpint(mount(NULL, disk.mount_point, NULL, MS_REMOUNT, "mode=0700"), ==, 0);
    end_disk(&disk);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/store_room/q16 retention makes room on a full disk",
                    test_q16_retention_makes_room_on_a_full_disk);
    g_test_add_func("/store_room/what a crash left of making room goes", test_what_a_crash_left_of_making_room_goes);
    g_test_add_func("/store_room/a disk that is read only is told", test_a_disk_that_is_read_only_is_told);
    return g_test_run();
}
