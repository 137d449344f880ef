/* Records as other programs meet them. */
#include "vedette/record.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

static const char crossing[] = "{\"id\":\"e1\",\"type\":\"line_crossing\",\"camera_id\":\"gate\",\"occurred_at\":"
                               "\"2026-05-04T08:00:00Z\",\"later\":1,"
                               "\"payload\":{\"id\":\"c1\",\"camera_id\":\"gate\",\"line_id\":\"in\",\"track_id\":"
                               "9007199254740992,\"direction\":\"out\","
                               "\"at\":\"2026-05-04T08:00:00.250Z\",\"box\":[0.25,0.5,0.125,0.25]}}";

static void note_fault(void *data, const char *path, const char *text)
{
    g_string_append_printf(data, "%s: %s; ", path, text);
}

static struct vedette_record *parse(const char *type, const char *json, GString *faults)
{
    const struct vedette_record_type *found = vedette_record_type_find(type);
    g_assert_nonnull(found);
    return vedette_record_parse(found, json, strlen(json), faults ? note_fault : NULL, faults);
}

static void test_fields_are_got_by_name(void)
{
    struct vedette_record *event = parse("AnalyticsEvent", crossing, NULL);
    g_assert_nonnull(event);
    struct vedette_record *payload = vedette_record_payload(event, NULL, NULL);
    g_assert_nonnull(payload);
    g_assert_cmpstr(vedette_record_type_name(vedette_record_get_type(payload)), ==, "LineCrossing");
    const char *text = "unchanged";
    int64_t integer = -1;
    double number = -1, box[4];
    g_assert_true(vedette_record_get_text(payload, "direction", &text));
    g_assert_cmpstr(text, ==, "out");
    g_assert_true(vedette_record_get_text(event, "payload", &text));
    g_assert_nonnull(strstr(text, "c1"));
    g_assert_true(vedette_record_get_integer(payload, "track_id", &integer));
    g_assert_cmpint(integer, ==, INT64_C(9007199254740992));
    g_assert_true(vedette_record_get_integer(payload, "at", &integer));
    g_assert_cmpint(integer, ==, INT64_C(1777881600250));
    g_assert_true(vedette_record_get_number(event, "priority", &number));
    g_assert_cmpfloat(number, ==, 5); /* the table's default */
    g_assert_true(vedette_record_get_box(payload, "box", box));
    g_assert_cmpfloat(box[0] + box[3], ==, 0.5);
    vedette_record_free(payload);
    vedette_record_free(event);
}

/* Each kind of event, as `vedette spool drain --out` writes them. */
static void test_a_payload_is_what_its_event_says(void)
{
    static const struct {
        const char *event, *payload, *name;
    } rows[] = {
        {"signal",
         "\"service\":\"system\",\"kind\":\"camera_dark\",\"severity\":\"low\",\"started_at\":\"2026-05-04T08:00:00Z\"",
         "Signal"},
        {"track_chunk",
         "\"run_id\":\"r\",\"number\":1,\"codec_version\":1,\"from_at\":\"2026-05-04T08:00:00Z\","
         "\"to_at\":\"2026-05-04T08:00:01Z\",\"data\":\"AAAA\"",
         "TrackChunk"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GString) faults = g_string_new(NULL);
        g_autofree char *json = g_strdup_printf("{\"id\":\"e1\",\"type\":\"%s\",\"camera_id\":\"gate\",\"occurred_at\":"
                                                "\"2026-05-04T08:00:00Z\",\"payload\":{\"id\":\"p1\",\"camera_id\":"
                                                "\"gate\",%s}}",
                                                rows[i].event, rows[i].payload);
        struct vedette_record *event = parse("AnalyticsEvent", json, faults),
                              *payload = event ? vedette_record_payload(event, note_fault, faults) : NULL;
        g_assert_cmpstr(faults->str, ==, "");
        g_assert_nonnull(payload);
        g_assert_cmpstr(vedette_record_type_name(vedette_record_get_type(payload)), ==, rows[i].name);
        vedette_record_free(payload);
        vedette_record_free(event);
    }
}

static void test_what_is_not_there_changes_nothing(void)
{
    struct vedette_record *event = parse("AnalyticsEvent", crossing, NULL);
    const char *text = "unchanged";
    int64_t integer = -1;
    double number = -1, box[4] = {7};
    g_assert_false(vedette_record_get_text(event, "subject_id", &text));
    g_assert_false(vedette_record_get_text(event, "occurred_at", &text));
    g_assert_false(vedette_record_get_text(event, "nothing", &text));
    g_assert_false(vedette_record_get_integer(event, "received_at", &integer));
    g_assert_false(vedette_record_get_integer(event, "id", &integer));
    g_assert_false(vedette_record_get_number(event, "received_at", &number));
    g_assert_false(vedette_record_get_box(event, "id", box));
    g_assert_cmpstr(text, ==, "unchanged");
    g_assert_cmpint(integer, ==, -1);
    g_assert_cmpfloat(number + box[0], ==, 6);
    vedette_record_free(event);
}

