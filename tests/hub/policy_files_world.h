/* Servers that watch directories of policy files, and what stands in their store. */
#pragma once

#include <stdatomic.h>

#include "../store/store_world.h"
#include "hub/policy_files.h"
#include "store/places.h"

enum { DEADLINE_SECONDS = 60 };

struct files_world {
    struct store_world store;
    struct settings settings;
    struct camera_roster *roster; /* NULL: no cameras */
    struct policy_keeper *keeper;
    struct policy_files *files;
    void (*changed)(void *world);  /* what is in force is another; as policy_keeper_config has it */
    atomic_bool has_part, has_all; /* `changed` may say of what it saw */
    char *directory;
    const char *source;
    double poll_seconds;
};

static const struct policy_name safety = {{NULL}, POLICY_SAFETY, NULL};

static inline void open_keeper(struct files_world *world)
{
    g_autoptr(GError) error = NULL;
    const struct policy_keeper_config config = {.store = world->store.store,
                                                .settings = &world->settings,
                                                .clock = world->store.clock,
                                                .roster = world->roster,
                                                .changed = world->changed,
                                                .data = world};
    world->keeper = policy_keeper_new(&config, &error);
    g_assert_no_error(error);
}

static inline void start(struct files_world *world)
{
    *world = (struct files_world){
        .directory = g_dir_make_tmp("vedette-files-XXXXXX", NULL), .source = "one", .poll_seconds = 0};
    world_init(&world->store);
    record_init(&settings_descriptor, &world->settings);
    open_keeper(world);
}

/* Once it has looked. */
static inline void watch_files(struct files_world *world)
{
    g_autoptr(GError) error = NULL;
    policy_files_first_look_ms = DEADLINE_SECONDS * 1000;
    const struct policy_files_config config = {world->directory, world->source, world->poll_seconds, world->store.store,
                                               world->keeper};
    world->files = policy_files_new(&config, &error);
    g_assert_no_error(error);
    g_assert_true(policy_files_start(world->files, &error));
    policy_files_first_look_ms = POLICY_FILES_FIRST_LOOK_MS;
}

/* Another run, which knows what the store does. */
static inline void restart(struct files_world *world)
{
    g_clear_pointer(&world->files, policy_files_free);
    policy_keeper_free(world->keeper);
    open_keeper(world);
}

static inline void end(struct files_world *world)
{
    policy_files_free(world->files);
    policy_keeper_free(world->keeper);
    camera_roster_free(world->roster);
    record_clear(&settings_descriptor, &world->settings);
    world_clear(&world->store);
    remove_directory(world->directory);
    g_free(world->directory);
}

static inline void make_org(struct files_world *world, const char *id)
{
    g_autoptr(GError) error = NULL;
    struct org org = {.id = g_strdup(id), .name = g_strdup(id)};
    const struct audit_by by = {"default", "u1", "ann", NULL, "test"};
    store_org_create(world->store.store, &org, &by, &error);
    g_assert_no_error(error);
    record_clear(&org_descriptor, &org);
}

static inline void write_file(struct files_world *world, const char *name, const char *text)
{
    g_autofree char *path = g_build_filename(world->directory, name, NULL), *folder = g_path_get_dirname(path);
    g_assert_cmpint(g_mkdir_with_parents(folder, 0700), ==, 0);
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

static inline void remove_file(struct files_world *world, const char *name)
{
    g_autofree char *path = g_build_filename(world->directory, name, NULL);
    g_assert_cmpint(g_unlink(path), ==, 0);
}

/* What stands in the store; "": nothing, or it cannot be read. */
static inline char *stored_as(struct files_world *world, const struct policy_name *name)
{
    struct service_policy *policy = policy_keeper_find(world->keeper, name, NULL);
    char *text = g_strdup(policy ? policy->config.text : "");
    service_policy_free(policy);
    return text;
}

static inline bool is_so(struct files_world *world, const struct policy_name *name, const char *config, size_t refused)
{
    g_autofree char *text = stored_as(world, name);
    return strcmp(text, config) == 0 && policy_files_refused(world->files) == refused;
}

/* Nobody turns a main loop: the watch has a thread of its own. */
static inline void wait_for_policy(struct files_world *world, const struct policy_name *name, const char *config,
                                   size_t refused)
{
    gint64 until_us = g_get_monotonic_time() + DEADLINE_SECONDS * G_USEC_PER_SEC;
    while (!is_so(world, name, config, refused) && g_get_monotonic_time() < until_us)
        g_usleep(1000);
    g_autofree char *text = stored_as(world, name);
    g_assert_cmpstr(text, ==, config);
    g_assert_cmpuint(policy_files_refused(world->files), ==, refused);
}

static inline void wait_for(struct files_world *world, const char *config, size_t refused)
{
    wait_for_policy(world, &safety, config, refused);
}

static inline void change_by_api(struct files_world *world, enum policy_action action, const char *body)
{
    struct policy_changed changed;
    struct record_errors errors;
    g_autoptr(GError) error = NULL;
    record_errors_init(&errors);
    const struct policy_change change = {.name = safety,
                                         .action = action,
                                         .body = body,
                                         .expected_version = -1,
                                         .by = {"default", "u1", "ann", NULL, "by hand"}};
    policy_keeper_change(world->keeper, &change, &changed, &errors, &error);
    g_assert_no_error(error);
    policy_changed_clear(&changed);
    record_errors_clear(&errors);
}

static inline void put_by_api(struct files_world *world, const char *body)
{
    change_by_api(world, POLICY_PUT, body);
}

/* A look's outcome is noted when it ends, after what it did is in force. */
static inline void wait_for_refused(struct files_world *world, size_t refused)
{
    gint64 until_us = g_get_monotonic_time() + DEADLINE_SECONDS * G_USEC_PER_SEC;
    while (policy_files_refused(world->files) != refused && g_get_monotonic_time() < until_us)
        g_usleep(1000);
    g_assert_cmpuint(policy_files_refused(world->files), ==, refused);
}

static inline void wait_for_retention(struct files_world *world, bool is_known)
{
    gint64 until_us = g_get_monotonic_time() + DEADLINE_SECONDS * G_USEC_PER_SEC;
    while (policy_keeper_check_retention(world->keeper, NULL) != is_known && g_get_monotonic_time() < until_us)
        g_usleep(1000);
    g_assert_cmpint(policy_keeper_check_retention(world->keeper, NULL), ==, is_known);
}
