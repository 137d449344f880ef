#include "vision/detector_internal.h"

#include <onnxruntime_c_api.h>
#include <string.h>

enum { MESSAGE_MAX_BYTES = 400 };
/* More than any model this program is for; beyond it a card or a model is wrong. */
static const int64_t tensor_max_bytes = 256 << 20;

struct tensor {
    char *name;
    ONNXTensorElementDataType type;
    struct tensor_shape shape;
};

struct runtime {
    const OrtApi *api;
    OrtEnv *env;
    OrtSession *session;
    OrtMemoryInfo *memory;
    OrtIoBinding *binding;
    OrtAllocator *allocator; /* ONNX Runtime's own */
    struct tensor inputs[MODEL_MAX_TENSORS], outputs[MODEL_MAX_TENSORS];
    int input_count, output_count;
    /* after runtime_bind: the tensors in use, with our memory below them */
    OrtValue *values[MODEL_MAX_TENSORS + 1];
    float *input;
    float *results[MODEL_MAX_TENSORS];
    int result_count;
};

/* ---- errors ---- */

/* The one place where a status becomes an error. Texts quote the model, so they are kept to one printable line. */
static bool is_done(struct runtime *runtime, OrtStatus *status, const char *doing, GError **error)
{
    if (!status)
        return true;
    g_autofree char *start = g_strndup(runtime->api->GetErrorMessage(status), MESSAGE_MAX_BYTES);
    g_autofree char *message = g_utf8_make_valid(start, -1);
    message[strcspn(message, "\n")] = '\0';
    for (char *c = message; *c; c++)
        if (g_ascii_iscntrl(*c))
            *c = ' ';
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, "%s: %s", doing, message);
    runtime->api->ReleaseStatus(status);
    return false;
}

static void append_tensor(GString *out, ONNXTensorElementDataType type, const struct tensor_shape *shape)
{
    static const char *const names[] = {"undefined", "float",  "uint8",   "int8",   "uint16",    "int16",
                                        "int32",     "int64",  "string",  "bool",   "float16",   "double",
                                        "uint32",    "uint64", "complex", "double", "complex128"};
    g_string_append_printf(out, "%s [", (size_t)type < G_N_ELEMENTS(names) ? names[type] : "of another type");
    for (int i = 0; i < shape->rank; i++) {
        g_string_append(out, i ? "," : "");
        if (shape->sizes[i] < 1)
            g_string_append_c(out, '?');
        else
            g_string_append_printf(out, "%" G_GINT64_FORMAT, shape->sizes[i]);
    }
    g_string_append_c(out, ']');
}

/* ---- reading what the model says ---- */

static bool read_shape(struct runtime *runtime, const OrtTensorTypeAndShapeInfo *info, struct tensor *tensor,
                       GError **error)
{
    const OrtApi *api = runtime->api;
    size_t rank = 0;
    if (!is_done(runtime, api->GetTensorElementType(info, &tensor->type), "read a tensor's type", error) ||
        !is_done(runtime, api->GetDimensionsCount(info, &rank), "read a tensor's shape", error))
        return false;
    if (rank > TENSOR_MAX_RANK) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED, "has a tensor of %zu dimensions; at most %d", rank,
                    TENSOR_MAX_RANK);
        return false;
    }
    tensor->shape.rank = (int)rank;
    return is_done(runtime, api->GetDimensions(info, tensor->shape.sizes, rank), "read a tensor's shape", error);
}

