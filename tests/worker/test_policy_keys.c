/* Changing a key changes behaviour: for each key of a policy that workers are told of, two documents that differ in it
 * alone, and what a worker makes of the same world under one and the other. That the worker is told is shown in
 * tests/policy/test_policy_apply.c; keys of which workers know nothing are shown elsewhere: retention's in
 * tests/keeper/test_policy_keeper.c, notify's in tests/notify/test_notify.c. */
#include "policy/policy.h"
#include "scene/scene.h"
#include "worker/gate.h"
#include "worker/selection.h"
#include "worker/worker.h"

#include <math.h>
#include <string.h>

#include "analytics/analytics.h"

/* ---- a camera under one document ---- */

static void make_camera(struct camera_config *base)
{
    static const struct record_point corners[] = {{0.02, 0.1}, {0.98, 0.1}, {0.98, 0.99}, {0.02, 0.99}};
    record_init(&camera_config_descriptor, base);
    base->camera.id = g_strdup("door");
    base->camera.source = g_strdup("rtsp://10.0.0.7/s1");
    struct zone *zone = record_list_append(&base->camera.zones, &zone_descriptor);
    zone->id = g_strdup("hall");
    zone->polygon.items = g_memdup2(corners, sizeof corners);
    zone->polygon.count = G_N_ELEMENTS(corners);
}

static void configure(enum policy_type type, const char *document, struct camera_config *config)
{
    static const struct policy_scope door = {.org_id = "default", .camera_id = "door"};
    struct camera_config base;
    g_autoptr(GError) error = NULL;
    CLEANUP(policy_set) struct policy_set *set = policy_set_new();
    make_camera(&base);
    policy_set_add(set, &(struct policy_document){door, type, document, 1}, &error);
    g_assert_no_error(error);
    CLEANUP(policy_view) struct policy_view *view = policy_view_new(set, &door, 1, 0, &error);
    g_assert_no_error(error);
    policy_apply(policy_view_at(view, 0), 1, &base, config, &error);
    g_assert_no_error(error);
    record_clear(&camera_config_descriptor, &base);
}

/* ---- rules: what they tell of figures that come and go ---- */

enum { FRAME_US = 100000, FIGURES_MAX = 8 };

struct stage {
    struct analytics *analytics;
    const char *kind; /* what is looked for */
    struct picture_facts picture;
    int64_t media_us;
    int count;
    double first_seconds; /* -1: never */
};

static bool is_looked_for(const struct stage *stage, enum event_type type, const void *record)
{
    if (type == EVENT_SIGNAL)
        return strcmp(((const struct signal *)record)->kind, stage->kind) == 0;
    if (type == EVENT_ZONE_HIT)
        return ((const struct zone_hit *)record)->event == ZONE_HIT_DWELL && strcmp(stage->kind, "dwell") == 0;
    return type == EVENT_OCCUPANCY && strcmp(stage->kind, "occupancy") == 0;
}

static void on_emit(void *data, enum event_type type, void *record)
{
    struct stage *stage = data;
    if (!is_looked_for(stage, type, record))
        return;
    if (!stage->count++)
        stage->first_seconds = (double)stage->media_us / 1e6;
}

static struct observed_track upright(uint64_t id, double x)
{
    return (struct observed_track){.id = id,
                                   .object_class = g_intern_static_string("person"),
                                   .x = (int16_t)(x * OBSERVATION_BOX_ONE),
                                   .y = OBSERVATION_BOX_ONE / 2,
                                   .w = 200,
                                   .h = 800,
                                   .confidence = 230,
                                   .is_confirmed = true};
}

static void show(struct stage *stage, const struct observed_track *tracks, int count)
{
    const struct observation observation = {.at_ms = 1000 + stage->media_us / 1000,
                                            .media_us = stage->media_us,
                                            .tracks = tracks,
                                            .track_count = count,
                                            .aspect = OBSERVATION_BOX_ONE * 9 / 16,
                                            .picture = &stage->picture};
    const struct analytics_sink sink = {on_emit, stage};
    analytics_observe(stage->analytics, &observation, &sink);
    stage->media_us += FRAME_US;
}

