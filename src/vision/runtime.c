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
    uint8_t *input_bytes; /* of uint8 models: what is handed over */
    size_t input_count_values;
    struct result results[MODEL_MAX_TENSORS];
    struct tensor_view views[MODEL_MAX_TENSORS]; /* what the last run gave */
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

/* ---- providers ---- */

/* In the order in which auto tries them. `library_name` is how ONNX Runtime lists them. */
static const struct provider {
    enum detector_provider provider;
    const char *name, *library_name;
} providers[] = {
    {PROVIDER_TENSORRT, "TensorRT", "TensorrtExecutionProvider"},
    {PROVIDER_CUDA, "CUDA", "CUDAExecutionProvider"},
    {PROVIDER_OPENVINO, "OpenVINO", "OpenVINOExecutionProvider"},
    {PROVIDER_CPU, "CPU", "CPUExecutionProvider"},
};

static bool library_has(const OrtApi *api, const struct provider *provider)
{
    char **names = NULL;
    int count = 0;
    bool is_there = provider->provider == PROVIDER_CPU;
    OrtStatus *status = api->GetAvailableProviders(&names, &count);
    if (status) {
        api->ReleaseStatus(status);
        return is_there;
    }
    for (int i = 0; i < count; i++)
        is_there = is_there || strcmp(names[i], provider->library_name) == 0;
    status = api->ReleaseAvailableProviders(names, count);
    if (status)
        api->ReleaseStatus(status);
    return is_there;
}

static char *list_providers(const OrtApi *api)
{
    g_autoptr(GString) text = g_string_new(NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(providers); i++)
        if (library_has(api, &providers[i]))
            g_string_append_printf(text, "%s%s", text->len ? ", " : "", providers[i].name);
    return g_string_free(g_steal_pointer(&text), FALSE);
}

char *detector_providers_available(void)
{
    const OrtApi *api = OrtGetApiBase()->GetApi(ORT_API_VERSION);
    return api ? list_providers(api) : g_strdup("none");
}

static bool append_tensorrt(struct runtime *runtime, OrtSessionOptions *options, GError **error)
{
    OrtTensorRTProviderOptionsV2 *tensorrt = NULL;
    bool is_good = is_done(runtime, runtime->api->CreateTensorRTProviderOptions(&tensorrt), "use TensorRT", error) &&
                   is_done(runtime, runtime->api->SessionOptionsAppendExecutionProvider_TensorRT_V2(options, tensorrt),
                           "use TensorRT", error);
    if (tensorrt)
        runtime->api->ReleaseTensorRTProviderOptions(tensorrt);
    return is_good;
}

static bool append_cuda(struct runtime *runtime, OrtSessionOptions *options, GError **error)
{
    OrtCUDAProviderOptionsV2 *cuda = NULL;
    bool is_good =
        is_done(runtime, runtime->api->CreateCUDAProviderOptions(&cuda), "use CUDA", error) &&
        is_done(runtime, runtime->api->SessionOptionsAppendExecutionProvider_CUDA_V2(options, cuda), "use CUDA", error);
    if (cuda)
        runtime->api->ReleaseCUDAProviderOptions(cuda);
    return is_good;
}

static bool append_provider(struct runtime *runtime, OrtSessionOptions *options, enum detector_provider provider,
                            GError **error)
{
    switch (provider) {
    case PROVIDER_TENSORRT:
        return append_tensorrt(runtime, options, error);
    case PROVIDER_CUDA:
        return append_cuda(runtime, options, error);
    case PROVIDER_OPENVINO:
        return is_done(runtime, runtime->api->SessionOptionsAppendExecutionProvider(options, "OpenVINO", NULL, NULL, 0),
                       "use OpenVINO", error);
    case PROVIDER_AUTO:
    case PROVIDER_CPU:
        break; /* the CPU is always there */
    }
    return true;
}

static bool open_session(struct runtime *runtime, const void *bytes, size_t length, int threads,
                         const struct provider *provider, GError **error)
{
    const OrtApi *api = runtime->api;
    OrtSessionOptions *options = NULL;
    bool is_good =
        is_done(runtime, api->CreateSessionOptions(&options), "start", error) &&
        fill_options(runtime, options, threads, error) &&
        append_provider(runtime, options, provider->provider, error) &&
        is_done(runtime, api->CreateSessionFromArray(runtime->env, bytes, length, options, &runtime->session),
                "is no ONNX model that can be run", error);
    if (options)
        api->ReleaseSessionOptions(options);
    runtime->provider = provider->name;
    return is_good;
}

