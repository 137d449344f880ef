/* Cameras by the API that cannot be watched after a restart: they are told of, and can be removed and mended. */
#include "api_world.h"

#include "store/cameras.h"

#define KEY_ONE "one:MTExMTExMTExMTExMTExMTExMTExMTExMTExMTExMTE="
#define CAMERAS "/api/v1/cameras"

static void use_keys(struct api_world *world, const char *keys)
{
    g_free(world->settings.policies.keys);
    world->settings.policies.keys = g_strdup(keys);
}

static void start(struct api_world *world)
{
    world_prepare(world);
    use_keys(world, KEY_ONE);
    world_start(world);
    world_login(world);
}

static struct reply ask(struct api_world *world, const char *method, const char *target, const char *body)
{
    g_autofree char *headers = g_strdup_printf("Authorization: Bearer %s\r\n", world->token);
    return world_request(world, method, target, headers, body);
}

static int status_of(struct api_world *world, const char *method, const char *target, const char *body)
{
    struct reply reply = ask(world, method, target, body);
    int status = reply.status;
    reply_clear(&reply);
    return status;
}

/* Its path; g_free. */
static char *create(struct api_world *world, const char *name)
{
    g_autofree char *body =
        g_strdup_printf("{\"name\":\"%s\",\"source\":\"rtsp://me:secret@10.0.0.9/%s\"}", name, name);
    struct reply reply = ask(world, "POST", CAMERAS, body);
    g_assert_cmpint(reply.status, ==, 201);
    json_t *camera = reply_json(&reply);
    char *path = g_strconcat(CAMERAS "/", json_string_value(json_object_get(camera, "id")), NULL);
    json_decref(camera);
    reply_clear(&reply);
    return path;
}

static const char *id_of(const char *path)
{
    return path + strlen(CAMERAS "/");
}

/* As the hub sees it: "user:password", or "left out", or "gone". g_free. */
static char *seen(struct api_world *world, const char *path)
{
    CLEANUP(camera_set) struct camera_set *set = live_cameras(world->live);
    const struct camera *camera = camera_set_find(set, id_of(path));
    if (!camera || !camera->enabled)
        return g_strdup(camera ? "left out" : "gone");
    return g_strdup_printf("%s:%s", camera->username, camera->password);
}

#define ASSERT_SEEN(world, path, as)                                                                                   \
    do {                                                                                                               \
        g_autofree char *seen_ = seen(world, path);                                                                    \
        g_assert_cmpstr(seen_, ==, as);                                                                                \
    } while (0)

/* The gauge, and what people are told of the whole. */
static void assert_left_out(struct api_world *world, int count)
{
    g_assert_cmpint(counter_get(&world->health.cameras_left_out), ==, count);
    struct reply reply = ask(world, "GET", "/health", NULL);
    g_assert_cmpint(strstr(reply.body->str, "cannot be watched") != NULL, ==, count > 0);
    reply_clear(&reply);
}

/* It is listed, and says why it is not watched. */
static void assert_told(struct api_world *world, const char *path, const char *why)
{
    const char *const targets[] = {path, CAMERAS};
    for (size_t i = 0; i < G_N_ELEMENTS(targets); i++) {
        struct reply reply = ask(world, "GET", targets[i], NULL);
        g_assert_cmpint(reply.status, ==, 200);
        g_assert_nonnull(strstr(reply.body->str, id_of(path)));
        g_assert_nonnull(strstr(reply.body->str, "\"state\":\"left_out\""));
        g_assert_nonnull(strstr(reply.body->str, why));
        reply_clear(&reply);
    }
}

