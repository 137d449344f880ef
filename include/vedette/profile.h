/* Profiles: how many threads a service's mathematics may take, how many inputs go into one run of a model, and what
 * runs it, as a function of the machine. Threads beyond what helps a service make every other one later: libraries that
 * take all cores by default (OpenMP, OpenBLAS, ONNX Runtime) are held here.
 *
 *     struct vedette_machine machine;
 *     struct vedette_profile profile;
 *     vedette_machine_detect(&machine);
 *     vedette_apply_service_optimizations("fusion", &machine, &profile);   // before the libraries are first used
 *
 * Pure but for vedette_machine_detect (reads /proc and /sys) and vedette_apply_service_optimizations (sets environment
 * variables). Threads: everything from any thread, but vedette_apply_service_optimizations: from the main thread, while
 * there is no other. Every text is static. Nothing is allocated.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vedette/visibility.h"

VEDETTE_BEGIN

/* What runs models; bits of vedette_machine.providers. The CPU is always there. */
enum vedette_provider {
    VEDETTE_PROVIDER_CPU = 1 << 0,
    VEDETTE_PROVIDER_OPENVINO = 1 << 1,
    VEDETTE_PROVIDER_CUDA = 1 << 2,
    VEDETTE_PROVIDER_TENSORRT = 1 << 3,
};

struct vedette_machine {
    double cores;             /* that may be used, cgroup quota and affinity respected; above 0 */
    int64_t memory_bytes;     /* that may be used; 0: not known */
    int gpus;                 /* that can run models */
    int64_t gpu_memory_bytes; /* of the smallest of them; 0: not known */
    unsigned providers;       /* what the model's runtime offers: bits of enum vedette_provider */
};
/* What this machine has. providers is CPU, and CUDA where an NVIDIA driver is loaded: a program that knows its runtime
 * sets them itself. */
VEDETTE_PUBLIC void vedette_machine_detect(struct vedette_machine *machine);

struct vedette_profile {
    const char *service;
    int analyser_threads; /* that go through frames or records side by side */
    int omp_threads;      /* OMP_NUM_THREADS */
    int blas_threads;     /* OPENBLAS_NUM_THREADS */
    int intra_op_threads; /* ONNX Runtime: threads within one operator of a model */
    int inter_op_threads; /* ONNX Runtime: operators of a model side by side */
    int batch_size;       /* inputs to one run of a model */
    const char *reason;   /* one sentence, for people */
};

/* The services there are: "antitheft", "education", …; NULL beyond the last. */
VEDETTE_PUBLIC const char *vedette_profile_service(size_t index);
/* The profile of `service` on `machine`. False when there is no such service. Every number is at least 1. */
VEDETTE_PUBLIC bool vedette_profile_get(const char *service, const struct vedette_machine *machine,
                                        struct vedette_profile *profile);

enum { VEDETTE_PROFILE_VARIABLES_MAX = 8 };
struct vedette_profile_variable {
    const char *name;
    char value[16];
};
/* The environment variables by which libraries learn of a profile. Returns how many were written. */
VEDETTE_PUBLIC size_t
vedette_profile_variables(const struct vedette_profile *profile, const struct vedette_machine *machine,
                          struct vedette_profile_variable variables[VEDETTE_PROFILE_VARIABLES_MAX]);
/* Sets them in this process, except those that are set already: an operator's word counts more. `machine` NULL: this
 * one. `profile` (may be NULL) gets what was chosen. False when there is no such service; then nothing is set. */
VEDETTE_PUBLIC bool vedette_apply_service_optimizations(const char *service, const struct vedette_machine *machine,
                                                        struct vedette_profile *profile);

/* ---- models ---- */

struct vedette_device_config {
    const char *device;  /* "cuda" or "cpu" */
    bool half_precision; /* 16-bit floats */
    int batch_size;      /* inputs to one run; at least 1 */
    int threads;         /* within one operator, on a CPU; at least 1 */
    const char *reason;
};
/* How a kind of model ("yolo", "face", "plate", "reid", "emotion", "pose") is best run. False when the kind is not
 * known.
 */
VEDETTE_PUBLIC bool vedette_get_device_config(const char *model_kind, const struct vedette_machine *machine,
                                              struct vedette_device_config *config);

enum { VEDETTE_PROVIDERS_MAX = 4 };
/* ONNX Runtime's names of the execution providers to offer a kind of model, the best first, the CPU last. Returns how
 * many; 0 when the kind is not known. TensorRT is left out for small models: it builds for minutes what then saves
 * less than a millisecond a run. */
VEDETTE_PUBLIC size_t vedette_get_providers(const char *model_kind, const struct vedette_machine *machine,
                                            const char *names[VEDETTE_PROVIDERS_MAX]);

VEDETTE_END
