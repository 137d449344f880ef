/* Requests taken apart, and the limiter: no sockets. */
#include <glib.h>
#include <string.h>

#include "api/http.h"
#include "base/clock.h"

static void test_targets(void)
{
    static const struct {
        const char *raw, *path; /* path NULL: refused */
    } cases[] = {
        {"/", "/"},
        {"/a/b", "/a/b"},
        {"/a%20b", "/a b"},
        {"/a+b", "/a+b"},
        {"/a/", "/a/"},
        {"//a", "//a"},
        {"/a?b=c", "/a"},
        {"/caf%c3%a9", "/café"},
        {"", NULL},
        {"a", NULL},
        {"*", NULL},
        {"http://x/", NULL},
        {"/.", NULL},
        {"/a/../b", NULL},
        {"/%2e%2e/b", NULL},
        {"/a%2fb", NULL},
        {"/a%5cb", NULL},
        {"/a%00", NULL},
        {"/a%0d%0a", NULL},
        {"/%c3%28", NULL},
        {"/%", NULL},
        {"/%4", NULL},
        {"/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17", NULL},
        {"/a?b=%", NULL},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        CLEANUP(http_target) struct http_target *target = http_target_parse(cases[i].raw, &error);
        g_autofree char *path = target ? http_target_path(target) : NULL;
        g_test_message("%s", cases[i].raw);
        g_assert_cmpstr(path, ==, cases[i].path);
        g_assert_true((target == NULL) == (error != NULL));
    }
    g_autofree char *long_path = g_strnfill(HTTP_MAX_TARGET_BYTES + 1, 'a');
    long_path[0] = '/';
    g_assert_null(http_target_parse(long_path, NULL));
}

static void test_patterns(void)
{
    static const struct {
        const char *raw, *pattern, *id;
        bool is_match;
    } cases[] = {
        {"/health", "/health", NULL, true},
        {"/health/live", "/health", NULL, false},
        {"/health", "/health/live", NULL, false},
        {"/c/x/p.jpg", "/c/{id}/p.jpg", "x", true},
        {"/c/x", "/c/{id}", "x", true},
        {"/c", "/c/{id}", NULL, false},
        {"/c/x/y", "/c/{id}", NULL, false},
        {"/c/x/", "/c/{id}", NULL, false},
        {"/", "/c", NULL, false},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        CLEANUP(http_target) struct http_target *target = http_target_parse(cases[i].raw, NULL);
        const char *id;
        g_test_message("%s %s", cases[i].raw, cases[i].pattern);
        g_assert_true(http_target_matches(target, cases[i].pattern, &id) == cases[i].is_match);
        if (cases[i].is_match)
            g_assert_cmpstr(id, ==, cases[i].id);
    }
}

static void test_parameters(void)
{
    g_autoptr(GPtrArray) parameters = http_parameters_parse("a=1&b=x+y%26&&c&=d&e=f=g", NULL);
    g_assert_cmpstr(http_parameter_get(parameters, "a"), ==, "1");
    g_assert_cmpstr(http_parameter_get(parameters, "b"), ==, "x y&");
    g_assert_cmpstr(http_parameter_get(parameters, "c"), ==, "");
    g_assert_cmpstr(http_parameter_get(parameters, ""), ==, "d");
    g_assert_cmpstr(http_parameter_get(parameters, "e"), ==, "f=g");
    g_assert_null(http_parameter_get(parameters, "z"));
    g_autoptr(GString) many = g_string_new(NULL);
    for (int i = 0; i <= HTTP_MAX_PARAMETERS; i++)
        g_string_append(many, "a=1&");
    g_assert_null(http_parameters_parse(many->str, NULL));
}

static void test_cookies(void)
{
    static const struct {
        const char *header, *value;
    } cases[] = {
        {"s=1", "1"}, {"a=2; s=1", "1"}, {"as=2; s=1", "1"}, {"s=1; s=2", "1"}, {"a=s=1", NULL}, {"s", NULL},
        {"", NULL},   {NULL, NULL},      {";;;", NULL},      {" s=1 ;", "1"},   {"sx=1", NULL},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *value = http_cookie_get(cases[i].header, "s");
        g_assert_cmpstr(value, ==, cases[i].value);
    }
}