static void stand(struct stage *stage, int figures, double seconds)
{
    struct observed_track tracks[FIGURES_MAX];
    for (int i = 0; i < figures; i++)
        tracks[i] = upright((uint64_t)i + 1, 0.1 + 0.1 * i);
    for (int i = 0; i < seconds * G_USEC_PER_SEC / FRAME_US; i++)
        show(stage, tracks, figures);
}

static void play_visitor(struct stage *stage)
{
    stand(stage, 1, 20);
}

static void play_crowd(struct stage *stage) /* two of five go for a while */
{
    stand(stage, 5, 10);
    stand(stage, 3, 10);
    stand(stage, 5, 10);
}

static void play_runner(struct stage *stage) /* a tenth of the picture a second */
{
    for (int i = 0; i < 80; i++) {
        struct observed_track track = upright(1, 0.1 + 0.01 * i);
        show(stage, &track, 1);
    }
}

static void play_laps(struct stage *stage) /* and out of the zone between two */
{
    for (int i = 0; i < 3 * 45; i++) {
        struct observed_track track = upright(1, 0.1 + 0.01 * (i % 45));
        if (i % 45 >= 30)
            track.y = -track.h;
        show(stage, &track, 1);
    }
}

static void play_fall(struct stage *stage)
{
    stand(stage, 1, 3);
    struct observed_track lying = upright(1, 0.1);
    lying.w = 800;
    lying.h = 200;
    lying.y = OBSERVATION_BOX_ONE / 2 + 600;
    for (int i = 0; i < 100; i++)
        show(stage, &lying, 1);
}

static void play_thing_left(struct stage *stage)
{
    stage->picture.regions[0] = (struct picture_region){1950, 2800, 200, 300, false};
    stage->picture.region_count = 1;
    stand(stage, 0, 20);
}

static void play_thing_taken(struct stage *stage)
{
    stage->picture.regions[0] = (struct picture_region){1950, 2800, 200, 300, true};
    stage->picture.region_count = 1;
    stand(stage, 0, 20);
}

static void play_hand_over_lens(struct stage *stage)
{
    stage->picture.edges = stage->picture.contrast = stage->picture.likeness = 0;
    stand(stage, 0, 20);
}

static void play_frozen(struct stage *stage)
{
    for (int i = 0; i < 200; i++) {
        stage->picture.repeated_us = stage->media_us;
        show(stage, NULL, 0);
    }
}

static void run_rules(const struct camera_config *config, const char *kind, void (*play)(struct stage *stage),
                      struct stage *stage)
{
    *stage = (struct stage){.analytics = analytics_new(&config->camera, &config->rules),
                            .kind = kind,
                            .picture = {.is_usual_known = true,
                                        .mean_luma = 128,
                                        .edges = PICTURE_SHARE_ONE,
                                        .contrast = PICTURE_SHARE_ONE,
                                        .likeness = PICTURE_SHARE_ONE},
                            .first_seconds = -1};
    play(stage);
    analytics_free(stage->analytics);
}

/* ---- the model's gate ---- */

/* A frame each tenth of a second; with `moves` something small goes through the picture. */
static void run_gate(const struct camera_config *config, bool moves, int answers[GATE_REGION + 1])
{
    enum { WIDTH = 64, HEIGHT = 36, FRAMES = 300, SIZE = 6 };
    uint8_t luma[HEIGHT * WIDTH];
    struct frame frame = {.width_px = WIDTH, .height_px = HEIGHT, .planes = {luma}, .strides_bytes = {WIDTH}};
    const struct motion_scene scene = {0};
    g_autofree struct detections *moving = g_new0(struct detections, 1), *found = g_new0(struct detections, 1);
    g_autofree struct tracks *tracks = g_new0(struct tracks, 1);
    g_autofree struct gate *gate = g_new0(struct gate, 1);
    struct record_box region;
    gate_init(gate, &config->detector);
    found->items[found->count++].box = (struct record_box){0.1, 0.1, 0.1, 0.2}; /* rests there */
    for (int i = 0; i < FRAMES; i++, frame.media_us += FRAME_US) {
        int x = i / 5 % (WIDTH - SIZE);
        memset(luma, 100, sizeof luma);
        for (int y = 20; moves && y < 20 + SIZE; y++)
            memset(luma + (ptrdiff_t)y * WIDTH + x, 200, SIZE);
        moving->count = moves;
        moving->items[0].box =
            (struct record_box){(double)x / WIDTH, 20.0 / HEIGHT, (double)SIZE / WIDTH, (double)SIZE / HEIGHT};
        enum gate_answer answer = gate_ask(gate, &frame, moving, &scene, tracks, found, &region);
        answers[answer]++;
        if (answer != GATE_HOLD)
            gate_note_run(gate, &frame, answer, moving, found);
    }
}

