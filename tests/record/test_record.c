#include "base/random.h"
#include "facts/audit.h"
#include "facts/camera.h"
#include "facts/event.h"
#include "facts/health.h"
#include "facts/job.h"
#include "facts/login.h"
#include "facts/model.h"
#include "facts/occupancy.h"
#include "facts/policy.h"
#include "facts/settings.h"
#include "facts/tenant.h"
#include "facts/track.h"
#include "facts/user.h"
#include "facts/view.h"

#include <locale.h>
#include <string.h>

static const struct record_descriptor *const all_facts[] = {
    &camera_descriptor,
    &zone_descriptor,
    &line_descriptor,
    &camera_credentials_descriptor,
    &signal_descriptor,
    &zone_hit_descriptor,
    &line_crossing_descriptor,
    &occupancy_log_descriptor,
    &analytics_event_descriptor,
    &track_update_descriptor,
    &track_view_descriptor,
    &camera_health_descriptor,
    &server_health_descriptor,
    &worker_hello_descriptor,
    &model_card_descriptor,
    &settings_descriptor,
    &worker_config_descriptor,
    &user_descriptor,
    &session_descriptor,
    &login_request_descriptor,
    &login_response_descriptor,
    &camera_rules_descriptor,
    &schedule_window_descriptor,
    &audit_entry_descriptor,
    &audit_value_descriptor,
    &audit_key_descriptor,
    &audit_head_descriptor,
    &audit_view_descriptor,
    &job_run_descriptor,
    &job_state_descriptor,
    &job_view_descriptor,
    &occupancy_hourly_descriptor,
    &rollup_mark_descriptor,
    &quarantined_event_descriptor,
    &legal_hold_descriptor,
    &storage_sample_descriptor,
    &retention_view_descriptor,
    &policy_file_descriptor,
    &taken_webhook_descriptor,
};

/* The errors of decoding, joined; NULL when there are none. */
static char *errors_of(const struct record_descriptor *descriptor, const char *json)
{
    struct record_errors errors;
    g_autoptr(GError) error = NULL;
    g_autofree void *record = g_malloc0(descriptor->size);
    record_errors_init(&errors);
    bool is_good = record_decode_json(descriptor, json, strlen(json), record, &errors);
    if (is_good)
        record_clear(descriptor, record);
    else
        record_errors_to_gerror(&errors, &error);
    record_errors_clear(&errors);
    return is_good ? NULL : g_strdup(error->message);
}

static void test_every_table_is_sane(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(all_facts); i++) {
        const struct record_descriptor *descriptor = all_facts[i];
        g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
        g_autofree void *record = g_malloc0(descriptor->size);
        record_init(descriptor, record); /* ends the test when a default does not fit */
        record_clear(descriptor, record);
        g_assert_true(descriptor->doc && *descriptor->doc);
        for (size_t j = 0; j < descriptor->field_count; j++) {
            const struct record_field *field = &descriptor->fields[j];
            g_assert_true(field->doc && *field->doc);
            g_assert_cmpuint(field->offset, <, descriptor->size);
            g_assert_true(g_hash_table_add(names, (gpointer)(uintptr_t)field->name));
            g_assert_cmpfloat(field->min, <=, field->max);
            if (field->flags & RECORD_COUNTER)
                g_assert_cmpint(field->kind, ==, RECORD_INT64);
            if (field->kind == RECORD_LIST || field->kind == RECORD_RECORD)
                g_assert_nonnull(field->descriptor);
        }
    }
}

