#include "cli/control_client.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { ANSWER_SECONDS = 330 }; /* longer than progress.proof_seconds and PROFILE_MAX_SECONDS can be */

int control_reach(const char *data_dir)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const struct timeval patience = {.tv_sec = ANSWER_SECONDS};
    int directory = open(data_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    /* the directory's name may be longer than a socket's may be */
    g_snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/control.sock", directory);
    bool is_good = directory >= 0 && fd >= 0 &&
                   setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0 &&
                   connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
    int reason = errno;
    if (directory >= 0)
        close(directory);
    if (is_good)
        return fd;
    if (fd >= 0)
        close(fd);
    errno = reason;
    return -1;
}

static bool read_lines(int fd, control_line_fn line, void *data, GError **error)
{
    FILE *answers = fdopen(fd, "r");
    char *text = NULL;
    size_t size = 0;
    bool is_over = false;
    while (answers && !is_over && getline(&text, &size, answers) > 0) {
        text[strcspn(text, "\n")] = '\0';
        line(data, text);
        is_over = g_str_has_prefix(text, "{\"result\"");
    }
    if (!is_over)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_IO, "the server did not answer to its end");
    free(text);
    if (answers)
        fclose(answers);
    else
        close(fd);
    return is_over;
}

bool control_ask(int fd, const char *command, control_line_fn line, void *data, GError **error)
{
    size_t length = strlen(command);
    /* one that is busy says so and does not listen: its words are read all the same */
    if (send(fd, command, length, MSG_NOSIGNAL) == (ssize_t)length || errno == EPIPE)
        return read_lines(fd, line, data, error);
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_IO, "the server does not listen: %s", g_strerror(errno));
    close(fd);
    return false;
}
