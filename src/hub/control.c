#define LOG_MODULE "hub"
#include "hub/control.h"

#include "base/log.h"
#include "hub/hub_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 4, COMMAND_BYTES = 64 };
static const char socket_name[] = "control.sock";

/* One client at a time: what it asks for takes seconds, and nobody needs two. */
struct control {
    struct hub *hub;
    int fd, client; /* client: -1 when there is none */
    guint watch, client_watch, writing_watch;
    struct proof *proof;     /* the client's, until it is told of its end */
    struct profile *profile; /* the same */
    GString *unsent;         /* what the client has not read yet; then its connection ends */
};

static void drop_client(struct control *control)
{
    if (control->client_watch)
        g_source_remove(control->client_watch);
    if (control->client >= 0)
        close(control->client);
    if (control->proof)
        proof_break_off(control->proof);
    profile_break_off(control->profile);
    if (control->writing_watch)
        g_source_remove(control->writing_watch);
    g_string_truncate(control->unsent, 0);
    control->proof = NULL;
    control->profile = NULL;
    control->client_watch = control->writing_watch = 0;
    control->client = -1;
}

/* A client that does not read its few lines gets no more of them. */
static void say(struct control *control, const GString *line)
{
    if (control->client >= 0 && send(control->client, line->str, line->len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        log_debug(NULL, "control: the client does not read: %s", g_strerror(errno));
}

static void say_result(struct control *control, const char *problem)
{
    g_autoptr(GString) line = g_string_new(problem ? "{\"result\":\"failed\",\"reason\":" : "{\"result\":\"ok\"");
    if (problem)
        record_append_json_string(line, problem);
    g_string_append(line, "}\n");
    say(control, line);
}

static void on_step(void *data, const char *step, double ms, const char *problem)
{
    struct control *control = data;
    if (!step) {
        control->proof = NULL;
        say_result(control, problem);
        drop_client(control);
        return;
    }
    g_autoptr(GString) line = g_string_new("{\"step\":");
    char number[G_ASCII_DTOSTR_BUF_SIZE];
    record_append_json_string(line, step);
    g_string_append_printf(line, ",\"ms\":%s}\n", g_ascii_formatd(number, sizeof number, "%.1f", ms));
    say(control, line);
}

static void prove(struct control *control)
{
    g_autoptr(GError) error = NULL;
    struct proof *proof = proof_start(control->hub, on_step, control, &error);
    if (!proof) {
        say_result(control, error->message);
        drop_client(control);
    } else if (control->client >= 0) { /* else it has failed already, and said so */
        control->proof = proof;
    }
}

static void append_parts(const struct profile_report *report, GString *lines)
{
    const struct profile_part *parts = report->parts.items;
    for (size_t i = 0; i < report->parts.count; i++) {
        record_encode_json(&profile_part_descriptor, &parts[i], false, lines);
        g_string_append_c(lines, '\n');
    }
}

/* Goes on until the client has read all of it, or is gone: one that does neither gives way to the next. */
static gboolean on_writable(gint fd, GIOCondition condition, gpointer data)
{
    struct control *control = data;
    (void)condition;
    ssize_t sent = send(fd, control->unsent->str, control->unsent->len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR))
        return G_SOURCE_CONTINUE;
    if (sent > 0)
        g_string_erase(control->unsent, 0, sent);
    if (sent > 0 && control->unsent->len)
        return G_SOURCE_CONTINUE;
    control->writing_watch = 0;
    drop_client(control);
    return G_SOURCE_REMOVE;
}

static void on_profile(void *data, const struct profile_report *report)
{
    struct control *control = data;
    char number[G_ASCII_DTOSTR_BUF_SIZE];
    control->profile = NULL;
    if (!report) {
        say_result(control, "the server ends");
        drop_client(control);
        return;
    }
    append_parts(report, control->unsent);
    g_string_append_printf(control->unsent, "{\"result\":\"ok\",\"seconds\":%s}\n",
                           g_ascii_formatd(number, sizeof number, "%.3f", report->seconds));
    control->writing_watch = g_unix_fd_add(control->client, G_IO_OUT | G_IO_HUP, on_writable, control);
}

static void measure(struct control *control, const char *seconds_text)
{
    guint64 seconds = 0;
    g_autoptr(GError) error = NULL;
    if (g_ascii_string_to_unsigned(seconds_text, 10, 1, PROFILE_MAX_SECONDS, &seconds, &error))
        control->profile = profile_start(control->hub, (int64_t)seconds, on_profile, control, &error);
    if (control->profile)
        return;
    say_result(control, error->message);
    drop_client(control);
}

/* Nobody waits any more for what was asked: the next may ask. */
static gboolean on_hang_up(gint fd, GIOCondition condition, gpointer data)
{
    struct control *control = data;
    (void)fd, (void)condition;
    control->client_watch = 0;
    drop_client(control);
    return G_SOURCE_REMOVE;
}

static gboolean on_command(gint fd, GIOCondition condition, gpointer data)
{
    struct control *control = data;
    char text[COMMAND_BYTES];
    (void)condition;
    ssize_t length = recv(fd, text, sizeof text - 1, MSG_DONTWAIT);
    if (length < 0 && (errno == EAGAIN || errno == EINTR))
        return G_SOURCE_CONTINUE;
    control->client_watch = 0;
    text[MAX(length, 0)] = '\0';
    if (length > 0 && strcmp(text, "prove\n") == 0)
        prove(control);
    else if (length > 0 && g_str_has_prefix(text, "profile "))
        measure(control, g_strchomp(text) + strlen("profile "));
    else
        drop_client(control);
    if (control->client >= 0)
        control->client_watch = g_unix_fd_add(control->client, G_IO_HUP, on_hang_up, control);
    return G_SOURCE_REMOVE;
}

/* Who may open the data directory's files may also read the store: the same user, and root. */
static bool is_welcome(int client)
{
    struct ucred peer;
    socklen_t length = sizeof peer;
    return getsockopt(client, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 && (peer.uid == geteuid() || peer.uid == 0);
}

static gboolean on_client(gint fd, GIOCondition condition, gpointer data)
{
    struct control *control = data;
    (void)condition;
    int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (client < 0)
        return G_SOURCE_CONTINUE;
    if (control->client >= 0 && !control->proof &&
        !control->profile) { /* one that has not said what it wants gives way */
        drop_client(control);
    }
    if (control->client >= 0 || !is_welcome(client)) {
        static const char busy[] = "{\"result\":\"failed\",\"reason\":\"another command is under way\"}\n";
        if (send(client, busy, sizeof busy - 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
            log_debug(NULL, "control: a client is gone already");
        close(client);
        return G_SOURCE_CONTINUE;
    }
    control->client = client;
    control->client_watch = g_unix_fd_add(client, G_IO_IN | G_IO_HUP, on_command, control);
    return G_SOURCE_CONTINUE;
}

/* A data directory's name may be longer than a socket's may be: it is named by its descriptor. */
static bool listen_in(struct control *control, int directory, GError **error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    g_snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", directory, socket_name);
    unlinkat(directory, socket_name, 0); /* of a server that was killed: the store's lock says that it is gone */
    control->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    mode_t mask = umask(0177);
    bool is_good = control->fd >= 0 && bind(control->fd, (struct sockaddr *)&address, sizeof address) == 0 &&
                   listen(control->fd, BACKLOG) == 0;
    int reason = errno;
    umask(mask);
    if (!is_good)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_IO, "%s/%s: %s", control->hub->data_dir, socket_name,
                    g_strerror(reason));
    return is_good;
}

struct control *control_new(struct hub *hub, GError **error)
{
    struct control *control = g_new0(struct control, 1);
    int directory = open(hub->data_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    control->hub = hub;
    control->client = control->fd = -1;
    control->unsent = g_string_new(NULL);
    bool is_good = listen_in(control, directory, error);
    if (directory >= 0)
        close(directory);
    if (!is_good) {
        control_free(control);
        return NULL;
    }
    control->watch = g_unix_fd_add(control->fd, G_IO_IN, on_client, control);
    return control;
}

void control_free(struct control *control)
{
    if (!control)
        return;
    drop_client(control);
    if (control->watch) {
        g_autofree char *path = g_build_filename(control->hub->data_dir, socket_name, NULL);
        g_source_remove(control->watch);
        unlink(path);
    }
    if (control->fd >= 0)
        close(control->fd);
    g_string_free(control->unsent, TRUE);
    g_free(control);
}
