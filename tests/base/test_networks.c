#include "base/networks.h"

#include <arpa/inet.h>
#include <glib.h>
#include <string.h>

static bool has(const char *list, const char *address)
{
    uint8_t bytes[16];
    bool is_v6 = strchr(address, ':') != NULL;
    g_assert_cmpint(inet_pton(is_v6 ? AF_INET6 : AF_INET, address, bytes), ==, 1);
    return network_list_has(list, bytes, is_v6 ? 16 : 4);
}

static void test_addresses_lie_in_networks(void)
{
    static const char list[] = "127.0.0.0/8, 10.1.2.128/25,192.0.2.7 , ::1, fe80::/10,";
    static const struct {
        const char *address;
        bool is_in;
    } cases[] = {
        {"127.0.0.1", true},
        {"127.255.255.255", true},
        {"128.0.0.1", false},
        {"10.1.2.127", false},
        {"10.1.2.128", true},
        {"10.1.3.128", false},
        {"192.0.2.7", true},
        {"192.0.2.6", false},
        {"::1", true},
        {"::2", false},
        {"fe80::1", true},
        {"febf::1", true},
        {"fec0::1", false},
        {"::ffff:127.0.0.1", true},
        {"::ffff:128.0.0.1", false},
        {"64:ff9b::127.0.0.1", true},
        {"64:ff9b::8.8.8.8", false},
        {"2001:db8::127.0.0.1", false},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_test_message("%s", cases[i].address);
        g_assert_cmpint(has(list, cases[i].address), ==, cases[i].is_in);
    }
    g_assert_true(has("0.0.0.0/0", "203.0.113.9"));
    g_assert_false(has("0.0.0.0/0", "2001:db8::1"));
    g_assert_false(has("", "127.0.0.1"));
    g_assert_false(has(NULL, "127.0.0.1"));
}

static void test_wrong_items_are_named(void)
{
    static const char *const wrong[] = {"10.0.0.0/33", "10.0.0",      "fe80::/129", "x",
                                        "10.0.0.1/",   "10.0.0.1/-1", "::1/0x8"};
    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *list = g_strconcat("10.0.0.0/8,", wrong[i], NULL);
        g_assert_false(network_list_check(list, &error));
        g_assert_nonnull(strstr(error->message, wrong[i]));
    }
    g_assert_true(network_list_check("", NULL));
    g_assert_true(network_list_check("10.0.0.0/8, ::/0,,", NULL));
}

static void test_hosts_of_one_ipv6_network_are_one(void)
{
    static const struct {
        const char *address, *group;
    } cases[] = {{"2001:db8:1:2:aaaa::7", "2001:db8:1:2::"},
                 {"2001:db8:1:2::1", "2001:db8:1:2::"},
                 {"2001:db8:1:3::1", "2001:db8:1:3::"},
                 {"192.0.2.7", "192.0.2.7"},
                 {"::ffff:192.0.2.7", "192.0.2.7"},
                 {"64:ff9b::192.0.2.7", "192.0.2.7"},
                 {"", ""},
                 {"@", "@"}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        char group[NETWORK_GROUP_BYTES];
        network_group_address(cases[i].address, group);
        g_assert_cmpstr(group, ==, cases[i].group);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/networks/addresses_lie_in_networks", test_addresses_lie_in_networks);
    g_test_add_func("/networks/wrong_items_are_named", test_wrong_items_are_named);
    g_test_add_func("/networks/hosts of one ipv6 network are one", test_hosts_of_one_ipv6_network_are_one);
    return g_test_run();
}