static void test_errors_name_their_path(void)
{
    static const struct {
        const struct record_descriptor *descriptor;
        const char *json, *error;
    } cases[] = {
        {&camera_descriptor, "{\"id\":\"c\",\"source\":\"s\",\"lines\":[{\"id\":\"l\",\"a\":[0,1.7],\"b\":[1,1]}]}",
         "lines[0].a[1]: 1.7: must be between 0 and 1"},
        {&camera_descriptor, "{\"source\":\"s\"}", "id: is missing"},
        {&camera_descriptor, "{\"id\":\"a b\",\"source\":\"s\"}", "id: must be 1 to 64 of"},
        {&camera_descriptor, "{\"id\":\"..\",\"source\":\"s\"}", "id: must be 1 to 64 of"},
        {&camera_descriptor, "{\"id\":7,\"source\":\"s\"}", "id: is a number: must be text"},
        {&camera_descriptor, "{\"id\":\"c\",\"id\":\"d\",\"source\":\"s\"}", "is no JSON"},
        {&camera_descriptor, "[1]", "is a list: must be an object"},
        {&camera_descriptor, "{\"id\":\"c\",\"source\":\"s\",\"analyse_fps\":1000}",
         "analyse_fps: 1000: must be between 0.1 and 60"},
        {&zone_hit_descriptor,
         "{\"id\":\"i\",\"camera_id\":\"c\",\"zone_id\":\"z\",\"track_id\":-1,\"event\":\"enter\",\"at\":\"2026-01-"
         "01T00:00:00Z\"}",
         "track_id: -1: must be at least 0"},
        {&zone_hit_descriptor,
         "{\"id\":\"i\",\"camera_id\":\"c\",\"zone_id\":\"z\",\"event\":\"enter\",\"at\":\"2026-01-01T00:00:00Z\"}",
         "track_id: is missing"},
        {&zone_hit_descriptor,
         "{\"id\":\"i\",\"camera_id\":\"c\",\"zone_id\":\"z\",\"track_id\":1,\"event\":\"jump\",\"at\":\"x\"}",
         "must be one of enter, exit, dwell"},
        {&zone_descriptor, "{\"id\":\"z\",\"polygon\":[[0,0],[1,1]]}",
         "polygon: has 2 items: must have between 3 and 64"},
        {&zone_descriptor, "{\"id\":\"z\",\"polygon\":[[0,0],[1,1],[1,0],[0,1]]}", "polygon: has no area"},
        {&zone_descriptor, "{\"id\":\"z\",\"polygon\":[[0,0],[1,0.9],[1,0],[0,1]]}", "polygon: crosses itself"},
        {&line_descriptor, "{\"id\":\"l\",\"a\":[0.5,0.5],\"b\":[0.5,0.5]}", "a and b are the same place"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *error = errors_of(cases[i].descriptor, cases[i].json);
        g_assert_nonnull(error);
        if (!strstr(error, cases[i].error))
            g_error("%s\ngave: %s\nnot:  %s", cases[i].json, error, cases[i].error);
    }
}

/* As the contract's maxLength counts: a name of 128 letters may be written in any script. */
static void test_lengths_are_those_of_letters(void)
{
    static const struct {
        int count;
        bool is_good;
    } cases[] = {{128, true}, {129, false}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GString) name = g_string_new(NULL);
        for (int j = 0; j < cases[i].count; j++)
            g_string_append(name, "門");
        struct site site = {.id = (char *)(uintptr_t) "a", .name = name->str};
        struct record_errors errors;
        record_errors_init(&errors);
        record_validate(&site_descriptor, &site, "", &errors);
        bool is_told = false;
        for (guint j = 0; j < errors.items->len; j++)
            is_told |= g_str_has_prefix(((struct record_error *)g_ptr_array_index(errors.items, j))->text,
                                        "has 129 characters");
        g_assert_true(is_told != cases[i].is_good);
        for (guint j = 0; j < errors.items->len && cases[i].is_good; j++)
            g_assert_cmpstr(((struct record_error *)g_ptr_array_index(errors.items, j))->path, !=, "name");
        record_errors_clear(&errors);
    }
}

static void test_all_errors_come_at_once(void)
{
    g_autofree char *error =
        errors_of(&camera_descriptor, "{\"id\":\"a b\",\"source\":\"s\",\"analyse_fps\":99,\"loop\":3}");
    g_assert_nonnull(strstr(error, "loop: is a number"));
}

static void test_bounds_of_depth_and_size(void)
{
    g_autoptr(GString) deep = g_string_new("{\"payload\":");
    for (int i = 0; i < 100000; i++)
        g_string_append_c(deep, '[');
    g_autofree char *error = errors_of(&analytics_event_descriptor, deep->str);
    g_assert_nonnull(strstr(error, "nested deeper than 16"));
    g_autofree char *large = g_strnfill(RECORD_MAX_TEXT_BYTES + 1, ' ');
    g_autofree char *large_error = errors_of(&camera_descriptor, large);
    g_assert_nonnull(strstr(large_error, "must have at most"));
}

static void test_unknown_fields_are_ignored_and_versions_accepted(void)
{
    g_autofree char *error = errors_of(
        &camera_descriptor, "{\"schema_version\":99,\"id\":\"c\",\"source\":\"s\",\"of_the_future\":{\"x\":[1]}}");
    g_assert_null(error);
}

