#include "worker/picture_features.h"

#include "facts/event.h"
#include "facts/object_class.h"

#include <string.h>

static const char picture_zone[] = "picture", picture_line[] = "line";

/* ---- the camera of a stream ---- */

/* "in" is the way from left to right: a line's left side is where its b is up and its a down. */
static void add_line(const struct detect_request *request, int width_px, struct camera *camera)
{
    double x = request->line_x.value;
    struct line *line = record_list_append(&camera->lines, &line_descriptor);
    line->id = g_strdup(picture_line);
    x = MIN(x > 1 ? x / width_px : x, 1);
    line->a = (struct record_point){x, 1};
    line->b = (struct record_point){x, 0};
}

static bool any_zone(const struct camera *camera, bool (*is_watched)(const struct zone *zone))
{
    const struct zone *zones = camera->zones.items;
    for (size_t i = 0; i < camera->zones.count; i++)
        if (is_watched(&zones[i]))
            return true;
    return false;
}

static bool is_for_loitering(const struct zone *zone)
{
    return zone->loitering_seconds > 0;
}

static bool is_for_crowds(const struct zone *zone)
{
    return zone->crowd_limit > 0;
}

static bool is_for_objects(const struct zone *zone)
{
    return zone->left_seconds > 0 || zone->taken_seconds > 0;
}

static bool is_guarded(const struct zone *zone)
{
    return zone->kind == ZONE_INTRUSION || zone->kind == ZONE_RESTRICTED;
}

/* What no zone of the request is watched for, the whole picture is. */
static void add_picture_zone(const struct detect_request *request, struct camera *camera)
{
    static const struct record_point corners[] = {{0, 0}, {1, 0}, {1, 1}, {0, 1}};
    const struct detect_features *wanted = &request->enabled_features;
    bool loitering = detect_is_enabled(wanted, DETECT_loitering) && !any_zone(camera, is_for_loitering);
    bool crowd = detect_is_enabled(wanted, DETECT_crowd) && !any_zone(camera, is_for_crowds);
    bool objects = detect_is_enabled(wanted, DETECT_object_left_taken) && !any_zone(camera, is_for_objects);
    if (!loitering && !crowd && !objects)
        return;
    struct zone *zone = record_list_append(&camera->zones, &zone_descriptor);
    zone->id = g_strdup(picture_zone);
    zone->polygon.items = g_memdup2(corners, sizeof corners);
    zone->polygon.count = G_N_ELEMENTS(corners);
    zone->loitering_seconds = loitering ? request->loitering_seconds : 0;
    zone->crowd_limit = crowd ? request->crowd_limit : 0;
    zone->left_seconds = zone->taken_seconds = objects ? request->object_seconds : 0;
}

/* What is not asked for is not looked for, also where a zone of the request names it. */
static void take_off(const struct detect_features *wanted, struct zone *zone)
{
    if (!detect_is_enabled(wanted, DETECT_zone_intrusion) && is_guarded(zone))
        zone->kind = ZONE_AREA;
    if (!detect_is_enabled(wanted, DETECT_loitering))
        zone->loitering_seconds = 0;
    if (!detect_is_enabled(wanted, DETECT_crowd))
        zone->crowd_limit = 0;
    if (!detect_is_enabled(wanted, DETECT_object_left_taken))
        zone->left_seconds = zone->taken_seconds = 0;
}

void picture_camera_fill(const struct detect_request *request, int width_px, struct camera *camera)
{
    const struct detect_features *wanted = &request->enabled_features;
    record_init(&camera_descriptor, camera);
    camera->id = g_strdup(request->stream_id);
    const struct zone *zones = request->zones.items;
    for (size_t i = 0; i < request->zones.count; i++) {
        struct zone *zone = record_list_append(&camera->zones, &zone_descriptor);
        record_clear(&zone_descriptor, zone);
        record_copy(&zone_descriptor, &zones[i], zone);
        take_off(wanted, zone);
    }
    if (request->line_x.is_present && detect_is_enabled(wanted, DETECT_line_crossing))
        add_line(request, width_px, camera);
    add_picture_zone(request, camera);
    if (!detect_is_enabled(wanted, DETECT_tampering))
        camera->rules.tamper_seconds = camera->rules.frozen_seconds = 0;
}

