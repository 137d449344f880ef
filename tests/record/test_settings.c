#include "facts/camera.h"
#include "facts/settings.h"
#include "record/settings.h"

#include <string.h>

/* Decodes YAML; the printed errors, or "" and the settings filled. */
static char *load(const char *yaml, const struct settings_override *overrides, size_t count, struct settings *settings)
{
    struct record_errors errors;
    GString *out = g_string_new(NULL);
    record_errors_init(&errors);
    settings_decode_yaml(&settings_descriptor, yaml, strlen(yaml), overrides, count, settings, &errors);
    settings_errors_print(&errors, "v.yml", out);
    record_errors_clear(&errors);
    return g_string_free(out, FALSE);
}

static void assert_error(const char *yaml, const char *wanted)
{
    struct settings settings;
    g_autofree char *errors = load(yaml, NULL, 0, &settings);
    if (!strstr(errors, wanted))
        g_error("%s\ngave: %s\nnot:  %s", yaml, errors, wanted);
}

static void test_errors_say_file_line_key_and_what_is_allowed(void)
{
    assert_error("http:\n  port: 99999\n", "v.yml:2: http.port: 99999: must be between 0 and 65535");
    assert_error("http:\n  prot: 1\n", "v.yml:2: http.prot: is unknown: did you mean 'port'?");
    /* and nothing that the server sets: managed_by, logins */
    assert_error("cameras:\n  - {id: a, source: x, colour: red}\n", "zones, lines, rules\n");
    assert_error("http:\n  port: many\n", "v.yml:2: http.port: 'many': must be a whole number");
    assert_error("log: {format: xml}\n", "v.yml:1: log.format: 'xml': must be one of logfmt, json");
    assert_error("log: {}\nlog: {}\n", "v.yml:2: log: is given twice");
    assert_error("a: &x 1\n", "anchor");
    assert_error("http: !!map {}\n", "tag");
    assert_error("http: [1\n", "v.yml:2: is no YAML");
    assert_error("http: 3\n", "http: is text: must be a mapping");
    assert_error("cameras:\n  - id: a\n    source: x\n  - id: a\n    source: y\n", "cameras[1].id: a: is used twice");
    assert_error("---\na: 1\n---\nb: 2\n", "second document");
}

static void test_a_longest_wait_is_no_shorter_than_the_first(void)
{
    assert_error("source:\n  retry_delay_max_ms: 10\n  retry_delay_ms: 11\n",
                 "v.yml:2: source.retry_delay_max_ms: 10: must be at least retry_delay_ms (11)");
    assert_error("store: {retry_delay_ms: 60000, retry_delay_max_ms: 1000}\n",
                 "store.retry_delay_max_ms: 1000: must be");
    assert_error("workers: {restart_delay_ms: 60000}\n",
                 "workers.restart_delay_max_ms: 30000: must be at least restart_delay_ms (60000)");
    assert_error("spool: {file_bytes: 600000000}\n",
                 "spool.max_disk_bytes: 1073741824: must be at least twice file_bytes (1200000000)");
    assert_error("spool: {retry_seconds: 20}\n", "spool.retry_max_seconds: 15: must be at least retry_seconds (20)");
    assert_error("breaker: {recovery_seconds: 901}\n", "breaker.recovery_max_seconds: 900: must be at least");
    assert_error("notify: {reconnect_seconds: 61}\n", "notify.reconnect_max_seconds: 60: must be at least");
}

#define STREAMS "cameras:\n  - id: a\n    streams:\n"

static void test_streams_have_each_role_once(void)
{
    struct settings settings;
    assert_error(STREAMS "      - source: rtsp://h/1\n        roles: [detect, watch]\n",
                 "v.yml:5: cameras[0].streams[0].roles[1]: watch: is no role: detect, record and live are");
    assert_error(STREAMS
                 "      - {source: rtsp://h/1, roles: [detect]}\n      - {source: rtsp://h/2, roles: [detect]}\n",
                 "v.yml:5: cameras[0].streams[1].roles: detect is given twice");
    assert_error(STREAMS "      - {source: rtsp://h/1, roles: [record]}\n",
                 "v.yml:3: cameras[0].streams: none has the role detect");
    assert_error(STREAMS "      - {source: rtsp://h/1, roles: [detect]}\n      - {source: rtsp://h/1, roles: [live]}\n",
                 "v.yml:5: cameras[0].streams[1].source: is given twice");
    assert_error(STREAMS "      - {source: 'rtsp://u:p@h/1', roles: [detect]}\n"
                         "      - {source: 'rtsp://v:q@h/1', roles: [live]}\n",
                 "v.yml:5: cameras[0].streams[1].source: is given twice");
    assert_error(STREAMS
                 "      - {source: /a.mp4, roles: [detect]}\n      - {source: 'file:///a.mp4', roles: [live]}\n",
                 "v.yml:5: cameras[0].streams[1].source: is given twice");
    assert_error(STREAMS "      - {source: rtsp://h/1, roles: []}\n", "cameras[0].streams[0].roles:");
    assert_error(STREAMS "      - {source: 'http//:x y', roles: [detect]}\n    source: rtsp://h/3\n",
                 "v.yml:5: cameras[0].source: is given beside streams");
    assert_error("cameras:\n  - id: a\n", "cameras[0].source: is missing: give a source, or streams");
    g_autofree char *errors = load(STREAMS "      - {source: rtsp://h/1, roles: [detect], username: u, password: p}\n"
                                           "      - {source: rtsp://h/2, roles: [live, record]}\n",
                                   NULL, 0, &settings);
    g_assert_cmpstr(errors, ==, "");
    struct stream_use uses[CAMERA_MAX_STREAMS];
    g_assert_cmpuint(camera_list_streams(settings.cameras.items, uses), ==, 2);
    g_assert_cmpstr(uses[0].password, ==, "p");
    g_assert_cmpstr(uses[1].password, ==, NULL);
    g_assert_true(stream_has_role(&uses[1], STREAM_LIVE) && stream_has_role(&uses[1], STREAM_RECORD));
    g_assert_false(stream_has_role(&uses[1], STREAM_DETECT));
    record_clear(&settings_descriptor, &settings);
}

