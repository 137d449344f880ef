/* Sealing what audit entries say: XChaCha20-Poly1305 (libsodium) with the place of the value as associated data, so
 * that no sealed value can be moved to another entry. */
#include <sodium.h>
#include <string.h>

#include "store/audit_internal.h"

enum {
    KEY_BYTES = crypto_aead_xchacha20poly1305_ietf_KEYBYTES,
    NONCE_BYTES = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
    TAG_BYTES = crypto_aead_xchacha20poly1305_ietf_ABYTES,
};

char *audit_key_new(void)
{
    unsigned char key[KEY_BYTES];
    randombytes_buf(key, sizeof key);
    char *text = g_base64_encode(key, sizeof key);
    sodium_memzero(key, sizeof key);
    return text;
}

static char *place_text(const struct audit_place *place)
{
    return g_strdup_printf("%s|%" G_GINT64_FORMAT "|%d", place->org_id, place->sequence, place->part);
}

char *audit_seal(const char *secret, const struct audit_place *place, const char *text)
{
    gsize key_bytes = 0;
    g_autofree guchar *key = g_base64_decode(secret, &key_bytes);
    if (key_bytes != KEY_BYTES)
        return NULL;
    g_autofree char *context = place_text(place);
    size_t length = strlen(text);
    g_autofree unsigned char *sealed = g_malloc(NONCE_BYTES + length + TAG_BYTES);
    unsigned long long written = 0;
    randombytes_buf(sealed, NONCE_BYTES);
    crypto_aead_xchacha20poly1305_ietf_encrypt(sealed + NONCE_BYTES, &written, (const unsigned char *)text, length,
                                               (const unsigned char *)context, strlen(context), NULL, sealed, key);
    return g_base64_encode(sealed, NONCE_BYTES + (gsize)written);
}

char *audit_open(const char *secret, const struct audit_place *place, const char *sealed)
{
    gsize key_bytes = 0, sealed_bytes = 0;
    g_autofree guchar *key = g_base64_decode(secret, &key_bytes), *bytes = g_base64_decode(sealed, &sealed_bytes);
    if (key_bytes != KEY_BYTES || sealed_bytes < NONCE_BYTES + TAG_BYTES)
        return NULL;
    g_autofree char *context = place_text(place);
    gsize length = sealed_bytes - NONCE_BYTES - TAG_BYTES;
    g_autofree char *text = g_malloc0(length + 1);
    unsigned long long written = 0;
    if (crypto_aead_xchacha20poly1305_ietf_decrypt((unsigned char *)text, &written, NULL, bytes + NONCE_BYTES,
                                                   sealed_bytes - NONCE_BYTES, (const unsigned char *)context,
                                                   strlen(context), bytes, key) != 0)
        return NULL;
    return g_steal_pointer(&text);
}

/* OWASP's least for passwords that are stored: it is asked for each camera at each start. */
enum { FINGERPRINT_PASSES = 2, FINGERPRINT_MEMORY_BYTES = 19 << 20 };

char *audit_fingerprint_new(const char *text)
{
    char fingerprint[crypto_pwhash_STRBYTES];
    if (crypto_pwhash_str_alg(fingerprint, text, strlen(text), FINGERPRINT_PASSES, FINGERPRINT_MEMORY_BYTES,
                              crypto_pwhash_ALG_ARGON2ID13) != 0)
        return NULL;
    return g_strdup(fingerprint);
}

bool audit_fingerprint_matches(const char *fingerprint, const char *text)
{
    return crypto_pwhash_str_verify(fingerprint, text, strlen(text)) == 0;
}
