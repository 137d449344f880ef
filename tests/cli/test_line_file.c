/* The file that `vedette spool drain --out` appends to: whole lines, on the disk, or nothing. */
#include "cli/line_file.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "directory.h"
#include "faults.h"

struct world {
    char *directory, *path;
};

static void set_up(struct world *world, gconstpointer data)
{
    (void)data;
    world->directory = g_dir_make_tmp("vedette-lines-XXXXXX", NULL);
    world->path = g_build_filename(world->directory, "records.json", NULL);
}

static void tear_down(struct world *world, gconstpointer data)
{
    (void)data;
    plan_faults(NULL);
    remove_directory(world->directory);
    g_free(world->path);
    g_free(world->directory);
}

static struct line_file *open_file(struct world *world)
{
    g_autoptr(GError) error = NULL;
    struct line_file *file = line_file_open(world->path, &error);
    g_assert_no_error(error);
    return file;
}

static void add(struct line_file *file, const char *line)
{
    g_assert_true(line_file_add(file, line, strlen(line), NULL));
}

static void write_line(struct line_file *file, const char *line)
{
    add(file, line);
    g_assert_true(line_file_keep(file, NULL));
}

static void assert_holds(struct world *world, const char *expected)
{
    g_autofree char *text = NULL;
    g_assert_true(g_file_get_contents(world->path, &text, NULL, NULL));
    g_assert_cmpstr(text, ==, expected);
}

static void test_lines_are_appended_for_their_owner_alone(struct world *world, gconstpointer data)
{
    (void)data;
    struct stat status;
    for (int i = 0; i < 2; i++) {
        struct line_file *file = open_file(world);
        write_line(file, "one");
        line_file_close(file);
    }
    assert_holds(world, "one\none\n");
    g_assert_cmpint(stat(world->path, &status), ==, 0);
    g_assert_cmpint(status.st_mode & 0777, ==, 0600);
}

static void test_what_is_not_kept_is_cut_off(struct world *world, gconstpointer data)
{
    (void)data;
    struct line_file *file = open_file(world);
    write_line(file, "kept");
    add(file, "of the next unit");
    g_assert_true(line_file_revert(file, NULL));
    assert_holds(world, "kept\n");
    write_line(file, "later");
    line_file_close(file);
    assert_holds(world, "kept\nlater\n");
}

static void test_a_torn_line_does_not_run_into_the_next(struct world *world, gconstpointer data)
{
    (void)data;
    g_assert_true(g_file_set_contents(world->path, "{\"torn", -1, NULL));
    struct line_file *file = open_file(world);
    write_line(file, "whole");
    line_file_close(file);
    assert_holds(world, "{\"torn\nwhole\n");
}

static void test_two_do_not_append_at_once(struct world *world, gconstpointer data)
{
    (void)data;
    g_autoptr(GError) error = NULL;
    struct line_file *file = open_file(world);
    g_assert_null(line_file_open(world->path, &error));
    g_assert_nonnull(strstr(error->message, "another process"));
    line_file_close(file);
}

/* Each step of making sure fails once: it is told, the file is as before, and the next try succeeds. */
static void test_what_cannot_be_synced_is_not_kept(struct world *world, gconstpointer data)
{
    (void)data;
    static const char *const faults[] = {"line-file.write=1", "line-file.sync=1", "line-file.directory-sync=1"};
    if (!has_faults())
        return;
    for (size_t i = 0; i < G_N_ELEMENTS(faults); i++) {
        g_autoptr(GError) error = NULL;
        g_unlink(world->path);
        struct line_file *file = open_file(world);
        plan_faults(faults[i]);
        g_assert_false(line_file_add(file, "lost", 4, &error) && line_file_keep(file, &error));
        g_assert_nonnull(strstr(error->message, world->path));
        g_assert_true(line_file_revert(file, NULL));
        assert_holds(world, "");
        write_line(file, "kept");
        assert_holds(world, "kept\n");
        line_file_close(file);
    }
}

static void test_what_cannot_be_cut_is_told(struct world *world, gconstpointer data)
{
    (void)data;
    g_autoptr(GError) error = NULL;
    if (!has_faults())
        return;
    struct line_file *file = open_file(world);
    write_line(file, "kept");
    add(file, "left");
    plan_faults("line-file.cut=1");
    g_assert_false(line_file_revert(file, &error));
    g_assert_nonnull(strstr(error->message, "back to 5 bytes"));
    line_file_close(file);
}

#define TEST(name, function) g_test_add("/line_file/" name, struct world, NULL, set_up, function, tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    TEST("lines are appended, for their owner alone", test_lines_are_appended_for_their_owner_alone);
    TEST("what is not kept is cut off", test_what_is_not_kept_is_cut_off);
    TEST("a torn line does not run into the next", test_a_torn_line_does_not_run_into_the_next);
    TEST("two do not append at once", test_two_do_not_append_at_once);
    TEST("what cannot be synced is not kept", test_what_cannot_be_synced_is_not_kept);
    TEST("what cannot be cut is told", test_what_cannot_be_cut_is_told);
    return g_test_run();
}
