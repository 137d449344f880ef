#include "keeper/seal.h"

#include <jansson.h>
#include <sodium.h>
#include <string.h>

#define SEALED_KEY "sealed"
#define SEALED_VERSION "v1"
enum {
    KEY_BYTES = crypto_aead_xchacha20poly1305_ietf_KEYBYTES,
    NONCE_BYTES = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
    TAG_BYTES = crypto_aead_xchacha20poly1305_ietf_ABYTES,
    KEYS_MAX = 16,
    KEY_ID_MAX_BYTES = 32,
};

struct policy_keyring {
    struct key {
        char *id;
        unsigned char bytes[KEY_BYTES];
    } keys[KEYS_MAX];
    size_t count;
};

/* ---- keys ---- */

static bool is_key_id(const char *id)
{
    size_t length = strlen(id);
    return length > 0 && length <= KEY_ID_MAX_BYTES && strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-") == length;
}

static bool add_key(struct policy_keyring *ring, const char *line, int number, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(line, ":", 2);
    size_t length = 0;
    struct key *key = &ring->keys[ring->count];
    bool is_good = parts[0] && parts[1] && is_key_id(parts[0]) && ring->count < KEYS_MAX &&
                   sodium_base642bin(key->bytes, KEY_BYTES, parts[1], strlen(parts[1]), " \t\r", &length, NULL,
                                     sodium_base64_VARIANT_ORIGINAL) == 0 &&
                   length == KEY_BYTES;
    if (parts[0] && parts[1])
        sodium_memzero(parts[1], strlen(parts[1]));
    for (size_t i = 0; is_good && i < ring->count; i++)
        is_good = strcmp(ring->keys[i].id, parts[0]) != 0;
    if (is_good)
        ring->keys[ring->count++].id = g_strdup(parts[0]);
    else
        g_set_error(
            error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID,
            "policy keys, line %d: must be an id of a-z, 0-9 and - that no other line has, a colon and 32 bytes "
            "in base64 (openssl rand -base64 32); at most %d lines",
            number, KEYS_MAX);
    return is_good;
}

struct policy_keyring *policy_keyring_new(const char *text, GError **error)
{
    CLEANUP(policy_keyring) struct policy_keyring *ring = g_new0(struct policy_keyring, 1);
    if (sodium_init() < 0) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_IO, "libsodium could not be started");
        return NULL;
    }
    g_auto(GStrv) lines = g_strsplit(text ? text : "", "\n", -1);
    for (int i = 0; lines[i]; i++) {
        char *line = g_strstrip(lines[i]);
        bool is_good = !*line || *line == '#' || add_key(ring, line, i + 1, error);
        sodium_memzero(line, strlen(line));
        if (!is_good)
            return NULL;
    }
    return g_steal_pointer(&ring);
}

void policy_keyring_free(struct policy_keyring *ring)
{
    if (!ring)
        return;
    for (size_t i = 0; i < ring->count; i++)
        g_free(ring->keys[i].id);
    sodium_memzero(ring, sizeof *ring);
    g_free(ring);
}

bool policy_keyring_has_key(const struct policy_keyring *ring)
{
    return ring && ring->count > 0;
}

static const struct key *find_key(const struct policy_keyring *ring, const char *id)
{
    for (size_t i = 0; ring && i < ring->count; i++)
        if (strcmp(ring->keys[i].id, id) == 0)
            return &ring->keys[i];
    return NULL;
}

/* ---- sealing ---- */

/* Each part with its length before it, so that no two bindings are the same bytes. */
static GString *binding_bytes(const struct policy_binding *binding)
{
    const char *const parts[] = {binding->scope.org_id,   binding->scope.site_id,
                                 binding->scope.class_id, binding->scope.camera_id,
                                 binding->service_name,   record_enum_name(policy_type_names, binding->type)};
    GString *bytes = g_string_new(NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
        const char *part = parts[i] ? parts[i] : "";
        g_string_append_printf(bytes, "%zu:%s|", strlen(part), part);
    }
    g_string_append_printf(bytes, "%" G_GINT64_FORMAT, binding->version);
    return bytes;
}

