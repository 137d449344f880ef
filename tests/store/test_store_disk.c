/* What the disk can do to a store: crashes, full and read-only places, foreign and damaged files, a second process. */
#include "store_world.h"

#include "store/store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

enum { CRASH_LOOPS = 25, BATCH_EVENTS = 5 };

static int ack_fd;

/* In the child: tells the parent which ids were acknowledged. One write below PIPE_BUF is whole or not at all. */
static void acknowledge(void *data, GPtrArray *events, const bool *stored, const GError *error)
{
    (void)data;
    g_autoptr(GString) text = g_string_new(NULL);
    for (guint i = 0; stored && !error && i < events->len; i++)
        g_string_append_printf(text, "%s\n", ((struct analytics_event *)g_ptr_array_index(events, i))->id);
    if (write(ack_fd, text->str, text->len) < 0)
        _exit(1);
}

static void write_until_killed(const char *directory, int loop)
{
    struct store_world world = {.directory = (char *)(uintptr_t)directory, .clock = clock_fake_new(world_start_ms)};
    world.store = world_open(&world, NULL);
    if (!world.store)
        _exit(2);
    for (int number = 0;; number++) {
        GPtrArray *batch = world_batch_new();
        for (int i = 0; i < BATCH_EVENTS; i++) {
            g_autofree char *id = g_strdup_printf("%d-%d-%d", loop, number, i);
            g_ptr_array_add(batch, world_crossing(&world, id, "door", "in", world_start_ms + number));
        }
        while (!store_events_submit(world.store, batch, acknowledge, NULL, NULL))
            g_usleep(200);
    }
}

/* Kills the child at a moment of its own and adds what it was told to the oracle. */
static void run_and_kill(const char *directory, int loop, GHashTable *acknowledged)
{
    int ends[2];
    g_assert_cmpint(pipe(ends), ==, 0);
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        ack_fd = ends[1];
        write_until_killed(directory, loop);
    }
    close(ends[1]);
    guint wanted = 1 + (guint)g_test_rand_int_range(0, 60); /* acknowledgements before the kill */
    guint before = g_hash_table_size(acknowledged);
    FILE *stream = fdopen(ends[0], "r");
    char line[64];
    bool is_killed = false;
    while (fgets(line, sizeof line, stream)) {
        g_hash_table_add(acknowledged, g_strndup(line, strcspn(line, "\n")));
        if (!is_killed && g_hash_table_size(acknowledged) - before >= wanted) {
            kill(child, SIGKILL);
            is_killed = true;
        }
    }
    fclose(stream);
    int status;
    waitpid(child, &status, 0);
    g_assert_true(WIFSIGNALED(status));
}

/* Q13: whatever was acknowledged is there, and the counts are those of the events. */
static void test_q13_kill_in_the_middle_of_commits(void)
{
    struct store_world world = {.clock = clock_fake_new(world_start_ms),
                                .directory = g_dir_make_tmp("vedette-store-XXXXXX", NULL)};
    g_autoptr(GHashTable) acknowledged = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (int loop = 0; loop < CRASH_LOOPS; loop++)
        run_and_kill(world.directory, loop, acknowledged);
    g_autoptr(GError) error = NULL;
    world.store = world_open(&world, &error);
    g_assert_no_error(error);
    gint64 found = 0;
    guint missing = g_hash_table_size(acknowledged);
    g_autofree char *cursor = NULL;
    for (guint length = 1; length;) {
        g_autoptr(GPtrArray) events =
            world_list(&world, (struct store_event_filter){.org_id = "default", .limit = 1000, .before_id = cursor});
        length = events->len;
        found += length;
        for (guint i = 0; i < length; i++) {
            const struct analytics_event *event = g_ptr_array_index(events, i);
            missing -= g_hash_table_contains(acknowledged, event->id);
            g_free(cursor);
            cursor = store_event_cursor(event);
        }
    }
    g_test_message("%u acknowledged, %" G_GINT64_FORMAT " stored", g_hash_table_size(acknowledged), found);
    g_assert_cmpuint(missing, ==, 0);
    g_assert_cmpint(found % BATCH_EVENTS, ==, 0); /* batches are whole */
    g_assert_cmpint(world_count(&world, "door", "line_in", world_start_ms), ==, found);
    world_clear(&world);
}

