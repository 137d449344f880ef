#include "vision/runtime_internal.h"

#include <string.h>

/* More than any model this program is for; beyond it a card or a model is wrong. */
static const int64_t tensor_max_bytes = 256 << 20;

/* `open` stands for a size that is no size: of what a model says or a card calls for any, of what came out none. */
static void append_tensor(GString *out, ONNXTensorElementDataType type, const struct tensor_shape *shape,
                          const char *open)
{
    static const char *const names[] = {"undefined", "float",  "uint8",   "int8",   "uint16",    "int16",
                                        "int32",     "int64",  "string",  "bool",   "float16",   "double",
                                        "uint32",    "uint64", "complex", "double", "complex128"};
    g_string_append_printf(out, "%s [", (size_t)type < G_N_ELEMENTS(names) ? names[type] : "of another type");
    for (int i = 0; i < shape->rank; i++) {
        g_string_append(out, i ? "," : "");
        if (shape->sizes[i] < 1)
            g_string_append(out, open);
        else
            g_string_append_printf(out, "%" G_GINT64_FORMAT, shape->sizes[i]);
    }
    g_string_append_c(out, ']');
}

/* ---- reading what the model says ---- */

bool runtime_read_shape(struct runtime *runtime, const OrtTensorTypeAndShapeInfo *info, struct tensor *tensor,
                        GError **error)
{
    const OrtApi *api = runtime->api;
    size_t rank = 0;
    if (!runtime_is_done(runtime, api->GetTensorElementType(info, &tensor->type), "read a tensor's type", error) ||
        !runtime_is_done(runtime, api->GetDimensionsCount(info, &rank), "read a tensor's shape", error))
        return false;
    if (rank > TENSOR_MAX_RANK) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED, "has a tensor of %zu dimensions; at most %d", rank,
                    TENSOR_MAX_RANK);
        return false;
    }
    tensor->shape.rank = (int)rank;
    return runtime_is_done(runtime, api->GetDimensions(info, tensor->shape.sizes, rank), "read a tensor's shape",
                           error);
}

static bool read_tensor(struct runtime *runtime, bool is_input, size_t index, struct tensor *tensor, GError **error)
{
    const OrtApi *api = runtime->api;
    OrtTypeInfo *type = NULL;
    const OrtTensorTypeAndShapeInfo *info = NULL;
    char *name = NULL;
    if (!runtime_is_done(runtime,
                         (is_input ? api->SessionGetInputName : api->SessionGetOutputName)(runtime->session, index,
                                                                                           runtime->allocator, &name),
                         "read a tensor's name", error))
        return false;
    tensor->name = g_utf8_make_valid(name, -1);
    (void)runtime_is_done(runtime, api->AllocatorFree(runtime->allocator, name), "free a name", NULL);
    bool is_good = runtime_is_done(
        runtime,
        (is_input ? api->SessionGetInputTypeInfo : api->SessionGetOutputTypeInfo)(runtime->session, index, &type),
        "read a tensor's type", error);
    is_good =
        is_good && runtime_is_done(runtime, api->CastTypeInfoToTensorInfo(type, &info), "read a tensor's type", error);
    if (is_good && info) /* else no tensor but a sequence or map: stays undefined, and fits nothing */
        is_good = runtime_read_shape(runtime, info, tensor, error);
    if (type)
        api->ReleaseTypeInfo(type);
    return is_good;
}

bool runtime_read_tensors(struct runtime *runtime, GError **error)
{
    const OrtApi *api = runtime->api;
    size_t inputs = 0, outputs = 0;
    if (!runtime_is_done(runtime, api->SessionGetInputCount(runtime->session, &inputs), "count inputs", error) ||
        !runtime_is_done(runtime, api->SessionGetOutputCount(runtime->session, &outputs), "count outputs", error))
        return false;
    if (inputs != 1 || outputs < 1 || outputs > MODEL_MAX_TENSORS) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED,
                    "has %zu inputs and %zu outputs; models with one input and 1 to %d outputs are run", inputs,
                    outputs, MODEL_MAX_TENSORS);
        return false;
    }
    for (; (size_t)runtime->input_count < inputs; runtime->input_count++)
        if (!read_tensor(runtime, true, (size_t)runtime->input_count, &runtime->inputs[runtime->input_count], error))
            return false;
    for (; (size_t)runtime->output_count < outputs; runtime->output_count++)
        if (!read_tensor(runtime, false, (size_t)runtime->output_count, &runtime->outputs[runtime->output_count],
                         error))
            return false;
    return true;
}

/* ---- holding it against the card ---- */

static ONNXTensorElementDataType wanted_type(const struct tensor_want *want)
{
    static const ONNXTensorElementDataType types[] = {[MODEL_FLOAT] = ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT,
                                                      [MODEL_UINT8] = ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8,
                                                      [MODEL_FLOAT16] = ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16};
    return want->type ? types[want->type] : ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
}

static bool is_float(ONNXTensorElementDataType type)
{
    return type == ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT || type == ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16 ||
           type == ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE;
}

static bool is_count(ONNXTensorElementDataType type)
{
    return type == ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32 || type == ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64;
}

/* What a want may be made of: an input what it says, an output floats, or what counts. Other whole numbers are the
 * levels of a quantised model, which mean nothing without their scale. */
static bool fits_type(ONNXTensorElementDataType type, const struct tensor_want *want, bool is_input)
{
    return is_input ? type == wanted_type(want) : is_float(type) || (want->is_count && is_count(type));
}

