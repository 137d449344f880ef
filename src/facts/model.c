#include "facts/model.h"

#include "facts/object_class.h"

#include <string.h>

const char *const model_family_names[] = {"yolox",       "yolov5",    "yolov8",     "nanodet",      "ssd",
                                          "ultraface",   "yunet",     "lpd_yunet",  "classifier",   "embedder",
                                          "plate_slots", "plate_ctc", "end_to_end", "nanodet_plus", NULL};
const char *const model_layout_names[] = {"nchw", "nhwc", NULL};
const char *const model_channels_names[] = {"bgr", "rgb", "grey", NULL};
const char *const model_input_type_names[] = {"float", "uint8", "float16", NULL};
const char *const model_crop_names[] = {"box", "square", "face", NULL};
const char *const model_fit_names[] = {"top_left", "centre", "stretch", NULL};

/* How a picture is fed to a model. */
struct family_input {
    enum model_input_type input_type;
    enum model_layout layout;
    enum model_channels channels;
    enum model_fit fit;
    double pad_value, mean[3], scale[3];
    int32_t first_label;
};
/* utils/augmentations.py, ultralytics/data/augment.py: letterbox, and 0..1; those of v10 and with NMS inside, too */
static const struct family_input ultralytics_input = {
    MODEL_FLOAT, MODEL_NCHW, MODEL_RGB, MODEL_FIT_CENTRE, 114, {0}, {1. / 255, 1. / 255, 1. / 255}, 0};
/* nanodet/data/transform/warp.py with keep_ratio, as the configurations of v0 have it, and without, as those of Plus;
 * mean and deviation in the order of BGR */
static const struct family_input nanodet_input = {MODEL_FLOAT,
                                                  MODEL_NCHW,
                                                  MODEL_BGR,
                                                  MODEL_FIT_CENTRE,
                                                  0,
                                                  {103.53, 116.28, 123.675},
                                                  {1 / 57.375, 1 / 57.12, 1 / 58.395},
                                                  0};
static const struct family_input nanodet_plus_input = {MODEL_FLOAT,
                                                       MODEL_NCHW,
                                                       MODEL_BGR,
                                                       MODEL_FIT_STRETCH,
                                                       0,
                                                       {103.53, 116.28, 123.675},
                                                       {1 / 57.375, 1 / 57.12, 1 / 58.395},
                                                       0};
/* TensorFlow's detectors take pixels as they are and do the rest inside; class 0 is their background */
static const struct family_input tensorflow_input = {MODEL_UINT8, MODEL_NHWC, MODEL_RGB, MODEL_FIT_STRETCH,
                                                     0,           {0},        {1, 1, 1}, 1};
/* vision/ssd/data_preprocessing.py, PredictionTransform */
static const struct family_input ultraface_input = {
    MODEL_FLOAT, MODEL_NCHW, MODEL_RGB, MODEL_FIT_STRETCH, 0, {127, 127, 127}, {1. / 128, 1. / 128, 1. / 128}, 0};
/* OpenCV's face_detect.cpp, and lpd_yunet.py of its zoo */
static const struct family_input yunet_input = {MODEL_FLOAT, MODEL_NCHW, MODEL_BGR, MODEL_FIT_TOP_LEFT,
                                                0,           {0},        {1, 1, 1}, 0};
static const struct family_input lpd_yunet_input = {MODEL_FLOAT, MODEL_NCHW, MODEL_BGR, MODEL_FIT_STRETCH,
                                                    0,           {0},        {1, 1, 1}, 0};

/* As the authors' own code feeds what they publish. The fields' own defaults are YOLOX's; what reads one object
 * (classifiers, embedders, plate readers) has no one way. */
static const struct family_input *const family_inputs[] = {
    [MODEL_YOLOV5] = &ultralytics_input,       [MODEL_YOLOV8] = &ultralytics_input,
    [MODEL_NANODET] = &nanodet_input,          [MODEL_SSD] = &tensorflow_input,
    [MODEL_ULTRAFACE] = &ultraface_input,      [MODEL_YUNET] = &yunet_input,
    [MODEL_LPD_YUNET] = &lpd_yunet_input,      [MODEL_END_TO_END] = &ultralytics_input,
    [MODEL_NANODET_PLUS] = &nanodet_plus_input};

void model_card_set_family(struct model_card *card, enum model_family family)
{
    const struct family_input *input = family < G_N_ELEMENTS(family_inputs) ? family_inputs[family] : NULL;
    if (!input)
        return;
    card->input_type = input->input_type;
    card->layout = input->layout;
    card->channels = input->channels;
    card->fit = input->fit;
    card->pad_value = input->pad_value;
    card->mean_0 = input->mean[0];
    card->mean_1 = input->mean[1];
    card->mean_2 = input->mean[2];
    card->scale_0 = input->scale[0];
    card->scale_1 = input->scale[1];
    card->scale_2 = input->scale[2];
    card->first_label = input->first_label;
}