static void test_secrets_are_never_written(void)
{
    struct camera camera;
    g_autoptr(GString) json = g_string_new(NULL);
    record_init(&camera_descriptor, &camera);
    camera.password = g_strdup("canary-9x");
    record_encode_json(&camera_descriptor, &camera, true, json);
    g_assert_null(strstr(json->str, "canary"));
    record_clear(&camera_descriptor, &camera);
}

/* Fills a zone hit with anything the rules allow. */
static void random_zone_hit(struct random *random, struct zone_hit *hit)
{
    record_init(&zone_hit_descriptor, hit);
    hit->id = g_strdup_printf("id-%d", (int)random_range(random, 0, 1000000));
    hit->camera_id = g_strdup("c");
    hit->zone_id = g_strdup("z");
    hit->track_id = (uint64_t)random_range(random, 0, INT64_C(1) << 53);
    hit->event = (enum zone_hit_event)random_range(random, 1, 3);
    hit->direction = random_uniform(random) < 0.5 ? g_strdup("\"ä\\\n\x7f\u2028 end") : NULL;
    hit->dwell_seconds = (struct record_optional){random_uniform(random) < 0.5, random_uniform(random) * 1e6};
    hit->at.ms = random_range(random, 1, INT64_C(4102444800000));
    hit->box = (struct record_box){random_uniform(random), random_uniform(random), random_uniform(random), 1.0 / 3};
}

static void test_texts_are_read_by_the_table(void)
{
    static const struct record_text good[] = {
        {"id", "door"}, {"analyse_fps", "2.5"}, {"loop", "false"}, {"source", "s"}};
    static const struct record_text bad[] = {
        {"id", "door"}, {"id", "gate"}, {"analyse_fps", "fast"}, {"decod", "auto"}, {"source", "s"}};
    struct camera camera;
    struct record_errors errors;
    record_errors_init(&errors);
    g_assert_true(record_decode_texts(&camera_descriptor, good, G_N_ELEMENTS(good), &camera, &errors));
    g_assert_cmpstr(camera.id, ==, "door");
    g_assert_cmpfloat(camera.analyse_fps, ==, 2.5);
    g_assert_false(camera.loop);
    record_clear(&camera_descriptor, &camera);
    g_assert_false(record_decode_texts(&camera_descriptor, bad, G_N_ELEMENTS(bad), &camera, &errors));
    static const char *const told[] = {"id", "analyse_fps", "decod"};
    g_assert_cmpuint(errors.items->len, ==, G_N_ELEMENTS(told));
    for (guint i = 0; i < errors.items->len; i++)
        g_assert_cmpstr(((struct record_error *)g_ptr_array_index(errors.items, i))->path, ==, told[i]);
    record_errors_clear(&errors);
}

static void test_what_is_written_reads_the_same(void)
{
    struct random random;
    random_init(&random, 7);
    for (int i = 0; i < 2000; i++) {
        struct zone_hit hit, back;
        struct record_errors errors;
        g_autoptr(GString) first = g_string_new(NULL), second = g_string_new(NULL);
        record_errors_init(&errors);
        random_zone_hit(&random, &hit);
        record_encode_json(&zone_hit_descriptor, &hit, true, first);
        g_assert_true(record_decode_json(&zone_hit_descriptor, first->str, first->len, &back, &errors));
        record_encode_json(&zone_hit_descriptor, &back, true, second);
        g_assert_cmpstr(first->str, ==, second->str);
        g_assert_cmpfloat(hit.box.x, ==, back.box.x);
        g_assert_cmpuint(hit.track_id, ==, back.track_id);
        record_clear(&zone_hit_descriptor, &hit);
        record_clear(&zone_hit_descriptor, &back);
        record_errors_clear(&errors);
    }
}

static void test_numbers_do_not_depend_on_the_locale(void)
{
    struct line line;
    g_autoptr(GString) json = g_string_new(NULL);
    record_init(&line_descriptor, &line);
    line.a = (struct record_point){0.1, 10};
    setlocale(LC_NUMERIC, "de_DE.UTF-8");
    record_encode_json(&line_descriptor, &line, false, json);
    setlocale(LC_NUMERIC, "C");
    g_assert_nonnull(strstr(json->str, "\"a\":[0.1,10]"));
    record_clear(&line_descriptor, &line);
}

static void test_times_are_rfc_3339(void)
{
    g_autoptr(GString) text = g_string_new(NULL);
    int64_t ms;
    record_append_time(text, 1767225600123);
    g_assert_cmpstr(text->str, ==, "2026-01-01T00:00:00.123Z");
    g_assert_true(record_parse_time("2026-01-01T01:00:00.123+01:00", &ms));
    g_assert_cmpint(ms, ==, 1767225600123);
    g_assert_false(record_parse_time("2026-01-01T01:00:00", &ms));
    g_assert_false(record_parse_time("2026-02-30T01:00:00Z", &ms));
}

