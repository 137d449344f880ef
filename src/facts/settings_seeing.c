/* Settings of how cameras are seen: the stream, what moves in it, what is found and followed, and the rules. */
#include "facts/settings_internal.h"

#include "base/networks.h"
#include "facts/place_classes.h"

const char *const decoder_choice_names[] = {"auto", "software", "va", "nvdec", "v4l2", NULL};
static const struct record_field source_fields[] = {
    FIELD(struct source_settings, start_spread_ms, 0,
          "the first connections are spread at random over so long for each camera that a worker starts, so that a "
          "thousand do not knock at once; those that are added while it runs wait for those before them",
          .unit = "ms", .min = 0, .max = 60000, .default_text = "20"),
    FIELD(struct source_settings, connect_timeout_ms, 0, "longest for each step of connecting", .unit = "ms",
          .min = 100, .max = 120000, .default_text = "5000"),
    FIELD(
        struct source_settings, stall_timeout_ms, 0,
        "no frame for so long: connect again; where pictures are asked for one by one, three intervals of picture_fps "
        "if these are longer",
        .unit = "ms", .min = 100, .max = 600000, .default_text = "5000"),
    FIELD(struct source_settings, retry_delay_ms, 0, "before the first new try; doubles, with full jitter",
          .unit = "ms", .min = 1, .max = 600000, .default_text = "1000"),
    FIELD(struct source_settings, retry_delay_max_ms, 0, "longest such delay", .unit = "ms", .min = 1, .max = 3600000,
          .default_text = "30000"),
    FIELD(struct source_settings, max_header_bytes, 0, "largest RTSP answer, and largest headers by HTTP",
          .unit = "bytes", .min = 1024, .max = 1 << 24, .default_text = "65536"),
    FIELD(struct source_settings, max_picture_bytes, 0, "largest picture, encoded", .unit = "bytes", .min = 1024,
          .max = 1 << 28, .default_text = "8388608"),
    FIELD(struct source_settings, picture_fps, 0,
          "pictures a second: of a folder of pictures, and of a camera that answers each HTTP request with one",
          .unit = "1/s", .min = 0.01, .max = 60, .default_text = "2"),
    FIELD(struct source_settings, max_width_px, 0, "widest picture", .unit = "px", .min = 16, .max = 16384,
          .default_text = "7680"),
    FIELD(struct source_settings, max_height_px, 0, "highest picture", .unit = "px", .min = 16, .max = 16384,
          .default_text = "4320"),
    FIELD(struct source_settings, decoder_threads, 0, "decoder threads of a stream", .min = 1, .max = 2,
          .default_text = "1"),
    FIELD_ENUM(struct source_settings, decoder, decoder_choice_names, RECORD_NEEDS_RESTART,
               "what decodes H.264 and H.265; auto: hardware that is there (VA-API, NVDEC, V4L2, in this order); where "
               "hardware is missing or fails, software. The cage of a worker opens no such device: with "
               "workers.sandbox on, it is software",
               .default_text = "auto"),
    FIELD(struct source_settings, max_clock_skew_ms, 0,
          "the camera's clock (by RTCP) is used only within this of ours; 0: never", .unit = "ms", .min = 0,
          .max = 3600000, .default_text = "2000"),
    FIELD(struct source_settings, quiet_seconds, 0,
          "decode auto: once nothing moved for so long, only key frames are decoded", .unit = "s", .min = 0,
          .max = 86400, .default_text = "10"),
    FIELD(struct source_settings, kept_packets, 0,
          "decode auto: pictures kept since the last key frame, to decode back once something moves; with more between "
          "two key frames all are decoded",
          .min = 0, .max = 10000, .default_text = "300"),
    FIELD(struct source_settings, kept_bytes, 0, "decode auto: most bytes of these", .unit = "bytes", .min = 0,
          .max = 1 << 28, .default_text = "4194304"),
    FIELD(struct source_settings, kept_seconds, 0,
          "decode auto: how far apart key frames are at most where they alone are decoded; longer than "
          "rules.outage_seconds, and nobody is followed from one to the next",
          .unit = "s", .min = 0.1, .max = 86400, .default_text = "12"),
    FIELD(struct source_settings, wake_ratio, 0,
          "decode auto: a picture of so many times the usual bytes counts as something that moves", .min = 1,
          .max = 1000, .default_text = "3"),
    FIELD(struct source_settings, record_packets, 0,
          "role record: most encoded pictures kept until they are recorded, always whole groups of them", .min = 1,
          .max = 100000, .default_text = "600"),
    FIELD(struct source_settings, record_bytes, 0, "role record: most bytes of these", .unit = "bytes", .min = 4096,
          .max = 1 << 30, .default_text = "16777216"),
    FIELD(struct source_settings, record_seconds, 0,
          "role record: what is older goes unless it was read, where the group behind it reaches back so far; 0: "
          "nothing is kept",
          .unit = "s", .min = 0, .max = 3600, .default_text = "5"),
    FIELD(struct source_settings, refused_networks, 0,
          "addresses that no camera is looked for at, as 10.1.0.0/16, 10.2.0.7, fe80::/10; empty: none is refused",
          .max_count = 4096, .check_text = network_list_check),
    FIELD(struct source_settings, tls_ca_file, RECORD_NEEDS_RESTART,
          "PEM file of those who may vouch for cameras by https and rtsps; empty: the system's", .max_count = 4096),
};
static void source_check(const void *record, const char *path, struct record_errors *errors)
{
    const struct source_settings *source = record;
    settings_check_least("retry_delay_max_ms", source->retry_delay_max_ms, "retry_delay_ms", source->retry_delay_ms,
                         path, errors);
}
const struct record_descriptor source_settings_descriptor = RECORD(
    struct source_settings, "SourceSettings", 1, source_fields, "Connections to cameras.", .check = source_check);

