/* Webhooks as they come in and go out: signatures of Standard Webhooks (standardwebhooks.com, specification 1.0):
 * HMAC-SHA256 over id.timestamp.body with a shared secret, several signatures and several secrets at once so that
 * secrets rotate, and a time that is near ours. That each id is taken once is for whoever acts by a webhook: in what
 * it writes (store_webhook_claim).
 *
 * Pure. Any thread.
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

/* `secrets` as webhook_secrets_new takes them. */
struct webhook_verifier *webhook_verifier_new(const char *secrets, double tolerance_seconds, GError **error);
void webhook_verifier_free(struct webhook_verifier *verifier);
CLEANUP_DEFINE(webhook_verifier, webhook_verifier_free)

struct webhook_headers {
    const char *id, *timestamp, *signature; /* webhook-id, webhook-timestamp, webhook-signature; NULL: not there */
};
/* Whether a message is whole, signed and of now. False: VEDETTE_ERROR_PERMISSION, saying which it was not in words that
 * help nobody to forge one. */
bool webhook_verify(const struct webhook_verifier *verifier, const struct webhook_headers *headers, const void *body,
                    size_t length, int64_t now_ms, GError **error);
/* From when on no message that is good at `now_ms` is one any more, by the clocks of other servers too. */
int64_t webhook_expires_ms(const struct webhook_verifier *verifier, int64_t now_ms);