static bool read_tensor(struct runtime *runtime, bool is_input, size_t index, struct tensor *tensor, GError **error)
{
    const OrtApi *api = runtime->api;
    OrtTypeInfo *type = NULL;
    const OrtTensorTypeAndShapeInfo *info = NULL;
    char *name = NULL;
    if (!is_done(runtime,
                 (is_input ? api->SessionGetInputName : api->SessionGetOutputName)(runtime->session, index,
                                                                                   runtime->allocator, &name),
                 "read a tensor's name", error))
        return false;
    tensor->name = g_utf8_make_valid(name, -1);
    (void)is_done(runtime, api->AllocatorFree(runtime->allocator, name), "free a name", NULL);
    bool is_good = is_done(
        runtime,
        (is_input ? api->SessionGetInputTypeInfo : api->SessionGetOutputTypeInfo)(runtime->session, index, &type),
        "read a tensor's type", error);
    is_good = is_good && is_done(runtime, api->CastTypeInfoToTensorInfo(type, &info), "read a tensor's type", error);
    if (is_good && info) /* else no tensor but a sequence or map: stays undefined, and fits nothing */
        is_good = read_shape(runtime, info, tensor, error);
    if (type)
        api->ReleaseTypeInfo(type);
    return is_good;
}

static bool read_tensors(struct runtime *runtime, GError **error)
{
    const OrtApi *api = runtime->api;
    size_t inputs = 0, outputs = 0;
    if (!is_done(runtime, api->SessionGetInputCount(runtime->session, &inputs), "count inputs", error) ||
        !is_done(runtime, api->SessionGetOutputCount(runtime->session, &outputs), "count outputs", error))
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

/* ---- opening ---- */

/* Spinning threads would keep a core busy between frames; denormals slow a quiet picture down. */
static const struct {
    const char *key, *value;
} session_entries[] = {
    {"session.intra_op.allow_spinning", "0"},
    {"session.inter_op.allow_spinning", "0"},
    {"session.set_denormal_as_zero", "1"},
};

static bool fill_options(struct runtime *runtime, OrtSessionOptions *options, int threads, GError **error)
{
    const OrtApi *api = runtime->api;
    bool is_good = is_done(runtime, api->SetIntraOpNumThreads(options, threads), "set threads", error) &&
                   is_done(runtime, api->SetInterOpNumThreads(options, 1), "set threads", error) &&
                   is_done(runtime, api->SetSessionGraphOptimizationLevel(options, ORT_ENABLE_ALL), "optimise", error);
    for (size_t i = 0; i < G_N_ELEMENTS(session_entries) && is_good; i++)
        is_good =
            is_done(runtime, api->AddSessionConfigEntry(options, session_entries[i].key, session_entries[i].value),
                    session_entries[i].key, error);
    return is_good;
}

static bool open_session(struct runtime *runtime, const void *bytes, size_t length, int threads, GError **error)
{
    const OrtApi *api = runtime->api;
    OrtSessionOptions *options = NULL;
    /* what goes wrong comes back as a status; ONNX Runtime's own lines on stderr would only say it twice */
    bool is_good =
        is_done(runtime, api->CreateEnv(ORT_LOGGING_LEVEL_FATAL, "vedette", &runtime->env), "start", error) &&
        is_done(runtime, api->DisableTelemetryEvents(runtime->env), "switch telemetry off", error) &&
        is_done(runtime, api->CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, &runtime->memory), "start",
                error) &&
        is_done(runtime, api->GetAllocatorWithDefaultOptions(&runtime->allocator), "start", error) &&
        is_done(runtime, api->CreateSessionOptions(&options), "start", error) &&
        fill_options(runtime, options, threads, error) &&
        is_done(runtime, api->CreateSessionFromArray(runtime->env, bytes, length, options, &runtime->session),
                "is no ONNX model that can be run", error);
    if (options)
        api->ReleaseSessionOptions(options);
    return is_good;
}

struct runtime *runtime_open(const void *bytes, size_t length, int threads, GError **error)
{
    const OrtApi *api = OrtGetApiBase()->GetApi(ORT_API_VERSION);
    if (!api) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED,
                    "the installed ONNX Runtime %s is older than the one Vedette was built for: build it again",
                    OrtGetApiBase()->GetVersionString());
        return NULL;
    }
    CLEANUP(runtime) struct runtime *runtime = g_new0(struct runtime, 1);
    runtime->api = api;
    if (!open_session(runtime, bytes, length, threads, error) || !read_tensors(runtime, error))
        return NULL;
    return g_steal_pointer(&runtime);
}

