/* Logins that are looked at again while their clients listen, by a thread of its own: a store that hangs holds up that
 * thread alone, and nobody who tells what happens. What waits is bounded by who asks: each client has one at a time.
 */
#pragma once

#include "auth/auth.h"

struct rechecks;
struct recheck;

/* `auth` is borrowed. NULL: there is no thread to be had. */
struct rechecks *rechecks_new(struct auth *auth, GError **error);
/* Waits for the one under way, and so for the store's own deadline at most. What its askers hold stays theirs. NULL is
 * allowed. */
void rechecks_free(struct rechecks *rechecks);

enum recheck_state {
    RECHECK_UNDER_WAY = 1,
    RECHECK_STANDS,
    RECHECK_OVER,       /* the login is */
    RECHECK_UNANSWERED, /* the store could not tell */
};
/* Begins to look at the login (copied). To be left by its asker. Any thread. */
struct recheck *recheck_begin(struct rechecks *rechecks, const struct login *login);
/* How it stands: never waits. With RECHECK_STANDS *fresh is the login as it is now, once (login_clear). Its asker's
 * thread. */
enum recheck_state recheck_take(struct recheck *recheck, struct login *fresh);
/* NULL is allowed. */
void recheck_leave(struct recheck *recheck);