static const struct record_field motion_fields[] = {
    FIELD(struct motion_settings, width_px, 0, "the picture is reduced to about this width", .unit = "px", .min = 32,
          .max = 1920, .default_text = "320"),
    FIELD(struct motion_settings, sensitivity, 0, "how little a pixel must change to be seen", .min = 0, .max = 1,
          .default_text = "0.5"),
    FIELD(struct motion_settings, minimum_area, 0, "smallest thing that is seen, as a share of the frame", .min = 0,
          .max = 1, .default_text = "0.0008"),
    FIELD(struct motion_settings, learn_seconds, 0, "time to learn the background", .unit = "s", .min = 0, .max = 600,
          .default_text = "1"),
    FIELD(struct motion_settings, normalises_contrast, 0,
          "whether less change is enough in a picture with little contrast, as in haze; a room by day has enough",
          .default_text = "true"),
    FIELD(struct motion_settings, ignores_restless, 0,
          "whether places that change again and again without anything leaving them are learnt and ignored: burnt-in "
          "clocks, leaves, water. Only for cameras that need it: where many people pass, some of what they change is "
          "learnt too, and crossings are missed",
          .default_text = "false"),
    FIELD(struct motion_settings, damps_weather, 0,
          "whether, while rain or snow falls, only what lasts for some frames is seen", .default_text = "true"),
    FIELD(struct motion_settings, finds_camera_moves, 0,
          "whether a picture that shifted as a whole is told from things that move, and its background learnt anew",
          .default_text = "true"),
};
const struct record_descriptor motion_settings_descriptor =
    RECORD(struct motion_settings, "MotionSettings", 1, motion_fields, "Motion detection.");

