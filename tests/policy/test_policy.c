/* What policies come to: cases H1 and H4 to H7, and what a document may say. Random trees: test_policy_trees.c. */
#include "facts/camera.h"
#include "facts/settings.h"
#include "policy/policy.h"

#include <jansson.h>
#include <string.h>

enum { NOON_MONDAY_MS = 0 }; /* any time will do where nothing is scheduled */

static const struct policy_scope global_scope = {NULL};
static const struct policy_scope org_scope = {.org_id = "acme"};
static const struct policy_scope site_scope = {.org_id = "acme", .site_id = "shop"};
static const struct policy_scope class_scope = {.org_id = "acme", .class_id = "7b"};
static const struct policy_scope camera_scope = {.org_id = "acme", .camera_id = "door"};
static const struct policy_scope door = {.org_id = "acme", .site_id = "shop", .class_id = "7b", .camera_id = "door"};

static void add(struct policy_set *set, const struct policy_scope *scope, enum policy_type type, int64_t revision,
                const char *config)
{
    g_autoptr(GError) error = NULL;
    const struct policy_document document = {*scope, type, config, revision};
    policy_set_add(set, &document, &error);
    g_assert_no_error(error);
}

static char *effective_json(const struct policy_set *set, enum policy_type type, const struct policy_scope *subject,
                            int64_t at_ms)
{
    struct policy_effective effective;
    GString *out = g_string_new(NULL);
    policy_resolve(set, type, subject, at_ms, &effective);
    policy_effective_append_json(&effective, NULL, out);
    policy_effective_clear(&effective);
    return g_string_free(out, FALSE);
}

static char *config_json(const struct policy_set *set, enum policy_type type, const struct policy_scope *subject,
                         int64_t at_ms)
{
    struct policy_effective effective;
    policy_resolve(set, type, subject, at_ms, &effective);
    char *config = g_steal_pointer(&effective.config_json);
    policy_effective_clear(&effective);
    return config;
}

#define ASSERT_CONFIG(set, type, subject, expected)                                                                    \
    do {                                                                                                               \
        g_autofree char *config_ = config_json(set, type, subject, NOON_MONDAY_MS);                                    \
        g_assert_cmpstr(config_, ==, expected);                                                                        \
    } while (0)

/* The errors of a document, joined; NULL when it is good. */
static char *errors_of(enum policy_type type, const char *config)
{
    struct record_errors errors;
    g_autoptr(GError) error = NULL;
    record_errors_init(&errors);
    bool is_good = policy_document_check(type, config, &errors);
    if (!is_good)
        record_errors_to_gerror(&errors, &error);
    record_errors_clear(&errors);
    return is_good ? NULL : g_strdup(error->message);
}

