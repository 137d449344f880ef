/* A scheduler on a store of its own, and jobs that count, hold and fail. VEDETTE_TEST_STORE=postgres: in PostgreSQL. */
#pragma once

#include <glib.h>
#include <string.h>

#include "base/counter.h"
#include "jobs/jobs.h"
#include "store/store_internal.h"
#include "store/store_world.h"

static const int64_t HOUR_US = INT64_C(3600000000);

static int runs;    /* atomic: of count_run */
static int is_held; /* atomic: hold_run waits while it is set */
static int holding; /* atomic: hold_runs under way */
static const struct audit_by by_admin = {"default", "admin-id", "admin", NULL, NULL};

static inline bool count_run(struct job_context *context, GError **error)
{
    (void)error;
    g_atomic_int_inc(&runs);
    world_tell();
    g_string_append(context->detail, "counted");
    return true;
}

static inline bool hold_run(struct job_context *context, GError **error)
{
    g_atomic_int_inc(&holding);
    world_tell();
    while (g_atomic_int_get(&is_held) && !job_is_cancelled(context))
        world_pause(1);
    g_atomic_int_add(&holding, -1);
    if (!job_is_cancelled(context))
        return true;
    g_set_error_literal(error, VEDETTE_ERROR, VEDETTE_ERROR_CANCELLED, "told to stop");
    return false;
}

static inline bool fail_run(struct job_context *context, GError **error)
{
    (void)context;
    g_set_error_literal(error, VEDETTE_ERROR, VEDETTE_ERROR_IO, "the disk is on fire");
    return false;
}

/* Something fails, and it goes on with the rest until it is told to stop. */
static inline bool fail_and_hold_run(struct job_context *context, GError **error)
{
    return hold_run(context, NULL) || fail_run(context, error);
}

static const struct job counting[] = {
    {"count", "Counts", "0 * * * *", 600, 0, 1, MISFIRE_LATEST, OVERLAP_SKIP, count_run}};
static const struct job holding_job[] = {
    {"hold", "Holds", "0 * * * *", 600, 0, 1, MISFIRE_LATEST, OVERLAP_CANCEL, hold_run}};
static const struct job failing[] = {{"fail", "Fails", "0 * * * *", 600, 0, 1, MISFIRE_LATEST, OVERLAP_SKIP, fail_run}};

struct world {
    struct store_world store;
    struct settings settings;
};

static inline void world_begin(struct world *world)
{
    world_init(&world->store);
    record_init(&settings_descriptor, &world->settings);
    g_free(world->settings.jobs.time_zone);
    world->settings.jobs.time_zone = g_strdup("UTC");
    runs = is_held = holding = 0;
}

static inline void world_end(struct world *world)
{
    world_clear(&world->store);
    record_clear(&settings_descriptor, &world->settings);
}

static inline struct scheduler *start(struct world *world, const struct job *jobs, size_t count)
{
    g_autoptr(GError) error = NULL;
    const struct scheduler_options options = {
        jobs, count, world->store.store, &world->settings, &world->store.health, world->store.clock};
    struct scheduler *scheduler = scheduler_new(&options, &error);
    g_assert_no_error(error);
    return scheduler;
}

/* The states of a job's times, newest first: "done, skipped missed". */
static inline char *history(struct world *world, const char *job_id)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) list = store_runs_list(world->store.store, job_id, 0, 100, &error);
    g_assert_no_error(error);
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < list->len; i++) {
        const struct job_run *run = g_ptr_array_index(list, i);
        const char *reason = record_enum_name(skip_reason_names, run->reason);
        g_string_append_printf(text, "%s%s%s%s", i ? ", " : "", record_enum_name(run_state_names, run->state),
                               *reason ? " " : "", reason);
    }
    return g_string_free(text, FALSE);
}

static inline bool history_is(struct world *world, const char *job_id, const char *expected)
{
    g_autofree char *text = history(world, job_id);
    return strcmp(text, expected) == 0;
}

static inline bool is_idle(struct scheduler *scheduler)
{
    g_autoptr(GPtrArray) views = scheduler_list(scheduler, NULL);
    return ((const struct job_view *)g_ptr_array_index(views, 0))->running == 0;
}

struct scheduler_test {
    const char *name;
    void (*run)(void);
};
/* Runs the tests of one program; the exit status. */
static inline int world_main(int argc, char **argv, const struct scheduler_test *tests, size_t count)
{
    g_test_init(&argc, &argv, NULL);
    if (world_is_missing())
        return 0;
    for (size_t i = 0; i < count; i++) {
        g_autofree char *path = g_strconcat("/scheduler/", tests[i].name, NULL);
        g_test_add_func(path, tests[i].run);
    }
    return g_test_run();
}
