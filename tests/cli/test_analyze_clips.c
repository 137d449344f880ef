/* Real clips, counted by hand: frames were looked at one by one around the line, and a crossing noted at the frame in
 * which the lower edge of the vehicle passes it. Without a model, as `vedette analyze` counts them by default. */
#include <glib.h>
#include <jansson.h>
#include <math.h>
#include <stdint.h>
#include <unistd.h>

enum { CROSSINGS_MAX = 32 };

struct clip {
    const char *file;
    const char *line; /* as in the settings */
    double fps;       /* of the clip */
    struct {
        int frame;
        char way; /* 'i'n or 'o'ut; 0 ends the list */
    } counted[CROSSINGS_MAX];
    int missed_max, false_max; /* what is reached today: see docs/counting.md */
};

static const struct clip clips[] = {
    /* Cars on a parking lane, seen from above: a white one up, a blue one down beside a red one up, a white one down.
     */
    {"car-detection.mp4", "a: [0, 0.5], b: [1, 0.5]", 12.5, {{88, 'o'}, {198, 'i'}, {220, 'o'}, {326, 'i'}}, 0, 0},
    /* The near carriageway of a motorway, everyone driving away. From 420 on a lorry hides the lanes beside it. The
     * cyclist on the hard shoulder passes the line's end. */
    {"bgslibrary_video02.avi",
     "a: [0.3, 0.6], b: [0.8, 0.6]",
     25,
     {{33, 'o'},  {79, 'o'},  {85, 'o'},  {113, 'o'}, {171, 'o'}, {196, 'o'}, {271, 'o'}, {307, 'o'},
      {363, 'o'}, {397, 'o'}, {428, 'o'}, {464, 'o'}, {478, 'o'}, {479, 'o'}, {500, 'o'}, {524, 'o'},
      {530, 'o'}, {545, 'o'}, {569, 'o'}, {661, 'o'}, {690, 'o'}, {718, 'o'}},
     2,
     1},
    /* A road seen from above (PETS 2009 S2L1): people pass both ways, three times in front of each other. */
    {"vtest_480x360_h264.mp4",
     "a: [0.3, 0.3], b: [0.3, 0.75]",
     10,
     {{180, 'i'},
      {203, 'i'},
      {245, 'i'},
      {305, 'o'},
      {305, 'i'},
      {325, 'o'},
      {523, 'i'},
      {593, 'i'},
      {650, 'o'},
      {671, 'o'},
      {671, 'i'},
      {709, 'i'},
      {709, 'o'},
      {757, 'o'}},
     0,
     0},
};

/* A count may be told a little before or after the eye would: a track settles first. */
static const double tolerance_seconds = 0.8;

static char *write_settings(const struct clip *clip, const char *video)
{
    char *path = g_build_filename(g_get_tmp_dir(), "vedette-clip-XXXXXX.yml", NULL);
    int fd = g_mkstemp(path);
    g_assert_cmpint(fd, >=, 0);
    close(fd);
    g_autofree char *text =
        g_strdup_printf("cameras:\n  - id: clip\n    source: %s\n    lines: [{id: line, %s}]\n", video, clip->line);
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
    return path;
}

static double seconds_of(const char *time)
{
    g_autoptr(GDateTime) at = g_date_time_new_from_iso8601(time, NULL);
    g_autoptr(GDateTime) start = g_date_time_new_from_iso8601("2000-01-01T00:00:00Z", NULL);
    g_assert_nonnull(at);
    return (double)g_date_time_difference(at, start) / G_TIME_SPAN_SECOND;
}

/* Strikes off the crossing counted by hand that this is; false when there is none. */
static gboolean strike_off(const struct clip *clip, gboolean *is_found, double seconds, char way)
{
    int nearest = -1;
    double least = tolerance_seconds;
    for (int i = 0; i < CROSSINGS_MAX && clip->counted[i].way; i++) {
        double distance = fabs(seconds - clip->counted[i].frame / clip->fps);
        if (!is_found[i] && clip->counted[i].way == way && distance <= least) {
            least = distance;
            nearest = i;
        }
    }
    if (nearest >= 0)
        is_found[nearest] = TRUE;
    return nearest >= 0;
}

static void compare(const struct clip *clip, char **lines)
{
    gboolean is_found[CROSSINGS_MAX] = {FALSE};
    int missed = 0, wrong = 0, total = 0;
    for (; *lines; lines++) {
        json_t *record = json_loads(*lines, 0, NULL);
        const char *type = json_string_value(json_object_get(record, "type"));
        if (g_strcmp0(type, "line_crossing") == 0) {
            const char *way = json_string_value(json_object_get(json_object_get(record, "payload"), "direction"));
            double seconds = seconds_of(json_string_value(json_object_get(record, "occurred_at")));
            if (!strike_off(clip, is_found, seconds, way[0])) {
                g_test_message("%s: nobody crossed %s at %.1f s", clip->file, way, seconds);
                wrong++;
            }
        }
        json_decref(record);
    }
    for (; total < CROSSINGS_MAX && clip->counted[total].way; total++)
        if (!is_found[total]) {
            g_test_message("%s: missed the one at frame %d", clip->file, clip->counted[total].frame);
            missed++;
        }
    g_test_message("%s: of %d crossings counted by hand %d missed, %d false", clip->file, total, missed, wrong);
    g_assert_cmpint(missed, <=, clip->missed_max);
    g_assert_cmpint(wrong, <=, clip->false_max);
}

static void test_clip(gconstpointer data)
{
    const struct clip *clip = data;
    g_autofree char *video = g_build_filename(g_getenv("VEDETTE_SHARED"), "assets", "media", "video", clip->file, NULL);
    if (!g_file_test(video, G_FILE_TEST_EXISTS)) {
        g_test_skip("the shared clips are not here");
        return;
    }
    g_autofree char *settings = write_settings(clip, video), *output = NULL;
    const char *arguments[] = {g_getenv("VEDETTE_BINARY"), "analyze", video, "--config", settings, "--json", NULL};
    int status = -1;
    g_assert_true(g_spawn_sync(NULL, (char **)(uintptr_t)arguments, NULL, 0, NULL, NULL, &output, NULL, &status, NULL));
    g_assert_cmpint(unlink(settings), ==, 0);
    g_assert_cmpint(status, ==, 0);
    g_auto(GStrv) lines = g_strsplit(output, "\n", -1);
    compare(clip, lines);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(clips); i++) {
        g_autofree char *name = g_strdup_printf("/clips/%s agrees with the eye", clips[i].file);
        g_test_add_data_func(name, &clips[i], test_clip);
    }
    return g_test_run();
}
