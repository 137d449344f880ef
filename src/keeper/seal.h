/* Sealed documents: at rest a policy's config is encrypted where the operator gives a key, and bound to whose and which
 * it is, so that no row can be passed off as another: XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha) with org, scope,
 * service, type and version as associated data.
 *
 * A sealed config is a JSON object of one key: {"sealed":"v1.KEY_ID.BASE64"}; whatever else is an open config. The
 * first key seals, every key opens: to rotate, put the new one first and seal everything anew.
 *
 * Threads: a ring is immutable; any thread.
 */
#pragma once

#include <stdbool.h>

#include <glib.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "policy/policy.h"

struct policy_keyring;

/* `text` holds one key a line: an id of [a-z0-9-], a colon and 32 bytes in base64; empty lines and those that begin
 * with # count for nothing. NULL or no key: documents stay open. */
struct policy_keyring *policy_keyring_new(const char *text, GError **error);
/* Wipes the keys. NULL is allowed. */
void policy_keyring_free(struct policy_keyring *ring);
CLEANUP_DEFINE(policy_keyring, policy_keyring_free)
bool policy_keyring_has_key(const struct policy_keyring *ring);

/* What a document is bound to. */
struct policy_binding {
    struct policy_scope scope;
    const char *service_name;
    enum policy_type type;
    int64_t version;
};
/* The config as it may be stored: sealed, or a copy when the ring has no key. g_free. */
char *policy_seal(const struct policy_keyring *ring, const struct policy_binding *binding, const char *config_json);
/* The config as it was given to policy_seal. NULL: it is sealed with a key that is not in the ring, it belongs
 * elsewhere, or it was changed. g_free. */
char *policy_open(const struct policy_keyring *ring, const struct policy_binding *binding, const char *stored_json,
                  GError **error);
/* Whether it has the form of a sealed one; policy_open says whether it opens. */
bool policy_is_sealed(const char *stored_json);
/* Whether it should be sealed anew: it is open though there is a key, or another key than the first sealed it. */
bool policy_is_sealed_with_first(const struct policy_keyring *ring, const char *stored_json);
