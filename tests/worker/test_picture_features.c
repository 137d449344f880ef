/* What a picture's stream is watched for: each of the twelve features off alone, and on alone. */
#include "worker/picture_features.h"

#include <glib.h>

static const struct record_point corners[] = {{0, 0}, {1, 0}, {1, 1}, {0, 1}};

/* A request that has room for everything: a line, and a zone that names all there is to name. */
static void fill_request(struct detect_request *request)
{
    record_init(&detect_request_descriptor, request);
    request->stream_id = g_strdup("door");
    request->line_x = (struct record_optional){.is_present = true, .value = 0.5};
    struct zone *zone = record_list_append(&request->zones, &zone_descriptor);
    zone->id = g_strdup("yard");
    zone->kind = ZONE_INTRUSION;
    zone->polygon.items = g_memdup2(corners, sizeof corners);
    zone->polygon.count = G_N_ELEMENTS(corners);
    zone->loitering_seconds = 5;
    zone->crowd_limit = 2;
    zone->left_seconds = zone->taken_seconds = 7;
}

static const struct zone *any_zone(const struct camera *camera, bool (*is_so)(const struct zone *zone))
{
    const struct zone *zones = camera->zones.items;
    for (size_t i = 0; i < camera->zones.count; i++)
        if (is_so(&zones[i]))
            return &zones[i];
    return NULL;
}

static bool is_guarded(const struct zone *zone)
{
    return zone->kind == ZONE_INTRUSION || zone->kind == ZONE_RESTRICTED;
}

static bool has_loitering(const struct zone *zone)
{
    return zone->loitering_seconds > 0;
}

static bool has_crowd(const struct zone *zone)
{
    return zone->crowd_limit > 0;
}

static bool has_objects(const struct zone *zone)
{
    return zone->left_seconds > 0 || zone->taken_seconds > 0;
}

static bool watches_line(const struct camera *camera)
{
    return camera->lines.count > 0;
}

static bool watches_intrusion(const struct camera *camera)
{
    return any_zone(camera, is_guarded);
}

static bool watches_loitering(const struct camera *camera)
{
    return any_zone(camera, has_loitering);
}

static bool watches_crowds(const struct camera *camera)
{
    return any_zone(camera, has_crowd);
}

static bool watches_objects(const struct camera *camera)
{
    return any_zone(camera, has_objects);
}

static bool watches_tampering(const struct camera *camera)
{
    return camera->rules.tamper_seconds > 0 || camera->rules.frozen_seconds > 0;
}

/* What raises something by a rule; NULL: it is counted, or this version has none of it. */
static bool (*const watched[DETECT_FEATURE_END])(const struct camera *camera) = {
    [DETECT_line_crossing] = watches_line,        [DETECT_zone_intrusion] = watches_intrusion,
    [DETECT_loitering] = watches_loitering,       [DETECT_crowd] = watches_crowds,
    [DETECT_object_left_taken] = watches_objects, [DETECT_tampering] = watches_tampering,
};

static bool *flag_of(struct detect_features *features, enum detect_feature feature)
{
    return (bool *)(void *)((char *)features + detect_features_descriptor.fields[feature - 1].offset);
}

/* All but one are asked for, or one alone. */
static void ask_for(struct detect_request *request, enum detect_feature feature, bool is_alone)
{
    for (enum detect_feature other = 1; other < DETECT_FEATURE_END; other++)
        *flag_of(&request->enabled_features, other) = (other == feature) == is_alone;
}

static void look(enum detect_feature feature, bool is_alone)
{
    struct detect_request request;
    struct camera camera;
    fill_request(&request);
    ask_for(&request, feature, is_alone);
    picture_camera_fill(&request, 640, &camera);
    for (enum detect_feature other = 1; other < DETECT_FEATURE_END; other++) {
        g_test_message("%s %s: %s", detect_feature_names[feature], is_alone ? "alone" : "off",
                       detect_feature_names[other]);
        if (watched[other])
            g_assert_cmpint(watched[other](&camera), ==, (other == feature) == is_alone);
    }
    record_clear(&camera_descriptor, &camera);
    record_clear(&detect_request_descriptor, &request);
}

static void test_what_is_off_is_not_watched_for(void)
{
    for (enum detect_feature feature = 1; feature < DETECT_FEATURE_END; feature++) {
        look(feature, false);
        look(feature, true);
    }
}

/* Counts and states of what is off are nothing, whatever else is found. */
static void test_what_is_off_is_not_told(void)
{
    for (enum detect_feature feature = 1; feature < DETECT_FEATURE_END; feature++) {
        struct detect_request request;
        struct detect_response response;
        fill_request(&request);
        ask_for(&request, feature, false);
        record_init(&detect_response_descriptor, &response);
        response.counts = (struct detect_counts){.objects = 3, .people = 2, .vehicles = 1};
        picture_counts_limit(&request, &response);
        picture_features_fill(&request, NULL, &response);
        g_assert_cmpint(detect_state_of(&response.features, feature)->status, ==, DETECT_OFF);
        g_assert_cmpint(detect_state_of(&response.features, feature)->count, ==, 0);
        g_assert_cmpint(response.counts.people, ==, feature == DETECT_people_count ? 0 : 2);
        g_assert_cmpint(response.counts.vehicles, ==, feature == DETECT_vehicles ? 0 : 1);
        record_clear(&detect_response_descriptor, &response);
        record_clear(&detect_request_descriptor, &request);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/picture_features/what_is_off_is_not_watched_for", test_what_is_off_is_not_watched_for);
    g_test_add_func("/picture_features/what_is_off_is_not_told", test_what_is_off_is_not_told);
    return g_test_run();
}
