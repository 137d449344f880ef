/* A service that asks the machine how many threads and how large batches suit it, before it loads a library that would
 * take every core.
 *
 *     cc service_profile.c $(pkg-config --cflags --libs vedette)
 */
#include <stdio.h>
#include <stdlib.h>

#include <vedette/profile.h>

int main(int argc, char **argv)
{
    const char *service = argc > 1 ? argv[1] : "antitheft";
    struct vedette_machine machine;
    struct vedette_profile profile;
    struct vedette_device_config device;
    const char *providers[VEDETTE_PROVIDERS_MAX];
    vedette_machine_detect(&machine);
    if (!vedette_apply_service_optimizations(service, &machine, &profile)) {
        fprintf(stderr, "service_profile: there is no service '%s'; there are", service);
        for (size_t i = 0; vedette_profile_service(i); i++)
            fprintf(stderr, " %s", vedette_profile_service(i));
        fprintf(stderr, "\n");
        return 2;
    }
    printf("%s on %.1f cores: OMP_NUM_THREADS=%s, batches of %d (%s)\n", service, machine.cores,
           getenv("OMP_NUM_THREADS"), profile.batch_size, profile.reason);
    if (vedette_get_device_config("yolo", &machine, &device))
        printf("a detector runs on %s: %s\n", device.device, device.reason);
    size_t count = vedette_get_providers("yolo", &machine, providers);
    for (size_t i = 0; i < count; i++)
        printf("provider %zu: %s\n", i + 1, providers[i]);
    return 0;
}
