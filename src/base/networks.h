/* Lists of addresses and networks, as people write them: "10.0.0.0/8, 192.168.1.7, fe80::/10". Any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/error.h"

/* Whether each item is an address or a network. */
bool network_list_check(const char *text, GError **error);
/* Whether an address (its 4 or 16 bytes, as they travel) lies in one of them; an IPv4 address in IPv6's clothes
 * (::ffff:a.b.c.d, 64:ff9b::a.b.c.d) is the IPv4 address too. NULL and "" hold none. */
bool network_list_has(const char *text, const uint8_t *address, size_t length);
/* Whether this is one address, as text. */
bool network_is_address(const char *text);
/* network_list_has of an address as text; false: it is none. */
bool network_list_has_text(const char *text, const char *address);

/* The address of a socket; "" of one that is no internet address (NULL too). */
enum { NETWORK_GROUP_BYTES = 64 };
void network_address_text(const struct sockaddr *address, char text[NETWORK_GROUP_BYTES]);
/* Whose an address is: what is counted or limited by address is counted by this. Whoever has one IPv6 address has its
 * whole /64 (RFC 4291 section 2.5.4): that is one group. One that stands for an IPv4 address is that; every other text
 * is its own. */
enum { NETWORK_GROUP_IPV6_BITS = 64 };
void network_group_address(const char *address, char group[NETWORK_GROUP_BYTES]);
