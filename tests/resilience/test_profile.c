/* Threads and batches as a function of the machine. */
#include "vedette/profile.h"

#include <glib.h>
#include <string.h>

#define GB (INT64_C(1) << 30)

static struct vedette_machine machine_of(double cores, int64_t memory_bytes)
{
    return (struct vedette_machine){.cores = cores, .memory_bytes = memory_bytes, .providers = VEDETTE_PROVIDER_CPU};
}

static struct vedette_machine machine_with_gpu(int64_t gpu_memory_bytes)
{
    struct vedette_machine machine = machine_of(16, 64 * GB);
    machine.gpus = 1;
    machine.gpu_memory_bytes = gpu_memory_bytes;
    machine.providers |= VEDETTE_PROVIDER_CUDA | VEDETTE_PROVIDER_TENSORRT;
    return machine;
}

static struct vedette_profile profile_of(const char *service, const struct vedette_machine *machine)
{
    struct vedette_profile profile;
    g_assert_true(vedette_profile_get(service, machine, &profile));
    return profile;
}

static void test_the_services_of_the_documents_are_there(void)
{
    static const char *const wanted[] = {"antitheft", "education", "safety", "occupancy",
                                         "identity",  "vehicles",  "fusion"};
    const struct vedette_machine machine = machine_of(4, 8 * GB);
    for (size_t i = 0; i < G_N_ELEMENTS(wanted); i++)
        g_assert_cmpstr(profile_of(wanted[i], &machine).service, ==, wanted[i]);
    struct vedette_profile profile;
    g_assert_false(vedette_profile_get("coffee", &machine, &profile));
    g_assert_false(vedette_profile_get(NULL, &machine, &profile));
}

/* From a tenth of a core to 256 of them: never nothing, never more than there is, and no service starves the others. */
static void test_threads_stay_within_the_cores(void)
{
    for (size_t i = 0; vedette_profile_service(i); i++)
        for (double cores = 0.1; cores <= 256; cores *= 1.3) {
            const struct vedette_machine machine = machine_of(cores, 8 * GB);
            struct vedette_profile profile = profile_of(vedette_profile_service(i), &machine);
            int most = MAX((int)cores, 1);
            const int threads[] = {profile.analyser_threads, profile.omp_threads, profile.blas_threads,
                                   profile.intra_op_threads, profile.inter_op_threads};
            for (size_t j = 0; j < G_N_ELEMENTS(threads); j++) {
                g_assert_cmpint(threads[j], >=, 1);
                g_assert_cmpint(threads[j], <=, most);
            }
            g_assert_cmpint(profile.omp_threads, <=, 4);
            g_assert_cmpint(profile.batch_size, ==, 1);
            g_assert_cmpint(strlen(profile.reason), >, 10);
        }
}

static void test_a_small_site_and_a_large_one(void)
{
    const struct vedette_machine small = machine_of(2, 4 * GB), large = machine_of(16, 64 * GB);
    g_assert_cmpint(profile_of("antitheft", &small).intra_op_threads, ==, 1);
    g_assert_cmpint(profile_of("antitheft", &small).analyser_threads, ==, 2);
    g_assert_cmpint(profile_of("antitheft", &large).intra_op_threads, ==, 4);
    g_assert_cmpint(profile_of("fusion", &large).omp_threads, ==, 1);
    g_assert_cmpint(profile_of("occupancy", &large).intra_op_threads, ==, 2);
}

static void test_little_memory_means_one_thread(void)
{
    const struct vedette_machine machine = machine_of(8, GB / 2), unknown = machine_of(8, 0);
    g_assert_cmpint(profile_of("safety", &machine).omp_threads, ==, 1);
    g_assert_cmpint(profile_of("safety", &unknown).omp_threads, ==, 4);
}

static void test_batches_fill_a_gpu_and_no_cpu(void)
{
    struct vedette_machine machine = machine_with_gpu(8 * GB);
    g_assert_cmpint(profile_of("antitheft", &machine).batch_size, ==, 16); /* 21 fit into a quarter of 8 GB */
    machine = machine_with_gpu(2 * GB);
    g_assert_cmpint(profile_of("antitheft", &machine).batch_size, ==, 4); /* 5 fit */
    machine = machine_with_gpu(GB / 8);
    g_assert_cmpint(profile_of("antitheft", &machine).batch_size, ==, 1);
    machine = machine_with_gpu(0);
    g_assert_cmpint(profile_of("antitheft", &machine).batch_size, ==, 4);
    g_assert_cmpint(profile_of("fusion", &machine).batch_size, ==, 1);
    machine.providers = VEDETTE_PROVIDER_CPU; /* a GPU the runtime cannot use */
    g_assert_cmpint(profile_of("antitheft", &machine).batch_size, ==, 1);
}

