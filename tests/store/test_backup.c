/* Backups of the embedded store while it is written, and putting them back. */
#include "store/backup.h"
#include "upkeep_world.h"

static struct store_settings backup_settings(void)
{
    struct store_settings settings = world_settings;
    settings.backup_step_pages = 4; /* so that much is written between two steps */
    settings.backup_pause_ms = 1;
    return settings;
}

struct writer {
    struct store_world *world;
    int is_over; /* atomic */
    int written;
};

static void write_some(struct store_world *world, int count)
{
    GPtrArray *batch = world_batch_new();
    for (int i = 0; i < count; i++)
        g_ptr_array_add(batch, world_crossing(world, NULL, "door", "in", world_start_ms + i));
    struct world_result result = world_store(world, batch);
    g_assert_cmpstr(result.error, ==, NULL);
}

static void *write_until_over(void *data)
{
    struct writer *writer = data;
    for (; !__atomic_load_n(&writer->is_over, __ATOMIC_ACQUIRE); writer->written += 50)
        write_some(writer->world, 50);
    return NULL;
}

static char *in_directory(const struct store_world *world, const char *name)
{
    return g_build_filename(world->directory, name, NULL);
}

static int64_t ask_file(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    g_assert_cmpint(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), ==, SQLITE_OK);
    g_assert_cmpint(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), ==, SQLITE_OK);
    g_assert_cmpint(sqlite3_step(statement), ==, SQLITE_ROW);
    int64_t value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return value;
}

/* One moment: an event and its count are both in it, or neither is. The writer goes on meanwhile. */
static void test_backup_of_a_store_that_is_written(void)
{
    struct store_world world;
    world_init(&world);
    write_some(&world, 2000);
    struct writer writer = {.world = &world};
    GThread *thread = g_thread_new("writer", write_until_over, &writer);
    WORLD_WAIT_UNTIL(ask_number(&world, "SELECT count(*) FROM events") > 2000);
    g_autofree char *path = in_directory(&world, "copy.db"), *log = in_directory(&world, "copy.db-wal");
    const struct store_settings settings = backup_settings();
    int64_t bytes = 0;
    g_autoptr(GError) error = NULL;
    store_backup(world.directory, &settings, path, &bytes, &error);
    g_assert_no_error(error);
    __atomic_store_n(&writer.is_over, 1, __ATOMIC_RELEASE);
    g_thread_join(thread);
    struct stat status;
    g_assert_cmpint(stat(path, &status), ==, 0);
    g_assert_cmpint(status.st_mode & 0777, ==, 0600);
    g_assert_cmpint(status.st_size, ==, bytes);
    g_assert_false(g_file_test(log, G_FILE_TEST_EXISTS)); /* one file is all of it */
    int64_t events = ask_file(path, "SELECT count(*) FROM events");
    g_assert_cmpint(events, >=, 2000);
    g_assert_cmpint(events, <, 2000 + writer.written); /* it was written to after the moment */
    g_assert_cmpint(ask_file(path, "SELECT count FROM counts WHERE kind = 'line_in'"), ==, events);
    /* A name that is taken is left alone. */
    g_assert_false(store_backup(world.directory, &settings, path, NULL, &error));
    g_assert_nonnull(strstr(error->message, "is there already"));
    world_clear(&world);
}

static void test_restore_puts_it_back(void)
{
    struct store_world world;
    world_init(&world);
    const struct store_settings settings = backup_settings();
    g_autofree char *path = in_directory(&world, "copy.db");
    g_autoptr(GError) error = NULL;
    write_some(&world, 30);
    g_assert_true(store_backup(world.directory, &settings, path, NULL, &error));
    write_some(&world, 12);
    /* Not under a server that runs. */
    g_assert_false(store_restore(world.directory, &settings, path, world.clock, &error));
    g_assert_nonnull(strstr(error->message, "uses it already"));
    g_clear_error(&error);
    g_assert_cmpint(ask_number(&world, "SELECT count(*) FROM events"), ==, 42);
    store_close(world.store);
    world.store = NULL;
    store_restore(world.directory, &settings, path, world.clock, &error);
    g_assert_no_error(error);
    g_autofree char *replaced = in_directory(&world, "vedette.db.replaced");
    g_assert_cmpint(ask_file(replaced, "SELECT count(*) FROM events"), ==, 42);
    world.store = world_open(&world, &error);
    g_assert_no_error(error);
    write_some(&world, 1);
    g_assert_cmpint(ask_number(&world, "SELECT count(*) FROM events"), ==, 31);
    world_clear(&world);
}

