/* Two tables and the arithmetic over them. What the numbers rest on: with `session.intra_op` threads one picture
 * through a detector of 1 to 10 GFLOP gains little beyond four threads; on a CPU a batch costs more than it saves and
 * makes the first camera wait for the last (docs/architecture.md has the measures), on a GPU a batch fills it.
 */
#include "vedette/profile.h"

#include <glib.h>
#include <math.h>
#include <string.h>

#include "base/machine.h"

enum {
    BATCH_OF_UNKNOWN_GPU = 4,
    GPU_SHARE_OF_BATCHES = 4, /* a quarter of a GPU's memory; models and their workspaces have the rest */
};
/* Each thread of a mathematics library brings buffers of its own: on less memory than this there is one. */
static const int64_t small_memory_bytes = INT64_C(1) << 30;

static const struct service {
    const char *name;
    double core_share; /* of the cores that one run of a model, or one product of matrices, may take */
    int most_threads;
    double analyser_share;  /* of the cores that frames or records are gone through on, side by side */
    const char *model_kind; /* what fills a batch; NULL: no model */
    const char *reason;
} services[] = {
    {"antitheft", 0.5, 4, 1, "yolo", "a model a frame, soon: half the cores, so that decoding goes on beside it"},
    {"education", 0.5, 4, 1, "face", "small models on several faces a frame: half the cores"},
    {"safety", 0.5, 4, 1, "yolo", "a model a frame, soon: half the cores, so that decoding goes on beside it"},
    {"occupancy", 0.25, 2, 1, "yolo", "mostly motion and tracks, which are one thread a camera: few for the model"},
    {"identity", 0.5, 4, 0.5, "reid", "embeddings, which nobody waits for within a frame: fewer analysers"},
    {"vehicles", 0.5, 4, 1, "plate", "a model a frame and small ones on plates: half the cores"},
    {"fusion", 0.25, 1, 0.5, NULL, "no model: records, one thread for mathematics"},
    {"vision", 0.5, 4, 1, "yolo",
     "all that a worker of Vedette runs; one model at a time, so half its cores, the others decode and analyse"},
    {"system", 0.25, 1, 0.25, NULL, "no model, nothing urgent"},
};

static const struct model_kind {
    const char *name;
    int64_t item_bytes; /* of one input and what its layers hold at once, in 32-bit floats */
    int most_batch;     /* on a GPU */
    bool is_small;      /* a run of about a millisecond on a GPU, or less */
    bool takes_half;    /* keeps its word in 16-bit floats */
} kinds[] = {
    {"yolo", 96 << 20, 16, false, true}, {"face", 24 << 20, 32, true, true},     {"plate", 16 << 20, 32, true, true},
    {"reid", 32 << 20, 64, false, true}, {"emotion", 12 << 20, 64, true, false}, {"pose", 128 << 20, 16, false, true},
};

static const struct provider {
    enum vedette_provider bit;
    const char *name;
    bool is_gpu, is_slow_to_build;
} providers[] = {
    {VEDETTE_PROVIDER_TENSORRT, "TensorrtExecutionProvider", true, true},
    {VEDETTE_PROVIDER_CUDA, "CUDAExecutionProvider", true, false},
    {VEDETTE_PROVIDER_OPENVINO, "OpenVINOExecutionProvider", false, false},
    {VEDETTE_PROVIDER_CPU, "CPUExecutionProvider", false, false},
};

/* ---- the machine ---- */

void vedette_machine_detect(struct vedette_machine *machine)
{
    struct machine found;
    machine_detect("", &found);
    *machine = (struct vedette_machine){
        .cores = found.cores,
        .memory_bytes = machine_usable_bytes(&found),
        .gpus = found.nvidia_gpus,
        .providers = VEDETTE_PROVIDER_CPU | (found.nvidia_gpus ? VEDETTE_PROVIDER_CUDA : 0),
    };
}

static bool has_gpu(const struct vedette_machine *machine)
{
    return machine->gpus > 0 && machine->providers & (VEDETTE_PROVIDER_CUDA | VEDETTE_PROVIDER_TENSORRT);
}

/* ---- models ---- */

static const struct model_kind *find_kind(const char *name)
{
    for (size_t i = 0; name && i < G_N_ELEMENTS(kinds); i++)
        if (strcmp(kinds[i].name, name) == 0)
            return &kinds[i];
    return NULL;
}

/* The largest power of two that fits into its share of the GPU. */
static int batch_of(const struct model_kind *kind, const struct vedette_machine *machine)
{
    if (!kind || !has_gpu(machine))
        return 1;
    if (machine->gpu_memory_bytes <= 0)
        return MIN(BATCH_OF_UNKNOWN_GPU, kind->most_batch);
    int64_t room = machine->gpu_memory_bytes / GPU_SHARE_OF_BATCHES / kind->item_bytes;
    int batch = 1;
    while (batch * 2 <= kind->most_batch && batch * 2 <= room)
        batch *= 2;
    return batch;
}

