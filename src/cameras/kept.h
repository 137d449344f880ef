/* Cameras: what stays of a camera when a change of it leaves something out. Pure; any thread.
 *
 * An address that is given as it was told, with what is secret in it hidden, is the one that is there. Of several that
 * are told alike it is the one that is used alike, as below, else the one in the same place.
 *
 * A login is sent to no host but one that it was given for; a host is scheme, name and port of an address. So:
 * - What a change gives holds: a stream's login for that stream, the camera's for each stream that has none of its own.
 *   Given empty, a login is removed.
 * - A stream that gives none keeps its own: that of the same address, else of an address at the same host (of several,
 *   of the one that is analysed as this one is, else of one with a role in common). So does a `source` that takes the
 *   place of streams, and keeps the login that held there, whether it was a stream's or the camera's.
 * - The camera's stays while those who would be sent it are hosts that were sent it before: not a host whose stream had
 *   a login of its own, and not a new one. Where there are others, it stays with the streams at the hosts that had it,
 *   as their own, and is the camera's no more: the others have none until one is given for them.
 * - Redirects change none of it: no client follows one (media/).
 */
#pragma once

#include "facts/camera.h"

/* `camera` is what `before` became, with the addresses that were given. */
void camera_keep_addresses(struct camera *camera, const struct camera *before);
/* `camera` is what `before` became: tidied, and of its logins only what the change gave. */
void camera_keep_logins(struct camera *camera, const struct camera *before);