/* Only what auto looked at and did not take needs a reason. */
static void note_refusal(struct runtime *runtime, const struct provider *provider, const char *why)
{
    GString *reason = runtime->provider_reason;
    g_string_append_printf(reason, "%s%s: %s", reason->len ? "; " : "", provider->name, why);
}

static bool open_asked_for(struct runtime *runtime, const void *bytes, size_t length, int threads,
                           const struct provider *provider, GError **error)
{
    g_string_assign(runtime->provider_reason, "detector.provider asks for it");
    if (library_has(runtime->api, provider))
        return open_session(runtime, bytes, length, threads, provider, error);
    g_autofree char *available = list_providers(runtime->api);
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED,
                "cannot be run by %s: this ONNX Runtime has %s; set detector.provider to one of them or to auto",
                provider->name, available);
    return false;
}

/* The one that is asked for, or with auto the first that is there and takes the model. */
static bool open_by_provider(struct runtime *runtime, const void *bytes, size_t length,
                             const struct detector_settings *settings, GError **error)
{
    int threads = MAX(settings->threads, 1);
    for (size_t i = 0; i < G_N_ELEMENTS(providers); i++)
        if (providers[i].provider == settings->provider)
            return open_asked_for(runtime, bytes, length, threads, &providers[i], error);
    for (size_t i = 0; i < G_N_ELEMENTS(providers); i++) {
        g_autoptr(GError) cause = NULL;
        if (!library_has(runtime->api, &providers[i])) {
            note_refusal(runtime, &providers[i], "not in this ONNX Runtime");
            continue;
        }
        if (open_session(runtime, bytes, length, threads, &providers[i], &cause))
            return true;
        note_refusal(runtime, &providers[i], cause->message);
        if (i + 1 == G_N_ELEMENTS(providers)) {
            g_propagate_error(error, g_steal_pointer(&cause));
            return false;
        }
    }
    return false;
}

static bool start(struct runtime *runtime, GError **error)
{
    const OrtApi *api = runtime->api;
    /* what goes wrong comes back as a status; ONNX Runtime's own lines on stderr would only say it twice */
    return is_done(runtime, api->CreateEnv(ORT_LOGGING_LEVEL_FATAL, "vedette", &runtime->env), "start", error) &&
           is_done(runtime, api->DisableTelemetryEvents(runtime->env), "switch telemetry off", error) &&
           is_done(runtime, api->CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, &runtime->memory), "start",
                   error) &&
           is_done(runtime, api->GetAllocatorWithDefaultOptions(&runtime->allocator), "start", error) &&
           is_done(runtime, api->CreateRunOptions(&runtime->run_options), "start", error);
}

struct runtime *runtime_open(const void *bytes, size_t length, const struct detector_settings *settings, GError **error)
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
    runtime->provider_reason = g_string_new(NULL);
    if (!start(runtime, error) || !open_by_provider(runtime, bytes, length, settings, error) ||
        !read_tensors(runtime, error))
        return NULL;
    return g_steal_pointer(&runtime);
}

void runtime_free(struct runtime *runtime)
{
    if (!runtime)
        return;
    const OrtApi *api = runtime->api;
    if (runtime->input_value)
        api->ReleaseValue(runtime->input_value);
    for (int i = 0; i < MODEL_MAX_TENSORS; i++) {
        if (runtime->results[i].value)
            api->ReleaseValue(runtime->results[i].value);
        g_free(runtime->results[i].data);
        g_free(runtime->results[i].converted);
        g_free(runtime->inputs[i].name);
        g_free(runtime->outputs[i].name);
    }
    g_free(runtime->input);
    g_free(runtime->input_bytes);
    if (runtime->provider_reason)
        g_string_free(runtime->provider_reason, TRUE);
    if (runtime->binding)
        api->ReleaseIoBinding(runtime->binding);
    if (runtime->run_options)
        api->ReleaseRunOptions(runtime->run_options);
    if (runtime->session)
        api->ReleaseSession(runtime->session);
    if (runtime->memory)
        api->ReleaseMemoryInfo(runtime->memory);
    if (runtime->env)
        api->ReleaseEnv(runtime->env);
    g_free(runtime);
}

