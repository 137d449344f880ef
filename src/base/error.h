/* Errors as the whole product reports them: a GError whose message says what failed, on what, and why.
 *
 * The code tells a caller what kind of answer fits (retry, refuse, tell the user); the message tells a
 * person what to do. Wrap once per layer with g_prefix_error (error, "open store: ").
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

enum vedette_error {
    VEDETTE_ERROR_INVALID = 1, /* the input is wrong; trying again cannot help */
    VEDETTE_ERROR_NOT_FOUND,   /* the thing named does not exist */
    VEDETTE_ERROR_IO,          /* a disk, socket or device failed */
    VEDETTE_ERROR_UNAVAILABLE, /* away now; may come back */
    VEDETTE_ERROR_FULL,        /* a bound was reached */
    VEDETTE_ERROR_TIMEOUT,     /* a deadline passed */
    VEDETTE_ERROR_PERMISSION,  /* refused by rights or credentials */
    VEDETTE_ERROR_PROTOCOL,    /* the peer broke its protocol */
    VEDETTE_ERROR_UNSUPPORTED, /* understood, but this build or version does not do it */
    VEDETTE_ERROR_CANCELLED,   /* stopped on request */
    VEDETTE_ERROR_CONFLICT,    /* someone else changed it first: read it again */
    VEDETTE_ERROR_BUSY,        /* too many do it just now; in a moment there will be room */
};

#define VEDETTE_ERROR (vedette_error_quark())
GQuark vedette_error_quark(void);

/* Sets an error from errno, which it leaves as it is: "PATH: ACTION: what the system says: ADVICE". False. Any thread.
 */
bool vedette_error_set_errno(const char *path, const char *action, const char *advice, GError **error);
