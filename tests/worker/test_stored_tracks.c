/* What a crowd's tracks take when they are stored: at most four bytes a box. */
#include "analytics/chunk.h"
#include "worker/observe.h"

#include <stdio.h>
#include <string.h>

enum { WIDTH_PX = 1920, HEIGHT_PX = 1080, FRAME_US = 33333, FRAMES_A_MINUTE = 1800 };
static const double bytes_a_box_most = 4;

/* MOTChallenge text: frame, id, left, top, width, height, confidence. */
static GPtrArray *read_frames(const char *path)
{
    GPtrArray *frames = g_ptr_array_new_with_free_func(g_free);
    FILE *file = fopen(path, "re");
    int frame;
    double left, top, width, height, confidence;
    while (file &&
           fscanf(file, "%d,%*d,%lf,%lf,%lf,%lf,%lf%*[^\n]", &frame, &left, &top, &width, &height, &confidence) == 6) {
        while ((int)frames->len < frame)
            g_ptr_array_add(frames, g_new0(struct detections, 1));
        struct detections *found = g_ptr_array_index(frames, frame - 1);
        found->items[found->count++] =
            (struct detection){.box = {left / WIDTH_PX, top / HEIGHT_PX, width / WIDTH_PX, height / HEIGHT_PX},
                               .confidence = confidence,
                               .object_class = g_intern_static_string("person")};
    }
    if (file)
        fclose(file);
    return frames;
}

static void test_a_crowd_takes_four_bytes_a_box(void)
{
    g_autofree char *path = g_build_filename(g_getenv("VEDETTE_SHARED"), "assets", "mot", "crowd50", "det.txt", NULL);
    g_autoptr(GPtrArray) frames = read_frames(path);
    if (frames->len == 0) {
        g_test_skip("the shared tracking data is not here");
        return;
    }
    struct settings settings;
    record_init(&settings_descriptor, &settings);
    CLEANUP(chunk_writer) struct chunk_writer *writer = chunk_writer_new();
    struct tracker *tracker = tracker_new(&settings.tracker, settings.rules.outage_seconds, 1);
    g_autofree struct tracks *tracks = g_new0(struct tracks, 1);
    g_autofree struct observed_track *observed = g_new0(struct observed_track, VISION_MAX_TRACKS);
    size_t bytes = 0, boxes = 0;
    for (guint i = 0; i < frames->len; i++) {
        int64_t media_us = (int64_t)i * FRAME_US;
        tracker_update(tracker, g_ptr_array_index(frames, i), media_us, WIDTH_PX, HEIGHT_PX, tracks);
        for (int j = 0; j < tracks->count; j++)
            observe_track(&tracks->items[j], media_us, settings.tracker.confirm_seconds, &observed[j]);
        for (int j = 0; j < tracks->count; j++)
            boxes += !observed[j].is_lost; /* those that were seen */
        g_assert_true(chunk_writer_add(writer, &(struct observation){.at_ms = 1700000000000 + media_us / 1000,
                                                                     .media_us = media_us,
                                                                     .tracks = observed,
                                                                     .track_count = tracks->count}));
        if (chunk_writer_frames(writer) < FRAMES_A_MINUTE && i + 1 < frames->len)
            continue;
        g_autoptr(GBytes) chunk = chunk_writer_finish(writer);
        bytes += g_bytes_get_size(chunk);
    }
    g_test_message("%zu boxes in %u frames: %.2f bytes a box", boxes, frames->len, (double)bytes / (double)boxes);
    g_assert_cmpfloat((double)bytes / (double)boxes, <=, bytes_a_box_most);
    tracker_free(tracker);
    record_clear(&settings_descriptor, &settings);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/stored tracks/a crowd takes four bytes a box", test_a_crowd_takes_four_bytes_a_box);
    return g_test_run();
}