/* ---- holding it against the card ---- */

/* What a want may be made of: an input what it says, an output any kind of number that is read as floats. */
static bool fits_type(ONNXTensorElementDataType type, const struct tensor_want *want, bool is_input)
{
    if (is_input)
        return type == (want->is_uint8 ? ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8 : ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT);
    return type == ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT || type == ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64 ||
           type == ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32;
}

static bool fits(const struct tensor *tensor, const struct tensor_want *want, bool is_input)
{
    bool is_fit = fits_type(tensor->type, want, is_input) && tensor->shape.rank == want->shape.rank;
    for (int i = 0; i < want->shape.rank && is_fit; i++)
        is_fit =
            tensor->shape.sizes[i] < 1 || want->shape.sizes[i] < 1 || tensor->shape.sizes[i] == want->shape.sizes[i];
    return is_fit;
}

static bool is_named(const struct tensor *tensor, const char *name)
{
    return strcmp(tensor->name, name) == 0 ||
           (g_str_has_prefix(tensor->name, name) && strcmp(tensor->name + strlen(name), ":0") == 0);
}

/* By name, or the only one, or the first that fits. */
static int find_tensor(const struct tensor *tensors, int count, const struct tensor_want *want, bool is_input)
{
    for (int i = 0; i < count; i++)
        if (want->name ? is_named(&tensors[i], want->name) : count == 1 || fits(&tensors[i], want, is_input))
            return i;
    return -1;
}

static ONNXTensorElementDataType wanted_type(const struct tensor_want *want)
{
    return want->is_uint8 ? ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8 : ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
}

static void refuse_missing(const struct tensor *tensors, int count, const struct tensor_want *want, const char *kind,
                           GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_string_append_printf(text, "has no %s ", kind);
    if (want->name)
        g_string_append_printf(text, "'%s'", want->name);
    else
        append_tensor(text, wanted_type(want), &want->shape);
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
    append_tensor(text, wanted_type(want), &want->shape);
    if (want->reason)
        g_string_append_printf(text, ": %s", want->reason);
    g_set_error_literal(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, text->str);
}

static bool check_size(const struct tensor_shape *shape, const char *kind, const char *name, GError **error)
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

/* The model's tensor for `want`, or NULL with an error. */
static const struct tensor *match_tensor(const struct runtime *runtime, const struct tensor_want *want, bool is_input,
                                         GError **error)
{
    const struct tensor *tensors = is_input ? runtime->inputs : runtime->outputs;
    int count = is_input ? runtime->input_count : runtime->output_count;
    const char *kind = is_input ? "input" : "output";
    int index = find_tensor(tensors, count, want, is_input);
    if (index < 0) {
        refuse_missing(tensors, count, want, kind, error);
        return NULL;
    }
    if (!fits(&tensors[index], want, is_input)) {
        refuse_shape(&tensors[index], want, kind, error);
        return NULL;
    }
    return check_size(&want->shape, kind, tensors[index].name, error) ? &tensors[index] : NULL;
}

/* ---- memory ---- */