static void test_what_cannot_be_read_can_be_mended(void)
{
    struct api_world world;
    start(&world);
    g_autofree char *path = create(&world, "yard");
    use_keys(&world, NULL);
    world_restart(&world);
    ASSERT_SEEN(&world, path, "left out");
    assert_left_out(&world, 1);
    assert_told(&world, path, "logins cannot be read");
    g_assert_cmpint(status_of(&world, "POST", CAMERAS, "{\"name\":\"yard\",\"source\":\"rtsp://h/\"}"), ==, 409);
    /* a change that leaves its login out would lose it */
    g_assert_cmpint(status_of(&world, "PATCH", path, "{\"name\":\"gate\"}"), ==, 409);
    use_keys(&world, KEY_ONE);
    world_restart(&world);
    ASSERT_SEEN(&world, path, "me:secret");
    assert_left_out(&world, 0);
    use_keys(&world, NULL);
    world_restart(&world);
    g_assert_cmpint(status_of(&world, "PATCH", path, "{\"username\":\"you\",\"password\":\"fresh\"}"), ==, 200);
    ASSERT_SEEN(&world, path, "you:fresh"); /* enabled, as it was */
    assert_left_out(&world, 0);
    world_restart(&world);
    ASSERT_SEEN(&world, path, "you:fresh");
    world_clear(&world);
}

static void test_what_cannot_be_read_can_be_removed(void)
{
    struct api_world world;
    start(&world);
    g_autofree char *path = create(&world, "yard");
    use_keys(&world, NULL);
    world_restart(&world);
    struct reply reply = ask(&world, "GET", path, NULL);
    g_autofree char *etag = reply_header(&reply, "ETag"),
                    *headers = g_strdup_printf("Authorization: Bearer %s\r\nIf-Match: %s\r\n", world.token, etag);
    reply_clear(&reply);
    g_assert_cmpint(world_status(&world, "DELETE", path, headers), ==, 204);
    ASSERT_SEEN(&world, path, "gone");
    assert_left_out(&world, 0);
    g_free(create(&world, "yard")); /* its name is free */
    world_clear(&world);
}

static void test_there_is_room_again(void)
{
    struct api_world world;
    start(&world);
    g_autofree char *first = create(&world, "a");
    clock_fake_advance_us(world.clock, 1000); /* they are in the order of their ids */
    g_autofree char *second = create(&world, "b");
    world.settings.managed_cameras.max_cameras = 1;
    world_restart(&world);
    ASSERT_SEEN(&world, first, "me:secret");
    ASSERT_SEEN(&world, second, "left out");
    assert_left_out(&world, 1);
    assert_told(&world, second, "managed_cameras.max_cameras");
    g_assert_cmpint(status_of(&world, "PATCH", second, "{\"password\":\"x\"}"), ==, 409);
    g_assert_cmpint(status_of(&world, "POST", CAMERAS, "{\"name\":\"c\",\"source\":\"rtsp://h/\"}"), ==, 409);
    g_assert_cmpint(status_of(&world, "DELETE", first, NULL), ==, 204);
    ASSERT_SEEN(&world, second, "me:secret");
    assert_left_out(&world, 0);
    world_clear(&world);
}

/* The settings' camera of this id is another org's, and stays. */
static void test_one_whose_id_the_settings_use_can_be_removed(void)
{
    struct api_world world;
    start(&world);
    g_autofree char *path = create(&world, "yard");
    world_add_camera(&world, id_of(path), "other");
    world_restart(&world);
    assert_left_out(&world, 1);
    g_assert_cmpint(status_of(&world, "PATCH", path, "{\"password\":\"x\"}"), ==, 409);
    g_assert_cmpint(status_of(&world, "DELETE", path, NULL), ==, 204);
    assert_left_out(&world, 0);
    ASSERT_SEEN(&world, path, "canary-camera-user:" WORLD_CAMERA_PASSWORD);
    g_assert_cmpint(status_of(&world, "DELETE", path, NULL), ==, 404);
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/cameras_left_out/what_cannot_be_read_can_be_mended", test_what_cannot_be_read_can_be_mended);
    g_test_add_func("/cameras_left_out/what_cannot_be_read_can_be_removed", test_what_cannot_be_read_can_be_removed);
    g_test_add_func("/cameras_left_out/there_is_room_again", test_there_is_room_again);
    g_test_add_func("/cameras_left_out/one_whose_id_the_settings_use_can_be_removed",
                    test_one_whose_id_the_settings_use_can_be_removed);
    return g_test_run();
}
