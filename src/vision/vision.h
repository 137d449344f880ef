/* Vision: from pixels to objects to tracks. Three parts, each used by one camera at a time:
 *
 *   motion   — an adaptive background on the reduced luma plane; regions, and motion objects when there is no model
 *   detector — one ONNX model with its card; many cameras share a detector, one call at a time
 *   tracker  — ByteTrack, in seconds rather than frames
 *
 * Threads: each object is used by one thread at a time. Hot calls do not allocate after warm-up.
 */
#pragma once

#include <stdbool.h>

#include <glib.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "facts/camera.h"
#include "facts/model.h"
#include "facts/picture.h"
#include "facts/settings.h"
#include "frame/frame.h"
#include "record/record.h"

enum { VISION_MAX_DETECTIONS = 2048, VISION_MAX_TRACKS = 4096, DETECTION_MAX_POINTS = 5 };

struct detection_point {
    float x, y; /* shares of the frame */
};

/* One object in one frame. Boxes are 0..1 of the frame and may reach past its edges. */
struct detection {
    struct record_box box;
    double confidence;
    const char *object_class; /* interned (g_intern_string): compare by pointer, never free */
    int point_count;          /* 0 for most models; a face's eyes, nose and mouth corners, a plate's corners */
    struct detection_point points[DETECTION_MAX_POINTS];
};

/* Large: keep it on the heap. */
struct detections {
    struct detection items[VISION_MAX_DETECTIONS];
    int count;
    int64_t shed; /* found beyond the bound, lowest confidence first */
};

/* ---- motion ---- */

struct motion;

/* What rules and tampering need of the picture as a whole. */
struct motion_scene {
    bool is_learning;       /* the frame was not compared with a background: nothing is known of what moves */
    bool is_light_change;   /* most of the frame changed at once */
    bool is_camera_move;    /* the frame shifted as a whole: the background is learnt anew from here on */
    bool is_weather;        /* rain or snow: only what lasts is seen */
    bool has_moving_region; /* as much as the smallest thing that is seen moves in one place: no object yet, or no more
                             */
    double restless_share;  /* 0..1 of the frame, ignored because it changes all the time */
    double moving_share;    /* 0..1 of the frame */
    double mean_luma;       /* 0..255 */
};

struct motion *motion_new(const struct motion_settings *settings);
void motion_free(struct motion *motion);
/* Other thresholds from the next frame on; the width pictures are reduced to stays. */
void motion_configure(struct motion *motion, const struct motion_settings *settings);
CLEANUP_DEFINE(motion, motion_free)
/* Areas of the frame in which nothing that moves becomes an object (zones of kind privacy_mask and motion_mask), from
 * the next frame on. Copied. */
void motion_set_masks(struct motion *motion, const struct zone *zones, size_t zone_count);
/* Feeds one frame. `regions` receives moving areas as motion objects (class "motion"): figures that overlap are kept
 * apart by following each one's own look through the merge. A change of frame size starts over.
 * `scene` may be NULL. */
void motion_update(struct motion *motion, const struct frame *frame, struct detections *objects,
                   struct motion_scene *scene);
/* All that moves, inside the masks too, and what is taken for weather or ignored because it changes all the time, at
 * reduced size, for privacy: width*height bytes, 0 or 255; valid until the next update or call. `with_absorbed`: also
 * where somebody may keep still who was taken for background once they had for long, or when it was learnt anew, until
 * it looks there as it did before they came: where no model says who is there, that is all there is to know. Who was
 * there when the first frame of a size was learnt is in none of it. */
const uint8_t *motion_hidden(struct motion *motion, bool with_absorbed, int *width_px, int *height_px);

/* The luma plane of the last frame at reduced size; valid until the next update. */
const uint8_t *motion_luma(const struct motion *motion, int *width_px, int *height_px);

/* ---- facts of the picture ---- */

struct picture_watch;
struct picture_watch *picture_watch_new(void);
void picture_watch_free(struct picture_watch *watch);
CLEANUP_DEFINE(picture_watch, picture_watch_free)
/* How long rules wait until they tell of what is new: of a thing that stands in the picture, or is gone from it, and of
 * how the whole looks. It becomes usual only long after that, so that it is told also where somebody was with it first.
 */
struct picture_wishes {
    double thing_seconds, look_seconds;
    double thing_area; /* of things that are smaller, as a share of the picture, they tell nothing */
};
/* Without it: all 0. */
void picture_watch_configure(struct picture_watch *watch, const struct picture_wishes *wishes);
/* Feeds one frame and its reduced luma plane, rows one after the other. A change of size or a step back in time starts
 * over. */
void picture_watch_update(struct picture_watch *watch, const struct frame *frame, const uint8_t *luma, int width,
                          int height, struct picture_facts *facts);

/* ---- detector ---- */

/* The names of the models in a directory, sorted: a new GPtrArray of owned texts, empty where there is no such
 * directory.
 */