/* Of all years that have a form, beside the C library's. */
static void test_times_are_those_of_the_c_library(void)
{
    enum { COUNT = 20000 };
    const int64_t first_ms = INT64_C(-62135596800000), last_ms = INT64_C(253402300799999);
    for (int i = 0; i < COUNT; i++) {
        int64_t ms = i == 0   ? first_ms
                     : i == 1 ? last_ms
                     : i == 2 ? -1
                     : i == 3 ? 0
                              : first_ms + (int64_t)(g_test_rand_double() * (double)(last_ms - first_ms));
        int64_t rest = ((ms % 1000) + 1000) % 1000, back_ms;
        time_t seconds = (time_t)((ms - rest) / 1000);
        struct tm time;
        char expected[sizeof "2026-01-01T00:00:00"];
        g_autoptr(GString) text = g_string_new(NULL);
        g_assert_nonnull(gmtime_r(&seconds, &time));
        g_snprintf(expected, sizeof expected, "%04d-%02d-%02dT%02d:%02d:%02d", time.tm_year + 1900, time.tm_mon + 1,
                   time.tm_mday, time.tm_hour, time.tm_min, time.tm_sec);
        record_append_time(text, ms);
        g_autofree char *whole = g_strdup_printf("%s.%03dZ", expected, (int)rest);
        g_assert_cmpstr(text->str, ==, whole);
        g_assert_true(record_parse_time(text->str, &back_ms));
        g_assert_cmpint(back_ms, ==, ms);
    }
    const int64_t formless_ms[] = {INT64_MIN, first_ms - 1, last_ms + 1, INT64_MAX};
    for (size_t i = 0; i < G_N_ELEMENTS(formless_ms); i++) {
        g_autoptr(GString) text = g_string_new(NULL);
        record_append_time(text, formless_ms[i]);
        g_assert_cmpstr(text->str, ==, "9999-12-31T23:59:59.999Z");
    }
}

static void test_columns_carry_every_field(void)
{
    struct camera camera, back;
    record_init(&camera_descriptor, &camera);
    camera.id = g_strdup("c");
    camera.source = g_strdup("rtsp://h/");
    struct line *line = record_list_append(&camera.lines, &line_descriptor);
    line->id = g_strdup("door");
    line->b = (struct record_point){1, 0.25};
    camera.rules.time_zone = g_strdup("Europe/Berlin");
    camera.rules.fall_seconds = 3;
    record_init(&camera_descriptor, &back);
    for (size_t i = 0; i < camera_descriptor.field_count; i++) {
        struct record_sql_value value;
        record_get_sql_value(&camera_descriptor.fields[i], &camera, &value);
        g_assert_true(record_set_sql_value(&camera_descriptor.fields[i], &back, &value));
        record_sql_value_clear(&value);
    }
    g_assert_cmpuint(back.lines.count, ==, 1);
    g_assert_cmpfloat(((struct line *)back.lines.items)->b.y, ==, 0.25);
    g_assert_cmpstr(back.source, ==, camera.source);
    g_assert_cmpstr(back.rules.time_zone, ==, "Europe/Berlin");
    g_assert_cmpfloat(back.rules.fall_seconds, ==, 3);
    record_clear(&camera_descriptor, &camera);
    record_clear(&camera_descriptor, &back);
}

static void test_inline_fields_stand_among_the_outer_ones(void)
{
    struct zone_view zone = {.inside = 3};
    struct camera_view view = {.zones = {.items = &zone, .count = 1}};
    g_autoptr(GString) json = g_string_new(NULL);
    record_init(&camera_descriptor, &view.camera);
    record_init(&zone_descriptor, &zone.zone);
    view.camera.id = g_strdup("till");
    view.camera.password = g_strdup("canary");
    record_encode_json(&camera_view_descriptor, &view, false, json);
    g_assert_true(g_str_has_prefix(json->str, "{\"id\":\"till\","));
    g_assert_null(strstr(json->str, "canary"));
    g_assert_nonnull(strstr(json->str, ",\"analyse_fps\":5,"));
    /* the view's zones, with their counts, in place of the camera's */
    g_assert_nonnull(strstr(json->str, "\"zones\":[{\"kind\":\"area\","));
    g_assert_nonnull(strstr(json->str, ",\"inside\":3,"));
    g_assert_null(strstr(strstr(json->str, "\"zones\":") + 1, "\"zones\":"));
    record_clear(&camera_descriptor, &view.camera);
    record_clear(&zone_descriptor, &zone.zone);
}

