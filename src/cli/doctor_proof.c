#include "cli/doctor.h"

#include "base/clock.h"
#include "base/error.h"

#include <errno.h>
#include <ftw.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    START_US = 60 * 1000000,
    START_POLL_US = 20000,
    STOP_US = 10 * 1000000,
    OPEN_DIRECTORIES = 16,
};

/* ---- being told to end: the server ends first, and its directory is removed ---- */

static volatile sig_atomic_t stop_signal; /* 0: not told */
static volatile pid_t server_pid;         /* 0: none runs */

static void on_stop(int number)
{
    stop_signal = number;
    if (server_pid)
        kill(server_pid, SIGTERM); /* whoever waits for it hears that it is gone */
}

static void catch_stops(void)
{
    const struct sigaction action = {.sa_handler = on_stop};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static bool is_stopped(GError **error)
{
    if (!stop_signal)
        return false;
    g_clear_error(error);
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_CANCELLED, "the proof was ended by signal %d", (int)stop_signal);
    return true;
}

/* In the child: it does not outlive us, whatever ends us. */
static void end_with_parent(gpointer parent)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != GPOINTER_TO_INT(parent))
        _exit(1);
}

/* ---- a server of our own ---- */

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *position)
{
    (void)info;
    (void)kind;
    (void)position;
    return remove(path);
}

/* Without our settings: it is a server of its own, and no second one on a database that others use. g_strfreev. */
static char **clean_environment(void)
{
    char **environment = g_get_environ();
    g_auto(GStrv) names = g_listenv();
    for (size_t i = 0; names[i]; i++)
        if (g_str_has_prefix(names[i], "VEDETTE_"))
            environment = g_environ_unsetenv(environment, names[i]);
    return environment;
}

static pid_t start_server(const char *directory, GError **error)
{
    GPid pid = 0;
    g_autofree char *program = g_file_read_link("/proc/self/exe", error);
    g_autofree char *config = g_build_filename(directory, "vedette.yml", NULL);
    g_autofree char *data_dir = g_build_filename(directory, "data", NULL);
    if (!program || !g_file_set_contents(config, "cameras: []\n", -1, error))
        return 0;
    const char *arguments[] = {
        program,          "run",       "--config",    config, "--data-dir",   data_dir,  "--http-port", "0",
        "--http-address", "127.0.0.1", "--store-url", "",     "--log-levels", "warning", NULL};
    g_auto(GStrv) environment = clean_environment();
    if (!g_spawn_async(directory, (char **)(uintptr_t)arguments, environment,
                       G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDOUT_TO_DEV_NULL, end_with_parent,
                       GINT_TO_POINTER((int)getpid()), &pid, error))
        return 0;
    return pid;
}

/* -1 with the error when the server ends before it listens, or does not in time. */
static int wait_for_server(pid_t *pid, const char *directory, GError **error)
{
    g_autofree char *data_dir = g_build_filename(directory, "data", NULL);
    int64_t until_us = clock_monotonic_us(clock_system()) + START_US;
    while (clock_monotonic_us(clock_system()) < until_us && !is_stopped(error)) {
        int fd = control_reach(data_dir);
        if (fd >= 0)
            return fd;
        if (waitpid(*pid, NULL, WNOHANG) == *pid) {
            *pid = server_pid = 0;
            g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_IO,
                        "the server of the proof did not start; its words are above");
            return -1;
        }
        g_usleep(START_POLL_US);
    }
    if (!stop_signal)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_TIMEOUT, "the server of the proof did not listen in time");
    return -1;
}

static void stop_server(pid_t pid)
{
    int64_t until_us = clock_monotonic_us(clock_system()) + STOP_US;
    kill(pid, SIGTERM);
    while (waitpid(pid, NULL, WNOHANG) == 0) {
        if (clock_monotonic_us(clock_system()) > until_us)
            kill(pid, SIGKILL);
        g_usleep(START_POLL_US);
    }
}

static bool prove_apart(control_line_fn line, void *data, GError **error)
{
    g_autofree char *directory = g_dir_make_tmp("vedette-doctor-XXXXXX", error);
    if (!directory)
        return false;
    catch_stops();
    pid_t pid = start_server(directory, error);
    server_pid = pid;
    int fd = pid ? wait_for_server(&pid, directory, error) : -1;
    bool is_good = fd >= 0 && control_ask(fd, "prove\n", line, data, error);
    server_pid = 0;
    if (pid)
        stop_server(pid);
    is_good = !is_stopped(error) && is_good;
    if (nftw(directory, remove_entry, OPEN_DIRECTORIES, FTW_DEPTH | FTW_PHYS) != 0)
        fprintf(stderr, "vedette doctor: '%s' is left behind: %s\n", directory, g_strerror(errno));
    return is_good;
}

bool doctor_prove(const char *data_dir, control_line_fn line, void *data, GError **error)
{
    int fd = control_reach(data_dir), reason = errno;
    if (fd >= 0)
        return control_ask(fd, "prove\n", line, data, error);
    if (!doctor_server_pid(data_dir))
        return prove_apart(line, data, error);
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_IO, "the server that runs cannot be reached by %s/control.sock: %s",
                data_dir, g_strerror(reason));
    return false;
}
