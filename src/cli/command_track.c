#include "cli/cli.h"

#include "facts/settings.h"
#include "vision/vision.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* MOTChallenge text: frame, id, left, top, width, height, confidence, … in pixels, frames from 1. */

enum { MOT_MAX_LINES = 5000000 };

struct mot_row {
    int frame;
    double left, top, width, height, confidence;
};

static bool parse_row(const char *line, struct mot_row *row)
{
    double values[7];
    const char *rest = line;
    for (size_t i = 0; i < G_N_ELEMENTS(values); i++) {
        char *end = NULL;
        values[i] = g_ascii_strtod(rest, &end);
        bool is_last = i + 1 == G_N_ELEMENTS(values);
        if (end == rest || !isfinite(values[i]) || (!is_last && *end != ',') ||
            (is_last && *end && !strchr(", \r\n", *end)))
            return false;
        rest = end + 1;
    }
    *row = (struct mot_row){(int)values[0], values[2], values[3], values[4], values[5], values[6]};
    return values[0] >= 1 && values[0] < MOT_MAX_LINES && values[4] > 0 && values[5] > 0;
}

static int compare_frames(gconstpointer a, gconstpointer b)
{
    const struct mot_row *left = a, *right = b;
    return (left->frame > right->frame) - (left->frame < right->frame);
}

static GArray *read_rows(const char *path, GError **error)
{
    FILE *file = fopen(path, "re");
    if (!file) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_IO, "detections '%s': cannot be opened: %s", path,
                    g_strerror(errno));
        return NULL;
    }
    g_autoptr(GArray) rows = g_array_new(FALSE, FALSE, sizeof(struct mot_row));
    char line[512];
    for (int number = 1; fgets(line, sizeof line, file); number++) {
        struct mot_row row;
        if (*g_strstrip(line) == '\0')
            continue;
        if (!parse_row(line, &row) || number > MOT_MAX_LINES) {
            g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID,
                        "detections '%s', line %d: must be frame,id,left,top,width,height,confidence, with frames from "
                        "1 and a width and height above 0",
                        path, number);
            fclose(file);
            return NULL;
        }
        g_array_append_val(rows, row);
    }
    bool is_read = !ferror(file);
    int why = errno;
    fclose(file);
    if (!is_read) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_IO, "detections '%s': cannot be read: %s", path,
                    g_strerror(why));
        return NULL;
    }
    g_array_sort(rows, compare_frames); /* stable: rows of a frame keep their order */
    return g_steal_pointer(&rows);
}

static void write_tracks(FILE *out, int frame, const struct tracks *tracks)
{
    for (int i = 0; i < tracks->count; i++) {
        const struct track *track = &tracks->items[i];
        if (track->state == TRACK_CONFIRMED)
            fprintf(out, "%d,%" G_GUINT64_FORMAT ",%.2f,%.2f,%.2f,%.2f,%.3f,-1,-1,-1\n", frame, track->id, track->box.x,
                    track->box.y, track->box.w, track->box.h, track->confidence);
    }
}

static struct tracker *tracker_with_defaults(bool is_predicting)
{
    struct settings settings;
    record_init(&settings_descriptor, &settings);
    settings.tracker.predict = is_predicting;
    struct tracker *tracker = tracker_new(&settings.tracker, settings.rules.outage_seconds, 1);
    record_clear(&settings_descriptor, &settings);
    return tracker;
}

/* Takes the rows of one frame, from `next` on; returns the row after them. What is beyond the bound is counted. */
static guint take_frame(const GArray *rows, guint next, int frame, struct detections *detections)
{
    const struct mot_row *all = (const struct mot_row *)(const void *)rows->data;
    const char *object_class = g_intern_static_string("object");
    detections->count = 0;
    for (; next < rows->len && all[next].frame == frame; next++) {
        const struct mot_row *row = &all[next];
        if (detections->count == VISION_MAX_DETECTIONS)
            detections->shed++;
        else
            detections->items[detections->count++] =
                (struct detection){{row->left, row->top, row->width, row->height}, row->confidence, object_class};
    }
    return next;
}

static void track_rows(const GArray *rows, double frame_rate, bool is_predicting, FILE *out)
{
    /* Boxes stay in pixels: a frame of one unit leaves them as they are. */
    const int unit_px = 1;
    CLEANUP(tracker) struct tracker *tracker = tracker_with_defaults(is_predicting);
    g_autofree struct detections *detections = g_new0(struct detections, 1);
    int last = rows->len ? g_array_index(rows, struct mot_row, rows->len - 1).frame : 0;
    struct tracks tracks = {0};
    guint next = 0;
    for (int frame = 1; frame <= last; frame++) {
        next = take_frame(rows, next, frame, detections);
        tracker_update(tracker, detections, (int64_t)(frame * (double)G_USEC_PER_SEC / frame_rate + 0.5), unit_px,
                       unit_px, &tracks);
        write_tracks(out, frame, &tracks);
    }
    if (detections->shed || tracks.shed)
        fprintf(stderr,
                "vedette track: left out: %" G_GINT64_FORMAT " detections over %d in a frame, %" G_GINT64_FORMAT
                " tracks over %d\n",
                detections->shed, VISION_MAX_DETECTIONS, tracks.shed, VISION_MAX_TRACKS);
}

static bool track(const char *detections, double frame_rate, bool is_predicting, const char *out_path, GError **error)
{
    g_autoptr(GArray) rows = read_rows(detections, error);
    if (!rows)
        return false;
    FILE *out = out_path ? fopen(out_path, "we") : stdout;
    if (out)
        track_rows(rows, frame_rate, is_predicting, out);
    bool is_good = out && fflush(out) == 0 && !ferror(out);
    if (!is_good)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_IO, "write '%s': %s", out_path ? out_path : "standard output",
                    g_strerror(errno));
    if (out && out != stdout && fclose(out) != 0 && is_good) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_IO, "write '%s': %s", out_path, g_strerror(errno));
        return false;
    }
    return is_good;
}

static int track_main(int argc, char **argv)
{
    g_autofree char *detections = NULL, *out = NULL;
    double frame_rate = 30;
    gboolean is_predicting = FALSE;
    const GOptionEntry entries[] = {
        {"detections", 0, 0, G_OPTION_ARG_FILENAME, &detections, "MOTChallenge detections", "FILE"},
        {"frame-rate", 0, 0, G_OPTION_ARG_DOUBLE, &frame_rate, "frames a second (30)", "F"},
        {"predict", 0, 0, G_OPTION_ARG_NONE, &is_predicting,
         "match with where a track should be by now, as cameras do by default (tracker.predict); without: with where "
         "it "
         "was last, as the C++ code of ByteTrack's authors does",
         NULL},
        {"out", 0, 0, G_OPTION_ARG_FILENAME, &out, "where tracks are written; standard output without", "FILE"},
        {0}};
    g_autoptr(GError) error = NULL;
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_option_context_add_main_entries(context, entries, NULL);
    bool is_good = g_option_context_parse(context, &argc, &argv, &error);
    if (!is_good || !detections || argc != 1 || !(frame_rate > 0 && frame_rate <= 1000)) {
        fprintf(stderr, "vedette track: %s\n",
                error ? error->message : "give --detections FILE, and a --frame-rate up to 1000");
        return 2;
    }
    if (track(detections, frame_rate, is_predicting, out, &error))
        return 0;
    fprintf(stderr, "vedette track: %s\n", error->message);
    return 1;
}

const struct cli_command command_track = {"track", "--detections det.txt --frame-rate F [--predict] --out out.txt",
                                          "runs the tracker over MOTChallenge text", track_main};
