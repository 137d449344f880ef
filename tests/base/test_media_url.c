/* Case S1: what a source may look like, and that a login never shows. */
#include <string.h>

#include "base/media_url.h"
#include "base/random.h"

static void test_s01_good_sources(void)
{
    static const struct {
        const char *text;
        enum media_scheme scheme;
        const char *location, *host;
        int port;
        const char *username, *password;
    } rows[] = {
        {"rtsp://10.0.0.7/s1", MEDIA_RTSP, "rtsp://10.0.0.7/s1", "10.0.0.7", 554, NULL, NULL},
        {"rtsp://10.0.0.7:8554/s1?ch=1&x=%20", MEDIA_RTSP, "rtsp://10.0.0.7:8554/s1?ch=1&x=%20", "10.0.0.7", 8554, NULL,
         NULL},
        {"rtsps://cam.example", MEDIA_RTSPS, "rtsps://cam.example", "cam.example", 322, NULL, NULL},
        {"rtsp://admin:p%40ss%3a@cam-1/live", MEDIA_RTSP, "rtsp://cam-1/live", "cam-1", 554, "admin", "p@ss:"},
        {"rtsp://admin@cam/live", MEDIA_RTSP, "rtsp://cam/live", "cam", 554, "admin", NULL},
        {"rtsp://u:@[2001:db8::1]:5554/x", MEDIA_RTSP, "rtsp://[2001:db8::1]:5554/x", "2001:db8::1", 5554, "u", ""},
        {"rtsp://cam/path@with-at", MEDIA_RTSP, "rtsp://cam/path@with-at", "cam", 554, NULL, NULL},
        {"http://u:p@cam/video.mjpg?ch=1", MEDIA_HTTP, "http://cam/video.mjpg?ch=1", "cam", 80, "u", "p"},
        {"https://cam:8443/a.jpg", MEDIA_HTTPS, "https://cam:8443/a.jpg", "cam", 8443, NULL, NULL},
        {"v4l2:///dev/video0", MEDIA_V4L2, "v4l2:///dev/video0", NULL, 0, NULL, NULL},
        {"file:///videos/front door.mp4", MEDIA_FILE, "/videos/front door.mp4", NULL, 0, NULL, NULL},
        {"scene://shop?seed=3", MEDIA_SCENE, "scene://shop?seed=3", NULL, 0, NULL, NULL},
        {"/videos/front door.mp4", MEDIA_FILE, "/videos/front door.mp4", NULL, 0, NULL, NULL},
        {"./a:b.mp4", MEDIA_FILE, "./a:b.mp4", NULL, 0, NULL, NULL},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        struct media_url url;
        g_autoptr(GError) error = NULL;
        g_test_message("%s", rows[i].text);
        g_assert_true(media_url_parse(rows[i].text, &url, &error));
        g_assert_cmpint(url.scheme, ==, rows[i].scheme);
        g_assert_cmpstr(url.location, ==, rows[i].location);
        g_assert_cmpstr(url.host, ==, rows[i].host);
        g_assert_cmpint(url.port, ==, rows[i].port);
        g_assert_cmpstr(url.username, ==, rows[i].username);
        g_assert_cmpstr(url.password, ==, rows[i].password);
        media_url_clear(&url);
    }
}