static void test_q17_second_process_is_refused(void)
{
    struct store_world world;
    world_init(&world);
    g_autoptr(GError) error = NULL;
    g_assert_null(world_open(&world, &error));
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE);
    g_autofree char *pid = g_strdup_printf("process %d uses it already", (int)getpid());
    g_assert_nonnull(strstr(error->message, pid));
    world_clear(&world);
}

static void test_q17_link_is_refused(void)
{
    struct store_world world;
    world_init(&world);
    store_close(world.store);
    g_autofree char *path = g_build_filename(world.directory, "vedette.db", NULL);
    g_autofree char *elsewhere = g_build_filename(world.directory, "elsewhere", NULL);
    g_assert_cmpint(rename(path, elsewhere), ==, 0);
    g_assert_cmpint(symlink(elsewhere, path), ==, 0);
    g_autoptr(GError) error = NULL;
    world.store = world_open(&world, &error);
    g_assert_null(world.store);
    g_assert_nonnull(strstr(error->message, "vedette.db"));
    g_assert_nonnull(strstr(error->message, "not a link"));
    world_clear(&world);
}

static void test_rights(void)
{
    struct store_world world;
    world_init(&world);
    store_close(world.store);
    world.store = NULL;
    struct stat status;
    g_autofree char *path = g_build_filename(world.directory, "vedette.db", NULL);
    g_assert_cmpint(stat(path, &status), ==, 0);
    g_assert_cmpint(status.st_mode & 0777, ==, 0600);
    g_autofree char *fresh = g_build_filename(world.directory, "fresh", NULL);
    struct store *store = store_open(fresh, &world_settings, world.clock, &world.health, NULL);
    store_close(store);
    g_assert_cmpint(stat(fresh, &status), ==, 0);
    g_assert_cmpint(status.st_mode & 0777, ==, 0700);
    remove_directory(fresh);
    g_assert_cmpint(chmod(world.directory, 0777), ==, 0);
    g_autoptr(GError) error = NULL;
    g_assert_null(world_open(&world, &error));
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_PERMISSION);
    g_assert_nonnull(strstr(error->message, "others may write there"));
    world_clear(&world);
}

/* As nobody: root may write everywhere. */
static void test_no_permission_is_told(void)
{
    struct store_world world;
    world_init(&world);
    store_close(world.store);
    world.store = NULL;
    g_assert_cmpint(chmod(world.directory, 0500), ==, 0);
    pid_t child = fork();
    if (child == 0) {
        g_autoptr(GError) error = NULL;
        if (geteuid() == 0 && (chown(world.directory, 65534, 65534) != 0 || setuid(65534) != 0))
            _exit(77);
        bool is_told = !world_open(&world, &error) && g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_PERMISSION) &&
                       strstr(error->message, world.directory) && strstr(error->message, "Permission denied");
        if (!is_told)
            fprintf(stderr, "# %s\n", error ? error->message : "opened");
        _exit(is_told ? 0 : 1);
    }
    int status;
    waitpid(child, &status, 0);
    g_assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        g_test_skip("cannot become another user here");
    else
        g_assert_cmpint(WEXITSTATUS(status), ==, 0);
    chmod(world.directory, 0700);
    world_clear(&world);
}

static void test_damaged_file_is_told(void)
{
    struct store_world world = {.clock = clock_fake_new(world_start_ms),
                                .directory = g_dir_make_tmp("vedette-store-XXXXXX", NULL)};
    g_autofree char *path = g_build_filename(world.directory, "vedette.db", NULL), *text = g_strnfill(8192, 'x');
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
    g_autoptr(GError) error = NULL;
    g_assert_null(world_open(&world, &error));
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_IO);
    g_assert_nonnull(strstr(error->message, path));
    g_assert_nonnull(strstr(error->message, "damaged or not Vedette's"));
    world_clear(&world);
}

static void change_database(const struct store_world *world, const char *sql)
{
    g_autofree char *path = g_build_filename(world->directory, "vedette.db", NULL);
    sqlite3 *db;
    g_assert_cmpint(sqlite3_open(path, &db), ==, SQLITE_OK);
    g_assert_cmpint(sqlite3_exec(db, sql, NULL, NULL, NULL), ==, SQLITE_OK);
    sqlite3_close(db);
}

