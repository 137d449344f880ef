#include "vision/detector_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Detection models are megabytes; a file beyond this is something else. */
enum { MODEL_MAX_MIB = 512 };

struct detector {
    struct model_card card;
    const struct family *family;
    struct runtime *runtime;
    struct preprocess *preprocess;
    const char **object_classes; /* interned, one per label */
    struct candidate *candidates;
    float confidence, nms_iou;
};

/* ---- opening ---- */

static void *read_model(const char *path, size_t *length, GError **error)
{
    struct stat info;
    FILE *file = fopen(path, "rbe");
    if (!file || fstat(fileno(file), &info) != 0) {
        g_set_error(error, VEDETTE_ERROR, errno == ENOENT ? VEDETTE_ERROR_NOT_FOUND : VEDETTE_ERROR_IO,
                    "cannot be opened: %s", g_strerror(errno));
        if (file)
            fclose(file);
        return NULL;
    }
    g_autofree void *bytes = NULL;
    if (!S_ISREG(info.st_mode) || info.st_size == 0 || info.st_size > (off_t)MODEL_MAX_MIB << 20) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, "%s",
                    !S_ISREG(info.st_mode) ? "is no file"
                    : info.st_size == 0    ? "is empty"
                                           : "is larger than " G_STRINGIFY(512) " MiB");
    } else {
        *length = (size_t)info.st_size;
        bytes = g_malloc(*length);
        if (fread(bytes, 1, *length, file) != *length) {
            g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_IO, "cannot be read: %s",
                        ferror(file) ? g_strerror(errno) : "it ends early");
            g_clear_pointer(&bytes, g_free);
        }
    }
    fclose(file);
    return g_steal_pointer(&bytes);
}

/* Of the bytes that are loaded, not of the file again. */
static bool check_sha256(const struct model_card *card, const void *bytes, size_t length, GError **error)
{
    if (!card->sha256 || !*card->sha256)
        return true;
    g_autofree char *found = g_compute_checksum_for_data(G_CHECKSUM_SHA256, bytes, length);
    if (g_ascii_strcasecmp(found, card->sha256) == 0)
        return true;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID,
                "is not the file its card describes: SHA-256 is %s, the card says %s", found, card->sha256);
    return false;
}

static bool bind_family(struct detector *detector, GError **error)
{
    const struct model_card *card = &detector->card;
    struct tensor_want outputs[MODEL_MAX_TENSORS];
    int output_count = 0;
    g_autoptr(GString) reason = g_string_new(NULL);
    struct tensor_want input = {
        .name = card->input_name && *card->input_name ? card->input_name : NULL,
        .shape = card->layout == MODEL_NHWC
                     ? (struct tensor_shape){4, {1, card->input_height_px, card->input_width_px, 3}}
                     : (struct tensor_shape){4, {1, 3, card->input_height_px, card->input_width_px}},
    };
    detector->family = family_find(card->family);
    if (!detector->family) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED, "family '%s' is not known to this version",
                    record_enum_name(model_family_names, card->family));
        return false;
    }
    return detector->family->describe(card, outputs, &output_count, reason, error) &&
           runtime_bind(detector->runtime, &input, outputs, output_count, error);
}

static void choose_thresholds(struct detector *detector, const struct detector_settings *settings)
{
    detector->confidence = (float)(settings->confidence > 0 ? settings->confidence : detector->card.confidence);
    detector->nms_iou = (float)(settings->nms_iou > 0 ? settings->nms_iou : detector->card.nms_iou);
}

static bool open_model(struct detector *detector, const char *path, const struct detector_settings *settings,
                       GError **error)
{
    size_t length = 0;
    g_autofree void *bytes = read_model(path, &length, error);
    if (!bytes || !check_sha256(&detector->card, bytes, length, error))
        return false;
    detector->runtime = runtime_open(bytes, length, MAX(settings->threads, 1), error);
    if (!detector->runtime || !bind_family(detector, error))
        return false;
    detector->preprocess = preprocess_new(&detector->card);
    detector->candidates = g_new(struct candidate, (size_t)detector->family->capacity(&detector->card));
    detector->object_classes = g_new(const char *, detector->card.labels.count);
    for (size_t i = 0; i < detector->card.labels.count; i++)
        detector->object_classes[i] = g_intern_string(detector->card.labels.items[i]);
    return true;
}

struct detector *detector_open(const char *model_path, const struct detector_settings *settings, GError **error)
{
    CLEANUP(detector) struct detector *detector = g_new0(struct detector, 1);
    /* a missing model is said before its missing card */
    if (g_file_test(model_path, G_FILE_TEST_EXISTS) && !card_load(model_path, settings->card, &detector->card, error))
        return NULL;
    choose_thresholds(detector, settings);
    if (!open_model(detector, model_path, settings, error)) {
        g_prefix_error(error, "model '%s': ", model_path);
        return NULL;
    }
    return g_steal_pointer(&detector);
}

void detector_free(struct detector *detector)
{
    if (!detector)
        return;
    runtime_free(detector->runtime);
    preprocess_free(detector->preprocess);
    g_free(detector->object_classes);
    g_free(detector->candidates);
    record_clear(&model_card_descriptor, &detector->card);
    g_free(detector);
}

/* ---- running ---- */

/* From input pixels to shares of the frame. False when it lies wholly outside. */
static bool place(const struct candidate *candidate, const struct letterbox *letterbox, struct record_box *box)
{
    box->x = (candidate->left - letterbox->left) / (double)letterbox->width;
    box->y = (candidate->top - letterbox->top) / (double)letterbox->height;
    box->w = (candidate->right - candidate->left) / (double)letterbox->width;
    box->h = (candidate->bottom - candidate->top) / (double)letterbox->height;
    return box->x < 1 && box->y < 1 && box->x + box->w > 0 && box->y + box->h > 0;
}

static void report(const struct detector *detector, int count, const struct letterbox *letterbox,
                   struct detections *detections)
{
    for (int i = 0; i < count; i++) {
        const struct candidate *candidate = &detector->candidates[i];
        struct record_box box;
        if (!place(candidate, letterbox, &box))
            continue;
        if (detections->count == VISION_MAX_DETECTIONS) {
            detections->shed++;
            continue;
        }
        detections->items[detections->count++] = (struct detection){
            .box = box,
            .confidence = MIN(candidate->score, 1.0F),
            .object_class = detector->object_classes[candidate->label],
        };
    }
}

bool detector_run(struct detector *detector, const struct frame *frame, struct detections *detections, GError **error)
{
    detections->count = 0;
    detections->shed = 0;
    struct letterbox letterbox = preprocess_run(detector->preprocess, frame, runtime_input(detector->runtime));
    if (!runtime_run(detector->runtime, error))
        return false;
    int count = detector->family->decode(&detector->card, runtime_outputs(detector->runtime), detector->confidence,
                                         detector->candidates);
    report(detector, nms_apply(detector->candidates, count, detector->nms_iou, &detections->shed), &letterbox,
           detections);
    return true;
}

const struct model_card *detector_card(const struct detector *detector)
{
    return &detector->card;
}

const char *detector_provider(const struct detector *detector)
{
    return runtime_provider(detector->runtime);
}
