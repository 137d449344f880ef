/* What the files of the detector share. From frame to objects, in the order in which it flows:
 *
 *   card.c        reads the card that lies beside a model
 *   preprocess.c  letterbox and colour conversion, from the decoder's planes straight into the model's float tensor
 *   align.c       the same for a face that is turned upright by its five points
 *   runtime*.c    ONNX Runtime: loads, checks and runs the model (the only files that know it; runtime_none.c stands in
 *                 for them in a build without)
 *   families.c    the table of model families; family_*.c say which tensors a family has and how its outputs are read
 *   nms.c         of overlapping boxes of a class, the most certain one
 *   model.c       a file, its card, its family and its runtime
 *   held_model.c  a model that may hang, fail and be loaded anew: what detector and reader have in common
 *   detector.c    finds objects in a frame
 *   reader.c      reads one object: its class, its likeness, its letters
 */
#pragma once

#include "vision/vision.h"

#include <pthread.h>

enum { MODEL_MAX_TENSORS = 16, TENSOR_MAX_RANK = 8 };

/* ---- card.c ---- */

/* Reads `card_path`, or when it is NULL or empty the card beside the model, into an uninitialised struct. */
bool card_load(const char *model_path, const char *card_path, struct model_card *card, GError **error);

/* ---- preprocess.c ---- */

/* Where the frame lies in the model's input, in input pixels. */
struct letterbox {
    int left, top, width, height;
};

struct letterbox letterbox_fit(const struct model_card *card, int width_px, int height_px);

/* Samples are blended along a row in whole numbers: the weights of two neighbours sum to this, which keeps a sum of
 * bytes within what a float holds exactly, and a weight within 16 bits. */
enum { PREPROCESS_ONE = 32767 };

/* SIMD forms take a group of columns at a time, four or sixteen: all bytes they need lie in a few windows as long as
 * the group's two 16-bit samples of each column, out of which one shuffle each brings them. */
enum {
    PREPROCESS_FOUR = 4,
    PREPROCESS_SIXTEEN = 16,
    PREPROCESS_COLUMN_BYTES = 4,
    PREPROCESS_FOUR_BYTES = PREPROCESS_FOUR * PREPROCESS_COLUMN_BYTES,
    PREPROCESS_SIXTEEN_BYTES = PREPROCESS_SIXTEEN * PREPROCESS_COLUMN_BYTES,
    PREPROCESS_MAX_WINDOWS = 4
};

struct preprocess_windows {
    int32_t *start; /* a group: where its windows begin in the source's row, in bytes; they never reach past its end */
    uint8_t *shuffles; /* a group: PREPROCESS_MAX_WINDOWS windows, which of its bytes go where; above 127: 0. The
                          windows' results together are 16-bit words, both samples of each column in turn */
    int count;         /* a group; 0: the row is too short, or the columns too far apart */
};

/* One axis of bilinear sampling. Its two samples of a column are `first` and the next (or `first` again where the
 * source has but one). The last group may be columns beyond the last, whose samples are as that one's. */
struct preprocess_axis {
    int32_t *first;   /* a column */
    int16_t *weights; /* two a column, up to the end of the last sixteen */
    struct preprocess_windows fours, sixteens;
};

/* YCbCr to what the model takes, channel by channel in the model's order: limited to least..most,
 * luma * y + chroma + offset, where chroma is u or v times a factor, of green both. What is sampled is times
 * PREPROCESS_ONE; the card's scale and mean are in the factors. */
struct preprocess_colour {
    struct preprocess_channel {
        float luma, u, v, offset, least, most;
    } channels[3];
    bool is_rgb, is_grey; /* else BGR */
};
struct preprocess_colour preprocess_colour_of(const struct model_card *card, bool is_full_range, bool is_bt709);
/* One pixel, times PREPROCESS_ONE, into as many channels as the model has. */
void preprocess_convert(const struct preprocess_colour *colour, float y, float u, float v, float *out);

