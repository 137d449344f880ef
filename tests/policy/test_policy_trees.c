/* Random trees of documents of every type, made from the types' own tables, with overlays at all levels: what is in
 * force, and where each key came from, is what a plain reference says; and whatever documents are good by themselves
 * add up, at every hour, to what a camera can be told. */
#include "base/random.h"
#include "facts/schedule.h"
#include "policy/policy.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

enum { TREES = 8, LEVELS = 5, OVERLAYS_MOST = 3, HOURS = 24, DAYS = 7, DAY_MINUTES = 24 * 60, LOOKS = 6 };
static const int64_t monday_ms = INT64_C(1767571200000); /* 2026-01-05T00:00:00Z */
static const char *const days[DAYS] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

static const struct policy_scope door = {.org_id = "acme", .site_id = "shop", .class_id = "7b", .camera_id = "door"};
static const struct policy_scope scopes[LEVELS] = {{NULL},
                                                   {.org_id = "acme"},
                                                   {.org_id = "acme", .site_id = "shop"},
                                                   {.org_id = "acme", .class_id = "7b"},
                                                   {.org_id = "acme", .camera_id = "door"}};

/* ---- documents ---- */

/* In the key's bounds, whole where it must be; a whole one written as 3, 3.0 or 3e0. */
static json_t *random_number(struct random *random, const struct record_field *key)
{
    bool is_whole = key->flags & RECORD_WHOLE || (key->kind != RECORD_DOUBLE && key->kind != RECORD_OPTIONAL);
    double value = key->min + random_uniform(random) * (key->max - key->min);
    switch (random_range(random, 0, 3)) {
    case 0:
        return json_real(random_range(random, 0, 1) ? key->min : key->max);
    case 1:
        return json_real(fmax(floor(value), key->min));
    default:
        return is_whole ? json_integer((json_int_t)fmax(floor(value), key->min))
                        : json_real(fmax(key->min, floor(value * 1024) / 1024));
    }
}

static json_t *random_value(struct random *random, const struct record_field *key)
{
    static const char *const classes[] = {"person", "car", "bus"};
    json_t *list;
    int64_t count;
    switch (key->kind) {
    case RECORD_BOOL:
        return json_boolean(random_range(random, 0, 1));
    case RECORD_ENUM:
        count = (int64_t)g_strv_length((char **)(uintptr_t)key->names);
        return json_string(key->names[random_range(random, 0, count - 1)]);
    case RECORD_STRINGS:
        list = json_array();
        for (int64_t i = random_range(random, 0, 3); i-- > 0;)
            json_array_append_new(list, json_string(classes[random_range(random, 0, 2)]));
        return list;
    case RECORD_INT32:
    case RECORD_DOUBLE:
    case RECORD_OPTIONAL:
        return random_number(random, key);
    default:
        g_error("a key of a kind that this test does not know: %s", key->name);
    }
}

static json_t *random_config(struct random *random, const struct record_descriptor *type)
{
    json_t *config = json_object();
    for (size_t i = 0; i < type->field_count; i++)
        if (random_range(random, 0, 2) == 0)
            json_object_set_new(config, type->fields[i].name, random_value(random, &type->fields[i]));
    return config;
}

/* From some hour to some hour, which may be on the next day, of every day or of one. */
static json_t *random_window(struct random *random)
{
    g_autofree char *from = g_strdup_printf("%02d:00", (int)random_range(random, 0, HOURS - 1));
    g_autofree char *to = g_strdup_printf("%02d:00", (int)random_range(random, 1, HOURS));
    json_t *window = json_pack("{s:s,s:s}", "from", from, "to", to);
    if (random_range(random, 0, 2) == 0)
        json_object_set_new(window, "days", json_pack("[s]", days[random_range(random, 0, DAYS - 1)]));
    return window;
}

static json_t *random_document(struct random *random, const struct record_descriptor *type)
{
    json_t *document = random_config(random, type), *overlays = json_array();
    for (int64_t i = random_range(random, 0, OVERLAYS_MOST); i-- > 0;) {
        g_autofree char *name = g_strdup_printf("o%d", (int)i);
        json_array_append_new(overlays, json_pack("{s:s,s:[o],s:o}", "name", name, "schedule", random_window(random),
                                                  "config", random_config(random, type)));
    }
    json_object_set_new(document, "overlays", overlays);
    return document;
}

/* ---- the reference: nothing but the words of docs/policies.md ---- */

static int minute_of(const json_t *window, const char *key)
{
    int hour = 0, minute = 0;
    g_assert_cmpint(sscanf(json_string_value(json_object_get(window, key)), "%d:%d", &hour, &minute), ==, 2);
    return hour * 60 + minute;
}

