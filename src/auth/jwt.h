/* JSON Web Tokens, signed and compact (RFC 7515, 7519), as strictly as RFC 8725 advises. cjose does the cryptography;
 * what it would let through is refused before it sees it: the algorithm is the key's and never the token's, a header
 * may not bring a key, an address or an extension, and there is one way to write a token.
 *
 * Pure functions of text, keys and time. Any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>
#include <jansson.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "facts/auth.h"

enum { JWT_MAX_BYTES = 16384, JWT_MAX_KEY_ID_BYTES = 128 };

/* A token taken apart; nothing of it is believed yet. */
struct jwt {
    const char *text; /* borrowed */
    size_t length;
    size_t signature_bytes;
    enum token_algorithm algorithm; /* what the header says */
    char *type;                     /* header's typ; NULL: none */
    char *key_id;                   /* header's kid; NULL: none */
    json_t *claims;                 /* an object; NULL: it carries something else, which jwt_check refuses; owned */
};
/* False with VEDETTE_ERROR_INVALID: it is not a token, or one that nobody should accept. `text` outlives *jwt. */
bool jwt_parse(const char *text, size_t length, struct jwt *jwt, GError **error);
void jwt_clear(struct jwt *jwt);

/* A key and the one algorithm it is for. Immutable. */
struct jwt_key;
/* Of JWK text (RFC 7517). `algorithm` 0: the one it names. It must be a key of that algorithm, long enough, and not
 * meant for something else than signatures. NULL with VEDETTE_ERROR_INVALID. */
struct jwt_key *jwt_key_new(const char *id, enum token_algorithm algorithm, const char *jwk, GError **error);
void jwt_key_free(struct jwt_key *key);
CLEANUP_DEFINE(jwt_key, jwt_key_free)
const char *jwt_key_id(const struct jwt_key *key);
enum token_algorithm jwt_key_algorithm(const struct jwt_key *key);
/* A new key of the algorithm, as private JWK text. g_free. */
char *jwt_key_make(enum token_algorithm algorithm, GError **error);

/* Whether the key made its signature by the key's algorithm. False with VEDETTE_ERROR_PERMISSION. */
bool jwt_verify(const struct jwt *jwt, const struct jwt_key *key, GError **error);

struct jwt_expected {
    const char *type; /* of the header, "at+jwt"; NULL: any */
    const char *issuer, *audience;
    bool is_audience_list; /* an array that holds the audience is good too (RFC 7519 section 4.1.3) */
    int64_t now_s;         /* since 1970 */
    int64_t skew_s;        /* how far clocks may differ */
};
/* Type, issuer, audience and times; `exp` must be there. False with VEDETTE_ERROR_PERMISSION. */
bool jwt_check(const struct jwt *jwt, const struct jwt_expected *expected, GError **error);
/* Its `exp`, ms since 1970; 0 when there is none. */
int64_t jwt_expires_ms(const struct jwt *jwt);
/* A claim that is text, or NULL. Borrowed. */
const char *jwt_text_claim(const struct jwt *jwt, const char *name);

/* A token of the claims (borrowed), with the key's id. NULL: the key is no private one. g_free. */
char *jwt_sign(const struct jwt_key *key, const char *type, const json_t *claims, GError **error);