const char *const detector_provider_names[] = {"auto", "cpu", "openvino", "cuda", "tensorrt", NULL};
static const struct record_field detector_fields[] = {
    FIELD(struct detector_settings, model, RECORD_NEEDS_RESTART,
          "an .onnx file with its card beside it; empty: whatever moves is an object", .max_count = 4096),
    FIELD(struct detector_settings, card, RECORD_NEEDS_RESTART,
          "the model's card when it does not lie beside it as FILE.card.json or FILE.json", .max_count = 4096),
    FIELD(struct detector_settings, confidence, 0, "objects below it are not reported; 0: what the card says", .min = 0,
          .max = 1, .default_text = "0"),
    FIELD(struct detector_settings, nms_iou, 0, "boxes of a class that overlap more are one; 0: what the card says",
          .min = 0, .max = 1, .default_text = "0"),
    FIELD(struct detector_settings, threads, 0,
          "threads of one inference; 0: by the machine, half the cores of a worker and at most 4", .min = 0, .max = 64,
          .default_text = "0"),
    FIELD_ENUM(
        struct detector_settings, provider, detector_provider_names, RECORD_NEEDS_RESTART,
        "what runs the model; auto: the fastest that is there, the CPU at last. The cage of a worker opens no "
        "graphics device: with workers.sandbox on, CUDA and TensorRT cannot run, and the camera's health says why",
        .default_text = "auto"),
    FIELD(struct detector_settings, is_gated, 0,
          "whether the model runs only where something moves or is followed; else on every frame",
          .default_text = "true"),
    FIELD(struct detector_settings, full_seconds, 0,
          "a quiet picture is looked at whole so often, for what came without moving; 0: never", .unit = "s", .min = 0,
          .max = 3600, .default_text = "10"),
    FIELD(struct detector_settings, stationary_seconds, 0, "objects that stand still are looked at again so often",
          .unit = "s", .min = 0.1, .max = 3600, .default_text = "5"),
    FIELD(struct detector_settings, moving_seconds, 0,
          "objects that are followed and move are looked at again at the latest after so long, and are where their "
          "speed takes them in between; whoever is new is looked at at once; 0: on each frame",
          .unit = "s", .min = 0, .max = 10, .default_text = "0.2"),
    FIELD(struct detector_settings, region_share, 0,
          "where what moves takes less than this share of the picture's width and height, that part is looked at by "
          "itself, enlarged; 0: always the whole picture",
          .min = 0, .max = 1, .default_text = "0"),
    FIELD(struct detector_settings, timeout_seconds, 0,
          "a model that takes longer for one picture is taken for hung; after twice that its worker is started again",
          .unit = "s", .min = 1, .max = 600, .default_text = "30"),
    FIELD(struct detector_settings, load_timeout_seconds, 0,
          "the same of loading it at the start, which for some providers is compiling it, too; what moves is followed "
          "meanwhile",
          .unit = "s", .min = 1, .max = 3600, .default_text = "120"),
};
const struct record_descriptor detector_settings_descriptor =
    RECORD(struct detector_settings, "DetectorSettings", 1, detector_fields, "The detection model.");

static const struct record_field tracker_fields[] = {
    FIELD(struct tracker_settings, track_confidence, 0,
          "detections above it are matched first (ByteTrack track_thresh)", .min = 0, .max = 1, .default_text = "0.5"),
    FIELD(struct tracker_settings, high_confidence, 0, "detections above it start a track (ByteTrack high_thresh)",
          .min = 0, .max = 1, .default_text = "0.6"),
    FIELD(struct tracker_settings, match_cost, 0, "largest cost of a first match (ByteTrack match_thresh)", .min = 0,
          .max = 1, .default_text = "0.8"),
    FIELD(struct tracker_settings, lost_seconds, 0, "how long a lost track is remembered (ByteTrack track_buffer)",
          .unit = "s", .min = 0, .max = 600, .default_text = "1"),
    FIELD(struct tracker_settings, confirm_seconds, 0, "rules see a track once it is this old", .unit = "s", .min = 0,
          .max = 60, .default_text = "0.2"),
    FIELD(struct tracker_settings, still_seconds, 0, "what has stood in one place for so long is stationary",
          .unit = "s", .min = 0.1, .max = 3600, .default_text = "5"),
    FIELD(struct tracker_settings, still_lost_seconds, 0,
          "a stationary track that is lost is remembered so long, where it stood, and its stays and counts go on: what "
          "hides it will pass. Not over an outage (rules.outage_seconds), of which nobody knows who came and went",
          .unit = "s", .min = 0, .max = 3600, .default_text = "10"),
    FIELD(struct tracker_settings, predict, 0,
          "match detections with where a track should be by now (better at few frames a second); false: with where it "
          "was last, as the C++ code of ByteTrack's authors does",
          .default_text = "true"),
};
const struct record_descriptor tracker_settings_descriptor =
    RECORD(struct tracker_settings, "TrackerSettings", 1, tracker_fields, "The tracker.");

