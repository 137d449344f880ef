/* What the files of the runtime share; they alone know ONNX Runtime.
 *
 *   runtime.c            opens and runs a model
 *   runtime_providers.c  what it is run by
 *   runtime_tensors.c    what the model says of its tensors, held against what the card calls for
 *   runtime_binding.c    memory for these tensors, and what came out of a run
 */
#pragma once

#include "vision/detector_internal.h"

#include "vision/half.h"

#include <onnxruntime_c_api.h>

struct tensor {
    char *name;
    ONNXTensorElementDataType type;
    struct tensor_shape shape;
};

/* An output in use. One of known size has memory of ours below it; others the runtime gives anew with each run. */
struct result {
    const struct tensor *tensor;
    struct tensor_want want; /* its texts are gone after runtime_bind */
    OrtValue *value;
    void *data;       /* ours; NULL for those of unknown size */
    float *converted; /* of what are no floats */
    size_t room;      /* of `converted`, in values */
};

struct runtime {
    const OrtApi *api;
    OrtEnv *env;
    OrtSession *session;
    OrtMemoryInfo *memory;
    OrtIoBinding *binding;
    OrtRunOptions *run_options; /* by which a run can be ended */
    OrtAllocator *allocator;    /* ONNX Runtime's own */
    struct tensor inputs[MODEL_MAX_TENSORS], outputs[MODEL_MAX_TENSORS];
    int input_count, output_count;
    const char *provider;
    GString *provider_reason;
    /* after runtime_bind: the input, with our memory below it */
    OrtValue *input_value;
    float *input;
    void *input_data; /* of models that take no floats: what is handed over */
    ONNXTensorElementDataType input_type;
    size_t input_count_values;
    struct result results[MODEL_MAX_TENSORS];
    struct tensor_view views[MODEL_MAX_TENSORS]; /* what the last run gave */
    int result_count;
};

/* ---- runtime.c ---- */

/* The one place where a status becomes an error; releases it. */
bool runtime_is_done(struct runtime *runtime, OrtStatus *status, const char *doing, GError **error);

/* ---- runtime_providers.c ---- */

/* Makes runtime->session by the provider that is asked for, or with auto the first that is there and takes the model.
 */
bool runtime_open_session(struct runtime *runtime, const void *bytes, size_t length,
                          const struct detector_settings *settings, GError **error);

/* ---- runtime_tensors.c ---- */

/* Fills runtime->inputs and outputs. */
bool runtime_read_tensors(struct runtime *runtime, GError **error);
bool runtime_read_shape(struct runtime *runtime, const OrtTensorTypeAndShapeInfo *info, struct tensor *tensor,
                        GError **error);
/* The model's tensor for `want`, or NULL with an error. Outputs that an earlier result has are not taken again. */
const struct tensor *runtime_match_tensor(const struct runtime *runtime, const struct tensor_want *want, bool is_input,
                                          GError **error);
/* False with an error when a tensor is larger than any model's this program is for. Sizes that are open count for 1. */
bool runtime_check_size(const struct tensor_shape *shape, const char *kind, const char *name, GError **error);
/* False with an error, which says how they differ, when a tensor that came out is not what was wanted. */
bool runtime_check_result(const struct tensor *found, const struct tensor_want *want, GError **error);

/* ---- runtime_binding.c ---- */

/* Of one number that is handed over or read; 0 for other types. */
size_t runtime_value_bytes(ONNXTensorElementDataType type);
/* Floats into the type that the model takes, before a run. */
void runtime_fill_input(struct runtime *runtime);
/* Sets runtime->views after a run. */
bool runtime_take_results(struct runtime *runtime, GError **error);