void runtime_free(struct runtime *runtime)
{
    if (!runtime)
        return;
    const OrtApi *api = runtime->api;
    for (size_t i = 0; i < G_N_ELEMENTS(runtime->values); i++)
        if (runtime->values[i])
            api->ReleaseValue(runtime->values[i]);
    for (int i = 0; i < MODEL_MAX_TENSORS; i++) {
        g_free(runtime->results[i]);
        g_free(runtime->inputs[i].name);
        g_free(runtime->outputs[i].name);
    }
    g_free(runtime->input);
    if (runtime->binding)
        api->ReleaseIoBinding(runtime->binding);
    if (runtime->session)
        api->ReleaseSession(runtime->session);
    if (runtime->memory)
        api->ReleaseMemoryInfo(runtime->memory);
    if (runtime->env)
        api->ReleaseEnv(runtime->env);
    g_free(runtime);
}

/* ---- holding it against the card ---- */

static bool fits(const struct tensor *tensor, const struct tensor_shape *shape)
{
    bool is_fit = tensor->type == ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT && tensor->shape.rank == shape->rank;
    for (int i = 0; i < shape->rank && is_fit; i++)
        is_fit = tensor->shape.sizes[i] < 1 || tensor->shape.sizes[i] == shape->sizes[i];
    return is_fit;
}

/* By name, or the only one, or the first that fits. */
static int find_tensor(const struct tensor *tensors, int count, const struct tensor_want *want)
{
    for (int i = 0; i < count; i++)
        if (want->name ? strcmp(tensors[i].name, want->name) == 0 : count == 1 || fits(&tensors[i], &want->shape))
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
        append_tensor(text, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, &want->shape);
    if (want->reason)
        g_string_append_printf(text, " (%s)", want->reason);
    g_string_append(text, "; it has");
    for (int i = 0; i < count; i++) {
        g_string_append_printf(text, "%s '%s' ", i ? "," : "", tensors[i].name);
        append_tensor(text, tensors[i].type, &tensors[i].shape);
    }
    g_set_error_literal(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, text->str);
}

static void refuse_shape(const struct tensor *tensor, const struct tensor_want *want, const char *kind, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_string_append_printf(text, "%s '%s' is ", kind, tensor->name);
    append_tensor(text, tensor->type, &tensor->shape);
    g_string_append(text, ", its card calls for ");
    append_tensor(text, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, &want->shape);
    if (want->reason)
        g_string_append_printf(text, ": %s", want->reason);
    g_set_error_literal(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, text->str);
}

/* The index of the model's tensor for `want`, or -1 with an error. */
static int match_tensor(const struct tensor *tensors, int count, const struct tensor_want *want, const char *kind,
                        GError **error)
{
    int index = find_tensor(tensors, count, want);
    if (index < 0) {
        refuse_missing(tensors, count, want, kind, error);
        return -1;
    }
    if (!fits(&tensors[index], &want->shape)) {
        refuse_shape(&tensors[index], want, kind, error);
        return -1;
    }
    int64_t limit = tensor_max_bytes / (int64_t)sizeof(float);
    if (tensor_shape_count(&want->shape) <= limit)
        return index;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED, "%s '%s' would take more than %d MiB", kind,
                tensors[index].name, (int)(tensor_max_bytes >> 20));
    return -1;
}

/* ---- running ---- */

/* A tensor over memory of ours. */
static float *make_tensor(struct runtime *runtime, const struct tensor_shape *shape, OrtValue **value, GError **error)
{
    size_t count = (size_t)tensor_shape_count(shape);
    g_autofree float *data = g_new0(float, count);
    if (!is_done(runtime,
                 runtime->api->CreateTensorWithDataAsOrtValue(runtime->memory, data, count * sizeof *data, shape->sizes,
                                                              (size_t)shape->rank, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT,
                                                              value),
                 "make a tensor", error))
        return NULL;
    return g_steal_pointer(&data);
}