static void test_h01_invalid_documents_are_refused_whole(void)
{
    static const struct {
        enum policy_type type;
        const char *config, *part_of_error;
    } cases[] = {
        {POLICY_PRIVACY, "{", "is no JSON"},
        {POLICY_PRIVACY, "[]", "must be an object"},
        {POLICY_PRIVACY, "{\"blur_strength\":1.5}", "blur_strength"},
        {POLICY_PRIVACY, "{\"blur_strenght\":0.5}", "did you mean 'blur_strength'"},
        {POLICY_PRIVACY, "{\"blur_strength\":\"0.5\"}", "must be a number"},
        {POLICY_PRIVACY, "{\"face_blur_enabled\":null}", "only a patch may say so"},
        {POLICY_PRIVACY, "{\"blur_strength\":0.1,\"blur_strength\":0.2}", "duplicate"},
        {POLICY_MOTION, "{\"face_blur_enabled\":true}", "is unknown"},
        {POLICY_SAFETY, "{\"loitering_seconds\":-1,\"speed_limit\":-1}", "speed_limit"},
        {POLICY_OCCUPANCY, "{\"occupancy_limit\":3.5}", "occupancy_limit: 3.5: must be a whole number"},
        {POLICY_OCCUPANCY, "{\"crowd_limit\":1e300}", "crowd_limit"},
        {POLICY_OCCUPANCY, "{\"hysteresis\":0}", "hysteresis"},
        {POLICY_RETENTION, "{\"event_days\":1.5}", "event_days: 1.5: must be a whole number"},
        {POLICY_EDUCATION, "{\"minimum_faces\":5.5}", "minimum_faces: 5.5: must be a whole number"},
        {POLICY_EDUCATION, "{\"minimum_faces\":4294967301}", "minimum_faces"},
        {POLICY_OCCUPANCY, "{\"overlays\":[{\"name\":\"n\",\"schedule\":[{}],\"config\":{\"queue_limit\":0.5}}]}",
         "overlays[0].config.queue_limit"},
        {POLICY_SAFETY, "{\"overlays\":{}}", "must be a list"},
        {POLICY_SAFETY, "{\"overlays\":[{\"name\":\"n\",\"schedule\":[],\"config\":{}}]}", "overlays[0].schedule"},
        {POLICY_SAFETY,
         "{\"overlays\":[{\"name\":\"n\",\"schedule\":[{\"from\":\"25:00\"}],\"config\":{\"speed\":1}}]}",
         "overlays[0].config.speed"},
        {POLICY_SAFETY, "{\"overlays\":[{\"name\":\"n\",\"time_zone\":\"Mars/Base\",\"schedule\":[{}],\"config\":{}}]}",
         "Mars/Base"},
        {POLICY_SAFETY,
         "{\"overlays\":[{\"name\":\"n\",\"time_zone\":\"/usr/share/zoneinfo/UTC\",\"schedule\":[{}],\"config\":{}}]}",
         "/usr/share/zoneinfo/UTC"},
        {POLICY_SAFETY, "{\"overlays\":[{\"name\":\"n\",\"schedule\":[{}],\"config\":{\"overlays\":[]}}]}",
         "overlays[0].config.overlays"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        CLEANUP(policy_set) struct policy_set *set = policy_set_new();
        g_autoptr(GError) error = NULL;
        const struct policy_document document = {global_scope, cases[i].type, cases[i].config, 2};
        add(set, &global_scope, cases[i].type, 1, "{}");
        g_assert_false(policy_set_add(set, &document, &error));
        if (!strstr(error->message, cases[i].part_of_error))
            g_error("%s: '%s' says nothing of '%s'", cases[i].config, error->message, cases[i].part_of_error);
        ASSERT_CONFIG(set, cases[i].type, &door, "{}"); /* what was in force still is */
    }
}

/* As JSON has it, 3.0 and 1e3 are whole numbers. */
static void test_whole_numbers_may_be_written_as_json_does(void)
{
    static const char *const good[] = {"{\"occupancy_limit\":3.0}", "{\"occupancy_limit\":1e3}",
                                       "{\"occupancy_limit\":100000,\"hysteresis\":1}"};
    for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
        g_autofree char *wrong = errors_of(POLICY_OCCUPANCY, good[i]);
        g_assert_cmpstr(wrong, ==, NULL);
    }
    g_autofree char *wrong = errors_of(POLICY_EDUCATION, "{\"minimum_faces\":5.0}");
    g_assert_cmpstr(wrong, ==, NULL);
}

static void test_every_wrong_key_is_told_at_once(void)
{
    g_autofree char *errors =
        errors_of(POLICY_PRIVACY, "{\"blur_strength\":7,\"face\":1,\"face_blur_enabled\":\"no\"}");
    g_assert_nonnull(strstr(errors, "blur_strength"));
    g_assert_nonnull(strstr(errors, "face: is unknown"));
    g_assert_nonnull(strstr(errors, "face_blur_enabled: is text"));
}

static void test_scopes_that_make_no_sense(void)
{
    static const struct policy_scope wrong[] = {
        {.camera_id = "door"}, {.site_id = "shop"}, {.org_id = "acme", .site_id = "shop", .camera_id = "door"}};
    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_false(policy_scope_check(&wrong[i], &error));
        g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID);
    }
    g_assert_cmpint(policy_scope_level(&camera_scope), ==, POLICY_LEVEL_CAMERA);
    g_assert_cmpint(policy_scope_level(&global_scope), ==, POLICY_LEVEL_GLOBAL);
}

