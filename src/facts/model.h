/* Facts: the card that lies beside each model (yolox_nano.onnx → yolox_nano.card.json, else FILE.json). */
#pragma once

#include "record/record.h"

enum model_family { MODEL_YOLOX = 1 };
extern const char *const model_family_names[];
enum model_layout { MODEL_NCHW = 1, MODEL_NHWC };
extern const char *const model_layout_names[];
enum model_channels { MODEL_BGR = 1, MODEL_RGB };
extern const char *const model_channels_names[];
enum model_fit { MODEL_FIT_TOP_LEFT = 1, MODEL_FIT_CENTRE, MODEL_FIT_STRETCH };
extern const char *const model_fit_names[];

struct model_card {
    char *name;
    enum model_family family;
    char *input_name; /* empty: the model's only input */
    int32_t input_width_px, input_height_px;
    enum model_layout layout;
    enum model_channels channels;
    enum model_fit fit;
    double pad_value;                 /* 0..255 */
    double mean_0, mean_1, mean_2;    /* in channel order; subtracted */
    double scale_0, scale_1, scale_2; /* in channel order; multiplied after */
    struct record_strings labels;     /* class index → name */
    double confidence;                /* the card's own threshold */
    double nms_iou;
    char *licence;
    char *source;
    char *sha256; /* of the .onnx, 64 hex digits */
};
extern const struct record_descriptor model_card_descriptor;