static void test_hosts_and_origins(void)
{
    static const struct {
        const char *host;
        bool is_allowed;
    } hosts[] = {
        {"127.0.0.1", true},     {"127.0.0.1:8000", true},
        {"[::1]:8000", true},    {"localhost", true},
        {"LOCALHOST:1", true},   {"cam.example", true},
        {"evil.example", false}, {"127.0.0.1.evil.example", false},
        {"localhost.", false},   {"", false},
        {NULL, false},           {"[::1", false},
        {"127.0.0.1:x", false},  {":8000", false},
        {"127.1", false},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(hosts); i++)
        g_assert_true(http_host_is_allowed(hosts[i].host, "other, cam.example") == hosts[i].is_allowed);
    g_assert_true(http_origin_is_host("http://127.0.0.1:8000", "127.0.0.1:8000"));
    g_assert_true(http_origin_is_host("https://Cam.example", "cam.example"));
    g_assert_false(http_origin_is_host("http://127.0.0.1:8001", "127.0.0.1:8000"));
    g_assert_false(http_origin_is_host("null", "127.0.0.1"));
    g_assert_false(http_origin_is_host("http://127.0.0.1:8000.evil.example", "127.0.0.1:8000"));
}

static void test_words(void)
{
    g_assert_cmpstr(http_bearer_get("Bearer abc"), ==, "abc");
    g_assert_cmpstr(http_bearer_get("bearer  abc"), ==, "abc");
    g_assert_null(http_bearer_get("Basic abc"));
    g_assert_null(http_bearer_get("Bearer "));
    g_assert_true(http_list_has("keep-alive, Upgrade", "upgrade"));
    g_assert_false(http_list_has("keep-alive, Upgraded", "upgrade"));
    g_assert_false(http_list_has(NULL, "upgrade"));
    g_assert_true(http_content_type_is("application/JSON; charset=utf-8", "application/json"));
    g_assert_false(http_content_type_is("application/jsonx", "application/json"));
    guint64 length;
    g_assert_true(http_parse_length("12", &length));
    g_assert_cmpuint(length, ==, 12);
    g_assert_false(http_parse_length("+12", &length));
    g_assert_false(http_parse_length("12 ", &length));
    g_assert_false(http_parse_length("", &length));
}

/* RFC 9110 sections 13.1.1, 13.1.2 and 12.5.1. */
static void test_tags_and_types_are_read_as_http_has_them(void)
{
    static const struct {
        const char *header;
        bool is_match;
    } tags[] = {{"\"a\"", true}, {"W/\"a\"", true}, {"\"b\", W/\"a\" ", true}, {"*", true},       {"\"b\"", false},
                {"W/", false},   {"a", false},      {"w/\"a\"", false},        {"\"aa\"", false}, {NULL, false}};
    static const struct {
        const char *header;
        double weight;
    } types[] = {{"text/csv", 1},
                 {"TEXT/CSV; charset=utf-8", 1},
                 {"application/json, text/csv;q=0.9", 0.9},
                 {"text/csv; charset=utf-8; Q=0.25, */*", 0.25},
                 {"text/csv;q=0", 0},
                 {"text/csvx, */*", 0},
                 {"", 0},
                 {NULL, 0}};
    for (size_t i = 0; i < G_N_ELEMENTS(tags); i++) {
        g_test_message("%s", tags[i].header);
        g_assert_true(http_etag_matches(tags[i].header, "\"a\"") == tags[i].is_match);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(types); i++) {
        g_test_message("%s", types[i].header);
        g_assert_cmpfloat(http_accept_weight(types[i].header, "text/csv"), ==, types[i].weight);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/http/targets", test_targets);
    g_test_add_func("/http/patterns", test_patterns);
    g_test_add_func("/http/parameters", test_parameters);
    g_test_add_func("/http/cookies", test_cookies);
    g_test_add_func("/http/hosts_and_origins", test_hosts_and_origins);
    g_test_add_func("/http/words", test_words);
    g_test_add_func("/http/tags_and_types_are_read_as_http_has_them", test_tags_and_types_are_read_as_http_has_them);
    return g_test_run();
}