static void test_types_for_the_page(void)
{
    g_autoptr(GString) text = g_string_new(NULL);
    record_append_typescript(&camera_view_descriptor, RECORD_SCHEMA_ANSWER, text);
    g_assert_nonnull(strstr(text->str, "export interface CameraView extends Omit<Camera, \"zones\" | \"lines\"> {\n"));
    g_assert_nonnull(strstr(text->str, "  zones: ZoneView[];\n"));
    record_append_typescript(&camera_descriptor, RECORD_SCHEMA_ANSWER, text);
    g_assert_nonnull(strstr(text->str, "  id: string;\n"));    /* required */
    g_assert_nonnull(strstr(text->str, "  name?: string;\n")); /* left out when unset */
    g_assert_null(strstr(text->str, "password"));
}

/* Who refuses many need not hear what was wrong with each. */
static void test_where_nobody_is_told_the_first_error_ends_it(void)
{
    static const char *const texts[] = {"1", "{}", "{\"id\":\"door\",\"a\":1,\"b\":2}", "{\"id\":1,\"name\":2}"};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        struct record_errors errors;
        struct camera camera;
        record_errors_init(&errors);
        errors.most = 0;
        g_assert_false(record_decode_json_strict(&camera_descriptor, texts[i], strlen(texts[i]), &camera, &errors));
        g_assert_cmpuint(errors.count, ==, 1);
        g_assert_cmpuint(errors.items->len, ==, 0);
        record_errors_clear(&errors);
    }
}

/* What is wrong with a text must not be many times as large as the text. */
static void test_of_many_errors_the_first_are_told(void)
{
    enum { KEYS = 5000 };
    struct record_errors errors;
    struct camera camera;
    g_autoptr(GString) text = g_string_new("{\"id\":\"door\"");
    for (int i = 0; i < KEYS; i++)
        g_string_append_printf(text, ",\"k%d\":0", i);
    g_string_append_c(text, '}');
    record_errors_init(&errors);
    g_assert_false(record_decode_json_strict(&camera_descriptor, text->str, text->len, &camera, &errors));
    g_assert_cmpuint(errors.count, >=, KEYS);
    g_assert_cmpuint(errors.items->len, ==, RECORD_ERRORS_MAX + 1);
    g_autofree char *more = g_strdup_printf("and %zu more", errors.count - RECORD_ERRORS_MAX);
    const struct record_error *last = g_ptr_array_index(errors.items, RECORD_ERRORS_MAX);
    g_assert_cmpstr(last->text, ==, more);
    /* one that finds no room to be told is still an error */
    g_assert_false(record_decode_json_strict(&camera_descriptor, "[]", 2, &camera, &errors));
    record_errors_clear(&errors);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/record/lengths are those of letters", test_lengths_are_those_of_letters);
    g_test_add_func("/record/every table is sane", test_every_table_is_sane);
    g_test_add_func("/record/errors name their path", test_errors_name_their_path);
    g_test_add_func("/record/all errors come at once", test_all_errors_come_at_once);
    g_test_add_func("/record/bounds of depth and size", test_bounds_of_depth_and_size);
    g_test_add_func("/record/unknown fields are ignored", test_unknown_fields_are_ignored_and_versions_accepted);
    g_test_add_func("/record/secrets are never written", test_secrets_are_never_written);
    g_test_add_func("/record/inline fields stand among the outer ones", test_inline_fields_stand_among_the_outer_ones);
    g_test_add_func("/record/types for the page", test_types_for_the_page);
    g_test_add_func("/record/texts are read by the table", test_texts_are_read_by_the_table);
    g_test_add_func("/record/what is written reads the same", test_what_is_written_reads_the_same);
    g_test_add_func("/record/numbers do not depend on the locale", test_numbers_do_not_depend_on_the_locale);
    g_test_add_func("/record/times are RFC 3339", test_times_are_rfc_3339);
    g_test_add_func("/record/times are those of the C library", test_times_are_those_of_the_c_library);
    g_test_add_func("/record/columns carry every field", test_columns_carry_every_field);
    g_test_add_func("/record/of many errors the first are told", test_of_many_errors_the_first_are_told);
    g_test_add_func("/record/where nobody is told the first error ends it",
                    test_where_nobody_is_told_the_first_error_ends_it);
    return g_test_run();
}