GPtrArray *model_files_list(const char *directory);
/* Reads a model's card as detector_open does, into an uninitialised struct (record_clear with model_card_descriptor).
 */
bool model_card_load(const char *model_path, const char *card_path, struct model_card *card, GError **error);
/* Whether models of this family find objects in a frame (detector_open) rather than read one (reader_open). */
bool model_family_finds(enum model_family family);

struct detector;

/* Loads a model and its card (settings->card, else FILE.card.json or FILE.json beside it; FILE without ".onnx"), checks
 * the sha256 when the card has one, checks that the model has the tensors its card's family needs, and warms up. */
struct detector *detector_open(const char *model_path, const struct detector_settings *settings, GError **error);
/* The same without a model: each run fails, with what the last try to load it said, until detector_restart did. */
struct detector *detector_new(const char *model_path, const struct detector_settings *settings);
void detector_free(struct detector *detector);
CLEANUP_DEFINE(detector, detector_free)
/* How sure of an object the model must be for a wanted threshold: that, or where it is 0 what the card says. Any
 * thread. */
double detector_confidence(const struct detector *detector, double wanted);
/* Whether one of its labels is a person; false until a model was loaded. Any thread. One that finds only faces, plates
 * or things says nothing of where people are. */
bool detector_knows_people(const struct detector *detector);
/* Its labels, which stay as they are as long as it lives; NULL until a model was loaded. Any thread. */
const struct record_strings *detector_labels(struct detector *detector);
/* Runs the model on a frame, by the threshold it was opened with. On failure `detections` is empty. */
bool detector_run(struct detector *detector, const struct frame *frame, struct detections *detections, GError **error);
/* The same on a part of the frame, letterboxed by itself: small objects stay large. Boxes come as shares of the whole
 * frame. `region` NULL is the whole. Objects below `confidence` are not reported, as of detector_confidence: cameras
 * that share a detector have each their own. */
bool detector_run_region(struct detector *detector, const struct frame *frame, const struct record_box *region,
                         double confidence, struct detections *detections, GError **error);
/* Loads the model, or loads it anew, as it was opened. When that fails the old one stays, if there was one. */
bool detector_restart(struct detector *detector, GError **error);
/* After a run that failed: the same, where it was the caller's fifth in a row, and not more often than each ten
 * seconds, however many share it. `failures` counts them: the caller's own, which it zeroes after a run that was good.
 * `now_us` monotonic. True: it was tried, and where *error is set in vain. */
bool detector_mend(struct detector *detector, int *failures, int64_t now_us, GError **error);
/* How long the run or restart under way has taken, in microseconds; 0 when none is. Any thread. */
int64_t detector_busy_us(const struct detector *detector);
/* Ends the run under way with an error, at the model's next operation. Any thread. */
void detector_interrupt(struct detector *detector);
/* From a region's detections to those of a frame: of two of a class that overlap by more than whole frames' objects may
 * (detector.nms_iou, else the card's) the surer stays, in `all`. Also while another thread runs or restarts it. */
void detector_merge(const struct detector *detector, struct detections *all, const struct detections *more);
/* NULL until a model was loaded. */
const struct model_card *detector_card(const struct detector *detector);
/* A copy, g_free, of why it failed when it was run or loaded last, of bounded length; NULL when it did not fail. Any
 * thread. */
char *detector_describe_trouble(struct detector *detector);
/* "CPU", "CUDA", …: the execution provider in use. Until the next detector_restart. */
const char *detector_provider(const struct detector *detector);
/* Why that one and none of those that are faster, for people. Until the next detector_restart. */
const char *detector_provider_reason(const struct detector *detector);
/* Copies of both, g_free, while another thread may restart it. Until a model was loaded: empty, and why none was. Any
 * thread. */
void detector_describe_provider(struct detector *detector, char **provider, char **reason);
/* Whether the model holds 8-bit whole numbers (INT8) instead of floats. */
bool detector_is_quantised(const struct detector *detector);
/* What this build can run models by, names separated by commas; "none" in a build without ONNX Runtime. */
char *detector_providers_available(void);

/* ---- reader ---- */

/* Models that are shown one object: what it is (classifier), what it looks like (embedder), what stands on it (plate
 * readers). Opened by the same rules as a detector. */
struct reader;

enum { READING_MAX_VALUES = 2048, READING_MAX_LETTERS = 32, READING_MAX_TEXT_BYTES = 256 };

struct reading {
    char text[READING_MAX_TEXT_BYTES]; /* the class, or the letters; empty for embedders */
    double confidence;                 /* of the class, or of the least certain letter; 1 for embedders */
    float values[READING_MAX_VALUES];  /* a score per class or letter, or a vector of length 1 */
    int value_count;
};

struct reader *reader_open(const char *model_path, const struct detector_settings *settings, GError **error);
/* The same without a model: each run fails, with what the last try to load it said, until reader_restart did. */
struct reader *reader_new(const char *model_path, const struct detector_settings *settings);
void reader_free(struct reader *reader);
CLEANUP_DEFINE(reader, reader_free)
/* `object` NULL is the whole frame. A card that wants a face turned upright needs an object with five points. */
bool reader_run(struct reader *reader, const struct frame *frame, const struct detection *object,
                struct reading *reading, GError **error);
