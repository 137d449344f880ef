#include "vision/runtime_internal.h"

/* ---- memory ---- */

size_t runtime_value_bytes(ONNXTensorElementDataType type)
{
    static const size_t sizes[] = {[ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT] = sizeof(float),
                                   [ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16] = sizeof(uint16_t),
                                   [ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE] = sizeof(double),
                                   [ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8] = sizeof(uint8_t),
                                   [ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32] = sizeof(int32_t),
                                   [ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64] = sizeof(int64_t)};
    return (size_t)type < G_N_ELEMENTS(sizes) ? sizes[type] : 0;
}

/* A tensor over memory of ours. */
static void *make_tensor(struct runtime *runtime, const struct tensor_shape *shape, ONNXTensorElementDataType type,
                         OrtValue **value, GError **error)
{
    size_t bytes = (size_t)tensor_shape_count(shape) * runtime_value_bytes(type);
    g_autofree void *data = g_malloc0(bytes);
    if (!runtime_is_done(runtime,
                         runtime->api->CreateTensorWithDataAsOrtValue(runtime->memory, data, bytes, shape->sizes,
                                                                      (size_t)shape->rank, type, value),
                         "make a tensor", error))
        return NULL;
    return g_steal_pointer(&data);
}

static bool make_input(struct runtime *runtime, const struct tensor *tensor, const struct tensor_want *want,
                       GError **error)
{
    runtime->input_count_values = (size_t)tensor_shape_count(&want->shape);
    runtime->input_type = tensor->type;
    void *data = make_tensor(runtime, &want->shape, tensor->type, &runtime->input_value, error);
    if (tensor->type == ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT) {
        runtime->input = data;
    } else {
        runtime->input_data = data;
        runtime->input = g_new0(float, runtime->input_count_values);
    }
    return data != NULL;
}

/* ---- reading what came out ---- */

/* Of a run, against what was said before it: open sizes are known only now. */
static bool read_result(struct runtime *runtime, const OrtValue *value, const struct result *result,
                        struct tensor *found, GError **error)
{
    OrtTensorTypeAndShapeInfo *info = NULL;
    *found = (struct tensor){.name = result->tensor->name};
    bool is_good =
        runtime_is_done(runtime, runtime->api->GetTensorTypeAndShape(value, &info), "read an output", error) &&
        runtime_read_shape(runtime, info, found, error);
    if (info)
        runtime->api->ReleaseTensorTypeAndShapeInfo(info);
    return is_good && runtime_check_result(found, &result->want, error);
}

static void read_numbers(ONNXTensorElementDataType type, const void *data, size_t count, float *out)
{
    for (size_t i = 0; i < count; i++)
        switch (type) {
        case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64:
            out[i] = (float)((const int64_t *)data)[i];
            break;
        case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32:
            out[i] = (float)((const int32_t *)data)[i];
            break;
        case ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE:
            out[i] = (float)((const double *)data)[i];
            break;
        default:
            out[i] = half_read(((const uint16_t *)data)[i]);
        }
}

/* What are no floats become some. */
static const float *convert(struct result *result, ONNXTensorElementDataType type, const void *data, size_t count)
{
    if (type == ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT)
        return data;
    if (result->room < count) {
        g_free(result->converted);
        result->converted = g_new(float, count);
        result->room = count;
    }
    read_numbers(type, data, count, result->converted);
    return result->converted;
}

/* Takes what the runtime gave in its own memory; `value` becomes ours. */
static bool take_result(struct runtime *runtime, int index, OrtValue *value, GError **error)
{
    struct result *result = &runtime->results[index];
    struct tensor found;
    void *data = NULL;
    if (result->value)
        runtime->api->ReleaseValue(result->value);
    result->value = value;
    if (!read_result(runtime, value, result, &found, error) ||
        !runtime_is_done(runtime, runtime->api->GetTensorMutableData(value, &data), "read an output", error))
        return false;
    runtime->views[index].shape = found.shape;
    runtime->views[index].values = convert(result, found.type, data, (size_t)tensor_shape_count(&found.shape));
    return true;
}

static bool take_open_results(struct runtime *runtime, GError **error)
{
    OrtValue **values = NULL;
    size_t count = 0;
    if (!runtime_is_done(runtime,
                         runtime->api->GetBoundOutputValues(runtime->binding, runtime->allocator, &values, &count),
                         "read the outputs", error))
        return false;
    bool is_good = true;
    for (size_t i = 0; i < count; i++) {
        bool is_open = i < (size_t)runtime->result_count && !runtime->results[i].data;
        if (is_open && is_good)
            is_good = take_result(runtime, (int)i, values[i], error);
        else
            runtime->api->ReleaseValue(values[i]);
    }
    (void)runtime_is_done(runtime, runtime->api->AllocatorFree(runtime->allocator, values), "free outputs", NULL);
    return is_good;
}

/* ---- binding ---- */

