/* A PostgreSQL of the test's own: Debian's binaries, a temporary directory, a Unix socket there and no port. It ends
 * with the test. Where there are no binaries, postgres_start is false and the test skips. */
#pragma once

#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "facts/settings.h"
#include "store/store.h"

static struct {
    char *bin, *directory;
    pid_t pid;
    int databases;
} postgres;

/* A text that is a whole number and nothing else; another ends the test. */
static inline int postgres_number(const char *text)
{
    gint64 number = 0;
    g_autoptr(GError) error = NULL;
    g_ascii_string_to_signed(text, 10, INT_MIN, INT_MAX, &number, &error);
    g_assert_no_error(error);
    return (int)number;
}

/* Of the newest version that is installed; NULL when there is none. */
static inline char *postgres_find_bin(void)
{
    enum { OLDEST = 15 };
    char *found = NULL;
    guint64 newest = 0;
    GDir *versions = g_dir_open("/usr/lib/postgresql", 0, NULL);
    const char *name;
    while (versions && (name = g_dir_read_name(versions))) {
        g_autofree char *bin = g_build_filename("/usr/lib/postgresql", name, "bin", NULL);
        g_autofree char *program = g_build_filename(bin, "initdb", NULL);
        guint64 version = 0;
        if (g_file_test(program, G_FILE_TEST_IS_EXECUTABLE) &&
            g_ascii_string_to_unsigned(name, 10, OLDEST, G_MAXINT, &version, NULL) && version > newest) {
            newest = version;
            g_free(found);
            found = g_steal_pointer(&bin);
        }
    }
    if (versions)
        g_dir_close(versions);
    return found;
}

/* PostgreSQL refuses to run as root. */
static inline const struct passwd *postgres_user(void)
{
    const struct passwd *user = getpwnam("postgres");
    return user ? user : getpwnam("nobody");
}

static inline void postgres_child(void *data)
{
    (void)data;
    if (geteuid() == 0) {
        const struct passwd *user = postgres_user();
        if (!user || setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0)
            _exit(1);
    }
    prctl(PR_SET_PDEATHSIG, SIGQUIT); /* follows the thread that launched it: the test's main one, no other */
}

static inline pid_t postgres_spawn(char **argv)
{
    GPid pid = 0;
    g_autoptr(GError) error = NULL;
    GSpawnFlags flags = G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDOUT_TO_DEV_NULL |
                        (g_getenv("VEDETTE_TEST_VERBOSE") ? 0 : G_SPAWN_STDERR_TO_DEV_NULL);
    g_spawn_async(postgres.directory, argv, NULL, flags, postgres_child, NULL, &pid, &error);
    g_assert_no_error(error);
    return pid;
}

static inline void postgres_launch(void)
{
    g_autofree char *program = g_build_filename(postgres.bin, "postgres", NULL);
    g_autofree char *data = g_build_filename(postgres.directory, "data", NULL);
    char *argv[] = {program,
                    (char *)"-D",
                    data,
                    (char *)"-k",
                    postgres.directory,
                    (char *)"-c",
                    (char *)"listen_addresses=",
                    (char *)"-c",
                    (char *)"fsync=off", /* processes are killed here, not machines */
                    (char *)"-c",
                    (char *)"full_page_writes=off",
                    (char *)"-c",
                    (char *)"shared_buffers=32MB",
                    (char *)"-c",
                    (char *)"max_connections=40",
                    NULL};
    postgres.pid = postgres_spawn(argv);
}

/* The server's own processes, the postmaster first: a new GArray of pid_t. */
static inline GArray *postgres_processes(void)
{
    GArray *pids = g_array_new(FALSE, FALSE, sizeof(pid_t));
    g_array_append_val(pids, postgres.pid);
    g_autofree char *path = g_strdup_printf("/proc/%d/task/%d/children", (int)postgres.pid, (int)postgres.pid);
    g_autofree char *text = NULL;
    if (!g_file_get_contents(path, &text, NULL, NULL))
        return pids;
    g_auto(GStrv) children = g_strsplit(g_strstrip(text), " ", -1);
    for (size_t i = 0; children[i]; i++) {
        pid_t pid = (pid_t)g_ascii_strtoll(children[i], NULL, 10);
        if (pid > 0)
            g_array_append_val(pids, pid);
    }
    return pids;
}

/* To each of its processes: SIGKILL, SIGSTOP, SIGCONT. */
static inline void postgres_signal_all(int number)
{
    g_autoptr(GArray) pids = postgres_processes();
    for (guint i = 0; i < pids->len; i++)
        kill(g_array_index(pids, pid_t, i), number);
}

/* Ends the server and waits until it has ended. SIGKILL: all of its processes; SIGQUIT and SIGINT: it ends them, at
 * once or in order. Nothing of its data is lost. */
static inline void postgres_end(int number)
{
    if (number == SIGKILL)
        postgres_signal_all(number);
    else
        kill(postgres.pid, number);
    waitpid(postgres.pid, NULL, 0);
    postgres.pid = 0;
}

static inline char *postgres_url(const char *role, const char *database)
{
    return g_strdup_printf("postgres://%s@/%s?host=%s", role, database, postgres.directory);
}

static inline PGconn *postgres_connect(const char *role, const char *database)
{
    g_autofree char *url = postgres_url(role, database);
    gint64 deadline = g_get_monotonic_time() + 60 * G_USEC_PER_SEC;
    for (;;) {
        PGconn *connection = PQconnectdb(url);
        if (PQstatus(connection) == CONNECTION_OK)
            return connection;
        if (g_get_monotonic_time() > deadline)
            g_error("%s", PQerrorMessage(connection));
        PQfinish(connection);
        /* One that is killed leaves its shared memory to processes that still notice: a new one refuses to begin. */
        if (postgres.pid && waitpid(postgres.pid, NULL, WNOHANG) == postgres.pid)
            postgres_launch();
        g_usleep(20000);
    }
}