static const struct record_field reid_fields[] = {
    FIELD(struct reid_settings, model, RECORD_NEEDS_RESTART,
          "an .onnx file that tells figures apart by their looks (family embedder), with its card beside it; empty: a "
          "track that was lost for longer than tracker.lost_seconds gets a new id",
          .max_count = 4096),
    FIELD(struct reid_settings, card, RECORD_NEEDS_RESTART,
          "the model's card when it does not lie beside it as FILE.card.json or FILE.json", .max_count = 4096),
    FIELD(struct reid_settings, object_class, 0, "what the model was taught to tell apart", .max_count = 64,
          .default_text = "person"),
    FIELD(struct reid_settings, threshold, 0,
          "least cosine of the looks of two tracks that are one object; 0: what the card says", .min = 0, .max = 1,
          .default_text = "0"),
    FIELD(struct reid_settings, seconds, 0, "a lost track can be found again by its looks for so long", .unit = "s",
          .min = 0, .max = 600, .default_text = "15"),
    FIELD(struct reid_settings, speed, 0, "and only where it could have gone meanwhile, in its own heights a second",
          .min = 0, .max = 100, .default_text = "1.5"),
    FIELD(struct reid_settings, minimum_height, 0,
          "objects that are smaller than this share of the picture's height are not looked at", .min = 0, .max = 1,
          .default_text = "0.08"),
    FIELD(struct reid_settings, looks_per_frame, 0,
          "times the model runs for one picture of a camera, at most; what is beyond waits for the next", .min = 1,
          .max = 64, .default_text = "2"),
    FIELD(struct reid_settings, looks_per_track, 0,
          "times a track is looked at, each after twice the time, and averaged", .min = 1, .max = 16,
          .default_text = "3"),
    FIELD(struct reid_settings, tracks, 0,
          "tracks of a camera whose looks are kept; the longest gone are dropped first", .min = 1, .max = 4096,
          .default_text = "128"),
};
const struct record_descriptor reid_settings_descriptor =
    RECORD(struct reid_settings, "ReidSettings", 1, reid_fields, "Tracks found again by their looks.");

static const struct record_field rule_fields[] = {
    FIELD(struct rule_settings, settle_distance, 0,
          "how far off a line a track must be to stand on a side, as a share of its own height", .min = 0, .max = 1,
          .default_text = "0.1"),
    FIELD(struct rule_settings, settle_frames, 0, "analysed frames on the new side, or in the zone, before it counts",
          .min = 1, .max = 32, .default_text = "2"),
    FIELD(struct rule_settings, settle_of_frames, 0,
          "settle_frames may lie among so many of the latest frames; 0: they must be in a row", .min = 0, .max = 32,
          .default_text = "0"),
    FIELD(
        struct rule_settings, memory_seconds, 0,
        "how long rules remember a track that is out of sight, for another one that appears in its place, too; for its "
        "own id as long as the tracker has that (tracker.lost_seconds, tracker.still_lost_seconds)",
        .unit = "s", .min = 0.1, .max = 600, .default_text = "2"),
    FIELD(
        struct rule_settings, outage_seconds, 0,
        "pictures further apart than this are no rate at which a camera is looked at: between them was an outage, and "
        "no track, stay or count goes on over it, whatever else is remembered for longer. Nothing is counted on a "
        "camera all of whose pictures are further apart; its health says so",
        .unit = "s", .min = 1, .max = 600, .default_text = "15"),
    FIELD(struct rule_settings, speed_seconds, 0, "speed is the way gone in this time", .unit = "s", .min = 0.1,
          .max = 60, .default_text = "1"),
    FIELD(struct rule_settings, heading_distance, 0,
          "how far one must go to have a heading, as a share of the own height", .min = 0.05, .max = 10,
          .default_text = "0.5"),
    FIELD(struct rule_settings, object_minimum_area, 0, "smaller things that are left or taken are not told", .min = 0,
          .max = 1, .default_text = "0.001"),
    FIELD(struct rule_settings, cooldown_seconds, 0, "between signals of one rule about one track", .unit = "s",
          .min = 0, .max = 86400, .default_text = "60"),
    FIELD(struct rule_settings, occupancy_interval_seconds, 0,
          "between occupancy records of a zone while its count does not change; 0: only on a change", .unit = "s",
          .min = 0, .max = 86400, .default_text = "60"),
};
static void rule_check(const void *record, const char *path, struct record_errors *errors)
{
    const struct rule_settings *rules = record;
    g_autofree char *where = g_strconcat(path, *path ? "." : "", "settle_of_frames", NULL);
    if (rules->settle_of_frames != 0 && rules->settle_of_frames < rules->settle_frames)
        record_errors_add(errors, where, "%d: must be 0, or at least settle_frames (%d)", rules->settle_of_frames,
                          rules->settle_frames);
}
const struct record_descriptor rule_settings_descriptor =
    RECORD(struct rule_settings, "RuleSettings", 1, rule_fields, "The rules.", .check = rule_check);