char *policy_seal(const struct policy_keyring *ring, const struct policy_binding *binding, const char *config_json)
{
    if (!policy_keyring_has_key(ring))
        return g_strdup(config_json);
    g_autoptr(GString) bound = binding_bytes(binding);
    size_t length = strlen(config_json), sealed_bytes = NONCE_BYTES + length + TAG_BYTES;
    g_autofree unsigned char *sealed = g_malloc(sealed_bytes);
    randombytes_buf(sealed, NONCE_BYTES);
    crypto_aead_xchacha20poly1305_ietf_encrypt(sealed + NONCE_BYTES, NULL, (const unsigned char *)config_json, length,
                                               (const unsigned char *)bound->str, bound->len, NULL, sealed,
                                               ring->keys[0].bytes);
    size_t text_bytes = sodium_base64_encoded_len(sealed_bytes, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    g_autofree char *text = g_malloc(text_bytes);
    sodium_bin2base64(text, text_bytes, sealed, sealed_bytes, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    return g_strdup_printf("{\"" SEALED_KEY "\":\"" SEALED_VERSION ".%s.%s\"}", ring->keys[0].id, text);
}

/* "v1", key id, base64; NULL when it is an open config. */
static GStrv sealed_parts(const char *stored_json)
{
    if (!strstr(stored_json, "\"" SEALED_KEY "\"")) /* most are open, and are not read only for this */
        return NULL;
    json_t *tree = json_loads(stored_json, 0, NULL);
    const char *sealed = json_string_value(json_object_get(tree, SEALED_KEY));
    GStrv parts = sealed && json_object_size(tree) == 1 ? g_strsplit(sealed, ".", 3) : NULL;
    json_decref(tree);
    return parts;
}

static char *refuse(GError **error, const char *why)
{
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_PERMISSION, "a sealed policy cannot be opened: %s", why);
    return NULL;
}

static char *decrypt(const struct key *key, const struct policy_binding *binding, const char *text, GError **error)
{
    size_t length = 0, room = strlen(text);
    g_autofree unsigned char *sealed = g_malloc(room + 1), *open = g_malloc0(room + 1);
    unsigned long long open_bytes = 0;
    g_autoptr(GString) bound = binding_bytes(binding);
    if (sodium_base642bin(sealed, room + 1, text, room, NULL, &length, NULL,
                          sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 ||
        length < NONCE_BYTES + TAG_BYTES)
        return refuse(error, "it was damaged");
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(open, &open_bytes, NULL, sealed + NONCE_BYTES, length - NONCE_BYTES,
                                                   (const unsigned char *)bound->str, bound->len, sealed,
                                                   key->bytes) != 0)
        return refuse(error, "it was changed, or belongs to another scope, service, type or version");
    return (char *)g_steal_pointer(&open);
}

char *policy_open(const struct policy_keyring *ring, const struct policy_binding *binding, const char *stored_json,
                  GError **error)
{
    g_auto(GStrv) parts = sealed_parts(stored_json);
    if (!parts)
        return g_strdup(stored_json);
    if (g_strv_length(parts) != 3 || strcmp(parts[0], SEALED_VERSION) != 0)
        return refuse(error, "it is of a form that is not known here");
    const struct key *key = find_key(ring, parts[1]);
    if (!key) {
        g_autofree char *why = g_strdup_printf("the key '%.32s' is not among the policy keys", parts[1]);
        return refuse(error, why);
    }
    return decrypt(key, binding, parts[2], error);
}

bool policy_is_sealed(const char *stored_json)
{
    g_auto(GStrv) parts = sealed_parts(stored_json);
    return parts != NULL;
}

bool policy_is_sealed_with_first(const struct policy_keyring *ring, const char *stored_json)
{
    g_auto(GStrv) parts = sealed_parts(stored_json);
    if (!parts)
        return !policy_keyring_has_key(ring);
    return policy_keyring_has_key(ring) && g_strv_length(parts) == 3 && strcmp(parts[1], ring->keys[0].id) == 0;
}