static bool is_active(const json_t *overlay, int minute_of_week)
{
    const json_t *window = json_array_get(json_object_get(overlay, "schedule"), 0);
    const char *only = json_string_value(json_array_get(json_object_get(window, "days"), 0));
    int from = minute_of(window, "from"), to = minute_of(window, "to");
    for (int day = 0; day < DAYS; day++) {
        int begin = day * DAY_MINUTES + from, end = day * DAY_MINUTES + (to > from ? to : to + DAY_MINUTES);
        bool is_then = (minute_of_week >= begin && minute_of_week < end) ||
                       (minute_of_week + DAYS * DAY_MINUTES >= begin && minute_of_week + DAYS * DAY_MINUTES < end);
        if (is_then && (!only || strcmp(only, days[day]) == 0))
            return true;
    }
    return false;
}

struct word {
    const json_t *value; /* NULL: nobody says it */
    int level;
    const char *overlay;
};

/* The last who says the key: the levels' documents, then the overlays of their hour, both from the least specific. */
static struct word last_word(json_t *const documents[LEVELS], const char *key, int minute_of_week)
{
    struct word word = {NULL, -1, NULL};
    for (int level = 0; level < LEVELS; level++)
        if (json_object_get(documents[level], key))
            word = (struct word){json_object_get(documents[level], key), level, NULL};
    for (int level = 0; level < LEVELS; level++) {
        const json_t *overlays = json_object_get(documents[level], "overlays");
        for (size_t i = 0; i < json_array_size(overlays); i++) {
            const json_t *overlay = json_array_get(overlays, i);
            const json_t *value = json_object_get(json_object_get(overlay, "config"), key);
            if (value && is_active(overlay, minute_of_week))
                word = (struct word){value, level, json_string_value(json_object_get(overlay, "name"))};
        }
    }
    return word;
}

/* ---- holding one against the other ---- */

static const struct policy_origin *origin_of(const struct policy_effective *effective, const char *key)
{
    const struct policy_origin *found = NULL;
    for (guint i = 0; i < effective->origins->len; i++) {
        const struct policy_origin *origin = g_ptr_array_index(effective->origins, i);
        if (strcmp(origin->path, key) == 0) {
            g_assert_null(found);
            found = origin;
        }
    }
    return found;
}

static void check_origin(const struct policy_type_info *type, const char *key, const struct word *word,
                         const struct policy_origin *origin)
{
    g_assert_nonnull(origin);
    if (word->value) {
        g_assert_cmpint(origin->level, ==, word->level + POLICY_LEVEL_GLOBAL);
        g_assert_cmpint(origin->revision, ==, word->level + 1);
        g_assert_null(origin->place);
    } else {
        g_assert_cmpint(origin->level, ==, policy_key_place(type, key) ? POLICY_LEVEL_SETTINGS : POLICY_LEVEL_DEFAULT);
        g_assert_cmpint(origin->revision, ==, 0);
        g_assert_cmpstr(origin->place, ==, policy_key_place(type, key));
    }
    g_assert_cmpstr(origin->overlay, ==, word->overlay);
}

static void check_type(const struct policy_set *set, const struct policy_type_info *type,
                       json_t *const documents[LEVELS], int minute_of_week)
{
    struct policy_effective effective;
    policy_resolve(set, type->type, &door, monday_ms + minute_of_week * INT64_C(60000), &effective);
    json_t *config = json_loads(effective.config_json, 0, NULL);
    size_t said = 0;
    for (size_t i = 0; i < type->descriptor->field_count; i++) {
        const char *key = type->descriptor->fields[i].name;
        struct word word = last_word(documents, key, minute_of_week);
        const json_t *value = json_object_get(config, key);
        if (word.value ? !json_equal(value, word.value) : value != NULL)
            g_error("%s.%s in minute %d of the week: %s", type->descriptor->name, key, minute_of_week,
                    effective.config_json);
        check_origin(type, key, &word, origin_of(&effective, key));
        said += word.value != NULL;
    }
    g_assert_cmpuint(json_object_size(config), ==, said);
    g_assert_cmpuint(effective.origins->len, ==, type->descriptor->field_count);
    json_decref(config);
    policy_effective_clear(&effective);
}

static void make_base(struct camera_config *base)
{
    static const struct record_point corners[] = {{0.2, 0.2}, {0.8, 0.2}, {0.8, 0.9}};
    record_init(&camera_config_descriptor, base);
    base->camera.id = g_strdup("door");
    base->camera.source = g_strdup("rtsp://10.0.0.7/s1");
    struct zone *zone = record_list_append(&base->camera.zones, &zone_descriptor);
    zone->id = g_strdup("hall");
    zone->polygon.items = g_memdup2(corners, sizeof corners);
    zone->polygon.count = G_N_ELEMENTS(corners);
}