static void test_h04_precedence_key_by_key(void)
{
    CLEANUP(policy_set) struct policy_set *set = policy_set_new();
    add(set, &global_scope, POLICY_SAFETY, 1, "{\"loitering_seconds\":10,\"speed_limit\":1,\"fall_seconds\":1}");
    add(set, &org_scope, POLICY_SAFETY, 2, "{\"loitering_seconds\":20}");
    add(set, &site_scope, POLICY_SAFETY, 3, "{\"speed_limit\":3}");
    add(set, &class_scope, POLICY_SAFETY, 4, "{\"loitering_seconds\":40}");
    ASSERT_CONFIG(set, POLICY_SAFETY, &door, "{\"fall_seconds\":1,\"loitering_seconds\":40,\"speed_limit\":3}");
    add(set, &camera_scope, POLICY_SAFETY, 5, "{\"speed_limit\":0}"); /* nothing is as much a word as something */
    ASSERT_CONFIG(set, POLICY_SAFETY, &door, "{\"fall_seconds\":1,\"loitering_seconds\":40,\"speed_limit\":0}");
    add(set, &camera_scope, POLICY_SAFETY, 6, "{}"); /* the override is gone, the parent shows through */
    ASSERT_CONFIG(set, POLICY_SAFETY, &door, "{\"fall_seconds\":1,\"loitering_seconds\":40,\"speed_limit\":3}");
}

/* Of a type that had the key once; it is mended so. */
static void test_a_patch_removes_what_the_document_alone_has(void)
{
    static const char patch[] = "{\"gone_key\":null}";
    struct record_errors errors;
    record_errors_init(&errors);
    g_assert_false(policy_patch_check(POLICY_SAFETY, NULL, patch, &errors));
    g_assert_false(policy_patch_check(POLICY_SAFETY, "{\"speed_limit\":3}", patch, &errors));
    g_assert_true(policy_patch_check(POLICY_SAFETY, "{\"gone_key\":1,\"speed_limit\":3}", patch, &errors));
    record_errors_clear(&errors);
}

static void test_h04_null_in_a_patch_removes_the_override(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *patched = policy_document_patch("{\"speed_limit\":3,\"fall_seconds\":2}",
                                                     "{\"speed_limit\":null,\"tamper_seconds\":9}", &error);
    g_assert_cmpstr(patched, ==, "{\"fall_seconds\":2,\"tamper_seconds\":9}");
    g_autofree char *first = policy_document_patch(NULL, "{\"speed_limit\":1,\"fall_seconds\":null}", &error);
    g_assert_cmpstr(first, ==, "{\"speed_limit\":1}");
    g_assert_null(policy_document_patch("{}", "7", &error));
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID);
}

static void test_h05_lists_replace(void)
{
    CLEANUP(policy_set) struct policy_set *set = policy_set_new();
    add(set, &org_scope, POLICY_DETECTION, 1, "{\"classes\":[\"person\",\"car\"]}");
    add(set, &camera_scope, POLICY_DETECTION, 2, "{\"classes\":[\"bus\"]}");
    ASSERT_CONFIG(set, POLICY_DETECTION, &door, "{\"classes\":[\"bus\"]}");
}

static void test_h06_who_is_not_known_gets_the_defaults(void)
{
    CLEANUP(policy_set) struct policy_set *set = policy_set_new();
    static const struct policy_scope stranger = {.org_id = "other", .camera_id = "door"};
    add(set, &global_scope, POLICY_PRIVACY, 1, "{\"blur_strength\":0.9}");
    add(set, &org_scope, POLICY_PRIVACY, 2, "{\"face_blur_enabled\":false}");
    ASSERT_CONFIG(set, POLICY_PRIVACY, &stranger, "{\"blur_strength\":0.9}"); /* not acme's word */
    ASSERT_CONFIG(set, POLICY_PRIVACY, &global_scope, "{\"blur_strength\":0.9}");
    g_autoptr(GError) error = NULL;
    CLEANUP(policy_view) struct policy_view *view = policy_view_new(set, &door, 1, NOON_MONDAY_MS, &error);
    g_assert_no_error(error);
    g_assert_null(policy_view_find(view, "other", "door"));
    const struct privacy_policy *privacy = policy_camera_record(policy_view_default(view), POLICY_PRIVACY);
    g_assert_true(privacy->face_blur_enabled);
    g_assert_cmpfloat(privacy->blur_strength, ==, 0.9);
}

