/* Connections of one address: who has one of IPv6 has its /64. */
#include <arpa/inet.h>
#include <string.h>

#include "api/api_internal.h"

enum { MOST = 2 };

static struct sockaddr_storage address_of(const char *text)
{
    struct sockaddr_storage storage = {.ss_family = strchr(text, ':') ? AF_INET6 : AF_INET};
    void *bytes = storage.ss_family == AF_INET6 ? (void *)&((struct sockaddr_in6 *)(void *)&storage)->sin6_addr
                                                : (void *)&((struct sockaddr_in *)(void *)&storage)->sin_addr;
    g_assert_cmpint(inet_pton(storage.ss_family, text, bytes), ==, 1);
    return storage;
}

static bool has_place(struct peers *peers, const char *text)
{
    const struct http_settings http = {.max_connections_per_address = MOST,
                                       .trusted_proxies = (char[]){"10.0.0.1, 2001:db8:ff::1"}};
    struct sockaddr_storage storage = address_of(text);
    return peers_have_place(peers, &http, (const struct sockaddr *)(const void *)&storage);
}

static void change(struct peers *peers, const char *text, void (*how)(struct peers *, const struct sockaddr *))
{
    struct sockaddr_storage storage = address_of(text);
    how(peers, (const struct sockaddr *)(const void *)&storage);
}

/* Two connections of the first two; is there place for one of the third? */
static void test_connections_are_counted_by_whose_they_are(void)
{
    static const struct {
        const char *first, *second, *third;
        bool has_place;
    } cases[] = {
        {"192.0.2.7", "192.0.2.7", "192.0.2.7", false},
        {"192.0.2.7", "192.0.2.7", "192.0.2.8", true},
        {"192.0.2.7", "::ffff:192.0.2.7", "192.0.2.7", false},
        {"::ffff:192.0.2.7", "::ffff:192.0.2.8", "::ffff:192.0.2.9", true},
        {"2001:db8:1:2::1", "2001:db8:1:2:ffff::1", "2001:db8:1:2:aaaa:bbbb:cccc:dddd", false},
        {"2001:db8:1:2::1", "2001:db8:1:2::2", "2001:db8:1:3::1", true},
        {"10.0.0.1", "10.0.0.1", "10.0.0.1", true},                    /* a proxy */
        {"2001:db8:ff::1", "2001:db8:ff::1", "2001:db8:ff::1", true},  /* another */
        {"2001:db8:ff::1", "2001:db8:ff::1", "2001:db8:ff::2", false}, /* its neighbour is none */
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct peers *peers = peers_new();
        g_test_message("%s", cases[i].third);
        change(peers, cases[i].first, peers_enter);
        g_assert_true(has_place(peers, cases[i].third));
        change(peers, cases[i].second, peers_enter);
        g_assert_true(has_place(peers, cases[i].third) == cases[i].has_place);
        change(peers, cases[i].second, peers_leave); /* one goes */
        g_assert_true(has_place(peers, cases[i].third));
        peers_free(peers);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/peers/whose", test_connections_are_counted_by_whose_they_are);
    return g_test_run();
}
