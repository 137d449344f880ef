/* Payloads of every version that a record ever had are still read. versions/NAME.N.json is what a program of that time
 * wrote; a record whose version is raised needs the one before to lie there. */
#include <glib.h>
#include <string.h>

#include "facts/records.h"

static char *read_fixture(const struct record_descriptor *descriptor, int version)
{
    g_autofree char *name = g_strdup_printf("%s.%d.json", descriptor->name, version);
    g_autofree char *path = g_test_build_filename(G_TEST_DIST, "record", "versions", name, NULL);
    g_autoptr(GError) error = NULL;
    char *text = NULL;
    if (!g_file_get_contents(path, &text, NULL, &error))
        g_error("%s: how it was written in version %d must stay readable: %s", descriptor->name, version,
                error->message);
    return text;
}

static bool decode(const struct record_descriptor *descriptor, const char *text, bool is_strict)
{
    g_autofree void *record = g_malloc0(descriptor->size);
    struct record_errors errors;
    g_autoptr(GError) error = NULL;
    record_errors_init(&errors);
    bool is_good =
        (is_strict ? record_decode_json_strict : record_decode_json)(descriptor, text, strlen(text), record, &errors);
    if (is_good)
        record_clear(descriptor, record);
    else
        record_errors_to_gerror(&errors, &error);
    record_errors_clear(&errors);
    g_test_message("%s: %s", descriptor->name, is_good ? "read" : error->message);
    return is_good;
}

static void test_every_version_is_read(void)
{
    for (size_t i = 0; i < facts_record_count(); i++) {
        const struct record_descriptor *descriptor = facts_record_at(i);
        for (int version = 1; descriptor->schema_version > 1 && version <= descriptor->schema_version; version++) {
            g_autofree char *text = read_fixture(descriptor, version);
            g_assert_true(decode(descriptor, text, false));
            g_assert_true(decode(descriptor, text, true)); /* and what people send */
        }
    }
}

static void test_first_versions_are_read(void)
{
    static const char *const names[] = {"AnalyticsEvent", "Signal", "ServicePolicy"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        const struct record_descriptor *descriptor = facts_record_find(names[i]);
        g_autofree char *text = read_fixture(descriptor, 1);
        g_assert_true(decode(descriptor, text, true));
    }
}

/* A reader passes over what a newer writer added; people who send a newer version are told. */
static void test_newer_ones(void)
{
    const struct record_descriptor *line = facts_record_find("Line");
    static const char newer[] = "{\"schema_version\":99,\"id\":\"a\",\"a\":[0,0],\"b\":[1,1],\"colour\":\"red\"}";
    g_assert_true(decode(line, newer, false));
    g_assert_false(decode(line, newer, true));
    g_assert_false(decode(line, "{\"schema_version\":99,\"id\":\"a\",\"a\":[0,0],\"b\":[1,1]}", true));
    g_assert_true(decode(line, "{\"schema_version\":1,\"id\":\"a\",\"a\":[0,0],\"b\":[1,1]}", true));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/versions/every version is read", test_every_version_is_read);
    g_test_add_func("/versions/first versions are read", test_first_versions_are_read);
    g_test_add_func("/versions/newer ones", test_newer_ones);
    return g_test_run();
}
