/* Stands in for runtime.c in a build without ONNX Runtime: no model can be opened, so nothing else is ever called. */
#include "vision/detector_internal.h"

struct runtime *runtime_open(const void *bytes, size_t length, const struct detector_settings *settings, GError **error)
{
    (void)bytes;
    (void)length;
    (void)settings;
    g_set_error_literal(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED,
                        "this build has no ONNX Runtime: build with -Donnx=enabled, or leave detector.model empty");
    return NULL;
}

void runtime_free(struct runtime *runtime)
{
    (void)runtime;
}

bool runtime_bind(struct runtime *runtime, const struct tensor_want *input, const struct tensor_want *outputs,
                  int output_count, GError **error)
{
    (void)runtime;
    (void)input;
    (void)outputs;
    (void)output_count;
    (void)error;
    return false;
}

float *runtime_input(struct runtime *runtime)
{
    (void)runtime;
    return NULL;
}

const struct tensor_view *runtime_outputs(const struct runtime *runtime)
{
    (void)runtime;
    return NULL;
}

bool runtime_run(struct runtime *runtime, GError **error)
{
    (void)runtime;
    (void)error;
    return false;
}

void runtime_interrupt(struct runtime *runtime)
{
    (void)runtime;
}

const char *runtime_provider(const struct runtime *runtime)
{
    (void)runtime;
    return "none";
}

const char *runtime_provider_reason(const struct runtime *runtime)
{
    (void)runtime;
    return "";
}

char *detector_providers_available(void)
{
    return g_strdup("none");
}