/* ---- what a document makes of a world, as one number ---- */

struct key_row;
typedef double probe(const struct key_row *row, const struct camera_config *config);

struct key_row {
    enum policy_type type;
    const char *key;
    const char *first, *second; /* documents */
    probe *probe;
    const char *kind; /* for rules: what is looked for; for pictures: the scene */
    void (*play)(struct stage *stage);
    double of_first, of_second; /* what the probe finds; NAN in both: the second finds less */
};

static double first_told(const struct key_row *row, const struct camera_config *config)
{
    struct stage stage;
    run_rules(config, row->kind, row->play, &stage);
    return stage.first_seconds;
}

static double times_told(const struct key_row *row, const struct camera_config *config)
{
    struct stage stage;
    run_rules(config, row->kind, row->play, &stage);
    return stage.count;
}

static double runs_at_rest(const struct key_row *row, const struct camera_config *config)
{
    int answers[GATE_REGION + 1] = {0};
    (void)row;
    run_gate(config, false, answers);
    return answers[GATE_WHOLE];
}

static double runs_on_regions(const struct key_row *row, const struct camera_config *config)
{
    int answers[GATE_REGION + 1] = {0};
    (void)row;
    run_gate(config, true, answers);
    return answers[GATE_REGION];
}

static double followed(const struct key_row *row, const struct camera_config *config)
{
    static const struct {
        const char *object_class;
        double confidence;
    } finds[] = {{"person", 0.9}, {"car", 0.8}, {"person", 0.3}};
    g_autofree struct detections *found = g_new0(struct detections, 1);
    struct selection selection;
    (void)row;
    for (size_t i = 0; i < G_N_ELEMENTS(finds); i++)
        found->items[found->count++] = (struct detection){.object_class = g_intern_string(finds[i].object_class),
                                                          .confidence = finds[i].confidence};
    selection_init(&selection);
    selection_configure(&selection, config);
    double count = selection_of(&selection, found)->count;
    selection_clear(&selection);
    return count;
}

static double analysed_in_ten_seconds(const struct key_row *row, const struct camera_config *config)
{
    enum { FPS = 30, SECONDS = 10 };
    struct frame_thinner thinner;
    int count = 0;
    (void)row;
    frame_thinner_init(&thinner, config->camera.analyse_fps);
    for (int i = 0; i < FPS * SECONDS; i++)
        count += frame_thinner_pass(&thinner, (int64_t)i * G_USEC_PER_SEC / FPS);
    return count;
}

/* ---- whole pictures ---- */

#define SHOP "scene://shop?fps=5&seed=3"
#define EMPTY "scene://empty?fps=5&seed=3" /* but for what is painted */
enum { SCENE_SECONDS = 12, SCENE_FPS = 5, FAINT = 18 };

struct seen {
    int64_t boxes;    /* of all frames */
    gsize jpeg_bytes; /* of the last frame's preview */
};