static void test_migrations_are_checked(void)
{
    static const struct {
        const char *sql, *said;
    } cases[] = {
        {"UPDATE schema_migrations SET sha256='other' WHERE number=1", "made with another text"},
        {"INSERT INTO schema_migrations VALUES (9999, 'x', 'x', 0)", "made by a newer Vedette"},
        {"ALTER TABLE events DROP COLUMN trace_id", "table events lacks a migration"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct store_world world;
        world_init(&world);
        store_close(world.store);
        change_database(&world, cases[i].sql);
        g_autoptr(GError) error = NULL;
        world.store = world_open(&world, &error);
        g_assert_null(world.store);
        g_assert_nonnull(strstr(error->message, cases[i].said));
        world_clear(&world);
    }
}

static void test_migrations_run_once(void)
{
    struct store_world world;
    world_init(&world);
    for (int i = 0; i < 3; i++) {
        store_close(world.store);
        g_autoptr(GError) error = NULL;
        world.store = world_open(&world, &error);
        g_assert_no_error(error);
    }
    world_clear(&world);
}

/* Two processes start at the same moment on an empty directory: one has it, the other is told. */
static void test_concurrent_start(void)
{
    g_autofree char *directory = g_dir_make_tmp("vedette-store-XXXXXX", NULL);
    int gate[2], results[2];
    g_assert_cmpint(pipe(gate), ==, 0);
    g_assert_cmpint(pipe(results), ==, 0);
    pid_t children[4];
    for (size_t i = 0; i < G_N_ELEMENTS(children); i++) {
        children[i] = fork();
        if (children[i] != 0)
            continue;
        struct store_world world = {.directory = directory, .clock = clock_fake_new(world_start_ms)};
        char byte;
        close(gate[1]);
        g_autoptr(GError) error = NULL;
        if (read(gate[0], &byte, 1) < 0)
            _exit(3);
        world.store = world_open(&world, &error);
        bool is_told = g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE);
        byte = world.store ? 'o' : is_told ? 'r' : 'e';
        if (write(results[1], &byte, 1) != 1)
            _exit(3);
        pause();
    }
    close(gate[0]);
    close(gate[1]);
    int opened = 0, refused = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(children); i++) {
        char byte = 0;
        g_assert_cmpint(read(results[0], &byte, 1), ==, 1);
        opened += byte == 'o';
        refused += byte == 'r';
    }
    for (size_t i = 0; i < G_N_ELEMENTS(children); i++) {
        kill(children[i], SIGKILL);
        waitpid(children[i], NULL, 0);
    }
    close(results[0]);
    close(results[1]);
    g_assert_cmpint(opened, ==, 1);
    g_assert_cmpint(refused, ==, 3);
    remove_directory(directory);
}

static struct world_result store_many(struct store_world *world, int count)
{
    GPtrArray *batch = world_batch_new();
    for (int i = 0; i < count; i++)
        g_ptr_array_add(batch, world_crossing(world, NULL, "door", "in", world_start_ms));
    return world_store(world, batch);
}

/* What goes into a file that is gone, nobody finds again: it is refused until the file is back. */
static void test_nothing_is_written_into_a_file_that_is_gone(void)
{
    struct store_world world;
    world_init(&world);
    g_autofree char *path = g_build_filename(world.directory, "vedette.db", NULL);
    g_autofree char *elsewhere = g_build_filename(world.directory, "elsewhere", NULL);
    g_assert_cmpint(rename(path, elsewhere), ==, 0);
    for (int is_replaced = 0; is_replaced < 2; is_replaced++) {
        struct world_result result = store_many(&world, 1);
        g_assert_cmpint(result.code, ==, VEDETTE_ERROR_UNAVAILABLE);
        g_assert_nonnull(strstr(result.error, "vedette.db: the file that is open is not there any more"));
        g_free(result.error);
        g_assert_true(g_file_set_contents(path, "another", -1, NULL));
    }
    g_assert_cmpint(rename(elsewhere, path), ==, 0);
    g_assert_cmpint(store_many(&world, 1).new_records, ==, 1);
    g_assert_cmpint(world_count(&world, "door", "line_in", world_start_ms), ==, 1);
    world_clear(&world);
}

