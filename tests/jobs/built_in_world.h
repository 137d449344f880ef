/* A job of the table, run once on a store's world. */
#pragma once

#include "jobs/jobs.h"
#include "store/store_world.h"

/* Appends to `detail` what it did. */
static inline void run_built_in(struct store_world *world, const struct settings *settings, const struct job *job,
                                GString *detail)
{
    const struct scheduler_options options = {.store = world->store};
    g_autoptr(GError) error = NULL;
    const int is_cancelled = 0;
    struct job_context context = {world->store, settings,      &world->health, world->clock,
                                  NULL,         &is_cancelled, &options,       detail};
    job->run(&context, &error);
    g_assert_no_error(error);
}

static inline const struct job *find_built_in(const char *id)
{
    for (size_t i = 0; i < built_in_job_count; i++)
        if (strcmp(built_in_jobs[i].id, id) == 0)
            return &built_in_jobs[i];
    g_error("there is no job %s", id);
}
