#include "hub/seen.h"

#include <glib.h>
#include <sodium.h>
#include <string.h>

/* 128 bits of BLAKE2b stand for a record: a worker cannot make two of them meet. */
enum { KEY_BYTES = crypto_generichash_BYTES_MIN };
struct key {
    guint8 bytes[KEY_BYTES];
};

struct seen {
    struct key *ring;
    size_t capacity, next;
    GHashTable *keys; /* of struct key *, in the ring */
};

static guint key_hash(gconstpointer data)
{
    guint hash;
    memcpy(&hash, data, sizeof hash);
    return hash;
}

static gboolean key_equal(gconstpointer left, gconstpointer right)
{
    return memcmp(left, right, KEY_BYTES) == 0;
}

/* It begins full of keys that no record has, so that it takes as much memory from its first record on as ever. */
struct seen *seen_new(size_t capacity)
{
    struct seen *seen = g_new0(struct seen, 1);
    seen->capacity = capacity;
    seen->ring = g_new0(struct key, capacity);
    seen->keys = g_hash_table_new(key_hash, key_equal);
    for (size_t i = 0; i < capacity; i++) {
        memcpy(seen->ring[i].bytes, &i, sizeof i);
        g_hash_table_add(seen->keys, &seen->ring[i]);
    }
    return seen;
}

void seen_free(struct seen *seen)
{
    g_hash_table_unref(seen->keys);
    g_free(seen->ring);
    g_free(seen);
}

static void make_key(const char *const texts[3], struct key *key)
{
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, KEY_BYTES);
    for (int i = 0; i < 3; i++) {
        const char *text = texts[i] ? texts[i] : "";
        crypto_generichash_update(&state, (const unsigned char *)text, strlen(text) + 1);
    }
    crypto_generichash_final(&state, key->bytes, KEY_BYTES);
}

bool seen_add(struct seen *seen, const char *org_id, const char *camera_id, const char *id)
{
    const char *const texts[] = {org_id, camera_id, id};
    struct key key, *place = &seen->ring[seen->next];
    make_key(texts, &key);
    if (g_hash_table_contains(seen->keys, &key))
        return false;
    g_hash_table_remove(seen->keys, place);
    *place = key;
    g_hash_table_add(seen->keys, place);
    seen->next = (seen->next + 1) % seen->capacity;
    return true;
}