/* One row of output: the two source rows of luma and of each chroma, and how far between them. */
struct preprocess_row {
    const uint8_t *luma[2], *u[2], *v[2];
    float luma_fraction, chroma_fraction;
    int last_luma, last_chroma; /* index of the source's last sample */
    int chroma_step;            /* bytes between samples: 2 for NV12, whose `v` rows begin a byte after its `u` rows */
    const struct preprocess_axis *luma_axis, *chroma_axis;
    const struct preprocess_colour *colour;
    float *out[3]; /* one per channel; of grey models all the same */
    int out_step;  /* floats between pixels: 1 for planes, 3 for interleaved */
    int width;
};

typedef void (*preprocess_row_function)(const struct preprocess_row *row);

/* The specification. */
void preprocess_row_scalar(const struct preprocess_row *row);
/* The same result, bit for bit, by SIMD; NULL where the build or the machine has no such instructions. Both axes have
 * windows: of fours, or for AVX-512 of sixteens. */
preprocess_row_function preprocess_row_sse41(void);
preprocess_row_function preprocess_row_avx2(void);
preprocess_row_function preprocess_row_avx512(void);
preprocess_row_function preprocess_row_neon(void);
/* What is left of a row from pixel `i` on, for the ends of SIMD loops. */
void preprocess_row_rest(const struct preprocess_row *row, int i);

struct preprocess;

struct preprocess *preprocess_new(const struct model_card *card);
void preprocess_free(struct preprocess *preprocess);
CLEANUP_DEFINE(preprocess, preprocess_free)
/* Fills `tensor` (3 * input width * input height floats, always the same one, else call preprocess_forget first). */
struct letterbox preprocess_run(struct preprocess *preprocess, const struct frame *frame, float *tensor);
/* A part of a frame as a frame of its own, for reading only: corners are moved out to even pixels, where chroma
 * samples begin, and in to the frame. `region` NULL is the whole. */
struct frame frame_view(const struct frame *frame, const struct record_box *region);
/* Where such a view lies, as shares of the frame. */
struct record_box frame_view_box(const struct frame *frame, const struct record_box *region);

/* ---- align.c ---- */

/* Turns the face whose five points (shares of the frame) are given upright into a tensor of the card's size, as
 * embedders of the ArcFace kind are taught. False when the points lie in one place. */
bool align_face(const struct model_card *card, const struct frame *frame, const struct detection_point points[5],
                float *tensor);
/* Another tensor, or its contents are gone: the padding is written again. */
void preprocess_forget(struct preprocess *preprocess);

/* ---- runtime.c ---- */

struct tensor_shape {
    int rank;
    int64_t sizes[TENSOR_MAX_RANK]; /* of a model: under 1 where it takes any; of a want: under 1 where any will do */
};
static inline int64_t tensor_shape_count(const struct tensor_shape *shape)
{
    int64_t count = 1;
    for (int i = 0; i < shape->rank; i++)
        count *= shape->sizes[i];
    return count;
}

/* What was in an output, as floats whatever the model made them of. */
struct tensor_view {
    const float *values;
    struct tensor_shape shape;
};

/* A tensor that the card calls for: the one of this name (TensorFlow's ":0" behind it is looked past), else the first
 * of this shape that no earlier want has. */
struct tensor_want {
    const char *name;                /* NULL: by shape alone */
    bool is_name_sure;               /* the name was given by the card: no other will do */
    struct tensor_shape shape;       /* rank 0: any */
    struct tensor_shape other_shape; /* will do too; rank 0: there is none */
    enum model_input_type type;      /* of an input: filled with floats, handed over as this; 0: float */
    bool is_count;                   /* of an output: its numbers are whole in themselves, so 32 or 64 bits will do */
    const char *reason;              /* "3 labels make 8 columns": said when the model's differs; NULL for none */
};

struct runtime;

/* Loads a model from memory, which may go afterwards. Errors say what is wrong with "it": the caller names the model.
 */
