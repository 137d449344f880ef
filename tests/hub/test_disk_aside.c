/* A disk that hangs holds up nobody but the thread that waits for it. */
#include "hub/disk_aside.h"

#include "base/wait.h"

#include <glib/gstdio.h>
#include <pthread.h>
#include <stdbool.h>

enum { DEADLINE_US = 60 * 1000000 };

/* A disk that answers when the test lets it. */
struct disk {
    pthread_mutex_t lock; /* which ThreadSanitizer sees, other than GLib's */
    pthread_cond_t changed;
    bool hangs;
    int writes, written, looks; /* begun, done; begun */
    char *text;                 /* written last */
};

static void wait_for_disk(struct disk *disk)
{
    while (disk->hangs)
        pthread_cond_wait(&disk->changed, &disk->lock);
}

static int64_t look(void *data, const char *directory)
{
    struct disk *disk = data;
    (void)directory;
    pthread_mutex_lock(&disk->lock);
    disk->looks++;
    pthread_cond_broadcast(&disk->changed);
    wait_for_disk(disk);
    pthread_mutex_unlock(&disk->lock);
    return 77;
}

static void put(void *data, const char *path, const char *text)
{
    struct disk *disk = data;
    (void)path;
    pthread_mutex_lock(&disk->lock);
    disk->writes++;
    pthread_cond_broadcast(&disk->changed);
    wait_for_disk(disk);
    g_free(disk->text);
    disk->text = g_strdup(text);
    disk->written++;
    pthread_cond_broadcast(&disk->changed);
    pthread_mutex_unlock(&disk->lock);
}

static void await(struct disk *disk, const int *count, int expected)
{
    const struct timespec deadline = wait_deadline_after(DEADLINE_US);
    pthread_mutex_lock(&disk->lock);
    while (*count < expected)
        g_assert_cmpint(pthread_cond_timedwait(&disk->changed, &disk->lock, &deadline), ==, 0);
    pthread_mutex_unlock(&disk->lock);
}

static void set_hangs(struct disk *disk, bool hangs)
{
    pthread_mutex_lock(&disk->lock);
    disk->hangs = hangs;
    pthread_cond_broadcast(&disk->changed);
    pthread_mutex_unlock(&disk->lock);
}

static void test_a_disk_that_hangs_holds_up_nobody(void)
{
    struct disk disk = {.lock = PTHREAD_MUTEX_INITIALIZER, .hangs = true};
    wait_condition_init(&disk.changed);
    const struct disk_actions actions = {look, put, &disk};
    struct disk_aside *aside = disk_aside_new("/nowhere", &actions);
    disk_aside_write(aside, "hint", "1");
    await(&disk, &disk.writes, 1); /* and it hangs */
    for (int i = 2; i < 1000; i++) {
        g_autofree char *text = g_strdup_printf("%d", i);
        disk_aside_write(aside, "hint", text);
        g_assert_cmpint(disk_aside_free_bytes(aside), ==, -1);
    }
    set_hangs(&disk, false);
    await(&disk, &disk.written, 2); /* what waited is written, the newest alone */
    disk_aside_free(aside);
    g_assert_cmpint(disk.writes, ==, 2);
    g_assert_cmpstr(disk.text, ==, "999");
    g_free(disk.text);
}

static void test_room_is_told_as_it_was_last(void)
{
    struct disk disk = {.lock = PTHREAD_MUTEX_INITIALIZER};
    wait_condition_init(&disk.changed);
    const struct disk_actions actions = {look, put, &disk};
    struct disk_aside *aside = disk_aside_new("/nowhere", &actions);
    gint64 until_us = g_get_monotonic_time() + DEADLINE_US;
    while (disk_aside_free_bytes(aside) != 77)
        g_assert_cmpint(g_get_monotonic_time(), <, until_us);
    disk_aside_free(aside);
    g_assert_cmpint(disk.looks, >=, 1);
}

static void test_a_file_of_a_real_disk(void)
{
    g_autofree char *directory = g_dir_make_tmp("vedette-aside-XXXXXX", NULL), *text = NULL;
    g_autofree char *path = g_build_filename(directory, "hint", NULL);
    struct disk_aside *aside = disk_aside_new(directory, NULL);
    gint64 until_us = g_get_monotonic_time() + DEADLINE_US;
    disk_aside_write(aside, "hint", "{}");
    while (!g_file_get_contents(path, &text, NULL, NULL))
        g_assert_cmpint(g_get_monotonic_time(), <, until_us);
    disk_aside_free(aside);
    g_assert_cmpstr(text, ==, "{}");
    g_unlink(path);
    g_rmdir(directory);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/disk/one that hangs holds up nobody", test_a_disk_that_hangs_holds_up_nobody);
    g_test_add_func("/disk/room is told as it was last", test_room_is_told_as_it_was_last);
    g_test_add_func("/disk/a file of a real disk", test_a_file_of_a_real_disk);
    return g_test_run();
}