static void test_h07_golden_five_levels_with_origins(void)
{
    CLEANUP(policy_set) struct policy_set *set = policy_set_new();
    add(set, &global_scope, POLICY_OCCUPANCY, 11,
        "{\"dwell_seconds\":10,\"occupancy_limit\":50,\"crowd_limit\":20,\"hysteresis\":2,\"queue_limit\":9}");
    add(set, &org_scope, POLICY_OCCUPANCY, 12,
        "{\"occupancy_limit\":40,\"crowd_limit\":19,\"hysteresis\":3,\"queue_limit\":8}");
    add(set, &site_scope, POLICY_OCCUPANCY, 13, "{\"crowd_limit\":18,\"hysteresis\":4,\"queue_limit\":7}");
    add(set, &class_scope, POLICY_OCCUPANCY, 14, "{\"hysteresis\":5,\"queue_limit\":6}");
    add(set, &camera_scope, POLICY_OCCUPANCY, 15,
        "{\"queue_limit\":5,\"overlays\":[{\"name\":\"always\",\"schedule\":[{}],\"config\":{\"crowd_seconds\":2}}]}");
    g_autofree char *golden_file =
        g_build_filename(g_getenv("VEDETTE_SOURCE"), "tests", "policy", "golden_five_levels.json", NULL);
    g_autofree char *golden = NULL;
    g_autoptr(GError) error = NULL;
    g_file_get_contents(golden_file, &golden, NULL, &error);
    g_assert_no_error(error);
    g_autofree char *effective = effective_json(set, POLICY_OCCUPANCY, &door, NOON_MONDAY_MS);
    g_assert_cmpstr(effective, ==, g_strchomp(golden));
}

static int64_t at(const char *time)
{
    int64_t ms = 0;
    g_assert_true(record_parse_time(time, &ms));
    return ms;
}