/* Whole or in part: the log alone, as one leaves it who was killed once the main file was moved, or a person who
 * removed that file. SQLite would lay what is in it over the restored file. */
static void test_restore_leaves_no_log_of_the_old_store(void)
{
    enum { MOVES = 3 }; /* none, the main file, its log too */
    for (int i = 0; i < MOVES; i++) {
        struct store_world world;
        world_init(&world);
        const struct store_settings settings = backup_settings();
        g_autofree char *path = in_directory(&world, "copy.db"), *main = in_directory(&world, "vedette.db"),
                        *log = in_directory(&world, "vedette.db-wal"),
                        *moved = in_directory(&world, "vedette.db.replaced"),
                        *moved_log = in_directory(&world, "vedette.db.replaced-wal"),
                        *copying = in_directory(&world, "vedette.db.restoring"), *old = in_directory(&world, "old-wal");
        g_autoptr(GError) error = NULL;
        write_some(&world, 30);
        g_assert_true(store_backup(world.directory, &settings, path, NULL, &error));
        write_some(&world, 12);
        g_assert_cmpint(link(log, old), ==, 0); /* closing the store would remove it */
        g_autofree char *bytes = NULL;
        gsize length;
        g_assert_true(g_file_get_contents(old, &bytes, &length, NULL) && length > 0);
        g_clear_pointer(&world.store, store_close);
        g_assert_true(g_file_set_contents(log, bytes, (gssize)length, NULL));
        if (i > 0)
            g_assert_true(rename(main, moved) == 0 && g_file_set_contents(copying, "", 0, NULL));
        if (i > 1)
            g_assert_cmpint(rename(log, moved_log), ==, 0);
        store_restore(world.directory, &settings, path, world.clock, &error);
        g_assert_no_error(error);
        g_assert_cmpint(ask_number(&world, "SELECT count(*) FROM events"), ==, 30);
        g_assert_cmpint(ask_file(moved, "SELECT count(*) FROM events"), ==, 42); /* and what was there is whole */
        g_autofree char *kept = NULL;
        gsize kept_length;
        g_assert_true(g_file_get_contents(moved_log, &kept, &kept_length, NULL));
        g_assert_cmpmem(bytes, length, kept, kept_length);
        world_clear(&world);
    }
}

/* A call was killed once it had moved the main file, and the next could not even begin. */
static void test_restore_keeps_what_a_killed_call_moved(void)
{
    enum { FAILURES = 2 };
    struct store_world world;
    world_init(&world);
    const struct store_settings settings = backup_settings();
    g_autofree char *path = in_directory(&world, "copy.db"), *main = in_directory(&world, "vedette.db"),
                    *moved = in_directory(&world, "vedette.db.replaced"),
                    *copying = in_directory(&world, "vedette.db.restoring");
    g_autoptr(GError) error = NULL;
    write_some(&world, 30);
    g_assert_true(store_backup(world.directory, &settings, path, NULL, &error));
    write_some(&world, 12);
    g_clear_pointer(&world.store, store_close);
    g_assert_true(rename(main, moved) == 0 && g_file_set_contents(copying, "half of it", -1, NULL));
    for (int i = 0; i < FAILURES; i++) {
        g_assert_false(store_restore(world.directory, &settings, "/nowhere/x.db", world.clock, &error));
        g_clear_error(&error);
        g_assert_cmpint(ask_file(moved, "SELECT count(*) FROM events"), ==, 42);
    }
    store_restore(world.directory, &settings, path, world.clock, &error);
    g_assert_no_error(error);
    g_assert_cmpint(ask_number(&world, "SELECT count(*) FROM events"), ==, 30);
    g_assert_cmpint(ask_file(moved, "SELECT count(*) FROM events"), ==, 42);
    g_assert_false(g_file_test(copying, G_FILE_TEST_EXISTS));
    world_clear(&world);
}