/* ---- what is allowed, but cannot count ---- */

static void warn_of_rate(double fps, double outage_seconds, const char *path, struct record_errors *warnings)
{
    if (fps * outage_seconds < 1)
        record_errors_add(warnings, path,
                          "%g: a picture each %.4g s, and rules.outage_seconds is %g: each comes after an outage, and "
                          "nothing is counted",
                          fps, 1 / fps, outage_seconds);
}

static void warn_of_groups(const struct settings *settings, struct record_errors *warnings)
{
    double kept_seconds = settings->source.kept_seconds, outage_seconds = settings->rules.outage_seconds;
    const struct camera *cameras = settings->cameras.items;
    bool is_any_auto = false;
    for (size_t i = 0; i < settings->cameras.count; i++)
        is_any_auto |= cameras[i].decode == DECODE_AUTO;
    if (is_any_auto && kept_seconds >= outage_seconds)
        record_errors_add(warnings, "source.kept_seconds",
                          "%g: rules.outage_seconds is %g: where key frames are further apart than that, a quiet "
                          "picture of a camera with decode: auto is a row of outages",
                          kept_seconds, outage_seconds);
}

static void warn_of_schedule(const struct camera *camera, const char *kind, const char *id, size_t windows,
                             const char *path, struct record_errors *warnings)
{
    if (windows > 0 && (!camera->rules.time_zone || !*camera->rules.time_zone))
        record_errors_add(warnings, path, "is empty, and %s %s has a schedule: its hours are UTC's", kind, id);
}

static void warn_of_schedules(const struct camera *camera, const char *path, struct record_errors *warnings)
{
    const struct zone *zones = camera->zones.items;
    const struct line *lines = camera->lines.items;
    for (size_t i = 0; i < camera->zones.count; i++)
        warn_of_schedule(camera, "zone", zones[i].id, zones[i].schedule.count, path, warnings);
    for (size_t i = 0; i < camera->lines.count; i++)
        warn_of_schedule(camera, "line", lines[i].id, lines[i].schedule.count, path, warnings);
}

void settings_warn(const struct settings *settings, const struct model_card *card, struct record_errors *warnings)
{
    const struct camera *cameras = settings->cameras.items;
    double outage_seconds = settings->rules.outage_seconds;
    bool has_model = settings->detector.model && *settings->detector.model;
    notify_kinds_warn(&settings->notify, warnings);
    warn_of_groups(settings, warnings);
    warn_of_rate(settings->source.picture_fps, outage_seconds, "source.picture_fps", warnings);
    for (size_t i = 0; i < settings->cameras.count; i++) {
        g_autofree char *path = g_strdup_printf("cameras[%zu]", i);
        g_autofree char *rate_path = g_strconcat(path, ".analyse_fps", NULL);
        g_autofree char *time_zone_path = g_strconcat(path, ".rules.time_zone", NULL);
        warn_of_rate(cameras[i].analyse_fps, outage_seconds, rate_path, warnings);
        warn_of_schedules(&cameras[i], time_zone_path, warnings);
        if (card || !has_model)
            place_classes_warn(&cameras[i], card ? &card->labels : NULL, path, warnings);
    }
}