static void test_s01_bad_sources(void)
{
    static const struct {
        const char *text, *reason;
    } rows[] = {
        {"", "is empty"},
        {"file://host/x.mp4", "'file' is not allowed"},
        {"file://", "'file' is not allowed"},
        {"file:/etc/passwd", "'file' is not allowed"},
        {"fd:3", "'fd' is not allowed"},
        {"fd://3", "'fd' is not allowed"},
        {"pipe:0", "'pipe' is not allowed"},
        {"unix:/run/x", "'unix' is not allowed"},
        {"data:video/mp4;base64,AAAA", "'data' is not allowed"},
        {"ftp://10.0.0.1/x.jpg", "'ftp' is not allowed"},
        {"http://10.0.0.1:0/x.jpg", "between 1 and 65535"},
        {"http://0177.0.0.1/x.jpg", "four decimal numbers"},
        {"http://a b/", "spaces"},
        {"v4l2:///dev/video", "v4l2:///dev/videoN"},
        {"v4l2:///dev/video0/../mem", "v4l2:///dev/videoN"},
        {"v4l2:///dev/mem", "v4l2:///dev/videoN"},
        {"v4l2:///dev/video1234", "v4l2:///dev/videoN"},
        {"v4l2:/dev/video0", "v4l2:///dev/videoN"},
        {"rtspu://10.0.0.1/", "'rtspu' is not allowed"},
        {"RTSP://10.0.0.1/", "'RTSP' is not allowed"},
        {"rtsp://a b/", "spaces"},
        {"rtsp://a/b c", "spaces"},
        {"rtsp://a/\"", "quotes"},
        {"rtsp://a/'", "quotes"},
        {"rtsp://a/x!fakesink", "'!'"},
        {"rtsp://a/\r\nX: y", "control character"},
        {"rtsp://a/\x7f", "control character"},
        {"rtsp://a/\xff", "UTF-8"},
        {"rtsp://k\xc3\xa4mera/", "non-ASCII"},
        {"rtsp://u:canary@@host/", "holds an '@'"},
        {"rtsp://u:canary@host@host/", "holds an '@'"},
        {"rtsp://u%zz:canary@host/", "percent-encoded"},
        {"rtsp://ho%73t/", "letters, digits"},
        {"rtsp://host:0/", "between 1 and 65535"},
        {"rtsp://host:65536/", "between 1 and 65535"},
        {"rtsp://host:-1/", "between 1 and 65535"},
        {"rtsp://host:/", "between 1 and 65535"},
        {"rtsp://host:55x/", "between 1 and 65535"},
        {"rtsp://0177.0.0.1/", "numeric host"},
        {"rtsp://0x7f.0.0.1/", "numeric host"},
        {"rtsp://0x7f000001/", "numeric host"},
        {"rtsp://2130706433/", "numeric host"},
        {"rtsp://127.1/", "numeric host"},
        {"rtsp://1.2.3.4.5/", "numeric host"},
        {"rtsp://010.0.0.1/", "numeric host"},
        {"rtsp://256.0.0.1/", "numeric host"},
        {"rtsp://host./", "dot"},
        {"rtsp://.host/", "dot"},
        {"rtsp://a..b/", "dot"},
        {"rtsp:///path", "host is missing"},
        {"rtsp://", "host is missing"},
        {"rtsp://[fe80::1%eth0]/", "IPv6"},
        {"rtsp://[::1/", "closing"},
        {"rtsp://[::1]x/", "only a port"},
        {"rtsp://host/#x", "'#'"},
        {"scene://a b", "spaces"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        struct media_url url;
        g_autoptr(GError) error = NULL;
        g_assert_false(media_url_parse(rows[i].text, &url, &error));
        g_autofree char *shown = g_strescape(rows[i].text, NULL);
        g_test_message("%s: %s", shown, error->message);
        g_assert_nonnull(strstr(error->message, rows[i].reason));
        g_assert_null(strstr(error->message, "canary"));
        g_assert_null(url.location);
    }
    g_autofree char *longest = g_strnfill(2049, 'a');
    memcpy(longest, "rtsp://a/", 9);
    struct media_url url;
    g_assert_false(media_url_parse(longest, &url, NULL));
    longest[2048] = '\0';
    g_assert_true(media_url_parse(longest, &url, NULL));
    media_url_clear(&url);
}

/* Text that is nearly a source: what gets through is safe to put into a request line or a property. */
static void test_s01_property_what_is_accepted_is_plain(void)
{
    static const char *const parts[] = {"rtsp://",  "rtsps://", "scene://", "u:canary@", "@",        ":", "host",
                                        "10.0.0.1", ":554",     "/",        "?a=b",      "%41",      "!", " ",
                                        "\r\n",     "\"",       "'",        "[::1]",     "\xc3\xa4", ".", "#"};
    enum { ROUNDS = 100000 };
    struct random random;
    int accepted = 0;
    random_init(&random, 1);
    for (int round = 0; round < ROUNDS; round++) {
        GString *text = g_string_new(NULL);
        for (int64_t n = random_range(&random, 1, 7); n > 0; n--)
            g_string_append(text, parts[random_range(&random, 0, G_N_ELEMENTS(parts) - 1)]);
        struct media_url url;
        if (media_url_parse(text->str, &url, NULL)) {
            accepted++;
            g_assert_true(url.scheme == MEDIA_FILE || !strpbrk(url.location, " \"'!\r\n\t\\{}"));
            if (url.scheme == MEDIA_RTSP || url.scheme == MEDIA_RTSPS) {
                const char *authority = strstr(url.location, "://") + 3; /* a login has its place there alone */
                g_assert_null(memchr(authority, '@', strcspn(authority, "/?")));
                g_assert_true(url.port >= 1 && url.port <= 65535);
                g_assert_true(url.host && *url.host && !strpbrk(url.host, "@/?%[]"));
                struct media_url again; /* its own words mean the same */
                g_assert_true(media_url_parse(url.location, &again, NULL));
                g_assert_cmpstr(again.host, ==, url.host);
                g_assert_cmpstr(again.location, ==, url.location);
                g_assert_cmpint(again.port, ==, url.port);
                g_assert_null(again.username);
                media_url_clear(&again);
            }
            media_url_clear(&url);
        }
        g_string_free(text, TRUE);
    }
    g_assert_cmpint(accepted, >, ROUNDS / 100);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/media/url/s01_good_sources", test_s01_good_sources);
    g_test_add_func("/media/url/s01_bad_sources", test_s01_bad_sources);
    g_test_add_func("/media/url/s01_property_what_is_accepted_is_plain", test_s01_property_what_is_accepted_is_plain);
    return g_test_run();
}