/* Something hardly brighter than what is behind it goes through the picture. */
static void paint_faint(struct frame *frame, uint64_t number)
{
    int size_px = frame->height_px / 4,
        left_px = (int)(number * 3 * (uint64_t)frame->width_px / 4 / (SCENE_SECONDS * SCENE_FPS));
    for (int y = size_px; y < 2 * size_px; y++)
        for (int x = left_px; x < left_px + size_px; x++) {
            uint8_t *pixel = frame_plane(frame, 0) + (ptrdiff_t)y * frame->strides_bytes[0] + x;
            *pixel = (uint8_t)MIN(*pixel + FAINT, UINT8_MAX);
        }
}

static void ignore_event(void *data, const struct analytics_event *event)
{
    (void)data;
    (void)event;
}

static void watch_scene(const char *uri, const struct camera_config *config, struct seen *seen)
{
    struct settings settings;
    struct camera_health health;
    record_init(&settings_descriptor, &settings);
    record_init(&camera_health_descriptor, &health);
    const struct worker_config worker = {.workers = settings.workers,
                                         .motion = settings.motion,
                                         .detector = settings.detector,
                                         .tracker = settings.tracker,
                                         .rules = settings.rules};
    const struct pipeline_sink sink = {.event = ignore_event};
    struct pipeline *pipeline = pipeline_new(&worker, &config->camera, NULL, NULL, 1, clock_system(), &health, &sink);
    CLEANUP(scene) struct scene *scene = scene_new_from_uri(uri, NULL);
    pipeline_configure(pipeline, config);
    *seen = (struct seen){0};
    for (uint64_t i = 0; i < SCENE_SECONDS * SCENE_FPS; i++) {
        CLEANUP(frame) struct frame *frame = scene_render(scene, i);
        frame->captured_at_ms = frame->media_us / 1000 + 1; /* 0 is unset */
        if (strcmp(uri, EMPTY) == 0)
            paint_faint(frame, i);
        pipeline_feed(pipeline, frame);
        seen->boxes += pipeline_tracks(pipeline)->count;
        g_autoptr(GBytes) jpeg = i + 1 == SCENE_SECONDS * SCENE_FPS ? pipeline_preview(pipeline, frame, NULL) : NULL;
        seen->jpeg_bytes = jpeg ? g_bytes_get_size(jpeg) : 0;
    }
    pipeline_free(pipeline);
    record_clear(&camera_health_descriptor, &health);
    record_clear(&settings_descriptor, &settings);
}

static double boxes_seen(const struct key_row *row, const struct camera_config *config)
{
    struct seen seen;
    watch_scene(row->kind, config, &seen);
    return (double)seen.boxes;
}

/* What is hidden takes fewer bytes. */
static double preview_bytes(const struct key_row *row, const struct camera_config *config)
{
    struct seen seen;
    watch_scene(row->kind, config, &seen);
    g_assert_cmpuint(seen.jpeg_bytes, >, 0);
    return (double)seen.jpeg_bytes;
}

/* Of what moves, and may be no more than a head, it says nothing: here a model found a person. */
static double person_bytes(const struct key_row *row, const struct camera_config *config)
{
    static const struct record_box box = {0.1, 0.1, 0.8, 0.8};
    struct selection selection;
    selection_init(&selection);
    selection_configure(&selection, config);
    CLEANUP(scene) struct scene *scene = scene_new_from_uri(row->kind, NULL);
    CLEANUP(frame) struct frame *frame = scene_render(scene, 0);
    CLEANUP(privacy_encoder) struct privacy_encoder *encoder = privacy_encoder_new(frame->width_px, 90);
    const struct privacy_figure figure = selection_figure(g_intern_static_string("person"), &box);
    const struct privacy_request request = {
        .figures = &figure, .figure_count = 1, .cells_a_side = privacy_cells_a_side(selection.privacy.blur_strength)};
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) jpeg = privacy_encode_jpeg(encoder, frame, &request, &error);
    g_assert_no_error(error);
    selection_clear(&selection);
    return (double)g_bytes_get_size(jpeg);
}

static double hides_car(const struct key_row *row, const struct camera_config *config)
{
    struct selection selection;
    (void)row;
    selection_init(&selection);
    selection_configure(&selection, config);
    double hides = selection_hides(&selection, g_intern_static_string("car"));
    selection_clear(&selection);
    return hides;
}

/* ---- every key ---- */

