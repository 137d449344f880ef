#include "vision/runtime_internal.h"

#include <string.h>

enum { MESSAGE_MAX_BYTES = 400 };

/* ---- errors ---- */

/* Texts quote the model, so they are kept to one printable line. */
bool runtime_is_done(struct runtime *runtime, OrtStatus *status, const char *doing, GError **error)
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

/* ---- opening ---- */

static bool start(struct runtime *runtime, GError **error)
{
    const OrtApi *api = runtime->api;
    /* what goes wrong comes back as a status; ONNX Runtime's own lines on stderr would only say it twice */
    return runtime_is_done(runtime, api->CreateEnv(ORT_LOGGING_LEVEL_FATAL, "vedette", &runtime->env), "start",
                           error) &&
           runtime_is_done(runtime, api->DisableTelemetryEvents(runtime->env), "switch telemetry off", error) &&
           runtime_is_done(runtime, api->CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, &runtime->memory),
                           "start", error) &&
           runtime_is_done(runtime, api->GetAllocatorWithDefaultOptions(&runtime->allocator), "start", error) &&
           runtime_is_done(runtime, api->CreateRunOptions(&runtime->run_options), "start", error);
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
    if (!start(runtime, error) || !runtime_open_session(runtime, bytes, length, settings, error) ||
        !runtime_read_tensors(runtime, error))
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
    g_free(runtime->input_data);
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

/* ---- running ---- */

float *runtime_input(struct runtime *runtime)
{
    return runtime->input;
}

const struct tensor_view *runtime_outputs(const struct runtime *runtime)
{
    return runtime->views;
}

/* An interrupt that came as its run ended by itself is none of the next. */
static void forget_interrupt(struct runtime *runtime)
{
    OrtStatus *status = runtime->api->RunOptionsUnsetTerminate(runtime->run_options);
    if (status)
        runtime->api->ReleaseStatus(status);
}

bool runtime_run(struct runtime *runtime, GError **error)
{
    runtime_fill_input(runtime);
    forget_interrupt(runtime);
    return runtime_is_done(runtime,
                           runtime->api->RunWithBinding(runtime->session, runtime->run_options, runtime->binding),
                           "run", error) &&
           runtime_take_results(runtime, error);
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
