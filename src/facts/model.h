/* Facts: the card that lies beside each model (yolox_nano.onnx → yolox_nano.card.json, else FILE.json). */
#pragma once

#include <stdbool.h>

#include "record/record.h"

enum model_family {
    MODEL_YOLOX = 1,
    MODEL_YOLOV5,
    MODEL_YOLOV8,
    MODEL_NANODET,
    MODEL_SSD,
    MODEL_ULTRAFACE,
    MODEL_YUNET,
    MODEL_LPD_YUNET,
    MODEL_CLASSIFIER,
    MODEL_EMBEDDER,
    MODEL_PLATE_SLOTS,
    MODEL_PLATE_CTC,
    MODEL_END_TO_END,
    MODEL_NANODET_PLUS
};
extern const char *const model_family_names[];
enum model_layout { MODEL_NCHW = 1, MODEL_NHWC };
extern const char *const model_layout_names[];
enum model_channels { MODEL_BGR = 1, MODEL_RGB, MODEL_GREY };
extern const char *const model_channels_names[];
enum model_fit { MODEL_FIT_TOP_LEFT = 1, MODEL_FIT_CENTRE, MODEL_FIT_STRETCH };
extern const char *const model_fit_names[];
enum model_input_type { MODEL_FLOAT = 1, MODEL_UINT8, MODEL_FLOAT16 };
extern const char *const model_input_type_names[];
/* What part of the frame a model that reads one object is shown. */
enum model_crop { MODEL_CROP_BOX = 1, MODEL_CROP_SQUARE, MODEL_CROP_FACE };
extern const char *const model_crop_names[];

struct model_card {
    char *name;
    enum model_family family;
    char *input_name; /* empty: the model's only input */
    int32_t input_width_px, input_height_px;
    enum model_input_type input_type;
    enum model_layout layout;
    enum model_channels channels;
    enum model_fit fit;
    double pad_value;                 /* 0..255 */
    double mean_0, mean_1, mean_2;    /* in channel order; subtracted */
    double scale_0, scale_1, scale_2; /* in channel order; multiplied after */
    enum model_crop crop;             /* of models that read one object */
    double margin_x, margin_y;        /* added to each side of the object's box, as shares of its size */
    struct record_strings labels;     /* class index → name; of plate readers the alphabet; of embedders empty */
    int32_t first_label;              /* the number that the model gives the first of them */
    char *blank;                      /* the letter that stands for none, of plate readers */
    bool has_logits;                  /* scores come before softmax */
    bool has_decoded_boxes;           /* of YOLOX: boxes come in input pixels */
    double confidence;                /* the card's own threshold */
    double nms_iou;
    char *licence;
    char *source;
    char *sha256; /* of the .onnx, 64 hex digits */
};
extern const struct record_descriptor model_card_descriptor;
/* How the published exports of a family want their picture, into an initialised card; of families that have no one
 * such way nothing is changed. */
void model_card_set_family(struct model_card *card, enum model_family family);
#define MODEL_SUFFIX ".onnx" /* of the files */

/* A model as the API tells of it: what its card says of it, and what the server has of it. Borrows what it shows. */
struct model_view {
    char *id;                       /* its file's name without MODEL_SUFFIX */
    struct record_strings used_for; /* settings: "detector", "reid" */
    int64_t size_bytes;
    char *error; /* why nothing is known of it */
    /* of the card */
    char *name;
    enum model_family family;
    int32_t input_width_px, input_height_px;
    struct record_strings labels;
    char *licence, *source, *sha256;
};
extern const struct record_descriptor model_view_descriptor;