/* A share of the cores, at least one thread and at most `most`; of a part of a core nobody gets two. */
static int threads_of(const struct vedette_machine *machine, double share, int most)
{
    double threads = floor(MAX(machine->cores, 0) * share);
    return (int)CLAMP(threads, 1, most);
}

static int math_threads(const struct service *service, const struct vedette_machine *machine)
{
    bool is_small = machine->memory_bytes > 0 && machine->memory_bytes < small_memory_bytes;
    return is_small ? 1 : threads_of(machine, service->core_share, service->most_threads);
}

bool vedette_get_device_config(const char *model_kind, const struct vedette_machine *machine,
                               struct vedette_device_config *config)
{
    const struct model_kind *kind = find_kind(model_kind);
    if (!kind)
        return false;
    bool is_gpu = has_gpu(machine);
    *config = (struct vedette_device_config){
        .device = is_gpu ? "cuda" : "cpu",
        .half_precision = is_gpu && kind->takes_half,
        .batch_size = batch_of(kind, machine),
        .threads = threads_of(machine, 0.5, 4),
        .reason = !is_gpu                          ? "no GPU that the runtime can use: one input a run on the CPU"
                  : machine->gpu_memory_bytes <= 0 ? "a GPU of unknown memory: small batches"
                                                   : "a GPU: batches that take a quarter of its memory",
    };
    return true;
}

size_t vedette_get_providers(const char *model_kind, const struct vedette_machine *machine,
                             const char *names[VEDETTE_PROVIDERS_MAX])
{
    const struct model_kind *kind = find_kind(model_kind);
    size_t count = 0;
    for (size_t i = 0; kind && i < G_N_ELEMENTS(providers); i++) {
        const struct provider *provider = &providers[i];
        bool is_there = provider->bit == VEDETTE_PROVIDER_CPU ||
                        (machine->providers & provider->bit && (!provider->is_gpu || machine->gpus > 0));
        if (is_there && !(provider->is_slow_to_build && kind->is_small))
            names[count++] = provider->name;
    }
    return count;
}

/* ---- services ---- */

const char *vedette_profile_service(size_t index)
{
    return index < G_N_ELEMENTS(services) ? services[index].name : NULL;
}

bool vedette_profile_get(const char *name, const struct vedette_machine *machine, struct vedette_profile *profile)
{
    for (size_t i = 0; name && i < G_N_ELEMENTS(services); i++) {
        const struct service *service = &services[i];
        if (strcmp(service->name, name) != 0)
            continue;
        int threads = math_threads(service, machine);
        *profile = (struct vedette_profile){
            .service = service->name,
            .analyser_threads = threads_of(machine, service->analyser_share, G_MAXINT16),
            .omp_threads = threads,
            .blas_threads = threads,
            .intra_op_threads = threads,
            .inter_op_threads = 1, /* these models are chains: nothing stands side by side */
            .batch_size = batch_of(find_kind(service->model_kind), machine),
            .reason = service->reason,
        };
        return true;
    }
    return false;
}

static void add_variable(struct vedette_profile_variable *variables, size_t *count, const char *name, int64_t value)
{
    variables[*count].name = name;
    g_snprintf(variables[*count].value, sizeof variables[*count].value, "%" G_GINT64_FORMAT, value);
    (*count)++;
}

size_t vedette_profile_variables(const struct vedette_profile *profile, const struct vedette_machine *machine,
                                 struct vedette_profile_variable variables[VEDETTE_PROFILE_VARIABLES_MAX])
{
    size_t count = 0;
    add_variable(variables, &count, "OMP_NUM_THREADS", profile->omp_threads);
    add_variable(variables, &count, "OPENBLAS_NUM_THREADS", profile->blas_threads);
    if (!has_gpu(machine))
        return count;
    add_variable(variables, &count, "ORT_TENSORRT_FP16_ENABLE", 1);
    add_variable(variables, &count, "ORT_TENSORRT_ENGINE_CACHE_ENABLE", 1);
    add_variable(variables, &count, "CUDA_CACHE_MAXSIZE", INT64_C(2) << 30);
    return count;
}

bool vedette_apply_service_optimizations(const char *service, const struct vedette_machine *machine,
                                         struct vedette_profile *profile)
{
    struct vedette_machine own;
    struct vedette_profile chosen;
    struct vedette_profile_variable variables[VEDETTE_PROFILE_VARIABLES_MAX];
    if (!machine) {
        vedette_machine_detect(&own);
        machine = &own;
    }
    if (!vedette_profile_get(service, machine, &chosen))
        return false;
    size_t count = vedette_profile_variables(&chosen, machine, variables);
    for (size_t i = 0; i < count; i++)
        g_setenv(variables[i].name, variables[i].value, FALSE);
    if (profile)
        *profile = chosen;
    return true;
}