/* Runs once and lets the model make its outputs itself: what it said of their sizes may not be true. */
static bool warm_up(struct runtime *runtime, const char *input_name, GError **error)
{
    const char *names[MODEL_MAX_TENSORS];
    OrtValue *values[MODEL_MAX_TENSORS] = {NULL};
    for (int i = 0; i < runtime->result_count; i++)
        names[i] = runtime->results[i].tensor->name;
    bool is_good = runtime_is_done(runtime,
                                   runtime->api->Run(runtime->session, NULL, &input_name,
                                                     (const OrtValue *const *)&runtime->input_value, 1, names,
                                                     (size_t)runtime->result_count, values),
                                   "cannot be run", error);
    for (int i = 0; i < runtime->result_count; i++) {
        struct tensor found;
        if (is_good)
            is_good = read_result(runtime, values[i], &runtime->results[i], &found, error);
        if (values[i])
            runtime->api->ReleaseValue(values[i]);
    }
    return is_good;
}

static bool is_open_size(const struct tensor_shape *shape)
{
    for (int i = 0; i < shape->rank; i++)
        if (shape->sizes[i] < 1)
            return true;
    return false;
}

/* The size that is known: the want's, else the model's. */
static struct tensor_shape known_shape(const struct result *result)
{
    struct tensor_shape shape = result->want.shape;
    if (shape.rank == 0 || result->want.other_shape.rank > 0) /* which it is, the model alone knows */
        return result->tensor->shape;
    for (int i = 0; i < shape.rank; i++)
        if (shape.sizes[i] < 1)
            shape.sizes[i] = result->tensor->shape.sizes[i];
    return shape;
}

static bool bind_result(struct runtime *runtime, int index, GError **error)
{
    struct result *result = &runtime->results[index];
    struct tensor_shape shape = known_shape(result);
    const char *name = result->tensor->name;
    if (is_open_size(&shape))
        return runtime_is_done(runtime, runtime->api->BindOutputToDevice(runtime->binding, name, runtime->memory),
                               "bind an output", error);
    if (!runtime_check_size(&shape, "output", name, error)) /* the model may tell any size */
        return false;
    result->data = make_tensor(runtime, &shape, result->tensor->type, &result->value, error);
    runtime->views[index].shape = shape;
    return result->data && runtime_is_done(runtime, runtime->api->BindOutput(runtime->binding, name, result->value),
                                           "bind an output", error);
}

static bool bind_all(struct runtime *runtime, const char *input_name, GError **error)
{
    bool is_good =
        runtime_is_done(runtime, runtime->api->CreateIoBinding(runtime->session, &runtime->binding), "bind", error) &&
        runtime_is_done(runtime, runtime->api->BindInput(runtime->binding, input_name, runtime->input_value),
                        "bind the input", error);
    for (int i = 0; i < runtime->result_count && is_good; i++)
        is_good = bind_result(runtime, i, error);
    return is_good && runtime_run(runtime, error);
}

bool runtime_bind(struct runtime *runtime, const struct tensor_want *input, const struct tensor_want *outputs,
                  int output_count, GError **error)
{
    const struct tensor *tensor = runtime_match_tensor(runtime, input, true, error);
    for (int i = 0; i < output_count && tensor; i++) {
        struct result *result = &runtime->results[i];
        result->want = outputs[i];
        result->tensor = runtime_match_tensor(runtime, &outputs[i], false, error);
        if (!result->tensor)
            return false;
    }
    runtime->result_count = output_count;
    bool is_good = tensor && make_input(runtime, tensor, input, error) && warm_up(runtime, tensor->name, error) &&
                   bind_all(runtime, tensor->name, error);
    for (int i = 0; i < output_count; i++)
        runtime->results[i].want.name = runtime->results[i].want.reason = NULL;
    return is_good;
}

/* ---- before and after a run ---- */

void runtime_fill_input(struct runtime *runtime)
{
    const float *values = runtime->input;
    uint8_t *bytes = runtime->input_data;
    uint16_t *halves = runtime->input_data;
    switch (runtime->input_type) {
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8:
        for (size_t i = 0; i < runtime->input_count_values; i++)
            bytes[i] = (uint8_t)(CLAMP(values[i], 0.0F, 255.0F) + 0.5F);
        break;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16:
        for (size_t i = 0; i < runtime->input_count_values; i++)
            halves[i] = half_make(values[i]);
        break;
    default:
        break; /* floats lie in the tensor itself */
    }
}

bool runtime_take_results(struct runtime *runtime, GError **error)
{
    bool has_open = false;
    for (int i = 0; i < runtime->result_count; i++) {
        struct result *result = &runtime->results[i];
        has_open = has_open || !result->data;
        if (result->data)
            runtime->views[i].values = convert(result, result->tensor->type, result->data,
                                               (size_t)tensor_shape_count(&runtime->views[i].shape));
    }
    return !has_open || take_open_results(runtime, error);
}