/* Writes until nothing more goes in; then frees the place and writes again, without a restart. */
static void check_full_and_free(struct store_world *world, void (*make_room)(void *), void *data)
{
    gint64 stored = 0;
    struct world_result result = {0};
    for (int i = 0; i < 10000 && !result.error; i++) {
        result = store_many(world, 200);
        stored += result.new_records;
    }
    g_assert_nonnull(result.error);
    g_test_message("%s", result.error);
    g_assert_cmpint(result.code, ==, VEDETTE_ERROR_UNAVAILABLE); /* nobody asked for too much */
    g_assert_nonnull(strstr(result.error, "vedette.db"));
    g_free(result.error);
    g_assert_cmpint(world_count(world, "door", "line_in", world_start_ms), ==, stored); /* reads go on */
    g_assert_false(store_check(world->store, NULL));
    make_room(data);
    result = store_many(world, 100);
    g_assert_cmpstr(result.error, ==, NULL);
    g_assert_cmpint(world_count(world, "door", "line_in", world_start_ms), ==, stored + 100);
}

static void remove_ballast(void *path)
{
    g_assert_cmpint(g_unlink(path), ==, 0);
}

static void test_q16_tiny_tmpfs(void)
{
    g_autofree char *mount_point = g_dir_make_tmp("vedette-tmpfs-XXXXXX", NULL);
    if (mount("tmpfs", mount_point, "tmpfs", 0, "size=3m,mode=0700") != 0) {
        g_test_skip("cannot mount a tmpfs here");
        g_rmdir(mount_point);
        return;
    }
    g_autofree char *ballast = g_build_filename(mount_point, "ballast", NULL), *bytes = g_strnfill(1 << 20, 'x');
    g_assert_true(g_file_set_contents(ballast, bytes, -1, NULL));
    struct store_world world = {.clock = clock_fake_new(world_start_ms),
                                .directory = g_build_filename(mount_point, "data", NULL)};
    g_autoptr(GError) error = NULL;
    world.store = world_open(&world, &error);
    g_assert_no_error(error);
    check_full_and_free(&world, remove_ballast, ballast);
    world_clear(&world);
    g_assert_cmpint(umount2(mount_point, MNT_DETACH), ==, 0);
    g_rmdir(mount_point);
}

/* As a server that runs opens it. */
static struct store *open_or_wait(struct store_world *world)
{
    g_autoptr(GError) error = NULL;
    struct store *store = store_open_or_wait(world->directory, &world_settings, world->clock, &world->health, &error);
    g_assert_no_error(error);
    return store;
}

/* It tells of what ails it, and is there as soon as that is over. */
static void check_waits(struct store_world *world, const char *why, void (*mend)(void *), void *data)
{
    g_autoptr(GError) error = NULL, second = NULL, read = NULL;
    g_assert_null(world_open(world, &error));
    g_test_message("%s", error->message);
    g_assert_nonnull(strstr(error->message, why));
    world->store = open_or_wait(world);
    g_clear_error(&error);
    g_assert_false(store_check(world->store, &error));
    g_assert_nonnull(strstr(error->message, why));
    g_assert_null(world_open(world, &second)); /* whoever waits for it has it */
    g_assert_nonnull(strstr(second->message, "uses it already"));
    struct world_result result = store_many(world, 1);
    g_assert_cmpint(result.code, ==, VEDETTE_ERROR_UNAVAILABLE);
    g_free(result.error);
    const struct store_event_filter filter = {.org_id = "default", .limit = 100};
    g_assert_null(store_events_list(world->store, &filter, &read));
    g_assert_error(read, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE);
    mend(data);
    WORLD_WAIT_UNTIL(store_checker_read(world->store->checker, NULL));
    g_assert_cmpint(store_many(world, 1).new_records, ==, 1);
    g_assert_true(store_check(world->store, NULL));
    g_assert_cmpint(world_count(world, "door", "line_in", world_start_ms), ==, 2); /* with the one of before */
}

static void fill(const char *path)
{
    static const char bytes[4096];
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    g_assert_cmpint(fd, >=, 0);
    while (write(fd, bytes, sizeof bytes) > 0)
        ;
    g_assert_cmpint(errno, ==, ENOSPC);
    close(fd);
}