enum { WEEK_MS = DAYS * DAY_MINUTES * 60000, LOOKS_MAX = 1000000 };

static bool try_week(const struct policy_set *set, enum policy_type type, size_t looks_max,
                     bool (*visit)(void *data, const struct policy_camera *camera, GError **error), void *data,
                     GError **error)
{
    const struct policy_trial trial = {.set = set,
                                       .type = type,
                                       .from_ms = monday_ms,
                                       .until_ms = monday_ms + WEEK_MS,
                                       .looks_max = looks_max,
                                       .visit = visit,
                                       .data = data};
    return policy_try(&trial, &door, 1, error);
}

/* A camera is told what holds in each hour of the week. */
static bool tell(void *data, const struct policy_camera *policies, GError **error)
{
    const struct camera_config *base = data;
    struct camera_config told;
    if (!policy_apply(policies, 1, base, &told, error))
        return false;
    record_clear(&camera_config_descriptor, &told);
    return true;
}

static void check_camera(const struct policy_set *set, enum policy_type type, struct camera_config *base)
{
    g_autoptr(GError) error = NULL;
    try_week(set, type, LOOKS_MAX, tell, base, &error);
    g_assert_no_error(error);
}

static void add_document(struct policy_set *set, enum policy_type type, int level, const json_t *document)
{
    g_autoptr(GError) error = NULL;
    char *text = json_dumps(document, JSON_COMPACT);
    policy_set_add(set, &(struct policy_document){scopes[level], type, text, level + 1, NULL}, &error);
    g_assert_no_error(error);
    policy_set_add(set, &(struct policy_document){scopes[level], type, text, level + 1, NULL}, &error); /* H15 */
    g_assert_no_error(error);
    free(text);
}

static void check_tree(struct random *random, const struct policy_type_info *type, struct camera_config *base)
{
    CLEANUP(policy_set) struct policy_set *set = policy_set_new();
    json_t *documents[LEVELS];
    for (int level = 0; level < LEVELS; level++) {
        json_t *document = random_range(random, 0, 3) ? random_document(random, type->descriptor) : NULL;
        if (document)
            add_document(set, type->type, level, document);
        /* as it reads back: numbers are held against each other as they are written */
        char *text = document ? json_dumps(document, JSON_COMPACT) : NULL;
        documents[level] = text ? json_loads(text, 0, NULL) : json_object();
        free(text);
        json_decref(document);
    }
    for (int look = 0; look < LOOKS; look++)
        check_type(set, type, documents, (int)random_range(random, 0, DAYS * DAY_MINUTES - 1));
    check_camera(set, type->type, base);
    for (int level = 0; level < LEVELS; level++)
        json_decref(documents[level]);
}

static void test_property_every_type_resolves_as_the_reference_says(void)
{
    struct random random;
    struct camera_config base;
    random_init(&random, 6);
    make_base(&base);
    for (size_t i = 0; i < POLICY_TYPES; i++)
        for (int tree = 0; tree < TREES; tree++)
            check_tree(&random, &policy_types[i], &base);
    record_clear(&camera_config_descriptor, &base);
}

/* ---- overlays of several levels at one time ---- */

struct tried {
    GPtrArray *configs; /* of char *: safety in each state */
};

static bool note_state(void *data, const struct policy_camera *policies, GError **error)
{
    struct tried *tried = data;
    (void)error;
    g_ptr_array_add(tried->configs, g_strdup(policies->configs[POLICY_SAFETY - 1]));
    return true;
}

static bool refuse_state(void *data, const struct policy_camera *policies, GError **error)
{
    (void)data;
    (void)policies;
    g_set_error_literal(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, "never");
    return false;
}

