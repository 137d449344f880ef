/* Webhooks as they come in and go out: signatures of Standard Webhooks (standardwebhooks.com, specification 1.0):
 * HMAC-SHA256 over id.timestamp.body with a shared secret, several signatures and several secrets at once so that
 * secrets rotate, a time that is near ours, and each id once.
 *
 * Pure but for the memory of ids. Any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#include "base/cleanup.h"
#include "base/error.h"

/* What sender and receiver share. Immutable. */
struct webhook_secrets;

/* "whsec_BASE64 …", separated by blanks; 24 to 64 bytes each, at most 4; none for NULL or "". NULL: one is not valid
 * (it is not shown). */
struct webhook_secrets *webhook_secrets_new(const char *text, GError **error);
void webhook_secrets_free(struct webhook_secrets *secrets);
CLEANUP_DEFINE(webhook_secrets, webhook_secrets_free)
size_t webhook_secrets_count(const struct webhook_secrets *secrets);
/* "v1,BASE64 v1,BASE64": a message's signature by each of the secrets, as webhook-signature has them. `timestamp`:
 * seconds since 1970. g_free. */
char *webhook_sign(const struct webhook_secrets *secrets, const char *id, int64_t timestamp, const void *body,
                   size_t length);

struct webhook_verifier;

/* `secrets` as webhook_secrets_new takes them. Ids are remembered for twice the tolerance, at most max_ids of them;
 * because those of an earlier run are not, messages from before `began_ms` (wall clock) are refused: who sends tries
 * again, with a new time. */
struct webhook_verifier *webhook_verifier_new(const char *secrets, double tolerance_seconds, size_t max_ids,
                                              int64_t began_ms, GError **error);
void webhook_verifier_free(struct webhook_verifier *verifier);
CLEANUP_DEFINE(webhook_verifier, webhook_verifier_free)

struct webhook_headers {
    const char *id, *timestamp, *signature; /* webhook-id, webhook-timestamp, webhook-signature; NULL: not there */
};
/* True once for each message that is whole, signed, of now and new. False: VEDETTE_ERROR_PERMISSION, saying which it
 * was not in words that help nobody to forge one; VEDETTE_ERROR_FULL: too many ids are remembered. */
bool webhook_verify(struct webhook_verifier *verifier, const struct webhook_headers *headers, const void *body,
                    size_t length, int64_t now_ms, GError **error);
/* For who was told true and could not do what the message asks, for reasons of the server's own: its sender, who tries
 * again with the same id, is taken again. Until then whoever comes with it is refused, so that two at the same time do
 * nothing twice. */
void webhook_release(struct webhook_verifier *verifier, const char *id);