static void test_q16_a_server_starts_on_a_full_disk(void)
{
    g_autofree char *mount_point = g_dir_make_tmp("vedette-tmpfs-XXXXXX", NULL);
    if (mount("tmpfs", mount_point, "tmpfs", 0, "size=3m,mode=0700") != 0) {
        g_test_skip("cannot mount a tmpfs here");
        g_rmdir(mount_point);
        return;
    }
    g_autofree char *ballast = g_build_filename(mount_point, "ballast", NULL);
    struct store_world world = {.clock = clock_fake_new(world_start_ms),
                                .directory = g_build_filename(mount_point, "data", NULL)};
    g_autofree char *lock = g_build_filename(world.directory, "lock", NULL);
    world.store = world_open(&world, NULL);
    g_assert_cmpint(store_many(&world, 1).new_records, ==, 1);
    store_close(world.store);
    g_assert_cmpint(g_unlink(lock), ==, 0); /* whose process id has no room then */
    fill(ballast);
    check_waits(&world, "free space there", remove_ballast, ballast);
    world_clear(&world);
    g_assert_cmpint(umount2(mount_point, MNT_DETACH), ==, 0);
    g_rmdir(mount_point);
}

static void let_go(void *other)
{
    g_assert_cmpint(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), ==, SQLITE_OK);
}

static void test_a_server_starts_while_another_program_holds_the_file(void)
{
    struct store_world world;
    world_init(&world);
    g_assert_cmpint(store_many(&world, 1).new_records, ==, 1);
    store_close(world.store);
    g_autofree char *path = g_build_filename(world.directory, "vedette.db", NULL);
    sqlite3 *other = NULL;
    g_assert_cmpint(sqlite3_open(path, &other), ==, SQLITE_OK);
    g_assert_cmpint(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), ==, SQLITE_OK);
    check_waits(&world, "another program holds it", let_go, other);
    sqlite3_close(other);
    world_clear(&world);
}

/* It would be waited for in vain. */
static void test_a_file_that_is_wrong_is_not_waited_for(void)
{
    struct store_world world = {.clock = clock_fake_new(world_start_ms),
                                .directory = g_dir_make_tmp("vedette-store-XXXXXX", NULL)};
    g_autofree char *path = g_build_filename(world.directory, "vedette.db", NULL), *text = g_strnfill(8192, 'x');
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
    g_autoptr(GError) error = NULL;
    g_assert_null(store_open_or_wait(world.directory, &world_settings, world.clock, &world.health, &error));
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_IO);
    world_clear(&world);
}

static void raise_limit(void *data)
{
    g_assert_cmpint(setrlimit(RLIMIT_FSIZE, data), ==, 0);
}

/* The same without rights to mount: no file may grow beyond a megabyte. */
static void test_q15_file_size_limit(void)
{
    struct store_world world;
    world_init(&world);
    struct rlimit unlimited, small;
    getrlimit(RLIMIT_FSIZE, &unlimited);
    small = (struct rlimit){1 << 20, unlimited.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &small), ==, 0);
    gint64 stored = 0;
    struct world_result result = {0};
    for (int i = 0; i < 200 && !result.error; i++) {
        result = store_many(&world, 200);
        stored += result.new_records;
    }
    g_assert_nonnull(result.error);
    g_test_message("%s", result.error);
    g_assert_nonnull(strstr(result.error, "vedette.db"));
    g_free(result.error);
    raise_limit(&unlimited);
    g_assert_cmpint(store_many(&world, 100).new_records, ==, 100);
    g_assert_cmpint(world_count(&world, "door", "line_in", world_start_ms), ==, stored + 100);
    world_clear(&world);
}

