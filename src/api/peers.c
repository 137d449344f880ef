/* How many connections each address has open. The library counts by whole addresses, and those of trusted proxies too,
 * so this is ours. */
#include <sys/socket.h>

#include "api/api_internal.h"

struct peers {
    pthread_mutex_t lock;
    GHashTable *open; /* lock; char * (network_group_address), owned → how many */
};

/* One more or less of whose the address is, or 0; returns how many there are then. */
static size_t count(struct peers *peers, const struct sockaddr *address, int more)
{
    char text[NETWORK_GROUP_BYTES], group[NETWORK_GROUP_BYTES];
    network_address_text(address, text);
    network_group_address(text, group);
    pthread_mutex_lock(&peers->lock);
    size_t open = GPOINTER_TO_SIZE(g_hash_table_lookup(peers->open, group)) + (size_t)more;
    if (more && open)
        g_hash_table_insert(peers->open, g_strdup(group), GSIZE_TO_POINTER(open));
    else if (more)
        g_hash_table_remove(peers->open, group);
    pthread_mutex_unlock(&peers->lock);
    return open;
}

bool peers_have_place(struct peers *peers, const struct http_settings *http, const struct sockaddr *address)
{
    char text[NETWORK_GROUP_BYTES];
    network_address_text(address, text);
    return count(peers, address, 0) < (size_t)http->max_connections_per_address ||
           network_list_has_text(http->trusted_proxies, text);
}

void peers_enter(struct peers *peers, const struct sockaddr *address)
{
    count(peers, address, 1);
}

void peers_leave(struct peers *peers, const struct sockaddr *address)
{
    count(peers, address, -1);
}

struct peers *peers_new(void)
{
    struct peers *peers = g_new0(struct peers, 1);
    pthread_mutex_init(&peers->lock, NULL);
    peers->open = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return peers;
}

void peers_free(struct peers *peers)
{
    g_hash_table_unref(peers->open);
    pthread_mutex_destroy(&peers->lock);
    g_free(peers);
}