/* What came out of a run, against what was said before it: dynamic sizes are known only now. */
static bool check_result(struct runtime *runtime, const OrtValue *value, const struct tensor *said,
                         const struct tensor_want *want, GError **error)
{
    OrtTensorTypeAndShapeInfo *info = NULL;
    struct tensor found = {.name = said->name};
    bool is_good = is_done(runtime, runtime->api->GetTensorTypeAndShape(value, &info), "read an output", error) &&
                   read_shape(runtime, info, &found, error);
    if (info)
        runtime->api->ReleaseTensorTypeAndShapeInfo(info);
    if (!is_good || fits(&found, &want->shape))
        return is_good;
    refuse_shape(&found, want, "output", error);
    return false;
}

/* Runs once and lets the model make its outputs itself. */
static bool warm_up(struct runtime *runtime, const char *input_name, const int *chosen, const struct tensor_want *wants,
                    int count, GError **error)
{
    const char *names[MODEL_MAX_TENSORS];
    OrtValue *results[MODEL_MAX_TENSORS] = {NULL};
    for (int i = 0; i < count; i++)
        names[i] = runtime->outputs[chosen[i]].name;
    bool is_good =
        is_done(runtime,
                runtime->api->Run(runtime->session, NULL, &input_name, (const OrtValue *const *)&runtime->values[0], 1,
                                  names, (size_t)count, results),
                "cannot be run", error);
    for (int i = 0; i < count; i++) {
        if (is_good)
            is_good = check_result(runtime, results[i], &runtime->outputs[chosen[i]], &wants[i], error);
        if (results[i])
            runtime->api->ReleaseValue(results[i]);
    }
    return is_good;
}

static bool bind_outputs(struct runtime *runtime, const int *chosen, const struct tensor_want *wants, int count,
                         GError **error)
{
    for (int i = 0; i < count; i++) {
        OrtValue **value = &runtime->values[i + 1];
        runtime->results[i] = make_tensor(runtime, &wants[i].shape, value, error);
        if (!runtime->results[i] ||
            !is_done(runtime, runtime->api->BindOutput(runtime->binding, runtime->outputs[chosen[i]].name, *value),
                     "bind an output", error))
            return false;
    }
    runtime->result_count = count;
    return true;
}

bool runtime_bind(struct runtime *runtime, const struct tensor_want *input, const struct tensor_want *outputs,
                  int output_count, GError **error)
{
    int chosen[MODEL_MAX_TENSORS];
    int input_index = match_tensor(runtime->inputs, runtime->input_count, input, "input", error);
    if (input_index < 0)
        return false;
    for (int i = 0; i < output_count; i++) {
        chosen[i] = match_tensor(runtime->outputs, runtime->output_count, &outputs[i], "output", error);
        if (chosen[i] < 0)
            return false;
    }
    const char *name = runtime->inputs[input_index].name;
    runtime->input = make_tensor(runtime, &input->shape, &runtime->values[0], error);
    return runtime->input && warm_up(runtime, name, chosen, outputs, output_count, error) &&
           is_done(runtime, runtime->api->CreateIoBinding(runtime->session, &runtime->binding), "bind", error) &&
           is_done(runtime, runtime->api->BindInput(runtime->binding, name, runtime->values[0]), "bind the input",
                   error) &&
           bind_outputs(runtime, chosen, outputs, output_count, error) && runtime_run(runtime, error);
}

float *runtime_input(struct runtime *runtime)
{
    return runtime->input;
}

const float *const *runtime_outputs(const struct runtime *runtime)
{
    return (const float *const *)runtime->results;
}

bool runtime_run(struct runtime *runtime, GError **error)
{
    return is_done(runtime, runtime->api->RunWithBinding(runtime->session, NULL, runtime->binding), "run", error);
}

const char *runtime_provider(const struct runtime *runtime)
{
    (void)runtime;
    return "CPU";
}
