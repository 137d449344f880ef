#include "base/networks.h"

#include <arpa/inet.h>
#include <string.h>

enum { IPV4_BYTES = 4, IPV6_BYTES = 16 };

struct network {
    uint8_t bytes[IPV6_BYTES];
    size_t length;
    unsigned prefix_bits;
};

/* Takes the item apart in place. */
static bool read_network(char *item, struct network *network)
{
    char *slash = strchr(item, '/');
    guint64 bits = 0;
    if (slash)
        *slash = '\0';
    network->length = strchr(item, ':') ? IPV6_BYTES : IPV4_BYTES;
    bool is_address = inet_pton(network->length == IPV6_BYTES ? AF_INET6 : AF_INET, item, network->bytes) == 1;
    bool has_bits = slash && g_ascii_string_to_unsigned(slash + 1, 10, 0, network->length * 8, &bits, NULL);
    network->prefix_bits = slash ? (unsigned)bits : (unsigned)network->length * 8;
    return is_address && (!slash || has_bits);
}

bool network_list_check(const char *text, GError **error)
{
    g_auto(GStrv) items = g_strsplit(text, ",", -1);
    for (size_t i = 0; items[i]; i++) {
        struct network network;
        g_autofree char *shown = g_strdup(g_strstrip(items[i]));
        if (!*shown || read_network(items[i], &network))
            continue;
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID,
                    "'%s' is no address and no network: write 10.0.0.7, 10.0.0.0/8 or fe80::/10", shown);
        return false;
    }
    return true;
}

static bool network_has(const struct network *network, const uint8_t *address, size_t length)
{
    unsigned whole = network->prefix_bits / 8, rest = network->prefix_bits % 8;
    if (network->length != length || memcmp(network->bytes, address, whole) != 0)
        return false;
    uint8_t mask = (uint8_t)(0xff << (8 - rest));
    return rest == 0 || ((network->bytes[whole] ^ address[whole]) & mask) == 0;
}

/* The IPv4 address that an IPv6 address stands for: mapped (RFC 4291, 2.5.5.2) or translated (RFC 6052, 2.1). NULL:
 * none. */
static const uint8_t *inner_address(const uint8_t *address, size_t length)
{
    static const uint8_t mapped[IPV6_BYTES - IPV4_BYTES] = {[10] = 0xff, [11] = 0xff},
                                             translated[IPV6_BYTES - IPV4_BYTES] = {0x00, 0x64, 0xff, 0x9b};
    bool has_inner = length == IPV6_BYTES && (memcmp(address, mapped, sizeof mapped) == 0 ||
                                              memcmp(address, translated, sizeof translated) == 0);
    return has_inner ? address + sizeof mapped : NULL;
}

bool network_list_has(const char *text, const uint8_t *address, size_t length)
{
    const uint8_t *inner = inner_address(address, length);
    g_auto(GStrv) items = g_strsplit(text ? text : "", ",", -1);
    for (size_t i = 0; items[i]; i++) {
        struct network network;
        if (read_network(g_strstrip(items[i]), &network) &&
            (network_has(&network, address, length) || (inner && network_has(&network, inner, IPV4_BYTES))))
            return true;
    }
    return false;
}

/* The address's bytes; 0: it is none. */
static size_t read_address(const char *text, uint8_t bytes[IPV6_BYTES])
{
    if (inet_pton(AF_INET, text, bytes) == 1)
        return IPV4_BYTES;
    return inet_pton(AF_INET6, text, bytes) == 1 ? IPV6_BYTES : 0;
}

bool network_is_address(const char *text)
{
    uint8_t bytes[IPV6_BYTES];
    return read_address(text, bytes) > 0;
}

bool network_list_has_text(const char *text, const char *address)
{
    uint8_t bytes[IPV6_BYTES];
    size_t length = read_address(address, bytes);
    return length && network_list_has(text, bytes, length);
}

void network_address_text(const struct sockaddr *address, char text[NETWORK_GROUP_BYTES])
{
    *text = '\0';
    if (address && address->sa_family == AF_INET)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)address)->sin_addr, text, NETWORK_GROUP_BYTES);
    else if (address && address->sa_family == AF_INET6)
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, text,
                  NETWORK_GROUP_BYTES);
}

void network_group_address(const char *address, char group[NETWORK_GROUP_BYTES])
{
    uint8_t bytes[IPV6_BYTES];
    g_strlcpy(group, address, NETWORK_GROUP_BYTES);
    if (read_address(address, bytes) != IPV6_BYTES)
        return;
    const uint8_t *inner = inner_address(bytes, IPV6_BYTES);
    for (int i = NETWORK_GROUP_IPV6_BITS / 8; i < IPV6_BYTES; i++)
        bytes[i] = inner ? bytes[i] : 0;
    inet_ntop(inner ? AF_INET : AF_INET6, inner ? inner : bytes, group, NETWORK_GROUP_BYTES);
}
