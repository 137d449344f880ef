/* Stands in for the detector in a build without ONNX Runtime: says so instead of failing to link. */
#include "vision/vision.h"

struct detector *detector_open(const char *model_path, const struct detector_settings *settings, GError **error)
{
    (void)settings;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED,
                "model '%s': this build has no ONNX Runtime: build with -Donnx=enabled, or leave detector.model empty",
                model_path);
    return NULL;
}

void detector_free(struct detector *detector)
{
    (void)detector;
}

bool detector_run(struct detector *detector, const struct frame *frame, struct detections *detections, GError **error)
{
    (void)detector;
    (void)frame;
    detections->count = 0;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED, "this build has no ONNX Runtime");
    return false;
}

const struct model_card *detector_card(const struct detector *detector)
{
    (void)detector;
    return NULL;
}

const char *detector_provider(const struct detector *detector)
{
    (void)detector;
    return "none";
}
