/* Rules end to end: scenes to which something happens, through the whole frame path. */
#include "scene/scene.h"
#include "worker/worker.h"

#include <string.h>

enum { SECONDS = 36, FAULT_SECONDS = 20, OBJECT_SECONDS = 5, FROZEN_SECONDS = 5 };

struct told {
    char kinds[512]; /* each once, separated by blanks, in order */
    double first_seconds;
};

static void on_event(void *data, const struct analytics_event *event)
{
    struct told *told = data;
    struct signal signal;
    struct record_errors errors;
    if (event->type != EVENT_SIGNAL)
        return;
    record_errors_init(&errors);
    g_assert_true(
        record_decode_json(&signal_descriptor, event->payload.text, strlen(event->payload.text), &signal, &errors));
    if (!*told->kinds)
        told->first_seconds = (double)signal.started_at.ms / 1000;
    if (!strstr(told->kinds, signal.kind)) {
        g_strlcat(told->kinds, *told->kinds ? " " : "", sizeof told->kinds);
        g_strlcat(told->kinds, signal.kind, sizeof told->kinds);
    }
    record_clear(&signal_descriptor, &signal);
    record_errors_clear(&errors);
}

static void watch_for_all(struct camera *camera)
{
    static const struct record_point floor[] = {{0.02, 0.3}, {0.98, 0.3}, {0.98, 0.99}, {0.02, 0.99}};
    record_init(&camera_descriptor, camera);
    camera->id = g_strdup("c");
    struct zone *zone = record_list_append(&camera->zones, &zone_descriptor);
    zone->id = g_strdup("floor");
    zone->polygon.items = g_memdup2(floor, sizeof floor);
    zone->polygon.count = G_N_ELEMENTS(floor);
    zone->left_seconds = zone->taken_seconds = OBJECT_SECONDS;
    camera->rules.frozen_seconds = FROZEN_SECONDS;
}

typedef void painter(struct frame *frame, double seconds);

/* `paint`, if not NULL, adds to each picture. */
static struct told run_scene(const char *uri, painter *paint)
{
    struct told told = {0};
    struct settings settings;
    struct camera camera;
    struct camera_health health;
    record_init(&settings_descriptor, &settings);
    record_init(&camera_health_descriptor, &health);
    watch_for_all(&camera);
    const struct worker_config config = {.workers = settings.workers,
                                         .motion = settings.motion,
                                         .detector = settings.detector,
                                         .tracker = settings.tracker,
                                         .rules = settings.rules};
    const struct pipeline_sink sink = {.event = on_event, .data = &told};
    struct pipeline *pipeline = pipeline_new(&config, &camera, NULL, NULL, 1, clock_system(), &health, &sink);
    CLEANUP(scene) struct scene *scene = scene_new_from_uri(uri, NULL);
    for (uint64_t i = 0; i < SECONDS * (uint64_t)scene_fps(scene); i++) {
        CLEANUP(frame) struct frame *frame = scene_render(scene, i);
        frame->captured_at_ms = frame->media_us / 1000 + 1; /* 0 is unset */
        if (paint)
            paint(frame, (double)frame->media_us / 1e6);
        pipeline_feed(pipeline, frame);
    }
    pipeline_free(pipeline);
    record_clear(&camera_descriptor, &camera);
    record_clear(&camera_health_descriptor, &health);
    record_clear(&settings_descriptor, &settings);
    return told;
}

static struct told check_told(const char *uri, const char *kind)
{
    const struct told told = run_scene(uri, NULL);
    if (strcmp(told.kinds, kind) != 0)
        g_error("%s: told '%s' (first after %.1f s), not '%s'", uri, told.kinds, told.first_seconds, kind);
    return told;
}

static void check_fault(const char *scene, const char *fault, const char *kind)
{
    g_autofree char *uri = g_strdup_printf("scene://%s?fps=5&seed=3&fault=%s@%d", scene, fault, FAULT_SECONDS);
    g_assert_cmpfloat(check_told(uri, kind).first_seconds, >, FAULT_SECONDS);
}