/* ---- how each feature went ---- */

static bool knows(const struct model_card *card, enum object_kind kind)
{
    for (size_t i = 0; i < card->labels.count; i++)
        if (object_kind_of(card->labels.items[i]) == kind)
            return true;
    return false;
}

static bool has_guarded_zone(const struct detect_request *request)
{
    const struct zone *zones = request->zones.items;
    for (size_t i = 0; i < request->zones.count; i++)
        if (is_guarded(&zones[i]))
            return true;
    return false;
}

/* Why a feature cannot be looked for; NULL when it can. */
static const char *find_hindrance(enum detect_feature feature, const struct detect_request *request,
                                  const struct model_card *card)
{
    switch (feature) {
    case DETECT_people_count:
    case DETECT_vehicles:
        if (!card)
            return "no model tells what things are: set detector.model";
        return knows(card, feature == DETECT_vehicles ? OBJECT_VEHICLE : OBJECT_PERSON)
                   ? NULL
                   : "the model knows none of them: its labels say what it finds";
    case DETECT_ppe:
        return "this version does not recognise protective equipment";
    case DETECT_face_identity:
        return "this version does not recognise people by their faces";
    case DETECT_attendance:
        return "this version keeps no attendance";
    case DETECT_plates:
        return "this version does not read plates in pictures sent to it";
    default:
        break;
    }
    if (!request->stream_id || !*request->stream_id)
        return "it is seen over several pictures: send them with one stream_id";
    if (feature == DETECT_line_crossing && !request->line_x.is_present)
        return "there is no line: set line_x";
    if (feature == DETECT_zone_intrusion && !has_guarded_zone(request))
        return "there is no zone of kind intrusion or restricted in zones";
    return NULL;
}

/* The kinds of signal that a feature's rule raises begin so. */
static const char *kind_prefix_of(enum detect_feature feature, size_t which)
{
    static const char *const prefixes[DETECT_FEATURE_END][2] = {
        [DETECT_zone_intrusion] = {"intrusion", "restricted_zone"},
        [DETECT_loitering] = {"loitering"},
        [DETECT_crowd] = {"crowd"},
        [DETECT_object_left_taken] = {"object_"},
        [DETECT_tampering] = {"camera_"},
    };
    return prefixes[feature][which];
}

static int count_violations(const struct detect_response *response, enum detect_feature feature)
{
    int count = 0;
    const struct signal *signals = response->violations.items;
    for (size_t i = 0; i < response->violations.count; i++)
        for (size_t j = 0; j < 2; j++) {
            const char *prefix = kind_prefix_of(feature, j);
            count += prefix && g_str_has_prefix(signals[i].kind, prefix);
        }
    return count;
}

static int count_of(const struct detect_response *response, enum detect_feature feature)
{
    if (feature == DETECT_people_count)
        return response->counts.people;
    if (feature == DETECT_vehicles)
        return response->counts.vehicles;
    if (feature == DETECT_line_crossing)
        return (int)response->crossings.count;
    return count_violations(response, feature);
}

void picture_counts_limit(const struct detect_request *request, struct detect_response *response)
{
    if (!detect_is_enabled(&request->enabled_features, DETECT_people_count))
        response->counts.people = 0;
    if (!detect_is_enabled(&request->enabled_features, DETECT_vehicles))
        response->counts.vehicles = 0;
}

void picture_features_fill(const struct detect_request *request, const struct model_card *card,
                           struct detect_response *response)
{
    for (enum detect_feature feature = 1; feature < DETECT_FEATURE_END; feature++) {
        struct detect_state *state = detect_state_of(&response->features, feature);
        if (!detect_is_enabled(&request->enabled_features, feature)) {
            state->status = DETECT_OFF;
            continue;
        }
        const char *hindrance = find_hindrance(feature, request, card);
        state->status = hindrance ? DETECT_UNAVAILABLE : DETECT_OK;
        g_free(state->reason);
        state->reason = g_strdup(hindrance);
        state->count = hindrance ? 0 : count_of(response, feature);
    }
}
