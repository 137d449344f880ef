#include "auth/webhook.h"

#include <sodium.h>
#include <string.h>

enum {
    SECRETS_MAX = 4,
    SECRET_MIN_BYTES = 24,
    SECRET_MAX_BYTES = 64,
    ID_MAX_BYTES = 128,
    SIGNATURES_MAX = 16,
    SIGNATURE_HEADER_MAX_BYTES = 2048,
};

struct webhook_secrets { /* immutable */
    struct secret {
        unsigned char bytes[SECRET_MAX_BYTES];
        size_t length;
    } items[SECRETS_MAX];
    size_t count;
};

struct webhook_verifier {
    /* immutable */
    struct webhook_secrets *secrets;
    int64_t tolerance_ms;
};

/* ---- secrets ---- */

static bool add_secret(struct webhook_secrets *secrets, const char *text)
{
    static const char prefix[] = "whsec_";
    if (secrets->count == SECRETS_MAX)
        return false;
    struct secret *secret = &secrets->items[secrets->count];
    if (g_str_has_prefix(text, prefix))
        text += strlen(prefix);
    bool is_good = sodium_base642bin(secret->bytes, SECRET_MAX_BYTES, text, strlen(text), NULL, &secret->length, NULL,
                                     sodium_base64_VARIANT_ORIGINAL) == 0 &&
                   secret->length >= SECRET_MIN_BYTES;
    secrets->count += is_good;
    return is_good;
}

struct webhook_secrets *webhook_secrets_new(const char *text, GError **error)
{
    if (sodium_init() < 0) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_IO, "libsodium could not be started");
        return NULL;
    }
    CLEANUP(webhook_secrets) struct webhook_secrets *secrets = g_new0(struct webhook_secrets, 1);
    g_auto(GStrv) texts = g_strsplit_set(text ? text : "", " \t\r\n", -1);
    bool is_good = true;
    for (int i = 0; texts[i]; i++) {
        is_good = is_good && (!*texts[i] || add_secret(secrets, texts[i]));
        sodium_memzero(texts[i], strlen(texts[i]));
    }
    if (is_good)
        return g_steal_pointer(&secrets);
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID,
                "webhook secrets: each must be whsec_ and %d to %d bytes in base64, at most %d of them",
                SECRET_MIN_BYTES, SECRET_MAX_BYTES, SECRETS_MAX);
    return NULL;
}

void webhook_secrets_free(struct webhook_secrets *secrets)
{
    if (!secrets)
        return;
    sodium_memzero(secrets, sizeof *secrets);
    g_free(secrets);
}

size_t webhook_secrets_count(const struct webhook_secrets *secrets)
{
    return secrets->count;
}

struct webhook_verifier *webhook_verifier_new(const char *secrets, double tolerance_seconds, GError **error)
{
    struct webhook_secrets *parsed = webhook_secrets_new(secrets, error);
    if (!parsed)
        return NULL;
    struct webhook_verifier *verifier = g_new0(struct webhook_verifier, 1);
    verifier->secrets = parsed;
    verifier->tolerance_ms = (int64_t)(tolerance_seconds * 1000);
    return verifier;
}

void webhook_verifier_free(struct webhook_verifier *verifier)
{
    if (!verifier)
        return;
    webhook_secrets_free(verifier->secrets);
    g_free(verifier);
}

/* ---- signatures ---- */

static void sign(const struct secret *secret, const char *id, const char *timestamp, const void *body, size_t length,
                 unsigned char mac[crypto_auth_hmacsha256_BYTES])
{
    crypto_auth_hmacsha256_state state;
    crypto_auth_hmacsha256_init(&state, secret->bytes, secret->length);
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)id, strlen(id));
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)".", 1);
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)timestamp, strlen(timestamp));
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)".", 1);
    crypto_auth_hmacsha256_update(&state, body, length);
    crypto_auth_hmacsha256_final(&state, mac);
}

char *webhook_sign(const struct webhook_secrets *secrets, const char *id, int64_t timestamp, const void *body,
                   size_t length)
{
    g_autofree char *time = g_strdup_printf("%" G_GINT64_FORMAT, timestamp);
    GString *signatures = g_string_new(NULL);
    for (size_t i = 0; i < secrets->count; i++) {
        unsigned char mac[crypto_auth_hmacsha256_BYTES];
        sign(&secrets->items[i], id, time, body, length, mac);
        g_autofree char *text = g_base64_encode(mac, sizeof mac);
        g_string_append_printf(signatures, "%sv1,%s", i ? " " : "", text);
    }
    return g_string_free(signatures, FALSE);
}

/* Whether one of the header's signatures is right by one of our secrets. Versions we do not know are passed over. */
static bool is_signed(const struct webhook_verifier *verifier, const struct webhook_headers *headers, const void *body,
                      size_t length)
{
    g_auto(GStrv) signatures = g_strsplit(headers->signature, " ", SIGNATURES_MAX + 1);
    bool is_right = false;
    for (int i = 0; i < SIGNATURES_MAX && signatures[i]; i++) {
        unsigned char given[crypto_auth_hmacsha256_BYTES], mac[crypto_auth_hmacsha256_BYTES];
        size_t bytes = 0;
        if (!g_str_has_prefix(signatures[i], "v1,") ||
            sodium_base642bin(given, sizeof given, signatures[i] + 3, strlen(signatures[i] + 3), NULL, &bytes, NULL,
                              sodium_base64_VARIANT_ORIGINAL) != 0 ||
            bytes != sizeof given)
            continue;
        for (size_t j = 0; j < verifier->secrets->count; j++) {
            sign(&verifier->secrets->items[j], headers->id, headers->timestamp, body, length, mac);
            is_right |= sodium_memcmp(given, mac, sizeof mac) == 0; /* all are tried: time tells nothing */
        }
    }
    return is_right;
}

static bool is_of_now(const struct webhook_verifier *verifier, const char *timestamp, int64_t now_ms)
{
    guint64 seconds;
    if (!g_ascii_string_to_unsigned(timestamp, 10, 0, G_MAXINT32 * G_GUINT64_CONSTANT(8), &seconds, NULL))
        return false;
    return ABS((int64_t)seconds * 1000 - now_ms) <= verifier->tolerance_ms;
}

int64_t webhook_expires_ms(const struct webhook_verifier *verifier, int64_t now_ms)
{
    return now_ms + 2 * verifier->tolerance_ms;
}

bool webhook_verify(const struct webhook_verifier *verifier, const struct webhook_headers *headers, const void *body,
                    size_t length, int64_t now_ms, GError **error)
{
    const char *why = NULL;
    if (verifier->secrets->count == 0)
        why = "webhooks are not taken here";
    else if (!headers->id || !*headers->id || !headers->timestamp || !headers->signature)
        why = "webhook-id, webhook-timestamp and webhook-signature must be there";
    else if (strlen(headers->id) > ID_MAX_BYTES || strchr(headers->id, '.') ||
             strlen(headers->signature) > SIGNATURE_HEADER_MAX_BYTES)
        why = "the webhook's headers are not valid";
    else if (!is_of_now(verifier, headers->timestamp, now_ms))
        why = "the webhook's time is not near this server's: send it again";
    else if (!is_signed(verifier, headers, body, length))
        why = "the webhook's signature is not right";
    if (why)
        g_set_error_literal(error, VEDETTE_ERROR, VEDETTE_ERROR_PERMISSION, why);
    return !why;
}
