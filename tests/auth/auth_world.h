/* A store, a clock that is moved by hand, and an auth with one administrator. Hashes are made cheap. */
#pragma once

#include <glib.h>
#include <glib/gstdio.h>
#include <jansson.h>
#include <string.h>

#include "auth/auth.h"
#include "base/counter.h"
#include "directory.h"
#include "store/logins.h"
#include "user_world.h"

#define WORLD_PASSWORD "canary password 1"

static const int64_t world_start_ms = INT64_C(1767225600000); /* 2026-01-01T00:00:00Z */

struct auth_world {
    char *directory;
    struct settings settings;
    struct clock *clock;
    struct server_health health;
    struct store *store;
    struct auth *auth;
};

static inline void world_prepare(struct auth_world *world)
{
    *world = (struct auth_world){.directory = g_dir_make_tmp("vedette-auth-XXXXXX", NULL)};
    record_init(&settings_descriptor, &world->settings);
    g_free(world->settings.admin_password);
    world->settings.admin_password = g_strdup(WORLD_PASSWORD);
    world->settings.store.minimum_free_bytes = 0;
    world->settings.auth.password_memory_bytes = 65536;
    world->settings.auth.password_passes = 1;
    world->settings.auth.passwords_at_once = 64;
    world->clock = clock_fake_new(world_start_ms);
    g_autoptr(GError) error = NULL;
    world->store = store_open(world->directory, &world->settings.store, world->clock, &world->health, &error);
    g_assert_no_error(error);
}

static inline void world_start(struct auth_world *world)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *password = NULL;
    world->auth = auth_new(&world->settings, world->store, &world->health, world->clock, &password, &error);
    g_assert_no_error(error);
}

static inline void world_restart(struct auth_world *world)
{
    auth_free(world->auth);
    world_start(world);
}

static inline void world_init(struct auth_world *world)
{
    world_prepare(world);
    world_start(world);
}

static inline void world_clear(struct auth_world *world)
{
    auth_free(world->auth);
    store_close(world->store);
    record_clear(&settings_descriptor, &world->settings);
    clock_fake_free(world->clock);
    static const char *const names[] = {"vedette.db", "vedette.db-wal", "vedette.db-shm", "lock", "probe"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = g_build_filename(world->directory, names[i], NULL);
        g_unlink(path);
    }
    g_rmdir(world->directory);
    g_free(world->directory);
}

static inline void world_advance(struct auth_world *world, int64_t seconds)
{
    clock_fake_advance_us(world->clock, seconds * G_USEC_PER_SEC);
}

static const struct auth_origin world_here = {.address = "192.0.2.1", .user_agent = "test"};

/* 0: it went well; else the code of the error. */
static inline int world_login_from(struct auth_world *world, const char *username, const char *password,
                                   enum client_kind client, const struct auth_origin *origin, struct grant *grant)
{
    const struct login_request request = {(char *)(uintptr_t)username, (char *)(uintptr_t)password, client};
    struct login_limit limit;
    g_autoptr(GError) error = NULL;
    return auth_login(world->auth, &request, origin, grant, &limit, &error) ? 0 : error->code;
}

static inline struct grant world_login(struct auth_world *world, enum client_kind client)
{
    struct grant grant;
    g_assert_cmpint(world_login_from(world, "admin", WORLD_PASSWORD, client, &world_here, &grant), ==, 0);
    return grant;
}

/* The same, of what a token is worth. */
static inline int world_check(struct auth_world *world, const char *token)
{
    struct login login;
    g_autoptr(GError) error = NULL;
    if (!auth_check_token(world->auth, token, &login, &error))
        return error->code;
    login_clear(&login);
    return 0;
}

static inline int world_refresh(struct auth_world *world, const char *token, struct grant *grant)
{
    g_autoptr(GError) error = NULL;
    return auth_refresh(world->auth, token, &world_here, grant, &error) ? 0 : error->code;
}

static inline void world_change_admin(struct auth_world *world, void (*change)(struct user *user))
{
    struct user *user = store_user_find(world->store, "admin", NULL);
    change(user);
    g_assert_true(world_put_user(world->store, user, NULL));
    user_free(user);
}

static inline void world_disable(struct user *user)
{
    user->is_disabled = true;
}
static inline void world_demote(struct user *user)
{
    user->role = ROLE_VIEWER;
}