static void test_what_happens_to_a_camera_is_told(gconstpointer scene)
{
    check_fault(scene, "covered", "camera_covered");
    check_fault(scene, "blurred", "camera_blurred");
    check_fault(scene, "moved", "camera_moved");
    check_fault(scene, "nudged", "camera_moved");
    check_fault(scene, "dark", "camera_dark");
    check_fault(scene, "frozen", "camera_frozen");
}

/* A striped lorry that fills two thirds of the picture comes in, stands for two seconds and goes on. */
static void paint_lorry(struct frame *frame, double seconds)
{
    static const double comes = 10, stands = 13, goes = 15, speed = 0.3; /* s, frame widths a second */
    double front = speed * (MIN(seconds, stands) - comes + MAX(seconds - goes, 0)) * frame->width_px;
    int stripe_px = frame->width_px / 24, length_px = frame->width_px;
    for (int y = frame->height_px / 6; y < frame->height_px * 5 / 6; y++)
        for (int x = 0; x < frame->width_px; x++) {
            int along = (int)front - x;
            if (along > 0 && along < length_px)
                frame_plane(frame, 0)[y * frame->strides_bytes[0] + x] = along / stripe_px % 2 ? 60 : 190;
        }
}

/* Sun breaks through, and goes again. */
static void paint_sun(struct frame *frame, double seconds)
{
    if ((int)seconds % 8 < 4)
        return;
    for (int y = 0; y < frame->height_px; y++)
        for (int x = 0; x < frame->width_px; x++) {
            uint8_t *pixel = frame_plane(frame, 0) + y * frame->strides_bytes[0] + x;
            *pixel = (uint8_t)MIN(*pixel * 3 / 2 + 10, UINT8_MAX);
        }
}

static void test_neither_large_things_nor_light_move_a_camera(void)
{
    static const char scene[] = "scene://gate?fps=5&seed=3";
    static painter *const painters[] = {paint_lorry, paint_sun};
    for (size_t i = 0; i < G_N_ELEMENTS(painters); i++) {
        const struct told told = run_scene(scene, painters[i]);
        if (strstr(told.kinds, "camera_"))
            g_error("%s: told '%s' (first after %.1f s)", scene, told.kinds, told.first_seconds);
    }
    g_assert_null(strstr(run_scene("scene://gate?fps=5&seed=3&fault=lamp@10", NULL).kinds, "camera_"));
}

static void test_things_left_and_taken_are_told(void)
{
    check_fault("shop", "left", "object_left");
    check_fault("shop", "taken", "object_taken");
    check_fault("empty", "left", "object_left");
    check_fault("empty", "taken", "object_taken");
}

/* Days on which vehicles park one after the other in the same place, and people stand where the usual is learnt. */
static void test_nothing_is_told_where_nothing_happens(void)
{
    static const char *const uris[] = {
        "scene://shop?fps=5&seed=3",  "scene://gate?fps=5&seed=3",  "scene://corridor?fps=5&seed=3",
        "scene://night?fps=5&seed=3", "scene://empty?fps=5&seed=3", "scene://gate?fps=5&seed=11",
        "scene://gate?fps=5&seed=20", "scene://night?fps=5&seed=5", "scene://corridor?fps=5&seed=18",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(uris); i++)
        check_told(uris[i], "");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/rules on scenes/what happens to a shop's camera is told", "shop",
                         test_what_happens_to_a_camera_is_told);
    g_test_add_data_func("/rules on scenes/what happens to an empty room's camera is told", "empty",
                         test_what_happens_to_a_camera_is_told);
    g_test_add_data_func("/rules on scenes/what happens to a camera at night is told", "night",
                         test_what_happens_to_a_camera_is_told);
    g_test_add_func("/rules on scenes/neither large things nor light move a camera",
                    test_neither_large_things_nor_light_move_a_camera);
    g_test_add_func("/rules on scenes/things left and taken are told", test_things_left_and_taken_are_told);
    g_test_add_func("/rules on scenes/nothing is told where nothing happens",
                    test_nothing_is_told_where_nothing_happens);
    return g_test_run();
}
