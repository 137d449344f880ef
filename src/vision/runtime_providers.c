#include "vision/runtime_internal.h"

#include <string.h>

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
    bool is_good =
        runtime_is_done(runtime, runtime->api->CreateTensorRTProviderOptions(&tensorrt), "use TensorRT", error) &&
        runtime_is_done(runtime, runtime->api->SessionOptionsAppendExecutionProvider_TensorRT_V2(options, tensorrt),
                        "use TensorRT", error);
    if (tensorrt)
        runtime->api->ReleaseTensorRTProviderOptions(tensorrt);
    return is_good;
}

static bool append_cuda(struct runtime *runtime, OrtSessionOptions *options, GError **error)
{
    OrtCUDAProviderOptionsV2 *cuda = NULL;
    bool is_good = runtime_is_done(runtime, runtime->api->CreateCUDAProviderOptions(&cuda), "use CUDA", error) &&
                   runtime_is_done(runtime, runtime->api->SessionOptionsAppendExecutionProvider_CUDA_V2(options, cuda),
                                   "use CUDA", error);
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
        return runtime_is_done(runtime,
                               runtime->api->SessionOptionsAppendExecutionProvider(options, "OpenVINO", NULL, NULL, 0),
                               "use OpenVINO", error);
    case PROVIDER_AUTO:
    case PROVIDER_CPU:
        break; /* the CPU is always there */
    }
    return true;
}

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
    bool is_good =
        runtime_is_done(runtime, api->SetIntraOpNumThreads(options, threads), "set threads", error) &&
        runtime_is_done(runtime, api->SetInterOpNumThreads(options, 1), "set threads", error) &&
        runtime_is_done(runtime, api->SetSessionGraphOptimizationLevel(options, ORT_ENABLE_ALL), "optimise", error);
    for (size_t i = 0; i < G_N_ELEMENTS(session_entries) && is_good; i++)
        is_good = runtime_is_done(runtime,
                                  api->AddSessionConfigEntry(options, session_entries[i].key, session_entries[i].value),
                                  session_entries[i].key, error);
    return is_good;
}

static bool open_session(struct runtime *runtime, const void *bytes, size_t length, int threads,
                         const struct provider *provider, GError **error)
{
    const OrtApi *api = runtime->api;
    OrtSessionOptions *options = NULL;
    bool is_good =
        runtime_is_done(runtime, api->CreateSessionOptions(&options), "start", error) &&
        fill_options(runtime, options, threads, error) &&
        append_provider(runtime, options, provider->provider, error) &&
        runtime_is_done(runtime, api->CreateSessionFromArray(runtime->env, bytes, length, options, &runtime->session),
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
bool runtime_open_session(struct runtime *runtime, const void *bytes, size_t length,
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