static void test_every_fault_is_told_with_its_place(void)
{
    g_autoptr(GString) faults = g_string_new(NULL);
    g_assert_null(parse("AnalyticsEvent", "{\"type\":\"rumour\",\"occurred_at\":7}", faults));
    g_assert_null(parse("AnalyticsEvent", "{\"id\":\"a b\",\"type\":\"signal\",\"priority\":12}", faults));
    static const char *const places[] = {"type: ", "occurred_at: ", "id: ", "camera_id: ", "priority: "};
    for (size_t i = 0; i < G_N_ELEMENTS(places); i++)
        if (!strstr(faults->str, places[i]))
            g_error("nothing is said of %sin %s", places[i], faults->str);
    g_assert_null(parse("AnalyticsEvent", "[", NULL)); /* nobody listens */
    g_string_truncate(faults, 0);
    g_assert_null(parse("CameraView", "{}", faults));
    g_assert_nonnull(strstr(faults->str, "only given out"));
    struct vedette_record *other = parse("LineCrossing",
                                         "{\"id\":\"c\",\"camera_id\":\"g\",\"line_id\":\"l\",\"track_id\":1,"
                                         "\"direction\":\"in\",\"at\":\"2026-05-04T08:00:00Z\"}",
                                         NULL);
    g_assert_nonnull(other);
    g_assert_null(vedette_record_payload(other, note_fault, faults));
    g_assert_nonnull(strstr(faults->str, "no AnalyticsEvent"));
    vedette_record_free(other);
    vedette_record_free(NULL);
}

static void test_what_is_written_is_read_again(void)
{
    struct vedette_record *event = parse("AnalyticsEvent", crossing, NULL);
    char *json = vedette_record_json(event);
    g_assert_true(g_str_has_prefix(json, "{\"schema_version\":1,\"id\":\"e1\""));
    g_assert_null(strstr(json, "later"));
    struct vedette_record *again = parse("AnalyticsEvent", json, NULL);
    char *written = vedette_record_json(again);
    g_assert_cmpstr(written, ==, json);
    free(json);
    free(written);
    vedette_record_free(again);
    vedette_record_free(event);
}

static void test_the_tables_are_told(void)
{
    size_t types = 0, secrets = 0;
    for (const struct vedette_record_type *type; (type = vedette_record_type_at(types)); types++) {
        g_assert_true(vedette_record_type_find(vedette_record_type_name(type)) == type);
        g_assert_true(*vedette_record_type_doc(type) && vedette_record_type_version(type) >= 1);
        struct vedette_record_field field;
        size_t fields = 0;
        for (; vedette_record_type_field(type, fields, &field); fields++) {
            g_assert_true(field.kind && *field.name &&
                          (field.kind == VEDETTE_RECORD_CHOICE) == (field.choices != NULL));
            secrets += field.is_secret;
        }
        g_assert_cmpuint(fields, >, 0);
    }
    g_assert_cmpuint(types, >, 30);
    g_assert_cmpuint(secrets, >, 0);
    g_assert_null(vedette_record_type_find("Rumour"));
    g_assert_null(vedette_record_type_find(NULL));
}

static void test_s06_secrets_are_neither_got_nor_written(void)
{
    struct vedette_record *request =
        parse("Camera", "{\"id\":\"door\",\"source\":\"rtsp://192.0.2.1/x\",\"password\":\"correct horse\"}", NULL);
    g_assert_nonnull(request);
    const char *text = NULL;
    g_assert_true(vedette_record_get_text(request, "id", &text));
    g_assert_false(vedette_record_get_text(request, "password", &text));
    char *json = vedette_record_json(request);
    g_assert_null(strstr(json, "horse"));
    free(json);
    vedette_record_free(request);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/record/a_payload_is_what_its_event_says", test_a_payload_is_what_its_event_says);
    g_test_add_func("/record/fields_are_got_by_name", test_fields_are_got_by_name);
    g_test_add_func("/record/what_is_not_there_changes_nothing", test_what_is_not_there_changes_nothing);
    g_test_add_func("/record/every_fault_is_told_with_its_place", test_every_fault_is_told_with_its_place);
    g_test_add_func("/record/what_is_written_is_read_again", test_what_is_written_is_read_again);
    g_test_add_func("/record/the_tables_are_told", test_the_tables_are_told);
    g_test_add_func("/record/s06_secrets_are_neither_got_nor_written", test_s06_secrets_are_neither_got_nor_written);
    return g_test_run();
}