static const struct key_row rows[] = {
    {POLICY_PRIVACY, "face_blur_enabled", "{\"face_blur_enabled\":false,\"license_plate_blur_enabled\":false}",
     "{\"face_blur_enabled\":true,\"license_plate_blur_enabled\":false}", preview_bytes, SHOP, NULL, NAN, NAN},
    {POLICY_PRIVACY, "license_plate_blur_enabled", "{\"face_blur_enabled\":false,\"license_plate_blur_enabled\":true}",
     "{\"face_blur_enabled\":false,\"license_plate_blur_enabled\":false}", hides_car, NULL, NULL, 1, 0},
    {POLICY_PRIVACY, "blur_strength", "{\"blur_strength\":0.1}", "{\"blur_strength\":1}", person_bytes, SHOP, NULL, NAN,
     NAN},
    {POLICY_DETECTION, "analyse_fps", "{\"analyse_fps\":10}", "{\"analyse_fps\":2}", analysed_in_ten_seconds, NULL,
     NULL, NAN, NAN},
    {POLICY_DETECTION, "classes", "{\"classes\":[\"person\",\"car\"]}", "{\"classes\":[\"car\"]}", followed, NULL, NULL,
     3, 1},
    /* what the model is asked for: test_confidence.c */
    {POLICY_DETECTION, "confidence", "{\"confidence\":0.2}", "{\"confidence\":0.85}", followed, NULL, NULL, 3, 1},
    {POLICY_DETECTION, "full_seconds", "{\"full_seconds\":2}", "{\"full_seconds\":10}", runs_at_rest, NULL, NULL, NAN,
     NAN},
    {POLICY_DETECTION, "stationary_seconds", "{\"stationary_seconds\":1,\"full_seconds\":3600}",
     "{\"stationary_seconds\":20,\"full_seconds\":3600}", runs_at_rest, NULL, NULL, NAN, NAN},
    {POLICY_DETECTION, "region_share", "{\"region_share\":0.9}", "{\"region_share\":0}", runs_on_regions, NULL, NULL,
     NAN, NAN},
    {POLICY_MOTION, "sensitivity", "{\"sensitivity\":0.9}", "{\"sensitivity\":0}", boxes_seen, EMPTY, NULL, NAN, NAN},
    {POLICY_MOTION, "minimum_area", "{\"minimum_area\":0.0008}", "{\"minimum_area\":0.5}", boxes_seen, SHOP, NULL, NAN,
     NAN},
    {POLICY_MOTION, "learn_seconds", "{\"learn_seconds\":1}", "{\"learn_seconds\":8}", boxes_seen, SHOP, NULL, NAN,
     NAN},
    {POLICY_ANTITHEFT, "left_seconds", "{\"left_seconds\":5}", "{\"left_seconds\":15}", first_told, "object_left",
     play_thing_left, 5, 15},
    {POLICY_ANTITHEFT, "taken_seconds", "{\"taken_seconds\":5}", "{\"taken_seconds\":15}", first_told, "object_taken",
     play_thing_taken, 5, 15},
    {POLICY_SAFETY, "loitering_seconds", "{\"loitering_seconds\":5}", "{\"loitering_seconds\":15}", first_told,
     "loitering", play_visitor, 5, 15},
    {POLICY_SAFETY, "speed_limit", "{\"speed_limit\":0.05}", "{\"speed_limit\":0.2}", first_told, "speeding",
     play_runner, 1, -1},
    {POLICY_SAFETY, "cooldown_seconds", "{\"speed_limit\":0.05,\"cooldown_seconds\":2}",
     "{\"speed_limit\":0.05,\"cooldown_seconds\":60}", times_told, "speeding", play_laps, 3, 1},
    {POLICY_SAFETY, "tamper_seconds", "{\"tamper_seconds\":5}", "{\"tamper_seconds\":15}", first_told, "camera_covered",
     play_hand_over_lens, 5, 15},
    {POLICY_SAFETY, "frozen_seconds", "{\"frozen_seconds\":5}", "{\"frozen_seconds\":15}", first_told, "camera_frozen",
     play_frozen, 5, 15},
    {POLICY_SAFETY, "fall_seconds", "{\"fall_seconds\":2}", "{\"fall_seconds\":6}", first_told, "fall", play_fall, 5,
     9},
    {POLICY_OCCUPANCY, "dwell_seconds", "{\"dwell_seconds\":5}", "{\"dwell_seconds\":15}", first_told, "dwell",
     play_visitor, 5, 15},
    {POLICY_OCCUPANCY, "occupancy_limit", "{\"occupancy_limit\":4}", "{\"occupancy_limit\":5}", times_told,
     "occupancy_exceeded", play_crowd, 2, 0},
    {POLICY_OCCUPANCY, "hysteresis", "{\"occupancy_limit\":4,\"hysteresis\":1}",
     "{\"occupancy_limit\":4,\"hysteresis\":3}", times_told, "occupancy_exceeded", play_crowd, 2, 1},
    {POLICY_OCCUPANCY, "crowd_limit", "{\"crowd_limit\":4}", "{\"crowd_limit\":5}", times_told, "crowd", play_crowd, 2,
     0},
    {POLICY_OCCUPANCY, "crowd_seconds", "{\"crowd_limit\":4,\"crowd_seconds\":2}",
     "{\"crowd_limit\":4,\"crowd_seconds\":8}", first_told, "crowd", play_crowd, 2, 8},
    {POLICY_OCCUPANCY, "queue_limit", "{\"queue_limit\":4}", "{\"queue_limit\":5}", times_told, "queue_long",
     play_crowd, 2, 0},
    {POLICY_OCCUPANCY, "queue_seconds", "{\"queue_limit\":4,\"queue_seconds\":2}",
     "{\"queue_limit\":4,\"queue_seconds\":8}", first_told, "queue_long", play_crowd, 2, 8},
    {POLICY_OCCUPANCY, "occupancy_interval_seconds", "{\"occupancy_interval_seconds\":1}",
     "{\"occupancy_interval_seconds\":10}", times_told, "occupancy", play_visitor, NAN, NAN},
};

