/* `decode: auto` through the frame path: what moves wakes a camera whose key frames are all that is decoded, though it
 * goes so far between two of them that it is no object yet; and a quiet one stays at its key frames. */
#include "base/counter.h"
#include "base/random.h"
#include "media/stage.h"
#include "worker/worker.h"

#include <stdio.h>
#include <string.h>

enum {
    FPS = 10,
    GROUP_SECONDS = 2,
    SECONDS = 11,
    WIDE_PX = 640,
    HIGH_PX = 360,
    LEARNT_SECONDS = 5, /* and quiet, before more than one key frame */
    WALK_FROM_SECONDS = LEARNT_SECONDS + 1,
    WALK_SECONDS = 4
};

/* A wall of stripes, with the noise of a sensor. */
static void draw_wall(struct frame *frame, int number)
{
    struct random random;
    random_init(&random, (uint64_t)number + 1);
    for (int plane = 0; plane < 3; plane++)
        for (int y = 0; y < frame_plane_rows(frame, plane); y++)
            for (int x = 0; x < frame_plane_row_bytes(frame, plane); x++)
                frame_plane(frame, plane)[y * frame->strides_bytes[plane] + x] =
                    (uint8_t)(plane ? 128 : (x / 32 % 2 ? 90 : 120) + (int)(random_next(&random) % 5) - 2);
}

/* Bright, a sixteenth of the width wide, from edge to edge in WALK_SECONDS. */
static void draw_walker(struct frame *frame, double seconds)
{
    int left = (int)((seconds - WALK_FROM_SECONDS) / WALK_SECONDS * WIDE_PX), right = MIN(left + WIDE_PX / 16, WIDE_PX);
    for (int y = HIGH_PX / 4; y < HIGH_PX * 3 / 4 && left >= 0 && left < right; y++)
        memset(frame_plane(frame, 0) + y * frame->strides_bytes[0] + left, 220, (size_t)(right - left));
}

static void write_pictures(const char *path, bool has_walker)
{
    FILE *file = fopen(path, "wb");
    g_assert_nonnull(file);
    for (int i = 0; i < SECONDS * FPS; i++) {
        CLEANUP(frame) struct frame *frame = frame_new_allocated(WIDE_PX, HIGH_PX);
        draw_wall(frame, i);
        if (has_walker)
            draw_walker(frame, (double)i / FPS);
        for (int plane = 0; plane < 3; plane++)
            for (int y = 0; y < frame_plane_rows(frame, plane); y++)
                fwrite(frame->planes[plane] + y * frame->strides_bytes[plane], 1,
                       (size_t)frame_plane_row_bytes(frame, plane), file);
    }
    g_assert_cmpint(fclose(file), ==, 0);
}

/* As cameras send: a key frame each GROUP_SECONDS, most without B pictures, for which a decoder holds others back. */
static void write_clip(const struct media_world *world, const char *path, bool has_walker, bool has_b_pictures)
{
    g_autofree char *raw = media_world_path(world, "pictures.i420");
    write_pictures(raw, has_walker);
    g_autofree char *description = g_strdup_printf(
        "filesrc location=%s ! rawvideoparse width=%d height=%d format=i420 framerate=%d/1 ! x264enc %s "
        "key-int-max=%d option-string=scenecut=0:open-gop=0 ! h264parse ! matroskamux ! filesink name=out",
        raw, WIDE_PX, HIGH_PX, FPS, has_b_pictures ? "bframes=2 b-adapt=false" : "bframes=0 tune=zerolatency",
        GROUP_SECONDS * FPS);
    g_assert_true(media_world_make(path, description));
}

struct watch {
    struct media_player *player;
    struct media_eye eye;
    struct pipeline *pipeline;
    struct camera_health health;
    int most_confirmed; /* tracks at once */
};

static void ignore_event(void *data, const struct analytics_event *event)
{
    (void)data;
    (void)event;
}

static int64_t pictures_left_out(const struct watch *watch)
{
    return counter_get(&watch->eye.health.packets_skipped_quiet);
}

static int64_t pictures_come(const struct watch *watch)
{
    return counter_get(&watch->eye.health.frames_decoded) + pictures_left_out(watch);
}

