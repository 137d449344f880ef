/* Logins by an OpenID Connect issuer, against one that is as strict as a real one and can be bent. */
#pragma once

#include "auth/auth_world.h"
#include "auth/fake_issuer.h"
#include "store/audit.h"

struct oidc_world {
    struct auth_world auth;
    struct issuer_bend bend;
    struct fake_issuer *issuer;
};

static inline void replace(char **text, const char *value)
{
    g_free(*text);
    *text = g_strdup(value);
}

static inline void oidc_world_prepare(struct oidc_world *world, enum role default_role)
{
    *world = (struct oidc_world){.bend = {.claims = NULL}};
    world->issuer = fake_issuer_start(&world->bend);
    world_prepare(&world->auth);
    struct oidc_settings *settings = &world->auth.settings.auth.oidc;
    replace(&settings->issuer, fake_issuer_address(world->issuer));
    replace(&settings->client_id, ISSUER_CLIENT);
    replace(&settings->client_secret, ISSUER_SECRET);
    replace(&settings->redirect_uri, ISSUER_REDIRECT);
    settings->default_role = default_role;
}

static inline void oidc_world_init(struct oidc_world *world, enum role default_role)
{
    oidc_world_prepare(world, default_role);
    world_start(&world->auth);
}

static inline void oidc_world_clear(struct oidc_world *world)
{
    world_clear(&world->auth);
    fake_issuer_stop(world->issuer);
}

/* ---- steps of a login: 0, or the code of the error ---- */

/* Each from an address of its own, so that none is one too many: tests/api has those that are. */
static inline int begin(struct oidc_world *world, char **address, char **state_token)
{
    static int number;
    g_autofree char *from = g_strdup_printf("198.18.0.%d", ++number);
    const struct auth_origin origin = {.address = from};
    struct login_limit limit;
    g_autoptr(GError) error = NULL;
    return auth_oidc_begin(world->auth.auth, &origin, address, state_token, &limit, &error) ? 0 : error->code;
}

static inline int finish_from(struct oidc_world *world, const struct auth_origin *origin, const char *state_token,
                              const struct issuer_return *back, struct grant *grant, struct login_limit *limit)
{
    g_autoptr(GError) error = NULL;
    return auth_oidc_finish(world->auth.auth, state_token, back->state, back->code, origin, grant, limit, &error)
               ? 0
               : error->code;
}

static inline int finish(struct oidc_world *world, const char *state_token, const struct issuer_return *back,
                         struct grant *grant)
{
    struct login_limit limit;
    return finish_from(world, &world_here, state_token, back, grant, &limit);
}

/* All of them; what the token is worth goes to *login when it is given. */
static inline int log_in(struct oidc_world *world, const char *subject, const char *name, struct login *login)
{
    g_autofree char *address = NULL, *state_token = NULL;
    int code = begin(world, &address, &state_token);
    if (code)
        return code;
    struct issuer_return back = fake_issuer_visit(world->issuer, address, subject, name);
    struct grant grant;
    code = finish(world, state_token, &back, &grant);
    issuer_return_clear(&back);
    if (!code && login)
        g_assert_true(auth_check_token(world->auth.auth, grant.access_token, login, NULL));
    grant_clear(&grant);
    return code;
}