/* Nor does the log of a store whose main file somebody removed, and none is laid beside what was replaced earlier. */
static void test_restore_over_a_log_alone(void)
{
    struct store_world world;
    world_init(&world);
    const struct store_settings settings = backup_settings();
    g_autofree char *path = in_directory(&world, "copy.db"), *main = in_directory(&world, "vedette.db"),
                    *log = in_directory(&world, "vedette.db-wal"), *old = in_directory(&world, "old-wal"),
                    *replaced = in_directory(&world, "vedette.db.replaced");
    g_autoptr(GError) error = NULL;
    write_some(&world, 30);
    g_assert_true(store_backup(world.directory, &settings, path, NULL, &error));
    write_some(&world, 12);
    g_assert_cmpint(link(log, old), ==, 0);
    g_clear_pointer(&world.store, store_close);
    g_assert_true(rename(old, log) == 0 && unlink(main) == 0 && g_file_set_contents(replaced, "earlier", -1, NULL));
    store_restore(world.directory, &settings, path, world.clock, &error);
    g_assert_no_error(error);
    g_assert_cmpint(ask_number(&world, "SELECT count(*) FROM events"), ==, 30);
    g_assert_false(g_file_test(replaced, G_FILE_TEST_EXISTS));
    world_clear(&world);
}

/* Whatever is wrong with the file, the store stays as it is. */
static void test_restore_refuses_what_is_not_whole(void)
{
    struct store_world world;
    world_init(&world);
    const struct store_settings settings = backup_settings();
    g_autofree char *good = in_directory(&world, "good.db"), *bad = in_directory(&world, "bad.db"), *bytes = NULL;
    gsize length;
    write_some(&world, 300);
    g_assert_true(store_backup(world.directory, &settings, good, NULL, NULL));
    store_close(world.store);
    world.store = NULL;
    g_assert_true(g_file_get_contents(good, &bytes, &length, NULL));
    for (int i = 0; i < 4; i++) {
        g_autofree char *damaged = g_memdup2(bytes, length);
        gsize kept = length;
        if (i == 0)
            memset(damaged + length / 2, 0x5a, 3000);
        else if (i == 1)
            kept = length / 3;
        else if (i == 2)
            memset(damaged, 'x', 100);
        g_assert_true(g_file_set_contents(bad, damaged, (gssize)kept, NULL));
        if (i == 3) {
            sqlite3 *db = NULL;
            g_assert_cmpint(sqlite3_open(bad, &db), ==, SQLITE_OK);
            sqlite3_exec(db, "INSERT INTO schema_migrations VALUES (9999, 'x', 'x', 0)", NULL, NULL, NULL);
            sqlite3_close(db);
        }
        g_autoptr(GError) error = NULL;
        g_assert_false(store_restore(world.directory, &settings, bad, world.clock, &error));
        g_test_message("%s", error->message);
        g_assert_cmpint(ask_number(&world, "SELECT count(*) FROM events"), ==, 300);
    }
    g_autoptr(GError) error = NULL;
    g_assert_false(store_restore(world.directory, &settings, "/nowhere/x.db", world.clock, &error));
    world.store = world_open(&world, NULL);
    g_assert_nonnull(world.store);
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/backup/of_a_store_that_is_written", test_backup_of_a_store_that_is_written);
    g_test_add_func("/backup/restore_puts_it_back", test_restore_puts_it_back);
    g_test_add_func("/backup/restore_leaves_no_log_of_the_old_store", test_restore_leaves_no_log_of_the_old_store);
    g_test_add_func("/backup/restore_keeps_what_a_killed_call_moved", test_restore_keeps_what_a_killed_call_moved);
    g_test_add_func("/backup/restore_over_a_log_alone", test_restore_over_a_log_alone);
    g_test_add_func("/backup/restore_refuses_what_is_not_whole", test_restore_refuses_what_is_not_whole);
    return g_test_run();
}
