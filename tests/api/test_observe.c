#include "api_world.h"

#define LOG_MODULE "test"
#include "base/error_groups.h"
#include "base/log.h"

static struct reply put_levels(const struct api_world *world, const char *token, const char *body)
{
    g_autofree char *headers = g_strdup_printf("Authorization: Bearer %s\r\nContent-Type: application/json\r\n", token);
    return world_request(world, "PUT", "/api/v1/log-levels", headers, body);
}

static void test_levels(void)
{
    struct api_world world;
    world_init(&world);
    /* this world has another org's camera too, so that its administrator does not run the server */
    struct reply reply = put_levels(&world, world_login(&world), "{\"levels\":\"debug\"}");
    g_assert_cmpint(reply.status, ==, 403);
    reply_clear(&reply);
    world_clear(&world);
    world_prepare(&world);
    record_clear(&camera_descriptor, (struct camera *)world.settings.cameras.items + 1);
    world.settings.cameras.count = 1;
    world_start(&world);
    reply = put_levels(&world, world_login(&world), "{\"levels\":\"error,media=debug\"}");
    g_assert_cmpint(reply.status, ==, 200);
    reply_clear(&reply);
    g_assert_true(log_is_enabled(LOG_LEVEL_DEBUG, "media"));
    g_assert_false(log_is_enabled(LOG_LEVEL_INFO, "api"));
    static const char *const bad[] = {"{\"levels\":\"loud\"}", "{\"levels\":\"info,medai=debug\"}"};
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        reply = put_levels(&world, world.token, bad[i]);
        g_assert_cmpint(reply.status, ==, 400);
        g_assert_nonnull(strstr(reply.body->str, "\"path\":\"levels\""));
        reply_clear(&reply);
    }
    reply = world_get(&world, "/api/v1/log-levels", world.token);
    g_assert_nonnull(strstr(reply.body->str, "\"error,media=debug\""));
    reply_clear(&reply);
    g_assert_true(log_set_levels("info", NULL));
    world_clear(&world);
}

static void test_errors(void)
{
    struct api_world world;
    world_prepare(&world);
    record_clear(&camera_descriptor, (struct camera *)world.settings.cameras.items + 1);
    world.settings.cameras.count = 1;
    world_start(&world);
    world_login(&world);
    error_groups_clear();
    for (int i = 0; i < 3; i++)
        log_error("door", "thing %d broke", i);
    struct reply reply = world_get(&world, "/api/v1/errors", world.token);
    g_assert_cmpint(reply.status, ==, 200);
    json_t *json = reply_json(&reply), *item = json_array_get(json_object_get(json, "items"), 0);
    g_assert_cmpint(json_integer_value(json_object_get(item, "count")), ==, 3);
    g_assert_cmpstr(json_string_value(json_object_get(item, "words")), ==, "thing %d broke");
    g_assert_cmpstr(json_string_value(json_object_get(item, "sample")), ==, "thing 2 broke");
    g_assert_cmpstr(json_string_value(json_object_get(item, "subject")), ==, "door");
    json_decref(json);
    reply_clear(&reply);
    reply = world_get(&world, "/api/v1/errors", NULL);
    g_assert_cmpint(reply.status, ==, 401);
    reply_clear(&reply);
    error_groups_clear();
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/observe/levels", test_levels);
    g_test_add_func("/observe/errors", test_errors);
    return g_test_run();
}
