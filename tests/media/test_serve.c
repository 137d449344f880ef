/* `vedette camera serve` as a user runs it. */
#include <gio/gio.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "media/media_world.h"
#include "stopwatch.h"

struct server {
    GPid pid;
    FILE *out;
    char lines[3][256];
};

/* Starts `command` in a shell, and reads `line_count` lines of its output. */
static void server_start(struct server *server, const char *command, int line_count)
{
    const char *const argv[] = {"/bin/sh", "-c", command, NULL};
    g_autoptr(GError) error = NULL;
    int out = -1;
    memset(server, 0, sizeof *server);
    g_spawn_async_with_pipes(NULL, (char **)argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDERR_TO_DEV_NULL, NULL,
                             NULL, &server->pid, NULL, &out, NULL, &error);
    g_assert_no_error(error);
    server->out = fdopen(out, "r");
    for (int i = 0; i < line_count; i++) {
        g_assert_nonnull(fgets(server->lines[i], sizeof server->lines[i], server->out));
        g_strchomp(server->lines[i]);
    }
}

/* Waits for the end; the exit status, or -1 when a signal ended it. */
static int server_wait(struct server *server)
{
    int status = 0;
    g_assert_cmpint(waitpid(server->pid, &status, 0), ==, server->pid);
    fclose(server->out);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static char *serve_command(const char *options)
{
    const char *binary = g_getenv("VEDETTE_BINARY");
    return binary ? g_strdup_printf("exec %s camera serve %s", binary, options) : NULL;
}

static void test_each_source_has_its_address(void)
{
    g_autofree char *command =
        serve_command("'scene://empty?width=64&height=64' 'scene://empty?width=64&height=64' --port 0");
    if (!command) {
        g_test_skip("VEDETTE_BINARY is not set");
        return;
    }
    struct server server;
    server_start(&server, command, 2);
    g_assert_true(g_str_has_prefix(server.lines[0], "rtsp://127.0.0.1:"));
    g_assert_true(g_str_has_suffix(server.lines[0], "/empty"));
    g_assert_true(g_str_has_suffix(server.lines[1], "/empty-2"));
    for (int i = 0; i < 2; i++) {
        struct media_eye eye;
        media_eye_init(&eye);
        media_eye_open(&eye, server.lines[i]);
        g_assert_true(media_eye_wait_state(&eye, "online"));
        media_eye_close(&eye);
    }
    struct media_eye eye; /* the first is at the root too */
    g_autofree char *root = g_strndup(server.lines[0], strlen(server.lines[0]) - strlen("empty"));
    media_eye_init(&eye);
    media_eye_open(&eye, root);
    g_assert_true(media_eye_wait_state(&eye, "online"));
    kill(server.pid, SIGTERM);
    g_assert_cmpint(server_wait(&server), ==, 0);
    media_eye_close(&eye);
}

/* How long it takes to end while somebody looks on. */
static gint64 end_watched_us(const void *command)
{
    struct server server;
    struct media_eye eye;
    server_start(&server, command, 1);
    media_eye_init(&eye);
    media_eye_open(&eye, server.lines[0]);
    g_assert_true(media_eye_wait_state(&eye, "online"));
    gint64 start_us = g_get_monotonic_time();
    kill(server.pid, SIGTERM);
    g_assert_cmpint(server_wait(&server), ==, 0);
    gint64 took_us = g_get_monotonic_time() - start_us;
    media_eye_close(&eye);
    return took_us;
}

static void test_it_ends_at_once_while_somebody_looks_on(void)
{
    g_autofree char *command = serve_command("'scene://empty?width=64&height=64' --port 0");
    if (command)
        g_assert_cmpint(stopwatch_least_us(end_watched_us, command, G_USEC_PER_SEC), <, G_USEC_PER_SEC);
    else
        g_test_skip("VEDETTE_BINARY is not set");
}

/* ---- clients that behave badly ---- */

struct visitor {
    GSocketConnection *connection;
    char answer[4096];
};

/* Sends a request and reads the head of its answer. */
static bool visitor_ask(struct visitor *visitor, const char *request)
{
    GInputStream *input = g_io_stream_get_input_stream(G_IO_STREAM(visitor->connection));
    GOutputStream *output = g_io_stream_get_output_stream(G_IO_STREAM(visitor->connection));
    if (!g_output_stream_write_all(output, request, strlen(request), NULL, NULL, NULL))
        return false;
    gsize length = 0;
    do {
        gssize count =
            g_input_stream_read(input, visitor->answer + length, sizeof visitor->answer - 1 - length, NULL, NULL);
        if (count <= 0)
            return false;
        length += (gsize)count;
        visitor->answer[length] = '\0';
    } while (!strstr(visitor->answer, "\r\n\r\n") && length < sizeof visitor->answer - 1);
    return g_str_has_prefix(visitor->answer, "RTSP/1.0 200 ");
}

static bool visitor_play(struct visitor *visitor, const char *address)
{
    g_autofree char *setup = g_strdup_printf(
        "SETUP %s/stream=0 RTSP/1.0\r\nCSeq: 1\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\r\n", address);
    if (!visitor_ask(visitor, setup))
        return false;
    const char *session = strstr(visitor->answer, "\r\nSession: ");
    if (!session)
        return false;
    session += strlen("\r\nSession: ");
    g_autofree char *play = g_strdup_printf("PLAY %s RTSP/1.0\r\nCSeq: 2\r\nSession: %.*s\r\n\r\n", address,
                                            (int)strcspn(session, ";\r"), session);
    return visitor_ask(visitor, play) || visitor->answer[0] == '$'; /* a packet may come before the answer */
}

/* Connects and has it played; what is sent then, nobody reads. NULL when the server does not answer. */
static GSocketConnection *visit(const char *address)
{
    g_autoptr(GSocketClient) client = g_socket_client_new();
    g_socket_client_set_timeout(client, MEDIA_PATIENCE_SECONDS);
    struct visitor visitor = {g_socket_client_connect_to_uri(client, address, 554, NULL, NULL), ""};
    if (visitor.connection && !visitor_play(&visitor, address)) {
        g_test_message("the server answers '%s'", visitor.answer);
        g_clear_object(&visitor.connection);
    }
    return visitor.connection;
}

/* As the kernel does it for a process that is killed with something unread. */
static void break_off(GSocketConnection *connection)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    int fd = g_socket_get_fd(g_socket_connection_get_socket(connection));
    g_assert_cmpint(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), ==, 0);
    g_object_unref(connection);
}