static double find(const struct key_row *row, const char *document)
{
    struct camera_config config;
    configure(row->type, document, &config);
    double number = row->probe(row, &config);
    record_clear(&camera_config_descriptor, &config);
    return number;
}

static void test_changing_a_key_changes_behaviour(void)
{
    static const double tolerance = 0.35; /* frames until somebody is settled, and what is left of a frame */
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        const struct key_row *row = &rows[i];
        double first = find(row, row->first), second = find(row, row->second);
        g_test_message("%s.%s: %g, then %g", policy_type_names[row->type - 1], row->key, first, second);
        bool is_as_said = isnan(row->of_first)
                              ? second < first
                              : fabs(first - row->of_first) <= tolerance && fabs(second - row->of_second) <= tolerance;
        if (!is_as_said || first == second)
            g_error("%s.%s: %g under %s, %g under %s", policy_type_names[row->type - 1], row->key, first, row->first,
                    second, row->second);
    }
}

static bool has_row(enum policy_type type, const char *key)
{
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
        if (rows[i].type == type && strcmp(rows[i].key, key) == 0)
            return true;
    return false;
}

static void test_no_key_is_left_out(void)
{
    for (size_t i = 0; i < POLICY_TYPES; i++)
        for (size_t j = 0; j < policy_types[i].descriptor->field_count; j++) {
            const struct record_field *key = &policy_types[i].descriptor->fields[j];
            bool is_shown_here = policy_types[i].type != POLICY_RETENTION && policy_types[i].type != POLICY_NOTIFY &&
                                 !(key->flags & RECORD_NOT_YET);
            if (is_shown_here && !has_row(policy_types[i].type, key->name))
                g_error("nothing shows what %s.%s does", policy_type_names[i], key->name);
        }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/policy keys/changing a key changes behaviour", test_changing_a_key_changes_behaviour);
    g_test_add_func("/policy keys/no key is left out", test_no_key_is_left_out);
    return g_test_run();
}