/* Events in the file without its log; -1 while that cannot be read. */
static int count_in_file(const struct store_world *world)
{
    g_autofree char *uri = g_strdup_printf("file:%s/vedette.db?immutable=1", world->directory);
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    int count = -1;
    if (sqlite3_open_v2(uri, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL) == SQLITE_OK &&
        sqlite3_prepare_v2(db, "SELECT count(*) FROM events", -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW)
        count = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return count;
}

/* Nobody who commits waits for it, and yet the log does not only grow: what it holds goes into the file in between. */
static void test_log_goes_into_the_file_when_nobody_writes(void)
{
    enum { BATCHES = 20, EVENTS = 100 };
    struct store_world world;
    world_init(&world);
    for (int i = 0; i < BATCHES; i++)
        g_assert_cmpint(store_many(&world, EVENTS).new_records, ==, EVENTS);
    /* The last of them may be too few to be written, and all of them are too few for a commit to write them itself. */
    WORLD_WAIT_UNTIL(count_in_file(&world) >= BATCHES * EVENTS / 4);
    world_clear(&world);
}

static void run_elsewhere(const struct store_world *world, const char *sql)
{
    g_autofree char *path = g_build_filename(world->directory, "vedette.db", NULL);
    sqlite3 *database = NULL;
    g_assert_cmpint(sqlite3_open(path, &database), ==, SQLITE_OK);
    sqlite3_busy_timeout(database, 10000);
    g_assert_cmpint(sqlite3_exec(database, sql, NULL, NULL, NULL), ==, SQLITE_OK);
    sqlite3_close(database);
}

static size_t count_events(const struct store_world *world)
{
    g_autoptr(GError) error = NULL;
    const struct store_event_filter filter = {.org_id = "default", .limit = 100};
    g_autoptr(GPtrArray) events = store_events_list(world->store, &filter, &error);
    g_assert_no_error(error);
    return events->len;
}

/* SQLite prepares statements anew then, which writes of an org must pass as they did at first, and others not. */
static void test_another_program_may_change_the_schema(void)
{
    static const char *const changes[] = {"SELECT 1", "CREATE TABLE notes (a)",
                                          "CREATE INDEX events_noted ON events (site_id, type)", "DROP TABLE notes",
                                          "ANALYZE"};
    struct store_world world;
    world_init(&world);
    for (size_t i = 0; i < G_N_ELEMENTS(changes); i++) {
        GPtrArray *batch = world_batch_new();
        run_elsewhere(&world, changes[i]);
        g_ptr_array_add(batch, world_crossing(&world, NULL, "door", "in", world_start_ms + (int64_t)i));
        struct world_result result = world_store(&world, batch);
        g_assert_cmpstr(result.error, ==, NULL);
        g_assert_cmpint(result.new_records, ==, 1);
        g_assert_cmpuint(count_events(&world), ==, i + 1);
    }
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/store/q13_kill_in_the_middle_of_commits", test_q13_kill_in_the_middle_of_commits);
    g_test_add_func("/store/q17_second_process_is_refused", test_q17_second_process_is_refused);
    g_test_add_func("/store/q17_link_is_refused", test_q17_link_is_refused);
    g_test_add_func("/store/rights", test_rights);
    g_test_add_func("/store/no_permission_is_told", test_no_permission_is_told);
    g_test_add_func("/store/damaged_file_is_told", test_damaged_file_is_told);
    g_test_add_func("/store/migrations_are_checked", test_migrations_are_checked);
    g_test_add_func("/store/migrations_run_once", test_migrations_run_once);
    g_test_add_func("/store/concurrent_start", test_concurrent_start);
    g_test_add_func("/store/another_program_may_change_the_schema", test_another_program_may_change_the_schema);
    g_test_add_func("/store/nothing_is_written_into_a_file_that_is_gone",
                    test_nothing_is_written_into_a_file_that_is_gone);
    g_test_add_func("/store/q16_tiny_tmpfs", test_q16_tiny_tmpfs);
    g_test_add_func("/store/q16_a_server_starts_on_a_full_disk", test_q16_a_server_starts_on_a_full_disk);
    g_test_add_func("/store/a_server_starts_while_another_program_holds_the_file",
                    test_a_server_starts_while_another_program_holds_the_file);
    g_test_add_func("/store/a_file_that_is_wrong_is_not_waited_for", test_a_file_that_is_wrong_is_not_waited_for);
    g_test_add_func("/store/q15_file_size_limit", test_q15_file_size_limit);
    g_test_add_func("/store/log_goes_into_the_file_when_nobody_writes", test_log_goes_into_the_file_when_nobody_writes);
    return g_test_run();
}