static void test_device_config(void)
{
    struct vedette_device_config config;
    const struct vedette_machine cpu = machine_of(4, 8 * GB), gpu = machine_with_gpu(8 * GB);
    g_assert_true(vedette_get_device_config("yolo", &cpu, &config));
    g_assert_cmpstr(config.device, ==, "cpu");
    g_assert_false(config.half_precision);
    g_assert_cmpint(config.threads, ==, 2);
    g_assert_true(vedette_get_device_config("yolo", &gpu, &config));
    g_assert_cmpstr(config.device, ==, "cuda");
    g_assert_true(config.half_precision);
    g_assert_true(vedette_get_device_config("emotion", &gpu, &config));
    g_assert_false(config.half_precision);
    g_assert_false(vedette_get_device_config("coffee", &gpu, &config));
}

static void assert_providers(const char *kind, const struct vedette_machine *machine, const char *expected)
{
    const char *names[VEDETTE_PROVIDERS_MAX];
    size_t count = vedette_get_providers(kind, machine, names);
    g_autoptr(GString) text = g_string_new(NULL);
    for (size_t i = 0; i < count; i++)
        g_string_append_printf(text, "%s%.*s", i ? " " : "", (int)(strlen(names[i]) - strlen("ExecutionProvider")),
                               names[i]);
    g_assert_cmpstr(text->str, ==, expected);
}

static void test_providers(void)
{
    struct vedette_machine machine = machine_of(4, 8 * GB);
    assert_providers("reid", &machine, "CPU");
    machine.providers = 0; /* nobody said: the CPU is always there */
    assert_providers("reid", &machine, "CPU");
    machine.providers = VEDETTE_PROVIDER_CUDA | VEDETTE_PROVIDER_OPENVINO;
    assert_providers("reid", &machine, "OpenVINO CPU"); /* a runtime with CUDA, and no GPU */
    machine = machine_with_gpu(8 * GB);
    assert_providers("reid", &machine, "Tensorrt CUDA CPU");
    assert_providers("face", &machine, "CUDA CPU");
    assert_providers("coffee", &machine, "");
}

static void test_an_operators_word_counts_more(void)
{
    const struct vedette_machine machine = machine_with_gpu(8 * GB);
    struct vedette_profile profile;
    g_setenv("OMP_NUM_THREADS", "7", TRUE);
    g_unsetenv("OPENBLAS_NUM_THREADS");
    g_unsetenv("CUDA_CACHE_MAXSIZE");
    g_assert_false(vedette_apply_service_optimizations("coffee", &machine, &profile));
    g_assert_null(g_getenv("OPENBLAS_NUM_THREADS"));
    g_assert_true(vedette_apply_service_optimizations("antitheft", &machine, &profile));
    g_assert_cmpstr(g_getenv("OMP_NUM_THREADS"), ==, "7");
    g_assert_cmpstr(g_getenv("OPENBLAS_NUM_THREADS"), ==, "4");
    g_assert_cmpstr(g_getenv("CUDA_CACHE_MAXSIZE"), ==, "2147483648");
    g_assert_cmpint(profile.blas_threads, ==, 4);
    g_assert_true(vedette_apply_service_optimizations("fusion", NULL, NULL)); /* this machine */
}

static void test_variables_say_what_was_chosen(void)
{
    struct vedette_profile_variable variables[VEDETTE_PROFILE_VARIABLES_MAX];
    const struct vedette_machine plain = machine_of(4, 8 * GB), with_gpu = machine_with_gpu(16 * GB);
    const struct vedette_profile profile = profile_of("safety", &plain);
    size_t count = vedette_profile_variables(&profile, &plain, variables);
    g_autofree char *threads = g_strdup_printf("%d", (int)profile.omp_threads);
    g_assert_cmpuint(count, ==, 2);
    g_assert_cmpstr(variables[0].name, ==, "OMP_NUM_THREADS");
    g_assert_cmpstr(variables[0].value, ==, threads);
    g_assert_cmpstr(variables[1].name, ==, "OPENBLAS_NUM_THREADS");
    count = vedette_profile_variables(&profile, &with_gpu, variables);
    g_assert_cmpuint(count, ==, 5);
    g_assert_cmpstr(variables[4].name, ==, "CUDA_CACHE_MAXSIZE");
    g_assert_cmpstr(variables[4].value, ==, "2147483648");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/profile/the services of the documents are there", test_the_services_of_the_documents_are_there);
    g_test_add_func("/profile/threads stay within the cores", test_threads_stay_within_the_cores);
    g_test_add_func("/profile/a small site and a large one", test_a_small_site_and_a_large_one);
    g_test_add_func("/profile/little memory means one thread", test_little_memory_means_one_thread);
    g_test_add_func("/profile/batches fill a GPU and no CPU", test_batches_fill_a_gpu_and_no_cpu);
    g_test_add_func("/profile/device config", test_device_config);
    g_test_add_func("/profile/providers", test_providers);
    g_test_add_func("/profile/variables say what was chosen", test_variables_say_what_was_chosen);
    g_test_add_func("/profile/an operator's word counts more", test_an_operators_word_counts_more);
    return g_test_run();
}
