/* Requests with what a login gave: in a header, or in cookies beside their CSRF token. */
#pragma once

#include "api_world.h"

#include "api/api_internal.h"

#define JSON "Content-Type: application/json\r\n"

static inline struct reply post(const struct api_world *world, const char *path, const char *headers, const char *body)
{
    g_autofree char *all = g_strconcat(JSON, headers, NULL);
    return world_request(world, "POST", path, all, body);
}

static inline int status_of(const struct api_world *world, const char *method, const char *path, const char *headers,
                            const char *body)
{
    g_autofree char *all = g_strconcat(body ? JSON : "", headers, NULL);
    struct reply reply = world_request(world, method, path, all, body);
    int status = reply.status;
    reply_clear(&reply);
    return status;
}

/* ---- browsers ---- */

struct browser {
    char *session, *refresh, *device; /* "name=value" */
    char *csrf;
};

static inline void browser_clear(struct browser *browser)
{
    g_free(browser->session);
    g_free(browser->refresh);
    g_free(browser->device);
    g_free(browser->csrf);
    *browser = (struct browser){0};
}

static inline char *take_cookie(const struct reply *reply, const char *name)
{
    g_autofree char *start = g_strdup_printf("Set-Cookie: %s=", name);
    const char *line = strstr(reply->head, start);
    if (!line)
        return NULL;
    g_autofree char *whole = g_strndup(line, strcspn(line, "\r"));
    g_assert_nonnull(strstr(whole, "HttpOnly"));
    g_assert_nonnull(strstr(whole, "SameSite=Strict"));
    return g_strndup(line + strlen("Set-Cookie: "), strcspn(line + strlen("Set-Cookie: "), ";"));
}

static inline struct browser browser_of(struct reply *reply)
{
    json_t *json = reply_json(reply);
    struct browser browser = {take_cookie(reply, "vedette_session"), take_cookie(reply, "vedette_refresh"),
                              take_cookie(reply, "vedette_device"),
                              g_strdup(json_string_value(json_object_get(json, "csrf_token")))};
    g_assert_null(json_object_get(json, "access_token"));
    json_decref(json);
    return browser;
}

static const char browser_login[] =
    "{\"username\":\"admin\",\"password\":\"" WORLD_PASSWORD "\",\"client\":\"browser\"}";

/* ---- users, sessions, keys ---- */

static inline char *bearer(const char *token)
{
    return g_strdup_printf("Authorization: Bearer %s\r\n", token);
}

static inline json_t *json_of(const struct api_world *world, const char *method, const char *path, const char *headers,
                              const char *body, int status)
{
    g_autofree char *all = g_strconcat(body ? JSON : "", headers, NULL);
    struct reply reply = world_request(world, method, path, all, body);
    g_test_message("%s %s: %s", method, path, reply.body->str);
    g_assert_cmpint(reply.status, ==, status);
    json_t *json = reply_json(&reply);
    reply_clear(&reply);
    return json;
}

static inline const char *text_of(const json_t *json, const char *name)
{
    return json_string_value(json_object_get(json, name));
}

#define CASE(name) g_test_add_func("/api_auth/" #name, test_##name)
