#include "api_world.h"

#define LOG_MODULE "test"
#include "base/error_groups.h"
#include "base/log.h"
#include "store/audit.h"

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

/* What is written to stderr while levels are set; g_free. */
static char *logged_by_levels(const struct api_world *world, const char *levels)
{
    enum { LOG_BYTES = 4096 };
    int ends[2], kept = dup(STDERR_FILENO);
    char *logged = g_malloc0(LOG_BYTES);
    g_autofree char *body = g_strdup_printf("{\"levels\":\"%s\"}", levels);
    g_assert_cmpint(pipe(ends), ==, 0);
    dup2(ends[1], STDERR_FILENO);
    struct reply reply = put_levels(world, world->token, body);
    dup2(kept, STDERR_FILENO);
    close(ends[1]);
    close(kept);
    g_assert_cmpint(read(ends[0], logged, LOG_BYTES - 1), >, 0);
    close(ends[0]);
    g_assert_cmpint(reply.status, ==, 200);
    reply_clear(&reply);
    return logged;
}

static void start_with_one_camera(struct api_world *world)
{
    world_prepare(world);
    record_clear(&camera_descriptor, (struct camera *)world->settings.cameras.items + 1);
    world->settings.cameras.count = 1;
    world_start(world);
    world_login(world);
}

/* Who makes the log tell less is in it, and in the audit. */
static void test_levels_leave_a_trace(void)
{
    static const char *const steps[] = {"info", "error", "error,media=debug", "info"};
    struct api_world world;
    start_with_one_camera(&world);
    for (size_t i = 1; i < G_N_ELEMENTS(steps); i++) {
        g_autofree char *logged = logged_by_levels(&world, steps[i]),
                        *said = g_strdup_printf("%s instead of %s is asked for by admin", steps[i], steps[i - 1]);
        g_assert_nonnull(strstr(logged, said));
    }
    g_autoptr(GPtrArray) entries = store_audit_list(world.store, "default", 0, G_N_ELEMENTS(steps) - 1, NULL);
    for (guint i = 0; i < entries->len; i++) { /* newest first */
        const struct audit_view *entry = g_ptr_array_index(entries, i);
        size_t step = entries->len - i;
        g_autofree char *before = g_strdup_printf("{\"levels\":\"%s\"}", steps[step - 1]),
                        *after = g_strdup_printf("{\"levels\":\"%s\"}", steps[step]);
        g_assert_cmpint(entry->subject_kind, ==, AUDIT_SERVER);
        g_assert_cmpstr(entry->action, ==, "update");
        g_assert_cmpstr(entry->actor_name, ==, "admin");
        g_assert_cmpstr(entry->before.text, ==, before);
        g_assert_cmpstr(entry->after.text, ==, after);
    }
    g_assert_cmpuint(entries->len, ==, G_N_ELEMENTS(steps) - 1);
    world_clear(&world);
}

static void test_errors(void)
{
    struct api_world world;
    start_with_one_camera(&world);
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
    g_test_add_func("/observe/levels_leave_a_trace", test_levels_leave_a_trace);
    g_test_add_func("/observe/errors", test_errors);
    return g_test_run();
}