static void test_all_mistakes_are_told_in_one_run(void)
{
    struct settings settings;
    g_autofree char *errors =
        load("http: {port: -1}\nlog: {format: xml}\ncameras: [{id: a}]\nx: 1\n", NULL, 0, &settings);
    g_auto(GStrv) lines = g_strsplit(errors, "\n", -1);
    g_assert_cmpuint(g_strv_length(lines), ==, 5); /* four and the empty end */
}

static void test_flags_win_over_variables_over_the_file_over_defaults(void)
{
    char *environment[] = {"VEDETTE_HTTP_PORT=2", "VEDETTE_LOG=debug", "VEDETTE_TRACKER_LOST_SECONDS=7", NULL};
    g_autoptr(GArray) overrides = settings_environment(&settings_descriptor, environment);
    char *argv[] = {"run", "--http-port", "3", "video.mp4", "--workers-sandbox=false", NULL};
    int argc = 5;
    struct settings settings;
    g_assert_true(settings_flags(&settings_descriptor, &argc, argv, overrides, NULL));
    g_assert_cmpint(argc, ==, 2);
    g_assert_cmpstr(argv[1], ==, "video.mp4");
    g_autofree char *errors = load("http: {port: 1, threads: 5}\ntracker: {lost_seconds: 3}\n",
                                   (struct settings_override *)(void *)overrides->data, overrides->len, &settings);
    g_assert_cmpstr(errors, ==, "");
    g_assert_cmpint(settings.http.port, ==, 3);
    g_assert_cmpint(settings.http.threads, ==, 5);
    g_assert_cmpfloat(settings.tracker.lost_seconds, ==, 7);
    g_assert_cmpstr(settings.log.levels, ==, "debug");
    g_assert_false(settings.workers.sandbox);
    g_assert_cmpint(settings.http.max_connections, ==, 512);
    record_clear(&settings_descriptor, &settings);
}

static void test_a_variable_that_is_nearly_a_setting_is_told(void)
{
    char *environment[] = {"VEDETTE_HTTP_PROT=8080",
                           "VEDETTE_HTTP_PORT=8080",
                           "VEDETTE_URL=http://hub",
                           "VEDETTE_LOGS=debug",
                           "HTTP_PROT=1",
                           NULL};
    struct record_errors warnings;
    record_errors_init(&warnings);
    settings_environment_warn(&settings_descriptor, environment, &warnings);
    g_autoptr(GString) told = g_string_new(NULL);
    settings_errors_print(&warnings, "environment", told);
    g_assert_cmpstr(told->str, ==,
                    "VEDETTE_HTTP_PROT: is no setting and is passed over: did you mean 'VEDETTE_HTTP_PORT'?\n"
                    "VEDETTE_LOGS: is no setting and is passed over: did you mean 'VEDETTE_LOG'?\n");
    record_errors_clear(&warnings);
}

static void test_a_flag_that_is_true_or_false_may_stand_alone(void)
{
    char *argv[] = {"run",   "--governor-shed",        "false", "--workers-sandbox",
                    "a.mp4", "--motion-damps-weather", "no",    NULL};
    int argc = G_N_ELEMENTS(argv) - 1;
    g_autoptr(GArray) overrides = g_array_new(FALSE, FALSE, sizeof(struct settings_override));
    g_assert_true(settings_flags(&settings_descriptor, &argc, argv, overrides, NULL));
    g_assert_cmpint(argc, ==, 2);
    g_assert_cmpstr(argv[1], ==, "a.mp4"); /* no boolean's word: an argument */
    struct settings settings;
    g_autofree char *errors = load("", (struct settings_override *)(void *)overrides->data, overrides->len, &settings);
    g_assert_cmpstr(errors, ==, "");
    g_assert_false(settings.governor.shed || settings.motion.damps_weather);
    g_assert_true(settings.workers.sandbox);
    record_clear(&settings_descriptor, &settings);
}