/* Each state of the week once: neither, the one, both, the other. */
static void test_h04_overlays_of_several_levels_are_tried_together(void)
{
    static const char *const expected[] = {
        "{\"fall_seconds\":1,\"loitering_seconds\":1}", "{\"fall_seconds\":2,\"loitering_seconds\":1}",
        "{\"fall_seconds\":2,\"loitering_seconds\":3}", "{\"fall_seconds\":1,\"loitering_seconds\":3}"};
    CLEANUP(policy_set) struct policy_set *set = policy_set_new();
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) configs = g_ptr_array_new_with_free_func(g_free);
    struct tried tried = {configs};
    policy_set_add(
        set,
        &(struct policy_document){scopes[1], POLICY_SAFETY,
                                  "{\"fall_seconds\":1,\"loitering_seconds\":1,\"overlays\":[{\"name\":\"a\","
                                  "\"schedule\":[{\"from\":\"08:00\",\"to\":\"12:00\"}],\"config\":{"
                                  "\"fall_seconds\":2}}]}",
                                  1, NULL},
        &error);
    policy_set_add(set,
                   &(struct policy_document){scopes[4], POLICY_SAFETY,
                                             "{\"overlays\":[{\"name\":\"b\",\"schedule\":[{\"from\":\"10:00\",\"to\":"
                                             "\"14:00\"}],\"config\":{\"loitering_seconds\":3}}]}",
                                             2, NULL},
                   &error);
    g_assert_no_error(error);
    g_assert_true(try_week(set, POLICY_SAFETY, LOOKS_MAX, note_state, &tried, &error));
    g_assert_cmpuint(configs->len, ==, G_N_ELEMENTS(expected));
    for (guint i = 0; i < configs->len; i++)
        g_assert_cmpstr(g_ptr_array_index(configs, i), ==, expected[i]);
    g_assert_false(try_week(set, POLICY_SAFETY, LOOKS_MAX, refuse_state, NULL, &error));
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID);
    g_clear_error(&error);
    g_assert_false(try_week(set, POLICY_SAFETY, 20, note_state, &tried, &error)); /* it takes no longer than it may */
    g_assert_nonnull(strstr(error->message, "trial_looks"));
}

/* ---- when an overlay comes or goes ---- */

/* Within three weeks, since clocks may skip a window in one of them. */
static int64_t walked_change(struct schedule *schedule, int64_t at_ms)
{
    const int64_t minute_ms = 60000, first_ms = (at_ms / minute_ms + 1) * minute_ms;
    bool is_active = schedule_is_active(schedule, at_ms);
    for (int64_t ms = first_ms; ms < first_ms + 3 * WEEK_MS; ms += minute_ms)
        if (schedule_is_active(schedule, ms) != is_active)
            return ms;
    return INT64_MAX;
}

/* As whoever acts by it asks: again at each time that it says. */
static int64_t asked_change(struct schedule *schedule, int64_t at_ms)
{
    bool is_active = schedule_is_active(schedule, at_ms);
    int64_t ms = schedule_next_change(schedule, at_ms);
    while (ms != INT64_MAX && schedule_is_active(schedule, ms) == is_active) {
        int64_t next_ms = schedule_next_change(schedule, ms);
        g_assert_cmpint(next_ms, >, ms);
        ms = next_ms;
    }
    return ms;
}

static char *random_time(struct random *random)
{
    return g_strdup_printf("%02d:%02d", (int)random_range(random, 0, HOURS - 1), (int)random_range(random, 0, 59));
}

/* One in two is of an hour that clocks skip somewhere, on the one day. */
static void append_window(struct random *random, struct record_list *windows)
{
    bool is_skipped = random_range(random, 0, 1);
    struct schedule_window *window = record_list_append(windows, &schedule_window_descriptor);
    g_free(window->from); /* the defaults */
    g_free(window->to);
    window->from = is_skipped ? g_strdup("02:10") : random_time(random);
    window->to = is_skipped ? g_strdup("02:20") : random_time(random);
    if (is_skipped || random_range(random, 0, 1)) {
        window->days.items = g_new0(char *, 1);
        window->days.items[0] = g_strdup(is_skipped ? "sun" : days[random_range(random, 0, DAYS - 1)]);
        window->days.count = 1;
    }
}

/* Of all weeks of a year, with both changes of the clocks. */
static void test_property_the_next_change_is_what_the_clock_shows(void)
{
    static const char *const zones[] = {"", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"};
    struct random random;
    random_init(&random, 7);
    for (int round = 0; round < 1200; round++) {
        struct record_list windows = {NULL, 0};
        struct schedule schedule;
        for (int64_t count = random_range(&random, 1, 3); count > 0; count--)
            append_window(&random, &windows);
        schedule_init(&schedule, &windows, zones[round % G_N_ELEMENTS(zones)]);
        int64_t at_ms = monday_ms + random_range(&random, 0, 52) * WEEK_MS + random_range(&random, 0, WEEK_MS - 1);
        g_assert_cmpint(asked_change(&schedule, at_ms), ==, walked_change(&schedule, at_ms));
        schedule_clear(&schedule);
        for (size_t i = 0; i < windows.count; i++)
            record_clear(&schedule_window_descriptor, (struct schedule_window *)windows.items + i);
        g_free(windows.items);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/policy trees/property_every_type_resolves_as_the_reference_says",
                    test_property_every_type_resolves_as_the_reference_says);
    g_test_add_func("/policy trees/h04_overlays_of_several_levels_are_tried_together",
                    test_h04_overlays_of_several_levels_are_tried_together);
    g_test_add_func("/policy trees/property_the_next_change_is_what_the_clock_shows",
                    test_property_the_next_change_is_what_the_clock_shows);
    return g_test_run();
}