/* As an analyser does; true near the clip's end. */
static bool analyse_what_came(void *data)
{
    struct watch *watch = data;
    CLEANUP(frame) struct frame *frame = media_source_take(watch->eye.source);
    if (!frame)
        return pictures_come(watch) >= (SECONDS - 1) * FPS;
    pipeline_feed(watch->pipeline, frame);
    media_source_set_activity(watch->eye.source, pipeline_is_active(watch->pipeline));
    const struct tracks *tracks = pipeline_tracks(watch->pipeline);
    int confirmed = 0;
    for (int i = 0; i < tracks->count; i++)
        confirmed += tracks->items[i].state == TRACK_CONFIRMED;
    watch->most_confirmed = MAX(watch->most_confirmed, confirmed);
    return false;
}

static void watch_clip(struct watch *watch, bool has_walker, bool has_b_pictures)
{
    struct media_world world;
    struct settings settings;
    struct camera camera;
    memset(watch, 0, sizeof *watch);
    media_world_init(&world);
    g_autofree char *path = media_world_path(&world, "clip.mkv");
    write_clip(&world, path, has_walker, has_b_pictures);
    record_init(&settings_descriptor, &settings);
    record_init(&camera_descriptor, &camera);
    record_init(&camera_health_descriptor, &watch->health);
    camera.id = g_strdup("c");
    const struct worker_config config = {.workers = settings.workers,
                                         .motion = settings.motion,
                                         .detector = settings.detector,
                                         .tracker = settings.tracker,
                                         .rules = settings.rules};
    const struct pipeline_sink sink = {.event = ignore_event};
    watch->pipeline = pipeline_new(&config, &camera, NULL, NULL, 1, clock_system(), &watch->health, &sink);
    media_eye_init(&watch->eye);
    watch->eye.decode = DECODE_AUTO;
    watch->eye.settings.quiet_seconds = 1;     /* longer than a busy machine holds packets back */
    watch->eye.settings.wake_ratio = 1000;     /* no picture's size wakes it */
    watch->player = play(path, 0, NULL, NULL); /* by RTSP: a file is read ahead of what is analysed */
    g_autofree char *address = address_of(watch->player);
    media_eye_open(&watch->eye, address);
    g_assert_true(media_world_wait(analyse_what_came, watch));
    pipeline_free(watch->pipeline);
    record_clear(&camera_health_descriptor, &watch->health);
    record_clear(&camera_descriptor, &camera);
    record_clear(&settings_descriptor, &settings);
    media_world_clear(&world);
}

static void watch_close(struct watch *watch)
{
    media_eye_close(&watch->eye);
    stop_playing(watch->player);
}

static void test_somebody_who_walks_wakes_it(const void *has_b_pictures)
{
    struct watch watch;
    watch_clip(&watch, true, GPOINTER_TO_INT(has_b_pictures));
    g_assert_cmpint(pictures_left_out(&watch), >, FPS); /* it was asleep before */
    g_assert_cmpint(watch.most_confirmed, >=, 1);       /* one, unless a busy machine left pictures of the walk out */
    watch_close(&watch);
}

static void test_a_quiet_picture_does_not(void)
{
    struct watch watch;
    watch_clip(&watch, false, false);
    g_assert_cmpint(counter_get(&watch.eye.health.packets_caught_up), ==, 0);
    /* once it is learnt and the next key frame has come, only one picture in twenty */
    g_assert_cmpint(pictures_left_out(&watch), >, (SECONDS - LEARNT_SECONDS) * FPS / 2);
    g_assert_cmpint(watch.most_confirmed, ==, 0);
    watch_close(&watch);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    media_world_start();
    stage_open();
    g_test_add_data_func("/decode auto/somebody who walks wakes it", GINT_TO_POINTER(false),
                         test_somebody_who_walks_wakes_it);
    g_test_add_data_func("/decode auto/somebody who walks wakes it, with B pictures", GINT_TO_POINTER(true),
                         test_somebody_who_walks_wakes_it);
    g_test_add_func("/decode auto/a quiet picture does not", test_a_quiet_picture_does_not);
    int failures = g_test_run();
    stage_close();
    return failures;
}