/* A size under 1 is an open one in what a model says of itself. What a run gave is `final`: there it is none, and who
 * wants some would read beyond it. */
static bool fits_shape(const struct tensor_shape *shape, const struct tensor_shape *wanted, bool is_final)
{
    bool is_fit = wanted->rank == 0 || shape->rank == wanted->rank;
    for (int i = 0; i < wanted->rank && is_fit; i++)
        is_fit = (!is_final && shape->sizes[i] < 1) || wanted->sizes[i] < 1 || shape->sizes[i] == wanted->sizes[i];
    return is_fit;
}

static bool fits_one_shape(const struct tensor_shape *shape, const struct tensor_want *want, bool is_final)
{
    return fits_shape(shape, &want->shape, is_final) ||
           (want->other_shape.rank > 0 && fits_shape(shape, &want->other_shape, is_final));
}

static bool fits(const struct tensor *tensor, const struct tensor_want *want, bool is_input)
{
    return fits_type(tensor->type, want, is_input) && fits_one_shape(&tensor->shape, want, false);
}

static bool is_named(const struct tensor *tensor, const char *name)
{
    return strcmp(tensor->name, name) == 0 ||
           (g_str_has_prefix(tensor->name, name) && strcmp(tensor->name + strlen(name), ":0") == 0);
}

static bool is_taken(const struct runtime *runtime, const struct tensor *tensor)
{
    for (int i = 0; i < MODEL_MAX_TENSORS; i++)
        if (runtime->results[i].tensor == tensor)
            return true;
    return false;
}

/* By name, or the only one, or the first that fits and is not another's: exports of one family name their outputs as
 * they like, but seldom change their shapes or their order. */
static int find_tensor(const struct runtime *runtime, const struct tensor_want *want, bool is_input)
{
    const struct tensor *tensors = is_input ? runtime->inputs : runtime->outputs;
    int count = is_input ? runtime->input_count : runtime->output_count;
    for (int i = 0; i < count && want->name; i++)
        if (is_named(&tensors[i], want->name))
            return i;
    if (count == 1 && !want->name)
        return 0;
    for (int i = 0; i < count && !want->is_name_sure; i++)
        if (fits(&tensors[i], want, is_input) && !is_taken(runtime, &tensors[i]))
            return i;
    return -1;
}

static void refuse_missing(const struct tensor *tensors, int count, const struct tensor_want *want, const char *kind,
                           GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_string_append_printf(text, "has no %s ", kind);
    if (want->name)
        g_string_append_printf(text, "'%s'", want->name);
    else
        append_tensor(text, wanted_type(want), &want->shape, "?");
    if (want->reason)
        g_string_append_printf(text, " (%s)", want->reason);
    g_string_append(text, "; it has");
    for (int i = 0; i < count; i++) {
        g_string_append_printf(text, "%s '%s' ", i ? "," : "", tensors[i].name);
        append_tensor(text, tensors[i].type, &tensors[i].shape, "?");
    }
    g_set_error_literal(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, text->str);
}

static void refuse_misfit(const struct tensor *tensor, const struct tensor_want *want, bool is_input, const char *open,
                          GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_string_append_printf(text, "%s '%s' is ", is_input ? "input" : "output", tensor->name);
    append_tensor(text, tensor->type, &tensor->shape, open);
    g_string_append(text, ", its card calls for ");
    append_tensor(text, wanted_type(want), &want->shape, "?");
    if (want->reason)
        g_string_append_printf(text, ": %s", want->reason);
    if (!is_input && !fits_type(tensor->type, want, is_input))
        g_string_append(text, "; whole numbers are not read as scores or places: export it with float outputs, a "
                              "quantised one with DequantizeLinear before them");
    g_set_error_literal(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, text->str);
}

bool runtime_check_size(const struct tensor_shape *shape, const char *kind, const char *name, GError **error)
{
    int64_t limit = tensor_max_bytes / (int64_t)sizeof(float), count = 1;
    bool is_good = true;
    for (int i = 0; i < shape->rank && is_good; i++) {
        is_good = shape->sizes[i] <= limit / MAX(count, 1);
        count *= MAX(shape->sizes[i], 1);
    }
    if (!is_good)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED, "%s '%s' would take more than %d MiB", kind, name,
                    (int)(tensor_max_bytes >> 20));
    return is_good;
}

const struct tensor *runtime_match_tensor(const struct runtime *runtime, const struct tensor_want *want, bool is_input,
                                          GError **error)
{
    const struct tensor *tensors = is_input ? runtime->inputs : runtime->outputs;
    int count = is_input ? runtime->input_count : runtime->output_count;
    const char *kind = is_input ? "input" : "output";
    int index = find_tensor(runtime, want, is_input);
    if (index < 0) {
        refuse_missing(tensors, count, want, kind, error);
        return NULL;
    }
    if (!fits(&tensors[index], want, is_input)) {
        refuse_misfit(&tensors[index], want, is_input, "?", error);
        return NULL;
    }
    return runtime_check_size(&want->shape, kind, tensors[index].name, error) ? &tensors[index] : NULL;
}

bool runtime_check_result(const struct tensor *found, const struct tensor_want *want, GError **error)
{
    if (!runtime_check_size(&found->shape, "output", found->name, error))
        return false;
    if (fits_type(found->type, want, false) && fits_one_shape(&found->shape, want, true))
        return true;
    refuse_misfit(found, want, false, "0", error);
    return false;
}