static const struct record_field model_card_fields[] = {
    FIELD(struct model_card, name, RECORD_REQUIRED, "what people call it", .min_count = 1, .max_count = 128),
    FIELD_ENUM(struct model_card, family, model_family_names, RECORD_REQUIRED,
               "how its outputs are read, and how its picture is made where the card does not say (docs/models.md)"),
    FIELD(struct model_card, input_name, 0, "the input tensor; empty: the model's only one", .max_count = 128),
    FIELD(struct model_card, input_width_px, RECORD_REQUIRED, "width the model takes", .unit = "px", .min = 16,
          .max = 4096),
    FIELD(struct model_card, input_height_px, RECORD_REQUIRED, "height the model takes", .unit = "px", .min = 16,
          .max = 4096),
    FIELD_ENUM(struct model_card, input_type, model_input_type_names, 0, "numbers of the input",
               .default_text = "float"),
    FIELD_ENUM(struct model_card, layout, model_layout_names, 0, "order of the input's axes", .default_text = "nchw"),
    FIELD_ENUM(struct model_card, channels, model_channels_names, 0, "order of the colours", .default_text = "bgr"),
    FIELD_ENUM(struct model_card, fit, model_fit_names, 0, "how a frame is fitted into the input",
               .default_text = "top_left"),
    FIELD(struct model_card, pad_value, 0, "what fills the rest", .min = 0, .max = 255, .default_text = "114"),
    FIELD(struct model_card, mean_0, 0, "subtracted from the first channel", .min = -1000, .max = 1000),
    FIELD(struct model_card, mean_1, 0, "subtracted from the second channel", .min = -1000, .max = 1000),
    FIELD(struct model_card, mean_2, 0, "subtracted from the third channel", .min = -1000, .max = 1000),
    FIELD(struct model_card, scale_0, 0, "multiplies the first channel after that", .min = -1000, .max = 1000,
          .default_text = "1"),
    FIELD(struct model_card, scale_1, 0, "multiplies the second channel after that", .min = -1000, .max = 1000,
          .default_text = "1"),
    FIELD(struct model_card, scale_2, 0, "multiplies the third channel after that", .min = -1000, .max = 1000,
          .default_text = "1"),
    FIELD_ENUM(struct model_card, crop, model_crop_names, 0,
               "what a model that reads one object is shown: its box, the square around it, or the face turned upright",
               .default_text = "box"),
    FIELD(struct model_card, margin_x, 0, "added left and right of that box, as a share of its width", .min = 0,
          .max = 2),
    FIELD(struct model_card, margin_y, 0, "added above and below, as a share of its height", .min = 0, .max = 2),
    FIELD(struct model_card, labels, 0,
          "names of the classes, in the model's order, each of 64 bytes at most, but a classifier's; of plate readers "
          "the letters; of embedders none",
          .max_count = 1024),
    FIELD(struct model_card, first_label, 0, "the number the model gives the first of them (1 where 0 is background)",
          .min = 0, .max = 1024),
    FIELD(struct model_card, blank, 0, "the letter that stands for none, of plate readers", .max_count = 16),
    FIELD(struct model_card, has_logits, 0, "whether scores come as they are before softmax"),
    FIELD(struct model_card, has_decoded_boxes, 0,
          "whether a YOLOX model gives its boxes in input pixels (exported with decode_in_inference)"),
    FIELD(struct model_card, confidence, 0, "objects below it are not reported", .min = 0, .max = 1,
          .default_text = "0.3"),
    FIELD(struct model_card, nms_iou, 0, "boxes of a class that overlap more are one", .min = 0, .max = 1,
          .default_text = "0.45"),
    FIELD(struct model_card, licence, 0, "of the weights", .max_count = 256),
    FIELD(struct model_card, source, 0, "where they come from", .max_count = 1024),
    FIELD(struct model_card, sha256, 0, "of the .onnx file, 64 hex digits; checked when given", .max_count = 64),
};
/* What a classifier tells apart is told as it is read, and is no object's class. */
static void model_card_check(const void *record, const char *path, struct record_errors *errors)
{
    const struct model_card *card = record;
    for (size_t i = 0; i < card->labels.count; i++) {
        g_autofree char *where = g_strdup_printf("%s%slabels[%zu]", path, *path ? "." : "", i);
        if (card->family != MODEL_CLASSIFIER && strlen(card->labels.items[i]) > OBJECT_CLASS_MAX_BYTES)
            record_errors_add(errors, where, "has more than %d bytes", OBJECT_CLASS_MAX_BYTES);
    }
}
const struct record_descriptor model_card_descriptor =
    RECORD(struct model_card, "ModelCard", 1, model_card_fields,
           "Lies beside a model and says how to use it. What it leaves out is its family's own (docs/models.md); the "
           "defaults here are YOLOX's.",
           .check = model_card_check);

static const struct record_field model_view_fields[] = {
    FIELD(struct model_view, id, RECORD_REQUIRED | RECORD_KEY, "the name of its file without .onnx", .max_count = 255),
    FIELD(struct model_view, used_for, 0, "the settings that name it: detector, reid; empty: it is not in use",
          .max_count = 8),
    FIELD(struct model_view, size_bytes, 0, "of its file; 0: there is none", .unit = "bytes"),
    FIELD(struct model_view, error, 0, "why nothing more is known of it", .max_count = 256),
    FIELD(struct model_view, name, 0, "what people call it", .max_count = 128),
    FIELD_ENUM(struct model_view, family, model_family_names, 0, "how its outputs are read"),
    FIELD(struct model_view, input_width_px, 0, "width the model takes; 0: not known", .unit = "px"),
    FIELD(struct model_view, input_height_px, 0, "height the model takes; 0: not known", .unit = "px"),
    FIELD(struct model_view, labels, 0, "names of what it finds", .max_count = 1024),
    FIELD(struct model_view, licence, 0, "of the weights", .max_count = 256),
    FIELD(struct model_view, source, 0, "where they come from", .max_count = 1024),
    FIELD(struct model_view, sha256, 0, "of the file, as its card has it", .max_count = 64),
};
const struct record_descriptor model_view_descriptor =
    RECORD(struct model_view, "ModelView", 1, model_view_fields, "A model as the API shows it.");