struct runtime *runtime_open(const void *bytes, size_t length, const struct detector_settings *settings,
                             GError **error);
void runtime_free(struct runtime *runtime);
CLEANUP_DEFINE(runtime, runtime_free)
/* Holds the model's tensors against what is wanted, gives them memory and runs once. */
bool runtime_bind(struct runtime *runtime, const struct tensor_want *input, const struct tensor_want *outputs,
                  int output_count, GError **error);
float *runtime_input(struct runtime *runtime);
/* In the order of `outputs`; valid until the next run. */
const struct tensor_view *runtime_outputs(const struct runtime *runtime);
bool runtime_run(struct runtime *runtime, GError **error);
/* Ends the run under way with an error. Any thread. */
void runtime_interrupt(struct runtime *runtime);
const char *runtime_provider(const struct runtime *runtime);
const char *runtime_provider_reason(const struct runtime *runtime);

/* ---- families ---- */

/* A box in input pixels. */
struct candidate {
    float left, top, right, bottom;
    float score; /* 0..1 */
    int label;
    int point_count;
    float points[2 * DETECTION_MAX_POINTS]; /* x and y in turn */
};

/* Sets the box; false for what is none: not finite, or without area. */
bool candidate_set_box(struct candidate *candidate, float left, float top, float right, float bottom);
/* The index of the greatest of `count` scores that lie `step` apart. What is no number is never the greatest. */
int family_best(const float *scores, int count, int step);
/* Cells of the grid of one stride. */
static inline int family_cells(const struct model_card *card, int stride)
{
    return (card->input_width_px / stride) * (card->input_height_px / stride);
}
/* The distance of a box's side in cells, of heads of generalised focal loss (Li et al. 2020): the mean of 0..7 under
 * the softmax of its eight bins. */
enum { FAMILY_BINS = 8 };
float family_expect(const float *bins);
/* False with an error unless the input is a multiple of `stride` both ways. */
bool family_check_multiple(const struct model_card *card, int stride, GError **error);
/* False with an error when the card names no class. */
bool family_check_labels(const struct model_card *card, GError **error);

/* How a family's outputs are laid out and read. A family either finds (`decode`) or reads (`read`). */
struct family {
    enum model_family family;
    const char *summary; /* for people, one line */
    /* Fills in the outputs that a model of this family must have, at most MODEL_MAX_TENSORS. `reason` holds text for
     * them that lives as long as the call. False with an error when the card itself cannot be. */
    bool (*describe)(const struct model_card *card, struct tensor_want *outputs, int *output_count, GString *reason,
                     GError **error);
    /* Most candidates that decode can give. */
    int64_t (*capacity)(const struct model_card *card);
    /* Writes candidates of at least `confidence`; what is no number or no box is left out. Returns how many, or -1 with
     * an error when the outputs do not belong together. */
    int (*decode)(const struct model_card *card, const struct tensor_view *outputs, float confidence,
                  struct candidate *candidates, GError **error);
    /* What a model says of one object. */
    bool (*read)(const struct model_card *card, const struct tensor_view *outputs, struct reading *reading,
                 GError **error);
};
/* NULL when there is none. */
const struct family *family_find(enum model_family family);
extern const struct family family_yolox, family_yolov5, family_yolov8, family_nanodet, family_ssd, family_ultraface,
    family_yunet, family_lpd_yunet, family_classifier, family_embedder, family_plate_slots, family_plate_ctc,
    family_end_to_end, family_nanodet_plus;

/* ---- model.c ---- */

/* What the card says of the model's input. */
struct tensor_want model_want_input(const struct model_card *card);

struct model {
    struct model_card card;
    const struct family *family;
    struct runtime *runtime;
    struct preprocess *preprocess;
    int output_count;
    bool is_quantised; /* some of it is reckoned in whole numbers of 8 bits */
};
/* Into a zeroed struct; clear it also after a failure. */
bool model_load(struct model *model, const char *path, const struct detector_settings *settings, bool is_finding,
                GError **error);
