/* Every key of a policy that has a namesake takes its place, and nothing else changes. */
#include "policy/policy.h"

#include <jansson.h>
#include <string.h>

static const struct policy_scope door = {.org_id = "acme", .camera_id = "door"};

static void make_base(struct camera_config *base)
{
    static const struct record_point corners[] = {{0.2, 0.2}, {0.8, 0.2}, {0.8, 0.9}};
    record_init(&camera_config_descriptor, base);
    base->camera.id = g_strdup("door");
    base->camera.source = g_strdup("rtsp://10.0.0.7/s1");
    for (int i = 0; i < 2; i++) {
        struct zone *zone = record_list_append(&base->camera.zones, &zone_descriptor);
        zone->id = g_strdup(i ? "hall" : "yard");
        zone->polygon.items = g_memdup2(corners, sizeof corners);
        zone->polygon.count = G_N_ELEMENTS(corners);
    }
}

/* The base under one document for the camera, as JSON, applied so often; NULL: it was refused. */
static char *applied_times(enum policy_type type, const char *document, int times, GError **error)
{
    CLEANUP(policy_set) struct policy_set *set = policy_set_new();
    struct camera_config base, config;
    char *json = NULL;
    make_base(&base);
    if (policy_set_add(set, &(struct policy_document){door, type, document, 9}, error)) {
        CLEANUP(policy_view) struct policy_view *view = policy_view_new(set, &door, 1, 0, error);
        bool is_good = view != NULL;
        for (int i = 0; is_good && i < times; i++) {
            is_good = policy_apply(policy_view_at(view, 0), policy_view_revision(view), &base, &config, error);
            if (is_good) {
                record_clear(&camera_config_descriptor, &base);
                base = config;
            }
        }
        GString *text = g_string_new(NULL);
        record_encode_json(&camera_config_descriptor, &base, false, text);
        json = g_string_free(text, !is_good);
    }
    record_clear(&camera_config_descriptor, &base);
    return json;
}

static char *applied(enum policy_type type, const char *document, GError **error)
{
    return applied_times(type, document, 1, error);
}

/* A value a key may have that is not its default. */
static char *some_value(const struct record_field *key)
{
    if (key->kind == RECORD_STRINGS)
        return g_strdup("[\"bus\"]");
    if (key->kind == RECORD_BOOL)
        return g_strdup(g_strcmp0(key->default_text, "true") == 0 ? "false" : "true");
    return g_strdup(key->max <= 1 ? "0.25" : key->min > 17 ? "18" : "17");
}

static void check_key(enum policy_type type, const struct record_field *key)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *value = some_value(key);
    g_autofree char *document = g_strdup_printf("{\"%s\":%s}", key->name, value);
    g_autofree char *plain = applied(type, "{}", &error);
    g_assert_no_error(error);
    g_autofree char *changed = applied(type, document, &error);
    g_assert_no_error(error);
    g_autofree char *as_value = g_strdup_printf("\"%s\":%s", key->name, value);
    if (strcmp(plain, changed) == 0 || !strstr(changed, as_value))
        g_error("%s says %s and nothing changes", policy_type_names[type - 1], document);
}

/* What nothing reads yet changes nothing, and everyone who asks is told so. */
static void check_marked(enum policy_type type, const struct record_field *key)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) told = g_string_new(NULL);
    g_autofree char *value = key->kind == RECORD_ENUM ? g_strdup("\"high\"") : some_value(key);
    g_autofree char *document = g_strdup_printf("{\"%s\":%s}", key->name, value);
    g_autofree char *expected = g_strdup_printf("[\"%s\"]", key->name);
    g_autofree char *plain = applied(type, "{}", &error), *changed = applied(type, document, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(plain, ==, changed);
    policy_append_not_in_force(type, document, told);
    g_assert_cmpstr(told->str, ==, expected);
}

/* Every key of every type changes what a camera's worker is told, or is marked. Retention and notify, which workers
 * know nothing of, are shown key by key in test_policy_keeper.c and tests/notify/test_notify.c. */
static void test_every_key_acts_or_is_marked(void)
{
    for (size_t i = 0; i < POLICY_TYPES; i++)
        for (size_t j = 0; j < policy_types[i].descriptor->field_count; j++) {
            const struct record_field *key = &policy_types[i].descriptor->fields[j];
            if (key->flags & RECORD_NOT_YET)
                check_marked(policy_types[i].type, key);
            else if (policy_types[i].type != POLICY_RETENTION && policy_types[i].type != POLICY_NOTIFY)
                check_key(policy_types[i].type, key);
        }
}

static void test_what_no_policy_says_stays_as_it_is(void)
{
    g_autoptr(GError) error = NULL;
    struct camera_config base;
    g_autoptr(GString) text = g_string_new(NULL);
    g_autofree char *untouched = applied(POLICY_SAFETY, "{}", &error);
    make_base(&base);
    base.policy_revision = 9;
    record_encode_json(&camera_config_descriptor, &base, false, text);
    record_clear(&camera_config_descriptor, &base);
    g_assert_cmpstr(untouched, ==, text->str);
}

/* Whoever is told twice, as after a lost answer, ends up where it was. */
static void test_h15_applying_again_changes_nothing(void)
{
    for (size_t i = 0; i < POLICY_TYPES; i++)
        for (size_t j = 0; j < policy_types[i].descriptor->field_count; j++) {
            const struct record_field *key = &policy_types[i].descriptor->fields[j];
            g_autoptr(GError) error = NULL;
            g_autofree char *value = key->kind == RECORD_ENUM ? g_strdup("\"high\"") : some_value(key);
            g_autofree char *document = g_strdup_printf("{\"%s\":%s}", key->name, value);
            g_autofree char *once = applied(policy_types[i].type, document, &error);
            g_autofree char *thrice = applied_times(policy_types[i].type, document, 3, &error);
            g_assert_no_error(error);
            g_assert_cmpstr(once, ==, thrice);
        }
}

static void test_h01_what_contradicts_itself_is_refused(void)
{
    g_autoptr(GError) error = NULL;
    g_assert_null(applied(POLICY_OCCUPANCY, "{\"occupancy_limit\":2.5}", &error));
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID);
    g_assert_nonnull(strstr(error->message, "occupancy_limit"));
    g_assert_nonnull(strstr(error->message, "door"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/policy apply/every key acts or is marked", test_every_key_acts_or_is_marked);
    g_test_add_func("/policy apply/what no policy says stays as it is", test_what_no_policy_says_stays_as_it_is);
    g_test_add_func("/policy apply/h15_applying_again_changes_nothing", test_h15_applying_again_changes_nothing);
    g_test_add_func("/policy apply/h01_what_contradicts_itself_is_refused",
                    test_h01_what_contradicts_itself_is_refused);
    return g_test_run();
}