static void test_clients_that_break_off_do_no_harm(void)
{
    enum { VISITORS = 150, AT_ONCE = 3 };
    g_autofree char *command = serve_command("'scene://empty?width=64&height=64&fps=100' --port 0 --exit-with-parent");
    if (!command) {
        g_test_skip("VEDETTE_BINARY is not set");
        return;
    }
    struct server server;
    server_start(&server, command, 1);
    GSocketConnection *mute = visit(server.lines[0]); /* reads nothing all the while */
    g_assert_nonnull(mute);
    GSocketConnection *visitors[AT_ONCE] = {NULL};
    for (int i = 0; i < VISITORS; i++) {
        if (visitors[i % AT_ONCE])
            break_off(visitors[i % AT_ONCE]);
        visitors[i % AT_ONCE] = visit(server.lines[0]);
        g_assert_nonnull(visitors[i % AT_ONCE]);
    }
    for (int i = 0; i < AT_ONCE; i++)
        break_off(visitors[i]);
    struct media_eye eye;
    media_eye_init(&eye);
    media_eye_open(&eye, server.lines[0]);
    g_assert_true(media_eye_wait_state(&eye, "online"));
    kill(server.pid, SIGTERM);
    g_assert_cmpint(server_wait(&server), ==, 0);
    media_eye_close(&eye);
    g_object_unref(mute);
}

/* Those that went are held for a while, so they count; the server tells who is too many by closing, and goes on. */
static void test_more_clients_than_are_allowed_are_refused(void)
{
    enum { ALLOWED = 3 };
    g_autofree char *command =
        serve_command("'scene://empty?width=64&height=64' --port 0 --max-clients 3 --exit-with-parent");
    if (!command) {
        g_test_skip("VEDETTE_BINARY is not set");
        return;
    }
    struct server server;
    server_start(&server, command, 1);
    GSocketConnection *visitors[ALLOWED];
    for (int i = 0; i < ALLOWED; i++) {
        visitors[i] = visit(server.lines[0]);
        g_assert_nonnull(visitors[i]);
    }
    for (int i = 0; i < 2 * ALLOWED; i++)
        g_assert_null(visit(server.lines[0]));
    break_off(visitors[0]);
    g_assert_null(visit(server.lines[0]));
    for (int i = 1; i < ALLOWED; i++)
        g_object_unref(visitors[i]);
    kill(server.pid, SIGTERM);
    g_assert_cmpint(server_wait(&server), ==, 0);
}

static bool has_gone(void *data)
{
    return kill(*(pid_t *)data, 0) != 0;
}

static void test_it_ends_with_its_parent(void)
{
    const char *binary = g_getenv("VEDETTE_BINARY");
    if (!binary) {
        g_test_skip("VEDETTE_BINARY is not set");
        return;
    }
    g_autofree char *command = g_strdup_printf(
        "%s camera serve 'scene://empty?width=64&height=64' --port 0 --exit-with-parent & echo $!; wait", binary);
    struct server shell;
    server_start(&shell, command, 2);
    bool is_pid_first = g_ascii_isdigit(shell.lines[0][0]);
    pid_t child = (pid_t)g_ascii_strtoll(shell.lines[is_pid_first ? 0 : 1], NULL, 10);
    g_assert_cmpint(child, >, 1);
    kill(shell.pid, SIGKILL);
    g_assert_cmpint(server_wait(&shell), ==, -1);
    g_assert_true(media_world_wait(has_gone, &child));
}

static void test_mistakes_are_told(void)
{
    static const struct {
        const char *options;
        int status;
    } rows[] = {{"--port 0", 2},
                {"scene://empty --port 70000", 2},
                {"scene://empty --port 0 --max-clients 0", 2},
                {"scene://empty --username u --port 0", 2},
                {"scene://nowhere --port 0", 1},
                {"/nonexistent.mp4 --port 0", 1},
                {"scene://empty --port 0 --address 192.0.2.1", 1}};
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *command = serve_command(rows[i].options);
        if (!command) {
            g_test_skip("VEDETTE_BINARY is not set");
            return;
        }
        struct server server;
        server_start(&server, command, 0);
        g_test_message("%s", rows[i].options);
        g_assert_cmpint(server_wait(&server), ==, rows[i].status);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    media_world_start();
    g_test_add_func("/media/serve/each_source_has_its_address", test_each_source_has_its_address);
    g_test_add_func("/media/serve/it_ends_at_once_while_somebody_looks_on",
                    test_it_ends_at_once_while_somebody_looks_on);
    g_test_add_func("/media/serve/clients_that_break_off_do_no_harm", test_clients_that_break_off_do_no_harm);
    g_test_add_func("/media/serve/more_clients_than_are_allowed_are_refused",
                    test_more_clients_than_are_allowed_are_refused);
    g_test_add_func("/media/serve/it_ends_with_its_parent", test_it_ends_with_its_parent);
    g_test_add_func("/media/serve/mistakes_are_told", test_mistakes_are_told);
    return g_test_run();
}