void model_clear(struct model *model);
/* When a use of a model began that may hang, for those who watch from another thread; zeroed: none is under way. */
struct model_use {
    int64_t since_us; /* __atomic */
};
static inline void model_use_begin(struct model_use *use)
{
    __atomic_store_n(&use->since_us, g_get_monotonic_time(), __ATOMIC_RELAXED);
}
static inline void model_use_end(struct model_use *use)
{
    __atomic_store_n(&use->since_us, 0, __ATOMIC_RELAXED);
}
static inline int64_t model_use_us(const struct model_use *use)
{
    int64_t since_us = __atomic_load_n(&use->since_us, __ATOMIC_RELAXED);
    return since_us ? g_get_monotonic_time() - since_us : 0;
}
/* Why a model failed, the last time it was used. */
struct model_trouble {
    pthread_mutex_t lock;
    char *text; /* under lock; NULL: it did not */
};
void model_trouble_init(struct model_trouble *trouble);
void model_trouble_clear(struct model_trouble *trouble);
/* `error` NULL: it did not fail. Who uses the model. */
void model_trouble_note(struct model_trouble *trouble, const GError *error);
/* A copy that the caller frees, or NULL. Any thread. */
char *model_trouble_describe(struct model_trouble *trouble);
/* Runs on what stands in the input. A model that gives hardly any numbers has failed. */
bool model_run(struct model *model, GError **error);

/* ---- held_model.c ---- */

/* So many runs in a row that fail for one of those who share it, and a model is loaded anew; not more often than each
 * MODEL_RESTART_PAUSE_US. */
enum { MODEL_MOST_FAILURES = 5, MODEL_RESTART_PAUSE_US = 10 * 1000000 };

/* One thread at a time uses it; others may watch it meanwhile, by what says so. */
struct held_model {
    struct model model; /* without a runtime until it was loaded */
    char *path, *card_path;
    struct detector_settings settings; /* its other texts are not used */
    bool is_finding;
    pthread_mutex_t runtime_lock; /* around a change of the runtime, which another thread may interrupt or describe */
    struct model_trouble trouble; /* any thread */
    struct model_use use;         /* any thread */
    int64_t restarted_us;         /* because of runs that failed; 0: never */
};
/* Whether what is made of one model may go on with another. */
typedef bool held_model_fits(const struct model *old, const struct model *fresh);

/* Copies what it keeps; nothing is loaded. */
void held_model_init(struct held_model *held, const char *path, const struct detector_settings *settings,
                     bool is_finding);
void held_model_clear(struct held_model *held);
static inline bool held_model_is_loaded(const struct held_model *held)
{
    return held->model.runtime;
}
/* Loads it, or loads it anew. When that fails the old one stays, if there was one. */
bool held_model_restart(struct held_model *held, held_model_fits *fits, GError **error);
/* After a run that failed: whether it is time to load it anew; asked once. As detector_mend. */
bool held_model_is_due(struct held_model *held, int *failures, int64_t now_us);
/* Before a run: false with what the last try to load it said, where there is no model; that is a failed run. */
bool held_model_check(struct held_model *held, GError **error);
/* model_run, watched. */
bool held_model_run(struct held_model *held, GError **error);
/* After a run and what was made of it: takes `cause`, NULL where it was good, and passes it on. True: it was good. */
bool held_model_note(struct held_model *held, GError *cause, GError **error);
/* Ends the run under way with an error. Any thread. */
void held_model_interrupt(struct held_model *held);

/* ---- nms.c ---- */

/* Only so many of the most certain candidates are compared; a picture of more objects than this is noise. */
enum { NMS_MAX_CANDIDATES = 4096 };

/* Sorts candidates, most certain first, and keeps of each label those that overlap no kept one by more than `iou`.
 * Returns how many were kept, at the front of the array. `shed` counts those beyond the bound. */
int nms_apply(struct candidate *candidates, int count, float iou, int64_t *shed);
