/* Control client: asks a running server by the socket in its data directory (hub/control.h). Main thread. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/* Called with each line of the answer, as it comes. */
typedef void (*control_line_fn)(void *data, const char *line);

/* The socket, or -1 with errno when nobody listens. */
int control_reach(const char *data_dir);
/* Sends a command with its newline and hands over each line of the answer, to the result. Takes the socket over. False
 * when the answer did not come to its end; what it says is the caller's to judge. */
bool control_ask(int fd, const char *command, control_line_fn line, void *data, GError **error);