/* Night in Berlin over the spring change of the clocks: 22:00 to 06:00 is seven hours that night. */
static void test_h04_schedule_windows_come_last_and_follow_the_clocks(void)
{
    CLEANUP(policy_set) struct policy_set *set = policy_set_new();
    add(set, &org_scope, POLICY_SAFETY, 1,
        "{\"loitering_seconds\":60,\"overlays\":[{\"name\":\"night\",\"time_zone\":\"Europe/Berlin\","
        "\"schedule\":[{\"from\":\"22:00\",\"to\":\"06:00\"}],\"config\":{\"loitering_seconds\":5}}]}");
    add(set, &camera_scope, POLICY_SAFETY, 2, "{\"loitering_seconds\":30}");
    static const struct {
        const char *time, *config, *until;
    } cases[] = {
        {"2026-03-28T20:59:59Z", "{\"loitering_seconds\":30}", "2026-03-28T21:00:00Z"},
        {"2026-03-28T21:00:00Z", "{\"loitering_seconds\":5}", "2026-03-29T04:00:00Z"},
        {"2026-03-29T03:59:59Z", "{\"loitering_seconds\":5}", "2026-03-29T04:00:00Z"},
        {"2026-03-29T04:00:00Z", "{\"loitering_seconds\":30}", "2026-03-29T20:00:00Z"},
        {"2026-10-24T20:00:00Z", "{\"loitering_seconds\":5}", "2026-10-25T05:00:00Z"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct policy_effective effective;
        policy_resolve(set, POLICY_SAFETY, &door, at(cases[i].time), &effective);
        g_assert_cmpstr(effective.config_json, ==, cases[i].config);
        g_assert_cmpint(effective.valid_until_ms, ==, at(cases[i].until));
        policy_effective_clear(&effective);
    }
}

/* Two o'clock on the Sunday of the spring change there is not, so there is no change of the overlay that week. */
static void test_h04_a_window_that_the_clocks_skip_comes_again(void)
{
    const int64_t next_window_ms = at("2026-04-05T00:00:00Z");
    CLEANUP(policy_set) struct policy_set *set = policy_set_new();
    add(set, &camera_scope, POLICY_SAFETY, 1,
        "{\"overlays\":[{\"name\":\"cleaning\",\"time_zone\":\"Europe/Berlin\",\"schedule\":[{\"days\":[\"sun\"],"
        "\"from\":\"02:00\",\"to\":\"03:00\"}],\"config\":{\"loitering_seconds\":5}}]}");
    struct policy_effective effective;
    int looks = 0;
    for (int64_t at_ms = at("2026-03-22T02:00:00Z"); at_ms < next_window_ms; looks++) {
        policy_resolve(set, POLICY_SAFETY, &door, at_ms, &effective);
        g_assert_cmpstr(effective.config_json, ==, "{}");
        at_ms = effective.valid_until_ms;
        g_assert_cmpint(at_ms, <=, next_window_ms);
        policy_effective_clear(&effective);
    }
    g_assert_cmpint(looks, ==, 2);
    policy_resolve(set, POLICY_SAFETY, &door, next_window_ms, &effective);
    g_assert_cmpstr(effective.config_json, ==, "{\"loitering_seconds\":5}");
    policy_effective_clear(&effective);
}

/* Whoever hands on what was read of a wrong place would speak of the org's own document. */
static void test_a_wrong_place_names_nobody(void)
{
    static const char *const wrong[] = {
        "orgs/acme/camera/door/safety.json", /* "cameras" */
        "orgs/acme/cameras/the door/safety.json", "orgs/acme/rumour.json",
        "orgs/acme/cameras/safety.json",          "org/acme/safety.json",
        "orgs/acme/cameras/door/safety.txt",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
        struct policy_scope scope = {.org_id = "before", .camera_id = "before"};
        enum policy_type type = POLICY_SAFETY;
        g_auto(GStrv) parts = g_strsplit(wrong[i], "/", -1);
        g_assert_false(policy_path_read(parts, &scope, &type));
        g_assert_null(scope.org_id);
        g_assert_null(scope.camera_id);
        g_assert_cmpint(type, ==, 0);
    }
}

static void test_differences_tell_before_and_after(void)
{
    g_autofree char *diff =
        policy_document_diff("{\"speed_limit\":3,\"fall_seconds\":2}", "{\"fall_seconds\":4,\"tamper_seconds\":1}");
    g_assert_cmpstr(diff, ==,
                    "[{\"before\":3,\"path\":\"speed_limit\"},{\"after\":4,\"before\":2,\"path\":\"fall_seconds\"},"
                    "{\"after\":1,\"path\":\"tamper_seconds\"}]");
    g_autofree char *none = policy_document_diff("{\"a\":1}", "{\"a\":1}");
    g_assert_cmpstr(none, ==, "[]");
}

/* ---- views ---- */

static void test_views_hold_typed_records_and_share_them(void)
{
    CLEANUP(policy_set) struct policy_set *set = policy_set_new();
    static const struct policy_scope cameras[] = {{.org_id = "acme", .camera_id = "a"},
                                                  {.org_id = "acme", .camera_id = "b"},
                                                  {.org_id = "acme", .camera_id = "door"}};
    add(set, &org_scope, POLICY_SAFETY, 3, "{\"loitering_seconds\":20}");
    add(set, &camera_scope, POLICY_SAFETY, 7, "{\"loitering_seconds\":2}");
    g_autoptr(GError) error = NULL;
    CLEANUP(policy_view) struct policy_view *view = policy_view_new(set, cameras, G_N_ELEMENTS(cameras), 0, &error);
    g_assert_no_error(error);
    const struct policy_camera *a = policy_view_find(view, "acme", "a"), *b = policy_view_find(view, "acme", "b"),
                               *c = policy_view_find(view, "acme", "door");
    const struct safety_policy *safety = policy_camera_record(a, POLICY_SAFETY);
    g_assert_true(safety->loitering_seconds.is_present);
    g_assert_cmpfloat(safety->loitering_seconds.value, ==, 20);
    g_assert_false(safety->speed_limit.is_present);
    g_assert_true(a->configs[POLICY_SAFETY - 1] == b->configs[POLICY_SAFETY - 1]);
    safety = policy_camera_record(c, POLICY_SAFETY);
    g_assert_cmpfloat(safety->loitering_seconds.value, ==, 2);
    g_assert_cmpint(policy_view_revision(view), ==, 7);
    g_assert_cmpint(policy_view_valid_until_ms(view), ==, INT64_MAX);
}

/* ---- the table of types ---- */

/* A key that takes the place of a namesake must allow what the namesake allows, or a policy could say what the camera
 * cannot obey. */
static void check_ranges(const struct policy_type_info *info, const struct record_descriptor *target)
{
    for (size_t i = 0; i < info->descriptor->field_count; i++) {
        const struct record_field *key = &info->descriptor->fields[i], *twin = record_find_field(target, key->name);
        if (!twin)
            continue;
        bool is_whole = twin->kind == RECORD_INT32 || twin->flags & RECORD_WHOLE;
        if (is_whole != (key->kind == RECORD_INT32 || (key->flags & RECORD_WHOLE) != 0))
            g_error("one of %s.%s and %s.%s is a whole number", info->descriptor->name, key->name, target->name,
                    twin->name);
        if (key->min < twin->min || key->max > twin->max)
            g_error("%s.%s allows %g to %g, %s.%s %g to %g", info->descriptor->name, key->name, key->min, key->max,
                    target->name, twin->name, twin->min, twin->max);
    }
}

/* Ids that could be taken for each other, ids that have no room in the table, and as many cameras as it is for. */
static void test_views_find_every_camera_and_no_other(void)
{
    enum { MANY = 10000, LONG = 80 };
    g_autofree char *long_id = g_strnfill(LONG, 'x');
    g_autofree char *longer_id = g_strnfill(LONG + 1, 'x');
    g_autofree struct policy_scope *cameras = g_new0(struct policy_scope, MANY);
    g_autoptr(GStringChunk) ids = g_string_chunk_new(4096);
    const struct policy_scope odd[] = {
        {.org_id = "a", .camera_id = "bc"},    {.org_id = "ab", .camera_id = "c"},
        {.org_id = "c", .camera_id = "ab"},    {.org_id = long_id, .camera_id = "a"},
        {.org_id = "a", .camera_id = long_id}, {.org_id = longer_id, .camera_id = "a"},
        {.org_id = "", .camera_id = "a"},      {.org_id = "a", .camera_id = ""},
    };
    CLEANUP(policy_set) struct policy_set *set = policy_set_new();
    for (size_t i = 0; i < MANY; i++)
        if (i < G_N_ELEMENTS(odd)) {
            cameras[i] = odd[i];
        } else {
            g_autofree char *id = g_strdup_printf("camera-%zu", i / 2);
            cameras[i].org_id = i % 2 ? "acme" : "other";
            cameras[i].camera_id = g_string_chunk_insert(ids, id);
        }
    CLEANUP(policy_view) struct policy_view *view = policy_view_new(set, cameras, MANY, 0, NULL);
    for (size_t i = 0; i < MANY; i++)
        g_assert_true(policy_view_find(view, cameras[i].org_id, cameras[i].camera_id) == policy_view_at(view, i));
    g_assert_null(policy_view_find(view, "a", "b"));
    g_assert_null(policy_view_find(view, "abc", ""));
    g_assert_null(policy_view_find(view, "", ""));
    g_assert_null(policy_view_find(view, longer_id, longer_id));
    g_assert_null(policy_view_find(view, "acme", "camera-5000"));
    CLEANUP(policy_view) struct policy_view *empty = policy_view_new(set, NULL, 0, 0, NULL);
    g_assert_null(policy_view_find(empty, "a", "bc"));
}

static void test_keys_allow_what_their_namesakes_allow(void)
{
    static const struct {
        unsigned target;
        const char *settings_member;
        const struct record_descriptor *descriptor;
    } targets[] = {
        {POLICY_TARGET_ZONES, NULL, &zone_descriptor},
        {POLICY_TARGET_CAMERA, NULL, &camera_descriptor},
        {POLICY_TARGET_RULES, NULL, &camera_rules_descriptor},
        {POLICY_TARGET_RULING, "rules", NULL},
        {POLICY_TARGET_MOTION, "motion", NULL},
        {POLICY_TARGET_DETECTOR, "detector", NULL},
    };
    for (size_t i = 0; i < POLICY_TYPES; i++)
        for (size_t j = 0; j < G_N_ELEMENTS(targets); j++)
            if (policy_types[i].targets & targets[j].target)
                check_ranges(&policy_types[i],
                             targets[j].descriptor
                                 ? targets[j].descriptor
                                 : record_find_field(&settings_descriptor, targets[j].settings_member)->descriptor);
}

static void test_the_table_of_types_is_whole(void)
{
    for (size_t i = 0; i < POLICY_TYPES; i++) {
        g_assert_cmpint(policy_types[i].type, ==, i + 1);
        g_assert_cmpuint(record_enum_value(policy_type_names, policy_type_names[i]), ==, i + 1);
        g_assert_true(policy_type_find(policy_types[i].type) == &policy_types[i]);
    }
    g_assert_null(policy_type_find(0));
    g_assert_null(policy_type_find(POLICY_TYPE_END));
}

static void test_examples_are_valid(void)
{
    for (size_t i = 0; i < POLICY_TYPES; i++) {
        g_autofree char *name = g_strconcat(policy_type_names[i], "-policy.json", NULL);
        g_autofree char *path = g_build_filename(g_getenv("VEDETTE_SOURCE"), "policies", "examples", name, NULL);
        g_autofree char *config = NULL;
        g_autoptr(GError) error = NULL;
        g_file_get_contents(path, &config, NULL, &error);
        g_assert_no_error(error);
        g_autofree char *wrong = errors_of(policy_types[i].type, config);
        g_assert_cmpstr(wrong, ==, NULL);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/policy/h01_invalid_documents_are_refused_whole", test_h01_invalid_documents_are_refused_whole);
    g_test_add_func("/policy/whole_numbers_may_be_written_as_json_does",
                    test_whole_numbers_may_be_written_as_json_does);
    g_test_add_func("/policy/every_wrong_key_is_told_at_once", test_every_wrong_key_is_told_at_once);
    g_test_add_func("/policy/scopes_that_make_no_sense", test_scopes_that_make_no_sense);
    g_test_add_func("/policy/h04_precedence_key_by_key", test_h04_precedence_key_by_key);
    g_test_add_func("/policy/a_patch_removes_what_the_document_alone_has",
                    test_a_patch_removes_what_the_document_alone_has);
    g_test_add_func("/policy/h04_null_in_a_patch_removes_the_override", test_h04_null_in_a_patch_removes_the_override);
    g_test_add_func("/policy/h04_schedule_windows_come_last_and_follow_the_clocks",
                    test_h04_schedule_windows_come_last_and_follow_the_clocks);
    g_test_add_func("/policy/a_wrong_place_names_nobody", test_a_wrong_place_names_nobody);
    g_test_add_func("/policy/h04_a_window_that_the_clocks_skip_comes_again",
                    test_h04_a_window_that_the_clocks_skip_comes_again);
    g_test_add_func("/policy/h05_lists_replace", test_h05_lists_replace);
    g_test_add_func("/policy/h06_who_is_not_known_gets_the_defaults", test_h06_who_is_not_known_gets_the_defaults);
    g_test_add_func("/policy/h07_golden_five_levels_with_origins", test_h07_golden_five_levels_with_origins);
    g_test_add_func("/policy/differences_tell_before_and_after", test_differences_tell_before_and_after);
    g_test_add_func("/policy/views_hold_typed_records_and_share_them", test_views_hold_typed_records_and_share_them);
    g_test_add_func("/policy/views_find_every_camera_and_no_other", test_views_find_every_camera_and_no_other);
    g_test_add_func("/policy/keys_allow_what_their_namesakes_allow", test_keys_allow_what_their_namesakes_allow);
    g_test_add_func("/policy/the_table_of_types_is_whole", test_the_table_of_types_is_whole);
    g_test_add_func("/policy/examples_are_valid", test_examples_are_valid);
    return g_test_run();
}
