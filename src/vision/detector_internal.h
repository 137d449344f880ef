/* What the files of the detector share. From frame to objects, in the order in which it flows:
 *
 *   card.c        reads the card that lies beside a model
 *   preprocess.c  letterbox and colour conversion, from the decoder's planes straight into the model's float tensor
 *   runtime.c     ONNX Runtime: loads, checks and runs the model (the only file that knows it; runtime_none.c stands in
 *                 for it in a build without)
 *   families.c    the table of model families; family_*.c say which tensors a family has and how its outputs are read
 *   nms.c         of overlapping boxes of a class, the most certain one
 *   detector.c    puts them together
 */
#pragma once

#include "vision/vision.h"

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

/* One axis of bilinear sampling, a row per output column: value = a + (b - a) * fraction, a at `first`, b one further
 * (or at `first` where the source has but one). */
struct preprocess_axis {
    int32_t *first;
    float *fraction;
    int32_t *offset; /* where a 4-byte read that holds both may start, in bytes */
    int32_t *shift;  /* bits by which what was read is shifted down to have a in its lowest byte */
};

/* YCbCr to what the model takes: out = clamp(colour, 0, 255) * scale + bias. */
struct preprocess_colour {
    float luma_offset, luma_gain;
    float red_v, green_u, green_v, blue_u;
    float scale[3], bias[3]; /* in the order of the model's channels */
    bool is_rgb;
};

/* One row of output: the two source rows of luma and of each chroma, and how far between them. */
struct preprocess_row {
    const uint8_t *luma[2], *u[2], *v[2];
    float luma_fraction, chroma_fraction;
    int last_luma, last_chroma; /* index of the source's last sample */
    int chroma_step;            /* bytes between samples: 2 for NV12, whose `u` rows hold v too */
    const struct preprocess_axis *luma_axis, *chroma_axis;
    const struct preprocess_colour *colour;
    float *out[3]; /* one per channel */
    int out_step;  /* floats between pixels: 1 for planes, 3 for interleaved */
    int width;
};

typedef void (*preprocess_row_function)(const struct preprocess_row *row);

/* The specification. */
void preprocess_row_scalar(const struct preprocess_row *row);
/* The same result by AVX2, for frames at least PREPROCESS_AVX2_MIN_WIDTH wide; NULL on machines without it. */
preprocess_row_function preprocess_row_avx2(void);
enum { PREPROCESS_AVX2_MIN_WIDTH = 8 };

struct preprocess;

struct preprocess *preprocess_new(const struct model_card *card);
void preprocess_free(struct preprocess *preprocess);
CLEANUP_DEFINE(preprocess, preprocess_free)
/* Instead of the fastest; for tests and measurements. */
void preprocess_use(struct preprocess *preprocess, preprocess_row_function function);
/* Fills `tensor` (3 * input width * input height floats, always the same one, else call preprocess_forget first). */
struct letterbox preprocess_run(struct preprocess *preprocess, const struct frame *frame, float *tensor);
/* Another tensor, or its contents are gone: the padding is written again. */
void preprocess_forget(struct preprocess *preprocess);

/* ---- runtime.c ---- */

struct tensor_shape {
    int rank;
    int64_t sizes[TENSOR_MAX_RANK]; /* of a model: under 1 where it takes any */
};
static inline int64_t tensor_shape_count(const struct tensor_shape *shape)
{
    int64_t count = 1;
    for (int i = 0; i < shape->rank; i++)
        count *= shape->sizes[i];
    return count;
}

/* A tensor that the card calls for. `name` NULL: any of this shape. */
struct tensor_want {
    const char *name;
    struct tensor_shape shape;
    const char *reason; /* "3 labels make 8 columns": said when the model's differs; NULL for none */
};

struct runtime;

/* Loads a model from memory, which may go afterwards. Errors say what is wrong with "it": the caller names the model.
 */
struct runtime *runtime_open(const void *bytes, size_t length, int threads, GError **error);
void runtime_free(struct runtime *runtime);
CLEANUP_DEFINE(runtime, runtime_free)
/* Holds the model's tensors against what is wanted, gives them memory and runs once. */
bool runtime_bind(struct runtime *runtime, const struct tensor_want *input, const struct tensor_want *outputs,
                  int output_count, GError **error);
float *runtime_input(struct runtime *runtime);
/* In the order of `outputs`; valid until the next run. */
const float *const *runtime_outputs(const struct runtime *runtime);
bool runtime_run(struct runtime *runtime, GError **error);
const char *runtime_provider(const struct runtime *runtime);

/* ---- families ---- */

/* A box in input pixels. */
struct candidate {
    float left, top, right, bottom;
    float score; /* 0..1 */
    int label;
};

/* How a family's outputs are laid out and read. */
struct family {
    enum model_family family;
    /* Fills in the outputs that a model of this family must have, at most MODEL_MAX_TENSORS. `reasons` hold text for
     * them that lives as long as the call. False with an error when the card itself cannot be. */
    bool (*describe)(const struct model_card *card, struct tensor_want *outputs, int *output_count, GString *reason,
                     GError **error);
    /* Most candidates that decode can give. */
    int64_t (*capacity)(const struct model_card *card);
    /* Writes candidates of at least `confidence`; what is no number or no box is left out. Returns how many. */
    int (*decode)(const struct model_card *card, const float *const *outputs, float confidence,
                  struct candidate *candidates);
};
/* NULL when there is none. */
const struct family *family_find(enum model_family family);
extern const struct family family_yolox;

/* ---- nms.c ---- */

/* Only so many of the most certain candidates are compared; a picture of more objects than this is noise. */
enum { NMS_MAX_CANDIDATES = 4096 };

/* Sorts candidates, most certain first, and keeps of each label those that overlap no kept one by more than `iou`.
 * Returns how many were kept, at the front of the array. `shed` counts those beyond the bound. */
int nms_apply(struct candidate *candidates, int count, float iou, int64_t *shed);