/* Runs SQL that must succeed; the first value of its last result, or "". g_free. */
static inline char *postgres_ask_on(PGconn *connection, const char *sql)
{
    PGresult *result = PQexec(connection, sql);
    if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK)
        g_error("%s: %s", sql, PQresultErrorMessage(result));
    char *value = g_strdup(PQntuples(result) ? PQgetvalue(result, 0, 0) : "");
    PQclear(result);
    return value;
}

static inline char *postgres_ask(const char *database, const char *sql)
{
    PGconn *connection = postgres_connect("postgres", database);
    char *value = postgres_ask_on(connection, sql);
    PQfinish(connection);
    return value;
}

static inline int postgres_ask_number(const char *database, const char *sql)
{
    g_autofree char *text = postgres_ask(database, sql);
    return postgres_number(text);
}

static inline void postgres_do(const char *database, const char *sql)
{
    g_free(postgres_ask(database, sql));
}

static inline void postgres_stop(void)
{
    if (postgres.pid) {
        kill(postgres.pid, SIGQUIT);
        waitpid(postgres.pid, NULL, 0);
    }
    if (postgres.directory) {
        char *argv[] = {(char *)"rm", (char *)"-rf", postgres.directory, NULL};
        g_spawn_sync(NULL, argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL);
    }
    postgres.pid = 0;
    g_clear_pointer(&postgres.directory, g_free);
    g_clear_pointer(&postgres.bin, g_free);
}

static inline void postgres_migrate(const char *database)
{
    g_autofree char *url = postgres_url("vedette_migrator", database);
    const struct store_settings settings = {
        .url = url, .connections = 2, .connect_timeout_ms = 20000, .query_timeout_ms = 60000};
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) report = g_string_new(NULL);
    store_migrate("", &settings, clock_system(), false, report, &error);
    g_assert_no_error(error);
}

/* A new database that is migrated: a copy of the first, which is cheaper file by file than page by page. g_free its
 * name. */
static inline char *postgres_database(void)
{
    char *name = g_strdup_printf("store_%d", ++postgres.databases);
    g_autofree char *sql = g_strdup_printf("CREATE DATABASE %s TEMPLATE vedette_template STRATEGY FILE_COPY", name);
    postgres_do("postgres", sql);
    return name;
}

/* Runs a program of PostgreSQL's or on its files, as its user, to its good end. */
static inline void postgres_run(char **argv)
{
    int status;
    waitpid(postgres_spawn(argv), &status, 0);
    g_assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* A server with the database `vedette_template`, from nothing. */
static inline void postgres_make(void)
{
    g_autofree char *program = g_build_filename(postgres.bin, "initdb", NULL);
    g_autofree char *data = g_build_filename(postgres.directory, "data", NULL);
    char *argv[] = {program,
                    (char *)"-D",
                    data,
                    (char *)"-U",
                    (char *)"postgres",
                    (char *)"-A",
                    (char *)"trust",
                    (char *)"-E",
                    (char *)"UTF8",
                    (char *)"--locale=C.UTF-8",
                    (char *)"-N",
                    NULL};
    postgres_run(argv);
    postgres_launch();
    postgres_do("postgres", "CREATE DATABASE vedette_template");
    postgres_do("vedette_template", store_postgres_roles);
    postgres_migrate("vedette_template");
}

/* The same from a copy in the directory of this run of tests, which the first of its programs makes: others wait. */
static inline void postgres_copy(const char *run)
{
    g_autofree char *kept = g_build_filename(run, "postgres", NULL);
    g_autofree char *lock_path = g_build_filename(run, "postgres.lock", NULL);
    g_autofree char *data = g_build_filename(postgres.directory, "data", NULL);
    int lock = open(lock_path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    g_assert_cmpint(lock, >=, 0);
    g_assert_no_errno(flock(lock, LOCK_EX));
    if (!g_file_test(kept, G_FILE_TEST_IS_DIR)) {
        postgres_make();
        postgres_end(SIGINT);
        g_assert_no_errno(rename(data, kept)); /* whole, or not at all */
    }
    close(lock);
    char *argv[] = {(char *)"/bin/cp", (char *)"-a", kept, data, NULL};
    postgres_run(argv);
    postgres_launch();
}

/* True when it runs and has the database `vedette_template`. The first call starts it. */
static inline bool postgres_start(void)
{
    if (postgres.pid)
        return true;
    postgres.bin = postgres_find_bin();
    if (!postgres.bin || !(geteuid() != 0 || postgres_user()))
        return false;
    postgres.directory = g_dir_make_tmp("vedette-pg-XXXXXX", NULL);
    if (geteuid() == 0)
        g_assert_cmpint(chown(postgres.directory, postgres_user()->pw_uid, postgres_user()->pw_gid), ==, 0);
    atexit(postgres_stop);
    const char *run = g_getenv("VEDETTE_TEST_RUN"); /* by scripts/run-tests */
    if (run)
        postgres_copy(run);
    else
        postgres_make();
    return true;
}

static inline bool world_is_postgres(void)
{
    return g_strcmp0(g_getenv("VEDETTE_TEST_STORE"), "postgres") == 0;
}

/* True, and the test is skipped, when its engine is not there. Called first in main. */
static inline bool world_is_missing(void)
{
    if (!world_is_postgres() || postgres_start())
        return false;
    g_print("1..0 # SKIP no PostgreSQL 15 or newer in /usr/lib/postgresql (apt install postgresql)\n");
    return true;
}