/* Loads the model, or loads it anew, as it was opened. When that fails the old one stays, if there was one. */
bool reader_restart(struct reader *reader, GError **error);
/* As detector_mend. */
bool reader_mend(struct reader *reader, int *failures, int64_t now_us, GError **error);
/* How alike two looks of one must be by the model's card; 0 until a model was loaded. Any thread. */
double reader_confidence(const struct reader *reader);
/* How long the run or restart under way has taken, in microseconds; 0 when none is. Any thread. */
int64_t reader_busy_us(const struct reader *reader);
/* Ends the run under way with an error, at the model's next operation. Any thread. */
void reader_interrupt(struct reader *reader);
/* Why it failed last; NULL: it did not, the last time it was used. The caller frees it. Any thread. */
char *reader_describe_trouble(struct reader *reader);
/* NULL until a model was loaded; until the next reader_restart. */
const struct model_card *reader_card(const struct reader *reader);
const char *reader_provider(const struct reader *reader);
/* The cosine of two vectors of embedders; -1 when their lengths differ. */
double reading_cosine(const struct reading *a, const struct reading *b);

/* ---- tracker ---- */

enum track_state { TRACK_TENTATIVE = 1, TRACK_CONFIRMED, TRACK_LOST };

struct track {
    uint64_t id;              /* never reused, unique per camera for ever */
    const char *object_class; /* interned */
    struct record_box box;    /* of the last update; while lost the predicted one, with tracker.predict */
    double confidence;
    double velocity_x, velocity_y; /* of the box centre, frame widths / heights per second */
    int32_t age_frames;            /* frames since the first */
    int64_t started_us, seen_us;   /* media_us of the first and the latest match */
    bool is_stationary;            /* has stood in one place for tracker.still_seconds */
    enum track_state state;
};

struct tracks {
    struct track *items; /* owned by the tracker; valid until its next update */
    int count;
    int64_t shed; /* objects that found no room, since the start */
};

/* Holds boxes to -1..2 of the frame and speeds to 1000 frames a second, as records have them: a filter that was fed
 * nonsense (a camera whose times jump) predicts any size. For tracks whose boxes are in 0..1 of the frame. */
void tracks_bound(struct tracks *tracks);

struct tracker;

/* Frames more than `outage_seconds` apart (rules.outage_seconds) have an outage between them. Ids count up from
 * `id_base`. */
struct tracker *tracker_new(const struct tracker_settings *settings, double outage_seconds, uint64_t id_base);
void tracker_free(struct tracker *tracker);
CLEANUP_DEFINE(tracker, tracker_free)
/* Feeds one frame's detections. The frame's size is needed because ByteTrack works in pixels (its IoU adds one pixel to
 * each side, its noise weights are shares of the height). A track goes on from the frame before however far apart the
 * two are, but none over an outage, whatever is remembered for how long. `tracks` receives those matched in this frame
 * and the lost ones still remembered. */
void tracker_update(struct tracker *tracker, const struct detections *detections, int64_t media_us, int width_px,
                    int height_px, struct tracks *tracks);
/* A track turns out to be an older one: it takes over that one's id, which ends if it is still remembered. False when
 * there is no track `id`. For between two updates; the caller's `tracks` are as they were. */
bool tracker_take_over(struct tracker *tracker, uint64_t id, uint64_t older_id);
/* The first id that was not given out yet. */
uint64_t tracker_next_id(const struct tracker *tracker);

/* ---- tracks found again by their looks ---- */

/* Keeps looks (vectors of an embedder) of a camera's tracks. A new track that looks like one that was lost, and appears
 * where that one could have got to, takes over its id. */
struct reid;

enum reid_answer {
    REID_LOOKED = 1,
    REID_FAILED, /* the model ran, and that told nothing */
    REID_LATER,  /* it cannot be asked now */
};
/* Shows a track of the frame to the model. What was not looked at is tried again with the next frame. */
typedef enum reid_answer reid_look(void *data, const struct track *track, struct reading *look);

/* Since the start. */
struct reid_counts {
    int64_t looks, found, postponed, shed;
};

/* `threshold` is that of the model's card, used where the settings have none. */
struct reid *reid_new(const struct reid_settings *settings, double threshold);
/* The card's, once it is known. Between two updates. */
void reid_set_threshold(struct reid *reid, double threshold);
void reid_free(struct reid *reid);
CLEANUP_DEFINE(reid, reid_free)
/* After each tracker_update, with what it gave; ids are changed in both. `aspect`: of the frame, width over height. */
void reid_update(struct reid *reid, struct tracker *tracker, struct tracks *tracks, int64_t media_us, double aspect,
                 reid_look *look, void *data);
struct reid_counts reid_counts(const struct reid *reid);
