/* How many threads a worker gets: what the settings say, and where they leave it open the profile `vision` of this
 * machine. Main loop's thread.
 */
#include "hub/hub_internal.h"

#include "vedette/profile.h"

int tuning_count_sharers(const struct hub *hub)
{
    int count = 0;
    for (guint i = 0; i < hub->workers->len; i++)
        count += hub_worker_is_for_cameras(g_ptr_array_index(hub->workers, i));
    return MAX(count, 1);
}

/* Mathematics is shared among the workers that watch cameras: each has one model, and takes it for its part of the
 * cores. */
static struct vedette_machine worker_machine(const struct hub *hub)
{
    struct vedette_machine machine;
    vedette_machine_detect(&machine);
    machine.cores /= tuning_count_sharers(hub);
    return machine;
}

char **tuning_environment(const struct hub *hub, char **environment)
{
    const struct vedette_machine machine = worker_machine(hub);
    struct vedette_profile profile;
    struct vedette_profile_variable variables[VEDETTE_PROFILE_VARIABLES_MAX];
    if (!vedette_profile_get("vision", &machine, &profile))
        return environment;
    size_t count = vedette_profile_variables(&profile, &machine, variables);
    for (size_t i = 0; i < count; i++) {
        const char *said = g_getenv(variables[i].name); /* by the operator */
        environment = g_environ_setenv(environment, variables[i].name, said ? said : variables[i].value, TRUE);
    }
    return environment;
}

void tuning_fill(const struct hub *hub, struct worker_config *config)
{
    struct vedette_machine machine = worker_machine(hub);
    struct vedette_profile profile;
    if (!vedette_profile_get("vision", &machine, &profile))
        return;
    if (config->detector.threads == 0)
        config->detector.threads = profile.intra_op_threads;
    /* Cameras are no equal work: the analysers of each worker may take every core the others leave. */
    vedette_machine_detect(&machine);
    if (config->workers.threads == 0 && vedette_profile_get("vision", &machine, &profile))
        config->workers.threads = profile.analyser_threads;
}