static void test_a_wrong_variable_is_named(void)
{
    const struct settings_override wrong = {"http.port", "x", "VEDETTE_HTTP_PORT"};
    struct settings settings;
    g_autofree char *errors = load("", &wrong, 1, &settings);
    g_assert_nonnull(strstr(errors, "VEDETTE_HTTP_PORT: 'x': must be a whole number"));
}

static void test_secrets_are_no_flags_and_never_repeated(void)
{
    char *argv[] = {"run", "--admin-password", "canary-9x", NULL};
    int argc = 3;
    g_autoptr(GArray) overrides = g_array_new(FALSE, FALSE, sizeof(struct settings_override));
    g_autoptr(GError) error = NULL;
    g_assert_false(settings_flags(&settings_descriptor, &argc, argv, overrides, &error));
    g_assert_null(strstr(error->message, "canary"));
    g_autofree char *password = g_strnfill(300, 'q');
    g_autofree char *yaml = g_strdup_printf("admin_password: %s\n", password);
    struct settings settings;
    g_autofree char *errors = load(yaml, NULL, 0, &settings);
    g_assert_nonnull(strstr(errors, "admin_password: has 300 characters"));
    g_assert_null(strstr(errors, "qqq"));
}

static void test_a_scrape_token_is_long_or_none(void)
{
    static const struct {
        const char *token;
        bool is_good;
    } cases[] = {{"", true}, {"canary-15-bytes", false}, {"canary-16-bytes-", true}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct settings settings;
        g_autofree char *yaml = g_strdup_printf("metrics_token: \"%s\"\n", cases[i].token);
        g_autofree char *errors = load(yaml, NULL, 0, &settings);
        g_assert_true((strstr(errors, "metrics_token: must have 16 bytes at least") == NULL) == cases[i].is_good);
        g_assert_null(strstr(errors, "canary"));
        if (cases[i].is_good)
            record_clear(&settings_descriptor, &settings);
    }
}

/* What would be taken and mean nobody, ever. */
static void test_what_can_mean_nothing_is_refused(void)
{
    static const struct {
        const char *yaml, *error; /* NULL: it is good */
    } cases[] = {
        {"auth: {oidc: {default_role: platform}}\n", "auth.oidc.default_role: must be viewer, operator"},
        {"auth: {oidc: {default_role: anonymous}}\n", "auth.oidc.default_role: must be viewer, operator"},
        {"auth: {oidc: {default_role: admin}}\n", NULL},
        {"http: {cors_origins: wall.example}\n", "'wall.example' is no origin"},
        {"http: {cors_origins: 'https://a.example, https://wall.example/'}\n", "'https://wall.example/' is no origin"},
        {"http: {cors_origins: 'https://wall.example:8443, http://10.0.0.7'}\n", NULL},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct settings settings;
        g_autofree char *errors = load(cases[i].yaml, NULL, 0, &settings);
        g_test_message("%s: %s", cases[i].yaml, errors);
        g_assert_true(cases[i].error ? strstr(errors, cases[i].error) != NULL : !*errors);
        if (!cases[i].error)
            record_clear(&settings_descriptor, &settings);
    }
}

static void test_an_empty_file_is_all_defaults(void)
{
    struct settings settings;
    g_autofree char *errors = load("", NULL, 0, &settings);
    g_assert_cmpstr(errors, ==, "");
    g_assert_cmpint(settings.http.port, ==, 8000);
    g_assert_cmpstr(settings.http.address, ==, "127.0.0.1");
    record_clear(&settings_descriptor, &settings);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/settings/errors say file, line, key and what is allowed",
                    test_errors_say_file_line_key_and_what_is_allowed);
    g_test_add_func("/settings/streams have each role once", test_streams_have_each_role_once);
    g_test_add_func("/settings/all mistakes are told in one run", test_all_mistakes_are_told_in_one_run);
    g_test_add_func("/settings/flags win over variables over the file",
                    test_flags_win_over_variables_over_the_file_over_defaults);
    g_test_add_func("/settings/a variable that is nearly a setting is told",
                    test_a_variable_that_is_nearly_a_setting_is_told);
    g_test_add_func("/settings/a flag that is true or false may stand alone",
                    test_a_flag_that_is_true_or_false_may_stand_alone);
    g_test_add_func("/settings/a wrong variable is named", test_a_wrong_variable_is_named);
    g_test_add_func("/settings/secrets are no flags", test_secrets_are_no_flags_and_never_repeated);
    g_test_add_func("/settings/a scrape token is long or none", test_a_scrape_token_is_long_or_none);
    g_test_add_func("/settings/a longest wait is no shorter than the first",
                    test_a_longest_wait_is_no_shorter_than_the_first);
    g_test_add_func("/settings/what can mean nothing is refused", test_what_can_mean_nothing_is_refused);
    g_test_add_func("/settings/an empty file is all defaults", test_an_empty_file_is_all_defaults);
    return g_test_run();
}
