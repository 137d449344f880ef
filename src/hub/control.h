/* Control: a socket in the data directory (control.sock, 0600) for commands on the same machine by the same user. A
 * client sends one line and reads JSON lines until the end:
 *
 *     prove  →  {"step":"…","ms":12.3} for each step, then {"result":"ok"} or {"result":"failed","reason":"…"}
 *     profile SECONDS  →  after so long the parts of a ProfileReport (facts/profile.h), one a line, then
 *                         {"result":"ok","seconds":10.01}
 *
 * A client that hangs up makes room for the next at once: its profile is over. A proof goes on to its end in silence.
 *
 * Main loop's thread.
 */
#pragma once

#include <glib.h>

struct hub;
struct control;

/* NULL when it cannot listen; the error says why. The server does without. */
struct control *control_new(struct hub *hub, GError **error);
/* NULL is allowed. */
void control_free(struct control *control);
