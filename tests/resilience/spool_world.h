/* A spool in a directory of its own, with clocks of its own, for the tests of the spool. */
#pragma once

#include "vedette/spool.h"

#include <errno.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WORLD_SECOND_US = 1000000, WORLD_DEADLINE_US = 60 * 1000000 };

struct spool_world {
    char *directory; /* the spool's; its parent is the world's */
    char *parent;
    struct vedette_spool_config config;
    struct vedette_spool *spool;
    int64_t now_us, now_ms; /* atomic: monotonic and wall clock */
};

static int64_t world_now_us(void *data)
{
    return __atomic_load_n(&((struct spool_world *)data)->now_us, __ATOMIC_RELAXED);
}

static int64_t world_now_ms(void *data)
{
    return __atomic_load_n(&((struct spool_world *)data)->now_ms, __ATOMIC_RELAXED);
}

G_GNUC_UNUSED static void world_pass_us(struct spool_world *world, int64_t us)
{
    __atomic_add_fetch(&world->now_us, us, __ATOMIC_RELAXED);
    __atomic_add_fetch(&world->now_ms, us / 1000, __ATOMIC_RELAXED);
}

/* In memory where the machine has such a place, so that syncs cost nothing. */
static char *world_make_directory(void)
{
    char *path = g_strdup("/dev/shm/vedette-spool-XXXXXX");
    if (g_mkdtemp(path))
        return path;
    g_free(path);
    return g_dir_make_tmp("vedette-spool-XXXXXX", NULL);
}

G_GNUC_UNUSED static void world_init(struct spool_world *world)
{
    *world = (struct spool_world){
        .parent = world_make_directory(), .now_us = WORLD_SECOND_US, .now_ms = INT64_C(1767225600000)};
    world->directory = g_build_filename(world->parent, "spool", NULL);
    vedette_spool_config_init(&world->config);
    world->config.when_full = VEDETTE_SPOOL_REJECT;
    world->config.reserve_bytes = 0;
    world->config.time = (struct vedette_time_source){.now_us = world_now_us, .data = world};
    world->config.wall_ms = world_now_ms;
}

static void world_open(struct spool_world *world)
{
    struct vedette_spool_error error = {0};
    world->spool = vedette_spool_open(world->directory, &world->config, &error);
    if (!world->spool)
        g_error("%s", error.text);
}

static void world_close(struct spool_world *world)
{
    vedette_spool_close(world->spool);
    world->spool = NULL;
}

G_GNUC_UNUSED static void world_reopen(struct spool_world *world)
{
    world_close(world);
    world_open(world);
}

static void world_remove(const char *path)
{
    GDir *directory = g_dir_open(path, 0, NULL);
    for (const char *name; directory && (name = g_dir_read_name(directory));) {
        g_autofree char *inner = g_build_filename(path, name, NULL);
        if (g_file_test(inner, G_FILE_TEST_IS_DIR) && !g_file_test(inner, G_FILE_TEST_IS_SYMLINK))
            world_remove(inner);
        else
            g_unlink(inner);
    }
    if (directory)
        g_dir_close(directory);
    g_rmdir(path);
}

G_GNUC_UNUSED static void world_clear(struct spool_world *world)
{
    world_close(world);
    world_remove(world->parent);
    g_free(world->parent);
    g_free(world->directory);
}

static bool world_put(struct spool_world *world, const char *tenant, int priority, const char *text)
{
    const struct vedette_spool_record record = {
        .tenant = tenant, .priority = priority, .payload = text, .length = strlen(text)};
    return vedette_spool_enqueue(world->spool, &record, 1, NULL);
}

G_GNUC_UNUSED static void world_put_many(struct spool_world *world, int count)
{
    for (int i = 0; i < count; i++) {
        g_autofree char *text = g_strdup_printf("record %d", i);
        g_assert_true(world_put(world, "shop", 5, text));
    }
}

static struct vedette_spool_stats world_stats(struct spool_world *world)
{
    struct vedette_spool_stats stats;
    vedette_spool_get_stats(world->spool, &stats);
    return stats;
}

/* Until what lay there is in the queue. */
static void world_await_read(struct spool_world *world)
{
    int64_t until_us = g_get_monotonic_time() + WORLD_DEADLINE_US;
    while (world_stats(world).files_unread) {
        g_assert_cmpint(g_get_monotonic_time(), <, until_us);
        g_usleep(200);
    }
}

/* Takes out everything there is and says that it is done; the payloads, in the order in which they came. */
static GPtrArray *world_drain(struct spool_world *world)
{
    GPtrArray *texts = g_ptr_array_new_with_free_func(g_free);
    world_await_read(world);
    for (struct vedette_spool_batch *batch; (batch = vedette_spool_dequeue(world->spool, 0, 0));) {
        for (size_t i = 0; i < batch->count; i++)
            g_ptr_array_add(texts, g_strndup(batch->records[i].payload, batch->records[i].length));
        vedette_spool_acknowledge(world->spool, batch);
    }
    return texts;
}

/* "a b c" */
G_GNUC_UNUSED static char *world_drain_text(struct spool_world *world)
{
    g_autoptr(GPtrArray) texts = world_drain(world);
    g_ptr_array_add(texts, NULL);
    return g_strjoinv(" ", (char **)texts->pdata);
}

static gint world_compare_texts(gconstpointer left, gconstpointer right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

/* Names in the spool's directory that end so, sorted. */
G_GNUC_UNUSED static GPtrArray *world_files(const struct spool_world *world, const char *suffix)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    GDir *directory = g_dir_open(world->directory, 0, NULL);
    for (const char *name; directory && (name = g_dir_read_name(directory));)
        if (g_str_has_suffix(name, suffix))
            g_ptr_array_add(names, g_build_filename(world->directory, name, NULL));
    if (directory)
        g_dir_close(directory);
    g_ptr_array_sort(names, world_compare_texts);
    return names;
}

/* What its files take on disk, as du would say it; of those that its threads take away meanwhile, nothing. */
G_GNUC_UNUSED static int64_t world_count_bytes(const struct spool_world *world)
{
    static const char *const suffixes[] = {".spool", ".spool-wal", "spare"};
    int64_t bytes = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(suffixes); i++) {
        g_autoptr(GPtrArray) files = world_files(world, suffixes[i]);
        for (guint j = 0; j < files->len; j++) {
            struct stat status;
            if (stat(g_ptr_array_index(files, j), &status) == 0)
                bytes += status.st_size;
            else
                g_assert_cmpint(errno, ==, ENOENT);
        }
    }
    return bytes;
}

/* A world of its own, with what a kill would leave of another just now. */
G_GNUC_UNUSED static void world_init_crashed(struct spool_world *crashed, const struct spool_world *world)
{
    g_autoptr(GPtrArray) files = world_files(world, "");
    world_init(crashed);
    crashed->config = world->config;
    crashed->config.time.data = crashed;
    crashed->now_us = world->now_us;
    crashed->now_ms = world->now_ms;
    g_mkdir(crashed->directory, 0700);
    for (guint i = 0; i < files->len; i++) {
        g_autofree char *name = g_path_get_basename(g_ptr_array_index(files, i)), *bytes = NULL;
        g_autofree char *to = g_build_filename(crashed->directory, name, NULL);
        gsize length;
        g_assert_true(g_file_get_contents(g_ptr_array_index(files, i), &bytes, &length, NULL));
        g_assert_true(g_file_set_contents(to, bytes, (gssize)length, NULL));
    }
}