/* A tensor over memory of ours. */
static void *make_tensor(struct runtime *runtime, const struct tensor_shape *shape, ONNXTensorElementDataType type,
                         OrtValue **value, GError **error)
{
    static const size_t sizes[] = {[ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT] = sizeof(float),
                                   [ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8] = sizeof(uint8_t),
                                   [ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32] = sizeof(int32_t),
                                   [ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64] = sizeof(int64_t)};
    size_t bytes = (size_t)tensor_shape_count(shape) * sizes[type];
    g_autofree void *data = g_malloc0(bytes);
    if (!is_done(runtime,
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
    void *data = make_tensor(runtime, &want->shape, tensor->type, &runtime->input_value, error);
    if (want->is_uint8) {
        runtime->input_bytes = data;
        runtime->input = g_new0(float, runtime->input_count_values);
    } else {
        runtime->input = data;
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
    bool is_good = is_done(runtime, runtime->api->GetTensorTypeAndShape(value, &info), "read an output", error) &&
                   read_shape(runtime, info, found, error);
    if (info)
        runtime->api->ReleaseTensorTypeAndShapeInfo(info);
    if (!is_good || !check_size(&found->shape, "output", found->name, error))
        return false;
    if (fits(found, &result->want, false))
        return true;
    refuse_shape(found, &result->want, "output", error);
    return false;
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
    const int64_t *longs = data;
    const int32_t *ints = data;
    for (size_t i = 0; i < count; i++)
        result->converted[i] = type == ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64 ? (float)longs[i] : (float)ints[i];
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
        !is_done(runtime, runtime->api->GetTensorMutableData(value, &data), "read an output", error))
        return false;
    runtime->views[index].shape = found.shape;
    runtime->views[index].values = convert(result, found.type, data, (size_t)tensor_shape_count(&found.shape));
    return true;
}

static bool take_open_results(struct runtime *runtime, GError **error)
{
    OrtValue **values = NULL;
    size_t count = 0;
    if (!is_done(runtime, runtime->api->GetBoundOutputValues(runtime->binding, runtime->allocator, &values, &count),
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
    (void)is_done(runtime, runtime->api->AllocatorFree(runtime->allocator, values), "free outputs", NULL);
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
    bool is_good =
        is_done(runtime,
                runtime->api->Run(runtime->session, NULL, &input_name, (const OrtValue *const *)&runtime->input_value,
                                  1, names, (size_t)runtime->result_count, values),
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
        return is_done(runtime, runtime->api->BindOutputToDevice(runtime->binding, name, runtime->memory),
                       "bind an output", error);
    result->data = make_tensor(runtime, &shape, result->tensor->type, &result->value, error);
    runtime->views[index].shape = shape;
    return result->data &&
           is_done(runtime, runtime->api->BindOutput(runtime->binding, name, result->value), "bind an output", error);
}

static bool bind_all(struct runtime *runtime, const char *input_name, GError **error)
{
    bool is_good =
        is_done(runtime, runtime->api->CreateIoBinding(runtime->session, &runtime->binding), "bind", error) &&
        is_done(runtime, runtime->api->BindInput(runtime->binding, input_name, runtime->input_value), "bind the input",
                error);
    for (int i = 0; i < runtime->result_count && is_good; i++)
        is_good = bind_result(runtime, i, error);
    return is_good && runtime_run(runtime, error);
}

bool runtime_bind(struct runtime *runtime, const struct tensor_want *input, const struct tensor_want *outputs,
                  int output_count, GError **error)
{
    const struct tensor *tensor = match_tensor(runtime, input, true, error);
    for (int i = 0; i < output_count && tensor; i++) {
        struct result *result = &runtime->results[i];
        result->want = outputs[i];
        result->tensor = match_tensor(runtime, &outputs[i], false, error);
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

/* ---- running ---- */

float *runtime_input(struct runtime *runtime)
{
    return runtime->input;
}

const struct tensor_view *runtime_outputs(const struct runtime *runtime)
{
    return runtime->views;
}

static void fill_bytes(struct runtime *runtime)
{
    for (size_t i = 0; i < runtime->input_count_values; i++)
        runtime->input_bytes[i] = (uint8_t)(CLAMP(runtime->input[i], 0.0F, 255.0F) + 0.5F);
}

bool runtime_run(struct runtime *runtime, GError **error)
{
    bool has_open = false;
    if (runtime->input_bytes)
        fill_bytes(runtime);
    if (!is_done(runtime, runtime->api->RunWithBinding(runtime->session, runtime->run_options, runtime->binding), "run",
                 error)) {
        OrtStatus *status = runtime->api->RunOptionsUnsetTerminate(runtime->run_options);
        if (status)
            runtime->api->ReleaseStatus(status);
        return false;
    }
    for (int i = 0; i < runtime->result_count; i++) {
        struct result *result = &runtime->results[i];
        has_open = has_open || !result->data;
        if (result->data)
            runtime->views[i].values = convert(result, result->tensor->type, result->data,
                                               (size_t)tensor_shape_count(&runtime->views[i].shape));
    }
    return !has_open || take_open_results(runtime, error);
}

void runtime_interrupt(struct runtime *runtime)
{
    OrtStatus *status = runtime->api->RunOptionsSetTerminate(runtime->run_options);
    if (status)
        runtime->api->ReleaseStatus(status);
}

const char *runtime_provider(const struct runtime *runtime)
{
    return runtime->provider;
}

const char *runtime_provider_reason(const struct runtime *runtime)
{
    return runtime->provider_reason->str;
}
