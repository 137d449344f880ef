#include "hub/seen.h"

#include <glib.h>
#include <string.h>

/* 128 bits of SHA-256 stand for a record: a worker cannot make two of them meet. */
enum { KEY_BYTES = 16 };
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
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    for (int i = 0; i < 3; i++)
        g_checksum_update(sum, (const guchar *)(texts[i] ? texts[i] : ""), texts[i] ? (gssize)strlen(texts[i]) + 1 : 1);
    guint8 digest[32];
    gsize length = sizeof digest;
    g_checksum_get_digest(sum, digest, &length);
    memcpy(key->bytes, digest, KEY_BYTES);
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
